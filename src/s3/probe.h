// What a store can do, found out by doing it: some accept a condition and take no notice, and say
// so nowhere. The homes on S3 ask once before they write for the first time; `talea doctor` prints
// it.
//
// The probe writes two objects below a name that nobody else has, and removes them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "s3/client.h"

namespace talea::s3 {

enum class Verdict : unsigned char {
  kept,     // as S3 does it
  ignored,  // accepted, and not done: worse than refused
  refused,  // with an error
  missing,  // the store has no such thing
};

struct ProbeCheck {
  /// "put if absent", "put if matches, stale", "version ids" ...
  std::string name;
  Verdict verdict = Verdict::missing;
  /// What was seen, where it was not kept.
  std::string seen;
  std::chrono::microseconds took{0};
};

struct ProbeReport {
  std::vector<ProbeCheck> checks;
  Versioning versioning = Versioning::never;

  /// Nothing when there is no such check.
  const ProbeCheck* check(std::string_view name) const;
  bool kept(std::string_view name) const;
};

// The names of the checks. The first, "versioning" and "range" are one request each.
inline constexpr std::string_view kProbePut = "put";
inline constexpr std::string_view kProbeVersioning = "versioning";
inline constexpr std::string_view kProbePutIfAbsent = "put if absent";
inline constexpr std::string_view kProbePutIfStale = "put if matches, stale";
inline constexpr std::string_view kProbePutIfCurrent = "put if matches, current";
inline constexpr std::string_view kProbeVersionIds = "version ids";
inline constexpr std::string_view kProbeRange = "range";
inline constexpr std::string_view kProbeListAfterWrite = "list after write";
inline constexpr std::string_view kProbeListVersions = "list of versions";
inline constexpr std::string_view kProbeDelete = "delete";

/// Asks for everything. A check that fails is in the report; an error means that there is none.
/// Cost: about 16 requests, under the cause "probe".
/// Errors: those of a put without a condition: without that there is nothing to ask
Result<ProbeReport> probe(Client& client, Clock& clock, Random& random);

/// What became of trying whether puts heed their conditions.
struct ConditionTrial {
  /// "If-None-Match", "If-Match": what the store accepts and takes no notice of. Empty: none.
  std::string_view ignored;
  /// The object that was tried on, when the trial made it. Nothing: it was there before.
  std::optional<Written> made;
};

/// The short way to ask, for those who are about to write: on the object `key`, which stays, so
/// that the next who tries needs a request less. Cost: 2 requests; 3 where there is no such object.
/// Errors: those of a put
Result<ConditionTrial> try_conditions(Client& client, std::string_view key, std::string_view cause);

/// Ok when conditions are kept and, with `needs_versions`, versions too.
/// Errors: unsupported   the message names what the store ignores or lacks
Status fit_for_writing(const ProbeReport& report, bool needs_versions);

}  // namespace talea::s3
