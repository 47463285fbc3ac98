#!/usr/bin/env python3
"""The past: --retain, history, and get and scan --at."""

import datetime
import json
import time

from talea_cli import TaleaTest, main


def moment():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class History(TaleaTest):
    def revisions(self, key, *options):
        return [json.loads(line) for line in self.talea("history", key, "-o", "json", *options).splitlines()]

    def sequences(self, key, *options):
        return [revision["sequence"] for revision in self.revisions(key, *options)]

    def write_three(self):
        self.talea("--retain", "all", "put", "k", "one")
        self.talea("put", "k", "three")
        self.talea("delete", "k")

    def test_a_key_is_read_as_it_was_after_a_batch(self):
        self.write_three()
        self.assertEqual(self.talea("get", "k", "--at", 1), b"one")
        self.assertEqual(self.talea("get", "k", "--at", 2), b"three")
        self.assertEqual(self.json("get", "k", "--at", 2), {"key": "k", "value": "three", "revision": 2})
        self.talea("get", "k", "--at", 3, expect=1)
        self.assertEqual(self.talea("scan", "--at", 2), b"k\tthree\n")
        self.assertEqual(self.talea("scan", "--at", 3), b"")

    def test_a_key_is_read_as_it_was_at_a_time(self):
        self.talea("--retain", "7d", "put", "k", "one")
        time.sleep(0.01)
        then = moment()
        time.sleep(0.01)
        self.talea("put", "k", "two")
        self.assertEqual(self.talea("get", "k", "--at", then), b"one")
        self.assertEqual(self.talea("scan", "--at", then), b"k\tone\n")
        self.talea("get", "k", "--at", "2001-01-01T00:00:00Z", expect=1)  # it was empty then
        self.talea("get", "k", "--at", "2999-01-01T00:00:00Z", expect=2)

    def test_revisions_are_listed_newest_first(self):
        self.write_three()
        self.assertEqual(self.sequences("k"), [3, 2, 1])
        self.assertEqual(self.sequences("k", "--limit", 2), [3, 2])
        self.assertEqual(self.sequences("k", "--before", 2), [1])
        self.assertEqual(self.sequences("k", "--before", 0), [])
        self.assertEqual(self.sequences("k", "--before", 1), [])
        self.errors("history", "none", "--before", 2, expect=1)
        removed, second, _ = self.revisions("k")
        self.assertEqual(removed["op"], "remove")
        self.assertNotIn("value_bytes", removed)
        self.assertEqual((second["op"], second["value_bytes"]), ("put", 5))
        lines = self.talea("history", "k").splitlines()
        self.assertEqual(lines[1].split(b"\t")[::2], [b"2", b"put"])
        self.talea("history", "absent", expect=1)

    def test_what_is_kept_belongs_to_the_store(self):
        self.write_three()
        self.talea("compact")
        self.assertEqual(self.sequences("k"), [3, 2, 1])
        self.talea("--retain", "2", "compact")
        self.assertEqual(self.sequences("k"), [3, 2])
        self.assertIn("from sequence", self.errors("get", "k", "--at", 1, expect=4))
        self.talea("--retain", "latest", "compact")
        self.assertIn("keeps the newest", self.errors("get", "k", "--at", 1, expect=4))

    def test_what_makes_no_sense_is_refused(self):
        self.talea("put", "k", "v")
        for retain in ("", "some", "1", "0", "-3", "30", "30x", "0d"):
            code = 0 if retain == "30" else 2
            self.talea(f"--retain={retain}", "put", "k", "v", expect=code)
        for at in ("", "then", "-1", "2026"):
            self.talea("get", "k", f"--at={at}", expect=2)
        self.talea("get", "k", "--at", 99, expect=2)


if __name__ == "__main__":
    main()
