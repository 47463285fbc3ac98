// BucketDb, BucketBatch and BucketScan: the public face of Database.
#include <utility>

#include "base/executor.h"
#include "base/random.h"
#include "bucketdb/bucket_seams.h"
#include "bucketdb/database.h"
#include "io/posix_file_system.h"
#include "s3/machine.h"
#include "talea/bucketdb.h"

namespace talea {

BucketBatch& BucketBatch::put(BytesView key, BytesView value) {
  operations_.push_back({Operation::Kind::put_text, Bytes(key), Bytes(value)});
  return *this;
}
BucketBatch& BucketBatch::put_bytes(BytesView key, BytesView value) {
  operations_.push_back({Operation::Kind::put_bytes, Bytes(key), Bytes(value)});
  return *this;
}
BucketBatch& BucketBatch::remove(BytesView key) {
  operations_.push_back({Operation::Kind::remove, Bytes(key), {}});
  return *this;
}

namespace {

struct Machine {
  s3::Machine of_client;
  PosixFileSystem files;
  SystemRandom random;
  ThreadExecutor executor;
};

}  // namespace

struct BucketDb::Impl {
  std::unique_ptr<Machine> machine;  // when the world is not of the caller's choice
  std::unique_ptr<bucketdb::Database> database;
};

struct BucketScan::State {
  bucketdb::Database& database;
  std::shared_ptr<const bucketdb::Snapshot> snapshot;
  // Values of keys [first, first + values.size()); at: of those, the one that next() went to.
  std::size_t first = 0;
  std::size_t at = 0;
  std::vector<Bytes> values = {};
};

BucketScan::BucketScan(std::unique_ptr<State> state) : state_(std::move(state)) {}
BucketScan::BucketScan(BucketScan&&) noexcept = default;
BucketScan& BucketScan::operator=(BucketScan&&) noexcept = default;
BucketScan::~BucketScan() = default;

Result<bool> BucketScan::next() {
  State& state = *state_;
  if (!state.values.empty() && state.at + 1 < state.values.size()) {
    ++state.at;
    return true;
  }
  const std::size_t first = state.first + state.values.size();
  if (first >= state.snapshot->keys.size()) return false;
  state.values = TALEA_TRY(state.database.read_window(*state.snapshot, first));
  state.first = first;
  state.at = 0;
  return true;
}
BytesView BucketScan::key() const { return state_->snapshot->keys[state_->first + state_->at].key; }
BytesView BucketScan::value() const { return state_->values[state_->at]; }

BucketDb::BucketDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BucketDb::BucketDb(BucketDb&&) noexcept = default;
BucketDb& BucketDb::operator=(BucketDb&&) noexcept = default;
BucketDb::~BucketDb() = default;

Result<BucketDb> BucketDb::open(const S3Options& at, const BucketDbOptions& options,
                                const BucketSeams& seams) {
  auto impl = std::make_unique<Impl>();
  impl->database = TALEA_TRY(bucketdb::Database::open(at, options, seams));
  return BucketDb(std::move(impl));
}

Result<BucketDb> BucketDb::open(const S3Options& at, const BucketDbOptions& options) {
  auto machine = std::make_unique<Machine>();
  const BucketSeams seams{machine->of_client.seams(), machine->files, machine->random,
                          machine->executor};
  BucketDbOptions all = options;
  // The process may change its directory.
  if (!all.directory.empty()) all.directory = TALEA_TRY(machine->files.absolute(all.directory));
  BucketDb db = TALEA_TRY(open(at, all, seams));
  db.impl_->machine = std::move(machine);
  return db;
}

Result<std::optional<Bytes>> BucketDb::get(BytesView key) { return impl_->database->get(key); }
Result<std::vector<std::optional<Bytes>>> BucketDb::get_many(std::span<const BytesView> keys) {
  return impl_->database->get_many(keys);
}
bool BucketDb::contains(BytesView key) const { return impl_->database->contains(key); }
std::vector<Bytes> BucketDb::keys() const { return impl_->database->keys(); }
std::uint64_t BucketDb::size() const { return impl_->database->size(); }

Result<BucketScan> BucketDb::scan() {
  auto snapshot = TALEA_TRY(impl_->database->begin_scan());
  return BucketScan(std::make_unique<BucketScan::State>(
      BucketScan::State{*impl_->database, std::move(snapshot)}));
}
Result<BucketScan> BucketDb::scan(const BucketKeyRange& range) {
  auto snapshot = TALEA_TRY(impl_->database->begin_scan(range));
  return BucketScan(std::make_unique<BucketScan::State>(
      BucketScan::State{*impl_->database, std::move(snapshot)}));
}
Result<BucketScan> BucketDb::scan_files() {
  auto snapshot = TALEA_TRY(impl_->database->begin_file_scan());
  return BucketScan(std::make_unique<BucketScan::State>(
      BucketScan::State{*impl_->database, std::move(snapshot)}));
}

Status BucketDb::put(BytesView key, BytesView value) {
  return commit(BucketBatch().put(key, value));
}
Status BucketDb::put_bytes(BytesView key, BytesView value) {
  return commit(BucketBatch().put_bytes(key, value));
}
Status BucketDb::remove(BytesView key) { return commit(BucketBatch().remove(key)); }
Status BucketDb::commit(const BucketBatch& batch) { return impl_->database->commit(batch); }
Status BucketDb::flush() { return impl_->database->flush(); }

Result<BucketUpload> BucketDb::upload(const UploadOptions& options) {
  return impl_->database->upload(options.force);
}
Status BucketDb::discard_pending() { return impl_->database->discard_pending(); }
Status BucketDb::refresh() { return impl_->database->refresh(); }
Result<BucketDownload> BucketDb::download(const DownloadOptions& options) {
  return impl_->database->download(options.force);
}
Result<BucketCompaction> BucketDb::compact(std::chrono::milliseconds grace) {
  return impl_->database->compact(grace);
}
Result<BucketCollection> BucketDb::gc(std::chrono::milliseconds grace) {
  return impl_->database->gc(grace);
}
Result<BucketRebuild> BucketDb::rebuild_index(BucketSource source) {
  return impl_->database->rebuild_index(source);
}
BucketStatus BucketDb::status() const { return impl_->database->status(); }
Result<std::vector<BucketFile>> BucketDb::files() { return impl_->database->files(); }
S3RequestCounts BucketDb::request_counts() const { return impl_->database->request_counts(); }

Result<BucketStatus> BucketDb::close() {
  const BucketStatus left = status();
  Status flushed;
  if (!left.needs_recovery) flushed = impl_->database->flush();
  impl_->database.reset();
  if (!flushed.ok()) return flushed;
  return left;
}

}  // namespace talea
