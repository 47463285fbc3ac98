#include "bucketdb/journal.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/format.h"
#include "crypto/sha256.h"

namespace talea::bucketdb {
namespace {

constexpr BytesView kMagic = "TALEAS4J";
constexpr BytesView kMark = "S4JR";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kSaltAt = 16;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kDatabaseAt = 32;
constexpr std::size_t kFormatAt = 48;
constexpr std::size_t kHeaderCheckAt = 60;
constexpr std::size_t kHeadBytes = 32;
constexpr std::size_t kHeadCheckAt = 28;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kPieceBytes = 24;
constexpr std::uint8_t kBatch = 1;
constexpr std::uint8_t kUpload = 2;
constexpr std::uint8_t kUploadWithId = 3;
constexpr std::size_t kIdBytes = 8;
// How much room is made at once: as much as the journal has already, within these. So a short one
// stays short, and a long one seldom waits for more than its own bytes.
constexpr std::uint64_t kRoomBytesMin = 64 * kKiB;
constexpr std::uint64_t kRoomBytesMax = kMiB;

Status nonsense() {
  return Status::corruption("its check is right and its content makes no sense");
}

Bytes encode_header(BucketFormat format, const DatabaseId& database, Random& random) {
  std::array<unsigned char, kSaltBytes> salt{};
  random.fill(salt);
  Bytes out(kMagic);
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, std::uint32_t{0});  // features
  out.append(reinterpret_cast<const char*>(salt.data()), salt.size());
  out.append(reinterpret_cast<const char*>(database.data()), database.size());
  append_fixed(out, static_cast<std::uint32_t>(format));
  append_fixed(out, std::uint64_t{0});
  append_fixed(out, crc32c(0, out));
  TALEA_ASSERT(out.size() == kHeaderBytes);
  return out;
}

std::uint32_t seed_of(BytesView file) { return crc32c(0, file.substr(kSaltAt, kSaltBytes)); }

struct RecordPlace {
  std::uint64_t sequence = 0;
  std::uint64_t durable = 0;
};

Bytes encode_record(std::uint32_t seed, std::uint8_t kind, const RecordPlace& place,
                    BytesView body) {
  Bytes out(kMark);
  append_fixed(out, kind);
  append_fixed(out, std::uint8_t{0});
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, place.sequence);
  append_fixed(out, place.durable);
  append_fixed(out, static_cast<std::uint32_t>(body.size()));
  const std::uint32_t head_check = crc32c(seed, out);
  append_fixed(out, head_check);
  out += body;
  append_fixed(out, crc32c(head_check, body));
  return out;
}

struct Record {
  std::uint8_t kind = 0;
  RecordPlace place;
  BytesView body;
};

// The record at the front of `from`, if its checks are right.
std::optional<Record> take_record(std::uint32_t seed, BytesView from) {
  if (from.size() < kHeadBytes || !from.starts_with(kMark)) return std::nullopt;
  const auto head_check = load_fixed<std::uint32_t>(from.data() + kHeadCheckAt);
  if (crc32c(seed, from.substr(0, kHeadCheckAt)) != head_check) return std::nullopt;
  const std::uint64_t body_bytes = load_fixed<std::uint32_t>(from.data() + 24);
  if (from.size() - kHeadBytes < body_bytes + kCheckBytes) return std::nullopt;
  const BytesView body = from.substr(kHeadBytes, body_bytes);
  if (crc32c(head_check, body) != load_fixed<std::uint32_t>(body.data() + body.size())) {
    return std::nullopt;
  }
  return Record{
      static_cast<std::uint8_t>(from[4]),
      {load_fixed<std::uint64_t>(from.data() + 8), load_fixed<std::uint64_t>(from.data() + 16)},
      body};
}

Bytes encode_note(const UploadNote& note) {
  Bytes out;
  if (note.commit != 0) append_fixed(out, note.commit);
  append_fixed(out, note.through);
  append_fixed(out, static_cast<std::uint32_t>(note.pieces.size()));
  for (const UploadPiece& piece : note.pieces) {
    append_fixed(out, piece.file.value);
    append_fixed(out, piece.first);
    append_fixed(out, piece.end);
  }
  return out;
}

Result<UploadNote> decode_note(BytesView body) {
  constexpr std::size_t kFixedBytes = 12;
  if (body.size() < kFixedBytes) return nonsense();
  UploadNote note;
  note.through = load_fixed<std::uint64_t>(body.data());
  const std::uint64_t count = load_fixed<std::uint32_t>(body.data() + 8);
  if (body.size() != kFixedBytes + count * kPieceBytes) return nonsense();
  note.pieces.reserve(count);
  for (const char* at = body.data() + kFixedBytes; at < body.data() + body.size();
       at += kPieceBytes) {
    const UploadPiece piece{{load_fixed<std::uint64_t>(at)},
                            load_fixed<std::uint64_t>(at + 8),
                            load_fixed<std::uint64_t>(at + 16)};
    if (piece.first > piece.end) return nonsense();
    note.pieces.push_back(piece);
  }
  return note;
}

Status check_header(BytesView file, const DatabaseId& database) {
  if (file.size() < kHeaderBytes || !file.starts_with(kMagic) ||
      crc32c(0, file.substr(0, kHeaderCheckAt)) !=
          load_fixed<std::uint32_t>(file.data() + kHeaderCheckAt)) {
    return Status::corruption("its header is damaged");
  }
  const auto version = load_fixed<std::uint16_t>(file.data() + 8);
  if (version != kVersion) {
    return Status::unsupported("journal of version " + std::to_string(version) +
                               "; this build reads version 1. Open it with a newer Talea");
  }
  const auto features = load_fixed<std::uint32_t>(file.data() + 12);
  if (const std::string missing = unsupported_features(features, 0); !missing.empty()) {
    return Status::unsupported("the journal uses " + missing + ", which this build does not have");
  }
  const auto format = load_fixed<std::uint32_t>(file.data() + kFormatAt);
  if (load_fixed<std::uint16_t>(file.data() + 10) != 0 ||
      load_fixed<std::uint64_t>(file.data() + 52) != 0 || format < 1 || format > 2) {
    return nonsense();
  }
  if (!std::equal(database.begin(), database.end(), file.begin() + kDatabaseAt,
                  [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); })) {
    return Status::invalid_argument(
        "the directory belongs to a database of another bucket or prefix");
  }
  return {};
}

// Whether somewhere behind `end` a record says that more than `end` bytes were durable.
bool was_durable(BytesView file, std::uint32_t seed, std::uint64_t end) {
  for (std::size_t at = end + 1; (at = file.find(kMark, at)) != BytesView::npos; ++at) {
    const auto record = take_record(seed, file.substr(at));
    if (record.has_value() && record->place.durable > end) return true;
  }
  return false;
}

Status take(const Record& record, std::uint64_t body_offset, JournalContent& content) {
  switch (record.kind) {
    case kBatch:
      content.batches.push_back({record.place.sequence, body_offset, record.body.size()});
      return {};
    case kUpload: content.notes.push_back(TALEA_TRY(decode_note(record.body))); return {};
    case kUploadWithId: {
      if (record.body.size() < kIdBytes) return nonsense();
      UploadNote note = TALEA_TRY(decode_note(record.body.substr(kIdBytes)));
      note.commit = load_fixed<std::uint64_t>(record.body.data());
      if (note.commit == 0) return nonsense();
      content.notes.push_back(std::move(note));
      return {};
    }
    default:
      return Status::unsupported("a record of kind " + std::to_string(record.kind) +
                                 " is unknown to this build. Open it with a newer Talea");
  }
}

}  // namespace

DatabaseId database_id(std::string_view bucket, std::string_view prefix) {
  Bytes name(bucket);
  name.push_back('\0');
  name += prefix;
  const Sha256Digest digest = Sha256::of(name);
  DatabaseId id{};
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

Status write_unfinished(FileSystem& files, const std::string& directory, const std::string& name,
                        BytesView content) {
  const std::string unfinished = join_path(directory, name) + kUnfinished;
  if (TALEA_TRY(files.exists(unfinished))) TALEA_TRY(files.remove(unfinished));
  const auto file = TALEA_TRY(files.open(unfinished, OpenMode::create_new));
  TALEA_TRY(file->pwrite(0, content));
  return file->sync_data();
}

Status finish_file(FileSystem& files, const std::string& directory, const std::string& name) {
  const std::string path = join_path(directory, name);
  TALEA_TRY(files.rename(path + kUnfinished, path));
  return files.sync_directory(directory);
}

Status replace_file(FileSystem& files, const std::string& directory, const std::string& name,
                    BytesView content) {
  TALEA_TRY(write_unfinished(files, directory, name, content));
  return finish_file(files, directory, name);
}

Result<JournalContent> decode_journal(BytesView file, const DatabaseId& database) {
  JournalContent content;
  if (file.empty()) return content;
  TALEA_TRY(check_header(file, database));
  content.format = static_cast<BucketFormat>(load_fixed<std::uint32_t>(file.data() + kFormatAt));
  content.seed = seed_of(file);
  content.end = kHeaderBytes;
  while (true) {
    const auto record = take_record(content.seed, file.substr(content.end));
    if (!record.has_value() || record->place.sequence != content.next_sequence) break;
    if (record->place.durable > content.end) return nonsense();
    TALEA_TRY(take(*record, content.end + kHeadBytes, content));
    ++content.next_sequence;
    content.end += kHeadBytes + record->body.size() + kCheckBytes;
  }
  if (was_durable(file, content.seed, content.end)) {
    return Status::corruption("a record at offset " + std::to_string(content.end) +
                              " is damaged, and was durable before");
  }
  const std::size_t last = file.find_last_not_of('\0');
  if (last != BytesView::npos && last >= content.end) content.torn_bytes = last + 1 - content.end;
  return content;
}

Result<Journal::Opened> Journal::open(const JournalSetup& setup, BucketFormat format) {
  const std::string path = join_path(setup.directory, kJournalName);
  Bytes bytes;
  std::unique_ptr<File> file;
  if (TALEA_TRY(setup.files.exists(path))) {
    const OpenMode mode = setup.read_only ? OpenMode::read : OpenMode::write;
    file = TALEA_TRY(setup.files.open(path, mode));
    TALEA_TRY(read_exactly(*file, 0, TALEA_TRY(file->size()), bytes));
  }
  JournalContent content = TALEA_TRY(decode_journal(bytes, setup.database));
  if (content.batches.empty()) {
    content.format = format;  // the next batch begins a new one
    return Opened{std::shared_ptr<Journal>(new Journal(setup, format)), std::move(content)};
  }
  std::shared_ptr<Journal> journal(new Journal(setup, content.format));
  if (!setup.read_only) {
    if (bytes.size() > content.end) TALEA_TRY(file->truncate(content.end));
    // Also what a killed process wrote and did not sync is to be durable before it counts as kept.
    TALEA_TRY(file->sync_data());
  }
  journal->file_ = std::move(file);
  journal->seed_ = content.seed;
  journal->next_sequence_ = content.next_sequence;
  journal->end_ = journal->durable_ = journal->allocated_ = content.end;
  return Opened{std::move(journal), std::move(content)};
}

Status Journal::make_file() {
  Bytes bytes = encode_header(format_, setup_.database, setup_.random);
  seed_ = seed_of(bytes);
  TALEA_TRY(replace_file(setup_.files, setup_.directory, kJournalName, bytes));
  file_ = TALEA_TRY(setup_.files.open(join_path(setup_.directory, kJournalName), OpenMode::write));
  end_ = durable_ = allocated_ = bytes.size();
  return {};
}

// Behind `from`, for the records to come. Where each is synced, zeros are written and not only
// promised: a file system notes in a journal of its own when a block is first written, and a sync
// would wait for that, too.
Status Journal::make_room(std::uint64_t from) {
  const std::uint64_t bytes = std::clamp(from, kRoomBytesMin, kRoomBytesMax);
  TALEA_TRY(setup_.sync ? file_->pwrite(from, Bytes(bytes, '\0')) : file_->allocate(from, bytes));
  allocated_ = from + bytes;
  return {};
}

Status Journal::write_record(BytesView record, bool sync) {
  TALEA_TRY(file_->pwrite(end_, record));
  const std::uint64_t end = end_ + record.size();
  if (end > allocated_) {
    Status room = make_room(end);
    // On a full disk the next record has to find its own.
    if (!room.ok() && room.code() != Code::exhausted) return room;
  }
  return sync ? file_->sync_data() : Status();
}

Result<std::uint64_t> Journal::append_record(std::uint8_t kind, BytesView body, bool sync) {
  if (is_broken_) {
    return Status::unavailable(
        "a write to the journal failed before: close the database and open it again");
  }
  if (file_ == nullptr) TALEA_TRY(make_file());
  const Bytes record = encode_record(seed_, kind, {next_sequence_, durable_}, body);
  Status written = write_record(record, sync);
  if (!written.ok()) {
    // Off with what there is of it. A sync that failed is not tried again: this one is of the cut,
    // and what was durable before is not touched by either.
    const bool is_disk_full = written.code() == Code::exhausted;
    Status cut = file_->truncate(end_);
    if (cut.ok()) cut = file_->sync_data();
    allocated_ = end_;
    is_broken_ = !is_disk_full || !cut.ok();
    if (cut.ok()) return std::move(written).with_context("write to the journal");
    return Status::timed_out("a write to the journal failed (" + written.to_string() +
                             ") and could not be taken back");
  }
  const std::uint64_t offset = end_ + kHeadBytes;
  ++next_sequence_;
  end_ += record.size();
  if (sync) durable_ = end_;
  return offset;
}

Result<LoggedBatch> Journal::append(BytesView entries) {
  TALEA_ASSERT(entries.size() <= kBucketBatchBytesMax);
  const std::uint64_t offset = TALEA_TRY(append_record(kBatch, entries, setup_.sync));
  return LoggedBatch{next_sequence_ - 1, offset, entries.size()};
}

Status Journal::note_upload(const UploadNote& note) {
  const std::uint8_t kind = note.commit == 0 ? kUpload : kUploadWithId;
  return append_record(kind, encode_note(note), true).status();
}

Result<Bytes> Journal::read(std::uint64_t offset, std::uint64_t bytes) const {
  Bytes out;
  TALEA_TRY(read_exactly(*file_, offset, bytes, out).with_context(kJournalName));
  return out;
}

Status Journal::sync() {
  if (file_ == nullptr || durable_ == end_) return {};
  if (is_broken_) return Status::unavailable("a write to the journal failed before");
  Status synced = file_->sync_data();
  if (synced.ok()) {
    durable_ = end_;
  } else {
    is_broken_ = true;
  }
  return synced;
}

Result<WriteLog::Anew> Journal::begin_anew(std::span<const LoggedBatch> kept, BucketFormat format) {
  std::shared_ptr<Journal> anew(new Journal(setup_, format));
  Bytes bytes = encode_header(format, setup_.database, setup_.random);
  anew->seed_ = seed_of(bytes);
  std::vector<LoggedBatch> batches;
  batches.reserve(kept.size());
  for (const LoggedBatch& batch : kept) {
    const Bytes body = TALEA_TRY(read(batch.offset, batch.bytes));
    const LoggedBatch moved{anew->next_sequence_++, bytes.size() + kHeadBytes, body.size()};
    bytes += encode_record(anew->seed_, kBatch, {moved.sequence, 0}, body);
    batches.push_back(moved);
  }
  TALEA_TRY(write_unfinished(setup_.files, setup_.directory, kJournalName, bytes));
  anew->file_ = TALEA_TRY(
      setup_.files.open(join_path(setup_.directory, kJournalName) + kUnfinished, OpenMode::write));
  Status finished = finish_file(setup_.files, setup_.directory, kJournalName);
  if (!finished.ok()) {
    // Which of the two has the name is not known: what went into one could be lost with it.
    is_broken_ = true;
    return finished;
  }
  anew->end_ = anew->durable_ = anew->allocated_ = bytes.size();
  return Anew{std::move(anew), std::move(batches)};
}

}  // namespace talea::bucketdb
