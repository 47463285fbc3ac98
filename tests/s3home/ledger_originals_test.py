#!/usr/bin/env python3
"""The ledger beside ImmuKV's Python clients of four releases, on one server, in both directions.

Started by with_moto.py, in a virtual environment with the originals.

Usage: ledger_originals_test.py LEDGER_DRIVER [unittest's arguments]
"""

import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from sides import ENDPOINT, Failure, Side, new_bucket, original, store

DRIVER = sys.argv.pop(1)

# The newest has no directory of its own.
NEWEST = None
RELEASES = ["immukv-0.1.6", "immukv-0.1.7", "immukv-0.1.16", NEWEST]
# Of what they write. Those of the first two cannot be verified by later releases.
FORMS = {"immukv-0.1.6": "pipe", "immukv-0.1.7": "pipe", "immukv-0.1.16": "python",
         NEWEST: "python"}

VALUES = [
    "true", "false", "0", "-1", "9007199254740993", "123456789012345678901234567890", "0.1", "1.0",
    "-0.0", "1e+16", "1e-05", "1e+22", "5e-324", "1.7976931348623157e+308", "1.5e-10", '""',
    '"caf\\u00e9 \\u4e16\\u754c \\ud83e\\udd16"', '"\\ud800"', '"\\udc00\\ud800"',
    '"\\u0000\\u0001\\u001f\\u007f\\u2028\\uffff"', '"\\"\\\\/\\b\\f\\n\\r\\t"', "[]", "{}",
    "[[],[{}],[[[null]]]]", '{"a":{"y":[1,2,{"x":null}],"z":1.0},"b":1}',
    '{"01":3,"10":2,"9":1,"B":4,"a":5}', '{"\\uff5e":1,"\\ud83d\\ude00":2}',
    '{"__proto__":{"constructor":1}}', '{"":0," ":1}', '{"hash":"x","key":1,"value":null}',
    "[" * 60 + "]" * 60, json.dumps("long " * 20000),
]

KEYS = [
    "k", "", "a/b", "a//b", "a b", "a+b", "a%2Fb", "caf\u00e9/\u4e16\u754c/\U0001f916", "q?x=1&y=2",
    "#", "a.json", "a-b", "a", "a.b", "~*'()!", "<&>\"\\", "..", "x/../y", "x/./y", ".",
]


def same_json(one, other):
    """Member order aside, and digit by digit."""
    def parse(text):
        return json.loads(text, parse_float=lambda digits: ("float", float(digits)),
                          parse_int=lambda digits: ("int", digits))
    return parse(one) == parse(other)


COMPARED = ["key", "sequence", "timestamp_ms", "hash", "previous_hash", "version_id"]


class OriginalsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.bucket = new_bucket(self.id().split(".")[-1], versioned=True)
        self.prefix = "app/"
        self.made = []

    def tearDown(self):
        for side in self.made:
            side.kill()

    def place(self, **more):
        return {"endpoint": ENDPOINT, "bucket": self.bucket, "prefix": self.prefix, **more}

    def ours(self, **more):
        side = Side([DRIVER])
        self.made.append(side)
        side.open(**self.place(**more))
        return side

    def theirs(self, release=NEWEST, **more):
        side = original("peer_immukv.py", release)
        self.made.append(side)
        side.open(**self.place(**more))
        return side

    def expect_same_entries(self, ours, theirs):
        self.assertEqual(len(ours), len(theirs))
        for our, their in zip(ours, theirs):
            self.assertEqual({name: our[name] for name in COMPARED},
                             {name: their[name] for name in COMPARED})
            self.assertTrue(same_json(our["json"], their["json"]),
                            f"{our['json'][:200]}\n{their['json'][:200]}")

    def expect_sound(self, ours, entries):
        audit = ours.audit()
        self.assertEqual(audit["faults"], [])
        self.assertEqual(audit["entries"], entries)
        self.assertTrue(audit["reaches_genesis"])


def story():
    """(key, value) one after the other: every value, every key, and keys that change."""
    for position, value in enumerate(VALUES):
        yield KEYS[position % len(KEYS)], value
    for key in KEYS:
        yield key, json.dumps(key)


class Ledger(OriginalsTest):
    def they_write_and_we_read(self, release):
        theirs = self.theirs(release)
        newest = {}
        for key, value in story():
            theirs.set(key=key, json=value)
            newest[key] = value
        ours = self.ours()
        self.expect_sound(ours, len(list(story())))
        log = ours.entries()["entries"]
        self.expect_same_entries(log, theirs.entries()["entries"])
        self.assertEqual({entry["form"] for entry in log}, {FORMS[release]})
        for key, value in newest.items():
            entry = ours.get(key=key)["entry"]
            self.assertTrue(same_json(entry["json"], value), key)
            self.assertEqual(entry["form"], FORMS[release])
            self.expect_same_entries(ours.entries(key=key, page=1)["entries"],
                                     theirs.entries(key=key)["entries"])
            version = ours.version(version_id=entry["version_id"])["entry"]
            self.assertEqual(version["hash"], entry["hash"])
        self.assertEqual(ours.keys()["keys"], sorted(newest, key=str.encode))
        self.assertEqual(sorted(theirs.keys()["keys"]), sorted(newest))

    def test_what_0_1_6_wrote_is_read_and_verified(self):
        self.they_write_and_we_read("immukv-0.1.6")

    def test_what_0_1_7_wrote_is_read_and_verified(self):
        self.they_write_and_we_read("immukv-0.1.7")

    def test_what_0_1_16_wrote_is_read_and_verified(self):
        self.they_write_and_we_read("immukv-0.1.16")

    def test_what_the_newest_wrote_is_read_and_verified(self):
        self.they_write_and_we_read(NEWEST)

    def we_write_and_they_read(self, release):
        ours = self.ours(profile="python")
        newest = {}
        for key, value in story():
            written = ours.set(key=key, json=value)
            self.assertNotEqual(written["key_object_etag"], "")
            newest[key] = value
        theirs = self.theirs(release)
        self.assertTrue(theirs.verify_log_chain()["valid"])
        log = theirs.entries()["entries"]
        self.assertTrue(all(entry["verified"] for entry in log))
        self.expect_same_entries(ours.entries()["entries"], log)
        for key, value in newest.items():
            entry = theirs.get(key=key)["entry"]
            self.assertEqual(entry["json"], value, "as Python itself prints it")
            self.assertTrue(entry["verified"])
            self.expect_same_entries(ours.entries(key=key)["entries"],
                                     theirs.entries(key=key)["entries"])
        self.expect_sound(ours, len(log))

    def test_what_we_wrote_is_read_and_verified_by_0_1_16(self):
        self.we_write_and_they_read("immukv-0.1.16")

    def test_what_we_wrote_is_read_and_verified_by_the_newest(self):
        self.we_write_and_they_read(NEWEST)

    def test_both_write_by_turns(self):
        sides = [self.ours(), self.theirs(), self.ours(repair_check_interval_ms=0),
                 self.theirs("immukv-0.1.16")]
        for position, value in enumerate(VALUES):
            side = sides[position % len(sides)]
            side.set(key=KEYS[position // 3 % 4], json=value)
            for reader in sides:
                # What others wrote a moment ago, in the second of its objects.
                entry = reader.get(key=KEYS[position // 3 % 4])["entry"]
                self.assertTrue(same_json(entry["json"], value))
        for side in (sides[1], sides[3]):
            self.assertTrue(side.verify_log_chain()["valid"])
            self.expect_same_entries(sides[0].entries()["entries"], side.entries()["entries"])
        self.expect_sound(sides[0], len(VALUES))

    def test_we_continue_the_logs_of_old_releases(self):
        for release in ("immukv-0.1.6", "immukv-0.1.7"):
            with self.subTest(release=release):
                self.prefix = f"continue-{release}/"
                theirs = self.theirs(release)
                theirs.set(key="a", json='{"b":1,"a":"caf\\u00e9"}')
                ours = self.ours()
                ours.set(key="a", json="2")
                theirs.set(key="a", json="3")
                ours.set(key="b", json="4")
                self.expect_sound(ours, 4)
                self.assertEqual([entry["form"] for entry in ours.entries()["entries"]],
                                 ["python", "pipe", "python", "pipe"])

    def test_an_orphan_of_theirs_is_seen_and_repaired(self):
        for release in RELEASES[1:]:
            with self.subTest(release=release):
                self.prefix = f"their-orphan-{release}/"
                theirs = self.theirs(release)
                theirs.set(key="a", json="1.0")
                theirs.set_without_key_object(key="a", json="20.0")
                reader = self.ours(read_only=True, repair_check_interval_ms=0)
                self.assertEqual(reader.get(key="a")["entry"]["json"], "20.0")
                ours = self.ours(repair_check_interval_ms=0)
                kinds = [fault["kind"] for fault in ours.audit()["faults"]]
                self.assertEqual(kinds, ["key_object_stale"])
                self.assertEqual(ours.get(key="a")["entry"]["json"], "20.0")
                self.expect_sound(ours, 2)
                theirs.set_without_key_object(key="new", json='{"a":[1.0]}')
                ours.set(key="b", json="3")
                self.expect_sound(ours, 4)
                theirs.set(key="new", json="4")
                self.expect_sound(ours, 5)

    def test_a_null_that_we_wrote_is_read_by_all(self):
        ours = self.ours()
        ours.set(key="a", json="null")
        for release in (NEWEST, "immukv-0.1.16"):
            theirs = self.theirs(release)
            self.assertEqual(theirs.get(key="a")["entry"]["json"], "null")
            self.assertTrue(theirs.verify_log_chain()["valid"])
            theirs.set(key="a", json="1")
            ours.set(key="a", json="null")
        self.expect_sound(ours, 5)

    def test_a_null_that_they_wrote_stops_them_until_we_write(self):
        theirs = self.theirs()
        theirs.set(key="a", json="null")
        with self.assertRaises(Failure) as raised:
            theirs.set(key="b", json="1")
        self.assertEqual(raised.exception.code, "KeyError")
        ours = self.ours()
        entry = ours.get(key="a")["entry"]
        self.assertEqual((entry["json"], entry["form"]), ("null", "python"))
        self.expect_sound(ours, 1)
        ours.set(key="b", json="2")
        theirs.set(key="c", json="3")
        self.expect_sound(ours, 3)

    def test_what_is_no_json_is_read_and_never_written(self):
        theirs = self.theirs()
        theirs.set(key="a", json="[NaN,Infinity,-Infinity]")
        ours = self.ours()
        entry = ours.get(key="a")["entry"]
        self.assertEqual((entry["json"], entry["form"]), ("[NaN,Infinity,-Infinity]", "python"))
        self.expect_sound(ours, 1)
        with self.assertRaises(Failure) as raised:
            ours.set(key="a", json="[NaN]")
        self.assertEqual(raised.exception.code, "invalid_argument")
        ours.set(key="b", json="1")
        self.assertTrue(theirs.verify_log_chain()["valid"])

    def test_entries_for_typescript_are_read_by_python_and_not_verified(self):
        ours = self.ours(profile="typescript")
        ours.set(key="a", json='{"b":20.0,"a":1}')
        entry = ours.get(key="a")["entry"]
        self.assertEqual((entry["json"], entry["form"]), ('{"a":1,"b":20}', "typescript"))
        theirs = self.theirs()
        self.assertEqual(theirs.get(key="a")["entry"]["json"], '{"a":1,"b":20}')
        self.assertFalse(theirs.verify_log_chain()["valid"])
        theirs.set(key="a", json="2")
        ours.set(key="b", json="3")
        self.expect_sound(ours, 3)
        # Ours was told; who was not goes by the newest entry.
        self.assertEqual([entry["form"] for entry in ours.entries()["entries"]],
                         ["typescript", "python", "typescript"])

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    def test_entries_for_typescript_have_the_hashes_that_javascript_computes(self):
        """The TypeScript client is in no registry; JavaScript's JSON is what its hashes rest on."""
        ours = self.ours(profile="typescript")
        refused = []
        for key, value in story():
            try:
                ours.set(key=key, json=value)
            except Failure as failure:
                self.assertEqual(failure.code, "invalid_argument")
                refused.append(value)
        # What JavaScript would round or lose.
        self.assertEqual(refused, ["9007199254740993", "123456789012345678901234567890",
                                   '{"__proto__":{"constructor":1}}'])
        entries = ours.entries()["entries"]
        self.assertEqual(len(entries), len(list(story())) - len(refused))
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        script = Path(__file__).resolve().parent / "typescript_hashes.js"
        node = subprocess.run(["node", script], input=lines, capture_output=True, check=True,
                              encoding="utf-8", timeout=60)
        self.assertEqual(node.stdout.splitlines(), [entry["hash"] for entry in entries])
        self.assertEqual({entry["form"] for entry in entries}, {"typescript"})
        self.expect_sound(ours, len(entries))

    def test_an_entry_that_was_changed_is_found_by_both(self):
        ours = self.ours()
        for value in ("1", "2", "3"):
            ours.set(key="a", json=value)
        name = self.prefix + "_log.json"
        body = store().get_object(Bucket=self.bucket, Key=name)["Body"].read()
        store().put_object(Bucket=self.bucket, Key=name,
                           Body=body.replace(b'"value":3', b'"value":4'))
        self.assertFalse(self.theirs().verify_log_chain()["valid"])
        kinds = {fault["kind"] for fault in ours.audit()["faults"]}
        self.assertIn("hash", kinds)


if __name__ == "__main__":
    unittest.main(verbosity=2)
