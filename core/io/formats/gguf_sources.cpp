#include "core/io/formats/gguf_sources.h"

#include <algorithm>
#include <vector>

#include "core/kernels/block_decode.h"

namespace qs {

namespace {

class BlockSource final : public TensorSource {
 public:
  BlockSource(std::shared_ptr<const MappedFile> file, DType type, std::span<const std::byte> bytes)
      : m_file(std::move(file)), m_type(type), m_bytes(bytes) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    const auto elements = static_cast<std::uint64_t>(traits(m_type).blockElements);
    std::size_t done = 0;
    // A partial block at either end goes through a small buffer; whole blocks decode in place.
    while (done < out.size()) {
      const std::uint64_t at = first + done;
      const std::uint64_t inside = at % elements;
      const std::size_t left = out.size() - done;
      if (inside == 0 && left >= elements) {
        const std::size_t whole = left / elements * elements;
        decode(at / elements, out.subspan(done, whole));
        done += whole;
      } else {
        std::vector<float> block(elements);
        decode(at / elements, block);
        const std::size_t count = std::min<std::size_t>(left, elements - inside);
        std::copy_n(block.begin() + static_cast<std::ptrdiff_t>(inside), count,
                    out.begin() + static_cast<std::ptrdiff_t>(done));
        done += count;
      }
    }
  }
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_file->release(m_bytes); }
  void forget() const override { m_file->forget(m_bytes); }

 private:
  void decode(std::uint64_t firstBlock, std::span<float> out) const {
    const auto width = static_cast<std::size_t>(traits(m_type).bits / 8);
    const std::size_t blocks = out.size() / static_cast<std::size_t>(traits(m_type).blockElements);
    decodeBlocks(m_type, m_bytes.subspan(firstBlock * width, blocks * width), out);
  }

  std::shared_ptr<const MappedFile> m_file;
  DType m_type;
  std::span<const std::byte> m_bytes;
};

// A view of another source; what it shows has to be decoded.
class DerivedSource : public TensorSource {
 public:
  explicit DerivedSource(std::shared_ptr<const TensorSource> source) : m_source(std::move(source)) {}
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_source->release(); }
  void forget() const override { m_source->forget(); }

 protected:
  [[nodiscard]] const TensorSource& source() const { return *m_source; }

 private:
  std::shared_ptr<const TensorSource> m_source;
};

class UnpermutedSource final : public DerivedSource {
 public:
  UnpermutedSource(std::shared_ptr<const TensorSource> source, std::size_t rows, std::size_t cols, std::size_t heads)
      : DerivedSource(std::move(source)), m_cols(cols), m_headRows(rows / heads) {}

  void read(std::uint64_t first, std::span<float> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const std::uint64_t row = (first + done) / m_cols;
      const std::uint64_t col = (first + done) % m_cols;
      const std::size_t count = std::min<std::size_t>(out.size() - done, m_cols - col);
      source().read(storedRow(row) * m_cols + col, out.subspan(done, count));
      done += count;
    }
  }

 private:
  [[nodiscard]] std::uint64_t storedRow(std::uint64_t row) const {
    const std::uint64_t within = row % m_headRows;
    const std::uint64_t half = m_headRows / 2;
    return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
  }

  std::size_t m_cols;
  std::size_t m_headRows;
};

class TransposedSource final : public DerivedSource {
 public:
  TransposedSource(std::shared_ptr<const TensorSource> source, std::size_t rows, std::size_t cols)
      : DerivedSource(std::move(source)), m_rows(rows), m_cols(cols) {}

  // Element (c, r) of what is shown stands at (r, c): the columns that `out` touches are read row by row and scattered.
  void read(std::uint64_t first, std::span<float> out) const override {
    if (out.empty()) return;
    const std::uint64_t last = first + out.size() - 1;
    const std::uint64_t firstCol = first / m_rows;
    const std::uint64_t cols = last / m_rows - firstCol + 1;
    std::vector<float> part(cols);
    for (std::size_t r = 0; r < m_rows; ++r) {
      source().read(r * m_cols + firstCol, part);
      for (std::uint64_t c = 0; c < cols; ++c) {
        const std::uint64_t index = (firstCol + c) * m_rows + r;
        if (index >= first && index <= last) out[index - first] = part[c];
      }
    }
  }

 private:
  std::size_t m_rows;
  std::size_t m_cols;
};

class MinusOneSource final : public DerivedSource {
 public:
  using DerivedSource::DerivedSource;
  void read(std::uint64_t first, std::span<float> out) const override {
    source().read(first, out);
    for (float& value : out) value -= 1.0F;
  }
};

}  // namespace

std::shared_ptr<const TensorSource> blockSource(std::shared_ptr<const MappedFile> file, DType type,
                                                std::span<const std::byte> bytes) {
  return std::make_shared<const BlockSource>(std::move(file), type, bytes);
}

std::shared_ptr<const TensorSource> unpermutedSource(std::shared_ptr<const TensorSource> source, std::size_t rows,
                                                     std::size_t cols, std::size_t heads) {
  return std::make_shared<const UnpermutedSource>(std::move(source), rows, cols, heads);
}

std::shared_ptr<const TensorSource> transposedSource(std::shared_ptr<const TensorSource> source, std::size_t rows,
                                                     std::size_t cols) {
  return std::make_shared<const TransposedSource>(std::move(source), rows, cols);
}

std::shared_ptr<const TensorSource> minusOneSource(std::shared_ptr<const TensorSource> source) {
  return std::make_shared<const MinusOneSource>(std::move(source));
}

}  // namespace qs
