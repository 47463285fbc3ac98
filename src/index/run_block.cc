#include "index/run_block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "codec/fixed.h"
#include "codec/varint.h"

namespace talea {
namespace {

constexpr std::size_t position_of(RunColumn column) { return static_cast<std::size_t>(column); }
constexpr std::size_t kFlags = position_of(RunColumn::flags);
constexpr std::size_t kSequence = position_of(RunColumn::sequence);
constexpr std::size_t kExpiry = position_of(RunColumn::expiry);

bool has_column(RunBlockKind kind, std::size_t column) {
  if (kind == RunBlockKind::data) return true;
  switch (static_cast<RunColumn>(column)) {
    case RunColumn::restart:
    case RunColumn::sequence:
    case RunColumn::offset:
    case RunColumn::bytes: return true;
    default: return false;
  }
}

std::uint64_t restarts_of(std::uint64_t rows) {
  return (rows + kRunRestartInterval - 1) / kRunRestartInterval;
}

std::uint64_t bytes_of_bits(std::uint64_t bits) { return (bits + 7) / 8; }

std::uint64_t mask_of(unsigned width) {
  return width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

std::size_t shared_prefix_bytes(BytesView a, BytesView b) {
  const auto [at, ignored] = std::mismatch(
      a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
  return static_cast<std::size_t>(at - a.begin());
}

/// One entry of the key area.
struct KeyEntry {
  std::uint64_t shared = 0;
  BytesView suffix;
};

/// Takes an entry from the front of `area`; nothing when there is none.
std::optional<KeyEntry> take_key_entry(BytesView& area) {
  KeyEntry entry;
  std::uint64_t suffix_bytes = 0;
  // Most entries have one byte for each length.
  if (area.size() >= 2 && ((area[0] | area[1]) & 0x80) == 0) {
    entry.shared = static_cast<unsigned char>(area[0]);
    suffix_bytes = static_cast<unsigned char>(area[1]);
    area.remove_prefix(2);
    if (suffix_bytes > area.size()) return std::nullopt;
    entry.suffix = {area.data(), suffix_bytes};
    area.remove_prefix(suffix_bytes);
    return entry;
  }
  if (!take_varint(area, entry.shared) || !take_varint(area, suffix_bytes) ||
      suffix_bytes > area.size()) {
    return std::nullopt;
  }
  entry.suffix = area.substr(0, suffix_bytes);
  area.remove_prefix(suffix_bytes);
  return entry;
}

/// What is left of a key area at `at`; nothing when that is beyond it.
BytesView entries_from(BytesView area, std::uint64_t at) {
  return at <= area.size() ? area.substr(at) : BytesView();
}

/// Writes the low `width` bits of `value` at bit `at` of `bits`, which is zero there.
void store_bits(char* bits, std::uint64_t at, unsigned width, std::uint64_t value) {
  for (unsigned done = 0; done < width;) {
    const auto shift = static_cast<unsigned>((at + done) % 8);
    char& byte = bits[(at + done) / 8];
    byte = static_cast<char>(static_cast<unsigned char>(byte) | ((value >> done) << shift));
    done += 8 - shift;
  }
}

/// Positive when `entry` stands for a key above `previous`, the one before it, zero when it is the
/// same, negative when it is below or shares more than it says: the shared prefix being the longest
/// one, a single byte decides.
int order_of(const KeyEntry& entry, BytesView previous) {
  if (entry.shared == previous.size()) return entry.suffix.empty() ? 0 : 1;
  if (entry.suffix.empty()) return -1;
  const auto byte = static_cast<unsigned char>(entry.suffix[0]);
  return byte > static_cast<unsigned char>(previous[entry.shared]) ? 1 : -1;
}

/// The same for the entry of a restart point, whose prefix is that of `first`.
int order_of_restart(const KeyEntry& entry, BytesView first, BytesView previous) {
  if (order_of(entry, first) < 0) return -1;
  const BytesView prefix = first.substr(0, entry.shared);
  const int order = prefix.compare(previous.substr(0, entry.shared));
  return order != 0 ? order : entry.suffix.compare(previous.substr(entry.shared));
}

Status nonsense(const char* what) { return Status::corruption(what); }

}  // namespace

RunNumbers run_numbers(const RunRevision& revision) {
  return {0,
          (revision.tombstone ? kRunFlagTombstone : 0) |
              (revision.expiry_ms.has_value() ? kRunFlagExpiry : 0) |
              (revision.extents ? kRunFlagExtents : 0),
          revision.sequence,
          revision.time_ms,
          revision.expiry_ms.value_or(0),
          revision.address.segment,
          revision.address.offset,
          revision.address.bytes};
}

RunNumbers run_numbers(Sequence sequence, std::uint64_t offset, std::uint64_t bytes) {
  return {0, 0, sequence, 0, 0, 0, offset, bytes};
}

// ---- RunBlockBuilder

void RunBlockBuilder::Range::include(std::uint64_t value) {
  min = std::min(min, value);
  max = std::max(max, value);
}

unsigned RunBlockBuilder::Range::width() const {
  return min > max ? 0 : static_cast<unsigned>(std::bit_width(max - min));
}

void RunBlockBuilder::include_row(Ranges& ranges, const RunNumbers& numbers) {
  for (std::size_t column = kFlags; column < kRunColumns; ++column) {
    if (column == kExpiry && (numbers[kFlags] & kRunFlagExpiry) == 0) continue;
    ranges[column].include(numbers[column]);
  }
}

std::uint64_t RunBlockBuilder::values_in(std::size_t column, std::uint64_t rows) const {
  return column == 0 ? restarts_of(rows) : rows;
}

std::uint64_t RunBlockBuilder::content_bytes(const Ranges& ranges, std::uint64_t rows,
                                             std::uint64_t key_area_bytes) const {
  std::uint64_t bytes = 1 + varint_bytes(rows) + varint_bytes(key_area_bytes) + key_area_bytes;
  for (std::size_t column = 0; column < kRunColumns; ++column) {
    if (!has_column(kind_, column)) continue;
    const Range& range = ranges[column];
    bytes +=
        1 + varint_bytes(range.base()) + bytes_of_bits(values_in(column, rows) * range.width());
  }
  return bytes;
}

bool RunBlockBuilder::add(BytesView key, const RunNumbers& numbers,
                          std::uint64_t content_bytes_max) {
  const bool is_restart = rows_.size() % kRunRestartInterval == 0;
  const std::size_t shared = shared_prefix_bytes(is_restart ? first_key_ : last_key_, key);
  const std::size_t suffix_bytes = key.size() - shared;
  Ranges ranges = ranges_;
  include_row(ranges, numbers);
  if (is_restart) ranges[0].include(key_area_.size());
  if (!rows_.empty() &&
      content_bytes(ranges, rows_.size() + 1,
                    key_area_.size() + varint_bytes(shared) + varint_bytes(suffix_bytes) +
                        suffix_bytes) > content_bytes_max) {
    return false;
  }
  ranges_ = ranges;
  rows_.push_back(numbers);
  if (is_restart) rows_.back()[0] = key_area_.size();
  append_varint(key_area_, shared);
  append_varint(key_area_, suffix_bytes);
  key_area_.append(key.substr(shared));
  if (rows_.size() == 1) first_key_ = key;
  last_key_ = key;
  return true;
}

void RunBlockBuilder::append_column(Bytes& to, std::size_t column) const {
  const std::uint64_t base = ranges_[column].base();
  const unsigned width = ranges_[column].width();
  const std::uint64_t values = values_in(column, rows_.size());
  const std::uint64_t rows_per_value = column == 0 ? kRunRestartInterval : 1;
  const std::size_t begin = to.size();
  to.resize(begin + bytes_of_bits(values * width), '\0');
  for (std::uint64_t i = 0; i < values; ++i) {
    const RunNumbers& row = rows_[i * rows_per_value];
    if (column == kExpiry && (row[kFlags] & kRunFlagExpiry) == 0) continue;
    store_bits(to.data() + begin, i * width, width, row[column] - base);
  }
}

void RunBlockBuilder::finish(Bytes& to) {
  to.push_back(static_cast<char>(kind_));
  append_varint(to, rows_.size());
  append_varint(to, key_area_.size());
  for (std::size_t column = 0; column < kRunColumns; ++column) {
    if (!has_column(kind_, column)) continue;
    to.push_back(static_cast<char>(ranges_[column].width()));
    append_varint(to, ranges_[column].base());
  }
  to.append(key_area_);
  for (std::size_t column = 0; column < kRunColumns; ++column) {
    if (has_column(kind_, column)) append_column(to, column);
  }
  key_area_.clear();
  first_key_.clear();
  last_key_.clear();
  rows_.clear();
  ranges_ = {};
}

// ---- RunBlock

std::uint64_t RunBlock::Column::packed(const char* content, std::uint64_t i) const {
  const std::uint64_t bit = i * width;
  const char* at = content + bits_at + bit / 8;
  const unsigned shift = bit % 8;
  std::uint64_t value = load_fixed<std::uint64_t>(at) >> shift;
  if (shift != 0) value |= std::uint64_t{static_cast<unsigned char>(at[8])} << (64 - shift);
  return value & mask_of(width);
}

std::uint64_t RunBlock::values_in(std::size_t column) const {
  return column == 0 ? restarts_of(rows_) : rows_;
}

std::uint64_t RunBlock::restarts() const { return restarts_of(rows_); }

int RunBlock::compare_restart(std::uint64_t r, BytesView key, Sequence sequence) const {
  BytesView area = entries_from(key_area(), restart(r));
  const std::optional<KeyEntry> entry = take_key_entry(area);
  if (!entry) return 1;  // damaged since it was validated; what is before it will do
  const auto& [shared, suffix] = *entry;
  const int order = first_key().substr(0, shared).compare(key.substr(0, shared));
  if (order != 0) return order;
  if (shared > key.size()) return 1;
  return compare_run_rows(suffix, this->sequence(r * kRunRestartInterval), key.substr(shared),
                          sequence);
}

std::uint64_t RunBlock::restarts_at_or_before(BytesView key, Sequence sequence) const {
  std::uint64_t begin = 0;
  std::uint64_t end = restarts();
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    if (compare_restart(middle, key, sequence) <= 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

namespace {

/// Follows rows from one at or before a wanted key to the first beyond it, without putting their
/// keys together: it knows how many bytes the last row has in common with the wanted key. As each
/// row shares the longest prefix with the one before, that tells where it stands:
///
///     shares more than that    it differs from the wanted key where the last row does: before it
///     shares less              it leaves what both have in common, upwards: beyond it
///     shares as much           its suffix decides
class KeyFollower {
 public:
  explicit KeyFollower(BytesView wanted) : wanted_(wanted) {}

  /// Negative, zero or positive as the row of `entry`, whose prefix is that of a row that has
  /// `common` bytes in common with the wanted key and is not beyond it, is before, at or beyond.
  int order(const KeyEntry& entry, std::size_t common) {
    common_ = common;
    if (entry.shared != common) return entry.shared > common ? -1 : 1;
    const BytesView rest = wanted_.substr(common);
    const std::size_t more = shared_prefix_bytes(entry.suffix, rest);
    if (more == rest.size()) return more == entry.suffix.size() ? at_key() : 1;
    if (more < entry.suffix.size() &&
        static_cast<unsigned char>(entry.suffix[more]) > static_cast<unsigned char>(rest[more])) {
      return 1;
    }
    common_ += more;
    return -1;
  }
  int order(const KeyEntry& entry) { return order(entry, common_); }
  /// The same for the entry of a restart point.
  int order_of_restart(const KeyEntry& entry, BytesView first) {
    const BytesView prefix = first.substr(0, entry.shared);
    const std::size_t common = shared_prefix_bytes(prefix, wanted_);
    if (common == prefix.size()) return order({prefix.size(), entry.suffix}, common);
    common_ = common;
    if (common == wanted_.size()) return 1;
    return static_cast<unsigned char>(prefix[common]) < static_cast<unsigned char>(wanted_[common])
               ? -1
               : 1;
  }

 private:
  int at_key() {
    common_ = wanted_.size();
    return 0;
  }

  const BytesView wanted_;
  std::size_t common_ = 0;
};

}  // namespace

std::optional<RunBlock::Place> RunBlock::find(BytesView key, Sequence sequence) const {
  const std::uint64_t before = restarts_at_or_before(key, sequence);
  // From the last restart point that is at or before the row to the next one.
  std::uint64_t row = before == 0 ? 0 : (before - 1) * kRunRestartInterval;
  const std::uint64_t end = std::min(before * kRunRestartInterval + 1, rows_);
  BytesView area =
      row < rows_ ? entries_from(key_area(), restart(row / kRunRestartInterval)) : BytesView();
  KeyFollower follower(key);
  for (; row < end; ++row) {
    const std::optional<KeyEntry> entry = take_key_entry(area);
    if (!entry) return std::nullopt;
    const int order = row % kRunRestartInterval == 0
                          ? follower.order_of_restart(*entry, first_key())
                          : follower.order(*entry);
    if (order > 0) return Place{.row = row};
    if (order == 0 && this->sequence(row) <= sequence) {
      return Place{.row = row, .is_key = true, .is_exact = this->sequence(row) == sequence};
    }
  }
  return Place{.row = end};
}

std::optional<std::uint64_t> RunBlock::find_last_at_or_before(BytesView key,
                                                              Sequence sequence) const {
  const std::optional<Place> place = find(key, sequence);
  if (!place) return std::nullopt;
  if (place->is_exact) return place->row;
  return place->row == 0 ? rows_ : place->row - 1;
}

RunRevision RunBlock::revision(std::uint64_t row) const {
  const std::uint64_t flags = number(RunColumn::flags, row);
  RunRevision revision;
  revision.sequence = sequence(row);
  revision.time_ms = number(RunColumn::time, row);
  revision.tombstone = (flags & kRunFlagTombstone) != 0;
  revision.extents = (flags & kRunFlagExtents) != 0;
  if ((flags & kRunFlagExpiry) != 0) revision.expiry_ms = number(RunColumn::expiry, row);
  revision.address = {.segment = number(RunColumn::segment, row),
                      .offset = number(RunColumn::offset, row),
                      .bytes = number(RunColumn::bytes, row)};
  return revision;
}

Result<RunBlock> RunBlock::parse(RunBlockKind kind, std::uint32_t features,
                                 std::vector<char> content) {
  TALEA_ASSERT(content.size() >= kSlackBytes);
  RunBlock block;
  block.owned_ = std::move(content);
  block.content_ = block.owned_.data();
  block.content_bytes_ = block.owned_.size() - kSlackBytes;
  TALEA_TRY(block.validate(kind, features));
  return block;
}

Result<RunBlock> RunBlock::parse_view(RunBlockKind kind, std::uint32_t features,
                                      BytesView content) {
  RunBlock block;
  block.content_ = content.data();
  block.content_bytes_ = content.size();
  TALEA_TRY(block.validate(kind, features));
  return block;
}

Result<RunBlock> RunBlock::view_again(RunBlockKind kind, BytesView content) {
  RunBlock block;
  block.content_ = content.data();
  block.content_bytes_ = content.size();
  TALEA_TRY(block.parse_heads(kind));
  return block;
}

Status RunBlock::validate(RunBlockKind kind, std::uint32_t features) {
  TALEA_TRY(parse_heads(kind));
  TALEA_TRY(check_numbers(kind, features));
  return check_keys(kind);
}

Status RunBlock::parse_heads(RunBlockKind kind) {
  BytesView rest(content_, content_bytes_);
  if (rest.empty() || rest[0] != static_cast<char>(kind)) {
    return nonsense("a block of another kind");
  }
  rest.remove_prefix(1);
  std::uint64_t key_area_bytes = 0;
  if (!take_varint(rest, rows_) || !take_varint(rest, key_area_bytes) ||
      key_area_bytes > rest.size() || rows_ > key_area_bytes / 2) {
    return nonsense("more rows or keys than the block has room for");
  }
  if (rows_ == 0 && kind != RunBlockKind::root) return nonsense("a block without rows");
  for (std::size_t i = 0; i < kRunColumns; ++i) {
    if (!has_column(kind, i)) continue;
    if (rest.empty() || static_cast<unsigned char>(rest[0]) > 64) return nonsense("a column head");
    columns_[i].width = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    if (!take_varint(rest, columns_[i].base)) return nonsense("a column head");
  }
  key_area_at_ = content_bytes_ - rest.size();
  key_area_bytes_ = key_area_bytes;
  if (key_area_bytes > rest.size()) return nonsense("keys that leave the block");
  rest.remove_prefix(key_area_bytes);
  for (std::size_t i = 0; i < kRunColumns; ++i) {
    const std::uint64_t bits = values_in(i) * columns_[i].width;
    if (bytes_of_bits(bits) > rest.size()) return nonsense("a column that leaves the block");
    columns_[i].bits_at = content_bytes_ - rest.size();
    rest.remove_prefix(bytes_of_bits(bits));
    const auto last = static_cast<unsigned char>(content_[content_bytes_ - rest.size() - 1]);
    if (bits % 8 != 0 && last >> (bits % 8) != 0) return nonsense("spare bits that are not zero");
  }
  if (!rest.empty()) return nonsense("bytes behind the last column");
  return find_first_key();
}

Status RunBlock::find_first_key() {
  if (rows_ == 0) return {};
  BytesView area = key_area();
  const std::optional<KeyEntry> first = take_key_entry(area);
  if (!first || first->shared != 0) return nonsense("a first key that is cut short");
  first_key_at_ = static_cast<std::size_t>(first->suffix.data() - content_);
  first_key_bytes_ = first->suffix.size();
  return {};
}

Status RunBlock::check_largest(RunColumn column, std::uint64_t largest) const {
  const Column& numbers = columns_[position_of(column)];
  const std::uint64_t room = largest - numbers.base;
  if (numbers.base > largest) return nonsense("a number beyond its limit");
  if (mask_of(numbers.width) <= room) return {};
  for (std::uint64_t i = 0; i < values_in(position_of(column)); ++i) {
    if (numbers.packed(content_, i) > room) return nonsense("a number beyond its limit");
  }
  return {};
}

Status RunBlock::check_numbers(RunBlockKind kind, std::uint32_t features) const {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  TALEA_TRY(check_largest(RunColumn::restart, kAny));
  TALEA_TRY(check_largest(RunColumn::sequence, kAny));
  TALEA_TRY(check_largest(RunColumn::offset, kAny));
  if (kind == RunBlockKind::index) TALEA_TRY(check_largest(RunColumn::bytes, kRunBlockBytesMax));
  if (kind != RunBlockKind::data) return check_largest(RunColumn::bytes, kAny);
  TALEA_TRY(check_largest(RunColumn::flags, kRunFlagTombstone | kRunFlagExpiry | kRunFlagExtents));
  TALEA_TRY(check_largest(RunColumn::time, kAny));
  TALEA_TRY(check_largest(RunColumn::expiry, kAny));
  TALEA_TRY(check_largest(RunColumn::segment, kAny));
  TALEA_TRY(check_largest(RunColumn::bytes, kRunEntryBytesMax));
  if (columns_[kSequence].base == 0) return nonsense("a row of sequence 0");
  const std::uint64_t announced = ((features & kRunFeatureTombstone) != 0 ? kRunFlagTombstone : 0) |
                                  ((features & kRunFeatureExpiry) != 0 ? kRunFlagExpiry : 0) |
                                  ((features & kRunFeatureExtents) != 0 ? kRunFlagExtents : 0);
  if (columns_[kFlags].width == 0 && columns_[kFlags].base == 0 && columns_[kExpiry].width == 0) {
    return {};
  }
  for (std::uint64_t row = 0; row < rows_; ++row) {
    const std::uint64_t flags = number(RunColumn::flags, row);
    if ((flags & ~announced) != 0) return nonsense("a flag that the header does not announce");
    if ((flags & kRunFlagExpiry) == 0 && columns_[kExpiry].packed(content_, row) != 0) {
      return nonsense("an expiry that its row does not have");
    }
  }
  return {};
}

Status RunBlock::check_keys(RunBlockKind kind) const {
  const std::size_t key_bytes_min = kind == RunBlockKind::data ? kRunSpaceBytes + kKeyBytesMin : 0;
  BytesView area = key_area();
  Bytes key;
  for (std::uint64_t row = 0; row < rows_; ++row) {
    const std::size_t at = key_area_bytes_ - area.size();
    const bool is_restart = row % kRunRestartInterval == 0;
    if (is_restart && restart(row / kRunRestartInterval) != at) {
      return nonsense("a restart point that is not at its row");
    }
    const std::optional<KeyEntry> entry = take_key_entry(area);
    if (!entry) return nonsense("a key that leaves the block");
    const auto& [shared, suffix] = *entry;
    if (shared > (row == 0 ? 0 : is_restart ? first_key_bytes_ : key.size()))
      return nonsense("a shared prefix");
    if (shared + suffix.size() < key_bytes_min || shared + suffix.size() > kRunRowKeyBytesMax) {
      return nonsense("a key of impossible length");
    }
    if (row > 0) {
      const int order =
          is_restart ? order_of_restart(*entry, first_key(), key) : order_of(*entry, key);
      if (order < 0 || (order == 0 && sequence(row) >= sequence(row - 1))) {
        return nonsense("rows out of order");
      }
    }
    if (is_restart) {
      key = first_key().substr(0, shared);
    } else {
      key.resize(shared);
    }
    key.append(suffix);
  }
  return area.empty() ? Status() : nonsense("bytes behind the last key");
}

// ---- RunCursor

void RunCursor::next() {
  TALEA_ASSERT(valid());
  ++row_;
  if (valid()) decode_key();
}

void RunCursor::decode_key() {
  BytesView area = entries_from(block_->key_area(), next_key_at_);
  const std::optional<KeyEntry> entry = take_key_entry(area);
  const bool is_restart = row_ % kRunRestartInterval == 0;
  if (!entry || entry->shared > (is_restart ? block_->first_key_bytes_ : key_.size())) {
    damaged_ = true;
    row_ = block_->rows();
    return;
  }
  if (is_restart) {
    key_ = block_->first_key().substr(0, entry->shared);
  } else {
    key_.resize(entry->shared);
  }
  key_.append(entry->suffix);
  next_key_at_ = block_->key_area_bytes_ - area.size();
}

void RunCursor::move_to(std::uint64_t row) {
  TALEA_ASSERT(row <= block_->rows());
  damaged_ = false;
  row_ = row;
  if (row == block_->rows()) return;
  row_ = row / kRunRestartInterval * kRunRestartInterval;
  next_key_at_ = block_->restart(row / kRunRestartInterval);
  decode_key();
  while (row_ < row) next();
}

void RunCursor::seek(BytesView key, Sequence sequence) {
  const std::optional<RunBlock::Place> place = block_->find(key, sequence);
  if (!place) {
    row_ = block_->rows();
    damaged_ = true;
  } else if (place->row == block_->rows() && place->row > 0) {
    move_to(place->row - 1);
    if (valid()) next();
  } else {
    move_to(place->row);
  }
}

bool RunCursor::seek_last_at_or_before(BytesView key, Sequence sequence) {
  const std::optional<std::uint64_t> row = block_->find_last_at_or_before(key, sequence);
  move_to(row.value_or(block_->rows()));
  if (!row) damaged_ = true;
  return valid();
}

}  // namespace talea
