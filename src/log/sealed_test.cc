// Entries and chunks of an encrypted segment: sealed where they lie, and opened there alone.
#include <gtest/gtest.h>

#include <limits>

#include "log/data_writer.h"
#include "log/extent.h"
#include "log/log_testing.h"
#include "log/record.h"
#include "log/segment_scanner.h"
#include "log/segment_writer.h"

namespace talea {
namespace {

constexpr std::uint64_t kOffset = 5000;

class Sealed : public testing::Test {
 protected:
  Sealed() {
    SeededRandom random(4);
    keys_.add({.id = 3, .made_ms = 0, .key = SecretKey::make(random)});
    header_ = test_header();
    header_.features = kEntryFeatures;
    header_.encrypt(&keys_);
  }
  SegmentContext context() const { return SegmentContext(header_, header_.cipher(&keys_)); }
  SegmentContext without_key() const { return SegmentContext(header_); }

  Bytes record_of(std::span<const EntrySource> entries) {
    Bytes bytes;
    const EncodedBatch batch = encode_batch(entries, true);
    finish_record(batch,
                  {.sequence = header_.first_sequence + 5,
                   .now = header_.base_now + 9,
                   .offset = kOffset,
                   .synced_through = header_.first_sequence},
                  context(), bytes, places_);
    EXPECT_LE(bytes.size(), batch.record_bytes_max());
    return bytes;
  }

  KeyRing keys_;
  SegmentHeader header_;
  std::vector<EntryExtent> places_;
};

const std::vector<EntrySource> kEntries = {
    {.key = "secret key", .value = "secret value"},
    {.space = Space{77}, .key = "secret gone", .is_remove = true},
    {.key = "secret later", .value = {}, .claims = {.expiry_ms = 123, .raw_value_bytes = 0}},
    {.key = "secret packed", .value = "secret", .claims = {.expiry_ms = 0, .raw_value_bytes = 99}}};

void expect_same(const EntryView& found, const EntrySource& expected) {
  EXPECT_EQ(found.key, expected.key);
  EXPECT_EQ(found.value, expected.value);
  EXPECT_EQ(found.space, expected.space);
  EXPECT_EQ(found.is_remove, expected.is_remove);
  EXPECT_EQ(found.claims, expected.claims);
}

TEST_F(Sealed, SinglesAndBatchesAreReadBackAndShowNothing) {
  for (std::size_t first = 0; first < kEntries.size(); ++first) {
    for (std::size_t count = 1; first + count <= kEntries.size(); ++count) {
      places_.clear();
      const auto entries = std::span(kEntries).subspan(first, count);
      const Bytes bytes = record_of(entries);
      EXPECT_EQ(bytes.find("secret"), Bytes::npos);
      RecordView record;
      ASSERT_EQ(decode_record(bytes, kOffset, context(), record).outcome, DecodeOutcome::ok);
      ASSERT_EQ(record.entries.size(), count);
      for (std::size_t i = 0; i < count; ++i) {
        expect_same(record.entries[i], entries[i]);
        const EntryExtent place = places_[i];
        std::string_view problem;
        OpenedBytes opened;
        const auto alone =
            decode_entry(BytesView(bytes).substr(place.offset - kOffset, place.bytes), place.offset,
                         context(), problem, &opened);
        ASSERT_TRUE(alone.has_value()) << problem;
        expect_same(*alone, entries[i]);
      }
    }
  }
}

TEST_F(Sealed, IsFoundAndCheckedWithoutTheKeyAndNotRead) {
  const Bytes bytes = record_of(kEntries);
  RecordView record;
  ASSERT_EQ(decode_record(bytes, kOffset, without_key(), record).outcome, DecodeOutcome::ok);
  EXPECT_EQ(record.sequence, header_.first_sequence + 5);
  EXPECT_EQ(record.entries[0].key.size(), kEntries[0].key.size());
  EXPECT_NE(record.entries[0].key, kEntries[0].key);
}

TEST_F(Sealed, EveryFlippedBitMakesItBad) {
  for (const std::size_t count : {1U, 4U}) {
    Bytes bytes = record_of(std::span(kEntries).first(count));
    RecordView record;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const char flip = static_cast<char>(1U << (bit % 8));
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
      EXPECT_NE(decode_record(bytes, kOffset, context(), record).outcome, DecodeOutcome::ok) << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    }
  }
}

// Whoever can make checks cannot make seals.
TEST_F(Sealed, ARightCheckOverForgedBytesIsNoRecord) {
  KeyRing others;
  others.add({.id = 3, .made_ms = 0, .key = {}});
  Bytes bytes;
  for (const std::size_t count : {1U, 2U}) {
    bytes.clear();
    finish_record(
        encode_batch(std::span(kEntries).first(count), true),
        {.sequence = header_.first_sequence + 5, .now = header_.base_now + 9, .offset = kOffset},
        SegmentContext(header_, header_.cipher(&others)), bytes, places_);
    RecordView record;
    ASSERT_EQ(decode_record(bytes, kOffset, without_key(), record).outcome, DecodeOutcome::ok);
    const RecordDecode decoded = decode_record(bytes, kOffset, context(), record);
    EXPECT_EQ(decoded.outcome, DecodeOutcome::bad);
    EXPECT_TRUE(decoded.is_forged);
    bytes[20] = static_cast<char>(bytes[20] ^ 1);
    EXPECT_FALSE(decode_record(bytes, kOffset, context(), record).is_forged) << "damage";
  }
}

TEST_F(Sealed, AnEntryThatIsNotSealedIsNoneThere) {
  SegmentHeader plain = header_;
  plain.features &= ~std::uint32_t{kFeatureEncryption};
  plain.key_id = 0;
  Bytes bytes;
  finish_record(encode_batch(std::span(kEntries).first(1)),
                {.sequence = plain.first_sequence, .now = plain.base_now, .offset = kOffset},
                SegmentContext(plain), bytes, places_);
  RecordView record;
  EXPECT_EQ(decode_record(bytes, kOffset, SegmentContext(plain), record).outcome,
            DecodeOutcome::ok);
  EXPECT_EQ(decode_record(bytes, kOffset, context(), record).outcome, DecodeOutcome::bad);
  const Bytes sealed = record_of(std::span(kEntries).first(1));
  EXPECT_EQ(decode_record(sealed, kOffset, SegmentContext(plain), record).outcome,
            DecodeOutcome::bad);
}

TEST_F(Sealed, ACopyOfAnEntryOwnsWhatItsViewsPointInto) {
  StoredEntry copy;
  {
    StoredEntry entry;
    char* const opened = entry.opened.make(8);
    std::copy_n("keyvalue", 8, opened);
    entry.key = {opened, 3};
    entry.value = {opened + 3, 5};
    copy = entry;
    const StoredEntry moved = std::move(entry);
    EXPECT_EQ(moved.key, "key");
  }
  EXPECT_EQ(copy.key, "key");
  EXPECT_EQ(copy.value, "value");
}

TEST_F(Sealed, ADataSegmentIsReadWhereItLies) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.create_directory("store").ok());
  header_.kind = SegmentKind::data;
  const auto writer = DataWriter::create(disk, "store", header_, &keys_).value();
  std::vector<EntryExtent> places;
  places.reserve(kEntries.size());
  for (const EntrySource& entry : kEntries) {
    places.push_back(writer->add(entry, header_.first_sequence, header_.base_now).value());
  }
  const DataSummary summary = writer->finish().value();
  const auto segment = Segment::open(disk, "store", SegmentKind::data, header_.id, header_.store_id,
                                     OpenMode::read, &keys_)
                           .value();
  ASSERT_TRUE(segment->map(summary.bytes).ok());
  segment->set_sealed(summary.bytes);
  for (std::size_t i = 0; i < places.size(); ++i) {
    StoredEntry entry;
    ASSERT_TRUE(segment->peek(places[i].offset, entry));
    EXPECT_TRUE(segment->is_intact(places[i].offset, entry, VerifyReads::always));
    EXPECT_EQ(entry.key, kEntries[i].key);
    EXPECT_EQ(entry.value, kEntries[i].value);
    EXPECT_EQ(entry.bytes, places[i].bytes);
    ASSERT_TRUE(segment->peek_key(places[i].offset, entry));
    EXPECT_EQ(entry.key, kEntries[i].key);
    Segment::Scratch scratch;
    expect_same(segment->read_entry(places[i], scratch).value(), kEntries[i]);
  }
  const auto without =
      Segment::open(disk, "store", SegmentKind::data, header_.id, header_.store_id, OpenMode::read)
          .value();
  ASSERT_TRUE(without->map(summary.bytes).ok());
  without->set_sealed(summary.bytes);
  StoredEntry entry;
  EXPECT_FALSE(without->peek(places[0].offset, entry)) << "nothing is handed out";
  EXPECT_FALSE(without->peek_key(places[0].offset, entry));
}

TEST_F(Sealed, NoFileIsMadeForAKeyThatIsGone) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.create_directory("store").ok());
  KeyRing none;
  header_.kind = SegmentKind::data;
  EXPECT_EQ(DataWriter::create(disk, "store", header_, &none).status().code(), Code::unavailable);
  EXPECT_TRUE(disk.list("store").value().empty());
}

TEST_F(Sealed, ChunksAreReadBackAndShowNothing) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.create_directory("store").ok());
  header_.kind = SegmentKind::extent;
  header_.features = 0;
  header_.encrypt(&keys_);
  Bytes file = encode_segment_header(header_);
  const Bytes content(100'000, 'c');
  const ChunkPlace place{.value_id = 1, .number = 2, .offset = 4096};
  append_chunk(place, content, context(), file);
  EXPECT_EQ(file.find("cccc"), Bytes::npos);
  const std::string path = join_path("store", segment_file_name(header_.kind, header_.id));
  ASSERT_TRUE(disk.write_file(path, file).ok());
  const auto open = [&](const KeyRing* keys) {
    return Segment::open(disk, "store", SegmentKind::extent, header_.id, header_.store_id,
                         OpenMode::read, keys)
        .value();
  };
  Bytes scratch;
  EXPECT_EQ(read_chunk(*open(&keys_), place, content.size(), scratch).value(), content);
  EXPECT_EQ(read_chunk(*open(nullptr), place, content.size(), scratch).status().code(),
            Code::corruption);
  for (std::uint64_t at = 4096; at < file.size(); at += 997) {
    ASSERT_TRUE(disk.flip_bit(path, at, 2).ok());
    EXPECT_EQ(read_chunk(*open(&keys_), place, content.size(), scratch).status().code(),
              Code::corruption);
    ASSERT_TRUE(disk.flip_bit(path, at, 2).ok());
  }
}

TEST_F(Sealed, AListSaysThatItsChunksAre) {
  for (const bool is_sealed : {false, true}) {
    ExtentList list{.value_id = 1, .bytes = kChunkBytesMax + 5, .pieces = {}};
    list.pieces.push_back(
        {.segment = 2, .offset = 4096, .bytes = kChunkBytesMax, .is_sealed = is_sealed});
    list.pieces.push_back({.segment = 3, .offset = 4096, .bytes = 5, .is_sealed = is_sealed});
    EXPECT_EQ(decode_extent_list(encode_extent_list(list)), list);
    EXPECT_EQ(list.pieces[1].disk_bytes(), is_sealed ? 53U : 37U);
  }
}

}  // namespace
}  // namespace talea
