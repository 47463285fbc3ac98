#include "engine/commit_log.h"

#include <algorithm>

#include "base/assert.h"

namespace talea {

CommitLog::CommitLog(const Setup& setup, ManifestKeeper& manifest, LiveState& live,
                     Metrics& metrics)
    : setup_(setup),
      manifest_(manifest),
      live_(live),
      metrics_(metrics),
      announced_(setup.durable_sequence),
      durable_(setup.durable_sequence) {}

CommitLog::Outcome CommitLog::write(std::span<const PendingBatch> batches, bool sync) {
  const bool durable = sync || setup_.sync == SyncMode::always;
  Outcome outcome;
  while (outcome.committed < batches.size()) {
    const auto rest = batches.subspan(outcome.committed);
    outcome.status = broken_;
    if (outcome.status.ok()) outcome.status = ensure_active(rest.front());
    if (!outcome.status.ok()) return outcome;

    const Sequence announcing = durable_sequence();
    Failed stage = Failed::append;
    std::size_t count = 0;
    outcome.status = append(rest, count);
    if (outcome.status.ok() && durable) {
      stage = Failed::sync;
      outcome.status = writer_->sync();
    }
    if (!outcome.status.ok()) {
      outcome.status = abandon(stage, std::move(outcome.status));
      return outcome;
    }
    const auto written = rest.first(count);
    good_.end = writer_->end();
    good_.last_sequence = written.back().sequence;
    if (good_.first_sequence == 0) good_.first_sequence = written.front().sequence;
    good_.entries += places_.size();
    last_now_ = written.back().now;
    announced_ = announcing;
    if (durable) {
      durable_.store(good_.last_sequence, std::memory_order_relaxed);
      metrics_.syncs.add();
    }
    metrics_.groups_written.add_alone();
    publish(written);
    outcome.committed += count;
  }
  if (batches.empty() && sync) outcome.status = this->sync();
  return outcome;
}

bool CommitLog::fits(const PendingBatch& batch, std::uint64_t at) const {
  return at + batch.encoded->record_bytes_max() <= writer_->bytes_planned();
}

Status CommitLog::ensure_active(const PendingBatch& first) {
  if (writer_ != nullptr && fits(first, writer_->end())) return {};
  TALEA_TRY(retire_active());
  return roll(first).with_context("begin a new log segment");
}

Status CommitLog::append(std::span<const PendingBatch> batches, std::size_t& count) {
  places_.clear();
  std::uint64_t bytes_max = 0;
  for (const PendingBatch& batch : batches) {
    if (count > 0 && !fits(batch, writer_->end() + bytes_max)) break;
    bytes_max += batch.encoded->record_bytes_max();
    ++count;
  }
  char* const begin = TALEA_TRY(writer_->reserve(bytes_max));
  char* to = begin;
  const SegmentContext& context = writer_->segment()->context();
  for (const PendingBatch& batch : batches.first(count)) {
    const std::uint64_t offset = writer_->end() + static_cast<std::uint64_t>(to - begin);
    RecordPlace place{.sequence = batch.sequence, .now = batch.now, .offset = offset};
    // Once after each sync is enough: it is for whoever finds a bad record before this one.
    if (const Sequence durable = durable_sequence(); to == begin && durable > announced_) {
      place.synced_through = durable;
    }
    to += write_record(*batch.encoded, place, context, to, places_);
  }
  metrics_.log_bytes_written.add_alone(static_cast<std::uint64_t>(to - begin));
  return writer_->commit(static_cast<std::uint64_t>(to - begin));
}

void CommitLog::publish(std::span<const PendingBatch> batches) {
  active_->set_fill(good_);
  auto place = places_.begin();
  for (const PendingBatch& batch : batches) {
    changes_.clear();
    for (std::size_t i = 0; i < batch.entries.size(); ++i, ++place) {
      const EntrySource& entry = batch.entries[i];
      changes_.push_back({.space = entry.space,
                          .key = entry.key,
                          .is_remove = entry.is_remove,
                          .place = *place,
                          .extents = batch.extents.empty() ? nullptr : batch.extents[i]});
    }
    live_.publish(changes_, *active_, batch.sequence);
  }
  TALEA_ASSERT(place == places_.end());
}

// A batch that is larger than a segment gets one of its own.
std::uint64_t CommitLog::bytes_planned_for(const PendingBatch& first) const {
  return std::max(setup_.segment_bytes, kSegmentHeaderBytes + first.encoded->record_bytes_max());
}

Result<std::unique_ptr<SegmentWriter>> CommitLog::create_segment(const PendingBatch& first) {
  SegmentWriter::Setup setup;
  SegmentHeader& header = setup.header;
  header.id = TALEA_TRY(manifest_.take_file_id());
  if (header.id > kLocatableSegmentMax) return Status::exhausted("all ids of segments are used");
  header.kind = SegmentKind::log;
  header.features = kFeatureExtents;
  header.first_sequence = first.sequence;
  header.base_now = first.now;
  header.store_id = setup_.store_id;
  setup_.seams.random.fill(header.salt);
  // A batch that is larger than a segment gets one of its own.
  setup.bytes_planned = bytes_planned_for(first);
  setup.fill = setup_.sync == SyncMode::always ? SegmentWriter::Setup::Fill::written
                                               : SegmentWriter::Setup::Fill::mapped;
  setup.cache = &setup_.cache;
  return SegmentWriter::create(setup_.seams.file_system, setup_.directory, setup);
}

Status CommitLog::roll(const PendingBatch& first) {
  // One that could not be listed is used by the next try, so that a full disk does not fill with
  // empty files. Its header is as good: sequences and times have not gone back since.
  const bool too_small =
      unlisted_ != nullptr && unlisted_->bytes_planned() < bytes_planned_for(first);
  if (unlisted_ == nullptr || too_small) unlisted_ = TALEA_TRY(create_segment(first));
  const SegmentHeader& header = unlisted_->segment()->header();
  // Listed before its first record: a listed segment that is missing is damage, an unlisted one
  // holds nothing.
  TALEA_TRY(manifest_.commit([&](Manifest& manifest) {
    manifest.add({.kind = SegmentKind::log,
                  .id = header.id,
                  .sealed = false,
                  .bytes = 0,
                  .entries = 0,
                  .first_sequence = header.first_sequence,
                  .last_sequence = 0});
  }));
  active_ = &live_.add_segment(unlisted_->segment());
  writer_ = std::move(unlisted_);
  good_ = {};
  blank_ = false;
  announced_ = 0;  // each segment says anew how far all before it is durable
  metrics_.segments_created.add();
  return {};
}

void CommitLog::remember_active_in(Manifest& manifest) const {
  ManifestFile* file = manifest.find(active_->segment->id());
  TALEA_ASSERT(file != nullptr);
  if (blank_) return manifest.remove(active_->segment->id());  // of no use to anybody
  file->sealed = true;
  file->bytes = good_.end;
  file->entries = good_.entries;
  file->last_sequence = good_.last_sequence;
  manifest.last_sequence = std::max(manifest.last_sequence, good_.last_sequence);
  manifest.last_now = std::max(manifest.last_now, last_now_);
}

Status CommitLog::retire_active() {
  if (writer_ == nullptr) return {};
  TALEA_TRY(sync());
  blank_ = good_.entries == 0;  // nothing but zeros was written
  // In memory first: if the manifest cannot be written now, this segment must not grow any more,
  // because a manifest that seals it may be the one on disk.
  manifest_.amend([&](Manifest& manifest) { remember_active_in(manifest); });
  const std::shared_ptr<SegmentWriter> retired = std::move(writer_);
  TALEA_TRY(manifest_.commit([](Manifest&) {}));
  give_back(*retired);
  return {};
}

// The space behind the end is only a loan; what fails to give it back harms nobody, and the next
// open does it.
void CommitLog::give_back(SegmentWriter& writer) {
  if (!blank_) {
    (void)writer.cut(good_.end).ok();
  } else {
    live_.remove_segment(writer.segment()->id());
    (void)setup_.seams.file_system.remove(join_path(setup_.directory, writer.segment()->name()))
        .ok();
  }
}

Status CommitLog::abandon(Failed what, Status failure) {
  if (writer_->is_usable()) return failure;  // nothing was written
  const Code code = failure.code();
  const std::string cause(failure.message());
  const std::shared_ptr<SegmentWriter> abandoned = std::move(writer_);
  metrics_.segments_abandoned.add();
  Status undone;
  if (is_unsynced()) {
    // The manifest may vouch only for what is durable. After a failed sync that is unknown for
    // good: the next one would succeed without having written what this one lost.
    undone = what == Failed::sync ? Status::io_error("earlier writes were not synced yet")
                                  : abandoned->sync();
  }
  if (undone.ok()) {
    // Cut first, because on a full disk the manifest may need the room. A segment without a good
    // batch leaves the manifest, but only when the cut is durable: a file that is not named must
    // not hold what could be taken for a batch.
    const bool cut = abandoned->cut(good_.end).ok();
    blank_ = good_.entries == 0 && cut && abandoned->sync().ok();
    manifest_.amend([&](Manifest& manifest) { remember_active_in(manifest); });
    undone = manifest_.commit([](Manifest&) {});
  }
  if (undone.ok()) {
    durable_.store(good_.last_sequence, std::memory_order_relaxed);
    give_back(*abandoned);
    return Status(code, cause + "; nothing of this write is stored");
  }
  broken_ = Status::io_error(
      "an earlier write failed and could not be undone; close the store and open it again (" +
      cause + "; then: " + std::string(undone.message()) + ")");
  return Status::timed_out(cause + "; undoing it failed as well: " + std::string(undone.message()) +
                           "; whether this write is stored shows when the store is opened again");
}

Status CommitLog::sync() {
  const SyncPoint point = begin_sync();
  return end_sync(point, point.sync());
}

CommitLog::SyncPoint CommitLog::begin_sync() const {
  if (!broken_.ok() || writer_ == nullptr || !is_unsynced()) return {};
  return {writer_, good_.last_sequence};
}

Status CommitLog::end_sync(const SyncPoint& point, const Status& synced) {
  TALEA_TRY(Status(broken_));
  if (point.writer == nullptr) return {};
  if (!synced.ok()) {
    broken_ = Status::io_error(
        "a sync failed, and what was written since the last good one may "
        "be lost; close the store and open it again (" +
        std::string(synced.message()) + ")");
    return broken_;
  }
  metrics_.syncs.add();
  durable_.store(std::max(durable_sequence(), point.through), std::memory_order_relaxed);
  return {};
}

Result<CommitLog::Boundary> CommitLog::begin_checkpoint() {
  TALEA_TRY(Status(broken_));
  TALEA_TRY(retire_active());
  // Its id is below the boundary, so it cannot become active behind it.
  if (unlisted_ != nullptr) {
    const std::string name = unlisted_->segment()->name();
    unlisted_.reset();
    (void)setup_.seams.file_system.remove(join_path(setup_.directory, name)).ok();
  }
  Boundary boundary;
  boundary.id = TALEA_TRY(manifest_.take_file_id());
  boundary.pin = live_.pin();
  boundary.keys = live_.keys();
  for (const std::shared_ptr<SegmentState>& state : live_.segments()) {
    boundary.live_bytes[state->segment->id()] = state->live_bytes();
  }
  return boundary;
}

Status CommitLog::close() {
  Status closed = broken_;
  if (closed.ok()) closed = retire_active();
  writer_.reset();
  return closed;
}

}  // namespace talea
