// What a place may refuse, lack or have wrong: a clear error, before anything is written that is
// not whole, and nothing is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bucket_world.h"

namespace talea::bucketdb {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kFile = "data_000001.s4db";

Result<BucketDb> open_at(BucketWorld& world, const S3Options& at) {
  return BucketDb::open(at, {}, {world.seams(), world.no_disk, world.random, world.executor});
}

// A database with `a` and `b` in its one data file.
void make(BucketWorld& world) {
  BucketDb db = world.open();
  ASSERT_TRUE(db.commit(BucketBatch().put("a", "1").put("b", "2")).ok());
  ASSERT_TRUE(db.upload().ok());
}

TEST(BadPlace, APrefixBehindWhichNoNameFitsIsRefusedAtOnce) {
  BucketWorld world;
  S3Options at = world.at();
  at.prefix = std::string(1009, 'p');
  const auto refused = open_at(world, at);
  EXPECT_EQ(refused.status().code(), Code::invalid_argument);
  EXPECT_THAT(refused.status().to_string(), HasSubstr("at most 1024 bytes; this has 1025"));
  at.prefix = "\xff/";
  EXPECT_EQ(open_at(world, at).status().code(), Code::invalid_argument);
  EXPECT_EQ(world.fake.requests(), 0U);
  at.prefix = std::string(1008, 'p');
  BucketDb db = open_at(world, at).value();
  ASSERT_TRUE(db.put("a", "1").ok());
  const auto uploaded = db.upload();
  EXPECT_TRUE(uploaded.ok()) << uploaded.status().to_string();
}

TEST(BadPlace, WithoutThePermissionToListAnEmptyPlaceIsDeniedAndADatabaseIsRead) {
  BucketWorld world;
  world.fake.set_profile({.may_list = false});
  const auto denied = world.try_open();
  EXPECT_EQ(denied.status().code(), Code::denied);
  EXPECT_THAT(denied.status().to_string(), HasSubstr("s3:ListBucket"));
  world.fake.set_profile({});
  make(world);
  world.fake.set_profile({.may_list = false});
  BucketDb db = world.open();
  EXPECT_EQ(db.get("a").value(), "1");
  const auto compacted = db.compact(std::chrono::milliseconds(0));
  EXPECT_EQ(compacted.status().code(), Code::denied);
  EXPECT_THAT(compacted.status().to_string(), HasSubstr("s3:ListBucket"));
  EXPECT_EQ(db.get("b").value(), "2");
}

TEST(BadPlace, WithoutThePermissionToPutWritesStayPending) {
  BucketWorld world;
  world.fake.set_profile({.unwritable_prefixes = {"app/"}});
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("a", "1").ok());
  const auto denied = db.upload();
  EXPECT_EQ(denied.status().code(), Code::denied);
  EXPECT_THAT(denied.status().to_string(), HasSubstr("s3:PutObject"));
  EXPECT_THAT(world.objects(), IsEmpty());
  EXPECT_EQ(db.status().pending_writes, 1U);
  EXPECT_EQ(db.get("a").value(), "1");
  world.fake.set_profile({});
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}}));
}

TEST(BadPlace, ADeniedKmsKeyIsFoundBeforeADataFileIsPut) {
  BucketWorld world;
  world.fake.set_profile({.kms_denied = true});
  S3Options at = world.at();
  at.kms_key_id = "arn:aws:kms:eu-west-1:1:key/2";
  BucketDb db = open_at(world, at).value();
  ASSERT_TRUE(db.put("a", "1").ok());
  const auto denied = db.upload();
  EXPECT_EQ(denied.status().code(), Code::denied);
  EXPECT_THAT(denied.status().to_string(), HasSubstr("kms:GenerateDataKey"));
  EXPECT_THAT(world.objects(), IsEmpty());
  EXPECT_EQ(db.status().pending_writes, 1U);
  world.fake.set_profile({});
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(world.fake.current(BucketWorld::kBucket, world.name(kFile))->kms_key_id, at.kms_key_id);
}

TEST(BadPlace, ADataFileThatIsMissingOrAnotherIsNamedAndNewWritesGoOn) {
  for (const bool is_missing : {true, false}) {
    BucketWorld world;
    make(world);
    const Bytes file = *world.object(kFile);
    world.fake.remove(BucketWorld::kBucket, world.name(kFile));
    if (!is_missing) {
      world.fake.put(BucketWorld::kBucket, world.name(kFile), Bytes(file.size(), 'x'));
    }
    BucketDb db = world.open();
    const auto damaged = db.get("a");
    EXPECT_EQ(damaged.status().code(), Code::corruption) << is_missing;
    EXPECT_THAT(damaged.status().to_string(), HasSubstr(kFile));
    ASSERT_TRUE(db.put("c", "3").ok());
    const auto uploaded = db.upload();
    ASSERT_TRUE(uploaded.ok()) << is_missing << ": " << uploaded.status().to_string();
    EXPECT_EQ(world.open().get("c").value(), "3");
    EXPECT_EQ(db.size(), 3U) << "what cannot be read is not forgotten";
    // Whoever brings the file back has everything.
    world.fake.put(BucketWorld::kBucket, world.name(kFile), file);
    EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  }
}

TEST(BadPlace, AnIndexThatIsDamagedUnderAnOpenDatabaseStopsTheUploadAndLosesNothing) {
  BucketWorld world;
  make(world);
  BucketDb db = world.open();
  ASSERT_TRUE(db.put("c", "3").ok());
  const Bytes index = *world.object("index.idx");
  const Bytes damaged = index.substr(0, index.size() - 1);
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), damaged);
  EXPECT_EQ(world.try_open().status().code(), Code::corruption);
  const auto refused = db.upload();
  EXPECT_EQ(refused.status().code(), Code::corruption) << refused.status().to_string();
  EXPECT_THAT(refused.status().to_string(), HasSubstr("index.idx"));
  EXPECT_EQ(*world.object("index.idx"), damaged) << "nobody's index is overwritten unread";
  EXPECT_EQ(db.status().pending_writes, 1U);
  EXPECT_EQ(db.get("c").value(), "3");
  world.fake.put(BucketWorld::kBucket, world.name("index.idx"), index);
  ASSERT_TRUE(db.upload().ok());
  EXPECT_EQ(committed_contents(world).value(), (Model{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
}

}  // namespace
}  // namespace talea::bucketdb
