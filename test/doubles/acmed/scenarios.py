"""scenarios.py - hostile cases, one row each: what the server does wrong, and what must come of it.

    name, title      the key: also the first label of the names that are ordered, and of the directory's path
    certs            lists of names, one a certificate that is wanted ({s}: the name); default one certificate for "{s}.example.test"
    knobs, faults    of the CA (ca.py): DEFAULTS there; a fault is {"on": "kind|kind", "skip", "times", "do", ...} with do one of
                     lost (done, no answer), drop (neither), answer (problem= or status=/text=: that instead), instead (done, then that),
                     edit (edit(ca, response) changes the answer); headers=, remove=, wire= (wire.py), nonce= go with any
    dns, views       rules and ports of the DNS proxy (dnswire.py); provider: more of the DNS provider's configuration; server: the view
                     that takes its updates (default main, where one UPDATE may be of several scenarios)
    ca               more arguments of certmgr.create_acme_ca, as SQL
    records          records that are in the zone before (nsupdate), which must be there afterwards as well
    setup            SQL after the CA was created, before anything is ordered; {ca} is put in
    outcome          issued; failed (the certificate is given up); waiting (not given up, the message says why); needs_human; or a state
                     for some of the certificates each: {"issued": 1, "failed": 2}
    issued           certificates that the CA has signed in the end; default: those wanted when issued, else 0
    more             orders of one name that come later (renewals)
    extra            requests on top of what undisturbed orders and the faults themselves cost (budget())
    each_process     requests that every process makes for once, besides directory and nonces
    wobble           requests that there may be fewer, where it depends on who comes first
    message          regex: what the certificate's or account's status says (in the end, or at some time when outcome is issued)
    says             more of them: each was said at some time (not looked for when there are kills)
    delay            (least, most) seconds: longest time the worker wanted to wait for anything
    ari_delay        (least, most) seconds: every time it wanted to wait before it asked for renewal information again
    then             [(SQL, query that becomes true)] after the outcome; {ca} (the scenario) and {cert} (its first certificate's id) are put in
    check            [query that is true in the end]; {ca} is put in
    least, most      {kind: requests}; least is waited for
    told             {problem: (least, most)}: what the CA had to refuse for its own reasons; nothing else is right
    asked            {view: (type of record, least, most)}: questions to a view of the DNS
    failed           failed validations that are right; default 0
    orders           orders that the CA has in the end
    chain            certificates in certmgr.chain_pem(); openssl verifies them as well
    auto_renew       True: the subscriber renews
    age              interval by which the order is made older once the message is there (time passes)
    replaced         certificates that an order said it replaces
    early            questions while the CA is at it that are right; default 4 an order
    dear             every question that comes too early costs another request
    patient          the test does not hurry what this one puts off
    short            what holds instead when there is no time for a minute of silence or a day of failures (acmed.py: LONG)
    by               the test that runs it; AcmedTest does not
    needs            what this machine lacks for it (acmed.py): skipped, and said so
"""
import json
import random

import certs
import ca as acme
from ca import stamp
from jose import Problem
from wire import Response

ALL_POSTS = "newAccount|newOrder|authz|challenge|order|finalize|cert"
LATER = 10 ** 6     # times: for ever
TABLE = []


def add(name, title, **row):
    TABLE.append({"name": name, "title": title, "group": name[0], **row})


def edit(function, **more):
    return {"do": "edit", "edit": function, **more}


def each(kinds, **fault):
    """The same fault for every one of these kinds of request."""
    return [{"on": kind, **fault} for kind in kinds.split("|")]


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

add("n01", "badNonce nine times, then ok", faults=[{"on": "newOrder", "times": 9, "do": "answer", "problem": BAD_NONCE}])
add("n02", "badNonce without a new nonce", faults=each(ALL_POSTS, do="answer", problem=BAD_NONCE, nonce="no"))


def same_nonce(ca, kind):
    """Every answer carries the nonce of the one before once more."""
    last = getattr(ca, "last_nonce", None)
    ca.last_nonce = None if last else ca.new_nonce()
    return last or ca.last_nonce


add("n03", "the same nonce in two answers", nonce=same_nonce, extra=7, dear=True, told={"badNonce": (5, 8)})
add("n04", "a nonce on HEAD newNonce only", nonce="head", extra=7, dear=True, each_process=2)


def forget_nonces(ca, response):
    """All that were given out so far are stale from now on: HTML, 500 and no new nonce for whoever uses one."""
    ca.stale.update(ca.nonces)
    ca.nonces.clear()


# As many nonces as names are in hand when the first authorization is asked for (fewer when their answers took longer than that of newOrder): the
# others are stale then, each is found out by its own request (which is asked again, and needs a nonce), and no more of them are tried.
add("n05", "HTML and status 500 for stale nonces", certs=[["{s}.example.test"] + ["%s.{s}.example.test" % x for x in "abcd"]], faults=[edit(forget_nonces, on="authz")], extra=8, wobble=6, stale=(1, 4))
add("n06", "badNonce at the download", faults=[{"on": "cert", "times": 3, "do": "answer", "problem": BAD_NONCE}])
add("n07", "badNonce in upper case, with another prefix", faults=[
    {"on": "newOrder", "do": "answer", "problem": ("URN:IETF:PARAMS:ACME:ERROR:BADNONCE", "stale")},
    {"on": "finalize", "do": "answer", "problem": ("urn:acme:error:badNonce", "stale")}])
add("n08", "newNonce does not know HEAD", faults=[{"on": "newNonce", "method": "HEAD", "times": LATER, "do": "answer", "status": 405, "nonce": "no"}], extra=1, each_process=1)

# ---- HTTP ----

add("h01", "problem documents as text/html", faults=each("newOrder|finalize|cert", do="answer", problem=BAD_NONCE, content_type="text/html"))
add("h02", "problem documents as application/json", faults=each("newOrder|finalize|cert", do="answer", problem=BAD_NONCE,
                                                                  content_type="application/json"))
add("h03", "chunked answer cut in the middle", faults=[{"on": k, "wire": "cut"} for k in ("directory", "newOrder", "order", "cert")])
add("h04", "Content-Length says more than there is", faults=[{"on": k, "wire": "long"} for k in ("newAccount", "authz", "finalize")], told={"accountDoesNotExist": (1, 1)})
add("h05", "100 Continue before every answer", faults=[{"on": "directory|newNonce|" + ALL_POSTS, "times": LATER, "wire": "continue"}])
add("h06", "302 to another origin is not followed", faults=[{"on": k, "do": "instead", "status": 302, "headers": header("Location", "{trap}")}
                                                            for k in ("newOrder", "order")])
add("h07", "relative Location; once an answer with relative URLs, which is refused", says=["not an absolute URL"], extra=1, faults=[
    edit(lambda ca, r: r.set({k: v.replace(ca.origin, "") if isinstance(v, str) else v for k, v in r.value().items()}), on="newOrder"),
    edit(lambda ca, r: setattr(r, "headers", [(k, v.replace(ca.origin, "") if k == "Location" else v) for k, v in r.headers]), on="newOrder|newAccount|order", times=LATER)])
add("h08", "a header of 64 KiB", faults=each("newOrder|cert", wire="header"))
add("h09", "1 GiB of blanks, gzipped", faults=[{"on": k, "wire": "gzip"} for k in ("newOrder", "order", "cert")])
add("h10", "every POST: reset after the request was carried out", told={"accountDoesNotExist": (1, 1)}, faults=[{"on": k, "do": "lost"} for k in ALL_POSTS.split("|")])
add("h11", "HTTP/2: GOAWAY and RST_STREAM in the middle of an order", origin="h2", faults=[
    {"on": "newOrder", "wire": "goaway"}, {"on": "authz", "wire": "rst"}, {"on": "finalize", "wire": "goaway"}, {"on": "cert", "wire": "rst"}])
DRIP = {"on": "newNonce", "wire": "drip"}
# Once before any request can be signed, once for a certificate: half a minute each until it is given up.
add("h12", "one byte a second", faults=[DRIP, {"on": "cert", "wire": "drip"}], short={"faults": [DRIP]})
add("h13", "404 with nothing in it", faults=each("newOrder|newNonce|authz|cert", do="answer", status=404, nonce="no"), extra=2)

# ---- Retry-After ----

add("r01", "Retry-After of a day on an order that is ready in a second", faults=[{"on": "order|finalize|newOrder", "times": LATER, "headers": header("Retry-After", "86400")}],
    delay=(0, 61))
add("r02", "Retry-After as a date that has passed", faults=[{"on": "newOrder", "times": 2, "do": "answer", "status": 429, "problem": ("rateLimited", "slow down"),
                                                            "headers": header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")}], delay=(0, 61))
for number, text in (("r03", "-1"), ("r04", "soon")):
    add(number, "Retry-After: " + text, faults=[{"on": "newOrder", "times": 2, "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                "headers": header("Retry-After", text)}], delay=(0, 301))
add("r05", "Retry-After of 10^20 seconds", faults=[{"on": "newOrder", "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                   "headers": header("Retry-After", "1" + "0" * 20)}], delay=(86000, 86401))
add("r06", "429 without Retry-After", faults=each("newOrder|finalize", times=2, do="answer", status=429, problem=("rateLimited", "slow down")), delay=(0, 301), extra=2)
add("r07", "503 with Retry-After at the certificate's URL", faults=[{"on": "cert", "do": "answer", "status": 503, "headers": header("Retry-After", "120")}],
    delay=(110, 121))
add("r08", "Retry-After on the answer to a challenge", faults=[{"on": "challenge", "times": LATER, "headers": header("Retry-After", "60")}], delay=(0, 61))

# ---- orders ----

add("o01", "the answer to newOrder is lost", faults=[{"on": "newOrder", "do": "lost"}])
RENEWED = "SELECT count(*) = 2 FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}' AND c.state = 'issued'"


# Only what the CA gives renewal information for can be said to be replaced.
WINDOW_KNOWN = ("", "SELECT count(*) = 1 FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = i.certificate_id JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}' AND i.window_start IS NOT NULL")


def normal_window(ca, cert):
    """Two thirds into its life."""
    middle = cert.x509().not_valid_before.timestamp() + 60 * 86400
    return {"suggestedWindow": {"start": stamp(middle), "end": stamp(middle + 86400)}}


add("o02", "the answer to newOrder with replaces is lost, then 409 (Boulder)", knobs={"ari": normal_window}, issued=2, orders=2, more=1,
    faults=[{"on": "newOrder", "replaces": True, "do": "lost"}], told={"alreadyReplaced": (0, 1)}, then=[WINDOW_KNOWN, ("SELECT certmgr.renew({cert})", RENEWED)])
add("o03", "newOrder says ready", knobs={"prevalidated": True}, extra=-3)


def born_valid(ca, response):
    """An order that is valid from the start: its certificate is for a key of somebody else."""
    order = ca.orders[max(ca.orders)]
    key = certs.ec.generate_private_key(certs.ec.SECP256R1()).public_key()
    cert = acme.Cert(order, ca.app.pki.intermediate.issue(key, order.names), ca.number(), key)
    ca.certs[cert.number] = order.cert = cert
    order.status, cert.stray = "valid", True
    response.set(ca.order_object(order))


add("o04", "newOrder says valid", faults=[edit(born_valid, on="newOrder")], extra=1, orders=2)
def is_valid(ca):
    return any(order.status == "valid" for order in ca.orders.values())


add("o05", "a status that nobody knows", faults=[edit(put(status="percolating"), on="order", times=2)], extra=2)
add("o06", "valid, but without the certificate's URL", extra=3, faults=[edit(drop("certificate"), on="finalize"), edit(drop("certificate"), on="order", times=2, when=is_valid)])
add("o07", "no finalize URL on GET", faults=[edit(drop("finalize"), on="order", times=LATER)])
add("o08", "no Location on newOrder once, nor on finalize", faults=[{"on": "newOrder", "remove": ["location"]}, {"on": "finalize|order", "times": LATER, "remove": ["location"]}])
add("o09", "identifiers in another order and in upper case", certs=[["a.{s}.example.test", "b.{s}.example.test"]], faults=[
    edit(change(lambda ca, v: v.update(identifiers=[{"type": "dns", "value": i["value"].upper()} for i in reversed(v["identifiers"])])), on="newOrder|order|finalize", times=LATER),
    edit(change(lambda ca, v: v["identifier"].update(value=v["identifier"]["value"].upper())), on="authz", times=LATER)])
add("o10", "fewer authorizations than names", certs=[["a.{s}.example.test", "b.{s}.example.test"]], faults=[
    edit(change(lambda ca, v: v.update(authorizations=v["authorizations"][1:])), on="newOrder|order|finalize", times=LATER)], knobs={"prevalidated": 1}, extra=-2)
add("o11", "processing for three days", knobs={"finalize": "async", "processing_polls": 12}, age="3 days", message="signing", extra=12, issued=1)
add("o12", "from processing to invalid, with no reason", knobs={"finalize": "async", "processing_polls": 50}, extra=8, issued=2, outcome="issued", orders=2,
    faults=[edit(lambda ca, r: invalidate(ca, r), on="order", times=1, when=lambda ca: any(o.status == "processing" for o in ca.orders.values()))])


def invalidate(ca, response):
    order = next(o for o in ca.orders.values() if o.status == "processing")
    order.status = "invalid"
    ca.scenario["knobs"]["processing_polls"] = 1
    response.set(ca.order_object(order))


def forget_orders(ca, response):
    ca.orders.clear()
    ca.authzs.clear()


add("o13", "the server was restarted and forgot the order", faults=[edit(forget_orders, on="authz")], extra=3, told={"malformed": (1, 1)})
add("o14", "one order for two certificates with the same names", certs=[["{s}.example.test"], ["{s}.example.test"]], orders=2, extra=4, wobble=4)
# Some CAs sign while we wait: a minute is no reason to hang up.
add("o15", "finalize: a minute of silence, then cut; the certificate was issued", faults=[{"on": "finalize", "wire": "late", "silence": 60}],
    check=["SELECT max(e.ms) >= 60000 FROM certmgr.acme_exchange e JOIN certmgr.acme_account t ON t.id = e.account_id JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = '{ca}' AND e.kind = 'finalize'"],
    short={"faults": [{"on": "finalize", "wire": "late"}], "check": []})
add("o16", "orderNotReady, then ready", faults=[{"on": "finalize", "times": 2, "do": "answer", "status": 403, "problem": ("orderNotReady", "Order's status is pending")}], extra=2)
# Until it wanted to wait for twenty seconds, which jitter puts off: in four of ten runs that comes after the sixth finalize, in one of a thousand after the tenth.
add("o17", "orderNotReady for ever", faults=[{"on": "finalize", "times": LATER, "do": "answer", "status": 403, "problem": ("orderNotReady", "Order's status is pending")}],
    outcome="waiting", message="orderNotReady|not ready", delay=(20, 301), least={"finalize": 6}, most={"finalize": 10}, extra=10, wobble=4)
add("o18", "badCSR", faults=[{"on": "finalize", "times": LATER, "do": "answer", "problem": ("badCSR", "The CSR is no good")}], outcome="failed", message="badCSR: The CSR is no good", orders=1, extra=-1)
add("o19", "expires in the past", faults=[edit(put(expires="2001-01-01T00:00:00Z"), on="newOrder|order|authz|finalize", times=LATER)])
add("o20", "finalize says that it was called already", faults=[{"on": "finalize", "do": "instead", "status": 403,
                                                               "problem": ("orderNotReady", "Order's status (\"valid\") is not acceptable for finalization")}])

BAD_KEY = ("badPublicKey", "The key is on a list of keys that are known to others")
add("o21", "finalize: the key is refused, once", faults=[{"on": "finalize", "do": "answer", "problem": BAD_KEY}], extra=1, orders=1)
add("o22", "finalize: any key is refused", faults=[{"on": "finalize", "times": LATER, "do": "answer", "problem": BAD_KEY}], extra=1, outcome="failed",
    message="does not take keys of this kind, EC-P256: the CA said: badPublicKey", most={"newOrder": 2, "finalize": 2})
add("o25", "an order that is being signed is not known for a moment", knobs={"finalize": "async", "processing_polls": 3}, extra=3, wobble=1, orders=1, faults=[
    {"on": "order", "when": lambda ca: any(o.status == "processing" for o in ca.orders.values()), "times": 2, "do": "answer", "status": 404, "problem": ("malformed", "No order for ID")}])
# So long a document is not kept, and a type without a prefix is none by the book.
add("o23", "finalize: any key is refused, in an endless document", faults=[{"on": "finalize", "times": LATER, "do": "answer", "problem": BAD_KEY, "more": {"padding": "x" * 9000}}],
    extra=1, outcome="failed", message="does not take keys of this kind, EC-P256: the CA said: badPublicKey", most={"newOrder": 2, "finalize": 2})
add("o24", "days after it was made an order meets its first trouble", faults=[{"on": "newOrder", "times": 4, "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                                            "headers": header("Retry-After", "5")}], age="3 days", message="busy")
# For subscribers that want the rest: 102_acme_wishes.pl.
add("w01", "newOrder refuses two of four names once", by="102_acme_wishes.pl", faults=[
    {"on": "newOrder", "do": "answer", "status": 403, "problem": ("rejectedIdentifier", "Error creating new order"), "more": {"subproblems": [
        {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "policy forbids", "identifier": {"type": "dns", "value": name}}
        for name in ("b.w01.example.test", "*.D.w01.example.test", "foreign.example.test")]}}])
add("w02", "newOrder always refuses one name, as Boulder says it", by="102_acme_wishes.pl", faults=[
    {"on": "newOrder", "times": LATER, "do": "answer", "status": 400, "problem": ("rejectedIdentifier", "Error creating new order :: Cannot issue for \"a.w02.example.test\": it is forbidden")}])
add("w03", "notBefore and notAfter are refused", by="102_acme_wishes.pl")


def refusal(*names):
    return {"subproblems": [{"type": "urn:ietf:params:acme:error:caa", "detail": "records forbid", "identifier": {"type": "dns", "value": name}} for name in names]}


def refused_order(ca, response):
    """Finalized, and then refused for some of its names: RFC 8555 7.4, "error" of the order."""
    order = max(ca.orders.values(), key=lambda o: o.number)
    order.status, order.cert = "invalid", None
    order.error = {"type": "urn:ietf:params:acme:error:caa", "detail": "While processing CAA", **refusal("b.w05.example.test")}
    ca.certs.clear()
    response.set(ca.order_object(order))


def refused_name(ca, response):
    """Validation of one name fails, and with it the order: why is said by its authorization alone."""
    for authz in ca.authzs.values():
        if authz.name == "b.w06.example.test" and authz.task is not None:
            authz.task.cancel()
            authz.status = authz.challenge_status = "invalid"
            authz.error = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "Incorrect TXT record", "status": 403}


add("w04", "finalize refuses two of three names once", by="102_acme_wishes.pl", faults=[
    {"on": "finalize", "do": "answer", "status": 403, "problem": ("caa", "Error finalizing order"), "more": refusal("a.w04.example.test", "c.w04.example.test")}])
add("w05", "an order that becomes invalid for one of its names", by="102_acme_wishes.pl", faults=[edit(refused_order, on="finalize", times=1)])
add("w06", "an authorization that becomes invalid", by="102_acme_wishes.pl", faults=[edit(refused_name, on="challenge", times=3)])
add("w07", "notBefore and notAfter are passed over", by="102_acme_wishes.pl", knobs={"times": "ignored"})
add("w08", "profiles", by="102_acme_wishes.pl", knobs={"profiles": {"classic": "https://ca.example/classic", "short": "https://ca.example/short"}})
add("w09", "a profile is added later", by="102_acme_wishes.pl", knobs={"profiles": {"classic": "https://ca.example/classic"}})

# For a server whose standby does not hear what it commits: 118_acmed_durable.pl.
add("s02", "a certificate without proof", by="118_acmed_durable.pl", knobs={"prevalidated": True}, orders=1, extra=-2)
add("s01", "one certificate without proof, one whose names but the first need it", by="118_acmed_durable.pl", knobs={"prevalidated": 1}, orders=2, extra=-3, wobble=2,
    certs=[["{s}.example.test"], ["%s.{s}.example.test" % x for x in "abcd"]])

# What 103_acme_astray.pl does with them.
def wavering(ca, value):
    """Between pending and processing, each time it is asked."""
    ca.wavers = getattr(ca, "wavers", 0) + 1
    return {**value, "status": "processing" if ca.wavers % 2 else "pending"}


for number in ("x01", "x07"):
    add(number, "newOrder is refused for good, but for the first", by="103_acme_astray.pl", faults=[{"on": "newOrder", "skip": 1, "times": LATER, "do": "answer", "status": 403,
                                                                                                 "problem": ("rejectedIdentifier", "never")}])
add("x02", "nothing is wrong", by="103_acme_astray.pl")
add("x03", "nothing is wrong here, either", by="103_acme_astray.pl")
add("x04", "newOrder is answered with 503 for ever", by="103_acme_astray.pl", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                                                     "headers": header("Retry-After", "3600")}])
add("x05", "pending and processing by turns", by="103_acme_astray.pl", faults=[edit(change(wavering), on="order", times=LATER)])
add("x08", "challenges are answered with 503 for ever", by="103_acme_astray.pl", faults=[{"on": "challenge", "times": LATER, "do": "answer", "status": 503, "problem": ("serverInternal", "busy"),
                                                                                       "headers": header("Retry-After", "3600")}])
add("x06", "held where the test wants it", by="103_acme_astray.pl")

# ---- authorizations ----

add("a01", "valid, and no challenge that we know", knobs={"prevalidated": True}, extra=-1, faults=[
    edit(put(challenges=[{"type": "magic-01", "url": 7, "status": "valid"}]), on="authz", times=LATER),
    edit(lambda ca, r: r.set({**r.value(), "status": "pending"}), on="newOrder")])
add("a02", "step-ca: the challenge stays pending with an error", ca="quirks => '{\"challenge_repost\": true}'", repost=True,
    dns=[{"view": "ca", "on": "query", "type": "TXT", "times": 2, "do": "servfail"}], views=["ca"], says=["asked again"], extra=7, wobble=4)


def one_token(ca, response):
    for authz in ca.authzs.values():
        authz.token = ca.__dict__.setdefault("token", authz.token)


add("a03", "one token for apex and wildcard", certs=[["{s}.example.test", "*.{s}.example.test"]], faults=[edit(one_token, on="newOrder", times=LATER)])
add("a04", "a token with ../ in it, and one of 10 KiB", certs=[["a.{s}.example.test"], ["b.{s}.example.test"]], outcome="waiting", message="token", faults=[
    edit(change(lambda ca, v: [c.update(token="../" * 12 if v["identifier"]["value"][0] == "a" else "A" * 10240) for c in v["challenges"]] and None), on="authz", times=LATER)], extra=-7, wobble=1)
add("a05", "no wildcard flag", certs=[["*.{s}.example.test"]], faults=[edit(drop("wildcard"), on="authz", times=LATER)])


def shuffle(ca, value):
    for key in ("authorizations", "challenges", "identifiers"):
        if key in value:
            random.shuffle(value[key])


add("a06", "lists in another order each time", certs=[["{s}.example.test", "a.{s}.example.test", "*.b.{s}.example.test"]], faults=[
    edit(change(shuffle), on="newOrder|order|authz|finalize", times=LATER)])


def late_authz(ca, response):
    for authz in ca.authzs.values():
        if authz.challenge_status == "valid" and acme.time.time() - authz.validated > ca.knob("late"):
            authz.status = "valid"
            response.set(ca.order_object(next(iter(ca.orders.values()))))


# The CA is asked ever more rarely meanwhile: doubled from milliseconds to a quarter of a minute.
add("a07", "challenge valid, authorization pending for a minute", authz_late=True, knobs={"late": 60}, patient=True, early=22, faults=[edit(late_authz, on="order", times=LATER)],
    # A minute is over: with each question for the order, which are a quarter of a minute apart, one for the authorization: once or twice. The question that finds the order ready counts as too early here.
    extra=1, wobble=1, least={"authz": 2}, short={"knobs": {"late": 2}, "extra": 0, "wobble": 0, "least": {}})


def deactivate(ca, response):
    if any(a.status == "valid" for a in ca.authzs.values()):
        for authz in ca.authzs.values():
            authz.status = "deactivated"
        for order in ca.orders.values():
            order.settle()
        response.set({**response.value(), "status": "invalid"})


add("a15", "an authorization for a name that nobody ordered", faults=[edit(change(lambda ca, v: v["identifier"].update(value="bank.example.test")), on="authz", times=LATER)], outcome="failed",
    message="bank.example.test, which was not ordered", orders=1, most={"challenge": 0, "newOrder": 4}, extra=2, wobble=1, delay=(4000, 86401), check=["SELECT count(*) = 0 FROM certmgr.dns_record WHERE name LIKE '%bank%'"])
add("a08", "authorization deactivated after it was valid", faults=[edit(deactivate, on="order")], extra=5, orders=2)
add("a09", "Vault: the problem's type counts, not status 500", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 500,
                                                                      "problem": ("rejectedIdentifier", "not allowed by this role")}], outcome="failed",
    message="rejectedIdentifier: not allowed by this role", most={"newOrder": 1}, extra=-5)
add("a10", "three of fifty names are refused", certs=[["h%02d.{s}.example.test" % i for i in range(50)]], outcome="failed", most={"newOrder": 1}, extra=-103,
    message="h07.a10.example.test.*h23.a10.example.test.*h42.a10.example.test", faults=[
        {"on": "newOrder", "times": LATER, "do": "answer", "status": 403, "problem": ("rejectedIdentifier", "Error creating new order"), "more": {"subproblems": [
            {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "policy forbids", "identifier": {"type": "dns", "value": "h%02d.a10.example.test" % i}}
            for i in (7, 23, 42)]}}])



def being_checked(ca, response):
    """Somebody answered the challenges before us: with our key, but nobody here knows of it. Checked when the records are there."""
    for authz in ca.authzs.values():
        if authz.challenge_status == "pending":
            authz.challenge_status = "processing"
        elif authz.task is None and ca.updates > 0:
            authz.task = acme.asyncio.ensure_future(ca.validate(authz))
    value = response.value()
    for challenge in value["challenges"]:
        if value["status"] == "pending" and challenge["type"] == "dns-01" and challenge["status"] == "pending":
            challenge["status"] = "processing"
    response.set(value)




def keep_pending(ca, response):
    value = response.value()
    if value.get("status") == "invalid":
        response.set({**value, "status": "pending"})


# Made older when it was seen to wait. Until then it is asked for, milliseconds and then seconds apart: two to twelve times, and the first order
# costs a newOrder, an authorization that is read twice and a challenge more.
add("a12", "an authorization that failed, and its order stays pending", views=["ca"], dns=[{"view": "ca", "on": "query", "type": "TXT", "times": 1, "do": "nxdomain"}],
    provider={"nameservers": ["main"]}, ca_views=["ca"], faults=[edit(keep_pending, on="order", times=LATER)], failed=1, orders=2, age="2 minutes", message="checking the names",
    says=["NXDOMAIN looking up TXT"], extra=17, wobble=12, delay=(40, 80))
add("a11", "the challenge is being checked when it is first seen: it was answered by a server whose database was lost", faults=[edit(being_checked, on="authz", times=LATER)])

# ---- certificates ----


def foreign_key(ca, order, key):
    return ca.app.pki.intermediate.issue(certs.ec.generate_private_key(certs.ec.SECP256R1()).public_key(), order.names)


add("c01", "a leaf for another key", make=foreign_key, outcome="failed", issued=1, message="not accepted.*key")
add("c02", "a leaf with other names", make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, ["evil.example.test"]), outcome="failed", issued=1, message="not accepted.*name")
add("c03", "no intermediates", chain=0, bundle=lambda ca, cert, chain: chain[0])
add("c04", "the leaf comes last", bundle=lambda ca, cert, chain: chain[1] + chain[0], chain=1)
def two_leaves(ca, cert, chain):
    """a: somebody else's goes first; b: a second one for our key."""
    ours = cert.order.names[0].startswith("b.")
    stray = ca.app.pki.intermediate.issue(cert.key, cert.order.names) if ours else foreign_key(ca, cert.order, None)
    return certs.to_pem(stray) + chain[0] + chain[1]


add("c05", "two leaves: the right one is taken; two for our key are refused", certs=[["a.{s}.example.test"], ["b.{s}.example.test"]], outcome={"issued": 1, "failed": 1}, issued=2,
    bundle=two_leaves, chain=1, says=["two certificates for our key"])
add("c06", "alternates that go round in circles, none of them the wanted one", ca="preferred_chain => 'no such root'", knobs={"alternates": 3}, chain=1, extra=5, least={"cert": 4}, most={"cert": 4})


def broken_alternate(ca, cert, chain):
    """The chain that is wanted goes with somebody else's certificate."""
    return certs.to_pem(foreign_key(ca, cert.order, None)) + chain[1] if chain[1] == ca.app.pki.cross.pem() else chain[0] + chain[1]


add("c12", "the alternate that is wanted is for another key", ca="preferred_chain => 'acmed other root'", knobs={"alternates": 1}, bundle=broken_alternate, chain=1, extra=1, most={"cert": 2})
add("c07", "CRLF, and text before the certificates", chain=1,
    bundle=lambda ca, cert, chain: b"Subject: whatever\r\nIssuer: whoever\r\n\r\n" + b"\r\n".join((chain[0] + b"\n# next\n" + chain[1]).split(b"\n")))
add("c08", "notBefore lies in the future", make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, order.names, start=certs.now() + certs.datetime.timedelta(minutes=50)))
add("c09", "a chain of 10 MB, once", faults=[edit(lambda ca, r: setattr(r, "body", r.body * 8000), on="cert")], extra=2)
def elsewhere(ca, value):
    """a: an address that nobody should go to; b: another host of the CA, which RFC 8555 does not forbid."""
    if "certificate" not in value:
        return None
    if value["identifiers"][0]["value"].startswith("a."):
        return {**value, "certificate": "https://169.254.169.254/latest/meta-data/"}
    return {**value, "certificate": value["certificate"].replace(ca.origin, ca.app.origins["other"])}


# The notes call a URL off-origin a breach of the protocol. It is none (RFC 8555 says nothing of the hosts of a CA's URLs, and CAs have several),
# and to refuse it protects nobody: the request is signed for its URL and has no content, and where connections may go is certmgr.allowed_networks.
add("c10", "the certificate's URL is off-origin: at an address where nobody should go; at another host of the CA", certs=[["a.{s}.example.test"], ["b.{s}.example.test"]],
    faults=[edit(change(elsewhere), on="finalize|order", times=LATER)], outcome={"issued": 1, "pending": 1}, issued=2, message="address 169.254.169.254:443 .* is not allowed", extra=-1)
add("c11", "a negative serial number; one of 21 octets; no authority key identifier", certs=[["a.{s}.example.test"], ["b.{s}.example.test"], ["c.{s}.example.test"]],
    make=lambda ca, order, key: ca.app.pki.intermediate.issue(key, order.names, aki=order.names[0][0] != "c", octets={"a": b"\x9f" + b"\x11" * 15, "b": b"\x1f" * 21}.get(order.names[0][0])),
    outcome={"issued": 1, "failed": 2}, issued=3, extra=10, says=["serial number is negative", "serial number is longer than 20 octets"])

# ---- accounts ----


def lose_account(ca, response):
    ca.accounts.clear()


def deactivate_account(ca, response):
    for account in ca.accounts.values():
        account.status = "deactivated"


add("k01", "the CA does not know the account any more, in the middle of an order", faults=[edit(lose_account, on="newOrder")], extra=7, accounts=1, told={"accountDoesNotExist": (2, 4)})
add("k02", "the account was deactivated", faults=[edit(deactivate_account, on="newOrder")], outcome="needs_human", message="deactivated", extra=-3, told={"unauthorized": (1, 1)})
ONE_OF = {"on": "newAccount", "times": LATER, "do": "answer"}
NO_ALGORITHM = ("badSignatureAlgorithm", "JWS signature header contains unsupported algorithm")
add("k10", "no signature is right, least of all those that are listed", faults=[{**ONE_OF, "problem": NO_ALGORITHM, "more": {"algorithms": ["ES384", "ES256"]}}],
    outcome="waiting", message="badSignatureAlgorithm", most={"newAccount": 3}, extra=-6, wobble=3)


def turn(ca):
    ca.turns = getattr(ca, "turns", 0) + 1
    return ca.turns % 2


add("k11", "each signature should have been another one", faults=[{**ONE_OF, "when": turn, "problem": NO_ALGORITHM, "more": {"algorithms": ["ES384"]}}, {**ONE_OF, "problem": NO_ALGORITHM, "more": {"algorithms": ["ES256"]}}],
    outcome="waiting", message="badSignatureAlgorithm", most={"newAccount": 3}, extra=-6, wobble=3)
ROLLOVER = "SELECT certmgr.rollover_acme_account_key('{ca}')"
AGAIN = ("SELECT certmgr.create_subscriber('{ca} again', '{ca}', auto_renew => false, sans => '{again.{ca}.example.test}'); SELECT certmgr.issue('{ca} again')", RENEWED)


def rolled(states):
    return "SELECT rollover IN (%s) FROM certmgr.acme_account t JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = '{ca}' AND t.active" % states


add("k03", "keyChange: the answer is lost, once after it was carried out, once before", issued=2, more=1, extra=12, wobble=2, accounts=1, told={"accountDoesNotExist": (2, 2)},
    faults=[{"on": "keyChange", "do": "lost"}, {"on": "keyChange", "do": "drop"}],
    then=[(ROLLOVER, rolled("'done'")), (ROLLOVER, rolled("'done'")), AGAIN])
add("k04", "keyChange: 501, then 500, then 409", issued=2, more=1, extra=14, wobble=2, accounts=1, told={"accountDoesNotExist": (5, 5)}, faults=[
    {"on": "keyChange", "do": "answer", "status": 501, "problem": ("serverInternal", "not implemented")},
    {"on": "keyChange", "times": 4, "do": "answer", "status": 500, "text": "oops"}, {"on": "keyChange", "do": "answer", "status": 409, "text": ""}],
    then=[(ROLLOVER, rolled("'failed'")), (ROLLOVER, rolled("'failed', 'done'")), (ROLLOVER, rolled("'failed', 'done'")), AGAIN])
EAB = {"kid-1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
add("k05", "the external account key was burnt by a lost answer", knobs={"eab": EAB, "eab_single_use": True}, ca="eab_kid => 'kid-1', eab_hmac_key => '%s'" % EAB["kid-1"],
    faults=[{"on": "newAccount", "when": lambda ca: ca.accounts == {} and ca.looked, "do": "lost"}])
# Each round asks first whether the account exists: the first time that is no refusal, in a second round it is.
add("k06", "an external account is wanted although meta does not say so", knobs={"eab": EAB, "eab_in_meta": False}, outcome="needs_human", message="eab_kid", extra=-6, wobble=2, told={"externalAccountRequired": (1, 2), "accountDoesNotExist": (0, 1)})
add("w10", "an external account is wanted, later no more", by="102_acme_wishes.pl", knobs={"eab": EAB})
add("k07", "the terms of service change", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 403, "problem": ("userActionRequired", "Terms of service have changed"),
                                                  "more": {"instance": "https://ca.example/agree?id=7"}, "headers": header("Link", '<https://ca.example/tos/2>;rel="terms-of-service"')}],
    outcome="needs_human", message="Terms of service have changed", extra=-4, wobble=2)
add("k08", "newAccount is answered without a body", faults=[edit(lambda ca, r: r.status < 300 and setattr(r, "body", b""), on="newAccount", times=LATER)])
add("k09", "paused: 429 and a portal's address", faults=[{"on": "newOrder", "times": LATER, "do": "answer", "status": 429, "problem": (
    "rateLimited", "Your account is temporarily prevented from requesting certificates for k09.example.test. Please visit: https://portal.example/sfe/v1/unpause?jwt=abc")}],
    outcome="waiting", message="https://portal.example/sfe/v1/unpause", delay=(86000, 86401), most={"newOrder": 2}, extra=-4, wobble=1)

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
ARI = {"auto_renew": True, "least": {"renewalInfo": 2}, "ari_delay": (60, 104000)}
QUIET = {"orders": 1, **ARI}
NO_WINDOW = "SELECT bool_and(i.chosen_at IS NULL) FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = i.certificate_id JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}'"
LAST_WINDOW = NO_WINDOW.replace("i.chosen_at IS NULL", "i.chosen_at >= i.window_start AND i.chosen_at < i.window_end AND c.renew_at = i.chosen_at")
NO_REASON = NO_WINDOW.replace("i.chosen_at IS NULL", "i.explanation_url IS NULL AND i.status_message !~ 'javascript'")
NEWEST = "(SELECT max(c.id) FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '{ca}')"
add("i01", "ARI: window in the past", knobs={"ari": window(-2, -1)}, issued=2, orders=2, more=1, then=[("", RENEWED)], check=[SANE[1]], **ARI)
add("i02", "ARI: end before start", knobs={"ari": window(86400, 3600, False)}, check=[SANE[1], NO_WINDOW], **QUIET)
add("i03", "ARI: year 9999", knobs={"ari": far}, check=[SANE[1], NO_WINDOW], **QUIET)
add("i04", "ARI: another window each time", knobs={"ari": flipping}, check=[SANE[1], LAST_WINDOW], **{**QUIET, "least": {"renewalInfo": 4}})
add("i05", "ARI: 409 and 500 for replaces", knobs={"ari": window(-2, -1)}, issued=3, orders=3, more=2, then=[("", RENEWED), ("SELECT certmgr.renew(%s)" % NEWEST, RENEWED.replace("= 2", "= 3"))], faults=[
    {"on": "newOrder", "replaces": True, "do": "answer", "status": 409, "problem": ("alreadyReplaced", "already replaced")},
    {"on": "newOrder", "replaces": True, "do": "answer", "status": 500, "problem": ("serverInternal", "Error creating new order")}], check=[SANE[1]], **ARI)
add("i06", "ARI: window open when the certificate is issued", knobs={"ari": window(-3600, 3600, False)}, check=[SANE[1], NO_WINDOW], **QUIET)
add("i07", "ARI: 200 with HTML", knobs={"ari": lambda ca, cert: Response(200, "<html>hello</html>", kind="text/html")}, check=[SANE[1], NO_WINDOW], **{**QUIET, "ari_delay": (21500, 26000)})
add("i08", "ARI: Retry-After of a second", knobs={"ari": often}, check=[SANE[1], LAST_WINDOW], **{**QUIET, "ari_delay": (55, 75)})
add("i09", "ARI: explanationURL javascript:", knobs={"ari": script}, check=[SANE[1], NO_REASON], **QUIET)
add("i10", "ARI: 404", knobs={"ari": gone}, check=[SANE[1], NO_WINDOW], told={"malformed": (2, 4)}, **{**QUIET, "ari_delay": (21500, 26000)})

# ---- DNS ----

add("d01", "one name server is behind", views=["ns1", "ns2"], dns=[{"view": "ns2", "on": "query", "type": "TXT", "times": 3, "do": "nxdomain"}], asked={"ns1": ("TXT", 1, 9), "ns2": ("TXT", 4, 9)})
add("d02", "SERVFAIL, then ok", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": 3, "do": "servfail"}], asked={"ns1": ("TXT", 4, 9)})
add("d03", "a CNAME that goes round in circles", records=["_acme-challenge.{s}.example.test CNAME x.{s}.example.test", "x.{s}.example.test CNAME _acme-challenge.{s}.example.test"],
    outcome="waiting", message="CNAME|loop|alias", most={"challenge": 0}, extra=-4)
add("d04", "a CNAME into a zone of another account", records=["_acme-challenge.{s}.example.test CNAME {s}.foreign.test"], outcome="waiting", message="foreign.test", most={"challenge": 0}, extra=-4)
add("d05", "a wildcard TXT answers for every name", records=["*.{s}.example.test TXT masked"])
add("d06", "fifty TXT values of others at the name", records=["_acme-challenge.{s}.example.test TXT other-value-number-%02d-xxxxxxxxxxxxxxxxxxxxxx" % i for i in range(50)])
add("d07", "answers by UDP are truncated", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": LATER, "do": "truncate"}], asked={"ns1": ("TXT", 2, 12)})
add("d08", "that there is no TXT may be remembered for an hour", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": 2, "do": "empty"}], delay=(0, 61))
add("d09", "split horizon: the inner view never has the record", views=["ns1", "inner"], provider={"nameservers": ["ns1"], "resolvers": ["inner"]}, ca_views=["ns1"],
    dns=[{"view": "inner", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain", "idle": True}], asked={"inner": ("TXT", 0, 0), "ns1": ("TXT", 2, 9)})
add("d10", "a name server that has an IPv6 address only", views=["six"], asked={"six": ("TXT", 2, 9)})
add("d11", "the update is accepted and the record is never there", views=["ns1"], dns=[{"view": "ns1", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain"}],
    outcome="waiting", message="not yet at", most={"challenge": 0}, least_polls=5, extra=-4)
add("d12", "the answer to the update is lost", views=["own"], server="own", dns=[{"view": "own", "on": "update", "times": 1, "do": "lost"}])

# ---- directory ----


def move(ca, response):
    """All that the directory names goes elsewhere; orders and the like stay where they are."""
    ca.paths = {kind: "v2-" + path for kind, path in ca.paths.items()}


add("m01", "the directory's URLs change", faults=[edit(move, on="newAccount")], extra=2, told={"malformed": (1, 1)})
add("m02", "no renewalInfo, no keyChange", knobs={"directory": lambda ca, d: {k: v for k, v in d.items() if k not in ("renewalInfo", "keyChange")}}, extra=1, wobble=1, then=[(ROLLOVER, rolled("'failed'"))])

def down(on, times):
    return {"on": on, "times": times, "do": "answer", "status": 500, "text": "<h1>down</h1>"}


PAUSES = "SELECT count(*) > 0 AND sum(delay) >= %d FROM public.hurried WHERE ca = '{ca}' AND kind = 'breaker'"
# A quarter of an hour (and up to ten seconds, so that not all come back at once) is the longest pause: a day has ninety-six. After it the order is a day old, and the CA still not what it was.
add("m03", "500 for a day", faults=[down("directory", 106), down("newOrder", 2)], age="1 day", message="waits until the account|500", delay=(30, 911), check=[PAUSES % 86400],
    short={"faults": [down("directory", 12), down("newOrder", 2)], "check": [PAUSES % 30]})
add("m04", "meta with members of all sorts", knobs={"meta": {"termsOfService": 7, "caaIdentities": "x", "externalAccountRequired": "no", "profiles": [1, 2], "future": {"a": [None, True]}}})
add("m05", "URLs with http:", knobs={"directory": lambda ca, d: {k: v.replace("https:", "http:") if isinstance(v, str) else v for k, v in d.items()}}, outcome="waiting",
    message="no usable .*scheme", most={"newAccount": 0, "newNonce": 0}, extra=-8, wobble=1)
add("m06", "the TLS certificate has expired", origin="expired", outcome="waiting", message="certificate has expired", most={"directory": 0}, extra=-10)

# ---- limits ----

add("l01", "429 for the set of names, the time in words", faults=[{"on": "newOrder", "do": "answer", "status": 429, "problem": (
    "rateLimited", "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after {soon}: see https://ca.example/limits")}],
    delay=(7000, 7300), message="retry after")
add("l09", "429, until a day that is far away and written as nobody should", faults=[{"on": "newOrder", "do": "answer", "status": 429, "problem": ("rateLimited", "too many orders, retry after 2099-1-1 0:0:0 UTC: see https://ca.example/limits")}],
    delay=(0, 86401), message="retry after")
add("l02", "50 certificates a week of a registered domain, sixty subdomains", certs=[["h%02d.{s}.example.test" % i] for i in range(60)], knobs={"domain_limit": 50},
    setup="SELECT certmgr.set_acme_limit('{ca}', 'domain_certificates', 50, '7 days')", outcome={"issued": 50, "pending": 10}, orders=50, most={"newOrder": 50},
    message="rate limit of certificates of domain example.test until", extra=-70, wobble=60)
add("l03", "validation fails time after time", views=["ca"], dns=[{"view": "ca", "on": "query", "type": "TXT", "times": LATER, "do": "nxdomain"}], provider={"nameservers": ["main"]},
    ca_views=["ca"], outcome="failed", failed=4, orders=4, extra=14, message="NXDOMAIN looking up TXT", delay=(4000, 86401),
    # A minute, ten, a hundred: never five failures of a name within an hour, which is what Let's Encrypt allows.
    check=["SELECT string_agg(CASE WHEN delay < 80 THEN '1' WHEN delay < 800 THEN '10' ELSE '100' END, ' ' ORDER BY at) = '1 10 100' FROM public.hurried WHERE ca = '{ca}' AND kind = 'acme_order' AND delay > 40"])
add("l04", "two nodes share the ledger of limits", certs=[["h%d.{s}.example.test" % i] for i in range(5)], knobs={"new_order_limit": 3},
    setup="SELECT certmgr.set_acme_limit('{ca}', 'account_orders', 3, '30 days')", outcome={"issued": 3, "pending": 2}, orders=3, most={"newOrder": 3},
    message="rate limit of orders of our account until", extra=-14, wobble=2)

# The order of the renewal waits for its place, three seconds; it is not one of those that the test can hurry.
add("l05", "a renewal that waits for a rate limit says afterwards what it replaces", knobs={"ari": normal_window}, issued=2, orders=2, more=1,
    setup="SELECT certmgr.set_acme_limit('{ca}', 'account_orders', 1, '3 seconds')", then=[WINDOW_KNOWN, ("SELECT certmgr.renew({cert})", RENEWED)], replaced=1)

NONCES = 8      # that the client fetches at most for a burst


def price(fault):
    """Requests that a fault costs: what was asked is asked again, and where the answer brings no nonce one is fetched."""
    times = fault.get("times", 1)
    if times >= LATER or fault.get("do") == "edit":
        return 0
    bare = fault["on"] not in ("directory", "newNonce") and (fault.get("do") in ("lost", "drop") or "wire" in fault or fault.get("nonce") == "no")
    return times * (2 if bare else 1)


def several(wanted):
    """Whether an order gets the nonce that another one left over depends on who comes first."""
    return len(wanted) - 1


def budget(row, wanted):
    """Requests: directory, newAccount twice (looking for it, making it); for an order a nonce and newOrder, an authorization and a challenge a name
    (a nonce each, since all names are asked for at once), one question for the order, finalize, the certificate: 2N + 4. Not in it are
    questions while the CA is at it (counted as early) and those for renewal information."""
    orders = [len(names) for names in wanted]
    return 3 + several(wanted) + sum(min(n, NONCES) + 2 * n + 4 for n in orders) + 6 * row.get("more", 0) + sum(price(f) for f in row.get("faults", [])) + row.get("extra", 0)


PUBLIC = ("dear", "replaced", "early", "patient", "stale", "name", "title", "group", "by", "needs", "ca", "setup", "each_process", "message", "says", "delay", "ari_delay", "then", "check", "age", "least", "most", "told", "asked", "chain", "least_polls",
          "accounts", "failed", "orders", "auto_renew")


def table(app):
    """What the runner reads."""
    out = []
    for row in TABLE:
        wanted = [[n.format(s=row["name"]) for n in names] for names in row.get("certs", [["{s}.example.test"]])]
        outcome = row.get("outcome", "issued")
        public = {k: row[k] for k in PUBLIC if k in row}
        public.update(names=wanted, outcome=outcome, budget=budget(row, wanted), wobble=row.get("wobble", 0) + 2 * several(wanted),
                      issued=row.get("issued", len(wanted) if outcome == "issued" else outcome.get("issued", 0) if isinstance(outcome, dict) else 0),
                      directory=app.origin_of(row) + "/" + row["name"] + "/directory", provider=json.dumps(app.provider(row)),
                      records=[r.format(s=row["name"]) for r in row.get("records", [])])
        out.append(public)
    return out
