// Encryption at rest: where the master key comes from, and how keys are replaced.
#include "capi/boundary.h"
#include "capi/handles.h"
#include "crypto/secret.h"

namespace {

using talea::Bytes;
using talea::Result;
using talea::Status;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::required;
using talea::capi::required_callback;
using talea::capi::set_if_wanted;

Result<Bytes> key_of(talea_key_source source, void* user) {
  Bytes key(TALEA_MASTER_KEY_BYTES, '\0');
  try {
    const int code = source(user, reinterpret_cast<unsigned char*>(key.data()));
    if (code == 0) return key;
    talea::wipe(key);
    return Status::unavailable("the source of the master key failed, with " + std::to_string(code));
  } catch (...) {
    talea::wipe(key);
    return talea::capi::callback_threw();
  }
}

// `text` names the source, and takes the place of another that was named before.
int set_source(talea_options* options, std::string talea::Encryption::*source, const char* text,
               const char* name, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}, {text, name}}));
    // Without a source a new store would not be encrypted.
    if (*text == '\0') {
      return Status::invalid_argument(std::string(name) + " is empty; it says where the key is");
    }
    talea::Encryption encryption;
    encryption.*source = text;
    options->options.encryption = std::move(encryption);
    return {};
  });
}

}  // namespace

int talea_options_set_key_file(talea_options* options, const char* path, talea_error** error) {
  return set_source(options, &talea::Encryption::key_file, path, "path", error);
}

int talea_options_set_key_variable(talea_options* options, const char* name, talea_error** error) {
  return set_source(options, &talea::Encryption::key_variable, name, "name", error);
}

int talea_options_set_key_source(talea_options* options, talea_key_source source, void* user,
                                 talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    TALEA_TRY(required_callback(source != nullptr, "source"));
    talea::Encryption encryption;
    encryption.key_source = [source, user] { return key_of(source, user); };
    options->options.encryption = std::move(encryption);
    return {};
  });
}

int talea_rotate_master_key(talea_engine* engine, const talea_options* master,
                            talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {master, "master"}}));
    return engine->engine->rotate_master_key(master->options.encryption);
  });
}

int talea_rotate_data_key(talea_engine* engine, uint32_t* id, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    set_if_wanted(id, TALEA_TRY(engine->engine->rotate_data_key()));
    return {};
  });
}
