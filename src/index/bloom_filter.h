// A split-block Bloom filter: a set of keys that may say "perhaps" of an absent key and never "no"
// of a present one.
//
// The filter is an array of blocks of 32 bytes, eight words of 32 bits. A key selects one block,
// and in each word of it one bit:
//
//     hash ──┬── high 32 bits ──> which block
//            └── low 32 bits * salt[w] ──> which bit of word w, for w = 0..7
//
// One look-up touches one cache line. This file knows single blocks; where they lie is the
// business of the run format (docs/formats/run.md, "Filter").
//
// Source: Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, WEA 2007;
// constants of Apache Parquet, BloomFilter.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "talea/bytes.h"

namespace talea {

inline constexpr std::size_t kBloomBlockBytes = 32;

/// Measured (bloom_filter_test): 0.54 % false positives, so that three runs that overlap stay below
/// 0.02 reads for an absent key. 11 bits give 0.81 %, 10 bits 1.26 %.
inline constexpr std::uint64_t kBloomBitsPerKey = 12;

/// XXH3-64 with seed 0, fixed by the run format.
std::uint64_t bloom_hash(BytesView key);

/// The number of blocks for `keys` keys: at least 1, at most 2^32 - 1.
std::uint64_t bloom_blocks_for(std::uint64_t keys);

/// The block among `blocks` that `hash` belongs to.
inline std::uint64_t bloom_block_of(std::uint64_t hash, std::uint64_t blocks) {
  return ((hash >> 32) * blocks) >> 32;
}

/// Adds the key of `hash` to its block, of kBloomBlockBytes bytes.
void bloom_insert(char* block, std::uint64_t hash);

/// False when the key of `hash` was never added to its block.
bool bloom_may_contain(const char* block, std::uint64_t hash);

}  // namespace talea
