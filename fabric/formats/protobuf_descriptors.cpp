#include "fabric/formats/protobuf_descriptors.hpp"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/source_context.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "fabric/formats/protobuf_normal.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using contract::Result;
using ipc::ErrorCode;

constexpr std::string_view kMessageComment = "// eventfabric:message=";
constexpr std::string_view kProto2 = "syntax=\"proto2\";";
constexpr char kFileName[] = "event.proto";

ipc::Error refusal(std::string message) { return ipc::make_error(ErrorCode::invalid_argument, std::move(message)); }

// The files that come with the library. The generated classes are named so that a static library keeps them.
const pb::FileDescriptor* known_import(const std::string& name) {
  static const auto files = [] {
    std::map<std::string, const pb::FileDescriptor*> known;
    for (const auto* message :
         {pb::Any::descriptor(), pb::Api::descriptor(), pb::FileDescriptorSet::descriptor(), pb::Duration::descriptor(),
          pb::Empty::descriptor(), pb::FieldMask::descriptor(), pb::SourceContext::descriptor(),
          pb::Struct::descriptor(), pb::Timestamp::descriptor(), pb::Type::descriptor(), pb::BoolValue::descriptor()})
      known.emplace(message->file()->name(), message->file());
    return known;
  }();
  const auto found = files.find(name);
  return found == files.end() ? nullptr : found->second;
}

// What was read: files as they stand in the text, and where things stood.
struct Source {
  pb::FileDescriptorSet files;
  std::string message;  // named by the comment, or empty
  pb::compiler::SourceLocationTable places;
  int shift = 0;  // columns of the first line that are ours
};

class FirstError : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  explicit FirstError(const Source& source) : source_(source) {}

  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (!error_) error_ = at(line, column) + message;
  }
  void AddError(const std::string&, const std::string& element, const pb::Message* descriptor, ErrorLocation location,
                const std::string& message) override {
    if (error_) return;
    int line = -1, column = 0;
    source_.places.Find(descriptor, location, &line, &column);
    error_ = at(line, column) + (element.empty() ? "" : element + ": ") + message;
  }
  ipc::Error error() const { return refusal(error_.value_or("this is no Protobuf schema")); }
  // line and column from 0; -1: unknown.
  std::string at(int line, int column) const {
    if (line < 0) return "";
    if (line == 0) column -= source_.shift;
    return place(static_cast<std::size_t>(line) + 1, static_cast<std::size_t>(std::max(column, 0)) + 1);
  }
  explicit operator bool() const { return error_.has_value(); }

 private:
  const Source& source_;
  std::optional<std::string> error_;
};

// The value of the comment that names the message, in the comments at the start of the text; they are removed from it.
std::string take_comment(std::string_view& text) {
  std::string message;
  for (auto rest = text;;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (!rest.starts_with("//")) {
      text = rest;
      return message;
    }
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size());
    if (!line.starts_with(kMessageComment)) continue;
    line.remove_prefix(kMessageComment.size());
    message = line.substr(0, line.find_last_not_of(" \t\r") + 1);
  }
}

bool has_syntax(std::string_view text) {
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  Source unused;
  FirstError errors(unused);
  pb::io::Tokenizer tokens(&stream, &errors);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.SetStopAfterSyntaxIdentifier(true);
  parser.Parse(&tokens, nullptr);
  return !parser.GetSyntaxIdentifier().empty();
}

Result<void> read_proto(std::string_view text, Source& source) {
  std::string whole(text);
  if (!has_syntax(text)) {  // said here, since the library would write a warning about it to standard error
    whole.insert(0, kProto2);
    source.shift = static_cast<int>(kProto2.size());
  }
  pb::io::ArrayInputStream stream(whole.data(), static_cast<int>(whole.size()));
  FirstError errors(source);
  pb::io::Tokenizer tokens(&stream, &errors);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.RecordSourceLocationsTo(&source.places);
  auto* file = source.files.add_file();
  if (!parser.Parse(&tokens, file) || errors) return errors.error();
  file->set_name(kFileName);
  for (const auto& name : file->dependency()) {
    if (known_import(name) != nullptr) continue;
    int line = -1, column = 0;
    source.places.FindImport(file, name, &line, &column);
    return refusal(errors.at(line, column) + "import \"" + name +
                   "\" cannot be resolved: only google/protobuf/*.proto come with the library; give a descriptor set "
                   "(protoc --include_imports --descriptor_set_out=FILE)");
  }
  return {};
}

Result<void> read_set(const std::string& bytes, Source& source) {
  if (!source.files.ParseFromString(bytes) || source.files.file().empty())
    return refusal("this is neither .proto source nor a FileDescriptorSet");
  return {};
}

Result<void> read_source(std::string_view text, Source& source) {
  if (text.size() > kMaxSchemaBytes)
    return refusal("the schema has " + std::to_string(text.size()) + " bytes, at most " +
                   std::to_string(kMaxSchemaBytes));
  if (is_binary(text)) return read_set(std::string(text), source);
  auto rest = text;
  source.message = take_comment(rest);
  if (rest.empty()) return refusal("the schema is empty");
  if (const auto bytes = base64_decoded(rest)) return read_set(*bytes, source);
  return read_proto(text, source);
}

// Builds files into a pool, each behind what it imports.
class Builder {
 public:
  explicit Builder(const Source& source) : source_(source), errors_(source) {
    for (const auto& file : source.files.file()) files_.emplace(file.name(), &file);
  }

  Result<std::shared_ptr<pb::DescriptorPool>> build() {
    for (const auto& file : source_.files.file()) {
      if (known_import(file.name()) != nullptr) continue;
      if (auto built = add(file); !built) return built.error();
    }
    return pool_;
  }

 private:
  Result<void> add(const pb::FileDescriptorProto& file) {
    if (pool_->FindFileByName(file.name()) != nullptr) return {};
    if (!under_way_.insert(file.name()).second) return refusal(file.name() + ": imports itself");
    if (under_way_.size() > kMaxImportDepth) return refusal(file.name() + ": imports are nested too deeply");
    if (known_import(file.name()) == nullptr && (file.package() + ".").starts_with("google.protobuf."))
      return refusal(file.name() + ": package google.protobuf is reserved for the library's own files");
    for (const auto& name : file.dependency())
      if (auto built = add_import(file, name); !built) return built;
    if (pool_->BuildFileCollectingErrors(file, &errors_) == nullptr) return errors_.error();
    under_way_.erase(file.name());
    return {};
  }
  Result<void> add_import(const pb::FileDescriptorProto& file, const std::string& name) {
    if (const auto* known = known_import(name)) {
      pb::FileDescriptorProto copy;
      known->CopyTo(&copy);
      return add(copy);
    }
    const auto found = files_.find(name);
    if (found == files_.end())
      return refusal(file.name() + ": import \"" + name +
                     "\" is not in the descriptor set; make it with --include_imports");
    return add(*found->second);
  }

  static constexpr std::size_t kMaxImportDepth = 100;
  const Source& source_;
  FirstError errors_;
  std::map<std::string, const pb::FileDescriptorProto*> files_;
  std::set<std::string> under_way_;
  std::shared_ptr<pb::DescriptorPool> pool_ = std::make_shared<pb::DescriptorPool>();
};

const pb::Descriptor* top_level(const pb::Descriptor* message) {
  while (message->containing_type() != nullptr) message = message->containing_type();
  return message;
}

// The top-level messages that `message` and what is nested in it refer to.
void add_referred(const pb::Descriptor& message, std::set<const pb::Descriptor*>& referred) {
  for (int i = 0; i < message.field_count(); ++i)
    if (const auto* type = message.field(i)->message_type()) referred.insert(top_level(type));
  for (int i = 0; i < message.nested_type_count(); ++i) add_referred(*message.nested_type(i), referred);
}

Result<const pb::Descriptor*> named_message(const Source& source, const pb::DescriptorPool& pool) {
  if (const auto* message = pool.FindMessageTypeByName(source.message)) return message;
  return refusal("there is no message " + source.message + ", which the comment " + std::string(kMessageComment) +
                 " names; give its full name, with the package");
}

// The only top-level message that no other one refers to, in files that are not imported by others.
Result<const pb::Descriptor*> only_message(const Source& source, const pb::DescriptorPool& pool) {
  std::set<std::string> imported;
  for (const auto& file : source.files.file()) imported.insert(file.dependency().begin(), file.dependency().end());
  std::vector<const pb::Descriptor*> messages;
  std::set<const pb::Descriptor*> referred_to;
  for (const auto& proto : source.files.file()) {
    const auto* file = pool.FindFileByName(proto.name());
    if (file == nullptr || imported.contains(proto.name())) continue;
    for (int i = 0; i < file->message_type_count(); ++i) {
      std::set<const pb::Descriptor*> referred;
      add_referred(*file->message_type(i), referred);
      referred.erase(file->message_type(i));
      referred_to.insert(referred.begin(), referred.end());
      messages.push_back(file->message_type(i));
    }
  }
  if (messages.empty()) return refusal("there is no message in this schema");
  std::string names;
  for (const auto* message : messages) names += (names.empty() ? "" : ", ") + message->full_name();
  std::erase_if(messages, [&](const auto* message) { return referred_to.contains(message); });
  if (messages.size() == 1) return messages.front();
  return refusal("which message is the event? There are " + names + "; begin the text with a line " +
                 std::string(kMessageComment) + "NAME");
}

// Both are long out of use, and the library's JSON cannot say groups.
Result<void> refuse_unsupported(const pb::Descriptor& message) {
  if (message.options().message_set_wire_format())
    return refusal(message.full_name() + ": the message set wire format is not supported");
  for (int i = 0; i < message.field_count(); ++i)
    if (message.field(i)->type() == pb::FieldDescriptor::TYPE_GROUP)
      return refusal(message.field(i)->full_name() + ": groups are not supported; use a message field");
  for (int i = 0; i < message.nested_type_count(); ++i)
    if (auto fine = refuse_unsupported(*message.nested_type(i)); !fine) return fine;
  return {};
}

// The normal form of `file` and of what it imports, imports first.
void collect(const pb::FileDescriptor& file, pb::FileDescriptorSet& out) {
  if (known_import(file.name()) != nullptr) return;
  for (const auto& known : out.file())
    if (known.name() == file.name()) return;
  for (int i = 0; i < file.dependency_count(); ++i) collect(*file.dependency(i), out);
  auto* copy = out.add_file();
  file.CopyTo(copy);
  normalise(*copy);
}

struct Normal {
  Source source;
  std::shared_ptr<pb::DescriptorPool> pool;
};

Result<void> read_normal(std::string_view text, Normal& normal) {
  Source read;
  if (auto done = read_source(text, read); !done) return done;
  auto pool = Builder(read).build();
  if (!pool) return pool.error();
  auto message = read.message.empty() ? only_message(read, **pool) : named_message(read, **pool);
  if (!message) return message.error();
  normal.source.message = (*message)->full_name();
  auto& files = normal.source.files;
  collect(*(*message)->file(), files);
  if (files.file_size() == 1) files.mutable_file(0)->set_name(kFileName);
  auto built = Builder(normal.source).build();
  if (!built) return built.error();
  normal.pool = *built;
  for (const auto& file : files.file()) {
    const auto* descriptor = normal.pool->FindFileByName(file.name());
    for (int i = 0; i < descriptor->message_type_count(); ++i)
      if (auto fine = refuse_unsupported(*descriptor->message_type(i)); !fine) return fine;
  }
  return {};
}

std::string canonical_text(const Normal& normal) {
  const auto comment = std::string(kMessageComment) + normal.source.message + "\n";
  const auto bytes = normal.source.files.SerializeAsString();
  if (normal.source.files.file_size() == 1) {
    auto text = comment + normal.pool->FindFileByName(kFileName)->DebugString();
    // Source cannot say everything that a descriptor set can (or the library prints it so that it cannot be read): then
    // the set it is.
    if (Normal again; read_normal(text, again) && again.source.files.SerializeAsString() == bytes) return text;
  }
  return comment + to_base64(as_bytes(bytes)) + "\n";
}

}  // namespace

Result<ProtobufDescriptors> read_protobuf_schema(std::string_view text) {
  Normal normal;
  if (auto done = read_normal(text, normal); !done) return done.error();
  const auto* message = normal.pool->FindMessageTypeByName(normal.source.message);
  if (message == nullptr) return refusal("there is no message " + normal.source.message);
  ProtobufDescriptors read{normal.pool, message, canonical_text(normal), normal.pool, message};
  for (auto& file : *normal.source.files.mutable_file()) give_presence(file);
  const auto keeping = Builder(normal.source).build();
  if (!keeping) return read;  // a name is taken: only what proto3 itself forgets is forgotten
  read.keeping_pool = *keeping;
  read.keeping_message = read.keeping_pool->FindMessageTypeByName(message->full_name());
  return read;
}

}  // namespace fabric::formats
