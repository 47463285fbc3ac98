#include "index/radix_node.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/assert.h"

namespace talea::radix {
namespace {

template <Kind kKind>
constexpr bool layout_fits() {
  constexpr NodeLayout kLayout = layout_of(kKind);
  std::size_t behind_prefix = sizeof(NodeHeader) + kLayout.prefix_bytes;
  behind_prefix += kLayout.key_words * sizeof(internal::KeyWord<kKind>);
  if (kKind == Kind::indexed48 || kKind == Kind::indexed96) {
    behind_prefix = internal::kPositionsOffset + 256;
  }
  return behind_prefix <= kLayout.slots_offset && kLayout.slots_offset % 8 == 0 &&
         kLayout.slots_offset + 8u * kLayout.slots <= kLayout.bytes &&
         kLayout.bytes % NodePool::kBlockAlignment == 0;
}
static_assert(layout_fits<Kind::list2>() && layout_fits<Kind::list4>() &&
              layout_fits<Kind::list10>() && layout_fits<Kind::list16>() &&
              layout_fits<Kind::list32>() && layout_fits<Kind::indexed48>() &&
              layout_fits<Kind::indexed96>() && layout_fits<Kind::full>());

/// Calls visit.template operator()<kKind>() with the kind of a list.
template <typename Visit>
auto with_list_kind(Kind kind, Visit visit) {
  switch (kind) {
    case Kind::list2: return visit.template operator()<Kind::list2>();
    case Kind::list4: return visit.template operator()<Kind::list4>();
    case Kind::list10: return visit.template operator()<Kind::list10>();
    case Kind::list16: return visit.template operator()<Kind::list16>();
    default: TALEA_ASSERT(kind == Kind::list32); return visit.template operator()<Kind::list32>();
  }
}

internal::Position* positions_of(Ref node) {
  return reinterpret_cast<internal::Position*>(node.address() + internal::kPositionsOffset);
}

void append_to_list(Ref node, std::size_t position, Symbol symbol, Ref child) {
  slot_at(node, position)->store(child);
  if (symbol != kEndOfKey) {
    with_list_kind(node.kind(), [&]<Kind kKind>() {
      using Word = internal::KeyWord<kKind>;
      auto& word = internal::key_words_of<kKind>(node.address())[position / sizeof(Word)];
      const auto byte = static_cast<Word>(symbol - 1);
      word.store(word.load(std::memory_order_relaxed) | byte << (8 * (position % sizeof(Word))),
                 std::memory_order_relaxed);
    });
  }
  // Release: pairs with the acquire in find_in_list().
  node.header().used.store(static_cast<std::uint8_t>(position + 1), std::memory_order_release);
}

void append_to_indexed(Ref node, std::size_t position, Symbol symbol, Ref child) {
  slot_at(node, position)->store(child);
  if (symbol != kEndOfKey) {
    // Release: pairs with the acquire in find_indexed().
    positions_of(node)[symbol - 1].store(static_cast<std::uint8_t>(position + 1),
                                         std::memory_order_release);
  }
  node.header().used.store(static_cast<std::uint8_t>(position + 1), std::memory_order_relaxed);
}

}  // namespace

Kind kind_for(std::size_t slots) {
  std::size_t kind = 0;
  while (kNodeLayouts[kind].slots < slots) ++kind;
  return static_cast<Kind>(kind);
}

ListSymbols symbols_of_list(Ref node) {
  ListSymbols symbols;
  // Acquire: the bytes and slots below `used` are there. Pairs with append_to_list().
  symbols.used = node.header().used.load(std::memory_order_acquire);
  symbols.has_end = node.header().has_end;
  with_list_kind(node.kind(), [&]<Kind kKind>() {
    using Word = internal::KeyWord<kKind>;
    for (std::size_t i = 0; i < layout_of(kKind).key_words; ++i) {
      const Word word =
          internal::key_words_of<kKind>(node.address())[i].load(std::memory_order_relaxed);
      for (std::size_t j = 0; j < sizeof(Word); ++j) {
        symbols.bytes[i * sizeof(Word) + j] = static_cast<std::uint8_t>(word >> (8 * j));
      }
    }
  });
  return symbols;
}

Ref make_node(NodePool& pool, const NodeShape& shape) {
  const Ref node = Ref::node(pool.allocate(static_cast<std::size_t>(shape.kind)), shape.kind);
  const NodeLayout& layout = node.layout();
  // A list or indexed node keeps slot 0 for the end of the key from the first moment.
  const bool has_end = shape.has_end && shape.kind != Kind::full;
  new (node.address()) NodeHeader{.prefix_bytes = static_cast<std::uint32_t>(shape.prefix_bytes),
                                  .live = 0,
                                  .used = static_cast<std::uint8_t>(has_end ? 1 : 0),
                                  .has_end = has_end};
  if (shape.prefix_bytes > 0) {
    std::memcpy(node.address() + sizeof(NodeHeader), shape.prefix,
                std::min<std::size_t>(shape.prefix_bytes, layout.prefix_bytes));
  }
  if (is_list(node)) {
    with_list_kind(node.kind(), [&]<Kind kKind>() {
      auto* const words = internal::key_words_of<kKind>(node.address());
      for (std::size_t i = 0; i < layout.key_words; ++i) {
        new (words + i) std::atomic<internal::KeyWord<kKind>>(0);
      }
    });
  } else if (node.kind() != Kind::full) {
    for (std::size_t i = 0; i < 256; ++i) new (positions_of(node) + i) internal::Position(0);
  }
  for (std::size_t i = 0; i < layout.slots; ++i) new (slot_at(node, i)) Slot();
  return node;
}

Ref copy_node(NodePool& pool, Ref node, const NodeShape& shape) {
  const Ref copy = make_node(pool, shape);
  for_each_child(node, [&](Symbol symbol, Ref child) {
    const bool added = add_child(copy, symbol, child);
    TALEA_ASSERT(added);
  });
  return copy;
}

bool add_child(Ref node, Symbol symbol, Ref child) {
  if (Slot* const slot = find_slot(node, symbol)) {
    slot->store(child);
  } else {
    // Relaxed: the writer's own.
    const std::size_t used = node.header().used.load(std::memory_order_relaxed);
    if (symbol == kEndOfKey || used == node.layout().slots) return false;
    if (is_list(node)) {
      append_to_list(node, used, symbol, child);
    } else {
      append_to_indexed(node, used, symbol, child);
    }
  }
  ++node.header().live;
  return true;
}

Ref any_child(Ref node) {
  const std::size_t slots = node.kind() == Kind::full
                                ? layout_of(Kind::full).slots
                                : node.header().used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < slots; ++i) {
    const Ref child = slot_at(node, i)->load();
    if (!child.is_empty()) return child;
  }
  return Ref();
}

}  // namespace talea::radix
