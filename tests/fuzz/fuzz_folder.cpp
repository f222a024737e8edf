// Opens a model folder whose files stand in the input one behind the other, each behind a line with its length:
// config.json, model.safetensors, model.safetensors.index.json and quantize_config.json. An empty one is left out.
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/fuzz/read_everything.h"

namespace {

namespace fs = std::filesystem;

const fs::path& scratchFolder() {
  static const fs::path folder = [] {
    std::string pattern = (fs::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/quantscope-fuzz-XXXXXX");
    return fs::path(mkdtemp(pattern.data()));
  }();
  return folder;
}

// The next file; the rest of the input where its length is wrong.
std::string_view nextFile(std::string_view& input) {
  const std::size_t end = input.find('\n');
  std::size_t length = 0;
  if (end == std::string_view::npos || std::from_chars(input.data(), input.data() + end, length).ec != std::errc{})
    length = input.size();
  else
    input.remove_prefix(end + 1);
  const std::string_view file = input.substr(0, length);
  input.remove_prefix(file.size());
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const char* name :
       {"config.json", "model.safetensors", "model.safetensors.index.json", "quantize_config.json"}) {
    const std::string_view bytes = nextFile(input);
    fs::remove(scratchFolder() / name);
    if (!bytes.empty())
      std::ofstream(scratchFolder() / name, std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  try {
    qs::test::readEverything(*qs::openCheckpoint(scratchFolder()));
  } catch (const qs::Error&) {
    // What is refused is refused properly.
  }
  return 0;
}
