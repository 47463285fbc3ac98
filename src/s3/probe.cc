#include "s3/probe.h"

#include <algorithm>
#include <array>
#include <utility>

namespace talea::s3 {
namespace {

constexpr std::string_view kCause = "probe";
constexpr std::string_view kBytes = "0123456789";
constexpr std::string_view kTrialBytes =
    "Talea tries here whether conditions of a put are heeded.\n";
// No object has it: an ETag of this form is an MD5.
constexpr std::string_view kNobodysEtag = "\"00000000000000000000000000000000\"";

std::string random_name(Random& random) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<unsigned char, 8> bytes{};
  random.fill(bytes);
  std::string name = "talea-probe-";
  for (const unsigned char byte : bytes) {
    name += kDigits[byte / 16];
    name += kDigits[byte % 16];
  }
  return name;
}

// What one check saw.
struct Seen {
  Verdict verdict = Verdict::kept;
  std::string text = {};
};

Seen refused(const Status& status) {
  return {status.code() == Code::unsupported ? Verdict::missing : Verdict::refused,
          std::string(status.message())};
}

class Prober {
 public:
  Prober(Client& client, Clock& clock, Random& random)
      : client_(client), clock_(clock), key_(random_name(random)), other_key_(key_ + "-2") {}

  Result<ProbeReport> run();

 private:
  template <typename Check>
  void add(std::string_view name, Check check);
  void report(std::string_view name, const Seen& seen, std::uint64_t begin_ns);

  Seen versioning();
  Seen put_if_absent();
  Seen put_if_stale();
  Seen put_if_current();
  Seen version_ids();
  Seen range();
  Seen list_after_write();
  Seen list_versions();
  Seen clean_up();
  Result<Written> put(const std::string& key, BytesView bytes, Condition condition);
  void remove(const std::string& key, const std::string& version_id, Seen& seen);
  void remove_rest(const std::string& key, Seen& seen);
  std::string place_of(const std::string& key) const { return client_.options().prefix + key; }

  Client& client_;
  Clock& clock_;
  const std::string key_;
  const std::string other_key_;
  ProbeReport report_;
  std::vector<std::pair<std::string, std::string>> made_;  // key and version id
  Written first_;
};

template <typename Check>
void Prober::add(std::string_view name, Check check) {
  const std::uint64_t begin = clock_.monotonic_ns();
  report(name, (this->*check)(), begin);
}

void Prober::report(std::string_view name, const Seen& seen, std::uint64_t begin_ns) {
  const std::uint64_t took = clock_.monotonic_ns() - begin_ns;
  report_.checks.push_back({.name = std::string(name),
                            .verdict = seen.verdict,
                            .seen = seen.text,
                            .took = std::chrono::microseconds(took / 1000)});
}

Result<ProbeReport> Prober::run() {
  // What has no condition has to work, or nothing can be said about what has.
  const std::uint64_t begin = clock_.monotonic_ns();
  Result<Written> first = put(key_, kBytes, {});
  if (first.status().code() == Code::timed_out) (void)clean_up();  // it may be there
  first_ = TALEA_TRY(std::move(first));
  report(kProbePut, {}, begin);
  add(kProbeVersioning, &Prober::versioning);
  add(kProbeRange, &Prober::range);
  add(kProbePutIfAbsent, &Prober::put_if_absent);
  add(kProbePutIfStale, &Prober::put_if_stale);
  add(kProbePutIfCurrent, &Prober::put_if_current);
  add(kProbeVersionIds, &Prober::version_ids);
  add(kProbeListAfterWrite, &Prober::list_after_write);
  add(kProbeListVersions, &Prober::list_versions);
  add(kProbeDelete, &Prober::clean_up);
  return std::move(report_);
}

Result<Written> Prober::put(const std::string& key, BytesView bytes, Condition condition) {
  Result<Written> written =
      client_.put(key, bytes, {.cause = kCause, .condition = std::move(condition)});
  if (written.ok()) made_.emplace_back(key, written->version_id);
  return written;
}

Seen Prober::versioning() {
  const auto versioning = client_.versioning();
  if (!versioning.ok()) return refused(versioning.status());
  report_.versioning = *versioning;
  if (*versioning == Versioning::enabled) return {};
  return {Verdict::missing, *versioning == Versioning::suspended
                                ? "versioning of the bucket is suspended"
                                : "versioning of the bucket was never enabled"};
}

// After the object was replaced: then the first version is a past one.
Seen Prober::version_ids() {
  if (first_.version_id.empty()) return {Verdict::missing, "a put gave no version id"};
  // S3's id of what was put while versioning is suspended; the next put takes its place.
  if (first_.version_id == "null") {
    return {Verdict::missing, "a put gave the version id null, which keeps no version"};
  }
  const auto object = client_.get(key_, {.cause = kCause, .version_id = first_.version_id});
  if (!object.ok()) return refused(object.status());
  if (!*object || (*object)->bytes != kBytes) {
    return {Verdict::ignored, "the version that a put named is not there"};
  }
  return {};
}

Seen Prober::range() {
  const auto object =
      client_.get(key_, {.cause = kCause, .range = ByteRange{.offset = 3, .length = 4}});
  if (!object.ok()) return refused(object.status());
  if (!*object) return {Verdict::refused, "the object is not there"};
  if ((*object)->bytes != kBytes.substr(3, 4)) return {Verdict::ignored, "other bytes came"};
  return {};
}

Seen Prober::put_if_absent() {
  const auto first = put(other_key_, "1", Condition::absent());
  if (!first.ok()) return refused(first.status());
  const auto again = put(other_key_, "2", Condition::absent());
  if (again.ok()) return {Verdict::ignored, "If-None-Match was accepted, and an object replaced"};
  if (again.status().code() != Code::conflict) return refused(again.status());
  return {};
}

Seen Prober::put_if_stale() {
  const auto stale = put(key_, "stale", Condition::matches(Etag(kNobodysEtag)));
  if (stale.ok()) return {Verdict::ignored, "If-Match was accepted, and an object replaced"};
  if (stale.status().code() != Code::conflict) return refused(stale.status());
  return {};
}

Seen Prober::put_if_current() {
  const auto info = client_.head(key_, {.cause = kCause});
  if (!info.ok()) return refused(info.status());
  if (!*info) return {Verdict::refused, "the object is not there"};
  const auto current = put(key_, "current", Condition::matches((*info)->etag));
  if (current.status().code() == Code::conflict) {
    return {Verdict::refused, "If-Match was refused although it holds"};
  }
  if (!current.ok()) return refused(current.status());
  return {};
}

Seen Prober::list_after_write() {
  const auto page = client_.list({.cause = kCause, .prefix = key_});
  if (!page.ok()) return refused(page.status());
  const auto is_there = [&](const std::string& key) {
    return std::any_of(page->objects.begin(), page->objects.end(),
                       [&](const ObjectInfo& info) { return info.key == key; });
  };
  for (const auto& [key, version_id] : made_) {
    if (!is_there(key)) return {Verdict::ignored, "an object that was put is not in the list"};
  }
  return {};
}

Seen Prober::list_versions() {
  const auto page = client_.list_versions({.cause = kCause, .prefix = key_});
  if (!page.ok()) return refused(page.status());
  for (const auto& [key, version_id] : made_) {
    const auto found = std::find_if(page->versions.begin(), page->versions.end(),
                                    [&key = key, &wanted = version_id](const auto& each) {
                                      return each.info.key == key && each.info.version_id == wanted;
                                    });
    if (!version_id.empty() && found == page->versions.end()) {
      return {Verdict::ignored, "a version that was put is not in the list"};
    }
  }
  return {};
}

// The versions that were named, and what is left under the keys then: a put that failed may have
// been done.
Seen Prober::clean_up() {
  Seen seen;
  for (const auto& [key, version_id] : made_) remove(key, version_id, seen);
  for (const std::string& key : {key_, other_key_}) remove_rest(key, seen);
  return seen;
}

void Prober::remove_rest(const std::string& key, Seen& seen) {
  constexpr int kRemovalsMax = 100;  // a put that was sent often has made as many versions
  for (int i = 0; i <= kRemovalsMax; ++i) {
    const auto left = client_.head(key, {.cause = kCause});
    if (!left.ok()) {
      if (seen.verdict == Verdict::kept) seen = refused(left.status());
      // Where there are versions, a removal without one would leave a mark.
      if (made_.empty() || first_.version_id.empty()) remove(key, {}, seen);
      return;
    }
    if (!*left) return;
    if (i == kRemovalsMax && seen.verdict == Verdict::kept) {
      seen = {Verdict::ignored, "an object that was removed is there: " + place_of(key)};
    }
    if (seen.verdict != Verdict::kept) return;
    remove(key, (*left)->version_id, seen);
  }
}

// Goes on after a failure; all that is left is named.
void Prober::remove(const std::string& key, const std::string& version_id, Seen& seen) {
  const Status removed = client_.remove(key, {.cause = kCause, .version_id = version_id});
  if (removed.ok()) return;
  const std::string left = place_of(key);
  if (seen.verdict == Verdict::kept) {
    seen = refused(removed);
    seen.text += "; left behind: " + left;
  } else if (!seen.text.ends_with(left)) {
    seen.text +=
        (seen.text.find("left behind") == std::string::npos ? "; left behind: " : ", ") + left;
  }
}

// What was written; nothing: the condition did not hold.
Result<std::optional<Written>> put_under(Client& client, std::string_view key,
                                         std::string_view cause, Condition condition) {
  Result<Written> put = client.put(key, kTrialBytes,
                                   {.cause = cause,
                                    .condition = std::move(condition),
                                    .content_type = "text/plain",
                                    .looks_after_refusal = false});
  if (put.ok()) return std::optional(std::move(*put));
  if (put.status().code() == Code::conflict) return std::optional<Written>();
  return std::move(put).status();
}

}  // namespace

Result<ConditionTrial> try_conditions(Client& client, std::string_view key,
                                      std::string_view cause) {
  ConditionTrial trial;
  trial.made = TALEA_TRY(put_under(client, key, cause, Condition::absent()));
  if (trial.made && TALEA_TRY(put_under(client, key, cause, Condition::absent()))) {
    trial.ignored = "If-None-Match";
    return trial;
  }
  const auto stale =
      TALEA_TRY(put_under(client, key, cause, Condition::matches(Etag(kNobodysEtag))));
  if (stale) trial.ignored = "If-Match";
  return trial;
}

const ProbeCheck* ProbeReport::check(std::string_view name) const {
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [&](const ProbeCheck& each) { return each.name == name; });
  return found == checks.end() ? nullptr : &*found;
}

bool ProbeReport::kept(std::string_view name) const {
  const ProbeCheck* const found = check(name);
  return found != nullptr && found->verdict == Verdict::kept;
}

Result<ProbeReport> probe(Client& client, Clock& clock, Random& random) {
  return Prober(client, clock, random).run();
}

Status fit_for_writing(const ProbeReport& report, bool needs_versions) {
  std::string faults;
  const auto need = [&](std::string_view name) {
    const ProbeCheck* const found = report.check(name);
    if (found != nullptr && found->verdict == Verdict::kept) return;
    if (!faults.empty()) faults += "; ";
    faults.append(name);
    if (found != nullptr) faults += ": " + found->seen;
  };
  need(kProbePutIfAbsent);
  need(kProbePutIfStale);
  need(kProbePutIfCurrent);
  need(kProbeRange);
  if (needs_versions) {
    need(kProbeVersioning);
    need(kProbeVersionIds);
    need(kProbeListVersions);
  }
  if (faults.empty()) return {};
  return Status::unsupported("the store is not fit to be written to: " + faults);
}

}  // namespace talea::s3
