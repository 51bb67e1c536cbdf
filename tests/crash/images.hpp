#pragma once
// Ring files as they were once, put back before each point: far cheaper than new files.

#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "fabric/fabric.hpp"

namespace fabric::crash {

class Images {
 public:
  // Keeps what they hold now. Nobody may have them attached for writing but who restores them.
  explicit Images(std::vector<std::shared_ptr<ipc::Ring>> rings) : rings_(std::move(rings)) {
    for (const auto& ring : rings_) {
      const auto* base = ring->map().base;
      bytes_.emplace_back(base, base + std::filesystem::file_size(ring->path()));
    }
  }
  explicit Images(const Topic& topic) : Images(rings_of(topic)) {}
  void restore() const {
    for (std::size_t i = 0; i < rings_.size(); ++i)
      std::memcpy(rings_[i]->map().base, bytes_[i].data(), bytes_[i].size());
  }

 private:
  static std::vector<std::shared_ptr<ipc::Ring>> rings_of(const Topic& topic) {
    std::vector<std::shared_ptr<ipc::Ring>> rings;
    for (std::uint32_t partition = 0; partition < topic.partitions(); ++partition)
      rings.push_back(topic.ring(partition));
    return rings;
  }
  std::vector<std::shared_ptr<ipc::Ring>> rings_;
  std::vector<std::vector<std::byte>> bytes_;
};

}  // namespace fabric::crash
