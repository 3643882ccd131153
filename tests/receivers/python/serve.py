"""Serves a WSGI application on a free port and says which."""

from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def serve(app):
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        print(f"listening on {server.server_port}", flush=True)
        server.serve_forever()
