#include <QtTest>

#include <cmath>
#include <sstream>

#include <nlohmann/json.hpp>

#include "core/base/parallel.h"
#include "core/model/evaluation/evaluate.h"
#include "tests/support/opened_model.h"
#include "tests/support/temp_folder.h"

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

/// Peak resident memory of this process in bytes.
std::uint64_t peakBytes() {
  std::istringstream status(qs::test::readFile("/proc/self/status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

/// A Llama of zeros that takes no room on the disk: its file is one hole.
class SparseModel {
 public:
  explicit SparseModel(std::size_t blocks) {
    add("model.embed_tokens.weight", {kVocab, kHidden});
    for (std::size_t i = 0; i < blocks; ++i) addBlock("model.layers." + std::to_string(i) + ".");
    add("model.norm.weight", {kHidden});
    add("lm_head.weight", {kVocab, kHidden});
    write(blocks);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return m_folder.path(); }
  [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }

 private:
  static constexpr std::uint64_t kVocab = 32000;
  static constexpr std::uint64_t kHidden = 2048;
  static constexpr std::uint64_t kInner = 8192;

  void add(const std::string& name, const std::vector<std::uint64_t>& shape) {
    std::uint64_t size = 2;
    for (const std::uint64_t n : shape) size *= n;
    m_header[name] = {{"dtype", "F16"}, {"shape", shape}, {"data_offsets", {m_bytes, m_bytes + size}}};
    m_bytes += size;
  }
  void addBlock(const std::string& prefix) {
    for (const char* name : {"q", "k", "v", "o"})
      add(prefix + "self_attn." + name + "_proj.weight", {kHidden, kHidden});
    for (const char* name : {"gate", "up"}) add(prefix + "mlp." + name + "_proj.weight", {kInner, kHidden});
    add(prefix + "mlp.down_proj.weight", {kHidden, kInner});
    for (const char* name : {"input", "post_attention"}) add(prefix + name + "_layernorm.weight", {kHidden});
  }
  void write(std::size_t blocks) {
    const nlohmann::json config{{"model_type", "llama"},        {"vocab_size", kVocab},
                                {"hidden_size", kHidden},       {"intermediate_size", kInner},
                                {"num_hidden_layers", blocks},  {"num_attention_heads", 16},
                                {"max_position_embeddings", 64}};
    m_folder.write("config.json", config.dump());
    std::string header = m_header.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = header.size();
    std::string start(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) start[i] = static_cast<char>((length >> (8 * i)) & 0xFFU);
    const auto file = m_folder.write("model.safetensors", start + header);
    std::filesystem::resize_file(file, 8 + length + m_bytes);
  }

  qs::test::TempFolder m_folder;
  nlohmann::json m_header = nlohmann::json::object();
  std::uint64_t m_bytes = 0;
};

}  // namespace

class TestModelMemory : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void twoGibibytesRunInLessThanOne() {
    const SparseModel sparse(16);
    QVERIFY(sparse.bytes() >= 2 * kGiB);
    const qs::test::OpenedModel opened(sparse.path());
    std::vector<int> ids;
    for (int i = 0; i < 64; ++i) ids.push_back(i * 499 % 32000);
    const qs::TokenWindows windows = qs::cutWindows(ids, opened.spec, std::nullopt, {.window = 32}, "text");
    qs::Evaluation result;
    qs::inWorkerArena({.threads = 2}, [&] { result = qs::evaluate(opened.runner, windows, nullptr, {}); });
    // Zeros make every token equally likely.
    QVERIFY(std::abs(result.perplexity / 32000.0 - 1) < 1e-5);
    qInfo("peak %.0f MiB", static_cast<double>(peakBytes()) / (1 << 20));
    QVERIFY(peakBytes() < kGiB);
  }
};

QTEST_APPLESS_MAIN(TestModelMemory)
#include "tst_model_memory.moc"
