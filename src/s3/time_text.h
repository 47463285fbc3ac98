// The times of HTTP, of XML and of signatures, in milliseconds since 1970-01-01 UTC. No locale and
// no time zone of the machine has a say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace talea::s3 {

/// "Fri, 24 May 2013 00:00:00 GMT"
std::string http_date(std::uint64_t ms);
std::optional<std::uint64_t> parse_http_date(std::string_view text);

/// "2013-05-24T00:00:00.000Z"
std::string xml_time(std::uint64_t ms);
/// With any number of digits behind the second, or none; "Z" or "+00:00".
std::optional<std::uint64_t> parse_xml_time(std::string_view text);

/// "20130524T000000Z", and its first eight characters are the date of a signature.
std::string amz_time(std::uint64_t ms);
std::optional<std::uint64_t> parse_amz_time(std::string_view text);

}  // namespace talea::s3
