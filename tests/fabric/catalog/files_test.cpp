// Catalog files by the dozen, good and bad: data/NAME.yaml, or the files of data/NAME/, against every problem that
// data/NAME.expected lists (no file: none). EVF_UPDATE_GOLDEN=1 writes what is found; read it before it is committed.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "fabric/catalog/lint.hpp"
#include "fabric/catalog/load.hpp"
#include "tests/fabric/catalog/catalog_fixture.hpp"
#include "tests/fabric/catalog/toy_format.hpp"

namespace fabric::catalog::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(source_path("fabric/catalog/data")))
    if (entry.is_directory() || entry.path().extension() == ".yaml") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Places without the directory in front.
std::string relative(std::string text, const std::string& directory) {
  for (auto at = text.find(directory); at != std::string::npos; at = text.find(directory))
    text.erase(at, directory.size());
  return text;
}

class CatalogFiles : public ::testing::TestWithParam<std::string> {};

TEST_P(CatalogFiles, EveryProblemIsFoundWithItsPlace) {
  const auto path = source_path("fabric/catalog/data/" + GetParam());
  Problems problems;
  const auto catalog = load_files({path}, problems);
  ASSERT_TRUE(catalog) << catalog.error().message;
  lint(*catalog, {.formats = &toy_formats(), .today = test_day()}, problems);
  problems.sort();
  std::string found;
  for (const auto& problem : problems.all()) {
    found += relative(to_string(problem), fs::path(path).parent_path().string() + "/") + "\n";
    EXPECT_NE(problem.message.find("; "), std::string::npos) << "says nothing of what to do: " << problem.message;
  }
  const auto name = fs::path(GetParam()).stem().string();
  EXPECT_EQ(name.starts_with("good_"), found.empty()) << found;
  expect_golden("fabric/catalog/data/" + name + ".expected", found);
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  auto name = fs::path(info.param).stem().string();
  return name;
}

INSTANTIATE_TEST_SUITE_P(Data, CatalogFiles, ::testing::ValuesIn(cases()), name_of);

// Files of the shop with bytes overwritten, removed and doubled: whatever comes of it is a catalog or a problem, and
// both can be used.
TEST(CatalogFilesTest, DamagedFilesAreProblemsNeverCrashes) {
  std::mt19937 random(7);
  const auto any = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
  static constexpr std::string_view kBytes = ":{}[]&*|>-?!#'\"\n\t %@`,\x80\x00x";
  std::size_t refused = 0;
  for (int round = 0; round < 300; ++round) {
    auto text =
        read_text(source_path("fabric/catalog/shop/" + std::string(round % 2 == 0 ? "sales.yaml" : "shipping.yaml")));
    for (std::size_t changes = any(4) + 1; changes > 0; --changes) {
      const auto at = any(text.size());
      switch (any(3)) {
        case 0:
          text[at] = kBytes[any(kBytes.size())];
          break;
        case 1:
          text.erase(at, any(40));
          break;
        default:
          text.insert(at, text.substr(any(text.size()), any(40)));
      }
    }
    Problems problems;
    const auto catalog = load_texts({{source_path("fabric/catalog/shop/x.yaml"), text}}, problems);
    lint(catalog, {.formats = &toy_formats(), .today = test_day()}, problems);
    refused += problems.errors() != 0;
    EXPECT_FALSE(to_html(catalog, shop_options()).empty());
    EXPECT_FALSE(to_yaml(to_asyncapi(catalog, shop_options())).empty());
  }
  EXPECT_GT(refused, 100U);
  EXPECT_LT(refused, 300U);
}

TEST(CatalogFilesTest, ThereAreDozens) { EXPECT_GE(cases().size(), 48U); }

}  // namespace
}  // namespace fabric::catalog::testing
