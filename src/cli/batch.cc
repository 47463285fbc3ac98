// `talea batch`: a client on a pipe. One line in, one line out, in order; a result is written when
// what it tells is durable, and before the next line is read.
#include <unordered_set>

#include "cli/expiry_argument.h"
#include "cli/human_text.h"
#include "cli/json_reader.h"
#include "cli/json_writer.h"
#include "cli/line_reader.h"
#include "cli/stats_report.h"
#include "cli/value_source.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// A precondition as the user wrote it, to be named when it fails.
struct Condition {
  std::size_t operation;  // position in the array
  std::string_view name;
  BytesView key;
};

struct Operations {
  Batch batch;
  std::vector<Condition> conditions;  // in the order of the batch
};

void add_conditions(const JsonRow& row, std::size_t position, Operations& operations) {
  if (row.if_absent) {
    operations.batch.require_absent(*row.key);
    operations.conditions.push_back({position, "if_absent", *row.key});
  }
  if (row.if_present) {
    operations.batch.require_present(*row.key);
    operations.conditions.push_back({position, "if_present", *row.key});
  }
  if (row.if_revision) {
    operations.batch.require_revision(*row.key, *row.if_revision);
    operations.conditions.push_back({position, "if_revision", *row.key});
  }
}

bool has_condition(const JsonRow& row) {
  return row.if_absent || row.if_present || row.if_revision;
}

Status check_stats_row(const JsonRow& row) {
  if (!row.key && !row.value && !row.revision && !has_condition(row) && !row.has_expiry()) {
    return {};
  }
  return Status::invalid_argument("a stats takes no other field");
}

// Whether what the row says of an expiry makes sense for its operation.
Status check_expiry_of(const JsonRow& row) {
  if (*row.op == "put") {
    if (!row.never) return {};
    return Status::invalid_argument(
        "a put without ttl_ms, expires_at_ms and keep_ttl never expires: leave \"never\" out");
  }
  if (*row.op == "expire") {
    if (row.keep_ttl) {
      return Status::invalid_argument("\"keep_ttl\" is for a put; an expire changes the expiry");
    }
    if (row.has_expiry()) return {};
    return Status::invalid_argument(
        "an expire needs \"ttl_ms\", \"expires_at_ms\" or \"never\":true");
  }
  if (!row.has_expiry()) return {};
  return Status::invalid_argument("a " + std::string(*row.op) +
                                  " takes no expiry; that is for put and expire");
}

Status check_row(const JsonRow& row) {
  if (!row.op)
    return Status::invalid_argument("field \"op\" is missing: put, delete, expire, get or stats");
  if (*row.op == "stats") return check_stats_row(row);
  if (*row.op != "put" && *row.op != "delete" && *row.op != "expire" && *row.op != "get") {
    return Status::invalid_argument("unknown op \"" + std::string(*row.op) +
                                    "\"; there are put, delete, expire, get and stats");
  }
  if (!row.key) return Status::invalid_argument("field \"key\" or \"key_base64\" is missing");
  if (row.revision) {
    return Status::invalid_argument(
        "field \"revision\" is given by the store; a condition is "
        "\"if_revision\"");
  }
  if (*row.op == "put" && !row.value) {
    return Status::invalid_argument("a put needs field \"value\" or \"value_base64\"");
  }
  if (*row.op != "put" && row.value) {
    return Status::invalid_argument("op \"" + std::string(*row.op) + "\" takes no value");
  }
  return check_expiry_of(row);
}

// An expire and a keep_ttl are about the key as it was before the array: they would undo, or not
// see, what an earlier operation of the array does to it.
Status check_order(const JsonLine& line) {
  std::unordered_set<BytesView> keys;
  for (const JsonRow& row : line.rows) {
    const bool is_first = keys.insert(*row.key).second;
    if (is_first || (*row.op != "expire" && !row.keep_ttl)) continue;
    return Status::invalid_argument("the array has another operation on '" + printable(*row.key) +
                                    "' before this " + (row.keep_ttl ? "keep_ttl" : "expire") +
                                    ": give the last put of the key its ttl_ms or expires_at_ms");
  }
  return {};
}

// A message may quote bytes that are not UTF-8.
std::string readable(std::string_view message) {
  return fits_json_string(message) ? std::string(message) : printable(message);
}

class BatchSession {
 public:
  BatchSession(Engine& engine, Output& out) : engine_(engine), out_(out) {}

  Result<ExitCode> run(LineReader& lines) {
    for (;;) {
      auto line = lines.next();
      if (!line.ok()) {
        // What follows a line that is too long cannot be found; the end has a result as well.
        if (line.status().code() == Code::exhausted) {
          TALEA_TRY(answer(error_of(line.status(), lines.line() + 1, nullptr, nullptr)));
        }
        return std::move(line).status();
      }
      if (!*line) return worst_;
      TALEA_TRY(answer(result_of(**line, lines.line())));
    }
  }

 private:
  Status answer(const std::string& result) {
    TALEA_TRY(out_.write(result));
    TALEA_TRY(out_.write("\n"));
    return out_.flush();
  }

  std::string result_of(std::string_view text, std::uint64_t line) {
    const auto read = reader_.read(text);
    if (!read.ok()) return error_of(read.status(), line, nullptr, nullptr);
    const JsonLine& parsed = **read;
    for (const JsonRow& row : parsed.rows) {
      Status checked = check_row(row);
      if (checked.ok() && parsed.is_array && (*row.op == "get" || *row.op == "stats")) {
        const std::string op(*row.op);
        checked = Status::invalid_argument("a " + op +
                                           " inside an array is not supported: an array is one "
                                           "atomic write. Give the " +
                                           op + " a line of its own");
      }
      if (!checked.ok()) return error_of(checked, line, nullptr, nullptr);
    }
    if (!parsed.is_array && *parsed.rows.front().op == "get") {
      return get(parsed.rows.front(), line);
    }
    if (!parsed.is_array && *parsed.rows.front().op == "stats") return stats();
    return write(parsed, line);
  }

  std::string get(const JsonRow& row, std::uint64_t line) {
    if (has_condition(row)) {
      return error_of(Status::invalid_argument("a get takes no condition"), line, nullptr, nullptr);
    }
    const auto found = engine_.get_versioned(*row.key);
    if (!found.ok()) return error_of(found.status(), line, nullptr, nullptr);
    if (!*found) {
      note(ExitCode::not_found);
      return JsonObject().null("value").close();
    }
    const Versioned& versioned = **found;
    return JsonObject()
        .bytes("value", versioned.value)
        .number("revision", versioned.revision)
        .expiry(versioned.expiry_ms)
        .close();
  }

  std::string stats() const {
    const Stats stats = engine_.stats();
    JsonObject json;
    add_sizes(json, stats);
    json.json("since_open", activity_json(stats));
    return JsonObject().json("stats", json.close()).close();
  }

  std::string write(const JsonLine& parsed, std::uint64_t line) {
    Operations operations;
    const Status collected = collect(parsed, operations);
    if (!collected.ok()) return error_of(collected, line, nullptr, nullptr);
    const bool is_expire = !parsed.is_array && *parsed.rows.front().op == "expire";
    if (is_expire) operations.batch.require_present(*parsed.rows.front().key);
    FailedPrecondition failed;
    const Result<Sequence> sequence = engine_.commit(operations.batch, &failed);
    if (is_expire && sequence.status().code() == Code::conflict &&
        failed.position == operations.conditions.size()) {
      note(ExitCode::not_found);
      return JsonObject().null("sequence").close();
    }
    if (!sequence.ok()) return error_of(sequence.status(), line, &operations, &failed);
    return JsonObject().number("sequence", *sequence).close();
  }

  Status collect(const JsonLine& parsed, Operations& operations) {
    if (parsed.is_array) TALEA_TRY(check_order(parsed));
    for (std::size_t position = 0; position < parsed.rows.size(); ++position) {
      const JsonRow& row = parsed.rows[position];
      add_conditions(row, position, operations);
      const Expiry expiry = TALEA_TRY(expiry_of(row)).value_or(Expiry::never());
      if (*row.op == "delete") {
        operations.batch.remove(*row.key);
      } else if (*row.op == "expire") {
        operations.batch.set_expiry(*row.key, expiry);
      } else {
        TALEA_TRY(add_put(engine_, operations.batch, *row.key, *row.value, expiry));
      }
    }
    return {};
  }

  std::string error_of(const Status& status, std::uint64_t line, const Operations* operations,
                       const FailedPrecondition* failed) {
    const ExitCode code = exit_code_of(status);
    note(code == ExitCode::usage ? ExitCode::other : code);
    JsonObject error;
    error.text("code", code_name(status.code()))
        .text("message", readable(status.message()))
        .number("line", line);
    if (status.code() == Code::conflict && failed != nullptr &&
        failed->position < operations->conditions.size()) {
      const Condition& condition = operations->conditions[failed->position];
      JsonObject detail;
      detail.number("operation", condition.operation)
          .text("condition", condition.name)
          .bytes("key", condition.key);
      if (failed->found) {
        detail.number("found_revision", *failed->found);
      } else {
        detail.null("found_revision");
      }
      error.json("failed", detail.close());
    }
    return JsonObject().json("error", error.close()).close();
  }

  // The exit code tells the worst that happened: damage, then other failures, then an answer no.
  void note(ExitCode code) {
    const auto rank = [](ExitCode one) {
      switch (one) {
        case ExitCode::ok: return 0;
        case ExitCode::not_found: return 1;
        case ExitCode::corrupt: return 3;
        default: return 2;
      }
    };
    if (rank(code) > rank(worst_)) worst_ = code;
  }

  Engine& engine_;
  Output& out_;
  JsonReader reader_;
  ExitCode worst_ = ExitCode::ok;
};

}  // namespace

Result<ExitCode> run_batch(Context& context) {
  Engine engine = TALEA_TRY(context.open_for_writing());
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading("-"));
  LineReader lines(input);
  const Result<ExitCode> ended = BatchSession(engine, context.out()).run(lines);
  const Status closed = engine.close();  // also when the other end went away
  if (!ended.ok()) return ended.status();
  TALEA_TRY(Status(closed));
  return ended;
}

}  // namespace talea::cli
