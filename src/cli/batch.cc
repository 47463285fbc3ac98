// `talea batch`, on our engine; batch_of_home.cc has it on others.
#include <unordered_set>

#include "cli/batch_of_home.h"
#include "cli/batch_session.h"
#include "cli/expiry_argument.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
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

class EngineSession final : public BatchSession {
 public:
  EngineSession(Engine& engine, Output& out) : BatchSession(out), engine_(engine) {}

 private:
  std::string get(const JsonRow& row, std::uint64_t line) override {
    const auto found = engine_.get_versioned(*row.key);
    if (!found.ok()) return error_of(found.status(), line);
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

  std::string stats(std::uint64_t) override {
    const Stats stats = engine_.stats();
    JsonObject json;
    add_sizes(json, stats);
    json.json("since_open", activity_json(stats));
    return JsonObject().json("stats", json.close()).close();
  }

  std::string write(const JsonLine& parsed, std::uint64_t line) override {
    Operations operations;
    const Status collected = collect(parsed, operations);
    if (!collected.ok()) return error_of(collected, line);
    const bool is_expire = !parsed.is_array && *parsed.rows.front().op == "expire";
    if (is_expire) operations.batch.require_present(*parsed.rows.front().key);
    FailedPrecondition failed;
    const Result<Sequence> sequence = engine_.commit(operations.batch, &failed);
    if (is_expire && sequence.status().code() == Code::conflict &&
        failed.position == operations.conditions.size()) {
      note(ExitCode::not_found);
      return JsonObject().null("sequence").close();
    }
    if (sequence.status().code() == Code::conflict) {
      return error_of(sequence.status(), line, detail_of(operations, failed));
    }
    if (!sequence.ok()) return error_of(sequence.status(), line);
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

  // Which condition it was.
  static std::string detail_of(const Operations& operations, const FailedPrecondition& failed) {
    if (failed.position >= operations.conditions.size()) return {};
    const Condition& condition = operations.conditions[failed.position];
    JsonObject detail;
    detail.number("operation", condition.operation)
        .text("condition", condition.name)
        .bytes("key", condition.key);
    if (failed.found) {
      detail.number("found_revision", *failed.found);
    } else {
      detail.null("found_revision");
    }
    return std::move(detail.close());
  }

  Engine& engine_;
};

}  // namespace

Result<ExitCode> run_batch(Context& context) {
  if (TALEA_TRY(context.url()).scheme != StoreScheme::file) return run_batch_of_home(context);
  Engine engine = TALEA_TRY(context.open_for_writing());
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading("-"));
  LineReader lines(input);
  const Result<ExitCode> ended = EngineSession(engine, context.out()).run(lines);
  const Status closed = engine.close();  // also when the other end went away
  if (!ended.ok()) return ended.status();
  TALEA_TRY(Status(closed));
  return ended;
}

}  // namespace talea::cli
