/*
 * test_usage.c - key usages and extended key usages by their names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/objects.h>

#include "base/encode.h"
#include "x509/usage.h"

static void
join(const char *name, void *arg)
{
	CmBuf	   *out = arg;

	(void) cm_buf_printf(out, "%s%s", out->len == 0 ? "" : ",", name);
}

/* Usages separated by commas, through parse and each. */
static void
assert_usages(const char *list, const char *want, uint32_t bits)
{
	CmBuf		eku = {0};
	CmBuf		out = {0};
	CmStatus	st = CM_STATUS_INIT;
	uint32_t	ku = 0;
	char		copy[512];
	char	   *p;

	(void) strcpy(copy, list);
	for (p = strtok(copy, ","); p != NULL; p = strtok(NULL, ","))
	{
		if (!cm_usage_parse(p, &ku, &eku, &st))
			fail_msg("%s: %s", p, st.reason);
	}
	cm_usage_each(ku, cm_slice(eku.data, eku.len), join, &out);
	assert_string_equal(cm_buf_cstr(&out), want);
	assert_int_equal(ku, bits);
	cm_buf_free(&eku);
	cm_buf_free(&out);
}

static void
test_names(void **state)
{
	(void) state;
	assert_usages("", "", 0);
	assert_usages("cRLSign,digitalSignature", "digitalSignature,cRLSign", CM_KU_DIGITAL_SIGNATURE | CM_KU_CRL_SIGN);
	assert_usages("contentCommitment", "nonRepudiation", CM_KU_CONTENT_COMMITMENT);
	assert_usages("nonrepudiation", "nonRepudiation", CM_KU_CONTENT_COMMITMENT);
	assert_usages("digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly",
				  "digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly", 0x1ff);
	assert_usages("SERVERAUTH,clientauth,serverAuth", "serverAuth,clientAuth", 0);
	assert_usages("clientAuth,keyAgreement,serverAuth", "keyAgreement,clientAuth,serverAuth", CM_KU_KEY_AGREEMENT);
	assert_usages("msSmartcardLogin,ipsecIKE,documentSigning,anyExtendedKeyUsage,ocspsigning",
				  "msSmartcardLogin,ipsecIKE,documentSigning,anyExtendedKeyUsage,OCSPSigning", 0);
	assert_usages("1.3.6.1.5.5.7.3.1,serverAuth", "serverAuth", 0);
	assert_usages("1.3.6.1.5.5.7.3.36", "documentSigning", 0);
	assert_usages("1.3.6.1.4.1.99999.1.2", "1.3.6.1.4.1.99999.1.2", 0);
	/* Known to OpenSSL only, and really a purpose: by long and short name. */
	assert_usages("TLS Web Server Authentication,cmKGA", "serverAuth,cmKGA", 0);
}

static void
test_known_answer(void **state)
{
	CmBuf		eku = {0};
	CmStatus	st = CM_STATUS_INIT;
	uint32_t	ku = 0;

	(void) state;
	assert_true(cm_usage_parse("serverAuth", &ku, &eku, &st));
	assert_true(cm_usage_parse("anyExtendedKeyUsage", &ku, &eku, &st));
	assert_true(cm_slice_equal(cm_slice(eku.data, eku.len), cm_slice("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\x06\x04\x55\x1d\x25\x00", 16)));
	cm_buf_free(&eku);
}

/* Names that OpenSSL has as well stand for the same OIDs there. */
static void
test_agrees_with_openssl(void **state)
{
	static const char *const names[] = {"serverAuth", "clientAuth", "codeSigning", "emailProtection", "ipsecEndSystem", "ipsecTunnel",
		"ipsecUser", "timeStamping", "OCSPSigning", "DVCS", "ipsecIKE", "capwapAC", "capwapWTP", "secureShellClient", "secureShellServer",
		"cmcCA", "cmcRA", "cmcArchive", "anyExtendedKeyUsage", "msSmartcardLogin", "msCodeInd", "msCodeCom", "msCTLSign", "msSGC", "msEFS",
		"nsSGC", "pkInitClientAuth", "pkInitKDC"};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		CmBuf		eku = {0};
		CmStatus	st = CM_STATUS_INIT;
		uint32_t	ku = 0;
		ASN1_OBJECT *obj = OBJ_txt2obj(names[i], 0);

		if (obj == NULL)
			fail_msg("OpenSSL does not know %s", names[i]);
		assert_true(cm_usage_parse(names[i], &ku, &eku, &st));
		assert_int_equal(eku.len, OBJ_length(obj) + 2);
		assert_memory_equal(eku.data + 2, OBJ_get0_data(obj), OBJ_length(obj));
		ASN1_OBJECT_free(obj);
		cm_buf_free(&eku);
	}
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"", "foo", " serverAuth", "serverAuth ", "SHA256", "commonName", "msUPN", "1", "1.", "1.2.x", "3.1.2",
		"1.2.3 ", "-1.2", "digitalSignature,keyAgreement", "\xff\x01"};
	CmBuf		eku = {0};
	char		long_text[400];
	size_t		i;
	uint32_t	ku = 0;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (cm_usage_parse(bad[i], &ku, &eku, &st))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(st.code, CM_INVALID);
		assert_non_null(strstr(st.reason, "unknown usage \""));
		assert_non_null(strstr(st.detail, "serverAuth"));
		assert_non_null(strstr(st.detail, "dotted object identifiers."));
	}
	memset(long_text, '1', sizeof(long_text));
	long_text[1] = '.';
	long_text[sizeof(long_text) - 1] = '\0';
	assert_false(cm_usage_parse(long_text, &ku, &eku, &st));
	long_text[0] = 'x';
	assert_false(cm_usage_parse(long_text, &ku, &eku, NULL));
	assert_int_equal(ku, 0);
	assert_int_equal(eku.len, 0);
	cm_buf_free(&eku);
}

/* Foreign content: what is no OID ends the list; an OID that cannot be read is still shown. */
static void
test_foreign(void **state)
{
	CmBuf		out = {0};

	(void) state;
	cm_usage_each(0, cm_slice("\x06\x02\x2a\x03\x06\x01\x80\x05\x00\x06\x01\x2a", 12), join, &out);
	assert_string_equal(cm_buf_cstr(&out), "1.2.3,unreadable");
	cm_buf_reset(&out);
	cm_usage_each(0, cm_slice("\x06\x7f\x2a", 3), join, &out);
	cm_usage_each(0xfffffe00u, cm_slice(NULL, 0), join, &out);
	assert_string_equal(cm_buf_cstr(&out), "");
	cm_buf_free(&out);
}

static void
test_shown(void **state)
{
	char		text[40];

	(void) state;
	assert_string_equal(cm_usage_show(0, cm_slice(NULL, 0), text, sizeof(text)), "none");
	assert_string_equal(cm_usage_show(CM_KU_CRL_SIGN, cm_slice("\x06\x02\x2a\x03\x06\x00", 6), text, sizeof(text)), "cRLSign, 1.2.3, unreadable");
	assert_string_equal(cm_usage_show(0x1ff, cm_slice(NULL, 0), text, sizeof(text)), "digitalSignature, nonRepudiation, keyEn");
	assert_string_equal(cm_usage_show(0x1ff, cm_slice(NULL, 0), text, 1), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_agrees_with_openssl),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
