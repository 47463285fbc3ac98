#include "cli/line_reader.h"

#include <algorithm>
#include <cstring>

namespace talea::cli {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

}  // namespace

Result<std::optional<std::string_view>> LineReader::next() {
  std::size_t searched = begin_;
  for (;;) {
    const void* newline = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (newline == nullptr && !at_end_) {
      searched = end_ - begin_;  // fill() moves the line to the front
      TALEA_TRY(fill());
      continue;
    }
    if (newline == nullptr && begin_ == end_) return std::optional<std::string_view>();
    const std::size_t stop =
        newline == nullptr
            ? end_
            : static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data());
    const std::string_view line(buffer_.data() + begin_, stop - begin_);
    begin_ = std::min(stop + 1, end_);
    bytes_ += line.size() + (newline == nullptr ? 0 : 1);
    ++line_;
    return std::optional<std::string_view>(line);
  }
}

// Moves the part of a line that is there to the front, and reads more behind it.
Status LineReader::fill() {
  // Not for a line that is at the front already: a long one would be moved at every read.
  if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ > kLineBytesMax) {
    return Status::exhausted("line " + std::to_string(line_ + 1) + " is longer than " +
                             std::to_string(kLineBytesMax) +
                             " bytes; store large values with `put KEY @FILE`");
  }
  if (buffer_.size() < end_ + kReadBytes + kLinePaddingBytes) {
    buffer_.resize(2 * end_ + kReadBytes + kLinePaddingBytes);
  }
  const std::size_t got =
      TALEA_TRY(descriptor_.read(buffer_.data() + end_, buffer_.size() - end_ - kLinePaddingBytes));
  end_ += got;
  at_end_ = got == 0;
  return {};
}

}  // namespace talea::cli
