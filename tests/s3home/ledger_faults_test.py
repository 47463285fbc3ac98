#!/usr/bin/env python3
"""The ledger over a network that does something to one request: no entry is lost, none is there
twice, at most one lacks its key's object, the chain is whole, and the next activity repairs.

The log is read and its hashes are computed here, not by what is tested.

Usage: ledger_faults_test.py LEDGER_DRIVER
"""

import hashlib
import json
import sys
import time

import faults
from faults import STORE


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def hash_of(entry):
    text = canonical({name: entry[name] for name in
                      ("key", "previous_hash", "sequence", "timestamp_ms", "value")})
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class LedgerPlay(faults.Play):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.outcomes = {}  # by value: committed, rejected, unknown
        self.ours.open(**self.place(), parallel_gets=1, repair_check_interval_ms=0)

    def versions(self, name):
        """The bodies, oldest first, with their version ids."""
        for version_id in STORE.version_ids(Bucket=self.bucket, Key=self.prefix + name):
            answer = STORE.get_object(Bucket=self.bucket, Key=self.prefix + name,
                                      VersionId=version_id)
            yield version_id, json.loads(answer["Body"].read())

    def put(self, name, body):
        STORE.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=canonical(body).encode())

    def next_value(self):
        return 100 + len(self.outcomes)

    def set(self, key, side=None):
        value = self.next_value()
        _, code = faults.attempt((side or self.ours).set, key=key, json=str(value))
        self.outcomes[value] = {None: "committed", "timed_out": "unknown",
                                "killed": "unknown"}.get(code, "rejected")

    def set_by_another(self, key):
        self.worker.other.open(**self.place(direct=True))
        self.set(key, self.worker.other)

    def orphan(self, key):
        """What a program leaves that ends between its two puts."""
        before_id, before = list(self.versions("_log.json"))[-1]
        value = self.next_value()
        entry = {"key": key, "previous_hash": before["hash"], "sequence": before["sequence"] + 1,
                 "timestamp_ms": int(time.time() * 1000), "value": value}
        entry = {**entry, "hash": hash_of(entry), "previous_version_id": before_id}
        etag = STORE.etag(Bucket=self.bucket, Key=f"{self.prefix}keys/{key}.json")
        if etag is not None:
            entry["previous_key_object_etag"] = etag
        self.put("_log.json", entry)
        self.outcomes[value] = "committed"

    def check_log(self, orphans_max):
        log = list(self.versions("_log.json"))
        values = [entry["value"] for _, entry in log]
        for value, outcome in self.outcomes.items():
            found = values.count(value)
            self.check(found <= 1, f"{value} is there {found} times: {values}")
            self.check(outcome != "committed" or found == 1, f"{value} is lost: {values}")
            self.check(outcome != "rejected" or found == 0, f"{value} was rejected: {values}")
        before, before_id = "sha256:genesis", None
        newest = {}
        for sequence, (version_id, entry) in enumerate(log):
            self.check(entry["sequence"] == sequence, f"sequence of {entry}")
            self.check(entry["previous_hash"] == before, f"chain at {entry}")
            self.check(entry.get("previous_version_id") == before_id, f"version before {entry}")
            self.check(entry["hash"] == hash_of(entry), f"hash of {entry}")
            before, before_id = entry["hash"], version_id
            newest[entry["key"]] = entry
        orphans = []
        for key, entry in newest.items():
            objects = list(self.versions(f"keys/{key}.json"))
            if not objects or objects[-1][1]["sequence"] != entry["sequence"]:
                orphans.append(key)
            sequences = [body["sequence"] for _, body in objects]
            self.check(sequences == sorted(set(sequences)), f"history of {key}: {sequences}")
        self.check(len(orphans) <= orphans_max, f"orphans: {orphans}")


class Story:
    play = LedgerPlay

    def __init__(self, name, prepare, act):
        self.name = name
        self.prepare = prepare
        self.act = act

    def judge(self, play):
        play.check_log(orphans_max=1)
        # The next process does something.
        play.worker.other.open(**play.place(direct=True))
        play.set("z", play.worker.other)
        play.check(list(play.outcomes.values())[-1] == "committed", "the next set")
        play.line.let_go()
        play.line.settled()
        play.check_log(orphans_max=0)
        audit = play.worker.other.audit()
        play.check(audit["faults"] == [] and audit["reaches_genesis"], f"audit: {audit}")


def read(play, what, expected, operation, **fields):
    answer, code = faults.attempt(getattr(play.ours, operation), **fields)
    if answer is None:
        play.check(code in faults.NO_ANSWER, f"{what}: {code}")
    else:
        play.check(expected(answer), f"{what}: {answer}")


def get(play, key, value):
    read(play, f"get of {key}", lambda answer: answer["entry"]["json"] == str(value), "get", key=key)


def three_entries(play):
    play.set("a")
    play.set("b")
    play.set("a")


def orphan_of(key):
    def prepare(play):
        play.set_by_another("a")
        play.orphan(key)
    return prepare


def audit(play):
    read(play, "audit", lambda answer: answer["faults"] == [] and answer["entries"] == 3, "audit")


def histories(play):
    read(play, "log", lambda answer: [entry["json"] for entry in answer["entries"]] ==
         ["102", "101", "100"], "entries", page=2)
    read(play, "history", lambda answer: [entry["json"] for entry in answer["entries"]] ==
         ["102", "100"], "entries", key="a", page=1)
    read(play, "keys", lambda answer: answer["keys"] == ["a", "b"], "keys")


def repair(play):
    read(play, "repair", lambda answer: True, "repair")


STORIES = [
    Story("first set", lambda play: None, lambda play: play.set("a")),
    Story("set of a new key", lambda play: play.set("a"), lambda play: play.set("b")),
    Story("set of a known key", lambda play: play.set("a"), lambda play: play.set("a")),
    Story("first set of a process", lambda play: play.set_by_another("a"), lambda play: play.set("a")),
    Story("set after an orphan", orphan_of("b"), lambda play: play.set("a")),
    Story("set after an orphan of the key", orphan_of("a"), lambda play: play.set("a")),
    Story("get", lambda play: play.set("a"), lambda play: get(play, "a", 100)),
    Story("get of an orphan", orphan_of("a"), lambda play: get(play, "a", 101)),
    Story("repair", orphan_of("b"), repair),
    Story("audit", three_entries, audit),
    Story("history", three_entries, histories),
]

if __name__ == "__main__":
    sys.exit(faults.run(STORIES, sys.argv[1], versioned=True))
