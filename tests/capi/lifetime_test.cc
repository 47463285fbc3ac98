// In which order objects may be freed, and what those do that outlive the store.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "tests/capi/world.h"

namespace talea {
namespace {

TEST(CInterface, WhatWasMadeWithAnEngineWorksOnWhenItsHandleIsFreed) {
  CapiWorld world;
  talea_engine_free(world.engine);
  world.engine = nullptr;

  talea_slice slice{};
  EXPECT_EQ(talea_scan_value(world.scan, &slice, nullptr), TALEA_OK);
  EXPECT_EQ(slice.bytes, 1U);
  int found = 0;
  void* value = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(talea_snapshot_get(world.snapshot, "k", 1, &found, &value, &bytes, nullptr), TALEA_OK);
  EXPECT_EQ(found, 1);
  talea_free(value);
  EXPECT_EQ(talea_writer_append(world.writer, "x", 1, nullptr), TALEA_OK);
  talea_users* users = nullptr;
  EXPECT_EQ(talea_auth_log_in(world.auth, "alice", 5, "secret", 6, &users, nullptr), TALEA_OK);
  talea_users_free(users);

  // They keep the store open.
  talea_engine* again = nullptr;
  EXPECT_EQ(talea_open(world.path.c_str(), nullptr, &again, nullptr), TALEA_UNAVAILABLE);
  EXPECT_EQ(again, nullptr);
}

TEST(CInterface, TheStoreIsFreeWhenTheLastOfItsObjectsIs) {
  const std::string directory = test_directory();
  {
    CapiWorld world(directory);
    talea_engine_free(world.engine);
    world.engine = nullptr;
  }
  talea_engine* again = nullptr;
  ASSERT_EQ(talea_open((directory + "/store").c_str(), nullptr, &again, nullptr), TALEA_OK);
  talea_engine_free(again);
}

TEST(CInterface, AClosedStoreRefusesAndItsObjectsMayStillBeFreed) {
  const CapiWorld world;
  ASSERT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  EXPECT_EQ(talea_put(world.engine, "k", 1, "v", 1, nullptr, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_sync(world.engine, nullptr), TALEA_INVALID_ARGUMENT);
  int flag = 0;
  EXPECT_EQ(talea_scan_next(world.scan, &flag, nullptr), TALEA_INVALID_ARGUMENT);
  void* value = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(talea_snapshot_get(world.snapshot, "k", 1, &flag, &value, &bytes, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_changes_next(world.changes, &flag, nullptr), TALEA_INVALID_ARGUMENT);
  // Also what they could still give of what they have.
  EXPECT_EQ(talea_writer_append(world.writer, "x", 1, nullptr), TALEA_INVALID_ARGUMENT);
  talea_reader* reader = nullptr;
  EXPECT_EQ(talea_changes_read_value(world.changes, &reader, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(reader, nullptr);
  talea_slice slice{};
  EXPECT_EQ(talea_reader_read(world.reader, &slice, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_reader_seek(world.reader, 0, nullptr), TALEA_INVALID_ARGUMENT);
  // The directory is free for the next one at once.
  talea_engine* again = nullptr;
  ASSERT_EQ(talea_open(world.path.c_str(), nullptr, &again, nullptr), TALEA_OK);
  talea_engine_free(again);
}

TEST(CInterface, AuthenticationEndsWithTheStoreAndWhatItFoundDoesNot) {
  CapiWorld world;
  ASSERT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  auto* users = reinterpret_cast<talea_users*>(8);
  talea_error* error = nullptr;
  EXPECT_EQ(talea_auth_log_in(world.auth, "alice", 5, "secret", 6, &users, &error),
            TALEA_INVALID_ARGUMENT);
  EXPECT_STREQ(talea_error_message(error), "invalid_argument: the engine is closed");
  talea_error_free(error);
  EXPECT_EQ(users, nullptr);
  auto* keys = reinterpret_cast<talea_api_keys*>(8);
  EXPECT_EQ(talea_auth_check_api_key(world.auth, talea_secret_data(world.token),
                                     talea_secret_bytes(world.token), &keys, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(keys, nullptr);
  auto* secret = reinterpret_cast<talea_secret*>(8);
  EXPECT_EQ(talea_auth_user_metadata(world.auth, world.user_id.c_str(), &secret, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(secret, nullptr);
  EXPECT_EQ(talea_auth_flush(world.auth, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_auth_delete_user(world.auth, world.user_id.c_str(), nullptr),
            TALEA_INVALID_ARGUMENT);
  auto* auth = reinterpret_cast<talea_auth*>(8);
  EXPECT_EQ(talea_auth_open(world.engine, nullptr, &auth, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(auth, nullptr);

  talea_auth_free(world.auth);
  world.auth = nullptr;
  talea_user user{};
  user.size = sizeof user;
  EXPECT_EQ(talea_users_at(world.users, 0, &user, nullptr), TALEA_OK);
  EXPECT_STREQ(user.id, world.user_id.c_str());
  talea_api_key key{};
  key.size = sizeof key;
  EXPECT_EQ(talea_api_keys_at(world.keys, 0, &key, nullptr), TALEA_OK);
  EXPECT_STREQ(key.owner, world.user_id.c_str());
  EXPECT_EQ(std::string(talea_secret_data(world.token)).size(), talea_secret_bytes(world.token));
}

TEST(CInterface, AnAuthThatIsLeftKeepsTheStoreOpen) {
  CapiWorld world;
  talea_scan_free(std::exchange(world.scan, nullptr));
  talea_snapshot_free(std::exchange(world.snapshot, nullptr));
  talea_changes_free(std::exchange(world.changes, nullptr));
  talea_writer_free(std::exchange(world.writer, nullptr));
  talea_reader_free(std::exchange(world.reader, nullptr));
  talea_engine_free(std::exchange(world.engine, nullptr));
  talea_engine* again = nullptr;
  EXPECT_EQ(talea_open(world.path.c_str(), nullptr, &again, nullptr), TALEA_UNAVAILABLE);
  talea_auth_free(std::exchange(world.auth, nullptr));
  ASSERT_EQ(talea_open(world.path.c_str(), nullptr, &again, nullptr), TALEA_OK);
  talea_engine_free(again);
}

TEST(CInterface, ARowAndAChangeEndWithTheStore) {
  const CapiWorld world;
  talea_slice slice{};
  uint64_t number = 0;
  talea_change change{};
  change.size = sizeof change;
  ASSERT_EQ(talea_scan_key(world.scan, &slice, nullptr), TALEA_OK);
  ASSERT_EQ(talea_changes_change(world.changes, &change, nullptr), TALEA_OK);
  ASSERT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  talea_error* error = nullptr;
  EXPECT_EQ(talea_scan_key(world.scan, &slice, &error), TALEA_INVALID_ARGUMENT);
  EXPECT_STREQ(talea_error_message(error), "invalid_argument: the engine is closed");
  talea_error_free(error);
  EXPECT_EQ(talea_scan_value(world.scan, &slice, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_scan_revision(world.scan, &number, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_scan_expiry_ms(world.scan, &number, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(talea_changes_change(world.changes, &change, nullptr), TALEA_INVALID_ARGUMENT);
  // What they know of themselves they still say.
  EXPECT_EQ(talea_snapshot_sequence(world.snapshot, &number, nullptr), TALEA_OK);
  EXPECT_EQ(number, 1U);
  EXPECT_EQ(talea_changes_position(world.changes, &number, nullptr), TALEA_OK);
  EXPECT_EQ(talea_reader_bytes(world.reader), 1U);
}

TEST(CInterface, AFailedCallLeavesNoObjectBehind) {
  const CapiWorld world;
  ASSERT_EQ(talea_close(world.engine, nullptr), TALEA_OK);
  auto* scan = reinterpret_cast<talea_scan*>(8);
  EXPECT_EQ(talea_scan_open(world.engine, nullptr, &scan, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(scan, nullptr);
  auto* snapshot = reinterpret_cast<talea_snapshot*>(8);
  EXPECT_EQ(talea_snapshot_open(world.engine, &snapshot, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(snapshot, nullptr);
  auto* writer = reinterpret_cast<talea_writer*>(8);
  EXPECT_EQ(talea_writer_open(world.engine, &writer, nullptr), TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(writer, nullptr);
  void* value = &writer;
  int found = 0;
  size_t bytes = 0;
  EXPECT_EQ(talea_get(world.engine, "k", 1, &found, &value, &bytes, nullptr),
            TALEA_INVALID_ARGUMENT);
  EXPECT_EQ(value, nullptr);
}

TEST(CInterface, ALostStretchOfTheLogIsToldWithItsBounds) {
  const std::string path = test_directory() + "/store";
  talea_options* const options = talea_options_create();
  ASSERT_EQ(talea_options_set_segment_bytes(options, 65536, nullptr), TALEA_OK);
  ASSERT_EQ(talea_options_set_sync(options, TALEA_SYNC_NEVER, nullptr), TALEA_OK);
  talea_engine* engine = nullptr;
  ASSERT_EQ(talea_open(path.c_str(), options, &engine, nullptr), TALEA_OK);
  talea_options_free(options);
  const std::string value(10'000, 'v');
  for (int number = 0; number < 100; ++number) {
    ASSERT_EQ(talea_put(engine, "k", 1, value.data(), value.size(), nullptr, nullptr), TALEA_OK);
  }
  ASSERT_EQ(talea_compact(engine, nullptr), TALEA_OK);
  ASSERT_EQ(talea_checkpoint(engine, nullptr), TALEA_OK);
  talea_changes* changes = nullptr;
  ASSERT_EQ(talea_changes_open(engine, 0, nullptr, 0, &changes, nullptr), TALEA_OK);
  int flag = 0;
  EXPECT_EQ(talea_changes_next(changes, &flag, nullptr), TALEA_NOT_FOUND);
  uint64_t first = 0;
  uint64_t last = 0;
  EXPECT_EQ(talea_changes_lost(changes, &flag, &first, &last, nullptr), TALEA_OK);
  EXPECT_EQ(flag, 1);
  EXPECT_EQ(first, 1U);
  EXPECT_GE(last, first);
  EXPECT_LE(last, 100U);
  talea_changes_free(changes);
  talea_engine_free(engine);
}

TEST(CInterface, BackupsThatAreNotThereAreNotFoundAndNotMade) {
  const std::string absent = test_directory() + "/absent";
  const std::string path = test_directory() + "/store";
  EXPECT_EQ(talea_verify_backups(absent.c_str(), nullptr), TALEA_NOT_FOUND);
  EXPECT_EQ(talea_prune_backups(absent.c_str(), 1, nullptr, nullptr), TALEA_NOT_FOUND);
  EXPECT_EQ(talea_restore_backup(absent.c_str(), path.c_str(), 0, nullptr, nullptr),
            TALEA_NOT_FOUND);
  EXPECT_FALSE(std::filesystem::exists(absent));
}

}  // namespace
}  // namespace talea
