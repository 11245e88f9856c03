"""The same loop as in Go, for Python: OpenSSL verifies, and ca.crt is read once, at the start. Standard library only."""
import encodings.ascii  # the image holds only modules that are imported: these three would be loaded late
import encodings.idna
import encodings.latin_1
import hashlib
import http.client
import http.server
import json
import os
import signal
import ssl
import sys
import threading
import time

from counters import Counters, HttpFailure, now_ms

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
NAMESPACE = os.environ.get("POD_NAMESPACE", "felt")
NAME = os.environ.get("POD_NAME", "unnamed")
OBJECT = f"felt-{NAME}"
COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
CALL_DEADLINE = 5
TOKEN_LIFE = 60


class Token:
    def __init__(self):
        self.text, self.read_at = "", 0.0

    def bearer(self):
        if time.monotonic() - self.read_at > TOKEN_LIFE or not self.text:
            with open(f"{FOLDER}/token", encoding="ascii") as file:
                self.text, self.read_at = file.read().strip(), time.monotonic()
        return f"Bearer {self.text}"


class Api:
    def __init__(self, ca_pem):
        self.context = ssl.create_default_context(cadata=ca_pem)
        self.token = Token()

    def connect(self, deadline=CALL_DEADLINE):
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        return http.client.HTTPSConnection(host, port, timeout=deadline, context=self.context)

    def call(self, connection, method, path, body=None, content_type=None):
        headers = {"Authorization": self.token.bearer(), "Accept": "application/json", "User-Agent": "felt-python"}
        if content_type:
            headers["Content-Type"] = content_type
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse()


def whole(response):
    text = response.read().decode()
    if response.status >= 300:
        raise HttpFailure(response.status, text)
    return text


class Writer:
    """Writes once a second over one kept connection, one try each; a broken connection is replaced by the next write."""

    def __init__(self, api, counters):
        self.api, self.counters = api, counters
        self.connection, self.exists = None, False
        self.lock = threading.Lock()

    def write(self):
        with self.lock:
            began = now_ms()
            try:
                self.send()
                self.exists = True
            except HttpFailure as error:
                if error.status == 409 and not self.exists:
                    self.exists = True
                else:
                    self.exists = self.exists and error.status != 404
                    self.counters.failed("write", began, error)
                    return False
            except Exception as error:
                self.close()
                self.counters.failed("write", began, error)
                return False
            self.counters.succeeded("write")
            return True

    def send(self):
        if self.connection is None:
            self.connection = self.api.connect()
        data = {f"run-{self.counters.started_at}": self.counters.json()}
        if self.exists:
            whole(self.api.call(self.connection, "PATCH", f"{COLLECTION}/{OBJECT}", json.dumps({"data": data}),
                                "application/merge-patch+json"))
        else:
            created = {"metadata": {"name": OBJECT, "labels": {"felt": "counters"}}, "data": data}
            whole(self.api.call(self.connection, "POST", COLLECTION, json.dumps(created), "application/json"))

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def every(seconds, act):
    def loop():
        due = time.monotonic()
        while True:
            due = max(due + seconds, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            act()

    threading.Thread(target=loop, daemon=True).start()


def watch(api, counters):
    while True:
        began = now_ms()
        # The deadline is that of one read: the object changes every second, so silence this long is a failure too.
        connection = api.connect(deadline=30)
        try:
            response = api.call(connection, "GET", f"{COLLECTION}?watch=true&fieldSelector=metadata.name%3D{OBJECT}")
            if response.status != 200:
                whole(response)
            counters.succeeded("watch")
            last = now_ms()
            while response.readline():
                counters.heard(now_ms() - last)
                last = now_ms()
        except Exception as error:
            counters.failed("watch", began, error)
        finally:
            connection.close()
        time.sleep(0.5)


def connect_once(api, counters):
    began, connection = now_ms(), api.connect()
    try:
        whole(api.call(connection, "GET", f"{COLLECTION}/{OBJECT}?resourceVersion=0"))
        counters.succeeded("fresh")
    except Exception as error:
        counters.failed("fresh", began, error)
    finally:
        connection.close()


def serve(counters):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = counters.json().encode()
            self.send_response(200 if self.path == "/counters" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("", int(os.environ.get("FELT_PORT", "8080"))), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    with open(f"{FOLDER}/ca.crt", encoding="ascii") as file:
        ca_pem = file.read()
    counters = Counters({"name": NAME, "workload": os.environ.get("FELT_WORKLOAD", ""), "language": "python",
                         "node": os.environ.get("NODE_NAME", ""),
                         "caSha256": hashlib.sha256(ca_pem.encode()).hexdigest()})
    api = Api(ca_pem)
    writer = Writer(api, counters)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    serve(counters)
    threading.Thread(target=watch, args=(api, counters), daemon=True).start()
    every(1, writer.write)
    every(5, lambda: connect_once(api, counters))
    every(10, lambda: print(counters.json(), flush=True))
    ended.wait()
    # What fails at that moment may be over with the next try: the next fresh connection is within this time.
    until = time.monotonic() + 8
    while counters.is_failing() and time.monotonic() < until:
        time.sleep(0.1)
    counters.ended_by = "SIGTERM"
    # Until the record is there, and in it no failure that this very write has ended.
    for _ in range(4):
        was_failing = counters.is_failing()
        if writer.write() and not was_failing:
            break
        time.sleep(0.5)


if sys.argv[1:] == ["--list-modules"]:
    print("\n".join(sorted({module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)})))
elif __name__ == "__main__":
    main()
