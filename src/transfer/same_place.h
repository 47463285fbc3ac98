// Whether two URLs name one home.
#pragma once

#include "home/store_url.h"
#include "s3/environment.h"

namespace talea {

/// A directory is looked at behind its links; of S3 the endpoint that is asked, the bucket and the
/// prefix count. `environment`: says where S3 is, where a URL does not.
bool is_same_place(const StoreUrl& left, const StoreUrl& right, const s3::Environment& environment);

}  // namespace talea
