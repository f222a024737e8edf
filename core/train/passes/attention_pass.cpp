#include "core/train/passes/attention_pass.h"

#include <cmath>
#include <optional>

#include "core/model/runner/qkv_offsets.h"
#include "core/train/passes/norm_pass.h"
#include "core/train/passes/real_math.h"
#include "core/train/passes/row_tiles.h"

namespace qs {

namespace {

constexpr std::size_t kQueryTile = 64;

/// cos and sin of each position's rotations.
template <typename T>
class Rotations {
 public:
  Rotations(const RopeSpec& rope, std::size_t length) : m_cos(length, rope.dims / 2), m_sin(length, rope.dims / 2) {
    const bool isLong = rope.longBeyond > 0 && length > rope.longBeyond;
    const std::vector<double>& frequencies = isLong ? rope.longFrequencies : rope.frequencies;
    for (std::size_t p = 0; p < length; ++p) {
      for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = static_cast<double>(p) * frequencies[i];
        m_cos.row(p)[i] = static_cast<T>(std::cos(angle) * rope.attentionFactor);
        m_sin.row(p)[i] = static_cast<T>(std::sin(angle) * rope.attentionFactor);
      }
    }
  }

  /// Rotates a head; with `back` by the transposed matrix, which carries gradients back.
  void rotate(std::size_t position, std::span<T> head, bool back) const {
    const std::span<const T> cos = m_cos.row(position);
    const std::span<const T> sin = m_sin.row(position);
    const std::size_t half = cos.size();
    for (std::size_t i = 0; i < half; ++i) {
      const T turn = back ? -sin[i] : sin[i];
      const T one = head[i];
      const T two = head[i + half];
      head[i] = one * cos[i] - two * turn;
      head[i + half] = two * cos[i] + one * turn;
    }
  }

 private:
  RealMatrix<T> m_cos;
  RealMatrix<T> m_sin;
};

/// Heads that are placed: the queries, then the keys.
struct PlacedHeads {
  std::vector<std::size_t> offsets;
  std::vector<const std::optional<NormSpec>*> norms;
};

PlacedHeads placedHeads(const ArchitectureSpec& spec, const AttentionSpec& attention) {
  PlacedHeads heads;
  for (std::size_t h = 0; h < spec.heads; ++h) {
    heads.offsets.push_back(queryOffset(spec, attention.layout, h));
    heads.norms.push_back(&attention.queryNorm);
  }
  for (std::size_t h = 0; h < spec.kvHeads; ++h) {
    heads.offsets.push_back(keyOffset(spec, attention.layout, h));
    heads.norms.push_back(&attention.keyNorm);
  }
  return heads;
}

std::size_t firstSeen(const AttentionSpec& attention, std::size_t position) {
  return attention.window == 0 || position < attention.window ? 0 : position + 1 - attention.window;
}

/// A tile of queries of one head with the positions that it sees.
struct QueryTile {
  std::size_t first = 0;  ///< query
  std::size_t count = 0;
  std::size_t begin = 0;  ///< position seen first
  std::size_t seen = 0;   ///< positions

  QueryTile(const AttentionSpec& attention, std::size_t query, std::size_t length)
      : first(query), count(std::min(kQueryTile, length - query)), begin(firstSeen(attention, query)) {
    seen = first + count - begin;
  }
};

/// One head's rows of a window inside a wider matrix.
template <typename T>
struct HeadColumns {
  T* data = nullptr;
  std::size_t stride = 0;
  std::size_t dim = 0;
  [[nodiscard]] Block<T> rows(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, dim, stride};
  }
};

template <typename T>
void probabilitiesOf(const AttentionSpec& attention, const QueryTile& tile, Block<const T> queries, Block<const T> keys,
                     Block<T> scores) {
  multiplyTransposed(queries, keys, scores);
  for (std::size_t q = 0; q < tile.count; ++q) {
    const std::span<T> row(scores.data + q * scores.stride, tile.seen);
    const std::size_t low = firstSeen(attention, tile.first + q) - tile.begin;
    const std::size_t high = tile.first + q + 1 - tile.begin;
    std::fill(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(low), T(0));
    realSoftmax(row.subspan(low, high - low), static_cast<T>(attention.scoreScale), attention.softCap);
    std::fill(row.begin() + static_cast<std::ptrdiff_t>(high), row.end(), T(0));
  }
}

/// Rows of ∂L/∂P become those of ∂L/∂(q·k): P∘(dP − Σ dP∘P) · scale, and through the cap its slope.
template <typename T>
void scoreGradients(const AttentionSpec& attention, const QueryTile& tile, Block<const T> probabilities,
                    Block<const T> raw, Block<T> gradients) {
  const auto scale = static_cast<T>(attention.scoreScale);
  const auto cap = static_cast<T>(attention.softCap);
  for (std::size_t q = 0; q < tile.count; ++q) {
    const T* p = probabilities.data + q * probabilities.stride;
    T* d = gradients.data + q * gradients.stride;
    double dot = 0;
    for (std::size_t i = 0; i < tile.seen; ++i) dot += static_cast<double>(p[i]) * static_cast<double>(d[i]);
    const auto mean = static_cast<T>(dot);
    for (std::size_t i = 0; i < tile.seen; ++i) d[i] = p[i] * (d[i] - mean) * scale;
    if (cap <= T(0)) continue;
    for (std::size_t i = 0; i < tile.seen; ++i) {
      const T t = std::tanh(raw.data[q * raw.stride + i] * scale / cap);
      d[i] *= T(1) - t * t;
    }
  }
}

template <typename T>
class HeadBackward {
 public:
  HeadBackward(const AttentionSpec& attention, std::size_t length)
      : m_attention(attention),
        m_length(length),
        m_scores(std::min(kQueryTile, length), length),
        m_raw(attention.softCap > 0 ? m_scores.rows() : 0, length),
        m_gradients(m_scores.rows(), length) {}

  /// Sets the queries' gradient, adds to the keys' and values'.
  void run(HeadColumns<const T> q, HeadColumns<const T> k, HeadColumns<const T> v, HeadColumns<const T> out,
           HeadColumns<T> dq, HeadColumns<T> dk, HeadColumns<T> dv) {
    for (std::size_t first = 0; first < m_length; first += kQueryTile) {
      const QueryTile tile(m_attention, first, m_length);
      const Block<T> scores{m_scores.values().data(), tile.count, tile.seen, tile.seen};
      const Block<T> gradients{m_gradients.values().data(), tile.count, tile.seen, tile.seen};
      const Block<T> raw{m_raw.values().data(), tile.count, tile.seen, tile.seen};
      const Block<const T> fixed{scores.data, tile.count, tile.seen, tile.seen};
      const Block<const T> own{gradients.data, tile.count, tile.seen, tile.seen};
      if (m_attention.softCap > 0) multiplyTransposed(q.rows(first, tile.count), k.rows(tile.begin, tile.seen), raw);
      probabilitiesOf<T>(m_attention, tile, q.rows(first, tile.count), k.rows(tile.begin, tile.seen), scores);
      multiplyTransposed(out.rows(first, tile.count), v.rows(tile.begin, tile.seen), gradients);
      multiplyByTransposed(fixed, out.rows(first, tile.count), dv.rows(tile.begin, tile.seen), true);
      scoreGradients<T>(m_attention, tile, fixed, {raw.data, raw.rows, raw.cols, raw.stride}, gradients);
      multiply(own, k.rows(tile.begin, tile.seen), dq.rows(first, tile.count));
      multiplyByTransposed(own, q.rows(first, tile.count), dk.rows(tile.begin, tile.seen), true);
    }
  }

 private:
  const AttentionSpec& m_attention;
  std::size_t m_length;
  RealMatrix<T> m_scores;
  RealMatrix<T> m_raw;
  RealMatrix<T> m_gradients;
};

}  // namespace

template <typename T>
void placeHeads(const ArchitectureSpec& spec, const AttentionSpec& attention, const TensorMap<T>& tensors,
                BasicMatrixView<T> qkv, std::size_t windowLength, const RunContext& context) {
  std::optional<Rotations<T>> rotations;
  if (spec.rope) rotations.emplace(*spec.rope, windowLength);
  const PlacedHeads heads = placedHeads(spec, attention);
  if (!rotations && !attention.queryNorm && !attention.keyNorm) return;
  forTrainingRows(qkv.rows, context, [&](std::size_t, std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      for (std::size_t h = 0; h < heads.offsets.size(); ++h) {
        const std::span<T> head = qkv.row(r).subspan(heads.offsets[h], spec.headDim);
        if (const std::optional<NormSpec>& norm = *heads.norms[h]; norm)
          normRowForward<T>(
              *norm, tensors.at(norm->name + ".weight").values(),
              norm->kind == NormKind::Layer ? tensors.at(norm->name + ".bias").values() : std::span<const T>(), head,
              head);
        if (rotations) rotations->rotate(r % windowLength, head, false);
      }
    }
  });
}

template <typename T>
void placeHeadsBackward(const ArchitectureSpec& spec, const AttentionSpec& attention, const TensorMap<T>& tensors,
                        BasicMatrixView<const T> before, BasicMatrixView<T> gradient, std::size_t windowLength,
                        TensorMap<T>& gradients, const RunContext& context) {
  std::optional<Rotations<T>> rotations;
  if (spec.rope) rotations.emplace(*spec.rope, windowLength);
  const PlacedHeads heads = placedHeads(spec, attention);
  const std::size_t tiles = trainingRowTiles(gradient.rows);
  // Sums of the query norm, then of the key norm: weight and bias.
  std::array<std::vector<std::vector<double>>, 4> partials;
  for (auto& sums : partials) sums.assign(tiles, std::vector<double>(spec.headDim, 0.0));
  forTrainingRows(gradient.rows, context, [&](std::size_t tile, std::size_t first, std::size_t count) {
    std::vector<T> own(spec.headDim);
    for (std::size_t r = first; r < first + count; ++r) {
      for (std::size_t h = 0; h < heads.offsets.size(); ++h) {
        const std::span<T> head = gradient.row(r).subspan(heads.offsets[h], spec.headDim);
        if (rotations) rotations->rotate(r % windowLength, head, true);
        const std::optional<NormSpec>& norm = *heads.norms[h];
        if (!norm) continue;
        std::copy(head.begin(), head.end(), own.begin());
        const std::size_t which = h < spec.heads ? 0 : 2;
        normRowBackward<T>(*norm, tensors.at(norm->name + ".weight").values(),
                           before.row(r).subspan(heads.offsets[h], spec.headDim), own, head,
                           std::span(partials[which][tile]), std::span(partials[which + 1][tile]));
      }
    }
  });
  const auto add = [&](const std::optional<NormSpec>& norm, std::size_t which) {
    if (!norm) return;
    addPartials(partials[which], norm->name + ".weight", gradients);
    addPartials(partials[which + 1], norm->name + ".bias", gradients);
  };
  add(attention.queryNorm, 0);
  add(attention.keyNorm, 2);
}

template <typename T>
RealMatrix<T> attendForward(const ArchitectureSpec& spec, const AttentionSpec& attention, BasicMatrixView<const T> qkv,
                            std::size_t windowLength, const RunContext& context) {
  RealMatrix<T> mixed(qkv.rows, spec.heads * spec.headDim);
  const std::size_t perKvHead = spec.heads / spec.kvHeads;
  parallelFor(context, qkv.rows / windowLength * spec.heads, [&](std::size_t task) {
    const std::size_t head = task % spec.heads;
    const std::size_t row = task / spec.heads * windowLength;
    const T* rows = qkv.data + row * qkv.cols;
    const HeadColumns<const T> q{rows + queryOffset(spec, attention.layout, head), qkv.cols, spec.headDim};
    const HeadColumns<const T> k{rows + keyOffset(spec, attention.layout, head / perKvHead), qkv.cols, spec.headDim};
    const HeadColumns<const T> v{rows + valueOffset(spec, attention.layout, head / perKvHead), qkv.cols, spec.headDim};
    const HeadColumns<T> out{mixed.row(row).data() + head * spec.headDim, mixed.cols(), spec.headDim};
    RealMatrix<T> scores(std::min(kQueryTile, windowLength), windowLength);
    for (std::size_t first = 0; first < windowLength; first += kQueryTile) {
      const QueryTile tile(attention, first, windowLength);
      const Block<T> block{scores.values().data(), tile.count, tile.seen, tile.seen};
      probabilitiesOf<T>(attention, tile, q.rows(first, tile.count), k.rows(tile.begin, tile.seen), block);
      multiply({block.data, block.rows, block.cols, block.stride}, v.rows(tile.begin, tile.seen),
               out.rows(first, tile.count));
    }
  });
  return mixed;
}

template <typename T>
RealMatrix<T> attendBackward(const ArchitectureSpec& spec, const AttentionSpec& attention, BasicMatrixView<const T> qkv,
                             BasicMatrixView<const T> mixedGradient, std::size_t windowLength,
                             const RunContext& context) {
  RealMatrix<T> gradient(qkv.rows, qkv.cols);
  const std::size_t perKvHead = spec.heads / spec.kvHeads;
  const std::size_t dim = spec.headDim;
  parallelFor(context, qkv.rows / windowLength * spec.kvHeads, [&](std::size_t task) {
    const std::size_t kvHead = task % spec.kvHeads;
    const std::size_t row = task / spec.kvHeads * windowLength;
    const T* rows = qkv.data + row * qkv.cols;
    T* own = gradient.row(row).data();
    const std::size_t key = keyOffset(spec, attention.layout, kvHead);
    const std::size_t value = valueOffset(spec, attention.layout, kvHead);
    HeadBackward<T> backward(attention, windowLength);
    for (std::size_t head = kvHead * perKvHead; head < (kvHead + 1) * perKvHead; ++head) {
      const std::size_t query = queryOffset(spec, attention.layout, head);
      const T* out = mixedGradient.data + row * mixedGradient.cols + head * dim;
      backward.run({rows + query, qkv.cols, dim}, {rows + key, qkv.cols, dim}, {rows + value, qkv.cols, dim},
                   {out, mixedGradient.cols, dim}, {own + query, qkv.cols, dim}, {own + key, qkv.cols, dim},
                   {own + value, qkv.cols, dim});
    }
  });
  return gradient;
}

template void placeHeads(const ArchitectureSpec&, const AttentionSpec&, const TensorMap<float>&, BasicMatrixView<float>,
                         std::size_t, const RunContext&);
template void placeHeads(const ArchitectureSpec&, const AttentionSpec&, const TensorMap<double>&,
                         BasicMatrixView<double>, std::size_t, const RunContext&);
template void placeHeadsBackward(const ArchitectureSpec&, const AttentionSpec&, const TensorMap<float>&,
                                 BasicMatrixView<const float>, BasicMatrixView<float>, std::size_t, TensorMap<float>&,
                                 const RunContext&);
template void placeHeadsBackward(const ArchitectureSpec&, const AttentionSpec&, const TensorMap<double>&,
                                 BasicMatrixView<const double>, BasicMatrixView<double>, std::size_t,
                                 TensorMap<double>&, const RunContext&);
template RealMatrix<float> attendForward(const ArchitectureSpec&, const AttentionSpec&, BasicMatrixView<const float>,
                                         std::size_t, const RunContext&);
template RealMatrix<double> attendForward(const ArchitectureSpec&, const AttentionSpec&, BasicMatrixView<const double>,
                                          std::size_t, const RunContext&);
template RealMatrix<float> attendBackward(const ArchitectureSpec&, const AttentionSpec&, BasicMatrixView<const float>,
                                          BasicMatrixView<const float>, std::size_t, const RunContext&);
template RealMatrix<double> attendBackward(const ArchitectureSpec&, const AttentionSpec&, BasicMatrixView<const double>,
                                           BasicMatrixView<const double>, std::size_t, const RunContext&);

}  // namespace qs
