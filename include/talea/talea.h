/* The C interface of Talea: the embedded store, for C and for bindings of other languages.
 *
 *     #include <talea/talea.h>
 *
 *     talea_engine* engine = NULL;
 *     talea_error* error = NULL;
 *     if (talea_open("./data", NULL, &engine, &error) != TALEA_OK) {
 *       fprintf(stderr, "%s\n", talea_error_message(error));
 *       talea_error_free(error);
 *       return 1;
 *     }
 *     talea_put(engine, "alpha", 5, "bravo", 5, NULL, NULL);   // durable when it returns TALEA_OK
 *     talea_close(engine, NULL);
 *     talea_engine_free(engine);
 *
 * It says what holds across this boundary; what the calls themselves promise, cost and refuse is
 * said in engine.h, batch.h, changes.h, backup.h and auth.h, under the names given here.
 *
 * Errors. What can fail returns a talea_code and takes `error` last. `error` may be NULL. Else
 * *error is set by every call: to NULL on success, and on failure to an object of the caller's,
 * with code and message, that ends with talea_error_free(). Programs act on the code; the message
 * is for people. A write has one of three outcomes: TALEA_OK, it happened; TALEA_TIMED_OUT, it may
 * or may not have happened; any other code, it did not and never will.
 *
 * Exceptions. None leaves a function of this header. Out of memory is TALEA_EXHAUSTED where nothing
 * was changed, and TALEA_TIMED_OUT where a write may have happened: close the store then, and open
 * it again. Where others would wait for ever it ends the process: in threads of the engine, and
 * in the one that commits for several. What a callback written in C++ throws is caught.
 *
 * NULL. A required argument that is NULL is TALEA_INVALID_ARGUMENT, from a function that returns no
 * code 0, "" or NULL. Every *_free(NULL) does nothing. Bytes may be NULL when their number is 0. Of
 * an out-parameter that is optional, NULL means: not wanted.
 *
 * Ownership. Arguments are copied, or not needed after the call. Objects and buffers that a call
 * makes belong to the caller, and end with the function named there. When a call fails, what it
 * would have made is NULL.
 *
 * Lifetime. Scans, snapshots, readers, writers, change readers and talea_auth keep the store open
 * until they are freed too, so the order of frees is free. After talea_close() they refuse to read
 * and write; they still say what they know of themselves: lengths, positions, sequences.
 *
 * Threads. A talea_engine, a talea_snapshot and a talea_auth are used by any number of threads at
 * once, but for *_free(), which needs the other calls on that object to have returned, and
 * talea_close(), which needs that of the calls on all that was made with the engine too. Other
 * objects are used by one thread at a time. Any call may block; none holds a lock of this layer.
 *
 * Processes. As for Engine: a child of fork() must not touch what its parent opened.
 *
 * Growth. Structures with a first member `size` take sizeof of what the caller was compiled with;
 * later versions append members. Functions, members and numbers here do not change within a major
 * version of the shared library.
 */
#ifndef TALEA_TALEA_H
#define TALEA_TALEA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TALEA_API __attribute__((visibility("default")))
#else
#define TALEA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(readability-identifier-naming): the names of C. */

/* ---- Version and errors ---- */

/* The version of the library that runs, for example "0.1.0". Static. */
TALEA_API const char* talea_version(void);

/* What a caller can do about a failure; status.h says it of each. The numbers are those of Code. */
enum talea_code {
  TALEA_OK = 0,
  TALEA_INVALID_ARGUMENT = 1,
  TALEA_UNAUTHENTICATED = 2,
  TALEA_DENIED = 3,
  TALEA_NOT_FOUND = 4,
  TALEA_CONFLICT = 5,
  TALEA_EXHAUSTED = 6,
  TALEA_UNAVAILABLE = 7,
  TALEA_TIMED_OUT = 8,
  TALEA_CANCELLED = 9,
  TALEA_CORRUPTION = 10,
  TALEA_IO_ERROR = 11,
  TALEA_UNSUPPORTED = 12
};

/* The name of a code, for example "not_found"; "unknown" for a number that is none. Static. */
TALEA_API const char* talea_code_name(int code);

typedef struct talea_error talea_error;
/* TALEA_OK for NULL. */
TALEA_API int talea_error_code(const talea_error* error);
/* The name of the code, a colon and the message; "" for NULL. Lives as long as `error`. */
TALEA_API const char* talea_error_message(const talea_error* error);
TALEA_API void talea_error_free(talea_error* error);

/* Ends a buffer that a get made. */
TALEA_API void talea_free(void* buffer);

/* Bytes of the caller's, or of the object that a function names. */
typedef struct talea_slice {
  const void* data;
  size_t bytes;
} talea_slice;

/* ---- Options of talea_open(): each as in Options of engine.h, whose defaults hold ----
 *
 * Ranges are checked by talea_open(); a setter refuses a number that is none of its enumeration. */

typedef struct talea_options talea_options;

/* NULL: out of memory. Ends with talea_options_free(). */
TALEA_API talea_options* talea_options_create(void);
TALEA_API void talea_options_free(talea_options* options);

enum talea_sync_mode { TALEA_SYNC_ALWAYS = 0, TALEA_SYNC_INTERVAL = 1, TALEA_SYNC_NEVER = 2 };
enum talea_verify_reads { TALEA_VERIFY_ONCE = 0, TALEA_VERIFY_ALWAYS = 1 };

TALEA_API int talea_options_set_create_if_missing(talea_options* options, int is_on,
                                                  talea_error** error);
TALEA_API int talea_options_set_read_only(talea_options* options, int is_on, talea_error** error);
/* `mode`: of talea_sync_mode. */
TALEA_API int talea_options_set_sync(talea_options* options, int mode, talea_error** error);
TALEA_API int talea_options_set_sync_interval_ms(talea_options* options, uint64_t ms,
                                                 talea_error** error);
TALEA_API int talea_options_set_segment_bytes(talea_options* options, uint64_t bytes,
                                              talea_error** error);
/* `mode`: of talea_verify_reads. */
TALEA_API int talea_options_set_verify_reads(talea_options* options, int mode, talea_error** error);
TALEA_API int talea_options_set_compaction_interval_ms(talea_options* options, uint64_t ms,
                                                       talea_error** error);
TALEA_API int talea_options_set_live_ratio(talea_options* options, double ratio,
                                           talea_error** error);
TALEA_API int talea_options_set_memory_budget(talea_options* options, uint64_t bytes,
                                              talea_error** error);
TALEA_API int talea_options_set_checkpoint_bytes(talea_options* options, uint64_t bytes,
                                                 talea_error** error);
TALEA_API int talea_options_set_checkpoint_after_compaction(talea_options* options, int is_on,
                                                            talea_error** error);
TALEA_API int talea_options_set_changes_bytes(talea_options* options, uint64_t bytes,
                                              talea_error** error);
TALEA_API int talea_options_set_reap_expired(talea_options* options, int is_on,
                                             talea_error** error);
TALEA_API int talea_options_set_worker_threads(talea_options* options, uint32_t threads,
                                               talea_error** error);
TALEA_API int talea_options_set_compress_from_bytes(talea_options* options, uint64_t bytes,
                                                    talea_error** error);
TALEA_API int talea_options_set_guard_maps(talea_options* options, int is_on, talea_error** error);

/* ---- Opening and closing ---- */

typedef struct talea_engine talea_engine;

/* Opens, and by default creates, the store in directory `path`; Engine::open.
 *
 * `options`: NULL means the defaults. *engine ends with talea_engine_free().
 * Errors: those of Engine::open: not_found, invalid_argument, unavailable, corruption, unsupported,
 *         exhausted, io_error, denied */
TALEA_API int talea_open(const char* path, const talea_options* options, talea_engine** engine,
                         talea_error** error);
/* Syncs and releases the directory; every later call is refused but talea_stats() and
 * talea_recovery(). Engine::close. The handle stays valid, and ends with talea_engine_free(). */
TALEA_API int talea_close(talea_engine* engine, talea_error** error);
/* Ends the handle. Without talea_close() it is as if the process had ended, once nothing that was
 * made with the engine is left: what was acknowledged is kept. */
TALEA_API void talea_engine_free(talea_engine* engine);

/* What opening found; RecoveryReport. */
typedef struct talea_recovery_report {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t batches_replayed;
  uint64_t bytes_dropped;
  uint64_t dropped_from_offset;
  uint64_t last_sequence;
  const char* dropped_from_file; /* "" if none; lives as long as the handle of the engine */
} talea_recovery_report;
TALEA_API int talea_recovery(const talea_engine* engine, talea_recovery_report* report,
                             talea_error** error);

/* ---- Writing one key ---- */

/* How long a key lives: a kind, and milliseconds for two of them; Expiry of batch.h. */
enum talea_expiry_kind {
  TALEA_EXPIRY_NEVER = 0, /* the milliseconds are not looked at */
  TALEA_EXPIRY_AFTER = 1, /* so long after the commit */
  TALEA_EXPIRY_AT = 2,    /* at this moment, counted from 1970 */
  TALEA_EXPIRY_KEEP = 3   /* as the key has it; the milliseconds are not looked at */
};

/* Sets `key` to `value`; it is durable, as the sync mode says, when this returns TALEA_OK.
 *
 * `sequence`: optional; that of the commit.
 * Errors, of all writes: invalid_argument, conflict, exhausted, denied, io_error, timed_out; see
 *   Engine::put for what each means */
TALEA_API int talea_put(talea_engine* engine, const void* key, size_t key_bytes, const void* value,
                        size_t value_bytes, uint64_t* sequence, talea_error** error);
/* As talea_put(), and the key expires: `expiry_kind` is of talea_expiry_kind. */
TALEA_API int talea_put_expiring(talea_engine* engine, const void* key, size_t key_bytes,
                                 const void* value, size_t value_bytes, int expiry_kind,
                                 uint64_t expiry_ms, uint64_t* sequence, talea_error** error);
/* Removes `key`; that it was absent is no error. `sequence`: optional. */
TALEA_API int talea_remove(talea_engine* engine, const void* key, size_t key_bytes,
                           uint64_t* sequence, talea_error** error);
/* Changes when `key` expires and leaves its value. `found`: optional; 0 when it is absent. */
TALEA_API int talea_set_expiry(talea_engine* engine, const void* key, size_t key_bytes,
                               int expiry_kind, uint64_t expiry_ms, int* found,
                               talea_error** error);

/* ---- Reading one key ---- */

/* The newest committed value. *found is 1, and *value a buffer that ends with talea_free(), never
 * NULL, also for a value of 0 bytes; or *found is 0 and *value NULL, when there is no such key.
 *
 * Cost: as Engine::get, and a copy.
 * Errors: corruption   the bytes on disk are damaged; never a wrong value
 *         exhausted    the value is larger than 1 GiB, use talea_reader_open(); or no memory */
TALEA_API int talea_get(talea_engine* engine, const void* key, size_t key_bytes, int* found,
                        void** value, size_t* value_bytes, talea_error** error);
/* As talea_get(), with the revision that talea_batch_require_revision() takes, and when the key
 * expires, in milliseconds since 1970, 0: never. Both optional. */
TALEA_API int talea_get_versioned(talea_engine* engine, const void* key, size_t key_bytes,
                                  int* found, void** value, size_t* value_bytes, uint64_t* revision,
                                  uint64_t* expiry_ms, talea_error** error);
/* The newest committed value into a buffer of the caller's. *value_bytes is the length of the
 * value. When that is more than `buffer_bytes`, the call is TALEA_OK, and nothing was copied: come
 * again with a buffer that is long enough (the value may have changed by then). */
TALEA_API int talea_get_into(talea_engine* engine, const void* key, size_t key_bytes, void* buffer,
                             size_t buffer_bytes, int* found, size_t* value_bytes,
                             talea_error** error);

/* What a get made; `data` is NULL when the key is absent, and else ends with talea_free(). */
typedef struct talea_buffer {
  void* data;
  size_t bytes;
} talea_buffer;
/* Reads `count` keys, each as talea_get() does; not a snapshot of them. `values` has room for
 * `count`, and each that has data is to be freed. On failure none has. */
TALEA_API int talea_multi_get(talea_engine* engine, const talea_slice* keys, size_t count,
                              talea_buffer* values, talea_error** error);

/* ---- Batches: as a whole or not at all ---- */

typedef struct talea_batch talea_batch;
typedef struct talea_stored talea_stored; /* of talea_writer_finish() */

/* An empty batch; NULL: out of memory. Ends with talea_batch_free(). It is of no engine until it is
 * committed, and may be committed several times. Limits are checked then. */
TALEA_API talea_batch* talea_batch_create(void);
TALEA_API void talea_batch_free(talea_batch* batch);

/* Operations, in order; the last one on a key wins. */
TALEA_API int talea_batch_put(talea_batch* batch, const void* key, size_t key_bytes,
                              const void* value, size_t value_bytes, talea_error** error);
TALEA_API int talea_batch_put_expiring(talea_batch* batch, const void* key, size_t key_bytes,
                                       const void* value, size_t value_bytes, int expiry_kind,
                                       uint64_t expiry_ms, talea_error** error);
/* Puts a value that a talea_writer wrote. `stored` may be put again. */
TALEA_API int talea_batch_put_stored(talea_batch* batch, const void* key, size_t key_bytes,
                                     const talea_stored* stored, int expiry_kind,
                                     uint64_t expiry_ms, talea_error** error);
TALEA_API int talea_batch_remove(talea_batch* batch, const void* key, size_t key_bytes,
                                 talea_error** error);
/* Not after another operation on the same key. */
TALEA_API int talea_batch_set_expiry(talea_batch* batch, const void* key, size_t key_bytes,
                                     int expiry_kind, uint64_t expiry_ms, talea_error** error);
/* Preconditions: the commit is a conflict unless the key is absent; has a value; has a value, and
 * got it at `revision`. */
TALEA_API int talea_batch_require_absent(talea_batch* batch, const void* key, size_t key_bytes,
                                         talea_error** error);
TALEA_API int talea_batch_require_present(talea_batch* batch, const void* key, size_t key_bytes,
                                          talea_error** error);
TALEA_API int talea_batch_require_revision(talea_batch* batch, const void* key, size_t key_bytes,
                                           uint64_t revision, talea_error** error);
/* Number of operations; preconditions do not count. */
TALEA_API size_t talea_batch_size(const talea_batch* batch);
TALEA_API int talea_batch_clear(talea_batch* batch, talea_error** error);

/* Commits `batch`, and leaves it as it is; Engine::commit.
 *
 * `sequence`: optional. `failed_position`, `found_revision`: optional; set when the call is a
 *   conflict: which precondition failed, in the order in which they were added, from 0 on, and the
 *   revision that its key was found at, 0 when it is absent. */
TALEA_API int talea_commit(talea_engine* engine, const talea_batch* batch, uint64_t* sequence,
                           size_t* failed_position, uint64_t* found_revision, talea_error** error);

/* What became of a batch: a talea_code, the sequence when it is TALEA_OK, else a message that lives
 * as long as the call. */
typedef void (*talea_completion)(void* user, int code, uint64_t sequence, const char* message);
/* Commits what `batch` has, and does not wait; Engine::commit_async. The call empties `batch`, also
 * when it fails, but for a NULL argument.
 *
 * When it returns TALEA_OK, `done` is called once, by a thread of the engine's, possibly before
 * this returns; talea_close() returns after all were called. When it fails, `done` is not called.
 * `done` may read, and call talea_commit_async(). It must not wait for other commits, nor close or
 * free the engine or what was made with it. An exception that leaves it is dropped. */
TALEA_API int talea_commit_async(talea_engine* engine, talea_batch* batch, talea_completion done,
                                 void* user, talea_error** error);

/* Commits `batch` under a sequence that somebody else assigned: the door for replication.
 * *applied (optional) is 0 when the sequence is not above the last one, so that it was applied
 * before. Neither preconditions nor expiries that depend on the time or the key are allowed.
 * Engine::apply. */
TALEA_API int talea_apply(talea_engine* engine, uint64_t sequence, const talea_batch* batch,
                          int* applied, talea_error** error);

/* ---- Scans and snapshots ---- */

/* What to scan: all keys k with start <= k < end that begin with prefix; empty means no bound.
 * Set all to 0, then `size`, then what is wanted. */
typedef struct talea_scan_range {
  size_t size; /* sizeof */
  talea_slice prefix;
  talea_slice start;
  talea_slice end;
  uint64_t limit; /* at most so many rows; 0 means all */
  int reverse;    /* not 0: from the last key to the first */
  int reserved;   /* 0: so that no later member lies where nothing was set */
} talea_scan_range;

typedef struct talea_scan talea_scan;
/* Walks keys in byte order, over the store as it is now; Engine::scan. `range`: NULL means all.
 * *scan ends with talea_scan_free(); do not keep one for hours. */
TALEA_API int talea_scan_open(talea_engine* engine, const talea_scan_range* range,
                              talea_scan** scan, talea_error** error);
TALEA_API void talea_scan_free(talea_scan* scan);
/* Moves to the next row, and before the first call there is none; *has_row is 0 at the end. */
TALEA_API int talea_scan_next(talea_scan* scan, int* has_row, talea_error** error);
/* The key and the value of the row; valid until talea_scan_next(), talea_close() or
 * talea_scan_free(). Where there is no row, invalid_argument. Cost: no copy, but for large values.
 * Errors of the value: exhausted   larger than 1 GiB; use talea_reader_open() */
TALEA_API int talea_scan_key(talea_scan* scan, talea_slice* key, talea_error** error);
TALEA_API int talea_scan_value(talea_scan* scan, talea_slice* value, talea_error** error);
TALEA_API int talea_scan_revision(talea_scan* scan, uint64_t* revision, talea_error** error);
/* In milliseconds since 1970; 0: never. */
TALEA_API int talea_scan_expiry_ms(talea_scan* scan, uint64_t* expiry_ms, talea_error** error);

typedef struct talea_snapshot talea_snapshot;
/* The store as it is now, to read several things that belong together; Engine::snapshot. *snapshot
 * ends with talea_snapshot_free(); do not keep one for hours. */
TALEA_API int talea_snapshot_open(talea_engine* engine, talea_snapshot** snapshot,
                                  talea_error** error);
TALEA_API void talea_snapshot_free(talea_snapshot* snapshot);
/* The last commit that it sees. */
TALEA_API int talea_snapshot_sequence(const talea_snapshot* snapshot, uint64_t* sequence,
                                      talea_error** error);
/* As those without `snapshot` in their names. */
TALEA_API int talea_snapshot_get(const talea_snapshot* snapshot, const void* key, size_t key_bytes,
                                 int* found, void** value, size_t* value_bytes,
                                 talea_error** error);
TALEA_API int talea_snapshot_get_versioned(const talea_snapshot* snapshot, const void* key,
                                           size_t key_bytes, int* found, void** value,
                                           size_t* value_bytes, uint64_t* revision,
                                           uint64_t* expiry_ms, talea_error** error);
TALEA_API int talea_snapshot_scan(const talea_snapshot* snapshot, const talea_scan_range* range,
                                  talea_scan** scan, talea_error** error);

/* ---- The past: history.h ---- */

/* Of Retention. */
enum talea_retention {
  TALEA_RETAIN_LATEST = 1,
  TALEA_RETAIN_REVISIONS = 2, /* the newest `amount` of each key */
  TALEA_RETAIN_DURATION = 3,  /* those of the last `amount` milliseconds */
  TALEA_RETAIN_ALL = 4
};
/* Which past revisions the store keeps from the open on. Without it: what it kept before. */
TALEA_API int talea_options_set_retention(talea_options* options, int kind, uint64_t amount,
                                          talea_error** error);

enum talea_at_kind {
  TALEA_AT_SEQUENCE = 0, /* after that batch */
  TALEA_AT_TIME_MS = 1   /* after all batches up to that time, in milliseconds since 1970 */
};
/* As talea_get_versioned(), of a moment of the past.
 * Errors: not_found   that is not kept; the message says from which sequence on all is */
TALEA_API int talea_get_at(talea_engine* engine, const void* key, size_t key_bytes, int at_kind,
                           uint64_t at, int* found, void** value, size_t* value_bytes,
                           uint64_t* revision, uint64_t* expiry_ms, talea_error** error);
/* As talea_scan_open(). Errors: as talea_get_at() */
TALEA_API int talea_scan_open_at(talea_engine* engine, const talea_scan_range* range, int at_kind,
                                 uint64_t at, talea_scan** scan, talea_error** error);

typedef struct talea_revision {
  uint64_t sequence; /* of the batch; TALEA_AT_SEQUENCE of it gives the value */
  uint64_t time_ms;
  uint64_t expiry_ms; /* 0: never */
  uint64_t value_bytes;
  uint64_t is_remove; /* 1: the key was removed here */
} talea_revision;
/* The revisions of `key` that are kept, newest first: those below sequence `before` (0: all), at
 * most `limit` (0: all). *revisions is an array of *count, which ends with talea_free(); NULL when
 * there are none. Engine::history. */
TALEA_API int talea_history(talea_engine* engine, const void* key, size_t key_bytes,
                            uint64_t before, uint64_t limit, talea_revision** revisions,
                            size_t* count, talea_error** error);
/* The lowest sequence as of which every question can be answered. */
TALEA_API int talea_history_from(talea_engine* engine, uint64_t* sequence, talea_error** error);

/* ---- Changes: what was committed, in the order in which it was ---- */

typedef struct talea_reader talea_reader; /* of values in pieces, below */

/* One key of a batch; Change. */
typedef struct talea_change {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t sequence;
  uint64_t time_ms;
  talea_slice key; /* this and value: valid until talea_changes_next(), talea_close() */
  talea_slice value;
  uint64_t value_bytes; /* more than value.bytes: use talea_changes_read_value() */
  uint64_t expiry_ms;   /* 0: never */
  int is_remove;
  int is_last_of_batch;
} talea_change;

typedef struct talea_changes talea_changes;
/* What was committed behind batch `after` of keys that begin with `prefix`; Engine::changes.
 * *changes ends with talea_changes_free(). */
TALEA_API int talea_changes_open(talea_engine* engine, uint64_t after, const void* prefix,
                                 size_t prefix_bytes, talea_changes** changes, talea_error** error);
TALEA_API void talea_changes_free(talea_changes* changes);
/* Moves to the next change; *has_change is 0 when there is none yet.
 * Errors: not_found   batches are not in the log any more: talea_changes_lost() says which. The
 * next call goes on behind them; what they changed is seen by reading the store corruption,
 * io_error; invalid_argument when the engine was closed */
TALEA_API int talea_changes_next(talea_changes* changes, int* has_change, talea_error** error);
/* The change. Where talea_changes_next() found none, invalid_argument. */
TALEA_API int talea_changes_change(const talea_changes* changes, talea_change* change,
                                   talea_error** error);
/* The value of the change, in pieces, however long. *reader ends with talea_reader_free().
 * Errors: not_found   it is a large one that was replaced since, and its file is gone
 *         invalid_argument   there is no change, or it removed the key */
TALEA_API int talea_changes_read_value(const talea_changes* changes, talea_reader** reader,
                                       talea_error** error);
/* What the key of the change had before its batch, as talea_get_versioned() gives it.
 * Errors: not_found   the store does not keep that: talea_options_set_retention() */
TALEA_API int talea_changes_old_value(const talea_changes* changes, int* found, void** value,
                                      size_t* value_bytes, uint64_t* revision, uint64_t* expiry_ms,
                                      talea_error** error);
/* Sleeps until there may be another change, at most for `timeout_ms`. `may_have_more`: optional. */
TALEA_API int talea_changes_wait(const talea_changes* changes, uint64_t timeout_ms,
                                 int* may_have_more, talea_error** error);
/* The last batch that was seen to its end; talea_changes_open() goes on behind it. */
TALEA_API int talea_changes_position(const talea_changes* changes, uint64_t* sequence,
                                     talea_error** error);
/* After talea_changes_next() was not_found: *is_lost is 1, and the batches from *first to *last are
 * lost, both included. */
TALEA_API int talea_changes_lost(const talea_changes* changes, int* is_lost, uint64_t* first,
                                 uint64_t* last, talea_error** error);

/* ---- Values of any length, piece by piece ---- */

typedef struct talea_writer talea_writer;
/* Begins a value; Engine::write_value. A writer that is freed before its end leaves no half value.
 * *writer ends with talea_writer_free(). */
TALEA_API int talea_writer_open(talea_engine* engine, talea_writer** writer, talea_error** error);
TALEA_API void talea_writer_free(talea_writer* writer);
/* Errors: exhausted, io_error   the writer is of no more use */
TALEA_API int talea_writer_append(talea_writer* writer, const void* piece, size_t piece_bytes,
                                  talea_error** error);
/* Bytes appended so far; 0 for NULL. */
TALEA_API uint64_t talea_writer_bytes(const talea_writer* writer);
/* Makes the value durable; once. *stored is what the puts take, and ends with talea_stored_free().
 */
TALEA_API int talea_writer_finish(talea_writer* writer, talea_stored** stored, talea_error** error);
/* Its length; 0 for NULL. */
TALEA_API uint64_t talea_stored_bytes(const talea_stored* stored);
TALEA_API void talea_stored_free(talea_stored* stored);
/* Sets `key` to a value that was written before, in the same opening of the store. `stored` may be
 * put again. `sequence`: optional. Errors: those of talea_put() */
TALEA_API int talea_put_stored(talea_engine* engine, const void* key, size_t key_bytes,
                               const talea_stored* stored, int expiry_kind, uint64_t expiry_ms,
                               uint64_t* sequence, talea_error** error);

/* Opens the newest committed value, as it is now, for reading in pieces; Engine::read_value.
 * *reader is NULL when *found is 0, and else ends with talea_reader_free(). */
TALEA_API int talea_reader_open(talea_engine* engine, const void* key, size_t key_bytes, int* found,
                                talea_reader** reader, talea_error** error);
TALEA_API void talea_reader_free(talea_reader* reader);
/* Length of the whole value, and its revision; 0 for NULL. */
TALEA_API uint64_t talea_reader_bytes(const talea_reader* reader);
TALEA_API uint64_t talea_reader_revision(const talea_reader* reader);
/* The next piece, empty at the end; at most 1 MiB, valid until the next call with this reader,
 * or talea_close(). */
TALEA_API int talea_reader_read(talea_reader* reader, talea_slice* piece, talea_error** error);
/* Continues at `offset`, at most talea_reader_bytes(). */
TALEA_API int talea_reader_seek(talea_reader* reader, uint64_t offset, talea_error** error);

/* ---- Upkeep ---- */

/* Makes durable all that was acknowledged before the call. */
TALEA_API int talea_sync(talea_engine* engine, talea_error** error);
/* Gives the space of what is garbage back; Engine::compact. */
TALEA_API int talea_compact(talea_engine* engine, talea_error** error);
/* Writes what changed of the index, so that the next open replays little; Engine::checkpoint. */
TALEA_API int talea_checkpoint(talea_engine* engine, talea_error** error);

/* Counters since open, and sizes now; Stats of engine.h says what each is. */
typedef struct talea_stats_report {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t puts;
  uint64_t removes;
  uint64_t gets;
  uint64_t gets_found;
  uint64_t scans;
  uint64_t rows_scanned;
  uint64_t batches_committed;
  uint64_t batches_rejected;
  uint64_t batches_unknown;
  uint64_t conflicts;
  uint64_t log_bytes_written;
  uint64_t extent_bytes_written;
  uint64_t groups_written;
  uint64_t syncs;
  uint64_t segments_created;
  uint64_t segments_abandoned;
  uint64_t checkpoints;
  uint64_t compacted_bytes_written;
  uint64_t run_bytes_written;
  uint64_t commits_timed; /* those that the next three are of */
  uint64_t commit_median_ns;
  uint64_t commit_p99_ns;
  uint64_t commit_max_ns;
  uint64_t gets_timed; /* those that the next three are of */
  uint64_t get_median_ns;
  uint64_t get_p99_ns;
  uint64_t get_max_ns;
  uint64_t keys_expired;
  uint64_t values_compressed;
  uint64_t bytes_before_compression;
  uint64_t bytes_after_compression;
  uint64_t keys;
  uint64_t live_bytes;
  uint64_t disk_bytes;
  uint64_t segments;
  uint64_t index_bytes;
  uint64_t last_sequence;
  uint64_t durable_sequence;
  uint64_t revisions;
  uint64_t history_bytes;
  uint64_t data_key; /* of an encrypted store; else 0, as the next two */
  uint64_t data_keys;
  uint64_t old_key_bytes;
} talea_stats_report;
TALEA_API int talea_stats(const talea_engine* engine, talea_stats_report* report,
                          talea_error** error);

/* ---- State: all that the store holds, as a hash or a stream ---- */

#define TALEA_STATE_HASH_BYTES 32

/* `hash`: room for TALEA_STATE_HASH_BYTES. Cost: reads every value. Engine::state_hash. */
TALEA_API int talea_state_hash(talea_engine* engine, unsigned char* hash, talea_error** error);

/* Takes the next bytes of a stream; anything but 0 ends the writing, which is then cancelled. An
 * exception that leaves it counts as that. Called by the thread that made the call. */
typedef int (*talea_sink)(void* user, const void* bytes, size_t count);
/* Puts up to `room` bytes of a stream into `out`, and how many into *count, 0 at the end; anything
 * but 0 ends the reading, as above. */
typedef int (*talea_source)(void* user, void* out, size_t room, size_t* count);

/* Writes all that the store holds now to `sink`; Engine::write_snapshot. `hash`: optional.
 * Errors: cancelled   `sink` said so; what it got is not taken for a whole stream */
TALEA_API int talea_write_state(talea_engine* engine, talea_sink sink, void* user,
                                unsigned char* hash, talea_error** error);
/* Makes a store in directory `path`, absent or empty, of such a stream; Engine::restore. `options`:
 * NULL means the defaults; how large segments are is all that counts. `hash`: optional.
 * Errors: cancelled   `source` said so
 *         corruption, unsupported, invalid_argument, unavailable, exhausted, denied, io_error. No
 *         store was made */
TALEA_API int talea_restore_state(const char* path, talea_source source, void* user,
                                  const talea_options* options, unsigned char* hash,
                                  talea_error** error);

/* ---- Backups and verification ---- */

/* BackupInfo of backup.h. */
typedef struct talea_backup_info {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t last_sequence;
  uint64_t first_sequence;
  uint64_t time_ms;
  uint64_t files;
  uint64_t bytes;
  uint64_t files_copied;
  uint64_t bytes_copied;
} talea_backup_info;

/* Makes a backup in `directory`, which is made when it is absent, and may have earlier ones of the
 * same store; writers and readers go on. Engine::backup. `info`: optional. */
TALEA_API int talea_backup(talea_engine* engine, const char* directory, talea_backup_info* info,
                           talea_error** error);
/* Makes a store in directory `path`, absent or empty, of the backups in `directory`, as it was
 * after batch `at_sequence`, 0: the newest; restore_backup. `info`: optional. There is no store
 * before all of it was verified. */
TALEA_API int talea_restore_backup(const char* directory, const char* path, uint64_t at_sequence,
                                   talea_backup_info* info, talea_error** error);
/* Reads all that the backups in `directory` refer to. Errors: corruption, with the first file that
 * is not what it was; not_found, when there is no such directory, also of the other two */
TALEA_API int talea_verify_backups(const char* directory, talea_error** error);
/* Removes all backups but the newest `kept`, 1 or more. `removed`: optional; how many objects. */
TALEA_API int talea_prune_backups(const char* directory, uint64_t kept, uint64_t* removed,
                                  talea_error** error);

/* VerifyReport of engine.h. */
typedef struct talea_verify_report {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t files;
  uint64_t bytes;
  uint64_t batches;
  uint64_t entries;
  uint64_t chunks;
  uint64_t keys;
  uint64_t torn_tail_bytes;
  uint64_t findings; /* 0: the store is as it should be */
  uint64_t revisions;
} talea_verify_report;
/* One thing that is wrong; the texts live as long as the call. An exception that leaves it is
 * dropped. */
typedef void (*talea_finding)(void* user, const char* file, uint64_t offset, const char* problem);
/* Reads every byte of the store in `path` and changes nothing. Damage is TALEA_OK and is told in
 * `report` and, one by one, to `finding`, which is optional. `options`: NULL, or where the key of
 * an encrypted store comes from. verify_store. */
TALEA_API int talea_verify(const char* path, const talea_options* options,
                           talea_verify_report* report, talea_finding finding, void* user,
                           talea_error** error);

/* RepairReport of engine.h. */
typedef struct talea_repair_report {
  size_t size; /* sizeof, set by the caller; then how much of it was filled in */
  uint64_t keys_kept;
  uint64_t keys_lost;
  uint64_t batches_lost; /* ranges of batches that may be lost */
  uint64_t findings;     /* what is wrong with the damaged store, as talea_verify() counts it */
  uint64_t is_by_search; /* 1: values may be older ones, and removed keys may be there again */
  unsigned char state_hash[TALEA_STATE_HASH_BYTES]; /* of the new store */
  uint64_t is_history_lost; /* 1: past revisions were kept, and the new store has none of them */
} talea_repair_report;
/* A key that is lost; it lives as long as the call. An exception that leaves it is dropped. */
typedef void (*talea_lost_key)(void* user, const void* key, size_t key_bytes);
/* Makes a store in directory `new_path`, absent or empty, of all that is intact in the store in
 * `path`, which is not changed. `report` and `lost_key` are optional. `options`: NULL, or where the
 * key of an encrypted store comes from, of both. repair_store. */
TALEA_API int talea_repair(const char* path, const char* new_path, const talea_options* options,
                           talea_repair_report* report, talea_lost_key lost_key, void* user,
                           talea_error** error);

/* ---- Encryption at rest: a store is encrypted from the start, or never; encryption.h ----
 *
 * One source of the master key, the last that was named, is in the options of every call that opens
 * the store.
 * Errors of such a call: unauthenticated   the store is encrypted and no key was given
 *                        denied            the key is another, or others may read its file
 *                        invalid_argument  it is no key, or the store is not encrypted */

#define TALEA_MASTER_KEY_BYTES 32

/* A file of TALEA_MASTER_KEY_BYTES, or of twice as many hexadecimal digits. */
TALEA_API int talea_options_set_key_file(talea_options* options, const char* path,
                                         talea_error** error);
/* The name of an environment variable with hexadecimal digits. */
TALEA_API int talea_options_set_key_variable(talea_options* options, const char* name,
                                             talea_error** error);
/* Puts the key into `key`; anything but 0 fails the call that needs it, with unavailable. An
 * exception that leaves it counts as that, with cancelled. Called by the thread that made that
 * call. */
typedef int (*talea_key_source)(void* user, unsigned char* key);
/* `user` is to live as long as the options and what was opened with them. */
TALEA_API int talea_options_set_key_source(talea_options* options, talea_key_source source,
                                           void* user, talea_error** error);

/* Wraps the data keys with another master key, which `master` names; Engine::rotate_master_key. */
TALEA_API int talea_rotate_master_key(talea_engine* engine, const talea_options* master,
                                      talea_error** error);
/* Makes a new data key; Engine::rotate_data_key. `id`: optional. */
TALEA_API int talea_rotate_data_key(talea_engine* engine, uint32_t* id, talea_error** error);

/* ---- Users and API keys, kept in the store in a space of their own; Auth of auth.h ----
 *
 * Ids go in and come out as C strings. Names, labels, scopes, passwords and tokens have lengths: a
 * NUL in one that came from outside is refused, or part of the password, and does not end it. */

typedef struct talea_auth_options talea_auth_options;

/* NULL: out of memory. Ends with talea_auth_options_free(), which wipes the keys in it. */
TALEA_API talea_auth_options* talea_auth_options_create(void);
TALEA_API void talea_auth_options_free(talea_auth_options* options);

/* As in AuthOptions, whose defaults hold. talea_auth_open() checks the ranges. */
TALEA_API int talea_auth_options_set_failures_max(talea_auth_options* options, uint32_t failures,
                                                  talea_error** error);
TALEA_API int talea_auth_options_set_lockout_ms(talea_auth_options* options, uint64_t ms,
                                                talea_error** error);
TALEA_API int talea_auth_options_set_hashes_max(talea_auth_options* options, uint32_t hashes,
                                                talea_error** error);
TALEA_API int talea_auth_options_set_hashes_waiting_max(talea_auth_options* options,
                                                        uint32_t hashes, talea_error** error);
/* What a hash of a password costs; PasswordCost. */
TALEA_API int talea_auth_options_set_password_cost(talea_auth_options* options, uint32_t memory_kib,
                                                   uint32_t passes, uint32_t lanes,
                                                   talea_error** error);
/* The keys of metadata: `count` times TALEA_MASTER_KEY_BYTES, one behind the other. The first one
 * seals, each opens what it sealed; make_sealer(). They take the place of those that were set
 * before. `count` 0, as without the call: there is no metadata. */
TALEA_API int talea_auth_options_set_master_keys(talea_auth_options* options,
                                                 const unsigned char* keys, size_t count,
                                                 talea_error** error);

typedef struct talea_auth talea_auth;
/* Users and API keys of the store; Auth::open. One for each store. It is used by any number of
 * threads at once, and keeps the store open. `options`: NULL means the defaults. *auth ends with
 * talea_auth_free(). Cost: one hash. */
TALEA_API int talea_auth_open(talea_engine* engine, const talea_auth_options* options,
                              talea_auth** auth, talea_error** error);
/* What talea_auth_flush() would have written is lost. */
TALEA_API void talea_auth_free(talea_auth* auth);
/* Writes the times of logins and uses that only memory has; before talea_close(). Auth::flush. */
TALEA_API int talea_auth_flush(talea_auth* auth, talea_error** error);

/* A token or metadata: bytes that are wiped when they end, with talea_secret_free(). */
typedef struct talea_secret talea_secret;
/* The bytes, and a NUL behind them, so that a token is a C string; live as long as `secret`. */
TALEA_API const char* talea_secret_data(const talea_secret* secret);
/* How many, without that NUL; 0 for NULL. */
TALEA_API size_t talea_secret_bytes(const talea_secret* secret);
TALEA_API void talea_secret_free(talea_secret* secret);

/* User of auth.h. Times are milliseconds since 1970; 0: never, or not. */
typedef struct talea_user {
  size_t size;    /* sizeof, set by the caller; then how much of it was filled in */
  const char* id; /* this and name live as long as the talea_users */
  talea_slice name;
  uint64_t created_ms;
  uint64_t password_changed_ms;
  uint64_t last_login_ms;
  uint64_t locked_until_ms;
  uint64_t failed_attempts;
  uint64_t has_metadata; /* 1: it has */
} talea_user;

/* Users, as a call found them: one, or several, or none. It ends with talea_users_free(), and may
 * outlive the talea_auth. */
typedef struct talea_users talea_users;
TALEA_API void talea_users_free(talea_users* users);
/* 0 for NULL. */
TALEA_API size_t talea_users_count(const talea_users* users);
/* The user at `position`, from 0 to below the count. */
TALEA_API int talea_users_at(const talea_users* users, size_t position, talea_user* user,
                             talea_error** error);

/* NewUser. Set all to 0, then `size`, then what is wanted: a name, and a password or its hash. */
typedef struct talea_new_user {
  size_t size; /* sizeof */
  talea_slice name;
  talea_slice password;
  talea_slice password_hash; /* of another system */
  talea_slice metadata;      /* needs master keys */
} talea_new_user;

/* Auth::create_user. *user has the one. Errors: conflict, invalid_argument, exhausted */
TALEA_API int talea_auth_create_user(talea_auth* auth, const talea_new_user* new_user,
                                     talea_users** user, talea_error** error);
/* *user has the one, or none. */
TALEA_API int talea_auth_user(talea_auth* auth, const char* user_id, talea_users** user,
                              talea_error** error);
TALEA_API int talea_auth_find_user(talea_auth* auth, const void* name, size_t name_bytes,
                                   talea_users** user, talea_error** error);
/* At most `limit` users (0: TALEA_AUTH_PAGE_MAX, which is the most there can be) that come after
 * the name `after`, of 0 bytes: from the first on. None is the end, fewer is not; AuthPage. */
#define TALEA_AUTH_PAGE_MAX 1000
TALEA_API int talea_auth_list_users(talea_auth* auth, const void* after, size_t after_bytes,
                                    uint64_t limit, talea_users** users, talea_error** error);
/* The user of this name, if that is its password; Auth::log_in says what an answer tells.
 * Errors: unauthenticated   no such user, or a wrong password
 *         denied            locked
 *         invalid_argument, exhausted */
TALEA_API int talea_auth_log_in(talea_auth* auth, const void* name, size_t name_bytes,
                                const void* password, size_t password_bytes, talea_users** user,
                                talea_error** error);
/* Errors: as Auth::change_password: unauthenticated, denied, conflict, not_found,
 *         invalid_argument, exhausted */
TALEA_API int talea_auth_change_password(talea_auth* auth, const char* user_id,
                                         const void* old_password, size_t old_password_bytes,
                                         const void* new_password, size_t new_password_bytes,
                                         talea_error** error);
/* Without the old one, and ends a lock. Errors: not_found, invalid_argument, exhausted */
TALEA_API int talea_auth_set_password(talea_auth* auth, const char* user_id,
                                      const void* new_password, size_t new_password_bytes,
                                      talea_error** error);
/* Forgets failures and ends a lock. Errors: not_found */
TALEA_API int talea_auth_reset_failures(talea_auth* auth, const char* user_id, talea_error** error);
/* With all its API keys. Errors: not_found */
TALEA_API int talea_auth_delete_user(talea_auth* auth, const char* user_id, talea_error** error);
/* *metadata is of 0 bytes when there is none. Errors: not_found, corruption, invalid_argument */
TALEA_API int talea_auth_user_metadata(talea_auth* auth, const char* user_id,
                                       talea_secret** metadata, talea_error** error);
/* 0 bytes: removes it. Errors: not_found, invalid_argument */
TALEA_API int talea_auth_set_user_metadata(talea_auth* auth, const char* user_id,
                                           const void* metadata, size_t metadata_bytes,
                                           talea_error** error);

/* ApiKey of auth.h. Times are milliseconds since 1970; 0: never. */
typedef struct talea_api_key {
  size_t size;       /* sizeof, set by the caller; then how much of it was filled in */
  const char* id;    /* this and all texts live as long as the talea_api_keys; no secret */
  const char* owner; /* the id of a user; "": nobody */
  talea_slice label;
  const talea_slice* scopes; /* `scopes_count` of them; NULL when there are none */
  size_t scopes_count;
  uint64_t created_ms;
  uint64_t expires_ms;
  uint64_t last_used_ms;
  uint64_t has_metadata; /* 1: it has */
} talea_api_key;

/* API keys, as a call found them: one, or several, or none. It ends with talea_api_keys_free(), and
 * may outlive the talea_auth. */
typedef struct talea_api_keys talea_api_keys;
TALEA_API void talea_api_keys_free(talea_api_keys* keys);
/* 0 for NULL. */
TALEA_API size_t talea_api_keys_count(const talea_api_keys* keys);
/* The key at `position`, from 0 to below the count. */
TALEA_API int talea_api_keys_at(const talea_api_keys* keys, size_t position, talea_api_key* key,
                                talea_error** error);
/* *has_scope is 1 when the key at `position` may be used for `scope`. */
TALEA_API int talea_api_keys_has_scope(const talea_api_keys* keys, size_t position,
                                       const void* scope, size_t scope_bytes, int* has_scope,
                                       talea_error** error);

/* NewApiKey. Set all to 0, then `size`, then what is wanted. */
typedef struct talea_new_api_key {
  size_t size;       /* sizeof */
  const char* owner; /* the id of a user, with whom the key goes; NULL or "": nobody */
  talea_slice label;
  const talea_slice* scopes; /* `scopes_count` of them */
  size_t scopes_count;
  uint64_t expires_ms;  /* in milliseconds since 1970; 0: never */
  talea_slice metadata; /* needs master keys */
} talea_new_api_key;

/* Auth::issue_api_key. *key has the one. *token is the key itself, which is not kept and cannot be
 * had again. Errors: not_found, exhausted, invalid_argument */
TALEA_API int talea_auth_issue_api_key(talea_auth* auth, const talea_new_api_key* new_key,
                                       talea_api_keys** key, talea_secret** token,
                                       talea_error** error);
/* *key has the one that `token` is; Auth::check_api_key. Cost: one look-up.
 * Errors: unauthenticated   not a token, unknown, revoked or expired */
TALEA_API int talea_auth_check_api_key(talea_auth* auth, const void* token, size_t token_bytes,
                                       talea_api_keys** key, talea_error** error);
/* *key has the one, or none. */
TALEA_API int talea_auth_api_key(talea_auth* auth, const char* key_id, talea_api_keys** key,
                                 talea_error** error);
/* By id, as talea_auth_list_users(); `after` is an id, NULL or "": from the first on. */
TALEA_API int talea_auth_list_api_keys(talea_auth* auth, const char* after, uint64_t limit,
                                       talea_api_keys** keys, talea_error** error);
/* Those of a user, by id. Errors: not_found */
TALEA_API int talea_auth_list_api_keys_of(talea_auth* auth, const char* user_id,
                                          talea_api_keys** keys, talea_error** error);
/* Refused from now on. Errors: not_found */
TALEA_API int talea_auth_revoke_api_key(talea_auth* auth, const char* key_id, talea_error** error);
/* As those of users. */
TALEA_API int talea_auth_api_key_metadata(talea_auth* auth, const char* key_id,
                                          talea_secret** metadata, talea_error** error);
TALEA_API int talea_auth_set_api_key_metadata(talea_auth* auth, const char* key_id,
                                              const void* metadata, size_t metadata_bytes,
                                              talea_error** error);

/* From now on these keys seal and open, as talea_auth_options_set_master_keys() says; all metadata
 * is brought under the first of them. `count` is 1 or more. `records`: optional; of how many it
 * was. Auth::rotate_master_key.
 * Errors: not_found, corruption   what was done before stays; talea_auth_rewrap_metadata() goes on
 *         invalid_argument */
TALEA_API int talea_auth_rotate_master_key(talea_auth* auth, const unsigned char* keys,
                                           size_t count, uint64_t* records, talea_error** error);
/* Brings all metadata under the first of the keys. Auth::rewrap_metadata. */
TALEA_API int talea_auth_rewrap_metadata(talea_auth* auth, uint64_t* records, talea_error** error);

/* NOLINTEND(readability-identifier-naming) */

#ifdef __cplusplus
}
#endif

#endif
