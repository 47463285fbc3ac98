// The nodes of the radix tree (radix_tree.h), and what is done to one of them.
//
// A node stands for all keys that share a path of bytes. It holds the bytes that all of them share
// behind the byte that led here (the *prefix*), and a *slot* for each *symbol* that follows: one of
// 256 bytes, or the end of the key, which is in order before every byte. A slot holds a Ref: to
// a node, to a leaf, or nothing. Nodes come in eight kinds of three layouts:
//
//     list     header | prefix | bytes 62 61 66 | slots  0  1  2       up to 2, 4, 10, 16, 32
//     indexed  header | prefix | 256 positions  | slots  0  1  2       up to 48, 96
//     full     header | prefix | 256 slots, one for each byte, and one for the end
//
// The layouts are those of Leis, Kemper and Neumann, "The Adaptive Radix Tree", ICDE 2013, with
// more sizes, because two thirds of the slots of the paper's kinds are empty at unlucky counts:
// 10 is for decimal digits. A node holds the first bytes of its prefix only; the rest is to be read
// from the key of any leaf below it.
//
// What readers may see while the writer works. A node is complete before its Ref is stored
// (release) where readers find it (acquire). From then on only three things in it change:
//   - a slot that has its symbol takes another Ref, or none: one atomic store.
//   - a list takes a further symbol behind the others: slot, then byte, then `used` (release).
//     A reader that loads the old `used` (acquire) does not look at the new byte.
//   - an indexed node takes a further symbol: slot, then its position (release).
// A slot that was given to a symbol is never given to another one, also not when it is empty again:
// a reader that found the slot of `a` and is slow must not find the child of `b` there. So what is
// below a slot always continues the same path. All other changes (another prefix, more or fewer
// slots, a slot for the end) are made in a copy that replaces the node in its parent's slot.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/prefetch.h"
#include "index/node_pool.h"
#include "talea/bytes.h"

namespace talea::radix {

/// What follows a path: 0 is the end of the key, 1 + b is the byte b.
using Symbol = std::uint32_t;
inline constexpr Symbol kEndOfKey = 0;
inline constexpr Symbol kSymbolMax = 256;

inline Symbol symbol_at(BytesView key, std::size_t position) {
  return position == key.size() ? kEndOfKey : Symbol{1} + static_cast<unsigned char>(key[position]);
}

enum class Kind : std::uint8_t { list2, list4, list10, list16, list32, indexed48, indexed96, full };

struct NodeLayout {
  std::uint16_t slots;
  std::uint16_t prefix_bytes;  // as many are held in the node
  std::uint16_t key_words;     // of a list: the bytes, as words of eight (or four)
  std::uint16_t slots_offset;
  std::uint16_t bytes;
};

inline constexpr std::size_t kKinds = 8;
inline constexpr std::array<NodeLayout, kKinds> kNodeLayouts = {{{2, 4, 1, 16, 32},
                                                                 {4, 4, 1, 16, 48},
                                                                 {10, 24, 2, 48, 128},
                                                                 {16, 24, 2, 48, 176},
                                                                 {32, 24, 4, 64, 320},
                                                                 {48, 24, 0, 288, 672},
                                                                 {96, 24, 0, 288, 1056},
                                                                 {257, 24, 0, 32, 2096}}};

constexpr const NodeLayout& layout_of(Kind kind) {
  return kNodeLayouts[static_cast<std::size_t>(kind)];
}

/// In front of each node; the prefix follows at once.
struct NodeHeader {
  std::uint32_t prefix_bytes;      // of the whole prefix, also of what is not held
  std::uint16_t live;              // slots that are not empty; for the writer only
  std::atomic<std::uint8_t> used;  // list, indexed: slots that were given to a symbol
  bool has_end;                    // list, indexed: slot 0 is that of the end of the key
};
static_assert(sizeof(NodeHeader) == 8);

/// A word that says what a slot holds: nothing (0), a leaf (bit 0), or a node (its address, and its
/// kind in bits 1 to 3, so that the way through a node is known before its memory arrives).
class Ref {
 public:
  constexpr Ref() = default;
  constexpr explicit Ref(std::uint64_t bits) : bits_(bits) {}
  static constexpr Ref leaf(std::uint64_t word) { return Ref(word | 1); }
  static Ref node(void* address, Kind kind) {
    return Ref(reinterpret_cast<std::uintptr_t>(address) | std::uint64_t{2} * std::uint64_t(kind));
  }

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool is_empty() const { return bits_ == 0; }
  constexpr bool is_leaf() const { return (bits_ & 1) != 0; }
  /// Of a leaf: the caller's word.
  constexpr std::uint64_t word() const { return bits_ & ~std::uint64_t{1}; }

  constexpr Kind kind() const { return static_cast<Kind>((bits_ >> 1) & 7); }
  const NodeLayout& layout() const { return layout_of(kind()); }
  char* address() const {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what a tagged pointer is.
    return reinterpret_cast<char*>(bits_ & ~std::uint64_t{15});
  }
  NodeHeader& header() const { return *reinterpret_cast<NodeHeader*>(address()); }
  std::size_t prefix_bytes() const { return header().prefix_bytes; }
  /// How many bytes of the prefix the node holds.
  std::size_t prefix_bytes_held() const {
    const std::size_t held_max = layout().prefix_bytes;
    return prefix_bytes() < held_max ? prefix_bytes() : held_max;
  }
  const char* prefix() const { return address() + sizeof(NodeHeader); }

  friend constexpr bool operator==(Ref, Ref) = default;

 private:
  std::uint64_t bits_ = 0;
};

/// A place for a Ref. Stores are release, and loads by readers acquire: what the Ref leads to was
/// built before.
class Slot {
 public:
  Ref load() const { return Ref(bits_.load(std::memory_order_acquire)); }
  void store(Ref ref) { bits_.store(ref.bits(), std::memory_order_release); }

 private:
  std::atomic<std::uint64_t> bits_ = 0;
};
static_assert(sizeof(Slot) == 8);

namespace internal {

using Position = std::atomic<std::uint8_t>;  // 0: none, else 1 + position of the slot

inline constexpr std::size_t kPositionsOffset = 32;

template <Kind kKind>
Slot* slots_of(char* node) {
  return reinterpret_cast<Slot*>(node + layout_of(kKind).slots_offset);
}

template <Kind kKind>
inline constexpr bool kHasShortKeys = layout_of(kKind).slots <= 4;
template <Kind kKind>
using KeyWord = std::conditional_t<kHasShortKeys<kKind>, std::uint32_t, std::uint64_t>;

/// The bytes of a list's symbols, four or eight in a word, the first in the lowest bits. Words,
/// because they are searched as words, and an atomic is to be accessed in one size only.
template <Kind kKind>
std::atomic<KeyWord<kKind>>* key_words_of(char* node) {
  constexpr std::size_t kOffset =
      sizeof(NodeHeader) + layout_of(kKind).prefix_bytes;  // behind the prefix
  static_assert(kOffset % sizeof(KeyWord<kKind>) == 0);
  return reinterpret_cast<std::atomic<KeyWord<kKind>>*>(node + kOffset);
}

/// Bit 7 of each byte of `word` that is `byte`, exactly.
/// Source: Warren, "Hacker's Delight", 6-1 (no carries between bytes, so no false hits).
inline std::uint64_t bytes_equal(std::uint64_t word, std::uint8_t byte) {
  constexpr std::uint64_t kLow7 = 0x7f7f7f7f7f7f7f7f;
  const std::uint64_t difference = word ^ (std::uint64_t{0x0101010101010101} * byte);
  return ~(((difference & kLow7) + kLow7) | difference | kLow7);
}

template <Kind kKind>
Slot* find_in_list(char* node, Symbol symbol) {
  const NodeHeader& header = *reinterpret_cast<const NodeHeader*>(node);
  // Acquire: the bytes and slots below `used` are there. Pairs with append_to_list().
  const std::size_t used = header.used.load(std::memory_order_acquire);
  if (symbol == kEndOfKey) return header.has_end ? slots_of<kKind>(node) : nullptr;
  const auto byte = static_cast<std::uint8_t>(symbol - 1);
  for (std::size_t i = 0; i < layout_of(kKind).key_words; ++i) {
    std::uint64_t hits =
        bytes_equal(key_words_of<kKind>(node)[i].load(std::memory_order_relaxed), byte);
    // The slot of the end has no byte; what stands in its place is zero.
    if (i == 0 && header.has_end) hits &= ~std::uint64_t{0xff};
    if (hits == 0) continue;
    // Zeroes behind the used ones may be hits, but come after the true one.
    const std::size_t position = 8 * i + static_cast<std::size_t>(std::countr_zero(hits)) / 8;
    return position < used ? slots_of<kKind>(node) + position : nullptr;
  }
  return nullptr;
}

template <Kind kKind>
Slot* find_indexed(char* node, Symbol symbol) {
  if (symbol == kEndOfKey) {
    return reinterpret_cast<const NodeHeader*>(node)->has_end ? slots_of<kKind>(node) : nullptr;
  }
  const auto* positions = reinterpret_cast<const Position*>(node + kPositionsOffset);
  // Acquire: pairs with the release in append_to_indexed().
  const std::size_t position = positions[symbol - 1].load(std::memory_order_acquire);
  return position == 0 ? nullptr : slots_of<kKind>(node) + (position - 1);
}

}  // namespace internal

inline Slot* find_in_full(Ref node, Symbol symbol) {
  return internal::slots_of<Kind::full>(node.address()) + (symbol == kEndOfKey ? 256 : symbol - 1);
}

/// The slot of `symbol` in a node; null when it has none. The slot may be empty.
inline Slot* find_slot(Ref node, Symbol symbol) {
  switch (node.kind()) {
    case Kind::list2: return internal::find_in_list<Kind::list2>(node.address(), symbol);
    case Kind::list4: return internal::find_in_list<Kind::list4>(node.address(), symbol);
    case Kind::list10: return internal::find_in_list<Kind::list10>(node.address(), symbol);
    case Kind::list16: return internal::find_in_list<Kind::list16>(node.address(), symbol);
    case Kind::list32: return internal::find_in_list<Kind::list32>(node.address(), symbol);
    case Kind::indexed48: return internal::find_indexed<Kind::indexed48>(node.address(), symbol);
    case Kind::indexed96: return internal::find_indexed<Kind::indexed96>(node.address(), symbol);
    case Kind::full: return find_in_full(node, symbol);
  }
  return nullptr;
}

inline bool is_list(Ref node) { return node.kind() <= Kind::list32; }

/// Asks for the memory of a node that is to be looked into soon; of a large one, for its beginning.
inline void prefetch(Ref ref) {
  if (ref.is_empty() || ref.is_leaf()) return;
  const std::size_t bytes = ref.layout().bytes;
  for (std::size_t offset = 0; offset < bytes && offset < 320; offset += 64) {
    prefetch_line(ref.address() + offset);
  }
}

/// Asks for what find_slot() will need of a node; of an indexed or full one, if it has no prefix.
inline void prefetch_for(Ref ref, Symbol symbol) {
  if (ref.is_empty() || ref.is_leaf()) return;
  if (is_list(ref)) return prefetch(ref);
  prefetch_line(ref.address());
  if (ref.kind() == Kind::full) return prefetch_line(find_in_full(ref, symbol));
  if (symbol != kEndOfKey) {
    prefetch_line(ref.address() + internal::kPositionsOffset + symbol - 1);
  }
}

/// The same for a node that is looked into now. Which slot it will be is known only when the bytes
/// are there; to ask for both at once saves a miss after the other, a tenth of a search at a
/// million keys. The slots of larger nodes are too many.
inline void prefetch_list(Ref node) {
  if (is_list(node)) prefetch(node);
}

inline Slot* slot_at(Ref node, std::size_t position) {
  return reinterpret_cast<Slot*>(node.address() + node.layout().slots_offset) + position;
}

/// The smallest kind with `slots` slots.
Kind kind_for(std::size_t slots);

/// What a new node is to be.
struct NodeShape {
  Kind kind;
  bool has_end;              // whether a list or indexed node has a slot for the end
  const char* prefix;        // at least the bytes that the kind holds
  std::size_t prefix_bytes;  // of the whole
};

/// A node without children. Not visible to readers yet.
Ref make_node(NodePool& pool, const NodeShape& shape);
/// A node with the children of `node`.
Ref copy_node(NodePool& pool, Ref node, const NodeShape& shape);
/// Gives an absent symbol a child, where readers can see it. False when a copy is needed.
bool add_child(Ref node, Symbol symbol, Ref child);
/// Any child; empty when none was met, which readers may see while the writer moves them.
Ref any_child(Ref node);

/// Calls visit(symbol, child) for each child, in no order.
template <typename Visit>
void for_each_child(Ref node, Visit visit);

/// What the slots of a list stand for, in their order.
struct ListSymbols {
  std::size_t used;
  bool has_end;  // slot 0 is that of the end of the key, and bytes[0] means nothing
  std::array<std::uint8_t, 32> bytes;

  Symbol at(std::size_t position) const {
    return position == 0 && has_end ? kEndOfKey : Symbol{1} + bytes[position];
  }
};
ListSymbols symbols_of_list(Ref node);

template <typename Visit>
void for_each_child(Ref node, Visit visit) {
  const auto visit_slot = [&](Symbol symbol, const Slot* slot) {
    if (slot == nullptr) return;
    const Ref child = slot->load();
    if (!child.is_empty()) visit(symbol, child);
  };
  if (is_list(node)) {
    const ListSymbols symbols = symbols_of_list(node);
    for (std::size_t i = 0; i < symbols.used; ++i) visit_slot(symbols.at(i), slot_at(node, i));
    return;
  }
  for (Symbol symbol = kEndOfKey; symbol <= kSymbolMax; ++symbol) {
    visit_slot(symbol, find_slot(node, symbol));
  }
}

}  // namespace talea::radix
