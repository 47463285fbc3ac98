#!/usr/bin/env python3
"""scan: order, bounds and forms."""

import base64
import json
import os
import pty
import subprocess

from talea_cli import PROGRAM, TaleaTest, environment, main

ROWS = {"a": "1", "b/1": "2", "b/2": "3", "b/3": "4", "c": "5"}


class Scan(TaleaTest):
    def setUp(self):
        super().setUp()
        self.import_rows(ROWS, "-q")

    def keys(self, *arguments):
        return self.talea("scan", "--keys-only", *arguments).decode().split()

    def test_rows_are_key_tab_value_in_order(self):
        self.assertEqual(self.talea("scan"), b"a\t1\nb/1\t2\nb/2\t3\nb/3\t4\nc\t5\n")

    def test_bounds_are_applied(self):
        self.assertEqual(self.keys("--prefix", "b/"), ["b/1", "b/2", "b/3"])
        self.assertEqual(self.keys("--start", "b/2", "--end", "c"), ["b/2", "b/3"])
        self.assertEqual(self.keys("--reverse"), ["c", "b/3", "b/2", "b/1", "a"])
        self.assertEqual(self.keys("--prefix", "b/", "--reverse", "--limit", "2"), ["b/3", "b/2"])
        self.assertEqual(self.keys("--prefix", "none"), [])

    def test_json_rows_carry_the_revision(self):
        rows = [json.loads(line) for line in self.talea("scan", "-o", "json").splitlines()]
        self.assertEqual([row["key"] for row in rows], sorted(ROWS))
        self.assertEqual([row["value"] for row in rows], [ROWS[key] for key in sorted(ROWS)])
        self.assertEqual({row["revision"] for row in rows}, {1})

    def test_what_json_shows_can_be_imported(self):
        self.talea("import", "-q", store="copy", stdin=self.talea("scan", "-o", "json"))
        self.assertEqual(self.rows("copy"), self.rows())

    def test_keys_of_any_bytes_are_in_base64(self):
        key = base64.b64encode(b"\xff\x00").decode()
        self.talea("put", "--key-base64", key, "v")
        prefix = base64.b64encode(b"\xff").decode()
        row = json.loads(self.talea("scan", "-o", "json", "--key-base64", "--prefix", prefix))
        self.assertEqual(row["key_base64"], key)

    def test_a_pipe_gets_bytes_and_a_terminal_gets_escapes(self):
        self.talea("put", "d\x1b", "-", stdin=b"\xff\n")
        self.assertEqual(self.talea("scan", "--prefix", "d"), b"d\x1b\t\xff\n\n")
        self.assertEqual(self.on_terminal("scan", "--prefix", "d"), b"d\\x1b\t\\xff\\n\r\n")

    def on_terminal(self, *arguments):
        """What the program writes to a terminal."""
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen([PROGRAM, "-s", "store", *arguments], cwd=self.directory,
                                       env=environment(), stdout=theirs)
            self.assertEqual(process.wait(), 0)
            return os.read(ours, 65536)
        finally:
            os.close(ours)
            os.close(theirs)


if __name__ == "__main__":
    main()
