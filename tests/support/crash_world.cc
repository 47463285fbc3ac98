#include "tests/support/crash_world.h"

#include <algorithm>

namespace talea {

namespace {

// Whether multi_get() gives each key what the model has, and nothing for a key that it has not.
Status compare_multi_get(EngineStore& store, const Model& model) {
  const Bytes absent = "absent";
  std::vector<BytesView> keys{absent};
  keys.reserve(1 + model.size());
  for (const auto& [key, value] : model) keys.push_back(key);
  std::vector<std::optional<Bytes>> values(keys.size());
  TALEA_TRY(store.multi_get(Space::user, keys, values));
  bool same = !values[0].has_value();
  std::size_t position = 1;
  for (const auto& [key, value] : model) same = same && values[position++] == value;
  return same ? Status() : Status::corruption("scan and multi_get disagree");
}

}  // namespace

namespace {

// One value in three expires, when all of this is long over; so there are hints to be lost.
Expiry expiry_of(const Bytes& value) {
  constexpr std::uint64_t kLater = 4'000'000'000'000;
  const bool expires = !value.empty() && value.front() % 3 == 0;
  return expires ? Expiry::at(kLater + value.size()) : Expiry::never();
}

}  // namespace

Result<Model> contents_of(EngineStore& store) {
  Model model;
  Scan scan = TALEA_TRY(store.scan(Space::user, {}));
  while (TALEA_TRY(scan.next())) {
    const Bytes key(scan.key());
    const Bytes value(TALEA_TRY(scan.value()));
    const std::optional<Bytes> got = TALEA_TRY(store.get_value(Space::user, key));
    if (!got || *got != value) return Status::corruption("scan and get disagree about " + key);
    model[key] = value;
  }
  TALEA_TRY(compare_multi_get(store, model));
  return model;
}

Status check_expiries(EngineStore& store) {
  Scan scan = TALEA_TRY(store.scan(Space::user, {.prefix = "key"}));
  while (TALEA_TRY(scan.next())) {
    const Expiry expected = expiry_of(Bytes(TALEA_TRY(scan.value())));
    const std::uint64_t found = TALEA_TRY(scan.expiry_ms());
    if (found == (expected.kind() == Expiry::Kind::at ? expected.ms() : 0)) continue;
    return Status::corruption(Bytes(scan.key()) + " expires at " + std::to_string(found));
  }
  return {};
}

namespace {

// Mostly nothing; at times one of the three, so that about one operation in four is one of them.
std::optional<CrashWorkload::Operation> maintenance_operation(SeededRandom& random) {
  using Kind = CrashWorkload::Operation::Kind;
  switch (random.next_u64() % 12) {
    case 0:
    case 1: return {{Kind::checkpoint, {}}};
    case 2: return {{Kind::compact, {}}};
    case 3: return {{Kind::step, {}}};
    default: return std::nullopt;
  }
}

}  // namespace

CrashWorkload::CrashWorkload(std::uint64_t seed, std::size_t operations, Maintenance maintenance) {
  SeededRandom random(seed);
  SeededRandom maintaining(~seed);
  const auto below = [&](std::uint64_t bound) { return random.next_u64() % bound; };
  const auto key = [&] { return "key" + std::to_string(below(12)); };
  const auto value = [&] {
    // Mostly small, at times large enough that segments of 64 KiB are rolled.
    const std::uint64_t bytes = below(6) == 0 ? 8000 + below(20000) : below(300);
    return Bytes(bytes, static_cast<char>('a' + below(26)));
  };
  for (std::size_t i = 0; i < operations; ++i) {
    Operation operation;
    const std::uint64_t kind = below(20);
    if (kind < 10) {
      operation = {Operation::Kind::put, {{key(), value()}}};
    } else if (kind < 13) {
      operation = {Operation::Kind::remove, {{key(), std::nullopt}}};
    } else if (kind < 18) {
      operation.kind = Operation::Kind::batch;
      const std::uint64_t size = 2 + below(6);
      for (std::uint64_t j = 0; j < size; ++j) {
        if (below(4) == 0) {
          operation.changes.emplace_back(key(), std::nullopt);
        } else {
          operation.changes.emplace_back(key(), value());
        }
      }
    } else if (kind < 19) {
      operation = {Operation::Kind::large,
                   {{"large" + std::to_string(below(2)), Bytes(kMiB + 1 + below(5000), 'L')}}};
    } else {
      operation.kind = Operation::Kind::reopen;
    }
    operations_.push_back(std::move(operation));
    if (maintenance == Maintenance::none) continue;
    if (auto maintain = maintenance_operation(maintaining)) {
      operations_.push_back(std::move(*maintain));
    }
  }
}

namespace {

void apply_to(Model& model, const CrashWorkload::Operation& operation) {
  for (const auto& [key, value] : operation.changes) {
    if (value) {
      model[key] = *value;
    } else {
      model.erase(key);
    }
  }
}

Result<Sequence> execute(EngineStore& store, const CrashWorkload::Operation& operation) {
  using Kind = CrashWorkload::Operation::Kind;
  if (operation.kind == Kind::put) {
    const auto& [key, value] = operation.changes[0];
    if (expiry_of(*value).kind() == Expiry::Kind::never) {
      return store.put(Space::user, key, *value);
    }
  }
  if (operation.kind == Kind::remove) {
    return store.remove(Space::user, operation.changes[0].first);
  }
  Batch batch;
  for (const auto& [key, value] : operation.changes) {
    if (value) {
      batch.put(key, *value, expiry_of(*value));
    } else {
      batch.remove(key);
    }
  }
  return store.commit(batch, nullptr);
}

bool is_maintenance(const CrashWorkload::Operation& operation) {
  using Kind = CrashWorkload::Operation::Kind;
  return operation.kind == Kind::checkpoint || operation.kind == Kind::compact ||
         operation.kind == Kind::step;
}

Status maintain(CrashWorld& world, EngineStore& store, const CrashWorkload::Operation& operation) {
  using Kind = CrashWorkload::Operation::Kind;
  if (operation.kind == Kind::checkpoint) return store.checkpoint();
  if (operation.kind == Kind::compact) return store.compact();
  // Long enough for a compaction to be due.
  world.clock->advance_ms(61'000);
  world.executor->step_all();
  return {};
}

// How many of the batches with these sequences the store says are durable.
std::size_t durable_of(const EngineStore& store, const std::vector<Sequence>& sequences) {
  const Sequence durable = store.stats().durable_sequence;
  return static_cast<std::size_t>(std::upper_bound(sequences.begin(), sequences.end(), durable) -
                                  sequences.begin());
}

}  // namespace

bool CrashWorkload::Run::may_leave(const Model& found) const {
  Model model;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (i >= durable && model == found) return true;
    apply_to(model, *history[i]);
  }
  if (model == found) return true;
  if (unknown_operation == nullptr) return false;
  apply_to(model, *unknown_operation);
  return model == found;
}

CrashWorkload::Run CrashWorkload::run(CrashWorld& world, const Options& options) const {
  Run run;
  std::vector<Sequence> sequences;  // of the history
  const auto note_durable = [&] {
    run.durable = std::max(run.durable, durable_of(*run.store, sequences));
  };
  const auto open = [&] {
    run.store.reset();
    auto opened = world.open(options);
    if (!opened.ok()) {
      run.open_failure = std::move(opened).status();
      return false;
    }
    run.store = std::move(opened).value();
    return true;
  };
  if (!open()) return run;
  for (const Operation& operation : operations_) {
    if (operation.kind == Operation::Kind::reopen) {
      note_durable();
      // A failed close must lose nothing either.
      if (run.store->close().ok()) run.durable = run.history.size();
      if (!open()) return run;
      run.durable = run.history.size();  // what an open shows is there to stay
      continue;
    }
    if (is_maintenance(operation)) {
      const bool done = maintain(world, *run.store, operation).ok();
      ++(done ? run.maintained : run.unmaintained);
      note_durable();
      continue;
    }
    const Result<Sequence> result = execute(*run.store, operation);
    if (result.ok()) {
      ++run.acknowledged;
      run.history.push_back(&operation);
      sequences.push_back(*result);
      apply_to(run.before, operation);
    } else if (result.status().code() == Code::timed_out) {
      run.unknown = true;
      run.unknown_operation = &operation;
      run.after = run.before;
      apply_to(run.after, operation);
      note_durable();
      return run;
    } else {
      ++run.rejected;
    }
  }
  run.after = run.before;
  note_durable();
  return run;
}

}  // namespace talea
