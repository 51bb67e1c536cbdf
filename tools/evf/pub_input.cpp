#include "fabric/event/key.hpp"
#include "tools/evf/pub_input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "fabric/event/key.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;
// A JSON text beside its payload of so many bytes: attributes, escapes, base64.
constexpr std::size_t kMaxAttributesBytes = std::size_t{1} << 20;

bool is_blank(std::string_view line) noexcept { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

// Field `number` (from 1) of a line, as awk counts them, or between separators.
std::optional<std::string_view> column(std::string_view line, std::size_t number,
                                       const std::optional<std::string>& separator) {
  while (true) {
    if (!separator) line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const auto end = separator ? line.find(*separator) : line.find_first_of(" \t");
    if (--number == 0) return line.empty() && !separator ? std::nullopt : std::optional(line.substr(0, end));
    if (end == std::string_view::npos) return std::nullopt;
    line.remove_prefix(end + (separator ? separator->size() : 1));
  }
}

}  // namespace

Input::Input(int descriptor, std::string name, std::uint64_t total_bytes)
    : descriptor_(descriptor), name_(std::move(name)), total_bytes_(total_bytes), buffer_(kReadBytes) {}

Input::Input(Input&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      total_bytes_(other.total_bytes_),
      consumed_(other.consumed_),
      error_(other.error_),
      ended_(other.ended_),
      buffer_(std::move(other.buffer_)),
      first_(other.first_),
      last_(other.last_) {}

Input::~Input() {
  if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

ipc::Result<Input> Input::open(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  const int descriptor = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return ipc::system_error("open " + printable(path), errno);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return ipc::system_error("read " + printable(name), errno);
  Input input(descriptor, name, S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0);
  if (S_ISDIR(status.st_mode))
    return ipc::make_error(ipc::ErrorCode::invalid_argument, printable(name) + " is a directory; name a file in it");
  return input;
}

// Makes at least `wanted` bytes available, if there are as many. False: there are not.
bool Input::fill(std::size_t wanted) {
  if (first_ != 0 && first_ + wanted > buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + first_, last_ - first_);
    last_ -= first_;
    first_ = 0;
  }
  if (wanted > buffer_.size()) buffer_.resize(std::max(wanted, buffer_.size() * 2));
  while (last_ - first_ < wanted && !ended_) {
    const auto got = ::read(descriptor_, buffer_.data() + last_, buffer_.size() - last_);
    if (got > 0) {
      last_ += static_cast<std::size_t>(got);
    } else if (got == 0 || interrupted()) {
      ended_ = true;
    } else if (errno != EINTR) {
      error_ = errno;
      ended_ = true;
    }
  }
  return last_ - first_ >= wanted;
}

std::optional<std::string_view> Input::line(std::size_t most) {
  std::size_t searched = 0;
  while (true) {
    const auto* begin = buffer_.data() + first_;
    const auto available = last_ - first_;
    const auto* newline = static_cast<const char*>(std::memchr(begin + searched, '\n', available - searched));
    const auto length = newline != nullptr ? static_cast<std::size_t>(newline - begin) : available;
    const bool too_long = length > most;
    if (newline == nullptr && !too_long && fill(available + 1)) {
      searched = available;
      continue;
    }
    begin = buffer_.data() + first_;  // fill() may have moved it
    if (newline == nullptr && available == 0) return std::nullopt;
    const auto shown = too_long ? most + 1 : length;
    const auto consumed = shown + (newline != nullptr && !too_long ? 1 : 0);
    first_ += consumed;
    consumed_ += consumed;
    return std::string_view(begin, shown);
  }
}

std::string_view Input::take(std::size_t bytes) {
  fill(bytes);
  const auto count = std::min(bytes, last_ - first_);
  const std::string_view taken(buffer_.data() + first_, count);
  first_ += count;
  consumed_ += count;
  return taken;
}

std::string RecordReader::place() const {
  const auto* unit = format_ == InputFormat::length_prefixed ? "record" : batch_ ? "event" : "line";
  return fmt::format("{} {}", unit, number_);
}

bool RecordReader::refuse(const std::string& why) {
  fault_ = fmt::format("{} {}", place(), why);
  return false;
}

bool RecordReader::next() {
  const bool found = format_ == InputFormat::length_prefixed ? next_prefixed()
                     : format_ == InputFormat::cloudevents   ? next_event()
                                                             : next_line();
  if (input_->error() != 0 && fault_.empty())
    fault_ = fmt::format("cannot read on after {}: {}", place(), std::strerror(input_->error()));
  // What was cut off by an interruption is no record.
  return found && fault_.empty() && !interrupted() && find_key();
}

bool RecordReader::next_line() {
  while (true) {
    const auto line = input_->line(most_bytes_);
    if (!line) return false;
    ++number_;
    if (line->size() > most_bytes_)
      return refuse(fmt::format("has more than {}, which is all this topic takes", plural(most_bytes_, "byte")));
    if (format_ == InputFormat::ndjson && is_blank(*line)) continue;
    payload_ = *line;
    return true;
  }
}

bool RecordReader::next_event() {
  if (batch_) return next_of_batch();
  const auto most = most_bytes_ * 6 + kMaxAttributesBytes;  // \\u0000 is a byte
  std::string blank;                                        // so that places in a batch count from the top
  while (const auto line = input_->line(number_ == blank.size() ? std::max(most, kMaxBatchBytes) : most)) {
    ++number_;
    const auto first = line->find_first_not_of(" \t\r");
    if (first == std::string_view::npos) {
      blank += '\n';
      continue;
    }
    if (line->at(first) == '[' && number_ == blank.size() + 1) return read_batch(blank + std::string(*line));
    if (line->size() > most) return refuse(fmt::format("has more than {}", plural(most, "byte")));
    auto event = cloud_event_from_json(*line);
    if (event) return take(std::move(*event));
    const auto& message = event.error().message;  // "line 1, column 5: ..."
    fault_ = place() + message.substr(std::min(message.find(','), message.size()));
    return false;
  }
  return false;
}

bool RecordReader::read_batch(std::string text) {
  while (const auto line = input_->line(kMaxBatchBytes)) {
    text += '\n';
    text += *line;
    if (text.size() <= kMaxBatchBytes) continue;
    return refuse(
        fmt::format("begins an array of more than {}; write one event a line instead", format_bytes(kMaxBatchBytes)));
  }
  auto events = cloud_events_from_json(text);
  if (!events) {
    fault_ = events.error().message;
    return false;
  }
  batch_ = std::move(*events);
  number_ = 0;
  return next_of_batch();
}

bool RecordReader::next_of_batch() {
  if (number_ == batch_->size()) return false;
  return take(std::move(batch_->at(static_cast<std::size_t>(number_++))));
}

bool RecordReader::take(CloudEvent event) {
  event_.emplace(std::move(event));
  auto outgoing = OutgoingEvent::of(event_->whole);
  if (!outgoing) return refuse("cannot be a record: " + outgoing.error().message);
  event_->outgoing = std::move(*outgoing);
  payload_ = as_text(event_->outgoing.payload());
  return true;
}

bool RecordReader::next_prefixed() {
  const auto prefix = input_->take(4);
  if (prefix.empty()) return false;
  ++number_;
  if (prefix.size() < 4) return refuse(fmt::format("is cut off: its length has {} of 4 bytes", prefix.size()));
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, prefix.data(), 4);
  if (bytes > most_bytes_)
    return refuse(fmt::format("announces {}; this topic takes {}: is the input length-prefixed?", plural(bytes, "byte"),
                              format_count(most_bytes_)));
  payload_ = input_->take(bytes);
  if (payload_.size() == bytes) return true;
  return refuse(fmt::format("is cut off: {} of {} are there", format_count(payload_.size()), plural(bytes, "byte")));
}

std::optional<std::string> integer_key(std::string_view digits) {
  const auto parse = [&](auto value) -> std::optional<std::string> {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return std::string(IntegerKey(value).text());
  };
  return digits.starts_with('-') ? parse(std::int64_t{}) : parse(std::uint64_t{});
}

bool RecordReader::find_key() {
  if (!find_text_key()) return false;
  if (!key_rule_.integer || (key_rule_.field.empty() && key_rule_.constant.empty())) return true;
  auto bytes = integer_key(key_);
  if (!bytes) return refuse(fmt::format("has the key '{}', which is no integer of 64 bits", printable(key_)));
  key_ = std::move(*bytes);
  return true;
}

bool RecordReader::find_text_key() {
  if (format_ == InputFormat::cloudevents) {
    key_ = as_text(event_->outgoing.key());
    return true;
  }
  key_ = key_rule_.constant;
  if (format_ == InputFormat::ndjson) return find_members();
  return (key_rule_.field.empty() || find_column(key_rule_.field, key_)) &&
         (key_rule_.id_field.empty() || find_column(key_rule_.id_field, id_));
}

bool RecordReader::find_column(const std::string& field, std::string& found) {
  std::size_t number = 0;
  std::from_chars(field.data(), field.data() + field.size(), number);
  const auto text = column(payload_, number, key_rule_.separator);
  if (!text) return refuse(fmt::format("has no field {}", field));
  found.assign(*text);
  return true;
}

// Also checks that the line is JSON.
bool RecordReader::find_members() {
  const auto no_json = [&] { return refuse("is not JSON: " + printable(payload_.substr(0, 40))); };
  if (key_rule_.field.empty() && key_rule_.id_field.empty()) return Json::accept(payload_) || no_json();
  const auto value = Json::parse(payload_, nullptr, false);
  if (value.is_discarded()) return no_json();
  return (key_rule_.field.empty() || find_member(value, key_rule_.field, "key", key_)) &&
         (key_rule_.id_field.empty() || find_member(value, key_rule_.id_field, "id", id_));
}

bool RecordReader::find_member(const Json& value, const std::string& field, const char* what, std::string& found) {
  const auto* at = &value;
  std::string_view path = field;
  while (at != nullptr) {
    const auto dot = path.find('.');
    const auto member = at->is_object() ? at->find(std::string(path.substr(0, dot))) : at->end();
    at = at->is_object() && member != at->end() ? &*member : nullptr;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  if (at == nullptr || at->is_null() || at->is_structured())
    return refuse(fmt::format("has no text, number or boolean at '{}' for its {}", printable(field), what));
  found = at->is_string() ? at->get<std::string>() : at->dump();
  return true;
}

}  // namespace fabric::evf
