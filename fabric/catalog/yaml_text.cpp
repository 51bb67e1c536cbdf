#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "fabric/catalog/export.hpp"
#include "fabric/json.hpp"

namespace fabric::catalog {
namespace {

namespace bj = boost::json;

// Text that no reader, of YAML 1.1 or 1.2, takes for anything else without quotes.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || text.size() > 80 || std::isalpha(static_cast<unsigned char>(text.front())) == 0 ||
      text.back() == ' ')
    return false;
  std::string lower;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view(" .-_/()").find(c) == std::string_view::npos)
      return false;
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

// Several lines that a literal block keeps byte by byte.
bool is_block(std::string_view text) {
  if (text.size() < 2 || text.back() != '\n' || text[text.size() - 2] == '\n' || text.front() == ' ' ||
      text.front() == '\n')
    return false;
  const auto fine = [](char c) {
    return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f);
  };
  return std::all_of(text.begin(), text.end(), fine) && text.find(" \n") == std::string_view::npos;
}

void emit_text(YAML::Emitter& out, const std::string& text) {
  if (is_plain(text))
    out << text;
  else if (is_block(text))
    out << YAML::Literal << text.substr(0, text.size() - 1);
  else
    out << YAML::DoubleQuoted << text;
}

void emit(YAML::Emitter& out, const bj::value& value) {
  if (const auto* object = value.if_object()) {
    if (object->empty()) {
      out << YAML::Flow << YAML::BeginMap << YAML::EndMap;
      return;
    }
    out << YAML::BeginMap;
    for (const auto& [key, inner] : *object) {
      out << YAML::Key;
      emit_text(out, std::string(key));
      out << YAML::Value;
      emit(out, inner);
    }
    out << YAML::EndMap;
  } else if (const auto* array = value.if_array()) {
    out << (array->empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const auto& inner : *array) emit(out, inner);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    emit_text(out, std::string(value.get_string()));
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << YAML::Auto << json::print(value);
  }
}

}  // namespace

std::string to_yaml(const bj::value& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

}  // namespace fabric::catalog
