#include "engine/sequencer.h"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

#include "store/store.h"

namespace talea {

namespace {

// Writers beyond this many bytes of queued batches wait outside, so that a slow disk does not
// become a full memory. One batch may exceed it alone.
constexpr std::uint64_t kQueueBytesMax = 64 * kMiB;

// A group of deferred commits is waited for as long as it grew during the last of so many looks, of
// about two microseconds each: longer than a commit takes to come in, less in all than a sync.
constexpr int kGatherLooksMax = 30;
constexpr int kPausesALook = 96;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// The thread that serves must not wait for the room that only it can make.
thread_local const void* served_here = nullptr;

}  // namespace

Sequencer::Sequencer(const Setup& setup, CommitLog& log, const LiveState& live)
    : clock_(setup.clock),
      queues_(setup.sync == SyncMode::always),
      log_(log),
      live_(live),
      committed_sequence_(setup.last_sequence),
      last_sequence_(setup.last_sequence),
      last_now_(setup.last_now) {}

Status Sequencer::admit() const {
  if (closed_) return Status::invalid_argument("the engine is closed");
  return broken_;
}

Result<Sequence> Sequencer::commit(const Request& request) {
  Waiter waiter;
  {
    MutexLock lock(mutex_);
    while (admit().ok() && queue_bytes_ >= kQueueBytesMax && !serves_here()) {
      below_limit_.wait(mutex_);
    }
    TALEA_TRY(admit());
    if (request.sequence && *request.sequence <= last_sequence_)
      return was_applied(*request.sequence);
    Verdict verdict = evaluate(request.preconditions, request.sees_expired);
    if (!verdict.status.ok()) return deliver(std::move(verdict), request.failed);
    TALEA_TRY(number(request, waiter));
    if (!queues_) {
      TALEA_TRY(write_through(waiter.batch));
      return waiter.batch.sequence;
    }
    queue_bytes_ += request.encoded->record_bytes_max();
    join(waiter);
  }
  if (!waiter.status.ok()) return std::move(waiter.status);
  return waiter.batch.sequence;
}

bool Sequencer::serves_here() const { return served_here == this; }

// What is only queued may yet be rejected.
Result<Sequence> Sequencer::was_applied(Sequence sequence) {
  if (sequence > committed_sequence_) {
    Waiter waiter;
    join(waiter);
    TALEA_TRY(std::move(waiter.status));
  }
  return Sequence{0};
}

Status Sequencer::number(const Request& request, Waiter& waiter) {
  if (!request.sequence && last_sequence_ >= kSequenceMax) {
    return Status::exhausted("all " + std::to_string(kSequenceMax) +
                             " sequences of this store are used");
  }
  last_sequence_ = request.sequence.value_or(last_sequence_ + 1);
  // That of its preconditions, if it has any.
  if (request.preconditions.empty()) last_now_ = std::max(last_now_, clock_.wall_ms());
  waiter.batch = {.encoded = request.encoded,
                  .entries = request.entries,
                  .extents = request.extents,
                  .sequence = last_sequence_,
                  .now = last_now_};
  return {};
}

// --- Commits that nobody waits for ---------------------------------------------------------------

Status Sequencer::commit_later(Deferred& commit) {
  const Request& request = commit.request;
  Waiter& waiter = commit.waiter_;
  waiter.deferred = &commit;
  MutexLock lock(mutex_);
  while (admit().ok() && (queue_bytes_ >= kQueueBytesMax || told_.size() >= kToldMax) &&
         !serves_here()) {
    below_limit_.wait(mutex_);
  }
  TALEA_TRY(admit());
  waiter.batch = {};
  waiter.status = Status();
  Verdict verdict = evaluate(request.preconditions);
  commit.verdict_ = std::move(verdict.status);
  const bool writes = commit.verdict_.ok() && request.encoded != nullptr;
  if (writes) {
    TALEA_TRY(number(request, waiter));
  } else {
    waiter.batch.sequence = verdict.rests_on_queued ? last_sequence_ : committed_sequence_;
  }
  if (writes && !queues_) waiter.status = write_through(waiter.batch);
  // What does not rest on the queue need not wait for it.
  if (!queues_ || (!writes && !verdict.rests_on_queued)) {
    told_.push_back(&commit);
    serve_.notify_one();
    return {};
  }
  if (writes) queue_bytes_ += request.encoded->record_bytes_max();
  queue_.push_back(&waiter);
  queue_size_.store(queue_.size(), std::memory_order_relaxed);
  if (!led_) {
    led_ = true;
    pass_on_lead();
  }
  return {};
}

void Sequencer::tell_later(Deferred& commit, Result<Sequence> outcome) {
  commit.verdict_ = outcome.status();
  if (outcome.ok()) commit.waiter_.batch.sequence = *outcome;
  MutexLock lock(mutex_);
  told_.push_back(&commit);
  serve_.notify_one();
}

void Sequencer::serve() {
  served_here = this;
  std::vector<Deferred*> told;
  for (;;) {
    bool leads = false;
    {
      MutexLock lock(mutex_);
      while (told_.empty() && !server_leads_ && !stops_serving_) serve_.wait(mutex_);
      if (told_.empty() && !server_leads_) return;
      told.swap(told_);
      below_limit_.notify_all();
      // First those that are told, because they may commit more, which then goes along.
      if (told.empty()) leads = std::exchange(server_leads_, false);
    }
    if (leads) {
      gather();
      lead(nullptr);
    }
    for (Deferred* commit : told) {
      Status status = std::move(commit->waiter_.status);
      if (status.ok()) status = std::move(commit->verdict_);
      commit->tell(status.ok() ? Result<Sequence>(commit->waiter_.batch.sequence)
                               : Result<Sequence>(std::move(status)));
    }
    told.clear();
  }
}

void Sequencer::stop_serving() {
  MutexLock lock(mutex_);
  closed_ = true;
  below_limit_.notify_all();
  while (led_) idle_.wait(mutex_);
  stops_serving_ = true;
  serve_.notify_one();
}

void Sequencer::gather() const {
  std::size_t size = queue_size_.load(std::memory_order_relaxed);
  for (int look = 0; look < kGatherLooksMax; ++look) {
    for (int i = 0; i < kPausesALook; ++i) pause_briefly();
    const std::size_t now = queue_size_.load(std::memory_order_relaxed);
    if (now == size) return;
    size = now;
  }
}

void Sequencer::pass_on_lead() {
  const auto next = std::find_if(queue_.begin(), queue_.end(),
                                 [](const Waiter* waiter) { return waiter->deferred == nullptr; });
  if (next == queue_.end()) {
    server_leads_ = true;
    serve_.notify_one();
  } else {
    (*next)->state.store(Waiter::leading);
    (*next)->state.notify_one();
  }
}

void Sequencer::take_deferred(std::vector<Waiter*>& waiters) {
  const std::size_t taken =
      std::erase_if(waiters, [this](const Waiter* waiter) TALEA_REQUIRES(mutex_) {
        if (waiter->deferred == nullptr) return false;
        told_.push_back(waiter->deferred);
        return true;
      });
  if (taken > 0) serve_.notify_one();
}

// --- Commits that are waited for -----------------------------------------------------------------

Status Sequencer::write_through(const PendingBatch& batch) {
  CommitLog::Outcome outcome = log_.write({&batch, 1}, false);
  if (outcome.status.ok()) {
    committed_sequence_ = batch.sequence;
    return {};
  }
  // Nobody was told the sequence, and apply() must not take it for applied.
  last_sequence_ = committed_sequence_;
  broken_ = log_.broken();
  return std::move(outcome.status);
}

Result<Sequence> Sequencer::check(std::span<const Batch::Precondition> preconditions,
                                  FailedPrecondition* failed) {
  MutexLock lock(mutex_);
  TALEA_TRY(admit());
  TALEA_TRY(deliver(evaluate(preconditions), failed));
  return committed_sequence_;
}

Status Sequencer::deliver(Verdict verdict, FailedPrecondition* failed) {
  if (verdict.rests_on_queued) {
    Waiter waiter;
    join(waiter);
    TALEA_TRY(std::move(waiter.status));
  }
  if (!verdict.status.ok() && failed != nullptr) *failed = verdict.failed;
  return std::move(verdict.status);
}

Status Sequencer::sync_beside_writers() {
  MutexLock one_at_a_time(sync_mutex_);
  CommitLog::SyncPoint point;
  {
    MutexLock lock(mutex_);
    TALEA_TRY(admit());
    point = log_.begin_sync();
  }
  const Status synced = point.sync();
  MutexLock lock(mutex_);
  Status ended = log_.end_sync(point, synced);
  broken_ = log_.broken();
  return ended;
}

Result<CommitLog::Boundary> Sequencer::begin_checkpoint() {
  CommitLog::Boundary boundary = TALEA_TRY(cut(TALEA_TRY(log_.prepare_cut())));
  TALEA_TRY(log_.finish_cut());
  return boundary;
}

Result<CommitLog::Boundary> Sequencer::cut(std::uint32_t prepared_above) {
  std::optional<Result<CommitLog::Boundary>> boundary;
  MutexLock lock(mutex_);
  TALEA_TRY(admit());
  if (queues_) {
    Waiter waiter;
    waiter.prepared_above = prepared_above;
    waiter.boundary = &boundary;
    join(waiter);
    TALEA_TRY(std::move(waiter.status));
  } else {
    boundary.emplace(log_.cut(prepared_above));
    broken_ = log_.broken();
  }
  return std::move(*boundary);
}

Status Sequencer::sync() {
  if (!queues_) return sync_beside_writers();
  Waiter waiter;
  waiter.is_sync = true;
  MutexLock lock(mutex_);
  TALEA_TRY(admit());
  join(waiter);
  return std::move(waiter.status);
}

Sequence Sequencer::last_sequence() const {
  MutexLock lock(mutex_);
  return committed_sequence_;
}

std::uint64_t Sequencer::last_now() const {
  MutexLock lock(mutex_);
  return last_now_;
}

void Sequencer::join(Waiter& waiter) noexcept {
  queue_.push_back(&waiter);
  queue_size_.store(queue_.size(), std::memory_order_relaxed);
  // Whoever waits is awake already, the thread that serves perhaps not.
  const bool leads = !led_ || std::exchange(server_leads_, false);
  led_ = true;
  mutex_.unlock();
  if (!leads) {
    waiter.state.wait(Waiter::waiting);
  }
  if (leads || waiter.state.load() == Waiter::leading) lead(&waiter);
  mutex_.lock();
}

bool Sequencer::asks_for_no_batch(const Waiter* waiter) {
  return waiter->boundary != nullptr || waiter->is_sync;
}

void Sequencer::lead(Waiter* self) noexcept {
  std::vector<Waiter*> group;
  {
    MutexLock lock(mutex_);
    group_.swap(queue_);
    queue_size_.store(0, std::memory_order_relaxed);
    queue_bytes_ = 0;
    group = group_;
  }
  below_limit_.notify_all();
  const Sequence committed = write_group(group);

  std::vector<Waiter*> rejected;
  {
    MutexLock lock(mutex_);
    group_.clear();
    if (committed != 0) committed_sequence_ = committed;
    broken_ = log_.broken();
    const Status& last = group.back()->status;
    if (!last.ok()) {
      // But who asks for a cut or a sync, which rest on no batch.
      rejected.swap(queue_);
      std::copy_if(rejected.begin(), rejected.end(), std::back_inserter(queue_), asks_for_no_batch);
      std::erase_if(rejected, asks_for_no_batch);
      queue_size_.store(queue_.size(), std::memory_order_relaxed);
      queue_bytes_ = 0;
      // Nobody was told the sequences of what was rejected, and apply() must not take them for
      // applied. (An unknown outcome ends all writing.)
      last_sequence_ = committed_sequence_;
      for (Waiter* waiter : rejected) {
        const Code code = last.code() == Code::timed_out ? Code::io_error : last.code();
        waiter->status = Status(code,
                                "the write before this one failed, so this one was not "
                                "tried: " +
                                    std::string(last.message()));
      }
    }
    take_deferred(group);
    take_deferred(rejected);
    if (queue_.empty()) {
      led_ = false;
      idle_.notify_all();
    } else {
      pass_on_lead();
    }
  }
  if (!rejected.empty()) below_limit_.notify_all();
  finish(group, self);
  finish(rejected, self);
}

void Sequencer::finish(const std::vector<Waiter*>& waiters, const Waiter* self) {
  for (Waiter* waiter : waiters) {
    if (waiter == self) continue;
    // From the store on, the waiter may be gone; notify_one uses its address alone.
    std::atomic<std::uint32_t>& state = waiter->state;
    state.store(Waiter::done);
    state.notify_one();
  }
}

Sequence Sequencer::write_group(const std::vector<Waiter*>& group) {
  std::vector<PendingBatch> batches;
  batches.reserve(group.size());
  bool sync = false;
  for (const Waiter* waiter : group) {
    sync = sync || waiter->is_sync;
    if (waiter->batch.encoded != nullptr) batches.push_back(waiter->batch);
  }
  const CommitLog::Outcome outcome = log_.write(batches, sync);
  const Sequence last = outcome.committed > 0 ? batches[outcome.committed - 1].sequence : 0;
  for (const Waiter* waiter : group) {
    if (waiter->boundary != nullptr && outcome.status.ok()) {
      waiter->boundary->emplace(log_.cut(waiter->prepared_above));
    }
  }
  if (outcome.status.ok()) return last;
  std::size_t position = 0;
  for (Waiter* waiter : group) {
    const bool is_batch = waiter->batch.encoded != nullptr;
    const bool committed = is_batch && position++ < outcome.committed;
    if (!committed) waiter->status = outcome.status;
  }
  return last;
}

Sequencer::Queued Sequencer::find_in(const std::vector<Waiter*>& waiters, Space space,
                                     BytesView key, std::uint64_t time_ms) {
  for (auto waiter = waiters.rbegin(); waiter != waiters.rend(); ++waiter) {
    const auto& entries = (*waiter)->batch.entries;
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->space != space || entry->key != key) continue;
      const std::uint64_t expiry_ms = entry->claims.expiry_ms;
      const bool is_expired = expiry_ms != 0 && expiry_ms <= time_ms;
      if (entry->is_remove || is_expired) return {.found = true, .revision = std::nullopt};
      return {.found = true, .revision = (*waiter)->batch.sequence};
    }
  }
  return {};
}

Result<std::optional<Sequence>> Sequencer::revision_of(Space space, BytesView key, bool exact,
                                                       std::uint64_t time_ms,
                                                       bool& rests_on_queued) const {
  for (const std::vector<Waiter*>* waiters : {&queue_, &group_}) {
    const Queued queued = find_in(*waiters, space, key, time_ms);
    if (!queued.found) continue;
    rests_on_queued = true;
    return queued.revision;
  }
  const EpochGuard guard(live_.epochs());
  LiveState::Found found;
  if (!TALEA_TRY(live_.find_anywhere(guard, space, key, std::nullopt, found))) {
    return std::optional<Sequence>();
  }
  if (!exact && !found.entry.expires()) return std::optional<Sequence>(1);
  TALEA_TRY(found.check(VerifyReads::once));
  if (found.entry.is_expired(time_ms)) return std::optional<Sequence>();
  return std::optional<Sequence>(found.sequence());
}

Sequencer::Verdict Sequencer::evaluate(std::span<const Batch::Precondition> preconditions,
                                       bool sees_expired) {
  Verdict verdict;
  if (preconditions.empty()) return verdict;
  // The time of the batch, if it comes to be one.
  last_now_ = std::max(last_now_, clock_.wall_ms());
  const std::uint64_t time_ms = sees_expired ? 0 : last_now_;
  for (std::size_t i = 0; i < preconditions.size(); ++i) {
    const Batch::Precondition& precondition = preconditions[i];
    const bool exact = precondition.kind == Batch::Precondition::Kind::revision;
    auto found =
        revision_of(precondition.space, precondition.key, exact, time_ms, verdict.rests_on_queued);
    if (found.ok()) {
      if (holds(precondition, *found)) continue;
      if (*found && !exact) {
        found = revision_of(precondition.space, precondition.key, true, time_ms,
                            verdict.rests_on_queued);
      }
    }
    if (!found.ok()) {
      verdict.status = std::move(found).status();
      return verdict;
    }
    verdict.failed = {.position = i, .found = *found};
    verdict.status = precondition_failed(i, precondition, *found);
    return verdict;
  }
  return verdict;
}

Status Sequencer::close() {
  MutexLock no_sync(sync_mutex_);
  MutexLock lock(mutex_);
  if (closed_) return Status::invalid_argument("the engine is closed");
  closed_ = true;
  below_limit_.notify_all();
  while (led_) idle_.wait(mutex_);
  return log_.close();
}

}  // namespace talea
