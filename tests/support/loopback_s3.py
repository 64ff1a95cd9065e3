"""A loopback server that speaks as much of S3 as reading, listing and writing objects need, multipart uploads too.

Objects live in memory, by bucket and key; signatures are not checked. An upload that is not completed is no object.
"""

import re
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class S3Server:
    """The server; a context manager, which ends every thread with it."""

    def __init__(self, *buckets, refuse=None):
        self.objects = {}
        self.buckets = set(buckets)
        self.refuse = refuse
        self.uploads = {}
        self.requests = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def environment(self):
        """Return the environment in which a client finds the server."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self._http.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }


class _Handler(BaseHTTPRequestHandler):
    s3: S3Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *args):
        """Say nothing."""

    def do_HEAD(self):
        self.serve()

    def do_GET(self):
        self.serve()

    def do_PUT(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        """Answer one request."""
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.body()
        self.s3.requests.append((self.command, bucket, key))
        if self.s3.refuse:
            self.fail(403, self.s3.refuse)
        elif bucket not in self.s3.buckets:
            self.fail(404, "NoSuchBucket")
        elif self.command in ("PUT", "POST"):
            self.write(bucket, key, query, body)
        elif not key:
            self.list(bucket, query)
        elif (bucket, key) not in self.s3.objects:
            self.fail(404, "NoSuchKey")
        else:
            self.read(self.s3.objects[bucket, key])

    def body(self):
        """Read the body, which the SDK may send in signed chunks."""
        data = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return data
        plain, rest = b"", data
        while rest:
            head, _, rest = rest.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            if not size:
                break
            plain, rest = plain + rest[:size], rest[size + 2 :]
        return plain

    def write(self, bucket, key, query, body):
        """Put an object, or a part of one."""
        if "uploads" in query:
            upload = f"u{len(self.s3.uploads)}"
            self.s3.uploads[upload] = {}
            self.answer(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        elif "partNumber" in query:
            self.s3.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self.answer("", ETag=f'"{query["partNumber"]}"')
        elif "uploadId" in query:
            pieces = self.s3.uploads.pop(query["uploadId"])
            self.s3.objects[bucket, key] = b"".join(pieces[number] for number in sorted(pieces))
            self.answer("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        else:
            self.s3.objects[bucket, key] = body
            self.answer("", ETag='"x"')

    def list(self, bucket, query):
        """List objects below a prefix; two a page."""
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = sorted(key for found, key in self.s3.objects if found == bucket and key.startswith(prefix))
        page = [key for key in keys if key > after][: min(2, int(query.get("max-keys", 1000)))]
        more = bool(page) and page[-1] != keys[-1]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.s3.objects[bucket, key])}</Size>"
            "<LastModified>2026-11-22T00:00:00.000Z</LastModified></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self.answer(
            f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )

    def read(self, data):
        """Answer an object, or a range of it."""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted:
            first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            self.send(206, data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(data)}"})
        else:
            self.send(200, data, {"Last-Modified": formatdate(0, usegmt=True)})

    def answer(self, text, **headers):
        """Answer XML."""
        self.send(200, text.encode(), {"Content-Type": "application/xml", **headers})

    def fail(self, status, code):
        """Answer an error."""
        body = f"<Error><Code>{code}</Code><Message>m</Message></Error>"
        self.send(status, body.encode(), {"Content-Type": "application/xml"})

    def send(self, status, body, headers):
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
