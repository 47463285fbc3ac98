#!/usr/bin/env python3
"""put, get and delete."""

import base64
import os

from talea_cli import TaleaTest, main

ALL_BYTES = bytes(range(256))
LARGE_BYTES = 5 * 1024 * 1024


class PutGetDelete(TaleaTest):
    def test_a_value_comes_back_byte_for_byte_and_nothing_more(self):
        self.assertEqual(self.talea("put", "k", "v"), b"")
        self.assertEqual(self.talea("get", "k"), b"v")

    def test_values_that_look_like_options_or_lists_are_values(self):
        for value in ["", "[a,b]", "{}", '"q"', "%%", "a b", "put", "=", "--", "é", " "]:
            self.talea("put", "--", "k", value)
            self.assertEqual(self.talea("get", "k"), value.encode(), value)
        self.talea("put", "--", "-n", "-5")
        self.assertEqual(self.talea("get", "--", "-n"), b"-5")
        self.talea("put", "put", "get")
        self.assertEqual(self.talea("get", "put"), b"get")

    def test_a_value_comes_from_a_file_or_the_standard_input(self):
        (self.directory / "file").write_bytes(ALL_BYTES)
        self.talea("put", "file", "@file")
        self.talea("put", "pipe", "-", stdin=ALL_BYTES)
        self.talea("put", "at", "@@file")
        self.talea("put", "empty", "-", stdin=b"")
        self.assertEqual(self.talea("get", "file"), ALL_BYTES)
        self.assertEqual(self.talea("get", "pipe"), ALL_BYTES)
        self.assertEqual(self.talea("get", "at"), b"@file")
        self.assertEqual(self.talea("get", "empty"), b"")

    def test_a_file_that_is_missing_writes_nothing(self):
        self.assertIn("'nothing'", self.errors("put", "k", "@nothing", expect=4))
        self.assertFalse((self.directory / "store").exists())

    def test_a_directory_is_no_value(self):
        (self.directory / "sub").mkdir()
        self.errors("put", "k", "@sub", expect=4)

    def test_large_values_come_from_files_and_pipes(self):
        large = os.urandom(LARGE_BYTES)
        (self.directory / "large").write_bytes(large)
        self.talea("put", "file", "@large")
        self.talea("put", "pipe", "-", stdin=large)
        self.assertEqual(self.talea("get", "file"), large)
        self.talea("get", "pipe", "--out", "copy")
        self.assertEqual((self.directory / "copy").read_bytes(), large)
        found = self.json("get", "pipe")
        self.assertEqual(base64.b64decode(found["value_base64"]), large)

    def test_keys_may_be_any_bytes(self):
        key = base64.b64encode(ALL_BYTES).decode()
        self.talea("put", "--key-base64", key, "v")
        self.assertEqual(self.talea("get", "--key-base64", key), b"v")
        found = self.json("get", "--key-base64", key)
        self.assertEqual(found["key_base64"], key)
        self.talea("delete", "--must-exist", "--key-base64", key)
        self.talea("get", "--key-base64", key, expect=1)

    def test_keys_outside_the_limits_are_refused_with_the_limit(self):
        self.assertIn("65536", self.errors("put", "", "v", expect=2))
        self.assertIn("65537", self.errors("put", "k" * 65537, "v", expect=2))
        self.talea("put", "k" * 65536, "v")

    def test_json_tells_the_revision(self):
        sequence = self.json("put", "k", "v")["sequence"]
        self.assertEqual(self.json("get", "k"), {"key": "k", "value": "v", "revision": sequence})

    def test_an_absent_key_is_exit_code_one(self):
        self.talea("put", "k", "v")
        errors = self.errors("get", "absent\x1b", expect=1)
        self.assertIn("'absent\\x1b'", errors)
        self.assertIn("next: ", errors)

    def test_out_leaves_a_file_alone_when_there_is_nothing_to_write(self):
        self.talea("put", "k", "v")
        (self.directory / "out").write_text("before")
        self.talea("get", "absent", "--out", "out", expect=1)
        self.assertEqual((self.directory / "out").read_text(), "before")
        self.talea("get", "k", "--out", "out")
        self.assertEqual((self.directory / "out").read_text(), "v")
        self.assertEqual(sorted(os.listdir(self.directory)), ["out", "store"])

    def test_if_absent_writes_once(self):
        self.talea("put", "--if-absent", "lock", "mine")
        errors = self.errors("put", "--if-absent", "lock", "yours", expect=1)
        self.assertIn("absent", errors)
        self.assertEqual(self.talea("get", "lock"), b"mine")

    def test_if_revision_writes_over_what_was_read(self):
        first = self.json("put", "k", "1")["sequence"]
        self.talea("put", "--if-revision", first, "k", "2")
        self.talea("put", "--if-revision", first, "k", "3", expect=1)
        self.talea("delete", "--if-revision", first, "k", expect=1)
        self.assertEqual(self.talea("get", "k"), b"2")

    def test_delete_of_an_absent_key_is_no_error_unless_it_must_exist(self):
        self.talea("put", "k", "v")
        self.assertEqual(self.talea("delete", "k"), b"")
        self.talea("get", "k", expect=1)
        self.talea("delete", "k")
        self.assertIn("no key 'k'", self.errors("delete", "--must-exist", "k", expect=1))

    def test_every_sync_mode_stores(self):
        for mode in ("always", "interval", "never"):
            self.talea("--sync", mode, "put", mode, mode)
            self.assertEqual(self.talea("get", mode), mode.encode())


if __name__ == "__main__":
    main()
