"""Verifies messages with the public library: a line of JSON in, a line out: `true`, or why not."""

import json
import sys

from standardwebhooks.webhooks import Webhook

for line in sys.stdin:
    message = json.loads(line)
    try:
        Webhook(message["secret"]).verify(message["body"], message["headers"])
        print("true", flush=True)
    except Exception as error:
        print(json.dumps(str(error)), flush=True)
