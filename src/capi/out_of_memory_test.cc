// The boundary while there is no memory: nothing leaves it, and who waits is told.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "capi/boundary.h"

namespace {

thread_local bool there_is_no_memory = false;

}  // namespace

// Not inlined: g++ would see malloc() where operator delete is expected to end it.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = there_is_no_memory ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace talea::capi {
namespace {

const char* const kLongText = "a text that no string keeps without memory of its own";

struct WithoutMemory {
  WithoutMemory() { there_is_no_memory = true; }
  ~WithoutMemory() { there_is_no_memory = false; }
  WithoutMemory(const WithoutMemory&) = delete;
  WithoutMemory& operator=(const WithoutMemory&) = delete;
};

// Made before memory ends.
struct LongException : std::exception {
  const char* what() const noexcept override { return kLongText; }
};

TEST(OutOfMemory, AnExceptionThatCannotBeDescribedIsReportedAsNoMemory) {
  for (const auto& [interrupted, code] :
       {std::pair{Interrupted::nothing_happened, TALEA_EXHAUSTED},
        std::pair{Interrupted::unknown_outcome, TALEA_TIMED_OUT}}) {
    talea_error* error = nullptr;
    int given = TALEA_OK;
    {
      const WithoutMemory none;
      given = guarded(interrupted, &error, []() -> Status { throw LongException(); });
    }
    EXPECT_EQ(given, code);
    EXPECT_EQ(talea_error_code(error), code);
    talea_error_free(error);
  }
}

TEST(OutOfMemory, ACallbackThatThrowsThenEndsTheCallAsNoMemory) {
  talea_error* error = nullptr;
  int given = TALEA_OK;
  {
    const WithoutMemory none;
    given = guarded(&error, []() -> Status {
      try {
        throw LongException();
      } catch (...) {
        return callback_threw();
      }
    });
  }
  EXPECT_EQ(given, TALEA_EXHAUSTED);
  talea_error_free(error);
}

struct Told {
  int calls = 0;
  int code = TALEA_OK;
  char message[32] = {};
};

void note(void* user, int code, uint64_t /*sequence*/, const char* message) {
  auto* const told = static_cast<Told*>(user);
  ++told->calls;
  told->code = code;
  std::strncpy(told->message, message, sizeof told->message - 1);
}

TEST(OutOfMemory, ACompletionIsCalledWithoutTheTextOfItsMessage) {
  const Result<Sequence> outcome = Status::conflict(kLongText);
  Told told;
  {
    const WithoutMemory none;
    tell(note, &told, outcome);
  }
  EXPECT_EQ(told.calls, 1);
  EXPECT_EQ(told.code, TALEA_CONFLICT);
  EXPECT_STREQ(told.message, "conflict");
}

}  // namespace
}  // namespace talea::capi
