#include "engine/commit_log.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace talea {

CommitLog::CommitLog(const Setup& setup, ManifestKeeper& manifest, LiveState& live,
                     Metrics& metrics)
    : sync_mode_(setup.files.sync),
      live_(live),
      metrics_(metrics),
      files_(setup.files, manifest, live, metrics),
      last_sequence_(setup.last_sequence),
      last_now_(setup.last_now),
      announced_(setup.last_sequence),
      durable_(setup.last_sequence) {}

CommitLog::Outcome CommitLog::write(std::span<const PendingBatch> batches, bool sync) {
  const bool durable = sync || sync_mode_ == SyncMode::always;
  Outcome outcome;
  while (outcome.committed < batches.size()) {
    const auto rest = batches.subspan(outcome.committed);
    if (Status failure = files_.failure(); !failure.ok()) (void)break_log(failure);
    outcome.status = broken_;
    if (outcome.status.ok()) outcome.status = ensure_active(rest.front());
    if (!outcome.status.ok()) return outcome;

    const Sequence announcing = durable_sequence();
    Failed stage = Failed::append;
    std::size_t count = 0;
    outcome.status = append(rest, count);
    if (outcome.status.ok() && durable) {
      stage = Failed::sync;
      outcome.status = SyncPoint{before_, writer_, 0}.sync();
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
    last_sequence_.store(good_.last_sequence, std::memory_order_relaxed);
    last_now_.store(written.back().now, std::memory_order_relaxed);
    announced_ = announcing;
    if (durable) {
      before_.reset();
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

LogFiles::Full CommitLog::full() const {
  if (writer_ == nullptr) return {};
  return {.writer = writer_, .fill = good_, .last_now = last_now_, .is_durable = !is_unsynced()};
}

LogFiles::Need CommitLog::position() const {
  return {.record_bytes = 0, .sequence = last_sequence_ + 1, .now = last_now_, .is_ahead = true};
}

Status CommitLog::ensure_active(const PendingBatch& first) {
  if (writer_ != nullptr && fits(first, writer_->end())) return {};
  const std::uint64_t bytes = first.encoded->record_bytes_max();
  if (auto prepared = files_.take_prepared(full(), bytes); prepared != nullptr) {
    activate(std::move(prepared));
    return {};
  }
  TALEA_TRY(sync());
  const LogFiles::Full finished = full();
  writer_.reset();  // it may be sealed from now on
  auto made =
      files_.make(finished, {.record_bytes = bytes, .sequence = first.sequence, .now = first.now});
  if (!made.ok()) return std::move(made).status().with_context("begin a new log segment");
  activate(std::move(made).value());
  return {};
}

void CommitLog::activate(std::shared_ptr<SegmentWriter> writer) {
  if (is_unsynced()) {
    before_ = writer_;
    before_last_ = last_sequence_;
  }
  writer_ = std::move(writer);
  active_ = &live_.add_segment(writer_->segment());
  good_ = {};
  announced_ = 0;  // each segment says anew how far all before it is durable
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
  // It comes while the record is written. Of more than one, publish() looks ahead by itself.
  if (const EntrySource& first = batches.front().entries.front(); count == 1) {
    live_.prefetch_replaced(first.space, first.key);
  }
  char* to = begin;
  const SegmentContext& context = writer_->segment()->context();
  for (const PendingBatch& batch : batches.first(count)) {
    const std::uint64_t offset = writer_->end() + static_cast<std::uint64_t>(to - begin);
    RecordPlace place{.sequence = batch.sequence, .now = batch.now, .offset = offset};
    // Once after each sync is enough: it is for whoever finds a bad record before this one.
    if (const Sequence durable = durable_sequence(); to == begin && durable > announced_) {
      place.synced_through = durable;
    }
    if (to == begin && good_.entries == 0 && (context.features & kFeaturePrepared) != 0) {
      place.follows = last_sequence_;
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

Status CommitLog::abandon(Failed what, Status failure) {
  if (what == Failed::append && writer_->is_usable()) return failure;  // nothing was written
  const Code code = failure.code();
  const std::string cause(failure.message());
  metrics_.segments_abandoned.add();
  Status undone;
  if (is_unsynced()) {
    // The manifest may vouch only for what is durable. After a failed sync that is unknown for
    // good: the next one would succeed without having written what this one lost.
    undone = what == Failed::sync ? Status::io_error("earlier writes were not synced yet")
                                  : SyncPoint{before_, writer_, 0}.sync();
  }
  if (undone.ok()) undone = seal_abandoned();
  writer_.reset();
  if (undone.ok()) {
    before_.reset();
    durable_.store(last_sequence_, std::memory_order_relaxed);
    return Status(code, cause + "; nothing of this write is stored");
  }
  broken_ = Status::io_error(
      "an earlier write failed and could not be undone; close the store and open it again (" +
      cause + "; then: " + std::string(undone.message()) + ")");
  return Status::timed_out(cause + "; undoing it failed as well: " + std::string(undone.message()) +
                           "; whether this write is stored shows when the store is opened again");
}

// Cut first, because on a full disk the manifest may need the room. A segment without a good batch
// leaves the manifest, but only when the cut is durable: a file that is not named must not hold
// what could be taken for a batch.
Status CommitLog::seal_abandoned() {
  LogFiles::Full abandoned = full();
  const bool is_blank = good_.entries == 0 && writer_->blank().ok();
  if (!is_blank) (void)writer_->cut(good_.end).ok();
  abandoned.is_failed = !is_blank;
  return files_.finish(abandoned, /*is_last=*/false);
}

Status CommitLog::SyncPoint::sync() const {
  if (before != nullptr) TALEA_TRY(before->sync());
  return writer == nullptr ? Status() : writer->sync();
}

Status CommitLog::sync() {
  const SyncPoint point = begin_sync();
  return end_sync(point, point.sync());
}

CommitLog::SyncPoint CommitLog::begin_sync() const {
  if (!broken_.ok() || !is_unsynced()) return {};
  return {before_, writer_, last_sequence_};
}

Status CommitLog::end_sync(const SyncPoint& point, const Status& synced) {
  TALEA_TRY(Status(broken_));
  if (!synced.ok()) return break_log(synced);
  if (const Status failure = files_.failure(); !failure.ok()) return break_log(failure);
  if (point.through == 0) return {};
  metrics_.syncs.add();
  durable_.store(std::max(durable_sequence(), point.through), std::memory_order_relaxed);
  if (point.through >= before_last_) before_.reset();
  return {};
}

Status CommitLog::break_log(const Status& cause) {
  broken_ = Status::io_error(
      "a sync failed, and what was written since the last good one may be lost; close the store "
      "and open it again (" +
      std::string(cause.message()) + ")");
  return broken_;
}

Result<CommitLog::Boundary> CommitLog::cut(std::uint32_t prepared_above) {
  TALEA_TRY(Status(broken_));
  Boundary boundary;
  boundary.id = prepared_above;
  if (writer_ != nullptr) {
    std::shared_ptr<SegmentWriter> prepared;
    const bool is_below = writer_->segment()->id() < boundary.id;
    if (is_below) prepared = files_.take_prepared(full(), 0, boundary.id);
    if (prepared != nullptr) {
      activate(std::move(prepared));
    } else {
      TALEA_TRY(sync());
      const LogFiles::Full finished = full();
      writer_.reset();
      TALEA_TRY(files_.finish(finished, /*is_last=*/true));
      boundary.id = TALEA_TRY(files_.prepare_above_new_id(position()));
    }
  }
  // The prepared segment was used since, and given up after a failure: it must lie below.
  const auto is_used_above = [&](const std::shared_ptr<SegmentState>& state) {
    return state->segment->header().kind == SegmentKind::log &&
           state->segment->id() >= boundary.id && state->fill().entries > 0;
  };
  const auto segments = live_.segments();
  if (writer_ == nullptr && std::any_of(segments.begin(), segments.end(), is_used_above)) {
    boundary.id = TALEA_TRY(files_.prepare_above_new_id(position()));
  }
  boundary.pin = live_.pin();
  boundary.keys = live_.keys();
  boundary.history_buffers = live_.cut_history();
  for (const std::shared_ptr<SegmentState>& state : live_.segments()) {
    boundary.live_bytes[state->segment->id()] = state->live_bytes();
  }
  return boundary;
}

Status CommitLog::close() {
  Status closed = broken_;
  if (closed.ok()) closed = sync();
  if (closed.ok()) closed = files_.finish(full(), /*is_last=*/true);
  writer_.reset();
  before_.reset();
  return closed;
}

}  // namespace talea
