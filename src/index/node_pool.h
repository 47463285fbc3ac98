// NodePool: memory for the nodes of a tree, a few fixed sizes, without an overhead for each block.
//
//     region, 2 MiB, from the system       | chunk | chunk | ... | chunk |     32 chunks
//     chunk, 64 KiB, blocks of one size    | header | block | block | ... |
//
// A block's chunk is found by rounding its address down, so that a block carries nothing. Free
// blocks of a chunk are a list through the blocks. An empty chunk goes back to its region and may
// serve another size; an empty region goes back to the system, all but one.
//
// Costs: a chunk with one block in use is not given back, so that random removals leave holes,
// which are filled again by insertions of the same size only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace talea {

/// Threads: externally synchronised.
class NodePool {
 public:
  static constexpr std::size_t kSizesMax = 8;
  static constexpr std::size_t kBlockAlignment = 16;
  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
  static constexpr std::size_t kRegionBytes = std::size_t{2} << 20;

  /// `block_bytes`: the sizes, multiples of kBlockAlignment; at most kSizesMax.
  explicit NodePool(std::span<const std::uint16_t> block_bytes);
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;
  /// Gives all memory back, blocks in use included.
  ~NodePool();

  /// A block of the size at `size_position`, with undefined content.
  void* allocate(std::size_t size_position);
  void free(void* block);

  /// Exactly the blocks in use.
  std::uint64_t block_bytes() const { return block_bytes_; }
  /// What was taken from the system.
  std::uint64_t memory_bytes() const { return regions_.size() * kRegionBytes; }

 private:
  struct FreeBlock;
  struct Chunk;
  struct Region;

  static Chunk* chunk_of(void* block);
  static Region* region_of(Chunk* chunk);
  Chunk* take_chunk(std::size_t size_position);
  void give_back(Chunk* chunk);
  Region* add_region();
  void remove_region(Region* region);

  std::array<std::uint32_t, kSizesMax> sizes_{};
  std::array<Chunk*, kSizesMax> chunks_with_room_{};  // the head of a list for each size
  Region* regions_with_room_ = nullptr;               // the head of a list
  std::vector<Region*> regions_;
  std::size_t empty_regions_ = 0;
  std::uint64_t block_bytes_ = 0;
};

}  // namespace talea
