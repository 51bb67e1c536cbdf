#pragma once
// What `evf bench` prints. Not thread-safe.

#include <vector>

#include "tools/evf/bench.hpp"
#include "tools/evf/bench_host.hpp"

namespace fabric::evf::bench {

// One object, schema evf.bench/1: host, and a row per case.
void print_json_report(const Host& host, const std::vector<Row>& rows);
// Host, a table, and how to read it.
void print_report(const Host& host, const std::vector<Row>& rows);
std::string describe(const Case& what);

}  // namespace fabric::evf::bench
