// LineReader: lines of any length up to a limit, as soon as they are complete. A line that is
// there is returned without waiting for the next one, so that the other end may wait for an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/descriptor.h"
#include "talea/limits.h"
#include "talea/result.h"

namespace talea::cli {

/// Holds the largest value that one line may carry, in base64, with its key.
inline constexpr std::uint64_t kLineBytesMax = 2 * kGiB;
/// Readable bytes behind each line, which simdjson asks for.
inline constexpr std::size_t kLinePaddingBytes = 64;

/// Lifetime: must not outlive the descriptor. Threads: externally synchronised.
class LineReader {
 public:
  explicit LineReader(const Descriptor& descriptor) : descriptor_(descriptor) {}

  /// The next line without its newline, valid until the next call; nothing at the end. Text behind
  /// the last newline is a line too. kLinePaddingBytes behind a line may be read.
  /// Errors: exhausted   longer than kLineBytesMax; nothing more can be read
  Result<std::optional<std::string_view>> next();
  /// Number of the line that next() returned, from 1.
  std::uint64_t line() const { return line_; }
  /// Bytes of the lines returned so far, newlines included.
  std::uint64_t bytes() const { return bytes_; }

 private:
  Status fill();

  const Descriptor& descriptor_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the next line
  std::size_t end_ = 0;    // of what was read; buffer_ is kLinePaddingBytes longer at least
  bool at_end_ = false;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace talea::cli
