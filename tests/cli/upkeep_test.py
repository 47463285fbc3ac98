#!/usr/bin/env python3
"""compact and checkpoint; what stats and segments tell of them; the options of the index."""

import os
import time

from talea_cli import SECONDS_MAX, Session, TaleaTest, main

# Small segments, so that some are sealed and mostly garbage.
SMALL = ("--segment-bytes", "65536")


class Upkeep(TaleaTest):
    def files(self, suffix):
        return sorted(path.name for path in (self.directory / "store").glob("*" + suffix))

    def bytes_of_files(self):
        return sum(path.stat().st_size for path in (self.directory / "store").iterdir())

    def fill_with_garbage(self):
        """500 rows of 1000 bytes, of which nine in ten are then replaced by one byte."""
        rows = {f"{n:03}": os.urandom(1000) for n in range(500)}
        self.import_rows(rows, "-q", *SMALL)
        replaced = {key: b"x" for key in rows if not key.endswith("7")}
        self.import_rows(replaced, "-q", *SMALL)
        return {key.encode(): value for key, value in {**rows, **replaced}.items()}

    def test_compact_gives_space_back_and_changes_no_row(self):
        rows = self.fill_with_garbage()
        before = self.bytes_of_files()
        outcome = self.json("compact", *SMALL)
        self.assertGreater(outcome["given_back_bytes"], 300_000)
        self.assertEqual(outcome["disk_bytes_before"] - outcome["disk_bytes"],
                         outcome["given_back_bytes"])
        self.assertGreater(outcome["compacted_bytes_written"], 50_000)
        self.assertGreater(outcome["run_bytes_written"], 0)
        self.assertLess(self.bytes_of_files(), before - 300_000)
        self.assertEqual(self.rows(), rows)
        self.assertEqual(self.json("verify")["findings"], [])
        stats = self.json("stats")
        self.assertEqual(stats["keys"], 500)
        self.assertLess(stats["space_amplification"], 2)

    def test_what_compact_wrote_is_among_the_segments(self):
        self.fill_with_garbage()
        self.talea("compact", *SMALL)
        segments = self.json("segments")["segments"]
        data = [s for s in segments if s["kind"] == "data"]
        self.assertEqual(sorted(s["file"] for s in data), self.files(".data"))
        self.assertGreater(len(data), 0)
        for segment in data:
            self.assertTrue(segment["sealed"])
            self.assertGreater(segment["entries"], 0)
        self.assertRegex(self.talea("segments").decode(), r"\d+\.data +data +sealed ")
        self.assertGreater(len(self.files(".run")), 0)

    def test_a_store_without_garbage_is_left_as_it_is_by_a_second_compact(self):
        rows = self.fill_with_garbage()
        self.talea("compact", *SMALL)
        data = self.files(".data")
        outcome = self.json("compact", *SMALL)
        self.assertEqual((outcome["given_back_bytes"], outcome["compacted_bytes_written"]), (0, 0))
        self.assertEqual(self.files(".data"), data)
        self.assertEqual(self.rows(), rows)

    def test_a_higher_live_ratio_rewrites_more(self):
        rows = {f"{n:03}": os.urandom(1000) for n in range(500)}
        self.import_rows(rows, "-q", *SMALL)
        self.import_rows({key: b"x" for key in rows if key.endswith("7")}, "-q", *SMALL)
        self.assertEqual(self.json("compact", *SMALL)["compacted_bytes_written"], 0)
        outcome = self.json("compact", *SMALL, "--live-ratio", "0.95")
        self.assertGreater(outcome["compacted_bytes_written"], 300_000)
        self.assertGreater(outcome["given_back_bytes"], 20_000)
        for ratio in ("0.01", "0.99", "nan", "much"):
            self.errors("compact", "--live-ratio", ratio, expect=2)

    def test_a_deleted_large_value_is_given_back(self):
        self.talea("put", "large", "-", stdin=os.urandom(3_000_000))
        self.talea("delete", "large")
        self.assertGreater(self.json("compact")["given_back_bytes"], 3_000_000)
        self.assertEqual(self.files(".extent"), [])

    def test_people_read_how_much_came_back(self):
        self.fill_with_garbage()
        text = self.talea("compact", *SMALL).decode()
        self.assertRegex(text, r"(?m)^given back +\d.* KiB$")
        self.assertRegex(text, r"(?m)^took +\d.* s$")
        self.assertEqual(self.talea("compact", "--quiet"), b"")

    def test_after_a_checkpoint_an_open_replays_nothing(self):
        self.import_rows({f"{n}": "v" * 100 for n in range(300)}, "-q", "--batch", "10")
        self.assertEqual(self.json("stats")["recovery"]["batches_replayed"], 30)
        outcome = self.json("checkpoint")
        self.assertEqual((outcome["checkpoints"], outcome["batches_replayed"]), (1, 30))
        run, = self.files(".run")
        self.assertEqual(outcome["run_bytes_written"],
                         (self.directory / "store" / run).stat().st_size)
        stats = self.json("stats")
        self.assertEqual((stats["keys"], stats["recovery"]["batches_replayed"]), (300, 0))
        self.talea("put", "more", "v")
        self.assertEqual(self.json("stats")["recovery"]["batches_replayed"], 1)
        self.assertEqual(len(self.rows()), 301)

    def test_a_checkpoint_of_what_has_one_writes_nothing(self):
        self.talea("put", "k", "v")
        self.assertRegex(self.talea("checkpoint").decode(), r"(?m)^written to runs +\d")
        self.assertIn(b"nothing changed", self.talea("checkpoint"))
        self.assertEqual(self.json("checkpoint")["checkpoints"], 0)
        self.assertEqual(self.talea("checkpoint", "--quiet"), b"")

    def test_a_running_session_counts_what_it_does(self):
        session = Session(self.directory)
        for n in range(100):
            session.ask({"op": "put", "key": f"{n}", "value": "v"})
        session.ask({"op": "get", "key": "7"})
        session.ask({"op": "get", "key": "none"})
        stats = session.ask({"op": "stats"})["stats"]
        self.assertEqual((stats["keys"], stats["last_sequence"]), (100, 100))
        self.assertGreater(stats["index_bytes_per_key"], 0)
        since = stats["since_open"]
        self.assertEqual((since["puts"], since["gets"], since["gets_found"]), (100, 2, 1))
        self.assertEqual(since["write_amplification"], 1)
        latency = since["commit_latency"]
        self.assertEqual(latency["count"], 100)
        quantiles = [latency[name] for name in ("p50_ns", "p99_ns", "p99_9_ns", "max_ns")]
        self.assertEqual(quantiles, sorted(quantiles))
        self.assertGreater(quantiles[0], 0)
        error = session.ask({"op": "stats", "key": "7"})["error"]
        self.assertEqual(error["code"], "invalid_argument")
        self.assertIn("error", session.ask([{"op": "stats"}]))
        self.assertEqual(session.close()[0], 4)

    def test_values_are_compressed_when_it_is_asked_for_and_read_without(self):
        rows = {f"{n}": f"{n} and the same again, ".encode() * 100 for n in range(100)}
        self.import_rows(rows, "-q", "--compress-from", "64")
        self.import_rows(rows, "-q", store="plain")
        compressed = self.json("stats")["live_bytes"]
        self.assertLess(compressed * 5, self.json("stats", store="plain")["live_bytes"])
        self.assertEqual(self.talea("get", "7"), rows["7"])
        self.assertEqual(self.talea("export"), self.talea("export", store="plain"))
        self.assertEqual(self.json("verify")["findings"], [])

    def test_a_running_session_counts_what_it_compressed(self):
        session = Session(self.directory, "--compress-from", "64")
        session.ask({"op": "put", "key": "text", "value": "again and " * 100})
        session.ask({"op": "put", "key": "short", "value": "x" * 63})
        since = session.ask({"op": "stats"})["stats"]["since_open"]
        self.assertEqual((since["values_compressed"], since["bytes_before_compression"]), (1, 1000))
        self.assertLess(since["bytes_after_compression"], 200)
        self.assertAlmostEqual(since["compression_ratio"],
                               1000 / since["bytes_after_compression"], delta=0.001)
        session.close()

    def test_a_running_session_removes_what_expired_and_counts_it(self):
        session = Session(self.directory)
        session.ask([{"op": "put", "key": f"{n}", "value": "v", "expires_at_ms": 1}
                     for n in range(10)])
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            stats = session.ask({"op": "stats"})["stats"]
            if stats["since_open"]["keys_expired"] == 10:
                break
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(stats["keys"], 0)
        session.close()

    def test_stats_of_a_store_that_is_empty_have_no_ratios(self):
        session = Session(self.directory)
        session.close()
        stats = self.json("stats")
        self.assertEqual(stats["keys"], 0)
        self.assertIsNone(stats["space_amplification"])
        self.assertIsNone(stats["since_open"]["write_amplification"])
        self.assertIsNone(stats["since_open"]["compression_ratio"])
        self.assertRegex(self.talea("stats").decode(), r"(?m)^disk to live +-$")

    def test_every_row_is_there_under_a_memory_budget(self):
        rows = {f"{n:06}": "v" for n in range(40_000)}
        budget = ("--memory-budget", str(1 << 20))
        self.import_rows(rows, "-q", *budget)
        self.talea("checkpoint", *budget)
        self.assertEqual(self.json("stats", *budget)["keys"], len(rows))
        self.assertEqual(self.talea("get", "012345", *budget), b"v")
        self.assertEqual(len(self.talea("scan", "--keys-only", *budget).splitlines()), len(rows))

    def test_damage_is_found_whenever_reads_are_verified(self):
        self.import_rows({f"{n}": "value" * 100 for n in range(10)}, "-q", "--batch", "1")
        self.talea("checkpoint")  # without it the open itself would find it
        log = max(self.log_files(), key=lambda path: path.stat().st_size)
        content = bytearray(log.read_bytes())
        content[content.index(b"value" * 100) + 50] ^= 1
        log.write_bytes(content)
        for when in ("once", "always"):
            self.assertIn(log.name, self.errors("scan", "--verify-reads", when, expect=3))
        self.errors("verify", expect=3)


if __name__ == "__main__":
    main()
