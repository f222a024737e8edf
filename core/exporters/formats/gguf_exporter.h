#pragma once

#include "core/exporters/exporter.h"

namespace qs {

/// `--format gguf`: one file with tokenizer and metadata. The option "gguf_type" names the type
/// of the quantized layers (gguf_type_choice.h); without it, it is the one that holds the run's codes exactly. Where
/// the type holds them, they are written as they are; a float type rounds the run's weights; any other type's own
/// encoder rounds anew: the original weights for methods that merely round (RTN, AWQ, SmoothQuant), what the run made
/// of them for the others, weighted by the calibration inputs where the run had some.
[[nodiscard]] ExporterInfo ggufExporter();

}  // namespace qs
