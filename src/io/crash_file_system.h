// CrashFileSystem: a disk in memory that loses power, fails and fills up when a test says so.
//
// It implements docs/crash-model.md; a clause of that page is cited as (clause 8). A test runs its
// workload once, lets the power fail during a chosen call, and then opens what is left:
//
//     CrashFileSystem disk;
//     disk.fail_at(call, CrashFileSystem::Fault::crash);
//     run_workload(disk);                            // ends in io_error
//     for (seed ...) {
//       std::unique_ptr<CrashFileSystem> after = disk.clone();
//       after->power_cut(seed);                      // one lawful state of the disk
//       check_that_it_recovers(*after);              // which may crash again
//     }
//
// Paths are absolute or relative to the root, which is the same; ".." is not understood.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/crash_content.h"
#include "io/file_system.h"

namespace talea {

/// Threads: safe. Cost of a power cut and of sync_data: what is dirty, and the comparison of what
/// is mapped for writing; of a clone: one pointer for each page.
class CrashFileSystem final : public FileSystem {
 public:
  /// What happens to a call; see fail_at().
  enum class Fault {
    /// Fails with io_error. A pwrite has written half; a sync_data drops the dirty pages.
    io_error,
    /// Fails with exhausted. A pwrite has written half; a sync_data drops the dirty pages.
    disk_full,
    /// Fails with denied, as on a mount that became read-only.
    read_only,
    /// The first sync_data from this call on fails and drops the dirty pages (clause 15).
    sync_fails,
    /// The power fails during the call (clause 13): it and every later one fails with io_error
    /// until power_cut() is called.
    crash,
  };

  /// How often each call was made, since construction or reset_calls(); failed ones included.
  struct Calls {
    std::uint64_t opens = 0;
    std::uint64_t preads = 0;
    std::uint64_t pwrites = 0;
    std::uint64_t allocates = 0;
    std::uint64_t truncates = 0;
    std::uint64_t maps = 0;
    std::uint64_t syncs = 0;
    std::uint64_t directory_syncs = 0;
    std::uint64_t directories_made = 0;
    std::uint64_t lists = 0;
    std::uint64_t renames = 0;
    std::uint64_t removes = 0;
    std::uint64_t locks = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
  };

  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

  CrashFileSystem();
  ~CrashFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::string> absolute(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status create_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, LockKind kind,
                                         const std::string& owner) override;

  // Crashes. Each ends every open file, mapping and lock: a dead handle fails with io_error, the
  // memory of a dead mapping stays readable and is no longer part of the file. The file system
  // itself works again afterwards. Planned faults, the capacity and read-only are kept.

  /// Becomes one of the states in which a power cut may leave the disk; the same for one seed.
  void power_cut(std::uint64_t seed);
  /// Only what was synced is left.
  void power_cut_losing_everything_unsynced();
  /// All is left, except what a failed sync dropped.
  void power_cut_keeping_everything();
  /// The process dies, the machine does not (clause 18).
  void kill_process();

  /// Another disk in the same state, cached and durable, on which nothing is open or locked and
  /// no fault is planned. A crashed disk makes a crashed clone.
  std::unique_ptr<CrashFileSystem> clone() const;

  // Faults.

  /// Plans `fault` for the `call`-th counted call from now on; 1 is the next one. Counted are the
  /// calls that change or sync something: open when it makes or cuts a file, create_directory,
  /// rename, remove, sync_directory, an exclusive lock, pwrite, allocate, truncate, sync_data.
  void fail_at(std::uint64_t call, Fault fault);
  void clear_faults();
  /// How many planned faults have happened.
  std::uint64_t faults_fired() const;
  /// Every other call is counted as well, and may fail.
  void count_reads(bool count);
  /// Counted calls so far; a workload without faults tells what range fail_at() has.
  std::uint64_t counted_calls() const;
  /// True from a crash fault to the next power cut.
  bool crashed() const;
  /// The bytes that all files together may have, in whole pages.
  void set_capacity(std::uint64_t bytes);
  void set_read_only(bool read_only);
  /// Calls `audit` for every pwrite, with what of it is written; also of the clones from now on.
  /// It must not call back.
  using WriteAudit =
      std::function<void(const std::string& path, std::uint64_t offset, BytesView data)>;
  void audit_writes(WriteAudit audit);

  Calls calls() const;
  void reset_calls();

  // Direct access for tests: not counted, never failing by plan, also on a crashed disk.

  /// The cached content.
  Result<Bytes> read_file(const std::string& path) const;
  /// Replaces the content, or makes the file and the directories on the way; all of it durable.
  Status write_file(const std::string& path, BytesView content);
  /// Turns bit 0 to 7 of the byte at `offset`, in the cache and on the disk. The dirty changes of
  /// that page become durable.
  Status flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);

 private:
  friend class CrashFile;
  friend class CrashMapping;
  friend class CrashFileLock;
  struct Node;
  class Disk;

  explicit CrashFileSystem(std::shared_ptr<Disk> disk);
  void cut(PowerCut::Kind kind, std::uint64_t seed);

  // Shared with handles, which may outlive the file system.
  std::shared_ptr<Disk> disk_;
};

}  // namespace talea
