// Linearizability: whether the operations of a history could have happened one after the other, in
// an order that agrees with time, such that each was told what it would then have been told.
//
// The search goes through the events in time. It takes an operation that was called and fits the
// state, removes it, and begins again; when it meets a return whose operation was not taken, it
// takes the last one back and tries another. What was tried is remembered as (set of operations
// taken, state): by another way to the same point nothing new is found, which turns n! orders into
// few. Linearizability is local: operations that share no key, not even through others, are judged
// by themselves.
// Source: Wing and Gong, "Testing and verifying concurrent objects", 1993; the memory is from Lowe,
// "Testing for linearizability", 2017; the linked list from Horn and Kroening, 2015.
#pragma once

#include <string>

#include "tests/trust/history.h"

namespace talea::trust {

/// Why `history` is not linearizable, for people; empty when it is. The state is a register for
/// each key with the sequence that wrote it; a sequence that was told must be above those of all
/// keys it wrote.
///
/// Cost: grows with how many operations overlap; a few dozen operations of four threads take some
/// microseconds each. At most kSearchStepsMax, then the answer says so: it is no proof of a fault.
std::string find_linearizability_fault(const History& history);
inline constexpr std::uint64_t kSearchStepsMax = 1'000'000;

/// Why the sequences that commits were told do not agree with time, over all keys; empty when they
/// do: none was told twice, and a commit that was called after another had returned has the higher
/// one. Cost: n log n.
std::string find_sequence_fault(const History& history);

/// One operation in one line, for messages.
std::string describe(const Operation& operation);

}  // namespace talea::trust
