// Manifest: the one file that says which files make up a store, segments and runs.
//
// It is small and written whole: to MANIFEST.tmp, synced, renamed over MANIFEST, and the directory
// synced. So there is always exactly one, old or new, and replacing it is how the file set changes
// atomically. A file of ours that it does not name holds nothing that was acknowledged; a file
// that it names and that is missing is damage.
//
// Format: docs/formats/manifest.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "codec/format.h"
#include "io/file_system.h"
#include "talea/engine.h"
#include "talea/history.h"

namespace talea {

inline constexpr const char* kManifestName = "MANIFEST";
inline constexpr const char* kManifestTemporaryName = "MANIFEST.tmp";

struct ManifestFile {
  SegmentKind kind = SegmentKind::log;
  std::uint32_t id = 0;
  /// A sealed file is never written again, and is valid through `bytes`: a bad record before that
  /// is damage, what lies behind it is nothing. Only the last two log segments may be open, the
  /// second being prepared ahead of need, and only the last extent segment.
  bool sealed = false;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
  /// Of its entries that were current at the checkpoint; at most 2^32 - 1. What is replayed is not
  /// in it.
  std::uint64_t live_bytes = 0;
  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

/// A run. Runs are layers: the one with the highest layer that has a row of a key decides.
struct ManifestRun {
  std::uint32_t id = 0;
  /// No two alike. That of a checkpoint's run is its id; a run that replaces others of adjacent
  /// layers takes the highest of theirs.
  std::uint32_t layer = 0;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  Sequence lowest_sequence = 0;  // of a row; 0 without rows
  Sequence highest_sequence = 0;
  friend bool operator==(const ManifestRun&, const ManifestRun&) = default;
};

/// What the store keeps of the past, and from where on it knows it.
struct ManifestHistory {
  Retention retention;
  /// Every question as of this batch, or of a later one, can be answered.
  Sequence from_sequence = 0;
  std::uint64_t from_time = 0;  // of that batch
  friend bool operator==(const ManifestHistory&, const ManifestHistory&) = default;
};

struct Manifest {
  StoreId store_id{};
  std::uint64_t generation = 0;    // +1 each time that it is written, or was to be
  std::uint32_t next_file_id = 1;  // ids are never reused
  /// No batch at or below it is anywhere but in the files named here; the log may go on above it.
  Sequence last_sequence = 0;
  std::uint64_t last_now = 0;
  /// Log segments with a lower id are not replayed: runs say where their entries are.
  std::uint32_t replay_from = 0;
  /// All files are encrypted, with keys of the key file.
  bool encrypted = false;
  /// Keys that had a value at the checkpoint.
  std::uint64_t checkpoint_keys = 0;
  std::vector<ManifestFile> files;        // segments, by id
  std::vector<ManifestRun> runs;          // by id
  ManifestHistory history;                // zeros where nothing past is kept
  std::vector<ManifestRun> history_runs;  // of past revisions, by id; none then
  friend bool operator==(const Manifest&, const Manifest&) = default;

  ManifestFile* find(std::uint32_t id);
  ManifestRun* find_run(std::uint32_t id);
  /// Whether a file of this id belongs to the store, a segment or a run.
  bool names(std::uint32_t id) const;
  /// Keep `files` and runs in the order of their ids.
  void add(const ManifestFile& file);
  void add_run(const ManifestRun& run);
  void add_history_run(const ManifestRun& run);
  /// Removes the segment or run of this id, if there is one.
  void remove(std::uint32_t id);
  /// The runs in the order in which they decide: from the highest layer to the lowest.
  std::vector<ManifestRun> runs_newest_first() const;
  std::vector<ManifestRun> history_runs_newest_first() const;
};

/// What decode_manifest would refuse is a bug here, and stops the process before it is written.
Bytes encode_manifest(const Manifest& manifest);
/// Errors: corruption, unsupported
Result<Manifest> decode_manifest(BytesView bytes);

/// Errors: not_found, corruption, unsupported, io_error
Result<Manifest> read_manifest(FileSystem& file_system, const std::string& directory);
/// Replaces the manifest. After an error the old one or the new one is in place.
Status write_manifest(FileSystem& file_system, const std::string& directory,
                      const Manifest& manifest);

/// The manifest of an open store. Log and extent writers change it from different threads.
///
/// Threads: safe. The lock is held while the file is written: changes are rare (one for each
/// segment) and must reach the disk in the order in which they were made.
class ManifestKeeper {
 public:
  ManifestKeeper(FileSystem& file_system, std::string directory, Manifest manifest);

  using Change = std::function<void(Manifest&)>;
  /// Applies `change` and writes the result. On error the change is not kept in memory; which one
  /// is on disk is unknown until the next success.
  Status commit(const Change& change);
  /// Applies `change` in memory; the next commit writes it along. For what must be remembered
  /// even if the disk refuses it now: ids that were used, segments that must not grow.
  void amend(const Change& change);
  /// A file id that was never used, and is used up from now on, whatever becomes of its file: one
  /// of that name may be left behind.
  /// Errors: exhausted   all ids are used
  Result<std::uint32_t> take_file_id();
  Manifest snapshot() const;

 private:
  FileSystem& file_system_;
  const std::string directory_;
  mutable Mutex mutex_;
  Manifest manifest_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
