#include "home/diagnosis.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "s3/machine.h"

namespace talea {
namespace {

using s3::ProbeCheck;
using s3::ProbeReport;
using s3::Verdict;

// Somebody waits for the answer, and that there is none is one.
constexpr std::chrono::milliseconds kOperationTimeout{10'000};

struct Sentence {
  std::string_view check;
  std::string_view text;
};
// Of what a store accepts and does not do.
constexpr Sentence kIgnored[] = {
    {s3::kProbePutIfAbsent, "the store ignores If-None-Match"},
    {s3::kProbePutIfStale, "the store ignores If-Match"},
    {s3::kProbeRange, "the store gives other bytes than a range asks for"},
    {s3::kProbeVersionIds, "the store loses versions that it gave an id"},
    {s3::kProbeListAfterWrite, "a list lacks what was written before it"},
    {s3::kProbeListVersions, "the list of versions lacks what was written before it"},
};

std::string sentence_of(const ProbeCheck& check) {
  if (check.verdict == Verdict::ignored) {
    for (const auto& [name, text] : kIgnored) {
      if (name == check.name) return std::string(text);
    }
  }
  if (check.name == s3::kProbeVersioning && check.verdict == Verdict::missing) {
    return "the bucket keeps no versions, which a ledger needs: " + check.seen;
  }
  return check.name + ": " + check.seen;
}

// The store gives versions, also where nobody may ask the bucket for it.
bool keeps_versions(const ProbeReport& report) {
  const ProbeCheck* const versioning = report.check(s3::kProbeVersioning);
  if (versioning == nullptr || versioning->verdict == Verdict::missing) return false;
  return report.kept(s3::kProbeVersioning) || report.kept(s3::kProbeVersionIds);
}

class Reasons {
 public:
  explicit Reasons(const ProbeReport& report) : report_(report) {}

  void need(std::string_view name) {
    const ProbeCheck* const check = report_.check(name);
    if (check == nullptr) {
      add(std::string(name) + " was not tried");
    } else if (check->verdict != Verdict::kept) {
      add(sentence_of(*check));
    }
  }
  void need_versions() {
    if (!keeps_versions(report_)) {
      need(s3::kProbeVersioning);  // then nothing else of versions is of interest
      return;
    }
    need(s3::kProbeVersionIds);
    need(s3::kProbeListVersions);
  }
  std::string text() && { return std::move(text_); }

 private:
  void add(const std::string& reason) {
    if (!text_.empty()) text_ += "; ";
    text_ += reason;
  }

  const ProbeReport& report_;
  std::string text_;
};

}  // namespace

std::vector<StoreScheme> Place::schemes() const {
  if (is_for_any) return {StoreScheme::ledger, StoreScheme::bucket_files};
  return {url.scheme};
}

Result<Place> parse_place(std::string_view url) {
  if (!url.starts_with("s3:")) return Place{.url = TALEA_TRY(parse_store_url(url))};
  Place place;
  place.is_for_any = true;
  place.url.scheme = StoreScheme::ledger;
  place.url.s3 = TALEA_TRY(parse_s3_url(url));
  return place;
}

HomeVerdict judge(StoreScheme scheme, BucketWriters writers, const ProbeReport& report) {
  Reasons reasons(report);
  if (scheme == StoreScheme::ledger || writers == BucketWriters::many) {
    reasons.need(s3::kProbePutIfAbsent);
    reasons.need(s3::kProbePutIfStale);
    reasons.need(s3::kProbePutIfCurrent);
  }
  if (scheme == StoreScheme::ledger) {
    reasons.need_versions();
  } else {
    reasons.need(s3::kProbeRange);
  }
  reasons.need(s3::kProbeListAfterWrite);
  return {.scheme = scheme, .why_not = std::move(reasons).text()};
}

Result<Diagnosis> diagnose(const Place& place, const s3::ClientSeams& seams) {
  if (!is_on_s3(place.url.scheme)) {
    return Status::invalid_argument(std::string(kind_of_store(place.url.scheme)) +
                                    " is not on S3: there is nothing to ask");
  }
  S3Options at = place.url.s3;
  at.operation_timeout = std::min(at.operation_timeout, kOperationTimeout);
  const auto client = TALEA_TRY(s3::Client::create(at, seams));
  Diagnosis diagnosis;
  diagnosis.probe = TALEA_TRY(s3::probe(*client, seams.clock, seams.random));
  for (const StoreScheme scheme : place.schemes()) {
    diagnosis.homes.push_back(judge(scheme, place.url.writers, diagnosis.probe));
  }
  diagnosis.requests = client->counts();
  return diagnosis;
}

Result<Diagnosis> diagnose(const Place& place) {
  s3::Machine machine;
  return diagnose(place, machine.seams());
}

}  // namespace talea
