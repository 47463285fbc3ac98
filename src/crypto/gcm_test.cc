#include "crypto/gcm.h"

#include <gtest/gtest.h>

#include <iostream>

namespace talea {
namespace {

Bytes some_bytes(Random& random, std::size_t bytes) {
  Bytes made(bytes, '\0');
  random.fill({reinterpret_cast<unsigned char*>(made.data()), made.size()});
  return made;
}

struct Sealed {
  Bytes hidden;
  GcmCipher::Tag tag;
  bool operator==(const Sealed&) const = default;
};

Sealed encrypted(const GcmCipher& cipher, const GcmCipher::Nonce& nonce, BytesView associated,
                 BytesView first, BytesView second) {
  Sealed sealed;
  sealed.hidden.resize(first.size() + second.size());
  sealed.tag = cipher.encrypt(nonce, associated, first, second, sealed.hidden.data());
  return sealed;
}

// A store that one machine wrote is read by another.
TEST(GcmCipher, IsTheSameWhoeverComputesIt) {
  const std::uint64_t seed = SystemRandom().next_u64();
  std::cout << "seed=" << seed << "\n";
  SeededRandom random(seed);
  for (int round = 0; round < 500; ++round) {
    const SecretKey key = SecretKey::make(random);
    const auto one = make_openssl_gcm(key);
    auto other = make_ipsec_mb_gcm(key);
    if (other == nullptr) {
#ifdef TALEA_WITH_IPSEC_MB
      ASSERT_FALSE(__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"));
#endif
      if (round == 0) std::cout << "without intel-ipsec-mb: OpenSSL is compared with itself\n";
      other = make_openssl_gcm(key);
    }
    GcmCipher::Nonce nonce;
    random.fill(nonce);
    const Bytes associated = some_bytes(random, random.next_u64() % 400);
    const std::size_t most = round % 50 == 0 ? 100'000 : 400;
    const Bytes first = some_bytes(random, random.next_u64() % 3 == 0 ? 0 : random.next_u64() % 90);
    const Bytes second =
        some_bytes(random, random.next_u64() % 5 == 0 ? 0 : random.next_u64() % most);
    const Bytes all = first + second;

    const Sealed sealed = encrypted(*one, nonce, associated, first, second);
    ASSERT_EQ(encrypted(*other, nonce, associated, first, second), sealed);
    ASSERT_EQ(encrypted(*other, nonce, associated, all, {}), sealed) << "wherever it is cut";
    for (const GcmCipher* const cipher : {one.get(), other.get()}) {
      Bytes out(all.size(), '?');
      ASSERT_TRUE(cipher->decrypt(nonce, associated, sealed.hidden, sealed.tag, out.data()));
      ASSERT_EQ(out, all);
      Bytes front(random.next_u64() % (all.size() + 1), '?');
      const BytesView hidden = BytesView(sealed.hidden).substr(0, front.size());
      if (!hidden.empty()) cipher->peek(nonce, hidden, front.data());
      ASSERT_EQ(front, all.substr(0, front.size()));
      GcmCipher::Tag wrong = sealed.tag;
      wrong[random.next_u64() % wrong.size()] ^= 1;
      ASSERT_FALSE(cipher->decrypt(nonce, associated, sealed.hidden, wrong, out.data()));
      ASSERT_FALSE(cipher->decrypt(nonce, associated + "x", sealed.hidden, sealed.tag, out.data()));
    }
  }
}

}  // namespace
}  // namespace talea
