#pragma once

#include <QByteArray>

class QDockWidget;
class QMainWindow;

namespace qs {

class ComparisonPanel;
class InspectorPanel;
class MethodForm;
class ModelPanel;
class PromptPanel;

/// The panels around the middle, each in a dock.
struct WindowDocks {
  explicit WindowDocks(QMainWindow* owner);

  /// Puts every dock where it stands at first.
  void resetLayout();

  QMainWindow* window = nullptr;
  ModelPanel* model = nullptr;
  MethodForm* method = nullptr;
  InspectorPanel* inspector = nullptr;
  ComparisonPanel* comparison = nullptr;
  PromptPanel* prompt = nullptr;
  QDockWidget* modelDock = nullptr;
  QDockWidget* methodDock = nullptr;
  QDockWidget* inspectorDock = nullptr;
  QDockWidget* comparisonDock = nullptr;
  QDockWidget* promptDock = nullptr;  ///< behind the comparison
};

}  // namespace qs
