// An open store with one of each object, for tests of the C interface. What it makes it ends.
#pragma once

#include <gtest/gtest.h>

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
  }
  ~CapiWorld() {
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
};

}  // namespace talea
