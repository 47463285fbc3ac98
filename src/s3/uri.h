// Percent-encoding as the signature of S3 wants it. A request is signed and sent with the same
// encoded bytes, so this is the only place where a path or a query is encoded.
//
//     encode_path("a b/../ü")                        "a%20b/../%C3%BC"
//     encode_query({{"versions", ""}, {"prefix", "a/"}})   "prefix=a%2F&versions="
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace talea::s3 {

/// Names and values of a query, not encoded.
using Query = std::vector<std::pair<std::string, std::string>>;

/// Everything but A-Z a-z 0-9 - . _ ~ as %XX.
std::string percent_encode(std::string_view text);
/// The same, and leaves slashes as they are. Nothing is squashed: S3 knows `//` and `..` as names.
std::string encode_path(std::string_view path);
/// Sorted by the encoded bytes; a name without a value is `name=`.
std::string encode_query(const Query& query);

enum class PlusSign { plus, space };
/// Nothing when a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, PlusSign plus = PlusSign::plus);

/// Whether it is plain HTTP to the machine itself, or to an address where a cloud gives it its
/// credentials: secrets may go there in the clear, and go through no proxy.
bool is_http_to_this_machine(std::string_view url);
/// For messages: "http://user:password@host/" as "http://...@host/".
std::string without_password(std::string_view url);

}  // namespace talea::s3
