#!/usr/bin/env python3
"""The homes on S3 beside the original clients: P-s3home. Run by script/bench-s3.

Both sides are processes behind lines of JSON (tests/s3home/sides.py) on one server of ours that waits
for each request as long as is said; the sides take turns, and medians of rounds are compared. What a
side reads is compared with what was written.
"""

import argparse
import datetime
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "s3home"))

import sides  # noqa: E402

VALUE_BYTES = 256


class Server:
    def __init__(self, build, directory):
        self.log = open(directory / "requests", "w+", encoding="utf-8")
        self.process = subprocess.Popen([build / "tests" / "s3home" / "s3home_server", self.log.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def delay(self, milliseconds):
        self.process.stdin.write(f"delay {milliseconds}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def requests(self):
        """What came since the last call, such as "GET _log.json" and "LIST"."""
        found = []
        for line in self.log.read().splitlines():
            method, target = line.split(" ", 1)
            path, _, query = target.partition("?")
            name = path.split("/", 2)[2] if path.count("/") >= 2 else ""
            found.append(f"{method} {name}" if name else f"LIST {query.split('&')[0]}")
        return found

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.server = Server(options.build, directory)
        sides.ENDPOINT = self.server.url
        sides.ANSWER_SECONDS = 1200
        self.rows = []
        self.random = random.Random(1)

    def place(self, bucket, prefix):
        return {"endpoint": self.server.url, "bucket": bucket, "prefix": prefix}

    def of(self, full, quick):
        return quick if self.options.quick else full

    def driver(self, name):
        return sides.Side([self.options.build / "tests" / "s3home" / f"{name}_driver"])

    def rounds(self, ours, theirs):
        """Seconds an operation of both, of each round, the sides in turn."""
        times = [(ours(), theirs()) for _ in range(self.options.rounds)]
        return [time[0] for time in times], [time[1] for time in times]

    def row(self, what, times, target=None, ours_how="", their_how="", unit="s"):
        ours, theirs = times
        ratio = statistics.median(theirs) / statistics.median(ours)
        self.rows.append({
            "id": "P-s3home", "what": what, "unit": unit, "ours": statistics.median(ours),
            "theirs": statistics.median(theirs), "ours_rounds": ours, "theirs_rounds": theirs,
            "ratio": ratio, "target": target,
            "outcome": "" if target is None else "ok" if ratio >= target else "short",
            "ours_how": ours_how, "theirs_how": their_how})
        row = self.rows[-1]
        bar = "" if target is None else f" bar={target}x {row['outcome']}"
        print(f"P-s3home {what}: ours={show(row['ours'])} against={show(row['theirs'])} "
              f"ratio={ratio:.3g}x{bar}", flush=True)

    def counted(self, work):
        self.server.requests()
        work()
        return self.server.requests()


def show(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            return f"{seconds * factor:.3g} {unit}"


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def how_many(requests):
    return f"{len(requests)} request" + ("" if len(requests) == 1 else "s")


def in_words(requests):
    return f"{how_many(requests)}: " + ", ".join(requests)


# --- The ledger

def ledger_sets(bench):
    ours = bench.driver("ledger")
    ours.open(**bench.place("versioned", "sets/ours/"))
    theirs = sides.original("peer_immukv.py")
    theirs.open(**bench.place("versioned", "sets/theirs/"))
    bench.server.delay(bench.options.delay)
    sets = bench.of(50, 10)
    number = iter(range(10**9))

    def one(side, key):
        side.set(key=key, json=json.dumps({"number": next(number), "text": "x" * VALUE_BYTES}))

    def some(side, key):
        return lambda: timed(lambda: [one(side, key()) for _ in range(sets)]) / sets

    for known, name in ((True, "known"), (False, "new")):
        key = (lambda: "known") if known else (lambda: f"key {next(number)}")
        for side in (ours, theirs):
            one(side, key())
        requests = [bench.counted(lambda side=side: one(side, key())) for side in (ours, theirs)]
        bench.row(f"ledger: set of a {name} key", bench.rounds(some(ours, key), some(theirs, key)),
                  2.4 if known else None, *[in_words(each) for each in requests])
        if known:
            assert requests[0] == ["PUT sets/ours/_log.json", "PUT sets/ours/keys/known.json"]
        assert not any(request.startswith("LIST") for request in requests[0])
    assert ours.audit()["faults"] == []
    assert theirs.verify_log_chain(limit=100)["valid"]
    ours.end()
    theirs.end()


def ledger_audits(bench):
    entries = bench.of(10_000, 1_200)
    # The original stops at a second page of a list.
    sample = bench.of(1_000, 100)
    bench.server.delay(0)
    ours = bench.driver("ledger")
    ours.open(**bench.place("versioned", "audit/"))
    for number in range(entries):
        ours.set(key=f"key {number % 100}", json=json.dumps({"n": number, "text": "x" * 100}))
    theirs = sides.original("peer_immukv.py")
    theirs.open(**bench.place("versioned", "audit/"))
    bench.server.delay(bench.options.delay)

    def audit(**what):
        def work():
            report = ours.audit(**what)
            assert report["faults"] == [] and report["entries"] == entries, report
        return lambda: timed(work) / entries

    def chain():
        def work():
            assert theirs.verify_log_chain(limit=sample)["valid"]
        return timed(work) / sample

    their_how = f"verify_log_chain of the newest {sample}: beyond a page of 1 000 it fails"
    bar = bench.of(10, None)  # it is for 10 000 entries
    log, chains = bench.rounds(audit(key_objects=False), chain)
    bench.row(f"ledger: audit of {entries} entries, the log alone, per entry", (log, chains), bar,
              "all of them, 16 requests at once", their_how)
    whole = [audit()() for _ in range(bench.options.rounds)]
    bench.row(f"ledger: audit of {entries} entries with 100 key objects, per entry", (whole, chains),
              bar, "all of them, 16 requests at once", their_how + "; it looks at no key object")
    ours.end()
    theirs.end()


# --- Bucket files

def value(bench):
    return "".join(bench.random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=VALUE_BYTES))


def make_database(bench):
    # Also in a quick run: what a put takes there grows with the keys, and the bar is for so many.
    keys = [f"key-{number:012}" for number in range(100_000)]
    items = {key: value(bench) for key in keys}
    bench.server.delay(0)
    ours = bench.driver("bucketdb")
    ours.open(**bench.place("plain", "db/"))
    ours.commit(operations=[["put", key, text] for key, text in items.items()])
    ours.upload()
    ours.end()
    return items


def database_puts(bench, items):
    keys = list(items)
    bench.server.delay(bench.options.delay)
    theirs = sides.original("peer_s4db.py")
    theirs.open(**bench.place("plain", "db/"), directory=str(bench.directory / "theirs"))
    theirs_puts = bench.of(40, 10)

    def some(side, count):
        def work():
            chosen = bench.random.choices(keys, k=count)
            times = side.time_puts(keys=chosen, text=value(bench))["nanoseconds"]
            return statistics.median(times) / 1e9
        return work

    for sync, count, target in ((False, bench.of(2_000, 500), 1000), (True, bench.of(500, 100), 300)):
        ours = bench.driver("bucketdb")
        ours.open(**bench.place("plain", "db/"), sync=sync,
                  directory=str(bench.directory / f"ours-{sync}"))
        requests = bench.counted(lambda: some(ours, 10)())
        assert requests == [], requests
        bench.row(f"bucket files: put(1) at {len(keys)} keys, {'synced' if sync else 'not synced'}",
                  bench.rounds(some(ours, count), some(theirs, theirs_puts)), target,
                  "a record in the journal" + (", and fdatasync" if sync else ""),
                  "writes the index, as it does by itself at each put; never synced")
        ours.end()
    theirs.end()


def database_reads(bench, items):
    keys = list(items)
    bench.server.delay(bench.options.delay)
    ours = bench.driver("bucketdb")
    ours.open(**bench.place("plain", "db/"), cache_bytes=0)
    theirs = sides.original("peer_s4db.py")
    theirs.open(**bench.place("plain", "db/"))
    many = bench.of(1_000, 200)
    sample = bench.of(200, 50)

    def expect(chosen, found):
        assert found == [items[key].encode().hex() for key in chosen]

    def together(choose):
        def work():
            chosen = choose(many)
            return timed(lambda: expect(chosen, ours.get_many(keys=chosen)["values"])) / many
        return work

    def each(side, choose):
        def work():
            chosen = choose(sample)
            return timed(lambda: expect(chosen, [side.get(key=key)["value"]
                                                 for key in chosen])) / sample
        return work

    def anywhere(count):
        return bench.random.sample(keys, count)

    def neighbours(count):
        first = bench.random.randrange(len(keys) - count)
        return keys[first:first + count]

    how = f"{sample} of them, a ranged GET each"
    for choose, name in ((anywhere, "anywhere"), (neighbours, "side by side")):
        requests = bench.counted(together(choose))
        merged = f"{how_many(requests)}, up to 8 at once"
        bench.row(f"bucket files: get_many of {many} keys {name}, against our get, per key",
                  bench.rounds(together(choose), each(ours, choose)), None, merged, how)
        bench.row(f"bucket files: get_many of {many} keys {name}, against the original's get, per key",
                  bench.rounds(together(choose), each(theirs, choose)), None, merged, how)

    def opening(side):
        return lambda: timed(lambda: side.open(**bench.place("plain", "db/")))

    requests = [bench.counted(opening(side)) for side in (ours, theirs)]
    assert requests[0] == ["GET db/index.idx"], requests
    bench.row(f"bucket files: open at {len(keys)} keys", bench.rounds(opening(ours), opening(theirs)),
              None, *[in_words(each) for each in requests])
    ours.end()
    theirs.end()


# --- The report

def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def markdown(bench, about):
    lines = ["# The homes on S3 beside the original clients", ""]
    lines += [f"- {name}: {text}" for name, text in about.items()]
    lines += ["", "| what | ours | against | ratio | rounds' ratios | bar | |",
              "|---|---:|---:|---:|---|---:|---|"]
    for row in bench.rows:
        ratios = [theirs / ours for ours, theirs in zip(row["ours_rounds"], row["theirs_rounds"])]
        bar = "" if row["target"] is None else f"{row['target']}x"
        lines.append(f"| {row['what']} | {show(row['ours'])} | {show(row['theirs'])} | "
                     f"{row['ratio']:.3g}x | {min(ratios):.3g}x .. {max(ratios):.3g}x | {bar} | "
                     f"{row['outcome']} |")
    lines += ["", "| what | ours | against |", "|---|---|---|"]
    lines += [f"| {row['what']} | {row['ours_how']} | {row['theirs_how']} |" for row in bench.rows]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--delay", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main():
    options = parse()
    scratch = ROOT / "build" / "bench-s3"
    directory = Path(tempfile.mkdtemp(dir=scratch, prefix="data-"))
    bench = Bench(options, directory)
    about = {
        "Machine": f"{processor()}, {os.cpu_count()} cores, Linux {platform.release()}, "
                   f"load {os.getloadavg()[0]:.2f}",
        "Commit": options.commit,
        "Command": f"`script/bench-s3`, {datetime.datetime.now(datetime.timezone.utc):%FT%TZ}",
        "Store": f"a server of ours in memory (tests/s3home/s3home_server.cc) that waits {options.delay} ms "
                 "before each request, on loopback; the same for both sides",
        "Originals": f"immukv 0.1.30, s4db 0.8.0, Python {platform.python_version()}",
        "Figures": f"median of {options.rounds} rounds, the sides in turn; of puts the median of "
                   f"those of a round; values of {VALUE_BYTES} bytes",
    }
    try:
        ledger_sets(bench)
        ledger_audits(bench)
        items = make_database(bench)
        database_puts(bench, items)
        database_reads(bench, items)
    finally:
        bench.server.end()
        shutil.rmtree(directory)
    text = markdown(bench, about)
    print("\n" + text)
    if not options.quick:
        results = ROOT / "bench" / "results"
        (results / "s3home.md").write_text(text)
        (results / "s3home.json").write_text(json.dumps({**about, "rows": bench.rows}, indent=1) +
                                             "\n")


if __name__ == "__main__":
    main()
