#include "log/record.h"

#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "log/log_testing.h"
#include "log/stored_entry.h"
#include "talea/limits.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr std::uint64_t kOffset = 5000;

const SegmentContext& context() {
  static const SegmentContext context(test_header());
  return context;
}

RecordPlace place(Sequence sequence = 1001, std::optional<Sequence> synced_through = {},
                  std::optional<Sequence> follows = {}) {
  return {sequence, 1'700'000'000'123, kOffset, synced_through, follows};
}

DecodeOutcome outcome(BytesView bytes, std::uint64_t offset = kOffset,
                      const SegmentContext& in = context()) {
  RecordView record;
  return decode_record(bytes, offset, in, record).outcome;
}

TestBatch small_batch() {
  return TestBatch().put("alpha", "one").remove("bravo").put("charlie", "", 300);
}

// The check of what is at the front of `bytes`, made right again after a change. For a record whose
// lengths still parse; the places of its fields are those of docs/formats/log.md.
void forge_batch_header(Bytes& bytes) {
  store_fixed(bytes.data(), crc32c(context().check_seed ^ static_cast<std::uint32_t>(kOffset),
                                   BytesView(bytes).substr(4, kBatchHeaderBytes - 4)));
}

Bytes forged_single(BytesView prefix, BytesView body) {
  char body_check[4];
  store_fixed(body_check, crc32c(0, body));
  Bytes bytes(4, '\0');
  store_fixed(bytes.data(),
              crc32c(crc32c(context().check_seed ^ static_cast<std::uint32_t>(kOffset), prefix),
                     {body_check, 4}));
  return bytes.append(prefix).append(body);
}

// --- Round trips ---------------------------------------------------------------------------------

TEST(Record, OfRandomBatchesIsReadBackWholeAndEntryByEntry) {
  SeededRandom random(test_seed());
  for (int round = 0; round < 300; ++round) {
    const TestBatch batch = random_batch(random, 6);
    RecordPlace at{1000 + below(random, 1U << 22), 1'700'000'000'000 + below(random, 1U << 30),
                   4096 + below(random, 1U << 30), std::nullopt};
    if (below(random, 2) == 0) at.synced_through = 1 + below(random, at.sequence - 1);
    if (below(random, 2) == 0) at.follows = below(random, at.sequence);
    std::vector<EntryExtent> places;
    const Bytes bytes = batch.at(at, context(), &places);
    ASSERT_LE(bytes.size(), batch.encoded().record_bytes_max());

    const Bytes longer = bytes + "what follows";
    RecordView record;
    const RecordDecode decoded = decode_record(longer, at.offset, context(), record);
    ASSERT_EQ(decoded.outcome, DecodeOutcome::ok) << decoded.problem;
    EXPECT_EQ(record.bytes, bytes.size());
    EXPECT_EQ(record.sequence, at.sequence);
    EXPECT_EQ(record.now, at.now);
    EXPECT_EQ(record.synced_through, at.synced_through);
    EXPECT_EQ(record.follows, at.follows);
    ASSERT_EQ(record.entries.size(), batch.operations.size());
    ASSERT_EQ(places.size(), batch.operations.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      const TestBatch::Operation& operation = batch.operations[i];
      std::string_view problem;
      const BytesView alone =
          BytesView(bytes).substr(places[i].offset - at.offset, places[i].bytes);
      const auto entry = decode_entry(alone, places[i].offset, context(), problem);
      ASSERT_TRUE(entry.has_value()) << problem;
      for (const EntryView& view : {record.entries[i], *entry}) {
        EXPECT_EQ(view.space, operation.space);
        EXPECT_EQ(view.key, operation.key);
        EXPECT_EQ(view.value, operation.value);
        EXPECT_EQ(view.is_remove, operation.is_remove);
        EXPECT_EQ(view.is_extent_list, operation.is_extent_list);
        EXPECT_EQ(view.claims, operation.claims);
        EXPECT_EQ(view.place.offset, places[i].offset);
        EXPECT_EQ(view.place.bytes, places[i].bytes);
      }
      StoredEntry stored;
      ASSERT_TRUE(read_stored_entry(alone.data(), alone.data() + alone.size(), stored));
      EXPECT_EQ(stored.key, operation.key);
      EXPECT_EQ(stored.value, operation.value);
      EXPECT_EQ(stored.bytes, places[i].bytes);
      EXPECT_EQ(stored.source().claims, operation.claims);
      EXPECT_TRUE(stored_entry_matches(alone.data(), stored, places[i].offset, context()));
      if (places.size() == 1) {
        EXPECT_EQ(entry->sequence, at.sequence);
      } else {
        EXPECT_EQ(entry->sequence, std::nullopt);
        EXPECT_EQ(entry->place.offset - entry->header_distance, at.offset);
        EXPECT_EQ(decode_batch_sequence(bytes, at.offset, context()), at.sequence);
      }
    }
  }
}

TEST(Record, HoldsTheLongestKeyOfAnInternalSpace) {
  const TestBatch batch = TestBatch().put(Bytes(kStoredKeyBytesMax, 'k'), "v", 5);
  EXPECT_EQ(outcome(batch.at(place(), context())), DecodeOutcome::ok);
  const TestBatch longer = TestBatch().put(Bytes(kStoredKeyBytesMax + 1, 'k'), "v", 5);
  EXPECT_EQ(outcome(longer.at(place(), context())), DecodeOutcome::bad);
}

// docs/formats/log.md, "Cost".
TEST(Record, OfOneEntryTakesAtMost14BytesBeforeTheKey) {
  const TestBatch batch = TestBatch().put(Bytes(127, 'k'), Bytes(127, 'v'));
  const std::uint64_t two_million = (1U << 21) - 1;
  const RecordPlace last{1000 + two_million, 1'700'000'000'000 + two_million, kOffset, {}};
  EXPECT_EQ(batch.at(last, context()).size(), 14 + 2 * 127U);
  const RecordPlace first{1000, 1'700'000'000'000, kOffset, {}};
  EXPECT_EQ(batch.at(first, context()).size(), 10 + 2 * 127U);
  // A further byte for each factor of 128, and two for a claim of what is durable.
  RecordPlace later = last;
  ++later.sequence;
  EXPECT_EQ(batch.at(later, context()).size(), 15 + 2 * 127U);
  later.now = 1'700'000'000'000 + (1U << 28);
  EXPECT_EQ(batch.at(later, context()).size(), 17 + 2 * 127U);
  later.synced_through = later.sequence - 1;
  EXPECT_EQ(batch.at(later, context()).size(), 19 + 2 * 127U);
  const TestBatch kilobyte = TestBatch().put("0123456789abcdef", Bytes(1024, 'v'));
  EXPECT_EQ(kilobyte.at(last, context()).size(), 15 + 16 + 1024U);
}

// --- Damage --------------------------------------------------------------------------------------

TEST(Record, WithAnyBitFlippedIsNoRecord) {
  for (const TestBatch& batch : {small_batch(), TestBatch().put("key", "value")}) {
    std::vector<EntryExtent> places;
    const Bytes right = batch.at(place(1001, 1000, 998), context(), &places);
    for (std::size_t bit = 0; bit < right.size() * 8; ++bit) {
      Bytes bytes = right;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      // More bytes than it needs: a length that grew must not wait for ever.
      EXPECT_NE(outcome(bytes), DecodeOutcome::ok) << "bit=" << bit;
      EXPECT_NE(outcome(bytes + Bytes(100'000, 'x')), DecodeOutcome::ok) << "bit=" << bit;
      for (const EntryExtent& entry : places) {
        const std::uint64_t start = entry.offset - kOffset;
        if (bit / 8 < start || bit / 8 >= start + entry.bytes) continue;
        std::string_view problem;
        EXPECT_FALSE(decode_entry(BytesView(bytes).substr(start, entry.bytes), entry.offset,
                                  context(), problem)
                         .has_value())
            << "bit=" << bit;
        EXPECT_FALSE(problem.empty());
      }
    }
  }
}

TEST(Record, CutShortIsNoRecordAndSaysHowMuchItNeeds) {
  for (const TestBatch& batch : {small_batch(), TestBatch().put(Bytes(90, 'k'), Bytes(90, 'v'))}) {
    const Bytes whole = batch.at(place(1001, {}, 0), context());
    std::uint64_t needed = 0;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      RecordView record;
      const auto decoded =
          decode_record(BytesView(whole).substr(0, cut), kOffset, context(), record);
      ASSERT_EQ(decoded.outcome, DecodeOutcome::need_more) << "cut=" << cut;
      ASSERT_GT(decoded.bytes_needed, cut);
      ASSERT_LE(decoded.bytes_needed, whole.size());
      ASSERT_GE(decoded.bytes_needed, needed);
      needed = decoded.bytes_needed;
      std::string_view problem;
      EXPECT_FALSE(
          decode_entry(BytesView(whole).substr(0, cut), kOffset, context(), problem).has_value());
    }
    EXPECT_EQ(needed, whole.size());
  }
}

TEST(Record, MovedToAnotherOffsetOrSegmentIsNoRecord) {
  const SegmentContext other_salt(test_header(17, 2));
  const SegmentContext other_id(test_header(18, 1));
  for (const TestBatch& batch : {small_batch(), TestBatch().put("key", "value")}) {
    std::vector<EntryExtent> places;
    const Bytes bytes = batch.at(place(), context(), &places);
    EXPECT_EQ(outcome(bytes), DecodeOutcome::ok);
    for (const std::uint64_t offset : {kOffset - 1, kOffset + 1, kOffset + 4096, kOffset * 2}) {
      EXPECT_EQ(outcome(bytes, offset), DecodeOutcome::bad);
    }
    EXPECT_EQ(outcome(bytes, kOffset, other_salt), DecodeOutcome::bad);
    EXPECT_EQ(outcome(bytes, kOffset, other_id), DecodeOutcome::bad);
    const BytesView entry = BytesView(bytes).substr(places[0].offset - kOffset, places[0].bytes);
    std::string_view problem;
    EXPECT_TRUE(decode_entry(entry, places[0].offset, context(), problem).has_value());
    EXPECT_FALSE(decode_entry(entry, places[0].offset + 1, context(), problem).has_value());
    EXPECT_FALSE(decode_entry(entry, places[0].offset, other_salt, problem).has_value());
  }
}

// Whatever the seed: the empty key is refused before the check is looked at.
TEST(Record, IsNeverMadeOfZeros) {
  for (const std::size_t bytes : {66U, 100U, 4096U}) {
    EXPECT_EQ(outcome(Bytes(bytes, '\0')), DecodeOutcome::bad);
  }
  EXPECT_EQ(outcome(forged_single(Bytes(3, '\0'), Bytes(100, '\0'))), DecodeOutcome::bad);
}

TEST(Record, OfOneBatchDoesNotPassForAnEntryOfAnother) {
  std::vector<EntryExtent> places;
  const Bytes bytes = small_batch().at(place(), context(), &places);
  EXPECT_EQ(outcome(BytesView(bytes).substr(kBatchHeaderBytes), kOffset + kBatchHeaderBytes),
            DecodeOutcome::bad)
      << "an entry is no record";
  std::string_view problem;
  EXPECT_FALSE(decode_entry(bytes, kOffset, context(), problem).has_value())
      << "a batch is no entry";
  const BytesView longer = BytesView(bytes).substr(places[0].offset - kOffset, places[0].bytes + 1);
  EXPECT_FALSE(decode_entry(longer, places[0].offset, context(), problem).has_value());
  EXPECT_EQ(problem, "the entry is shorter than the index says");
}

// The entries of a batch vouch for themselves, not for each other.
TEST(Record, WithAnEntryOfAnEarlierStateIsNoRecord) {
  std::vector<EntryExtent> places;
  const Bytes older = TestBatch().put("a", "1").put("b", "2").at(place(1001), context(), &places);
  Bytes newer = TestBatch().put("a", "1").put("b", "3").at(place(1001), context());
  newer.replace(places[1].offset - kOffset, places[1].bytes, older, places[1].offset - kOffset,
                places[1].bytes);
  EXPECT_EQ(outcome(newer), DecodeOutcome::bad);
}

// --- Valid checks over nonsense ------------------------------------------------------------------

TEST(Record, WithNonsenseInABatchHeaderAndARightCheckIsNoRecord) {
  const Bytes right = small_batch().at(place(1001, 1000), context());
  const auto with = [&right](std::size_t field, auto value) {
    Bytes bytes = right;
    store_fixed(bytes.data() + field, value);
    forge_batch_header(bytes);
    return bytes;
  };
  const auto u64 = [](std::uint64_t value) { return value; };
  EXPECT_EQ(outcome(with(8, u64(1001))), DecodeOutcome::ok);
  for (const std::uint64_t sequence : {u64(0), u64(999), u64(1000)}) {
    EXPECT_EQ(outcome(with(8, sequence)), DecodeOutcome::bad) << "before the segment or its claim";
  }
  EXPECT_EQ(outcome(with(16, u64(0))), DecodeOutcome::bad) << "time before the segment";
  EXPECT_EQ(outcome(with(24, u64(1001))), DecodeOutcome::bad) << "a claim about itself";
  EXPECT_EQ(outcome(with(24, UINT64_MAX)), DecodeOutcome::bad);
  EXPECT_EQ(outcome(with(32, UINT64_MAX)), DecodeOutcome::bad) << "length";
  EXPECT_EQ(outcome(with(32, UINT64_MAX - 47)), DecodeOutcome::bad) << "a length that wraps";
  EXPECT_EQ(outcome(with(32, u64(0))), DecodeOutcome::bad);
  EXPECT_EQ(outcome(with(32, load_fixed<std::uint64_t>(right.data() + 32) - 1)),
            DecodeOutcome::bad);
  for (const std::uint32_t count : {0U, 2U, 4U, 4U * 1024 * 1024, UINT32_MAX}) {
    EXPECT_EQ(outcome(with(40, count)), DecodeOutcome::bad) << "count=" << count;
  }
  EXPECT_EQ(outcome(with(44, 0U)), DecodeOutcome::bad) << "check of the checks";
  for (const std::size_t field : {5U, 6U, 7U}) {
    const Bytes bytes = with(field, std::uint8_t{1});
    EXPECT_EQ(outcome(bytes), DecodeOutcome::bad) << "unknown flag or reserved byte";
    EXPECT_FALSE(decode_batch_sequence(bytes, kOffset, context()).has_value());
  }
}

TEST(Record, WithNonsenseInASingleAndARightCheckIsNoRecord) {
  using std::string_literals::operator""s;
  const Bytes content = "kvv";
  EXPECT_EQ(outcome(forged_single("\x00\x00\x00"s, "\x00\x01\x02"s + content)), DecodeOutcome::ok);
  for (const char flags : "\x04\x08\x10\x22\x81\x40"s) {
    EXPECT_NE(outcome(forged_single(Bytes{flags} + "\x00\x00"s, "\x00\x01\x02"s + content) +
                      Bytes(100, '\0')),
              DecodeOutcome::ok)
        << "flags " << int{flags};
  }
  EXPECT_EQ(outcome(forged_single("\x02\x00\x00"s, "\x00\x01\x02"s + content)), DecodeOutcome::bad)
      << "a removal with a value";
  EXPECT_EQ(outcome(forged_single("\x00\x00\x00"s, "\x00\x00\x03"s + content)), DecodeOutcome::bad)
      << "no key";
  EXPECT_EQ(outcome(forged_single("\x00\x00\x00"s, "\x80\x80\x80\x80\x10\x01\x02"s + content)),
            DecodeOutcome::bad)
      << "a space above 32 bits";
  const Bytes largest = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  EXPECT_EQ(outcome(forged_single("\x00"s + largest + "\x00"s, "\x00\x01\x02"s + content)),
            DecodeOutcome::bad)
      << "a sequence that wraps";
  EXPECT_EQ(outcome(forged_single("\x00\x00"s + largest, "\x00\x01\x02"s + content)),
            DecodeOutcome::bad)
      << "a time that wraps";
  for (const Bytes& lengths :
       {"\x00"s + largest + "\x02"s, "\x00\x01"s + largest, "\x00"s + largest + largest}) {
    EXPECT_EQ(outcome(forged_single("\x00\x00\x00"s, lengths + content)), DecodeOutcome::bad)
        << "lengths that wrap";
  }
  // With a claim: more byte, sequence, time, distance.
  EXPECT_EQ(outcome(forged_single("\x40\x01\x00\x00\x05"s, "\x00\x01\x02"s + content)),
            DecodeOutcome::ok);
  EXPECT_EQ(outcome(forged_single("\x40\x01\x00\x00\x00"s, "\x00\x01\x02"s + content)),
            DecodeOutcome::bad)
      << "a claim about itself";
  EXPECT_EQ(outcome(forged_single("\x40\x01\x00\x00\xe8\x07"s, "\x00\x01\x02"s + content)),
            DecodeOutcome::bad)
      << "a claim about sequence 0";
  // With the record before: 04; with both, the claim comes first.
  const auto with_more = [&](const Bytes& prefix) {
    return outcome(forged_single("\x40"s + prefix, "\x00\x01\x02"s + content));
  };
  EXPECT_EQ(with_more("\x04\x00\x00\x01"s), DecodeOutcome::ok);
  EXPECT_EQ(with_more("\x04\x00\x00\xe8\x07"s), DecodeOutcome::ok) << "there is none before";
  EXPECT_EQ(with_more("\x04\x00\x00\xe9\x07"s), DecodeOutcome::bad) << "a sequence below 0";
  EXPECT_EQ(with_more("\x04\x00\x00\x00"s), DecodeOutcome::bad) << "it follows itself";
  EXPECT_EQ(with_more("\x05\x00\x00\x01\xe8\x07"s), DecodeOutcome::ok);
  EXPECT_EQ(with_more("\x05\x00\x00\xe8\x07\x01"s), DecodeOutcome::bad)
      << "a claim about sequence 0";
  for (const char more : "\x00\x02\x03\x06\x08\x81"s) {
    EXPECT_EQ(
        outcome(forged_single("\x40"s + Bytes{more} + "\x00\x00\x05"s, "\x00\x01\x02"s + content)),
        DecodeOutcome::bad)
        << "more " << int{more};
  }
}

TEST(Record, ThatSaysWhatItFollowsNeedsASegmentThatAnnouncesIt) {
  SegmentHeader header = test_header();
  header.features = kFeatureExtents;
  const SegmentContext older(header);
  for (const TestBatch& batch : {small_batch(), TestBatch().put("key", "value")}) {
    EXPECT_EQ(outcome(batch.at(place(1001, 1000), context()), kOffset, older), DecodeOutcome::ok);
    const Bytes bytes = batch.at(place(1001, 1000, 1000), context());
    EXPECT_EQ(outcome(bytes), DecodeOutcome::ok);
    EXPECT_EQ(outcome(bytes, kOffset, older), DecodeOutcome::bad);
    // 8 bytes in a batch; in a single that says more already, the distance alone.
    EXPECT_EQ(bytes.size(), batch.at(place(1001, 1000), context()).size() +
                                (batch.operations.size() > 1 ? 8U : 1U));
  }
}

TEST(Record, OfABatchThatFollowsNothingBeforeItIsNoRecord) {
  const Bytes right = small_batch().at(place(1001, {}, 1000), context());
  const auto with = [&right](std::uint64_t follows) {
    Bytes bytes = right;
    const std::size_t at = bytes.size() - 8;
    // The check of the checks with another end: the CRC is taken anew over all of them.
    store_fixed(bytes.data() + at, follows);
    std::uint32_t check = 0;
    RecordView record;
    EXPECT_EQ(decode_record(right, kOffset, context(), record).outcome, DecodeOutcome::ok);
    for (const EntryView& entry : record.entries) {
      check = crc32c(check, BytesView(bytes).substr(entry.place.offset - kOffset, 4));
    }
    store_fixed(bytes.data() + 44, crc32c(check, BytesView(bytes).substr(at)));
    forge_batch_header(bytes);
    return bytes;
  };
  for (const std::uint64_t follows : {0U, 999U, 1000U}) {
    EXPECT_EQ(outcome(with(follows)), DecodeOutcome::ok) << follows;
  }
  EXPECT_EQ(outcome(with(1001)), DecodeOutcome::bad) << "itself";
  EXPECT_EQ(outcome(with(UINT64_MAX)), DecodeOutcome::bad);
  Bytes other = right;
  store_fixed(other.data() + other.size() - 8, std::uint64_t{999});
  EXPECT_EQ(outcome(other), DecodeOutcome::bad) << "the check of the checks covers it";
}

TEST(RecordDeathTest, FollowsOnlyWhatIsBeforeItAndWhereThatIsAnnounced) {
  SegmentHeader header = test_header();
  header.features = kFeatureExtents;
  const SegmentContext older(header);
  EXPECT_DEATH(small_batch().at(place(1001, {}, 1001), context()), "follows");
  EXPECT_DEATH(small_batch().at(place(1001, {}, 1000), older), "follows");
}

TEST(Record, ThatUsesExtentsNeedsASegmentThatAnnouncesThem) {
  SegmentHeader header = test_header();
  header.features = 0;
  TestBatch batch;
  batch.put("key", "list");
  batch.operations[0].is_extent_list = true;
  EXPECT_EQ(outcome(batch.at(place(), context())), DecodeOutcome::ok);
  EXPECT_EQ(outcome(batch.at(place(), context()), kOffset, SegmentContext(header)),
            DecodeOutcome::bad);
}

TEST(Record, ThatExpiresOrIsCompressedNeedsASegmentThatAnnouncesIt) {
  const auto outcome_with = [](const EntryClaims& claims, std::uint32_t features) {
    SegmentHeader header = test_header();
    header.features = features;
    TestBatch batch;
    batch.put("key", "value").put("other", "value");
    batch.operations[1].claims = claims;
    const DecodeOutcome multiple =
        outcome(batch.at(place(), context()), kOffset, SegmentContext(header));
    batch.operations.erase(batch.operations.begin());
    EXPECT_EQ(outcome(batch.at(place(), context()), kOffset, SegmentContext(header)), multiple);
    return multiple;
  };
  const EntryClaims expires{.expiry_ms = 1};
  const EntryClaims compressed{.raw_value_bytes = 6};
  EXPECT_EQ(outcome_with(expires, kFeatureExpiry), DecodeOutcome::ok);
  EXPECT_EQ(outcome_with(expires, kFeatureLz4), DecodeOutcome::bad);
  EXPECT_EQ(outcome_with(compressed, kFeatureLz4), DecodeOutcome::ok);
  EXPECT_EQ(outcome_with(compressed, kFeatureExpiry), DecodeOutcome::bad);
}

TEST(Record, WithNonsenseAboutItsValueAndARightCheckIsNoRecord) {
  using std::string_literals::operator""s;
  const auto with = [](char flags, const Bytes& claims) {
    return outcome(forged_single(Bytes{flags} + "\x00\x00"s, "\x00\x01\x02"s + claims + "kvv"));
  };
  const Bytes largest = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  EXPECT_EQ(with('\x04', "\x01"s), DecodeOutcome::ok);
  EXPECT_EQ(with('\x04', largest), DecodeOutcome::ok) << "an expiry in the far future";
  EXPECT_EQ(with('\x04', "\x00"s), DecodeOutcome::bad) << "an expiry that says never";
  EXPECT_EQ(with('\x08', "\x03"s), DecodeOutcome::ok);
  EXPECT_EQ(with('\x08', "\x80\x80\x40"s), DecodeOutcome::ok) << "a MiB";
  EXPECT_EQ(with('\x08', "\x81\x80\x40"s), DecodeOutcome::bad) << "more than a MiB";
  EXPECT_EQ(with('\x08', "\x02"s), DecodeOutcome::bad) << "no longer than it is";
  EXPECT_EQ(with('\x08', largest), DecodeOutcome::bad);
  EXPECT_EQ(with('\x0c', "\x05\x03"s), DecodeOutcome::ok) << "both; the expiry comes first";
  EXPECT_EQ(with('\x28', "\x03"s), DecodeOutcome::bad) << "an extent list that is compressed";
  for (const char flags : {'\x06', '\x0a'}) {
    EXPECT_EQ(outcome(forged_single(Bytes{flags} + "\x00\x00"s, "\x00\x01\x00\x05k"s)),
              DecodeOutcome::bad)
        << "a removal with an expiry or a length";
  }
}

// Changes bytes in front of the body and in entries, and makes every check right that still can be:
// nothing may be read outside the bytes given (the sanitizers watch), and what is accepted must be
// within its bounds.
TEST(Record, NonsenseBehindRightChecksIsNeverReadOutsideItsBytes) {
  SeededRandom random(test_seed());
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    const bool single = below(random, 2) == 0;
    Bytes whole;
    if (single) {
      Bytes prefix(1, static_cast<char>(below(random, 2) == 0 ? 0 : random.next_u64()));
      Bytes body(3, '\0');
      for (char& byte : body) byte = static_cast<char>(below(random, 64));
      prefix += random_bytes(random, 2 + below(random, 4));
      whole = forged_single(prefix, body + random_bytes(random, below(random, 80)));
    } else {
      const bool first = below(random, 2) == 0;
      whole = small_batch().at(place(1001, {}, first ? std::optional(7) : std::nullopt), context());
      const std::uint64_t changes = 1 + below(random, 3);
      for (std::uint64_t i = 0; i < changes; ++i) {
        whole[4 + below(random, whole.size() - 4)] = static_cast<char>(random.next_u64());
      }
      forge_batch_header(whole);
    }
    // An allocation of exactly this size, so that a read behind its end is seen.
    const std::vector<char> exact(whole.begin(), whole.end());
    const BytesView bytes(exact.data(), exact.size());
    RecordView record;
    if (decode_record(bytes, kOffset, context(), record).outcome == DecodeOutcome::ok) {
      ++accepted;
      ASSERT_LE(record.bytes, bytes.size());
      for (const EntryView& entry : record.entries) {
        ASSERT_GE(entry.key.data(), bytes.data());
        ASSERT_LE(entry.value.data() + entry.value.size(), bytes.data() + record.bytes);
      }
    }
    std::string_view problem;
    (void)decode_entry(bytes, kOffset, context(), problem).has_value();
    (void)decode_batch_sequence(bytes, kOffset, context()).has_value();
    (void)outline_single(bytes, context()).has_value();
  }
  EXPECT_GT(accepted, 0) << "the checks were forged in vain";
}

TEST(SingleOutline, GivesTheCheckWithoutTheBody) {
  const Bytes bytes = TestBatch().put("key", Bytes(10'000, 'v')).at(place(1001, 1000), context());
  const BytesView front = BytesView(bytes).substr(0, 40);
  const std::optional<SingleOutline> outline = outline_single(front, context());
  ASSERT_TRUE(outline.has_value());
  EXPECT_EQ(outline->bytes, bytes.size());
  const std::uint32_t body_check = crc32c(0, BytesView(bytes).substr(outline->body));
  EXPECT_TRUE(single_check_matches(front, *outline, kOffset, context(), body_check));
  EXPECT_FALSE(single_check_matches(front, *outline, kOffset, context(), body_check ^ 1));
  EXPECT_FALSE(single_check_matches(front, *outline, kOffset + 1, context(), body_check));
  EXPECT_FALSE(outline_single(small_batch().at(place(), context()), context()).has_value());
  EXPECT_FALSE(outline_single(Bytes(100, '\0'), context()).has_value());
  EXPECT_FALSE(outline_single(front.substr(0, 8), context()).has_value());
}

}  // namespace
}  // namespace talea
