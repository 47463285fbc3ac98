#include "s3/writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "s3/answers.h"
#include "s3/errors.h"

namespace talea::s3 {
namespace {

// After so many refusals of a condition that holds, one of which was in each form of an ETag, it is
// the store that is not in order.
constexpr int kRefusalsMax = 8;

bool is_success(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

// That the condition did not hold, or met another write; not that the bucket is missing.
bool is_refusal(const Condition& condition, const HttpResponse& response) {
  if (condition.kind == Condition::Kind::none) return false;
  if (response.status == 412 || response.status == 409) return true;
  return response.status == 404 && error_of(response).code.starts_with("NoSuchKey") &&
         condition.kind == Condition::Kind::etag;
}

}  // namespace

Etag without_quotes(const Etag& etag) {
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return etag;
  return etag.substr(1, etag.size() - 2);
}

void add_condition(S3Request& request, const Condition& condition, const std::string& if_match) {
  if (condition.kind == Condition::Kind::absent) {
    request.headers.push_back({"if-none-match", "*"});
  } else if (condition.kind == Condition::Kind::etag) {
    request.headers.push_back({"if-match", if_match});
  }
}

std::string Writer::new_nonce() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  seams_.random.fill(bytes);
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

std::string Writer::if_match(const Etag& etag) const {
  return quotes_ == Quotes::unquoted ? without_quotes(etag) : etag;
}

// Compares with the form that was sent: another write may have learned the right one meanwhile.
bool Writer::may_try_other_form(const Etag& etag, bool was_unquoted) const {
  if (without_quotes(etag) == etag) return false;
  const Quotes quotes = quotes_;
  return quotes == Quotes::unknown || (quotes == Quotes::unquoted) != was_unquoted;
}

void Writer::learn_form(bool unquoted) {
  quotes_ = unquoted ? Quotes::unquoted : Quotes::as_received;
}

// The attempts of one write.
class Writer::Attempts {
 public:
  Attempts(Writer& writer, const Write& write)
      : writer_(writer),
        write_(write),
        pace_(writer.seams_, writer.options_),
        unquoted_(writer.quotes_ == Quotes::unquoted) {}

  Result<Written> run();

 private:
  enum class Look : unsigned char { ours, holds, other };
  // Nothing: another attempt is to be made.
  using Outcome = std::optional<Result<Written>>;

  Attempt send();
  Outcome after_success(const HttpResponse& response);
  Outcome after_refusal(const Attempt& attempt);
  Outcome after_no_answer(const Attempt& attempt);
  Outcome look_and_decide(const Status& refused_or_lost);
  Result<Look> look();
  Look judge(const std::optional<ObjectInfo>& found);
  Status unknown(const Status& why) const;

  Writer& writer_;
  const Write& write_;
  Pace pace_;
  bool unquoted_;
  bool is_repeated_ = false;
  /// Whether an attempt that was not answered may have been done.
  bool may_be_done_ = false;
  /// The store said clearly that the condition did not hold.
  bool did_not_hold_ = false;
  int refusals_ = 0;
  Written found_;  // by look(): ours
};

Result<Written> Writer::write(const Write& write) { return Attempts(*this, write).run(); }

Result<Written> Writer::Attempts::run() {
  for (;;) {
    const Attempt attempt = send();
    Outcome outcome;
    if (attempt.kind == Attempt::Kind::answered) {
      outcome =
          is_success(attempt.response) ? after_success(attempt.response) : after_refusal(attempt);
    } else {
      outcome = after_no_answer(attempt);
    }
    if (outcome) return std::move(*outcome);
  }
}

Attempt Writer::Attempts::send() {
  S3Request request = write_.request;
  const Etag& etag = write_.condition.etag;
  add_condition(request, write_.condition, unquoted_ ? without_quotes(etag) : etag);
  return writer_.sender_.attempt(request, write_.cause, pace_, std::exchange(is_repeated_, true));
}

Writer::Attempts::Outcome Writer::Attempts::after_success(const HttpResponse& response) {
  if (write_.condition.kind == Condition::Kind::etag &&
      without_quotes(write_.condition.etag) != write_.condition.etag) {
    writer_.learn_form(unquoted_);
  }
  return write_.read(response);
}

Writer::Attempts::Outcome Writer::Attempts::after_refusal(const Attempt& attempt) {
  const HttpResponse& response = attempt.response;
  if (!is_refusal(write_.condition, response)) {
    // The end of an upload that is not known may have been the first attempt's doing.
    const bool may_be_ours =
        may_be_done_ && (response.status == 404 || write_.condition.kind != Condition::Kind::none);
    if (may_be_ours) return look_and_decide(attempt.status);
    return may_be_done_ ? unknown(attempt.status) : attempt.status;
  }
  const bool may_be_the_quotes =
      response.status == 412 && writer_.may_try_other_form(write_.condition.etag, unquoted_);
  did_not_hold_ = did_not_hold_ || (response.status != 409 && !may_be_the_quotes);
  ++refusals_;
  const Status refused = Status::conflict(std::string(attempt.status.message()));
  // 409 says that it met another write, not that its condition did not hold.
  if (!write_.looks_after_refusal && !may_be_done_ && response.status != 409) return refused;
  return look_and_decide(refused);
}

Writer::Attempts::Outcome Writer::Attempts::after_no_answer(const Attempt& attempt) {
  if (attempt.kind == Attempt::Kind::failed) {
    return may_be_done_ ? unknown(attempt.status) : attempt.status;
  }
  if (attempt.kind == Attempt::Kind::unknown) may_be_done_ = true;
  if (!pace_.wait_for_next(attempt.host_is_unknown)) {
    if (may_be_done_) return unknown(attempt.status);
    return Status::unavailable(std::string(attempt.status.message()));
  }
  if (attempt.kind == Attempt::Kind::not_done || write_.condition.kind == Condition::Kind::none) {
    return std::nullopt;
  }
  return look_and_decide(attempt.status);
}

// `refused_or_lost`: what is said when the write did not happen and cannot.
Writer::Attempts::Outcome Writer::Attempts::look_and_decide(const Status& refused_or_lost) {
  const Result<Look> seen = look();
  if (!seen.ok()) {
    const bool may_not_look = seen.status().code() == Code::denied;
    return may_not_look && !may_be_done_ ? refused_or_lost : unknown(seen.status());
  }
  switch (*seen) {
    case Look::ours: return Result<Written>(found_);
    case Look::other: return may_be_done_ ? unknown(refused_or_lost) : refused_or_lost;
    case Look::holds: break;
  }
  if (refused_or_lost.code() != Code::conflict) {
    // Not done so far. An answer that will not change ends it, a lost one does not.
    if (refused_or_lost.code() == Code::timed_out) return std::nullopt;
    if (refused_or_lost.code() == Code::unavailable) return std::nullopt;
    return unknown(refused_or_lost);
  }
  // After a clear refusal it holds again: what was there in between may have been ours.
  if (did_not_hold_ || refusals_ >= kRefusalsMax || !pace_.wait_for_next()) {
    return may_be_done_ ? unknown(refused_or_lost) : refused_or_lost;
  }
  if (writer_.may_try_other_form(write_.condition.etag, unquoted_)) unquoted_ = !unquoted_;
  return std::nullopt;
}

Result<Writer::Attempts::Look> Writer::Attempts::look() {
  S3Request request;
  request.operation = "HeadObject";
  request.method = "HEAD";
  request.key = write_.request.key;
  const HttpResponse response = TALEA_TRY(writer_.sender_.send(request, write_.cause, pace_));
  if (response.status == 404) {
    // Whether what was removed was ours, or there before, nobody knows.
    const bool may_have_been_ours = may_be_done_ && response.header("x-amz-delete-marker");
    return may_have_been_ours ? Look::other : judge(std::nullopt);
  }
  if (!is_success(response)) return writer_.sender_.failure(response, request);
  return judge(TALEA_TRY(parse_info(response, request.key)));
}

Writer::Attempts::Look Writer::Attempts::judge(const std::optional<ObjectInfo>& found) {
  if (found && found->write_nonce == write_.nonce) {
    found_ = {.etag = found->etag, .version_id = found->version_id};
    return Look::ours;
  }
  switch (write_.condition.kind) {
    case Condition::Kind::none: return Look::holds;
    case Condition::Kind::absent: return found ? Look::other : Look::holds;
    case Condition::Kind::etag: break;
  }
  const bool is_same =
      found && without_quotes(found->etag) == without_quotes(write_.condition.etag);
  return is_same ? Look::holds : Look::other;
}

Status Writer::Attempts::unknown(const Status& why) const {
  return Status::timed_out(std::string(why.message()) + "; whether it was written is not known");
}

}  // namespace talea::s3
