#include <QtTest>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/layer_filter.h"
#include "tests/support/model_writer.h"
#include "tests/support/random_matrix.h"
#include "tests/support/temp_folder.h"

using qs::TensorRole;

class TestLayerFilter : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void rolesByName_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("dimensions");
    QTest::addColumn<int>("role");
    const auto row = [](const char* title, const char* name, int dimensions, TensorRole role) {
      QTest::newRow(title) << name << dimensions << static_cast<int>(role);
    };
    row("llama attention", "model.layers.0.self_attn.q_proj.weight", 2, TensorRole::Linear);
    row("llama mlp", "model.layers.31.mlp.down_proj.weight", 2, TensorRole::Linear);
    row("llama embedding", "model.embed_tokens.weight", 2, TensorRole::Embedding);
    row("llama norm", "model.layers.0.input_layernorm.weight", 1, TensorRole::Norm);
    row("llama final norm", "model.norm.weight", 1, TensorRole::Norm);
    row("llama head", "lm_head.weight", 2, TensorRole::Head);
    row("qwen2 bias", "model.layers.0.self_attn.q_proj.bias", 1, TensorRole::Bias);
    row("qwen3 head norm", "model.layers.0.self_attn.q_norm.weight", 1, TensorRole::Norm);
    row("gemma2 norm", "model.layers.0.pre_feedforward_layernorm.weight", 1, TensorRole::Norm);
    row("phi3 fused attention", "model.layers.0.self_attn.qkv_proj.weight", 2, TensorRole::Linear);
    row("phi3 fused mlp", "model.layers.0.mlp.gate_up_proj.weight", 2, TensorRole::Linear);
    row("phi fc1", "model.layers.0.mlp.fc1.weight", 2, TensorRole::Linear);
    row("gpt2 attention", "transformer.h.0.attn.c_attn.weight", 2, TensorRole::Linear);
    row("gpt2 mask buffer", "transformer.h.0.attn.bias", 4, TensorRole::Other);
    row("gpt2 token embedding", "transformer.wte.weight", 2, TensorRole::Embedding);
    row("gpt2 positions", "wpe.weight", 2, TensorRole::Embedding);
    row("gpt2 norm", "transformer.h.0.ln_1.weight", 1, TensorRole::Norm);
    row("gpt2 final norm", "transformer.ln_f.weight", 1, TensorRole::Norm);
    row("opt attention output", "model.decoder.layers.0.self_attn.out_proj.weight", 2, TensorRole::Linear);
    row("opt positions", "model.decoder.embed_positions.weight", 2, TensorRole::Embedding);
    row("opt projection", "model.decoder.project_in.weight", 2, TensorRole::Linear);
    row("opt final norm", "model.decoder.final_layer_norm.weight", 1, TensorRole::Norm);
    row("neox fused attention", "gpt_neox.layers.0.attention.query_key_value.weight", 2, TensorRole::Linear);
    row("neox mlp", "gpt_neox.layers.0.mlp.dense_h_to_4h.weight", 2, TensorRole::Linear);
    row("neox embedding", "gpt_neox.embed_in.weight", 2, TensorRole::Embedding);
    row("neox head", "embed_out.weight", 2, TensorRole::Head);
    row("gguf attention", "blk.0.attn_q.weight", 2, TensorRole::Linear);
    row("gguf norm", "blk.0.attn_norm.weight", 1, TensorRole::Norm);
    row("gguf embedding", "token_embd.weight", 2, TensorRole::Embedding);
    row("gguf head", "output.weight", 2, TensorRole::Head);
    row("gguf attention output", "blk.0.attn_output.weight", 2, TensorRole::Linear);
    row("router of experts", "model.layers.0.block_sparse_moe.gate.weight", 2, TensorRole::Other);
    row("a matrix that is no weight", "tiny.q_proj.input", 2, TensorRole::Other);
    row("a vector", "layer.weight", 1, TensorRole::Other);
  }
  void rolesByName() {
    QFETCH(QString, name);
    QFETCH(int, dimensions);
    QFETCH(int, role);
    qs::TensorInfo tensor{.name = name.toStdString(), .shape = qs::Shape(static_cast<std::size_t>(dimensions), 4)};
    tensor.elements = *qs::elementCount(tensor.shape);
    QCOMPARE(static_cast<int>(qs::tensorRole(tensor)), role);
  }

  void integersAndEmptyMatricesAreNoLinears() {
    const qs::TensorInfo integers{
        .name = "a.weight", .dtype = qs::DType::I32, .shape = {4, 4}, .elements = 16, .bytes = 64};
    QCOMPARE(qs::tensorRole(integers), TensorRole::Other);
    const qs::TensorInfo empty{.name = "a.weight", .shape = {0, 4}};
    QCOMPARE(qs::tensorRole(empty), TensorRole::Other);
  }

  void choosesLinearsInModelOrder() {
    const qs::test::TempFolder folder;
    // Alphabetical, as writers that sort their header leave them: block 10 before block 2.
    qs::test::writeModel(folder.path() / "m.safetensors", {{"h.10.up.weight", qs::test::randomMatrix(4, 4)},
                                                           {"h.2.down.weight", qs::test::randomMatrix(4, 4)},
                                                           {"h.2.up.weight", qs::test::randomMatrix(4, 4)},
                                                           {"lm_head.weight", qs::test::randomMatrix(4, 4)}});
    const auto model = qs::openCheckpoint(folder.path() / "m.safetensors");
    QCOMPARE(names(*model, {}), QStringList({"h.2.down", "h.2.up", "h.10.up"}));
    QCOMPARE(names(*model, {.include = {"h.2.*"}, .exclude = {"*.up"}}), QStringList({"h.2.down"}));
    QCOMPARE(names(*model, {.include = {"lm_head"}}), QStringList({"lm_head"}));
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::chooseLayers(*model, {.include = {"h.9.*"}})), qs::Error);
  }

 private:
  static QStringList names(const qs::Checkpoint& model, const qs::LayerFilter& filter) {
    QStringList list;
    for (const qs::CheckpointTensor* tensor : qs::chooseLayers(model, filter))
      list << QString::fromStdString(qs::layerName(tensor->info.name));
    return list;
  }
};

QTEST_APPLESS_MAIN(TestLayerFilter)
#include "tst_layer_filter.moc"
