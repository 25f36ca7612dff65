/*
 * test_http.c - HTTP exchanges against small servers in child processes that
 * behave well and badly, over plain sockets and over TLS.
 */
#include "net/address.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
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
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the server ---- */

static pid_t servers[2];
static int	http_port;
static int	https_port;
static char *certificate;		/* PEM, of the TLS server */

static int
listen_any(int *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t	len = sizeof(in);
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* All of 127/8, so that one certificate has a right and a wrong host. */
	assert_int_equal(bind(fd, (struct sockaddr *) &in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 512), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void
put(int fd, const char *text)
{
	size_t		len = strlen(text);

	while (len > 0)
	{
		ssize_t		n = write(fd, text, len);

		if (n <= 0)
			_exit(0);
		text += n;
		len -= (size_t) n;
	}
}

static void
put_many(int fd, const char *text, int times)
{
	while (times-- > 0)
		put(fd, text);
}

static void
sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* Reads a request with its body. False when the client is gone. */
static bool
read_request(int fd, char *request, size_t size)
{
	size_t		len = 0;
	char	   *end = NULL;
	char	   *cl;
	size_t		want;

	for (;;)
	{
		ssize_t		n = read(fd, request + len, size - 1 - len);

		if (n <= 0)
			return false;
		len += (size_t) n;
		request[len] = '\0';
		if (end == NULL && (end = strstr(request, "\r\n\r\n")) == NULL)
			continue;
		cl = strcasestr(request, "\r\ncontent-length:");
		want = cl != NULL && cl < end ? strtoul(cl + 17, NULL, 10) : 0;
		if (len >= (size_t) (end + 4 - request) + want)
			return true;
	}
}

static void
serve(int fd)
{
	static char request[100000];
	char		header[256];
	int			number = 0;		/* of the request on this connection */

	while (read_request(fd, request, sizeof(request)))
	{
		char		path[64] = "";

		number++;
		sscanf(request, "%*s %63s", path);
		if (strcmp(path, "/ok") == 0)
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nReplay-Nonce: abc-123_\r\nrEtRy-aFtEr: \t 120 \t\r\n"
				"Link: <https://ca.example/dir>;rel=\"index\", <https://ca.example/alt,1>; title=\"a, \\\"b\\\" c\" ; rel=alternate\r\n"
				"Link: </alt2>;rel=\"up alternate\";rel=index\r\nEmpty:\r\n\r\nhello");
		else if (strcmp(path, "/echo") == 0)
		{
			snprintf(header, sizeof(header), "HTTP/1.1 201 Created\r\nContent-Length: %zu\r\nX-Number: %d\r\n\r\n", strlen(request), number);
			put(fd, header);
			put(fd, request);
		}
		else if (strcmp(path, "/head") == 0)
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nReplay-Nonce: of-head\r\n\r\n");
		else if (strcmp(path, "/chunked") == 0)
			put(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Replay-Nonce\r\n\r\n"
				"3\r\nabc\r\n4\r\ndefg\r\n0\r\nReplay-Nonce: of-trailer\r\n\r\n");
		else if (strcmp(path, "/hints") == 0)
			put(fd, "HTTP/1.1 103 Early Hints\r\nReplay-Nonce: of-hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok");
		else if (strcmp(path, "/redirect") == 0)
		{
			snprintf(header, sizeof(header), "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/ok\r\nContent-Length: 0\r\n\r\n", http_port);
			put(fd, header);
		}
		else if (strcmp(path, "/error") == 0)
			put(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\nRetry-After: 7\r\n\r\nno!");
		else if (strcmp(path, "/headers-too-large") == 0)
		{
			put(fd, "HTTP/1.1 200 OK\r\n");
			put_many(fd, "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 1000);
			put(fd, "Content-Length: 0\r\n\r\n");
		}
		else if (strcmp(path, "/hints-for-ever") == 0)
			put_many(fd, "HTTP/1.1 103 Early Hints\r\nX-Filler: 01234567890123456789\r\n\r\n", 100000);
		else if (strcmp(path, "/large") == 0)
		{
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
			put_many(fd, "0123456789", 10000);
		}
		else if (strcmp(path, "/large-no-length") == 0)
		{
			put(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
			put_many(fd, "0123456789", 10000);
			return;
		}
		else if (strcmp(path, "/drip") == 0)
		{
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
			for (;;)
			{
				put(fd, "x");
				sleep_ms(20);
			}
		}
		else if (strcmp(path, "/reset") == 0)
		{
			struct linger linger = {1, 0};

			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
			sleep_ms(50);
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			return;
		}
		else if (strcmp(path, "/short") == 0)
		{
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
			return;
		}
		else if (strcmp(path, "/nothing") == 0)
			return;
		else if (strcmp(path, "/once-a-connection") == 0)
		{
			/* the second one is read, and perhaps done, and then the connection ends */
			if (number > 1)
				return;
			put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		}
		else if (strcmp(path, "/garbage") == 0)
		{
			put(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
			return;
		}
		else if (strcmp(path, "/never") == 0)
			sleep_ms(60000);
		else
			put(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	}
}

static pid_t
start_server(int listener, void (*fn) (int fd))
{
	pid_t		pid = fork();

	if (pid != 0)
	{
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;)
	{
		int			fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0)
		{
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fn(fd);
			close(fd);
			_exit(0);
		}
		close(fd);
	}
}

/* ---- the TLS server ---- */

static EVP_PKEY *tls_key;
static X509 *tls_cert;

static void
make_certificate(void)
{
	X509_EXTENSION *san;
	BIO		   *bio = BIO_new(BIO_s_mem());
	char	   *data;
	long		len;

	tls_key = EVP_EC_gen("P-256");
	tls_cert = X509_new();
	assert_non_null(tls_key);
	X509_set_version(tls_cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(tls_cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(tls_cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(tls_cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(tls_cert), "CN", MBSTRING_ASC, (const unsigned char *) "test server", -1, -1, 0);
	X509_set_issuer_name(tls_cert, X509_get_subject_name(tls_cert));
	X509_set_pubkey(tls_cert, tls_key);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	assert_int_equal(X509_add_ext(tls_cert, san, -1), 1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(tls_cert, tls_key, EVP_sha256()) > 0);
	PEM_write_bio_X509(bio, tls_cert);
	len = BIO_get_mem_data(bio, &data);
	certificate = strndup(data, (size_t) len);
	BIO_free(bio);
}

static void
serve_tls(int fd)
{
	SSL_CTX    *ctx = SSL_CTX_new(TLS_server_method());
	SSL		   *ssl;
	char		request[4096];
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

	SSL_CTX_use_certificate(ctx, tls_cert);
	SSL_CTX_use_PrivateKey(ctx, tls_key);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1)
		return;
	while (SSL_read(ssl, request, sizeof(request)) > 0)
		SSL_write(ssl, answer, sizeof(answer) - 1);
}

static int
group_setup(void **state)
{
	int			listener;

	(void) state;
	signal(SIGPIPE, SIG_IGN);
	make_certificate();
	listener = listen_any(&http_port);
	servers[0] = start_server(listener, serve);
	listener = listen_any(&https_port);
	servers[1] = start_server(listener, serve_tls);
	return 0;
}

static int
group_teardown(void **state)
{
	int			i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		kill(servers[i], SIGKILL);
		waitpid(servers[i], NULL, 0);
	}
	EVP_PKEY_free(tls_key);
	X509_free(tls_cert);
	free(certificate);
	return 0;
}

/* ---- the client ---- */

static int	fds;
static int	fds_max;
static int	asked;				/* calls of the address hook */

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
allow_all(const struct sockaddr *addr)
{
	asked += addr->sa_family == AF_INET;
	return true;
}

typedef struct Got
{
	bool		done;
	CmHttpResponse response;	/* moved out */
} Got;

static CmLoop *loop;

static int
setup(void **state)
{
	CmLoopHooks hooks = {acquire, release, allow_all};

	(void) state;
	fds = asked = 0;
	fds_max = 1000;
	loop = cm_loop_create(&hooks, NULL);
	return loop == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	cm_loop_destroy(loop);
	if (fds != 0)
		print_error("%d descriptors did not come back\n", fds);
	return fds;					/* every descriptor came back */
}

static void
turn(void)
{
	struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

	poll(&p, 1, (int) cm_loop_timeout(loop));
	cm_loop_dispatch(loop);
}

static void
on_done(CmHttpResponse *response, void *arg)
{
	Got		   *got = arg;

	assert_false(got->done);
	got->done = true;
	got->response = *response;
	cm_buf_init(&response->body, 0);
	cm_buf_init(&response->headers, 0);
}

static void
got_free(Got *got)
{
	cm_buf_free(&got->response.body);
	cm_buf_free(&got->response.headers);
	memset(got, 0, sizeof(*got));
}

static CmHttpRequest
request_for(const char *path)
{
	static char url[8][128];
	static int	next;
	CmHttpRequest request;

	next = (next + 1) % 8;
	snprintf(url[next], sizeof(url[next]), "http://127.0.0.1:%d%s", http_port, path);
	memset(&request, 0, sizeof(request));
	request.method = "GET";
	request.url = url[next];
	request.allow_http = true;
	request.timeout_ms = 20000;
	return request;
}

static void
perform(const CmHttpRequest *request, Got *got)
{
	CmStatus	st = CM_STATUS_INIT;

	memset(got, 0, sizeof(*got));
	if (cm_http_start(loop, request, on_done, got, &st) == NULL)
		fail_msg("not started: %s", st.reason);
	assert_true(cm_loop_active(loop) > 0);
	while (!got->done)
		turn();
}

static void
get(const char *path, Got *got)
{
	CmHttpRequest request = request_for(path);

	perform(&request, got);
}

#define assert_reason(got, want_code, part) \
	do { \
		if ((got).response.status.code != (want_code) || strstr((got).response.status.reason, (part)) == NULL) \
			fail_msg("code %d, reason \"%s\", detail \"%s\"", (got).response.status.code, (got).response.status.reason, \
					 (got).response.status.detail); \
	} while (0)

/* ---- good answers ---- */

static void
test_get(void **state)
{
	Got			got;
	char		value[64];

	(void) state;
	get("/ok", &got);
	assert_reason(got, CM_OK, "");
	assert_int_equal(got.response.code, 200);
	assert_string_equal(cm_buf_cstr(&got.response.body), "hello");
	assert_true(got.response.elapsed_ms >= 0 && got.response.elapsed_ms < 20000);
	assert_int_equal(cm_loop_active(loop), 0);
	assert_int_equal(asked, 1);

	assert_true(cm_http_header(&got.response, "replay-nonce", value, sizeof(value)));
	assert_string_equal(value, "abc-123_");
	assert_true(cm_http_header(&got.response, "Retry-After", value, sizeof(value)));
	assert_string_equal(value, "120");
	assert_true(cm_http_header(&got.response, "Empty", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(cm_http_header(&got.response, "Replay", value, sizeof(value)));
	assert_false(cm_http_header(&got.response, "HTTP/1.1 200 OK", value, sizeof(value)));
	assert_false(cm_http_header(&got.response, "Replay-Nonce", value, 8));	/* no room for the NUL */
	assert_true(cm_http_header(&got.response, "Replay-Nonce", value, 9));

	assert_true(cm_http_link(&got.response, "index", 0, value, sizeof(value)));
	assert_string_equal(value, "https://ca.example/dir");
	assert_false(cm_http_link(&got.response, "index", 1, value, sizeof(value)));	/* a second rel does not count */
	assert_true(cm_http_link(&got.response, "alternate", 0, value, sizeof(value)));
	assert_string_equal(value, "https://ca.example/alt,1");
	assert_true(cm_http_link(&got.response, "alternate", 1, value, sizeof(value)));
	assert_string_equal(value, "/alt2");
	assert_false(cm_http_link(&got.response, "alternate", 2, value, sizeof(value)));
	assert_true(cm_http_link(&got.response, "UP", 0, value, sizeof(value)));
	assert_false(cm_http_link(&got.response, "alternat", 0, value, sizeof(value)));
	got_free(&got);
}

/* Every prefix of good and bad headers, in memory of just that size. */
static void
test_header_parser(void **state)
{
	static const char *const texts[] = {
		"Link: <a>;rel=\"x\", <b>; rel = x ;; q=\"\\\"\r\nLink: <c\r\nLink: ,,,<d>;rel=x\r\n",
		"Link:<>;rel=\"\"\r\nLink: <e>;\"rel\"=x\r\nNoColon\r\n:\r\nLink\r\n\r\n\n\r",
		"Link: <f>;rel=x<g>;rel=x\r\nLink: <h> rel=x\r\nLink: <i>;rel=\"x\\\r\n"
	};
	char		value[16];
	size_t		t;
	size_t		len;

	(void) state;
	for (t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
	{
		for (len = 0; len <= strlen(texts[t]); len++)
		{
			CmHttpResponse response;

			memset(&response, 0, sizeof(response));
			response.headers.data = malloc(len > 0 ? len : 1);
			memcpy(response.headers.data, texts[t], len);
			response.headers.len = len;
			cm_http_header(&response, "Link", value, sizeof(value));
			cm_http_link(&response, "x", 3, value, sizeof(value));
			if (len == strlen(texts[t]))
			{
				bool		found = cm_http_link(&response, "x", 2, value, sizeof(value));

				assert_int_equal(found, t == 0);
				if (found)
					assert_string_equal(value, "d");
			}
			free(response.headers.data);
		}
	}
}

static void
test_post(void **state)
{
	static const char *const headers[] = {"X-Token: t0k", "X-Other: 1", NULL};
	CmHttpRequest request = request_for("/echo");
	char		body[64] = "{\"a\":1}";
	Got			got;
	CmStatus	st = CM_STATUS_INIT;
	const char *seen;

	(void) state;
	memset(&got, 0, sizeof(got));
	request.method = "POST";
	request.content_type = "application/jose+json";
	request.accept = "application/pem-certificate-chain";
	request.headers = headers;
	request.body = body;
	request.body_len = strlen(body);
	assert_non_null(cm_http_start(loop, &request, on_done, &got, &st));
	memset(body, 'x', sizeof(body));	/* was copied */
	while (!got.done)
		turn();
	assert_reason(got, CM_OK, "");
	assert_int_equal(got.response.code, 201);
	seen = cm_buf_cstr(&got.response.body);
	assert_memory_equal(seen, "POST /echo HTTP/1.1\r\n", 21);
	assert_non_null(strstr(seen, "\r\nContent-Type: application/jose+json\r\n"));
	assert_non_null(strstr(seen, "\r\nAccept: application/pem-certificate-chain\r\n"));
	assert_non_null(strstr(seen, "\r\nUser-Agent: certmgr/1.0 (PostgreSQL extension)\r\n"));
	assert_non_null(strstr(seen, "\r\nX-Token: t0k\r\nX-Other: 1\r\n"));
	assert_non_null(strstr(seen, "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(seen, "\r\n\r\n{\"a\":1}"));
	assert_null(strcasestr(seen, "Accept-Encoding"));
	assert_null(strcasestr(seen, "Expect"));
	got_free(&got);

	/* Empty POST, DELETE, PUT with a body; the connection is kept. */
	request = request_for("/echo");
	request.method = "POST";
	perform(&request, &got);
	assert_non_null(strstr(cm_buf_cstr(&got.response.body), "\r\nContent-Length: 0\r\n"));
	assert_null(strcasestr(cm_buf_cstr(&got.response.body), "Content-Type"));
	assert_null(strcasestr(cm_buf_cstr(&got.response.body), "Accept:"));
	got_free(&got);
	request.method = "DELETE";
	perform(&request, &got);
	assert_memory_equal(cm_buf_cstr(&got.response.body), "DELETE /echo HTTP/1.1\r\n", 23);
	got_free(&got);
	request.method = "PUT";
	request.body = "abc";
	request.body_len = 3;
	perform(&request, &got);
	assert_memory_equal(cm_buf_cstr(&got.response.body), "PUT /echo HTTP/1.1\r\n", 20);
	assert_non_null(strstr(cm_buf_cstr(&got.response.body), "\r\n\r\nabc"));
	assert_true(cm_http_header(&got.response, "X-Number", body, sizeof(body)));
	assert_string_equal(body, "4");
	assert_int_equal(asked, 1);
	got_free(&got);
}

static void
test_other_answers(void **state)
{
	CmHttpRequest request = request_for("/head");
	Got			got;
	char		value[64];

	(void) state;
	request.method = "HEAD";
	perform(&request, &got);
	assert_reason(got, CM_OK, "");
	assert_int_equal(got.response.body.len, 0);
	assert_true(cm_http_header(&got.response, "Replay-Nonce", value, sizeof(value)));
	assert_string_equal(value, "of-head");
	got_free(&got);

	get("/chunked", &got);
	assert_reason(got, CM_OK, "");
	assert_string_equal(cm_buf_cstr(&got.response.body), "abcdefg");
	assert_false(cm_http_header(&got.response, "Replay-Nonce", value, sizeof(value)));
	got_free(&got);

	get("/hints", &got);
	assert_int_equal(got.response.code, 200);
	assert_false(cm_http_header(&got.response, "Replay-Nonce", value, sizeof(value)));
	assert_true(cm_http_header(&got.response, "X-A", value, sizeof(value)));
	got_free(&got);

	/* Not followed. */
	get("/redirect", &got);
	assert_reason(got, CM_OK, "");
	assert_int_equal(got.response.code, 302);
	assert_true(cm_http_header(&got.response, "Location", value, sizeof(value)));
	assert_int_equal(got.response.body.len, 0);
	got_free(&got);

	get("/error", &got);
	assert_reason(got, CM_OK, "");
	assert_int_equal(got.response.code, 503);
	assert_true(cm_http_header(&got.response, "Retry-After", value, sizeof(value)));
	assert_string_equal(value, "7");
	assert_string_equal(cm_buf_cstr(&got.response.body), "no!");
	got_free(&got);
}

/* ---- bad answers ---- */

static void
test_limits(void **state)
{
	static const char *const too_large[] = {"/large", "/large-no-length"};
	CmHttpRequest request;
	Got			got;
	size_t		i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		request = request_for(too_large[i]);
		request.max_body = 99999;
		perform(&request, &got);
		assert_reason(got, CM_LIMIT, "is larger than 99999 bytes");
		assert_true(got.response.body.len <= 99999);
		got_free(&got);
		request.max_body = 100000;
		perform(&request, &got);
		assert_reason(got, CM_OK, "");
		assert_int_equal(got.response.body.len, 100000);
		got_free(&got);
	}
	get("/headers-too-large", &got);
	assert_reason(got, CM_LIMIT, "headers of the answer of \"127.0.0.1:");
	got_free(&got);
	get("/hints-for-ever", &got);
	assert_reason(got, CM_LIMIT, "headers of the answer");
	got_free(&got);
}

static void
test_broken(void **state)
{
	Got			got;

	(void) state;
	get("/reset", &got);
	assert_reason(got, CM_NETWORK, "broke before the answer was complete");
	got_free(&got);
	get("/short", &got);
	assert_reason(got, CM_NETWORK, "broke before the answer was complete");
	got_free(&got);
	get("/nothing", &got);
	assert_reason(got, CM_NETWORK, "without an answer");
	got_free(&got);
	get("/garbage", &got);
	assert_reason(got, CM_PROTOCOL, "did not answer in HTTP");
	got_free(&got);
}

/* A kept connection that ends without an answer: what changes nothing is sent once more, anything else may have been done. */
static void
test_not_twice(void **state)
{
	CmHttpRequest request = request_for("/once-a-connection");
	Got			got;

	(void) state;
	get("/once-a-connection", &got);
	assert_int_equal(got.response.code, 200);
	got_free(&got);
	get("/once-a-connection", &got);
	assert_int_equal(got.response.code, 200);
	got_free(&got);
	request.method = "POST";
	request.body = "{}";
	request.body_len = 2;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "broke before the answer was complete");
	assert_string_equal(got.response.status.detail, "The request was sent and may have been carried out.");
	got_free(&got);
	perform(&request, &got);
	assert_int_equal(got.response.code, 200);
	got_free(&got);
}

static void
test_timeouts(void **state)
{
	CmHttpRequest request = request_for("/drip");
	Got			got;
	int64_t		begun = cm_monotonic_ms();

	(void) state;
	/* Long enough for the first byte to be there on a busy machine. */
	request.timeout_ms = 1500;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "timed out after 1500 ms while receiving the answer");
	got_free(&got);
	request = request_for("/never");
	request.timeout_ms = 200;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "timed out after 200 ms while waiting for the answer");
	got_free(&got);
	assert_true(cm_monotonic_ms() - begun < 10000);
}

static void
test_connect(void **state)
{
	CmHttpRequest request = request_for("/ok");
	Got			got;
	char		url[64];
	int			port;
	int			listener = listen_any(&port);
	int64_t		begun;

	(void) state;
	close(listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	request.url = url;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "connection refused by \"127.0.0.1:");
	got_free(&got);

	/* RFC 6761: .invalid never resolves. Where no resolver answers, time runs out first, and at once. */
	request.url = "http://host.invalid/";
	request.timeout_ms = 1000;
	begun = cm_monotonic_ms();
	perform(&request, &got);
	assert_int_equal(got.response.status.code, CM_NETWORK);
	assert_non_null(strstr(got.response.status.reason, "host.invalid"));
	assert_non_null(strstr(got.response.status.reason, "resol"));
	assert_true(cm_monotonic_ms() - begun < 2500);
	got_free(&got);
}

static void
test_hooks(void **state)
{
	CmLoopHooks hooks = {acquire, release, cm_address_public};
	CmHttpRequest request = request_for("/ok");
	Got			got;
	char		url[64];

	(void) state;
	cm_loop_destroy(loop);
	loop = cm_loop_create(&hooks, NULL);
	perform(&request, &got);
	assert_reason(got, CM_POLICY, "address 127.0.0.1:");
	got_free(&got);
	/* Other spellings of it, and a name. */
	snprintf(url, sizeof(url), "http://2130706433:%d/ok", http_port);
	request.url = url;
	perform(&request, &got);
	assert_reason(got, CM_POLICY, "is not allowed");
	got_free(&got);
	snprintf(url, sizeof(url), "http://[::ffff:127.0.0.1]:%d/ok", http_port);
	perform(&request, &got);
	assert_reason(got, CM_POLICY, "is not allowed");
	got_free(&got);
	snprintf(url, sizeof(url), "http://localhost:%d/ok", http_port);
	perform(&request, &got);
	assert_reason(got, CM_POLICY, "of \"localhost:");
	got_free(&got);

	cm_loop_destroy(loop);
	hooks.address_allowed = NULL;
	fds_max = 1;				/* the loop's own */
	loop = cm_loop_create(&hooks, NULL);
	request = request_for("/ok");
	request.timeout_ms = 300;
	perform(&request, &got);
	assert_reason(got, CM_LIMIT, "no file descriptor is free");
	got_free(&got);
}

/* A descriptor that is not free is waited for, in the order of asking, and the time of an exchange begins after it. */
static void
test_descriptor_wait(void **state)
{
	CmHttpRequest request = request_for("/ok");
	Got			got[3];
	CmHttp	   *http[3];
	CmStatus	st = CM_STATUS_INIT;
	int64_t		begun = cm_monotonic_ms();
	char		url[64];

	(void) state;
	memset(got, 0, sizeof(got));
	fds_max = fds;
	request.timeout_ms = 1500;
	for (int i = 0; i < 3; i++)
	{
		http[i] = cm_http_start(loop, &request, on_done, &got[i], &st);
		assert_non_null(http[i]);
	}
	while (cm_monotonic_ms() - begun < 1000)
		turn();
	assert_false(got[0].done || got[1].done || got[2].done);
	cm_http_cancel(http[1]);
	fds_max = fds + 1;
	while (!got[0].done)
		turn();
	assert_reason(got[0], CM_OK, "");
	/* what it waited does not count */
	assert_true(got[0].response.elapsed_ms < 500);
	/* by the connection of the first one */
	while (!got[2].done)
		turn();
	assert_reason(got[2], CM_OK, "");
	assert_false(got[1].done);
	assert_true(fds <= fds_max);
	got_free(&got[0]);
	got_free(&got[2]);
	/* dropped while it waits */
	fds_max = fds;
	snprintf(url, sizeof(url), "http://localhost:%d/ok", http_port);
	request.url = url;
	assert_non_null(cm_http_start(loop, &request, on_done, &got[1], &st));
	for (begun = cm_monotonic_ms(); cm_monotonic_ms() - begun < 150;)
		turn();
	assert_false(got[1].done);
	assert_int_equal(cm_loop_active(loop), 1);
}

/* Many that want few descriptors: they share the connections there are, and none is forgotten. */
static void
test_descriptors_shared(void **state)
{
	CmHttpRequest request = request_for("/ok");
	Got			got[100];
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	memset(got, 0, sizeof(got));
	fds_max = fds + 2;
	for (size_t i = 0; i < sizeof(got) / sizeof(got[0]); i++)
		assert_non_null(cm_http_start(loop, &request, on_done, &got[i], &st));
	while (cm_loop_active(loop) > 0)
		turn();
	for (size_t i = 0; i < sizeof(got) / sizeof(got[0]); i++)
	{
		assert_true(got[i].done);
		assert_reason(got[i], CM_OK, "");
		got_free(&got[i]);
	}
}

static void
test_environment(void **state)
{
	Got			got;

	(void) state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	get("/ok", &got);
	assert_reason(got, CM_OK, "");
	got_free(&got);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static void
test_bad_arguments(void **state)
{
	static const char *const urls[] = {
		"", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://a b/", "http://a\r\nb/",
		"//127.0.0.1/ok", "http://127.0.0.1:99999/"
	};
	static const char *const bad_headers[] = {"X: a\r\nY: b", "no colon", "X: a\n"};
	static const char *const methods[] = {"", "get", "GET /", "G\r\nET", "ABCDEFGHIJKLMNOPQ"};
	const char *headers[2] = {NULL, NULL};
	CmHttpRequest request;
	CmStatus	st;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		request = request_for("/ok");
		request.url = urls[i];
		st = (CmStatus) CM_STATUS_INIT;
		if (cm_http_start(loop, &request, on_done, NULL, &st) != NULL)
			fail_msg("\"%s\" was accepted", urls[i]);
		assert_true(st.code == CM_INVALID || st.code == CM_POLICY);
	}
	request = request_for("/ok");
	request.allow_http = false;
	assert_null(cm_http_start(loop, &request, on_done, NULL, &st));
	assert_int_equal(st.code, CM_POLICY);
	assert_non_null(strstr(st.reason, "is not https"));
	request.allow_http = true;
	request.headers = headers;
	for (i = 0; i < 3; i++)
	{
		headers[0] = bad_headers[i];
		assert_null(cm_http_start(loop, &request, on_done, NULL, &st));
		assert_int_equal(st.code, CM_INVALID);
	}
	request.headers = NULL;
	request.accept = "a\r\nX: b";
	assert_null(cm_http_start(loop, &request, on_done, NULL, &st));
	request.accept = NULL;
	for (i = 0; i < 5; i++)
	{
		request.method = methods[i];
		assert_null(cm_http_start(loop, &request, on_done, NULL, &st));
	}
	assert_int_equal(cm_loop_active(loop), 0);
}

/* ---- many at once ---- */

static void
test_many(void **state)
{
	enum
	{
		MANY = 150
	};
	static Got	got[MANY];
	CmHttpRequest request = request_for("/ok");
	int			i;

	(void) state;
	memset(got, 0, sizeof(got));
	for (i = 0; i < MANY; i++)
		assert_non_null(cm_http_start(loop, &request, on_done, &got[i], NULL));
	assert_int_equal(cm_loop_active(loop), MANY);
	while (cm_loop_active(loop) > 0)
	{
		turn();
		assert_true(fds < 1 + 32 + 10);	/* the share of one host, and a little of libcurl's making */
	}
	for (i = 0; i < MANY; i++)
	{
		assert_true(got[i].done);
		assert_reason(got[i], CM_OK, "");
		got_free(&got[i]);
	}
}

/* A server that hangs takes its share of the slots and no more; who waits for a slot runs out of time as well. */
static void
test_hanging_server(void **state)
{
	enum
	{
		MANY = 40
	};
	static Got	got[MANY];
	CmHttpRequest request = request_for("/never");
	CmHttpRequest fast;
	char		url[64];
	Got			quick;
	int			in_queue = 0;
	int			i;

	(void) state;
	memset(got, 0, sizeof(got));
	for (i = 0; i < MANY; i++)
	{
		/* Those behind the share of the host have less time: no slot is free before it is up. */
		request.timeout_ms = i < 32 ? 5000 : 4000;
		assert_non_null(cm_http_start(loop, &request, on_done, &got[i], NULL));
	}
	fast = request_for("/ok");
	snprintf(url, sizeof(url), "http://127.0.0.2:%d/ok", http_port);
	fast.url = url;
	perform(&fast, &quick);
	assert_reason(quick, CM_OK, "");
	got_free(&quick);
	for (i = 0; i < MANY; i++)
		assert_false(got[i].done);
	while (cm_loop_active(loop) > 0)
		turn();
	for (i = 0; i < MANY; i++)
	{
		assert_reason(got[i], CM_NETWORK, i < 32 ? "timed out after 5000 ms" : "timed out after 4000 ms");
		in_queue += strstr(got[i].response.status.reason, "its turn") != NULL;
		got_free(&got[i]);
	}
	assert_int_equal(in_queue, MANY - 32);
}

/* A server whose queue is full: connections to it are never made. libcurl 7.88 closes theirs without calling back. */
static void
test_never_connected(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t	len = sizeof(addr);
	int			queue[4];
	int			server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CmHttpRequest request = request_for("/ok");
	char		url[64];
	Got			got;

	(void) state;
	assert_int_equal(bind(server, (struct sockaddr *) &addr, sizeof(addr)), 0);
	assert_int_equal(listen(server, 0), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *) &addr, &len), 0);
	for (int i = 0; i < 4; i++)
	{
		queue[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void) connect(queue[i], (struct sockaddr *) &addr, sizeof(addr));
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(addr.sin_port));
	request.url = url;
	request.timeout_ms = 300;
	for (int i = 0; i < 3; i++)
	{
		perform(&request, &got);
		assert_int_equal(got.response.status.code, CM_NETWORK);
		got_free(&got);
	}
	request = request_for("/ok");
	perform(&request, &got);
	assert_reason(got, CM_OK, "");
	got_free(&got);
	/* The loop's own, and the connection that is kept. */
	assert_int_equal(fds, 2);
	for (int i = 0; i < 4; i++)
		close(queue[i]);
	close(server);
}

static CmHttp *handles[3];
static Got	chained;

/* Cancels itself (nothing), the others (one of them not started), and starts another. */
static void
cancel_others(CmHttpResponse *response, void *arg)
{
	CmHttpRequest request = request_for("/echo");

	(void) arg;
	assert_int_equal(response->code, 200);
	cm_http_cancel(handles[0]);
	cm_http_cancel(handles[1]);
	cm_http_cancel(handles[2]);
	cm_http_cancel(NULL);
	assert_non_null(cm_http_start(loop, &request, on_done, &chained, NULL));
}

static void
not_called(CmHttpResponse *response, void *arg)
{
	(void) response;
	(void) arg;
	fail_msg("was cancelled");
}

static void
test_reentrancy(void **state)
{
	CmHttpRequest request = request_for("/ok");
	CmHttpRequest never = request_for("/never");
	int64_t		begun = cm_monotonic_ms();
	int			i;

	(void) state;
	memset(&chained, 0, sizeof(chained));
	handles[0] = cm_http_start(loop, &request, cancel_others, NULL, NULL);
	handles[1] = cm_http_start(loop, &never, not_called, NULL, NULL);
	handles[2] = cm_http_start(loop, &never, not_called, NULL, NULL);
	while (!chained.done)
		turn();
	assert_int_equal(chained.response.code, 201);
	assert_int_equal(cm_loop_active(loop), 0);
	got_free(&chained);

	/* The loop goes with requests in slots, in the queue, and in the resolver. */
	for (i = 0; i < 40; i++)
		assert_non_null(cm_http_start(loop, &never, not_called, NULL, NULL));
	never.url = "http://host.invalid/";
	assert_non_null(cm_http_start(loop, &never, on_done, &chained, NULL));	/* a quick resolver may be done at once */
	for (i = 0; i < 3; i++)
		turn();
	cm_loop_destroy(loop);
	loop = NULL;
	got_free(&chained);
	assert_int_equal(fds, 0);
	assert_true(cm_monotonic_ms() - begun < 20000);
}

/* ---- TLS ---- */

static void
test_tls(void **state)
{
	CmHttpRequest request = request_for("/");
	Got			got;
	char		url[64];

	(void) state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", https_port);
	request.url = url;
	request.allow_http = false;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "TLS certificate of \"127.0.0.1:");
	assert_non_null(strstr(got.response.status.reason, "is not trusted"));
	assert_non_null(strcasestr(got.response.status.detail, "self"));
	got_free(&got);

	request.trust_anchors = certificate;
	perform(&request, &got);
	assert_reason(got, CM_OK, "");
	assert_string_equal(cm_buf_cstr(&got.response.body), "secret");
	got_free(&got);

	/* The connection that was trusted is not used by who does not trust it. */
	request.trust_anchors = NULL;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "is not trusted");
	got_free(&got);

	request.trust_anchors = "no PEM";
	perform(&request, &got);
	assert_reason(got, CM_INVALID, "trust anchors for");
	got_free(&got);

	request.trust_anchors = certificate;
	snprintf(url, sizeof(url), "https://127.0.0.2:%d/", https_port);
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "is of another host");
	got_free(&got);

	/* Not TLS at all. */
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/ok", http_port);
	request.timeout_ms = 1000;
	perform(&request, &got);
	assert_reason(got, CM_NETWORK, "negotiating TLS");
	got_free(&got);
}

/* The caller's signal mask is what it was, whatever libcurl was asked to do. */
static void
test_signal_mask(void **state)
{
	sigset_t	before;
	sigset_t	after;
	Got			got;

	(void) state;
	sigprocmask(SIG_SETMASK, NULL, &before);
	get("/ok", &got);
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	assert_int_equal(sigismember(&after, SIGUSR1), 0);
	got_free(&got);
}

#define with_loop(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		with_loop(test_get),
		cmocka_unit_test(test_header_parser),
		with_loop(test_post),
		with_loop(test_other_answers),
		with_loop(test_limits),
		with_loop(test_broken),
		with_loop(test_not_twice),
		with_loop(test_timeouts),
		with_loop(test_connect),
		with_loop(test_hooks),
		with_loop(test_descriptor_wait),
		with_loop(test_descriptors_shared),
		with_loop(test_environment),
		with_loop(test_bad_arguments),
		with_loop(test_many),
		with_loop(test_hanging_server),
		with_loop(test_never_connected),
		with_loop(test_reentrancy),
		with_loop(test_tls),
		with_loop(test_signal_mask),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
