#include "fabric/formats/json_schema_parse.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <set>
#include <unordered_map>

#include "fabric/formats/json_schema_keywords.hpp"
#include "fabric/formats/json_schema_uri.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

constexpr std::string_view k2020Uri = "https://json-schema.org/draft/2020-12/schema";
constexpr std::string_view k07Uri = "http://json-schema.org/draft-07/schema";
// Schemas for one value behind each other: $ref, allOf, ... A bound for the stack; hand-written schemas have a handful.
constexpr unsigned kMaxChain = 128;

std::optional<Draft> draft_named(std::string_view uri) {
  if (uri.ends_with('#')) uri.remove_suffix(1);
  if (uri == k2020Uri) return Draft::draft_2020_12;
  if (uri == k07Uri || uri == "https://json-schema.org/draft-07/schema") return Draft::draft_07;
  return std::nullopt;
}

struct Pending {
  Node* node;
  std::string keyword;  // $ref or $dynamicRef
  std::string uri;      // resolved
};

// The part of `document` at a JSON pointer, nullptr: nothing.
const bj::value* value_at(const bj::value& document, std::string_view pointer) {
  const auto* value = &document;
  while (value != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    auto token = std::string(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(token.size());
    for (std::size_t at = 0; (at = token.find('~', at)) != std::string::npos; ++at)
      token.replace(at, std::min<std::size_t>(2, token.size() - at), token.substr(at, 2) == "~1" ? "/" : "~");
    if (const auto* object = value->if_object()) {
      value = object->if_contains(token);
    } else if (const auto* array = value->if_array()) {
      std::size_t index = 0;
      const auto read = std::from_chars(token.data(), token.data() + token.size(), index);
      value = read.ec == std::errc{} && read.ptr == token.data() + token.size() && index < array->size()
                  ? &(*array)[index]
                  : nullptr;
    } else {
      value = nullptr;
    }
  }
  return value;
}

class Parser {
 public:
  explicit Parser(Document& document) : document_(document) {}

  // What is wrong, or "".
  std::string run() {
    if (!document_.text.is_object() && !document_.text.is_bool()) return "a JSON Schema is an object, true or false";
    choose_draft();
    auto& resource = document_.resources.emplace_back();
    by_uri_[""] = &resource;
    if (wrong_.empty()) document_.root = schema(document_.text, "", &resource);
    for (std::size_t i = 0; i < pending_.size() && wrong_.empty(); ++i)
      resolve(Pending(pending_[i]));  // a copy: more may come
    for (auto& node : document_.nodes)
      if (wrong_.empty()) settle(node, 0);
    if (wrong_.empty()) document_.canonical = normal_form(without_comments(document_.text, ""));
    return wrong_;
  }

 private:
  void refuse(const std::string& place, const std::string& what) {
    if (wrong_.empty()) wrong_ = (place.empty() ? "" : place + ": ") + what;
  }

  void choose_draft() {
    const auto* object = document_.text.if_object();
    const auto* uri = object == nullptr ? nullptr : object->if_contains("$schema");
    if (uri == nullptr || !uri->is_string()) return;  // the shape is checked with the others
    if (const auto draft = draft_named(uri->get_string()))
      document_.draft = *draft;
    else
      refuse("/$schema", "schemas of " + json::print(*uri) + " are not supported; " + std::string(k07Uri) + "# and " +
                             std::string(k2020Uri) + " are");
  }

  Node* schema(const bj::value& value, const std::string& pointer, Resource* resource) {
    auto& node = document_.nodes.emplace_back();
    by_pointer_[pointer] = &node;
    node.pointer = pointer;
    node.resource = resource;
    if (const auto* always = value.if_bool()) {
      node.always = *always;
      return &node;
    }
    if (!value.is_object()) {
      refuse(pointer, "is no schema (an object, true or false)");
      return &node;
    }
    const auto& object = value.get_object();
    const bool reference_only = document_.draft == Draft::draft_07 && object.contains("$ref");
    if (!reference_only) resource = begin_resource(node, object, pointer, resource);
    bool types_alone = true;
    for (const auto& [name, element] : object) {
      if (!wrong_.empty()) break;
      const auto* keyword = known_keyword(name, pointer);
      if (keyword == nullptr) continue;
      const auto at = pointer + pointer_token(name);
      if (auto wrong = wrong_shape(keyword->shape, element); !wrong.empty()) refuse(at, wrong);
      if (reference_only && keyword->role == Role::constraint)
        refuse(at, "draft-07 ignores what stands beside $ref; say both in an allOf");
      if (reference_only && keyword->role == Role::reference && name != "$ref") continue;
      if (keyword->role != Role::annotation && keyword->role != Role::definitions && name != "type" && name != "$id")
        types_alone = false;
      if (wrong_.empty()) read(node, name, element, at, resource);
    }
    node.types_alone = types_alone && node.types;
    return &node;
  }

  const Keyword* known_keyword(std::string_view name, const std::string& pointer) {
    const auto* keyword = find_keyword(name);
    const auto at = pointer + pointer_token(name);
    if (keyword == nullptr) {
      if (const auto meant = meant_keyword(name, document_.draft); !meant.empty())
        refuse(at, "no keyword has this name; " + std::string(meant) + " is one");
      return nullptr;
    }
    if ((keyword->drafts & bit(document_.draft)) == 0) refuse(at, advice(*keyword, document_.draft));
    return keyword;
  }

  // The resource of what stands in this schema: its own if it has an $id.
  Resource* begin_resource(Node& node, const bj::object& object, const std::string& pointer, Resource* resource) {
    if (const auto* uri = object.if_contains("$schema"); uri != nullptr && uri->is_string() && !pointer.empty())
      if (draft_named(uri->get_string()) != document_.draft) refuse(pointer + "/$schema", "a document has one draft");
    const auto* id = object.if_contains("$id");
    const auto* text = id == nullptr ? nullptr : id->if_string();
    if (text != nullptr) {
      const auto uri = resolve_uri(resource->uri, *text);
      const auto name = fragment_of(uri);
      if (!name.empty() && document_.draft == Draft::draft_2020_12)
        refuse(pointer + "/$id", json::print(*id) + " has a fragment; 2020-12 has $anchor for that");
      if (without_fragment(*text) != "") {
        if (!pointer.empty()) resource = &document_.resources.emplace_back();
        resource->uri = without_fragment(uri);
        resource->pointer = pointer;
        if (!by_uri_.emplace(resource->uri, resource).second && !pointer.empty())
          refuse(pointer + "/$id", json::print(*id) + " is there twice");
      }
      if (!name.empty()) add_anchor(*resource, name, node, pointer + "/$id");
    }
    node.resource = resource;
    return resource;
  }

  void add_anchor(Resource& resource, const std::string& name, const Node& node, const std::string& at) {
    const auto [entry, added] = resource.anchors.emplace(name, &node);
    if (!added && entry->second != &node) refuse(at, "the anchor " + json::quote(name) + " is there twice");
  }

  Nodes schemas(const bj::value& list, const std::string& at, Resource* resource) {
    Nodes result;
    for (std::size_t i = 0; i < list.get_array().size(); ++i)
      result.push_back(schema(list.get_array()[i], at + "/" + std::to_string(i), resource));
    return result;
  }

  void read(Node& node, std::string_view name, const bj::value& value, const std::string& at, Resource* resource) {
    if (read_value(node, name, value) || read_schema(node, name, value, at, resource)) return;
    if (name == "$ref" || name == "$dynamicRef") {
      pending_.push_back({&node, std::string(name), resolve_uri(node.resource->uri, value.get_string())});
    } else if (name == "$anchor" || name == "$dynamicAnchor") {
      const std::string anchor(value.get_string());
      add_anchor(*resource, anchor, node, at);
      if (name == "$dynamicAnchor") resource->dynamic_anchors.emplace(anchor, &node);
    } else if (name == "$defs" || name == "definitions") {
      for (const auto& [key, element] : value.get_object()) schema(element, at + pointer_token(key), resource);
    } else if (name == "title" && at == "/title") {
      document_.title = value.get_string();
    } else if (name == "$id" && at == "/$id") {
      document_.id = value.get_string();
    }
  }

  bool read_value(Node& node, std::string_view name, const bj::value& value);
  bool read_count(Node& node, std::string_view name, const bj::value& value);
  bool read_schema(Node& node, std::string_view name, const bj::value& value, const std::string& at,
                   Resource* resource);
  bool read_map(Node& node, std::string_view name, const bj::value& value, const std::string& at, Resource* resource);
  void read_items(Node& node, std::string_view name, const bj::value& value, const std::string& at, Resource* resource);
  void resolve(const Pending& pending);
  const Node* target_of(const Resource& resource, const std::string& fragment);
  void settle(Node& node, unsigned depth);
  Types possible_types(const Node& node) const;
  bj::value without_comments(const bj::value& value, const std::string& pointer) const;

  Document& document_;
  std::string wrong_;
  std::unordered_map<std::string, Node*> by_pointer_;
  std::map<std::string, Resource*> by_uri_;
  std::vector<Pending> pending_;
  std::set<const Node*> settling_, settled_;
  std::map<const Node*, unsigned> heights_;
};

bool Parser::read_count(Node& node, std::string_view name, const bj::value& value) {
  const std::pair<std::string_view, std::optional<std::uint64_t> Node::*> counts[] = {
      {"minLength", &Node::min_length},         {"maxLength", &Node::max_length},
      {"minItems", &Node::min_items},           {"maxItems", &Node::max_items},
      {"minContains", &Node::min_contains},     {"maxContains", &Node::max_contains},
      {"minProperties", &Node::min_properties}, {"maxProperties", &Node::max_properties},
  };
  for (const auto& [keyword, member] : counts)
    if (keyword == name) return (node.*member = Number(value).as_count()).has_value();
  const std::pair<std::string_view, std::optional<Number> Node::*> numbers[] = {
      {"minimum", &Node::minimum},
      {"maximum", &Node::maximum},
      {"exclusiveMinimum", &Node::exclusive_minimum},
      {"exclusiveMaximum", &Node::exclusive_maximum},
      {"multipleOf", &Node::multiple_of},
  };
  for (const auto& [keyword, member] : numbers)
    if (keyword == name) return (node.*member = Number(value)).has_value();
  return false;
}

bool Parser::read_value(Node& node, std::string_view name, const bj::value& value) {
  if (read_count(node, name, value)) return true;
  if (name == "type") {
    const auto bits = [](std::string_view type) -> Types {
      if (type == "number") return kNumber;
      if (type == "integer") return kInteger;
      if (type == "string") return kString;
      if (type == "boolean") return kBoolean;
      return type == "object" ? kObject : type == "array" ? kArray : kNull;
    };
    Types types = 0;
    if (value.is_string()) types = bits(value.get_string());
    if (value.is_array())
      for (const auto& type : value.get_array()) types |= bits(type.get_string());
    node.types = types;
  } else if (name == "const") {
    node.constant = &value;
  } else if (name == "enum") {
    node.enumeration = &value.get_array();
  } else if (name == "pattern") {
    node.pattern = *Pattern::compile(value.get_string());
  } else if (name == "uniqueItems") {
    node.unique_items = value.get_bool();
  } else if (name == "required") {
    for (const auto& property : value.get_array()) node.required.emplace_back(property.get_string());
  } else if (name == "default") {
    node.default_value = &value;
  } else {
    return false;
  }
  return true;
}

bool Parser::read_schema(Node& node, std::string_view name, const bj::value& value, const std::string& at,
                         Resource* resource) {
  const std::pair<std::string_view, const Node * Node::*> single[] = {
      {"not", &Node::negated},
      {"if", &Node::condition},
      {"then", &Node::consequence},
      {"else", &Node::alternative},
      {"contains", &Node::contains},
      {"additionalProperties", &Node::additional_properties},
      {"propertyNames", &Node::property_names},
      {"unevaluatedItems", &Node::unevaluated_items},
      {"unevaluatedProperties", &Node::unevaluated_properties},
  };
  for (const auto& [keyword, member] : single)
    if (keyword == name) return (node.*member = schema(value, at, resource)) != nullptr;
  const std::pair<std::string_view, Nodes Node::*> lists[] = {
      {"allOf", &Node::all_of}, {"anyOf", &Node::any_of}, {"oneOf", &Node::one_of}, {"prefixItems", &Node::prefix}};
  for (const auto& [keyword, member] : lists)
    if (keyword == name) return !(node.*member = schemas(value, at, resource)).empty();
  if (name == "items" || name == "additionalItems") {
    read_items(node, name, value, at, resource);
    return true;
  }
  return read_map(node, name, value, at, resource);
}

void Parser::read_items(Node& node, std::string_view name, const bj::value& value, const std::string& at,
                        Resource* resource) {
  if (value.is_array()) {
    if (document_.draft == Draft::draft_2020_12)
      return refuse(at, "a list of schemas is draft-07's form; 2020-12 has prefixItems for it");
    node.prefix = schemas(value, at, resource);
    if (const auto* object = value_at(document_.text, node.pointer)->if_object(); !object->contains("additionalItems"))
      node.items = nullptr;
    return;
  }
  const auto* child = schema(value, at, resource);
  if (name == "items") {
    node.items = child;
    return;
  }
  // Beside anything but a list, draft-07 gives additionalItems nothing to do.
  const auto* items = value_at(document_.text, node.pointer)->get_object().if_contains("items");
  if (items != nullptr && items->is_array()) node.items = child;
}

bool Parser::read_map(Node& node, std::string_view name, const bj::value& value, const std::string& at,
                      Resource* resource) {
  if (name == "properties") {
    for (const auto& [key, element] : value.get_object())
      node.properties.emplace(key, schema(element, at + pointer_token(key), resource));
  } else if (name == "patternProperties") {
    for (const auto& [key, element] : value.get_object())
      node.pattern_properties.push_back({*Pattern::compile(key), schema(element, at + pointer_token(key), resource)});
  } else if (name == "dependencies" || name == "dependentSchemas" || name == "dependentRequired") {
    for (const auto& [key, element] : value.get_object()) {
      if (element.is_array())
        for (const auto& property : element.get_array())
          node.dependent_required[key].emplace_back(property.get_string());
      else
        node.dependent_schemas.emplace(key, schema(element, at + pointer_token(key), resource));
    }
  } else {
    return false;
  }
  return true;
}

const Node* Parser::target_of(const Resource& resource, const std::string& fragment) {
  if (!fragment.empty() && fragment[0] != '/') {
    const auto anchor = resource.anchors.find(fragment);
    return anchor == resource.anchors.end() ? nullptr : anchor->second;
  }
  const auto pointer = resource.pointer + fragment;
  if (const auto known = by_pointer_.find(pointer); known != by_pointer_.end()) return known->second;
  // A place that no keyword makes a schema: it is one now. Its references are seen from the schema around it.
  const auto* value = value_at(document_.text, pointer);
  if (value == nullptr || (!value->is_object() && !value->is_bool())) return nullptr;
  auto around = pointer;
  while (!by_pointer_.contains(around)) around.resize(around.rfind('/'));
  auto* owner = by_uri_.at(by_pointer_.at(around)->resource->uri);
  return schema(*value, pointer, owner);
}

void Parser::resolve(const Pending& pending) {
  const auto at = pending.node->pointer + "/" + pending.keyword;
  const auto resource = by_uri_.find(std::string(without_fragment(pending.uri)));
  if (resource == by_uri_.end())
    return refuse(at, json::quote(pending.uri) + " is not in this document, and schemas are not fetched; put it into " +
                          (document_.draft == Draft::draft_07 ? "definitions" : "$defs"));
  const auto fragment = fragment_of(pending.uri);
  const auto* target = target_of(*resource->second, fragment);
  if (target == nullptr) return refuse(at, "there is no schema at " + json::quote(pending.uri));
  Reference reference{.target = target};
  if (pending.keyword == "$dynamicRef" && resource->second->dynamic_anchors.contains(fragment)) {
    const auto candidates = std::count_if(document_.resources.begin(), document_.resources.end(),
                                          [&](const auto& other) { return other.dynamic_anchors.contains(fragment); });
    if (candidates > 1) {
      reference.dynamic_anchor = fragment;
      document_.dynamic = true;
    }
  }
  pending.node->references.push_back(std::move(reference));
}

// Refuses schemas that lead back to themselves for the same value; knows the possible types afterwards.
void Parser::settle(Node& node, unsigned depth) {
  if (!wrong_.empty() || settled_.contains(&node)) return;
  if (!settling_.insert(&node).second)
    return refuse(node.pointer, "refers back to itself for the same value: validation would not end");
  if (depth > kMaxChain)
    return refuse(node.pointer,
                  "more than " + std::to_string(kMaxChain) + " schemas refer to each other for the same value");
  unsigned height = 0;
  for (const auto* child : in_place(node)) {
    settle(const_cast<Node&>(*child), depth + 1);
    if (!wrong_.empty()) return;
    height = std::max(height, heights_[child] + 1);
  }
  if (height > kMaxChain)
    return refuse(node.pointer,
                  "more than " + std::to_string(kMaxChain) + " schemas refer to each other for the same value");
  heights_[&node] = height;
  node.possible = possible_types(node);
  settling_.erase(&node);
  settled_.insert(&node);
}

Types Parser::possible_types(const Node& node) const {
  if (node.always) return *node.always ? kAnyType : Types{0};
  Types types = node.types.value_or(kAnyType);
  const auto either = [](const Nodes& nodes) {
    Types result = nodes.empty() ? kAnyType : Types{0};
    for (const auto* one : nodes) result |= one->possible;
    return result;
  };
  if (node.constant != nullptr) types &= type_of(*node.constant);
  if (node.enumeration != nullptr) {
    Types listed = 0;
    for (const auto& value : *node.enumeration) listed |= type_of(value);
    types &= listed;
  }
  for (const auto& reference : node.references)
    if (reference.dynamic_anchor.empty()) types &= reference.target->possible;
  for (const auto* one : node.all_of) types &= one->possible;
  types &= static_cast<Types>(either(node.any_of) & either(node.one_of));
  if (node.negated != nullptr && node.negated->types_alone) types &= static_cast<Types>(~*node.negated->types);
  if (node.condition != nullptr && node.consequence != nullptr && node.alternative != nullptr)
    types &= static_cast<Types>(node.consequence->possible | node.alternative->possible);
  return types;
}

bj::value Parser::without_comments(const bj::value& value, const std::string& pointer) const {
  if (const auto* array = value.if_array()) {
    bj::array result;
    for (std::size_t i = 0; i < array->size(); ++i)
      result.push_back(without_comments((*array)[i], pointer + "/" + std::to_string(i)));
    return result;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  const bool is_schema = by_pointer_.contains(pointer);
  bj::object result;
  for (const auto& [key, element] : *object)
    if (!is_schema || key != "$comment") result.emplace(key, without_comments(element, pointer + pointer_token(key)));
  return result;
}

}  // namespace

ipc::Result<std::shared_ptr<const Document>> parse_document(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return parsed.error();
  if (const auto at = find_oversized_number(text); at != std::string_view::npos)
    return ipc::make_error(ipc::ErrorCode::invalid_argument, "the number at offset " + std::to_string(at) +
                                                                 " is beyond 64 bits or the range of a double");
  auto document = std::make_shared<Document>();
  document->text = std::move(*parsed);
  if (auto wrong = Parser(*document).run(); !wrong.empty())
    return ipc::make_error(ipc::ErrorCode::invalid_argument, std::move(wrong));
  return std::shared_ptr<const Document>(std::move(document));
}

}  // namespace fabric::formats::jsonschema
