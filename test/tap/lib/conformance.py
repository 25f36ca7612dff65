"""conformance.py DIR: Python's cryptography over the corpus of 140_conformance.pl. Parses every certificate with all its extensions and every
CRL with all its entries, verifies their signatures with the issuer's key, and reads OCSP answers (ocsp/*.resp). A line for each that fails, and counts."""
import glob
import os
import re
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, padding, rsa
from cryptography.x509 import ocsp


def blocks(path):
    with open(path, 'rb') as f:
        return re.findall(rb'-----BEGIN [^-]*-----.*?-----END [^-]*-----\n?', f.read(), re.S)


def verify_pss(key, signature, data):
    """Old versions do not read the parameters: one of the hashes it is, with the salt as long as it (RFC 4055)."""
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        try:
            return key.verify(signature, data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        except InvalidSignature:
            pass
    raise InvalidSignature


def verify(key, signature, data, cert):
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(cert.signature_hash_algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        if cert.signature_algorithm_oid.dotted_string == '1.2.840.113549.1.1.10':
            verify_pss(key, signature, data)
        else:
            key.verify(signature, data, padding.PKCS1v15(), cert.signature_hash_algorithm)
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, data)
    else:
        raise ValueError('a key of an unknown kind')


def check_certificate(path, issuers):
    cert = x509.load_pem_x509_certificate(open(path, 'rb').read())
    for extension in cert.extensions:
        repr(extension.value)
    cert.subject.rfc4514_string()
    issuer = issuers[cert.issuer.public_bytes()]
    aki = cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    ski = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    if aki != ski:
        raise ValueError('authority key identifier')
    verify(issuer.public_key(), cert.signature, cert.tbs_certificate_bytes, cert)
    cert.public_key()


def check_crl(path, issuers):
    crl = x509.load_pem_x509_crl(open(path, 'rb').read())
    for extension in crl.extensions:
        repr(extension.value)
    for entry in crl:
        list(entry.extensions)
    verify(issuers[crl.issuer.public_bytes()].public_key(), crl.signature, crl.tbs_certlist_bytes, crl)


def check_response(path, issuers):
    r = ocsp.load_der_ocsp_response(open(path, 'rb').read())
    signer = r.certificates[0] if r.certificates else None
    names = {c.subject.public_bytes(): c for c in issuers.values()}
    issuer = names[signer.issuer.public_bytes()] if signer else next(
        c for c in issuers.values() if c.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest == r.responder_key_hash)
    if signer:
        verify(issuer.public_key(), signer.signature, signer.tbs_certificate_bytes, signer)
    verify((signer or issuer).public_key(), r.signature, r.tbs_response_bytes, r)


def main(directory):
    issuers = {}
    for name in ('roots.pem', 'ints.pem'):
        for block in blocks(f'{directory}/{name}'):
            cert = x509.load_pem_x509_certificate(block)
            issuers[cert.subject.public_bytes()] = cert
    for what, check, pattern in (('certificates', check_certificate, 'certs/*'), ('crls', check_crl, 'crls/*'), ('responses', check_response, 'ocsp/*.resp')):
        good = 0
        for path in sorted(glob.glob(f'{directory}/{pattern}')):
            # Not known to the versions in use.
            if 'ML-DSA' in path:
                continue
            try:
                check(path, issuers)
                good += 1
            except Exception as e:
                print('FAIL', os.path.basename(path), type(e).__name__, e)
        print(what, good)


main(sys.argv[1])
