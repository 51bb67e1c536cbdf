// The decision table of fabric/delivery/assignment.hpp, row by row; and that members who follow it come to an even division, whatever joins,
// leaves, dies or stands still, and then to rest.
#include "fabric/delivery/assignment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ConsumerId kSelf = 1, kOther = 2, kThird = 3;

PartitionSight free_one(ConsumerId requester = 0, bool overdue = false) {
  return {.owner = 0, .gives_way = false, .requester = requester, .overdue = overdue};
}
PartitionSight owned(ConsumerId owner, ConsumerId requester = 0, bool gives_way = true) {
  return {.owner = owner, .gives_way = gives_way, .requester = requester, .overdue = false};
}
AssignmentStep step(const std::vector<PartitionSight>& seen, bool balance = true) { return next_step(kSelf, seen, balance); }

TEST(AssignmentTest, TheOnlyMemberTakesEverything) {
  EXPECT_THAT(step({free_one(), free_one(), free_one()}).take, ElementsAre(0, 1, 2));
}

TEST(AssignmentTest, NobodysBelowOurShareIsTaken) {
  EXPECT_THAT(step({free_one(), owned(kOther), free_one(), owned(kOther)}).take, ElementsAre(0, 2));
  EXPECT_THAT(step({free_one(), free_one(), free_one(), owned(kOther)}).take, ElementsAre(0, 1)) << "the share of two members is two";
}

TEST(AssignmentTest, NobodysIsLeftToWhoAskedForIt) {
  EXPECT_THAT(step({free_one(kOther), owned(kSelf)}).take, IsEmpty());
  EXPECT_THAT(step({free_one(kSelf), owned(kOther)}).take, ElementsAre(0));
}

TEST(AssignmentTest, NobodysForAWhileIsTakenBeyondOurShare) {
  EXPECT_THAT(step({free_one(kOther, true), owned(kSelf), free_one(0, true), owned(kSelf)}).take, ElementsAre(0, 2));
}

TEST(AssignmentTest, AsksTheRichestForWhatMakesTheDivisionMoreEven) {
  const auto asked = step({owned(kOther), owned(kOther), owned(kOther), owned(kOther), owned(kThird)}).request;
  EXPECT_THAT(asked, ElementsAre(0, 1)) << "(4, 1, 0) becomes (2, 1, 2)";
  EXPECT_THAT(step({owned(kOther), owned(kOther), owned(kOther), owned(kOther)}).request, ElementsAre(0, 1));
  EXPECT_THAT(step({owned(kOther), owned(kThird)}).request, IsEmpty()) << "as many partitions as others: we stand by";
  EXPECT_THAT(step({owned(kOther, kThird), owned(kOther), owned(kOther)}).request, ElementsAre(1)) << "not what another asks for";
  EXPECT_THAT(step({owned(kOther, 0, false), owned(kOther, 0, false)}).request, IsEmpty()) << "they were told which to have";
}

TEST(AssignmentTest, TakesARequestBackThatWouldNotHelp) {
  EXPECT_THAT(step({owned(kOther, kSelf), owned(kSelf)}).withdraw, ElementsAre(0));
  EXPECT_THAT(step({owned(kOther, kSelf), owned(kOther)}).withdraw, IsEmpty());
  EXPECT_THAT(step({owned(kSelf, kSelf), owned(kOther)}).withdraw, ElementsAre(0));
  EXPECT_THAT(step({owned(kOther, kSelf, false), owned(kOther, 0, false)}).withdraw, ElementsAre(0));
}

TEST(AssignmentTest, GivesToWhoHasTwoLess) {
  EXPECT_THAT(step({owned(kSelf, kOther), owned(kSelf, kOther), owned(kSelf), owned(kSelf)}).give, ElementsAre(0, 1));
  EXPECT_THAT(step({owned(kSelf, kOther), owned(kSelf, kOther), owned(kSelf)}).give, ElementsAre(0)) << "(3, 0) becomes (2, 1)";
  EXPECT_THAT(step({owned(kSelf, kOther)}).give, IsEmpty());
  EXPECT_THAT(step({owned(kSelf, kOther), owned(kSelf), free_one(kOther)}).give, IsEmpty()) << "what was given counts already";
}

TEST(AssignmentTest, WhoWasToldWhichToHaveNeitherAsksNorGives) {
  const auto told = step({owned(kSelf, kOther), owned(kSelf, kOther), free_one(), owned(kThird)}, false);
  EXPECT_THAT(told.take, ElementsAre(2));
  EXPECT_THAT(told.give, IsEmpty());
  EXPECT_THAT(told.request, IsEmpty());
}

// ------------------------------------------------------------------------------------------------ a whole group, in one process

struct Partition {
  ConsumerId owner = 0, requester = 0;
  unsigned nobodys_for = 0;  // steps
};

class Group {
 public:
  Group(std::size_t partitions, std::uint64_t seed) : partitions_(partitions), random_(seed) {}

  void join() { alive_.insert(next_++); }
  void leave() {
    if (alive_.empty()) return;
    const auto gone = any(alive_);
    if (random_() % 2 == 0) {  // orderly; otherwise it dies and leaves its requests
      for (auto& partition : partitions_)
        if (partition.requester == gone) partition.requester = 0;
    }
    alive_.erase(gone);
    stopped_.erase(gone);
    for (auto& partition : partitions_)
      if (partition.owner == gone) partition.owner = 0;
  }
  void stop_one() {
    if (!alive_.empty()) stopped_.insert(any(alive_));
  }
  void resume_all() { stopped_.clear(); }
  std::size_t members() const { return alive_.size(); }

  // One member looks, and does one of its steps later than others may have done theirs.
  void look() {
    for (auto& partition : partitions_) partition.nobodys_for = partition.owner == 0 ? partition.nobodys_for + 1 : 0;
    const auto who = any(alive_);
    if (stopped_.contains(who)) return;
    const auto done = next_step(who, sight(), true);
    moves_ += done.take.size() + done.give.size() + done.request.size();
    for (const auto i : done.take) take(who, partitions_[i]);
    for (const auto i : done.give) partitions_[i].owner = 0;
    for (const auto i : done.withdraw) partitions_[i].requester = 0;
    for (const auto i : done.request)
      if (random_() % 4 != 0) partitions_[i].requester = who;  // sometimes another was quicker
  }

  // By member; -1: a partition is nobody's.
  std::vector<int> division() const {
    std::vector<int> counts;
    for (const auto member : alive_)
      counts.push_back(static_cast<int>(std::count_if(partitions_.begin(), partitions_.end(),
                                                      [&](const auto& partition) { return partition.owner == member; })));
    for (const auto& partition : partitions_)
      if (partition.owner == 0) counts.push_back(-1);
    return counts;
  }
  std::size_t moves() const { return moves_; }

 private:
  ConsumerId any(const std::set<ConsumerId>& from) {
    return *std::next(from.begin(), static_cast<std::ptrdiff_t>(random_() % from.size()));
  }
  ConsumerId live(ConsumerId member) const { return alive_.contains(member) ? member : 0; }
  std::vector<PartitionSight> sight() const {
    std::vector<PartitionSight> seen;
    for (const auto& partition : partitions_)
      seen.push_back({live(partition.owner), true, live(partition.requester), partition.nobodys_for > 200});
    return seen;
  }
  void take(ConsumerId who, Partition& partition) {
    partition.owner = who;
    partition.requester = 0;
  }

  std::vector<Partition> partitions_;
  std::set<ConsumerId> alive_, stopped_;
  ConsumerId next_ = 1;
  std::mt19937_64 random_;
  std::size_t moves_ = 0;
};

void expect_even(const Group& group, const std::string& when) {
  const auto division = group.division();
  const auto [least, most] = std::minmax_element(division.begin(), division.end());
  EXPECT_GE(*least, 0) << when << ": a partition is nobody's";
  EXPECT_LE(*most - *least, 1) << when << ": " << ::testing::PrintToString(division);
}

TEST(AssignmentTest, EverybodyComesToAnEvenDivisionAndToRest) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    Group group(1 + random() % 24, seed);
    group.join();
    for (int change = 0; change < 12; ++change) {
      if (group.members() == 0 || random() % 3 != 0) {
        group.join();
      } else {
        group.leave();
      }
      for (auto looks = random() % 8; group.members() != 0 && looks > 0; --looks) group.look();
    }
    if (group.members() == 0) group.join();
    for (int look = 0; look < 4000; ++look) group.look();
    expect_even(group, "seed " + std::to_string(seed));
    const auto before = group.moves();
    for (int look = 0; look < 500; ++look) group.look();
    EXPECT_EQ(group.moves(), before) << "seed " << seed << ": something moves without a cause";
  }
}

TEST(AssignmentTest, StoppedMembersKeepNoFreePartitionFromBeingTaken) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Group group(8, seed);
    for (int i = 0; i < 3; ++i) group.join();
    for (int look = 0; look < 20; ++look) group.look();
    group.stop_one();
    group.leave();
    group.join();
    for (int look = 0; look < 4000; ++look) group.look();
    const auto division = group.division();
    EXPECT_THAT(division, ::testing::Each(::testing::Ge(0))) << "seed " << seed;
    group.resume_all();
    for (int look = 0; look < 4000; ++look) group.look();
    expect_even(group, "resumed, seed " + std::to_string(seed));
  }
}

}  // namespace
}  // namespace fabric
