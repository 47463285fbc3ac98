// RunReader::verify(): walks the file from front to back and recomputes what it states of itself.
#include <algorithm>
#include <utility>

#include "index/run_reader.h"

namespace talea {

/// Checks the rows of an opened run, and what lies between its parts.
class RunVerifier {
 public:
  explicit RunVerifier(const RunReader& run) : run_(run) {}

  Status verify() {
    TALEA_TRY(check_index());
    TALEA_TRY(check_padding());
    return check_totals();
  }

 private:
  Status check_index() {
    RunCursor root(*run_.root_);
    std::uint64_t index_end = run_.layout_.index_offset;
    for (root.move_to(0); root.valid(); root.next()) {
      TALEA_TRY(check_adjacent(RunBlockKind::index, root, index_end));
      const auto index_block =
          TALEA_TRY(run_.share_block(RunBlockKind::index, root.block(), root.row()));
      RunCursor index(*index_block);
      for (index.move_to(0); index.valid(); index.next()) {
        TALEA_TRY(check_data_block(index));
      }
    }
    if (index_end != run_.layout_.root_offset) {
      return run_.damaged(index_end, "bytes that belong to no index block");
    }
    if (data_end_ != run_.layout_.data_end || data_blocks_ != run_.layout_.data_blocks) {
      return run_.damaged(data_end_, "bytes that belong to no data block");
    }
    return {};
  }

  /// Blocks follow one another without gaps: the one that `above` is at begins at `end`, which
  /// moves behind it.
  Status check_adjacent(RunBlockKind kind, const RunCursor& above, std::uint64_t& end) {
    const auto [offset, bytes] = TALEA_TRY(run_.extent_of(kind, above.block(), above.row()));
    if (offset != end) return run_.damaged(end, "a gap between blocks");
    end = offset + bytes;
    return {};
  }

  Status check_data_block(const RunCursor& above) {
    const std::uint64_t offset = data_end_;
    TALEA_TRY(check_adjacent(RunBlockKind::data, above, data_end_));
    ++data_blocks_;
    if (stats_.rows > 0 &&
        compare_run_rows(last_key_, last_sequence_, above.key(), above.sequence()) >= 0) {
      return run_.damaged(offset, "data block: rows of the block before belong here");
    }
    const auto block = TALEA_TRY(run_.share_block(RunBlockKind::data, above.block(), above.row()));
    RunCursor data(*block);
    for (data.move_to(0); data.valid(); data.next()) {
      TALEA_TRY(count(offset, data.key(), block->revision(data.row())));
    }
    return {};
  }

  Status count(std::uint64_t offset, BytesView row_key, const RunRevision& revision) {
    const bool is_new_key = row_key != last_key_;
    if (stats_.rows == 0) {
      first_key_ = row_key;
      stats_.sequence_min = revision.sequence;
      stats_.time_min_ms = revision.time_ms;
    }
    if (is_new_key && !TALEA_TRY(run_.may_contain(run_space_of(row_key), run_key_of(row_key)))) {
      return run_.damaged(offset, "data block: a key that the filter says to be absent");
    }
    ++stats_.rows;
    stats_.keys += is_new_key;
    stats_.tombstones += revision.tombstone;
    has_expiry_ |= revision.expiry_ms.has_value();
    has_extents_ |= revision.extents;
    stats_.sequence_min = std::min(stats_.sequence_min, revision.sequence);
    stats_.sequence_max = std::max(stats_.sequence_max, revision.sequence);
    stats_.time_min_ms = std::min(stats_.time_min_ms, revision.time_ms);
    stats_.time_max_ms = std::max(stats_.time_max_ms, revision.time_ms);
    if (is_new_key && !revision.tombstone) stats_.live_bytes += revision.address.bytes;
    last_key_ = row_key;
    last_sequence_ = revision.sequence;
    return {};
  }

  Status check_padding() const {
    Bytes padding(run_.layout_.filter_offset - run_.layout_.data_end, '\0');
    TALEA_TRY(run_.read(run_.layout_.data_end, padding.data(), padding.size()));
    const auto at = std::find_if(padding.begin(), padding.end(), [](char c) { return c != 0; });
    if (at == padding.end()) return {};
    return run_.damaged(run_.layout_.data_end + static_cast<std::uint64_t>(at - padding.begin()),
                        "padding that is not zero");
  }

  Status check_totals() const {
    const std::uint32_t features =
        (has_expiry_ ? kRunFeatureExpiry : 0) | (has_extents_ ? kRunFeatureExtents : 0) |
        (stats_.tombstones > 0 ? kRunFeatureTombstone : 0) |
        (run_.cipher_ != nullptr ? std::uint32_t{kFeatureEncryption} : 0);
    if (stats_ != run_.stats_) {
      return run_.damaged(run_.layout_.footer_offset, "the footer disagrees with the rows");
    }
    if (features != run_.header_.features) {
      return run_.damaged(0, "the header announces features that no row uses");
    }
    if (first_key_ != run_.first_row_key_ || last_key_ != run_.last_row_key_) {
      return run_.damaged(run_.layout_.properties_offset, "properties disagree with the rows");
    }
    return {};
  }

  const RunReader& run_;
  RunStats stats_;
  bool has_expiry_ = false;
  bool has_extents_ = false;
  Bytes first_key_;
  Bytes last_key_;
  Sequence last_sequence_ = 0;
  std::uint64_t data_end_ = kRunHeaderBytes;
  std::uint64_t data_blocks_ = 0;
};

Status RunReader::verify() const {
  RunReader fresh(*file_, path_, {.hold_index = true, .hold_filter = true, .keys = options_.keys});
  TALEA_TRY(fresh.load());
  return RunVerifier(fresh).verify();
}

}  // namespace talea
