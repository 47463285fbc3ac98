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

}  // namespace

Result<ExitCode> run_verify(Context& context) {
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
