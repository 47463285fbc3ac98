#include "s3/json.h"

#include <nlohmann/json.hpp>

namespace talea::s3 {

std::optional<std::map<std::string, std::string>> parse_json_strings(BytesView json) {
  const auto parsed = nlohmann::json::parse(json.begin(), json.end(), nullptr, false);
  if (!parsed.is_object()) return std::nullopt;  // also when it was discarded
  std::map<std::string, std::string> strings;
  for (const auto& [name, value] : parsed.items()) {
    if (value.is_string()) strings[name] = value.get<std::string>();
  }
  return strings;
}

}  // namespace talea::s3
