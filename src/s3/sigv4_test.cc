// Against what AWS published: the examples of the S3 API Reference ("Signature Calculations for the
// Authorization Header", "Authenticating Requests: Using Query Parameters") and the Signature
// Version 4 test suite. tests/s3/sigv4_test.py compares with an independent signer.
#include "s3/sigv4.h"

#include <gtest/gtest.h>

#include "s3/object_key.h"
#include "s3/time_text.h"

namespace talea::s3 {
namespace {

// --- S3

const S3Credentials& s3_credentials() {
  static const S3Credentials credentials = {
      .access_key_id = "AKIAIOSFODNN7EXAMPLE",
      .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  return credentials;
}

SigningScope s3_scope() {
  return {.time_ms = *parse_amz_time("20130524T000000Z"), .region = "us-east-1", .service = "s3"};
}

std::string s3_authorization(std::string_view method, std::string_view path, const Query& query,
                             std::vector<HttpHeader> headers, BytesView body) {
  headers.push_back({"host", "examplebucket.s3.amazonaws.com"});
  const std::string encoded = encode_query(query);
  sign({.method = method, .path = path, .query = encoded, .payload_hash = to_hex(Sha256::of(body))},
       s3_credentials(), s3_scope(), headers);
  return headers.back().value;
}

std::string s3_signature(std::string_view method, std::string_view path, const Query& query,
                         std::vector<HttpHeader> headers, BytesView body) {
  const std::string text = s3_authorization(method, path, query, std::move(headers), body);
  return text.substr(text.find("Signature=") + 10);
}

TEST(SigV4, GetObjectOfTheReference) {
  EXPECT_EQ(s3_authorization("GET", "/test.txt", {}, {{"range", "bytes=0-9"}}, ""),
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, PutObjectOfTheReference) {
  EXPECT_EQ(s3_signature("PUT", encode_path("/test$file.text"), {},
                         {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                          {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         "Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, GetBucketLifecycleOfTheReference) {
  EXPECT_EQ(s3_signature("GET", "/", {{"lifecycle", ""}}, {}, ""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4, ListObjectsOfTheReference) {
  EXPECT_EQ(s3_signature("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}, ""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, PresignedGetOfTheReference) {
  EXPECT_EQ(presigned_query("GET", "/test.txt", {}, {{"host", "examplebucket.s3.amazonaws.com"}},
                            s3_credentials(), s3_scope(), std::chrono::seconds(86400)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

// --- The test suite of version 4

struct SuiteCase {
  const char* name;
  const char* method;
  std::string path;
  Query query;
  std::vector<HttpHeader> headers;
  const char* signature;
};

TEST(SigV4, TheTestSuiteOfTheAlgorithm) {
  const std::vector<SuiteCase> cases = {
      {"get-vanilla",
       "GET",
       "/",
       {},
       {},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       {},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       {},
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       encode_path("/\xE1\x88\xB4"),
       {},
       {},
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {},
       {{"my-header1", "value2"}, {"my-header1", "value2"}, {"my-header1", "value1"}},
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {},
       {{"my-header1", "value4"},
        {"my-header1", "value1"},
        {"my-header1", "value3"},
        {"my-header1", "value2"}},
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {},
       {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
  };
  const SigningScope scope = {
      .time_ms = *parse_amz_time("20150830T123600Z"), .region = "us-east-1", .service = "service"};
  for (const SuiteCase& each : cases) {
    std::vector<HttpHeader> headers = each.headers;
    headers.push_back({"host", "example.amazonaws.com"});
    headers.push_back({"x-amz-date", "20150830T123600Z"});
    const std::string query = encode_query(each.query);
    const std::string text = canonical_request({.method = each.method,
                                                .path = each.path,
                                                .query = query,
                                                .headers = headers,
                                                .payload_hash = to_hex(Sha256::of(""))});
    EXPECT_EQ(
        signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope, string_to_sign(scope, text)),
        each.signature)
        << each.name << "\n"
        << text;
  }
}

TEST(SigV4, ASessionTokenIsSigned) {
  S3Credentials credentials = s3_credentials();
  credentials.session_token = "token";
  std::vector<HttpHeader> headers = {{"host", "h"}};
  sign({.method = "GET", .path = "/", .query = "", .payload_hash = kUnsignedPayload}, credentials,
       s3_scope(), headers);
  EXPECT_NE(headers.back().value.find(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"),
            std::string::npos);
  const std::string query =
      presigned_query("GET", "/", {}, {{"host", "h"}}, credentials, s3_scope(), kPresignMax);
  EXPECT_NE(query.find("&X-Amz-Security-Token=token&X-Amz-SignedHeaders=host&X-Amz-Signature="),
            std::string::npos);
}

// --- Encoding

TEST(Uri, APathIsEncodedOnceAndNothingOfItIsSquashed) {
  EXPECT_EQ(encode_path("/a/../b//c/./%2F ~é*"), "/a/../b//c/./%252F%20~%C3%A9%2A");
  EXPECT_EQ(percent_encode("a/b=c&d+e:,@"), "a%2Fb%3Dc%26d%2Be%3A%2C%40");
}

TEST(Uri, AQueryIsSortedByItsEncodedBytes) {
  EXPECT_EQ(encode_query({{"versions", ""}, {"prefix", "a/"}, {"a-b", "2"}, {"a", "1"}}),
            "a=1&a-b=2&prefix=a%2F&versions=");
  EXPECT_EQ(encode_query({{"k", "b"}, {"k", "a"}, {"é", "1"}, {"z", "1"}}), "%C3%A9=1&k=a&k=b&z=1");
}

TEST(Uri, DecodingGivesBackWhatWasEncoded) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b%2b", PlusSign::space), "a b+");
  for (const char* bad : {"%", "%1", "a%g0", "%0g"}) EXPECT_EQ(percent_decode(bad), std::nullopt);
}

TEST(ObjectKey, TheMd5OfABodyIsInBase64) {
  EXPECT_EQ(content_md5(""), "1B2M2Y8AsgTpgAmY7PhCfg==");
  EXPECT_EQ(content_md5("message digest"), "+WtpfXy3k41SWi8xqvFh0A==");
}

// --- Times

TEST(TimeText, EachFormReadsWhatItWrites) {
  for (const std::uint64_t ms :
       {0ULL, 951'782'400'000ULL, 1'369'353'600'123ULL, 4'102'444'799'999ULL}) {
    EXPECT_EQ(parse_http_date(http_date(ms)), ms / 1000 * 1000);
    EXPECT_EQ(parse_xml_time(xml_time(ms)), ms);
    EXPECT_EQ(parse_amz_time(amz_time(ms)), ms / 1000 * 1000);
  }
  EXPECT_EQ(http_date(1'369'353'600'000), "Fri, 24 May 2013 00:00:00 GMT");
  EXPECT_EQ(xml_time(1'369'353'600'123), "2013-05-24T00:00:00.123Z");
  EXPECT_EQ(amz_time(1'369'353'600'000), "20130524T000000Z");
  EXPECT_EQ(parse_xml_time("2013-05-24T00:00:00Z"), 1'369'353'600'000U);
  EXPECT_EQ(parse_xml_time("2013-05-24T00:00:00.123456+00:00"), 1'369'353'600'123U);
}

TEST(TimeText, WhatIsNoTimeIsNone) {
  for (const char* text : {"", "Fri, 24 May 2013 00:00:00", "Fri, 24 Mai 2013 00:00:00 GMT",
                           "Fri, 32 May 2013 00:00:00 GMT", "Fri, 24 May 2013 24:00:00 GMT",
                           "Fri, 24 May 2013 00:00:00 GMT "}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
  for (const char* text : {"", "2013-05-24", "2013-02-30T00:00:00Z", "2013-05-24T00:00:00+02:00"}) {
    EXPECT_EQ(parse_xml_time(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_amz_time("20130524T000000"), std::nullopt);
}

}  // namespace
}  // namespace talea::s3
