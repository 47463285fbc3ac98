// What `--help` says of the program and of each verb below their options: the rules that a user has
// to know, and examples. Lines are at most 100 columns, as they are printed.
#pragma once

namespace talea::cli {

inline constexpr const char* kProgramExamples = R"(Examples:
  talea -s ./data put fruit/apple red
  talea -s ./data get fruit/apple
  talea -s ./data scan --prefix fruit/
  talea -s ./data export > fruit.ndjson
  talea -s ./copy import fruit.ndjson
  talea -s immukv+s3://records/app/ put fruit/apple '{"color":"red"}'
  talea -s 's4db+s3://records/fruit/?endpoint=http://localhost:9000' scan

A store is a directory, a ledger on S3 (immukv+s3:), which keeps every JSON value for ever, a
database in a few objects of a bucket (s4db+s3:), or RocksDB (rocksdb:). Credentials for S3 come
from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine.

`talea VERB --help` has more for each verb. Exit codes: 0 ok, 1 no such key or a precondition
failed, 2 usage, 3 the store is damaged, 4 other.
)";

inline constexpr const char* kPutExamples =
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
  talea -s immukv+s3://records/app/ put fruit/apple '"red"'
)";

inline constexpr const char* kGetExamples =
    R"(The bytes of the value go to the standard output as they are. Exit code 1: there is no such key.

Examples:
  talea -s ./data get fruit/apple
  talea -s ./data get disk.img --out /tmp/disk.img
  talea -s ./data get -o json fruit/apple
  talea -s ./data get --key-base64 /wA=
  talea -s ./data get fruit/apple --at 4711
  talea -s ./data get fruit/apple --at 2026-12-24T18:00:00Z
)";

inline constexpr const char* kHistoryExamples =
    R"(The revisions of a key that the store keeps, newest first: sequence, tab, time, tab, put or remove,
tab, length. `get --at SEQUENCE` prints the value of one. A store keeps the newest alone, unless
--retain said otherwise when it was written; a ledger keeps all. Exit code 1: there is none.

Examples:
  talea -s ./data --retain 10 put fruit/apple red
  talea -s ./data history fruit/apple
  talea -s ./data history fruit/apple --limit 1 -o json | jq .time_ms
)";

inline constexpr const char* kDeleteExamples =
    R"(That the key is absent is no error, unless --must-exist is given. A ledger removes nothing: there,
put null.

Examples:
  talea -s ./data delete fruit/apple
  talea -s ./data delete --must-exist fruit/apple
  talea -s ./data delete --if-revision 17 fruit/apple
)";

inline constexpr const char* kExpireExamples =
    R"(Changes when a key expires; its value stays, and it gets a new revision. DURATION is a whole number
and its unit, ms, s, m, h or d. TIME is in UTC, or in milliseconds since 1970; one that has passed
means that the key is gone at once. Exit code 1: there is no such key.

Examples:
  talea -s ./data expire session/7 --ttl 30m
  talea -s ./data expire offer --expires-at 2026-12-24T18:00:00Z
  talea -s ./data expire session/7 --never
  talea -s ./data get -o json session/7 | jq .expires_at_ms
)";

inline constexpr const char* kScanExamples =
    R"(Rows in the order of the bytes of their keys: key, tab, value. On a terminal, bytes that cannot be
shown are escaped (\n, \x1b); for programs, -o json gives one object for each row.

Examples:
  talea -s ./data scan --prefix fruit/
  talea -s ./data scan --start 2024-01 --end 2024-02 --limit 10
  talea -s ./data scan --reverse --limit 1 --keys-only
  talea -s ./data scan -o json | jq -r .key
  talea -s ./data scan --at 2026-12-24T18:00:00Z
)";

inline constexpr const char* kBatchExamples =
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

inline constexpr const char* kImportExamples =
    R"(Each line is {"key":...,"value":...}, or key_base64 and value_base64 for bytes that are not UTF-8;
"expires_at_ms", in milliseconds since 1970, says when the key expires. A key that comes twice gets
the last value. A bad line stops the import after the rows before it are committed. Ctrl-C stops
after the current batch; what is committed stays.

Examples:
  talea -s ./data import rows.ndjson
  talea -s ./data import --skip-bad < rows.ndjson
  talea -s ./old export | talea -s ./new import
)";

inline constexpr const char* kExportExamples =
    R"(Writes one line for each key, in order, as `talea import` reads them; one that expires has
"expires_at_ms", one that has expired is left out. A file appears under its name when it is complete.

Examples:
  talea -s ./data export rows.ndjson
  talea -s ./data export | gzip > rows.ndjson.gz
)";

inline constexpr const char* kStatsExamples = R"(What the store holds, measured now.

Examples:
  talea -s ./data stats
  talea -s ./data stats -o json | jq .keys
)";

inline constexpr const char* kSegmentsExamples =
    R"(The files of the store, or the data files of bucket files: what each holds, and how much of it is
current.

Examples:
  talea -s ./data segments
  talea -s ./data segments -o json | jq '.segments[].file'
)";

inline constexpr const char* kVerifyExamples =
    R"(Reads every byte and checks it. Prints a line `FILE OFFSET PROBLEM` for each thing that is wrong, and
ends with exit code 3 if there was one. Changes nothing. Of a ledger the lines are KEY SEQUENCE
PROBLEM, and all of its chain is checked; of bucket files KEY PROBLEM.

Examples:
  talea -s ./data verify
  talea -s ./data verify --quiet || echo damaged
  talea -s immukv+s3://records/app/ verify -o json | jq -r .head
)";

inline constexpr const char* kChangesExamples =
    R"(What was committed, in the order in which it was: sequence, tab, put or remove, tab, key, tab, value.
It reads the log. What compaction has taken away since is told on the standard error. A ledger has
all of it.

Examples:
  talea -s ./data changes
  talea -s ./data changes --after 17 --prefix fruit/
  talea -s ./data changes -o json | jq -r .key
)";

inline constexpr const char* kCopyExamples =
    R"(SRC and DST are stores of any kind: ./data, rocksdb:PATH, immukv+s3://BUCKET/PREFIX,
s4db+s3://BUCKET/PREFIX. SRC is not written. Where both keep the past of their keys, and DST for
good, all revisions go along; else what is there now. Then it is read back: count and SHA-256 of
both sides are printed, and have to be equal, else exit code 3 with the first key that differs.

A copy that was stopped goes on when the same command is given again: what DST has already is not
written twice. Options of all verbs, as --retain all, --key-file and --sync, are those of DST.

Examples:
  talea copy ./data rocksdb:./other
  talea copy immukv+s3://records/app/ ./app --retain all
  talea copy ./data immukv+s3://records/data/ --latest --values to-json
  talea copy ./data "s4db+s3://records/data/?endpoint=http://localhost:9000" --check
)";

inline constexpr const char* kBackupExamples =
    R"(Copies to TARGET what no earlier backup there has: run it again and again, and each is complete.
A target is for the backups of one store. On S3 it is s3://BUCKET/PREFIX, where PREFIX is taken as
a directory; endpoint, region and profile are parameters, credentials those of the environment.

Examples:
  talea -s ./data backup /mnt/backups/data
  talea -s ./data backup "s3://backups/data?region=eu-west-1"
  talea -s ./data backup /mnt/backups/data -o json | jq .bytes_copied
)";

inline constexpr const char* kBackupsExamples =
    R"(Lists the backups in TARGET; a store can be restored to any sequence from `restores from` to `to`.

Examples:
  talea backups /mnt/backups/data
  talea backups /mnt/backups/data --verify
  talea backups s3://backups/data --keep 7
)";

inline constexpr const char* kRestoreExamples =
    R"(Makes the store that -s names from a backup in TARGET: the newest, or that which has sequence N.
It never goes over a store: the directory of the store must be absent or empty.

Examples:
  talea -s ./data restore /mnt/backups/data
  talea -s ./yesterday restore s3://backups/data --at 123456
)";

inline constexpr const char* kRepairExamples =
    R"(Makes a new store in NEW_STORE of all that is intact in a damaged one, and prints what is lost. The
damaged store is not changed. Restore from a backup where there is one: a repair cannot bring back
what is gone.

On S3 the store itself is mended. Of a ledger objects of keys that lag behind the log are written.
Of bucket files an index that is missing or damaged is made anew from the data files; what was
removed stays so, and what was never committed may be there. Where entries are damaged, exit code 3
says that older values and removed keys may be there, too.

Examples:
  talea -s ./damaged repair ./repaired
  talea -s s4db+s3://records/fruit/ repair
  talea -s ./damaged repair ./repaired -o json | jq .keys_lost
)";

inline constexpr const char* kCompactExamples =
    R"(Overwritten and deleted values take disk space until their file is rewritten. That happens in the
background while a program has the store open; this does it at once, and says what came of it. It
needs room for a copy of what is current in the files that it rewrites.

Of bucket files, it copies what is current into new data files, and removes the old ones when
nothing has referred to them for --grace.

Examples:
  talea -s ./data compact
  talea -s ./data compact --live-ratio 0.95
  talea -s ./data compact -o json | jq .given_back_bytes
)";

inline constexpr const char* kGcExamples =
    R"(Removes data files of bucket files that nothing has referred to for DURATION, by the clock of the
store: so long readers that opened before go on. 0 removes them at once.

Examples:
  talea -s s4db+s3://records/fruit/ gc
  talea -s s4db+s3://records/fruit/ gc --grace 2h -o json | jq .files_collected
)";

inline constexpr const char* kCheckpointExamples =
    R"(Writes what changed of the index since the last checkpoint, so that the next open has nothing to
replay.

Examples:
  talea -s ./data checkpoint
  talea -s ./data checkpoint -o json | jq .run_bytes_written
)";

inline constexpr const char* kRotateKeyExamples =
    R"(The master key wraps the data keys, with which files are encrypted. Another master key takes a
moment: only KEYS is written anew. Keep the old one for as long as there are backups of its time. A
new data key takes as long as a compaction; files of values above 1 MiB keep theirs.

Examples:
  (umask 077; openssl rand -hex 32 > new.key)
  talea -s ./data --key-file old.key rotate-key --new-key-file new.key
  talea -s ./data --key-file new.key rotate-key --data
)";

inline constexpr const char* kUsersExamples =
    R"(Who may log in to what is built on the store: talea/auth.h keeps them in a space of their own, so no
key of yours is in their way. NAME may also be the id of a user.

A password is never an argument, which others on the machine could read: on a terminal it is asked
for, else it is the first line of the standard input, or of --password-file.

Examples:
  talea -s ./data users add alice
  talea -s ./data users passwd alice --password-file new-password.txt
  talea -s ./data users list
  talea -s ./data users unlock alice
  talea -s ./data users delete alice
)";

inline constexpr const char* kKeysExamples =
    R"(API keys for programs. The token is printed once and not kept: who loses it is issued a new one.

Examples:
  talea -s ./data keys issue --label backup --scope read --ttl 90d
  talea -s ./data keys issue --owner alice -o json | jq -r .token
  talea -s ./data keys list --owner alice
  talea -s ./data keys revoke key-0123456789abcdef0123456789abcdef
)";

inline constexpr const char* kDoctorExamples =
    R"(On S3: asks the store for all that ledgers and bucket files need of it, below the prefix, with two
objects that it removes; then a line for each kind of store that says whether it may be written, and
what operations cost there. Of a directory: its file system, and how long a sync takes.

Exit codes: 0 it may be written, by all kinds that the URL means (s3:// means both); 1 not, and the
line says why; 4 the store could not be asked: no credentials, no bucket, no permission.

Examples:
  talea doctor 's3://records/app/?region=eu-west-1'
  talea doctor 'immukv+s3://records/app/?endpoint=http://localhost:9000'
  talea doctor s4db+s3://records/app/ -o json | jq .homes
  talea doctor ./data
)";

inline constexpr const char* kCostExamples =
    R"(What operations ask of a store on S3, and what a million of each costs; with numbers, what those come
to. Nobody is asked: it is a table, and conflicts and repetitions come on top of it.

Examples:
  talea cost immukv+s3://records/app/
  talea cost immukv+s3://records/app/ --puts 1000000 --gets 5000000 --starts 20000
  talea cost s4db+s3://records/app/ --puts 1000000 --puts-per-upload 500 --price-put 5.40
)";

}  // namespace talea::cli
