#include "capi/boundary.h"

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>

// The message is in the same piece of memory, behind it.
struct talea_error {  // NOLINT(readability-identifier-naming): of talea.h
  int code;
  bool is_static;
  const char* message;
};

namespace talea::capi {
namespace {

// Given when there is no memory for another.
constexpr talea_error kNothingHappened{TALEA_EXHAUSTED, true, "exhausted: out of memory"};
constexpr talea_error kUnknownOutcome{
    TALEA_TIMED_OUT, true, "timed_out: out of memory during the write; read what is there"};

talea_error* static_error(const talea_error& error) {
  return const_cast<talea_error*>(&error);  // who gets it cannot write to it
}

int give(int code, BytesView text, talea_error** error) noexcept {
  if (error == nullptr) return code;
  void* const memory = std::malloc(sizeof(talea_error) + text.size() + 1);
  if (memory == nullptr) {
    *error = static_error(code == TALEA_TIMED_OUT ? kUnknownOutcome : kNothingHappened);
    return (*error)->code;
  }
  char* const message = static_cast<char*>(memory) + sizeof(talea_error);
  std::memcpy(message, text.data(), text.size());
  message[text.size()] = '\0';
  *error = new (memory) talea_error{code, false, message};
  return code;
}

}  // namespace

int report(const Status& status, talea_error** error) noexcept {
  const int code = static_cast<int>(status.code());
  try {
    return give(code, status.to_string(), error);
  } catch (...) {  // no memory for the text
    return give(code, code_name(status.code()), error);
  }
}

int report_exception(Interrupted interrupted, talea_error** error) noexcept {
  const bool unknown = interrupted == Interrupted::unknown_outcome;
  const auto ended_by = [unknown](const std::string& what) {
    return unknown ? Status::timed_out(what) : Status::io_error(what);
  };
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& exception) {
      return report(ended_by(std::string("an exception ended the call: ") + exception.what()),
                    error);
    } catch (...) {
      return report(ended_by("an exception of an unknown type ended the call"), error);
    }
  } catch (...) {  // no memory for the work, or for what is to be said of it
    const talea_error& given = unknown ? kUnknownOutcome : kNothingHappened;
    if (error != nullptr) *error = static_error(given);
    return given.code;
  }
}

Status callback_threw() {
  try {
    throw;
  } catch (const std::exception& exception) {
    return Status::cancelled(std::string("the callback threw an exception: ") + exception.what());
  } catch (...) {
    return Status::cancelled("the callback threw an exception of an unknown type");
  }
}

void tell(talea_completion done, void* user, const Result<Sequence>& outcome) noexcept {
  std::string text;
  const char* message = "";
  if (!outcome.ok()) {
    try {
      text = outcome.status().to_string();
      message = text.c_str();
    } catch (...) {  // no memory for it: who waits for the call must not wait for ever
      message = talea_code_name(static_cast<int>(outcome.status().code()));
    }
  }
  try {
    done(user, static_cast<int>(outcome.status().code()), outcome.ok() ? *outcome : 0, message);
  } catch (...) {  // NOLINT(bugprone-empty-catch): talea.h says that it is dropped
  }
}

Status required(std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    TALEA_TRY(required_callback(argument.pointer != nullptr, argument.name));
  }
  return {};
}

Status required_callback(bool is_given, const char* name) {
  if (is_given) [[likely]]
    return {};
  return Status::invalid_argument(std::string(name) + " is NULL, and is required");
}

Result<BytesView> bytes_of(const void* data, std::size_t bytes, const char* name) {
  if (bytes == 0) return BytesView();
  if (data == nullptr) {
    return Status::invalid_argument(std::string(name) + " is NULL, and is to have " +
                                    std::to_string(bytes) + " bytes: give their address, or 0");
  }
  if (bytes > PTRDIFF_MAX) {
    return Status::invalid_argument(std::string(name) + " is to have " + std::to_string(bytes) +
                                    " bytes: that is more than there can be");
  }
  return BytesView(static_cast<const char*>(data), bytes);
}

Result<BytesView> bytes_of(const talea_slice& slice, const char* name) {
  return bytes_of(slice.data, slice.bytes, name);
}

Result<Expiry> expiry_of(int kind, std::uint64_t ms) {
  switch (kind) {
    case TALEA_EXPIRY_NEVER: return Expiry::never();
    case TALEA_EXPIRY_AFTER:
      return Expiry::after(
          std::chrono::milliseconds(std::min<std::uint64_t>(ms, kTimeToLiveMsMax + 1)));
    case TALEA_EXPIRY_AT: return Expiry::at(ms);
    case TALEA_EXPIRY_KEEP: return Expiry::keep();
    default:
      return Status::invalid_argument(
          "an expiry is of kind 0 to 3, see talea_expiry_kind; this is " + std::to_string(kind));
  }
}

void* copy_to_buffer(BytesView bytes) {
  void* const buffer = std::malloc(std::max<std::size_t>(bytes.size(), 1));
  if (buffer == nullptr) throw std::bad_alloc();
  if (!bytes.empty()) std::memcpy(buffer, bytes.data(), bytes.size());
  return buffer;
}

Status check_size(std::size_t size, std::size_t first_bytes, const char* name) {
  constexpr std::size_t kSizeMax = 4096;  // what was not set is seldom less
  if (size >= first_bytes && size <= kSizeMax) return {};
  return Status::invalid_argument(std::string(name) + "->size is " + std::to_string(size) +
                                  ": set it to sizeof of the structure, " +
                                  std::to_string(first_bytes) + " bytes or more");
}

static_assert(TALEA_OK == static_cast<int>(Code::ok));
static_assert(TALEA_INVALID_ARGUMENT == static_cast<int>(Code::invalid_argument));
static_assert(TALEA_UNAUTHENTICATED == static_cast<int>(Code::unauthenticated));
static_assert(TALEA_DENIED == static_cast<int>(Code::denied));
static_assert(TALEA_NOT_FOUND == static_cast<int>(Code::not_found));
static_assert(TALEA_CONFLICT == static_cast<int>(Code::conflict));
static_assert(TALEA_EXHAUSTED == static_cast<int>(Code::exhausted));
static_assert(TALEA_UNAVAILABLE == static_cast<int>(Code::unavailable));
static_assert(TALEA_TIMED_OUT == static_cast<int>(Code::timed_out));
static_assert(TALEA_CANCELLED == static_cast<int>(Code::cancelled));
static_assert(TALEA_CORRUPTION == static_cast<int>(Code::corruption));
static_assert(TALEA_IO_ERROR == static_cast<int>(Code::io_error));
static_assert(TALEA_UNSUPPORTED == static_cast<int>(Code::unsupported));

}  // namespace talea::capi

const char* talea_version() { return TALEA_VERSION; }

const char* talea_code_name(int code) {
  if (code < TALEA_OK || code > TALEA_UNSUPPORTED) return "unknown";
  // Of a literal, so that a NUL follows.
  return talea::code_name(static_cast<talea::Code>(code)).data();
}

int talea_error_code(const talea_error* error) { return error == nullptr ? TALEA_OK : error->code; }

const char* talea_error_message(const talea_error* error) {
  return error == nullptr ? "" : error->message;
}

void talea_error_free(talea_error* error) {
  if (error != nullptr && !error->is_static) std::free(error);
}

void talea_free(void* buffer) { std::free(buffer); }
