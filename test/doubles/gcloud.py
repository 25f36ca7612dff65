"""gcloud.py - a double of Google Cloud DNS (v1), stricter than the real one, with the token server and the metadata server.

    gcloud.py DIR zones=example.test,other.test [private=example.test]

The test makes an RSA key and gives its public part by POST /set {"public_key": PEM}. Options by POST /set: pending (polls until a
change is done), deny (a permission), page. Faults of its own: "conflict" (the set changes before the change is looked at),
"unauthorized" (401), "rate" (403 rateLimitExceeded).
"""
import base64
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
import urllib.parse

import apiserver
from apiserver import Response

EMAIL = "certmgr@project-1.iam.gserviceaccount.com"
PROJECT = "project-1"


class Refused(Exception):
    def __init__(self, status, reason, message):
        super().__init__(reason)
        self.status, self.reason, self.message = status, reason, message


def unbase64(text):
    if "=" in text or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Gcloud(apiserver.App):
    def __init__(self, options):
        super().__init__(options)
        self.tokens, self.changes, self.zones, self.granted = {}, {}, {}, 0
        for kind in ("zones", "private"):
            for name in filter(None, options.get(kind, "").split(",")):
                self.zones[name.replace(".", "-") + ("-private" if kind == "private" else "")] = {"name": name, "private": kind == "private", "sets": {}}
                if kind == "zones":
                    self.dns.add_zone(name)

    def state(self):
        return {"zones": {n: {k: {"ttl": v[0], "values": v[1]} for k, v in z["sets"].items()} for n, z in self.zones.items()}, "granted": self.granted}

    def set(self, values):
        for zone, name, ttl, rrdatas in values.pop("put", []):
            self.zones[zone]["sets"][name] = (ttl, rrdatas)
            self.show(self.zones[zone], name)
        super().set(values)

    def answer(self, status, body):
        return Response(status, json.dumps(body), {"Content-Type": "application/json; charset=UTF-8"})

    def handle(self, request):
        try:
            if request.path == "/token":
                return self.token(request)
            return self.api(request)
        except Refused as e:
            return self.answer(e.status, {"error": {"code": e.status, "message": e.message, "errors": [{"message": e.message, "domain": "global", "reason": e.reason}]}})

    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        def no(error, text):
            return self.answer(400, {"error": error, "error_description": text})
        if request.method != "POST" or request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return no("invalid_request", "form")
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return no("unsupported_grant_type", "Invalid grant_type")
        try:
            head, claims, signature = form["assertion"].split(".")
            header, claim, raw = json.loads(unbase64(head)), json.loads(unbase64(claims)), unbase64(signature)
        except (KeyError, ValueError):
            return no("invalid_grant", "Invalid JWT")
        if header.get("alg") != "RS256" or header.get("typ") != "JWT" or claim.get("iss") != EMAIL:
            return no("invalid_grant", "Invalid grant: account not found")
        if claim.get("aud") != "https://" + request.headers["Host"] + "/token" or claim.get("scope") != "https://www.googleapis.com/auth/ndev.clouddns.readwrite":
            return no("invalid_scope", "audience or scope")
        if not claim["iat"] <= time.time() + 1 or not time.time() < claim["exp"] <= claim["iat"] + 3600:
            return no("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
        with tempfile.TemporaryDirectory() as folder:
            for name, data in (("key", self.options["public_key"].encode()), ("sig", raw), ("text", (head + "." + claims).encode())):
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(data)
            ok = subprocess.run(["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "sig", "text"], cwd=folder, capture_output=True).returncode == 0
        if not ok:
            return no("invalid_grant", "Invalid JWT Signature.")
        self.granted += 1
        token = "ya29." + secrets.token_urlsafe(40)
        self.tokens[token] = time.time() + 3600
        return self.answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def allow(self, permission):
        if self.options.get("deny") == permission:
            raise Refused(403, "forbidden", "Permission '%s' denied on resource '//dns.googleapis.com/projects/%s'" % (permission, PROJECT))

    def api(self, request):
        token = request.headers.get("Authorization", "")
        word = request.fault.get("do")
        if word == "unauthorized" or self.tokens.get(token[7:], 0) < time.time() or not token.startswith("Bearer "):
            raise Refused(401, "authError", "Request had invalid authentication credentials.")
        if word == "rate":
            raise Refused(403, "rateLimitExceeded", "Rate Limit Exceeded")
        base = "/dns/v1/projects/%s/managedZones" % PROJECT
        if not request.path.startswith(base):
            raise Refused(403, "forbidden", "Forbidden")
        rest = request.path[len(base):]
        if rest == "" and request.method == "GET":
            self.allow("dns.managedZones.list")
            wanted = request.arg("dnsName", "")
            if wanted and not wanted.endswith("."):
                raise Refused(400, "invalid", "Invalid value for 'parameters.dnsName': '%s'" % wanted)
            return self.answer(200, {"kind": "dns#managedZonesListResponse", "managedZones": [self.show_zone(n) for n, z in sorted(self.zones.items())
                                                                                               if not wanted or z["name"] + "." == wanted]})
        match = re.fullmatch(r"/([a-z0-9-]+)(/rrsets|/changes(?:/(\w+))?)?", rest)
        if not match or match[1] not in self.zones:
            raise Refused(404, "notFound", "The 'parameters.managedZone' resource named '%s' does not exist." % rest)
        zone = self.zones[match[1]]
        if match[2] is None:
            self.allow("dns.managedZones.get")
            return self.answer(200, self.show_zone(match[1]))
        if match[2] == "/rrsets" and request.method == "GET":
            self.allow("dns.resourceRecordSets.list")
            name = request.arg("name", "").rstrip(".")
            found = [(n, s) for n, s in zone["sets"].items() if n == name and request.arg("type") == "TXT"]
            return self.answer(200, {"rrsets": [self.show_set(n, s) for n, s in found], "kind": "dns#resourceRecordSetsListResponse"})
        if match[3] is None and request.method == "POST":
            self.allow("dns.changes.create")
            return self.change(request, zone)
        self.allow("dns.changes.get")
        if match[3] not in self.changes:
            raise Refused(404, "notFound", "The 'parameters.changeId' resource named '%s' does not exist." % match[3])
        change = self.changes[match[3]]
        if change["left"] > 0:
            change["left"] -= 1
            if change["left"] == 0:
                self.done(match[3])
        return self.answer(200, self.show_change(match[3]))

    def show_zone(self, ident):
        zone = self.zones[ident]
        return {"kind": "dns#managedZone", "name": ident, "dnsName": zone["name"] + ".", "id": "1", "visibility": "private" if zone["private"] else "public"}

    def show_set(self, name, rrset):
        return {"kind": "dns#resourceRecordSet", "name": name + ".", "type": "TXT", "ttl": rrset[0], "rrdatas": rrset[1]}

    def show_change(self, ident):
        return {"kind": "dns#change", "id": ident, "status": "pending" if self.changes[ident]["left"] > 0 else "done"}

    def change(self, request, zone):
        if not request.headers.get("Content-Type", "").startswith("application/json"):
            raise Refused(400, "badRequest", "content type")
        body = json.loads(request.body)
        if set(body) - {"additions", "deletions", "kind"}:
            raise Refused(400, "invalid", "unknown fields")
        if request.fault.get("do") == "conflict":
            name = (body.get("additions") or body["deletions"])[0]["name"].rstrip(".")
            ttl, values = zone["sets"].get(name, (300, []))
            zone["sets"][name] = (ttl, values + ['"somebody else %d"' % len(values)])
        sets = dict(zone["sets"])
        for i, r in enumerate(body.get("deletions", [])):
            name = self.checked(zone, r)
            if name not in sets:
                raise Refused(404, "notFound", "The 'entity.change.deletions[%d]' resource named '%s. (TXT)' does not exist." % (i, name))
            if sets[name][0] != r["ttl"] or sorted(sets[name][1]) != sorted(r["rrdatas"]):
                raise Refused(412, "conditionNotMet", "Precondition not met for 'entity.change.deletions[%d]'" % i)
            del sets[name]
        for i, r in enumerate(body.get("additions", [])):
            name = self.checked(zone, r)
            if name in sets:
                raise Refused(409, "alreadyExists", "The resource 'entity.change.additions[%d]' named '%s. (TXT)' already exists" % (i, name))
            sets[name] = (r["ttl"], r["rrdatas"])
        touched = {r["name"].rstrip(".") for kind in ("additions", "deletions") for r in body.get(kind, [])}
        if not touched:
            raise Refused(400, "required", "The 'entity.change' parameter is required but was missing.")
        zone["sets"] = sets
        ident = str(len(self.changes) + 1)
        self.changes[ident] = {"left": int(self.options.get("pending", 0)), "zone": zone, "names": touched}
        if self.changes[ident]["left"] == 0:
            self.done(ident)
        return self.answer(200, self.show_change(ident))

    def checked(self, zone, r):
        name = r["name"]
        if not name.endswith(".") or r["type"] != "TXT" or not isinstance(r["ttl"], int) or not r["rrdatas"] or len(set(r["rrdatas"])) != len(r["rrdatas"]):
            raise Refused(400, "invalid", "Invalid value")
        name = name.rstrip(".")
        if name != zone["name"] and not name.endswith("." + zone["name"]):
            raise Refused(400, "invalid", "out of zone")
        if not all(re.fullmatch(r'"(?:[^"\\]|\\.){0,255}"(?: "(?:[^"\\]|\\.){0,255}")*', v) for v in r["rrdatas"]):
            raise Refused(400, "invalid", "Invalid value for 'entity.change.additions[0].rrdata[0]'")
        return name

    def show(self, zone, name):
        if not zone["private"]:
            ttl, values = zone["sets"].get(name, (0, []))
            self.dns.set(name, "TXT", ["".join(re.sub(r"\\(.)", r"\1", p) for p in re.findall(r'"((?:[^"\\]|\\.)*)"', v)) for v in values], ttl)

    def done(self, ident):
        for name in self.changes[ident]["names"]:
            self.show(self.changes[ident]["zone"], name)


if __name__ == "__main__":
    apiserver.main(Gcloud)
