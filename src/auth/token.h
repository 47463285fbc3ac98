// Ids as text, and the tokens of API keys: `talea_`, the id of the key, `_`, and its secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/records.h"
#include "crypto/secret.h"

namespace talea {

std::string user_id_text(const AuthId& id);
std::string key_id_text(const AuthId& id);
/// Nothing when `text` is no such id.
std::optional<AuthId> parse_user_id(std::string_view text);
std::optional<AuthId> parse_key_id(std::string_view text);

struct ApiToken {
  AuthId key;
  SecretKey secret;
};

std::string token_text(const ApiToken& token);
/// Nothing when `text` is no token.
std::optional<ApiToken> parse_token(std::string_view text);
/// What is kept of a token. It belongs to the one id.
Sha256Digest hash_of(const ApiToken& token);

}  // namespace talea
