#pragma once
// A ring file in a fabric directory of its own, and short ways to publish to it and read from it.

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc::testing {

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A payload that can be checked from its number alone, of any size.
inline std::string numbered(std::uint64_t number, std::size_t bytes = 24) {
  std::string text(std::max<std::size_t>(bytes, 8), '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(number * 31 + i);
  std::memcpy(text.data(), &number, sizeof number);
  return text;
}
inline std::uint64_t number_of(std::span<const std::byte> payload) {
  std::uint64_t number = 0;
  std::memcpy(&number, payload.data(), sizeof number);
  EXPECT_EQ(text_of(payload), numbered(number, payload.size())) << "torn payload of " << number;
  return number;
}

// A member that is proven to be dead: of this members file, at an index whose lock nobody holds.
inline MemberId dead_member(const Ring& ring, std::uint32_t index = 4000) { return ((ring.member() >> 12) + 1) << 12 | index; }

class RingFixture : public ::testing::Test {
 protected:
  RingOptions options{.slot_count = 16, .slot_bytes = 64, .max_publishers = 8, .max_cursors = 8};

  const std::string& directory() const { return directory_.path(); }
  std::string path() const { return directory_.path() + "/ring"; }

  std::shared_ptr<Ring> make_ring() {
    auto created = RingFile::create(path(), options);
    EXPECT_TRUE(created.has_value()) << created.error().message;
    return attach();
  }
  std::shared_ptr<Ring> attach(Access access = Access::read_write) {
    auto ring = Ring::attach(path(), {.access = access, .members_directory = directory()});
    EXPECT_TRUE(ring.has_value()) << ring.error().message;
    return *ring;
  }
  static Publisher publisher(const std::shared_ptr<Ring>& ring, PublisherOptions wanted = {}) {
    auto attached = Publisher::attach(ring, wanted);
    EXPECT_TRUE(attached.has_value()) << attached.error().message;
    return std::move(*attached);
  }
  static Reader reader(const std::shared_ptr<Ring>& ring, CursorOptions cursor, StartAt start = {StartAt::Kind::earliest, 0}) {
    auto attached = Reader::attach(ring, {.cursor = std::move(cursor), .start = start});
    EXPECT_TRUE(attached.has_value()) << attached.error().message;
    return std::move(*attached);
  }
  static Reader observer(const std::shared_ptr<Ring>& ring, StartAt start = {StartAt::Kind::earliest, 0}) {
    auto attached = Reader::attach(ring, {.cursor = std::nullopt, .start = start});
    EXPECT_TRUE(attached.has_value()) << attached.error().message;
    return std::move(*attached);
  }
  static std::vector<std::uint64_t> drain(Reader& from) {
    std::vector<std::uint64_t> numbers;
    RecordView view;
    while (from.next(view) == ReadOutcome::record) numbers.push_back(number_of(view.payload));
    return numbers;
  }
  // Polls until something else than `empty` comes: an unfinished claim is settled only after its bound.
  static ReadOutcome next_settled(Reader& from, RecordView& view) {
    const auto until = monotonic_ns() + 5'000'000'000;
    ReadOutcome outcome;
    while ((outcome = from.next(view)) == ReadOutcome::empty && monotonic_ns() < until) {
    }
    return outcome;
  }

 private:
  fabric::testing::TempDir directory_;
};

}  // namespace fabric::ipc::testing
