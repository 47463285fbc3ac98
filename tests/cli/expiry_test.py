#!/usr/bin/env python3
"""Keys that expire: put, expire, and the rows that carry when."""

import json
import os
import time

from talea_cli import SECONDS_MAX, Session, TaleaTest, main

HOUR_MS = 3_600_000
CHRISTMAS = "2026-12-24T18:00:00Z"
FAR = "9999-12-31T23:59:59Z"
FAR_MS = 253_402_300_799_000
PAST = "2001-01-01T00:00:00Z"
PAST_MS = 978_307_200_000


def now_ms():
    return time.time_ns() // 1_000_000


class Expiry(TaleaTest):
    def expiry(self, key, **options):
        """When the key expires; None: never."""
        return self.json("get", key, **options).get("expires_at_ms")

    def exported(self, store="store"):
        return [json.loads(line) for line in self.talea("export", store=store).splitlines()]

    # put

    def test_a_time_to_live_counts_from_the_commit(self):
        for text, ms in (("1h", HOUR_MS), ("2d", 48 * HOUR_MS), ("3600000ms", HOUR_MS)):
            before = now_ms()
            self.talea("put", "k", "v", "--ttl", text)
            after = now_ms()
            self.assertTrue(before + ms <= self.expiry("k") <= after + ms, text)
        self.assertEqual(self.talea("get", "k"), b"v")

    def test_a_moment_is_kept_to_the_millisecond(self):
        self.talea("put", "k", "v", "--expires-at", "2999-12-24T18:00:00.250Z")
        self.assertEqual(self.expiry("k"), 32_503_053_600_250)
        self.talea("put", "k", "v", "--expires-at", FAR_MS)
        self.assertEqual(self.expiry("k"), FAR_MS)
        self.talea("put", "k", "v", "--expires-at", FAR)
        self.assertEqual(self.expiry("k"), FAR_MS)

    def test_a_key_is_gone_when_its_time_has_come(self):
        self.talea("put", "short", "v", "--ttl", "1ms")
        self.talea("put", "long", "v", "--ttl", "1h")
        deadline = time.monotonic() + SECONDS_MAX
        while self.run_talea("get", "short").returncode == 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertIn("no key 'short'", self.errors("get", "short", expect=1))
        self.talea("get", "short", "-o", "json", expect=1)
        self.assertEqual(self.talea("scan", "--keys-only"), b"long\n")

    def test_a_moment_that_has_passed_is_legal_and_the_key_is_gone(self):
        self.talea("put", "k", "before")
        self.talea("put", "k", "v", "--expires-at", PAST)
        self.assertIn("no key 'k'", self.errors("get", "k", expect=1))
        (self.directory / "out").write_text("as it was")
        for form in ([], ["-o", "json"]):
            self.talea("get", "k", "--out", "out", *form, expect=1)
        self.assertEqual((self.directory / "out").read_text(), "as it was")
        self.assertEqual(self.talea("scan"), b"")
        self.talea("delete", "--must-exist", "k", expect=1)
        self.talea("put", "--if-absent", "k", "again")

    def test_a_put_takes_the_expiry_away_unless_it_keeps_it(self):
        self.talea("put", "k", "1", "--expires-at", FAR)
        self.talea("put", "k", "2", "--keep-ttl")
        self.assertEqual((self.talea("get", "k"), self.expiry("k")), (b"2", FAR_MS))
        self.talea("put", "k", "3")
        self.assertIsNone(self.expiry("k"))
        self.talea("put", "k", "4", "--keep-ttl")
        self.talea("put", "new", "5", "--keep-ttl")
        self.assertEqual((self.expiry("k"), self.expiry("new")), (None, None))

    def test_what_comes_from_a_pipe_expires_as_well(self):
        for bytes_ in (10, 3_000_000):
            value = os.urandom(bytes_)
            self.talea("put", "k", "-", "--expires-at", FAR, stdin=value)
            self.assertEqual(self.expiry("k"), FAR_MS)
            self.assertEqual(self.talea("get", "k"), value)
            self.talea("put", "k", "-", "--keep-ttl", stdin=value[1:])
            self.assertEqual((self.expiry("k"), self.talea("get", "k")), (FAR_MS, value[1:]))

    def test_the_text_of_a_value_is_the_value_alone(self):
        self.talea("put", "k", "v", "--ttl", "1h")
        self.assertEqual(self.talea("get", "k"), b"v")
        self.assertEqual(self.talea("scan"), b"k\tv\n")

    # expire

    def test_expire_changes_the_time_and_leaves_the_value(self):
        for value in (b"v", os.urandom(3_000_000)):
            first = json.loads(self.talea("put", "k", "-", "-o", "json", stdin=value))["sequence"]
            second = self.json("expire", "k", "--expires-at", FAR)["sequence"]
            self.assertGreater(second, first)
            found = self.json("get", "k")
            self.assertEqual((found["expires_at_ms"], found["revision"]), (FAR_MS, second))
            self.assertEqual(self.talea("get", "k"), value)
            self.assertEqual(self.talea("expire", "k", "--ttl", "1h"), b"")
            self.assertLess(self.expiry("k"), FAR_MS)
            self.talea("expire", "k", "--never")
            self.assertIsNone(self.expiry("k"))
            self.assertEqual(self.talea("get", "k"), value)
        self.talea("expire", "k", "--expires-at", PAST)
        self.talea("get", "k", expect=1)

    def test_expire_of_a_key_of_any_bytes(self):
        self.talea("put", "--key-base64", "/wA=", "v")
        self.talea("expire", "--key-base64", "/wA=", "--expires-at", FAR)
        self.assertEqual(self.json("get", "--key-base64", "/wA=")["expires_at_ms"], FAR_MS)

    def test_expire_of_an_absent_key_is_exit_code_one(self):
        self.talea("put", "other", "v")
        self.talea("put", "gone", "v", "--expires-at", PAST)
        sequence = self.json("stats")["last_sequence"]
        for key in ("absent", "gone"):
            for when in (["--ttl", "1h"], ["--expires-at", FAR], ["--never"]):
                self.assertIn(f"no key '{key}'", self.errors("expire", key, *when, expect=1))
        error = json.loads(self.errors("expire", "absent", "--never", "-o", "json", expect=1))
        self.assertEqual(error["error"]["code"], "not_found")
        self.talea("get", "absent", expect=1)
        # Opening it for writing may have removed what expired.
        self.assertLessEqual(self.json("stats")["last_sequence"], sequence + 1)

    # What is refused

    def test_a_time_that_is_none_is_a_usage_error_that_says_what_may_be_given(self):
        for verb in (["put", "k", "v"], ["expire", "k"]):
            for arguments, parts in ((["--ttl", "30"], ["'30' has no unit", "30ms, 30s, 30m, 30h or"]),
                                     (["--ttl=-5s"], ["'-5s'", "ms, s, m, h or d"]),
                                     (["--ttl", "36601d"], ["'36601d'", "1ms to 36600d"]),
                                     (["--expires-at", "tomorrow"], ["'tomorrow'", CHRISTMAS]),
                                     (["--expires-at", "2026-02-30T00:00:00Z"], ["no such day"])):
                errors = self.errors(*verb, *arguments, expect=2)
                for part in parts:
                    self.assertIn(part, errors)
        self.assertFalse((self.directory / "store").exists())

    def test_only_one_time_may_be_given(self):
        ttl, at = ["--ttl", "1h"], ["--expires-at", FAR]
        for both in (ttl + at, ttl + ["--keep-ttl"], at + ["--keep-ttl"]):
            errors = self.errors("put", "k", "v", *both, expect=2)
            self.assertIn(f"{both[0]} and ", errors)
            self.assertIn("only one", errors)
        for both in (ttl + at, ttl + ["--never"], at + ["--never"]):
            self.assertIn("only one", self.errors("expire", "k", *both, expect=2))
        self.assertIn("--never", self.errors("expire", "k", expect=2))
        self.errors("expire", "--ttl", "1h", expect=2)
        self.errors("expire", "k", "--keep-ttl", expect=2)
        self.errors("put", "k", "v", "--never", expect=2)
        self.assertFalse((self.directory / "store").exists())

    # Rows

    def fill(self):
        self.talea("put", "a", "1")
        self.talea("put", "b", "2", "--expires-at", FAR)
        self.talea("put", "c", "3", "--expires-at", PAST)
        self.talea("put", "large", "-", "--expires-at", FAR, stdin=b"x" * 2_000_000)

    def test_rows_carry_when_a_key_expires_and_no_row_is_of_one_that_has(self):
        self.fill()
        rows = self.exported()
        self.assertEqual([(row["key"], row.get("expires_at_ms")) for row in rows],
                         [("a", None), ("b", FAR_MS), ("large", FAR_MS)])
        self.assertEqual(rows[0], {"key": "a", "value": "1"})
        scanned = [json.loads(line) for line in self.talea("scan", "-o", "json").splitlines()]
        for row in scanned:
            self.assertGreater(row.pop("revision"), 0)
        self.assertEqual(scanned, rows)
        self.talea("export", "-q", "file")
        self.assertEqual((self.directory / "file").read_bytes(), self.talea("export"))

    def test_an_import_takes_over_when_keys_expire(self):
        self.fill()
        for verb in (["export"], ["scan", "-o", "json"]):
            copy = "copy-" + verb[0]
            self.talea("import", "-q", store=copy, stdin=self.talea(*verb))
            self.assertEqual(self.exported(copy), self.exported())

    def test_a_row_whose_time_has_passed_is_imported_as_expired(self):
        lines = [{"key": "old", "value": "v", "expires_at_ms": PAST_MS}, {"key": "k", "value": "v"},
                 {"key": "replaced", "value": "v"},
                 {"key": "replaced", "value": "v", "expires_at_ms": 1}]
        report = self.json("import", stdin="\n".join(map(json.dumps, lines)).encode())
        self.assertEqual((report["rows"], report["skipped"]), (4, 0))
        self.assertEqual(self.rows(), {b"k": b"v"})
        self.talea("get", "old", expect=1)

    def test_a_row_with_a_time_that_is_none_is_a_bad_line(self):
        good = b'{"key":"a","value":"1"}\n{"key":"b","value":"2","expires_at_ms":%d}\n' % FAR_MS
        for number, (field, part) in enumerate((
                (b'"expires_at_ms":253402300800000', "1 to 253402300799999"),
                (b'"expires_at_ms":"soon"', "whole number"), (b'"ttl_ms":5', "expires_at_ms"),
                (b'"keep_ttl":true', "expires_at_ms"))):
            store = f"store{number}"
            lines = good + b'{"key":"k","value":"v",' + field + b"}\n" + good
            errors = self.errors("import", stdin=lines, store=store, expect=4)
            self.assertIn("line 3: ", errors)
            self.assertIn(part, errors)
            self.assertIn("imported 2 rows", errors)
            report = self.json("import", "--skip-bad", stdin=lines, store=store)
            self.assertEqual((report["rows"], report["skipped"]), (4, 1))
            self.assertEqual(self.rows(store), {b"a": b"1", b"b": b"2"})

    # batch

    def test_a_batch_puts_keys_that_expire_and_changes_when(self):
        session = Session(self.directory)
        put = {"op": "put", "key": "k", "value": "v"}
        expire = {"op": "expire", "key": "k"}
        get = {"op": "get", "key": "k"}

        def found():
            return session.ask(get).get("expires_at_ms")

        before = now_ms()
        self.assertEqual(session.ask({**put, "ttl_ms": HOUR_MS}), {"sequence": 1})
        self.assertTrue(before + HOUR_MS <= found() <= now_ms() + HOUR_MS)
        self.assertEqual(session.ask({**put, "expires_at_ms": FAR_MS}), {"sequence": 2})
        self.assertEqual(session.ask(get), {"value": "v", "revision": 2, "expires_at_ms": FAR_MS})
        session.ask({**put, "keep_ttl": True})
        self.assertEqual(found(), FAR_MS)
        session.ask({**put, "keep_ttl": False})
        self.assertIsNone(found())
        self.assertEqual(session.ask({**expire, "expires_at_ms": FAR_MS}), {"sequence": 5})
        self.assertEqual(found(), FAR_MS)
        session.ask({**expire, "never": True})
        self.assertIsNone(found())
        session.ask({**expire, "ttl_ms": 1})
        deadline = time.monotonic() + SECONDS_MAX
        while session.ask(get) != {"value": None}:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(session.close(), (1, ""))

    def test_an_expire_of_an_absent_key_says_so_and_within_an_array_leaves_it(self):
        session = Session(self.directory)
        absent = {"op": "expire", "key": "absent", "never": True}
        self.assertEqual(session.ask(absent), {"sequence": None})
        self.assertEqual(session.ask([{"op": "put", "key": "k", "value": "v"}, absent]),
                         {"sequence": 1})
        self.assertEqual(session.ask({"op": "get", "key": "absent"}), {"value": None})
        self.assertEqual(session.close(), (1, ""))

    def test_an_expire_takes_conditions(self):
        session = Session(self.directory)
        session.ask({"op": "put", "key": "k", "value": "v"})
        expire = {"op": "expire", "key": "k", "expires_at_ms": FAR_MS}
        failed = session.ask({**expire, "if_revision": 7})["error"]
        self.assertEqual((failed["code"], failed["failed"]["condition"]), ("conflict", "if_revision"))
        self.assertEqual(session.ask({**expire, "if_revision": 1}), {"sequence": 2})
        failed = session.ask({**expire, "key": "absent", "if_present": True})["error"]
        self.assertEqual(failed["failed"]["condition"], "if_present")
        self.assertEqual(session.ask({"op": "get", "key": "k"})["expires_at_ms"], FAR_MS)
        self.assertEqual(session.close(), (1, ""))

    def test_an_array_changes_expiries_as_a_whole(self):
        session = Session(self.directory)
        session.ask([{"op": "put", "key": key, "value": key} for key in "abc"])
        array = [{"op": "expire", "key": "a", "expires_at_ms": FAR_MS},
                 {"op": "put", "key": "b", "value": "B", "expires_at_ms": PAST_MS},
                 {"op": "delete", "key": "c"}]
        self.assertIn("error", session.ask([*array[:2], {**array[2], "if_revision": 9}]))
        self.assertNotIn("expires_at_ms", session.ask({"op": "get", "key": "a"}))
        self.assertEqual(session.ask(array), {"sequence": 2})
        self.assertEqual(session.ask({"op": "get", "key": "a"})["expires_at_ms"], FAR_MS)
        for key in "bc":
            self.assertEqual(session.ask({"op": "get", "key": key}), {"value": None})
        self.assertEqual(session.close(), (1, ""))

    def test_within_an_array_what_is_about_the_key_before_it_comes_first(self):
        session = Session(self.directory)
        put = {"op": "put", "key": "k", "value": "1"}
        session.ask(put)
        for second in ({"op": "expire", "key": "k", "ttl_ms": HOUR_MS},
                       {"op": "put", "key": "k", "value": "3", "keep_ttl": True}):
            error = session.ask([{**put, "value": "2"}, second])["error"]
            self.assertEqual(error["code"], "invalid_argument")
            self.assertIn("another operation on 'k'", error["message"])
        self.assertEqual(session.ask({"op": "get", "key": "k"})["value"], "1")
        self.assertEqual(session.ask([{"op": "expire", "key": "k", "ttl_ms": HOUR_MS},
                                      {**put, "value": "2"}]), {"sequence": 2})
        self.assertEqual(session.ask({"op": "get", "key": "k"}), {"value": "2", "revision": 2})
        self.assertEqual(session.close(), (4, ""))

    def test_an_operation_with_an_expiry_it_cannot_have_is_refused(self):
        session = Session(self.directory)
        bad = [({"op": "put", "value": "v", "never": True}, "leave"),
               ({"op": "put", "value": "v", "ttl_ms": 0}, "1 to 3162240000000"),
               ({"op": "put", "value": "v", "ttl_ms": 2**64 - 1}, "1 to 3162240000000"),
               ({"op": "put", "value": "v", "ttl_ms": "30s"}, "whole number"),
               ({"op": "put", "value": "v", "ttl_ms": 5, "keep_ttl": True}, "only one"),
               ({"op": "put", "value": "v", "expires_at_ms": 2**63}, "1 to 253402300799999"),
               ({"op": "expire"}, "\"never\":true"),
               ({"op": "expire", "keep_ttl": True}, "keep_ttl"),
               ({"op": "expire", "ttl_ms": 5, "never": True}, "only one"),
               ({"op": "expire", "ttl_ms": 5, "value": "v"}, "no value"),
               ({"op": "get", "ttl_ms": 5}, "no expiry"),
               ({"op": "delete", "expires_at_ms": 5}, "no expiry"),
               ({"op": "delete", "never": True}, "no expiry")]
        for operation, part in bad:
            error = session.ask({**operation, "key": "k"})["error"]
            self.assertEqual(error["code"], "invalid_argument", operation)
            self.assertIn(part, error["message"])
        self.assertIn("error", session.ask({"op": "stats", "ttl_ms": 5}))
        self.assertEqual(session.ask({"op": "stats"})["stats"]["last_sequence"], 0)
        self.assertEqual(session.close(), (4, ""))


if __name__ == "__main__":
    main()
