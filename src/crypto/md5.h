// MD5: for what S3 still asks it for (Content-MD5, and the ETags of a store). It protects from
// accidents on a network and from nobody who means harm.
#pragma once

#include <array>

#include "talea/bytes.h"

namespace talea {

std::array<unsigned char, 16> md5(BytesView bytes);

}  // namespace talea
