// Whether a directory can hold a store: what can be found out without opening one, and without
// leaving anything behind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace talea::cli {

struct DirectoryCheck {
  /// What was looked at: the directory, or what it will be made in.
  std::string path;
  bool exists = false;
  /// Why no store can be written there; empty: it can.
  std::string why_not = {};
  std::uint64_t free_bytes = 0;
  /// The file system is in memory: nothing in it survives the machine's end.
  bool is_in_memory = false;
  /// Of a write of 4 KiB and its sync. Nothing: the file system has no files without a name, and
  /// one with a name is not made among those of a store.
  std::optional<std::uint64_t> sync_median_ns = {};
};

/// Cost: some twenty syncs of a file without a name.
DirectoryCheck check_directory(const std::string& directory);

}  // namespace talea::cli
