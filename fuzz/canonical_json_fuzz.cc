// Canonical JSON: what is printed is read again, and printed the same; and the members of an object
// are found where they lie.
#include <cstdint>

#include "base/assert.h"
#include "codec/canonical_json.h"

namespace talea {
namespace {

void print(BytesView json) {
  for (const JsonForm form : {JsonForm::python, JsonForm::typescript, JsonForm::typescript_raw}) {
    const auto once = canonical_json(json, form, {.allow_nan = true});
    if (!once.ok()) {
      TALEA_ASSERT(once.status().code() == Code::invalid_argument);
      continue;
    }
    const auto twice = canonical_json(*once, form, {.allow_nan = true});
    TALEA_ASSERT(twice.ok() && *twice == *once);
  }
}

void scan(BytesView json) {
  const auto members = scan_json_object(json);
  if (!members.ok()) return;
  for (const JsonMember& member : *members) {
    TALEA_ASSERT(member.value.data() > json.data());
    TALEA_ASSERT(member.value.data() + member.value.size() < json.data() + json.size());
    TALEA_ASSERT(!member.value.empty());
  }
}

}  // namespace
}  // namespace talea

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const talea::BytesView json(reinterpret_cast<const char*>(data), size);
  talea::print(json);
  talea::scan(json);
  return 0;
}
