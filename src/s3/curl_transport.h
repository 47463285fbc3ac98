// CurlTransport: HTTP by libcurl, and nothing of it that thinks for us: no redirects, no repetition
// of a request whose body was sent, no squashing of paths, no "Expect: 100-continue" for a body
// that is sent faster than the question is answered.
//
// Each request borrows an easy handle, and with it the connection that handle used last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "s3/http.h"

namespace talea::s3 {

/// Handles that are kept for later, each with its open connections.
inline constexpr std::size_t kIdleHandlesMax = 64;

struct CurlOptions {
  /// Certificates to trust, PEM, in the place of the system's; empty: the system's.
  std::string ca_file = {};
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Threads: safe.
class CurlTransport final : public HttpTransport {
 public:
  explicit CurlTransport(CurlOptions options = {});
  ~CurlTransport() override;

  Result<HttpResponse> send(const HttpRequest& request) override;

 private:
  struct Handle;
  std::unique_ptr<Handle> borrow() TALEA_EXCLUDES(mutex_);
  void give_back(std::unique_ptr<Handle> handle) TALEA_EXCLUDES(mutex_);

  const CurlOptions options_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea::s3
