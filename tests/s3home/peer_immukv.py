"""An original ImmuKV client of any release, driven by lines of JSON: sides.py."""

import inspect
import json
import logging

from immukv import Config, ImmuKVClient

from sides import serve

logging.disable(logging.ERROR)


def text_of(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Peer:
    def __init__(self):
        self.client = None

    def open(self, bucket, prefix, endpoint=None, **more):
        config = Config(s3_bucket=bucket, s3_region="us-east-1", s3_prefix=prefix, **more)
        # Later releases want a decoder and an encoder, or a parser.
        codecs = len(inspect.signature(ImmuKVClient.__init__).parameters) - 2
        self.client = ImmuKVClient(config, *[lambda value: value] * codecs)

    def entry(self, entry):
        return {"key": entry.key, "json": text_of(entry.value), "sequence": entry.sequence,
                "timestamp_ms": entry.timestamp_ms, "hash": entry.hash,
                "previous_hash": entry.previous_hash, "version_id": entry.version_id,
                "verified": self.client.verify(entry)}

    def set(self, key, json):
        return {"entry": self.entry(self.client.set(key, loads(json)))}

    def set_without_key_object(self, key, json):
        """As a process that ends between the two puts."""
        s3 = getattr(self.client, "_s3", None) or self.client.s3
        put = s3.put_object
        puts = []

        def first_only(*arguments, **fields):
            name = fields.get("key", fields.get("Key"))
            if not str(name).endswith("_log.json") and puts:
                raise OSError("ended")
            answer = put(*arguments, **fields)
            if str(name).endswith("_log.json"):
                puts.append(name)
            return answer

        s3.put_object = first_only
        try:
            return self.set(key, json)
        finally:
            s3.put_object = put

    def get(self, key):
        return {"entry": self.entry(self.client.get(key))}

    def entries(self, key=None):
        if key is None:
            entries = self.client.log_entries(None, None)
        else:
            entries = self.client.history(key, None, None)[0]
        return {"entries": [self.entry(entry) for entry in entries]}

    def keys(self):
        return {"keys": self.client.list_keys(None, None)}

    def verify_log_chain(self, limit=None):
        return {"valid": self.client.verify_log_chain(limit)}


loads = json.loads
peer = Peer()
serve({name: getattr(peer, name) for name in
       ("open", "set", "set_without_key_object", "get", "entries", "keys", "verify_log_chain")})
