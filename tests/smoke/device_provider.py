#!/usr/bin/python3
"""An identity provider with a device flow (RFC 8628), for the tests: PORT FOLDER CERTIFICATE KEY. What people do is files of FOLDER: `token` is
what they grant, `denied` is a no; with neither the answer is authorization_pending, and slow_down once. Every form that comes is a line of
`forms.jsonl`."""
import http.server
import json
import os
import ssl
import sys
import urllib.parse

PORT, FOLDER, CERTIFICATE, KEY = int(sys.argv[1]), *sys.argv[2:5]
URL = f"https://127.0.0.1:{PORT}"
polls = 0


def text_of(name):
    try:
        with open(os.path.join(FOLDER, name)) as file: return file.read().strip()
    except OSError: return None


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, **body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path != "/.well-known/openid-configuration": return self.answer(404)
        self.answer(200, issuer=URL, device_authorization_endpoint=URL + "/device", token_endpoint=URL + "/token")

    def do_POST(self):
        global polls
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        with open(os.path.join(FOLDER, "forms.jsonl"), "a") as file: file.write(json.dumps({"path": self.path, **form}) + "\n")
        if self.path == "/device":
            polls = 0
            return self.answer(200, device_code="a-device-code", user_code="WDJB-MJHT", verification_uri=URL + "/activate", expires_in=120,
                               interval=1)
        polls += 1
        if text_of("denied") is not None: return self.answer(400, error="access_denied")
        if polls == 1 and form["grant_type"].endswith("device_code"): return self.answer(400, error="slow_down")
        if not text_of("token"): return self.answer(400, error="authorization_pending")
        self.answer(200, id_token=text_of("token"), access_token="none", token_type="Bearer", refresh_token="a-refresh-token")

    def log_message(self, form, *values):
        print(form % values, flush=True)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.HTTPServer(("127.0.0.1", PORT), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
