#include "tests/fabric/formats/flatbuffers_model.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace fabric::formats::testing {
namespace {

namespace bj = boost::json;

constexpr const char* kTypes[] = {"int",   "long",   "ubyte",    "short", "uint", "ulong", "bool",
                                  "float", "double", "string",   "E",     "P",    "T1",    "T2",
                                  "U",     "[int]",  "[string]", "[P]",   "[T1]", "[E]",   "[U]"};

bool is_number(const std::string& type) { return type == "int" || type == "long" || type == "uint" || type == "short"; }
bool may_be_required(const std::string& type) {
  return type == "string" || type[0] == 'T' || type == "P" || (type[0] == '[' && type != "[U]");
}

FlatField random_flat_field(std::size_t number, Choices& choices) {
  FlatField field{.name = "f" + std::to_string(number), .type = choices.pick(kTypes)};
  if (is_number(field.type) && choices.chance(3)) field.default_value = std::to_string(choices.below(3));
  field.required = may_be_required(field.type) && choices.chance(8);
  return field;
}

void mutate_fields(FlatModel& model, Choices& choices) {
  auto& fields = choices.pick(model.tables);
  if (fields.empty()) return;
  const auto index = choices.below(fields.size());
  auto& field = fields[index];
  switch (choices.below(8)) {
    case 0:
      field.type = choices.pick(kTypes);
      field.default_value.clear();
      field.required = false;
      return;
    case 1:
      field.name += "x";
      return;
    case 2:
      field.deprecated = !field.deprecated;
      field.required = false;
      return;
    case 3:
      if (is_number(field.type)) field.default_value = std::to_string(choices.below(3));
      return;
    case 4:
      if (may_be_required(field.type) && !field.deprecated) field.required = !field.required;
      return;
    case 5:
      fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(index));
      return;
    case 6:
      std::swap(fields[0], field);
      return;
    default:
      fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(index),
                    random_flat_field(fields.size() + 20, choices));
  }
}

void mutate_types(FlatModel& model, Choices& choices) {
  switch (choices.below(8)) {
    case 0:
      model.values.emplace_back("V" + std::to_string(model.values.size()), model.values.back().second + 1);
      return;
    case 1:
      if (model.values.size() > 1) model.values.pop_back();
      return;
    case 2:
      model.values.back().first += "x";
      return;
    case 3:
      if (model.values.size() > 1) model.values.back().second += 1;
      return;
    case 4:
      model.members.push_back("T0");
      return;
    case 5:
      std::swap(model.members.front(), model.members.back());
      return;
    case 6:
      model.point.emplace_back("z", "int");
      return;
    default:
      model.identifier = model.identifier.empty() ? "IDNT" : "";
  }
}

bj::value random_point(const FlatModel& model, Choices& choices) {
  bj::object point;
  for (const auto& [name, type] : model.point)
    point[name] =
        type == "double" ? bj::value(0.5 * static_cast<double>(choices.below(9))) : bj::value(choices.below(100));
  return point;
}

bj::value random_json_value(const FlatModel& model, const std::string& type, Choices& choices, int depth) {
  if (type == "bool") return choices.chance(2);
  if (type == "float" || type == "double") return 0.25 * static_cast<double>(choices.below(9));
  if (type == "string") return bj::value(choices.text());
  if (type == "ubyte") return choices.below(256);
  if (type == "ulong") return choices.number();
  if (type == "long") return static_cast<std::int64_t>(choices.number());
  if (type == "E") return bj::value(choices.pick(model.values).first);
  if (type == "P") return random_point(model, choices);
  if (type[0] == 'T') return random_flat_json(model, choices, static_cast<std::size_t>(type[1] - '0'), depth + 1);
  if (type[0] != '[') return choices.below(120);
  bj::array elements;
  const auto count = depth > 3 ? 0 : choices.below(4);
  for (std::size_t i = 0; i < count; ++i)
    elements.push_back(random_json_value(model, type.substr(1, type.size() - 2), choices, depth));
  return elements;
}

void random_union(const FlatModel& model, const FlatField& field, Choices& choices, int depth, bj::object& out) {
  const auto member = [&] { return choices.pick(model.members); };
  if (field.type == "U") {
    const auto name = member();
    out[field.name + "_type"] = name;
    out[field.name] = random_json_value(model, name, choices, depth);
    return;
  }
  bj::array types, values;
  for (auto count = choices.below(3); count > 0; --count) {
    types.emplace_back(member());
    values.push_back(random_json_value(model, types.back().get_string().c_str(), choices, depth));
  }
  out[field.name + "_type"] = types;
  out[field.name] = values;
}

}  // namespace

std::string FlatModel::text() const {
  std::string out = "namespace p;\nenum E : short {";
  for (const auto& [name, number] : values) out += " " + name + " = " + std::to_string(number) + ",";
  out += " }\nstruct P {";
  for (const auto& [name, type] : point) out += " " + name + " : " + type + ";";
  out += " }\nunion U {";
  for (const auto& member : members) out += " " + member + ",";
  out += " }\n";
  for (std::size_t i = 0; i < tables.size(); ++i) {
    out += "table T" + std::to_string(i) + " {\n";
    for (const auto& field : tables[i]) {
      out += "  " + field.name + " : " + field.type + (field.default_value.empty() ? "" : " = " + field.default_value);
      if (field.deprecated || field.required) out += field.deprecated ? " (deprecated)" : " (required)";
      out += ";\n";
    }
    out += "}\n";
  }
  return out + "root_type T0;\n" + (identifier.empty() ? "" : "file_identifier \"" + identifier + "\";\n");
}

FlatModel random_flat_model(Choices& choices) {
  FlatModel model{.point = {{"x", "int"}, {"y", "double"}}, .members = {"T1", "T2"}};
  for (int i = 0; i < 3; ++i) {
    auto& fields = model.tables.emplace_back();
    for (auto count = choices.below(6); count > 0; --count) fields.push_back(random_flat_field(fields.size(), choices));
  }
  for (auto count = 1 + choices.below(3); count > 0; --count)
    model.values.emplace_back("V" + std::to_string(model.values.size()), static_cast<int>(model.values.size()));
  return model;
}

FlatModel flat_mutated(FlatModel model, Choices& choices) {
  switch (choices.below(4)) {
    case 0: {
      auto& fields = choices.pick(model.tables);
      fields.push_back(random_flat_field(fields.size() + 10, choices));
      break;
    }
    case 1:
      mutate_types(model, choices);
      break;
    default:
      mutate_fields(model, choices);
  }
  return model;
}

bj::value random_flat_json(const FlatModel& model, Choices& choices, std::size_t table, int depth) {
  bj::object out;
  for (const auto& field : model.tables[table]) {
    const bool deep = depth > 3 && (field.type[0] == 'T' || field.type[0] == 'U' || field.type == "[U]");
    if (field.deprecated || (!field.required && (deep || choices.chance(3)))) continue;
    if (depth > 8) continue;
    if (field.type == "U" || field.type == "[U]")
      random_union(model, field, choices, depth, out);
    else
      out[field.name] = random_json_value(model, field.type, choices, depth);
  }
  return out;
}

}  // namespace fabric::formats::testing
