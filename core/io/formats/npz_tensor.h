#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/formats/npy_header.h"
#include "core/io/zip_archive.h"

namespace qs {

/// An array in a NumPy archive. Its CRC is checked when it is first read; a deflated member is inflated then and kept
/// until release().
class NpzTensor final : public TensorSource {
 public:
  /// The member holds header and data, and nothing else.
  NpzTensor(std::shared_ptr<const ZipArchive> archive, ZipMember member, NpyHeader header)
      : m_archive(std::move(archive)), m_member(std::move(member)), m_header(std::move(header)) {}

  void read(std::uint64_t first, std::span<float> out) const override;
  [[nodiscard]] std::optional<TensorView> stored() const override;
  void release() const override;

 private:
  /// The data behind the header; `inflated` keeps it alive. Throws Error (Input) where the member is damaged.
  [[nodiscard]] std::span<const std::byte> data(std::shared_ptr<const std::vector<std::byte>>& inflated) const;

  std::shared_ptr<const ZipArchive> m_archive;
  ZipMember m_member;
  NpyHeader m_header;
  mutable std::mutex m_mutex;
  mutable bool m_isIntact = false;
  mutable std::shared_ptr<const std::vector<std::byte>> m_inflated;
};

}  // namespace qs
