#pragma once
// What `evf pub` reads: lines, NDJSON, CloudEvents, or length-prefixed records, from a file or standard input, and the
// key of each. Not thread-safe. Reading blocks, and ends when the run is interrupted.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/event/cloud_event.hpp"
#include "ipc/result.hpp"
#include "tools/evf/terminal.hpp"

namespace fabric::evf {

enum class InputFormat : std::uint8_t {
  lines,        // each line is a record, without its newline; an empty line is an empty record
  ndjson,       // each line is a JSON value, published as it stands; blank lines are skipped
  cloudevents,  // structured CloudEvents in JSON, one a line; or an array of them, which is read whole before the first
                // goes out
  length_prefixed,  // 4 bytes little-endian, then as many bytes of payload
};

// A file descriptor read in large pieces.
class Input {
 public:
  // "-": standard input. Errors: not_found, permission, invalid_argument (a directory), system.
  static ipc::Result<Input> open(const std::string& path);
  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;
  ~Input();

  const std::string& name() const noexcept { return name_; }
  std::uint64_t total_bytes() const noexcept { return total_bytes_; }  // 0: unknown
  std::uint64_t consumed_bytes() const noexcept { return consumed_; }
  int error() const noexcept { return error_; }

  // Up to the next newline, which is consumed and left out. nullopt: the end, or a failure. A longer line is returned
  // cut off at `most` + 1 bytes. Valid until the next call.
  std::optional<std::string_view> line(std::size_t most);
  // Exactly `bytes`, or what is left before the end. Valid until the next call.
  std::string_view take(std::size_t bytes);

 private:
  Input(int descriptor, std::string name, std::uint64_t total_bytes);
  bool fill(std::size_t wanted);

  int descriptor_;
  std::string name_;
  std::uint64_t total_bytes_, consumed_ = 0;
  int error_ = 0;
  bool ended_ = false;
  std::vector<char> buffer_;
  std::size_t first_ = 0, last_ = 0;  // what is in the buffer
};

struct KeyRule {
  std::string constant;                  // --key
  std::string field;                     // --key-field: a dotted path (NDJSON) or a field number from 1 (lines)
  std::optional<std::string> separator;  // of lines; none: blanks
  std::string id_field;                  // --id-field: likewise, of the event's id; empty: it has none of its own
  bool integer = false;                  // --key-type int: the key found is a number, and goes as event/key.hpp says
};

// The bytes of an integer key, from -2^63 to 2^64 - 1 in decimal. nullopt: it is none.
std::optional<std::string> integer_key(std::string_view digits);

class RecordReader {
 public:
  RecordReader(Input& input, InputFormat format, KeyRule key, std::uint64_t most_bytes)
      : input_(&input), format_(format), key_rule_(std::move(key)), most_bytes_(static_cast<std::size_t>(most_bytes)) {}

  // The next record into payload() and key(). False: the end, or a failure that fault() names.
  bool next();
  std::string_view payload() const noexcept { return payload_; }
  std::string_view key() const noexcept { return key_; }
  std::string_view id() const noexcept { return id_; }  // by --id-field
  // Of a CloudEvent: what goes along with key and payload, until the next call; nullptr in other formats.
  const OutgoingEvent* event() const noexcept { return event_ ? &event_->outgoing : nullptr; }
  const std::string& fault() const noexcept { return fault_; }
  std::string place() const;  // "line 17", "record 17" or "event 17" of the input

 private:
  // Views into the CloudEvent beside it.
  struct Taken {
    explicit Taken(CloudEvent from) : whole(std::move(from)) {}
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    CloudEvent whole;
    OutgoingEvent outgoing{};
  };

  bool next_line();
  bool next_event();
  bool next_of_batch();
  bool read_batch(std::string text);
  bool take(CloudEvent event);
  bool next_prefixed();
  bool find_key();
  bool find_text_key();
  bool find_column(const std::string& field, std::string& found);
  bool find_members();
  bool find_member(const Json& value, const std::string& field, const char* what, std::string& found);
  bool refuse(const std::string& why);

  Input* input_;
  InputFormat format_;
  KeyRule key_rule_;
  std::size_t most_bytes_;
  std::uint64_t number_ = 0;
  std::string_view payload_;
  std::string key_, id_, fault_;
  std::optional<Taken> event_;
  std::optional<std::vector<CloudEvent>> batch_;  // a JSON array; otherwise lines
};

}  // namespace fabric::evf
