"""certs.py - the keys and certificates of acmed: TLS, root, intermediates, leaves, and leaves as nobody should make them."""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
DAY = datetime.timedelta(days=1)
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def now():
    return datetime.datetime.utcnow()


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])


def tlv(tag, content):
    n = len(content)
    if n < 128:
        return bytes([tag, n]) + content
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def read_tlv(data):
    """(content, whole length) of the first element."""
    n, at = data[1], 2
    if n & 0x80:
        at += n & 0x7f
        n = int.from_bytes(data[2:at], "big")
    return data[at:at + n], at + n


class Issuer:
    """A CA certificate with its key."""

    def __init__(self, cn, parent=None, key=None, life=3650 * DAY):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = name(cn)
        signer, issuer = (parent.key, parent.name) if parent else (self.key, self.name)
        public = self.key.public_key()
        self.cert = (x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer).public_key(public)
                     .serial_number(x509.random_serial_number()).not_valid_before(now() - DAY).not_valid_after(now() + life)
                     .add_extension(x509.BasicConstraints(True, None), True)
                     .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
                     .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
                     .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
                     .sign(signer, hashes.SHA256()))

    def pem(self):
        return self.cert.public_bytes(PEM)

    def issue(self, public, names, start=None, life=90 * DAY, serial=None, aki=True, cn=None, octets=None):
        """A leaf, as DER. octets: content of the serial number's INTEGER, whatever it is."""
        start = start or now() - datetime.timedelta(hours=1)
        sans = [x509.DNSName(n) if not n.replace(".", "").isdigit() else x509.IPAddress(ipaddress.ip_address(n)) for n in names]
        builder = (x509.CertificateBuilder().subject_name(name(cn)).issuer_name(self.name).public_key(public)
                   .serial_number(serial or x509.random_serial_number()).not_valid_before(start).not_valid_after(start + life)
                   .add_extension(x509.SubjectAlternativeName(sans), cn is None)
                   .add_extension(x509.BasicConstraints(False, None), True)
                   .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False))
        if aki:
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        cert = builder.sign(self.key, hashes.SHA256())
        if octets is None:
            return cert.public_bytes(DER)
        body, _ = read_tlv(cert.tbs_certificate_bytes)
        version, rest = body[:5], body[5:]
        tbs = tlv(0x30, version + tlv(0x02, octets) + rest[read_tlv(rest)[1]:])
        return tlv(0x30, tbs + ECDSA_SHA256 + tlv(0x03, b"\0" + self.key.sign(tbs, ec.ECDSA(hashes.SHA256()))))


def to_pem(der):
    import base64
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return ("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % "\n".join(lines)).encode()


class Pki:
    """What all the scenarios of one process share."""

    def __init__(self):
        self.root = Issuer("acmed root")
        self.other_root = Issuer("acmed other root")
        self.intermediate = Issuer("acmed intermediate", self.root)
        self.cross = Issuer("acmed intermediate", self.other_root, self.intermediate.key)
        self.tls = Issuer("acmed TLS")

    def write_tls(self, folder, which, start, life):
        """A server certificate for 127.0.0.1 and localhost with its key in one file; its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        der = self.tls.issue(key.public_key(), ["localhost", "127.0.0.1"], start, life)
        path = os.path.join(folder, which + ".pem")
        with open(path, "wb") as f:
            f.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + to_pem(der))
        return path
