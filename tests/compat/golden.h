// Files that version 1 wrote, kept in tests/compat/golden/ for as long as version 1 is read.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
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

/// Compares `bytes` with the golden file `name`; with TALEA_UPDATE_GOLDEN=1 replaces it.
inline void expect_golden(const std::string& name, const Bytes& bytes) {
  const std::string path = kGoldenDirectory + name;
  if (std::getenv("TALEA_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  EXPECT_TRUE(read_whole_file(path) == bytes)
      << name << " is written in another way than version 1 wrote it";
}

}  // namespace talea
