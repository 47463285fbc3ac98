// An S3 server for tests/s3home and bench/s3home_bench.py: the fake of the unit tests behind a
// port. moto, a server that others wrote, answers some hundred requests a second at most, and would
// be what is waited for and measured.
//
//     s3home_server [LOG]
//
// Prints its URL. Has the buckets `versioned` and `plain`, and makes others when it is asked to. A
// line `delay N` on standard input: each request waits N milliseconds from now on; it is answered
// by `ok`. Ends at the end of standard input. LOG gets a line for each request: method, and path
// with query.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "tests/support/fake_s3.h"
#include "tests/support/loopback_server.h"

namespace talea::s3home {
namespace {

// The fake remembers what was asked of it, for unit tests.
constexpr std::uint64_t kRequestsRemembered = 1000;

class Server {
 public:
  explicit Server(const char* log) {
    if (log != nullptr) log_.open(log);
    store_.create_bucket("versioned", s3::Versioning::enabled);
    store_.create_bucket("plain", s3::Versioning::never);
  }

  LoopbackServer::Answer answer(const std::string& head, const std::string& body) {
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    std::istringstream lines(head);
    s3::HttpRequest request;
    std::string target;
    lines >> request.method >> target;
    request.url = "http://loopback" + target;
    request.body = body;
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) add_header(request, line);
    note(request.method + " " + target);
    if (const auto bucket = bucket_to_make(request.method, target)) {
      store_.create_bucket(*bucket, s3::Versioning::never);
      return LoopbackServer::ok("");
    }
    const auto response = store_.send(request);
    if (!response.ok()) return {.bytes = "", .closes = true};
    return {.bytes = text_of(*response, request.method == "HEAD")};
  }

  std::atomic<int> delay_ms{0};

 private:
  // Of "PUT /name", also with a slash behind it.
  static std::optional<std::string> bucket_to_make(const std::string& method,
                                                   const std::string& target) {
    const std::string name = target.substr(1, target.find('/', 1) - 1);
    const bool names_a_bucket =
        target.size() <= name.size() + 2 && !name.empty() && name.find('?') == std::string::npos;
    return method == "PUT" && names_a_bucket ? std::optional(name) : std::nullopt;
  }

  static void add_header(s3::HttpRequest& request, std::string line) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    std::string name = line.substr(0, colon);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    request.headers.push_back({name, value == std::string::npos ? "" : line.substr(value)});
  }

  static std::string text_of(const s3::HttpResponse& response, bool is_head) {
    std::string text = "HTTP/1.1 " + std::to_string(response.status) + " -\r\n";
    bool has_length = false;
    for (const s3::HttpHeader& header : response.headers) {
      text += header.name + ": " + header.value + "\r\n";
      has_length = has_length || header.name == "content-length";
    }
    if (!has_length && response.status != 204) {
      text += "content-length: " + std::to_string(response.body.size()) + "\r\n";
    }
    text += "\r\n";
    return is_head ? text : text + response.body;
  }

  void note(const std::string& request) {
    MutexLock lock(mutex_);
    if (++requests_ % kRequestsRemembered == 0) store_.clear_log();
    if (log_.is_open()) log_ << request << std::endl;
  }

  SystemClock clock_;
  s3::FakeS3 store_{clock_};
  Mutex mutex_;
  std::uint64_t requests_ TALEA_GUARDED_BY(mutex_) = 0;
  std::ofstream log_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace
}  // namespace talea::s3home

int main(int count, char** arguments) {
  talea::s3home::Server server(count > 1 ? arguments[1] : nullptr);
  talea::LoopbackServer port(
      [&](const std::string& head, const std::string& body) { return server.answer(head, body); });
  std::cout << port.url() << std::endl;
  std::string word;
  for (int delay = 0; std::cin >> word >> delay;) {
    server.delay_ms = delay;
    std::cout << "ok" << std::endl;
  }
  return 0;
}
