#include "transfer/row_copy.h"

#include <utility>

#include "transfer/content_hash.h"
#include "transfer/key_text.h"
#include "transfer/piece_pipe.h"
#include "transfer/rows.h"
#include "transfer/write_buffer.h"

namespace talea {
namespace {

// Gives a long value to `sink`.
Status read_long(Home& home, BytesView key, const StateSink& sink) {
  if (TALEA_TRY(home.read(key, {}, sink))) return {};
  return Status::unavailable("key " + key_text(key) + " went away while it was copied; copy again");
}

// A row as it is compared: a long value by its hash.
struct Compared {
  Bytes value;
  std::uint64_t expiry_ms = 0;

  bool operator==(const Compared&) const = default;
};

// Hashes rows and makes them comparable, in one go.
class RowReader {
 public:
  RowReader(const Acceptance& acceptance, ContentHash& hash)
      : acceptance_(acceptance), hash_(hash) {}

  // `value`: as it is at the destination.
  Result<Compared> read(Home& home, const Row& row, Bytes value) {
    if (row.is_long) return read_long_row(home, row);
    Compared compared{.value = acceptance_.comparable(std::move(value)),
                      .expiry_ms = row.expiry_ms};
    hash_.add(row.key, compared.value, /*is_remove=*/false, row.expiry_ms);
    return compared;
  }

  Result<Compared> read(Home& home, const Row& row) { return read(home, row, row.value); }

 private:
  Result<Compared> read_long_row(Home& home, const Row& row) {
    Sha256 of_value;
    hash_.begin(row.key);
    TALEA_TRY(talea::read_long(home, row.key, [&](BytesView piece) -> Status {
      hash_.add_piece(piece);
      of_value.update(piece);
      return {};
    }));
    hash_.end(/*is_remove=*/false, row.expiry_ms);
    return Compared{.value = to_hex(of_value.finish()), .expiry_ms = row.expiry_ms};
  }

  const Acceptance& acceptance_;
  ContentHash& hash_;
};

// What is written for a row of the source. Long values stay where they are.
Result<Bytes> accepted(const Acceptance& acceptance, const Row& row) {
  if (!row.is_long) return acceptance.accept(row.key, row.value, row.expiry_ms);
  TALEA_TRY(acceptance.accept_long(row.key, row.expiry_ms));
  return Bytes();
}

// --- Copying -------------------------------------------------------------------------------------

class RowCopier {
 public:
  RowCopier(CopyRun& run, RowFinder finder)
      : run_(run),
        finder_(std::move(finder)),
        reader_(run.acceptance, source_hash_),
        old_reader_(run.acceptance, unused_hash_),
        buffer_(*run.destination) {}

  // What was written stays written and is published, whatever ends the copy but the destination
  // itself.
  Status copy() {
    RowCursor rows = TALEA_TRY(RowCursor::open(run_.source, run_.acceptance.long_bytes()));
    for (;;) {
      const Result<bool> more = next(rows);
      if (!more.ok()) {
        TALEA_TRY(end());
        return more.status();
      }
      if (!*more) break;
      TALEA_TRY(copy_row(rows.row()));
    }
    TALEA_TRY(end());
    run_.report.source = source_hash_.finish();
    return {};
  }

 private:
  Result<bool> next(RowCursor& rows) {
    TALEA_TRY(run_.begin_entry());
    return rows.next();
  }

  Status end() {
    TALEA_TRY(buffer_.flush());
    TALEA_TRY(run_.destination->publish());
    run_.report.written = buffer_.written();
    return {};
  }

  Status copy_row(const Row& row) {
    Result<Bytes> value = accepted(run_.acceptance, row);
    if (!value.ok()) {
      TALEA_TRY(end());
      return std::move(value).status();
    }
    run_.report.bytes += row.key.size() + row.value.size();
    const Row* const there = TALEA_TRY(finder_.find(row.key));
    if (row.is_long && there == nullptr) return write_long(row, &source_hash_);
    const Compared wanted = TALEA_TRY(reader_.read(run_.source, row, *value));
    if (there != nullptr && there->is_long == row.is_long) {
      if (TALEA_TRY(old_reader_.read(*run_.destination, *there)) == wanted) {
        ++run_.report.skipped;
        return {};
      }
    }
    if (there != nullptr) ++run_.report.replaced;
    if (row.is_long) return write_long(row, nullptr);
    return buffer_.add({.key = row.key,
                        .value = *std::move(value),
                        .is_remove = false,
                        .expiry_ms = row.expiry_ms});
  }

  // With `hash`: which has not seen the row yet.
  Status write_long(const Row& row, ContentHash* hash) {
    TALEA_TRY(buffer_.flush());
    std::uint64_t bytes = 0;
    if (hash != nullptr) hash->begin(row.key);
    const auto read = [&](const StateSink& sink) {
      return read_long(run_.source, row.key, [&](BytesView piece) -> Status {
        if (hash != nullptr) hash->add_piece(piece);
        bytes += piece.size();
        return sink(piece);
      });
    };
    const auto write = [&](const StateSource& source) {
      return run_.destination->put_pieces(row.key, source, {}, expiry_at(row.expiry_ms)).status();
    };
    TALEA_TRY(pipe_pieces(run_.seams.executor, read, write).with_context(key_text(row.key)));
    if (hash != nullptr) hash->end(/*is_remove=*/false, row.expiry_ms);
    run_.report.bytes += bytes;
    buffer_.count_one();
    return {};
  }

  CopyRun& run_;
  RowFinder finder_;
  ContentHash source_hash_;
  ContentHash unused_hash_;
  RowReader reader_;
  RowReader old_reader_;
  WriteBuffer buffer_;
};

// --- Reading back --------------------------------------------------------------------------------

class RowComparison {
 public:
  explicit RowComparison(CopyRun& run) : run_(run) {}

  // Of the keys that were copied; without `merge` those are all.
  Result<CopySide> hash_destination() {
    ContentHash hash;
    RowReader reader(run_.acceptance, hash);
    const std::uint64_t long_bytes = run_.acceptance.long_bytes();
    if (!run_.options.merge) {
      RowCursor rows = TALEA_TRY(RowCursor::open(*run_.destination, long_bytes));
      while (TALEA_TRY(next(rows))) {
        (void)TALEA_TRY(reader.read(*run_.destination, rows.row()));
      }
      return hash.finish();
    }
    Keys keys = TALEA_TRY(Keys::open(run_.source, /*with_past=*/false));
    while (TALEA_TRY(next(keys))) {
      const auto row = TALEA_TRY(read_row(*run_.destination, keys.key(), long_bytes));
      if (row) (void)TALEA_TRY(reader.read(*run_.destination, *row));
    }
    return hash.finish();
  }

  // Goes along both at once. A key that has expired on the way is no difference; it counts on
  // neither side, and if there is no other difference, the hashes are those without it.
  Status find_difference() {
    const std::uint64_t long_bytes = run_.acceptance.long_bytes();
    RowCursor rows = TALEA_TRY(RowCursor::open(run_.source, long_bytes));
    RowFinder finder = TALEA_TRY(RowFinder::open(*run_.destination, long_bytes, true));
    ContentHash source_hash;
    ContentHash destination_hash;
    RowReader source_reader(run_.acceptance, source_hash);
    RowReader destination_reader(run_.acceptance, destination_hash);
    while (TALEA_TRY(next(rows))) {
      const Row& row = rows.row();
      const Row* const there = TALEA_TRY(finder.find(row.key));
      if (has_expired(row)) continue;
      if (there == nullptr) return differs(row.key, "it is not in the destination");
      Bytes value = TALEA_TRY(accepted(run_.acceptance, row));
      const Compared wanted = TALEA_TRY(source_reader.read(run_.source, row, std::move(value)));
      const Compared found = TALEA_TRY(destination_reader.read(*run_.destination, *there));
      if (wanted.value != found.value) return differs(row.key, "it has another value there");
      if (!(wanted == found)) return differs(row.key, "it expires at another time there");
    }
    if (!run_.options.merge) {
      Status other = find_other_keys(run_, /*with_past=*/false, [&](BytesView key) {
        return Status::conflict(std::string(key));
      });
      if (other.code() == Code::conflict) {
        return differs(Bytes(other.message()), "the source does not have it");
      }
      TALEA_TRY(std::move(other));
    }
    run_.report.source = source_hash.finish();
    run_.report.destination = destination_hash.finish();
    return {};
  }

 private:
  template <typename Cursor>
  Result<bool> next(Cursor& cursor) {
    TALEA_TRY(run_.begin_entry());
    return cursor.next();
  }

  bool has_expired(const Row& row) const {
    return row.expiry_ms != 0 && row.expiry_ms <= run_.seams.clock.wall_ms();
  }

  Status differs(Bytes key, std::string problem) {
    run_.report.difference = CopyObstacle{std::move(key), std::move(problem)};
    return {};
  }

  CopyRun& run_;
};

}  // namespace

Status copy_rows(CopyRun& run) {
  if (!run.options.merge) TALEA_TRY(refuse_other_keys(run, /*with_past=*/false));
  RowFinder finder =
      TALEA_TRY(RowFinder::open(*run.destination, run.acceptance.long_bytes(), run.options.merge));
  return RowCopier(run, std::move(finder)).copy();
}

Status read_back_rows(CopyRun& run) {
  RowComparison comparison(run);
  run.report.destination = TALEA_TRY(comparison.hash_destination());
  if (run.report.destination == run.report.source) return {};
  return comparison.find_difference();
}

Status check_rows(CopyRun& run, const std::function<Status(const CopyObstacle&)>& found) {
  if (!run.options.merge) {
    TALEA_TRY(find_other_keys(run, /*with_past=*/false, [&](BytesView key) {
      return found(
          {Bytes(key), "the destination has it, and the source does not; --merge keeps it"});
    }));
  }
  ContentHash hash;
  RowReader reader(run.acceptance, hash);
  ContentHash unused_hash;
  RowReader old_reader(run.acceptance, unused_hash);
  const std::uint64_t long_bytes = run.acceptance.long_bytes();
  std::optional<RowFinder> finder;
  if (run.destination != nullptr) {
    finder = TALEA_TRY(RowFinder::open(*run.destination, long_bytes, run.options.merge));
  }
  RowCursor rows = TALEA_TRY(RowCursor::open(run.source, long_bytes));
  for (;;) {
    TALEA_TRY(run.begin_entry());
    if (!TALEA_TRY(rows.next())) break;
    const Row& row = rows.row();
    Result<Bytes> value = accepted(run.acceptance, row);
    if (value.ok()) {
      const Compared wanted = TALEA_TRY(reader.read(run.source, row, *std::move(value)));
      const Row* const there = finder ? TALEA_TRY(finder->find(row.key)) : nullptr;
      if (there == nullptr) continue;
      const bool is_same = there->is_long == row.is_long &&
                           TALEA_TRY(old_reader.read(*run.destination, *there)) == wanted;
      if (!is_same) ++run.report.replaced;
    } else {
      TALEA_TRY(found({row.key, std::string(value.status().message())}));
    }
  }
  run.report.source = hash.finish();
  return {};
}

}  // namespace talea
