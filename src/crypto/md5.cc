#include "crypto/md5.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace talea {

std::array<unsigned char, 16> md5(BytesView bytes) {
  std::array<unsigned char, 16> digest{};
  unsigned size = 0;
  TALEA_ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) ==
               1);
  TALEA_ASSERT(size == digest.size());
  return digest;
}

}  // namespace talea
