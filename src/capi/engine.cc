// Opening and closing, and reading and writing one key.
#include "capi/boundary.h"
#include "capi/handles.h"
#include "capi/reading.h"

using talea::BytesView;
using talea::Engine;
using talea::Options;
using talea::Status;
using talea::capi::bytes_of;
using talea::capi::expiry_of;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::required;
using talea::capi::set_if_wanted;

int talea_open(const char* path, const talea_options* options, talea_engine** engine,
               talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_engine*>(engine, nullptr);
    TALEA_TRY(required({{path, "path"}, {engine, "engine"}}));
    auto opened = std::make_shared<talea::capi::OpenEngine>(
        TALEA_TRY(Engine::open(path, options == nullptr ? Options{} : options->options)));
    *engine = new talea_engine{std::move(opened)};
    return {};
  });
}

int talea_close(talea_engine* engine, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    engine->engine->is_closed.store(true);
    return engine->engine->close();
  });
}

void talea_engine_free(talea_engine* engine) { delete engine; }

int talea_recovery(const talea_engine* engine, talea_recovery_report* report, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {report, "report"}}));
    const talea::RecoveryReport& found = engine->engine->recovery();
    return talea::capi::fill(report,
                             {.size = 0,
                              .batches_replayed = found.batches_replayed,
                              .bytes_dropped = found.bytes_dropped,
                              .dropped_from_offset = found.dropped_from_offset,
                              .last_sequence = found.last_sequence,
                              .dropped_from_file = found.dropped_from_file.c_str()},
                             "report");
  });
}

int talea_put(talea_engine* engine, const void* key, size_t key_bytes, const void* value,
              size_t value_bytes, uint64_t* sequence, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    const BytesView value_view = TALEA_TRY(bytes_of(value, value_bytes, "value"));
    set_if_wanted(sequence, TALEA_TRY(engine->engine->put(key_view, value_view)));
    return {};
  });
}

int talea_put_expiring(talea_engine* engine, const void* key, size_t key_bytes, const void* value,
                       size_t value_bytes, int expiry_kind, uint64_t expiry_ms, uint64_t* sequence,
                       talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    const BytesView value_view = TALEA_TRY(bytes_of(value, value_bytes, "value"));
    const talea::Expiry expiry = TALEA_TRY(expiry_of(expiry_kind, expiry_ms));
    set_if_wanted(sequence, TALEA_TRY(engine->engine->put(key_view, value_view, expiry)));
    return {};
  });
}

int talea_put_stored(talea_engine* engine, const void* key, size_t key_bytes,
                     const talea_stored* stored, int expiry_kind, uint64_t expiry_ms,
                     uint64_t* sequence, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {stored, "stored"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    const talea::Expiry expiry = TALEA_TRY(expiry_of(expiry_kind, expiry_ms));
    set_if_wanted(sequence, TALEA_TRY(engine->engine->put(key_view, stored->value, expiry)));
    return {};
  });
}

int talea_remove(talea_engine* engine, const void* key, size_t key_bytes, uint64_t* sequence,
                 talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    set_if_wanted(sequence, TALEA_TRY(engine->engine->remove(key_view)));
    return {};
  });
}

int talea_set_expiry(talea_engine* engine, const void* key, size_t key_bytes, int expiry_kind,
                     uint64_t expiry_ms, int* found, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    const talea::Expiry expiry = TALEA_TRY(expiry_of(expiry_kind, expiry_ms));
    set_if_wanted<int>(found, TALEA_TRY(engine->engine->set_expiry(key_view, expiry)) ? 1 : 0);
    return {};
  });
}

int talea_get(talea_engine* engine, const void* key, size_t key_bytes, int* found, void** value,
              size_t* value_bytes, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{engine, "engine"}}));
    return talea::capi::get(*engine->engine, {key, key_bytes}, {found, value, value_bytes});
  });
}

int talea_get_versioned(talea_engine* engine, const void* key, size_t key_bytes, int* found,
                        void** value, size_t* value_bytes, uint64_t* revision, uint64_t* expiry_ms,
                        talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{engine, "engine"}}));
    return talea::capi::get_versioned(*engine->engine, {key, key_bytes},
                                      {found, value, value_bytes}, revision, expiry_ms);
  });
}

int talea_get_into(talea_engine* engine, const void* key, size_t key_bytes, void* buffer,
                   size_t buffer_bytes, int* found, size_t* value_bytes, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {found, "found"}, {value_bytes, "value_bytes"}}));
    const BytesView key_view = TALEA_TRY(bytes_of(key, key_bytes, "key"));
    TALEA_TRY(bytes_of(buffer, buffer_bytes, "buffer"));
    talea::Bytes value;
    *found = TALEA_TRY(engine->engine->get(key_view, value)) ? 1 : 0;
    *value_bytes = value.size();
    if (!value.empty() && value.size() <= buffer_bytes) {
      std::memcpy(buffer, value.data(), value.size());
    }
    return {};
  });
}

int talea_multi_get(talea_engine* engine, const talea_slice* keys, size_t count,
                    talea_buffer* values, talea_error** error) {
  return guarded(error, [&]() -> Status {
    if (values != nullptr) std::fill_n(values, count, talea_buffer{nullptr, 0});
    TALEA_TRY(required({{engine, "engine"}}));
    if (count == 0) return {};
    TALEA_TRY(required({{keys, "keys"}, {values, "values"}}));
    std::vector<BytesView> views;
    views.reserve(count);
    for (std::size_t position = 0; position < count; ++position) {
      views.push_back(TALEA_TRY(bytes_of(keys[position], "a key")));
    }
    std::vector<std::optional<talea::Bytes>> found(count);
    TALEA_TRY(engine->engine->multi_get(views, found));
    return talea::capi::copy_to_buffers(found, values);
  });
}
