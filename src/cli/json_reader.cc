// simdjson's On-Demand interface reads forward only, and checks what is visited; so every field
// is visited, and the end is checked.
#include "cli/json_reader.h"

// Its errors are codes then, and it throws nothing.
#define SIMDJSON_EXCEPTIONS 0  // NOLINT(readability-identifier-naming)
#include <absl/strings/escaping.h>
#include <simdjson.h>

#include <deque>
#include <string>

#include "cli/line_reader.h"

namespace talea::cli {

namespace {

namespace ondemand = simdjson::ondemand;
static_assert(kLinePaddingBytes >= simdjson::SIMDJSON_PADDING);

Status malformed(simdjson::error_code error) {
  return Status::invalid_argument(std::string("not valid JSON: ") + simdjson::error_message(error));
}

Status wrong_kind(std::string_view field, std::string_view kind) {
  return Status::invalid_argument("field \"" + std::string(field) + "\" has to be " +
                                  std::string(kind));
}

// Sets what a field names, once.
template <typename T>
Status set_once(std::optional<T>& target, T value, std::string_view field) {
  if (target) {
    return Status::invalid_argument("field \"" + std::string(field) +
                                    "\" says again what was said before it");
  }
  target = value;
  return {};
}

}  // namespace

struct JsonReader::State {
  ondemand::parser parser;
  std::deque<Bytes> decoded;  // a deque keeps its elements in place
  JsonLine line;

  Result<BytesView> decode(std::string_view text, std::string_view field) {
    decoded.push_back(TALEA_TRY(decode_base64(text, "field \"" + std::string(field) + "\"")));
    return BytesView(decoded.back());
  }

  Status read_text(JsonRow& row, std::string_view field, ondemand::value& value) {
    std::string_view text;
    const simdjson::error_code error = value.get_string().get(text);
    if (error == simdjson::INCORRECT_TYPE) return wrong_kind(field, "a string");
    if (error != simdjson::SUCCESS) return malformed(error);
    if (field == "op") return set_once(row.op, text, field);
    if (field == "key") return set_once(row.key, text, field);
    if (field == "value") return set_once(row.value, text, field);
    const BytesView bytes = TALEA_TRY(decode(text, field));
    return set_once(field == "key_base64" ? row.key : row.value, bytes, field);
  }

  Status read_flag(JsonRow& row, std::string_view field, ondemand::value& value) {
    bool flag = false;
    if (value.get_bool().get(flag) != simdjson::SUCCESS) return wrong_kind(field, "true or false");
    if (field == "if_absent") row.if_absent = flag;
    if (field == "if_present") row.if_present = flag;
    if (field == "keep_ttl") row.keep_ttl = flag;
    if (field == "never") row.never = flag;
    return {};
  }

  Status read_number(JsonRow& row, std::string_view field, ondemand::value& value) {
    std::uint64_t number = 0;
    if (value.get_uint64().get(number) != simdjson::SUCCESS) {
      return wrong_kind(field, "a whole number, 0 or more");
    }
    if (field == "revision") return set_once(row.revision, number, field);
    if (field == "if_revision") return set_once(row.if_revision, number, field);
    return set_once(field == "ttl_ms" ? row.ttl_ms : row.expires_at_ms, number, field);
  }

  Status read_field(JsonRow& row, ondemand::field field) {
    std::string_view name;
    const simdjson::error_code error = field.unescaped_key().get(name);
    if (error != simdjson::SUCCESS) return malformed(error);
    ondemand::value& value = field.value();
    if (name == "op" || name == "key" || name == "value" || name == "key_base64" ||
        name == "value_base64") {
      return read_text(row, name, value);
    }
    if (name == "if_absent" || name == "if_present" || name == "keep_ttl" || name == "never") {
      return read_flag(row, name, value);
    }
    if (name == "revision" || name == "if_revision" || name == "ttl_ms" ||
        name == "expires_at_ms") {
      return read_number(row, name, value);
    }
    return Status::invalid_argument(
        "unknown field \"" + std::string(name) +
        "\"; there are op, key, key_base64, value, value_base64, if_absent, if_present, "
        "if_revision, ttl_ms, expires_at_ms, keep_ttl and never");
  }

  Status read_row(ondemand::object object) {
    JsonRow& row = line.rows.emplace_back();
    for (auto field : object) {
      ondemand::field read;
      const simdjson::error_code error = std::move(field).get(read);
      if (error != simdjson::SUCCESS) return malformed(error);
      TALEA_TRY(read_field(row, read));
    }
    return {};
  }

  Status read_array(ondemand::array array) {
    line.is_array = true;
    for (auto element : array) {
      ondemand::object object;
      const simdjson::error_code error = element.get_object().get(object);
      if (error == simdjson::INCORRECT_TYPE) {
        return Status::invalid_argument("an array has to hold operations, objects each");
      }
      if (error != simdjson::SUCCESS) return malformed(error);
      TALEA_TRY(read_row(object));
    }
    return {};
  }

  Status read_document(ondemand::document& document) {
    ondemand::json_type type{};
    simdjson::error_code error = document.type().get(type);
    if (error != simdjson::SUCCESS) return malformed(error);
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      error = document.get_object().get(object);
      if (error != simdjson::SUCCESS) return malformed(error);
      TALEA_TRY(read_row(object));
    } else if (type == ondemand::json_type::array) {
      ondemand::array array;
      error = document.get_array().get(array);
      if (error != simdjson::SUCCESS) return malformed(error);
      TALEA_TRY(read_array(array));
    } else {
      return Status::invalid_argument("a line has to be a JSON object, or an array of them");
    }
    // Out of bounds is where a document that was read completely leaves the reader.
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      return Status::invalid_argument("not valid JSON: there is more behind the end");
    }
    return {};
  }
};

JsonReader::JsonReader() : state_(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;

Result<const JsonLine*> JsonReader::read(std::string_view line) {
  State& state = *state_;
  state.decoded.clear();
  state.line.is_array = false;
  state.line.rows.clear();
  ondemand::document document;
  const simdjson::padded_string_view padded(line.data(), line.size(),
                                            line.size() + kLinePaddingBytes);
  const simdjson::error_code error = state.parser.iterate(padded).get(document);
  if (error == simdjson::EMPTY) return Status::invalid_argument("the line is empty");
  if (error != simdjson::SUCCESS) return malformed(error);
  TALEA_TRY(state.read_document(document));
  return &state.line;
}

Result<Bytes> decode_base64(std::string_view text, std::string_view what) {
  Bytes bytes;
  if (!absl::Base64Unescape({text.data(), text.size()}, &bytes)) {
    return Status::invalid_argument(std::string(what) + " is not base64");
  }
  return bytes;
}

}  // namespace talea::cli
