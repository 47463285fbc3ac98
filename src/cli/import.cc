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

 private:
  Status read_rows() {
    for (;;) {
      if (interrupted()) return Status::cancelled("interrupted");
      const std::optional<std::string_view> line = TALEA_TRY(lines_.next());
      if (!line) return {};
      Status added = add_row(*line);
      if (added.code() == Code::invalid_argument && request_.skip_bad) {
        ++skipped_;
      } else {
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
    if (commit_failed_) return committed;
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
  std::uint64_t rows_ = 0;  // committed, like bytes_
  std::uint64_t bytes_ = 0;
  std::uint64_t skipped_ = 0;
};

Status report(Context& context, const Import& import, const std::optional<std::uint64_t>& keys,
              double seconds, bool complete) {
  if (context.json()) {
    JsonObject object;
    object.number("rows", import.rows())
        .number("bytes", import.bytes())
        .number("skipped", import.skipped());
    if (keys) {
      object.number("keys", *keys);
    } else {
      object.null("keys");
    }
    return context.print_json(
        object.decimal("seconds", seconds).boolean("complete", complete).close());
  }
  std::string text = "imported " + std::to_string(import.rows()) + " rows (" +
                     human_bytes(import.bytes()) + " of keys and values) in " +
                     human_seconds(seconds);
  if (import.skipped() > 0) text += ", skipped " + std::to_string(import.skipped()) + " bad lines";
  if (keys) text += "; the store has " + std::to_string(*keys) + " keys";
  context.remark(text);
  return {};
}

}  // namespace

Result<ExitCode> run_import(Context& context, const ImportRequest& request) {
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading(request.file));
  const std::unique_ptr<RowTarget> target = TALEA_TRY(open_row_target(context));
  catch_interruption();
  LineReader lines(input);
  Status stopped;
  {
    Progress progress("import", ProgressUnit::bytes, input.file_bytes(), context.shows_progress());
    Import import(*target, request, lines, progress);
    stopped = import.run();
    // Nothing is reported that others do not see.
    TALEA_TRY(target->publish().with_context("the rows are not in the store, or not all of them"));
    const double seconds = progress.seconds();
    TALEA_TRY(report(context, import, target->keys(), seconds, stopped.ok()));
  }
  const Status closed = target->close();
  if (stopped.code() == Code::invalid_argument) {
    // The command is right and its input is not.
    return context.fail(ExitCode::other, stopped,
                        "the rows before it are imported; mend the line, or leave such lines out "
                        "with --skip-bad");
  }
  TALEA_TRY(std::move(stopped));
  TALEA_TRY(Status(closed));
  return ExitCode::ok;
}

}  // namespace talea::cli
