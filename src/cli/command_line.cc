// The one file that knows CLI11: it declares all verbs and their options, and turns what was given
// into a request for the function of the verb (verbs.h).
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cli/help_texts.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

// What the options of all verbs are read into; the chosen verb takes its part.
struct Arguments {
  std::string output = "text";
  std::string sync = "always";
  std::string verify_reads = "once";
  std::string retain;
  PutRequest put;
  GetRequest get;
  HistoryRequest history;
  DeleteRequest remove;
  ExpireRequest expire;
  ScanRequest scan;
  ImportRequest import;
  ExportRequest exporting;
  ChangesRequest changes;
  BackupRequest backup;
  BackupsRequest backups;
  RestoreRequest restore;
  CopyRequest copy;
  RepairRequest repair;
  CompactRequest compact;
  GcRequest gc;
  RotateKeyRequest rotate_key;
  DoctorRequest doctor;
  CostRequest cost;
  UserRequest user;
  KeysIssueRequest keys_issue;
  KeysListRequest keys_list;
  KeysRevokeRequest keys_revoke;
  std::function<Result<ExitCode>(Context&)> verb;
};

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

// An empty word is what a script gives whose variable was never set: it must not mean "nobody".
CLI::Validator not_empty(const std::string& what) {
  return CLI::Validator(
      [what](const std::string& text) {
        return text.empty() ? "'' is no " + what + "; leave the option out if none is meant"
                            : std::string();
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

CLI::Validator price() {
  constexpr double kDollarsMax = 1e6;
  return CLI::Validator(
      [](const std::string& text) {
        double dollars = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, dollars);
        const bool is_number = read.ec == std::errc() && read.ptr == end;
        // Of what is no number (nan) neither comparison holds.
        return is_number && dollars >= 0 && dollars <= kDollarsMax
                   ? std::string()
                   : "'" + text + "' is no price: 0 to 1000000 US dollars for a million requests";
      },
      "");
}

CLI::Validator retention() {
  return CLI::Validator(
      [](const std::string& text) {
        const Result<Retention> read = parse_retention(text);
        return read.ok() ? std::string() : std::string(read.status().message());
      },
      "");
}

class Parser {
 public:
  Parser() : app_("Talea: a durable key-value store, in a directory or on S3", "talea") {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Print this help");
    app_.set_version_flag("--version", "talea " TALEA_VERSION, "Print the version");
    app_.footer(kProgramExamples);
    app_.get_formatter()->column_width(34);
    add_global_options();
    add_point_verbs();
    add_scan();
    add_transfers();
    add_copy();
    add_inspections();
    add_upkeep();
    add_users();
    add_keys();
    add_doctor();
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
    if (!arguments_.retain.empty()) {
      const Result<Retention> retention = parse_retention(arguments_.retain);
      if (retention.ok()) settings_.engine.retention = *retention;  // it was checked
    }
    // After the options, which exclude each other and not this one.
    const char* const key_file = std::getenv("TALEA_KEY_FILE");
    if (!settings_.engine.encryption.is_given() && key_file != nullptr) {
      settings_.engine.encryption.key_file = key_file;
    }
    if (arguments_.sync == "interval") settings_.engine.sync = SyncMode::interval;
    if (arguments_.sync == "never") settings_.engine.sync = SyncMode::never;
    if (arguments_.verify_reads == "always") settings_.engine.verify_reads = VerifyReads::always;
    command.settings = settings_;
    return command;
  }

 private:
  void add_global_options() {
    app_.add_option("-s,--store", settings_.store,
                    "The store: a directory, as ./data or file:PATH, rocksdb:PATH,\n"
                    "immukv+s3://BUCKET/PREFIX or s4db+s3://BUCKET/PREFIX")
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
    app_.add_option("--retain", arguments_.retain,
                    "What the store keeps of the past from now on: latest, all, a number of\n"
                    "revisions, or a time, as 30d. Without it, what it keeps now")
        ->check(retention())
        ->type_name("WHAT");
    Encryption& encryption = settings_.engine.encryption;
    CLI::Option* const file =
        app_.add_option("--key-file", encryption.key_file,
                        "The master key of an encrypted store: 32 bytes, or 64 hex digits\n"
                        "(Env:TALEA_KEY_FILE)")
            ->type_name("FILE");
    app_.add_option("--key-env", encryption.key_variable,
                    "The environment variable that has it, as 64 hex digits")
        ->excludes(file)
        ->type_name("NAME");
    app_.add_flag("--cost", settings_.shows_cost,
                  "Of a store on S3: tell what the command asked of it, and what that costs");
    app_.add_option("--price-put", settings_.prices.put,
                    "What costs are counted with: US dollars for a million PUT requests to S3\n"
                    "(default 5.00)")
        ->check(price())
        ->type_name("DOLLARS");
    app_.add_option("--price-get", settings_.prices.get, "The same for GET (default 0.40)")
        ->check(price())
        ->type_name("DOLLARS");
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
                     Request& request, Result<ExitCode> (*function)(Context&, const Request&),
                     CLI::App* group = nullptr) {
    CLI::App& verb = declare(name, summary, examples, group);
    verb.callback([this, &request, function] {
      arguments_.verb = [request, function](Context& context) {
        return function(context, request);
      };
    });
    return verb;
  }

  CLI::App& add_verb(const std::string& name, const std::string& summary, const char* examples,
                     Result<ExitCode> (*function)(Context&), CLI::App* group = nullptr) {
    CLI::App& verb = declare(name, summary, examples, group);
    verb.callback([this, function] { arguments_.verb = function; });
    return verb;
  }

  // Several verbs of one word, as `users add`.
  CLI::App& add_group(const std::string& name, const std::string& summary, const char* examples) {
    CLI::App& group = declare(name, summary, examples, nullptr);
    group.require_subcommand(1);
    return group;
  }

  CLI::App& declare(const std::string& name, const std::string& summary, const char* examples,
                    CLI::App* group) {
    CLI::App* verb = (group == nullptr ? app_ : *group).add_subcommand(name, summary);
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

  static void add_at(CLI::App& verb, AtArgument& at) {
    verb.add_option("--at", at.text,
                    "As it was after this sequence, or at this time: 4711, 2026-12-24T18:00:00Z")
        ->type_name("WHEN");
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

  void add_doctor() {
    DoctorRequest& request = arguments_.doctor;
    add_verb("doctor", "Find out whether a place can hold a store", kDoctorExamples, request,
             run_doctor)
        .add_option("URL", request.url, "A directory or a place on S3; without it, that of -s")
        ->type_name("");

    CostRequest& asked = arguments_.cost;
    CLI::App& cost = add_verb("cost", "Tell what a store on S3 costs in requests", kCostExamples,
                              asked, run_cost);
    cost.add_option("URL", asked.url, "The store; without it, that of -s. It is not asked")
        ->type_name("");
    const auto number = [&](const std::string& name, std::uint64_t& value,
                            const std::string& meaning) {
      cost.add_option(name, value, meaning)->check(whole_number())->type_name("N");
    };
    number("--puts", asked.workload.puts, "So many puts, each of another key");
    number("--gets", asked.workload.gets, "So many gets");
    number("--starts", asked.workload.starts, "So many processes that begin, and write");
    number("--puts-per-upload", asked.workload.puts_per_upload,
           "Of bucket files: how many puts one upload takes (default 1)");
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
    add_at(get, arguments_.get.at);
    add_history();

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

  void add_history() {
    HistoryRequest& request = arguments_.history;
    CLI::App& history = add_verb("history", "List the revisions of a key that are kept",
                                 kHistoryExamples, request, run_history);
    add_key(history, request.key);
    history.add_option("--before", request.before, "Those below this sequence")
        ->check(whole_number())
        ->type_name("N");
    history.add_option("--limit", request.limit, "At most so many")
        ->check(whole_number())
        ->type_name("N");
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
    add_at(scan, request.at);
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

  void add_copy() {
    CopyRequest& request = arguments_.copy;
    CLI::App& copy = add_verb("copy", "Copy all that one store holds into another, of any kind",
                              kCopyExamples, request, run_copy);
    copy.add_option("SRC", request.source, "Where from, as -s names a store")
        ->required()
        ->type_name("");
    copy.add_option("DST", request.destination, "Where to; made when it is missing")
        ->required()
        ->type_name("");
    CLI::Option* const history = copy.add_flag(
        "--history", request.history, "With all revisions; refused where one of them keeps none");
    copy.add_flag("--latest", request.latest, "What is there now alone")->excludes(history);
    copy.add_flag("--merge", request.merge, "DST may have other keys, which stay");
    copy.add_flag("--check", request.check, "List what cannot be copied, and write nothing");
    copy.add_option("--values", request.values,
                    "as-is (default); to-json: bytes become JSON, for a ledger; from-json: and "
                    "back")
        ->check(CLI::IsMember({"as-is", "to-json", "from-json"}))
        ->type_name("FORM");
    CLI::Option* const file =
        copy.add_option("--source-key-file", request.source_encryption.key_file,
                        "The master key of SRC, if it is encrypted; --key-file is that of DST")
            ->type_name("FILE");
    copy.add_option("--source-key-env", request.source_encryption.key_variable,
                    "The environment variable that has it, as 64 hex digits")
        ->excludes(file)
        ->type_name("NAME");
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
    verb.add_flag("--old-values", changes.old_values,
                  "With -o json: what each key had before, if the store keeps its past");
    verb.add_option("--limit", changes.limit, "At most so many changes")
        ->check(whole_number())
        ->type_name("N");
  }

  void add_upkeep() {
    CLI::App& compact = add_verb("compact", "Give back the space of old values", kCompactExamples,
                                 arguments_.compact, run_compact);
    compact
        .add_option("--live-ratio", settings_.engine.live_ratio,
                    "Rewrite files of which less than this part is current: 0.05 to 0.95 (default "
                    "0.6)")
        ->type_name("R");
    add_grace(compact, arguments_.compact.grace);
    CLI::App& gc = add_verb("gc", "Remove data files of bucket files that nothing refers to",
                            kGcExamples, arguments_.gc, run_gc);
    add_grace(gc, arguments_.gc.grace);
    add_verb("checkpoint", "Make the next open fast", kCheckpointExamples, run_checkpoint);
    add_rotation();
    add_backups();
    CLI::App& repair = add_verb("repair", "Save what is intact in a damaged store", kRepairExamples,
                                arguments_.repair, run_repair);
    repair
        .add_option(
            "NEW_STORE", arguments_.repair.new_store,
            "Where to make it; absent or empty. Not on S3, where the store itself is mended")
        ->type_name("");
  }

  static void add_grace(CLI::App& verb, GraceArgument& grace) {
    verb.add_option("--grace", grace.text,
                    "Of bucket files: leave files to readers of before for so long (default 24h)")
        ->type_name("DURATION");
  }

  void add_rotation() {
    RotateKeyRequest& request = arguments_.rotate_key;
    CLI::App& rotate = add_verb("rotate-key", "Replace a key of an encrypted store",
                                kRotateKeyExamples, request, run_rotate_key);
    CLI::Option* const file =
        rotate
            .add_option("--new-key-file", request.new_master.key_file,
                        "The master key from now on: 32 bytes, or 64 hex digits")
            ->type_name("FILE");
    rotate
        .add_option("--new-key-env", request.new_master.key_variable,
                    "The environment variable that has it, as 64 hex digits")
        ->excludes(file)
        ->type_name("NAME");
    rotate.add_flag("--data", request.data,
                    "Make a new data key, and rewrite what has the old one");
  }

  static void add_target(CLI::App& verb, std::string& target) {
    verb.add_option("TARGET", target,
                    "Where the backups of the store are: a directory, or s3://BUCKET/PREFIX")
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

  void add_user_verb(CLI::App& group, const std::string& name, const std::string& summary,
                     Result<ExitCode> (*function)(Context&, const UserRequest&),
                     bool takes_password) {
    UserRequest& request = arguments_.user;
    CLI::App& verb = add_verb(name, summary, kUsersExamples, request, function, &group);
    verb.add_option("NAME", request.name, "The name of the user")->required()->type_name("");
    if (!takes_password) return;
    verb.add_option("--password-file", request.password_file,
                    "The password is the first line of this file")
        ->check(not_empty("file"))
        ->type_name("FILE");
  }

  void add_users() {
    CLI::App& users = add_group("users", "Add, list and change users", kUsersExamples);
    add_user_verb(users, "add", "Create a user, and print its id", run_users_add, true);
    add_verb("list", "List users by name", kUsersExamples, run_users_list, &users);
    add_user_verb(users, "passwd", "Set the password of a user", run_users_passwd, true);
    add_user_verb(users, "unlock", "Forget failed logins", run_users_unlock, false);
    add_user_verb(users, "delete", "Delete a user and its keys", run_users_delete, false);
  }

  void add_keys() {
    CLI::App& keys = add_group("keys", "Issue, list and revoke API keys", kKeysExamples);
    KeysIssueRequest& issued = arguments_.keys_issue;
    CLI::App& issue = add_verb("issue", "Make a key, and print its token", kKeysExamples, issued,
                               run_keys_issue, &keys);
    issue.add_option("--owner", issued.owner, "The user it belongs to, and goes with")
        ->check(not_empty("user"))
        ->type_name("NAME");
    issue.add_option("--label", issued.label, "What people call it")->type_name("TEXT");
    issue.add_option("--scope", issued.scopes, "What it may be used for; can be repeated")
        ->type_name("WORD")
        ->allow_extra_args(false);
    issue.add_option("--ttl", issued.expiry.ttl, "It is refused so long from now: 12h, 90d")
        ->type_name("DURATION");
    issue
        .add_option("--expires-at", issued.expiry.expires_at,
                    "It is refused from then on: 2026-12-24T18:00:00Z")
        ->type_name("TIME");
    CLI::App& list = add_verb("list", "List keys by id", kKeysExamples, arguments_.keys_list,
                              run_keys_list, &keys);
    list.add_option("--owner", arguments_.keys_list.owner, "Only those of this user")
        ->check(not_empty("user"))
        ->type_name("NAME");
    CLI::App& revoke = add_verb("revoke", "Refuse a key from now on", kKeysExamples,
                                arguments_.keys_revoke, run_keys_revoke, &keys);
    revoke.add_option("ID", arguments_.keys_revoke.id, "The id of the key: key-...")
        ->required()
        ->type_name("");
  }

  // Turns what CLI11 says into what a user can use.
  void explain(const CLI::ParseError& error, Command& command) {
    const CLI::App* chosen = &app_;
    std::string help = "talea";
    while (!chosen->get_subcommands().empty()) {
      chosen = chosen->get_subcommands().front();
      help += " " + chosen->get_name();
    }
    command.next = help + " --help";
    const std::vector<std::string> left_over = app_.remaining();
    if (chosen == &app_ && !left_over.empty() && !left_over.front().starts_with("-")) {
      command.error = Status::invalid_argument("there is no verb '" + left_over.front() + "'");
      command.next = suggestion(left_over.front());
    } else if (chosen->get_require_subcommand_min() > 0 &&
               (chosen != &app_ || (left_over.empty() && error.get_name() == "RequiredError"))) {
      const bool is_group = chosen != &app_;
      command.error =
          Status::invalid_argument("say what to do: " + (is_group ? chosen->get_name() + " " : "") +
                                   names_below(*chosen, is_group ? "|" : " "));
    } else {
      command.error = Status::invalid_argument(error.what());
    }
  }

  static std::string names_below(const CLI::App& app, const char* between) {
    std::string names;
    for (const CLI::App* verb : below(app)) {
      names += (names.empty() ? "" : between) + verb->get_name();
    }
    return names;
  }

  std::string suggestion(const std::string& given) {
    std::string near;
    for (const CLI::App* verb : below(app_)) {
      const std::string& name = verb->get_name();
      const bool begins = given.size() >= 2 && name.starts_with(given);
      if (!begins && edit_distance(given, name) > 2) continue;
      near += (near.empty() ? "" : " or ") + name;
    }
    return near.empty() ? "the verbs are: " + names_below(app_, " ") : "did you mean " + near + "?";
  }

  static std::vector<const CLI::App*> below(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
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
