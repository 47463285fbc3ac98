#include "s3/curl_transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "s3/uri.h"
#include "talea/limits.h"

namespace talea::s3 {
namespace {

// Below it the body is on its way before a server could have said "continue"; above it a refusal
// may save the upload.
constexpr std::uint64_t kExpectBytesMin = 1 * kMiB;

// Above what any store takes; curl refuses to be given 8 MB.
constexpr std::size_t kUrlBytesMax = 64 * kKiB;

void initialise_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  TALEA_ASSERT(done == CURLE_OK);
}

// --- What curl calls

// The request that is being sent, and what came of it.
struct Exchange {
  BytesView body;
  std::size_t sent = 0;
  std::uint64_t answer_bytes_max = 0;
  bool is_too_long = false;
  bool is_head_whole = false;
  HttpResponse response;
};

std::size_t read_body(char* out, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::size_t bytes = std::min(size * count, exchange.body.size() - exchange.sent);
  std::memcpy(out, exchange.body.data() + exchange.sent, bytes);
  exchange.sent += bytes;
  return bytes;
}

std::size_t write_body(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.response.body.size() + size * count > exchange.answer_bytes_max) {
    exchange.is_too_long = true;
    return 0;
  }
  exchange.response.body.append(bytes, size * count);
  return size * count;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t read_header(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(bytes, size * count);
  // Another answer begins: the one before was "100 Continue".
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();
    exchange.is_head_whole = false;
  }
  if (trimmed(line).empty()) exchange.is_head_whole = true;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(trimmed(line.substr(0, colon)));
  std::transform(name.begin(), name.end(), name.begin(), [](char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                                : character;
  });
  exchange.response.headers.push_back(
      {std::move(name), std::string(trimmed(line.substr(colon + 1)))});
  return size * count;
}

// --- What curl is told

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void append(HeaderList& list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
  TALEA_ASSERT(longer != nullptr);
  static_cast<void>(list.release());
  list.reset(longer);
}

Result<HeaderList> header_list(const HttpRequest& request) {
  HeaderList list;
  for (const HttpHeader& header : request.headers) {
    if (header.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return Status::invalid_argument("the header " + header.name + " has an end of line in it");
    }
    // "name;" is how curl wants a header without a value.
    append(list, header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  if (request.body.size() < kExpectBytesMin) append(list, "Expect:");
  append(list, "Accept:");
  return list;
}

template <typename Value>
void set(CURL* curl, CURLoption option, Value value) {
  TALEA_ASSERT(curl_easy_setopt(curl, option, value) == CURLE_OK);
}

void set_method(CURL* curl, const HttpRequest& request, Exchange& exchange) {
  if (request.method == "HEAD") {
    set(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST") {
    set(curl, CURLOPT_UPLOAD, 1L);
    set(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(curl, CURLOPT_READFUNCTION, &read_body);
    set(curl, CURLOPT_READDATA, static_cast<void*>(&exchange));
    // No CURLOPT_SEEKFUNCTION. On a connection that was open too long curl would send the request
    // again by itself, and then the second of two conditional writes answers for the first.
  }
  set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void configure(CURL* curl, const HttpRequest& request, const CurlOptions& options,
               Exchange& exchange) {
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_PATH_AS_IS, 1L);
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  set(curl, CURLOPT_USERAGENT, "talea");
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(curl, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::min(request.timeout, options.connect_timeout).count()));
  set(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  set(curl, CURLOPT_WRITEFUNCTION, &write_body);
  set(curl, CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(curl, CURLOPT_HEADERFUNCTION, &read_header);
  set(curl, CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  if (is_http_to_this_machine(request.url)) set(curl, CURLOPT_NOPROXY, "*");
  set_method(curl, request, exchange);
}

// --- What curl says

std::string host_of(const std::string& url) {
  const std::string shown = without_password(url);
  const std::size_t begin = shown.find("://");
  if (begin == std::string::npos) return shown;
  return shown.substr(0, shown.find_first_of("/?", begin + 3));
}

Status failure_of(CURL* curl, CURLcode code, const HttpRequest& request, const Exchange& exchange,
                  const char* details) {
  const std::string text =
      host_of(request.url) + ": " + (*details != '\0' ? details : curl_easy_strerror(code));
  if (exchange.is_too_long) {
    return Status::exhausted(host_of(request.url) + ": the answer is longer than " +
                             std::to_string(request.answer_bytes_max) + " bytes");
  }
  long request_bytes = 0;
  curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes);
  const bool was_sent = request_bytes > 0;
  switch (code) {
    case CURLE_URL_MALFORMAT: return Status::invalid_argument(text);
    case CURLE_UNSUPPORTED_PROTOCOL:
      // Of the URL; after the request, of the answer, which is no HTTP.
      return was_sent ? Status::timed_out(text) : Status::invalid_argument(text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Status::unauthenticated(text + "; the server cannot prove who it is");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Status::not_found(text);
    default: break;
  }
  return was_sent ? Status::timed_out(text) : Status::unavailable(text);
}

}  // namespace

struct CurlTransport::Handle {
  Handle() : curl(curl_easy_init()) { TALEA_ASSERT(curl != nullptr); }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURL* const curl;
};

CurlTransport::CurlTransport(CurlOptions options) : options_(std::move(options)) {
  initialise_once();
}

CurlTransport::~CurlTransport() = default;

std::unique_ptr<CurlTransport::Handle> CurlTransport::borrow() {
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Handle> handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  return std::make_unique<Handle>();
}

void CurlTransport::give_back(std::unique_ptr<Handle> handle) {
  curl_easy_reset(handle->curl);  // connections stay
  MutexLock lock(mutex_);
  if (idle_.size() < kIdleHandlesMax) idle_.push_back(std::move(handle));
}

Result<HttpResponse> CurlTransport::send(const HttpRequest& request) {
  if (request.url.size() > kUrlBytesMax) {
    return Status::invalid_argument(host_of(request.url) + ": a URL of " +
                                    std::to_string(request.url.size()) + " bytes; up to " +
                                    std::to_string(kUrlBytesMax) + " are sent");
  }
  const HeaderList headers = TALEA_TRY(header_list(request));
  Exchange exchange;
  exchange.body = request.body;
  exchange.answer_bytes_max = request.answer_bytes_max;
  std::unique_ptr<Handle> handle = borrow();
  CURL* const curl = handle->curl;
  char details[CURL_ERROR_SIZE] = "";
  configure(curl, request, options_, exchange);
  set(curl, CURLOPT_URL, request.url.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  set(curl, CURLOPT_ERRORBUFFER, details);
  if (!options_.ca_file.empty()) set(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl);
  Status failure;
  if (code == CURLE_OK && !exchange.is_head_whole) {
    // To curl a connection that ends within the header fields is the end of an answer.
    failure = Status::timed_out(host_of(request.url) + ": the answer was cut off");
  } else if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
  } else {
    failure = failure_of(curl, code, request, exchange, details);
  }
  give_back(std::move(handle));
  if (!failure.ok()) return failure;
  return std::move(exchange.response);
}

}  // namespace talea::s3
