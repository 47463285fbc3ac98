#include "ledger/store_check.h"

#include "ledger/objects.h"
#include "s3/probe.h"

namespace talea {
namespace {

constexpr std::string_view kCause = "check";

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

  auto trial = s3::try_conditions(client, kProbeName, kCause);
  if (!trial.ok()) return explain(std::move(trial).status(), "try a put with a condition");
  if (trial->made) {
    TALEA_TRY(check_version_id(trial->made->version_id));
  } else if (!may_ask) {
    TALEA_TRY(check_versioning_of_probe(client));
  }
  return trial->ignored.empty() ? Status() : ignored(trial->ignored);
}

}  // namespace talea
