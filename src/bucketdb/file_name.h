// FileId: which data file, and what its object is called.
//
// Format: docs/formats/s4db.md, "Objects".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "talea/bucketdb.h"

namespace talea::bucketdb {

inline constexpr std::string_view kIndexName = "index.idx";
inline constexpr std::string_view kGarbageName = "talea.garbage";
inline constexpr std::string_view kProbeName = "talea.probe";

/// The number of a file, and in the upper half its writer: 0 for ours.
struct FileId {
  std::uint64_t value = 0;

  std::uint32_t writer() const { return static_cast<std::uint32_t>(value >> 32); }
  std::uint32_t number() const { return static_cast<std::uint32_t>(value); }
  bool operator==(const FileId&) const = default;
  bool operator<(const FileId& other) const { return value < other.value; }
};

/// What may be the number of a new file.
inline std::uint64_t file_number_max(BucketFormat format) {
  return format == BucketFormat::v1 ? 999'999 : UINT32_MAX - 1;
}

std::string file_name(FileId file);
/// Nothing for a name that is not of a data file.
std::optional<FileId> parse_file_name(std::string_view name);

}  // namespace talea::bucketdb
