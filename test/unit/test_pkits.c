/*
 * test_pkits.c - path validation, case by case in the order of NIST's PKITS
 * (sections 4.1 to 4.3, 4.5 to 4.8, 4.13, 4.16). The certificates of PKITS itself are
 * not here: each case makes its own by libcrypto's X509 functions, which share nothing with our
 * builder. Revocation (4.4, 4.14, 4.15) is the TAP tests' business; cases with DSA keys are left out, the module refuses such keys.
 */
#include "x509_fixture.h"

#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include "x509/chain.h"

#define CERTS_MAX 6

/* One certificate of a path, from the trust anchor down; what is not set has the usual value. */
typedef struct Spec
{
	const char *subject;		/* "CN=a/O=b", one attribute an RDN */
	const char *extensions;		/* a line each, in the words of openssl.cnf; NULL: those of its place in the path */
	const char *issuer;			/* name of the issuer that it carries, when that is not the subject of the one above */
	const char *start;			/* GeneralizedTime */
	const char *end;
	int			type;			/* string type of the names: MBSTRING_UTF8 unless said */
	bool		damaged;
} Spec;

typedef struct Case
{
	const char *name;
	const char *words;			/* of the refusal; NULL: valid */
	Spec		path[CERTS_MAX];	/* the last one is the leaf */
} Case;

#define CA "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
#define CA_LEN(n) "basicConstraints=critical,CA:TRUE,pathlen:" #n "\nkeyUsage=critical,keyCertSign,cRLSign\n"
#define LEAF "keyUsage=critical,digitalSignature\n"
#define ROOT {.subject = "CN=Trust Anchor"}
#define GOOD {.subject = "CN=Good CA"}
#define EE {.subject = "CN=Leaf"}
#define UNDER(names) {.subject = "CN=Constrained CA/O=Test", .extensions = CA "nameConstraints=critical," names "\n"}
#define NAMED(san) {.subject = "CN=Leaf", .extensions = LEAF "subjectAltName=" san "\n"}
#define SUBTREE "permitted subtree violation"
#define EXCLUDED "excluded subtree violation"
#define POLICY(oid) "certificatePolicies=" oid "\n"
#define EXPLICIT(n) "policyConstraints=critical,requireExplicitPolicy:" #n "\n"

static const char sections[] =
	"[test]\nO=Test\n[testca]\nO=Test\nCN=Constrained CA\n[other]\nO=Other\n";

static const Case cases[] = {
	/* 4.1 signatures */
	{"4.1.1 valid signatures", NULL, {ROOT, GOOD, EE}},
	{"4.1.2 bad signature of a CA", "signature failure", {ROOT, {.subject = "CN=Bad CA", .damaged = true}, EE}},
	{"4.1.3 bad signature of the leaf", "signature failure", {ROOT, GOOD, {.subject = "CN=Leaf", .damaged = true}}},

	/* 4.2 validity; the time is in 2026 */
	{"4.2.1 CA not yet valid", "not yet valid", {ROOT, {.subject = "CN=Late CA", .start = "20400101000000Z"}, EE}},
	{"4.2.2 leaf not yet valid", "not yet valid", {ROOT, GOOD, {.subject = "CN=Leaf", .start = "20400101000000Z"}}},
	{"4.2.3 from before 2000", NULL, {ROOT, GOOD, {.subject = "CN=Leaf", .start = "19500101000000Z"}}},
	{"4.2.5 CA expired", "expired", {ROOT, {.subject = "CN=Old CA", .start = "20000101000000Z", .end = "20110101000000Z"}, EE}},
	{"4.2.6 leaf expired", "expired", {ROOT, GOOD, {.subject = "CN=Leaf", .start = "20000101000000Z", .end = "20110101000000Z"}}},
	{"4.2.7 expired before 2000", "expired", {ROOT, GOOD, {.subject = "CN=Leaf", .start = "19970101000000Z", .end = "19990101000000Z"}}},
	{"4.2.8 until after 2050", NULL, {ROOT, GOOD, {.subject = "CN=Leaf", .end = "20510101000000Z"}}},

	/* 4.3 names */
	{"4.3.1 another name", "issuer", {ROOT, GOOD, {.subject = "CN=Leaf", .issuer = "CN=Other CA"}}},
	{"4.3.2 attributes in another order", "issuer", {ROOT, {.subject = "O=Test/CN=Good CA"}, {.subject = "CN=Leaf", .issuer = "CN=Good CA/O=Test"}}},
	{"4.3.3 white space", NULL, {ROOT, {.subject = "CN=Good CA/O=Test Certificates"}, {.subject = "CN=Leaf", .issuer = "CN=Good   CA/O=Test  Certificates"}}},
	{"4.3.5 case", NULL, {ROOT, {.subject = "CN=Good CA"}, {.subject = "CN=Leaf", .issuer = "CN=GOOD ca"}}},
	{"4.3.7 mandatory attributes", NULL, {ROOT, {.subject = "DC=gov/DC=testcertificates/C=US/ST=Maryland/serialNumber=345/dnQualifier=CA"}, EE}},
	{"4.3.8 optional attributes", NULL, {ROOT, {.subject = "L=Gaithersburg/GN=John/initials=Q/SN=CA/pseudonym=Fictitious/generationQualifier=III/title=M.D."}, EE}},
	{"4.3.9 UTF-8 names", NULL, {ROOT, {.subject = "CN=Z\xc3\xbcrich CA"}, EE}},
	{"4.3.10 rollover of string types", NULL, {ROOT, {.subject = "CN=Good CA", .type = MBSTRING_ASC}, {.subject = "CN=Leaf", .issuer = "CN=Good CA"}}},

	/* 4.5 self-issued: a CA's new key, certified by its old one, and the other way round */
	{"4.5.1 old with new", NULL, {{.subject = "CN=Roll CA"}, {.subject = "CN=Roll CA"}, EE}},
	{"4.5.3 new with old, below an intermediate", NULL, {ROOT, {.subject = "CN=Roll CA"}, {.subject = "CN=Roll CA"}, EE}},
	{"4.5.6 key of neither", "signature failure", {ROOT, {.subject = "CN=Roll CA"}, {.subject = "CN=Roll CA"}, {.subject = "CN=Leaf", .damaged = true}}},

	/* 4.6 basic constraints */
	{"4.6.1 missing", "invalid CA certificate", {ROOT, {.subject = "CN=No CA", .extensions = "keyUsage=critical,keyCertSign,cRLSign\n"}, EE}},
	{"4.6.2 false", "invalid CA certificate", {ROOT, {.subject = "CN=No CA", .extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\n"}, EE}},
	{"4.6.3 false, not critical", "invalid CA certificate", {ROOT, {.subject = "CN=No CA", .extensions = "basicConstraints=CA:FALSE\nkeyUsage=critical,keyCertSign\n"}, EE}},
	{"4.6.4 not critical", NULL, {ROOT, {.subject = "CN=Good CA", .extensions = "basicConstraints=CA:TRUE\nkeyUsage=critical,keyCertSign\n"}, EE}},
	{"4.6.5 path length 0, a CA below", "path length constraint exceeded", {ROOT, {.subject = "CN=P0", .extensions = CA_LEN(0)}, {.subject = "CN=Sub"}, EE}},
	{"4.6.6 path length 0, the leaf is a CA below a CA", "path length constraint exceeded", {ROOT, {.subject = "CN=P0", .extensions = CA_LEN(0)}, {.subject = "CN=Sub"}, {.subject = "CN=Leaf", .extensions = CA}}},
	{"4.6.7 path length 0, a leaf", NULL, {ROOT, {.subject = "CN=P0", .extensions = CA_LEN(0)}, EE}},
	{"4.6.9 path length 6, then 0, a CA below", "path length constraint exceeded", {ROOT, {.subject = "CN=P6", .extensions = CA_LEN(6)}, {.subject = "CN=P6 0", .extensions = CA_LEN(0)}, {.subject = "CN=Sub"}, EE}},
	{"4.6.11 path length 2 used up by a lower 4", "path length constraint exceeded", {ROOT, {.subject = "CN=P1", .extensions = CA_LEN(1)}, {.subject = "CN=P4", .extensions = CA_LEN(4)}, {.subject = "CN=Sub"}, EE}},
	{"4.6.13 path length 6, four CAs", NULL, {ROOT, {.subject = "CN=P6", .extensions = CA_LEN(6)}, {.subject = "CN=P4", .extensions = CA_LEN(4)}, {.subject = "CN=P1", .extensions = CA_LEN(1)}, {.subject = "CN=Sub"}, EE}},
	{"4.6.15 self-issued does not count", NULL, {ROOT, {.subject = "CN=P0", .extensions = CA_LEN(0)}, {.subject = "CN=P0", .extensions = CA_LEN(0)}, EE}},
	{"4.6.16 self-issued, then a CA", "path length constraint exceeded", {ROOT, {.subject = "CN=P0", .extensions = CA_LEN(0)}, {.subject = "CN=P0", .extensions = CA_LEN(0)}, {.subject = "CN=Sub"}, EE}},

	/* 4.7 key usage */
	{"4.7.1 no keyCertSign", "invalid CA certificate", {ROOT, {.subject = "CN=CRL CA", .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n"}, EE}},
	{"4.7.2 no keyCertSign, not critical", "invalid CA certificate", {ROOT, {.subject = "CN=CRL CA", .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign\n"}, EE}},
	{"4.7.3 not critical", NULL, {ROOT, {.subject = "CN=Good CA", .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n"}, EE}},
	{"4.7 without key usage", NULL, {ROOT, {.subject = "CN=Good CA", .extensions = "basicConstraints=critical,CA:TRUE\n"}, EE}},

	/* 4.8 policies */
	{"4.8.1 the same policy", NULL, {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1") EXPLICIT(0)}, {.subject = "CN=Leaf", .extensions = LEAF POLICY("1.2.3.1")}}},
	{"4.8.2 none at all", NULL, {ROOT, GOOD, EE}},
	{"4.8.3 different policies, none demanded", NULL, {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1")}, {.subject = "CN=Leaf", .extensions = LEAF POLICY("1.2.3.2")}}},
	{"4.8.4 different policies, one demanded", "policy", {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1") EXPLICIT(0)}, {.subject = "CN=Leaf", .extensions = LEAF POLICY("1.2.3.2")}}},
	{"4.8.5 the leaf has none, one demanded", "policy", {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1") EXPLICIT(0)}, EE}},
	{"4.8.11 any policy", NULL, {ROOT, {.subject = "CN=P", .extensions = CA POLICY("2.5.29.32.0") EXPLICIT(0)}, {.subject = "CN=Leaf", .extensions = LEAF POLICY("1.2.3.1")}}},
	{"4.8.12 any policy inhibited", "policy", {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1") EXPLICIT(0) "inhibitAnyPolicy=critical,0\n"}, {.subject = "CN=Leaf", .extensions = LEAF POLICY("2.5.29.32.0")}}},
	{"4.8.14 demanded later than the path is long", NULL, {ROOT, {.subject = "CN=P", .extensions = CA POLICY("1.2.3.1") EXPLICIT(4)}, EE}},

	/* 4.13 name constraints: directory names */
	{"4.13.1 permitted", NULL, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Test/CN=Leaf"}}},
	{"4.13.2 not permitted", SUBTREE, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Other/CN=Leaf"}}},
	{"4.13.3 alternative name not permitted", SUBTREE, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Test/CN=Leaf", .extensions = LEAF "subjectAltName=dirName:other\n"}}},
	{"4.13.5 two permitted", NULL, {ROOT, UNDER("permitted;dirName:test,permitted;dirName:other"), {.subject = "O=Other/CN=Leaf"}}},
	{"4.13.7 excluded", EXCLUDED, {ROOT, UNDER("excluded;dirName:test"), {.subject = "O=Test/CN=Leaf"}}},
	{"4.13.8 beside the excluded", NULL, {ROOT, UNDER("excluded;dirName:test"), {.subject = "O=Other/CN=Leaf"}}},
	{"4.13.10 permitted and excluded below", EXCLUDED, {ROOT, UNDER("permitted;dirName:test,excluded;dirName:testca"), {.subject = "O=Test/CN=Constrained CA/OU=x"}}},
	{"4.13.12 a lower CA narrows", SUBTREE, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Test/CN=Sub", .extensions = CA "nameConstraints=critical,permitted;dirName:testca\n"}, {.subject = "O=Test/CN=Leaf"}}},
	{"4.13.15 a lower CA cannot widen", SUBTREE, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Test/CN=Sub", .extensions = CA "nameConstraints=critical,permitted;dirName:other\n"}, {.subject = "O=Other/CN=Leaf"}}},
	{"4.13.18 the CA below is bound too", SUBTREE, {ROOT, UNDER("permitted;dirName:test"), {.subject = "O=Other/CN=Sub"}, {.subject = "O=Test/CN=Leaf"}}},
	{"4.13.19 self-issued CAs are not", NULL, {ROOT, {.subject = "CN=Roll CA", .extensions = CA "nameConstraints=critical,permitted;dirName:test\n"}, {.subject = "CN=Roll CA"}, {.subject = "O=Test/CN=Leaf"}}},
	{"4.13.20 but a self-issued leaf is", SUBTREE, {ROOT, {.subject = "CN=Roll CA", .extensions = CA "nameConstraints=critical,permitted;dirName:test\n"}, {.subject = "CN=Roll CA", .extensions = LEAF}}},
	/* mail addresses */
	{"4.13.21 host of mail", NULL, {ROOT, UNDER("permitted;email:.example.com"), NAMED("email:a@mail.example.com")}},
	{"4.13.22 another host", SUBTREE, {ROOT, UNDER("permitted;email:.example.com"), NAMED("email:a@example.com")}},
	{"4.13.23 the host itself", NULL, {ROOT, UNDER("permitted;email:example.com"), NAMED("email:a@example.com")}},
	{"4.13.24 a host below it", SUBTREE, {ROOT, UNDER("permitted;email:example.com"), NAMED("email:a@mail.example.com")}},
	{"4.13.25 beside the excluded", NULL, {ROOT, UNDER("excluded;email:example.com"), NAMED("email:a@mail.example.com")}},
	{"4.13.26 excluded", EXCLUDED, {ROOT, UNDER("excluded;email:example.com"), NAMED("email:a@example.com")}},
	{"4.13.28 in the subject", SUBTREE, {ROOT, UNDER("permitted;email:example.com"), {.subject = "CN=Leaf/emailAddress=a@example.org", .extensions = LEAF}}},
	/* DNS */
	{"4.13.30 DNS name", NULL, {ROOT, UNDER("permitted;DNS:example.com"), NAMED("DNS:www.example.com")}},
	{"4.13.31 another", SUBTREE, {ROOT, UNDER("permitted;DNS:example.com"), NAMED("DNS:www.example.org")}},
	{"4.13.32 beside the excluded", NULL, {ROOT, UNDER("excluded;DNS:example.com"), NAMED("DNS:www.example.org")}},
	{"4.13.33 excluded", EXCLUDED, {ROOT, UNDER("excluded;DNS:example.com"), NAMED("DNS:www.example.com")}},
	{"4.13.38 the end of a label", SUBTREE, {ROOT, UNDER("permitted;DNS:example.com"), NAMED("DNS:myexample.com")}},
	/* URIs */
	{"4.13.34 URI", NULL, {ROOT, UNDER("permitted;URI:.example.com"), NAMED("URI:http://www.example.com/a")}},
	{"4.13.35 another", SUBTREE, {ROOT, UNDER("permitted;URI:.example.com"), NAMED("URI:http://example.com/a")}},
	{"4.13.36 beside the excluded", NULL, {ROOT, UNDER("excluded;URI:example.com"), NAMED("URI:http://www.example.com/a")}},
	{"4.13.37 excluded", EXCLUDED, {ROOT, UNDER("excluded;URI:example.com"), NAMED("URI:http://example.com/a")}},
	/* addresses, which PKITS leaves out */
	{"IPv4 permitted", NULL, {ROOT, UNDER("permitted;IP:10.0.0.0/255.0.0.0"), NAMED("IP:10.1.2.3")}},
	{"IPv4 not permitted", SUBTREE, {ROOT, UNDER("permitted;IP:10.0.0.0/255.0.0.0"), NAMED("IP:11.1.2.3")}},
	{"IPv4 excluded", EXCLUDED, {ROOT, UNDER("excluded;IP:10.0.0.0/255.0.0.0"), NAMED("IP:10.1.2.3")}},
	{"IPv6 not permitted", SUBTREE, {ROOT, UNDER("permitted;IP:2001:db8::/ffff:ffff::"), NAMED("IP:2001:db9::1")}},
	{"IPv6 is not IPv4", SUBTREE, {ROOT, UNDER("permitted;IP:10.0.0.0/255.0.0.0"), NAMED("IP:2001:db8::1")}},
	/* kinds that nothing is said about are free */
	{"another kind", NULL, {ROOT, UNDER("permitted;DNS:example.com"), NAMED("DNS:www.example.com,IP:10.1.2.3")}},

	/* 4.16 private extensions */
	{"4.16.1 unknown, not critical", NULL, {ROOT, GOOD, {.subject = "CN=Leaf", .extensions = LEAF "1.2.3.4.5=DER:0500\n"}}},
	{"4.16.2 unknown and critical", "unhandled critical extension", {ROOT, GOOD, {.subject = "CN=Leaf", .extensions = LEAF "1.2.3.4.5=critical,DER:0500\n"}}},
	{"4.16 unknown and critical in a CA", "unhandled critical extension", {ROOT, {.subject = "CN=Odd CA", .extensions = CA "1.2.3.4.5=critical,DER:0500\n"}, EE}},
};

static void
put_name(X509_NAME *name, const char *text, int type)
{
	char		copy[256];
	char	   *rest = copy;
	char	   *rdn;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	while ((rdn = strsep(&rest, "/")) != NULL)
	{
		char	   *value = strchr(rdn, '=');

		assert_non_null(value);
		*value++ = '\0';
		assert_int_equal(X509_NAME_add_entry_by_txt(name, rdn, type, (unsigned char *) value, -1, -1, 0), 1);
	}
}

static void
put_extensions(X509 *cert, X509 *issuer, CONF *conf, const char *text)
{
	char		copy[512];
	char	   *rest = copy;
	char	   *line;
	X509V3_CTX	ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	snprintf(copy, sizeof(copy), "%ssubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n", text);
	while ((line = strsep(&rest, "\n")) != NULL)
	{
		char	   *value = strchr(line, '=');
		X509_EXTENSION *ext;

		if (value == NULL)
			continue;
		*value++ = '\0';
		ext = X509V3_EXT_nconf(conf, &ctx, line, value);
		if (ext == NULL)
			fail_msg("extension %s = %s", line, value);
		assert_int_equal(X509_add_ext(cert, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
}

static X509 *
make(const Spec *spec, int n, bool leaf, X509 *issuer, EVP_PKEY *key, EVP_PKEY *signer, CONF *conf)
{
	X509	   *cert = X509_new();
	X509_NAME  *name = X509_NAME_new();
	int			type = spec->type != 0 ? spec->type : MBSTRING_UTF8;

	assert_non_null(cert);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), n + 1), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), spec->start ? spec->start : "20200101000000Z"), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), spec->end ? spec->end : "20400101000000Z"), 1);
	put_name(X509_get_subject_name(cert), spec->subject, type);
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	if (spec->issuer != NULL)
		put_name(name, spec->issuer, type);
	assert_int_equal(X509_set_issuer_name(cert, spec->issuer ? name : X509_get_subject_name(issuer ? issuer : cert)), 1);
	put_extensions(cert, issuer ? issuer : cert, conf, spec->extensions ? spec->extensions : leaf ? LEAF : CA);
	assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return cert;
}

static void
append(CmBuf *out, X509 *cert, bool damaged)
{
	unsigned char *der = NULL;
	int			len = i2d_X509(cert, &der);

	assert_true(len > 0);
	/* The last octet is one of the signature's second number. */
	if (damaged)
		der[len - 1] ^= 1;
	cm_buf_append(out, der, (size_t) len);
	OPENSSL_free(der);
}

static void
judge(const Case *c, const CmBuf *chain, const CmBuf *anchor)
{
	CmStatus	st = CM_STATUS_INIT;
	bool		ok = cm_chain_verify(of(chain), of(anchor), FIXTURE_START, &st);

	if (c->words == NULL && !ok)
		fail_msg("%s: %s. %s", c->name, st.reason, st.detail);
	if (c->words == NULL)
		return;
	if (ok)
		fail_msg("%s: accepted", c->name);
	if (st.code != CM_MISMATCH || strstr(st.reason, c->words) == NULL)
		fail_msg("%s: \"%s\" is not about \"%s\"", c->name, st.reason, c->words);
}

static void
run_case(const Case *c, EVP_PKEY *const *keys, CONF *conf)
{
	X509	   *certs[CERTS_MAX] = {NULL};
	CmBuf		chain;
	CmBuf		anchor;
	CmBuf		pem;
	int			count = 0;

	cm_buf_init(&chain, 0);
	cm_buf_init(&anchor, 0);
	cm_buf_init(&pem, 0);
	while (count < CERTS_MAX && c->path[count].subject != NULL)
		count++;
	for (int i = 0; i < count; i++)
		certs[i] = make(&c->path[i], i, i == count - 1, i > 0 ? certs[i - 1] : NULL, keys[i], keys[i > 0 ? i - 1 : 0], conf);
	for (int i = count; i-- > 1;)
		append(&chain, certs[i], c->path[i].damaged);
	append(&anchor, certs[0], false);
	cm_pem_encode(&pem, "CERTIFICATE", anchor.data, anchor.len);
	judge(c, &chain, &pem);
	for (int i = 0; i < count; i++)
		X509_free(certs[i]);
	cm_buf_free(&chain);
	cm_buf_free(&anchor);
	cm_buf_free(&pem);
}

static void
test_cases(void **state)
{
	EVP_PKEY   *keys[CERTS_MAX];
	CONF	   *conf = NCONF_new(NULL);
	BIO		   *bio = BIO_new_mem_buf(sections, -1);
	long		line;

	(void) state;
	assert_true(NCONF_load_bio(conf, bio, &line) > 0);
	BIO_free(bio);
	for (int i = 0; i < CERTS_MAX; i++)
	{
		keys[i] = EVP_EC_gen("P-256");
		assert_non_null(keys[i]);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(&cases[i], keys, conf);
	for (int i = 0; i < CERTS_MAX; i++)
		EVP_PKEY_free(keys[i]);
	NCONF_free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
