/*
 * http_error.c - libcurl's result codes in words an administrator can act on:
 * which host, which phase, what was wrong.
 *
 * Pure functions over one finished exchange; nothing here fails. Texts never
 * hold a URL's path, a header or a body: those may carry credentials.
 */
#include "net/http_internal.h"

#include <openssl/x509_vfy.h>
#include <errno.h>
#include <string.h>

/*
 * What was going on when time ran out, by what our callbacks have seen. Newer
 * versions of libcurl (8.23) tell the time of the end for phases that were
 * not reached.
 */
static const char *
phase(const CmHttp *http)
{
	/* Latest first: a kept-alive connection skips the phases of its making. */
	if (http->sent)
		return http->header_bytes > 0 ? "receiving the answer" : "waiting for the answer";
	if (http->tls_started)
		return "negotiating TLS";
	return http->dialled ? "connecting" : "resolving its name";
}

static bool
explain_timeout(CmHttp *http, CmStatus *st)
{
	int64_t		elapsed = cm_monotonic_ms() - http->started;

	/* The same code stands for the low speed limit; that one strikes before the time is up. */
	if (elapsed + 100 < http->timeout_ms)
		return cm_fail(st, CM_NETWORK, "\"%s\" sent fewer than %ld bytes a second for %ld seconds while %s", http->host,
					   CM_HTTP_LOW_SPEED, CM_HTTP_LOW_SPEED_S, phase(http));
	return cm_fail(st, CM_NETWORK, "request to \"%s\" timed out after %lld ms while %s", http->host, (long long) http->timeout_ms,
				   phase(http));
}

static bool
explain_connect(CmHttp *http, CmStatus *st)
{
	long		error = 0;

	if (http->denied[0] != '\0')
	{
		cm_fail(st, CM_POLICY, "address %s of \"%s\" is not allowed", http->denied, http->host);
		return cm_fail_detail(st, "It is not a public address and in none of certmgr.allowed_networks.");
	}
	if (http->no_fd)
		return cm_fail(st, CM_LIMIT, "no file descriptor is free for a connection to \"%s\"", http->host);
	curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		return cm_fail(st, CM_NETWORK, "connection refused by \"%s\"", http->host);
	if (error != 0)
		return cm_fail(st, CM_NETWORK, "could not connect to \"%s\": %s", http->host, strerror((int) error));
	return cm_fail(st, CM_NETWORK, "could not connect to \"%s\"", http->host);
}

static bool
root_unknown(long verify)
{
	return verify == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || verify == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
		verify == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || verify == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
}

static bool
explain_trust(CmHttp *http, CmStatus *st)
{
	long		verify = X509_V_OK;

	/*
	 * A chain that does not verify fails inside the handshake and leaves its
	 * reason here. Names are compared afterwards, by libcurl, while the value
	 * is still the one it starts with (1) or, in later versions, the good one.
	 */
	curl_easy_getinfo(http->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	if (verify == X509_V_OK || verify == X509_V_ERR_UNSPECIFIED)
		return cm_fail(st, CM_NETWORK, "TLS certificate of \"%s\" is of another host", http->host);
	cm_fail(st, CM_NETWORK, "TLS certificate of \"%s\" is not trusted", http->host);
	cm_fail_detail(st, "The verification said: %s.%s", X509_verify_cert_error_string(verify),
				   root_unknown(verify) ? " A root that is not public goes into trust_anchors." : "");
	return false;
}

static bool
explain_limit(CmHttp *http, CmStatus *st)
{
	if (http->headers_too_large)
		return cm_fail(st, CM_LIMIT, "headers of the answer of \"%s\" are larger than %zu bytes", http->host, CM_HTTP_HEADERS_MAX);
	if (http->body_too_large)
		return cm_fail(st, CM_LIMIT, "answer of \"%s\" is larger than %zu bytes", http->host, http->max_body);
	return cm_fail(st, CM_MEMORY, "out of memory");
}

static void
add_curl_text(CmHttp *http, CURLcode result, CmStatus *st)
{
	char		text[256];
	const char *raw = http->error[0] != '\0' ? http->error : curl_easy_strerror(result);

	if (st->detail[0] != '\0')
		return;
	cm_clean_text(text, sizeof(text), raw, strlen(raw));
	cm_fail_detail(st, "The HTTP library said: %s.", text);
}

static bool
explain(CmHttp *http, CURLcode result, CmStatus *st)
{
	switch (result)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
			return cm_fail(st, CM_NETWORK, "could not resolve host \"%s\"", http->host);
		case CURLE_COULDNT_CONNECT:
			return explain_connect(http, st);
		case CURLE_OPERATION_TIMEDOUT:
			return explain_timeout(http, st);
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return explain_trust(http, st);
		case CURLE_SSL_CACERT_BADFILE:
			return cm_fail(st, CM_INVALID, "trust anchors for \"%s\" could not be read", http->host);
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_SSL_CIPHER:
			return cm_fail(st, CM_NETWORK, "TLS negotiation with \"%s\" failed", http->host);
		case CURLE_WRITE_ERROR:
		case CURLE_FILESIZE_EXCEEDED:
			if (result == CURLE_FILESIZE_EXCEEDED)
				http->body_too_large = true;
			return explain_limit(http, st);
		case CURLE_GOT_NOTHING:
			return cm_fail(st, CM_NETWORK, "\"%s\" closed the connection without an answer", http->host);
		case CURLE_ABORTED_BY_CALLBACK:
			cm_fail(st, CM_NETWORK, "connection to \"%s\" broke before the answer was complete", http->host);
			return cm_fail_detail(st, "The request was sent and may have been carried out.");
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
			return cm_fail(st, CM_NETWORK, "connection to \"%s\" broke before the answer was complete", http->host);
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_BAD_CONTENT_ENCODING:
			return cm_fail(st, CM_PROTOCOL, "\"%s\" did not answer in HTTP", http->host);
		case CURLE_OUT_OF_MEMORY:
			return cm_fail(st, CM_MEMORY, "out of memory");
		default:
			return cm_fail(st, CM_NETWORK, "request to \"%s\" failed", http->host);
	}
}

bool
cm_http_explain(CmHttp *http, CURLcode result, CmStatus *st)
{
	explain(http, result, st);
	if (st->code == CM_NETWORK || st->code == CM_PROTOCOL || st->code == CM_INVALID)
		add_curl_text(http, result, st);
	return false;
}
