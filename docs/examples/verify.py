"""Verifies a webhook with Python's standard library, as Standard Webhooks 1.0.0 describes it.

    python3 docs/examples/verify.py whsec_...     listens on http://127.0.0.1:4000 and verifies what comes
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 5 * 60


def verify(secret, headers, body, now=None):
    """Returns what the body says, or raises ValueError.

    `headers` finds a name in lower case; `body` is the very bytes that came, because the same JSON printed
    again may be other bytes.
    """
    id_, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature")
    if not id_ or not timestamp or not signatures:
        raise ValueError("a webhook header is missing")
    now = time.time() if now is None else now
    is_number = timestamp.isascii() and timestamp.isdigit()
    if not is_number or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise ValueError("the timestamp is too far from now")
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    content = f"{id_}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    # There is one signature for each valid secret: several after a change of secret.
    for signature in signatures.split(" "):
        version, _, given = signature.partition(",")
        if version == "v1" and hmac.compare_digest(given.encode(), expected):
            return json.loads(body)
    raise ValueError("no signature fits")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = verify(sys.argv[1], self.headers, body)
            print("verified", event["type"], event["id"], event["payload"], flush=True)
            self.send_response(204)
        except ValueError as error:
            print("refused:", error, flush=True)
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Give the secret: python3 docs/examples/verify.py whsec_...")
    print("listening on http://127.0.0.1:4000", flush=True)
    ThreadingHTTPServer(("127.0.0.1", 4000), Receiver).serve_forever()
