// Scan forwards to what the store made.
#include "store/store.h"

namespace talea {

Scan::Scan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Scan::Scan(Scan&&) noexcept = default;
Scan& Scan::operator=(Scan&&) noexcept = default;
Scan::~Scan() = default;

Result<bool> Scan::next() { return state_->next(); }
BytesView Scan::key() const { return state_->key(); }
Result<BytesView> Scan::value() { return state_->value(); }
Result<Sequence> Scan::revision() { return state_->revision(); }

}  // namespace talea
