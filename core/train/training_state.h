#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/train/trained_tensors.h"

namespace qs {

/// The losses of a training so far.
struct TrainingCurves {
  std::vector<double> step, loss;                      ///< of each step's batch
  std::vector<double> validationStep, validationLoss;  ///< of the text kept out
  bool operator==(const TrainingCurves&) const = default;
};

/// How a training ended, when not at its last step.
enum class TrainingEnd { Finished, NotFinite, Diverged };

/// Everything that the rest of a training depends on.
struct TrainingState {
  int step = 0;  ///< steps taken
  int bestStep = 0;
  double bestLoss = std::numeric_limits<double>::infinity();  ///< on the text kept out
  TrainingEnd end = TrainingEnd::Finished;
  double seconds = 0;  ///< that the steps took, those before an interruption included
  TrainingCurves curves;
  TrainedTensors best;
  std::vector<std::vector<float>> parameters;  ///< as ParameterSet::state() orders them
};

}  // namespace qs
