/* test_crl.c - revocation lists that crl.c writes, read by OpenSSL. */
#include "x509_fixture.h"

#include <openssl/x509v3.h>

#include "x509/crl.h"

/* A second after the last that X.509 knows. */
#define TIME_BAD INT64_C(253402300800)

static const CmKeyAlg algs[] = {
	CM_KEY_EC_P256, CM_KEY_EC_P384, CM_KEY_EC_P521, CM_KEY_ED25519, CM_KEY_RSA_2048
};

static CmCrl
begin(const Entity *ca)
{
	CmCrl		crl;

	memset(&crl, 0, sizeof(crl));
	crl.issuer = of(&ca->name);
	crl.authority_key_id = cm_slice(ca->key_id, sizeof(ca->key_id));
	crl.issuer_alg = cm_key_alg(ca->key);
	crl.number = UINT64_C(0xfedcba9876543210);	/* nanoseconds need all 64 bits */
	crl.this_update = FIXTURE_START;
	crl.next_update = FIXTURE_START + 86400;
	cm_crl_begin(&crl);
	return crl;
}

static bool
add(CmCrl *crl, CmSlice serial, int64_t at, int reason, CmStatus *st)
{
	CmCrlEntry	entry = {serial, at, reason, false, 0};

	return cm_crl_add(crl, entry, st);
}

static X509_CRL *
to_crl(const CmBuf *der)
{
	const unsigned char *p = der->data;
	X509_CRL   *crl = d2i_X509_CRL(NULL, &p, (long) der->len);

	assert_non_null(crl);
	assert_ptr_equal(p, der->data + der->len);
	return crl;
}

static time_t
to_time(const ASN1_TIME *t)
{
	struct tm	tm;

	assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
	return timegm(&tm);
}

static void
check_entry(X509_CRL *crl, CmSlice serial, int64_t at, int reason)
{
	BIGNUM	   *bn = BN_bin2bn(serial.data, (int) serial.len, NULL);
	ASN1_INTEGER *number = BN_to_ASN1_INTEGER(bn, NULL);
	X509_REVOKED *entry = NULL;
	ASN1_ENUMERATED *code;
	int			critical;

	/* 2 for removeFromCRL. */
	assert_int_equal(X509_CRL_get0_by_serial(crl, &entry, number), reason == 8 ? 2 : 1);
	assert_int_equal(to_time(X509_REVOKED_get0_revocationDate(entry)), at);
	code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
	if (reason == 0)
	{
		assert_null(code);
		assert_int_equal(X509_REVOKED_get_ext_count(entry), 0);
	}
	else
	{
		assert_non_null(code);
		assert_int_equal(critical, 0);
		assert_int_equal(ASN1_ENUMERATED_get(code), reason);
	}
	ASN1_ENUMERATED_free(code);
	ASN1_INTEGER_free(number);
	BN_free(bn);
}

static void
test_all_algorithms(void **state)
{
	static const int reasons[] = {0, 1, 2, 3, 4, 5, 6, 9, 10};
	CmStatus	st = CM_STATUS_INIT;
	size_t		a;
	size_t		i;

	(void) state;
	for (a = 0; a < sizeof(algs) / sizeof(algs[0]); a++)
	{
		Entity		ca;
		CmCrl		crl;
		CmBuf		der;
		X509	   *x;
		X509_CRL   *c;
		ASN1_INTEGER *number;
		AUTHORITY_KEYID *akid;
		uint64_t	value;
		uint8_t		serial[20];
		int			critical;

		make_ca(&ca, algs[a], "CN=CRL CA", NULL);
		crl = begin(&ca);
		memset(serial, 0xa5, sizeof(serial));
		for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		{
			serial[0] = (uint8_t) (i + 1);
			assert_good(add(&crl, cm_slice(serial, 20), FIXTURE_START - (int64_t) i, reasons[i], &st), &st);
		}
		/* 19 octets with the top bit set, and leading zeros */
		assert_good(add(&crl, cm_slice(serial + 1, 19), FIXTURE_START, 4, &st), &st);
		assert_good(add(&crl, cm_slice("\x00\x00\x07", 3), FIXTURE_START, 0, &st), &st);
		assert_int_equal(crl.count, 11);
		cm_buf_init(&der, 0);
		assert_good(cm_crl_finish(&crl, ca.key, &der, &st), &st);

		x = to_x509(&ca.der);
		c = to_crl(&der);
		assert_int_equal(X509_CRL_verify(c, X509_get0_pubkey(x)), 1);
		assert_int_equal(X509_CRL_get_version(c), 1);
		assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(c), X509_get_subject_name(x)), 0);
		assert_int_equal(to_time(X509_CRL_get0_lastUpdate(c)), FIXTURE_START);
		assert_int_equal(to_time(X509_CRL_get0_nextUpdate(c)), FIXTURE_START + 86400);
		assert_int_equal(X509_CRL_get_ext_count(c), 2);
		number = X509_CRL_get_ext_d2i(c, NID_crl_number, &critical, NULL);
		assert_int_equal(critical, 0);
		assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
		assert_true(value == UINT64_C(0xfedcba9876543210));
		akid = X509_CRL_get_ext_d2i(c, NID_authority_key_identifier, &critical, NULL);
		assert_memory_equal(ASN1_STRING_get0_data(akid->keyid), ca.key_id, 20);
		assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(c)), 11);
		for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		{
			serial[0] = (uint8_t) (i + 1);
			check_entry(c, cm_slice(serial, 20), FIXTURE_START - (int64_t) i, reasons[i]);
		}
		check_entry(c, cm_slice(serial + 1, 19), FIXTURE_START, 4);
		check_entry(c, cm_slice("\x07", 1), FIXTURE_START, 0);
		AUTHORITY_KEYID_free(akid);
		ASN1_INTEGER_free(number);
		X509_CRL_free(c);
		X509_free(x);
		cm_buf_free(&der);
		cm_crl_free(&crl);
		entity_free(&ca);
	}
}

static void
test_empty(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	CmCrl		crl;
	CmBuf		der;
	X509	   *x;
	X509_CRL   *c;

	(void) state;
	cm_buf_init(&der, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	crl = begin(&ca);
	crl.number = 0;
	crl.this_update = INT64_C(2524607999);
	crl.next_update = INT64_C(2524608000);
	assert_good(cm_crl_finish(&crl, ca.key, &der, &st), &st);
	x = to_x509(&ca.der);
	c = to_crl(&der);
	assert_int_equal(X509_CRL_verify(c, X509_get0_pubkey(x)), 1);
	/* absent, not an empty list: RFC 5280 5.1.2.6 */
	assert_null(X509_CRL_get_REVOKED(c));
	assert_int_equal(X509_CRL_get0_lastUpdate(c)->type, V_ASN1_UTCTIME);
	assert_int_equal(X509_CRL_get0_nextUpdate(c)->type, V_ASN1_GENERALIZEDTIME);
	X509_CRL_free(c);
	X509_free(x);
	cm_buf_free(&der);
	cm_crl_free(&crl);
	entity_free(&ca);
}

static void
test_entry_times(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	CmCrl		crl;
	CmBuf		der;
	X509_CRL   *c;

	(void) state;
	cm_buf_init(&der, 0);
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	crl = begin(&ca);
	assert_true(add(&crl, cm_slice("\x01", 1), INT64_C(2524607999), 1, &st));
	assert_true(add(&crl, cm_slice("\x02", 1), INT64_C(2524608000), 1, &st));
	assert_true(add(&crl, cm_slice("\x03", 1), INT64_C(-631152000), 1, &st));
	assert_true(add(&crl, cm_slice("\x04", 1), INT64_C(253402300799), 1, &st));
	assert_false(add(&crl, cm_slice("\x05", 1), INT64_C(253402300800), 1, &st));
	assert_false(add(&crl, cm_slice("\x05", 1), INT64_C(-631152001), 1, &st));
	assert_good(cm_crl_finish(&crl, ca.key, &der, &st), &st);
	c = to_crl(&der);
	check_entry(c, cm_slice("\x01", 1), INT64_C(2524607999), 1);
	check_entry(c, cm_slice("\x02", 1), INT64_C(2524608000), 1);
	check_entry(c, cm_slice("\x03", 1), INT64_C(-631152000), 1);
	check_entry(c, cm_slice("\x04", 1), INT64_C(253402300799), 1);
	assert_int_equal(X509_REVOKED_get0_revocationDate(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(c), 0))->type, V_ASN1_UTCTIME);
	X509_CRL_free(c);
	cm_buf_free(&der);
	cm_crl_free(&crl);
	entity_free(&ca);
}

static void
test_refused(void **state)
{
	static const uint8_t high[20] = {0x80};
	static const uint8_t zeros[4];
	static const uint8_t longer[21] = {1};
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	Entity		other;
	CmCrl		crl;
	CmBuf		der;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	make_ca(&other, CM_KEY_ED25519, "CN=CRL CA", NULL);
	crl = begin(&ca);
	assert_false(add(&crl, cm_slice(high, 20), FIXTURE_START, 1, &st));
	assert_string_equal(st.reason, "serial number of a revoked certificate is not valid");
	assert_false(add(&crl, cm_slice(zeros, 4), FIXTURE_START, 1, &st));
	assert_false(add(&crl, cm_slice(longer, 21), FIXTURE_START, 1, &st));
	assert_false(add(&crl, cm_slice(NULL, 0), FIXTURE_START, 1, &st));
	assert_string_equal(st.reason, "serial number of a revoked certificate is not valid");
	assert_false(add(&crl, cm_slice("\x01", 1), FIXTURE_START, 7, &st));
	assert_string_equal(st.reason, "7 is not a revocation reason");
	assert_false(add(&crl, cm_slice("\x01", 1), FIXTURE_START, 8, &st));
	assert_false(add(&crl, cm_slice("\x01", 1), FIXTURE_START, 11, &st));
	assert_false(add(&crl, cm_slice("\x01", 1), FIXTURE_START, -1, &st));
	assert_false(add(&crl, cm_slice("\x01", 1), INT64_C(-631152001), 1, &st));
	assert_string_equal(st.reason, "time of a revocation lies outside the years 1950 to 9999");
	assert_int_equal(crl.count, 0);
	assert_int_equal(crl.list.len, crl.head);

	cm_buf_init(&der, 0);
#define BAD(change, expected, message) \
	do { CmCrl bad = crl; change; assert_false(cm_crl_finish(&bad, ca.key, &der, &st)); \
		assert_int_equal(st.code, expected); assert_string_equal(st.reason, message); assert_int_equal(der.len, 0); } while (0)
	BAD(bad.issuer = cm_slice("\x30\x00", 2), CM_INVALID, "issuer is not a distinguished name");
	BAD(bad.issuer.len--, CM_INVALID, "issuer is not a distinguished name");
	BAD(bad.authority_key_id.len = 0, CM_INVALID, "CRL needs the key identifier of its issuer, 1 to 64 octets");
	BAD(bad.next_update = bad.this_update, CM_INVALID, "CRL would end before it begins");
	BAD(bad.next_update = INT64_C(253402300800), CM_INVALID, "times of the CRL lie outside the years 1950 to 9999");
	BAD(bad.distribution_point = cm_slice("\x86\x05", 2), CM_INVALID, "distribution point of a CRL is not made of GeneralNames");
	BAD(bad.freshest = cm_slice("\x30\x00", 2), CM_INVALID, "distribution point of a CRL is not made of GeneralNames");
	BAD((bad.delta = true, bad.base_number = bad.number + 1), CM_INVALID, "delta CRL would be older than its base");
	BAD((bad.only_ca = true, bad.only_user = true), CM_INVALID, "CRL would be of CA certificates alone and of end entities alone");
	BAD(bad.issuer_alg = CM_KEY_OTHER, CM_UNSUPPORTED, "issuer's key algorithm cannot sign CRLs");
	BAD(bad.issuer_alg = CM_KEY_ED25519, CM_MISMATCH, "CRL names another signature algorithm than the issuer's key has");
#undef BAD
	assert_false(cm_crl_finish(&crl, other.key, &der, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	/* no room for an entry; none for the signature */
	crl.list.max = crl.list.len + 10;
	assert_false(add(&crl, cm_slice("\x01", 1), FIXTURE_START, 1, &st));
	assert_string_equal(st.reason, "CRL would be too large");
	assert_false(cm_crl_finish(&crl, ca.key, &der, &st));
	assert_string_equal(st.reason, "CRL would be too large");
	assert_int_equal(der.len, 0);
	cm_crl_free(&crl);
	cm_buf_free(&der);
	entity_free(&other);
	entity_free(&ca);
}

/* Lengths of one to three octets in the list's header. */
static void
test_many(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	X509	   *x;
	uint32_t	n;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	x = to_x509(&ca.der);
	for (n = 1; n <= 20000; n = n < 20 ? n + 1 : n * 10)
	{
		CmCrl		crl = begin(&ca);
		CmBuf		der;
		X509_CRL   *c;
		uint8_t		serial[20];
		uint32_t	i;

		memset(serial, 0x11, sizeof(serial));
		for (i = 0; i < n; i++)
		{
			memcpy(serial + 1, &i, sizeof(i));
			assert_good(add(&crl, cm_slice(serial, 20), FIXTURE_START, i % 2 == 0 ? 0 : 1, &st), &st);
		}
		cm_buf_init(&der, 0);
		assert_good(cm_crl_finish(&crl, ca.key, &der, &st), &st);
		c = to_crl(&der);
		assert_int_equal(X509_CRL_verify(c, X509_get0_pubkey(x)), 1);
		assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(c)), n);
		X509_CRL_free(c);
		cm_buf_free(&der);
		cm_crl_free(&crl);
	}
	X509_free(x);
	entity_free(&ca);
}

static void
test_reasons(void **state)
{
	static const char *const bad[] = {
		"", "7", "8", "11", "-1", "01", "1 ", "0x1", "removeFromCRL", "key_compromise", "key compromise", "keyCompromis", "100"
	};
	CmStatus	st = CM_STATUS_INIT;
	int			code;
	int			i;

	(void) state;
	for (i = 0; i <= 10; i++)
	{
		char		number[16];

		snprintf(number, sizeof(number), "%d", i);
		if (i == 7 || i == 8)
		{
			assert_null(cm_crl_reason_name(i));
			assert_false(cm_crl_reason_parse(number, &code, &st));
			continue;
		}
		assert_true(cm_crl_reason_parse(number, &code, &st));
		assert_int_equal(code, i);
		assert_true(cm_crl_reason_parse(cm_crl_reason_name(i), &code, &st));
		assert_int_equal(code, i);
	}
	assert_true(cm_crl_reason_parse("KEYCOMPROMISE", &code, &st));
	assert_int_equal(code, 1);
	assert_true(cm_crl_reason_parse("aacompromise", &code, &st));
	assert_int_equal(code, 10);
	for (i = 0; i < (int) (sizeof(bad) / sizeof(bad[0])); i++)
	{
		assert_false(cm_crl_reason_parse(bad[i], &code, &st));
		assert_int_equal(st.code, CM_INVALID);
		assert_non_null(strstr(st.detail, "keyCompromise"));
		assert_null(strstr(st.detail, "removeFromCRL"));
	}
	assert_false(cm_crl_reason_parse(NULL, &code, &st));
	assert_null(cm_crl_reason_name(-1));
	assert_null(cm_crl_reason_name(11));
}

static bool
has_extension(X509_CRL *c, int nid, int critical)
{
	int			at = X509_CRL_get_ext_by_NID(c, nid, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_CRL_get_ext(c, at)) == critical;
}

/* Issuing distribution point, freshest CRL, invalidity date, room in front for the caller. */
static void
test_shard(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	CmCrl		crl;
	CmBuf		der;
	X509_CRL   *c;
	X509	   *x;
	const unsigned char *p;
	ISSUING_DIST_POINT *idp;
	ASN1_GENERALIZEDTIME *since;
	CmCrlEntry	entry = {{(const uint8_t *) "\x80\x01", 2}, FIXTURE_START, 1, true, FIXTURE_START - 1000};
	CmCrlEntry	no_reason = {{(const uint8_t *) "\x02", 1}, FIXTURE_START, 0, true, INT64_C(2524608000)};
	int			critical;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	crl = begin(&ca);
	cm_crl_free(&crl);
	crl.distribution_point = cm_slice("\x86\x0ahttp://a/1\x86\x0ahttp://b/1", 24);
	crl.freshest = cm_slice("\x86\x0ahttp://a/d", 12);
	crl.only_ca = true;
	crl.prefix = 4;
	cm_crl_begin(&crl);
	assert_good(cm_crl_add(&crl, entry, &st), &st);
	assert_good(cm_crl_add(&crl, no_reason, &st), &st);
	entry.invalid_since = TIME_BAD;
	assert_false(cm_crl_add(&crl, entry, &st));
	cm_buf_init(&der, 0);
	assert_good(cm_crl_finish(&crl, ca.key, &der, &st), &st);
	p = der.data + 4;
	c = d2i_X509_CRL(NULL, &p, (long) der.len - 4);
	assert_non_null(c);
	assert_ptr_equal(p, der.data + der.len);
	x = to_x509(&ca.der);
	assert_int_equal(X509_CRL_verify(c, X509_get0_pubkey(x)), 1);
	assert_true(has_extension(c, NID_issuing_distribution_point, 1));
	assert_true(has_extension(c, NID_freshest_crl, 0));
	assert_false(has_extension(c, NID_delta_crl, 1));
	idp = X509_CRL_get_ext_d2i(c, NID_issuing_distribution_point, NULL, NULL);
	assert_non_null(idp);
	assert_int_equal(idp->onlyCA, 0xff);
	assert_int_equal(idp->onlyuser, 0);
	assert_int_equal(idp->distpoint->type, 0);
	assert_int_equal(sk_GENERAL_NAME_num(idp->distpoint->name.fullname), 2);
	ISSUING_DIST_POINT_free(idp);
	since = X509_REVOKED_get_ext_d2i(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(c), 0), NID_invalidity_date, &critical, NULL);
	assert_non_null(since);
	assert_int_equal(to_time(since), FIXTURE_START - 1000);
	assert_int_equal(critical, 0);
	ASN1_GENERALIZEDTIME_free(since);
	check_entry(c, cm_slice("\x80\x01", 2), FIXTURE_START, 1);
	X509_free(x);
	X509_CRL_free(c);
	cm_buf_free(&der);
	cm_crl_free(&crl);
	entity_free(&ca);
}

static void
put_serials(CmCrl *crl, const char *serials, int reason)
{
	CmStatus	st = CM_STATUS_INIT;

	for (; *serials != '\0'; serials++)
		assert_good(add(crl, cm_slice(serials, 1), FIXTURE_START, reason, &st), &st);
}

/* A delta has what the base has not, or has otherwise; what it does not name any more is told. */
static void
test_delta(void **state)
{
	static const char *const orders[] = {"abcd", "dacb"};
	CmStatus	st = CM_STATUS_INIT;
	Entity		ca;
	size_t		i;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=CRL CA", NULL);
	for (i = 0; i < 2; i++)
	{
		CmCrl		full = begin(&ca);
		CmCrl		delta = begin(&ca);
		CmCrlBase	base;
		CmBuf		der;
		CmBuf		der_delta;
		CmSlice		serial;
		X509_CRL   *c;
		size_t		pos = 0;

		put_serials(&full, orders[i], 6);
		cm_buf_init(&der, 0);
		cm_buf_init(&der_delta, 0);
		assert_good(cm_crl_finish(&full, ca.key, &der, &st), &st);
		assert_good(cm_crl_base_read(&base, of(&der), &st), &st);
		assert_int_equal(base.number, full.number);
		assert_int_equal(base.this_update, full.this_update);
		delta.delta = true;
		delta.base = &base;
		delta.base_number = base.number;
		delta.number = base.number + 1;
		put_serials(&delta, "ab", 6);	/* as they were */
		put_serials(&delta, "d", 1);	/* for another reason */
		put_serials(&delta, "e", 1);	/* new */
		assert_true(cm_crl_base_unseen(&base, &pos, &serial));
		assert_int_equal(serial.data[0], 'c');
		put_serials(&delta, "c", 8);
		pos = 0;
		assert_false(cm_crl_base_unseen(&base, &pos, &serial));
		assert_int_equal(delta.count, 3);
		assert_good(cm_crl_finish(&delta, ca.key, &der_delta, &st), &st);
		c = to_crl(&der_delta);
		assert_true(has_extension(c, NID_delta_crl, 1));
		check_entry(c, cm_slice("d", 1), FIXTURE_START, 1);
		check_entry(c, cm_slice("e", 1), FIXTURE_START, 1);
		check_entry(c, cm_slice("c", 1), FIXTURE_START, 8);
		X509_CRL_free(c);
		cm_crl_base_free(&base);
		/* every truncation is refused, none is read beyond its end */
		for (pos = 0; pos < der.len; pos++)
		{
			uint8_t    *copy = malloc(pos + 1);

			memcpy(copy, der.data, pos);
			assert_false(cm_crl_base_read(&base, cm_slice(copy, pos), &st));
			free(copy);
		}
		cm_buf_free(&der);
		cm_buf_free(&der_delta);
		cm_crl_free(&full);
		cm_crl_free(&delta);
	}
	entity_free(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_algorithms),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_entry_times),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_shard),
		cmocka_unit_test(test_delta),
	};

	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
