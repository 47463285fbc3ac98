#include "engine/log_files.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace talea {

namespace {

// The next segment is prepared when this part of the active one is full: late enough that a store
// which is hardly written to has one file, early enough that it is there when it is needed.
constexpr std::uint64_t kPreparedAtPart = 4;

bool announces_prepared(const SegmentWriter& writer) {
  return (writer.segment()->header().features & kFeaturePrepared) != 0;
}

SegmentWriter::Setup::Fill fill_for(SyncMode sync) {
  switch (sync) {
    case SyncMode::always: break;
    case SyncMode::interval: return SegmentWriter::Setup::Fill::mapped;
    case SyncMode::never: return SegmentWriter::Setup::Fill::mapped_unsynced;
  }
  return SegmentWriter::Setup::Fill::written;
}

}  // namespace

LogFiles::LogFiles(Setup setup, ManifestKeeper& manifest, LiveState& live, Metrics& metrics)
    : setup_(std::move(setup)), manifest_(manifest), live_(live), metrics_(metrics) {}

Status LogFiles::failure() const {
  if (!failed_.load(std::memory_order_relaxed)) [[likely]]
    return {};
  MutexLock lock(mutex_);
  return failure_;
}

// --- For the writer ------------------------------------------------------------------------------

void LogFiles::retire(const Full& full) {
  if (full.writer != nullptr) retired_.push_back(full);
  if (active_ == full.writer) active_.reset();
}

std::shared_ptr<SegmentWriter> LogFiles::take_prepared(const Full& full, std::uint64_t record_bytes,
                                                       std::uint32_t above) {
  MutexLock lock(mutex_);
  gave_up_ = false;
  if (prepared_ == nullptr || !retired_.empty()) return nullptr;
  if (prepared_->bytes_planned() < bytes_planned_for(record_bytes)) return nullptr;
  if (prepared_->segment()->id() <= above) return nullptr;
  retire(full);
  active_ = std::move(prepared_);
  return active_;
}

Result<std::shared_ptr<SegmentWriter>> LogFiles::make(const Full& full, const Need& need) {
  MutexLock lock(mutex_);
  retire(full);
  for (Full& retired : retired_) retired.is_durable = true;
  TALEA_TRY(make_one(need));
  TALEA_TRY(replace({.drops_prepared = true, .adds_made = true}));
  active_ = std::move(made_);
  return active_;
}

Status LogFiles::finish(const Full& full, bool is_last) {
  MutexLock lock(mutex_);
  retire(full);
  for (Full& retired : retired_) retired.is_durable = true;
  if (is_last) forget_made();
  return replace({.drops_prepared = is_last});
}

// --- For any thread ------------------------------------------------------------------------------

bool LogFiles::should_prepare() const {
  return retired_.empty() && prepared_ == nullptr && active_ != nullptr &&
         active_->end() >= active_->bytes_planned() / kPreparedAtPart;
}

void LogFiles::work_ahead(const Need& next) {
  std::shared_ptr<SegmentWriter> active;
  std::shared_ptr<SegmentWriter> prepared;
  {
    MutexLock lock(mutex_);
    if (!gave_up_ && !retired_.empty()) {
      Status finished = sync_retired();
      if (finished.ok()) finished = replace({});
      gave_up_ = !finished.ok();
    }
    if (!gave_up_ && should_prepare()) {
      Status made = make_one(next);
      if (made.ok()) made = replace({.adds_made = true});
      if (made.ok()) prepared_ = std::move(made_);
      gave_up_ = !made.ok();
    }
    active = active_;
    prepared = prepared_;
  }
  if (active != nullptr) active->take_ahead();
  if (prepared != nullptr) prepared->take_ahead(SegmentWriter::Ahead::full);
}

Result<std::uint32_t> LogFiles::prepare_above_new_id(const Need& next) {
  MutexLock lock(mutex_);
  TALEA_TRY(sync_retired());
  forget_made();  // its id is too low
  const std::uint32_t id = TALEA_TRY(manifest_.take_file_id());
  const bool prepares = active_ != nullptr;
  if (prepares) TALEA_TRY(make_one(next));
  TALEA_TRY(replace({.drops_prepared = true, .adds_made = prepares}));
  if (prepares) prepared_ = std::move(made_);
  return id;
}

Status LogFiles::finish_retired() {
  MutexLock lock(mutex_);
  TALEA_TRY(sync_retired());
  return replace({});
}

// --- Parts ---------------------------------------------------------------------------------------

// A batch that is larger than a segment gets one of its own.
std::uint64_t LogFiles::bytes_planned_for(std::uint64_t record_bytes) const {
  return std::max(setup_.segment_bytes, kSegmentHeaderBytes + record_bytes);
}

Result<std::unique_ptr<SegmentWriter>> LogFiles::create(const Need& need) {
  SegmentWriter::Setup setup;
  SegmentHeader& header = setup.header;
  header.id = TALEA_TRY(manifest_.take_file_id());
  if (header.id > kLocatableSegmentMax) return Status::exhausted("all ids of segments are used");
  header.kind = SegmentKind::log;
  header.features = kEntryFeatures | (need.is_ahead ? kFeaturePrepared : 0U);
  header.first_sequence = need.sequence;
  header.base_now = need.now;
  header.store_id = setup_.store_id;
  setup_.seams.random.fill(header.salt);
  setup.keys = setup_.seams.key_ring();
  header.encrypt(setup.keys);
  setup.bytes_planned = bytes_planned_for(need.record_bytes);
  setup.fill = fill_for(setup_.sync);
  setup.cache = &setup_.cache;
  return SegmentWriter::create(setup_.seams.file_system, setup_.directory, setup);
}

// One that could not be listed is used by the next try, so that a full disk does not fill with
// empty files. Its header is as good: sequences and times have not gone back since.
Status LogFiles::make_one(const Need& need) {
  const bool is_large_enough =
      made_ != nullptr && made_->bytes_planned() >= bytes_planned_for(need.record_bytes);
  const bool says_enough = made_ != nullptr && (!need.is_ahead || announces_prepared(*made_));
  if (is_large_enough && says_enough) return {};
  forget_made();
  made_ = TALEA_TRY(create(need));
  return {};
}

void LogFiles::forget_made() {
  if (made_ == nullptr) return;
  if (std::exchange(is_made_named_, false)) {
    dropped_.push_back(std::move(made_));
    return;
  }
  remove_file(*made_);
  made_.reset();
}

void LogFiles::remove_file(const SegmentWriter& writer) {
  const std::string path = join_path(setup_.directory, writer.segment()->name());
  (void)setup_.seams.file_system.remove(path).ok();  // else the next open does
}

Status LogFiles::sync_retired() {
  TALEA_TRY(Status(failure_));
  for (Full& full : retired_) {
    if (full.is_durable) continue;
    Status synced = full.writer->sync();
    if (!synced.ok()) {
      failure_ = std::move(synced);
      failed_.store(true, std::memory_order_relaxed);
      return failure_;
    }
    full.is_durable = true;
  }
  return {};
}

Status LogFiles::replace(const Listing& listing) {
  // For good, whatever becomes of the manifest: the one that was refused may be the one on disk.
  if (listing.drops_prepared && prepared_ != nullptr) dropped_.push_back(std::move(prepared_));
  if (retired_.empty() && dropped_.empty() && !listing.adds_made) return {};
  // Listed before its first record: a listed segment that is missing is damage, an unlisted one
  // holds nothing.
  if (listing.adds_made) is_made_named_ = true;  // perhaps, until that is known
  TALEA_TRY(manifest_.commit([&](Manifest& manifest) TALEA_REQUIRES(mutex_) {
    for (const Full& full : retired_) seal_in(manifest, full);
    for (const auto& dropped : dropped_) manifest.remove(dropped->segment()->id());
    if (!listing.adds_made) return;
    const SegmentHeader& header = made_->segment()->header();
    manifest.add({.kind = SegmentKind::log,
                  .id = header.id,
                  .sealed = false,
                  .bytes = 0,
                  .entries = 0,
                  .first_sequence = header.first_sequence,
                  .last_sequence = 0});
  }));
  for (const Full& full : retired_) give_back(full);
  retired_.clear();
  for (const auto& dropped : dropped_) remove_file(*dropped);
  dropped_.clear();
  if (listing.adds_made) is_made_named_ = false;
  if (listing.adds_made) metrics_.segments_created.add();
  return {};
}

void LogFiles::seal_in(Manifest& manifest, const Full& full) const {
  const std::uint32_t id = full.writer->segment()->id();
  ManifestFile* file = manifest.find(id);
  TALEA_ASSERT(file != nullptr);
  manifest.last_now = std::max(manifest.last_now, full.last_now);
  // Of no use to anybody, if nothing but zeros is in it.
  if (full.fill.entries == 0 && !full.is_failed) return manifest.remove(id);
  file->sealed = true;
  file->bytes = full.fill.end;
  file->entries = full.fill.entries;
  // That of its header was written before its first batch came, and may be too low.
  if (full.fill.entries > 0) file->first_sequence = full.fill.first_sequence;
  file->last_sequence = full.fill.last_sequence;
  manifest.last_sequence = std::max(manifest.last_sequence, full.fill.last_sequence);
}

// The space behind the end is only a loan; what fails to give it back harms nobody, and the next
// open does it.
void LogFiles::give_back(const Full& full) {
  if (full.fill.entries > 0 || full.is_failed) {
    (void)full.writer->cut(full.fill.end).ok();
    return;
  }
  live_.remove_segment(full.writer->segment()->id());
  remove_file(*full.writer);
}

}  // namespace talea
