"""wire.py - HTTPS for acmed, HTTP/1.1 and (on a port of its own) HTTP/2, with the ways an answer can go wrong on its way.

A handler gives a Response; Response.wire names what happens to it (None: it is sent as it should be):
    reset      the connection is reset, nothing is sent          cut      chunked, ends in the middle of a chunk
    long       Content-Length says more than there is            continue "100 Continue" goes before it
    header     a header of 64 KiB                                gzip     1 GiB of blanks, gzipped, instead of the body
    drip       one byte a second                                 late     silence (Response.silence seconds), then reset
    goaway     HTTP/2: GOAWAY, and the stream is forgotten       rst      HTTP/2: RST_STREAM (reset over HTTP/1.1 for both)
"""
import asyncio
import gzip
import http.client
import json
import socket
import struct
import traceback

MAX_BODY = 50000        # as Boulder
# A gzip file may have several members: this one has 1024 of 1 MiB each.
BOMB = gzip.compress(b" " * (1 << 20)) * 1024


class Request:
    def __init__(self, method, target, headers, body, origin):
        self.method, self.target, self.headers, self.body, self.origin = method, target, headers, body, origin


class Response:
    def __init__(self, status, body=b"", headers=(), kind="application/json"):
        self.status, self.headers, self.wire, self.silence = status, list(headers), None, 3
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if kind and not any(k.lower() == "content-type" for k, _ in self.headers):
            self.headers.append(("Content-Type", kind))

    def value(self):
        return json.loads(self.body)

    def set(self, value):
        self.body = json.dumps(value).encode()


class Reset(Exception):
    """The connection is to be reset."""


def reset(writer):
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_request(reader, origin):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {}
    for line in lines[1:]:
        if ":" in line:
            key, value = line.split(":", 1)
            headers[key.strip().lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", ""):
        raise Reset
    size = int(headers.get("content-length", 0))
    if size > MAX_BODY:
        raise Reset
    return Request(method, target, headers, await reader.readexactly(size), origin)


async def send(writer, request, response):
    body, headers, wire = response.body, list(response.headers), response.wire
    if wire in ("reset", "goaway", "rst"):
        raise Reset
    if wire == "late":
        await asyncio.sleep(response.silence)
        raise Reset
    if wire == "continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if wire == "header":
        headers.append(("X-Filler", "x" * 65536))
    if wire == "gzip":
        body = BOMB
        headers.append(("Content-Encoding", "gzip"))
    head = "HTTP/1.1 %d %s\r\n" % (response.status, http.client.responses.get(response.status, "Status"))
    head += "".join("%s: %s\r\n" % h for h in headers)
    if wire == "cut":
        half = max(1, len(body) // 2)
        writer.write((head + "Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)).encode("latin-1") + body[:half])
        await writer.drain()
        writer.close()
        raise Reset
    size = len(body) + (1000 if wire == "long" else 0)
    raw = (head + "Content-Length: %d\r\n\r\n" % size).encode("latin-1") + (b"" if request.method == "HEAD" else body)
    if wire == "drip":
        for i in range(len(raw)):
            writer.write(raw[i:i + 1])
            await writer.drain()
            await asyncio.sleep(1)
        return
    writer.write(raw)
    await writer.drain()
    if wire == "long":
        writer.close()
        raise Reset


async def serve_h1(handler, origin, reader, writer):
    while True:
        request = await read_request(reader, origin)
        if request is None:
            return
        response = await handler(request)
        if response is None:
            raise Reset
        await send(writer, request, response)


async def serve_h2(handler, origin, reader, writer):
    import h2.config
    import h2.connection
    import h2.events
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    conn.initiate_connection()
    writer.write(conn.data_to_send())
    streams, tasks = {}, set()

    async def answer(stream, request):
        response = await handler(request)
        wire = response.wire if response is not None else "rst"
        try:
            if wire == "goaway":
                conn.close_connection(last_stream_id=max(0, stream - 2))
                writer.write(conn.data_to_send())
                writer.close()
                return
            if wire is not None:
                conn.reset_stream(stream, 2)
            else:
                headers = [(":status", str(response.status))] + [(k.lower(), v) for k, v in response.headers]
                body = b"" if request.method == "HEAD" else response.body
                conn.send_headers(stream, headers, end_stream=not body)
                for at in range(0, len(body), 16000):       # our answers are far below the first window of 64 KiB
                    conn.send_data(stream, body[at:at + 16000], end_stream=at + 16000 >= len(body))
            writer.write(conn.data_to_send())
            await writer.drain()
        except (OSError, h2.exceptions.H2Error):
            pass

    while True:
        data = await reader.read(65536)
        if not data:
            return
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                streams[event.stream_id] = (dict(event.headers), bytearray())
            elif isinstance(event, h2.events.DataReceived):
                streams[event.stream_id][1].extend(event.data)
                conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                headers, body = streams.pop(event.stream_id)
                request = Request(headers[":method"], headers[":path"], headers, bytes(body), origin)
                task = asyncio.ensure_future(answer(event.stream_id, request))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            elif isinstance(event, h2.events.StreamReset):
                streams.pop(event.stream_id, None)
        writer.write(conn.data_to_send())


async def listen(handler, tls, port=0, h2=False):
    """A listener on 127.0.0.1; its origin."""
    origin = []

    async def connection(reader, writer):
        try:
            ssl_object = writer.get_extra_info("ssl_object")
            serve = serve_h2 if ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2" else serve_h1
            await serve(handler, origin[0], reader, writer)
            writer.close()
        except Reset:
            if not writer.is_closing():
                reset(writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception:
            traceback.print_exc()
            writer.transport.abort()

    if tls is not None:
        tls.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
    server = await asyncio.start_server(connection, "127.0.0.1", port, ssl=tls, backlog=512)
    origin.append("%s://127.0.0.1:%d" % ("https" if tls else "http", server.sockets[0].getsockname()[1]))
    return origin[0]
