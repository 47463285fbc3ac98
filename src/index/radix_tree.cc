#include "index/radix_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "base/assert.h"

namespace talea {

using radix::kEndOfKey;
using radix::Kind;
using radix::kSymbolMax;
using radix::Ref;
using radix::Slot;
using radix::Symbol;
using radix::symbol_at;

namespace {

constexpr auto kBlockBytes = [] {
  std::array<std::uint16_t, radix::kKinds> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = radix::kNodeLayouts[i].bytes;
  return bytes;
}();

std::size_t shared_bytes(const char* a, const char* b, std::size_t bytes) {
  return static_cast<std::size_t>(std::mismatch(a, a + bytes, b).first - a);
}

std::size_t shared_bytes(BytesView a, BytesView b) {
  return shared_bytes(a.data(), b.data(), std::min(a.size(), b.size()));
}

/// What of an entry is asked for when its key alone is wanted.
constexpr std::size_t kKeyBytesAhead = 64;

/// With as few children a node becomes smaller: three quarters of the next smaller kind, so that
/// a node at the edge is not copied to and fro.
std::size_t shrinks_at(Kind kind) {
  if (kind == Kind::list2) return 0;
  const std::size_t smaller = radix::kNodeLayouts[static_cast<std::size_t>(kind) - 1].slots;
  return smaller - smaller / 4;
}

bool has_child(Ref node, Symbol symbol) {
  const Slot* const slot = radix::find_slot(node, symbol);
  return slot != nullptr && !slot->load().is_empty();
}

}  // namespace

RadixTree::RadixTree(EpochDomain& epochs, const KeySource& keys, std::uint64_t retired_bytes_max)
    : keys_(keys), pool_(kBlockBytes), retired_(epochs, reclaimer_, retired_bytes_max) {}

// ---- Reading

std::optional<RadixTree::Word> RadixTree::find(const EpochGuard& guard, BytesView key) const {
  const std::optional<Word> candidate = find_candidate(guard, key);
  if (!candidate || !keys_.is_key_at(*candidate, key)) return std::nullopt;
  return candidate;
}

std::optional<RadixTree::Word> RadixTree::find_candidate(const EpochGuard&, BytesView key) const {
  Ref ref = root_.load();
  std::size_t depth = 0;
  while (!ref.is_empty()) {
    if (ref.is_leaf()) return ref.word();
    radix::prefetch_list(ref);
    ref = child_towards(ref, key, depth);
  }
  return std::nullopt;
}

/// The child of `node` on the way to `key`; empty when the way ends. `depth`: how many bytes of
/// the key lead to the node, and then to the child.
inline Ref RadixTree::child_towards(Ref node, BytesView key, std::size_t& depth) {
  if (const std::size_t prefix_bytes = node.prefix_bytes(); prefix_bytes > 0) {
    if (key.size() - depth < prefix_bytes) return Ref();
    if (std::memcmp(key.data() + depth, node.prefix(), node.prefix_bytes_held()) != 0) return Ref();
    depth += prefix_bytes;
  }
  const Symbol symbol = symbol_at(key, depth);
  const Slot* const slot = radix::find_slot(node, symbol);
  if (slot == nullptr) return Ref();
  if (symbol != kEndOfKey) ++depth;
  return slot->load();
}

void RadixTree::find_candidates(const EpochGuard&, std::span<const BytesView> keys,
                                std::span<Word> words) const {
  // So many as the processor can wait for; more drive each other's nodes out of the first cache.
  constexpr std::size_t kSearchesAtOnce = 16;
  struct Search {
    Ref ref;
    std::size_t depth = 0;
    std::size_t position = 0;  // in `keys`
  };
  TALEA_ASSERT(keys.size() == words.size());
  std::array<Search, kSearchesAtOnce> searches;
  std::size_t active = 0;
  std::size_t begun = 0;
  const Ref root = root_.load();
  while (active > 0 || begun < keys.size()) {
    while (active < kSearchesAtOnce && begun < keys.size()) searches[active++] = {root, 0, begun++};
    // A step of each; who is at the end makes room for the last one, which has its step next.
    for (std::size_t i = 0; i < active;) {
      Search& search = searches[i];
      if (search.ref.is_empty() || search.ref.is_leaf()) {
        words[search.position] = search.ref.is_empty() ? 0 : search.ref.word();
        search = searches[--active];
        continue;
      }
      const BytesView key = keys[search.position];
      search.ref = child_towards(search.ref, key, search.depth);
      radix::prefetch_for(search.ref, symbol_at(key, search.depth));
      ++i;
    }
  }
}

void RadixTree::find_many(const EpochGuard& guard, std::span<const BytesView> keys,
                          std::span<Word> words) const {
  find_candidates(guard, keys, words);
  keys_.prefetch(words, kKeyBytesAhead);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (words[i] != 0 && !keys_.is_key_at(words[i], keys[i])) words[i] = 0;
  }
}

/// The key of any leaf below `ref`, which is not empty.
BytesView RadixTree::key_below(Ref ref, Bytes& scratch) const {
  while (!ref.is_leaf()) {
    // A reader may pass by each child at a moment at which it is not there; there is always one.
    if (const Ref child = radix::any_child(ref); !child.is_empty()) ref = child;
  }
  return keys_.key_at(ref.word(), scratch);
}

/// The order of the prefix of `node` and of `key` from `depth` on: zero when the key has the whole
/// prefix, positive when all keys below are above it, negative when they are below it.
int RadixTree::compare_prefix(Ref node, BytesView key, std::size_t depth) const {
  const std::size_t prefix_bytes = node.prefix_bytes();
  if (prefix_bytes == 0) return 0;
  const BytesView rest = key.substr(depth, prefix_bytes);
  BytesView prefix(node.prefix(), node.prefix_bytes_held());
  Bytes scratch;
  if (prefix.size() < prefix_bytes) {
    const int order = prefix.substr(0, rest.size()).compare(rest.substr(0, prefix.size()));
    if (order != 0) return order;
    const BytesView below = key_below(node, scratch);
    TALEA_ASSERT(below.size() >= depth + prefix_bytes);
    prefix = below.substr(depth, prefix_bytes);
  }
  return prefix.compare(rest);
}

/// Goes through subtrees in order. A frame is a node and what of it is still to come.
class RadixTree::Walk {
 public:
  explicit Walk(bool ascending) : ascending_(ascending) {}

  /// What is below `node` comes before all that was pushed.
  void push(Ref node) { add_frame().begin(node, ascending_ ? kEndOfKey : kSymbolMax); }
  /// The same for the children behind `symbol`.
  void push_behind(Ref node, Symbol symbol) {
    if (ascending_ && symbol < kSymbolMax) add_frame().begin(node, symbol + 1);
    if (!ascending_ && symbol > kEndOfKey) add_frame().begin(node, symbol - 1);
  }

  /// The next leaf; empty at the end.
  Ref next() {
    while (frames_ > 0) {
      const Ref child = last_frame().take(ascending_);
      if (child.is_leaf()) return child;
      if (child.is_empty()) {
        pop();
      } else {
        push(child);
      }
    }
    return Ref();
  }

 private:
  class Frame {
   public:
    // Many frames of a short scan are never looked into: the work is left to take().
    void begin(Ref node, Symbol from) {
      node_ = node;
      next_ = from;
      is_fresh_ = true;
    }

    /// The next child; empty when there is none.
    Ref take(bool ascending) {
      if (is_fresh_) {
        if (radix::is_list(node_)) sort(ascending);
        upcoming_ = look_up(ascending);
        is_fresh_ = false;
      }
      const Ref child = upcoming_;
      if (child.is_empty()) return child;
      upcoming_ = look_up(ascending);
      radix::prefetch(upcoming_);
      return child;
    }

   private:
    static constexpr Symbol kNoSymbol = kSymbolMax + 1;

    /// Lists are not in order: notes what is to come as a bitmap.
    void sort(bool ascending) {
      bytes_to_come_ = {};
      end_to_come_ = false;
      const radix::ListSymbols symbols = radix::symbols_of_list(node_);
      if (symbols.has_end) end_to_come_ = !ascending || next_ == kEndOfKey;
      // Bytes from `low` to `high`, both included, are to come.
      const unsigned low = ascending && next_ > 0 ? next_ - 1 : 0;
      const unsigned high = ascending ? 255 : next_ - 1;  // none when only the end is
      if (!ascending && next_ == kEndOfKey) return;
      for (std::size_t i = symbols.has_end ? 1 : 0; i < symbols.used; ++i) {
        const unsigned byte = symbols.bytes[i];
        if (byte < low || byte > high) continue;
        bytes_to_come_[byte / 64] |= std::uint64_t{1} << (byte % 64);
        slot_of_byte_[byte] = static_cast<std::uint8_t>(i);
        prefetch_if_small(radix::slot_at(node_, i)->load());
      }
    }

    // A small node is done with before the next one arrives: all of them are asked for at once.
    static void prefetch_if_small(Ref child) {
      constexpr std::size_t kSmallBytes = 128;
      if (!child.is_empty() && !child.is_leaf() && child.layout().bytes <= kSmallBytes) {
        radix::prefetch(child);
      }
    }

    Ref look_up(bool ascending) {
      if (node_.kind() == Kind::full) return look_up_in_full(ascending);
      const bool is_list = radix::is_list(node_);
      for (;;) {
        const Slot* const slot = is_list ? next_of_list(ascending) : next_of_indexed(ascending);
        if (slot == nullptr) return Ref();
        const Ref child = slot->load();
        if (!child.is_empty()) return child;
      }
    }

    Ref look_up_in_full(bool ascending) {
      while (next_ != kNoSymbol) {
        const Ref child = radix::find_in_full(node_, take_symbol(ascending))->load();
        if (!child.is_empty()) return child;
      }
      return Ref();
    }

    Symbol take_symbol(bool ascending) {
      const Symbol symbol = next_;
      if (ascending) {
        next_ = symbol + 1;  // kNoSymbol at the end
      } else {
        next_ = symbol == kEndOfKey ? kNoSymbol : symbol - 1;
      }
      return symbol;
    }

    const Slot* next_of_list(bool ascending) {
      if (ascending && end_to_come_) return take_end();
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t word = ascending ? i : 3 - i;
        std::uint64_t& bits = bytes_to_come_[word];
        if (bits == 0) continue;
        const int bit = ascending ? std::countr_zero(bits) : 63 - std::countl_zero(bits);
        bits &= ~(std::uint64_t{1} << bit);
        return radix::slot_at(node_, slot_of_byte_[64 * word + static_cast<std::size_t>(bit)]);
      }
      return end_to_come_ ? take_end() : nullptr;
    }

    const Slot* take_end() {
      end_to_come_ = false;
      return radix::slot_at(node_, 0);
    }

    const Slot* next_of_indexed(bool ascending) {
      while (next_ != kNoSymbol) {
        const Slot* const slot = radix::find_slot(node_, take_symbol(ascending));
        if (slot != nullptr) return slot;
      }
      return nullptr;
    }

    Ref node_;
    Ref upcoming_;     // is fetched while the one before it is worked on
    Symbol next_ = 0;  // fresh, and of other nodes than lists: where to go on
    bool is_fresh_ = false;
    bool end_to_come_ = false;
    std::array<std::uint64_t, 4> bytes_to_come_;
    std::array<std::uint8_t, 256> slot_of_byte_;
  };

  Frame& add_frame() {
    if (frames_++ < kShallowFrames) return shallow_frames_[frames_ - 1];
    return deep_frames_.emplace_back();
  }
  Frame& last_frame() {
    return frames_ <= kShallowFrames ? shallow_frames_[frames_ - 1] : deep_frames_.back();
  }
  void pop() {
    if (frames_-- > kShallowFrames) deep_frames_.pop_back();
  }

  const bool ascending_;
  // As many as most trees are deep need no allocation.
  static constexpr std::size_t kShallowFrames = 8;
  std::size_t frames_ = 0;
  std::array<Frame, kShallowFrames> shallow_frames_;
  std::vector<Frame> deep_frames_;
};

/// Pushes all that lies behind `from`; returns the leaf that is to come before it, if there is one.
std::optional<RadixTree::Word> RadixTree::seek(Walk& walk, const Bound& from,
                                               bool ascending) const {
  Ref ref = root_.load();
  std::size_t depth = 0;
  while (!ref.is_empty()) {
    if (ref.is_leaf()) {
      Bytes scratch;
      const int order = keys_.key_at(ref.word(), scratch).compare(from.key);
      if (order == 0 ? from.inclusive : (order > 0) == ascending) return ref.word();
      return std::nullopt;
    }
    radix::prefetch_list(ref);
    const int order = compare_prefix(ref, from.key, depth);
    if (order != 0) {
      if ((order > 0) == ascending) walk.push(ref);
      return std::nullopt;
    }
    depth += ref.prefix_bytes();
    const Symbol symbol = symbol_at(from.key, depth);
    walk.push_behind(ref, symbol);
    const Slot* const slot = radix::find_slot(ref, symbol);
    if (slot == nullptr) return std::nullopt;
    ref = slot->load();
    if (symbol != kEndOfKey) ++depth;
  }
  return std::nullopt;
}

std::size_t RadixTree::rows(const EpochGuard&, std::optional<Bound> from, Direction direction,
                            std::span<Word> words, Ahead ahead) const {
  if (words.empty()) return 0;
  const bool ascending = direction == Direction::ascending;
  Walk walk(ascending);
  std::size_t count = 0;
  if (from) {
    if (const std::optional<Word> first = seek(walk, *from, ascending)) words[count++] = *first;
  } else {
    const Ref root = root_.load();
    if (root.is_leaf()) words[count++] = root.word();
    if (!root.is_empty() && !root.is_leaf()) walk.push(root);
  }
  const auto take = [&](std::size_t until) {
    while (count < until) {
      const Ref leaf = walk.next();
      if (leaf.is_empty()) return false;
      words[count++] = leaf.word();
    }
    return true;
  };
  // In small groups, so that entries and the nodes behind them are waited for together.
  constexpr std::size_t kRowsAtOnce = 8;
  for (std::size_t asked = 0; asked < std::min(ahead.rows, words.size());) {
    const bool is_full = take(std::min({asked + kRowsAtOnce, ahead.rows, words.size()}));
    keys_.prefetch(words.subspan(asked, count - asked), ahead.bytes);
    if (!is_full) return count;
    asked = count;
  }
  (void)take(words.size());
  return count;
}

// ---- Changing

/// Where a descent along a key ended.
struct RadixTree::Place {
  enum class End : std::uint8_t {
    at_leaf,          // or the tree is empty
    no_child,         // the node has the prefix, and no child for the symbol that follows
    prefix_differs,   // after `prefix_matched` bytes
    prefix_is_longer  // than the rest of the key, which is like it as far as it is held
  };
  End end = End::at_leaf;
  Ref ref;
  Slot* slot = nullptr;     // holds ref
  std::size_t depth = 0;    // where the prefix of ref begins in the key
  bool is_verified = true;  // every byte of the way was compared, none taken on trust
  std::size_t prefix_matched = 0;
  Slot* parent = nullptr;  // holds the node that `slot` is in; null at the root
  std::size_t parent_depth = 0;
};

RadixTree::Place RadixTree::descend(BytesView key) {
  Place place;
  place.slot = &root_;
  for (;;) {
    const Ref ref = place.ref = place.slot->load();
    if (ref.is_empty() || ref.is_leaf()) return place;
    radix::prefetch_list(ref);
    const std::size_t prefix_bytes = ref.prefix_bytes();
    if (prefix_bytes > 0) {
      const std::size_t held = ref.prefix_bytes_held();
      const std::size_t rest = key.size() - place.depth;
      const std::size_t matched =
          shared_bytes(ref.prefix(), key.data() + place.depth, std::min(held, rest));
      if (matched < held) {
        place.end = Place::End::prefix_differs;
        place.prefix_matched = matched;
        return place;
      }
      if (rest < prefix_bytes) {
        place.end = Place::End::prefix_is_longer;
        return place;
      }
      if (held < prefix_bytes) place.is_verified = false;
    }
    const Symbol symbol = symbol_at(key, place.depth + prefix_bytes);
    Slot* const slot = radix::find_slot(ref, symbol);
    if (slot == nullptr || slot->load().is_empty()) {
      place.end = Place::End::no_child;
      return place;
    }
    place.parent = place.slot;
    place.parent_depth = place.depth;
    place.slot = slot;
    place.depth += prefix_bytes + (symbol == kEndOfKey ? 0 : 1);
  }
}

std::optional<RadixTree::Word> RadixTree::upsert(BytesView key, Word word) {
  return put(key, word, IfPresent::replace);
}

std::optional<RadixTree::Word> RadixTree::insert(BytesView key, Word word) {
  return put(key, word, IfPresent::keep);
}

std::optional<RadixTree::Word> RadixTree::put(BytesView key, Word word, IfPresent if_present) {
  const Ref leaf = Ref::leaf(word);
  TALEA_ASSERT(leaf.word() == word);
  const Place place = descend(key);
  const bool whole_prefix_is_held = place.end == Place::End::prefix_differs &&
                                    place.ref.prefix_bytes_held() == place.ref.prefix_bytes();

  if (place.ref.is_empty()) {
    place.slot->store(leaf);
  } else if (place.is_verified && place.end == Place::End::no_child) {
    const std::size_t fork = place.depth + place.ref.prefix_bytes();
    insert_in_node(*place.slot, place.depth, key, symbol_at(key, fork), leaf);
  } else if (place.is_verified && whole_prefix_is_held) {
    split_prefix(*place.slot, place.depth, key, leaf, place.ref.prefix(),
                 place.depth + place.prefix_matched);
  } else {
    Bytes scratch;
    const BytesView other = key_below(place.ref, scratch);
    const std::size_t fork = shared_bytes(key, other);
    TALEA_ASSERT(fork >= place.depth || !place.is_verified);
    if (fork == key.size() && fork == other.size()) {
      TALEA_ASSERT(place.end == Place::End::at_leaf);
      if (if_present == IfPresent::replace) place.slot->store(leaf);
      return place.ref.word();
    }
    insert_at_fork(place, key, leaf, other, fork);
  }
  size_.store(size() + 1, std::memory_order_relaxed);
  return std::nullopt;
}

/// Inserts `key`, which shares `fork` bytes, no more, with `other`, a key below `place`.
void RadixTree::insert_at_fork(const Place& place, BytesView key, Ref leaf, BytesView other,
                               std::size_t fork) {
  // Where a prefix was wrongly taken on trust, the fork is above; the way to it is that of `other`.
  const bool is_below = fork >= place.depth;
  Slot* slot = is_below ? place.slot : &root_;
  std::size_t depth = is_below ? place.depth : 0;
  for (;;) {
    const Ref ref = slot->load();
    if (ref.is_leaf()) return split_leaf(*slot, depth, key, leaf, other, fork);
    const std::size_t behind_prefix = depth + ref.prefix_bytes();
    TALEA_ASSERT(other.size() >= behind_prefix);
    if (fork < behind_prefix) {
      return split_prefix(*slot, depth, key, leaf, other.data() + depth, fork);
    }
    const Symbol symbol = symbol_at(key, behind_prefix);
    if (fork == behind_prefix) return insert_in_node(*slot, depth, key, symbol, leaf);
    slot = radix::find_slot(ref, symbol);
    TALEA_ASSERT(slot != nullptr);
    depth = behind_prefix + 1;
  }
}

/// Gives the node in `slot`, whose prefix is in the key at `depth`, a child for a new symbol.
void RadixTree::insert_in_node(Slot& slot, std::size_t depth, BytesView key, Symbol symbol,
                               Ref leaf) {
  const Ref node = slot.load();
  if (radix::add_child(node, symbol, leaf)) return;
  const std::size_t live = node.header().live;
  const bool has_end = symbol == kEndOfKey || has_child(node, kEndOfKey);
  const Ref copy = radix::copy_node(pool_, node,
                                    {.kind = radix::kind_for(live + 1),
                                     .has_end = has_end,
                                     .prefix = key.data() + depth,
                                     .prefix_bytes = node.prefix_bytes()});
  const bool added = radix::add_child(copy, symbol, leaf);
  TALEA_ASSERT(added);
  replace_node(slot, copy);
}

/// Puts a node for two children where the leaf of `other` is.
void RadixTree::split_leaf(Slot& slot, std::size_t depth, BytesView key, Ref leaf, BytesView other,
                           std::size_t fork) {
  TALEA_ASSERT(fork >= depth);
  const Ref node = radix::make_node(pool_, {.kind = Kind::list2,
                                            .has_end = fork == key.size() || fork == other.size(),
                                            .prefix = key.data() + depth,
                                            .prefix_bytes = fork - depth});
  const bool added = radix::add_child(node, symbol_at(other, fork), slot.load()) &&
                     radix::add_child(node, symbol_at(key, fork), leaf);
  TALEA_ASSERT(added);
  slot.store(node);
}

/// Puts a node for two children above the node in `slot`, whose prefix, `prefix`, goes on after
/// `fork` in another way than the key.
void RadixTree::split_prefix(Slot& slot, std::size_t depth, BytesView key, Ref leaf,
                             const char* prefix, std::size_t fork) {
  const Ref node = slot.load();
  const std::size_t shared = fork - depth;
  const Ref lower = radix::copy_node(pool_, node,
                                     {.kind = node.kind(),
                                      .has_end = has_child(node, kEndOfKey),
                                      .prefix = prefix + shared + 1,
                                      .prefix_bytes = node.prefix_bytes() - shared - 1});
  const Ref upper = radix::make_node(pool_, {.kind = Kind::list2,
                                             .has_end = fork == key.size(),
                                             .prefix = prefix,
                                             .prefix_bytes = shared});
  const bool added = radix::add_child(upper, symbol_at({prefix, shared + 1}, shared), lower) &&
                     radix::add_child(upper, symbol_at(key, fork), leaf);
  TALEA_ASSERT(added);
  replace_node(slot, upper);
}

bool RadixTree::replace(BytesView key, Word expected, Word word) {
  const Ref leaf = Ref::leaf(word);
  TALEA_ASSERT(leaf.word() == word);
  const Place place = descend(key);
  if (!place.ref.is_leaf() || place.ref.word() != expected) return false;
  place.slot->store(leaf);
  return true;
}

std::optional<RadixTree::Word> RadixTree::remove(BytesView key) {
  const Place place = descend(key);
  if (!place.ref.is_leaf() || !keys_.is_key_at(place.ref.word(), key)) return std::nullopt;
  place.slot->store(Ref());
  if (place.parent != nullptr) {
    --place.parent->load().header().live;
    shrink(*place.parent, place.parent_depth, key);
  }
  size_.store(size() - 1, std::memory_order_relaxed);
  return place.ref.word();
}

/// Makes the node in `slot`, from which `key` was removed, as small as it may be.
void RadixTree::shrink(Slot& slot, std::size_t depth, BytesView key) {
  const Ref node = slot.load();
  const std::size_t live = node.header().live;
  if (live == 1) return merge_with_child(slot, depth, key);
  if (live > shrinks_at(node.kind())) return;
  replace_node(slot, radix::copy_node(pool_, node,
                                      {.kind = radix::kind_for(live),
                                       .has_end = has_child(node, kEndOfKey),
                                       .prefix = key.data() + depth,
                                       .prefix_bytes = node.prefix_bytes()}));
}

/// Puts the only child of the node in `slot` in its place. A child that is a node gets the prefix
/// of its parent in front of its own.
void RadixTree::merge_with_child(Slot& slot, std::size_t depth, BytesView key) {
  const Ref node = slot.load();
  Symbol symbol = kEndOfKey;
  Ref child;
  radix::for_each_child(node, [&](Symbol of_child, Ref only) {
    symbol = of_child;
    child = only;
  });
  if (child.is_leaf()) return replace_node(slot, child);

  TALEA_ASSERT(symbol != kEndOfKey);
  // The copy holds no more bytes than the child did, and new ones come in front.
  Bytes prefix(key, depth, node.prefix_bytes());
  prefix.push_back(static_cast<char>(symbol - 1));
  prefix.append(child.prefix(), child.prefix_bytes_held());
  const Ref merged =
      radix::copy_node(pool_, child,
                       {.kind = child.kind(),
                        .has_end = has_child(child, kEndOfKey),
                        .prefix = prefix.data(),
                        .prefix_bytes = node.prefix_bytes() + 1 + child.prefix_bytes()});
  replace_node(slot, merged);
  retired_.retire(child.address(), child.layout().bytes);
}

/// Publishes `replacement` where a node is, and retires the node.
void RadixTree::replace_node(Slot& slot, Ref replacement) {
  const Ref node = slot.load();
  slot.store(replacement);
  retired_.retire(node.address(), node.layout().bytes);
}

}  // namespace talea
