// The boundary between C and C++: what every function of talea.h does with arguments and failures.
//
//     int talea_sync(talea_engine* engine, talea_error** error) {
//       return guarded(error, [&]() -> Status {
//         TALEA_TRY(required({{engine, "engine"}}));
//         return engine->engine->sync();
//       });
//     }
//
// No exception leaves guarded(), and what a Status says arrives as a code and an error object.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>

#include "talea/engine.h"
#include "talea/talea.h"

namespace talea::capi {

/// What an exception says of the work that it ended.
enum class Interrupted : bool {
  /// It did not happen: reading, or making something in memory.
  nothing_happened,
  /// It may have happened: writing.
  unknown_outcome,
};

/// Gives `status` to the caller: sets *error, when that is wanted, and returns the code.
int report(const Status& status, talea_error** error) noexcept;
/// The same for the exception that is being handled.
int report_exception(Interrupted interrupted, talea_error** error) noexcept;
/// What the exception that is being handled says, for a callback of the caller's that threw. Throws
/// itself when there is no memory for that.
Status callback_threw();
/// Calls `done` with `outcome`, once, also when there is no memory for the message, which is then
/// the name of the code. What `done` throws is dropped.
void tell(talea_completion done, void* user, const Result<Sequence>& outcome) noexcept;

/// Runs `function`, which returns a Status, and gives its outcome to the caller.
template <typename Function>
int guarded(Interrupted interrupted, talea_error** error, Function&& function) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    const Status status = function();
    if (status.ok()) [[likely]]
      return TALEA_OK;
    return report(status, error);
  } catch (...) {
    return report_exception(interrupted, error);
  }
}
template <typename Function>
int guarded(talea_error** error, Function&& function) noexcept {
  return guarded(Interrupted::nothing_happened, error, std::forward<Function>(function));
}
template <typename Function>
int guarded_write(talea_error** error, Function&& function) noexcept {
  return guarded(Interrupted::unknown_outcome, error, std::forward<Function>(function));
}

template <typename T>
void set_if_wanted(T* out, T value) {
  if (out != nullptr) *out = value;
}

struct Argument {
  const void* pointer;
  const char* name;
};
/// invalid_argument, with its name, when one of `arguments` is NULL. A callback has a name and no
/// address that is data: see the other one.
Status required(std::initializer_list<Argument> arguments);
Status required_callback(bool is_given, const char* name);

/// The bytes at `data`, which may be NULL when there are none.
Result<BytesView> bytes_of(const void* data, std::size_t bytes, const char* name);
Result<BytesView> bytes_of(const talea_slice& slice, const char* name);
inline talea_slice slice_of(BytesView bytes) { return {bytes.data(), bytes.size()}; }

/// `kind` is of talea_expiry_kind.
Result<Expiry> expiry_of(int kind, std::uint64_t ms);

/// As a duration; what is beyond every limit becomes another that is, and that durations can be
/// computed with.
inline std::chrono::milliseconds milliseconds_of(std::uint64_t ms) {
  constexpr std::uint64_t kMillisecondsMax = 1'000'000'000'000;
  return std::chrono::milliseconds(std::min(ms, kMillisecondsMax));
}

/// A copy of `bytes` that talea_free() ends; never NULL.
void* copy_to_buffer(BytesView bytes);

// Structures that begin with their size. The first version of each had kFirstBytes<T>; who appends
// a member to one writes the present number down here, as a specialisation.
template <typename T>
inline constexpr std::size_t kFirstBytes = sizeof(T);

// Nor may it end in padding, which callers do not set: a member that came to lie there would be
// within the size of the first version, and read what is no value of anybody's.
template <typename T>
inline constexpr bool kCanGrow =
    std::is_trivially_copyable_v<T>&& std::has_unique_object_representations_v<T>;

/// invalid_argument unless the caller's structure is one.
Status check_size(std::size_t size, std::size_t first_bytes, const char* name);

/// Fills what the caller has room for. `name` is that of the argument.
template <typename T>
Status fill(T* out, T filled, const char* name) {
  static_assert(kCanGrow<T>);
  TALEA_TRY(check_size(out->size, kFirstBytes<T>, name));
  filled.size = std::min(out->size, sizeof(T));
  std::memcpy(out, &filled, filled.size);
  return {};
}

/// What the caller filled in. `unsupported` when a later version has members that are set.
template <typename T>
Result<T> read_sized(const T* in, const char* name) {
  static_assert(kCanGrow<T>);
  TALEA_TRY(check_size(in->size, kFirstBytes<T>, name));
  const auto* bytes = reinterpret_cast<const char*>(in);
  if (std::any_of(bytes + std::min(in->size, sizeof(T)), bytes + in->size,
                  [](char byte) { return byte != 0; })) {
    return Status::unsupported(std::string(name) +
                               " sets a member that this version of the library does not know: "
                               "set it to 0, or use a later library");
  }
  T known{};
  std::memcpy(&known, in, std::min(in->size, sizeof(T)));
  return known;
}

}  // namespace talea::capi
