#include "transfer/rows.h"

#include <utility>

#include "transfer/key_text.h"

namespace talea {

bool streams_values(const HomeAbilities& abilities) {
  return abilities.keeps_bytes && abilities.keeps_history;
}

bool keeps_json(const HomeAbilities& abilities) {
  return !abilities.keeps_bytes && !abilities.removes;
}

namespace {

// How long the value of `key` is, where it is too long for memory; else nothing.
Result<std::optional<HomeRevision>> long_revision(Home& home, BytesView key,
                                                  std::uint64_t long_bytes) {
  const auto newest = TALEA_TRY(home.history(key, {.before = 0, .limit = 1}));
  const bool is_long =
      !newest.empty() && !newest.front().is_remove && newest.front().value_bytes > long_bytes;
  if (!is_long) return std::optional<HomeRevision>();
  return std::optional(newest.front());
}

}  // namespace

Result<std::optional<Row>> read_row(Home& home, BytesView key, std::uint64_t long_bytes) {
  if (streams_values(home.abilities())) {
    const auto newest = TALEA_TRY(long_revision(home, key, long_bytes));
    if (newest) {
      return std::optional(
          Row{.key = Bytes(key), .value = {}, .expiry_ms = newest->expiry_ms, .is_long = true});
    }
  }
  std::optional<HomeEntry> entry = TALEA_TRY(home.get(key));
  if (!entry) return std::optional<Row>();
  const bool is_long = entry->value.size() > long_bytes;
  return std::optional(Row{.key = Bytes(key),
                           .value = is_long ? Bytes() : std::move(entry->value),
                           .expiry_ms = entry->expiry_ms,
                           .is_long = is_long});
}

// --- Rows

RowCursor::RowCursor(Home& home, std::uint64_t long_bytes, std::unique_ptr<HomeCursor> cursor)
    : home_(&home),
      long_bytes_(long_bytes),
      reads_each_(streams_values(home.abilities())),
      cursor_(std::move(cursor)) {}

Result<RowCursor> RowCursor::open(Home& home, std::uint64_t long_bytes) {
  const bool keys_only = streams_values(home.abilities());
  return RowCursor(home, long_bytes, TALEA_TRY(home.scan({}, keys_only)));
}

Result<bool> RowCursor::next() {
  while (TALEA_TRY(cursor_->next())) {
    const BytesView key = cursor_->key();
    if (has_row_ && key <= row_.key) {
      return Status::corruption(std::string(home_->abilities().name) + " lists " + key_text(key) +
                                " behind " + key_text(row_.key));
    }
    if (reads_each_) {
      std::optional<Row> row = TALEA_TRY(read_row(*home_, key, long_bytes_));
      if (!row) continue;  // it has expired meanwhile
      row_ = std::move(*row);
    } else {
      row_.key.assign(key);
      row_.is_long = cursor_->value().size() > long_bytes_;
      row_.value.assign(row_.is_long ? BytesView() : cursor_->value());
      row_.expiry_ms = TALEA_TRY(cursor_->expiry_ms());
    }
    has_row_ = true;
    return true;
  }
  return false;
}

// --- Keys

Result<Keys> Keys::open(Home& home, bool with_past) {
  return Keys(TALEA_TRY(with_past ? home.keys_with_past() : home.scan({}, /*keys_only=*/true)));
}

Result<bool> Keys::next() { return cursor_->next(); }

// --- RowFinder

Result<RowFinder> RowFinder::open(Home& home, std::uint64_t long_bytes, bool each_alone) {
  RowFinder finder(home, long_bytes, each_alone);
  if (each_alone) return finder;
  finder.rows_ = TALEA_TRY(RowCursor::open(home, long_bytes));
  TALEA_TRY(finder.go_on());
  return finder;
}

Status RowFinder::go_on() {
  const bool has_row = TALEA_TRY(rows_->next());
  if (!has_row) rows_.reset();
  return {};
}

Result<const Row*> RowFinder::find(BytesView key) {
  if (each_alone_) {
    found_ = TALEA_TRY(read_row(*home_, key, long_bytes_));
    return found_ ? &*found_ : nullptr;
  }
  while (rows_ && rows_->row().key < key) TALEA_TRY(go_on());
  const bool is_there = rows_ && rows_->row().key == key;
  return is_there ? &rows_->row() : nullptr;
}

}  // namespace talea
