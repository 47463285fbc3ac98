#include "transfer/same_place.h"

#include <filesystem>
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

// Who cannot say where S3 is, cannot open it either.
bool is_same_bucket(const S3Options& left, const S3Options& right,
                    const s3::Environment& environment) {
  const auto left_location = s3::locate(left, environment);
  const auto right_location = s3::locate(right, environment);
  return left_location.ok() && right_location.ok() &&
         left_location->path_of("") == right_location->path_of("") &&
         left_location->origin == right_location->origin && left.bucket == right.bucket &&
         left.prefix == right.prefix;
}

}  // namespace

bool is_same_place(const StoreUrl& left, const StoreUrl& right,
                   const s3::Environment& environment) {
  if (left.scheme != right.scheme || left.scheme == StoreScheme::memory) return false;
  if (is_on_s3(left.scheme)) return is_same_bucket(left.s3, right.s3, environment);
  return real_path(left.path) == real_path(right.path);
}

}  // namespace talea
