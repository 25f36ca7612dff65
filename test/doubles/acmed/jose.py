"""jose.py - JWS as RFC 8555 6.2 has it: reading, checking, keys. Raises Problem for whatever a strict server refuses."""
import base64
import hashlib
import hmac
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

CURVES = {"P-256": (ec.SECP256R1(), "ES256", hashes.SHA256(), 32), "P-384": (ec.SECP384R1(), "ES384", hashes.SHA384(), 48),
          "P-521": (ec.SECP521R1(), "ES512", hashes.SHA512(), 66)}
MACS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Problem(Exception):
    """A problem document (RFC 7807). A type without colon gets ACME's prefix."""

    def __init__(self, kind, detail, status=400, headers=(), **more):
        super().__init__("%s: %s" % (kind, detail))
        self.kind, self.detail, self.status, self.headers, self.more = kind, detail, status, list(headers), more

    def document(self):
        kind = self.kind if ":" in self.kind else "urn:ietf:params:acme:error:" + self.kind
        return {"type": kind, "detail": self.detail, "status": self.status, **self.more}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text, what="JWS"):
    """base64url without padding, and nothing else."""
    if not isinstance(text, str) or any(c not in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" for c in text):
        raise Problem("malformed", "%s is not base64url without padding" % what)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Problem("malformed", "%s is not base64url" % what) from None


def parse_object(data, what):
    try:
        value = json.loads(data)
    except ValueError:
        raise Problem("malformed", "%s is not JSON" % what) from None
    if not isinstance(value, dict):
        raise Problem("malformed", "%s is not a JSON object" % what)
    return value


def thumbprint(jwk):
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    return b64(hashlib.sha256(json.dumps({m: jwk[m] for m in members}, separators=(",", ":"), sort_keys=True).encode()).digest())


def public_key(jwk):
    """The key of a JWK, and the algorithms it may sign with."""
    if not isinstance(jwk, dict):
        raise Problem("malformed", "jwk is not an object")
    try:
        if jwk.get("kty") == "EC" and jwk.get("crv") in CURVES:
            curve, alg, _, size = CURVES[jwk["crv"]]
            x, y = unb64(jwk["x"]), unb64(jwk["y"])
            if len(x) != size or len(y) != size:
                raise Problem("badPublicKey", "coordinates of the wrong length (RFC 7518 6.2.1.2)")
            return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key(), [alg]
        if jwk.get("kty") == "RSA":
            key = rsa.RSAPublicNumbers(int.from_bytes(unb64(jwk["e"]), "big"), int.from_bytes(unb64(jwk["n"]), "big")).public_key()
            if key.key_size < 2048:
                raise Problem("badPublicKey", "RSA key is too short")
            return key, ["RS256"]
        if jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"])), ["EdDSA"]
    except (KeyError, ValueError):
        pass
    raise Problem("badPublicKey", "the key is not one that this server takes")


def verify(key, alg, data, signature):
    try:
        if alg == "RS256":
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif alg == "EdDSA":
            key.verify(signature, data)
        else:
            digest, size = next((d, s) for _, a, d, s in CURVES.values() if a == alg)
            if len(signature) != 2 * size:
                raise Problem("malformed", "the signature has not the length of %s" % alg)
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
    except InvalidSignature:
        raise Problem("malformed", "the JWS signature does not verify") from None


class Jws:
    """A flattened JWS, read; check() verifies it."""

    def __init__(self, value, what="JWS"):
        if set(value) != {"protected", "payload", "signature"}:
            raise Problem("malformed", "%s has other members than protected, payload, signature: %s" % (what, sorted(value)))
        self.head = parse_object(unb64(value["protected"], "protected header"), "protected header")
        self.payload = unb64(value["payload"], "payload")
        self.signature = unb64(value["signature"], "signature")
        self.data = (value["protected"] + "." + value["payload"]).encode()

    def check(self, jwk, allowed):
        key, algorithms = public_key(jwk)
        alg = self.head.get("alg")
        if alg not in allowed:
            raise Problem("badSignatureAlgorithm", "alg %r is not supported" % alg, algorithms=allowed)
        if alg not in algorithms:
            raise Problem("malformed", "alg %r does not fit the key" % alg)
        verify(key, alg, self.data, self.signature)
        return key

    def check_mac(self, secret):
        digest = MACS.get(self.head.get("alg"))
        if digest is None:
            raise Problem("malformed", "externalAccountBinding needs a MAC algorithm")
        if not hmac.compare_digest(hmac.new(secret, self.data, digest).digest(), self.signature):
            raise Problem("unauthorized", "the MAC of externalAccountBinding does not verify", 403)
