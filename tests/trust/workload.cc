#include "tests/trust/workload.h"

#include <algorithm>
#include <barrier>
#include <charconv>
#include <functional>
#include <random>
#include <thread>

namespace talea::trust {

namespace {

using Outcome = Operation::Outcome;
using Requirement = Operation::Requirement;

constexpr std::uint64_t kValuesPerHistory = 1 << 16;
constexpr std::uint64_t kValuesPerThread = 1 << 10;

// One thread's numbers and the first failure it met.
class Worker {
 public:
  Worker(std::uint64_t seed, Value first_value) : random_(seed), next_value_(first_value) {}

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  Value new_value() { return ++next_value_; }

  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  // Whether a call succeeded that has no reason to fail.
  bool ok(const Status& status, const char* what) {
    if (!status.ok()) fail(std::string(what) + ": " + status.to_string());
    return status.ok();
  }
  const std::string& failure() const { return failure_; }

 private:
  std::mt19937_64 random_;
  Value next_value_;
  std::string failure_;
};

// Values and lists as bytes: the numbers, and behind them what follows from the numbers, so that no
// byte may change.
Bytes encode(const List& numbers, std::size_t bytes_max) {
  Bytes bytes;
  std::uint64_t sum = 0;
  for (const Value number : numbers) {
    bytes += std::to_string(number) + " ";
    sum += number * 0x9e3779b97f4a7c15;
  }
  const std::uint64_t size_class = sum >> 60;
  const std::size_t limit = size_class == 0 ? bytes_max : std::min<std::size_t>(bytes_max, 40);
  bytes += ":";
  bytes.append((sum >> 20) % (limit + 1), static_cast<char>('a' + (sum >> 40) % 26));
  return bytes;
}

std::optional<List> decode(BytesView bytes, std::size_t bytes_max) {
  List numbers;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end && *at != ':') {
    Value number = 0;
    const auto [behind, error] = std::from_chars(at, end, number);
    if (error != std::errc() || behind == end) return std::nullopt;
    numbers.push_back(number);
    at = behind + 1;
  }
  if (encode(numbers, bytes_max) != bytes) return std::nullopt;
  return numbers;
}

// Runs `body(thread, stopper)` on so many threads, which begin together.
void run_threads(std::size_t count, Perturbation& perturbation,
                 const std::function<void(std::size_t, Perturbation::Stopper&)>& body) {
  std::barrier together(static_cast<std::ptrdiff_t>(count));
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      Perturbation::Stopper stopper(perturbation);
      together.arrive_and_wait();
      body(i, stopper);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<Bytes> names_of_keys(const WorkloadSetup& setup) {
  std::vector<Bytes> names;
  names.reserve(setup.keys);
  // Of different lengths, and one the beginning of another.
  for (std::size_t i = 0; i < setup.keys; ++i) {
    names.push_back(setup.prefix + Bytes(i / 2, '-') + static_cast<char>('a' + i % 2));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void add_requirement(Batch& batch, const Requirement& required, const Bytes& key) {
  switch (required.kind) {
    case Requirement::Kind::absent: batch.require_absent(key); break;
    case Requirement::Kind::present: batch.require_present(key); break;
    case Requirement::Kind::revision: batch.require_revision(key, required.revision); break;
  }
}

// Puts to other keys, between those of a batch, so that it takes long to publish, and others come
// while it is half done.
void add_padding(Batch& batch, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) batch.put("padding" + std::to_string(i), "");
}
constexpr std::uint64_t kPaddingMax = 60;

// Notes how a write ended; false when it was rejected, and nothing of it may ever be seen.
bool note_outcome(const Result<Sequence>& committed, const FailedPrecondition& failed,
                  Operation& operation) {
  if (committed.ok()) {
    operation.sequence = *committed;
    return true;
  }
  if (committed.status().code() == Code::timed_out) {
    operation.outcome = Outcome::unknown;
    return true;
  }
  if (committed.status().code() != Code::conflict) return false;
  operation.outcome = Outcome::conflict;
  operation.failed = {failed.position, failed.found};
  return true;
}

// --- Registers -----------------------------------------------------------------------------------

class RegisterThread {
 public:
  RegisterThread(const WorkloadSetup& setup, TestedStore& store, std::span<const Bytes> keys,
                 Recorder recorder, Worker worker)
      : setup_(setup),
        store_(store),
        keys_(keys),
        recorder_(std::move(recorder)),
        worker_(std::move(worker)) {}

  void do_one(bool several_keys, bool only_reads) {
    if (only_reads) return read_one(several_keys);
    if (held_ && worker_.pick(3) == 0) return read_held(worker_.pick(3) == 0);
    const std::uint64_t kind = worker_.pick(several_keys ? 30 : 18);
    if (kind < 3) {
      put();
    } else if (kind < 5) {
      remove();
    } else if (kind < 8) {
      get();
    } else if (kind < 11) {
      get_versioned();
    } else if (kind < 13) {
      multi_get();
    } else if (kind < 18) {
      compare_and_set();
    } else if (kind < 24) {
      commit_batch();
    } else {
      pin_moment();
    }
  }

  void read_one(bool several_keys) {
    if (held_) return read_held(worker_.pick(3) == 0);
    const std::uint64_t kind = worker_.pick(several_keys ? 5 : 3);
    if (kind == 0) {
      get();
    } else if (kind == 1) {
      get_versioned();
    } else if (kind == 2) {
      multi_get();
    } else {
      pin_moment();
    }
  }

  void finish() {
    if (held_) read_held(/*again=*/false);
  }

  // Every key by itself, and all of them at one moment.
  void read_all(bool several_keys) {
    for (std::size_t key = 0; key < keys_.size(); ++key) get_versioned(key);
    if (several_keys) pin_moment();
    finish();
  }

  Recorder& recorder() { return recorder_; }
  const std::string& failure() const { return worker_.failure(); }

 private:
  std::size_t pick_key() { return worker_.pick(keys_.size()); }

  Bytes bytes_of(Value value) const { return encode({value}, setup_.value_bytes_max); }

  // What was read of a key.
  Cell cell_of(const std::optional<Bytes>& value, Sequence revision) {
    if (!value) return {};
    const auto numbers = decode(*value, setup_.value_bytes_max);
    if (!numbers || numbers->size() != 1) {
      worker_.fail("a value is not what anybody put: " + value->substr(0, 80));
      return {};
    }
    return {numbers->front(), revision};
  }
  Cell cell_of(const std::optional<Versioned>& versioned) {
    return versioned ? cell_of(versioned->value, versioned->revision) : Cell();
  }
  void remember(std::size_t key, const Cell& cell) {
    if (cell.revision != kUntold) revisions_[key] = cell.revision;
  }

  // Ends a write that the store has answered.
  void end_write(Operation operation, const Result<Sequence>& committed,
                 const FailedPrecondition& failed = {}) {
    operation.returned = recorder_.tick();
    if (!note_outcome(committed, failed, operation)) return;
    if (operation.outcome == Outcome::unknown) operation.returned = Operation::kNever;
    if (operation.outcome == Outcome::committed && operation.sequence != kUntold) {
      for (const auto& write : operation.writes) {
        revisions_[write.key] = write.value == kAbsent ? 0 : operation.sequence;
      }
    }
    recorder_.add(std::move(operation));
  }

  void put() {
    const std::size_t key = pick_key();
    const Value value = worker_.new_value();
    const Bytes bytes = bytes_of(value);
    Operation operation = recorder_.begin();
    operation.writes = {{key, value}};
    end_write(std::move(operation), store_.put(keys_[key], bytes));
  }

  void remove() {
    const std::size_t key = pick_key();
    Operation operation = recorder_.begin();
    operation.writes = {{key, kAbsent}};
    end_write(std::move(operation), store_.remove(keys_[key]));
  }

  void get() {
    const std::size_t key = pick_key();
    Operation operation = recorder_.begin();
    const auto got = store_.get(keys_[key]);
    operation.returned = recorder_.tick();
    if (!worker_.ok(got.status(), "get")) return;
    operation.observations = {{key, cell_of(*got, kUntold)}};
    recorder_.add(std::move(operation));
  }

  void get_versioned() { get_versioned(pick_key()); }
  void get_versioned(std::size_t key) {
    Operation operation = recorder_.begin();
    const auto got = store_.get_versioned(keys_[key]);
    operation.returned = recorder_.tick();
    if (!worker_.ok(got.status(), "get_versioned")) return;
    operation.observations = {{key, cell_of(*got)}};
    remember(key, operation.observations[0].cell);
    recorder_.add(std::move(operation));
  }

  // As many gets at once: no snapshot.
  void multi_get() {
    const std::size_t count = 1 + worker_.pick(keys_.size());
    std::vector<std::size_t> keys;
    std::vector<BytesView> names;
    keys.reserve(count);
    names.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back(pick_key());
      names.push_back(keys_[keys.back()]);
    }
    std::vector<std::optional<Bytes>> values(count);
    Operation operation = recorder_.begin();
    const Status got = store_.multi_get(names, values);
    operation.returned = recorder_.tick();
    if (!worker_.ok(got, "multi_get")) return;
    for (std::size_t i = 0; i < count; ++i) {
      operation.observations = {{keys[i], cell_of(values[i], kUntold)}};
      recorder_.add(operation);
    }
  }

  // What this thread last knew of the key: it may be right, or late.
  Requirement requirement_on(std::size_t key) {
    const Sequence known = revisions_[key];
    if (worker_.pick(6) == 0) {
      return {worker_.pick(2) == 0 ? Requirement::Kind::absent : Requirement::Kind::present, key,
              0};
    }
    if (known == 0) return {Requirement::Kind::absent, key, 0};
    return {Requirement::Kind::revision, key, known};
  }

  void compare_and_set() {
    const std::size_t key = pick_key();
    if (worker_.pick(2) == 0) get_versioned(key);
    commit({requirement_on(key)}, {{key, worker_.pick(5) == 0 ? kAbsent : worker_.new_value()}});
  }

  void commit_batch() {
    std::vector<Requirement> requirements;
    std::vector<Operation::Write> writes;
    const std::uint64_t requirement_count = worker_.pick(3);
    requirements.reserve(requirement_count);
    for (std::uint64_t i = 0; i < requirement_count; ++i) {
      requirements.push_back(requirement_on(pick_key()));
    }
    // None, at times: a batch that only requires. Some keys twice: the last one counts.
    const std::uint64_t write_count =
        requirement_count > 0 && worker_.pick(6) == 0 ? 0 : 1 + worker_.pick(4);
    writes.reserve(write_count);
    for (std::uint64_t i = 0; i < write_count; ++i) {
      writes.push_back({pick_key(), worker_.pick(4) == 0 ? kAbsent : worker_.new_value()});
    }
    commit(std::move(requirements), std::move(writes));
  }

  void commit(std::vector<Requirement> requirements, std::vector<Operation::Write> writes) {
    Batch batch;
    for (const Requirement& required : requirements) {
      add_requirement(batch, required, keys_[required.key]);
    }
    const std::uint64_t padding = worker_.pick(3) == 0 ? worker_.pick(kPaddingMax) : 0;
    for (const Operation::Write& write : writes) {
      if (&write != &writes.front()) add_padding(batch, padding);
      if (write.value == kAbsent) {
        batch.remove(keys_[write.key]);
      } else {
        batch.put(keys_[write.key], bytes_of(write.value));
      }
    }
    FailedPrecondition failed;
    Operation operation = recorder_.begin();
    operation.requirements = std::move(requirements);
    operation.writes = std::move(writes);
    const auto committed = store_.commit(batch, &failed);
    end_write(std::move(operation), committed, failed);
  }

  // The moment is when it was pinned, whenever it is read.
  void pin_moment() {
    finish();
    const TestedStore::Means means =
        TestedStore::kAllMeans[worker_.pick(TestedStore::kAllMeans.size())];
    may_be_read_again_ =
        means != TestedStore::Means::scan && means != TestedStore::Means::reverse_scan;
    Operation operation = recorder_.begin();
    auto moment = store_.moment(means, setup_.prefix);
    operation.returned = recorder_.tick();
    if (!worker_.ok(moment.status(), "a snapshot or scan")) return;
    held_ = std::move(moment).value();
    held_operation_ = std::move(operation);
  }

  // `again`: keep it to be read once more.
  void read_held(bool again) {
    auto contents = held_->read(keys_);
    if (worker_.ok(contents.status(), "reading a moment")) {
      for (std::size_t key = 0; key < keys_.size(); ++key) {
        held_operation_.observations.push_back({key, cell_of((*contents)[key])});
      }
    }
    if (again && may_be_read_again_) return;
    held_.reset();
    recorder_.add(std::exchange(held_operation_, {}));
  }

  const WorkloadSetup& setup_;
  TestedStore& store_;
  const std::span<const Bytes> keys_;
  Recorder recorder_;
  Worker worker_;
  std::array<Sequence, kKeysMax> revisions_{};  // as last heard of
  std::unique_ptr<Moment> held_;
  bool may_be_read_again_ = false;
  Operation held_operation_;
};

}  // namespace

RegisterWorkload::RegisterWorkload(WorkloadSetup setup, HistoryClock& clock,
                                   Perturbation& perturbation, std::uint64_t seed)
    : setup_(std::move(setup)),
      clock_(clock),
      perturbation_(perturbation),
      seed_(seed),
      keys_(names_of_keys(setup_)) {}

RegisterWorkload::Run RegisterWorkload::run(TestedStore& store) {
  const bool several_keys = histories_ % 2 == 1;
  const std::size_t readers = 1 + histories_ / 2 % 2;
  std::vector<std::unique_ptr<RegisterThread>> threads;
  threads.reserve(setup_.threads + 1);
  for (std::size_t i = 0; i <= setup_.threads; ++i) {
    const Value first = histories_ * kValuesPerHistory + i * kValuesPerThread;
    Worker worker(seed_ ^ (first * 0x9e3779b97f4a7c15), first);
    threads.push_back(std::make_unique<RegisterThread>(setup_, store, keys_, Recorder(clock_, i),
                                                       std::move(worker)));
  }
  RegisterThread& reader = *threads.back();
  reader.read_all(several_keys);
  run_threads(setup_.threads, perturbation_,
              [&](std::size_t thread, Perturbation::Stopper& stopper) {
                for (std::size_t i = 0; i < setup_.operations_per_thread; ++i) {
                  stopper.stop_soon();
                  threads[thread]->do_one(several_keys, thread < readers);
                }
                threads[thread]->finish();
              });
  reader.read_all(several_keys);

  Run run;
  run.history.initial = state_;
  for (const auto& thread : threads) {
    for (Operation& operation : thread->recorder().take()) {
      run.history.operations.push_back(std::move(operation));
    }
    if (run.failure.empty()) run.failure = thread->failure();
  }
  // What was read last is the state of the next history.
  for (const Operation& operation : run.history.operations) {
    if (operation.thread != setup_.threads) continue;
    for (const auto& seen : operation.observations) state_[seen.key] = seen.cell;
  }
  ++histories_;
  return run;
}

// --- Lists ---------------------------------------------------------------------------------------

namespace {

class ListThread {
 public:
  ListThread(const WorkloadSetup& setup, TestedStore& store, std::span<const Bytes> keys,
             HistoryClock& clock, std::size_t thread, Worker worker)
      : setup_(setup),
        store_(store),
        keys_(keys),
        clock_(clock),
        thread_(thread),
        worker_(std::move(worker)) {}

  // A read of all lists and, unless `only_reads`, a commit.
  void do_one(bool only_reads, Perturbation::Stopper& stopper) {
    const TestedStore::Means means =
        TestedStore::kAllMeans[worker_.pick(TestedStore::kAllMeans.size())];
    Transaction transaction;
    transaction.thread = thread_;
    transaction.called = clock_.tick();
    auto moment = store_.moment(means, setup_.prefix);
    transaction.read_by = transaction.returned = clock_.tick();
    if (!worker_.ok(moment.status(), "a snapshot or scan")) return;
    transaction.snapshot = (*moment)->sequence().value_or(kUntold);
    const auto contents = (*moment)->read(keys_);
    if (!worker_.ok(contents.status(), "reading a moment")) return;
    if (!note_lists(*contents, transaction)) return;
    stopper.stop_soon();
    if (!only_reads && worker_.pick(5) != 0) append(*contents, transaction);
    const bool is_of_scan =
        means == TestedStore::Means::scan || means == TestedStore::Means::reverse_scan;
    if (!is_of_scan && worker_.pick(3) == 0) read_again(**moment, transaction);
    if (is_wanted_) transactions_.push_back(std::move(transaction));
    is_wanted_ = true;
  }

  void clear_lists() {
    Batch batch;
    for (const Bytes& key : keys_) batch.remove(key);
    (void)worker_.ok(store_.commit(batch, nullptr).status(), "clearing the lists");
  }

  std::vector<Transaction>& transactions() { return transactions_; }
  const std::string& failure() const { return worker_.failure(); }

 private:
  bool note_lists(const Contents& contents, Transaction& transaction) {
    for (std::size_t key = 0; key < keys_.size(); ++key) {
      List list;
      if (contents[key]) {
        auto decoded = decode(contents[key]->value, setup_.value_bytes_max);
        if (!decoded) {
          worker_.fail("a list is not what anybody put: " + contents[key]->value.substr(0, 80));
          return false;
        }
        list = std::move(*decoded);
      }
      transaction.seen[key] = std::move(list);
    }
    return true;
  }

  // Requires that the lists it appends to, at times all, are still as they were read.
  void append(const Contents& contents, Transaction& transaction) {
    const bool requires_all = worker_.pick(3) == 0;
    const std::size_t first = worker_.pick(keys_.size());
    const std::size_t count = 1 + worker_.pick(std::min<std::size_t>(3, keys_.size()));
    const std::uint64_t padding = worker_.pick(3) == 0 ? worker_.pick(kPaddingMax) : 0;
    Batch batch;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::size_t key = (first + i) % keys_.size();
      const bool writes = i < count;
      if (writes || requires_all) {
        if (contents[key]) {
          batch.require_revision(keys_[key], contents[key]->revision);
        } else {
          batch.require_absent(keys_[key]);
        }
      }
      if (writes && i > 0) add_padding(batch, padding);
      if (writes) append_to(key, batch, transaction);
    }
    const auto committed = store_.commit(batch, nullptr);
    transaction.returned = clock_.tick();
    Operation noted;
    is_wanted_ = note_outcome(committed, {}, noted);
    transaction.outcome = noted.outcome;
    transaction.sequence = noted.sequence;
    if (noted.outcome == Outcome::unknown) transaction.returned = Operation::kNever;
  }

  // Two elements, at times, in two puts: nobody may see the first alone.
  void append_to(std::size_t key, Batch& batch, Transaction& transaction) {
    List list = *transaction.seen[key];
    List elements;
    const std::uint64_t count = worker_.pick(3) == 0 ? 2 : 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      elements.push_back(worker_.new_value());
      list.push_back(elements.back());
      batch.put(keys_[key], encode(list, setup_.value_bytes_max));
    }
    transaction.appends.push_back({key, std::move(elements)});
  }

  void read_again(Moment& moment, const Transaction& transaction) {
    const auto contents = moment.read(keys_);
    if (!worker_.ok(contents.status(), "reading a moment again")) return;
    Transaction again;
    if (note_lists(*contents, again) && again.seen != transaction.seen) {
      worker_.fail("a snapshot that was read twice had changed");
    }
  }

  const WorkloadSetup& setup_;
  TestedStore& store_;
  const std::span<const Bytes> keys_;
  HistoryClock& clock_;
  const std::size_t thread_;
  Worker worker_;
  bool is_wanted_ = true;  // false when the commit was rejected for other reasons than a conflict
  std::vector<Transaction> transactions_;
};

}  // namespace

ListWorkload::ListWorkload(WorkloadSetup setup, HistoryClock& clock, Perturbation& perturbation,
                           std::uint64_t seed)
    : setup_(std::move(setup)),
      clock_(clock),
      perturbation_(perturbation),
      seed_(seed),
      keys_(names_of_keys(setup_)) {}

ListWorkload::Run ListWorkload::run(TestedStore& store) {
  std::vector<std::unique_ptr<ListThread>> threads;
  threads.reserve(setup_.threads + 1);
  for (std::size_t i = 0; i <= setup_.threads; ++i) {
    const Value first = histories_ * kValuesPerHistory + i * kValuesPerThread;
    Worker worker(seed_ ^ (first * 0x9e3779b97f4a7c15), first);
    threads.push_back(
        std::make_unique<ListThread>(setup_, store, keys_, clock_, i, std::move(worker)));
  }
  ListThread& reader = *threads.back();
  reader.clear_lists();
  run_threads(setup_.threads, perturbation_,
              [&](std::size_t thread, Perturbation::Stopper& stopper) {
                for (std::size_t i = 0; i < setup_.operations_per_thread; ++i) {
                  stopper.stop_soon();
                  threads[thread]->do_one(/*only_reads=*/thread == 0, stopper);
                }
              });
  Perturbation::Stopper stopper(perturbation_);
  reader.do_one(/*only_reads=*/true, stopper);

  Run run;
  for (const auto& thread : threads) {
    for (Transaction& transaction : thread->transactions()) {
      run.transactions.push_back(std::move(transaction));
    }
    if (run.failure.empty()) run.failure = thread->failure();
  }
  ++histories_;
  return run;
}

}  // namespace talea::trust
