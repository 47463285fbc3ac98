#include "cli/backup_target.h"

#include "cli/context.h"
#include "home/store_url.h"

namespace talea::cli {

Result<std::unique_ptr<BackupTarget>> open_backup_target(Context& context,
                                                         const std::string& name) {
  if (!name.starts_with("s3:")) {
    const Result<std::string> directory = store_directory(name);
    if (directory.ok()) return open_backup_directory(*directory);
    return Status::invalid_argument(
        "backups are kept in a directory, as ./backups or file:PATH, or in a bucket, "
        "s3://BUCKET/PREFIX");
  }
  S3Options at = TALEA_TRY(parse_s3_url(name));
  if (!at.prefix.empty() && !at.prefix.ends_with('/')) at.prefix += '/';
  context.count_requests(at);
  return open_backup_s3(at);
}

}  // namespace talea::cli
