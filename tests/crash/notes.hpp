#pragma once
// What a traced child tells its parent: one page of shared memory, written by the child right after each call returned,
// so that the parent knows what was acknowledged whenever the child dies.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"

namespace fabric::ipc::crash {

enum class Phase : std::uint32_t { before, region, after };

struct Published {
  std::uint64_t number = 0, sequence = 0;
  PublishOutcome outcome = PublishOutcome::published;
};

// A record [first, first + 1), or a lost range [first, end).
struct Delivered {
  std::uint64_t first = 0, end = 0, number = 0;
  ReadOutcome outcome = ReadOutcome::record;
};

struct Notes {
  std::atomic<Phase> phase{Phase::before};
  std::atomic<std::uint32_t> attempted{0}, returned{0}, delivered{0};  // counts; publishes[returned] may be under way
  std::atomic<std::uint64_t> value{0};                                 // of the scenario's own
  std::array<Published, 32> publishes{};
  std::array<Delivered, 32> deliveries{};
  std::array<char, 256> failure{};
};

// A payload that can be checked from its number alone.
void fill_payload(std::span<std::byte> bytes, std::uint64_t number) noexcept;
std::optional<std::uint64_t> number_in(std::span<const std::byte> bytes) noexcept;
inline constexpr std::size_t kInlineBytes = 24, kArenaBytes = 700;

// The child's side. Everything the child does goes through it.
class Actor {
 public:
  Actor(Notes& notes, std::string path) : notes_(&notes), path_(std::move(path)) {}

  // The region that is swept lies between these two: each executes int3, which the tracer sees.
  void begin() noexcept;
  void end() noexcept;
  [[noreturn]] void fail(const std::string& why) noexcept;

  const std::string& path() const noexcept { return path_; }
  Notes& notes() noexcept { return *notes_; }
  std::shared_ptr<Ring> attach();
  // Their clocks stand still, but for pass_time().
  Publisher publisher(const std::shared_ptr<Ring>& ring, PublisherOptions options = {});
  Reader reader(const std::shared_ptr<Ring>& ring, CursorOptions cursor, StartAt start = {StartAt::Kind::earliest, 0});

  PublishOutcome publish(Publisher& out, std::uint64_t number, std::size_t bytes = kInlineBytes) noexcept;
  PublishOutcome publish_batch(Publisher& out, std::uint64_t first_number, std::size_t count) noexcept;
  // By claim and commit; `commit` false: aborted.
  void claim(Publisher& out, std::uint64_t number, std::size_t bytes, bool commit) noexcept;
  ReadOutcome read(Reader& in) noexcept;
  void pass_time(Reader& in, std::uint64_t ns) noexcept;

 private:
  Published& note_attempt(std::uint64_t number) noexcept;

  Notes* notes_;
  std::string path_;
};

}  // namespace fabric::ipc::crash
