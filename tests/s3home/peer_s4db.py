"""An original s4db of any release, driven by lines of JSON: sides.py. Values are in hexadecimal."""

import inspect
import time

from s4db import S4DB

from sides import serve


def hex_of(value):
    if value is None:
        return None
    return (value.encode() if isinstance(value, str) else value).hex()


class Peer:
    def __init__(self):
        self.db = None

    def open(self, bucket, prefix, directory=None, file_bytes_max=64 << 20, endpoint=None):
        self.db = S4DB(bucket, prefix, directory, file_bytes_max)

    def commit(self, operations):
        for kind, key, *value in operations:
            if kind == "remove":
                self.db.delete([key])
            elif kind == "bytes":
                self.db.put({key: bytes.fromhex(value[0])})
            else:
                self.db.put({key: value[0]})

    def put_all(self, items):
        """One batch."""
        self.db.put(items)

    def get(self, key):
        return {"value": hex_of(self.db.get(key))}

    def items(self, files=False):
        return {"items": {key: hex_of(value) for key, value in self.db.iter(local=files)}}

    def keys(self):
        return {"keys": self.db.keys()}

    def upload(self):
        self.db.upload()

    def download(self):
        self.db.download()

    def compact(self):
        self.db.compact()

    def gc(self):
        return {"files_collected": len(self.db.gc(0))}

    def rebuild(self, bucket=False):
        if "from_s3" in inspect.signature(self.db.rebuild_index).parameters:
            self.db.rebuild_index(from_s3=bucket)
        else:
            self.db.rebuild_index()

    def flush(self):
        self.db.flush()

    def time_puts(self, keys, text):
        """For the benchmark: one put after the other, each by itself."""
        times = []
        for key in keys:
            begin = time.perf_counter_ns()
            self.db.put({key: text})
            times.append(time.perf_counter_ns() - begin)
        return {"nanoseconds": times}


peer = Peer()
serve({name: getattr(peer, name) for name in
       ("open", "commit", "put_all", "get", "items", "keys", "upload", "download", "compact", "gc",
        "rebuild", "flush", "time_puts")})
