#!/usr/bin/env python3
"""Compares our canonical JSON with what Python's json and, where there is one, Node's JSON print.

Thousands of random values, printed in random ways, go through canonical_json_probe. The seed is printed.

Usage: canonical_json_peers_test.py PROBE [SEED]
"""

import json
import random
import shutil
import struct
import subprocess
import sys

LINES = 6000

# As ImmuKV's TypeScript client prints: sorted members, then escapes.
NODE = r"""
const sorted = (key, value) => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const result = {};
  for (const name of Object.keys(value).sort()) result[name] = value[name];
  return result;
};
const lines = require('fs').readFileSync(0, 'utf8').split('\n');
lines.pop();
for (const line of lines) {
  const text = JSON.stringify(JSON.parse(line), sorted);
  console.log(text.replace(/[\u0080-\uffff]/g,
    (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')));
}
"""

CHARACTERS = ['a', 'B', 'z', '0', '9', '10', '01', '4294967294', '4294967295', '"', '\\', '/', '\b', '\f',
              '\n', '\r', '\t', '\x01', '\x1f', '\x7f', '\x80', '\xe9', '\u2028', '\ud7ff', '\ue000',
              '\uff5e', '\U00010000', '\U0001f600', '\U0010ffff', '\ud83d', '\ude00']


def random_text(rng):
    text = ''.join(rng.choice(CHARACTERS) for _ in range(rng.randrange(5)))
    # Halves that met are a pair in a JSON text; make them one here, too.
    return json.loads(json.dumps(text))


def random_double(rng):
    while True:
        kind = rng.randrange(4)
        if kind == 0:
            value = struct.unpack('<d', rng.randbytes(8))[0]
        elif kind == 1:
            value = rng.randrange(-10**6, 10**6) / 10**rng.randrange(12)
        elif kind == 2:
            value = float(rng.randrange(10)) * 10.0**rng.randrange(-30, 30)
        else:
            value = float(rng.randrange(2**60))
        if value == value and abs(value) != float('inf'):
            return value


def random_value(rng, depth=0):
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randrange(-100, 100)
    if kind == 2:
        return rng.randrange(-10**rng.randrange(1, 30), 10**30)
    if kind == 3:
        return random_double(rng)
    if kind in (4, 5):
        return random_text(rng)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {random_text(rng): random_value(rng, depth + 1) for _ in range(rng.randrange(6))}


def random_print(rng, value):
    return json.dumps(value, ensure_ascii=rng.random() < 0.5 or has_half(value),
                      separators=rng.choice([(',', ':'), (', ', ': ')]))


def has_half(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return False
    except UnicodeEncodeError:
        return True


def run(command, lines):
    done = subprocess.run(command, input='\n'.join(lines) + '\n', capture_output=True, check=True,
                          encoding='utf-8', timeout=250)
    return done.stdout.split('\n')[:-1]


def main(probe, seed):
    print(f'seed={seed}')
    rng = random.Random(seed)
    lines = [random_print(rng, random_value(rng)) for _ in range(LINES)]
    ours = run([probe], lines)
    assert len(ours) == 2 * LINES, len(ours)
    wrong = []
    for line, printed in zip(lines, ours[::2]):
        expected = json.dumps(json.loads(line), sort_keys=True, separators=(',', ':'))
        if printed != expected:
            wrong.append(f'python: {line}\n  theirs {expected}\n  ours   {printed}')
    if shutil.which('node'):
        theirs = run(['node', '-e', NODE], lines)
        for line, printed, expected in zip(lines, ours[1::2], theirs, strict=True):
            if printed != expected:
                wrong.append(f'node: {line}\n  theirs {expected}\n  ours   {printed}')
        print(f'compared {LINES} values with Python and Node')
    else:
        print(f'compared {LINES} values with Python; there is no node')
    print('\n'.join(wrong[:20]))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)))
