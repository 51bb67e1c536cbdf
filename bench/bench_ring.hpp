#pragma once
// A ring in a directory of its own for one benchmark, removed at its end. Aborts with a message where it cannot be
// made: there is nothing to measure then. Not thread-safe.

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"

namespace fabric::bench {

// A directory on /dev/shm (else /tmp), gone with its content when this goes.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

class BenchRing {
 public:
  explicit BenchRing(const ipc::RingOptions& options);
  BenchRing(const BenchRing&) = delete;
  BenchRing& operator=(const BenchRing&) = delete;

  const std::string& path() const noexcept { return path_; }
  const std::shared_ptr<ipc::Ring>& ring() const noexcept { return ring_; }
  ipc::Publisher publisher() const;
  ipc::Reader reader(bool gating = true) const;

 private:
  Workspace workspace_;
  std::string path_;
  std::shared_ptr<ipc::Ring> ring_;
};

// A ring of about `ring_bytes` whose slots take payloads of `payload_bytes` inline.
ipc::RingOptions ring_for(std::size_t payload_bytes, ipc::WriterMode writers,
                          std::size_t ring_bytes = std::size_t{4} << 20);

inline std::vector<std::byte> payload_of(std::size_t bytes) { return std::vector<std::byte>(bytes, std::byte{0x5a}); }

// The value, or the end of the program with the error's message.
template <class T>
T value_or_abort(ipc::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench: %s\n", result.error().message.c_str());
  std::abort();
}

// Pins this thread to one of the processors it may use, counted from 0; where there are fewer, to none.
void pin_to_nth(unsigned nth);
// Back to all of them.
void unpin();

}  // namespace fabric::bench
