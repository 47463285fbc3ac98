// A run of an encrypted store.
#include <gtest/gtest.h>

#include "index/run_file.h"
#include "index/run_set.h"
#include "io/crash_file_system.h"

namespace talea {
namespace {

class SealedRun : public testing::Test {
 protected:
  SealedRun() {
    EXPECT_TRUE(disk_.create_directory("store").ok());
    keys_.add({.id = 2, .made_ms = 0, .key = SecretKey::make(random_)});
  }

  RunFileInfo write(std::uint32_t id, const KeyRing* keys) {
    RunFileWriter::Setup setup{.keys_expected = kRows, .keys = keys};
    setup.identity.file_id = id;
    random_.fill(setup.identity.salt);
    const auto writer = RunFileWriter::create(disk_, "store", setup).value();
    for (std::uint64_t i = 0; i < kRows; ++i) {
      EXPECT_TRUE(writer->add(Space::user, key(i), row(i)).ok());
    }
    return writer->finish().value();
  }
  Result<std::shared_ptr<const RunReader>> open(const RunFileInfo& info, const KeyRing* keys) {
    return open_run(disk_, "store", info, {}, {.mapped = true, .keys = keys});
  }
  static Bytes key(std::uint64_t i) { return "secret-" + std::to_string(10'000 + i); }
  static RunRevision row(std::uint64_t i) {
    return {.sequence = i + 1, .time_ms = 5, .tombstone = i % 9 == 0, .address = {7, 4096 + i, 30}};
  }

  static constexpr std::uint64_t kRows = 3000;
  CrashFileSystem disk_;
  SeededRandom random_{8};
  KeyRing keys_;
};

TEST_F(SealedRun, IsReadBackAndShowsNoKey) {
  const RunFileInfo info = write(4, &keys_);
  const Bytes content = disk_.read_file("store/0000000004.run").value();
  EXPECT_EQ(content.find("secret"), Bytes::npos);
  const auto run = open(info, &keys_).value();
  EXPECT_EQ(run->header().key_id, 2U);
  EXPECT_TRUE(run->verify().ok()) << run->verify().to_string();
  for (std::uint64_t i = 0; i < kRows; ++i) {
    ASSERT_EQ(run->get(Space::user, key(i)).value(), row(i)) << i;
  }
  EXPECT_EQ(run->get(Space::user, "absent").value(), std::nullopt);
  std::uint64_t count = 0;
  RunIterator rows = run->iterate();
  ASSERT_TRUE(rows.seek_first().ok());
  for (; rows.valid(); ++count) ASSERT_TRUE(rows.next().ok());
  EXPECT_EQ(count, kRows);
}

TEST_F(SealedRun, IsTheSameWhereNothingIsHeld) {
  const RunFileInfo info = write(4, &keys_);
  const auto run =
      open_run(disk_, "store", info, {},
               {.hold_index = false, .hold_filter = false, .mapped = false, .keys = &keys_})
          .value();
  EXPECT_EQ(run->get(Space::user, key(1234)).value(), row(1234));
  EXPECT_EQ(run->get(Space::user, "absent").value(), std::nullopt);
}

TEST_F(SealedRun, IsOpenedWithItsKeysAlone) {
  const RunFileInfo info = write(4, &keys_);
  EXPECT_EQ(open(info, nullptr).status().code(), Code::unauthenticated);
  KeyRing others;
  EXPECT_EQ(open(info, &others).status().code(), Code::corruption) << "no such key";
  others.add({.id = 2, .made_ms = 0, .key = {}});
  EXPECT_EQ(open(info, &others).status().code(), Code::corruption) << "not what was sealed";
  EXPECT_EQ(open(write(5, nullptr), &keys_).status().code(), Code::corruption)
      << "a run that is not encrypted has no place there";
}

TEST_F(SealedRun, WithAFlippedByteIsDamaged) {
  const RunFileInfo info = write(4, &keys_);
  const std::string path = "store/0000000004.run";
  for (std::uint64_t at = 0; at < info.bytes; at += 211) {
    ASSERT_TRUE(disk_.flip_bit(path, at, at % 8).ok());
    const auto run = open(info, &keys_);
    const Status status = run.ok() ? (*run)->verify() : run.status();
    EXPECT_EQ(status.code(), Code::corruption) << at << " " << status.to_string();
    ASSERT_TRUE(disk_.flip_bit(path, at, at % 8).ok());
  }
}

}  // namespace
}  // namespace talea
