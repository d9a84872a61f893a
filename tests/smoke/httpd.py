#!/usr/bin/python3
"""The inside host's web server, IPv4 and IPv6: GET /bytes/N sends N known bytes, GET /drip known bytes without end, 2,000 of
them 50 times a second, POST answers the SHA-256 of what came, GET /mss the segment size that TCP agreed on for this connection.
Arguments: ADDRESS PORT (an IPv6 wildcard takes both)."""
import hashlib
import http.server
import json
import socket
import sys
import time

CHUNK = bytes((i * 7 + i // 251) & 0xFF for i in range(65536))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/mss":
            self.answer(json.dumps({"mss": self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)}).encode())
        elif self.path.startswith("/bytes/"):
            left = int(self.path[7:])
            self.send_response(200)
            self.send_header("Content-Length", str(left))
            self.end_headers()
            while left > 0:
                self.wfile.write(CHUNK[:left])
                left -= len(CHUNK)
        elif self.path == "/drip":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            at = 0
            while True:
                piece = (CHUNK + CHUNK)[at:at + 2000]
                try: self.wfile.write(piece)
                except OSError: return
                at = (at + len(piece)) % len(CHUNK)
                time.sleep(0.02)
        else:
            self.answer(b"This is the inside host.\n")

    def do_POST(self):
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece: return
            digest.update(piece)
            left -= len(piece)
        self.answer(digest.hexdigest().encode())

    def log_message(self, form, *values):
        print(self.client_address[0], form % values, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET6 if len(sys.argv) > 1 and ":" in sys.argv[1] else socket.AF_INET

    def server_bind(self):
        if self.address_family == socket.AF_INET6: self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
