#pragma once
// A seed corpus that is generated when a fuzzer starts, instead of files that grow old in the repository.

#include <cstdint>
#include <string>
#include <vector>

namespace fabric::fuzz {

using Seeds = std::vector<std::vector<std::uint8_t>>;

// Writes the seeds to a temporary directory and appends it to the arguments of libFuzzer: as the first corpus directory
// if the user named none (which libFuzzer then adds its finds to), otherwise as a further one. The directory goes with
// the process.
void add_seeds(int& count, char**& arguments, const Seeds& seeds);

}  // namespace fabric::fuzz
