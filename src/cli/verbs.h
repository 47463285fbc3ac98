// The verbs, one file each. A verb takes what the command line asked for and returns how it ended;
// a Status that it returns is reported by its caller, run().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_argument.h"
#include "cli/past_argument.h"
#include "home/request_costs.h"
#include "talea/batch.h"
#include "talea/result.h"

namespace talea::cli {

/// A key as it was given: text, or base64 of any bytes.
struct KeyArgument {
  std::string text;
  bool is_base64 = false;

  Result<Bytes> bytes() const;
};

struct PutRequest {
  KeyArgument key;
  /// The value, @FILE, @@ and a value that begins with @, or - for the standard input.
  std::string value;
  bool if_absent = false;
  std::optional<std::uint64_t> if_revision;
  ExpiryArgument expiry;
};
Result<ExitCode> run_put(Context& context, const PutRequest& request);

struct GetRequest {
  KeyArgument key;
  /// Where to write the value instead of the standard output; empty for there.
  std::string out;
  AtArgument at;
};
Result<ExitCode> run_get(Context& context, const GetRequest& request);

struct HistoryRequest {
  KeyArgument key;
  std::optional<std::uint64_t> before;
  std::uint64_t limit = 0;
};
Result<ExitCode> run_history(Context& context, const HistoryRequest& request);

struct DeleteRequest {
  KeyArgument key;
  bool must_exist = false;
  std::optional<std::uint64_t> if_revision;
};
Result<ExitCode> run_delete(Context& context, const DeleteRequest& request);

struct ExpireRequest {
  KeyArgument key;
  ExpiryArgument expiry;
};
Result<ExitCode> run_expire(Context& context, const ExpireRequest& request);

struct ScanRequest {
  KeyArgument prefix;
  KeyArgument start;
  KeyArgument end;
  bool reverse = false;
  bool keys_only = false;
  std::uint64_t limit = 0;
  AtArgument at;
};
Result<ExitCode> run_scan(Context& context, const ScanRequest& request);

Result<ExitCode> run_batch(Context& context);

struct ImportRequest {
  std::string file = "-";
  std::uint64_t rows_per_batch = 1000;
  bool skip_bad = false;
};
Result<ExitCode> run_import(Context& context, const ImportRequest& request);

struct ExportRequest {
  std::string file = "-";
};
Result<ExitCode> run_export(Context& context, const ExportRequest& request);

struct ChangesRequest {
  std::optional<std::uint64_t> after;
  KeyArgument prefix;
  bool old_values = false;
  std::uint64_t limit = 0;
};
Result<ExitCode> run_changes(Context& context, const ChangesRequest& request);

struct BackupRequest {
  std::string target;
};
Result<ExitCode> run_backup(Context& context, const BackupRequest& request);

struct BackupsRequest {
  std::string target;
  bool verify = false;
  std::optional<std::uint64_t> keep;
};
Result<ExitCode> run_backups(Context& context, const BackupsRequest& request);

struct RestoreRequest {
  std::string target;
  std::optional<std::uint64_t> at;
};
Result<ExitCode> run_restore(Context& context, const RestoreRequest& request);

struct CopyRequest {
  std::string source;
  std::string destination;
  // At most one of the two; neither: with history if both keep it.
  bool history = false;
  bool latest = false;
  bool merge = false;
  bool check = false;
  std::string values = "as-is";  // or to-json, from-json
  Encryption source_encryption;
};
Result<ExitCode> run_copy(Context& context, const CopyRequest& request);

struct RepairRequest {
  std::string new_store;  // of a store in a directory alone
};
Result<ExitCode> run_repair(Context& context, const RepairRequest& request);

struct UserRequest {
  std::string name;  // or id
  /// Its first line is the password; empty: asks for it, or reads the standard input.
  std::string password_file;
};
Result<ExitCode> run_users_add(Context& context, const UserRequest& request);
Result<ExitCode> run_users_list(Context& context);
Result<ExitCode> run_users_passwd(Context& context, const UserRequest& request);
Result<ExitCode> run_users_unlock(Context& context, const UserRequest& request);
Result<ExitCode> run_users_delete(Context& context, const UserRequest& request);

struct KeysIssueRequest {
  std::string owner;  // name or id; empty: nobody
  std::string label;
  std::vector<std::string> scopes;
  ExpiryArgument expiry;
};
Result<ExitCode> run_keys_issue(Context& context, const KeysIssueRequest& request);

struct KeysListRequest {
  std::string owner;
};
Result<ExitCode> run_keys_list(Context& context, const KeysListRequest& request);

struct KeysRevokeRequest {
  std::string id;
};
Result<ExitCode> run_keys_revoke(Context& context, const KeysRevokeRequest& request);

struct DoctorRequest {
  /// What is examined; empty: the store of -s.
  std::string url;
};
Result<ExitCode> run_doctor(Context& context, const DoctorRequest& request);

struct CostRequest {
  /// Of which store; empty: that of -s. It is not asked.
  std::string url;
  Workload workload;
};
Result<ExitCode> run_cost(Context& context, const CostRequest& request);

Result<ExitCode> run_stats(Context& context);
Result<ExitCode> run_segments(Context& context);
Result<ExitCode> run_verify(Context& context);

/// For how long files that nothing refers to any more are left to readers of before.
struct GraceArgument {
  std::optional<std::string> text = {};

  /// A day when it is not given. Errors: invalid_argument   what was given, and what may be
  Result<std::chrono::milliseconds> duration() const;
};

struct CompactRequest {
  GraceArgument grace;
};
Result<ExitCode> run_compact(Context& context, const CompactRequest& request);

struct GcRequest {
  GraceArgument grace;
};
Result<ExitCode> run_gc(Context& context, const GcRequest& request);
Result<ExitCode> run_checkpoint(Context& context);

struct RotateKeyRequest {
  Encryption new_master;
  bool data = false;
};
Result<ExitCode> run_rotate_key(Context& context, const RotateKeyRequest& request);

}  // namespace talea::cli
