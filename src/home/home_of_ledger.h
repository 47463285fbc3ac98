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
};

/// `must_exist`: where nothing is found, it is `not_found` if there is no ledger at all.
std::unique_ptr<Home> home_of_ledger(Ledger ledger, LedgerPlace place, bool must_exist);

/// As abilities_of().
HomeAbilities abilities_of_ledger();

}  // namespace talea
