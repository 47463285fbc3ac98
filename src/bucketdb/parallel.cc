#include "bucketdb/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace talea::bucketdb {
namespace {

class Work {
 public:
  Work(std::size_t count, const std::function<Status(std::size_t)>& work)
      : count_(count), work_(work) {}

  void run() TALEA_EXCLUDES(mutex_) {
    while (!failed_) {
      const std::size_t piece = next_++;
      if (piece >= count_) return;
      Status done = work_(piece);
      if (done.ok()) continue;
      MutexLock lock(mutex_);
      if (!failed_.exchange(true)) failure_ = std::move(done);
    }
  }
  Status take_failure() TALEA_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::move(failure_);
  }

 private:
  const std::size_t count_;
  const std::function<Status(std::size_t)>& work_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  Status failure_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace

Status run_parallel(Executor& executor, std::size_t threads, std::size_t count,
                    const std::function<Status(std::size_t)>& work) {
  Work shared(count, work);
  std::vector<std::thread> others;
  const std::size_t wanted = std::min(threads, count);
  others.reserve(wanted);
  while (others.size() + 1 < wanted) {
    auto started = executor.start([&shared] { shared.run(); });
    if (!started.ok()) break;  // with fewer, then
    others.push_back(std::move(*started));
  }
  shared.run();
  for (std::thread& other : others) other.join();
  return shared.take_failure();
}

}  // namespace talea::bucketdb
