#include "tests/support/mounts.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace fabric::testing {

bool unshare_mounts() {
  const auto uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " + uid + " 1";
    std::ofstream("/proc/self/gid_map") << "0 " + gid + " 1";
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool mount_tmpfs(const std::string& directory, std::size_t bytes) {
  const auto size = "size=" + std::to_string(bytes);
  return ::mount("tmpfs", directory.c_str(), "tmpfs", 0, size.c_str()) == 0;
}

bool mount_overlay(const std::string& directory) {
  if (!mount_tmpfs(directory, std::size_t{64} << 20)) return false;
  for (const char* layer : {"/lower", "/upper", "/work"})
    if (::mkdir((directory + layer).c_str(), 0700) != 0) return false;
  const auto layers = "lowerdir=" + directory + "/lower,upperdir=" + directory + "/upper,workdir=" + directory + "/work";
  return ::mount("overlay", directory.c_str(), "overlay", 0, layers.c_str()) == 0;
}

bool bind_mount(const std::string& file, const std::string& at) {
  return ::mount(file.c_str(), at.c_str(), nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace fabric::testing
