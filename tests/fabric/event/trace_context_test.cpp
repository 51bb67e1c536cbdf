// W3C Trace Context: the examples of the recommendation, its rules on versions, and where a tracestate is cut.

#include "fabric/event/trace_context.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace fabric {
namespace {

constexpr const char* kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, ParsesAndPrintsVersion0) {
  const auto parent = parse_traceparent(kExample);
  ASSERT_TRUE(parent);
  EXPECT_TRUE(parent->sampled());
  EXPECT_EQ(parent->trace_id()[0], 0x4b);
  EXPECT_EQ(parent->parent_id()[7], 0xb7);
  EXPECT_EQ(to_string(*parent), kExample);
  EXPECT_EQ(TraceParent::of_bytes(parent->bytes()), parent);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled());
  EXPECT_EQ(to_string(*parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff")).substr(53), "ff");
}

TEST(TraceContextTest, WhatIsNoContext) {
  const std::string text = kExample;
  std::vector<std::string> cases{"",
                                 "00",
                                 text.substr(0, 54),
                                 text + "-",
                                 text + "-01",
                                 text + "0",
                                 " " + text,
                                 "0" + text.substr(0, 54),
                                 "ff" + text.substr(2),
                                 "0G" + text.substr(2),
                                 "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                 "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                                 "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
  for (const std::size_t dash : {2U, 35U, 52U}) {
    auto broken = text;
    broken[dash] = '0';
    cases.push_back(broken);
  }
  for (const auto& bad : cases) EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST(TraceContextTest, HigherVersionsGiveWhatVersion0Knows) {
  const std::string tail = std::string(kExample).substr(2);
  const auto expected = std::string(kExample);
  EXPECT_EQ(to_string(*parse_traceparent("01" + tail)), expected);
  EXPECT_EQ(to_string(*parse_traceparent("cc" + tail + "-what-the-future-brings")), expected);
  EXPECT_FALSE(parse_traceparent("cc" + tail + ".what-the-future-brings"));
  EXPECT_FALSE(parse_traceparent("cc" + tail.substr(0, 50)));
  EXPECT_EQ(to_string(*parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff")), expected)
      << "of its flags only `sampled` is known";
}

TEST(TraceContextTest, IdsOfZerosCannotBeMade) {
  TraceParent::TraceId trace{};
  TraceParent::ParentId parent{};
  EXPECT_FALSE(TraceParent::of(trace, parent, 1));
  trace[15] = 1;
  EXPECT_FALSE(TraceParent::of(trace, parent, 1));
  parent[0] = 1;
  EXPECT_TRUE(TraceParent::of(trace, parent, 1));
}

std::string members(int count, std::size_t bytes = 4) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    const auto name = "k" + std::to_string(i) + "=";
    list += (i == 0 ? "" : ",") + name + std::string(bytes > name.size() ? bytes - name.size() : 1, 'v');
  }
  return list;
}

TEST(TraceContextTest, TracestateGrammar) {
  for (const std::string good : {"", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", " , a=1 ,\t,b=2,", "0k_-*/@=x y",
                                 "a= 1", "tenant@system=!\"#$%&'()*+-./:;<>?@[]^_`{|}~"})
    EXPECT_TRUE(is_tracestate(good)) << good;
  for (const std::string bad :
       {"a", "=1", "a=", "A=1", "_a=1", "a=1,a=2", "a=b=c", "a=\x7f", "a=\xc3\xa4", "a =1", "k\xc3=1"})
    EXPECT_FALSE(is_tracestate(bad)) << bad;
  EXPECT_TRUE(is_tracestate(members(32)));
  EXPECT_FALSE(is_tracestate(members(33)));
  EXPECT_TRUE(is_tracestate(std::string(256, 'k') + "=" + std::string(256, 'v')));
  EXPECT_FALSE(is_tracestate(std::string(257, 'k') + "=v"));
  EXPECT_FALSE(is_tracestate("k=" + std::string(257, 'v')));
}

TEST(TraceContextTest, TracestateIsCutByWholeMembersLargeOnesFirst) {
  EXPECT_EQ(limit_tracestate("a=1, b=2 ,,c=3"), "a=1,b=2,c=3") << "it fits: only blanks go";
  EXPECT_EQ(limit_tracestate("a=1,b=2,c=3", 7), "a=1,b=2");
  EXPECT_EQ(limit_tracestate("a=1,b=2,c=3", 6), "a=1");
  EXPECT_EQ(limit_tracestate("a=1", 2), "");
  const auto large = "large=" + std::string(123, 'v');  // 129 bytes
  const auto not_large = "grand=" + std::string(122, 'v');
  EXPECT_EQ(limit_tracestate(large + ",a=1,b=2", 132), "a=1,b=2") << "more than 128 bytes: it goes first";
  EXPECT_EQ(limit_tracestate(not_large + ",a=1,b=2", 132), not_large + ",a=1");
  EXPECT_EQ(limit_tracestate(members(40)), members(32));
  const auto cut = limit_tracestate(members(32, 100));
  EXPECT_LE(cut.size(), kMaxTraceState);
  EXPECT_EQ(cut, members(32, 100).substr(0, 504));
}

}  // namespace
}  // namespace fabric
