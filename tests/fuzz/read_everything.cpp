#include "tests/fuzz/read_everything.h"

#include <algorithm>
#include <vector>

#include "core/base/error.h"

namespace qs::test {

void readEverything(const Checkpoint& model) {
  constexpr std::uint64_t kPart = 512;
  for (const CheckpointTensor& tensor : model.tensors()) {
    const std::uint64_t count = std::min(kPart, tensor.info.elements);
    std::vector<float> values(count);
    try {
      tensor.source->read(0, values);
      tensor.source->read(tensor.info.elements - count, values);
      (void)tensor.source->stored();
      (void)tensor.source->quantized();
    } catch (const Error&) {
      // One damaged tensor doesn't hide the others.
    }
    tensor.source->release();
  }
}

}  // namespace qs::test
