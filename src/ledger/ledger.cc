// Puts the parts together, checks what callers give, and keeps the connection that ledgers share.
#include "talea/ledger.h"

#include "ledger/audit.h"
#include "ledger/key_list.h"
#include "ledger/ledger_reader.h"
#include "ledger/ledger_seams.h"
#include "ledger/log_writer.h"
#include "s3/machine.h"

namespace talea {
namespace {

constexpr auto kIntervalMax = std::chrono::hours(24 * 366);

Status check_options(const LedgerOptions& options) {
  const auto interval = options.repair_check_interval;
  if (interval < std::chrono::milliseconds(0) || interval > kIntervalMax) {
    return Status::invalid_argument("repair_check_interval of " + std::to_string(interval.count()) +
                                    " ms; 0 to 366 days are allowed");
  }
  if (options.parallel_gets < 1 || options.parallel_gets > kLedgerParallelGetsMax) {
    return Status::invalid_argument("parallel_gets of " + std::to_string(options.parallel_gets) +
                                    "; 1 to " + std::to_string(kLedgerParallelGetsMax) +
                                    " are allowed");
  }
  return {};
}

Status check_condition(const LedgerCondition& condition) {
  if (!condition.absent || !condition.sequence) return {};
  return Status::invalid_argument("a condition is either `absent` or a sequence");
}

Status is_closed() { return Status::cancelled("the ledger is closed"); }

Status is_read_only() { return Status::invalid_argument("the ledger was opened read_only"); }

}  // namespace

// The seams in production.
struct MachineSeams {
  LedgerSeams seams() {
    s3::ClientSeams of_client = machine.seams();
    return {.transport = of_client.transport,
            .clock = of_client.clock,
            .random = of_client.random,
            .executor = executor,
            .wait = std::move(of_client.wait),
            .environment = std::move(of_client.environment)};
  }

  s3::Machine machine;
  ThreadExecutor executor;
};

// What ledgers on one connection have in common; the last of them ends it.
struct Connection {
  Connection(const LedgerOptions& options_in, std::unique_ptr<s3::Client> client_in,
             const LedgerSeams& seams_in, std::unique_ptr<MachineSeams> machine_in)
      : machine(std::move(machine_in)),
        options(options_in),
        seams(seams_in),
        client(std::move(client_in)),
        objects(*client),
        writer({objects, state, seams.clock, seams.random, seams.wait}, options.hash_profile,
               client->options().operation_timeout),
        reader({objects, state, writer, seams.clock, seams.executor}, options) {}

  std::unique_ptr<MachineSeams> machine;  // of a ledger that was given no seams
  const LedgerOptions options;
  const LedgerSeams seams;
  const std::unique_ptr<s3::Client> client;
  LedgerObjects objects;
  LogState state;
  LogWriter writer;
  LedgerReader reader;
};

class Ledger::Impl {
 public:
  Impl(std::shared_ptr<Connection> connection_in, LedgerCodec codec_in)
      : connection(std::move(connection_in)), codec(std::move(codec_in)) {}

  // Shared by the ledgers of with_codec(); close() lets go of it.
  std::shared_ptr<Connection> connection;
  const LedgerCodec codec;
};

namespace {

Result<std::shared_ptr<Connection>> connect(const S3Options& s3, const LedgerOptions& options,
                                            const LedgerSeams& seams,
                                            std::unique_ptr<MachineSeams> machine) {
  TALEA_TRY(check_options(options));
  auto client = TALEA_TRY(s3::Client::create(s3, {.transport = seams.transport,
                                                  .clock = seams.clock,
                                                  .random = seams.random,
                                                  .wait = seams.wait,
                                                  .environment = seams.environment}));
  return std::make_shared<Connection>(options, std::move(client), seams, std::move(machine));
}

}  // namespace

Result<Ledger> Ledger::open(const S3Options& s3, LedgerOptions options) {
  auto machine = std::make_unique<MachineSeams>();
  const LedgerSeams seams = machine->seams();
  auto connection = TALEA_TRY(connect(s3, options, seams, std::move(machine)));
  return Ledger(std::make_unique<Impl>(std::move(connection), std::move(options.codec)));
}

Result<Ledger> Ledger::open(const S3Options& s3, LedgerOptions options, const LedgerSeams& seams) {
  auto connection = TALEA_TRY(connect(s3, options, seams, nullptr));
  return Ledger(std::make_unique<Impl>(std::move(connection), std::move(options.codec)));
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Ledger Ledger::with_codec(LedgerCodec codec) const {
  return Ledger(std::make_unique<Impl>(impl_->connection, std::move(codec)));
}

Result<LedgerWritten> Ledger::set(std::string_view key, BytesView value,
                                  const LedgerCondition& condition) {
  if (!impl_->connection) return is_closed();
  Connection& on = *impl_->connection;
  if (on.options.read_only) return is_read_only();
  TALEA_TRY(check_condition(condition));
  TALEA_TRY(check_ledger_key(key, on.client->options().prefix.size()));
  Bytes encoded;
  if (impl_->codec.encode) {
    encoded = TALEA_TRY(impl_->codec.encode(value));
    value = encoded;
  }
  if (value.size() > kLedgerValueBytesMax) {
    return Status::exhausted("a value of " + std::to_string(value.size()) + " bytes; up to " +
                             std::to_string(kLedgerValueBytesMax) + " are taken");
  }
  // Whether it is JSON at all, before anybody is asked anything.
  const HashForm form =
      on.options.hash_profile == HashProfile::typescript ? HashForm::typescript : HashForm::python;
  const Result<Bytes> json = canonical_value(value, form);
  if (!json.ok()) return json.status();
  return on.writer.set(key, value, condition);
}

Result<std::optional<LedgerEntry>> Ledger::get(std::string_view key) {
  if (!impl_->connection) return is_closed();
  TALEA_TRY(check_ledger_key(key, impl_->connection->client->options().prefix.size()));
  return impl_->connection->reader.get(key);
}

Result<std::vector<std::optional<LedgerEntry>>> Ledger::get_many(
    std::span<const std::string> keys) {
  if (!impl_->connection) return is_closed();
  for (const std::string& key : keys) {
    TALEA_TRY(check_ledger_key(key, impl_->connection->client->options().prefix.size()));
  }
  return impl_->connection->reader.get_many(keys);
}

Result<std::optional<LedgerEntry>> Ledger::head() {
  if (!impl_->connection) return is_closed();
  return impl_->connection->reader.head();
}

Result<std::optional<LedgerEntry>> Ledger::get_log_version(std::string_view version_id) {
  if (!impl_->connection) return is_closed();
  if (version_id.empty()) return Status::invalid_argument("no version id");
  auto version = TALEA_TRY(impl_->connection->objects.log_version(version_id, "get"));
  if (!version) return std::optional<LedgerEntry>();
  return std::optional(std::move(version->entry));
}

Result<std::vector<std::string>> Ledger::log_versions() {
  if (!impl_->connection) return is_closed();
  return impl_->connection->reader.log_versions();
}

Result<std::vector<std::optional<LedgerEntry>>> Ledger::get_log_versions(
    std::span<const std::string> version_ids) {
  if (!impl_->connection) return is_closed();
  for (const std::string& version_id : version_ids) {
    if (version_id.empty()) return Status::invalid_argument("no version id");
  }
  return impl_->connection->reader.get_log_versions(version_ids);
}

Result<LedgerEntries> Ledger::history(std::string_view key, const LedgerPage& page) {
  if (!impl_->connection) return is_closed();
  TALEA_TRY(check_ledger_key(key, impl_->connection->client->options().prefix.size()));
  return impl_->connection->reader.history(key, page);
}

Result<LedgerEntries> Ledger::log_entries(const LedgerPage& page) {
  if (!impl_->connection) return is_closed();
  return impl_->connection->reader.log_entries(page);
}

Result<std::vector<std::string>> Ledger::list_keys(const LedgerKeyRange& range) {
  if (!impl_->connection) return is_closed();
  return list_ledger_keys(*impl_->connection->client, range);
}

Result<std::vector<std::string>> Ledger::list_keys_with_prefix(std::string_view prefix,
                                                               LedgerKeyRange range) {
  range.prefix = prefix;
  return list_keys(range);
}

HashForm Ledger::verify(const LedgerEntry& entry) { return find_hash_form(entry); }

Result<Bytes> Ledger::decode(const LedgerEntry& entry) const {
  if (impl_->codec.decode) return impl_->codec.decode(entry.value);
  return entry.value;
}

Result<LedgerAudit> Ledger::verify_log_chain(std::optional<std::uint64_t> limit) {
  LedgerAuditOptions options;
  options.limit = limit;
  options.key_objects = false;
  return audit(options);
}

Result<LedgerAudit> Ledger::audit(const LedgerAuditOptions& options) {
  if (!impl_->connection) return is_closed();
  Connection& on = *impl_->connection;
  return Audit(on.objects, on.seams.executor, on.options.parallel_gets, options).run();
}

Result<LedgerRepair> Ledger::repair(const LedgerRepairOptions& options) {
  if (!impl_->connection) return is_closed();
  if (impl_->connection->options.read_only) return is_read_only();
  return impl_->connection->writer.repair(options.entries_min);
}

S3RequestCounts Ledger::request_counts() const {
  return impl_->connection ? impl_->connection->client->counts() : S3RequestCounts();
}

Status Ledger::close() {
  if (!impl_->connection) return {};
  impl_->connection->writer.wait_until_idle();
  impl_->connection.reset();
  return {};
}

}  // namespace talea
