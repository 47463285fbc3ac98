#include "engine/engine_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "codec/lz4_block.h"
#include "engine/expiry_hint.h"
#include "engine/value_io.h"
#include "io/map_guard.h"
#include "keys/master_key.h"
#include "log/segment_header.h"

namespace talea {

namespace {

// How often space is taken ahead of the log. At 1 GB/s it fills 2 MiB, the least that is there, in
// so long; where each write waits for the disk it takes ten times as long.
constexpr std::chrono::milliseconds kWorkAheadPeriod{2};
constexpr std::chrono::milliseconds kWorkAheadOfSyncsPeriod{20};

constexpr std::chrono::milliseconds kMaintenancePeriod{20};

// A batch that depends on what its keys have is made again when that changed meanwhile.
constexpr int kResolveTriesMax = 100;

// A removal that finds the disk full is tried again in the reserve. There it may still be rejected
// together with a put before it, one of those that were let in before the reserve was given up.
constexpr int kRemovalTriesMax = 64;

bool holds_large_value(const Batch& batch) {
  return std::any_of(batch.operations().begin(), batch.operations().end(),
                     [](const Batch::Operation& operation) {
                       return operation.kind == Batch::Operation::Kind::put &&
                              operation.value.size() > kInlineValueBytesMax;
                     });
}

bool puts_something(const Batch& batch) {
  return std::any_of(batch.operations().begin(), batch.operations().end(),
                     [](const Batch::Operation& operation) {
                       return operation.kind != Batch::Operation::Kind::remove;
                     });
}

bool depends_on_present(const Batch& batch) {
  return std::any_of(
      batch.operations().begin(), batch.operations().end(),
      [](const Batch::Operation& operation) { return talea::depends_on_present(operation); });
}

}  // namespace

Result<std::unique_ptr<EngineStore>> EngineStore::open(const Seams& seams, const std::string& path,
                                                       const Options& options,
                                                       const WriteBounds::Limits& bounds) {
  if (options.guard_maps) TALEA_TRY(MapGuard::install());
  // Segments are made later by name, perhaps after the process has changed its directory.
  const std::string directory = TALEA_TRY(seams.file_system.absolute(path));
  OpenedDirectory opened = TALEA_TRY(open_directory(seams, directory, options));
  std::unique_ptr<EngineStore> store(
      new EngineStore(seams, directory, options, bounds, std::move(opened)));
  TALEA_TRY(store->begin_background_work());
  return store;
}

EngineStore::EngineStore(const Seams& seams, const std::string& path, const Options& options,
                         const WriteBounds::Limits& bounds, OpenedDirectory opened)
    : seams_(with_keys(seams, opened.keys.get())),
      options_(options),
      instance_(seams_.random.next_u64() | 1),
      report_(opened.report),
      retention_(opened.manifest.history.retention),
      directory_(path),
      lock_(std::move(opened.lock)),
      keys_(std::move(opened.keys)),
      cache_(std::move(opened.cache)),
      live_(std::move(opened.live)),
      inline_(options.worker_threads > 0 ? nullptr
                                         : std::make_unique<InlineExecutor>(seams_.clock)),
      bounds_(seams_.clock, bounds),
      manifest_(seams_.file_system, path, opened.manifest),
      reserve_(seams_.file_system, seams_.clock, path, reserve_bytes_for(options.segment_bytes)),
      extents_({seams_, path, opened.manifest.store_id}, manifest_, *live_, metrics_),
      log_({.files = {.seams = seams_,
                      .directory = path,
                      .store_id = opened.manifest.store_id,
                      .cache = *cache_,
                      .segment_bytes = options.segment_bytes,
                      .sync = options.sync},
            .last_sequence = opened.replayed.last_sequence,
            .last_now = opened.replayed.last_now},
           manifest_, *live_, metrics_),
      sequencer_({.clock = seams_.clock,
                  .sync = options.sync,
                  .last_sequence = opened.replayed.last_sequence,
                  .last_now = opened.replayed.last_now},
                 log_, *live_),
      maintenance_({.seams = seams_,
                    .directory = path,
                    .store_id = opened.manifest.store_id,
                    .cache = *cache_,
                    .options = options,
                    .retention = opened.manifest.history.retention,
                    .is_lowered = opened.is_retention_lowered},
                   manifest_, *live_, sequencer_, reserve_, bounds_, metrics_),
      reaps_(options.reap_expired) {
  live_->set_published(opened.replayed.last_sequence);
  live_->watch_undo(bounds.undo_changes,
                    [this](bool is_full) { bounds_.reached(WriteBounds::Bound::undo, is_full); });
}

Status EngineStore::begin_background_work() {
  if (options_.read_only) return {};
  reserve_.resume();
  Executor& executor = inline_ != nullptr ? *inline_ : seams_.executor;
  maintaining_ = TALEA_TRY(executor.every(kMaintenancePeriod, [this] {
    if (reaps_.load(std::memory_order_relaxed)) reaper_.step();
    maintenance_.step();
  }));
  const auto period =
      options_.sync == SyncMode::always ? kWorkAheadOfSyncsPeriod : kWorkAheadPeriod;
  working_ahead_ = TALEA_TRY(executor.every(period, [this] { sequencer_.work_ahead(); }));
  if (options_.sync != SyncMode::interval) return {};
  // A failed sync breaks the log, and the next write reports it.
  syncing_ =
      TALEA_TRY(executor.every(options_.sync_interval, [this] { (void)sequencer_.sync().ok(); }));
  return {};
}

EngineStore::~EngineStore() { end_serving(); }

Status EngineStore::check_usable(bool for_writing) const {
  if (closed_.load()) return Status::invalid_argument("the engine is closed");
  if (for_writing && options_.read_only) {
    return Status::invalid_argument("the engine was opened for reading only");
  }
  return {};
}

// --- Writing -------------------------------------------------------------------------------------

Result<Sequence> EngineStore::put(Space space, BytesView key, BytesView value) {
  if (value.size() > kInlineValueBytesMax) {
    Batch batch;
    batch.put(key, value, space);
    return commit(batch, nullptr);
  }
  TALEA_TRY(check_key(key));
  if (present_expiry(*live_, space, key) != 0) {
    return commit(Batch().put(key, value, space), nullptr);  // which has a hint that is to go
  }
  Bytes block;
  EntrySource entry{.space = space, .key = key};
  entry.value = compress_value(value, options_.compress_from_bytes, block, entry.claims, metrics_);
  return write_one(entry);
}

Result<Sequence> EngineStore::remove(Space space, BytesView key) {
  TALEA_TRY(check_key(key));
  if (present_expiry(*live_, space, key) != 0) {
    return commit(Batch().remove(key, space), nullptr);
  }
  return write_one({.space = space, .key = key, .is_remove = true});
}

Result<Sequence> EngineStore::write_one(const EntrySource& entry) {
  TALEA_TRY(check_usable(true));
  if (!entry.is_remove) TALEA_TRY(check_may_put());
  if (!bounds_.is_open()) [[unlikely]]
    TALEA_TRY(wait_within_bounds(!entry.is_remove));
  const Timer timer(seams_.clock, metrics_.commit_latency, commits_before());
  live_->prefetch_bucket(entry.space, entry.key);  // it comes while the entry is encoded
  const EncodedBatch encoded = encode_batch({&entry, 1}, keys_ != nullptr);
  Sequencer::Request request;
  request.entries = {&entry, 1};
  request.encoded = &encoded;
  return commit_encoded(request, entry.is_remove ? 0 : 1, entry.is_remove ? 1 : 0);
}

Status EngineStore::check_may_put(const Batch& batch) {
  Status refused = check_may_put();
  if (refused.ok()) [[likely]]
    return refused;
  return puts_something(batch) ? refused : Status();
}

// --- How far writers may be ahead ----------------------------------------------------------------

Status EngineStore::wait_within_bounds(bool puts) {
  WriteBounds::Bounds bounds = WriteBounds::set_of(WriteBounds::Bound::undo);
  // A removal is how garbage gets less again.
  if (puts) bounds |= WriteBounds::set_of(WriteBounds::Bound::garbage);
  if (!bounds_.is_reached(bounds)) return {};
  bool is_open = false;
  if (sequencer_.serves_here()) {
    is_open = false;  // others wait for this thread
  } else if (inline_ != nullptr) {
    maintenance_.step();  // nobody else would do anything
    is_open = !bounds_.is_reached(bounds);
  } else {
    is_open = bounds_.wait_for(bounds, [this] { live_->collect(); });
  }
  if (is_open) return {};
  metrics_.batches_rejected.add();
  return bound_refusal();
}

Status EngineStore::bound_refusal() const {
  const Sequence oldest = live_->oldest_snapshot();
  const bool is_pinned = oldest != SnapshotRegistry::kNone;
  const std::string holder =
      is_pinned ? "The oldest snapshot or scan that is open is of sequence " +
                      std::to_string(oldest) + ", and the store is at " +
                      std::to_string(live_->published()) + ": end it, and try again"
                : std::string();
  if (bounds_.is_reached(WriteBounds::set_of(WriteBounds::Bound::undo))) {
    return Status::exhausted(
        std::to_string(live_->undo_changes()) +
        " overwrites and removals are kept for snapshots and scans that are open; the limit is " +
        std::to_string(bounds_.limits().undo_changes) + ". " +
        (is_pinned ? holder : "The last that needed them has just ended: try again"));
  }
  const Status failure = maintenance_.last_failure();
  std::string cause = "The background does not keep up: write less at a time, or call compact()";
  if (!failure.ok()) cause = "The background failed: " + std::string(failure.message());
  return Status::exhausted(
      "the log and data segments have " + std::to_string(maintenance_.garbage_bytes()) +
      " bytes of garbage beyond what Options::live_ratio allows; the limit is " +
      std::to_string(bounds_.limits().garbage_bytes) + ". " + (is_pinned ? holder : cause));
}

// What the batch changes is in the trees before it is published, and stays till then: publishing
// cannot fail any more.
Result<Sequence> EngineStore::commit_promoted(const Sequencer::Request& request) {
  if (!live_->may_be_incomplete()) [[likely]]
    return sequencer_.commit(request);
  ReadLock no_eviction(live_->eviction_mutex());
  for (const EntrySource& entry : request.entries) {
    TALEA_TRY(live_->promote(entry.space, entry.key));
  }
  return sequencer_.commit(request);
}

Result<Sequence> EngineStore::commit_encoded(const Sequencer::Request& request, std::uint64_t puts,
                                             std::uint64_t removes) {
  const std::uint64_t before = reserve_.times_given_up();
  auto committed = commit_promoted(request);
  for (int tries = 1; puts == 0 && committed.status().code() == Code::exhausted &&
                      tries < kRemovalTriesMax && reserve_.give_up(before);
       ++tries) {
    committed = commit_promoted(request);
  }
  count_outcome(committed);
  if (committed.ok() && *committed != 0) {
    metrics_.puts.add(puts);
    metrics_.removes.add(removes);
  }
  if (inline_ != nullptr) inline_->run_due();
  return committed;
}

// For the timer: where a commit waits for the disk, each is timed.
std::uint64_t EngineStore::commits_before() const {
  return options_.sync == SyncMode::always ? 0 : metrics_.batches_committed.value();
}

void EngineStore::count_outcome(const Result<Sequence>& committed) {
  if (committed.ok()) {
    if (*committed != 0) metrics_.batches_committed.add();  // 0: applied before
    return;
  }
  const Code code = committed.status().code();
  (code == Code::timed_out ? metrics_.batches_unknown : metrics_.batches_rejected).add();
  if (code == Code::conflict) metrics_.conflicts.add();
}

Result<Sequence> EngineStore::commit(const Batch& batch, FailedPrecondition* failed) {
  if (depends_on_present(batch)) return commit_resolved(batch, failed);
  return write(batch, std::nullopt, failed);
}

Result<bool> EngineStore::apply(Sequence sequence, const Batch& batch) {
  TALEA_TRY(check_applied(sequence, batch));
  reaps_.store(false);
  const Sequence applied = TALEA_TRY(write(batch, sequence, nullptr));
  return applied != 0;
}

Result<Sequence> EngineStore::write(const Batch& batch, std::optional<Sequence> sequence,
                                    FailedPrecondition* failed) {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_may_put(batch));
  if (!bounds_.is_open()) TALEA_TRY(wait_within_bounds(puts_something(batch)));
  TALEA_TRY(check_batch(batch));
  if (batch.operations().empty()) {
    auto checked = sequencer_.check(batch.preconditions(), failed);
    if (!checked.ok()) count_outcome(checked);
    return checked;
  }
  const Timer timer(seams_.clock, metrics_.commit_latency, commits_before());
  if (holds_large_value(batch)) {
    // A write that would be refused anyway must not fill the disk first.
    auto checked = sequencer_.check(batch.preconditions(), failed);
    if (!checked.ok()) {
      count_outcome(checked);
      return checked;
    }
  }
  PreparedBatch prepared;
  TALEA_TRY(prepare(batch, prepared));
  Sequencer::Request request = prepared.request(batch);
  request.failed = failed;
  request.sequence = sequence;
  Result<Sequence> committed = commit_encoded(request, prepared.puts(), prepared.removes());
  if (committed.ok()) reaper_.expects(prepared.first_expiry_ms());
  return committed;
}

Status EngineStore::prepare(const Batch& batch, PreparedBatch& prepared) {
  return prepared.prepare({.extents = extents_,
                           .live = *live_,
                           .metrics = metrics_,
                           .instance = instance_,
                           .compress_from_bytes = options_.compress_from_bytes,
                           .seals = keys_ != nullptr},
                          batch, now_ms());
}

// --- Expiry --------------------------------------------------------------------------------------

Result<Sequence> EngineStore::commit_resolved(const Batch& batch, FailedPrecondition* failed) {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_batch(batch));
  FailedPrecondition found;
  for (int tries = 1;; ++tries) {
    Batch resolved;
    for (const Batch::Precondition& precondition : batch.preconditions()) {
      resolved.add(precondition);
    }
    for (const Batch::Operation& operation : batch.operations()) {
      TALEA_TRY(resolve(operation, resolved));
    }
    Result<Sequence> committed = write(resolved, std::nullopt, &found);
    const bool is_ours = committed.status().code() == Code::conflict &&
                         found.position >= batch.preconditions().size();
    if (is_ours && tries < kResolveTriesMax) continue;
    if (is_ours) {
      return Status::unavailable(
          "other writers changed a key that is to keep its value or expiry " +
          std::to_string(tries) + " times in a row; try again");
    }
    if (!committed.ok() && failed != nullptr) *failed = found;
    return committed;
  }
}

// Adds the operation as it is to be done if its key has what it has now, and that condition.
Status EngineStore::resolve(const Batch::Operation& operation, Batch& resolved) const {
  if (!talea::depends_on_present(operation)) {
    resolved.add(operation);
    return {};
  }
  const bool is_set_expiry = operation.kind == Batch::Operation::Kind::set_expiry;
  const EpochGuard guard(live_->epochs());
  LiveState::Found found;
  if (!TALEA_TRY(find(guard, operation.space, operation.key, std::nullopt, found))) {
    resolved.require_absent(operation.key, operation.space);
    if (is_set_expiry) return {};
    Batch::Operation put = operation;
    put.expiry = Expiry::never();
    resolved.add(std::move(put));
    return {};
  }
  resolved.require_revision(operation.key, found.sequence(), operation.space);
  Batch::Operation put = operation;
  const std::uint64_t expiry_ms = found.entry.expiry_ms();
  const bool keeps = operation.expiry.kind() == Expiry::Kind::keep;
  if (keeps) put.expiry = expiry_ms == 0 ? Expiry::never() : Expiry::at(expiry_ms);
  if (is_set_expiry && found.entry.is_extent_list()) {
    put.kind = Batch::Operation::Kind::put_stored;
    put.value = Bytes(found.entry.value);
    put.stored_owner = instance_;
  } else if (is_set_expiry) {
    put.kind = Batch::Operation::Kind::put;
    TALEA_TRY(copy_value(found, put.value));
  }
  resolved.add(std::move(put));
  return {};
}

Result<bool> EngineStore::set_expiry(Space space, BytesView key, Expiry expiry) {
  FailedPrecondition failed;
  const Result<Sequence> set =
      commit(Batch().require_present(key, space).set_expiry(key, expiry, space), &failed);
  const bool is_absent = set.status().code() == Code::conflict && !failed.found;
  if (is_absent) return false;
  TALEA_TRY(set.status());
  return true;
}

Result<std::optional<EngineStore::KeyState>> EngineStore::look_up(Space space,
                                                                  BytesView key) const {
  const EpochGuard guard(live_->epochs());
  LiveState::Found found;
  if (!TALEA_TRY(find_physical(guard, space, key, std::nullopt, found))) {
    return std::optional<KeyState>();
  }
  return std::optional<KeyState>({found.sequence(), found.entry.expiry_ms()});
}

Result<Sequence> EngineStore::remove_expired(const Batch& batch, std::uint64_t keys,
                                             FailedPrecondition* failed) {
  TALEA_TRY(check_usable(true));
  PreparedBatch prepared;
  TALEA_TRY(prepare(batch, prepared));
  Sequencer::Request request = prepared.request(batch);
  request.failed = failed;
  request.sees_expired = true;
  const Result<Sequence> committed = commit_encoded(request, 0, 0);
  if (committed.ok()) metrics_.keys_expired.add(keys);
  return committed;
}

Result<ValueWriter> EngineStore::write_value() {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_may_put());
  return ValueWriter(std::make_unique<ValueWriter::State>(*this, extents_, instance_));
}

// --- Writing without waiting ---------------------------------------------------------------------

class EngineStore::AsyncCommit final : public Sequencer::Deferred {
 public:
  AsyncCommit(EngineStore& store, Batch batch, Completion done)
      : store_(store),
        batch_(std::move(batch)),
        done_(std::move(done)),
        timer_(store.seams_.clock, store.metrics_.commit_latency, store.commits_before()) {}

  Status prepare() {
    TALEA_TRY(store_.prepare(batch_, prepared_));
    request = prepared_.request(batch_);
    return {};
  }
  /// It was committed and counted, and is here only to be told of.
  void set_counted() { is_counted_ = true; }
  bool writes() const { return request.encoded != nullptr; }

 private:
  void tell(Result<Sequence> outcome) noexcept override {
    if (is_refused_removal(outcome) && ++tries_ < kRemovalTriesMax &&
        store_.reserve_.give_up(before_)) {
      // As a removal that is waited for: once more, in the reserve.
      Status queued = store_.sequencer_.commit_later(*this);
      if (queued.ok()) return;
      outcome = std::move(queued);
    }
    const std::unique_ptr<AsyncCommit> self(this);
    // A check alone is no commit.
    if (!is_counted_ && (writes() || !outcome.ok())) store_.count_outcome(outcome);
    if (outcome.ok()) {
      store_.metrics_.puts.add(prepared_.puts());
      store_.metrics_.removes.add(prepared_.removes());
      store_.reaper_.expects(prepared_.first_expiry_ms());
    }
    done_(std::move(outcome));
  }

  bool is_refused_removal(const Result<Sequence>& outcome) const {
    return writes() && prepared_.puts() == 0 && outcome.status().code() == Code::exhausted;
  }

  EngineStore& store_;
  const std::uint64_t before_ = store_.reserve_.times_given_up();
  int tries_ = 0;
  bool is_counted_ = false;
  const Batch batch_;
  const Completion done_;
  PreparedBatch prepared_;
  const Timer timer_;
};

Status EngineStore::commit_async(Batch batch, Completion done) {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_batch(batch));
  TALEA_TRY(check_may_put(batch));
  if (!bounds_.is_open()) TALEA_TRY(wait_within_bounds(puts_something(batch)));
  TALEA_TRY(begin_serving());
  if (depends_on_present(batch)) {
    // What its keys have must not change before it is committed, so that is waited for.
    auto told = std::make_unique<AsyncCommit>(*this, Batch(), std::move(done));
    told->set_counted();
    Result<Sequence> committed = commit_resolved(batch, nullptr);
    sequencer_.tell_later(*told.release(), std::move(committed));
    return {};
  }
  auto commit = std::make_unique<AsyncCommit>(*this, std::move(batch), std::move(done));
  TALEA_TRY(commit->prepare());
  if (live_->may_be_incomplete() && commit->writes()) {
    // What it changes must stay in the trees till it is published, so that is waited for.
    Result<Sequence> committed = commit_promoted(commit->request);
    sequencer_.tell_later(*commit.release(), std::move(committed));
    return {};
  }
  TALEA_TRY(sequencer_.commit_later(*commit));
  (void)commit.release();  // it deletes itself when it is told, which it may be already
  if (inline_ != nullptr) inline_->run_due();
  return {};
}

// The thread is there from the first such commit on.
Status EngineStore::begin_serving() {
  if (is_served_.load(std::memory_order_acquire)) [[likely]]
    return {};
  MutexLock lock(serving_mutex_);
  if (is_served_.load(std::memory_order_relaxed)) return {};
  serving_ = TALEA_TRY(seams_.executor.start([this] { sequencer_.serve(); }));
  is_served_.store(true, std::memory_order_release);
  return {};
}

void EngineStore::end_serving() {
  MutexLock lock(serving_mutex_);
  if (!serving_.joinable()) return;
  sequencer_.stop_serving();
  serving_.join();
}

// --- Reading -------------------------------------------------------------------------------------

// As assign(), which takes twice the time when there is room for the bytes: it has to allow for a
// source that is a part of itself.
static void copy_into(Bytes& value, BytesView bytes) {
  if (value.size() != bytes.size()) return void(value.assign(bytes));
  std::memcpy(value.data(), bytes.data(), bytes.size());
}

Result<bool> EngineStore::find(const EpochGuard& guard, Space space, BytesView key, AsOf as_of,
                               LiveState::Found& out) const {
  TALEA_TRY(check_key(key));
  return TALEA_TRY(find_physical(guard, space, key, as_of, out)) && !is_expired(out, as_of);
}

Result<bool> EngineStore::find_physical(const EpochGuard& guard, Space space, BytesView key,
                                        AsOf as_of, LiveState::Found& out) const {
  TALEA_TRY(check_usable(false));
  std::optional<Sequence> at;
  if (as_of) at = as_of->sequence;
  if (!TALEA_TRY(live_->find_anywhere(guard, space, key, at, out))) {
    // What stands where the key would be must be intact, or the key may be what is damaged.
    if (out.state != nullptr) TALEA_TRY(out.check(options_.verify_reads));
    return false;
  }
  TALEA_TRY(out.check(options_.verify_reads));
  return true;
}

Status EngineStore::copy_value(const LiveState::Found& found, Bytes& value) const {
  if (found.entry.is_compressed()) return decompress(found, value);
  if (!found.entry.is_extent_list()) {
    copy_into(value, found.entry.value);
    return found.segment().read_status();
  }
  ValueReader reader = TALEA_TRY(make_reader(found));
  if (reader.bytes() > kValueBytesMax) {
    return Status::exhausted("the value has " + std::to_string(reader.bytes()) +
                             " bytes; in one call at most " + std::to_string(kValueBytesMax) +
                             " are returned. Read it through read_value()");
  }
  value.clear();
  value.reserve(reader.bytes());
  for (;;) {
    const BytesView piece = TALEA_TRY(reader.read());
    if (piece.empty()) return {};
    value += piece;
  }
}

Status EngineStore::decompress(const LiveState::Found& found, Bytes& value) {
  if (!decompress_lz4(found.entry.value, found.entry.claims.raw_value_bytes, value)) {
    TALEA_TRY(found.segment().read_status());
    return found.segment().corruption_at(found.offset,
                                         "the compressed value is valid and makes no sense");
  }
  return found.segment().read_status();
}

Result<bool> EngineStore::get_into(Space space, BytesView key, AsOf as_of, Bytes& value) const {
  const EpochGuard guard(live_->epochs());
  Metrics::Reads& reads = metrics_.reads[guard.number()];
  const Timer timer(seams_.clock, metrics_.get_latency, reads.gets.value());
  reads.gets.add_alone();
  LiveState::Found found;
  // The most frequent ways first, and without a look at anything that could only end otherwise: a
  // key that is found is one that a store may have. As find_anywhere(), where it asks for more.
  const bool was_complete = live_->is_complete();
  const bool is_plain = !as_of && !closed_.load(std::memory_order_relaxed);
  const bool is_found = is_plain && live_->find(guard, space, key, found);
  const bool is_intact =
      is_plain && (found.state == nullptr || found.check(options_.verify_reads).ok());
  if (!is_found && is_intact && was_complete && live_->is_complete() && check_key(key).ok()) {
    return false;
  }
  if (!(is_found && is_intact) && !TALEA_TRY(find(guard, space, key, as_of, found))) return false;
  if (is_expired(found, as_of)) [[unlikely]]
    return false;
  reads.gets_found.add_alone();
  TALEA_TRY(copy_value(found, value));
  return true;
}

Result<bool> EngineStore::get_into(Space space, BytesView key, Bytes& value) {
  return get_into(space, key, std::nullopt, value);
}

Result<std::optional<Bytes>> EngineStore::get_value(Space space, BytesView key) {
  Bytes value;
  if (!TALEA_TRY(get_into(space, key, std::nullopt, value))) return std::optional<Bytes>();
  return std::optional<Bytes>(std::move(value));
}

Result<std::optional<Versioned>> EngineStore::get_versioned(Space space, BytesView key,
                                                            AsOf as_of) const {
  const EpochGuard guard(live_->epochs());
  Metrics::Reads& reads = metrics_.reads[guard.number()];
  const Timer timer(seams_.clock, metrics_.get_latency, reads.gets.value());
  reads.gets.add_alone();
  LiveState::Found found;
  if (!TALEA_TRY(find(guard, space, key, as_of, found))) return std::optional<Versioned>();
  reads.gets_found.add_alone();
  Versioned versioned;
  versioned.revision = found.sequence();
  versioned.expiry_ms = found.entry.expiry_ms();
  TALEA_TRY(copy_value(found, versioned.value));
  return std::optional<Versioned>(std::move(versioned));
}

Result<std::optional<Versioned>> EngineStore::get(Space space, BytesView key) {
  return get_versioned(space, key, std::nullopt);
}

Status EngineStore::multi_get(Space space, std::span<const BytesView> keys,
                              std::span<std::optional<Bytes>> values) {
  if (keys.size() != values.size()) {
    return Status::invalid_argument("multi_get() takes as many values as keys; there are " +
                                    std::to_string(keys.size()) + " keys and " +
                                    std::to_string(values.size()) + " values");
  }
  TALEA_TRY(check_usable(false));
  for (const BytesView key : keys) TALEA_TRY(check_key(key));
  while (!keys.empty()) {
    const EpochGuard guard(live_->epochs());
    Metrics::Reads& reads = metrics_.reads[guard.number()];
    std::array<LiveState::Found, LiveState::kFoundAtOnce> found;
    std::array<bool, LiveState::kFoundAtOnce> is_found{};
    const std::size_t count = std::min(keys.size(), LiveState::kFoundAtOnce);
    const bool was_complete = live_->is_complete();  // asked again below: see find_anywhere()
    live_->find_many(guard, space, keys.first(count), found, is_found);
    for (std::size_t i = 0; i < count && !(was_complete && live_->is_complete()); ++i) {
      if (is_found[i]) continue;
      is_found[i] = TALEA_TRY(live_->find_anywhere(guard, space, keys[i], std::nullopt, found[i]));
    }
    reads.gets.add_alone(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (found[i].state != nullptr) TALEA_TRY(found[i].check(options_.verify_reads));
      if (!is_found[i] || is_expired(found[i], std::nullopt)) {
        values[i].reset();
        continue;
      }
      if (!values[i]) values[i].emplace();
      TALEA_TRY(copy_value(found[i], *values[i]));
      reads.gets_found.add_alone();
    }
    keys = keys.subspan(count);
    values = values.subspan(count);
  }
  return {};
}

Result<ValueReader> EngineStore::make_reader(const LiveState::Found& found) const {
  auto state = std::make_unique<ValueReader::State>();
  state->revision = found.sequence();
  if (!found.entry.is_extent_list()) {
    TALEA_TRY(copy_value(found, state->inline_value));
    state->bytes = state->inline_value.size();
    return ValueReader(std::move(state));
  }
  std::optional<ExtentList> list = decode_extent_list(found.entry.value);
  if (!list) {
    return found.segment().corruption_at(found.offset,
                                         "the extent list is valid and makes no sense");
  }
  state->bytes = list->bytes;
  for (const ExtentPiece& piece : list->pieces) {
    state->segments.push_back(live_->segment(piece.segment));
    TALEA_ASSERT(state->segments.back() != nullptr);  // checked when the entry was replayed
  }
  state->list = std::move(*list);
  return ValueReader(std::move(state));
}

Result<std::optional<ValueReader>> EngineStore::read_value(Space space, BytesView key) {
  const EpochGuard guard(live_->epochs());
  Metrics::Reads& reads = metrics_.reads[guard.number()];
  const Timer timer(seams_.clock, metrics_.get_latency, reads.gets.value());
  reads.gets.add_alone();
  LiveState::Found found;
  if (!TALEA_TRY(find(guard, space, key, std::nullopt, found))) {
    return std::optional<ValueReader>();
  }
  reads.gets_found.add_alone();
  return std::optional<ValueReader>(TALEA_TRY(make_reader(found)));
}

// --- The rest ------------------------------------------------------------------------------------

Status EngineStore::sync() {
  TALEA_TRY(check_usable(true));
  return sequencer_.sync();
}

Result<BackupInfo> EngineStore::backup(BackupTarget& target, const BackupProgress& progress) {
  TALEA_TRY(check_usable(true));
  const HeldFiles held =
      TALEA_TRY(maintenance_.hold_files([this] { return extents_.finish_files(); }));
  return make_backup(seams_, directory_, held, target, progress);
}

Status EngineStore::compact() {
  TALEA_TRY(check_usable(true));
  if (reaps_.load()) reaper_.step();  // what has expired is garbage, and is given back as well
  return maintenance_.compact();
}

Status EngineStore::checkpoint() {
  TALEA_TRY(check_usable(true));
  return maintenance_.checkpoint();
}

Status EngineStore::check_encrypted() const {
  TALEA_TRY(check_usable(true));
  if (keys_ != nullptr) return {};
  return Status::invalid_argument("the store is not encrypted: it has no keys to be rotated");
}

Status EngineStore::rotate_master_key(const Encryption& master) {
  TALEA_TRY(check_encrypted());
  return keys_->rotate_master(TALEA_TRY(load_master_key(seams_.file_system, master)));
}

Result<std::uint32_t> EngineStore::rotate_data_key() {
  TALEA_TRY(check_encrypted());
  const std::uint32_t id = TALEA_TRY(keys_->add(seams_.clock.wall_ms()));
  // The files that are being filled have the old one: what comes goes into others.
  TALEA_TRY(extents_.finish_files());
  TALEA_TRY(maintenance_.end_log());
  return id;
}

void EngineStore::add_key_stats(Stats& stats) const {
  if (keys_ == nullptr) return;
  stats.data_key = keys_->ring().newest();
  stats.data_keys = static_cast<std::uint32_t>(keys_->ring().all().size());
  for (const std::shared_ptr<SegmentState>& state : live_->segments()) {
    if (state->segment->header().key_id == stats.data_key) continue;
    stats.old_key_bytes += state->fill().end;
  }
  for (const auto& runs : {live_->runs(), live_->history().view().runs}) {
    for (const RunSet::Run& run : runs->runs()) {
      if (run->header().key_id == stats.data_key) continue;
      stats.old_key_bytes += run->layout().file_bytes();
    }
  }
}

Stats EngineStore::stats() const {
  Stats stats;
  metrics_.fill(stats);
  stats.keys = live_->keys();
  stats.live_bytes = live_->live_bytes();
  stats.index_bytes = live_->index_bytes();
  if (retention_.keeps_past()) {
    const History::View history = live_->history().view();
    stats.revisions = history.runs->rows() + live_->history().buffered();
    stats.history_bytes = live_->history().memory_bytes();
  }
  for (const SegmentInfo& segment : segments()) {
    ++stats.segments;
    stats.disk_bytes += segment.file_bytes;
  }
  stats.last_sequence = sequencer_.last_sequence();
  stats.durable_sequence = log_.durable_sequence();
  stats.sync = options_.sync;
  add_key_stats(stats);
  return stats;
}

std::vector<SegmentInfo> EngineStore::segments() const {
  Manifest manifest = manifest_.snapshot();
  std::vector<SegmentInfo> infos;
  for (const std::shared_ptr<SegmentState>& state : live_->segments()) {
    const Segment& segment = *state->segment;
    const ManifestFile* file = manifest.find(segment.id());
    if (file == nullptr) continue;
    const auto size = segment.file().size();
    const SegmentFill fill = state->fill();
    infos.push_back({.id = segment.id(),
                     .kind = segment.header().kind,
                     .file = segment.name(),
                     .sealed = file->sealed,
                     .file_bytes = size.ok() ? *size : 0,
                     .used_bytes = fill.end,
                     .live_bytes = state->live_bytes(),
                     .entries = fill.entries,
                     .first_sequence = fill.first_sequence,
                     .last_sequence = fill.last_sequence,
                     .data_key = segment.header().key_id});
  }
  return infos;
}

Status EngineStore::close() {
  if (closed_.exchange(true)) return Status::invalid_argument("the engine is closed");
  maintenance_.stop();
  syncing_.reset();
  working_ahead_.reset();
  maintaining_.reset();
  Status closed;
  if (!options_.read_only) {
    if (options_.checkpoint_bytes > 0) maintenance_.checkpoint_for_next_open();
    closed = sequencer_.close();
    end_serving();
    Status extents_closed = extents_.close();
    if (closed.ok()) closed = std::move(extents_closed);
    maintenance_.close();
  }
  lock_.reset();
  return closed;
}

}  // namespace talea
