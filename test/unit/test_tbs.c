/* test_tbs.c - certificates that tbs.c writes, read by OpenSSL. */
#include "x509_fixture.h"

#include "x509/certificate_policy.h"

#include <openssl/x509v3.h>

static const CmKeyAlg algs[] = {
	CM_KEY_EC_P256, CM_KEY_EC_P384, CM_KEY_EC_P521, CM_KEY_ED25519, CM_KEY_RSA_2048, CM_KEY_RSA_3072, CM_KEY_RSA_4096
};
#define ALGS (sizeof(algs) / sizeof(algs[0]))

static void
add_usage(const char *name, uint32_t *bits, CmBuf *oids)
{
	CmStatus	st = CM_STATUS_INIT;

	assert_good(cm_usage_parse(name, bits, oids, &st), &st);
}

/* Everything in one leaf of every issuer algorithm, looked at through OpenSSL. */
static void
check_full_leaf(Entity *ca, Entity *leaf)
{
	CmStatus	st = CM_STATUS_INIT;
	CmTbs		tbs = fixture_tbs(leaf, ca, false);
	CmBuf		sans;
	CmBuf		eku;
	X509	   *x;
	X509	   *issuer;
	GENERAL_NAMES *names;
	CRL_DIST_POINTS *points;
	AUTHORITY_INFO_ACCESS *aia;
	int			critical;

	cm_buf_init(&sans, 0);
	cm_buf_init(&eku, 0);
	assert_good(cm_san_parse("DNS:www.example.com", &sans, &st), &st);
	assert_good(cm_san_parse("IP:2001:db8::1", &sans, &st), &st);
	tbs.key_usage = 0;
	add_usage("digitalSignature", &tbs.key_usage, &eku);
	add_usage("keyAgreement", &tbs.key_usage, &eku);
	add_usage("decipherOnly", &tbs.key_usage, &eku);
	add_usage("serverAuth", &tbs.key_usage, &eku);
	add_usage("clientAuth", &tbs.key_usage, &eku);
	tbs.sans = of(&sans);
	tbs.ext_key_usage = of(&eku);
	tbs.crl_url = "http://ca.example.com/crl";
	tbs.ocsp_url = "http://ca.example.com/ocsp";
	tbs.ca_issuers_url = "http://ca.example.com/ca.der";
	entity_sign(leaf, ca, &tbs);

	x = to_x509(&leaf->der);
	issuer = to_x509(&ca->der);
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(issuer)), 1);
	assert_int_equal(X509_check_issued(issuer, x), X509_V_OK);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_check_ca(issuer), 1);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT | KU_DECIPHER_ONLY);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_int_equal(X509_get_ext_count(x), 7);
	assert_int_equal(X509_check_host(x, "www.example.com", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
	assert_int_equal(X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_CRITICAL), 0);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_subject_key_id(x)), leaf->key_id, 20);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_authority_key_id(x)), ca->key_id, 20);

	names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 2);
	assert_int_equal(critical, 0);
	GENERAL_NAMES_free(names);
	points = X509_get_ext_d2i(x, NID_crl_distribution_points, &critical, NULL);
	assert_int_equal(sk_DIST_POINT_num(points), 1);
	assert_int_equal(critical, 0);
	assert_string_equal((const char *) ASN1_STRING_get0_data(sk_GENERAL_NAME_value(sk_DIST_POINT_value(points, 0)->distpoint->name.fullname, 0)->d.ia5),
						tbs.crl_url);
	CRL_DIST_POINTS_free(points);
	aia = X509_get_ext_d2i(x, NID_info_access, &critical, NULL);
	assert_int_equal(sk_ACCESS_DESCRIPTION_num(aia), 2);
	assert_int_equal(OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(aia, 0)->method), NID_ad_OCSP);
	assert_string_equal((const char *) ASN1_STRING_get0_data(sk_ACCESS_DESCRIPTION_value(aia, 1)->location->d.ia5), tbs.ca_issuers_url);
	AUTHORITY_INFO_ACCESS_free(aia);

	X509_free(x);
	X509_free(issuer);
	cm_buf_free(&sans);
	cm_buf_free(&eku);
}

static void
test_all_algorithms(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < ALGS; i++)
	{
		Entity		ca;
		Entity		leaf;

		make_ca(&ca, algs[i], "CN=Test CA,O=Example\\, Inc.,C=DE", NULL);
		/* The leaf's key is of another kind than its issuer's. */
		entity_begin(&leaf, algs[i] == CM_KEY_ED25519 ? CM_KEY_EC_P521 : CM_KEY_ED25519, "CN=www.example.com");
		check_full_leaf(&ca, &leaf);
		entity_free(&leaf);
		entity_free(&ca);
	}
}

static void
test_ca_extensions(void **state)
{
	Entity		root;
	Entity		sub;
	CmTbs		tbs;
	X509	   *x;
	BASIC_CONSTRAINTS *bc;
	int			critical;

	(void) state;
	make_ca(&root, CM_KEY_EC_P256, "CN=Root", NULL);
	x = to_x509(&root.der);
	assert_int_equal(X509_get_pathlen(x), -1);
	assert_int_equal(X509_self_signed(x, 1), 1);
	X509_free(x);

	entity_begin(&sub, CM_KEY_EC_P256, "CN=Sub");
	tbs = fixture_tbs(&sub, &root, true);
	tbs.path_length = 0;
	entity_sign(&sub, &root, &tbs);
	x = to_x509(&sub.der);
	assert_int_equal(X509_get_pathlen(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	bc = X509_get_ext_d2i(x, NID_basic_constraints, &critical, NULL);
	assert_non_null(bc);
	assert_int_equal(critical, 1);
	BASIC_CONSTRAINTS_free(bc);
	ASN1_BIT_STRING_free(X509_get_ext_d2i(x, NID_key_usage, &critical, NULL));
	assert_int_equal(critical, 1);
	X509_free(x);

	/* A root may do without an authority key identifier. */
	tbs = fixture_tbs(&root, NULL, true);
	tbs.authority_key_id = cm_slice(NULL, 0);
	tbs.subject_key_id = cm_slice("own", 3);
	tbs.path_length = 300;
	entity_sign(&root, &root, &tbs);
	assert_int_equal(root.cert.authority_key_id.len, 0);
	assert_int_equal(root.cert.subject_key_id.len, 3);
	assert_int_equal(root.cert.path_length, 300);
	entity_free(&sub);
	entity_free(&root);
}

/* Everything that only some certificates have, as OpenSSL reads it. */
static void
test_special_extensions(void **state)
{
	static const char wanted[] =
		"X509v3 Extended Key Usage: critical|Policy: 1.2.3.4|CPS: http://a/cps|Explicit Text: Hands off|"
		"URI:http://crl1/Big%20CA/5a0102030405060708090a0b0c0d0e0f10111213/7|URI:ldap://crl2/|URI:http://delta/7|"
		"status_request|CA Issuers - URI:http://ca1/|CA Issuers - URI:http://ca2/|OCSP - URI:http://o1/|OCSP - URI:http://o2/|1.2.3.5: critical";
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	Entity		leaf;
	CmBuf		policies;
	CmTbs		tbs;
	X509	   *x;
	BIO		   *bio = BIO_new(BIO_s_mem());
	char	   *text;
	char		all[sizeof(wanted)];
	char	   *word;

	(void) state;
	cm_buf_init(&policies, 0);
	assert_good(cm_certificate_policy_put(&policies, "1.2.3.4", "http://a/cps", "Hands off", &st), &st);
	assert_good(cm_certificate_policy_put(&policies, "1.2.3.5", NULL, NULL, &st), &st);
	make_ca(&ca, CM_KEY_EC_P256, "CN=CA", NULL);
	entity_begin(&leaf, CM_KEY_EC_P256, "CN=leaf");
	tbs = fixture_tbs(&leaf, &ca, false);
	tbs.ext_key_usage = cm_slice("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08", 10);
	tbs.ext_key_usage_critical = true;
	tbs.policies = of(&policies);
	tbs.must_staple = true;
	tbs.crl_url = "http://crl1/{ca}/{serial}/{shard} ldap://crl2/";
	tbs.freshest_crl_url = "http://delta/{shard}";
	tbs.ca_issuers_url = "http://ca1/ http://ca2/";
	tbs.ocsp_url = "http://o1/\nhttp://o2/";
	tbs.url_values.ca = "Big CA";
	tbs.url_values.shard = 7;
	tbs.extensions = cm_slice("\x30\x0c\x06\x03\x2a\x03\x05\x01\x01\xff\x04\x02\x05\x00", 14);
	entity_sign(&leaf, &ca, &tbs);
	x = to_x509(&leaf.der);
	assert_int_equal(X509_print_ex(bio, x, 0, 0), 1);
	BIO_write(bio, "", 1);
	BIO_get_mem_data(bio, &text);
	memcpy(all, wanted, sizeof(wanted));
	for (word = strtok(all, "|"); word != NULL; word = strtok(NULL, "|"))
	{
		if (strstr(text, word) == NULL)
			fail_msg("\"%s\" is not in %s", word, text);
	}
	X509_free(x);
	BIO_free(bio);

	/* RFC 9608: no word about where its revocation would be found, but where its issuer is */
	tbs.must_staple = false;
	tbs.no_rev_avail = true;
	entity_sign(&leaf, &ca, &tbs);
	x = to_x509(&leaf.der);
	assert_int_equal(X509_get_ext_by_NID(x, NID_crl_distribution_points, -1), -1);
	assert_int_equal(X509_get_ext_by_NID(x, NID_freshest_crl, -1), -1);
	assert_null(memmem(leaf.der.data, leaf.der.len, "http://o1/", 10));
	assert_non_null(memmem(leaf.der.data, leaf.der.len, "http://ca1/", 11));
	assert_non_null(memmem(leaf.der.data, leaf.der.len, "\x06\x03\x55\x1d\x38\x04\x02\x05\x00", 9));
	X509_free(x);
	entity_free(&leaf);
	entity_free(&ca);
	cm_buf_free(&policies);
}

static void
test_empty_subject(void **state)
{
	Entity		ca;
	Entity		leaf;
	X509	   *x;
	int			critical;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=Root", NULL);
	make_leaf(&leaf, CM_KEY_EC_P256, "", "DNS:only.example.com", &ca);
	x = to_x509(&leaf.der);
	GENERAL_NAMES_free(X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL));
	assert_int_equal(critical, 1);
	X509_free(x);
	entity_free(&leaf);
	entity_free(&ca);
}

/* UTCTime to 2049, GeneralizedTime from 2050; the bytes are looked for. */
static void
test_times(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	CmTbs		tbs;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=Root", NULL);
	tbs = fixture_tbs(&ca, NULL, true);
	tbs.not_before = INT64_C(2524607999);
	tbs.not_after = INT64_C(2524608000);
	assert_good(cm_tbs_build(&tbs, &out, &st), &st);
	assert_non_null(memmem(out.data, out.len, "\x30\x20\x17\x0d" "491231235959Z\x18\x0f" "20500101000000Z", 34));
	cm_buf_reset(&out);
	tbs.not_after = INT64_C(253402300799);	/* RFC 5280 4.1.2.5: no expiry */
	assert_good(cm_tbs_build(&tbs, &out, &st), &st);
	assert_non_null(memmem(out.data, out.len, "99991231235959Z", 15));
	cm_buf_reset(&out);
	tbs.not_after = tbs.not_before;		/* one second, the bound is inclusive */
	assert_true(cm_tbs_build(&tbs, &out, &st));
	cm_buf_free(&out);
	entity_free(&ca);
}

static void
refuse(const CmTbs *tbs, const char *word)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	cm_buf_init(&out, 0);
	cm_buf_append_str(&out, "before");
	assert_false(cm_tbs_build(tbs, &out, &st));
	assert_int_not_equal(st.code, CM_OK);
	if (strstr(st.reason, word) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", st.reason, word);
	assert_int_equal(out.len, 6);
	cm_buf_free(&out);
}

static void
test_refused_input(void **state)
{
	static uint8_t long_serial[21] = {1};
	static uint8_t high_serial[20] = {0x80};
	static uint8_t padded[24] = {0, 0, 0, 0, 0x7f, 1};
	static const uint8_t zeros[20];
	static char long_url[3000];
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	Entity		leaf;
	CmTbs		good;
	CmTbs		bad;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=Root", NULL);
	make_leaf(&leaf, CM_KEY_EC_P256, "CN=leaf", NULL, &ca);
	good = fixture_tbs(&leaf, &ca, false);
#define BAD(change, word) do { bad = good; change; refuse(&bad, word); } while (0)
	BAD(bad.serial.len = 0, "serial number is not valid");
	BAD(bad.serial = cm_slice(zeros, sizeof(zeros)), "serial number is not valid");
	BAD(bad.serial = cm_slice(long_serial, sizeof(long_serial)), "serial number is not valid");
	BAD(bad.serial = cm_slice(high_serial, sizeof(high_serial)), "serial number is not valid");
	BAD(bad.issuer_alg = CM_KEY_NONE, "issuer's key algorithm cannot sign certificates");
	BAD(bad.issuer_alg = CM_KEY_OTHER, "issuer's key algorithm cannot sign certificates");
	BAD(bad.issuer = cm_slice("\x30\x00", 2), "issuer is not a distinguished name");
	BAD(bad.issuer.len--, "issuer is not a distinguished name");
	BAD(bad.subject.len--, "subject is not a distinguished name");
	BAD(bad.subject = cm_slice("\x30\x00", 2), "certificate has neither a subject nor alternative names");
	BAD(bad.not_after = bad.not_before - 1, "certificate would end before it begins");
	BAD(bad.not_before = INT64_C(-631152001), "validity lies outside the years 1950 to 9999");
	BAD(bad.not_after = INT64_C(253402300800), "validity lies outside the years 1950 to 9999");
	BAD(bad.key_usage |= CM_KU_KEY_CERT_SIGN, "only a CA certificate may have the key usage \"keyCertSign\"");
	BAD(bad.key_usage = 1u << 9, "key usage has unknown bits");
	BAD(bad.ca = true, "CA certificate needs the key usage \"keyCertSign\"");
	BAD((bad.ca = true, bad.key_usage = CM_KU_KEY_CERT_SIGN, bad.subject = cm_slice("\x30\x00", 2)), "CA certificate needs a subject");
	BAD(bad.ext_key_usage = cm_slice("\x06\x01", 2), "extended key usage is not a list of object identifiers");
	BAD(bad.sans = cm_slice("\x82\x05" "ab", 4), "subject alternative names are not GeneralNames");
	BAD(bad.sans = cm_slice("\x16\x02" "ab", 4), "subject alternative names are not GeneralNames");
	BAD(bad.spki = cm_slice("\x30\x00", 2), "public key is not a SubjectPublicKeyInfo");
	BAD(bad.spki.len--, "public key is not a SubjectPublicKeyInfo");
	BAD(bad.crl_url = "", "CRL");
	BAD(bad.crl_url = "http://a/ \x01", "CRL");
	BAD(bad.crl_url = "http://a/{", "CRL");
	BAD(bad.crl_url = "http://a/{nonsense}", "CRL");
	BAD(bad.crl_url = "http://a/{ca}", "CRL");
	BAD(bad.freshest_crl_url = " ", "delta CRL");
	BAD(bad.name_constraints = cm_slice("\xa0\x00", 2), "only a CA certificate may have name constraints");
	BAD((bad.no_rev_avail = true, bad.must_staple = true), "certificate without revocation cannot require stapling");
	BAD((bad.no_rev_avail = bad.ca = true, bad.key_usage = CM_KU_KEY_CERT_SIGN), "a CA certificate must be revocable");
	BAD(bad.authority_key_id = cm_slice(long_serial, 65), "key identifier is longer than 64 octets");
	BAD(bad.ocsp_url = "", "OCSP address is empty");
	BAD(bad.extensions = cm_slice("\x30\x00", 2), "additional extensions are not well formed");
	BAD(bad.extensions = cm_slice("\x30\x07\x06\x01\x2a\x04\x02\x05\x00\x30\x07\x06\x01\x2a\x04\x02\x05\x00", 18), "an additional extension is there twice");
	BAD(bad.ocsp_url = "http://\xc3\xa4/", "OCSP");
	BAD(bad.ca_issuers_url = "http://a/\x7f", "issuer");
	memset(long_url, 'a', sizeof(long_url) - 1);
	BAD(bad.ca_issuers_url = long_url, "issuer");
#undef BAD
	/* Leading zeros are not part of the number. */
	bad = good;
	bad.serial = cm_slice(padded, sizeof(padded));
	assert_good(cm_tbs_build(&bad, &out, &st), &st);
	cm_buf_free(&out);
	entity_free(&leaf);
	entity_free(&ca);
}

static void
test_full_buffer(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	CmTbs		tbs;
	CmBuf		whole;
	CmBuf		out;
	size_t		max;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=Root", NULL);
	tbs = fixture_tbs(&ca, NULL, true);
	cm_buf_init(&whole, 0);
	assert_true(cm_tbs_build(&tbs, &whole, &st));
	for (max = 1; max < whole.len; max += 7)
	{
		cm_buf_init(&out, max);
		assert_false(cm_tbs_build(&tbs, &out, &st));
		assert_int_equal(st.code, CM_LIMIT);
		assert_string_equal(st.reason, "certificate would be too large");
		assert_int_equal(out.len, 0);
		cm_buf_free(&out);
	}
	for (max = 1; max < whole.len + 10; max += 7)
	{
		cm_buf_init(&out, max);
		assert_false(cm_certificate_sign(ca.key, of(&whole), &out, &st));
		assert_string_equal(st.reason, "certificate would be too large");
		assert_int_equal(out.len, 0);
		cm_buf_free(&out);
	}
	cm_buf_free(&whole);
	entity_free(&ca);
}

static void
test_sign_mismatch(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	Entity		other;
	CmTbs		tbs;
	CmBuf		bytes;
	CmBuf		out;
	size_t		len;

	(void) state;
	cm_buf_init(&bytes, 0);
	cm_buf_init(&out, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=Root", NULL);
	make_ca(&other, CM_KEY_ED25519, "CN=Root", NULL);
	tbs = fixture_tbs(&ca, NULL, true);
	assert_good(cm_tbs_build(&tbs, &bytes, &st), &st);
	assert_false(cm_certificate_sign(other.key, of(&bytes), &out, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	assert_int_equal(out.len, 0);
	for (len = 0; len < bytes.len; len++)
	{
		uint8_t    *copy = exact_copy(bytes.data, len);

		assert_false(cm_certificate_sign(ca.key, cm_slice(copy, len), &out, &st));
		assert_int_equal(st.code, CM_INVALID);
		free(copy);
	}
	assert_int_equal(out.len, 0);
	cm_buf_free(&bytes);
	cm_buf_free(&out);
	entity_free(&other);
	entity_free(&ca);
}

static void
test_serial_random(void **state)
{
	uint8_t		a[CM_SERIAL_SIZE];
	uint8_t		b[CM_SERIAL_SIZE];
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	(void) state;
	memset(b, 0, sizeof(b));
	for (i = 0; i < 2000; i++)
	{
		assert_true(cm_serial_random(a, &st));
		assert_in_range(a[0], 1, 0x7f);
		assert_memory_not_equal(a, b, sizeof(a));
		memcpy(b, a, sizeof(a));
	}
}

/* The identifier is the one OpenSSL makes. */
static void
test_key_identifier(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		id[20];
	uint8_t		theirs[EVP_MAX_MD_SIZE];
	unsigned	len;
	Entity		ca;
	X509	   *x;
	size_t		cut;

	(void) state;
	make_ca(&ca, CM_KEY_RSA_2048, "CN=Root", NULL);
	x = to_x509(&ca.der);
	assert_int_equal(X509_pubkey_digest(x, EVP_sha1(), theirs, &len), 1);
	assert_int_equal(len, 20);
	assert_memory_equal(theirs, ca.key_id, 20);
	X509_free(x);
	for (cut = 0; cut < ca.spki.len; cut++)
	{
		uint8_t    *copy = exact_copy(ca.spki.data, cut);

		assert_false(cm_key_identifier(cm_slice(copy, cut), id, &st));
		free(copy);
	}
	entity_free(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_algorithms),
		cmocka_unit_test(test_ca_extensions),
		cmocka_unit_test(test_special_extensions),
		cmocka_unit_test(test_empty_subject),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_refused_input),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_sign_mismatch),
		cmocka_unit_test(test_serial_random),
		cmocka_unit_test(test_key_identifier),
	};

	return cmocka_run_group_tests_name("tbs", tests, NULL, NULL);
}
