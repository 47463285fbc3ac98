#include "cli/batch_session.h"

#include "cli/human_text.h"
#include "cli/json_writer.h"

namespace talea::cli {

namespace {

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

// A message may quote bytes that are not UTF-8.
std::string readable(std::string_view message) {
  return fits_json_string(message) ? std::string(message) : printable(message);
}

}  // namespace

bool has_condition(const JsonRow& row) {
  return row.if_absent || row.if_present || row.if_revision;
}

Result<ExitCode> BatchSession::run(LineReader& lines) {
  for (;;) {
    auto line = lines.next();
    if (!line.ok()) {
      // What follows a line that is too long cannot be found; the end has a result as well.
      if (line.status().code() == Code::exhausted) {
        TALEA_TRY(answer(error_of(line.status(), lines.line() + 1)));
      }
      return std::move(line).status();
    }
    if (!*line) return worst_;
    TALEA_TRY(answer(result_of(**line, lines.line())));
  }
}

Status BatchSession::answer(const std::string& result) {
  TALEA_TRY(out_.write(result));
  TALEA_TRY(out_.write("\n"));
  return out_.flush();
}

std::string BatchSession::result_of(std::string_view text, std::uint64_t line) {
  const auto read = reader_.read(text);
  if (!read.ok()) return error_of(read.status(), line);
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
    if (!checked.ok()) return error_of(checked, line);
  }
  if (!parsed.is_array && *parsed.rows.front().op == "get") {
    if (has_condition(parsed.rows.front())) {
      return error_of(Status::invalid_argument("a get takes no condition"), line);
    }
    return get(parsed.rows.front(), line);
  }
  if (!parsed.is_array && *parsed.rows.front().op == "stats") return stats(line);
  return write(parsed, line);
}

std::string BatchSession::error_of(const Status& status, std::uint64_t line,
                                   const std::string& detail) {
  const ExitCode code = exit_code_of(status);
  note(code == ExitCode::usage ? ExitCode::other : code);
  JsonObject error;
  error.text("code", code_name(status.code()))
      .text("message", readable(status.message()))
      .number("line", line);
  if (!detail.empty()) error.json("failed", detail);
  return JsonObject().json("error", error.close()).close();
}

// The exit code tells the worst that happened: damage, then other failures, then an answer no.
void BatchSession::note(ExitCode code) {
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

}  // namespace talea::cli
