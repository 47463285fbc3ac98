// The pages of docs/formats quote the golden files, and are right. A quote is a block
//
//     ```hexdump store-v1/MANIFEST
//     00000000  54 41 4c 45 41  | the magic
//     00000005  4d
//     ```
//
// of lines with an offset, bytes and, behind a bar, a remark. Every file named must exist below
// tests/compat/golden/ and have these bytes at these offsets.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/compat/golden.h"

namespace talea {
namespace {

const std::string kFence = "```hexdump ";

// Checks one line of a quote of `file` and returns how many bytes it has.
std::size_t check_line(const std::string& line, const Bytes& file) {
  std::istringstream in(line.substr(0, line.find('|')));
  std::size_t offset = 0;
  in >> std::hex >> offset;
  EXPECT_TRUE(in) << line;
  std::size_t bytes = 0;
  for (unsigned byte = 0; in >> std::hex >> byte; ++bytes) {
    if (offset + bytes >= file.size()) {
      ADD_FAILURE() << "beyond the end of the file: " << line;
      return bytes;
    }
    EXPECT_EQ(byte, static_cast<unsigned char>(file[offset + bytes]))
        << "byte " << bytes << " of: " << line;
  }
  EXPECT_TRUE(in.eof()) << "not a hex number: " << line;
  EXPECT_GT(bytes, 0U) << line;
  return bytes;
}

// The bytes that `page` quotes.
std::size_t check_page(const std::string& page) {
  std::istringstream in(read_whole_file(page));
  std::string line;
  Bytes file;
  bool quoting = false;
  std::size_t bytes = 0;
  while (std::getline(in, line)) {
    if (line.starts_with(kFence)) {
      quoting = true;
      file = read_whole_file(kGoldenDirectory + line.substr(kFence.size()));
      EXPECT_FALSE(file.empty()) << "no such golden file: " << line;
    } else if (line.starts_with("```")) {
      quoting = false;
    } else if (quoting) {
      bytes += check_line(line, file);
    }
  }
  return bytes;
}

class FormatPage : public testing::TestWithParam<const char*> {};

TEST_P(FormatPage, QuotesARealFile) {
  const std::string page = std::string(TALEA_SOURCE_DIR "/docs/formats/") + GetParam();
  EXPECT_GT(check_page(page), 0U) << page << " has no hex dump of a golden file";
}

INSTANTIATE_TEST_SUITE_P(OfSegmentsAndManifest, FormatPage,
                         testing::Values("segment.md", "log.md", "extent.md", "manifest.md",
                                         "state.md", "auth.md", "rocksdb-store.md", "immukv.md",
                                         "s4db.md", "s4db-journal.md"),
                         [](const auto& page) {
                           const std::string name = page.param;
                           const std::string stem = name.substr(0, name.find('.'));
                           return stem.substr(0, stem.find('-')) +
                                  (stem == "s4db-journal" ? "_journal" : "");
                         });

TEST(FormatPages, WhatTheOthersQuoteIsRightToo) {
  for (const auto& entry : std::filesystem::directory_iterator(TALEA_SOURCE_DIR "/docs/formats")) {
    check_page(entry.path());
  }
}

}  // namespace
}  // namespace talea
