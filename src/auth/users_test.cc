// Row A1: users, passwords and locks.
#include "auth/users.h"

#include <gtest/gtest.h>

#include <set>

#include "auth/password_hasher.h"
#include "auth/token.h"
#include "tests/support/auth_world.h"

namespace talea {
namespace {

TEST(Users, AreCreatedFoundAndListed) {
  AuthWorld world;
  const std::uint64_t now = world.clock().wall_ms();
  const auto created = world.auth().create_user({.name = "  Alice \n", .password = "secret"});
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->name, "Alice");
  EXPECT_EQ(created->created_ms, now);
  EXPECT_EQ(created->password_changed_ms, now);
  EXPECT_EQ(created->last_login_ms, 0U);
  EXPECT_EQ(created->failed_attempts, 0U);
  EXPECT_FALSE(created->has_metadata);
  EXPECT_EQ(created->id.size(), 36U);
  world.add_user("bob");
  world.add_user("Carol");

  const auto found = *world.auth().find_user("aLiCE");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, created->id);
  EXPECT_EQ((*world.auth().user(created->id))->name, "Alice");
  EXPECT_EQ(*world.auth().find_user("dave"), std::nullopt);
  EXPECT_EQ(*world.auth().user("usr-" + std::string(32, 'a')), std::nullopt);
  EXPECT_EQ(*world.auth().user("nonsense"), std::nullopt);

  const auto names = [&](const AuthPage& page) {
    std::vector<std::string> out;
    for (const User& user : *world.auth().list_users(page)) out.push_back(user.name);
    return out;
  };
  EXPECT_EQ(names({}), (std::vector<std::string>{"Alice", "bob", "Carol"}));
  EXPECT_EQ(names({.limit = 2}), (std::vector<std::string>{"Alice", "bob"}));
  EXPECT_EQ(names({.after = "BOB"}), (std::vector<std::string>{"Carol"}));
  EXPECT_EQ(names({.after = "carol"}), std::vector<std::string>());
}

TEST(Users, StayAfterAReopen) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  world.open();
  EXPECT_EQ(world.auth().log_in("alice", "password")->id, id);
  EXPECT_EQ(world.log_in("alice", "other"), Code::unauthenticated);
}

// H9: ids came from a counter that began at 1 in every process, so bob got alice's.
TEST(Users, IdsAreUniqueAfterARestart) {
  AuthWorld world;
  std::set<std::string> ids;
  for (int restart = 0; restart < 5; ++restart) {
    for (int i = 0; i < 20; ++i) {
      const std::string name = "user" + std::to_string(restart) + "-" + std::to_string(i);
      ids.insert(world.add_user(name));
      ids.insert(world.auth().issue_api_key({.label = name})->key.id);
    }
    world.open();
  }
  EXPECT_EQ(ids.size(), 200U);
}

TEST(Users, AfterARestartBobDoesNotGetAlicesAccount) {
  AuthWorld world;
  const std::string alice = world.add_user("alice");
  world.open();
  ASSERT_TRUE(world.auth().create_user({.name = "bob", .password = "bob's"}).ok());
  EXPECT_EQ(world.auth().log_in("alice", "password")->id, alice);
  EXPECT_EQ(world.log_in("alice", "bob's"), Code::unauthenticated);
  EXPECT_NE(world.auth().log_in("bob", "bob's")->id, alice);
}

// H10, step by step: whoever finds the name free and comes second gets a conflict, and leaves
// nothing.
TEST(Users, ANameThatIsTakenBetweenLookAndCommitIsAConflict) {
  AuthWorld world;
  Auth other = world.another();
  std::string winner;
  world.store().before_next_commit = [&](const Batch&) {
    winner = other.create_user({.name = "ALICE", .password = "other's"})->id;
    return Status();
  };
  const auto loser = world.auth().create_user({.name = "alice", .password = "password"});
  EXPECT_EQ(loser.status().code(), Code::conflict);
  EXPECT_EQ((*world.auth().find_user("alice"))->id, winner);
  EXPECT_EQ(world.auth().list_users()->size(), 1U);
  EXPECT_EQ(world.log_in("alice", "other's"), Code::ok);
}

TEST(Users, ATakenNameIsAConflictInAnyCase) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  for (const char* name : {"alice", "ALICE", " Alice\t"}) {
    EXPECT_EQ(world.auth().create_user({.name = name, .password = "x"}).status().code(),
              Code::conflict);
  }
  EXPECT_EQ((*world.auth().find_user("alice"))->id, id);
  world.add_user("\xc3\x89ve");  // only ASCII is folded
  EXPECT_TRUE(world.auth().create_user({.name = "\xc3\xa9ve", .password = "x"}).ok());
}

TEST(Users, NamesAndPasswordsHaveLimits) {
  AuthWorld world;
  const auto create = [&](std::string_view name, std::string_view password) {
    return world.auth().create_user({.name = name, .password = password}).status().code();
  };
  EXPECT_EQ(create("", "x"), Code::invalid_argument);
  EXPECT_EQ(create(" \t ", "x"), Code::invalid_argument);
  EXPECT_EQ(create(std::string(257, 'n'), "x"), Code::invalid_argument);
  EXPECT_EQ(create("bell\a", "x"), Code::invalid_argument);
  EXPECT_EQ(create("\xff", "x"), Code::invalid_argument);
  EXPECT_EQ(create("empty", ""), Code::invalid_argument);
  EXPECT_EQ(create("long", std::string(1025, 'p')), Code::invalid_argument);
  EXPECT_TRUE(world.auth().list_users()->empty());
  EXPECT_EQ(create(std::string(256, 'n'), std::string(1024, 'p')), Code::ok);
  EXPECT_EQ(create("binary", BytesView("a\0b", 3)), Code::ok);
  EXPECT_EQ(world.log_in("binary", BytesView("a\0b", 3)), Code::ok);
  EXPECT_EQ(world.log_in("binary", BytesView("a\0c", 3)), Code::unauthenticated);

  EXPECT_EQ(world.log_in("binary", ""), Code::invalid_argument);
  EXPECT_EQ(world.log_in("binary", std::string(1025, 'p')), Code::invalid_argument);
  EXPECT_EQ(world.log_in("", "x"), Code::invalid_argument);
  const std::string id = (*world.auth().find_user("binary"))->id;
  EXPECT_EQ(world.auth().set_password(id, "").code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().change_password(id, "a", "").code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().change_password(id, "", "a").code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().list_users({.limit = 0}).status().code(), Code::invalid_argument);
  EXPECT_EQ(world.auth().list_users({.limit = 1001}).status().code(), Code::invalid_argument);
}

TEST(Users, OptionsHaveLimits) {
  AuthWorld world;
  const auto open = [&](auto set) {
    AuthOptions options;
    options.hasher = std::make_unique<PlainHasher>(world.counts);
    set(options);
    return Auth::open(world.store(), std::move(options), {world.clock(), world.random()})
        .status()
        .code();
  };
  EXPECT_EQ(open([](AuthOptions&) {}), Code::ok);
  EXPECT_EQ(open([](AuthOptions& o) { o.lockout = std::chrono::milliseconds(0); }),
            Code::invalid_argument);
  EXPECT_EQ(open([](AuthOptions& o) { o.lockout = std::chrono::hours(24 * 367); }),
            Code::invalid_argument);
  EXPECT_EQ(open([](AuthOptions& o) { o.hashes_max = 0; }), Code::invalid_argument);
  EXPECT_EQ(open([](AuthOptions& o) { o.hashes_max = 1025; }), Code::invalid_argument);
  EXPECT_EQ(open([](AuthOptions& o) { o.hashes_waiting_max = 65537; }), Code::invalid_argument);
}

TEST(Users, APasswordIsChangedByWhoHasTheOldOne) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  world.clock().advance_ms(1000);
  EXPECT_EQ(world.auth().change_password(id, "wrong", "new").code(), Code::unauthenticated);
  EXPECT_EQ((*world.auth().user(id))->failed_attempts, 1U) << "a guess is a guess";
  ASSERT_TRUE(world.auth().change_password(id, "password", "new").ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("alice", "new"), Code::ok);
  EXPECT_EQ((*world.auth().user(id))->password_changed_ms, world.clock().wall_ms());
  const std::string nobody = "usr-" + std::string(32, 'a');
  EXPECT_EQ(world.auth().change_password(nobody, "a", "b").code(), Code::not_found);
  EXPECT_EQ(world.auth().set_password(nobody, "b").code(), Code::not_found);
  EXPECT_EQ(world.auth().set_password("alice", "b").code(), Code::not_found) << "a name is no id";
}

TEST(Users, OfTwoWhoChangeAPasswordTheSecondGetsAConflict) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  Auth other = world.another();
  world.store().before_next_commit = [&](const Batch&) {
    return other.change_password(id, "password", "first");
  };
  EXPECT_EQ(world.auth().change_password(id, "password", "second").code(), Code::conflict);
  EXPECT_EQ(world.log_in("alice", "first"), Code::ok);
  EXPECT_EQ(world.log_in("alice", "second"), Code::unauthenticated);
}

TEST(Users, ADeletedUserIsGoneWithAllThatIsTheirs) {
  AuthWorld world(AuthOptions{});
  const std::string id = world.add_user("alice");
  const std::string token = world.auth().issue_api_key({.owner = id})->token;
  const std::string second = world.auth().issue_api_key({.owner = id})->token;
  const std::string kept = world.auth().issue_api_key({})->token;
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  ASSERT_TRUE(world.auth().check_api_key(token).ok());
  ASSERT_TRUE(world.auth().flush().ok());
  ASSERT_TRUE(world.auth().delete_user(id).ok());
  EXPECT_EQ(world.auth().check_api_key(token).status().code(), Code::unauthenticated);
  EXPECT_EQ(world.auth().check_api_key(second).status().code(), Code::unauthenticated);
  EXPECT_TRUE(world.auth().check_api_key(kept).ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::unauthenticated);
  EXPECT_EQ(*world.auth().user(id), std::nullopt);
  EXPECT_EQ(world.auth().delete_user(id).code(), Code::not_found);
  // What is left is the one key, and what logins of nobody left.
  Scan scan = *world.engine().scan(kAuthSpace, {});
  std::string kinds;
  while (*scan.next()) kinds += scan.key().front();
  EXPECT_EQ(kinds, "kx");
  EXPECT_NE(world.add_user("alice"), id);
}

TEST(Users, AKeyIssuedWhileItsOwnerIsDeletedDoesNotStay) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  Auth other = world.another();
  std::string token;
  world.store().before_next_commit = [&](const Batch&) {
    token = other.issue_api_key({.owner = id})->token;
    return Status();
  };
  ASSERT_TRUE(world.auth().delete_user(id).ok());
  EXPECT_EQ(world.auth().check_api_key(token).status().code(), Code::unauthenticated);

  const std::string next = world.add_user("bob");
  world.store().before_next_commit = [&](const Batch&) { return other.delete_user(next); };
  EXPECT_EQ(world.auth().issue_api_key({.owner = next}).status().code(), Code::not_found);
  EXPECT_TRUE(world.auth().list_api_keys()->empty());
}

// --- Locks

AuthOptions locking(std::uint32_t failures, std::chrono::milliseconds lockout) {
  AuthOptions options;
  options.failures_max = failures;
  options.lockout = lockout;
  return options;
}

TEST(Lockout, ComesAfterTheLastFailureThatIsAllowedAndEnds) {
  AuthWorld world(locking(3, std::chrono::seconds(60)));
  const std::string id = world.add_user("alice");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("alice", "password"), Code::denied);
  const User locked = **world.auth().user(id);
  EXPECT_EQ(locked.failed_attempts, 3U);
  EXPECT_EQ(locked.locked_until_ms, world.clock().wall_ms() + 60'000);
  world.open(locking(3, std::chrono::seconds(60)));
  EXPECT_EQ(world.log_in("alice", "password"), Code::denied) << "it stays after a reopen";
  EXPECT_EQ(world.auth().change_password(id, "password", "new").code(), Code::denied);
  world.clock().advance_ms(59'999);
  EXPECT_EQ(world.log_in("alice", "password"), Code::denied);
  world.clock().advance_ms(1);
  EXPECT_EQ((*world.auth().user(id))->locked_until_ms, 0U);
  EXPECT_EQ((*world.auth().user(id))->failed_attempts, 0U);
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated) << "counting begins anew";
  EXPECT_EQ((*world.auth().user(id))->failed_attempts, 1U);
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
}

TEST(Lockout, IsOfOneUserAndCountsFailuresInARow) {
  AuthWorld world(locking(3, std::chrono::seconds(60)));
  world.add_user("alice");
  world.add_user("bob");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
    EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
    const auto user = world.auth().log_in("alice", "password");
    ASSERT_TRUE(user.ok());
    EXPECT_EQ(user->failed_attempts, 2U) << "what came before the login";
    EXPECT_EQ((*world.auth().user(user->id))->failed_attempts, 0U);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.log_in("bob", "wrong"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("bob", "password"), Code::denied);
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
}

TEST(Lockout, EndsByResetAndByANewPassword) {
  AuthWorld world(locking(1, std::chrono::hours(1)));
  const std::string id = world.add_user("alice");
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("alice", "password"), Code::denied);
  ASSERT_TRUE(world.auth().reset_failures(id).ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  ASSERT_TRUE(world.auth().set_password(id, "new").ok());
  EXPECT_EQ(world.log_in("alice", "new"), Code::ok);
  EXPECT_TRUE(world.auth().reset_failures(id).ok()) << "with nothing to forget";
  EXPECT_EQ(world.auth().reset_failures("usr-" + std::string(32, 'a')).code(), Code::not_found);
}

TEST(Lockout, MayBeOff) {
  AuthWorld world(locking(0, std::chrono::hours(1)));
  world.add_user("alice");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
}

TEST(Lockout, ARightGuessWhoseCheckEndsAfterTheLockBeganIsDenied) {
  AuthWorld world(locking(2, std::chrono::hours(1)));
  const std::string id = world.add_user("alice");
  Auth other = world.another(locking(2, std::chrono::hours(1)));
  for (const char* guess : {"password", "wrong"}) {
    world.counts.during_next = [&] {
      for (int i = 0; i < 2; ++i) static_cast<void>(other.log_in("alice", "wrong").ok());
    };
    EXPECT_EQ(world.log_in("alice", guess), Code::denied) << guess;
    EXPECT_EQ((*world.auth().user(id))->failed_attempts, 2U);
    ASSERT_TRUE(world.auth().reset_failures(id).ok());
  }
}

TEST(Lockout, AFailureThatCannotBeCountedIsNotAnswered) {
  AuthWorld world;
  world.add_user("alice");
  world.store().before_commit = [](const Batch&) { return Status::io_error("planted"); };
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::io_error);
  EXPECT_EQ(world.log_in("nobody", "wrong"), Code::io_error);
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok) << "which writes nothing";
}

// --- What a login costs, and tells

TEST(Login, AnUnknownNameCostsWhatAWrongPasswordDoes) {
  AuthWorld world;
  world.add_user("alice");
  struct Cost {
    int comparisons, hashes;
    std::uint64_t commits;
    bool operator==(const Cost&) const = default;
  };
  const auto cost = [&](std::string_view name) {
    const Cost before{world.counts.comparisons, world.counts.hashes, world.store().commits};
    const auto refused = world.auth().log_in(name, "wrong");
    EXPECT_EQ(refused.status().to_string(),
              "unauthenticated: the user name or the password is wrong");
    return Cost{world.counts.comparisons - before.comparisons, world.counts.hashes - before.hashes,
                world.store().commits - before.commits};
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cost("alice"), (Cost{1, 0, 1}));
    EXPECT_EQ(cost("nobody"), (Cost{1, 0, 1}));
  }
}

TEST(Login, TheHashThatStandsForNobodysIsAsDearAsAnyAndMatchesNothing) {
  AuthWorld world;
  std::string compared;
  class Recorder final : public PasswordHasher {
   public:
    explicit Recorder(std::string& compared) : compared_(compared) {}
    Result<std::string> hash(std::string_view password) override {
      return "of " + std::string(password);
    }
    Result<Comparison> verify(std::string_view, std::string_view hash) override {
      compared_ = hash;
      return Comparison{true, false};
    }
    Status check_hash(std::string_view) const override { return {}; }

   private:
    std::string& compared_;
  };
  AuthOptions options;
  options.hasher = std::make_unique<Recorder>(compared);
  world.open(std::move(options));
  EXPECT_EQ(world.log_in("nobody", "x"), Code::unauthenticated) << "whatever the hasher says";
  EXPECT_TRUE(compared.starts_with("of ")) << "made by the same hasher";
}

TEST(Login, AnOutdatedHashIsReplaced) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(world.counts, 2);
  world.open(std::move(options));
  const auto commits_of_a_login = [&] {
    const std::uint64_t before = world.store().commits;
    EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
    return world.store().commits - before;
  };
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  EXPECT_EQ(commits_of_a_login(), 1U) << "hash and failures in one batch";
  EXPECT_EQ(commits_of_a_login(), 0U);
  const auto key = key_of(AuthKind::user, *parse_user_id(id));
  const auto record = decode_user(key, (*world.engine().get(kAuthSpace, key))->value);
  EXPECT_EQ(record->password_hash, "plain$2$password");
}

TEST(Login, ReplacingAHashDoesNotUndoAChangeOfPassword) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(world.counts, 2);
  world.open(std::move(options));
  Auth other = world.another();
  world.store().before_next_commit = [&](const Batch&) {
    return other.set_password(id, "changed");
  };
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok) << "it was right when it was checked";
  EXPECT_EQ(world.log_in("alice", "password"), Code::unauthenticated);
  EXPECT_EQ(world.log_in("alice", "changed"), Code::ok);
}

TEST(Login, WhereTheNewHashCannotBeWrittenTheOldOneStays) {
  AuthWorld world;
  world.add_user("alice");
  EXPECT_EQ(world.log_in("alice", "wrong"), Code::unauthenticated);
  AuthOptions options;
  options.hasher = std::make_unique<PlainHasher>(world.counts, 2);
  world.open(std::move(options));
  world.store().before_commit = [](const Batch& batch) {
    for (const Batch::Operation& operation : batch.operations()) {
      if (operation.kind == Batch::Operation::Kind::put) return Status::exhausted("disk full");
    }
    return Status();
  };
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  const User user = **world.auth().find_user("alice");
  EXPECT_EQ(user.failed_attempts, 0U) << "removals go on";
  world.store().before_commit = nullptr;
  const std::uint64_t commits = world.store().commits;
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  EXPECT_EQ(world.store().commits, commits + 1) << "and now it is replaced";
}

TEST(Login, AHashOfAnotherSystemIsTakenIfTheHasherKnowsIt) {
  AuthWorld world;
  EXPECT_EQ(world.auth().create_user({.name = "a", .password_hash = "md5"}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(world.auth()
                .create_user({.name = "a", .password = "p", .password_hash = "plain$1$p"})
                .status()
                .code(),
            Code::invalid_argument);
  EXPECT_EQ(world.auth()
                .create_user({.name = "a", .password_hash = "plain$1$" + std::string(1024, 'p')})
                .status()
                .code(),
            Code::invalid_argument);
  ASSERT_TRUE(world.auth().create_user({.name = "a", .password_hash = "plain$1$p"}).ok());
  EXPECT_EQ(world.log_in("a", "p"), Code::ok);
}

TEST(Login, AHashThatTheHasherDoesNotKnowIsUnsupported) {
  AuthWorld world;
  world.add_user("alice");
  AuthOptions options;
  options.hasher = *make_password_hasher({.memory_kib = 8, .passes = 1}, world.random());
  world.open(std::move(options));
  EXPECT_EQ(world.log_in("alice", "password"), Code::unsupported);
}

// H22: each login was a write.
TEST(Login, WritesNothingAndItsTimeIsKnown) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  const std::uint64_t before = world.store().commits;
  std::uint64_t last = 0;
  for (int i = 0; i < 59; ++i) {
    world.clock().advance_ms(1000);
    const auto user = world.auth().log_in("alice", "password");
    ASSERT_TRUE(user.ok());
    EXPECT_EQ(user->last_login_ms, last) << "that of the login before";
    last = world.clock().wall_ms();
    EXPECT_EQ((*world.auth().user(id))->last_login_ms, last);
  }
  EXPECT_EQ(world.store().commits, before);
  ASSERT_TRUE(world.auth().flush().ok());
  EXPECT_EQ(world.store().commits, before + 1);
  world.open();
  EXPECT_EQ((*world.auth().user(id))->last_login_ms, last);
}

// H20: versions were microseconds, and two in one of them, or a clock that went back, were an
// error.
TEST(Users, ChangesInOneMomentAndWithAClockThatGoesBackAllHappen) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  std::string password = "password";
  for (int i = 0; i < 20; ++i) {
    if (i >= 10) world.clock().set_wall_ms(world.clock().wall_ms() - 3'600'000);
    const std::string next = "password" + std::to_string(i);
    ASSERT_TRUE(world.auth().change_password(id, password, next).ok()) << i;
    EXPECT_EQ(world.log_in("alice", password), Code::unauthenticated);
    EXPECT_EQ(world.log_in("alice", next), Code::ok);
    const auto issued = world.auth().issue_api_key({.owner = id});
    ASSERT_TRUE(issued.ok());
    ASSERT_TRUE(world.auth().check_api_key(issued->token).ok());
    ASSERT_TRUE(world.auth().flush().ok());
    ASSERT_TRUE(world.auth().revoke_api_key(issued->key.id).ok());
    password = next;
    if (i % 5 == 0) world.open();
  }
  EXPECT_EQ(world.log_in("alice", password), Code::ok);
}

// --- A4

TEST(AuthSpace, AUsersKeyIsNotOursAndOursIsNotAUsers) {
  AuthWorld world;
  for (const char* key : {"auth/user/alice", "auth/x", "nalice", "k"}) {
    ASSERT_TRUE(world.engine().put(Space::user, key, "theirs").ok());
  }
  const std::string id = world.add_user("alice");
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
  ASSERT_TRUE(world.auth().delete_user(id).ok());
  std::vector<Bytes> keys;
  Scan scan = *world.engine().scan(Space::user, {});
  while (*scan.next()) {
    keys.emplace_back(scan.key());
    EXPECT_EQ(*scan.value(), "theirs");
  }
  EXPECT_EQ(keys, (std::vector<Bytes>{"auth/user/alice", "auth/x", "k", "nalice"}));
}

TEST(AuthSpace, EveryChangeIsOneBatch) {
  AuthWorld world(AuthOptions{});
  AuthOptions options = world.sealing(1);
  world.open(std::move(options));
  auto commits = [&, before = std::uint64_t{0}]() mutable {
    const std::uint64_t now = world.store().commits;
    return now - std::exchange(before, now);
  };
  commits();
  const std::string id =
      world.auth().create_user({.name = "a", .password = "p", .metadata = "m"})->id;
  EXPECT_EQ(commits(), 1U) << "create";
  const std::string key = world.auth().issue_api_key({.owner = id, .metadata = "m"})->key.id;
  EXPECT_EQ(commits(), 1U) << "issue";
  ASSERT_TRUE(world.auth().change_password(id, "p", "q").ok());
  EXPECT_EQ(commits(), 1U) << "change password";
  ASSERT_TRUE(world.auth().set_user_metadata(id, "n").ok());
  EXPECT_EQ(commits(), 1U) << "metadata";
  ASSERT_TRUE(world.auth().revoke_api_key(key).ok());
  EXPECT_EQ(commits(), 1U) << "revoke";
  ASSERT_TRUE(world.auth().delete_user(id).ok());
  EXPECT_EQ(commits(), 1U) << "delete";
}

TEST(AuthSpace, WhoIsOvertakenAgainAndAgainIsToldSo) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  const auto overtake = [&](const Batch&) { return Status::conflict("planted"); };
  world.store().before_commit = overtake;
  EXPECT_EQ(world.auth().set_password(id, "new").code(), Code::unavailable);
  world.store().before_commit = nullptr;
  EXPECT_EQ(world.log_in("alice", "password"), Code::ok);
}

TEST(AuthSpace, ADamagedRecordIsReported) {
  AuthWorld world;
  const std::string id = world.add_user("alice");
  world.add_user("bob");
  const auto key = key_of(AuthKind::user, *parse_user_id(id));
  const Bytes good = (*world.engine().get(kAuthSpace, key))->value;
  ASSERT_TRUE(world.engine().put(kAuthSpace, key, good.substr(0, good.size() - 9)).ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::corruption);
  EXPECT_EQ(world.auth().list_users().status().code(), Code::corruption);
  ASSERT_TRUE(world.engine().remove(kAuthSpace, key).ok());
  EXPECT_EQ(world.log_in("alice", "password"), Code::corruption) << "a name without its user";
  EXPECT_EQ(world.log_in("bob", "password"), Code::ok);
}

}  // namespace
}  // namespace talea
