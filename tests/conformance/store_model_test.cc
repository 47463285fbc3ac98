// Every store against a plain model of what a Store is: random batches with preconditions, expiries
// and several spaces, time that goes by, restarts. And all stores against each other: batches that
// are applied under the same sequences leave the same hash in each.
#include <algorithm>
#include <map>

#include "base/random.h"
#include "tests/conformance/store_test_base.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

constexpr std::array<Space, 3> kSpaces = {Space::user, Space{2}, Space{70'000}};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return random_.next_u64() % limit; }
  bool one_in(std::uint64_t times) { return below(times) == 0; }
  Space space() { return kSpaces[below(kSpaces.size())]; }
  // Few keys, so that most operations meet an earlier one.
  Bytes key() {
    Bytes key = "key" + std::to_string(below(40));
    if (one_in(4)) key += Bytes(1, '\0') + Bytes(below(4), '\xff');
    return key;
  }
  Bytes value() {
    Bytes value(one_in(100) ? kInlineValueBytesMax + below(kMiB) : below(100), '\0');
    random_.fill({reinterpret_cast<unsigned char*>(value.data()), value.size()});
    return value;
  }

 private:
  SeededRandom random_;
};

// What a store holds, and what becomes of a batch.
struct Model {
  using Place = std::pair<Space, Bytes>;

  MemoryState state{.rows = {}, .last_sequence = 0, .last_time_ms = 0, .may_expire = false};
  std::uint64_t now_ms = StoreWorld::kBegan;

  const MemoryState::Value* find(const Place& place) const {
    const auto found = state.rows.find(place);
    if (found == state.rows.end() || is_expired(found->second)) return nullptr;
    return &found->second;
  }
  bool is_expired(const MemoryState::Value& value) const {
    return value.expiry_ms != 0 && value.expiry_ms <= now_ms;
  }

  std::optional<FailedPrecondition> failure_of(const Batch& batch) const {
    for (std::size_t i = 0; i < batch.preconditions().size(); ++i) {
      const Batch::Precondition& wanted = batch.preconditions()[i];
      const MemoryState::Value* value = find({wanted.space, wanted.key});
      const bool is_met = wanted.kind == Batch::Precondition::Kind::absent ? value == nullptr
                          : wanted.kind == Batch::Precondition::Kind::present
                              ? value != nullptr
                              : value != nullptr && value->revision == wanted.revision;
      if (is_met) continue;
      FailedPrecondition failed{.position = i, .found = std::nullopt};
      if (value != nullptr) failed.found = value->revision;
      return failed;
    }
    return std::nullopt;
  }

  // Returns the sequence.
  Sequence commit(const Batch& batch) {
    const Model before = *this;
    const Sequence sequence = state.last_sequence + 1;
    bool changes = false;
    for (const Batch::Operation& operation : batch.operations()) {
      const Place place = {operation.space, operation.key};
      const MemoryState::Value* present = before.find(place);
      const bool is_set_expiry = operation.kind == Batch::Operation::Kind::set_expiry;
      if (is_set_expiry && present == nullptr) continue;
      changes = true;
      if (operation.kind == Batch::Operation::Kind::remove) {
        state.rows.erase(place);
        continue;
      }
      std::uint64_t expiry_ms = operation.expiry.ms();
      if (operation.expiry.kind() == Expiry::Kind::after) expiry_ms += now_ms;
      if (operation.expiry.kind() == Expiry::Kind::keep) {
        expiry_ms = present == nullptr ? 0 : present->expiry_ms;
      }
      state.rows[place] = {.bytes = is_set_expiry ? present->bytes : operation.value,
                           .revision = sequence,
                           .time_ms = now_ms,
                           .expiry_ms = expiry_ms};
    }
    if (changes) state.last_sequence = sequence;
    return state.last_sequence;
  }

  void remove_expired() {
    std::erase_if(state.rows, [&](const auto& row) { return is_expired(row.second); });
  }

  std::vector<ScannedRow> scan(Space space, const ScanRange& range) const {
    std::vector<ScannedRow> rows;
    for (const auto& [place, value] : state.rows) {
      const Bytes& key = place.second;
      const bool is_in = place.first == space && key.starts_with(range.prefix) &&
                         key >= range.start && (range.end.empty() || key < range.end);
      if (is_in && !is_expired(value)) {
        rows.push_back({key, value.bytes, value.revision, value.expiry_ms});
      }
    }
    if (range.reverse) std::reverse(rows.begin(), rows.end());
    if (range.limit != 0 && rows.size() > range.limit) rows.resize(range.limit);
    return rows;
  }
};

Expiry random_expiry(Dice& dice, std::uint64_t now_ms) {
  switch (dice.below(6)) {
    case 0: return Expiry::after(milliseconds(1 + dice.below(300)));
    case 1: return Expiry::at(now_ms - 20 + dice.below(300));
    case 2: return Expiry::keep();
    default: return Expiry::never();
  }
}

Batch random_batch(Dice& dice, const Model& model) {
  Batch batch;
  std::vector<Model::Place> changed;
  const std::uint64_t preconditions = dice.one_in(3) ? 1 + dice.below(3) : 0;
  for (std::uint64_t i = 0; i < preconditions; ++i) {
    const Space space = dice.space();
    const Bytes key = dice.key();
    const MemoryState::Value* value = model.find({space, key});
    // More often than not it holds.
    const bool holds = !dice.one_in(4);
    if ((value == nullptr) == holds) {
      batch.require_absent(key, space);
    } else if (dice.one_in(2)) {
      batch.require_present(key, space);
    } else {
      batch.require_revision(key, value == nullptr ? 1 : value->revision, space);
    }
  }
  const std::uint64_t operations = dice.one_in(3) ? dice.below(12) : 1;
  for (std::uint64_t i = 0; i < operations; ++i) {
    const Space space = dice.space();
    const Bytes key = dice.key();
    const bool is_first =
        std::find(changed.begin(), changed.end(), Model::Place{space, key}) == changed.end();
    changed.emplace_back(space, key);
    if (dice.one_in(4)) {
      batch.remove(key, space);
    } else if (dice.one_in(5) && is_first) {
      batch.set_expiry(key, random_expiry(dice, model.now_ms), space);
    } else {
      Expiry expiry = random_expiry(dice, model.now_ms);
      // What a key has before the batch is for its first operation alone.
      if (expiry.kind() == Expiry::Kind::keep && !is_first) expiry = Expiry::never();
      batch.put(key, dice.value(), expiry, space);
    }
  }
  return batch;
}

ScanRange random_range(Dice& dice) {
  ScanRange range{.reverse = dice.one_in(2), .limit = dice.one_in(2) ? 0 : 1 + dice.below(20)};
  if (dice.one_in(3)) range.prefix = "key" + std::to_string(dice.below(5));
  if (dice.one_in(3)) range.start = dice.key();
  if (dice.one_in(3)) range.end = dice.key();
  return range;
}

class StoreModel : public StoreConformance {
 protected:
  void commit_one() {
    const Batch batch = random_batch(dice_, model_);
    FailedPrecondition failed;
    const Result<Sequence> committed = store().commit(batch, &failed);
    const std::optional<FailedPrecondition> expected = model_.failure_of(batch);
    if (expected) {
      ASSERT_EQ(committed.status().code(), Code::conflict) << committed.status().to_string();
      ASSERT_EQ(failed.position, expected->position);
      ASSERT_EQ(failed.found, expected->found);
      return;
    }
    ASSERT_TRUE(committed.ok()) << committed.status().to_string();
    ASSERT_EQ(*committed, model_.commit(batch));
  }

  void get_one() {
    const Space space = dice_.space();
    const Bytes key = dice_.key();
    const MemoryState::Value* expected = model_.find({space, key});
    const std::optional<Versioned> found = versioned(key, space);
    ASSERT_EQ(found.has_value(), expected != nullptr);
    if (!found) return;
    ASSERT_EQ(found->value, expected->bytes);
    ASSERT_EQ(found->revision, expected->revision);
    ASSERT_EQ(found->expiry_ms, expected->expiry_ms);
  }

  // A scan that is made now and read when more has happened.
  void begin_scan() {
    const Space space = dice_.space();
    const ScanRange range = random_range(dice_);
    scan_.emplace(store().scan(space, range).value());
    expected_ = model_.scan(space, range);
  }
  void end_scan() {
    if (!scan_) return;
    ASSERT_EQ(rows_of(*scan_).value(), expected_);
    scan_.reset();
  }

  void let_time_pass() {
    const std::uint64_t ms = dice_.below(60);
    clock().advance_ms(ms);
    model_.now_ms += ms;
  }

  // Whatever fell due is removed by batches, of which the model does not know how many.
  void work() {
    for (int i = 0; i < 3; ++i) world_->work();
    model_.remove_expired();
    const Sequence last = last_sequence();
    ASSERT_GE(last, model_.state.last_sequence);
    model_.state.last_sequence = last;
  }

  void restart_one() {
    scan_.reset();
    restart(dice_.one_in(2) ? StoreWorld::End::closed : StoreWorld::End::killed);
    ASSERT_EQ(last_sequence(), model_.state.last_sequence);
  }

  void compare_all() {
    const MemoryState found = state();
    ASSERT_EQ(found.rows, model_.state.rows);
    ASSERT_EQ(found.last_sequence, model_.state.last_sequence);
  }

  Dice dice_{test_seed()};
  Model model_;
  std::optional<Scan> scan_;
  std::vector<ScannedRow> expected_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreModel, testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return store_kind_name(kind.param); });

TEST_P(StoreModel, TheStoreEqualsTheModel) {
  const bool lasts = GetParam() != StoreKind::memory;
  for (int step = 0; step < 2500 && !HasFatalFailure(); ++step) {
    switch (dice_.below(12)) {
      case 0: begin_scan(); break;
      case 1: end_scan(); break;
      case 2: let_time_pass(); break;
      case 3: work(); break;
      case 4:
        if (lasts && dice_.one_in(20)) restart_one();
        break;
      case 5:
        if (dice_.one_in(10)) compare_all();
        break;
      case 6:
      case 7: get_one(); break;
      default: commit_one();
    }
    if (HasFatalFailure()) FAIL() << "in step " << step << ", seed " << test_seed();
  }
  end_scan();
  work();
  compare_all();
}

// --- All stores against each other ---------------------------------------------------------------

// A batch as it is applied: what is to be evaluated was evaluated.
Batch random_applied_batch(Dice& dice) {
  Batch batch;
  const std::uint64_t operations = dice.one_in(3) ? 1 + dice.below(12) : 1;
  for (std::uint64_t i = 0; i < operations; ++i) {
    const Space space = dice.space();
    if (dice.one_in(3)) {
      batch.remove(dice.key(), space);
    } else {
      const bool expires = dice.one_in(3);
      // None while the test runs: when it is removed is a matter of each store.
      batch.put(
          dice.key(), dice.value(),
          expires ? Expiry::at(StoreWorld::kBegan + 1'000'000 + dice.below(1000)) : Expiry::never(),
          space);
    }
  }
  return batch;
}

TEST(StoreStates, BatchesAppliedUnderTheSameSequencesLeaveTheSameHash) {
  Dice dice(test_seed());
  std::vector<std::unique_ptr<StoreWorld>> worlds;
  for (const StoreKind kind : store_kinds()) worlds.push_back(StoreWorld::make(kind));
  const auto hash_of = [](StoreWorld& world) {
    return hash_state(*world.store().read_state().value()).value();
  };
  Sequence sequence = 0;
  for (int step = 0; step < 600; ++step) {
    sequence += dice.one_in(4) ? 1 + dice.below(1000) : 1;
    const Batch batch = random_applied_batch(dice);
    for (const auto& world : worlds) {
      world->clock().advance_ms(dice.below(20));  // time is no part of a state
      ASSERT_TRUE(world->store().apply(sequence, batch).value());
      const Sequence earlier = std::max<Sequence>(1, sequence - dice.below(2));
      ASSERT_FALSE(world->store().apply(earlier, Batch().put("x", "y")).value());
      if (dice.one_in(10)) world->work();
    }
    if (step % 50 != 49) continue;
    const StateHash first = hash_of(*worlds[0]);
    for (const auto& world : worlds) ASSERT_EQ(hash_of(*world), first) << "in step " << step;
  }
}

// What one store writes down of itself is what another one would.
TEST(StoreStates, AStreamOfOneStoreIsThatOfAnother) {
  Dice dice(test_seed());
  std::vector<Bytes> streams;
  std::vector<Batch> batches;
  batches.reserve(100);
  for (int i = 0; i < 100; ++i) batches.push_back(random_applied_batch(dice));
  for (const StoreKind kind : store_kinds()) {
    const auto world = StoreWorld::make(kind);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      world->clock().advance_ms(1);
      ASSERT_TRUE(world->store().apply(i + 1, batches[i]).value());
    }
    Bytes& stream = streams.emplace_back();
    ASSERT_TRUE(write_state_stream(*world->store().read_state().value(), sink_to(stream)).ok());
  }
  for (const Bytes& stream : streams) EXPECT_TRUE(stream == streams[0]);
}

}  // namespace
}  // namespace talea
