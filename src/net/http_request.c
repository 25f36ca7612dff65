/*
 * http_request.c - a request as libcurl's options, and the callbacks that
 * take the answer.
 *
 * Runs where http.c runs. What may fail: arguments that are no URL, method or
 * header; memory. The callbacks run inside frames of libcurl: they move bytes
 * and note facts, check sizes, and call nobody.
 */
#include "net/address.h"
#include "net/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define USER_AGENT "certmgr/1.0 (PostgreSQL extension)"

/* ---- callbacks ---- */

void
cm_http_give_back(CmHttp *http)
{
	if (http->reserved)
		cm_loop_release_fd(http->loop);
	http->reserved = false;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	CmHttp	   *http = arg;
	CmStatus	st = CM_STATUS_INIT;
	int			fd;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	http->dialled = true;
	if (!cm_loop_address_allowed(http->loop, &address->addr) && !(http->metadata && cm_address_metadata(&address->addr)))
	{
		cm_sockaddr_format(&address->addr, http->denied, sizeof(http->denied));
		return CURL_SOCKET_BAD;
	}
	cm_http_give_back(http);
	fd = cm_socket_lend(http->loop, address->family, address->socktype, &st);
	if (fd < 0)
	{
		http->no_fd = st.code == CM_LIMIT;
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* The argument is the loop: a connection outlives the exchange that opened it. */
static int
close_socket(void *arg, curl_socket_t fd)
{
	cm_socket_take_back(arg, fd);
	return 0;
}

static size_t
header_line(char *data, size_t size, size_t count, void *arg)
{
	CmHttp	   *http = arg;
	size_t		len = size * count;

	if (len > CM_HTTP_HEADERS_MAX - http->header_bytes)
	{
		http->headers_too_large = true;
		return 0;
	}
	http->header_bytes += len;
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		/* A status line: what came before was an informational answer. */
		cm_buf_reset(&http->response.headers);
		http->headers_done = false;
	}
	else if (len <= 2 && (len == 0 || data[0] == '\r' || data[0] == '\n'))
		http->headers_done = true;
	else if (!http->headers_done && !cm_buf_append(&http->response.headers, data, len))
		return 0;
	/* Lines after the empty one are trailers: nobody asked for those. */
	return len;
}

static size_t
body_part(char *data, size_t size, size_t count, void *arg)
{
	CmHttp	   *http = arg;
	size_t		len = size * count;

	if (len > http->max_body - http->response.body.len)
	{
		http->body_too_large = true;
		return 0;
	}
	return cm_buf_append(&http->response.body, data, len) ? len : 0;
}

/* libcurl makes the TLS context when the connection stands. */
static CURLcode
tls_starts(CURL *easy, void *ssl_ctx, void *arg)
{
	(void) easy;
	(void) ssl_ctx;
	((CmHttp *) arg)->tls_started = true;
	return CURLE_OK;
}

/*
 * Called before each sending. When a kept connection breaks before the first
 * byte of the answer, libcurl takes another one and sends the request again,
 * although the server may have carried it out: that is for our caller to find
 * out, unless the request changes nothing.
 */
static int
before_sending(void *arg, char *remote_address, char *local_address, int remote_port, int local_port)
{
	CmHttp	   *http = arg;

	(void) remote_address;
	(void) local_address;
	(void) remote_port;
	(void) local_port;
	http->not_again = http->sent && !http->harmless;
	http->sent = true;
	return http->not_again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- options ---- */

static bool
check_method(const char *method, CmStatus *st)
{
	size_t		len = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (len == 0 || len > 16 || method[len] != '\0')
		return cm_fail(st, CM_INVALID, "HTTP method is not one");
	return true;
}

static uint32_t
hash_text(const char *text)
{
	uint32_t	h = 2166136261u;	/* FNV-1a */

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t) *text) * 16777619u;
	return h;
}

/* Fills http->host from the URL and checks the scheme. */
static bool
parse_url(CmHttp *http, const CmHttpRequest *request, CmStatus *st)
{
	CURLU	   *url = curl_url();
	char	   *scheme = NULL;
	char	   *host = NULL;
	char	   *port = NULL;
	char		name[250] = "";
	bool		ok = false;

	if (url == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (curl_url_set(url, CURLUPART_URL, request->url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0' || strlen(host) >= sizeof(name))
		cm_fail(st, CM_INVALID, "this is not a URL of a web server");
	else
	{
		cm_clean_text(name, sizeof(name), host, strlen(host));
		if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) == CURLUE_OK && strlen(port) <= 5)
			snprintf(http->host, sizeof(http->host), "%s:%s", name, port);
		else
			snprintf(http->host, sizeof(http->host), "%s", name);
		http->host_hash = hash_text(http->host);
		ok = strcasecmp(scheme, "https") == 0 || (request->allow_http && strcasecmp(scheme, "http") == 0);
		if (!ok)
			cm_fail(st, CM_POLICY, "URL of \"%s\" is not https", http->host);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return ok;
}

static bool
add_header(CmHttp *http, CmStatus *st, const char *name, const char *value)
{
	CmBuf		line;
	struct curl_slist *list;

	cm_buf_init(&line, 64 * 1024);
	/* "Name:" alone tells libcurl to leave its own out. */
	cm_buf_append_str(&line, name);
	if (value != NULL)
	{
		cm_buf_append_str(&line, ": ");
		cm_buf_append_str(&line, value);
	}
	if (!line.failed && line.len > 0 && (strpbrk(cm_buf_cstr(&line), "\r\n") != NULL || strchr(cm_buf_cstr(&line), ':') == NULL))
	{
		cm_buf_free(&line);
		return cm_fail(st, CM_INVALID, "an HTTP header is not one line of name and value");
	}
	list = line.failed ? NULL : curl_slist_append(http->headers, cm_buf_cstr(&line));
	/* It may have been a token. */
	cm_wipe(line.data, line.cap);
	cm_buf_free(&line);
	if (list == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	http->headers = list;
	return true;
}

static bool
add_headers(CmHttp *http, const CmHttpRequest *request, CmStatus *st)
{
	const char *const *h;

	if (!add_header(http, st, request->accept != NULL ? "Accept" : "Accept:", request->accept) ||
		!add_header(http, st, request->content_type != NULL ? "Content-Type" : "Content-Type:", request->content_type) ||
		!add_header(http, st, "Expect:", NULL)) /* a round trip for nothing */
		return false;
	for (h = request->headers; h != NULL && *h != NULL; h++)
	{
		if (!add_header(http, st, *h, NULL))
			return false;
	}
	return true;
}

#define SET(option, value) \
	do { if (curl_easy_setopt(easy, option, value) != CURLE_OK) return false; } while (0)

static bool
set_method(CmHttp *http, const CmHttpRequest *request)
{
	CURL	   *easy = http->easy;
	bool		post = strcmp(request->method, "POST") == 0;

	http->harmless = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
	if (strcmp(request->method, "HEAD") == 0)
	{
		SET(CURLOPT_NOBODY, 1L);
		return true;
	}
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) http->max_body);
	if (strcmp(request->method, "GET") == 0)
	{
		SET(CURLOPT_HTTPGET, 1L);
		return true;
	}
	if (post || http->body != NULL)
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, http->body != NULL ? http->body : "");
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
	}
	if (!post)
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	return true;
}

static bool
set_tls(CURL *easy, const char *trust_anchors)
{
	struct curl_blob blob;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (trust_anchors == NULL)
		return true;
	blob.data = (void *) (uintptr_t) trust_anchors;
	blob.len = strlen(trust_anchors);
	blob.flags = CURL_BLOB_COPY;
	SET(CURLOPT_CAINFO_BLOB, &blob);
	/* Instead of the system's, not besides them. */
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	return true;
}

static bool
set_options(CmHttp *http, const CmHttpRequest *request)
{
	CURL	   *easy = http->easy;

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PRIVATE, http);
	SET(CURLOPT_ERRORBUFFER, http->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROTOCOLS_STR, request->allow_http ? "https,http" : "https");
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_HTTPHEADER, http->headers);
	SET(CURLOPT_HTTP_VERSION, (long) (request->metadata ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	SET(CURLOPT_PIPEWAIT, 1L);
	SET(CURLOPT_LOW_SPEED_LIMIT, http->timeout_ms > CM_HTTP_PATIENT_MS ? 0L : CM_HTTP_LOW_SPEED);
	SET(CURLOPT_LOW_SPEED_TIME, CM_HTTP_LOW_SPEED_S);
	SET(CURLOPT_WRITEFUNCTION, body_part);
	SET(CURLOPT_WRITEDATA, http);
	SET(CURLOPT_HEADERFUNCTION, header_line);
	SET(CURLOPT_HEADERDATA, http);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, http);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, http->loop);
	/* Nobody else may find this connection open and get to that address without being asked. */
	SET(CURLOPT_FORBID_REUSE, request->metadata ? 1L : 0L);
	SET(CURLOPT_SSL_CTX_FUNCTION, tls_starts);
	SET(CURLOPT_SSL_CTX_DATA, http);
	SET(CURLOPT_PREREQFUNCTION, before_sending);
	SET(CURLOPT_PREREQDATA, http);
	return set_method(http, request) && set_tls(easy, request->trust_anchors);
}

bool
cm_http_set_up(CmHttp *http, const CmHttpRequest *request, CmStatus *st)
{
	http->metadata = request->metadata;
	if (!check_method(request->method, st) || !parse_url(http, request, st) || !add_headers(http, request, st))
		return false;
	if (request->body != NULL && request->body_len > 0)
	{
		http->body = malloc(request->body_len);
		if (http->body == NULL)
			return cm_fail(st, CM_MEMORY, "out of memory");
		memcpy(http->body, request->body, request->body_len);
		http->body_len = request->body_len;
	}
	http->easy = curl_easy_init();
	if (http->easy == NULL || !set_options(http, request))
		return cm_fail(st, CM_MEMORY, "could not set up a request to \"%s\"", http->host);
	return true;
}
