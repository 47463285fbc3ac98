// The past of a store: what is kept of it, and how it is read.
#include "capi/boundary.h"
#include "capi/handles.h"
#include "capi/reading.h"

namespace {

using talea::At;
using talea::BytesView;
using talea::Result;
using talea::Retention;
using talea::Revision;
using talea::Status;
using talea::capi::bytes_of;
using talea::capi::guarded;
using talea::capi::required;
using talea::capi::set_if_wanted;

Result<At> at_of(int kind, std::uint64_t at) {
  switch (kind) {
    case TALEA_AT_SEQUENCE: return At::sequence(at);
    case TALEA_AT_TIME_MS: return At::time_ms(at);
    default: break;
  }
  return Status::invalid_argument("at_kind is " + std::to_string(kind) +
                                  ", which is none of talea_at_kind: 0 or 1");
}

Result<Retention> retention_of(int kind, std::uint64_t amount) {
  switch (kind) {
    case TALEA_RETAIN_LATEST: return Retention::latest();
    case TALEA_RETAIN_REVISIONS: return Retention::revisions(amount);
    case TALEA_RETAIN_DURATION:
      return Retention::duration(std::chrono::milliseconds(
          static_cast<std::int64_t>(std::min<std::uint64_t>(amount, INT64_MAX))));
    case TALEA_RETAIN_ALL: return Retention::all();
    default: break;
  }
  return Status::invalid_argument("kind is " + std::to_string(kind) +
                                  ", which is none of talea_retention: 1 to 4");
}

// What capi::get_versioned() reads from.
struct Past {
  talea::capi::OpenEngine& engine;
  At at;

  auto get_versioned(BytesView key) { return engine.get(key, at); }
};
struct OldValue {
  const talea::ChangeReader& changes;

  auto get_versioned(BytesView) { return changes.old_value(); }
};

talea_revision revision_of(const Revision& revision) {
  return {.sequence = revision.sequence,
          .time_ms = revision.time_ms,
          .expiry_ms = revision.expiry_ms,
          .value_bytes = revision.value_bytes,
          .is_remove = revision.is_remove ? 1U : 0U};
}

}  // namespace

int talea_options_set_retention(talea_options* options, int kind, uint64_t amount,
                                talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{options, "options"}}));
    options->options.retention = TALEA_TRY(retention_of(kind, amount));
    return {};
  });
}

int talea_get_at(talea_engine* engine, const void* key, size_t key_bytes, int at_kind, uint64_t at,
                 int* found, void** value, size_t* value_bytes, uint64_t* revision,
                 uint64_t* expiry_ms, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{engine, "engine"}}));
    Past past{*engine->engine, TALEA_TRY(at_of(at_kind, at))};
    return talea::capi::get_versioned(past, {key, key_bytes}, {found, value, value_bytes}, revision,
                                      expiry_ms);
  });
}

int talea_scan_open_at(talea_engine* engine, const talea_scan_range* range, int at_kind,
                       uint64_t at, talea_scan** scan, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_scan*>(scan, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {scan, "scan"}}));
    const talea::ScanRange wanted = TALEA_TRY(talea::capi::range_of(range));
    talea::Scan opened = TALEA_TRY(engine->engine->scan(wanted, TALEA_TRY(at_of(at_kind, at))));
    *scan = new talea_scan{engine->engine, std::move(opened)};
    return {};
  });
}

int talea_history(talea_engine* engine, const void* key, size_t key_bytes, uint64_t before,
                  uint64_t limit, talea_revision** revisions, size_t* count, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_revision*>(revisions, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {revisions, "revisions"}, {count, "count"}}));
    const std::vector<Revision> kept = TALEA_TRY(engine->engine->history(
        TALEA_TRY(bytes_of(key, key_bytes, "key")), {.before = before, .limit = limit}));
    std::vector<talea_revision> given;
    given.reserve(kept.size());
    for (const Revision& revision : kept) given.push_back(revision_of(revision));
    *count = given.size();
    if (given.empty()) return {};
    const BytesView bytes(reinterpret_cast<const char*>(given.data()),
                          given.size() * sizeof(talea_revision));
    *revisions = static_cast<talea_revision*>(talea::capi::copy_to_buffer(bytes));
    return {};
  });
}

int talea_history_from(talea_engine* engine, uint64_t* sequence, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{engine, "engine"}, {sequence, "sequence"}}));
    TALEA_TRY(engine->engine->check_open());
    *sequence = engine->engine->history_from();
    return {};
  });
}

int talea_changes_old_value(const talea_changes* changes, int* found, void** value,
                            size_t* value_bytes, uint64_t* revision, uint64_t* expiry_ms,
                            talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<void*>(value, nullptr);
    TALEA_TRY(required({{changes, "changes"}}));
    TALEA_TRY(changes->engine->check_open());
    OldValue old{changes->changes};
    return talea::capi::get_versioned(old, {"", 0}, {found, value, value_bytes}, revision,
                                      expiry_ms);
  });
}
