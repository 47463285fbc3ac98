// Past revisions against a model: whatever is written, kept, given up, compacted and killed, what
// is known is true, and what is promised is known.
#include <algorithm>
#include <cstdio>
#include <map>

#include "engine/history_testing.h"

namespace talea {
namespace {

using std::chrono::milliseconds;

// All revisions there ever were, and which of them the retentions so far allow to be gone.
class PastModel {
 public:
  struct Version {
    Revision revision;
    Bytes value;
    bool may_be_gone = false;
    Sequence allowed_at = 0;  // after this batch

    void may_go(bool is_allowed, Sequence last) {
      if (!is_allowed || may_be_gone) return;
      may_be_gone = true;
      allowed_at = last;
    }
  };
  using Versions = std::vector<Version>;

  void set_retention(Retention retention) { retention_ = retention; }
  // The last that a batch did to a key; `was_put`: after it had put it.
  void write(const Bytes& key, const Bytes& value, const Revision& revision, bool was_put) {
    Versions& versions = keys_[key];
    const bool was_absent = versions.empty() || versions.back().revision.is_remove;
    if (revision.is_remove && was_absent && !was_put) return;
    versions.push_back({revision, value});
  }
  // What need not be kept as of `now`, in a store whose last batch is `last`.
  void let_go(std::uint64_t now, Sequence last) {
    for (auto& [key, versions] : keys_) {
      for (std::size_t i = 0; i < versions.size(); ++i) {
        const bool is_newest = i + 1 == versions.size();
        Version& version = versions[i];
        switch (retention_.kind()) {
          case Retention::Kind::latest: version.may_go(!is_newest, last); break;
          case Retention::Kind::revisions:
            version.may_go(versions.size() - i > retention_.amount(), last);
            break;
          case Retention::Kind::duration: {
            const std::uint64_t until = is_newest ? now : versions[i + 1].revision.time_ms;
            const std::uint64_t of_removal =
                version.revision.is_remove ? version.revision.time_ms : until;
            version.may_go(now - std::min(until, of_removal) >= retention_.amount(), last);
            break;
          }
          case Retention::Kind::all: break;
        }
      }
    }
  }
  // The batches after `last` never were: nothing may have gone for their sake.
  void cut(Sequence last) {
    for (auto& row : keys_) {
      std::erase_if(row.second,
                    [&](const Version& version) { return version.revision.sequence > last; });
      for (Version& version : row.second) {
        if (version.may_be_gone && version.allowed_at > last) version.may_be_gone = false;
      }
    }
  }
  // A removal that is not recorded as the past of anything is no revision.
  void forget_removals(Sequence last) {
    for (auto& [key, versions] : keys_) {
      for (Version& version : versions) version.may_go(version.revision.is_remove, last);
    }
  }
  const Version* find(const Bytes& key, At at) const {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return nullptr;
    const Version* last = nullptr;
    for (const Version& version : found->second) {
      const std::uint64_t of = at.is_time() ? version.revision.time_ms : version.revision.sequence;
      if (of <= at.value()) last = &version;
    }
    return last;
  }
  const std::map<Bytes, Versions>& keys() const { return keys_; }

 private:
  Retention retention_ = Retention::all();
  std::map<Bytes, Versions> keys_;
};

class HistorySeed : public HistoryTest, public testing::WithParamInterface<int> {
 protected:
  std::uint64_t below(std::uint64_t limit) { return seeded_.next_u64() % limit; }
  Bytes some_key() { return "key" + std::to_string(below(40)); }

  Retention some_retention() {
    switch (below(5)) {
      case 0: return Retention::latest();
      case 1: return Retention::revisions(2 + below(5));
      case 2: return Retention::duration(milliseconds(1 + below(400)));
      default: return Retention::all();
    }
  }

  void write() {
    clock_.advance_ms(below(3));
    Batch batch;
    struct Written {
      Bytes key;
      Bytes value;
      Revision revision;
    };
    std::vector<Written> written;
    for (std::uint64_t count = below(4) == 0 ? 1 + below(6) : 1; count > 0; --count) {
      const Bytes key = some_key();
      Revision revision;
      Bytes value;
      if (below(5) == 0) {
        batch.remove(key);
        revision.is_remove = true;
      } else {
        const std::uint64_t large = below(300) == 0 ? kInlineValueBytesMax : 0;
        value = Bytes(large + below(200), static_cast<char>('a' + below(26)));
        if (below(6) == 0) revision.expiry_ms = clock_.wall_ms() + 1 + below(200);
        batch.put(key, value,
                  revision.expiry_ms == 0 ? Expiry::never() : Expiry::at(revision.expiry_ms));
      }
      revision.value_bytes = value.size();
      revision.time_ms = clock_.wall_ms();
      written.push_back({key, value, revision});
    }
    const Sequence sequence = store_->commit(batch, nullptr).value();
    // The last operation of a key is what counts.
    std::map<Bytes, Written> last;
    for (Written& one : written) {
      one.revision.sequence = sequence;
      last[one.key] = one;
    }
    for (const auto& row : last) {
      const Bytes& key = row.first;
      const Written& one = row.second;
      const bool was_put = std::any_of(written.begin(), written.end(), [&](const Written& other) {
        return other.key == key && !other.revision.is_remove;
      });
      model_.write(key, one.value, one.revision, was_put);
    }
    last_ = sequence;
  }

  At some_moment() {
    if (below(3) == 0) {
      return At::time_ms(kBegan + below(clock_.wall_ms() - kBegan + 1));
    }
    return At::sequence(below(2) == 0 ? below(last_ + 1)
                                      : last_ - below(std::min<Sequence>(last_, 30) + 1));
  }

  void let_go() { model_.let_go(clock_.wall_ms(), last_); }

  void lose_power() {
    disk_.power_cut(seeded_.next_u64());
    open();
    last_ = store_->stats().last_sequence;
    model_.cut(last_);
    ASSERT_LE(store_->history_from(), last_);
  }

  static bool is_there(const PastModel::Version* version, At at) {
    if (version == nullptr || version->revision.is_remove) return false;
    const std::uint64_t expiry = version->revision.expiry_ms;
    return !(at.is_time() && expiry != 0 && expiry <= at.value());
  }

  bool may_be_unknown(At at) { return at.is_time() || at.value() < store_->history_from(); }

  void check_get(const Bytes& key, At at) {
    const auto got = store_->get(Space::user, key, at);
    const PastModel::Version* const expected = model_.find(key, at);
    if (!got.ok()) {
      ASSERT_EQ(got.status().code(), Code::not_found) << got.status().to_string();
      ASSERT_TRUE(may_be_unknown(at)) << got.status().to_string();
      ASSERT_TRUE(expected == nullptr || expected->may_be_gone)
          << key << " was lost: " << got.status().to_string();
      return;
    }
    ASSERT_EQ(got->has_value(), is_there(expected, at)) << key << " at " << at.value();
    if (!got->has_value()) return;
    ASSERT_EQ((*got)->value, expected->value);
    ASSERT_EQ((*got)->revision, expected->revision.sequence);
    ASSERT_EQ((*got)->expiry_ms, expected->revision.expiry_ms);
  }

  void check_history(const Bytes& key) {
    const std::vector<Revision> kept = history(key);
    const auto found = model_.keys().find(key);
    const PastModel::Versions none;
    const PastModel::Versions& versions = found == model_.keys().end() ? none : found->second;
    ASSERT_LE(kept.size(), versions.size());
    for (std::size_t i = 0; i < versions.size(); ++i) {
      const PastModel::Version& version = versions[versions.size() - 1 - i];
      if (i >= kept.size()) {
        ASSERT_TRUE(version.may_be_gone) << key << " lost " << version.revision.sequence;
        continue;
      }
      ASSERT_EQ(kept[i].sequence, version.revision.sequence);
      ASSERT_EQ(kept[i].time_ms, version.revision.time_ms);
      ASSERT_EQ(kept[i].is_remove, version.revision.is_remove);
      ASSERT_EQ(kept[i].expiry_ms, version.revision.expiry_ms);
      ASSERT_EQ(kept[i].value_bytes, version.revision.value_bytes);
    }
  }

  void check_scan(At at) {
    const bool reverse = below(2) == 0;
    const auto scan = store_->scan(Space::user, {.reverse = reverse}, at);
    if (!scan.ok()) {
      ASSERT_EQ(scan.status().code(), Code::not_found) << scan.status().to_string();
      ASSERT_TRUE(may_be_unknown(at));
      return;
    }
    std::vector<std::pair<Bytes, Bytes>> expected;
    for (const auto& [key, versions] : model_.keys()) {
      const PastModel::Version* const version = model_.find(key, at);
      if (is_there(version, at)) expected.emplace_back(key, version->value);
    }
    if (reverse) std::reverse(expected.begin(), expected.end());
    std::vector<std::pair<Bytes, Bytes>> seen;
    Scan& rows = const_cast<Scan&>(*scan);
    for (;;) {
      const auto next = rows.next();
      ASSERT_TRUE(next.ok()) << next.status().to_string();
      if (!*next) break;
      seen.emplace_back(Bytes(rows.key()), Bytes(rows.value().value()));
    }
    ASSERT_EQ(seen, expected) << "at " << at.value();
  }

  SeededRandom seeded_{static_cast<std::uint64_t>(GetParam())};
  PastModel model_;
  Sequence last_ = 0;
};

TEST_P(HistorySeed, EqualsTheModel) {
  std::printf("seed=%d\n", GetParam());
  options_.memory_budget = below(3) == 0 ? kMemoryBudgetMin : 0;
  options_.compress_from_bytes = below(2) == 0 ? 32 : 0;
  options_.segment_bytes = kSegmentBytesMin;
  options_.checkpoint_after_compaction = below(4) != 0;
  options_.retention = some_retention();
  reopen();
  model_.set_retention(*options_.retention);
  const bool changes_retention = below(2) == 0;
  write();
  for (int step = 0; step < 700; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const std::uint64_t choice = below(60);
    if (choice < 48) {
      write();
    } else if (choice < 50) {
      clock_.advance_ms(below(100));
    } else if (choice < 52) {
      executor_.step_all();
    } else if (choice < 54) {
      checkpoint();
    } else if (choice < 56) {
      ASSERT_NO_FATAL_FAILURE(compact());
    } else if (choice < 57 && changes_retention) {
      let_go();
      options_.retention = some_retention();
      model_.set_retention(*options_.retention);
      ASSERT_NO_FATAL_FAILURE(reopen());
    } else if (choice < 58) {
      options_.retention.reset();
      ASSERT_NO_FATAL_FAILURE(reopen());
    } else if (choice < 59) {
      if (below(2) == 0) {
        ASSERT_NO_FATAL_FAILURE(lose_power());
      } else {
        ASSERT_NO_FATAL_FAILURE(kill());
      }
    }
    let_go();
    if (store_->retention() == Retention::latest()) model_.forget_removals(last_);
    ASSERT_NO_FATAL_FAILURE(check_get(some_key(), some_moment()));
    ASSERT_NO_FATAL_FAILURE(check_get(some_key(), some_moment()));
    if (step % 8 == 0) {
      ASSERT_NO_FATAL_FAILURE(check_history(some_key()));
    }
    if (step % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(check_scan(some_moment()));
    }
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40; ++i) {
      const Bytes key = "key" + std::to_string(i);
      ASSERT_NO_FATAL_FAILURE(check_history(key));
      for (int j = 0; j < 20; ++j) ASSERT_NO_FATAL_FAILURE(check_get(key, some_moment()));
    }
    for (int i = 0; i < 10; ++i) ASSERT_NO_FATAL_FAILURE(check_scan(some_moment()));
    ASSERT_NO_FATAL_FAILURE(compact());
  }
  expect_clean();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistorySeed, testing::Range(1, 41));

}  // namespace
}  // namespace talea
