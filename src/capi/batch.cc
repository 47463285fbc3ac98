// Batches, and their commits.
#include "capi/boundary.h"
#include "capi/handles.h"

namespace {

using talea::Batch;
using talea::BytesView;
using talea::Expiry;
using talea::Result;
using talea::Sequence;
using talea::Status;
using talea::capi::bytes_of;
using talea::capi::expiry_of;
using talea::capi::guarded;
using talea::capi::guarded_write;
using talea::capi::required;
using talea::capi::set_if_wanted;

/// Adds to a batch what `add` says about a key.
template <typename Add>
int add_to(talea_batch* batch, const void* key, std::size_t key_bytes, talea_error** error,
           Add add) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{batch, "batch"}}));
    return add(batch->batch, TALEA_TRY(bytes_of(key, key_bytes, "key")));
  });
}

}  // namespace

talea_batch* talea_batch_create() { return new (std::nothrow) talea_batch; }

void talea_batch_free(talea_batch* batch) { delete batch; }

int talea_batch_put(talea_batch* batch, const void* key, size_t key_bytes, const void* value,
                    size_t value_bytes, talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.put(key_view, TALEA_TRY(bytes_of(value, value_bytes, "value")));
    return {};
  });
}

int talea_batch_put_expiring(talea_batch* batch, const void* key, size_t key_bytes,
                             const void* value, size_t value_bytes, int expiry_kind,
                             uint64_t expiry_ms, talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    const Expiry expiry = TALEA_TRY(expiry_of(expiry_kind, expiry_ms));
    to.put(key_view, TALEA_TRY(bytes_of(value, value_bytes, "value")), expiry);
    return {};
  });
}

int talea_batch_put_stored(talea_batch* batch, const void* key, size_t key_bytes,
                           const talea_stored* stored, int expiry_kind, uint64_t expiry_ms,
                           talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    TALEA_TRY(required({{stored, "stored"}}));
    to.put(key_view, stored->value, TALEA_TRY(expiry_of(expiry_kind, expiry_ms)));
    return {};
  });
}

int talea_batch_remove(talea_batch* batch, const void* key, size_t key_bytes, talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.remove(key_view);
    return {};
  });
}

int talea_batch_set_expiry(talea_batch* batch, const void* key, size_t key_bytes, int expiry_kind,
                           uint64_t expiry_ms, talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.set_expiry(key_view, TALEA_TRY(expiry_of(expiry_kind, expiry_ms)));
    return {};
  });
}

int talea_batch_require_absent(talea_batch* batch, const void* key, size_t key_bytes,
                               talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.require_absent(key_view);
    return {};
  });
}

int talea_batch_require_present(talea_batch* batch, const void* key, size_t key_bytes,
                                talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.require_present(key_view);
    return {};
  });
}

int talea_batch_require_revision(talea_batch* batch, const void* key, size_t key_bytes,
                                 uint64_t revision, talea_error** error) {
  return add_to(batch, key, key_bytes, error, [&](Batch& to, BytesView key_view) -> Status {
    to.require_revision(key_view, revision);
    return {};
  });
}

size_t talea_batch_size(const talea_batch* batch) {
  return batch == nullptr ? 0 : batch->batch.size();
}

int talea_batch_clear(talea_batch* batch, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{batch, "batch"}}));
    batch->batch.clear();
    return {};
  });
}

int talea_commit(talea_engine* engine, const talea_batch* batch, uint64_t* sequence,
                 size_t* failed_position, uint64_t* found_revision, talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {batch, "batch"}}));
    talea::FailedPrecondition failed;
    Result<Sequence> committed = engine->engine->commit(batch->batch, &failed);
    if (committed.ok()) {
      set_if_wanted(sequence, *committed);
      return {};
    }
    if (committed.status().code() == talea::Code::conflict) {
      set_if_wanted(failed_position, failed.position);
      set_if_wanted(found_revision, failed.found.value_or(0));
    }
    return std::move(committed).status();
  });
}

int talea_commit_async(talea_engine* engine, talea_batch* batch, talea_completion done, void* user,
                       talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {batch, "batch"}}));
    TALEA_TRY(talea::capi::required_callback(done != nullptr, "done"));
    Batch taken = std::move(batch->batch);
    batch->batch.clear();
    return engine->engine->commit_async(
        std::move(taken),
        [done, user](const Result<Sequence>& outcome) { talea::capi::tell(done, user, outcome); });
  });
}

int talea_apply(talea_engine* engine, uint64_t sequence, const talea_batch* batch, int* applied,
                talea_error** error) {
  return guarded_write(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {batch, "batch"}}));
    const bool is_new = TALEA_TRY(engine->engine->apply(sequence, batch->batch));
    set_if_wanted(applied, is_new ? 1 : 0);
    return {};
  });
}
