#include "cli/expiry_argument.h"

#include <initializer_list>
#include <string_view>

#include "cli/duration_text.h"
#include "talea/limits.h"

namespace talea::cli {

namespace {

struct Given {
  std::string_view name;
  bool is_given;
};

Status check_one(std::initializer_list<Given> all) {
  std::string names;
  int count = 0;
  for (const Given& one : all) {
    if (!one.is_given) continue;
    names += (count++ == 0 ? "" : " and ") + std::string(one.name);
  }
  if (count < 2) return {};
  return Status::invalid_argument(names + " contradict each other: give only one of them");
}

Status check_range(std::string_view field, std::uint64_t ms, std::uint64_t max) {
  if (ms >= 1 && ms <= max) return {};
  return Status::invalid_argument("field \"" + std::string(field) + "\" has to be 1 to " +
                                  std::to_string(max) + " milliseconds; this one is " +
                                  std::to_string(ms));
}

template <typename T>
Result<T> of_option(std::string_view name, Result<T> read) {
  if (read.ok()) return read;
  return Status(read.status()).with_context(name);
}

}  // namespace

Result<std::optional<Expiry>> ExpiryArgument::expiry() const {
  TALEA_TRY(check_one({{"--ttl", ttl.has_value()},
                       {"--expires-at", expires_at.has_value()},
                       {"--keep-ttl", keep},
                       {"--never", never}}));
  std::optional<Expiry> expiry;
  if (ttl) expiry = Expiry::after(TALEA_TRY(of_option("--ttl", parse_duration(*ttl))));
  if (expires_at)
    expiry = Expiry::at(TALEA_TRY(of_option("--expires-at", parse_moment(*expires_at))));
  if (keep) expiry = Expiry::keep();
  if (never) expiry = Expiry::never();
  return expiry;
}

Result<std::optional<Expiry>> expiry_of(const JsonRow& row) {
  TALEA_TRY(check_one({{"\"ttl_ms\"", row.ttl_ms.has_value()},
                       {"\"expires_at_ms\"", row.expires_at_ms.has_value()},
                       {"\"keep_ttl\"", row.keep_ttl},
                       {"\"never\"", row.never}}));
  std::optional<Expiry> expiry;
  if (row.ttl_ms) {
    TALEA_TRY(check_range("ttl_ms", *row.ttl_ms, kTimeToLiveMsMax));
    expiry = Expiry::after(std::chrono::milliseconds(*row.ttl_ms));
  }
  if (row.expires_at_ms) {
    TALEA_TRY(check_range("expires_at_ms", *row.expires_at_ms, kExpiryMsMax));
    expiry = Expiry::at(*row.expires_at_ms);
  }
  if (row.keep_ttl) expiry = Expiry::keep();
  if (row.never) expiry = Expiry::never();
  return expiry;
}

}  // namespace talea::cli
