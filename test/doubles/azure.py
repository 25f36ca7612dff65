"""azure.py - a double of Azure DNS (2018-05-01), stricter than the real one, with the login server.

    azure.py DIR zones=example.test,other.test

Options by POST /set: deny (an action), page (zones a page), delay (seconds until DNS shows a change). Faults of its own: "conflict"
(the set changes before a write is looked at), "unauthorized" (401).
"""
import json
import re
import secrets
import time
import urllib.parse

import apiserver
from apiserver import Response

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SECRET = "azure~client/secret+1"
FEDERATED = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhenVyZSJ9.c2lnbmF0dXJl"
BASE = "/subscriptions/99999999-0000-0000-0000-000000000000/resourceGroups/rg-dns/providers/Microsoft.Network/dnsZones"


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Azure(apiserver.App):
    def __init__(self, options):
        super().__init__(options)
        self.tokens, self.granted = {}, 0
        self.zones = {name: {} for name in options["zones"].split(",")}
        for name in self.zones:
            self.dns.add_zone(name)

    def state(self):
        return {"zones": self.zones, "granted": self.granted}

    def set(self, values):
        # {"put": [zone, relative name, ttl, arrays of strings, metadata]} is another user of the zone.
        for zone, name, ttl, records, metadata in values.pop("put", []):
            self.store(zone, name, ttl, records, metadata)
        super().set(values)

    def store(self, zone, name, ttl, records, metadata):
        self.zones[zone][name] = {"etag": secrets.token_hex(8), "ttl": ttl, "values": records, "metadata": metadata}
        self.show(zone, name)

    def show(self, zone, name):
        records = self.zones[zone].get(name, {"values": [], "ttl": 0})
        self.dns.set(zone if name == "@" else name + "." + zone, "TXT", ["".join(v) for v in records["values"]], records["ttl"], float(self.options.get("delay", 0)))

    def answer(self, status, body):
        return Response(status, json.dumps(body) if body is not None else "", {"Content-Type": "application/json; charset=utf-8"})

    def handle(self, request):
        try:
            if request.path.endswith("/oauth2/v2.0/token"):
                return self.token(request)
            return self.api(request)
        except Refused as e:
            return self.answer(e.status, {"error": {"code": e.code, "message": e.message}} if e.code != "NotFound" else {"code": e.code, "message": e.message})

    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        def no(error, text):
            return self.answer(401, {"error": error, "error_description": text, "error_codes": [7000215], "trace_id": "t"})
        if request.path != "/%s/oauth2/v2.0/token" % TENANT or request.method != "POST":
            return no("invalid_request", "AADSTS90002: Tenant not found.")
        if form.get("grant_type") != "client_credentials" or form.get("scope") != "https://management.azure.com/.default" or form.get("client_id") != CLIENT:
            return no("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if "client_assertion" in form:
            if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" or form["client_assertion"] != FEDERATED:
                return no("invalid_client", "AADSTS700213: No matching federated identity record found.")
        elif form.get("client_secret") != SECRET:
            return no("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        self.granted += 1
        token = "eyJ0." + secrets.token_urlsafe(500)
        self.tokens[token] = time.time() + 3600
        return self.answer(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def allow(self, action):
        if self.options.get("deny") == action:
            raise Refused(403, "AuthorizationFailed", "The client '%s' does not have authorization to perform action '%s' over scope '%s'." % (CLIENT, action, BASE))

    def api(self, request):
        token = request.headers.get("Authorization", "")
        if request.fault.get("do") == "unauthorized" or not token.startswith("Bearer ") or self.tokens.get(token[7:], 0) < time.time():
            raise Refused(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if request.arg("api-version") != "2018-05-01":
            raise Refused(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if request.path == BASE and request.method == "GET":
            self.allow("Microsoft.Network/dnsZones/read")
            names, start, size = sorted(self.zones), int(request.arg("skip", "0")), int(self.options.get("page", 100))
            body = {"value": [{"id": BASE + "/" + n, "name": n, "type": "Microsoft.Network/dnszones", "properties": {"zoneType": "Public"}} for n in names[start:start + size]]}
            if start + size < len(names):
                body["nextLink"] = "https://%s%s?api-version=2018-05-01&skip=%d" % (request.headers["Host"], BASE, start + size)
            return self.answer(200, body)
        match = re.fullmatch(re.escape(BASE) + r"/([^/]+)/TXT/([^/]+)", request.path)
        if not match:
            raise Refused(404, "ResourceGroupNotFound", "Resource group could not be found.")
        zone, name = match[1], urllib.parse.unquote(match[2])
        if zone not in self.zones:
            raise Refused(404, "ParentResourceNotFound", "Can not perform requested operation on nested resource.")
        if request.method == "GET":
            self.allow("Microsoft.Network/dnsZones/TXT/read")
            if name not in self.zones[zone]:
                raise Refused(404, "NotFound", "The resource record '%s' does not exist in resource group 'rg-dns'." % name)
            return self.answer(200, self.show_set(zone, name))
        return self.write(request, zone, name)

    def show_set(self, zone, name):
        s = self.zones[zone][name]
        properties = {"fqdn": name + "." + zone + ".", "TTL": s["ttl"], "TXTRecords": [{"value": v} for v in s["values"]], "targetResource": {}, "provisioningState": "Succeeded"}
        if s["metadata"]:
            properties["metadata"] = s["metadata"]
        return {"id": BASE + "/%s/TXT/%s" % (zone, name), "name": name, "type": "Microsoft.Network/dnszones/TXT", "etag": s["etag"], "properties": properties}

    def write(self, request, zone, name):
        self.allow("Microsoft.Network/dnsZones/TXT/" + ("delete" if request.method == "DELETE" else "write"))
        match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        if match is None and none_match is None:
            # The real one would overwrite whatever is there: nobody of ours may ask for that.
            raise Refused(400, "BadRequest", "no condition")
        if request.fault.get("do") == "conflict":
            s = self.zones[zone].get(name, {"ttl": 300, "values": [], "metadata": None})
            self.store(zone, name, s["ttl"], s["values"] + [["somebody else %d" % len(s["values"])]], s["metadata"])
        s = self.zones[zone].get(name)
        if (none_match == "*" and s) or (match is not None and (s is None or s["etag"] != match)):
            raise Refused(412, "PreconditionFailed", "The etag value given for the record set does not match.")
        if request.method == "DELETE":
            if s is None:
                return self.answer(204, None)
            del self.zones[zone][name]
            self.show(zone, name)
            return self.answer(200, None)
        if request.method != "PUT" or not request.headers.get("Content-Type", "").startswith("application/json"):
            raise Refused(415, "UnsupportedMediaType", "content type")
        p = json.loads(request.body)["properties"]
        if set(p) - {"TTL", "TXTRecords", "metadata"} or not isinstance(p["TTL"], int) or not p["TXTRecords"]:
            raise Refused(400, "BadRequest", "properties")
        values = [r["value"] for r in p["TXTRecords"]]
        if len(values) != len({json.dumps(v) for v in values}) or any(len(t.encode()) > 255 for v in values for t in v) or any(not v for v in values) or len(values) > 20:
            raise Refused(400, "BadRequest", "TXTRecords")
        self.store(zone, name, p["TTL"], values, p.get("metadata"))
        return self.answer(201 if s is None else 200, self.show_set(zone, name))


if __name__ == "__main__":
    apiserver.main(Azure)
