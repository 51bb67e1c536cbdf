// evf fsck and evf doctor.

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "ipc/checksum.hpp"
#include "ipc/layout.hpp"
#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class Fsck : public EvfFixture {
 protected:
  // A topic with inline and arena records in its second lap.
  void fill(const std::string& topic) {
    create(topic, {"--slots", "64", "--arena-bytes", "64K"});
    std::string lines;
    for (int i = 0; i < 100; ++i)
      lines += "record " + std::to_string(i) + std::string(i % 10 == 9 ? 500 : 0, 'x') + "\n";
    ok({"pub", topic}, lines);
  }
  std::string copy(const std::string& topic) {
    auto to = file("copy.ring");
    std::filesystem::copy_file(ring_path(topic), to, std::filesystem::copy_options::overwrite_existing);
    return to;
  }
};

TEST_F(Fsck, ASoundRingIsSoundAsTopicAsFileAndAsCopy) {
  fill("t");
  const auto report = json({"fsck", "t"}, "evf.fsck/1");
  EXPECT_EQ(report["sound"], true);
  const auto ring = report["rings"][0];
  EXPECT_EQ(ring["topic"], "t");
  EXPECT_EQ(ring["first"], 36);
  EXPECT_EQ(ring["end"], 100);
  EXPECT_EQ(ring["slots"]["whole"], 64);
  EXPECT_EQ(ring["problem_count"], 0);
  EXPECT_THAT(ok({"fsck", "t"}), HasSubstr("sound"));
  EXPECT_EQ(json({"fsck", ring_path("t")}, "evf.fsck/1")["rings"][0]["slots"]["whole"], 64);
  EXPECT_EQ(json({"fsck", copy("t")}, "evf.fsck/1")["rings"][0]["slots"]["whole"], 64);
  ok({"fsck", directory() + "/topics/t"});
}

TEST_F(Fsck, EveryBitOfARecordIsGuarded) {
  create("t", {"--slots", "16", "--slot-bytes", "64"});
  ok({"pub", "t"}, "the victim's payload\n");
  const auto path = copy("t");
  const auto slot = find_in_file(path, "the victim's payload") - sizeof(ipc::SlotHeader);
  const auto bytes = sizeof(ipc::SlotHeader) + std::string("the victim's payload").size();
  for (std::uint64_t at = slot; at < slot + bytes; ++at) {
    const auto bit = static_cast<unsigned>(at % 8);
    flip_bit(path, at, bit);
    const auto report = json({"fsck", path}, "evf.fsck/1", kCorrupt);
    EXPECT_EQ(report["rings"][0]["problems"][0]["kind"], "record") << at - slot;
    EXPECT_EQ(report["rings"][0]["problems"][0]["sequence"], 0);
    EXPECT_EQ(report["rings"][0]["problems"][0]["offset"], slot);
    flip_bit(path, at, bit);
  }
  ok({"fsck", path});
}

TEST_F(Fsck, DamagedControlWordsCursorsAndBlocksAreNamed) {
  fill("t");
  ok({"tail", "t", "--group", "g"});
  const auto path = copy("t");
  ipc::RingHeader header{};
  const auto bytes = read_file(path);
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto damage = [&](std::uint64_t offset, unsigned bit, const std::string& kind) {
    flip_bit(path, offset, bit);
    const auto report = json({"fsck", path}, "evf.fsck/1", kCorrupt);
    std::string kinds;
    for (const auto& problem : report["rings"][0]["problems"]) kinds += problem["kind"].get<std::string>() + " ";
    EXPECT_THAT(kinds, HasSubstr(kind)) << offset;
    flip_bit(path, offset, bit);
  };
  damage(ipc::kPage + 5, 0, "control");                   // tail
  damage(ipc::kPage + ipc::kLine + 5, 0, "control");      // gate
  damage(ipc::kPage + 2 * ipc::kLine + 4, 0, "control");  // horizon
  damage(header.cursors_offset + 6, 0, "cursor");         // position
  damage(header.cursors_offset + 8, 2, "cursor");         // state
  damage(header.verdicts_offset, 4, "verdict");
  damage(header.blocks_offset + 5, 0, "arena");
  damage(header.slots_offset + 4, 3, "record");
  ok({"fsck", path});
}

TEST_F(Fsck, ForeignTruncatedAndOtherVersionsAreClearErrors) {
  fill("t");
  const auto bytes = read_file(ring_path("t"));
  const auto refuse = [&](const std::string& content, const std::string& message) {
    write_file(file("bad"), content);
    refused({"fsck", file("bad")}, kCorrupt, message);
    EXPECT_EQ(json({"fsck", file("bad")}, "evf.fsck/1", kCorrupt)["rings"][0]["sound"], false);
  };
  refuse("", "empty");
  refuse("short", "bad");
  refuse(std::string(65536, 'x'), "not a ring file");
  refuse(bytes.substr(0, bytes.size() / 8192 * 4096), "truncated");
  refuse(bytes + std::string(4096, '\0'), "truncated or extended");
  auto version = bytes;
  version[8] = 99;
  refuse(version, "layout version 99");
  auto header = bytes;
  header[100] = static_cast<char>(header[100] ^ 1);
  refuse(header, "checksum");
  refused({"fsck", "nowhere"}, kNotFound, "no topic 'nowhere'");
  refused({"fsck", file("nowhere")}, kNotFound, "nowhere");
  refused({"fsck", directory()}, kNotFound, "no ring files");
}

TEST_F(Fsck, TheProblemsOfARuinedRingAreCountedAndTheFirstListed) {
  fill("t");
  const auto path = copy("t");
  for (int i = 0; i < 64; ++i)
    if (i != 5) flip_bit(path, find_in_file(path, "record " + std::to_string(36 + i)), 1);
  const auto finished = evf({"fsck", path, "--problems", "3"});
  EXPECT_EQ(finished.code, kCorrupt);
  EXPECT_THAT(finished.out, HasSubstr("more; --problems N shows more"));
  const auto ring = json({"fsck", path, "--problems", "3"}, "evf.fsck/1", kCorrupt)["rings"][0];
  EXPECT_EQ(ring["problems"].size(), 3U);
  EXPECT_GE(ring["problem_count"].get<int>(), 50);
}

TEST_F(Fsck, ALiveRingGivesNoFalseAlarm) {
  for (const std::string writers : {"many", "one"}) {
    create(writers, {"--slots", "64", "--slot-bytes", "128", "--arena-bytes", "64K", "--writers", writers});
    std::string lines;
    for (int i = 0; i < 400'000; ++i) lines += std::to_string(i) + std::string(i % 7 == 0 ? 300 : 0, 'y') + "\n";
    write_file(file("lines"), lines);
    Command publisher(words({"pub", writers, file("lines"), "--rate", "100k/s"}), options());
    Command reader(words({"tail", writers, "--group", "g", "--follow", "--limit", "200000"}), options());
    ASSERT_TRUE(reader.wait_for_lines(1));
    for (int i = 0; i < 15; ++i) {
      const auto finished = evf({"fsck", writers});
      EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    }
    publisher.signal(SIGKILL);
    reader.signal(SIGKILL);
    publisher.wait();
    reader.wait();
    ok({"fsck", writers});
  }
}

class Doctor : public EvfFixture {
 protected:
  // The finding of a check, or null.
  static Json finding(const Json& report, const std::string& check) {
    for (const auto& row : report["checks"])
      if (row["check"] == check) return row;
    return nullptr;
  }
  static void make_of_another_boot(const std::string& path) {
    auto bytes = read_file(path);
    ipc::RingHeader header{};
    ipc::BootRecord boot{};
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(&boot, bytes.data() + ipc::kBootOffsets[0], sizeof boot);
    boot.boot_id[0] ^= 1;
    boot.checksum = header.ring_id[0];
    boot.checksum = ipc::hash_bytes(&boot, sizeof boot);
    std::memcpy(bytes.data() + ipc::kBootOffsets[0], &boot, sizeof boot);
    write_file(path, bytes);
  }
};

TEST_F(Doctor, AHealthyFabricPassesEveryCheck) {
  create("t");
  ok({"pub", "t"}, "1\n");
  const auto report = json({"doctor", "--deep"}, "evf.doctor/1");
  EXPECT_EQ(report["healthy"], true);
  for (const auto* check : {"/dev/shm", "file system", "locked memory", "file size", "membarrier", "file locks",
                            "clock", "boot id", "cpu governor", "huge pages", "fabric", "members", "temporaries",
                            "layout", "boot", "publishers", "groups", "back-pressure", "records"})
    EXPECT_NE(finding(report, check), nullptr) << check;
  for (const auto& row : report["checks"]) EXPECT_NE(row["health"], "fail") << row;
  EXPECT_THAT(ok({"doctor"}), HasSubstr("healthy"));
}

TEST_F(Doctor, ANewMachineIsNoFault) { EXPECT_EQ(evf({"doctor", "--dir", directory() + "/new"}).code, 0); }

TEST_F(Doctor, WhatTheDeadLeftIsFoundAndGivenBack) {
  create("t");
  auto open_input = options("1\n");
  open_input.keep_input_open = true;
  Command publisher(words({"pub", "t"}), open_input);
  Command reader(words({"tail", "t", "--follow", "--group", "g"}), options());
  ASSERT_TRUE(reader.wait_for_lines(1));
  EXPECT_EQ(finding(json({"doctor", "--fix"}, "evf.doctor/1"), "publishers")["health"], "ok")
      << "the living are left alone";
  publisher.signal(SIGKILL);
  reader.signal(SIGKILL);
  publisher.wait();
  reader.wait();
  const auto found = json({"doctor"}, "evf.doctor/1");
  EXPECT_EQ(finding(found, "publishers")["health"], "warn");
  EXPECT_EQ(finding(found, "groups")["health"], "warn");
  const auto fixed = json({"doctor", "--fix"}, "evf.doctor/1");
  EXPECT_EQ(finding(fixed, "publishers")["health"], "fixed");
  EXPECT_EQ(finding(fixed, "groups")["health"], "fixed");
  const auto after = json({"doctor"}, "evf.doctor/1");
  EXPECT_EQ(finding(after, "publishers")["health"], "ok");
  EXPECT_EQ(finding(after, "groups")["health"], "ok");
  EXPECT_EQ(json({"lag"}, "evf.lag/1")["rows"][0]["group"], "g") << "a durable cursor stays";
}

TEST_F(Doctor, DamageIsUnhealthy) {
  create("good");
  create("bad");
  ok({"pub", "good"}, "victim\n");
  flip_bit(ring_path("good"), find_in_file(ring_path("good"), "victim"), 0);
  EXPECT_EQ(evf({"doctor"}).code, kOk) << "checksums only with --deep";
  const auto deep = json({"doctor", "--deep"}, "evf.doctor/1", kUnhealthy);
  EXPECT_EQ(finding(deep, "records")["health"], "fail");
  write_file(ring_path("bad"), "no ring");
  const auto report = json({"doctor"}, "evf.doctor/1", kUnhealthy);
  EXPECT_EQ(finding(report, "layout")["health"], "fail");
  EXPECT_EQ(report["healthy"], false);
}

TEST_F(Doctor, AGroupThatNobodyReadsForIsBlamed) {
  create("t", {"--slots", "16"});
  ok({"pub", "t"}, "0\n");
  ok({"tail", "t", "--group", "gone"});
  Command publisher(words({"pub", "t"}), options(std::string(200, '\n')));
  ASSERT_TRUE(publisher.wait_for_error("waiting for"));
  Json report;
  do {
    report = Json::parse(evf({"doctor", "--json"}).out, nullptr, false);
  } while (finding(report, "back-pressure")["health"] == "warn");
  EXPECT_EQ(finding(report, "back-pressure")["health"], "fail");
  EXPECT_THAT(finding(report, "back-pressure")["detail"].get<std::string>(), HasSubstr("group gone blocks publishers"));
}

TEST_F(Doctor, ARingOfAnotherBootIsRecovered) {
  create("t", {"--slots", "16"});
  ok({"pub", "t"}, "1\n2\n3\n");
  make_of_another_boot(ring_path("t"));
  const auto found = json({"doctor"}, "evf.doctor/1");
  EXPECT_EQ(finding(found, "boot")["health"], "warn") << found;
  EXPECT_EQ(finding(json({"doctor", "--fix"}, "evf.doctor/1"), "boot")["health"], "fixed");
  EXPECT_EQ(finding(json({"doctor"}, "evf.doctor/1"), "boot")["health"], "ok");
  EXPECT_EQ(ok({"tail", "t"}), "1\n2\n3\n");
}

TEST_F(Doctor, TemporariesOfTheDeadAreRemoved) {
  create("t");
  const auto members = ipc::Members::open(directory());
  ASSERT_TRUE(members.has_value());
  const auto dead = members->list().at(0).id;  // the process that created the topic
  const auto leftover = fmt::format("{}/topics/.half.{:016x}.0123456789abcdef.tmp", directory(), dead);
  std::filesystem::create_directory(leftover);
  write_file(leftover + "/0.ring", "half made");
  EXPECT_EQ(finding(json({"doctor"}, "evf.doctor/1"), "temporaries")["health"], "warn");
  EXPECT_EQ(finding(json({"doctor", "--fix"}, "evf.doctor/1"), "temporaries")["health"], "fixed");
  EXPECT_FALSE(std::filesystem::exists(leftover));
}

TEST_F(Doctor, DeletesThatWereKilledAreCalledOffOrFinished) {
  create("kept");
  create("half");
  const auto dead = ipc::Members::open(directory())->list().at(0).id;
  const auto notice = fmt::format("{}/topics/kept/.deleting.{:016x}.0123456789abcdef.tmp", directory(), dead);
  write_file(notice, "");
  write_file(directory() + "/topics/half/.deleted", "");
  EXPECT_EQ(finding(json({"doctor"}, "evf.doctor/1"), "temporaries")["health"], "warn");
  EXPECT_EQ(finding(json({"doctor", "--fix"}, "evf.doctor/1"), "temporaries")["detail"], "removed 2, 0 in use");
  EXPECT_EQ(finding(json({"doctor"}, "evf.doctor/1"), "temporaries")["detail"], "none");
  EXPECT_FALSE(std::filesystem::exists(notice));
  EXPECT_FALSE(std::filesystem::exists(directory() + "/topics/half"));
  ok({"pub", "kept"}, "still there\n");
}

}  // namespace
}  // namespace fabric::evf::testing
