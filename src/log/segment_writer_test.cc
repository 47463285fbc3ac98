#include "log/segment_writer.h"

#include <gtest/gtest.h>

#include <array>

#include "log/log_testing.h"
#include "log/segment_scanner.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;
using Fill = SegmentWriter::Setup::Fill;

constexpr const char* kName = "store/0000000017.log";

class SegmentWriting : public testing::Test {
 protected:
  SegmentWriting() {
    EXPECT_TRUE(disk_.create_directory("store").ok());
    EXPECT_TRUE(disk_.sync_directory(".").ok());
  }

  SegmentWriter::Setup setup(Fill fill = Fill::written, std::uint64_t bytes_planned = 256 * kKiB) {
    return {
        .header = test_header(), .bytes_planned = bytes_planned, .fill = fill, .cache = &cache_};
  }
  std::unique_ptr<SegmentWriter> make() { return make(setup()); }
  std::unique_ptr<SegmentWriter> make(const SegmentWriter::Setup& with) {
    auto writer = SegmentWriter::create(disk_, "store", with);
    EXPECT_TRUE(writer.ok()) << writer.status().to_string();
    return std::move(writer).value();
  }
  Bytes record(const SegmentWriter& writer, std::size_t value_bytes) {
    return TestBatch()
        .put("key", Bytes(value_bytes, 'v'))
        .at({++sequence_, test_header().base_now, writer.end(), {}}, SegmentContext(test_header()));
  }
  std::uint64_t file_bytes() { return disk_.read_file(kName).value().size(); }
  // The records that the file has after a power cut that loses all that was not synced.
  std::size_t durable_records() {
    disk_.power_cut_losing_everything_unsynced();
    disk_.clear_faults();
    auto segment =
        Segment::open(disk_, "store", SegmentKind::log, 17, test_header().store_id, OpenMode::read);
    EXPECT_TRUE(segment.ok()) << segment.status().to_string();
    SegmentScanner scanner(**segment, (*segment)->file().size().value());
    RecordView record;
    std::size_t records = 0;
    while (scanner.next(record).value() == SegmentScanner::Step::record) ++records;
    EXPECT_EQ(scanner.end_of_nonzero().value(), scanner.offset());
    return records;
  }

  CrashFileSystem disk_;
  FileCache cache_{disk_, 8};
  Sequence sequence_ = 1000;
};

TEST_F(SegmentWriting, HeaderAndNameAreDurableWhenItIsMade) {
  make();
  EXPECT_EQ(durable_records(), 0U);
  EXPECT_EQ(file_bytes(), kSegmentHeaderBytes);
}

TEST_F(SegmentWriting, ATakenNameIsRefused) {
  ASSERT_TRUE(disk_.write_file(kName, "something").ok());
  EXPECT_FALSE(SegmentWriter::create(disk_, "store", setup()).ok());
  EXPECT_EQ(disk_.read_file(kName).value(), "something");
}

TEST_F(SegmentWriting, AppendsAreReadableAtOnceAndDurableAfterSync) {
  const auto writer = make();
  const Bytes first = record(*writer, 10);
  ASSERT_TRUE(writer->append(first).ok());
  EXPECT_EQ(writer->end(), kSegmentHeaderBytes + first.size());
  Segment::Scratch scratch;
  const EntryExtent place{kSegmentHeaderBytes, static_cast<std::uint32_t>(first.size())};
  EXPECT_TRUE(writer->segment()->read_entry(place, scratch).ok());
  StoredEntry entry;
  ASSERT_TRUE(writer->segment()->peek(kSegmentHeaderBytes, entry));
  EXPECT_EQ(entry.key, "key");
  ASSERT_TRUE(writer->sync().ok());
  ASSERT_TRUE(writer->append(record(*writer, 10'000)).ok());
  EXPECT_EQ(durable_records(), 1U);
}

TEST_F(SegmentWriting, AMappedAppendIsReadableAtOnceAndDurableAfterSync) {
  const auto writer = make(setup(Fill::mapped));
  disk_.reset_calls();
  ASSERT_TRUE(writer->append(record(*writer, 10)).ok());
  ASSERT_TRUE(writer->append(record(*writer, 20)).ok());
  EXPECT_EQ(disk_.calls().pwrites, 0U);
  EXPECT_EQ(disk_.calls().allocates, 1U);
  StoredEntry entry;
  ASSERT_TRUE(writer->segment()->peek(kSegmentHeaderBytes, entry));
  EXPECT_EQ(entry.value, Bytes(10, 'v'));
  ASSERT_TRUE(writer->sync().ok());
  ASSERT_TRUE(writer->append(record(*writer, 10'000)).ok());
  EXPECT_EQ(durable_records(), 2U);
}

TEST_F(SegmentWriting, SpaceTakenAheadSparesTheAppendACall) {
  const auto writer = make(setup(Fill::mapped, 16 * kMiB));
  EXPECT_FALSE(writer->wants_space()) << "nothing was written";
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(writer->append(record(*writer, 1000)).ok());
  EXPECT_TRUE(writer->wants_space());
  writer->take_ahead();
  EXPECT_FALSE(writer->wants_space());
  EXPECT_LE(file_bytes(), 256 * kKiB) << "for a store that is hardly written to";
  writer->take_ahead(SegmentWriter::Ahead::full);
  EXPECT_LE(file_bytes(), 8 * kMiB);
  disk_.reset_calls();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer->append(record(*writer, 10'000)).ok());
  EXPECT_EQ(disk_.calls().allocates, 0U);
  // What could not be taken ahead is not yet an error.
  disk_.set_capacity(file_bytes());
  while (!writer->wants_space()) ASSERT_TRUE(writer->append(record(*writer, 10'000)).ok());
  writer->take_ahead();
  EXPECT_TRUE(writer->is_usable());
  EXPECT_TRUE(writer->append(record(*writer, 10'000)).ok());
  EXPECT_EQ(writer->append(record(*writer, 4'000'000)).code(), Code::exhausted);
}

TEST_F(SegmentWriting, SpaceIsWrittenAheadInStepsThatDoubleUpToThePlannedLength) {
  const auto writer = make(setup(Fill::written, kMiB));
  std::vector<std::uint64_t> lengths;
  while (writer->end() < kMiB - 10 * kKiB) {
    ASSERT_TRUE(writer->append(record(*writer, 4000)).ok());
    if (lengths.empty() || lengths.back() != file_bytes()) lengths.push_back(file_bytes());
  }
  EXPECT_EQ(lengths, (std::vector<std::uint64_t>{68 * kKiB, 136 * kKiB, 272 * kKiB, 544 * kKiB,
                                                 1024 * kKiB}));
  ASSERT_TRUE(writer->sync().ok());
  EXPECT_EQ(durable_records(), sequence_ - 1000);
}

TEST_F(SegmentWriting, CutGivesBackTheSpaceBehindTheEnd) {
  const auto writer = make();
  ASSERT_TRUE(writer->append(record(*writer, 10)).ok());
  ASSERT_TRUE(writer->cut(writer->end()).ok());
  EXPECT_EQ(file_bytes(), writer->end());
}

TEST_F(SegmentWriting, AFullDiskWritesNothingAndLeavesTheWriterUsable) {
  const auto writer = make(setup(Fill::written, kMiB));
  ASSERT_TRUE(writer->append(record(*writer, 10)).ok());
  ASSERT_TRUE(writer->sync().ok());
  const std::uint64_t end = writer->end();
  disk_.set_capacity(100 * kKiB);
  --sequence_;
  EXPECT_EQ(writer->append(record(*writer, 200 * kKiB)).code(), Code::exhausted);
  EXPECT_TRUE(writer->is_usable());
  EXPECT_EQ(writer->end(), end);
  // What fits into the space that is left is taken, although a whole step is not.
  ASSERT_TRUE(writer->append(record(*writer, 80 * kKiB)).ok());
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  ASSERT_TRUE(writer->append(record(*writer, 200 * kKiB)).ok());
  ASSERT_TRUE(writer->sync().ok());
  EXPECT_EQ(durable_records(), 3U);
}

TEST_F(SegmentWriting, AFullDiskThatRefusesAReservationLeavesTheWriterUsable) {
  const auto writer = make(setup(Fill::mapped));
  disk_.set_capacity(2 * kSegmentHeaderBytes);
  EXPECT_EQ(writer->append(record(*writer, 100'000)).code(), Code::exhausted);
  EXPECT_TRUE(writer->is_usable());
  disk_.set_capacity(CrashFileSystem::kUnlimited);
  --sequence_;
  EXPECT_TRUE(writer->append(record(*writer, 100'000)).ok());
}

TEST_F(SegmentWriting, AFailedWriteOfARecordIsTheEndOfTheWriter) {
  const auto writer = make();
  ASSERT_TRUE(writer->append(record(*writer, 10)).ok());
  const std::uint64_t end = writer->end();
  disk_.fail_at(1, Fault::io_error);
  const Status failed = writer->append(record(*writer, 10));
  EXPECT_EQ(failed.code(), Code::io_error);
  EXPECT_NE(failed.message().find("append to 0000000017.log"), BytesView::npos) << failed.message();
  EXPECT_FALSE(writer->is_usable());
  EXPECT_EQ(writer->end(), end);
}

TEST_F(SegmentWriting, AFailedWriteOfSpaceIsTheEndOfTheWriter) {
  const auto writer = make();
  disk_.fail_at(1, Fault::io_error);
  EXPECT_EQ(writer->append(record(*writer, 10)).code(), Code::io_error);
  EXPECT_FALSE(writer->is_usable());
  EXPECT_EQ(writer->end(), kSegmentHeaderBytes);
}

TEST_F(SegmentWriting, AFailedSyncIsTheEndOfTheWriter) {
  const auto writer = make();
  ASSERT_TRUE(writer->append(record(*writer, 10)).ok());
  disk_.fail_at(1, Fault::sync_fails);
  EXPECT_EQ(writer->sync().code(), Code::io_error);
  EXPECT_FALSE(writer->is_usable());
}

// Whatever call fails or is the last one: what a sync has acknowledged is there, and in front.
class SegmentWritingBothWays : public SegmentWriting, public testing::WithParamInterface<Fill> {};

TEST_P(SegmentWritingBothWays, WhatWasSyncedSurvivesACrashAtEveryCall) {
  for (std::uint64_t call = 1;; ++call) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      CrashFileSystem disk;
      ASSERT_TRUE(disk.create_directory("store").ok());
      ASSERT_TRUE(disk.sync_directory(".").ok());
      disk.fail_at(call, Fault::crash);
      std::size_t durable = 0;
      bool listed = false;
      FileCache cache(disk, 8);
      SegmentWriter::Setup on_disk = setup(GetParam());
      on_disk.cache = &cache;
      if (auto made = SegmentWriter::create(disk, "store", on_disk); made.ok()) {
        listed = true;
        sequence_ = 1000;
        for (int i = 0; i < 12; ++i) {
          if (!(*made)->append(record(**made, 9000)).ok() || !(*made)->sync().ok()) break;
          ++durable;
        }
      }
      const bool finished = !disk.crashed();
      disk.power_cut(seed);
      disk.clear_faults();
      if (listed) {
        auto segment = Segment::open(disk, "store", SegmentKind::log, 17, test_header().store_id,
                                     OpenMode::read);
        ASSERT_TRUE(segment.ok()) << segment.status().to_string();
        SegmentScanner scanner(**segment, (*segment)->file().size().value());
        RecordView record;
        std::size_t records = 0;
        while (scanner.next(record).value() == SegmentScanner::Step::record) ++records;
        ASSERT_GE(records, durable) << "call=" << call << " seed=" << seed;
        ASSERT_LE(records, durable + 1);
      }
      if (finished) return;
    }
  }
}

constexpr std::array kFillNames = {"written", "mapped", "mapped_unsynced"};

INSTANTIATE_TEST_SUITE_P(Fill, SegmentWritingBothWays,
                         testing::Values(Fill::written, Fill::mapped, Fill::mapped_unsynced),
                         [](const auto& fill) {
                           return kFillNames[static_cast<std::size_t>(fill.param)];
                         });

}  // namespace
}  // namespace talea
