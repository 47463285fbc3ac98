// Every fault at every request of every kind of story: no entry is lost and none is there twice, at
// most one is missing in its key's object, the next activity writes that, and each set says truly
// what became of it.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/support/ledger_world.h"

namespace talea {
namespace {

using s3::Fault;

enum class Outcome : unsigned char { committed, rejected, unknown };

Outcome outcome_of(const Status& status) {
  if (status.ok()) return Outcome::committed;
  return status.code() == Code::timed_out ? Outcome::unknown : Outcome::rejected;
}

// What happens in one play: a world, two processes, and the outcome of each value that was set.
struct Play {
  Play() : ours(world.open()), theirs(world.open()) {}

  void set(Ledger& ledger, const std::string& key) {
    const std::string value = std::to_string(outcomes.size() + 100);
    outcomes[value] = Outcome::unknown;
    outcomes[value] = outcome_of(ledger.set(key, value).status());
  }
  // What somebody else committed.
  void orphan(const std::string& key) {
    const std::string value = std::to_string(outcomes.size() + 100);
    world.append_orphan(key, value);
    outcomes[value] = Outcome::committed;
  }

  LedgerWorld world;
  Ledger ours;
  Ledger theirs;
  std::map<std::string, Outcome> outcomes;  // by value
};

struct Story {
  const char* name;
  std::function<void(Play&)> prepare;
  std::function<void(Play&)> act;  // meets the fault
};

const std::vector<Story>& stories() {
  static const std::vector<Story> all = {
      {"the first set of all", [](Play&) {}, [](Play& play) { play.set(play.ours, "a"); }},
      {"a set of a new key", [](Play& play) { play.set(play.ours, "a"); },
       [](Play& play) { play.set(play.ours, "b"); }},
      {"a set of a known key", [](Play& play) { play.set(play.ours, "a"); },
       [](Play& play) { play.set(play.ours, "a"); }},
      {"the first set of a process", [](Play& play) { play.set(play.theirs, "a"); },
       [](Play& play) { play.set(play.ours, "a"); }},
      {"a set after an orphan of another key",
       [](Play& play) {
         play.set(play.ours, "a");
         play.orphan("b");
       },
       [](Play& play) { play.set(play.ours, "a"); }},
      {"a set after an orphan of the same key",
       [](Play& play) {
         play.set(play.ours, "a");
         play.orphan("a");
       },
       [](Play& play) { play.set(play.ours, "a"); }},
      {"a get of an orphan, with the check due",
       [](Play& play) {
         play.set(play.theirs, "a");
         play.orphan("a");
       },
       [](Play& play) {
         const auto got = play.ours.get("a");
         if (got.ok()) {
           EXPECT_EQ(value_of(got), "101");
         }
       }},
      {"gets beside an orphan of another key",
       [](Play& play) {
         play.set(play.theirs, "a");
         play.orphan("b");
       },
       [](Play& play) {
         for (int i = 0; i < 2; ++i) {
           const auto got = play.ours.get("a");
           if (got.ok()) {
             EXPECT_EQ(value_of(got), "100");
           }
         }
       }},
      {"a repair",
       [](Play& play) {
         play.set(play.theirs, "a");
         play.orphan("b");
       },
       [](Play& play) { (void)play.ours.repair(); }},
      {"two writers in turn", [](Play& play) { play.set(play.ours, "a"); },
       [](Play& play) {
         play.set(play.theirs, "a");
         play.set(play.ours, "a");
         play.set(play.theirs, "b");
       }},
      {"a set after the log was deleted",
       [](Play& play) {
         play.set(play.theirs, "a");
         play.world.fake().remove(LedgerWorld::kBucket, std::string(kLogName));
       },
       [](Play& play) { play.set(play.ours, "a"); }},
  };
  return all;
}

std::size_t orphans_in(LedgerWorld& world) {
  std::map<std::string, LedgerEntry> newest;
  for (const LedgerEntry& entry : world.log()) newest[entry.key] = entry;
  std::size_t orphans = 0;
  for (const auto& [key, entry] : newest) {
    const auto object = world.key_object(key);
    if (!object || object->sequence != entry.sequence) ++orphans;
  }
  return orphans;
}

void check_log(Play& play) {
  std::map<std::string, int> times;
  std::int64_t sequence = 0;
  for (const LedgerEntry& entry : play.world.log()) {
    ++times[entry.value];
    EXPECT_EQ(entry.sequence, sequence++);
  }
  for (const auto& [value, outcome] : play.outcomes) {
    const int found = times[value];
    EXPECT_LE(found, 1) << value;
    EXPECT_TRUE(outcome != Outcome::committed || found == 1) << "committed: " << value;
    EXPECT_TRUE(outcome != Outcome::rejected || found == 0) << "rejected: " << value;
  }
  EXPECT_LE(orphans_in(play.world), 1U);
}

// What is still under way arrives before anybody else comes, or after.
enum class Late : unsigned char { before_the_next, after_the_next };

void finish(Play& play, Late late) {
  play.world.fake().clear_plan();
  if (late == Late::before_the_next) play.world.fake().run_delayed();
  check_log(play);
  Ledger next = play.world.open();
  play.set(next, "z");
  EXPECT_EQ(play.outcomes.rbegin()->second, Outcome::committed);
  play.world.fake().run_delayed();
  check_log(play);
  EXPECT_EQ(orphans_in(play.world), 0U) << "the next activity repairs";
  expect_sound(next);
}

std::uint64_t requests_of(const Story& story) {
  Play play;
  story.prepare(play);
  const std::uint64_t before = play.world.fake().requests();
  story.act(play);
  const std::uint64_t after = play.world.fake().requests();
  finish(play, Late::before_the_next);
  return after - before;
}

TEST(LedgerFaults, NoneAtAnyRequestLosesOrDoublesAnEntry) {
  for (const Story& story : stories()) {
    const std::uint64_t requests = requests_of(story);
    ASSERT_GT(requests, 0U);
    for (std::uint64_t number = 1; number <= requests; ++number) {
      for (const Fault& fault : s3::every_fault()) {
        for (const Late late : {Late::before_the_next, Late::after_the_next}) {
          SCOPED_TRACE(std::string(story.name) + ", " + fault.name() + " at request " +
                       std::to_string(number) + (late == Late::before_the_next ? "" : ", late"));
          Play play;
          story.prepare(play);
          play.world.fake().set_fault(play.world.fake().requests() + number, fault);
          story.act(play);
          finish(play, late);
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST(LedgerFaults, AProcessThatIsCutOffAtAnyRequestLeavesAtMostOneOrphan) {
  for (const Story& story : stories()) {
    const std::uint64_t requests = requests_of(story);
    for (std::uint64_t number = 1; number <= requests; ++number) {
      for (const Fault& fault : {Fault::refuse(), Fault::lose_request(), Fault::lose_answer(),
                                 Fault::delay(1'000'000)}) {
        for (const Late late : {Late::before_the_next, Late::after_the_next}) {
          SCOPED_TRACE(std::string(story.name) + ", cut off with " + fault.name() + " at request " +
                       std::to_string(number) + (late == Late::before_the_next ? "" : ", late"));
          Play play;
          story.prepare(play);
          const std::uint64_t first = play.world.fake().requests() + number;
          play.world.fake().set_plan([&, first](const s3::FakeRequest& request) {
            if (request.number < first) return Fault();
            return request.number == first ? fault : Fault::refuse();
          });
          story.act(play);
          finish(play, late);
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST(LedgerFaults, NoneBesideAnotherWriterWhoIsFasterLosesOrDoublesAnEntry) {
  for (const Story& story : stories()) {
    // Gets would see what the other has set.
    if (std::string_view(story.name).find("get") != std::string_view::npos) continue;
    const std::uint64_t requests = requests_of(story);
    // The other comes right after the request that meets the fault, with it, or before.
    for (std::uint64_t faster = 1; faster <= requests + 1; ++faster) {
      for (std::uint64_t number = faster > 1 ? faster - 1 : 1; number <= faster + 2; ++number) {
        for (const Fault& fault :
             {Fault(), Fault::lose_request(), Fault::lose_answer(), Fault::twice_first(),
              Fault::twice_second(), Fault::delay(1), Fault::delay(2), Fault::answer(409),
              Fault::done_but(503), Fault::done_but(520)}) {
          SCOPED_TRACE(std::string(story.name) + ", another before request " +
                       std::to_string(faster) + ", " + fault.name() + " at request " +
                       std::to_string(number));
          Play play;
          story.prepare(play);
          const std::uint64_t before = play.world.fake().requests();
          Ledger third = play.world.open();
          play.world.fake().set_before(before + faster, [&] { play.set(third, "a"); });
          play.world.fake().set_fault(before + number, fault);
          story.act(play);
          finish(play, Late::before_the_next);
          if (HasFailure()) return;
        }
      }
    }
  }
}

// The order that the format page promises, in the log of the requests.
TEST(LedgerFaults, ALogEntryIsPutOnlyWhenTheKeyObjectOfTheOneBeforeIsThere) {
  for (const Story& story : stories()) {
    SCOPED_TRACE(story.name);
    Play play;
    story.prepare(play);
    play.world.fake().set_before_each([&](const s3::FakeRequest& request) {
      if (request.method != "PUT" || request.key != kLogName) return;
      const auto newest = play.world.fake().current(LedgerWorld::kBucket, request.key);
      if (request.header("if-match") != (newest ? newest->etag : "")) return;  // to be refused
      EXPECT_EQ(orphans_in(play.world), 0U) << "before request " << request.number;
    });
    story.act(play);
  }
}

}  // namespace
}  // namespace talea
