#include "stores/persistent_tree.h"

#include <utility>

#include "base/assert.h"

namespace talea {

struct PersistentTree::Node {
  std::uint64_t priority;
  std::shared_ptr<const Entry> entry;
  Link below;  // keys below its own
  Link above;
};

PersistentTree PersistentTree::with(Bytes key, Bytes value, std::uint64_t priority) const {
  auto entry = std::make_shared<const Entry>(Entry{std::move(key), std::move(value)});
  return PersistentTree(with(root_, std::move(entry), priority));
}

PersistentTree PersistentTree::without(BytesView key) const {
  return PersistentTree(without(root_, key));
}

std::shared_ptr<const PersistentTree::Entry> PersistentTree::find(BytesView key) const {
  const Node* node = root_.get();
  while (node != nullptr) {
    const int order = key.compare(node->entry->key);
    if (order == 0) return node->entry;
    node = (order < 0 ? node->below : node->above).get();
  }
  return nullptr;
}

// A child with a higher priority takes the place of its parent.
PersistentTree::Link PersistentTree::with(const Link& node, std::shared_ptr<const Entry> entry,
                                          std::uint64_t priority) {
  if (node == nullptr) {
    return std::make_shared<const Node>(Node{priority, std::move(entry), nullptr, nullptr});
  }
  const int order = BytesView(entry->key).compare(node->entry->key);
  if (order == 0) {
    return std::make_shared<const Node>(
        Node{node->priority, std::move(entry), node->below, node->above});
  }
  const bool is_below = order < 0;
  Link child = with(is_below ? node->below : node->above, std::move(entry), priority);
  const bool rises = child->priority > node->priority;
  if (!rises) {
    return std::make_shared<const Node>(Node{node->priority, node->entry,
                                             is_below ? child : node->below,
                                             is_below ? node->above : child});
  }
  Link lowered = std::make_shared<const Node>(Node{node->priority, node->entry,
                                                   is_below ? child->above : node->below,
                                                   is_below ? node->above : child->below});
  return std::make_shared<const Node>(Node{child->priority, child->entry,
                                           is_below ? child->below : lowered,
                                           is_below ? lowered : child->above});
}

PersistentTree::Link PersistentTree::without(const Link& node, BytesView key) {
  if (node == nullptr) return nullptr;
  const int order = key.compare(node->entry->key);
  if (order == 0) return merge(node->below, node->above);
  const Link& child = order < 0 ? node->below : node->above;
  Link left = without(child, key);
  if (left == child) return node;  // no such key
  return std::make_shared<const Node>(Node{
      node->priority, node->entry, order < 0 ? left : node->below, order < 0 ? node->above : left});
}

PersistentTree::Link PersistentTree::merge(const Link& below, const Link& above) {
  if (below == nullptr) return above;
  if (above == nullptr) return below;
  if (below->priority > above->priority) {
    return std::make_shared<const Node>(
        Node{below->priority, below->entry, below->below, merge(below->above, above)});
  }
  return std::make_shared<const Node>(
      Node{above->priority, above->entry, merge(below, above->below), above->above});
}

void PersistentTree::Cursor::seek(BytesView key) {
  path_.clear();
  std::size_t found = 0;  // nodes of the path up to the lowest key that will do
  for (const Node* node = tree_.root_.get(); node != nullptr;) {
    path_.push_back(node);
    const bool will_do = BytesView(node->entry->key) >= key;
    if (will_do) found = path_.size();
    node = (will_do ? node->below : node->above).get();
  }
  path_.resize(found);
}

void PersistentTree::Cursor::seek_before(BytesView key) {
  path_.clear();
  std::size_t found = 0;
  for (const Node* node = tree_.root_.get(); node != nullptr;) {
    path_.push_back(node);
    const bool will_do = BytesView(node->entry->key) < key;
    if (will_do) found = path_.size();
    node = (will_do ? node->above : node->below).get();
  }
  path_.resize(found);
}

void PersistentTree::Cursor::step(bool upwards) {
  TALEA_ASSERT(is_at_row());
  const Node* left = path_.back();
  if (const Node* further = (upwards ? left->above : left->below).get(); further != nullptr) {
    return descend(further, /*to_lowest=*/upwards);
  }
  // To the first parent that was left to the other side.
  for (;;) {
    path_.pop_back();
    if (path_.empty()) return;
    const Node* parent = path_.back();
    if ((upwards ? parent->below : parent->above).get() == left) return;
    left = parent;
  }
}

void PersistentTree::Cursor::descend(const Node* node, bool to_lowest) {
  while (node != nullptr) {
    path_.push_back(node);
    node = (to_lowest ? node->below : node->above).get();
  }
}

const PersistentTree::Entry& PersistentTree::Cursor::entry() const {
  TALEA_ASSERT(is_at_row());
  return *path_.back()->entry;
}

}  // namespace talea
