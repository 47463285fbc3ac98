#include "keys/key_file.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "crypto/hkdf.h"

namespace talea {
namespace {

constexpr BytesView kMagic = "TALEAKEY";
constexpr std::uint16_t kVersion = 1;
constexpr BytesView kUse = "talea keys v1";
constexpr std::size_t kHeaderBytes = 80;
constexpr std::size_t kStoreIdAt = 16;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kCountAt = 40;
constexpr std::size_t kSaltAt = 48;
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kKeyBytes = 16 + SecretKey::kBytes;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kFileBytesMin =
    kHeaderBytes + kKeyBytes + PlaceCipher::kTagBytes + kCheckBytes;

// A cipher of its own for each file that is written, as the salt is: so the nonce may be the same.
PlaceCipher cipher_for(const SecretKey& master, BytesView header) {
  SecretKey wrapping;
  hkdf_sha256(master.view(), header.substr(kSaltAt, kSaltBytes), kUse, wrapping.bytes());
  return PlaceCipher(wrapping);
}

Status nonsense() {
  return Status::corruption("its check is right and its content makes no sense");
}

BytesView view_of(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

}  // namespace

Bytes encode_key_file(const KeyFile& file, const SecretKey& master, Random& random) {
  TALEA_ASSERT(!file.keys.empty() && file.keys.size() <= kDataKeysMax);
  std::array<unsigned char, kSaltBytes> salt{};
  random.fill(salt);
  Bytes out;
  out += kMagic;
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, std::uint32_t{0});  // features
  out += view_of(file.store_id);
  append_fixed(out, file.generation);
  append_fixed(out, static_cast<std::uint32_t>(file.keys.size()));
  append_fixed(out, std::uint32_t{0});
  TALEA_ASSERT(out.size() == kSaltAt);
  out += view_of(salt);

  Bytes plain;
  plain.reserve(file.keys.size() * kKeyBytes);  // what grew would leave keys behind in memory
  for (const DataKey& key : file.keys) {
    append_fixed(plain, key.id);
    append_fixed(plain, std::uint32_t{0});
    append_fixed(plain, key.made_ms);
    plain += key.key.view();
  }
  out.resize(kHeaderBytes + plain.size() + PlaceCipher::kTagBytes);
  const Bytes header = out.substr(0, kHeaderBytes);
  cipher_for(master, header).seal(0, header, plain, {}, out.data() + kHeaderBytes);
  wipe(plain);
  append_fixed(out, crc32c(0, out));
  return out;
}

Status check_key_file(BytesView bytes, const StoreId& store_id) {
  if (bytes.size() < kFileBytesMin || bytes.substr(0, kMagic.size()) != kMagic) {
    return Status::corruption("it is cut short or does not begin with TALEAKEY");
  }
  const char* at = bytes.data();
  if (crc32c(0, bytes.substr(0, bytes.size() - kCheckBytes)) !=
      load_fixed<std::uint32_t>(at + bytes.size() - kCheckBytes)) {
    return Status::corruption("its check does not match");
  }
  const auto version = load_fixed<std::uint16_t>(at + 8);
  if (version != kVersion) {
    return Status::unsupported("key file version " + std::to_string(version) +
                               "; this build reads version " + std::to_string(kVersion) +
                               ". Open the store with a newer Talea");
  }
  const auto features = load_fixed<std::uint32_t>(at + 12);
  if (const std::string missing = unsupported_features(features, 0); !missing.empty()) {
    return Status::unsupported("the key file uses " + missing +
                               ", which this build does not have. Open it with a newer Talea");
  }
  const auto count = load_fixed<std::uint32_t>(at + kCountAt);
  const std::size_t sealed_bytes = bytes.size() - kHeaderBytes - kCheckBytes;
  if (load_fixed<std::uint16_t>(at + 10) != 0 || load_fixed<std::uint32_t>(at + 44) != 0 ||
      count == 0 || count > kDataKeysMax ||
      sealed_bytes != count * kKeyBytes + PlaceCipher::kTagBytes) {
    return nonsense();
  }
  if (bytes.substr(kStoreIdAt, store_id.size()) == view_of(store_id)) return {};
  return Status::corruption("it belongs to another store; somebody copied it here");
}

Result<KeyFile> decode_key_file(BytesView bytes, const StoreId& store_id, const SecretKey& master) {
  TALEA_TRY(check_key_file(bytes, store_id));
  KeyFile file{.store_id = store_id,
               .generation = load_fixed<std::uint64_t>(bytes.data() + kGenerationAt),
               .keys = {}};
  const auto count = load_fixed<std::uint32_t>(bytes.data() + kCountAt);
  const BytesView header = bytes.substr(0, kHeaderBytes);
  const BytesView sealed = bytes.substr(kHeaderBytes, bytes.size() - kHeaderBytes - kCheckBytes);
  Bytes plain(count * kKeyBytes, '\0');
  if (!cipher_for(master, header).open(0, header, sealed, plain.data())) {
    return Status::denied(
        "the master key is not the one that the store is encrypted with; the key file itself is "
        "intact. Give the key that was current when the store was last written");
  }
  file.keys.reserve(count);
  bool makes_sense = true;
  for (const char* from = plain.data(); from < plain.data() + plain.size(); from += kKeyBytes) {
    DataKey key;
    key.id = load_fixed<std::uint32_t>(from);
    key.made_ms = load_fixed<std::uint64_t>(from + 8);
    std::copy_n(from + 16, SecretKey::kBytes, key.key.bytes().begin());
    const std::uint32_t before = file.keys.empty() ? 0 : file.keys.back().id;
    if (key.id <= before || load_fixed<std::uint32_t>(from + 4) != 0) makes_sense = false;
    file.keys.push_back(key);
  }
  wipe(plain);
  if (!makes_sense) return nonsense();
  return file;
}

}  // namespace talea
