// JsonObject: one JSON object on one line, written from front to back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "talea/bytes.h"

namespace talea::cli {

/// Appends `text`, which has to be UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& json, std::string_view text);

/// Whether JSON can carry `bytes` as a string: it is UTF-8. A large one that would grow beyond
/// its base64, being mostly control characters, is not taken as text, so that no line grows
/// beyond what a reader takes.
bool fits_json_string(BytesView bytes);

/// Threads: externally synchronised.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::uint64_t value);
  /// With three digits behind the point.
  JsonObject& decimal(std::string_view name, double value);
  JsonObject& boolean(std::string_view name, bool value);
  JsonObject& null(std::string_view name);
  /// As text under `name`, or in base64 under `name`_base64.
  JsonObject& bytes(std::string_view name, BytesView value);
  /// "expires_at_ms" of a row; nothing where it is 0, of a key that lives until it is removed.
  JsonObject& expiry(std::uint64_t expiry_ms);
  /// `json` is a JSON value already.
  JsonObject& json(std::string_view name, std::string_view json);

  /// The object; nothing may be added after.
  std::string& close();
  /// Empties the object for another one, keeping its memory.
  void clear() { text_ = "{"; }

 private:
  void name(std::string_view name, std::string_view suffix = "");

  std::string text_ = "{";
};

/// A JSON array, in the same manner.
class JsonArray {
 public:
  JsonArray& add(std::string_view json);
  std::string& close();

 private:
  std::string text_ = "[";
};

}  // namespace talea::cli
