/*
 * test_name.c - distinguished names: RFC 4514 text to DER and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "base/encode.h"
#include "base/utf8.h"
#include "x509/name.h"

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static void
assert_der(const char *text, const char *hex)
{
	CmBuf		der = {0};
	CmBuf		want = {0};
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_parse(text, &der, &st))
		fail_msg("%s: %s: %s", text, st.reason, st.detail);
	assert_true(cm_hex_decode(&want, hex, strlen(hex)));
	assert_int_equal(der.len, want.len);
	assert_memory_equal(der.data, want.data, want.len);
	cm_buf_free(&der);
	cm_buf_free(&want);
}

/* Parsed and formatted; normal NULL: the same text. */
static void
assert_text(const char *text, const char *normal)
{
	CmBuf		der = {0};
	CmBuf		again = {0};
	CmBuf		back = {0};
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_parse(text, &der, &st))
		fail_msg("%s: %s: %s", text, st.reason, st.detail);
	assert_true(cm_name_check(slice_of(&der), &st));
	assert_true(cm_name_format(slice_of(&der), &back, &st));
	assert_string_equal(cm_buf_cstr(&back), normal == NULL ? text : normal);
	assert_true(cm_name_parse(cm_buf_cstr(&back), &again, &st));
	assert_true(cm_slice_equal(slice_of(&der), slice_of(&again)));
	cm_buf_free(&der);
	cm_buf_free(&again);
	cm_buf_free(&back);
}

static void
assert_refused(const char *text, const char *detail)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_buf_append_str(&der, "kept"));
	if (cm_name_parse(text, &der, &st))
		fail_msg("%s was accepted", text);
	assert_int_equal(st.code, CM_INVALID);
	if (strstr(st.reason, "invalid subject \"") != st.reason)
		fail_msg("%s: %s", text, st.reason);
	if (strstr(st.detail, detail) == NULL)
		fail_msg("%s: %s", text, st.detail);
	assert_int_equal(der.len, 4);
	assert_false(cm_name_parse(text, &der, NULL));
	cm_buf_free(&der);
}

static void
test_known_answers(void **state)
{
	(void) state;
	assert_der("", "3000");
	assert_der("   ", "3000");
	assert_der("CN=a", "300c310a300806035504030c0161");
	assert_der("cn = a ", "300c310a300806035504030c0161");
	assert_der("2.5.4.3=a", "300c310a300806035504030c0161");
	assert_der("OID.2.5.4.3=a", "300c310a300806035504030c0161");
	assert_der("commonName=a", "300c310a300806035504030c0161");
	/* The last RDN of the text is the first in DER; PrintableString and IA5String where they belong. */
	assert_der("CN=x,DC=y,C=DE", "302c310b30090603550406130244453111300f060a0992268993f22c640119160179310a300806035504030c0178");
	/* SET OF: sorted by encoding, whatever the order of the text. */
	assert_der("O=b+CN=a", "30163114300806035504030c01613008060355040a0c0162");
	assert_der("CN=a+O=b", "30163114300806035504030c01613008060355040a0c0162");
}

static void
test_null(void **state)
{
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_true(cm_name_parse(NULL, &der, &st));
	assert_int_equal(der.len, 2);
	assert_memory_equal(der.data, "\x30\x00", 2);
	cm_buf_free(&der);
}

static void
test_round_trip(void **state)
{
	(void) state;
	assert_text("", NULL);
	assert_text("CN=api.example.com,O=Example\\, Inc.,C=DE", NULL);
	assert_text("CN = api.example.com , O = Example\\, Inc. , C = DE", "CN=api.example.com,O=Example\\, Inc.,C=DE");
	assert_text("UID=jsmith,DC=example,DC=net", NULL);
	/* The shorter attribute sorts first in a SET OF. */
	assert_text("OU=Sales+CN=J.  Smith,DC=example,DC=net", NULL);
	assert_text("CN=J.  Smith+OU=Sales,DC=example,DC=net", "OU=Sales+CN=J.  Smith,DC=example,DC=net");
	assert_text("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", NULL);
	assert_text("CN=Before\\0dAfter,DC=example", "CN=Before\\0DAfter,DC=example");
	assert_text("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\xc4\x8di\xc4\x87");
	assert_text("CN=\\ x\\ ", NULL);
	assert_text("CN=\\ ", NULL);
	assert_text("CN=\\#x", NULL);
	assert_text("CN=a#b=c", NULL);
	assert_text("CN=\\+\\;\\<\\>\\\\\\=", "CN=\\+\\;\\<\\>\\\\=");
	assert_text("CN=a\\=b", "CN=a=b");
	assert_text("CN=x   ", "CN=x");
	assert_text("CN=a\\20", "CN=a\\ ");
	assert_text("S=Bayern,L=M\xc3\xbcnchen", "ST=Bayern,L=M\xc3\xbcnchen");
	/* A character that turns the text around is shown as bytes. */
	assert_text("CN=a\xe2\x80\xae" "b", "CN=a\\E2\\80\\AEb");
	assert_text("serialNumber=1,emailAddress=a@b.c,givenName=G,surname=S,title=T,dnQualifier=Q,pseudonym=P,"
				"organizationIdentifier=VATDE-1,businessCategory=B,postalCode=1,description=D,STREET=s,initials=I,"
				"generationQualifier=III,name=N", NULL);
	assert_text("GN=G,SN=S,E=a@b.c", "givenName=G,surname=S,emailAddress=a@b.c");
	assert_text("jurisdictionL=x,jurisdictionST=y,jurisdictionC=DE", NULL);
	/* OpenSSL knows these, the table does not. */
	assert_text("telephoneNumber=1", NULL);
	assert_text("x500UniqueIdentifier=1", NULL);
	assert_text("unstructuredName=1", NULL);
}

static void
test_refused(void **state)
{
	char		text[400];

	(void) state;
	assert_refused("CN=a,,O=b", "Position 6: An attribute");
	assert_refused(",", "Position 1");
	assert_refused("CN=a,", "Position 6");
	assert_refused("CN=a+", "Position 6");
	assert_refused("CN", "\"=\" is missing after \"CN\"");
	assert_refused("=a", "missing");
	assert_refused("/CN=a", "\"/CN\" is not known");
	assert_refused("CN=", "The value of \"CN\" is empty");
	assert_refused("CN=  ,O=a", "empty");
	assert_refused("O=a,XX=b", "Position 5: The attribute type \"XX\" is not known");
	assert_refused("SHA256=b", "not known");
	assert_refused("serverAuth=b", "not known");
	assert_refused("9.9=b", "not known");
	assert_refused("1=b", "not known");
	assert_refused("2.5.4.=b", "not known");
	assert_refused("1.2.3.999999999999999999999999999999999999999999999999=x", "");
	assert_refused("CN=#0401", "hexadecimal");
	assert_refused("CN=a\\", "backslash");
	assert_refused("CN=a\\x", "backslash");
	assert_refused("CN=a\\4", "backslash");
	assert_refused("CN=\"a\"", "\\\"");
	assert_refused("CN=a;O=b", "Position 5: The character must be escaped by a backslash: \\;");
	assert_refused("CN=a\nb", "Control");
	assert_refused("CN=a\\00b", "NUL");
	assert_refused("CN=\\FF", "UTF-8");
	assert_refused("CN=\xc0\x80", "UTF-8");
	assert_refused("CN=\xed\xa0\x80", "UTF-8");
	assert_refused("CN=\xf4\x90\x80\x80", "UTF-8");
	assert_refused("CN=\xc3", "UTF-8");
	assert_refused("C=DEU", "two letters");
	assert_refused("C=D", "two letters");
	assert_refused("C=12", "two letters");
	assert_refused("serialNumber=a*b", "may hold");
	assert_refused("DC=\xc3\xbc", "ASCII");
	assert_refused("emailAddress=\xc3\xbc@b", "ASCII");
	assert_refused("CN=a+CN=b", "twice");
	assert_refused("CN=a+commonName=b", "twice");
	memset(text, 'x', sizeof(text));
	memcpy(text, "CN=", 3);
	text[3 + 65] = '\0';
	assert_refused(text, "longer than 64 characters (it has 65)");
	text[3 + 64] = '\0';
	assert_text(text, NULL);
	memcpy(text, "O=\xc3\xbc", 4);	/* 65 octets, 64 characters and less */
	assert_text(text, NULL);
}

static void
test_limits(void **state)
{
	CmBuf		text = {0};
	CmBuf		der = {0};
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	(void) state;
	for (i = 0; i < 64; i++)
		assert_true(cm_buf_printf(&text, "%sOU=%d", i == 0 ? "" : ",", i));
	assert_true(cm_name_parse(cm_buf_cstr(&text), &der, &st));
	assert_true(cm_buf_append_str(&text, ",OU=x"));
	assert_refused(cm_buf_cstr(&text), "64 parts");
	cm_buf_reset(&text);
	for (i = 0; i < 17; i++)
		assert_true(cm_buf_printf(&text, "%s1.2.3.%d=a", i == 0 ? "" : "+", i));
	assert_refused(cm_buf_cstr(&text), "16 attributes");
	cm_buf_reset(&text);
	assert_true(cm_buf_append_str(&text, "CN="));
	for (i = 0; i < 70000; i++)
		assert_true(cm_buf_append_byte(&text, 'x'));
	assert_false(cm_name_parse(cm_buf_cstr(&text), &der, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&text);
	cm_buf_free(&der);
}

static void
assert_foreign(const char *hex, const char *text)
{
	CmBuf		der = {0};
	CmBuf		out = {0};
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_hex_decode(&der, hex, strlen(hex)));
	if (!cm_name_format(slice_of(&der), &out, &st))
		fail_msg("%s: %s", hex, st.reason);
	assert_string_equal(cm_buf_cstr(&out), text);
	cm_buf_free(&der);
	cm_buf_free(&out);
}

static void
test_foreign(void **state)
{
	(void) state;
	assert_foreign("300c310a30080603550403" "130161", "CN=a");
	/* BMPString "ü", with a surrogate pair, of odd length, with a lone surrogate. */
	assert_foreign("300d310b30090603550403" "1e0200fc", "CN=\xc3\xbc");
	assert_foreign("300f310d300b0603550403" "1e04d83dde00", "CN=\xf0\x9f\x98\x80");
	assert_foreign("300c310a30080603550403" "1e0141", "CN=#1e0141");
	assert_foreign("300d310b30090603550403" "1e02d83d", "CN=#1e02d83d");
	/* UniversalString, T61String, IA5String with a byte above 7f, UTF8String that is not UTF-8. */
	assert_foreign("300f310d300b0603550403" "1c04000000e4", "CN=\xc3\xa4");
	assert_foreign("300f310d300b0603550403" "1c0400110000", "CN=#1c0400110000");
	assert_foreign("300c310a30080603550403" "1401e4", "CN=\xc3\xa4");
	assert_foreign("300c310a30080603550403" "1601e4", "CN=\\E4");
	assert_foreign("300d310b30090603550403" "0c02e400", "CN=\\E4\\00");
	/* A value that is no string, an empty one, a type nobody knows. */
	assert_foreign("300c310a30080603550403" "020101", "CN=#020101");
	assert_foreign("300b310930070603550403" "0c00", "CN=");
	assert_foreign("300b3109300706022a03" "0c0161", "1.2.3=#0c0161");
	/* An arc of more than 64 bits. */
	assert_foreign("301731153013060e2affffffffffffffffffffffff7f0c0161", "1.2.2475880078570760549798248447=#0c0161");
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
		"", "3001", "300c310a300806035504030c016100", "310c310a300806035504030c0161", "30023100", "300431023000",
		"300b3109300706035504030c01", "300a3108300606035504030500" "00", "3008310630040c01610c0161",
		"300a310830060600" "0c0161" "00", "300c310a30080603550483" "0c0161",
	};
	CmBuf		out = {0};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CmBuf		der = {0};
		CmStatus	st = CM_STATUS_INIT;

		assert_true(cm_hex_decode(&der, bad[i], strlen(bad[i])));
		if (cm_name_format(slice_of(&der), &out, &st))
			fail_msg("%s was formatted: %s", bad[i], cm_buf_cstr(&out));
		assert_int_equal(st.code, CM_INVALID);
		assert_int_equal(out.len, 0);
		assert_false(cm_name_common_name(slice_of(&der), &out));
		cm_buf_free(&der);
	}
	cm_buf_free(&out);
}

static void
test_common_name(void **state)
{
	CmBuf		der = {0};
	CmBuf		out = {0};
	CmStatus	st = CM_STATUS_INIT;
	static const uint8_t nul[] = {0x30, 0x0e, 0x31, 0x0c, 0x30, 0x0a, 6, 3, 0x55, 4, 3, 0x0c, 3, 'a', 0, 'b'};

	(void) state;
	assert_true(cm_name_parse("CN=a\\, b,O=x,CN=first", &der, &st));
	assert_true(cm_name_common_name(slice_of(&der), &out));
	assert_string_equal(cm_buf_cstr(&out), "a, b");
	cm_buf_reset(&der);
	cm_buf_reset(&out);
	assert_true(cm_name_parse("O=x", &der, &st));
	assert_false(cm_name_common_name(slice_of(&der), &out));
	assert_true(cm_name_check(cm_slice(nul, sizeof(nul)), &st));
	assert_false(cm_name_common_name(cm_slice(nul, sizeof(nul)), &out));
	cm_buf_free(&der);
	cm_buf_free(&out);
}

/* Every prefix of a good Name, and every single byte changed: never a crash, and what is formatted parses or holds what text cannot. */
static void
test_hostile(void **state)
{
	CmBuf		der = {0};
	CmBuf		out = {0};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;
	int			v;

	(void) state;
	assert_true(cm_name_parse("CN=a\\,b+UID=7,O=\\ \xc3\xbc,DC=example,C=DE,1.2.3.4=x", &der, &st));
	for (i = 0; i < der.len; i++)
	{
		uint8_t    *copy = malloc(i == 0 ? 1 : i);

		memcpy(copy, der.data, i);
		assert_false(cm_name_format(cm_slice(copy, i), &out, &st));
		free(copy);
	}
	for (i = 0; i < der.len; i++)
	{
		uint8_t		kept = der.data[i];

		for (v = 0; v < 256; v++)
		{
			der.data[i] = (uint8_t) v;
			cm_buf_reset(&out);
			if (cm_name_format(slice_of(&der), &out, &st))
			{
				assert_true(cm_utf8_check(slice_of(&out), NULL));
				assert_null(out.len == 0 ? NULL : memchr(out.data, 0, out.len));
			}
			(void) cm_name_common_name(slice_of(&der), &out);
		}
		der.data[i] = kept;
	}
	cm_buf_free(&der);
	cm_buf_free(&out);
}

/* Property: any text put into a value, escaped by format, comes back as the same bytes. OpenSSL reads the DER as well. */
static void
test_property(void **state)
{
	static const char *const pieces[] = {"a", " ", ",", "+", "\"", "\\", "<", ">", ";", "#", "=", "\xc3\xbc", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\n", "\x7f", "\xe2\x80\x8f", "0", "C"};
	unsigned	seed = 20261;
	int			round;

	(void) state;
	for (round = 0; round < 3000; round++)
	{
		CmBuf		value = {0};
		CmBuf		der = {0};
		CmBuf		text = {0};
		CmBuf		again = {0};
		CmStatus	st = CM_STATUS_INIT;
		X509_NAME  *name;
		const unsigned char *p;
		size_t		mark[4];
		int			n;

		seed = seed * 1103515245u + 12345u;
		for (n = (int) (seed >> 16) % 8 + 1; n > 0; n--)
		{
			seed = seed * 1103515245u + 12345u;
			assert_true(cm_buf_append_str(&value, pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]));
		}
		mark[0] = cm_der_open(&der, CM_DER_SEQUENCE);
		mark[1] = cm_der_open(&der, CM_DER_SET);
		mark[2] = cm_der_open(&der, CM_DER_SEQUENCE);
		assert_true(cm_der_put_oid(&der, "2.5.4.10"));
		cm_der_put(&der, CM_DER_UTF8STRING, value.data, value.len);
		cm_der_close(&der, mark[2]);
		cm_der_close(&der, mark[1]);
		cm_der_close(&der, mark[0]);
		assert_true(cm_name_format(slice_of(&der), &text, &st));
		if (!cm_name_parse(cm_buf_cstr(&text), &again, &st))
			fail_msg("%s: %s", cm_buf_cstr(&text), st.detail);
		assert_true(cm_slice_equal(slice_of(&der), slice_of(&again)));
		p = again.data;
		name = d2i_X509_NAME(NULL, &p, (long) again.len);
		assert_non_null(name);
		X509_NAME_free(name);
		cm_buf_free(&value);
		cm_buf_free(&der);
		cm_buf_free(&text);
		cm_buf_free(&again);
	}
}

/* Every prefix of a text with all kinds of syntax. */
static void
test_truncated_text(void **state)
{
	static const char *const whole = " CN = a\\,\\C3\\BC + UID=b , O=\xc3\xbc\\ , 1.2.840.1=x, emailAddress=a@b";
	char		text[128];
	size_t		i;

	(void) state;
	for (i = 0; i <= strlen(whole); i++)
	{
		CmBuf		der = {0};
		CmStatus	st = CM_STATUS_INIT;

		memcpy(text, whole, i);
		text[i] = '\0';
		if (!cm_name_parse(text, &der, &st))
		{
			assert_int_equal(st.code, CM_INVALID);
			assert_true(st.detail[0] != '\0');
		}
		else
			assert_true(cm_name_check(slice_of(&der), &st));
		cm_buf_free(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_common_name),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_property),
		cmocka_unit_test(test_truncated_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
