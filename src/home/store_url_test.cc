// URLs of stores, on a disk and on S3.
#include "home/store_url.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace talea {
namespace {

std::string refusal_of(std::string_view url) {
  const Status refused = parse_store_url(url).status();
  EXPECT_EQ(refused.code(), Code::invalid_argument) << url;
  return std::string(refused.message());
}

void expect_words(const std::string& message, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(message.find(word), std::string::npos) << message;
}

TEST(StoreUrl, APathStandsForItself) {
  for (const char* path : {"data", "./data", "/var/data", "./a:b", "dir/c:d", "//var/data",
                           "./immukv+s3:b", "a?region=b"}) {
    const StoreUrl url = parse_store_url(path).value();
    EXPECT_EQ(url.scheme, StoreScheme::file);
    EXPECT_EQ(url.path, path);
  }
}

TEST(StoreUrl, ASchemeSaysWhatHoldsTheStore) {
  for (const StoreScheme scheme : {StoreScheme::file, StoreScheme::rocksdb}) {
    const std::string name(store_scheme_name(scheme));
    for (const auto& [rest, path] : {std::pair{":data", "data"},
                                     {":/var/data", "/var/data"},
                                     {":///var/data", "/var/data"},
                                     {":a:b", "a:b"},
                                     {":a?b=c%20", "a?b=c%20"}}) {
      const StoreUrl url = parse_store_url(name + rest).value();
      EXPECT_EQ(url.scheme, scheme);
      EXPECT_EQ(url.path, path);
    }
  }
  EXPECT_EQ(parse_store_url("memory:").value().scheme, StoreScheme::memory);
}

TEST(StoreUrl, AllElseIsRefusedWithWhatIsAllowed) {
  for (const char* url :
       {"s3://bucket/x", "http://host:80", "c:data", ":data", "FILE:data", "file://host/x",
        "rocksdb://host/x", "", "file:", "rocksdb:", "memory:data", "memory://"}) {
    EXPECT_FALSE(refusal_of(url).empty()) << url;
  }
  expect_words(refusal_of("s3://bucket"), {"'s3:'", "file:PATH", "rocksdb:PATH", "memory:",
                                           "immukv+s3://BUCKET/PREFIX", "s4db+s3://BUCKET/PREFIX"});
}

TEST(StoreUrl, OnS3ItNamesBucketAndPrefixAsTheyAre) {
  for (const auto& [name, scheme] :
       {std::pair{"immukv+s3", StoreScheme::ledger}, {"s4db+s3", StoreScheme::bucket_files}}) {
    for (const auto& [rest, prefix] : {std::pair{"", ""},
                                       {"/", ""},
                                       {"/app", "app"},
                                       {"/app/", "app/"},
                                       {"/app//b", "app//b"},
                                       {"/a%3Fb%23c%25d%2Fe+f", "a?b#c%d/e+f"},
                                       {"/%C3%A9", "é"},
                                       {"/a@b:c", "a@b:c"},
                                       {"/app?region=x", "app"}}) {
      const auto url = parse_store_url(std::string(name) + "://records" + rest);
      ASSERT_TRUE(url.ok()) << rest << url.status().to_string();
      EXPECT_EQ(url->scheme, scheme);
      EXPECT_EQ(url->s3.bucket, "records");
      EXPECT_EQ(url->s3.prefix, prefix);
      EXPECT_TRUE(url->path.empty());
      EXPECT_TRUE(is_on_s3(url->scheme));
    }
  }
}

TEST(StoreUrl, ParametersSayTheRest) {
  const StoreUrl ledger =
      parse_store_url(
          "immukv+s3://records/app/?endpoint=http://localhost:9000/s3&region=eu-west-1&"
          "profile=work%20place&addressing=virtual-host&kms_key_id=arn:aws:kms:x/y&"
          "hash_profile=typescript")
          .value();
  EXPECT_EQ(ledger.s3.endpoint, "http://localhost:9000/s3");
  EXPECT_EQ(ledger.s3.region, "eu-west-1");
  EXPECT_EQ(ledger.s3.profile, "work place");
  EXPECT_EQ(ledger.s3.addressing, S3Addressing::virtual_host);
  EXPECT_EQ(ledger.s3.kms_key_id, "arn:aws:kms:x/y");
  EXPECT_EQ(ledger.hash_profile, HashProfile::typescript);

  const StoreUrl files = parse_store_url(
                             "s4db+s3://records?directory=./mir%2Fror&format=v2&writers=one&"
                             "addressing=path")
                             .value();
  EXPECT_EQ(files.directory, "./mir/ror");
  EXPECT_EQ(files.format, BucketFormat::v2);
  EXPECT_EQ(files.writers, BucketWriters::one);
  EXPECT_EQ(files.s3.addressing, S3Addressing::path);
}

TEST(StoreUrl, WithoutParametersAllIsAsByDefault) {
  for (const char* text : {"immukv+s3://records/app", "s4db+s3://records/app?"}) {
    const StoreUrl url = parse_store_url(text).value();
    EXPECT_EQ(url.s3.endpoint + url.s3.region + url.s3.profile + url.s3.kms_key_id, "");
    EXPECT_EQ(url.s3.addressing, S3Addressing::automatic);
    EXPECT_EQ(url.hash_profile, HashProfile::automatic);
    EXPECT_EQ(url.format, BucketFormat::v1);
    EXPECT_EQ(url.writers, BucketWriters::many);
    EXPECT_TRUE(url.directory.empty());
    EXPECT_FALSE(url.s3.credentials.has_value());
  }
}

TEST(StoreUrl, AnUnknownParameterIsRefusedWithThoseThereAre) {
  const std::string of_ledger = refusal_of("immukv+s3://b/p?directory=x");
  expect_words(of_ledger, {"'directory'", "a ledger", "endpoint, region, profile, addressing",
                           "and hash_profile"});
  EXPECT_EQ(of_ledger.find("writers"), std::string::npos) << of_ledger;
  expect_words(refusal_of("s4db+s3://b/p?hash_profile=python"),
               {"'hash_profile'", "directory, format and writers"});
  expect_words(refusal_of("immukv+s3://b/p?Region=x"), {"'Region'", "region"});
}

TEST(StoreUrl, AWrongValueIsRefusedWithThoseThereAre) {
  expect_words(refusal_of("immukv+s3://b/p?hash_profile=perl"),
               {"hash_profile", "'perl'", "auto, python and typescript"});
  expect_words(refusal_of("s4db+s3://b/p?format=3"), {"format", "v1 and v2"});
  expect_words(refusal_of("s4db+s3://b/p?writers=2"), {"writers", "one and many"});
  expect_words(refusal_of("s4db+s3://b/p?addressing=dns"), {"addressing", "path and virtual-host"});
  expect_words(refusal_of("s4db+s3://b/p?region="), {"'region'", "no value"});
  expect_words(refusal_of("s4db+s3://b/p?region"), {"'region'", "no value"});
  expect_words(refusal_of("s4db+s3://b/p?region=a&region=b"), {"'region'", "twice"});
  expect_words(refusal_of("s4db+s3://b/p?&&"), {"''"});
}

TEST(StoreUrl, WhatIsNoPlaceOnS3IsRefused) {
  for (const char* url : {"immukv+s3:", "immukv+s3:records", "immukv+s3:/records/app",
                          "immukv+s3://", "immukv+s3:///app", "s4db+s3://?region=x"}) {
    expect_words(refusal_of(url), {"+s3://BUCKET/PREFIX"});
  }
  expect_words(refusal_of("immukv+s3://localhost:9000/b"), {"?endpoint=http://HOST:PORT"});
  expect_words(refusal_of("immukv+s3://b/a%2"), {"prefix", "%25"});
  expect_words(refusal_of("immukv+s3://b/a%zz"), {"prefix", "%25"});
  expect_words(refusal_of("immukv+s3://b/a#b"), {"%23"});
  expect_words(refusal_of("immukv+s3://b/a%0Ab"), {"control"});
  expect_words(refusal_of("immukv+s3://b/%FF"), {"UTF-8"});
  expect_words(refusal_of("immukv+s3://b/" + std::string(1024, 'p')), {"1024"});
  EXPECT_TRUE(parse_store_url("immukv+s3://b/" + std::string(1000, 'p')).ok());
}

TEST(StoreUrl, SecretsAreRefusedAndNotRepeated) {
  for (const char* url : {"immukv+s3://AKID:s3cret@records/app", "s4db+s3://s3cret@records",
                          "s4db+s3://id:s3cret/b", "immukv+s3://b/p?secret_access_key=s3cret",
                          "immukv+s3://b/p?endpoint=http://id:s3cret@localhost:9000",
                          "immukv+s3://b/p?s3cret", "rocksdb://user:s3cret@host/db",
                          "file://user:s3cret@host/db", "memory://user:s3cret@host"}) {
    EXPECT_EQ(refusal_of(url).find("s3cret"), std::string::npos) << refusal_of(url);
  }
  expect_words(refusal_of("immukv+s3://AKID:s3cret@records/app"), {"AWS_ACCESS_KEY_ID"});
}

TEST(S3Url, NamesABucketAndAPrefixAndNoStore) {
  const S3Options at =
      parse_s3_url("s3://backups/data%20one/?endpoint=http://localhost:9000&region=eu-west-1")
          .value();
  EXPECT_EQ(at.bucket, "backups");
  EXPECT_EQ(at.prefix, "data one/");
  EXPECT_EQ(at.endpoint, "http://localhost:9000");
  EXPECT_EQ(at.region, "eu-west-1");
  EXPECT_EQ(parse_s3_url("s3://backups").value().prefix, "");
  for (const char* url : {"", "backups", "s3:backups", "s3:///x", "s4db+s3://b/p",
                          "s3://b?directory=x", "s3://b?format=v2", "s3://user@b/p"}) {
    EXPECT_EQ(parse_s3_url(url).status().code(), Code::invalid_argument) << url;
  }
}

}  // namespace
}  // namespace talea
