#include "tests/s3home/line_driver.h"

#include <iostream>
#include <thread>
#include <utility>

namespace talea::s3home {
namespace {

// What of a URL says which object and which operation: without the origin and the bucket.
std::string below_bucket(const std::string& url) {
  std::size_t at = url.find("://");
  for (int slashes = 0; slashes < 2 && at != std::string::npos; ++slashes) {
    at = url.find('/', slashes == 0 ? at + 3 : at + 1);
  }
  if (at != std::string::npos) return url.substr(at + 1);
  const std::size_t query = url.find('?');
  return query == std::string::npos ? std::string() : url.substr(query);
}

Json failure(const Status& status) {
  return {{"ok", false},
          {"code", std::string(code_name(status.code()))},
          {"message", std::string(status.message())}};
}

Json answer_to(const Operations& operations, const std::string& text) {
  const Json line = Json::parse(text, nullptr, false);
  if (line.is_discarded() || !line.is_object()) {
    return failure(Status::invalid_argument("a line that is no JSON object: " + text));
  }
  const auto operation = operations.find(member_or<std::string>(line, "op", ""));
  if (operation == operations.end()) {
    return failure(Status::invalid_argument("no such operation in: " + text));
  }
  Answer answer = operation->second(line);
  if (!answer.ok()) return failure(answer.status());
  Json whole = std::move(*answer);
  whole["ok"] = true;
  return whole;
}

}  // namespace

Result<s3::HttpResponse> ListeningTransport::send(const s3::HttpRequest& request) {
  {
    MutexLock lock(mutex_);
    sent_.push_back(request.method + " " + below_bucket(request.url));
  }
  return network_.send(request);
}

std::vector<std::string> ListeningTransport::take() {
  MutexLock lock(mutex_);
  return std::exchange(sent_, {});
}

s3::ClientSeams World::seams(const Json& line) {
  const bool waits = member_or(line, "waits", true);
  return {.transport = transport, .clock = clock, .random = random, .wait = [waits](auto span) {
            if (waits) std::this_thread::sleep_for(span);
          }};
}

S3Options options_of(const Json& line) {
  S3Options options{
      .bucket = line.at("bucket"),
      .prefix = line.at("prefix"),
      .region = "us-east-1",
      .endpoint = line.at("endpoint"),
      .credentials = S3Credentials{.access_key_id = "id", .secret_access_key = "secret"}};
  options.request_timeout = std::chrono::milliseconds(
      member_or<std::int64_t>(line, "request_timeout_ms", options.request_timeout.count()));
  options.operation_timeout = std::chrono::milliseconds(
      member_or<std::int64_t>(line, "operation_timeout_ms", options.operation_timeout.count()));
  return options;
}

int serve(const Operations& operations) {
  for (std::string text; std::getline(std::cin, text);) {
    std::cout << answer_to(operations, text).dump(-1, ' ', true) << std::endl;
  }
  return 0;
}

}  // namespace talea::s3home
