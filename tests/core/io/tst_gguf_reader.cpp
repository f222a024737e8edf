#include <QtTest>

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/io/formats/gguf_file.h"
#include "core/io/formats/gguf_names.h"
#include "core/io/reader_registry.h"
#include "core/kernels/block_decode.h"
#include "tests/support/allocation_meter.h"
#include "tests/support/comma_locale.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/opening_error.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using qs::test::GgufBuilder;

namespace {

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_0 = 2;

// A row of the corrupt-file table: how the file is made, and the field that the error must name.
void lie(const char* row, const GgufBuilder& builder, const char* field) {
  QTest::newRow(row) << QByteArray::fromStdString(builder.bytes()) << QString(field);
}

// One F32 tensor of 8 values, everything right.
GgufBuilder good() {
  GgufBuilder builder;
  builder.counts(1, 1).textPair("general.architecture", "none").tensor("a", {8}, kF32, 0).pad().zeros(32);
  return builder;
}

// A file of a split model, with one tensor.
GgufBuilder splitPart(std::uint16_t number, std::uint16_t count, std::uint32_t tensors, std::string_view tensor) {
  GgufBuilder builder;
  builder.counts(1, 3)
      .u16Pair("split.no", number)
      .u16Pair("split.count", count)
      .u32Pair("split.tensors.count", tensors)
      .tensor(tensor, {8}, kF32, 0)
      .pad()
      .zeros(32);
  return builder;
}

std::string modelsFolder() { return (qs::test::sharedModelsFolder() / "").string(); }

}  // namespace

class TestGgufReader : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void liesAreRejected_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("field");
    const std::uint64_t huge = ~std::uint64_t{0};
    QTest::newRow("an empty file") << QByteArray() << "magic";
    QTest::newRow("another magic") << QByteArray("GGML\3\0\0\0", 8) << "magic";
    QTest::newRow("ends within the version") << QByteArray("GGUF\3", 5) << "version";
    lie("the dead version 1", GgufBuilder(1).counts(0, 0), "version");
    lie("a version of the future", GgufBuilder(4).counts(0, 0), "version");
    lie("big-endian", GgufBuilder(0x03000000U).counts(0, 0), "big-endian");
    lie("big-endian version 2", GgufBuilder(0x02000000U).counts(0, 0), "big-endian");
    QTest::newRow("ends before the counts") << QByteArray("GGUF\3\0\0\0", 8) << "tensor count";
    lie("a huge tensor count", GgufBuilder().counts(huge, 0), "tensor count");
    lie("a huge metadata count", GgufBuilder().counts(0, huge), "metadata count");
    lie("more pairs than bytes", GgufBuilder().counts(0, 3).textPair("a", "b"), "metadata count");
    lie("a key past the end", GgufBuilder().counts(0, 1).number<std::uint64_t>(1000).raw("abcdefgh"), "key 0");
    lie("a key with a length near 2^64", GgufBuilder().counts(0, 1).number(huge).zeros(32), "key 0");
    lie("an empty key", GgufBuilder().counts(0, 1).u32Pair("", 1), "empty");
    lie("a key that occurs twice", GgufBuilder().counts(0, 2).u32Pair("a", 1).u32Pair("a", 1), "occurs twice");
    lie("an unknown value type", GgufBuilder().counts(0, 1).text("a").number<std::uint32_t>(13).zeros(8), "value type");
    lie("a value past the end", GgufBuilder().counts(0, 1).text("abcdef").number<std::uint32_t>(10), "value");
    lie("a bool of 2", GgufBuilder().counts(0, 1).text("a").number<std::uint32_t>(7).raw("\2"), "bool");
    lie("a string past the end", GgufBuilder().counts(0, 1).text("a").number<std::uint32_t>(8).number(huge), "string");
    const auto array = [](std::uint32_t element, std::uint64_t count) {
      GgufBuilder builder;
      builder.counts(0, 1).text("a").number<std::uint32_t>(9).number(element).number(count);
      return builder;
    };
    lie("an array of arrays", array(9, 1).zeros(16), "arrays of arrays");
    lie("an array of an unknown type", array(99, 1).zeros(16), "element type");
    lie("an array of more elements than bytes", array(4, 1000).zeros(16), "array count");
    lie("an array whose bytes overflow", array(10, (std::uint64_t{1} << 61U) + 1).zeros(16), "array count");
    lie("an array of strings past the end", array(8, 1).number(huge), "string");
    lie("an array of too many strings", array(8, 1000).zeros(64), "array count");
    lie("an array with a bool of 7", array(7, 2).raw("\1\7"), "bool");
    const auto aligned = [](std::uint32_t alignment) {
      GgufBuilder builder;
      builder.counts(1, 1).u32Pair("general.alignment", alignment).tensor("a", {8}, kF32, 0).pad().zeros(64);
      return builder;
    };
    lie("alignment zero", aligned(0), "general.alignment");
    lie("an odd alignment", aligned(33), "general.alignment");
    lie("an alignment that is no power of two", aligned(24), "general.alignment");
    lie("an alignment of 4", aligned(4), "general.alignment");
    lie("an alignment of another type", GgufBuilder().counts(0, 1).textPair("general.alignment", "32"),
        "general.alignment");
    const auto tensor = [](std::string_view name, std::initializer_list<std::uint64_t> dims, std::uint32_t type,
                           std::uint64_t offset) {
      GgufBuilder builder;
      builder.counts(1, 0).tensor(name, dims, type, offset).pad().zeros(64);
      return builder;
    };
    lie("an empty tensor name", tensor("", {8}, kF32, 0), "name");
    lie("a tensor name of 64 bytes", tensor(std::string(64, 'n'), {8}, kF32, 0), "name");
    lie("five dimensions", tensor("a", {1, 1, 1, 1, 8}, kF32, 0), "dimensions");
    for (const std::uint32_t removed : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U})
      lie(("the removed type " + std::to_string(removed)).c_str(), tensor("a", {32}, removed, 0),
          ("type " + std::to_string(removed) + ", which was removed").c_str());
    using Named = std::pair<std::uint32_t, const char*>;
    for (const auto& [id, type] :
         {Named{9, "Q8_1"}, Named{15, "Q8_K"}, Named{17, "IQ2_XS"}, Named{18, "IQ3_XXS"}, Named{19, "IQ1_S"},
          Named{21, "IQ3_S"}, Named{22, "IQ2_S"}, Named{29, "IQ1_M"}, Named{34, "TQ1_0"}, Named{35, "TQ2_0"}})
      lie((std::string("the undecoded type ") + type).c_str(), tensor("a", {256}, id, 0), type);
    lie("a type that is known but not decoded", tensor("a", {256}, 16, 0), "IQ2_XXS");
    lie("a type of the future", tensor("a", {8}, 1000, 0), "type 1000");
    lie("a row that is no whole block", tensor("a", {33}, kQ4_0, 0), "multiple of 32");
    lie("dimensions whose product is 2^64", tensor("a", {std::uint64_t{1} << 32U, std::uint64_t{1} << 32U}, kF32, 0),
        "overflow");
    lie("a negative dimension", tensor("a", {huge}, kF32, 0), "overflow");
    lie("a huge dimension before a zero", tensor("a", {huge, 0}, kF32, 0), "overflow");
    lie("bytes that overflow", tensor("a", {std::uint64_t{1} << 62U}, kF32, 0), "overflow");
    lie("a first offset that is not 0", tensor("a", {8}, kF32, 32), "offset");
    lie("an offset near 2^64", tensor("a", {8}, kF32, huge - 31), "offset");
    lie("data past the end", tensor("a", {1000}, kF32, 0), "bytes");
    lie("no data at all", GgufBuilder().counts(1, 0).tensor("a", {8}, kF32, 0), "data section");
    const auto two = [](std::string_view second, std::uint64_t offset) {
      GgufBuilder builder;
      builder.counts(2, 0).tensor("a", {8}, kF32, 0).tensor(second, {8}, kF32, offset).pad().zeros(96);
      return builder;
    };
    lie("two tensors of one name", two("a", 32), "occurs twice");
    lie("overlapping tensors", two("b", 0), "offset");
    lie("a gap between tensors", two("b", 64), "offset");
    lie("a file that ends within the last tensor", GgufBuilder().counts(1, 0).tensor("a", {8}, kF32, 0).pad().zeros(31),
        "bytes");
    lie("ends within a tensor's entry", GgufBuilder().counts(1, 0).text("abc").number<std::uint32_t>(1).zeros(12), "");
    for (std::size_t length = 8; length < good().bytes().size() - 1; length += 7)
      QTest::addRow("a good file cut to %zu bytes", length)
          << QByteArray(good().bytes().data(), static_cast<qsizetype>(length)) << "";
  }
  void liesAreRejected() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, field);
    const test::TempFolder folder;
    const auto path = folder.write("lie.gguf", {bytes.constData(), static_cast<std::size_t>(bytes.size())});
    const test::OpeningError error = test::openingError(path);
    const QString message = QString::fromStdString(error.message);
    QVERIFY2(message.contains("lie.gguf") && message.contains(field), error.message.c_str());
    QVERIFY2(!message.startsWith("wrong kind"), error.message.c_str());
    QVERIFY2(error.peakBytes <= test::mostMemoryFor(static_cast<std::uint64_t>(bytes.size())),
             std::to_string(error.peakBytes).c_str());
  }

  void aSplitModelIsReadWhole() {
    const test::TempFolder folder;
    const auto first = folder.write("m-00001-of-00002.gguf", splitPart(0, 2, 2, "a").bytes());
    const auto second = folder.write("m-00002-of-00002.gguf", splitPart(1, 2, 2, "b").bytes());
    for (const auto& path : {first, second}) {
      const auto model = openCheckpoint(path);
      QCOMPARE(model->tensors().size(), std::size_t{2});
      QCOMPARE(model->require("b").file, std::string("m-00002-of-00002.gguf"));
      QCOMPARE(model->contents().files.size(), std::size_t{2});
      QCOMPARE(model->load(model->require("b")).values()[7], 0.0F);
    }
  }

  void splitFilesThatDontBelongTogetherAreRefused_data() {
    QTest::addColumn<QByteArray>("second");
    QTest::addColumn<QString>("field");
    lie("another number", splitPart(0, 2, 2, "b"), "split.no");
    lie("another count", splitPart(1, 3, 2, "b"), "split.count");
    lie("a tensor of the first file", splitPart(1, 2, 2, "a"), "occurs in another file");
    lie("no numbers", good(), "split.no");
    lie("more tensors than said",
        GgufBuilder()
            .counts(2, 2)
            .u16Pair("split.no", 1)
            .u16Pair("split.count", 2)
            .tensor("b", {8}, kF32, 0)
            .tensor("c", {8}, kF32, 32)
            .pad()
            .zeros(64),
        "split.tensors.count");
    QTest::newRow("nothing") << QByteArray() << "m-00002-of-00002.gguf";
  }
  void splitFilesThatDontBelongTogetherAreRefused() {
    QFETCH(QByteArray, second);
    QFETCH(QString, field);
    const test::TempFolder folder;
    const auto first = folder.write("m-00001-of-00002.gguf", splitPart(0, 2, 2, "a").bytes());
    if (!second.isEmpty()) folder.write("m-00002-of-00002.gguf", second.toStdString());
    const std::string message = test::openingError(first).message;
    QVERIFY2(QString::fromStdString(message).contains(field), message.c_str());
  }

  void aSplitFileUnderAnotherNameIsRefused() {
    const test::TempFolder folder;
    const std::string message = test::openingError(folder.write("m.gguf", splitPart(0, 2, 2, "a").bytes())).message;
    QVERIFY2(message.find("file name") != std::string::npos, message.c_str());
  }

  void ropeFactorsBeyondAHeadAreRefused() {
    GgufBuilder builder;
    builder.counts(1, 6)
        .textPair("general.architecture", "llama")
        .u32Pair("llama.context_length", 8)
        .u32Pair("llama.embedding_length", 8)
        .u32Pair("llama.block_count", 1)
        .u32Pair("llama.feed_forward_length", 8)
        .u32Pair("llama.attention.head_count", 1)
        .tensor("rope_freqs.weight", {1U << 16U}, kF32, 0)
        .pad()
        .zeros(4U << 16U);
    const test::TempFolder folder;
    const std::string message = test::openingError(folder.write("m.gguf", builder.bytes())).message;
    QVERIFY2(message.find("rope_freqs.weight") != std::string::npos, message.c_str());
  }

  void theUnchangedFileLoads() {
    const test::TempFolder folder;
    const auto model = openCheckpoint(folder.write("good.gguf", good().bytes()));
    QCOMPARE(model->tensors().size(), std::size_t{1});
    QCOMPARE(model->require("a").info.shape, (Shape{8}));
  }

  void oddButLegalFilesLoad_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("field");
    lie("no tensors and no metadata", GgufBuilder().counts(0, 0), "");
    lie("version 2", GgufBuilder(2).counts(1, 0).tensor("a", {8}, kF32, 0).pad().zeros(32), "");
    lie("a scalar", GgufBuilder().counts(1, 0).tensor("a", {}, kF32, 0).pad().zeros(4), "");
    lie("an empty tensor", GgufBuilder().counts(1, 0).tensor("a", {0}, kF32, 0).pad(), "");
    lie("alignment 64",
        GgufBuilder()
            .counts(2, 1)
            .u32Pair("general.alignment", 64)
            .tensor("a", {8}, kF32, 0)
            .tensor("b", {8}, kF32, 64)
            .pad(64)
            .zeros(96),
        "");
    lie("an unknown architecture", good(), "");
  }
  void oddButLegalFilesLoad() {
    QFETCH(QByteArray, bytes);
    const test::TempFolder folder;
    (void)openCheckpoint(folder.write("odd.gguf", {bytes.constData(), static_cast<std::size_t>(bytes.size())}));
  }

  void metadataIsShownByItsType() {
    const test::CommaLocale locale;  // where the machine has one
    const test::TempFolder folder;
    GgufBuilder builder;
    builder.counts(0, 8);
    builder.pair("u64", 10, ~std::uint64_t{0}).pair("i64", 11, std::int64_t{-9'007'199'254'740'993});
    builder.pair("above 2^53", 10, std::uint64_t{9'007'199'254'740'993}).pair("i8", 1, std::int8_t{-3});
    builder.pair("f32", 6, 0.1F).pair("f64", 12, 1e-300).pair("inf", 6, -HUGE_VALF).pair("whole", 6, 10000.0F);
    const auto model = openCheckpoint(folder.write("a.gguf", builder.bytes()));
    const auto& shown = model->contents().metadata;
    QCOMPARE(shown.at("u64"), std::string("18446744073709551615"));
    QCOMPARE(shown.at("i64"), std::string("-9007199254740993"));
    QCOMPARE(shown.at("above 2^53"), std::string("9007199254740993"));
    QCOMPARE(shown.at("i8"), std::string("-3"));
    QCOMPARE(shown.at("f32"), std::string("0.1"));
    QCOMPARE(shown.at("f64"), std::string("1e-300"));
    QCOMPARE(shown.at("inf"), std::string("-inf"));
    QCOMPARE(shown.at("whole"), std::string("10000"));
    QVERIFY(!model->contents().gguf->integer("u64"));
    QCOMPARE(model->contents().gguf->integer("i64"), std::optional<std::int64_t>(-9'007'199'254'740'993));
  }

  void blocksDecodeFromAnyElement() {
    const test::TempFolder folder;
    GgufBuilder builder;
    builder.counts(1, 0).tensor("a", {64, 3}, kQ4_0, 0).pad();
    std::string blocks;
    for (int i = 0; i < 6 * 18; ++i) blocks.push_back(static_cast<char>(i % 18 == 1 ? 0x2C : i * 37 % 251));
    const auto model = openCheckpoint(folder.write("a.gguf", builder.raw(blocks).bytes()));
    QCOMPARE(model->require("a").info.shape, (Shape{3, 64}));
    std::vector<float> whole(192);
    decodeBlocks(DType::Q4_0, std::as_bytes(std::span(blocks)), whole);
    for (const std::size_t first : {0, 1, 31, 32, 33, 100})
      for (const std::size_t count : {1, 5, 32, 64, 92}) {
        std::vector<float> part(count);
        model->require("a").source->read(first, part);
        QVERIFY(std::memcmp(part.data(), whole.data() + first, count * sizeof(float)) == 0);
      }
  }

  void namesMapBothWays_data() {
    QTest::addColumn<QString>("architecture");
    QTest::addColumn<QString>("gguf");
    QTest::addColumn<QString>("name");
    QTest::newRow("query") << "llama"
                           << "blk.3.attn_q.weight"
                           << "model.layers.3.self_attn.q_proj.weight";
    QTest::newRow("a bias") << "qwen2"
                            << "blk.0.attn_k.bias"
                            << "model.layers.0.self_attn.k_proj.bias";
    QTest::newRow("head") << "llama"
                          << "output.weight"
                          << "lm_head.weight";
    QTest::newRow("norm before the MLP") << "llama"
                                         << "blk.1.ffn_norm.weight"
                                         << "model.layers.1.post_attention_layernorm.weight";
    QTest::newRow("the same in Gemma 2") << "gemma2"
                                         << "blk.1.ffn_norm.weight"
                                         << "model.layers.1.pre_feedforward_layernorm.weight";
    QTest::newRow("Gemma 2 after attention") << "gemma2"
                                             << "blk.1.post_attention_norm.weight"
                                             << "model.layers.1.post_attention_layernorm.weight";
    QTest::newRow("fused gate and up") << "phi3"
                                       << "blk.1.ffn_up.weight"
                                       << "model.layers.1.mlp.gate_up_proj.weight";
    QTest::newRow("GPT-2") << "gpt2"
                           << "blk.2.attn_qkv.weight"
                           << "h.2.attn.c_attn.weight";
  }
  void namesMapBothWays() {
    QFETCH(QString, architecture);
    QFETCH(QString, gguf);
    QFETCH(QString, name);
    QCOMPARE(QString::fromStdString(huggingFaceName(architecture.toStdString(), gguf.toStdString()).name), name);
    QCOMPARE(QString::fromStdString(ggufName(architecture.toStdString(), name.toStdString()).name), gguf);
  }

  // The two files were made from one model by other programs.
  void theGgufEqualsTheSafetensorsOfTheSameModel() {
    if (!QFile::exists(QString::fromStdString(modelsFolder()))) QSKIP("the shared models are not on this machine");
    const auto gguf = openCheckpoint(modelsFolder() + "stories260K-f32.gguf");
    const auto original = openCheckpoint(modelsFolder() + "stories260K");
    for (const CheckpointTensor& tensor : original->tensors()) {
      const CheckpointTensor& other = gguf->require(tensor.info.name);
      QCOMPARE(other.info.shape, tensor.info.shape);
      QVERIFY2(gguf->load(other) == original->load(tensor), tensor.info.name.c_str());
    }
    QVERIFY(!gguf->contents().configJson.empty());
  }
};

QTEST_APPLESS_MAIN(TestGgufReader)
#include "tst_gguf_reader.moc"
