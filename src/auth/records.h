// What lies in the store: keys and values of the space of authentication, as docs/formats/auth.md
// says. Bytes to values and back; nothing here reads a store.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/sha256.h"
#include "talea/batch.h"
#include "talea/result.h"

namespace talea {

/// Beside it: Space::user, and space 1, which is expiry's.
inline constexpr Space kAuthSpace{2};

/// Of a user or an API key.
struct AuthId {
  std::array<unsigned char, 16> bytes{};

  bool is_none() const { return *this == AuthId(); }
  BytesView view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  // clang-tidy sees a 0 in what the compiler writes here.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const AuthId&, const AuthId&) = default;
};

/// The first byte of a key, and of its value.
enum class AuthKind : char {
  name = 'n',
  user = 'u',
  failures = 'f',
  login_seen = 'l',
  key_list = 'o',
  api_key = 'k',
  api_key_seen = 't',
  nobodys_failures = 'x',
};

Bytes key_of(AuthKind kind, const AuthId& id);
Bytes key_of_name(std::string_view folded_name);
Bytes key_of_nobody(std::uint8_t slot);
/// Of key_of_nobody(): 0 to 63.
std::uint8_t slot_of_name(std::string_view folded_name);

struct NameRecord {
  AuthId user;
  bool operator==(const NameRecord&) const = default;
};

struct UserRecord {
  AuthId id;
  std::uint64_t created_ms = 0;
  std::uint64_t password_changed_ms = 0;
  std::string name;
  std::string password_hash;
  Bytes sealed_metadata;  // an envelope, or empty
  bool operator==(const UserRecord&) const = default;
};

struct FailuresRecord {
  AuthId user;  // none for those of nobody
  std::uint32_t attempts = 0;
  std::uint64_t locked_until_ms = 0;
  std::uint64_t last_failure_ms = 0;
  bool operator==(const FailuresRecord&) const = default;
};

struct SeenRecord {
  AuthKind kind = AuthKind::login_seen;
  AuthId id;
  std::uint64_t time_ms = 0;
  bool operator==(const SeenRecord&) const = default;
};

struct KeyListRecord {
  AuthId user;
  std::vector<AuthId> keys;  // ascending
  bool operator==(const KeyListRecord&) const = default;
};

struct ApiKeyRecord {
  AuthId id;
  AuthId owner;  // or none
  std::uint64_t created_ms = 0;
  std::uint64_t expires_ms = 0;
  Sha256Digest token_hash{};
  std::string label;
  std::vector<std::string> scopes;
  Bytes sealed_metadata;  // an envelope, or empty
  bool operator==(const ApiKeyRecord&) const = default;
};

// The fields are within the limits of limits.h.
Bytes encode(const NameRecord& record);
Bytes encode(const UserRecord& record);
Bytes encode(const FailuresRecord& record);
Bytes encode(const SeenRecord& record);
Bytes encode(const KeyListRecord& record);
Bytes encode(const ApiKeyRecord& record);

/// `value`, which lies under `key`. Names have no id in their key; all others must have the same in
/// both.
/// Errors: corruption    not what encode() makes, or of another key
///         unsupported   another version, or a flag that is not known
Result<NameRecord> decode_name(BytesView key, BytesView value);
Result<UserRecord> decode_user(BytesView key, BytesView value);
Result<FailuresRecord> decode_failures(BytesView key, BytesView value);
Result<SeenRecord> decode_seen(BytesView key, BytesView value);
Result<KeyListRecord> decode_key_list(BytesView key, BytesView value);
Result<ApiKeyRecord> decode_api_key(BytesView key, BytesView value);

}  // namespace talea
