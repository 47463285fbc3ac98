#!/usr/bin/env python3
"""Compares our signatures with those of botocore, on 1000 random requests.

Usage: sigv4_test.py PROGRAM [SEED]
"""

import os
import random
import subprocess
import sys
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REQUESTS = 1000
ALPHABET = ("abcXYZ0189-._~/ +%&=?#:;,@!$'()*[]\\\"<>{}|^`"
            "\u00e9\u00fc\u4e16\u754c\U0001f916\t")
HEADER_VALUES = "abc XYZ 019 -._~/=;,  \"'()"


def text(rng, alphabet, longest):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def random_request(rng):
    names = {text(rng, ALPHABET, 8) or "k" for _ in range(rng.randint(0, 5))}
    headers = {"host": rng.choice(["b.s3.amazonaws.com", "localhost:9000"])}
    for _ in range(rng.randint(0, 4)):
        headers["x-amz-meta-" + text(rng, "abcxyz-09", 6)] = text(rng, HEADER_VALUES, 20) or "v"
    return {
        "method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
        "path": "/" + text(rng, ALPHABET, 30),
        "query": {name: text(rng, ALPHABET, 12) for name in names},
        "headers": headers,
        "body": text(rng, ALPHABET, 50),
        "region": rng.choice(["us-east-1", "eu-central-1", "auto"]),
        "id": "AKIA" + text(rng, "ABCDEF0123", 12),
        "secret": text(rng, ALPHABET, 40) or "s",
        "token": rng.choice(["", text(rng, "abc+/=", 30)]),
        "time": f"20{rng.randint(10, 40):02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
                f"T{rng.randint(0, 23):02}{rng.randint(0, 59):02}{rng.randint(0, 59):02}Z",
    }


def signed_by_botocore(each):
    path = quote(each["path"], safe="/~")
    request = AWSRequest(method=each["method"], url="http://" + each["headers"]["host"] + path,
                         headers=each["headers"], data=each["body"].encode(),
                         params=each["query"])
    request.context["timestamp"] = each["time"]
    auth = S3SigV4Auth(Credentials(each["id"], each["secret"], each["token"] or None), "s3",
                       each["region"])
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    auth._inject_signature_to_request(
        request, auth.signature(auth.string_to_sign(request, canonical), request))
    return "\t".join([path, canonical.split("\n")[2], request.headers["Authorization"]]), canonical


def field(value):
    return value.encode().hex() or "-"


def pairs(values):
    return ",".join(name.encode().hex() + "=" + value.encode().hex()
                    for name, value in values.items()) or "-"


def line_of(each):
    return " ".join([field(each["method"]), field(each["path"]), pairs(each["query"]),
                     pairs(each["headers"]), field(each["body"]), field(each["region"]),
                     field(each["id"]), field(each["secret"]), field(each["token"]),
                     field(each["time"])])


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    print(f"seed={seed}")
    rng = random.Random(seed)
    requests = [random_request(rng) for _ in range(REQUESTS)]
    done = subprocess.run([sys.argv[1]], input="\n".join(map(line_of, requests)) + "\n",
                          stdout=subprocess.PIPE, text=True, check=True)
    ours = done.stdout.split("\n")[:-1]
    assert len(ours) == REQUESTS, f"{len(ours)} signatures for {REQUESTS} requests"
    failures = 0
    for each, our in zip(requests, ours):
        theirs, canonical = signed_by_botocore(each)
        if our != theirs:
            failures += 1
            print(f"{each}\n  ours   {our}\n  theirs {theirs}\n{canonical}\n")
    print(f"{REQUESTS - failures} of {REQUESTS} agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
