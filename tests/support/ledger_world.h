// A world for tests of the ledger: a fake store with a bucket, and ledgers on it, each a process of
// its own as far as the store can tell.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "ledger/entry.h"
#include "ledger/ledger_seams.h"
#include "ledger/store_check.h"
#include "talea/ledger.h"
#include "tests/support/s3_world.h"

namespace talea {

struct LedgerWorld {
  static constexpr const char* kBucket = s3::S3World::kBucket;

  explicit LedgerWorld(s3::Versioning versioning = s3::Versioning::enabled) : s3(versioning) {}

  /// Requests one after the other, unless `options` says otherwise.
  Ledger open(LedgerOptions options = one_at_a_time(), std::string prefix = {}) {
    S3Options at;
    at.bucket = kBucket;
    at.prefix = std::move(prefix);
    at.endpoint = "http://fake.test";
    at.credentials = S3Credentials{.access_key_id = "AKIDEXAMPLE",
                                   .secret_access_key = "secret",
                                   .session_token = {},
                                   .expires_at_ms = {}};
    auto opened = Ledger::open(at, std::move(options), seams());
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return std::move(opened).value();
  }

  LedgerSeams seams() {
    return {.transport = s3.fake,
            .clock = s3.clock,
            .random = s3.random,
            .executor = executor,
            .wait = s3.seams().wait};
  }

  static LedgerOptions one_at_a_time() {
    LedgerOptions options;
    options.parallel_gets = 1;
    return options;
  }
  static LedgerOptions with_profile(HashProfile profile) {
    LedgerOptions options = one_at_a_time();
    options.hash_profile = profile;
    return options;
  }
  static LedgerOptions checking_each_get() {
    LedgerOptions options = one_at_a_time();
    options.repair_check_interval = std::chrono::milliseconds(0);
    return options;
  }
  static LedgerOptions reading_only() {
    LedgerOptions options = checking_each_get();
    options.read_only = true;
    return options;
  }

  s3::FakeS3& fake() { return s3.fake; }

  /// What the requests since `from` were, such as "GET _log.json".
  std::vector<std::string> requests_since(std::uint64_t from) {
    std::vector<std::string> requests;
    for (const s3::LoggedRequest& request : fake().request_log()) {
      if (request.number <= from) continue;
      const bool is_list = request.key.empty();
      const std::string what = !is_list                            ? request.key
                               : request.query.count("versions")   ? "?versions"
                               : request.query.count("versioning") ? "?versioning"
                                                                   : "?list";
      requests.push_back(request.method + " " + what);
    }
    return requests;
  }

  /// The entries of the log, oldest first, past all faults.
  std::vector<LedgerEntry> log(const std::string& prefix = {}) {
    std::vector<LedgerEntry> entries;
    for (const s3::FakeVersion& version :
         fake().versions(kBucket, prefix + std::string(kLogName))) {
      if (version.is_delete_marker) continue;
      auto entry = decode_log_entry(*version.bytes, version.id);
      EXPECT_TRUE(entry.ok()) << entry.status().to_string();
      if (entry.ok()) entries.push_back(std::move(*entry));
    }
    return entries;
  }

  std::optional<LedgerEntry> key_object(const std::string& key) {
    const auto bytes = fake().bytes(kBucket, key_object_name(key));
    if (!bytes) return std::nullopt;
    auto entry = decode_key_object(*bytes);
    EXPECT_TRUE(entry.ok()) << entry.status().to_string();
    if (!entry.ok()) return std::nullopt;
    return std::move(*entry);
  }

  /// Appends an entry as one of the original clients would that ends before its second step.
  LedgerEntry append_orphan(const std::string& key, const std::string& value,
                            HashForm form = HashForm::python) {
    const auto before = log();
    LedgerEntry entry;
    entry.key = key;
    entry.value = value;
    entry.timestamp_ms = s3.clock.wall_ms();
    entry.previous_hash = std::string(kGenesisHash);
    if (!before.empty()) {
      entry.sequence = before.back().sequence + 1;
      entry.previous_hash = before.back().hash;
      entry.previous_version_id = before.back().version_id;
    }
    const auto object = fake().current(kBucket, key_object_name(key));
    if (object) entry.previous_key_object_etag = object->etag;
    entry.hash = hash_of(entry, form);
    fake().put(kBucket, std::string(kLogName), encode_log_entry(entry, form));
    entry.version_id = fake().current(kBucket, std::string(kLogName))->id;
    return entry;
  }

  s3::S3World s3;
  ThreadExecutor executor;
};

inline std::string value_of(const Result<std::optional<LedgerEntry>>& got) {
  if (!got.ok()) return got.status().to_string();
  return *got ? (*got)->value : "nothing";
}

/// All of the log is intact, and all key objects agree. Delete markers in the log are no matter.
inline void expect_sound(Ledger& ledger) {
  LedgerAuditOptions options;
  std::uint64_t deletions = 0;
  options.on_fault = [&](const LedgerFault& fault) {
    if (fault.kind == LedgerFaultKind::log_deleted) {
      ++deletions;
      return;
    }
    ADD_FAILURE() << fault_name(fault.kind) << " " << fault.key << " " << fault.message;
  };
  const auto audit = ledger.audit(options);
  ASSERT_TRUE(audit.ok()) << audit.status().to_string();
  EXPECT_EQ(audit->faults, deletions);
  EXPECT_TRUE(audit->reaches_genesis || audit->entries == 0);
}

}  // namespace talea
