#pragma once

#include <QMetaType>
#include <QString>

namespace qs {

/// Something the person has to know: what happened, why, and what to do about it.
struct UserMessage {
  enum class Severity { Information, Error };
  /// The kind of job that a message is about: it is out of date once such a job starts again.
  enum class About { Anything, Preview, Run, Comparison, Export, Prompt };

  Severity severity = Severity::Error;
  QString what;
  QString why;
  QString whatToDo;
  About about = About::Anything;

  [[nodiscard]] QString toText() const {
    QString text = what;
    for (const QString& part : {why, whatToDo}) {
      if (!part.isEmpty()) text += QLatin1Char('\n') + part;
    }
    return text;
  }
};

}  // namespace qs

Q_DECLARE_METATYPE(qs::UserMessage)
