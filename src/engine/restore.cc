#include "engine/restore.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "engine/expiry_hint.h"
#include "engine/new_store.h"
#include "engine/opening.h"
#include "engine/prepared_batch.h"
#include "engine/row_sorter.h"
#include "log/extent.h"
#include "manifest/manifest.h"

namespace talea {
namespace {

constexpr std::uint64_t kExtentSegmentBytes = 256 * kMiB;
constexpr std::uint64_t kWriteBytes = kMiB;

// A segment that is written from front to back, in large pieces.
class SegmentFile {
 public:
  SegmentFile(NewStore& store, std::unique_ptr<Segment> segment)
      : store_(store), segment_(std::move(segment)) {
    file_.kind = segment_->header().kind;
    file_.id = segment_->id();
    file_.sealed = true;
    file_.first_sequence = segment_->header().first_sequence;
  }

  const SegmentContext& context() const { return segment_->context(); }
  std::uint32_t id() const { return file_.id; }
  std::uint64_t end() const { return written_ + buffer_.size(); }
  // What is to be counted and said of it in the manifest.
  ManifestFile& file() { return file_; }

  // For what is to follow at end(): appended to, then passed_on().
  Bytes& buffer() { return buffer_; }
  Status pass_on() { return buffer_.size() < kWriteBytes ? Status() : write(); }

  Status finish() {
    TALEA_TRY(write());
    file_.bytes = written_;
    return store_.add_segment(*segment_, file_);
  }

 private:
  Status write() {
    TALEA_TRY(segment_->file().pwrite(written_, buffer_).with_context(segment_->name()));
    written_ += buffer_.size();
    buffer_.clear();
    return {};
  }

  NewStore& store_;
  std::unique_ptr<Segment> segment_;
  ManifestFile file_;
  Bytes buffer_;
  std::uint64_t written_ = kSegmentHeaderBytes;
};

// Large values, one behind the other.
class Extents {
 public:
  explicit Extents(NewStore& store) : store_(store) {}

  Result<ExtentList> add(StateReader& state) {
    ExtentList list;
    list.value_id = store_.seams().random.next_u64();
    Bytes chunk;
    std::uint64_t number = 0;
    for (;;) {
      BytesView piece = TALEA_TRY(state.read_value());
      if (piece.empty()) break;
      while (!piece.empty()) {
        const std::size_t count =
            std::min<std::size_t>(piece.size(), kChunkBytesMax - chunk.size());
        chunk += piece.substr(0, count);
        piece.remove_prefix(count);
        if (chunk.size() < kChunkBytesMax) continue;
        TALEA_TRY(add_chunk(list, number++, chunk));
        chunk.clear();
      }
    }
    if (!chunk.empty()) TALEA_TRY(add_chunk(list, number, chunk));
    return list;
  }

  Status finish() { return file_ == nullptr ? Status() : file_->finish(); }

 private:
  ExtentPiece sealed_or_not(BytesView content) const {
    return {.bytes = content.size(), .is_sealed = store_.seams().keys != nullptr};
  }
  Status add_chunk(ExtentList& list, std::uint64_t number, BytesView content) {
    if (file_ != nullptr &&
        file_->end() + sealed_or_not(content).disk_bytes() > kExtentSegmentBytes) {
      TALEA_TRY(file_->finish());
      file_ = nullptr;
    }
    if (file_ == nullptr) {
      SegmentHeader header;
      header.kind = SegmentKind::extent;
      header.base_now = store_.seams().clock.wall_ms();
      file_ = std::make_unique<SegmentFile>(store_, TALEA_TRY(store_.make_segment(header)));
    }
    const auto offset = static_cast<std::uint32_t>(file_->end());
    const ChunkPlace place{.value_id = list.value_id, .number = number, .offset = offset};
    list.bytes += content.size();
    const bool goes_on = !list.pieces.empty() && list.pieces.back().segment == file_->id();
    if (goes_on) {
      list.pieces.back().bytes += content.size();
    } else {
      ExtentPiece piece = sealed_or_not(content);
      piece.segment = file_->id();
      piece.offset = offset;
      list.pieces.push_back(piece);
    }
    append_chunk(place, content, file_->context(), file_->buffer());
    ++file_->file().entries;
    return file_->pass_on();
  }

  NewStore& store_;
  std::unique_ptr<SegmentFile> file_;
};

// Rows in the order of their revisions, as the batches of a log.
class Log {
 public:
  Log(NewStore& store, std::uint64_t segment_bytes)
      : store_(store), segment_bytes_(segment_bytes) {}

  Status add(const RowSorter::Row& row) {
    if (row.sequence != sequence_) TALEA_TRY(end_batch());
    if (row.now < now_) return out_of_order();
    if (!entries_.empty() && row.now != now_) return out_of_order();
    sequence_ = row.sequence;
    now_ = row.now;
    batch_bytes_ += row.entry.key.size() + row.entry.value.size();
    if (entries_.size() == kBatchEntriesMax || batch_bytes_ > kBatchInlineBytesMax) {
      return Status::corruption("more keys have revision " + std::to_string(sequence_) +
                                " than a batch can hold: no store had this state");
    }
    const EntrySource& entry = row.entry;
    entries_.push_back(
        {entry.space, Bytes(entry.key), Bytes(entry.value), entry.is_extent_list, entry.claims});
    if (entry.claims.expiry_ms == 0) return {};
    const ExpiryHint hint{entry.claims.expiry_ms, entry.space, entry.key};
    entries_.push_back({kExpirySpace, hint.encode(), {}, false, {}});
    return {};
  }

  Status finish() {
    TALEA_TRY(end_batch());
    return file_ == nullptr ? Status() : file_->finish();
  }

 private:
  // Its views outlive the row.
  struct Entry {
    Space space;
    Bytes key;
    Bytes value;
    bool is_extent_list;
    EntryClaims claims;
  };

  static Status out_of_order() {
    return Status::corruption(
        "the times of the rows do not ascend with their revisions: no store had this state");
  }

  Status end_batch() {
    if (entries_.empty()) return {};
    std::vector<EntrySource> sources;
    sources.reserve(entries_.size());
    for (const Entry& entry : entries_) {
      sources.push_back(
          {entry.space, entry.key, entry.value, false, entry.is_extent_list, entry.claims});
    }
    const EncodedBatch batch = encode_batch(sources, store_.seams().keys != nullptr);
    TALEA_TRY(make_room(batch.record_bytes_max()));
    finish_record(batch, {.sequence = sequence_, .now = now_, .offset = file_->end()},
                  file_->context(), file_->buffer(), places_);
    file_->file().entries += entries_.size();
    file_->file().last_sequence = sequence_;
    entries_.clear();
    places_.clear();
    batch_bytes_ = 0;
    return file_->pass_on();
  }

  Status make_room(std::uint64_t bytes) {
    const bool is_full = file_ != nullptr && file_->end() + bytes > segment_bytes_;
    if (is_full && file_->file().entries > 0) {
      TALEA_TRY(file_->finish());
      file_ = nullptr;
    }
    if (file_ != nullptr) return {};
    SegmentHeader header;
    header.kind = SegmentKind::log;
    header.features = kEntryFeatures | kFeatureState;
    header.first_sequence = sequence_;
    header.base_now = now_;
    file_ = std::make_unique<SegmentFile>(store_, TALEA_TRY(store_.make_segment(header)));
    return {};
  }

  NewStore& store_;
  const std::uint64_t segment_bytes_;
  std::unique_ptr<SegmentFile> file_;
  // The batch that is being put together.
  Sequence sequence_ = 0;
  std::uint64_t now_ = 0;
  std::uint64_t batch_bytes_ = 0;
  std::vector<Entry> entries_;
  std::vector<EntryExtent> places_;
};

// Hashes what passes, so that a state of any origin has its hash at the end.
class HashingReader final : public StateReader {
 public:
  explicit HashingReader(StateReader& state) : state_(state) {}
  Sequence last_sequence() const override { return state_.last_sequence(); }
  std::uint64_t last_time_ms() const override { return state_.last_time_ms(); }
  bool may_expire() const override { return state_.may_expire(); }
  Result<bool> next() override {
    const bool found = TALEA_TRY(state_.next());
    if (found) hasher_.row(state_.row());
    return found;
  }
  const StateRow& row() const override { return state_.row(); }
  Result<BytesView> read_value() override {
    const BytesView piece = TALEA_TRY(state_.read_value());
    hasher_.value(piece);
    return piece;
  }
  // Of rows whose values were all read. Call it once.
  StateHash hash() { return hasher_.finish(); }

 private:
  StateReader& state_;
  StateHasher hasher_;
};

// The whole value of the row, which is a small one.
Status read_small_value(StateReader& state, Bytes& value) {
  value.clear();
  for (;;) {
    const BytesView piece = TALEA_TRY(state.read_value());
    if (piece.empty()) return {};
    value += piece;
  }
}

}  // namespace

Result<StateHash> restore_directory(const Seams& seams, const std::string& path,
                                    const Options& options, StateReader& state,
                                    std::uint64_t buffer_bytes) {
  TALEA_TRY(check_options(options));
  const std::string directory = TALEA_TRY(seams.file_system.absolute(path));
  const std::unique_ptr<NewStore> store =
      TALEA_TRY(NewStore::begin(seams, directory, "a restore", options.encryption));

  HashingReader rows(state);
  Extents extents(*store);
  RowSorter sorter({.seams = store->seams(),
                    .directory = directory,
                    .store_id = store->store_id(),
                    .take_id = [&] { return store->take_id(); },
                    .buffer_bytes = buffer_bytes});
  Bytes value;
  Bytes block;
  Metrics uncounted;
  while (TALEA_TRY(rows.next())) {
    const StateRow& row = rows.row();
    if (row.space == kExpirySpace) {
      return Status::corruption("the state has hints of expiry, which follow from its rows");
    }
    EntrySource entry{.space = row.space, .key = row.key};
    entry.is_extent_list = row.value_bytes > kInlineValueBytesMax;
    entry.claims.expiry_ms = row.expiry_ms;
    if (entry.is_extent_list) {
      value = encode_extent_list(TALEA_TRY(extents.add(rows)));
    } else {
      TALEA_TRY(read_small_value(rows, value));
    }
    entry.value = entry.is_extent_list ? BytesView(value)
                                       : compress_value(value, options.compress_from_bytes, block,
                                                        entry.claims, uncounted);
    TALEA_TRY(sorter.add({row.revision, row.time_ms, entry}));
  }
  // Here the state is known to be whole and right.
  TALEA_TRY(extents.finish());
  TALEA_TRY(sorter.finish());
  Log log(*store, options.segment_bytes);
  for (;;) {
    const std::optional<RowSorter::Row> row = TALEA_TRY(sorter.next());
    if (!row) break;
    TALEA_TRY(log.add(*row));
  }
  TALEA_TRY(log.finish());
  TALEA_TRY(store->commit(state.last_sequence(), state.last_time_ms()));
  return rows.hash();
}

}  // namespace talea
