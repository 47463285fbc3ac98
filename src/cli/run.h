// run(): the program `talea`, from its arguments to its exit code.
#pragma once

namespace talea::cli {

int run(int argc, const char* const* argv);

}  // namespace talea::cli
