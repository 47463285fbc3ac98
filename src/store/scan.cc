// Scan forwards to what the store made, whenever the rows that were read ahead are at their end.
#include <algorithm>

#include "store/store.h"

namespace talea {

Scan::Scan(std::unique_ptr<State> state) : state_(std::move(state)), rows_(&state_->rows) {}
Scan::Scan(Scan&&) noexcept = default;
Scan& Scan::operator=(Scan&&) noexcept = default;
Scan::~Scan() = default;

Result<bool> Scan::read_on() {
  if (!TALEA_TRY(state_->read_on())) return false;
  return take();
}
Result<BytesView> Scan::other_value() { return state_->other_value(); }
Result<Sequence> Scan::revision() { return state_->revision(); }
Result<std::uint64_t> Scan::expiry_ms() { return TALEA_TRY(state_->describe()).expiry_ms; }

std::optional<Bytes> end_of_prefix(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

KeyBounds bounds_of(const ScanRange& range) {
  KeyBounds bounds{.start = std::max(range.start, range.prefix), .end = std::nullopt};
  if (!range.end.empty()) bounds.end = range.end;
  const std::optional<Bytes> prefix_end = end_of_prefix(range.prefix);
  if (prefix_end && (!bounds.end || *prefix_end < *bounds.end)) bounds.end = prefix_end;
  return bounds;
}

}  // namespace talea
