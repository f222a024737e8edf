#include "tests/support/model_writer.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/random_matrix.h"

namespace qs::test {

namespace {

constexpr std::size_t kHidden = 64;
constexpr std::size_t kInner = 96;
constexpr std::size_t kBlocks = 2;

struct TinyLinear {
  const char* name;
  std::size_t out;
  std::size_t in;
  std::uint64_t input;  // layers with the same number share an input
};
constexpr TinyLinear kLinears[] = {
    {"self_attn.q_proj", kHidden, kHidden, 1}, {"self_attn.k_proj", 32, kHidden, 1},
    {"self_attn.v_proj", 32, kHidden, 1},      {"self_attn.o_proj", kHidden, kHidden, 2},
    {"mlp.gate_proj", kInner, kHidden, 3},     {"mlp.up_proj", kInner, kHidden, 3},
    {"mlp.down_proj", kHidden, kInner, 4},
};

std::string blockPrefix(std::size_t block) { return "model.layers." + std::to_string(block) + "."; }

}  // namespace

void writeModel(const std::filesystem::path& file, const std::vector<NamedMatrix>& tensors) {
  nlohmann::ordered_json header;
  std::uint64_t offset = 0;
  for (const NamedMatrix& tensor : tensors) {
    const std::uint64_t bytes = tensor.values.values().size() * sizeof(float);
    nlohmann::ordered_json shape = nlohmann::ordered_json::array();
    if (!tensor.isVector) shape.push_back(tensor.values.rows());
    shape.push_back(tensor.values.cols());
    header[tensor.name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(&length), sizeof(length));
  stream << text;
  for (const NamedMatrix& tensor : tensors)
    stream.write(reinterpret_cast<const char*>(tensor.values.values().data()),
                 static_cast<std::streamsize>(tensor.values.values().size() * sizeof(float)));
}

std::vector<NamedMatrix> tinyModel() {
  std::vector<NamedMatrix> tensors;
  std::uint64_t seed = 1;
  tensors.push_back({"model.embed_tokens.weight", randomMatrix(40, kHidden, seed++)});
  for (std::size_t block = 0; block < kBlocks; ++block) {
    tensors.push_back({blockPrefix(block) + "input_layernorm.weight", randomMatrix(1, kHidden, seed++), true});
    for (const TinyLinear& linear : kLinears)
      tensors.push_back({blockPrefix(block) + linear.name + ".weight", randomMatrix(linear.out, linear.in, seed++)});
  }
  tensors.push_back({"lm_head.weight", randomMatrix(40, kHidden, seed++)});
  return tensors;
}

std::vector<NamedMatrix> tinyInputs(std::size_t tokens) {
  std::vector<NamedMatrix> tensors;
  for (std::size_t block = 0; block < kBlocks; ++block)
    for (const TinyLinear& linear : kLinears)
      tensors.push_back({blockPrefix(block) + linear.name + ".input",
                         randomMatrix(tokens, linear.in, 1000 + 10 * block + linear.input)});
  return tensors;
}

}  // namespace qs::test
