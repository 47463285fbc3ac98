// ordered_work(): work on many things at once, results one after the other.
//
// A window of items is under way; the caller's thread takes items in and hands results out, both in
// order, and memory is that of the window.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"

namespace talea {

/// Calls `next` until it gives nothing or fails, `work` for each item on some thread, and `sink` in
/// the order of the items; `sink` says whether to go on. `next` and `sink` run on the caller.
///
/// With a `window` of 1, or when there is no thread to be had, all runs on the caller.
///
/// Errors: those of `next`, after the results before it; those of `sink`
template <typename Item, typename Output>
class OrderedWork {
 public:
  using Next = std::function<Result<std::optional<Item>>()>;
  using Work = std::function<Output(const Item&)>;
  using Sink = std::function<Result<bool>(Item&&, Output&&)>;

  OrderedWork(Executor& executor, std::uint32_t window, Work work)
      : executor_(executor), window_(window), work_(std::move(work)) {}

  ~OrderedWork() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Status run(const Next& next, const Sink& sink) {
    Status ended;
    bool more = true;
    while (true) {
      while (more && waiting() < window_) {
        auto item = next();
        more = item.ok() && item->has_value();
        if (more) {
          add(std::move(**item));
        } else if (!item.ok()) {
          ended = std::move(item).status();
        }
      }
      if (waiting() == 0) return ended;
      Slot done = take_first();
      if (!TALEA_TRY(sink(std::move(done.item), std::move(*done.output)))) return {};
    }
  }

 private:
  struct Slot {
    Item item;
    bool started = false;
    std::optional<Output> output = {};
  };

  std::size_t waiting() {
    MutexLock lock(mutex_);
    return slots_.size();
  }

  void add(Item item) {
    if (window_ > 1 && threads_.size() < window_ && can_start_) start_thread();
    {
      MutexLock lock(mutex_);
      slots_.push_back({.item = std::move(item)});
    }
    changed_.notify_all();
  }

  void start_thread() {
    auto thread = executor_.start([this] { work_on_slots(); });
    can_start_ = thread.ok();
    if (thread.ok()) threads_.push_back(std::move(*thread));
  }

  Slot take_first() {
    MutexLock lock(mutex_);
    if (threads_.empty()) {
      Slot slot = std::move(slots_.front());
      slots_.pop_front();
      lock.unlock();
      slot.output = work_(slot.item);
      lock.lock();
      return slot;
    }
    while (!slots_.front().output) changed_.wait(mutex_);
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    return slot;
  }

  // A deque's elements stay where they are while others come and go at its ends, and the first goes
  // when it is done only.
  void work_on_slots() {
    MutexLock lock(mutex_);
    while (!stopping_) {
      Slot* slot = nullptr;
      for (Slot& candidate : slots_) {
        if (!candidate.started) {
          slot = &candidate;
          break;
        }
      }
      if (slot == nullptr) {
        changed_.wait(mutex_);
        continue;
      }
      slot->started = true;
      lock.unlock();
      Output output = work_(slot->item);
      lock.lock();
      slot->output = std::move(output);
      changed_.notify_all();
    }
  }

  Executor& executor_;
  const std::uint32_t window_;
  const Work work_;
  std::vector<std::thread> threads_;  // the caller's thread alone starts and joins them
  bool can_start_ = true;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Slot> slots_ TALEA_GUARDED_BY(mutex_);
  bool stopping_ TALEA_GUARDED_BY(mutex_) = false;
};

}  // namespace talea
