#include "log/segment_scanner.h"

#include <gtest/gtest.h>

#include "log/log_testing.h"
#include "talea/limits.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Step = SegmentScanner::Step;

Step next(SegmentScanner& scanner, RecordView& record) { return scanner.next(record).value(); }

// The sequences of the records from where `scanner` stands; 0 for a place where there is none.
std::vector<Sequence> all(SegmentScanner& scanner) {
  std::vector<Sequence> found;
  RecordView record;
  for (;;) {
    const Step step = next(scanner, record);
    if (step == Step::end) return found;
    if (step == Step::record) {
      found.push_back(record.sequence);
      continue;
    }
    found.push_back(0);
    if (!scanner.find_next_valid().value()) return found;
  }
}

std::vector<Sequence> all(TestSegment& segment) {
  SegmentScanner scanner(segment.open(), segment.bytes().size());
  return all(scanner);
}

TestBatch one(std::size_t value_bytes) { return TestBatch().put("key", Bytes(value_bytes, 'v')); }

TEST(SegmentScanner, ReadsRecordsOfAllLengthsInTurn) {
  TestSegment segment;
  EXPECT_EQ(all(segment), std::vector<Sequence>());
  segment.append(one(1));
  segment.append(one(300));   // beyond the first look
  segment.append(one(kMiB));  // beyond the window
  segment.append(TestBatch().put("a", Bytes(3 * kMiB, 'v')).put("b", "w"));
  segment.append(one(0));
  EXPECT_EQ(all(segment), (std::vector<Sequence>{1001, 1002, 1003, 1004, 1005}));
}

TEST(SegmentScanner, BeginsWhereItIsTold) {
  TestSegment segment;
  segment.append(one(1));
  const std::uint64_t second = segment.append(one(1));
  SegmentScanner scanner(segment.open(), segment.bytes().size(), second);
  EXPECT_EQ(all(scanner), std::vector<Sequence>{1002});
}

TEST(SegmentScanner, StaysAtWhatIsNoRecord) {
  TestSegment segment;
  segment.append(one(1));
  const std::uint64_t bad = segment.append_bytes("torn");
  SegmentScanner scanner(segment.open(), segment.bytes().size());
  RecordView record;
  EXPECT_EQ(next(scanner, record), Step::record);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(next(scanner, record), Step::bad);
    EXPECT_EQ(scanner.offset(), bad);
    EXPECT_EQ(scanner.problem(), "it is cut short");
  }
}

TEST(SegmentScanner, EveryCutOfTheLastRecordLeavesTheOthers) {
  TestSegment segment;
  segment.append(one(1));
  const std::uint64_t last = segment.append(TestBatch().put("a", "1").put("b", "2"));
  const Bytes whole = segment.bytes();
  for (std::uint64_t cut = last; cut < whole.size(); ++cut) {
    segment.bytes() = whole.substr(0, cut);
    const std::vector<Sequence> found = all(segment);
    EXPECT_EQ(found, cut == last ? std::vector<Sequence>{1001} : (std::vector<Sequence>{1001, 0}));
    segment.bytes().resize(whole.size() + 100, '\0');  // space that was written ahead
    EXPECT_EQ(all(segment), (std::vector<Sequence>{1001, 0}));
  }
}

TEST(SegmentScanner, FindsTheEndOfWhatIsNotZero) {
  TestSegment segment;
  const std::uint64_t end = segment.append_bytes("");
  segment.append_bytes(Bytes(3 * kMiB, '\0'));
  {
    SegmentScanner scanner(segment.open(), segment.bytes().size());
    EXPECT_EQ(scanner.end_of_nonzero().value(), end);
  }
  for (const std::uint64_t at : {std::uint64_t{0}, kMiB - 1, kMiB, 2 * kMiB + 7, 3 * kMiB - 1}) {
    segment.bytes().replace(end, 3 * kMiB, Bytes(3 * kMiB, '\0'));
    segment.bytes()[end + at] = 'x';
    SegmentScanner scanner(segment.open(), segment.bytes().size());
    EXPECT_EQ(scanner.end_of_nonzero().value(), end + at + 1);
    EXPECT_EQ(scanner.offset(), end) << "it only looks";
  }
}

TEST(SegmentScanner, FindsTheNextRecordBehindABadOneAtAnyOffset) {
  for (const std::size_t gap : {1U, 13U, 4096U, 100'001U}) {
    SeededRandom random(gap);
    for (const Bytes& rubbish :
         {Bytes(gap, '\0'), Bytes(gap, ' '), Bytes(gap, '\x01'), random_bytes(random, gap)}) {
      TestSegment segment;
      segment.append(one(1));
      segment.append_bytes(rubbish);
      segment.append(one(5));
      segment.append_bytes(rubbish);
      segment.append(TestBatch().put("a", Bytes(9000, 'x')).put("b", "2"));
      segment.append(one(20'000));
      EXPECT_EQ(all(segment), (std::vector<Sequence>{1001, 0, 1002, 0, 1003, 1004}));
    }
  }
}

// A lost page in the middle of a record, of every kind, hides that record alone.
TEST(SegmentScanner, ALostPageHidesOnlyTheRecordsItTouches) {
  TestSegment segment;
  std::vector<std::uint64_t> starts;
  starts.reserve(41);
  SeededRandom random(3);
  for (int i = 0; i < 40; ++i) {
    starts.push_back(segment.append(random_batch(random, 3)));
  }
  starts.push_back(segment.bytes().size());
  const Bytes whole = segment.bytes();
  for (std::uint64_t page = 4096; page < whole.size(); page += 4096) {
    segment.bytes() = whole;
    const std::uint64_t page_end = std::min<std::uint64_t>(page + 4096, whole.size());
    segment.bytes().replace(page, page_end - page, Bytes(page_end - page, '\0'));
    std::vector<Sequence> left;
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      if (starts[i + 1] <= page || starts[i] >= page_end) left.push_back(1001 + i);
    }
    std::vector<Sequence> found = all(segment);
    std::erase(found, Sequence{0});
    EXPECT_EQ(found, left) << "page at " << page;
  }
}

TEST(SegmentScanner, NeitherOldRecordsNorThoseOfAnotherSegmentAreFound) {
  TestSegment other(test_header(17, 99));  // an earlier life of the same file
  for (int i = 0; i < 50; ++i) other.append(one(40));
  TestSegment segment;
  segment.append(one(1));
  const std::uint64_t from = segment.append_bytes("");
  segment.append_bytes(BytesView(other.bytes()).substr(from));
  EXPECT_EQ(all(segment), (std::vector<Sequence>{1001, 0}));
}

// Text looks like the header of a record at every space, with a length of some hundred bytes. A
// torn record with a value of text is an ordinary torn record.
TEST(SegmentScanner, SearchesTextToItsEnd) {
  Bytes text;
  while (text.size() < 200'000) text += "the quick brown fox jumps over the lazy dog, and then ";
  TestSegment segment;
  const std::uint64_t torn = segment.append(TestBatch().put("key", text));
  segment.bytes()[torn] ^= 1;
  EXPECT_EQ(all(segment), std::vector<Sequence>{0});
  segment.append(one(1));
  EXPECT_EQ(all(segment), (std::vector<Sequence>{0, 1002}));
}

// Every eighth byte looks like the header of a single as long as most of the rest; tried in full,
// these would be 100 thousand times the bytes.
TEST(SegmentScanner, SearchesBytesThatWereMadeToBeSlow) {
  const Bytes claim("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x80\x80\x20", 12);  // 512 KiB of value
  Bytes made;
  while (made.size() < kMiB) made += claim;
  TestSegment segment;
  const std::uint64_t torn = segment.append(TestBatch().put("key", made));
  segment.bytes()[torn] ^= 1;
  segment.append(one(1));
  segment.disk().reset_calls();
  EXPECT_EQ(all(segment), (std::vector<Sequence>{0, 1002}));
  EXPECT_LT(segment.disk().calls().bytes_read, 100 * kMiB);
}

TEST(SegmentScanner, SearchesRandomBytesToTheirEnd) {
  SeededRandom random(test_seed());
  TestSegment segment;
  const std::uint64_t torn = segment.append(
      TestBatch().put("a", random_bytes(random, kMiB)).put("b", random_bytes(random, kMiB)));
  segment.bytes()[torn] ^= 1;
  EXPECT_EQ(all(segment), std::vector<Sequence>{0});
  segment.append(one(2 * kMiB));
  EXPECT_EQ(all(segment), (std::vector<Sequence>{0, 1002}));
}

TEST(SegmentScanner, PassesReadErrorsOn) {
  TestSegment segment;
  segment.append(one(1));
  segment.append_bytes("rubbish");
  SegmentScanner scanner(segment.open(), segment.bytes().size());
  segment.disk().count_reads(true);
  segment.disk().fail_at(1, CrashFileSystem::Fault::io_error);
  RecordView record;
  EXPECT_EQ(scanner.next(record).status().code(), Code::io_error);
}

TEST(SegmentScanner, AFileThatIsShorterThanItWasSaidToBeIsCorruption) {
  TestSegment segment;
  segment.append(one(1));
  SegmentScanner scanner(segment.open(), segment.bytes().size() + 1);
  RecordView record;
  EXPECT_EQ(scanner.next(record).status().code(), Code::corruption);
}

}  // namespace
}  // namespace talea
