/*
 * test_host.c - host names in canonical form, zones, addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/host.h"

#define LABEL63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void
canonical(void **state)
{
	static const char *const good[][2] = {
		{"example.com", "example.com"}, {"Example.COM.", "example.com"}, {"a", "a"}, {"localhost", "localhost"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"}, {"1.2.3.example", "1.2.3.example"},
		{"r3---sn-4g5e6nsz.example", "r3---sn-4g5e6nsz.example"}, {LABEL63 ".com", LABEL63 ".com"}, {"1a", "1a"}
	};
	static const char *const bad[] = {
		"", ".", "..", "a..b", ".a", "a..", "-a.com", "a-.com", "a_b.com", "a b.com", "b\xc3\xbc" "cher.de",
		LABEL63 "x.com", "192.0.2.1", "1", "a.1", "*.example.com", "*", "a\n", "a/b", "2001:db8::1", "a.com "
	};
	char		dst[CM_HOST_MAX + 1];
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(cm_host_canonical(good[i][0], false, dst, &st));
		assert_string_equal(dst, good[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		cm_fail(&st, CM_OK, "%s", "");
		assert_false(cm_host_canonical(bad[i], false, dst, &st));
		assert_int_equal(st.code, CM_INVALID);
		assert_string_not_equal(st.detail, "");
		assert_string_equal(dst, "");
	}
	assert_false(cm_host_canonical("a..b", false, dst, NULL));
}

static void
wildcards(void **state)
{
	static const char *const bad[] = {"*", "*.", "*..", "**.a", "*a.b", "a.*.b", "*.*.b", "*.1", "*.-a"};
	char		dst[CM_HOST_MAX + 1];
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	assert_true(cm_host_canonical("*.Example.com.", true, dst, &st));
	assert_string_equal(dst, "*.example.com");
	assert_true(cm_host_canonical("example.com", true, dst, &st));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_host_canonical(bad[i], true, dst, &st));
}

static void
longest(void **state)
{
	char		name[300];
	char		dst[CM_HOST_MAX + 1];
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	name[253] = '\0';
	assert_true(cm_host_canonical(name, false, dst, NULL));
	assert_int_equal(strlen(dst), 253);
	name[253] = '.';
	name[254] = '\0';
	assert_true(cm_host_canonical(name, false, dst, NULL));
	assert_int_equal(strlen(dst), 253);
	name[254] = 'a';
	name[255] = '\0';
	assert_false(cm_host_canonical(name, false, dst, NULL));
}

static void
zones(void **state)
{
	(void) state;
	assert_true(cm_host_in_zone("example.com", "example.com"));
	assert_true(cm_host_in_zone("a.b.example.com", "example.com"));
	assert_true(cm_host_in_zone("*.example.com", "example.com"));
	assert_false(cm_host_in_zone("badexample.com", "example.com"));
	assert_false(cm_host_in_zone("com", "example.com"));
	assert_false(cm_host_in_zone("example.com.evil", "example.com"));
	assert_false(cm_host_in_zone("example.com", ""));
}

static void
addresses(void **state)
{
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.1.1.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/24",
		"::1%lo", "[::1]", "1:2:3:4:5:6:7", "1::2::3", "12345::", ":::"
	};
	static const char *const round[] = {"192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::1", "fe80::1:2:3:4"};
	uint8_t		bytes[16];
	char		text[64];
	size_t		len;
	size_t		i;

	(void) state;
	assert_true(cm_address_parse("192.0.2.1", bytes, &len));
	assert_int_equal(len, 4);
	assert_memory_equal(bytes, "\xc0\x00\x02\x01", 4);
	for (i = 0; i < sizeof(round) / sizeof(round[0]); i++)
	{
		assert_true(cm_address_parse(round[i], bytes, &len));
		assert_true(cm_address_format(bytes, len, text, sizeof(text)));
		assert_string_equal(text, round[i]);
	}
	assert_true(cm_address_parse("2001:DB8:0:0:0:0:0:1", bytes, &len));
	assert_true(cm_address_format(bytes, len, text, sizeof(text)));
	assert_string_equal(text, "2001:db8::1");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_address_parse(bad[i], bytes, &len));
	assert_false(cm_address_format(bytes, 5, text, sizeof(text)));
	assert_false(cm_address_format(bytes, 16, text, 4));
	assert_false(cm_address_format(bytes, 16, text, 0));
}

static void
reverse_tree(void **state)
{
	static const char *const bad[] = {
		"", "arpa", "in-addr.arpa", ".in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "256.1.1.1.in-addr.arpa", "1.1.1.1.1.in-addr.arpa",
		"1.2.3.4.in-addr.arpa.", "x1.2.3.4.in-addr.arpa", "111.111.111.1111.in-addr.arpa", "::1.in-addr.arpa", "ip6.arpa", ".ip6.arpa",
		"1.0.0.0.ip6.arpa", "1.0.0.127.in-addr.arpa.example.com",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.g.ip6.arpa",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0x0.ip6.arpa",
		"A.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	};
	uint8_t		bytes[16];
	char		text[64];
	size_t		len;

	(void) state;
	assert_true(cm_address_from_arpa("1.2.0.192.in-addr.arpa", bytes, &len));
	assert_true(cm_address_format(bytes, len, text, sizeof(text)));
	assert_string_equal(text, "192.0.2.1");
	assert_true(cm_address_from_arpa("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa", bytes, &len));
	assert_true(cm_address_format(bytes, len, text, sizeof(text)));
	assert_string_equal(text, "4321:0:1:2:3:4:567:89ab");	/* RFC 3596 2.5 */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_address_from_arpa(bad[i], bytes, &len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical),
		cmocka_unit_test(wildcards),
		cmocka_unit_test(longest),
		cmocka_unit_test(zones),
		cmocka_unit_test(addresses),
		cmocka_unit_test(reverse_tree)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
