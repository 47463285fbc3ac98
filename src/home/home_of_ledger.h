// The home of a ledger. Keys are those of the ledger, values its JSON; revisions are sequences.
#pragma once

#include <memory>

#include "home/home.h"

namespace talea {

struct LedgerPlace {
  /// For messages: "s3://records/app/".
  std::string name;
  /// Of what is in front of the names of all objects.
  std::size_t prefix_bytes = 0;
  /// As the ledger was opened: what a value may be depends on it. `automatic` is that of the newest
  /// entry, once a list has seen one.
  HashProfile hash_profile = HashProfile::automatic;
};

/// `must_exist`: where nothing is found, it is `not_found` if there is no ledger at all.
std::unique_ptr<Home> home_of_ledger(Ledger ledger, LedgerPlace place, bool must_exist);

/// As abilities_of().
HomeAbilities abilities_of_ledger();

}  // namespace talea
