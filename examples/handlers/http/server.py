#!/usr/bin/env python3
"""A web service that takes jobs: pond worker --http http://127.0.0.1:8080/charge. Prints its address, logs to stderr."""
import http.server
import json
import sys

charged = {}  # a real service keeps this in its database, in the transaction of the charge


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]  # the same for every try of a job
        if not isinstance(order.get("cents"), int):
            return self.answer(422, {"error": "cents is no whole number"})  # no further try can help
        if order.get("busy") and self.headers["Millpond-Attempt"] == "1":
            return self.answer(503, {"error": "busy"}, {"Retry-After": "1"})  # try again, not before a second has passed
        return self.answer(200, {"charged": charged.setdefault(key, order["cents"]), "orders": len(charged)})

    def answer(self, status, body, headers={}):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Service)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
