"""What the tests of the program share: running it, and a directory of its own for each test."""

import base64
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = os.environ.get("TALEA_PROGRAM", "talea")
SECONDS_MAX = 120  # a deadline for what hangs, not a measure of time


def environment():
    """Ours without what would change the program's behaviour."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TALEA_")}


class Session:
    """A running `talea batch`: lines go in, and come out."""

    def __init__(self, directory, *arguments, store="store", env=None):
        self.process = subprocess.Popen(
            [PROGRAM, "-s", store, *arguments, "batch"], cwd=directory,
            env={**environment(), **(env or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.buffer = b""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def send(self, operation):
        self.process.stdin.write(json.dumps(operation).encode() + b"\n")

    def receive(self):
        """The next line that comes out; fails at the deadline or at the end."""
        deadline = time.monotonic() + SECONDS_MAX
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                raise AssertionError("no result within the deadline")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError(f"the output ended: {self.process.stderr.read()}")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, operation):
        self.send(operation)
        return self.receive()

    def close(self):
        """Ends the input; the exit code."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        errors = self.process.stderr.read()
        code = self.process.wait(SECONDS_MAX)
        self.release()
        assert not rest and not self.buffer, rest
        return code, errors.decode()

    def release(self):
        self.selector.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class TaleaTest(unittest.TestCase):
    """A test that runs `talea` in a directory of its own."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="talea-cli-", dir=os.environ.get("TEST_TMPDIR")))
        self.addCleanup(shutil.rmtree, self.directory)

    def talea(self, *arguments, expect=0, store="store", stdin=b"", **options):
        """Runs the program; its output. `expect` is the exit code that it has to have."""
        done = self.run_talea(*arguments, store=store, stdin=stdin, **options)
        self.assertEqual(done.returncode, expect, (arguments, (done.stdout or b"")[-2000:], done.stderr))
        return done.stdout

    def errors(self, *arguments, expect, store="store", stdin=b"", **options):
        """As talea(), and returns what is on the standard error."""
        done = self.run_talea(*arguments, store=store, stdin=stdin, **options)
        self.assertEqual(done.returncode, expect, (arguments, (done.stdout or b"")[-2000:], done.stderr))
        return done.stderr.decode()

    def run_talea(self, *arguments, store="store", stdin=b"", stdout=subprocess.PIPE, env=None):
        command = [PROGRAM] + (["-s", store] if store else []) + [str(a) for a in arguments]
        return subprocess.run(
            command, cwd=self.directory, env={**environment(), **(env or {})}, input=stdin,
            stdout=stdout, stderr=subprocess.PIPE, timeout=SECONDS_MAX, check=False)

    def json(self, *arguments, **options):
        return json.loads(self.talea(*arguments, "-o", "json", **options))

    def rows(self, store="store"):
        """All keys and values, as bytes."""
        rows = {}
        for line in self.talea("export", store=store).splitlines():
            row = json.loads(line)
            rows[bytes_of(row, "key")] = bytes_of(row, "value")
        return rows

    def import_rows(self, rows, *arguments, **options):
        return self.talea("import", *arguments, stdin=ndjson(rows), **options)

    def contents(self):
        """Names, bytes and times of all that is in the store's directory."""
        found = {}
        for path in [self.directory / "store", *sorted((self.directory / "store").iterdir())]:
            status = path.stat()
            content = path.read_bytes() if path.is_file() else None
            found[path.name] = (content, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        return found

    def log_files(self):
        return sorted((self.directory / "store").glob("*.log"))


def bytes_of(row, name):
    if name in row:
        return row[name].encode()
    return base64.b64decode(row[name + "_base64"])


def ndjson(rows):
    """Rows of text or bytes as the lines that `import` reads."""
    lines = []
    for key, value in rows.items():
        row = {}
        for name, content in (("key", key), ("value", value)):
            if isinstance(content, bytes):
                row[name + "_base64"] = base64.b64encode(content).decode()
            else:
                row[name] = content
        lines.append(json.dumps(row) + "\n")
    return "".join(lines).encode()


def main():
    unittest.main(verbosity=2)
