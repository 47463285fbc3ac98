#!/usr/bin/env python3
"""The bucket database beside s4db 0.8 (version 1) and 0.10 (version 2), on one server, both ways.

Started by with_moto.py, in a virtual environment with the originals.

Usage: bucketdb_originals_test.py BUCKETDB_DRIVER [unittest's arguments]
"""

import random
import sys
import tempfile
import unittest

from sides import ENDPOINT, Failure, Side, new_bucket, original, store

DRIVER = sys.argv.pop(1)

V1 = None  # the one installed, 0.8.0
V2 = "s4db-0.10.0"

# Of a small database, so that there are many files.
FILE_BYTES = 2048


def incompressible(size, seed):
    return "".join(random.Random(seed).choices([chr(c) for c in range(33, 127)], k=size))


ITEMS = {
    "k": "v", "": "the empty key", "empty": "", "space in it": " ", "a/b": "1", "a/b/": "2", "..": "3",
    "nul\x00in it": "\x00\x01\x7f", "caf\u00e9": "valeur \u00e9", "\u4e16\u754c/\U0001f916": "\u65e5\u672c",
    "e\u0301": "another spelling than \u00e9", "\uffff": "\U0010ffff", "long " * 2000: "a long key",
    "same": "a" * 10000, "random": incompressible(5000, 1), "line\nends\r\n": "\u2028\u2029",
    "x" * 65535: "the longest key", "number": "1.0", "quoted": '"\\\'<&>',
}
MORE = {f"key {number:03}": incompressible(20 + number, number) for number in range(100)}


def hexed(items):
    return {key: (value.encode() if isinstance(value, str) else value).hex()
            for key, value in items.items()}


def puts(items):
    return [["bytes", key, value.hex()] if isinstance(value, bytes) else ["put", key, value]
            for key, value in items.items()]


class Database(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.bucket = new_bucket(self.id().split(".")[-1], versioned=False)
        self.directory = tempfile.TemporaryDirectory(prefix="talea-originals-")
        self.made = []

    def tearDown(self):
        for side in self.made:
            side.kill()
        self.directory.cleanup()

    def new_directory(self):
        return tempfile.mkdtemp(dir=self.directory.name)

    def place(self, **more):
        return {"endpoint": ENDPOINT, "bucket": self.bucket, "prefix": "app/", **more}

    def ours(self, **more):
        side = Side([DRIVER])
        self.made.append(side)
        side.open(**self.place(**{"file_bytes_max": FILE_BYTES, "cache_bytes": 0, **more}))
        return side

    def theirs(self, release=V1, **more):
        side = original("peer_s4db.py", release)
        self.made.append(side)
        side.open(**self.place(**{"file_bytes_max": FILE_BYTES, **more}))
        return side

    def objects(self):
        listed = store().list_objects_v2(Bucket=self.bucket, Prefix="app/")
        return {item["Key"][len("app/"):] for item in listed.get("Contents", [])}

    def expect_ours_reads(self, items, keys=None, in_order=True):
        """In every way there is. `in_order`: the files say by themselves which entry is the newest;
        those of two writers of version 2 in one second do not."""
        expected = hexed(items)
        ours = self.ours()
        self.assertEqual(ours.items()["items"], expected)
        self.assertEqual({key: ours.get(key=key)["value"] for key in items}, expected)
        self.assertEqual(ours.get_many(keys=list(items))["values"], list(expected.values()))
        if keys is not None:
            self.assertEqual(ours.keys()["keys"], keys)
        copy = self.ours(directory=self.new_directory())
        self.assertEqual(copy.items(files=True)["items"], expected)
        rebuilt = self.ours(recover=True)
        self.assertEqual(rebuilt.rebuild()["damage"], 0)
        if in_order:
            self.assertEqual(rebuilt.items()["items"], expected)
        return ours

    def expect_theirs_reads(self, items, release=V1):
        expected = hexed(items)
        ranges = self.theirs(release)
        self.assertEqual(ranges.items()["items"], expected)
        self.assertEqual({key: ranges.get(key=key)["value"] for key in items}, expected)
        files = self.theirs(release, directory=self.new_directory())
        files.download()
        self.assertEqual(files.items(files=True)["items"], expected)
        return files

    # --- s4db 0.8

    def test_what_s4db_uploaded_is_read(self):
        theirs = self.theirs(directory=self.new_directory())
        theirs.put_all(items=ITEMS)
        theirs.put_all(items=MORE)
        theirs.commit(operations=[["put", "k", "newer"], ["remove", "empty"], ["remove", "key 007"],
                                  ["put", "key 007", "back again"]])
        theirs.upload()
        items = {**ITEMS, **MORE, "k": "newer", "key 007": "back again"}
        del items["empty"]
        ours = self.expect_ours_reads(items, theirs.keys()["keys"])
        self.assertGreater(ours.status()["files"], 5)

    def test_what_s4db_compacted_is_read(self):
        theirs = self.theirs(directory=self.new_directory())
        theirs.put_all(items=MORE)
        theirs.put_all(items=dict.fromkeys(MORE, "newer"))
        theirs.commit(operations=[["remove", "key 000"], *puts(ITEMS)])
        theirs.compact()
        items = {**dict.fromkeys(MORE, "newer"), **ITEMS}
        del items["key 000"]
        self.expect_ours_reads(items, theirs.keys()["keys"])

    def test_what_s4db_rebuilt_is_read(self):
        directory = self.new_directory()
        theirs = self.theirs(directory=directory)
        theirs.commit(operations=[*puts(MORE), *puts(ITEMS), ["remove", "key 050"]])
        theirs.rebuild()
        theirs.upload()
        items = {**MORE, **ITEMS}
        del items["key 050"]
        self.expect_ours_reads(items)

    def test_an_empty_database_of_s4db_is_read(self):
        theirs = self.theirs(directory=self.new_directory())
        theirs.upload()
        self.expect_ours_reads_nothing()
        theirs.commit(operations=[["put", "a", "1"], ["remove", "a"]])
        theirs.upload()
        self.expect_ours_reads_nothing()

    def expect_ours_reads_nothing(self):
        ours = self.ours(create_if_missing=False)
        self.assertEqual(ours.items()["items"], {})
        self.assertEqual(ours.get(key="a")["value"], None)

    def test_what_we_uploaded_is_read_by_s4db(self):
        for grown in (0, 1 << 20):
            with self.subTest(grown_file_bytes_max=grown):
                self.bucket = new_bucket(f"we-uploaded-{grown}", versioned=False)
                directory = self.new_directory()
                ours = self.ours(directory=directory, grown_file_bytes_max=grown,
                                 file_bytes_max=1 << 20 if grown else FILE_BYTES)
                items = {}
                for batch in ({**ITEMS}, MORE, {"k": "newer", "another": "1"}):
                    ours.commit(operations=puts(batch))
                    ours.upload()
                    items.update(batch)
                    self.expect_theirs_reads(items)
                ours.commit(operations=[["remove", "random"], ["put", "x", "1"], ["remove", "x"],
                                        ["remove", "k"], ["put", "k", "last"]])
                ours.upload()
                del items["random"]
                items["k"] = "last"
                files = self.expect_theirs_reads(items)
                self.assertEqual(files.keys()["keys"], ours.keys()["keys"])
                files.rebuild()
                self.assertEqual(files.items(files=True)["items"], hexed(items))
                self.expect_ours_reads(items)

    def test_what_we_compacted_and_collected_is_read_by_s4db(self):
        ours = self.ours()
        for value in ("first", "second", "third"):
            ours.commit(operations=puts(dict.fromkeys(MORE, value)))
            ours.upload()
        ours.commit(operations=[["remove", key] for key in list(MORE)[:50]])
        before = self.objects()
        done = ours.compact(grace_ms=0)
        self.assertGreater(done["files_collected"], 0)
        items = dict.fromkeys(list(MORE)[50:], "third")
        self.expect_theirs_reads(items)
        self.assertFalse({name for name in before if name.startswith("data_")} & self.objects())
        self.expect_ours_reads(items)

    def test_an_index_that_was_lost_is_rebuilt_for_s4db(self):
        theirs = self.theirs(directory=self.new_directory())
        theirs.commit(operations=[*puts(ITEMS), ["remove", "k"]])
        theirs.upload()
        store().delete_object(Bucket=self.bucket, Key="app/index.idx")
        ours = self.ours()
        self.assertTrue(ours.status()["needs_recovery"])
        self.assertEqual(ours.rebuild()["damage"], 0)
        ours.upload(force=True)
        items = {key: value for key, value in ITEMS.items() if key != "k"}
        self.expect_theirs_reads(items)

    def test_both_write_by_turns(self):
        items = {}
        ours = self.ours(directory=self.new_directory(), grown_file_bytes_max=4096)
        for turn in range(6):
            batch = {f"ours {turn}": "1", "both": f"ours {turn}", f"gone {turn}": "x",
                     **{key: f"{value}{turn}" for key, value in list(MORE.items())[:10]}}
            ours.commit(operations=puts(batch))
            ours.upload()
            items.update(batch)
            # As its documentation has it: one writer at a time, and a fresh copy for each.
            theirs = self.theirs(directory=self.new_directory())
            theirs.download()
            self.assertEqual(theirs.items()["items"], hexed(items))
            batch = {f"theirs {turn}": "1", "both": f"theirs {turn}"}
            theirs.put_all(items=batch)
            theirs.commit(operations=[["remove", f"gone {turn}"]])
            if turn % 3 == 2:
                theirs.compact()
            else:
                theirs.upload()
            items.update(batch)
            del items[f"gone {turn}"]
            ours.refresh()
            self.assertEqual(ours.items()["items"], hexed(items))
            self.assertEqual(ours.keys()["keys"], theirs.keys()["keys"])
            if turn % 3 == 1:
                ours.compact(grace_ms=0)
                self.expect_theirs_reads(items)
        self.expect_ours_reads(items)
        self.expect_theirs_reads(items)

    def test_a_directory_of_s4db_gives_what_it_did_not_upload(self):
        directory = self.new_directory()
        theirs = self.theirs(directory=directory)
        theirs.put_all(items=MORE)
        theirs.upload()
        theirs.put_all(items=ITEMS)
        ours = self.ours(directory=directory)
        self.assertEqual(ours.items()["items"], hexed(MORE), "what is in the bucket")
        ours.rebuild(directory=True)
        ours.upload(force=True)
        self.expect_theirs_reads({**MORE, **ITEMS})

    def test_what_s4db_cannot_hold_is_refused(self):
        ours = self.ours()
        for operation in (["put", "x" * 65536, "too long"], ["bytes", "k", "00ff"]):
            with self.assertRaises(Failure):
                ours.commit(operations=[["put", "other", "1"], operation])
        self.assertEqual(ours.keys()["keys"], [])

    # --- s4db 0.10, which writes version 2

    BYTES = {"bytes": bytes(range(256)), "no text": b"\xff\xfe", "none": b"", "zeros": bytes(5000)}

    def test_what_version_2_uploaded_is_read(self):
        theirs = self.theirs(V2, directory=self.new_directory())
        theirs.commit(operations=[*puts(ITEMS), *puts(self.BYTES), *puts(MORE), ["remove", "k"]])
        theirs.upload()
        items = {**ITEMS, **self.BYTES, **MORE}
        del items["k"]
        ours = self.expect_ours_reads(items, theirs.keys()["keys"])
        self.assertEqual(ours.status()["format"], 2)
        theirs.commit(operations=[["put", "k", "2"]])
        theirs.upload()
        theirs.compact()
        items["k"] = "2"
        self.expect_ours_reads(items)

    def test_what_we_wrote_in_version_2_is_read(self):
        ours = self.ours(format=2)
        items = {**ITEMS, **self.BYTES, **MORE}
        ours.commit(operations=puts(items))
        ours.upload()
        self.expect_theirs_reads(items, V2)
        ours.commit(operations=[["remove", "bytes"], ["bytes", "k", "00ff"]])
        ours.upload()
        del items["bytes"]
        items["k"] = b"\x00\xff"
        self.expect_theirs_reads(items, V2)
        ours.compact(grace_ms=0)
        files = self.expect_theirs_reads(items, V2)
        files.rebuild()
        self.assertEqual(files.items(files=True)["items"], hexed(items))

    def test_two_writers_of_version_2_at_once_lose_nothing(self):
        ours = self.ours(format=2)
        theirs = self.theirs(V2, directory=self.new_directory())
        items = {}
        for turn in range(5):
            # Neither knows of the other's commit before its own.
            mine = {f"ours {turn}": "1", "both": f"ours {turn}"}
            other = {f"theirs {turn}": b"\xff", "both": f"theirs {turn}"}
            ours.commit(operations=puts(mine))
            theirs.commit(operations=puts(other))
            for side, batch in ((ours, mine), (theirs, other))[::1 if turn % 2 else -1]:
                side.upload()
                items.update(batch)
            self.expect_ours_reads(items, in_order=False)
            self.expect_theirs_reads(items, V2)

    def test_compactions_of_both_beside_the_other_lose_nothing(self):
        ours = self.ours(format=2)
        ours.commit(operations=puts(MORE))
        ours.upload()
        theirs = self.theirs(V2, directory=self.new_directory())
        theirs.download()
        theirs.commit(operations=[["put", "theirs", "1"]])
        ours.compact(grace_ms=24 * 3600 * 1000)
        theirs.upload()
        items = {**MORE, "theirs": "1"}
        self.expect_ours_reads(items, in_order=False)
        theirs.download()
        ours.refresh()
        ours.commit(operations=[["put", "ours", "1"]])
        theirs.compact()
        ours.upload()
        items["ours"] = "1"
        self.expect_ours_reads(items, in_order=False)
        self.expect_theirs_reads(items, V2)

    def test_version_1_of_ours_is_read_and_continued_by_version_2(self):
        directory = self.new_directory()
        ours = self.ours(directory=directory)
        ours.commit(operations=puts(ITEMS))
        ours.upload()
        self.expect_theirs_reads(ITEMS, V2)
        theirs = self.theirs(V2, directory=self.new_directory())
        theirs.commit(operations=[["bytes", "k", "ff"]])
        theirs.upload()
        items = {**ITEMS, "k": b"\xff"}
        self.expect_ours_reads(items, in_order=False)
        self.expect_theirs_reads(items, V2)
        # Who opened it before the change of the version has to open it again, and loses nothing.
        ours.commit(operations=[["put", "late", "1"]])
        with self.assertRaises(Failure) as refused:
            ours.upload()
        self.assertEqual(refused.exception.code, "unsupported")
        ours.end()
        ours = self.ours(directory=directory)
        self.assertEqual(ours.status()["pending_writes"], 1)
        ours.upload()
        items["late"] = "1"
        self.expect_ours_reads(items, in_order=False)
        self.expect_theirs_reads(items, V2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
