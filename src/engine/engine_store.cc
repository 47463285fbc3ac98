#include "engine/engine_store.h"

#include <algorithm>

#include "base/assert.h"
#include "engine/value_io.h"
#include "log/segment_header.h"

namespace talea {

namespace {

// Measures a call from construction to destruction.
class Timer {
 public:
  Timer(Clock& clock, Histogram& histogram)
      : clock_(clock), histogram_(histogram), began_(clock.monotonic_ns()) {}
  ~Timer() { histogram_.record(clock_.monotonic_ns() - began_); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  Clock& clock_;
  Histogram& histogram_;
  const std::uint64_t began_;
};

// Where reads of one thread put entries; its capacity is kept from call to call.
Bytes& thread_scratch() {
  thread_local Bytes scratch;
  // One huge entry must not stay in memory for ever.
  if (scratch.capacity() > 4 * kInlineValueBytesMax) scratch = Bytes();
  return scratch;
}

}  // namespace

Result<std::unique_ptr<EngineStore>> EngineStore::open(const Seams& seams, const std::string& path,
                                                       const Options& options) {
  // Segments are made later by name, perhaps after the process has changed its directory.
  const std::string directory = TALEA_TRY(seams.file_system.absolute(path));
  OpenedDirectory opened = TALEA_TRY(open_directory(seams, directory, options));
  std::unique_ptr<EngineStore> store(new EngineStore(seams, directory, options, std::move(opened)));
  TALEA_TRY(store->begin_syncing());
  return store;
}

EngineStore::EngineStore(const Seams& seams, const std::string& path, const Options& options,
                         OpenedDirectory opened)
    : seams_(seams),
      options_(options),
      instance_(seams.random.next_u64() | 1),
      report_(opened.report),
      lock_(std::move(opened.lock)),
      cache_(std::move(opened.cache)),
      live_(std::move(opened.live)),
      manifest_(seams.file_system, path, opened.manifest),
      extents_({seams, path, opened.manifest.store_id}, manifest_, *live_, metrics_),
      log_({.seams = seams,
            .directory = path,
            .store_id = opened.manifest.store_id,
            .cache = *cache_,
            .segment_bytes = options.segment_bytes,
            .sync = options.sync,
            .durable_sequence = opened.replayed.last_sequence},
           manifest_, *live_, metrics_),
      sequencer_({seams.clock, opened.replayed.last_sequence, opened.replayed.last_now}, log_,
                 *live_) {}

Status EngineStore::begin_syncing() {
  if (options_.sync != SyncMode::interval || options_.read_only) return {};
  // A failed sync breaks the log, and the next write reports it.
  syncing_ = TALEA_TRY(
      seams_.executor.every(options_.sync_interval, [this] { (void)sequencer_.sync().ok(); }));
  return {};
}

EngineStore::~EngineStore() = default;

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
  return write_one({space, key, value, false, false});
}

Result<Sequence> EngineStore::remove(Space space, BytesView key) {
  TALEA_TRY(check_key(key));
  return write_one({space, key, {}, true, false});
}

Result<Sequence> EngineStore::write_one(const EntrySource& entry) {
  TALEA_TRY(check_usable(true));
  const Timer timer(seams_.clock, metrics_.commit_latency);
  const EncodedBatch encoded = encode_batch({entry});
  Sequencer::Request request;
  request.entries = {&entry, 1};
  request.encoded = &encoded;
  return commit_encoded(request, entry.is_remove ? 0 : 1, entry.is_remove ? 1 : 0);
}

Result<Sequence> EngineStore::commit_encoded(const Sequencer::Request& request, std::uint64_t puts,
                                             std::uint64_t removes) {
  auto committed = sequencer_.commit(request);
  count_outcome(committed);
  if (committed.ok() && *committed != 0) {
    metrics_.puts.add(puts);
    metrics_.removes.add(removes);
  }
  return committed;
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
  return write(batch, std::nullopt, failed);
}

Result<bool> EngineStore::apply(Sequence sequence, const Batch& batch) {
  if (!batch.preconditions().empty()) {
    return Status::invalid_argument(
        "apply() takes no preconditions: they were evaluated where the sequence was assigned");
  }
  if (sequence == 0 || sequence > kSequenceMax || batch.operations().empty()) {
    return Status::invalid_argument("apply() needs an operation and a sequence of 1 to " +
                                    std::to_string(kSequenceMax) + "; it is " +
                                    std::to_string(sequence));
  }
  const Sequence applied = TALEA_TRY(write(batch, sequence, nullptr));
  return applied != 0;
}

Result<Sequence> EngineStore::write(const Batch& batch, std::optional<Sequence> sequence,
                                    FailedPrecondition* failed) {
  TALEA_TRY(check_usable(true));
  TALEA_TRY(check_batch(batch));
  if (batch.operations().empty()) {
    auto checked = sequencer_.check(batch.preconditions(), failed);
    if (!checked.ok()) count_outcome(checked);
    return checked;
  }
  const Timer timer(seams_.clock, metrics_.commit_latency);
  const bool has_large_value = std::any_of(batch.operations().begin(), batch.operations().end(),
                                           [](const Batch::Operation& operation) {
                                             return operation.kind == Batch::Operation::Kind::put &&
                                                    operation.value.size() > kInlineValueBytesMax;
                                           });
  if (has_large_value) {
    // A write that would be refused anyway must not fill the disk first.
    auto checked = sequencer_.check(batch.preconditions(), failed);
    if (!checked.ok()) {
      count_outcome(checked);
      return checked;
    }
  }

  std::vector<EntrySource> entries;
  std::vector<ExtentList> lists;
  std::vector<Bytes> encoded_lists;
  std::vector<const ExtentList*> extents;
  const std::vector<Batch::Operation>& operations = batch.operations();
  entries.reserve(operations.size());
  lists.reserve(operations.size());  // entries and extents point into these two
  encoded_lists.reserve(operations.size());
  std::uint64_t puts = 0;
  for (const Batch::Operation& operation : operations) {
    EntrySource entry{operation.space, operation.key, operation.value, false, false};
    const ExtentList* list = nullptr;
    switch (operation.kind) {
      case Batch::Operation::Kind::remove: entry.is_remove = true; break;
      case Batch::Operation::Kind::put:
        if (operation.value.size() > kInlineValueBytesMax) {
          list = &lists.emplace_back(TALEA_TRY(store_value(operation.value)));
          entry.value = encoded_lists.emplace_back(encode_extent_list(*list));
          entry.is_extent_list = true;
        }
        ++puts;
        break;
      case Batch::Operation::Kind::put_stored: {
        std::optional<ExtentList> decoded;
        if (operation.stored_owner == instance_) decoded = decode_extent_list(operation.value);
        if (!decoded) {
          return Status::invalid_argument(
              "a StoredValue belongs to the engine that made it, until that engine closes; this "
              "one is from another or was never finished");
        }
        list = &lists.emplace_back(std::move(*decoded));
        entry.is_extent_list = true;
        ++puts;
        break;
      }
    }
    entries.push_back(entry);
    extents.push_back(list);
  }
  const EncodedBatch encoded = encode_batch(entries);
  Sequencer::Request request;
  request.preconditions = batch.preconditions();
  request.failed = failed;
  request.entries = entries;
  if (!lists.empty()) request.extents = extents;
  request.encoded = &encoded;
  request.sequence = sequence;
  return commit_encoded(request, puts, entries.size() - puts);
}

Result<ExtentList> EngineStore::store_value(BytesView value) {
  ExtentList list;
  list.value_id = extents_.new_value_id();
  for (std::uint64_t number = 0; !value.empty(); ++number) {
    const BytesView chunk = value.substr(0, kChunkBytesMax);
    TALEA_TRY(extents_.append_chunk(list, number, chunk));
    value.remove_prefix(chunk.size());
  }
  TALEA_TRY(extents_.sync(list));
  return list;
}

Result<ValueWriter> EngineStore::write_value() {
  TALEA_TRY(check_usable(true));
  return ValueWriter(std::make_unique<ValueWriter::State>(*this, extents_, instance_));
}

// --- Reading -------------------------------------------------------------------------------------

Result<std::optional<EngineStore::Read>> EngineStore::read_entry(Space space, BytesView key,
                                                                 Bytes& scratch) const {
  TALEA_TRY(check_usable(false));
  TALEA_TRY(check_key(key));
  std::optional<LiveState::Found> found = live_->find(space, key);
  if (!found) return std::optional<Read>();
  const EntryView entry = TALEA_TRY(found->segment->read_entry(found->place(), scratch));
  if (entry.space != space || entry.key != key || entry.is_remove) {
    return found->segment->corruption_at(found->location.offset,
                                         "the entry is intact and belongs to another key");
  }
  return std::optional<Read>(Read{std::move(*found), entry});
}

Result<Bytes> EngineStore::whole_value(const Read& read) const {
  if (!read.entry.is_extent_list) return Bytes(read.entry.value);
  ValueReader reader = TALEA_TRY(make_reader(read));
  if (reader.bytes() > kValueBytesMax) {
    return Status::exhausted("the value has " + std::to_string(reader.bytes()) +
                             " bytes; in one call at most " + std::to_string(kValueBytesMax) +
                             " are returned. Read it through read_value()");
  }
  Bytes value;
  value.reserve(reader.bytes());
  for (;;) {
    const BytesView piece = TALEA_TRY(reader.read());
    if (piece.empty()) return value;
    value += piece;
  }
}

Result<std::optional<Bytes>> EngineStore::get_value(Space space, BytesView key) {
  const Timer timer(seams_.clock, metrics_.get_latency);
  metrics_.gets.add();
  const std::optional<Read> read = TALEA_TRY(read_entry(space, key, thread_scratch()));
  if (!read) return std::optional<Bytes>();
  metrics_.gets_found.add();
  return std::optional<Bytes>(TALEA_TRY(whole_value(*read)));
}

Result<std::optional<Versioned>> EngineStore::get(Space space, BytesView key) {
  const Timer timer(seams_.clock, metrics_.get_latency);
  metrics_.gets.add();
  const std::optional<Read> read = TALEA_TRY(read_entry(space, key, thread_scratch()));
  if (!read) return std::optional<Versioned>();
  metrics_.gets_found.add();
  Versioned versioned;
  versioned.revision = TALEA_TRY(read->found.segment->sequence_of(read->entry));
  versioned.value = TALEA_TRY(whole_value(*read));
  return std::optional<Versioned>(std::move(versioned));
}

Result<ValueReader> EngineStore::make_reader(const Read& read) const {
  auto state = std::make_unique<ValueReader::State>();
  state->revision = TALEA_TRY(read.found.segment->sequence_of(read.entry));
  if (!read.entry.is_extent_list) {
    state->inline_value = Bytes(read.entry.value);
    state->bytes = state->inline_value.size();
    return ValueReader(std::move(state));
  }
  std::optional<ExtentList> list = decode_extent_list(read.entry.value);
  if (!list) {
    return read.found.segment->corruption_at(read.found.location.offset,
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
  const Timer timer(seams_.clock, metrics_.get_latency);
  metrics_.gets.add();
  const std::optional<Read> read = TALEA_TRY(read_entry(space, key, thread_scratch()));
  if (!read) return std::optional<ValueReader>();
  metrics_.gets_found.add();
  return std::optional<ValueReader>(TALEA_TRY(make_reader(*read)));
}

// --- The rest ------------------------------------------------------------------------------------

Status EngineStore::sync() {
  TALEA_TRY(check_usable(true));
  return sequencer_.sync();
}

Stats EngineStore::stats() const {
  Stats stats;
  metrics_.fill(stats);
  stats.keys = live_->keys();
  stats.live_bytes = live_->live_bytes();
  for (const SegmentInfo& segment : segments()) {
    ++stats.segments;
    stats.disk_bytes += segment.file_bytes;
  }
  stats.last_sequence = sequencer_.last_sequence();
  stats.durable_sequence = log_.durable_sequence();
  stats.sync = options_.sync;
  return stats;
}

std::vector<SegmentInfo> EngineStore::segments() const {
  Manifest manifest = manifest_.snapshot();
  std::vector<SegmentInfo> infos;
  for (const LiveState::SegmentState& state : live_->segments()) {
    const Segment& segment = *state.segment;
    const ManifestFile* file = manifest.find(segment.id());
    if (file == nullptr) continue;
    const auto size = segment.file().size();
    infos.push_back({.id = segment.id(),
                     .kind = segment.header().kind,
                     .file = segment.name(),
                     .sealed = file->sealed,
                     .file_bytes = size.ok() ? *size : 0,
                     .used_bytes = state.fill.end,
                     .live_bytes = state.live_bytes,
                     .entries = state.fill.entries,
                     .first_sequence = state.fill.first_sequence,
                     .last_sequence = state.fill.last_sequence});
  }
  return infos;
}

Status EngineStore::close() {
  if (closed_.exchange(true)) return Status::invalid_argument("the engine is closed");
  syncing_.reset();
  Status closed;
  if (!options_.read_only) {
    closed = sequencer_.close();
    Status extents_closed = extents_.close();
    if (closed.ok()) closed = std::move(extents_closed);
  }
  lock_.reset();
  return closed;
}

}  // namespace talea
