#pragma once
// A ring file of hostile bytes, and everything that can be done with one: nothing of it may crash, hang, reach outside
// of the mapping, or deliver what fails its checksum. Called by the libFuzzer target ring_image_fuzz.cpp and, with
// seeded random inputs, by ring_image_test.cpp.
//
// An input is
//   byte 0   which valid image to start from, and what to seal (ImageFlags)
//   byte 1   what to do with it (ActionFlags)
//   then     with kWhole the file itself, otherwise edits of 12 bytes: place (2), operation (1), argument (1), value
//   (8)
//
// What breaks a rule aborts with a message. One process, one thread.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ipc/liveness.hpp"
#include "tests/ipc/ring_bytes.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::fuzz {

enum ImageFlags : std::uint8_t { kBaseMask = 3, kWhole = 4, kBreakHeader = 8, kBreakBoot = 16 };
enum ActionFlags : std::uint8_t { kCheck = 0x40, kRecover = 0x80, kDetachLate = 0x20 };

// Operation: the region that `place` counts in (high half, see regions_of) and what is done there (low half).
enum class EditKind : std::uint8_t { set, flip, interesting, committed, verdict, fill, sequence, reseal, reference };
struct Edit {
  std::uint16_t place = 0;
  std::uint8_t operation = 0, argument = 0;
  std::uint64_t value = 0;
};
static_assert(sizeof(Edit) == 16);
inline constexpr std::size_t kEditBytes = 12, kRegions = 9, kEditKinds = 9;

class RingImage {
 public:
  RingImage();
  // The whole attack with one input.
  void attack(std::span<const std::uint8_t> input);
  // A small corpus: each image untouched, and with one edit in each region.
  std::vector<std::vector<std::uint8_t>> seeds() const;

 private:
  ipc::testing::Bytes make_base(std::uint8_t which) const;
  ipc::testing::Bytes image_of(std::span<const std::uint8_t> input) const;
  void write(const ipc::testing::Bytes& image) const;
  void attack_read_only(std::uint8_t actions) const;
  void attack_read_write(std::uint8_t actions) const;
  void attack_recovery(std::uint8_t actions) const;

  fabric::testing::TempDir directory_;
  std::string path_;
  std::shared_ptr<ipc::Membership> membership_;  // kept, so that an attach need not register
  std::vector<ipc::testing::Bytes> bases_;
};

// Adds an edit to an input.
void append_edit(std::vector<std::uint8_t>& input, const Edit& edit);

}  // namespace fabric::fuzz
