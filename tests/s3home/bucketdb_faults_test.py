#!/usr/bin/env python3
"""The bucket database over a network that does something to one request: the bucket is a whole
database at every time, and has all that was acknowledged; a second try, and the process after this
one, lead to the end.

What the bucket holds is read by s4db 0.8, not by what is tested.

Usage: bucketdb_faults_test.py BUCKETDB_DRIVER
"""

import sys
import tempfile
import types

import s4db._storage
from s4db import S4DB

import faults
from faults import STORE

# To make a client takes longer than a story, and what boto3 sends is not what is looked at.
s4db._storage.boto3 = types.SimpleNamespace(client=lambda *_, **__: STORE)


def hexed(items):
    return {key: value.encode().hex() for key, value in items.items()}


class BucketPlay(faults.Play):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.directory = tempfile.TemporaryDirectory(prefix="talea-faults-")
        self.model = {}   # as it is to be in the end
        self.lawful = []  # what the bucket may hold beside that
        self.open()

    def open(self, **more):
        self.options = {"cache_bytes": 0, "threads": 1, "directory": self.directory.name,
                        "grown_file_bytes_max": 0, **more}
        self.ours.open(**self.place(), **self.options)

    def put(self, **items):
        self.ours.commit(operations=[["put", key, value] for key, value in items.items()])
        self.model.update(items)

    def remove(self, key):
        self.ours.commit(operations=[["remove", key]])
        del self.model[key]

    def committed(self):
        """What is in the bucket now is what the act begins with."""
        self.lawful = [dict(self.model)]

    def put_by_another(self, **items):
        other = self.worker.other
        other.open(**self.place(direct=True), cache_bytes=0)
        other.commit(operations=[["put", key, value] for key, value in items.items()])
        other.upload()

    def contents(self):
        database = S4DB(self.bucket, self.prefix)
        return dict(database.iter())

    def check_bucket(self, models, when):
        found = self.contents()
        self.check(found in models, f"{when}: {found} is none of {models}")

    def read(self, what, expected, operation, **fields):
        answer, code = faults.attempt(getattr(self.ours, operation), **fields)
        if answer is None:
            self.check(code in faults.NO_ANSWER, f"{what}: {code}")
        else:
            self.check(expected(answer), f"{what}: {answer}")


class Story:
    play = BucketPlay

    def __init__(self, name, prepare, work, again=lambda play: play.ours.upload()):
        self.name = name
        self.prepare = prepare
        self.work = work
        self.again = again

    def act(self, play):
        play.done = self.work(play)

    def judge(self, play):
        whole = [play.model, *play.lawful]
        play.check_bucket([play.model] if play.done else whole, "after it")
        if play.fault == "late":
            play.line.let_go()
            play.line.settled()
            play.check_bucket([play.model] if play.done else whole, "after what was late")
        # The process ends here; the next one finds what is not uploaded.
        play.ours.open(**play.place(), **play.options)
        self.again(play)
        play.check_bucket([play.model], "in the end")
        items = play.ours.items()["items"]
        play.check(items == hexed(play.model), f"we read {items}")
        play.directory.cleanup()


def tried(operation, **fields):
    """Whether it was done."""
    def work(play):
        _, code = faults.attempt(getattr(play.ours, operation), **fields)
        play.check(code in (None, *faults.NO_ANSWER, "conflict"), f"{operation}: {code}")
        return code is None
    return work


def reading(operation, expected, **fields):
    def work(play):
        play.read(operation, expected, operation, **fields)
        return False
    return work


def two_files(play):
    play.put(a="1", b="2")
    play.ours.upload()
    play.put(c="3")
    play.ours.upload()
    play.committed()


def read_only(play):
    two_files(play)
    play.open(directory="")


def opening(play):
    code = faults.attempt(play.ours.open, **play.place(), **play.options)[1]
    play.check(code in (None, *faults.NO_ANSWER), f"open: {code}")
    return False


def pending(play):
    two_files(play)
    play.put(a="newer", d="4")
    play.remove("b")


def new_database(play):
    play.put(a="1", b="2")
    play.lawful = [{}]


def grown_file(play):
    play.open(grown_file_bytes_max=4096)
    play.put(a="1")
    play.ours.upload()
    play.committed()
    play.put(a="newer", b="2")


def second_writer(play):
    pending(play)
    play.put_by_another(theirs="1", a="theirs")
    play.model["theirs"] = "1"
    play.lawful = [{"a": "theirs", "b": "2", "c": "3", "theirs": "1"}]


def garbage(play):
    pending(play)
    play.ours.upload()
    play.put(e="5")
    play.ours.upload()
    play.committed()


def collectable(play):
    garbage(play)
    play.ours.compact(grace_ms=24 * 3600 * 1000)


def lost_index(play):
    two_files(play)
    play.open(directory="")
    STORE.delete_object(Bucket=play.bucket, Key=play.prefix + "index.idx")
    play.open()
    play.lawful = [{}]  # s4db takes it for an empty one


def rebuild_and_publish(play):
    _, code = faults.attempt(play.ours.rebuild)
    if code is None:
        _, code = faults.attempt(play.ours.upload, force=True)
    play.check(code in (None, *faults.NO_ANSWER, "conflict"), f"rebuild: {code}")
    return code is None


def rebuild_again(play):
    if play.ours.status()["needs_recovery"]:
        play.ours.rebuild()
        play.ours.upload(force=True)


ALL = {"a": "1", "b": "2", "c": "3"}

STORIES = [
    Story("open", two_files, opening),
    Story("upload new", new_database, tried("upload")),
    Story("upload more", pending, tried("upload")),
    Story("upload grown", grown_file, tried("upload")),
    Story("upload second", second_writer, tried("upload")),
    Story("compact", garbage, tried("compact", grace_ms=0)),
    Story("compact pending", pending, tried("compact", grace_ms=0)),
    Story("gc", collectable, tried("gc", grace_ms=0)),
    Story("get", read_only, reading("get", lambda answer: answer["value"] == "1".encode().hex(),
                                    key="a")),
    Story("get many", read_only,
          reading("get_many", lambda answer: answer["values"] == list(hexed(ALL).values()),
                  keys=list(ALL))),
    Story("items", read_only, reading("items", lambda answer: answer["items"] == hexed(ALL))),
    Story("download", two_files, reading("download", lambda answer: True, force=True)),
    Story("refresh", pending, reading("refresh", lambda answer: True)),
    Story("rebuild", lost_index, rebuild_and_publish, rebuild_again),
]

if __name__ == "__main__":
    sys.exit(faults.run(STORIES, sys.argv[1], versioned=False))
