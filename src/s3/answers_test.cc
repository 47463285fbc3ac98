// Answers that are not as they should be. Those that are, are read in client_test.cc.
#include "s3/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "s3/errors.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;

constexpr const char* kEntry =
    "<Contents><Key>p/k</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
    "<ETag>\"e\"</ETag><Size>1</Size></Contents>";

std::string list_of(const std::string& inside) {
  return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">" + inside + "</ListBucketResult>";
}

TEST(Answers, AListThatIsNoneIsCorruption) {
  ASSERT_TRUE(
      parse_list(list_of(std::string("<IsTruncated>false</IsTruncated>") + kEntry), "p/").ok());
  const std::string truncated = "<IsTruncated>true</IsTruncated>";
  const std::string whole = "<IsTruncated>false</IsTruncated>";
  for (const std::string& xml :
       {std::string(), std::string("nonsense"), std::string("<html/>"), list_of(""),
        list_of(truncated), list_of("<IsTruncated>maybe</IsTruncated>"),
        list_of(whole + "<Contents/>"), list_of(whole + kEntry).substr(0, 150),
        list_of(whole + "<Contents><Key>p/k</Key><LastModified>today</LastModified></Contents>"),
        list_of(whole + "<EncodingType>url</EncodingType><Contents><Key>p/%zz</Key></Contents>")}) {
    EXPECT_EQ(parse_list(xml, "p/").status().code(), Code::corruption) << xml;
  }
  EXPECT_EQ(parse_list(list_of(whole + kEntry), "other/").status().code(), Code::corruption)
      << "a key that was not asked for";
}

TEST(Answers, KeysAreDecodedWhereTheListSaysThatTheyAreEncoded) {
  const std::string entry =
      "<IsTruncated>false</IsTruncated><Contents><Key>a+b%2B</Key>"
      "<LastModified>2013-05-24T00:00:00Z</LastModified><Size>1</Size></Contents>";
  EXPECT_EQ(parse_list(list_of(entry), "")->objects.at(0).key, "a+b%2B");
  EXPECT_EQ(parse_list(list_of("<EncodingType>url</EncodingType>" + entry), "")->objects.at(0).key,
            "a b+");
}

TEST(Answers, AKeyOfABlankIsAKey) {
  EXPECT_EQ(parse_list(list_of("<IsTruncated>false</IsTruncated><Contents><Key> </Key>"
                               "<LastModified>2013-05-24T00:00:00Z</LastModified><Size>1</Size>"
                               "</Contents>"),
                       "")
                ->objects.at(0)
                .key,
            " ");
}

TEST(Answers, OthersThatAreNoneAreCorruption) {
  EXPECT_EQ(parse_versions("<ListVersionsResult><IsTruncated>true</IsTruncated>"
                           "</ListVersionsResult>",
                           "")
                .status()
                .code(),
            Code::corruption);
  EXPECT_EQ(parse_versioning("<VersioningConfiguration><Status>Off</Status>"
                             "</VersioningConfiguration>")
                .status()
                .code(),
            Code::corruption);
  EXPECT_EQ(parse_upload_id("<InitiateMultipartUploadResult/>").status().code(), Code::corruption);
  EXPECT_EQ(parse_etag("<CopyObjectResult/>").status().code(), Code::corruption);
  EXPECT_EQ(parse_etag("").status().code(), Code::corruption);
  EXPECT_EQ(parse_delete_errors("<Deleted/>").status().code(), Code::corruption);
}

TEST(Answers, AVersionHasAnId) {
  const auto versions = [](const char* id) {
    return parse_versions(
        "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>k</Key>" +
            std::string(id) +
            "<LastModified>2013-05-24T00:00:00Z</LastModified><Size>1</Size></Version>"
            "</ListVersionsResult>",
        "");
  };
  EXPECT_TRUE(versions("<VersionId>null</VersionId>").ok());
  EXPECT_EQ(versions("").status().code(), Code::corruption) << "a get without one reads the newest";
}

TEST(Answers, AnErrorThatIsLongerThanAnyIsNotParsed) {
  HttpResponse response;
  response.status = 500;
  response.body = "<Error><Code>C</Code><Message>m</Message></Error>";
  EXPECT_EQ(error_of(response).code, "C");
  response.body += std::string(64 * 1024, ' ');
  EXPECT_EQ(error_of(response).code, "");
}

TEST(Answers, AnObjectHasAnEtagATimeAndALength) {
  HttpResponse response;
  response.status = 200;
  response.headers = {{"etag", "\"e\""},
                      {"last-modified", "Fri, 24 May 2013 00:00:00 GMT"},
                      {"content-length", "3"}};
  EXPECT_EQ(parse_info(response, "k")->size, 3U);
  for (std::size_t i = 0; i < 2; ++i) {
    HttpResponse lacking = response;
    lacking.headers.erase(lacking.headers.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(parse_info(lacking, "k").status().code(), Code::corruption) << i;
  }
  response.headers[2].value = "three";
  EXPECT_EQ(parse_info(response, "k").status().code(), Code::corruption);
}

TEST(Answers, WhatXmlCannotCarryIsKnown) {
  EXPECT_TRUE(fits_in_xml("a\tb\nc\rd\x7f\xC3\xA9\xEF\xBF\xBD"));
  for (const char* key : {"\x01", "\x1f", "\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    EXPECT_FALSE(fits_in_xml(key));
  }
  EXPECT_THAT(delete_body(std::vector<std::string>{"<&\">\r\n\t"}, "v"),
              HasSubstr("<Key>&lt;&amp;&quot;&gt;&#13;&#10;&#9;</Key><VersionId>v</VersionId>"));
}

// --- Errors

HttpResponse error_answer(int status, const std::string& code, const std::string& more = {}) {
  HttpResponse response;
  response.status = status;
  response.body = "<Error><Code>" + code + "</Code>" + more + "</Error>";
  return response;
}

TEST(Errors, EachHasACode) {
  const auto code = [](int status, const std::string& name) {
    S3Request request;
    request.operation = "GetObject";
    request.key = "k";
    return status_of(error_of(error_answer(status, name)), request, "b").code();
  };
  EXPECT_EQ(code(403, "AccessDenied"), Code::denied);
  EXPECT_EQ(code(403, "InvalidAccessKeyId"), Code::unauthenticated);
  EXPECT_EQ(code(403, "SignatureDoesNotMatch"), Code::unauthenticated);
  EXPECT_EQ(code(403, "RequestTimeTooSkewed"), Code::unauthenticated);
  EXPECT_EQ(code(400, "ExpiredToken"), Code::unauthenticated);
  EXPECT_EQ(code(400, "AuthorizationHeaderMalformed"), Code::unauthenticated);
  EXPECT_EQ(code(404, "NoSuchBucket"), Code::not_found);
  EXPECT_EQ(code(412, "PreconditionFailed"), Code::conflict);
  EXPECT_EQ(code(409, "ConditionalRequestConflict"), Code::conflict);
  EXPECT_EQ(code(501, "NotImplemented"), Code::unsupported);
  EXPECT_EQ(code(405, "MethodNotAllowed"), Code::unsupported);
  EXPECT_EQ(code(400, "EntityTooLarge"), Code::exhausted);
  EXPECT_EQ(code(507, "InsufficientStorage"), Code::exhausted);
  EXPECT_EQ(code(400, "InvalidArgument"), Code::invalid_argument);
  EXPECT_EQ(code(416, "InvalidRange"), Code::invalid_argument);
  EXPECT_EQ(code(301, "PermanentRedirect"), Code::invalid_argument);
  EXPECT_EQ(code(503, "SlowDown"), Code::unavailable);
  EXPECT_EQ(code(500, "InternalError"), Code::unavailable);
  EXPECT_EQ(code(418, ""), Code::corruption);
}

TEST(Errors, SayWhetherARepetitionMayHelp) {
  const auto meaning = [](int status, const std::string& name) {
    return meaning_of(error_of(error_answer(status, name)));
  };
  EXPECT_EQ(meaning(503, "SlowDown"), Meaning::not_done);
  EXPECT_EQ(meaning(503, ""), Meaning::unknown);
  EXPECT_EQ(meaning(429, ""), Meaning::not_done);
  EXPECT_EQ(meaning(409, "OperationAborted"), Meaning::not_done);
  EXPECT_EQ(meaning(400, "RequestTimeout"), Meaning::not_done);
  for (const int status : {500, 502, 504, 408}) EXPECT_EQ(meaning(status, ""), Meaning::unknown);
  EXPECT_EQ(meaning(200, "InternalError"), Meaning::unknown);
  for (const int status : {400, 403, 404, 409, 412, 501, 507}) {
    EXPECT_EQ(meaning(status, "Other"), Meaning::final);
  }
}

TEST(Errors, NameTheRegionThatIsRight) {
  S3Request request;
  request.operation = "GetObject";
  const S3Error error =
      error_of(error_answer(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"));
  EXPECT_THAT(std::string(status_of(error, request, "b").message()),
              HasSubstr("the bucket is in region eu-central-1"));
}

TEST(Errors, WhatComesFromOutsideIsCutAndHasNoControlCharacters) {
  S3Request request;
  request.operation = "GetObject";
  request.key = "k\x1b[31m" + std::string(293, 'k') + "\xC3\xA9";
  const S3Error error =
      error_of(error_answer(400, "X", "<Message>\x1b]0;" + std::string(5000, 'm') + "</Message>"));
  const std::string text(status_of(error, request, "b").message());
  EXPECT_LT(text.size(), 1000U);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\xC3'), std::string::npos) << "no half of a character";
}

}  // namespace
}  // namespace talea::s3
