#include "cli/value_source.h"

#include "cli/human_text.h"

namespace talea::cli {

Status add_put(Engine& engine, Batch& batch, BytesView key, BytesView value, Expiry expiry) {
  if (value.size() <= kInlineValueBytesMax) {
    batch.put(key, value, expiry);
    return {};
  }
  if (value.size() > kValueBytesMax) {
    return Status::invalid_argument(
        "a value in one line has at most " + std::to_string(kValueBytesMax) +
        " bytes; this one has " + std::to_string(value.size()) + ". Store it with `put KEY @FILE`");
  }
  ValueWriter writer = TALEA_TRY(engine.write_value());
  TALEA_TRY(writer.append(value));
  batch.put(key, TALEA_TRY(writer.finish()), expiry);
  return {};
}

Status too_large_for_row(BytesView key) {
  return Status::exhausted("the value of '" + printable(key) + "' has more than " +
                           std::to_string(kValueBytesMax) +
                           " bytes, which no row carries: `get KEY --out FILE` does, and `scan "
                           "--keys-only` leaves values out");
}

}  // namespace talea::cli
