#include "home/store_url.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "codec/utf8.h"
#include "s3/uri.h"
#include "talea/limits.h"

namespace talea {
namespace {

constexpr std::string_view kAllowed =
    "a directory, as ./data, file:PATH, rocksdb:PATH, immukv+s3://BUCKET/PREFIX, "
    "s4db+s3://BUCKET/PREFIX, and memory:";

constexpr std::array kSchemes = {StoreScheme::file, StoreScheme::rocksdb, StoreScheme::memory,
                                 StoreScheme::ledger, StoreScheme::bucket_files};

std::optional<StoreScheme> scheme_named(std::string_view name) {
  for (const StoreScheme scheme : kSchemes) {
    if (name == store_scheme_name(scheme)) return scheme;
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string list_of(const std::vector<std::string_view>& names) {
  std::string list;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (at != 0) list += at + 1 == names.size() ? " and " : ", ";
    list += names[at];
  }
  return list;
}

// --- What is in a directory of this machine

// Without the URL: there may be a password in it.
Status names_another_host(StoreScheme scheme) {
  const std::string name(store_scheme_name(scheme));
  return Status::invalid_argument(name + "://HOST names a host; a store is on this one: " + name +
                                  ":///PATH");
}

Result<StoreUrl> parse_path(StoreScheme scheme, std::string_view url, std::string_view path) {
  if (path.starts_with("//")) {  // SCHEME://HOST/PATH, of which HOST has to be empty
    if (!path.starts_with("///")) return names_another_host(scheme);
    path.remove_prefix(2);
  }
  if (path.empty()) {
    return Status::invalid_argument(quoted(url) + " names no directory; a store is " +
                                    std::string(kAllowed));
  }
  return StoreUrl{.scheme = scheme, .path = std::string(path)};
}

// --- What is on S3

// What a URL is of: a store, or, without a scheme of stores, something else in a bucket.
struct S3Kind {
  std::string_view scheme_name;
  std::string_view name;
  std::optional<StoreScheme> scheme = {};
};

S3Kind kind_of(StoreScheme scheme) {
  return {store_scheme_name(scheme), kind_of_store(scheme), scheme};
}
constexpr S3Kind kPlace = {"s3", "a place on S3"};

// One of the values that there are.
template <typename Choice>
Status choose(Choice& chosen, std::string_view value,
              std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  std::vector<std::string_view> names;
  for (const auto& [name, choice] : choices) {
    names.push_back(name);
    if (name != value) continue;
    chosen = choice;
    return {};
  }
  return Status::invalid_argument("there is no " + quoted(value) + "; there are " + list_of(names));
}

Status set_endpoint(StoreUrl& url, const std::string& value) {
  if (value.find('@') != std::string::npos) {
    return Status::invalid_argument(
        "an endpoint has no user and password; credentials come from the environment or a profile");
  }
  url.s3.endpoint = value;
  return {};
}
Status set_region(StoreUrl& url, const std::string& value) {
  url.s3.region = value;
  return {};
}
Status set_profile(StoreUrl& url, const std::string& value) {
  url.s3.profile = value;
  return {};
}
Status set_addressing(StoreUrl& url, const std::string& value) {
  return choose(url.s3.addressing, value,
                {{"path", S3Addressing::path}, {"virtual-host", S3Addressing::virtual_host}});
}
Status set_kms_key_id(StoreUrl& url, const std::string& value) {
  url.s3.kms_key_id = value;
  return {};
}
Status set_hash_profile(StoreUrl& url, const std::string& value) {
  return choose(url.hash_profile, value,
                {{"auto", HashProfile::automatic},
                 {"python", HashProfile::python},
                 {"typescript", HashProfile::typescript}});
}
Status set_directory(StoreUrl& url, const std::string& value) {
  url.directory = value;
  return {};
}
Status set_format(StoreUrl& url, const std::string& value) {
  return choose(url.format, value, {{"v1", BucketFormat::v1}, {"v2", BucketFormat::v2}});
}
Status set_writers(StoreUrl& url, const std::string& value) {
  return choose(url.writers, value, {{"one", BucketWriters::one}, {"many", BucketWriters::many}});
}

struct Parameter {
  std::string_view name;
  std::optional<StoreScheme> only_of;
  Status (*set)(StoreUrl& url, const std::string& value);

  bool is_of(const S3Kind& kind) const { return !only_of || only_of == kind.scheme; }
};

constexpr std::array<Parameter, 9> kParameters = {{
    {"endpoint", std::nullopt, set_endpoint},
    {"region", std::nullopt, set_region},
    {"profile", std::nullopt, set_profile},
    {"addressing", std::nullopt, set_addressing},
    {"kms_key_id", std::nullopt, set_kms_key_id},
    {"hash_profile", StoreScheme::ledger, set_hash_profile},
    {"directory", StoreScheme::bucket_files, set_directory},
    {"format", StoreScheme::bucket_files, set_format},
    {"writers", StoreScheme::bucket_files, set_writers},
}};

Status unknown_parameter(std::string_view name, const S3Kind& kind) {
  std::vector<std::string_view> names;
  for (const Parameter& parameter : kParameters) {
    if (parameter.is_of(kind)) names.push_back(parameter.name);
  }
  return Status::invalid_argument("there is no parameter " + quoted(name) + " of " +
                                  std::string(kind.name) + "; there are " + list_of(names));
}

Result<std::string> decoded(std::string_view text, std::string_view what) {
  std::optional<std::string> bytes = s3::percent_decode(text);
  if (!bytes) {
    return Status::invalid_argument("in the " + std::string(what) +
                                    " a % is not followed by two hexadecimal digits; a percent "
                                    "sign itself is written %25");
  }
  return std::move(*bytes);
}

// Reads one `name=value`. A value is not repeated in messages: who mistakes the name of a parameter
// may have written a secret there.
Status take_parameter(std::string_view text, const S3Kind& kind,
                      std::set<std::string, std::less<>>& taken, StoreUrl& url) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto known = std::find_if(
      kParameters.begin(), kParameters.end(),
      [&](const Parameter& parameter) { return parameter.name == name && parameter.is_of(kind); });
  if (known == kParameters.end()) {
    // Without a '=' all of it may be a secret.
    const bool is_named = equals != std::string_view::npos || name.empty();
    return unknown_parameter(is_named ? name : "(one without =)", kind);
  }
  if (!taken.emplace(name).second) {
    return Status::invalid_argument("the parameter " + quoted(name) + " comes twice");
  }
  if (equals == std::string_view::npos || equals + 1 == text.size()) {
    return Status::invalid_argument("the parameter " + quoted(name) +
                                    " has no value; leave it out if none is meant");
  }
  const std::string value = TALEA_TRY(decoded(text.substr(equals + 1), name));
  return known->set(url, value).with_context("parameter " + std::string(name));
}

Status take_parameters(std::string_view query, const S3Kind& kind, StoreUrl& url) {
  std::set<std::string, std::less<>> taken;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    TALEA_TRY(take_parameter(query.substr(0, end), kind, taken, url));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

Status check_prefix(std::string_view prefix) {
  const bool has_control = std::any_of(prefix.begin(), prefix.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control || !is_utf8(prefix)) {
    return Status::invalid_argument("a prefix is UTF-8 without control characters");
  }
  if (prefix.size() < kS3KeyBytesMax) return {};
  return Status::invalid_argument("the prefix has " + std::to_string(prefix.size()) +
                                  " bytes; the names of objects, which begin with it, have at "
                                  "most " +
                                  std::to_string(kS3KeyBytesMax));
}

// What is wrong with the bucket, without a word of it: there may be a password in it.
Status check_bucket(std::string_view bucket, const std::string& form) {
  if (bucket.find('@') != std::string_view::npos) {
    return Status::invalid_argument(
        "a URL has no user and password, which others on this machine could read: credentials come "
        "from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine");
  }
  if (bucket.find(':') != std::string_view::npos) {
    return Status::invalid_argument("a bucket's name has no ':'. Another store than AWS is named " +
                                    form + "?endpoint=http://HOST:PORT");
  }
  if (!bucket.empty()) return {};
  return Status::invalid_argument("the URL names no bucket; it is " + form);
}

// `rest`: behind the first colon.
Result<StoreUrl> parse_s3(const S3Kind& kind, std::string_view rest) {
  const std::string form = std::string(kind.scheme_name) + "://BUCKET/PREFIX";
  if (!rest.starts_with("//")) {
    return Status::invalid_argument(std::string(kind.name) + " is named " + form);
  }
  rest.remove_prefix(2);
  if (rest.find('#') != std::string_view::npos) {
    return Status::invalid_argument("in a URL a # is written %23");
  }
  const std::size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view place = rest.substr(0, question);
  const std::size_t slash = std::min(place.find('/'), place.size());
  StoreUrl url;
  if (kind.scheme) url.scheme = *kind.scheme;
  url.s3.bucket = place.substr(0, slash);
  TALEA_TRY(check_bucket(url.s3.bucket, form));
  if (slash < place.size()) {
    url.s3.prefix = TALEA_TRY(decoded(place.substr(slash + 1), "prefix"));
  }
  TALEA_TRY(check_prefix(url.s3.prefix));
  if (question < rest.size()) TALEA_TRY(take_parameters(rest.substr(question + 1), kind, url));
  return url;
}

}  // namespace

std::string_view store_scheme_name(StoreScheme scheme) {
  switch (scheme) {
    case StoreScheme::file: return "file";
    case StoreScheme::rocksdb: return "rocksdb";
    case StoreScheme::memory: return "memory";
    case StoreScheme::ledger: return "immukv+s3";
    case StoreScheme::bucket_files: return "s4db+s3";
  }
  return "unknown";
}

bool is_on_s3(StoreScheme scheme) {
  return scheme == StoreScheme::ledger || scheme == StoreScheme::bucket_files;
}

Result<StoreUrl> parse_store_url(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos || url.find('/') < colon) {
    if (!url.empty()) return StoreUrl{.scheme = StoreScheme::file, .path = std::string(url)};
    return parse_path(StoreScheme::file, url, url);
  }
  const std::optional<StoreScheme> scheme = scheme_named(url.substr(0, colon));
  if (!scheme) {
    return Status::invalid_argument("there is no kind of store " +
                                    quoted(std::string(url.substr(0, colon)) + ":") +
                                    "; there are " + std::string(kAllowed));
  }
  const std::string_view rest = url.substr(colon + 1);
  if (is_on_s3(*scheme)) return parse_s3(kind_of(*scheme), rest);
  if (*scheme != StoreScheme::memory) return parse_path(*scheme, url, rest);
  if (rest.empty()) return StoreUrl{.scheme = StoreScheme::memory};
  return Status::invalid_argument("memory: is in this process and has no path; leave it out");
}

Result<S3Options> parse_s3_url(std::string_view url) {
  const std::string scheme = std::string(kPlace.scheme_name) + ":";
  if (!url.starts_with(scheme)) {
    return Status::invalid_argument("this is not " + std::string(kPlace.name) +
                                    ", which is named s3://BUCKET/PREFIX");
  }
  return std::move(TALEA_TRY(parse_s3(kPlace, url.substr(scheme.size()))).s3);
}

}  // namespace talea
