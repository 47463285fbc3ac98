// What the verbs of a Home are in the words of a Store: for our engine and for RocksDB.
#pragma once

#include <vector>

#include "home/home.h"
#include "store/store.h"

namespace talea {

/// Errors: invalid_argument
Status check_row(BytesView key, BytesView value);

void add_condition(Batch& batch, BytesView key, const HomeCondition& condition);
Batch batch_of(const std::vector<HomeWrite>& writes);
HomeEntry entry_of(BytesView key, Versioned versioned);

}  // namespace talea
