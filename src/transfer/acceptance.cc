#include "transfer/acceptance.h"

#include <string>
#include <utility>

#include "home/store_writes.h"
#include "transfer/key_text.h"
#include "transfer/rows.h"

namespace talea {

Status cannot_hold(BytesView key, const Status& reason) {
  return Status::unsupported("key " + key_text(key) +
                             " cannot be copied: " + std::string(reason.message()));
}

namespace {

std::string sentence(std::string_view refusal, const HomeAbilities& abilities,
                     std::string_view otherwise) {
  if (!refusal.empty()) return std::string(refusal);
  return std::string(abilities.name) + " " + std::string(otherwise);
}

}  // namespace

bool Acceptance::may_stream() const {
  return streams_values(abilities_) && form_ == ValueForm::as_is;
}

std::uint64_t Acceptance::long_bytes() const {
  return may_stream() ? kInlineValueBytesMax : abilities_.value_bytes_max;
}

Status Acceptance::check_expiry(std::uint64_t expiry_ms) const {
  if (expiry_ms == 0 || abilities_.expires) return {};
  return Status::unsupported("it expires, and " + sentence(abilities_.refusals.expires, abilities_,
                                                           "has no keys that expire"));
}

Result<Bytes> Acceptance::convert(BytesView key, BytesView value, std::uint64_t expiry_ms) const {
  TALEA_TRY(check_expiry(expiry_ms));
  Bytes converted = TALEA_TRY(in_form(form_, value));
  if (destination_ != nullptr) {
    TALEA_TRY(destination_->check(key, converted));
  } else {
    TALEA_TRY(check_row(key, {}));
    if (keeps_json(abilities_)) (void)TALEA_TRY(comparable_json(converted));
  }
  return converted;
}

Result<Bytes> Acceptance::accept(BytesView key, BytesView value, std::uint64_t expiry_ms) const {
  Result<Bytes> converted = convert(key, value, expiry_ms);
  if (!converted.ok()) return cannot_hold(key, converted.status());
  return converted;
}

Status Acceptance::accept_long(BytesView key, std::uint64_t expiry_ms) const {
  const Status expiry = check_expiry(expiry_ms);
  if (!expiry.ok()) return cannot_hold(key, expiry);
  if (!may_stream()) {
    return cannot_hold(
        key, Status::exhausted("its value is longer than " + std::to_string(long_bytes()) +
                               " bytes, which is what " + std::string(abilities_.name) +
                               " takes, and what can be changed on its way"));
  }
  if (destination_ == nullptr) return {};
  const Status checked = destination_->check(key, {});
  return checked.ok() ? Status() : cannot_hold(key, checked);
}

Status Acceptance::accept_key(BytesView key) const {
  // Where there is none yet, it will be a directory.
  const Status checked = destination_ == nullptr
                             ? check_row(key, {})
                             : destination_->check(key, keeps_json(abilities_) ? "null" : "");
  return checked.ok() ? Status() : cannot_hold(key, checked);
}

Status Acceptance::accept_removal(BytesView key) const {
  if (abilities_.removes) return {};
  return cannot_hold(key, Status::unsupported("it was removed once, and " +
                                              sentence(abilities_.refusals.removes, abilities_,
                                                       "keeps every value") +
                                              ". What is there now can be copied: --latest"));
}

Bytes Acceptance::comparable(Bytes value) const {
  if (!keeps_json(abilities_)) return value;
  Result<Bytes> text = comparable_json(value);
  return text.ok() ? *std::move(text) : value;
}

}  // namespace talea
