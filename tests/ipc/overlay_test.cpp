// A file system on which a lock goes with its descriptor although the process lives (overlayfs: a container's root).
// Nobody is admitted there: he would be proven dead while he lives.

#include <fstream>

#include "tests/ipc/kept_lock_peer.hpp"
#include "tests/ipc/liveness_fixture.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

enum class Way : std::uint8_t { mounted, injected };

class Overlay : public ::testing::TestWithParam<Way> {
 protected:
  // What `body` says in a process that uses `directory_` as an overlay: empty if all is well.
  std::string in_overlay(const std::function<std::string()>& body) const {
    const auto answer = directory_.file("answer");
    Child child([&](const Channel&) {
      const Descriptor out(::open(answer.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      if (GetParam() == Way::mounted) {
        lose_kept_locks(directory_.path());
      } else {
        KeptLockPeer::let_mappings_hold(false);
      }
      const auto text = body();
      return ::write(out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
    });
    if (child.wait() != 0) return "the child failed";
    std::ifstream file(answer);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  template <class T>
  static std::string refused(const Result<T>& result) {
    if (result) return "was not refused";
    if (result.error().code != ErrorCode::unsupported) return "is " + result.error().message;
    return result.error().message.find("overlayfs") != std::string::npos ? "" : "says only: " + result.error().message;
  }
  static bool is_empty(const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      const auto name = entry.path().filename().string();
      if (name != "answer" && name != "lower" && name != "upper" && name != "work") return false;
    }
    return true;
  }

  TempDir directory_;
};
INSTANTIATE_TEST_SUITE_P(Ways, Overlay, ::testing::Values(Way::mounted, Way::injected),
                         [](const auto& way) { return way.param == Way::mounted ? "mounted" : "injected"; });

TEST_P(Overlay, KeptLocksAreFoundOutByTrying) {
  EXPECT_EQ(in_overlay([&]() -> std::string {
              const auto path = directory_.file("file");
              if (check_kept_locks(path.c_str()) != ENOENT) return "a missing file can be locked";
              std::ofstream(path) << "x";
              if (check_kept_locks(path.c_str()) != EOPNOTSUPP) return "the loss of the lock was not seen";
              KeptLock lock;
              struct stat status = {};
              ::stat(path.c_str(), &status);
              const FileIdentity file{status.st_dev, status.st_ino};
              const int failure = hold_lock(path.c_str(), file, LockKind::exclusive, 5, lock);
              return failure == EOPNOTSUPP && !lock.owned() ? "" : "holds what cannot be held";
            }),
            "");
}

TEST_P(Overlay, NobodyJoins) {
  EXPECT_EQ(in_overlay([&] { return refused(Membership::join(directory_.path())); }), "");
}

// The members file comes from elsewhere: an image's layer, a copy.
TEST_P(Overlay, NobodyJoinsThoughThereIsAMembersFile) {
  ASSERT_TRUE(Membership::join(directory_.path()));
  const auto text = [&] {
    std::ifstream file(directory_.file("members"), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  EXPECT_EQ(in_overlay([&] {
              std::ofstream(directory_.file("members"), std::ios::binary) << text;
              return refused(Membership::join(directory_.path()));
            }),
            "");
}

TEST_P(Overlay, NoRingIsCreatedAndNothingIsLeft) {
  EXPECT_EQ(in_overlay([&] {
              auto text = refused(RingFile::create(directory_.file("ring"), {.slot_count = 16, .slot_bytes = 64}));
              return text.empty() && !is_empty(directory_.path()) ? "leaves a file" : text;
            }),
            "");
}

TEST_P(Overlay, ARingIsReadButNotWritten) {
  ASSERT_TRUE(RingFile::create(directory_.file("ring"), {.slot_count = 16, .slot_bytes = 64}));
  std::ifstream file(directory_.file("ring"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(in_overlay([&]() -> std::string {
              const auto path = directory_.file("ring");
              std::ofstream(path, std::ios::binary) << bytes;
              if (!RingFile::attach(path, {.access = Access::read_only})) return "cannot be read";
              return refused(RingFile::attach(path, {.access = Access::read_write}));
            }),
            "");
}

}  // namespace
}  // namespace fabric::ipc::testing
