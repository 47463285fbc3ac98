// State streams: what is accepted is a state, which written again and read again is the same.
//
// Input: a byte of options (bit 0: make the checks right, bit 1: the rows and the hash at the end
// as well), then a stream.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "store/state_stream.h"
#include "store/state_testing.h"

namespace talea {
namespace {

// Reads rows of any bytes, as a reader would that believes everything; so the end can be made to
// fit what comes before it.
void fit_end(Bytes& stream, std::size_t end, const Bytes& rows) {
  StateHasher hasher;
  std::uint64_t count = 0;
  for (std::size_t at = 0; rows.size() - at >= kStateRowBytes; ++count) {
    const char* const head = rows.data() + at;
    StateRow row = {.space = static_cast<Space>(load_fixed<std::uint32_t>(head)),
                    .revision = load_fixed<std::uint64_t>(head + 8),
                    .expiry_ms = load_fixed<std::uint64_t>(head + 16),
                    .value_bytes = load_fixed<std::uint64_t>(head + 24)};
    const std::uint64_t key_bytes = load_fixed<std::uint32_t>(head + 4);
    at += kStateRowBytes;
    if (key_bytes > rows.size() - at || row.value_bytes > rows.size() - at - key_bytes) break;
    row.key = BytesView(rows).substr(at, key_bytes);
    hasher.row(row);
    hasher.value(BytesView(rows).substr(at + key_bytes, row.value_bytes));
    at += key_bytes + row.value_bytes;
  }
  store_fixed(stream.data() + end + 4, count);
  const StateHash hash = hasher.finish();
  std::memcpy(stream.data() + end + 12, hash.data(), hash.size());
}

void repair(Bytes& stream, bool fits_end) {
  if (stream.size() < kStateHeaderBytes) return;
  std::uint32_t check = crc32c(0, BytesView(stream).substr(0, kStateHeaderBytes - 4));
  store_fixed(stream.data() + kStateHeaderBytes - 4, check);
  Bytes rows;
  for (std::size_t at = kStateHeaderBytes; stream.size() - at >= 4;) {
    const auto length = load_fixed<std::uint32_t>(stream.data() + at);
    const std::size_t content = length == 0 ? 40 : length;
    if (content > kStateFrameBytesMax || stream.size() - at < 8 + content) return;
    if (length == 0 && fits_end) fit_end(stream, at, rows);
    check = crc32c(check, BytesView(stream).substr(at, 4 + content));
    store_fixed(stream.data() + at + 4 + content, check);
    rows.append(stream, at + 4, content);
    at += 8 + content;
  }
}

Result<MemoryState> read(BytesView stream, StateHash& hash) {
  const auto reader = TALEA_TRY(StateStreamReader::open(source_of(stream)));
  MemoryState state = TALEA_TRY(read_all(*reader));
  hash = reader->hash();
  return state;
}

}  // namespace
}  // namespace talea

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  talea::Bytes stream(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0) talea::repair(stream, (data[0] & 2) != 0);
  talea::StateHash hash{};
  const auto state = talea::read(stream, hash);
  if (!state.ok()) return 0;

  talea::Bytes again;
  talea::MemoryStateReader reader(*state);
  TALEA_ASSERT(talea::write_state_stream(reader, talea::sink_to(again)).value() == hash);
  talea::StateHash hash_again{};
  TALEA_ASSERT(talea::read(again, hash_again).value() == *state);
  TALEA_ASSERT(hash_again == hash);
  return 0;
}
