#pragma once
// Mounts for tests: a file system that a program meets in a container.
//
// Everything here is for a Child: it gets mounts of its own, which go with it. Where the machine permits none the
// functions say false, and the test tries the same by other means.

#include <string>

namespace fabric::testing {

// From here on this process sees mounts of its own, as root in a user namespace if it is not root.
bool unshare_mounts();
// An empty tmpfs of so many bytes at `directory`.
bool mount_tmpfs(const std::string& directory, std::size_t bytes);
// An overlay at `directory`, whose layers are made in a tmpfs at `directory` itself.
bool mount_overlay(const std::string& directory);
// `file` is seen at `at` as well.
bool bind_mount(const std::string& file, const std::string& at);

}  // namespace fabric::testing
