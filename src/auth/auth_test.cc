// Authentication on an Engine, as whoever embeds it has it, with the real hasher.
#include "talea/auth.h"

#include <gtest/gtest.h>

#include "talea/engine.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

Engine open_or_die(const Options& options = {}) {
  auto opened = Engine::open(test_directory() + "/store", options);
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return std::move(opened).value();
}

TEST(Auth, WorksOnAnEngineAcrossAReopen) {
  std::string id;
  std::string token;
  {
    Engine first = open_or_die();
    Auth auth = *Auth::open(first);
    id = auth.create_user({.name = "alice", .password = "correct horse"})->id;
    token = auth.issue_api_key({.owner = id, .scopes = {"read"}})->token;
    Engine moved = std::move(first);  // the store stays where it is
    ASSERT_TRUE(auth.log_in("Alice", "correct horse").ok());
    Auth elsewhere = std::move(auth);
    ASSERT_TRUE(elsewhere.check_api_key(token).ok());
    ASSERT_TRUE(elsewhere.flush().ok());
    ASSERT_TRUE(moved.close().ok());
  }
  Engine engine = open_or_die();
  Auth auth = *Auth::open(engine);
  const auto user = auth.log_in("ALICE", "correct horse");
  ASSERT_TRUE(user.ok()) << user.status().to_string();
  EXPECT_EQ(user->id, id);
  EXPECT_GT(user->last_login_ms, 0U);
  EXPECT_EQ(auth.log_in("alice", "wrong horse").status().code(), Code::unauthenticated);
  EXPECT_TRUE(auth.check_api_key(token)->has_scope("read"));
  EXPECT_FALSE(*engine.scan()->next()) << "users' keys are apart";
}

TEST(Auth, OnAnEngineThatIsReadOnlyChecksAndChangesNothing) {
  std::string token;
  {
    Engine engine = open_or_die();
    Auth auth = *Auth::open(engine);
    ASSERT_TRUE(auth.create_user({.name = "alice", .password = "p"}).ok());
    token = auth.issue_api_key({})->token;
    ASSERT_TRUE(engine.close().ok());
  }
  Engine engine = open_or_die({.read_only = true});
  Auth auth = *Auth::open(engine);
  EXPECT_TRUE(auth.log_in("alice", "p").ok());
  EXPECT_TRUE(auth.check_api_key(token).ok());
  EXPECT_EQ(auth.log_in("alice", "wrong").status().code(), Code::invalid_argument);
  EXPECT_EQ(auth.create_user({.name = "bob", .password = "p"}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(auth.flush().code(), Code::invalid_argument);
}

// What authentication keeps goes with the store's state.
TEST(Auth, IsRestoredWithTheStore) {
  Engine engine = open_or_die();
  Auth auth = *Auth::open(engine);
  ASSERT_TRUE(auth.create_user({.name = "alice", .password = "p"}).ok());
  Bytes stream;
  ASSERT_TRUE(engine
                  .write_snapshot([&](BytesView piece) {
                    stream.append(piece);
                    return Status();
                  })
                  .ok());
  std::size_t at = 0;
  const std::string path = test_directory() + "/restored";
  ASSERT_TRUE(Engine::restore(path, [&](char* out, std::size_t bytes) -> Result<std::size_t> {
                const std::size_t count = stream.copy(out, bytes, at);
                at += count;
                return count;
              }).ok());
  Engine restored = *Engine::open(path);
  Auth there = *Auth::open(restored);
  EXPECT_TRUE(there.log_in("alice", "p").ok());
}

}  // namespace
}  // namespace talea
