#pragma once
// What went wrong at a point, in the traced child or beside it, and the page that both write to.

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "tests/crash/notes.hpp"

namespace fabric::crash {

class FaultLog {
 public:
  FaultLog() : notes_(new (page()) ipc::crash::Notes()) {}
  ~FaultLog() { ::munmap(notes_, sizeof(ipc::crash::Notes)); }
  FaultLog(const FaultLog&) = delete;
  FaultLog& operator=(const FaultLog&) = delete;

  ipc::crash::Notes& notes() noexcept { return *notes_; }
  // Before each point.
  void reset() {
    faults_.clear();
    new (notes_) ipc::crash::Notes();
  }
  // In the child: ends it. Beside it: collected.
  void fault(const std::string& text) {
    if (::getpid() == here_) return faults_.push_back(text);
    std::strncpy(notes_->failure.data(), text.c_str(), notes_->failure.size() - 1);
    _exit(3);
  }
  const std::vector<std::string>& faults() const noexcept { return faults_; }

 private:
  static void* page() {
    return ::mmap(nullptr, sizeof(ipc::crash::Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  ipc::crash::Notes* notes_;
  std::vector<std::string> faults_;
  pid_t here_ = ::getpid();
};

}  // namespace fabric::crash
