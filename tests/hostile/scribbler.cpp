#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "ipc/file_lock.hpp"
#include "ipc/gate.hpp"
#include "ipc/ring_file.hpp"
#include "ipc/segment.hpp"
#include "tests/hostile/actors.hpp"

namespace fabric::hostile {
namespace {

using namespace ipc;

// One mapping under attack.
class Scribbler {
 public:
  Scribbler(RingFile& file, const ScribbleOptions& options)
      : map_(file.map()),
        bytes_(file.segment().bytes()),
        spared_(options.spared),
        random_(options.seed),
        original_(bytes_.begin(), bytes_.end()) {}

  void burst() {
    for (auto writes = random_() % 200; writes > 0; --writes) scribble();
  }
  void restore() {
    for (std::size_t at = spared_; at + 8 <= bytes_.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, original_.data() + at, 8);
      store(at, word);
    }
  }

 private:
  void scribble() {
    const auto place = pick_place();
    switch (random_() % 6) {
      case 0:
        return store_byte(place, static_cast<std::uint8_t>(random_()));
      case 1:
        return store(place, random_());
      case 2:
        return store(place, load(place) ^ std::uint64_t{1} << random_() % 64);
      case 3:
        return store(place, pick_hurting());
      case 4:
        return store(place, load(pick_place()));
      default:
        return store(place, load(place) + random_() % 33 - 16);
    }
  }
  // The words that everything hangs on more often than the many others.
  std::uint64_t pick_place() {
    const auto offset = [&](const void* at) {
      return static_cast<std::uint64_t>(static_cast<const std::byte*>(at) - map_.base);
    };
    std::uint64_t place = random_() % bytes_.size();
    switch (random_() % 8) {
      case 0:
        place = kPage + random_() % 640;
        break;
      case 1:
        place = offset(map_.publishers) + random_() % (map_.max_publishers * sizeof(PublisherLine));
        break;
      case 2:
        place = offset(map_.cursors) + random_() % (map_.max_cursors * sizeof(CursorLine));
        break;
      case 3:
        place = offset(map_.verdicts) + random_() % (map_.slot_count * 8);
        break;
      case 4:
        place = offset(&map_.slot(random_())) + random_() % 48;
        break;
      case 5:
        place = map_.arena_block_count == 0 ? place : offset(map_.blocks) + random_() % (map_.arena_block_count * 8);
        break;
      default:
        break;
    }
    place = place / 8 * 8;
    return place < spared_ ? spared_ : place;
  }
  std::uint64_t pick_hurting() {
    const auto sequence = random_() % 4 == 0 ? random_() : map_.control->tail.load() + random_() % 70 - 35;
    const auto lap = sequence / map_.slot_count + 1;
    switch (random_() % 9) {
      case 0:
        return ~std::uint64_t{0} - random_() % 3;
      case 1:
        return SlotWord::committed(lap);
      case 2:
        return VerdictWord::make(lap & VerdictWord::kMaxLap, random_() & 3, static_cast<Fate>(random_() & 3));
      case 3:
        return IntentWord::make(sequence, random_() & 0xff, random_() % 2 == 0);
      case 4:
        return GateWord::make(sequence, random_() & 0xfff);
      case 5:
        return CursorWord::make(random_(), random_(), random_() & 3, static_cast<CursorState>(random_() % 4));
      case 6:
        return sequence << 2 | (random_() & 3);
      case 7:
        return (random_() % 1000) << 32 | 0xffffffff;
      default:
        return random_() % 3;
    }
  }
  std::uint64_t load(std::uint64_t place) { return word(place).load(std::memory_order_relaxed); }
  void store(std::uint64_t place, std::uint64_t value) { word(place).store(value, std::memory_order_relaxed); }
  void store_byte(std::uint64_t place, std::uint8_t value) {
    std::atomic_ref(reinterpret_cast<std::uint8_t&>(bytes_[place + random_() % 8]))
        .store(value, std::memory_order_relaxed);
  }
  SharedWord& word(std::uint64_t place) { return reinterpret_cast<SharedWord&>(bytes_[place]); }

  const RingMap& map_;
  std::span<std::byte> bytes_;
  std::uint64_t spared_;
  std::mt19937_64 random_;
  std::vector<std::byte> original_;
};

// Its header and entries; a member's lock is not in its bytes, and nothing that is written here may prove a death or a
// life.
void scribble_members(const Place& place, std::mt19937_64& random) {
  const Descriptor members(::open((place.directory + "/members").c_str(), O_RDWR | O_CLOEXEC));
  if (!members) return;
  for (int i = 0; i < 20; ++i) {
    const auto value = random();
    const auto offset = random() % 4 == 0 ? random() % 64 : 4096 + random() % (20 * 80);
    static_cast<void>(!::pwrite(members.get(), &value, 1 + value % 8, static_cast<off_t>(offset)));
  }
}

}  // namespace

int run_scribbler(const Place& place, const ScribbleOptions& options, const Stage& stage, Beat& beat) {
  auto file = RingFile::attach(place.ring, {.access = Access::read_write});
  if (!file) return 1;
  Scribbler scribbler(*file, options);
  std::mt19937_64 random(options.seed + 1);
  while (!stage.stop) {
    scribbler.burst();
    if (random() % 16 == 0) scribbler.restore();
    if (random() % 16 == 0) scribble_members(place, random);
    beat.beat();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
  }
  return 0;
}

}  // namespace fabric::hostile
