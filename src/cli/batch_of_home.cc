// What a line tells is done for all who look at the home: so each write is published by itself.
#include "cli/batch_of_home.h"

#include <algorithm>
#include <vector>

#include "cli/batch_session.h"
#include "cli/expiry_argument.h"
#include "cli/home_words.h"

namespace talea::cli {

namespace {

class HomeSession final : public BatchSession {
 public:
  HomeSession(Home& home, Output& out)
      : BatchSession(out), home_(home), abilities_(home.abilities()) {}

 private:
  std::string get(const JsonRow& row, std::uint64_t line) override {
    const Status fresh = home_.refresh();
    if (!fresh.ok()) return error_of(fresh, line);
    const auto found = home_.get(*row.key);
    if (!found.ok()) return error_of(found.status(), line);
    if (!*found) {
      note(ExitCode::not_found);
      return JsonObject().null("value").close();
    }
    JsonObject object;
    object.bytes("value", (*found)->value);
    add_revision(object, abilities_, (*found)->revision, (*found)->expiry_ms);
    return std::move(object.close());
  }

  std::string stats(std::uint64_t line) override {
    const Status fresh = home_.refresh();
    if (!fresh.ok()) return error_of(fresh, line);
    const auto facts = home_.facts();
    if (!facts.ok()) return error_of(facts.status(), line);
    return JsonObject().json("stats", facts_json(*facts)).close();
  }

  std::string write(const JsonLine& parsed, std::uint64_t line) override {
    const Result<std::uint64_t> revision =
        parsed.is_array ? write_all(parsed.rows) : write_one(parsed.rows.front());
    if (!revision.ok()) return error_of(revision.status(), line);
    const Status published = publish(home_);
    if (!published.ok()) return error_of(published, line);
    return sequence_json(abilities_, *revision);
  }

  Result<std::uint64_t> write_one(const JsonRow& row) {
    TALEA_TRY(check(row));
    const HomeCondition condition{
        .absent = row.if_absent, .revision = row.if_revision, .present = row.if_present};
    const bool is_delete = *row.op == "delete";
    const bool asks_presence_alone = is_delete && !row.if_absent && !row.if_revision;
    TALEA_TRY(require(abilities_.has_conditions || condition.is_none() || asks_presence_alone,
                      abilities_.refusals.has_conditions));
    if (is_delete) return home_.remove(*row.key, condition);
    const Expiry expiry = TALEA_TRY(expiry_of(row)).value_or(Expiry::never());
    return home_.put(*row.key, *row.value, condition, expiry);
  }

  Result<std::uint64_t> write_all(const std::vector<JsonRow>& rows) {
    TALEA_TRY(require(abilities_.has_batches, abilities_.refusals.has_batches));
    std::vector<HomeWrite> writes;
    for (const JsonRow& row : rows) {
      TALEA_TRY(check(row));
      if (has_condition(row) || row.ttl_ms || row.keep_ttl) {
        return Status::invalid_argument(
            "conditions, ttl_ms and keep_ttl inside an array are for a store in a directory");
      }
      const std::optional<Expiry> expiry = TALEA_TRY(expiry_of(row));
      writes.push_back({.key = Bytes(*row.key),
                        .value = Bytes(row.value.value_or(BytesView())),
                        .is_remove = *row.op == "delete",
                        .expiry_ms = expiry ? expiry->ms() : 0});
    }
    return home_.write(writes);
  }

  // What the home cannot do.
  Status check(const JsonRow& row) const {
    if (*row.op == "expire") {
      return Status::invalid_argument(
          "an expire is for a store in a directory" +
          (abilities_.expires ? std::string() : "; " + std::string(abilities_.refusals.expires)));
    }
    TALEA_TRY(require(abilities_.removes || *row.op != "delete", abilities_.refusals.removes));
    return require(abilities_.expires || !row.has_expiry(), abilities_.refusals.expires);
  }

  Home& home_;
  const HomeAbilities& abilities_;
};

}  // namespace

Result<ExitCode> run_batch_of_home(Context& context) {
  const std::unique_ptr<Home> home = TALEA_TRY(context.open_home_for_writing());
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading("-"));
  LineReader lines(input);
  const Result<ExitCode> ended = HomeSession(*home, context.out()).run(lines);
  const Status closed = home->close();  // also when the other end went away
  if (!ended.ok()) return ended.status();
  TALEA_TRY(Status(closed));
  return ended;
}

}  // namespace talea::cli
