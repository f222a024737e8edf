#include <QtTest>

#include <array>
#include <vector>

#include "core/tensor/half.h"
#include "tests/support/quantized_folder.h"
#include "tests/support/safetensors_bytes.h"

using namespace qs;
using namespace qs::test;
using Json = nlohmann::json;

namespace {

// Words, scales and values are written out after the formats' definitions, without the layouts' code.

template <typename T>
PackedTensor part(std::string suffix, DType dtype, Shape shape, const std::vector<T>& values) {
  return packedTensor(std::move(suffix), dtype, std::move(shape), std::span<const T>(values));
}

using Words = std::vector<std::uint32_t>;
using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

PackedTensor halves(std::string suffix, Shape shape, const Floats& values) {
  std::vector<std::uint16_t> bits;
  for (const float value : values) bits.push_back(floatToHalf(value));
  return part(std::move(suffix), DType::F16, std::move(shape), bits);
}

PackedTensor words(std::string suffix, Shape shape, const Words& values) {
  return part(std::move(suffix), DType::I32, std::move(shape), values);
}

// Opens the folder with these parts and compares the layer's values.
void requireValues(const Json& config, const PackedTensors& parts, const Shape& shape, const Floats& expected,
                   const char* scheme) {
  QuantizedFolder folder(config);
  folder.add(parts);
  const auto model = folder.open();
  const CheckpointTensor& tensor = model->require(std::string(QuantizedFolder::kLayer) + ".weight");
  QCOMPARE(tensor.info.shape, shape);
  QVERIFY2(tensor.info.storedScheme.find(scheme) != std::string::npos, tensor.info.storedScheme.c_str());
  const Matrix values = model->load(tensor);
  QCOMPARE(values.values().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) QCOMPARE(values.values()[i], expected[i]);
}

Json gptq(int bits, std::int64_t group, const char* format = "gptq_v2", bool symmetric = false) {
  return {{"quant_method", "gptq"}, {"bits", bits},     {"group_size", group},
          {"sym", symmetric},       {"desc_act", true}, {"checkpoint_format", format}};
}

Json awq(const char* version) {
  return {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 32}, {"zero_point", true}, {"version", version}};
}

Json compressed(const char* format, Json weights) {
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"config_groups", {{"group_0", {{"targets", {"Linear"}}, {"weights", std::move(weights)}}}}}};
}

}  // namespace

class TestImportKnownAnswers : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  // Section 3: each column is a stream down the inputs; v1 stores the zero point less one.
  void fourBitGptq() {
    Words codes;
    for (int word = 0; word < 4; ++word) {
      codes.push_back(word % 2 == 0 ? 0x76543210U : 0xFEDCBA98U);  // output 0: 0, 1, 2 … 15, 0, 1 …
      codes.push_back(0x88888888U);                                // output 1: the zero point
    }
    const Floats scales{0.5F, 2.0F};
    Floats expected;
    for (int k = 0; k < 32; ++k) expected.push_back(static_cast<float>(k % 16 - 8) * 0.5F);
    expected.resize(64, 0.0F);
    for (const bool isVersion1 : {true, false})
      requireValues(gptq(4, -1, isVersion1 ? "gptq" : "gptq_v2", true),
                    {words("qweight", {4, 2}, codes), words("qzeros", {1, 1}, {isVersion1 ? 0x77U : 0x88U}),
                     halves("scales", {1, 2}, scales)},
                    {2, 32}, expected, "GPTQ 4-bit");
  }

  // Value 10 of each 32 has its low two bits in word 0, value 21 its low bit in word 1.
  void threeBitGptqStraddlesWords() {
    Floats expected(32, -1.0F);
    expected[10] = 4.0F;
    expected[21] = 2.0F;
    requireValues(gptq(3, 32),
                  {words("qweight", {3, 1}, {1U << 30U, 1U | (1U << 31U), 1U}), words("qzeros", {1, 1}, {1U}),
                   halves("scales", {1, 1}, {1.0F})},
                  {1, 32}, expected, "GPTQ 3-bit");
  }

  void twoAndEightBitGptq() {
    Floats two;
    for (int k = 0; k < 16; ++k) two.push_back(static_cast<float>(k % 4) - 2.0F);
    requireValues(
        gptq(2, -1),
        {words("qweight", {1, 1}, {0xE4E4E4E4U}), words("qzeros", {1, 1}, {2U}), halves("scales", {1, 1}, {1.0F})},
        {1, 16}, two, "GPTQ 2-bit");
    requireValues(
        gptq(8, -1),
        {words("qweight", {1, 1}, {0xFF800100U}), words("qzeros", {1, 1}, {0x80U}), halves("scales", {1, 1}, {0.25F})},
        {1, 4}, {-32.0F, -31.75F, 0.0F, 31.75F}, "GPTQ 8-bit");
  }

  // The rows of qweight stay in the inputs' order; g_idx tells the group of each.
  void activationOrderPicksTheGroup() {
    requireValues(gptq(4, 4),
                  {words("qweight", {1, 1}, {0x11111111U}), words("qzeros", {2, 1}, {0U, 3U}),
                   halves("scales", {2, 1}, {1.0F, 10.0F}), words("g_idx", {8}, {1, 0, 0, 1, 1, 0, 1, 0})},
                  {1, 8}, {-20, 1, 1, -20, -20, 1, -20, 1}, "GPTQ 4-bit");
  }

  // Section 4: nibbles 0..7 hold columns 0, 2, 4, 6, 1, 3, 5, 7; the zero point is stored as it is.
  void awqGemm() {
    Words codes(32, 0U);
    codes[0] = 0x75316420U;
    Floats scales(8, 1.0F);
    scales[5] = 0.5F;
    Floats expected;
    for (int column = 0; column < 8; ++column)
      for (int k = 0; k < 32; ++k)
        expected.push_back((static_cast<float>(k == 0 ? column : 0) - 1.0F) * (column == 5 ? 0.5F : 1.0F));
    requireValues(
        awq("GEMM"),
        {words("qweight", {32, 1}, codes), words("qzeros", {1, 1}, {0x11111111U}), halves("scales", {1, 8}, scales)},
        {8, 32}, expected, "AWQ 4-bit");
  }

  // GEMV: natural order along the inputs; groups of 32 pad the zero points to four words.
  void awqGemv() {
    Floats scales(32, 99.0F);
    scales[0] = 1.0F;
    scales[1] = 2.0F;
    Floats expected;
    for (int k = 0; k < 64; ++k)
      expected.push_back(k < 32 ? static_cast<float>(k % 8) - 3.0F : (static_cast<float>(k % 8) - 5.0F) * 2.0F);
    requireValues(awq("gemv"),
                  {words("qweight", {1, 8}, Words(8, 0x76543210U)), words("qzeros", {1, 4}, {0x53U, ~0U, ~0U, ~0U}),
                   halves("scales", {1, 32}, scales)},
                  {1, 64}, expected, "AWQ (gemv)");
  }

  // Section 5: offset binary, -8..-1 pack to 0x76543210; zero points run along the outputs.
  void packQuantized() {
    const std::vector<std::int64_t> shape{8, 8};
    Floats expected;
    for (int o = 0; o < 8; ++o)
      for (int k = 0; k < 8; ++k) expected.push_back(static_cast<float>(k - 8 - (o - 8)) * 0.5F);
    requireValues(compressed("pack-quantized",
                             {{"num_bits", 4}, {"symmetric", false}, {"strategy", "channel"}, {"group_size", nullptr}}),
                  {words("weight_packed", {8, 1}, Words(8, 0x76543210U)), part("weight_shape", DType::I64, {2}, shape),
                   halves("weight_scale", {8, 1}, Floats(8, 0.5F)), words("weight_zero_point", {1, 1}, {0x76543210U})},
                  {8, 8}, expected, "compressed-tensors 4-bit");
  }

  void intAndFloatQuantized() {
    requireValues(
        compressed("int-quantized", {{"num_bits", 8}, {"type", "int"}, {"symmetric", false}, {"strategy", "channel"}}),
        {part("weight", DType::I8, {2, 2}, Bytes{0x80, 0xFF, 0x00, 0x7F}),
         part("weight_scale", DType::F32, {2, 1}, Floats{0.5F, 1.0F}),
         part("weight_zero_point", DType::I8, {2, 1}, Bytes{0xFE, 0x01})},
        {2, 2}, {-63.0F, 0.5F, -1.0F, 126.0F}, "8-bit");
    requireValues(compressed("float-quantized", {{"num_bits", 8}, {"type", "float"}, {"strategy", "tensor"}}),
                  {part("weight", DType::F8E4M3, {1, 4}, Bytes{0x38, 0x7E, 0xB8, 0x01}),
                   part("weight_scale", DType::F32, {1}, Floats{2.0F})},
                  {1, 4}, {2.0F, 896.0F, -2.0F, 2.0F / 512.0F}, "FP8");
  }

  void fp8Blocks() {
    const Bytes codes(15, 0x38);  // ones
    const PackedTensor weight = part("weight", DType::F8E4M3, {3, 5}, codes);
    const Floats scales{1, 2, 3, 4};
    const Floats expected{1, 1, 1, 2, 2, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4};
    requireValues(compressed("float-quantized",
                             {{"num_bits", 8}, {"type", "float"}, {"strategy", "block"}, {"block_structure", {2, 3}}}),
                  {weight, part("weight_scale", DType::F32, {2, 2}, scales)}, {3, 5}, expected, "blocks of 2 × 3");
    // The other family calls its multiplier an inverse.
    requireValues({{"quant_method", "fp8"}, {"weight_block_size", {2, 3}}},
                  {weight, part("weight_scale_inv", DType::F32, {2, 2}, scales)}, {3, 5}, expected, "blocks of 2 × 3");
  }

  // Element 2j is the low nibble; the global scale divides.
  void nvfp4() {
    Bytes codes(8, 0x00);
    codes[0] = 0x21;
    codes[7] = 0xF7;
    Floats expected(16, 0.0F);
    expected[0] = 0.5F * 3.0F / 2.0F;
    expected[1] = 1.0F * 3.0F / 2.0F;
    expected[14] = 6.0F * 3.0F / 2.0F;
    expected[15] = -6.0F * 3.0F / 2.0F;
    requireValues(compressed("nvfp4-pack-quantized",
                             {{"num_bits", 4}, {"type", "float"}, {"strategy", "tensor_group"}, {"group_size", 16}}),
                  {part("weight_packed", DType::U8, {1, 8}, codes),
                   part("weight_scale", DType::F8E4M3, {1, 1}, Bytes{0x44}),  // 3
                   part("weight_global_scale", DType::F32, {1}, Floats{2.0F})},
                  {1, 16}, expected, "NVFP4");
  }

  void mxfp4AndMxfp8() {
    const Json weights{{"num_bits", 4}, {"type", "float"}, {"strategy", "group"}, {"group_size", 32}};
    Bytes codes(32, 0x00);
    codes[0] = 0x3B;   // low nibble 1011: -1.5; high nibble 0011: 1.5
    codes[16] = 0x70;  // second group: 0, 6
    Floats expected(64, 0.0F);
    expected[0] = -3.0F;
    expected[1] = 3.0F;
    expected[33] = 1.5F;
    requireValues(
        compressed("mxfp4-pack-quantized", weights),
        {part("weight_packed", DType::U8, {1, 32}, codes), part("weight_scale", DType::U8, {1, 2}, Bytes{128, 125})},
        {1, 64}, expected, "MXFP4");
    requireValues(
        compressed("mxfp8-quantized", weights),
        {part("weight", DType::F8E4M3, {1, 32}, Bytes(32, 0x38)), part("weight_scale", DType::U8, {1, 1}, Bytes{130})},
        {1, 32}, Floats(32, 8.0F), "MXFP8");
  }

  // Section 6: the first value stands in the high nibble; FP4 by code 0, .0625, 8, 12, 4, 6, 2, 3, over 12.
  void bitsandbytesFp4WithNestedScales() {
    Floats map{0, 0.0625F, 8, 12, 4, 6, 2, 3, 0, -0.0625F, -8, -12, -4, -6, -2, -3};
    for (float& value : map) value /= 12.0F;
    Floats nestedMap(256, 0.0F);
    nestedMap[7] = 0.5F;
    nestedMap[9] = 1.0F;
    const std::string state = R"({"quant_type":"fp4","blocksize":4,"dtype":"bfloat16","shape":[2,4],)"
                              R"("nested_blocksize":256,"nested_dtype":"float32","nested_offset":1.0})";
    const PackedTensors parts{
        // Carried as BF16: only the bytes count.
        part("weight", DType::BF16, {2, 1}, Bytes{0x23, 0xB1, 0x01, 0xC4}),
        part("weight.absmax", DType::U8, {2}, Bytes{7, 9}),
        part("weight.quant_map", DType::F32, {16}, map),
        part("weight.nested_absmax", DType::F32, {1}, Floats{4.0F}),
        part("weight.nested_quant_map", DType::F32, {256}, nestedMap),
        packedTensor("weight.quant_state.bitsandbytes__fp4", DType::U8, {state.size()}, std::span<const char>(state))};
    const float first = 0.5F * 4.0F + 1.0F;
    const float second = 1.0F * 4.0F + 1.0F;
    requireValues({{"quant_method", "bitsandbytes"}}, parts, {2, 4},
                  {map[2] * first, map[3] * first, map[11] * first, map[1] * first, 0.0F, map[1] * second,
                   map[12] * second, map[4] * second},
                  "bitsandbytes fp4, blocks of 4, nested");
  }

  void bitsandbytesInt8() {
    requireValues({{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}},
                  {part("weight", DType::I8, {2, 2}, Bytes{127, 0x81, 64, 0}),
                   part("SCB", DType::F32, {2}, Floats{2.0F, 127.0F}), part("weight_format", DType::U8, {}, Bytes{0})},
                  {2, 2}, {2.0F, -2.0F, 64.0F, 0.0F}, "bitsandbytes 8-bit");
  }

  void methodsThatAreNotDecodedAreNamed() {
    QuantizedFolder folder(Json{{"quant_method", "torchao"}});
    const auto model = folder.open();
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});
    QVERIFY(model->contents().warnings.front().find("\"torchao\" is not decoded") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(TestImportKnownAnswers)
#include "tst_import_known_answers.moc"
