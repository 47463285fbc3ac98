#include "io/crash_content.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/assert.h"

#if defined(__SANITIZE_THREAD__)
#define TALEA_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TALEA_THREAD_SANITIZER 1
#endif
#endif

namespace talea {
namespace {

constexpr char kZeros[CrashContent::kPageBytes] = {};

std::uint64_t pages_in(std::uint64_t bytes) {
  return (bytes + CrashContent::kPageBytes - 1) / CrashContent::kPageBytes;
}

// The kernel may look at a page while its owner stores into it, and so does the fake. The thread
// sanitizer would rightly call that a race of ours, so there it is done out of its sight.
#if defined(TALEA_THREAD_SANITIZER)
__attribute__((no_sanitize("thread"), noinline)) void copy_live(char* to, const char* from,
                                                                std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}
// In words, since this runs over all that is mapped for writing. Both start at a page.
__attribute__((no_sanitize("thread"), noinline)) bool equals_live(const char* live,
                                                                  const char* page,
                                                                  std::size_t bytes) {
  std::size_t i = 0;
  for (std::uint64_t word; i + sizeof word <= bytes; i += sizeof word) {
    std::memcpy(&word, page + i, sizeof word);
    const auto* live_word = static_cast<const std::uint64_t*>(static_cast<const void*>(live + i));
    if (__atomic_load_n(live_word, __ATOMIC_RELAXED) != word) return false;
  }
  while (i < bytes && __atomic_load_n(live + i, __ATOMIC_RELAXED) == page[i]) ++i;
  return i == bytes;
}
#else
void copy_live(char* to, const char* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
bool equals_live(const char* live, const char* page, std::size_t bytes) {
  return std::memcmp(live, page, bytes) == 0;
}
#endif

// Calls `visit(page number, offset in page, position in range, bytes)` for each page of a range.
template <typename Visit>
void for_each_page(std::uint64_t offset, std::uint64_t bytes, Visit visit) {
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t number = (offset + done) / CrashContent::kPageBytes;
    const std::size_t start = (offset + done) % CrashContent::kPageBytes;
    const std::size_t count =
        std::min<std::uint64_t>(CrashContent::kPageBytes - start, bytes - done);
    visit(number, start, static_cast<std::size_t>(done), count);
    done += count;
  }
}

}  // namespace

PowerCut::PowerCut(Kind kind, std::uint64_t seed) : kind_(kind), random_(seed) {
  constexpr std::array<std::size_t, 5> kBiases = {1, 4, 8, 12, 15};
  kept_of_16_ = kBiases[pick(kBiases.size())];
}

bool PowerCut::keeps() {
  if (kind_ != Kind::random) return kind_ == Kind::keep_everything;
  return pick(16) < kept_of_16_;
}

std::size_t PowerCut::pick(std::size_t count) {
  return static_cast<std::size_t>(random_.next_u64() % count);
}

CrashContent::Window::Window() {
  void* const memory =
      ::mmap(nullptr, kWindowBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TALEA_ASSERT(memory != MAP_FAILED);
  start_ = static_cast<char*>(memory);
}

CrashContent::Window::~Window() { ::munmap(start_, kWindowBytes); }

void CrashContent::Window::follow(std::uint64_t file_bytes) {
  const std::uint64_t reach = std::min(pages_in(file_bytes) * kPageBytes, kWindowBytes);
  const std::uint64_t first = std::min(reach, reach_);
  const std::uint64_t end = std::max(reach, reach_);
  if (first == end) return;
  const int protection = reach > reach_ ? PROT_READ | PROT_WRITE : PROT_NONE;
  TALEA_ASSERT(::mprotect(start_ + first, end - first, protection) == 0);
  reach_ = reach;
}

const char* CrashContent::bytes_of(const PageReference& page) {
  return page == nullptr ? kZeros : page->bytes.data();
}

std::size_t CrashContent::read(std::uint64_t offset, char* out, std::size_t bytes) const {
  if (offset >= size()) return 0;
  bytes = std::min<std::uint64_t>(bytes, size() - offset);
  if (window_ != nullptr && offset + bytes <= kWindowBytes) {
    std::memcpy(out, window_->start() + offset, bytes);
    return bytes;
  }
  for_each_page(offset, bytes,
                [&](std::uint64_t number, std::size_t start, std::size_t done, std::size_t count) {
                  std::memcpy(out + done, bytes_of(pages_[number]) + start, count);
                });
  return bytes;
}

void CrashContent::write(std::uint64_t offset, BytesView data) {
  if (data.empty()) return;
  if (offset + data.size() > size()) resize(offset + data.size());
  for_each_page(offset, data.size(),
                [&](std::uint64_t number, std::size_t start, std::size_t done, std::size_t count) {
                  if (!written_ranges_.empty()) absorb_page(number);
                  record(number, start, data.substr(done, count), /*stored=*/false);
                });
  if (window_ != nullptr && offset < kWindowBytes) {
    std::memcpy(window_->start() + offset, data.data(),
                std::min<std::uint64_t>(data.size(), kWindowBytes - offset));
  }
}

void CrashContent::resize(std::uint64_t bytes) {
  const std::uint64_t before = size();
  if (bytes == before) return;
  if (bytes < before) {
    absorb();
    // The bytes cut off read as zero when the file grows again. That is a change of their pages,
    // which may reach the disk before or after that of the length.
    for_each_page(bytes, before - bytes,
                  [&](std::uint64_t number, std::size_t start, std::size_t, std::size_t count) {
                    if (pages_[number] == nullptr && !dirty_.contains(number)) return;
                    record(number, start, {kZeros, count}, /*stored=*/false);
                  });
    if (window_ != nullptr && bytes < kWindowBytes) {
      std::memset(window_->start() + bytes, 0, std::min(before, kWindowBytes) - bytes);
    }
  } else {
    TALEA_ASSERT(!stored_behind_the_end());
  }
  if (window_ != nullptr) window_->follow(bytes);
  pages_.resize(pages_in(bytes));
  lengths_.push_back(bytes);
}

bool CrashContent::stored_behind_the_end() const {
  if (window_ == nullptr || size() >= window_->reach()) return false;
  Page behind;
  const std::uint64_t start = window_->reach() - kPageBytes;
  copy_live(behind.bytes.data(), window_->start() + start, kPageBytes);
  const auto* const end = behind.bytes.cbegin() + static_cast<std::ptrdiff_t>(size() - start);
  return std::any_of(end, behind.bytes.cend(), [](char byte) { return byte != 0; });
}

CrashContent::Page& CrashContent::page_for_writing(std::uint64_t number) {
  auto [found, is_new] = dirty_.try_emplace(number);
  Dirty& dirty = found->second;
  PageReference& page = pages_[number];
  if (is_new) dirty.durable = page;
  if (is_new || dirty.shared || page == nullptr) {
    page = page == nullptr ? std::make_shared<Page>() : std::make_shared<Page>(*page);
    dirty.shared = false;
  }
  dirty.dropped = false;
  return *page;
}

void CrashContent::record(std::uint64_t number, std::size_t offset, BytesView data, bool stored) {
  Page& page = page_for_writing(number);
  std::memcpy(page.bytes.data() + offset, data.data(), data.size());
  dirty_[number].changes.push_back({offset, Bytes(data), stored});
}

void CrashContent::absorb() {
  for (const auto& [offset, bytes] : written_ranges_) {
    const std::uint64_t end = std::min(pages_in(offset + bytes), pages_in(size()));
    for (std::uint64_t number = offset / kPageBytes; number < end; ++number) absorb_page(number);
  }
}

void CrashContent::absorb_page(std::uint64_t number) {
  const std::uint64_t start = number * kPageBytes;
  if (window_ == nullptr || start >= kWindowBytes) return;
  // Stores behind the end of the file are none of the file's.
  const std::size_t length = std::min<std::uint64_t>(kPageBytes, size() - start);
  const char* const before = bytes_of(pages_[number]);
  if (equals_live(window_->start() + start, before, length)) return;

  Page live;
  copy_live(live.bytes.data(), window_->start() + start, length);
  const char* const after = live.bytes.data();
  const std::size_t first =
      static_cast<std::size_t>(std::mismatch(before, before + length, after).first - before);
  if (first == length) return;  // the owner stored back what was there, since the comparison
  std::size_t end = length;
  while (before[end - 1] == after[end - 1]) --end;
  record(number, first, {after + first, end - first}, /*stored=*/true);
}

void CrashContent::sync() {
  absorb();
  std::erase_if(dirty_, [](const auto& entry) { return !entry.second.dropped; });
  lengths_ = {size()};
}

void CrashContent::drop() {
  absorb();
  for (auto& [number, dirty] : dirty_) dirty.dropped = true;
}

void CrashContent::make_durable() {
  absorb();
  dirty_.clear();
  lengths_ = {size()};
}

std::shared_ptr<CrashContent::Window> CrashContent::map(std::uint64_t offset, std::uint64_t bytes,
                                                        bool writable) {
  TALEA_ASSERT(offset + bytes <= kWindowBytes);
  if (window_ == nullptr) {
    window_ = std::make_shared<Window>();
    window_->follow(size());
    for (std::size_t number = 0; number < pages_.size(); ++number) {
      if ((number + 1) * kPageBytes > kWindowBytes) break;
      if (pages_[number] == nullptr) continue;  // fresh memory is zero
      std::memcpy(window_->start() + number * kPageBytes, bytes_of(pages_[number]), kPageBytes);
    }
  }
  ++mappings_;
  if (writable) written_ranges_.emplace_back(offset, bytes);
  return window_;
}

void CrashContent::unmap(const std::shared_ptr<Window>& window, std::uint64_t offset,
                         std::uint64_t bytes, bool writable) {
  if (window != window_) return;  // detached since
  if (writable) {
    absorb();
    const auto range =
        std::find(written_ranges_.begin(), written_ranges_.end(), std::pair(offset, bytes));
    TALEA_ASSERT(range != written_ranges_.end());
    written_ranges_.erase(range);
  }
  if (--mappings_ == 0) detach();
}

void CrashContent::detach() {
  absorb();
  window_ = nullptr;
  mappings_ = 0;
  written_ranges_.clear();
}

// The page after `changes` of its changes. When the next one came through a mapping, a part of it
// may be there already.
CrashContent::PageReference CrashContent::state_of(const Dirty& dirty, std::size_t changes,
                                                   PowerCut& cut) {
  const bool has_next = changes < dirty.changes.size() && dirty.changes[changes].stored;
  if (changes == 0 && !has_next) return dirty.durable;
  auto page =
      dirty.durable == nullptr ? std::make_shared<Page>() : std::make_shared<Page>(*dirty.durable);
  const auto apply = [&](const Change& change, std::size_t from, std::size_t to) {
    std::memcpy(page->bytes.data() + change.offset + from, change.bytes.data() + from, to - from);
  };
  for (std::size_t i = 0; i < changes; ++i) {
    apply(dirty.changes[i], 0, dirty.changes[i].bytes.size());
  }
  if (has_next) {
    constexpr std::size_t kWordBytes = 8;
    const Change& next = dirty.changes[changes];
    const std::size_t end = next.offset + next.bytes.size();
    const std::size_t point = cut.pick((end + kWordBytes - 1) / kWordBytes + 1) * kWordBytes;
    const std::size_t middle = std::clamp(point, next.offset, end) - next.offset;
    if (cut.pick(2) == 0) {
      apply(next, 0, middle);
    } else {
      apply(next, middle, next.bytes.size());
    }
  }
  return page;
}

// What the disk holds of a dirty page after the cut.
CrashContent::PageReference CrashContent::remains_of(const Dirty& dirty, PowerCut& cut) {
  const std::size_t newest = dirty.changes.size();
  if (cut.kind() == PowerCut::Kind::lose_everything) return dirty.durable;
  if (cut.kind() == PowerCut::Kind::keep_everything) {
    return dirty.dropped ? dirty.durable : state_of(dirty, newest, cut);
  }
  if (dirty.dropped) {
    // The page was to be lost, and that is the case to meet often.
    if (cut.pick(2) == 0) return dirty.durable;
  } else if (cut.keeps()) {
    return state_of(dirty, newest, cut);
  }
  const std::size_t fate = cut.pick(4);
  if (fate == 0) return dirty.durable;
  const std::size_t chosen = cut.pick(newest + 1);
  PageReference one = state_of(dirty, chosen, cut);
  if (fate == 1) return one;

  // Torn: mostly at one sector, now and then with every sector on its own.
  constexpr std::size_t kSectors = kPageBytes / kSectorBytes;
  const std::size_t another = (chosen + 1 + cut.pick(newest)) % (newest + 1);
  const PageReference other = state_of(dirty, another, cut);
  auto torn = std::make_shared<Page>(one == nullptr ? Page{} : *one);
  const bool at_one_sector = cut.pick(4) != 0;
  const std::size_t boundary = 1 + cut.pick(kSectors - 1);
  for (std::size_t sector = 0; sector < kSectors; ++sector) {
    const bool from_other = at_one_sector ? sector >= boundary : cut.pick(2) == 0;
    if (!from_other) continue;
    std::memcpy(torn->bytes.data() + sector * kSectorBytes, bytes_of(other) + sector * kSectorBytes,
                kSectorBytes);
  }
  return torn;
}

std::uint64_t CrashContent::remaining_length(PowerCut& cut) const {
  if (cut.kind() == PowerCut::Kind::lose_everything) return lengths_.front();
  if (lengths_.size() == 1 || cut.keeps()) return lengths_.back();
  const std::size_t chosen = cut.pick(2) == 0 ? 0 : cut.pick(lengths_.size());
  const std::uint64_t length = lengths_[chosen];
  const std::uint64_t next = chosen + 1 < lengths_.size() ? lengths_[chosen + 1] : 0;
  if (next <= length || cut.pick(2) == 0) return length;
  // The call that made the file grow to `next` may have come as far as a page boundary.
  const std::uint64_t boundaries_before = length / kPageBytes;
  const std::uint64_t boundaries_after = (next - 1) / kPageBytes;
  if (boundaries_after == boundaries_before) return length;
  return (boundaries_before + 1 + cut.pick(boundaries_after - boundaries_before)) * kPageBytes;
}

void CrashContent::settle(PowerCut& cut) {
  detach();
  const std::uint64_t length = remaining_length(cut);
  pages_.resize(std::max<std::uint64_t>(pages_.size(), pages_in(length)));
  for (auto& [number, dirty] : dirty_) {
    if (number < pages_in(length)) pages_[number] = remains_of(dirty, cut);
  }
  dirty_.clear();
  lengths_ = {length};
  pages_.resize(pages_in(length));

  const std::size_t tail = length % kPageBytes;
  if (tail == 0 || pages_.back() == nullptr) return;
  auto last = std::make_shared<Page>(*pages_.back());
  std::memset(last->bytes.data() + tail, 0, kPageBytes - tail);
  pages_.back() = std::move(last);
}

CrashContent CrashContent::copy() {
  absorb();
  for (auto& [number, dirty] : dirty_) dirty.shared = true;
  CrashContent made;
  made.pages_ = pages_;
  made.lengths_ = lengths_;
  made.dirty_ = dirty_;
  return made;
}

void CrashContent::flip_bit(std::uint64_t offset, unsigned bit) {
  TALEA_ASSERT(offset < size() && bit < 8);
  absorb();
  const std::uint64_t number = offset / kPageBytes;
  auto page = std::make_shared<Page>();
  std::memcpy(page->bytes.data(), bytes_of(pages_[number]), kPageBytes);
  char& byte = page->bytes[offset % kPageBytes];
  byte = static_cast<char>(byte ^ (1 << bit));
  if (window_ != nullptr && offset < kWindowBytes) window_->start()[offset] = byte;
  pages_[number] = std::move(page);
  dirty_.erase(number);
}

}  // namespace talea
