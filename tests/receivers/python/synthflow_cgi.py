"""A Synthflow customer's CGI script (RFC 3875): the header is a variable of the environment."""

import os
import sys

from synthflow import is_genuine

body = sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"]))
status = "200 OK" if is_genuine(os.environ, body) else "401 Unauthorized"
print(f"Status: {status}\r\n\r\n", end="")
