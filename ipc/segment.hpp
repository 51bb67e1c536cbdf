#pragma once
// A file of fixed size mapped whole: created atomically, with its space allocated, or attached as it is.
//
// Creation, in this order, so that a kill at any point leaves either nothing or the whole file under its name:
//   1. a private file in the same directory (".<name>.<16 hex digits>.tmp"), locked while its creator lives
//   (file_lock.hpp)
//   2. its space: posix_fallocate, so a full disk or /dev/shm is an error here and never SIGBUS later
//   3. group and mode; map; the caller fills it; written back (so that power loss cannot show the name without the
//   bytes)
//   4. link() to its name, which succeeds for exactly one of several creators; the directory is written back
// A creator killed half way leaves only its .tmp file, which remove_stale_temporaries() deletes.
// Attaching for writing allocates again what the file lacks: a copy that was restored with holes is made whole, or
// refused, so that no store into it ever meets a full file system.
// No descriptor stays open after create/attach: the mapping keeps the file, and nobody's close() can harm it.
// What it cannot prevent: whoever truncates a mapped file makes its users receive SIGBUS.
// Uses Boost.Interprocess mapped_region. Thread-safe: immutable after construction. Movable, not copyable.

#include <sys/types.h>

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/file_lock.hpp"
#include "ipc/result.hpp"

namespace fabric::ipc {

enum class Access : std::uint8_t { read_only, read_write };

// All files are whole multiples of this, whatever the page size: a file may be copied to another host and read there.
inline constexpr std::uint64_t kSegmentGranularity = 4096;

struct CreateOptions {
  std::uint64_t bytes = 0;  // multiple of kSegmentGranularity, not 0
  mode_t mode = 0600;       // exactly this, whatever the umask; permission bits only
  std::string group = {};   // name or number; empty: the creator's
  bool huge_pages = false;  // madvise(MADV_HUGEPAGE): tmpfs mounted huge=advise, or file THP; a hint
  bool prefault = false;    // map every page at creation, so that no first access faults
  bool lock = false;        // mlock at creation; failure is an error (RLIMIT_MEMLOCK)
};

struct MapOptions {
  Access access = Access::read_only;
  bool huge_pages = false, prefault = false, lock = false;  // as above, for this mapping
};

class Segment {
 public:
  // Creates `path` with `options.bytes` zero bytes, lets `fill` write them (which may not throw), and maps it
  // read-write. Errors: invalid_argument, already_exists, not_found (directory), no_space, permission, unsupported (no
  // hard links or kept locks on this file system), system. Blocks on the file system; signals to this thread wait while
  // space is allocated.
  static Result<Segment> create(const std::string& path, const CreateOptions& options,
                                const std::function<void(std::span<std::byte>)>& fill);
  // Maps `path` as it is. The last component must not be a symbolic link. Never blocks on a FIFO or device: it is
  // refused. Errors: not_found, permission, corrupt (empty, truncated to no multiple of kSegmentGranularity, not a
  // regular file), no_space (for writing: its holes cannot be filled), unsupported (for writing: it has holes, and this
  // file system allocates nothing), system.
  static Result<Segment> attach(const std::string& path, const MapOptions& options);

  std::span<std::byte> bytes() noexcept { return {static_cast<std::byte*>(region_.get_address()), region_.get_size()}; }
  std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(region_.get_address()), region_.get_size()};
  }
  // Writes [offset, offset + bytes) back and waits for the device, with what is needed to read it again (msync
  // MS_SYNC). With `wait` false it only hints: Linux starts nothing for MS_ASYNC, its flusher writes within some 30 s.
  // Needs no descriptor. On tmpfs both do nothing. Errors: invalid_argument (outside the segment), system (EIO).
  // Thread-safe.
  Result<void> sync(std::uint64_t offset, std::uint64_t bytes, bool wait) noexcept;
  // Device and inode of the file as mapped, to tell a path that now names another file.
  FileIdentity identity() const noexcept { return identity_; }

 private:
  boost::interprocess::mapped_region region_;
  FileIdentity identity_{};
};

// Deletes the .tmp files of dead creators in `directory`, of files called `name` only if it is not empty; returns how
// many. Files that it may not read are left alone. Errors: not_found, permission, system (the directory cannot be read).
// Blocks on the file system. Thread-safe.
Result<std::size_t> remove_stale_temporaries(const std::string& directory, std::string_view name = {});

}  // namespace fabric::ipc
