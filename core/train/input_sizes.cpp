#include "core/train/input_sizes.h"

#include <cmath>

#include "core/base/run_context.h"
#include "core/train/passes/block_pass.h"
#include "core/train/passes/embedding_pass.h"

namespace qs {

namespace {

std::vector<float> sizesOf(const RealMatrix<float>& rows) {
  std::vector<double> sums(rows.cols(), 0.0);
  for (std::size_t r = 0; r < rows.rows(); ++r)
    for (std::size_t c = 0; c < rows.cols(); ++c)
      sums[c] += static_cast<double>(rows.row(r)[c]) * static_cast<double>(rows.row(r)[c]);
  std::vector<float> sizes(rows.cols());
  for (std::size_t c = 0; c < sizes.size(); ++c)
    sizes[c] = static_cast<float>(std::sqrt(sums[c] / static_cast<double>(rows.rows())));
  return sizes;
}

}  // namespace

void addInputSizes(const TrainingModel<float>& model, std::size_t block, RealMatrix<float>& states,
                   std::size_t windowLength, InputSizes& sizes, const RunContext& context) {
  BlockRecord<float> record;
  states = blockForward<float>(model, block, std::move(states), windowLength, &record, context);
  const BlockSpec& spec = model.spec.blocks.at(block);
  const bool isPostNorm = spec.form == BlockForm::PostNorm;
  const std::vector<float> attention = sizesOf(isPostNorm ? record.input : record.normed);
  for (const LinearSpec& linear : spec.attention.inputs) sizes[linear.name] = attention;
  sizes[spec.attention.output.name] = sizesOf(record.mixed);
  const std::vector<float> mlp = sizesOf(isPostNorm ? record.middle : spec.mlpNorm ? record.mlpNormed : record.normed);
  for (const LinearSpec& linear : spec.mlp.inputs) sizes[linear.name] = mlp;
  sizes[spec.mlp.down.name] = sizesOf(record.activated);
}

InputSizes inputSizes(const TrainingModel<float>& model, std::span<const int> ids, std::size_t windowLength,
                      const RunContext& context) {
  InputSizes sizes;
  RealMatrix<float> states = embedForward<float>(model, ids, windowLength, context);
  for (std::size_t block = 0; block < model.spec.blocks.size(); ++block)
    addInputSizes(model, block, states, windowLength, sizes, context);
  return sizes;
}

}  // namespace qs
