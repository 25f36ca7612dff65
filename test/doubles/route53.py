"""route53.py - a double of Amazon Route 53 (2013-04-01), stricter than the real one, with STS, EC2's and a container's metadata servers.

    route53.py DIR zones=example.test,other.test [private=example.test] [linked=...] [twins=...]

API_URL answers Route 53 and STS (POST /), HTTP_URL the metadata servers. Options that may be changed by POST /set:
    pending     polls of GetChange that say PENDING before INSYNC; only then DNS shows the change (0)
    settle      seconds until a change is INSYNC without polls (4)
    page        at most so many items in a list (100)
    rate        requests a second that are not throttled, with a burst of 5 (0: any number)
    skew        seconds that this server's clock is ahead (0)
    hide        1: DNS does not show changes, although the API has them; back to 0, it shows all
    deny        action that is denied: "route53:GetChange"
    bad         names (regular expression) whose sets AWS will not have, and says so
    policy      names (regular expression) that the permission to change record sets does not cover
    shape       "batch" (default): InvalidChangeBatch in its own shape, "error": as ErrorResponse
    role_seconds    how long granted keys are good for (3600)
A fault "conflict" changes the set before the change is looked at; "prior" answers PriorRequestNotComplete; "throttle" Throttling;
"expired" ExpiredToken.
"""
import datetime
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import apiserver
from apiserver import Response

NS = "https://route53.amazonaws.com/doc/2013-04-01/"
KEYS = {"AKIDTEST": ("secret/of+the+test", None)}
WEB_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl"
EXTERNAL_ID = "external-42"
ROLE = "arn:aws:iam::123456789012:role/certmgr"
WEB_ROLE = "arn:aws:iam::123456789012:role/web"


class Refused(Exception):
    def __init__(self, status, code, message, headers=None):
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def reversed_labels(name):
    return ".".join(reversed(name.rstrip(".").split("."))) + "."


def escaped_name(name):
    """As Route 53 shows names: lower case, octal escapes."""
    return "".join(c if re.match(r"[a-z0-9._-]", c) else "\\%03o" % ord(c) for c in name.lower().rstrip(".")) + "."


class Zone:
    def __init__(self, ident, name, private=False, linked=False):
        self.id, self.name, self.private, self.linked = ident, name, private, linked
        self.sets = {(name, "NS"): (60, ["ns." + name + "."]), (name, "SOA"): (900, ["ns. hostmaster. 1 1 1 1 1"])}
        self.busy_until = 0


class Route53(apiserver.App):
    def __init__(self, options):
        super().__init__(options)
        self.zones, self.changes, self.tokens = [], {}, {}
        self.bucket, self.bucket_at = 5.0, time.monotonic()
        self.granted = 0
        self.imds_tokens = set()
        for kind in ("zones", "private", "linked", "twins"):
            for name in filter(None, options.get(kind, "").split(",")):
                self.zones.append(Zone("Z%018dX" % (len(self.zones) + 1), name, kind == "private", kind == "linked"))
                if kind == "zones":
                    self.dns.add_zone(name)

    def variables(self):
        return {"ZONE_" + str(i): z.id for i, z in enumerate(self.zones)}

    def option(self, name, otherwise):
        return type(otherwise)(self.options.get(name, otherwise))

    def state(self):
        return {"zones": [{"id": z.id, "name": z.name, "private": z.private, "txt": {n: {"ttl": s[0], "values": s[1]} for (n, t), s in z.sets.items() if t == "TXT"}}
                          for z in self.zones], "changes": len(self.changes), "granted": self.granted, "pending": [c for c, p in self.changes.items() if p["left"] > 0]}

    def set(self, values):
        # {"put": [zone index, name, ttl, values]} is another user of the zone.
        for index, name, ttl, texts in values.pop("put", []):
            self.zones[index].sets[(name, "TXT")] = (ttl, texts)
            self.show(self.zones[index], name)
        super().set(values)
        if values.get("hide") == 0:
            for zone in self.zones:
                for name in {n for n, t in zone.sets if t == "TXT"}:
                    self.show(zone, name)

    # ---- signature, version 4 ----

    def verify(self, request, service, region):
        now = time.time() + self.option("skew", 0)
        head = request.headers.get("Authorization", "")
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", head)
        if not match:
            raise Refused(403, "IncompleteSignature", "Authorization header does not parse")
        key_id, day, signed_region, signed_service, names, signature = match.groups()
        date = request.headers.get("X-Amz-Date", "")
        if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != day:
            raise Refused(403, "IncompleteSignature", "X-Amz-Date is missing or of another day")
        if (signed_region, signed_service) != (region, service):
            raise Refused(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region and correct service: '%s', '%s'." % (region, service))
        when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(when - now) > 300:
            raise Refused(403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than ..." % date)
        names = names.split(";")
        if names != sorted(names) or "host" not in names or "x-amz-date" not in names:
            raise Refused(403, "SignatureDoesNotMatch", "signed headers")
        for name in request.headers.keys():
            if name.lower().startswith("x-amz-") and name.lower() not in names:
                raise Refused(403, "SignatureDoesNotMatch", "header %s is not signed" % name)
        secret, token = self.key(key_id)
        if (token or "") != request.headers.get("X-Amz-Security-Token", ""):
            raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        path = re.sub("/+", "/", "/".join(quote(s) for s in request.path.split("/")))
        pairs = [kv.partition("=") for kv in request.raw_query.split("&") if kv]
        query = "&".join("%s=%s" % p for p in sorted((quote(urllib.parse.unquote(k)), quote(urllib.parse.unquote(v))) for k, _, v in pairs))
        headers = "".join("%s:%s\n" % (n, ",".join(" ".join(v.split()) for v in request.headers.get_all(n) or [])) for n in names)
        canonical = "\n".join([request.method, path, query, headers, ";".join(names), hashlib.sha256(request.body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", date, "%s/%s/%s/aws4_request" % (day, region, service), hashlib.sha256(canonical.encode()).hexdigest()])
        wanted = mac(mac(mac(mac(mac(("AWS4" + secret).encode(), day), region), service), "aws4_request"), text).hex()
        if not hmac.compare_digest(wanted, signature):
            raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")

    def key(self, key_id):
        if key_id in KEYS:
            return KEYS[key_id]
        if key_id not in self.tokens:
            raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        secret, token, expires = self.tokens[key_id]
        if time.time() > expires:
            raise Refused(403, "ExpiredToken", "The security token included in the request is expired")
        return secret, token

    def grant(self):
        self.granted += 1
        key_id, secret, token = "ASIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), secrets.token_urlsafe(60) + "+/="
        expires = time.time() + self.option("role_seconds", 3600)
        self.tokens[key_id] = (secret, token, expires)
        return {"AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token,
                "Expiration": datetime.datetime.fromtimestamp(expires, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}

    # ---- answers ----

    def xml(self, status, text, headers=None):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.option("skew", 0))
        head = {"Content-Type": "text/xml", "Date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT"), "x-amzn-RequestId": "r"}
        return Response(status, '<?xml version="1.0"?>\n' + text, {**head, **(headers or {})})

    def refuse(self, e):
        if e.code == "InvalidChangeBatch" and self.option("shape", "batch") == "batch":
            return self.xml(400, '<InvalidChangeBatch xmlns="%s"><Messages><Message>%s</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>' % (NS, escape(e.message)))
        return self.xml(e.status, '<ErrorResponse xmlns="%s"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>'
                        % (NS, e.code, escape(e.message)), e.headers)

    def handle(self, request):
        try:
            if request.path.startswith("/latest/"):
                return self.imds(request)
            if request.path == "/container":
                return self.container(request)
            if request.path == "/" and request.method == "POST":
                return self.sts(request)
            return self.route53(request)
        except Refused as e:
            return self.refuse(e)

    # ---- where credentials come from ----

    def imds(self, request):
        if request.path == "/latest/api/token":
            if request.method != "PUT" or not 1 <= int(request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "0")) <= 21600:
                return Response(400)
            self.imds_tokens.add(secrets.token_urlsafe(40) + "==")
            return Response(200, sorted(self.imds_tokens)[-1])
        if request.headers.get("X-aws-ec2-metadata-token") not in self.imds_tokens:
            return Response(401)
        base = "/latest/meta-data/iam/security-credentials/"
        if request.path == base:
            return Response(200, "instance-role")
        if request.path == base + "instance-role":
            return Response(200, json.dumps({"Code": "Success", "LastUpdated": "x", "Type": "AWS-HMAC", **self.grant()}))
        return Response(404)

    def container(self, request):
        if request.headers.get("Authorization") != "container-token":
            return Response(403, json.dumps({"code": "AccessDenied", "message": "no"}))
        return Response(200, json.dumps({"RoleArn": "x", **self.grant()}))

    def sts(self, request):
        if request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refused(400, "InvalidParameterValue", "content type")
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        if form.get("Version") != "2011-06-15" or not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
            raise Refused(400, "ValidationError", "version or session name")
        action = form.get("Action")
        if action == "AssumeRoleWithWebIdentity":
            if request.headers.get("Authorization"):
                raise Refused(400, "ValidationError", "not to be signed")
            if form.get("WebIdentityToken") != WEB_TOKEN or form.get("RoleArn") != WEB_ROLE:
                raise Refused(400, "InvalidIdentityToken", "the token is not of this provider")
        elif action == "AssumeRole":
            self.verify(request, "sts", "us-east-1")
            if form.get("RoleArn") != ROLE or form.get("ExternalId") != EXTERNAL_ID:
                raise Refused(403, "AccessDenied", "User: arn:aws:iam::1:user/t is not authorized to perform: sts:AssumeRole on resource: " + form.get("RoleArn", ""))
        else:
            raise Refused(400, "InvalidAction", str(action))
        keys = self.grant()
        return self.xml(200, '<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials><AccessKeyId>{AccessKeyId}</AccessKeyId>'
                        "<SecretAccessKey>{SecretAccessKey}</SecretAccessKey><SessionToken>{Token}</SessionToken><Expiration>{Expiration}</Expiration></Credentials>"
                        "</{0}Result></{0}Response>".format(action, **keys))

    # ---- Route 53 ----

    def throttle(self):
        rate = self.option("rate", 0.0)
        now = time.monotonic()
        if rate <= 0:
            return
        self.bucket = min(5.0, self.bucket + (now - self.bucket_at) * rate)
        self.bucket_at = now
        if self.bucket < 1:
            raise Refused(400, "Throttling", "Rate exceeded")
        self.bucket -= 1

    def allow(self, action):
        if self.option("deny", "") == "route53:" + action:
            raise Refused(403, "AccessDenied", "User: arn:aws:iam::1:user/t is not authorized to perform: route53:%s because no identity-based policy allows the route53:%s action" % (action, action))

    def zone(self, ident):
        for zone in self.zones:
            if zone.id == ident:
                return zone
        raise Refused(404, "NoSuchHostedZone", "No hosted zone found with ID: " + ident)

    def route53(self, request):
        self.verify(request, "route53", "us-east-1")
        word = request.fault.get("do")
        if word == "throttle":
            raise Refused(400, "Throttling", "Rate exceeded")
        if word == "expired":
            raise Refused(403, "ExpiredToken", "The security token included in the request is expired")
        self.throttle()
        for method, pattern, function in (
                ("GET", r"/2013-04-01/hostedzonesbyname", self.list_zones),
                ("GET", r"/2013-04-01/hostedzone/(\w{1,32})/rrset", self.list_sets),
                ("POST", r"/2013-04-01/hostedzone/(\w{1,32})/rrset/", self.change),
                ("GET", r"/2013-04-01/change/(\w{1,32})", self.get_change)):
            match = re.fullmatch(pattern, request.path)
            if match and request.method == method:
                return function(request, *match.groups())
        raise Refused(404, "UnknownOperationException", request.target)

    def page(self, request):
        wanted = int(request.arg("maxitems", "100"))
        if not 1 <= wanted <= 300:
            raise Refused(400, "InvalidInput", "maxitems")
        return min(wanted, self.option("page", 100))

    def list_zones(self, request):
        self.allow("ListHostedZonesByName")
        zones = sorted(self.zones, key=lambda z: (reversed_labels(z.name), z.id))
        start = request.arg("dnsname", "").lower()
        if start:
            at = (reversed_labels(start), request.arg("hostedzoneid", ""))
            zones = [z for z in zones if (reversed_labels(z.name), z.id) >= at]
        elif request.arg("hostedzoneid"):
            raise Refused(400, "InvalidInput", "hostedzoneid without dnsname")
        size = self.page(request)
        items = "".join("<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><CallerReference>c</CallerReference><Config><PrivateZone>%s</PrivateZone></Config>"
                        "<ResourceRecordSetCount>%d</ResourceRecordSetCount>%s</HostedZone>"
                        % (z.id, escaped_name(z.name), str(z.private).lower(), len(z.sets),
                           "<LinkedService><ServicePrincipal>servicediscovery.amazonaws.com</ServicePrincipal></LinkedService>" if z.linked else "") for z in zones[:size])
        more = ""
        if len(zones) > size:
            more = "<NextDNSName>%s</NextDNSName><NextHostedZoneId>%s</NextHostedZoneId>" % (escaped_name(zones[size].name), zones[size].id)
        return self.xml(200, '<ListHostedZonesByNameResponse xmlns="%s"><HostedZones>%s</HostedZones><IsTruncated>%s</IsTruncated>%s<MaxItems>%d</MaxItems></ListHostedZonesByNameResponse>'
                        % (NS, items, str(len(zones) > size).lower(), more, size))

    def list_sets(self, request, ident):
        self.allow("ListResourceRecordSets")
        zone = self.zone(ident)
        if request.arg("type") and not request.arg("name"):
            raise Refused(400, "InvalidInput", "type without name")
        keys = sorted(zone.sets, key=lambda k: (reversed_labels(k[0]), k[1]))
        if request.arg("name"):
            at = (reversed_labels(request.arg("name").lower()), request.arg("type", ""))
            keys = [k for k in keys if (reversed_labels(k[0]), k[1]) >= at]
        size = self.page(request)
        items = "".join("<ResourceRecordSet><Name>%s</Name><Type>%s</Type><TTL>%d</TTL><ResourceRecords>%s</ResourceRecords></ResourceRecordSet>"
                        % (escaped_name(k[0]), k[1], zone.sets[k][0],
                           "".join("<ResourceRecord><Value>%s</Value></ResourceRecord>" % escape(v) for v in zone.sets[k][1])) for k in keys[:size])
        return self.xml(200, '<ListResourceRecordSetsResponse xmlns="%s"><ResourceRecordSets>%s</ResourceRecordSets><IsTruncated>%s</IsTruncated><MaxItems>%d</MaxItems></ListResourceRecordSetsResponse>'
                        % (NS, items, str(len(keys) > size).lower(), size))

    def children(self, element, *names):
        """Texts or elements; the order is part of the contract."""
        found = [c.tag for c in element]
        allowed = ["{%s}%s" % (NS, n) for n in names]
        if found != [n for n in allowed if n in found]:
            raise Refused(400, "InvalidInput", "Invalid XML ; elements of %s out of order: %s" % (element.tag, found))
        return {c.tag.rpartition("}")[2]: c for c in element}

    def parse_batch(self, body):
        try:
            root = ET.fromstring(body)
        except ET.ParseError as e:
            raise Refused(400, "MalformedInput", str(e))
        if root.tag != "{%s}ChangeResourceRecordSetsRequest" % NS:
            raise Refused(400, "MalformedInput", root.tag)
        changes = []
        for change in self.children(self.children(root, "ChangeBatch")["ChangeBatch"], "Comment", "Changes")["Changes"]:
            parts = self.children(change, "Action", "ResourceRecordSet")
            rrset = self.children(parts["ResourceRecordSet"], "Name", "Type", "TTL", "ResourceRecords")
            values = [self.children(r, "Value")["Value"].text for r in rrset["ResourceRecords"]]
            changes.append((parts["Action"].text, rrset["Name"].text.lower().rstrip("."), rrset["Type"].text, int(rrset["TTL"].text), values))
        if not changes:
            raise Refused(400, "InvalidInput", "no changes")
        if sum(len(c[4]) * (2 if c[0] == "UPSERT" else 1) for c in changes) > 1000 or sum(len(v) for c in changes for v in c[4]) > 32000:
            raise Refused(400, "InvalidChangeBatch", "Number of records limit of 1000 exceeded.")
        return changes

    def change(self, request, ident):
        self.allow("ChangeResourceRecordSets")
        if request.headers.get("Content-Type") not in ("application/xml", "text/xml"):
            raise Refused(400, "InvalidInput", "content type")
        zone = self.zone(ident)
        if zone.linked:
            raise Refused(403, "AccessDenied", "The resource hostedzone/%s can only be managed through AWS Cloud Map" % ident)
        changes = self.parse_batch(request.body)
        if request.fault.get("do") == "prior" or time.monotonic() < zone.busy_until:
            raise Refused(400, "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.")
        if request.fault.get("do") == "conflict":
            name = changes[0][1]
            ttl, values = zone.sets.get((name, "TXT"), (300, []))
            zone.sets[(name, "TXT")] = (ttl, values + ['"somebody else %d"' % len(values)])
        if self.option("policy", "") and any(re.search(self.option("policy", ""), c[1]) for c in changes):
            raise Refused(403, "AccessDenied", "User: arn:aws:iam::1:user/t is not authorized to access this resource")
        self.apply(zone, changes)
        ident = "C" + secrets.token_hex(10).upper()
        left = self.option("pending", 0)
        self.changes[ident] = {"left": left, "zone": zone, "names": {c[1] for c in changes}}
        zone.busy_until = time.monotonic() + self.option("busy", 0.0)
        if left == 0:
            self.in_sync(ident)
        else:
            # It gets there without anybody asking, too.
            threading.Timer(self.option("settle", 4.0), self.settle, [ident]).start()
        return self.change_info("ChangeResourceRecordSetsResponse", ident)

    def apply(self, zone, changes):
        sets, errors = dict(zone.sets), []
        for action, name, rtype, ttl, values in changes:
            there = sets.get((name, rtype))
            bad = self.option("bad", "")
            if (name != zone.name and not name.endswith("." + zone.name)) or (bad and re.search(bad, name)):
                errors.append("RRSet with DNS name %s. is not permitted in zone %s." % (name, zone.name))
            elif rtype == "TXT" and not all(re.fullmatch(r'"(?:[^"\\]|\\.){0,255}"(?: "(?:[^"\\]|\\.){0,255}")*', v) for v in values):
                errors.append("Invalid Resource Record: FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '%s'" % values)
            elif len(set(values)) != len(values) or not values:
                errors.append("Duplicate Resource Record")
            elif action == "CREATE" and there:
                errors.append("Tried to create resource record set [name='%s.', type='%s'] but it already exists" % (name, rtype))
            elif action == "DELETE" and not there:
                errors.append("Tried to delete resource record set [name='%s.', type='%s'] but it was not found" % (name, rtype))
            elif action == "DELETE" and (there[0] != ttl or sorted(there[1]) != sorted(values)):
                errors.append("Tried to delete resource record set [name='%s.', type='%s'] but the values provided do not match the current values" % (name, rtype))
            elif action == "DELETE":
                del sets[(name, rtype)]
            elif action in ("CREATE", "UPSERT"):
                sets[(name, rtype)] = (ttl, values)
            else:
                raise Refused(400, "InvalidInput", action)
        if errors:
            raise Refused(400, "InvalidChangeBatch", "[" + ", ".join(errors) + "]")
        zone.sets = sets

    def show(self, zone, name):
        """DNS has what the zone has."""
        if not zone.private and not self.option("hide", 0):
            ttl, values = zone.sets.get((name, "TXT"), (0, []))
            texts = ["".join(re.sub(r"\\(\d{3}|.)", lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else m[1], part)
                             for part in re.findall(r'"((?:[^"\\]|\\.)*)"', v)) for v in values]
            self.dns.set(name, "TXT", texts, ttl)

    def in_sync(self, ident):
        for name in self.changes[ident]["names"]:
            self.show(self.changes[ident]["zone"], name)

    def settle(self, ident):
        with self.lock:
            self.changes[ident]["left"] = 0
            self.in_sync(ident)

    def get_change(self, request, ident):
        self.allow("GetChange")
        if ident not in self.changes:
            raise Refused(404, "NoSuchChange", "Could not find resource with ID: " + ident)
        change = self.changes[ident]
        if change["left"] > 0:
            change["left"] -= 1
            if change["left"] == 0:
                self.in_sync(ident)
        return self.change_info("GetChangeResponse", ident)

    def change_info(self, element, ident):
        return self.xml(200, '<%s xmlns="%s"><ChangeInfo><Id>/change/%s</Id><Status>%s</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></%s>'
                        % (element, NS, ident, "PENDING" if self.changes[ident]["left"] > 0 else "INSYNC", element))


if __name__ == "__main__":
    apiserver.main(Route53)
