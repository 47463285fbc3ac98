// Status: how an operation ended. Result<T> (result.h) is a Status or a value.
//
// There is one error system in Talea. A Status carries a code, on which a program acts, and a
// message, which is for people and no interface. Nothing is thrown. Running out of memory is not
// handled: std::bad_alloc passes through or, where other threads depend on the call, ends the
// process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace talea {

/// What a caller can do about a failure. A code exists only where callers act differently.
enum class Code : unsigned char {
  ok = 0,
  /// The request can never work; change it.
  invalid_argument,
  /// Who are you: log in, then retry.
  unauthenticated,
  /// Known, and not allowed.
  denied,
  /// A named thing (a file, a store) is missing. Never "no such key": absence of a key is a value.
  not_found,
  /// A precondition failed. Read again, then retry.
  conflict,
  /// A stated limit was met: a size, a quota, a full disk. What was asked for did not happen.
  exhausted,
  /// It did not happen, and may work later (another process owns the store).
  unavailable,
  /// The outcome is unknown: it may or may not have happened. Retry only what is idempotent.
  timed_out,
  /// The caller asked for it to stop.
  cancelled,
  /// Bytes disagree with their checksum, their chain or their grammar.
  corruption,
  /// The operating system refused; its reason is in the message.
  io_error,
  /// Written by a newer version, or a feature that is not built in.
  unsupported,
};

/// The name of `code` as written in this header, for example "not_found".
std::string_view code_name(Code code);

/// The outcome of an operation that returns no value.
///
/// Cost: an ok Status is one null pointer; nothing is allocated on success.
/// Threads: a value; externally synchronised like an int.
class [[nodiscard]] Status {
 public:
  /// Success.
  Status() = default;
  /// `code` must not be Code::ok; use the default constructor for success.
  Status(Code code, std::string message);

  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  bool ok() const { return state_ == nullptr; }
  Code code() const { return state_ == nullptr ? Code::ok : state_->code; }
  /// The message without the name of the code; empty on success.
  std::string_view message() const;
  /// "ok", or the name of the code, a colon and the message.
  std::string to_string() const;

  /// The same failure with `doing: ` in front of the message. Call it once, where you know what
  /// was being done. Does nothing to an ok Status.
  Status with_context(std::string_view doing) &&;

  // One maker for each code.
  static Status invalid_argument(std::string message);
  static Status unauthenticated(std::string message);
  static Status denied(std::string message);
  static Status not_found(std::string message);
  static Status conflict(std::string message);
  static Status exhausted(std::string message);
  static Status unavailable(std::string message);
  static Status timed_out(std::string message);
  static Status cancelled(std::string message);
  static Status corruption(std::string message);
  static Status io_error(std::string message);
  static Status unsupported(std::string message);

 private:
  struct State {
    Code code;
    std::string message;
  };
  std::unique_ptr<State> state_;
};

}  // namespace talea
