// OpenedBytes: the key and value of an entry that lies sealed in its segment, opened. Of entries
// that are not, none: then it costs a pointer that is null.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

namespace talea {

/// Threads: a value; externally synchronised. What is in it stays where it is when it is moved.
class OpenedBytes {
 public:
  OpenedBytes() = default;
  OpenedBytes(const OpenedBytes& other) { *this = other; }
  OpenedBytes(OpenedBytes&&) noexcept = default;
  OpenedBytes& operator=(const OpenedBytes& other) {
    if (this == &other) return *this;
    if (other.bytes_ == nullptr) {
      bytes_.reset();
      room_ = 0;
    } else {
      std::copy_n(other.bytes_.get(), other.room_, make(other.room_));
    }
    return *this;
  }
  OpenedBytes& operator=(OpenedBytes&&) noexcept = default;
  ~OpenedBytes() = default;

  /// Room for `bytes` bytes, in place of what was there.
  char* make(std::size_t bytes) {
    if (bytes > room_ || bytes_ == nullptr) {
      bytes_ = std::make_unique_for_overwrite<char[]>(std::max<std::size_t>(bytes, 1));
      room_ = bytes;
    }
    return bytes_.get();
  }
  /// Null when there was never anything in it.
  const char* data() const { return bytes_.get(); }
  std::size_t room() const { return room_; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t room_ = 0;
};

}  // namespace talea
