#pragma once
// A directory of its own for a test, on /dev/shm where there is one: removed with everything in it at the end.

#include <string>

namespace fabric::testing {

class TempDir {
 public:
  // Aborts when it cannot be created: no test makes sense then.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace fabric::testing
