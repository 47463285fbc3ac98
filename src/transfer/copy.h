// Copying all that one home holds into another, whatever they are.
//
//     CopyReport report = TALEA_TRY(copy_home(*source, *destination, options, seams));
//     TALEA_TRY(destination->close());                     // and open it again, for reading
//     TALEA_TRY(read_back(*source, *again, options, seams, report));
//     if (report.difference) ...                           // else the two hashes are equal
//
// There are two ways.
//
//   newest     the rows of one moment of the source, in the order of their keys. What the
//              destination has already with the same value is not written again.
//   history    all revisions. Between two ledgers in the order of the log; else key after key,
//              each from its oldest revision to its newest. What the destination has of the log, or
//              of a key, has to be how that of the source begins; the copy goes on behind it.
//
// So a copy needs no notes of its own: whatever stopped it, the same call goes on where it stopped.
// The past that is copied has the sequences and times of the copy.
//
// The hash is SHA-256 over all entries in that order. An entry is
//
//     key | u64 bytes of key | value | u64 bytes of value | u8 1: a removal, else 0 | u64 expiry,
//     ms
//
// with little-endian integers. Lengths follow what they measure, so that a value can be hashed
// while it comes. What goes into a ledger is hashed as a JSON value and not as a text:
// comparable_json().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "crypto/sha256.h"
#include "home/home.h"
#include "transfer/value_form.h"

namespace talea {

enum class CopyHistory : std::uint8_t {
  /// If both keep it, and all of it: with what a source has left of its past a copy could not be
  /// repeated once the source gave up more.
  automatic,
  required,
  none,
};

struct CopyOptions {
  CopyHistory history = CopyHistory::automatic;
  /// The destination may have other keys, which stay. Without it, one is a `conflict`.
  bool merge = false;
  /// What is made of each value on its way.
  ValueForm form = ValueForm::as_is;
  /// Asked before each entry; true: the copy ends there with `cancelled`.
  std::function<bool()> is_interrupted = {};
  /// Called for each entry, with those that were read so far.
  std::function<void(std::uint64_t entries, std::uint64_t bytes)> progress = {};
};

/// References: outlive the calls.
struct CopySeams {
  Clock& clock;
  /// A thread for values that are too long for memory.
  Executor& executor;
};

/// Something that cannot be copied.
struct CopyObstacle {
  Bytes key;
  std::string problem;
};

struct CopySide {
  /// Rows; with history, revisions.
  std::uint64_t entries = 0;
  Sha256Digest hash{};

  bool operator==(const CopySide&) const = default;
};

struct CopyReport {
  bool with_history = false;
  /// Why there is no history, where one might expect it.
  std::string remark = {};
  CopySide source;
  /// Known after read_back().
  CopySide destination;
  /// Of the source's entries: those that were written now, and those that were there.
  std::uint64_t written = 0;
  std::uint64_t skipped = 0;
  /// Of those that were written, or of a check: those that take the place of another value.
  std::uint64_t replaced = 0;
  /// Keys and values of the entries that were read.
  std::uint64_t bytes = 0;
  /// Of read_back(): the first key, in the order of the copy, of which the two hold different
  /// things.
  std::optional<CopyObstacle> difference = {};
};

/// Cost: reads the source once, and of the destination what it has already; with history between
/// ledgers all of both logs.
///
/// Errors: conflict      the destination has other keys; between two logs, another past: with the
///                       key. Nothing was written
///                       a key has another past there: with the key. Those before it, in their
///                       order, were copied
///                       somebody else writes to the ledger that is the destination
///         unsupported   the destination cannot hold an entry: with the key. What came before it
///                       was written. Or a removal cannot go where nothing is removed: nothing was
///         cancelled     options.is_interrupted
///         and those of both homes
Result<CopyReport> copy_home(Home& source, Home& destination, const CopyOptions& options,
                             const CopySeams& seams);

/// Reads what was copied at the destination, and fills in `destination` and `difference` of the
/// report. `destination` is best opened anew, so that nothing it remembers takes part.
///
/// Cost: reads the destination once, with `merge` what was copied; where the hashes differ, both.
Status read_back(Home& source, Home& destination, const CopyOptions& options,
                 const CopySeams& seams, CopyReport& report);

/// Finds all that would stop copy_home(), and writes nothing. `destination`: nothing where there is
/// none yet; `abilities` are what it will have, and its limits are not known then.
///
/// `found` is called for each. In the report are `source`, `with_history`, `remark` and, where what
/// is there now is copied, `replaced`.
Result<CopyReport> check_copy(Home& source, const HomeAbilities& abilities, Home* destination,
                              const CopyOptions& options, const CopySeams& seams,
                              const std::function<Status(const CopyObstacle&)>& found);

}  // namespace talea
