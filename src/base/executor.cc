#include "base/executor.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"

namespace talea {

namespace {

using Time = std::chrono::steady_clock::time_point;

Status no_thread_left(const std::system_error& error) {
  return Status::exhausted(std::string("the machine gives no more threads: ") + error.what());
}

// A thread, and the steps that it runs, one after the other.
class Worker {
 public:
  struct Job {
    std::chrono::milliseconds period;
    std::function<void()> step;
    Time due;
    bool ending = false;
  };
  using Handle = std::list<Job>::iterator;

  // Throws what std::thread throws.
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  Handle add(std::chrono::milliseconds period, std::function<void()> step) {
    MutexLock lock(mutex_);
    jobs_.push_back({period, std::move(step), std::chrono::steady_clock::now() + period});
    changed_.notify_all();
    return std::prev(jobs_.end());
  }
  // Returns when the step is not running, and will not.
  void remove(Handle job) {
    MutexLock lock(mutex_);
    job->due = Time::max();  // or it may begin again before we are woken
    job->ending = true;
    while (running_ == &*job) ended_.wait(mutex_);
    jobs_.erase(job);
  }

 private:
  void run() {
    MutexLock lock(mutex_);
    while (!stopping_) {
      const auto next =
          std::min_element(jobs_.begin(), jobs_.end(),
                           [](const Job& left, const Job& right) { return left.due < right.due; });
      if (next == jobs_.end() || next->ending) {
        changed_.wait(mutex_);
        continue;
      }
      const Time now = std::chrono::steady_clock::now();
      if (next->due > now) {
        changed_.wait_for(mutex_, next->due - now);
        continue;
      }
      running_ = &*next;
      lock.unlock();
      next->step();
      lock.lock();
      running_ = nullptr;
      if (!next->ending) next->due = std::chrono::steady_clock::now() + next->period;
      ended_.notify_all();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  CondVar ended_;
  std::list<Job> jobs_ TALEA_GUARDED_BY(mutex_);
  const Job* running_ TALEA_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ TALEA_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

// The worker ends with the last of its registrations. (Shared for that.)
class ThreadRegistration final : public Executor::Registration {
 public:
  ThreadRegistration(std::shared_ptr<Worker> worker, Worker::Handle job)
      : worker_(std::move(worker)), job_(job) {}
  ~ThreadRegistration() override { worker_->remove(job_); }

 private:
  const std::shared_ptr<Worker> worker_;
  const Worker::Handle job_;
};

}  // namespace

Result<std::thread> Executor::start(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    return no_thread_left(error);
  }
}

struct ThreadExecutor::Threads {
  explicit Threads(std::size_t max_in) : max(max_in) {}
  const std::size_t max;
  Mutex mutex;
  std::vector<std::weak_ptr<Worker>> workers TALEA_GUARDED_BY(mutex);

  void forget_ended() TALEA_REQUIRES(mutex) {
    std::erase_if(workers, [](const auto& worker) { return worker.expired(); });
  }
  // The one for the next registration.
  std::shared_ptr<Worker> worker() TALEA_REQUIRES(mutex) {
    forget_ended();
    std::shared_ptr<Worker> worker;
    if (workers.size() >= max) worker = workers.back().lock();
    if (worker == nullptr) {
      worker = std::make_shared<Worker>();
      workers.push_back(worker);
    }
    return worker;
  }
};

ThreadExecutor::ThreadExecutor(std::size_t threads_max)
    : threads_(std::make_unique<Threads>(threads_max)) {
  TALEA_ASSERT(threads_max > 0);
}
ThreadExecutor::~ThreadExecutor() = default;

Result<std::unique_ptr<Executor::Registration>> ThreadExecutor::every(
    std::chrono::milliseconds period, std::function<void()> step) {
  try {
    MutexLock lock(threads_->mutex);
    std::shared_ptr<Worker> worker = threads_->worker();
    const Worker::Handle job = worker->add(period, std::move(step));
    return std::unique_ptr<Registration>(
        std::make_unique<ThreadRegistration>(std::move(worker), job));
  } catch (const std::system_error& error) {  // what std::thread throws
    return no_thread_left(error);
  }
}

std::size_t ThreadExecutor::threads() const {
  MutexLock lock(threads_->mutex);
  threads_->forget_ended();
  return threads_->workers.size();
}

struct InlineExecutor::Jobs {
  struct Job {
    std::uint64_t period_ns = 0;
    std::function<void()> step;
    std::uint64_t due_ns = 0;
  };
  explicit Jobs(Clock& clock_in) : clock(clock_in) {}

  void find_next_due() TALEA_REQUIRES(mutex) {
    std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
    for (const Job& job : list) next = std::min(next, job.due_ns);
    next_due_ns.store(next, std::memory_order_relaxed);
  }

  Clock& clock;
  std::atomic<std::uint64_t> next_due_ns{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<bool> running{false};
  // Held while steps run: whoever ends a registration waits for them.
  Mutex mutex;
  std::list<Job> list TALEA_GUARDED_BY(mutex);
};

namespace {

class RemovingRegistration final : public Executor::Registration {
 public:
  explicit RemovingRegistration(std::function<void()> remove) : remove_(std::move(remove)) {}
  ~RemovingRegistration() override { remove_(); }

 private:
  std::function<void()> remove_;
};

}  // namespace

InlineExecutor::InlineExecutor(Clock& clock) : jobs_(std::make_shared<Jobs>(clock)) {}
InlineExecutor::~InlineExecutor() = default;

Result<std::unique_ptr<Executor::Registration>> InlineExecutor::every(
    std::chrono::milliseconds period, std::function<void()> step) {
  const auto period_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(period).count());
  MutexLock lock(jobs_->mutex);
  jobs_->list.push_back({period_ns, std::move(step), jobs_->clock.monotonic_ns() + period_ns});
  const auto position = std::prev(jobs_->list.end());
  jobs_->find_next_due();
  return std::unique_ptr<Registration>(
      std::make_unique<RemovingRegistration>([jobs = jobs_, position] {
        MutexLock removing(jobs->mutex);
        jobs->list.erase(position);
        jobs->find_next_due();
      }));
}

void InlineExecutor::run_due() {
  Jobs& jobs = *jobs_;
  if (jobs.clock.monotonic_ns() < jobs.next_due_ns.load(std::memory_order_relaxed)) return;
  if (jobs.running.exchange(true, std::memory_order_acquire)) return;
  {
    MutexLock lock(jobs.mutex);
    for (Jobs::Job& job : jobs.list) {
      if (jobs.clock.monotonic_ns() < job.due_ns) continue;
      job.step();
      job.due_ns = jobs.clock.monotonic_ns() + job.period_ns;
    }
    jobs.find_next_due();
  }
  jobs.running.store(false, std::memory_order_release);
}

struct ManualExecutor::Steps {
  Mutex mutex;
  std::list<std::function<void()>> list TALEA_GUARDED_BY(mutex);
};

ManualExecutor::ManualExecutor() : steps_(std::make_shared<Steps>()) {}
ManualExecutor::~ManualExecutor() = default;

Result<std::unique_ptr<Executor::Registration>> ManualExecutor::every(std::chrono::milliseconds,
                                                                      std::function<void()> step) {
  MutexLock lock(steps_->mutex);
  steps_->list.push_back(std::move(step));
  const auto position = std::prev(steps_->list.end());
  return std::unique_ptr<Registration>(
      std::make_unique<RemovingRegistration>([steps = steps_, position] {
        MutexLock removing(steps->mutex);
        steps->list.erase(position);
      }));
}

void ManualExecutor::step_all() {
  std::list<std::function<void()>> copy;
  {
    MutexLock lock(steps_->mutex);
    copy = steps_->list;
  }
  for (const std::function<void()>& step : copy) step();
}

}  // namespace talea
