#include "transfer/same_place.h"

#include <absl/strings/ascii.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "s3/location.h"

namespace talea {
namespace {

std::filesystem::path real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  if (failed) return path;
  std::filesystem::path real = std::filesystem::weakly_canonical(absolute, failed);
  if (failed) return absolute.lexically_normal();
  // A slash at the end names the same.
  return real.has_filename() ? real : real.parent_path();
}

bool is_loopback(const std::string& name) {
  return name == "localhost" || name == "[::1]" || name == "0.0.0.0" || name.starts_with("127.");
}

// The server that is asked, and its path, however they are spelled: the bucket is in front of the
// one or behind the other.
std::string server_of(const S3Options& options, const s3::Location& location) {
  std::string host = absl::AsciiStrToLower(location.host);
  std::string path = location.bucket_path;
  if (path.ends_with("/" + options.bucket)) {
    path.resize(path.size() - options.bucket.size() - 1);
  } else {
    host.erase(0, options.bucket.size() + 1);
  }
  // Behind an address in brackets, which has colons of its own.
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  std::string name = host.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : host.substr(colon);
  if (name.ends_with('.')) name.pop_back();
  // Of AWS no two regions have buckets of one name.
  if (name.ends_with(".amazonaws.com")) return "amazonaws.com";
  if (name.ends_with(".amazonaws.com.cn")) return "amazonaws.com.cn";
  return (is_loopback(name) ? "localhost" : name) + port + path;
}

// Who cannot say where S3 is, cannot open it either.
bool is_same_bucket(const S3Options& left, const S3Options& right,
                    const s3::Environment& environment) {
  if (left.bucket != right.bucket || left.prefix != right.prefix) return false;
  const auto left_location = s3::locate(left, environment);
  const auto right_location = s3::locate(right, environment);
  return left_location.ok() && right_location.ok() &&
         server_of(left, *left_location) == server_of(right, *right_location);
}

}  // namespace

bool is_same_place(const StoreUrl& left, const StoreUrl& right,
                   const s3::Environment& environment) {
  if (left.scheme != right.scheme || left.scheme == StoreScheme::memory) return false;
  if (is_on_s3(left.scheme)) return is_same_bucket(left.s3, right.s3, environment);
  return real_path(left.path) == real_path(right.path);
}

}  // namespace talea
