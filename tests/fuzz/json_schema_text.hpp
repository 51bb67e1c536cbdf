#pragma once
// JSON Schemas and payloads of hostile bytes. Called by json_schema_fuzz.cpp and json_schema_text_test.cpp.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fabric::fuzz {

// The input is a schema, another one and a payload, with a 0xff behind the first two. Parses, validates and compares
// them. Aborts when what was accepted does not keep what it promises: the normal form parses to itself, a schema reads
// itself, what is valid can be printed and edited, and is valid under a schema that is said to read it.
void read_hostile_schema(std::span<const std::uint8_t> input);

std::vector<std::vector<std::uint8_t>> json_schema_seeds();
// What the grammar is made of, for edits that get somewhere.
const std::vector<std::string>& json_schema_words();

}  // namespace fabric::fuzz
