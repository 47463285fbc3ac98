// The program `talea`. All of it is in the module, where the tests can reach it.
#include "cli/run.h"

int main(int argc, char** argv) { return talea::cli::run(argc, argv); }
