#include "engine/undo_list.h"

#include <algorithm>
#include <utility>

namespace talea {
namespace {

// An index of fewer stale hashes is not worth a sweep.
constexpr std::size_t kStaleHashesMin = 1'024;
// What is left over by a slow reader is freed bit by bit, so that no write pays for all.
constexpr int kChunksTakenBackAtOnce = 2;

}  // namespace

UndoList::UndoList() : oldest_(new Chunk), tail_(oldest_), head_(oldest_), chunks_(1) {
  oldest_->first_position = kChunkChanges;
}

UndoList::~UndoList() {
  TALEA_ASSERT(walked_from_.load() == kNobody);
  while (oldest_ != nullptr) delete std::exchange(oldest_, oldest_->next.load());
  delete spare_;
}

// ---- Writing

/// Links the next chunk before there is anything in it, so that the begin always has one.
void UndoList::add_chunk() {
  Chunk* chunk = std::exchange(spare_, nullptr);
  if (chunk == nullptr) {
    chunk = new Chunk;
    chunks_.fetch_add(1, std::memory_order_relaxed);
  }
  chunk->first_position = end_.load(std::memory_order_relaxed);
  chunk->next.store(nullptr, std::memory_order_relaxed);
  // Release: pairs with catch_up().
  tail_->next.store(chunk, std::memory_order_release);
  tail_ = chunk;
}

/// Everything in the first chunk is pruned.
void UndoList::leave_head() {
  const Chunk* const head = head_.load(std::memory_order_relaxed);
  head_.store(head->next.load(std::memory_order_relaxed), std::memory_order_seq_cst);
  take_back();
}

/// Frees chunks below the head that no reader is in; one is kept.
void UndoList::take_back() {
  const std::uint64_t walked_from = walked_from_.load(std::memory_order_seq_cst);
  const Chunk* const head = head_.load(std::memory_order_relaxed);
  for (int i = 0; i < kChunksTakenBackAtOnce; ++i) {
    if (oldest_ == head || oldest_->first_position + kChunkChanges > walked_from) return;
    Chunk* const chunk = std::exchange(oldest_, oldest_->next.load(std::memory_order_relaxed));
    if (spare_ == nullptr) {
      spare_ = chunk;
      continue;
    }
    if (chunk->links != nullptr) links_bytes_.fetch_sub(sizeof(Links), std::memory_order_relaxed);
    chunks_.fetch_sub(1, std::memory_order_relaxed);
    delete chunk;
  }
}

// ---- Searching

/// While it exists, no chunk from head() on is used again. Needs the mutex: one at a time.
class UndoList::Walk {
 public:
  explicit Walk(const UndoList& list) : walked_from_(list.walked_from_) {
    walked_from_.store(0, std::memory_order_seq_cst);
    head_ = list.head_.load(std::memory_order_seq_cst);
    // Release is enough: a writer that still reads the 0 takes back too little.
    walked_from_.store(head_->first_position, std::memory_order_release);
  }
  // Release: the chunks were read before the writer sees that nobody is there. Pairs with
  // take_back().
  ~Walk() { walked_from_.store(kNobody, std::memory_order_release); }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  Chunk& head() const { return *head_; }

 private:
  std::atomic<std::uint64_t>& walked_from_;
  Chunk* head_;
};

UndoList::Chunk& UndoList::chunk_of(std::uint64_t position) const {
  return *directory_[(position - directory_begin_) / kChunkChanges];
}

const UndoList::Change& UndoList::change_at(std::uint64_t position) const {
  return chunk_of(position).changes[position % kChunkChanges];
}

UndoList::Link& UndoList::link_at(std::uint64_t position) const {
  return (*chunk_of(position).links)[position % kChunkChanges];
}

/// Whether there is a change at `position`, and above `at`.
bool UndoList::is_above(std::uint64_t position, Sequence at) const {
  return position >= directory_begin_ && change_at(position).superseded_at > at;
}

/// The oldest change with `hash` above `at`, and behind the position `behind` if that is not 0.
UndoList::Candidate UndoList::oldest_above(std::uint64_t hash, Sequence at,
                                           std::uint64_t behind) const {
  MutexLock lock(mutex_);
  const Walk walk(*this);
  catch_up(walk.head());
  const auto found = newest_.find(hash);
  if (found == newest_.end()) return {};
  std::uint64_t position = found->second;
  if (position <= behind || !is_above(position, at)) return {};
  for (;;) {
    const Link& link = link_at(position);
    if (behind == 0 && is_above(link.far, at)) {
      position = link.far;
    } else if (link.previous > behind && is_above(link.previous, at)) {
      position = link.previous;
    } else {
      return {position, change_at(position).old_word};
    }
  }
}

/// Brings the index up to the last change.
void UndoList::catch_up(Chunk& head) const {
  drop_what_is_pruned(head);
  // Acquire: pairs with append().
  const std::uint64_t end = end_.load(std::memory_order_acquire);
  if (indexed_end_ == end) return;
  for (; indexed_end_ != end; ++indexed_end_) {
    if (indexed_end_ == directory_begin_ + directory_.size() * kChunkChanges) {
      // Acquire: pairs with add_chunk().
      directory_.push_back(directory_.back()->next.load(std::memory_order_acquire));
    }
    add_to_index(indexed_end_);
  }
  sweep();
}

/// Forgets the chunks below `head`, which may be in use for something else by now.
void UndoList::drop_what_is_pruned(Chunk& head) const {
  while (directory_begin_ < head.first_position && !directory_.empty()) {
    directory_.pop_front();
    directory_begin_ += kChunkChanges;
  }
  if (!directory_.empty()) return;
  directory_.push_back(&head);
  directory_begin_ = head.first_position;
  indexed_end_ = std::max(indexed_end_, directory_begin_);
}

void UndoList::add_to_index(std::uint64_t position) const {
  Chunk& chunk = chunk_of(position);
  if (chunk.links == nullptr) {
    chunk.links = std::make_unique<Links>();
    links_bytes_.fetch_add(sizeof(Links), std::memory_order_relaxed);
  }
  Link& link = (*chunk.links)[position % kChunkChanges];
  link = {};
  const auto [entry, is_first] =
      newest_.try_emplace(chunk.changes[position % kChunkChanges].hash, position);
  if (is_first) return;
  const std::uint64_t previous = std::exchange(entry->second, position);
  if (previous < directory_begin_) return;
  link.previous = previous;
  link.number = link_at(previous).number + 1;
  const std::uint64_t far_number = link.number & (link.number - 1);
  link.far = previous;
  while (link.far >= directory_begin_ && link_at(link.far).number != far_number) {
    link.far = link_at(link.far).far;
  }
}

/// Removes hashes from the index whose changes are all pruned, when they are the most.
void UndoList::sweep() const {
  const std::uint64_t changes = indexed_end_ - directory_begin_;
  if (newest_.size() > 2 * changes + kStaleHashesMin) {
    const std::uint64_t begin = directory_begin_;
    absl::erase_if(newest_, [begin](const auto& entry) { return entry.second < begin; });
    newest_.rehash(0);
  }
  constexpr std::size_t kEntryBytes = 2 * sizeof(std::uint64_t) + 1;
  index_bytes_.store(newest_.capacity() * kEntryBytes + directory_.size() * sizeof(std::uint64_t),
                     std::memory_order_relaxed);
}

void UndoList::collect() {
  MutexLock lock(mutex_);
  const Walk walk(*this);
  drop_what_is_pruned(walk.head());
  sweep();
}

std::uint64_t UndoList::memory_bytes() const {
  return chunks_.load(std::memory_order_relaxed) * sizeof(Chunk) +
         links_bytes_.load(std::memory_order_relaxed) +
         index_bytes_.load(std::memory_order_relaxed);
}

}  // namespace talea
