#include "fabric/numbered_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "fabric/topic_directory.hpp"
#include "fabric/topic_files.hpp"
#include "fabric/topic_names.hpp"
#include "ipc/checksum.hpp"
#include "ipc/file_lock.hpp"
#include "ipc/liveness.hpp"

namespace fabric {
namespace {

using ipc::ErrorCode;
using ipc::make_error;
using ipc::Result;
using ipc::system_error;
using Bytes = std::vector<std::byte>;

enum class Kind : std::uint32_t { entry = 1, pack = 2 };

//   0        8         12     16       24      32           40         48     64
//   | magic  | version | kind | number | count | body bytes | checksum | name | body
// number: of the entry, or of the first one in a pack; count: entries. A pack's body: 8 bytes of length before each
// entry. Little-endian. The checksum is XXH3 of the header, itself 0, seeded with the XXH3 of the body.
struct Header {
  char magic[8];
  std::uint32_t version;
  Kind kind;
  std::uint64_t number, count, body_bytes, checksum;
  char name[16];
};
static_assert(sizeof(Header) == 64);

constexpr char kMagic[8] = {'E', 'V', 'F', 'N', 'U', 'M', 'B', 'R'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxPackBytes = std::size_t{64} << 20;  // larger ranges stay without a pack
constexpr std::string_view kEntrySuffix = ".entry";

std::uint64_t checksum_of(Header header, std::span<const std::byte> body) noexcept {
  header.checksum = 0;
  return XXH3_64bits_withSeed(&header, sizeof header, ipc::hash_bytes(body.data(), body.size()));
}

Bytes make_file(Kind kind, const std::string& name, std::uint64_t number, std::uint64_t count,
                std::span<const std::byte> body) {
  Header header{.magic = {},
                .version = kVersion,
                .kind = kind,
                .number = number,
                .count = count,
                .body_bytes = body.size(),
                .checksum = 0,
                .name = {}};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  std::memcpy(header.name, name.data(), std::min(name.size(), sizeof header.name - 1));
  header.checksum = checksum_of(header, body);
  Bytes file(sizeof header + body.size());
  std::memcpy(file.data(), &header, sizeof header);
  if (!body.empty()) std::memcpy(file.data() + sizeof header, body.data(), body.size());
  return file;
}

ipc::Error damaged(const std::string& path, Kind kind, const std::string& how) {
  return make_error(ErrorCode::corrupt, path + ": " + how +
                                            (kind == Kind::pack ? "; remove it, it is made again from the entries"
                                                                : "; restore it from a copy"));
}

Result<Bytes> read_file(const std::string& path, std::size_t most, Kind kind) {
  const ipc::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_error("open " + path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("stat " + path, errno);
  if (!S_ISREG(status.st_mode)) return damaged(path, kind, "is no regular file");
  if (static_cast<std::uint64_t>(status.st_size) > most) return damaged(path, kind, "is too large to be one of ours");
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto got = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read " + path, errno);
    if (got == 0) return damaged(path, kind, "became shorter while it was read");
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

// The body of a file that is what it should be.
Result<std::span<const std::byte>> check_file(const Bytes& file, const std::string& path, Kind kind,
                                              const std::string& name, std::uint64_t number) {
  Header header{};
  if (file.size() < sizeof header) return damaged(path, kind, "is truncated");
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return damaged(path, kind, "is not a numbered file of a fabric");
  if (header.version != kVersion)
    return make_error(ErrorCode::incompatible, path + ": has layout version " + std::to_string(header.version) +
                                                   ", this release knows " + std::to_string(kVersion) +
                                                   "; use a newer release");
  const auto body = std::span(file).subspan(sizeof header);
  if (header.body_bytes != body.size()) return damaged(path, kind, "is truncated, or something was added to it");
  if (header.checksum != checksum_of(header, body)) return damaged(path, kind, "fails its checksum");
  if (name.compare(0, sizeof header.name, header.name, strnlen(header.name, sizeof header.name)) != 0 ||
      header.number != number || header.kind != kind)
    return damaged(path, kind, "is another file of a fabric that was moved here");
  return body;
}

Result<void> write_all(int file, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write " + path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

class PrivateFile {
 public:
  explicit PrivateFile(std::string path) : path_(std::move(path)) {}
  ~PrivateFile() { ::unlink(path_.c_str()); }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::optional<std::uint64_t> number_of(std::string_view name) {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (fault != std::errc() || name.substr(static_cast<std::size_t>(end - name.data())) != kEntrySuffix || number == 0 ||
      name.front() == '0')
    return std::nullopt;
  return number;
}

}  // namespace

std::string NumberedFiles::entry_path(std::uint64_t number) const {
  return path_ + "/" + std::to_string(number) + std::string(kEntrySuffix);
}

std::string NumberedFiles::pack_path(std::uint64_t pack) const { return path_ + "/" + std::to_string(pack) + ".pack"; }

// What is in the directory, which need not be there yet.
Result<std::vector<std::string>> NumberedFiles::names() const {
  const ipc::Descriptor directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory && errno == ENOENT) return std::vector<std::string>();
  if (!directory) return system_error("open directory " + path_, errno);
  return entries_of(directory.get(), path_);
}

Result<std::uint64_t> NumberedFiles::last() const {
  const auto found = names();
  if (!found) return found.error();
  std::uint64_t highest = 0;
  for (const auto& name : *found) highest = std::max(highest, number_of(name).value_or(0));
  return highest;
}

Result<bool> NumberedFiles::has(std::uint64_t number) const {
  const auto path = entry_path(number);
  if (::access(path.c_str(), F_OK) == 0) return true;
  if (errno == ENOENT) return false;
  return system_error("look for " + path, errno);
}

Result<Bytes> NumberedFiles::read(std::uint64_t number) const {
  const auto path = entry_path(number);
  auto file = read_file(path, sizeof(Header) + kMaxEntryBytes, Kind::entry);
  if (!file) return file;
  const auto body = check_file(*file, path, Kind::entry, name_, number);
  if (!body) return body.error();
  return Bytes(body->begin(), body->end());
}

// False: there is no such pack.
Result<bool> NumberedFiles::read_pack(std::uint64_t pack, const Visit& visit) const {
  const auto path = pack_path(pack);
  const auto first = (pack - 1) * kEntriesPerPack + 1;
  const auto file = read_file(path, sizeof(Header) + kMaxPackBytes, Kind::pack);
  if (!file && file.error().code == ErrorCode::not_found) return false;
  if (!file) return file.error();
  const auto body = check_file(*file, path, Kind::pack, name_, first);
  if (!body) return body.error();
  auto rest = *body;
  for (std::uint64_t number = first; number < first + kEntriesPerPack; ++number) {
    std::uint64_t bytes = 0;
    if (rest.size() < sizeof bytes) return damaged(path, Kind::pack, "ends too early");
    std::memcpy(&bytes, rest.data(), sizeof bytes);
    rest = rest.subspan(sizeof bytes);
    if (bytes > rest.size()) return damaged(path, Kind::pack, "ends too early");
    if (auto visited = visit(number, rest.first(bytes)); !visited) return visited.error();
    rest = rest.subspan(bytes);
  }
  return true;
}

Result<std::uint64_t> NumberedFiles::read_from(std::uint64_t first, const Visit& visit) const {
  auto number = first;
  for (;;) {
    const auto pack = (number - 1) / kEntriesPerPack + 1;
    if ((number - 1) % kEntriesPerPack == 0) {
      const auto packed = read_pack(pack, visit);
      if (!packed) return packed.error();
      if (*packed) {
        number += kEntriesPerPack;
        continue;
      }
    }
    const auto entry = read(number);
    if (!entry && entry.error().code == ErrorCode::not_found) break;
    if (!entry) return entry.error();
    if (auto visited = visit(number, *entry); !visited) return visited.error();
    if (number % kEntriesPerPack == 0 && ::access(pack_path(pack).c_str(), F_OK) != 0) make_pack(pack);
    ++number;
  }
  if (first != 1) return number;
  const auto highest = last();
  if (!highest) return highest;
  if (*highest < number) return number;
  const auto there = has(number);  // appended since we looked: the next call finds it
  if (!there) return there.error();
  if (*there) return number;
  return make_error(ErrorCode::corrupt, entry_path(number) + " is missing, but there is entry " +
                                            std::to_string(*highest) + "; restore it from a copy");
}

// A private file with these bytes, linked to `to`. False: that exists.
Result<bool> NumberedFiles::write(std::span<const std::byte> file, const std::string& to) const {
  struct stat directory {};
  if (::stat(fabric_directory_.c_str(), &directory) != 0)
    return system_error("fabric directory " + fabric_directory_, errno);
  const auto self = ipc::Membership::join(fabric_directory_, directory.st_mode & 0666);
  if (!self) return self.error();
  const auto name = private_name(".entry", (*self)->id());
  if (!name) return name.error();
  const PrivateFile made(path_ + "/" + *name);
  const ipc::Descriptor out(::open(made.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return system_error("create " + made.path(), errno);
  if (auto written = write_all(out.get(), file, made.path()); !written) return written.error();
  struct stat now {};
  if (::fstat(out.get(), &now) != 0) return system_error("stat " + made.path(), errno);
  if (now.st_gid != directory.st_gid && ::fchown(out.get(), static_cast<uid_t>(-1), directory.st_gid) != 0)
    return system_error("give " + made.path() + " the group of its fabric directory", errno);
  if (::fchmod(out.get(), (directory.st_mode & 0444) | 0400) != 0) return system_error("chmod " + made.path(), errno);
  if (::fsync(out.get()) != 0) return system_error("write back " + made.path(), errno);
  if (::link(made.path().c_str(), to.c_str()) == 0) return true;
  if (errno == EEXIST) return false;
  return system_error("link " + made.path() + " to " + to, errno);
}

Result<bool> NumberedFiles::append(std::uint64_t number, std::span<const std::byte> entry) const {
  if (entry.size() > kMaxEntryBytes)
    return make_error(ErrorCode::invalid_argument, "an entry of " + std::to_string(entry.size()) + " bytes for " +
                                                       path_ + "; at most " + std::to_string(kMaxEntryBytes) + " fit");
  if (auto made = prepare_subdirectory(fabric_directory_, name_); !made) return made.error();
  if (number != 1) {
    const auto before = number == 0 ? Result<bool>(false) : has(number - 1);
    if (!before) return before;
    if (!*before)
      return make_error(ErrorCode::invalid_argument, "entry " + std::to_string(number) + " of " + path_ +
                                                         " would leave a gap; append behind the last");
  }
  const auto ours = write(make_file(Kind::entry, name_, number, 1, entry), entry_path(number));
  if (!ours || !*ours) return ours;
  if (auto synced = sync(); !synced) return synced.error();
  if (number % kEntriesPerPack == 0) {
    make_pack(number / kEntriesPerPack);
    static_cast<void>(remove_leftovers());  // others' may not be ours to remove
  }
  return true;
}

Result<std::uint64_t> NumberedFiles::append(std::span<const std::byte> entry) const {
  auto highest = last();
  if (!highest) return highest;
  for (auto number = *highest + 1;; ++number) {
    const auto ours = append(number, entry);
    if (!ours) return ours.error();
    if (*ours) return number;
  }
}

Result<void> NumberedFiles::sync() const { return sync_directory(path_); }

Result<std::size_t> NumberedFiles::count_leftovers() const {
  const auto found = names();
  if (!found) return found.error();
  return count_temporaries(*found);
}

Result<std::size_t> NumberedFiles::remove_leftovers() const {
  const auto found = names();
  if (!found) return found.error();
  const auto members = ipc::Members::open(fabric_directory_);
  if (!members) return members.error();
  std::size_t removed = 0;
  for (const auto& name : *found) {
    const auto owner = owner_of(name);
    if (!owner || members->is_alive(*owner)) continue;
    const auto path = path_ + "/" + name;
    if (::unlink(path.c_str()) == 0) {
      ++removed;
    } else if (errno != ENOENT) {
      return system_error("remove " + path, errno);
    }
  }
  return removed;
}

// Failures do not matter: without a pack the entries are read one by one.
void NumberedFiles::make_pack(std::uint64_t pack) const {
  if (::access(path_.c_str(), W_OK) != 0) return;
  const auto first = (pack - 1) * kEntriesPerPack + 1;
  Bytes body;
  for (auto number = first; number < first + kEntriesPerPack; ++number) {
    const auto entry = read(number);
    if (!entry || body.size() + entry->size() > kMaxPackBytes / 2) return;
    const std::uint64_t bytes = entry->size();
    const auto length = std::as_bytes(std::span(&bytes, 1));
    body.insert(body.end(), length.begin(), length.end());
    body.insert(body.end(), entry->begin(), entry->end());
  }
  static_cast<void>(write(make_file(Kind::pack, name_, first, kEntriesPerPack, body), pack_path(pack)));
}

}  // namespace fabric
