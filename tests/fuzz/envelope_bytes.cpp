#include "tests/fuzz/envelope_bytes.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "fabric/event/envelope.hpp"
#include "tests/fuzz/ring_actions.hpp"

namespace fabric::fuzz {
namespace {

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::vector<std::byte> encode(const Event& event) {
  const auto bytes = envelope_bytes(event.envelope);
  std::vector<std::byte> record(bytes);
  encode_envelope(event.envelope, record);
  record.insert(record.end(), event.payload.begin(), event.payload.end());
  return record;
}

}  // namespace

void decode_hostile_envelope(std::span<const std::uint8_t> input) {
  const auto exact = std::make_unique<std::byte[]>(input.size());
  if (!input.empty()) std::memcpy(exact.get(), input.data(), input.size());
  const std::span<const std::byte> record(exact.get(), input.size());
  const auto plain = decode_event({.payload = record});
  require(plain && plain->envelope.key.empty() && same(plain->payload, record), "without kExtended all is payload");
  const auto event = decode_event({.flags = ipc::kExtended, .payload = record});
  if (!event) return;
  const auto inside = [&](std::span<const std::byte> view) {
    return view.empty() || (view.data() >= record.data() && view.data() + view.size() <= record.data() + record.size());
  };
  require(inside(event->envelope.key) && inside(event->payload), "views lie in the record");
  require(event->envelope.key.size() + event->payload.size() <= record.size(), "and do not overlap");
  require(event->envelope.key.size() <= kMaxKeyBytes, "a key has its maximum");
  const auto again = encode(*event);
  const auto decoded =
      decode_event({.flags = envelope_bytes(event->envelope) != 0 ? std::uint8_t{ipc::kExtended} : std::uint8_t{0},
                    .payload = again});
  require(decoded && same(decoded->envelope.key, event->envelope.key) && same(decoded->payload, event->payload),
          "what is encoded comes back");
}

std::vector<std::vector<std::uint8_t>> envelope_seeds() {
  return {{8, 0, 1, 0, 0, 0, 0, 0},
          {16, 0, 1, 0, 1, 0, 8, 0, 'o', 'r', 'd', 'e', 'r', 's', '-', '7', 'x'},
          {24, 0, 1, 0, 9, 0, 2, 0, 'a', 'b', 1, 0, 3, 0, 'k', 'e', 'y', 200, 0, 0, 0, 0, 0, 0, 'P'},
          {16, 0, 1, 0, 1, 0, 1, 0, 'k', 0, 0, 0, 0, 0, 0, 0}};
}

}  // namespace fabric::fuzz
