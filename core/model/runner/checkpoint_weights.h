#pragma once

#include <map>
#include <mutex>

#include "core/io/checkpoint.h"
#include "core/model/runner/weight_provider.h"

namespace qs {

/// The weights as the checkpoint stores them. Pages are released after each read, so that memory stays bounded by what
/// was asked for. `spec` and `model` must outlive it. Derive from it to substitute linears.
class CheckpointWeights : public WeightProvider {
 public:
  CheckpointWeights(const ArchitectureSpec& spec, const Checkpoint& model) : m_spec(spec), m_model(model) {}

  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                     const RunContext& context) const override;
  void headRows(std::size_t first, MatrixSpan out) const override;
  [[nodiscard]] std::vector<float> vector(const std::string& tensor) const override;
  void tableRow(const std::string& tensor, std::size_t row, std::span<float> out) const override;

 protected:
  [[nodiscard]] const ArchitectureSpec& spec() const { return m_spec; }
  [[nodiscard]] const Checkpoint& model() const { return m_model; }

 private:
  const ArchitectureSpec& m_spec;
  const Checkpoint& m_model;
};

/// Keeps the linears of another provider in memory once they were read, as far as `limitBytes` goes: for generation,
/// which passes all blocks for every token.
class CachedWeights : public WeightProvider {
 public:
  CachedWeights(const WeightProvider& source, std::size_t limitBytes) : m_source(source), m_limitBytes(limitBytes) {}

  [[nodiscard]] std::shared_ptr<const Matrix> linear(const LinearSpec& linear,
                                                     const RunContext& context) const override;
  void headRows(std::size_t first, MatrixSpan out) const override { m_source.headRows(first, out); }
  [[nodiscard]] std::vector<float> vector(const std::string& tensor) const override { return m_source.vector(tensor); }
  void tableRow(const std::string& tensor, std::size_t row, std::span<float> out) const override {
    m_source.tableRow(tensor, row, out);
  }
  [[nodiscard]] bool quantizesInputs(const LinearSpec& linear) const override {
    return m_source.quantizesInputs(linear);
  }
  void quantizeInputs(const LinearSpec& linear, MatrixSpan rows) const override {
    m_source.quantizeInputs(linear, rows);
  }

 private:
  const WeightProvider& m_source;
  std::size_t m_limitBytes;
  mutable std::mutex m_mutex;
  mutable std::size_t m_usedBytes = 0;
  mutable std::map<std::string, std::shared_ptr<const Matrix>> m_linears;
};

}  // namespace qs
