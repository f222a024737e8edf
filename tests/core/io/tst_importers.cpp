#include <QtTest>

#include <map>
#include <random>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/layouts/awq_layout.h"
#include "core/io/layouts/compressed_layout.h"
#include "core/io/layouts/gptq_layout.h"
#include "core/io/reader_registry.h"
#include "core/tensor/half.h"
#include "tests/support/quantized_folder.h"
#include "tests/support/safetensors_bytes.h"

Q_DECLARE_METATYPE(qs::PackedTensors)

using namespace qs;
using Folder = qs::test::QuantizedFolder;
using Json = nlohmann::json;

namespace {

constexpr const char* kLayer = Folder::kLayer;

QuantizedTensor randomTensor(std::size_t rows, std::size_t cols, int bits, std::int64_t group, bool symmetric) {
  std::mt19937 random(7);
  QuantizedTensor tensor{.rows = rows, .cols = cols};
  tensor.scheme = {.bits = bits, .symmetric = symmetric, .groupSize = group, .scaleType = ScaleType::F16};
  std::uniform_int_distribution<int> code(tensor.scheme.minCode(), tensor.scheme.maxCode());
  std::uniform_int_distribution<int> zero(1, (1 << bits) - 1);
  for (std::size_t i = 0; i < rows * cols; ++i) tensor.codes.push_back(static_cast<std::uint8_t>(code(random)));
  for (std::size_t i = 0; i < tensor.scheme.scaleCount(rows, cols); ++i) {
    tensor.scales.push_back(halfToFloat(floatToHalf(0.01F + 0.001F * static_cast<float>(i % 17))));
    if (!symmetric) tensor.zeroPoints.push_back(static_cast<float>(zero(random)));
  }
  return tensor;
}

Json gptqConfig() {
  return {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 32}, {"desc_act", false}, {"sym", false}};
}
Json awqConfig() {
  return {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 32}, {"zero_point", true}, {"version", "gemm"}};
}
Json compressedConfig(const char* format, int bits, bool symmetric) {
  const Json weights{
      {"num_bits", bits}, {"type", "int"}, {"symmetric", symmetric}, {"strategy", "group"}, {"group_size", 32}};
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"config_groups", {{"group_0", {{"targets", {"Linear"}}, {"weights", weights}}}}}};
}

void requireLayer(const Checkpoint& model, const QuantizedTensor& expected) {
  const CheckpointTensor& tensor = model.require(std::string(kLayer) + ".weight");
  QCOMPARE(tensor.info.shape, (Shape{expected.rows, expected.cols}));
  QVERIFY(!tensor.info.storedScheme.empty());
  const Matrix weights = dequantize(expected);
  QCOMPARE(model.load(tensor), weights);
  std::vector<float> middle(expected.cols + 9);  // neither end at a row's border
  tensor.source->read(5, middle);
  QVERIFY(std::equal(middle.begin(), middle.end(), weights.values().begin() + 5));
  tensor.source->release();
  QCOMPARE(model.load(tensor), weights);
}

void lie(const char* row, Json config, const PackedTensors& parts, const char* dropped, const char* field) {
  QTest::newRow(row) << QByteArray::fromStdString(config.dump()) << parts << QString(dropped) << QString(field);
}

}  // namespace

class TestImporters : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void gptq() {
    const QuantizedTensor tensor = randomTensor(64, 96, 4, 32, false);
    Folder folder(gptqConfig());
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    const auto model = folder.open();
    QCOMPARE(model->format(), std::string("GPTQ"));
    QCOMPARE(model->tensors().size(), std::size_t{2});
    requireLayer(*model, tensor);
  }

  void gptqVersion2WithActivationOrder() {
    QuantizedTensor tensor = randomTensor(32, 64, 3, 32, false);
    for (std::size_t k = 0; k < 64; ++k) tensor.groupIndex.push_back(static_cast<std::int32_t>(k % 2));
    Json config = gptqConfig();
    config["bits"] = 3;
    config["checkpoint_format"] = "gptq_v2";
    Folder folder(config);
    folder.add(packGptq(tensor, GptqVersion::V2, kLayer));
    requireLayer(*folder.open(), tensor);
  }

  void gptqSettingsMayDifferByLayer() {
    const QuantizedTensor tensor = randomTensor(64, 64, 8, 64, false);
    Json config = gptqConfig();
    config["dynamic"] = {{"+:.*up_proj", {{"bits", 8}, {"group_size", 64}}}};
    Folder folder(config);
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    requireLayer(*folder.open(), tensor);
  }

  void aMislabelledGptqFileIsReadAndTold() {
    const QuantizedTensor tensor = randomTensor(32, 64, 4, 32, true);
    Json config = gptqConfig();
    config["sym"] = true;
    Folder folder(config);
    folder.add(packGptq(tensor, GptqVersion::V2, kLayer));
    const auto model = folder.open();
    requireLayer(*model, tensor);
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
  }

  void theSettingsMayStandInAFileOfTheirOwn() {
    const QuantizedTensor tensor = randomTensor(32, 64, 4, 32, false);
    Folder folder(gptqConfig());
    folder.files().write("quantize_config.json", folder.config()["quantization_config"].dump());
    folder.config().erase("quantization_config");
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    requireLayer(*folder.open(), tensor);
  }

  void awq() {
    const QuantizedTensor tensor = randomTensor(40, 96, 4, 32, false);
    Folder folder(awqConfig());
    folder.add(packAwq(tensor, kLayer));
    requireLayer(*folder.open(), tensor);
  }

  void compressedTensors_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    QTest::newRow("packed, 4 bits") << "pack-quantized" << 4 << true;
    QTest::newRow("packed, 3 bits, asymmetric") << "pack-quantized" << 3 << false;
    QTest::newRow("8-bit integers") << "int-quantized" << 8 << true;
    QTest::newRow("8-bit integers, asymmetric") << "int-quantized" << 8 << false;
  }
  void compressedTensors() {
    QFETCH(QString, format);
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    const QuantizedTensor tensor = randomTensor(48, 96, bits, 32, symmetric);
    Folder folder(compressedConfig(format.toUtf8().constData(), bits, symmetric));
    const auto form = format == "pack-quantized" ? CompressedForm::Packed : CompressedForm::Int;
    folder.add(packCompressed(tensor, form, DType::F16, kLayer));
    requireLayer(*folder.open(), tensor);
  }

  // Written out after bitsandbytes' definition: high nibble first, blocks over the flattened matrix, also across rows.
  void bitsandbytesNf4() {
    constexpr std::size_t kRows = 6;
    constexpr std::size_t kCols = 50;
    const std::array<float, 16> map{-1.0F, -0.7F, -0.5F, -0.4F, -0.3F, -0.2F, -0.1F, 0.0F,
                                    0.1F,  0.2F,  0.3F,  0.4F,  0.5F,  0.6F,  0.7F,  1.0F};
    std::vector<float> expected;
    std::string codes;
    for (std::size_t i = 0; i < kRows * kCols; ++i) {
      const std::size_t code = i * 11 % 16;
      expected.push_back(map[code] * static_cast<float>(i / 64 + 1));
      if (i % 2 == 0)
        codes.push_back(static_cast<char>(code << 4U));
      else
        codes.back() = static_cast<char>(static_cast<unsigned char>(codes.back()) | code);
    }
    std::string absMax;
    for (int block = 0; block < 5; ++block) absMax += test::bytesOf(static_cast<float>(block + 1));
    std::string mapBytes;
    for (const float value : map) mapBytes += test::bytesOf(value);
    const std::string state = R"({"quant_type":"nf4","blocksize":64,"dtype":"float16","shape":[6,50]})";
    Folder folder({{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}});
    const std::string weight = std::string(kLayer) + ".weight";
    folder.add(weight, "U8", {codes.size(), 1}, codes);
    folder.add(weight + ".absmax", "F32", {5}, absMax);
    folder.add(weight + ".quant_map", "F32", {16}, mapBytes);
    folder.add(weight + ".quant_state.bitsandbytes__nf4", "U8", {state.size()}, state);
    const auto model = folder.open();
    QCOMPARE(model->tensors().size(), std::size_t{2});
    const Matrix weights = model->load(model->require(weight));
    QCOMPARE(weights.rows(), kRows);
    QVERIFY(std::equal(expected.begin(), expected.end(), weights.values().begin()));
  }

  void theFirstMatchingGptqSettingWins() {
    const QuantizedTensor tensor = randomTensor(64, 64, 8, 64, false);
    Folder folder(gptqConfig());
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    // Written by hand: the order in the file counts, not that of the alphabet.
    folder.writeConfig(R"({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false,
      "dynamic": {"model\\.layers\\..*": {"bits": 8, "group_size": 64}, "m.*": {"bits": 4}, "-:lm_head": {}}}})");
    requireLayer(*folder.open(), tensor);
  }

  void symmetricZeroPointsBesideTheMiddleAreTold() {
    const QuantizedTensor tensor = randomTensor(64, 96, 4, 32, false);
    Json config = gptqConfig();
    config["sym"] = true;
    Folder folder(config);
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    const auto model = folder.open();
    requireLayer(*model, tensor);
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
    QVERIFY(model->contents().warnings.front().find("zero points are not all 8") != std::string::npos);
  }

  void zeroPointsOfAnotherVersionAreToldWhicheverLayerHasThem() {
    const QuantizedTensor tensor = randomTensor(64, 96, 4, 32, true);
    Json config = gptqConfig();
    config["sym"] = true;
    Folder folder(config);
    folder.add(packGptq(tensor, GptqVersion::V1, kLayer));
    const std::string later = "model.layers.1.mlp.up_proj";
    for (const PackedTensor& part : packGptq(tensor, GptqVersion::V2, later))
      folder.add(later + "." + part.suffix, name(part.dtype), part.shape,
                 {reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()});
    const auto model = folder.open();
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
    const std::string& warning = model->contents().warnings.front();
    QVERIFY2(warning.find(later) != std::string::npos && warning.find("version 2") != std::string::npos,
             warning.c_str());
    QVERIFY(model->load(model->require(later + ".weight")) == dequantize(tensor));
  }

  void anUnknownMethodIsShownAsStored() {
    Folder folder(Json{{"quant_method", "novel"}});
    folder.add("layer.weight_q", "U8", {4}, "abcd");
    const auto model = folder.open();
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
    QVERIFY(model->find("layer.weight_q") != nullptr);
  }

  void liesAreRejected_data() {
    QTest::addColumn<QByteArray>("config");
    QTest::addColumn<PackedTensors>("parts");
    QTest::addColumn<QString>("dropped");
    QTest::addColumn<QString>("field");
    const QuantizedTensor tensor = randomTensor(32, 64, 4, 32, false);
    const PackedTensors gptq = packGptq(tensor, GptqVersion::V1, kLayer);
    const PackedTensors awq = packAwq(tensor, kLayer);
    const PackedTensors packed = packCompressed(tensor, CompressedForm::Packed, DType::F16, kLayer);
    const auto with = [](Json config, const char* key, Json value) {
      config[key] = std::move(value);
      return config;
    };
    lie("GPTQ without bits", with(gptqConfig(), "bits", nullptr), gptq, "", "bits");
    lie("GPTQ with bits in a text", with(gptqConfig(), "bits", "4"), gptq, "", "bits");
    lie("GPTQ of 5 bits", with(gptqConfig(), "bits", 5), gptq, "", "bits");
    lie("GPTQ of 2^40 bits", with(gptqConfig(), "bits", std::int64_t{1} << 40U), gptq, "", "bits");
    lie("GPTQ without a group size", with(gptqConfig(), "group_size", nullptr), gptq, "", "group_size");
    lie("GPTQ with a group size of 0", with(gptqConfig(), "group_size", 0), gptq, "", "group_size");
    lie("GPTQ in a planar format", with(gptqConfig(), "checkpoint_format", "gptq_p"), gptq, "", "checkpoint_format");
    lie("GPTQ with sym as a number", with(gptqConfig(), "sym", 1), gptq, "", "sym");
    lie("GPTQ with other groups than its scales", with(gptqConfig(), "group_size", 64), gptq, "", "qzeros");
    lie("GPTQ of another width", with(gptqConfig(), "bits", 8), gptq, "", "qzeros");
    lie("GPTQ without scales", gptqConfig(), gptq, "scales", "scales");
    lie("GPTQ without zero points", gptqConfig(), gptq, "qzeros", "qzeros");
    PackedTensors wrongIndex = gptq;
    const std::vector<std::int32_t> index(64, 99);
    wrongIndex[3] = packedTensor("g_idx", DType::I32, {64}, std::span<const std::int32_t>(index));
    lie("GPTQ with a group that doesn't exist", gptqConfig(), wrongIndex, "", "g_idx");
    lie("GPTQ with a broken expression", with(gptqConfig(), "dynamic", {{"+:(", {{"bits", 8}}}}), gptq, "", "dynamic");
    lie("GPTQ in a planar format, by its name", with(gptqConfig(), "checkpoint_format", "gptq_p"), gptq, "", "planar");
    lie("GPTQ of 2^32 + 4 bits", with(gptqConfig(), "bits", (std::int64_t{1} << 32U) + 4), gptq, "", "bits");
    const auto dynamic = [&](Json value) { return with(gptqConfig(), "dynamic", std::move(value)); };
    lie("GPTQ of 0 bits for some layers", dynamic({{".*up_proj", {{"bits", 0}}}}), gptq, "", "bits");
    lie("GPTQ with groups of 0 for some layers", dynamic({{".*", {{"group_size", 0}}}}), gptq, "", "group_size");
    lie("GPTQ with a list of settings", dynamic(Json::array({1})), gptq, "", "dynamic");
    lie("GPTQ with an expression that never ends", dynamic({{"(.*)*(.*)*(.*)*(.*)*(.*)*!$", {{"bits", 4}}}}), gptq, "",
        "takes too long");
    lie("AWQ of 8 bits", with(awqConfig(), "bits", 8), awq, "", "bits");
    lie("AWQ in another version", with(awqConfig(), "version", "gemv_fast"), awq, "", "version");
    lie("AWQ in the gemv layout's name", with(awqConfig(), "version", "gemv"), awq, "", "qzeros");
    PackedTensors interleaved = awq;
    interleaved[1].suffix = "scaled_zeros";
    lie("AWQ with interleaved rows", awqConfig(), interleaved, "", "interleaved");
    lie("AWQ without a group size", with(awqConfig(), "group_size", nullptr), awq, "", "group_size");
    lie("AWQ with other groups than its scales", with(awqConfig(), "group_size", 64), awq, "", "qzeros");
    lie("AWQ without scales", awqConfig(), awq, "scales", "scales");
    const Json compressed = compressedConfig("pack-quantized", 4, false);
    lie("compressed-tensors without groups", with(compressed, "config_groups", nullptr), packed, "", "config_groups");
    lie("compressed-tensors in a sparse format", with(compressed, "format", "sparse-bitmask"), packed, "", "format");
    lie("compressed-tensors of 16 bits", compressedConfig("pack-quantized", 16, false), packed, "", "num_bits");
    lie("compressed-tensors of another width", compressedConfig("pack-quantized", 8, false), packed, "", "weight_");
    lie("compressed-tensors without scales", compressed, packed, "weight_scale", "weight_scale");
    lie("compressed-tensors without zero points", compressed, packed, "weight_zero_point", "weight_zero_point");
    lie("compressed-tensors without a shape", compressed, packed, "weight_shape", "weight_shape");
    Json strategy = compressed;
    strategy["config_groups"]["group_0"]["weights"]["strategy"] = "channel";
    lie("compressed-tensors with groups in channels", strategy, packed, "", "group_size");
    strategy["config_groups"]["group_0"]["weights"]["strategy"] = "rows";
    lie("compressed-tensors with an unknown strategy", strategy, packed, "", "strategy");
    Json block = compressedConfig("float-quantized", 8, true);
    block["config_groups"]["group_0"]["weights"]["strategy"] = "block";
    lie("compressed-tensors with blocks of no size", block, packed, "", "block_structure");
    block["config_groups"]["group_0"]["weights"]["block_structure"] = {0, 128};
    lie("compressed-tensors with blocks of 0 rows", block, packed, "", "block_structure");
    lie("compressed-tensors in FP4 with words", compressedConfig("nvfp4-pack-quantized", 4, true), packed, "",
        "weight_packed");
    lie("compressed-tensors in FP4 without codes", compressedConfig("nvfp4-pack-quantized", 4, true), packed,
        "weight_packed", "weight_packed");
    Json broken = compressed;
    broken["config_groups"]["group_0"]["targets"] = {"re:("};
    lie("compressed-tensors with a broken expression", broken, packed, "", "targets");
    lie("FP8 without blocks", {{"quant_method", "fp8"}}, packed, "", "weight_block_size");
    lie("FP8 with blocks of 0", {{"quant_method", "fp8"}, {"weight_block_size", {0, 0}}}, packed, "",
        "weight_block_size");
    addBitsandbytesRows();
    Json elsewhere = compressed;
    elsewhere["config_groups"]["group_0"]["targets"] = {"other"};
    lie("compressed-tensors that targets another layer", elsewhere, packed, "", "targets");
  }
  void liesAreRejected() {
    QFETCH(QByteArray, config);
    QFETCH(PackedTensors, parts);
    QFETCH(QString, dropped);
    QFETCH(QString, field);
    Folder folder(Json::parse(config.toStdString()));
    folder.add(parts);
    if (!dropped.isEmpty()) folder.remove(dropped.toStdString());
    try {
      const auto model = folder.open();
      (void)model->load(model->require(std::string(kLayer) + ".weight"));
      QFAIL("the checkpoint was accepted");
    } catch (const Error& error) {
      QCOMPARE(error.kind(), ErrorKind::Input);
      QVERIFY2(QString::fromUtf8(error.what()).contains(field), error.what());
    }
  }

 private:
  static void addBitsandbytesRows() {
    const Json config{{"quant_method", "bitsandbytes"}};
    const Json good{{"quant_type", "nf4"}, {"blocksize", 64}, {"dtype", "float16"}, {"shape", {2, 64}}};
    const auto parts = [](const std::string& state, std::size_t scales = 2, std::size_t codes = 64) {
      const auto bytes = [](std::size_t count) { return qs::UnsetVector<std::byte>(count, std::byte{0}); };
      return PackedTensors{{"weight", DType::U8, {codes, 1}, bytes(codes)},
                           {"weight.absmax", DType::F32, {scales}, bytes(4 * scales)},
                           {"weight.quant_map", DType::F32, {16}, bytes(64)},
                           packedTensor("weight.quant_state.bitsandbytes__nf4", DType::U8, {state.size()},
                                        std::span<const char>(state))};
    };
    const auto with = [&](const char* key, Json value) {
      Json state = good;
      state[key] = std::move(value);
      return parts(state.dump());
    };
    lie("bitsandbytes with a state that is no JSON", config, parts("{nf4"), "", "JSON");
    lie("bitsandbytes with a state that is a list", config, parts("[]"), "", "content");
    lie("bitsandbytes of a type in numbers", config, with("quant_type", 4), "", "quant_type");
    lie("bitsandbytes in blocks of 0", config, with("blocksize", 0), "", "blocksize");
    lie("bitsandbytes in blocks of -64", config, with("blocksize", -64), "", "blocksize");
    lie("bitsandbytes in blocks of half", config, with("blocksize", 0.5), "", "blocksize");
    lie("bitsandbytes without a shape", config, with("shape", nullptr), "", "shape");
    lie("bitsandbytes in three dimensions", config, with("shape", {2, 8, 8}), "", "shape");
    lie("bitsandbytes of a negative shape", config, with("shape", {-2, 64}), "", "shape");
    lie("bitsandbytes of a shape beyond its bytes", config, with("shape", {1 << 20, 1 << 20}), "", "bytes");
    lie("bitsandbytes of a shape that overflows", config,
        with("shape", {std::uint64_t{1} << 63U, std::uint64_t{1} << 63U}), "", "bytes");
    lie("bitsandbytes with fewer scales", config, parts(good.dump(), 1), "", "elements");
    lie("bitsandbytes with fewer codes", config, parts(good.dump(), 2, 63), "", "bytes");
    lie("bitsandbytes nested without codes", config, with("nested_blocksize", 256), "", "dtype");
    lie("bitsandbytes nested in blocks of 0", config, with("nested_blocksize", 0), "", "nested_blocksize");
    lie("bitsandbytes without a codebook", config, parts(good.dump()), "weight.quant_map", "quant_map");
    PackedTensors eight{{"weight", DType::I8, {2, 4}, qs::UnsetVector<std::byte>(8, std::byte{0})},
                        {"SCB", DType::F32, {2}, qs::UnsetVector<std::byte>(8, std::byte{0})},
                        {"weight_format", DType::U8, {}, qs::UnsetVector<std::byte>(1, std::byte{2})}};
    lie("bitsandbytes in tiles for a device", config, eight, "", "tiled");
    eight[2].bytes[0] = std::byte{0};
    eight[1] = {"SCB", DType::F32, {3}, qs::UnsetVector<std::byte>(12, std::byte{0})};
    lie("bitsandbytes with scales for other rows", config, eight, "", "elements");
  }
};

QTEST_APPLESS_MAIN(TestImporters)
#include "tst_importers.moc"
