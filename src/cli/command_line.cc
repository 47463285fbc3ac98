// The one file that knows CLI11: it declares all verbs and their options, and turns what was given
// into a request for the function of the verb (verbs.h).
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "cli/verbs.h"

namespace talea::cli {

namespace {

// What the options of all verbs are read into; the chosen verb takes its part.
struct Arguments {
  std::string output = "text";
  std::string sync = "always";
  std::string verify_reads = "once";
  PutRequest put;
  GetRequest get;
  DeleteRequest remove;
  ExpireRequest expire;
  ScanRequest scan;
  ImportRequest import;
  ExportRequest exporting;
  ChangesRequest changes;
  BackupRequest backup;
  BackupsRequest backups;
  RestoreRequest restore;
  RepairRequest repair;
  std::function<Result<ExitCode>(Context&)> verb;
};

constexpr const char* kProgramExamples = R"(Examples:
  talea -s ./data put fruit/apple red
  talea -s ./data get fruit/apple
  talea -s ./data scan --prefix fruit/
  talea -s ./data export > fruit.ndjson
  talea -s ./copy import fruit.ndjson

`talea VERB --help` has more for each verb. Exit codes: 0 ok, 1 no such key or a precondition
failed, 2 usage, 3 the store is damaged, 4 other.
)";

constexpr const char* kPutExamples =
    R"(VALUE is taken as it is; @FILE is the content of a file, - is the standard input, and @@text is
the value @text. A value of any length is streamed in little memory. Before a KEY or VALUE that
begins with a dash, write --.

Without an option that says when the key expires it lives until it is removed, also if the value
before had an expiry. DURATION is a whole number and its unit, ms, s, m, h or d. TIME is in UTC, or
in milliseconds since 1970; one that has passed means that the key is gone at once.

Examples:
  talea -s ./data put fruit/apple red
  talea -s ./data put disk.img @/tmp/disk.img
  date | talea -s ./data put now -
  talea -s ./data put --if-absent lock mine --ttl 30s
  talea -s ./data put offer open --expires-at 2026-12-24T18:00:00Z
  talea -s ./data put offer "still open" --keep-ttl
  talea -s ./data put -- temperature -5
)";

constexpr const char* kGetExamples =
    R"(The bytes of the value go to the standard output as they are. Exit code 1: there is no such key.

Examples:
  talea -s ./data get fruit/apple
  talea -s ./data get disk.img --out /tmp/disk.img
  talea -s ./data get -o json fruit/apple
  talea -s ./data get --key-base64 /wA=
)";

constexpr const char* kDeleteExamples =
    R"(That the key is absent is no error, unless --must-exist is given.

Examples:
  talea -s ./data delete fruit/apple
  talea -s ./data delete --must-exist fruit/apple
  talea -s ./data delete --if-revision 17 fruit/apple
)";

constexpr const char* kExpireExamples =
    R"(Changes when a key expires; its value stays, and it gets a new revision. DURATION is a whole number
and its unit, ms, s, m, h or d. TIME is in UTC, or in milliseconds since 1970; one that has passed
means that the key is gone at once. Exit code 1: there is no such key.

Examples:
  talea -s ./data expire session/7 --ttl 30m
  talea -s ./data expire offer --expires-at 2026-12-24T18:00:00Z
  talea -s ./data expire session/7 --never
  talea -s ./data get -o json session/7 | jq .expires_at_ms
)";

constexpr const char* kScanExamples =
    R"(Rows in the order of the bytes of their keys: key, tab, value. On a terminal, bytes that cannot be
shown are escaped (\n, \x1b); for programs, -o json gives one object for each row.

Examples:
  talea -s ./data scan --prefix fruit/
  talea -s ./data scan --start 2024-01 --end 2024-02 --limit 10
  talea -s ./data scan --reverse --limit 1 --keys-only
  talea -s ./data scan -o json | jq -r .key
)";

constexpr const char* kBatchExamples =
    R"(Reads one JSON operation for each line, and answers each with one line as soon as the outcome is
durable. An array of puts, deletes and expires is one atomic batch. A line that fails does not stop
the next.
  {"op":"put","key":"k","value":"v"}        {"sequence":1}
  {"op":"get","key":"k"}                    {"value":"v","revision":1}
  {"op":"get","key":"none"}                 {"value":null}
  {"op":"put","key":"k","value":"w","if_absent":true}
                                            {"error":{"code":"conflict",...}}
  {"op":"expire","key":"k","ttl_ms":1000}   {"sequence":2}
  {"op":"expire","key":"none","never":true} {"sequence":null}
  {"op":"stats"}                            {"stats":{"keys":1,...}}
A put that expires has ttl_ms, expires_at_ms (numbers) or keep_ttl (true); an expire has ttl_ms,
expires_at_ms or never (true). Conditions of put, delete and expire: if_absent, if_present (true),
if_revision (a number). Bytes that are not UTF-8: key_base64, value_base64. Exit code: 0 when every
line was answered, 1 when the worst was an absent key or a failed condition, else 3 (damage) or 4.

Examples:
  echo '{"op":"put","key":"a","value":"1"}' | talea -s ./data batch
  echo '[{"op":"delete","key":"a"},{"op":"put","key":"b","value":"1"}]' | talea -s ./data batch
)";

constexpr const char* kImportExamples =
    R"(Each line is {"key":...,"value":...}, or key_base64 and value_base64 for bytes that are not UTF-8;
"expires_at_ms", in milliseconds since 1970, says when the key expires. A key that comes twice gets
the last value. A bad line stops the import after the rows before it are committed. Ctrl-C stops
after the current batch; what is committed stays.

Examples:
  talea -s ./data import rows.ndjson
  talea -s ./data import --skip-bad < rows.ndjson
  talea -s ./old export | talea -s ./new import
)";

constexpr const char* kExportExamples =
    R"(Writes one line for each key, in order, as `talea import` reads them; one that expires has
"expires_at_ms", one that has expired is left out. A file appears under its name when it is complete.

Examples:
  talea -s ./data export rows.ndjson
  talea -s ./data export | gzip > rows.ndjson.gz
)";

constexpr const char* kStatsExamples = R"(What the store holds, measured now.

Examples:
  talea -s ./data stats
  talea -s ./data stats -o json | jq .keys
)";

constexpr const char* kSegmentsExamples =
    R"(The files of the store: what each holds, and how much of it is current.

Examples:
  talea -s ./data segments
  talea -s ./data segments -o json | jq '.segments[].file'
)";

constexpr const char* kVerifyExamples =
    R"(Reads every byte and checks it. Prints a line `FILE OFFSET PROBLEM` for each thing that is wrong, and
ends with exit code 3 if there was one. Changes nothing.

Examples:
  talea -s ./data verify
  talea -s ./data verify --quiet || echo damaged
)";

constexpr const char* kChangesExamples =
    R"(What was committed, in the order in which it was: sequence, tab, put or remove, tab, key, tab, value.
It reads the log. What compaction has taken away since is told on the standard error.

Examples:
  talea -s ./data changes
  talea -s ./data changes --after 17 --prefix fruit/
  talea -s ./data changes -o json | jq -r .key
)";

constexpr const char* kBackupExamples =
    R"(Copies to DIRECTORY what no earlier backup there has: run it again and again, and each is complete.
A directory is for the backups of one store.

Examples:
  talea -s ./data backup /mnt/backups/data
  talea -s ./data backup /mnt/backups/data -o json | jq .bytes_copied
)";

constexpr const char* kBackupsExamples =
    R"(Lists the backups in DIRECTORY; a store can be restored to any sequence from `restores from` to `to`.

Examples:
  talea backups /mnt/backups/data
  talea backups /mnt/backups/data --verify
  talea backups /mnt/backups/data --keep 7
)";

constexpr const char* kRestoreExamples =
    R"(Makes the store that -s names from a backup in DIRECTORY: the newest, or that which has sequence N.
It never goes over a store: the directory of the store must be absent or empty.

Examples:
  talea -s ./data restore /mnt/backups/data
  talea -s ./yesterday restore /mnt/backups/data --at 123456
)";

constexpr const char* kRepairExamples =
    R"(Makes a new store in NEW_STORE of all that is intact in a damaged one, and prints what is lost. The
damaged store is not changed. Restore from a backup where there is one: a repair cannot bring back
what is gone.

Examples:
  talea -s ./damaged repair ./repaired
  talea -s ./damaged repair ./repaired -o json | jq .keys_lost
)";

constexpr const char* kCompactExamples =
    R"(Overwritten and deleted values take disk space until their file is rewritten. That happens in the
background while a program has the store open; this does it at once, and says what came of it. It
needs room for a copy of what is current in the files that it rewrites.

Examples:
  talea -s ./data compact
  talea -s ./data compact --live-ratio 0.95
  talea -s ./data compact -o json | jq .given_back_bytes
)";

constexpr const char* kCheckpointExamples =
    R"(Writes what changed of the index since the last checkpoint, so that the next open has nothing to
replay.

Examples:
  talea -s ./data checkpoint
  talea -s ./data checkpoint -o json | jq .run_bytes_written
)";

// CLI11 would turn -1 into a very large number.
CLI::Validator whole_number() {
  return CLI::Validator(
      [](const std::string& text) {
        const bool digits =
            !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        return digits ? std::string() : "'" + text + "' is not a whole number";
      },
      "");
}

CLI::Validator compression_bound() {
  return CLI::Validator(
      [](const std::string& text) {
        std::uint64_t bytes = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, bytes);
        const bool is_number = read.ec == std::errc() && read.ptr == end;
        const bool is_bound =
            bytes == 0 || (bytes >= kCompressFromBytesMin && bytes <= kInlineValueBytesMax);
        return is_number && is_bound ? std::string()
                                     : "'" + text + "' is not 0, for no compression, or " +
                                           std::to_string(kCompressFromBytesMin) + " to " +
                                           std::to_string(kInlineValueBytesMax) + " bytes";
      },
      "");
}

class Parser {
 public:
  Parser() : app_("Talea: a durable key-value store in a directory", "talea") {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Print this help");
    app_.set_version_flag("--version", "talea " TALEA_VERSION, "Print the version");
    app_.footer(kProgramExamples);
    app_.get_formatter()->column_width(34);
    add_global_options();
    add_point_verbs();
    add_scan();
    add_transfers();
    add_inspections();
    add_upkeep();
  }

  Command parse(int argc, const char* const* argv) {
    Command command;
    try {
      app_.parse(argc, argv);
      command.verb = std::move(arguments_.verb);
    } catch (const CLI::CallForHelp&) {
      command.text = app_.help();
    } catch (const CLI::CallForVersion& version) {
      command.text = std::string(version.what()) + "\n";
    } catch (const CLI::ParseError& error) {
      explain(error, command);
    }
    settings_.json = arguments_.output == "json";
    if (arguments_.sync == "interval") settings_.engine.sync = SyncMode::interval;
    if (arguments_.sync == "never") settings_.engine.sync = SyncMode::never;
    if (arguments_.verify_reads == "always") settings_.engine.verify_reads = VerifyReads::always;
    command.settings = settings_;
    return command;
  }

 private:
  void add_global_options() {
    app_.add_option("-s,--store", settings_.store,
                    "The directory of the store, as ./data or file:PATH")
        ->envname("TALEA_STORE")
        ->type_name("STORE");
    app_.add_option("-o,--output", arguments_.output, "text (default) or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORMAT");
    app_.add_flag("-q,--quiet", settings_.quiet, "No progress and no closing remarks");
    app_.add_option("--sync", arguments_.sync,
                    "When a write is safe from a power cut: always (default), interval, never")
        ->check(CLI::IsMember({"always", "interval", "never"}))
        ->type_name("WHEN");
    app_.add_option("--verify-reads", arguments_.verify_reads,
                    "When checksums of what is read are compared: once (default), always")
        ->check(CLI::IsMember({"once", "always"}))
        ->type_name("WHEN");
    app_.add_option("--memory-budget", settings_.engine.memory_budget,
                    "Memory that the index may take, in bytes; 0 (default) is no limit")
        ->check(whole_number())
        ->type_name("N");
    app_.add_option("--compress-from", settings_.engine.compress_from_bytes,
                    "Compress values of so many bytes and more: 32 to 1048576; 0 (default): none")
        ->check(compression_bound())
        ->type_name("BYTES");
    // For tests and experiments: not in the help.
    app_.add_option("--segment-bytes", settings_.engine.segment_bytes,
                    "Size at which a log file is full")
        ->check(whole_number())
        ->type_name("N")
        ->group("");
    app_.add_option("--checkpoint-bytes", settings_.engine.checkpoint_bytes,
                    "Log that grows until a checkpoint is written; 0: none")
        ->check(whole_number())
        ->type_name("N")
        ->group("");
  }

  // A verb: when it is chosen, `request` is run by `function`.
  template <typename Request>
  CLI::App& add_verb(const std::string& name, const std::string& summary, const char* examples,
                     Request& request, Result<ExitCode> (*function)(Context&, const Request&)) {
    CLI::App& verb = declare(name, summary, examples);
    verb.callback([this, &request, function] {
      arguments_.verb = [request, function](Context& context) {
        return function(context, request);
      };
    });
    return verb;
  }

  CLI::App& add_verb(const std::string& name, const std::string& summary, const char* examples,
                     Result<ExitCode> (*function)(Context&)) {
    CLI::App& verb = declare(name, summary, examples);
    verb.callback([this, function] { arguments_.verb = function; });
    return verb;
  }

  CLI::App& declare(const std::string& name, const std::string& summary, const char* examples) {
    CLI::App* verb = app_.add_subcommand(name, summary);
    verb->fallthrough();  // -s and -o may follow the verb
    verb->footer(std::string(examples) +
                 "\nOptions of all verbs (-s STORE, -o json, --quiet): talea --help\n");
    verb->get_formatter()->column_width(34);
    return *verb;
  }

  static void add_key(CLI::App& verb, KeyArgument& key) {
    verb.add_option("KEY", key.text, "The key")->required()->type_name("");
    verb.add_flag("--key-base64", key.is_base64, "KEY is base64, for bytes that are not text");
  }

  static void add_revision(CLI::App& verb, std::optional<std::uint64_t>& revision) {
    verb.add_option("--if-revision", revision,
                    "Only if the key has this revision; else exit code 1")
        ->check(whole_number())
        ->type_name("N");
  }

  static void add_expiry(CLI::App& verb, ExpiryArgument& expiry) {
    verb.add_option("--ttl", expiry.ttl, "The key expires so long from now: 250ms, 30s, 5m, 2h, 7d")
        ->type_name("DURATION");
    verb.add_option("--expires-at", expiry.expires_at, "The key expires then: 2026-12-24T18:00:00Z")
        ->type_name("TIME");
  }

  void add_point_verbs() {
    CLI::App& put = add_verb("put", "Set a key to a value", kPutExamples, arguments_.put, run_put);
    add_key(put, arguments_.put.key);
    put.add_option("VALUE", arguments_.put.value, "The value, @FILE, or - for the standard input")
        ->required()
        ->type_name("");
    put.add_flag("--if-absent", arguments_.put.if_absent,
                 "Only if the key has no value; else exit code 1");
    add_revision(put, arguments_.put.if_revision);
    add_expiry(put, arguments_.put.expiry);
    put.add_flag("--keep-ttl", arguments_.put.expiry.keep,
                 "The key expires when it did before, if it did");

    CLI::App& get =
        add_verb("get", "Print the value of a key", kGetExamples, arguments_.get, run_get);
    add_key(get, arguments_.get.key);
    get.add_option("--out", arguments_.get.out, "Write the value to this file")->type_name("FILE");

    CLI::App& remove =
        add_verb("delete", "Remove a key", kDeleteExamples, arguments_.remove, run_delete);
    add_key(remove, arguments_.remove.key);
    remove.add_flag("--must-exist", arguments_.remove.must_exist,
                    "Exit code 1 when there is no such key");
    add_revision(remove, arguments_.remove.if_revision);

    CLI::App& expire = add_verb("expire", "Change when a key expires", kExpireExamples,
                                arguments_.expire, run_expire);
    add_key(expire, arguments_.expire.key);
    add_expiry(expire, arguments_.expire.expiry);
    expire.add_flag("--never", arguments_.expire.expiry.never, "The key lives until it is removed");
  }

  void add_scan() {
    ScanRequest& request = arguments_.scan;
    CLI::App& scan =
        add_verb("scan", "List keys and values in order", kScanExamples, request, run_scan);
    scan.add_option("--prefix", request.prefix.text, "Keys that begin so")->type_name("P");
    scan.add_option("--start", request.start.text, "Keys from here on")->type_name("KEY");
    scan.add_option("--end", request.end.text, "Keys before this one")->type_name("KEY");
    scan.add_flag("--reverse", request.reverse, "From the last key to the first");
    scan.add_option("--limit", request.limit, "At most so many rows")
        ->check(whole_number())
        ->type_name("N");
    scan.add_flag("--keys-only", request.keys_only, "Keys without their values");
    scan.add_flag_callback(
        "--key-base64",
        [&request] {
          request.prefix.is_base64 = request.start.is_base64 = request.end.is_base64 = true;
        },
        "P and KEY are base64");
  }

  void add_transfers() {
    add_verb("batch", "Answer JSON operations from the standard input", kBatchExamples, run_batch);

    ImportRequest& import = arguments_.import;
    CLI::App& importing = add_verb("import", "Read rows of NDJSON into the store", kImportExamples,
                                   import, run_import);
    importing.add_option("FILE", import.file, "The file; - or nothing is the standard input")
        ->type_name("");
    importing
        .add_option("--batch", import.rows_per_batch,
                    "Rows that are committed together (default 1000)")
        ->check(CLI::Range(std::uint64_t{1}, kBatchEntriesMax).description(""))
        ->type_name("N");
    importing.add_flag("--skip-bad", import.skip_bad, "Count bad lines instead of stopping");

    CLI::App& exporting = add_verb("export", "Write all rows as NDJSON", kExportExamples,
                                   arguments_.exporting, run_export);
    exporting
        .add_option("FILE", arguments_.exporting.file,
                    "The file; - or nothing is the standard output")
        ->type_name("");
  }

  void add_inspections() {
    add_verb("stats", "Print what the store holds", kStatsExamples, run_stats);
    add_verb("segments", "List the files of the store", kSegmentsExamples, run_segments);
    add_verb("verify", "Check every byte of the store", kVerifyExamples, run_verify);

    ChangesRequest& changes = arguments_.changes;
    CLI::App& verb = add_verb("changes", "Print what was committed, in order", kChangesExamples,
                              changes, run_changes);
    verb.add_option("--after", changes.after, "Behind this sequence")
        ->check(whole_number())
        ->type_name("N");
    verb.add_option("--prefix", changes.prefix.text, "Of keys that begin so")->type_name("P");
    verb.add_flag("--key-base64", changes.prefix.is_base64, "P is base64");
    verb.add_option("--limit", changes.limit, "At most so many changes")
        ->check(whole_number())
        ->type_name("N");
  }

  void add_upkeep() {
    CLI::App& compact =
        add_verb("compact", "Give back the space of old values", kCompactExamples, run_compact);
    compact
        .add_option("--live-ratio", settings_.engine.live_ratio,
                    "Rewrite files of which less than this part is current: 0.05 to 0.95 (default "
                    "0.6)")
        ->type_name("R");
    add_verb("checkpoint", "Make the next open fast", kCheckpointExamples, run_checkpoint);
    add_backups();
    CLI::App& repair = add_verb("repair", "Make a new store of what is intact in a damaged one",
                                kRepairExamples, arguments_.repair, run_repair);
    repair
        .add_option("NEW_STORE", arguments_.repair.new_store, "Where to make it; absent or empty")
        ->required()
        ->type_name("");
  }

  static void add_target(CLI::App& verb, std::string& target) {
    verb.add_option("DIRECTORY", target, "Where the backups of the store are")
        ->required()
        ->type_name("");
  }

  void add_backups() {
    CLI::App& backup = add_verb("backup", "Make a backup of the store", kBackupExamples,
                                arguments_.backup, run_backup);
    add_target(backup, arguments_.backup.target);
    CLI::App& backups = add_verb("backups", "List, verify or remove backups", kBackupsExamples,
                                 arguments_.backups, run_backups);
    add_target(backups, arguments_.backups.target);
    backups.add_flag("--verify", arguments_.backups.verify, "Read and compare all of them");
    backups.add_option("--keep", arguments_.backups.keep, "Remove all but the newest N")
        ->check(whole_number())
        ->type_name("N");
    CLI::App& restore = add_verb("restore", "Make a store of a backup", kRestoreExamples,
                                 arguments_.restore, run_restore);
    add_target(restore, arguments_.restore.target);
    restore.add_option("--at", arguments_.restore.at, "As it was after this sequence")
        ->check(whole_number())
        ->type_name("N");
  }

  // Turns what CLI11 says into what a user can use.
  void explain(const CLI::ParseError& error, Command& command) {
    const std::vector<CLI::App*> chosen = app_.get_subcommands();
    const std::vector<std::string> left_over = app_.remaining();
    if (chosen.empty() && !left_over.empty() && !left_over.front().starts_with("-")) {
      command.error = Status::invalid_argument("there is no verb '" + left_over.front() + "'");
      command.next = suggestion(left_over.front());
      return;
    }
    if (chosen.empty() && left_over.empty() && error.get_name() == "RequiredError") {
      command.error = Status::invalid_argument("say what to do: " + verb_names());
      command.next = "talea --help";
      return;
    }
    command.error = Status::invalid_argument(error.what());
    command.next =
        chosen.empty() ? "talea --help" : "talea " + chosen.front()->get_name() + " --help";
  }

  std::string verb_names() {
    std::string names;
    for (const CLI::App* verb : verbs()) names += (names.empty() ? "" : " ") + verb->get_name();
    return names;
  }

  std::string suggestion(const std::string& given) {
    std::string near;
    for (const CLI::App* verb : verbs()) {
      const std::string& name = verb->get_name();
      const bool begins = given.size() >= 2 && name.starts_with(given);
      if (!begins && edit_distance(given, name) > 2) continue;
      near += (near.empty() ? "" : " or ") + name;
    }
    return near.empty() ? "the verbs are: " + verb_names() : "did you mean " + near + "?";
  }

  std::vector<const CLI::App*> verbs() {
    return static_cast<const CLI::App&>(app_).get_subcommands([](const CLI::App*) { return true; });
  }

  // Letters to insert, remove or replace to get from one word to the other.
  static std::size_t edit_distance(const std::string& from, const std::string& to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t column = 0; column <= to.size(); ++column) row[column] = column;
    for (std::size_t line = 1; line <= from.size(); ++line) {
      std::size_t diagonal = row[0];
      row[0] = line;
      for (std::size_t column = 1; column <= to.size(); ++column) {
        const std::size_t replaced = diagonal + (from[line - 1] == to[column - 1] ? 0 : 1);
        diagonal = row[column];
        row[column] = std::min({row[column] + 1, row[column - 1] + 1, replaced});
      }
    }
    return row[to.size()];
  }

  Settings settings_;
  Arguments arguments_;
  CLI::App app_;
};

}  // namespace

Command parse_command_line(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace talea::cli
