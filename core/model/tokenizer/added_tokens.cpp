#include "core/model/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

namespace qs {

namespace {

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool isWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool standsAlone(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin == 0 || !isWord(text[begin - 1])) && (end == text.size() || !isWord(text[end]));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : m_tokens(std::move(tokens)) {
  std::erase_if(m_tokens, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(m_tokens.begin(), m_tokens.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  for (std::size_t i = 0; i < m_tokens.size(); ++i) m_byFirst[m_tokens[i].content.front()].push_back(i);
}

const AddedToken* AddedTokens::longestAt(std::string_view text, std::size_t at) const {
  const auto candidates = m_byFirst.find(text[at]);
  if (candidates == m_byFirst.end()) return nullptr;
  for (const std::size_t index : candidates->second) {
    const AddedToken& token = m_tokens[index];
    if (!text.substr(at).starts_with(token.content)) continue;
    if (!token.singleWord || standsAlone(text, at, at + token.content.size())) return &token;
  }
  return nullptr;
}

AddedTokens::Place AddedTokens::grown(const AddedToken& token, std::string_view text, std::size_t at,
                                      std::size_t done) {
  Place place{at, at + token.content.size()};
  while (token.stripsLeft && place.begin > done && isSpace(text[place.begin - 1])) --place.begin;
  while (token.stripsRight && place.end < text.size() && isSpace(text[place.end])) ++place.end;
  return place;
}

std::vector<TextPart> AddedTokens::split(std::string_view text) const {
  if (m_tokens.empty()) return {{-1, text}};
  std::vector<TextPart> parts;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = longestAt(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    const Place place = grown(*token, text, at, done);
    if (place.begin > done) parts.push_back({-1, text.substr(done, place.begin - done)});
    parts.push_back({token->id, text.substr(place.begin, place.end - place.begin)});
    done = at = place.end;
  }
  if (done < text.size()) parts.push_back({-1, text.substr(done)});
  return parts;
}

}  // namespace qs
