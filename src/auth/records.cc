// A value is taken apart from the front by a Reader, which remembers that something was missing, so
// that a decoder reads like the table on its page and asks once, at its end.
#include "auth/records.h"

#include <algorithm>
#include <cstring>

#include "auth/text.h"
#include "base/assert.h"
#include "codec/fixed.h"
#include "talea/limits.h"

namespace talea {
namespace {

constexpr char kVersion = 1;
constexpr std::uint16_t kFlagMetadata = 1U << 0;
constexpr std::size_t kIdBytes = sizeof(AuthId::bytes);

std::string name_of_key(BytesView key) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "record ";
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text + " of authentication";
}

void append_id(Bytes& to, const AuthId& id) { to.append(id.view()); }

void append_text(Bytes& to, std::string_view text) {
  append_fixed(to, static_cast<std::uint16_t>(text.size()));
  to.append(text);
}

Bytes begin_value(AuthKind kind, const AuthId& id, std::uint16_t flags = 0) {
  Bytes value;
  value += static_cast<char>(kind);
  value += kVersion;
  append_fixed(value, flags);
  append_id(value, id);
  return value;
}

class Reader {
 public:
  explicit Reader(BytesView bytes) : left_(bytes) {}

  BytesView take(std::size_t bytes) {
    if (left_.size() < bytes) {
      fail();
      return {};
    }
    const BytesView taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }
  template <typename Integer>
  Integer take_fixed() {
    const BytesView taken = take(sizeof(Integer));
    return taken.empty() ? 0 : load_fixed<Integer>(taken.data());
  }
  template <std::size_t kBytes>
  void take_array(std::array<unsigned char, kBytes>& out) {
    const BytesView taken = take(kBytes);
    if (!taken.empty()) std::memcpy(out.data(), taken.data(), kBytes);
  }
  std::string take_text(std::size_t bytes_min, std::size_t bytes_max) {
    const auto bytes = take_fixed<std::uint16_t>();
    require(bytes >= bytes_min && bytes <= bytes_max);
    return std::string(take(bytes));
  }
  std::string take_plain_text(std::size_t bytes_min, std::size_t bytes_max) {
    std::string text = take_text(bytes_min, bytes_max);
    require(is_plain_utf8(text));
    return text;
  }
  Bytes take_rest() { return Bytes(take(left_.size())); }
  std::size_t left() const { return left_.size(); }

  void require(bool holds) {
    if (!holds) fail();
  }
  bool is_whole() const { return is_right_ && left_.empty(); }

 private:
  void fail() {
    is_right_ = false;
    left_ = {};
  }

  BytesView left_;
  bool is_right_ = true;
};

// Reads what all values begin with; the id goes to `id`, the flags are returned.
Result<std::uint16_t> read_head(Reader& reader, BytesView key, AuthKind kind, std::uint16_t known,
                                AuthId& id) {
  const BytesView head = reader.take(2);
  if (head.empty() || head[0] != static_cast<char>(kind)) {
    return Status::corruption(name_of_key(key) + " is of another kind than its key");
  }
  if (head[1] != kVersion) {
    return Status::unsupported(name_of_key(key) + " has version " +
                               std::to_string(static_cast<unsigned char>(head[1])));
  }
  const auto flags = reader.take_fixed<std::uint16_t>();
  if ((flags & ~known) != 0) {
    return Status::unsupported(name_of_key(key) + " has flags " + std::to_string(flags));
  }
  reader.take_array(id.bytes);
  // A name has another key; whoever reads one compares with the user.
  if (kind != AuthKind::name && kind != AuthKind::nobodys_failures) {
    reader.require(key == key_of(kind, id));
  }
  return flags;
}

Status check_whole(const Reader& reader, BytesView key) {
  if (reader.is_whole()) return {};
  return Status::corruption(name_of_key(key) + " is damaged");
}

}  // namespace

Bytes key_of(AuthKind kind, const AuthId& id) {
  Bytes key(1, static_cast<char>(kind));
  append_id(key, id);
  return key;
}

Bytes key_of_name(std::string_view folded_name) {
  return static_cast<char>(AuthKind::name) + std::string(folded_name);
}

Bytes key_of_nobody(std::uint8_t slot) {
  return {static_cast<char>(AuthKind::nobodys_failures), static_cast<char>(slot)};
}

std::uint8_t slot_of_name(std::string_view folded_name) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: part of the format, so spelled out here
  for (const char c : folded_name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return static_cast<std::uint8_t>(hash & 63);
}

Bytes encode(const NameRecord& record) { return begin_value(AuthKind::name, record.user); }

Bytes encode(const UserRecord& record) {
  TALEA_ASSERT(!record.name.empty() && record.name.size() <= kUserNameBytesMax);
  TALEA_ASSERT(!record.password_hash.empty() &&
               record.password_hash.size() <= kPasswordHashBytesMax);
  Bytes value = begin_value(AuthKind::user, record.id,
                            record.sealed_metadata.empty() ? std::uint16_t{0} : kFlagMetadata);
  append_fixed(value, record.created_ms);
  append_fixed(value, record.password_changed_ms);
  append_text(value, record.name);
  append_text(value, record.password_hash);
  return value + record.sealed_metadata;
}

Bytes encode(const FailuresRecord& record) {
  TALEA_ASSERT(record.attempts > 0);
  Bytes value = begin_value(AuthKind::failures, record.user);
  append_fixed(value, record.attempts);
  append_fixed(value, record.locked_until_ms);
  append_fixed(value, record.last_failure_ms);
  return value;
}

Bytes encode(const SeenRecord& record) {
  Bytes value = begin_value(record.kind, record.id);
  append_fixed(value, record.time_ms);
  return value;
}

Bytes encode(const KeyListRecord& record) {
  TALEA_ASSERT(!record.keys.empty() && record.keys.size() <= kApiKeysPerUserMax);
  Bytes value = begin_value(AuthKind::key_list, record.user);
  for (const AuthId& id : record.keys) append_id(value, id);
  return value;
}

Bytes encode(const ApiKeyRecord& record) {
  TALEA_ASSERT(record.label.size() <= kApiKeyLabelBytesMax);
  TALEA_ASSERT(record.scopes.size() <= kApiKeyScopesMax);
  Bytes value = begin_value(AuthKind::api_key, record.id,
                            record.sealed_metadata.empty() ? std::uint16_t{0} : kFlagMetadata);
  append_fixed(value, record.created_ms);
  append_fixed(value, record.expires_ms);
  append_id(value, record.owner);
  value.append(reinterpret_cast<const char*>(record.token_hash.data()), record.token_hash.size());
  append_text(value, record.label);
  append_fixed(value, static_cast<std::uint16_t>(record.scopes.size()));
  for (const std::string& scope : record.scopes) {
    TALEA_ASSERT(!scope.empty() && scope.size() <= kApiKeyScopeBytesMax);
    append_text(value, scope);
  }
  return value + record.sealed_metadata;
}

Result<NameRecord> decode_name(BytesView key, BytesView value) {
  Reader reader(value);
  NameRecord record;
  TALEA_TRY(read_head(reader, key, AuthKind::name, 0, record.user));
  TALEA_TRY(check_whole(reader, key));
  return record;
}

Result<UserRecord> decode_user(BytesView key, BytesView value) {
  Reader reader(value);
  UserRecord record;
  const std::uint16_t flags =
      TALEA_TRY(read_head(reader, key, AuthKind::user, kFlagMetadata, record.id));
  record.created_ms = reader.take_fixed<std::uint64_t>();
  record.password_changed_ms = reader.take_fixed<std::uint64_t>();
  record.name = reader.take_plain_text(1, kUserNameBytesMax);
  record.password_hash = reader.take_text(1, kPasswordHashBytesMax);
  if ((flags & kFlagMetadata) != 0) {
    reader.require(reader.left() > 0);
    record.sealed_metadata = reader.take_rest();
  }
  TALEA_TRY(check_whole(reader, key));
  return record;
}

Result<FailuresRecord> decode_failures(BytesView key, BytesView value) {
  Reader reader(value);
  FailuresRecord record;
  const bool is_nobodys =
      key.size() == 2 && key[0] == static_cast<char>(AuthKind::nobodys_failures);
  AuthId id;
  TALEA_TRY(read_head(reader, is_nobodys ? key_of(AuthKind::failures, AuthId()) : Bytes(key),
                      AuthKind::failures, 0, id));
  record.user = id;
  record.attempts = reader.take_fixed<std::uint32_t>();
  record.locked_until_ms = reader.take_fixed<std::uint64_t>();
  record.last_failure_ms = reader.take_fixed<std::uint64_t>();
  reader.require(record.attempts > 0);
  TALEA_TRY(check_whole(reader, key));
  return record;
}

Result<SeenRecord> decode_seen(BytesView key, BytesView value) {
  Reader reader(value);
  SeenRecord record;
  if (!key.empty() && key[0] == static_cast<char>(AuthKind::api_key_seen)) {
    record.kind = AuthKind::api_key_seen;
  }
  TALEA_TRY(read_head(reader, key, record.kind, 0, record.id));
  record.time_ms = reader.take_fixed<std::uint64_t>();
  TALEA_TRY(check_whole(reader, key));
  return record;
}

Result<KeyListRecord> decode_key_list(BytesView key, BytesView value) {
  Reader reader(value);
  KeyListRecord record;
  TALEA_TRY(read_head(reader, key, AuthKind::key_list, 0, record.user));
  const std::size_t count = reader.left() / kIdBytes;
  reader.require(count >= 1 && count <= kApiKeysPerUserMax);
  while (reader.left() > 0) {
    AuthId id;
    reader.take_array(id.bytes);
    reader.require(record.keys.empty() || record.keys.back() < id);
    record.keys.push_back(id);
  }
  TALEA_TRY(check_whole(reader, key));
  return record;
}

Result<ApiKeyRecord> decode_api_key(BytesView key, BytesView value) {
  Reader reader(value);
  ApiKeyRecord record;
  const std::uint16_t flags =
      TALEA_TRY(read_head(reader, key, AuthKind::api_key, kFlagMetadata, record.id));
  record.created_ms = reader.take_fixed<std::uint64_t>();
  record.expires_ms = reader.take_fixed<std::uint64_t>();
  reader.take_array(record.owner.bytes);
  reader.take_array(record.token_hash);
  record.label = reader.take_plain_text(0, kApiKeyLabelBytesMax);
  const auto scopes = reader.take_fixed<std::uint16_t>();
  reader.require(scopes <= kApiKeyScopesMax);
  for (std::uint16_t i = 0; i < scopes && reader.left() > 0; ++i) {
    record.scopes.push_back(reader.take_plain_text(1, kApiKeyScopeBytesMax));
  }
  reader.require(record.scopes.size() == scopes);
  if ((flags & kFlagMetadata) != 0) {
    reader.require(reader.left() > 0);
    record.sealed_metadata = reader.take_rest();
  }
  TALEA_TRY(check_whole(reader, key));
  return record;
}

}  // namespace talea
