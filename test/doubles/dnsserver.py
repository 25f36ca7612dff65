"""dnsserver.py - an authoritative DNS server for the doubles of DNS APIs: what was written through an API is served to Pebble and to
our propagation check, over UDP and TCP, with SOA and NS, so that nothing about DNS has to be pretended.

    data = Data()
    data.add_zone("example.test")                           # SOA, NS, and A of every other name
    data.set("_acme-challenge.example.test", "TXT", ["v1"], ttl=60)     # the whole set; [] takes it away
    data.set("slow.example.test", "TXT", ["v"], after=2.0)  # seen two seconds from now; until then the old set is
    server = Server(data)                                   # 127.0.0.1, a free port of both protocols; Server(data, port=5353)
    server.port

A zone below another one of ours is answered from the more specific one. Names outside are refused. Values of TXT are text or bytes,
of any length. data.questions() is what was asked so far, as (name, type).
"""
import socket
import socketserver
import struct
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "CAA": 257}
NAMES = {number: name for name, number in TYPES.items()}
OPT = 41
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 3, 4, 5


def canonical(name):
    """Lower case, without the final dot."""
    return name.lower().rstrip(".")


def wire_name(name):
    out = b""
    for label in name.split("."):
        if label:
            out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def parent(name):
    return name.partition(".")[2]


class Data:
    """Zones and their record sets. Any thread."""

    def __init__(self, address="127.0.0.1"):
        self.lock = threading.RLock()
        self.address = address
        self.zones = {}
        self.sets = {}          # (name, type) -> (values, ttl)
        self.later = []         # (when, name, type, values, ttl)
        self.asked = []

    def add_zone(self, name, wildcard=True):
        name = canonical(name)
        with self.lock:
            self.zones[name] = wildcard
            self.sets[(name, "NS")] = (["ns." + name], 60)
            self.sets[("ns." + name, "A")] = ([self.address], 60)

    def set(self, name, rtype, values, ttl=60, after=0):
        """The whole set of a name and type; after: seconds until it is seen."""
        with self.lock:
            self._come_true()
            change = (time.monotonic() + after, canonical(name), rtype, list(values), ttl)
            self.later.append(change)
            self.later.sort(key=lambda c: c[0])     # stable: of two changes due at once the later one wins
            self._come_true()

    def get(self, name, rtype):
        with self.lock:
            self._come_true()
            return list(self.sets.get((canonical(name), rtype), ([], 0))[0])

    def names(self, rtype):
        with self.lock:
            self._come_true()
            return sorted(name for name, t in self.sets if t == rtype)

    def questions(self):
        with self.lock:
            return list(self.asked)

    def _come_true(self):
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            _, name, rtype, values, ttl = self.later.pop(0)
            if values:
                self.sets[(name, rtype)] = (values, ttl)
            else:
                self.sets.pop((name, rtype), None)

    def zone_of(self, name):
        while name:
            if name in self.zones:
                return name
            name = parent(name)
        return None

    def exists(self, name):
        """Has it records, or a name below it (an empty non-terminal)?"""
        return any(n == name or n.endswith("." + name) for n, _ in self.sets)

    def answer(self, name, rtype):
        """(rcode, answers, authority) with records as (name, type, ttl, value)."""
        with self.lock:
            self._come_true()
            self.asked.append((name, rtype))
            name = canonical(name)
            zone = self.zone_of(name)
            if zone is None:
                return REFUSED, [], []
            answers = []
            for _ in range(8):
                cname = self.sets.get((name, "CNAME"))
                if cname is None or rtype == "CNAME":
                    break
                answers.append((name, "CNAME", cname[1], cname[0][0]))
                name = canonical(cname[0][0])
                zone = self.zone_of(name)
                if zone is None:
                    return NOERROR, answers, []
            if rtype == "SOA" and name == zone:
                return NOERROR, answers + [self.soa(zone)], []
            values, ttl = self.sets.get((name, rtype), ([], 0))
            if not values and rtype == "A" and self.zones[zone] and not name.startswith("_"):
                values, ttl = [self.address], 60
            if values:
                return NOERROR, answers + [(name, rtype, ttl, v) for v in values], []
            known = name == zone or self.exists(name) or (self.zones[zone] and not name.startswith("_"))
            return (NOERROR if known else NXDOMAIN), answers, [self.soa(zone)]

    def soa(self, zone):
        return zone, "SOA", 1, None


def rdata(rtype, name, value):
    if rtype == "A":
        return socket.inet_aton(value)
    if rtype == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if rtype in ("NS", "CNAME"):
        return wire_name(canonical(value))
    if rtype == "SOA":
        return wire_name("ns." + name) + wire_name("hostmaster." + name) + struct.pack("!5I", 1, 60, 60, 3600, 1)
    if rtype == "TXT":
        text = value.encode() if isinstance(value, str) else value
        parts = [text[i:i + 255] for i in range(0, len(text), 255)] or [b""]
        return b"".join(bytes([len(p)]) + p for p in parts)
    raise ValueError(rtype)


def record(name, rtype, ttl, value):
    data = rdata(rtype, name, value)
    return wire_name(name) + struct.pack("!HHIH", TYPES[rtype], 1, ttl, len(data)) + data


def read_question(message):
    """(labels of the name as text, type, end of the question); ValueError for anything odd."""
    at, labels = 12, []
    while True:
        n = message[at]
        if n == 0:
            break
        if n > 63 or len(labels) > 127:
            raise ValueError("name")
        labels.append(message[at + 1:at + 1 + n].decode("latin-1"))
        at += 1 + n
    qtype, qclass = struct.unpack_from("!HH", message, at + 1)
    if qclass != 1:
        raise ValueError("class")
    return ".".join(labels), qtype, at + 5


def edns_size(message, end, counts):
    """What the OPT record of a query offers; 0 without one."""
    if counts[3] and len(message) >= end + 11 and message[end] == 0:
        rtype, size = struct.unpack_from("!HH", message, end + 1)
        if rtype == OPT:
            return max(size, 512)
    return 0


def respond(data, message, limit):
    """The answer to one message, or None. limit: bytes without EDNS (UDP: 512), None over TCP."""
    if len(message) < 12 or message[2] & 0x80:
        return None
    ident, flags = struct.unpack_from("!HH", message)
    counts = struct.unpack_from("!4H", message, 4)
    head = 0x8000 | (flags & 0x7900) | 0x0400       # QR, opcode and RD as asked, AA
    if (flags >> 11) & 15:
        return struct.pack("!6H", ident, head | NOTIMP, 0, 0, 0, 0)
    try:
        name, qtype, end = read_question(message)
    except (ValueError, IndexError, struct.error):
        return struct.pack("!6H", ident, head | FORMERR, 0, 0, 0, 0)
    rtype = NAMES.get(qtype, "TYPE%d" % qtype)
    rcode, answers, authority = data.answer(name, rtype)
    if rcode == REFUSED:
        head &= ~0x0400
    size = edns_size(message, end, counts)
    opt = b"\0" + struct.pack("!HHIH", OPT, 1232, 0, 0) if size else b""
    body = b"".join(record(*r) for r in answers) + b"".join(record(*r) for r in authority)
    if limit is not None and end + len(body) + len(opt) > max(limit, min(size, 1232)):
        head, answers, authority, body = head | 0x0200, [], [], b""
    return struct.pack("!6H", ident, head | rcode, 1, len(answers), len(authority), 1 if opt else 0) + message[12:end] + body + opt


class UdpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        message, sock = self.request
        answer = respond(self.server.data, message, 512)
        if answer is not None:
            sock.sendto(answer, self.client_address)


class TcpHandler(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        try:
            while True:
                head = self.rfile.read(2)
                if len(head) < 2:
                    return
                answer = respond(self.server.data, self.rfile.read(struct.unpack("!H", head)[0]), None)
                if answer is None:
                    return
                self.wfile.write(struct.pack("!H", len(answer)) + answer)
        except OSError:
            return


class Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 65535


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # A hundred orders that were written at once are validated at once; with five the others wait for seconds.
    request_queue_size = 256
    allow_reuse_address = True


class Server:
    """Starts at once; both protocols on one port."""

    def __init__(self, data, address="127.0.0.1", port=0):
        self.data = data
        for attempt in range(20):
            self.udp = Udp((address, port), UdpHandler)
            self.port = self.udp.server_address[1]
            try:
                self.tcp = Tcp((address, self.port), TcpHandler)
                break
            except OSError:
                self.udp.server_close()
                if port or attempt == 19:
                    raise
        for server in (self.udp, self.tcp):
            server.data = data
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()
