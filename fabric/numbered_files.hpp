#pragma once
// An append-only sequence of small immutable files, numbered 1, 2, 3, ...: what a fabric remembers besides its rings
// (the registry's entries, the catalog's snapshots). No daemon, no lock, nobody waits for one who was killed or
// stopped.
//
//   DIR/NAME/1.entry ...      the entries
//   DIR/NAME/1.pack ...       copies of entries 1 to 256, 257 to 512, ...: so that thousands are opened quickly
//   DIR/NAME/.entry.<member>.<random>.tmp       one that is being written (topic_names.hpp)
//
// Who appends writes the whole entry under a private name, has it written back, and link()s it to the number behind the
// last: that succeeds for exactly one. The others are told that the number is taken; they read what is there and decide
// again. So:
//
// N1  Numbers are dense, an entry never changes, and all processes see the same sequence.
// N2  Killed or stopped anywhere, one leaves either nothing, or a private file that means nothing, or the whole entry.
// N3  What append() acknowledged outlives every process, and on a disk a power failure.
//
// Entries are kept for ever, also those in packs: whoever was stopped before its link() would otherwise get a number
// that was used. Everything read is input: damage is an error that names the file. Thread-safe: const functions. Blocks
// on the file system.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ipc/result.hpp"

namespace fabric {

// All sequences there are in a fabric: where leftovers are looked for.
inline constexpr const char* kNumberedDirectories[] = {"registry", "catalog"};
inline constexpr std::size_t kMaxEntryBytes = std::size_t{16} << 20;
inline constexpr std::uint64_t kEntriesPerPack = 256;

class NumberedFiles {
 public:
  // Touches nothing. `name`: of the directory in the fabric's, at most 15 bytes; it stands in every file.
  NumberedFiles(const std::string& fabric_directory, std::string name)
      : fabric_directory_(fabric_directory), name_(std::move(name)), path_(fabric_directory + "/" + name_) {}

  const std::string& path() const noexcept { return path_; }
  std::string entry_path(std::uint64_t number) const;

  // The highest number; 0: none. Reads the directory. Errors: permission, system.
  ipc::Result<std::uint64_t> last() const;
  // Whether there is such an entry: one system call. Errors: permission, system.
  ipc::Result<bool> has(std::uint64_t number) const;
  // Errors: not_found, corrupt (truncated, flipped, of another number or sequence), incompatible (of a newer release),
  // permission, system.
  ipc::Result<std::vector<std::byte>> read(std::uint64_t number) const;

  using Visit = std::function<ipc::Result<void>(std::uint64_t number, std::span<const std::byte> entry)>;
  // All entries from `first` on, in order, packs first; returns the number behind the last one. Stops at the first
  // failure, of `visit` too. Makes packs that are missing, where this process may. Errors: those of read(); corrupt (an
  // entry is missing; looked for from the first entry on).
  ipc::Result<std::uint64_t> read_from(std::uint64_t first, const Visit& visit) const;

  // Makes `entry` the one with this number, which has to be the one behind the last. False: somebody was faster. Makes
  // the directory, which follows the fabric directory's mode and group, as the files do. Errors: invalid_argument
  // (larger than kMaxEntryBytes, a number that would leave a gap), permission, no_space, those of Membership::join,
  // system.
  ipc::Result<bool> append(std::uint64_t number, std::span<const std::byte> entry) const;
  // The same at whatever number comes next.
  ipc::Result<std::uint64_t> append(std::span<const std::byte> entry) const;
  // What others appended outlives a power failure from now on: before one relies on it. A no-op on tmpfs.
  ipc::Result<void> sync() const;

  // Private files: of those at work, and of those that were killed.
  ipc::Result<std::size_t> count_leftovers() const;
  // Removes those of the killed; returns how many. append() does it now and then, Fabric::remove_leftovers() always.
  ipc::Result<std::size_t> remove_leftovers() const;

 private:
  ipc::Result<std::vector<std::string>> names() const;
  std::string pack_path(std::uint64_t pack) const;
  ipc::Result<bool> write(std::span<const std::byte> file, const std::string& to) const;
  ipc::Result<bool> read_pack(std::uint64_t pack, const Visit& visit) const;
  void make_pack(std::uint64_t pack) const;

  std::string fabric_directory_, name_, path_;
};

}  // namespace fabric
