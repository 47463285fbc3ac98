// A bucket as the place of backups: what talea/backup.h promises of a target. tests/s3/ has whole
// backups, with every fault.
#include "s3/backup_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

constexpr std::uint64_t kPieceBytes = 1000;

struct Place : S3World {
  std::unique_ptr<BackupTarget> open(std::string prefix = "app/") {
    ClientSeams small = seams();
    small.limits.part_bytes_min = kPieceBytes;
    FakeProfile profile = fake.profile();
    profile.part_bytes_min = kPieceBytes;
    fake.set_profile(profile);
    S3Options options{.bucket = kBucket, .prefix = std::move(prefix)};
    options.endpoint = "http://fake.test";
    options.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                        .secret_access_key = "secret",
                                        .session_token = {},
                                        .expires_at_ms = {}};
    return make_backup_bucket(std::move(Client::create(options, small)).value(), kPieceBytes);
  }
};

// In pieces that are no divisor of anything.
StateSource source_of(BytesView bytes) {
  return [bytes](char* out, std::size_t wanted) mutable -> Result<std::size_t> {
    const std::size_t count = bytes.copy(out, std::min<std::size_t>(wanted, 77));
    bytes.remove_prefix(count);
    return count;
  };
}

Result<Bytes> content_of(BackupTarget& target, const std::string& name) {
  Bytes content;
  TALEA_TRY(target.read(name, [&](BytesView piece) -> Status {
    content += piece;
    return {};
  }));
  return content;
}

TEST(BackupBucket, GivesBackWhatItWasGiven) {
  for (const std::size_t bytes : {0U, 1U, 999U, 1000U, 1001U, 2000U, 5432U}) {
    SCOPED_TRACE(bytes);
    Place place;
    const auto target = place.open();
    Bytes content(bytes, 'x');
    for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<char>(i * 7 % 251);
    ASSERT_TRUE(target->write("0000000001.log", source_of("older")).ok());
    ASSERT_TRUE(target->write("0000000001.log", source_of(content)).ok());
    EXPECT_EQ(place.bytes("app/0000000001.log"), content);
    EXPECT_EQ(content_of(*target, "0000000001.log").value(), content);
    EXPECT_EQ(place.fake.open_uploads(S3World::kBucket), 0U);
  }
}

TEST(BackupBucket, ListsItsOwnNamesInOrderWhateverThePages) {
  Place place;
  FakeProfile profile = place.fake.profile();
  profile.page_keys_max = 3;
  place.fake.set_profile(profile);
  const auto target = place.open();
  EXPECT_TRUE(target->list().value().empty()) << "nothing is there yet";
  std::vector<std::string> names;
  for (int i = 10; i < 20; ++i) {
    names.push_back("00000000" + std::to_string(i) + ".log");
    ASSERT_TRUE(target->write(names.back(), source_of("x")).ok());
  }
  place.fake.put(S3World::kBucket, "app/below/another", "x");
  place.fake.put(S3World::kBucket, "other", "x");
  EXPECT_EQ(target->list().value(), names);
}

TEST(BackupBucket, WhatIsMissingIsNotFoundAndNamed) {
  Place place;
  const auto target = place.open();
  for (const Status& status :
       {content_of(*target, "none.log").status(), target->remove("none.log")}) {
    EXPECT_EQ(status.code(), Code::not_found);
    EXPECT_NE(status.message().find("s3://records/app/none.log"), BytesView::npos)
        << status.to_string();
  }
  EXPECT_EQ(target->write("a/b", source_of("x")).code(), Code::invalid_argument);
  EXPECT_EQ(target->write("", source_of("x")).code(), Code::invalid_argument);
}

TEST(BackupBucket, RemovesOneObjectAlone) {
  Place place;
  const auto target = place.open();
  ASSERT_TRUE(target->write("a", source_of("1")).ok());
  ASSERT_TRUE(target->write("b", source_of("2")).ok());
  ASSERT_TRUE(target->remove("a").ok());
  EXPECT_EQ(target->list().value(), std::vector<std::string>{"b"});
}

TEST(BackupBucket, ASourceThatFailsLeavesTheObjectAsItWas) {
  for (const std::size_t good : {0U, 10U, 1500U, 4000U}) {
    SCOPED_TRACE(good);
    Place place;
    const auto target = place.open();
    ASSERT_TRUE(target->write("a", source_of("before")).ok());
    std::size_t given = 0;
    const Status failed =
        target->write("a", [&](char* out, std::size_t wanted) -> Result<std::size_t> {
          if (given >= good) return Status::corruption("damaged");
          const std::size_t count = std::min(wanted, good - given);
          std::fill_n(out, count, 'n');
          given += count;
          return count;
        });
    EXPECT_EQ(failed.code(), Code::corruption);
    EXPECT_EQ(place.bytes("app/a"), "before");
    EXPECT_EQ(place.fake.open_uploads(S3World::kBucket), 0U);
  }
}

TEST(BackupBucket, AReadIsOfOneObjectAlthoughAnotherTakesItsPlace) {
  Place place;
  const auto target = place.open();
  ASSERT_TRUE(target->write("a", source_of(Bytes(2500, 'a'))).ok());
  Bytes seen;
  const Status read = target->read("a", [&](BytesView piece) -> Status {
    seen += piece;
    place.fake.put(S3World::kBucket, "app/a", Bytes(2500, 'b'));
    return {};
  });
  EXPECT_EQ(read.code(), Code::conflict) << read.to_string();
  EXPECT_EQ(seen, Bytes(kPieceBytes, 'a'));
}

TEST(BackupBucket, ASinkThatRefusesEndsTheReading) {
  Place place;
  const auto target = place.open();
  ASSERT_TRUE(target->write("a", source_of(Bytes(2500, 'a'))).ok());
  const std::uint64_t before = place.fake.requests();
  EXPECT_EQ(target->read("a", [](BytesView) { return Status::exhausted("full"); }).code(),
            Code::exhausted);
  EXPECT_EQ(place.fake.requests() - before, 2U) << "a look, and one piece";
}

TEST(BackupBucket, EveryFaultOfAWriteLeavesTheOldOrTheNewWhole) {
  for (const std::size_t bytes : {500U, 3500U}) {
    const Bytes content(bytes, 'n');
    std::uint64_t requests = 0;
    for (std::uint64_t n = 0; n <= requests; ++n) {
      for (const Fault& fault : every_fault()) {
        SCOPED_TRACE(fault.name() + " at " + std::to_string(n) + " of " + std::to_string(bytes));
        Place place;
        const auto target = place.open();
        ASSERT_TRUE(target->write("a", source_of("before")).ok());
        const std::uint64_t before = place.fake.requests();
        if (n > 0) place.fake.set_fault(before + n, fault);
        const Status written = target->write("a", source_of(content));
        if (n == 0) {
          ASSERT_TRUE(written.ok());
          requests = place.fake.requests() - before;
          break;
        }
        // A 409 of something without a condition is an answer that S3 does not give.
        const Code expected = fault == Fault::answer(409) ? Code::conflict : Code::ok;
        EXPECT_EQ(written.code(), expected) << written.to_string();
        EXPECT_EQ(content_of(*target, "a").value(), written.ok() ? content : "before");
      }
    }
    EXPECT_GE(requests, bytes == 500 ? 1U : 5U);
  }
}

TEST(BackupBucket, APieceGetsThroughASlowLineInTime) {
  constexpr std::uint64_t kBytesPerSecond = 300'000;
  const std::chrono::seconds took{kBackupPieceBytes / kBytesPerSecond};
  EXPECT_LT(took, S3Options().request_timeout);
  EXPECT_GE(kBackupPieceBytes, 5U << 20) << "the smallest part that S3 takes";
}

TEST(BackupBucket, AnOptionThatCannotBeIsSaidAtOnce) {
  EXPECT_EQ(open_backup_s3({.bucket = ""}).status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace talea::s3
