#include "tests/support/crash_world.h"

namespace talea {

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
  return model;
}

CrashWorkload::CrashWorkload(std::uint64_t seed, std::size_t operations) {
  SeededRandom random(seed);
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
    return store.put(Space::user, operation.changes[0].first, *operation.changes[0].second);
  }
  if (operation.kind == Kind::remove) {
    return store.remove(Space::user, operation.changes[0].first);
  }
  Batch batch;
  for (const auto& [key, value] : operation.changes) {
    if (value) {
      batch.put(key, *value);
    } else {
      batch.remove(key);
    }
  }
  return store.commit(batch, nullptr);
}

}  // namespace

CrashWorkload::Run CrashWorkload::run(CrashWorld& world, const Options& options) const {
  Run run;
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
      (void)run.store->close().ok();  // a failed close must lose nothing either
      if (!open()) return run;
      continue;
    }
    const Result<Sequence> result = execute(*run.store, operation);
    if (result.ok()) {
      ++run.acknowledged;
      apply_to(run.before, operation);
    } else if (result.status().code() == Code::timed_out) {
      run.unknown = true;
      run.after = run.before;
      apply_to(run.after, operation);
      return run;
    } else {
      ++run.rejected;
    }
  }
  run.after = run.before;
  return run;
}

}  // namespace talea
