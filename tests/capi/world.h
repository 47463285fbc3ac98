// An open store with one of each object, for tests of the C interface. What it makes it ends.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "talea/talea.h"
#include "tests/support/test_directory.h"

namespace talea {

struct CapiWorld {
  explicit CapiWorld(const std::string& directory = test_directory())
      : path(directory + "/store"), backups(directory + "/backups") {
    options = talea_options_create();
    batch = talea_batch_create();
    EXPECT_EQ(talea_open(path.c_str(), nullptr, &engine, nullptr), TALEA_OK);
    EXPECT_EQ(talea_put(engine, "k", 1, "v", 1, nullptr, nullptr), TALEA_OK);
    EXPECT_EQ(talea_scan_open(engine, nullptr, &scan, nullptr), TALEA_OK);
    int has_row = 0;
    EXPECT_EQ(talea_scan_next(scan, &has_row, nullptr), TALEA_OK);
    EXPECT_EQ(talea_snapshot_open(engine, &snapshot, nullptr), TALEA_OK);
    EXPECT_EQ(talea_changes_open(engine, 0, nullptr, 0, &changes, nullptr), TALEA_OK);
    EXPECT_EQ(talea_changes_next(changes, &has_row, nullptr), TALEA_OK);
    EXPECT_EQ(talea_writer_open(engine, &writer, nullptr), TALEA_OK);
    talea_writer* finished = nullptr;
    EXPECT_EQ(talea_writer_open(engine, &finished, nullptr), TALEA_OK);
    EXPECT_EQ(talea_writer_finish(finished, &stored, nullptr), TALEA_OK);
    talea_writer_free(finished);
    int found = 0;
    EXPECT_EQ(talea_reader_open(engine, "k", 1, &found, &reader, nullptr), TALEA_OK);
    open_auth();
  }
  ~CapiWorld() {
    talea_secret_free(token);
    talea_api_keys_free(keys);
    talea_users_free(users);
    talea_auth_free(auth);
    talea_auth_options_free(auth_options);
    talea_reader_free(reader);
    talea_stored_free(stored);
    talea_writer_free(writer);
    talea_changes_free(changes);
    talea_snapshot_free(snapshot);
    talea_scan_free(scan);
    talea_batch_free(batch);
    talea_options_free(options);
    talea_engine_free(engine);
  }
  CapiWorld(const CapiWorld&) = delete;
  CapiWorld& operator=(const CapiWorld&) = delete;

  std::string path;
  std::string backups;
  talea_options* options = nullptr;
  talea_engine* engine = nullptr;
  talea_batch* batch = nullptr;
  talea_scan* scan = nullptr;
  talea_snapshot* snapshot = nullptr;
  talea_changes* changes = nullptr;
  talea_writer* writer = nullptr;
  talea_stored* stored = nullptr;
  talea_reader* reader = nullptr;
  // With alice, whose password is "secret", and a key of hers; both have metadata.
  talea_auth_options* auth_options = nullptr;
  talea_auth* auth = nullptr;
  talea_users* users = nullptr;
  talea_api_keys* keys = nullptr;
  talea_secret* token = nullptr;
  std::string user_id;
  std::string key_id;

 private:
  void open_auth() {
    const std::array<unsigned char, TALEA_MASTER_KEY_BYTES> master_key{1, 2, 3};
    auth_options = talea_auth_options_create();
    EXPECT_EQ(talea_auth_options_set_password_cost(auth_options, 8, 1, 1, nullptr), TALEA_OK);
    EXPECT_EQ(talea_auth_options_set_master_keys(auth_options, master_key.data(), 1, nullptr),
              TALEA_OK);
    EXPECT_EQ(talea_auth_open(engine, auth_options, &auth, nullptr), TALEA_OK);
    talea_new_user new_user{};
    new_user.size = sizeof new_user;
    new_user.name = {"alice", 5};
    new_user.password = {"secret", 6};
    new_user.metadata = {"metadata", 8};
    EXPECT_EQ(talea_auth_create_user(auth, &new_user, &users, nullptr), TALEA_OK);
    talea_user user{};
    user.size = sizeof user;
    EXPECT_EQ(talea_users_at(users, 0, &user, nullptr), TALEA_OK);
    user_id = user.id;
    talea_new_api_key new_key{};
    new_key.size = sizeof new_key;
    new_key.owner = user.id;
    new_key.metadata = {"metadata", 8};
    EXPECT_EQ(talea_auth_issue_api_key(auth, &new_key, &keys, &token, nullptr), TALEA_OK);
    talea_api_key key{};
    key.size = sizeof key;
    EXPECT_EQ(talea_api_keys_at(keys, 0, &key, nullptr), TALEA_OK);
    key_id = key.id;
  }
};

}  // namespace talea
