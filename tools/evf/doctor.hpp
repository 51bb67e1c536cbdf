#pragma once
// The checks of `evf doctor`. Each is a row: what was looked at, how it is, and what to do about it.
// They read only, unless `fix` is asked for; then what is proven to be safe is repaired and the row says so.

#include <string>
#include <vector>

#include "tools/evf/verb.hpp"

namespace fabric::evf {

enum class Health : unsigned char { ok, fixed, warn, fail };
const char* to_string(Health health) noexcept;

struct Finding {
  std::string check;
  Health health = Health::ok;
  std::string detail{};
  std::string advice{};  // empty when nothing is to be done
};

struct DoctorOptions {
  std::string directory;
  bool fix = false, deep = false;
};

// Memory, limits, kernel features, clock, processors: of this host and this process.
std::vector<Finding> check_host(const std::string& directory);
// Members, temporaries, topics and their rings.
std::vector<Finding> check_fabric(const DoctorOptions& options);

}  // namespace fabric::evf
