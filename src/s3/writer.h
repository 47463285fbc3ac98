// Writer: writes that have a condition, and what is done when nobody knows whether one happened.
//
// A write is sent until it is known what became of it. An answer with ok is clear. When it is
// refused, or not answered, the writer looks (HEAD): at our nonce, at the condition still holding,
// or at neither. "Refused" alone says little: it is what the second of two requests is told whose
// first was done, and a proxy or an HTTP library may have made two of one. So a conflict costs a
// look.
//
//                         ours    the condition holds       neither
//     refused             done    conflict                  conflict
//     not answered        done    sent again                unknown
//     both, in any order  done    unknown                   unknown
//     409, or the quotes  done    sent again                as above
//
// client.h says what that means for a caller.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "s3/client.h"
#include "s3/request.h"
#include "s3/sender.h"

namespace talea::s3 {

/// Threads: safe.
class Writer {
 public:
  /// `sender` and `seams` outlive it.
  Writer(const S3Options& options, const ClientSeams& seams, Sender& sender)
      : options_(options), seams_(seams), sender_(sender) {}

  std::string new_nonce();

  /// How a write is sent and what its answer means.
  struct Write {
    /// Without a condition; names the object that is looked at.
    S3Request request;
    std::string nonce;
    Condition condition;
    /// As WriteOptions has it.
    bool looks_after_refusal = true;
    std::string_view cause;
    /// Of an answer with 2xx.
    std::function<Result<Written>(const HttpResponse&)> read;
  };
  /// Errors: as Client::put()
  Result<Written> write(const Write& write);

  /// If-Match as this store reads it, and what was learned about that.
  std::string if_match(const Etag& etag) const;
  /// Whether a refusal of If-Match may be due to the form in which `etag` was sent, and the other
  /// one is to be tried.
  bool may_try_other_form(const Etag& etag, bool was_unquoted) const;
  void learn_form(bool unquoted);

 private:
  class Attempts;
  enum class Quotes : unsigned char { unknown, as_received, unquoted };

  const S3Options& options_;
  const ClientSeams& seams_;
  Sender& sender_;
  /// A property of the store. What matched once is sent from then on.
  std::atomic<Quotes> quotes_{Quotes::unknown};
};

/// Adds it to `request`. `if_match`: as Writer::if_match() says.
void add_condition(S3Request& request, const Condition& condition, const std::string& if_match);
Etag without_quotes(const Etag& etag);

}  // namespace talea::s3
