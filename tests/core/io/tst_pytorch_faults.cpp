#include <QtTest>

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

// Opcodes as Python's pickletools spells them out.
std::string text(const std::string& value) { return "X" + bytesOf(static_cast<std::uint32_t>(value.size())) + value; }
std::string number(std::int32_t value) { return "J" + bytesOf(value); }
std::string longNumber(std::int64_t value) { return "\x8a\x08" + bytesOf(value); }
std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
std::string tuple(const std::string& items) { return "(" + items + "t"; }
std::string dictionary(const std::string& items) { return "}(" + items + "u"; }
std::string program(const std::string& value) { return "\x80\x02" + value + "."; }
std::string repeated(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

// What a tensor of the archive claims; the defaults are right for the storage of 6 floats that archive() has.
struct Claim {
  std::string storageWord = text("storage");
  std::string storageClass = global("torch", "FloatStorage");
  std::string key = text("0");
  std::string count = number(6);
  std::string offset = number(0);
  std::string shape = tuple(number(2) + number(3));
  std::string strides = tuple(number(3) + number(1));
  std::string function = global("torch._utils", "_rebuild_tensor_v2");
  std::string hooks = global("collections", "OrderedDict") + ")R";
};

std::string storage(const Claim& claim) {
  return tuple(claim.storageWord + claim.storageClass + claim.key + text("cpu") + claim.count) + "Q";
}

std::string tensor(const Claim& claim) {
  return claim.function + tuple(storage(claim) + claim.offset + claim.shape + claim.strides + "\x89" + claim.hooks) +
         "R";
}

std::string modelOf(const Claim& claim) { return program(dictionary(text("w") + tensor(claim))); }

std::vector<ZipEntry> members(const std::string& pickle) {
  return {{"m/data.pkl", pickle}, {"m/data/0", std::string(24, '\1')}, {"m/version", "3\n"}};
}
std::string archive(const std::string& pickle) { return zipBytes(members(pickle)); }

void addRow(const char* name, const std::string& bytes, const std::string& field) {
  QTest::newRow(name) << QByteArray::fromStdString(bytes) << QString::fromStdString(field);
}
void pickleRow(const char* name, const std::string& pickle, const std::string& field) {
  addRow(name, archive(pickle), field);
}
void claimRow(const char* name, const Claim& claim, const std::string& field) {
  pickleRow(name, modelOf(claim), field);
}

}  // namespace

class TestPytorchFaults : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aLieIsRefusedByFileAndField_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("field");
    addArchiveRows();
    addCallRows();
    addMachineRows();
    addStorageRows();
    addViewRows();
    addAmplificationRows();
  }
  void aLieIsRefusedByFileAndField() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, field);
    const TempFolder folder;
    const OpeningError error = openingError(folder.write("lie.pt", bytes.toStdString()));
    QVERIFY2(error.message.find("lie.pt") != std::string::npos, error.message.c_str());
    QVERIFY2(QString::fromStdString(error.message).contains(field), error.message.c_str());
    QVERIFY2(!error.message.starts_with("wrong kind"), error.message.c_str());
    constexpr std::uint64_t kMachineFloor = std::uint64_t{2} << 20U;  // names of a small file
    QVERIFY2(error.peakBytes <= mostMemoryFor(static_cast<std::uint64_t>(bytes.size())) + kMachineFloor,
             std::to_string(error.peakBytes).c_str());
    QVERIFY(!std::filesystem::exists("executed"));  // what the commands in the pickles would make
  }

  void theUnchangedFileLoads() {
    const TempFolder folder;
    const auto model = openCheckpoint(folder.write("good.pt", archive(modelOf({}))));
    QCOMPARE(model->require("w").info.shape, (Shape{2, 3}));
  }

  // The same state in what other protocols and Pythons write.
  void oddButLegalPicklesLoad_data() {
    QTest::addColumn<QByteArray>("pickle");
    const auto row = [](const char* name, const std::string& pickle) {
      QTest::newRow(name) << QByteArray::fromStdString(pickle);
    };
    row("protocol 0 numbers", modelOf({.count = "I6\n", .offset = "L0L\n"}));
    row("a frame and short texts", "\x80\x04\x95" + bytesOf(std::uint64_t{99}) + "}(\x8c\1w" + tensor({}) + "u.");
    row("names from the stack", modelOf({.function = text("torch._utils") + text("_rebuild_tensor_v2") + "\x93"}));
    row("an ordered dictionary with attributes", program(global("collections", "OrderedDict") + ")R(" + text("w") +
                                                         tensor({}) + "u" + dictionary(text("_metadata") + "}") + "b"));
    row("an ordered dictionary from pairs",
        program(global("collections", "OrderedDict") + tuple("](" + tuple(text("w") + tensor({})) + "e") + "R"));
    row("memo and duplicate", program(dictionary(text("w") + tensor({}) + "q\1" + text("v") + "h\1")));
    row("a parameter",
        program(dictionary(text("w") + global("torch._utils", "_rebuild_parameter") +
                           tuple(tensor({}) + "\x88" + global("collections", "OrderedDict") + ")R") + "R")));
    row("a size object", modelOf({.shape = global("torch", "Size") + tuple(tuple(number(2) + number(3))) + "R"}));
    row("other values beside the tensor",
        program(dictionary(text("w") + tensor({}) + text("epoch") + "K\3" + text("rate") + "G" + std::string(8, '\0') +
                           text("none") + "N" + text("list") + "](K\1K\2e")));
    row("a dictionary that contains itself", program("}q\1(" + text("w") + tensor({}) + text("self") + "h\1u"));
    row("8-bit floats of an untyped storage",
        modelOf({.storageClass = global("torch.storage", "UntypedStorage"),
                 .function = global("torch._utils", "_rebuild_tensor_v3"),
                 .hooks = global("collections", "OrderedDict") + ")R" + global("torch", "float8_e4m3fn")}));
  }
  void oddButLegalPicklesLoad() {
    QFETCH(QByteArray, pickle);
    const TempFolder folder;
    const auto path = folder.write("odd.pt", archive(pickle.toStdString()));
    QCOMPARE(openingError(path).message, std::string());
    QCOMPARE(openCheckpoint(path)->require("w").info.shape, (Shape{2, 3}));
  }

  void bigEndianStoragesAreSwapped() {
    const TempFolder folder;
    std::vector<ZipEntry> entries = members(modelOf({}));
    entries.push_back({"m/byteorder", "big"});
    std::string& data = entries[1].contents;
    data.clear();
    for (int i = 0; i < 6; ++i) data += std::string("\x40\x40\0\0", 4);  // 3.0F
    const auto model = openCheckpoint(folder.write("big.pt", zipBytes(entries)));
    QCOMPARE(model->load(model->require("w")).values()[5], 3.0F);
  }

 private:
  static void addArchiveRows() {
    const std::string good = archive(modelOf({}));
    addRow("an empty file", "", "magic");
    addRow("a text", "not weights at all", "magic");
    addRow("the format of before 2020", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "before 2020");
    addRow("a bare pickle", modelOf({}), "magic");
    addRow("an archive cut in half", good.substr(0, good.size() / 2), "zip");
    addRow("an archive without a pickle", zipBytes({{"m/data/0", "1234"}}), "data.pkl");
    addRow("a pickle outside a folder", zipBytes({{"data.pkl", modelOf({})}}), "data.pkl");
    addRow("a pickle two folders down", zipBytes({{"a/b/data.pkl", modelOf({})}}), "data.pkl");
    addRow("two pickles", zipBytes({{"a/data.pkl", modelOf({})}, {"b/data.pkl", modelOf({})}}), "occurs twice");
    addRow("a deflated pickle",
           zipBytes({deflatedEntry("m/data.pkl", modelOf({})), {"m/data/0", std::string(24, '\1')}}), "compression");
    addRow("a deflated storage",
           zipBytes({{"m/data.pkl", modelOf({})}, deflatedEntry("m/data/0", std::string(24, '\1'))}), "compression");
    addRow("no storage", zipBytes({{"m/data.pkl", modelOf({})}}), "m/data/0");
    std::vector<ZipEntry> order = members(modelOf({}));
    order.push_back({"m/byteorder", "middle"});
    addRow("an unknown byte order", zipBytes(order), "byte order");
    addRow("a storage past the end",
           zipBytes({{"m/data.pkl", modelOf({})},
                     {.name = "m/data/0", .contents = std::string(24, '\1'), .sizeLie = 90000, .storedLie = 90000}}),
           "m/data/0");
  }

  // What a pickle could do to a reader that obeys it; here each is only read, and named.
  static void addCallRows() {
    const std::string command = tuple(text("touch executed"));
    pickleRow("calls os.system", program(global("os", "system") + command + "R"), "'os.system'");
    pickleRow("calls posix.system", program(global("posix", "system") + command + "R"), "'posix.system'");
    pickleRow("calls eval", program(global("builtins", "eval") + command + "R"), "'builtins.eval'");
    pickleRow("calls exec by its old name", program(global("__builtin__", "exec") + command + "R"), "exec");
    pickleRow("calls through getattr", program(global("builtins", "getattr") + command + "R"), "getattr");
    pickleRow("names a function and never calls it", program(global("subprocess", "Popen")), "'subprocess.Popen'");
    pickleRow("names it from the stack", program(text("os") + text("system") + "\x93" + command + "R"), "'os.system'");
    pickleRow("names it by numbers", program("K\1K\2\x93"), "texts");
    pickleRow("makes an instance (INST)", program("(" + text("touch executed") + "ios\nsystem\n"), "'os.system'");
    pickleRow("makes an instance (OBJ)", program("(" + global("os", "system") + text("x") + "o"), "'os.system'");
    pickleRow("makes an instance of nothing (OBJ)", program("(o"), "a class");
    pickleRow("makes an instance (NEWOBJ)", program(global("os", "system") + command + "\x81"), "'os.system'");
    pickleRow("makes an instance with keywords (NEWOBJ_EX)", program("NN}\x92"), "opcode 0x92");
    pickleRow("uses the extension registry", program("\x82\1"), "opcode 0x82");
    pickleRow("a module that only begins like an allowed one", program(global("torch._utils.x", "_rebuild_tensor_v2")),
              "torch._utils.x");
    pickleRow("another function of an allowed module", program(global("torch._utils", "_import_dotted_name")),
              "_import_dotted_name");
    pickleRow("calls torch.load", program(global("torch", "load") + command + "R"), "'torch.load'");
    pickleRow("calls a storage class", program(global("torch", "FloatStorage") + ")R"), "torch.FloatStorage");
    pickleRow("calls a text", program(text("os.system") + command + "R"), "call");
    pickleRow("calls a tensor", program(tensor({}) + ")R"), "call");
    pickleRow("sets the state of a tensor", program(tensor({}) + "}b"), "state");
    pickleRow("sets the state of a name", program(global("collections", "OrderedDict") + "}b"), "state");
    pickleRow("a line feed in a name", program("cos\nsystem\r\n" + command + "R"), "os.system");
  }

  static void addMachineRows() {
    pickleRow("an empty pickle", "", "opcode");
    pickleRow("no end", "\x80\x02}", "opcode");
    pickleRow("an end without a value", "\x80\x02.", "a value on the stack");
    pickleRow("protocol 6", "\x80\x06}.", "protocol");
    pickleRow("an unknown opcode", program("\xff"), "opcode 0xff");
    pickleRow("a tuple of values that aren't there", program("K\1\x86"), "2 values");
    pickleRow("values below a mark", program("K\1(\x85t"), "1 values");
    pickleRow("no mark", program("K\1t"), "a mark");
    pickleRow("a pop of nothing", program("0"), "a value on the stack");
    pickleRow("a duplicate of nothing", program("2"), "a value on the stack");
    pickleRow("a memo that was never written", program("h\7"), "remembered");
    pickleRow("a memo of 2^32 - 1", program("j\xff\xff\xff\xff"), "remembered");
    pickleRow("a negative memo", program("g-5\n"), "remembered");
    pickleRow("a text past the end", program("X\xff\xff\xff\x7f"), "bytes that follow");
    pickleRow("a text of 2^64 - 1", program("\x8d" + std::string(8, '\xff')), "bytes that follow");
    pickleRow("a number past the end", "\x80\x02J\1", "bytes that follow");
    pickleRow("a line without end",
              "\x80\x02"
              "cos",
              "end of a line");
    pickleRow("a number of 200 bytes", program("\x8a\xc8" + std::string(200, '\1')), "64 bits");
    pickleRow("a number that is none", program("Ione\n"), "whole number");
    pickleRow("a number beyond 64 bits", program("L99999999999999999999L\n"), "whole number");
    pickleRow("a key without value", program("}(K\1u"), "a key without value");
    pickleRow("an item for a number", program("K\1K\2a"), "a list");
    pickleRow("a pair for a list", program("]K\1K\2s"), "a dictionary");
    pickleRow("no tensors", program("}"), "a dictionary of tensors");
    pickleRow("only a number", program("K\1"), "a dictionary of tensors");
    pickleRow("dictionaries nested 100 deep", program(repeated("}" + text("a"), 100) + tensor({}) + repeated("s", 100)),
              "nest deeper");
    pickleRow("two tensors of one name", program(dictionary(text("w") + tensor({}) + text("w") + tensor({}))),
              "'w' occurs twice");
  }

  static void addStorageRows() {
    claimRow("a persistent id of another kind", {.storageWord = text("file")}, "persistent id");
    pickleRow("a persistent id that is a text", program(text("0") + "Q"), "persistent id");
    pickleRow("a persistent id in a line", program("P0\n"), "opcode 0x50");
    claimRow("a class that is a function", {.storageClass = global("torch._utils", "_rebuild_tensor_v2")},
             "storage class");
    claimRow("a class that is a text", {.storageClass = text("FloatStorage")}, "storage class");
    claimRow("complex numbers", {.storageClass = global("torch", "ComplexFloatStorage")}, "ComplexFloatStorage");
    claimRow("quantized integers", {.storageClass = global("torch", "QInt8Storage")}, "QInt8Storage");
    claimRow("a key that is a number", {.key = number(0)}, "storage key");
    claimRow("a key that climbs", {.key = text("../data.pkl")}, "data/../data.pkl");
    claimRow("an absolute key", {.key = text("/etc/passwd")}, "data//etc/passwd");
    claimRow("a key that isn't there", {.key = text("1")}, "m/data/1");
    claimRow("a negative count", {.count = number(-1)}, "storage elements");
    claimRow("more elements than bytes", {.count = number(7)}, "'w'");
    claimRow("a count whose bytes overflow", {.count = longNumber(INT64_MAX)}, "'w'");
    claimRow("doubles in the bytes of floats", {.storageClass = global("torch", "DoubleStorage")}, "storage 0");
    claimRow("an untyped storage without a type", {.storageClass = global("torch.storage", "UntypedStorage")},
             "storage class");
  }

  static void addViewRows() {
    claimRow("an offset past the end", {.offset = number(1)}, "offset and strides");
    claimRow("an offset near 2^63", {.offset = longNumber(INT64_MAX)}, "offset and strides");
    claimRow("a negative offset", {.offset = number(-1)}, "storage offset");
    claimRow("an offset that is a text", {.offset = text("0")}, "storage offset");
    claimRow("a shape past the end", {.shape = tuple(number(3) + number(3))}, "shape");
    claimRow("a shape that overflows", {.shape = tuple(longNumber(1LL << 32) + longNumber(1LL << 32))}, "shape");
    claimRow("a huge dimension before a zero",
             {.shape = tuple(longNumber(INT64_MAX) + longNumber(INT64_MAX) + number(0)),
              .strides = tuple(number(0) + number(0) + number(1))},
             "shape");
    claimRow("a negative dimension", {.shape = tuple(number(-2) + number(3))}, "shape");
    claimRow("a fractional dimension", {.shape = tuple("G" + std::string(8, '\0') + number(3))}, "shape");
    claimRow("a shape that is a number", {.shape = number(6)}, "shape");
    claimRow("negative strides", {.strides = tuple(number(-3) + number(1))}, "strides");
    claimRow("strides past the end", {.strides = tuple(number(4) + number(1))}, "offset and strides");
    claimRow("strides that overflow", {.strides = tuple(longNumber(INT64_MAX) + longNumber(INT64_MAX))},
             "offset and strides");
    claimRow("fewer strides than dimensions", {.strides = tuple(number(1))}, "strides");
    claimRow("one element repeated without end", {.shape = tuple(longNumber(1LL << 40)), .strides = tuple(number(0))},
             "shape");
    claimRow("a tensor in place of the storage", {.function = global("torch._utils", "_rebuild_parameter")},
             "_rebuild_parameter");
    pickleRow("a tensor without arguments", program(global("torch._utils", "_rebuild_tensor_v2") + ")R"),
              "tensor arguments");
    pickleRow("arguments that are no tuple", program(global("torch._utils", "_rebuild_tensor_v2") + "]R"), "arguments");
    pickleRow("a view of a number", program(global("torch._utils", "_rebuild_tensor_v2") + tuple("K\1K\1))NN") + "R"),
              "a storage");
  }

  // A few bytes that describe much: each byte here would cost many in memory.
  static void addAmplificationRows() {
    pickleRow("a million values", program(repeated("N", 1'000'000)), "memory");
    pickleRow("a million marks", program(repeated("(", 1'000'000)), "");
    pickleRow("a million empty lists", program(repeated("]", 1'000'000)), "memory");
    pickleRow("a hundred thousand memo entries",
              program("N" +
                      [] {
                        std::string puts;
                        for (std::uint32_t i = 0; i < 100'000; ++i) puts += "r" + bytesOf(i);
                        return puts;
                      }()),
              "memory");
    const std::string longName = text(std::string(100'000, 'n')) + "q\1";
    pickleRow("a long name used a thousand times",
              program(longName + "](" + repeated("}h\1" + tensor({}) + "s", 1000) + "e"), "memory");
    pickleRow("one tensor under a hundred thousand names",
              program(tensor({}) + "q\1](" + repeated("h\1", 100'000) + "e"), "memory");
    pickleRow("a hundred dimensions",
              modelOf({.shape = tuple(repeated("K\1", 100)), .strides = tuple(repeated("K\1", 100))}), "64 dimensions");
    pickleRow("an ordered dictionary copied again and again",
              program("](" + repeated(tuple("NN"), 2000) + "eq\1" +
                      repeated(global("collections", "OrderedDict") + "h\1\x85R", 2000)),
              "memory");
  }
};

QTEST_APPLESS_MAIN(TestPytorchFaults)
#include "tst_pytorch_faults.moc"
