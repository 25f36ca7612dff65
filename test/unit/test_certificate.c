/* test_certificate.c - the strict reader: good certificates, damaged ones, links, text. */
#include "x509_fixture.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* A CA and a leaf with most extensions, made once. */
static Entity root;
static Entity sub;
static Entity leaf;

static int
set_up(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		sans;
	CmBuf		eku;
	CmTbs		tbs;

	(void) state;
	cm_buf_init(&sans, 0);
	cm_buf_init(&eku, 0);
	make_ca(&root, CM_KEY_EC_P384, "CN=Root,O=Example", NULL);
	entity_begin(&sub, CM_KEY_EC_P256, "CN=Sub,O=Example");
	tbs = fixture_tbs(&sub, &root, true);
	tbs.path_length = 0;
	entity_sign(&sub, &root, &tbs);

	entity_begin(&leaf, CM_KEY_ED25519, "CN=www.example.com");
	tbs = fixture_tbs(&leaf, &sub, false);
	assert_good(cm_san_parse("www.example.com", &sans, &st), &st);
	tbs.key_usage = CM_KU_DIGITAL_SIGNATURE | CM_KU_DECIPHER_ONLY | CM_KU_KEY_AGREEMENT;
	assert_good(cm_usage_parse("serverAuth", &tbs.key_usage, &eku, &st), &st);
	tbs.sans = of(&sans);
	tbs.ext_key_usage = of(&eku);
	tbs.crl_url = "http://ca.example.com/crl";
	tbs.ocsp_url = "http://ca.example.com/ocsp";
	entity_sign(&leaf, &sub, &tbs);
	cm_buf_free(&sans);
	cm_buf_free(&eku);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	entity_free(&leaf);
	entity_free(&sub);
	entity_free(&root);
	return 0;
}

static void
test_fields(void **state)
{
	const CmCertificate *c = &leaf.cert;
	CmSlice		rest = c->extensions;
	CmExtension ext;
	int			count = 0;

	(void) state;
	assert_true(cm_slice_equal(c->der, of(&leaf.der)));
	assert_int_equal(c->serial.len, 20);
	assert_memory_equal(c->serial.data, fixture_serial, 20);
	assert_true(cm_slice_equal(c->signature_alg, cm_sign_algorithm(CM_KEY_EC_P256)));
	assert_true(cm_slice_equal(c->issuer, of(&sub.name)));
	assert_true(cm_slice_equal(c->subject, of(&leaf.name)));
	assert_true(cm_slice_equal(c->spki, of(&leaf.spki)));
	assert_int_equal(c->key_alg, CM_KEY_ED25519);
	assert_int_equal(c->not_before, FIXTURE_START);
	assert_int_equal(c->not_after, FIXTURE_LEAF_END);
	assert_false(c->ca);
	assert_int_equal(c->path_length, -1);
	assert_true(c->has_key_usage);
	assert_int_equal(c->key_usage, CM_KU_DIGITAL_SIGNATURE | CM_KU_DECIPHER_ONLY | CM_KU_KEY_AGREEMENT);
	assert_int_equal(c->ext_key_usage.len, 10);
	assert_int_equal(c->sans.len, 2 + strlen("www.example.com"));
	assert_memory_equal(c->subject_key_id.data, leaf.key_id, 20);
	assert_memory_equal(c->authority_key_id.data, sub.key_id, 20);
	while (cm_extension_next(&rest, &ext))
		count++;
	assert_int_equal(count, 7);
	assert_int_equal(rest.len, 0);
	assert_true(sub.cert.ca);
	assert_int_equal(sub.cert.path_length, 0);
	assert_int_equal(root.cert.path_length, -1);
}

/* No prefix is a certificate; the copies are exact, so the sanitizer sees a read behind them. */
static void
test_truncation(void **state)
{
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	size_t		len;

	(void) state;
	for (len = 0; len < leaf.der.len; len++)
	{
		uint8_t    *copy = exact_copy(leaf.der.data, len);

		assert_false(cm_certificate_parse(cm_slice(copy, len), &c, &st));
		assert_int_equal(st.code, CM_INVALID);
		free(copy);
	}
	for (len = 0; len < leaf.cert.tbs.len; len++)
	{
		uint8_t    *copy = exact_copy(leaf.cert.tbs.data, len);

		assert_false(cm_tbs_parse(cm_slice(copy, len), &c, &st));
		free(copy);
	}
	assert_true(cm_tbs_parse(leaf.cert.tbs, &c, &st));
	assert_int_equal(c.signature.len, 0);
	assert_false(cm_certificate_issued_by(&c, &sub.cert, &st));
}

/* Every octet changed in three ways: no crash, and what is still read does not verify. */
static void
test_damage(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	size_t		at;
	size_t		m;

	(void) state;
	for (at = 0; at < leaf.der.len; at++)
	{
		for (m = 0; m < sizeof(masks); m++)
		{
			uint8_t    *copy = exact_copy(leaf.der.data, leaf.der.len);

			copy[at] ^= masks[m];
			if (cm_certificate_parse(cm_slice(copy, leaf.der.len), &c, &st))
				assert_false(cm_certificate_issued_by(&c, &sub.cert, &st));
			else
				assert_true(st.code == CM_INVALID);
			free(copy);
		}
	}
}

static void
test_trailing(void **state)
{
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	uint8_t    *copy = malloc(leaf.der.len + 1);

	(void) state;
	assert_non_null(copy);
	memcpy(copy, leaf.der.data, leaf.der.len);
	copy[leaf.der.len] = 0;
	assert_false(cm_certificate_parse(cm_slice(copy, leaf.der.len + 1), &c, &st));
	free(copy);
}

/* ---- TBS put together by hand ---- */

typedef struct Parts
{
	const char *version;
	size_t		version_len;
	const char *serial;
	size_t		serial_len;
	const char *extensions;		/* content of the SEQUENCE */
	size_t		extensions_len;
	const char *tail;
	size_t		tail_len;
} Parts;

static bool
parse_parts(const Parts *parts, CmCertificate *c, CmBuf *out, CmStatus *st)
{
	CmSlice		algorithm = cm_sign_algorithm(CM_KEY_EC_P256);
	size_t		tbs;
	size_t		seq;

	cm_buf_reset(out);
	tbs = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, parts->version, parts->version_len);
	cm_der_put(out, CM_DER_INTEGER, parts->serial, parts->serial_len);
	cm_buf_append(out, algorithm.data, algorithm.len);
	cm_buf_append(out, root.name.data, root.name.len);
	seq = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_time(out, 0);
	cm_der_put_time(out, 1);
	cm_der_close(out, seq);
	cm_buf_append(out, root.name.data, root.name.len);
	cm_buf_append(out, root.spki.data, root.spki.len);
	if (parts->extensions != NULL)
	{
		size_t		tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(3));

		seq = cm_der_open(out, CM_DER_SEQUENCE);
		cm_buf_append(out, parts->extensions, parts->extensions_len);
		cm_der_close(out, seq);
		cm_der_close(out, tagged);
	}
	cm_buf_append(out, parts->tail, parts->tail_len);
	cm_der_close(out, tbs);
	return cm_tbs_parse(of(out), c, st);
}

#define BYTES(text) text, sizeof(text) - 1
#define V3 "\xa0\x03\x02\x01\x02"
/* An extension 2.5.29.n, not critical, with a value of len octets. */
#define EXT(n, len, total, value) "\x30" total "\x06\x03\x55\x1d" n "\x04" len value

static void
test_structure(void **state)
{
	const Parts good = {BYTES(V3), BYTES("\x01"), NULL, 0, "", 0};
	Parts		p;
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_good(parse_parts(&good, &c, &out, &st), &st);
#define REFUSE(change) do { p = good; change; assert_false(parse_parts(&p, &c, &out, &st)); assert_int_equal(st.code, CM_INVALID); } while (0)
#define ACCEPT(change) do { p = good; change; assert_good(parse_parts(&p, &c, &out, &st), &st); } while (0)
#define SET(field, text) p.field = text; p.field##_len = sizeof(text) - 1
	REFUSE(SET(version, ""));	/* v1 */
	REFUSE(SET(version, "\xa0\x03\x02\x01\x00"));
	REFUSE(SET(version, "\xa0\x03\x02\x01\x01"));
	REFUSE(SET(version, "\xa0\x03\x02\x01\x03"));
	REFUSE(SET(version, "\xa0\x06\x02\x01\x02\x02\x01\x02"));
	REFUSE(SET(serial, ""));
	REFUSE(SET(serial, "\x80"));
	REFUSE(SET(serial, "\x00\x01"));
	REFUSE(SET(serial, "\x01" "12345678901234567890"));
	ACCEPT(SET(serial, "\x00\x80"));
	ACCEPT(SET(serial, "\x00"));
	REFUSE(SET(extensions, ""));	/* SIZE (1..MAX) */
	REFUSE(SET(tail, "\x05\x00"));
	REFUSE(SET(tail, "\x81\x02\x00\x01"));	/* issuerUniqueID */
	/* key usage */
	ACCEPT(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x07\x80")));
	assert_int_equal(c.key_usage, CM_KU_DIGITAL_SIGNATURE);
	ACCEPT(SET(extensions, EXT("\x0f", "\x05", "\x0c", "\x03\x03\x07\x00\x80")));
	assert_int_equal(c.key_usage, CM_KU_DECIPHER_ONLY);
	ACCEPT(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x00\x80")));
	REFUSE(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x00\x00")));
	REFUSE(SET(extensions, EXT("\x0f", "\x03", "\x0a", "\x03\x01\x00")));
	REFUSE(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x08\x80")));
	REFUSE(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x07\xc0")));
	REFUSE(SET(extensions, EXT("\x0f", "\x05", "\x0c", "\x03\x03\x06\x00\x40")));
	REFUSE(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x04\x02\x07\x80")));
	REFUSE(SET(extensions, EXT("\x0f", "\x06", "\x0d", "\x03\x02\x07\x80\x05\x00")));
	/* basic constraints */
	ACCEPT(SET(extensions, EXT("\x13", "\x05", "\x0c", "\x30\x03\x01\x01\xff")));
	assert_true(c.ca);
	ACCEPT(SET(extensions, EXT("\x13", "\x02", "\x09", "\x30\x00")));
	assert_false(c.ca);
	ACCEPT(SET(extensions, EXT("\x13", "\x05", "\x0c", "\x30\x03\x01\x01\x00")));
	REFUSE(SET(extensions, EXT("\x13", "\x05", "\x0c", "\x30\x03\x01\x01\x01")));
	REFUSE(SET(extensions, EXT("\x13", "\x05", "\x0c", "\x30\x03\x02\x01\x00")));	/* path length without CA */
	REFUSE(SET(extensions, EXT("\x13", "\x08", "\x0f", "\x30\x06\x01\x01\xff\x02\x01\xff")));
	REFUSE(SET(extensions, EXT("\x13", "\x0c", "\x13", "\x30\x0a\x01\x01\xff\x02\x05\x01\x00\x00\x00\x00")));
	REFUSE(SET(extensions, EXT("\x13", "\x00", "\x07", "")));
	/* extended key usage: empty, and not an OID */
	REFUSE(SET(extensions, EXT("\x25", "\x02", "\x09", "\x30\x00")));
	REFUSE(SET(extensions, EXT("\x25", "\x04", "\x0b", "\x30\x02\x05\x00")));
	REFUSE(SET(extensions, EXT("\x25", "\x04", "\x0b", "\x30\x02\x06\x00")));
	/* alternative names: empty, a universal tag, [9] */
	REFUSE(SET(extensions, EXT("\x11", "\x02", "\x09", "\x30\x00")));
	REFUSE(SET(extensions, EXT("\x11", "\x05", "\x0c", "\x30\x03\x16\x01" "a")));
	REFUSE(SET(extensions, EXT("\x11", "\x05", "\x0c", "\x30\x03\x89\x01" "a")));
	/* key identifiers */
	REFUSE(SET(extensions, EXT("\x0e", "\x02", "\x09", "\x04\x00")));
	ACCEPT(SET(extensions, EXT("\x23", "\x05", "\x0c", "\x30\x03\x80\x01" "a")));
	ACCEPT(SET(extensions, EXT("\x23", "\x02", "\x09", "\x30\x00")));
	ACCEPT(SET(extensions, EXT("\x23", "\x0d", "\x14", "\x30\x0b\x80\x01" "a\xa1\x03\x82\x01" "b\x82\x01\x05")));
	REFUSE(SET(extensions, EXT("\x23", "\x05", "\x0c", "\x30\x03\x82\x01\x05")));
	REFUSE(SET(extensions, EXT("\x23", "\x04", "\x0b", "\x30\x02\x80\x00")));
	/* an extension twice, also an unknown one; one that is not one */
	REFUSE(SET(extensions, EXT("\x0f", "\x04", "\x0b", "\x03\x02\x07\x80") EXT("\x0f", "\x04", "\x0b", "\x03\x02\x07\x80")));
	REFUSE(SET(extensions, EXT("\x63", "\x02", "\x09", "\x05\x00") EXT("\x63", "\x02", "\x09", "\x05\x00")));
	ACCEPT(SET(extensions, EXT("\x63", "\x02", "\x09", "\x05\x00") EXT("\x64", "\x02", "\x09", "\x05\x00")));
	REFUSE(SET(extensions, "\x05\x00"));
	REFUSE(SET(extensions, "\x30\x05\x06\x03\x55\x1d\x63"));
#undef SET
#undef ACCEPT
#undef REFUSE
	cm_buf_free(&out);
}

static void
test_limits(void **state)
{
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	Parts		p = {BYTES(V3), BYTES("\x01"), NULL, 0, "", 0};
	CmBuf		exts;
	CmBuf		out;
	int			i;

	(void) state;
	cm_buf_init(&exts, 0);
	cm_buf_init(&out, 0);
	for (i = 0; i < 65; i++)
	{
		uint8_t		ext[] = {0x30, 0x09, 0x06, 3, 0x55, 0x1d, 0x30, 0x04, 2, 0x05, 0x00};

		ext[6] = (uint8_t) (0x30 + i);
		cm_buf_append(&exts, ext, sizeof(ext));
	}
	p.extensions = (const char *) exts.data;
	p.extensions_len = exts.len;
	assert_false(parse_parts(&p, &c, &out, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "certificate has more than 64 extensions");
	p.extensions_len -= 11;
	assert_good(parse_parts(&p, &c, &out, &st), &st);

	cm_buf_reset(&out);
	cm_der_put(&out, CM_DER_SEQUENCE, cm_buf_reserve(&exts, 300000) ? exts.data : NULL, 300000);
	assert_false(cm_certificate_parse(of(&out), &c, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_false(cm_tbs_parse(of(&out), &c, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&exts);
	cm_buf_free(&out);
}

/* ---- certificates of OpenSSL's making ---- */

/* A v3 CA certificate with a signature that our own keys never make. */
static void
make_foreign(CmBuf *der, const char *curve, unsigned rsa_bits, const EVP_MD *md)
{
	EVP_PKEY   *key = curve != NULL ? EVP_EC_gen(curve) : EVP_RSA_gen(rsa_bits);
	X509	   *x = X509_new();
	X509V3_CTX	ctx;
	X509_EXTENSION *ext;
	unsigned char *p = NULL;
	int			len;

	assert_non_null(key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *) "Foreign", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, key, md) > 0);
	len = i2d_X509(x, &p);
	cm_buf_reset(der);
	cm_buf_append(der, p, (size_t) len);
	OPENSSL_free(p);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
test_foreign_signatures(void **state)
{
	CmCertificate c;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		der;

	(void) state;
	cm_buf_init(&der, 0);
	make_foreign(&der, "P-256", 0, EVP_sha512());
	assert_good(cm_certificate_parse(of(&der), &c, &st), &st);
	assert_good(cm_certificate_issued_by(&c, &c, &st), &st);
	der.data[der.len - 1] ^= 1;
	assert_false(cm_certificate_issued_by(&c, &c, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	make_foreign(&der, NULL, 2048, EVP_sha384());
	assert_good(cm_certificate_parse(of(&der), &c, &st), &st);
	assert_good(cm_certificate_issued_by(&c, &c, &st), &st);
	/* A weak key is read, as one of another sort. */
	make_foreign(&der, NULL, 1024, EVP_sha256());
	assert_good(cm_certificate_parse(of(&der), &c, &st), &st);
	assert_int_equal(c.key_alg, CM_KEY_OTHER);
	/* A curve that we do not make keys of. */
	make_foreign(&der, "secp256k1", 0, EVP_sha256());
	assert_good(cm_certificate_parse(of(&der), &c, &st), &st);
	assert_int_equal(c.key_alg, CM_KEY_OTHER);
	assert_good(cm_certificate_issued_by(&c, &c, &st), &st);
	cm_buf_free(&der);
}

/* ---- links ---- */

static void
test_issued_by(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		twin;
	Entity		plain;
	Entity		crl_only;
	CmTbs		tbs;
	CmCertificate c;

	(void) state;
	assert_good(cm_certificate_issued_by(&leaf.cert, &sub.cert, &st), &st);
	assert_good(cm_certificate_issued_by(&sub.cert, &root.cert, &st), &st);
	assert_good(cm_certificate_issued_by(&root.cert, &root.cert, &st), &st);
	assert_false(cm_certificate_issued_by(&leaf.cert, &root.cert, &st));
	assert_int_equal(st.code, CM_MISMATCH);

	/* Same name, other key: told by the key identifier, and without one by the signature. */
	make_ca(&twin, CM_KEY_EC_P256, "CN=Sub,O=Example", &root);
	assert_false(cm_certificate_issued_by(&leaf.cert, &twin.cert, &st));
	c = leaf.cert;
	c.authority_key_id.len = 0;
	assert_false(cm_certificate_issued_by(&c, &twin.cert, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	assert_good(cm_certificate_issued_by(&c, &sub.cert, &st), &st);

	/* Same name and key, but not a CA's, or not for signing certificates. */
	c = sub.cert;
	c.ca = false;
	assert_false(cm_certificate_issued_by(&leaf.cert, &c, &st));
	c = sub.cert;
	c.key_usage = CM_KU_CRL_SIGN;
	assert_false(cm_certificate_issued_by(&leaf.cert, &c, &st));

	make_leaf(&plain, CM_KEY_EC_P256, "CN=Plain", NULL, &root);
	entity_begin(&crl_only, CM_KEY_EC_P256, "CN=Below");
	tbs = fixture_tbs(&crl_only, &plain, false);
	entity_sign(&crl_only, &plain, &tbs);
	assert_false(cm_certificate_issued_by(&crl_only.cert, &plain.cert, &st));
	assert_non_null(strstr(st.reason, "not one of a CA"));
	entity_free(&crl_only);
	entity_free(&plain);
	entity_free(&twin);
}

/* ---- text ---- */

static void
test_from_text(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		text;
	CmBuf		ders;
	CmBuf		small;
	int			count;
	size_t		len;

	(void) state;
	cm_buf_init(&text, 0);
	cm_buf_init(&ders, 0);
	cm_buf_append_str(&ders, "x");
	/* a bare DER certificate */
	assert_good(cm_certificates_from_text(of(&leaf.der), 1, &ders, &count, &st), &st);
	assert_int_equal(count, 1);
	assert_int_equal(ders.len, 1 + leaf.der.len);
	assert_false(cm_certificates_from_text(of(&leaf.der), 0, &ders, &count, &st));
	assert_int_equal(st.code, CM_LIMIT);

	/* a bundle with text between; it begins with the octet that DER begins with */
	cm_buf_append_str(&text, "0 s:CN = www.example.com\n");
	cm_pem_encode(&text, "CERTIFICATE", leaf.der.data, leaf.der.len);
	cm_buf_append_str(&text, "\nissuer:\r\n");
	cm_pem_encode(&text, "CERTIFICATE", sub.der.data, sub.der.len);
	ders.len = 1;
	assert_good(cm_certificates_from_text(of(&text), 2, &ders, &count, &st), &st);
	assert_int_equal(count, 2);
	assert_int_equal(ders.len, 1 + leaf.der.len + sub.der.len);
	assert_memory_equal(ders.data + 1 + leaf.der.len, sub.der.data, sub.der.len);
	ders.len = 1;
	assert_false(cm_certificates_from_text(of(&text), 1, &ders, &count, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_int_equal(count, 0);
	assert_int_equal(ders.len, 1);
	/* and where the caller has no room for them */
	cm_buf_init(&small, leaf.der.len + 1);
	assert_false(cm_certificates_from_text(of(&text), 2, &small, &count, &st));
	assert_string_equal(st.reason, "certificates are too large");
	assert_int_equal(small.len, 0);
	cm_buf_free(&small);

	/* cut anywhere: never two, never a rest in the buffer after a failure */
	for (len = 0; len < text.len - 2; len += 5)
	{
		uint8_t    *copy = exact_copy(text.data, len);

		if (cm_certificates_from_text(cm_slice(copy, len), 2, &ders, &count, &st))
			assert_int_equal(count, 1);
		else
			assert_int_equal(ders.len, 1);
		ders.len = 1;
		free(copy);
	}

	/* a key among them */
	cm_pem_encode(&text, "PRIVATE KEY", "abc", 3);
	assert_false(cm_certificates_from_text(of(&text), 5, &ders, &count, &st));
	assert_non_null(strstr(st.reason, "PRIVATE KEY"));
	assert_int_equal(ders.len, 1);

	cm_buf_reset(&text);
	cm_pem_encode(&text, "CERTIFICATE", "abc", 3);
	assert_false(cm_certificates_from_text(of(&text), 5, &ders, &count, &st));
	assert_false(cm_certificates_from_text(cm_slice("hello", 5), 5, &ders, &count, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_false(cm_certificates_from_text(cm_slice(NULL, 0), 5, &ders, &count, NULL));
	cm_buf_free(&text);
	cm_buf_free(&ders);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_trailing),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_foreign_signatures),
		cmocka_unit_test(test_issued_by),
		cmocka_unit_test(test_from_text),
	};

	return cmocka_run_group_tests_name("certificate", tests, set_up, tear_down);
}
