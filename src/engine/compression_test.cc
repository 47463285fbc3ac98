// Values that are stored compressed: read the same on every way, and smaller on the disk.
#include <gtest/gtest.h>

#include <map>

#include "engine/restore.h"
#include "engine/store_testing.h"
#include "log/record.h"
#include "store/state_testing.h"

namespace talea {
namespace {

Bytes json(int number) {
  Bytes text = "[";
  for (int i = 0; i < 20; ++i) {
    text +=
        "{\"id\": " + std::to_string(number * 100 + i) + ", \"name\": \"somebody\", \"on\": true},";
  }
  return text + "{}]";
}

Bytes noise(Random& random, std::size_t bytes) {
  Bytes value(bytes, '\0');
  random.fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
  return value;
}

class CompressionTest : public StoreTest {
 protected:
  CompressionTest() {
    options_.compress_from_bytes = 64;
    open();
  }
  void put(BytesView key, BytesView value) {
    ASSERT_TRUE(store_->put(Space::user, key, value).ok());
    model_[Bytes(key)] = value;
  }
  static Bytes read(ValueReader& reader) {
    Bytes value;
    for (BytesView piece = reader.read().value(); !piece.empty(); piece = reader.read().value()) {
      value += piece;
    }
    return value;
  }
  void expect_model() {
    std::vector<BytesView> keys;
    for (const auto& row : model_) keys.push_back(row.first);
    std::vector<std::optional<Bytes>> values(keys.size());
    ASSERT_TRUE(store_->multi_get(Space::user, keys, values).ok());
    const Snapshot snapshot = store_->snapshot().value();
    Scan scan = store_->scan(Space::user, {}).value();
    auto value = values.begin();
    for (const auto& [key, expected] : model_) {
      ASSERT_EQ(store_->get_value(Space::user, key).value(), expected);
      ASSERT_EQ(store_->get(Space::user, key).value()->value, expected);
      ASSERT_EQ(snapshot.get(key).value(), expected);
      ASSERT_EQ(*value++, expected);
      ValueReader reader = store_->read_value(Space::user, key).value().value();
      ASSERT_EQ(reader.bytes(), expected.size());
      ASSERT_EQ(read(reader), expected);
      ASSERT_TRUE(scan.next().value());
      ASSERT_EQ(scan.key(), key);
      ASSERT_EQ(scan.value().value(), expected);
    }
    ASSERT_FALSE(scan.next().value());
  }

  std::map<Bytes, Bytes> model_;
};

TEST_F(CompressionTest, IsSeenByNoReaderAndByTheDisk) {
  std::uint64_t bytes = 0;
  Batch batch;
  for (int i = 0; i < 300; ++i) {
    const Bytes key = "key" + std::to_string(i);
    const Bytes value = json(i);
    bytes += value.size();
    if (i % 2 == 0) {
      put(key, value);
    } else {
      batch.put(key, value);
      model_[key] = value;
    }
  }
  ASSERT_TRUE(store_->commit(batch, nullptr).ok());
  expect_model();
  const Stats stats = store_->stats();
  EXPECT_EQ(stats.values_compressed, 300U);
  EXPECT_EQ(stats.bytes_before_compression, bytes);
  EXPECT_LT(stats.bytes_after_compression, bytes / 3);
  EXPECT_LT(stats.live_bytes, bytes / 3 + 300 * 40);
  ASSERT_TRUE(store_->checkpoint().ok());
  reopen();
  expect_model();
  for (int i = 0; i < 200; ++i) put("key" + std::to_string(i), json(1000 + i));
  ASSERT_TRUE(store_->compact().ok());
  expect_model();
  options_.compress_from_bytes = 0;  // what is compressed stays readable
  reopen();
  expect_model();
  put("key0", json(7));
  expect_model();
  close();
  EXPECT_TRUE(verify_directory(seams(), kPath, {}).value().findings.empty());
}

TEST_F(CompressionTest, IsKeptOnlyWhereItPays) {
  put("noise", noise(random_, 4096));
  put("short", Bytes(63, 'a'));
  put("empty", "");
  put("large", Bytes(2 * kMiB, 'l'));  // an extent
  EXPECT_EQ(store_->stats().values_compressed, 0U);
  put("at the threshold", Bytes(64, 'a'));
  put("largest", Bytes(kInlineValueBytesMax, 'a'));
  EXPECT_EQ(store_->stats().values_compressed, 2U);
  expect_model();
  reopen();
  expect_model();
}

TEST_F(CompressionTest, IsNoPartOfTheState) {
  for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), json(i));
  const StateHash compressed = hash();
  Bytes stream;
  ASSERT_TRUE(write_state_stream(*store_->read_state().value(), sink_to(stream)).ok());
  auto state = StateStreamReader::open(source_of(stream)).value();
  EXPECT_EQ(restore_directory(seams(), "copy", options_, *state).value(), compressed);
  const std::uint64_t live_bytes = store_->stats().live_bytes;
  close();
  store_ = EngineStore::open(seams(), "copy", options_).value();
  EXPECT_EQ(hash(), compressed);
  EXPECT_LE(store_->stats().live_bytes, 2 * live_bytes) << "it was not compressed again";
  options_.compress_from_bytes = 0;
  store_ = EngineStore::open(seams(), "plain", options_).value();
  for (int i = 0; i < 50; ++i) put("key" + std::to_string(i), json(i));
  EXPECT_EQ(store_->stats().values_compressed, 0U);
  EXPECT_EQ(hash(), compressed);
}

TEST_F(CompressionTest, RandomValuesComeBackAsTheyWere) {
  for (int i = 0; i < 5000; ++i) {
    Bytes value = noise(random_, random_.next_u64() % 300);
    const unsigned letters = 1U << random_.next_u64() % 8;
    for (char& byte : value) byte = static_cast<char>(static_cast<unsigned char>(byte) % letters);
    put(std::to_string(random_.next_u64() % 3000), value);
  }
  EXPECT_GT(store_->stats().values_compressed, 1000U);
  expect_model();
  reopen();
  expect_model();
}

// Only a fault of ours, or somebody who forges checks, makes such an entry.
TEST_F(CompressionTest, AValidEntryWithANonsensicalBlockIsCorruption) {
  put("key", Bytes(1000, 'a'));
  put("other", Bytes(1000, 'b'));
  store_.reset();
  const std::string path = join_path(kPath, "0000000001.log");
  Bytes file = disk_.read_file(path).value();
  const SegmentContext context(decode_segment_header(BytesView(file).substr(0, 4096)).value());
  RecordView record;
  ASSERT_EQ(decode_record(BytesView(file).substr(4096), 4096, context, record).outcome,
            DecodeOutcome::ok);
  EntrySource entry = source_of(record.entries.front());
  ASSERT_EQ(entry.claims.raw_value_bytes, 1000U);
  const Bytes nonsense(entry.value.size(), '\xff');
  const Bytes key(entry.key);
  entry.key = key;
  entry.value = nonsense;
  Bytes forged;
  append_single(entry,
                {.sequence = record.sequence,
                 .now = record.now,
                 .offset = 4096,
                 .synced_through = record.synced_through,
                 .follows = record.follows},
                context, forged);
  ASSERT_EQ(forged.size(), record.bytes);
  file.replace(4096, forged.size(), forged);
  ASSERT_TRUE(disk_.write_file(path, file).ok());
  open();
  EXPECT_EQ(store_->get_value(Space::user, "key").status().code(), Code::corruption);
  EXPECT_EQ(store_->get_value(Space::user, "other").value(), Bytes(1000, 'b'));
  EXPECT_EQ(store_->read_value(Space::user, "key").status().code(), Code::corruption);
  Scan scan = store_->scan(Space::user, {}).value();
  ASSERT_TRUE(scan.next().value());
  EXPECT_EQ(scan.value().status().code(), Code::corruption);
  EXPECT_EQ(hash_state(*store_->read_state().value()).status().code(), Code::corruption);
}

}  // namespace
}  // namespace talea
