// Key files, with their check as it is and made anew: what is no key file is refused, and what is
// one comes back with the same keys.
#include <cstdint>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "keys/key_file.h"

namespace talea {
namespace {

// The id that is in the file, so that the rest of it is reached.
StoreId id_in(BytesView bytes) {
  constexpr std::size_t kStoreIdAt = 16;
  StoreId id{};
  for (std::size_t i = 0; i < id.size() && kStoreIdAt + i < bytes.size(); ++i) {
    id[i] = static_cast<unsigned char>(bytes[kStoreIdAt + i]);
  }
  return id;
}

void decode(BytesView bytes) {
  SecretKey master;  // that of the files in the corpus
  for (unsigned char& byte : master.bytes()) byte = '*';
  const auto file = decode_key_file(bytes, id_in(bytes), master);
  if (!file.ok()) {
    const Code code = file.status().code();
    TALEA_ASSERT(code == Code::corruption || code == Code::unsupported || code == Code::denied);
    return;
  }
  TALEA_ASSERT(check_key_file(bytes, id_in(bytes)).ok());
  SeededRandom random(1);
  const Bytes anew = encode_key_file(*file, master, random);
  const auto back = decode_key_file(anew, file->store_id, master);
  TALEA_ASSERT(back.ok() && back->keys.size() == file->keys.size());
}

}  // namespace
}  // namespace talea

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  talea::Bytes bytes(reinterpret_cast<const char*>(data), size);
  talea::decode(bytes);
  if (size < 4) return 0;
  bytes.resize(size - 4);
  talea::append_fixed(bytes, talea::crc32c(0, bytes));
  talea::decode(bytes);
  return 0;
}
