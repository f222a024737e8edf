#include <QtTest>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/preview.h"
#include "core/session/run_quantization.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

class TestPreview : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    qs::test::writeModel(m_folder.path() / "m.safetensors", qs::test::tinyModel());
    m_model = qs::openCheckpoint(m_folder.path() / "m.safetensors");
  }

  void describesTheWeights() {
    const qs::LayerWeightsPtr weights = qs::loadLayerWeights(*m_model, kLayer, {});
    QCOMPARE(weights->shape, qs::Shape({64, 96}));
    QCOMPARE(weights->unquantized.channels.channels, std::size_t{96});
    QCOMPARE(weights->unquantized.channels.first.size(), std::size_t{96});
    QVERIFY(weights->pyramid.largestMagnitude() > 0);
  }

  void showsWhatARunWouldGive() {
    const qs::QuantRequest request{.method = "rtn"};
    const qs::LayerWeightsPtr weights = qs::loadLayerWeights(*m_model, kLayer, {});
    const qs::LayerPreviewPtr preview = qs::previewLayer(*m_model, weights, request, {});
    qs::RunStore store(m_folder.path() / "runs", *m_model, request);
    const qs::QuantReport report = qs::runQuantization(*m_model, request, store, {});
    for (const qs::LayerReportPtr& layer : report.layers) {
      if (layer->name != kLayer) continue;
      qs::LayerReport copy = preview->report;
      copy.seconds = layer->seconds;
      QVERIFY(copy == *layer);
    }
    QCOMPARE(static_cast<double>(preview->maps.error.largestMagnitude()), preview->report.metrics.weightMaxAbsError);
  }

  void refuses() {
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::loadLayerWeights(*m_model, "nothing", {})), qs::Error);
    const qs::LayerWeightsPtr weights = qs::loadLayerWeights(*m_model, kLayer, {});
    qs::QuantRequest skipped{.method = "rtn"};
    skipped.overrides = {{.glob = "*", .skip = true}};
    QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::previewLayer(*m_model, weights, skipped, {})), qs::Error);
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN(
        static_cast<void>(qs::previewLayer(*m_model, weights, {.method = "rtn"}, {.stop = stop.get_token()})),
        qs::Cancelled);
  }

 private:
  static constexpr const char* kLayer = "model.layers.0.mlp.down_proj";
  qs::test::TempFolder m_folder;
  std::shared_ptr<const qs::Checkpoint> m_model;
};

QTEST_APPLESS_MAIN(TestPreview)
#include "tst_preview.moc"
