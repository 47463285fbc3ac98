#include "engine/expiry_hint.h"

namespace talea {

namespace {

constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kSpaceBytes = 4;

// Big-endian, so that hints sort by time.
void append_number(Bytes& out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = bytes; i > 0; --i) out += static_cast<char>(number >> (8 * (i - 1)));
}

std::uint64_t read_number(BytesView from) {
  std::uint64_t number = 0;
  for (const char byte : from) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

Bytes ExpiryHint::encode() const {
  Bytes encoded;
  encoded.reserve(kTimeBytes + kSpaceBytes + key.size());
  append_number(encoded, expiry_ms, kTimeBytes);
  append_number(encoded, static_cast<std::uint32_t>(space), kSpaceBytes);
  encoded += key;
  return encoded;
}

std::optional<ExpiryHint> ExpiryHint::decode(BytesView key) {
  if (key.size() <= kTimeBytes + kSpaceBytes) return std::nullopt;
  return ExpiryHint{.expiry_ms = read_number(key.substr(0, kTimeBytes)),
                    .space = static_cast<Space>(read_number(key.substr(kTimeBytes, kSpaceBytes))),
                    .key = key.substr(kTimeBytes + kSpaceBytes)};
}

Bytes end_of_hints(std::uint64_t time_ms) {
  Bytes end;
  append_number(end, time_ms + 1, kTimeBytes);
  return end;
}

}  // namespace talea
