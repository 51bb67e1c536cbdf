#pragma once
// Gaps of counts, shared by strings, arrays and objects. Thread-safe.

#include <cstdint>
#include <string_view>

#include "fabric/formats/json_schema_prover.hpp"

namespace fabric::formats::jsonschema {

// A limit of the reader, at least or at most `wanted`, against what the writer keeps: "max-length-added",
// "max-length-decreased", ...
void limit_gap(const Node& reader, std::string_view keyword, std::string_view rule, std::uint64_t wanted,
               std::uint64_t given, bool is_least, Gaps& gaps);

}  // namespace fabric::formats::jsonschema
