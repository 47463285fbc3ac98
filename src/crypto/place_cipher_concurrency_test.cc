#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "crypto/place_cipher.h"

namespace talea {
namespace {

TEST(PlaceCipherThreads, SealAndOpenAtOnce) {
  const PlaceCipher cipher{SecretKey()};
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  threads.reserve(8);
  for (std::uint64_t number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      for (std::uint64_t i = 0; i < 500; ++i) {
        const Bytes content(number * 10 + 1, static_cast<char>('a' + number));
        Bytes hidden(content.size() + PlaceCipher::kTagBytes, '\0');
        cipher.seal(1000 * number + i, "", content, {}, hidden.data());
        Bytes opened(content.size(), '\0');
        if (!cipher.open(1000 * number + i, "", hidden, opened.data())) ++wrong;
        if (opened != content) ++wrong;
        cipher.peek(1000 * number + i, BytesView(hidden).substr(0, content.size()), opened.data());
        if (opened != content) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace talea
