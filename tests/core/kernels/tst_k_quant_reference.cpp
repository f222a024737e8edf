#include <QtTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "core/kernels/block_decode.h"
#include "core/kernels/block_encode.h"
#include "core/tensor/half.h"

using namespace qs;

// A plain encoder of the K types, after the description of the published one: grids of candidate scales, each refined
// by weighted least squares, then super-block factors in F16 and sub-block scales as small integers. It is written for
// being read, in F64, and packs nothing: it gives the values that its codes stand for.

namespace {

constexpr int kSuperBlock = 256;

struct Grid {
  double scale = 0;
  double minimum = 0;  // subtracted
};

using Values = std::vector<double>;

double weightedError(const Values& x, const Values& w, const std::function<double(double)>& decode) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += w[i] * std::pow(x[i] - decode(x[i]), 2);
  return sum;
}

// Least-squares scale and minimum of a sub-block whose codes are 0..top.
Grid affineGrid(const Values& x, const Values& w, int top, double firstStep, int steps) {
  const double low = std::min(0.0, *std::min_element(x.begin(), x.end()));
  const double high = *std::max_element(x.begin(), x.end());
  if (high <= low) return {0.0, -low};
  const auto codeOf = [&](double value, double inverse) {
    return std::clamp(std::nearbyint(inverse * (value - low)), 0.0, static_cast<double>(top));
  };
  Grid best{(high - low) / top, -low};
  double bestError =
      weightedError(x, w, [&](double v) { return codeOf(v, top / (high - low)) * best.scale - best.minimum; });
  for (int step = 0; step <= steps; ++step) {
    const double inverse = (firstStep + 0.1 * step + top) / (high - low);
    double sw = 0;
    double sl = 0;
    double sll = 0;
    double sx = 0;
    double sxl = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double l = codeOf(x[i], inverse);
      sw += w[i];
      sl += w[i] * l;
      sll += w[i] * l * l;
      sx += w[i] * x[i];
      sxl += w[i] * x[i] * l;
    }
    const double determinant = sw * sll - sl * sl;
    if (determinant <= 0) continue;
    Grid grid{(sw * sxl - sx * sl) / determinant, -(sll * sx - sl * sxl) / determinant};
    if (grid.minimum < 0) grid = {sxl / sll, 0.0};
    const double error = weightedError(x, w, [&](double v) { return codeOf(v, inverse) * grid.scale - grid.minimum; });
    if (error < bestError) {
      best = grid;
      bestError = error;
    }
  }
  return best;
}

// Least-squares scale of a sub-block whose codes are −negative..negative−1.
double symmetricScale(const Values& x, const Values& w, int negative) {
  double extreme = 0;
  for (const double value : x)
    if (std::abs(value) > std::abs(extreme)) extreme = value;
  if (extreme == 0) return 0;
  double best = 0;
  double bestGain = 0;
  for (int step = -9; step <= 9; ++step) {
    const double inverse = -(negative + 0.1 * step) / extreme;
    double sxl = 0;
    double sll = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double l = std::clamp(std::nearbyint(inverse * x[i]), -1.0 * negative, negative - 1.0);
      sxl += w[i] * x[i] * l;
      sll += w[i] * l * l;
    }
    if (sll > 0 && sxl * sxl > bestGain * sll) {
      best = sxl / sll;
      bestGain = sxl * sxl / sll;
    }
  }
  return best;
}

// Q3_K's: start from the extreme, then change one code at a time while the gain grows, five rounds at most.
double descentScale(const Values& x, const Values& w, int negative) {
  double extreme = 0;
  for (const double value : x)
    if (std::abs(value) > std::abs(extreme)) extreme = value;
  if (extreme == 0) return 0;
  const auto clamped = [negative](double code) {
    return std::clamp(std::nearbyint(code), -1.0 * negative, negative - 1.0);
  };
  Values codes;
  double sxl = 0;
  double sll = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    codes.push_back(clamped(-negative / extreme * x[i]));
    sxl += w[i] * x[i] * codes[i];
    sll += w[i] * codes[i] * codes[i];
  }
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double rest = sxl - w[i] * x[i] * codes[i];
      const double restSquares = sll - w[i] * codes[i] * codes[i];
      if (rest <= 0) continue;
      const double code = clamped(x[i] * restSquares / rest);
      const double newSxl = rest + w[i] * x[i] * code;
      const double newSll = restSquares + w[i] * code * code;
      if (newSll <= 0 || newSxl * newSxl * sll <= sxl * sxl * newSll) continue;
      codes[i] = code;
      sxl = newSxl;
      sll = newSll;
    }
  }
  return sll > 0 ? sxl / sll : 0;
}

double asHalf(double value) { return static_cast<double>(halfToFloat(floatToHalf(static_cast<float>(value)))); }

struct KType {
  DType type;
  int length;    // of a sub-block
  int top;       // largest code, or −lowest of the symmetric types
  int topScale;  // largest sub-block scale, or −lowest
  double first;  // of the candidates
  int steps;
  bool isAffine;
};

constexpr KType kTypes[]{{DType::Q2_K, 16, 3, 15, -0.5, 15, true},
                         {DType::Q3_K, 16, 4, 32, 0, 0, false},
                         {DType::Q4_K, 32, 15, 63, -1.0, 20, true},
                         {DType::Q5_K, 32, 31, 63, -0.5, 15, true},
                         {DType::Q6_K, 16, 32, 128, 0, 0, false}};

// How much an error counts without importance: |x| for Q2_K, spread + |x| for Q4_K and Q5_K, x² for Q3_K and Q6_K.
Values weightsOf(const KType& k, const Values& x) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double spread = std::sqrt(squares / static_cast<double>(x.size()));
  Values w;
  for (const double value : x)
    w.push_back(!k.isAffine ? value * value : k.length == 16 ? std::abs(value) : spread + std::abs(value));
  return w;
}

// Σ w (x − x̂)² of one super-block.
double referenceError(const KType& k, const Values& x) {
  const int blocks = kSuperBlock / k.length;
  std::vector<Values> part;
  std::vector<Values> weight;
  std::vector<Grid> grids;
  for (int b = 0; b < blocks; ++b) {
    part.emplace_back(x.begin() + b * k.length, x.begin() + (b + 1) * k.length);
    weight.push_back(weightsOf(k, part.back()));
    grids.push_back(k.isAffine ? affineGrid(part.back(), weight.back(), k.top, k.first, k.steps)
                               : Grid{k.type == DType::Q3_K ? descentScale(part.back(), weight.back(), k.top)
                                                            : symmetricScale(part.back(), weight.back(), k.top),
                                      0.0});
  }
  double largest = 0;
  double largestMinimum = 0;
  for (const Grid& grid : grids) {
    if (std::abs(grid.scale) > std::abs(largest)) largest = grid.scale;
    largestMinimum = std::max(largestMinimum, grid.minimum);
  }
  const double d = asHalf(k.isAffine ? largest / k.topScale : largest / -k.topScale);
  const double dmin = asHalf(largestMinimum / k.topScale);
  double error = 0;
  for (std::size_t b = 0; b < grids.size(); ++b) {
    const double lowest = k.isAffine ? 0 : -k.topScale;
    const double highest = k.isAffine ? k.topScale : k.topScale - 1;
    const double scale = d == 0 ? 0 : d * std::clamp(std::nearbyint(grids[b].scale / d), lowest, highest);
    const double minimum = dmin == 0 ? 0 : dmin * std::clamp(std::nearbyint(grids[b].minimum / dmin), 0.0, highest);
    const double lowCode = k.isAffine ? 0 : -k.top;
    const double highCode = k.isAffine ? k.top : k.top - 1;
    error += weightedError(part[b], weight[b], [&](double value) {
      if (scale == 0) return -minimum;
      return scale * std::clamp(std::nearbyint((value + minimum) / scale), lowCode, highCode) - minimum;
    });
  }
  return error;
}

double ourError(const KType& k, const std::vector<float>& values) {
  std::vector<std::byte> bytes(*byteSize(k.type, values.size()));
  encodeBlocks(k.type, values, {}, bytes);
  std::vector<float> decoded(values.size());
  decodeBlocks(k.type, bytes, decoded);
  double error = 0;
  for (std::size_t first = 0; first < values.size(); first += static_cast<std::size_t>(k.length)) {
    const Values x(values.begin() + static_cast<std::ptrdiff_t>(first),
                   values.begin() + static_cast<std::ptrdiff_t>(first) + k.length);
    const Values w = weightsOf(k, x);
    for (std::size_t i = 0; i < x.size(); ++i) error += w[i] * std::pow(x[i] - decoded[first + i], 2);
  }
  return error;
}

std::vector<float> values(const QString& kind) {
  std::mt19937 random(17);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  std::student_t_distribution<float> heavy(3.0F);
  std::vector<float> result(kSuperBlock * 40);
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = kind == "heavy tails" ? 0.02F * heavy(random) : normal(random);
    if (kind == "outlier columns" && i % 61 == 7) result[i] *= 12.0F;
    if (kind == "one sign") result[i] = std::abs(result[i]) + 0.01F;
  }
  return result;
}

}  // namespace

class TestKQuantReference : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void errorsAreAtMostTwoPercentAboveTheReference_data() {
    QTest::addColumn<int>("index");
    QTest::addColumn<QString>("kind");
    for (int i = 0; i < 5; ++i)
      for (const char* kind : {"gaussian", "heavy tails", "outlier columns", "one sign"})
        QTest::addRow("%s, %s", std::string(name(kTypes[i].type)).c_str(), kind) << i << kind;
  }

  void errorsAreAtMostTwoPercentAboveTheReference() {
    QFETCH(int, index);
    QFETCH(QString, kind);
    const KType& k = kTypes[index];
    const std::vector<float> x = values(kind);
    double reference = 0;
    for (std::size_t first = 0; first < x.size(); first += kSuperBlock)
      reference += referenceError(k, Values(x.begin() + static_cast<std::ptrdiff_t>(first),
                                            x.begin() + static_cast<std::ptrdiff_t>(first) + kSuperBlock));
    const double ratio = ourError(k, x) / reference;
    qInfo("%s, %s: %.4f of the reference's error", std::string(name(k.type)).c_str(), qPrintable(kind), ratio);
    QVERIFY2(ratio <= 1.02, qPrintable(QString::number(ratio)));
  }
};

QTEST_APPLESS_MAIN(TestKQuantReference)
#include "tst_k_quant_reference.moc"
