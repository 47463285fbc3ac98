// Backups of a store, to a directory or any other place that keeps named objects.
//
//     std::unique_ptr<BackupTarget> target = TALEA_TRY(open_backup_directory("/mnt/backups/data"));
//     // or: open_backup_s3({.bucket = "backups", .prefix = "data/"})
//     BackupInfo made = TALEA_TRY(engine.backup(*target));       // while writers go on
//     ...
//     TALEA_TRY(restore_backup(*target, "./data"));              // into a new directory
//
// Backups of one store share a target. Each is complete by itself, and costs what changed since the
// one before. Format: docs/formats/backup.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "talea/batch.h"
#include "talea/result.h"
#include "talea/s3.h"
#include "talea/state.h"

namespace talea {

/// Keeps named objects. Names are those of files: letters, digits, '-' and '.'.
///
/// Threads: used by one at a time.
class BackupTarget {
 public:
  virtual ~BackupTarget() = default;
  /// All names, sorted. Errors: not_found   there is no such place yet
  virtual Result<std::vector<std::string>> list() = 0;
  /// Makes or replaces an object. When it returns ok the object is whole and durable; else it is as
  /// it was before.
  virtual Status write(const std::string& name, const StateSource& source) = 0;
  /// Gives the content of an object to `sink`, piece by piece.
  /// Errors: not_found, and those of `sink`
  virtual Status read(const std::string& name, const StateSink& sink) = 0;
  /// Errors: not_found
  virtual Status remove(const std::string& name) = 0;
};

/// Objects as files of a directory, which the first write() makes when it is absent; its parent
/// must exist. One that holds a store is refused then.
Result<std::unique_ptr<BackupTarget>> open_backup_directory(const std::string& path);

/// Objects in a bucket, under S3Options::prefix, which has a slash at its end where you give one;
/// one that begins so and has another slash further on is not looked at. The bucket has to be
/// there; a prefix that has nothing yet is a place without backups.
///
/// Cost: no request. What is written and read goes through memory of some 32 MiB.
/// Errors: invalid_argument   an option that cannot be
Result<std::unique_ptr<BackupTarget>> open_backup_s3(const S3Options& at);

struct BackupInfo {
  /// The backup is the store after this batch,
  Sequence last_sequence = 0;
  /// and can be restored to any batch from this one on.
  Sequence first_sequence = 0;
  std::uint64_t time_ms = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  // Of one that was just made: what had to be copied.
  std::uint64_t files_copied = 0;
  std::uint64_t bytes_copied = 0;
  // Of a list: why it cannot be restored, if its object is damaged; of what is above, only
  // last_sequence is known then.
  std::string problem = {};
};

/// Called now and then with the bytes that are done and those that there are in all.
using BackupProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The backups in `target`, oldest first, those included whose object is damaged: they harm no
/// other, nor the making of the next.
/// Errors: not_found   there is no such place; unsupported, and those of the target
Result<std::vector<BackupInfo>> list_backups(BackupTarget& target);

struct RestoreOptions {
  /// The store as it was after this batch; 0: at the end of the newest backup.
  Sequence at_sequence = 0;
  BackupProgress progress = {};
};
/// Makes a store in directory `path`, which is absent or empty, and returns which backup it is of.
/// There is no store before all of it was verified.
///
/// Errors: not_found         `target` has no backup, or none that can be restored to that sequence;
///                           the message says which it has
///         corruption        the backup is damaged: with the name of the file. No store was made
///         invalid_argument  the directory holds something: it is never overwritten
///         unsupported, unavailable, exhausted, denied, io_error, and those of the target
Result<BackupInfo> restore_backup(BackupTarget& target, const std::string& path,
                                  const RestoreOptions& options = {});

/// Reads all that the backups in `target` refer to, and compares it.
/// Errors: corruption   with the name of the first file that is not what it was
Status verify_backups(BackupTarget& target, const BackupProgress& progress = {});

/// Removes all backups but the newest `kept`, 1 or more, and the files that no other needs; of
/// those that are damaged, the ones that are older than these, and they do not count. Returns how
/// many objects that were. Stopped in between it can be called again: a backup loses its object
/// before its files. A backup may be made meanwhile: what it needs stays, and what interrupted ones
/// left goes when a later one is there.
Result<std::uint64_t> prune_backups(BackupTarget& target, std::uint64_t kept);

}  // namespace talea
