"""acmedns.py - a double of an acme-dns server: accounts, updates, the last two values of each name, served over DNS; and, for the
delegations, a zone of somebody whose _acme-challenge names are CNAMEs into it.

Options: domain=auth.test (the server's), zones=example.test,other.test (of its users), accounts=N (made at start; ACCOUNTS in the
variables has them as "fulldomain user password;..."). Control: POST /set {"cname": {"_acme-challenge.example.test": "x.auth.test"}}.
"""
import json
import re
import uuid

import apiserver


class AcmeDns(apiserver.App):
    def __init__(self, options):
        super().__init__({"domain": "auth.test", "zones": "example.test,other.test", "accounts": "2", **options})
        self.accounts = {}      # user -> (password, subdomain)
        self.values = {}        # subdomain -> the last two, the oldest first
        self.dns.add_zone(self.options["domain"], wildcard=False)
        for zone in self.options["zones"].split(","):
            self.dns.add_zone(zone)
        for _ in range(int(self.options["accounts"])):
            self.register()

    def register(self):
        user, password, subdomain = str(uuid.uuid4()), uuid.uuid4().hex, str(uuid.uuid4())
        self.accounts[user] = (password, subdomain)
        self.values[subdomain] = []
        return {"username": user, "password": password, "subdomain": subdomain, "fulldomain": subdomain + "." + self.options["domain"], "allowfrom": []}

    def variables(self):
        return {"ACCOUNTS": ";".join("%s.%s %s %s" % (sub, self.options["domain"], user, password) for user, (password, sub) in self.accounts.items())}

    def state(self):
        return self.values

    def set(self, values):
        for name, target in values.pop("cname", {}).items():
            self.dns.set(name, "CNAME", [target] if target else [])
        super().set(values)

    def answer(self, status, body):
        return apiserver.Response(status, json.dumps(body), {"Content-Type": "application/json"})

    def handle(self, request):
        if (request.method, request.path) == ("POST", "/register"):
            return self.answer(201, self.register())
        if (request.method, request.path) != ("POST", "/update"):
            return apiserver.Response(404, "404 page not found\n")
        password, subdomain = self.accounts.get(request.headers.get("X-Api-User", ""), (None, None))
        try:
            body = json.loads(request.body)
        except ValueError:
            return self.answer(400, {"error": "malformed_json_payload"})
        if password is None or password != request.headers.get("X-Api-Key") or body.get("subdomain") != subdomain:
            return self.answer(401, {"error": "forbidden"})
        if not re.fullmatch(r"[0-9A-Za-z_-]{43}", body.get("txt", "")):
            return self.answer(400, {"error": "bad_txt"})
        self.values[subdomain] = (self.values[subdomain] + [body["txt"]])[-2:]
        self.dns.set(subdomain + "." + self.options["domain"], "TXT", self.values[subdomain], ttl=1)
        return self.answer(200, {"txt": body["txt"]})


if __name__ == "__main__":
    apiserver.main(AcmeDns)
