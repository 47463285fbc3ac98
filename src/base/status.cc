#include "talea/status.h"

#include "base/assert.h"

namespace talea {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid_argument";
    case Code::unauthenticated: return "unauthenticated";
    case Code::denied: return "denied";
    case Code::not_found: return "not_found";
    case Code::conflict: return "conflict";
    case Code::exhausted: return "exhausted";
    case Code::unavailable: return "unavailable";
    case Code::timed_out: return "timed_out";
    case Code::cancelled: return "cancelled";
    case Code::corruption: return "corruption";
    case Code::io_error: return "io_error";
    case Code::unsupported: return "unsupported";
  }
  return "unknown_code";
}

Status::Status(Code code, std::string message)
    : state_(std::make_unique<State>(State{code, std::move(message)})) {
  TALEA_ASSERT(code != Code::ok);
}

Status::Status(const Status& other)
    : state_(other.state_ ? std::make_unique<State>(*other.state_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) state_ = other.state_ ? std::make_unique<State>(*other.state_) : nullptr;
  return *this;
}

std::string_view Status::message() const {
  return state_ ? std::string_view(state_->message) : std::string_view();
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  return std::string(code_name(code())) + ": " + state_->message;
}

Status Status::with_context(std::string_view doing) && {
  if (state_) state_->message = std::string(doing) + ": " + state_->message;
  return std::move(*this);
}

Status Status::invalid_argument(std::string m) { return {Code::invalid_argument, std::move(m)}; }
Status Status::unauthenticated(std::string m) { return {Code::unauthenticated, std::move(m)}; }
Status Status::denied(std::string m) { return {Code::denied, std::move(m)}; }
Status Status::not_found(std::string m) { return {Code::not_found, std::move(m)}; }
Status Status::conflict(std::string m) { return {Code::conflict, std::move(m)}; }
Status Status::exhausted(std::string m) { return {Code::exhausted, std::move(m)}; }
Status Status::unavailable(std::string m) { return {Code::unavailable, std::move(m)}; }
Status Status::timed_out(std::string m) { return {Code::timed_out, std::move(m)}; }
Status Status::cancelled(std::string m) { return {Code::cancelled, std::move(m)}; }
Status Status::corruption(std::string m) { return {Code::corruption, std::move(m)}; }
Status Status::io_error(std::string m) { return {Code::io_error, std::move(m)}; }
Status Status::unsupported(std::string m) { return {Code::unsupported, std::move(m)}; }

}  // namespace talea
