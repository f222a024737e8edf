#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"
#include "ui/jobs/job_runner.h"
#include "ui/support/user_message.h"

namespace qs {

using CheckpointPtr = std::shared_ptr<const Checkpoint>;

/// The opened model: at most one. Opening runs in the background; a model that doesn't open leaves the one before.
class ModelController : public QObject {
  Q_OBJECT

 public:
  static inline const QString kDemo = QStringLiteral("demo");  ///< names the built-in model

  /// `executableFolder` is where the demo model is looked for from.
  explicit ModelController(std::filesystem::path executableFolder, QObject* parent = nullptr);

  [[nodiscard]] const CheckpointPtr& model() const { return m_model; }
  [[nodiscard]] const QString& path() const { return m_path; }  ///< as opened; "demo" for the demo

 public Q_SLOTS:
  /// Opens a file or folder, or "demo".
  void open(const QString& path);
  void reload();
  void close();

 Q_SIGNALS:
  void modelChanged(const qs::CheckpointPtr& model);  ///< null once closed
  /// Soon after a model opened: whether it can be run over a text.
  void canRunFound(bool canRun);
  void openFailed(const QString& path, const qs::UserMessage& message);
  void busyChanged(bool busy);

 private:
  std::filesystem::path m_executableFolder;
  CheckpointPtr m_model;
  QString m_path;
  JobRunner<CheckpointPtr> m_runner;
  JobRunner<bool> m_runCheck;
};

}  // namespace qs
