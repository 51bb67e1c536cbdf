#include "fabric/topic_attach.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "ipc/clock.hpp"
#include "ipc/repair.hpp"

namespace fabric {

using ipc::Error;
using ipc::ErrorCode;
using ipc::make_error;
using ipc::Result;

namespace {

constexpr std::uint64_t kRecoveryPatienceNs = 10'000'000'000;
constexpr auto kNap = std::chrono::milliseconds(2);

bool is_of_earlier_boot(const std::string& path) {
  auto file = ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
  return file && !file->of_this_boot();
}

bool is_recovering(const ipc::Error& error) { return error.code == ErrorCode::busy && error.system_errno == EAGAIN; }

}  // namespace

// A file must be where its header says that it belongs.
Result<void> check_place(const ipc::RingHeader& header, const std::string& topic, std::uint32_t partition,
                         std::uint32_t born, const std::string& path) {
  const std::string name(header.topic, strnlen(header.topic, sizeof header.topic));
  if (name == topic && header.partition == partition && header.partition_count == born) return {};
  return make_error(ErrorCode::corrupt, path + ": this is partition " + std::to_string(header.partition) + " of " +
                                            std::to_string(header.partition_count) + " of topic '" + name + "', not " +
                                            std::to_string(partition) + " of " + std::to_string(born) + " of '" +
                                            topic + "'; move the file back, or restore the topic");
}

Result<std::shared_ptr<ipc::Ring>> attach_ring(const std::string& path, const ipc::AttachOptions& options) {
  const auto until_ns = ipc::monotonic_ns() + kRecoveryPatienceNs;
  for (;;) {
    auto ring = ipc::Ring::attach(path, options);
    const bool to_recover = !ring && ring.error().code == ErrorCode::incompatible &&
                            options.access == ipc::Access::read_write && is_of_earlier_boot(path);
    if (ring || (!to_recover && !is_recovering(ring.error()))) return ring;
    if (to_recover) {
      auto recovered = ipc::recover_ring(path);
      if (recovered) continue;
      ring = recovered.error();
    }
    if (!is_recovering(ring.error()) || ipc::monotonic_ns() >= until_ns) return ring.error();
    std::this_thread::sleep_for(kNap);
  }
}

Result<void> attach_more(const TopicDirectory& directory, const std::string& topic, std::uint32_t base,
                         std::uint32_t count, const ipc::AttachOptions& options,
                         std::vector<std::shared_ptr<ipc::Ring>>& rings) {
  while (rings.size() < count) {
    const auto partition = static_cast<std::uint32_t>(rings.size());
    const auto path = directory.path() + "/" + partition_name(partition);
    auto ring = attach_ring(path, options);
    if (!ring) return ring.error();
    if (auto placed = check_place((*ring)->file().header(), topic, partition, born_count(base, partition), path);
        !placed)
      return placed;
    rings.push_back(std::move(*ring));
  }
  return {};
}

}  // namespace fabric
