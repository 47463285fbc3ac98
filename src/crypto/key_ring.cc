#include "crypto/key_ring.h"

#include <iterator>
#include <utility>

#include "crypto/hkdf.h"

namespace talea {

std::uint32_t KeyRing::newest() const {
  MutexLock lock(mutex_);
  return keys_.empty() ? 0 : keys_.rbegin()->first;
}

std::vector<DataKey> KeyRing::all() const {
  MutexLock lock(mutex_);
  std::vector<DataKey> keys;
  keys.reserve(keys_.size());
  for (const auto& [id, held] : keys_) keys.push_back(held.key);
  return keys;
}

void KeyRing::add(const DataKey& key) {
  MutexLock lock(mutex_);
  keys_.insert_or_assign(key.id, Held{key, std::make_shared<int>()});
}

std::vector<DataKey> KeyRing::take_unused() {
  MutexLock lock(mutex_);
  std::vector<DataKey> unused;
  for (auto held = keys_.begin(); held != keys_.end();) {
    const bool is_newest = std::next(held) == keys_.end();
    // Nobody gets another share meanwhile: that takes the lock.
    if (is_newest || held->second.in_use.use_count() > 1) {
      ++held;
      continue;
    }
    unused.push_back(held->second.key);
    held = keys_.erase(held);
  }
  return unused;
}

std::shared_ptr<const PlaceCipher> KeyRing::cipher(std::uint32_t id, const Salt& salt,
                                                   BytesView use) const {
  struct Shared {
    Shared(const SecretKey& key, std::shared_ptr<const void> share)
        : in_use(std::move(share)), cipher(key) {}
    const std::shared_ptr<const void> in_use;
    const PlaceCipher cipher;
  };
  SecretKey of_file;
  std::shared_ptr<const void> share;
  {
    MutexLock lock(mutex_);
    const auto held = keys_.find(id);
    if (held == keys_.end()) return nullptr;
    share = held->second.in_use;
    hkdf_sha256(held->second.key.key.view(),
                {reinterpret_cast<const char*>(salt.data()), salt.size()}, use, of_file.bytes());
  }
  const auto shared = std::make_shared<const Shared>(of_file, std::move(share));
  return {shared, &shared->cipher};
}

}  // namespace talea
