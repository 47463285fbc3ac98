#include "transfer/key_text.h"

#include <absl/strings/escaping.h>

#include "codec/utf8.h"

namespace talea {
namespace {

constexpr std::size_t kBytesMax = 200;

}  // namespace

std::string key_text(BytesView key) {
  const BytesView shown = key.substr(0, kBytesMax);
  const absl::string_view bytes(shown.data(), shown.size());
  const std::string text = is_utf8(shown) ? absl::Utf8SafeCEscape(bytes) : absl::CEscape(bytes);
  if (shown.size() == key.size()) return "'" + text + "'";
  return "'" + text + "...', a key of " + std::to_string(key.size()) + " bytes,";
}

}  // namespace talea
