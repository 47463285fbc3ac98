#include "index/run_set.h"

#include <utility>

#include "base/assert.h"

namespace talea {

// ---- RunSet

std::shared_ptr<const RunSet> RunSet::of(std::vector<Run> newest_first) {
  return std::shared_ptr<const RunSet>(new RunSet(std::move(newest_first)));
}

Result<std::optional<RunRevision>> RunSet::get(const RunKey& key, Sequence at_or_below) const {
  for (const Run& run : runs_) {
    auto found = run->get(key, at_or_below);
    if (!found.ok() || found->has_value()) return found;
  }
  return std::optional<RunRevision>();
}

RunSetIterator RunSet::iterate(const View& view) const {
  return RunSetIterator(shared_from_this(), view);
}

std::uint64_t RunSet::rows() const {
  std::uint64_t rows = 0;
  for (const Run& run : runs_) rows += run->stats().rows;
  return rows;
}

std::uint64_t RunSet::keys() const {
  std::uint64_t keys = 0;
  for (const Run& run : runs_) keys += run->stats().keys;
  return keys;
}

std::uint64_t RunSet::memory_bytes() const {
  std::uint64_t bytes = sizeof *this;
  for (const Run& run : runs_) bytes += run->memory_bytes();
  return bytes;
}

std::uint64_t RunSet::data_blocks_looked_at() const {
  std::uint64_t blocks = 0;
  for (const Run& run : runs_) blocks += run->data_blocks_looked_at();
  return blocks;
}

// ---- RunKeyIterator

RunKeyIterator::RunKeyIterator(const RunReader& run, Sequence at_or_below)
    : rows_(run.iterate()),
      at_or_below_(at_or_below),
      plain_(run.stats().rows == run.stats().keys && run.stats().sequence_max <= at_or_below) {}

Status RunKeyIterator::settle_forward() {
  while (!plain_ && rows_.valid() && rows_.revision().sequence > at_or_below_) {
    TALEA_TRY(rows_.next());
  }
  return {};
}

Status RunKeyIterator::settle_backward() {
  while (!plain_ && rows_.valid()) {
    key_ = rows_.row_key();
    if (rows_.revision().sequence <= at_or_below_) {
      return rows_.seek_row_key(key_, at_or_below_);
    }
    while (rows_.valid() && rows_.row_key() == key_) TALEA_TRY(rows_.prev());
  }
  return {};
}

Status RunKeyIterator::seek(BytesView row_key) {
  TALEA_TRY(rows_.seek_row_key(row_key));
  return settle_forward();
}

Status RunKeyIterator::seek_before(BytesView row_key) {
  TALEA_TRY(rows_.seek_row_key(row_key));
  TALEA_TRY(rows_.valid() ? rows_.prev() : rows_.seek_last());
  return settle_backward();
}

Status RunKeyIterator::seek_first() {
  TALEA_TRY(rows_.seek_first());
  return settle_forward();
}

Status RunKeyIterator::seek_last() {
  TALEA_TRY(rows_.seek_last());
  return settle_backward();
}

Status RunKeyIterator::next() {
  if (plain_) return rows_.next();
  key_ = rows_.row_key();
  while (rows_.valid() && rows_.row_key() == key_) TALEA_TRY(rows_.next());
  return settle_forward();
}

Status RunKeyIterator::prev() {
  if (plain_) return rows_.prev();
  key_ = rows_.row_key();
  while (rows_.valid() && rows_.row_key() == key_) TALEA_TRY(rows_.prev());
  return settle_backward();
}

// ---- RunSetIterator

RunSetIterator::RunSetIterator(std::shared_ptr<const RunSet> set, const RunSet::View& view)
    : set_(std::move(set)), view_(view) {
  layers_.reserve(set_->runs().size());
  for (const RunSet::Run& run : set_->runs()) {
    layers_.push_back({.keys = RunKeyIterator(*run, view.at_or_below)});
  }
}

BytesView RunSetIterator::row_key() const {
  TALEA_ASSERT(valid());
  return current_->keys.row_key();
}

RunRevision RunSetIterator::revision() const {
  TALEA_ASSERT(valid());
  return current_->keys.revision();
}

// Of the layers at the foremost key, the newest decides; the others are shadowed there and have to
// move along with it.
void RunSetIterator::choose() {
  current_ = nullptr;
  for (Layer& layer : layers_) {
    layer.at_current = false;
    if (!layer.keys.valid()) continue;
    int order = -1;
    if (current_ != nullptr) {
      order = layer.keys.row_key().compare(current_->keys.row_key());
      if (direction_ == Direction::backward) order = -order;
    }
    if (order > 0) continue;
    if (order < 0) {
      for (Layer* before = layers_.data(); before != &layer; ++before) before->at_current = false;
      current_ = &layer;
    }
    layer.at_current = true;
  }
}

template <typename Move>
Status RunSetIterator::move_all(Direction direction, Move move) {
  direction_ = direction;
  for (Layer& layer : layers_) TALEA_TRY(move(layer.keys));
  choose();
  return skip_tombstones();
}

Status RunSetIterator::step(Direction direction) {
  if (direction != direction_) {
    // The other layers are on the far side of the current key.
    const Bytes from(row_key());
    for (Layer& layer : layers_) {
      if (direction == Direction::backward) {
        TALEA_TRY(layer.keys.seek_before(from));
        continue;
      }
      TALEA_TRY(layer.keys.seek(from));
      if (layer.keys.valid() && layer.keys.row_key() == from) TALEA_TRY(layer.keys.next());
    }
    direction_ = direction;
  } else {
    for (Layer& layer : layers_) {
      if (!layer.at_current) continue;
      TALEA_TRY(direction == Direction::forward ? layer.keys.next() : layer.keys.prev());
    }
  }
  choose();
  return {};
}

Status RunSetIterator::skip_tombstones() {
  if (view_.tombstones) return {};
  while (valid() && revision().tombstone) TALEA_TRY(step(direction_));
  return {};
}

Status RunSetIterator::settle(Status status) {
  if (!status.ok()) current_ = nullptr;
  return status;
}

Status RunSetIterator::seek(Space space, BytesView key) {
  const Bytes row_key = run_row_key(space, key);
  return settle(
      move_all(Direction::forward, [&](RunKeyIterator& keys) { return keys.seek(row_key); }));
}

Status RunSetIterator::seek_before(Space space, BytesView key) {
  const Bytes row_key = run_row_key(space, key);
  return settle(move_all(Direction::backward,
                         [&](RunKeyIterator& keys) { return keys.seek_before(row_key); }));
}

Status RunSetIterator::seek_first() {
  return settle(
      move_all(Direction::forward, [](RunKeyIterator& keys) { return keys.seek_first(); }));
}

Status RunSetIterator::seek_last() {
  return settle(
      move_all(Direction::backward, [](RunKeyIterator& keys) { return keys.seek_last(); }));
}

Status RunSetIterator::next() {
  TALEA_ASSERT(valid());
  TALEA_TRY(settle(step(Direction::forward)));
  return settle(skip_tombstones());
}

Status RunSetIterator::prev() {
  TALEA_ASSERT(valid());
  TALEA_TRY(settle(step(Direction::backward)));
  return settle(skip_tombstones());
}

// ---- RunMerger

RunMerger::RunMerger(const std::shared_ptr<const RunSet>& inputs,
                     std::unique_ptr<RunFileWriter> writer, const Options& options)
    : rows_(inputs->iterate({.tombstones = true})), writer_(std::move(writer)), options_(options) {}

Status RunMerger::check_row() const {
  const BytesView row_key = rows_.row_key();
  const RunRevision revision = rows_.revision();
  if (row_key > last_row_key_ && row_key.size() >= kRunSpaceBytes + kKeyBytesMin &&
      row_key.size() <= kRunRowKeyBytesMax && revision.sequence > 0 &&
      revision.address.bytes <= kRunEntryBytesMax) {
    return {};
  }
  return Status::corruption(
      "a run to merge has rows that make no sense; `talea verify` says where");
}

Result<bool> RunMerger::step(std::uint64_t rows_max) {
  if (!begun_) TALEA_TRY(rows_.seek_first());
  begun_ = true;
  for (std::uint64_t rows = 0; rows < rows_max && rows_.valid(); ++rows) {
    TALEA_TRY(check_row());
    const RunRevision revision = rows_.revision();
    last_row_key_ = rows_.row_key();
    if (!revision.tombstone || !options_.drop_tombstones) {
      TALEA_TRY(writer_->add_row_key(last_row_key_, revision));
    }
    TALEA_TRY(rows_.next());
  }
  return !rows_.valid();
}

Result<RunFileInfo> RunMerger::finish() {
  TALEA_ASSERT(begun_ && !rows_.valid());
  return writer_->finish();
}

}  // namespace talea
