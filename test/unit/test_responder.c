/*
 * test_responder.c - the servers that answer HTTP-01 and TLS-ALPN-01: the
 * request reader on hostile bytes, the handshake on truncated and garbled
 * ones, connections that are slow, many, or gone.
 */
#include "base/host.h"
#include "net/internal.h"
#include "net/listen.h"
#include "net/responder.h"
#include "net/responder_http.h"
#include "net/responder_tls.h"
#include "x509/acme_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define PATH "/.well-known/acme-challenge/"
#define THUMBPRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

/* ---- requests ---- */

static int
status_of(const char *text, size_t len, CmResponderRequest *request)
{
	/* A copy of its very size: the sanitizer sees a read behind it. */
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmResponderRequest own;

	memcpy(copy, text, len);
	cm_responder_request_read(cm_slice(copy, len), request != NULL ? request : &own);
	free(copy);
	return request != NULL ? request->status : own.status;
}

static void
requests(void **state)
{
	static const struct
	{
		int			status;
		const char *text;
	}			cases[] = {
		{200, "GET " PATH TOKEN " HTTP/1.1\r\nHost: example.com\r\n\r\n"},
		{200, "GET " PATH TOKEN " HTTP/1.1\nHost: example.com\n\n"},
		{200, "\r\nGET " PATH TOKEN " HTTP/1.1\r\nhOST:example.com\r\nContent-Length: 0\r\n\r\n"},
		{200, "HEAD " PATH TOKEN " HTTP/1.0\r\n\r\n"},
		{200, "GET " PATH TOKEN " HTTP/1.0\r\nHost: example.com\r\n\r\n"},
		{200, "GET http://example.com" PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{200, "GET HTTP://example.com:5002" PATH TOKEN " HTTP/1.9\r\nHost: x\r\nX: \xc3\xa9\t\r\n\r\n"},
		{200, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n\x01"},	/* pipelined: the first one counts */
		{404, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET http://example.com HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET " PATH TOKEN "/ HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET " PATH TOKEN "?x=y HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET " PATH "../" TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET " PATH "%65vaGxfADs6pSRb2LAv9IZf17Dt3juxGJ HTTP/1.1\r\nHost: x\r\n\r\n"},
		{404, "GET /" PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{405, "POST " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{405, "get " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{405, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"},
		{405, "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"},
		{505, "GET " PATH TOKEN " HTTP/2.0\r\n\r\n"},
		{505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{505, "GET " PATH TOKEN " HTTP/0.9\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\n\r\n"},	/* no Host */
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost : x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\n Host: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\n: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 5\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\ry\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1\r\nHost: \x7f\r\n\r\n"},
		{400, "GET  " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN "  HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/1.1 \r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " HTTP/11\r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN " http/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET " PATH TOKEN "\r\n\r\n"},	/* HTTP/0.9 */
		{400, "GET x HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "GET ftp://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{400, "\x16\x03\x01\x02"},	/* TLS at the wrong port: known at the first byte */
		{0, ""},
		{0, "\r\n"},
		{0, "GET"},
		{0, "GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n"},
	};
	CmResponderRequest request;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			status = status_of(cases[i].text, strlen(cases[i].text), &request);

		if (status != cases[i].status)
			fail_msg("%d instead of %d for: %s", status, cases[i].status, cases[i].text);
		if (status == 200)
			assert_string_equal(request.token, TOKEN);
	}
	assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: \0\r\n\r\n", 27, NULL), 400);
	assert_int_equal(status_of(cases[3].text, strlen(cases[3].text), &request), 200);
	assert_true(request.head);
}

static void
truncated(void **state)
{
	static const char whole[] = "GET http://example.com" PATH TOKEN " HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n";

	(void) state;
	for (size_t len = 0; len < strlen(whole); len++)
		assert_int_equal(status_of(whole, len, NULL), 0);
	/* Every byte replaced by each of some bad ones: any answer, but no read outside and no wrong token. */
	for (size_t at = 0; at < strlen(whole); at++)
	{
		for (const char *c = "\r\n\t :/\x7f\xff"; *c != '\0'; c++)
		{
			char		copy[sizeof(whole)];
			CmResponderRequest request;

			memcpy(copy, whole, sizeof(whole));
			copy[at] = *c;
			if (status_of(copy, strlen(whole), &request) == 200)
				assert_string_equal(request.token, TOKEN);
		}
	}
}

static void
too_long(void **state)
{
	char	   *text = malloc(20000);
	size_t		len;

	(void) state;
	memset(text, 'a', 20000);
	memcpy(text, "GET /", 5);
	assert_int_equal(status_of(text, 2000, NULL), 0);
	assert_int_equal(status_of(text, 2100, NULL), 414);
	assert_int_equal(status_of(text, 20000, NULL), 414);
	len = (size_t) sprintf(text, "GET /x HTTP/1.1\r\nHost: x\r\nX: ");
	memset(text + len, 'a', 20000 - len);
	assert_int_equal(status_of(text, CM_RESPONDER_HEAD_MAX - 1, NULL), 0);
	assert_int_equal(status_of(text, CM_RESPONDER_HEAD_MAX, NULL), 431);
	memcpy(text + 9000, "\r\n\r\n", 4);
	assert_int_equal(status_of(text, 20000, NULL), 431);
	for (int i = 0; i < 65; i++)
		len += (size_t) sprintf(text + len, "%sX: y", "\r\n");
	len += (size_t) sprintf(text + len, "\r\n\r\n");
	assert_int_equal(status_of(text, len, NULL), 431);
	/* A token of the longest and one that is longer. */
	len = (size_t) sprintf(text, "GET " PATH "%0128d HTTP/1.0\r\n\r\n", 7);
	assert_int_equal(status_of(text, len, NULL), 200);
	len = (size_t) sprintf(text, "GET " PATH "%0129d HTTP/1.0\r\n\r\n", 7);
	assert_int_equal(status_of(text, len, NULL), 404);
	free(text);
}

static void
answers(void **state)
{
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_responder_answer(&out, 200, false, TOKEN "." THUMBPRINT, 784111777));
	assert_string_equal(cm_buf_cstr(&out),
						"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: 87\r\n"
						"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n" TOKEN "." THUMBPRINT);
	cm_buf_reset(&out);
	assert_true(cm_responder_answer(&out, 405, true, NULL, 0));
	assert_string_equal(cm_buf_cstr(&out),
						"HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 18\r\nAllow: GET, HEAD\r\n"
						"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
	cm_buf_free(&out);
}

/* ---- addresses ---- */

static void
addresses(void **state)
{
	static const char *const good[] = {"127.0.0.1:80", " 127.0.0.1:1 ,\t[::1]:65535", "[2001:db8::1]:80", "*:80", "*:80,*:81,*:82,*:83"};
	static const int counts[] = {1, 2, 1, 2, 8};
	static const char *const bad[] = {
		"", " ", ",", "127.0.0.1", ":80", "80", "*", "*:", "*:0", "*:65536", "*:99999999999999999999", "*:80 81", "*:80,", ",*:80", "*:+80", "*: 80",
		"localhost:80", "example.com:80", "::1:80", "[127.0.0.1]:80", "[]:80", "[::1:80", "[::1]80", "127.1:80", "127.0.0.1:80x",
		"*:80,*:81,*:82,*:83,*:84", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
	};
	CmListenAddress out[CM_LISTEN_MAX];
	int			count;

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(cm_listen_parse(good[i], out, &count, NULL));
		assert_int_equal(count, counts[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;

		if (cm_listen_parse(bad[i], out, &count, &st))
			fail_msg("taken: %s", bad[i]);
		assert_true(st.reason[0] != '\0');
	}
	assert_true(cm_listen_parse("*:443", out, &count, NULL));
	assert_int_equal(out[0].addr.ss_family, AF_INET);
	assert_false(out[0].optional);
	assert_int_equal(((struct sockaddr_in *) &out[0].addr)->sin_port, htons(443));
	assert_int_equal(out[1].addr.ss_family, AF_INET6);
	assert_true(out[1].optional);
}

/* ---- the certificate ---- */

static CmKey *
new_key(void)
{
	CmKey	   *key;

	assert_true(cm_key_generate(CM_KEY_EC_P256, &key, NULL));
	return key;
}

/* As RFC 8737 and RFC 8738 want it: self-signed, one name, the hash in a critical extension. */
static void
check_certificate(X509 *cert, const char *identifier, const char *key_authorization)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	int			at = X509_get_ext_by_OBJ(cert, oid, -1);
	X509_EXTENSION *ext = X509_get_ext(cert, at);
	uint8_t		want[34] = {0x04, 32};
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAME *name;
	EVP_PKEY   *pkey = X509_get0_pubkey(cert);

	assert_true(at >= 0);
	assert_int_equal(X509_get_ext_by_OBJ(cert, oid, at), -1);
	assert_int_equal(X509_EXTENSION_get_critical(ext), 1);
	SHA256((const uint8_t *) key_authorization, strlen(key_authorization), want + 2);
	assert_int_equal(ASN1_STRING_length(X509_EXTENSION_get_data(ext)), sizeof(want));
	assert_memory_equal(ASN1_STRING_get0_data(X509_EXTENSION_get_data(ext)), want, sizeof(want));
	assert_int_equal(X509_verify(cert, pkey), 1);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)), 0);
	assert_non_null(names);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	name = sk_GENERAL_NAME_value(names, 0);
	if (name->type == GEN_DNS)
		assert_int_equal(X509_check_host(cert, identifier, 0, 0, NULL), 1);
	else
		assert_int_equal(X509_check_ip_asc(cert, identifier, 0), 1);
	GENERAL_NAMES_free(names);
	ASN1_OBJECT_free(oid);
}

static void
certificates(void **state)
{
	static const char *const good[] = {"example.com", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1"};
	static const char *const bad[] = {"", "a b", "-", "email:a@example.com x"};
	CmKey	   *key = new_key();
	CmBuf		der;

	(void) state;
	cm_buf_init(&der, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		const uint8_t *at;
		X509	   *cert;

		cm_buf_reset(&der);
		assert_true(cm_acme_tls_certificate(key, good[i], "token.thumb", 1700000000, &der, NULL));
		at = der.data;
		cert = d2i_X509(NULL, &at, (long) der.len);
		assert_non_null(cert);
		assert_true(at == der.data + der.len);
		check_certificate(cert, good[i], "token.thumb");
		X509_free(cert);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;

		assert_false(cm_acme_tls_certificate(key, bad[i], "token.thumb", 1700000000, &der, &st));
		assert_true(st.reason[0] != '\0');
	}
	cm_buf_free(&der);
	cm_key_free(key);
}

/* ---- handshakes, without sockets ---- */

static int	lookups;

static bool
lookup(const char *what, char dst[CM_KEY_AUTHORIZATION_MAX], void *arg)
{
	static const char *const known[] = {TOKEN, "example.com", "127.0.0.1", "2001:db8::1", "1.0.0.127.in-addr.arpa.example.com", "9.9.9.9.in-addr.arpa"};

	(void) arg;
	lookups++;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (strcmp(what, known[i]) == 0)
		{
			snprintf(dst, CM_KEY_AUTHORIZATION_MAX, "%s.%s", TOKEN, THUMBPRINT);
			return true;
		}
	}
	return false;
}

typedef struct Client
{
	SSL_CTX    *ctx;
	SSL		   *ssl;
	BIO		   *in;
	BIO		   *out;
} Client;

static void
client_init(Client *client, const char *server_name, const char *protocols, int version)
{
	client->ctx = SSL_CTX_new(TLS_client_method());
	if (version != 0)
	{
		SSL_CTX_set_min_proto_version(client->ctx, version);
		SSL_CTX_set_max_proto_version(client->ctx, version);
		/* So that this library offers TLS 1.1 at all. */
		SSL_CTX_set_security_level(client->ctx, 0);
	}
	client->ssl = SSL_new(client->ctx);
	client->in = BIO_new(BIO_s_mem());
	client->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(client->in, -1);
	SSL_set_bio(client->ssl, client->in, client->out);
	SSL_set_connect_state(client->ssl);
	if (server_name != NULL)
		SSL_set_tlsext_host_name(client->ssl, server_name);
	if (protocols != NULL)
		SSL_set_alpn_protos(client->ssl, (const uint8_t *) protocols, (unsigned) strlen(protocols));
}

static void
client_free(Client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
}

/* Both sides until one of them is through. The alert that the client got, 0 when the handshake succeeded, -1 otherwise. */
static int
shake(CmHandshake *handshake, Client *client)
{
	CmBuf		out;
	bool		done = false;
	int			result = -1;

	cm_buf_init(&out, 0);
	for (int i = 0; i < 10 && !done; i++)
	{
		uint8_t		bytes[16384];
		int			n;

		(void) SSL_do_handshake(client->ssl);
		n = BIO_read(client->out, bytes, sizeof(bytes));
		assert_true(cm_handshake_feed(handshake, cm_slice(bytes, n > 0 ? (size_t) n : 0), &out, &done));
		if (out.len > 0)
			BIO_write(client->in, out.data, (int) out.len);
		cm_buf_reset(&out);
	}
	ERR_clear_error();
	if (SSL_do_handshake(client->ssl) == 1)
	{
		uint8_t		byte;

		result = 0;
		/* The server says no more, and says that it does. */
		assert_int_equal(SSL_read(client->ssl, &byte, 1), 0);
		assert_int_equal(SSL_get_error(client->ssl, 0), SSL_ERROR_ZERO_RETURN);
	}
	else if (ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET)
		result = ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET;
	ERR_clear_error();
	assert_true(done);
	cm_buf_free(&out);
	return result;
}

static void
handshakes(void **state)
{
	static const struct
	{
		const char *server_name;
		const char *protocols;
		int			version;
		int			alert;
		const char *identifier;
	}			cases[] = {
		{"example.com", "\x0a" "acme-tls/1", 0, 0, "example.com"},
		{"EXAMPLE.com", "\x0a" "acme-tls/1", TLS1_2_VERSION, 0, "example.com"},
		{"example.com", "\x02h2\x0a" "acme-tls/1", TLS1_3_VERSION, 0, "example.com"},
		{"1.0.0.127.in-addr.arpa", "\x0a" "acme-tls/1", 0, 0, "127.0.0.1"},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "\x0a" "acme-tls/1", 0, 0, "2001:db8::1"},
		{"9.9.9.9.in-addr.arpa", "\x0a" "acme-tls/1", 0, 0, "9.9.9.9.in-addr.arpa"},
		{"example.org", "\x0a" "acme-tls/1", 0, SSL_AD_UNRECOGNIZED_NAME, NULL},
		{"2.0.0.127.in-addr.arpa", "\x0a" "acme-tls/1", 0, SSL_AD_UNRECOGNIZED_NAME, NULL},
		{"a b", "\x0a" "acme-tls/1", 0, SSL_AD_UNRECOGNIZED_NAME, NULL},
		{NULL, "\x0a" "acme-tls/1", 0, SSL_AD_UNRECOGNIZED_NAME, NULL},
		{"example.com", NULL, 0, SSL_AD_NO_APPLICATION_PROTOCOL, NULL},
		{"example.com", "\x02h2\x08http/1.1", 0, SSL_AD_NO_APPLICATION_PROTOCOL, NULL},
		{"example.com", "\x0b" "acme-tls/10", 0, SSL_AD_NO_APPLICATION_PROTOCOL, NULL},
		{NULL, NULL, 0, SSL_AD_NO_APPLICATION_PROTOCOL, NULL},
		{"example.com", "\x0a" "acme-tls/1", TLS1_1_VERSION, SSL_AD_PROTOCOL_VERSION, NULL},
	};
	CmResponderTls *tls = cm_responder_tls_create(lookup, NULL, NULL);

	(void) state;
	assert_non_null(tls);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmHandshake *handshake = cm_handshake_create(tls);
		Client		client;
		int			alert;

		client_init(&client, cases[i].server_name, cases[i].protocols, cases[i].version);
		alert = shake(handshake, &client);
		/* A library without TLS 1.1 does not even ask. */
		if (alert != cases[i].alert && !(cases[i].version == TLS1_1_VERSION && alert == -1))
			fail_msg("case %zu: alert %d instead of %d", i, alert, cases[i].alert);
		if (cases[i].identifier != NULL)
		{
			X509	   *cert = SSL_get1_peer_certificate(client.ssl);
			const uint8_t *protocol;
			unsigned	len;

			assert_non_null(cert);
			check_certificate(cert, cases[i].identifier, TOKEN "." THUMBPRINT);
			SSL_get0_alpn_selected(client.ssl, &protocol, &len);
			assert_int_equal(len, 10);
			assert_memory_equal(protocol, "acme-tls/1", 10);
			X509_free(cert);
		}
		else
			assert_null(SSL_get0_peer_certificate(client.ssl));
		client_free(&client);
		cm_handshake_free(handshake);
	}
	cm_handshake_free(NULL);
	cm_responder_tls_free(tls);
	cm_responder_tls_free(NULL);
}

/* A ClientHello cut anywhere is waited for; one with a byte changed ends in any way but a crash. */
static void
garbled_hello(void **state)
{
	CmResponderTls *tls = cm_responder_tls_create(lookup, NULL, NULL);
	Client		client;
	uint8_t		hello[4096];
	int			len;
	CmBuf		out;
	bool		done;

	(void) state;
	client_init(&client, "example.com", "\x0a" "acme-tls/1", 0);
	(void) SSL_do_handshake(client.ssl);
	len = BIO_read(client.out, hello, sizeof(hello));
	assert_true(len > 100);
	client_free(&client);
	cm_buf_init(&out, 0);
	for (int cut = 0; cut < len; cut++)
	{
		CmHandshake *handshake = cm_handshake_create(tls);

		cm_buf_reset(&out);
		assert_true(cm_handshake_feed(handshake, cm_slice(hello, (size_t) cut), &out, &done));
		assert_false(done);
		assert_int_equal(out.len, 0);
		cm_handshake_free(handshake);
	}
	for (int at = 0; at < len; at++)
	{
		for (int bit = 0; bit < 8; bit += 7)
		{
			CmHandshake *handshake = cm_handshake_create(tls);

			hello[at] ^= (uint8_t) (1 << bit);
			cm_buf_reset(&out);
			assert_true(cm_handshake_feed(handshake, cm_slice(hello, (size_t) len), &out, &done));
			hello[at] ^= (uint8_t) (1 << bit);
			cm_handshake_free(handshake);
		}
	}
	cm_buf_free(&out);
	cm_responder_tls_free(tls);
}

/* ---- with sockets ---- */

static int
free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	len = sizeof(sin);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *) &sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static int
dial(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t) port)};
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *) &sin, sizeof(sin)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
turn(CmLoop *loop)
{
	struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};
	int64_t		timeout = cm_loop_timeout(loop);

	poll(&p, 1, timeout < 0 || timeout > 20 ? 20 : (int) timeout);
	cm_loop_dispatch(loop);
}

/* What comes until the server closes; false after some seconds. */
static bool
read_all(CmLoop *loop, int fd, char *dst, size_t size)
{
	int64_t		end = cm_monotonic_ms() + 10000;
	size_t		len = 0;

	while (cm_monotonic_ms() < end)
	{
		ssize_t		n = read(fd, dst + len, size - 1 - len);

		if (n > 0)
			len += (size_t) n;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
		{
			dst[len] = '\0';
			return true;
		}
		turn(loop);
	}
	return false;
}

static CmResponder *
open_responder(CmLoop *loop, bool tls, int64_t timeout_ms, int *port)
{
	char		listen[64];
	CmResponderConfig config = {listen, tls, lookup, NULL, timeout_ms};
	CmStatus	st = CM_STATUS_INIT;
	CmResponder *responder;

	*port = free_port();
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", *port);
	responder = cm_responder_open(loop, &config, &st);
	if (responder == NULL)
		fail_msg("%s", st.reason);
	return responder;
}

static void
serves(void **state)
{
	static const struct
	{
		const char *request;
		const char *answer;		/* how it begins */
		const char *content;	/* how it ends */
	}			cases[] = {
		{"GET " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n" TOKEN "." THUMBPRINT},
		{"HEAD " PATH TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n"},
		{"GET " PATH TOKEN "x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "\r\n\r\nNot Found"},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "\r\n\r\nNot Found"},
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allowed"},
		{"\x16\x03\x01", "HTTP/1.1 400 Bad Request\r\n", "Bad Request"},
	};
	CmLoop	   *loop = cm_loop_create(NULL, NULL);
	int			port;
	CmResponder *responder = open_responder(loop, false, 0, &port);
	char		text[4096];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			fd = dial(port);
		size_t		len = strlen(cases[i].request);

		/* In two pieces. */
		assert_int_equal(write(fd, cases[i].request, 2), 2);
		turn(loop);
		if (len > 2 && write(fd, cases[i].request + 2, len - 2) < 0)
			assert_int_equal(errno, EPIPE);
		assert_true(read_all(loop, fd, text, sizeof(text)));
		if (strncmp(text, cases[i].answer, strlen(cases[i].answer)) != 0)
			fail_msg("case %zu: %s", i, text);
		assert_string_equal(text + strlen(text) - strlen(cases[i].content), cases[i].content);
		close(fd);
	}
	/* What clients closed is gone here as well. */
	for (int i = 0; i < 200 && cm_responder_connections(responder) > 0; i++)
		turn(loop);
	assert_int_equal(cm_responder_connections(responder), 0);
	/* Megabytes behind a request, or instead of one. */
	for (int i = 0; i < 2; i++)
	{
		int			fd = dial(port);
		size_t		sent = 0;

		assert_int_equal(write(fd, i == 0 ? "GET / HTTP/1.0\r\n\r\n" : "GET /aaaaaaaaaaaaa", 18), 18);
		while (sent < 4 * 1024 * 1024)
		{
			ssize_t		n = write(fd, text, sizeof(text));

			if (n < 0 && errno != EAGAIN)
				break;
			sent += n > 0 ? (size_t) n : 0;
			turn(loop);
		}
		assert_true(sent < 4 * 1024 * 1024);
		close(fd);
	}
	cm_responder_close(responder);
	cm_loop_destroy(loop);
}

/* A byte now and then, or none at all: the time is over all the same. */
static void
slow_clients(void **state)
{
	CmLoop	   *loop = cm_loop_create(NULL, NULL);
	int			http_port;
	int			tls_port;
	CmResponder *http = open_responder(loop, false, 300, &http_port);
	CmResponder *tls = open_responder(loop, true, 300, &tls_port);
	int			fds[3] = {dial(http_port), dial(http_port), dial(tls_port)};
	int64_t		begin = cm_monotonic_ms();
	int64_t		wrote = 0;
	char		text[64];

	(void) state;
	while (cm_responder_connections(http) < 2 || cm_responder_connections(tls) < 1)
		turn(loop);
	while (cm_responder_connections(http) > 0 || cm_responder_connections(tls) > 0)
	{
		/* The first one sends for ever; its socket may be closed already. */
		if (cm_monotonic_ms() - wrote > 10)
		{
			(void) !write(fds[0], "G", 1);
			wrote = cm_monotonic_ms();
		}
		turn(loop);
		assert_true(cm_monotonic_ms() - begin < 10000);
	}
	assert_true(cm_monotonic_ms() - begin >= 300);
	for (int i = 0; i < 3; i++)
	{
		assert_true(read_all(loop, fds[i], text, sizeof(text)));
		assert_string_equal(text, "");
		close(fds[i]);
	}
	cm_responder_close(http);
	cm_responder_close(tls);
	cm_loop_destroy(loop);
}

/* More than there is room for: the oldest are cut, the newest is served. */
static void
many_clients(void **state)
{
	CmLoop	   *loop = cm_loop_create(NULL, NULL);
	int			port;
	CmResponder *responder = open_responder(loop, false, 0, &port);
	int			fds[100];
	char		text[1024];
	static const char request[] = "GET " PATH TOKEN " HTTP/1.0\r\n\r\n";

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		fds[i] = dial(port);
		turn(loop);
		assert_true(cm_responder_connections(responder) <= 64);
	}
	for (int i = 0; i < 200 && cm_responder_connections(responder) < 64; i++)
		turn(loop);
	assert_int_equal(cm_responder_connections(responder), 64);
	assert_true(read_all(loop, fds[0], text, sizeof(text)));
	assert_string_equal(text, "");
	assert_int_equal(write(fds[99], request, strlen(request)), strlen(request));
	assert_true(read_all(loop, fds[99], text, sizeof(text)));
	assert_non_null(strstr(text, TOKEN "." THUMBPRINT));
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	/* Closed with connections in every state. */
	cm_responder_close(responder);
	cm_loop_destroy(loop);
}

/* No descriptors: nothing is taken, nothing spins, and all goes on afterwards. */
static int	budget;

static bool
acquire(void)
{
	return budget-- > 0;
}

static void
release(void)
{
	budget++;
}

static void
no_descriptors(void **state)
{
	CmLoopHooks hooks = {acquire, release, NULL};
	CmLoop	   *loop;
	CmResponder *responder;
	int			port;
	int			fd;
	char		text[1024];

	(void) state;
	budget = 2;					/* the loop and the listening socket */
	loop = cm_loop_create(&hooks, NULL);
	responder = open_responder(loop, false, 0, &port);
	fd = dial(port);
	assert_int_equal(write(fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	for (int i = 0; i < 5; i++)
		turn(loop);
	assert_int_equal(cm_responder_connections(responder), 0);
	/* The listening socket is not looked at for a while. */
	assert_true(cm_loop_timeout(loop) > 0);
	budget = 10;
	assert_true(read_all(loop, fd, text, sizeof(text)));
	assert_non_null(strstr(text, "404"));
	close(fd);
	cm_responder_close(responder);
	cm_loop_destroy(loop);
}

static void
cannot_listen(void **state)
{
	CmLoop	   *loop = cm_loop_create(NULL, NULL);
	int			port;
	CmResponder *responder = open_responder(loop, false, 0, &port);
	char		listen[80];
	CmResponderConfig config = {listen, true, lookup, NULL, 0};
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
	assert_null(cm_responder_open(loop, &config, &st));
	assert_int_equal(st.code, CM_REFUSED);
	assert_non_null(strstr(st.reason, "could not listen at 127.0.0.1:"));
	/* The first of two is given back when the second cannot be had. */
	snprintf(listen, sizeof(listen), "127.0.0.1:%d, 127.0.0.1:%d", free_port(), port);
	assert_null(cm_responder_open(loop, &config, &st));
	snprintf(listen, sizeof(listen), "192.0.2.1:%d", free_port());
	assert_null(cm_responder_open(loop, &config, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	snprintf(listen, sizeof(listen), "nonsense");
	assert_null(cm_responder_open(loop, &config, &st));
	assert_int_equal(st.code, CM_INVALID);
	cm_responder_close(responder);
	cm_responder_close(NULL);
	cm_loop_destroy(loop);
}

/* A whole handshake over a socket, then what is not TLS at all. */
static void
serves_tls(void **state)
{
	CmLoop	   *loop = cm_loop_create(NULL, NULL);
	int			port;
	CmResponder *responder = open_responder(loop, true, 0, &port);
	SSL_CTX    *ctx = SSL_CTX_new(TLS_client_method());
	SSL		   *ssl = SSL_new(ctx);
	int			fd = dial(port);
	int64_t		end = cm_monotonic_ms() + 10000;
	char		text[4096];
	int			n;

	(void) state;
	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, "example.com");
	SSL_set_alpn_protos(ssl, (const uint8_t *) "\x0a" "acme-tls/1", 11);
	while ((n = SSL_connect(ssl)) != 1 && cm_monotonic_ms() < end)
		turn(loop);
	assert_int_equal(n, 1);
	check_certificate(SSL_get0_peer_certificate(ssl), "example.com", TOKEN "." THUMBPRINT);
	while ((n = SSL_read(ssl, text, sizeof(text))) < 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ && cm_monotonic_ms() < end)
		turn(loop);
	assert_int_equal(n, 0);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);

	lookups = 0;
	fd = dial(port);
	assert_int_equal(write(fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	assert_true(read_all(loop, fd, text, sizeof(text)));
	assert_null(strstr(text, "HTTP/1"));
	close(fd);
	assert_int_equal(lookups, 0);
	cm_responder_close(responder);
	cm_loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(truncated),
		cmocka_unit_test(too_long),
		cmocka_unit_test(answers),
		cmocka_unit_test(addresses),
		cmocka_unit_test(certificates),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(garbled_hello),
		cmocka_unit_test(serves),
		cmocka_unit_test(slow_clients),
		cmocka_unit_test(many_clients),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(cannot_listen),
		cmocka_unit_test(serves_tls),
	};

	/* As PostgreSQL's processes do. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
