#include "ui/windows/stored_session.h"

#include "core/base/error.h"
#include "core/quant/method_registry.h"

namespace qs {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

QString textOf(const json& session, const char* key) {
  return QString::fromStdString(session.at(key).get<std::string>());
}

}  // namespace

std::string toText(const StoredSession& session) {
  const json document{{"version", kVersion},
                      {"model", session.model.toStdString()},
                      {"model_name", session.modelName.toStdString()},
                      {"recipe", toJson(session.recipe)},
                      {"tensor", session.tensor.toStdString()},
                      {"view", session.view.toStdString()}};
  return document.dump(2) + '\n';
}

StoredSession parseSession(const std::string& text, const std::string& file) {
  try {
    const json document = json::parse(text);
    if (const json& version = document.at("version"); version != kVersion)
      throw inputError(file, "expected version " + std::to_string(kVersion) + ", got " + version.dump());
    StoredSession session{.model = textOf(document, "model"),
                          .modelName = textOf(document, "model_name"),
                          .recipe = parseRecipe(document.at("recipe").dump(), file),
                          .tensor = textOf(document, "tensor"),
                          .view = textOf(document, "view")};
    if (session.model.isEmpty()) throw inputError(file, "'model' is empty");
    static_cast<void>(resolveSettings(requireMethod(session.recipe.method), session.recipe.settings));
    return session;
  } catch (const json::exception& error) {
    throw inputError(file, std::string("no session: ") + error.what());
  }
}

}  // namespace qs
