// The home of bucket files.
#pragma once

#include <functional>
#include <memory>

#include "home/home.h"

namespace talea {

/// `open_bucket`: the same database from the bucket alone, without a directory; verify() reads
/// that.
std::unique_ptr<Home> home_of_bucket(BucketDb db, std::function<Result<BucketDb>()> open_bucket);

/// As abilities_of().
HomeAbilities abilities_of_bucket();

}  // namespace talea
