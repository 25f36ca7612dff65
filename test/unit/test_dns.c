/*
 * test_dns.c - DNS messages byte by byte, TSIG, and the transport against a
 * server of the test's own that loses, forges and truncates.
 */
#include "base/encode.h"
#include "net/address.h"
#include "net/dns.h"
#include "net/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void
assert_hex(const CmBuf *buf, const char *hex)
{
	CmBuf		text;

	cm_buf_init(&text, 0);
	assert_true(cm_hex_encode(&text, buf->data, buf->len));
	assert_string_equal(cm_buf_cstr(&text), hex);
	cm_buf_free(&text);
}

/* ---- messages ---- */

static void
test_names(void **state)
{
	char		longest[256];
	uint8_t		wire[256];
	size_t		len;
	int			i;
	static const char *const bad[] = {"a..b", ".a", "..", "a b", "a\\.b", "a\x01", "\xc3\xa4"};

	(void) state;
	assert_true(cm_dns_name_wire("WWW.Example.com", wire, &len));
	assert_int_equal(len, 17);
	assert_memory_equal(wire, "\3www\7example\3com", 17);
	assert_true(cm_dns_name_wire("a.", wire, &len));
	assert_int_equal(len, 3);
	assert_true(cm_dns_name_wire(".", wire, &len) && len == 1);
	assert_true(cm_dns_name_wire("", wire, &len) && len == 1);
	for (i = 0; i < (int) (sizeof(bad) / sizeof(bad[0])); i++)
		assert_false(cm_dns_name_wire(bad[i], wire, &len));
	/* 63.63.63.61: 255 octets on the wire, the most there can be. */
	memset(longest, 'a', sizeof(longest));
	longest[63] = longest[127] = longest[191] = '.';
	longest[253] = '\0';
	assert_true(cm_dns_name_wire(longest, wire, &len));
	assert_int_equal(len, 255);
	longest[253] = 'a';
	longest[254] = '\0';
	assert_false(cm_dns_name_wire(longest, wire, &len));
	memset(longest, 'a', 64);
	longest[64] = '\0';
	assert_false(cm_dns_name_wire(longest, wire, &len));
}

static void
test_build_query(void **state)
{
	CmBuf		buf;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	cm_buf_init(&buf, 0);
	assert_true(cm_dns_build_query(&buf, 0x1234, "Ab.c", cm_dns_type("TXT"), true, true, &st));
	assert_hex(&buf, "123401000001000000000001" "0261620163000010" "0001" "00002904d0000000000000");
	cm_buf_reset(&buf);
	assert_true(cm_dns_build_query(&buf, 0x1234, "c", cm_dns_type("AAAA"), false, false, &st));
	assert_hex(&buf, "123400000001000000000000" "01630000" "1c0001");
	cm_buf_reset(&buf);
	assert_false(cm_dns_build_query(&buf, 1, "a..b", 1, false, false, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_int_equal(cm_dns_type("ANY"), -1);
	cm_buf_free(&buf);
}

static void
test_build_update(void **state)
{
	CmDnsUpdate u[2] = {{"x.z", "ab", false}, {"x.z", "", true}};
	CmDnsUpdate large = {"z", NULL, false};
	char	   *value = malloc(70001);
	CmBuf		buf;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	cm_buf_init(&buf, CM_DNS_MESSAGE_MAX);
	assert_true(cm_dns_build_update(&buf, 1, "z", u, 2, 60, &st));
	assert_hex(&buf, "000128000001000000020000" "017a0000060001"
			   "0178017a00" "00100001" "0000003c" "0003" "026162"
			   "0178017a00" "001000fe" "00000000" "0001" "00");

	/* 256 bytes are two strings, 255 are one. */
	memset(value, 'v', 70001);
	value[256] = '\0';
	large.value = value;
	cm_buf_reset(&buf);
	assert_true(cm_dns_build_update(&buf, 1, "z", &large, 1, 60, &st));
	assert_int_equal(buf.len, 12 + 7 + 3 + 10 + 258);
	assert_memory_equal(buf.data + 12 + 7 + 3 + 8, "\1\2\xff", 3);
	assert_memory_equal(buf.data + buf.len - 2, "\1v", 2);
	value[255] = '\0';
	cm_buf_reset(&buf);
	assert_true(cm_dns_build_update(&buf, 1, "z", &large, 1, 60, &st));
	assert_int_equal(buf.len, 12 + 7 + 3 + 10 + 256);

	memset(value, 'v', 70000);
	value[65279] = '\0';		/* with its length octets larger than RDLENGTH or the message can say */
	cm_buf_reset(&buf);
	assert_false(cm_dns_build_update(&buf, 1, "z", &large, 1, 60, &st));
	assert_int_equal(st.code, CM_LIMIT);
	buf.max = 12 + 7 + 18 + 16 - 1;
	cm_buf_reset(&buf);
	assert_false(cm_dns_build_update(&buf, 1, "z", u, 2, 60, &st));
	assert_string_equal(st.reason, "the DNS update is too large");
	buf.max = CM_DNS_MESSAGE_MAX;
	value[65279] = 'v';
	value[70000] = '\0';
	cm_buf_reset(&buf);
	assert_false(cm_dns_build_update(&buf, 1, "z", &large, 1, 60, &st));

	u[1].name = "x.zz";
	assert_false(cm_dns_build_update(&buf, 1, "z", u, 2, 60, &st));
	assert_int_equal(st.code, CM_INVALID);
	u[1].name = "xz";
	cm_buf_reset(&buf);
	assert_false(cm_dns_build_update(&buf, 1, "z", u, 2, 60, &st));
	u[1].name = "x.Z";
	cm_buf_reset(&buf);
	assert_true(cm_dns_build_update(&buf, 1, "z", u, 2, 60, &st));
	assert_false(cm_dns_build_update(&buf, 1, "z", u, 0, 60, &st));
	assert_false(cm_dns_build_update(&buf, 1, "z", u, 1, -1, &st));
	cm_buf_free(&buf);
	free(value);
}

/* From memory of just that size, so that a read behind it is seen. */
static bool
parse(const uint8_t *data, size_t len, const char *name, const char *type, CmDnsAnswer *answer)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmStatus	st = CM_STATUS_INIT;
	bool		ok;

	memcpy(copy, data, len);
	memset(answer, 0, sizeof(*answer));
	ok = cm_dns_parse(cm_slice(copy, len), name, cm_dns_type(type), answer, &st);
	assert_int_equal(st.code, ok ? CM_OK : CM_PROTOCOL);
	free(copy);
	return ok;
}

static void
put_record(CmBuf *m, const char *owner_hex, int type, const void *rdata, size_t len)
{
	cm_hex_decode(m, owner_hex, strlen(owner_hex));
	cm_dns_put16(m, (unsigned) type);
	cm_dns_put16(m, 1);
	cm_dns_put32(m, 60);
	cm_dns_put16(m, (unsigned) len);
	cm_buf_append(m, rdata, len);
}

/* www.z TXT? -> www.z CNAME t.z, t.z TXT "a" "bc", T.z TXT "d\0e", other.z TXT "no", t.z A; authority: z SOA */
static void
build_answer(CmBuf *m)
{
	static const uint8_t soa[] = "\1a\0\1b\0" "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0";	/* its NUL is the last byte */

	cm_buf_init(m, 0);
	cm_hex_decode(m, "000785800001000500010000" "03777777017a00" "00100001", 46);
	put_record(m, "c00c", 5, "\1t\xc0\x10", 4);
	put_record(m, "0174c010", 16, "\1a\2bc", 5);
	put_record(m, "0154c010", 16, "\3d\0e", 4);
	put_record(m, "056f74686572c010", 16, "\2no", 3);
	put_record(m, "0174c010", 1, "\x7f\0\0\1", 4);
	put_record(m, "c010", 6, soa, sizeof(soa));
}

static void
test_parse_records(void **state)
{
	CmBuf		m;
	CmDnsAnswer answer;
	size_t		len;
	size_t		i;

	(void) state;
	build_answer(&m);
	assert_true(parse(m.data, m.len, "WWW.z", "TXT", &answer));
	assert_int_equal(answer.rcode, 0);
	assert_true(answer.authoritative);
	assert_int_equal(answer.count, 2);
	assert_string_equal(answer.values[0], "abc");
	assert_string_equal(answer.values[1], "d?e");
	assert_string_equal(answer.cname, "t.z");
	assert_string_equal(answer.soa, "z");
	assert_string_equal(answer.referral, "");
	cm_dns_answer_free(&answer);
	assert_true(parse(m.data, m.len, "www.z", "A", &answer));
	assert_int_equal(answer.count, 1);
	assert_string_equal(answer.values[0], "127.0.0.1");
	cm_dns_answer_free(&answer);
	assert_true(parse(m.data, m.len, "www.z", "CNAME", &answer));
	assert_int_equal(answer.count, 1);
	assert_string_equal(answer.values[0], "t.z");
	assert_string_equal(answer.cname, "");
	cm_dns_answer_free(&answer);
	assert_true(parse(m.data, m.len, "z", "TXT", &answer));
	assert_int_equal(answer.count, 0);

	/* Cut anywhere, or with something behind it, it is not an answer. */
	for (len = 0; len < m.len; len++)
		assert_false(parse(m.data, len, "www.z", "TXT", &answer));
	cm_buf_append_byte(&m, 0);
	assert_false(parse(m.data, m.len, "www.z", "TXT", &answer));
	m.len--;
	/* Any byte may be anything: read or refused, never more. */
	for (i = 0; i < m.len; i++)
	{
		static const uint8_t values[] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0xc0, 0xff};
		uint8_t		keep = m.data[i];
		size_t		k;

		for (k = 0; k < sizeof(values); k++)
		{
			m.data[i] = values[k];
			if (parse(m.data, m.len, "www.z", "TXT", &answer))
				cm_dns_answer_free(&answer);
		}
		m.data[i] = keep;
	}
	cm_buf_free(&m);
}

static void
test_parse_hostile(void **state)
{
	CmBuf		m;
	CmDnsAnswer answer;
	int			i;

	(void) state;
	/* A CNAME to itself, and two that point at each other. */
	cm_buf_init(&m, 0);
	cm_hex_decode(&m, "000784000001000200000000" "017a00" "00100001", 38);
	put_record(&m, "c00c", 5, "\1a\0", 3);
	put_record(&m, "016100", 5, "\xc0\x0c", 2);
	assert_true(parse(m.data, m.len, "z", "TXT", &answer));
	assert_int_equal(answer.count, 0);

	/* A pointer to itself. */
	cm_buf_reset(&m);
	cm_hex_decode(&m, "000784000001000000000000" "c00c" "00100001", 36);
	assert_false(parse(m.data, m.len, "z", "TXT", &answer));

	/* More records than are kept. */
	cm_buf_reset(&m);
	cm_hex_decode(&m, "000784000001012c00000000" "017a00" "00100001", 38);
	for (i = 0; i < 300; i++)
		put_record(&m, "c00c", 16, "\1x", 2);
	assert_true(parse(m.data, m.len, "z", "TXT", &answer));
	assert_int_equal(answer.count, CM_DNS_MAX_ANSWERS);
	cm_dns_answer_free(&answer);

	/* A string longer than its record. */
	cm_buf_reset(&m);
	cm_hex_decode(&m, "000784000001000100000000" "017a00" "00100001", 38);
	put_record(&m, "c00c", 16, "\5ab", 3);
	if (parse(m.data, m.len, "z", "TXT", &answer))
		cm_dns_answer_free(&answer);

	/* A referral. */
	cm_buf_reset(&m);
	cm_hex_decode(&m, "000780000001000000010000" "0177017a00" "00100001", 42);
	put_record(&m, "c00e", 2, "\2ns\0", 4);
	assert_true(parse(m.data, m.len, "w.z", "TXT", &answer));
	assert_string_equal(answer.referral, "z");
	assert_false(answer.authoritative);
	cm_buf_free(&m);
}

static void
test_is_answer(void **state)
{
	CmBuf		q;
	CmBuf		a;
	size_t		len;

	(void) state;
	cm_buf_init(&q, 0);
	cm_buf_init(&a, 0);
	assert_true(cm_dns_build_query(&q, 7, "www.z", 16, false, true, NULL));
	build_answer(&a);
#define matches(m) cm_dns_is_answer(cm_slice((m).data, (m).len), cm_slice(q.data, q.len))
	assert_true(matches(a));
	assert_false(matches(q));	/* QR is not set */
	a.data[1] ^= 1;
	assert_false(matches(a));	/* another id */
	a.data[1] ^= 1;
	a.data[2] ^= 0x08;
	assert_false(matches(a));	/* another opcode */
	a.data[2] ^= 0x08;
	a.data[13] = 'W';
	assert_true(matches(a));	/* case does not matter */
	a.data[13] = 'x';
	assert_false(matches(a));	/* another name */
	a.data[13] = 'w';
	a.data[20]++;
	assert_false(matches(a));	/* another type */
	a.data[20]--;
	a.data[5] = 0;
	assert_false(matches(a));	/* no question ... */
	a.data[3] |= CM_DNS_RCODE_FORMERR;
	assert_true(matches(a));	/* ... is fine for who could not read it */
	a.data[5] = 2;
	assert_false(matches(a));
	a.data[5] = 1;
	for (len = 0; len < 23; len++)
		assert_false(cm_dns_is_answer(cm_slice(a.data, len), cm_slice(q.data, q.len)));
	cm_buf_free(&q);
	cm_buf_free(&a);
}

static void
test_rcode_names(void **state)
{
	(void) state;
	assert_string_equal(cm_dns_rcode_name(0), "NOERROR");
	assert_string_equal(cm_dns_rcode_name(3), "NXDOMAIN");
	assert_string_equal(cm_dns_rcode_name(9), "NOTAUTH");
	assert_string_equal(cm_dns_rcode_name(10), "NOTZONE");
	assert_string_equal(cm_dns_rcode_name(17), "BADKEY");
	assert_string_equal(cm_dns_rcode_name(-1), "unknown");
	assert_string_equal(cm_dns_rcode_name(99), "unknown");
}

/* ---- TSIG ---- */

static const CmTsig good_key = {"Key.Example.", "hmac-sha256", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"};

/*
 * Signs an answer as RFC 8945 5.3 says: over the request's MAC first. Written
 * apart from tsig.c, for sha256 and this key only.
 */
static void
sign_answer(CmBuf *m, const uint8_t *request_mac, size_t request_mac_len, int64_t when, unsigned error, const char *secret)
{
	CmBuf		d;
	uint8_t		times[8] = {0, 0, (uint8_t) (when >> 24), (uint8_t) (when >> 16), (uint8_t) (when >> 8), (uint8_t) when, 1, 44};
	uint8_t		mac[32];
	unsigned	len;
	static const uint8_t name[] = "\3key\7example";
	static const uint8_t algorithm[] = "\13hmac-sha256";

	cm_buf_init(&d, 0);
	cm_dns_put16(&d, (unsigned) request_mac_len);
	cm_buf_append(&d, request_mac, request_mac_len);
	cm_buf_append(&d, m->data, m->len);
	cm_buf_append(&d, name, sizeof(name));
	cm_buf_append(&d, "\0\xff\0\0\0\0", 6);
	cm_buf_append(&d, algorithm, sizeof(algorithm));
	cm_buf_append(&d, times, 8);
	cm_dns_put16(&d, error);
	cm_dns_put16(&d, 0);
	assert_non_null(HMAC(EVP_sha256(), secret, (int) strlen(secret), d.data, d.len, mac, &len));
	cm_buf_free(&d);
	m->data[11]++;
	cm_buf_append(m, name, sizeof(name));
	cm_buf_append(m, "\0\xfa\0\xff\0\0\0\0", 8);
	cm_dns_put16(m, (unsigned) (sizeof(algorithm) + 8 + 2 + 32 + 6));
	cm_buf_append(m, algorithm, sizeof(algorithm));
	cm_buf_append(m, times, 8);
	cm_dns_put16(m, 32);
	cm_buf_append(m, mac, 32);
	cm_buf_append(m, m->data, 2);
	cm_dns_put16(m, error);
	cm_dns_put16(m, 0);
}

static CmTsigVerdict
verify(const uint8_t *data, size_t len, const CmTsigKey *key, CmSlice mac, int64_t now, bool *readable)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmTsigVerdict v;

	memcpy(copy, data, len);
	*readable = cm_tsig_verify(cm_slice(copy, len), key, mac, now, &v);
	free(copy);
	return v;
}

static void
test_tsig(void **state)
{
	CmTsigKey	key;
	CmTsigKey	other;
	CmTsig		with_sha512 = good_key;
	CmBuf		q;
	CmBuf		a;
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		mac[CM_TSIG_MAC_MAX];
	size_t		mac_len = 0;
	CmTsigVerdict v;
	bool		readable;
	CmSlice		m;
	size_t		i;
	const int64_t now = 1700000000;

	(void) state;
	cm_buf_init(&q, 0);
	assert_true(cm_tsig_key_load(&good_key, &key, &st));
	assert_int_equal(key.secret_len, 24);
	assert_true(cm_dns_build_query(&q, 7, "www.z", 16, false, true, &st));
	assert_true(cm_tsig_sign(&q, &key, now, mac, &mac_len, &st));
	assert_int_equal(mac_len, 32);
	assert_int_equal(q.data[11], 2);	/* EDNS and TSIG */
	m = cm_slice(mac, mac_len);

	build_answer(&a);
	sign_answer(&a, mac, mac_len, now, 0, "secretsecretsecretsecret");
	v = verify(a.data, a.len, &key, m, now, &readable);
	assert_true(readable && v.present && v.genuine && v.in_time);
	assert_int_equal(v.error, 0);
	v = verify(a.data, a.len, &key, m, now + 300, &readable);
	assert_true(v.genuine && v.in_time);
	v = verify(a.data, a.len, &key, m, now + 301, &readable);
	assert_true(v.genuine && !v.in_time);
	assert_int_equal(v.server_time, now);
	v = verify(a.data, a.len, &key, m, now - 301, &readable);
	assert_true(v.genuine && !v.in_time);

	/* A relay may have changed the id: the original one counts. */
	a.data[0] = 0x55;
	v = verify(a.data, a.len, &key, m, now, &readable);
	assert_true(v.genuine);
	a.data[0] = 0;

	/* Every byte is signed: but for that id, and the class and TTL of the TSIG (84 bytes) itself. */
	for (i = 2; i < a.len; i++)
	{
		a.data[i] ^= 0x01;
		v = verify(a.data, a.len, &key, m, now, &readable);
		if (v.genuine && !(i >= a.len - 84 + 15 && i < a.len - 84 + 21))
			fail_msg("byte %zu of %zu is not signed", i, a.len);
		a.data[i] ^= 0x01;
	}
	for (i = 0; i < a.len; i++)
	{
		v = verify(a.data, i, &key, m, now, &readable);
		assert_false(readable);
		assert_false(v.genuine);
	}

	/* Another request, secret, algorithm, name. */
	mac[0] ^= 1;
	v = verify(a.data, a.len, &key, m, now, &readable);
	assert_true(v.present && !v.genuine);
	mac[0] ^= 1;
	other = key;
	other.secret[0] ^= 1;
	v = verify(a.data, a.len, &other, m, now, &readable);
	assert_false(v.genuine);
	with_sha512.algorithm = "HMAC-SHA512.";
	assert_true(cm_tsig_key_load(&with_sha512, &other, &st));
	v = verify(a.data, a.len, &other, m, now, &readable);
	assert_false(v.genuine);

	/* None at all. */
	cm_buf_free(&a);
	build_answer(&a);
	v = verify(a.data, a.len, &key, m, now, &readable);
	assert_true(readable && !v.present && !v.genuine);
	cm_buf_free(&a);
	cm_buf_free(&q);
}

static void
test_tsig_key(void **state)
{
	static const char *const algorithms[] = {"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"};
	static const size_t sizes[] = {20, 28, 32, 48, 64};
	CmTsig		tsig = good_key;
	CmTsigKey	key;
	CmBuf		q;
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		mac[CM_TSIG_MAC_MAX];
	size_t		mac_len;
	char		large[1024];
	size_t		i;

	(void) state;
	cm_buf_init(&q, 0);
	for (i = 0; i < 5; i++)
	{
		tsig.algorithm = algorithms[i];
		cm_buf_reset(&q);
		assert_true(cm_dns_build_query(&q, 7, "www.z", 16, false, false, &st));
		assert_true(cm_tsig_key_load(&tsig, &key, &st) && cm_tsig_sign(&q, &key, 1, mac, &mac_len, &st));
		assert_int_equal(mac_len, sizes[i]);
	}
	cm_buf_free(&q);
	tsig.algorithm = "hmac-md5";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	tsig.algorithm = "";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	tsig.algorithm = NULL;
	assert_true(cm_tsig_key_load(&tsig, &key, &st));
	tsig.secret = "not base64!";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_null(strstr(st.reason, "not base64!"));
	tsig.secret = "";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	tsig.secret = NULL;
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	memset(large, 'A', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	large[1020] = '\0';
	tsig.secret = large;
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	tsig.secret = good_key.secret;
	tsig.name = "a..b";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
	tsig.name = "";
	assert_false(cm_tsig_key_load(&tsig, &key, &st));
}

/* ---- transport ---- */

static CmLoop *loop;
static int	fds;
static int	fds_max;			/* so many there are */
static int	udp;				/* the server's sockets, on one port */
static int	tcp;
static struct sockaddr_storage server;
static socklen_t serverlen;
static int	datagrams;			/* that the server got */
static int	streams;
static bool refuse_address;

/* What the server does with a datagram. */
static void (*on_datagram) (CmBuf *query, const struct sockaddr_in *from);
/* What it does with a message over TCP. */
static void (*on_stream) (CmBuf *query, int fd);

static bool
acquire(void)
{
	if (fds >= fds_max)
		return false;
	fds++;
	return true;
}

static void
release(void)
{
	fds--;
}

static bool
address_allowed(const struct sockaddr *addr)
{
	(void) addr;
	return !refuse_address;
}

static int
setup(void **state)
{
	CmLoopHooks hooks = {acquire, release, address_allowed};
	struct sockaddr_in in;
	socklen_t	len = sizeof(in);
	int			i;

	(void) state;
	/* A port that both kinds of socket can have. */
	for (i = 0; i < 50; i++)
	{
		memset(&in, 0, sizeof(in));
		in.sin_family = AF_INET;
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(udp, (struct sockaddr *) &in, sizeof(in)) == 0 && getsockname(udp, (struct sockaddr *) &in, &len) == 0 &&
			bind(tcp, (struct sockaddr *) &in, sizeof(in)) == 0 && listen(tcp, 5) == 0)
			break;
		close(udp);
		close(tcp);
	}
	memset(&server, 0, sizeof(server));
	memcpy(&server, &in, sizeof(in));
	serverlen = sizeof(in);
	fds = datagrams = streams = 0;
	fds_max = 1000;
	on_datagram = NULL;
	on_stream = NULL;
	refuse_address = false;
	loop = cm_loop_create(&hooks, NULL);
	return loop == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	cm_loop_destroy(loop);
	close(udp);
	close(tcp);
	return fds;
}

static void
serve_stream(void)
{
	int			fd = accept(tcp, NULL, NULL);
	uint8_t		prefix[2];
	uint8_t		message[65536];
	CmBuf		query;

	streams++;
	cm_loop_dispatch(loop);		/* one process plays both: the client sends now */
	if (recv(fd, prefix, 2, MSG_WAITALL) == 2)
	{
		size_t		len = cm_dns_get16(prefix);

		assert_int_equal(recv(fd, message, len, MSG_WAITALL), len);
		cm_buf_init(&query, 0);
		cm_buf_append(&query, message, len);
		on_stream(&query, fd);
		cm_buf_free(&query);
	}
	close(fd);
}

static void
serve_datagram(void)
{
	struct sockaddr_in from;
	socklen_t	len = sizeof(from);
	uint8_t		message[4096];
	ssize_t		n = recvfrom(udp, message, sizeof(message), 0, (struct sockaddr *) &from, &len);
	CmBuf		query;

	assert_true(n > 12);
	datagrams++;
	cm_buf_init(&query, 0);
	cm_buf_append(&query, message, (size_t) n);
	if (on_datagram != NULL)
		on_datagram(&query, &from);
	cm_buf_free(&query);
}

static void
turn(void)
{
	struct pollfd p[3] = {{cm_loop_fd(loop), POLLIN, 0}, {udp, POLLIN, 0}, {tcp, POLLIN, 0}};

	poll(p, 3, (int) cm_loop_timeout(loop));
	if (p[1].revents)
		serve_datagram();
	if (p[2].revents)
		serve_stream();
	cm_loop_dispatch(loop);
}

typedef struct Got
{
	bool		done;
	CmDnsAnswer answer;
	char		first[256];		/* the first value: the answer's own is gone after the callback */
} Got;

static void
on_done(CmDnsAnswer *answer, void *arg)
{
	Got		   *got = arg;

	assert_false(got->done);
	got->done = true;
	got->answer = *answer;
	if (answer->count > 0)
		snprintf(got->first, sizeof(got->first), "%s", answer->values[0]);
}

static void
ask(int64_t timeout_ms, Got *got)
{
	CmStatus	st = CM_STATUS_INIT;

	memset(got, 0, sizeof(*got));
	if (cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, timeout_ms, on_done, got, &st) == NULL)
		fail_msg("not started: %s", st.reason);
	while (!got->done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	assert_int_equal(fds, 1);
}

static void
reply(const void *data, size_t len, const struct sockaddr_in *to)
{
	assert_int_equal(sendto(udp, data, len, 0, (const struct sockaddr *) to, sizeof(*to)), len);
}

/* The answer of build_answer, for this query. */
static void
answer_for(const CmBuf *query, CmBuf *a)
{
	build_answer(a);
	memcpy(a->data, query->data, 2);
}

static void
plain_answer(CmBuf *query, const struct sockaddr_in *from)
{
	CmBuf		a;

	answer_for(query, &a);
	reply(a.data, a.len, from);
	cm_buf_free(&a);
}

static void
test_query(void **state)
{
	Got			got;

	(void) state;
	on_datagram = plain_answer;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_int_equal(got.answer.count, 2);
	assert_string_equal(got.first, "abc");
	assert_int_equal(datagrams, 1);
}

/* Everything that an attacker or a confused server may send before the answer comes. */
static void
forged_answers(CmBuf *query, const struct sockaddr_in *from)
{
	CmBuf		a;
	int			stranger = socket(AF_INET, SOCK_DGRAM, 0);

	answer_for(query, &a);
	reply(a.data, 0, from);
	reply(a.data, 5, from);
	reply(query->data, query->len, from);
	a.data[0] ^= 1;
	reply(a.data, a.len, from);
	a.data[0] ^= 1;
	a.data[13] ^= 1;
	reply(a.data, a.len, from);
	a.data[13] ^= 1;
	/* The right answer, wrong source: with a value that must not be seen. */
	a.data[45] = 'X';
	assert_int_equal(sendto(stranger, a.data, a.len, 0, (const struct sockaddr *) from, sizeof(*from)), a.len);
	close(stranger);
	cm_buf_free(&a);
	plain_answer(query, from);
}

static void
test_forged(void **state)
{
	Got			got;

	(void) state;
	on_datagram = forged_answers;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_string_equal(got.first, "abc");
}

static void
second_is_answered(CmBuf *query, const struct sockaddr_in *from)
{
	if (datagrams == 2)
		plain_answer(query, from);
}

static void
test_retransmission(void **state)
{
	Got			got;
	int64_t		begun = cm_monotonic_ms();

	(void) state;
	on_datagram = second_is_answered;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_int_equal(datagrams, 2);
	assert_true(cm_monotonic_ms() - begun >= 490);

	on_datagram = NULL;
	datagrams = 0;
	begun = cm_monotonic_ms();
	ask(600, &got);
	assert_int_equal(got.answer.status.code, CM_NETWORK);
	assert_non_null(strstr(got.answer.status.reason, "did not answer within 600 ms"));
	assert_int_equal(datagrams, 2);
	assert_true(cm_monotonic_ms() - begun >= 600);
}

static void
test_nobody_there(void **state)
{
	Got			got;
	CmStatus	st = CM_STATUS_INIT;
	char		name[257];

	(void) state;
	close(udp);
	udp = -1;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_NETWORK);
	assert_non_null(strstr(got.answer.status.reason, "no DNS server listens at 127.0.0.1:"));

	refuse_address = true;
	assert_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 100, on_done, NULL, &st));
	assert_int_equal(st.code, CM_POLICY);
	assert_non_null(cm_dns_query_resolver(loop, &server, serverlen, "www.z", "TXT", 100, on_done, &got, &st));
	assert_null(cm_dns_query(loop, &server, serverlen, "www.z", "ANY", false, 100, on_done, NULL, &st));
	assert_null(cm_dns_query(loop, &server, serverlen, "a..z", "TXT", false, 100, on_done, NULL, &st));
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(cm_dns_query(loop, &server, serverlen, name, "TXT", false, 100, on_done, NULL, &st));
	assert_string_equal(st.reason, "a DNS name is too long");
}

static void
malformed(CmBuf *query, const struct sockaddr_in *from)
{
	CmBuf		a;

	answer_for(query, &a);
	reply(a.data, a.len - 3, from);
	cm_buf_free(&a);
}

static void
format_error_for_edns(CmBuf *query, const struct sockaddr_in *from)
{
	if (query->data[11] == 0)
	{
		plain_answer(query, from);
		return;
	}
	query->data[2] |= 0x80;
	query->data[3] |= CM_DNS_RCODE_FORMERR;
	memset(query->data + 4, 0, 8);
	reply(query->data, 12, from);
}

static void
refused(CmBuf *query, const struct sockaddr_in *from)
{
	query->data[2] |= 0x80;
	query->data[3] |= CM_DNS_RCODE_REFUSED;
	reply(query->data, query->len, from);
}

static void
test_odd_answers(void **state)
{
	Got			got;

	(void) state;
	on_datagram = malformed;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	assert_non_null(strstr(got.answer.status.reason, " for \"www.z\" is malformed"));
	assert_int_equal(got.answer.count, 0);
	on_datagram = format_error_for_edns;
	datagrams = 0;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_string_equal(got.first, "abc");
	assert_int_equal(datagrams, 2);
	on_datagram = refused;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_int_equal(got.answer.rcode, CM_DNS_RCODE_REFUSED);
	assert_int_equal(got.answer.count, 0);
}

/* ---- TCP ---- */

static void
truncated(CmBuf *query, const struct sockaddr_in *from)
{
	query->data[2] |= 0x82;
	reply(query->data, query->len, from);
}

static void
send_stream(int fd, const uint8_t *data, size_t len, size_t step)
{
	size_t		i;

	for (i = 0; i < len; i += step)
	{
		if (send(fd, data + i, len - i < step ? len - i : step, MSG_NOSIGNAL) < 0)
			return;
		cm_loop_dispatch(loop);	/* takes what is there */
	}
}

static void
stream_answer(CmBuf *query, int fd)
{
	CmBuf		a;
	CmBuf		framed;

	answer_for(query, &a);
	cm_buf_init(&framed, 0);
	cm_dns_put16(&framed, (unsigned) a.len);
	cm_buf_append(&framed, a.data, a.len);
	send_stream(fd, framed.data, framed.len, 1);
	cm_buf_free(&a);
	cm_buf_free(&framed);
}

static void
stream_half(CmBuf *query, int fd)
{
	CmBuf		a;

	answer_for(query, &a);
	send_stream(fd, (const uint8_t *) "\0\x80", 2, 2);
	send_stream(fd, a.data, a.len / 2, 100);
	cm_buf_free(&a);
}

static void
stream_other(CmBuf *query, int fd)
{
	send_stream(fd, (const uint8_t *) "\0\x14", 2, 2);
	send_stream(fd, query->data, 20, 100);
}

static void
stream_empty(CmBuf *query, int fd)
{
	(void) query;
	send_stream(fd, (const uint8_t *) "\0\0", 2, 2);
}

static void
test_tcp(void **state)
{
	Got			got;

	(void) state;
	on_datagram = truncated;
	on_stream = stream_answer;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	assert_string_equal(got.first, "abc");
	assert_int_equal(streams, 1);
	on_stream = stream_half;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_NETWORK);
	assert_non_null(strstr(got.answer.status.reason, "closed the connection"));
	on_stream = stream_other;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	assert_non_null(strstr(got.answer.status.reason, " answered another question than the one asked"));
	on_stream = stream_empty;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	close(tcp);
	tcp = -1;
	ask(5000, &got);
	assert_int_equal(got.answer.status.code, CM_NETWORK);
}

/* ---- updates ---- */

static int64_t signed_at;
static const char *answer_secret = "secretsecretsecretsecret";

/* Accepts the update; signs with answer_secret when there is one. */
static void
accept_update(CmBuf *query, const struct sockaddr_in *from)
{
	CmBuf		a;
	uint8_t		mac[32];

	/* The TSIG ends in MAC (32), id, error, other length. */
	memcpy(mac, query->data + query->len - 6 - 32, 32);
	cm_buf_init(&a, 0);
	cm_buf_append(&a, query->data, 12);
	a.data[2] |= 0x80;
	memset(a.data + 4, 0, 8);
	if (answer_secret != NULL)
		sign_answer(&a, mac, 32, signed_at, 0, answer_secret);
	reply(a.data, a.len, from);
	cm_buf_free(&a);
}

/* NOTAUTH with a TSIG error and without a MAC, as for an unknown key. */
static void
bad_key(CmBuf *query, const struct sockaddr_in *from)
{
	size_t		tsig = query->len - (13 + 10 + 13 + 8 + 2 + 32 + 6);
	CmBuf		a;

	cm_buf_init(&a, 0);
	cm_buf_append(&a, query->data, 12);
	a.data[2] |= 0x80;
	a.data[3] |= CM_DNS_RCODE_NOTAUTH;
	memset(a.data + 4, 0, 8);
	a.data[11] = 1;
	cm_buf_append(&a, query->data + tsig, 13 + 8);
	cm_dns_put16(&a, 13 + 8 + 2 + 6);
	cm_buf_append(&a, query->data + tsig + 23, 13 + 8);
	cm_dns_put16(&a, 0);
	cm_buf_append(&a, query->data, 2);
	cm_dns_put16(&a, CM_TSIG_BADKEY);
	cm_dns_put16(&a, 0);
	reply(a.data, a.len, from);
	cm_buf_free(&a);
}

static void
update(const CmTsig *tsig, Got *got)
{
	CmDnsUpdate u = {"_acme-challenge.z", "value", false};
	CmStatus	st = CM_STATUS_INIT;

	memset(got, 0, sizeof(*got));
	assert_non_null(cm_dns_update(loop, &server, serverlen, "z", &u, 1, 60, tsig, 5000, on_done, got, &st));
	while (!got->done)
		turn();
}

static void
test_update(void **state)
{
	Got			got;

	(void) state;
	signed_at = (int64_t) time(NULL);
	on_datagram = accept_update;
	update(&good_key, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	answer_secret = "another";
	update(&good_key, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	assert_non_null(strstr(got.answer.status.reason, "is not signed by TSIG key \"Key.Example.\""));
	answer_secret = NULL;
	update(&good_key, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	update(NULL, &got);
	assert_int_equal(got.answer.status.code, CM_OK);
	answer_secret = "secretsecretsecretsecret";
	signed_at -= 3600;
	update(&good_key, &got);
	assert_int_equal(got.answer.status.code, CM_PROTOCOL);
	assert_non_null(strstr(got.answer.status.reason, "was signed at another time"));
	assert_non_null(strstr(got.answer.status.detail, "-3600 seconds"));
	on_datagram = bad_key;
	update(&good_key, &got);
	assert_int_equal(got.answer.status.code, CM_REFUSED);
	assert_int_equal(got.answer.rcode, CM_DNS_RCODE_NOTAUTH);
	assert_non_null(strstr(got.answer.status.reason, "refused the update of zone \"z\""));
	assert_non_null(strstr(got.answer.status.detail, "BADKEY"));
	on_datagram = refused;
	update(NULL, &got);
	assert_int_equal(got.answer.status.code, CM_REFUSED);
	assert_non_null(strstr(got.answer.status.detail, "REFUSED"));
}

/* ---- life ---- */

static CmDns *handles[2];
static Got	chained;

static void
not_called(CmDnsAnswer *answer, void *arg)
{
	(void) answer;
	(void) arg;
	fail_msg("was cancelled");
}

static void
cancel_and_start(CmDnsAnswer *answer, void *arg)
{
	(void) arg;
	assert_int_equal(answer->status.code, CM_OK);
	cm_dns_cancel(handles[0]);
	cm_dns_cancel(handles[1]);
	cm_dns_cancel(NULL);
	assert_non_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, on_done, &chained, NULL));
}

static void
only_first(CmBuf *query, const struct sockaddr_in *from)
{
	if (datagrams != 2)
		plain_answer(query, from);
}

static void
test_cancel(void **state)
{
	int			i;

	(void) state;
	memset(&chained, 0, sizeof(chained));
	on_datagram = only_first;
	handles[0] = cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, cancel_and_start, NULL, NULL);
	handles[1] = cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, not_called, NULL, NULL);
	assert_int_equal(cm_loop_active(loop), 2);
	while (!chained.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	assert_int_equal(fds, 1);
	/* These go with the loop. */
	for (i = 0; i < 5; i++)
		assert_non_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, not_called, NULL, NULL));
}

/* Two descriptors for thirty questions: they wait for each other, and all are answered. */
static void
test_few_descriptors(void **state)
{
	static Got	got[30];
	CmDns	   *waiting;
	int			answered = 0;

	(void) state;
	on_datagram = plain_answer;
	fds_max = 3;
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 30; i++)
		assert_non_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, on_done, &got[i], NULL));
	waiting = cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, not_called, NULL, NULL);
	assert_int_equal(cm_loop_active(loop), 31);
	assert_int_equal(fds, 3);
	cm_dns_cancel(waiting);
	while (answered < 30)
	{
		turn();
		answered = 0;
		for (int i = 0; i < 30; i++)
			answered += got[i].done;
	}
	for (int i = 0; i < 30; i++)
		assert_int_equal(got[i].answer.status.code, CM_OK);
	assert_int_equal(fds, 1);

	/* All are somebody else's: it is looked again, until one comes back. */
	fds_max = 1;
	memset(&got[0], 0, sizeof(Got));
	assert_non_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, on_done, &got[0], NULL));
	turn();
	assert_false(got[0].done);
	fds_max = 2;
	while (!got[0].done)
		turn();
	assert_int_equal(got[0].answer.status.code, CM_OK);
	/* These go with the loop while they wait. */
	fds_max = 1;
	for (int i = 0; i < 3; i++)
		assert_non_null(cm_dns_query(loop, &server, serverlen, "www.z", "TXT", false, 5000, not_called, NULL, NULL));
}

#define with_server(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_build_query),
		cmocka_unit_test(test_build_update),
		cmocka_unit_test(test_parse_records),
		cmocka_unit_test(test_parse_hostile),
		cmocka_unit_test(test_is_answer),
		cmocka_unit_test(test_rcode_names),
		cmocka_unit_test(test_tsig),
		cmocka_unit_test(test_tsig_key),
		with_server(test_query),
		with_server(test_forged),
		with_server(test_retransmission),
		with_server(test_nobody_there),
		with_server(test_odd_answers),
		with_server(test_tcp),
		with_server(test_update),
		with_server(test_cancel),
		with_server(test_few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
