#include "capi/boundary.h"
#include "capi/handles.h"

using talea::Status;
using talea::capi::bytes_of;
using talea::capi::guarded;
using talea::capi::required;
using talea::capi::set_if_wanted;
using talea::capi::slice_of;

int talea_changes_open(talea_engine* engine, uint64_t after, const void* prefix,
                       size_t prefix_bytes, talea_changes** changes, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_changes*>(changes, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {changes, "changes"}}));
    const talea::BytesView prefix_view = TALEA_TRY(bytes_of(prefix, prefix_bytes, "prefix"));
    talea::ChangeReader opened = TALEA_TRY(engine->engine->changes(after, prefix_view));
    *changes = new talea_changes{engine->engine, std::move(opened)};
    return {};
  });
}

void talea_changes_free(talea_changes* changes) { delete changes; }

int talea_changes_next(talea_changes* changes, int* has_change, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{changes, "changes"}, {has_change, "has_change"}}));
    changes->has_change = false;
    changes->has_change = TALEA_TRY(changes->changes.next());
    *has_change = changes->has_change ? 1 : 0;
    return {};
  });
}

int talea_changes_change(const talea_changes* changes, talea_change* change, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{changes, "changes"}, {change, "change"}}));
    TALEA_TRY(changes->engine->check_open());
    if (!changes->has_change) {
      return Status::invalid_argument(
          "there is no change: talea_changes_next() comes first, and says when there is none");
    }
    const talea::Change& at = changes->changes.change();
    return talea::capi::fill(change,
                             {.size = 0,
                              .sequence = at.sequence,
                              .time_ms = at.time_ms,
                              .key = slice_of(at.key),
                              .value = slice_of(at.value),
                              .value_bytes = at.value_bytes,
                              .expiry_ms = at.expiry_ms,
                              .is_remove = at.is_remove ? 1 : 0,
                              .is_last_of_batch = at.is_last_of_batch ? 1 : 0},
                             "change");
  });
}

int talea_changes_read_value(const talea_changes* changes, talea_reader** reader,
                             talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_reader*>(reader, nullptr);
    TALEA_TRY(required({{changes, "changes"}, {reader, "reader"}}));
    TALEA_TRY(changes->engine->check_open());
    talea::ValueReader opened = TALEA_TRY(changes->changes.read_value());
    *reader = new talea_reader{changes->engine, std::move(opened)};
    return {};
  });
}

int talea_changes_wait(const talea_changes* changes, uint64_t timeout_ms, int* may_have_more,
                       talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{changes, "changes"}}));
    // A year is small enough for points in time to be computed with.
    constexpr std::uint64_t kTimeoutMsMax = 365ULL * 24 * 60 * 60 * 1000;
    const std::chrono::milliseconds timeout(std::min(timeout_ms, kTimeoutMsMax));
    set_if_wanted<int>(may_have_more, TALEA_TRY(changes->changes.wait(timeout)) ? 1 : 0);
    return {};
  });
}

int talea_changes_position(const talea_changes* changes, uint64_t* sequence, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{changes, "changes"}, {sequence, "sequence"}}));
    *sequence = changes->changes.position();
    return {};
  });
}

int talea_changes_lost(const talea_changes* changes, int* is_lost, uint64_t* first, uint64_t* last,
                       talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(
        required({{changes, "changes"}, {is_lost, "is_lost"}, {first, "first"}, {last, "last"}}));
    const std::optional<talea::LostChanges> lost = changes->changes.lost();
    *is_lost = lost.has_value() ? 1 : 0;
    *first = lost.has_value() ? lost->first : 0;
    *last = lost.has_value() ? lost->last : 0;
    return {};
  });
}
