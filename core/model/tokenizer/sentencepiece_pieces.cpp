#include "core/model/tokenizer/sentencepiece_pieces.h"

#include <sentencepiece_processor.h>

#include "core/base/error.h"

namespace qs {

namespace {

int typeOf(const sentencepiece::SentencePieceProcessor& processor, int id) {
  if (processor.IsUnknown(id)) return 2;
  if (processor.IsControl(id)) return 3;
  if (processor.IsUnused(id)) return 5;
  return processor.IsByte(id) ? 6 : 1;
}

}  // namespace

std::vector<SentencePiecePiece> sentencePiecePieces(const std::filesystem::path& file) {
  sentencepiece::SentencePieceProcessor processor;
  if (!processor.Load(file.string()).ok()) throw inputError(file.string(), "not a SentencePiece model");
  std::vector<SentencePiecePiece> pieces;
  for (int id = 0; id < processor.GetPieceSize(); ++id)
    pieces.push_back({processor.IdToPiece(id), processor.GetScore(id), typeOf(processor, id)});
  return pieces;
}

}  // namespace qs
