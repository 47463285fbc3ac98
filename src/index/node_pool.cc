#include "index/node_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/assert.h"

// With the address sanitizer a free block is out of bounds, so that a reader that comes too late
// is caught.
#if defined(__SANITIZE_ADDRESS__)
#define TALEA_POOL_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TALEA_POOL_POISON 1
#endif
#endif
#if defined(TALEA_POOL_POISON)
#include <sanitizer/asan_interface.h>
#endif

namespace talea {
namespace {

constexpr std::size_t kChunksOfRegion = NodePool::kRegionBytes / NodePool::kChunkBytes;
static_assert(kChunksOfRegion == 32, "Region::free_chunks has a bit for each");
// In front of the blocks of a chunk: the header of the region (its first chunk only), then that of
// the chunk.
constexpr std::size_t kChunkHeaderOffset = 64;
constexpr std::size_t kBlocksOffset = 128;

void forbid([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#if defined(TALEA_POOL_POISON)
  ASAN_POISON_MEMORY_REGION(block, bytes);
#endif
}

void allow([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#if defined(TALEA_POOL_POISON)
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
#endif
}

char* round_down(void* address, std::size_t alignment) {
  return static_cast<char*>(address) - reinterpret_cast<std::uintptr_t>(address) % alignment;
}

/// `bytes` of zeroes at a multiple of `bytes`.
char* map_aligned(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapped);
  char* const aligned = round_down(begin + bytes - 1, bytes);
  const auto before = static_cast<std::size_t>(aligned - begin);
  if (before > 0) munmap(begin, before);
  if (before < bytes) munmap(aligned + bytes, bytes - before);
  return aligned;
}

/// Lists of items that have `previous` and `next`.
template <typename Item>
void push_front(Item*& head, Item* item) {
  item->previous = nullptr;
  item->next = head;
  if (head != nullptr) head->previous = item;
  head = item;
}

template <typename Item>
void unlink(Item*& head, Item* item) {
  (item->previous != nullptr ? item->previous->next : head) = item->next;
  if (item->next != nullptr) item->next->previous = item->previous;
}

}  // namespace

struct NodePool::FreeBlock {
  FreeBlock* next;
};

struct NodePool::Chunk {
  Chunk* previous;
  Chunk* next;
  FreeBlock* free_blocks;
  std::uint32_t fresh_offset;  // from here on no block was ever handed out
  std::uint32_t used_blocks;
  std::uint32_t size_position;
  std::uint32_t block_bytes;

  char* base() { return reinterpret_cast<char*>(this) - kChunkHeaderOffset; }
  bool has_fresh() const { return fresh_offset + block_bytes <= kChunkBytes; }
  bool is_full() const { return free_blocks == nullptr && !has_fresh(); }
};

struct NodePool::Region {
  Region* previous;
  Region* next;
  std::size_t position;       // in regions_
  std::uint32_t free_chunks;  // bit i: chunk i
};

NodePool::NodePool(std::span<const std::uint16_t> block_bytes) {
  static_assert(sizeof(Region) <= kChunkHeaderOffset);
  static_assert(sizeof(Chunk) <= kBlocksOffset - kChunkHeaderOffset);
  TALEA_ASSERT(block_bytes.size() <= kSizesMax);
  for (const std::uint16_t bytes : block_bytes) {
    TALEA_ASSERT(bytes % kBlockAlignment == 0 && bytes >= sizeof(FreeBlock));
  }
  std::copy(block_bytes.begin(), block_bytes.end(), sizes_.begin());
}

NodePool::~NodePool() {
  for (Region* region : regions_) {
    allow(region, kRegionBytes);
    munmap(region, kRegionBytes);
  }
}

NodePool::Chunk* NodePool::chunk_of(void* block) {
  return reinterpret_cast<Chunk*>(round_down(block, kChunkBytes) + kChunkHeaderOffset);
}

NodePool::Region* NodePool::region_of(Chunk* chunk) {
  return reinterpret_cast<Region*>(round_down(chunk, kRegionBytes));
}

void* NodePool::allocate(std::size_t size_position) {
  Chunk* chunk = chunks_with_room_[size_position];
  if (chunk == nullptr) chunk = take_chunk(size_position);
  void* block;
  if (chunk->free_blocks != nullptr) {
    block = chunk->free_blocks;
    allow(block, chunk->block_bytes);
    chunk->free_blocks = chunk->free_blocks->next;
  } else {
    block = chunk->base() + chunk->fresh_offset;
    allow(block, chunk->block_bytes);
    chunk->fresh_offset += chunk->block_bytes;
  }
  ++chunk->used_blocks;
  block_bytes_ += chunk->block_bytes;
  if (chunk->is_full()) unlink(chunks_with_room_[size_position], chunk);
  return block;
}

void NodePool::free(void* block) {
  Chunk* const chunk = chunk_of(block);
  TALEA_ASSERT(chunk->used_blocks > 0);
  if (chunk->is_full()) push_front(chunks_with_room_[chunk->size_position], chunk);
  chunk->free_blocks = new (block) FreeBlock{chunk->free_blocks};
  forbid(block, chunk->block_bytes);
  block_bytes_ -= chunk->block_bytes;
  if (--chunk->used_blocks == 0) give_back(chunk);
}

NodePool::Chunk* NodePool::take_chunk(std::size_t size_position) {
  Region* const region = regions_with_room_ != nullptr ? regions_with_room_ : add_region();
  if (region->free_chunks == ~std::uint32_t{0}) --empty_regions_;
  const auto position = static_cast<std::size_t>(std::countr_zero(region->free_chunks));
  region->free_chunks &= region->free_chunks - 1;
  if (region->free_chunks == 0) unlink(regions_with_room_, region);

  char* const base = reinterpret_cast<char*>(region) + position * kChunkBytes;
  Chunk* const chunk = new (base + kChunkHeaderOffset) Chunk{};
  chunk->fresh_offset = kBlocksOffset;
  chunk->size_position = static_cast<std::uint32_t>(size_position);
  chunk->block_bytes = sizes_[size_position];
  forbid(base + kBlocksOffset, kChunkBytes - kBlocksOffset);
  push_front(chunks_with_room_[size_position], chunk);
  return chunk;
}

void NodePool::give_back(Chunk* chunk) {
  unlink(chunks_with_room_[chunk->size_position], chunk);
  Region* const region = region_of(chunk);
  if (region->free_chunks == 0) push_front(regions_with_room_, region);
  const std::size_t offset =
      static_cast<std::size_t>(chunk->base() - reinterpret_cast<char*>(region));
  region->free_chunks |= std::uint32_t{1} << (offset / kChunkBytes);
  if (region->free_chunks != ~std::uint32_t{0}) return;
  // One empty region is kept, so that a tree at the edge of one does not map and unmap it again
  // and again.
  if (empty_regions_ > 0) {
    remove_region(region);
  } else {
    ++empty_regions_;
  }
}

NodePool::Region* NodePool::add_region() {
  if (regions_.size() == regions_.capacity()) regions_.reserve(2 * regions_.size() + 8);
  char* const base = map_aligned(kRegionBytes);
  // A dependent miss of the address cache costs as much as one of the data. A small tree does
  // not need huge pages, and shall not take 2 MiB.
  if (!regions_.empty()) madvise(base, kRegionBytes, MADV_HUGEPAGE);
  Region* const region = new (base) Region{};
  region->position = regions_.size();
  region->free_chunks = ~std::uint32_t{0};
  regions_.push_back(region);
  push_front(regions_with_room_, region);
  ++empty_regions_;
  return region;
}

void NodePool::remove_region(Region* region) {
  unlink(regions_with_room_, region);
  regions_[region->position] = regions_.back();
  regions_[region->position]->position = region->position;
  regions_.pop_back();
  allow(region, kRegionBytes);
  munmap(region, kRegionBytes);
}

}  // namespace talea
