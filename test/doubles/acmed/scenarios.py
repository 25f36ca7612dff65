"""scenarios.py - hostile cases, one row each: what the server does wrong, and what must come of it.

    name, title      the key: also the first label of the names that are ordered, and of the directory's path
    certs            lists of names, one a certificate that is wanted ({s}: the name); default one certificate for "{s}.example.test"
    knobs, faults    of the CA (ca.py): DEFAULTS there; a fault is {"on": "kind|kind", "skip", "times", "do", ...} with do one of
                     lost (done, no answer), drop (neither), answer (problem= or status=/text=: that instead), instead (done, then that),
                     edit (edit(ca, response) changes the answer); headers=, remove=, wire= (wire.py), nonce= go with any
    dns, views       rules and ports of the DNS proxy (dnswire.py); provider: more of the DNS provider's configuration
    ca               more arguments of certmgr.create_acme_ca, as SQL
    records          records that are in the zone before (nsupdate), which must be there afterwards as well
    outcome          issued; failed (the certificate is given up); waiting (not given up, the message says why); needs_human
    issued           certificates that the CA has signed in the end; default: those wanted when issued, else 0
    extra            requests on top of the budget of an undisturbed order
    message          regex: what the certificate's or account's status says (in the end, or at some time when outcome is issued)
    delay            (least, most) seconds: longest time the worker wanted to wait for anything
    then             [(SQL, query that becomes true)] after the outcome; {ca} (the scenario) and {cert} (its first certificate's id) are put in
    least, most      {kind: requests}; least is waited for
    failed           failed validations that are right; default 0
    orders           orders that the CA has in the end
    chain            certificates in certmgr.chain_pem(); openssl verifies them as well
    auto_renew       True: the subscriber renews
    age              interval by which the order is made older once the message is there (time passes)
    needs            the feature of the product that it waits for (NEEDS): skipped as long as it is not there, and said so
"""
import json
import random

import certs
import ca as acme
from ca import stamp
from jose import Problem
from wire import Response

# How one sees that a feature is there: an SQL query. None: it is not.
NEEDS = {
    "key rollover": "SELECT to_regproc('certmgr.rollover_acme_account_key') IS NOT NULL",
    "onlyReturnExisting": "SELECT to_regproc('certmgr.rollover_acme_account_key') IS NOT NULL",
    "ARI": "SELECT to_regclass('certmgr.acme_renewal_info') IS NOT NULL",
    "CNAME": "SELECT to_regclass('certmgr.dns_zone') IS NOT NULL",
    "challenge_repost": None,
    "limits": None,
    "partial_issue": None,
    "a lifetime": None,
}
ALL_POSTS = "newAccount|newOrder|authz|challenge|order|finalize|cert"
LATER = 10 ** 6     # times: for ever
TABLE = []


def add(name, title, **row):
    TABLE.append({"name": name, "title": title, "group": name[0], **row})


def edit(function, **more):
    return {"do": "edit", "edit": function, **more}


def change(function):
    """An edit of the JSON in an answer of 2xx."""
    def inner(ca, response):
        if response.status < 300 and response.body:
            value = response.value()
            new = function(ca, value)
            response.set(value if new is None else new)
    return inner


def put(**members):
    return change(lambda ca, value: value.update(members))


def drop(*members):
    return change(lambda ca, value: [value.pop(m, None) for m in members] and None)


def header(name, value):
    return [(name, value)]


BAD_NONCE = ("badNonce", "JWS has an invalid anti-replay nonce")

# ---- nonces ----

add("n01", "badNonce nine times, then ok", faults=[{"on": "newOrder", "times": 9, "do": "answer", "problem": BAD_NONCE}], extra=9)
add("n02", "badNonce without a new nonce", faults=[{"on": ALL_POSTS, "times": 3, "do": "answer", "problem": BAD_NONCE, "nonce": "no"}], extra=6)


def same_nonce(ca, kind):
    """Every answer carries the nonce of the one before once more."""
    last = getattr(ca, "last_nonce", None)
    ca.last_nonce = None if last else ca.new_nonce()
    return last or ca.last_nonce


add("n03", "the same nonce in two answers", nonce=same_nonce, extra=10)
add("n04", "a nonce on HEAD newNonce only", nonce="head", extra=8)
add("n05", "HTML and status 500 for a stale nonce", faults=[{"on": "newOrder|finalize", "times": 2, "do": "answer", "status": 500, "nonce": "no",
                                                             "text": "<html><body><h1>HTTP Status 500</h1></body></html>"}], extra=5)
add("n06", "badNonce at the download", faults=[{"on": "cert", "times": 3, "do": "answer", "problem": BAD_NONCE}], extra=3)
add("n07", "badNonce in upper case, with another prefix", faults=[
    {"on": "newOrder", "do": "answer", "problem": ("URN:IETF:PARAMS:ACME:ERROR:BADNONCE", "stale")},
    {"on": "finalize", "do": "answer", "problem": ("urn:acme:error:badNonce", "stale")}], extra=2)
add("n08", "newNonce does not know HEAD", faults=[{"on": "newNonce", "method": "HEAD", "times": LATER, "do": "answer", "status": 405, "nonce": "no"}], extra=2)

# ---- HTTP ----

add("h01", "problem documents as text/html", faults=[{"on": "newOrder|finalize", "times": 2, "do": "answer", "problem": BAD_NONCE, "content_type": "text/html"}], extra=2)
add("h02", "problem documents as application/json", faults=[{"on": "newOrder|cert", "times": 2, "do": "answer", "problem": BAD_NONCE,
                                                             "content_type": "application/json"}], extra=2)
add("h03", "chunked answer cut in the middle", faults=[{"on": k, "wire": "cut"} for k in ("directory", "newOrder", "order", "cert")], extra=10)
add("h04", "Content-Length says more than there is", faults=[{"on": k, "wire": "long"} for k in ("newAccount", "authz", "finalize")], extra=10)
add("h05", "100 Continue before every answer", faults=[{"on": "directory|newNonce|" + ALL_POSTS, "times": LATER, "wire": "continue"}])
add("h06", "302 to another origin is not followed", faults=[{"on": k, "do": "instead", "status": 302, "headers": header("Location", "{trap}")}
                                                            for k in ("newOrder", "order")], extra=4)
add("h07", "relative Location; once an answer with relative URLs, which is none", extra=3, faults=[
    edit(lambda ca, r: r.set({k: v.replace(ca.origin, "") if isinstance(v, str) else v for k, v in r.value().items()}), on="newOrder"),
    edit(lambda ca, r: setattr(r, "headers", [(k, v.replace(ca.origin, "") if k == "Location" else v) for k, v in r.headers]), on="newOrder|newAccount|order", times=LATER)])
add("h08", "a header of 64 KiB", faults=[{"on": "newOrder|cert", "times": 2, "wire": "header"}], extra=3)
add("h09", "1 GiB of blanks, gzipped", faults=[{"on": k, "wire": "gzip"} for k in ("newOrder", "order")], extra=5)
add("h10", "every POST: reset after the request was carried out", faults=[{"on": k, "do": "lost"} for k in ALL_POSTS.split("|")], extra=16)
add("h11", "HTTP/2: GOAWAY and RST_STREAM in the middle of an order", origin="h2", faults=[
    {"on": "newOrder", "wire": "goaway"}, {"on": "authz", "wire": "rst"}, {"on": "finalize", "wire": "goaway"}, {"on": "cert", "wire": "rst"}], extra=12)
add("h12", "one byte a second", faults=[{"on": "newNonce", "wire": "drip"}], extra=3)
add("h13", "404 with nothing in it", faults=[{"on": "newOrder|newNonce", "times": 2, "do": "answer", "status": 404, "nonce": "no"}], extra=6)

# ---- Retry-After ----

add("r01", "Retry-After of a day on an order that is ready in a second", faults=[{"on": "order|finalize|newOrder", "times": LATER, "headers": header("Retry-After", "86400")}],
    delay=(0, 61), extra=2)
add("r02", "Retry-After as a date that has passed", faults=[{"on": "newOrder", "times": 2, "do": "answer", "status": 429, "problem": ("rateLimited", "slow down"),
                                                            "headers": header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")}], extra=3, delay=(0, 61))
for number, text in (("r03", "-1"), ("r04", "soon")):
    add(number, "Retry-After: " + text, faults=[{"on": "newOrder", "times": 2, "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                "headers": header("Retry-After", text)}], extra=3, delay=(0, 301))
add("r05", "Retry-After of 10^20 seconds", faults=[{"on": "newOrder", "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                   "headers": header("Retry-After", "1" + "0" * 20)}], extra=2, delay=(86000, 86401))
add("r06", "429 without Retry-After", faults=[{"on": "newOrder|finalize", "times": 3, "do": "answer", "status": 429, "problem": ("rateLimited", "slow down")}], extra=5)
add("r07", "503 with Retry-After at the certificate's URL", faults=[{"on": "cert", "do": "answer", "status": 503, "headers": header("Retry-After", "120")}], extra=2,
    delay=(110, 121))
add("r08", "Retry-After on the answer to a challenge", faults=[{"on": "challenge", "times": LATER, "headers": header("Retry-After", "60")}], delay=(0, 61), extra=1)

# ---- orders ----

add("o01", "the answer to newOrder is lost", faults=[{"on": "newOrder", "do": "lost"}], extra=3)
RENEWED = "SELECT count(*) = 2 FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}' AND c.state = 'issued'"


def normal_window(ca, cert):
    """Two thirds into its life."""
    middle = cert.x509().not_valid_before.timestamp() + 60 * 86400
    return {"suggestedWindow": {"start": stamp(middle), "end": stamp(middle + 86400)}}


add("o02", "the answer to newOrder with replaces is lost, then 409 (Boulder)", needs="ARI", knobs={"ari": normal_window}, issued=2, orders=2, extra=22,
    faults=[{"on": "newOrder", "skip": 1, "do": "lost"}], then=[("SELECT certmgr.renew({cert})", RENEWED)])
add("o03", "newOrder says ready", knobs={"prevalidated": True}, extra=-3)


def born_valid(ca, response):
    """An order that is valid from the start: its certificate is for a key of somebody else."""
    order = ca.orders[max(ca.orders)]
    key = certs.ec.generate_private_key(certs.ec.SECP256R1()).public_key()
    cert = acme.Cert(order, ca.app.pki.intermediate.issue(key, order.names), ca.number(), key)
    ca.certs[cert.number] = order.cert = cert
    order.status, cert.stray = "valid", True
    response.set(ca.order_object(order))


add("o04", "newOrder says valid", faults=[edit(born_valid, on="newOrder")], extra=6)
add("o05", "a status that nobody knows", faults=[edit(put(status="percolating"), on="order", times=2)], extra=4)
add("o06", "valid, but without the certificate's URL", faults=[edit(drop("certificate"), on="finalize|order", times=3)], extra=5)
add("o07", "no finalize URL on GET", faults=[edit(drop("finalize"), on="order", times=LATER)])
add("o08", "no Location on newOrder once, nor on finalize", faults=[{"on": "newOrder", "remove": ["location"]}, {"on": "finalize|order", "times": LATER, "remove": ["location"]}], extra=3)
add("o09", "identifiers in another order and in upper case", certs=[["a.{s}.example.test", "b.{s}.example.test"]], faults=[
    edit(change(lambda ca, v: v.update(identifiers=[{"type": "dns", "value": i["value"].upper()} for i in reversed(v["identifiers"])])), on="newOrder|order|finalize", times=LATER),
    edit(change(lambda ca, v: v["identifier"].update(value=v["identifier"]["value"].upper())), on="authz", times=LATER)])
add("o10", "fewer authorizations than names", certs=[["a.{s}.example.test", "b.{s}.example.test"]], faults=[
    edit(change(lambda ca, v: v.update(authorizations=v["authorizations"][1:])), on="newOrder|order|finalize", times=LATER)], knobs={"prevalidated": 1})
add("o11", "processing for three days", knobs={"finalize": "async", "processing_polls": 12}, age="3 days", message="signing", extra=14, issued=1)
add("o12", "from processing to invalid, with no reason", knobs={"finalize": "async", "processing_polls": 50}, extra=16, issued=2, outcome="issued",
    faults=[edit(lambda ca, r: invalidate(ca, r), on="order", times=1, when=lambda ca: any(o.status == "processing" for o in ca.orders.values()))])


def invalidate(ca, response):
    order = next(o for o in ca.orders.values() if o.status == "processing")
    order.status = "invalid"
    ca.scenario["knobs"]["processing_polls"] = 1
    response.set(ca.order_object(order))


def forget_orders(ca, response):
    ca.orders.clear()
    ca.authzs.clear()


add("o13", "the server was restarted and forgot the order", faults=[edit(forget_orders, on="authz")], extra=8)
add("o14", "one order for two certificates with the same names", certs=[["{s}.example.test"], ["{s}.example.test"]], extra=6)
add("o15", "finalize: silence, then cut; the certificate was issued", faults=[{"on": "finalize", "wire": "late"}], extra=2)
add("o16", "orderNotReady, then ready", faults=[{"on": "finalize", "times": 2, "do": "answer", "status": 403, "problem": ("orderNotReady", "Order's status is pending")}], extra=6)
add("o17", "orderNotReady for ever", faults=[{"on": "finalize", "times": LATER, "do": "answer", "status": 403, "problem": ("orderNotReady", "Order's status is pending")}],
    outcome="waiting", message="orderNotReady|not ready", delay=(20, 301), least={"finalize": 6}, extra=60)
add("o18", "badCSR", faults=[{"on": "finalize", "times": LATER, "do": "answer", "problem": ("badCSR", "The CSR is no good")}], outcome="failed", message="badCSR: The CSR is no good")
add("o19", "expires in the past", faults=[edit(put(expires="2001-01-01T00:00:00Z"), on="newOrder|order|authz|finalize", times=LATER)])
add("o20", "finalize says that it was called already", faults=[{"on": "finalize", "do": "instead", "status": 403,
                                                               "problem": ("orderNotReady", "Order's status (\"valid\") is not acceptable for finalization")}], extra=2)

BAD_KEY = ("badPublicKey", "The key is on a list of keys that are known to others")
add("o21", "finalize: the key is refused, once", faults=[{"on": "finalize", "do": "answer", "problem": BAD_KEY}], extra=8, orders=1)
add("o22", "finalize: any key is refused", faults=[{"on": "finalize", "times": LATER, "do": "answer", "problem": BAD_KEY}], extra=8, outcome="failed",
    message="does not take keys of this kind, EC-P256: the CA said: badPublicKey", most={"newOrder": 2, "finalize": 2})
# For subscribers that want the rest: 102_acme_wishes.pl.
add("w01", "newOrder refuses two of four names once", needs="partial_issue", faults=[
    {"on": "newOrder", "do": "answer", "status": 403, "problem": ("rejectedIdentifier", "Error creating new order"), "more": {"subproblems": [
        {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "policy forbids", "identifier": {"type": "dns", "value": name}}
        for name in ("b.w01.example.test", "*.D.w01.example.test", "foreign.example.test")]}}])
add("w02", "newOrder always refuses one name, as Boulder says it", needs="partial_issue", faults=[
    {"on": "newOrder", "times": LATER, "do": "answer", "status": 400, "problem": ("rejectedIdentifier", "Error creating new order :: Cannot issue for \"a.w02.example.test\": it is forbidden")}])
add("w03", "notAfter is refused", needs="a lifetime")

# ---- authorizations ----

add("a01", "valid, and no challenge that we know", knobs={"prevalidated": True}, extra=-2, faults=[
    edit(put(challenges=[{"type": "magic-01", "url": 7, "status": "valid"}]), on="authz", times=LATER),
    edit(lambda ca, r: r.set({**r.value(), "status": "pending"}), on="newOrder")])
add("a02", "step-ca: the challenge stays pending with an error", needs="challenge_repost", ca="quirks => '{\"challenge_repost\": true}'", repost=True,
    dns=[{"view": "ca", "on": "query", "type": "TXT", "times": 2, "do": "servfail"}], views=["ca"], extra=8)


def one_token(ca, response):
    for authz in ca.authzs.values():
        authz.token = ca.__dict__.setdefault("token", authz.token)


add("a03", "one token for apex and wildcard", certs=[["{s}.example.test", "*.{s}.example.test"]], faults=[edit(one_token, on="newOrder", times=LATER)])
add("a04", "a token with ../ in it, and one of 10 KiB", certs=[["a.{s}.example.test"], ["b.{s}.example.test"]], outcome="waiting", message="token", faults=[
    edit(change(lambda ca, v: [c.update(token="../" * 12 if v["identifier"]["value"][0] == "a" else "A" * 10240) for c in v["challenges"]] and None), on="authz", times=LATER)], extra=6)
add("a05", "no wildcard flag", certs=[["*.{s}.example.test"]], faults=[edit(drop("wildcard"), on="authz", times=LATER)])


def shuffle(ca, value):
    for key in ("authorizations", "challenges", "identifiers"):
        if key in value:
            random.shuffle(value[key])


add("a06", "lists in another order each time", certs=[["{s}.example.test", "a.{s}.example.test", "*.b.{s}.example.test"]], faults=[
    edit(change(shuffle), on="newOrder|order|authz|finalize", times=LATER)])


def late_authz(ca, response):
    for authz in ca.authzs.values():
        if authz.challenge_status == "valid":
            authz.status = "valid"


add("a07", "challenge valid, authorization pending for a minute", authz_late=True, faults=[edit(late_authz, on="order", skip=6)], extra=9)


def deactivate(ca, response):
    if any(a.status == "valid" for a in ca.authzs.values()):
        for authz in ca.authzs.values():
            authz.status = "deactivated"
        for order in ca.orders.values():
            order.settle()
        response.set({**response.value(), "status": "invalid"})


add("a08", "authorization deactivated after it was valid", faults=[edit(deactivate, on="order")], extra=10)
add("a09", "Vault: the problem's type counts, not status 500", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 500,
                                                                      "problem": ("rejectedIdentifier", "not allowed by this role")}], outcome="failed",
    message="rejectedIdentifier: not allowed by this role", most={"newOrder": 1})
add("a10", "three of fifty names are refused", certs=[["h%02d.{s}.example.test" % i for i in range(50)]], outcome="failed", most={"newOrder": 1},
    message="h07.a10.example.test.*h23.a10.example.test.*h42.a10.example.test", faults=[
        {"on": "newOrder", "times": LATER, "do": "answer", "status": 403, "problem": ("rejectedIdentifier", "Error creating new order"), "more": {"subproblems": [
            {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "policy forbids", "identifier": {"type": "dns", "value": "h%02d.a10.example.test" % i}}
            for i in (7, 23, 42)]}}])

# ---- certificates ----


def foreign_key(ca, order, key):
    return ca.app.pki.intermediate.issue(certs.ec.generate_private_key(certs.ec.SECP256R1()).public_key(), order.names)


add("c01", "a leaf for another key", make=foreign_key, outcome="failed", issued=1, message="not accepted.*key")
add("c02", "a leaf with other names", make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, ["evil.example.test"]), outcome="failed", issued=1, message="not accepted.*name")
add("c03", "no intermediates", bundle=lambda ca, cert, chain: chain[0])
add("c04", "the leaf comes last", bundle=lambda ca, cert, chain: chain[1] + chain[0], chain=1)
add("c05", "two leaves: the right one is taken, or the answer is refused", outcome="any", issued=1, bundle=lambda ca, cert, chain: certs.to_pem(foreign_key(ca, cert.order, None)) + chain[0] + chain[1], chain=1)
add("c06", "alternates that go round in circles", knobs={"alternates": 3}, chain=1, extra=4)
add("c07", "CRLF, and text before the certificates", chain=1,
    bundle=lambda ca, cert, chain: b"Subject: whatever\r\nIssuer: whoever\r\n\r\n" + b"\r\n".join((chain[0] + b"\n# next\n" + chain[1]).split(b"\n")))
add("c08", "notBefore lies in the future", make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, order.names, start=certs.now() + certs.datetime.timedelta(minutes=50)))
add("c09", "a chain of 10 MB, once", faults=[edit(lambda ca, r: setattr(r, "body", r.body * 8000), on="cert")], extra=3)
add("c10", "the certificate's URL is where nobody should go", faults=[edit(change(lambda ca, v: v.update(certificate="https://169.254.169.254/latest/meta-data/") if "certificate" in v else None),
                                                                          on="finalize|order", times=LATER)], outcome="waiting", issued=1, message="not allowed|169.254", extra=6)
add("c11", "a negative serial number; one of 21 octets; no authority key identifier", certs=[["a.{s}.example.test"], ["b.{s}.example.test"], ["c.{s}.example.test"]],
    make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, order.names, aki=order.names[0][0] != "c", octets={"a": b"\x9f" + b"\x11" * 15, "b": b"\x1f" * 21}.get(order.names[0][0])),
    outcome="any", issued=3, extra=30)

# ---- accounts ----


def lose_account(ca, response):
    ca.accounts.clear()


def deactivate_account(ca, response):
    for account in ca.accounts.values():
        account.status = "deactivated"


add("k01", "the CA does not know the account any more, in the middle of an order", faults=[edit(lose_account, on="newOrder")], extra=12, accounts=1)
add("k02", "the account was deactivated", faults=[edit(deactivate_account, on="newOrder")], outcome="needs_human", message="deactivated", extra=3)
ROLLOVER = "SELECT certmgr.rollover_acme_account_key('{ca}')"
AGAIN = ("SELECT certmgr.create_subscriber('{ca} again', '{ca}', auto_renew => false, sans => '{again.{ca}.example.test}'); SELECT certmgr.issue('{ca} again')", RENEWED)


def rolled(states):
    return "SELECT rollover IN (%s) FROM certmgr.acme_account t JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = '{ca}' AND t.active" % states


add("k03", "keyChange: the answer is lost, once after it was carried out, once before", needs="key rollover", issued=2, extra=30, accounts=1,
    faults=[{"on": "keyChange", "do": "lost"}, {"on": "keyChange", "do": "drop"}],
    then=[(ROLLOVER, rolled("'done'")), (ROLLOVER, rolled("'done'")), AGAIN])
add("k04", "keyChange: 501, then 500, then 409", needs="key rollover", issued=2, extra=60, accounts=1, faults=[
    {"on": "keyChange", "do": "answer", "status": 501, "problem": ("serverInternal", "not implemented")},
    {"on": "keyChange", "times": 4, "do": "answer", "status": 500, "text": "oops"}, {"on": "keyChange", "do": "answer", "status": 409, "text": ""}],
    then=[(ROLLOVER, rolled("'failed'")), (ROLLOVER, rolled("'failed', 'done'")), (ROLLOVER, rolled("'failed', 'done'")), AGAIN])
EAB = {"kid-1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
add("k05", "the external account key was burnt by a lost answer", knobs={"eab": EAB, "eab_single_use": True}, ca="eab_kid => 'kid-1', eab_hmac_key => '%s'" % EAB["kid-1"],
    faults=[{"on": "newAccount", "when": lambda ca: not ca.burnt, "do": "lost"}], extra=3, needs="onlyReturnExisting")
add("k06", "an external account is wanted although meta does not say so", knobs={"eab": EAB, "eab_in_meta": False}, outcome="needs_human", message="eab_kid")
add("k07", "the terms of service change", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 403, "problem": ("userActionRequired", "Terms of service have changed"),
                                                  "more": {"instance": "https://ca.example/agree?id=7"}, "headers": header("Link", '<https://ca.example/tos/2>;rel="terms-of-service"')}],
    outcome="needs_human", message="Terms of service have changed")
add("k08", "newAccount is answered without a body", faults=[edit(lambda ca, r: r.status < 300 and setattr(r, "body", b""), on="newAccount", times=LATER)])
add("k09", "paused: 429 and a portal's address", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 429, "problem": (
    "rateLimited", "Your account is temporarily prevented from requesting certificates for k09.example.test. Please visit: https://portal.example/sfe/v1/unpause?jwt=abc")}],
    outcome="waiting", message="https://portal.example/sfe/v1/unpause", extra=2)

# ---- ARI ----



def window(start, end, later=True):
    """Seconds from now. later: for the first certificate only, and when it is some seconds old: a window that is open at issue is not believed."""
    def inner(ca, cert):
        now = acme.time.time()
        if later and (cert is not min(ca.certs.values(), key=lambda c: c.number) or now - cert.at < 4):
            return normal_window(ca, cert)
        return {"suggestedWindow": {"start": stamp(now + start), "end": stamp(now + end)}, "explanationURL": "https://ca.example/why"}
    return inner


def flipping(ca, cert):
    ca.flips = getattr(ca, "flips", 0) + 1
    days = 50 + 10 * (ca.flips % 2)
    start = cert.x509().not_valid_before.timestamp() + days * 86400
    return Response(200, {"suggestedWindow": {"start": stamp(start), "end": stamp(start + 86400)}}, [("Retry-After", "21600")])


def far(ca, cert):
    return {"suggestedWindow": {"start": "9999-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z"}}


def often(ca, cert):
    return Response(200, normal_window(ca, cert), [("Retry-After", "1")])


def script(ca, cert):
    return {**normal_window(ca, cert), "explanationURL": "javascript:alert(1)"}


def gone(ca, cert):
    raise Problem("malformed", "no such certificate", 404)


# The time of renewal stays within the certificate's life, whatever the CA says.
SANE = ("", "SELECT bool_and(c.renew_at < c.not_after) FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}' AND c.renew_at IS NOT NULL")
ARI = {"needs": "ARI", "auto_renew": True, "least": {"renewalInfo": 1}}
add("i01", "ARI: window in the past", knobs={"ari": window(-2, -1)}, issued=2, orders=2, extra=22, then=[("", RENEWED)], **ARI)
add("i02", "ARI: end before start", knobs={"ari": window(86400, 3600, False)}, extra=10, then=[SANE], **ARI)
add("i03", "ARI: year 9999", knobs={"ari": far}, extra=10, then=[SANE], **ARI)
add("i04", "ARI: another window each time", knobs={"ari": flipping}, extra=14, then=[SANE], **ARI)
add("i05", "ARI: 409 and 500 for replaces", knobs={"ari": window(-2, -1)}, issued=2, extra=26, then=[("", RENEWED)], faults=[
    {"on": "newOrder", "skip": 1, "do": "answer", "status": 409, "problem": ("alreadyReplaced", "already replaced")}], **ARI)
add("i06", "ARI: window open when the certificate is issued", knobs={"ari": window(-3600, 3600, False)}, extra=12, then=[SANE], **ARI)
add("i07", "ARI: 200 with HTML", knobs={"ari": lambda ca, cert: Response(200, "<html>hello</html>", kind="text/html")}, extra=12, then=[SANE], **ARI)
add("i08", "ARI: Retry-After of a second", knobs={"ari": often}, extra=14, then=[SANE], **ARI)
add("i09", "ARI: explanationURL javascript:", knobs={"ari": script}, extra=10, then=[SANE], **ARI)
add("i10", "ARI: 404", knobs={"ari": gone}, extra=12, then=[SANE], **ARI)

# ---- DNS ----

add("d01", "one name server is behind", views=["ns1", "ns2"], dns=[{"view": "ns2", "on": "query", "type": "TXT", "times": 3, "do": "nxdomain"}])
add("d02", "SERVFAIL, then ok", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": 3, "do": "servfail"}])
add("d03", "a CNAME that goes round in circles", needs="CNAME", records=["_acme-challenge.{s}.example.test CNAME x.{s}.example.test", "x.{s}.example.test CNAME _acme-challenge.{s}.example.test"],
    outcome="waiting", message="CNAME|loop|alias")
add("d04", "a CNAME into a zone of another account", needs="CNAME", records=["_acme-challenge.{s}.example.test CNAME {s}.foreign.test"], outcome="waiting", message="foreign.test")
add("d05", "a wildcard TXT answers for every name", records=["*.{s}.example.test TXT masked"])
add("d06", "fifty TXT values of others at the name", records=["_acme-challenge.{s}.example.test TXT other-value-number-%02d-xxxxxxxxxxxxxxxxxxxxxx" % i for i in range(50)])
add("d07", "answers by UDP are truncated", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": LATER, "do": "truncate"}])
add("d08", "that there is no TXT may be remembered for an hour", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": 2, "do": "empty"}])
add("d09", "split horizon: the inner view never has the record", views=["ns1", "inner"], provider={"nameservers": ["ns1"], "resolvers": ["inner"]}, ca_views=["ns1"],
    dns=[{"view": "inner", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain"}])
add("d10", "a name server that has an IPv6 address only", views=["six"])
add("d11", "the update is accepted and the record is never there", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain"}],
    outcome="waiting", message="not yet at", most={"challenge": 0}, least_polls=5)
add("d12", "the answer to the update is lost", dns=[{"view": "main", "on": "update", "times": 1, "do": "lost"}])

# ---- directory ----


def move(ca, response):
    """All that the directory names goes elsewhere; orders and the like stay where they are."""
    ca.paths = {kind: "v2-" + path for kind, path in ca.paths.items()}


add("m01", "the directory's URLs change", faults=[edit(move, on="newAccount")], extra=4)
add("m02", "no renewalInfo, no keyChange", knobs={"directory": lambda ca, d: {k: v for k, v in d.items() if k not in ("renewalInfo", "keyChange")}})
add("m03", "500 for a day", faults=[{"on": "directory", "times": 12, "do": "answer", "status": 500, "text": "<h1>down</h1>"}], extra=13, delay=(30, 86401))
add("m04", "meta with members of all sorts", knobs={"meta": {"termsOfService": 7, "caaIdentities": "x", "externalAccountRequired": "no", "profiles": [1, 2], "future": {"a": [None, True]}}})
add("m05", "URLs with http:", knobs={"directory": lambda ca, d: {k: v.replace("https:", "http:") if isinstance(v, str) else v for k, v in d.items()}}, outcome="waiting",
    message="scheme|no usable", most={"newAccount": 0})
add("m06", "the TLS certificate has expired", origin="expired", outcome="waiting", message="expired|certificate", most={"directory": 0})

# ---- limits ----

add("l01", "429 for the set of names, the time in words", faults=[{"on": "newOrder", "do": "answer", "status": 429, "problem": (
    "rateLimited", "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after {soon}: see https://ca.example/limits")}],
    extra=2, delay=(7000, 7300), message="retry after")
add("l02", "certificates per registered domain, sixty subdomains", needs="limits")
add("l03", "validation fails time after time", views=["ca"], dns=[{"view": "ca", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain"}], provider={"nameservers": ["main"]},
    ca_views=["ca"], outcome="failed", failed=4, orders=4, extra=26, message="NXDOMAIN looking up TXT", delay=(4000, 86401))
add("l04", "two nodes share the ledger", needs="limits")


def budget(row, names):
    """Requests of one undisturbed order with a new account: directory, nonces for the bursts, newAccount twice (looking for it, making it); newOrder, authz and challenge a name, ready, finalize, (valid), cert."""
    return 4 + max(0, names - 1) + 2 * names + 5


def table(app):
    """What the runner reads."""
    out = []
    for row in TABLE:
        wanted = [[n.format(s=row["name"]) for n in names] for names in row.get("certs", [["{s}.example.test"]])]
        requests = sum(budget(row, len(names)) for names in wanted) + row.get("extra", 0)
        outcome = row.get("outcome", "issued")
        public = {k: row[k] for k in ("name", "title", "group", "needs", "ca", "message", "delay", "then", "age", "least", "most", "chain", "least_polls", "accounts", "failed", "orders", "auto_renew") if k in row}
        if row.get("needs"):
            public["probe"] = NEEDS.get(row["needs"])
        public.update(names=wanted, outcome=outcome, budget=requests, issued=row.get("issued", len(wanted) if outcome == "issued" else 0),
                      directory=app.origin_of(row) + "/" + row["name"] + "/directory", provider=json.dumps(app.provider(row)),
                      records=[r.format(s=row["name"]) for r in row.get("records", [])])
        out.append(public)
    return out
