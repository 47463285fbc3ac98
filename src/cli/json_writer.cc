#include "cli/json_writer.h"

#include <absl/strings/escaping.h>
#include <simdjson.h>

#include <array>
#include <cstdio>

#include "talea/limits.h"

namespace talea::cli {

namespace {

// What stands for a byte in a JSON string: itself when empty.
std::string_view escape_of(unsigned char byte, std::array<char, 8>& scratch) {
  switch (byte) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  if (byte >= 0x20) return {};
  std::snprintf(scratch.data(), scratch.size(), "\\u%04x", byte);
  return scratch.data();
}

std::uint64_t escaped_bytes(std::string_view text) {
  std::array<char, 8> scratch{};
  std::uint64_t bytes = text.size();
  for (const char byte : text) {
    const std::string_view escape = escape_of(static_cast<unsigned char>(byte), scratch);
    if (!escape.empty()) bytes += escape.size() - 1;
  }
  return bytes;
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
  std::array<char, 8> scratch{};
  json += '"';
  std::size_t plain = 0;  // where the run of bytes that stand for themselves began
  for (std::size_t position = 0; position < text.size(); ++position) {
    const std::string_view escape = escape_of(static_cast<unsigned char>(text[position]), scratch);
    if (escape.empty()) continue;
    json += text.substr(plain, position - plain);
    json += escape;
    plain = position + 1;
  }
  json += text.substr(plain);
  json += '"';
}

bool fits_json_string(BytesView bytes) {
  if (!simdjson::validate_utf8(bytes.data(), bytes.size())) return false;
  return bytes.size() <= kMiB || escaped_bytes(bytes) <= bytes.size() / 3 * 4;
}

void JsonObject::name(std::string_view name, std::string_view suffix) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += name;
  text_ += suffix;
  text_ += "\":";
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
  this->name(name);
  append_json_string(text_, value);
  return *this;
}

JsonObject& JsonObject::number(std::string_view name, std::uint64_t value) {
  return json(name, std::to_string(value));
}

JsonObject& JsonObject::decimal(std::string_view name, double value) {
  std::array<char, 64> digits{};
  std::snprintf(digits.data(), digits.size(), "%.3f", value);
  return json(name, digits.data());
}

JsonObject& JsonObject::boolean(std::string_view name, bool value) {
  return json(name, value ? "true" : "false");
}

JsonObject& JsonObject::null(std::string_view name) { return json(name, "null"); }

JsonObject& JsonObject::bytes(std::string_view name, BytesView value) {
  if (fits_json_string(value)) return text(name, value);
  this->name(name, "_base64");
  text_ += '"';
  text_ += absl::Base64Escape({value.data(), value.size()});
  text_ += '"';
  return *this;
}

JsonObject& JsonObject::expiry(std::uint64_t expiry_ms) {
  return expiry_ms == 0 ? *this : number("expires_at_ms", expiry_ms);
}

JsonObject& JsonObject::json(std::string_view name, std::string_view json) {
  this->name(name);
  text_ += json;
  return *this;
}

std::string& JsonObject::close() {
  text_ += '}';
  return text_;
}

JsonArray& JsonArray::add(std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += json;
  return *this;
}

std::string& JsonArray::close() {
  text_ += ']';
  return text_;
}

}  // namespace talea::cli
