#include "core/io/checkpoint.h"

#include <limits>

#include "core/base/error.h"

namespace qs {

Checkpoint::Checkpoint(Contents contents) : m_contents(std::move(contents)) {
  for (std::size_t i = 0; i < m_contents.tensors.size(); ++i) {
    const auto [position, isNew] = m_indexByName.emplace(m_contents.tensors[i].info.name, i);
    if (!isNew)
      throw inputError(m_contents.path.string(), "tensor '" + position->first + "' occurs twice: in " +
                                                     m_contents.tensors[position->second].file + " and in " +
                                                     m_contents.tensors[i].file);
  }
}

std::string Checkpoint::displayName() const {
  const std::filesystem::path& path = m_contents.path;
  const std::filesystem::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
  return std::filesystem::is_directory(path) ? last.string() : last.stem().string();
}

const CheckpointTensor* Checkpoint::find(std::string_view name) const {
  const auto position = m_indexByName.find(name);
  return position == m_indexByName.end() ? nullptr : &m_contents.tensors[position->second];
}

const CheckpointTensor& Checkpoint::require(std::string_view name) const {
  const CheckpointTensor* tensor = find(name);
  if (tensor == nullptr) throw inputError(m_contents.path.string(), "has no tensor '" + std::string(name) + "'");
  return *tensor;
}

Matrix Checkpoint::load(const CheckpointTensor& tensor) const {
  const Shape& shape = tensor.info.shape;
  const std::uint64_t cols = shape.empty() ? 1 : shape.back();
  const std::uint64_t rows = cols == 0 ? 0 : tensor.info.elements / cols;
  if (tensor.info.elements > std::numeric_limits<std::size_t>::max() / sizeof(float))
    throw inputError(m_contents.path.string(), "tensor '" + tensor.info.name + "' is too large for this machine");
  Matrix values(rows, cols);
  tensor.source->read(0, values.values());
  return values;
}

}  // namespace qs
