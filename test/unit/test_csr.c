/*
 * test_csr.c - certification requests: ours read by OpenSSL, OpenSSL's read by
 * us, and crafted ones that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/encode.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

static CmKey *key;				/* EC-P256, for what needs a key only */
static CmKey *other_key;

static int
make_keys(void **state)
{
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	return cm_key_generate(CM_KEY_EC_P256, &key, &st) && cm_key_generate(CM_KEY_EC_P256, &other_key, &st) ? 0 : -1;
}

static int
free_keys(void **state)
{
	(void) state;
	cm_key_free(key);
	cm_key_free(other_key);
	return 0;
}

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

/* ---- ours ---- */

static void
build(const CmKey *k, const char *subject, const char *san1, const char *san2, bool ca, int path_length, CmBuf *der)
{
	CmBuf		name = {0};
	CmBuf		sans = {0};
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_name_parse(subject, &name, &st));
	assert_true(san1 == NULL || cm_san_parse(san1, &sans, &st));
	assert_true(san2 == NULL || cm_san_parse(san2, &sans, &st));
	if (!cm_csr_build(k, slice_of(&name), slice_of(&sans), ca, path_length, der, &st))
		fail_msg("%s: %s", st.reason, st.detail);
	cm_buf_free(&name);
	cm_buf_free(&sans);
}

static void
assert_openssl_accepts(CmSlice der)
{
	const unsigned char *p = der.data;
	X509_REQ   *req = d2i_X509_REQ(NULL, &p, (long) der.len);
	unsigned char *again = NULL;
	int			len;

	assert_non_null(req);
	assert_ptr_equal(p, der.data + der.len);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	assert_int_equal(X509_REQ_get_version(req), 0);
	len = i2d_re_X509_REQ_tbs(req, &again);
	assert_true(len > 0);
	OPENSSL_free(again);
	X509_REQ_free(req);
}

static void
test_build_all_keys(void **state)
{
	static const CmKeyAlg algs[] = {CM_KEY_EC_P256, CM_KEY_EC_P384, CM_KEY_EC_P521, CM_KEY_ED25519, CM_KEY_RSA_2048};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
	{
		CmBuf		der = {0};
		CmBuf		want = {0};
		CmBuf		spki = {0};
		CmKey	   *k = NULL;
		CmStatus	st = CM_STATUS_INIT;
		CmCsr		csr;

		assert_true(cm_key_generate(algs[i], &k, &st));
		build(k, "CN=b.example,O=X\\, Y", "DNS:b.example", "DNS:a.example", false, -1, &der);
		assert_openssl_accepts(slice_of(&der));
		if (!cm_csr_parse(slice_of(&der), &csr, &st))
			fail_msg("%s: %s: %s", cm_key_alg_name(algs[i]), st.reason, st.detail);
		assert_int_equal(csr.key_alg, algs[i]);
		assert_true(cm_key_spki(k, &spki, &st));
		assert_true(cm_slice_equal(csr.spki, slice_of(&spki)));
		assert_true(cm_slice_equal(csr.der, slice_of(&der)));
		assert_true(csr.sans.data > der.data && csr.sans.data < der.data + der.len);
		/* In the order they were given. */
		assert_true(cm_san_parse("b.example", &want, &st) && cm_san_parse("a.example", &want, &st));
		assert_true(cm_slice_equal(csr.sans, slice_of(&want)));
		cm_buf_reset(&want);
		assert_true(cm_name_parse("CN=b.example,O=X\\, Y", &want, &st));
		assert_true(cm_slice_equal(csr.subject, slice_of(&want)));
		assert_false(csr.has_key_usage);
		assert_false(csr.has_basic_constraints);
		assert_int_equal(csr.path_length, -1);
		assert_int_equal(csr.ext_key_usage.len, 0);
		cm_key_free(k);
		cm_buf_free(&der);
		cm_buf_free(&want);
		cm_buf_free(&spki);
	}
}

static void
test_build_variants(void **state)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;

	(void) state;
	build(key, "CN=Root", NULL, NULL, true, 3, &der);
	assert_openssl_accepts(slice_of(&der));
	assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_true(csr.has_basic_constraints && csr.ca);
	assert_int_equal(csr.path_length, 3);
	assert_true(csr.has_key_usage);
	assert_int_equal(csr.key_usage, CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN);
	assert_int_equal(csr.sans.len, 0);

	cm_buf_reset(&der);
	build(key, "CN=Root", NULL, NULL, true, -1, &der);
	assert_openssl_accepts(slice_of(&der));
	assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_true(csr.ca);
	assert_int_equal(csr.path_length, -1);

	/* No extension at all, and nothing but names. */
	cm_buf_reset(&der);
	build(key, "CN=x", NULL, NULL, false, -1, &der);
	assert_openssl_accepts(slice_of(&der));
	assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
	cm_buf_reset(&der);
	build(key, "", "IP:192.0.2.1", NULL, false, -1, &der);
	assert_openssl_accepts(slice_of(&der));
	assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_int_equal(csr.subject.len, 2);

	/* Behind what is there; what is no Name is refused and leaves it alone. */
	cm_buf_reset(&der);
	assert_true(cm_buf_append_str(&der, "kept"));
	assert_false(cm_csr_build(key, cm_slice("\x30\x01", 2), cm_slice(NULL, 0), false, -1, &der, &st));
	assert_int_equal(der.len, 4);
	assert_true(cm_csr_build(key, cm_slice(NULL, 0), cm_slice(NULL, 0), false, -1, &der, &st));
	assert_true(cm_csr_parse(cm_slice(der.data + 4, der.len - 4), &csr, &st));
	cm_buf_free(&der);
}

/* ---- OpenSSL's ---- */

static EVP_PKEY *
make_pkey(const char *type)
{
	if (strcmp(type, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048);
	if (strcmp(type, "RSA1024") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024);
	if (strncmp(type, "P-", 2) == 0 || strncmp(type, "sec", 3) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
	return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void
add_extension(STACK_OF(X509_EXTENSION) *list, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_true(sk_X509_EXTENSION_push(list, ext) > 0);
}

/* A request as "openssl req" makes it; with PSS when pss. */
static void
make_foreign(const char *type, const EVP_MD *md, bool pss, CmBuf *out)
{
	EVP_PKEY   *pkey = make_pkey(type);
	X509_REQ   *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	unsigned char *der = NULL;
	int			len;

	assert_non_null(pkey);
	assert_int_equal(X509_REQ_set_version(req, 0), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8, (const unsigned char *) "a.example", -1, -1, 0), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, pkey), 1);
	assert_int_equal(X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC, (const unsigned char *) "secret", -1), 1);
	add_extension(list, NID_subject_alt_name, "DNS:WWW.Example.com,DNS:a.example,IP:192.0.2.1");
	add_extension(list, NID_key_usage, "critical,digitalSignature,keyAgreement,decipherOnly");
	add_extension(list, NID_ext_key_usage, "serverAuth,clientAuth");
	add_extension(list, NID_basic_constraints, "critical,CA:FALSE");
	assert_int_equal(X509_REQ_add_extensions(req, list), 1);
	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, md, NULL, pkey), 1);
	if (pss)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(X509_REQ_sign_ctx(req, ctx) > 0);
	len = i2d_X509_REQ(req, &der);
	assert_true(len > 0 && cm_buf_append(out, der, (size_t) len));
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(req);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
}

static void
join(const char *name, void *arg)
{
	(void) cm_buf_printf((CmBuf *) arg, "%s ", name);
}

static void
test_foreign_accepted(void **state)
{
	static const struct
	{
		const char *type;
		const char *md;
		CmKeyAlg	alg;
		bool		pss;
	}			cases[] = {
		{"P-256", "SHA256", CM_KEY_EC_P256, false}, {"P-256", "SHA384", CM_KEY_EC_P256, false}, {"P-256", "SHA512", CM_KEY_EC_P256, false},
		{"P-384", "SHA256", CM_KEY_EC_P384, false}, {"P-384", "SHA384", CM_KEY_EC_P384, false}, {"P-384", "SHA512", CM_KEY_EC_P384, false},
		{"P-521", "SHA256", CM_KEY_EC_P521, false}, {"P-521", "SHA384", CM_KEY_EC_P521, false}, {"P-521", "SHA512", CM_KEY_EC_P521, false},
		{"ED25519", NULL, CM_KEY_ED25519, false}, {"ED448", NULL, CM_KEY_ED448, false},
		/* The salt is as long as fits here. */
		{"RSA", "SHA256", CM_KEY_RSA_2048, true}, {"RSA", "SHA512", CM_KEY_RSA_2048, true},
		{"RSA", "SHA256", CM_KEY_RSA_2048, false}, {"RSA", "SHA384", CM_KEY_RSA_2048, false}, {"RSA", "SHA512", CM_KEY_RSA_2048, false},
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmBuf		der = {0};
		CmBuf		text = {0};
		CmStatus	st = CM_STATUS_INIT;
		CmCsr		csr;

		make_foreign(cases[i].type, cases[i].md == NULL ? NULL : EVP_get_digestbyname(cases[i].md), cases[i].pss, &der);
		if (!cm_csr_parse(slice_of(&der), &csr, &st))
			fail_msg("%s %s: %s: %s", cases[i].type, cases[i].md, st.reason, st.detail);
		assert_int_equal(csr.key_alg, cases[i].alg);
		assert_true(csr.has_key_usage && csr.has_basic_constraints && !csr.ca);
		cm_usage_each(csr.key_usage, csr.ext_key_usage, join, &text);
		assert_string_equal(cm_buf_cstr(&text), "digitalSignature keyAgreement decipherOnly serverAuth clientAuth ");
		/* The names keep their bytes. */
		assert_memory_equal(csr.sans.data, "\x82\x0fWWW.Example.com\x82\x09" "a.example\x87\x04\xc0\x00\x02\x01", csr.sans.len);

		/* Any bit of the signature, or of the name, changed. */
		der.data[der.len - 5] ^= 1;
		assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
		assert_int_equal(st.code, CM_MISMATCH);
		assert_string_equal(st.reason, "proof of possession failed");
		assert_true(st.detail[0] != '\0');
		der.data[der.len - 5] ^= 1;
		((uint8_t *) csr.sans.data)[2] ^= 1;
		assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
		assert_int_equal(st.code, CM_MISMATCH);
		assert_int_equal(ERR_peek_error(), 0);
		cm_buf_free(&der);
		cm_buf_free(&text);
	}
}

static void
assert_foreign_refused(const char *type, const EVP_MD *md, bool pss, CmCode code, const char *reason)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;

	make_foreign(type, md, pss, &der);
	if (cm_csr_parse(slice_of(&der), &csr, &st))
		fail_msg("%s was accepted", type);
	if (code != CM_OK)
		assert_int_equal(st.code, code);
	if (strstr(st.reason, reason) == NULL)
		fail_msg("%s: %s: %s", type, st.reason, st.detail);
	cm_buf_free(&der);
}

static void
test_foreign_refused(void **state)
{
	(void) state;
	assert_foreign_refused("P-256", EVP_sha1(), false, CM_POLICY, "\"ecdsa-with-SHA1\", which is too weak");
	assert_foreign_refused("RSA", EVP_sha1(), false, CM_POLICY, "\"sha1WithRSAEncryption\", which is too weak");
	assert_foreign_refused("RSA", EVP_md5(), false, CM_POLICY, "\"md5WithRSAEncryption\", which is too weak");
	assert_foreign_refused("RSA", EVP_sha224(), false, CM_UNSUPPORTED, "\"1.2.840.113549.1.1.14\"");
	assert_foreign_refused("RSA", EVP_sha224(), true, CM_UNSUPPORTED, "\"RSASSA-PSS\"");
	assert_foreign_refused("secp256k1", EVP_sha256(), false, CM_OK, "");
	assert_foreign_refused("P-224", EVP_sha256(), false, CM_OK, "");
	assert_foreign_refused("RSA1024", EVP_sha256(), false, CM_OK, "");
}

/* ---- crafted ones: signed by our key, wrong somewhere ---- */

#define ALG_ECDSA_SHA256 "300a06082a8648ce3d040302"

static void
append_hex(CmBuf *out, const char *hex)
{
	assert_true(cm_hex_decode(out, hex, strlen(hex)));
}

/* version and attributes as hex TLVs ("" = left out), the algorithm too; signer may be another key. */
static void
craft(const char *version, const char *attributes, const char *alg, const CmKey *signer, CmBuf *out)
{
	CmBuf		info = {0};
	CmBuf		signature = {0};
	CmStatus	st = CM_STATUS_INIT;
	size_t		mark = cm_der_open(&info, CM_DER_SEQUENCE);

	append_hex(&info, version);
	append_hex(&info, "300c310a300806035504030c0161");
	assert_true(cm_key_spki(key, &info, &st));
	append_hex(&info, attributes);
	cm_der_close(&info, mark);
	assert_true(cm_sign(signer, slice_of(&info), &signature, &st));
	mark = cm_der_open(out, CM_DER_SEQUENCE);
	assert_true(cm_buf_append(out, info.data, info.len));
	append_hex(out, alg);
	cm_der_put_bit_string(out, signature.data, signature.len);
	cm_der_close(out, mark);
	cm_buf_free(&info);
	cm_buf_free(&signature);
}

/* Attributes with one extensionRequest of these extensions (hex), as hex. */
static const char *
extension_request(const char *extensions, CmBuf *hex)
{
	CmBuf		der = {0};
	size_t		m[4];

	m[0] = cm_der_open(&der, CM_DER_CONTEXT_CONS(0));
	m[1] = cm_der_open(&der, CM_DER_SEQUENCE);
	assert_true(cm_der_put_oid(&der, "1.2.840.113549.1.9.14"));
	m[2] = cm_der_open(&der, CM_DER_SET);
	m[3] = cm_der_open(&der, CM_DER_SEQUENCE);
	append_hex(&der, extensions);
	cm_der_close(&der, m[3]);
	cm_der_close(&der, m[2]);
	cm_der_close(&der, m[1]);
	cm_der_close(&der, m[0]);
	cm_buf_reset(hex);
	assert_true(cm_hex_encode(hex, der.data, der.len));
	cm_buf_free(&der);
	return cm_buf_cstr(hex);
}

static void
assert_crafted(const char *version, const char *attributes, const char *alg, CmCode code, const char *detail)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;

	craft(version, attributes, alg, key, &der);
	if (cm_csr_parse(slice_of(&der), &csr, &st) != (code == CM_OK))
		fail_msg("%s %s %s: %s: %s", version, attributes, alg, st.reason, st.detail);
	assert_int_equal(st.code, code);
	if (strstr(st.detail, detail) == NULL)
		fail_msg("%s %s %s: %s", version, attributes, alg, st.detail);
	cm_buf_free(&der);
}

static void
assert_extensions(const char *extensions, CmCode code, const char *detail)
{
	CmBuf		hex = {0};

	assert_crafted("020100", extension_request(extensions, &hex), ALG_ECDSA_SHA256, code, detail);
	cm_buf_free(&hex);
}

static void
test_crafted_frame(void **state)
{
	(void) state;
	assert_crafted("020100", "a000", ALG_ECDSA_SHA256, CM_OK, "");
	assert_crafted("020100", "", ALG_ECDSA_SHA256, CM_OK, "");
	assert_crafted("020101", "a000", ALG_ECDSA_SHA256, CM_INVALID, "version is not 0");
	assert_crafted("", "a000", ALG_ECDSA_SHA256, CM_INVALID, "version");
	assert_crafted("0200", "a000", ALG_ECDSA_SHA256, CM_INVALID, "version");
	assert_crafted("02020000", "a000", ALG_ECDSA_SHA256, CM_INVALID, "version");
	assert_crafted("020100", "a0000500", ALG_ECDSA_SHA256, CM_INVALID, "attributes");
	assert_crafted("020100", "a100", ALG_ECDSA_SHA256, CM_INVALID, "attributes");
	assert_crafted("020100", "a0020500", ALG_ECDSA_SHA256, CM_INVALID, "attribute");
	assert_crafted("020100", "a00430020500", ALG_ECDSA_SHA256, CM_INVALID, "attribute");
	/* An attribute of another kind is passed over. */
	assert_crafted("020100", "a00a300806022a0331020500", ALG_ECDSA_SHA256, CM_OK, "");
	assert_crafted("020100", "a00c300a06022a03310205000500", ALG_ECDSA_SHA256, CM_INVALID, "attribute");
	/* Algorithm: parameters where none belong, of another kind of key, of another hash, nothing. */
	assert_crafted("020100", "a000", "300c06082a8648ce3d0403020500", CM_INVALID, "parameters");
	assert_crafted("020100", "a000", "300d06092a864886f70d01010b0500", CM_MISMATCH, "does not fit its key (EC-P256)");
	assert_crafted("020100", "a000", "300506032b6570", CM_MISMATCH, "does not fit");
	assert_crafted("020100", "a000", "300a06082a8648ce3d040303", CM_MISMATCH, "ECDSA-SHA384");
	assert_crafted("020100", "a000", "3000", CM_INVALID, "algorithm");
	assert_crafted("020100", "a000", "3003060180", CM_INVALID, "algorithm");
}

static void
test_crafted_extensions(void **state)
{
	(void) state;
	assert_extensions("", CM_OK, "");
	assert_crafted("020100", "a011" "300f06092a864886f70d01090e3102" "3000", ALG_ECDSA_SHA256, CM_OK, "");
	assert_crafted("020100", "a022" "300f06092a864886f70d01090e31023000" "300f06092a864886f70d01090e31023000", ALG_ECDSA_SHA256, CM_INVALID, "more than one extension request");
	assert_crafted("020100", "a013" "301106092a864886f70d01090e310430003000", ALG_ECDSA_SHA256, CM_INVALID, "exactly one");
	assert_crafted("020100", "a00f" "300d06092a864886f70d01090e3100", ALG_ECDSA_SHA256, CM_INVALID, "exactly one");

	/* subjectAltName */
	assert_extensions("300c0603551d110405300382016" "1", CM_OK, "");
	assert_extensions("300c0603551d1104053003820161" "300c0603551d1104053003820161", CM_INVALID, "subjectAltName is in it twice");
	assert_extensions("30090603551d1104023000", CM_INVALID, "");
	assert_extensions("300c0603551d1104053003820100", CM_INVALID, "NUL");
	assert_extensions("300c0603551d110405300382015f", CM_INVALID, "\"DNS:_\"");
	assert_extensions("300d0603551d11040630048702" "0102", CM_INVALID, "octets");
	assert_extensions("300c0603551d1104053004820161", CM_INVALID, "subjectAltName is not well formed");
	/* keyUsage: good; no bits; unused bits set; bit 9; wrong type; nothing */
	assert_extensions("300b0603551d0f0404030205a0", CM_OK, "");
	assert_extensions("300e0603551d0f0101ff0404030205a0", CM_OK, "");
	assert_extensions("300e0603551d0f010101040403020" "5a0", CM_INVALID, "extension");
	assert_extensions("300b0603551d0f0404030200" "00", CM_INVALID, "no usage");
	assert_extensions("300b0603551d0f0404030205a1", CM_INVALID, "mean nothing");
	assert_extensions("300c0603551d0f040503030600" "40", CM_INVALID, "mean nothing");
	assert_extensions("300b0603551d0f0404030208a0", CM_INVALID, "keyUsage");
	assert_extensions("300a0603551d0f0403030100", CM_INVALID, "keyUsage");
	assert_extensions("300b0603551d0f0404020205a0", CM_INVALID, "keyUsage");
	/* extKeyUsage: the empty one took other CAs down. */
	assert_extensions("30090603551d2504023000", CM_INVALID, "no usage");
	assert_extensions("300d0603551d250406300406022a03", CM_OK, "");
	assert_extensions("300b0603551d25040430020500", CM_INVALID, "object identifier");
	assert_extensions("300c0603551d2504053003060180", CM_INVALID, "object identifier");
	/* basicConstraints */
	assert_extensions("30090603551d1304023000", CM_OK, "");
	assert_extensions("300f0603551d13040830060101ff020105", CM_OK, "");
	assert_extensions("300c0603551d130405300302" "0105", CM_INVALID, "path length");
	assert_extensions("30100603551d13040930070101ff02020100", CM_INVALID, "out of range");
	assert_extensions("300f0603551d13040830060101ff0201ff", CM_INVALID, "out of range");
	assert_extensions("300c0603551d1304053003010101", CM_INVALID, "basicConstraints");
	assert_extensions("300e0603551d13040730050101ff0500", CM_INVALID, "basicConstraints");
	/* subjectKeyIdentifier; others by name; not even an extension */
	assert_extensions("300b0603551d0e040404020102", CM_OK, "");
	assert_extensions("300b0603551d0e040405020102", CM_INVALID, "subjectKeyIdentifier");
	assert_extensions("30090603551d2304023000", CM_POLICY, "Extension 2.5.29.35 was asked for");
	assert_extensions("300806022a0304023000", CM_POLICY, "1.2.3");
	assert_extensions("3003060180", CM_INVALID, "extension");
	assert_extensions("0500", CM_INVALID, "extension");
	assert_extensions("30050603551d0e", CM_INVALID, "extension");
}

/* Extensions that a template takes from requests: those and no others, each once, and the ordinary ones as ever. */
static void
test_listed_extensions(void **state)
{
	static const char *const listed = "300806022a0304023000";
	CmSlice		allowed = cm_slice("\x06\x01\x2a\x06\x02\x2a\x03", 7);
	CmBuf		hex = {0};
	CmBuf		der = {0};
	CmBuf		many = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;
	char		two[64];
	int			i;

	(void) state;
	craft("020100", extension_request(listed, &hex), ALG_ECDSA_SHA256, key, &der);
	assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_true(cm_csr_parse_with(slice_of(&der), allowed, &csr, &st));
	assert_int_equal(csr.other_count, 1);
	assert_memory_equal(csr.others[0].data, "\x30\x08\x06\x02\x2a\x03\x04\x02\x30\x00", 10);
	snprintf(two, sizeof(two), "%s%s", listed, listed);
	cm_buf_reset(&hex);
	cm_buf_reset(&der);
	craft("020100", extension_request(two, &hex), ALG_ECDSA_SHA256, key, &der);
	assert_false(cm_csr_parse_with(slice_of(&der), allowed, &csr, &st));
	assert_non_null(strstr(st.detail, "twice"));
	cm_buf_reset(&hex);
	cm_buf_reset(&der);
	craft("020100", extension_request("300806022a0404023000", &hex), ALG_ECDSA_SHA256, key, &der);
	assert_false(cm_csr_parse_with(slice_of(&der), allowed, &csr, &st));
	assert_int_equal(st.code, CM_POLICY);

	/* more than there is room for, all of them allowed */
	cm_buf_reset(&hex);
	cm_buf_reset(&der);
	for (i = 0; i <= CM_CSR_OTHERS_MAX; i++)
		cm_buf_printf(&many, "300806022a%02x04023000", i);
	craft("020100", extension_request(cm_buf_cstr(&many), &hex), ALG_ECDSA_SHA256, key, &der);
	cm_buf_reset(&many);
	for (i = 0; i <= CM_CSR_OTHERS_MAX; i++)
		cm_buf_append(&many, (uint8_t[]) {0x06, 2, 0x2a, (uint8_t) i}, 4);
	assert_false(cm_csr_parse_with(slice_of(&der), slice_of(&many), &csr, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "certificate request asks for too many extensions");
	cm_buf_free(&hex);
	cm_buf_free(&der);
	cm_buf_free(&many);
}

static void
test_unknown_extension_by_name(void **state)
{
	CmBuf		hex = {0};
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;

	(void) state;
	craft("020100", extension_request("30090603551d1e04023000", &hex), ALG_ECDSA_SHA256, key, &der);
	assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_int_equal(st.code, CM_POLICY);
	assert_string_equal(st.reason, "certificate request asks for extension \"nameConstraints\", which is not allowed");
	cm_buf_free(&hex);
	cm_buf_free(&der);
}

static void
test_possession(void **state)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;

	(void) state;
	craft("020100", "a000", ALG_ECDSA_SHA256, other_key, &der);
	assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	assert_string_equal(st.reason, "proof of possession failed");
	assert_string_equal(st.detail, "The signature (ECDSA-SHA256) of the certificate request was not made by the key in it (EC-P256).");
	cm_buf_free(&der);
}

static void
test_many_names(void **state)
{
	CmBuf		sans = {0};
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;
	char		name[32];
	int			i;

	(void) state;
	for (i = 0; i < 1001; i++)
	{
		(void) snprintf(name, sizeof(name), "n%d.example", i);
		assert_true(cm_san_parse(name, &sans, &st));
		if (i == 999)
		{
			assert_true(cm_csr_build(key, cm_slice(NULL, 0), slice_of(&sans), false, -1, &der, &st));
			assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
			cm_buf_reset(&der);
		}
	}
	assert_true(cm_csr_build(key, cm_slice(NULL, 0), slice_of(&sans), false, -1, &der, &st));
	assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&sans);
	cm_buf_free(&der);
}

static void
test_hostile(void **state)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmCsr		csr;
	uint8_t    *big;
	size_t		i;

	(void) state;
	make_foreign("P-256", EVP_sha256(), false, &der);
	for (i = 0; i < der.len; i++)
	{
		uint8_t    *copy = malloc(i == 0 ? 1 : i);
		uint8_t		kept = der.data[i];

		memcpy(copy, der.data, i);
		assert_false(cm_csr_parse(cm_slice(copy, i), &csr, &st));
		assert_int_equal(st.code, CM_INVALID);
		free(copy);

		/* Nothing that was changed after signing gets through. */
		der.data[i] = (uint8_t) (kept ^ 0x01);
		assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
		der.data[i] = (uint8_t) (kept ^ 0x80);
		assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
		der.data[i] = 0;
		assert_true(kept == 0 || !cm_csr_parse(slice_of(&der), &csr, &st));
		der.data[i] = kept;
	}
	assert_true(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_true(cm_buf_append_byte(&der, 0));
	assert_false(cm_csr_parse(slice_of(&der), &csr, &st));
	assert_non_null(strstr(st.detail, "behind its end"));
	assert_false(cm_csr_parse(slice_of(&der), &csr, NULL));

	big = calloc(1, CM_CSR_MAX + 1);
	assert_false(cm_csr_parse(cm_slice(big, CM_CSR_MAX + 1), &csr, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_false(cm_csr_parse(cm_slice(big, CM_CSR_MAX), &csr, &st));
	assert_int_equal(st.code, CM_INVALID);
	free(big);
	cm_buf_free(&der);
}

/* ---- text ---- */

static void
assert_text(const char *text, size_t len, CmSlice want, const char *detail)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_buf_append_str(&der, "kept"));
	if (cm_csr_from_text(cm_slice(text, len), &der, &st) != (want.len > 0))
		fail_msg("%s: %s", st.reason, st.detail);
	assert_int_equal(der.len, 4 + want.len);
	if (want.len > 0)
		assert_memory_equal(der.data + 4, want.data, want.len);
	else if (strstr(st.detail, detail) == NULL)
		fail_msg("%s", st.detail);
	cm_buf_free(&der);
}

static void
test_from_text(void **state)
{
	CmBuf		der = {0};
	CmBuf		pem = {0};
	CmBuf		two = {0};
	CmSlice		none = {NULL, 0};
	char	   *big;

	(void) state;
	build(key, "CN=x", "DNS:x", NULL, false, -1, &der);
	assert_text((const char *) der.data, der.len, slice_of(&der), "");

	assert_true(cm_pem_encode(&pem, "CERTIFICATE REQUEST", der.data, der.len));
	assert_text(cm_buf_cstr(&pem), pem.len, slice_of(&der), "");
	cm_buf_reset(&pem);
	assert_true(cm_buf_append_str(&pem, "Certificate Request:\n    Data:\n"));
	assert_true(cm_pem_encode(&pem, "EC PARAMETERS", "\x06\x01\x2a", 3));
	assert_true(cm_pem_encode(&pem, "NEW CERTIFICATE REQUEST", der.data, der.len));
	assert_true(cm_buf_append_str(&pem, "\ntrailing text"));
	assert_text(cm_buf_cstr(&pem), pem.len, slice_of(&der), "");

	assert_true(cm_buf_append(&two, pem.data, pem.len) && cm_buf_append(&two, pem.data, pem.len));
	assert_text(cm_buf_cstr(&two), two.len, none, "more than one");
	cm_buf_reset(&pem);
	assert_true(cm_pem_encode(&pem, "CERTIFICATE", der.data, der.len));
	assert_text(cm_buf_cstr(&pem), pem.len, none, "no \"-----BEGIN CERTIFICATE REQUEST-----\" block");
	assert_text("", 0, none, "no \"");
	assert_text("0\x03", 2, none, "no \"");
	assert_text((const char *) der.data, der.len - 1, none, "no \"");

	big = calloc(1, 5 * CM_CSR_MAX);
	big[0] = 0x30;
	assert_text(big, 5 * CM_CSR_MAX, none, "at most");
	cm_buf_reset(&pem);
	assert_true(cm_pem_encode(&pem, "CERTIFICATE REQUEST", big, CM_CSR_MAX + 1));
	assert_text(cm_buf_cstr(&pem), pem.len, none, "at most 65536");
	free(big);
	cm_buf_free(&der);
	cm_buf_free(&pem);
	cm_buf_free(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_all_keys),
		cmocka_unit_test(test_build_variants),
		cmocka_unit_test(test_foreign_accepted),
		cmocka_unit_test(test_foreign_refused),
		cmocka_unit_test(test_crafted_frame),
		cmocka_unit_test(test_crafted_extensions),
		cmocka_unit_test(test_unknown_extension_by_name),
		cmocka_unit_test(test_possession),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_listed_extensions),
		cmocka_unit_test(test_from_text),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
