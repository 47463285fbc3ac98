// What a store answers, profiles, and credentials of endpoints: whatever the bytes, a value or an
// error, and keys that begin with the prefix lose it.
//
// The first byte says which parser.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "s3/answers.h"
#include "s3/errors.h"
#include "s3/json.h"
#include "s3/profile_file.h"
#include "s3/time_text.h"
#include "s3/uri.h"

using namespace talea::s3;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {
    case 0: static_cast<void>(parse_list(bytes, "p")); break;
    case 1: static_cast<void>(parse_versions(bytes, "")); break;
    case 2: static_cast<void>(parse_delete_errors(bytes)); break;
    case 3: static_cast<void>(parse_etag(bytes)); break;
    case 4: {
      HttpResponse response;
      response.status = 500;
      response.body = bytes;
      static_cast<void>(error_of(response));
      break;
    }
    case 5: static_cast<void>(parse_json_strings(bytes)); break;
    case 6: static_cast<void>(parse_profiles(bytes, ProfileFile::config)); break;
    case 7: {
      const auto decoded = percent_decode(bytes, PlusSign::space);
      // Encoding is undone by decoding, whatever the bytes.
      if (percent_decode(percent_encode(bytes)) != bytes) __builtin_trap();
      if (decoded && decoded->size() > bytes.size()) __builtin_trap();
      break;
    }
    default:
      static_cast<void>(parse_http_date(bytes));
      static_cast<void>(parse_xml_time(bytes));
      static_cast<void>(parse_amz_time(bytes));
  }
  return 0;
}
