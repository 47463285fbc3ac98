#include <algorithm>

#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_reader.h"
#include "cli/json_writer.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// A batch is committed when it holds this much, whatever its number of rows.
constexpr std::uint64_t kBatchBytes = 16 * kMiB;

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
  if (row.key->size() < kKeyBytesMin || row.key->size() > kKeyBytesMax) {
    return Status::invalid_argument("a key has " + std::to_string(kKeyBytesMin) + " to " +
                                    std::to_string(kKeyBytesMax) + " bytes; this one has " +
                                    std::to_string(row.key->size()));
  }
  return {};
}

class Import {
 public:
  Import(Engine& engine, const ImportRequest& request, LineReader& lines, Progress& progress)
      : engine_(engine), request_(request), lines_(lines), progress_(progress) {}

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
      if (batch_is_full()) TALEA_TRY(commit());
      progress_.update(lines_.bytes());
    }
  }

  Status add_row(std::string_view text) {
    const JsonLine& line = *TALEA_TRY(reader_.read(text));
    TALEA_TRY(check_row(line));
    const JsonRow& row = line.rows.front();
    const std::optional<Expiry> expiry = TALEA_TRY(expiry_of(row));
    TALEA_TRY(add_put(engine_, batch_, *row.key, *row.value, expiry.value_or(Expiry::never())));
    // One that expires is written twice: with its value, and with its time.
    const std::uint64_t times = expiry ? 2 : 1;
    batch_entries_ += times;
    batch_bytes_ +=
        times * row.key->size() + std::min<std::uint64_t>(row.value->size(), kInlineValueBytesMax);
    payload_bytes_ += row.key->size() + row.value->size();
    return {};
  }

  bool batch_is_full() const {
    return batch_.size() >= request_.rows_per_batch || batch_bytes_ >= kBatchBytes ||
           batch_entries_ + 2 > kBatchEntriesMax;
  }

  Status commit() {
    if (batch_.empty()) return {};
    const Result<Sequence> committed = engine_.commit(batch_);
    commit_failed_ = !committed.ok();
    if (commit_failed_) return committed.status();
    rows_ += batch_.size();
    bytes_ += payload_bytes_;
    batch_.clear();
    batch_entries_ = 0;
    batch_bytes_ = 0;
    payload_bytes_ = 0;
    return {};
  }

  Engine& engine_;
  const ImportRequest& request_;
  LineReader& lines_;
  Progress& progress_;
  JsonReader reader_;
  Batch batch_;
  std::uint64_t batch_entries_ = 0;  // as kBatchEntriesMax counts them
  std::uint64_t batch_bytes_ = 0;    // what the batch holds in memory
  std::uint64_t payload_bytes_ = 0;  // keys and values of its rows
  bool commit_failed_ = false;
  std::uint64_t rows_ = 0;  // committed, like bytes_
  std::uint64_t bytes_ = 0;
  std::uint64_t skipped_ = 0;
};

Status report(Context& context, const Import& import, const Engine& engine, double seconds,
              bool complete) {
  const std::uint64_t keys = engine.stats().keys;
  if (context.json()) {
    return context.print_json(JsonObject()
                                  .number("rows", import.rows())
                                  .number("bytes", import.bytes())
                                  .number("skipped", import.skipped())
                                  .number("keys", keys)
                                  .decimal("seconds", seconds)
                                  .boolean("complete", complete)
                                  .close());
  }
  std::string text = "imported " + std::to_string(import.rows()) + " rows (" +
                     human_bytes(import.bytes()) + " of keys and values) in " +
                     human_seconds(seconds);
  if (import.skipped() > 0) text += ", skipped " + std::to_string(import.skipped()) + " bad lines";
  context.remark(text + "; the store has " + std::to_string(keys) + " keys");
  return {};
}

}  // namespace

Result<ExitCode> run_import(Context& context, const ImportRequest& request) {
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading(request.file));
  Engine engine = TALEA_TRY(context.open_for_writing());
  catch_interruption();
  LineReader lines(input);
  Status stopped;
  {
    Progress progress("import", ProgressUnit::bytes, input.file_bytes(), context.shows_progress());
    Import import(engine, request, lines, progress);
    stopped = import.run();
    const double seconds = progress.seconds();
    TALEA_TRY(report(context, import, engine, seconds, stopped.ok()));
  }
  const Status closed = engine.close();
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
