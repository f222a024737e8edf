#include "tests/support/opening_error.h"

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/support/allocation_meter.h"

namespace qs::test {

OpeningError openingError(const std::filesystem::path& path) {
  OpeningError result;
  try {
    std::shared_ptr<const Checkpoint> model;
    measureAllocations(result.peakBytes, [&] { model = openCheckpoint(path); });
    for (const CheckpointTensor& tensor : model->tensors()) (void)model->load(tensor);
  } catch (const Error& error) {
    result.message = error.kind() == ErrorKind::Input ? error.what() : std::string("wrong kind: ") + error.what();
  } catch (const std::exception& error) {
    result.message = std::string("wrong kind: ") + error.what();
  }
  return result;
}

}  // namespace qs::test
