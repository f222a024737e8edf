#include <QtTest>

#include "core/base/glob.h"

class TestGlob : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void matches_data() {
    QTest::addColumn<QString>("pattern");
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("expected");
    QTest::newRow("plain text matches itself") << "a.b"
                                               << "a.b" << true;
    QTest::newRow("a star spans dots") << "model.*.q_proj"
                                       << "model.layers.3.self_attn.q_proj" << true;
    QTest::newRow("the whole text must match") << "q_proj"
                                               << "self_attn.q_proj" << false;
    QTest::newRow("stars backtrack") << "*a*b"
                                     << "xaybazb" << true;
    QTest::newRow("a question mark is one character") << "h.?"
                                                      << "h.12" << false;
    QTest::newRow("a set") << "*.[kv]_proj"
                           << "x.v_proj" << true;
    QTest::newRow("a range") << "layers.[0-3]"
                             << "layers.2" << true;
    QTest::newRow("a negated set") << "layers.[!0-3]"
                                   << "layers.2" << false;
    QTest::newRow("an unclosed bracket is itself") << "a[b"
                                                   << "a[b" << true;
    QTest::newRow("an empty pattern matches only nothing") << ""
                                                           << "a" << false;
  }
  void matches() {
    QFETCH(QString, pattern);
    QFETCH(QString, text);
    QFETCH(bool, expected);
    QCOMPARE(qs::globMatches(pattern.toStdString(), text.toStdString()), expected);
  }
};

QTEST_APPLESS_MAIN(TestGlob)
#include "tst_glob.moc"
