/* test_policy.c - what the one check of what may be issued lets through and what not. */
#include "x509_fixture.h"

#include "x509/certificate_policy.h"
#include "x509/constraint.h"
#include "x509/policy.h"

static Entity ca;
static Entity leaf;
static CmBuf sans;				/* www.example.com, 192.0.2.1 */
static CmBuf eku;				/* serverAuth, clientAuth */

static int
set_up(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	uint32_t	bits = 0;

	(void) state;
	cm_buf_init(&sans, 0);
	cm_buf_init(&eku, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=Policy CA", NULL);
	entity_begin(&leaf, CM_KEY_EC_P256, "CN=www.example.com,O=Example");
	assert_good(cm_san_parse("DNS:www.example.com", &sans, &st), &st);
	assert_good(cm_san_parse("IP:192.0.2.1", &sans, &st), &st);
	assert_good(cm_usage_parse("serverAuth", &bits, &eku, &st), &st);
	assert_good(cm_usage_parse("clientAuth", &bits, &eku, &st), &st);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	entity_free(&ca);
	entity_free(&leaf);
	cm_buf_free(&sans);
	cm_buf_free(&eku);
	return 0;
}

static CmTbs
good_tbs(void)
{
	CmTbs		tbs = fixture_tbs(&leaf, &ca, false);

	tbs.sans = of(&sans);
	tbs.ext_key_usage = of(&eku);
	tbs.crl_url = "http://ca.example.com/crl";
	tbs.ocsp_url = "http://ca.example.com/ocsp";
	return tbs;
}

static CmPolicy
good_policy(void)
{
	CmPolicy	p;

	memset(&p, 0, sizeof(p));
	p.holder = "subscriber \"web\"";
	p.check_subject = true;
	p.subject = of(&leaf.name);
	p.check_sans = true;
	p.sans = of(&sans);
	p.all_sans = true;
	p.key_usage = CM_KU_DIGITAL_SIGNATURE | CM_KU_KEY_ENCIPHERMENT;
	p.ext_key_usage = of(&eku);
	p.key_algs = CM_KEY_ALG_BIT(CM_KEY_EC_P256) | CM_KEY_ALG_BIT(CM_KEY_RSA_3072);
	p.max_path_length = -1;
	p.not_before = FIXTURE_START;
	p.not_after = FIXTURE_LEAF_END;
	p.spki = of(&leaf.spki);
	p.issuer = of(&ca.name);
	p.authority_key_id = cm_slice(ca.key_id, sizeof(ca.key_id));
	return p;
}

static void
accept(CmSlice tbs, const CmPolicy *policy)
{
	CmStatus	st = CM_STATUS_INIT;

	assert_good(cm_policy_check(tbs, policy, &st), &st);
}

static void
refuse(CmSlice tbs, const CmPolicy *policy, const char *words)
{
	CmStatus	st = CM_STATUS_INIT;

	if (cm_policy_check(tbs, policy, &st))
		fail_msg("not refused for \"%s\"", words);
	assert_int_equal(st.code, CM_POLICY);
	if (policy->holder != NULL)
		assert_string_equal(st.reason, "certificate is not allowed for subscriber \"web\"");
	if (strstr(st.detail, words) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", st.detail, words);
	assert_false(cm_policy_check(tbs, policy, NULL));
}

static void
build(const CmTbs *tbs, CmBuf *out)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_reset(out);
	assert_good(cm_tbs_build(tbs, out, &st), &st);
}

static void
accept_tbs(const CmTbs *tbs, const CmPolicy *policy)
{
	CmBuf		out;

	cm_buf_init(&out, 0);
	build(tbs, &out);
	accept(of(&out), policy);
	cm_buf_free(&out);
}

static void
refuse_tbs(const CmTbs *tbs, const CmPolicy *policy, const char *words)
{
	CmBuf		out;

	cm_buf_init(&out, 0);
	build(tbs, &out);
	refuse(of(&out), policy, words);
	cm_buf_free(&out);
}

#define WITH_POLICY(change, words) \
	do { CmTbs tbs = good_tbs(); CmPolicy p = good_policy(); change; refuse_tbs(&tbs, &p, words); } while (0)
#define FINE(change) \
	do { CmTbs tbs = good_tbs(); CmPolicy p = good_policy(); change; accept_tbs(&tbs, &p); } while (0)

static void
test_fields(void **state)
{
	Entity		other;

	(void) state;
	entity_begin(&other, CM_KEY_ED25519, "CN=other");
	FINE((void) tbs);
	/* a policy of zeros allows nothing */
	WITH_POLICY((memset(&p, 0, sizeof(p)), p.holder = NULL), "ends at");
	WITH_POLICY(tbs.serial = cm_slice("\x01\x02\x03\x04\x05\x06\x07", 7), "serial");
	FINE(tbs.serial = cm_slice("\x01\x02\x03\x04\x05\x06\x07\x08", 8));
	FINE((tbs.serial = cm_slice("\x01", 1), p.foreign = true));
	WITH_POLICY(p.issuer = of(&other.name), "The issuer is \"CN=Policy CA\" and must be \"CN=other\".");
	WITH_POLICY(p.authority_key_id = cm_slice(other.key_id, 20), "authority key identifier");
	WITH_POLICY(tbs.authority_key_id.len = 0, "authority key identifier");
	WITH_POLICY(p.spki = of(&other.spki), "public key");
	WITH_POLICY(p.subject = of(&other.name), "must be \"CN=other\"");
	WITH_POLICY(p.not_before++, "begins at 2026-01-01 00:00:00Z, earlier than 2026-01-01 00:00:01Z");
	WITH_POLICY(p.not_after--, "ends at 2026-04-01 00:00:00Z, later than 2026-03-31 23:59:59Z");
	/* no subject, no names asked for */
	FINE((tbs.subject = cm_slice("\x30\x00", 2), p.subject = tbs.subject));
	entity_free(&other);
}

static void
test_sans(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		more;
	CmBuf		upper;

	(void) state;
	cm_buf_init(&more, 0);
	cm_buf_append(&more, sans.data, sans.len);
	assert_good(cm_san_parse("DNS:evil.example.com", &more, &st), &st);
	WITH_POLICY(tbs.sans = of(&more), "Name \"DNS:evil.example.com\" is not among the allowed names.");
	WITH_POLICY(p.sans = of(&more), "Name \"DNS:evil.example.com\" is missing.");
	FINE((p.sans = of(&more), p.all_sans = false));
	FINE((tbs.sans = of(&more), p.check_sans = false));
	WITH_POLICY(tbs.sans.len = 0, "is missing");
	FINE((tbs.sans.len = 0, p.all_sans = false));
	WITH_POLICY((tbs.sans = of(&more), p.sans.len = 0), "not among");
	WITH_POLICY(p.sans.len = 0, "not among");

	/* an IP address in a dNSName, a NUL within, a mailbox: not the same as the allowed ones */
	WITH_POLICY(tbs.sans = cm_slice("\x82\x09" "192.0.2.1", 11), "not among");
	WITH_POLICY(tbs.sans = cm_slice("\x82\x11" "www.example.com\0x", 19), "not among");
	WITH_POLICY(tbs.sans = cm_slice("\x81\x0f" "www.example.com", 17), "not among");
	WITH_POLICY(tbs.sans = cm_slice("\x87\x08\xc0\x00\x02\x01\xff\xff\xff\xff", 10), "not among");
	/* without a list they must at least be what they say */
	WITH_POLICY((tbs.sans = cm_slice("\x82\x03" "a\0b", 5), p.check_sans = false), "not valid");
	WITH_POLICY((tbs.sans = cm_slice("\x87\x03" "abc", 5), p.check_sans = false), "not valid");

	/* foreign writings are the same name */
	cm_buf_init(&upper, 0);
	cm_buf_append(&upper, "\x82\x10WWW.Example.COM.", 18);
	assert_good(cm_san_parse("IP:192.0.2.1", &upper, &st), &st);
	FINE(tbs.sans = of(&upper));
	cm_buf_free(&upper);
	cm_buf_free(&more);
}

static void
common_name(const char *subject, bool server, bool fine, const char *words)
{
	CmStatus	st = CM_STATUS_INIT;
	CmTbs		tbs = good_tbs();
	CmPolicy	p = good_policy();
	CmBuf		name;

	cm_buf_init(&name, 0);
	assert_good(cm_name_parse(subject, &name, &st), &st);
	p.check_subject = false;
	tbs.subject = of(&name);
	if (!server)
		tbs.ext_key_usage = cm_slice("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 10);
	if (fine)
		accept_tbs(&tbs, &p);
	else
		refuse_tbs(&tbs, &p, words);
	/* when the subject is prescribed, the common name is what was prescribed */
	p.check_subject = true;
	p.subject = of(&name);
	accept_tbs(&tbs, &p);
	/* unless it was not an operator's choice, and a server could use it */
	p.check_common_names = true;
	if (fine || !server)
		accept_tbs(&tbs, &p);
	else
		refuse_tbs(&tbs, &p, words);
	cm_buf_free(&name);
}

static void
test_common_names(void **state)
{
	/* SEQUENCE { SET { SEQUENCE { commonName, BMPString "a.b" } } } */
	static const uint8_t bmp[] = {
		0x30, 17, 0x31, 15, 0x30, 13, 0x06, 3, 0x55, 4, 3, 0x1e, 6, 0, 'a', 0, '.', 0, 'b'
	};
	static const uint8_t nul[] = {
		0x30, 14, 0x31, 12, 0x30, 10, 0x06, 3, 0x55, 4, 3, 0x0c, 3, 'a', 0, 'b'
	};

	(void) state;
	common_name("CN=www.example.com", true, true, NULL);
	common_name("CN=WWW.example.com", true, true, NULL);
	common_name("CN=192.0.2.1", true, true, NULL);
	common_name("CN=Example Web Server,O=Example", true, true, NULL);
	common_name("O=evil.example.com", true, true, NULL);
	common_name("CN=evil.example.com", true, false, "The common name \"evil.example.com\" is not among");
	common_name("CN=evil.example.com", false, false, "evil.example.com");
	common_name("CN=*.example.com", true, false, "*.example.com");
	common_name("CN=192.0.2.2", true, false, "192.0.2.2");
	common_name("CN=2001:db8::1", false, false, "2001:db8::1");
	common_name("CN=evil_host.example.com", true, false, "evil_host");
	common_name("CN=\\ evil.example.com\\ ", true, false, "evil");
	/* a single label is a host for servers, a person elsewhere */
	common_name("CN=intranet", true, false, "intranet");
	common_name("CN=alice", false, true, NULL);
	/* not only the last one, nor only single-valued RDNs */
	common_name("CN=www.example.com,CN=evil.example.com", true, false, "evil");
	common_name("CN=evil.example.com,CN=www.example.com", true, false, "evil");
	common_name("O=Example+CN=evil.example.com", true, false, "evil");
	WITH_POLICY((tbs.subject = cm_slice(bmp, sizeof(bmp)), p.check_subject = false), "unusual string type");
	WITH_POLICY((tbs.subject = cm_slice(nul, sizeof(nul)), p.check_subject = false), "zero octet");
}

static void
test_usages(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	uint32_t	bits = 0;
	CmBuf		more;

	(void) state;
	cm_buf_init(&more, 0);
	cm_buf_append(&more, eku.data, eku.len);
	assert_good(cm_usage_parse("codeSigning", &bits, &more, &st), &st);
	WITH_POLICY(tbs.ext_key_usage = of(&more), "\"codeSigning\" is not among the allowed ones: serverAuth, clientAuth.");
	FINE(p.ext_key_usage = of(&more));
	FINE((tbs.ext_key_usage = of(&more), p.any_usage = true));
	WITH_POLICY(tbs.key_usage |= CM_KU_KEY_AGREEMENT | CM_KU_CRL_SIGN, "Key usage \"keyAgreement, cRLSign\"");
	FINE(tbs.key_usage = CM_KU_KEY_ENCIPHERMENT);
	FINE((tbs.key_usage |= CM_KU_CRL_SIGN, p.any_usage = true));
	/* No extension means every use. */
	WITH_POLICY(tbs.key_usage = 0, "There is no key usage");
	WITH_POLICY(tbs.ext_key_usage.len = 0, "There is no extended key usage");
	FINE((tbs.key_usage = 0, p.key_usage = 0));
	FINE((tbs.ext_key_usage.len = 0, p.ext_key_usage.len = 0));
	FINE((tbs.key_usage = 0, tbs.ext_key_usage.len = 0, p.any_usage = true));
	/* anyExtendedKeyUsage is one like every other */
	WITH_POLICY(tbs.ext_key_usage = cm_slice("\x06\x04\x55\x1d\x25\x00", 6), "is not among the allowed ones");
	cm_buf_free(&more);
}

static void
test_keys(void **state)
{
	/* A P-256 point's SPKI with its curve's OID changed to secp256k1. */
	uint8_t		k1[] = {0x30, 0x17, 0x30, 0x10, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 10, 0x03, 3, 0, 4, 5};
	EVP_PKEY   *pkey = EVP_RSA_gen(1024);
	unsigned char *weak = NULL;
	int			weak_len = i2d_PUBKEY(pkey, &weak);
	EVP_PKEY   *odd = EVP_RSA_gen(2304);
	unsigned char *unusual = NULL;
	int			unusual_len = i2d_PUBKEY(odd, &unusual);
	Entity		ed;

	(void) state;
	entity_begin(&ed, CM_KEY_ED25519, "CN=ed");
	WITH_POLICY((tbs.spki = of(&ed.spki), p.spki.len = 0), "Key algorithm Ed25519 is not among the allowed ones: EC-P256, RSA-3072.");
	FINE((tbs.spki = of(&ed.spki), p.spki.len = 0, p.key_algs = 0));
	WITH_POLICY((tbs.spki = cm_slice(weak, (size_t) weak_len), p.spki.len = 0, p.key_algs = 0), "1024");
	WITH_POLICY((tbs.spki = cm_slice(weak, (size_t) weak_len), p.spki.len = 0, p.key_algs = 0, p.foreign = true), "1024");
	WITH_POLICY((tbs.spki = cm_slice(unusual, (size_t) unusual_len), p.spki.len = 0), "of another kind");
	FINE((tbs.spki = cm_slice(unusual, (size_t) unusual_len), p.spki.len = 0, p.key_algs = 0));
	WITH_POLICY((tbs.spki = cm_slice(k1, sizeof(k1)), p.spki.len = 0, p.key_algs = 0), "unknown kind");
	FINE((tbs.spki = cm_slice(k1, sizeof(k1)), p.spki.len = 0, p.key_algs = 0, p.foreign = true));
	entity_free(&ed);
	OPENSSL_free(weak);
	OPENSSL_free(unusual);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(odd);
}

static void
test_ca(void **state)
{
	const uint32_t usage = CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN;

	(void) state;
#define CA(tbs, p) (tbs.ca = true, tbs.key_usage = usage, tbs.ext_key_usage.len = 0, p.ca = true, p.key_usage = usage, p.ext_key_usage.len = 0)
	FINE(CA(tbs, p));
	WITH_POLICY((CA(tbs, p), p.ca = false), "would be a CA certificate");
	WITH_POLICY((CA(tbs, p), p.ca = false, p.any_usage = true), "would be a CA certificate");
	WITH_POLICY(p.ca = true, "not a CA certificate");
	WITH_POLICY((CA(tbs, p), p.max_path_length = 0), "not limited");
	WITH_POLICY((CA(tbs, p), tbs.path_length = 2, p.max_path_length = 1), "The path length is 2; at most 1");
	FINE((CA(tbs, p), tbs.path_length = 1, p.max_path_length = 1));
	FINE((CA(tbs, p), tbs.path_length = 0, p.max_path_length = 1));
#undef CA
}

/* ---- TBS that tbs.c would not write ---- */

/* The good TBS with an extension more, or one replaced by it (first octets equal up to the OID). */
static void
with_extension(const char *ext, size_t len, CmBuf *out)
{
	CmTbs		tbs = good_tbs();
	CmBuf		whole;
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	size_t		outer;
	size_t		tagged;
	size_t		list;

	cm_buf_init(&whole, 0);
	build(&tbs, &whole);
	assert_good(cm_tbs_parse(of(&whole), &c, &st), &st);
	cm_buf_reset(out);
	outer = cm_der_open(out, CM_DER_SEQUENCE);
	/* from the version to the public key */
	cm_buf_append(out, "\xa0\x03\x02\x01\x02", 5);
	cm_der_put_slice(out, CM_DER_INTEGER, c.serial);
	cm_buf_append(out, c.signature_alg.data, (size_t) (c.spki.data + c.spki.len - c.signature_alg.data));
	tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(3));
	list = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, c.extensions.data, c.extensions.len);
	cm_buf_append(out, ext, len);
	cm_der_close(out, list);
	cm_der_close(out, tagged);
	cm_der_close(out, outer);
	cm_buf_free(&whole);
}

typedef struct Extra
{
	const char *oid;
	bool		foreign;		/* good in a foreign certificate, critical or not */
	bool		foreign_ca;		/* good in a foreign CA's */
	const char *words;			/* of the refusal in one of ours; NULL: the OID */
} Extra;

static void
test_extensions(void **state)
{
	static const Extra extras[] = {
		{"2.5.29.32", true, true, "certificate policies"}, {"1.3.6.1.4.1.11129.2.4.2", true, true, NULL},
		{"1.3.6.1.5.5.7.1.24", true, true, "must-staple"}, {"2.5.29.18", true, true, NULL}, {"2.5.29.56", true, true, "noRevAvail"},
		{"2.5.29.30", false, true, "name constraints"}, {"2.5.29.36", false, true, NULL},
		{"1.2.3.4", false, false, NULL}, {"2.5.29.99", false, false, NULL}, {"2.5.29.9", false, false, NULL},
		/* step-ca: the provisioner */
		{"1.3.6.1.4.1.37476.9000.64.1", false, false, NULL},
		{"1.3.6.1.4.1.11129.2.4.3", false, false, NULL},
	};
	size_t		i;
	int			critical;

	(void) state;
	for (i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
	{
		for (critical = 0; critical < 2; critical++)
		{
			/* What is unknown may be ignored when it is not critical. Of these, those that are known and refused all the same: */
			bool		refused = strcmp(extras[i].oid, "2.5.29.30") == 0 || strcmp(extras[i].oid, "2.5.29.36") == 0 || strcmp(extras[i].oid, "1.3.6.1.4.1.11129.2.4.3") == 0;
			bool		ignored = !critical && !refused;
			CmPolicy	p = good_policy();
			CmBuf		ext;
			CmBuf		out;
			size_t		mark;

			cm_buf_init(&ext, 0);
			cm_buf_init(&out, 0);
			mark = cm_der_open(&ext, CM_DER_SEQUENCE);
			cm_der_put_oid(&ext, extras[i].oid);
			if (critical)
				cm_der_put_bool(&ext, true);
			cm_der_put(&ext, CM_DER_OCTET_STRING, "\x05\x00", 2);
			cm_der_close(&ext, mark);
			with_extension((const char *) ext.data, ext.len, &out);

			refuse(of(&out), &p, extras[i].words != NULL ? extras[i].words : extras[i].oid);
			p.foreign = true;
			if (extras[i].foreign || ignored)
				accept(of(&out), &p);
			else
				refuse(of(&out), &p, extras[i].oid);
			/* As a CA's: it gets past the extensions to the question of the CA flag. */
			p.ca = true;
			refuse(of(&out), &p, extras[i].foreign_ca || ignored ? "not a CA certificate" : extras[i].oid);
			cm_buf_free(&ext);
			cm_buf_free(&out);
		}
	}
}

/* What the policy asks for must be there as asked, and nothing of it otherwise. */
static void
test_special(void **state)
{
	static const char critical[] = "\x30\x0c\x06\x03\x2a\x03\x05\x01\x01\xff\x04\x02\x05\x00";
	static const char plain[] = "\x30\x09\x06\x03\x2a\x03\x05\x04\x02\x05\x00";
	static const char other[] = "\x30\x0c\x06\x03\x2a\x03\x05\x01\x01\xff\x04\x02\x30\x00";
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		policies;
	CmBuf		subtrees;
	CmBuf		nc;
	CmBuf		path;

	(void) state;
	cm_buf_init(&policies, 0);
	cm_buf_init(&subtrees, 0);
	cm_buf_init(&nc, 0);
	assert_good(cm_certificate_policy_put(&policies, "1.2.3.4", "http://a/", NULL, &st), &st);
	assert_good(cm_constraint_parse("DNS:example.com", &subtrees, &st), &st);
	cm_constraints_put(of(&subtrees), cm_slice(NULL, 0), &nc);

	FINE((tbs.policies = of(&policies), p.policies = of(&policies)));
	WITH_POLICY(p.policies = of(&policies), "certificate policies");
	WITH_POLICY(tbs.policies = of(&policies), "certificate policies");
	WITH_POLICY((tbs.policies = of(&policies), p.policies = cm_slice("\x30\x04\x06\x02\x2a\x03", 6)), "certificate policies");
	FINE((tbs.must_staple = true, p.must_staple = true));
	WITH_POLICY(tbs.must_staple = true, "must-staple");
	WITH_POLICY(p.must_staple = true, "must-staple");
	FINE((tbs.no_rev_avail = true, p.no_rev_avail = true));
	WITH_POLICY(tbs.no_rev_avail = true, "never revoked");
	WITH_POLICY(p.no_rev_avail = true, "noRevAvail is missing");
	FINE((tbs.ext_key_usage_critical = true, p.ext_key_usage_critical = true));
	WITH_POLICY(tbs.ext_key_usage_critical = true, "extended key usage is critical");
	WITH_POLICY(p.ext_key_usage_critical = true, "extended key usage is not critical");
	FINE(tbs.freshest_crl_url = "http://a/delta");

	/* additional extensions: byte for byte */
	FINE((tbs.extensions = cm_slice(critical, 14), p.extensions = cm_slice(critical, 14)));
	WITH_POLICY(tbs.extensions = cm_slice(critical, 14), "1.2.3.5 (critical)");
	WITH_POLICY(p.extensions = cm_slice(critical, 14), "1.2.3.5 is missing");
	WITH_POLICY((tbs.extensions = cm_slice(plain, 11), p.extensions = cm_slice(critical, 14)), "1.2.3.5");
	WITH_POLICY((tbs.extensions = cm_slice(other, 14), p.extensions = cm_slice(critical, 14)), "1.2.3.5");

	/* a CA's own constraints, and those of its issuer */
#define AS_CA(tbs, p) (tbs.ca = true, tbs.key_usage = CM_KU_KEY_CERT_SIGN, tbs.ext_key_usage.len = 0, p.ca = true, p.key_usage = CM_KU_KEY_CERT_SIGN, p.ext_key_usage.len = 0)
	FINE((AS_CA(tbs, p), tbs.name_constraints = of(&nc), p.name_constraints = of(&nc)));
	WITH_POLICY((AS_CA(tbs, p), tbs.name_constraints = of(&nc)), "name constraints");
	WITH_POLICY((AS_CA(tbs, p), p.name_constraints = of(&nc)), "name constraints");
	cm_buf_init(&path, 0);
	cm_der_put_slice(&path, CM_DER_SEQUENCE, of(&nc));
	FINE(p.issuer_constraints = of(&path));
	cm_buf_reset(&subtrees);
	cm_buf_reset(&nc);
	assert_good(cm_constraint_parse("IP:10.0.0.0/8", &subtrees, &st), &st);
	cm_constraints_put(of(&subtrees), cm_slice(NULL, 0), &nc);
	/* what the second issuer of a path says counts, too */
	cm_der_put_slice(&path, CM_DER_SEQUENCE, of(&nc));
	WITH_POLICY(p.issuer_constraints = of(&path), "Name \"IP:192.0.2.1\" is not below any");
	WITH_POLICY(p.issuer_constraints = cm_slice("\x30\x02\x30\x00", 4), "malformed");
	WITH_POLICY(p.issuer_constraints = cm_slice("\x30\x02\x30", 3), "malformed");
	WITH_POLICY(p.issuer_constraints = cm_slice("\x04\x00", 2), "malformed");
	cm_buf_free(&path);
	cm_buf_free(&policies);
	cm_buf_free(&subtrees);
	cm_buf_free(&nc);
}

/* noRevAvail with an address behind its back: tbs.c leaves the addresses out, so the extension is put in by hand. */
static void
test_no_rev_avail_with_addresses(void **state)
{
	CmPolicy	p = good_policy();
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	with_extension("\x30\x09\x06\x03\x55\x1d\x38\x04\x02\x05\x00", 11, &out);
	p.no_rev_avail = true;
	refuse(of(&out), &p, "where a CRL or an OCSP responder is");
	cm_buf_free(&out);
}

/* CVE-2026-40097 (step-ca: an empty extKeyUsage was a panic): an empty list is unreadable, here and in a request. */
static void
test_cve_2026_40097_empty_eku(void **state)
{
	CmPolicy	p = good_policy();
	CmBuf		out;
	uint8_t    *at;

	(void) state;
	cm_buf_init(&out, 0);
	p.any_usage = true;
	with_extension("\x30\x09\x06\x03\x55\x1d\x09\x04\x02\x30\x00", 11, &out);
	at = memmem(out.data, out.len, "\x06\x03\x55\x1d\x25", 5);
	assert_non_null(at);
	at[4] = 0x63;				/* the good one becomes 2.5.29.99 */
	at = memmem(out.data, out.len, "\x06\x03\x55\x1d\x09", 5);
	at[4] = 0x25;
	refuse(of(&out), &p, "The extended key usage is malformed.");
	cm_buf_free(&out);
}

/* Replaces the one run of octets in a TBS by another of the same length. */
static void
replace(CmBuf *tbs, const char *from, const char *to, size_t len)
{
	uint8_t    *at = memmem(tbs->data, tbs->len, from, len);

	assert_non_null(at);
	memcpy(at, to, len);
}

static void
test_algorithms(void **state)
{
	CmPolicy	p = good_policy();
	CmTbs		tbs = good_tbs();
	Entity		rsa;
	CmBuf		out;
	size_t		i;
	static const struct
	{
		CmKeyAlg	key;
		CmSignAlg	alg;
	}			signs[] = {
		{CM_KEY_EC_P384, CM_SIGN_ECDSA_SHA384}, {CM_KEY_EC_P521, CM_SIGN_ECDSA_SHA512}, {CM_KEY_ED25519, CM_SIGN_OWN}, {CM_KEY_ED448, CM_SIGN_OWN},
		{CM_KEY_RSA_2048, CM_SIGN_RSA_SHA384}, {CM_KEY_RSA_3072, CM_SIGN_RSA_SHA512}, {CM_KEY_RSA_2048, CM_SIGN_RSA_PSS_SHA256},
		{CM_KEY_RSA_3072, CM_SIGN_RSA_PSS_SHA512}, {CM_KEY_ML_DSA_44, CM_SIGN_OWN}, {CM_KEY_ML_DSA_87, CM_SIGN_OWN}, {CM_KEY_SLH_DSA_SHA2_128S, CM_SIGN_OWN}
	};

	(void) state;
	cm_buf_init(&out, 0);
	build(&tbs, &out);
	/* ecdsa-with-SHA256 to ecdsa-with-SHA224, and to ecdsa-with-SHA1 as far as one octet can say */
	replace(&out, "\x2a\x86\x48\xce\x3d\x04\x03\x02", "\x2a\x86\x48\xce\x3d\x04\x03\x01", 8);
	refuse(of(&out), &p, "1.2.840.10045.4.3.1");
	p.foreign = true;
	refuse(of(&out), &p, "1.2.840.10045.4.3.1");

	make_ca(&rsa, CM_KEY_RSA_2048, "CN=Policy CA", NULL);
	tbs.issuer_alg = CM_KEY_RSA_2048;
	build(&tbs, &out);
	accept(of(&out), &p);
	replace(&out, "\xf7\x0d\x01\x01\x0b", "\xf7\x0d\x01\x01\x0c", 5);	/* SHA-384 */
	accept(of(&out), &p);
	p.foreign = false;
	accept(of(&out), &p);
	replace(&out, "\xf7\x0d\x01\x01\x0c", "\xf7\x0d\x01\x01\x05", 5);	/* SHA-1 */
	refuse(of(&out), &p, "1.2.840.113549.1.1.5 is unknown or too weak");
	p.foreign = true;
	refuse(of(&out), &p, "1.2.840.113549.1.1.5 is unknown or too weak");
	replace(&out, "\xf7\x0d\x01\x01\x05", "\xf7\x0d\x01\x01\x04", 5);	/* MD5 */
	refuse(of(&out), &p, "1.2.840.113549.1.1.4");
	entity_free(&rsa);

	/* Whatever our keys sign with: by a key's own choice, or as its CA was told. */
	p.foreign = false;
	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
	{
		tbs.issuer_alg = signs[i].key;
		tbs.signature_algorithm = cm_sign_alg_identifier(signs[i].alg, signs[i].key);
		assert_true(tbs.signature_algorithm.len > 0);
		build(&tbs, &out);
		accept(of(&out), &p);
	}
	cm_buf_free(&out);
}

static bool
inside(const uint8_t *p, CmSlice slice)
{
	return p >= slice.data && p < slice.data + slice.len;
}

static void
test_damaged(void **state)
{
	CmPolicy	p = good_policy();
	CmTbs		tbs = good_tbs();
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate c;
	const uint8_t *urls;
	CmBuf		out;
	size_t		i;

	(void) state;
	cm_buf_init(&out, 0);
	build(&tbs, &out);
	assert_true(cm_tbs_parse(of(&out), &c, &st));
	/* CRLDistributionPoints and AuthorityInfoAccess are the last two. */
	urls = memmem(out.data, out.len, "\x55\x1d\x1f", 3);
	assert_non_null(urls);
	for (i = 0; i < out.len; i++)
	{
		uint8_t    *copy = exact_copy(out.data, i);

		refuse(cm_slice(copy, i), &p, "unreadable");
		free(copy);
	}
	/* One octet changed is refused, but for what the policy leaves free: serial, subject key identifier, URLs. */
	for (i = 0; i < out.len; i++)
	{
		uint8_t    *copy = exact_copy(out.data, out.len);

		copy[i] ^= 0x55;
		if (!cm_policy_check(cm_slice(copy, out.len), &p, &st))
			assert_int_equal(st.code, CM_POLICY);
		else if (!inside(out.data + i, c.serial) && !inside(out.data + i, c.subject_key_id) && out.data + i < urls)
			fail_msg("octet %zu was changed and nobody noticed", i);
		free(copy);
	}
	/* not critical where it must be */
	replace(&out, "\x55\x1d\x0f\x01\x01\xff", "\x55\x1d\x0f\x01\x01\x00", 6);
	refuse(of(&out), &p, "key usage is not critical");
	tbs.sans = of(&sans);
	tbs.subject = cm_slice("\x30\x00", 2);
	p.subject = tbs.subject;
	build(&tbs, &out);
	accept(of(&out), &p);
	replace(&out, "\x55\x1d\x11\x01\x01\xff", "\x55\x1d\x11\x01\x01\x00", 6);
	refuse(of(&out), &p, "not critical although the subject is empty");
	cm_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_sans),
		cmocka_unit_test(test_common_names),
		cmocka_unit_test(test_usages),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_no_rev_avail_with_addresses),
		cmocka_unit_test(test_cve_2026_40097_empty_eku),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("policy", tests, set_up, tear_down);
}
