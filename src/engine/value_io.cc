#include "engine/value_io.h"

#include <algorithm>

#include "base/assert.h"
#include "engine/engine_store.h"

namespace talea {

// --- ValueWriter ---------------------------------------------------------------------------------

ValueWriter::ValueWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ValueWriter::ValueWriter(ValueWriter&&) noexcept = default;
ValueWriter& ValueWriter::operator=(ValueWriter&&) noexcept = default;
ValueWriter::~ValueWriter() = default;

Status ValueWriter::State::flush() {
  TALEA_TRY(store.check_usable(true));
  TALEA_TRY(store.check_may_put());
  if (chunks == 0) list.value_id = extents.new_value_id();
  TALEA_TRY(extents.append_chunk(list, chunks, buffered));
  ++chunks;
  buffered.clear();
  return {};
}

Status ValueWriter::append(BytesView piece) {
  State& state = *state_;
  if (state.finished) return Status::invalid_argument("the value is finished");
  TALEA_TRY(Status(state.failed));
  if (piece.size() > kStreamedValueBytesMax - bytes()) {
    state.failed = Status::exhausted(
        "a value has at most " + std::to_string(kStreamedValueBytesMax) + " bytes; this one has " +
        std::to_string(bytes()) + " and would get " + std::to_string(piece.size()) + " more");
  }
  while (state.failed.ok() && !piece.empty()) {
    // A full chunk is written when more comes, so that a value of one chunk can stay inline.
    if (state.buffered.size() == kChunkBytesMax) state.failed = state.flush();
    if (!state.failed.ok()) break;
    const BytesView part = piece.substr(0, kChunkBytesMax - state.buffered.size());
    state.buffered += part;
    piece.remove_prefix(part.size());
  }
  return state.failed;
}

std::uint64_t ValueWriter::bytes() const { return state_->list.bytes + state_->buffered.size(); }

Result<StoredValue> ValueWriter::finish() {
  State& state = *state_;
  if (state.finished) return Status::invalid_argument("the value is finished");
  TALEA_TRY(Status(state.failed));
  state.finished = true;
  StoredValue value;
  value.bytes_ = bytes();
  if (state.chunks == 0) {
    value.inline_value_ = std::move(state.buffered);
    return value;
  }
  if (!state.buffered.empty()) TALEA_TRY(state.flush());
  TALEA_TRY(state.extents.sync(state.list));
  value.owner_ = state.instance;
  value.extent_list_ = encode_extent_list(state.list);
  return value;
}

// --- ValueReader ---------------------------------------------------------------------------------

ValueReader::ValueReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ValueReader::ValueReader(ValueReader&&) noexcept = default;
ValueReader& ValueReader::operator=(ValueReader&&) noexcept = default;
ValueReader::~ValueReader() = default;

std::uint64_t ValueReader::bytes() const { return state_->bytes; }
Sequence ValueReader::revision() const { return state_->revision; }

Status ValueReader::seek(std::uint64_t offset) {
  if (offset > state_->bytes) {
    return Status::invalid_argument("the value has " + std::to_string(state_->bytes) +
                                    " bytes; cannot seek to " + std::to_string(offset));
  }
  state_->offset = offset;
  return {};
}

Result<BytesView> ValueReader::read() {
  State& state = *state_;
  if (state.offset == state.bytes) return BytesView();
  if (state.list.pieces.empty()) {
    const BytesView rest = BytesView(state.inline_value).substr(state.offset);
    state.offset = state.bytes;
    return rest;
  }
  // All chunks but the last are of one size, so the place of each follows from its number.
  std::uint64_t piece_start = 0;
  std::size_t position = 0;
  while (piece_start + state.list.pieces[position].bytes <= state.offset) {
    piece_start += state.list.pieces[position].bytes;
    ++position;
  }
  const ExtentPiece& piece = state.list.pieces[position];
  const std::uint64_t chunk_in_piece = (state.offset - piece_start) / kChunkBytesMax;
  const std::uint64_t chunk_start = piece_start + chunk_in_piece * kChunkBytesMax;
  const std::uint64_t chunk_bytes =
      std::min(kChunkBytesMax, piece_start + piece.bytes - chunk_start);
  const ChunkPlace place{
      .value_id = state.list.value_id,
      .number = chunk_start / kChunkBytesMax,
      .offset = static_cast<std::uint32_t>(
          piece.offset + chunk_in_piece * (piece.chunk_overhead() + kChunkBytesMax))};
  const BytesView content =
      TALEA_TRY(read_chunk(*state.segments[position], place, chunk_bytes, state.scratch));
  const BytesView rest = content.substr(state.offset - chunk_start);
  state.offset = chunk_start + chunk_bytes;
  return rest;
}

}  // namespace talea
