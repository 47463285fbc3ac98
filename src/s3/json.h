// The flat JSON objects in which endpoints of AWS hand out credentials:
//
//     {"AccessKeyId":"ASIA...","Token":"...","Expiration":"2026-01-01T00:00:00Z"}
#pragma once

#include <map>
#include <optional>
#include <string>

#include "talea/bytes.h"

namespace talea::s3 {

/// The members whose values are strings; others are left out. Nothing when it is no JSON object.
std::optional<std::map<std::string, std::string>> parse_json_strings(BytesView json);

}  // namespace talea::s3
