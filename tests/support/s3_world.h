// A world for tests of what lives on S3: a fake store with one bucket, a clock that stands still
// but for the waits between retries, and clients of it.
//
//     S3World world;
//     const auto client = world.client({.prefix = "app/"});
//     world.fake.set_fault(1, Fault::lose_answer());
//     EXPECT_TRUE(client->put("k", "v", {.condition = Condition::absent()}).ok());
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "s3/client.h"
#include "tests/support/fake_s3.h"

namespace talea::s3 {

struct S3World {
  static constexpr const char* kBucket = "records";

  explicit S3World(Versioning versioning = Versioning::enabled) {
    fake.create_bucket(kBucket, versioning);
  }

  /// `options`: what is not said of them is filled in.
  std::unique_ptr<Client> client(S3Options options = {}) {
    if (options.bucket.empty()) options.bucket = kBucket;
    if (options.endpoint.empty()) options.endpoint = "http://fake.test";
    if (!options.credentials && !options.credential_provider) {
      options.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                          .secret_access_key = "secret",
                                          .session_token = {},
                                          .expires_at_ms = {}};
    }
    auto made = Client::create(options, seams());
    if (!made.ok()) {
      std::fprintf(stderr, "%s\n", made.status().to_string().c_str());
      std::abort();
    }
    return std::move(*made);
  }

  ClientSeams seams() {
    return {.transport = fake,
            .clock = clock,
            .random = random,
            .wait = [this](std::chrono::milliseconds span) {
              clock.advance_ms(static_cast<std::uint64_t>(span.count()));
            }};
  }

  /// The bytes of an object of the bucket, past all faults; nothing when it is not there.
  std::optional<Bytes> bytes(const std::string& key) const { return fake.bytes(kBucket, key); }

  ManualClock clock;
  SeededRandom random{1};
  FakeS3 fake{clock};
};

}  // namespace talea::s3
