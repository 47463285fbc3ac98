#include "s3/location.h"

#include <algorithm>

#include "s3/profile_file.h"
#include "s3/uri.h"

namespace talea::s3 {
namespace {

struct Endpoint {
  std::string scheme;
  std::string host;  // with its port, unless it is the scheme's
  std::string path;  // "" or "/s3"
};

bool is_host_character(char character) {
  return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
         (character >= '0' && character <= '9') || character == '-' || character == '.' ||
         character == '_' || character == ':' || character == '[' || character == ']';
}

Status bad_endpoint(const std::string& endpoint) {
  return Status::invalid_argument("the endpoint \"" + without_password(endpoint) +
                                  "\" is none: it is https://host, http://host:port, or one of "
                                  "these with a path");
}

Result<Endpoint> parse_endpoint(const std::string& text) {
  Endpoint endpoint;
  std::string_view rest = text;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.starts_with(scheme)) {
      endpoint.scheme = scheme.substr(0, scheme.size() - 3);
      rest.remove_prefix(scheme.size());
      break;
    }
  }
  if (endpoint.scheme.empty()) return bad_endpoint(text);
  const std::size_t slash = rest.find('/');
  endpoint.host = rest.substr(0, slash);
  if (slash != std::string_view::npos) endpoint.path = rest.substr(slash);
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  const std::string usual_port = endpoint.scheme == "http" ? ":80" : ":443";
  if (endpoint.host.ends_with(usual_port)) {
    endpoint.host.resize(endpoint.host.size() - usual_port.size());
  }
  // No user and password, no query, nothing that is not printable.
  if (endpoint.host.empty() ||
      !std::all_of(endpoint.host.begin(), endpoint.host.end(), is_host_character) ||
      endpoint.path != encode_path(percent_decode(endpoint.path).value_or("?"))) {
    return bad_endpoint(text);
  }
  return endpoint;
}

bool is_bucket_name(const std::string& name) {
  return name.size() >= 3 && name.size() <= 255 &&
         std::all_of(name.begin(), name.end(), [](char character) {
           return is_host_character(character) && character != ':' && character != '[' &&
                  character != ']';
         });
}

bool is_region(const std::string& region) {
  return !region.empty() && region.size() <= 64 &&
         std::all_of(region.begin(), region.end(), [](char character) {
           return is_host_character(character) && character != ':' && character != '[' &&
                  character != ']';
         });
}

Result<std::string> default_region(const Environment& environment, const std::string& profile) {
  const auto named = first_variable(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (named) return *named;
  const auto settings = TALEA_TRY(load_profile(environment, profile));
  if (settings && settings->contains("region")) return settings->find("region")->second;
  return std::string("us-east-1");
}

std::string aws_host(const std::string& region) {
  return "s3." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

}  // namespace

std::string Location::path_of(std::string_view key) const {
  std::string path = bucket_path;
  // A bucket in the host has the path "/"; one in the path ends without a slash.
  if (!key.empty() || path.empty()) path += '/';
  path += encode_path(key);
  return path;
}

Result<Location> locate(const S3Options& options, const Environment& environment) {
  if (options.bucket.empty()) return Status::invalid_argument("no bucket is given");
  if (!is_bucket_name(options.bucket)) {
    return Status::invalid_argument("\"" + options.bucket +
                                    "\" is no name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'");
  }
  Location location;
  location.region = options.region;
  if (location.region.empty()) {
    location.region = TALEA_TRY(default_region(environment, options.profile));
  }
  if (!is_region(location.region)) {
    return Status::invalid_argument("\"" + location.region + "\" is no region");
  }
  const std::string given =
      !options.endpoint.empty()
          ? options.endpoint
          : first_variable(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}).value_or("");
  const Endpoint endpoint =
      given.empty() ? Endpoint{.scheme = "https", .host = aws_host(location.region), .path = ""}
                    : TALEA_TRY(parse_endpoint(given));
  const bool in_path = options.addressing == S3Addressing::path ||
                       (options.addressing == S3Addressing::automatic &&
                        (!given.empty() || options.bucket.find('.') != std::string::npos));
  location.host = in_path ? endpoint.host : options.bucket + "." + endpoint.host;
  location.origin = endpoint.scheme + "://" + location.host;
  location.bucket_path = endpoint.path + (in_path ? "/" + encode_path(options.bucket) : "");
  return location;
}

}  // namespace talea::s3
