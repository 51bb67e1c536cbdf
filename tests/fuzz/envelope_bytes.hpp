#pragma once
// Decoding an extension block from hostile bytes. Called by envelope_fuzz.cpp and envelope_bytes_test.cpp.

#include <cstdint>
#include <span>
#include <vector>

namespace fabric::fuzz {

// Decodes the input as a record with kExtended, out of memory of exactly its size. Aborts when a view lies outside of
// it, when what was decoded does not come back after it was encoded again or passed on, or when what became a CloudEvent cannot be
// written as JSON and read again.
void decode_hostile_envelope(std::span<const std::uint8_t> input);

std::vector<std::vector<std::uint8_t>> envelope_seeds();

}  // namespace fabric::fuzz
