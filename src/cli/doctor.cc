// doctor: whether a store can be where somebody wants it, found out before it matters.
#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/cost_report.h"
#include "cli/directory_check.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "home/diagnosis.h"

namespace talea::cli {

namespace {

std::string_view word_of(s3::Verdict verdict) {
  switch (verdict) {
    case s3::Verdict::kept: return "kept";
    case s3::Verdict::ignored: return "ignored";
    case s3::Verdict::refused: return "refused";
    case s3::Verdict::missing: return "missing";
  }
  return "unknown";
}

std::uint64_t nanoseconds_of(const s3::ProbeCheck& check) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(check.took).count());
}

bool all_may_be_written(const Diagnosis& diagnosis) {
  return std::all_of(diagnosis.homes.begin(), diagnosis.homes.end(),
                     [](const HomeVerdict& home) { return home.may_be_written(); });
}

// --- A place on S3

std::string verdict_line(std::string_view name, const std::string& why_not) {
  return std::string(name) + ": " + (why_not.empty() ? "yes" : "no: " + printable(why_not)) + "\n";
}

std::string diagnosis_text(const Diagnosis& diagnosis) {
  std::vector<std::vector<std::string>> rows = {{"asked", "answer", "took"}};
  std::string seen;
  for (const s3::ProbeCheck& check : diagnosis.probe.checks) {
    rows.push_back(
        {check.name, std::string(word_of(check.verdict)), human_duration(nanoseconds_of(check))});
    if (!check.seen.empty()) seen += check.name + ": " + printable(check.seen) + "\n";
  }
  std::string text = table(rows) + (seen.empty() ? "" : "\n" + seen) + "\nmay be written\n";
  for (const HomeVerdict& home : diagnosis.homes) {
    text += verdict_line(store_scheme_name(home.scheme), home.why_not);
  }
  return text;
}

std::string checks_json(const Diagnosis& diagnosis) {
  JsonArray checks;
  for (const s3::ProbeCheck& check : diagnosis.probe.checks) {
    JsonObject each;
    each.text("name", check.name)
        .text("verdict", word_of(check.verdict))
        .number("took_ns", nanoseconds_of(check));
    if (!check.seen.empty()) each.bytes("seen", check.seen);
    checks.add(each.close());
  }
  return checks.close();
}

std::string homes_json(const Diagnosis& diagnosis) {
  JsonArray homes;
  for (const HomeVerdict& home : diagnosis.homes) {
    JsonObject each;
    each.text("home", store_scheme_name(home.scheme))
        .boolean("may_be_written", home.may_be_written());
    if (!home.may_be_written()) each.bytes("why_not", home.why_not);
    homes.add(each.close());
  }
  return homes.close();
}

std::string diagnosis_json(const Diagnosis& diagnosis, const std::vector<StoreScheme>& schemes,
                           const s3::RequestPrices& prices) {
  return JsonObject()
      .boolean("may_be_written", all_may_be_written(diagnosis))
      .json("checks", checks_json(diagnosis))
      .json("homes", homes_json(diagnosis))
      .json("operations", operation_costs_json(schemes, prices))
      .json("prices", prices_json(prices))
      .json("probe", requests_json(diagnosis.requests, prices))
      .close();
}

// Who could not even ask.
std::string next_step_at(const S3Options& at, const Status& status) {
  switch (status.code()) {
    case Code::unauthenticated:
      return "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of who may use the bucket, or "
             "name a profile: ?profile=NAME. Of another region: ?region=NAME";
    case Code::not_found:
      return "make the bucket, and enable versioning for a ledger: aws s3api create-bucket "
             "--bucket " +
             at.bucket + "; aws s3api put-bucket-versioning --bucket " + at.bucket +
             " --versioning-configuration Status=Enabled";
    case Code::denied:
      return "add what the message names to the policy of who asks; docs/guide/s3.md has one";
    case Code::unavailable:
    case Code::timed_out:
      return "name the store with ?endpoint=http://HOST:PORT if it is not AWS, and see whether it "
             "runs";
    case Code::corruption: return "name the endpoint of an S3 store: ?endpoint=https://HOST";
    default: return {};
  }
}

Result<ExitCode> examine_s3(Context& context, Place place) {
  context.count_requests(place.url.s3);
  const auto diagnosis = diagnose(place);
  if (!diagnosis.ok()) {
    const Status& status = diagnosis.status();
    const bool cannot_work = status.code() == Code::invalid_argument;
    return context.fail(cannot_work ? ExitCode::usage : ExitCode::other, status,
                        next_step_at(place.url.s3, status));
  }
  const s3::RequestPrices& prices = context.settings().prices;
  const std::vector<StoreScheme> schemes = place.schemes();
  if (context.json()) {
    TALEA_TRY(context.print_json(diagnosis_json(*diagnosis, schemes, prices)));
  } else {
    TALEA_TRY(context.out().write(diagnosis_text(*diagnosis)));
    if (!context.settings().quiet) {
      TALEA_TRY(
          context.out().write("\n" + operation_costs_text(schemes, prices) + prices_text(prices)));
    }
  }
  return all_may_be_written(*diagnosis) ? ExitCode::ok : ExitCode::not_found;
}

// --- A directory

std::string directory_text(const DirectoryCheck& check) {
  std::vector<std::vector<std::string>> rows = {
      {check.exists ? "directory" : "will be made in", check.path}};
  if (check.free_bytes > 0) rows.push_back({"free", human_bytes(check.free_bytes)});
  if (check.sync_median_ns) {
    rows.push_back({"write of 4 KiB and sync", human_duration(*check.sync_median_ns)});
  }
  std::string text = table(rows);
  if (check.is_in_memory) {
    text += "the file system is in memory: what is there ends with the machine\n";
  }
  return text + "\nmay be written\n" + verdict_line("file", check.why_not);
}

std::string directory_json(const DirectoryCheck& check) {
  JsonObject json;
  json.boolean("may_be_written", check.why_not.empty())
      .bytes("path", check.path)
      .boolean("exists", check.exists)
      .number("free_bytes", check.free_bytes)
      .boolean("in_memory", check.is_in_memory);
  if (check.sync_median_ns) json.number("sync_median_ns", *check.sync_median_ns);
  if (!check.why_not.empty()) json.bytes("why_not", check.why_not);
  return json.close();
}

Result<ExitCode> examine_directory(Context& context, const std::string& directory) {
  const DirectoryCheck check = check_directory(directory);
  if (context.json()) {
    TALEA_TRY(context.print_json(directory_json(check)));
  } else {
    TALEA_TRY(context.out().write(directory_text(check)));
  }
  return check.why_not.empty() ? ExitCode::ok : ExitCode::not_found;
}

}  // namespace

Result<ExitCode> run_doctor(Context& context, const DoctorRequest& request) {
  const std::string& url = request.url.empty() ? context.settings().store : request.url;
  Place place = TALEA_TRY(parse_place(url));
  if (is_on_s3(place.url.scheme)) return examine_s3(context, std::move(place));
  if (place.url.scheme == StoreScheme::file) return examine_directory(context, place.url.path);
  return Status::invalid_argument("doctor examines a directory or a place on S3; '" + url +
                                  "' is " + std::string(kind_of_store(place.url.scheme)));
}

}  // namespace talea::cli
