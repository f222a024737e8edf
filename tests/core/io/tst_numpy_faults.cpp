#include <QtTest>

#include <zip.h>

#include <limits>
#include <string>

#include "core/io/reader_registry.h"
#include "tests/support/allocation_meter.h"
#include "tests/support/opening_error.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"
#include "tests/support/zip_bytes.h"

using namespace qs;
using namespace qs::test;

namespace {

constexpr const char* kDescr = "'descr': '<f4', ";
constexpr const char* kOrder = "'fortran_order': False, ";
constexpr const char* kShape = "'shape': (2, 3), ";

// A version 1.0 file: header text as given, length as it is.
std::string npy(const std::string& header, std::size_t dataBytes = 24) {
  return "\x93NUMPY\1" + std::string(1, '\0') + bytesOf(static_cast<std::uint16_t>(header.size())) + header +
         std::string(dataBytes, '\1');
}

std::string dict(const std::string& fields) { return "{" + fields + "}\n"; }

std::string good() { return npy(dict(std::string(kDescr) + kOrder + kShape)); }

std::string typed(const std::string& descr) { return npy(dict("'descr': " + descr + ", " + kOrder + kShape)); }

std::string shaped(const std::string& shape, std::size_t dataBytes = 24) {
  return npy(dict(std::string(kDescr) + kOrder + "'shape': " + shape), dataBytes);
}

void addRow(const char* name, const std::string& file, const std::string& bytes, const std::string& field) {
  QTest::newRow(name) << QString::fromStdString(file) << QByteArray::fromStdString(bytes)
                      << QString::fromStdString(field);
}
void npyRow(const char* name, const std::string& bytes, const std::string& field) {
  addRow(name, "lie.npy", bytes, field);
}
void npzRow(const char* name, const std::string& bytes, const std::string& field) {
  addRow(name, "lie.npz", bytes, field);
}

// An honest archive of one deflated array of zeros: about a thousandth of what it inflates to.
std::string zerosArchive(std::size_t elements) {
  const TempFolder folder;
  const auto path = folder.path() / "zeros.npz";
  const std::string array = shaped("(" + std::to_string(elements) + ",)", 0) + std::string(4 * elements, '\0');
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  zip_source_t* const source = zip_source_buffer(archive, array.data(), array.size(), 0);
  zip_file_add(archive, "zeros.npy", source, 0);
  zip_close(archive);
  return readFile(path);
}

}  // namespace

class TestNumpyFaults : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aLieIsRefusedByFileAndField_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("field");
    addFramingRows();
    addDictionaryRows();
    addTypeRows();
    addShapeRows();
    addArchiveRows();
    addMemberRows();
  }
  void aLieIsRefusedByFileAndField() {
    QFETCH(QString, file);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, field);
    const TempFolder folder;
    const OpeningError error = openingError(folder.write(file.toStdString(), bytes.toStdString()));
    QVERIFY2(QString::fromStdString(error.message).contains(file), error.message.c_str());
    QVERIFY2(QString::fromStdString(error.message).contains(field), error.message.c_str());
    QVERIFY2(!error.message.starts_with("wrong kind"), error.message.c_str());
    QVERIFY2(error.peakBytes <= mostMemoryFor(static_cast<std::uint64_t>(bytes.size())),
             std::to_string(error.peakBytes).c_str());
  }

  void theUnchangedFilesLoad() {
    const TempFolder folder;
    QCOMPARE(openingError(folder.write("good.npy", good())).message, std::string());
    QCOMPARE(openingError(folder.write("a.npz", zipBytes({{"a.npy", good()}, deflatedEntry("b.npy", good())}))).message,
             std::string());
    QCOMPARE(openingError(folder.write("zeros.npz", zerosArchive(1000))).message, std::string());
  }

  void oddButLegalHeadersLoad_data() {
    QTest::addColumn<QByteArray>("bytes");
    const auto row = [](const char* name, const std::string& bytes) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes);
    };
    row("keys in another order", npy(dict(std::string(kShape) + kDescr + "'fortran_order': False")));
    row("double quotes", npy("{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2, 3)}"));
    row("no blanks", npy("{'descr':'<f4','fortran_order':False,'shape':(2,3)}"));
    row("a trailing comma in the shape", shaped("(2, 3,)"));
    row("an empty array", shaped("(0, 9)", 0));
    row("a scalar", shaped("()", 4));
    row("two-byte void", npy(dict("'descr': '|V2', " + std::string(kOrder) + kShape), 12));
    row("big-endian halves", npy(dict("'descr': '>f2', " + std::string(kOrder) + kShape), 12));
    const std::string header = dict(std::string(kDescr) + kOrder + kShape);
    const std::string version2 = "\x93NUMPY\2" + std::string(1, '\0') +
                                 bytesOf(static_cast<std::uint32_t>(header.size())) + header + std::string(24, '\1');
    row("version 2.0", version2);
    row("bytes behind the array", good() + "more");
  }
  void oddButLegalHeadersLoad() {
    QFETCH(QByteArray, bytes);
    const TempFolder folder;
    QCOMPARE(openingError(folder.write("odd.npy", bytes.toStdString())).message, std::string());
  }

 private:
  static void addFramingRows() {
    npyRow("an empty file", "", "magic");
    npyRow("another magic", "NUMPY!" + good(), "magic");
    npyRow("ends behind the magic", good().substr(0, 6), "version");
    npyRow("ends within the header's length", good().substr(0, 9), "header length");
    npyRow("version 0", "\x93NUMPY" + std::string(2, '\0') + good().substr(8), "version");
    npyRow("version 4.0", "\x93NUMPY\4" + std::string(1, '\0') + good().substr(8), "version");
    npyRow("version 1.1", "\x93NUMPY\1\1" + good().substr(8), "version");
    npyRow("a header length beyond the file", good().substr(0, 8) + "\xFF\xFF" + good().substr(10), "header length");
    npyRow("a header length of 4 GB", "\x93NUMPY\2" + std::string(1, '\0') + std::string(4, '\xFF') + good(),
           "header length");
    npyRow("data cut short by a byte", good().substr(0, good().size() - 1), "size");
    npyRow("no data at all", good().substr(0, good().size() - 24), "size");
  }

  static void addDictionaryRows() {
    npyRow("an empty header", npy(""), "header");
    npyRow("a header that is a list", npy("[1]\n"), "header");
    npyRow("an empty dictionary", npy("{}\n"), "descr");
    npyRow("no descr", npy(dict(std::string(kOrder) + kShape)), "descr");
    npyRow("no fortran_order", npy(dict(std::string(kDescr) + kShape)), "fortran_order");
    npyRow("no shape", npy(dict(std::string(kDescr) + kOrder)), "shape");
    npyRow("a key twice", npy(dict(std::string(kDescr) + kDescr + kOrder + kShape)), "'descr' occurs twice");
    npyRow("an unknown key", npy(dict(std::string(kDescr) + kOrder + kShape + "'x': 1")), "'x'");
    npyRow("an unclosed dictionary", npy("{" + std::string(kDescr) + kOrder + "'shape': (2, 3)"), "header");
    npyRow("an unclosed text", npy("{'descr': '<f4"), "descr");
    npyRow("no colon", npy("{'descr' '<f4'}"), "header");
    npyRow("no comma", npy("{'descr': '<f4' 'fortran_order': False}"), "header");
    npyRow("text behind the dictionary", npy(dict(std::string(kDescr) + kOrder + kShape) + "import os"), "header");
    npyRow("a call in place of a value", npy("{'descr': __import__('os').system('true')}"), "descr");
    npyRow("fortran_order as a number", npy(dict(std::string(kDescr) + "'fortran_order': 1, " + kShape)),
           "fortran_order");
    npyRow("an escape in a text", npy(dict("'descr': '\\x3cf4', " + std::string(kOrder) + kShape)), "descr");
    npyRow("NUL in the header", npy(std::string("{\0}", 3)), "key");
  }

  static void addTypeRows() {
    npyRow("Python objects", typed("'|O'"), "Python objects");
    npyRow("Python objects of a width", typed("'|O8'"), "Python objects");
    npyRow("a structured type", typed("[('a', '<f4'), ('b', '<i4')]"), "structured");
    npyRow("texts", typed("'<U8'"), "descr");
    npyRow("bytes", typed("'|S8'"), "descr");
    npyRow("dates", typed("'<M8[ns]'"), "descr");
    npyRow("a width that doesn't exist", typed("'<f3'"), "descr");
    npyRow("128-bit floats", typed("'<f16'"), "descr");
    npyRow("an empty type", typed("''"), "descr");
    npyRow("two byte orders", typed("'<>f4'"), "descr");
  }

  static void addShapeRows() {
    npyRow("a shape that is a list", shaped("[2, 3]"), "shape");
    npyRow("a shape that is a number", shaped("6"), "shape");
    npyRow("a number in brackets", shaped("(6)"), "shape");
    npyRow("a negative dimension", shaped("(-1, 3)"), "shape");
    npyRow("a fractional dimension", shaped("(2.5, 3)"), "shape");
    npyRow("a dimension of 2^64", shaped("(18446744073709551616,)"), "shape");
    npyRow("a product of 2^64", shaped("(4294967296, 4294967296)"), "shape");
    npyRow("a huge dimension before a zero", shaped("(18446744073709551615, 2, 0)"), "shape");
    npyRow("bytes that overflow", shaped("(4611686018427387904,)"), "shape");
    npyRow("a size that the file doesn't have", shaped("(1000000, 1000000)"), "size");
    npyRow("65 dimensions",
           shaped(
               "(" +
                   [] {
                     std::string ones;
                     for (int i = 0; i < 65; ++i) ones += "1,";
                     return ones;
                   }() +
                   ")",
               4),
           "64 dimensions");
    npyRow("an unclosed shape", shaped("(2, 3"), "shape");
    npyRow("dimensions without a comma", shaped("(2 3)"), "shape");
  }

  static void addArchiveRows() {
    const std::string archive = zipBytes({{"a.npy", good()}, {"b.npy", good()}});
    npzRow("an empty archive file", "", "zip");
    npzRow("no archive", "this is no archive at all, only a text", "zip");
    npzRow("an archive without its end", archive.substr(0, archive.size() - 22), "zip");
    npzRow("an archive without its directory", archive.substr(0, archive.size() - 130), "zip");
    npzRow("an archive cut at its beginning", archive.substr(100), "zip");
    std::string count = archive;
    count.replace(archive.size() - 12, 2, "\xFF\xFF");
    npzRow("a count of members that isn't so", count, "zip");
    npzRow("a member twice", zipBytes({{"a.npy", good()}, {"a.npy", good()}}), "'a.npy' occurs twice");
    npzRow("a member that is no array", zipBytes({{"a.npy", good()}, {"a.txt", "text"}}), "'a.txt'");
    npzRow("an encrypted member", zipBytes({{.name = "a.npy", .contents = good(), .flags = 1}}), "encryption");
    npzRow("an unknown compression",
           zipBytes({{.name = "a.npy", .contents = good(), .method = 14, .inflated = good()}}), "compression method");
    npzRow("a local header elsewhere", zipBytes({{.name = "a.npy", .contents = good(), .offsetLie = 7}}), "a.npy");
    npzRow("a local header past the end", zipBytes({{.name = "a.npy", .contents = good(), .offsetLie = 100000}}),
           "a.npy");
  }

  static void addMemberRows() {
    npzRow("a stored member with a wrong CRC", zipBytes({{.name = "a.npy", .contents = good(), .crcLie = 1}}), "a.npy");
    ZipEntry damaged = deflatedEntry("a.npy", good());
    damaged.crcLie = 1;
    npzRow("a deflated member with a wrong CRC", zipBytes({damaged}), "a.npy");
    npzRow("a stored member that claims more", zipBytes({{.name = "a.npy", .contents = good(), .sizeLie = 1000}}),
           "a.npy: stored size");
    npzRow("a member that reaches past the end",
           zipBytes({{.name = "a.npy", .contents = good(), .sizeLie = 100000, .storedLie = 100000}}), "a.npy");
    ZipEntry larger = deflatedEntry("a.npy", good());
    larger.sizeLie = 40;
    npzRow("a deflated member that claims a little more", zipBytes({larger}), "size");
    ZipEntry smaller = deflatedEntry("a.npy", good());
    smaller.sizeLie = -4;
    npzRow("a deflated member that claims less", zipBytes({smaller}), "size");
    ZipEntry huge = deflatedEntry("a.npy", good());
    huge.sizeLie = 0x7000'0000;
    npzRow("a deflated member that claims 1.8 GB", zipBytes({huge}), "inflated size");
    ZipEntry garbage = deflatedEntry("a.npy", good());
    garbage.contents.replace(0, 4, "\xFF\xFF\xFF\xFF");
    npzRow("a deflated member of garbage", zipBytes({garbage}), "a.npy");
    ZipEntry cut = deflatedEntry("a.npy", good());
    cut.contents.resize(40);
    npzRow("a deflated member cut short", zipBytes({cut}), "a.npy");
    npzRow("a bomb of 32 MB", zerosArchive(8U << 20U), "inflated size");
    npzRow("a member shorter than its shape", zipBytes({{"a.npy", shaped("(7,)")}}), "size");
    npzRow("a member longer than its shape", zipBytes({{"a.npy", shaped("(5,)")}}), "size");
    npzRow("a member with Python objects", zipBytes({{"a.npy", typed("'|O'")}}), "Python objects");
    npzRow("an empty member", zipBytes({{"a.npy", ""}}), "magic");
  }
};

QTEST_APPLESS_MAIN(TestNumpyFaults)
#include "tst_numpy_faults.moc"
