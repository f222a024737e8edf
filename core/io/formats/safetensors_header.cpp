#include "core/io/formats/safetensors_header.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/io/formats/safetensors_sax.h"

namespace qs {

namespace {

std::string rangeText(std::uint64_t begin, std::uint64_t end) {
  return "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
}

SafetensorsEntry checkedEntry(RawSafetensorsEntry& raw, const std::string& file) {
  const std::string subject = file + ": tensor '" + raw.name + "'";
  if (!raw.dtype) throw mismatchError(subject, "dtype", "a dtype tag", "nothing");
  if (!raw.shape) throw mismatchError(subject, "shape", "an array of dimensions", "nothing");
  if (!raw.offsets) throw mismatchError(subject, "data_offsets", "[begin, end]", "nothing");
  const auto dtype = dtypeFromSafetensorsTag(*raw.dtype);
  if (!dtype) throw mismatchError(subject, "dtype", "a safetensors dtype", "'" + *raw.dtype + "'");
  if (raw.offsets->size() != 2)
    throw mismatchError(subject, "data_offsets", "2 numbers", std::to_string(raw.offsets->size()));
  const std::uint64_t begin = raw.offsets->front();
  const std::uint64_t end = raw.offsets->back();
  if (begin > end) throw mismatchError(subject, "data_offsets", "begin <= end", rangeText(begin, end));
  const auto elements = elementCount(*raw.shape);
  if (!elements) throw mismatchError(subject, "shape", "a product below 2^64", toText(*raw.shape));
  const auto bytes = byteSize(*dtype, *elements);
  if (!bytes)
    throw mismatchError(subject, "shape", "a whole number of bytes below 2^61 of " + *raw.dtype, toText(*raw.shape));
  if (*bytes != end - begin)
    throw mismatchError(subject, "data_offsets",
                        std::to_string(*bytes) + " bytes for " + *raw.dtype + " " + toText(*raw.shape),
                        std::to_string(end - begin) + " bytes " + rangeText(begin, end));
  return {{.name = std::move(raw.name),
           .dtype = *dtype,
           .shape = std::move(*raw.shape),
           .elements = *elements,
           .bytes = *bytes,
           .storedScheme = {}},
          begin,
          end};
}

// Sorted by offset the tensors must tile the data section: no hole, no overlap, nothing after the last.
void requireTiling(const std::vector<SafetensorsEntry>& entries, std::uint64_t dataBytes, const std::string& file) {
  std::uint64_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != expected)
      throw mismatchError(file + ": tensor '" + entry.info.name + "'", "data_offsets",
                          "begin at " + std::to_string(expected) + (entry.begin < expected ? " (overlap)" : " (hole)"),
                          rangeText(entry.begin, entry.end));
    expected = entry.end;
    if (expected > dataBytes)
      throw mismatchError(file + ": tensor '" + entry.info.name + "'", "data_offsets",
                          "end within the " + std::to_string(dataBytes) + " bytes of data (file cut short?)",
                          rangeText(entry.begin, entry.end));
  }
  if (expected != dataBytes)
    throw mismatchError(file, "data section", std::to_string(expected) + " bytes as the tensors say",
                        std::to_string(dataBytes) + " bytes");
}

}  // namespace

SafetensorsHeader parseSafetensorsHeader(std::string_view json, std::uint64_t dataBytes, const std::string& file) {
  const std::size_t start = json.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || json[start] != '{')
    throw mismatchError(file + ": header", "JSON", "an object", json.empty() ? "nothing" : "something else");
  // The parser takes NUL for the end of its input.
  if (json.find('\0') != std::string_view::npos) throw inputError(file + ": header", "not valid JSON: it holds NUL");
  SafetensorsSax sax(file);
  nlohmann::json::sax_parse(json.begin(), json.end(), &sax);
  SafetensorsHeader header;
  header.metadata = std::move(sax.metadata);
  header.entries.reserve(sax.entries.size());
  for (RawSafetensorsEntry& raw : sax.entries) header.entries.push_back(checkedEntry(raw, file));
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
                   });
  requireTiling(header.entries, dataBytes, file);
  return header;
}

}  // namespace qs
