// A world for tests of bucket databases: a store in this process, a disk in memory, and databases
// of as many machines as a test likes.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "bucketdb/bucket_seams.h"
#include "io/crash_file_system.h"
#include "talea/bucketdb.h"
#include "tests/support/s3_world.h"

namespace talea::bucketdb {

using Model = std::map<Bytes, Bytes>;

/// A machine: its disk. The directory of its database is /db.
struct Machine {
  std::unique_ptr<CrashFileSystem> disk = std::make_unique<CrashFileSystem>();
};

struct BucketWorld : s3::S3World {
  static constexpr const char* kPrefix = "app/";
  static constexpr const char* kDirectory = "/db";

  explicit BucketWorld(s3::Versioning versioning = s3::Versioning::never)
      : s3::S3World(versioning) {}

  S3Options at() const {
    S3Options options{.bucket = kBucket, .prefix = kPrefix};
    options.endpoint = "http://fake.test";
    options.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                        .secret_access_key = "secret",
                                        .session_token = {},
                                        .expires_at_ms = {}};
    return options;
  }

  /// In memory alone, or on a machine.
  Result<BucketDb> try_open(const BucketDbOptions& options = {}, Machine* machine = nullptr) {
    BucketDbOptions all = options;
    if (machine != nullptr) all.directory = kDirectory;
    CrashFileSystem& disk = machine != nullptr ? *machine->disk : no_disk;
    return BucketDb::open(at(), all, {seams(), disk, random, executor});
  }
  BucketDb open(const BucketDbOptions& options = {}, Machine* machine = nullptr) {
    auto opened = try_open(options, machine);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return std::move(opened).value();
  }
  BucketDb open(Machine& machine, const BucketDbOptions& options = {}) {
    return open(options, &machine);
  }

  std::string name(const std::string& object) const { return kPrefix + object; }
  std::optional<Bytes> object(const std::string& name) const { return bytes(kPrefix + name); }
  /// Names below the prefix, without the probe.
  std::vector<std::string> objects() const {
    std::vector<std::string> names;
    for (const std::string& key : fake.keys(kBucket)) {
      const std::string below = key.substr(std::string(kPrefix).size());
      if (below != "talea.probe") names.push_back(below);
    }
    return names;
  }
  /// How many requests `work` makes.
  template <typename Work>
  std::uint64_t requests_of(const Work& work) {
    const std::uint64_t before = fake.requests();
    work();
    return fake.requests() - before;
  }

  CrashFileSystem no_disk;
  ManualExecutor executor;
};

/// All that a database holds, read by a scan and again by get().
inline Result<Model> contents_of(BucketDb& db) {
  Model model;
  BucketScan scan = TALEA_TRY(db.scan());
  while (TALEA_TRY(scan.next())) model.emplace(scan.key(), scan.value());
  for (const auto& [key, value] : model) {
    const auto got = TALEA_TRY(db.get(key));
    if (!got.has_value() || *got != value) return Status::corruption("get and scan disagree");
  }
  if (db.size() != model.size() || db.keys().size() != model.size()) {
    return Status::corruption("size, keys and scan disagree");
  }
  return model;
}

/// What a reader finds in the bucket. In a hook of the store it meets no fault: it has one thread,
/// which the store knows.
inline Result<Model> committed_contents(BucketWorld& world) {
  BucketDbOptions options;
  options.threads = 1;
  auto db = TALEA_TRY(world.try_open(options));
  return contents_of(db);
}

}  // namespace talea::bucketdb
