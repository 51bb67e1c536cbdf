// Publishing with metadata through a topic: what arrives, what follows from a cause, ids that are the same when a
// handler runs again, and events that are passed on.

#include "fabric/delivery/cause.hpp"

#include <gtest/gtest.h>

#include <string>

#include "fabric/event/cloud_event.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

const auto kTrace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

class CauseTest : public testing::FabricFixture {
 protected:
  void SetUp() override {
    for (const auto* name : {"orders", "invoices"}) {
      auto options = small_topic(name, 2);
      options.ring.slot_bytes = 512;
      create(options);
    }
  }
  // The next record of a topic, handed to `handle`.
  template <class Handle>
  void next(const std::string& topic, const Handle& handle) {
    auto group = consumer(topic, {.group = "billing"});
    ASSERT_EQ(group.poll([&](const Delivery& delivery) { handle(delivery); }, {}, 1), 1U);
    ASSERT_TRUE(group.ack());
  }
};

TEST_F(CauseTest, MetadataArrives) {
  const Extension extensions[] = {{"region", "eu"}};
  const auto published = producer("orders").publish(
      "k", "payload", {.id = "order-17", .type = "placed", .traceparent = kTrace, .extensions = extensions}, 7);
  ASSERT_TRUE(published);
  next("orders", [&](const Delivery& delivery) {
    EXPECT_EQ(as_text(delivery.event.envelope.key), "k");
    EXPECT_EQ(as_text(delivery.event.payload), "payload");
    EXPECT_EQ(delivery.record.schema, 7U);
    EXPECT_EQ(id_of(delivery), EventId("order-17"));
    EXPECT_EQ(delivery.event.envelope.type(), "placed");
    EXPECT_EQ(delivery.event.envelope.traceparent(), kTrace);
    EXPECT_EQ(delivery.event.envelope.extension("region"), AttributeView("eu"));
  });
}

TEST_F(CauseTest, WithoutAnIdItIsThatOfThePlace) {
  const auto published = producer("orders").publish("k", "payload");
  next("orders", [&](const Delivery& delivery) {
    const auto& ring_id = delivery.topic->ring(published.partition)->file().header().ring_id;
    EXPECT_EQ(id_of(delivery), EventId::of_place({ring_id[0], ring_id[1]}, published.sequence));
    EXPECT_TRUE(delivery.event.envelope.id().empty()) << "nobody wrote it";
  });
}

TEST_F(CauseTest, OutcomesNameWhatIsTooLarge) {
  auto orders = producer("orders");
  const std::string long_id(256, 'i'), text(2000, 't');
  using ipc::PublishOutcome;
  EXPECT_EQ(orders.publish("k", "p", {.id = long_id}).outcome, PublishOutcome::too_large);
  EXPECT_EQ(orders.publish("k", "p", {.type = text}).outcome, PublishOutcome::too_large) << "does not fit a slot";
  EXPECT_EQ(orders.publish(std::string(kMaxKeyBytes + 1, 'k'), "p", {.id = "i"}).outcome, PublishOutcome::too_large);
  EXPECT_TRUE(orders.publish("", "p", EventAttributes{})) << "nothing to say: no block";
  next("orders", [](const Delivery& delivery) { EXPECT_EQ(delivery.record.flags & ipc::kExtended, 0); });
}

TEST_F(CauseTest, PublishWithinWaitsWithMetadataAsWell) {
  auto orders = producer("orders");
  auto group = consumer("orders", {.group = "slow"});
  auto outcome = ipc::PublishOutcome::published;
  for (int i = 0; i < 100 && outcome == ipc::PublishOutcome::published; ++i)
    outcome = orders.publish("k", "p", {.id = "i"}).outcome;
  ASSERT_EQ(outcome, ipc::PublishOutcome::back_pressure);
  EXPECT_EQ(orders.publish_within(as_bytes("k"), as_bytes("p"), 1'000'000, {.id = "i"}).outcome,
            ipc::PublishOutcome::back_pressure);
  while (group.poll([](const Delivery&) {}) != 0) {
  }
  ASSERT_TRUE(group.ack());
  EXPECT_TRUE(orders.publish_within(as_bytes("k"), as_bytes("p"), 1'000'000, {.id = "i"}));
}

TEST_F(CauseTest, ACauseGivesFlowTraceAndIds) {
  ASSERT_TRUE(producer("orders").publish("k", "order", {.traceparent = kTrace, .tracestate = "rojo=1"}));
  auto invoices = producer("invoices");
  EventId of_order, of_invoice;
  for (int run = 0; run < 2; ++run) {
    // The handler runs, is killed before its ack, and runs again.
    auto group = consumer("orders", {.group = "billing"});
    ASSERT_EQ(group.poll([&](const Delivery& delivery) {
      const Cause cause(delivery, "billing");
      of_order = cause.id();
      EXPECT_EQ(cause.correlation(), of_order) << "it began the flow";
      EXPECT_TRUE(invoices.publish("k", "invoice", cause.attributes("invoice")));
      EXPECT_TRUE(invoices.publish("k", "mail", cause.attributes(2)));
      EXPECT_TRUE(invoices.publish("k", "log", cause.attributes()));
    }),
              1U);
  }
  std::vector<EventId> ids;
  auto group = consumer("invoices", {.group = "g"});
  ASSERT_EQ(group.poll([&](const Delivery& delivery) {
    const auto& envelope = delivery.event.envelope;
    EXPECT_EQ(envelope.correlation(), of_order);
    EXPECT_EQ(envelope.causation(), of_order);
    EXPECT_EQ(envelope.traceparent(), kTrace);
    EXPECT_EQ(envelope.tracestate(), "rojo=1");
    ids.push_back(id_of(delivery));
    const Cause next(delivery, "mailing");
    EXPECT_EQ(next.correlation(), of_order) << "the flow goes on";
    EXPECT_EQ(next.attributes().causation, id_of(delivery));
  }),
            6U);
  EXPECT_EQ(ids[0], ids[3]);
  EXPECT_EQ(ids[1], ids[4]);
  EXPECT_NE(ids[2], ids[5]) << "without a step it is that of the place";
  EXPECT_EQ(ids[0], derive_id(of_order, "billing", "invoice"));
  EXPECT_EQ(ids[1], derive_id(of_order, "billing", 2));
}

TEST_F(CauseTest, WhatIsPassedOnIsTheSameEvent) {
  const Extension extensions[] = {{"region", "eu"}};
  ASSERT_TRUE(producer("orders").publish("k", "{}", {.type = "placed", .extensions = extensions}, 7));
  auto dead_letters = producer("invoices");
  ASSERT_TRUE(dead_letters.publish("k", "so that the sequence is another"));
  next("invoices", [](const Delivery&) {});
  CloudEvent before, after;
  next("orders", [&](const Delivery& delivery) {
    before = to_cloud_event(place_of(delivery), delivery.record, delivery.event).value();
    PassedOn passed_on(delivery);
    const std::string names = "abcdefghijklmnopq";
    for (std::size_t i = 0; i < PassedOn::kMostAdded; ++i)
      EXPECT_TRUE(passed_on.add({std::string_view(names).substr(i, 1), "added"}));
    EXPECT_FALSE(passed_on.add({"q", "one too many"}));
    EXPECT_TRUE(dead_letters.publish(delivery.event.envelope.key, delivery.event.payload, passed_on.attributes(),
                                     delivery.record.schema));
  });
  next("invoices", [&](const Delivery& delivery) {
    after = to_cloud_event(place_of(delivery), delivery.record, delivery.event).value();
    EXPECT_NE(after.source.find("/topics/orders/"), std::string::npos) << after.source;
  });
  EXPECT_EQ(
      std::erase_if(after.extensions, [](const auto& extension) { return extension.second == AttributeView("added"); }),
      PassedOn::kMostAdded);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace fabric
