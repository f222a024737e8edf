#include "tests/support/quantized_folder.h"

#include "core/io/reader_registry.h"
#include "tests/support/safetensors_bytes.h"

namespace qs::test {

QuantizedFolder::QuantizedFolder(nlohmann::json quantization)
    : m_config{{"model_type", "llama"}, {"quantization_config", std::move(quantization)}} {
  add("model.norm.weight", "F32", {2}, std::string(8, '\0'));
}

void QuantizedFolder::add(const std::string& name, std::string_view dtype, const Shape& shape,
                          const std::string& bytes) {
  m_header[name] = {
      {"dtype", dtype}, {"shape", shape}, {"data_offsets", {m_data.size(), m_data.size() + bytes.size()}}};
  m_data += bytes;
}

void QuantizedFolder::add(const PackedTensors& parts) {
  for (const PackedTensor& part : parts)
    add(std::string(kLayer) + "." + part.suffix, name(part.dtype), part.shape,
        {reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()});
}

void QuantizedFolder::remove(const std::string& suffix) { m_dropped = std::string(kLayer) + "." + suffix; }

std::shared_ptr<const Checkpoint> QuantizedFolder::open() {
  if (!m_dropped.empty()) {  // another name, so that the offsets stay whole
    m_header["elsewhere"] = m_header[m_dropped];
    m_header.erase(m_dropped);
  }
  m_folder.write("config.json", m_configText.empty() ? m_config.dump() : m_configText);
  m_folder.write("model.safetensors", safetensorsBytes(m_header.dump(), m_data));
  return openCheckpoint(m_folder.path());
}

}  // namespace qs::test
