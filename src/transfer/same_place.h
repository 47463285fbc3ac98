// Whether two URLs name one home.
#pragma once

#include "home/store_url.h"
#include "s3/environment.h"

namespace talea {

/// A directory is looked at behind its links; of S3 the server that is asked, the bucket and the
/// prefix count, however they are spelled. `environment`: says where S3 is, where a URL does not.
/// Known limit: a server that has two names, but for those of this machine and of AWS, is two.
bool is_same_place(const StoreUrl& left, const StoreUrl& right, const s3::Environment& environment);

}  // namespace talea
