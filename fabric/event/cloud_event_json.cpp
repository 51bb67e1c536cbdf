// CloudEvents' JSON Event Format 1.0.2.

#include <algorithm>
#include <boost/json/value.hpp>
#include <limits>

#include "fabric/event/cloud_event.hpp"
#include "fabric/json.hpp"

namespace fabric {
namespace {

// A member of an object, as it stands in the text.
struct Member {
  std::string name;
  std::size_t at = 0;      // where its name begins in the text
  std::string_view value;  // the text of its value
};

// Walks text that is known to be JSON: the values in it by their text, which keeps data byte for byte.
class Walker {
 public:
  explicit Walker(std::string_view text) noexcept : text_(text) {}

  void space() noexcept {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  char peek() noexcept {
    space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  std::size_t at() const noexcept { return at_; }
  bool take(char wanted) noexcept {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  // The text of the value that comes next.
  std::string_view value() noexcept {
    space();
    const auto start = at_;
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '"')
        string();
      else if (c == '{' || c == '[')
        ++depth, ++at_;
      else if (c == '}' || c == ']')
        --depth, ++at_;
      else if (c == ',' || c == ':')
        ++at_;
      else
        scalar();
    } while (depth != 0 && at_ < text_.size());
    return text_.substr(start, at_ - start);
  }

 private:
  void string() noexcept {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  }
  void scalar() noexcept {
    const auto start = at_;
    while (at_ < text_.size() && std::string_view(",:]}[{\" \t\r\n").find(text_[at_]) == std::string_view::npos) ++at_;
    if (at_ == start) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unquoted(std::string_view text) {
  const auto parsed = json::parse(text);
  return parsed && parsed->is_string() ? std::string(parsed->get_string()) : std::string();
}

// One object of the text becomes a CloudEvent.
class EventReader {
 public:
  // `text`: all of the document; `offset`: of the object in it; `prefix`: of messages.
  EventReader(std::string_view text, std::size_t offset, std::string prefix)
      : text_(text), offset_(offset), prefix_(std::move(prefix)) {}

  Result<CloudEvent> read(std::string_view object) {
    Walker walker(object);
    if (!walker.take('{')) return refuse(0, "an event is a JSON object");
    if (walker.peek() != '}') do {
        walker.space();
        const auto at = walker.at();
        auto name = unquoted(walker.value());
        walker.take(':');
        members_.push_back({std::move(name), at, walker.value()});
      } while (walker.take(','));
    for (const auto& member : members_)
      if (auto taken = take(member); !taken) return taken.error();
    if (auto complete = complete_event(); !complete) return complete.error();
    return std::move(event_);
  }

 private:
  ipc::Error refuse(std::size_t at, const std::string& why) const {
    const auto before = text_.substr(0, offset_ + at);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto start = before.rfind('\n') + 1;  // 0 on the first line: npos + 1
    return ipc::make_error(ErrorCode::invalid_argument, "line " + std::to_string(line) + ", column " +
                                                            std::to_string(before.size() - start + 1) + ": " + prefix_ +
                                                            why);
  }
  ipc::Error refuse(const Member& member, const std::string& why) const {
    return refuse(member.at, "attribute '" + member.name + "': " + why);
  }
  const Member* find(std::string_view name) const noexcept {
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& m) { return m.name == name; });
    return found == members_.end() ? nullptr : &*found;
  }

  Result<void> take(const Member& member) {
    if (member.name == "data") return {};  // once datacontenttype is known
    const auto value = json::parse(member.value);
    if (!value) return refuse(member, value.error().message);
    if (value->is_null()) return {};  // as if it were absent
    if (member.name == "specversion" || member.name == "data_base64" || is_reserved_name(member.name)) {
      if (!value->is_string()) return refuse(member, "it has to be a string");
      return take_core(member, std::string(value->get_string()));
    }
    if (auto checked = check_name(member.name); !checked) return refuse(member.at, checked.error().message);
    return take_extension(member, *value);
  }

  Result<void> take_core(const Member& member, std::string text) {
    const auto& name = member.name;
    if (name == "specversion") {
      if (text != "1.0") return refuse(member, "it is '" + text + "'; only 1.0 is known");
      return {};
    }
    if (name == "data_base64") {
      auto decoded = parse_base64(text);
      if (!decoded) return refuse(member, "it is not base64 (RFC 4648)");
      event_.data = std::move(*decoded);
      return {};
    }
    if (text.empty()) return refuse(member, "it is empty; leave it out");
    if (name == "time") {
      const auto time = parse_timestamp(text);
      if (!time) return refuse(member, "'" + text + "' is " + time.error().message);
      event_.time = *time;
      return {};
    }
    (name == "id"           ? event_.id
     : name == "source"     ? event_.source
     : name == "type"       ? event_.type
     : name == "subject"    ? event_.subject
     : name == "dataschema" ? event_.dataschema
                            : event_.datacontenttype) = std::move(text);
    return {};
  }

  Result<void> take_extension(const Member& member, const boost::json::value& value) {
    if (value.is_bool()) return add(member, value.get_bool());
    if (value.is_int64() || value.is_uint64()) {
      using Limits = std::numeric_limits<std::int32_t>;
      if (!value.is_int64() || value.get_int64() < Limits::min() || value.get_int64() > Limits::max())
        return refuse(member, std::string(member.value) + " is no Integer, which has 32 bits");
      return add(member, static_cast<std::int32_t>(value.get_int64()));
    }
    if (value.is_double())
      return refuse(member, std::string(member.value) + " is no Integer, and there are no other numbers");
    if (!value.is_string()) return refuse(member, "it has to be a string, a boolean, an integer or null");
    return take_text(member, std::string(value.get_string()));
  }

  // What is documented has its type; JSON does not say it.
  Result<void> take_text(const Member& member, const std::string& text) {
    const auto& name = member.name;
    if (name == "deprecated" && (text == "true" || text == "false")) return add(member, text == "true");
    if (name == "deprecationfrom" || name == "deprecationsunset") {
      const auto time = parse_timestamp(text);
      if (!time) return refuse(member, "'" + text + "' is " + time.error().message);
      return add(member, *time);
    }
    if (name == "deprecationmigration") return add(member, AttributeView::uri(text));
    if (name != "evfkey") return add(member, text);
    const auto key = parse_base64(text);
    if (!key) return refuse(member, "it is not base64 (RFC 4648)");
    return add(member, as_bytes(*key));
  }

  Result<void> add(const Member& member, const AttributeView& value) {
    event_.set(member.name, value);
    return {};
  }

  Result<void> complete_event() {
    for (const auto* name : {"specversion", "id", "source", "type"})
      if (const auto* member = find(name); member == nullptr || member->value == "null")
        return refuse(0, std::string("attribute '") + name + "': it is required");
    if (auto taken = take_data(); !taken) return taken;
    if (auto checked = check(event_); !checked) {
      const auto& message = checked.error().message;  // "attribute 'NAME': ..."
      const auto start = message.find('\'') + 1;
      const auto* member = find(message.substr(start, message.find('\'', start) - start));
      return refuse(member != nullptr ? member->at : 0, message);
    }
    return {};
  }

  Result<void> take_data() {
    const auto* data = find("data");
    if (data == nullptr) return {};
    if (const auto* base64 = find("data_base64"); base64 != nullptr && base64->value != "null")
      return refuse(data->at, "data: it is there as data_base64 as well; leave one out");
    if (event_.datacontenttype.empty()) event_.datacontenttype = "application/json";
    if (is_json_media_type(event_.datacontenttype)) {
      event_.data = data->value;
      return {};
    }
    const auto value = json::parse(data->value);
    if (!value || !value->is_string())
      return refuse(data->at, "data: of " + event_.datacontenttype + " it has to be a string");
    event_.data = value->get_string();
    return {};
  }

  std::string_view text_;
  std::size_t offset_;
  std::string prefix_;
  std::vector<Member> members_;
  CloudEvent event_;
};

// Whether text is JSON, and still would be one level deeper, as `data`.
bool is_json_inside(const std::string& text) {
  constexpr std::ptrdiff_t kSurelyShallow = 64;
  const auto opened = std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{');
  return json::parse(text) && (opened < kSurelyShallow || json::parse('[' + text + ']'));
}

class JsonWriter {
 public:
  void text(std::string_view name, std::string_view value) { raw(name, json::quote(value)); }
  void raw(std::string_view name, std::string_view value) {
    out_ += out_.empty() ? '{' : ',';
    out_ += json::quote(name);
    out_ += ':';
    out_ += value;
  }
  void optional(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void attributes(const CloudEvent& event) {
    text("specversion", "1.0");
    text("id", event.id);
    text("source", event.source);
    text("type", event.type);
    optional("subject", event.subject);
    if (event.time) text("time", to_string(*event.time));
    optional("dataschema", event.dataschema);
    optional("datacontenttype", event.datacontenttype);
    for (const auto& [name, value] : event.extensions) {
      const bool bare = value.type() == AttributeType::boolean || value.type() == AttributeType::integer;
      bare ? raw(name, to_string(value.view())) : text(name, to_string(value.view()));
    }
  }
  void data(const CloudEvent& event) {
    if (event.data.empty()) return;
    const auto& type = event.datacontenttype;
    if ((type.empty() || is_json_media_type(type)) && is_json_inside(event.data)) {
      auto value = event.data;
      // Between tokens only: in strings they are escaped.
      std::replace_if(
          value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
      raw("data", value);
    } else if (!type.empty() && !is_json_media_type(type) && is_text_media_type(type) && is_utf8(event.data)) {
      text("data", event.data);
    } else {
      text("data_base64", to_base64(as_bytes(event.data)));
    }
  }
  std::string finish() { return std::move(out_) + '}'; }

 private:
  std::string out_;
};

}  // namespace

Result<std::string> attributes_to_json(const CloudEvent& event) {
  if (auto checked = check(event); !checked) return checked.error();
  JsonWriter writer;
  writer.attributes(event);
  return writer.finish();
}

Result<std::string> to_json(const CloudEvent& event) {
  if (auto checked = check(event); !checked) return checked.error();
  JsonWriter writer;
  writer.attributes(event);
  writer.data(event);
  return writer.finish();
}

Result<std::string> to_json(const std::vector<CloudEvent>& batch) {
  std::string out = "[";
  for (const auto& event : batch) {
    auto one = to_json(event);
    if (!one) return one;
    if (out.size() > 1) out += ',';
    out += *one;
  }
  return out + ']';
}

Result<CloudEvent> cloud_event_from_json(std::string_view text) {
  if (const auto parsed = json::parse(text); !parsed) return parsed.error();
  Walker walker(text);
  walker.space();
  const auto at = walker.at();
  return EventReader(text, at, "").read(walker.value());
}

Result<std::vector<CloudEvent>> cloud_events_from_json(std::string_view text) {
  if (const auto parsed = json::parse(text); !parsed) return parsed.error();
  std::vector<CloudEvent> events;
  Walker walker(text);
  if (!walker.take('['))
    return ipc::make_error(ErrorCode::invalid_argument, "line 1, column 1: a batch is a JSON array of events");
  if (walker.take(']')) return events;
  do {
    walker.space();
    const auto at = walker.at();
    auto event = EventReader(text, at, "event " + std::to_string(events.size() + 1) + ", ").read(walker.value());
    if (!event) return event.error();
    events.push_back(std::move(*event));
  } while (walker.take(','));
  return events;
}

}  // namespace fabric
