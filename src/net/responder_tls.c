/*
 * responder_tls.c - see responder_tls.h. Runs in the listener; OpenSSL works
 * on memory, so nothing here waits. A client that does not offer the protocol
 * "acme-tls/1" gets the alert no_application_protocol, one that asks for a name
 * without a live challenge unrecognized_name; neither sees a certificate.
 *
 * The key is made once a listener: RFC 8737 gives it no meaning. The
 * certificate is made once a handshake. Callbacks of OpenSSL never throw.
 */
#include "net/responder_tls.h"

#include "base/host.h"
#include "crypto/compat.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "x509/acme_tls.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint8_t protocol[] = {10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

struct CmResponderTls
{
	SSL_CTX    *ctx;
	CmKey	   *key;
	EVP_PKEY   *pkey;			/* the same key, for OpenSSL */
	CmResponderLookup lookup;
	void	   *arg;
};

struct CmHandshake
{
	SSL		   *ssl;
	BIO		   *in;				/* both belong to ssl */
	BIO		   *out;
};

/* ---- what the client asks for ---- */

/* ProtocolNameList (RFC 7301 3.1): length of two octets, then names of one octet length each. */
static bool
offers_acme(const uint8_t *data, size_t len)
{
	size_t		at = 2;

	if (len < 2 || ((size_t) data[0] << 8 | data[1]) != len - 2)
		return false;
	while (at < len && (size_t) data[at] + 1 <= len - at)
	{
		if (len - at >= sizeof(protocol) && memcmp(data + at, protocol, sizeof(protocol)) == 0)
			return true;
		at += (size_t) data[at] + 1;
	}
	return false;
}

static int
on_client_hello(SSL *ssl, int *alert, void *arg)
{
	const uint8_t *data;
	size_t		len;

	(void) arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &len) == 1 && offers_acme(data, len))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned int inlen, void *arg)
{
	(void) ssl;
	(void) in;
	(void) inlen;
	(void) arg;
	/* That it is among those offered, on_client_hello has seen. */
	*out = protocol + 1;
	*outlen = sizeof(protocol) - 1;
	return SSL_TLSEXT_ERR_OK;
}

/* The identifier behind a server name: the name, or the address of a name of the reverse tree (RFC 8738 6). */
static bool
find(const CmResponderTls *tls, const char *server_name, char *identifier, size_t size, char key_authorization[CM_KEY_AUTHORIZATION_MAX])
{
	char		name[CM_HOST_MAX + 1];
	uint8_t		addr[16];
	size_t		len;

	if (!cm_host_canonical(server_name, false, name, NULL))
		return false;
	if (cm_address_from_arpa(name, addr, &len) && cm_address_format(addr, len, identifier, size) &&
		tls->lookup(identifier, key_authorization, tls->arg))
		return true;
	memcpy(identifier, name, strlen(name) + 1);
	return tls->lookup(identifier, key_authorization, tls->arg);
}

static bool
use_certificate(const CmResponderTls *tls, SSL *ssl, const char *identifier, const char *key_authorization)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		der;
	const uint8_t *at;
	X509	   *cert = NULL;
	bool		ok;

	cm_buf_init(&der, 0);
	ok = cm_acme_tls_certificate(tls->key, identifier, key_authorization, (int64_t) time(NULL), &der, &st);
	at = der.data;
	if (ok)
		cert = d2i_X509(NULL, &at, (long) der.len);
	ok = cert != NULL && SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, tls->pkey) == 1;
	X509_free(cert);
	cm_buf_free(&der);
	return ok;
}

/* Called with a name or without one. */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	const CmResponderTls *tls = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	char		identifier[CM_HOST_MAX + 1];
	char		key_authorization[CM_KEY_AUTHORIZATION_MAX];

	*alert = SSL_AD_UNRECOGNIZED_NAME;
	if (name == NULL || !find(tls, name, identifier, sizeof(identifier), key_authorization))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*alert = SSL_AD_INTERNAL_ERROR;
	return use_certificate(tls, ssl, identifier, key_authorization) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- the listener's side ---- */

static bool
make_key(CmResponderTls *tls, CmStatus *st)
{
	CmBuf		der;
	const uint8_t *at;

	if (!cm_key_generate(CM_KEY_EC_P256, &tls->key, st))
		return false;
	cm_buf_init_secret(&der, 0);
	if (cm_key_pkcs8(tls->key, &der, st))
	{
		at = der.data;
		tls->pkey = d2i_AutoPrivateKey(NULL, &at, (long) der.len);
		if (tls->pkey == NULL)
			(void) cm_fail_crypto(st, "could not load the key for TLS-ALPN-01");
	}
	cm_buf_free(&der);
	return tls->pkey != NULL;
}

static bool
make_context(CmResponderTls *tls, CmStatus *st)
{
	tls->ctx = SSL_CTX_new(TLS_server_method());
	/* RFC 8737 3: TLS 1.2 or later. A handshake is all there is: nothing of it is kept. */
	if (tls->ctx == NULL || SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_num_tickets(tls->ctx, 0) != 1)
		return cm_fail_crypto(st, "could not make a TLS context");
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_client_hello_cb(tls->ctx, on_client_hello, NULL);
	SSL_CTX_set_alpn_select_cb(tls->ctx, on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(tls->ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(tls->ctx, tls);
	return true;
}

CmResponderTls *
cm_responder_tls_create(CmResponderLookup lookup, void *arg, CmStatus *st)
{
	CmResponderTls *tls = calloc(1, sizeof(CmResponderTls));

	if (tls == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	tls->lookup = lookup;
	tls->arg = arg;
	if (make_key(tls, st) && make_context(tls, st))
		return tls;
	cm_responder_tls_free(tls);
	return NULL;
}

void
cm_responder_tls_free(CmResponderTls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->ctx);
	EVP_PKEY_free(tls->pkey);
	cm_key_free(tls->key);
	free(tls);
}

/* ---- a connection ---- */

CmHandshake *
cm_handshake_create(CmResponderTls *tls)
{
	CmHandshake *handshake = calloc(1, sizeof(CmHandshake));
	BIO		   *in = BIO_new(BIO_s_mem());
	BIO		   *out = BIO_new(BIO_s_mem());
	SSL		   *ssl = SSL_new(tls->ctx);

	if (handshake == NULL || in == NULL || out == NULL || ssl == NULL)
	{
		free(handshake);
		BIO_free(in);
		BIO_free(out);
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	/* Empty is "not yet", not the end. */
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	handshake->ssl = ssl;
	handshake->in = in;
	handshake->out = out;
	return handshake;
}

void
cm_handshake_free(CmHandshake *handshake)
{
	if (handshake == NULL)
		return;
	SSL_free(handshake->ssl);
	free(handshake);
}

bool
cm_handshake_feed(CmHandshake *handshake, CmSlice in, CmBuf *out, bool *done)
{
	char		bytes[4096];
	int			n;

	*done = true;
	ERR_clear_error();
	if (in.len > 0 && BIO_write(handshake->in, in.data, (int) in.len) != (int) in.len)
		return false;
	n = SSL_do_handshake(handshake->ssl);
	if (n == 1)
		(void) SSL_shutdown(handshake->ssl);	/* close_notify; what the client answers does not matter */
	else
		*done = SSL_get_error(handshake->ssl, n) != SSL_ERROR_WANT_READ;
	while ((n = BIO_read(handshake->out, bytes, sizeof(bytes))) > 0)
		cm_buf_append(out, bytes, (size_t) n);
	/* The server's own TLS shares this queue in no process of ours, but it must not grow. */
	ERR_clear_error();
	return !out->failed;
}
