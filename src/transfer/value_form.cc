#include "transfer/value_form.h"

#include <absl/strings/escaping.h>

#include <string>
#include <vector>

#include "codec/canonical_json.h"
#include "codec/utf8.h"

namespace talea {
namespace {

constexpr std::string_view kBase64 = "base64";

Result<Bytes> to_json(BytesView value) {
  if (is_utf8(value)) return canonical_json_string(value, JsonForm::python);
  return "{\"base64\":\"" + absl::Base64Escape(absl::string_view(value.data(), value.size())) +
         "\"}";
}

Status not_ours() {
  return Status::invalid_argument(
      "the value is neither a JSON string nor {\"base64\":\"...\"}, which is what --values to-json "
      "makes");
}

Result<Bytes> from_base64(BytesView json) {
  const Result<std::vector<JsonMember>> members = scan_json_object(json);
  if (!members.ok() || members->size() != 1 || members->front().name != kBase64) return not_ours();
  const Result<std::string> text = parse_json_string(members->front().value);
  Bytes bytes;
  if (!text.ok() || !absl::Base64Unescape(*text, &bytes)) return not_ours();
  return bytes;
}

Result<Bytes> from_json(BytesView json) {
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  if (first == BytesView::npos) return not_ours();
  json.remove_prefix(first);
  json = json.substr(0, json.find_last_not_of(" \t\r\n") + 1);
  if (json.front() != '"') return from_base64(json);
  Result<std::string> text = parse_json_string(json);
  if (!text.ok()) return not_ours();
  return text;
}

}  // namespace

Result<Bytes> in_form(ValueForm form, BytesView value) {
  switch (form) {
    case ValueForm::as_is: return Bytes(value);
    case ValueForm::to_json: return to_json(value);
    case ValueForm::from_json: return from_json(value);
  }
  return Bytes(value);
}

// TypeScript's text has one form for each number, and loses what a double cannot hold. Where it
// would lose something, the value has an integer that Python's text alone has, or a name that
// TypeScript has no place for; no ledger in TypeScript's form holds such a value.
Result<Bytes> comparable_json(BytesView json) {
  Result<Bytes> text = canonical_json(json, JsonForm::typescript, {.refuse_loss = true});
  if (text.ok()) return text;
  return canonical_json(json, JsonForm::python);
}

}  // namespace talea
