"""A Synthflow customer: base64 of HMAC-SHA256 over the call's id, the header read as HTTP_SYNTHFLOW_SIGNATURE.

`/wsgi` is an application of its own; `/cgi` runs `synthflow_cgi.py` with the environment that RFC 3875 (§4.1.18) says.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys

from serve import serve

SECRET = os.environ.get("SECRET", "")


def is_genuine(environ, body):
    received = environ.get("HTTP_SYNTHFLOW_SIGNATURE", "")
    call_id = json.loads(body)["call_id"]
    expected = hmac.new(SECRET.encode(), call_id.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(expected).decode(), received)


def app(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    if environ["PATH_INFO"] == "/cgi":
        genuine = by_cgi(environ, body)
    else:
        genuine = is_genuine(environ, body)
    print("accepted" if genuine else "refused", environ["PATH_INFO"], flush=True)
    start_response("200 OK" if genuine else "401 Unauthorized", [("content-length", "0")])
    return []


def by_cgi(environ, body):
    variables = {name: value for name, value in environ.items() if isinstance(value, str) and "." not in name}
    script = pathlib.Path(__file__).with_name("synthflow_cgi.py")
    done = subprocess.run(
        [sys.executable, script], input=body, env={**os.environ, **variables}, capture_output=True, check=True
    )
    return done.stdout.startswith(b"Status: 200 OK")


if __name__ == "__main__":
    serve(app)
