#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/file_descriptor.h"
#include "core/session/quant_report.h"
#include "core/session/quant_request.h"
#include "core/tensor/quantized_tensor.h"

namespace qs {

/// Identifies a model's contents without reading them in full: names, sizes, times, headers and sampled bytes.
[[nodiscard]] std::string modelFingerprint(const Checkpoint& model);

/// The finished layers of one run on disk: a folder keyed by model, request and calibration, one file a layer, each
/// written aside and renamed. Makes a run resumable and an identical run instant, and is what export reads. As long as
/// it lives (copies included), no process removes the folder by trim(). Thread-safe.
class RunStore {
 public:
  /// What all runs below a root may take.
  static constexpr std::uint64_t kMostBytes = 20'000'000'000;

  /// Opens (or makes) the folder of this run below `root`. Throws Error (Failed) where it can't be written.
  RunStore(const std::filesystem::path& root, const Checkpoint& model, const QuantRequest& request);

  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
  [[nodiscard]] bool contains(std::string_view layer) const;
  /// How many layer files it holds.
  [[nodiscard]] std::size_t size() const;
  void save(const LayerReport& report, const QuantizedTensor& tensor);
  /// The layer's tensor, or report; nothing where it isn't stored or its file is damaged (then it counts as absent).
  [[nodiscard]] std::optional<QuantizedTensor> loadTensor(std::string_view layer) const;
  /// The layer's tensor without its codes, which aren't read: quick, and blind to damage in them.
  [[nodiscard]] std::optional<QuantizedTensor> loadHead(std::string_view layer) const;
  [[nodiscard]] std::optional<LayerReport> loadReport(std::string_view layer) const;
  /// Keeps the 1-D tensors (norms, biases) that a training of the whole model changed, by name.
  void saveVectors(const std::map<std::string, std::vector<float>>& vectors);
  /// Nothing where none are kept, or the file is damaged.
  [[nodiscard]] std::optional<std::map<std::string, std::vector<float>>> loadVectors() const;
  /// File of an unfinished training's state; it need not exist.
  [[nodiscard]] std::filesystem::path trainingFile() const { return m_folder / "training.state"; }
  /// Folder for the store of the run that a training starts from.
  [[nodiscard]] std::filesystem::path startFolder() const { return m_folder / "start"; }
  /// Folder for the store of what a training had reached when it was stopped there: one for each such step.
  [[nodiscard]] std::filesystem::path stoppedFolder(std::size_t block, int step) const;
  /// Forgets every layer of this run, and what an unfinished training left.
  void clear();

  /// Keeps every other user out, this process's own copies of it aside; false where another one has the store, too.
  [[nodiscard]] bool claim();

  /// Removes whole runs below `root` that nobody has open, least recently used first, until at most `mostBytes` remain.
  static void trim(const std::filesystem::path& root, std::uint64_t mostBytes = kMostBytes);

 private:
  [[nodiscard]] std::filesystem::path fileOf(std::string_view layer) const;

  std::filesystem::path m_folder;
  std::shared_ptr<const FileDescriptor> m_lock;  ///< shared, or exclusive once claimed
};

}  // namespace qs
