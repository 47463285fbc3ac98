#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/progress.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

std::string report_json(const VerifyReport& report) {
  JsonArray findings;
  for (const Finding& finding : report.findings) {
    findings.add(JsonObject()
                     .bytes("file", finding.file)
                     .number("offset", finding.offset)
                     .bytes("problem", finding.problem)
                     .close());
  }
  return JsonObject()
      .number("files", report.files)
      .number("bytes", report.bytes)
      .number("batches", report.batches)
      .number("entries", report.entries)
      .number("chunks", report.chunks)
      .number("keys", report.keys)
      .number("torn_tail_bytes", report.torn_tail_bytes)
      .json("findings", findings.close())
      .close();
}

std::string findings_text(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += finding.file + " " + std::to_string(finding.offset) + " " + printable(finding.problem) +
            "\n";
  }
  return text;
}

std::string summary(const VerifyReport& report) {
  std::string text = "verified " + std::to_string(report.files) + " files, " +
                     human_bytes(report.bytes) + ": " + std::to_string(report.keys) + " keys, " +
                     std::to_string(report.entries) + " entries in " +
                     std::to_string(report.batches) + " batches, " + std::to_string(report.chunks) +
                     " chunks of large values\n";
  if (report.torn_tail_bytes > 0) {
    text += "a crash left " + std::to_string(report.torn_tail_bytes) +
            " bytes of a write that was never finished; the next write drops them\n";
  }
  const std::size_t findings = report.findings.size();
  if (findings == 0) return text + "no damage found\n";
  return text + std::to_string(findings) + (findings == 1 ? " problem" : " problems") + " found\n";
}

// --- Of any other home

// Of a ledger the entry is named by its sequence; of the others there is the key alone.
std::string finding_json(const HomeFinding& finding, bool has_sequences) {
  JsonObject object;
  object.bytes("place", finding.place);
  if (has_sequences) {
    if (finding.sequence) {
      object.number("sequence", *finding.sequence);
    } else {
      object.null("sequence");
    }
    if (!finding.version_id.empty()) object.text("version_id", finding.version_id);
  }
  return std::move(object.bytes("problem", finding.problem).close());
}

std::string verification_json(const HomeVerification& found, bool has_sequences) {
  JsonArray findings;
  for (const HomeFinding& finding : found.findings) {
    findings.add(finding_json(finding, has_sequences));
  }
  JsonObject object;
  object.number("entries", found.entries).number("keys", found.keys);
  if (found.head.empty()) {
    object.number("bytes", found.bytes);
  } else {
    object.text("head", found.head);
  }
  return std::move(object.json("findings", findings.close()).close());
}

std::string verification_text(const HomeVerification& found, bool has_sequences) {
  std::string text;
  for (const HomeFinding& finding : found.findings) {
    text += printable(finding.place) + " ";
    if (has_sequences) text += (finding.sequence ? std::to_string(*finding.sequence) : "-") + " ";
    text += printable(finding.problem);
    if (!finding.version_id.empty()) text += " (version " + printable(finding.version_id) + ")";
    text += "\n";
  }
  return text;
}

std::string verification_summary(const HomeVerification& found) {
  std::string text = "verified " + std::to_string(found.entries) + " entries of " +
                     std::to_string(found.keys) + " keys";
  text += found.head.empty() ? ", " + human_bytes(found.bytes) : "; the newest is " + found.head;
  const std::size_t findings = found.findings.size();
  if (findings == 0) return text + "\nno damage found\n";
  return text + "\n" + std::to_string(findings) +
         (findings == 1 ? " problem found\n" : " problems found\n");
}

std::string cure(const Context& context, StoreScheme scheme) {
  if (scheme == StoreScheme::ledger) {
    return "`" + context.command("repair") +
           "` writes objects of keys anew; what was changed in the log is in no other place";
  }
  return "restore what is damaged from a copy; a bucket with versioning has older versions";
}

Result<ExitCode> verify_home(Context& context, StoreScheme scheme) {
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_reading());
  const bool has_sequences = scheme == StoreScheme::ledger;
  HomeVerification found;
  {
    Progress progress("verify", ProgressUnit::rows, std::nullopt, context.shows_progress());
    found = TALEA_TRY(home->verify([&](std::uint64_t done, std::uint64_t total) {
      progress.set_total(total);
      progress.update(done);
    }));
  }
  if (context.json()) {
    TALEA_TRY(context.print_json(verification_json(found, has_sequences)));
  } else {
    TALEA_TRY(context.out().write(verification_text(found, has_sequences)));
    if (!context.settings().quiet) TALEA_TRY(context.out().write(verification_summary(found)));
  }
  if (found.findings.empty()) return ExitCode::ok;
  TALEA_TRY(context.out().flush());
  return context.fail(ExitCode::corrupt, Status::corruption("the store is damaged"),
                      cure(context, scheme));
}

}  // namespace

Result<ExitCode> run_verify(Context& context) {
  const StoreScheme scheme = TALEA_TRY(context.url()).scheme;
  if (scheme != StoreScheme::file) return verify_home(context, scheme);
  const std::string directory = TALEA_TRY(context.directory());
  VerifyReport report;
  {
    Progress progress("verify", ProgressUnit::bytes, std::nullopt, context.shows_progress());
    const auto show = [&](std::uint64_t done, std::uint64_t total) {
      progress.set_total(total);
      progress.update(done);
    };
    report = TALEA_TRY(verify_store(directory, show, context.settings().engine.encryption));
  }
  if (context.json()) {
    TALEA_TRY(context.print_json(report_json(report)));
  } else {
    TALEA_TRY(context.out().write(findings_text(report)));
    if (!context.settings().quiet) TALEA_TRY(context.out().write(summary(report)));
  }
  if (report.findings.empty()) return ExitCode::ok;
  TALEA_TRY(context.out().flush());
  return context.fail(ExitCode::corrupt, Status::corruption("the store is damaged"),
                      "keep a copy of the directory, then restore it from a backup");
}

}  // namespace talea::cli
