#pragma once
// An attached ring: the validated file, this process's membership, and a way to ask who is alive.
//
// Publishers and readers share one Ring by shared_ptr. Thread-safe: immutable after attach.

#include <memory>
#include <string>

#include "ipc/liveness.hpp"
#include "ipc/ring_file.hpp"

namespace fabric::ipc {

struct AttachOptions {
  Access access = Access::read_write;
  std::string members_directory{};  // where the members file lies; empty: the ring file's directory
  bool huge_pages = false, prefault = false, lock = false;
};

// A pointer into the mapping that is null after a move, so that its holder can be moved by default.
struct LeaveAlone {
  void operator()(const void*) const noexcept {}
};
template <class T>
using MovedPointer = std::unique_ptr<T, LeaveAlone>;

class Ring {
 public:
  // Errors: those of RingFile::attach, Membership::join and enable_asymmetric_fences. Read-only: registers nowhere.
  static Result<std::shared_ptr<Ring>> attach(const std::string& path, const AttachOptions& options = {});

  Ring(RingFile file, Members members, std::shared_ptr<Membership> membership)
      : file_(std::move(file)), members_(std::move(members)), membership_(std::move(membership)) {}

  const RingMap& map() const noexcept { return file_.map(); }
  const RingFile& file() const noexcept { return file_; }
  RingFile& file() noexcept { return file_; }
  const std::string& path() const noexcept { return file_.path(); }
  bool writable() const noexcept { return membership_ != nullptr; }
  MemberId member() const noexcept { return membership_ ? membership_->id() : 0; }
  // False in a forked child, where none of the parent's publishers and readers may be used.
  bool owned_by_this_process() const noexcept { return !membership_ || membership_->owned_by_this_process(); }
  // Three system calls. 0 is nobody: not alive.
  bool is_alive(MemberId id) const noexcept { return id != 0 && (id == member() || members_.is_alive(id)); }
  const Members& members() const noexcept { return members_; }

  // CAS of an ownership word from a dead or absent owner to this member. False: the owner is alive, another was quicker, or the ring
  // is the parent's (fork) or read-only.
  bool take_ownership(SharedWord& owner) const noexcept;

 private:
  RingFile file_;
  Members members_;
  std::shared_ptr<Membership> membership_;
};

}  // namespace fabric::ipc
