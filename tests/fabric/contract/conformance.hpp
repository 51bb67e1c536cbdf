#pragma once
// The conformance suite of schema formats: what holds for every implementation of contract::SchemaFormat.
//
// A format's test fills a Conformance with examples of its own and instantiates the suite, in one .cpp file per program:
//
//   Conformance protobuf() { return {.format = ..., .samples = {...}, .changes = {...}, ...}; }
//   EVF_SCHEMA_CONFORMANCE(Protobuf, protobuf);
//
// Every list must have an entry where the format can have one: an empty `samples`, `changes` or `round_trips` is a failure. Names
// show in messages only. Rules are compared as multisets, so the order of violations is free.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "fabric/contract/compatibility.hpp"
#include "fabric/contract/schema.hpp"

namespace fabric::contract::testing {

// A schema, and a payload that it describes.
struct Sample {
  std::string name{};
  std::string schema{};  // text that SchemaFormat::parse() takes
  std::string json{};    // exactly as to_json() prints the payload
};

// A step of evolution, and the verdict in both directions.
struct Change {
  std::string name{};
  std::string old_schema{}, new_schema{};
  std::vector<std::string> new_reads_old{};  // rules that stand against it; empty: it can
  std::vector<std::string> old_reads_new{};
  // Payloads of either side, as JSON; empty: none is tried. Where the verdict is "can read", the other side has to read it.
  std::string old_json{}, new_json{};
};

// v2 -> v1 -> v2: a payload of the new schema is edited by one who knows the old one only, and read by the new schema again.
struct RoundTrip {
  std::string name{};
  std::string old_schema{}, new_schema{};
  std::string new_json{};       // the payload as the new schema's to_json() prints it
  std::string patch{};          // RFC 7396, fields of the old schema
  std::string expected_json{};  // what the new schema prints afterwards: patched, and its own fields as they were
};

// Two texts of one schema: same canonical().
struct Spelling {
  std::string one{}, other{};
};

// Refused by parse(), with invalid_argument.
struct BadSchema {
  std::string text{};
  std::string message{};  // a part of it
};

// Refused by from_json(), with invalid_argument.
struct BadJson {
  std::string schema{}, json{};
  std::string message{};  // a part of it
};

// Refused by validate(), with corrupt.
struct BadPayload {
  std::string name{};
  std::string schema{};
  std::vector<std::byte> payload{};
  std::string message{};  // a part of it
};

struct Conformance {
  std::shared_ptr<const SchemaFormat> format{};
  std::vector<Sample> samples{};
  std::vector<Change> changes{};
  std::vector<RoundTrip> round_trips{};
  std::vector<Spelling> spellings{};
  std::vector<BadSchema> bad_schemas{};
  std::vector<BadJson> bad_json{};
  std::vector<BadPayload> bad_payloads{};
};

class SchemaConformance : public ::testing::TestWithParam<Conformance (*)()> {
 protected:
  void SetUp() override { ASSERT_NE(about_.format, nullptr); }

  std::shared_ptr<const Schema> parse(const std::string& text) const {
    auto parsed = about_.format->parse(text);
    if (parsed) return *parsed;
    ADD_FAILURE() << parsed.error().message << "\n" << text;
    return nullptr;
  }
  static std::vector<std::byte> encode(const Schema& schema, const std::string& json) {
    auto payload = schema.from_json(json);
    if (payload) return std::move(*payload);
    ADD_FAILURE() << payload.error().message << "\n" << json;
    return {};
  }
  static std::string decode(const Schema& schema, std::span<const std::byte> payload) {
    auto json = schema.to_json(payload);
    return json ? std::move(*json) : "error: " + json.error().message;
  }
  static std::vector<std::string> rules(const std::vector<Violation>& violations) {
    std::vector<std::string> found;
    for (const auto& violation : violations) found.push_back(violation.rule);
    return found;
  }
  // All ways to look at a payload that may be anything. What is valid has to decode.
  static void handle_hostile(const Schema& schema, std::span<const std::byte> bytes) {
    // Exactly as large as what is handed over, so that a sanitizer sees the first byte read behind it.
    const auto copy = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    const std::span<const std::byte> payload(copy.get(), bytes.size());
    const auto valid = schema.validate(payload);
    const auto json = schema.to_json(payload);
    const auto edited = schema.edit(payload, "{}");
    if (!valid) {
      EXPECT_EQ(valid.error().code, ipc::ErrorCode::corrupt) << valid.error().message;
      EXPECT_NE(valid.error().message, "");
    } else {
      EXPECT_TRUE(json.has_value()) << "valid, but " << json.error().message;
      EXPECT_TRUE(edited.has_value()) << "valid, but " << edited.error().message;
    }
    if (!json) {
      EXPECT_EQ(json.error().code, ipc::ErrorCode::corrupt) << json.error().message;
    }
  }

  const Conformance about_ = GetParam()();
};

TEST_P(SchemaConformance, HasExamplesOfEverything) {
  EXPECT_FALSE(about_.samples.empty());
  EXPECT_FALSE(about_.changes.empty());
  EXPECT_FALSE(about_.round_trips.empty());
  EXPECT_FALSE(about_.spellings.empty());
  EXPECT_FALSE(about_.bad_schemas.empty());
  EXPECT_FALSE(about_.bad_json.empty());
  EXPECT_FALSE(about_.bad_payloads.empty());
}

TEST_P(SchemaConformance, CanonicalTextIsAcceptedAndStaysAsItIs) {
  for (const auto& sample : about_.samples) {
    const auto schema = parse(sample.schema);
    ASSERT_NE(schema, nullptr) << sample.name;
    EXPECT_EQ(schema->format(), about_.format->format()) << sample.name;
    const auto again = parse(schema->canonical());
    ASSERT_NE(again, nullptr) << sample.name;
    EXPECT_EQ(again->canonical(), schema->canonical()) << sample.name;
    EXPECT_EQ(again->name(), schema->name()) << sample.name;
    EXPECT_THAT(rules(again->cannot_read(*schema)), ::testing::IsEmpty()) << sample.name;
    EXPECT_THAT(rules(schema->cannot_read(*again)), ::testing::IsEmpty()) << sample.name;
  }
}

TEST_P(SchemaConformance, SpellingDoesNotMatter) {
  for (const auto& [one, other] : about_.spellings) {
    const auto first = parse(one), second = parse(other);
    ASSERT_TRUE(first && second);
    EXPECT_NE(one, other) << "no example";
    EXPECT_EQ(first->canonical(), second->canonical());
  }
}

TEST_P(SchemaConformance, ASchemaReadsItself) {
  const auto reads_itself = [&](const std::string& name, const std::string& text) {
    const auto schema = parse(text);
    ASSERT_NE(schema, nullptr) << name;
    for (const auto& violation : schema->cannot_read(*schema))
      ADD_FAILURE() << name << ": " << violation.path << ": " << violation.rule << ": " << violation.message;
  };
  for (const auto& sample : about_.samples) reads_itself(sample.name, sample.schema);
  for (const auto& change : about_.changes) {
    reads_itself(change.name + " (old)", change.old_schema);
    reads_itself(change.name + " (new)", change.new_schema);
  }
}

TEST_P(SchemaConformance, PayloadsSurviveJson) {
  for (const auto& sample : about_.samples) {
    const auto schema = parse(sample.schema);
    ASSERT_NE(schema, nullptr) << sample.name;
    const auto payload = encode(*schema, sample.json);
    const auto valid = schema->validate(payload);
    EXPECT_TRUE(valid.has_value()) << sample.name << ": " << valid.error().message;
    EXPECT_EQ(decode(*schema, payload), sample.json) << sample.name;
    EXPECT_EQ(decode(*schema, encode(*schema, decode(*schema, payload))), sample.json) << sample.name;
  }
}

TEST_P(SchemaConformance, AnEmptyEditChangesNothing) {
  for (const auto& sample : about_.samples) {
    const auto schema = parse(sample.schema);
    ASSERT_NE(schema, nullptr) << sample.name;
    const auto edited = schema->edit(encode(*schema, sample.json), "{}");
    ASSERT_TRUE(edited.has_value()) << sample.name << ": " << edited.error().message;
    EXPECT_EQ(decode(*schema, *edited), sample.json) << sample.name;
  }
}

TEST_P(SchemaConformance, VerdictsNameTheirRules) {
  for (const auto& change : about_.changes) {
    const auto old_one = parse(change.old_schema), new_one = parse(change.new_schema);
    ASSERT_TRUE(old_one && new_one) << change.name;
    const auto backward = new_one->cannot_read(*old_one), forward = old_one->cannot_read(*new_one);
    EXPECT_THAT(rules(backward), ::testing::UnorderedElementsAreArray(change.new_reads_old))
        << change.name << ": the new schema reads old data";
    EXPECT_THAT(rules(forward), ::testing::UnorderedElementsAreArray(change.old_reads_new))
        << change.name << ": the old schema reads new data";
    for (const auto* found : {&backward, &forward}) {
      for (const auto& violation : *found) {
        EXPECT_NE(violation.message, "") << change.name << ": " << violation.rule;
        EXPECT_THAT(violation.rule, ::testing::MatchesRegex("[a-z0-9]+(-[a-z0-9]+)*")) << change.name;
      }
    }
  }
}

TEST_P(SchemaConformance, WhatCanBeReadIsRead) {
  const auto read = [](const std::string& name, const Schema& reader, const Schema& writer, const std::string& json) {
    const auto payload = encode(writer, json);
    const auto valid = reader.validate(payload);
    EXPECT_TRUE(valid.has_value()) << name << ": " << valid.error().message;
    const auto decoded = reader.to_json(payload);
    EXPECT_TRUE(decoded.has_value()) << name << ": " << decoded.error().message;
  };
  for (const auto& change : about_.changes) {
    const auto old_one = parse(change.old_schema), new_one = parse(change.new_schema);
    ASSERT_TRUE(old_one && new_one) << change.name;
    if (change.new_reads_old.empty() && !change.old_json.empty())
      read(change.name + ": new reads old", *new_one, *old_one, change.old_json);
    if (change.old_reads_new.empty() && !change.new_json.empty())
      read(change.name + ": old reads new", *old_one, *new_one, change.new_json);
  }
}

TEST_P(SchemaConformance, UnknownFieldsSurviveAnOlderConsumer) {
  for (const auto& trip : about_.round_trips) {
    const auto old_one = parse(trip.old_schema), new_one = parse(trip.new_schema);
    ASSERT_TRUE(old_one && new_one) << trip.name;
    const auto payload = encode(*new_one, trip.new_json);
    ASSERT_EQ(decode(*new_one, payload), trip.new_json) << trip.name;
    const auto untouched = old_one->edit(payload, "{}");
    ASSERT_TRUE(untouched.has_value()) << trip.name << ": " << untouched.error().message;
    EXPECT_EQ(decode(*new_one, *untouched), trip.new_json) << trip.name;
    const auto edited = old_one->edit(payload, trip.patch);
    ASSERT_TRUE(edited.has_value()) << trip.name << ": " << edited.error().message;
    EXPECT_EQ(decode(*new_one, *edited), trip.expected_json) << trip.name;
  }
}

TEST_P(SchemaConformance, BadSchemasAreRefusedWithAReason) {
  for (const auto& bad : about_.bad_schemas) {
    const auto parsed = about_.format->parse(bad.text);
    ASSERT_FALSE(parsed.has_value()) << bad.text;
    EXPECT_EQ(parsed.error().code, ipc::ErrorCode::invalid_argument) << bad.text;
    EXPECT_THAT(parsed.error().message, ::testing::HasSubstr(bad.message)) << bad.text;
  }
}

TEST_P(SchemaConformance, BadJsonIsRefusedWithAReason) {
  for (const auto& bad : about_.bad_json) {
    const auto schema = parse(bad.schema);
    ASSERT_NE(schema, nullptr);
    const auto payload = schema->from_json(bad.json);
    ASSERT_FALSE(payload.has_value()) << bad.json;
    EXPECT_EQ(payload.error().code, ipc::ErrorCode::invalid_argument) << bad.json;
    EXPECT_THAT(payload.error().message, ::testing::HasSubstr(bad.message)) << bad.json;
  }
}

TEST_P(SchemaConformance, BadPayloadsAreRefusedWithAReason) {
  for (const auto& bad : about_.bad_payloads) {
    const auto schema = parse(bad.schema);
    ASSERT_NE(schema, nullptr) << bad.name;
    const auto valid = schema->validate(bad.payload);
    ASSERT_FALSE(valid.has_value()) << bad.name;
    EXPECT_EQ(valid.error().code, ipc::ErrorCode::corrupt) << bad.name;
    EXPECT_THAT(valid.error().message, ::testing::HasSubstr(bad.message)) << bad.name;
  }
}

TEST_P(SchemaConformance, HostileBytesAreErrors) {
  std::mt19937_64 random(1);
  for (const auto& sample : about_.samples) {
    const auto schema = parse(sample.schema);
    ASSERT_NE(schema, nullptr) << sample.name;
    const auto payload = encode(*schema, sample.json);
    for (std::size_t length = 0; length < payload.size(); ++length)
      handle_hostile(*schema, std::span(payload).first(length));
    for (int round = 0; round < 2000 && !payload.empty(); ++round) {
      auto flipped = payload;
      for (auto flips = random() % 4 + 1; flips != 0; --flips)
        flipped[random() % flipped.size()] ^= static_cast<std::byte>(1U << random() % 8);
      handle_hostile(*schema, flipped);
    }
    for (int round = 0; round < 1000; ++round) {
      std::vector<std::byte> noise(random() % (2 * payload.size() + 16));
      for (auto& byte : noise) byte = static_cast<std::byte>(random());
      handle_hostile(*schema, noise);
    }
  }
}

TEST_P(SchemaConformance, HostileTextsAreErrors) {
  std::mt19937_64 random(2);
  const auto scramble = [&](std::string text) {
    for (auto changes = random() % 4 + 1; changes != 0 && !text.empty(); --changes) {
      const auto at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, random() % 8); break;
        default: text.insert(at, text, random() % text.size(), random() % 8); break;
      }
    }
    return text;
  };
  for (const auto& sample : about_.samples) {
    const auto schema = parse(sample.schema);
    ASSERT_NE(schema, nullptr) << sample.name;
    const auto payload = encode(*schema, sample.json);
    for (int round = 0; round < 300; ++round) {
      if (const auto parsed = about_.format->parse(scramble(sample.schema))) {
        handle_hostile(**parsed, payload);
        static_cast<void>((*parsed)->cannot_read(*schema));
        static_cast<void>(schema->cannot_read(**parsed));
      } else {
        EXPECT_EQ(parsed.error().code, ipc::ErrorCode::invalid_argument) << parsed.error().message;
      }
      if (const auto made = schema->from_json(scramble(sample.json))) {
        EXPECT_TRUE(schema->validate(*made).has_value());
      } else {
        EXPECT_EQ(made.error().code, ipc::ErrorCode::invalid_argument) << made.error().message;
      }
      if (const auto edited = schema->edit(payload, scramble(sample.json))) {
        EXPECT_TRUE(schema->validate(*edited).has_value());
      }
    }
  }
}

#define EVF_SCHEMA_CONFORMANCE(name, function) \
  INSTANTIATE_TEST_SUITE_P(name, SchemaConformance, ::testing::Values(&function))

}  // namespace fabric::contract::testing
