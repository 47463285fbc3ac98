// Result<T>: a value, or the Status that says why there is none. And TALEA_TRY, which passes a
// failure on to the caller.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>

#include "talea/status.h"

namespace talea {

/// Holds a T or a failed Status, never both and never an ok Status.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that `return value;` and `return Status::not_found(...)` both read naturally.
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {
    if (status_.ok()) die("a Result was made from an ok Status without a value");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const& { return status_; }
  Status&& status() && { return std::move(status_); }

  /// The value. Asking a failed Result for its value is a bug and stops the process.
  T& value() & { return checked(), *value_; }
  const T& value() const& { return checked(), *value_; }
  // By value, so that what a call returned may be iterated over: `for (x : list().value())`.
  T value() && { return checked(), std::move(*value_); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  [[noreturn]] static void die(const char* what) {
    std::fprintf(stderr, "talea: %s\n", what);
    std::abort();
  }
  void checked() const {
    if (!value_.has_value()) die(("value() of a failed Result: " + status_.to_string()).c_str());
  }

  Status status_;
  std::optional<T> value_;
};

namespace internal {
inline Status take_status(Status& status) { return std::move(status); }
template <typename T>
Status take_status(Result<T>& result) {
  return std::move(result).status();
}
inline void take_value(Status&) {}
template <typename T>
T take_value(Result<T>& result) {
  return std::move(result).value();
}
}  // namespace internal

}  // namespace talea

/// The value of a Result-returning expression, or an early return of its failure from the
/// function around it. Also takes a Status, and then has no value:
///
///     File file = TALEA_TRY(fs.open(path));
///     TALEA_TRY(file.sync());
///
/// A GNU statement expression; g++ and clang both have it. May be nested: each use names its
/// result after a counter, so that none shadows another.
#define TALEA_TRY(...) TALEA_INTERNAL_TRY_COUNTED(__COUNTER__, __VA_ARGS__)
#define TALEA_INTERNAL_TRY_COUNTED(count, ...) TALEA_INTERNAL_TRY_NAMED(count, __VA_ARGS__)
#define TALEA_INTERNAL_TRY_NAMED(count, ...)                    \
  __extension__({                                               \
    auto talea_try_##count = (__VA_ARGS__);                     \
    if (!talea_try_##count.ok()) [[unlikely]]                   \
      return ::talea::internal::take_status(talea_try_##count); \
    ::talea::internal::take_value(talea_try_##count);           \
  })
