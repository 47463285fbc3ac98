#include "engine/repair.h"

#include <algorithm>
#include <map>
#include <utility>

#include "codec/lz4_block.h"
#include "engine/expiry_hint.h"
#include "engine/opening.h"
#include "engine/restore.h"
#include "engine/run_layers.h"
#include "engine/verify.h"
#include "keys/master_key.h"
#include "log/extent.h"
#include "log/segment_scanner.h"

namespace talea {

namespace {

// The newest of a key, as far as is known.
struct Version {
  Sequence sequence = 0;
  std::uint64_t time_ms = 0;
  std::uint32_t segment = 0;
  EntryExtent place{};
  bool is_remove = false;
  bool is_lost = false;
};
using Versions = std::map<std::pair<Space, Bytes>, Version>;

// Reads what is intact of a store that nobody writes.
class Salvage {
 public:
  Salvage(const Seams& seams, std::string path, const Encryption& encryption)
      : seams_(seams), path_(std::move(path)), encryption_(encryption) {}

  Status collect(RepairReport& report) {
    TALEA_TRY(open_manifest(report));
    TALEA_TRY(open_segments());
    if (!report.is_by_search) report.is_by_search = !TALEA_TRY(collect_runs());
    if (report.is_by_search) {
      versions_.clear();
      good_ = 0;
      manifest_.replay_from = 0;
      for (const auto& [id, opened] : segments_) {
        if (opened.kind == SegmentKind::data) TALEA_TRY(search(*opened.segment, opened.bytes));
      }
    }
    for (const ManifestFile& file : manifest_.files) {
      if (file.kind != SegmentKind::log || file.id < manifest_.replay_from) continue;
      const auto opened = segments_.find(file.id);
      if (opened != segments_.end()) TALEA_TRY(collect_log(opened->second, report));
      is_damaged_ = is_damaged_ || opened == segments_.end() || good_ < file.last_sequence;
    }
    if (is_damaged_ && last_sequence_ > good_) note_lost(good_ + 1, last_sequence_, report);
    check_values(report);
    return {};
  }

  const Versions& versions() const { return versions_; }
  Sequence last_sequence() const { return last_sequence_; }
  std::uint64_t last_time_ms() const { return last_time_ms_; }

  // The entry of a version that is not lost.
  Result<EntryView> read(const Version& version, Segment::Scratch& scratch) const {
    return segments_.at(version.segment).segment->read_entry(version.place, scratch);
  }
  Result<Bytes> read_chunk_of(const ExtentList& list, std::uint64_t number, Bytes& scratch) const {
    std::uint64_t first = 0;
    for (const ExtentPiece& piece : list.pieces) {
      const std::uint64_t chunks = (piece.bytes + kChunkBytesMax - 1) / kChunkBytesMax;
      if (number >= first + chunks) {
        first += chunks;
        continue;
      }
      const auto segment = segments_.find(piece.segment);
      if (segment == segments_.end()) return Status::corruption("a file of it is missing");
      const std::uint64_t in_piece = (number - first) * kChunkBytesMax;
      const std::uint64_t offset =
          piece.offset + (number - first) * (kChunkBytesMax + piece.chunk_overhead());
      const std::uint64_t bytes = std::min(kChunkBytesMax, piece.bytes - in_piece);
      return Bytes(TALEA_TRY(read_chunk(*segment->second.segment,
                                        {list.value_id, number, static_cast<std::uint32_t>(offset)},
                                        bytes, scratch)));
    }
    return Bytes();
  }

 private:
  struct Opened {
    SegmentKind kind = SegmentKind::log;
    std::shared_ptr<Segment> segment;
    std::uint64_t bytes = 0;  // of it that may be looked at
    bool sealed = false;
  };

  Status open_manifest(RepairReport& report) {
    Options options;
    options.read_only = true;
    options.encryption = encryption_;
    auto locked = lock_directory(seams_, path_, options);
    if (locked.ok()) {
      lock_ = std::move(locked->lock);
      keys_ = std::move(locked->keys);
      manifest_ = std::move(locked->manifest);
      report.is_history_lost = manifest_.history.retention.keeps_past();
      last_sequence_ = manifest_.last_sequence;
      last_time_ms_ = manifest_.last_now;
      return {};
    }
    if (locked.status().code() != Code::corruption) return std::move(locked).status();
    report.is_by_search = true;
    return list_files();
  }

  // Without a manifest: all segments that are there, as far as they go.
  Status list_files() {
    bool any_encrypted = false;
    for (const std::string& name : TALEA_TRY(seams_.file_system.list(path_))) {
      const std::optional<SegmentFileName> file = parse_segment_file_name(name);
      if (!file) continue;
      Bytes header;
      const auto opened = seams_.file_system.open(join_path(path_, name), OpenMode::read);
      if (!opened.ok() || !read_exactly(**opened, 0, kSegmentHeaderBytes, header).ok()) continue;
      const auto decoded = decode_segment_header(header);
      if (!decoded.ok()) continue;
      if (decoded->is_encrypted() && !encryption_.is_given()) {
        return Status::unauthenticated(name + " is encrypted: give the key of the store");
      }
      any_encrypted = any_encrypted || decoded->is_encrypted();
      manifest_.store_id = decoded->store_id;
      manifest_.add({.kind = file->kind, .id = file->id});
    }
    if (any_encrypted) return read_keys();
    if (!encryption_.is_given()) return {};
    return Status::invalid_argument("nothing in " + path_ +
                                    " is encrypted, and a key is given: repair it without");
  }

  // Without them nothing of an encrypted store can be read, and damage to them cannot be repaired.
  Status read_keys() {
    keys_ =
        std::make_unique<KeyKeeper>(seams_.file_system, seams_.random, path_,
                                    TALEA_TRY(load_master_key(seams_.file_system, encryption_)));
    return keys_->read(manifest_.store_id);
  }
  const KeyRing* key_ring() const { return keys_ == nullptr ? nullptr : &keys_->ring(); }

  Status open_segments() {
    for (const ManifestFile& file : manifest_.files) {
      auto opened = Segment::open(seams_.file_system, path_, file.kind, file.id, manifest_.store_id,
                                  OpenMode::read, key_ring());
      if (!opened.ok()) continue;  // verify has found it
      const std::uint64_t size = TALEA_TRY((*opened)->file().size());
      Opened added{file.kind, std::move(opened).value(), size, file.sealed};
      if (file.sealed) added.bytes = std::min(size, file.bytes);
      if (file.kind != SegmentKind::extent) {
        TALEA_TRY(added.segment->map(size));
        added.segment->set_sealed(added.bytes);
      }
      segments_.emplace(file.id, std::move(added));
    }
    return {};
  }

  // What the runs say of each key; false when one of them is damaged.
  Result<bool> collect_runs() {
    std::vector<RunSet::Run> runs;
    for (const ManifestRun& run : manifest_.runs_newest_first()) {
      auto opened = open_run(seams_.file_system, path_, run_file_info(run), manifest_.store_id,
                             {.mapped = true, .keys = key_ring()});
      if (!opened.ok()) return false;
      runs.push_back(std::move(opened).value());
    }
    RunSetIterator rows = RunSet::of(std::move(runs))->iterate();
    Status moved = rows.seek_first();
    for (; moved.ok() && rows.valid(); moved = rows.next()) {
      const RunRevision row = rows.revision();
      Version version{.sequence = row.sequence,
                      .time_ms = row.time_ms,
                      .segment = static_cast<std::uint32_t>(row.address.segment),
                      .place = {static_cast<std::uint32_t>(row.address.offset),
                                static_cast<std::uint32_t>(row.address.bytes)}};
      versions_[{rows.space(), Bytes(rows.key())}] = version;
      good_ = std::max(good_, row.sequence);
      last_time_ms_ = std::max(last_time_ms_, row.time_ms);
    }
    return moved.ok();
  }

  // By search: every intact entry of a data segment, wherever it lies.
  Status search(const Segment& segment, std::uint64_t end) {
    SegmentScanner scanner(segment, end);
    RecordView record;
    for (;;) {
      const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
      if (step == SegmentScanner::Step::end) return {};
      if (step == SegmentScanner::Step::record) {
        apply(record, segment.id());
      } else if (!TALEA_TRY(scanner.find_next_valid())) {
        return {};
      }
    }
  }

  void apply(const RecordView& record, std::uint32_t segment) {
    last_sequence_ = std::max(last_sequence_, record.sequence);
    last_time_ms_ = std::max(last_time_ms_, record.now);
    for (const EntryView& entry : record.entries) {
      Version& version = versions_[{entry.space, Bytes(entry.key)}];
      // A copy of compaction is the same as what it was made of, and is there when that is not.
      if (version.sequence > record.sequence) continue;
      version = {.sequence = record.sequence,
                 .time_ms = record.now,
                 .segment = segment,
                 .place = entry.place,
                 .is_remove = entry.is_remove};
    }
  }

  // A log segment in order. What lies behind a bad record counts if the segment is sealed, or if
  // something there says that the bad one had been durable; else it is a torn tail.
  Status collect_log(const Opened& opened, RepairReport& report) {
    SegmentScanner scanner(*opened.segment, opened.bytes);
    RecordView record;
    Sequence good = good_;
    const bool is_whole_log = !report.is_by_search;  // else what was compacted is not there
    for (;;) {
      const SegmentScanner::Step step = TALEA_TRY(scanner.next(record));
      if (step == SegmentScanner::Step::end) break;
      if (step == SegmentScanner::Step::record) {
        // The first of a segment says what came before it.
        const bool any_missing =
            is_damaged_ || (is_whole_log && any_log_ && record.follows.value_or(0) > good);
        if (any_missing && record.sequence > good + 1) {
          note_lost(good + 1, record.sequence - 1, report);
        }
        is_damaged_ = false;
        any_log_ = true;
        apply(record, opened.segment->id());
        good = std::max(good, record.sequence);
        continue;
      }
      const bool may_be_torn = !opened.sealed && !scanner.is_forged();
      if (may_be_torn && !TALEA_TRY(is_proven_behind(opened, scanner.offset(), good))) break;
      is_damaged_ = true;
      if (!TALEA_TRY(scanner.find_next_valid())) break;
    }
    good_ = good;
    return {};
  }

  // Whether a record behind a bad one says that more than `good` was durable.
  Result<bool> is_proven_behind(const Opened& opened, std::uint64_t bad, Sequence good) {
    SegmentScanner scanner(*opened.segment, opened.bytes, bad);
    RecordView record;
    (void)TALEA_TRY(scanner.next(record));
    while (TALEA_TRY(scanner.find_next_valid())) {
      while (TALEA_TRY(scanner.next(record)) == SegmentScanner::Step::record) {
        if (record.synced_through && *record.synced_through > good) return true;
      }
    }
    return false;
  }

  static void note_lost(Sequence first, Sequence last, RepairReport& report) {
    report.lost_batches.push_back({first, last});
  }

  // Reads all that is to be kept, and marks what cannot be read.
  void check_values(RepairReport& report) {
    Segment::Scratch scratch;
    for (auto& [key, version] : versions_) {
      if (version.is_remove || key.first == kExpirySpace || is_intact(key, version, scratch)) {
        continue;
      }
      version.is_lost = true;
      ++report.keys_lost;
      const bool is_named =
          key.first == Space::user && report.lost_keys.size() < RepairReport::kLostKeysMax;
      if (is_named) report.lost_keys.push_back(key.second);
    }
  }

  bool is_intact(const std::pair<Space, Bytes>& key, const Version& version,
                 Segment::Scratch& scratch) const {
    const auto opened = segments_.find(version.segment);
    if (opened == segments_.end() || opened->second.kind == SegmentKind::extent) return false;
    const std::uint64_t end = std::uint64_t{version.place.offset} + version.place.bytes;
    if (end > opened->second.bytes) return false;
    const auto entry = read(version, scratch);
    if (!entry.ok() || entry->key != key.second || entry->space != key.first) return false;
    if (entry->claims.raw_value_bytes != 0) {
      Bytes value;
      return decompress_lz4(entry->value, entry->claims.raw_value_bytes, value);
    }
    if (!entry->is_extent_list) return true;
    const std::optional<ExtentList> list = decode_extent_list(entry->value);
    if (!list) return false;
    Bytes chunk;
    for (std::uint64_t number = 0; number * kChunkBytesMax < list->bytes; ++number) {
      if (!read_chunk_of(*list, number, chunk).ok()) return false;
    }
    return true;
  }

  const Seams seams_;
  const std::string path_;
  const Encryption& encryption_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<KeyKeeper> keys_;  // of a store that is encrypted
  Manifest manifest_;
  std::map<std::uint32_t, Opened> segments_;
  Versions versions_;
  Sequence last_sequence_ = 0;
  std::uint64_t last_time_ms_ = 0;
  Sequence good_ = 0;        // the last batch of the log that was read
  bool is_damaged_ = false;  // and the next was not
  bool any_log_ = false;     // it was of the log; before that good_ is what runs know of
};

// The rows of a Salvage.
class SalvagedState final : public StateReader {
 public:
  explicit SalvagedState(const Salvage& salvage)
      : salvage_(salvage), following_(salvage.versions().begin()) {}

  Sequence last_sequence() const override { return salvage_.last_sequence(); }
  std::uint64_t last_time_ms() const override { return salvage_.last_time_ms(); }
  bool may_expire() const override { return true; }

  Result<bool> next() override {
    const auto end = salvage_.versions().end();
    while (following_ != end && !is_row(*following_)) ++following_;
    if (following_ == end) return false;
    const auto& [key, version] = *following_++;
    const EntryView entry = TALEA_TRY(salvage_.read(version, scratch_));
    row_ = {.space = key.first,
            .key = key.second,
            .revision = version.sequence,
            .expiry_ms = entry.claims.expiry_ms,
            .value_bytes = entry.value.size(),
            .time_ms = version.time_ms};
    list_.reset();
    chunk_ = 0;
    left_ = entry.value;
    if (entry.is_extent_list) {
      list_ = decode_extent_list(entry.value);
      row_.value_bytes = list_->bytes;
    } else if (entry.claims.raw_value_bytes != 0) {
      if (!decompress_lz4(entry.value, entry.claims.raw_value_bytes, value_)) {
        return Status::corruption("a compressed value was intact, and is no longer");
      }
      left_ = value_;
      row_.value_bytes = value_.size();
    }
    ++rows_;
    return true;
  }

  const StateRow& row() const override { return row_; }

  Result<BytesView> read_value() override {
    if (!list_) return std::exchange(left_, {});
    if (chunk_ * kChunkBytesMax >= list_->bytes) return BytesView();
    value_ = TALEA_TRY(salvage_.read_chunk_of(*list_, chunk_++, chunk_scratch_));
    return BytesView(value_);
  }

  std::uint64_t rows() const { return rows_; }

 private:
  static bool is_row(const Versions::value_type& entry) {
    return !entry.second.is_remove && !entry.second.is_lost && entry.first.first != kExpirySpace;
  }

  const Salvage& salvage_;
  Versions::const_iterator following_;
  StateRow row_;
  std::uint64_t rows_ = 0;
  Segment::Scratch scratch_;
  Bytes value_;
  Bytes chunk_scratch_;
  BytesView left_;
  std::optional<ExtentList> list_;
  std::uint64_t chunk_ = 0;
};

}  // namespace

Result<RepairReport> repair_directory(
    const Seams& seams, const std::string& path, const std::string& new_path,
    const Options& options,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  RepairReport report;
  report.found = TALEA_TRY(verify_directory(seams, path, progress, options.encryption));
  Salvage salvage(seams, TALEA_TRY(seams.file_system.absolute(path)), options.encryption);
  TALEA_TRY(salvage.collect(report));
  SalvagedState state(salvage);
  report.state_hash = TALEA_TRY(restore_directory(seams, new_path, options, state));
  report.keys_kept = state.rows();
  return report;
}

}  // namespace talea
