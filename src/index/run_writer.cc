#include "index/run_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "codec/fixed.h"
#include "codec/varint.h"
#include "index/bloom_filter.h"

namespace talea {
namespace {

constexpr std::size_t kWriteBytes = 256 * kKiB;
// A run is synced as it is written, so that finish() does not wait for all of it at once: whoever
// writes one a step at a time has something else to do between the steps.
constexpr std::uint64_t kSyncedAtOnce = 16 * kMiB;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

}  // namespace

RunWriter::RunWriter(std::unique_ptr<File> file, const Options& options)
    : file_(std::move(file)),
      options_(options),
      check_seed_(run_check_seed(options.identity)),
      buffer_(kRunHeaderBytes, '\0') {
  TALEA_ASSERT(options.block_bytes > kRunCheckBytes && options.block_bytes <= kRunBlockBytes);
  if (options.keys != nullptr) {
    key_id_ = options.keys->newest();
    cipher_ = run_cipher(options.keys, key_id_, options.identity);
    TALEA_ASSERT(cipher_ != nullptr);
    features_ |= kFeatureEncryption;
  }
  layout_.bloom_blocks = bloom_blocks_for(options.keys_expected);
  filter_.resize(run_filter_pages(layout_.bloom_blocks) * kRunFilterPageBytes, '\0');
}

Status RunWriter::add_row_key(BytesView row_key, const RunRevision& revision) {
  TALEA_ASSERT(!finished_);
  TALEA_ASSERT(row_key.size() >= kRunSpaceBytes + kKeyBytesMin &&
               row_key.size() <= kRunRowKeyBytesMax);
  TALEA_ASSERT(revision.sequence > 0);
  TALEA_ASSERT(revision.address.bytes <= kRunEntryBytesMax);
  if (!failure_.ok()) return failure_;

  TALEA_ASSERT(stats_.rows == 0 ||
               compare_run_rows(last_row_key_, last_sequence_, row_key, revision.sequence) < 0);
  const bool is_new_key = row_key != last_row_key_;
  const RunNumbers numbers = run_numbers(revision);
  if (!data_.add(row_key, numbers, content_bytes_max())) {
    TALEA_TRY(close_data_block());
    data_separator_ = separator_before(row_key);
    TALEA_ASSERT(data_.add(row_key, numbers, content_bytes_max()));
  }
  if (is_new_key) insert_into_filter(row_key);
  count(row_key, revision, is_new_key);
  last_row_key_ = row_key;
  last_sequence_ = revision.sequence;
  return {};
}

RunWriter::Separator RunWriter::separator_before(BytesView row_key) const {
  if (row_key == last_row_key_) return {Bytes(row_key), last_sequence_ - 1};
  std::size_t shared = 0;
  while (shared < last_row_key_.size() && last_row_key_[shared] == row_key[shared]) ++shared;
  return {.key = Bytes(row_key.substr(0, shared + 1))};
}

void RunWriter::count(BytesView row_key, const RunRevision& revision, bool is_new_key) {
  if (stats_.rows == 0) {
    first_row_key_ = row_key;
    stats_.sequence_min = revision.sequence;
    stats_.time_min_ms = revision.time_ms;
  }
  ++stats_.rows;
  if (is_new_key) ++stats_.keys;
  if (is_new_key && !revision.tombstone) stats_.live_bytes += revision.address.bytes;
  if (revision.tombstone) {
    ++stats_.tombstones;
    features_ |= kRunFeatureTombstone;
  }
  if (revision.expiry_ms) features_ |= kRunFeatureExpiry;
  if (revision.extents) features_ |= kRunFeatureExtents;
  stats_.sequence_min = std::min(stats_.sequence_min, revision.sequence);
  stats_.sequence_max = std::max(stats_.sequence_max, revision.sequence);
  stats_.time_min_ms = std::min(stats_.time_min_ms, revision.time_ms);
  stats_.time_max_ms = std::max(stats_.time_max_ms, revision.time_ms);
}

void RunWriter::insert_into_filter(BytesView row_key) {
  const std::uint64_t hash = bloom_hash(row_key);
  bloom_insert(filter_.data() + run_bloom_block_at(bloom_block_of(hash, layout_.bloom_blocks)),
               hash);
}

Status RunWriter::close_data_block() {
  const std::uint64_t offset = position();
  const std::size_t begin = buffer_.size();
  data_.finish(buffer_);
  finish_block(begin);
  TALEA_ASSERT(position() - offset <= kRunBlockBytesMax);
  ++layout_.data_blocks;

  const RunNumbers numbers = run_numbers(data_separator_.sequence, offset, position() - offset);
  if (!index_.add(data_separator_.key, numbers, content_bytes_max())) {
    close_index_block();
    TALEA_ASSERT(index_.add(data_separator_.key, numbers, content_bytes_max()));
    index_separator_ = data_separator_;
  }
  return flush_if_full();
}

void RunWriter::close_index_block() {
  index_blocks_.push_back({std::move(index_separator_), {}});
  index_.finish(index_blocks_.back().content);
}

std::uint64_t RunWriter::content_bytes_max() const {
  return options_.block_bytes - kRunCheckBytes - (cipher_ != nullptr ? kRunTagBytes : 0);
}

void RunWriter::seal(std::size_t begin) {
  const Bytes plain = buffer_.substr(begin);
  buffer_.resize(buffer_.size() + kRunTagBytes);
  cipher_->seal(written_ + begin, {}, plain, {}, buffer_.data() + begin);
}

void RunWriter::finish_block(std::size_t begin) {
  if (cipher_ != nullptr) seal(begin);
  append_check(begin);
}

void RunWriter::append_check(std::size_t begin) {
  const BytesView part = BytesView(buffer_).substr(begin);
  append_fixed(buffer_, run_check(check_seed_, written_ + begin, part));
}

Status RunWriter::append_filter() {
  for (std::size_t page = 0; page < filter_.size(); page += kRunFilterPageBytes) {
    const std::size_t begin = buffer_.size();
    if (cipher_ == nullptr) {
      buffer_.append(filter_, page, kRunFilterPageBytes - kRunCheckBytes);
    } else {
      buffer_.append(filter_, page, kRunBloomBlocksPerPage * kBloomBlockBytes);
      seal(begin);
      // The tag stands at the end of the page, behind what is reserved.
      buffer_.insert(buffer_.size() - kRunTagBytes,
                     kRunFilterTagAt - kRunBloomBlocksPerPage * kBloomBlockBytes, '\0');
    }
    append_check(begin);
    TALEA_TRY(flush_if_full());
  }
  return {};
}

Status RunWriter::append_index_and_root() {
  RunBlockBuilder root(RunBlockKind::root);
  for (const IndexBlock& block : index_blocks_) {
    const std::uint64_t offset = position();
    const std::size_t begin = buffer_.size();
    buffer_.append(block.content);
    finish_block(begin);
    TALEA_ASSERT(root.add(block.separator.key,
                          run_numbers(block.separator.sequence, offset, position() - offset),
                          kNoLimit));
    TALEA_TRY(flush_if_full());
  }
  layout_.index_blocks = index_blocks_.size();
  layout_.root_offset = position();
  const std::size_t begin = buffer_.size();
  root.finish(buffer_);
  finish_block(begin);
  return {};
}

void RunWriter::append_properties() {
  layout_.properties_offset = position();
  const std::size_t begin = buffer_.size();
  buffer_.push_back(static_cast<char>(RunBlockKind::properties));
  if (stats_.rows > 0) {
    for (const auto& [tag, row_key] : {std::pair(kRunPropertyFirstRowKey, &first_row_key_),
                                       std::pair(kRunPropertyLastRowKey, &last_row_key_)}) {
      append_varint(buffer_, tag);
      append_varint(buffer_, row_key->size());
      buffer_.append(*row_key);
    }
  }
  finish_block(begin);
}

Result<RunStats> RunWriter::finish() {
  TALEA_ASSERT(!finished_);
  finished_ = true;
  if (!failure_.ok()) return failure_;
  if (!data_.empty()) TALEA_TRY(close_data_block());
  if (!index_.empty()) close_index_block();

  layout_.data_end = position();
  const std::uint64_t past_page = position() % kRunFilterPageBytes;
  if (past_page != 0) buffer_.append(kRunFilterPageBytes - past_page, '\0');
  layout_.filter_offset = position();
  TALEA_TRY(append_filter());
  layout_.index_offset = position();
  TALEA_TRY(append_index_and_root());
  append_properties();
  layout_.footer_offset = position();
  buffer_.append(encode_run_footer({.stats = stats_, .layout = layout_}, check_seed_));
  TALEA_TRY(flush());
  TALEA_TRY(file_->pwrite(0, encode_run_header({.identity = options_.identity,
                                                .features = features_,
                                                .first_sequence = stats_.sequence_min,
                                                .base_now_ms = stats_.time_min_ms,
                                                .key_id = key_id_})));
  TALEA_TRY(file_->sync_data());
  return stats_;
}

Status RunWriter::flush_if_full() { return buffer_.size() >= kWriteBytes ? flush() : Status(); }

Status RunWriter::flush() {
  failure_ = file_->pwrite(written_, buffer_);
  if (!failure_.ok()) return failure_;
  written_ += buffer_.size();
  buffer_.clear();
  if (written_ - synced_ < kSyncedAtOnce) return {};
  failure_ = file_->sync_data();
  synced_ = written_;
  return failure_;
}

}  // namespace talea
