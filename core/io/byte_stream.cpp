#include "core/io/byte_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "core/base/error.h"
#include "core/io/file_descriptor.h"

namespace qs {

namespace {

constexpr int kPatienceMs = 20;  // between looks at whether to stop
constexpr std::size_t kPieceBytes = std::size_t{1} << 18U;

Error systemError(const std::string& name) {
  return inputError(name, "can't be read: " + std::generic_category().message(errno));
}

// Returns once there is something to read, or nothing more to come.
void waitFor(int file, const std::string& name, const RunContext& context) {
  pollfd state{.fd = file, .events = POLLIN, .revents = 0};
  for (;;) {
    context.throwIfStopped();
    const int ready = poll(&state, 1, kPatienceMs);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw systemError(name);
  }
}

std::string readAll(int file, const std::string& name, std::uint64_t maximumBytes, const RunContext& context) {
  std::string bytes;
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    waitFor(file, name, context);
    const ssize_t got = read(file, piece.data(), piece.size());
    if (got == 0) return bytes;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw systemError(name);
    if (static_cast<std::uint64_t>(got) > maximumBytes - bytes.size())
      throw inputError(name, "has more than " + std::to_string(maximumBytes) + " bytes");
    bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string readStream(const std::filesystem::path& path, std::uint64_t maximumBytes, const RunContext& context) {
  // A socket can't be opened by that name.
  if (path == "/dev/stdin") return readAll(STDIN_FILENO, path.string(), maximumBytes, context);
  // Non-blocking, so that a pipe without a writer can be given up.
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);
  if (file.fd() < 0) throw systemError(path.string());
  return readAll(file.fd(), path.string(), maximumBytes, context);
}

std::string readStandardInput(std::uint64_t maximumBytes, const RunContext& context) {
  return readAll(STDIN_FILENO, "standard input", maximumBytes, context);
}

}  // namespace qs
