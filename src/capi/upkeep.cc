// What keeps a store well, and what tells how it is: compaction, statistics, hashes and streams of
// its state, backups, verification.
#include "capi/boundary.h"
#include "capi/handles.h"

namespace {

using talea::BytesView;
using talea::Engine;
using talea::Result;
using talea::Status;
using talea::capi::fill;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::required;
using talea::capi::required_callback;
using talea::capi::set_if_wanted;

talea::Options options_of(const talea_options* options) {
  return options == nullptr ? talea::Options{} : options->options;
}

Status stopped(int code) {
  return Status::cancelled("the callback ended the call, with " + std::to_string(code));
}

talea::StateSink sink_of(talea_sink sink, void* user) {
  return [sink, user](BytesView bytes) -> Status {
    try {
      const int code = sink(user, bytes.data(), bytes.size());
      return code == 0 ? Status() : stopped(code);
    } catch (...) {
      return talea::capi::callback_threw();
    }
  };
}

talea::StateSource source_of(talea_source source, void* user) {
  return [source, user](char* out, std::size_t room) -> Result<std::size_t> {
    try {
      std::size_t count = 0;
      const int code = source(user, out, room, &count);
      if (code != 0) return stopped(code);
      if (count <= room) return count;
      return Status::invalid_argument("the callback says that it gave " + std::to_string(count) +
                                      " bytes; there was room for " + std::to_string(room));
    } catch (...) {
      return talea::capi::callback_threw();
    }
  };
}

void give(const talea::StateHash& hash, unsigned char* out) {
  static_assert(sizeof(hash) == TALEA_STATE_HASH_BYTES);
  if (out != nullptr) std::memcpy(out, hash.data(), hash.size());
}

// Before the work, so that a bad size is refused while nothing has happened.
template <typename T>
Status check_optional(const T* report, const char* name) {
  if (report == nullptr) return {};
  return talea::capi::check_size(report->size, talea::capi::kFirstBytes<T>, name);
}

Status give(const talea::BackupInfo& made, talea_backup_info* out) {
  if (out == nullptr) return {};
  return fill(out,
              {.size = 0,
               .last_sequence = made.last_sequence,
               .first_sequence = made.first_sequence,
               .time_ms = made.time_ms,
               .files = made.files,
               .bytes = made.bytes,
               .files_copied = made.files_copied,
               .bytes_copied = made.bytes_copied},
              "info");
}

void tell(talea_finding finding, void* user, const talea::Finding& found) {
  try {
    finding(user, found.file.c_str(), found.offset, found.problem.c_str());
  } catch (...) {  // NOLINT(bugprone-empty-catch): talea.h says that it is dropped
  }
}

void tell(talea_lost_key lost_key, void* user, BytesView key) {
  try {
    lost_key(user, key.data(), key.size());
  } catch (...) {  // NOLINT(bugprone-empty-catch): talea.h says that it is dropped
  }
}

talea_stats_report report_of(const talea::Stats& stats) {
  const talea::LatencyHistogram& commits = stats.commit_latency;
  const talea::LatencyHistogram& gets = stats.get_latency;
  return {.size = 0,
          .puts = stats.puts,
          .removes = stats.removes,
          .gets = stats.gets,
          .gets_found = stats.gets_found,
          .scans = stats.scans,
          .rows_scanned = stats.rows_scanned,
          .batches_committed = stats.batches_committed,
          .batches_rejected = stats.batches_rejected,
          .batches_unknown = stats.batches_unknown,
          .conflicts = stats.conflicts,
          .log_bytes_written = stats.log_bytes_written,
          .extent_bytes_written = stats.extent_bytes_written,
          .groups_written = stats.groups_written,
          .syncs = stats.syncs,
          .segments_created = stats.segments_created,
          .segments_abandoned = stats.segments_abandoned,
          .checkpoints = stats.checkpoints,
          .compacted_bytes_written = stats.compacted_bytes_written,
          .run_bytes_written = stats.run_bytes_written,
          .commits_timed = commits.count,
          .commit_median_ns = commits.quantile_ns(0.5),
          .commit_p99_ns = commits.quantile_ns(0.99),
          .commit_max_ns = commits.max_ns,
          .gets_timed = gets.count,
          .get_median_ns = gets.quantile_ns(0.5),
          .get_p99_ns = gets.quantile_ns(0.99),
          .get_max_ns = gets.max_ns,
          .keys_expired = stats.keys_expired,
          .values_compressed = stats.values_compressed,
          .bytes_before_compression = stats.bytes_before_compression,
          .bytes_after_compression = stats.bytes_after_compression,
          .keys = stats.keys,
          .live_bytes = stats.live_bytes,
          .disk_bytes = stats.disk_bytes,
          .segments = stats.segments,
          .index_bytes = stats.index_bytes,
          .last_sequence = stats.last_sequence,
          .durable_sequence = stats.durable_sequence,
          .revisions = stats.revisions,
          .history_bytes = stats.history_bytes,
          .data_key = stats.data_key,
          .data_keys = stats.data_keys,
          .old_key_bytes = stats.old_key_bytes};
}

int keep(talea_engine* engine, Status (Engine::*verb)(), talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    return ((*engine->engine).*verb)();
  });
}

}  // namespace

int talea_sync(talea_engine* engine, talea_error** error) {
  return keep(engine, &Engine::sync, error);
}

int talea_compact(talea_engine* engine, talea_error** error) {
  return keep(engine, &Engine::compact, error);
}

int talea_checkpoint(talea_engine* engine, talea_error** error) {
  return keep(engine, &Engine::checkpoint, error);
}

int talea_stats(const talea_engine* engine, talea_stats_report* report, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {report, "report"}}));
    return fill(report, report_of(engine->engine->stats()), "report");
  });
}

int talea_state_hash(talea_engine* engine, unsigned char* hash, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {hash, "hash"}}));
    give(TALEA_TRY(engine->engine->state_hash()), hash);
    return {};
  });
}

int talea_write_state(talea_engine* engine, talea_sink sink, void* user, unsigned char* hash,
                      talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    TALEA_TRY(required_callback(sink != nullptr, "sink"));
    give(TALEA_TRY(engine->engine->write_snapshot(sink_of(sink, user))), hash);
    return {};
  });
}

int talea_restore_state(const char* path, talea_source source, void* user,
                        const talea_options* options, unsigned char* hash, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{path, "path"}}));
    TALEA_TRY(required_callback(source != nullptr, "source"));
    give(TALEA_TRY(Engine::restore(path, source_of(source, user), options_of(options))), hash);
    return {};
  });
}

int talea_backup(talea_engine* engine, const char* directory, talea_backup_info* info,
                 talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {directory, "directory"}}));
    TALEA_TRY(check_optional(info, "info"));
    const std::unique_ptr<talea::BackupTarget> target =
        TALEA_TRY(talea::open_backup_directory(directory));
    return give(TALEA_TRY(engine->engine->backup(*target)), info);
  });
}

int talea_restore_backup(const char* directory, const char* path, uint64_t at_sequence,
                         talea_backup_info* info, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{directory, "directory"}, {path, "path"}}));
    TALEA_TRY(check_optional(info, "info"));
    const std::unique_ptr<talea::BackupTarget> target =
        TALEA_TRY(talea::open_backup_directory(directory));
    return give(TALEA_TRY(talea::restore_backup(*target, path,
                                                {.at_sequence = at_sequence, .progress = {}})),
                info);
  });
}

int talea_verify_backups(const char* directory, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{directory, "directory"}}));
    const std::unique_ptr<talea::BackupTarget> target =
        TALEA_TRY(talea::open_backup_directory(directory));
    return talea::verify_backups(*target);
  });
}

int talea_prune_backups(const char* directory, uint64_t kept, uint64_t* removed,
                        talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{directory, "directory"}}));
    const std::unique_ptr<talea::BackupTarget> target =
        TALEA_TRY(talea::open_backup_directory(directory));
    set_if_wanted(removed, TALEA_TRY(talea::prune_backups(*target, kept)));
    return {};
  });
}

int talea_verify(const char* path, const talea_options* options, talea_verify_report* report,
                 talea_finding finding, void* user, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{path, "path"}, {report, "report"}}));
    TALEA_TRY(check_optional(report, "report"));
    const talea::VerifyReport found =
        TALEA_TRY(talea::verify_store(path, {}, options_of(options).encryption));
    if (finding != nullptr) {
      for (const talea::Finding& one : found.findings) tell(finding, user, one);
    }
    return fill(report,
                {.size = 0,
                 .files = found.files,
                 .bytes = found.bytes,
                 .batches = found.batches,
                 .entries = found.entries,
                 .chunks = found.chunks,
                 .keys = found.keys,
                 .torn_tail_bytes = found.torn_tail_bytes,
                 .findings = found.findings.size(),
                 .revisions = found.revisions},
                "report");
  });
}

int talea_repair(const char* path, const char* new_path, const talea_options* options,
                 talea_repair_report* report, talea_lost_key lost_key, void* user,
                 talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{path, "path"}, {new_path, "new_path"}}));
    TALEA_TRY(check_optional(report, "report"));
    const talea::RepairReport made =
        TALEA_TRY(talea::repair_store(path, new_path, options_of(options)));
    if (lost_key != nullptr) {
      for (const talea::Bytes& key : made.lost_keys) tell(lost_key, user, key);
    }
    if (report == nullptr) return {};
    talea_repair_report given{.size = 0,
                              .keys_kept = made.keys_kept,
                              .keys_lost = made.keys_lost,
                              .batches_lost = made.lost_batches.size(),
                              .findings = made.found.findings.size(),
                              .is_by_search = made.is_by_search ? 1U : 0U,
                              .state_hash = {},
                              .is_history_lost = made.is_history_lost ? 1U : 0U};
    give(made.state_hash, given.state_hash);
    return fill(report, given, "report");
  });
}
