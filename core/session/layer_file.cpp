#include "core/session/layer_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/kernels/nibbles.h"
#include "core/session/hash64.h"
#include "core/session/report_cbor.h"

namespace qs {

namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "QSLAYER2";

std::uint64_t checksumOf(std::string_view bytes) {
  Hash64 hash;
  hash.add(bytes);
  return hash.value();
}

// A layer's file as it grows; each part is checksummed while it is in the cache.
class FileText {
 public:
  // `size` as it will be, without the checksum.
  explicit FileText(std::uint64_t size) {
    m_bytes.reserve(size + sizeof(std::uint64_t));
    m_checksum.add(size);  // as the checksum of one text begins
  }
  void append(std::string_view part) {
    m_checksum.add(std::as_bytes(std::span(part.data(), part.size())));
    m_bytes += part;
  }
  void append(std::uint64_t number) { append({reinterpret_cast<const char*>(&number), sizeof(number)}); }
  template <typename T>
  void append(const std::vector<T>& values) {
    append({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  [[nodiscard]] std::string finish() {
    append(m_checksum.value());
    return std::move(m_bytes);
  }

 private:
  std::string m_bytes;
  Hash64 m_checksum;
};

std::uint64_t numberAt(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

// Takes arrays off the front of a payload; throws where there isn't enough.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view bytes) : m_bytes(bytes) {}

  std::string_view take(std::uint64_t count) {
    if (count > m_bytes.size()) throw inputError("stored layer", "is cut short");
    const std::string_view part = m_bytes.substr(0, count);
    m_bytes.remove_prefix(count);
    return part;
  }
  template <typename T>
  std::vector<T> array(std::uint64_t count) {
    if (count > m_bytes.size() / sizeof(T)) throw inputError("stored layer", "is cut short");
    std::vector<T> values(count);
    const std::string_view part = take(count * sizeof(T));
    if (!part.empty()) std::memcpy(values.data(), part.data(), part.size());
    return values;
  }

 private:
  std::string_view m_bytes;
};

bool hasSignedCodes(const QuantizedTensor& tensor) { return tensor.scheme.symmetric && tensor.codebook.empty(); }

json activationsToValue(const ActivationScheme& scheme) {
  return {{"bits", scheme.bits},           {"per_token", scheme.perToken}, {"static", scheme.isStatic},
          {"symmetric", scheme.symmetric}, {"scale", scheme.scale},        {"zero_point", scheme.zeroPoint}};
}

ActivationScheme activationsFromValue(const json& value) {
  return {.bits = value.at("bits").get<int>(),
          .perToken = value.at("per_token").get<bool>(),
          .isStatic = value.at("static").get<bool>(),
          .symmetric = value.at("symmetric").get<bool>(),
          .scale = value.at("scale").get<float>(),
          .zeroPoint = value.at("zero_point").get<std::int32_t>()};
}

json tensorHeader(const QuantizedTensor& tensor) {
  json header{{"scheme", schemeToValue(tensor.scheme)},
              {"rows", tensor.rows},
              {"cols", tensor.cols},
              {"scales", tensor.scales.size()},
              {"zero_points", tensor.zeroPoints.size()},
              {"group_index", tensor.groupIndex.size()},
              {"codebook", tensor.codebook.size()},
              {"input_scale", tensor.inputScale.size()},
              {"input_scale_kind", static_cast<int>(tensor.inputScaleKind)}};
  if (tensor.activations) header["activations"] = activationsToValue(*tensor.activations);
  if (tensor.nestedScales)
    header["nested"] = {{"codes", tensor.nestedScales->codes.size()},
                        {"codebook", tensor.nestedScales->codebook.size()},
                        {"abs_max", tensor.nestedScales->absMax.size()},
                        {"offset", tensor.nestedScales->offset},
                        {"block", tensor.nestedScales->blockSize}};
  return header;
}

NestedScales nestedFromValue(const json& value, PayloadReader& payload) {
  NestedScales nested;
  nested.codes = payload.array<std::uint8_t>(value.at("codes").get<std::uint64_t>());
  nested.codebook = payload.array<float>(value.at("codebook").get<std::uint64_t>());
  nested.absMax = payload.array<float>(value.at("abs_max").get<std::uint64_t>());
  nested.offset = value.at("offset").get<float>();
  nested.blockSize = value.at("block").get<std::size_t>();
  return nested;
}

std::uint64_t packedCodeBytes(const QuantizedTensor& tensor) {
  return (tensor.rows * tensor.cols * static_cast<std::uint64_t>(tensor.scheme.bits) + 7) / 8;
}

// What follows the codes.
std::uint64_t arrayBytes(const QuantizedTensor& tensor) {
  const std::size_t words = tensor.scales.size() + tensor.zeroPoints.size() + tensor.groupIndex.size() +
                            tensor.codebook.size() + tensor.inputScale.size();
  const auto& nested = tensor.nestedScales;
  return words * sizeof(float) +
         (nested ? nested->codes.size() + (nested->codebook.size() + nested->absMax.size()) * sizeof(float) : 0);
}

// Codes of `bits` bits each, lowest bits first, without gaps, into as many bytes as they take; the last is filled with
// zeros.
void packInto(std::span<const std::uint8_t> codes, int bits, std::span<char> packed) {
  const auto width = static_cast<unsigned>(bits);
  if (width == 4) return packNibbles(codes, {reinterpret_cast<std::uint8_t*>(packed.data()), packed.size()});
  const unsigned mask = (1U << width) - 1U;
  unsigned buffer = 0;
  unsigned filled = 0;
  std::size_t at = 0;
  for (const std::uint8_t code : codes) {
    buffer |= (code & mask) << filled;
    filled += width;
    while (filled >= 8) {
      packed[at++] = static_cast<char>(buffer & 0xFFU);
      buffer >>= 8U;
      filled -= 8;
    }
  }
  if (filled > 0) packed[at] = static_cast<char>(buffer & 0xFFU);
}

// A part at a time, so that nothing has to be set twice.
void appendPacked(FileText& out, const QuantizedTensor& tensor) {
  constexpr std::size_t kPart = 65'536;  // whole bytes, whatever the bits
  std::string packed;
  for (std::size_t first = 0; first < tensor.codes.size(); first += kPart) {
    const auto codes = std::span(tensor.codes).subspan(first, std::min(kPart, tensor.codes.size() - first));
    packed.resize((codes.size() * static_cast<std::size_t>(tensor.scheme.bits) + 7) / 8);
    packInto(codes, tensor.scheme.bits, packed);
    out.append(packed);
  }
}

// The reverse; `isSigned` extends the sign. `packed` holds at least ceil(count·bits/8) bytes.
UnsetVector<std::uint8_t> unpackCodes(std::string_view packed, std::size_t count, int bits, bool isSigned) {
  const auto width = static_cast<unsigned>(bits);
  const unsigned mask = (1U << width) - 1U;
  const unsigned signBit = isSigned ? 1U << (width - 1U) : 0U;
  UnsetVector<std::uint8_t> codes(count);
  if (width == 4) {
    unpackNibbles({reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()}, isSigned, codes);
    return codes;
  }
  unsigned buffer = 0;
  unsigned filled = 0;
  std::size_t at = 0;
  for (std::uint8_t& code : codes) {
    while (filled < width) {
      buffer |= static_cast<unsigned>(static_cast<unsigned char>(packed[at++])) << filled;
      filled += 8;
    }
    const unsigned raw = buffer & mask;
    code = static_cast<std::uint8_t>((raw ^ signBit) - signBit);
    buffer >>= width;
    filled -= width;
  }
  return codes;
}

// All but the arrays.
QuantizedTensor tensorFromHeader(const json& header) {
  QuantizedTensor tensor;
  tensor.scheme = schemeFromValue(header.at("scheme"));
  tensor.rows = header.at("rows").get<std::size_t>();
  tensor.cols = header.at("cols").get<std::size_t>();
  tensor.inputScaleKind = static_cast<InputScaleKind>(header.at("input_scale_kind").get<int>());
  if (header.contains("activations")) tensor.activations = activationsFromValue(header["activations"]);
  return tensor;
}

// What follows the codes.
void takeArrays(const json& header, PayloadReader& payload, QuantizedTensor& tensor) {
  const auto count = [&header](const char* key) { return header.at(key).get<std::uint64_t>(); };
  tensor.scales = payload.array<float>(count("scales"));
  tensor.zeroPoints = payload.array<float>(count("zero_points"));
  tensor.groupIndex = payload.array<std::int32_t>(count("group_index"));
  tensor.codebook = payload.array<float>(count("codebook"));
  tensor.inputScale = payload.array<float>(count("input_scale"));
  if (header.contains("nested")) tensor.nestedScales = nestedFromValue(header["nested"], payload);
}

QuantizedTensor tensorFromParts(const json& header, PayloadReader payload) {
  QuantizedTensor tensor = tensorFromHeader(header);
  const std::string_view codes = payload.take(packedCodeBytes(tensor));
  takeArrays(header, payload, tensor);
  tensor.codes = unpackCodes(codes, tensor.rows * tensor.cols, tensor.scheme.bits, hasSignedCodes(tensor));
  return tensor;
}

// `count` bytes from `offset`; throws where there aren't as many.
std::string bytesAt(std::ifstream& file, std::uint64_t offset, std::uint64_t count) {
  std::string bytes(count, '\0');
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  if (!file) throw inputError("stored layer", "is cut short");
  return bytes;
}

QuantizedTensor headFrom(std::ifstream& file, std::uint64_t fileBytes) {
  constexpr std::size_t kStart = kMagic.size() + sizeof(std::uint64_t);
  const std::string start = bytesAt(file, 0, kStart);
  const std::uint64_t length = numberAt(start, kMagic.size());
  if (!start.starts_with(kMagic) || length > fileBytes - kStart) throw inputError("stored layer", "is damaged");
  const json header = json::from_cbor(bytesAt(file, kStart, length));
  QuantizedTensor tensor = tensorFromHeader(header.at("tensor"));
  const std::uint64_t before = kStart + length + packedCodeBytes(tensor) + sizeof(std::uint64_t);
  if (before > fileBytes) throw inputError("stored layer", "is cut short");
  const std::string arrays = bytesAt(file, before - sizeof(std::uint64_t), fileBytes - before);
  PayloadReader payload(arrays);
  takeArrays(header.at("tensor"), payload, tensor);
  return tensor;
}

struct LayerParts {
  json header;
  std::string_view payload;
};

// Nothing where the bytes are damaged.
std::optional<LayerParts> splitLayer(std::string_view bytes) {
  constexpr std::size_t kFrame = kMagic.size() + 2 * sizeof(std::uint64_t);
  if (bytes.size() < kFrame || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view checked = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  if (numberAt(bytes, checked.size()) != checksumOf(checked)) return std::nullopt;
  const std::uint64_t length = numberAt(bytes, kMagic.size());
  if (length > bytes.size() - kFrame) return std::nullopt;
  const std::string_view rest = checked.substr(kMagic.size() + sizeof(std::uint64_t));
  json header = json::from_cbor(rest.substr(0, length), true, false);
  if (!header.is_object()) return std::nullopt;
  return LayerParts{std::move(header), rest.substr(length)};
}

}  // namespace

std::string encodeLayer(const LayerReport& report, const QuantizedTensor& tensor) {
  const std::vector<std::uint8_t> header =
      json::to_cbor(json{{"report", reportToValue(report)}, {"tensor", tensorHeader(tensor)}});
  FileText file(kMagic.size() + sizeof(std::uint64_t) + header.size() + packedCodeBytes(tensor) + arrayBytes(tensor));
  file.append(kMagic);
  file.append(std::uint64_t{header.size()});
  file.append(header);
  appendPacked(file, tensor);
  file.append(tensor.scales);
  file.append(tensor.zeroPoints);
  file.append(tensor.groupIndex);
  file.append(tensor.codebook);
  file.append(tensor.inputScale);
  if (tensor.nestedScales) {
    file.append(tensor.nestedScales->codes);
    file.append(tensor.nestedScales->codebook);
    file.append(tensor.nestedScales->absMax);
  }
  return file.finish();
}

std::optional<QuantizedTensor> decodeLayerTensor(std::string_view bytes) {
  const std::optional<LayerParts> parts = splitLayer(bytes);
  if (!parts) return std::nullopt;
  try {
    return tensorFromParts(parts->header.at("tensor"), PayloadReader(parts->payload));
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<QuantizedTensor> readLayerHead(const std::filesystem::path& path) {
  std::error_code failed;
  const std::uint64_t size = std::filesystem::file_size(path, failed);
  std::ifstream file(path, std::ios::binary);
  if (failed || !file || size < kMagic.size() + sizeof(std::uint64_t)) return std::nullopt;
  try {
    return headFrom(file, size);
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<LayerReport> decodeLayerReport(std::string_view bytes) {
  const std::optional<LayerParts> parts = splitLayer(bytes);
  if (!parts) return std::nullopt;
  try {
    return reportFromValue(parts->header.at("report"));
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace qs
