// Opening: from a path to a store that can be used.
//
// Looks at what the directory holds and refuses what it does not recognise; takes the lock; makes a
// new store or reads the manifest; replays the log; and, when opening for writing, settles what a
// crash left open, so that the next crash finds nothing but this session's own tail:
//
//   0. the directory is synced, so that the manifest that was read is the one that stays
//   1. the good part of the open segment is written again, byte for byte, and synced. It was read
//      from the page cache, which may show bytes that a failed sync of the last session lost
//   2. the manifest seals it there
//   3. the torn rest is cut off, and files that no manifest ever named are removed
//
// Each step may be interrupted and done again. Opening for reading does none of them.
#pragma once

#include <memory>
#include <string>

#include "engine/live_state.h"
#include "engine/replay.h"
#include "engine/seams.h"
#include "manifest/manifest.h"
#include "talea/engine.h"

namespace talea {

inline constexpr const char* kLockName = "LOCK";

/// Errors: invalid_argument, with the option, its limits and what was given
Status check_options(const Options& options);

struct OpenedDirectory {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<KeyKeeper> keys;  // of a store that is encrypted
  Manifest manifest;
  std::unique_ptr<FileCache> cache;  // sealed segments are read through it
  std::unique_ptr<LiveState> live;
  ReplayState replayed;
  /// It keeps less of the past than before.
  bool is_retention_lowered = false;
  RecoveryReport report;
};

/// Errors: as Engine::open
Result<OpenedDirectory> open_directory(const Seams& seams, const std::string& path,
                                       const Options& options);

/// What opening does before it replays: for verify, which wants to see the damage itself.
struct LockedDirectory {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<KeyKeeper> keys;  // of a store that is encrypted
  Manifest manifest;
};
Result<LockedDirectory> lock_directory(const Seams& seams, const std::string& path,
                                       const Options& options);
/// `seams`, for the store that has these keys; null: none.
Seams with_keys(const Seams& seams, KeyKeeper* keys);

}  // namespace talea
