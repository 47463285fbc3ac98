#!/usr/bin/env python3
"""Runs script/setup on pretended machines: dpkg-query, apt-get and sudo are stand-ins here."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "script" / "setup"
TOOLS = ("bash", "sh", "awk", "cat", "echo", "env", "mktemp", "printf", "rm", "tail")


class Setup(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.bin = Path(directory.name) / "bin"
        self.bin.mkdir()
        self.calls = Path(directory.name) / "calls"
        for tool in TOOLS:
            (self.bin / tool).symlink_to(f"/usr/bin/{tool}")

    def stand_in(self, name, script):
        path = self.bin / name
        path.write_text(f"#!/usr/bin/sh\n{script}\n")
        path.chmod(0o755)

    def debian(self, lacks=(), apt="true"):
        """A Debian that has every package but those in `lacks`."""
        cases = "".join(f"{package}) ;; " for package in lacks)
        self.stand_in("dpkg-query", f"""
            shift 3 2>/dev/null
            for package; do case $package in {cases} *) printf '%s=installed ' "$package";; esac; done
            exit {1 if lacks else 0}""")
        self.stand_in("apt-get", f'echo "apt-get $*" >> {self.calls}; {apt}')
        self.stand_in("sudo", f'echo sudo >> {self.calls}; exec "$@"')

    def run_setup(self, *arguments):
        done = subprocess.run(["bash", str(SETUP), *arguments], env={"PATH": str(self.bin)},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        calls = self.calls.read_text() if self.calls.exists() else ""
        return done.returncode, done.stdout, calls

    def test_says_and_does_nothing_when_all_is_there(self):
        self.debian()
        self.assertEqual(self.run_setup(), (0, "", ""))

    def test_installs_what_is_missing_and_nothing_else(self):
        self.debian(lacks=("jq", "mold"))
        status, output, calls = self.run_setup()
        self.assertEqual(status, 0, output)
        self.assertIn("installing 2 packages", output)
        self.assertRegex(output, r"mold +the linker")
        self.assertIn(" update\n", calls)
        self.assertRegex(calls, r" install -y --no-install-recommends mold jq\n")
        self.assertEqual("sudo" in calls, os.geteuid() != 0)

    def test_a_group_asks_for_its_own_packages_only(self):
        self.debian(lacks=("libleveldb-dev",))
        self.assertEqual(self.run_setup("core", "test"), (0, "", ""))
        self.assertIn("libleveldb-dev", self.run_setup("bench")[2])

    def test_what_a_ceph_needs_is_not_installed_unless_it_is_asked_for(self):
        self.debian(lacks=("radosgw", "ceph-mon", "ceph-osd"))
        self.assertEqual(self.run_setup(), (0, "", ""))
        self.assertRegex(self.run_setup("rgw")[2], r" install .*ceph-mon ceph-osd radosgw\n")

    def test_a_package_of_two_groups_is_asked_for_once(self):
        self.debian(lacks=("librocksdb-dev",))
        self.assertEqual(self.run_setup("core"), (0, "", ""))
        for groups in (("test",), ("bench",), ("test", "bench")):
            status, output, calls = self.run_setup(*groups)
            self.assertEqual(status, 0)
            self.assertIn("installing 1 packages", output)
            self.assertRegex(calls, r" install -y --no-install-recommends librocksdb-dev\n")

    def test_a_failing_apt_is_shown(self):
        self.debian(lacks=("jq",), apt="echo 'E: no network'; exit 100")
        status, output, _ = self.run_setup()
        self.assertEqual(status, 1)
        self.assertIn("E: no network", output)
        self.assertIn("built on Debian 12", output)

    def test_another_system_is_told_what_to_install(self):
        status, output, _ = self.run_setup("bench")
        self.assertEqual(status, 1)
        self.assertIn("not a Debian-like system", output)
        self.assertIn("librocksdb-dev libleveldb-dev", output)

    def test_an_unknown_group_is_refused(self):
        self.debian()
        status, output, _ = self.run_setup("everything")
        self.assertEqual(status, 2)
        self.assertIn("core, test, bench and rgw", output)


if __name__ == "__main__":
    unittest.main()
