// The extension block: what is written is read back, and whatever breaks a rule is reported and never read out of
// bounds.

#include "fabric/event/envelope.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace fabric {
namespace {

std::vector<std::byte> encode(const std::string& key, const std::string& payload) {
  const Envelope envelope{.key = as_bytes(key)};
  std::vector<std::byte> record(envelope_bytes(envelope));
  encode_envelope(envelope, record);
  const auto bytes = as_bytes(payload);
  record.insert(record.end(), bytes.begin(), bytes.end());
  return record;
}

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::optional<Event> decode(std::span<const std::byte> record, std::uint8_t flags = ipc::kExtended) {
  return decode_event(ipc::RecordView{.flags = flags, .payload = record});
}

TEST(Envelope, is_absent_without_a_key) {
  EXPECT_EQ(envelope_bytes({}), 0U);
  const auto event = decode(as_bytes("payload"), 0);
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->envelope.key.empty());
  EXPECT_EQ(as_text(event->payload), "payload");
}

TEST(Envelope, golden_bytes) {
  // Version 1 on the wire: bytes, version, 0, tag 1, 0, length, "orders-7", no padding.
  const auto expected = bytes_of({16, 0, 1, 0, 1, 0, 8, 0, 'o', 'r', 'd', 'e', 'r', 's', '-', '7', 'x'});
  EXPECT_EQ(encode("orders-7", "x"), expected);
  EXPECT_EQ(encode("k", ""), bytes_of({16, 0, 1, 0, 1, 0, 1, 0, 'k', 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Envelope, every_key_length_and_content_comes_back) {
  std::mt19937_64 random(7);
  for (std::size_t length = 1; length <= kMaxKeyBytes; length += length < 300 ? 1 : 97) {
    std::string key(length, '\0');
    for (auto& byte : key) byte = static_cast<char>(random());
    const std::string payload(random() % 50, static_cast<char>(random()));
    const auto record = encode(key, payload);
    ASSERT_EQ(record.size() - payload.size(), envelope_bytes({.key = as_bytes(key)}));
    ASSERT_EQ((record.size() - payload.size()) % 8, 0U);
    const auto event = decode(record);
    ASSERT_TRUE(event) << length;
    EXPECT_EQ(as_text(event->envelope.key), key);
    EXPECT_EQ(as_text(event->payload), payload);
  }
}

TEST(Envelope, unknown_tags_are_skipped) {
  const auto before =
      bytes_of({24, 0, 1, 0, 150, 0, 2, 0, 'a', 'b', 1, 0, 3, 0, 'k', 'e', 'y', 200, 0, 0, 0, 0, 0, 0, 'P'});
  const auto event = decode(before);
  ASSERT_TRUE(event);
  EXPECT_EQ(as_text(event->envelope.key), "key");
  EXPECT_EQ(as_text(event->payload), "P");
}

TEST(Envelope, what_breaks_a_rule_is_malformed) {
  struct Case {
    const char* rule;
    std::vector<std::byte> record;
  };
  const std::vector<Case> cases{
      {"no block at all", {}},
      {"shorter than its header", bytes_of({8, 0, 1})},
      {"zero bytes", bytes_of({0, 0, 1, 0, 0, 0, 0, 0})},
      {"not a multiple of 8", bytes_of({9, 0, 1, 0, 0, 0, 0, 0, 0})},
      {"longer than the record", bytes_of({16, 0, 1, 0, 0, 0, 0, 0})},
      {"another version", bytes_of({8, 0, 2, 0, 0, 0, 0, 0})},
      {"reserved byte set", bytes_of({8, 0, 1, 1, 0, 0, 0, 0})},
      {"field reaches out of the block", bytes_of({8, 0, 1, 0, 1, 0, 1, 0, 'k'})},
      {"field's reserved byte set", bytes_of({16, 0, 1, 0, 1, 1, 8, 0, 'o', 'r', 'd', 'e', 'r', 's', '-', '7'})},
      {"empty key", bytes_of({8, 0, 1, 0, 1, 0, 0, 0})},
      {"two keys", bytes_of({16, 0, 1, 0, 1, 0, 1, 0, 'a', 1, 0, 1, 0, 'b', 0, 0})},
      {"something behind the end", bytes_of({16, 0, 1, 0, 1, 0, 1, 0, 'k', 0, 0, 0, 0, 0, 0, 7})},
      {"more padding than needed",
       bytes_of({24, 0, 1, 0, 1, 0, 1, 0, 'k', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})},
      {"cut off in a field's header", bytes_of({16, 0, 1, 0, 1, 0, 5, 0, 'a', 'b', 'c', 'd', 'e', 9, 0, 1})},
  };
  for (const auto& [rule, record] : cases) EXPECT_FALSE(decode(record)) << rule;
  std::string too_long(kMaxKeyBytes + 1, 'k');
  EXPECT_FALSE(decode(encode(too_long, ""))) << "key longer than allowed";
}

// The record lies in memory of exactly its size, so that AddressSanitizer sees every access behind it; views must lie
// inside it.
void expect_inside(std::span<const std::byte> record) {
  const auto exact = std::make_unique<std::byte[]>(record.size());
  if (!record.empty()) std::memcpy(exact.get(), record.data(), record.size());
  const std::span<const std::byte> bytes(exact.get(), record.size());
  const auto event = decode(bytes);
  if (!event) return;
  const auto inside = [&](std::span<const std::byte> view) {
    return view.empty() || (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size());
  };
  EXPECT_TRUE(inside(event->envelope.key) && inside(event->payload));
  EXPECT_LE(event->envelope.key.size() + event->payload.size(), bytes.size());
}

TEST(Envelope, every_truncation_and_every_flipped_bit_stays_inside) {
  for (const auto* key : {"k", "orders-7", "a key of some more bytes"}) {
    auto record = encode(key, "the payload");
    for (std::size_t bytes = 0; bytes <= record.size(); ++bytes) expect_inside(std::span(record).first(bytes));
    for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
      record[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      expect_inside(record);
      record[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    }
  }
}

TEST(Envelope, random_bytes_stay_inside) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 200'000; ++i) {
    std::vector<std::byte> record(random() % 64);
    for (auto& byte : record) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 3);
    if (record.size() >= 4 && random() % 4 != 0) {  // past the header more often than not
      record[0] = static_cast<std::byte>(record.size() / 8 * 8);
      record[1] = std::byte{0};
      record[2] = std::byte{1};
      record[3] = std::byte{0};
    }
    expect_inside(record);
  }
}

}  // namespace
}  // namespace fabric
