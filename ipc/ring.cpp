#include "ipc/ring.hpp"

#include "ipc/fence.hpp"

namespace fabric::ipc {

Result<std::shared_ptr<Ring>> Ring::attach(const std::string& path, const AttachOptions& options) {
  auto file = RingFile::attach(path, MapOptions{.access = options.access,
                                                .huge_pages = options.huge_pages,
                                                .prefault = options.prefault,
                                                .lock = options.lock});
  if (!file) return file.error();
  const auto slash = path.find_last_of('/');
  const auto parent = slash == std::string::npos ? std::string(".") : path.substr(0, std::max<std::size_t>(slash, 1));
  const auto& directory = options.members_directory.empty() ? parent : options.members_directory;
  auto members = Members::open(directory);
  if (!members) return members.error();
  std::shared_ptr<Membership> membership;
  if (options.access == Access::read_write) {
    if (auto fences = enable_asymmetric_fences(); !fences) return fences.error();
    auto joined = Membership::join(directory);
    if (!joined) return joined.error();
    membership = *joined;
  }
  return std::make_shared<Ring>(std::move(*file), std::move(*members), std::move(membership));
}

bool Ring::take_ownership(SharedWord& owner) const noexcept {
  if (!writable() || !owned_by_this_process()) return false;
  auto seen = owner.load(std::memory_order_acquire);
  if (is_alive(seen)) return false;
  return owner.compare_exchange_strong(seen, member(), std::memory_order_acq_rel);
}

}  // namespace fabric::ipc
