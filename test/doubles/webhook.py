"""webhook.py - a program such as somebody writes for the provider "webhook": lego's httpreq shape at /httpreq/present and
/httpreq/cleanup, its mode RAW at /raw/... (user "hook", password "hook-password"), and certmgr's own at /certmgr, signed with the key of the option "key". What it is
told to write it serves over DNS.

Options: zones=a.test,b.test; key=...; changes=N (a change is done after it was asked for N times). It checks what a careful receiver
checks: signature over timestamp, idempotency key and body; a timestamp within 300 s; a key that was seen is answered as before.
"""
import base64
import hashlib
import hmac
import json
import time

import apiserver


class Webhook(apiserver.App):
    def __init__(self, options):
        super().__init__({"zones": "example.test,sub.example.test,other.test", "key": "0123456789abcdef0123456789abcdef", "changes": "0", **options})
        self.seen = {}          # idempotency key -> (body, answer)
        self.pending = {}       # change -> how often it is to be asked for still
        self.replays = 0
        for zone in self.options["zones"].split(","):
            self.dns.add_zone(zone)

    def state(self):
        return {"replays": self.replays, "pending": self.pending}

    def answer(self, status, body):
        return apiserver.Response(status, json.dumps(body), {"Content-Type": "application/json"})

    def write(self, name, value, remove):
        values = self.dns.get(name, "TXT")
        if remove:
            values = [v for v in values if v != value]
        elif value not in values:
            values.append(value)
        self.dns.set(name, "TXT", values)

    def handle(self, request):
        if request.method != "POST":
            return self.answer(405, {"error": "POST only"})
        if request.path in ("/httpreq/present", "/httpreq/cleanup", "/raw/present", "/raw/cleanup"):
            return self.httpreq(request)
        if request.path == "/certmgr":
            return self.certmgr(request)
        return self.answer(404, {"error": "no such path"})

    def httpreq(self, request):
        expected = "Basic " + base64.b64encode(b"hook:hook-password").decode()
        if request.headers.get("Authorization") != expected:
            return self.answer(401, {"error": "who are you?"})
        body = json.loads(request.body)
        if request.path.startswith("/raw/"):
            if set(body) != {"domain", "token", "keyAuth"} or not body["keyAuth"].startswith(body["token"] + "."):
                return self.answer(400, {"error": "domain, token and keyAuth are wanted"})
            digest = hashlib.sha256(body["keyAuth"].encode()).digest()
            self.write("_acme-challenge." + body["domain"] + ".", base64.urlsafe_b64encode(digest).decode().rstrip("="), request.path.endswith("cleanup"))
            return apiserver.Response(200, "")
        if set(body) != {"fqdn", "value"} or not body["fqdn"].endswith("."):
            return self.answer(400, {"error": "fqdn with a final dot and value are wanted"})
        self.write(body["fqdn"], body["value"], request.path.endswith("cleanup"))
        return apiserver.Response(200, "")

    def certmgr(self, request):
        stamp, key = request.headers.get("X-Certmgr-Timestamp", ""), request.headers.get("Idempotency-Key", "")
        text = ("%s.%s." % (stamp, key)).encode() + request.body
        mac = "v1=" + hmac.new(self.options["key"].encode(), text, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac, request.headers.get("X-Certmgr-Signature", "")) or len(key) != 32:
            return self.answer(401, {"error": "the signature is wrong"})
        if abs(time.time() - int(stamp)) > 300:
            return self.answer(401, {"error": "the timestamp is too old"})
        if key in self.seen:
            self.replays += 1
            body, answer = self.seen[key]
            return answer if body == request.body else self.answer(409, {"error": "the key was used for another request"})
        answer = self.act(json.loads(request.body))
        self.seen[key] = (request.body, answer)
        return answer

    def act(self, body):
        if body.get("version") != 1:
            return self.answer(400, {"error": "version 1 is wanted"})
        if body["action"] == "find_zone":
            zone = self.dns.zone_of(body["name"])
            return self.answer(200, {"zone": zone, "zone_id": zone and "id-of-" + zone})
        if body["action"] == "confirm":
            left = self.pending.get(body["change_id"], 0)
            self.pending[body["change_id"]] = max(0, left - 1)
            return self.answer(200, {"done": left == 0})
        if body["action"] != "apply" or body["zone_id"] != "id-of-" + body["zone"]:
            return self.answer(400, {"error": "the zone is not known"})
        for record in body["records"]:
            self.write(record["name"], record["value"], record["action"] == "remove")
        change = "change-%d" % len(self.seen)
        self.pending[change] = int(self.options["changes"])
        return self.answer(200, {"ids": [r["name"] + "/" + r["value"][:8] for r in body["records"]], "change_id": change})


if __name__ == "__main__":
    apiserver.main(Webhook)
