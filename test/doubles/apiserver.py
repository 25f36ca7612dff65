"""apiserver.py - what the doubles of web APIs share: an HTTPS server with a certificate of its own, faults that a test orders, a log of
requests, and a control server beside it. A double derives from App:

    class Double(apiserver.App):
        def handle(self, request):              # any thread; return a Response
            return apiserver.Response(200, b"{}", {"Content-Type": "application/json"})

    apiserver.main(Double)                      # NAME.py DIR [KEY=VALUE...]: serves until it is killed; DIR/vars tells where

Control server (plain HTTP, 127.0.0.1): GET /log (requests so far), GET /dns (all TXT), POST /faults [{...}], GET /faults (those that
did not strike yet), POST /set {...} and GET /state (the double's own: App.set, App.state).

A fault: {"method": "POST|PUT", "path": "regex", "body": "regex", "skip": 0, "times": 1, "do": ...} with do one of
    lost     carried out, then the connection is closed without an answer
    drop     closed before anything is done
    answer   "status", "text", "headers": that answer instead, nothing is done
    done     "status", "text", "headers": carried out, then that answer instead
    slow     "seconds": carried out after that time
    wait     carried out only once the control server gets POST /go; a test can crash the client meanwhile
or a word of the double's own, which finds it in request.fault.
"""
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

import dnsserver


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.raw_query = target.partition("?")
        self.query = urllib.parse.parse_qs(self.raw_query, keep_blank_values=True)
        self.fault = {}

    def arg(self, name, otherwise=None):
        return self.query.get(name, [otherwise])[0]


class Response:
    def __init__(self, status, body=b"", headers=None):
        self.status, self.headers = status, dict(headers or {})
        self.body = body if isinstance(body, bytes) else body.encode()


class App:
    """State of a double. handle() is called with self.lock held, unless serial is False."""
    serial = True

    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.go = threading.Event()
        self.faults = []
        self.log = []
        self.dns = dnsserver.Data()

    def handle(self, request):
        raise NotImplementedError

    def state(self):
        return {}

    def set(self, values):
        self.options.update(values)

    def take_fault(self, request):
        with self.lock:
            for fault in self.faults:
                if "method" in fault and not re.fullmatch(fault["method"], request.method):
                    continue
                if not re.search(fault.get("path", ""), request.target):
                    continue
                if "body" in fault and not re.search(fault["body"].encode(), request.body):
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                return dict(fault)
        return {}

    def run(self, request):
        """A Response, or None to close the connection."""
        fault = request.fault = self.take_fault(request)
        do = fault.get("do")
        instead = Response(fault.get("status", 500), fault.get("text", ""), fault.get("headers"))
        entry = {"method": request.method, "target": request.target, "fault": do, "status": None, "at": time.time()}
        self.log.append(entry)
        if do == "drop":
            return None
        if do == "answer":
            entry["status"] = instead.status
            return instead
        if do == "slow":
            time.sleep(fault.get("seconds", 1))
        if do == "wait":
            self.go.wait(60)
        try:
            if self.serial:
                with self.lock:
                    response = self.handle(request)
            else:
                response = self.handle(request)
        except Exception:
            traceback.print_exc()
            response = Response(500, "the double failed: " + traceback.format_exc())
        entry["status"] = response.status
        if do == "lost":
            return None
        return instead if do == "done" else response


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    app = None

    def setup(self):
        super().setup()
        self.wbuffer = None

    def log_message(self, *args):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline(64).strip() or b"0", 16)
                body += self.rfile.read(size)
                self.rfile.readline(64)
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def serve(self):
        response = self.app.run(Request(self.command, self.path, self.headers, self.read_body()))
        if response is None:
            self.close_connection = True
            return
        headers = {"Date": self.date_time_string(), **response.headers}
        lines = ["HTTP/1.1 %d %s" % (response.status, self.responses.get(response.status, ("Status",))[0])]
        lines += ["%s: %s" % h for h in headers.items()] + ["Content-Length: %d" % len(response.body), "", ""]
        # In one write, so that no answer waits for an acknowledgement of its head.
        self.wfile.write("\r\n".join(lines).encode("latin-1") + (b"" if self.command == "HEAD" else response.body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass


class Control(Handler):
    def serve(self):
        body = self.read_body()
        app = self.app
        with app.lock:
            if self.path == "/log":
                answer = app.log
            elif self.path == "/faults" and self.command == "GET":
                answer = app.faults
            elif self.path == "/faults":
                ordered = json.loads(body)
                if any(fault.get("do") == "wait" for fault in ordered):
                    app.go.clear()
                app.faults.extend(ordered)
                answer = {}
            elif self.path == "/go":
                app.go.set()
                answer = {}
            elif self.path == "/set":
                app.set(json.loads(body))
                answer = {}
            elif self.path == "/state":
                answer = app.state()
            elif self.path == "/dns":
                answer = {name: app.dns.get(name, "TXT") for name in app.dns.names("TXT")}
            else:
                answer = None
        text = json.dumps(answer).encode()
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = serve


class HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def make_certificate(folder):
    """A certificate that is its own trust anchor, for 127.0.0.1 and localhost."""
    key, pem = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=API double", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
                    "-keyout", key, "-out", pem], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return key, pem


def serve(app, base, tls=None, port=0):
    """A server of its own thread; the port."""
    handler = type("BoundHandler", (base,), {"app": app})
    server = HttpServer(("127.0.0.1", port), handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls[1], tls[0])
        # The handshake is made by the thread of the connection, at its first read.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server.server_address[1]


def main(make):
    """make(options) gives the App. Options are the KEY=VALUE arguments."""
    folder = sys.argv[1]
    options = dict(argument.split("=", 1) for argument in sys.argv[2:])
    app = make(options)
    tls = make_certificate(folder)
    dns = dnsserver.Server(app.dns)
    lines = {
        "API_URL": "https://127.0.0.1:%d" % serve(app, Handler, tls),
        "HTTP_URL": "http://127.0.0.1:%d" % serve(app, Handler),
        "CONTROL": "http://127.0.0.1:%d" % serve(app, Control),
        "API_TLS_CA": tls[1],
        "DNS_SERVER": "127.0.0.1:%d" % dns.port,
        "DNS_PORT": dns.port,
    }
    lines.update(getattr(app, "variables", lambda: {})())
    with open(os.path.join(folder, "vars.new"), "w") as f:
        f.writelines("%s=%s\n" % item for item in lines.items())
    os.rename(os.path.join(folder, "vars.new"), os.path.join(folder, "vars"))
    threading.Event().wait()
