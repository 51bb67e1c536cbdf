// Ids: their texts, that equal texts are equal bytes, and derived ones. The golden values hold for every binding.

#include "fabric/event/event_id.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <xxhash.h>

#include "fabric/text.hpp"

namespace fabric {
namespace {

TEST(EventIdTest, TextOfAPlaceIsTheRingsIdAndTheSequence) {
  const auto id = EventId::of_place({0x0123456789abcdef, 0xfedcba9876543210}, 42);
  EXPECT_EQ(to_string(id), "0123456789abcdeffedcba9876543210-42");
  EXPECT_EQ(to_hex(id.bytes()),
            "efcdab8967452301"
            "1032547698badcfe"
            "2a00000000000000");
  EXPECT_EQ(to_string(EventId::of_place({}, ~std::uint64_t{0})),
            "00000000000000000000000000000000-18446744073709551615");
}

TEST(EventIdTest, EqualTextsHaveOneForm) {
  EXPECT_EQ(EventId("0123456789abcdeffedcba9876543210-42"),
            EventId::of_place({0x0123456789abcdef, 0xfedcba9876543210}, 42));
  EXPECT_EQ(EventId("0123456789abcdeffedcba9876543210").form(), IdForm::hash);
  EXPECT_EQ(to_string(EventId("0123456789abcdeffedcba9876543210")), "0123456789abcdeffedcba9876543210");
  for (const auto* text :
       {"order-17", "0123456789ABCDEFFEDCBA9876543210", "0123456789abcdeffedcba987654321", "x",
        "0123456789abcdeffedcba9876543210-", "0123456789abcdeffedcba9876543210-042",
        "0123456789abcdeffedcba9876543210-18446744073709551616", "0123456789abcdeffedcba9876543210-4x",
        "0123456789abcdeffedcba987654321g-42", "0123456789abcdeffedcba9876543210_42"}) {
    EXPECT_EQ(EventId(text).form(), IdForm::text) << text;
    EXPECT_EQ(to_string(EventId(text)), text);
  }
  EXPECT_TRUE(EventId("").empty());
}

TEST(EventIdTest, EveryTextReadsBack) {
  EXPECT_TRUE(rc::check("text of any id", [](const std::array<std::uint64_t, 2>& ring, std::uint64_t sequence) {
    const auto place = EventId::of_place(ring, sequence);
    const auto text = to_string(place);
    RC_ASSERT(EventId(text) == place);
    const auto hash = derive_id(place, "scope", sequence);
    const auto hash_text = to_string(hash);
    RC_ASSERT(EventId(hash_text) == hash);
  }));
}

TEST(EventIdTest, DerivedIdsAreGolden) {
  const auto place = EventId::of_place({0x0123456789abcdef, 0xfedcba9876543210}, 42);
  EXPECT_EQ(to_string(derive_id("order-17", "billing", 1)), "0156b8ba2a7a4ea3b7baaf16e99b8406");
  EXPECT_EQ(to_string(derive_id("order-17", "billing", "invoice")), "876508dff433ca827c45605dced44a57");
  EXPECT_EQ(to_string(derive_id(place, "billing", "invoice")), "6bba7ee6723c0fe2dbb1e6641b52d21e");
}

// As the header defines it, byte by byte.
TEST(EventIdTest, DerivedIdsAreTheHashOfWhatIsSaid) {
  const std::string bytes = std::string("\x08order-17", 9) + std::string("\x07\0", 2) + "billing" + "n" +
                            std::string("\x01\0\0\0\0\0\0\0", 8);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  EXPECT_EQ(to_string(derive_id("order-17", "billing", 1)), to_hex(std::as_bytes(std::span(canonical.digest))));
}

TEST(EventIdTest, DerivedIdsDifferByCauseScopeAndStep) {
  const auto id = derive_id("order-17", "billing", 1);
  EXPECT_EQ(derive_id("order-17", "billing", 1), id);
  EXPECT_NE(derive_id("order-18", "billing", 1), id);
  EXPECT_NE(derive_id("order-17", "shipping", 1), id);
  EXPECT_NE(derive_id("order-17", "billing", 2), id);
  EXPECT_NE(derive_id("order-17", "billing", "1"), id);
  EXPECT_NE(derive_id("a", "bc", "d"), derive_id("ab", "c", "d")) << "lengths are hashed as well";
  const auto text = to_string(id);
  EXPECT_EQ(derive_id(text, "billing", 1), derive_id(id, "billing", 1)) << "its text, and not how it is stored, counts";
}

TEST(EventIdTest, OnlyWhatIsEncodedAsSaidIsAnId) {
  const auto encoded = [](int form, std::size_t bytes) {
    std::vector<std::byte> out(bytes + 1, std::byte{'a'});
    out[0] = static_cast<std::byte>(form);
    return EventId::of_encoded(out).form();
  };
  EXPECT_EQ(encoded(1, 1), IdForm::text);
  EXPECT_EQ(encoded(1, 255), IdForm::text);
  EXPECT_EQ(encoded(2, 16), IdForm::hash);
  EXPECT_EQ(encoded(3, 24), IdForm::place);
  for (const auto& [form, bytes] : {std::pair{0, 4}, {1, 0}, {1, 256}, {2, 15}, {2, 17}, {3, 16}, {3, 25}, {4, 16}})
    EXPECT_EQ(encoded(form, static_cast<std::size_t>(bytes)), IdForm::none) << form << " " << bytes;
}

}  // namespace
}  // namespace fabric
