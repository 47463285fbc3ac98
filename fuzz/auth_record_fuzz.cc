// Records of authentication: the first byte of the input says which, and it comes back as it was or
// is refused.
#include <cstdint>

#include "auth/records.h"
#include "auth/sealer.h"
#include "auth/text.h"
#include "auth/token.h"
#include "base/assert.h"

namespace talea {
namespace {

template <typename Record>
void check(const Result<Record>& record, BytesView value) {
  if (!record.ok()) {
    const Code code = record.status().code();
    TALEA_ASSERT(code == Code::corruption || code == Code::unsupported);
    return;
  }
  TALEA_ASSERT(encode(*record) == value);
}

// The id that is in the value, so that the rest of it is reached.
AuthId id_in(BytesView value) {
  AuthId id;
  for (std::size_t i = 0; i < id.bytes.size() && 4 + i < value.size(); ++i) {
    id.bytes[i] = static_cast<unsigned char>(value[4 + i]);
  }
  return id;
}

void decode_any(BytesView value) {
  const AuthId id = id_in(value);
  switch (static_cast<AuthKind>(value.front())) {
    case AuthKind::name: return check(decode_name(key_of_name("n"), value), value);
    case AuthKind::user: return check(decode_user(key_of(AuthKind::user, id), value), value);
    case AuthKind::failures:
      return check(decode_failures(key_of(AuthKind::failures, id), value), value);
    case AuthKind::login_seen:
      return check(decode_seen(key_of(AuthKind::login_seen, id), value), value);
    case AuthKind::api_key_seen:
      return check(decode_seen(key_of(AuthKind::api_key_seen, id), value), value);
    case AuthKind::key_list:
      return check(decode_key_list(key_of(AuthKind::key_list, id), value), value);
    case AuthKind::api_key:
      return check(decode_api_key(key_of(AuthKind::api_key, id), value), value);
    case AuthKind::nobodys_failures:
      return check(decode_failures(key_of_nobody(1), value.substr(1)), value.substr(1));
  }
  // None of them: an envelope, a token, text.
  SeededRandom random(1);
  const auto sealer = make_sealer(MasterKey{}, {}, random);
  TALEA_ASSERT(!sealer->open("record", value).ok());
  const auto token = parse_token(value);
  TALEA_ASSERT(!token || token_text(*token) == value);
  const auto name = checked_user_name(value);
  TALEA_ASSERT(!name.ok() || checked_user_name(*name).value() == *name);
}

}  // namespace
}  // namespace talea

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) talea::decode_any({reinterpret_cast<const char*>(data), size});
  return 0;
}
