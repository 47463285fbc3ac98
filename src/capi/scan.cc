// Scans and snapshots.
#include "capi/boundary.h"
#include "capi/handles.h"
#include "capi/reading.h"

namespace {

using talea::Status;
using talea::capi::guarded;
using talea::capi::range_of;
using talea::capi::required;
using talea::capi::set_if_wanted;
using talea::capi::slice_of;

// At a row, for `out`, which the caller wants to have filled.
Status check_row(const talea_scan* scan, const void* out, const char* name) {
  TALEA_TRY(required({{scan, "scan"}, {out, name}}));
  TALEA_TRY(scan->engine->check_open());
  if (scan->has_row) return {};
  return Status::invalid_argument(
      "the scan is at no row: talea_scan_next() comes first, and says when there is none");
}

}  // namespace

int talea_scan_open(talea_engine* engine, const talea_scan_range* range, talea_scan** scan,
                    talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_scan*>(scan, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {scan, "scan"}}));
    talea::Scan opened = TALEA_TRY(engine->engine->scan(TALEA_TRY(range_of(range))));
    *scan = new talea_scan{engine->engine, std::move(opened)};
    return {};
  });
}

void talea_scan_free(talea_scan* scan) { delete scan; }

int talea_scan_next(talea_scan* scan, int* has_row, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{scan, "scan"}, {has_row, "has_row"}}));
    scan->has_row = false;
    scan->has_row = TALEA_TRY(scan->scan.next());
    *has_row = scan->has_row ? 1 : 0;
    return {};
  });
}

int talea_scan_key(talea_scan* scan, talea_slice* key, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(check_row(scan, key, "key"));
    *key = slice_of(scan->scan.key());
    return {};
  });
}

int talea_scan_value(talea_scan* scan, talea_slice* value, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(check_row(scan, value, "value"));
    *value = slice_of(TALEA_TRY(scan->scan.value()));
    return {};
  });
}

int talea_scan_revision(talea_scan* scan, uint64_t* revision, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(check_row(scan, revision, "revision"));
    *revision = TALEA_TRY(scan->scan.revision());
    return {};
  });
}

int talea_scan_expiry_ms(talea_scan* scan, uint64_t* expiry_ms, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(check_row(scan, expiry_ms, "expiry_ms"));
    *expiry_ms = TALEA_TRY(scan->scan.expiry_ms());
    return {};
  });
}

int talea_snapshot_open(talea_engine* engine, talea_snapshot** snapshot, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_snapshot*>(snapshot, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {snapshot, "snapshot"}}));
    talea::Snapshot opened = TALEA_TRY(engine->engine->snapshot());
    *snapshot = new talea_snapshot{engine->engine, std::move(opened)};
    return {};
  });
}

void talea_snapshot_free(talea_snapshot* snapshot) { delete snapshot; }

int talea_snapshot_sequence(const talea_snapshot* snapshot, uint64_t* sequence,
                            talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{snapshot, "snapshot"}, {sequence, "sequence"}}));
    *sequence = snapshot->snapshot.sequence();
    return {};
  });
}

int talea_snapshot_get(const talea_snapshot* snapshot, const void* key, size_t key_bytes,
                       int* found, void** value, size_t* value_bytes, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{snapshot, "snapshot"}}));
    return talea::capi::get(snapshot->snapshot, {key, key_bytes}, {found, value, value_bytes});
  });
}

int talea_snapshot_get_versioned(const talea_snapshot* snapshot, const void* key, size_t key_bytes,
                                 int* found, void** value, size_t* value_bytes, uint64_t* revision,
                                 uint64_t* expiry_ms, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{snapshot, "snapshot"}}));
    return talea::capi::get_versioned(snapshot->snapshot, {key, key_bytes},
                                      {found, value, value_bytes}, revision, expiry_ms);
  });
}

int talea_snapshot_scan(const talea_snapshot* snapshot, const talea_scan_range* range,
                        talea_scan** scan, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_scan*>(scan, nullptr);
    TALEA_TRY(required({{snapshot, "snapshot"}, {scan, "scan"}}));
    talea::Scan opened = TALEA_TRY(snapshot->snapshot.scan(TALEA_TRY(range_of(range))));
    *scan = new talea_scan{snapshot->engine, std::move(opened)};
    return {};
  });
}
