"""dnswire.py - DNS for acmed: a resolver that asks one server, and a proxy in front of that server which can lie, forget and be slow.

The proxy hands every message on as it is (TSIG included), so that what a client signs is what BIND checks. Rules of a scenario:
    {"view": "main", "on": "query"|"update", "type": "TXT", "skip": 0, "times": n, "do": ...} with do one of
    servfail, nxdomain, truncate (an empty answer with TC, UDP only), drop (no answer, nothing handed on),
    lost (handed on, no answer), empty (no such record, TTL 1 h in its SOA)
"""
import asyncio
import struct

TXT, CNAME = 16, 5
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 16: "TXT", 28: "AAAA"}


def put_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


def get_name(message, at):
    labels, end, hops = [], None, 0
    while True:
        n = message[at]
        if n & 0xc0:
            end = end if end is not None else at + 2
            at, hops = (n & 0x3f) << 8 | message[at + 1], hops + 1
            if hops > 50:
                raise ValueError("name")
        elif n:
            labels.append(message[at + 1:at + 1 + n].decode("latin-1"))
            at += 1 + n
        else:
            return ".".join(labels), end if end is not None else at + 1


def records(message):
    """(name, type, data offset, data length) of all resource records."""
    counts = struct.unpack_from("!4H", message, 4)
    at, out = 12, []
    for _ in range(counts[0]):
        _, at = get_name(message, at)
        at += 4
    for _ in range(sum(counts[1:])):
        name, at = get_name(message, at)
        rtype, _, _, size = struct.unpack_from("!HHIH", message, at)
        out.append((name, rtype, at + 10, size))
        at += 10 + size
    return out


async def exchange_tcp(server, message, timeout=5):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*server), timeout)
    try:
        writer.write(struct.pack("!H", len(message)) + message)
        size = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), timeout))[0]
        return await asyncio.wait_for(reader.readexactly(size), timeout)
    finally:
        writer.close()


class OneAnswer(asyncio.DatagramProtocol):
    def __init__(self, future):
        self.future = future

    def datagram_received(self, data, addr):
        if not self.future.done():
            self.future.set_result(data)


async def exchange_udp(server, message, timeout=5):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: OneAnswer(future), remote_addr=server)
    try:
        transport.sendto(message)
        return await asyncio.wait_for(future, timeout)
    finally:
        transport.close()


async def txt(server, name):
    """(rcode, values) of a TXT set, CNAMEs followed as a resolver does: by UDP, by TCP when truncated."""
    for _ in range(8):
        query = struct.pack("!6H", 4711, 0, 1, 0, 0, 0) + put_name(name) + struct.pack("!2H", TXT, 1)
        answer = await exchange_udp(server, query)
        if answer[2] & 2:
            answer = await exchange_tcp(server, query)
        rcode, values, targets = answer[3] & 15, [], {}
        for owner, rtype, at, size in records(answer):
            if rtype == CNAME:
                targets[owner.lower()] = get_name(answer, at)[0].lower()
            if rtype == TXT:
                text, end = b"", at + size
                while at < end:
                    text += answer[at + 1:at + 1 + answer[at]]
                    at += 1 + answer[at]
                values.append((owner.lower(), text.decode("latin-1")))
        seen = set()
        while name.lower() in targets and name not in seen:
            seen.add(name)
            name = targets[name.lower()]
        found = [v for owner, v in values if owner == name.lower()]
        if found or not seen:
            return rcode, found
        if name in seen:
            return 2, []
    return 2, []


def edit(message, rcode=0, tc=False):
    """An answer to a question with nothing in it."""
    _, end = get_name(message, 12)
    flags = 0x8400 | (struct.unpack_from("!H", message, 2)[0] & 0x7900) | rcode | (0x0200 if tc else 0)
    return message[:2] + struct.pack("!5H", flags, 1, 0, 0, 0) + message[12:end + 4]


def negative(message, zone):
    """NXDOMAIN that may be remembered for an hour."""
    out = edit(message, 3)
    soa = put_name("ns." + zone) + put_name("hostmaster." + zone) + struct.pack("!5I", 1, 60, 60, 3600, 3600)
    return out[:8] + struct.pack("!2H", 1, 0) + out[12:] + put_name(zone) + struct.pack("!HHIH", 6, 1, 3600, len(soa)) + soa


class Proxy:
    """One view of the DNS on one port, both protocols. app.dns_rule and app.hold_dns say what happens to a message."""

    def __init__(self, app, view, upstream, address="127.0.0.1"):
        self.app, self.view, self.upstream, self.address, self.port = app, view, upstream, address, None

    async def start(self):
        loop = asyncio.get_running_loop()
        for _ in range(50):
            self.tcp = await asyncio.start_server(self.serve_tcp, self.address, 0)
            self.port = self.tcp.sockets[0].getsockname()[1]
            try:
                self.udp, _ = await loop.create_datagram_endpoint(lambda: ProxyUdp(self), local_addr=(self.address, self.port))
                return self
            except OSError:
                self.tcp.close()
        raise OSError("no free port")

    def text(self):
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)

    async def answer(self, message, tcp):
        """The answer or None."""
        try:
            if len(message) < 12 or message[2] & 0x80:
                return None
            name, end = get_name(message, 12)
            update = (message[2] >> 3) & 15 == 5
            rtype = "" if update else TYPES.get(struct.unpack_from("!H", message, end)[0], "?")
            names = {r[0].lower() for r in records(message) if r[1] == TXT} if update else {name.lower()}
        except (ValueError, IndexError, struct.error):
            return None
        # One UPDATE may be of several scenarios: what any of them does to it is done to all.
        scenarios = sorted({self.app.scenario_of(n) for n in names} - {None})
        do = next(filter(None, [self.app.dns_rule(s, self.view, "update" if update else "query", rtype, tcp) for s in scenarios]), None)
        if do == "drop" or ((update or rtype == "TXT") and not await self.app.hold_dns(scenarios, "update" if update else "lookup", "before")):
            return None
        if do == "servfail":
            return edit(message, 2)
        if do == "nxdomain":
            return edit(message, 3)
        if do == "empty":
            return negative(message, self.app.zone)
        if do == "truncate" and not tcp:
            return edit(message, 0, True)
        try:
            answer = await (exchange_tcp if tcp else exchange_udp)(self.upstream, message)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            return None
        if do == "lost" or (update and not await self.app.hold_dns(scenarios, "update", "after")):
            return None
        return answer

    async def serve_tcp(self, reader, writer):
        try:
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                answer = await self.answer(await reader.readexactly(size), True)
                if answer is None:
                    break
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class ProxyUdp(asyncio.DatagramProtocol):
    def __init__(self, proxy):
        self.proxy = proxy
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        asyncio.ensure_future(self.reply(data, addr))

    async def reply(self, data, addr):
        answer = await self.proxy.answer(data, False)
        if answer is not None:
            self.transport.sendto(answer, addr)
