/* The C interface from C: every part of it once, as a program in C11 would use it. What it refuses,
 * and what happens with exceptions, threads and NULL, is in the C++ tests beside it. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talea/talea.h>
#include <time.h>
#include <unistd.h>

static talea_error* error = NULL;

static void fail(int line, const char* what) {
  fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, what, talea_error_message(error));
  exit(1);
}
#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))
#define CHECK_OK(call) CHECK((call) == TALEA_OK)

static char root[256];
static char path_buffer[4][512];

/* A path below the directory of this run; four are valid at a time. */
static const char* path_of(const char* name) {
  static int turn = 0;
  char* path = path_buffer[turn++ % 4];
  snprintf(path, sizeof path_buffer[0], "%s/%s", root, name);
  return path;
}

static int remove_entry(const char* path, const struct stat* status, int type, struct FTW* place) {
  (void)status;
  (void)type;
  (void)place;
  return remove(path);
}

static talea_engine* open_store(const char* name) {
  talea_engine* engine = NULL;
  CHECK_OK(talea_open(path_of(name), NULL, &engine, &error));
  CHECK(engine != NULL && error == NULL);
  return engine;
}

static void close_store(talea_engine* engine) {
  CHECK_OK(talea_close(engine, &error));
  talea_engine_free(engine);
}

static void put(talea_engine* engine, const char* key, const char* value) {
  CHECK_OK(talea_put(engine, key, strlen(key), value, strlen(value), NULL, &error));
}

/* What `key` has is `expected`; NULL: nothing. */
static void check_value(talea_engine* engine, const char* key, const char* expected) {
  int found = -1;
  void* value = NULL;
  size_t bytes = 0;
  CHECK_OK(talea_get(engine, key, strlen(key), &found, &value, &bytes, &error));
  CHECK(found == (expected != NULL));
  if (expected == NULL) {
    CHECK(value == NULL && bytes == 0);
  } else {
    CHECK(value != NULL && bytes == strlen(expected) && memcmp(value, expected, bytes) == 0);
  }
  talea_free(value);
}

static void check_slice(talea_slice slice, const char* expected) {
  CHECK(slice.bytes == strlen(expected));
  CHECK(memcmp(slice.data, expected, slice.bytes) == 0);
}

static void test_names(void) {
  CHECK(strlen(talea_version()) >= 5);
  CHECK(strcmp(talea_code_name(TALEA_OK), "ok") == 0);
  CHECK(strcmp(talea_code_name(TALEA_UNSUPPORTED), "unsupported") == 0);
  CHECK(strcmp(talea_code_name(13), "unknown") == 0);
  CHECK(strcmp(talea_code_name(-1), "unknown") == 0);
}

static void test_options_and_errors(void) {
  talea_options* options = talea_options_create();
  talea_engine* engine = NULL;
  CHECK(options != NULL);
  CHECK_OK(talea_options_set_create_if_missing(options, 0, &error));
  CHECK(talea_open(path_of("absent"), options, &engine, &error) == TALEA_NOT_FOUND);
  CHECK(engine == NULL && talea_error_code(error) == TALEA_NOT_FOUND);
  CHECK(strncmp(talea_error_message(error), "not_found: ", 11) == 0);
  talea_error_free(error);
  /* Nobody has to want the message. */
  CHECK(talea_open(path_of("absent"), options, &engine, NULL) == TALEA_NOT_FOUND);

  CHECK_OK(talea_options_set_create_if_missing(options, 1, &error));
  CHECK_OK(talea_options_set_sync(options, TALEA_SYNC_INTERVAL, &error));
  CHECK_OK(talea_options_set_sync_interval_ms(options, 10, &error));
  CHECK_OK(talea_options_set_segment_bytes(options, 1 << 20, &error));
  CHECK_OK(talea_options_set_verify_reads(options, TALEA_VERIFY_ALWAYS, &error));
  CHECK_OK(talea_options_set_compaction_interval_ms(options, 0, &error));
  CHECK_OK(talea_options_set_live_ratio(options, 0.5, &error));
  CHECK_OK(talea_options_set_memory_budget(options, 0, &error));
  CHECK_OK(talea_options_set_checkpoint_bytes(options, 1 << 20, &error));
  CHECK_OK(talea_options_set_checkpoint_after_compaction(options, 1, &error));
  CHECK_OK(talea_options_set_changes_bytes(options, 1 << 20, &error));
  CHECK_OK(talea_options_set_reap_expired(options, 0, &error));
  CHECK_OK(talea_options_set_worker_threads(options, 1, &error));
  CHECK_OK(talea_options_set_compress_from_bytes(options, 64, &error));
  CHECK_OK(talea_options_set_guard_maps(options, 0, &error));
  CHECK_OK(talea_open(path_of("options"), options, &engine, &error));
  put(engine, "k", "v");
  close_store(engine);

  CHECK_OK(talea_options_set_read_only(options, 1, &error));
  CHECK_OK(talea_open(path_of("options"), options, &engine, &error));
  check_value(engine, "k", "v");
  CHECK(talea_put(engine, "k", 1, "w", 1, NULL, NULL) == TALEA_INVALID_ARGUMENT);
  close_store(engine);
  talea_options_free(options);
}

/* Puts a key that has expired at once, and returns how many were removed behind it: by one of the
 * next writes if anybody reaps. What hangs ends after two minutes. */
static uint64_t count_reaped(const char* name, int is_reaping) {
  talea_options* options = talea_options_create();
  talea_engine* engine = NULL;
  talea_stats_report stats;
  const time_t deadline = time(NULL) + 120;
  CHECK(options != NULL);
  CHECK_OK(talea_options_set_reap_expired(options, is_reaping, &error));
  /* Writers do what is due, after their own write. */
  CHECK_OK(talea_options_set_worker_threads(options, 0, &error));
  CHECK_OK(talea_open(path_of(name), options, &engine, &error));
  CHECK_OK(talea_put_expiring(engine, "k", 1, "v", 1, TALEA_EXPIRY_AT, 1, NULL, &error));
  do {
    put(engine, "other", "v");
    put(engine, "other", "w");
    stats.size = sizeof stats;
    CHECK_OK(talea_stats(engine, &stats, &error));
  } while (is_reaping && stats.keys_expired == 0 && time(NULL) < deadline);
  close_store(engine);
  talea_options_free(options);
  return stats.keys_expired;
}

/* As whoever brings batches by talea_apply() needs it. */
static void test_reaping_is_turned_off(void) {
  CHECK(count_reaped("reaped", 1) == 1);
  CHECK(count_reaped("not_reaped", 0) == 0);
}

static void test_keys(void) {
  talea_engine* engine = open_store("keys");
  uint64_t sequence = 0;
  uint64_t revision = 0;
  uint64_t expiry_ms = 1;
  int found = 0;
  void* value = NULL;
  size_t bytes = 0;
  char buffer[8] = "unread";

  CHECK_OK(talea_put(engine, "alpha", 5, "bravo", 5, &sequence, &error));
  CHECK(sequence == 1);
  check_value(engine, "alpha", "bravo");
  check_value(engine, "absent", NULL);
  CHECK_OK(talea_put(engine, "empty", 5, NULL, 0, NULL, &error));
  check_value(engine, "empty", "");

  CHECK_OK(talea_get_versioned(engine, "alpha", 5, &found, &value, &bytes, &revision, &expiry_ms,
                               &error));
  CHECK(found == 1 && bytes == 5 && revision == 1 && expiry_ms == 0);
  talea_free(value);

  CHECK_OK(talea_get_into(engine, "alpha", 5, buffer, 4, &found, &bytes, &error));
  CHECK(found == 1 && bytes == 5 && strcmp(buffer, "unread") == 0);
  CHECK_OK(talea_get_into(engine, "alpha", 5, NULL, 0, &found, &bytes, &error));
  CHECK(found == 1 && bytes == 5);
  CHECK_OK(talea_get_into(engine, "alpha", 5, buffer, 5, &found, &bytes, &error));
  CHECK(found == 1 && bytes == 5 && memcmp(buffer, "bravod", 5) == 0);
  CHECK_OK(talea_get_into(engine, "absent", 6, buffer, 5, &found, &bytes, &error));
  CHECK(found == 0 && bytes == 0);

  CHECK_OK(talea_put_expiring(engine, "short", 5, "x", 1, TALEA_EXPIRY_AFTER, 3600 * 1000, NULL,
                              &error));
  CHECK_OK(
      talea_get_versioned(engine, "short", 5, &found, &value, &bytes, NULL, &expiry_ms, &error));
  CHECK(found == 1 && expiry_ms > 3600 * 1000);
  talea_free(value);
  CHECK_OK(talea_put_expiring(engine, "short", 5, "y", 1, TALEA_EXPIRY_KEEP, 0, NULL, &error));
  CHECK_OK(
      talea_get_versioned(engine, "short", 5, &found, &value, &bytes, NULL, &revision, &error));
  CHECK(revision == expiry_ms);
  talea_free(value);
  CHECK_OK(talea_set_expiry(engine, "short", 5, TALEA_EXPIRY_AT, 1, &found, &error));
  CHECK(found == 1);
  check_value(engine, "short", NULL);
  CHECK_OK(talea_set_expiry(engine, "absent", 6, TALEA_EXPIRY_NEVER, 0, &found, &error));
  CHECK(found == 0);

  CHECK_OK(talea_remove(engine, "alpha", 5, &sequence, &error));
  check_value(engine, "alpha", NULL);

  {
    const talea_slice keys[3] = {{"alpha", 5}, {"empty", 5}, {"short", 5}};
    talea_buffer values[3];
    put(engine, "short", "long");
    CHECK_OK(talea_multi_get(engine, keys, 3, values, &error));
    CHECK(values[0].data == NULL);
    CHECK(values[1].data != NULL && values[1].bytes == 0);
    CHECK(values[2].bytes == 4 && memcmp(values[2].data, "long", 4) == 0);
    talea_free(values[1].data);
    talea_free(values[2].data);
    CHECK_OK(talea_multi_get(engine, NULL, 0, NULL, &error));
  }
  close_store(engine);
}

static void test_batches(void) {
  talea_engine* engine = open_store("batches");
  talea_batch* batch = talea_batch_create();
  uint64_t sequence = 0;
  uint64_t found_revision = 7;
  size_t failed = 7;
  CHECK(batch != NULL && talea_batch_size(batch) == 0);
  put(engine, "old", "1");
  CHECK_OK(talea_batch_require_present(batch, "old", 3, &error));
  CHECK_OK(talea_batch_require_revision(batch, "old", 3, 1, &error));
  CHECK_OK(talea_batch_require_absent(batch, "new", 3, &error));
  CHECK_OK(talea_batch_put(batch, "new", 3, "2", 1, &error));
  CHECK_OK(talea_batch_put_expiring(batch, "soon", 4, "3", 1, TALEA_EXPIRY_AFTER, 60000, &error));
  CHECK_OK(talea_batch_remove(batch, "old", 3, &error));
  CHECK(talea_batch_size(batch) == 3);
  CHECK_OK(talea_commit(engine, batch, &sequence, &failed, &found_revision, &error));
  CHECK(sequence == 2);
  check_value(engine, "old", NULL);
  check_value(engine, "new", "2");
  check_value(engine, "soon", "3");

  CHECK(talea_commit(engine, batch, NULL, &failed, &found_revision, &error) == TALEA_CONFLICT);
  CHECK(failed == 0 && found_revision == 0);
  talea_error_free(error);
  CHECK_OK(talea_batch_clear(batch, &error));
  CHECK_OK(talea_batch_require_absent(batch, "absent", 6, &error));
  CHECK_OK(talea_batch_require_absent(batch, "new", 3, &error));
  CHECK(talea_commit(engine, batch, NULL, &failed, &found_revision, NULL) == TALEA_CONFLICT);
  CHECK(failed == 1 && found_revision == 2);

  CHECK_OK(talea_batch_clear(batch, &error));
  CHECK_OK(talea_batch_set_expiry(batch, "soon", 4, TALEA_EXPIRY_AT, 1, &error));
  CHECK_OK(talea_commit(engine, batch, NULL, NULL, NULL, &error));
  check_value(engine, "soon", NULL);
  talea_batch_free(batch);
  close_store(engine);
}

struct outcomes {
  int calls;
  int code;
  uint64_t sequence;
  char message[64];
};

static void note_outcome(void* user, int code, uint64_t sequence, const char* message) {
  struct outcomes* outcomes = user;
  ++outcomes->calls;
  outcomes->code = code;
  outcomes->sequence = sequence;
  snprintf(outcomes->message, sizeof outcomes->message, "%s", message);
}

static void test_history(void) {
  talea_options* options = talea_options_create();
  talea_engine* engine = NULL;
  talea_scan* scan = NULL;
  talea_changes* changes = NULL;
  talea_revision* revisions = NULL;
  void* value = NULL;
  size_t count = 0;
  uint64_t revision = 0;
  int found = 0;
  CHECK(talea_options_set_retention(options, 7, 0, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_options_set_retention(options, TALEA_RETAIN_ALL, 0, &error));
  CHECK_OK(talea_open(path_of("history"), options, &engine, &error));
  talea_options_free(options);
  put(engine, "k", "one");
  put(engine, "k", "three");
  CHECK_OK(talea_remove(engine, "k", 1, NULL, &error));
  CHECK_OK(talea_compact(engine, &error));

  CHECK_OK(talea_get_at(engine, "k", 1, TALEA_AT_SEQUENCE, 2, &found, &value, &count, &revision,
                        NULL, &error));
  CHECK(found == 1 && count == 5 && memcmp(value, "three", 5) == 0 && revision == 2);
  talea_free(value);
  CHECK(talea_get_at(engine, "k", 1, 9, 2, &found, &value, &count, NULL, NULL, NULL) ==
        TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_scan_open_at(engine, NULL, TALEA_AT_SEQUENCE, 1, &scan, &error));
  CHECK_OK(talea_scan_next(scan, &found, &error));
  CHECK(found == 1);
  CHECK_OK(talea_scan_revision(scan, &revision, &error));
  CHECK(revision == 1);
  talea_scan_free(scan);

  CHECK_OK(talea_history(engine, "k", 1, 0, 2, &revisions, &count, &error));
  CHECK(count == 2 && revisions[0].sequence == 3 && revisions[0].is_remove == 1);
  CHECK(revisions[1].sequence == 2 && revisions[1].value_bytes == 5 && !revisions[1].is_remove);
  talea_free(revisions);
  CHECK_OK(talea_history(engine, "none", 4, 0, 0, &revisions, &count, &error));
  CHECK(count == 0 && revisions == NULL);
  CHECK_OK(talea_history_from(engine, &revision, &error));
  CHECK(revision == 0);

  put(engine, "k", "four");
  CHECK_OK(talea_changes_open(engine, 3, NULL, 0, &changes, &error));
  CHECK_OK(talea_changes_next(changes, &found, &error));
  CHECK_OK(talea_changes_old_value(changes, &found, &value, &count, NULL, NULL, &error));
  CHECK(found == 0 && value == NULL);
  talea_changes_free(changes);
  close_store(engine);
}

static void test_apply(void) {
  talea_engine* engine = open_store("follower");
  talea_batch* batch = talea_batch_create();
  int applied = 7;
  CHECK_OK(talea_batch_put(batch, "k", 1, "ten", 3, &error));
  CHECK_OK(talea_apply(engine, 10, batch, &applied, &error));
  CHECK(applied == 1);
  CHECK_OK(talea_apply(engine, 10, batch, &applied, &error));
  CHECK(applied == 0);
  check_value(engine, "k", "ten");
  talea_batch_free(batch);
  close_store(engine);
}

static void test_commit_async(void) {
  talea_engine* engine = open_store("async");
  talea_batch* batch = talea_batch_create();
  struct outcomes good = {0, -1, 0, ""};
  struct outcomes bad = {0, -1, 0, ""};
  CHECK_OK(talea_batch_put(batch, "k", 1, "v", 1, &error));
  CHECK_OK(talea_commit_async(engine, batch, note_outcome, &good, &error));
  CHECK(talea_batch_size(batch) == 0);
  CHECK_OK(talea_batch_require_present(batch, "absent", 6, &error));
  CHECK_OK(talea_batch_remove(batch, "k", 1, &error));
  CHECK_OK(talea_commit_async(engine, batch, note_outcome, &bad, &error));
  talea_batch_free(batch);
  CHECK_OK(talea_close(engine, &error)); /* returns when both were told */
  CHECK(good.calls == 1 && good.code == TALEA_OK && good.sequence == 1 && good.message[0] == 0);
  CHECK(bad.calls == 1 && bad.code == TALEA_CONFLICT && bad.sequence == 0);
  CHECK(strncmp(bad.message, "conflict: ", 10) == 0);
  talea_engine_free(engine);
}

static void test_scans_and_snapshots(void) {
  talea_engine* engine = open_store("scans");
  talea_scan_range range;
  talea_scan* scan = NULL;
  talea_snapshot* snapshot = NULL;
  talea_slice slice;
  uint64_t number = 7;
  int has_row = 0;
  int found = 0;
  void* value = NULL;
  size_t bytes = 0;
  put(engine, "a/1", "one");
  put(engine, "b/1", "two");
  put(engine, "b/2", "three");
  CHECK_OK(talea_snapshot_open(engine, &snapshot, &error));
  put(engine, "b/2", "late");
  put(engine, "b/3", "late");

  memset(&range, 0, sizeof range);
  range.size = sizeof range;
  range.prefix.data = "b/";
  range.prefix.bytes = 2;
  range.reverse = 1;
  range.reserved = 1;
  CHECK(talea_snapshot_scan(snapshot, &range, &scan, NULL) == TALEA_UNSUPPORTED);
  CHECK(scan == NULL);
  range.reserved = 0;
  CHECK_OK(talea_snapshot_scan(snapshot, &range, &scan, &error));
  CHECK(talea_scan_key(scan, &slice, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_scan_next(scan, &has_row, &error));
  CHECK(has_row == 1);
  CHECK_OK(talea_scan_key(scan, &slice, &error));
  check_slice(slice, "b/2");
  CHECK_OK(talea_scan_value(scan, &slice, &error));
  check_slice(slice, "three");
  CHECK_OK(talea_scan_revision(scan, &number, &error));
  CHECK(number == 3);
  CHECK_OK(talea_scan_expiry_ms(scan, &number, &error));
  CHECK(number == 0);
  CHECK_OK(talea_scan_next(scan, &has_row, &error));
  CHECK(has_row == 1);
  CHECK_OK(talea_scan_next(scan, &has_row, &error));
  CHECK(has_row == 0);
  CHECK(talea_scan_value(scan, &slice, NULL) == TALEA_INVALID_ARGUMENT);
  talea_scan_free(scan);

  CHECK_OK(talea_snapshot_sequence(snapshot, &number, &error));
  CHECK(number == 3);
  CHECK_OK(talea_snapshot_get(snapshot, "b/2", 3, &found, &value, &bytes, &error));
  CHECK(found == 1 && bytes == 5 && memcmp(value, "three", 5) == 0);
  talea_free(value);
  CHECK_OK(talea_snapshot_get_versioned(snapshot, "b/3", 3, &found, &value, &bytes, &number, NULL,
                                        &error));
  CHECK(found == 0 && value == NULL && number == 0);
  talea_snapshot_free(snapshot);

  range.reverse = 0;
  range.prefix.bytes = 0;
  range.start.data = "b";
  range.start.bytes = 1;
  range.end.data = "b/3";
  range.end.bytes = 3;
  range.limit = 1;
  CHECK_OK(talea_scan_open(engine, &range, &scan, &error));
  CHECK_OK(talea_scan_next(scan, &has_row, &error));
  CHECK_OK(talea_scan_key(scan, &slice, &error));
  check_slice(slice, "b/1");
  CHECK_OK(talea_scan_next(scan, &has_row, &error));
  CHECK(has_row == 0);
  talea_scan_free(scan);

  CHECK_OK(talea_scan_open(engine, NULL, &scan, &error));
  for (number = 0; talea_scan_next(scan, &has_row, &error) == TALEA_OK && has_row; ++number) {
  }
  CHECK(error == NULL && number == 4);
  talea_scan_free(scan);
  close_store(engine);
}

static void test_changes(void) {
  talea_engine* engine = open_store("changes");
  talea_changes* changes = NULL;
  talea_reader* reader = NULL;
  talea_change change;
  talea_slice piece;
  uint64_t first = 0;
  uint64_t last = 0;
  int has_change = 0;
  int flag = 7;
  put(engine, "a", "1");
  put(engine, "b", "2");
  CHECK_OK(talea_remove(engine, "a", 1, NULL, &error));
  CHECK_OK(talea_changes_open(engine, 1, NULL, 0, &changes, &error));
  change.size = sizeof change;
  CHECK(talea_changes_change(changes, &change, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_changes_next(changes, &has_change, &error));
  CHECK(has_change == 1);
  CHECK_OK(talea_changes_change(changes, &change, &error));
  CHECK(change.size == sizeof change && change.sequence == 2 && change.value_bytes == 1);
  CHECK(!change.is_remove && change.is_last_of_batch && change.expiry_ms == 0);
  check_slice(change.key, "b");
  check_slice(change.value, "2");
  CHECK_OK(talea_changes_read_value(changes, &reader, &error));
  CHECK_OK(talea_reader_read(reader, &piece, &error));
  check_slice(piece, "2");
  talea_reader_free(reader);
  CHECK_OK(talea_changes_next(changes, &has_change, &error));
  CHECK_OK(talea_changes_change(changes, &change, &error));
  CHECK(change.sequence == 3 && change.is_remove && change.time_ms > 0);
  CHECK(talea_changes_read_value(changes, &reader, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK(reader == NULL);
  CHECK_OK(talea_changes_next(changes, &has_change, &error));
  CHECK(has_change == 0);
  CHECK_OK(talea_changes_position(changes, &last, &error));
  CHECK(last == 3);
  CHECK_OK(talea_changes_wait(changes, 0, &flag, &error));
  CHECK(flag == 0);
  CHECK_OK(talea_changes_lost(changes, &flag, &first, &last, &error));
  CHECK(flag == 0 && first == 0 && last == 0);
  put(engine, "c", "3");
  CHECK_OK(talea_changes_wait(changes, UINT64_MAX, &flag, &error));
  CHECK(flag == 1);
  talea_changes_free(changes);
  close_store(engine);
}

static void test_streams(void) {
  enum { kPiece = 1 << 16, kPieces = 40 };
  talea_engine* engine = open_store("streams");
  talea_writer* writer = NULL;
  talea_stored* stored = NULL;
  talea_reader* reader = NULL;
  talea_batch* batch = talea_batch_create();
  talea_slice piece;
  uint64_t total = 0;
  int found = 0;
  int number;
  char* bytes = malloc(kPiece);
  CHECK(bytes != NULL);
  CHECK_OK(talea_writer_open(engine, &writer, &error));
  for (number = 0; number < kPieces; ++number) {
    memset(bytes, number, kPiece);
    CHECK_OK(talea_writer_append(writer, bytes, kPiece, &error));
  }
  free(bytes);
  CHECK(talea_writer_bytes(writer) == (uint64_t)kPiece * kPieces);
  CHECK_OK(talea_writer_finish(writer, &stored, &error));
  CHECK(talea_stored_bytes(stored) == (uint64_t)kPiece * kPieces);
  /* Once. */
  {
    talea_stored* again = stored;
    CHECK(talea_writer_finish(writer, &again, NULL) == TALEA_INVALID_ARGUMENT && again == NULL);
  }
  talea_writer_free(writer);
  CHECK_OK(talea_put_stored(engine, "large", 5, stored, TALEA_EXPIRY_NEVER, 0, NULL, &error));
  CHECK_OK(talea_batch_put_stored(batch, "other", 5, stored, TALEA_EXPIRY_NEVER, 0, &error));
  CHECK_OK(talea_commit(engine, batch, NULL, NULL, NULL, &error));
  talea_batch_free(batch);
  talea_stored_free(stored);

  CHECK_OK(talea_reader_open(engine, "absent", 6, &found, &reader, &error));
  CHECK(found == 0 && reader == NULL);
  CHECK_OK(talea_reader_open(engine, "other", 5, &found, &reader, &error));
  CHECK(found == 1 && talea_reader_bytes(reader) == (uint64_t)kPiece * kPieces);
  CHECK(talea_reader_revision(reader) == 2);
  for (;;) {
    size_t position;
    CHECK_OK(talea_reader_read(reader, &piece, &error));
    if (piece.bytes == 0) break;
    for (position = 0; position < piece.bytes; position += 4096) {
      CHECK(((const unsigned char*)piece.data)[position] == (total + position) / kPiece);
    }
    total += piece.bytes;
  }
  CHECK(total == talea_reader_bytes(reader));
  CHECK_OK(talea_reader_seek(reader, total - 1, &error));
  CHECK_OK(talea_reader_read(reader, &piece, &error));
  CHECK(piece.bytes == 1 && *(const unsigned char*)piece.data == kPieces - 1);
  CHECK(talea_reader_seek(reader, total + 1, NULL) == TALEA_INVALID_ARGUMENT);
  talea_reader_free(reader);
  close_store(engine);
}

static int write_to_file(void* user, const void* bytes, size_t count) {
  return fwrite(bytes, 1, count, user) == count ? 0 : 1;
}

static int read_from_file(void* user, void* out, size_t room, size_t* count) {
  *count = fread(out, 1, room, user);
  return ferror((FILE*)user);
}

static void test_upkeep(void) {
  talea_engine* engine = open_store("upkeep");
  talea_engine* copy = NULL;
  talea_stats_report stats;
  talea_recovery_report recovery;
  talea_backup_info info;
  talea_verify_report report;
  talea_repair_report repaired;
  unsigned char hash[TALEA_STATE_HASH_BYTES];
  unsigned char other[TALEA_STATE_HASH_BYTES];
  uint64_t removed = 7;
  FILE* file = tmpfile();
  CHECK(file != NULL);
  put(engine, "a", "1");
  put(engine, "b", "2");
  CHECK_OK(talea_sync(engine, &error));
  CHECK_OK(talea_compact(engine, &error));
  CHECK_OK(talea_checkpoint(engine, &error));
  stats.size = sizeof stats;
  CHECK_OK(talea_stats(engine, &stats, &error));
  CHECK(stats.size == sizeof stats && stats.puts == 2 && stats.keys == 2);
  CHECK(stats.last_sequence == 2 && stats.durable_sequence == 2 && stats.checkpoints >= 1);
  CHECK(stats.commits_timed == 2 && stats.commit_max_ns > 0);
  recovery.size = sizeof recovery;
  CHECK_OK(talea_recovery(engine, &recovery, &error));
  CHECK(recovery.bytes_dropped == 0 && strcmp(recovery.dropped_from_file, "") == 0);

  CHECK_OK(talea_state_hash(engine, hash, &error));
  CHECK_OK(talea_write_state(engine, write_to_file, file, other, &error));
  CHECK(memcmp(hash, other, sizeof hash) == 0);
  rewind(file);
  memset(other, 0, sizeof other);
  CHECK_OK(talea_restore_state(path_of("copy"), read_from_file, file, NULL, other, &error));
  CHECK(memcmp(hash, other, sizeof hash) == 0);
  fclose(file);
  copy = open_store("copy");
  check_value(copy, "b", "2");
  close_store(copy);

  info.size = sizeof info;
  CHECK_OK(talea_backup(engine, path_of("backups"), &info, &error));
  CHECK(info.last_sequence == 2 && info.files_copied > 0);
  put(engine, "b", "3");
  CHECK_OK(talea_backup(engine, path_of("backups"), NULL, &error));
  CHECK_OK(talea_verify_backups(path_of("backups"), &error));
  CHECK_OK(talea_restore_backup(path_of("backups"), path_of("past"), 2, &info, &error));
  copy = open_store("past");
  check_value(copy, "b", "2");
  close_store(copy);
  CHECK_OK(talea_prune_backups(path_of("backups"), 1, &removed, &error));
  CHECK(removed >= 1);
  CHECK_OK(talea_restore_backup(path_of("backups"), path_of("present"), 0, NULL, &error));
  copy = open_store("present");
  check_value(copy, "b", "3");
  close_store(copy);
  close_store(engine);

  report.size = sizeof report;
  CHECK_OK(talea_verify(path_of("upkeep"), NULL, &report, NULL, NULL, &error));
  CHECK(report.keys == 2 && report.findings == 0 && report.files > 0);
  repaired.size = sizeof repaired;
  CHECK_OK(
      talea_repair(path_of("upkeep"), path_of("repaired"), NULL, &repaired, NULL, NULL, &error));
  CHECK(repaired.keys_kept == 2 && repaired.keys_lost == 0 && repaired.is_by_search == 0);
  copy = open_store("repaired");
  check_value(copy, "b", "3");
  CHECK_OK(talea_state_hash(copy, other, &error));
  CHECK(memcmp(repaired.state_hash, other, sizeof other) == 0);
  close_store(copy);
}

/* The byte that every byte of the key is. */
static int give_key(void* user, unsigned char* key) {
  memset(key, *(const unsigned char*)user, TALEA_MASTER_KEY_BYTES);
  return 0;
}

static int give_no_key(void* user, unsigned char* key) {
  (void)user;
  (void)key;
  return 7;
}

static int open_code(const talea_options* options) {
  talea_engine* engine = NULL;
  const int code = talea_open(path_of("secret"), options, &engine, &error);
  if (code == TALEA_OK) {
    check_value(engine, "k", "v");
    close_store(engine);
  } else {
    CHECK(engine == NULL && error != NULL);
    talea_error_free(error);
    error = NULL;
  }
  return code;
}

static void test_encryption(void) {
  talea_options* options = talea_options_create();
  talea_options* others = talea_options_create();
  talea_engine* engine = NULL;
  unsigned char first = 'a';
  unsigned char second = 'b';
  uint32_t id = 0;
  talea_stats_report stats;
  talea_verify_report report;
  talea_repair_report repaired;
  CHECK_OK(talea_options_set_key_source(options, give_key, &first, &error));
  CHECK_OK(talea_open(path_of("secret"), options, &engine, &error));
  put(engine, "k", "v");
  stats.size = sizeof stats;
  CHECK_OK(talea_stats(engine, &stats, &error));
  CHECK(stats.data_key == 1 && stats.data_keys == 1 && stats.old_key_bytes == 0);
  CHECK_OK(talea_rotate_data_key(engine, &id, &error));
  CHECK(id == 2);
  CHECK_OK(talea_options_set_key_source(others, give_key, &second, &error));
  CHECK_OK(talea_rotate_master_key(engine, others, &error));
  close_store(engine);

  CHECK(open_code(NULL) == TALEA_UNAUTHENTICATED);
  CHECK(open_code(options) == TALEA_DENIED);
  CHECK(open_code(others) == TALEA_OK);
  CHECK_OK(talea_options_set_key_source(options, give_no_key, NULL, &error));
  CHECK(open_code(options) == TALEA_UNAVAILABLE);

  report.size = sizeof report;
  CHECK_OK(talea_verify(path_of("secret"), others, &report, NULL, NULL, &error));
  CHECK(report.keys == 1 && report.findings == 0);
  repaired.size = sizeof repaired;
  CHECK_OK(
      talea_repair(path_of("secret"), path_of("mended"), others, &repaired, NULL, NULL, &error));
  CHECK(repaired.keys_kept == 1 && repaired.is_history_lost == 0);

  /* By a variable. */
  CHECK(talea_options_set_key_variable(options, "", &error) == TALEA_INVALID_ARGUMENT);
  talea_error_free(error);
  error = NULL;
  CHECK(setenv("TALEA_C_KEY", "6262626262626262626262626262626262626262626262626262626262626262",
               1) == 0);
  CHECK_OK(talea_options_set_key_variable(options, "TALEA_C_KEY", &error));
  CHECK(open_code(options) == TALEA_OK);
  /* By a file, which nobody but its owner may read. */
  {
    const char* const path = path_of("key");
    FILE* const file = fopen(path, "w");
    CHECK(file != NULL && fwrite("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 1, 32, file) == 32);
    CHECK(fclose(file) == 0 && chmod(path, 0600) == 0);
    CHECK_OK(talea_options_set_key_file(options, path, &error));
  }
  CHECK(open_code(options) == TALEA_OK);
  talea_options_free(options);
  talea_options_free(others);
}

/* Hashes that cost next to nothing, and two failures until a lock. */
static talea_auth* open_auth(talea_engine* engine, const unsigned char* keys, size_t count) {
  talea_auth_options* options = talea_auth_options_create();
  talea_auth* auth = NULL;
  CHECK(options != NULL);
  CHECK_OK(talea_auth_options_set_failures_max(options, 2, &error));
  CHECK_OK(talea_auth_options_set_lockout_ms(options, 3600 * 1000, &error));
  CHECK_OK(talea_auth_options_set_hashes_max(options, 1, &error));
  CHECK_OK(talea_auth_options_set_hashes_waiting_max(options, 8, &error));
  CHECK_OK(talea_auth_options_set_password_cost(options, 8, 1, 1, &error));
  CHECK_OK(talea_auth_options_set_master_keys(options, keys, count, &error));
  CHECK_OK(talea_auth_open(engine, options, &auth, &error));
  CHECK(auth != NULL);
  talea_auth_options_free(options);
  return auth;
}

static talea_slice text(const char* of) {
  const talea_slice slice = {of, strlen(of)};
  return slice;
}

/* The first of `users`. */
static talea_user user_of(const talea_users* users) {
  talea_user user;
  user.size = sizeof user;
  CHECK_OK(talea_users_at(users, 0, &user, &error));
  CHECK(user.size == sizeof user);
  return user;
}

static talea_api_key key_of(const talea_api_keys* keys) {
  talea_api_key key;
  key.size = sizeof key;
  CHECK_OK(talea_api_keys_at(keys, 0, &key, &error));
  CHECK(key.size == sizeof key);
  return key;
}

static int log_in_code(talea_auth* auth, const char* name, const char* password) {
  talea_users* user = NULL;
  const int code =
      talea_auth_log_in(auth, name, strlen(name), password, strlen(password), &user, NULL);
  CHECK(talea_users_count(user) == (code == TALEA_OK));
  talea_users_free(user);
  return code;
}

static void test_auth_options(void) {
  talea_engine* engine = open_store("auth_options");
  talea_auth_options* options = talea_auth_options_create();
  talea_auth* auth = NULL;
  CHECK_OK(talea_auth_open(engine, NULL, &auth, &error));
  CHECK(auth != NULL);
  talea_auth_free(auth);
  CHECK_OK(talea_auth_options_set_lockout_ms(options, UINT64_MAX, &error));
  CHECK(talea_auth_open(engine, options, &auth, NULL) == TALEA_INVALID_ARGUMENT && auth == NULL);
  CHECK_OK(talea_auth_options_set_lockout_ms(options, 1, &error));
  CHECK_OK(talea_auth_options_set_password_cost(options, 7, 1, 1, &error));
  CHECK(talea_auth_open(engine, options, &auth, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_auth_options_set_password_cost(options, 8, 1, 1, &error));
  CHECK_OK(talea_auth_options_set_hashes_max(options, 0, &error));
  CHECK(talea_auth_open(engine, options, &auth, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_auth_options_set_hashes_max(options, 1, &error));
  CHECK_OK(talea_auth_options_set_hashes_waiting_max(options, UINT32_MAX, &error));
  CHECK(talea_auth_open(engine, options, &auth, NULL) == TALEA_INVALID_ARGUMENT);
  talea_auth_options_free(options);
  close_store(engine);
}

static void test_users(void) {
  talea_engine* engine = open_store("users");
  talea_auth* auth = open_auth(engine, NULL, 0);
  talea_users* alice = NULL;
  talea_users* users = NULL;
  talea_new_user wanted;
  talea_user user;
  const char* id = NULL;

  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  wanted.name = text("Alice");
  CHECK(talea_auth_create_user(auth, &wanted, &alice, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK(alice == NULL);
  wanted.password.data = "a\0b"; /* what lies behind the NUL counts */
  wanted.password.bytes = 3;
  CHECK_OK(talea_auth_create_user(auth, &wanted, &alice, &error));
  CHECK(talea_users_count(alice) == 1);
  user = user_of(alice);
  id = user.id;
  CHECK(strncmp(id, "usr-", 4) == 0 && strlen(id) == 36);
  check_slice(user.name, "Alice");
  CHECK(user.created_ms > 0 && user.password_changed_ms == user.created_ms);
  CHECK(user.last_login_ms == 0 && user.locked_until_ms == 0 && user.has_metadata == 0);
  CHECK(talea_users_at(alice, 1, &user, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK(talea_auth_create_user(auth, &wanted, &users, NULL) == TALEA_CONFLICT && users == NULL);

  /* Of another system. */
  wanted.name = text("bob");
  wanted.password_hash = text("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK");
  CHECK(talea_auth_create_user(auth, &wanted, &users, NULL) == TALEA_INVALID_ARGUMENT);
  wanted.password = text("");
  CHECK_OK(talea_auth_create_user(auth, &wanted, &users, &error));
  talea_users_free(users);
  CHECK(log_in_code(auth, "bob", "U*U*") == TALEA_OK);

  CHECK(log_in_code(auth, "alice", "a") == TALEA_UNAUTHENTICATED);
  CHECK_OK(talea_auth_log_in(auth, "ALICE", 5, "a\0b", 3, &users, &error));
  CHECK(strcmp(user_of(users).id, id) == 0);
  talea_users_free(users);
  CHECK_OK(talea_auth_flush(auth, &error));

  CHECK(talea_auth_change_password(auth, id, "wrong", 5, "next", 4, NULL) == TALEA_UNAUTHENTICATED);
  CHECK_OK(talea_auth_change_password(auth, id, "a\0b", 3, "next", 4, &error));
  CHECK(log_in_code(auth, "alice", "next") == TALEA_OK);
  CHECK(log_in_code(auth, "alice", "no") == TALEA_UNAUTHENTICATED);
  CHECK(log_in_code(auth, "alice", "no") == TALEA_UNAUTHENTICATED);
  CHECK(log_in_code(auth, "alice", "next") == TALEA_DENIED);
  CHECK_OK(talea_auth_user(auth, id, &users, &error));
  user = user_of(users);
  CHECK(user.failed_attempts == 2 && user.locked_until_ms > user.created_ms);
  CHECK(user.last_login_ms >= user.created_ms);
  talea_users_free(users);
  CHECK_OK(talea_auth_reset_failures(auth, id, &error));
  CHECK(log_in_code(auth, "alice", "next") == TALEA_OK);
  CHECK_OK(talea_auth_set_password(auth, id, "third", 5, &error));
  CHECK(log_in_code(auth, "alice", "third") == TALEA_OK);

  CHECK_OK(talea_auth_find_user(auth, "aLiCe", 5, &users, &error));
  CHECK(talea_users_count(users) == 1 && strcmp(user_of(users).id, id) == 0);
  talea_users_free(users);
  CHECK_OK(talea_auth_find_user(auth, "nobody", 6, &users, &error));
  CHECK(users != NULL && talea_users_count(users) == 0);
  talea_users_free(users);
  CHECK_OK(talea_auth_list_users(auth, NULL, 0, 1, &users, &error));
  CHECK(talea_users_count(users) == 1);
  check_slice(user_of(users).name, "Alice");
  talea_users_free(users);
  CHECK_OK(talea_auth_list_users(auth, "Alice", 5, 0, &users, &error));
  CHECK(talea_users_count(users) == 1);
  check_slice(user_of(users).name, "bob");
  talea_users_free(users);
  CHECK(talea_auth_list_users(auth, NULL, 0, TALEA_AUTH_PAGE_MAX + 1, &users, NULL) ==
        TALEA_INVALID_ARGUMENT);

  /* Metadata needs a key. */
  CHECK(talea_auth_set_user_metadata(auth, id, "m", 1, NULL) == TALEA_INVALID_ARGUMENT);

  CHECK_OK(talea_auth_delete_user(auth, id, &error));
  CHECK(talea_auth_delete_user(auth, id, NULL) == TALEA_NOT_FOUND);
  CHECK(talea_auth_reset_failures(auth, id, NULL) == TALEA_NOT_FOUND);
  CHECK(talea_auth_set_password(auth, id, "x", 1, NULL) == TALEA_NOT_FOUND);
  CHECK_OK(talea_auth_user(auth, id, &users, &error));
  CHECK(talea_users_count(users) == 0);
  talea_users_free(users);
  talea_users_free(alice);
  check_value(engine, "Alice", NULL); /* none of it is among the keys of the store */
  talea_auth_free(auth);
  close_store(engine);
}

static int check_token_code(talea_auth* auth, const talea_secret* token) {
  talea_api_keys* key = NULL;
  const int code = talea_auth_check_api_key(auth, talea_secret_data(token),
                                            talea_secret_bytes(token), &key, NULL);
  CHECK(talea_api_keys_count(key) == (code == TALEA_OK));
  talea_api_keys_free(key);
  return code;
}

static void test_api_keys(void) {
  const talea_slice scopes[2] = {{"read", 4}, {"write", 5}};
  talea_engine* engine = open_store("api_keys");
  talea_auth* auth = open_auth(engine, NULL, 0);
  talea_users* alice = NULL;
  talea_api_keys* issued = NULL;
  talea_api_keys* keys = NULL;
  talea_secret* token = NULL;
  talea_secret* another = NULL;
  talea_new_user new_user;
  talea_new_api_key wanted;
  talea_api_key key;
  int has_scope = 7;

  memset(&new_user, 0, sizeof new_user);
  new_user.size = sizeof new_user;
  new_user.name = text("alice");
  new_user.password = text("x");
  CHECK_OK(talea_auth_create_user(auth, &new_user, &alice, &error));

  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  wanted.owner = user_of(alice).id;
  wanted.label = text("nightly");
  wanted.scopes = scopes;
  wanted.scopes_count = 2;
  wanted.expires_ms = 4102444800000; /* 2100 */
  CHECK_OK(talea_auth_issue_api_key(auth, &wanted, &issued, &token, &error));
  CHECK(talea_api_keys_count(issued) == 1);
  CHECK(strncmp(talea_secret_data(token), "talea_", 6) == 0);
  CHECK(strlen(talea_secret_data(token)) == talea_secret_bytes(token));
  key = key_of(issued);
  CHECK(strncmp(key.id, "key-", 4) == 0 && strcmp(key.owner, wanted.owner) == 0);
  check_slice(key.label, "nightly");
  CHECK(key.scopes_count == 2);
  check_slice(key.scopes[0], "read");
  check_slice(key.scopes[1], "write");
  CHECK(key.created_ms > 0 && key.expires_ms == wanted.expires_ms && key.last_used_ms == 0);
  CHECK_OK(talea_api_keys_has_scope(issued, 0, "write", 5, &has_scope, &error));
  CHECK(has_scope == 1);
  CHECK_OK(talea_api_keys_has_scope(issued, 0, "writ", 4, &has_scope, &error));
  CHECK(has_scope == 0);
  CHECK(talea_api_keys_has_scope(issued, 1, "read", 4, &has_scope, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK(talea_api_keys_at(issued, 1, &key, NULL) == TALEA_INVALID_ARGUMENT);

  CHECK(check_token_code(auth, token) == TALEA_OK);
  CHECK(talea_auth_check_api_key(auth, "talea_", 6, &keys, NULL) == TALEA_UNAUTHENTICATED);
  CHECK(keys == NULL);
  CHECK_OK(talea_auth_api_key(auth, key_of(issued).id, &keys, &error));
  CHECK(key_of(keys).last_used_ms >= key_of(issued).created_ms);
  talea_api_keys_free(keys);
  CHECK_OK(talea_auth_api_key(auth, "key-", &keys, &error));
  CHECK(keys != NULL && talea_api_keys_count(keys) == 0);
  talea_api_keys_free(keys);

  /* Of nobody. */
  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  CHECK_OK(talea_auth_issue_api_key(auth, &wanted, &keys, &another, &error));
  key = key_of(keys);
  CHECK(key.owner[0] == 0 && key.label.bytes == 0 && key.scopes == NULL && key.scopes_count == 0);
  CHECK_OK(talea_auth_revoke_api_key(auth, key.id, &error));
  CHECK(talea_auth_revoke_api_key(auth, key.id, NULL) == TALEA_NOT_FOUND);
  CHECK(check_token_code(auth, another) == TALEA_UNAUTHENTICATED);
  talea_api_keys_free(keys);
  talea_secret_free(another);

  /* What is refused leaves neither key nor token. */
  wanted.scopes = scopes;
  wanted.scopes_count = SIZE_MAX;
  CHECK(talea_auth_issue_api_key(auth, &wanted, &keys, &another, NULL) == TALEA_INVALID_ARGUMENT);
  wanted.scopes = NULL;
  wanted.scopes_count = 1;
  CHECK(talea_auth_issue_api_key(auth, &wanted, &keys, &another, NULL) == TALEA_INVALID_ARGUMENT);
  wanted.scopes_count = 0;
  wanted.expires_ms = 1;
  CHECK(talea_auth_issue_api_key(auth, &wanted, &keys, &another, NULL) == TALEA_INVALID_ARGUMENT);
  wanted.expires_ms = 0;
  wanted.owner = "usr-";
  CHECK(talea_auth_issue_api_key(auth, &wanted, &keys, &another, NULL) == TALEA_NOT_FOUND);
  CHECK(keys == NULL && another == NULL);

  CHECK_OK(talea_auth_list_api_keys(auth, NULL, 0, &keys, &error));
  CHECK(talea_api_keys_count(keys) == 1);
  talea_api_keys_free(keys);
  CHECK_OK(talea_auth_list_api_keys(auth, key_of(issued).id, 0, &keys, &error));
  CHECK(talea_api_keys_count(keys) == 0);
  talea_api_keys_free(keys);
  CHECK_OK(talea_auth_list_api_keys_of(auth, user_of(alice).id, &keys, &error));
  CHECK(talea_api_keys_count(keys) == 1);
  check_slice(key_of(keys).scopes[1], "write");
  talea_api_keys_free(keys);
  /* A key goes with its owner. */
  CHECK_OK(talea_auth_delete_user(auth, user_of(alice).id, &error));
  CHECK(check_token_code(auth, token) == TALEA_UNAUTHENTICATED);
  CHECK(talea_auth_list_api_keys_of(auth, user_of(alice).id, &keys, NULL) == TALEA_NOT_FOUND);
  talea_secret_free(token);
  talea_api_keys_free(issued);
  talea_users_free(alice);
  talea_auth_free(auth);
  close_store(engine);
}

static void check_secret(const talea_secret* secret, const char* expected) {
  CHECK(secret != NULL && talea_secret_bytes(secret) == strlen(expected));
  CHECK(strcmp(talea_secret_data(secret), expected) == 0);
}

static void check_user_metadata(talea_auth* auth, const char* id, const char* expected) {
  talea_secret* metadata = NULL;
  CHECK_OK(talea_auth_user_metadata(auth, id, &metadata, &error));
  check_secret(metadata, expected);
  talea_secret_free(metadata);
}

static void check_key_metadata(talea_auth* auth, const char* id, const char* expected) {
  talea_secret* metadata = NULL;
  CHECK_OK(talea_auth_api_key_metadata(auth, id, &metadata, &error));
  check_secret(metadata, expected);
  talea_secret_free(metadata);
}

static void test_metadata(void) {
  unsigned char keys[2 * TALEA_MASTER_KEY_BYTES];
  unsigned char* const older = keys + TALEA_MASTER_KEY_BYTES;
  talea_engine* engine = open_store("metadata");
  talea_auth* auth = NULL;
  talea_users* user = NULL;
  talea_api_keys* key = NULL;
  talea_secret* secret = NULL;
  talea_new_user new_user;
  talea_new_api_key new_key;
  uint64_t records = 7;
  const char* user_id = NULL;
  const char* key_id = NULL;
  memset(keys, 'n', TALEA_MASTER_KEY_BYTES);
  memset(older, 'o', TALEA_MASTER_KEY_BYTES);

  auth = open_auth(engine, older, 1);
  memset(&new_user, 0, sizeof new_user);
  new_user.size = sizeof new_user;
  new_user.name = text("alice");
  new_user.password = text("x");
  new_user.metadata = text("alice@example.org");
  CHECK_OK(talea_auth_create_user(auth, &new_user, &user, &error));
  CHECK(user_of(user).has_metadata == 1);
  user_id = user_of(user).id;
  memset(&new_key, 0, sizeof new_key);
  new_key.size = sizeof new_key;
  new_key.metadata = text("of a key");
  CHECK_OK(talea_auth_issue_api_key(auth, &new_key, &key, &secret, &error));
  talea_secret_free(secret);
  CHECK(key_of(key).has_metadata == 1);
  key_id = key_of(key).id;
  check_user_metadata(auth, user_id, "alice@example.org");
  check_key_metadata(auth, key_id, "of a key");
  CHECK_OK(talea_auth_set_user_metadata(auth, user_id, "moved", 5, &error));
  CHECK_OK(talea_auth_set_api_key_metadata(auth, key_id, "short", 5, &error));
  check_user_metadata(auth, user_id, "moved");
  check_key_metadata(auth, key_id, "short");

  CHECK(talea_auth_rotate_master_key(auth, keys, 0, &records, NULL) == TALEA_INVALID_ARGUMENT);
  CHECK_OK(talea_auth_rotate_master_key(auth, keys, 2, &records, &error));
  CHECK(records == 2);
  CHECK_OK(talea_auth_rewrap_metadata(auth, &records, &error));
  CHECK(records == 0);
  talea_auth_free(auth);

  /* The older key is of no more use. */
  auth = open_auth(engine, older, 1);
  CHECK(talea_auth_user_metadata(auth, user_id, &secret, NULL) == TALEA_NOT_FOUND);
  CHECK(secret == NULL);
  CHECK(talea_auth_api_key_metadata(auth, key_id, &secret, NULL) == TALEA_NOT_FOUND);
  CHECK(talea_auth_rewrap_metadata(auth, NULL, NULL) == TALEA_NOT_FOUND);
  talea_auth_free(auth);
  auth = open_auth(engine, keys, 1);
  check_user_metadata(auth, user_id, "moved");
  CHECK_OK(talea_auth_set_user_metadata(auth, user_id, NULL, 0, &error));
  CHECK_OK(talea_auth_set_api_key_metadata(auth, key_id, NULL, 0, &error));
  check_user_metadata(auth, user_id, "");
  check_key_metadata(auth, key_id, "");
  CHECK(talea_auth_user_metadata(auth, "usr-", &secret, NULL) == TALEA_NOT_FOUND);
  CHECK(talea_auth_set_api_key_metadata(auth, "key-", "m", 1, NULL) == TALEA_NOT_FOUND);
  talea_users_free(user);
  talea_api_keys_free(key);
  talea_auth_free(auth);
  close_store(engine);
}

int main(void) {
  const char* temporary = getenv("TEST_TMPDIR");
  snprintf(root, sizeof root, "%s/talea_c_XXXXXX", temporary != NULL ? temporary : "/tmp");
  if (mkdtemp(root) == NULL) {
    perror(root);
    return 1;
  }
  test_names();
  test_options_and_errors();
  test_reaping_is_turned_off();
  test_keys();
  test_batches();
  test_history();
  test_apply();
  test_commit_async();
  test_scans_and_snapshots();
  test_changes();
  test_streams();
  test_upkeep();
  test_encryption();
  test_auth_options();
  test_users();
  test_api_keys();
  test_metadata();
  nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  puts("all parts of the C interface did what they promise");
  return 0;
}
