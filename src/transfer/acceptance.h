// Acceptance: what the destination of a copy takes of an entry, and what it does not.
#pragma once

#include <cstdint>

#include "home/home.h"
#include "transfer/value_form.h"

namespace talea {

/// What is said of an entry that the destination does not take, whatever the reason: `unsupported`,
/// with its key.
Status cannot_hold(BytesView key, const Status& reason);

/// Threads: as the destination.
class Acceptance {
 public:
  /// `destination`: nothing where there is none yet; then its limits are not known. It outlives
  /// this, as do `abilities`.
  Acceptance(const HomeAbilities& abilities, const Home* destination, ValueForm form)
      : abilities_(abilities), destination_(destination), form_(form) {}

  /// Values above it are not wanted in memory: they are streamed, or not taken.
  std::uint64_t long_bytes() const;

  /// What is written in the place of `value`.
  /// Errors: unsupported   it cannot be there, and why, with the key
  Result<Bytes> accept(BytesView key, BytesView value, std::uint64_t expiry_ms) const;
  /// The same for a value above long_bytes(), which is written as it is.
  Status accept_long(BytesView key, std::uint64_t expiry_ms) const;
  /// The same for a key, whatever its values.
  Status accept_key(BytesView key) const;
  /// The same for a removal.
  Status accept_removal(BytesView key) const;

  /// The text by which values of the destination are compared and hashed: that of a JSON value
  /// (value_form.h), or the value itself, also where other programs left what is no JSON.
  Bytes comparable(Bytes value) const;

 private:
  bool may_stream() const;
  Status check_expiry(std::uint64_t expiry_ms) const;
  Result<Bytes> convert(BytesView key, BytesView value, std::uint64_t expiry_ms) const;

  const HomeAbilities& abilities_;
  const Home* const destination_;
  const ValueForm form_;
};

}  // namespace talea
