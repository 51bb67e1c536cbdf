#include "tests/fuzz/seeds.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.hpp"

namespace fabric::fuzz {
namespace {

fabric::testing::TempDir* directory = nullptr;
pid_t owner = 0;

void remove_directory() {
  if (::getpid() == owner) delete directory;
}

}  // namespace

void add_seeds(int& count, char**& arguments, const Seeds& seeds) {
  directory = new fabric::testing::TempDir;
  owner = ::getpid();
  std::atexit(remove_directory);
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream file(directory->file("seed" + std::to_string(i)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seeds[i].data()), static_cast<std::streamsize>(seeds[i].size()));
  }
  static auto& extended = *new std::vector<char*>(arguments, arguments + count);  // libFuzzer keeps the pointers
  static auto& path = *new std::string(directory->path());
  extended.push_back(path.data());
  extended.push_back(nullptr);
  arguments = extended.data();
  ++count;
}

}  // namespace fabric::fuzz
