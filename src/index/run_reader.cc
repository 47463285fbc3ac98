#include "index/run_reader.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "codec/fixed.h"
#include "codec/varint.h"
#include "index/bloom_filter.h"

namespace talea {
namespace {

constexpr Sequence kNewest = ~Sequence{0};

const char* name_of(RunBlockKind kind) {
  switch (kind) {
    case RunBlockKind::data: return "data block: ";
    case RunBlockKind::index: return "index block: ";
    case RunBlockKind::root: return "root block: ";
    case RunBlockKind::properties: break;
  }
  return "properties block: ";
}

std::vector<char> copied(BytesView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

// ---- Opening

Result<RunReader> RunReader::open(std::unique_ptr<File> file, std::string path,
                                  const Options& options) {
  Options effective = options;
  if (options.mapped) effective.hold_index = effective.hold_filter = false;
  RunReader reader(*file, std::move(path), effective);
  reader.owned_file_ = std::move(file);
  TALEA_TRY(reader.load());
  return reader;
}

Status RunReader::load() {
  const std::uint64_t file_bytes = TALEA_TRY(file_->size());
  if (file_bytes < kRunHeaderBytes + kRunFooterBytes) {
    return damaged(file_bytes, "too short for a run");
  }
  Bytes bytes(kRunHeaderBytes, '\0');
  TALEA_TRY(read(0, bytes.data(), bytes.size()));
  Result<RunHeader> header = decode_run_header(bytes);
  if (!header.ok()) return std::move(header).status().with_context(path_);
  header_ = *header;
  if (options_.keys == nullptr && header_.is_encrypted()) {
    return Status::unauthenticated(path_ + ": it is encrypted, and no key is given");
  }
  if (options_.keys != nullptr && !header_.is_encrypted()) {
    return damaged(0, "it is not encrypted, and the store is; somebody put it here");
  }
  cipher_ = run_cipher(options_.keys, header_.key_id, header_.identity);
  if (header_.is_encrypted() && cipher_ == nullptr) {
    return damaged(0, "it is encrypted with data key " + std::to_string(header_.key_id) +
                          ", which the key file of the store does not have");
  }
  TALEA_ASSERT(cipher_ == nullptr || !options_.mapped);
  check_seed_ = run_check_seed(header_.identity);

  bytes.resize(kRunFooterBytes);
  TALEA_TRY(read(file_bytes - kRunFooterBytes, bytes.data(), bytes.size()));
  Result<RunFooter> footer = decode_run_footer(bytes, file_bytes, check_seed_);
  if (!footer.ok()) return std::move(footer).status().with_context(path_);
  stats_ = footer->stats;
  layout_ = footer->layout;
  if (header_.first_sequence != stats_.sequence_min || header_.base_now_ms != stats_.time_min_ms) {
    return damaged(layout_.footer_offset, "header and footer disagree");
  }

  const std::uint64_t tail_offset =
      options_.hold_index ? layout_.index_offset : layout_.root_offset;
  bytes.resize(layout_.footer_offset - tail_offset);
  TALEA_TRY(read(tail_offset, bytes.data(), bytes.size()));
  TALEA_TRY(load_root_and_index(tail_offset, bytes));
  const BytesView properties = BytesView(bytes).substr(layout_.properties_offset - tail_offset);
  std::vector<char> content = copied(properties);
  TALEA_TRY(open_block(layout_.properties_offset, content));
  TALEA_TRY(load_properties({content.data(), content.size()}));
  if (options_.mapped) return load_mapping(file_bytes);
  return options_.hold_filter ? load_filter() : Status();
}

Status RunReader::load_mapping(std::uint64_t file_bytes) {
  if (file_bytes > kRunMappedBytesMax) {
    return Status::unsupported(path_ + ": a run of more than 32 TiB");
  }
  auto mapping = file_->map(0, file_bytes, MapAccess::read);
  if (!mapping.ok()) return std::move(mapping).status().with_context("map run " + path_);
  mapping_ = std::move(*mapping);
  unreadable_ = std::make_unique<std::atomic<bool>>(false);
  const BytesView memory = mapping_->bytes();
  auto watched = MapGuard::watch(memory.data(), memory.size(), MapAccess::read, *unreadable_);
  if (watched.ok()) watched_ = std::move(watched).value();  // else as without a guard
  // A footer may state more blocks than the file has room for.
  constexpr std::uint64_t kBlockBytesMin = 16;
  const std::uint64_t blocks = std::min(layout_.data_blocks, file_bytes / kBlockBytesMin) +
                               std::min(layout_.index_blocks, file_bytes / kBlockBytesMin);
  checked_ = std::make_unique<RunCheckedParts>(run_filter_pages(layout_.bloom_blocks), blocks);
  return {};
}

Status RunReader::load_root_and_index(std::uint64_t tail_offset, BytesView tail) {
  root_ = std::make_shared<const RunBlock>(
      TALEA_TRY(parse_block(RunBlockKind::root, layout_.root_offset,
                            copied(tail.substr(layout_.root_offset - tail_offset,
                                               layout_.properties_offset - layout_.root_offset)))));
  RunCursor above(*root_);
  above.move_to(0);
  if (root_->rows() != layout_.index_blocks ||
      (above.valid() && compare_run_rows(above.key(), above.sequence(), {}, kNewest) != 0)) {
    return damaged(layout_.root_offset, "root block: not the index of this file");
  }
  if (!options_.hold_index) return {};
  for (; above.valid(); above.next()) {
    const auto [offset, bytes] = TALEA_TRY(extent_of(RunBlockKind::index, *root_, above.row()));
    auto block = std::make_shared<const RunBlock>(TALEA_TRY(parse_block(
        RunBlockKind::index, offset, copied(tail.substr(offset - tail_offset, bytes)))));
    TALEA_TRY(check_begin(RunBlockKind::index, *block, offset, *root_, above.row()));
    held_index_.push_back(std::move(block));
  }
  return {};
}

Status RunReader::load_properties(BytesView content) {
  const Status nonsense = damaged(layout_.properties_offset, "properties block: broken grammar");
  if (content[0] != static_cast<char>(RunBlockKind::properties)) return nonsense;
  content.remove_prefix(1);
  std::uint64_t last_tag = 0;
  while (!content.empty()) {
    std::uint64_t tag = 0;
    std::uint64_t bytes = 0;
    if (!take_varint(content, tag) || !take_varint(content, bytes) || bytes > content.size() ||
        tag <= last_tag) {
      return nonsense;
    }
    if (tag == kRunPropertyFirstRowKey) first_row_key_ = content.substr(0, bytes);
    if (tag == kRunPropertyLastRowKey) last_row_key_ = content.substr(0, bytes);
    content.remove_prefix(bytes);
    last_tag = tag;
  }
  for (const Bytes* row_key : {&first_row_key_, &last_row_key_}) {
    const bool possible = stats_.rows == 0 ? row_key->empty()
                                           : row_key->size() >= kRunSpaceBytes + kKeyBytesMin &&
                                                 row_key->size() <= kRunRowKeyBytesMax;
    if (!possible) return nonsense;
  }
  return {};
}

Status RunReader::load_filter() {
  held_filter_.resize(layout_.index_offset - layout_.filter_offset);
  TALEA_TRY(read(layout_.filter_offset, held_filter_.data(), held_filter_.size()));
  for (std::size_t at = 0; at < held_filter_.size(); at += kRunFilterPageBytes) {
    TALEA_TRY(open_filter_page(layout_.filter_offset + at, held_filter_.data() + at));
  }
  return {};
}

// ---- Parts of the file

Status RunReader::damaged(std::uint64_t offset, std::string_view what) const {
  return Status::corruption(path_ + ": at offset " + std::to_string(offset) + ": " +
                            std::string(what));
}

Status RunReader::read(std::uint64_t offset, char* out, std::uint64_t bytes) const {
  Result<std::size_t> count = file_->pread(offset, out, bytes);
  if (!count.ok()) return std::move(count).status().with_context("read run " + path_);
  if (*count != bytes) return damaged(offset + *count, "the file ends here, inside of a part");
  return {};
}

Status RunReader::check_part(std::uint64_t offset, BytesView part_and_check) const {
  const std::size_t part_bytes = part_and_check.size() - kRunCheckBytes;
  if (load_fixed<std::uint32_t>(part_and_check.data() + part_bytes) ==
      run_check(check_seed_, offset, part_and_check.substr(0, part_bytes))) {
    return {};
  }
  return damaged(offset, "bytes disagree with their checksum");
}

Status RunReader::check_filter_page(std::uint64_t offset, BytesView page) const {
  constexpr std::size_t kBloomBytes = kRunBloomBlocksPerPage * kBloomBlockBytes;
  TALEA_TRY(check_part(offset, page));
  const std::size_t reserved_end =
      cipher_ != nullptr ? kRunFilterTagAt : page.size() - kRunCheckBytes;
  const BytesView reserved = page.substr(kBloomBytes, reserved_end - kBloomBytes);
  if (std::any_of(reserved.begin(), reserved.end(), [](char byte) { return byte != 0; })) {
    return damaged(offset, "filter page: reserved bytes are not zero");
  }
  return {};
}

Status RunReader::open_filter_page(std::uint64_t offset, char* page) const {
  constexpr std::size_t kBloomBytes = kRunBloomBlocksPerPage * kBloomBlockBytes;
  TALEA_TRY(check_filter_page(offset, {page, kRunFilterPageBytes}));
  if (cipher_ == nullptr) return {};
  Bytes sealed(page, kBloomBytes);
  sealed.append(page + kRunFilterTagAt, kRunTagBytes);
  if (cipher_->open(offset, {}, sealed, page)) return {};
  return damaged(offset, "filter page: it is intact, and not what was sealed here");
}

Status RunReader::open_block(std::uint64_t offset, std::vector<char>& part_and_check) const {
  TALEA_TRY(check_part(offset, {part_and_check.data(), part_and_check.size()}));
  part_and_check.resize(part_and_check.size() - kRunCheckBytes);
  if (cipher_ == nullptr) return {};
  const bool is_genuine = part_and_check.size() > kRunTagBytes &&
                          cipher_->open(offset, {}, {part_and_check.data(), part_and_check.size()},
                                        part_and_check.data());
  if (!is_genuine) return damaged(offset, "a block is intact, and not what was sealed here");
  part_and_check.resize(part_and_check.size() - kRunTagBytes);
  return {};
}

Status RunReader::check_mapped_page(std::uint64_t offset) const {
  const std::uint64_t page = (offset - layout_.filter_offset) / kRunFilterPageBytes;
  if (checked_->is_page_checked(page)) return {};
  TALEA_TRY(check_filter_page(offset, mapping_->bytes().substr(offset, kRunFilterPageBytes)));
  checked_->mark_page(page);
  return {};
}

Status RunReader::unreadable() const {
  return Status::io_error(path_ +
                          ": the disk failed below its memory map; what was read is not to be "
                          "believed. Look into the kernel's log (dmesg) for a failing disk");
}

Status RunReader::changed(std::uint64_t offset) const {
  return damaged(offset, "a block that was found intact has become another");
}

Result<RunBlock> RunReader::parse_block(RunBlockKind kind, std::uint64_t offset,
                                        std::vector<char> part_and_check) const {
  TALEA_TRY(open_block(offset, part_and_check));
  part_and_check.resize(part_and_check.size() + RunBlock::kSlackBytes);
  Result<RunBlock> block = RunBlock::parse(kind, header_.features, std::move(part_and_check));
  if (block.ok()) return block;
  return damaged(offset, name_of(kind) + std::string(block.status().message()));
}

Result<RunReader::Extent> RunReader::extent_of(RunBlockKind kind, const RunBlock& above,
                                               std::uint64_t row) const {
  const std::uint64_t offset = above.number(RunColumn::offset, row);
  const std::uint64_t bytes = above.number(RunColumn::bytes, row);
  const bool is_index = kind == RunBlockKind::index;
  const std::uint64_t begin = is_index ? layout_.index_offset : kRunHeaderBytes;
  const std::uint64_t end = is_index ? layout_.root_offset : layout_.data_end;
  if (offset >= begin && offset <= end && bytes > kRunCheckBytes && bytes <= kRunBlockBytesMax &&
      bytes <= end - offset) {
    return Extent{offset, bytes};
  }
  return damaged(layout_.index_offset, "index: leads to an impossible place, offset " +
                                           std::to_string(offset) + ", " + std::to_string(bytes) +
                                           " bytes");
}

Status RunReader::check_begin(RunBlockKind kind, const RunBlock& block, std::uint64_t offset,
                              const RunBlock& above, std::uint64_t row) const {
  RunCursor first(block);
  first.move_to(0);
  RunCursor separator(above);
  separator.move_to(row);
  if (first.damaged() || separator.damaged()) return changed(offset);
  const int order =
      compare_run_rows(first.key(), first.sequence(), separator.key(), separator.sequence());
  if (order == 0 || (order > 0 && kind == RunBlockKind::data)) return {};
  return damaged(offset, name_of(kind) + std::string("does not begin where the index says"));
}

Result<RunBlock> RunReader::read_block(RunBlockKind kind, const RunBlock& above,
                                       std::uint64_t row) const {
  if (options_.mapped) return mapped_block(kind, above, row);
  const auto [offset, bytes] = TALEA_TRY(extent_of(kind, above, row));
  std::vector<char> stored;
  stored.reserve(bytes - kRunCheckBytes + RunBlock::kSlackBytes);
  stored.resize(bytes);
  TALEA_TRY(read(offset, stored.data(), bytes));
  RunBlock block = TALEA_TRY(parse_block(kind, offset, std::move(stored)));
  TALEA_TRY(check_begin(kind, block, offset, above, row));
  return block;
}

Result<RunBlock> RunReader::mapped_block(RunBlockKind kind, const RunBlock& above,
                                         std::uint64_t row) const {
  static_assert(RunBlock::kSlackBytes <= kRunCheckBytes + kRunFooterBytes);
  const auto [offset, bytes] = TALEA_TRY(extent_of(kind, above, row));
  const BytesView stored = mapping_->bytes().substr(offset, bytes);
  const BytesView content = stored.substr(0, bytes - kRunCheckBytes);
  if (checked_->is_block_checked(offset, bytes)) {
    Result<RunBlock> block = RunBlock::view_again(kind, content);
    if (!block.ok()) return changed(offset);
    return block;
  }
  TALEA_TRY(check_part(offset, stored));
  Result<RunBlock> block = RunBlock::parse_view(kind, header_.features, content);
  if (!block.ok()) return damaged(offset, name_of(kind) + std::string(block.status().message()));
  TALEA_TRY(check_begin(kind, *block, offset, above, row));
  checked_->mark_block(offset, bytes);
  return block;
}

Result<std::shared_ptr<const RunBlock>> RunReader::share_block(RunBlockKind kind,
                                                               const RunBlock& above,
                                                               std::uint64_t row) const {
  if (kind == RunBlockKind::index && options_.hold_index) return held_index_[row];
  return std::make_shared<const RunBlock>(TALEA_TRY(read_block(kind, above, row)));
}

// ---- Look-ups

BytesView RunReader::checked(const Bytes& row_key) {
  TALEA_ASSERT(!row_key.empty());
  return row_key;
}

std::uint64_t RunReader::memory_bytes() const {
  std::uint64_t bytes = sizeof *this + root_->memory_bytes() + held_filter_.size() +
                        first_row_key_.size() + last_row_key_.size();
  for (const auto& block : held_index_) bytes += block->memory_bytes();
  if (checked_ != nullptr) bytes += checked_->memory_bytes();
  return bytes;
}

Result<bool> RunReader::may_contain(Space space, BytesView key) const {
  return may_contain(RunKey(space, key));
}

// What was read from the map is believed when it is known that the disk gave it: zeros in its place
// also look like damage.
Result<bool> RunReader::may_contain(const RunKey& key) const {
  Result<bool> may = look_into_filter(key);
  TALEA_TRY(read_status());
  return may;
}

Result<bool> RunReader::look_into_filter(const RunKey& key) const {
  const std::uint64_t hash = key.hash();
  const std::uint64_t at = run_bloom_block_at(bloom_block_of(hash, layout_.bloom_blocks));
  if (options_.hold_filter) return bloom_may_contain(held_filter_.data() + at, hash);
  const std::uint64_t offset = layout_.filter_offset + at - at % kRunFilterPageBytes;
  if (options_.mapped) {
    TALEA_TRY(check_mapped_page(offset));
    return bloom_may_contain(mapping_->bytes().data() + layout_.filter_offset + at, hash);
  }
  char page[kRunFilterPageBytes];
  TALEA_TRY(read(offset, page, sizeof page));
  TALEA_TRY(open_filter_page(offset, page));
  return bloom_may_contain(page + at % kRunFilterPageBytes, hash);
}

Result<std::optional<RunRevision>> RunReader::get(const RunKey& key, Sequence at_or_below) const {
  Result<std::optional<RunRevision>> got = look_up(key, at_or_below);
  TALEA_TRY(read_status());
  return got;
}

Result<std::optional<RunRevision>> RunReader::look_up(const RunKey& key,
                                                      Sequence at_or_below) const {
  const std::optional<RunRevision> nothing;
  if (!TALEA_TRY(look_into_filter(key))) return nothing;
  counters_->data_blocks.fetch_add(1, std::memory_order_relaxed);
  if (root_->rows() == 0) return nothing;
  // The first separator is before any key.
  const auto row = root_->find_last_at_or_before(key.row_key(), at_or_below);
  TALEA_ASSERT(row && *row < root_->rows());
  if (options_.hold_index) return get_from(*held_index_[*row], key, at_or_below);
  return get_from(TALEA_TRY(read_block(RunBlockKind::index, *root_, *row)), key, at_or_below);
}

Result<std::optional<RunRevision>> RunReader::get_from(const RunBlock& index, const RunKey& key,
                                                       Sequence at_or_below) const {
  const auto row = index.find_last_at_or_before(key.row_key(), at_or_below);
  if (!row || *row >= index.rows()) return changed(layout_.index_offset);
  const RunBlock data = TALEA_TRY(read_block(RunBlockKind::data, index, *row));
  const std::optional<RunBlock::Place> place = data.find(key.row_key(), at_or_below);
  if (!place) return changed(index.number(RunColumn::offset, *row));
  if (!place->is_key) return std::optional<RunRevision>();
  return std::optional(data.revision(place->row));
}

// ---- RunIterator

BytesView RunIterator::row_key() const {
  TALEA_ASSERT(valid());
  return data_->cursor.key();
}

RunRevision RunIterator::revision() const {
  TALEA_ASSERT(valid());
  return data_->block->revision(data_->cursor.row());
}

// What the caller took since the last move is as good as the map was then: so who relies on it
// moves on, or to the end, before.
Status RunIterator::settle(Status status) {
  if (Status readable = reader_->read_status(); !readable.ok()) status = std::move(readable);
  if (!status.ok()) data_.reset();
  return status;
}

Status RunIterator::seek(Space space, BytesView key, Sequence at_or_below) {
  return settle(try_seek(run_row_key(space, key), at_or_below));
}
Status RunIterator::seek_row_key(BytesView row_key, Sequence at_or_below) {
  return settle(try_seek(row_key, at_or_below));
}
Status RunIterator::seek_first() { return settle(try_seek({}, kNewest)); }
Status RunIterator::seek_last() { return settle(try_seek_last()); }
Status RunIterator::next() {
  TALEA_ASSERT(valid());
  return settle(try_next());
}
Status RunIterator::prev() {
  TALEA_ASSERT(valid());
  return settle(try_prev());
}

Status RunIterator::enter_index_block() {
  index_.block = TALEA_TRY(reader_->share_block(RunBlockKind::index, *root_.block, root_.row));
  return {};
}

Status RunIterator::enter_data_block() {
  data_.emplace(TALEA_TRY(reader_->share_block(RunBlockKind::data, *index_.block, index_.row)));
  return {};
}

Status RunIterator::undamaged() const {
  return data_->cursor.damaged() ? reader_->changed(block_offset()) : Status();
}

Status RunIterator::try_seek(BytesView row_key, Sequence sequence) {
  data_.reset();
  if (root_.block->rows() == 0) return {};
  // The first separator is before any key.
  root_.row = root_.block->find_last_at_or_before(row_key, sequence).value();
  TALEA_TRY(enter_index_block());
  const auto row = index_.block->find_last_at_or_before(row_key, sequence);
  if (!row || *row >= index_.block->rows()) {
    return reader_->changed(root_.block->number(RunColumn::offset, root_.row));
  }
  index_.row = *row;
  TALEA_TRY(enter_data_block());
  data_->cursor.seek(row_key, sequence);
  TALEA_TRY(undamaged());
  return data_->cursor.valid() ? Status() : enter_next_block();
}

Status RunIterator::try_seek_last() {
  data_.reset();
  if (root_.block->rows() == 0) return {};
  root_.row = root_.block->rows() - 1;
  TALEA_TRY(enter_index_block());
  index_.row = index_.block->rows() - 1;
  TALEA_TRY(enter_data_block());
  data_->cursor.move_to(data_->block->rows() - 1);
  return undamaged();
}

Status RunIterator::try_next() {
  data_->cursor.next();
  TALEA_TRY(undamaged());
  return data_->cursor.valid() ? Status() : enter_next_block();
}

Status RunIterator::enter_next_block() {
  const Bytes last_key(data_->cursor.key());
  const Sequence last_sequence = data_->block->sequence(data_->block->rows() - 1);
  if (++index_.row == index_.block->rows()) {
    if (++root_.row == root_.block->rows()) {
      data_.reset();
      return {};
    }
    TALEA_TRY(enter_index_block());
    index_.row = 0;
  }
  TALEA_TRY(enter_data_block());
  data_->cursor.move_to(0);
  TALEA_TRY(undamaged());
  if (compare_run_rows(last_key, last_sequence, row_key(), data_->cursor.sequence()) < 0) {
    return {};
  }
  return reader_->damaged(block_offset(), "data block: rows out of order with the block before");
}

Status RunIterator::try_prev() {
  RunCursor& data = data_->cursor;
  if (data.row() > 0) {
    data.move_to(data.row() - 1);
    return undamaged();
  }
  const Bytes first_key(data.key());
  const Sequence first_sequence = data.sequence();
  if (index_.row > 0) {
    --index_.row;
  } else if (root_.row > 0) {
    --root_.row;
    TALEA_TRY(enter_index_block());
    index_.row = index_.block->rows() - 1;
  } else {
    data_.reset();
    return {};
  }
  TALEA_TRY(enter_data_block());
  data_->cursor.move_to(data_->block->rows() - 1);
  TALEA_TRY(undamaged());
  if (compare_run_rows(row_key(), data_->cursor.sequence(), first_key, first_sequence) < 0) {
    return {};
  }
  return reader_->damaged(block_offset(), "data block: rows out of order with the block behind");
}

}  // namespace talea
