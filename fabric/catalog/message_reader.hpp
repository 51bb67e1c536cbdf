#pragma once
// Reads one event or command of a catalog file. Internal to load.cpp.

#include <string>

#include "fabric/catalog/map_reader.hpp"
#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

// What a file's `defaults` say for all of its messages that do not say it themselves.
struct Defaults {
  std::string owner{};
  Sla sla{};
  Retention retention{};
  std::optional<Retry> retry{};
  contract::Mode mode = contract::Mode::backward;
};

// Shared by all that read one file.
struct FileReader {
  const std::string& file;
  Problems& problems;
};

Defaults read_defaults(const FileReader& reader, const YamlNode& node);
// Places of all parts are filled in.
Message read_message(const FileReader& reader, Kind kind, const YamlNode& name, const YamlNode& node,
                     const Defaults& defaults);

}  // namespace fabric::catalog
