/*
 * test_address.c - the address policy, networks, and addresses as texts.
 */
#include "net/address.h"
#include "net/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static struct sockaddr *
address(const char *text)
{
	static struct sockaddr_storage ss;

	memset(&ss, 0, sizeof(ss));
	if (strchr(text, ':') != NULL)
	{
		ss.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *) &ss)->sin6_addr), 1);
	}
	else
	{
		ss.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *) &ss)->sin_addr), 1);
	}
	return (struct sockaddr *) &ss;
}

static void
test_public(void **state)
{
	static const char *const yes[] = {
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.2.1", "192.167.255.255", "192.169.0.0", "198.17.255.255",
		"198.20.0.0", "198.51.100.1", "203.0.113.1", "223.255.255.255",
		"2001:200::1", "2001:db8::1", "2606:4700::1111", "2a00::1", "3fff::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"
	};
	static const char *const no[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::1.1.1.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2002:a00:1::1", "2002:7f00:1::1", "4000::1", "fc00::1",
		"fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1"
	};
	size_t		i;
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	(void) state;
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
	{
		if (!cm_address_public(address(yes[i])))
			fail_msg("%s is public", yes[i]);
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
	{
		if (cm_address_public(address(no[i])))
			fail_msg("%s is not public", no[i]);
	}
	assert_false(cm_address_public((struct sockaddr *) &un));
}

static bool
contains(const char *cidr, const char *text)
{
	CmNetwork	network;
	CmStatus	st = CM_STATUS_INIT;

	assert_true(cm_network_parse(cidr, &network, &st));
	return cm_network_contains(&network, address(text));
}

static void
test_network(void **state)
{
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.1/8", "10.0.0/8",
		"10.0.0.0/8/8", "10.0.0.0/99999999999", "::/129", "2001:db8::1/32", "a.example", "10.0.0.0/8a", "::ffff:10.0.0.1/104",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222/64", "fe80::1%eth0"
	};
	CmNetwork	network;
	CmStatus	st;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		st = (CmStatus) CM_STATUS_INIT;
		if (cm_network_parse(bad[i], &network, &st))
			fail_msg("\"%s\" is no network", bad[i]);
		assert_int_equal(st.code, CM_INVALID);
		assert_true(st.reason[0] != '\0');
	}
	assert_false(cm_network_parse("x", &network, NULL));

	assert_true(contains("10.0.0.0/8", "10.255.0.1"));
	assert_false(contains("10.0.0.0/8", "11.0.0.0"));
	assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_false(contains("10.0.0.0/8", "2001:db8::1"));
	assert_true(contains("0.0.0.0/0", "1.2.3.4"));
	assert_false(contains("0.0.0.0/0", "::1"));
	assert_true(contains("::/0", "::1"));
	assert_false(contains("::/0", "1.2.3.4"));
	assert_true(contains("192.0.2.1", "192.0.2.1"));
	assert_false(contains("192.0.2.1", "192.0.2.0"));
	assert_true(contains("192.0.2.128/25", "192.0.2.200"));
	assert_false(contains("192.0.2.128/25", "192.0.2.127"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(contains("::1", "::1"));
}

static void
test_server_parse(void **state)
{
	static const struct
	{
		const char *text;
		const char *shown;
	}			good[] = {
		{"127.0.0.1", "127.0.0.1:53"},
		{"127.0.0.1:5353", "127.0.0.1:5353"},
		{"127.0.0.1:65535", "127.0.0.1:65535"},
		{"2001:db8::1", "[2001:db8::1]:53"},
		{"[2001:db8::1]", "[2001:db8::1]:53"},
		{"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
		{"::1", "[::1]:53"}
	};
	static const char *const bad[] = {
		"", ":", ":53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:999999", "127.0.0.1:5a", "127.0.0.1: 53", "ns.example",
		"ns.example:53", "[127.0.0.1]:53", "[::1", "[::1]53", "[::1]:", "[]", "[]:53", "127.0.0.1.1", "::1%lo", "::g",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:53"
	};
	struct sockaddr_storage ss;
	socklen_t	len;
	CmStatus	st = CM_STATUS_INIT;
	char		shown[64];
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		if (!cm_dns_server_parse(good[i].text, &ss, &len, &st))
			fail_msg("\"%s\" is an address: %s", good[i].text, st.reason);
		assert_int_equal(len, ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		cm_sockaddr_format((struct sockaddr *) &ss, shown, sizeof(shown));
		assert_string_equal(shown, good[i].shown);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		st = (CmStatus) CM_STATUS_INIT;
		if (cm_dns_server_parse(bad[i], &ss, &len, &st))
			fail_msg("\"%s\" is no address", bad[i]);
		assert_int_equal(st.code, CM_INVALID);
	}
	cm_sockaddr_format(address("192.0.2.1"), shown, sizeof(shown));
	assert_string_equal(shown, "192.0.2.1");
	cm_sockaddr_format(address("192.0.2.1"), shown, 4);
	assert_string_equal(shown, "192");
}

static bool
is_metadata(const char *text)
{
	struct sockaddr_storage addr;
	socklen_t	len;

	assert_true(cm_dns_server_parse(text, &addr, &len, NULL));
	return cm_address_metadata((struct sockaddr *) &addr);
}

static void
test_metadata(void **state)
{
	(void) state;
	assert_true(is_metadata("169.254.169.254"));
	assert_true(is_metadata("169.254.170.2"));
	assert_true(is_metadata("169.254.170.23"));
	assert_true(is_metadata("fd00:ec2::254"));
	assert_true(is_metadata("fd00:ec2::23"));
	assert_false(is_metadata("169.254.169.253"));
	assert_false(is_metadata("127.0.0.1"));
	assert_false(is_metadata("fd00:ec2::255"));
	assert_false(is_metadata("8.8.8.8"));
}

static void
networks_refused(const char *list, CmCode code, const char *reason, const char *detail)
{
	CmNetwork	out[CM_NETWORKS_MAX];
	CmStatus	st = CM_STATUS_INIT;
	int			count;

	if (cm_networks_parse(list, out, &count, &st))
		fail_msg("taken: %s", list);
	assert_int_equal(st.code, code);
	assert_string_equal(st.reason, reason);
	assert_string_equal(st.detail, detail);
}

static void
test_networks(void **state)
{
	static const char none[] = "a list of networks has an entry that is none";
	CmNetwork	out[CM_NETWORKS_MAX];
	char		many[CM_NETWORKS_MAX * 4 + 8] = "";
	int			count;

	(void) state;
	assert_true(cm_networks_parse("", out, &count, NULL));
	assert_int_equal(count, 0);
	assert_true(cm_networks_parse("10.0.0.0/8 ,\t2001:db8::/32,192.0.2.1", out, &count, NULL));
	assert_int_equal(count, 3);
	assert_true(cm_network_contains(&out[0], address("10.1.2.3")));
	assert_true(cm_network_contains(&out[1], address("2001:db8::5")));
	assert_true(cm_network_contains(&out[2], address("192.0.2.1")));
	networks_refused("10.0.0.0/8,,::1", CM_INVALID, none, "\"\" is not a network such as 10.0.0.0/8.");
	networks_refused("10.0.0.0/8 ::1", CM_INVALID, none, "\"10.0.0.0/8 ::1\" is not a network such as 10.0.0.0/8.");
	networks_refused("::1, 10.0.0.1/8", CM_INVALID, none, "\"10.0.0.1/8\" is not a network such as 10.0.0.0/8.");
	networks_refused("1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222/64", CM_INVALID, none,
					 "\"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:\" is not a network such as 10.0.0.0/8.");
	for (int i = 0; i < CM_NETWORKS_MAX; i++)
		strcat(many, "::1,");
	assert_true(cm_networks_parse(many, out, &count, NULL));
	assert_int_equal(count, CM_NETWORKS_MAX);
	strcat(many, "::1");
	networks_refused(many, CM_LIMIT, "there are more than 64 networks", "There are more than 64 networks.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_server_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
