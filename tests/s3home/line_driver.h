// What the drivers of the S3 homes have in common: programs that do with a home what lines of JSON
// on standard input say, each answered by a line. So a test in any language holds them beside the
// clients of others, with the real transport.
//
//     in:   {"op":"set","key":"a","json":"1"}
//     out:  {"ok":true,...}   or   {"ok":false,"code":"timed_out","message":"..."}
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/random.h"
#include "io/posix_file_system.h"
#include "s3/client.h"
#include "s3/curl_transport.h"
#include "talea/s3.h"

namespace talea::s3home {

using Json = nlohmann::json;

/// Remembers what was sent: "GET app/_log.json", "GET ?list-type=2".
/// Threads: safe.
class ListeningTransport final : public s3::HttpTransport {
 public:
  Result<s3::HttpResponse> send(const s3::HttpRequest& request) override;
  /// Since the last call.
  std::vector<std::string> take() TALEA_EXCLUDES(mutex_);

 private:
  s3::CurlTransport network_;
  Mutex mutex_;
  std::vector<std::string> sent_ TALEA_GUARDED_BY(mutex_);
};

/// The outside world as it is in production, but that requests are remembered.
struct World {
  /// Where `line` says "waits":false, one try follows the other at once.
  s3::ClientSeams seams(const Json& line);

  SystemClock clock;
  SystemRandom random;
  PosixFileSystem files;
  ThreadExecutor executor;
  ListeningTransport transport;
};

/// Of the fields endpoint, bucket, prefix, and where they are there request_timeout_ms and
/// operation_timeout_ms.
S3Options options_of(const Json& line);

/// The member `name`, or `otherwise` when it is not there.
template <typename Value>
Value member_or(const Json& line, const char* name, Value otherwise) {
  const auto found = line.find(name);
  return found == line.end() ? otherwise : found->get<Value>();
}

using Answer = Result<Json>;
using Operations = std::map<std::string, std::function<Answer(const Json&)>>;

/// Members of a driver as operations.
template <typename Driver>
class MembersOf {
 public:
  explicit MembersOf(Driver& driver) : driver_(driver) {}

  template <typename Member>
  auto always(Member member) const {
    return [&driver = driver_, member](const Json& line) { return (driver.*member)(line); };
  }
  /// Those that need what "open" opens.
  template <typename Member>
  auto when_open(Member member) const {
    return [&driver = driver_, member](const Json& line) -> Answer {
      if (!driver.is_open()) return Status::invalid_argument("say open first");
      return (driver.*member)(line);
    };
  }

 private:
  Driver& driver_;
};

/// Does what the lines say until there are no more; the program's exit status.
int serve(const Operations& operations);

}  // namespace talea::s3home
