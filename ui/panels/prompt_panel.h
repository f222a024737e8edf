#pragma once

#include <QHash>
#include <QString>
#include <QWidget>
#include <vector>

#include "core/session/continue_prompt.h"

class QFrame;
class QHBoxLayout;
class QLabel;
class QLineEdit;
class QMenu;
class QPushButton;
class QSpinBox;
class QTextEdit;
class QToolButton;

namespace qs {

/// A model that may continue the prompt beside the unquantized one.
struct PromptModel {
  int id = 0;  ///< of its row in the comparison
  QString name;
  int colorSlot = 0;
};

/// A prompt and its greedy continuations side by side: the unquantized model's and those of the chosen runs, the first
/// token that differs marked.
class PromptPanel : public QWidget {
  Q_OBJECT

 public:
  explicit PromptPanel(QWidget* parent = nullptr);

 public Q_SLOTS:
  /// The runs to choose from. The first few are chosen at once, as long as the person hasn't chosen otherwise.
  void setModels(const std::vector<qs::PromptModel>& models);
  void setChosen(int id, bool chosen);
  void setHasModel(bool hasModel);
  void setBusy(bool busy);
  /// Column 0 is the unquantized model's, then come the chosen runs in their order.
  void setContinuation(std::size_t column, const qs::Continuation& continuation);
  /// Forgets models and texts.
  void clear();

 Q_SIGNALS:
  /// `ids` are the chosen runs, in the order of the columns.
  void continueRequested(const QString& prompt, int tokens, const std::vector<int>& ids);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  struct Column {
    QWidget* box = nullptr;
    QFrame* swatch = nullptr;
    int colorSlot = 0;
    QLabel* verdict = nullptr;
    QTextEdit* text = nullptr;
    Continuation continuation;
    bool isReady = false;
  };

  void begin();
  void addColumn(const QString& name, int colorSlot);
  void removeColumns();
  void draw(const Column& column, bool isReference) const;
  void paintSwatch(const Column& column) const;
  void fillMenu();
  [[nodiscard]] std::vector<PromptModel> chosenModels() const;

  QLineEdit* m_prompt = nullptr;
  QSpinBox* m_tokens = nullptr;
  QToolButton* m_choose = nullptr;
  QMenu* m_menu = nullptr;
  QPushButton* m_continue = nullptr;
  QLabel* m_hint = nullptr;
  QWidget* m_area = nullptr;
  QHBoxLayout* m_row = nullptr;
  std::vector<PromptModel> m_models;
  QHash<int, bool> m_chosen;  // by id; no entry: not seen yet
  std::vector<Column> m_columns;
  QString m_asked;  // the prompt of the columns
};

}  // namespace qs
