// JsonReader: reads one line of NDJSON, a row of an import or an operation of a batch.
//
//     {"op":"put","key":"a","value":"b","if_revision":7}
//     {"key_base64":"/w==","value_base64":"AAE=","expires_at_ms":1798135200000}
//
// Every field has to be known, for a field that is skipped in silence is data lost in silence.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea::cli {

/// The fields of one JSON object, base64 decoded; views into the reader.
struct JsonRow {
  std::optional<std::string_view> op = {};
  std::optional<BytesView> key = {};
  std::optional<BytesView> value = {};
  std::optional<std::uint64_t> revision =
      {};  // of a row that `scan` or `get` wrote; for information
  bool if_absent = false;
  bool if_present = false;
  std::optional<std::uint64_t> if_revision = {};
  // expiry_argument.h makes one thing of them.
  std::optional<std::uint64_t> ttl_ms = {};
  std::optional<std::uint64_t> expires_at_ms = {};
  bool keep_ttl = false;
  bool never = false;

  bool has_expiry() const { return ttl_ms || expires_at_ms || keep_ttl || never; }
};

struct JsonLine {
  bool is_array = false;
  std::vector<JsonRow> rows;
};

/// Threads: externally synchronised.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  /// Reads an object, or an array of objects. Valid until the next call. kLinePaddingBytes behind
  /// `line` have to be readable.
  /// Errors: invalid_argument   not JSON, an unknown field, a field of the wrong kind
  Result<const JsonLine*> read(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Decodes what a user gave as base64; `what` is for the message.
Result<Bytes> decode_base64(std::string_view text, std::string_view what);

}  // namespace talea::cli
