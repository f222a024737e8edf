#pragma once

#include <QString>
#include <string>

#include "core/session/recipe.h"

namespace qs {

/// What the person was at: "Continue" on the start page brings it back.
struct StoredSession {
  QString model;  ///< path, or "demo"
  QString modelName;
  Recipe recipe;
  QString tensor;  ///< empty where none was selected
  QString view;    ///< ViewArea::fileName of the tab
  bool operator==(const StoredSession&) const = default;
};

/// The session as JSON with a version.
[[nodiscard]] std::string toText(const StoredSession& session);
/// Reads what toText wrote; `file` is for messages. Throws Error (Input) where the text is of another version or no
/// session.
[[nodiscard]] StoredSession parseSession(const std::string& text, const std::string& file);

}  // namespace qs
