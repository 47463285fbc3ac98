#include "ledger/entry.h"

#include <array>
#include <vector>

#include "base/assert.h"
#include "codec/canonical_json.h"
#include "crypto/sha256.h"

namespace talea {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kNull = "null";

JsonForm json_form(HashForm form) {
  return form == HashForm::typescript ? JsonForm::typescript : JsonForm::python;
}

// For text that is UTF-8: keys were checked when they came in, or come from JSON.
Bytes quoted(std::string_view text, JsonForm form) {
  Result<Bytes> printed = canonical_json_string(text, form);
  TALEA_ASSERT(printed.ok());
  return std::move(printed).value();
}

Bytes quoted(std::string_view text) { return quoted(text, JsonForm::python); }

void append_member(Bytes& out, std::string_view name, BytesView json) {
  out += out.empty() ? "{\"" : ",\"";
  out += name;
  out += "\":";
  out += json;
}

std::string sha256_of(BytesView text) {
  return std::string(kHashPrefix) + to_hex(Sha256::of(text));
}

// The text of the python or the typescript form; an empty value is none.
Bytes json_text(const LedgerEntry& entry, HashForm form, BytesView value) {
  const bool python = form == HashForm::python;
  Bytes text;
  append_member(text, "key", quoted(entry.key, json_form(form)));
  append_member(text, python ? "previous_hash" : "previousHash", quoted(entry.previous_hash));
  append_member(text, "sequence", std::to_string(entry.sequence));
  append_member(text, python ? "timestamp_ms" : "timestampMs", std::to_string(entry.timestamp_ms));
  if (!value.empty()) append_member(text, "value", value);
  text += '}';
  return text;
}

Bytes pipe_text(const LedgerEntry& entry, BytesView value) {
  Bytes text = std::to_string(entry.sequence);
  const std::string time = std::to_string(entry.timestamp_ms);
  for (const BytesView part :
       {BytesView(entry.key), value, BytesView(time), BytesView(entry.previous_hash)}) {
    text += '|';
    text += part;
  }
  return text;
}

// What the members of a body are, as JSON; empty where there is none.
struct Body {
  BytesView hash, key, log_version_id, previous_hash, previous_key_object_etag, previous_version_id,
      sequence, timestamp_ms, value;
};

Status damaged(std::string_view what) { return Status::corruption(std::string(what)); }

Result<Body> scan_body(BytesView bytes) {
  const auto members = scan_json_object(bytes);
  if (!members.ok()) return damaged(members.status().message());
  Body body;
  struct Field {
    std::string_view name;
    BytesView* place;
  };
  const std::array<Field, 9> fields{{{"hash", &body.hash},
                                     {"key", &body.key},
                                     {"log_version_id", &body.log_version_id},
                                     {"previous_hash", &body.previous_hash},
                                     {"previous_key_object_etag", &body.previous_key_object_etag},
                                     {"previous_version_id", &body.previous_version_id},
                                     {"sequence", &body.sequence},
                                     {"timestamp_ms", &body.timestamp_ms},
                                     {"value", &body.value}}};
  for (const JsonMember& member : *members) {
    for (const Field& field : fields) {
      if (member.name == field.name) *field.place = member.value;
    }
  }
  return body;
}

Result<std::string> text_of(BytesView json, std::string_view name) {
  Result<std::string> text = parse_json_string(json);
  if (text.ok()) return text;
  return damaged("its member " + std::string(name) +
                 (json.empty() ? " is missing" : " is no string"));
}

Result<std::string> hash_of_body(BytesView json, std::string_view name) {
  std::string hash = TALEA_TRY(text_of(json, name));
  if (hash.starts_with(kHashPrefix)) return hash;
  return damaged("its member " + std::string(name) + " does not begin with sha256:");
}

// Missing or null: empty.
Result<std::string> optional_text(BytesView json, std::string_view name) {
  if (json.empty() || json == kNull) return std::string();
  return text_of(json, name);
}

Result<std::int64_t> integer_of(BytesView json, std::string_view name, std::int64_t min) {
  const auto value = parse_json_integer(json);
  if (value.ok() && *value >= min && *value <= kLastSequence) return *value;
  return damaged("its member " + std::string(name) +
                 (json.empty() ? " is missing" : " is no integer of its range"));
}

Result<LedgerEntry> entry_of(const Body& body) {
  LedgerEntry entry;
  entry.hash = TALEA_TRY(hash_of_body(body.hash, "hash"));
  entry.key = TALEA_TRY(text_of(body.key, "key"));
  entry.previous_hash = TALEA_TRY(hash_of_body(body.previous_hash, "previous_hash"));
  entry.sequence = TALEA_TRY(integer_of(body.sequence, "sequence", -1));
  entry.timestamp_ms =
      static_cast<std::uint64_t>(TALEA_TRY(integer_of(body.timestamp_ms, "timestamp_ms", 1)));
  entry.value_is_missing = body.value.empty();
  entry.value = entry.value_is_missing ? kNull : body.value;
  return entry;
}

void append_common(Bytes& out, const LedgerEntry& entry) {
  append_member(out, "sequence", std::to_string(entry.sequence));
  append_member(out, "timestamp_ms", std::to_string(entry.timestamp_ms));
  append_member(out, "value", entry.value);
  out += '}';
}

// The value printed anew: by Python's rules, TypeScript's, and TypeScript's of the pipe form. What
// cannot be printed is not among them.
struct Reprinted {
  std::optional<Bytes> python, typescript, typescript_raw;
};

Reprinted reprint(BytesView value) {
  const auto print = [&](JsonForm form) -> std::optional<Bytes> {
    auto printed = canonical_json(value, form, {.allow_nan = true});
    if (!printed.ok()) return std::nullopt;
    return std::move(printed).value();
  };
  return {print(JsonForm::python), print(JsonForm::typescript), print(JsonForm::typescript_raw)};
}

}  // namespace

bool is_json_text(std::string_view text) {
  return canonical_json_string(text, JsonForm::python).ok();
}

std::string key_object_name(std::string_view key) {
  return std::string(kKeysFolder) + std::string(key) + std::string(kKeySuffix);
}

Status check_ledger_key(std::string_view key, std::size_t prefix_bytes) {
  const std::size_t around = prefix_bytes + kKeysFolder.size() + kKeySuffix.size();
  if (key.size() + around > kS3KeyBytesMax) {
    return Status::invalid_argument("a key of " + std::to_string(key.size()) +
                                    " bytes; with the prefix of " + std::to_string(prefix_bytes) +
                                    " and 10 that go around it, its object's name has " +
                                    std::to_string(key.size() + around) +
                                    ", and S3 holds names of " + std::to_string(kS3KeyBytesMax));
  }
  for (const char c : key) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
    return Status::invalid_argument("a key with a control character, which no list of S3 shows");
  }
  if (is_json_text(key)) return {};
  return Status::invalid_argument("a key that is not UTF-8");
}

Result<LedgerEntry> decode_log_entry(BytesView body, std::string_view version_id) {
  const Body members = TALEA_TRY(scan_body(body));
  LedgerEntry entry = TALEA_TRY(entry_of(members));
  entry.version_id = version_id;
  entry.previous_version_id =
      TALEA_TRY(optional_text(members.previous_version_id, "previous_version_id"));
  entry.previous_key_object_etag =
      TALEA_TRY(optional_text(members.previous_key_object_etag, "previous_key_object_etag"));
  return entry;
}

Result<LedgerEntry> decode_key_object(BytesView body) {
  const Body members = TALEA_TRY(scan_body(body));
  LedgerEntry entry = TALEA_TRY(entry_of(members));
  entry.version_id = TALEA_TRY(text_of(members.log_version_id, "log_version_id"));
  return entry;
}

Bytes encode_log_entry(const LedgerEntry& entry, HashForm form) {
  Bytes out;
  append_member(out, "hash", quoted(entry.hash));
  append_member(out, "key", quoted(entry.key, json_form(form)));
  append_member(out, "previous_hash", quoted(entry.previous_hash));
  if (!entry.previous_key_object_etag.empty()) {
    append_member(out, "previous_key_object_etag", quoted(entry.previous_key_object_etag));
  }
  if (!entry.previous_version_id.empty()) {
    append_member(out, "previous_version_id", quoted(entry.previous_version_id));
  }
  append_common(out, entry);
  return out;
}

Bytes encode_key_object(const LedgerEntry& entry, HashForm form) {
  Bytes out;
  append_member(out, "hash", quoted(entry.hash));
  append_member(out, "key", quoted(entry.key, json_form(form)));
  append_member(out, "log_version_id", quoted(entry.version_id));
  append_member(out, "previous_hash", quoted(entry.previous_hash));
  append_common(out, entry);
  return out;
}

std::string hash_of(const LedgerEntry& entry, HashForm form) {
  TALEA_ASSERT(form != HashForm::none);
  if (form == HashForm::pipe) return sha256_of(pipe_text(entry, entry.value));
  return sha256_of(json_text(entry, form, entry.value));
}

HashForm find_hash_form(const LedgerEntry& entry) {
  if (!is_json_text(entry.key) || !is_json_text(entry.previous_hash)) return HashForm::none;
  const auto fits = [&](const Bytes& text) { return sha256_of(text) == entry.hash; };
  // The stored bytes first: nearly always they are what was hashed.
  for (const HashForm form : {HashForm::python, HashForm::typescript}) {
    if (hash_of(entry, form) == entry.hash) return form;
  }
  if (entry.value_is_missing && fits(json_text(entry, HashForm::typescript, {}))) {
    return HashForm::typescript;
  }
  const Reprinted value = reprint(entry.value);
  if (value.python && fits(json_text(entry, HashForm::python, *value.python))) {
    return HashForm::python;
  }
  if (value.typescript && fits(json_text(entry, HashForm::typescript, *value.typescript))) {
    return HashForm::typescript;
  }
  for (const auto& printed : {value.python, value.typescript_raw}) {
    if (printed && fits(pipe_text(entry, *printed))) return HashForm::pipe;
  }
  return HashForm::none;
}

Result<Bytes> canonical_value(BytesView json, HashForm form) {
  Result<Bytes> printed = canonical_json(json, json_form(form), {.refuse_loss = true});
  // The form may be six times as long as what was given, and an object that is longer than an
  // answer may be could never be read again.
  if (printed.ok() && printed->size() > kLedgerValueBytesMax) {
    return Status::exhausted("a value of " + std::to_string(printed->size()) +
                             " bytes, as it would be stored; up to " +
                             std::to_string(kLedgerValueBytesMax) + " are taken");
  }
  return printed;
}

}  // namespace talea
