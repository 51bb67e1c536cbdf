#include "ipc/cursor_line.hpp"

#include <pthread.h>

#include <array>
#include <cstring>

namespace fabric::ipc {
namespace {

constinit std::mutex line_mutex;
[[maybe_unused]] const int registered = ::pthread_atfork([] { line_mutex.lock(); }, [] { line_mutex.unlock(); },
                                                         [] { line_mutex.unlock(); });

// Epochs go round in 2,047 steps and generations in 2^16, which have no common divisor: the pair that an owner remembers
// comes back after 134 million take-overs.
constexpr std::uint64_t kEpochs = 2047, kOnItsWay = 1;

bool is_settled(std::uint64_t position) noexcept { return (PositionWord::epoch(position) & kOnItsWay) == 0; }

std::uint64_t with_next_epoch(std::uint64_t position) noexcept {
  const auto epoch = PositionWord::epoch(position);
  return PositionWord::make(PositionWord::sequence(position), ((epoch >> 1) + 1) % kEpochs << 1 | (epoch & kOnItsWay));
}

std::uint64_t with_next_generation(std::uint64_t word, CursorState state) noexcept {
  return CursorWord::make(CursorWord::generation(word) + 1, CursorWord::name_hash(word), CursorWord::flags(word), state);
}

bool same_cursor(std::uint64_t one, std::uint64_t other) noexcept {
  return CursorWord::in_use(one) && CursorWord::in_use(other) && CursorWord::name_hash(one) == CursorWord::name_hash(other) &&
         CursorWord::flags(one) == CursorWord::flags(other);
}

void store_name(CursorLine& line, const std::string& name) noexcept {
  std::array<std::uint64_t, 8> words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), kMaxName));
  for (std::size_t i = 0; i < words.size(); ++i) line.name[i].store(words[i], std::memory_order_relaxed);
}

std::uint64_t ring_now_ns(const RingMap& map) noexcept { return monotonic_ns() + static_cast<std::uint64_t>(map.time_bias_ns); }

}  // namespace

CursorLock::CursorLock() noexcept : lock_(line_mutex) {}
CursorLock::CursorLock(std::try_to_lock_t) noexcept : lock_(line_mutex, std::try_to_lock) {}

std::string load_name(const CursorLine& line) {
  std::array<std::uint64_t, 8> words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = line.name[i].load(std::memory_order_relaxed);
  std::array<char, sizeof words> text;
  std::memcpy(text.data(), words.data(), sizeof words);
  return {text.data(), strnlen(text.data(), kMaxName)};
}

HeldLine::HeldLine(const Ring& ring, std::uint32_t index) noexcept
    : ring_(&ring), line_(&ring.map().cursors[index]), index_(index) {}

HeldLine::HeldLine(const Ring& ring, std::uint32_t index, std::uint64_t state, std::uint64_t position) noexcept
    : ring_(&ring), line_(&ring.map().cursors[index]), index_(index), state_(state), position_(position) {}

std::string HeldLine::name() const { return load_name(*line_); }

Taking HeldLine::take(std::uint64_t seen, bool force) noexcept {
  auto owner = line_->owner.load(std::memory_order_acquire);
  // After the owner was loaded: what is taken from it is what it owned.
  if (line_->state.load(std::memory_order_acquire) != seen) return Taking::changed;
  if (!force && ring_->is_alive(owner)) return Taking::alive;
  if (!line_->owner.compare_exchange_strong(owner, ring_->member(), std::memory_order_seq_cst)) return Taking::changed;
  if (raise_generation(seen) && raise_epoch()) return Taking::taken;
  give_back();
  return Taking::changed;
}

Taking HeldLine::create(const std::string& name, std::uint64_t hash, std::uint8_t flags, std::uint64_t start) noexcept {
  state_ = line_->state.load(std::memory_order_acquire);
  // Owner first: a line in use always has an owner whose death can be proven.
  if (CursorWord::in_use(state_) || !ring_->take_ownership(line_->owner)) return Taking::changed;
  if (line_->state.load(std::memory_order_acquire) == state_ && raise_epoch() && set_position(start, false)) {
    store_name(*line_, name);
    line_->maker.store(ring_->member(), std::memory_order_relaxed);
    line_->lease.store(0, std::memory_order_relaxed);
    line_->requested_by.store(0, std::memory_order_relaxed);
    line_->created_at_ns.store(ring_now_ns(ring_->map()), std::memory_order_relaxed);
    line_->acked_at_ns.store(0, std::memory_order_relaxed);
    // SYNC: cursor-join (from here on a gating line counts)
    if (set_state(CursorWord::make(CursorWord::generation(state_) + 1, hash, flags, CursorState::joining))) return Taking::taken;
  }
  give_back();
  return Taking::changed;
}

bool HeldLine::is_held() const noexcept {
  return line_->owner.load(std::memory_order_acquire) == ring_->member() && line_->state.load(std::memory_order_acquire) == state_;
}

// Others who owned the line before us may have raised its generation since `seen`; it must be the same cursor. The owner is looked at
// after the word was loaded: who takes the line from us after that raises the generation, and our CAS fails. The other way round it
// would raise the new owner's.
bool HeldLine::raise_generation(std::uint64_t seen) noexcept {
  for (std::uint64_t tries = 0; tries < ring_->map().patience(); ++tries) {
    state_ = line_->state.load(std::memory_order_acquire);
    if (!same_cursor(state_, seen) || line_->owner.load(std::memory_order_acquire) != ring_->member()) return false;
    auto expected = state_;
    const auto raised = with_next_generation(state_, CursorWord::state(state_));
    if (!line_->state.compare_exchange_strong(expected, raised, std::memory_order_seq_cst)) continue;
    state_ = raised;
    return true;
  }
  return false;
}

// As there: is_held() after the word was loaded.
bool HeldLine::raise_epoch() noexcept {
  position_ = line_->position.load(std::memory_order_acquire);
  for (std::uint64_t tries = 0; tries < ring_->map().patience() && is_held(); ++tries) {
    const auto raised = with_next_epoch(position_);
    if (line_->position.compare_exchange_strong(position_, raised, std::memory_order_acq_rel)) {
      position_ = raised;
      return true;
    }
  }
  return false;
}

bool HeldLine::set_state(std::uint64_t word) noexcept {
  auto expected = state_;
  if (!is_held() || !line_->state.compare_exchange_strong(expected, word, std::memory_order_seq_cst)) return false;
  state_ = word;
  return true;
}

bool HeldLine::set_position(std::uint64_t sequence, bool settled) noexcept {
  const auto epoch = PositionWord::epoch(position_) & ~kOnItsWay;
  const auto wanted = PositionWord::make(sequence, settled ? epoch : epoch | kOnItsWay);
  auto expected = position_;
  if (!is_held() || !line_->position.compare_exchange_strong(expected, wanted, std::memory_order_seq_cst)) return false;
  position_ = wanted;
  return true;
}

Placing HeldLine::place(std::uint64_t sequence) noexcept {
  const auto& map = ring_->map();
  const auto before = PositionWord::sequence(position_);
  const bool was_settled = is_settled(position_);
  const auto floor = gate_floor(map, GateWord::limit(map.control->gate.load(std::memory_order_acquire)));
  // Publishers respect `before`, so they respect all that comes after it.
  const bool respected = was_settled && sequence >= std::max(before, floor);
  if ((CursorWord::flags(state_) & kGating) == 0 || respected) return set_position(sequence, true) ? Placing::placed : Placing::lost;
  if (!set_position(sequence, false)) return Placing::lost;
  const auto granted = join_gate(map, sequence);
  if (granted != kRefused) return set_position(granted, true) ? Placing::placed : Placing::lost;
  return set_position(before, was_settled) ? Placing::refused : Placing::lost;
}

std::uint64_t HeldLine::started() const noexcept { return PositionWord::sequence(line_->started.load(std::memory_order_acquire)); }

// One that was stopped here and lost the line may come to write later. If its successor has written since, it fails, as the epochs differ; if
// not, what it writes is as true as it was.
void HeldLine::begin_at(std::uint64_t sequence) noexcept {
  auto seen = line_->started.load(std::memory_order_acquire);
  const auto wanted = PositionWord::make(sequence, PositionWord::epoch(position_));
  for (std::uint64_t tries = 0; tries < ring_->map().patience() && is_held(); ++tries)
    if (line_->started.compare_exchange_strong(seen, wanted, std::memory_order_acq_rel)) return;
}

bool HeldLine::activate() noexcept {
  return set_state(CursorWord::make(CursorWord::generation(state_), CursorWord::name_hash(state_), CursorWord::flags(state_),
                                    CursorState::active));
}

// The owner is cleared last: killed in between, the line is free with a dead owner, which the next creator takes; the other way
// round it would be in use and nobody's.
bool HeldLine::free() noexcept {
  const bool freed = raise_epoch() && set_state(CursorWord::make(CursorWord::generation(state_) + 1, 0, 0, CursorState::free));
  give_back();
  return freed;
}

void HeldLine::give_back() noexcept {
  auto self = ring_->member();
  line_->owner.compare_exchange_strong(self, 0, std::memory_order_acq_rel);
}

}  // namespace fabric::ipc
