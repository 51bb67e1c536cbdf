#pragma once
// The verbs of `evf topic` that have files of their own.

#include "tools/evf/verb.hpp"

namespace fabric::evf {

void add_topic_list(CLI::App& topic, Context& context);  // the same as evf list
void add_topic_describe(CLI::App& topic, Context& context);

}  // namespace fabric::evf
