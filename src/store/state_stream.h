// The hash of a store's state, and the stream that carries the state to another store.
//
// All of it is about a StateReader and knows no store: a stream that is read is one as well.
//
// Format: docs/formats/state.md.
#pragma once

#include <memory>

#include "crypto/sha256.h"
#include "store/state.h"
#include "talea/limits.h"
#include "talea/state.h"

namespace talea {

/// Of a header, and of the `content` of one frame.
inline constexpr std::size_t kStateHeaderBytes = 64;
inline constexpr std::size_t kStateFrameBytesMax = kMiB;
/// A writer sends a frame when it has so much.
inline constexpr std::size_t kStateFrameBytes = 64 * kKiB;
/// Of a row, in front of its key.
inline constexpr std::size_t kStateRowBytes = 40;

/// The state hash of rows that are given to it in order.
/// Threads: externally synchronised.
class StateHasher {
 public:
  StateHasher();
  void row(const StateRow& row);
  /// The next piece of the value of the last row.
  void value(BytesView piece) { hash_.update(piece); }
  /// Call it once.
  StateHash finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

/// Reads what is left in `reader` and returns the state hash.
/// Cost: reads all values; constant memory; 0.6 ns a byte for the hash.
/// Errors: those of `reader`
Result<StateHash> hash_state(StateReader& reader);

/// Writes the state stream of what is left in `reader`, and returns the state hash, with which it
/// ends. The same rows always give the same bytes.
///
/// Cost: as hash_state(); memory of one frame.
/// Errors: those of `reader` and of `sink`; what was written then is no stream, and no reader takes
///         it for one
Result<StateHash> write_state_stream(StateReader& reader, const StateSink& sink);

/// Reads a state stream. Every byte that it gives was checked, but by CRC-32C only: not before
/// next() has returned false is the whole of it verified.
///
/// Threads: externally synchronised.
class StateStreamReader final : public StateReader {
 public:
  /// Reads the header.
  /// Errors: corruption, unsupported, and those of `source`
  static Result<std::unique_ptr<StateStreamReader>> open(StateSource source);

  Sequence last_sequence() const override { return last_sequence_; }
  std::uint64_t last_time_ms() const override { return last_time_ms_; }
  bool may_expire() const override { return may_expire_; }
  /// Errors: corruption   the stream is damaged or cut short; the message says where
  Result<bool> next() override;
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override;

  /// The state hash, which was compared. After next() has returned false.
  const StateHash& hash() const { return hash_; }

 private:
  explicit StateStreamReader(StateSource source) : source_(std::move(source)) {}

  Status read_header();
  Result<bool> advance();
  Status read_row();
  Result<BytesView> read_piece();
  // Makes `bytes` of rows available in buffer_.
  Status gather(std::size_t bytes);
  BytesView take(std::size_t bytes);
  // Whether all that was gathered is taken, and no more comes.
  Result<bool> at_end();
  Status read_frame();
  Status read_exactly(char* out, std::size_t bytes);
  Status damaged(const std::string& what) const;

  StateSource source_;
  std::uint64_t offset_ = 0;  // of the stream
  std::uint32_t check_ = 0;   // of the frame before
  Sequence last_sequence_ = 0;
  std::uint64_t last_time_ms_ = 0;
  bool may_expire_ = false;
  Status failed_;

  Bytes buffer_;           // content of frames, checked
  std::size_t taken_ = 0;  // so much of it
  bool ended_ = false;     // the end was read:
  std::uint64_t rows_claimed_ = 0;
  StateHash hash_{};

  StateRow row_;
  Bytes key_;
  std::uint64_t value_left_ = 0;
  std::uint64_t rows_ = 0;
  StateHasher hasher_;
  bool verified_ = false;
};

}  // namespace talea
