"""ca.py - one ACME server (RFC 8555, 9773, profiles draft) for one scenario, as strict as Boulder and with Boulder's habits: order
reuse, "replaces" checked before it, synchronous finalize. What a scenario changes is in its knobs and faults (scenarios.py).

Every request is written down (ledger), every breach of the protocol by the client as well (violations).
"""
import asyncio
import datetime
import json
import random
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import certs
import dnswire
from jose import Jws, Problem, b64, parse_object, public_key, thumbprint, unb64
from wire import Response

ALGORITHMS = ["RS256", "ES256", "ES384", "ES512"]
DEFAULTS = {
    "finalize": "sync",         # or "async": processing, valid at the processing_polls-th question
    "processing_polls": 1,
    "order_reuse": True,
    "authz_reuse": False,
    "prevalidated": False,      # True, or the number of names that need no proof
    "eab": None,                # {"kid": key in base64url}
    "eab_single_use": False,
    "eab_in_meta": True,
    "terms": None,              # URL
    "profiles": None,
    "times": "refused",         # or "ignored": notBefore and notAfter
    "alternates": 0,
    "ari": None,                # function of (ca, certificate) -> object, or None: not offered
    "directory": None,          # function of (ca, directory object) -> object
    "meta": {},
    "new_order_limit": None,    # orders the account may make
    "domain_limit": None,       # orders of names of the zone, by all accounts
    "expires_in": 7 * 86400,
    "late": 0,                  # seconds until an authorization follows its challenge (scenario's authz_late)
}


def stamp(seconds):
    return datetime.datetime.utcfromtimestamp(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stale(Exception):
    """Servers that break on a nonce they have forgotten, instead of saying badNonce."""


class Account:
    def __init__(self, url, jwk, contact):
        self.url, self.jwk, self.contact, self.status = url, jwk, contact, "valid"
        self.thumbprint = thumbprint(jwk)


class Authz:
    def __init__(self, ca, account, identifier, number):
        self.account, self.number = account, number
        self.wildcard = identifier.startswith("*.")
        self.name = identifier[2:] if self.wildcard else identifier
        self.status, self.error, self.task = "pending", None, None
        self.challenge_status = "pending"
        self.token = b64(random.randbytes(32))
        self.expires = time.time() + ca.knob("expires_in")
        self.posted = 0


class Order:
    def __init__(self, ca, account, names, profile, replaces, number):
        self.account, self.names, self.profile, self.replaces, self.number = account, names, profile, replaces, number
        self.status, self.error, self.authzs, self.csr, self.cert = "pending", None, [], None, None
        self.expires = time.time() + ca.knob("expires_in")
        self.polls_left = 0
        self.finalized = 0

    def settle(self):
        """The status follows the authorizations (RFC 8555 7.1.6)."""
        if self.status == "pending" and all(a.status == "valid" for a in self.authzs):
            self.status = "ready"
        if self.status in ("pending", "ready") and any(a.status in ("invalid", "deactivated", "expired", "revoked") for a in self.authzs):
            self.status = "invalid"


class Cert:
    def __init__(self, order, der, number, key):
        self.order, self.der, self.number, self.key = order, der, number, key
        self.revoked = self.replaced = self.stray = False
        self.at = time.time()

    def x509(self):
        return x509.load_der_x509_certificate(self.der)

    def ari_id(self):
        aki = self.x509().extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = self.x509().serial_number
        return b64(aki) + "." + b64(serial.to_bytes(serial.bit_length() // 8 + 1, "big"))


class CA:
    def __init__(self, app, scenario):
        self.app, self.scenario, self.name = app, scenario, scenario["name"]
        self.accounts, self.orders, self.authzs, self.certs = {}, {}, {}, {}
        self.nonces = {}
        self.stale, self.stale_used = set(), 0  # nonces that break us, and how often they did
        self.ledger, self.violations = [], []
        self.faults = [dict(f) for f in scenario.get("faults", [])]
        self.dns_faults = [dict(f) for f in scenario.get("dns", [])]
        self.struck = {}
        self.validations = {"valid": 0, "invalid": 0}
        self.burnt, self.passed, self.updates = set(), set(), 0
        self.looked = False         # somebody asked for an account that there is not
        self.early = 0              # questions for an order while we are at it
        self.unanswered = 0         # requests whose client was killed
        self.problems = {}          # what we refused for reasons of our own
        self.asked = {}             # questions to the views of the DNS
        self.counter = random.randrange(1000, 100000)
        self.origin = app.origin_of(scenario)
        self.paths = {"newNonce": "new-nonce", "newAccount": "new-account", "newOrder": "new-order", "revokeCert": "revoke", "keyChange": "key-change",
                      "renewalInfo": "renewal-info"}

    def knob(self, key):
        return self.scenario.get("knobs", {}).get(key, DEFAULTS[key])

    def url(self, *parts):
        return "/".join([self.origin, self.name] + [str(p) for p in parts])

    def number(self):
        self.counter += 1
        return self.counter

    def violation(self, text):
        self.violations.append(text)

    # ---- what came ----

    def kind_of(self, path):
        parts = path.split("?")[0].strip("/").split("/")
        if len(parts) == 1 and parts[0] == "directory":
            return "directory", []
        for kind, name in self.paths.items():
            if parts[0] == name:
                return kind, parts[1:]
        kinds = {"acct": "account", "order": "order", "finalize": "finalize", "authz": "authz", "chall": "challenge", "cert": "cert", "orders": "orders"}
        return kinds.get(parts[0], "unknown"), parts[1:]

    def take_fault(self, kind, request):
        for fault in self.faults:
            if kind not in fault["on"].split("|") or fault.get("times", 1) <= 0 or ("method" in fault and fault["method"] != request.method):
                continue
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                continue
            if "when" in fault and not fault["when"](self):
                continue
            if fault.get("replaces") and "replaces" not in self.wish_of(request):
                continue
            fault["times"] = fault.get("times", 1) - 1
            fault["struck"] = fault.get("struck", 0) + 1
            self.struck[kind] = self.struck.get(kind, 0) + 1
            return fault
        return {}

    def wish_of(self, request):
        try:
            return parse_object(Jws(parse_object(request.body, "JWS")).payload, "payload")
        except Problem:
            return {}

    async def handle(self, request, path):
        kind, rest = self.kind_of(path)
        entry = {"method": request.method, "kind": kind, "path": path, "status": None, "at": round(time.time(), 3)}
        self.ledger.append(entry)
        # The order that replaces another one is a point of its own.
        point = "replacement" if kind == "newOrder" and "replaces" in self.wish_of(request) else kind
        if not await self.app.hold(self, point, "before"):
            self.unanswered += 1
            return None
        fault = self.take_fault(kind, request)
        entry["fault"] = fault.get("do")
        response = self.serve(request, kind, rest, fault, entry)
        entry["status"] = response.status
        if not await self.app.hold(self, point, "after"):
            self.unanswered += 1
            return None
        return response

    def serve(self, request, kind, rest, fault, entry):
        do = fault.get("do")
        if do == "drop":
            response = Response(500)
            response.wire = "reset"
            return response
        if do == "answer":
            response = self.fault_answer(fault)
            # A server that refuses has not looked at the nonce, or has: either way it is used up.
            self.use_up_nonce(request)
        else:
            try:
                response = self.process(request, kind, rest, entry)
            except Stale:
                response, entry["problem"] = Response(500, "<html><body><h1>HTTP Status 500</h1></body></html>", kind="text/html"), "stale"
                self.stale_used += 1
                return response
        if do == "instead":
            response = self.fault_answer(fault)
        if do == "edit":
            fault["edit"](self, response)
        response.headers += [h for h in fault.get("headers", [])]
        if "remove" in fault:
            response.headers = [h for h in response.headers if h[0].lower() not in fault["remove"]]
        if request.method == "POST" or kind == "newNonce":
            policy = fault.get("nonce", self.scenario.get("nonce", "yes"))
            policy = policy(self, kind) if callable(policy) else policy
            if policy == "yes" or (policy == "head" and kind == "newNonce"):
                response.headers.append(("Replay-Nonce", self.new_nonce()))
            elif policy not in ("no", "head"):
                response.headers.append(("Replay-Nonce", policy))
        if do in ("lost", "reset"):
            response.wire = "reset"
        if "wire" in fault:
            response.wire, response.silence = fault["wire"], fault.get("silence", 3)
        if kind != "directory":
            response.headers.append(("Link", '<%s>;rel="index"' % self.url("directory")))
        return response

    def fault_answer(self, fault):
        if "problem" in fault:
            kind, detail = fault["problem"]
            problem = Problem(kind, detail.replace("{soon}", stamp(time.time() + 7200).replace("T", " ").replace("Z", " UTC")), fault.get("status", 400), **fault.get("more", {}))
            return Response(problem.status, problem.document(), kind=fault.get("content_type", "application/problem+json"))
        return Response(fault.get("status", 500), fault.get("text", ""), kind=fault.get("content_type", "text/html"))

    # ---- nonces and signatures ----

    def new_nonce(self):
        nonce = b64(random.randbytes(16))
        self.nonces[nonce] = time.time()
        return nonce

    def use_up_nonce(self, request):
        try:
            head = Jws(parse_object(request.body, "JWS")).head
            self.nonces.pop(head.get("nonce"), None)
        except Problem:
            pass

    def authenticate(self, request, kind):
        """(Jws, account or None, jwk or None) of a POST."""
        if request.headers.get("content-type", "") != "application/jose+json":
            raise Problem("malformed", "Content-Type is not application/jose+json", 415)
        jws = Jws(parse_object(request.body, "JWS"))
        head = jws.head
        if head.get("url") != self.origin_url(request):
            raise Problem("unauthorized", "url %r of the header is not %r" % (head.get("url"), self.origin_url(request)), 403)
        if ("jwk" in head) == ("kid" in head):
            raise Problem("malformed", "exactly one of jwk and kid is needed")
        account = None
        if "kid" in head:
            if kind == "newAccount":
                raise Problem("malformed", "newAccount is signed with a jwk")
            account = self.accounts.get(head["kid"])
            if account is None:
                raise Problem("accountDoesNotExist", "no such account")
            jws.check(account.jwk, ALGORITHMS)
        else:
            if kind == "unknown":
                raise Problem("malformed", "there is no such resource", 404)
            if kind not in ("newAccount", "revokeCert"):
                raise Problem("malformed", "this request is signed with a kid")
            jws.check(head["jwk"], ALGORITHMS)
        if head.get("nonce") in self.stale:
            raise Stale
        # After the signature, as Boulder: whoever did not sign must not use up nonces of others.
        if self.nonces.pop(head.get("nonce"), None) is None:
            # Unless it was said twice as well.
            if head.get("nonce") in self.passed and "nonce" not in self.scenario:
                self.violation("the client used a nonce twice")
            raise Problem("badNonce", "JWS has an invalid anti-replay nonce: %r" % head.get("nonce"))
        self.passed.add(head["nonce"])
        if account is not None and account.status != "valid":
            raise Problem("unauthorized", "Account is not valid, has status \"%s\"" % account.status, 403)
        return jws, account, head.get("jwk")

    def origin_url(self, request):
        return request.origin + request.target

    def process(self, request, kind, rest, entry):
        try:
            if not request.headers.get("user-agent"):
                raise Problem("malformed", "User-Agent is missing")
            if request.method in ("GET", "HEAD"):
                return self.plain(request, kind, rest)
            if request.method != "POST":
                raise Problem("malformed", "method not allowed", 405)
            handler = getattr(self, "post_" + kind, None)
            if handler is None:
                raise Problem("malformed", "no such resource", 404)
            jws, account, jwk = self.authenticate(request, kind)
            entry["payload"] = "empty" if jws.payload == b"" else "json"
            if kind in ("newAccount", "revokeCert"):
                return handler(request, jws, account, jwk)
            return handler(request, jws, account, rest)
        except Problem as problem:
            if problem.kind in ("malformed", "badSignatureAlgorithm") and problem.status != 404 and not getattr(problem, "expected", False):
                self.violation("%s %s: %s" % (request.method, kind, problem.detail))
            entry["problem"] = problem.kind
            if not getattr(problem, "expected", False):
                self.problems[problem.kind] = self.problems.get(problem.kind, 0) + 1
            return Response(problem.status, problem.document(), problem.headers, "application/problem+json")

    # ---- GET ----

    def plain(self, request, kind, rest):
        if kind == "directory":
            return Response(200, self.directory())
        if kind == "newNonce":
            return Response(200 if request.method == "HEAD" else 204, b"", [("Cache-Control", "no-store")], kind=None)
        if kind == "renewalInfo" and self.knob("ari"):
            for cert in self.certs.values():
                if rest and cert.ari_id() == rest[0]:
                    self.ari_known = True
                    answer = self.knob("ari")(self, cert)
                    return answer if isinstance(answer, Response) else Response(200, answer, [("Retry-After", "21600")])
            raise Problem("malformed", "no certificate with this identifier", 404)
        raise Problem("malformed", "method not allowed" if kind != "unknown" else "no such resource", 405 if kind != "unknown" else 404)

    def directory(self):
        out = {kind: self.url(name) for kind, name in self.paths.items()}
        if not self.knob("ari"):
            del out["renewalInfo"]
        meta = {"website": "https://example.test/", **self.knob("meta")}
        if self.knob("terms"):
            meta["termsOfService"] = self.knob("terms")
        if self.knob("eab") and self.knob("eab_in_meta"):
            meta["externalAccountRequired"] = True
        if self.knob("profiles"):
            meta["profiles"] = self.knob("profiles")
        out["meta"] = meta
        return self.knob("directory")(self, out) if self.knob("directory") else out

    # ---- accounts ----

    def by_key(self, jwk):
        wanted = thumbprint(jwk)
        return next((a for a in self.accounts.values() if a.thumbprint == wanted), None)

    def account_answer(self, account, status):
        return Response(status, {"status": account.status, "contact": account.contact, "orders": account.url + "/orders"}, [("Location", account.url)])

    def post_newAccount(self, request, jws, _, jwk):
        wish = parse_object(jws.payload, "payload")
        found = self.by_key(jwk)
        binding = wish.get("externalAccountBinding")
        if wish.get("onlyReturnExisting"):
            if found is None:
                problem = Problem("accountDoesNotExist", "no account exists with the provided key")
                problem.expected = self.looked is False
                self.looked = True
                raise problem
            return self.account_answer(found, 200)
        if self.knob("eab") is not None:
            # Some CAs look at the binding before they look for the account.
            self.check_binding(request, binding, jwk)
        if found is not None:
            if found.status != "valid":
                raise Problem("unauthorized", "An account with the provided public key exists but is %s" % found.status, 403)
            return self.account_answer(found, 200)
        if self.knob("terms") and wish.get("termsOfServiceAgreed") is not True:
            problem = Problem("userActionRequired", "must agree to terms of service", 403, [("Link", '<%s>;rel="terms-of-service"' % self.knob("terms"))])
            raise problem
        contact = wish.get("contact", [])
        if not isinstance(contact, list) or any(not isinstance(c, str) or not c.startswith("mailto:") for c in contact):
            raise Problem("unsupportedContact", "contacts must be mailto: URLs")
        account = Account(self.url("acct", self.number()), jwk, contact)
        self.accounts[account.url] = account
        return self.account_answer(account, 201)

    def check_binding(self, request, binding, jwk):
        if binding is None:
            raise Problem("externalAccountRequired", "No external account binding was provided", 401)
        inner = Jws(binding, "externalAccountBinding")
        kid = inner.head.get("kid")
        if kid not in self.knob("eab"):
            raise Problem("unauthorized", "unknown external account %r" % kid, 403)
        if inner.head.get("url") != self.origin_url(request) or "nonce" in inner.head:
            raise Problem("malformed", "externalAccountBinding: url must be that of the outer JWS, nonce must not be there")
        if parse_object(inner.payload, "externalAccountBinding") != jwk:
            raise Problem("malformed", "externalAccountBinding is for another key")
        inner.check_mac(unb64(self.knob("eab")[kid], "EAB key"))
        if self.knob("eab_single_use"):
            if kid in self.burnt:
                raise Problem("unauthorized", "the external account key was used already", 403)
            self.burnt.add(kid)

    def post_account(self, request, jws, account, rest):
        if self.origin_url(request) != account.url:
            raise Problem("unauthorized", "this is another account", 403)
        if jws.payload:
            wish = parse_object(jws.payload, "payload")
            if wish.get("status") == "deactivated":
                account.status = "deactivated"
            if "contact" in wish:
                account.contact = wish["contact"]
        return self.account_answer(account, 200)

    def post_keyChange(self, request, jws, account, rest):
        inner = Jws(parse_object(jws.payload, "payload"), "inner JWS")
        if inner.head.get("url") != jws.head["url"] or "nonce" in inner.head or "jwk" not in inner.head:
            raise Problem("malformed", "inner JWS: same url, no nonce, a jwk (RFC 8555 7.3.5)")
        inner.check(inner.head["jwk"], ALGORITHMS)
        wish = parse_object(inner.payload, "inner payload")
        if wish.get("account") != account.url:
            raise Problem("malformed", "inner payload is for another account")
        if not isinstance(wish.get("oldKey"), dict) or thumbprint(wish["oldKey"]) != account.thumbprint:
            raise Problem("malformed", "oldKey is not the account's key")
        other = self.by_key(inner.head["jwk"])
        if other is not None:
            raise Problem("conflict", "the new key is in use", 409, [("Location", other.url)])
        account.jwk, account.thumbprint = inner.head["jwk"], thumbprint(inner.head["jwk"])
        return self.account_answer(account, 200)

    # ---- orders ----

    def names_of(self, wish):
        identifiers = wish.get("identifiers")
        if not isinstance(identifiers, list) or not 1 <= len(identifiers) <= 100:
            raise Problem("malformed", "identifiers: 1 to 100 are needed")
        names = []
        for identifier in identifiers:
            if not isinstance(identifier, dict) or identifier.get("type") != "dns":
                raise Problem("unsupportedIdentifier", "identifiers of type dns only")
            name = identifier.get("value", "")
            labels = name[2:].split(".") if name.startswith("*.") else name.split(".")
            if name != name.lower() or len(labels) < 2 or len(labels) > 10 or len(name) > 253 or not all(0 < len(x) < 64 for x in labels):
                raise Problem("rejectedIdentifier", "Domain name %r is not acceptable" % name, identifier=identifier)
            names.append(name)
        if len(set(names)) != len(names):
            raise Problem("malformed", "an identifier twice")
        for name in names:
            if not name.startswith("*.") and "*." + name.partition(".")[2] in names:
                raise Problem("malformed", "Domain name %r is redundant with a wildcard domain in the same request" % name)
        return sorted(names)

    def check_replaces(self, account, names, replaces):
        cert = next((c for c in self.certs.values() if c.ari_id() == replaces), None)
        if cert is None:
            raise Problem("malformed", "replaces: no such certificate", 404)
        if cert.order.account is not account:
            raise Problem("unauthorized", "replaces: another account's certificate", 403)
        if not set(names) & set(cert.order.names):
            raise Problem("malformed", "replaces: no identifier in common")
        for order in self.orders.values():
            order.settle()
            # Boulder looks for any live order with this replaces before it looks for one to give again.
            if order.replaces == replaces and order.status in ("pending", "ready", "processing", "valid"):
                raise Problem("alreadyReplaced", "cannot indicate an order replaces certificate with serial %x, which already has a replacement order"
                              % cert.x509().serial_number, 409)

    def post_newOrder(self, request, jws, account, rest):
        wish = parse_object(jws.payload, "payload")
        names = self.names_of(wish)
        if self.knob("times") == "refused" and ("notBefore" in wish or "notAfter" in wish):
            raise Problem("malformed", "NotBefore and NotAfter are not supported")
        profile = wish.get("profile")
        if profile is not None and profile not in (self.knob("profiles") or {}):
            raise Problem("invalidProfile", "profile %r is not offered" % profile)
        if wish.get("replaces") is not None:
            self.check_replaces(account, names, wish["replaces"])
        if self.knob("order_reuse"):
            for order in self.orders.values():
                order.settle()
                if order.account is account and order.names == names and order.profile == profile and order.status in ("pending", "ready"):
                    return self.order_answer(order, 201)
        limit = self.knob("new_order_limit")
        if limit is not None and len(self.orders) >= limit:
            raise Problem("rateLimited", "too many new orders", 429)
        limit = self.knob("domain_limit")
        if limit is not None and len(self.orders) >= limit:
            raise Problem("rateLimited", "too many certificates (%d) already issued for \"%s\" in the last 168h0m0s" % (limit, self.app.zone), 429)
        order = Order(self, account, names, profile, wish.get("replaces"), self.number())
        free = self.knob("prevalidated")
        for i, name in enumerate(names):
            order.authzs.append(self.authz_for(account, name, free is True or (free is not False and i < free)))
        self.orders[order.number] = order
        return self.order_answer(order, 201)

    def authz_for(self, account, name, valid):
        if self.knob("authz_reuse"):
            for authz in self.authzs.values():
                if authz.account is account and ("*." if authz.wildcard else "") + authz.name == name and authz.status == "valid":
                    return authz
        authz = Authz(self, account, name, self.number())
        if valid:
            authz.status = authz.challenge_status = "valid"
        self.authzs[authz.number] = authz
        return authz

    def order_object(self, order):
        order.settle()
        out = {"status": order.status, "expires": stamp(order.expires), "identifiers": [{"type": "dns", "value": n} for n in order.names],
               "authorizations": [self.url("authz", a.number) for a in order.authzs], "finalize": self.url("finalize", order.number)}
        if order.profile:
            out["profile"] = order.profile
        if order.replaces:
            out["replaces"] = order.replaces
        if order.error:
            out["error"] = order.error
        if order.status == "valid":
            out["certificate"] = self.url("cert", order.cert.number)
        return out

    def order_answer(self, order, status=200):
        headers = [("Location", self.url("order", order.number))]
        return Response(status, self.order_object(order), headers)

    def find(self, what, rest, account):
        number = int(rest[0]) if rest and rest[0].isdigit() else -1
        thing = what.get(number)
        owner = None if thing is None else thing.order.account if isinstance(thing, Cert) else thing.account
        if thing is None or owner is not account:
            raise Problem("malformed", "no such resource", 404)
        return thing

    def only_get(self, jws, kind):
        if jws.payload:
            raise Problem("malformed", "%s is read by POST-as-GET: the payload must be empty" % kind)

    def post_order(self, request, jws, account, rest):
        order = self.find(self.orders, rest, account)
        self.only_get(jws, "an order")
        if order.status == "processing":
            order.polls_left -= 1
            if order.polls_left <= 0:
                order.status = "valid"
        if order.status == "pending" and any(a.status == "pending" and a.challenge_status in ("processing", "valid") for a in order.authzs):
            self.early += 1
        response = self.order_answer(order)
        if order.status == "processing":
            response.headers.append(("Retry-After", "3"))
        return response

    def post_orders(self, request, jws, account, rest):
        raise Problem("malformed", "no list of orders here", 404)

    # ---- authorizations ----

    def challenge_object(self, authz, kind):
        mine = kind == "dns-01"
        out = {"type": kind, "url": self.url("chall", authz.number, kind), "status": authz.challenge_status if mine else "pending", "token": authz.token}
        if mine and authz.error:
            out["error"] = authz.error
        if mine and authz.challenge_status == "valid":
            out["validated"] = stamp(time.time())
        return out

    def post_authz(self, request, jws, account, rest):
        authz = self.find(self.authzs, rest, account)
        if jws.payload:
            if parse_object(jws.payload, "payload") != {"status": "deactivated"}:
                raise Problem("malformed", "an authorization can be read or deactivated")
            authz.status = "deactivated"
        kinds = ["dns-01"] if authz.wildcard else ["http-01", "dns-01", "tls-alpn-01"]
        if authz.status != "pending":
            kinds = ["dns-01"]
        out = {"identifier": {"type": "dns", "value": authz.name}, "status": authz.status, "expires": stamp(authz.expires),
               "challenges": [self.challenge_object(authz, k) for k in kinds]}
        if authz.wildcard:
            out["wildcard"] = True
        return Response(200, out)

    def post_challenge(self, request, jws, account, rest):
        authz = self.find(self.authzs, rest, account)
        kind = rest[1] if len(rest) > 1 else ""
        links = [("Link", '<%s>;rel="up"' % self.url("authz", authz.number))]
        if jws.payload:
            if parse_object(jws.payload, "payload") != {}:
                raise Problem("malformed", "the payload of a challenge is {}")
            if kind != "dns-01":
                raise Problem("malformed", "only dns-01 can be answered here")
            authz.posted += 1
            if authz.challenge_status != "pending" and not self.scenario.get("repost"):
                self.violation("challenge of %s posted although it is %s: %s %s" % (authz.name, authz.challenge_status, time.time(), [(e["kind"], e["at"], e.get("problem")) for e in self.ledger if e["path"].split("/")[1:2] == [str(authz.number)]]))
            elif authz.status == "pending":
                authz.challenge_status = "processing"
                authz.task = asyncio.ensure_future(self.validate(authz))
        return Response(200, self.challenge_object(authz, kind), links)

    async def validate(self, authz):
        """dns-01, at every view of the DNS that the scenario has: any of them may be the one a CA asks."""
        import hashlib
        name = "_acme-challenge." + authz.name
        wanted = b64(hashlib.sha256((authz.token + "." + authz.account.thumbprint).encode()).digest())
        error = None
        for server in self.app.validation_servers(self):
            try:
                rcode, values = await dnswire.txt(server, name)
            except (OSError, asyncio.TimeoutError, ValueError, IndexError) as e:
                error = Problem("dns", "DNS problem: %s looking up TXT for %s" % (type(e).__name__, name))
                continue
            if rcode not in (0, 3):
                error = Problem("dns", "DNS problem: rcode %d looking up TXT for %s" % (rcode, name))
            elif not values:
                error = Problem("dns", "DNS problem: NXDOMAIN looking up TXT for %s - check that a DNS record exists for this domain" % name)
            elif wanted not in values:
                error = Problem("unauthorized", "Incorrect TXT record %r found at %s" % (values[0], name), 403)
        if error is not None and self.scenario.get("repost"):
            authz.challenge_status, authz.error = "pending", error.document()
        elif error is not None:
            authz.status = authz.challenge_status = "invalid"
            authz.error = error.document()
            self.validations["invalid"] += 1
        else:
            authz.challenge_status, authz.error, authz.validated = "valid", None, time.time()
            if not self.scenario.get("authz_late"):
                authz.status = "valid"
            self.validations["valid"] += 1

    # ---- certificates ----

    def post_finalize(self, request, jws, account, rest):
        order = self.find(self.orders, rest, account)
        order.settle()
        order.finalized += 1
        if order.status != "ready":
            raise Problem("orderNotReady", "Order's status (\"%s\") is not acceptable for finalization" % order.status, 403)
        csr = self.read_csr(order, parse_object(jws.payload, "payload"))
        order.csr = csr
        self.issue(order, csr)
        if self.knob("finalize") == "sync":
            order.status = "valid"
        else:
            order.status, order.polls_left = "processing", self.knob("processing_polls")
        response = self.order_answer(order)
        if order.status == "processing":
            response.headers.append(("Retry-After", "3"))
        return response

    def read_csr(self, order, wish):
        try:
            csr = x509.load_der_x509_csr(unb64(wish.get("csr"), "csr"))
        except ValueError:
            raise Problem("badCSR", "Error parsing certificate request") from None
        if not csr.is_signature_valid:
            raise Problem("badCSR", "the CSR's signature does not verify")
        try:
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            names = []
        cn = [a.value for a in csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        if sorted(n.lower() for n in names) != order.names:
            raise Problem("badCSR", "the names of the CSR %r are not those of the order %r" % (sorted(names), order.names))
        if any(c not in names for c in cn):
            raise Problem("badCSR", "CN is not among the names")
        account, _ = public_key(order.account.jwk)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        if account.public_bytes(certs.DER, spki) == csr.public_key().public_bytes(certs.DER, spki):
            raise Problem("badCSR", "the certificate's key is the account's key")
        return csr

    def issue(self, order, csr):
        make = self.scenario.get("make")
        names, key = list(order.names), csr.public_key()
        der = make(self, order, key) if make else self.app.pki.intermediate.issue(key, names)
        cert = Cert(order, der, self.number(), key)
        self.certs[cert.number] = order.cert = cert
        if order.replaces:
            for old in self.certs.values():
                if old is not cert and old.ari_id() == order.replaces:
                    old.replaced = True
        return cert

    def post_cert(self, request, jws, account, rest):
        cert = self.find(self.certs, rest, account)
        self.only_get(jws, "a certificate")
        pki = self.app.pki
        alternate = int(rest[1]) if len(rest) > 1 and rest[1].isdigit() else 0
        chain = [certs.to_pem(cert.der), (pki.cross if alternate else pki.intermediate).pem()]
        body = self.scenario["bundle"](self, cert, chain) if self.scenario.get("bundle") else b"".join(chain)
        response = Response(200, body, kind="application/pem-certificate-chain")
        for i in range(1, self.knob("alternates") + 1):
            if i != alternate:
                response.headers.append(("Link", '<%s>;rel="alternate"' % self.url("cert", cert.number, i)))
        return response

    def post_revokeCert(self, request, jws, account, jwk):
        wish = parse_object(jws.payload, "payload")
        der = unb64(wish.get("certificate"), "certificate")
        cert = next((c for c in self.certs.values() if c.der == der), None)
        if cert is None:
            raise Problem("malformed", "no such certificate", 404)
        if wish.get("reason", 0) not in (0, 1, 4, 5):
            raise Problem("badRevocationReason", "reason %r is not allowed" % wish.get("reason"))
        if jwk is not None:
            key, _ = public_key(jwk)
            spki = serialization.PublicFormat.SubjectPublicKeyInfo
            if key.public_bytes(certs.DER, spki) != cert.key.public_bytes(certs.DER, spki):
                raise Problem("unauthorized", "not the certificate's key", 403)
        elif cert.order.account is not account:
            raise Problem("unauthorized", "not the account that issued", 403)
        if cert.revoked:
            raise Problem("alreadyRevoked", "Certificate already revoked")
        cert.revoked = True
        return Response(200, b"", kind=None)

    # ---- for assertions ----

    def unstruck(self):
        """What was to go wrong and did not (all the times that it should have)."""
        out = []
        for fault in self.faults + self.dns_faults:
            struck, times = fault.get("struck", 0), fault.get("times", 1) + fault.get("struck", 0)
            if not fault.get("idle") and struck < min(times, 1 if times > 1000 else times):
                out.append("%s: %d of %d" % (fault["on"], struck, times))
        return out

    def summary(self):
        kinds = {}
        for entry in self.ledger:
            kinds[entry["kind"]] = kinds.get(entry["kind"], 0) + 1
        sets = {}
        mine = [c for c in self.certs.values() if not c.stray]
        for cert in mine:
            key = ",".join(cert.order.names)
            sets[key] = sets.get(key, 0) + 1
        for order in self.orders.values():
            order.settle()
        return {"requests": len(self.ledger), "kinds": kinds, "certificates": len(mine), "sets": sets, "revoked": sum(c.revoked for c in self.certs.values()),
                "accounts": len(self.accounts), "orders": len(self.orders), "order_states": [o.status for o in self.orders.values()],
                "failed_validations": self.validations["invalid"], "validations": self.validations["valid"], "violations": self.violations,
                "early": self.early, "stale": self.stale_used, "unanswered": self.unanswered, "problems": self.problems, "asked": self.asked, "struck": self.struck, "unstruck": self.unstruck(), "updates": self.updates,
                "replaced": sum(c.replaced for c in self.certs.values()), "ari_known": getattr(self, "ari_known", False)}
