"""Every fault at every request of every story, over real connections; what the two tests share.

A story prepares something, acts while one request meets a fault, and is judged then. It is played
once without a fault, to see how many requests it makes, then for each of them and each fault. Each
process of the test takes the next of these cases, with drivers and a proxy of its own.
"""

import multiprocessing
import re
import time
import traceback
from urllib.parse import urlsplit

from fault_proxy import FAULTS, FaultProxy
from plain_store import plain_store
from sides import ANSWER_SECONDS, ENDPOINT, Ended, Failure, Side

# More than a machine has cores, as some cases wait for a time limit.
WORKERS = 4

# A request that is delayed is given up after this; the others have time enough on a busy machine.
GIVEN_UP_MS = 400
PATIENT_MS = 20_000
OPERATION_MS = 20_000

STORE = plain_store(ENDPOINT)

KILLS = ("kill_before", "kill_after")

# Of a call that did not get through: not done, or nobody knows.
NO_ANSWER = ("timed_out", "unavailable", "killed")


class Play:
    """One story on its way: a bucket of its own, and a line on which a request may meet a fault."""

    prefix = "app/"

    def __init__(self, worker, bucket, fault):
        self.worker = worker
        self.bucket = bucket
        self.line = worker.line
        self.fault = fault
        self.ours = worker.ours

    def place(self, direct=False):
        held = self.fault in ("delay", "late")
        return {"endpoint": ENDPOINT if direct else self.line.endpoint, "bucket": self.bucket,
                "prefix": self.prefix, "operation_timeout_ms": OPERATION_MS, "waits": False,
                "request_timeout_ms": GIVEN_UP_MS if held and not direct else PATIENT_MS}

    def check(self, holds, what):
        if not holds:
            raise AssertionError(what)


class Worker:
    """What one process needs: two drivers, and a line to the server."""

    def __init__(self, proxy, driver):
        self.driver = driver
        self.line = proxy.line()
        self.line.kill = lambda: self.ours.process.kill()
        self.ours = Side([driver])
        self.other = Side([driver])

    def restart(self):
        self.ours.kill()
        self.ours = Side([self.driver])
        return self.ours

    def end(self):
        self.ours.end()
        self.other.end()
        self.line.close()


def attempt(call, *arguments, **fields):
    """(answer, None) or (None, code); "killed" of a process that was."""
    try:
        return call(*arguments, **fields), None
    except Failure as failure:
        return None, failure.code
    except Ended:
        return None, "killed"


def new_bucket(story, number, fault, versioned):
    """For one play alone: moto looks through all of a bucket for each list. Its name."""
    name = re.sub("[^a-z0-9]+", "-", f"{story.name} {number} {fault}".lower())
    STORE.create_bucket(Bucket=name)
    if versioned:
        STORE.enable_versioning(Bucket=name)
    return name


def play_one(worker, story, bucket, number, fault):
    """How many requests the act made."""
    worker.line.arm(0, None)
    play = story.play(worker, bucket, fault)
    story.prepare(play)
    worker.line.arm(number, fault)
    story.act(play)
    requests = len(worker.line.seen)
    fired = worker.line.fired
    worker.line.disarm()
    worker.line.settled()
    play.check(fault in KILLS or play.ours.process.poll() is None, "the process ended by itself")
    if fault in KILLS:
        play.ours = worker.restart()
    story.judge(play)
    play.check(fault is None or fired, "the request never came")
    return requests


def work(stories, driver, versioned, cases, results):
    """A process: plays what comes, and puts (story, number, requests, failure) for each."""
    address = urlsplit(ENDPOINT)
    with FaultProxy(address.hostname, address.port) as proxy:
        worker = Worker(proxy, driver)
        for index, number, fault in iter(cases.get, None):
            story = stories[index]
            requests, failure = 0, None
            try:
                bucket = new_bucket(story, number, fault, versioned)
                requests = play_one(worker, story, bucket, number, fault)
            except Exception:
                failure = (f"{story.name}, {fault} at request {number}\n"
                           f"  requests: {worker.line.seen}\n{traceback.format_exc()}")
                worker.line.disarm()
                worker.line.let_go()
                worker.restart()
            results.put((index, number, requests, failure))
        worker.end()
        for failure in proxy.failures:
            results.put((None, None, None, failure))


def run(stories, driver, versioned):
    """Plays all of them, and says how many; the exit status."""
    begin = time.monotonic()
    fork = multiprocessing.get_context("fork")
    cases, results = fork.Queue(), fork.Queue()
    workers = [fork.Process(target=work, args=(stories, driver, versioned, cases, results),
                            daemon=True)
               for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for index in range(len(stories)):
        cases.put((index, 0, None))
    failed = []
    played, left = 0, len(stories)
    while left:
        index, number, requests, failure = results.get(timeout=2 * ANSWER_SECONDS)
        left -= 1
        if failure:
            failed.append(failure)
        if number != 0:
            played += 1
            continue
        print(f"{stories[index].name}: {requests} requests", flush=True)
        for case in ((index, number, fault) for number in range(1, requests + 1)
                     for fault in FAULTS):
            cases.put(case)
            left += 1
    for _ in workers:
        cases.put(None)
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            failed.append(f"a worker ended with {worker.exitcode}")
    while not results.empty():
        failed.append(results.get()[3])
    print("\n".join(failed[:10]))
    print(f"{played} cases, {len(failed)} failed, {time.monotonic() - begin:.0f} s")
    return 1 if failed or not played else 0
