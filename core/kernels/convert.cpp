#include "core/kernels/convert.h"

#include <array>
#include <cassert>
#include <cstring>

#include "core/kernels/convert_simd.h"
#include "core/tensor/half.h"

namespace qs {

namespace {

using FloatTable = std::array<float, 256>;

template <typename Decode>
FloatTable makeTable(Decode decode) {
  FloatTable table{};
  for (std::size_t code = 0; code < table.size(); ++code) table[code] = decode(static_cast<std::uint8_t>(code));
  return table;
}

const FloatTable& tableOf(DType type) {
  static const FloatTable e4m3 = makeTable([](std::uint8_t code) { return miniFloatToFloat(kE4M3, code); });
  static const FloatTable e5m2 = makeTable([](std::uint8_t code) { return miniFloatToFloat(kE5M2, code); });
  static const FloatTable e4m3Fnuz = makeTable([](std::uint8_t code) { return miniFloatToFloat(kE4M3FNUZ, code); });
  static const FloatTable e5m2Fnuz = makeTable([](std::uint8_t code) { return miniFloatToFloat(kE5M2FNUZ, code); });
  static const FloatTable e8m0 = makeTable(e8m0ToFloat);
  switch (type) {
    case DType::F8E5M2:
      return e5m2;
    case DType::F8E4M3FNUZ:
      return e4m3Fnuz;
    case DType::F8E5M2FNUZ:
      return e5m2Fnuz;
    case DType::F8E8M0:
      return e8m0;
    default:
      return e4m3;
  }
}

void widenByTable(const FloatTable& table, std::span<const std::byte> bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = table[std::to_integer<std::size_t>(bytes[i])];
}

template <typename T>
void widenNumbers(std::span<const std::byte> bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value{};
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

}  // namespace

void widenToFloat(DType type, std::span<const std::byte> bytes, std::span<float> out) {
  assert(bytes.size() == byteSize(type, out.size()));
  if (out.empty()) return;
  switch (type) {
    case DType::F32:
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case DType::F16:
      return simd::halfToFloat(bytes.data(), out.size(), out.data());
    case DType::BF16:
      return simd::bfloat16ToFloat(bytes.data(), out.size(), out.data());
    case DType::F64:
      return widenNumbers<double>(bytes, out);
    case DType::I8:
      return widenNumbers<std::int8_t>(bytes, out);
    case DType::U8:
      return widenNumbers<std::uint8_t>(bytes, out);
    case DType::I16:
      return widenNumbers<std::int16_t>(bytes, out);
    case DType::U16:
      return widenNumbers<std::uint16_t>(bytes, out);
    case DType::I32:
      return widenNumbers<std::int32_t>(bytes, out);
    case DType::U32:
      return widenNumbers<std::uint32_t>(bytes, out);
    case DType::I64:
      return widenNumbers<std::int64_t>(bytes, out);
    case DType::U64:
      return widenNumbers<std::uint64_t>(bytes, out);
    default:
      return widenByTable(tableOf(type), bytes, out);
  }
}

void narrowToHalf(std::span<const float> values, std::span<std::uint16_t> out) {
  assert(values.size() == out.size());
  simd::floatToHalf(values.data(), values.size(), out.data());
}

void narrowToBfloat16(std::span<const float> values, std::span<std::uint16_t> out) {
  assert(values.size() == out.size());
  simd::floatToBfloat16(values.data(), values.size(), out.data());
}

}  // namespace qs
