// What the C interface leaves behind in memory that it gives back: no token, and no master key.
// Every piece that is freed while a test listens is kept, and then looked through.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "talea/talea.h"
#include "tests/support/test_directory.h"

namespace {

// Of the thread that listens. Its memory is of malloc(), so that it does not hear itself.
struct Heard {
  char* bytes = nullptr;
  std::size_t size = 0;
};
thread_local Heard* heard = nullptr;

void hear(const void* memory) {
  if (heard == nullptr || memory == nullptr) return;
  const std::size_t size = malloc_usable_size(const_cast<void*>(memory));
  auto* const longer = static_cast<char*>(std::realloc(heard->bytes, heard->size + size + 1));
  if (longer == nullptr) std::abort();
  std::memcpy(longer + heard->size, memory, size);
  longer[heard->size + size] = '\0';  // two pieces do not make one text
  *heard = {longer, heard->size + size + 1};
}

}  // namespace

// Not inlined: g++ would see malloc() where operator delete is expected to end it.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  // Zero, so that what another left there is not found once more.
  return std::calloc(1, bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = operator new(bytes, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  hear(memory);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  hear(memory);
  std::free(memory);
}

namespace talea {
namespace {

// What was freed while `work` ran, one piece behind the other.
std::string freed_by(const std::function<void()>& work) {
  Heard pieces;
  heard = &pieces;
  work();
  heard = nullptr;
  std::string all(pieces.bytes == nullptr ? "" : pieces.bytes, pieces.size);
  std::free(pieces.bytes);
  return all;
}

// Its parts too: a piece may have had the beginning or the end only.
bool has_part_of(std::string_view secret, const std::string& freed) {
  constexpr std::size_t kPartBytes = 8;
  for (std::size_t at = 0; at + kPartBytes <= secret.size(); ++at) {
    if (freed.find(secret.substr(at, kPartBytes)) != std::string::npos) return true;
  }
  return false;
}

class Secrets : public testing::Test {
 protected:
  void SetUp() override {
    EXPECT_EQ(talea_open((test_directory() + "/store").c_str(), nullptr, &engine_, nullptr),
              TALEA_OK);
    options_ = talea_auth_options_create();
    EXPECT_EQ(talea_auth_options_set_password_cost(options_, 8, 1, 1, nullptr), TALEA_OK);
  }
  void TearDown() override {
    talea_auth_free(auth_);
    talea_auth_options_free(options_);
    talea_engine_free(engine_);
  }
  void open_auth() { EXPECT_EQ(talea_auth_open(engine_, options_, &auth_, nullptr), TALEA_OK); }

  talea_engine* engine_ = nullptr;
  talea_auth_options* options_ = nullptr;
  talea_auth* auth_ = nullptr;
};

TEST_F(Secrets, WhatIsFreedIsHeard) {
  std::string text(100, 'x');
  text += "a text that is left behind";
  EXPECT_TRUE(has_part_of("a text that is left behind",
                          freed_by([&] { std::string(std::move(text)).clear(); })));
}

TEST_F(Secrets, ATokenIsWipedBeforeItsMemoryIsGivenBack) {
  open_auth();
  constexpr std::size_t kSecretAt = 39;  // before it is the id of the key, which is none
  std::string secret;
  const std::string freed = freed_by([&] {
    talea_new_api_key wanted{};
    wanted.size = sizeof wanted;
    talea_api_keys* key = nullptr;
    talea_secret* token = nullptr;
    EXPECT_EQ(talea_auth_issue_api_key(auth_, &wanted, &key, &token, nullptr), TALEA_OK);
    secret = talea_secret_data(token) + kSecretAt;
    talea_api_keys_free(key);
    EXPECT_EQ(talea_auth_check_api_key(auth_, talea_secret_data(token), talea_secret_bytes(token),
                                       &key, nullptr),
              TALEA_OK);
    talea_api_keys_free(key);
    talea_secret_free(token);
  });
  ASSERT_EQ(secret.size(), 64U);
  EXPECT_GT(freed.size(), 1000U);
  EXPECT_FALSE(has_part_of(secret, freed));
}

TEST_F(Secrets, MasterKeysAreWipedBeforeTheirMemoryIsGivenBack) {
  const std::string older = "the older master key of 32 bytes";
  const std::string keys = "the newest master key, 32 bytes." + older;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(keys.data());
  ASSERT_EQ(keys.size(), 2U * TALEA_MASTER_KEY_BYTES);
  const std::string freed = freed_by([&] {
    EXPECT_EQ(
        talea_auth_options_set_master_keys(options_, bytes + TALEA_MASTER_KEY_BYTES, 1, nullptr),
        TALEA_OK);
    EXPECT_EQ(talea_auth_options_set_master_keys(options_, bytes, 2, nullptr), TALEA_OK);
    open_auth();
    EXPECT_EQ(talea_auth_rotate_master_key(auth_, bytes, 2, nullptr, nullptr), TALEA_OK);
    talea_auth_free(std::exchange(auth_, nullptr));
    talea_auth_options_free(std::exchange(options_, nullptr));
  });
  EXPECT_GT(freed.size(), 1000U);
  EXPECT_FALSE(has_part_of(keys, freed));
}

TEST_F(Secrets, MetadataIsWipedBeforeItsBufferIsGivenBack) {
  const std::array<unsigned char, TALEA_MASTER_KEY_BYTES> key{7};
  EXPECT_EQ(talea_auth_options_set_master_keys(options_, key.data(), 1, nullptr), TALEA_OK);
  open_auth();
  const std::string text = "what nobody else is to read, too long for a short string";
  talea_new_user wanted{};
  wanted.size = sizeof wanted;
  wanted.name = {"alice", 5};
  wanted.password = {"x", 1};
  wanted.metadata = {text.data(), text.size()};
  talea_users* user = nullptr;
  ASSERT_EQ(talea_auth_create_user(auth_, &wanted, &user, nullptr), TALEA_OK);
  talea_user described{};
  described.size = sizeof described;
  ASSERT_EQ(talea_users_at(user, 0, &described, nullptr), TALEA_OK);
  const std::string freed = freed_by([&] {
    talea_secret* metadata = nullptr;
    EXPECT_EQ(talea_auth_user_metadata(auth_, described.id, &metadata, nullptr), TALEA_OK);
    EXPECT_EQ(talea_secret_data(metadata), text);
    talea_secret_free(metadata);
  });
  talea_users_free(user);
  EXPECT_GT(freed.size(), 100U);
  EXPECT_FALSE(has_part_of(text, freed));
}

}  // namespace
}  // namespace talea
