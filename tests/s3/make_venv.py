#!/usr/bin/env python3
"""Makes a virtual environment with what a file of requirements names, unless it is there.

Each RELEASE, such as name==1.2, goes into a directory of its own, DIRECTORY/releases/name-1.2, without
what it depends on: who puts that into PYTHONPATH has this release in the place of another.

Usage: make_venv.py DIRECTORY [REQUIREMENTS [RELEASE...]]
"""

import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def main():
    directory = Path(sys.argv[1])
    requirements = Path(sys.argv[2]) if len(sys.argv) > 2 else REQUIREMENTS
    releases = sys.argv[3:]
    stamp = directory / "made-of"
    wanted = "\n".join([requirements.read_text(), *releases])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = [directory / "bin" / "python", "-m", "pip", "install", "--quiet",
           "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", requirements], check=True)
    for release in releases:
        target = directory / "releases" / release.replace("==", "-")
        subprocess.run([*pip, "--no-deps", "--target", target, release], check=True)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
