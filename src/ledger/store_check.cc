#include "ledger/store_check.h"

#include "ledger/objects.h"

namespace talea {
namespace {

constexpr std::string_view kCause = "check";
constexpr std::string_view kProbeBytes =
    "Talea asks here whether conditions of a put are heeded.\n";
// No object has it: an ETag of that form is an MD5.
constexpr std::string_view kNobodysEtag = "\"00000000000000000000000000000000\"";

Result<s3::Written> put_probe(s3::Client& client, s3::Condition condition) {
  return client.put(
      kProbeName, kProbeBytes,
      {.cause = kCause, .condition = std::move(condition), .content_type = "text/plain"});
}

Status no_versions() {
  return Status::unsupported(
      "the bucket keeps no versions, so the log would have no past: enable versioning first");
}

Status ignored(std::string_view condition) {
  return Status::unsupported("the store accepts " + std::string(condition) +
                             " and takes no notice of it, so two writers would overwrite each "
                             "other; a ledger can only be read here");
}

// For who may not ask the bucket: by a version that was given.
Status check_version_id(std::string_view version_id) {
  return version_id.empty() || version_id == "null" ? no_versions() : Status();
}

Status check_versioning_of_probe(s3::Client& client) {
  const auto info = TALEA_TRY(client.head(kProbeName, {.cause = kCause}));
  return check_version_id(info ? info->version_id : "");
}

}  // namespace

Status check_store(s3::Client& client) {
  const auto versioning = client.versioning();
  const bool may_ask = versioning.status().code() != Code::denied;
  if (may_ask && !versioning.ok()) return versioning.status();
  if (may_ask && *versioning != s3::Versioning::enabled) return no_versions();

  auto first = put_probe(client, s3::Condition::absent());
  if (first.ok()) {
    TALEA_TRY(check_version_id(first->version_id));
    const auto second = put_probe(client, s3::Condition::absent());
    if (second.ok()) return ignored("If-None-Match");
    if (second.status().code() != Code::conflict) return second.status();
  } else if (first.status().code() != Code::conflict) {
    return explain(std::move(first).status(), "try a put with a condition");
  } else if (!may_ask) {
    TALEA_TRY(check_versioning_of_probe(client));
  }
  const auto stale = put_probe(client, s3::Condition::matches(s3::Etag(kNobodysEtag)));
  if (stale.ok()) return ignored("If-Match");
  return stale.status().code() == Code::conflict ? Status() : stale.status();
}

}  // namespace talea
