// Bucket files as s4db 0.8.0 writes them (the bytes were made by it), as its successor lays them
// out, and the journal beside them.
#include <gtest/gtest.h>

#include "bucketdb/data_file.h"
#include "bucketdb/index_file.h"
#include "bucketdb/journal.h"
#include "io/crash_file_system.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

using namespace bucketdb;

struct Written {
  Bytes file;
  Bytes index;
};

struct Row {
  BytesView key;
  Bytes value;
};

const std::vector<Row> kRows = {
    {"k1", "v1"},
    {"k2", "v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2v2"},
    {"k3", "\xe6\x97\xa5\xe6\x9c\xac"}};

Written version_1() {
  Written written;
  IndexWriter index(BucketFormat::v1, kRows.size());
  written.file = encode_file_header(BucketFormat::v1, {1});
  for (const Row& row : kRows) {
    const std::uint64_t offset = written.file.size();
    append_value(written.file, BucketFormat::v1, row.key, row.value, true);
    index.add(row.key, {{1}, offset, static_cast<std::uint32_t>(written.file.size() - offset)});
  }
  written.index = index.finish(2);
  return written;
}

Written version_2() {
  Written written;
  written.file = encode_file_header(BucketFormat::v2, {1});
  append_value(written.file, BucketFormat::v2, "hello", "world", true);
  const std::uint64_t offset = written.file.size();
  append_value(written.file, BucketFormat::v2, "bin", BytesView("\0\1\2", 3), false);
  IndexWriter index(BucketFormat::v2, 1);
  index.add("bin", {{1}, offset, static_cast<std::uint32_t>(written.file.size() - offset)});
  append_tombstone(written.file, "hello");
  written.index = index.finish(2);
  return written;
}

TEST(GoldenS4db, IsWrittenByteForByte) {
  expect_golden("s4db-v1/data_000001.s4db", version_1().file);
  expect_golden("s4db-v1/index.idx", version_1().index);
  expect_golden("s4db-v2/data_000001.s4db", version_2().file);
  expect_golden("s4db-v2/index.idx", version_2().index);
}

TEST(GoldenS4db, IsReadRight) {
  const Bytes file = read_whole_file(kGoldenDirectory + "s4db-v1/data_000001.s4db");
  const auto index =
      IndexImage::parse(read_whole_file(kGoldenDirectory + "s4db-v1/index.idx")).value();
  ASSERT_EQ(index->size(), kRows.size());
  for (const Row& row : kRows) {
    const Place place = index->find(row.key).value();
    const BytesView entry = BytesView(file).substr(place.offset, place.length);
    EXPECT_EQ(value_of_entry(BucketFormat::v1, entry, row.key).value(), row.value);
  }
}

struct JournalWorld {
  CrashFileSystem disk;
  SeededRandom random{2026};
  Result<Journal::Opened> open() {
    return Journal::open({disk, random, "/", database_id("b", "p/"), true}, BucketFormat::v1);
  }
};

Bytes journal_with(const UploadNote& note) {
  JournalWorld world;
  auto journal = world.open().value().journal;
  Bytes entry;
  append_value(entry, BucketFormat::v1, "hello", "world", true);
  EXPECT_TRUE(journal->append(entry).ok());
  EXPECT_TRUE(journal->note_upload(note).ok());
  Bytes written = world.disk.read_file("/talea.journal").value();
  written.resize(decode_journal(written, database_id("b", "p/"))->end);  // without spare room
  return written;
}

TEST(GoldenJournal, IsWrittenByteForByte) {
  expect_golden("s4db-journal-v1/talea.journal", journal_with({1, {{{1}, 9, 34}}}));
  expect_golden("s4db-journal-v1/commit.journal",
                journal_with({1, {{{1}, 9, 34}}, 0x0f1e2d3c4b5a6978}));
}

TEST(GoldenJournal, IsReadRight) {
  const Bytes with_id = read_whole_file(kGoldenDirectory + "s4db-journal-v1/commit.journal");
  const auto noted = decode_journal(with_id, database_id("b", "p/")).value();
  ASSERT_EQ(noted.notes.size(), 1U);
  EXPECT_EQ(noted.notes[0].commit, 0x0f1e2d3c4b5a6978U);
  EXPECT_EQ(noted.notes[0].through, 1U);
  EXPECT_EQ(noted.notes[0].pieces, (std::vector<UploadPiece>{{{1}, 9, 34}}));
  JournalWorld world;
  const Bytes content = read_whole_file(kGoldenDirectory + "s4db-journal-v1/talea.journal");
  ASSERT_TRUE(world.disk.write_file("/talea.journal", content).ok());
  const auto opened = world.open().value();
  ASSERT_EQ(opened.content.batches.size(), 1U);
  const LoggedBatch& batch = opened.content.batches[0];
  const Bytes entry = opened.journal->read(batch.offset, batch.bytes).value();
  EXPECT_EQ(value_of_entry(BucketFormat::v1, entry, "hello").value(), "world");
  ASSERT_EQ(opened.content.notes.size(), 1U);
  EXPECT_EQ(opened.content.notes[0].pieces, (std::vector<UploadPiece>{{{1}, 9, 34}}));
}

}  // namespace
}  // namespace talea
