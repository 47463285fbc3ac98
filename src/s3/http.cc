#include "s3/http.h"

namespace talea::s3 {

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const HttpHeader& each : headers) {
    if (each.name == name) return each.value;
  }
  return std::nullopt;
}

}  // namespace talea::s3
