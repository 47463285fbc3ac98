// PersistentTree: an ordered map that never changes. Adding a key gives another tree, which shares
// all but the path to that key with the first one; so whoever holds a tree holds a snapshot.
//
//         m                  m'           with(a tree, "p"): m' and s' are new, and p;
//        / \                / \           c and x belong to both trees
//       c   s      ->      c   s'
//            \                / \                                                        .
//             x              p   x
//
// It is a treap: each key has a random priority, and no node has a higher one than its parent. The
// shape follows from the priorities, not from the order in which keys came, and its height is about
// twice the logarithm of the number of keys.
//
// Source: Seidel and Aragon, Randomized Search Trees, Algorithmica 16, 1996.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "talea/bytes.h"

namespace talea {

/// Threads: immutable. Copying one, and ending it, is safe beside all use of other copies.
class PersistentTree {
 public:
  struct Entry {
    Bytes key;
    Bytes value;
  };
  class Cursor;

  PersistentTree() = default;

  /// This tree with `key` at `value`. `priority`: random; of no account where the key is there.
  /// Cost: some 2 log2(keys) nodes of 80 bytes; the value is moved.
  PersistentTree with(Bytes key, Bytes value, std::uint64_t priority) const;
  /// This tree without `key`.
  PersistentTree without(BytesView key) const;
  /// Null when there is no such key.
  std::shared_ptr<const Entry> find(BytesView key) const;

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  explicit PersistentTree(Link root) : root_(std::move(root)) {}

  static Link with(const Link& node, std::shared_ptr<const Entry> entry, std::uint64_t priority);
  static Link without(const Link& node, BytesView key);
  static Link merge(const Link& below, const Link& above);

  Link root_;
};

/// Walks a tree, which it keeps. At no row at first.
/// Threads: externally synchronised.
class PersistentTree::Cursor {
 public:
  explicit Cursor(PersistentTree tree) : tree_(std::move(tree)) {}

  /// To the first key at `key` or above.
  void seek(BytesView key);
  /// To the last key below `key`.
  void seek_before(BytesView key);
  void next() { step(/*upwards=*/true); }
  void previous() { step(/*upwards=*/false); }
  bool is_at_row() const { return !path_.empty(); }
  const Entry& entry() const;

 private:
  void step(bool upwards);
  // From the node at the end of the path down, always to one side.
  void descend(const Node* node, bool to_lowest);

  PersistentTree tree_;
  std::vector<const Node*> path_;  // from the root to where it is
};

}  // namespace talea
