// Where backups are, as it is named on the command line: a directory, or s3://BUCKET/PREFIX.
#pragma once

#include <memory>
#include <string>

#include "talea/backup.h"

namespace talea::cli {

class Context;

/// A prefix on S3 gets a slash at its end, as a directory has one. Its requests are counted for
/// --cost; `context` outlives the target.
/// Errors: invalid_argument   the name is neither
Result<std::unique_ptr<BackupTarget>> open_backup_target(Context& context, const std::string& name);

}  // namespace talea::cli
