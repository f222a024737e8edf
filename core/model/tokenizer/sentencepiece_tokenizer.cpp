#include "core/model/tokenizer/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include "core/base/error.h"
#include "core/model/tokenizer/utf8.h"

namespace qs {

namespace {

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(const std::filesystem::path& file, const TokenizerConfig& config) {
    const auto status = m_processor.Load(file.string());
    if (!status.ok()) throw inputError(file.string(), "not a SentencePiece model");
    m_limit = static_cast<std::size_t>(m_processor.GetPieceSize());
    const int named = config.bosToken.empty() ? -1 : m_processor.PieceToId(config.bosToken);
    const int own = m_processor.bos_id();
    if (named >= 0 && !m_processor.IsUnknown(named)) {
      m_bosId = named;
    } else if (own >= 0) {
      m_bosId = own;
    }
    // The class's own default holds where the configuration is silent: Llama and Gemma begin texts with BOS.
    const bool classAddsBos = config.tokenizerClass.find("Llama") != std::string::npos ||
                              config.tokenizerClass.find("Gemma") != std::string::npos;
    m_addsBos = m_bosId && config.addsBos.value_or(classAddsBos);
  }

  std::vector<int> encode(std::string_view text, const RunContext& context) const override {
    if (const auto invalid = firstInvalidUtf8(text))
      throw inputError("text", "not valid UTF-8 (byte " + std::to_string(*invalid) + ")");
    context.throwIfStopped();
    std::vector<int> ids;
    const auto status = m_processor.Encode({text.data(), text.size()}, &ids);
    if (!status.ok()) throw failedError("text", "SentencePiece could not tokenize it");
    return ids;
  }

  std::string decode(std::span<const int> ids) const override {
    std::vector<int> known;
    for (const int id : ids)
      if (id >= 0 && static_cast<std::size_t>(id) < m_limit) known.push_back(id);
    std::string text;
    const auto status = m_processor.Decode(known, &text);
    if (!status.ok()) throw failedError("tokens", "SentencePiece could not decode them");
    return text;
  }

  std::string tokenText(int id) const override {
    return id >= 0 && static_cast<std::size_t>(id) < m_limit ? m_processor.IdToPiece(id) : std::string();
  }
  std::size_t idLimit() const override { return m_limit; }
  std::optional<int> bosId() const override { return m_bosId; }
  bool addsBos() const override { return m_addsBos; }

 private:
  sentencepiece::SentencePieceProcessor m_processor;
  std::size_t m_limit = 0;
  std::optional<int> m_bosId;
  bool m_addsBos = false;
};

}  // namespace

TokenizerPtr openSentencePiece(const std::filesystem::path& file, const TokenizerConfig& config) {
  return std::make_shared<SentencePieceTokenizer>(file, config);
}

}  // namespace qs
