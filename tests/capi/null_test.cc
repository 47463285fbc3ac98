// Every function of the C interface with NULL for each of its pointers in turn. The list of
// functions is checked against src/capi/symbols.txt, so that none is forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tests/capi/world.h"

namespace talea {
namespace {

class Caller {
 public:
  // Calls `function` with each required pointer of `arguments` replaced by NULL, one at a time, and
  // with all pointers NULL; `optional` has the positions of those that may be. The last argument,
  // where the error goes, is not among `arguments`.
  template <typename... Parameters, typename... Arguments>
  void refuses_null(const char* name, int (*function)(Parameters...),
                    std::initializer_list<std::size_t> optional, Arguments... arguments) {
    names_.insert(name);
    using All = std::tuple<Parameters...>;
    const All given(arguments..., nullptr);
    each_position<All>(std::make_index_sequence<sizeof...(Arguments)>(), [&](auto position) {
      if (std::find(optional.begin(), optional.end(), position.value) != optional.end()) return;
      All with_null = given;
      if (set_null<position.value>(with_null)) {
        expect_refused(name, static_cast<int>(position.value), function, with_null);
      }
    });
    All with_nulls = given;
    each_position<All>(std::make_index_sequence<sizeof...(Arguments)>(),
                       [&](auto position) { set_null<position.value>(with_nulls); });
    expect_refused(name, -1, function, with_nulls);
  }

  // A function that returns no code; it was called with NULL where the name is given.
  void harmless(const char* name) { names_.insert(name); }

  const std::set<std::string>& names() const { return names_; }

 private:
  template <typename All, std::size_t... kPositions, typename Function>
  static void each_position(std::index_sequence<kPositions...>, Function function) {
    (function(std::integral_constant<std::size_t, kPositions>()), ...);
  }

  template <std::size_t kPosition, typename All>
  static bool set_null(All& all) {
    if constexpr (std::is_pointer_v<std::tuple_element_t<kPosition, All>>) {
      std::get<kPosition>(all) = nullptr;
      return true;
    }
    return false;
  }

  template <typename Function, typename All>
  static void expect_refused(const char* name, int position, Function function, All arguments) {
    SCOPED_TRACE(std::string(name) + " with NULL at " + std::to_string(position));
    constexpr std::size_t kLast = std::tuple_size_v<All> - 1;
    talea_error* error = nullptr;
    std::get<kLast>(arguments) = &error;
    EXPECT_EQ(std::apply(function, arguments), TALEA_INVALID_ARGUMENT);
    EXPECT_EQ(talea_error_code(error), TALEA_INVALID_ARGUMENT);
    EXPECT_GT(std::string(talea_error_message(error)).size(), 20U);
    talea_error_free(error);
    std::get<kLast>(arguments) = nullptr;
    EXPECT_EQ(std::apply(function, arguments), TALEA_INVALID_ARGUMENT);
  }

  std::set<std::string> names_;
};

void ignore_outcome(void* /*user*/, int /*code*/, uint64_t /*sequence*/, const char* /*message*/) {}
int ignore_bytes(void* /*user*/, const void* /*bytes*/, size_t /*count*/) { return 0; }
int give_nothing(void* /*user*/, void* /*out*/, size_t /*room*/, size_t* count) {
  *count = 0;
  return 0;
}
void ignore_finding(void* /*user*/, const char* /*file*/, uint64_t /*offset*/,
                    const char* /*problem*/) {}
void ignore_key(void* /*user*/, const void* /*key*/, size_t /*key_bytes*/) {}

#define REFUSES_NULL(function, ...) caller.refuses_null(#function, function, __VA_ARGS__)

void call_options(Caller& caller, const CapiWorld& world) {
  talea_options* const options = world.options;
  REFUSES_NULL(talea_options_set_create_if_missing, {}, options, 1);
  REFUSES_NULL(talea_options_set_read_only, {}, options, 0);
  REFUSES_NULL(talea_options_set_sync, {}, options, 0);
  REFUSES_NULL(talea_options_set_sync_interval_ms, {}, options, 1U);
  REFUSES_NULL(talea_options_set_segment_bytes, {}, options, 65536U);
  REFUSES_NULL(talea_options_set_verify_reads, {}, options, 0);
  REFUSES_NULL(talea_options_set_compaction_interval_ms, {}, options, 0U);
  REFUSES_NULL(talea_options_set_live_ratio, {}, options, 0.5);
  REFUSES_NULL(talea_options_set_memory_budget, {}, options, 0U);
  REFUSES_NULL(talea_options_set_checkpoint_bytes, {}, options, 0U);
  REFUSES_NULL(talea_options_set_checkpoint_after_compaction, {}, options, 1);
  REFUSES_NULL(talea_options_set_changes_bytes, {}, options, 0U);
  REFUSES_NULL(talea_options_set_reap_expired, {}, options, 1);
  REFUSES_NULL(talea_options_set_worker_threads, {}, options, 0U);
  REFUSES_NULL(talea_options_set_compress_from_bytes, {}, options, 0U);
  REFUSES_NULL(talea_options_set_guard_maps, {}, options, 0);
}

void call_keys(Caller& caller, const CapiWorld& world) {
  talea_engine* const engine = world.engine;
  talea_engine* opened = nullptr;
  uint64_t number = 0;
  int found = 0;
  void* value = nullptr;
  size_t bytes = 0;
  std::array<char, 4> buffer{};
  const talea_slice key{"k", 1};
  talea_buffer values{};
  talea_recovery_report recovery{};
  recovery.size = sizeof recovery;
  REFUSES_NULL(talea_open, {1}, world.path.c_str(), world.options, &opened);
  REFUSES_NULL(talea_close, {}, engine);
  REFUSES_NULL(talea_recovery, {}, engine, &recovery);
  REFUSES_NULL(talea_put, {5}, engine, "k", 1U, "v", 1U, &number);
  REFUSES_NULL(talea_put_expiring, {7}, engine, "k", 1U, "v", 1U, 0, 0U, &number);
  REFUSES_NULL(talea_put_stored, {6}, engine, "k", 1U, world.stored, 0, 0U, &number);
  REFUSES_NULL(talea_remove, {3}, engine, "k", 1U, &number);
  REFUSES_NULL(talea_set_expiry, {5}, engine, "k", 1U, 0, 0U, &found);
  REFUSES_NULL(talea_get, {}, engine, "k", 1U, &found, &value, &bytes);
  REFUSES_NULL(talea_get_versioned, {6, 7}, engine, "k", 1U, &found, &value, &bytes, &number,
               &number);
  REFUSES_NULL(talea_get_into, {}, engine, "k", 1U, buffer.data(), 4U, &found, &bytes);
  REFUSES_NULL(talea_multi_get, {}, engine, &key, 1U, &values);
}

void call_batches(Caller& caller, const CapiWorld& world) {
  talea_batch* const batch = world.batch;
  uint64_t number = 0;
  size_t position = 0;
  REFUSES_NULL(talea_batch_put, {}, batch, "k", 1U, "v", 1U);
  REFUSES_NULL(talea_batch_put_expiring, {}, batch, "k", 1U, "v", 1U, 0, 0U);
  REFUSES_NULL(talea_batch_put_stored, {}, batch, "k", 1U, world.stored, 0, 0U);
  REFUSES_NULL(talea_batch_remove, {}, batch, "k", 1U);
  REFUSES_NULL(talea_batch_set_expiry, {}, batch, "k", 1U, 0, 0U);
  REFUSES_NULL(talea_batch_require_absent, {}, batch, "k", 1U);
  REFUSES_NULL(talea_batch_require_present, {}, batch, "k", 1U);
  REFUSES_NULL(talea_batch_require_revision, {}, batch, "k", 1U, 1U);
  REFUSES_NULL(talea_batch_clear, {}, batch);
  REFUSES_NULL(talea_commit, {2, 3, 4}, world.engine, batch, &number, &position, &number);
  REFUSES_NULL(talea_commit_async, {3}, world.engine, batch, &ignore_outcome, nullptr);
  int applied = 0;
  REFUSES_NULL(talea_apply, {3}, world.engine, 1U, batch, &applied);
  EXPECT_EQ(talea_batch_size(batch), 0U);  // none of the refused calls left something in it
}

void call_scans(Caller& caller, const CapiWorld& world) {
  talea_scan_range range{};
  range.size = sizeof range;
  talea_scan* scan = nullptr;
  talea_snapshot* snapshot = nullptr;
  talea_slice slice{};
  uint64_t number = 0;
  int found = 0;
  void* value = nullptr;
  size_t bytes = 0;
  REFUSES_NULL(talea_scan_open, {1}, world.engine, &range, &scan);
  REFUSES_NULL(talea_scan_next, {}, world.scan, &found);
  REFUSES_NULL(talea_scan_key, {}, world.scan, &slice);
  REFUSES_NULL(talea_scan_value, {}, world.scan, &slice);
  REFUSES_NULL(talea_scan_revision, {}, world.scan, &number);
  REFUSES_NULL(talea_scan_expiry_ms, {}, world.scan, &number);
  REFUSES_NULL(talea_snapshot_open, {}, world.engine, &snapshot);
  REFUSES_NULL(talea_snapshot_sequence, {}, world.snapshot, &number);
  REFUSES_NULL(talea_snapshot_get, {}, world.snapshot, "k", 1U, &found, &value, &bytes);
  REFUSES_NULL(talea_snapshot_get_versioned, {6, 7}, world.snapshot, "k", 1U, &found, &value,
               &bytes, &number, &number);
  REFUSES_NULL(talea_snapshot_scan, {1}, world.snapshot, &range, &scan);
}

void call_streams(Caller& caller, const CapiWorld& world) {
  talea_change change{};
  change.size = sizeof change;
  talea_changes* changes = nullptr;
  talea_reader* reader = nullptr;
  talea_writer* writer = nullptr;
  talea_stored* stored = nullptr;
  talea_slice slice{};
  uint64_t number = 0;
  int flag = 0;
  REFUSES_NULL(talea_changes_open, {}, world.engine, 0U, "k", 1U, &changes);
  REFUSES_NULL(talea_changes_next, {}, world.changes, &flag);
  REFUSES_NULL(talea_changes_change, {}, world.changes, &change);
  REFUSES_NULL(talea_changes_read_value, {}, world.changes, &reader);
  REFUSES_NULL(talea_changes_wait, {2}, world.changes, 0U, &flag);
  REFUSES_NULL(talea_changes_position, {}, world.changes, &number);
  REFUSES_NULL(talea_changes_lost, {}, world.changes, &flag, &number, &number);
  REFUSES_NULL(talea_writer_open, {}, world.engine, &writer);
  REFUSES_NULL(talea_writer_append, {}, world.writer, "x", 1U);
  REFUSES_NULL(talea_writer_finish, {}, world.writer, &stored);
  REFUSES_NULL(talea_reader_open, {}, world.engine, "k", 1U, &flag, &reader);
  REFUSES_NULL(talea_reader_read, {}, world.reader, &slice);
  REFUSES_NULL(talea_reader_seek, {}, world.reader, 0U);
}

void call_upkeep(Caller& caller, const CapiWorld& world) {
  talea_stats_report stats{};
  stats.size = sizeof stats;
  talea_verify_report report{};
  report.size = sizeof report;
  talea_backup_info info{};
  info.size = sizeof info;
  std::array<unsigned char, TALEA_STATE_HASH_BYTES> hash{};
  uint64_t number = 0;
  const char* const path = world.path.c_str();
  const char* const backups = world.backups.c_str();
  REFUSES_NULL(talea_sync, {}, world.engine);
  REFUSES_NULL(talea_compact, {}, world.engine);
  REFUSES_NULL(talea_checkpoint, {}, world.engine);
  REFUSES_NULL(talea_stats, {}, world.engine, &stats);
  REFUSES_NULL(talea_state_hash, {}, world.engine, hash.data());
  REFUSES_NULL(talea_write_state, {2, 3}, world.engine, &ignore_bytes, nullptr, hash.data());
  REFUSES_NULL(talea_restore_state, {2, 3, 4}, path, &give_nothing, nullptr, world.options,
               hash.data());
  REFUSES_NULL(talea_backup, {2}, world.engine, backups, &info);
  REFUSES_NULL(talea_restore_backup, {3}, backups, path, 0U, &info);
  REFUSES_NULL(talea_verify_backups, {}, backups);
  REFUSES_NULL(talea_prune_backups, {2}, backups, 1U, &number);
  REFUSES_NULL(talea_verify, {1, 3, 4}, path, world.options, &report, &ignore_finding, nullptr);
  talea_repair_report repaired{};
  repaired.size = sizeof repaired;
  REFUSES_NULL(talea_repair, {2, 3, 4, 5}, path, backups, world.options, &repaired, &ignore_key,
               nullptr);
}

void call_history(Caller& caller, const CapiWorld& world) {
  int found = 0;
  void* value = nullptr;
  size_t bytes = 0;
  uint64_t number = 0;
  talea_scan* scan = nullptr;
  talea_scan_range range{};
  range.size = sizeof range;
  talea_revision* revisions = nullptr;
  REFUSES_NULL(talea_options_set_retention, {}, world.options, 4, 0U);
  REFUSES_NULL(talea_get_at, {8, 9}, world.engine, "k", 1U, 0, 1U, &found, &value, &bytes, &number,
               &number);
  REFUSES_NULL(talea_scan_open_at, {1}, world.engine, &range, 0, 1U, &scan);
  REFUSES_NULL(talea_history, {}, world.engine, "k", 1U, 0U, 0U, &revisions, &bytes);
  REFUSES_NULL(talea_history_from, {}, world.engine, &number);
  REFUSES_NULL(talea_changes_old_value, {4, 5}, world.changes, &found, &value, &bytes, &number,
               &number);
}

int give_no_key(void*, unsigned char*) { return 1; }

void call_encryption(Caller& caller, const CapiWorld& world) {
  talea_options* const options = talea_options_create();
  std::uint32_t id = 0;
  REFUSES_NULL(talea_options_set_key_file, {}, options, "file");
  REFUSES_NULL(talea_options_set_key_variable, {}, options, "VARIABLE");
  REFUSES_NULL(talea_options_set_key_source, {2}, options, &give_no_key, nullptr);
  REFUSES_NULL(talea_rotate_master_key, {}, world.engine, options);
  REFUSES_NULL(talea_rotate_data_key, {1}, world.engine, &id);
  talea_options_free(options);
}

void call_auth(Caller& caller, const CapiWorld& world) {
  talea_auth_options* const options = talea_auth_options_create();
  const std::array<unsigned char, TALEA_MASTER_KEY_BYTES> key{};
  talea_auth* auth = nullptr;
  uint64_t records = 0;
  REFUSES_NULL(talea_auth_options_set_failures_max, {}, options, 1U);
  REFUSES_NULL(talea_auth_options_set_lockout_ms, {}, options, 1U);
  REFUSES_NULL(talea_auth_options_set_hashes_max, {}, options, 1U);
  REFUSES_NULL(talea_auth_options_set_hashes_waiting_max, {}, options, 1U);
  REFUSES_NULL(talea_auth_options_set_password_cost, {}, options, 8U, 1U, 1U);
  REFUSES_NULL(talea_auth_options_set_master_keys, {}, options, key.data(), 1U);
  REFUSES_NULL(talea_auth_open, {1}, world.engine, options, &auth);
  REFUSES_NULL(talea_auth_flush, {}, world.auth);
  REFUSES_NULL(talea_auth_rotate_master_key, {3}, world.auth, key.data(), 1U, &records);
  REFUSES_NULL(talea_auth_rewrap_metadata, {1}, world.auth, &records);
  talea_auth_options_free(options);
}

void call_users(Caller& caller, const CapiWorld& world) {
  talea_auth* const auth = world.auth;
  const char* const id = world.user_id.c_str();
  talea_users* users = nullptr;
  talea_secret* secret = nullptr;
  talea_user user{};
  user.size = sizeof user;
  talea_new_user new_user{};
  new_user.size = sizeof new_user;
  REFUSES_NULL(talea_users_at, {}, world.users, 0U, &user);
  REFUSES_NULL(talea_auth_create_user, {}, auth, &new_user, &users);
  REFUSES_NULL(talea_auth_user, {}, auth, id, &users);
  REFUSES_NULL(talea_auth_find_user, {}, auth, "alice", 5U, &users);
  REFUSES_NULL(talea_auth_list_users, {}, auth, "a", 1U, 0U, &users);
  REFUSES_NULL(talea_auth_log_in, {}, auth, "alice", 5U, "secret", 6U, &users);
  REFUSES_NULL(talea_auth_change_password, {}, auth, id, "secret", 6U, "other", 5U);
  REFUSES_NULL(talea_auth_set_password, {}, auth, id, "other", 5U);
  REFUSES_NULL(talea_auth_reset_failures, {}, auth, id);
  REFUSES_NULL(talea_auth_delete_user, {}, auth, id);
  REFUSES_NULL(talea_auth_user_metadata, {}, auth, id, &secret);
  REFUSES_NULL(talea_auth_set_user_metadata, {}, auth, id, "m", 1U);

  // None of the refused calls did a part of its work.
  EXPECT_EQ(talea_auth_log_in(auth, "alice", 5, "secret", 6, &users, nullptr), TALEA_OK);
  talea_users_free(users);
}

void call_api_keys(Caller& caller, const CapiWorld& world) {
  talea_auth* const auth = world.auth;
  const char* const id = world.key_id.c_str();
  talea_api_keys* keys = nullptr;
  talea_secret* secret = nullptr;
  int has_scope = 0;
  talea_api_key key{};
  key.size = sizeof key;
  talea_new_api_key new_key{};
  new_key.size = sizeof new_key;
  REFUSES_NULL(talea_api_keys_at, {}, world.keys, 0U, &key);
  REFUSES_NULL(talea_api_keys_has_scope, {}, world.keys, 0U, "read", 4U, &has_scope);
  REFUSES_NULL(talea_auth_issue_api_key, {}, auth, &new_key, &keys, &secret);
  REFUSES_NULL(talea_auth_check_api_key, {}, auth, talea_secret_data(world.token),
               talea_secret_bytes(world.token), &keys);
  REFUSES_NULL(talea_auth_api_key, {}, auth, id, &keys);
  REFUSES_NULL(talea_auth_list_api_keys, {1}, auth, id, 0U, &keys);
  REFUSES_NULL(talea_auth_list_api_keys_of, {}, auth, world.user_id.c_str(), &keys);
  REFUSES_NULL(talea_auth_revoke_api_key, {}, auth, id);
  REFUSES_NULL(talea_auth_api_key_metadata, {}, auth, id, &secret);
  REFUSES_NULL(talea_auth_set_api_key_metadata, {}, auth, id, "m", 1U);

  EXPECT_EQ(talea_auth_list_api_keys(auth, nullptr, 0, &keys, nullptr), TALEA_OK);
  EXPECT_EQ(talea_api_keys_count(keys), 1U);
  talea_api_keys_free(keys);
}

void call_without_code(Caller& caller) {
  EXPECT_EQ(talea_error_code(nullptr), TALEA_OK);
  EXPECT_STREQ(talea_error_message(nullptr), "");
  EXPECT_EQ(talea_batch_size(nullptr), 0U);
  EXPECT_EQ(talea_writer_bytes(nullptr), 0U);
  EXPECT_EQ(talea_stored_bytes(nullptr), 0U);
  EXPECT_EQ(talea_reader_bytes(nullptr), 0U);
  EXPECT_EQ(talea_reader_revision(nullptr), 0U);
  EXPECT_EQ(talea_secret_data(nullptr), nullptr);
  EXPECT_EQ(talea_secret_bytes(nullptr), 0U);
  EXPECT_EQ(talea_users_count(nullptr), 0U);
  EXPECT_EQ(talea_api_keys_count(nullptr), 0U);
  for (const char* const name :
       {"talea_error_code", "talea_error_message", "talea_batch_size", "talea_writer_bytes",
        "talea_stored_bytes", "talea_reader_bytes", "talea_reader_revision", "talea_secret_data",
        "talea_secret_bytes", "talea_users_count", "talea_api_keys_count",
        // These take no pointer.
        "talea_version", "talea_code_name", "talea_options_create", "talea_batch_create",
        "talea_auth_options_create"}) {
    caller.harmless(name);
  }
  const auto frees_nothing = [&caller](const char* name, auto function) {
    function(nullptr);
    caller.harmless(name);
  };
  frees_nothing("talea_free", talea_free);
  frees_nothing("talea_error_free", talea_error_free);
  frees_nothing("talea_options_free", talea_options_free);
  frees_nothing("talea_engine_free", talea_engine_free);
  frees_nothing("talea_batch_free", talea_batch_free);
  frees_nothing("talea_scan_free", talea_scan_free);
  frees_nothing("talea_snapshot_free", talea_snapshot_free);
  frees_nothing("talea_changes_free", talea_changes_free);
  frees_nothing("talea_writer_free", talea_writer_free);
  frees_nothing("talea_stored_free", talea_stored_free);
  frees_nothing("talea_reader_free", talea_reader_free);
  frees_nothing("talea_auth_options_free", talea_auth_options_free);
  frees_nothing("talea_auth_free", talea_auth_free);
  frees_nothing("talea_secret_free", talea_secret_free);
  frees_nothing("talea_users_free", talea_users_free);
  frees_nothing("talea_api_keys_free", talea_api_keys_free);
}

TEST(CInterface, RefusesNullAtEveryRequiredPointerOfEveryFunction) {
  const CapiWorld world;
  Caller caller;
  call_options(caller, world);
  call_keys(caller, world);
  call_batches(caller, world);
  call_scans(caller, world);
  call_streams(caller, world);
  call_upkeep(caller, world);
  call_history(caller, world);
  call_encryption(caller, world);
  call_auth(caller, world);
  call_users(caller, world);
  call_api_keys(caller, world);
  call_without_code(caller);

  std::set<std::string> listed;
  std::ifstream list(TALEA_SOURCE_DIR "/src/capi/symbols.txt");
  for (std::string name; list >> name;) listed.insert(name);
  EXPECT_EQ(caller.names(), listed);

  // And the store is as it was.
  int found = 0;
  void* value = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(talea_get(world.engine, "k", 1, &found, &value, &bytes, nullptr), TALEA_OK);
  EXPECT_EQ(found, 1);
  talea_free(value);
}

TEST(CInterface, RefusesNumbersThatAreNoneOfTheirEnumeration) {
  const CapiWorld world;
  for (const int mode : {-1, 3, 256}) {
    EXPECT_EQ(talea_options_set_sync(world.options, mode, nullptr), TALEA_INVALID_ARGUMENT);
    EXPECT_EQ(talea_options_set_verify_reads(world.options, mode, nullptr), TALEA_INVALID_ARGUMENT);
  }
  for (const int kind : {-1, 4, 256}) {
    EXPECT_EQ(talea_put_expiring(world.engine, "x", 1, "v", 1, kind, 1, nullptr, nullptr),
              TALEA_INVALID_ARGUMENT);
    EXPECT_EQ(talea_batch_put_expiring(world.batch, "x", 1, "v", 1, kind, 1, nullptr),
              TALEA_INVALID_ARGUMENT);
  }
  // Numbers that would wrap round in the types of the engine.
  EXPECT_EQ(talea_put_expiring(world.engine, "x", 1, "v", 1, TALEA_EXPIRY_AFTER, UINT64_MAX,
                               nullptr, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(
      talea_put_expiring(world.engine, "x", 1, "v", 1, TALEA_EXPIRY_AFTER, 0, nullptr, nullptr),
      TALEA_INVALID_ARGUMENT);
  ASSERT_EQ(talea_options_set_compaction_interval_ms(world.options, UINT64_MAX, nullptr), TALEA_OK);
  talea_engine* engine = nullptr;
  EXPECT_EQ(talea_open((world.path + "2").c_str(), world.options, &engine, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(engine, nullptr);
}

TEST(CInterface, RefusesAStructureOfAUserOrAKeyWhoseSizeWasNotSet) {
  const CapiWorld world;
  talea_user user{};
  EXPECT_EQ(talea_users_at(world.users, 0, &user, nullptr), TALEA_INVALID_ARGUMENT);
  talea_api_key key{};
  EXPECT_EQ(talea_api_keys_at(world.keys, 0, &key, nullptr), TALEA_INVALID_ARGUMENT);
  talea_new_user new_user{};
  new_user.name = {"bob", 3};
  new_user.password = {"secret", 6};
  talea_users* users = nullptr;
  EXPECT_EQ(talea_auth_create_user(world.auth, &new_user, &users, nullptr), TALEA_INVALID_ARGUMENT);
  talea_new_api_key new_key{};
  talea_api_keys* keys = nullptr;
  talea_secret* token = nullptr;
  EXPECT_EQ(talea_auth_issue_api_key(world.auth, &new_key, &keys, &token, nullptr),
            TALEA_INVALID_ARGUMENT);
}

TEST(CInterface, ANulInsideOfANameOrATokenDoesNotEndIt) {
  const CapiWorld world;
  talea_users* users = nullptr;
  EXPECT_EQ(talea_auth_log_in(world.auth, "alice\0x", 7, "secret", 6, &users, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_auth_log_in(world.auth, "alice", 5, "secret\0x", 8, &users, nullptr),
            TALEA_UNAUTHENTICATED);
  std::string token = talea_secret_data(world.token);
  token += '\0';
  talea_api_keys* keys = nullptr;
  EXPECT_EQ(talea_auth_check_api_key(world.auth, token.data(), token.size(), &keys, nullptr),
            TALEA_UNAUTHENTICATED);
}

}  // namespace
}  // namespace talea
