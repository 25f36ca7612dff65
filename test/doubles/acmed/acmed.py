"""acmed.py DIR KEY=VALUE... - an ACME server for tests of clients: one CA per scenario of scenarios.py, at /NAME/directory, all at once.

DNS_SERVER=127.0.0.1:PORT  the name server that knows the zone; TSIG_KEY=name of the key that clients sign updates with
ZONE=example.test          the zone
LONG=1                     what lasts for a minute or a day does; otherwise "short" of a scenario is put in its place

DIR/vars says where it listens. Control (plain HTTP): GET /table, GET /state, GET /ledger/NAME; POST /kill {"on": true}: from now on each CA
holds its first request of each kind, once before it is carried out and once after; GET /held {"count", "age", "quiet": seconds since the last request}; POST /release forgets the held
requests (their clients have been killed meanwhile), with {"deliver": true} they go on, with
{"only": ["NAME"]} those of these; {"on": true, "points": [["newOrder", "after"]]} holds there only
(["lookup", "before"]: all questions for TXT records to our views of the DNS); POST /set {"NAME": {...}} changes knobs. Ends on SIGTERM.
"""
import asyncio
import json
import os
import signal
import ssl
import sys
import time
import traceback

import ca as acme
import certs
import dnswire
import scenarios
import wire


class App:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        host, port = options["DNS_SERVER"].rsplit(":", 1)
        self.dns = (host, int(port))
        self.zone = options.get("ZONE", "example.test")
        self.pki = certs.Pki()
        self.cas, self.views, self.origins = {}, {}, {}
        self.killing, self.points, self.held = False, None, []
        self.trapped = 0
        self.heard = time.time()    # when somebody asked for something last, by HTTP or DNS

    # ---- HTTP ----

    async def handle(self, request):
        self.heard = time.time()
        try:
            _, name, rest = (request.target + "/").split("/", 2)
            if name == "trap":
                self.trapped += 1
            ca = self.cas.get(name)
            if ca is None:
                return wire.Response(404, b"", kind=None)
            return await ca.handle(request, rest.rstrip("/"))
        except Exception:
            traceback.print_exc()
            for ca in self.cas.values():
                if request.target.startswith("/%s/" % ca.name):
                    ca.violation("the double failed: " + traceback.format_exc(limit=-1))
            return wire.Response(500, b"the double failed", kind="text/plain")

    def origin_of(self, scenario):
        return self.origins[scenario.get("origin", "main")]

    # ---- DNS ----

    def scenario_of(self, name):
        labels = name.removesuffix("." + self.zone).split(".")
        return labels[-1] if labels[-1] in self.cas else None

    def dns_rule(self, scenario, view, on, rtype, tcp):
        ca = self.cas[scenario]
        self.heard = time.time()
        if on == "update":
            ca.updates += 1
        else:
            asked = ca.asked.setdefault(view.split("/")[-1], {})
            asked[rtype] = asked.get(rtype, 0) + 1
        for rule in ca.dns_faults:
            if rule["view"] != view.split("/")[-1] or rule["on"] != on or rule.get("type", rtype) != rtype or rule.get("times", 1) <= 0:
                continue
            if rule.get("skip", 0) > 0:
                rule["skip"] -= 1
                continue
            rule["times"] = rule.get("times", 1) - 1
            rule["struck"] = rule.get("struck", 0) + 1
            return rule["do"]
        return None

    def provider(self, scenario):
        """Configuration of the DNS provider."""
        at = {v: self.views["%s/%s" % (scenario["name"], v)].text() for v in scenario.get("views", [])}
        config = {"server": at.get(scenario.get("server"), self.views["main"].text()), "key_name": self.options["TSIG_KEY"], "zone": self.zone}
        given = scenario.get("provider", {"nameservers": [v for v in scenario.get("views", []) if v != "ca"] or ["main"]})
        for key, names in given.items():
            config[key] = [at.get(v, self.views["main"].text()) for v in names]
        return config

    def validation_servers(self, ca):
        names = ca.scenario.get("ca_views", ca.scenario.get("views", []))
        views = [self.views["%s/%s" % (ca.name, v)] for v in names]
        return [(v.address, v.port) for v in views] or [self.dns]

    # ---- kills ----

    def wants(self, ca, point):
        # Asked again when no answer comes: they are held as long as that is wished, and only then.
        if point[0] == "lookup":
            return self.killing and self.points is not None and point in self.points
        return self.killing and point not in ca.struck_points and (self.points is None or point in self.points)

    async def hold(self, ca, kind, phase):
        """False: the client is gone, and nothing more is to be done; true: as if nothing had been."""
        point = (kind, phase)
        if not self.wants(ca, point):
            return True
        ca.struck_points.add(point)
        future = asyncio.get_running_loop().create_future()
        self.held.append((time.time(), future, ca.name, kind, phase))
        return await future

    async def hold_dns(self, scenarios, kind, phase):
        """Held once for all of them that want it."""
        wanting = [self.cas[name] for name in scenarios if self.wants(self.cas[name], (kind, phase))]
        if not wanting:
            return True
        for ca in wanting[1:]:
            ca.struck_points.add((kind, phase))
        return await self.hold(wanting[0], kind, phase)

    # ---- control ----

    async def control(self, request):
        path, answer = request.target, {}
        if path == "/table":
            answer = scenarios.table(self)
        elif path == "/state":
            answer = {name: ca.summary() for name, ca in self.cas.items()}
            answer["_trapped"] = self.trapped
        elif path.startswith("/ledger/"):
            answer = self.cas[path.split("/")[2]].ledger
        elif path == "/held":
            answer = {"count": len(self.held), "age": time.time() - self.held[0][0] if self.held else 0,
                      "quiet": time.time() - self.heard, "points": [h[2:] for h in self.held]}
        elif path == "/kill":
            wish = json.loads(request.body)
            self.killing = wish["on"]
            self.points = {tuple(point) for point in wish["points"]} if "points" in wish else None
        elif path == "/release":
            wish = json.loads(request.body or b"{}")
            held = [entry for entry in self.held if entry[2] in wish.get("only", [entry[2]])]
            self.held = [entry for entry in self.held if entry not in held]
            for entry in held:
                entry[1].set_result(bool(wish.get("deliver")))
            answer = {"count": len(held)}
        elif path == "/set":
            for name, knobs in json.loads(request.body).items():
                self.cas[name].scenario.setdefault("knobs", {}).update(knobs)
        else:
            return wire.Response(404, {})
        return wire.Response(200, answer)

    # ---- start ----

    def tls(self, which, start, life):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki.write_tls(self.folder, which, start, life))
        return context

    async def start(self):
        good = (certs.now() - certs.DAY, 30 * certs.DAY)
        self.origins["main"] = await wire.listen(self.handle, self.tls("tls", *good))
        self.origins["h2"] = await wire.listen(self.handle, self.tls("tls-h2", *good), h2=True)
        self.origins["expired"] = await wire.listen(self.handle, self.tls("tls-expired", certs.now() - 10 * certs.DAY, certs.DAY))
        self.origins["other"] = await wire.listen(self.handle, self.tls("tls-other", *good))
        control = await wire.listen(self.control, None)
        self.views["main"] = await dnswire.Proxy(self, "main", self.dns).start()
        for row in scenarios.TABLE:
            if "LONG" not in self.options:
                row.update(row.get("short", {}))
            for view in row.get("views", []):
                address = "::1" if view == "six" else "127.0.0.1"
                key = "%s/%s" % (row["name"], view)
                try:
                    self.views[key] = await dnswire.Proxy(self, key, self.dns, address).start()
                except OSError:
                    row["needs"] = "an address %s" % address
                    self.views[key] = self.views["main"]
            for fault in row.get("faults", []):
                fault["headers"] = [(k, v.replace("{trap}", self.origins["other"] + "/trap")) for k, v in fault.get("headers", [])]
            ca = self.cas[row["name"]] = acme.CA(self, row)
            ca.struck_points = set()
        lines = {"CONTROL": control, "ACME_ORIGIN": self.origins["main"], "ACME_TLS_CA": os.path.join(self.folder, "ca.pem"),
                 "ACME_ROOT": os.path.join(self.folder, "root.pem"), "DNS_PROXY": self.views["main"].text()}
        with open(lines["ACME_TLS_CA"], "wb") as f:
            f.write(self.pki.tls.pem())
        with open(lines["ACME_ROOT"], "wb") as f:
            f.write(self.pki.root.pem())
        with open(os.path.join(self.folder, "vars.new"), "w") as f:
            f.writelines("%s=%s\n" % item for item in lines.items())
        os.rename(os.path.join(self.folder, "vars.new"), os.path.join(self.folder, "vars"))


async def main():
    app = App(sys.argv[1], dict(argument.split("=", 1) for argument in sys.argv[2:]))
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await app.start()
    await end.wait()


if __name__ == "__main__":
    asyncio.run(main())
