"""How to send the body of an import, a type that schemathesis does not know."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def send_lines(_context, lines):
    """What is no text, to try what becomes of it, is a line of JSON."""
    text = lines if isinstance(lines, str) else json.dumps(lines)
    return text.encode("utf-8", errors="surrogatepass")
