#!/usr/bin/env python3
"""Makes a virtual environment with what requirements.txt names, unless it is there.

Usage: make_venv.py DIRECTORY
"""

import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def main():
    directory = Path(sys.argv[1])
    stamp = directory / "made-of"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    subprocess.run([directory / "bin" / "python", "-m", "pip", "install", "--quiet",
                    "--disable-pip-version-check", "-r", REQUIREMENTS], check=True)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
