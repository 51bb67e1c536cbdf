#pragma once
// What the tests of catalogs share: files of the source tree, golden texts, the shop.

#include <string>

#include "fabric/catalog/export.hpp"
#include "fabric/catalog/model.hpp"

namespace fabric::catalog::testing {

// Aborts when it is not there.
std::string read_text(const std::string& path);
// Paths below tests/ of the source tree.
std::string source_path(const std::string& relative);
// The day on which all tests take place.
Date test_day();

// Compares with a file below tests/. With EVF_UPDATE_GOLDEN=1 in the environment it is written instead: then look at
// what changed with git diff.
void expect_golden(const std::string& relative, const std::string& text);

// The catalog of tests/fabric/catalog/shop.
Catalog shop();
// Names, descriptions, owners and fields that try to be markup.
Catalog hostile();
ExportOptions shop_options();

}  // namespace fabric::catalog::testing
