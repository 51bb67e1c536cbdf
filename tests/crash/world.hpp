#pragma once
// A ring and those who go on with it while a traced child is dead or stopped: another publisher and two gating readers
// that must agree, and the audit of what they all saw.
//
// A World belongs to one sweep; reset() brings its ring file back to the baked image, which is far cheaper than a new
// file. Faults are collected, not asserted, so that the sweep can say at which instruction they happened.

#include <sys/types.h>

#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/notes.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc::crash {

// Numbers of payloads: one series per publisher, counting upwards.
inline constexpr std::uint64_t kSeries = 1'000'000, kChild = 1 * kSeries, kOther = 2 * kSeries,
                               kSuccessor = 3 * kSeries, kFresh = 4 * kSeries, kBaked = 5 * kSeries;

struct Sight {
  std::uint64_t sequence = 0, number = 0;
  friend bool operator==(const Sight&, const Sight&) = default;
};

struct Witness {
  std::string name;
  std::optional<Reader> in{};
  std::vector<Sight> seen{};
};

class World {
 public:
  explicit World(const RingOptions& options);
  ~World();

  // Keeps what the ring file holds, once all handles are closed, as what reset() restores.
  void bake();
  void reset();

  std::string path() const { return directory_.path() + "/ring"; }
  const std::string& directory() const { return directory_.path(); }
  const std::shared_ptr<Ring>& ring() const noexcept { return ring_; }
  const RingMap& map() const noexcept { return raw_->map(); }
  // Lets go of the ring, so that it can be recovered, and takes part again.
  void detach();
  void attach_again();
  Notes& notes() noexcept { return *notes_; }
  // A process that does something and dies without leaving anything.
  void run_and_die(const std::function<void(Actor&)>& body);

  // A gating reader of its own, by force if somebody else has the cursor. False: refused as `busy`.
  bool open_witness(const std::string& name, bool durable = true);
  Witness& witness(const std::string& name);
  // Whether the witness's cursor is still its own and gates.
  bool holds_cursor(const std::string& name) const;
  // Attaches `out`; retried for a moment where `busy` may pass.
  void open(std::optional<Publisher>& out, PublisherOptions options = {});
  std::optional<Publisher>& other() noexcept { return other_; }
  std::optional<Publisher>& successor() noexcept { return successor_; }

  // One record of a series, published by `out`, however often it has to be tried (bounded).
  PublishOutcome publish(Publisher& out, std::uint64_t series, std::size_t bytes = kInlineBytes);
  // The given number of records, each awaited by every witness.
  void go_on(Publisher& out, std::uint64_t series, std::uint64_t records, std::size_t bytes = kInlineBytes);
  // Two laps, and then as many as there is room for (but three) that no witness reads before the next drain(): what a
  // publisher that wakes up scribbles over is found whether it was read already (by a replay) or not.
  void go_on_two_laps(Publisher& out, std::uint64_t series, std::size_t bytes = kInlineBytes);
  // Up to two laps, until publishers are held up by a cursor that is not a witness's.
  void go_on_while_possible(Publisher& out, std::uint64_t series);
  // Polls once until `empty` and acks.
  void drain(Witness& witness);
  void drain();

  // What the child read agrees with what the witnesses saw: records, exact lost ranges, nothing left out.
  void audit_deliveries();
  // The whole audit, and whether the ring is as usable as a new one. Ends all handles.
  void audit();

  void fault(std::string text);
  void expect(bool holds, const char* text) {
    if (!holds) fault(text);
  }
  const std::vector<std::string>& faults() const noexcept { return faults_; }
  std::uint64_t longest_delay_ns() const noexcept { return longest_delay_ns_; }
  // Numbers that somebody outside of notes and publish() attempted (baked): may be there, or must.
  void allow(std::uint64_t number) { allowed_.insert(number); }
  void expect_delivered(std::uint64_t number) { required_.insert(number); }  // until reset()

 private:
  void await(Witness& witness, std::uint64_t sequence);
  ReadOutcome look(Witness& witness);
  void audit_agreement();
  void audit_acknowledged();
  void audit_order();
  void use_as_new();
  void audit_lines();

  fabric::testing::TempDir directory_;
  std::optional<RingFile> raw_;  // the file as it is, whatever its boot: for map() and reset()
  std::shared_ptr<Ring> ring_;
  std::vector<std::byte> image_;
  Notes* notes_;
  std::list<Witness> witnesses_;
  std::optional<Publisher> other_, successor_;
  std::vector<Published> published_;  // by this process
  std::set<std::uint64_t> allowed_, required_;
  std::vector<std::string> faults_;
  std::uint64_t longest_delay_ns_ = 0;  // over all points
};

}  // namespace fabric::ipc::crash
