#include <optional>

#include "core/base/error.h"
#include "core/io/importers/importer.h"
#include "core/io/importers/packed_layer_source.h"
#include "core/io/layouts/block_scaled_layout.h"

namespace qs {

namespace {

constexpr std::uint64_t kMostBlock = std::uint64_t{1} << 24U;
constexpr const char* kScale = "weight_scale_inv";

struct Block {
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
};

Block blockOf(const QuantizationConfig& config) {
  const auto found = config.json().find("weight_block_size");
  const auto isSize = [](const nlohmann::json& value) {
    return value.is_number_unsigned() && value > 0 && value < kMostBlock;
  };
  if (found == config.json().end() || !found->is_array() || found->size() != 2 || !isSize(found->at(0)) ||
      !isSize(found->at(1)))
    throw mismatchError(config.subject(), "weight_block_size", "[rows, columns]",
                        found == config.json().end() ? "none" : found->dump());
  return {found->at(0).get<std::uint64_t>(), found->at(1).get<std::uint64_t>()};
}

}  // namespace

void importFp8(const QuantizationConfig& config, Checkpoint::Contents& contents) {
  const Block block = blockOf(config);
  const std::string scheme = "FP8 (E4M3), blocks of " + std::to_string(block.rows) + " × " + std::to_string(block.cols);
  for (LayerParts& parts : takeLayers(contents.tensors, kScale, {"weight", kScale})) {
    const std::string subject = parts.file() + ": " + parts.layer;
    const CheckpointTensor* const weight = parts.find("weight");
    if (weight == nullptr) throw inputError(subject, "the tensor .weight is missing");
    Shape shape = weight->info.shape;
    contents.tensors.push_back(packedLayerTensor(
        std::move(parts), std::move(shape), DType::BF16, scheme, [block, subject](const PackedTensors& packed) {
          return unpackFp8Blocks(packed, kScale, block.rows, block.cols, subject);
        }));
  }
}

}  // namespace qs
