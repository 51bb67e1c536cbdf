#pragma once
// How `evf tail` writes what it read. Functions without state; thread-safe.

#include <string>

#include "fabric/contract/registry_names.hpp"
#include "tools/evf/tail_source.hpp"
#include "tools/evf/terminal.hpp"

namespace fabric::evf {

enum class TailFormat : std::uint8_t {
  lines,            // the payload and a newline (JSON, where its contract says how); on a terminal with control bytes made visible
  length_prefixed,  // as evf pub reads it
  json,             // one object a line, also for what was lost or damaged
  cloudevents,      // structured CloudEvents in JSON, one a line
  hex,              // a heading, then 16 bytes a line with their offsets
};

// `contracts`: what schema ids stand for; nullptr: nobody knows. Payloads that a contract describes are shown as JSON, and as
// they are where they do not keep it. Returns why the record is not in the output, because it is no
// CloudEvent; empty: it is.
std::string write_record(Output& output, TailFormat format, const Item& item, const contract::RegistryNames* contracts = nullptr);
// Ranges that were lost, damaged or passed over; only NDJSON has them in the data.
void write_gap(Output& output, TailFormat format, const Item& item);
// The same as a sentence for stderr.
std::string gap_text(const Item& item);

}  // namespace fabric::evf
