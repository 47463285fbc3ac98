#include "tests/trust/faulty_store.h"

#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace talea::trust {

namespace {

// Lets others in between the two halves of a fault.
void give_way() {
  for (int i = 0; i < 3; ++i) std::this_thread::yield();
}

bool is_snapshot(TestedStore::Means means) {
  return means != TestedStore::Means::scan && means != TestedStore::Means::reverse_scan;
}

Batch without_operations(const Batch& batch) {
  Batch copy;
  for (const Batch::Precondition& each : batch.preconditions()) {
    switch (each.kind) {
      case Batch::Precondition::Kind::absent: copy.require_absent(each.key); break;
      case Batch::Precondition::Kind::present: copy.require_present(each.key); break;
      case Batch::Precondition::Kind::revision:
        copy.require_revision(each.key, each.revision);
        break;
    }
  }
  return copy;
}

void add_operation(Batch& batch, const Batch::Operation& operation) {
  if (operation.kind == Batch::Operation::Kind::remove) {
    batch.remove(operation.key);
  } else {
    batch.put(operation.key, operation.value);
  }
}

// Commits the operations as two batches, the first `in_first` of them in the first one.
Result<Sequence> commit_in_two(TestedStore& store, const Batch& batch, std::size_t in_first,
                               FailedPrecondition* failed) {
  Batch first = without_operations(batch);
  Batch second;
  std::size_t position = 0;
  for (const Batch::Operation& operation : batch.operations()) {
    add_operation(position++ < in_first ? first : second, operation);
  }
  TALEA_TRY(store.commit(first, failed));
  give_way();
  return store.commit(second, nullptr);
}

// --- Reads ---------------------------------------------------------------------------------------

// Serves what a key held when it was read before: a cache that is not told of writes.
class ServesThePreviousValue final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::optional<Versioned>> get_versioned(BytesView key) override {
    std::optional<Versioned> now = TALEA_TRY(sound().get_versioned(key));
    MutexLock lock(mutex_);
    const auto [cached, is_new] = cache_.try_emplace(Bytes(key), now);
    const bool differs = !is_new && revision_of(cached->second) != revision_of(now);
    if (differs && once_in(4)) {
      count_fault();
      return cached->second;
    }
    cached->second = now;
    return now;
  }

 private:
  static Sequence revision_of(const std::optional<Versioned>& versioned) {
    return versioned ? versioned->revision : 0;
  }
  Mutex mutex_;
  std::map<Bytes, std::optional<Versioned>> cache_ TALEA_GUARDED_BY(mutex_);
};

class TellsAWrongRevision final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::optional<Versioned>> get_versioned(BytesView key) override {
    std::optional<Versioned> now = TALEA_TRY(sound().get_versioned(key));
    if (now && once_in(40)) {
      count_fault();
      --now->revision;
    }
    return now;
  }
};

// --- Writes --------------------------------------------------------------------------------------

// Acknowledges a put and does it a few calls later.
class AcknowledgesBeforeItCommits final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> put(BytesView key, BytesView value) override {
    TALEA_TRY(catch_up());
    if (!once_in(8)) return sound().put(key, value);
    count_fault();
    MutexLock lock(mutex_);
    late_ = {Bytes(key), Bytes(value)};
    return kUntold;
  }
  Result<Sequence> remove(BytesView key) override {
    TALEA_TRY(catch_up());
    return sound().remove(key);
  }
  Result<std::optional<Versioned>> get_versioned(BytesView key) override {
    auto got = sound().get_versioned(key);
    TALEA_TRY(catch_up());
    return got;
  }

 private:
  Status catch_up() {
    std::optional<std::pair<Bytes, Bytes>> late;
    {
      MutexLock lock(mutex_);
      late.swap(late_);
    }
    if (late) return sound().put(late->first, late->second).status();
    return {};
  }
  Mutex mutex_;
  std::optional<std::pair<Bytes, Bytes>> late_ TALEA_GUARDED_BY(mutex_);
};

class ForgetsARemove final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> remove(BytesView key) override {
    if (!once_in(8)) return sound().remove(key);
    count_fault();
    return kUntold;
  }
};

class PublishesHalfABatch final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    if (batch.operations().size() < 2) return sound().commit(batch, failed);
    count_fault();
    return commit_in_two(sound(), batch, batch.operations().size() / 2, failed);
  }
};

// Of two puts to one key, readers see the first one for a while.
class PublishesWhatTheSameBatchReplaces final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    const auto& operations = batch.operations();
    const bool is_twice = operations.size() >= 2 && operations[0].key == operations[1].key;
    if (!is_twice) return sound().commit(batch, failed);
    count_fault();
    return commit_in_two(sound(), batch, 1, failed);
  }
};

class IgnoresPreconditions final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    auto committed = sound().commit(batch, failed);
    const bool is_conflict = !committed.ok() && committed.status().code() == Code::conflict;
    if (!is_conflict || batch.operations().empty() || !once_in(4)) return committed;
    count_fault();
    Batch unconditional;
    for (const Batch::Operation& operation : batch.operations()) {
      add_operation(unconditional, operation);
    }
    return sound().commit(unconditional, nullptr);
  }
};

class CommitsAndTellsAConflict final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    auto committed = sound().commit(batch, failed);
    if (!committed.ok() || batch.preconditions().empty() || !once_in(8)) return committed;
    count_fault();
    if (failed != nullptr) *failed = {0, *committed};
    return Status::conflict("planted");
  }
};

class TellsOneSequenceTwice final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<Sequence> put(BytesView key, BytesView value) override {
    const Sequence sequence = TALEA_TRY(sound().put(key, value));
    const Sequence before = last_.exchange(sequence);
    if (before == 0 || !once_in(40)) return sequence;
    count_fault();
    return before;
  }

 private:
  std::atomic<Sequence> last_{0};
};

// --- Moments -------------------------------------------------------------------------------------

// The keys of the first half as of one moment, the others as of a later one.
class ReadsTwoMoments final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override {
    auto first = TALEA_TRY(sound().moment(means, prefix));
    give_way();
    auto second = TALEA_TRY(sound().moment(means, prefix));
    count_fault();
    return std::unique_ptr<Moment>(std::make_unique<Two>(std::move(first), std::move(second)));
  }

 private:
  class Two final : public Moment {
   public:
    Two(std::unique_ptr<Moment> first, std::unique_ptr<Moment> second)
        : first_(std::move(first)), second_(std::move(second)) {}
    Result<Contents> read(std::span<const Bytes> keys) override {
      Contents contents = TALEA_TRY(first_->read(keys));
      Contents later = TALEA_TRY(second_->read(keys));
      for (std::size_t i = keys.size() / 2; i < keys.size(); ++i) contents[i] = later[i];
      return contents;
    }

   private:
    const std::unique_ptr<Moment> first_;
    const std::unique_ptr<Moment> second_;
  };
};

// Gives a snapshot out that it made before.
class GivesAnOldSnapshot final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override {
    if (!is_snapshot(means)) return sound().moment(means, prefix);
    std::shared_ptr<Moment> made = TALEA_TRY(sound().moment(means, prefix));
    MutexLock lock(mutex_);
    kept_.push_back(made);
    if (kept_.size() > 3) kept_.pop_front();
    if (once_in(4) && kept_.size() > 1) {
      count_fault();
      made = kept_.front();
    }
    return std::unique_ptr<Moment>(std::make_unique<Shared>(std::move(made)));
  }

 private:
  class Shared final : public Moment {
   public:
    explicit Shared(std::shared_ptr<Moment> moment) : moment_(std::move(moment)) {}
    Result<Contents> read(std::span<const Bytes> keys) override { return moment_->read(keys); }
    std::optional<Sequence> sequence() const override { return moment_->sequence(); }

   private:
    const std::shared_ptr<Moment> moment_;
  };
  Mutex mutex_;
  std::deque<std::shared_ptr<Moment>> kept_ TALEA_GUARDED_BY(mutex_);
};

// A snapshot that sees, for some keys, what was written after it: the past was let go too early.
class LosesThePastOfASnapshot final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override {
    auto made = TALEA_TRY(sound().moment(means, prefix));
    return std::unique_ptr<Moment>(std::make_unique<Forgetful>(*this, std::move(made)));
  }

 private:
  class Forgetful final : public Moment {
   public:
    Forgetful(LosesThePastOfASnapshot& store, std::unique_ptr<Moment> moment)
        : store_(store), moment_(std::move(moment)) {}
    Result<Contents> read(std::span<const Bytes> keys) override {
      Contents contents = TALEA_TRY(moment_->read(keys));
      if (!store_.once_in(4)) return contents;
      store_.count_fault();
      give_way();
      contents[0] = TALEA_TRY(store_.sound().get_versioned(keys[0]));
      return contents;
    }
    std::optional<Sequence> sequence() const override { return moment_->sequence(); }

   private:
    LosesThePastOfASnapshot& store_;
    const std::unique_ptr<Moment> moment_;
  };
};

class MissesARow final : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override {
    auto made = TALEA_TRY(sound().moment(means, prefix));
    return std::unique_ptr<Moment>(std::make_unique<Short>(*this, std::move(made)));
  }

 private:
  class Short final : public Moment {
   public:
    Short(MissesARow& store, std::unique_ptr<Moment> moment)
        : store_(store), moment_(std::move(moment)) {}
    Result<Contents> read(std::span<const Bytes> keys) override {
      Contents contents = TALEA_TRY(moment_->read(keys));
      if (!contents.back() || !store_.once_in(20)) return contents;
      store_.count_fault();
      contents.back().reset();
      return contents;
    }

   private:
    MissesARow& store_;
    const std::unique_ptr<Moment> moment_;
  };
};

template <typename Store>
std::unique_ptr<FaultyStore> plant(TestedStore& sound) {
  return std::make_unique<Store>(sound);
}

}  // namespace

std::vector<PlantedFault> planted_faults() {
  return {
      {.name = "ServesThePreviousValue", .plant = plant<ServesThePreviousValue>},
      {.name = "TellsAWrongRevision", .plant = plant<TellsAWrongRevision>},
      {.name = "AcknowledgesBeforeItCommits", .plant = plant<AcknowledgesBeforeItCommits>},
      {.name = "ForgetsARemove", .plant = plant<ForgetsARemove>},
      {.name = "PublishesHalfABatch",
       .plant = plant<PublishesHalfABatch>,
       .anomalies = {Anomaly::fractured_read}},
      {.name = "PublishesWhatTheSameBatchReplaces",
       .plant = plant<PublishesWhatTheSameBatchReplaces>,
       .anomalies = {Anomaly::intermediate_read}},
      {.name = "IgnoresPreconditions",
       .plant = plant<IgnoresPreconditions>,
       .anomalies = {Anomaly::lost_append, Anomaly::incompatible_order}},
      {.name = "CommitsAndTellsAConflict",
       .plant = plant<CommitsAndTellsAConflict>,
       .anomalies = {Anomaly::aborted_read}},
      {.name = "TellsOneSequenceTwice", .plant = plant<TellsOneSequenceTwice>},
      {.name = "ReadsTwoMoments",
       .plant = plant<ReadsTwoMoments>,
       .anomalies = {Anomaly::fractured_read}},
      {.name = "GivesAnOldSnapshot",
       .plant = plant<GivesAnOldSnapshot>,
       .anomalies = {Anomaly::non_monotonic_read}},
      {.name = "LosesThePastOfASnapshot",
       .plant = plant<LosesThePastOfASnapshot>,
       .anomalies = {Anomaly::fractured_read, Anomaly::wrong_sequence}},
      {.name = "MissesARow",
       .plant = plant<MissesARow>,
       .anomalies = {Anomaly::non_monotonic_read}},
  };
}

std::vector<PlantedFault> faults_of_transactions() {
  std::vector<PlantedFault> faults = planted_faults();
  std::erase_if(faults, [](const PlantedFault& fault) { return fault.anomalies.empty(); });
  return faults;
}

}  // namespace talea::trust
