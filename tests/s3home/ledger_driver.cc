// A ledger, driven by lines of JSON: line_driver.h. `open` comes first, and again for another one.
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "ledger/ledger_seams.h"
#include "talea/ledger.h"
#include "tests/s3home/line_driver.h"

namespace talea::s3home {
namespace {

HashProfile profile_named(const std::string& name) {
  if (name == "python") return HashProfile::python;
  return name == "typescript" ? HashProfile::typescript : HashProfile::automatic;
}

const char* form_name(HashForm form) {
  switch (form) {
    case HashForm::none: return "none";
    case HashForm::python: return "python";
    case HashForm::typescript: return "typescript";
    case HashForm::pipe: return "pipe";
  }
  return "none";
}

Json entry_to_json(const LedgerEntry& entry) {
  return {{"key", entry.key},
          {"json", entry.value},
          {"value_is_missing", entry.value_is_missing},
          {"sequence", entry.sequence},
          {"timestamp_ms", entry.timestamp_ms},
          {"hash", entry.hash},
          {"previous_hash", entry.previous_hash},
          {"version_id", entry.version_id},
          {"previous_version_id", entry.previous_version_id},
          {"previous_key_object_etag", entry.previous_key_object_etag},
          {"form", form_name(Ledger::verify(entry))}};
}

Json optional_entry(const std::optional<LedgerEntry>& entry) {
  return {{"entry", entry ? entry_to_json(*entry) : Json()}};
}

Json fault_to_json(const LedgerFault& fault) {
  return {{"kind", std::string(fault_name(fault.kind))},
          {"sequence", fault.sequence ? Json(*fault.sequence) : Json()},
          {"key", fault.key},
          {"message", fault.message}};
}

class Driver {
 public:
  Answer open(const Json& line) {
    ledger_.reset();
    LedgerOptions options;
    options.read_only = member_or(line, "read_only", false);
    options.hash_profile = profile_named(member_or<std::string>(line, "profile", "automatic"));
    options.repair_check_interval = std::chrono::milliseconds(member_or<std::int64_t>(
        line, "repair_check_interval_ms", options.repair_check_interval.count()));
    options.parallel_gets = member_or(line, "parallel_gets", options.parallel_gets);
    const s3::ClientSeams seams = world_.seams(line);
    ledger_.emplace(TALEA_TRY(Ledger::open(options_of(line), options,
                                           {.transport = seams.transport,
                                            .clock = seams.clock,
                                            .random = seams.random,
                                            .executor = world_.executor,
                                            .wait = seams.wait})));
    return Json::object();
  }

  Answer set(const Json& line) {
    const LedgerCondition condition{.absent = member_or(line, "absent", false)};
    const LedgerWritten written = TALEA_TRY(
        ledger_->set(line.at("key").get<std::string>(), line.at("json").get<Bytes>(), condition));
    return Json{{"entry", entry_to_json(written.entry)},
                {"key_object_etag", written.key_object_etag}};
  }

  Answer get(const Json& line) {
    return optional_entry(TALEA_TRY(ledger_->get(line.at("key").get<std::string>())));
  }

  Answer version(const Json& line) {
    return optional_entry(
        TALEA_TRY(ledger_->get_log_version(line.at("version_id").get<std::string>())));
  }

  // All pages of a history, or of the log.
  Answer entries(const Json& line) {
    LedgerPage page{.limit = member_or<std::uint64_t>(line, "page", 100)};
    Json entries = Json::array();
    do {
      LedgerEntries some =
          line.contains("key")
              ? TALEA_TRY(ledger_->history(line.at("key").get<std::string>(), page))
              : TALEA_TRY(ledger_->log_entries(page));
      for (const LedgerEntry& entry : some.entries) entries.push_back(entry_to_json(entry));
      page.before = std::move(some.next);
    } while (!page.before.empty());
    return Json{{"entries", std::move(entries)}};
  }

  Answer keys(const Json& line) {
    const std::string prefix = member_or<std::string>(line, "prefix", "");
    return Json{{"keys", TALEA_TRY(ledger_->list_keys_with_prefix(prefix))}};
  }

  Answer audit(const Json& line) {
    LedgerAuditOptions options;
    options.key_objects = member_or(line, "key_objects", true);
    Json faults = Json::array();
    options.on_fault = [&](const LedgerFault& fault) { faults.push_back(fault_to_json(fault)); };
    const LedgerAudit audit = TALEA_TRY(ledger_->audit(options));
    return Json{{"entries", audit.entries},
                {"key_objects", audit.key_objects},
                {"faults", std::move(faults)},
                {"reaches_genesis", audit.reaches_genesis}};
  }

  Answer repair(const Json& line) {
    const LedgerRepair repair =
        TALEA_TRY(ledger_->repair({.entries_min = member_or<std::uint64_t>(line, "entries", 1)}));
    return Json{{"examined", repair.examined}, {"repaired", repair.repaired}};
  }

  bool is_open() const { return ledger_.has_value(); }

  Answer requests(const Json&) { return Json{{"requests", world_.transport.take()}}; }

 private:
  World world_;
  std::optional<Ledger> ledger_;
};

}  // namespace
}  // namespace talea::s3home

int main() {
  using talea::s3home::Driver;
  Driver driver;
  const talea::s3home::MembersOf members(driver);
  return talea::s3home::serve({{"open", members.always(&Driver::open)},
                               {"set", members.when_open(&Driver::set)},
                               {"get", members.when_open(&Driver::get)},
                               {"version", members.when_open(&Driver::version)},
                               {"entries", members.when_open(&Driver::entries)},
                               {"keys", members.when_open(&Driver::keys)},
                               {"audit", members.when_open(&Driver::audit)},
                               {"repair", members.when_open(&Driver::repair)},
                               {"requests", members.always(&Driver::requests)}});
}
