// Snapshot isolation, judged by lists: transactions read lists as of one moment and append to some
// of them through a conditional batch. A list shows the whole past of its key, so that what a
// transaction saw tells which others came before it.
//
// Two things are looked for. First the anomalies that have a name and show in one or two
// transactions. Then whether there is any order at all: each transaction has a moment at which it
// reads and, if it committed, a later one at which it writes. What was seen and what was not says
// which moment comes before which:
//
//     a writer that was seen            writes before the reader reads
//     a writer that was not seen        writes after the reader reads
//     neighbours in a list              write in that order
//     returned before another's call    all of it is before all of the other
//
// If these do not form a circle, there is an order in which every read sees exactly what was
// written before it: that is snapshot isolation, and, because time is among them, its strong form.
// Every committed append stands right behind what its transaction had read, so that no two
// transactions that ran at the same time wrote one list.
// Source: Kingsbury and Alvaro, "Elle: Inferring isolation anomalies from experimental
// observations", 2020, for lists; Cerone and Gotsman, "Analysing snapshot isolation", 2016, for the
// two moments. Restricted to transactions that read at one moment and write at one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/trust/history.h"

namespace talea::trust {

/// What a list holds: the appended elements, each of which is in one append of the history only.
using List = std::vector<Value>;

struct Transaction {
  struct Append {
    std::size_t key = 0;
    List elements;  // more than one: a reader sees all of them or none
  };
  std::size_t thread = 0;
  std::uint64_t called = 0;
  std::uint64_t returned = Operation::kNever;
  /// The moment of reading is between `called` and here.
  std::uint64_t read_by = Operation::kNever;
  /// Of every list; none when the transaction did not read it.
  std::array<std::optional<List>, kKeysMax> seen;
  std::vector<Append> appends;
  Operation::Outcome outcome = Operation::Outcome::committed;
  /// Up to which commit the reads see, and what the commit was told; kUntold when unknown.
  Sequence snapshot = kUntold;
  Sequence sequence = kUntold;
};

enum class Anomaly : std::uint8_t {
  unknown_element,     // an element that nobody appended, or twice in one list
  aborted_read,        // G1a: an element of a transaction that was told a conflict
  intermediate_read,   // G1b: a part of what one transaction appended to one list
  incompatible_order,  // two reads of a list of which neither begins with the other
  lost_append,         // acknowledged, and missing from the end
  lost_update,         // committed, but not right behind what it had read
  fractured_read,      // a transaction was seen in one list and not in another
  non_monotonic_read,  // a later read does not see what an earlier one, or its own thread, did
  wrong_sequence,      // a snapshot sees a later commit, or not an earlier one
  no_order,            // none of the above, but the moments form a circle
};
std::string_view name_of(Anomaly anomaly);
/// For GoogleTest.
inline void PrintTo(Anomaly anomaly, std::ostream* out) { *out << name_of(anomaly); }

struct AnomalyFound {
  Anomaly anomaly = Anomaly::no_order;
  std::string explanation;  // for people
};

/// The anomalies of a history; empty when it has none. The last transaction of `transactions` must
/// be called after all others returned and read every list that any of them touches.
///
/// Cost: n^2 for n transactions, and the lengths of all lists read.
std::vector<AnomalyFound> find_anomalies(const std::vector<Transaction>& transactions);

}  // namespace talea::trust
