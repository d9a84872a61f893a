#!/usr/bin/python3
"""A Kubernetes API server that has nothing but EndpointSlices (discovery.k8s.io/v1), over HTTPS: lists with limit, continue and
labelSelector, watches with bookmarks, 401, 403, 404, 410, and the misbehaviour that a test asks for. As a class in a test's process:

    make_certificate(folder, ["127.0.0.1"])
    api = KubeApi("127.0.0.1", 6443, folder, token="secret").start()
    api.set_slice("shop", "backend-1", "backend", ["10.0.0.10", endpoint("10.0.0.11", ready=False)])

or, in a network namespace, as a command that reads lines of JSON from standard input or from connections to a Unix socket and
answers each with one:   kube_api.py ADDRESS PORT FOLDER TOKEN [SOCKET]
    {"do": "set_slice", "namespace": "shop", "name": "backend-1", "service": "backend", "endpoints": ["10.0.0.10"]}
"""
import http.server
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

GROUP = "/apis/discovery.k8s.io/v1/"
SERVICE = "kubernetes.io/service-name"


def make_certificate(folder, names):
    """ca.pem, server.pem and server-key.pem: a CA and what it says of a server with these names and addresses."""
    def openssl(*words): subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    kinds = ",".join(("DNS:" if any(c.isalpha() for c in name) and ":" not in name else "IP:") + name for name in names)
    with open(os.path.join(folder, "server.ext"), "w") as file:
        file.write(f"subjectAltName={kinds}\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "30", "-subj", "/CN=kubernetes test CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *new_key, "-keyout", "server-key.pem", "-out", "server.csr", "-subj", "/CN=kube-apiserver")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "30",
            "-extfile", "server.ext", "-out", "server.pem")


def endpoint(addresses, ready=True, serving=None, terminating=None):
    """One endpoint; a condition that is None is left out."""
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    return {"addresses": [addresses] if isinstance(addresses, str) else addresses,
            "conditions": {name: value for name, value in conditions.items() if value is not None}}


def matches(labels, selector):
    """Of the selectors only existence and equality: "key", "key=value", "key==value", joined by commas."""
    for term in filter(None, selector.split(",")):
        key, _, value = term.replace("==", "=").partition("=")
        if key not in labels or ("=" in term and labels[key] != value): return False
    return True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 600

    def setup(self):
        self.api = self.server.api
        self.request = self.api.tls.wrap_socket(self.request, server_side=True)   # here, on this connection's own thread
        with self.api.changed: self.server.connections.add(self.request)
        super().setup()

    def finish(self):
        with self.api.changed: self.server.connections.discard(self.request)
        try: super().finish()
        except OSError: pass

    def do_GET(self):
        self.api.wait_while_hanging()
        path, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if self.headers.get("Authorization") != "Bearer " + self.api.token:
            return self.refuse(401, "Unauthorized", "Unauthorized")
        if not path.startswith(GROUP): return self.refuse(404, "NotFound", "the server could not find the requested resource")
        words = path[len(GROUP):].split("/")
        if words == ["endpointslices"]: namespace = None
        elif len(words) == 3 and words[0] == "namespaces" and words[2] == "endpointslices": namespace = words[1]
        else: return self.refuse(404, "NotFound", "the server could not find the requested resource")
        if not self.api.may_list(namespace):
            scope = "at the cluster scope" if namespace is None else f'in the namespace "{namespace}"'
            return self.refuse(403, "Forbidden", 'endpointslices.discovery.k8s.io is forbidden: User "gateway" cannot list resource '
                               f'"endpointslices" in API group "discovery.k8s.io" {scope}')
        (self.watch if query.get("watch") in ("true", "1") else self.list)(namespace, query)

    def refuse(self, code, reason, message):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                           "reason": reason, "code": code})

    def answer(self, code, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list(self, namespace, query):
        page = self.api.page(namespace, query)
        if page is None: return self.refuse(410, "Expired", "The provided continue parameter is too old")
        self.answer(200, page)

    def watch(self, namespace, query):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in self.api.events(namespace, query):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def handle(self):
        try: super().handle()
        except OSError: self.close_connection = True    # the client went, or we were stopped

    def log_message(self, form, *values):
        if self.api.log: print(self.client_address[0], form % values, file=sys.stderr, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, api, address):
        self.api, self.connections = api, set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        pass                                            # a handshake that failed: whoever tried knows


class KubeApi:
    """Everything may be called from any thread. Versions grow by one with each change, over stop() and start() too."""

    def __init__(self, address, port, folder, token, cluster_wide=True, bookmark_s=60, log=False):
        self.address, self.port, self.token, self.log, self.bookmark_s = address, port, token, log, bookmark_s
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server-key.pem"))
        self.changed = threading.Condition()            # guards what follows
        self.version, self.oldest = 1000, 1000
        self.slices = {}                                # (namespace, name): object
        self.history = []                               # (version, object before or None, object after or None)
        self.continues = {}                             # token: (version, the rest of the list)
        self.cluster_wide, self.namespaces = cluster_wide, None
        self.hanging, self.lying, self.generation = False, False, 0
        self.halves = 0                                 # watches that are yet to end in the middle of an event
        self.lists = self.watches = self.open_watches = 0
        self.server = None

    # Its life.
    def start(self):
        self.server = Server(self, (self.address, self.port))
        self.port = self.server.server_address[1]       # 0: any
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Connections break, objects stay."""
        server, self.server = self.server, None
        if server is None: return
        server.shutdown()
        server.server_close()
        with self.changed:
            self.generation += 1
            for connection in server.connections:
                try: connection.shutdown(socket.SHUT_RDWR)
                except OSError: pass
            self.changed.notify_all()

    # Its objects.
    def set_slice(self, namespace, name, service, endpoints, address_type=None):
        """Endpoints: addresses, or what endpoint() makes. `service` None: without the label."""
        made = [endpoint(one) if isinstance(one, str) else one for one in endpoints]
        first = next((address for one in made for address in one["addresses"]), "")
        labels = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
        if service is not None: labels[SERVICE] = service
        with self.changed:
            before = self.slices.get((namespace, name))
            uid = before["metadata"]["uid"] if before else f"00000000-0000-4000-8000-{self.version:012d}"
            self._change((namespace, name), {
                "metadata": {"name": name, "namespace": namespace, "uid": uid, "labels": labels, "generation": 1,
                             "managedFields": [{"manager": "kube-controller-manager", "fieldsV1": {"f:endpoints": {}}}]},
                "addressType": address_type or ("IPv6" if ":" in first else "IPv4"), "endpoints": made,
                "ports": [{"name": "", "protocol": "TCP", "port": 80}]})

    def delete_slice(self, namespace, name):
        with self.changed: self._change((namespace, name), None)

    def _change(self, key, after):
        before = self.slices.pop(key, None)
        if before is None and after is None: return
        self.version += 1
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self.version)
            self.slices[key] = after
        self.history.append((self.version, before, after))
        self.changed.notify_all()

    # Its misbehaviour.
    def compact(self):
        """The past is forgotten: versions and continue tokens of before are answered with 410."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.history.clear()
            self.continues.clear()

    def close_watches(self):
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def hang(self, on=True):
        """Connections are taken and stay open, nothing is said."""
        with self.changed:
            self.hanging = on
            self.changed.notify_all()

    def send_half_json(self):
        """Every watch that is open ends, in good order, in the middle of an event; if none is, the next one."""
        with self.changed:
            self.halves = max(self.open_watches, 1)
            self.changed.notify_all()

    def lie_about_versions(self, on=True):
        with self.changed: self.lying = on

    def permit(self, cluster_wide, namespaces=None):
        """namespaces None: each of them may be listed."""
        with self.changed: self.cluster_wide, self.namespaces = cluster_wide, namespaces

    def set_token(self, token):
        with self.changed: self.token = token

    def counts(self):
        with self.changed:
            return {"lists": self.lists, "watches": self.watches, "open_watches": self.open_watches, "version": str(self.version)}

    # Its answers.
    def may_list(self, namespace):
        if self.cluster_wide: return True
        return namespace is not None and (self.namespaces is None or namespace in self.namespaces)

    def wait_while_hanging(self):
        with self.changed:
            generation = self.generation
            while self.hanging and self.generation == generation: self.changed.wait(0.5)

    def _shown(self, version):
        return str(random.randint(1, self.version)) if self.lying else str(version)

    def _shown_object(self, value):
        if not self.lying: return value
        return {**value, "metadata": {**value["metadata"], "resourceVersion": self._shown(0)}}

    @staticmethod
    def _selected(value, namespace, query):
        if value is None or namespace not in (None, value["metadata"]["namespace"]): return False
        return matches(value["metadata"]["labels"], query.get("labelSelector", ""))

    def page(self, namespace, query):
        """None: the continue token is too old."""
        with self.changed:
            self.lists += 1
            if "continue" in query:
                if query["continue"] not in self.continues: return None
                version, items = self.continues.pop(query["continue"])
            else:
                version, items = self.version, [self._shown_object(value) for key, value in sorted(self.slices.items())
                                                if self._selected(value, namespace, query)]
            limit = int(query.get("limit", 0)) or len(items)
            metadata = {"resourceVersion": self._shown(version)}
            if len(items) > limit:
                metadata["continue"] = f"{version}/{random.getrandbits(64):x}=="
                metadata["remainingItemCount"] = len(items) - limit
                self.continues[metadata["continue"]] = (version, items[limit:])
            return {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata, "items": items[:limit]}

    def events(self, namespace, query):
        """The stream of a watch, in pieces; ends when the watch does."""
        with self.changed:
            self.watches += 1
            self.open_watches += 1
        try: yield from self._events(namespace, query)
        finally:
            with self.changed: self.open_watches -= 1

    def _events(self, namespace, query):
        def line(kind, value): return json.dumps({"type": kind, "object": value}).encode() + b"\n"

        def bookmark():
            return line("BOOKMARK", {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "endpoints": None, "ports": None,
                                     "addressType": "", "metadata": {"resourceVersion": self._shown(at), "creationTimestamp": None}})

        ends_at = time.monotonic() + float(query.get("timeoutSeconds", 1800))
        bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        bookmark_at = time.monotonic() + self.bookmark_s
        with self.changed:
            generation = self.generation
            asked = query.get("resourceVersion", "0")
            at = int(asked) if asked.isdigit() else -1
            first = [] if at != 0 else [line("ADDED", self._shown_object(value)) for value in self.slices.values()
                                        if self._selected(value, namespace, query)]
            if at == 0: at = self.version
        yield from first
        while True:
            self.wait_while_hanging()
            with self.changed:
                if self.generation != generation: return
                if at < self.oldest:
                    pieces, at = [line("ERROR", {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
                                                 "reason": "Expired", "message": f"too old resource version: {asked}"})], None
                elif self.halves > 0:
                    self.halves -= 1
                    pieces, at = [line("ADDED", {"metadata": {"name": "half"}})[:25]], None
                else:
                    pieces = [line(*event) for event in self._since(at, namespace, query)]
                    at = self.version
                now = time.monotonic()
                if bookmarks and at is not None and (now >= bookmark_at or now >= ends_at):
                    pieces.append(bookmark())
                    bookmark_at = now + self.bookmark_s
                if not pieces and now < ends_at and not self.hanging:
                    self.changed.wait(min(ends_at, bookmark_at, now + 0.5) - now)
            yield from pieces
            if at is None or now >= ends_at: return

    def _since(self, at, namespace, query):
        for version, before, after in self.history:
            if version <= at: continue
            was, is_now = self._selected(before, namespace, query), self._selected(after, namespace, query)
            if is_now: yield ("MODIFIED" if was else "ADDED"), self._shown_object(after)
            elif was:
                gone = {**before, "metadata": {**before["metadata"], "resourceVersion": str(version)}}
                yield "DELETED", self._shown_object(gone)


COMMANDS = ("set_slice", "delete_slice", "compact", "close_watches", "hang", "send_half_json", "lie_about_versions", "permit",
            "set_token", "counts", "start", "stop")


def obey(api, line):
    try:
        order = json.loads(line)
        name = order.pop("do")
        if name not in COMMANDS: raise ValueError(f"expected one of {', '.join(COMMANDS)}, got {name}")
        result = getattr(api, name)(**order)
        return {"ok": True, **(result if isinstance(result, dict) else {})}
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        return {"ok": False, "error": str(error)}


def serve_lines(api, reader, writer):
    for line in reader:
        if line.strip(): print(json.dumps(obey(api, line)), file=writer, flush=True)


def ask(path, what, **arguments):
    """One order to a kube_api.py that listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(json.dumps({"do": what, **arguments}).encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        answer = json.loads(connection.makefile().readline())
    if not answer.pop("ok"): raise RuntimeError(answer["error"])
    return answer


def main(address, port, folder, token, control=None):
    api = KubeApi(address, int(port), folder, token, log=True).start()
    print(f"listening on {address} {api.port}", flush=True)
    if control is None: return serve_lines(api, sys.stdin, sys.stdout)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(control)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_lines, args=(api, connection.makefile("r"), connection.makefile("w")), daemon=True).start()


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6): sys.exit(__doc__)
    main(*sys.argv[1:])
