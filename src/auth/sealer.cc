// Envelopes: metadata sealed by a data key of its own, which is sealed by a master key. Bringing a
// record under a new master key then touches the 60 bytes in front only.
// Format: docs/formats/auth.md, "Envelope".
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/sealer.h"
#include "base/assert.h"
#include "crypto/aes_gcm.h"
#include "crypto/hkdf.h"
#include "crypto/secret.h"
#include "talea/auth.h"

namespace talea {
namespace {

constexpr char kMark = 'E';
constexpr char kVersion = 1;
constexpr std::size_t kKeyIdBytes = 8;
constexpr std::size_t kHeadBytes = 4 + kKeyIdBytes;
constexpr std::size_t kWrappedKeyBytes = SecretKey::kBytes + Aes256Gcm::kTagBytes;
constexpr std::size_t kWrappedKeyAt = kHeadBytes + Aes256Gcm::kNonceBytes;
constexpr std::size_t kMetadataNonceAt = kWrappedKeyAt + kWrappedKeyBytes;
constexpr std::size_t kMetadataAt = kMetadataNonceAt + Aes256Gcm::kNonceBytes;
constexpr std::size_t kEnvelopeBytesMin = kMetadataAt + 1 + Aes256Gcm::kTagBytes;

struct WrappingKey {
  std::string id;  // kKeyIdBytes of them
  SecretKey key;
};

WrappingKey derive(const MasterKey& master) {
  const BytesView key(reinterpret_cast<const char*>(master.data()), master.size());
  std::array<unsigned char, kKeyIdBytes> id;
  hkdf_sha256(key, "", "talea master key id 1", id);
  WrappingKey derived{{id.begin(), id.end()}, {}};
  hkdf_sha256(key, "", "talea metadata wrapping 1", derived.key.bytes());
  return derived;
}

Aes256Gcm::Nonce nonce_at(BytesView sealed, std::size_t offset) {
  Aes256Gcm::Nonce nonce;
  std::memcpy(nonce.data(), sealed.data() + offset, nonce.size());
  return nonce;
}

void append_nonce(Bytes& to, const Aes256Gcm::Nonce& nonce) {
  to.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
}

Bytes associated_of_metadata(BytesView record) { return "talea metadata 1" + Bytes(record); }

std::string to_digits(BytesView id) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

class EnvelopeSealer final : public Sealer {
 public:
  EnvelopeSealer(const MasterKey& current, std::span<const MasterKey> previous, Random& random)
      : random_(random) {
    keys_.push_back(derive(current));
    for (const MasterKey& key : previous) keys_.push_back(derive(key));
  }

  Result<Bytes> seal(BytesView record, BytesView metadata) override {
    if (metadata.empty() || metadata.size() > kAuthMetadataBytesMax) {
      return Status::invalid_argument("metadata has 1 to " + std::to_string(kAuthMetadataBytesMax) +
                                      " bytes; this has " + std::to_string(metadata.size()));
    }
    const SecretKey data_key = SecretKey::make(random_);
    Bytes sealed = wrap(data_key, record);
    const Aes256Gcm::Nonce nonce = Aes256Gcm::make_nonce(random_);
    append_nonce(sealed, nonce);
    Aes256Gcm(data_key).seal(nonce, associated_of_metadata(record), metadata, sealed);
    return sealed;
  }

  Result<Bytes> open(BytesView record, BytesView sealed) override {
    const SecretKey data_key = TALEA_TRY(unwrap(record, sealed));
    Bytes metadata;
    const bool is_intact =
        Aes256Gcm(data_key).open(nonce_at(sealed, kMetadataNonceAt), associated_of_metadata(record),
                                 sealed.substr(kMetadataAt), metadata);
    if (!is_intact) return damaged();
    return metadata;
  }

  Result<std::optional<Bytes>> rewrap(BytesView record, BytesView sealed) override {
    const SecretKey data_key = TALEA_TRY(unwrap(record, sealed));
    if (key_id_of(sealed) == keys_.front().id) return std::optional<Bytes>();
    return std::optional(wrap(data_key, record).append(sealed.substr(kMetadataNonceAt)));
  }

 private:
  static Status damaged() {
    return Status::corruption(
        "sealed metadata does not open: it is damaged, or was sealed for another record");
  }
  static BytesView key_id_of(BytesView sealed) { return sealed.substr(4, kKeyIdBytes); }

  // The envelope up to the nonce of the metadata.
  Bytes wrap(const SecretKey& data_key, BytesView record) {
    const WrappingKey& current = keys_.front();
    Bytes sealed{kMark, kVersion, 0, 0};
    sealed += current.id;
    const Aes256Gcm::Nonce nonce = Aes256Gcm::make_nonce(random_);
    const Bytes associated = sealed + Bytes(record);
    append_nonce(sealed, nonce);
    Aes256Gcm(current.key).seal(nonce, associated, data_key.view(), sealed);
    TALEA_ASSERT(sealed.size() == kMetadataNonceAt);
    return sealed;
  }

  Result<SecretKey> unwrap(BytesView record, BytesView sealed) {
    if (sealed.size() < kEnvelopeBytesMin || sealed[0] != kMark) return damaged();
    if (sealed[1] != kVersion) {
      return Status::unsupported("sealed metadata of version " +
                                 std::to_string(static_cast<unsigned char>(sealed[1])));
    }
    if (sealed[2] != 0 || sealed[3] != 0) return damaged();
    for (const WrappingKey& candidate : keys_) {
      if (candidate.id != key_id_of(sealed)) continue;
      Bytes opened;
      if (!Aes256Gcm(candidate.key)
               .open(nonce_at(sealed, kHeadBytes),
                     Bytes(sealed.substr(0, kHeadBytes)).append(record),
                     sealed.substr(kWrappedKeyAt, kWrappedKeyBytes), opened)) {
        return damaged();
      }
      SecretKey data_key;
      std::memcpy(data_key.bytes().data(), opened.data(), SecretKey::kBytes);
      wipe(opened);
      return data_key;
    }
    return Status::not_found("metadata is sealed under master key " + to_digits(key_id_of(sealed)) +
                             ", which was not given: give it as a previous one");
  }

  Random& random_;
  std::vector<WrappingKey> keys_;  // the current one first
};

// With randomness of its own.
class MachineSealer final : public Sealer {
 public:
  MachineSealer(const MasterKey& current, std::span<const MasterKey> previous)
      : sealer_(current, previous, random_) {}
  Result<Bytes> seal(BytesView record, BytesView metadata) override {
    return sealer_.seal(record, metadata);
  }
  Result<Bytes> open(BytesView record, BytesView sealed) override {
    return sealer_.open(record, sealed);
  }
  Result<std::optional<Bytes>> rewrap(BytesView record, BytesView sealed) override {
    return sealer_.rewrap(record, sealed);
  }

 private:
  SystemRandom random_;
  EnvelopeSealer sealer_;
};

}  // namespace

std::unique_ptr<Sealer> make_sealer(const MasterKey& current, std::span<const MasterKey> previous,
                                    Random& random) {
  return std::make_unique<EnvelopeSealer>(current, previous, random);
}

std::unique_ptr<Sealer> make_sealer(const MasterKey& current, std::span<const MasterKey> previous) {
  return std::make_unique<MachineSealer>(current, previous);
}

}  // namespace talea
