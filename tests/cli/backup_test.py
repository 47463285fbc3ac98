#!/usr/bin/env python3
"""backup, backups, restore, repair and changes."""

import signal
import subprocess

from talea_cli import PROGRAM, SECONDS_MAX, TaleaTest, environment, main


class Backups(TaleaTest):
    def target(self):
        return str(self.directory / "backups")

    def put(self, key, value):
        self.talea("put", key, value)

    def test_a_restored_store_is_what_was_backed_up(self):
        self.put("a", "1")
        self.put("b", "2")
        first = self.json("backup", self.target())
        self.assertEqual(first["last_sequence"], 2)
        self.assertEqual(first["files_copied"], first["files"])
        self.put("a", "3")
        second = self.json("backup", self.target())
        self.assertLess(second["bytes_copied"], second["bytes"])
        self.put("a", "4")
        self.json("restore", self.target(), store="copy")
        self.assertEqual(self.rows("copy"), {b"a": b"3", b"b": b"2"})
        self.json("restore", self.target(), "--at", "2", store="older")
        self.assertEqual(self.rows("older"), {b"a": b"1", b"b": b"2"})

    def test_backups_are_listed_verified_and_removed(self):
        for value in "123":
            self.put("a", value)
            self.json("backup", self.target())
        listed = self.json("backups", self.target(), "--verify")
        self.assertEqual([info["last_sequence"] for info in listed["backups"]], [1, 2, 3])
        self.assertTrue(listed["verified"])
        text = self.talea("backups", self.target()).decode()
        self.assertIn("restores from", text)
        left = self.json("backups", self.target(), "--keep", "1")["backups"]
        self.assertEqual([info["last_sequence"] for info in left], [3])
        self.assertIn("1 or more", self.errors("backups", self.target(), "--keep", "0", expect=2))

    def test_a_backup_that_is_interrupted_leaves_nothing_half_done(self):
        self.talea("put", "large", "-", stdin=bytes(200_000_000))
        process = subprocess.Popen([PROGRAM, "-s", "store", "backup", "backups"],
                                   cwd=self.directory, env=environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        # The interruption is caught before the directory is made.
        while not (self.directory / "backups").exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        self.assertIn(process.returncode, (0, 130), errors)  # it may have been done before
        self.assertEqual(list((self.directory / "backups").glob("*.unfinished")), [])
        self.json("backup", self.target())
        self.json("backups", self.target(), "--verify")

    def test_damage_is_named_and_makes_no_store(self):
        self.put("a", "1")
        self.json("backup", self.target())
        damaged = next((self.directory / "backups").glob("*.log"))
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.write_bytes(content)
        for verb in (("backups", self.target(), "--verify"), ("restore", self.target())):
            self.assertIn(damaged.name, self.errors(*verb, expect=3, store="copy"))
        self.assertFalse((self.directory / "copy" / "MANIFEST").exists())

    def test_a_store_is_never_restored_over(self):
        self.put("a", "1")
        self.json("backup", self.target())
        self.assertIn("not empty", self.errors("restore", self.target(), expect=2))
        self.assertIn("no directory", self.errors("restore", str(self.directory / "none"), expect=4,
                                               store="copy"))
        self.talea("put", "x", "y", store="other")
        self.assertIn("another store",
                      self.errors("backup", self.target(), expect=2, store="other"))

    def test_repair_keeps_what_is_intact_and_names_what_is_lost(self):
        for number in range(20):
            self.put(f"key{number}", "v" * 50)
        log = next((self.directory / "store").glob("*.log"))
        content = bytearray(log.read_bytes())
        content[content.index(b"vvvv")] ^= 1
        log.write_bytes(content)
        self.talea("verify", expect=3)
        before = log.read_bytes()
        report = self.json("repair", str(self.directory / "repaired"))
        self.assertEqual(log.read_bytes(), before)
        self.assertEqual(report["keys_kept"], 19)
        self.assertEqual(len(report["lost_batches"]), 1)
        self.assertEqual(len(self.rows("repaired")), 19)
        self.talea("verify", store="repaired")
        self.assertIn("not empty",
                      self.errors("repair", str(self.directory / "repaired"), expect=2))

    def test_changes_are_in_order_and_what_is_lost_is_told(self):
        self.put("user/a", "1")
        self.put("other", "2")
        self.talea("delete", "user/a")
        self.assertEqual(self.talea("changes", "--prefix", "user/").decode().splitlines(),
                         ["1\tput\tuser/a\t1", "3\tremove\tuser/a"])
        self.assertEqual(self.talea("changes", "--after", "1", "--limit", "1").decode(),
                         "2\tput\tother\t2\n")
        self.assertEqual(self.json("changes", "--after", "2")["op"], "remove")
        self.talea("changes", "--after", "99", expect=2)


if __name__ == "__main__":
    main()
