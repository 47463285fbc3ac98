// Making a backup of an open store, and a store of a backup; for Engine::backup and
// talea/backup.h, on a world of the caller's choice.
#pragma once

#include <memory>
#include <string>

#include "engine/seams.h"
#include "manifest/manifest.h"
#include "talea/backup.h"

namespace talea {

/// What a backup is made of: a manifest whose files stay for as long as this lives.
struct HeldFiles {
  /// Without open segments.
  Manifest manifest;
  /// The first batch behind which its log can be cut.
  Sequence first_sequence = 0;
  /// The key file of a store that is encrypted: as of these files.
  Bytes keys;
  std::shared_ptr<const void> hold;
};

/// Errors: invalid_argument   `target` has backups of another store
///         and those of the target, and of reading the files
Result<BackupInfo> make_backup(const Seams& seams, const std::string& directory,
                               const HeldFiles& held, BackupTarget& target,
                               const BackupProgress& progress);

/// As restore_backup().
Result<BackupInfo> restore_backup(const Seams& seams, BackupTarget& target, const std::string& path,
                                  const RestoreOptions& options);

/// As open_backup_directory(); `file_system` must outlive it.
Result<std::unique_ptr<BackupTarget>> open_backup_directory(FileSystem& file_system,
                                                            const std::string& path);

}  // namespace talea
