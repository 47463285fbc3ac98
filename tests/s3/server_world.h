// The S3 server that the environment names, for tests against servers that others wrote:
//
//     TALEA_S3_ENDPOINT                its address
//     TALEA_S3_BUCKET                  the bucket of tests that use one
//     TALEA_S3_KEY, TALEA_S3_SECRET    who asks; without them, `id` and `secret`
//
// with_moto.py, with_rgw.py and with_s3rver.py start one. Every test has a prefix of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "talea/s3.h"

namespace talea {

inline std::string variable_or(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

inline S3Options place_on_server(const std::string& bucket) {
  const std::string endpoint = variable_or("TALEA_S3_ENDPOINT", "");
  EXPECT_FALSE(endpoint.empty()) << "TALEA_S3_ENDPOINT says where the server is";
  return {
      .bucket = bucket,
      .prefix = std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "/",
      .region = "us-east-1",
      .endpoint = endpoint,
      .credentials = S3Credentials{.access_key_id = variable_or("TALEA_S3_KEY", "id"),
                                   .secret_access_key = variable_or("TALEA_S3_SECRET", "secret")}};
}

}  // namespace talea
