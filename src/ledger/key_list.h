// The keys of a ledger, from the names of their objects.
//
// S3 lists `a-b.json` before `a.json`, because '-' comes before '.'. So in the order of keys `a`
// may come later in the list than keys that begin with it, however many there are. Where a page of
// the list ended at the name c, such keys can only be beginnings of c: they are asked for one by
// one, and there are few. Then all keys up to the end of the page are known, and are sorted.
#pragma once

#include <string>
#include <vector>

#include "s3/client.h"
#include "talea/ledger.h"

namespace talea {

/// As Ledger::list_keys().
Result<std::vector<std::string>> list_ledger_keys(s3::Client& client, const LedgerKeyRange& range);

}  // namespace talea
