// On a store that accepts conditions and takes no notice of them: nothing of ours writes there, but
// for who says that there is one writer, and the message names what is ignored. with_rgw.py and
// with_s3rver.py start such stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "s3/client.h"
#include "s3/machine.h"
#include "s3/probe.h"
#include "talea/bucketdb.h"
#include "talea/ledger.h"
#include "tests/s3/server_world.h"

namespace talea {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

S3Options place() { return place_on_server(variable_or("TALEA_S3_BUCKET", "versioned")); }

std::string text_of(const Status& status) { return std::string(status.message()); }

std::vector<std::string> objects() {
  s3::Machine machine;
  const auto client = s3::Client::create(place(), machine.seams()).value();
  std::vector<std::string> keys;
  const s3::ListPage page = client->list({}).value();
  for (const s3::ObjectInfo& object : page.objects) keys.push_back(object.key);
  return keys;
}

TEST(IgnoringStore, TheProbeNamesWhatIsIgnored) {
  s3::Machine machine;
  const s3::ClientSeams seams = machine.seams();
  const auto client = s3::Client::create(place(), seams).value();
  const auto report = s3::probe(*client, seams.clock, seams.random);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->check(s3::kProbePutIfAbsent)->verdict, s3::Verdict::ignored);
  // s3rver ignores it; RGW 16 refuses it always.
  EXPECT_FALSE(report->kept(s3::kProbePutIfStale) && report->kept(s3::kProbePutIfCurrent));
  EXPECT_TRUE(report->kept(s3::kProbeRange));
  EXPECT_TRUE(report->kept(s3::kProbeListAfterWrite));
  const Status unfit = s3::fit_for_writing(*report, false);
  EXPECT_EQ(unfit.code(), Code::unsupported);
  EXPECT_THAT(text_of(unfit), HasSubstr("If-None-Match was accepted"));
  EXPECT_THAT(text_of(unfit), HasSubstr("put if matches"));
}

TEST(IgnoringStore, ALedgerIsNotWritten) {
  Ledger ledger = Ledger::open(place()).value();
  const auto refused = ledger.set("a", "1");
  EXPECT_EQ(refused.status().code(), Code::unsupported) << refused.status().to_string();
  EXPECT_THAT(text_of(refused.status()),
              AnyOf(HasSubstr("accepts If-None-Match and takes no notice"),
                    HasSubstr("keeps no versions"), HasSubstr("does not know the operation")));
  EXPECT_EQ(ledger.get("a").value(), std::nullopt) << "reading goes on";
  EXPECT_THAT(ledger.list_keys().value(), IsEmpty());
  for (const std::string& object : objects()) EXPECT_EQ(object, "_talea_probe");
}

TEST(IgnoringStore, BucketFilesAreNotUploadedAndNothingIsLost) {
  BucketDb db = BucketDb::open(place()).value();
  ASSERT_TRUE(db.put("a", "1").ok());
  const auto refused = db.upload();
  EXPECT_EQ(refused.status().code(), Code::unsupported) << refused.status().to_string();
  EXPECT_THAT(text_of(refused.status()), HasSubstr("If-None-Match and takes no notice"));
  EXPECT_EQ(db.status().pending_writes, 1U);
  EXPECT_EQ(db.get("a").value(), "1");
  EXPECT_EQ(db.compact().status().code(), Code::unsupported);
  for (const std::string& object : objects()) EXPECT_EQ(object, "talea.probe");
}

TEST(IgnoringStore, WhoIsTheOnlyWriterMayUseIt) {
  BucketDbOptions alone;
  alone.writers = BucketWriters::one;
  {
    BucketDb db = BucketDb::open(place(), alone).value();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "old").ok());
    const auto uploaded = db.upload();
    ASSERT_TRUE(uploaded.ok()) << uploaded.status().to_string();
    for (int i = 0; i < 100; i += 2) ASSERT_TRUE(db.put("k" + std::to_string(i), "new").ok());
    ASSERT_TRUE(db.remove("k1").ok());
    ASSERT_TRUE(db.upload().ok());
    const auto compacted = db.compact(std::chrono::milliseconds(0));
    ASSERT_TRUE(compacted.ok()) << compacted.status().to_string();
    EXPECT_EQ(compacted->keys, 99U);
  }
  BucketDb db = BucketDb::open(place(), alone).value();
  EXPECT_EQ(db.size(), 99U);
  EXPECT_EQ(db.get("k1").value(), std::nullopt);
  EXPECT_EQ(db.get("k2").value(), "new");
  EXPECT_EQ(db.get("k3").value(), "old");
}

}  // namespace
}  // namespace talea
