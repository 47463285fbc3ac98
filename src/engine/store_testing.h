// StoreTest: a store on a disk in memory, with a clock that is set by hand and a background that
// works when a test says so. What the tests of the engine's features begin with.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/executor.h"
#include "base/random.h"
#include "engine/engine_store.h"
#include "engine/verify.h"
#include "io/crash_file_system.h"
#include "store/state_stream.h"

namespace talea {

class StoreTest : public testing::Test {
 protected:
  static constexpr const char* kPath = "store";
  static constexpr std::uint64_t kBegan = 1'700'000'000'000;  // what the clock says first

  StoreTest() {
    options_.segment_bytes = 256 * kKiB;
    options_.sync = SyncMode::never;
  }
  Seams seams() { return {disk_, clock_, random_, executor_}; }
  void open(const std::string& path = kPath) {
    store_.reset();
    auto opened = EngineStore::open(seams(), path, options_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    store_ = std::move(opened).value();
  }
  void close() {
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
  }
  void reopen() {
    close();
    open();
  }
  // As if the process had ended.
  void kill() { open(); }
  // What no reader can look into any more goes in a second step.
  void work_in_background() {
    executor_.step_all();
    executor_.step_all();
  }
  void checkpoint() {
    const Status done = store_->checkpoint();
    ASSERT_TRUE(done.ok()) << done.to_string();
  }
  void compact() {
    const Status done = store_->compact();
    ASSERT_TRUE(done.ok()) << done.to_string();
    work_in_background();
  }
  StateHash hash() { return hash_state(*store_->read_state().value()).value(); }
  // Without what is held back for a full disk.
  std::uint64_t disk_bytes() {
    std::uint64_t bytes = 0;
    for (const std::string& name : disk_.list(kPath).value()) {
      if (name != kReserveName) bytes += disk_.read_file(join_path(kPath, name)).value().size();
    }
    return bytes;
  }
  // Closes the store, if it is open.
  VerifyReport verify() {
    if (store_ != nullptr) close();
    return verify_directory(seams(), kPath, {}).value();
  }
  void expect_clean() {
    for (const Finding& finding : verify().findings) {
      ADD_FAILURE() << finding.file << " at " << finding.offset << ": " << finding.problem;
    }
  }

  CrashFileSystem disk_;
  ManualClock clock_{kBegan};
  SeededRandom random_{42};
  ManualExecutor executor_;
  Options options_;
  std::unique_ptr<EngineStore> store_;
};

}  // namespace talea
