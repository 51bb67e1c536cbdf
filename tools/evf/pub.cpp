// evf pub: from lines, NDJSON or length-prefixed records to a topic.

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <limits>
#include <span>
#include <vector>

#include "fabric/contract/attach.hpp"
#include "fabric/delivery/producer.hpp"
#include "ipc/clock.hpp"
#include "tools/evf/formats.hpp"
#include "tools/evf/pub_input.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {
namespace {

using ipc::PublishOutcome;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kWaitSlice = kSecond / 20, kFirstComplaint = kSecond / 2, kNextComplaint = 10 * kSecond;
constexpr std::uint64_t kShowProgressAfter = kSecond, kProgressEvery = kSecond / 5;

struct Arguments {
  std::string topic, file = "-";
  InputFormat format = InputFormat::lines;
  KeyRule key;
  std::optional<double> rate;  // records a second
  std::optional<std::uint64_t> timeout_ns;
  std::uint32_t schema = 0;
  std::string subject;        // encode JSON by its contract
  std::uint32_t version = 0;  // 0: the latest
  bool once = false, take_over = false, quiet = false;
};

struct Count {
  std::uint64_t records = 0, bytes = 0;
  void add(std::size_t payload_bytes) noexcept {
    ++records;
    bytes += payload_bytes;
  }
};

// A schedule of equal distances from the start: whoever falls behind catches up, so the rate does not drift.
class Pace {
 public:
  Pace(std::optional<double> rate, std::uint64_t start_ns)
      : interval_ns_(rate ? 1e9 / *rate : 0), start_ns_(start_ns) {}
  void wait(std::uint64_t record) const {
    if (interval_ns_ == 0) return;
    const auto due = start_ns_ + static_cast<std::uint64_t>(interval_ns_ * static_cast<double>(record));
    const timespec time{static_cast<time_t>(due / kSecond), static_cast<long>(due % kSecond)};
    while (!interrupted() && ipc::monotonic_ns() < due) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
  }

 private:
  double interval_ns_;
  std::uint64_t start_ns_;
};

// How JSON becomes payloads: a version of a subject.
struct Contract {
  contract::Registered registered;
  std::shared_ptr<const contract::Schema> schema;  // null: there is none, records go out as they are
};

// Publishes the records of one input and keeps count.
class Publication {
 public:
  Publication(Producer& producer, Input& input, const Arguments& arguments, const Context& context, Contract contract)
      : producer_(&producer),
        contract_(std::move(contract)),
        input_(&input),
        arguments_(&arguments),
        directory_(directory_of(context)),
        json_(context.json),
        reader_(input, arguments.format, arguments.key, most_bytes(producer)),
        start_ns_(ipc::monotonic_ns()),
        partitions_(producer.topic().partitions()) {}

  int run();

 private:
  static std::uint64_t most_bytes(Producer& producer) { return producer.publisher(0).max_payload_bytes(); }
  Published publish_waiting();
  Published try_within(std::uint64_t timeout_ns);
  void complain(std::uint32_t partition, std::uint64_t waited_ns, bool arena) const;
  std::string who_blocks(std::uint32_t partition) const;
  int explain(const Published& result) const;
  void show_progress();
  void clear_progress();
  void summarise(bool complete);
  void print_summary(bool complete, std::uint64_t took_ns) const;

  std::string encode();

  Producer* producer_;
  Contract contract_;
  std::vector<std::byte> encoded_;  // the record at hand, by its contract
  Input* input_;
  const Arguments* arguments_;
  std::string directory_;
  bool json_;
  RecordReader reader_;
  std::uint64_t start_ns_, shown_ns_ = 0;
  Count published_;
  std::uint64_t repeated_ = 0;  // were there already
  std::vector<Count> partitions_;
};

int Publication::run() {
  const Pace pace(arguments_->rate, start_ns_);
  int code = kOk;
  while (code == kOk && reader_.next()) {
    if (auto fault = encode(); !fault.empty()) {
      clear_progress();
      code = fail(kFailed, fmt::format("{}: {}: {}", printable(input_->name()), reader_.place(), fault),
                  fmt::format("evf schema show {} says what it has to be; what came before it is published",
                              printable(contract_.registered.subject)));
      break;
    }
    pace.wait(published_.records + repeated_);
    if (interrupted()) break;
    const auto result = publish_waiting();
    if (result.repeated) {
      ++repeated_;
    } else if (result || result.outcome == PublishOutcome::sync_failed) {
      published_.add(reader_.payload().size());
      if (result.partition >= partitions_.size()) partitions_.resize(producer_->topic().partitions());  // the topic has grown
      partitions_[result.partition].add(reader_.payload().size());
    }
    if (result) {
      if (arguments_->rate || published_.records % 256 == 0) show_progress();
    } else {
      clear_progress();
      code = interrupted() ? kFailed : explain(result);
    }
  }
  clear_progress();
  if (code == kOk && !reader_.fault().empty())
    code = fail(kFailed, fmt::format("{}: {}", printable(input_->name()), reader_.fault()),
                "what came before it is published");
  if (code == kOk && interrupted()) code = fail(kFailed, "interrupted", "what was read before is published");
  summarise(code == kOk);
  return code;
}

// Why the record at hand does not keep its contract; empty: it does.
std::string Publication::encode() {
  if (!contract_.schema) return {};
  auto encoded = contract_.schema->from_json(reader_.payload());
  if (!encoded) return encoded.error().message;
  encoded_ = std::move(*encoded);
  return {};
}

// The record at hand; 0: without waiting.
Published Publication::try_within(std::uint64_t timeout_ns) {
  const auto key = as_bytes(reader_.key());
  const auto payload = contract_.schema ? std::span<const std::byte>(encoded_) : as_bytes(reader_.payload());
  const auto id = contract_.schema ? contract_.registered.id : arguments_->schema;
  const auto* event = reader_.event();
  if (event == nullptr && reader_.id().empty()) return producer_->publish_within(key, payload, timeout_ns, id);
  if (event == nullptr) return producer_->publish_within(key, payload, timeout_ns, {.id = reader_.id()}, id);
  const auto schema = event->schema() != 0 && !contract_.schema ? event->schema() : id;
  return producer_->publish_within(key, payload, timeout_ns, event->attributes(), schema);
}

// Waits out back-pressure for as long as --timeout says, and says who is to blame.
Published Publication::publish_waiting() {
  auto result = try_within(0);
  const auto blocked = [&] {
    return result.outcome == PublishOutcome::back_pressure || result.outcome == PublishOutcome::arena_full ||
           result.outcome == PublishOutcome::moved || result.outcome == PublishOutcome::refused;
  };
  if (!blocked()) return result;
  const auto timeout = arguments_->timeout_ns.value_or(std::numeric_limits<std::uint64_t>::max());
  const auto began = ipc::monotonic_ns();
  auto complain_at = kFirstComplaint;
  for (std::uint64_t waited = 0; blocked() && waited < timeout && !interrupted();
       waited = ipc::monotonic_ns() - began) {
    if (waited >= complain_at && result.outcome != PublishOutcome::refused) {
      clear_progress();
      complain(result.partition, waited, result.outcome == PublishOutcome::arena_full);
      complain_at = waited + kNextComplaint;
    }
    result = try_within(std::min(kWaitSlice, timeout - waited));
  }
  return result;
}

std::string Publication::who_blocks(std::uint32_t partition) const {
  const auto blame = producer_->blame(partition);
  if (blame.cursor.empty()) return "nobody that is known";
  const auto owner = blame.owner == 0 ? "nobody reads for it" : "read by " + Owners(directory_).cell(blame.owner).text;
  return fmt::format("group '{}' at sequence {} ({})", printable(blame.cursor), format_count(blame.position), owner);
}

void Publication::complain(std::uint32_t partition, std::uint64_t waited_ns, bool arena) const {
  note(fmt::format("waiting for {}: {} of partition {} is full, held by {}; see evf lag {}", format_duration(waited_ns),
                   arena ? "the arena" : "the ring", partition, who_blocks(partition), arguments_->topic));
}

int Publication::explain(const Published& result) const {
  const auto where = fmt::format("{}: {}", printable(input_->name()), reader_.place());
  switch (result.outcome) {
    case PublishOutcome::back_pressure:
    case PublishOutcome::arena_full:
      return fail(kFailed,
                  fmt::format("{} was not published within {}: partition {} is held by {}", where,
                              format_duration(*arguments_->timeout_ns), result.partition, who_blocks(result.partition)),
                  fmt::format("see evf lag {}", arguments_->topic));
    case PublishOutcome::refused:
      return fail(kFailed,
                  fmt::format("{}: another publisher was publishing the same id for {}", where,
                              format_duration(*arguments_->timeout_ns)),
                  "try again");
    case PublishOutcome::too_large:
      if (reader_.key().size() > kMaxKeyBytes)
        return fail(kFailed, fmt::format("{}: its key has {}", where, plural(reader_.key().size(), "byte")),
                    fmt::format("a key has at most {}", plural(kMaxKeyBytes, "byte")));
      if (reader_.id().size() > kMaxIdBytes)
        return fail(kFailed, fmt::format("{}: its id has {}", where, plural(reader_.id().size(), "byte")),
                    fmt::format("an id has at most {}", plural(kMaxIdBytes, "byte")));
      return fail(
          kFailed,
          fmt::format("{}: {} and the {} do not fit the topic's {}", where, plural(reader_.payload().size(), "byte"),
                      reader_.event() ? "attributes" : "key", plural(most_bytes(*producer_), "byte")),
          "create the topic with a larger --slot-bytes or an --arena-bytes");
    case PublishOutcome::fenced:
      return fail(kFailed, fmt::format("{}: another publisher took partition {} over", where, result.partition),
                  "stop it, or start again with --take-over");
    case PublishOutcome::sync_failed:
      return fail(kFailed, fmt::format("{} is published, but the device reported an error", where), "check the disk");
    case PublishOutcome::moved:
      return producer_->trouble() ? fail(*producer_->trouble())
                                  : fail(kFailed, fmt::format("{}: {}", where, to_string(result.outcome)), "start again");
    case PublishOutcome::damaged:
      return fail(kCorrupt, fmt::format("{}: the control words of partition {} make no sense", where, result.partition),
                  fmt::format("run evf fsck {}", arguments_->topic));
    default:
      return fail(kFailed, fmt::format("{}: {}", where, to_string(result.outcome)), "re-create the topic");
  }
}

void Publication::show_progress() {
  if (arguments_->quiet || !is_terminal(STDERR_FILENO)) return;
  const auto now = ipc::monotonic_ns();
  if (now - start_ns_ < kShowProgressAfter || now - shown_ns_ < kProgressEvery) return;
  shown_ns_ = now;
  const auto rate = static_cast<double>(published_.records) * 1e9 / static_cast<double>(now - start_ns_);
  auto line = fmt::format("\r\033[K{}  {}  {}/s", plural(published_.records, "record"), format_bytes(published_.bytes),
                          format_count(static_cast<std::uint64_t>(rate)));
  if (input_->total_bytes() != 0)
    line += fmt::format("  {:.0f}%", 100.0 * static_cast<double>(input_->consumed_bytes()) /
                                         static_cast<double>(input_->total_bytes()));
  Output errors(STDERR_FILENO);
  errors.write(line);
  errors.flush();
}

void Publication::clear_progress() {
  if (shown_ns_ == 0) return;
  shown_ns_ = 0;
  Output errors(STDERR_FILENO);
  errors.write("\r\033[K");
  errors.flush();
}

void Publication::summarise(bool complete) {
  const auto took = std::max<std::uint64_t>(1, ipc::monotonic_ns() - start_ns_);
  if (json_) return print_summary(complete, took);
  if (arguments_->quiet && complete) return;
  const auto rate = static_cast<double>(published_.records) * 1e9 / static_cast<double>(took);
  const auto there =
      arguments_->once ? fmt::format("; {} there already", repeated_ == 1 ? "1 was" : format_count(repeated_) + " were")
                       : "";
  note(fmt::format("published {} ({}) to {} in {}, {}/s{}", plural(published_.records, "record"),
                   format_bytes(published_.bytes), arguments_->topic, format_duration(took),
                   format_count(static_cast<std::uint64_t>(rate)), there));
}

void Publication::print_summary(bool complete, std::uint64_t took_ns) const {
  Json partitions = Json::array();
  for (std::size_t i = 0; i < partitions_.size(); ++i)
    partitions.push_back({{"partition", i}, {"records", partitions_[i].records}, {"bytes", partitions_[i].bytes}});
  print_json(Json{{"schema", "evf.pub/1"},
                  {"topic", arguments_->topic},
                  {"complete", complete},
                  {"records", published_.records},
                  {"repeated", repeated_},
                  {"bytes", published_.bytes},
                  {"seconds", static_cast<double>(took_ns) / 1e9},
                  {"partitions", std::move(partitions)}});
}

int check_schema(const Arguments& arguments) {
  if (arguments.schema <= kMaxSchema) return kOk;
  return fail(kUsage, fmt::format("--schema {} does not fit 24 bits", arguments.schema),
              fmt::format("use 0 to {}", kMaxSchema));
}

int check_subject(const Arguments& arguments) {
  if (arguments.subject.empty())
    return arguments.version == 0 ? kOk : fail(kUsage, "--schema-version goes with --subject", "see evf pub --help");
  if (arguments.format != InputFormat::ndjson && arguments.format != InputFormat::cloudevents)
    return fail(kUsage, "--subject needs JSON to encode", "use --format ndjson or cloudevents");
  return arguments.schema == 0
             ? kOk
             : fail(kUsage, "--schema and --subject exclude each other", "the subject has its schema id");
}

// Decided before a publisher line is taken.
Result<Contract> find_contract(const Fabric& fabric, const Arguments& arguments) {
  if (arguments.subject.empty()) return Contract{};
  const auto registry = contract::Registry::open(fabric, formats());
  if (!registry) return registry.error();
  auto registered = arguments.version == 0 ? registry->latest(arguments.subject)
                                           : registry->version(arguments.subject, arguments.version);
  if (!registered) return registered.error();
  const auto schema = registry->schema(*registered);
  if (!schema) return schema.error();
  const auto attached = contract::attach_schema(*registry, arguments.subject, **schema, {.register_new = false});
  if (!attached) return attached.error();
  const auto why = contract::explain(*attached, arguments.subject);
  if (!contract::may_write(attached->standing)) return ipc::make_error(ErrorCode::incompatible, why);
  if (!why.empty()) note(why);
  return Contract{attached->schema, *schema};
}

int check_key(const Arguments& arguments) {
  const auto& key = arguments.key;
  const bool lines = arguments.format == InputFormat::lines;
  if (arguments.format == InputFormat::cloudevents && (!key.field.empty() || !key.constant.empty()))
    return fail(kUsage, "--key and --key-field have no meaning for --format cloudevents",
                "the key is the event's subject");
  if (!key.field.empty() && arguments.format == InputFormat::length_prefixed)
    return fail(kUsage, "--key-field has no meaning for --format length-prefixed", "use --key, or another format");
  if (key.integer && key.field.empty() && key.constant.empty())
    return fail(kUsage, "--key-type int goes with --key or --key-field", "see evf pub --help");
  if (key.integer && key.field.empty() && !integer_key(key.constant))
    return fail(kUsage, fmt::format("--key '{}' is no integer of 64 bits", printable(key.constant)),
                "write -9223372036854775808 to 18446744073709551615, or use --key-type text");
  if (key.separator && (!lines || (key.field.empty() && key.id_field.empty())))
    return fail(kUsage, "--separator goes with --key-field or --id-field, and --format lines", "see evf pub --help");
  if (key.separator && key.separator->empty())
    return fail(kUsage, "--separator is empty", "name at least one character");
  for (const auto& [option, field] : {std::pair("--key-field", key.field), std::pair("--id-field", key.id_field)}) {
    const bool number = field.find_first_not_of("0123456789") == std::string::npos && field.size() < 10;
    if (lines && !field.empty() && (!number || std::stoul(field) == 0))
      return fail(kUsage, fmt::format("{} '{}' is no field number", option, printable(field)),
                  "count fields of lines from 1, or use --format ndjson for a path");
  }
  return kOk;
}

int check_id(const Arguments& arguments) {
  const bool events = arguments.format == InputFormat::cloudevents;
  if (!arguments.key.id_field.empty() && arguments.format != InputFormat::ndjson &&
      arguments.format != InputFormat::lines)
    return fail(kUsage, "--id-field goes with --format ndjson or lines",
                events ? "a CloudEvent has its id" : "see evf pub --help");
  if (arguments.once && !events && arguments.key.id_field.empty())
    return fail(kUsage, "--once needs events with ids", "name the field with --id-field, or use --format cloudevents");
  return kOk;
}

int publish(const Context& context, const Arguments& arguments) {
  if (const int code = check_key(arguments); code != kOk) return code;
  if (const int code = check_id(arguments); code != kOk) return code;
  if (const int code = check_schema(arguments); code != kOk) return code;
  if (const int code = check_subject(arguments); code != kOk) return code;
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  auto input = Input::open(arguments.file);  // before a publisher line is taken
  if (!input) return fail(input.error());
  if (const auto topic = open_topic(*fabric, arguments.topic, ipc::Access::read_only); !topic)
    return fail(topic.error());
  auto contract = find_contract(*fabric, arguments);
  if (!contract) return fail(contract.error());
  auto producer =
      Producer::open(*fabric, arguments.topic, {.take_over = arguments.take_over, .idempotent = arguments.once});
  if (!producer) return fail(producer.error());
  if (arguments.file == "-" && is_terminal(STDIN_FILENO) && !arguments.quiet)
    note("reading from the terminal; end with Ctrl-D");
  return Publication(*producer, *input, arguments, context, std::move(*contract)).run();
}

void add_options(CLI::App& sub, Arguments& arguments) {
  sub.add_option("TOPIC", arguments.topic, "The topic")->required();
  sub.add_option("FILE", arguments.file, "Input; '-' is standard input (-)");
  add_choice<InputFormat>(sub, "-f,--format", arguments.format,
                          {{"lines", InputFormat::lines},
                           {"ndjson", InputFormat::ndjson},
                           {"cloudevents", InputFormat::cloudevents},
                           {"length-prefixed", InputFormat::length_prefixed}},
                          "What a record is (lines)");
  auto* constant = sub.add_option("--key", arguments.key.constant, "One key for all records")->type_name("KEY");
  sub.add_option("--key-field", arguments.key.field,
                 "Where the key is: a path in NDJSON (a.b), a field of lines (from 1)")
      ->type_name("FIELD")
      ->excludes(constant);
  sub.add_option("--id-field", arguments.key.id_field, "Where the event's id is, likewise")->type_name("FIELD");
  sub.add_flag("--once", arguments.once, "Leave out what the topic retains already, by its id");
  add_choice<bool>(sub, "--key-type", arguments.key.integer, {{"text", false}, {"int", true}},
                   "What the keys are: text as it stands, or integers, which are other keys (text)");
  sub.add_option("--separator", arguments.key.separator, "Between the fields of a line (blanks)")->type_name("TEXT");
  sub.add_option_function<std::string>(
         "--rate",
         [&arguments](const std::string& text) {
           arguments.rate = parse_rate(text);
           if (!arguments.rate) refuse_value("--rate", "'" + text + "' is no rate; write 1000/s, 50k/s or 10/m");
         },
         "Records a second, without drift (as fast as possible)")
      ->type_name("N/s");
  add_count(sub, "--schema", arguments.schema, "Schema number of all records, 0 to 16777215 (0)")->type_name("ID");
  sub.add_option("--subject", arguments.subject, "Encode JSON by the contract of this subject: evf schema list")
      ->type_name("SUBJECT");
  add_count(sub, "--schema-version", arguments.version, "Of the subject (the latest)");
  add_duration(sub, "--timeout", arguments.timeout_ns, "Give up when a record has waited that long (never)");
  sub.add_flag("--take-over", arguments.take_over, "One-writer topics: take the lease from a live publisher");
  sub.add_flag("-q,--quiet", arguments.quiet, "No progress and no summary");
}

}  // namespace

void add_pub(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(
      app, context,
      {.name = "pub",
       .description = "Publish records from standard input or a file.",
       .details = "Formats:\n"
                  "  lines            each line is a record; an empty line is an empty record\n"
                  "  ndjson           each line is checked to be JSON and published as it stands\n"
                  "  cloudevents      each line is a structured CloudEvent in JSON, or all is an\n"
                  "                   array of them: data is the payload, subject the key\n"
                  "  length-prefixed  4 bytes little-endian, then as many bytes of payload\n\n"
                  "The key picks the partition and keeps the order of its records. When a group holds\n"
                  "the topic up, pub waits and says for whom. Whatever it counts as published is seen by\n"
                  "every group, whatever happens to pub afterwards.\n\n"
                  "With --subject, JSON is checked and encoded by that contract (evf schema list);\n"
                  "a deprecated one warns, one after its sunset is refused.\n\n"
                  "With --once, input may be published again after a failure: events whose ids are in\n"
                  "their partition already are counted as repeated, and left out.\n\n"
                  "--json prints one object at the end, also after a failure: topic, complete (all of\n"
                  "the input was published), records, repeated, bytes, seconds, and the counts of each partition.\n"
                  "Bytes are those of the payloads.",
       .examples = "  evf pub packages /var/log/dpkg.log --key-field 4\n"
                   "  evf pub orders --format ndjson --key-field customer.id < orders.ndjson\n"
                   "  evf tail orders --cloudevents | evf pub --dir DIR orders -f cloudevents\n"
                   "  evf pub orders o.ndjson -f ndjson --subject shop.placed --key-field id\n"
                   "  evf pub orders o.ndjson -f ndjson --id-field id --once\n"
                   "  evf pub orders --schema 7 --json < orders.txt | jq .records\n"
                   "  journalctl -f | evf pub journal --rate 1000/s",
       .json = true},
      [&context, arguments] { return publish(context, *arguments); });
  add_options(*sub, *arguments);
}

}  // namespace fabric::evf
