#include "tools/evf/bench_report.hpp"

#include <fmt/format.h>

#include <optional>

#include "tools/evf/text.hpp"

namespace fabric::evf::bench {
namespace {

// The project's aims: a case that has none gives nullopt. They are shown, never asserted: the machine decides.
std::optional<double> aimed_ratio(const Case& what) {
  if (what.size_bytes == 32) return what.writers == ipc::WriterMode::one ? 1.4 : 1.5;
  return what.size_bytes == 256 ? std::optional(2.2) : std::nullopt;
}

std::optional<double> aimed_rate(const Case& what) {
  const auto one = [&]() -> std::optional<double> {
    switch (what.size_bytes) {
      case 32:
        return 80e6;
      case 256:
        return 22e6;
      case 1024:
        return 12e6;
      case 4096:
        return 4e6;
      default:
        return std::nullopt;
    }
  }();
  if (!one || what.writers == ipc::WriterMode::one) return one;
  return *one * 0.85;
}

Cell aim_cell(std::optional<double> aim, double value, bool at_most, const std::string& shown) {
  if (!aim) return "-";
  const bool reached = at_most ? value <= *aim : value >= *aim;
  return {fmt::format("{} {} {}", at_most ? "<=" : ">=", shown, reached ? "ok" : "short"),
          reached ? Tone::good : Tone::warn};
}

std::string million(double per_second) { return fmt::format("{:.2f} M/s", per_second / 1e6); }
std::string gigabytes(double per_second) { return fmt::format("{:.2f} GB/s", per_second / 1e9); }
const char* name_of(ipc::WriterMode writers) { return writers == ipc::WriterMode::one ? "one" : "many"; }
const char* on_or_off(bool on) { return on ? "on" : "off"; }

std::string samples_of(const Row& row) {
  return row.void_samples == 0 ? std::to_string(row.samples)
                               : fmt::format("{} ({} void)", row.samples, row.void_samples);
}

Json percentiles_json(const Percentiles& of) {
  return {{"p50", of.p50}, {"p90", of.p90}, {"p99", of.p99}, {"p999", of.p999}, {"max", of.max}};
}

Json row_json(const Row& row) {
  Json json{{"size_bytes", row.what.size_bytes},
            {"writers", name_of(row.what.writers)},
            {"checksum", on_or_off(row.what.checksum)}};
  if (row.what.measure == Measure::latency) {
    json["limit_rtt_ns"] = percentiles_json(row.limit_rtt_ns);
    json["rtt_ns"] = percentiles_json(row.rtt_ns);
    json["ratio_p50"] = row.ratio_p50;
  } else {
    json["records_per_s"] = row.records_per_s;
    json["bytes_per_s"] = row.bytes_per_s();
    json["copy_limit_bytes_per_s"] = row.copy_limit_bytes_per_s;
    json["limit_rtt_ns"] = percentiles_json(row.limit_rtt_ns);
  }
  json["samples"] = row.samples;
  json["void_samples"] = row.void_samples;
  return json;
}

void print_latency(const std::vector<Row>& rows) {
  Table table({">SIZE", "WRITERS", "CHECKSUM", ">P50", ">P90", ">P99", ">P99.9", ">MAX", ">LIMIT P50", ">RATIO", "AIM",
               "P99.9 AIM", "SAMPLES"});
  for (const auto& row : rows) {
    const auto aim = row.what.checksum && row.what.rate == 0 ? aimed_ratio(row.what) : std::nullopt;
    const auto tail =
        static_cast<double>(row.rtt_ns.p999) / static_cast<double>(std::max<std::uint64_t>(row.limit_rtt_ns.p50, 1));
    table.add({std::to_string(row.what.size_bytes), name_of(row.what.writers), on_or_off(row.what.checksum),
               std::to_string(row.rtt_ns.p50), std::to_string(row.rtt_ns.p90), std::to_string(row.rtt_ns.p99),
               std::to_string(row.rtt_ns.p999), format_duration(row.rtt_ns.max), std::to_string(row.limit_rtt_ns.p50),
               fmt::format("{:.2f}", row.ratio_p50),
               aim_cell(aim, row.ratio_p50, true, aim ? fmt::format("{:.1f}", *aim) : ""),
               aim_cell(aim ? std::optional(4.0) : std::nullopt, tail, true, "4.0"), samples_of(row)});
  }
  table.print();
  print_line("");
  print_line(
      "Round trips in ns, one message in flight, payload copied in and out on both sides. LIMIT is one cache line to "
      "and");
  print_line(
      "fro between the same two processes in the same run; RATIO is of the medians, P99.9 AIM of P99.9 to the limit's "
      "median.");
}

void print_throughput(const std::vector<Row>& rows) {
  Table table(
      {">SIZE", "WRITERS", "CHECKSUM", ">RECORDS", ">BYTES", ">COPY LIMIT", ">SHARE", ">LIMIT RTT", "AIM", "SAMPLES"});
  for (const auto& row : rows) {
    const auto aim = row.what.checksum ? aimed_rate(row.what) : std::nullopt;
    const auto share = row.copy_limit_bytes_per_s > 0 ? row.bytes_per_s() / row.copy_limit_bytes_per_s : 0;
    table.add({std::to_string(row.what.size_bytes), name_of(row.what.writers), on_or_off(row.what.checksum),
               million(row.records_per_s), gigabytes(row.bytes_per_s()), gigabytes(row.copy_limit_bytes_per_s),
               fmt::format("{:.0f} %", share * 100), fmt::format("{} ns", row.limit_rtt_ns.p50),
               aim_cell(aim, row.records_per_s, false, aim ? fmt::format("{:.1f} M/s", *aim / 1e6) : ""),
               samples_of(row)});
  }
  table.print();
  print_line("");
  print_line(
      "One to one and lossless; the reader verifies every checksum, sequence and stamp. COPY LIMIT is memcpy into and "
      "out of");
  print_line(
      "shared memory of the ring's size, SHARE the ring's part of it. Aims are for a LIMIT RTT of 100 to 130 ns.");
}

}  // namespace

std::string describe(const Case& what) {
  return fmt::format("{} B, {} writer{}, checksum {}", what.size_bytes, name_of(what.writers),
                     what.writers == ipc::WriterMode::one ? "" : "s", on_or_off(what.checksum));
}

void print_json_report(const Host& host, const std::vector<Row>& rows) {
  Json data = Json::array();
  for (const auto& row : rows) data.push_back(row_json(row));
  print_json(Json{{"schema", "evf.bench/1"}, {"host", host.json()}, {"data", std::move(data)}});
}

void print_report(const Host& host, const std::vector<Row>& rows) {
  host.print();
  print_line("");
  if (rows.empty()) return;
  if (rows.front().what.measure == Measure::latency) {
    print_latency(rows);
  } else {
    print_throughput(rows);
  }
}

}  // namespace fabric::evf::bench
