#include "log/data_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "log/log_testing.h"
#include "log/segment_scanner.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

constexpr const char* kFile = "store/0000000042.data";

SegmentHeader data_header() {
  SegmentHeader header = test_header(42);
  header.kind = SegmentKind::data;
  header.features = kEntryFeatures;
  return header;
}

void make_directory(CrashFileSystem& disk) {
  ASSERT_TRUE(disk.create_directory("store").ok());
  ASSERT_TRUE(disk.sync_directory(".").ok());
}

// An entry that owns its bytes, and when it was written.
struct Copied {
  Bytes key;
  Bytes value;
  EntrySource entry;
  Sequence sequence;
  std::uint64_t now;
  EntryExtent place{};

  Copied(Random& random, std::size_t value_bytes_max)
      : key(random_bytes(random, 1 + below(random, 200))),
        value(random_bytes(random, below(random, value_bytes_max))),
        sequence(1000 + below(random, 1U << 20)),
        now(1'700'000'000'000 + below(random, 1U << 30)) {
    entry.space = static_cast<Space>(below(random, 3) * 200);
    entry.is_remove = below(random, 8) == 0;
    if (entry.is_remove) value.clear();
    entry.is_extent_list = !entry.is_remove && below(random, 8) == 0;
    if (!entry.is_remove) entry.claims = random_claims(random, value.size(), entry.is_extent_list);
    entry.key = key;
    entry.value = value;
  }
};

std::vector<std::unique_ptr<Copied>> some_entries(std::size_t count, std::size_t value_bytes_max) {
  SeededRandom random(test_seed());
  std::vector<std::unique_ptr<Copied>> entries;
  entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries.push_back(std::make_unique<Copied>(random, value_bytes_max));
  }
  return entries;
}

TEST(DataWriter, WritesEachEntryAsASingleInAnyOrderOfSequences) {
  CrashFileSystem disk;
  make_directory(disk);
  auto entries = some_entries(2000, 2000);  // several writes
  auto writer = DataWriter::create(disk, "store", data_header()).value();
  Sequence lowest = UINT64_MAX;
  Sequence highest = 0;
  for (auto& copied : entries) {
    copied->place = writer->add(copied->entry, copied->sequence, copied->now).value();
    lowest = std::min(lowest, copied->sequence);
    highest = std::max(highest, copied->sequence);
  }
  const std::uint64_t bytes = writer->bytes();
  const DataSummary summary = writer->finish().value();
  writer.reset();
  EXPECT_EQ(summary.bytes, bytes);
  EXPECT_EQ(summary.entries, entries.size());
  EXPECT_EQ(summary.lowest_sequence, lowest);
  EXPECT_EQ(summary.highest_sequence, highest);
  disk.power_cut(test_seed());  // it is durable, name included

  const auto segment =
      Segment::open(disk, "store", SegmentKind::data, 42, data_header().store_id, OpenMode::read)
          .value();
  EXPECT_EQ(segment->file().size().value(), summary.bytes);
  SegmentScanner scanner(*segment, summary.bytes);
  Segment::Scratch scratch;
  for (const auto& copied : entries) {
    RecordView record;
    ASSERT_EQ(scanner.next(record).value(), SegmentScanner::Step::record);
    EXPECT_EQ(record.sequence, copied->sequence);
    EXPECT_EQ(record.now, copied->now);
    EXPECT_FALSE(record.synced_through || record.follows);
    ASSERT_EQ(record.entries.size(), 1U);
    EXPECT_EQ(record.entries[0].place.offset, copied->place.offset);
    EXPECT_EQ(record.entries[0].place.bytes, copied->place.bytes);
    const EntryView entry = segment->read_entry(copied->place, scratch).value();
    EXPECT_EQ(entry.space, copied->entry.space);
    EXPECT_EQ(entry.key, copied->key);
    EXPECT_EQ(entry.value, copied->value);
    EXPECT_EQ(entry.is_remove, copied->entry.is_remove);
    EXPECT_EQ(entry.is_extent_list, copied->entry.is_extent_list);
    EXPECT_EQ(entry.claims, copied->entry.claims);
    EXPECT_EQ(entry.sequence, copied->sequence);
  }
}

TEST(DataWriter, MakesTheBytesThatABatchOfOneHasInTheLog) {
  const SegmentContext context(data_header());
  SeededRandom random(test_seed());
  for (int i = 0; i < 300; ++i) {
    const TestBatch batch = random_batch(random, 1);
    const TestBatch::Operation& operation = batch.operations[0];
    const RecordPlace place{.sequence = 1000 + below(random, 1U << 22),
                            .now = 1'700'000'000'000 + below(random, 1U << 30),
                            .offset = 4096 + below(random, 1U << 30)};
    Bytes single = "what is before";
    append_single({operation.space, operation.key, operation.value, operation.is_remove,
                   operation.is_extent_list, operation.claims},
                  place, context, single);
    EXPECT_EQ(single, "what is before" + batch.at(place, context));
  }
}

TEST(DataWriter, WithoutEntriesLeavesASegmentThatIsOnlyAHeader) {
  CrashFileSystem disk;
  make_directory(disk);
  auto writer = DataWriter::create(disk, "store", data_header()).value();
  const DataSummary summary = writer->finish().value();
  EXPECT_EQ(summary.bytes, kSegmentHeaderBytes);
  EXPECT_EQ(summary.entries, 0U);
  EXPECT_EQ(summary.lowest_sequence, 0U);
}

TEST(DataWriter, ThatWasNotFinishedLeavesNoFile) {
  CrashFileSystem disk;
  make_directory(disk);
  auto entries = some_entries(3, 100);
  {
    auto writer = DataWriter::create(disk, "store", data_header()).value();
    ASSERT_TRUE(writer->add(entries[0]->entry, 1000, 1'700'000'000'000).ok());
    EXPECT_TRUE(disk.exists(kFile).value());
  }
  EXPECT_FALSE(disk.exists(kFile).value());
}

TEST(DataWriter, ThatFailsAtAnyCallSaysSoAndLeavesNoFile) {
  const auto entries = some_entries(40, 60'000);  // four writes or so
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::sync_fails}) {
    bool finished = false;
    for (std::uint64_t call = 1; !finished; ++call) {
      CrashFileSystem disk;
      make_directory(disk);
      disk.fail_at(call, fault);
      Status status;
      auto made = DataWriter::create(disk, "store", data_header());
      if (made.ok()) {
        for (const auto& copied : entries) {
          status = (*made)->add(copied->entry, copied->sequence, copied->now).status();
          if (!status.ok()) break;
        }
        const Status end = (*made)->finish().status();
        EXPECT_TRUE(status.ok() || end.to_string() == status.to_string()) << "it says so again";
        status = end;
        made->reset();
      } else {
        status = made.status();
      }
      finished = disk.faults_fired() == 0;
      EXPECT_EQ(status.ok(), finished) << "call=" << call;
      EXPECT_EQ(disk.exists(kFile).value(), finished) << "call=" << call;
    }
  }
}

}  // namespace
}  // namespace talea
