// Engine: the public face of EngineStore, on the real machine.
#include "talea/engine.h"

#include <algorithm>

#include "engine/engine_access.h"
#include "engine/engine_store.h"
#include "engine/repair.h"
#include "engine/restore.h"
#include "engine/verify.h"
#include "io/posix_file_system.h"
#include "store/state_stream.h"

namespace talea {

namespace {

// The machine's own seams. They hold no state but threads, so each use may make its own.
struct Machine {
  // With no worker at all the store asks for none.
  explicit Machine(const Options& options = {})
      : executor(std::max<std::size_t>(options.worker_threads, 1)) {}

  PosixFileSystem file_system;
  SystemClock clock;
  SystemRandom random;
  ThreadExecutor executor;

  Seams seams() { return {file_system, clock, random, executor, nullptr}; }
};

}  // namespace

struct Engine::Impl {
  explicit Impl(const Options& options) : machine(options) {}

  Machine machine;
  std::unique_ptr<EngineStore> store;  // after what it runs on
};

std::string_view sync_mode_name(SyncMode mode) {
  switch (mode) {
    case SyncMode::always: return "always";
    case SyncMode::interval: return "interval";
    case SyncMode::never: return "never";
  }
  return "unknown";
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::open(const std::string& path, const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  impl->store = TALEA_TRY(EngineStore::open(impl->machine.seams(), path, options));
  return Engine(std::move(impl));
}

Result<Sequence> Engine::put(BytesView key, BytesView value) {
  return impl_->store->put(Space::user, key, value);
}

Result<Sequence> Engine::put(BytesView key, const StoredValue& value) {
  return impl_->store->commit(Batch().put(key, value), nullptr);
}

Result<Sequence> Engine::put(BytesView key, BytesView value, Expiry expiry) {
  return impl_->store->commit(Batch().put(key, value, expiry), nullptr);
}

Result<Sequence> Engine::put(BytesView key, const StoredValue& value, Expiry expiry) {
  return impl_->store->commit(Batch().put(key, value, expiry), nullptr);
}

Result<bool> Engine::set_expiry(BytesView key, Expiry expiry) {
  return impl_->store->set_expiry(Space::user, key, expiry);
}

Result<Sequence> Engine::remove(BytesView key) { return impl_->store->remove(Space::user, key); }

Result<Sequence> Engine::commit(const Batch& batch, FailedPrecondition* failed) {
  return impl_->store->commit(batch, failed);
}

Status Engine::commit_async(Batch batch, Completion done) {
  return impl_->store->commit_async(std::move(batch), std::move(done));
}

Result<bool> Engine::apply(Sequence sequence, const Batch& batch) {
  return impl_->store->apply(sequence, batch);
}

Result<std::optional<Bytes>> Engine::get(BytesView key) {
  return impl_->store->get_value(Space::user, key);
}

Result<bool> Engine::get(BytesView key, Bytes& value) {
  return impl_->store->get_into(Space::user, key, value);
}

Status Engine::multi_get(std::span<const BytesView> keys, std::span<std::optional<Bytes>> values) {
  return impl_->store->multi_get(Space::user, keys, values);
}

Result<std::optional<Versioned>> Engine::get_versioned(BytesView key) {
  return impl_->store->get(Space::user, key);
}

Result<Scan> Engine::scan(const ScanRange& range) { return impl_->store->scan(Space::user, range); }

Result<std::optional<Versioned>> Engine::get(BytesView key, At at) {
  return impl_->store->get(Space::user, key, at);
}

Result<std::optional<ValueReader>> Engine::read_value(BytesView key, At at) {
  return impl_->store->read_value(Space::user, key, at);
}

Result<std::vector<Revision>> Engine::history(BytesView key, const RevisionRange& range) {
  return impl_->store->history(Space::user, key, range);
}

Result<Scan> Engine::scan(const ScanRange& range, At at) {
  return impl_->store->scan(Space::user, range, at);
}

Result<Scan> Engine::scan_keys_with_past(const ScanRange& range) {
  return impl_->store->scan_keys_with_past(Space::user, range);
}

Retention Engine::retention() const { return impl_->store->retention(); }
Sequence Engine::history_from() const { return impl_->store->history_from(); }

Result<Snapshot> Engine::snapshot() { return impl_->store->snapshot(); }

Result<StateHash> Engine::state_hash() {
  return hash_state(*TALEA_TRY(impl_->store->read_state()));
}

Result<StateHash> Engine::write_snapshot(const StateSink& sink) {
  return write_state_stream(*TALEA_TRY(impl_->store->read_state()), sink);
}

Result<StateHash> Engine::restore(const std::string& path, const StateSource& source,
                                  const Options& options) {
  Machine machine;
  const auto state = TALEA_TRY(StateStreamReader::open(source));
  return restore_directory(machine.seams(), path, options, *state);
}

Result<ChangeReader> Engine::changes(Sequence after, BytesView prefix) {
  return impl_->store->changes(Space::user, after, prefix);
}

Result<ValueWriter> Engine::write_value() { return impl_->store->write_value(); }

Result<std::optional<ValueReader>> Engine::read_value(BytesView key) {
  return impl_->store->read_value(Space::user, key);
}

Result<BackupInfo> Engine::backup(BackupTarget& target, const BackupProgress& progress) {
  return impl_->store->backup(target, progress);
}

Result<BackupInfo> restore_backup(BackupTarget& target, const std::string& path,
                                  const RestoreOptions& options) {
  Machine machine;
  return restore_backup(machine.seams(), target, path, options);
}

Status Engine::sync() { return impl_->store->sync(); }
Status Engine::compact() { return impl_->store->compact(); }
Status Engine::rotate_master_key(const Encryption& master) {
  return impl_->store->rotate_master_key(master);
}
Result<std::uint32_t> Engine::rotate_data_key() { return impl_->store->rotate_data_key(); }
Status Engine::checkpoint() { return impl_->store->checkpoint(); }
Stats Engine::stats() const { return impl_->store->stats(); }
std::vector<SegmentInfo> Engine::segments() const { return impl_->store->segments(); }
const RecoveryReport& Engine::recovery() const { return impl_->store->recovery(); }
Status Engine::close() { return impl_->store->close(); }

Store& store_of(Engine& engine) { return *engine.impl_->store; }

Result<RepairReport> repair_store(
    const std::string& path, const std::string& new_path, const Options& options,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  Machine machine;
  return repair_directory(machine.seams(), path, new_path, options, progress);
}

Result<VerifyReport> verify_store(const std::string& path,
                                  const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                                  const Encryption& encryption) {
  Machine machine;
  return verify_directory(machine.seams(), path, progress, encryption);
}

}  // namespace talea
