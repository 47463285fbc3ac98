// The two byte-string types of the public interface.
//
// Keys and values are arbitrary bytes: every value of a byte is legal, NUL included. We use the
// standard string types for them, so that a literal, a std::string or a buffer of your own can
// be passed without a conversion; nothing in Talea treats them as text.
#pragma once

#include <string>
#include <string_view>

namespace talea {

/// Bytes that the holder owns.
using Bytes = std::string;

/// Bytes that somebody else owns; valid for the duration of the call they are passed to.
using BytesView = std::string_view;

}  // namespace talea
