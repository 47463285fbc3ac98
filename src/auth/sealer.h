// The sealer that docs/formats/auth.md describes, with randomness of the caller's choice.
#pragma once

#include <memory>
#include <span>

#include "base/random.h"
#include "talea/auth.h"

namespace talea {

/// `random` outlives the sealer.
std::unique_ptr<Sealer> make_sealer(const MasterKey& current, std::span<const MasterKey> previous,
                                    Random& random);

}  // namespace talea
