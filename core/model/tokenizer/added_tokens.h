#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qs {

/// A token that is found in the text before anything else happens.
struct AddedToken {
  int id = 0;
  std::string content;
  bool singleWord = false;  ///< only where no letter, digit or underscore touches it
  bool stripsLeft = false;  ///< takes the white space before it along
  bool stripsRight = false;
  bool normalized = false;  ///< looked for in the normalized text
  bool special = false;
};

/// A part of a text: an added token (id >= 0), or text in between (id −1).
struct TextPart {
  int id = -1;
  std::string_view text;
};

/// Cuts text at added tokens, the longest at each place first. Immutable and thread-safe.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);
  [[nodiscard]] bool empty() const { return m_tokens.empty(); }
  [[nodiscard]] std::vector<TextPart> split(std::string_view text) const;

 private:
  struct Place {
    std::size_t begin;
    std::size_t end;
  };
  [[nodiscard]] const AddedToken* longestAt(std::string_view text, std::size_t at) const;
  [[nodiscard]] static Place grown(const AddedToken& token, std::string_view text, std::size_t at, std::size_t done);

  std::vector<AddedToken> m_tokens;
  std::unordered_map<char, std::vector<std::size_t>> m_byFirst;  ///< longest first
};

}  // namespace qs
