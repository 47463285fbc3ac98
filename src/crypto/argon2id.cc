// libargon2, the reference implementation.
#include "crypto/argon2id.h"

#include <argon2.h>

#include <string>

namespace talea {
namespace {

// libargon2 only reads it, and has no const for that.
std::uint8_t* octets(BytesView bytes) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
}

}  // namespace

Status argon2id(BytesView password, BytesView salt, const Argon2idCost& cost,
                std::span<unsigned char> out) {
  argon2_context context{};
  context.out = out.data();
  context.outlen = static_cast<std::uint32_t>(out.size());
  context.pwd = octets(password);
  context.pwdlen = static_cast<std::uint32_t>(password.size());
  context.salt = octets(salt);
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = cost.lanes;
  context.threads = 1;  // or libargon2 would start threads that nobody counts
  context.version = ARGON2_VERSION_13;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int code = argon2id_ctx(&context);
  if (code == ARGON2_OK) return {};
  const std::string message = std::string("Argon2id: ") + argon2_error_message(code);
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return Status::exhausted(message);
  return Status::invalid_argument(message);
}

}  // namespace talea
