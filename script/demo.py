"""The steps of script/demo, which builds the program and calls this.

Beside the store the demo keeps what the store should hold in a dictionary, the expectation, and
compares the two after every step. Nothing is read from the store to build it.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

KEYS_MIN = 100_000
KEYS_MAX = 300_000  # of the Contents index, which has millions: the demo is to take a minute
STORE = Path("demo-store")
OWNER_KEY = "demo:made-by"  # says that the directory is ours to remove
OWNER_VALUE = "script/demo"
STORE_FILE = re.compile(r"LOCK|MANIFEST(\..*)?|\d+\.(log|extent|data)")
LOAD_ACKNOWLEDGED = 3000  # writes of the load before it is killed
LOAD_SECONDS = 10


class Failure(Exception):
    """A check that did not hold."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


class Step:
    """Prints a title, and how long it took."""

    number = 0

    def __init__(self, title):
        Step.number += 1
        print(f"\n{Step.number}. {title}", flush=True)

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, *error):
        if error[0] is None:
            print(f"   ({self.seconds():.2f} s)", flush=True)

    def seconds(self):
        return time.monotonic() - self.began


def say(text):
    print(f"   {text}", flush=True)


# --- The program ---------------------------------------------------------------------------------


class Talea:
    def __init__(self, program):
        self.program = str(program)

    def run(self, *arguments, **options):
        """Runs the program on the store; its output."""
        done = subprocess.run([self.program, "-s", f"./{STORE}", *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
        command = "talea " + " ".join(map(str, arguments))
        check(done.returncode == 0, f"`{command}` ended with exit code {done.returncode}:\n"
              + done.stderr.decode() + done.stdout.decode()[-1000:])
        return done.stdout.decode()

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))

    def batch(self, operations):
        """The results of many operations, through one `talea batch`."""
        lines = "".join(json.dumps(operation) + "\n" for operation in operations)
        done = subprocess.run([self.program, "-s", f"./{STORE}", "batch"], input=lines.encode(),
                              stdout=subprocess.PIPE, check=False)
        check(done.returncode in (0, 1), f"`talea batch` ended with exit code {done.returncode}")
        results = [json.loads(line) for line in done.stdout.splitlines()]
        check(len(results) == len(operations), "`talea batch` did not answer every line")
        return results

    def load(self):
        """A `talea batch` to talk to."""
        return subprocess.Popen([self.program, "-s", f"./{STORE}", "batch"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def rows(self):
        """All keys and values."""
        return {row["key"]: row["value"]
                for row in map(json.loads, self.run("export").splitlines())}


# --- The data ------------------------------------------------------------------------------------


def installed_files():
    """Path -> packages, of all packages that dpkg has installed."""
    owners = {}
    for path in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        package = path.name[: -len(".list")].split(":")[0]
        for line in path.read_bytes().decode("utf-8", "replace").splitlines():
            if line.startswith("/") and line != "/.":
                owners.setdefault(line[1:], []).append(package)
    return {path: ",".join(packages) for path, packages in owners.items()}


def contents_index(work):
    """Path -> packages, of Debian's Contents index, fetched by apt into a directory of ours."""
    for directory in ("lists/partial", "cache"):
        (work / "apt" / directory).mkdir(parents=True, exist_ok=True)
    target = "Acquire::IndexTargets::deb::"
    options = {
        "Dir::State::Lists": work / "apt" / "lists",
        "Dir::Cache": work / "apt" / "cache",
        "APT::Sandbox::User": "root",
        target + "Packages::DefaultEnabled": "false",
        target + "Translations::DefaultEnabled": "false",
        target + "DEP-11::DefaultEnabled": "false",
        target + "Contents::MetaKey": "$(COMPONENT)/Contents-$(ARCHITECTURE)",
        target + "Contents::ShortDescription": "Contents-$(ARCHITECTURE)",
        target + "Contents::Description": "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents",
        target + "Contents::PDiffs": "false",
        target + "Contents::KeepCompressed": "true",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(["apt-get", "-qq", "update", *words], capture_output=True, check=False)
    files = sorted((work / "apt" / "lists").glob("*_Contents-*"))
    check(files, "apt-get could not fetch the Contents index:\n" + done.stderr.decode())
    owners = {}
    for file in files:
        with subprocess.Popen(["/usr/lib/apt/apt-helper", "cat-file", str(file)],
                              stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                path, _, packages = line.decode("utf-8", "replace").rstrip().rpartition(" ")
                if path and len(owners) < KEYS_MAX:
                    names = [package.rsplit("/", 1)[-1] for package in packages.split(",")]
                    owners[path.rstrip()] = ",".join(names)
    return owners


def real_data(work, use_contents):
    with Step("Data: which package does a file belong to?"):
        if not use_contents:
            owners = installed_files()
            say(f"/var/lib/dpkg/info: {len(owners)} distinct paths of installed packages")
            if len(owners) > KEYS_MIN:
                return owners
            say(f"that is not more than {KEYS_MIN}")
        say("fetching Debian's Contents index with apt, into build/demo")
        owners = contents_index(work)
        say(f"Contents index: the first {len(owners)} distinct paths")
        check(len(owners) > KEYS_MIN, f"the data has only {len(owners)} distinct keys")
        return owners


# --- The steps -----------------------------------------------------------------------------------


def fresh_store(talea):
    """Removes the store of an earlier demo, and nothing else."""
    if STORE.exists():
        names = [path.name for path in STORE.iterdir()] if STORE.is_dir() else ["(a file)"]
        foreign = [name for name in names if not STORE_FILE.fullmatch(name)]
        owner = None
        if names and not foreign:
            owner = subprocess.run([talea.program, "-s", f"./{STORE}", "get", OWNER_KEY],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   check=False).stdout.decode()
        if names and owner != OWNER_VALUE:
            raise Failure(f"./{STORE} was not made by this demo, or is in use; it is not touched. "
                          "Move it away, or run the demo in another directory")
        shutil.rmtree(STORE)
    talea.run("put", "--if-absent", OWNER_KEY, OWNER_VALUE)


def import_data(talea, data, work):
    rows = work / "rows.ndjson"
    with open(rows, "w", encoding="utf-8") as file:
        for key, value in data.items():
            file.write(json.dumps({"key": key, "value": value}, ensure_ascii=False) + "\n")
    with Step(f"Import {len(data)} rows, {megabytes(rows.stat().st_size)} of NDJSON"):
        report = talea.json("import", rows)
        check(report["rows"] == len(data) and report["keys"] == len(data) + 1,
              f"the report of the import is wrong: {report}")
        say(f"{report['rows']} rows in {report['seconds']:.2f} s: "
            f"{report['rows'] / report['seconds']:,.0f} rows/s, "
            f"{rows.stat().st_size / 1e6 / report['seconds']:.1f} MB/s, each 1000 rows one durable "
            "batch")
    rows.unlink()


def show_stats(talea, expectation):
    with Step("What the store says about itself"):
        stats = talea.json("stats")
        for line in talea.run("stats").splitlines():
            say(line)
        check(stats["keys"] == len(expectation), "the number of keys is wrong")
        on_disk = sum(path.stat().st_size for path in STORE.iterdir())
        say(f"the directory: {megabytes(on_disk)} in {len(list(STORE.iterdir()))} files")


def read_points(talea, expectation, dice):
    keys = dice.choices(sorted(expectation), k=20_000)
    with Step(f"Read {len(keys)} random keys and compare each with the source") as step:
        results = talea.batch([{"op": "get", "key": key} for key in keys])
        seconds = step.seconds()
        for key, result in zip(keys, results):
            check(result.get("value") == expectation[key], f"the value of '{key}' is wrong: {result}")
        say(f"{len(keys) / seconds:,.0f} reads/s, through one pipe and JSON, opening included")
        absent = talea.batch([{"op": "get", "key": f"{key}/no such file"} for key in keys[:100]])
        check(all(result == {"value": None} for result in absent), "an absent key has a value")
        key = keys[0]
        check(talea.run("get", key) == expectation[key], f"`talea get {key}` is wrong")
        say(f"talea get {key}  ->  {expectation[key]}")


def scan_prefix(talea, expectation):
    prefix = "usr/share/man/"
    if not any(key.startswith(prefix) for key in expectation):
        prefix = "usr/share/"
    with Step(f"Scan the prefix {prefix}") as step:
        keys = [json.loads(line)["key"] for line in
                talea.run("scan", "-o", "json", "--prefix", prefix).splitlines()]
        seconds = step.seconds()
        wanted = sorted((k for k in expectation if k.startswith(prefix)), key=str.encode)
        check(keys == wanted, "the scan is not the sorted list of the source")
        say(f"{len(keys)} rows in byte order, {len(keys) / seconds:,.0f} rows/s")


def change(talea, expectation, dice):
    keys = dice.sample(sorted(expectation.keys() - {OWNER_KEY}), 15_000)
    updates, removals = keys[:10_000], keys[10_000:]
    with Step(f"Update {len(updates)} keys and delete {len(removals)}, in atomic batches of 100"):
        operations = []
        for key in updates:
            expectation[key] = f"updated {dice.randrange(10**9)}"
            operations.append({"op": "put", "key": key, "value": expectation[key]})
        for key in removals:
            del expectation[key]
            operations.append({"op": "delete", "key": key})
        dice.shuffle(operations)
        batches = [operations[n:n + 100] for n in range(0, len(operations), 100)]
        results = talea.batch(batches)
        check(all("sequence" in result for result in results), "a batch was refused")
        got = talea.batch([{"op": "get", "key": key} for key in keys])
        for key, result in zip(keys, got):
            check(result["value"] == expectation.get(key), f"'{key}' is wrong: {result}")
        say(f"{len(batches)} batches; all {len(keys)} keys read back as they should be")


def load_operations(expectation, dice):
    """An endless write load: new keys, overwrites and deletes."""
    known = sorted(expectation.keys() - {OWNER_KEY})
    number = 0
    while True:
        number += 1
        kind = dice.random()
        if kind < 0.6:
            yield {"op": "put", "key": f"load/{number:08}", "value": f"{dice.getrandbits(256):064x}"}
        elif kind < 0.9:
            yield {"op": "put", "key": dice.choice(known), "value": f"written under load {number}"}
        else:
            yield {"op": "delete", "key": dice.choice(known)}


def kill_under_load(talea, expectation, dice, work):
    """Writes until SIGKILL; returns the operations sent and how many were acknowledged."""
    with Step("A write load of single durable writes, killed with SIGKILL in the middle"):
        process = talea.load()
        sent = []
        operations = load_operations(expectation, dice)

        def feed():
            try:
                while True:
                    operation = next(operations)
                    sent.append(operation)
                    process.stdin.write(json.dumps(operation).encode() + b"\n")
                    process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass

        feeder = threading.Thread(target=feed, daemon=True)
        began = time.monotonic()
        feeder.start()
        acknowledged = 0
        wanted = LOAD_ACKNOWLEDGED + dice.randrange(1000)
        # Outside of the store and its process: the demo's own record of what it was promised.
        with open(work / "acknowledged.ndjson", "wb") as record:
            for line in process.stdout:
                check(b'"sequence"' in line, f"a write was refused: {line.decode()}")
                record.write(line)
                acknowledged += 1
                if acknowledged == wanted or time.monotonic() - began > LOAD_SECONDS:
                    process.send_signal(signal.SIGKILL)
                    break
            seconds = time.monotonic() - began
            process.wait()
            check(process.returncode == -signal.SIGKILL, "the load was not ended by the signal")
            # What it wrote into the pipe before it died counts as well.
            for line in process.stdout:
                if line.endswith(b"\n"):
                    record.write(line)
                    acknowledged += 1
        feeder.join()
        process.stdout.close()
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        say(f"process {process.pid} killed after {acknowledged} acknowledged writes in "
            f"{seconds:.2f} s ({acknowledged / seconds:,.0f}/s, one at a time, each synced)")
        say(f"{len(sent) - acknowledged} more were sent, and not acknowledged")
        return sent, acknowledged


def apply(expectation, operation):
    if operation["op"] == "put":
        expectation[operation["key"]] = operation["value"]
    else:
        expectation.pop(operation["key"], None)


def verify_after_kill(talea, expectation, sent, acknowledged):
    with Step("Reopen, and compare every key with what was acknowledged"):
        say("recovery: " + json.dumps(talea.json("stats")["recovery"]))
        for operation in sent[:acknowledged]:
            apply(expectation, operation)
        rows = talea.rows()
        extra = 0
        # The write that was under way when the process died may be there as well, and whole.
        if rows != expectation and acknowledged < len(sent):
            apply(expectation, sent[acknowledged])
            extra = 1
        if rows != expectation:
            wrong = [key for key in rows.keys() | expectation.keys()
                     if rows.get(key) != expectation.get(key)]
            raise Failure(f"{len(wrong)} keys are not as acknowledged, for example {wrong[0]!r}: "
                          f"{rows.get(wrong[0])!r} instead of {expectation.get(wrong[0])!r}")
        say(f"all {len(rows)} keys have the value that was acknowledged last"
            + (", and the one write that was under way is there as a whole" if extra else ""))
        talea.run("put", "--if-absent", "demo:after-the-kill", "the store takes writes again")
        expectation["demo:after-the-kill"] = "the store takes writes again"


def verify(talea):
    with Step("Check every byte of the store"):
        report = talea.json("verify")
        check(report["findings"] == [], f"damage: {report['findings']}")
        for line in talea.run("verify").splitlines():
            say(line)


def farewell(talea, program):
    with Step("What it comes to"):
        stats = talea.json("stats")
        on_disk = sum(path.stat().st_size for path in STORE.iterdir())
        say(f"{stats['keys']} keys, {megabytes(stats['live_bytes'])} of them current, "
            f"{megabytes(on_disk)} on disk, {stats['segments']} segments, opened in "
            f"{stats['open_seconds']:.2f} s")
    try:
        program = program.relative_to(Path.cwd())
    except ValueError:
        pass
    print(f"""
The store is in ./{STORE}. Look around:

  export TALEA_STORE=./{STORE}
  {program} scan --prefix usr/bin/ --limit 10
  {program} get usr/bin/env
  {program} segments
  {program} put hello world && {program} get -o json hello
  {program} export | wc -l
  {program} --help""")


def main():
    parser = argparse.ArgumentParser(prog="script/demo")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--contents", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("TALEA_")]:
        del os.environ[name]
    dice = random.Random(arguments.seed)
    print(f"seed={arguments.seed}")
    talea = Talea(arguments.program)
    began = time.monotonic()
    try:
        fresh_store(talea)
        expectation = real_data(arguments.work, arguments.contents)
        import_data(talea, expectation, arguments.work)
        expectation[OWNER_KEY] = OWNER_VALUE
        show_stats(talea, expectation)
        read_points(talea, expectation, dice)
        scan_prefix(talea, expectation)
        change(talea, expectation, dice)
        sent, acknowledged = kill_under_load(talea, expectation, dice, arguments.work)
        verify_after_kill(talea, expectation, sent, acknowledged)
        verify(talea)
        farewell(talea, arguments.program)
    except Failure as failure:
        print(f"\nFAILED: {failure}\nseed={arguments.seed}", file=sys.stderr)
        sys.exit(1)
    print(f"\nAll checks passed in {time.monotonic() - began:.1f} s.")


main()
