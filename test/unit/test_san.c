/*
 * test_san.c - subject alternative names: text to GeneralName and back, sets, foreign names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/encode.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/san.h"

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static void
add(CmBuf *names, const char *text)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_san_parse(text, names, &st))
		fail_msg("%s: %s: %s", text, st.reason, st.detail);
}

/* normal NULL: the same text comes back. */
static void
assert_text(const char *text, const char *normal)
{
	CmBuf		name = {0};
	CmBuf		again = {0};
	CmBuf		canonical = {0};
	CmBuf		back = {0};
	CmStatus	st = CM_STATUS_INIT;
	const unsigned char *p;
	GENERAL_NAME *gn;
	size_t		count;

	add(&name, text);
	assert_true(cm_san_format(slice_of(&name), &back, &st));
	assert_string_equal(cm_buf_cstr(&back), normal == NULL ? text : normal);
	add(&again, cm_buf_cstr(&back));
	assert_true(cm_slice_equal(slice_of(&name), slice_of(&again)));
	assert_true(cm_san_canonical(slice_of(&name), &canonical, &st));
	assert_true(cm_slice_equal(slice_of(&name), slice_of(&canonical)));
	assert_true(cm_san_check(slice_of(&name), &count, &st));
	assert_int_equal(count, 1);
	p = name.data;
	gn = d2i_GENERAL_NAME(NULL, &p, (long) name.len);
	assert_non_null(gn);
	assert_ptr_equal(p, name.data + name.len);
	GENERAL_NAME_free(gn);
	cm_buf_free(&name);
	cm_buf_free(&again);
	cm_buf_free(&canonical);
	cm_buf_free(&back);
}

static void
assert_der(const char *text, const char *hex)
{
	CmBuf		name = {0};
	CmBuf		want = {0};

	add(&name, text);
	assert_true(cm_hex_decode(&want, hex, strlen(hex)));
	assert_true(cm_slice_equal(slice_of(&name), slice_of(&want)));
	cm_buf_free(&name);
	cm_buf_free(&want);
}

static void
assert_refused(const char *text, const char *detail)
{
	CmBuf		names = {0};
	CmStatus	st = CM_STATUS_INIT;
	char		shown[160];

	add(&names, "DNS:kept");
	if (cm_san_parse(text, &names, &st))
		fail_msg("%s was accepted", text);
	assert_int_equal(st.code, CM_INVALID);
	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	if (strstr(st.detail, shown) == NULL || strstr(st.detail, detail) == NULL)
		fail_msg("%s: %s", text, st.detail);
	assert_int_equal(names.len, 6);
	assert_false(cm_san_parse(text, &names, NULL));
	cm_buf_free(&names);
}

static void
test_text(void **state)
{
	(void) state;
	assert_text("DNS:www.example.com", NULL);
	assert_text("dns:WWW.Example.COM.", "DNS:www.example.com");
	assert_text("www.example.com", "DNS:www.example.com");
	assert_text("DNS:*.example.com", NULL);
	assert_text("*.example.com", "DNS:*.example.com");
	assert_text("localhost", "DNS:localhost");
	assert_text("DNS:xn--mnchen-3ya.example", NULL);
	assert_text("DNS:m\xc3\xbcnchen.example", "DNS:xn--mnchen-3ya.example");
	assert_text("DNS:mu\xcc\x88nchen.example", "DNS:xn--mnchen-3ya.example");	/* not composed */
	assert_text("*.stra\xc3\x9f" "e.example", "DNS:*.xn--strae-oqa.example");
	assert_text("IP:192.0.2.1", NULL);
	assert_text("192.0.2.1", "IP:192.0.2.1");
	assert_text("2001:DB8:0::1", "IP:2001:db8::1");
	assert_text("ip:::1", "IP:::1");
	assert_text("email:Joe.Doe@Example.COM", "email:Joe.Doe@example.com");
	assert_text("EMAIL:a+b@x", "email:a+b@x");
	assert_text("URI:spiffe://td/app", NULL);
	assert_text("URI:https://example.com/a%20b?c=d#e", NULL);
	assert_text("URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", NULL);
	assert_text("dirName:CN=x\\, y,O=z", NULL);
	assert_text("dirname:cn = x", "dirName:CN=x");
	assert_text("RID:1.2.3", NULL);
	assert_text("otherName:1.3.6.1.4.1.311.20.2.3;UTF8:joe@corp", "UPN:joe@corp");
	assert_text("othername:msUPN;utf8:joe@corp", "UPN:joe@corp");
	assert_text("upn:j\xc3\xbcrgen@corp", "UPN:j\xc3\xbcrgen@corp");
	assert_text("SRV:_imaps.Example.COM.", "SRV:_imaps.example.com");
	assert_text("SRV:_XMPP-Client.example.com", "SRV:_xmpp-client.example.com");
	assert_text("permanentIdentifier:1.2.3.4;device;7", NULL);
	assert_text("permanentIdentifier:device 7", NULL);
	assert_text("permanentIdentifier:a\\3bb", "permanentIdentifier:a\\3Bb");
	assert_text("hardwareModuleName:1.2.3.4;00FF10", "hardwareModuleName:1.2.3.4;00ff10");
	assert_text("otherName:1.2.3;#30020500", NULL);
	assert_text("otherName:1.2.3;IA5:x y", NULL);
	assert_text("otherName:1.2.3;UTF8:\xc3\xbc", NULL);
	assert_text("otherName:1.2.3;UTF8:CORP\\\\joe", NULL);
	assert_text("otherName:1.2.3;UTF8:a\\0Ab\\00", NULL);
}

static void
test_known_answers(void **state)
{
	(void) state;
	assert_der("DNS:a.b", "8203612e62");
	assert_der("IP:192.0.2.1", "8704c0000201");
	assert_der("email:a@b", "8103614062");
	assert_der("URI:a:b", "8603613a62");
	assert_der("RID:1.2.3", "88022a03");
	assert_der("dirName:CN=a", "a40e300c310a300806035504030c0161");
	assert_der("otherName:1.2.3;UTF8:a", "a00906022a03a0030c0161");
	assert_der("otherName:1.2.3;IA5:a", "a00906022a03a003160161");
	assert_der("permanentIdentifier:1.2.3;a", "a01506082b06010505070803a00930070c016106022a03");
	assert_der("hardwareModuleName:1.2.3;0a", "a01506082b06010505070804a009300706022a0304010a");
}

static void
test_refused(void **state)
{
	CmBuf		text = {0};
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	(void) state;
	assert_refused("", "empty");
	assert_refused("DNS:", "empty");
	assert_refused("DNS:a b", "");
	assert_refused("DNS:a..b", "");
	assert_refused("DNS:-a", "");
	assert_refused("DNS:www.*.com", "");
	assert_refused("DNS:w*.com", "");
	assert_refused("DNS:*", "");
	assert_refused("DNS:192.0.2.1", "");
	assert_refused("DNS:a\xe2\x80\x8d" "b.example", "context-j");	/* ZERO WIDTH JOINER */
	assert_refused("DNS:m\xffnchen.example", "");
	assert_refused("DNS:\xc2\xa9.example", "");	/* COPYRIGHT SIGN: no letter */
	assert_refused("joe@example.com", "email:");
	assert_refused("https://example.com", "URI:");
	assert_refused("foo:bar", "neither");
	assert_refused("192.0.2.256", "");
	assert_refused("IP:192.0.2.0/24", "without prefix length");
	assert_refused("IP:fe80::1%eth0", "zone");
	assert_refused("IP:1.2.3", "IPv4");
	assert_refused("IP:", "IPv4");
	assert_refused("email:a", "exactly one");
	assert_refused("email:a@b@c", "exactly one");
	assert_refused("email:@b", "1 to 64");
	assert_refused("email:a@", "empty");
	assert_refused("email:a b@c", "ASCII");
	assert_refused("email:\xc3\xbc@c", "ASCII");
	assert_refused("email:a@*.b", "");
	assert_refused("URI:example.com/x", "scheme");
	assert_refused("URI://example.com/x", "scheme");
	assert_refused("URI:1a:b", "scheme");
	assert_refused("URI:a:", "scheme");
	assert_refused("URI:http://a b", "blanks");
	assert_refused("URI:http://\xc3\xbc", "ASCII");
	assert_refused("URI:http://a/%2", "%");
	assert_refused("dirName:", "empty");
	assert_refused("dirName:CN=a,,", "Position 6");
	assert_refused("RID:", "dotted");
	assert_refused("RID:1", "dotted");
	assert_refused("RID:serverAuth", "dotted");
	assert_refused("RID:1.2.x", "dotted");
	assert_refused("otherName:1.2.3", "OID;UTF8:text");
	assert_refused("otherName:;UTF8:x", "OID;UTF8:text");
	assert_refused("otherName:1.2.3;BMP:x", "OID;UTF8:text");
	assert_refused("otherName:nonsense;UTF8:x", "dotted");
	assert_refused("otherName:9.2.3;UTF8:x", "dotted");
	assert_refused("otherName:1.2.3;UTF8:", "empty");
	assert_refused("otherName:1.2.3;UTF8:a\\b", "backslash");
	assert_refused("otherName:1.2.3;UTF8:a\\", "backslash");
	assert_refused("otherName:1.2.3;UTF8:\\FF", "UTF-8");
	assert_refused("otherName:1.2.3;IA5:\xc3\xbc", "ASCII");
	assert_refused("otherName:1.2.3;#", "DER value");
	assert_refused("otherName:1.2.3;#0500ff", "DER value");
	assert_refused("otherName:1.3.6.1.5.5.7.8.7;UTF8:_x.example.com", "not of the form");
	assert_refused("otherName:msUPN;IA5:joe", "not of the form");
	assert_refused("UPN:", "empty");
	assert_refused("UPN:\\FF", "UTF-8");
	assert_refused("SRV:imaps.example.com", "_imaps.example.com");
	assert_refused("SRV:_.example.com", "_imaps.example.com");
	assert_refused("SRV:_x.", "_imaps.example.com");
	assert_refused("permanentIdentifier:", "empty");
	assert_refused("permanentIdentifier:1.2.3;", "empty");
	assert_refused("permanentIdentifier:9.2.3;x", "dotted");
	assert_refused("hardwareModuleName:1.2.3", "OID;hex");
	assert_refused("hardwareModuleName:1.2.3;", "OID;hex");
	assert_refused("hardwareModuleName:1.2.3;xy", "OID;hex");

	assert_true(cm_buf_append_str(&text, "URI:a:"));
	for (i = 0; i < 9000; i++)
		assert_true(cm_buf_append_byte(&text, 'x'));
	assert_false(cm_san_parse(cm_buf_cstr(&text), &text, &st));
	assert_non_null(strstr(st.detail, "at most 8192"));
	cm_buf_free(&text);
}

static void
assert_foreign(const char *hex, const char *text, bool good)
{
	CmBuf		name = {0};
	CmBuf		out = {0};
	CmBuf		canonical = {0};
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_hex_decode(&name, hex, strlen(hex)));
	if (!cm_san_format(slice_of(&name), &out, &st))
		fail_msg("%s: %s", hex, st.reason);
	assert_string_equal(cm_buf_cstr(&out), text);
	assert_true(cm_san_canonical(slice_of(&name), &canonical, &st));
	if (cm_san_check(slice_of(&name), NULL, &st) != good)
		fail_msg("%s: %s", hex, st.detail);
	cm_buf_free(&name);
	cm_buf_free(&out);
	cm_buf_free(&canonical);
}

static void
test_foreign(void **state)
{
	(void) state;
	assert_foreign("8203410042", "DNS:A\\00B", false);
	assert_foreign("820141", "DNS:A", true);
	assert_foreign("8200", "DNS:", false);
	assert_foreign("8202c3bc", "DNS:\\C3\\BC", false);
	assert_foreign("82035c3030", "DNS:\\\\00", false);
	assert_foreign("82022a2e", "DNS:*.", false);
	assert_foreign("8703010203", "IP:#010203", false);
	assert_foreign("87080a000000ff000000", "IP:#0a000000ff000000", false);
	assert_foreign("810161", "email:a", false);
	assert_foreign("8106614042004300", "email:a@B\\00C\\00", false);
	assert_foreign("86020a61", "URI:\\0Aa", false);
	assert_foreign("a4023000", "dirName:", false);
	assert_foreign("a4023001", "dirName:#3001", false);
	assert_foreign("a4023100", "dirName:#3100", false);
	assert_foreign("8800", "RID:#", false);
	assert_foreign("880180", "RID:#80", false);
	assert_foreign("a000", "otherName:#", false);
	/* A structured otherName (here a Kerberos-like SEQUENCE) is fine, but has no text. */
	assert_foreign("a00806022a03a0023000", "otherName:1.2.3;#3000", true);
	assert_foreign("a00906022a03a0030c01ff", "otherName:1.2.3;UTF8:\\FF", false);
	assert_foreign("a00806022a03a0020c00", "otherName:1.2.3;UTF8:", true);
	assert_foreign("a3020500", "x400Address:#0500", false);
	/* Types with a form of their own, in another form: a UPN that is an INTEGER, an SRVName without service, an empty permanentIdentifier. */
	assert_foreign("a011060a2b060104018237140203a003020105", "otherName:1.3.6.1.4.1.311.20.2.3;#020105", false);
	assert_foreign("a01106082b06010505070807a0051603612e62", "otherName:1.3.6.1.5.5.7.8.7;IA5:a.b", false);
	assert_foreign("a00e06082b06010505070803a0023000", "otherName:1.3.6.1.5.5.7.8.3;#3000", false);
	assert_foreign("a5020500", "ediPartyName:#0500", false);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {"", "82", "820161" "00", "820261", "0c0161", "3000", "a20161", "8901ff"};
	CmBuf		out = {0};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CmBuf		name = {0};
		CmStatus	st = CM_STATUS_INIT;

		assert_true(cm_hex_decode(&name, bad[i], strlen(bad[i])));
		assert_false(cm_san_format(slice_of(&name), &out, &st));
		assert_int_equal(st.code, CM_INVALID);
		assert_int_equal(out.len, 0);
		assert_false(cm_san_check(slice_of(&name), NULL, &st));
		cm_buf_free(&name);
	}
	cm_buf_free(&out);
}

static void
test_sets(void **state)
{
	CmBuf		a = {0};
	CmBuf		b = {0};
	CmBuf		one = {0};

	(void) state;
	assert_true(cm_san_same_set(slice_of(&a), slice_of(&b)));
	add(&a, "DNS:x");
	assert_false(cm_san_same_set(slice_of(&a), slice_of(&b)));
	add(&a, "DNS:y");
	add(&a, "IP:192.0.2.1");
	add(&b, "IP:192.0.2.1");
	add(&b, "DNS:y");
	assert_false(cm_san_same_set(slice_of(&a), slice_of(&b)));
	add(&b, "DNS:x");
	add(&b, "DNS:y");
	assert_true(cm_san_same_set(slice_of(&a), slice_of(&b)));
	assert_true(cm_san_same_set(slice_of(&b), slice_of(&a)));
	add(&one, "y");
	assert_true(cm_der_contains(slice_of(&a), slice_of(&one)));
	cm_buf_reset(&one);
	add(&one, "z");
	assert_false(cm_der_contains(slice_of(&a), slice_of(&one)));
	/* The same bytes under another tag are another name. */
	cm_buf_reset(&one);
	assert_true(cm_buf_append(&one, "\x81\x01y", 3));
	assert_false(cm_der_contains(slice_of(&a), slice_of(&one)));
	/* Garbage behind is not the same set. */
	assert_true(cm_buf_append(&b, "\x82\x05", 2));
	assert_false(cm_san_same_set(slice_of(&a), slice_of(&b)));
	cm_buf_free(&a);
	cm_buf_free(&b);
	cm_buf_free(&one);
}

static void
test_canonical(void **state)
{
	static const char foreign[] = "\x82\x06" "A.B.C." "\x81\x05" "Ab@CD" "\x86\x03" "A:B" "\x81\x02" "AB" "\x82\x01" ".";
	static const char want[] = "\x82\x05" "a.b.c" "\x81\x05" "Ab@cd" "\x86\x03" "A:B" "\x81\x02" "AB" "\x82\x01" ".";
	CmBuf		out = {0};
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_true(cm_san_canonical(cm_slice(foreign, sizeof(foreign) - 1), &out, &st));
	assert_true(cm_slice_equal(slice_of(&out), cm_slice(want, sizeof(want) - 1)));
	cm_buf_reset(&out);
	assert_false(cm_san_canonical(cm_slice(foreign, sizeof(foreign) - 2), &out, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_int_equal(out.len, 0);
	cm_buf_free(&out);
}

static void
test_hostile(void **state)
{
	static const char *const texts[] = {"DNS:*.a.example", "IP:2001:db8::1", "email:a@b.c", "URI:a:b", "dirName:CN=x+O=y,C=DE",
		"RID:1.2.840.1", "otherName:1.2.3;UTF8:\xc3\xbc"};
	CmBuf		out = {0};
	size_t		n;
	size_t		i;
	int			v;

	(void) state;
	for (n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
	{
		CmBuf		name = {0};
		CmStatus	st = CM_STATUS_INIT;

		add(&name, texts[n]);
		for (i = 0; i < name.len; i++)
		{
			uint8_t		kept = name.data[i];
			uint8_t    *copy = malloc(i == 0 ? 1 : i);

			memcpy(copy, name.data, i);
			assert_false(cm_san_format(cm_slice(copy, i), &out, &st));
			assert_false(cm_san_check(cm_slice(copy, i), NULL, &st));
			free(copy);
			for (v = 0; v < 256; v++)
			{
				name.data[i] = (uint8_t) v;
				cm_buf_reset(&out);
				if (cm_san_format(slice_of(&name), &out, &st))
					assert_true(cm_utf8_check(slice_of(&out), NULL));
				cm_buf_reset(&out);
				(void) cm_san_check(slice_of(&name), NULL, &st);
				(void) cm_san_canonical(slice_of(&name), &out, &st);
				cm_buf_reset(&out);
			}
			name.data[i] = kept;
		}
		cm_buf_free(&name);
	}
	cm_buf_free(&out);
}

static void
test_shown(void **state)
{
	char		text[24];

	(void) state;
	assert_string_equal(cm_san_show(cm_slice("\x82\x03""a.b", 5), text, sizeof(text)), "DNS:a.b");
	assert_string_equal(cm_san_show(cm_slice("\x82\x20""a234567890123456789012345678901.b", 34), text, 12), "DNS:a234567");
	assert_string_equal(cm_san_show(cm_slice("\x82\x05""a.b", 5), text, sizeof(text)), "(unreadable)");
	assert_string_equal(cm_san_show(cm_slice(NULL, 0), text, sizeof(text)), "(unreadable)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
