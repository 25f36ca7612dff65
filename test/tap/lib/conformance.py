"""conformance.py DIR: Python's cryptography over the corpus of 140_conformance.pl. Parses every certificate with all its extensions and every
CRL with all its entries, verifies their signatures with the issuer's key, and reads OCSP answers (ocsp/*.resp). A line for each that fails, and counts."""
import glob
import os
import re
import sys

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, padding, rsa
from cryptography.x509 import ocsp


def blocks(path):
    with open(path, 'rb') as f:
        return re.findall(rb'-----BEGIN [^-]*-----.*?-----END [^-]*-----\n?', f.read(), re.S)


def verify(key, signature, data, cert):
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(cert.signature_hash_algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        # Padding of PSS is not told by old versions: its hash is, and then the algorithm is that of RFC 4055.
        if cert.signature_algorithm_oid.dotted_string == '1.2.840.113549.1.1.10':
            pad = padding.PSS(padding.MGF1(cert.signature_hash_algorithm), cert.signature_hash_algorithm.digest_size)
        else:
            pad = padding.PKCS1v15()
        key.verify(signature, data, pad, cert.signature_hash_algorithm)
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, data)
    else:
        key.verify(signature, data)


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
        good = skipped = 0
        for path in sorted(glob.glob(f'{directory}/{pattern}')):
            try:
                check(path, issuers)
                good += 1
            except UnsupportedAlgorithm:
                skipped += 1
            except Exception as e:
                print('FAIL', os.path.basename(path), type(e).__name__, e)
        print(what, good, 'unsupported', skipped)


main(sys.argv[1])
