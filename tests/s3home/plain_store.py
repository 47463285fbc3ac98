"""The few requests by which tests prepare and judge what a store holds: unsigned, one connection for
each thread. boto3 takes longer over a request than a store that is near.
"""

import functools
import http.client
import io
import threading
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote, urlencode, urlsplit

from botocore.exceptions import ClientError

# Nobody verifies it; moto wants to see one.
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, "
                 "SignedHeaders=host, Signature=none")


class PlainStore:
    """As much of boto3's client as s4db needs to read, and the tests to prepare and look."""

    def __init__(self, endpoint):
        self.address = urlsplit(endpoint).netloc
        self.local = threading.local()

    def create_bucket(self, Bucket):
        self._request("CreateBucket", "PUT", Bucket)

    def enable_versioning(self, Bucket):
        self._request("PutBucketVersioning", "PUT", Bucket, query={"versioning": ""},
                      body=b"<VersioningConfiguration><Status>Enabled</Status>"
                           b"</VersioningConfiguration>")

    def head_object(self, Bucket, Key):
        self._request("HeadObject", "HEAD", Bucket, Key)

    def get_object(self, Bucket, Key, VersionId=None, Range=None):
        query = {"versionId": VersionId} if VersionId else {}
        body = self._request("GetObject", "GET", Bucket, Key, query, {"Range": Range} if Range else {})
        return {"Body": io.BytesIO(body)}

    def put_object(self, Bucket, Key, Body):
        self._request("PutObject", "PUT", Bucket, Key, body=Body)

    def delete_object(self, Bucket, Key):
        self._request("DeleteObject", "DELETE", Bucket, Key)

    def etag(self, Bucket, Key):
        """Of the current object, or nothing."""
        for item in self._list(Bucket, {"list-type": "2", "prefix": Key}, "Contents"):
            if item["Key"] == Key:
                return item["ETag"]
        return None

    def version_ids(self, Bucket, Key):
        """The oldest first."""
        versions = self._list(Bucket, {"versions": "", "prefix": Key}, "Version")
        return [item["VersionId"] for item in reversed(versions) if item["Key"] == Key]

    def _list(self, bucket, query, name):
        page = ElementTree.fromstring(self._request("List", "GET", bucket, query=query))
        # With or without a namespace.
        fields = [(field.tag.rpartition("}")[2], field) for field in page]
        assert ("IsTruncated", "false") in [(tag, field.text) for tag, field in fields]
        return [{inner.tag.rpartition("}")[2]: inner.text for inner in field}
                for tag, field in fields if tag == name]

    def _request(self, operation, method, bucket, key=None, query=None, headers=None, body=None):
        path = "/" + bucket + ("" if key is None else "/" + quote(key))
        if query:
            path += "?" + urlencode(query)
        for attempt in range(2):
            connection = self._connection()
            try:
                connection.request(method, path, body,
                                   {"Authorization": AUTHORIZATION, **(headers or {})})
                response = connection.getresponse()
                content = response.read()
                break
            except (http.client.HTTPException, ConnectionError):
                # The other end may have closed one that was idle.
                connection.close()
                if attempt == 1:
                    raise
        if response.status >= 300:
            code = "404" if response.status == 404 else str(content)
            raise ClientError({"Error": {"Code": code, "Message": str(response.status)}}, operation)
        return content

    def _connection(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.address, timeout=60)
        return self.local.connection


@functools.cache
def plain_store(endpoint):
    return PlainStore(endpoint)
