// What the tests of this module share: a header, batches and segments of known content.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/crash_file_system.h"
#include "log/record.h"
#include "log/segment.h"
#include "talea/limits.h"

namespace talea {

inline SegmentHeader test_header(std::uint32_t id = 17, std::uint64_t seed = 1) {
  SegmentHeader header;
  header.features = kEntryFeatures | kFeaturePrepared;
  header.id = id;
  header.first_sequence = 1000;
  header.base_now = 1'700'000'000'000;
  SeededRandom random(seed);
  random.fill(header.store_id);
  random.fill(header.salt);
  return header;
}

inline std::uint64_t below(Random& random, std::uint64_t limit) {
  return random.next_u64() % limit;
}

inline Bytes random_bytes(Random& random, std::size_t bytes) {
  Bytes out(bytes, '\0');
  random.fill({reinterpret_cast<unsigned char*>(out.data()), out.size()});
  return out;
}

/// Operations that own their bytes.
struct TestBatch {
  struct Operation {
    Space space = Space::user;
    Bytes key = {};
    Bytes value = {};
    bool is_remove = false;
    bool is_extent_list = false;
    EntryClaims claims = {};
  };
  std::vector<Operation> operations;

  TestBatch& put(Bytes key, Bytes value, std::uint32_t space = 0) {
    operations.push_back(
        {.space = static_cast<Space>(space), .key = std::move(key), .value = std::move(value)});
    return *this;
  }
  TestBatch& remove(Bytes key) {
    operations.push_back({.key = std::move(key), .is_remove = true});
    return *this;
  }

  EncodedBatch encoded() const {
    std::vector<EntrySource> entries;
    for (const Operation& operation : operations) {
      entries.push_back({operation.space, operation.key, operation.value, operation.is_remove,
                         operation.is_extent_list, operation.claims});
    }
    return encode_batch(entries);
  }

  Bytes at(const RecordPlace& place, const SegmentContext& context,
           std::vector<EntryExtent>* places = nullptr) const {
    std::vector<EntryExtent> unused;
    Bytes out;
    finish_record(encoded(), place, context, out, places != nullptr ? *places : unused);
    return out;
  }
};

/// Half of the time nothing. A value that is an extent list is not compressed.
inline EntryClaims random_claims(Random& random, std::size_t value_bytes, bool is_extent_list) {
  EntryClaims claims;
  if (below(random, 4) == 0) claims.expiry_ms = 1 + below(random, UINT64_MAX - 1);
  if (!is_extent_list && below(random, 4) == 0) {
    claims.raw_value_bytes = value_bytes + 1 + below(random, kInlineValueBytesMax - value_bytes);
  }
  return claims;
}

/// 1 to `entries_max` operations with keys and values of many lengths.
inline TestBatch random_batch(Random& random, std::size_t entries_max) {
  const std::uint64_t lengths[] = {0, 1, 2, 127, 128, 300, 5000};
  const std::uint32_t spaces[] = {0, 1, 127, 128, UINT32_MAX};
  TestBatch batch;
  const std::uint64_t count = 1 + below(random, entries_max);
  for (std::uint64_t i = 0; i < count; ++i) {
    TestBatch::Operation operation;
    operation.space = static_cast<Space>(spaces[below(random, 5)]);
    operation.key = random_bytes(random, 1 + lengths[below(random, 7)]);
    operation.is_remove = below(random, 4) == 0;
    if (!operation.is_remove) {
      operation.value = random_bytes(random, lengths[below(random, 7)]);
      operation.is_extent_list = below(random, 8) == 0;
      operation.claims = random_claims(random, operation.value.size(), operation.is_extent_list);
    }
    batch.operations.push_back(std::move(operation));
  }
  return batch;
}

/// A segment whose content is put together by hand, on a disk in memory.
class TestSegment {
 public:
  explicit TestSegment(const SegmentHeader& header = test_header())
      : header_(header), context_(header), bytes_(encode_segment_header(header)) {}

  /// Appends `batch` as the next record and returns its offset.
  std::uint64_t append(const TestBatch& batch, std::optional<Sequence> synced_through = {},
                       std::optional<Sequence> follows = {}) {
    const std::uint64_t offset = bytes_.size();
    bytes_ += batch.at({++sequence_, header_.base_now, offset, synced_through, follows}, context_);
    return offset;
  }
  std::uint64_t append_bytes(BytesView bytes) {
    const std::uint64_t offset = bytes_.size();
    bytes_ += bytes;
    return offset;
  }

  Bytes& bytes() { return bytes_; }
  const SegmentContext& context() const { return context_; }
  Sequence last_sequence() const { return sequence_; }

  /// The segment as it is now, read through a File.
  const Segment& open() {
    EXPECT_TRUE(disk_.write_file("segment", bytes_).ok());
    segment_ = std::make_unique<Segment>(header_, disk_.open("segment", OpenMode::read).value());
    return *segment_;
  }
  CrashFileSystem& disk() { return disk_; }

 private:
  const SegmentHeader header_;
  const SegmentContext context_;
  Bytes bytes_;
  Sequence sequence_ = 1000;
  CrashFileSystem disk_;
  std::unique_ptr<Segment> segment_;
};

}  // namespace talea
