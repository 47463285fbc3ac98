// Environment: what the process finds around it when nobody gave it options. A seam, so that tests
// have none of the machine's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "io/file_system.h"

namespace talea::s3 {

struct Environment {
  /// The value of an environment variable; nothing when it is not set. What is set and empty counts
  /// as not set.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  /// Of profiles and token files. Outlives whoever uses it.
  FileSystem* files = nullptr;
};

/// That of the process. `files` outlives it.
Environment process_environment(FileSystem& files);
/// Nothing is set and there are no files.
Environment empty_environment();

/// The first of `names` that is set to something.
std::optional<std::string> first_variable(const Environment& environment,
                                          std::initializer_list<const char*> names);

/// All of a file that somebody wrote by hand; nothing when it is not there.
/// Errors: invalid_argument   it is longer than any such file
///         denied, io_error
Result<std::optional<Bytes>> read_small_file(FileSystem& files, const std::string& path);

}  // namespace talea::s3
