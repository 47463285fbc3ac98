#include "capi/boundary.h"
#include "capi/handles.h"

namespace {

using talea::Options;
using talea::Status;
using talea::capi::guarded;
using talea::capi::milliseconds_of;
using talea::capi::required;

template <typename T>
int set(talea_options* options, T Options::*member, T value, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    options->options.*member = value;
    return {};
  });
}

// Enumerations of the interface are numbered as those of engine.h, from 0 to `last`.
template <typename T>
int set_enumerated(talea_options* options, T Options::*member, int value, T last,
                   talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    if (value < 0 || value > static_cast<int>(last)) {
      return Status::invalid_argument("the mode is 0 to " + std::to_string(static_cast<int>(last)) +
                                      "; this is " + std::to_string(value));
    }
    options->options.*member = static_cast<T>(value);
    return {};
  });
}

static_assert(TALEA_SYNC_ALWAYS == static_cast<int>(talea::SyncMode::always));
static_assert(TALEA_SYNC_INTERVAL == static_cast<int>(talea::SyncMode::interval));
static_assert(TALEA_SYNC_NEVER == static_cast<int>(talea::SyncMode::never));
static_assert(TALEA_VERIFY_ONCE == static_cast<int>(talea::VerifyReads::once));
static_assert(TALEA_VERIFY_ALWAYS == static_cast<int>(talea::VerifyReads::always));

}  // namespace

talea_options* talea_options_create() { return new (std::nothrow) talea_options; }

void talea_options_free(talea_options* options) { delete options; }

int talea_options_set_create_if_missing(talea_options* options, int is_on, talea_error** error) {
  return set(options, &Options::create_if_missing, is_on != 0, error);
}

int talea_options_set_read_only(talea_options* options, int is_on, talea_error** error) {
  return set(options, &Options::read_only, is_on != 0, error);
}

int talea_options_set_sync(talea_options* options, int mode, talea_error** error) {
  return set_enumerated(options, &Options::sync, mode, talea::SyncMode::never, error);
}

int talea_options_set_sync_interval_ms(talea_options* options, uint64_t ms, talea_error** error) {
  return set(options, &Options::sync_interval, milliseconds_of(ms), error);
}

int talea_options_set_segment_bytes(talea_options* options, uint64_t bytes, talea_error** error) {
  return set(options, &Options::segment_bytes, bytes, error);
}

int talea_options_set_verify_reads(talea_options* options, int mode, talea_error** error) {
  return set_enumerated(options, &Options::verify_reads, mode, talea::VerifyReads::always, error);
}

int talea_options_set_compaction_interval_ms(talea_options* options, uint64_t ms,
                                             talea_error** error) {
  return set(options, &Options::compaction_interval, milliseconds_of(ms), error);
}

int talea_options_set_live_ratio(talea_options* options, double ratio, talea_error** error) {
  return set(options, &Options::live_ratio, ratio, error);
}

int talea_options_set_memory_budget(talea_options* options, uint64_t bytes, talea_error** error) {
  return set(options, &Options::memory_budget, bytes, error);
}

int talea_options_set_checkpoint_bytes(talea_options* options, uint64_t bytes,
                                       talea_error** error) {
  return set(options, &Options::checkpoint_bytes, bytes, error);
}

int talea_options_set_checkpoint_after_compaction(talea_options* options, int is_on,
                                                  talea_error** error) {
  return set(options, &Options::checkpoint_after_compaction, is_on != 0, error);
}

int talea_options_set_changes_bytes(talea_options* options, uint64_t bytes, talea_error** error) {
  return set(options, &Options::changes_bytes, bytes, error);
}

int talea_options_set_reap_expired(talea_options* options, int is_on, talea_error** error) {
  return set(options, &Options::reap_expired, is_on != 0, error);
}

int talea_options_set_worker_threads(talea_options* options, uint32_t threads,
                                     talea_error** error) {
  return set(options, &Options::worker_threads, threads, error);
}

int talea_options_set_compress_from_bytes(talea_options* options, uint64_t bytes,
                                          talea_error** error) {
  return set(options, &Options::compress_from_bytes, bytes, error);
}

int talea_options_set_guard_maps(talea_options* options, int is_on, talea_error** error) {
  return set(options, &Options::guard_maps, is_on != 0, error);
}
