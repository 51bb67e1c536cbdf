#include "ipc/clock.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <string>

#include "ipc/file_lock.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fabric::ipc {

namespace {

constexpr std::uint64_t kCalibrationNs = 1'000'000;
constexpr std::uint64_t kRenewNs = 10'000'000;
constexpr double kPlausibleDeviation =
    0.01;  // of the calibrated rate; NTP slews by 0.0005, a calibration errs by 0.0001
constexpr std::uint32_t kMaxDoubts = 8;
constexpr int kAnchorTries = 8;

std::uint64_t read_ns(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

struct Anchor {
  std::uint64_t ticks = 0, ns = 0;
  std::uint64_t window = std::numeric_limits<std::uint64_t>::max();  // ticks during which ns was read
};

// The pair of both clocks at one moment. A try that took longer than `good_window` was interrupted and is repeated.
Anchor take_anchor(std::uint64_t good_window) noexcept {
  Anchor best;
  for (int i = 0; i < kAnchorTries && best.window > good_window; ++i) {
    const std::uint64_t before = read_counter();
    const std::uint64_t ns = read_ns(CLOCK_MONOTONIC);
    const std::uint64_t window = read_counter() - before;
    if (window < best.window) best = {before + window / 2, ns, window};
  }
  return best;
}

std::uint64_t factor_of(std::uint64_t ns, std::uint64_t ticks) noexcept {
  return static_cast<std::uint64_t>(static_cast<double>(ns) / static_cast<double>(ticks) * 4294967296.0);
}

// What this process knows of its counter; immutable after its first use.
struct Calibration {
  bool trusted = false;
  std::uint64_t factor = 0;       // ns per tick, 32.32
  std::uint64_t good_window = 0;  // ticks
  std::uint64_t ticks_of(std::uint64_t ns) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ns) * 4294967296.0 / static_cast<double>(factor));
  }
};

std::size_t read_small_file(const char* path, char* text, std::size_t capacity) noexcept {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t bytes = file ? ::read(file.get(), text, capacity) : 0;
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool invariant_counter_flag() noexcept {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007U, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
  return false;
#endif
}

Calibration calibrate() noexcept {
  Calibration result;
#if defined(__x86_64__)
  char text[64];
  std::string_view source(
      text, read_small_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", text, sizeof text));
  while (!source.empty() && source.back() == '\n') source.remove_suffix(1);
  if (!counter_is_trusted(source, invariant_counter_flag())) return result;
  const Anchor first = take_anchor(0);  // 0: the best of all tries
  while (read_ns(CLOCK_MONOTONIC) - first.ns < kCalibrationNs) {
  }
  const Anchor last = take_anchor(0);
  if (last.ticks <= first.ticks || last.ns <= first.ns) return result;
  result.factor = factor_of(last.ns - first.ns, last.ticks - first.ticks);
  result.good_window = 2 * std::min(first.window, last.window);
  // Between 250 MHz and 16 GHz the product in now_ns() cannot overflow, and anything else is no time-stamp counter.
  result.trusted = result.factor >= (1ULL << 28) && result.factor <= (1ULL << 34);
#endif
  return result;
}

// Not a function's static object: a fork while one thread calibrates would leave the child waiting for that thread.
const Calibration& calibration() noexcept {
  static constinit std::atomic<const Calibration*> known{nullptr};
  const Calibration* result = known.load(std::memory_order_acquire);  // SYNC: calibration
  if (result != nullptr) return *result;
  const auto* fresh = new Calibration(calibrate());  // lives as long as the process
  // SYNC: calibration; of several first users one wins, the others throw theirs away
  if (known.compare_exchange_strong(result, fresh, std::memory_order_acq_rel)) return *fresh;
  delete fresh;
  return *result;
}

}  // namespace

bool counter_is_trusted(std::string_view clock_source, bool invariant_flag) noexcept {
  if (clock_source == "tsc") return true;
  return invariant_flag && (clock_source == "kvm-clock" || clock_source == "hyperv_clocksource_tsc_page");
}

Clock::Clock() noexcept {
  const Calibration& known = calibration();
  counter_ = known.trusted;
  if (!counter_) return;
  const Anchor anchor = take_anchor(known.good_window);
  anchor_ticks_ = anchor.ticks;
  anchor_ns_ = anchor.ns;
  factor_ = known.factor;
  renew_ticks_ = known.ticks_of(kCalibrationNs);  // the factor is only as good as its 1 ms
}

bool Clock::uses_counter() noexcept { return calibration().trusted; }

std::uint64_t Clock::system_ns() noexcept { return read_ns(CLOCK_MONOTONIC); }

std::uint64_t Clock::renewed_ns() noexcept {
  const Calibration& known = calibration();
  const Anchor anchor = take_anchor(known.good_window);
  const std::uint64_t ticks = anchor.ticks - anchor_ticks_;
  const std::uint64_t ns = anchor.ns - anchor_ns_;
  const std::uint64_t factor = ticks != 0 ? factor_of(ns, ticks) : 0;
  const double deviation = static_cast<double>(factor) / static_cast<double>(known.factor) - 1.0;
  anchor_ticks_ = anchor.ticks;
  anchor_ns_ = anchor.ns;
  if (deviation > -kPlausibleDeviation && deviation < kPlausibleDeviation) {
    doubts_ = 0;
    // An interrupted anchor is good to its window only: too poor to measure a rate with.
    if (anchor.window <= known.good_window) factor_ = factor;
    renew_ticks_ = known.ticks_of(std::min(kRenewNs, 2 * ns));
  } else {
    // The counter jumped (a virtual machine was moved or suspended), or its rate is not what it was: believe
    // CLOCK_MONOTONIC.
    // The factor stays as it was.
    renew_ticks_ = known.ticks_of(kCalibrationNs);
    if (++doubts_ >= kMaxDoubts) counter_ = false;
  }
  return anchor.ns;
}

std::uint64_t monotonic_ns() noexcept { return read_ns(CLOCK_MONOTONIC); }
std::uint64_t unix_ns() noexcept { return read_ns(CLOCK_REALTIME); }

std::int64_t realtime_bias_ns() noexcept {
  std::int64_t bias = 0;
  std::uint64_t window = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < kAnchorTries; ++i) {
    const std::uint64_t before = read_ns(CLOCK_MONOTONIC);
    const std::uint64_t now_ns = unix_ns();
    const std::uint64_t after = read_ns(CLOCK_MONOTONIC);
    if (after - before >= window) continue;
    window = after - before;
    bias = static_cast<std::int64_t>(now_ns - (before + window / 2));
  }
  return bias;
}

Result<BootId> boot_id() {
  constexpr char kPath[] = "/proc/sys/kernel/random/boot_id";
  BootId id{};
  char text[64];
  errno = 0;
  const std::size_t length = read_small_file(kPath, text, sizeof text);
  const int failure = length == 0 ? errno : 0;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < length && digits < 32; ++i) {
    const char c = text[i];
    int value = -1;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (value < 0) continue;
    id[digits / 2] = static_cast<std::uint8_t>((id[digits / 2] << 4) | value);
    ++digits;
  }
  if (digits == 32 && id != BootId{}) return id;
  if (failure == EMFILE || failure == ENFILE) return system_error(std::string("read ") + kPath, failure);
  return Error{ErrorCode::unsupported, failure,
               std::string(kPath) + (length == 0 ? " cannot be read" : " holds no id") +
                   ": whether a ring is of this boot cannot be told; mount /proc, with its sys"};
}

}  // namespace fabric::ipc
