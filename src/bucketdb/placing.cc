// Placing: pending entries into data files of the bucket, before a commit refers to them.
//
// A new file has a number that no index referred to yet: at or above `next` of the index that the
// commit will replace, or among those that a compaction reserved. Once an index with a higher
// `next` was committed by somebody else, such a file counts as garbage, and its entries are put
// again (docs/formats/s4db.md, step 5).
#include <algorithm>

#include "base/assert.h"
#include "bucketdb/database.h"
#include "bucketdb/file_builder.h"
#include "codec/big_endian.h"

namespace talea::bucketdb {
namespace {

constexpr std::size_t kNumberAt = 5;
// How many numbers that others took are tried; after the second the bucket is asked for the next.
constexpr int kNumbersMax = 64;
// Of how many of them nobody may know whether they were taken: each takes S3Options'
// operation_timeout.
constexpr int kTimeoutsMax = 2;

}  // namespace

// The header of `content` gets the number.
Result<Database::NewFile> Database::put_new_file(Bytes& content, BucketFormat format,
                                                 Numbers& numbers) {
  int timeouts = 0;
  for (int tried = 0; tried < kNumbersMax && numbers.next < numbers.end; ++tried) {
    if (numbers.next > file_number_max(format)) {
      return Status::exhausted("there are no numbers left for data files: the last is " +
                               std::to_string(file_number_max(format)));
    }
    const FileId file{numbers.next++};
    store_big_endian(content.data() + kNumberAt, file.number());
    auto etag = bucket_->put_new_file(file, content);
    number_floor_ = std::max(number_floor_, file.number() + 1);
    if (etag.ok()) return NewFile{file, std::move(*etag)};
    const Code code = etag.status().code();
    // Whether it was written by us, somebody else has the name now.
    if (code != Code::conflict && code != Code::timed_out) return std::move(etag).status();
    if (code == Code::timed_out && ++timeouts == kTimeoutsMax) return std::move(etag).status();
    if (tried != 1) continue;
    for (const RemoteFile& remote : TALEA_TRY(bucket_->list_files())) {
      if (remote.file.writer() == 0) {
        numbers.next = std::max(numbers.next, std::uint64_t{remote.file.number()} + 1);
      }
    }
  }
  return Status::conflict("others took the numbers of new data files again and again");
}

// Puts the newest file again with all of `entries` behind it. False when that cannot be.
Result<bool> Database::grow(const Pending& pending, const Bytes& entries, const IndexImage& base,
                            Placement& placement) {
  TALEA_TRY(load_tail(base));
  if (!tail_.has_value()) return false;
  const bool is_newest = tail_->file.writer() == 0 && tail_->file.number() + 1 == base.next() &&
                         base.files().count(tail_->file) != 0;
  const std::uint64_t bytes_max = std::min(options_.grown_file_bytes_max, options_.file_bytes_max);
  if (!is_newest || tail_->content.size() + entries.size() > bytes_max) return false;
  Tail grown = *tail_;
  tail_.reset();
  const std::uint64_t first = grown.content.size();
  grown.content += entries;
  auto etag = bucket_->put_file_again(grown.file, grown.content, grown.etag);
  if (!etag.ok()) {
    const Code code = etag.status().code();
    if (code == Code::conflict || code == Code::timed_out) return false;
    return std::move(etag).status();
  }
  grown.etag = std::move(*etag);
  std::uint64_t offset = first;
  for (std::size_t i = 0; i < pending.writes.size(); ++i) {
    placement.places[i] = {grown.file, offset, pending.writes[i].length};
    offset += pending.writes[i].length;
  }
  TALEA_ASSERT(offset == grown.content.size());
  placement.pieces.push_back({grown.file, first, offset});
  placement.grown = grown.file;
  placement.files = 1;
  placement.bytes = grown.content.size();
  keep_copy(grown.file, grown.content, grown.etag);
  placement.tail = std::move(grown);
  return true;
}

Result<Database::Placement> Database::place(const Pending& pending, const IndexImage& base) {
  Placement placement;
  placement.places.resize(pending.writes.size());
  std::uint64_t all_bytes = 0;
  for (const LoggedBatch& batch : pending.batches) all_bytes += batch.bytes;
  if (all_bytes <= options_.grown_file_bytes_max) {
    Bytes entries;
    for (const LoggedBatch& batch : pending.batches) {
      entries += TALEA_TRY(pending.log->read(batch.offset, batch.bytes));
    }
    if (TALEA_TRY(grow(pending, entries, base, placement))) return placement;
  }
  FileBuilder builder(*this, base.format(), {.next = std::max(number_floor_, base.next())},
                      placement);
  std::size_t position = 0;
  for (const LoggedBatch& batch : pending.batches) {
    const Bytes entries = TALEA_TRY(pending.log->read(batch.offset, batch.bytes));
    for (std::uint64_t at = 0; at < entries.size(); ++position) {
      const PendingWrite& write = pending.writes[position];
      const BytesView bytes = BytesView(entries).substr(at, write.length);
      const auto entry = read_entry(base.format(), bytes);
      if (!entry.ok() || entry->key != write.key) {
        return Status::corruption("the journal changed under the database");
      }
      TALEA_TRY(builder.add(bytes, position));
      at += write.length;
    }
  }
  TALEA_TRY(builder.finish());
  return placement;
}

bool Database::is_valid(const Placement& placement, const IndexImage& base) {
  if (placement.grown.has_value() &&
      (placement.grown->number() + 1 != base.next() || base.files().count(*placement.grown) == 0)) {
    return false;
  }
  return placement.lowest >= base.next();
}

// A copy in the directory is a matter of speed: without one the bucket is asked.
void Database::keep_copy(FileId file, BytesView content, const s3::Etag& etag) {
  if (mirror_ == nullptr) return;
  mirror_->note_commit(base().commits.newest());
  (void)mirror_->put(file, content, etag).ok();
}

// What was put last before this process, if the directory has all of it and every byte is right:
// what is put again replaces entries of others' keys.
Status Database::load_tail(const IndexImage& base) {
  if (tail_was_looked_for_ || tail_.has_value()) return {};
  tail_was_looked_for_ = true;
  if (mirror_ == nullptr || base.next() < 2) return {};
  const FileId file{base.next() - 1};
  const auto known = mirror_->find(file);
  const auto referred = base.files().find(file);
  if (!known.has_value() || known->etag.empty() || known->bytes > options_.grown_file_bytes_max ||
      referred == base.files().end() || known->bytes < referred->second) {
    return {};
  }
  auto content = mirror_->read_all(file);
  if (!content.ok() || !content->has_value()) return {};
  std::vector<Damage> damage;
  const auto ignore = [](const Entry&, std::uint64_t) { return Status(); };
  if (!scan_file(**content, ignore, damage).ok() || !damage.empty()) return {};
  if (decode_file_header(**content)->format != base.format()) return {};
  // Without conditions nobody would notice that another machine has put more into it since.
  const bool has_conditions = options_.writers == BucketWriters::many;
  if (!has_conditions && !TALEA_TRY(bucket_->is_still(file, known->etag))) return {};
  tail_ = Tail{file, known->etag, std::move(**content)};
  return {};
}

}  // namespace talea::bucketdb
