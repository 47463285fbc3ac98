#!/usr/bin/env python3
"""copy: between stores on this machine. tests/s3/ has those on S3."""

import json
import signal
import subprocess
import unittest

from talea_cli import PROGRAM, SECONDS_MAX, TaleaTest, environment, main


class Copy(TaleaTest):
    def copy(self, *arguments, **options):
        return self.json("copy", *arguments, store=None, **options)

    def copy_errors(self, *arguments, expect):
        return self.errors("copy", *arguments, store=None, expect=expect)

    def fill(self, store, count):
        self.import_rows({f"key{i:05}": f"value {i}" for i in range(count)}, store=store)

    def test_what_is_there_is_copied_and_proved(self):
        self.fill("data", 2500)
        report = self.copy("data", "copy")
        self.assertEqual(report["source"], report["destination"])
        self.assertEqual(report["source"]["entries"], 2500)
        self.assertEqual(len(report["source"]["sha256"]), 64)
        self.assertEqual([report[name] for name in ("history", "equal", "written", "skipped")],
                         [False, True, 2500, 0])
        self.assertNotIn("remark", report, "nothing is missed of a past that is not kept")
        self.assertEqual(self.rows("copy"), self.rows("data"))
        again = self.copy("data", "copy")
        self.assertEqual((again["written"], again["skipped"]), (0, 2500))
        self.assertEqual(again["source"], report["source"])
        self.talea("verify", store="copy")

    def test_the_source_is_not_touched(self):
        self.fill("store", 100)
        before = self.contents()
        self.copy("store", "copy")
        self.assertEqual(self.contents(), before)

    def test_an_empty_store_is_copied(self):
        self.talea("import", store="data")
        self.assertEqual(self.copy("data", "copy")["source"]["entries"], 0)
        self.assertEqual(self.rows("copy"), {})

    def test_people_are_told_counts_and_hashes(self):
        self.fill("data", 3)
        text = self.talea("copy", "data", "copy", store=None).decode()
        for words in ("keys at the source", "keys at the destination", "there already"):
            self.assertIn(words, text)
        self.assertEqual(text.count("sha256:"), 2)
        self.assertEqual(self.talea("copy", "-q", "data", "copy", store=None), b"")

    def test_history_goes_along_where_both_keep_it(self):
        for value in ("1", "2", "3"):
            self.talea("--retain", "all", "put", "a", value, store="data")
        self.talea("put", "gone", "x", store="data")
        self.talea("delete", "gone", store="data")
        report = self.copy("data", "copy", "--retain", "all")
        self.assertTrue(report["history"])
        self.assertEqual(report["written"], 5)
        history = [json.loads(line) for line in
                   self.talea("history", "a", "-o", "json", store="copy").splitlines()]
        self.assertEqual(len(history), 3)
        self.talea("put", "a", "4", store="data")
        self.assertEqual(self.copy("data", "copy", "--history")["written"], 1)
        latest = self.copy("data", "latest")
        self.assertFalse(latest["history"])
        self.assertIn("--retain all", latest["remark"])
        self.assertIn("--retain all", self.copy_errors("data", "other", "--history", expect=4))
        self.talea("put", "a", "5", store="copy")
        self.assertIn("gone on by itself", self.copy_errors("data", "copy", expect=1))

    def test_a_copy_of_a_store_that_forgets_can_be_repeated(self):
        self.talea("put", "a", "1", store="data")
        self.assertTrue(self.copy("data", "copy", "--retain", "all")["equal"])
        self.talea("put", "a", "2", store="data")
        again = self.copy("data", "copy")
        self.assertEqual([again[name] for name in ("history", "equal", "written", "replaced")],
                         [False, True, 1, 1])
        self.talea("put", "a", "3", store="data")
        self.assertEqual(self.copy("data", "copy", "--check")["replaced"], 1)
        errors = self.copy_errors("data", "copy", "--history", expect=1)
        self.assertIn("another past", errors)
        self.assertIn("talea copy --latest data copy", errors)

    def test_other_keys_are_refused_or_merged(self):
        self.fill("data", 3)
        self.talea("put", "other", "x", store="copy")
        self.assertIn("'other'", self.copy_errors("data", "copy", expect=1))
        self.assertEqual(len(self.rows("copy")), 1)
        self.assertTrue(self.copy("data", "copy", "--merge")["equal"])
        self.assertEqual(len(self.rows("copy")), 4)

    def test_one_place_is_refused_however_it_is_named(self):
        self.fill("data", 3)
        (self.directory / "link").symlink_to("data")
        for name in ("data", "./data/", "file:data", "link"):
            self.assertIn("one place", self.copy_errors("data", name, expect=2))

    def test_what_cannot_be_is_usage(self):
        self.fill("data", 1)
        self.copy_errors("data", expect=2)
        self.copy_errors("data", "copy", "--history", "--latest", expect=2)
        self.copy_errors("data", "copy", "--values", "other", expect=2)
        for names in (("nowhere://x", "copy"), ("data", "nowhere://x"), ("data", "s3://bucket/x")):
            errors = self.copy_errors(*names, expect=2)
            self.assertIn("there is no kind of store", errors)
            self.assertIn("immukv+s3", errors, "what there is")
        self.assertIn("name a directory", self.copy_errors("data", "memory:", expect=2))
        self.assertIn("BUCKET", self.copy_errors("data", "s4db+s3:///prefix", expect=2))
        self.assertIn("open none", self.copy_errors("none", "copy", expect=4))
        self.assertFalse((self.directory / "copy").exists())

    def test_what_a_destination_cannot_keep_is_refused_before_it_is_made(self):
        self.fill("data", 3)
        for store in ("rocksdb:copy", "s4db+s3://bucket/p?endpoint=http://127.0.0.1:1"):
            self.assertIn("told to a store in a directory",
                          self.copy_errors("--retain", "all", "data", store, expect=2))
        self.assertFalse((self.directory / "copy").exists())

    def test_rocksdb_is_a_place_like_others(self):
        if self.run_talea("put", "k", "v", store="rocksdb:probe").returncode != 0:
            self.skipTest("this build has no RocksDB")
        self.fill("data", 2500)
        self.talea("put", "bytes", "-", stdin=b"\xff\x00", store="data")
        self.talea("put", "soon", "x", "--expires-at", "2990-01-01T00:00:00Z", store="data")
        self.assertEqual(self.copy("data", "rocksdb:one")["written"], 2502)
        self.assertEqual(self.copy("rocksdb:one", "rocksdb:two")["written"], 2502)
        back = self.copy("rocksdb:two", "back")
        self.assertEqual(back["source"], self.copy("data", "back")["source"])
        self.assertEqual(self.rows("back"), self.rows("data"))
        self.assertEqual(self.json("get", "soon", store="back")["expires_at_ms"], 32_188_147_200_000)
        self.assertIn("newest value", self.copy_errors("--history", "rocksdb:two", "back", expect=4))
        self.assertIn("one place", self.copy_errors("rocksdb:one", "rocksdb:./one/", expect=2))

    def test_a_check_lists_and_writes_nothing(self):
        self.fill("data", 3)
        report = self.copy("data", "copy", "--check")
        self.assertEqual(report["obstacles"], [])
        self.assertEqual(report["source"]["entries"], 3)
        self.assertFalse((self.directory / "copy").exists())
        self.talea("put", "other", "x", store="copy")
        before = self.rows("copy")
        listed = json.loads(self.talea("copy", "data", "copy", "--check", "-o", "json", store=None,
                                       expect=1))
        self.assertEqual([obstacle["key"] for obstacle in listed["obstacles"]], ["other"])
        self.assertIn(b"other\t", self.talea("copy", "data", "copy", "--check", store=None,
                                             expect=1))
        self.assertEqual(self.rows("copy"), before)

    def test_values_change_their_form_and_back(self):
        self.import_rows({"a": "text", "b": b"\xff\x00"}, store="data")
        self.copy("data", "json", "--values", "to-json")
        self.assertEqual(self.rows("json"), {b"a": b'"text"', b"b": b'{"base64":"/wA="}'})
        self.copy("json", "back", "--values", "from-json")
        self.assertEqual(self.rows("back"), self.rows("data"))

    def test_expiries_and_large_values_go_along(self):
        large = bytes(range(256)) * 20_000
        self.talea("put", "large", "-", stdin=large, store="data")
        self.talea("put", "soon", "x", "--expires-at", "2990-01-01T00:00:00Z", store="data")
        self.assertTrue(self.copy("data", "copy")["equal"])
        self.assertEqual(self.talea("get", "large", store="copy"), large)
        self.assertEqual(self.json("get", "soon", store="copy")["expires_at_ms"], 32_188_147_200_000)

    def test_each_side_has_its_own_key(self):
        for name in ("one", "two"):
            path = self.directory / name
            path.write_text(("1" if name == "one" else "2") * 64)
            path.chmod(0o600)
        self.talea("--key-file", "one", "put", "a", "secret", store="data")
        report = self.copy("data", "copy", "--source-key-file", "one", "--key-file", "two")
        self.assertTrue(report["equal"])
        self.assertEqual(self.talea("--key-file", "two", "get", "a", store="copy"), b"secret")
        self.assertTrue(self.copy("data", "plain", "--source-key-file", "one")["equal"])
        self.assertIn("--source-key-file", self.copy_errors("data", "other", expect=4))
        self.assertIn("--key-file", self.copy_errors("plain", "copy", expect=4))

    def test_a_copy_that_is_interrupted_goes_on(self):
        self.fill("data", 20_000)
        process = subprocess.Popen([PROGRAM, "copy", "data", "copy"], cwd=self.directory,
                                   env=environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        # The directory of the copy is made at its beginning.
        while not (self.directory / "copy").exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        # It may have been done before, or have had no handler yet.
        self.assertIn(process.returncode, (0, 130, -signal.SIGINT), errors)
        report = self.copy("data", "copy")
        self.assertTrue(report["equal"])
        self.assertEqual(report["written"] + report["skipped"], 20_000)

    def test_a_copy_that_is_killed_goes_on(self):
        self.fill("data", 20_000)
        process = subprocess.Popen([PROGRAM, "copy", "data", "copy"], cwd=self.directory,
                                   env=environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        while not (self.directory / "copy").exists() and process.poll() is None:
            pass
        process.kill()
        process.communicate(timeout=SECONDS_MAX)
        self.assertTrue(self.copy("data", "copy")["equal"])
        self.assertEqual(self.rows("copy"), self.rows("data"))


if __name__ == "__main__":
    main()
