// Sequencer: gives every batch its place in the one order, and lets writers that arrive together
// share one write and one sync.
//
// A writer comes with its batch encoded. In one short section, under one mutex, its preconditions
// are evaluated, it gets its sequence, and it joins the queue. The first to find nobody writing
// becomes the leader: it takes the whole queue as a group, hands it to the CommitLog, which writes,
// syncs and publishes it, and then wakes the group and the next leader. Whoever arrives meanwhile
// waits in the queue and is the next group.
//
//     A, B, C arrive            A leads {A}        B leads {B, C}
//     ---------------->  queue  write+sync, publish, wake A   write+sync, publish, wake B, C
//
// Where no sync is waited for (SyncMode::interval and never) there is nothing to share: a writer
// writes and publishes its batch itself, in the same short section, and nobody ever waits in the
// queue. A sync runs beside the writers then.
//
// A commit that nobody waits for queues as well. One thread serves those: it leads when nobody else
// does, and tells what became of them, so that no writer ever runs a stranger's callback.
//
// Preconditions see what is *queued*, not only what is published: two batches that both require a
// key to be absent cannot both pass. When a group fails, whoever waits behind it fails too, because
// its preconditions may have been evaluated against what did not happen.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "engine/commit_log.h"
#include "engine/live_state.h"

namespace talea {

/// Threads: safe.
class Sequencer {
 public:
  struct Setup {
    Clock& clock;
    SyncMode sync = SyncMode::always;
    Sequence last_sequence = 0;
    std::uint64_t last_now = 0;
  };
  Sequencer(const Setup& setup, CommitLog& log, const LiveState& live);

  struct Request {
    std::span<const Batch::Precondition> preconditions;
    FailedPrecondition* failed = nullptr;
    std::span<const EntrySource> entries;
    std::span<const ExtentList* const> extents;
    const EncodedBatch* encoded = nullptr;
    /// Whether preconditions see keys that have expired and are not removed yet: to remove them.
    bool sees_expired = false;
    /// Given by apply(): use it, or do nothing when it is not above the last one.
    std::optional<Sequence> sequence;
  };
  /// Commits and returns the sequence; 0 when a given sequence was applied before.
  /// Errors: as Engine::put
  Result<Sequence> commit(const Request& request);

  /// A commit that nobody waits for.
  class Deferred;
  /// Whose outcomes nobody has taken yet are no more than this.
  static constexpr std::size_t kToldMax = 65'536;
  /// Commits, or checks when there is nothing to write, and returns before the outcome is known;
  /// `commit` is told by the thread that serves. Waits while too much is queued, unless it is that
  /// thread which calls.
  /// Errors: what admits no commit at all; then `commit` is not told
  Status commit_later(Deferred& commit);
  /// Tells `commit` on the thread that serves.
  void tell_later(Deferred& commit, Result<Sequence> outcome);
  /// What the thread that serves does, until stop_serving(), when all are told.
  void serve();
  void stop_serving();
  /// Whether the caller is that thread.
  bool serves_here() const;

  /// Evaluates preconditions alone and returns the last committed sequence.
  Result<Sequence> check(std::span<const Batch::Precondition> preconditions,
                         FailedPrecondition* failed);

  /// Makes durable all that was committed before the call.
  Status sync();

  /// Ends the log here for a checkpoint; see CommitLog.
  Result<CommitLog::Boundary> begin_checkpoint();

  /// Does for the log what a writer would have to wait for; for a thread in the background.
  void work_ahead() { log_.work_ahead(); }

  /// Refuses what comes from now on, waits for what is under way, and closes the log.
  Status close();

  /// Of the last batch that is committed.
  Sequence last_sequence() const TALEA_EXCLUDES(mutex_);
  /// How many are in the queue, behind the group that is being written.
  std::size_t queued() const { return queue_size_.load(std::memory_order_relaxed); }
  /// No batch that is committed has a later `now`.
  std::uint64_t last_now() const TALEA_EXCLUDES(mutex_);

 private:
  // A writer that waits; on its own stack. Without a batch: somebody who waits for what is queued
  // before it, and, with `is_sync`, for its durability.
  struct Waiter {
    enum State : std::uint32_t { waiting, leading, done };
    PendingBatch batch;
    bool is_sync = false;
    // For who asks for a cut: what it was prepared with, and where to put what it said.
    std::uint32_t prepared_above = 0;
    std::optional<Result<CommitLog::Boundary>>* boundary = nullptr;
    Deferred* deferred = nullptr;  // on the heap then, and nobody waits
    Status status;
    std::atomic<std::uint32_t> state{waiting};
  };

  // Evaluates and numbers what `request` asks for; what is to be written is in `waiter`.
  Status number(const Request& request, Waiter& waiter) TALEA_REQUIRES(mutex_);
  // While commits are coming in, waiting a little makes one group of them.
  void gather() const;
  // To one that waits, if there is one: the thread that serves may be busy with a stranger's code.
  void pass_on_lead() TALEA_REQUIRES(mutex_);
  Result<Sequence> was_applied(Sequence sequence) TALEA_REQUIRES(mutex_);
  static bool asks_for_no_batch(const Waiter* waiter);
  // Moves those that nobody waits for from `waiters` to where they are told of from.
  void take_deferred(std::vector<Waiter*>& waiters) TALEA_REQUIRES(mutex_);

  Status admit() const TALEA_REQUIRES(mutex_);
  // Writes and publishes a batch at once.
  Status write_through(const PendingBatch& batch) TALEA_REQUIRES(mutex_);
  Status sync_beside_writers() TALEA_EXCLUDES(mutex_);
  // The cut in the order of the batches, between those that are written and those that wait.
  Result<CommitLog::Boundary> cut(std::uint32_t prepared_above) TALEA_EXCLUDES(mutex_);
  // What evaluating preconditions found: ok or a conflict, and whether that rests on writes that
  // are not yet durable.
  struct Verdict {
    Status status;
    FailedPrecondition failed;
    bool rests_on_queued = false;
  };
  Verdict evaluate(std::span<const Batch::Precondition> preconditions, bool sees_expired = false)
      TALEA_REQUIRES(mutex_);
  // Gives a verdict away, after what it rests on is durable: nobody may be told of a write, or of
  // its sequence, that can still be rejected.
  Status deliver(Verdict verdict, FailedPrecondition* failed) TALEA_REQUIRES(mutex_);
  // The revision of a key as of the end of the queue and of `time_ms`; none when it is absent.
  Result<std::optional<Sequence>> revision_of(Space space, BytesView key, bool exact,
                                              std::uint64_t time_ms, bool& rests_on_queued) const
      TALEA_REQUIRES(mutex_);
  // What queued batches did to the key: no answer, removed, or its revision.
  struct Queued {
    bool found = false;
    std::optional<Sequence> revision;
  };
  static Queued find_in(const std::vector<Waiter*>& waiters, Space space, BytesView key,
                        std::uint64_t time_ms);

  // Queues `waiter` and returns when it is done.
  // noexcept: whoever waits points into the stacks of others, so that running out of memory here
  // can only end the process.
  void join(Waiter& waiter) noexcept TALEA_REQUIRES(mutex_);
  void lead(Waiter* self) noexcept TALEA_EXCLUDES(mutex_);
  // Writes the group and sets the status of each waiter. Returns the last sequence that is
  // committed; 0 when none is.
  Sequence write_group(const std::vector<Waiter*>& group);
  static void finish(const std::vector<Waiter*>& waiters, const Waiter* self);

  Clock& clock_;
  const bool queues_;  // writers wait for syncs, and share them
  CommitLog& log_;     // used by the leader alone; without a queue, by whoever holds mutex_
  const LiveState& live_;
  Mutex sync_mutex_;  // one sync at a time beside the writers; taken before mutex_
  mutable Mutex mutex_;
  CondVar below_limit_;
  CondVar idle_;
  std::vector<Waiter*> queue_ TALEA_GUARDED_BY(mutex_);
  std::atomic<std::size_t> queue_size_{0};
  std::uint64_t queue_bytes_ TALEA_GUARDED_BY(mutex_) = 0;
  std::vector<Waiter*> group_ TALEA_GUARDED_BY(mutex_);  // being written
  bool led_ TALEA_GUARDED_BY(mutex_) = false;
  CondVar serve_;
  bool server_leads_ TALEA_GUARDED_BY(mutex_) = false;  // led_, by the thread that serves
  bool stops_serving_ TALEA_GUARDED_BY(mutex_) = false;
  std::vector<Deferred*> told_ TALEA_GUARDED_BY(mutex_);  // with an outcome to be told
  bool closed_ TALEA_GUARDED_BY(mutex_) = false;
  Status broken_ TALEA_GUARDED_BY(mutex_);
  Sequence committed_sequence_ TALEA_GUARDED_BY(mutex_);  // of the last batch that is published
  Sequence last_sequence_ TALEA_GUARDED_BY(mutex_);       // of the last batch that is queued
  std::uint64_t last_now_ TALEA_GUARDED_BY(mutex_);
};

class Sequencer::Deferred {
 public:
  virtual ~Deferred() = default;
  /// Given by who commits; what it refers to lives as long as this.
  Request request;

 private:
  friend class Sequencer;
  /// Called once; the last use of this.
  virtual void tell(Result<Sequence> outcome) noexcept = 0;

  Waiter waiter_;
  Status verdict_;                 // of its preconditions
  std::optional<Sequence> known_;  // what tell_later() was given
};

}  // namespace talea
