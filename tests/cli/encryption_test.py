#!/usr/bin/env python3
"""Encrypted stores: --key-file, --key-env, rotate-key, and what goes wrong with keys."""

import os

from talea_cli import TaleaTest, environment, main

MARKER = "kQz7-Lm2-Xr9"


class EncryptedStore(TaleaTest):
    def setUp(self):
        super().setUp()
        self.key = self.make_key("key")

    def make_key(self, name, mode=0o600):
        path = self.directory / name
        path.write_text(os.urandom(32).hex() + "\n")
        path.chmod(mode)
        return str(path)

    def run_with_key(self, *arguments, **options):
        return self.talea("--key-file", self.key, *arguments, **options)

    def put_some(self):
        for number in range(5):
            self.run_with_key("put", f"{MARKER}{number}", f"{MARKER} value {number}")

    def test_no_file_of_it_has_a_key_or_value(self):
        self.put_some()
        self.run_with_key("checkpoint", "-q")
        self.run_with_key("compact", "-q")
        files = list((self.directory / "store").iterdir())
        self.assertTrue(any(path.suffix == ".run" for path in files))
        for path in files:
            self.assertNotIn(MARKER.encode(), path.read_bytes(), path)
        self.assertEqual(self.run_with_key("get", MARKER + "3"), f"{MARKER} value 3".encode())

    def test_every_verb_that_opens_it_takes_the_key(self):
        self.put_some()
        self.assertEqual(len(self.run_with_key("scan").splitlines()), 5)
        self.assertIn(b"no damage", self.run_with_key("verify"))
        self.run_with_key("backup", str(self.directory / "backups"))
        self.talea("backups", str(self.directory / "backups"), "--verify")
        self.talea("restore", str(self.directory / "backups"), store="copy")
        self.assertEqual(len(self.run_with_key("scan", store="copy").splitlines()), 5)
        self.run_with_key("repair", str(self.directory / "repaired"))
        self.assertEqual(len(self.run_with_key("scan", store="repaired").splitlines()), 5)
        self.assertIn("encrypted", self.errors("scan", store="repaired", expect=4))

    def test_the_key_may_come_from_the_environment(self):
        self.put_some()
        digits = (self.directory / "key").read_text().strip()
        with_key = dict(environment(), MY_KEY=digits)
        self.assertEqual(self.talea("--key-env", "MY_KEY", "get", MARKER + "1", env=with_key),
                         f"{MARKER} value 1".encode())
        self.assertIn("is not set", self.errors("--key-env", "MY_KEY", "scan", expect=2))
        named = dict(with_key, TALEA_KEY_FILE=self.key)
        self.assertEqual(len(self.talea("scan", env=named).splitlines()), 5)
        # What is given counts, whatever the environment names.
        other = dict(with_key, TALEA_KEY_FILE=self.make_key("other"))
        self.assertEqual(len(self.talea("--key-env", "MY_KEY", "scan", env=other).splitlines()), 5)
        self.assertEqual(len(self.run_with_key("scan", env=other).splitlines()), 5)
        self.talea("put", "a", "b", store="plain", env=dict(environment(), TALEA_KEY_FILE=""))
        self.assertEqual(self.talea("get", "a", store="plain"), b"b")

    def test_no_key_and_a_wrong_key_and_a_damaged_key_file_are_three_errors(self):
        self.put_some()
        self.assertIn("--key-file", self.errors("scan", expect=4))
        other = self.make_key("other")
        self.assertIn("not the one", self.errors("--key-file", other, "scan", expect=4))
        keys = self.directory / "store" / "KEYS"
        content = bytearray(keys.read_bytes())
        content[100] ^= 1
        keys.write_bytes(content)
        for key in (self.key, other):
            self.assertIn("KEYS: its check", self.errors("--key-file", key, "scan", expect=3))
        keys.unlink()
        self.assertIn("KEYS is missing", self.errors("--key-file", self.key, "scan", expect=3))

    def test_a_key_that_others_may_read_is_refused(self):
        shared = self.make_key("shared", 0o644)
        self.assertIn("chmod 600", self.errors("--key-file", shared, "put", "a", "b", expect=4))
        self.assertFalse((self.directory / "store" / "MANIFEST").exists())

    def test_a_store_that_is_not_encrypted_does_not_become_so(self):
        self.talea("put", "a", "b")
        self.assertIn("not encrypted",
                      self.errors("--key-file", self.key, "put", "a", "c", expect=2))
        self.assertEqual(self.talea("get", "a"), b"b")
        rows = self.talea("export")
        self.run_with_key("import", "-q", store="encrypted", stdin=rows)
        self.assertEqual(self.run_with_key("get", "a", store="encrypted"), b"b")

    def test_keys_are_rotated(self):
        self.put_some()
        new = self.make_key("new")
        self.assertIn(b"new one", self.run_with_key("rotate-key", "--new-key-file", new))
        self.assertIn("not the one", self.errors("--key-file", self.key, "scan", expect=4))
        self.key = new
        outcome = self.json("--key-file", self.key, "rotate-key", "--data")
        self.assertEqual(outcome["data_key"], 2)
        self.assertEqual((outcome["data_keys"], outcome["old_key_bytes"]), (1, 0))
        self.assertEqual(len(self.run_with_key("scan").splitlines()), 5)
        self.assertIn("--new-key-file", self.errors("--key-file", self.key, "rotate-key", expect=2))
        self.talea("put", "a", "b", store="plain")
        self.assertIn("not encrypted",
                      self.errors("rotate-key", "--data", store="plain", expect=2))

    def test_a_rotation_whose_compaction_fails_says_which_key_holds(self):
        self.put_some()
        self.run_with_key("checkpoint", "-q")
        log = min((self.directory / "store").glob("*.log"))
        content = bytearray(log.read_bytes())
        content[4096 + 40] ^= 1
        log.write_bytes(content)
        new = self.make_key("new")
        said = self.errors("--key-file", self.key, "rotate-key", "--data", "--new-key-file", new,
                           expect=3)
        self.assertIn("the master key is the new one by now", said)
        self.assertIn("not the one", self.errors("--key-file", self.key, "get", "x", expect=4))
        self.key = new
        self.assertEqual(self.run_with_key("get", MARKER + "3"), f"{MARKER} value 3".encode())


if __name__ == "__main__":
    main()
