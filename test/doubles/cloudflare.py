"""cloudflare.py - a double of Cloudflare's API, version 4, as strict as the real one is said to be: scopes of tokens, zones that are not
active, pages, identical records (quotes do not count), quotas, batches that are carried out whole or not at all, both shapes of errors,
rate-limit headers, records that are seen a while after the API said yes.

Options: zones=a.test,b.test (active), pending=c.test; page=N (at most N items a page, whatever was asked for); quota=N records a zone;
visible=SECONDS until a change is served; limit=N requests a window of 300 s; batch=0 (no such endpoint).
Tokens: "good-token" may all; "no-list-token" may edit DNS but not list zones; "read-token" may list and read but not edit;
"narrow-token" has the first zone only. E-mail "admin@example.test" with key "good-key" may all.
Control: POST /set {"record": {"name", "content"[, "type"]}} puts a record of somebody else there; other keys set options.
"""
import json
import re
import time

import apiserver
import dnsserver

TOKENS = {"good-token": "led", "no-list-token": "ed", "read-token": "lr", "narrow-token": "led1"}
FIELDS = {"type", "name", "content", "ttl", "proxied", "comment", "tags"}


class Refused(Exception):
    def __init__(self, status, code, message, chain=(), headers=None):
        super().__init__(message)
        self.status, self.code, self.message, self.chain, self.headers = status, code, message, chain, headers


def unquoted(content):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', content)
    return "".join(re.sub(r"\\(.)", r"\1", p) for p in parts) if content.startswith('"') else content


class Cloudflare(apiserver.App):
    def __init__(self, options):
        super().__init__({"zones": "example.test,sub.example.test,other.test", "pending": "", "page": "100", "quota": "200", "visible": "0",
                          "limit": "1200", "batch": "1", **options})
        self.serial_number = 0
        self.requests = []
        self.zones, self.status, self.records = {}, {}, {}
        for status in ("zones", "pending"):
            for name in filter(None, self.options[status].split(",")):
                zone = self.new_id()
                self.zones[zone] = name
                self.status[zone] = "active" if status == "zones" else "pending"
                self.records[zone] = {}
                # A zone that is not active here is served by others.
                self.dns.add_zone(name)

    def variables(self):
        return {"ZONE_IDS": ",".join("%s=%s" % (name, zone) for zone, name in self.zones.items())}

    def new_id(self):
        self.serial_number += 1
        return "%032x" % (0xc10fd1a4e << 64 | self.serial_number)

    def state(self):
        return {"records": [dict(r, zone=self.zones[z]) for z in self.records for r in self.records[z].values()]}

    def set(self, values):
        record = values.pop("record", None)
        if record is not None:
            zone = max((z for z in self.zones if record["name"].endswith(self.zones[z])), key=lambda z: len(self.zones[z]))
            made = dict({"type": "TXT", "ttl": 300, "comment": None}, **record)
            made["id"] = self.new_id()
            self.records[zone][made["id"]] = made
            self.publish(made["name"], made["type"])
        super().set({k: str(v) for k, v in values.items()})

    # ---- DNS ----

    def publish(self, name, rtype="TXT"):
        values = [unquoted(r["content"]) for z in self.records for r in self.records[z].values() if r["name"] == name and r["type"] == rtype]
        self.dns.set(name, rtype, values, after=float(self.options["visible"]))

    # ---- who asks ----

    def scopes(self, request):
        authorization = request.headers.get("Authorization")
        if authorization is None:
            email, key = request.headers.get("X-Auth-Email"), request.headers.get("X-Auth-Key")
            if email is None or key is None:
                raise Refused(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
            if not re.fullmatch(r"[0-9a-z-]+", key):
                raise Refused(400, 6003, "Invalid request headers", [(6103, "Invalid format for X-Auth-Key header")])
            if (email, key) != ("admin@example.test", "good-key"):
                raise Refused(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
            return "led"
        match = re.fullmatch(r"Bearer ([0-9A-Za-z_-]+)", authorization)
        if match is None:
            raise Refused(400, 6003, "Invalid request headers", [(6111, "Invalid format for Authorization header")])
        if match.group(1) not in TOKENS:
            raise Refused(403, 9109, "Invalid access token")
        return TOKENS[match.group(1)]

    def zone_of(self, request, zone, scopes, edit):
        if not re.fullmatch(r"[0-9a-f]{32}", zone) or zone not in self.zones:
            raise Refused(404, 7003, "Could not route to %s, perhaps your object identifier is invalid?" % request.path,
                          [(7000, "No route for that URI")])
        if ("1" in scopes and zone != next(iter(self.zones))) or ("e" not in scopes and (edit or "r" not in scopes)):
            raise Refused(403, 10000, "Authentication error")
        return zone

    # ---- answers ----

    def window(self):
        now = time.time()
        self.requests = [t for t in self.requests if t > now - 300] + [now]
        left = int(self.options["limit"]) - len(self.requests)
        reset = max(1, int(self.requests[0] + 300 - now))
        headers = {"Ratelimit": '"default";r=%d;t=%d' % (max(left, 0), reset), "Ratelimit-Policy": '"default";q=%s;w=300' % self.options["limit"]}
        if left < 0:
            self.requests.pop()
            headers["Retry-After"] = str(reset)
            raise Refused(429, 971, "Please wait and consider throttling your request speed", headers=headers)
        return headers

    def envelope(self, result, headers, info=None):
        body = {"result": result, "success": True, "errors": [], "messages": []}
        if info is not None:
            body["result_info"] = info
        return apiserver.Response(200, json.dumps(body), {"Content-Type": "application/json", **headers})

    def paged(self, request, items, least, most, headers):
        page, size = int(request.arg("page", "1")), int(request.arg("per_page", "20"))
        if page < 1 or not least <= size <= most:
            raise Refused(400, 1004, "Invalid parameter", [(1101, "per_page or page is out of range")])
        size = min(size, int(self.options["page"]))
        part = items[(page - 1) * size:page * size]
        info = {"page": page, "per_page": size, "count": len(part), "total_count": len(items), "total_pages": (len(items) + size - 1) // size}
        return self.envelope(part, headers, info)

    def handle(self, request):
        headers = {}
        try:
            headers = self.window()
            scopes = self.scopes(request)
            return self.route(request, scopes, headers)
        except Refused as refused:
            error = {"code": refused.code, "message": refused.message}
            if refused.chain:
                error["error_chain"] = [{"code": c, "message": m} for c, m in refused.chain]
            body = {"result": None, "success": False, "errors": [error], "messages": []}
            return apiserver.Response(refused.status, json.dumps(body), {"Content-Type": "application/json", **headers, **(refused.headers or {})})

    def route(self, request, scopes, headers):
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["client", "v4"]:
            raise Refused(404, 7000, "No route for that URI")
        parts = parts[2:]
        if parts == ["user", "tokens", "verify"] and request.method == "GET":
            return self.envelope({"id": self.new_id(), "status": "active"}, headers)
        if parts == ["zones"] and request.method == "GET":
            return self.list_zones(request, scopes, headers)
        if len(parts) < 3 or parts[0] != "zones" or parts[2] != "dns_records":
            raise Refused(404, 7000, "No route for that URI")
        zone = self.zone_of(request, parts[1], scopes, request.method != "GET")
        if len(parts) == 3 and request.method == "GET":
            return self.list_records(request, zone, headers)
        if len(parts) == 3 and request.method == "POST":
            return self.envelope(self.commit(zone, [("post", self.parse(request))])[0], headers)
        if parts[3:] == ["batch"] and request.method == "POST" and self.options["batch"] == "1":
            return self.batch(request, zone, headers)
        if len(parts) == 4 and request.method == "DELETE":
            self.commit(zone, [("delete", {"id": parts[3]})])
            # As it comes: without "success".
            return apiserver.Response(200, json.dumps({"result": {"id": parts[3]}}), {"Content-Type": "application/json", **headers})
        raise Refused(405, 10405, "Method not allowed for this authentication scheme")

    def parse(self, request):
        if request.headers.get("Content-Type") != "application/json":
            raise Refused(415, 9207, "Content-Type must be application/json")
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(400, 9207, "Request body is invalid.")
        return body

    # ---- zones ----

    def list_zones(self, request, scopes, headers):
        if "l" not in scopes:
            raise Refused(403, 0, "Actor 'com.cloudflare.api.token.1' requires permission 'com.cloudflare.api.account.zone.list' to list zones")
        shown = list(self.zones)[:1] if "1" in scopes else list(self.zones)
        wanted, status = request.arg("name"), request.arg("status")
        zones = [{"id": z, "name": self.zones[z], "status": self.status[z], "paused": False, "type": "full"} for z in shown
                 if (wanted is None or self.zones[z] == wanted) and (status is None or self.status[z] == status)]
        return self.paged(request, zones, 5, 50, headers)

    # ---- records ----

    def list_records(self, request, zone, headers):
        found = [r for r in self.records[zone].values() if request.arg("type") in (None, r["type"]) and request.arg("name") in (None, r["name"])]
        return self.paged(request, found, 1, 5000000, headers)

    def batch(self, request, zone, headers):
        body = self.parse(request)
        if set(body) - {"deletes", "patches", "puts", "posts"}:
            raise Refused(400, 9207, "unknown member of a batch")
        steps = [(verb, item) for key, verb in (("deletes", "delete"), ("posts", "post")) for item in body.get(key) or []]
        if body.get("patches") or body.get("puts"):
            raise Refused(400, 9207, "this double has no patches and puts")
        if len(steps) > 200 or not steps:
            raise Refused(400, 9207, "a batch must have between 1 and 200 changes")
        done = self.commit(zone, steps)
        deletes = [d for (verb, _), d in zip(steps, done) if verb == "delete"]
        posts = [d for (verb, _), d in zip(steps, done) if verb == "post"]
        return self.envelope({"deletes": deletes, "patches": [], "puts": [], "posts": posts}, headers)

    def commit(self, zone, steps):
        """All steps, or none: on a copy that takes the place of the records at the end."""
        copy, done, names = dict(self.records[zone]), [], []
        for verb, item in steps:
            if verb == "delete":
                record = copy.pop(str(item.get("id")), None)
                if record is None:
                    raise Refused(404, 81044, "Record does not exist.")
            else:
                record = self.checked(zone, copy, item)
                copy[record["id"]] = record
            names.append(record["name"])
            done.append(record)
        self.records[zone] = copy
        for name in names:
            self.publish(name)
        return done

    def checked(self, zone, records, item):
        chain = []
        name = dnsserver.canonical(str(item.get("name", "")))
        content = item.get("content")
        if set(item) - FIELDS:
            chain.append((9000, "unknown field"))
        if item.get("type") != "TXT" or not isinstance(content, str) or not content or len(content) > 2048:
            chain.append((9005, "content of a TXT record is invalid"))
        if name != self.zones[zone] and not name.endswith("." + self.zones[zone]):
            chain.append((9000, "DNS name is invalid."))
        if item.get("ttl") != 1 and not 60 <= item.get("ttl", 0) <= 86400:
            chain.append((9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."))
        if item.get("proxied"):
            chain.append((9004, "This record type cannot be proxied."))
        if len(item.get("comment") or "") > 100:
            chain.append((9301, "comment is longer than 100 characters"))
        if item.get("tags"):
            chain.append((9300, "DNS record has 1 tags, exceeding the quota of 0."))
        if chain:
            raise Refused(400, 1004, "DNS Validation Error", chain)
        if any(r["name"] == name and r["type"] == "CNAME" for r in records.values()):
            raise Refused(400, 81054, "A CNAME record with that host already exists.")
        if any(r["name"] == name and r["type"] == "TXT" and unquoted(r["content"]) == unquoted(content) for r in records.values()):
            raise Refused(400, 81058, "An identical record already exists.")
        if len(records) >= int(self.options["quota"]):
            raise Refused(400, 81045, "Record quota exceeded. Creating more than %s records in this zone is not allowed." % self.options["quota"])
        return {"id": self.new_id(), "type": "TXT", "name": name, "content": content, "ttl": item["ttl"], "proxied": False, "proxiable": False,
                "comment": item.get("comment"), "tags": [], "created_on": "2026-01-01T00:00:00Z", "modified_on": "2026-01-01T00:00:00Z"}


if __name__ == "__main__":
    apiserver.main(Cloudflare)
