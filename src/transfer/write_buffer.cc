#include "transfer/write_buffer.h"

#include <string>
#include <utility>

#include "transfer/acceptance.h"
#include "transfer/key_text.h"

namespace talea {

Status WriteBuffer::add(HomeWrite write) {
  if (!writes_.empty() && writes_.back().key == write.key) TALEA_TRY(flush());
  bytes_ += write.key.size() + write.value.size();
  writes_.push_back(std::move(write));
  const std::size_t entries_max = home_.abilities().has_batches ? kCopyBatchEntries : 1;
  const bool is_full = writes_.size() >= entries_max || bytes_ >= kCopyBatchBytes;
  return is_full ? flush() : Status();
}

Result<std::uint64_t> WriteBuffer::write_under(HomeWrite write, const HomeCondition& condition) {
  TALEA_TRY(flush());
  writes_.push_back(std::move(write));
  const HomeWrite& one = writes_.front();
  auto written = home_.put(one.key, one.value, condition);
  if (!written.ok()) return explain(std::move(written).status());
  ++written_;
  writes_.clear();
  return written;
}

// Only the home itself knows in which form a ledger prints numbers, and what that cannot hold.
Status WriteBuffer::explain(Status refused) const {
  const Bytes& first = writes_.front().key;
  if (refused.code() == Code::invalid_argument) return cannot_hold(first, refused);
  std::string what = "write key " + key_text(first);
  if (writes_.size() > 1) what += " and " + std::to_string(writes_.size() - 1) + " behind it";
  return std::move(refused).with_context(what);
}

Status WriteBuffer::flush() {
  if (writes_.empty()) return {};
  auto done = home_.write(writes_);
  if (!done.ok()) return explain(std::move(done).status());
  written_ += writes_.size();
  writes_.clear();
  bytes_ = 0;
  return {};
}

}  // namespace talea
