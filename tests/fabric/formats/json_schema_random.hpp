#pragma once
// Random schemas, small changes of them, and values that are likely to be valid under them: from few names and small
// numbers, so that what different keywords say meets often. Everything comes from `Pick`, so a test may draw it from
// RapidCheck or from a seeded engine.

#include <boost/json/value.hpp>
#include <functional>

namespace fabric::formats::testing {

// A number below the bound; the bound is at least 1.
using Pick = std::function<unsigned(unsigned)>;

// A schema of 2020-12 (or draft-07) with "$defs" that "$ref"s lead to, recursive ones too. Nearly always one that
// parses.
boost::json::value random_schema(const Pick& pick, bool draft_07);
// The schema with one to three keywords added, taken away or changed somewhere in it.
boost::json::value mutated(const boost::json::value& schema, const Pick& pick, bool draft_07);
// A value that follows the schema where that is easy.
boost::json::value random_value(const boost::json::value& schema, const Pick& pick);

}  // namespace fabric::formats::testing
