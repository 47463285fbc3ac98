#include "index/ordered_index.h"

#include <utility>

namespace talea {

namespace {
constexpr std::size_t kSpaceBytes = 4;
}

Bytes OrderedIndex::compose(Space space, BytesView key) {
  const auto number = static_cast<std::uint32_t>(space);
  Bytes composite;
  composite.reserve(kSpaceBytes + key.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    composite.push_back(static_cast<char>(number >> shift));
  }
  composite += key;
  return composite;
}

Space OrderedIndex::take_space(BytesView& composite) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < kSpaceBytes; ++i) {
    number = number << 8 | static_cast<unsigned char>(composite[i]);
  }
  composite.remove_prefix(kSpaceBytes);
  return static_cast<Space>(number);
}

std::optional<Location> OrderedIndex::upsert(Space space, BytesView key, const Location& location) {
  const auto [at, inserted] = map_.try_emplace(compose(space, key), location);
  if (inserted) return std::nullopt;
  return std::exchange(at->second, location);
}

std::optional<Location> OrderedIndex::remove(Space space, BytesView key) {
  const auto at = map_.find(compose(space, key));
  if (at == map_.end()) return std::nullopt;
  const Location old = at->second;
  map_.erase(at);
  return old;
}

std::optional<Location> OrderedIndex::find(Space space, BytesView key) const {
  const auto at = map_.find(compose(space, key));
  if (at == map_.end()) return std::nullopt;
  return at->second;
}

std::optional<OrderedIndex::Row> OrderedIndex::at_or_after(Space space, BytesView from,
                                                           bool inclusive) const {
  const Bytes composite = compose(space, from);
  const auto at = inclusive ? map_.lower_bound(composite) : map_.upper_bound(composite);
  if (at == map_.end()) return std::nullopt;
  BytesView key = at->first;
  if (take_space(key) != space) return std::nullopt;
  return Row{Bytes(key), at->second};
}

std::optional<OrderedIndex::Row> OrderedIndex::before(Space space,
                                                      std::optional<BytesView> before) const {
  const auto next_space = static_cast<Space>(static_cast<std::uint32_t>(space) + 1);
  auto at = before
                ? map_.lower_bound(compose(space, *before))
                : (next_space == Space{0} ? map_.end() : map_.lower_bound(compose(next_space, {})));
  if (at == map_.begin()) return std::nullopt;
  --at;
  BytesView key = at->first;
  if (take_space(key) != space) return std::nullopt;
  return Row{Bytes(key), at->second};
}

}  // namespace talea
