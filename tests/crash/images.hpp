#pragma once
// The ring files of a topic as they were once, put back before each point: far cheaper than new files.

#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "fabric/fabric.hpp"

namespace fabric::crash {

class Images {
 public:
  // Keeps what they hold now. Nobody may have them attached for writing but who restores them.
  Images(const Fabric& fabric, std::shared_ptr<const Topic> topic) : topic_(std::move(topic)) {
    for (std::uint32_t partition = 0; partition < topic_->partitions(); ++partition) {
      const auto* base = topic_->ring(partition)->map().base;
      bytes_.emplace_back(base, base + std::filesystem::file_size(fabric.partition_path(topic_->name(), partition)));
    }
  }
  void restore() const {
    for (std::uint32_t partition = 0; partition < topic_->partitions(); ++partition)
      std::memcpy(topic_->ring(partition)->map().base, bytes_[partition].data(), bytes_[partition].size());
  }

 private:
  std::shared_ptr<const Topic> topic_;
  std::vector<std::vector<std::byte>> bytes_;
};

}  // namespace fabric::crash
