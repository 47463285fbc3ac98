// Rows go through a buffer that knows nothing of frames, and frames through one that knows nothing
// of rows: a row may begin, and end, anywhere in a frame.
#include "store/state_stream.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "codec/format.h"

namespace talea {
namespace {

constexpr BytesView kMagic = "TALEASTA";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint32_t kFeaturesSupported = kFeatureExpiry;
constexpr BytesView kHashIntroduction("talea state 1\0\0\0", 16);
// Of a row in front of its key, the hash leaves out the time, which comes last.
constexpr std::size_t kHashedRowBytes = kStateRowBytes - sizeof(std::uint64_t);
constexpr std::size_t kCheckBytes = sizeof(std::uint32_t);
constexpr std::size_t kHeaderCheckedBytes = kStateHeaderBytes - kCheckBytes;
// Behind the zero that stands where a frame has its length.
constexpr std::size_t kEndBytes = sizeof(std::uint64_t) + std::tuple_size_v<StateHash>;

Bytes encode_row(const StateRow& row) {
  Bytes out;
  out.reserve(kStateRowBytes);
  append_fixed(out, static_cast<std::uint32_t>(row.space));
  append_fixed(out, static_cast<std::uint32_t>(row.key.size()));
  append_fixed(out, row.revision);
  append_fixed(out, row.expiry_ms);
  append_fixed(out, row.value_bytes);
  append_fixed(out, row.time_ms);
  return out;
}

// Nobody else's bytes: what is wrong here is wrong in the store that gave the row.
void check_row(const StateReader& reader) {
  const StateRow& row = reader.row();
  TALEA_ASSERT(row.key.size() >= kKeyBytesMin && row.key.size() <= kStoredKeyBytesMax);
  TALEA_ASSERT(row.revision > 0 && row.revision <= reader.last_sequence());
  TALEA_ASSERT(row.value_bytes <= kStreamedValueBytesMax);
  TALEA_ASSERT(row.time_ms <= reader.last_time_ms());
  TALEA_ASSERT(row.expiry_ms == 0 || reader.may_expire());
}

// Calls `on_row` for each row and `on_value` for each piece of its value.
template <typename OnRow, typename OnValue>
Status walk(StateReader& reader, OnRow on_row, OnValue on_value) {
  while (TALEA_TRY(reader.next())) {
    check_row(reader);
    TALEA_TRY(on_row(reader.row()));
    std::uint64_t left = reader.row().value_bytes;
    for (;;) {
      const BytesView piece = TALEA_TRY(reader.read_value());
      TALEA_ASSERT(piece.size() <= left);
      if (piece.empty()) break;
      left -= piece.size();
      TALEA_TRY(on_value(piece));
    }
    TALEA_ASSERT(left == 0);
  }
  return {};
}

// Cuts what it gets into frames.
class FrameWriter {
 public:
  explicit FrameWriter(const StateSink& sink) : sink_(sink) {}

  Status header(const StateReader& reader) {
    Bytes header(kMagic);
    append_fixed(header, kVersion);
    append_fixed(header, std::uint16_t{0});
    append_fixed(header, std::uint32_t{reader.may_expire() ? kFeatureExpiry : 0U});
    append_fixed(header, reader.last_sequence());
    append_fixed(header, reader.last_time_ms());
    header.resize(kHeaderCheckedBytes);
    check_ = crc32c(0, header);
    append_fixed(header, check_);
    return sink_(header);
  }

  Status append(BytesView part) {
    while (!part.empty()) {
      const std::size_t count = std::min(part.size(), kStateFrameBytes - content_bytes());
      frame_.append(part.substr(0, count));
      part.remove_prefix(count);
      if (content_bytes() == kStateFrameBytes) TALEA_TRY(flush());
    }
    return {};
  }

  Status end(std::uint64_t rows, const StateHash& hash) {
    if (content_bytes() > 0) TALEA_TRY(flush());
    append_fixed(frame_, rows);
    for (const unsigned char byte : hash) frame_ += static_cast<char>(byte);
    return send();
  }

 private:
  std::size_t content_bytes() const { return frame_.size() - kLengthBytes; }

  Status flush() {
    store_fixed(frame_.data(), static_cast<std::uint32_t>(content_bytes()));
    return send();
  }
  Status send() {
    check_ = crc32c(check_, frame_);
    append_fixed(frame_, check_);
    TALEA_TRY(sink_(frame_));
    frame_.assign(kLengthBytes, '\0');
    return {};
  }

  static constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);
  const StateSink& sink_;
  std::uint32_t check_ = 0;
  Bytes frame_ = Bytes(kLengthBytes, '\0');  // its length, and content so far
};

}  // namespace

StateHasher::StateHasher() { hash_.update(kHashIntroduction); }

void StateHasher::row(const StateRow& row) {
  hash_.update(BytesView(encode_row(row)).substr(0, kHashedRowBytes));
  hash_.update(row.key);
}

Result<StateHash> hash_state(StateReader& reader) {
  StateHasher hasher;
  TALEA_TRY(walk(
      reader,
      [&](const StateRow& row) {
        hasher.row(row);
        return Status();
      },
      [&](BytesView piece) {
        hasher.value(piece);
        return Status();
      }));
  return hasher.finish();
}

Result<StateHash> write_state_stream(StateReader& reader, const StateSink& sink) {
  StateHasher hasher;
  FrameWriter frames(sink);
  std::uint64_t rows = 0;
  TALEA_TRY(frames.header(reader));
  TALEA_TRY(walk(
      reader,
      [&](const StateRow& row) -> Status {
        ++rows;
        hasher.row(row);
        TALEA_TRY(frames.append(encode_row(row)));
        return frames.append(row.key);
      },
      [&](BytesView piece) {
        hasher.value(piece);
        return frames.append(piece);
      }));
  const StateHash hash = hasher.finish();
  TALEA_TRY(frames.end(rows, hash));
  return hash;
}

// --- Reading
// --------------------------------------------------------------------------------------

Result<std::unique_ptr<StateStreamReader>> StateStreamReader::open(StateSource source) {
  std::unique_ptr<StateStreamReader> reader(new StateStreamReader(std::move(source)));
  TALEA_TRY(reader->read_header());
  return reader;
}

Status StateStreamReader::damaged(const std::string& what) const {
  return Status::corruption("state stream, before offset " + std::to_string(offset_) + ": " + what);
}

Status StateStreamReader::read_exactly(char* out, std::size_t bytes) {
  while (bytes > 0) {
    const std::size_t got = TALEA_TRY(source_(out, bytes));
    TALEA_ASSERT(got <= bytes);
    offset_ += got;
    if (got == 0) return damaged("it is cut short");
    out += got;
    bytes -= got;
  }
  return {};
}

Status StateStreamReader::read_header() {
  Bytes header(kStateHeaderBytes, '\0');
  TALEA_TRY(read_exactly(header.data(), header.size()));
  if (!header.starts_with(kMagic)) return damaged("this is no state stream");
  check_ = crc32c(0, BytesView(header).substr(0, kHeaderCheckedBytes));
  if (load_fixed<std::uint32_t>(header.data() + kHeaderCheckedBytes) != check_) {
    return damaged("the check of the header does not match");
  }
  const auto version = load_fixed<std::uint16_t>(header.data() + 8);
  if (version != kVersion) {
    return Status::unsupported("state stream of version " + std::to_string(version));
  }
  const std::string unknown =
      unsupported_features(load_fixed<std::uint32_t>(header.data() + 12), kFeaturesSupported);
  if (!unknown.empty()) return Status::unsupported("state stream with " + unknown);
  may_expire_ = (load_fixed<std::uint32_t>(header.data() + 12) & kFeatureExpiry) != 0;
  last_sequence_ = load_fixed<std::uint64_t>(header.data() + 16);
  last_time_ms_ = load_fixed<std::uint64_t>(header.data() + 24);
  if (load_fixed<std::uint16_t>(header.data() + 10) != 0 ||
      header.find_first_not_of('\0', 32) < kHeaderCheckedBytes) {
    return damaged("a reserved byte is not zero");
  }
  if (last_sequence_ > kSequenceMax) return damaged("the last sequence is out of range");
  return {};
}

Status StateStreamReader::read_frame() {
  char length[sizeof(std::uint32_t)];
  TALEA_TRY(read_exactly(length, sizeof length));
  const auto bytes = load_fixed<std::uint32_t>(length);
  if (bytes > kStateFrameBytesMax) return damaged("a frame is too long");
  const bool is_end = bytes == 0;
  const std::size_t content_bytes = is_end ? kEndBytes : bytes;
  // What was not taken yet stays in front.
  buffer_.erase(0, taken_);
  taken_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + content_bytes + kCheckBytes);
  char* const content = buffer_.data() + before;
  TALEA_TRY(read_exactly(content, content_bytes + kCheckBytes));
  check_ = crc32c(crc32c(check_, {length, sizeof length}), {content, content_bytes});
  if (load_fixed<std::uint32_t>(content + content_bytes) != check_) {
    return damaged("the check of a frame does not match");
  }
  buffer_.resize(before + content_bytes);
  if (is_end) {
    rows_claimed_ = load_fixed<std::uint64_t>(content);
    std::memcpy(hash_.data(), content + sizeof(std::uint64_t), hash_.size());
    buffer_.resize(before);
    ended_ = true;
  }
  return {};
}

Status StateStreamReader::gather(std::size_t bytes) {
  while (buffer_.size() - taken_ < bytes) {
    if (ended_) return damaged("it ends inside a row");
    TALEA_TRY(read_frame());
  }
  return {};
}

Result<bool> StateStreamReader::at_end() {
  if (taken_ == buffer_.size() && !ended_) TALEA_TRY(read_frame());
  return taken_ == buffer_.size() && ended_;
}

BytesView StateStreamReader::take(std::size_t bytes) {
  const BytesView taken = BytesView(buffer_).substr(taken_, bytes);
  taken_ += bytes;
  return taken;
}

Status StateStreamReader::read_row() {
  TALEA_TRY(gather(kStateRowBytes));
  const char* const head = take(kStateRowBytes).data();
  const auto space = static_cast<Space>(load_fixed<std::uint32_t>(head));
  const auto key_bytes = load_fixed<std::uint32_t>(head + 4);
  row_.revision = load_fixed<std::uint64_t>(head + 8);
  row_.expiry_ms = load_fixed<std::uint64_t>(head + 16);
  row_.value_bytes = load_fixed<std::uint64_t>(head + 24);
  row_.time_ms = load_fixed<std::uint64_t>(head + 32);
  if (key_bytes < kKeyBytesMin || key_bytes > kStoredKeyBytesMax) {
    return damaged("the length of a key is out of range");
  }
  if (row_.value_bytes > kStreamedValueBytesMax) {
    return damaged("the length of a value is out of range");
  }
  if (row_.revision == 0 || row_.revision > last_sequence_ || row_.time_ms > last_time_ms_ ||
      (row_.expiry_ms != 0 && !may_expire_)) {
    return damaged("a revision or a time is out of range");
  }
  TALEA_TRY(gather(key_bytes));
  const BytesView key = take(key_bytes);
  if (rows_ > 0 && std::pair(row_.space, BytesView(key_)) >= std::pair(space, key)) {
    return damaged("the rows are out of order");
  }
  row_.space = space;
  key_ = key;
  row_.key = key_;
  value_left_ = row_.value_bytes;
  ++rows_;
  hasher_.row(row_);
  return {};
}

Result<bool> StateStreamReader::next() {
  TALEA_TRY(Status(failed_));
  Result<bool> found = advance();
  if (!found.ok()) failed_ = found.status();
  return found;
}

Result<bool> StateStreamReader::advance() {
  if (verified_) return false;
  while (!TALEA_TRY(read_piece()).empty()) continue;  // what nobody read of the value
  if (!TALEA_TRY(at_end())) {
    TALEA_TRY(read_row());
    return true;
  }
  if (rows_ != rows_claimed_) return damaged("it does not have as many rows as it says");
  if (hasher_.finish() != hash_) return damaged("the rows do not have the state hash at its end");
  verified_ = true;
  return false;
}

Result<BytesView> StateStreamReader::read_value() {
  TALEA_TRY(Status(failed_));
  Result<BytesView> piece = read_piece();
  if (!piece.ok()) failed_ = piece.status();
  return piece;
}

Result<BytesView> StateStreamReader::read_piece() {
  if (value_left_ == 0) return BytesView();
  TALEA_TRY(gather(1));
  const BytesView piece =
      take(static_cast<std::size_t>(std::min<std::uint64_t>(value_left_, buffer_.size() - taken_)));
  value_left_ -= piece.size();
  hasher_.value(piece);
  return piece;
}

}  // namespace talea
