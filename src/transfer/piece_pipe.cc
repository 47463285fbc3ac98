#include "transfer/piece_pipe.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace talea {
namespace {

// Threads: one puts, one takes.
class PiecePipe {
 public:
  Status put(BytesView piece) TALEA_EXCLUDES(mutex_) {
    if (piece.empty()) return {};
    MutexLock lock(mutex_);
    while (bytes_ >= kPipeBytesMax && !is_reader_gone_) changed_.wait(mutex_);
    if (is_reader_gone_) return Status::cancelled("nobody takes the value any more");
    pieces_.emplace_back(piece);
    bytes_ += piece.size();
    changed_.notify_all();
    return {};
  }

  void end(Status status) TALEA_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ended_ = true;
    outcome_ = std::move(status);
    changed_.notify_all();
  }

  // As a StateSource.
  Result<std::size_t> take(char* out, std::size_t wanted) TALEA_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (pieces_.empty() && !ended_) changed_.wait(mutex_);
    if (pieces_.empty()) {
      if (!outcome_.ok()) return outcome_;
      return std::size_t{0};
    }
    const Bytes& piece = pieces_.front();
    const std::size_t count = piece.copy(out, std::min(wanted, piece.size() - taken_), taken_);
    taken_ += count;
    if (taken_ == piece.size()) {
      bytes_ -= piece.size();
      pieces_.pop_front();
      taken_ = 0;
      changed_.notify_all();
    }
    return count;
  }

  void leave() TALEA_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    is_reader_gone_ = true;
    changed_.notify_all();
  }

  Status outcome() TALEA_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return outcome_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<Bytes> pieces_ TALEA_GUARDED_BY(mutex_);
  std::uint64_t bytes_ TALEA_GUARDED_BY(mutex_) = 0;
  std::size_t taken_ TALEA_GUARDED_BY(mutex_) = 0;  // of the first
  bool ended_ TALEA_GUARDED_BY(mutex_) = false;
  bool is_reader_gone_ TALEA_GUARDED_BY(mutex_) = false;
  Status outcome_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace

Status pipe_pieces(Executor& executor, const std::function<Status(const StateSink&)>& read,
                   const std::function<Status(const StateSource&)>& write) {
  PiecePipe pipe;
  std::thread reader = TALEA_TRY(
      executor.start([&] { pipe.end(read([&](BytesView piece) { return pipe.put(piece); })); }));
  Status written = write([&](char* out, std::size_t wanted) { return pipe.take(out, wanted); });
  pipe.leave();
  reader.join();
  TALEA_TRY(std::move(written));
  return pipe.outcome();
}

}  // namespace talea
