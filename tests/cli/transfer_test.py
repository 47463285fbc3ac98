#!/usr/bin/env python3
"""import and export."""

import base64
import json
import os
import pty
import random
import re
import signal
import subprocess

from talea_cli import PROGRAM, SECONDS_MAX, TaleaTest, environment, main, ndjson


class Transfer(TaleaTest):
    def test_a_store_of_any_bytes_comes_back_identical(self):
        seed = int(os.environ.get("TALEA_SEED", random.randrange(2**32)))
        print(f"seed={seed}")
        dice = random.Random(seed)
        rows = {bytes([n]): bytes(range(256)) for n in range(256)}
        for number in range(3000):
            rows[dice.randbytes(dice.randrange(1, 40))] = dice.randbytes(dice.randrange(0, 300))
            rows[f"text {number} é\n\"\\".encode()] = f"\u0000\u001f {number} €".encode()
        rows[b"k" * 65536] = b""
        rows[b"large"] = dice.randbytes(3_000_000)
        rows[b"large text"] = b"\n" * 2_000_000
        self.import_rows(rows, "-q")
        self.assertEqual(self.rows(), rows)
        exported = self.talea("export")
        self.talea("import", "-q", store="copy", stdin=exported)
        self.assertEqual(self.talea("export", store="copy"), exported)

    def test_an_export_to_a_file_is_what_the_pipe_gets(self):
        self.import_rows({f"{n}": "v" for n in range(100)}, "-q")
        report = self.errors("export", "out.ndjson", expect=0)
        self.assertRegex(report, r"exported 100 rows")
        self.assertEqual((self.directory / "out.ndjson").read_bytes(), self.talea("export"))
        self.assertEqual(self.json("export", "out.ndjson")["rows"], 100)
        self.assertEqual(sorted(os.listdir(self.directory)), ["out.ndjson", "store"])

    def test_an_export_that_fails_leaves_the_old_file(self):
        self.import_rows({f"{n:04}": "v" * 100 for n in range(1000)}, "-q", "--batch", "10")
        (self.directory / "out").write_text("before")
        log = max(self.log_files(), key=lambda path: path.stat().st_size)
        content = bytearray(log.read_bytes())
        position = content.index(b"v" * 100, len(content) // 2)
        content[position + 50] ^= 1
        log.write_bytes(content)
        self.talea("export", "out", expect=3)
        self.assertEqual((self.directory / "out").read_text(), "before")
        self.assertEqual(sorted(os.listdir(self.directory)), ["out", "store"])

    def test_an_export_to_a_place_that_is_not_there_says_so(self):
        self.talea("put", "k", "v")
        self.assertIn("No such file", self.errors("export", "none/out", expect=4))

    def test_the_report_counts_what_was_imported(self):
        report = self.json("import", stdin=ndjson({"a": "12", "b": "3"}))
        self.assertEqual({**report, "seconds": 0}, {"rows": 2, "keys": 2, "bytes": 5, "skipped": 0,
                                                    "seconds": 0, "complete": True})
        text = self.errors("import", stdin=ndjson({"c": "1"}), expect=0)
        self.assertRegex(text, r"imported 1 rows .* 3 keys")
        self.assertEqual(self.errors("import", "--quiet", stdin=ndjson({"c": "1"}), expect=0), "")

    def test_a_file_is_imported_like_a_pipe(self):
        (self.directory / "in").write_bytes(ndjson({"a": "1"}))
        self.talea("import", "-q", "in")
        self.assertEqual(self.rows(), {b"a": b"1"})
        self.errors("import", "nothing", expect=4)

    def test_the_last_of_two_rows_of_a_key_wins(self):
        for size in ("1", "1000"):
            self.talea("import", "-q", "--batch", size,
                       stdin=ndjson({"a": "1"}) + ndjson({"a": "2"}) + ndjson({"b": "3"}))
            self.assertEqual(self.rows(), {b"a": b"2", b"b": b"3"})

    def test_a_bad_line_stops_after_the_rows_before_it(self):
        for bad in (b"x\n", b"\n", b'{"key":"k"}\n', b'{"value":"v"}\n', b'{"key":"","value":"v"}\n',
                    b'{"op":"put","key":"k","value":"v"}\n', b'[{"key":"k","value":"v"}]\n',
                    b'{"key":"k","value":"v","expires":1}\n'):
            lines = ndjson({"a": "1", "b": "2"}) + bad + ndjson({"c": "3"})
            store = f"store{abs(hash(bad))}"
            errors = self.errors("import", stdin=lines, store=store, expect=4)
            self.assertIn("line 3: ", errors)
            self.assertIn("imported 2 rows", errors)
            self.assertEqual(self.rows(store), {b"a": b"1", b"b": b"2"})
            report = self.json("import", "--skip-bad", stdin=lines, store=store)
            self.assertEqual((report["rows"], report["skipped"]), (3, 1))

    def test_rows_go_into_atomic_batches_of_the_given_size(self):
        self.import_rows({f"{n}": "v" for n in range(10)}, "-q", "--batch", "4")
        self.assertEqual(self.json("stats")["last_sequence"], 3)

    def test_an_interruption_keeps_whole_batches_and_says_how_many(self):
        process = subprocess.Popen(
            [PROGRAM, "-s", "store", "import", "-o", "json"], cwd=self.directory,
            env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        # More than a pipe holds: when all is written, the program is reading.
        process.stdin.write(ndjson({f"{n:06}": "x" * 100 for n in range(10000)}))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        report = json.loads(process.stdout.read())
        error = json.loads(process.stderr.read())["error"]
        process.stdin.close()
        self.assertEqual(process.wait(SECONDS_MAX), 130)
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(error["code"], "cancelled")
        self.assertFalse(report["complete"])
        self.assertEqual(sorted(self.rows()),
                         [f"{n:06}".encode() for n in range(report["rows"])])

    def test_a_terminal_shows_progress_and_a_pipe_does_not(self):
        rows = ndjson({f"{n}": "v" for n in range(3000)})
        (self.directory / "in").write_bytes(rows)
        text = self.on_terminal("import", "in")
        self.assertRegex(text, r"import  \[[#-]{20}\]  \d+ %  .* of .*/s")
        self.assertIn("imported 3000 rows", text)
        self.assertEqual(self.on_terminal("import", "--quiet", "in"), "")
        self.assertNotRegex(self.errors("import", "in", expect=0), re.escape("["))

    def on_terminal(self, *arguments):
        """What the program writes to a terminal that is its standard error."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, "-s", "store", *arguments], cwd=self.directory,
                                   env=environment(), stderr=theirs, stdout=subprocess.DEVNULL)
        os.close(theirs)
        text = b""
        try:
            while True:
                piece = os.read(ours, 65536)
                if not piece:
                    break
                text += piece
        except OSError:
            pass  # how a terminal says that the other end is closed
        os.close(ours)
        self.assertEqual(process.wait(), 0)
        return text.decode()

    def test_revisions_and_base64_of_other_tools_are_taken(self):
        value = base64.b64encode(b"\x00\x01").decode()
        self.talea("import", "-q", stdin=json.dumps(
            {"key": "k", "value_base64": value, "revision": 77}).encode())
        self.assertEqual(self.talea("get", "k"), b"\x00\x01")


if __name__ == "__main__":
    main()
