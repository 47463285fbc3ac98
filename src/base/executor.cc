#include "base/executor.h"

#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace talea {

namespace {

class ThreadRegistration final : public Executor::Registration {
 public:
  ThreadRegistration(std::chrono::milliseconds period, std::function<void()> step)
      : period_(period), step_(std::move(step)), thread_([this] { run(); }) {}

  ~ThreadRegistration() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void run() {
    MutexLock lock(mutex_);
    while (!stopping_) {
      if (wake_.wait_for(mutex_, period_) && !stopping_) continue;
      if (stopping_) return;
      lock.unlock();
      step_();
      lock.lock();
    }
  }

  const std::chrono::milliseconds period_;
  const std::function<void()> step_;
  Mutex mutex_;
  CondVar wake_;
  bool stopping_ TALEA_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

Result<std::unique_ptr<Executor::Registration>> ThreadExecutor::every(
    std::chrono::milliseconds period, std::function<void()> step) {
  try {
    return std::unique_ptr<Registration>(
        std::make_unique<ThreadRegistration>(period, std::move(step)));
  } catch (const std::system_error& error) {  // what std::thread throws
    return Status::exhausted(std::string("the machine gives no more threads: ") + error.what());
  }
}

struct ManualExecutor::Steps {
  Mutex mutex;
  std::list<std::function<void()>> list TALEA_GUARDED_BY(mutex);
};

namespace {

class ManualRegistration final : public Executor::Registration {
 public:
  explicit ManualRegistration(std::function<void()> remove) : remove_(std::move(remove)) {}
  ~ManualRegistration() override { remove_(); }

 private:
  std::function<void()> remove_;
};

}  // namespace

ManualExecutor::ManualExecutor() : steps_(std::make_shared<Steps>()) {}
ManualExecutor::~ManualExecutor() = default;

Result<std::unique_ptr<Executor::Registration>> ManualExecutor::every(std::chrono::milliseconds,
                                                                      std::function<void()> step) {
  MutexLock lock(steps_->mutex);
  steps_->list.push_back(std::move(step));
  const auto position = std::prev(steps_->list.end());
  return std::unique_ptr<Registration>(
      std::make_unique<ManualRegistration>([steps = steps_, position] {
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
