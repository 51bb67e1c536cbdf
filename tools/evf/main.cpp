#include "tools/evf/verb.hpp"

int main(int argc, char** argv) { return fabric::evf::run_command(argc, argv); }
