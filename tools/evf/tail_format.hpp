#pragma once
// How `evf tail` writes what it read. Functions without state; thread-safe.

#include <string>

#include "fabric/event/schema_names.hpp"
#include "tools/evf/tail_source.hpp"
#include "tools/evf/terminal.hpp"

namespace fabric::evf {

enum class TailFormat : std::uint8_t {
  lines,            // the payload and a newline; on a terminal with control bytes made visible
  length_prefixed,  // as evf pub reads it
  json,             // one object a line, also for what was lost or damaged
  cloudevents,      // structured CloudEvents in JSON, one a line
  hex,              // a heading, then 16 bytes a line with their offsets
};

// `names`: what schema ids stand for; nullptr: nobody knows. Returns why the record is not in the output, because it is no
// CloudEvent; empty: it is.
std::string write_record(Output& output, TailFormat format, const Item& item, const SchemaNames* names = nullptr);
// Ranges that were lost, damaged or passed over; only NDJSON has them in the data.
void write_gap(Output& output, TailFormat format, const Item& item);
// The same as a sentence for stderr.
std::string gap_text(const Item& item);

}  // namespace fabric::evf
