"""property.py generate SEED N DIR | check DIR: random templates and requests, and an independent judge of what became of them.

generate writes templates.tsv (arguments of create_template) and requests.tsv (n, template, subject, sans, csr, lifetime, usages, key algorithm).
check reads outcome.tsv (request, the template's row as jsonb with lifetimes in seconds, error or the certificate in hexadecimal) and applies its own
reading of the template to the issued bytes: what was issued must keep every rule and be what was asked for, what was refused must break one.
Nothing here is taken from the product but the meaning of the rules. Prints a line for each violation, then "accepted A refused R violations V".
"""
import datetime
import ipaddress
import json
import random
import re
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

KU = ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment', 'keyAgreement']
EKU = {'serverAuth': '1.3.6.1.5.5.7.3.1', 'clientAuth': '1.3.6.1.5.5.7.3.2', 'codeSigning': '1.3.6.1.5.5.7.3.3', 'emailProtection': '1.3.6.1.5.5.7.3.4'}
ATTRIBUTES = {'CN': NameOID.COMMON_NAME, 'O': NameOID.ORGANIZATION_NAME, 'OU': NameOID.ORGANIZATIONAL_UNIT_NAME, 'L': NameOID.LOCALITY_NAME, 'UID': NameOID.USER_ID}
EXTENSIONS = ['1.3.6.1.4.1.99999.1', '1.3.6.1.4.1.99999.2', '1.3.6.1.4.1.99999.3']
MUST_STAPLE, NO_REV_AVAIL, POLICIES = '1.3.6.1.5.5.7.1.24', '2.5.29.56', '2.5.29.32'
ORDINARY = {'2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.14', '2.5.29.35', '2.5.29.17', '2.5.29.31', '2.5.29.46', '1.3.6.1.5.5.7.1.1'}
ORGANIZATIONS = ['Example', 'Example, Inc.', 'Evil', 'example']
DAY = 86400


# ---- what a template means ----

def rule_list(value):
    return value if isinstance(value, list) else [value]


def glob(pattern, separator):
    """As a Python regular expression."""
    out, i = '', 0
    while i < len(pattern):
        c = pattern[i]
        if pattern[i:i + 2] == '**':
            out, i = out + '.*', i + 1
        elif c == '*':
            out += f'[^{separator}]*' if separator else '.*'
        elif c == '?':
            out += f'[^{separator}]' if separator else '.'
        elif c == '\\' and i + 1 < len(pattern):
            out, i = out + re.escape(pattern[i + 1]), i + 1
        else:
            out += re.escape(c)
        i += 1
    return out


def below(host, zone):
    host, zone = host.lower(), zone.lower()
    return host.endswith(zone) if zone.startswith('.') else host == zone or host.endswith('.' + zone)


def domain(kind, value):
    if kind == 'dns':
        return value
    if kind == 'email':
        return value.rpartition('@')[2]
    return re.sub(r'^[^:]*://([^/@]*@)?([^/:?#]*).*$', r'\2', value)


def pattern_matches(how, pattern, kind, value):
    if how == 'cidr':
        net, address = ipaddress.ip_network(pattern), ipaddress.ip_address(value)
        return net.version == address.version and address in net
    if how == 'exact':
        if kind == 'ip':
            return ipaddress.ip_address(pattern) == ipaddress.ip_address(value)
        return (pattern.lower() if kind == 'dns' else pattern) == value
    if how == 'suffix':
        if kind == 'dns' and value.startswith('*.'):
            return below(value[2:], pattern.lstrip('.'))
        return below(domain(kind, value), pattern)
    if how == 'glob':
        return re.fullmatch(glob(pattern.lower() if kind == 'dns' else pattern, {'dns': '.', 'uri': '/'}.get(kind, '')), value, re.S) is not None
    return re.fullmatch(pattern, value) is not None


def name_is_allowed(rule, kind, value):
    if rule is True:
        rule = {}
    if not isinstance(rule, dict):
        return False
    wild = kind == 'dns' and value.startswith('*') and not rule.get('wildcard', False)
    patterns = [(how, p) for how in ('exact', 'suffix', 'glob', 'cidr', 'regex') if how in rule for p in rule_list(rule[how])]
    if not patterns:
        return not wild
    return any(pattern_matches(how, p, kind, value) for how, p in patterns if not wild or how == 'exact')


def attribute_is_allowed(rule, value):
    if rule is True:
        return True
    if 'fixed' in rule:
        return rule['fixed'] == value
    values = [glob(p, '') for p in rule_list(rule.get('values', []))] + rule_list(rule.get('regex', []))
    return not values or any(re.fullmatch(p, value, re.S) for p in values)


def valid_host(text):
    text = text[:-1] if text.endswith('.') else text
    labels = text.split('.')
    if labels[0] == '*' and len(labels) > 1:
        labels = labels[1:]
    return 0 < len(text) <= 253 and all(re.fullmatch(r'[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?', label) for label in labels) and not labels[-1].isdigit()


def subject_violations(rules, subject):
    for name, value in subject:
        rule = rules.get(name)
        if rule is None and rules.get('*') is not True or rule is False or isinstance(rule, dict) and rule.get('denied'):
            yield f'subject {name}'
        elif rule is not None and not attribute_is_allowed(rule, value):
            yield f'subject {name}={value}'
    for name, rule in rules.items():
        count = sum(n == name for n, _ in subject)
        if name == '*' or not isinstance(rule, (dict, bool)) or rule is False:
            continue
        rule = rule if isinstance(rule, dict) else {}
        if rule.get('required') and count == 0:
            yield f'subject without {name}'
        if count > rule.get('max', 16 if name in ('OU', 'DC') else 1):
            yield f'subject with {count} {name}'


def san_violations(rules, sans):
    for kind, value in sans:
        if not name_is_allowed(rules.get(kind, False), kind, value):
            yield f'name {kind}:{value}'
    for kind in ('dns', 'ip', 'email', 'uri', None):
        rule = rules if kind is None else rules.get(kind, False)
        if not isinstance(rule, dict):
            continue
        count = sum(kind in (None, k) for k, _ in sans)
        if count < max(rule.get('min', 0), 1 if rule.get('required') is True else 0) or count > rule.get('max', 1000):
            yield f'{count} names of {kind}'


def common_name_violations(cert):
    """What clients could take for a host in the common name of a TLS server is one of its names."""
    if cert['eku'] and EKU['serverAuth'] not in cert['eku']:
        return
    for name, value in cert['subject']:
        text = value.strip()
        if name != 'CN' or not re.fullmatch(r'[A-Za-z0-9._*-]+', text):
            continue
        address = re.fullmatch(r'[0-9]+(\.[0-9]+){3}', text)
        if ('ip' if address else 'dns', text if address else text.lower()) not in cert['sans']:
            yield f'common name {value}'


def usage_violations(t, cert):
    allowed = set(t['allowed_usages'] if t['allowed_usages'] is not None else t['usages'] + t['required_usages'])
    required = set(t['required_usages'])
    for which, used in (('ku', cert['ku']), ('eku', cert['eku'])):
        def of(usages):
            return {EKU.get(u, u) for u in usages if (u in EKU) == (which == 'eku')}
        if not used <= of(allowed) or not of(required) <= used or of(allowed) and not used:
            yield f'{which} {sorted(used)}'


def extension_violations(t, cert):
    wanted = {oid: rule for oid, rule in t['extensions'].items()}
    staple = t['must_staple']
    no_rev_avail = t['no_rev_avail'] == 'always' or t['no_rev_avail'] == 'auto' and not staple and cert['lifetime'] <= DAY
    there = {oid: e for oid, e in cert['extensions'].items() if oid not in ORDINARY}
    for oid, must in ((MUST_STAPLE, staple), (NO_REV_AVAIL, no_rev_avail), (POLICIES, bool(t['policies']))):
        if must != (oid in there):
            yield f'{oid} {"missing" if must else "there"}'
    for oid, (critical, value) in there.items():
        if oid in (MUST_STAPLE, NO_REV_AVAIL, POLICIES):
            continue
        rule = wanted.get(oid)
        if rule is None:
            yield f'extension {oid}'
        elif critical != rule.get('critical', False) or 'value' in rule and bytes.fromhex(rule['value']) != value:
            yield f'extension {oid} is another'
    for oid, rule in wanted.items():
        if 'value' in rule and oid not in there:
            yield f'extension {oid} missing'


def violations(t, cert):
    yield from subject_violations(t['subject'], cert['subject'])
    yield from san_violations(t['sans'], cert['sans'])
    yield from common_name_violations(cert)
    yield from usage_violations(t, cert)
    yield from extension_violations(t, cert)
    if t['key_algorithms'] is not None and cert['key'] not in t['key_algorithms']:
        yield f'key {cert["key"]}'
    if t['max_lifetime'] is not None and cert['lifetime'] > t['max_lifetime'] or t['min_lifetime'] is not None and cert['lifetime'] < t['min_lifetime']:
        yield f'lifetime {cert["lifetime"]}'


# ---- the issued bytes ----

def key_name(key):
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {'secp256r1': 'EC-P256', 'secp384r1': 'EC-P384', 'secp521r1': 'EC-P521'}[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return 'Ed25519'
    return f'RSA-{key.key_size}'


def names_of(general_names):
    for name in general_names:
        kind = {x509.DNSName: 'dns', x509.IPAddress: 'ip', x509.RFC822Name: 'email', x509.UniformResourceIdentifier: 'uri'}[type(name)]
        yield kind, str(name.value)


def usages_of(usage):
    names = {'digital_signature': 'digitalSignature', 'content_commitment': 'nonRepudiation', 'key_encipherment': 'keyEncipherment', 'data_encipherment': 'dataEncipherment',
             'key_agreement': 'keyAgreement', 'key_cert_sign': 'keyCertSign', 'crl_sign': 'cRLSign'}
    return {name for attribute, name in names.items() if getattr(usage, attribute)}


def model(der, issuer):
    """The certificate as the rules see it; raises ValueError for what no certificate may have."""
    cert = x509.load_der_x509_certificate(der)
    oids = {oid: name for name, oid in ATTRIBUTES.items()}
    out = {'subject': [(oids[a.oid], a.value) for a in cert.subject], 'sans': [], 'ku': set(), 'eku': set(), 'key': key_name(cert.public_key()), 'extensions': {}}
    out['lifetime'] = int((cert.not_valid_after - cert.not_valid_before).total_seconds()) + 1
    for e in cert.extensions:
        oid = e.oid.dotted_string
        value = e.value.value if isinstance(e.value, x509.UnrecognizedExtension) else b''
        out['extensions'][oid] = (e.critical, value)
        if isinstance(e.value, x509.SubjectAlternativeName):
            out['sans'] = list(names_of(e.value))
            if e.critical != (len(out['subject']) == 0):
                raise ValueError('critical names')
        elif isinstance(e.value, x509.KeyUsage):
            out['ku'] = usages_of(e.value)
        elif isinstance(e.value, x509.ExtendedKeyUsage):
            out['eku'] = {o.dotted_string for o in e.value}
        elif isinstance(e.value, x509.BasicConstraints) and e.value.ca:
            raise ValueError('a CA')
        elif isinstance(e.value, x509.AuthorityKeyIdentifier):
            if e.value.key_identifier != issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest:
                raise ValueError('authority key identifier')
    if cert.issuer != issuer.subject or cert.serial_number.bit_length() < 64 or out['ku'] & {'keyCertSign', 'cRLSign'}:
        raise ValueError('issuer, serial number or usage')
    if any(kind == 'dns' and not valid_host(value) for kind, value in out['sans']):
        raise ValueError('a host name that is none')
    issuer.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))
    return out


# ---- the request ----

def parse_san(text):
    """(kind, canonical value), or None for what is no name."""
    kind, _, value = text.partition(':')
    kind = {'DNS': 'dns', 'IP': 'ip', 'email': 'email', 'URI': 'uri'}[kind]
    if kind == 'dns':
        value = value.lower()
        if not value.isascii():
            # People write names in their own letters, certificates have A-labels.
            value = value.encode('idna').decode()
        if not valid_host(value):
            return None
        return kind, value[:-1] if value.endswith('.') else value
    if kind == 'email':
        local, _, host = value.rpartition('@')
        return (kind, f'{local}@{host.lower()}') if local and valid_host(host.lower()) and not host.startswith('*') else None
    return kind, value


def expected(t, r):
    """What the request asks for, as a model; None: no certificate can be that."""
    csr = r['csr'] or {}
    subject = [tuple(a) for a in (r['subject'] if r['subject'] is not None else csr.get('subject', []))]
    for name, rule in t['subject'].items():
        if isinstance(rule, dict) and 'fixed' in rule and not any(n == name for n, _ in subject):
            subject.append((name, rule['fixed']))
    texts = r['sans'] or csr.get('sans', [])
    sans = [parse_san(s) for s in texts]
    if None in sans or not subject and not sans:
        return None
    usages = set(r['usages'] if r['usages'] is not None else t['usages'])
    asked = set(csr.get('usages', []))
    if r['usages'] is None:
        for kind in (True, False):
            part = {u for u in asked if (u in EKU) == kind}
            if part:
                usages = {u for u in usages if (u in EKU) != kind} | part | {u for u in t['required_usages'] if (u in EKU) == kind}
    elif not asked <= usages:
        return None
    if r['sans'] and csr.get('sans'):
        # The request narrows what may be to what it names.
        narrowed = [parse_san(s) for s in csr['sans']]
        if not set(narrowed) <= set(sans):
            return None
        sans = narrowed
    key = csr.get('key') or r['key'] or (t['key_algorithms'] or ['EC-P256'])[0]
    if (r['usages'] is None or r['csr']) and not key.startswith('RSA'):
        # What such a key cannot do is not certified, whoever asks; the template may then find that too little is left.
        usages -= {'keyEncipherment', 'dataEncipherment'} | (set() if key.startswith('EC') else {'keyAgreement'})
    if csr.get('ca') or usages & {'keyCertSign', 'cRLSign'}:
        return None
    out = {'subject': subject, 'sans': sans, 'ku': {u for u in usages if u not in EKU}, 'eku': {EKU[u] for u in usages if u in EKU},
           'key': key, 'lifetime': r['lifetime'] or t['lifetime'], 'extensions': {}}
    for oid, value in csr.get('extensions', {}).items():
        rule = t['extensions'].get(oid)
        if rule is None or 'value' in rule:
            return None
        out['extensions'][oid] = (rule.get('critical', False), bytes.fromhex(value))
    for oid, rule in t['extensions'].items():
        if 'value' in rule:
            out['extensions'][oid] = (rule.get('critical', False), bytes.fromhex(rule['value']))
    if t['must_staple']:
        out['extensions'][MUST_STAPLE] = (False, b'')
    if t['no_rev_avail'] == 'always' or t['no_rev_avail'] == 'auto' and not t['must_staple'] and out['lifetime'] <= DAY:
        out['extensions'][NO_REV_AVAIL] = (False, b'')
    if t['policies']:
        out['extensions'][POLICIES] = (False, b'')
    return out


def same(a, b):
    return sorted(a['subject']) == sorted(b['subject']) and set(a['sans']) == set(b['sans']) and all(a[k] == b[k] for k in ('ku', 'eku', 'key', 'lifetime'))


def judge(request, template, error, der, issuer):
    """A sentence about what is wrong, or None."""
    want = expected(template, request)
    if error and error.startswith(('XX', '58', '40', '57')):
        return f'no refusal: {error}'
    if error:
        if want is None or any(violations(template, want)):
            return None
        return f'refused without reason: {error}'
    if want is None:
        return 'issued what no certificate can be'
    try:
        cert = model(der, issuer)
    except Exception as e:
        return f'unreadable or wrong: {e!r}'
    broken = list(violations(template, cert))
    if broken:
        return f'breaks {broken}'
    return None if same(cert, want) else f'is not what was asked for: {cert}'


# ---- random templates and requests ----

HOSTS = ['example.com', 'www.example.com', 'api.example.com', 'a.b.example.com', 'example.org', 'evilexample.com', 'www.example.com.evil.org', 'secret.example.com', 'xn--kln-sna.example.com', 'localhost']
BAD_HOSTS = ['a_b.example.com', 'köln.example.com', '-a.example.com', 'a..example.com', 'w*.example.com', '*', 'a.*.example.com', '1.2.3', 'a' * 64 + '.example.com']
ADDRESSES = ['10.0.0.1', '10.1.2.3', '192.0.2.1', '11.0.0.1', '2001:db8::1', '2001:db9::1']
MAILS = ['joe@example.com', 'Joe@Example.COM', 'joe@evil.org', 'joe@sub.example.com']
URIS = ['https://example.com/a', 'https://example.com/a/b', 'spiffe://td.example.com/app', 'https://evil.org/example.com', 'https://example.com@evil.org/']


def some(rng, items, most):
    return rng.sample(items, rng.randint(1, min(most, len(items))))


def random_subject_rule(rng, name):
    pick = rng.random()
    if pick < 0.35:
        return True
    if pick < 0.5:
        return False
    if pick < 0.6:
        return {'fixed': rng.choice(ORGANIZATIONS)}
    rule = {'required': rng.random() < 0.3}
    if rng.random() < 0.5:
        rule['values'] = some(rng, ['Ex*', '*.example.com', '**', 'Joe?Doe', 'Example, Inc.', 'www.example.com'], 3)
    elif rng.random() < 0.3:
        rule['regex'] = rng.choice(['[A-Z][a-z]+', '.*example.*', '(Example|Joe Doe)'])
    if rng.random() < 0.2:
        rule['max'] = rng.randint(1, 3)
    return rule


def random_san_rule(rng, kind):
    if rng.random() < 0.3:
        return True
    rule = {}
    if kind == 'ip':
        if rng.random() < 0.7:
            rule['cidr'] = some(rng, ['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32', '192.0.2.0/24'], 2)
    else:
        if rng.random() < 0.6:
            rule['suffix'] = some(rng, ['example.com', '.example.com', 'example.org'], 2)
        if rng.random() < 0.3 and kind == 'dns':
            rule['glob'] = some(rng, ['*.example.com', '**.example.com', 'w?w.example.*', 'api.*'], 2)
        if rng.random() < 0.3 and kind == 'uri':
            rule['glob'] = some(rng, ['https://example.com/*', 'spiffe://**'], 2)
        if rng.random() < 0.2:
            rule['exact'] = some(rng, {'dns': ['www.example.com', '*.example.com', 'WWW.Example.org'], 'email': ['joe@example.com'], 'uri': ['https://example.com/a']}[kind], 2)
        if rng.random() < 0.2:
            rule['regex'] = rng.choice(['[a-z]+\\.example\\.com', '.*example\\.com', 'www\\..*'])
    if kind == 'dns' and rng.random() < 0.4:
        rule['wildcard'] = True
    if rng.random() < 0.3:
        rule['max'] = rng.randint(1, 3)
    if rng.random() < 0.1:
        rule['min'] = 1
    return rule


def random_template(rng, n):
    subject = {name: random_subject_rule(rng, name) for name in ATTRIBUTES if rng.random() < 0.7}
    if rng.random() < 0.2:
        subject['*'] = True
    sans = {kind: random_san_rule(rng, kind) for kind in ('dns', 'ip', 'email', 'uri') if rng.random() < 0.75}
    if rng.random() < 0.2:
        sans['required'] = True
    if rng.random() < 0.2:
        sans['max'] = rng.randint(1, 4)
    allowed = set(some(rng, KU, 4)) | set(some(rng, list(EKU), 3))
    usages = set(some(rng, sorted(u for u in allowed if u in KU), 2)) | set(some(rng, sorted(u for u in allowed if u in EKU), 2))
    required = set(some(rng, sorted(usages), 2)) if rng.random() < 0.4 else set()
    lifetime = rng.choice([1, 7, 30, 90])
    staple = rng.random() < 0.15
    return {'name': f't{n}', 'subject': subject, 'sans': sans, 'usages': sorted(usages), 'allowed_usages': sorted(allowed) if rng.random() < 0.8 else None, 'required_usages': sorted(required),
            'key_algorithms': some(rng, ['EC-P256', 'EC-P384', 'Ed25519'], 2) + ['RSA-2048'] * rng.randint(0, 1) if rng.random() < 0.6 else None,
            'lifetime': lifetime * DAY, 'min_lifetime': lifetime * DAY // 2 if rng.random() < 0.3 else None, 'max_lifetime': lifetime * DAY * 2 if rng.random() < 0.6 else None,
            'backdate': rng.choice([0, 60, 3600]), 'must_staple': staple, 'no_rev_avail': rng.choice(['auto', 'never'] if staple else ['auto', 'never', 'always']),
            'policies': ['1.2.3.4'] if rng.random() < 0.3 else [],
            'extensions': {oid: {'value': '0500', 'critical': rng.random() < 0.2} if rng.random() < 0.3 else {'from_request': True, 'critical': rng.random() < 0.2} for oid in EXTENSIONS if rng.random() < 0.4}}


def random_subject(rng):
    out = []
    for name in ATTRIBUTES:
        if rng.random() < {'CN': 0.6}.get(name, 0.25):
            for _ in range(2 if rng.random() < 0.1 else 1):
                out.append((name, rng.choice(HOSTS + ['Joe Doe', 'Example', '10.0.0.1', '*.example.com']) if name == 'CN' else rng.choice(ORGANIZATIONS)))
    return out


def random_san(rng, bad):
    kind = rng.choice(['DNS', 'DNS', 'DNS', 'IP', 'email', 'URI'])
    if kind == 'DNS':
        host = rng.choice(BAD_HOSTS) if bad and rng.random() < 0.05 else rng.choice(HOSTS)
        host = '*.' + host if rng.random() < 0.12 and host in HOSTS else host
        return 'DNS:' + (host.upper() if rng.random() < 0.1 and host in HOSTS else host)
    return kind + ':' + rng.choice({'IP': ADDRESSES, 'email': MAILS, 'URI': URIS}[kind])


def random_sans(rng, bad):
    sans = {random_san(rng, bad) for _ in range(rng.choice([0, 1, 1, 2, 3]))}
    # A name twice is one name: not what is tested here.
    return sorted({parse_san(s) or s: s for s in sorted(sans)}.values())


def random_request(rng, n, count):
    usages = None
    if rng.random() < 0.3:
        usages = sorted(set(some(rng, KU, 2)) | set(some(rng, list(EKU), 2)))
        if rng.random() < 0.03:
            usages.append('keyCertSign')
    r = {'n': n, 'template': f't{rng.randrange(count)}', 'subject': random_subject(rng) if rng.random() < 0.8 else None, 'sans': random_sans(rng, True), 'csr': None, 'usages': usages,
         'lifetime': rng.choice([3600, DAY, DAY + 1, 7 * DAY, 30 * DAY, 90 * DAY, 180 * DAY, 180 * DAY + 1]) if rng.random() < 0.5 else None, 'key': rng.choice(['EC-P256', 'EC-P384', 'Ed25519']) if rng.random() < 0.3 else None}
    if rng.random() < 0.3:
        csr = {'key': rng.choice(list(KEYS)), 'extensions': {oid: rng.choice(['0500', '0c026869']) for oid in EXTENSIONS if rng.random() < 0.25}}
        if rng.random() < 0.5:
            csr['subject'] = random_subject(rng)
            r['subject'] = None
        if rng.random() < 0.6:
            csr['sans'] = random_sans(rng, False)
        if rng.random() < 0.3:
            csr['usages'] = sorted(set(some(rng, KU, 2)) | set(some(rng, list(EKU), 2)))
        csr['ca'] = rng.random() < 0.03
        r['csr'] = csr
        r['key'] = None
    return r


def good(t, r):
    want = expected(t, r)
    return want is not None and not any(violations(t, want))


def near_request(rng, n, templates):
    """One that should be issued, made from parts that should be; half of them with one part of another."""
    base = random_request(rng, n, len(templates))
    t = templates[int(base['template'][1:])]
    for _ in range(20):
        if good(t, base):
            break
        other = random_request(rng, n, len(templates))
        want = expected(t, base)
        fields = ['subject', 'sans', 'csr', 'usages', 'lifetime', 'key']
        if want is not None and any(subject_violations(t['subject'], want['subject'])):
            base['subject'] = [] if rng.random() < 0.3 else [(a, v) for a, v in random_subject(rng) if t['subject'].get(a) not in (None, False) or t['subject'].get('*')]
        elif want is not None and (any(san_violations(t['sans'], want['sans'])) or any(common_name_violations(want))):
            base['sans'] = [s for s in random_sans(rng, False) if name_is_allowed(t['sans'].get(parse_san(s)[0], False), *parse_san(s))]
            if rng.random() < 0.5:
                base['subject'] = [a for a in base['subject'] or [] if a[0] != 'CN']
        elif want is not None and any(usage_violations(t, want)):
            base['usages'] = None
        else:
            for field in rng.sample(fields, 2):
                base[field] = other[field]
        if base['csr'] and (base['subject'] is not None and base['csr'].get('subject') or base['key']):
            base['csr'] = None
    if rng.random() < 0.5:
        field = rng.choice(['subject', 'sans', 'usages', 'lifetime', 'key'])
        base[field] = random_request(rng, n, len(templates))[field]
        if base['csr'] and (base['subject'] is not None and base['csr'].get('subject') or base['key']):
            base['csr'] = None
    return base


KEYS = {'EC-P256': lambda: ec.generate_private_key(ec.SECP256R1()), 'EC-P384': lambda: ec.generate_private_key(ec.SECP384R1()), 'Ed25519': ed25519.Ed25519PrivateKey.generate,
        'RSA-2048': lambda: rsa.generate_private_key(65537, 2048)}
keys = {}


def general_name(text):
    kind, _, value = text.partition(':')
    return {'DNS': x509.DNSName, 'IP': lambda v: x509.IPAddress(ipaddress.ip_address(v)), 'email': x509.RFC822Name, 'URI': x509.UniformResourceIdentifier}[kind](value)


def make_csr(csr):
    key = keys.setdefault(csr['key'], None) or keys.__setitem__(csr['key'], KEYS[csr['key']]()) or keys[csr['key']]
    b = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(ATTRIBUTES[n], v) for n, v in csr.get('subject', [])]))
    if csr.get('sans'):
        b = b.add_extension(x509.SubjectAlternativeName([general_name(s) for s in csr['sans']]), False)
    usages = csr.get('usages', [])
    if usages:
        b = b.add_extension(x509.KeyUsage(*[u in usages for u in KU], False, False, False, False), True)
        b = b.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(EKU[u]) for u in usages if u in EKU]), False)
    if csr['ca']:
        b = b.add_extension(x509.BasicConstraints(True, None), True)
    for oid, value in csr['extensions'].items():
        b = b.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value)), False)
    return b.sign(key, None if csr['key'] == 'Ed25519' else hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def rfc4514(subject):
    # The text's last is the name's first.
    return ','.join(f'{n}=' + re.sub(r'([,+"\\<>;])', r'\\\1', v) for n, v in reversed(subject))


def generate(seed, n, directory):
    rng = random.Random(seed)
    count = 60
    templates = [random_template(rng, i) for i in range(count)]
    with open(f'{directory}/templates.tsv', 'w') as f:
        for t in templates:
            f.write(json.dumps(t, ensure_ascii=True).replace('\\', '\\\\') + '\n')
    with open(f'{directory}/requests.tsv', 'w') as f:
        for i in range(n):
            r = near_request(rng, i, templates) if rng.random() < 0.7 else random_request(rng, i, count)
            row = dict(r, subject=None if r['subject'] is None else rfc4514(r['subject']), csr=make_csr(r['csr']) if r['csr'] else None, request=r)
            f.write(json.dumps(row, ensure_ascii=True).replace('\\', '\\\\') + '\n')


def check(directory):
    accepted = refused = wrong = 0
    issuer = x509.load_pem_x509_certificate(open(f'{directory}/root.pem', 'rb').read())
    templates = {t['name']: t for t in map(json.loads, open(f'{directory}/rows.json'))}
    for line in open(f'{directory}/outcome.json'):
        o = json.loads(line)
        r = o['request']
        said = judge(r, templates[r['template']], o['error'], bytes.fromhex(o['der'] or ''), issuer)
        accepted, refused = accepted + (not o['error']), refused + bool(o['error'])
        if said:
            wrong += 1
            if wrong <= 20:
                print(f'VIOLATION {said}\n  request {json.dumps(r)}\n  template {json.dumps(templates[r["template"]])}')
    print(f'accepted {accepted} refused {refused} violations {wrong}')


if sys.argv[1] == 'generate':
    generate(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    check(sys.argv[2])
