#include "engine/backup.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/backup_object.h"
#include "engine/new_store.h"
#include "index/run_file.h"
#include "log/segment_scanner.h"

namespace talea {

namespace {

// An object is not larger: some 120 000 files.
constexpr std::size_t kObjectBytesMax = 16 * kMiB;

StateSource source_of(BytesView bytes) {
  return [bytes](char* out, std::size_t wanted) mutable -> Result<std::size_t> {
    const std::size_t count = bytes.copy(out, wanted);
    bytes.remove_prefix(count);
    return count;
  };
}

Result<Bytes> read_object(BackupTarget& target, const std::string& name) {
  Bytes bytes;
  TALEA_TRY(target.read(name, [&](BytesView piece) -> Status {
    if (bytes.size() + piece.size() > kObjectBytesMax) {
      return Status::corruption(name + " is too long for a backup");
    }
    bytes += piece;
    return {};
  }));
  return bytes;
}

Result<BackupObject> read_backup(BackupTarget& target, const std::string& name) {
  auto decoded = decode_backup(TALEA_TRY(read_object(target, name)));
  if (!decoded.ok()) return std::move(decoded).status().with_context(name);
  if (decoded->name() != name) {
    return Status::corruption(name + " is " + decoded->name() + " under another name");
  }
  return decoded;
}

// Both oldest first.
struct Backups {
  std::vector<BackupObject> intact;
  struct Damaged {
    std::string name;
    Sequence last_sequence = 0;  // as its name says
    Status problem;
  };
  std::vector<Damaged> damaged;
};

bool is_in(const std::vector<std::string>& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), name);
}

// Of those among `names`, which are sorted. One that is damaged spoils no other.
Result<Backups> read_backups(BackupTarget& target, const std::vector<std::string>& names) {
  Backups backups;
  for (const std::string& name : names) {
    const std::optional<Sequence> last_sequence = parse_backup_name(name);
    if (!last_sequence) continue;
    Result<BackupObject> backup = read_backup(target, name);
    if (backup.ok()) {
      backups.intact.push_back(*std::move(backup));
    } else if (backup.status().code() == Code::corruption) {
      backups.damaged.push_back({name, *last_sequence, std::move(backup).status()});
    } else if (backup.status().code() != Code::not_found || is_in(TALEA_TRY(target.list()), name)) {
      return std::move(backup).status();
    }  // else it was pruned since
  }
  return backups;
}

Result<Backups> read_backups(BackupTarget& target) {
  return read_backups(target, TALEA_TRY(target.list()));
}

BackupInfo info_of(const BackupObject& backup) {
  return {.last_sequence = backup.last_sequence,
          .first_sequence = backup.first_sequence,
          .time_ms = backup.time_ms,
          .files = backup.files.size(),
          .bytes = backup.bytes()};
}

// Counts what is done, for whoever watches.
class Meter {
 public:
  Meter(const BackupProgress& progress, std::uint64_t total) : progress_(progress), total_(total) {}
  void add(std::uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(done_, total_);
  }

 private:
  const BackupProgress& progress_;
  const std::uint64_t total_;
  std::uint64_t done_ = 0;
};

// --- Making one ----------------------------------------------------------------------------------

class BackupMaker {
 public:
  BackupMaker(const Seams& seams, const std::string& directory, BackupTarget& target)
      : seams_(seams), directory_(directory), target_(target) {}

  Result<BackupInfo> make(const HeldFiles& held, const BackupProgress& progress) {
    const Manifest& manifest = held.manifest;
    TALEA_TRY(read_earlier(manifest));
    backup_.store_id = manifest.store_id;
    backup_.manifest = manifest;
    backup_.keys = held.keys;
    backup_.last_sequence = manifest.last_sequence;
    backup_.first_sequence = held.first_sequence;
    backup_.time_ms = seams_.clock.wall_ms();
    list_files();
    // Whatever is refused is refused before anything changes.
    std::vector<BackupFile*> to_copy;
    for (BackupFile& file : backup_.files) {
      if (!TALEA_TRY(is_there(file))) to_copy.push_back(&file);
    }
    const std::string begun = begun_backup_name(backup_.last_sequence);
    if (!to_copy.empty()) TALEA_TRY(target_.write(begun, source_of({})));
    std::uint64_t bytes_copied = 0;
    for (const BackupFile* const file : to_copy) bytes_copied += file->bytes;
    Meter meter(progress, backup_.bytes());
    meter.add(backup_.bytes() - bytes_copied);
    for (BackupFile* const file : to_copy) {
      TALEA_TRY(copy(*file).with_context("back up " + file->name()));
      meter.add(file->bytes);
    }
    const Bytes object = encode_backup(backup_);
    if (object.size() > kObjectBytesMax) {
      return Status::exhausted("the store has too many files for a backup: " +
                               std::to_string(backup_.files.size()));
    }
    // Who prunes with an older view of the place may have taken away what nobody named yet, or what
    // came back under the name of a leftover.
    TALEA_TRY(copy_missing());
    TALEA_TRY(target_.write(backup_.name(), source_of(object)));
    TALEA_TRY(copy_missing());
    // The backup is there. What says that it was begun does no harm, and the next prune removes it.
    if (!to_copy.empty()) (void)target_.remove(begun).ok();
    BackupInfo info = info_of(backup_);
    info.files_copied = to_copy.size();
    info.bytes_copied = bytes_copied;
    return info;
  }

 private:
  Status read_earlier(const Manifest& manifest) {
    Result<std::vector<std::string>> names = target_.list();
    if (names.status().code() == Code::not_found) return {};  // the first one makes the place
    names_ = TALEA_TRY(std::move(names));
    earlier_ = TALEA_TRY(read_backups(target_, names_)).intact;
    for (const BackupObject& backup : earlier_) {
      if (backup.store_id != manifest.store_id) return of_another_store(backup.name());
    }
    if (earlier_.empty() || earlier_.back().last_sequence <= manifest.last_sequence) return {};
    return goes_another_way(earlier_.back().last_sequence);
  }

  static Status goes_another_way(Sequence there) {
    return Status::invalid_argument(
        "the backup of sequence " + std::to_string(there) +
        " that is there is not of what this store was: it was restored from an older one, and goes "
        "another way. Give it a place of its own");
  }

  static Status of_another_store(const std::string& name) {
    return Status::invalid_argument("the place for the backup has one of another store, " + name +
                                    ". Give each store a place of its own; nothing was changed");
  }

  void list_files() {
    for (const ManifestFile& file : backup_.manifest.files) {
      backup_.files.push_back(
          {.id = file.id, .kind = static_cast<std::uint8_t>(file.kind), .bytes = file.bytes});
    }
    for (const auto* runs : {&backup_.manifest.runs, &backup_.manifest.history_runs}) {
      for (const ManifestRun& run : *runs) {
        backup_.files.push_back({.id = run.id, .kind = kBackupRunKind, .bytes = run.bytes});
      }
    }
    std::sort(backup_.files.begin(), backup_.files.end(),
              [](const BackupFile& left, const BackupFile& right) { return left.id < right.id; });
  }

  Result<std::unique_ptr<File>> open(const BackupFile& file) {
    return seams_.file_system.open(join_path(directory_, file.name()), OpenMode::read);
  }

  // Whether an earlier backup has the file; then its digest is known. One that has it and lost it,
  // whatever took it away, gets it again.
  Result<bool> is_there(BackupFile& file) {
    Bytes header;
    const std::unique_ptr<File> opened = TALEA_TRY(open(file));
    TALEA_TRY(read_exactly(*opened, 0, kFileHeaderBytes, header).with_context(file.name()));
    file.salt = salt_of_header(header);
    for (const BackupObject& backup : earlier_) {
      const BackupFile* const known = backup.find(file.id);
      if (known == nullptr) continue;
      if (known->salt != file.salt || known->kind != file.kind) {
        return of_another_store(backup.name());
      }
      // A file never changes: one of another length was cut by a restore to an earlier batch.
      if (known->bytes != file.bytes) return goes_another_way(backup.last_sequence);
      file.digest = known->digest;
      return is_in(names_, file.name());
    }
    return false;
  }

  // After all were copied: those that are gone.
  Status copy_missing() {
    if (backup_.files.empty()) return {};  // of the first one, which is about to make the place
    const std::vector<std::string> names = TALEA_TRY(target_.list());
    for (BackupFile& file : backup_.files) {
      if (!is_in(names, file.name())) {
        TALEA_TRY(copy(file).with_context("back up " + file.name() + " again"));
      }
    }
    return {};
  }

  Status copy(BackupFile& file) {
    const std::unique_ptr<File> opened = TALEA_TRY(open(file));
    Sha256 hash;
    std::uint64_t offset = 0;
    TALEA_TRY(target_.write(file.name(), [&](char* out, std::size_t wanted) -> Result<std::size_t> {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(wanted, file.bytes - offset));
      if (count == 0) return count;
      const std::size_t got = TALEA_TRY(opened->pread(offset, out, count));
      if (got == 0) {
        return Status::corruption("it ends at " + std::to_string(offset) + " of " +
                                  std::to_string(file.bytes) + " bytes");
      }
      hash.update({out, got});
      offset += got;
      return got;
    }));
    const Sha256Digest digest = hash.finish();
    if (file.digest != Sha256Digest{} && file.digest != digest) {
      return Status::corruption(
          "it is not what it was when it was backed up before: verify the "
          "store");
    }
    file.digest = digest;
    return {};
  }

  const Seams seams_;
  const std::string directory_;
  BackupTarget& target_;
  std::vector<std::string> names_;  // of what was there before
  std::vector<BackupObject> earlier_;
  BackupObject backup_;
};

// --- Restoring -----------------------------------------------------------------------------------

// Reads a file of a backup, hands what belongs to it to `sink`, and compares its digest.
Status read_file(BackupTarget& target, const BackupFile& file, const StateSink& sink) {
  Sha256 hash;
  std::uint64_t left = file.bytes;
  Status read = target.read(file.name(), [&](BytesView piece) -> Status {
    piece = piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
    hash.update(piece);
    left -= piece.size();
    return sink(piece);
  });
  if (read.code() == Code::not_found) {
    return Status::corruption(file.name() + " is missing from the backup");
  }
  TALEA_TRY(std::move(read).with_context(file.name()));
  if (left > 0) {
    return Status::corruption(file.name() + " is cut short in the backup: " + std::to_string(left) +
                              " bytes are missing");
  }
  if (hash.finish() != file.digest) {
    return Status::corruption(file.name() +
                              " is damaged in the backup: its SHA-256 does not match");
  }
  return {};
}

class Restorer {
 public:
  Restorer(const Seams& seams, const std::string& path, BackupTarget& target)
      : seams_(seams), path_(path), target_(target) {}

  Result<BackupInfo> restore(const RestoreOptions& options) {
    BackupObject backup = TALEA_TRY(choose(options.at_sequence));
    const std::unique_ptr<NewStore> store =
        TALEA_TRY(NewStore::begin(seams_, path_, "a restore of a backup"));
    if (options.at_sequence != 0) leave_out_behind(backup, options.at_sequence);
    Meter meter(options.progress, backup.bytes());
    for (const BackupFile& file : backup.files) TALEA_TRY(copy(*store, file, meter));
    if (options.at_sequence != 0) TALEA_TRY(cut_log(*store, backup, options.at_sequence));
    if (!backup.keys.empty()) {
      const std::unique_ptr<File> keys = TALEA_TRY(store->make_file(kKeyFileName));
      TALEA_TRY(keys->pwrite(0, backup.keys).with_context("write the key file"));
      TALEA_TRY(keys->sync_data().with_context("sync the key file"));
    }
    ++backup.manifest.generation;
    TALEA_TRY(store->commit(backup.manifest));
    return info_of(backup);
  }

 private:
  Result<BackupObject> choose(Sequence at) {
    std::vector<std::string> names = TALEA_TRY(target_.list());
    std::erase_if(names, [](const std::string& name) { return !parse_backup_name(name); });
    if (names.empty()) return Status::not_found("there is no backup there");
    std::string ranges;
    // Newest first, and no more than needed: one that is damaged spoils no other.
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      if (at > *parse_backup_name(*name)) break;
      Result<BackupObject> backup = read_backup(target_, *name);
      if (!backup.ok() && at == 0) return backup;
      if (!backup.ok()) {
        ranges += (ranges.empty() ? "" : ", ") + *name + ", which is damaged";
        continue;
      }
      if (at == 0 || backup->first_sequence <= at) return backup;
      ranges += (ranges.empty() ? "" : ", ") + std::to_string(backup->first_sequence) + " to " +
                std::to_string(backup->last_sequence);
    }
    if (ranges.empty()) ranges = "sequences before it alone, up to " + names.back();
    return Status::not_found("no backup can be restored to sequence " + std::to_string(at) +
                             "; there are those of " + ranges);
  }

  // The log segments in which all is younger.
  static void leave_out_behind(BackupObject& backup, Sequence at) {
    std::vector<std::uint32_t> younger;
    for (const ManifestFile& file : backup.manifest.files) {
      const bool is_replayed =
          file.kind == SegmentKind::log && file.id >= backup.manifest.replay_from;
      if (is_replayed && (file.entries == 0 || file.first_sequence > at)) {
        younger.push_back(file.id);
      }
    }
    for (const std::uint32_t id : younger) backup.manifest.remove(id);
    std::erase_if(backup.files, [&](const BackupFile& file) {
      return std::find(younger.begin(), younger.end(), file.id) != younger.end();
    });
    backup.manifest.last_sequence = backup.last_sequence = at;
    backup.first_sequence = std::min(backup.first_sequence, at);
  }

  Status copy(NewStore& store, const BackupFile& file, Meter& meter) {
    const std::unique_ptr<File> made = TALEA_TRY(store.make_file(file.name()));
    std::uint64_t offset = 0;
    TALEA_TRY(read_file(target_, file, [&](BytesView piece) -> Status {
      TALEA_TRY(made->pwrite(offset, piece).with_context("write " + file.name()));
      offset += piece.size();
      meter.add(piece.size());
      return {};
    }));
    return made->sync_data().with_context("sync " + file.name());
  }

  // In the last segment there may be younger batches behind `at`.
  Status cut_log(const NewStore& store, BackupObject& backup, Sequence at) {
    for (ManifestFile& file : backup.manifest.files) {
      const bool is_replayed =
          file.kind == SegmentKind::log && file.id >= backup.manifest.replay_from;
      if (!is_replayed || file.last_sequence <= at) continue;
      const auto segment =
          TALEA_TRY(Segment::open(seams_.file_system, store.path(), SegmentKind::log, file.id,
                                  backup.store_id, OpenMode::write));
      SegmentScanner scanner(*segment, file.bytes);
      RecordView record;
      file.entries = 0;
      file.last_sequence = 0;
      for (;;) {
        const std::uint64_t end = scanner.offset();
        const bool is_record = TALEA_TRY(scanner.next(record)) == SegmentScanner::Step::record;
        if (!is_record) return segment->corruption_at(end, "a batch of the backup is not there");
        if (record.sequence > at) {
          file.bytes = end;
          break;
        }
        file.entries += record.entries.size();
        file.last_sequence = record.sequence;
      }
      TALEA_TRY(segment->file().truncate(file.bytes));
      TALEA_TRY(segment->file().sync_data());
      if (BackupFile* const listed = const_cast<BackupFile*>(backup.find(file.id))) {
        listed->bytes = file.bytes;
      }
    }
    return {};
  }

  const Seams seams_;
  const std::string path_;
  BackupTarget& target_;
};

}  // namespace

Result<BackupInfo> make_backup(const Seams& seams, const std::string& directory,
                               const HeldFiles& held, BackupTarget& target,
                               const BackupProgress& progress) {
  return BackupMaker(seams, directory, target).make(held, progress);
}

Result<BackupInfo> restore_backup(const Seams& seams, BackupTarget& target, const std::string& path,
                                  const RestoreOptions& options) {
  return Restorer(seams, TALEA_TRY(seams.file_system.absolute(path)), target).restore(options);
}

Result<std::vector<BackupInfo>> list_backups(BackupTarget& target) {
  const Backups backups = TALEA_TRY(read_backups(target));
  std::vector<BackupInfo> infos;
  for (const BackupObject& backup : backups.intact) infos.push_back(info_of(backup));
  for (const Backups::Damaged& backup : backups.damaged) {
    infos.push_back(
        {.last_sequence = backup.last_sequence, .problem = std::string(backup.problem.message())});
  }
  std::sort(infos.begin(), infos.end(), [](const BackupInfo& left, const BackupInfo& right) {
    return left.last_sequence < right.last_sequence;
  });
  return infos;
}

Status verify_backups(BackupTarget& target, const BackupProgress& progress) {
  const Backups backups = TALEA_TRY(read_backups(target));
  // A file that grew is read once for each of its lengths.
  std::vector<const BackupFile*> files;
  std::set<std::pair<std::uint32_t, std::uint64_t>> seen;
  std::uint64_t total = 0;
  for (const BackupObject& backup : backups.intact) {
    for (const BackupFile& file : backup.files) {
      if (!seen.emplace(file.id, file.bytes).second) continue;
      files.push_back(&file);
      total += file.bytes;
    }
  }
  for (const BackupObject& backup : backups.intact) {
    if (backup.keys.empty()) continue;
    TALEA_TRY(check_key_file(backup.keys, backup.manifest.store_id)
                  .with_context("the key file of the backup of sequence " +
                                std::to_string(backup.last_sequence)));
  }
  Meter meter(progress, total);
  for (const BackupFile* const file : files) {
    TALEA_TRY(read_file(target, *file, [&](BytesView piece) -> Status {
      meter.add(piece.size());
      return {};
    }));
  }
  return backups.damaged.empty() ? Status() : backups.damaged.front().problem;
}

namespace {

// Whether files that no backup names may be those of one that is being made: it was begun and is
// not there (so was one that was interrupted, until the next one is there), or it came since
// `before`.
bool may_be_needed(const std::vector<std::string>& now, const std::vector<std::string>& before,
                   Sequence newest) {
  return std::any_of(now.begin(), now.end(), [&](const std::string& name) {
    if (parse_backup_name(name)) return !is_in(before, name);
    return parse_begun_backup_name(name).value_or(0) > newest;
  });
}

std::set<std::string> files_of(const std::vector<BackupObject>& backups) {
  std::set<std::string> files;
  for (const BackupObject& backup : backups) {
    for (const BackupFile& file : backup.files) files.insert(file.name());
  }
  return files;
}

}  // namespace

// The files of those that go can be removed whatever else happens: a file that the store has still
// is one of the newest backup too. Leftovers can be those of a backup that is being made.
Result<std::uint64_t> prune_backups(BackupTarget& target, std::uint64_t kept) {
  if (kept == 0) {
    return Status::invalid_argument("at least the newest backup is kept: give 1 or more");
  }
  const std::vector<std::string> names = TALEA_TRY(target.list());
  Backups backups = TALEA_TRY(read_backups(target, names));
  if (backups.intact.empty()) return std::uint64_t{0};
  std::vector<BackupObject>& intact = backups.intact;
  const Sequence newest = intact.back().last_sequence;
  const auto over =
      static_cast<std::ptrdiff_t>(intact.size() - std::min<std::size_t>(intact.size(), kept));
  const std::vector<BackupObject> old(intact.begin(), intact.begin() + over);
  intact.erase(intact.begin(), intact.begin() + over);
  std::vector<std::string> gone;
  gone.reserve(old.size() + backups.damaged.size());
  for (const BackupObject& backup : old) gone.push_back(backup.name());
  for (const Backups::Damaged& backup : backups.damaged) {
    if (backup.last_sequence < intact.front().last_sequence) gone.push_back(backup.name);
  }
  for (const std::string& name : gone) TALEA_TRY(target.remove(name));
  std::uint64_t removed = gone.size();

  const std::set<std::string> needed = files_of(intact);
  const std::set<std::string> of_old = files_of(old);
  const std::vector<std::string> names_now = TALEA_TRY(target.list());
  const bool spares_leftovers = may_be_needed(names_now, names, newest);
  for (const std::string& name : names_now) {
    const bool is_file = parse_segment_file_name(name) || parse_run_file_name(name);
    const bool is_leftover = is_file && is_in(names, name) && !spares_leftovers;
    const std::optional<Sequence> begun = parse_begun_backup_name(name);
    const bool goes = begun ? *begun <= newest : of_old.contains(name) || is_leftover;
    if (!goes || needed.contains(name)) continue;
    TALEA_TRY(target.remove(name));
    ++removed;
  }
  return removed;
}

}  // namespace talea
