// Scan forwards to what the store made, whenever the rows that were read ahead are at their end.
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

}  // namespace talea
