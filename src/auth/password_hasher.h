// The hasher that auth.h describes, with randomness of the caller's choice.
#pragma once

#include <memory>

#include "base/random.h"
#include "talea/auth.h"

namespace talea {

/// `random` outlives the hasher. Errors: as make_password_hasher(cost)
Result<std::unique_ptr<PasswordHasher>> make_password_hasher(const PasswordCost& cost,
                                                             Random& random);

}  // namespace talea
