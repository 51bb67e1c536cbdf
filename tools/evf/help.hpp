#pragma once
// How `evf --help` and `evf VERB --help` look: usage, details, options in two columns within 80, examples.

#include <CLI/CLI.hpp>
#include <string>

namespace fabric::evf {

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// Paragraphs wrapped at 80 columns; lines that begin with a blank stay as they are.
std::string reflow(const std::string& text);

}  // namespace fabric::evf
