// FileCache: reads from more files than a process may have open.
//
// A store has a file for each segment, and a store of many small sessions has many segments; the
// usual limit is 1024 descriptors. A file of the cache is opened when it is read, and the one that
// was not read for longest is closed when there are too many.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"

namespace talea {

/// Threads: safe. Files may outlive the cache.
class FileCache {
 public:
  /// Keeps at most `open_files_max` files open, but for those that are being read right now.
  FileCache(FileSystem& file_system, std::size_t open_files_max);
  ~FileCache();

  /// A file for reading: pread, size and map; everything else is unsupported. Opens nothing yet. A
  /// mapping stays when the file leaves the cache.
  std::unique_ptr<File> file(const std::string& path);

 private:
  class State;
  class CachedFile;
  std::shared_ptr<State> state_;
};

}  // namespace talea
