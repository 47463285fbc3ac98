// Encryption: where the master key of an encrypted store comes from.
//
//     talea::Options options;
//     options.encryption.key_file = "/etc/talea/store.key";   // umask 077; openssl rand 32
//     auto engine = talea::Engine::open("./data", options);
//
// A store is encrypted from the start, or never: docs/guide/encryption.md says what that protects,
// and what it does not.
#pragma once

#include <functional>
#include <string>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

/// Names one source of the master key, 32 random bytes; none: not encrypted. The key is read when a
/// store is opened, and is nowhere on the disk: the store holds its data keys, wrapped with it.
struct Encryption {
  /// A file of 32 bytes, or of 64 hexadecimal digits and perhaps a newline. Nobody but its owner
  /// may have access to it, or it is `denied`.
  std::string key_file = {};
  /// The name of an environment variable with 64 hexadecimal digits.
  std::string key_variable = {};
  /// Returns the 32 bytes, of a key service for example. What it returns otherwise is returned by
  /// the call that needs the key.
  std::function<Result<Bytes>()> key_source = {};

  bool is_given() const {
    return !key_file.empty() || !key_variable.empty() || key_source != nullptr;
  }
};

}  // namespace talea
