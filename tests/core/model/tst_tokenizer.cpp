#include <QtTest>

#include <cmath>
#include <fstream>
#include <stop_token>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/model/tokenizer/byte_alphabet.h"
#include "core/model/tokenizer/gguf_tokenizer.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "core/model/tokenizer/regex.h"
#include "core/model/tokenizer/sentencepiece_tokenizer.h"
#include "core/model/tokenizer/tokenizer_json.h"
#include "core/model/tokenizer/utf8.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kModels = qs::test::sharedModelsFolder();
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kMegabytes = 1;  // the sanitizer makes ten take minutes
#else
constexpr std::size_t kMegabytes = 10;
#endif

/// A byte-level vocabulary of the 256 bytes plus the merges' results.
nlohmann::json byteLevelJson(const std::vector<std::pair<std::string, std::string>>& merges, bool pairs) {
  nlohmann::json vocab;
  int next = 0;
  const auto add = [&](const std::string& token) {
    if (!vocab.contains(token)) vocab[token] = next++;
  };
  for (char c = '!'; c <= '~'; ++c) add(std::string(1, c));
  for (const char* mark : {"\u0120", "\u010A", "\u00C3", "\u00A9", "\u0109"}) add(mark);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [left, right] : merges) {
    add(left + right);
    list.push_back(pairs ? nlohmann::json::array({left, right}) : nlohmann::json(left + " " + right));
  }
  return {{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", list}}}};
}

qs::TokenizerPtr fromJson(const nlohmann::json& json, const qs::TokenizerConfig& config = {}) {
  return qs::parseTokenizerJson(json.dump(), config, "tokenizer.json");
}

QString spelled(const qs::Tokenizer& tokenizer, const std::string& text) {
  QStringList tokens;
  for (const int id : tokenizer.encode(text)) tokens << QString::fromStdString(tokenizer.tokenText(id));
  return tokens.join('|');
}

/// SentencePiece-like: U+2581, a to c, and byte tokens for the two bytes of "é".
nlohmann::json spaceMarkJson() {
  return {{"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "\u2581"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
              {{"type", "ByteFallback"}},
              {{"type", "Fuse"}},
              {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab",
             {{"<unk>", 0},
              {"<0xC3>", 1},
              {"<0xA9>", 2},
              {"\u2581", 3},
              {"a", 4},
              {"b", 5},
              {"\u2581a", 6},
              {"ab", 7},
              {"\u2581ab", 8}}},
            {"merges", {"a b", "\u2581 ab", "\u2581 a"}}}}};
}

}  // namespace

class TestTokenizer : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void spells_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    QTest::newRow("the lowest rank merges first") << "abc"
                                                  << "a|bc";
    QTest::newRow("equal merges go from the left") << "bcbcb"
                                                   << "bc|bc|b";
    QTest::newRow("a space belongs to the word behind it") << "a bc"
                                                           << "a|\u0120|bc";
    QTest::newRow("contractions are cut off") << "it's"
                                              << "i|t|'|s";
    QTest::newRow("bytes beyond ASCII are characters of the alphabet") << "\u00E9"
                                                                       << "\u00C3|\u00A9";
    QTest::newRow("merges never cross words") << "b c"
                                              << "b|\u0120|c";
    QTest::newRow("runs of spaces leave one to the word") << "a  bc"
                                                          << "a|\u0120|\u0120|bc";
    QTest::newRow("nothing gives nothing") << ""
                                           << "";
  }
  void spells() {
    QFETCH(QString, text);
    QFETCH(QString, expected);
    for (const bool pairs : {false, true})
      QCOMPARE(spelled(*fromJson(byteLevelJson({{"b", "c"}, {"a", "b"}}, pairs)), text.toStdString()), expected);
  }

  void spaceMarks_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    QTest::addColumn<QString>("decoded");
    QTest::newRow("a mark stands before the text") << "ab"
                                                   << "\u2581ab"
                                                   << "ab";
    QTest::newRow("spaces become marks") << "a b ab"
                                         << "\u2581a|\u2581|b|\u2581ab"
                                         << "a b ab";
    QTest::newRow("unknown characters fall back to bytes") << "a\u00E9"
                                                           << "\u2581a|<0xC3>|<0xA9>"
                                                           << "a\u00E9";
    QTest::newRow("bytes that no token has are unknown") << "a\u00E8\u00E8"
                                                         << "\u2581a|<unk>"
                                                         << "a<unk>";
  }
  void spaceMarks() {
    QFETCH(QString, text);
    QFETCH(QString, expected);
    QFETCH(QString, decoded);
    const auto tokenizer = fromJson(spaceMarkJson());
    QCOMPARE(spelled(*tokenizer, text.toStdString()), expected);
    QCOMPARE(QString::fromStdString(tokenizer->decode(tokenizer->encode(text.toStdString()))), decoded);
  }

  void addedTokensAreFoundUnlessSpecial() {
    nlohmann::json json = byteLevelJson({}, false);
    json["added_tokens"] = {{{"id", 200}, {"content", "<x>"}, {"special", false}, {"normalized", false}},
                            {{"id", 201}, {"content", "<y>"}, {"special", true}}};
    const auto tokenizer = fromJson(json);
    QCOMPARE(spelled(*tokenizer, "a<x>b<y>"), QString("a|<x>|b|<|y|>"));
    QCOMPARE(tokenizer->decode(std::vector<int>{201, 200}), std::string("<x>"));
  }

  void bosCountsOnlyWhereTextsBeginWithIt() {
    nlohmann::json json = byteLevelJson({}, false);
    json["added_tokens"] = {{{"id", 200}, {"content", "<s>"}, {"special", true}}};
    QVERIFY(!fromJson(json)->addsBos());
    const auto mere = fromJson(json, {.bosToken = "<s>"});
    QVERIFY(!mere->addsBos());
    QCOMPARE(mere->bosId(), std::optional(200));
    QVERIFY(fromJson(json, {.bosToken = "<s>", .addsBos = true})->addsBos());
    json["post_processor"] = {{"type", "TemplateProcessing"},
                              {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}}};
    QVERIFY(fromJson(json)->addsBos());
    QCOMPARE(fromJson(json)->bosId(), std::optional(200));
  }

  void ignoreMergesTakesWholeWords() {
    nlohmann::json json = byteLevelJson({{"b", "c"}, {"a", "b"}}, true);
    json["model"]["vocab"]["abc"] = 150;
    QCOMPARE(spelled(*fromJson(json), "abc"), QString("a|bc"));
    json["model"]["ignore_merges"] = true;
    QCOMPARE(spelled(*fromJson(json), "abc"), QString("abc"));
  }

  void refuses_data() {
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QString>("reason");
    const auto changed = [](const char* pointer, const nlohmann::json& value) {
      nlohmann::json json = byteLevelJson({{"b", "c"}}, false);
      json[nlohmann::json::json_pointer(pointer)] = value;
      return QByteArray::fromStdString(json.dump());
    };
    QTest::newRow("what is not JSON") << QByteArray("{") << "JSON";
    QTest::newRow("another model type") << changed("/model/type", "Unigram") << "Unigram";
    QTest::newRow("a merge outside the vocabulary") << changed("/model/merges", {"b zz"}) << "b zz";
    QTest::newRow("a merge that is a number") << changed("/model/merges", {7}) << "merges";
    QTest::newRow("a negative id") << changed("/model/vocab/b", -3) << "\"b\"";
    QTest::newRow("an enormous id") << changed("/model/vocab/b", 99999999999) << "\"b\"";
    QTest::newRow("an unknown normalizer") << changed("/normalizer", {{"type", "Precompiled"}}) << "Precompiled";
    QTest::newRow("an unknown pre-tokenizer") << changed("/pre_tokenizer", {{"type", "Bert"}}) << "Bert";
    QTest::newRow("a broken regular expression")
        << changed("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "(("}}}}) << "regular expression";
  }
  void refuses() {
    QFETCH(QByteArray, json);
    QFETCH(QString, reason);
    try {
      (void)qs::parseTokenizerJson(json.toStdString(), {}, "tokenizer.json");
      QFAIL("was accepted");
    } catch (const qs::Error& error) {
      QVERIFY2(QString(error.what()).contains(reason), error.what());
      QVERIFY(QString(error.what()).startsWith("tokenizer.json"));
    }
  }

  void anExpressionThatTakesTooLongIsNamed_data() {
    QTest::addColumn<QString>("expression");
    QTest::addColumn<QString>("text");
    QTest::newRow("in ways without number") << "(x+x+)+y" << QString(40, 'x');
    QTest::newRow("in ways that square with the text") << "(?:[a-z]|\\d)+y" << QString(20000, 'x');
    QTest::newRow("on a stack that is full") << "(?:x|y)*" << QString(3000000, 'x');
  }
  void anExpressionThatTakesTooLongIsNamed() {
    QFETCH(QString, expression);
    QFETCH(QString, text);
    nlohmann::json json = byteLevelJson({}, false);
    json["pre_tokenizer"] = {
        {"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", expression.toStdString()}}}};
    const auto tokenizer = fromJson(json);
    try {
      (void)tokenizer->encode(text.toStdString());
      QFAIL("was accepted");
    } catch (const qs::Error& error) {
      QVERIFY2(QString(error.what()).startsWith("tokenizer.json"), error.what());
      QVERIFY2(QString(error.what()).contains("\"" + expression + "\""), error.what());
    }
  }

  void anExpressionStopsWhenAsked() {
    const qs::Regex slow("(x+x+)+y", "tokenizer.json");
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN((void)slow.matches(std::string(40, 'x'), {.stop = stop.get_token()}), qs::Cancelled);
  }

  void invalidUtf8NamesTheByte() {
    const auto tokenizer = fromJson(byteLevelJson({}, false));
    for (const std::string bad : {"abc\xFF", "abc\xC3", "abc\xED\xA0\x80", "abc\xC0\x80"}) {
      try {
        (void)tokenizer->encode(bad);
        QFAIL("was accepted");
      } catch (const qs::Error& error) {
        QVERIFY2(QString(error.what()).contains("byte 3"), error.what());
      }
    }
  }

  void anEmbeddingThatIsTooSmallIsRefused() {
    const auto tokenizer = fromJson(byteLevelJson({}, false));
    qs::checkFitsEmbedding(*tokenizer, tokenizer->idLimit(), "model");
    QVERIFY_EXCEPTION_THROWN(qs::checkFitsEmbedding(*tokenizer, tokenizer->idLimit() - 1, "model"), qs::Error);
  }

  void ggufKinds() {
    const qs::GgufVocabulary llama{.model = "llama",
                                   .tokens = {"<unk>", "<s>", "\u2581", "a", "b", "ab", "\u2581a", "<0xC3>", "<0xA9>"},
                                   .scores = {0, 0, -9, -8, -7, -2, -1, 0, 0},
                                   .types = {2, 3, 1, 1, 1, 1, 1, 6, 6},
                                   .bosId = 1};
    const auto tokenizer = qs::makeGgufTokenizer(llama, "x.gguf");
    QCOMPARE(spelled(*tokenizer, "ab\u00E9"), QString("\u2581a|b|<0xC3>|<0xA9>"));  // the better score wins
    QVERIFY(tokenizer->addsBos());
    QCOMPARE(tokenizer->decode(tokenizer->encode("ab \u00E9")), std::string("ab \u00E9"));
    qs::GgufVocabulary gpt2{.model = "gpt2", .pre = "gpt-2", .tokens = {"a", "b", "\u0120", "ab"}, .merges = {"a b"}};
    QCOMPARE(spelled(*qs::makeGgufTokenizer(gpt2, "x.gguf"), "ab a"), QString("ab|\u0120|a"));
    gpt2.pre = "never-heard";
    QVERIFY_EXCEPTION_THROWN((void)qs::makeGgufTokenizer(gpt2, "x.gguf"), qs::Error);
  }

  void ggufTokensThatAreNoTextAreRefused_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QByteArray>("token");
    QTest::addColumn<int>("type");
    for (const char* kind : {"llama", "gpt2"}) {
      QTest::addRow("%s: a lead byte at the end", kind) << kind << QByteArray("a\xF0") << 1;
      QTest::addRow("%s: two bytes of no character", kind) << kind << QByteArray("\xC3\xC3") << 6;
      QTest::addRow("%s: a byte of the user's", kind) << kind << QByteArray("\xC3") << 4;
    }
  }
  void ggufTokensThatAreNoTextAreRefused() {
    QFETCH(QString, kind);
    QFETCH(QByteArray, token);
    QFETCH(int, type);
    const qs::GgufVocabulary vocabulary{
        .model = kind.toStdString(), .tokens = {"a", token.toStdString()}, .scores = {0, 0}, .types = {1, type}};
    try {
      (void)qs::makeGgufTokenizer(vocabulary, "x.gguf");
      QFAIL("was accepted");
    } catch (const qs::Error& error) {
      QVERIFY2(QString(error.what()).contains("token 1 is not valid UTF-8"), error.what());
    }
  }

  void rawBytesAreByteTokens() {
    const qs::GgufVocabulary llama{
        .model = "llama", .tokens = {"<unk>", "\u2581", "\xC3", "\xA9"}, .scores = {0, 0, 0, 0}, .types = {2, 1, 6, 6}};
    const auto tokenizer = qs::makeGgufTokenizer(llama, "x.gguf");
    QCOMPARE(tokenizer->encode("\u00E9"), (std::vector<int>{1, 2, 3}));
    QCOMPARE(tokenizer->decode(std::vector<int>{2, 3}), std::string("\u00E9"));
    const qs::GgufVocabulary gpt2{.model = "gpt2", .pre = "gpt-2", .tokens = {"a", "\xF0"}};
    QCOMPARE(qs::makeGgufTokenizer(gpt2, "x.gguf")->decode(std::vector<int>{1}), std::string("\uFFFD"));
  }

  void scoresThatAreNoNumberAreRefused() {
    const qs::GgufVocabulary llama{.model = "llama", .tokens = {"a", "b"}, .scores = {0, std::nanf("")}};
    QVERIFY_EXCEPTION_THROWN((void)qs::makeGgufTokenizer(llama, "x.gguf"), qs::Error);
  }

  void bytesThatAreNoTextStandForThemselves() {
    for (const std::string bytes : {"\xF0", "a\xC3", "\xE2\x96", "\x80"}) {
      // On the heap to the byte, so that a sanitizer sees what is read behind.
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const std::string_view text(exact.data(), exact.size());
      QCOMPARE(qs::fromByteAlphabet(text), bytes);
      if (text.size() == 1) QVERIFY(qs::firstCharacter(text) == U'\uFFFD');
    }
  }

  void oracle_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<bool>("sentencePiece");
    for (const char* model : {"stories260K", "babyllama105"})
      for (const bool sentencePiece : {false, true})
        QTest::addRow("%s by %s", model, sentencePiece ? "tokenizer.model" : "tokenizer.json")
            << model << sentencePiece;
  }
  void oracle() {
    QFETCH(QString, model);
    QFETCH(bool, sentencePiece);
    const std::filesystem::path folder = kModels / model.toStdString();
    if (!std::filesystem::exists(folder)) QSKIP("the shared models are not here");
    const auto oracle = nlohmann::json::parse(qs::test::readFile(folder / "oracle.json"));
    const auto config = qs::parseTokenizerConfig(qs::test::readFile(folder / "tokenizer_config.json"), "config");
    const auto tokenizer =
        sentencePiece ? qs::openSentencePiece(folder / "tokenizer.model", config) : qs::loadTokenizer(folder);
    QVERIFY(tokenizer->addsBos());
    for (const auto& prompt : oracle["prompts"]) {
      std::vector<int> expected = prompt["ids"];
      if (!expected.empty() && expected.front() == *tokenizer->bosId()) expected.erase(expected.begin());
      QCOMPARE(tokenizer->encode(prompt["text"].get<std::string>()), expected);
      QCOMPARE(tokenizer->decode(expected), prompt["text"].get<std::string>());
    }
    const std::vector<int> ids = tokenizer->encode(qs::test::readFile(folder / "eval.txt"));
    QCOMPARE(ids.size(), oracle["eval_ids_total"].get<std::size_t>());
    QCOMPARE(std::vector<int>(ids.begin(), ids.begin() + 512), oracle["eval_ids_first_512"].get<std::vector<int>>());
  }

  void megabytesAreEncodedLikeTheirRepeatedPart() {
    const std::filesystem::path demo = qs::test::demoFolder();
    if (!std::filesystem::exists(demo / "tokenizer.json")) QSKIP("the demo model is not here");
    const auto tokenizer = qs::loadTokenizer(demo);
    const std::string once = qs::test::readFile(demo / "evaluation.txt");
    const std::size_t tokens = tokenizer->encode(once).size();
    QCOMPARE(tokens, std::size_t{21591});  // the figure of the demo's README
    std::string text;
    while (text.size() < kMegabytes * 1'000'000) text += once;
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(tokenizer->encode(text).size() % tokens, std::size_t{0});
    qInfo("%zu MB in %lld ms", kMegabytes, timer.elapsed());  // a figure only: machines are busy
  }
};

QTEST_APPLESS_MAIN(TestTokenizer)
#include "tst_tokenizer.moc"
