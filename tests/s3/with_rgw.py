#!/usr/bin/env python3
"""Runs a program beside a fresh Ceph RGW: a monitor, one OSD with its data in a file, a gateway.

All of it is on loopback, below a directory that goes away, and ends with the program. The program
finds it in TALEA_S3_ENDPOINT, with two buckets: `versioned` and `plain`.

Usage: with_rgw.py PROGRAM [ARGUMENT...] [-- PROGRAM [ARGUMENT...]]...
"""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from with_moto import client, make_buckets, run_programs

SECONDS_MAX = 120  # until all of it answers
PROGRAMS = ["ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"]


def free_port():
    """Ceph cannot be asked which port it took, so it is told one that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    """A daemon of ours ends when we do, however that happens."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Cluster:
    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        self.monitor_port = free_port()
        self.gateway_port = free_port()
        self.fsid = str(uuid.uuid4())
        self.config = directory / "ceph.conf"
        self.config.write_text(f"""
[global]
fsid = {self.fsid}
mon host = v2:127.0.0.1:{self.monitor_port}/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = {directory}
log file = {directory}/$name.log
admin socket = {directory}/$name.asok
pid file =
mon cluster log file = {directory}/cluster.log
crash dir = {directory}
setuser match path =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data = {directory}/mon
mon data avail crit = 1
mon data avail warn = 1
osd data = {directory}/osd
osd objectstore = bluestore
bluestore block size = {4 << 30}
bluestore block db size = 0
osd memory target = 939524096
ms mon client mode = crc
rgw data = {directory}/rgw
rgw enable usage log = false
rgw gc max objs = 7
rgw thread pool size = 32
debug none = 0
""")

    def run(self, *command, seconds=SECONDS_MAX):
        """A tool of Ceph; its output, and an error with all it said when it fails."""
        done = subprocess.run([command[0], "-c", self.config, *command[1:]], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                               f"{done.stdout}")
        return done.stdout

    def start(self, *command):
        """A daemon, which stays in the foreground so that it is ours to end."""
        output = (self.directory / f"{command[0]}.out").open("wb")
        with output:
            self.processes.append(subprocess.Popen(
                [command[0], "-c", self.config, *command[1:], "-f"], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=end_with_parent))

    def start_monitor(self):
        (self.directory / "mon").mkdir()
        monmap = self.directory / "monmap"
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a",
                 f"[v2:127.0.0.1:{self.monitor_port}]", monmap)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self.start("ceph-mon", "-i", "a")
        self.run("ceph", "--connect-timeout", str(SECONDS_MAX), "mon", "stat")

    def start_osd(self):
        (self.directory / "osd").mkdir()
        osd_uuid = str(uuid.uuid4())
        self.run("ceph", "osd", "new", osd_uuid)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_uuid)
        self.run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=test")
        self.start("ceph-osd", "-i", "0")
        self.wait_for("the OSD", lambda: "1 up" in self.run("ceph", "osd", "stat"))

    def start_gateway(self):
        (self.directory / "rgw").mkdir()
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=test",
                 "--display-name=test", "--access-key=id", "--secret-key=secret")
        self.start("radosgw", "-n", "client.rgw",
                   f"--rgw-frontends=beast endpoint=127.0.0.1:{self.gateway_port}")
        self.wait_for("the gateway", self.gateway_answers)

    def gateway_answers(self):
        try:
            urllib.request.urlopen(self.endpoint(), timeout=5).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def endpoint(self):
        return f"http://127.0.0.1:{self.gateway_port}"

    def wait_for(self, what, is_there):
        deadline = time.monotonic() + SECONDS_MAX
        while not is_there():
            ended = [p.args[0] for p in self.processes if p.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"{what} does not answer; ended: {ended or 'nothing'}\n"
                                   + self.last_words())
            time.sleep(0.2)  # there is nothing to wait on

    def last_words(self):
        words = []
        for path in [*self.directory.glob("*.out"), *self.directory.glob("*.log")]:
            text = path.read_text(errors="replace")
            if text:
                words.append(f"--- {path.name}\n{text[-3000:]}")
        return "\n".join(words)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main():
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        sys.exit(f"with_rgw.py: {', '.join(missing)} missing; install with: script/setup rgw")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started is ended
    with tempfile.TemporaryDirectory(prefix="talea-rgw-") as directory:
        cluster = Cluster(Path(directory))
        try:
            cluster.start_monitor()
            cluster.start_osd()
            cluster.start_gateway()
            make_buckets(client(cluster.endpoint()))
            return run_programs(sys.argv[1:], TALEA_S3_ENDPOINT=cluster.endpoint())
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
