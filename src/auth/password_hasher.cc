// Argon2id hashes as PHC text, and bcrypt's own text for comparison:
//
//     $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc
//               version  cost        salt        hash, both in base64 without padding
//
// Source: PHC string format (github.com/P-H-C/phc-string-format).
#include "auth/password_hasher.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "crypto/argon2id.h"
#include "crypto/bcrypt.h"
#include "crypto/secret.h"

namespace talea {
namespace {

constexpr std::string_view kArgon2id = "$argon2id$v=19$m=";
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kSaltBytesMin = 8;
constexpr std::size_t kHashBytesMin = 16;
constexpr std::size_t kPartBytesMax = 64;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(BytesView bytes) {
  std::string text;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
    for (count += 8; count >= 6; count -= 6) text += kBase64[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kBase64[bits << (6 - count) & 63];
  return text;
}

// Only what to_base64() makes.
bool from_base64(std::string_view text, Bytes& bytes) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return false;
    bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xff);
    }
  }
  return to_base64(bytes) == text;
}

// Takes `prefix` and a number without leading zeros off the front of `text`.
bool take_number(std::string_view& text, std::string_view prefix, std::uint32_t& number) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  if (text.empty() || text.front() == '0') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

Status check_cost(const Argon2idCost& cost) {
  if (cost.lanes >= 1 && cost.lanes <= kPasswordLanesMax && cost.passes >= 1 &&
      cost.passes <= kPasswordPassesMax && cost.memory_kib >= 8 * cost.lanes &&
      cost.memory_kib <= kPasswordMemoryKibMax) {
    return {};
  }
  return Status::invalid_argument(
      "a hash of a password takes 8 KiB for each lane to " + std::to_string(kPasswordMemoryKibMax) +
      " KiB, 1 to " + std::to_string(kPasswordPassesMax) + " passes and 1 to " +
      std::to_string(kPasswordLanesMax) + " lanes; this one " + std::to_string(cost.memory_kib) +
      " KiB, " + std::to_string(cost.passes) + " and " + std::to_string(cost.lanes));
}

struct Argon2idHash {
  Argon2idCost cost{};
  Bytes salt;
  Bytes hash;
};

Result<Argon2idHash> parse(std::string_view text) {
  const Status damaged =
      Status::invalid_argument("not an Argon2id hash of version 19 in the PHC format");
  Argon2idHash parsed;
  if (!text.starts_with(kArgon2id)) return damaged;
  text.remove_prefix(kArgon2id.size());
  if (!take_number(text, "", parsed.cost.memory_kib) ||
      !take_number(text, ",t=", parsed.cost.passes) ||
      !take_number(text, ",p=", parsed.cost.lanes) || !text.starts_with("$")) {
    return damaged;
  }
  text.remove_prefix(1);
  const std::size_t end_of_salt = text.find('$');
  if (end_of_salt == std::string_view::npos ||
      !from_base64(text.substr(0, end_of_salt), parsed.salt) ||
      !from_base64(text.substr(end_of_salt + 1), parsed.hash)) {
    return damaged;
  }
  if (parsed.salt.size() < kSaltBytesMin || parsed.salt.size() > kPartBytesMax ||
      parsed.hash.size() < kHashBytesMin || parsed.hash.size() > kPartBytesMax) {
    return damaged;
  }
  TALEA_TRY(check_cost(parsed.cost));
  return parsed;
}

class DefaultHasher final : public PasswordHasher {
 public:
  DefaultHasher(const Argon2idCost& cost, Random& random) : cost_(cost), random_(random) {}

  Result<std::string> hash(std::string_view password) override {
    std::array<unsigned char, kSaltBytes> salt;
    random_.fill(salt);
    const Bytes salt_bytes(salt.begin(), salt.end());
    const Bytes made = TALEA_TRY(run(password, salt_bytes, cost_, kHashBytes));
    return std::string(kArgon2id) + std::to_string(cost_.memory_kib) +
           ",t=" + std::to_string(cost_.passes) + ",p=" + std::to_string(cost_.lanes) + "$" +
           to_base64(salt_bytes) + "$" + to_base64(made);
  }

  Result<Comparison> verify(std::string_view password, std::string_view hash) override {
    if (bcrypt_cost(hash) != 0) {
      TALEA_TRY(check_hash(hash));
      const bool matches = TALEA_TRY(bcrypt_matches(password, hash));
      // What bcrypt has not seen may be a slip of the hand, which must not become the password.
      return Comparison{matches, matches && password.size() <= kBcryptPasswordBytesMax};
    }
    const Argon2idHash stored = TALEA_TRY(parse(hash));
    const Bytes made = TALEA_TRY(run(password, stored.salt, stored.cost, stored.hash.size()));
    const bool matches = equal_in_constant_time(made, stored.hash);
    const bool is_as_now = stored.cost.memory_kib == cost_.memory_kib &&
                           stored.cost.passes == cost_.passes && stored.cost.lanes == cost_.lanes &&
                           stored.salt.size() == kSaltBytes && stored.hash.size() == kHashBytes;
    return Comparison{matches, matches && !is_as_now};
  }

  Status check_hash(std::string_view hash) const override {
    const int rounds = bcrypt_cost(hash);
    if (rounds > kBcryptCostMax) {
      return Status::invalid_argument("a bcrypt hash may have cost " +
                                      std::to_string(kBcryptCostMax) + " at most; this one has " +
                                      std::to_string(rounds));
    }
    if (rounds > 0) return {};
    TALEA_TRY(parse(hash));
    return {};
  }

 private:
  static Result<Bytes> run(BytesView password, BytesView salt, const Argon2idCost& cost,
                           std::size_t bytes) {
    std::array<unsigned char, kPartBytesMax> out{};
    TALEA_TRY(argon2id(password, salt, cost, std::span(out).first(bytes)));
    return Bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(bytes));
  }

  const Argon2idCost cost_;
  Random& random_;
};

// With randomness of its own.
class MachineHasher final : public PasswordHasher {
 public:
  explicit MachineHasher(const Argon2idCost& cost) : hasher_(cost, random_) {}
  Result<std::string> hash(std::string_view password) override { return hasher_.hash(password); }
  Result<Comparison> verify(std::string_view password, std::string_view hash) override {
    return hasher_.verify(password, hash);
  }
  Status check_hash(std::string_view hash) const override { return hasher_.check_hash(hash); }

 private:
  SystemRandom random_;
  DefaultHasher hasher_;
};

Argon2idCost internal_cost(const PasswordCost& cost) {
  return {.memory_kib = cost.memory_kib, .passes = cost.passes, .lanes = cost.lanes};
}

}  // namespace

Result<std::unique_ptr<PasswordHasher>> make_password_hasher(const PasswordCost& cost,
                                                             Random& random) {
  TALEA_TRY(check_cost(internal_cost(cost)));
  return std::unique_ptr<PasswordHasher>(
      std::make_unique<DefaultHasher>(internal_cost(cost), random));
}

Result<std::unique_ptr<PasswordHasher>> make_password_hasher(const PasswordCost& cost) {
  TALEA_TRY(check_cost(internal_cost(cost)));
  return std::unique_ptr<PasswordHasher>(std::make_unique<MachineHasher>(internal_cost(cost)));
}

}  // namespace talea
