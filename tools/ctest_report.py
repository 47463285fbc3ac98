#!/usr/bin/env python3
"""Reads what ctest wrote with --output-junit, shows what failed, and counts.

A skipped or disabled test counts as failed: this project's tests run wherever script/setup has
run, so a skip is a test that says nothing.

Usage: ctest_report.py FILE...      the last line printed is `PASSED FAILED`, two numbers
"""

import sys
import xml.etree.ElementTree as ElementTree

OUTPUT_LINES_MAX = 120


def shorten(text):
    lines = text.rstrip().splitlines()
    if len(lines) > OUTPUT_LINES_MAX:
        left_out = len(lines) - OUTPUT_LINES_MAX
        lines = [f"... {left_out} lines left out ..."] + lines[left_out:]
    return "\n".join(lines)


def main(paths):
    passed = failed = 0
    for path in paths:
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            status = case.get("status")
            if status == "run":
                passed += 1
                continue
            failed += 1
            word = {"fail": "FAILED", "disabled": "DISABLED"}.get(status, "SKIPPED")
            reasons = [node.get("message") or "" for node in case if node.tag in ("failure", "skipped")]
            print(f"--- {word}: {case.get('name')} ({' '.join(reasons) or status})")
            print(shorten(case.findtext("system-out") or ""))
    print(passed, failed)


if __name__ == "__main__":
    main(sys.argv[1:])
