// AlteringTransport: a transport in front of another, for tests of what a store says that the fake
// one never would.
#pragma once

#include <functional>
#include <utility>

#include "s3/http.h"

namespace talea::s3 {

/// Threads: safe, as far as `behind` and `alter` are.
class AlteringTransport final : public HttpTransport {
 public:
  /// What the client gets in the place of `answer`.
  using Alter =
      std::function<Result<HttpResponse>(const HttpRequest& request, Result<HttpResponse> answer)>;

  /// `behind` outlives it.
  AlteringTransport(HttpTransport& behind, Alter alter)
      : behind_(behind), alter_(std::move(alter)) {}

  Result<HttpResponse> send(const HttpRequest& request) override {
    return alter_(request, behind_.send(request));
  }

 private:
  HttpTransport& behind_;
  const Alter alter_;
};

/// An answer that is made up, with the length of its body.
inline HttpResponse made_up(int status, Bytes body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-length", std::to_string(body.size())}};
  response.body = std::move(body);
  return response;
}

}  // namespace talea::s3
