#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace talea::internal {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace talea::internal
