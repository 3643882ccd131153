"""A SyncAI customer: the printed Flask application, but for its secret; it is served on a free port."""

import os

from printed import syncai
from serve import serve

syncai.WEBHOOK_SECRET = os.environ["SECRET"]
serve(syncai.app)
