// Authentication as a whole: its options, opening it, and the keys of metadata.
#include "capi/authentication.h"

#include <span>

namespace talea::capi {

Status check_auth(const talea_auth* auth, std::initializer_list<Argument> arguments) {
  TALEA_TRY(required({{auth, "auth"}}));
  TALEA_TRY(required(arguments));
  return auth->engine->check_open();
}

Status check_position(std::size_t position, std::size_t count) {
  if (position < count) return {};
  return Status::invalid_argument("position is " + std::to_string(position) + "; there are " +
                                  std::to_string(count) + ", counted from 0");
}

namespace {

Result<MasterKeys> master_keys_of(const unsigned char* keys, std::size_t count) {
  // Of a product that would wrap round bytes_of() says that there cannot be so many.
  const std::size_t bytes =
      count > SIZE_MAX / sizeof(MasterKey) ? SIZE_MAX : count * sizeof(MasterKey);
  const BytesView view = TALEA_TRY(bytes_of(keys, bytes, "keys"));
  MasterKeys made;
  made.keys.resize(count);
  for (std::size_t position = 0; position < count; ++position) {
    std::memcpy(made.keys[position].data(), view.data() + position * sizeof(MasterKey),
                sizeof(MasterKey));
  }
  return made;
}

// Nothing for no keys.
std::unique_ptr<Sealer> sealer_of(const MasterKeys& master) {
  if (master.keys.empty()) return nullptr;
  return make_sealer(master.keys.front(), std::span(master.keys).subspan(1));
}

template <typename T>
int set_limit(talea_auth_options* options, T AuthOptions::*member, T value, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    options->limits.*member = value;
    return {};
  });
}

Result<AuthOptions> options_of(const talea_auth_options* given) {
  if (given == nullptr) return AuthOptions();
  return AuthOptions{.failures_max = given->limits.failures_max,
                     .lockout = given->limits.lockout,
                     .hashes_max = given->limits.hashes_max,
                     .hashes_waiting_max = given->limits.hashes_waiting_max,
                     .hasher = TALEA_TRY(make_password_hasher(given->cost)),
                     .sealer = sealer_of(given->master_keys)};
}

}  // namespace
}  // namespace talea::capi

using talea::AuthOptions;
using talea::Status;
using talea::capi::check_auth;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::required;
using talea::capi::set_if_wanted;

static_assert(TALEA_MASTER_KEY_BYTES == sizeof(talea::MasterKey));
static_assert(TALEA_AUTH_PAGE_MAX == talea::kAuthPageMax);

talea_auth_options* talea_auth_options_create() { return new (std::nothrow) talea_auth_options; }

void talea_auth_options_free(talea_auth_options* options) { delete options; }

int talea_auth_options_set_failures_max(talea_auth_options* options, uint32_t failures,
                                        talea_error** error) {
  return talea::capi::set_limit(options, &AuthOptions::failures_max, failures, error);
}

int talea_auth_options_set_lockout_ms(talea_auth_options* options, uint64_t ms,
                                      talea_error** error) {
  return talea::capi::set_limit(options, &AuthOptions::lockout, talea::capi::milliseconds_of(ms),
                                error);
}

int talea_auth_options_set_hashes_max(talea_auth_options* options, uint32_t hashes,
                                      talea_error** error) {
  return talea::capi::set_limit(options, &AuthOptions::hashes_max, hashes, error);
}

int talea_auth_options_set_hashes_waiting_max(talea_auth_options* options, uint32_t hashes,
                                              talea_error** error) {
  return talea::capi::set_limit(options, &AuthOptions::hashes_waiting_max, hashes, error);
}

int talea_auth_options_set_password_cost(talea_auth_options* options, uint32_t memory_kib,
                                         uint32_t passes, uint32_t lanes, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    options->cost = {.memory_kib = memory_kib, .passes = passes, .lanes = lanes};
    return {};
  });
}

int talea_auth_options_set_master_keys(talea_auth_options* options, const unsigned char* keys,
                                       size_t count, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    options->master_keys = TALEA_TRY(talea::capi::master_keys_of(keys, count));
    return {};
  });
}

int talea_auth_open(talea_engine* engine, const talea_auth_options* options, talea_auth** auth,
                    talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_auth*>(auth, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {auth, "auth"}}));
    TALEA_TRY(engine->engine->check_open());
    talea::Auth opened =
        TALEA_TRY(talea::Auth::open(*engine->engine, TALEA_TRY(talea::capi::options_of(options))));
    *auth = new talea_auth{engine->engine, std::move(opened)};
    return {};
  });
}

void talea_auth_free(talea_auth* auth) { delete auth; }

int talea_auth_flush(talea_auth* auth, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {}));
    return auth->auth.flush();
  });
}

const char* talea_secret_data(const talea_secret* secret) {
  return secret == nullptr ? nullptr : secret->bytes.c_str();
}

size_t talea_secret_bytes(const talea_secret* secret) {
  return secret == nullptr ? 0 : secret->bytes.size();
}

void talea_secret_free(talea_secret* secret) { delete secret; }

int talea_auth_rotate_master_key(talea_auth* auth, const unsigned char* keys, size_t count,
                                 uint64_t* records, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {}));
    const talea::capi::MasterKeys master = TALEA_TRY(talea::capi::master_keys_of(keys, count));
    set_if_wanted(records, TALEA_TRY(auth->auth.rotate_master_key(talea::capi::sealer_of(master))));
    return {};
  });
}

int talea_auth_rewrap_metadata(talea_auth* auth, uint64_t* records, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(check_auth(auth, {}));
    set_if_wanted(records, TALEA_TRY(auth->auth.rewrap_metadata()));
    return {};
  });
}
