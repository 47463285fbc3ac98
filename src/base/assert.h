// TALEA_ASSERT: states an invariant of our own code, in every build.
//
// A failed assertion is a bug here, never bad input: it stops the process before a wrong byte can
// be written or returned. Input from disk, network or user is checked and becomes a Status.
#pragma once

namespace talea::internal {
[[noreturn]] void assert_failed(const char* condition, const char* file, int line);
}

#define TALEA_ASSERT(condition) \
  (static_cast<bool>(condition) \
       ? void(0)                \
       : ::talea::internal::assert_failed(#condition, __FILE__, __LINE__))
