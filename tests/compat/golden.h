// Files that version 1 wrote, kept in tests/compat/golden/ for as long as version 1 is read.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "talea/bytes.h"

namespace talea {

inline const std::string kGoldenDirectory = TALEA_SOURCE_DIR "/tests/compat/golden/";

/// The content of a file, empty when it cannot be read.
inline Bytes read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace talea
