#include "engine/history.h"

#include <utility>

namespace talea {

// --- HistoryBuffer -------------------------------------------------------------------------------

HistoryBuffer::~HistoryBuffer() {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [hash, word] : shard.words) {
      if (is_list(word)) delete &list_of(word);
    }
  }
}

std::uint64_t HistoryBuffer::bytes_of(const List& list) {
  return sizeof(List) + list.capacity() * sizeof(Location);
}

void HistoryBuffer::add(std::uint64_t hash, Location location) {
  Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto [at, is_first] = of.words.try_emplace(hash, location);
  size_.fetch_add(1, std::memory_order_relaxed);
  if (is_first) return;
  if (!is_list(at->second)) {
    auto list = std::make_unique<List>();
    list->reserve(2);
    list->push_back(at->second);
    of.list_bytes += bytes_of(*list);
    at->second = reinterpret_cast<Word>(list.release()) | 1;
  }
  List& list = list_of(at->second);
  of.list_bytes -= bytes_of(list);
  list.push_back(location);
  of.list_bytes += bytes_of(list);
}

void HistoryBuffer::take_back(std::uint64_t hash, Location location) {
  Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto at = of.words.find(hash);
  if (at == of.words.end()) return;
  if (!is_list(at->second)) {
    if (at->second != location) return;
    of.words.erase(at);
  } else {
    List& list = list_of(at->second);
    // Near the end: behind it there are only keys of the same hash, of the same batch.
    const auto found = std::find(list.rbegin(), list.rend(), location);
    if (found == list.rend()) return;
    list.erase(std::next(found).base());
  }
  size_.fetch_sub(1, std::memory_order_relaxed);
}

void HistoryBuffer::list(std::uint64_t hash, std::vector<Location>& out) const {
  const Shard& of = shard(hash);
  MutexLock lock(of.mutex);
  const auto at = of.words.find(hash);
  if (at == of.words.end()) return;
  if (!is_list(at->second)) return out.push_back(at->second);
  const List& list = list_of(at->second);
  out.insert(out.end(), list.rbegin(), list.rend());
}

void HistoryBuffer::list_all(std::vector<Location>& out) const {
  for (const Shard& of : shards_) {
    MutexLock lock(of.mutex);
    for (const auto& [hash, word] : of.words) {
      if (is_list(word)) {
        out.insert(out.end(), list_of(word).begin(), list_of(word).end());
      } else {
        out.push_back(word);
      }
    }
  }
}

std::uint64_t HistoryBuffer::memory_bytes() const {
  constexpr std::uint64_t kSlotBytes = sizeof(std::uint64_t) + sizeof(Word) + 1;
  std::uint64_t bytes = sizeof *this;
  for (const Shard& of : shards_) {
    MutexLock lock(of.mutex);
    bytes += of.words.capacity() * kSlotBytes + of.list_bytes;
  }
  return bytes;
}

// --- History -------------------------------------------------------------------------------------

std::size_t History::cut() {
  auto next = std::make_shared<HistoryBuffer>();
  MutexLock lock(mutex_);
  const bool is_empty = buffers_.back()->size() == 0;
  if (is_empty) return buffers_.size() - 1;
  newest_ = next.get();
  buffers_.push_back(std::move(next));
  return buffers_.size() - 1;
}

void History::set_runs(std::shared_ptr<const RunSet> runs, const From& from, std::size_t written) {
  Buffers gone;  // destroyed without the lock
  MutexLock lock(mutex_);
  runs_ = std::move(runs);
  from_ = from;
  const auto end = buffers_.begin() + static_cast<std::ptrdiff_t>(written);
  gone.assign(buffers_.begin(), end);
  buffers_.erase(buffers_.begin(), end);
}

History::View History::view() const {
  MutexLock lock(mutex_);
  return {buffers_, runs_, from_};
}

std::uint64_t History::buffered() const {
  std::uint64_t count = 0;
  for (const auto& buffer : view().buffers) count += buffer->size();
  return count;
}

std::uint64_t History::memory_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& buffer : view().buffers) bytes += buffer->memory_bytes();
  return bytes;
}

}  // namespace talea
