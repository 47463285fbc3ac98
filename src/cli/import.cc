#include <algorithm>

#include "cli/expiry_argument.h"
#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_reader.h"
#include "cli/json_writer.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/row_target.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

Status check_row(const JsonLine& line) {
  if (line.is_array) return Status::invalid_argument("a line has to be one object");
  const JsonRow& row = line.rows.front();
  if (!row.key) return Status::invalid_argument("field \"key\" or \"key_base64\" is missing");
  if (!row.value) return Status::invalid_argument("field \"value\" or \"value_base64\" is missing");
  if (row.op || row.if_absent || row.if_present || row.if_revision) {
    return Status::invalid_argument(
        "a row to import takes no operation and no condition; those "
        "are for `talea batch`");
  }
  if (row.ttl_ms || row.keep_ttl || row.never) {
    return Status::invalid_argument(
        "a row to import says when it expires in \"expires_at_ms\"; ttl_ms, keep_ttl and never are "
        "for `talea batch`");
  }
  return {};
}

class Import {
 public:
  Import(RowTarget& target, const ImportRequest& request, LineReader& lines, Progress& progress)
      : target_(target), request_(request), lines_(lines), progress_(progress) {}

  // Returns why it stopped before the end of the input, if it did. The rows before that are
  // committed all the same.
  Status run() {
    Status stopped = read_rows();
    if (!commit_failed_) TALEA_TRY(commit());
    return stopped;
  }

  std::uint64_t rows() const { return rows_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t skipped() const { return skipped_; }
  /// Whether it stopped at a line that cannot be a row.
  bool met_bad_line() const { return met_bad_line_; }

 private:
  Status read_rows() {
    for (;;) {
      if (interrupted()) return Status::cancelled("interrupted");
      const std::optional<std::string_view> line = TALEA_TRY(lines_.next());
      if (!line) return {};
      Status added = add_row(*line);
      const bool is_bad = added.code() == Code::invalid_argument;
      if (is_bad && request_.skip_bad) {
        ++skipped_;
      } else {
        met_bad_line_ = is_bad;
        TALEA_TRY(std::move(added).with_context("line " + std::to_string(lines_.line())));
      }
      if (target_.rows() >= request_.rows_per_batch || target_.is_full()) TALEA_TRY(commit());
      progress_.update(lines_.bytes());
    }
  }

  Status add_row(std::string_view text) {
    const JsonLine& line = *TALEA_TRY(reader_.read(text));
    TALEA_TRY(check_row(line));
    const JsonRow& row = line.rows.front();
    TALEA_TRY(target_.add(*row.key, *row.value, TALEA_TRY(expiry_of(row))));
    payload_bytes_ += row.key->size() + row.value->size();
    return {};
  }

  Status commit() {
    const std::uint64_t rows = target_.rows();
    if (rows == 0) return {};
    Status committed = target_.commit();
    commit_failed_ = !committed.ok();
    if (commit_failed_) {
      return std::move(committed).with_context("commit the rows up to line " +
                                               std::to_string(lines_.line()));
    }
    rows_ += rows;
    bytes_ += payload_bytes_;
    payload_bytes_ = 0;
    return {};
  }

  RowTarget& target_;
  const ImportRequest& request_;
  LineReader& lines_;
  Progress& progress_;
  JsonReader reader_;
  std::uint64_t payload_bytes_ = 0;  // keys and values of the rows to be committed
  bool commit_failed_ = false;
  bool met_bad_line_ = false;
  std::uint64_t rows_ = 0;  // committed, like bytes_
  std::uint64_t bytes_ = 0;
  std::uint64_t skipped_ = 0;
};

// What others see of the rows, and what they do not.
struct Outcome {
  std::uint64_t rows = 0;
  /// Not known when some rows are pending.
  std::optional<std::uint64_t> bytes = {};
  std::uint64_t skipped = 0;
  HomePending pending = {};
  std::optional<std::uint64_t> keys = {};
  double seconds = 0;
  bool is_complete = false;
};

Outcome outcome_of(const Import& import, RowTarget& target) {
  Outcome outcome{.rows = import.rows(), .bytes = import.bytes(), .skipped = import.skipped()};
  // What was pending before the import went first, so rows that are pending are the last ones.
  outcome.pending = target.pending();
  outcome.pending.writes = std::min(outcome.pending.writes, outcome.rows);
  outcome.keys = target.keys();
  if (outcome.pending.writes == 0) return outcome;
  outcome.rows -= outcome.pending.writes;
  outcome.bytes.reset();
  outcome.keys.reset();
  return outcome;
}

void add_number(JsonObject& object, std::string_view name,
                const std::optional<std::uint64_t>& number) {
  if (number) {
    object.number(name, *number);
  } else {
    object.null(name);
  }
}

std::string outcome_json(const Outcome& outcome) {
  JsonObject object;
  object.number("rows", outcome.rows);
  add_number(object, "bytes", outcome.bytes);
  object.number("skipped", outcome.skipped);
  if (outcome.pending.is_kept && outcome.pending.writes > 0) {
    object.number("rows_pending", outcome.pending.writes);
  }
  add_number(object, "keys", outcome.keys);
  return std::move(
      object.decimal("seconds", outcome.seconds).boolean("complete", outcome.is_complete).close());
}

std::string outcome_text(const Outcome& outcome) {
  std::string text = "imported " + std::to_string(outcome.rows) + " rows";
  if (outcome.bytes) text += " (" + human_bytes(*outcome.bytes) + " of keys and values)";
  text += " in " + human_seconds(outcome.seconds);
  if (outcome.skipped > 0) text += ", skipped " + std::to_string(outcome.skipped) + " bad lines";
  if (outcome.pending.writes > 0) {
    text +=
        "; " + std::to_string(outcome.pending.writes) +
        (outcome.pending.is_kept ? " more are kept in the directory, and go with the next upload"
                                 : " more could not be uploaded and are lost");
  }
  if (outcome.keys) text += "; the store has " + std::to_string(*outcome.keys) + " keys";
  return text;
}

Status report(Context& context, const Outcome& outcome) {
  if (context.json()) return context.print_json(outcome_json(outcome));
  context.remark(outcome_text(outcome));
  return {};
}

// Both, where there are two: why the import stopped, and why what it wrote is not uploaded.
Status failure_of(const Status& stopped, const Status& published, const HomePending& pending) {
  if (published.ok()) return stopped;
  // What is kept may be in the store soon.
  const bool may_happen = pending.is_kept && pending.writes > 0;
  const Code why =
      may_happen && published.code() != Code::corruption ? Code::timed_out : published.code();
  Status unpublished = Status(why, std::string(published.message()))
                           .with_context("the rows are not in the store, or not all of them");
  if (stopped.ok()) return unpublished;
  const Code code = stopped.code() == Code::cancelled ? Code::cancelled : why;
  return {code, std::string(unpublished.message()) +
                    "; before that the import stopped: " + std::string(stopped.message())};
}

}  // namespace

Result<ExitCode> run_import(Context& context, const ImportRequest& request) {
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading(request.file));
  const std::unique_ptr<RowTarget> target = TALEA_TRY(open_row_target(context));
  catch_interruption();
  LineReader lines(input);
  Status failure;
  bool met_bad_line = false;
  {
    Progress progress("import", ProgressUnit::bytes, input.file_bytes(), context.shows_progress());
    Import import(*target, request, lines, progress);
    const Status stopped = import.run();
    const Status published = target->publish();
    Outcome outcome = outcome_of(import, *target);
    failure = failure_of(stopped, published, outcome.pending);
    met_bad_line = import.met_bad_line() && published.ok();
    outcome.seconds = progress.seconds();
    outcome.is_complete = failure.ok();
    TALEA_TRY(report(context, outcome));
  }
  const Status closed = target->close();
  if (met_bad_line) {
    // The command is right and its input is not.
    return context.fail(ExitCode::other, failure,
                        "the rows before it are imported; mend the line, or leave such lines out "
                        "with --skip-bad");
  }
  if (failure.code() == Code::invalid_argument || failure.code() == Code::conflict) {
    // Neither is usage or a condition that failed: the store does not like it.
    return context.fail(ExitCode::other, failure, next_step(failure, context.settings().store));
  }
  TALEA_TRY(std::move(failure));
  TALEA_TRY(Status(closed));
  return ExitCode::ok;
}

}  // namespace talea::cli
