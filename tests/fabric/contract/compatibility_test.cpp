// Which versions a mode compares, and in which direction.
#include "fabric/contract/compatibility.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::contract {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "3" reads data of "1" to "3".
class Numbered final : public Schema {
 public:
  explicit Numbered(int number, Format format = Format::native) : format_(format), text_(std::to_string(number)) {}
  Format format() const noexcept override { return format_; }
  const std::string& canonical() const noexcept override { return text_; }
  const std::string& name() const noexcept override { return text_; }
  std::vector<Violation> cannot_read(const Schema& writer) const override {
    if (writer.canonical() <= text_) return {};
    return {{.path = text_, .rule = "too-new", .message = writer.canonical()}};
  }
  Result<void> validate(std::span<const std::byte>) const override { return {}; }
  Result<std::string> to_json(std::span<const std::byte>) const override { return text_; }
  Result<std::vector<std::byte>> from_json(std::string_view) const override { return std::vector<std::byte>{}; }
  Result<std::vector<std::byte>> edit(std::span<const std::byte>, std::string_view) const override {
    return std::vector<std::byte>{};
  }

 private:
  Format format_;
  std::string text_;
};

std::vector<VersionedSchema> versions(std::initializer_list<int> numbers) {
  std::vector<VersionedSchema> made;
  for (const auto number : numbers)
    made.push_back({static_cast<std::uint32_t>(made.size() + 1), std::make_shared<Numbered>(number)});
  return made;
}

// Version and direction of what is found: +1 is "the new one cannot read version 1", -1 "version 1 cannot read the new one".
std::vector<int> found(int added, Mode mode, std::initializer_list<int> numbers) {
  std::vector<int> result;
  for (const auto& one : incompatibilities(Numbered(added), versions(numbers), mode))
    result.push_back(one.new_reads_old ? static_cast<int>(one.version) : -static_cast<int>(one.version));
  return result;
}

TEST(CompatibilityTest, ModesSayWhoIsCompared) {
  EXPECT_THAT(found(5, Mode::none, {9, 1}), IsEmpty());
  EXPECT_THAT(found(5, Mode::backward, {9, 1}), IsEmpty());
  EXPECT_THAT(found(5, Mode::backward, {1, 9}), ElementsAre(2));
  EXPECT_THAT(found(5, Mode::backward_transitive, {9, 1}), ElementsAre(1));
  EXPECT_THAT(found(5, Mode::forward, {1, 9}), IsEmpty());
  EXPECT_THAT(found(5, Mode::forward, {9, 1}), ElementsAre(-2));
  EXPECT_THAT(found(5, Mode::forward_transitive, {1, 2, 9}), ElementsAre(-1, -2));
  EXPECT_THAT(found(5, Mode::full, {1, 9}), ElementsAre(2));
  EXPECT_THAT(found(5, Mode::full, {9, 1}), ElementsAre(-2));
  EXPECT_THAT(found(5, Mode::full_transitive, {9, 1, 5}), ElementsAre(1, -2));
}

TEST(CompatibilityTest, NothingIsBrokenByTheFirstVersion) {
  for (const auto mode : kModes) EXPECT_THAT(found(1, mode, {}), IsEmpty()) << to_string(mode);
}

TEST(CompatibilityTest, AChangeOfFormatIsOneViolation) {
  const std::vector<VersionedSchema> old{{1, std::make_shared<Numbered>(1, Format::protobuf)}};
  EXPECT_THAT(incompatibilities(Numbered(1), old, Mode::none), IsEmpty());
  for (const auto mode : kModes) {
    if (mode == Mode::none) continue;
    const auto broken = incompatibilities(Numbered(1), old, mode);
    ASSERT_EQ(broken.size(), 1U) << to_string(mode);
    EXPECT_EQ(broken[0].violation.rule, "format-changed");
    EXPECT_EQ(broken[0].violation.message, "version 1 is of format protobuf, the new schema of format native");
  }
}

TEST(CompatibilityTest, NamesGoThereAndBack) {
  for (const auto mode : kModes) EXPECT_EQ(mode_named(to_string(mode)), mode);
  EXPECT_EQ(mode_named("FULL_TRANSITIVE"), Mode::full_transitive);
  EXPECT_EQ(mode_named("Backward-Transitive"), Mode::backward_transitive);
  EXPECT_EQ(mode_named("sideways"), std::nullopt);
  EXPECT_EQ(mode_named(""), std::nullopt);
  for (const auto format : kFormats) EXPECT_EQ(format_named(to_string(format)), format);
  EXPECT_EQ(format_named("avro"), std::nullopt);
}

TEST(CompatibilityTest, AnUnknownFormatSaysWhatToLink) {
  const auto parsed = Formats().parse(Format::protobuf, "x");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ipc::ErrorCode::unsupported);
  EXPECT_EQ(parsed.error().message,
            "this process does not know schemas of format protobuf; link eventfabric::formats and add it to Formats");
}

}  // namespace
}  // namespace fabric::contract
