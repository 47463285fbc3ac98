"""Every fault at every request of every story, over real connections; what the two tests share.

A story prepares something, acts while one request meets a fault, and is judged then. It is played
once without a fault, to see how many requests it makes, then for each of them and each fault.
"""

import concurrent.futures
import threading
import time
import traceback
from urllib.parse import urlsplit

from fault_proxy import FAULTS, FaultProxy
from sides import ENDPOINT, Ended, Failure, Side, new_bucket

WORKERS = 4

# A request that is delayed is given up after this; the others have time enough on a busy machine.
GIVEN_UP_MS = 400
PATIENT_MS = 20_000
OPERATION_MS = 20_000


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
                "prefix": self.prefix, "operation_timeout_ms": OPERATION_MS,
                "request_timeout_ms": GIVEN_UP_MS if held and not direct else PATIENT_MS}

    def check(self, holds, what):
        if not holds:
            raise AssertionError(what)


class Worker:
    """What one thread needs: two drivers, and a line to the server."""

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


def play_one(worker, story, bucket, number=0, fault=None):
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


def run(stories, driver, versioned):
    """Plays all of them, and says how many; the exit status."""
    begin = time.monotonic()
    address = urlsplit(ENDPOINT)
    failed = []
    local = threading.local()
    workers = []
    lock = threading.Lock()
    with FaultProxy(address.hostname, address.port) as proxy:

        def worker():
            if not hasattr(local, "worker"):
                local.worker = Worker(proxy, driver)
                with lock:
                    workers.append(local.worker)
            return local.worker

        def play(story, number, fault):
            name = f"{story.name}, {fault} at request {number}"
            try:
                bucket = new_bucket(f"{story.name} {number} {fault}", versioned)
                return play_one(worker(), story, bucket, number, fault)
            except Exception:
                failed.append(f"{name}\n  requests: {worker().line.seen}\n{traceback.format_exc()}")
                worker().line.disarm()
                worker().line.let_go()
                worker().restart()

        cases = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for story in stories:
                requests = pool.submit(play, story, 0, None).result()
                every = [(story, number, fault) for number in range(1, (requests or 0) + 1)
                         for fault in FAULTS]
                list(pool.map(lambda case: play(*case), every))
                cases += len(every)
                print(f"{story.name}: {requests} requests, {len(every)} cases, "
                      f"{time.monotonic() - begin:.0f} s", flush=True)
        failed += proxy.failures
        for each in workers:
            each.end()
    print("\n".join(failed[:10]))
    print(f"{cases} cases, {len(failed)} failed, {time.monotonic() - begin:.0f} s")
    return 1 if failed or not cases else 0
