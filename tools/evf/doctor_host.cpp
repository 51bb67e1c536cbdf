#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "ipc/clock.hpp"
#include "ipc/fence.hpp"
#include "ipc/file_lock.hpp"
#include "tools/evf/doctor.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

// First line of a file of /proc or /sys; empty where there is none.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return printable(line);
}

// "always [madvise] never" -> "madvise"
std::string chosen(const std::string& words) {
  const auto open = words.find('['), close = words.find(']');
  return open == std::string::npos || close == std::string::npos ? words : words.substr(open + 1, close - open - 1);
}

// The directory, or the nearest one above it that exists.
std::string existing_part(std::string path) {
  struct stat status {};
  while (!path.empty() && ::stat(path.c_str(), &status) != 0) {
    const auto slash = path.rfind('/');
    path = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    if (path == "/" || path == ".") break;
  }
  return path.empty() ? "/" : path;
}

Finding check_space(const std::string& name, const std::string& path) {
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0)
    return {name, Health::fail, fmt::format("{}: {}", path, std::strerror(errno)), "mount a tmpfs there, or use --dir"};
  const auto block = static_cast<std::uint64_t>(system.f_bsize);
  const auto size = system.f_blocks * block, free = system.f_bavail * block;
  Finding finding{
      name, Health::ok,
      fmt::format("{}{} free of {}", name == path ? "" : path + ": ", format_bytes(free), format_bytes(size))};
  if (free < 16 * kMiB || free < size / 20) {
    finding.health = Health::fail;
    finding.advice = "delete what is not needed, or enlarge it (mount -o remount,size=4G; docker --shm-size)";
  } else if (size < 256 * kMiB) {
    finding.health = Health::warn;
    finding.advice = "small: enlarge it (mount -o remount,size=4G; docker --shm-size)";
  }
  return finding;
}

Finding check_file_system(const std::string& path) {
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0)
    return {"file system", Health::fail, fmt::format("{}: {}", path, std::strerror(errno)), "use another --dir"};
  switch (static_cast<std::uint32_t>(system.f_type)) {
    case TMPFS_MAGIC:
      return {"file system", Health::ok, "tmpfs: rings live in memory, until the next reboot"};
    case RAMFS_MAGIC:
      return {"file system", Health::ok, "ramfs: rings live in memory, until the next reboot"};
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case V9FS_MAGIC:
    case FUSE_SUPER_MAGIC:
      return {"file system", Health::fail, "a network or user-space file system: its mappings are not shared memory",
              "put the fabric on tmpfs or a local disk"};
    default:
      return {"file system", Health::ok,
              fmt::format("on disk (type {:#x}): use --sync for what must survive power loss",
                          static_cast<std::uint32_t>(system.f_type))};
  }
}

Finding check_limit(const std::string& name, __rlimit_resource resource, std::uint64_t wanted,
                    const std::string& advice) {
  struct rlimit limit {};
  if (::getrlimit(resource, &limit) != 0) return {name, Health::warn, std::strerror(errno), "check ulimit -a"};
  if (limit.rlim_cur == RLIM_INFINITY) return {name, Health::ok, "unlimited"};
  const bool enough = limit.rlim_cur >= wanted;
  return {name, enough ? Health::ok : Health::warn, format_bytes(limit.rlim_cur), enough ? "" : advice};
}

Finding check_fences() {
  const auto enabled = ipc::enable_asymmetric_fences();
  if (enabled) return {"membarrier", Health::ok, "available"};
  return {"membarrier", Health::fail, enabled.error().message,
          "allow membarrier(2) in the seccomp profile, or use a newer kernel"};
}

// Two descriptions of one unnamed file: the second must see the lock of the first.
Finding check_locks(const std::string& path) {
  const ipc::Descriptor first(::open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!first) {
    const auto why = fmt::format("cannot be tried in {}: {}", path, std::strerror(errno));
    return {"file locks", Health::warn, why, "run doctor as a user who may write there"};
  }
  const ipc::Descriptor second(::open(fmt::format("/proc/self/fd/{}", first.get()).c_str(), O_RDWR | O_CLOEXEC));
  if (!second) return {"file locks", Health::warn, "cannot be tried: /proc is not mounted", "mount /proc"};
  const int locked = ipc::try_lock(first.get(), ipc::LockKind::exclusive, 0);
  if (locked == 0 && ipc::is_locked(second.get(), 0).value_or(false))
    return {"file locks", Health::ok, "open-file-description locks work"};
  return {"file locks", Health::fail, fmt::format("no open-file-description locks in {}", path),
          "use a local file system"};
}

Finding check_clock() {
  const auto source = first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  const auto shown = source.empty() ? std::string("unknown") : source;
  if (ipc::Clock::uses_counter()) return {"clock", Health::ok, fmt::format("time-stamp counter (kernel: {})", shown)};
  return {"clock", Health::warn, fmt::format("clock_gettime (kernel: {}): 20 ns a time stamp", shown),
          "boot with clocksource=tsc where the processor has an invariant counter"};
}

Finding check_boot() {
  const auto boot = first_line("/proc/sys/kernel/random/boot_id");
  if (!boot.empty()) return {"boot id", Health::ok, boot};
  return {"boot id", Health::warn, "cannot be read: rings cannot be told from those of another boot", "mount /proc"};
}

Finding check_governor() {
  const auto governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (governor.empty()) return {"cpu governor", Health::ok, "not visible (a virtual machine, or a fixed frequency)"};
  if (governor == "performance") return {"cpu governor", Health::ok, governor};
  return {"cpu governor", Health::warn, governor + ": the frequency varies, and with it the latency",
          "cpupower frequency-set -g performance"};
}

Finding check_huge_pages() {
  const std::string base = "/sys/kernel/mm/transparent_hugepage/";
  const auto enabled = chosen(first_line(base + "enabled")), shared = chosen(first_line(base + "shmem_enabled"));
  if (enabled.empty()) return {"huge pages", Health::ok, "not visible; --huge-pages is only a hint"};
  const bool usable = shared == "advise" || shared == "always" || shared == "within_size" || shared == "force";
  return {"huge pages", Health::ok,
          fmt::format("enabled {}, shared memory {}{}", enabled, shared.empty() ? "unknown" : shared,
                      usable ? "" : ": --huge-pages has no effect on tmpfs")};
}

}  // namespace

std::vector<Finding> check_host(const std::string& directory) {
  const auto existing = existing_part(directory);
  std::vector<Finding> findings;
  findings.push_back(check_space("/dev/shm", "/dev/shm"));
  struct stat shm {
  }, own{};
  const bool elsewhere =
      ::stat("/dev/shm", &shm) != 0 || ::stat(existing.c_str(), &own) != 0 || shm.st_dev != own.st_dev;
  if (elsewhere) findings.push_back(check_space("space", existing));
  findings.push_back(check_file_system(existing));
  findings.push_back(
      check_limit("locked memory", RLIMIT_MEMLOCK, 8 * kMiB, "raise RLIMIT_MEMLOCK for topics with --lock"));
  findings.push_back(
      check_limit("file size", RLIMIT_FSIZE, 1024 * kMiB, "raise RLIMIT_FSIZE for larger topics (ulimit -f)"));
  findings.push_back(check_fences());
  findings.push_back(check_locks(existing));
  findings.push_back(check_clock());
  findings.push_back(check_boot());
  findings.push_back(check_governor());
  findings.push_back(check_huge_pages());
  return findings;
}

}  // namespace fabric::evf
