#include "core/exporters/single_file_export.h"

#include "core/exporters/run_metadata.h"
#include "core/io/formats/safetensors_reader.h"

namespace qs {

ExportResult exportSafetensorsFile(const ExportSource& source, const ExportOptions& options,
                                   const PartsOfLayer& partsOf, const WriteLayer& writeLayer,
                                   const RunContext& context) {
  const PromisedModel model(source, InputScales::Kept, context);
  const std::vector<ExportUnit> units = planUnits(model, partsOf, context);
  const std::vector<PlannedTensor> plan = allParts(units);
  RoundTripCheck check;
  for (const PlannedTensor& part : plan) check.expect(part.name, part.shape);
  SafetensorsWriter file(options.path, plan, runMetadata(source), options.replace);
  const TensorSink write = [&file](std::string_view tensor, std::span<const std::byte> bytes) {
    file.append(tensor, bytes);
  };
  const TensorSink writeAndPromise = [&](std::string_view tensor, std::span<const std::byte> bytes) {
    file.append(tensor, bytes);
    check.promiseBytes(tensor, bytes);
  };
  streamUnits(
      units,
      [&](const ExportUnit& unit) {
        if (unit.layer.empty())
          copyUnit(model, unit, write, check, context);
        else
          writeLayer(unit, model.load(unit.layer), writeAndPromise);
      },
      context);
  ExportResult result;
  file.commit([&](const std::filesystem::path& aside) {
    const Checkpoint written({.path = aside, .format = "safetensors", .tensors = readSafetensorsFile(aside).tensors});
    check.compare(written, result, context);
  });
  result.bytes = bytesOnDisk(options.path);
  return result;
}

std::uint64_t bytesOnDisk(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return std::filesystem::file_size(path, ignored);
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) bytes += entry.file_size(ignored);
  return bytes;
}

}  // namespace qs
