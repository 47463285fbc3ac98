#include "transfer/past.h"

#include <string>
#include <utility>

#include "transfer/key_text.h"

namespace talea {

Result<Past> Past::open(Home& home, const std::optional<Bytes>& key, Side side,
                        const Acceptance& acceptance) {
  return Past(TALEA_TRY(home.revisions(key)), key.has_value(), side, acceptance);
}

Result<bool> Past::next() {
  for (;;) {
    auto more = cursor_->next();
    if (more.status().code() == Code::exhausted && side_ == Side::source) {
      entry_ = {.key = Bytes(cursor_->key())};
      return Status::unsupported(
          "key " + key_text(cursor_->key()) + " cannot be copied with its past: " +
          std::string(more.status().message()) + ". What is there now can be copied: --latest");
    }
    if (!TALEA_TRY(std::move(more))) return false;
    TALEA_TRY(check_nothing_is_missing());
    const bool is_remove = cursor_->is_remove();
    if (is_of_one_key_ && is_remove && !std::exchange(is_present_, false)) continue;
    if (!is_remove) is_present_ = true;
    TALEA_TRY(take(cursor_->entry(), is_remove));
    return true;
  }
}

// Where old versions expire, or somebody removed them, a log lacks entries.
Status Past::check_nothing_is_missing() {
  if (is_of_one_key_ || side_ == Side::destination) return {};
  const std::uint64_t sequence = TALEA_TRY(cursor_->revision());
  const std::uint64_t expected = std::exchange(next_sequence_, sequence + 1);
  if (sequence == expected) return {};
  entry_ = {.key = Bytes(cursor_->key())};
  return Status::unsupported("the log of the source cannot be copied as a whole: it has entry " +
                             std::to_string(sequence) + " where " + std::to_string(expected) +
                             " has to be, and what lies between is missing. What is there now can "
                             "be copied: --latest");
}

Status Past::take(const HomeEntry& entry, bool is_remove) {
  entry_.key = entry.key;
  entry_.revision = entry.revision;
  entry_.is_remove = is_remove;
  entry_.expiry_ms = is_remove ? 0 : entry.expiry_ms;
  entry_.value.clear();
  entry_.comparable.clear();
  if (is_remove) {
    return side_ == Side::source ? acceptance_->accept_removal(entry.key) : Status();
  }
  entry_.value = side_ == Side::destination
                     ? entry.value
                     : TALEA_TRY(acceptance_->accept(entry.key, entry.value, entry.expiry_ms));
  entry_.comparable = acceptance_->comparable(entry_.value);
  return {};
}

}  // namespace talea
