#!/usr/bin/env python3
"""Large values and large stores pass through in little memory."""

import os
import subprocess
import threading

from talea_cli import PROGRAM, TaleaTest, environment, main

MEBIBYTE = 1024 * 1024
VALUE_BYTES = 300 * MEBIBYTE
MEMORY_BYTES_MAX = 64 * MEBIBYTE


class Memory(TaleaTest):
    def memory_of(self, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        """The most memory that a command had resident, in bytes."""
        process = subprocess.Popen([PROGRAM, "-s", "store", *arguments], cwd=self.directory,
                                   env=environment(), stdin=stdin, stdout=stdout)
        if stdin == subprocess.PIPE:
            writer = threading.Thread(target=self.write_value, args=(process.stdin,))
            writer.start()
        _, status, usage = os.wait4(process.pid, 0)
        if stdin == subprocess.PIPE:
            writer.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, arguments)
        return usage.ru_maxrss * 1024

    @staticmethod
    def write_value(stream):
        piece = os.urandom(MEBIBYTE)
        for _ in range(VALUE_BYTES // MEBIBYTE):
            stream.write(piece)
        stream.close()

    def test_a_large_value_is_streamed_in_and_out(self):
        self.assertLess(self.memory_of("put", "k", "-", stdin=subprocess.PIPE), MEMORY_BYTES_MAX)
        self.assertLess(self.memory_of("get", "k", "--out", "value"), MEMORY_BYTES_MAX)
        self.assertEqual((self.directory / "value").stat().st_size, VALUE_BYTES)
        self.assertLess(self.memory_of("put", "copy", "@value"), MEMORY_BYTES_MAX)
        self.assertLess(self.memory_of("get", "copy"), MEMORY_BYTES_MAX)

    def test_import_and_export_take_memory_for_one_batch_and_not_for_all(self):
        self.write_rows(self.directory / "rows", 150)
        self.assertLess(self.memory_of("--quiet", "import", "rows"), MEMORY_BYTES_MAX + 32 * MEBIBYTE)
        self.assertLess(self.memory_of("export"), MEMORY_BYTES_MAX)

    def test_a_value_beyond_a_gibibyte_is_refused_as_a_row_and_streamed_as_a_file(self):
        length = 1024 * MEBIBYTE + 1
        with open(self.directory / "value", "wb") as file:
            file.truncate(length)
        self.assertLess(self.memory_of("put", "k", "@value"), MEMORY_BYTES_MAX)
        for arguments in (["get", "k", "-o", "json"], ["scan"], ["scan", "-o", "json"], ["export"]):
            self.assertIn("--out FILE", self.errors(*arguments, expect=4))
        self.talea("scan", "--keys-only")
        self.assertLess(self.memory_of("get", "k", "--out", "copy"), MEMORY_BYTES_MAX)
        self.assertEqual((self.directory / "copy").stat().st_size, length)

    @staticmethod
    def write_rows(path, mebibytes):
        """Rows of a mebibyte each."""
        with open(path, "w") as file:
            for number in range(mebibytes):
                file.write(f'{{"key":"{number}","value":"{"x" * MEBIBYTE}"}}\n')


if __name__ == "__main__":
    main()
