#!/usr/bin/env python3
"""stats, segments and verify; and that reading writes nothing."""

import os

from talea_cli import Session, TaleaTest, main


class Inspect(TaleaTest):
    def test_stats_are_those_of_the_store(self):
        self.import_rows({f"{n}": "v" * 100 for n in range(50)}, "-q")
        self.talea("delete", "7")
        stats = self.json("stats")
        self.assertEqual((stats["keys"], stats["last_sequence"]), (49, 2))
        sizes = sum(path.stat().st_size for path in self.log_files())
        self.assertEqual(stats["disk_bytes"], sizes)
        self.assertEqual(stats["segments"], len(self.log_files()))
        self.assertGreater(stats["live_bytes"], 49 * 100)
        self.assertEqual(stats["recovery"]["torn_tail_bytes"], 0)
        self.assertRegex(self.talea("stats").decode(), r"(?m)^keys +49$")

    def test_what_another_process_counted_is_not_in_the_store(self):
        session = Session(self.directory, "--compress-from", "64")
        session.ask({"op": "put", "key": "text", "value": "again and " * 100})
        session.ask({"op": "put", "key": "gone", "value": "v", "expires_at_ms": 1})
        since = session.ask({"op": "stats"})["stats"]["since_open"]
        self.assertEqual((since["puts"], since["values_compressed"]), (2, 1))
        self.assertGreater(since["compression_ratio"], 5)
        session.close()

        stats = self.json("stats")
        since = stats.pop("since_open")
        self.assertEqual({name for name, count in since.items()
                          if count and not name.endswith("_latency")}, set())
        self.assertEqual((since["commit_latency"]["count"], since["get_latency"]["count"]), (0, 0))
        # Nor is a number of them where it looks like one of the store.
        self.assertFalse(stats.keys() & since.keys())
        text = self.talea("stats").decode()
        self.assertRegex(text, r"(?m)^counted since this open +nothing$")
        self.assertNotIn("compress", text)
        self.assertNotIn("expired", text)

    def test_segments_are_the_files_of_the_store(self):
        self.import_rows({f"{n}": os.urandom(1000) for n in range(500)}, "-q", "--batch", "10",
                         "--segment-bytes", "65536")
        self.talea("put", "large", "-", stdin=os.urandom(2_000_000))
        segments = self.json("segments")["segments"]
        names = {path.name for path in (self.directory / "store").iterdir()}
        self.assertEqual({s["file"] for s in segments}, names - {"LOCK", "MANIFEST", "RESERVE"})
        self.assertEqual({s["kind"] for s in segments}, {"log", "extent"})
        for segment in segments:
            path = self.directory / "store" / segment["file"]
            self.assertEqual(segment["file_bytes"], path.stat().st_size)
        text = self.talea("segments").decode()
        self.assertEqual(len(text.splitlines()), len(segments) + 1)

    def test_a_healthy_store_verifies(self):
        self.import_rows({"a": "1", "b": b"x" * 2_000_000}, "-q")
        report = self.json("verify")
        self.assertEqual((report["keys"], report["findings"]), (2, []))
        self.assertGreater(report["chunks"], 1)
        self.assertIn(b"no damage found", self.talea("verify"))
        self.assertEqual(self.talea("verify", "--quiet"), b"")

    def damage(self):
        """A store with one wrong byte inside a value; the file that has it."""
        self.import_rows({f"{n}": "value" * 100 for n in range(10)}, "-q", "--batch", "1")
        log = max(self.log_files(), key=lambda path: path.stat().st_size)
        content = bytearray(log.read_bytes())
        content[content.index(b"value" * 100) + 50] ^= 1
        log.write_bytes(content)
        return log.name

    def test_damage_is_found_with_file_and_offset(self):
        name = self.damage()
        findings = self.talea("verify", "--quiet", expect=3).decode().splitlines()
        self.assertEqual(len(findings), 1)
        self.assertRegex(findings[0], rf"^{name} \d+ .")
        report = self.json("verify", expect=3)
        self.assertEqual(report["findings"][0]["file"], name)
        self.assertIn("backup", self.errors("verify", expect=3))

    def test_a_damaged_store_is_exit_code_three_for_every_verb(self):
        name = self.damage()
        before = self.contents()
        for arguments in (["get", "1"], ["put", "1", "v"], ["delete", "1"],
                          ["expire", "1", "--never"], ["scan"], ["export"],
                          ["stats"], ["segments"], ["batch"], ["import"]):
            errors = self.errors(*arguments, expect=3)
            self.assertIn(name, errors)
            self.assertIn("verify", errors)
        self.assertEqual({n: c[0] for n, c in before.items()},
                         {n: c[0] for n, c in self.contents().items()})

    def test_a_damaged_large_value_is_found_when_it_is_read(self):
        self.talea("put", "large", "-", stdin=b"value" * 500_000)
        self.talea("put", "small", "v")
        extent, = (self.directory / "store").glob("*.extent")
        content = bytearray(extent.read_bytes())
        content[len(content) // 2] ^= 1
        extent.write_bytes(content)
        self.talea("get", "large", expect=3)
        self.talea("get", "large", "--out", "out", expect=3)
        self.assertFalse((self.directory / "out").exists())
        self.talea("get", "small")
        self.assertIn(extent.name.encode(), self.talea("verify", expect=3))

    def test_a_disk_that_fails_below_a_memory_map_is_an_error_of_the_read(self):
        self.import_rows({f"{n:03}": os.urandom(1000) for n in range(500)}, "-q")
        self.talea("checkpoint", "-q")  # else the open itself reads all of it
        # Before there is a session, which makes room for a log ahead that may be larger.
        log = max(self.log_files(), key=lambda path: path.stat().st_size)
        session = Session(self.directory)
        self.assertEqual(session.ask({"op": "get", "key": "000"})["revision"], 1)
        os.truncate(log, 64 * 1024)  # the pages behind it are as unreadable as bad sectors
        error = session.ask({"op": "get", "key": "499"})["error"]
        self.assertIn(error["code"], ("io_error", "corruption"))
        self.assertIn(log.name, error["message"])
        self.assertEqual(session.ask({"op": "put", "key": "more", "value": "v"})["sequence"], 2)
        self.assertIn(session.close()[0], (3, 4))

    def test_a_torn_tail_is_told_apart_and_dropped_by_the_next_write(self):
        session = Session(self.directory)
        session.ask({"op": "put", "key": "k", "value": "v"})
        session.process.kill()
        session.process.wait()
        session.release()
        log = self.log_files()[-1]
        # The space behind the last record, with half of a record in it.
        end = self.json("segments")["segments"][-1]["used_bytes"]
        content = bytearray(log.read_bytes())
        content[end:end + 24] = b"\x01" * 24
        log.write_bytes(content)
        report = self.json("verify")
        self.assertEqual(report["findings"], [])
        self.assertGreater(report["torn_tail_bytes"], 0)
        self.assertIn(b"never finished", self.talea("verify"))
        self.assertGreater(self.json("stats")["recovery"]["torn_tail_bytes"], 0)
        self.talea("put", "k2", "v2")
        self.assertEqual(self.json("verify")["torn_tail_bytes"], 0)
        self.assertEqual(self.rows(), {b"k": b"v", b"k2": b"v2"})

    def test_reading_changes_no_byte_and_no_time(self):
        self.import_rows({"a": "1", "b": b"x" * 2_000_000}, "-q")
        session = Session(self.directory)  # killed, so that there is something to mend
        session.ask({"op": "put", "key": "c", "value": "3"})
        session.process.kill()
        session.process.wait()
        session.release()
        before = self.contents()
        for arguments in (["get", "a"], ["get", "b", "--out", "b"], ["scan"], ["export"],
                          ["export", "rows"], ["stats"], ["segments"], ["verify"]):
            self.talea(*arguments)
            self.assertEqual(self.contents(), before, arguments)
        self.talea("get", "absent", expect=1)
        self.assertEqual(self.contents(), before)


if __name__ == "__main__":
    main()
