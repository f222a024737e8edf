// Opens the input as a file of the reader QUANTSCOPE_FUZZED_READER and reads its tensors.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/fuzz/read_everything.h"

namespace {

const qs::ReaderInfo& fuzzedReader() {
  for (const qs::ReaderInfo& reader : qs::allReaders())
    if (reader.id == std::string_view(QUANTSCOPE_FUZZED_READER)) return reader;
  __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("input", 0);
  if (write(file, data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  try {
    qs::test::readEverything(*fuzzedReader().open("/proc/self/fd/" + std::to_string(file)));
  } catch (const qs::Error&) {
    // What is refused is refused properly.
  }
  close(file);
  return 0;
}
