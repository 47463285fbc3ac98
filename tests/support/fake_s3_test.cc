// The fake answers as S3 does: each test here is a line of what AWS is known to do, or of what a
// lesser store does instead.
#include "tests/support/fake_s3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/s3_world.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;

// A fake and a way to ask it without a client.
struct Asker {
  explicit Asker(Versioning versioning) { fake.create_bucket("b", versioning); }

  HttpResponse ask(std::string method, const std::string& path,
                   std::vector<HttpHeader> headers = {}, BytesView body = {}) {
    HttpRequest request;
    request.method = std::move(method);
    request.url = "http://fake.test" + path;
    request.headers = std::move(headers);
    request.body = body;
    Result<HttpResponse> response = fake.send(request);
    EXPECT_TRUE(response.ok()) << response.status().to_string();
    return response.ok() ? *response : HttpResponse{};
  }
  int status(std::string method, const std::string& path, std::vector<HttpHeader> headers = {},
             BytesView body = {}) {
    return ask(std::move(method), path, std::move(headers), body).status;
  }
  std::string id_of_put(const std::string& path, BytesView body) {
    return std::string(ask("PUT", path, {}, body).header("x-amz-version-id").value_or(""));
  }

  ManualClock clock;
  FakeS3 fake{clock};
};

std::string header(const HttpResponse& response, std::string_view name) {
  return std::string(response.header(name).value_or(""));
}

TEST(FakeS3, AnEtagIsTheQuotedMd5) {
  Asker store(Versioning::never);
  EXPECT_EQ(header(store.ask("PUT", "/b/k", {}, ""), "etag"),
            "\"d41d8cd98f00b204e9800998ecf8427e\"");
  EXPECT_EQ(header(store.ask("HEAD", "/b/k"), "etag"), "\"d41d8cd98f00b204e9800998ecf8427e\"");
}

TEST(FakeS3, IfNoneMatchLetsTheFirstOneIn) {
  Asker store(Versioning::enabled);
  const std::vector<HttpHeader> absent = {{"if-none-match", "*"}};
  EXPECT_EQ(store.status("PUT", "/b/k", absent, "1"), 200);
  EXPECT_EQ(store.status("PUT", "/b/k", absent, "2"), 412);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-none-match", "\"x\""}}, "2"), 501);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-none-match", "*"}, {"if-match", "\"x\""}}, "2"), 501);
  EXPECT_EQ(store.status("DELETE", "/b/k"), 204);
  EXPECT_EQ(store.status("PUT", "/b/k", absent, "3"), 200) << "a delete marker counts as absent";
}

TEST(FakeS3, IfMatchIsOfTheCurrentVersion) {
  Asker store(Versioning::enabled);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", "\"x\""}}, "1"), 404);
  const std::string first = header(store.ask("PUT", "/b/k", {}, "1"), "etag");
  const std::string second = header(store.ask("PUT", "/b/k", {}, "2"), "etag");
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", first}}, "3"), 412);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", second}}, "3"), 200);
  const std::string third = fake_etag("3");
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", third.substr(1, third.size() - 2)}}, "4"),
            200)
      << "without quotes, too";
  EXPECT_EQ(store.status("DELETE", "/b/k"), 204);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", fake_etag("4")}}, "5"), 404);
}

TEST(FakeS3, ConditionsOfReads) {
  Asker store(Versioning::enabled);
  store.fake.put("b", "k", "1");
  EXPECT_EQ(store.status("GET", "/b/k", {{"if-match", fake_etag("1")}}), 200);
  EXPECT_EQ(store.status("GET", "/b/k", {{"if-match", fake_etag("2")}}), 412);
  EXPECT_EQ(store.status("GET", "/b/k", {{"if-none-match", fake_etag("2")}}), 200);
  const HttpResponse same = store.ask("GET", "/b/k", {{"if-none-match", fake_etag("1")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(header(same, "etag"), fake_etag("1"));
}

TEST(FakeS3, ConditionsOfDeletes) {
  Asker store(Versioning::enabled);
  EXPECT_EQ(store.status("DELETE", "/b/k", {{"if-match", "*"}}), 404);
  store.fake.put("b", "k", "1");
  EXPECT_EQ(store.status("DELETE", "/b/k", {{"if-match", fake_etag("2")}}), 412);
  EXPECT_EQ(store.status("DELETE", "/b/k", {{"if-match", fake_etag("1")}}), 204);
  EXPECT_EQ(store.status("DELETE", "/b/k", {{"if-match", "*"}}), 404) << "of a delete marker";
}

TEST(FakeS3, AVersionIsThereUntilItIsRemovedByItsId) {
  Asker store(Versioning::enabled);
  const std::string first = store.id_of_put("/b/k", "1");
  const std::string second = store.id_of_put("/b/k", "2");
  EXPECT_NE(first, second);
  EXPECT_EQ(store.ask("GET", "/b/k").body, "2");
  EXPECT_EQ(store.ask("GET", "/b/k?versionId=" + first).body, "1");
  const HttpResponse removed = store.ask("DELETE", "/b/k");
  EXPECT_EQ(header(removed, "x-amz-delete-marker"), "true");
  const std::string marker = header(removed, "x-amz-version-id");
  const HttpResponse gone = store.ask("GET", "/b/k");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(header(gone, "x-amz-delete-marker"), "true");
  EXPECT_EQ(header(gone, "x-amz-version-id"), marker);
  EXPECT_EQ(store.status("GET", "/b/k?versionId=" + marker), 405);
  EXPECT_EQ(store.status("DELETE", "/b/k?versionId=" + marker), 204);
  EXPECT_EQ(store.ask("GET", "/b/k").body, "2");
  EXPECT_EQ(store.status("DELETE", "/b/k?versionId=" + second), 204);
  EXPECT_EQ(store.ask("GET", "/b/k").body, "1");
  const HttpResponse absent = store.ask("GET", "/b/k?versionId=" + second);
  EXPECT_EQ(absent.status, 404);
  EXPECT_THAT(absent.body, HasSubstr("NoSuchVersion"));
  EXPECT_EQ(store.status("GET", "/b/k?versionId="), 400);
}

TEST(FakeS3, WhereVersioningIsSuspendedOnlyTheNullVersionIsReplaced) {
  Asker store(Versioning::enabled);
  const std::string kept = store.id_of_put("/b/k", "1");
  store.fake.set_versioning("b", Versioning::suspended);
  store.ask("PUT", "/b/k", {}, "2");
  store.ask("PUT", "/b/k", {}, "3");
  EXPECT_EQ(store.fake.versions("b", "k").size(), 2U);
  EXPECT_EQ(store.ask("GET", "/b/k?versionId=null").body, "3");
  store.ask("DELETE", "/b/k");
  EXPECT_EQ(store.fake.versions("b", "k").size(), 2U) << "the marker took its place";
  EXPECT_EQ(store.ask("GET", "/b/k?versionId=" + kept).body, "1");
}

TEST(FakeS3, ABucketThatWasNeverVersionedSaysNothingOfVersions) {
  Asker store(Versioning::never);
  EXPECT_EQ(store.id_of_put("/b/k", "1"), "");
  EXPECT_EQ(header(store.ask("GET", "/b/k"), "x-amz-version-id"), "");
  EXPECT_THAT(store.ask("GET", "/b?versioning").body, Not(HasSubstr("Status")));
  EXPECT_EQ(store.status("DELETE", "/b/k"), 204);
  EXPECT_TRUE(store.fake.versions("b", "k").empty());
}

TEST(FakeS3, Ranges) {
  Asker store(Versioning::never);
  store.fake.put("b", "k", "0123456789");
  store.fake.put("b", "empty", "");
  const auto range = [&](const std::string& text) {
    return store.ask("GET", "/b/k", {{"range", text}});
  };
  EXPECT_EQ(range("bytes=2-4").body, "234");
  EXPECT_EQ(range("bytes=2-4").status, 206);
  EXPECT_EQ(header(range("bytes=2-4"), "content-range"), "bytes 2-4/10");
  EXPECT_EQ(range("bytes=8-99").body, "89");
  EXPECT_EQ(range("bytes=8-").body, "89");
  EXPECT_EQ(range("bytes=-3").body, "789");
  EXPECT_EQ(range("bytes=-99").body, "0123456789");
  EXPECT_EQ(range("bytes=10-").status, 416);
  EXPECT_EQ(range("nonsense").status, 200);
  EXPECT_EQ(store.status("GET", "/b/empty", {{"range", "bytes=0-0"}}), 416);
}

TEST(FakeS3, KeysOfAListAreEncodedAsAwsDoes) {
  Asker store(Versioning::never);
  store.fake.put("b", "a b+c/ü<&>\x01", "1");
  const std::string encoded = store.ask("GET", "/b?list-type=2&encoding-type=url").body;
  EXPECT_THAT(encoded, HasSubstr("<Key>a+b%2Bc/%C3%BC%3C%26%3E%01</Key>"));
  EXPECT_THAT(store.ask("GET", "/b?list-type=2").body,
              HasSubstr("<Key>a b+c/ü&lt;&amp;&gt;&#1;</Key>"));
}

TEST(FakeS3, WhatItDoesNotKnowIs501AndNeverSomethingElse) {
  Asker store(Versioning::enabled);
  store.fake.put("b", "k", "1");
  EXPECT_EQ(store.status("GET", "/b?lifecycle"), 501);
  EXPECT_EQ(store.status("GET", "/b/k?tagging"), 501);
  EXPECT_EQ(store.status("PUT", "/b/k?acl"), 501);
  EXPECT_EQ(store.status("GET", "/b?list-type=2&delimiter=%2F"), 501);
  EXPECT_EQ(store.status("GET", "/other/k"), 404);
}

TEST(FakeS3, PartsBecomeOneObject) {
  Asker store(Versioning::enabled);
  store.fake.set_profile({.part_bytes_min = 3});
  const std::string begun = store.ask("POST", "/b/k?uploads").body;
  const std::size_t at = begun.find("<UploadId>") + 10;
  const std::string id = begun.substr(at, begun.find('<', at) - at);
  const auto part = [&](int number, BytesView bytes) {
    return store.status("PUT", "/b/k?partNumber=" + std::to_string(number) + "&uploadId=" + id, {},
                        bytes);
  };
  const auto complete = [&](const std::vector<std::pair<int, std::string>>& parts) {
    std::string xml = "<CompleteMultipartUpload>";
    for (const auto& [number, bytes] : parts) {
      xml += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" +
             fake_etag(bytes) + "</ETag></Part>";
    }
    return store.status("POST", "/b/k?uploadId=" + id, {}, xml + "</CompleteMultipartUpload>");
  };
  EXPECT_EQ(part(0, "x"), 400);
  EXPECT_EQ(part(1, "old"), 200);
  EXPECT_EQ(part(1, "aaa"), 200);
  EXPECT_EQ(part(2, "bb"), 200);
  EXPECT_EQ(part(3, "c"), 200);
  EXPECT_EQ(complete({{1, "aaa"}, {2, "bb"}, {3, "c"}}), 400) << "the second is too small";
  EXPECT_EQ(complete({{2, "bb"}, {1, "aaa"}}), 400);
  EXPECT_EQ(complete({{1, "old"}}), 400);
  EXPECT_EQ(complete({}), 400);
  EXPECT_EQ(store.fake.open_uploads("b"), 1U);
  EXPECT_EQ(complete({{1, "aaa"}, {3, "c"}}), 200);
  EXPECT_EQ(store.fake.bytes("b", "k"), "aaac");
  EXPECT_EQ(store.fake.open_uploads("b"), 0U);
  EXPECT_EQ(complete({{1, "aaa"}, {3, "c"}}), 200) << "once more is no harm";
  EXPECT_EQ(store.fake.versions("b", "k").size(), 1U);
  EXPECT_EQ(store.status("DELETE", "/b/k?uploadId=" + id), 404);
  EXPECT_THAT(store.fake.current("b", "k")->etag, HasSubstr("-2\""));
}

TEST(FakeS3, ACopyOfAnObjectToItselfHasToChangeSomething) {
  Asker store(Versioning::enabled);
  store.fake.put("b", "a b", "1");
  EXPECT_EQ(store.status("PUT", "/b/a%20b", {{"x-amz-copy-source", "/b/a%20b"}}), 400);
  EXPECT_EQ(store.status("PUT", "/b/c", {{"x-amz-copy-source", "b/a%20b"}}), 200);
  EXPECT_EQ(store.fake.bytes("b", "c"), "1");
  EXPECT_EQ(store.status("PUT", "/b/c", {{"x-amz-copy-source", "b/none"}}), 404);
}

TEST(FakeS3, ManyAreRemovedAtOnce) {
  Asker store(Versioning::never);
  store.fake.put("b", "a", "1");
  store.fake.put("b", "c", "1");
  const std::string body =
      "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";
  EXPECT_EQ(store.status("POST", "/b?delete", {}, body), 400) << "it wants Content-MD5";
  EXPECT_EQ(store.status("POST", "/b?delete", {{"content-md5", "x"}}, body), 200);
  EXPECT_EQ(store.fake.keys("b"), std::vector<std::string>{"c"});
}

// --- Lesser stores

TEST(FakeS3, ProfilesOfLesserStores) {
  Asker store(Versioning::enabled);
  store.fake.put("b", "k", "1");
  const std::string etag = fake_etag("1");
  store.fake.set_profile({.ignores_if_match = true, .ignores_if_none_match = true});
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-none-match", "*"}}, "1"), 200);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", "\"x\""}}, "1"), 200);
  store.fake.set_profile({.only_unquoted_if_match = true});
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", etag}}, "1"), 412);
  EXPECT_EQ(store.status("PUT", "/b/k", {{"if-match", etag.substr(1, 32)}}, "1"), 200);
  store.fake.set_profile({.if_match_of_absent_is_412 = true});
  EXPECT_EQ(store.status("PUT", "/b/none", {{"if-match", etag}}, "1"), 412);
  store.fake.set_profile({.no_versioning = true});
  EXPECT_EQ(store.status("GET", "/b?versioning"), 501);
  EXPECT_EQ(store.status("GET", "/b?versions"), 501);
  store.fake.set_profile({.ignores_ranges = true});
  EXPECT_EQ(store.status("GET", "/b/k", {{"range", "bytes=0-0"}}), 200);
  store.fake.set_profile({.may_list = false});
  EXPECT_EQ(store.status("GET", "/b/none"), 403);
  EXPECT_EQ(store.status("GET", "/b?list-type=2"), 403);
  store.fake.set_profile({.unreadable_prefixes = {"k"}, .unwritable_prefixes = {"w"}});
  EXPECT_EQ(store.status("GET", "/b/k"), 403);
  EXPECT_EQ(store.status("PUT", "/b/w1", {}, "1"), 403);
  EXPECT_EQ(store.status("PUT", "/b/x", {}, "1"), 200);
  store.fake.set_profile({.kms_denied = true});
  EXPECT_EQ(
      store.status("PUT", "/b/k", {{"x-amz-server-side-encryption-aws-kms-key-id", "key"}}, "1"),
      403);
  store.fake.set_profile({.demands_authorization = true});
  EXPECT_EQ(store.status("GET", "/b/k"), 403);
  store.fake.set_profile({.lists_lag = true});
  store.fake.put("b", "new", "1");
  EXPECT_THAT(store.ask("GET", "/b?list-type=2").body, Not(HasSubstr("<Key>new</Key>")));
}

// --- Faults

class FakeS3Faults : public testing::Test {
 public:
  Status put(const std::string& key, const std::string& bytes) {
    HttpRequest request;
    request.method = "PUT";
    request.url = "http://fake.test/b/" + key;
    request.body = bytes;
    answer = store.fake.send(request);
    return answer.ok() ? Status() : answer.status();
  }
  std::size_t versions(const std::string& key) const {
    return store.fake.versions("b", key).size();
  }

  Asker store{Versioning::enabled};
  Result<HttpResponse> answer = Status::cancelled("nothing was asked");
};

TEST_F(FakeS3Faults, WhatIsLostIsNotDoneAndWhatIsUnansweredIs) {
  store.fake.set_fault(1, Fault::refuse());
  store.fake.set_fault(2, Fault::lose_request());
  store.fake.set_fault(3, Fault::lose_answer());
  EXPECT_EQ(put("a", "1").code(), Code::unavailable);
  EXPECT_EQ(put("b", "1").code(), Code::timed_out);
  EXPECT_EQ(put("c", "1").code(), Code::timed_out);
  EXPECT_EQ(put("d", "1").code(), Code::ok);
  EXPECT_EQ(store.fake.keys("b"), (std::vector<std::string>{"c", "d"}));
}

TEST_F(FakeS3Faults, TwiceIsTwoVersionsAndTheAnswerOfOneOfThem) {
  store.fake.set_fault(1, Fault::twice_first());
  store.fake.set_fault(2, Fault::twice_second());
  ASSERT_TRUE(put("a", "1").ok());
  EXPECT_EQ(header(*answer, "x-amz-version-id"), store.fake.versions("b", "a")[0].id);
  ASSERT_TRUE(put("b", "1").ok());
  EXPECT_EQ(header(*answer, "x-amz-version-id"), store.fake.versions("b", "b")[1].id);
  EXPECT_EQ(versions("a") + versions("b"), 4U);
}

TEST_F(FakeS3Faults, WhatIsDelayedIsDoneBeforeALaterRequest) {
  store.fake.set_fault(1, Fault::delay(0));
  store.fake.set_fault(2, Fault::delay(2));
  EXPECT_EQ(put("a", "1").code(), Code::timed_out);
  EXPECT_EQ(versions("a"), 0U);
  EXPECT_EQ(put("b", "1").code(), Code::timed_out);
  EXPECT_EQ(versions("a"), 1U);
  EXPECT_TRUE(put("c", "1").ok());
  EXPECT_TRUE(put("c", "1").ok());
  EXPECT_EQ(versions("b"), 0U);
  EXPECT_TRUE(put("c", "1").ok());
  EXPECT_EQ(versions("b"), 1U);
  store.fake.set_fault(6, Fault::delay(9));
  EXPECT_EQ(put("d", "1").code(), Code::timed_out);
  store.fake.run_delayed();
  EXPECT_EQ(versions("d"), 1U);
}

TEST_F(FakeS3Faults, AnswersThatSayNothing) {
  store.fake.set_fault(1, Fault::answer(503));
  store.fake.set_fault(2, Fault::done_but_500());
  store.fake.set_fault(3, Fault::done_but_lost_503());
  ASSERT_TRUE(put("a", "1").ok());
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->body, HasSubstr("SlowDown"));
  EXPECT_EQ(versions("a"), 0U);
  ASSERT_TRUE(put("b", "1").ok());
  EXPECT_EQ(answer->status, 500);
  EXPECT_EQ(versions("b"), 1U);
  ASSERT_TRUE(put("c", "1").ok());
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(versions("c"), 1U);
}

TEST_F(FakeS3Faults, HalfAnAnswerSaysHowLongItWouldHaveBeen) {
  store.fake.put("b", "k", "0123456789");
  store.fake.set_fault(1, Fault::truncate_answer());
  const HttpResponse response = store.ask("GET", "/b/k");
  EXPECT_EQ(response.body, "01234");
  EXPECT_EQ(header(response, "content-length"), "10");
}

TEST_F(FakeS3Faults, RequestsOfAHookHaveNoNumberAndMeetNoFault) {
  store.fake.set_fault(2, Fault::lose_answer());
  store.fake.set_before(1, [&] { EXPECT_TRUE(put("hook", "1").ok()); });
  EXPECT_TRUE(put("a", "1").ok());
  EXPECT_EQ(put("b", "1").code(), Code::timed_out);
  EXPECT_EQ(store.fake.requests(), 2U);
  const std::vector<LoggedRequest> log = store.fake.request_log();
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0].number, 0U);
  EXPECT_EQ(log[0].key, "hook");
  EXPECT_EQ(log[1].number, 1U);
  EXPECT_EQ(log[1].status, 200);
  EXPECT_EQ(log[2].fault, Fault::lose_answer());
  EXPECT_EQ(log[2].status, 200) << "it was done";
}

TEST_F(FakeS3Faults, APlanSeesEveryRequest) {
  std::set<std::string> seen;
  store.fake.set_plan([&](const FakeRequest& request) {
    seen.insert(request.method + " " + request.key);
    return request.key == "bad" ? Fault::refuse() : Fault{};
  });
  EXPECT_TRUE(put("good", "1").ok());
  EXPECT_EQ(put("bad", "1").code(), Code::unavailable);
  EXPECT_EQ(seen, (std::set<std::string>{"PUT bad", "PUT good"}));
  store.fake.clear_plan();
  EXPECT_TRUE(put("bad", "1").ok());
}

TEST_F(FakeS3Faults, EveryFaultHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const Fault& fault : every_fault()) names.insert(fault.name());
  EXPECT_EQ(names.size(), every_fault().size());
  EXPECT_FALSE(names.contains("?"));
}

TEST_F(FakeS3Faults, DamageKeepsTheVersionAndItsEtag) {
  ASSERT_TRUE(put("k", "1").ok());
  const FakeVersion before = *store.fake.current("b", "k");
  store.fake.damage("b", "k", before.id, "2");
  const HttpResponse response = store.ask("GET", "/b/k");
  EXPECT_EQ(response.body, "2");
  EXPECT_EQ(header(response, "etag"), before.etag);
  EXPECT_EQ(header(response, "x-amz-version-id"), before.id);
}

}  // namespace
}  // namespace talea::s3
