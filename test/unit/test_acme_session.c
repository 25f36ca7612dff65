/*
 * test_acme_session.c - the session against a small server of our own in a
 * forked process: directory, nonces, badNonce, and answers that servers are
 * known to give. The server counts what it is asked for in shared memory and
 * checks every signed request: its nonce must be one it gave and nobody used,
 * its url the one it was sent to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acme/session_internal.h"
#include "base/encode.h"

#define MAX_NONCES 2000

/* What the server saw. */
typedef struct Seen
{
	int			directories;
	int			heads;
	int			gets;			/* of newNonce */
	int			posts;
	int			violations;		/* requests that break RFC 8555 6 */
	int			issued;
	bool		used[MAX_NONCES];
	int			hits;			/* of the page under test */
	bool		repeat_nonce;	/* newNonce says the same one twice */
} Seen;

static Seen *seen;
static char base[64];
static pid_t server;
static CmKey *key;

/* ---- the server ---- */

static void
send_all(int fd, const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t		n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t) n;
	}
}

static void
new_nonce(char *dst, size_t size)
{
	int			n = seen->issued;

	if (seen->repeat_nonce && n > 0 && n % 2 == 0)
	{
		seen->repeat_nonce = false;
		n--;
	}
	else
		seen->issued++;
	snprintf(dst, size, "Replay-Nonce: nonce-%d\r\n", n);
}

/* An answer with a fresh nonce unless bare. */
static void
answer(int fd, int code, bool bare, const char *headers, const char *body)
{
	char		head[2048];
	char		nonce[64] = "";

	if (!bare)
		new_nonce(nonce, sizeof(nonce));
	snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s%sContent-Length: %zu\r\nConnection: close\r\n\r\n", code, nonce, headers, strlen(body));
	send_all(fd, head, strlen(head));
	send_all(fd, body, strlen(body));
}

#define PROBLEM "Content-Type: application/problem+json\r\n"
#define BAD_NONCE "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"stale\"}"

static void
directory(int fd, const char *path)
{
	char		body[2048];
	const char *nonce = "nonce";
	const char *order = "ok";
	const char *host = base;
	char		more[128] = "";

	seen->directories++;
	if (strcmp(path, "/dir-500") == 0)
	{
		answer(fd, 500, true, "Content-Type: text/html\r\n", "<html>oops</html>");
		return;
	}
	if (strcmp(path, "/dir-html") == 0)
	{
		answer(fd, 200, true, "", "<html>welcome</html>");
		return;
	}
	if (strcmp(path, "/dir-503-once") == 0 && seen->directories == 1)
	{
		answer(fd, 503, true, "Retry-After: 9\r\n", "");
		return;
	}
	if (strcmp(path, "/dir-moves") == 0 && seen->directories == 1)
		order = "gone";
	if (strcmp(path, "/dir-get") == 0)
		nonce = "nonce-get";
	if (strcmp(path, "/dir-bare") == 0)
		nonce = "nonce-bare";
	if (strcmp(path, "/dir-https") == 0)
		host = "https://ca.example";
	if (strcmp(path, "/dir-500-later") == 0 && seen->directories > 1)
	{
		answer(fd, 500, true, "Content-Type: text/html\r\n", "<html>oops</html>");
		return;
	}
	if (strcmp(path, "/dir-grows") == 0 && seen->directories > 1)
		snprintf(more, sizeof(more), "\"revokeCert\":\"%s/ok\",", base);
	snprintf(body, sizeof(body), "{%s\"newNonce\":\"%s/%s\",\"newAccount\":\"%s/echo\",\"newOrder\":\"%s/%s\",\"meta\":{\"termsOfService\":\"https://ca.example/tos\",\"odd\":[]}}",
			 more, base, nonce, base, host, order);
	answer(fd, 200, true, "", body);
}

static void
nonce_page(int fd, const char *path, bool head)
{
	char		headers[256] = "";

	if (head)
		seen->heads++;
	else
		seen->gets++;
	if (strcmp(path, "/nonce-get") == 0 && head)
		answer(fd, 405, true, "", "");
	else
	{
		if (strcmp(path, "/nonce-bare") != 0)
			new_nonce(headers, sizeof(headers));
		answer(fd, head ? 200 : 204, true, headers, "");
	}
}

/* A member of the protected header; false when the body is no JWS. */
static bool
protected_member(const char *body, const char *name, char *dst, size_t size)
{
	CmBuf		header;
	CmJson	   *json = cm_json_parse(cm_slice(body, strlen(body)), 100000, NULL);
	CmJson	   *inner = NULL;
	const char *text = cm_json_get_string(json, "protected");
	const char *value = NULL;

	cm_buf_init(&header, 0);
	if (text != NULL && cm_base64_decode(&header, text, strlen(text)))
		inner = cm_json_parse(cm_slice(header.data, header.len), 100000, NULL);
	value = cm_json_get_string(inner, name);
	snprintf(dst, size, "%s", value != NULL ? value : "");
	cm_json_free(inner);
	cm_json_free(json);
	cm_buf_free(&header);
	return value != NULL;
}

static bool
check_jws(const char *path, const char *head, const char *body)
{
	char		url[1200];
	char		wanted[1200];
	char		nonce[64];
	int			n;

	snprintf(wanted, sizeof(wanted), "%s%s", base, path);
	if (strcasestr(head, "content-type: application/jose+json\r\n") == NULL || strcasestr(head, "\r\nuser-agent: ") == NULL ||
		!protected_member(body, "url", url, sizeof(url)) || strcmp(url, wanted) != 0 ||
		!protected_member(body, "nonce", nonce, sizeof(nonce)) || sscanf(nonce, "nonce-%d", &n) != 1 ||
		n < 0 || n >= seen->issued || seen->used[n])
		return false;
	seen->used[n] = true;
	return true;
}

/* The answers under test. */
static void
post_page(int fd, const char *path, const char *body)
{
	int			hit = ++seen->hits;
	char		headers[256];

	if (strcmp(path, "/ok") == 0)
		answer(fd, 201, false, "Location: /order/1?x=%41\r\n", "{\"status\":\"pending\"}");
	else if (strcmp(path, "/echo") == 0)
		answer(fd, 200, false, "Location: https-is-no-scheme-here\r\nLink: <https://ca.example/tos>;rel=\"terms-of-service\"\r\n", body);
	else if (strcmp(path, "/off-scheme") == 0)
		answer(fd, 201, false, "Location: https://ca.example/acct/1\r\n", "{}");
	else if (strcmp(path, "/bad-9") == 0 && hit <= 9)
		answer(fd, 400, false, PROBLEM, BAD_NONCE);
	else if (strcmp(path, "/bad-bare") == 0 && hit == 1)
		answer(fd, 500, true, "Content-Type: text/html\r\n", "{\"type\":\"URN:IETF:PARAMS:ACME:ERROR:BADNONCE\"}");
	else if (strcmp(path, "/bad-ever") == 0)
		answer(fd, 400, false, PROBLEM, BAD_NONCE);
	else if (strcmp(path, "/no-nonce") == 0)
		answer(fd, 200, true, "", "{}");
	else if (strcmp(path, "/lost") == 0)
		return;
	else if (strcmp(path, "/cut") == 0)
	{
		snprintf(headers, sizeof(headers), "HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n{\"status\"");
		send_all(fd, headers, strlen(headers));
	}
	else if (strcmp(path, "/429") == 0)
		answer(fd, 429, false, "Retry-After: 17\r\n", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\"}");
	else if (strcmp(path, "/limited-400") == 0)
		answer(fd, 400, false, "Retry-After: 1e20\r\n", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}");
	else if (strcmp(path, "/429-words") == 0)
		answer(fd, 429, false, "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many, retry after 2099-01-02 03:04:05 UTC: see\"}");
	else if (strcmp(path, "/429-past") == 0)
		answer(fd, 429, false, "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"retry after 2001-01-02 03:04:05 UTC\"}");
	else if (strcmp(path, "/429-noise") == 0)
		answer(fd, 429, false, "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"retry after the moon is full 2001-01\"}");
	else if (strcmp(path, "/429-short") == 0)
		answer(fd, 429, false, "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"retry after 2001\"}");
	else if (strcmp(path, "/500-bare") == 0)
		answer(fd, 500, true, "Content-Type: text/html\r\n", "<html><h1>HTTP Status 500</h1></html>");
	else if (strcmp(path, "/503") == 0)
		answer(fd, 503, false, "Retry-After: 999999999\r\n", "<html>busy</html>");
	else if (strcmp(path, "/html-problem") == 0)
		answer(fd, 403, false, "Content-Type: text/html\r\n",
			   "{\"type\":\"urn:ietf:params:acme:error:orderNotReady\",\"detail\":\"wait\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\","
			   "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}}]}");
	else if (strcmp(path, "/vault") == 0)
		answer(fd, 500, false, "", "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"SERVFAIL\"}");
	else if (strcmp(path, "/internal") == 0)
		answer(fd, 500, false, PROBLEM, "{\"type\":\"urn:ietf:params:acme:error:serverInternal\",\"detail\":\"sorry\"}");
	else if (strcmp(path, "/html-500") == 0)
		answer(fd, 500, false, "", "<html>oops</html>");
	else if (strcmp(path, "/302") == 0)
		answer(fd, 302, false, "Location: http://192.0.2.1/\r\n", "");
	else if (strcmp(path, "/big") == 0)
	{
		char	   *big = malloc(400001);

		memset(big, ' ', 400000);
		big[400000] = '\0';
		answer(fd, 200, false, "", big);
		free(big);
	}
	else if (strcmp(path, "/404") == 0 || strcmp(path, "/gone") == 0)
		answer(fd, 404, false, "", "");
	else
		answer(fd, 200, false, "", "{}");
}

static void
serve(int fd)
{
	static char request[200000];
	size_t		len = 0;
	size_t		wanted = 0;
	char	   *end = NULL;
	char		method[16];
	char		path[1024];
	struct timeval patience = {10, 0};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (len + 1 < sizeof(request) && (end == NULL || len < wanted))
	{
		ssize_t		n = recv(fd, request + len, sizeof(request) - 1 - len, 0);

		if (n <= 0)
			return;
		len += (size_t) n;
		request[len] = '\0';
		if (end == NULL && (end = strstr(request, "\r\n\r\n")) != NULL)
		{
			char	   *length = strcasestr(request, "\r\ncontent-length:");

			wanted = (size_t) (end + 4 - request) + (length != NULL && length < end ? (size_t) atoi(length + 17) : 0);
		}
	}
	if (end == NULL || sscanf(request, "%15s %1023s", method, path) != 2)
		return;
	if (strncmp(path, "/dir", 4) == 0)
		directory(fd, path);
	else if (strncmp(path, "/nonce", 6) == 0)
		nonce_page(fd, path, strcmp(method, "HEAD") == 0);
	else
	{
		seen->posts++;
		end[2] = '\0';
		if (strcmp(method, "POST") == 0 && check_jws(path, request, end + 4))
			post_page(fd, path, end + 4);
		else
		{
			seen->violations++;
			answer(fd, 400, false, PROBLEM, "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"violation\"}");
		}
	}
}

static int
start_server(void **state)
{
	struct sockaddr_in address = {0};
	socklen_t	len = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	seen = mmap(NULL, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (seen == MAP_FAILED || listener < 0 || bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(listener, 128) != 0 ||
		getsockname(listener, (struct sockaddr *) &address, &len) != 0 || !cm_key_generate(CM_KEY_EC_P256, &key, &st))
		return -1;
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", ntohs(address.sin_port));
	server = fork();
	if (server == 0)
	{
		alarm(120);				/* never outlives a test that hangs */
		for (;;)
		{
			int			fd = accept(listener, NULL, NULL);

			if (fd < 0)
				_exit(1);
			serve(fd);
			/* so that close does not reset the connection before the answer was read */
			shutdown(fd, SHUT_WR);
			close(fd);
		}
	}
	close(listener);
	return server > 0 ? 0 : -1;
}

static int
stop_server(void **state)
{
	(void) state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	cm_key_free(key);
	munmap(seen, sizeof(Seen));
	return 0;
}

/* ---- the client ---- */

typedef struct Client
{
	CmLoop	   *loop;
	CmAcmeSession *session;
	int			followers;		/* of what is posted */
} Client;

/* What came back; the last one, and how many. */
typedef struct Result
{
	int			count;
	int			ok;
	CmAcmeReply reply;
	char		body[4096];
	Client	   *client;
	const char *then;			/* what the callback asks for next */
	bool		destroy;		/* the callback ends the session */
} Result;

static void post(Client *client, const char *path, Result *result);
static void settle(Client *client);

static void
done(CmAcmeReply *reply, void *arg)
{
	Result	   *result = arg;

	result->count++;
	if (reply->status.code == CM_OK)
		result->ok++;
	result->reply = *reply;
	snprintf(result->body, sizeof(result->body), "%s", cm_buf_cstr(&reply->body));
	memset(&result->reply.body, 0, sizeof(CmBuf));
	memset(&result->reply.headers, 0, sizeof(CmBuf));
	if (result->then != NULL)
	{
		const char *path = result->then;

		result->then = NULL;
		post(result->client, path, result);
	}
	if (result->destroy)
	{
		cm_acme_session_destroy(result->client->session);
		result->client->session = NULL;
	}
}

static void
client_open(Client *client, const char *path)
{
	CmStatus	st = CM_STATUS_INIT;
	char		url[256];

	memset(seen, 0, sizeof(Seen));
	client->followers = 0;
	snprintf(url, sizeof(url), "%s%s", base, path);
	client->loop = cm_loop_create(NULL, &st);
	assert_non_null(client->loop);
	client->session = cm_acme_session_create(client->loop, url, NULL, &st);
	assert_non_null(client->session);
}

static void
client_close(Client *client)
{
	settle(client);
	if (client->session != NULL)
		assert_int_equal(cm_acme_session_requests(client->session), seen->directories + seen->heads + seen->gets + seen->posts);
	cm_acme_session_destroy(client->session);
	assert_int_equal(cm_loop_active(client->loop), 0);
	cm_loop_destroy(client->loop);
	assert_int_equal(seen->violations, 0);
}

static void
post(Client *client, const char *path, Result *result)
{
	CmAcmeRequest request = {0};
	CmStatus	st = CM_STATUS_INIT;
	char		url[256];

	snprintf(url, sizeof(url), "%s%s", base, path);
	request.target = CM_ACME_URL;
	request.url = url;
	request.payload = "{}";
	request.key = key;
	request.kid = "http://127.0.0.1/acct/1";
	request.followers = client->followers;
	result->client = client;
	if (!cm_acme_post(client->session, &request, done, result, &st))
		fail_msg("%s", st.reason);
}

static void
post_target(Client *client, CmAcmeTarget target, Result *result)
{
	CmAcmeRequest request = {0};
	CmStatus	st = CM_STATUS_INIT;

	request.target = target;
	request.payload = "{\"a\":1}";
	request.key = key;
	result->client = client;
	assert_true(cm_acme_post(client->session, &request, done, result, &st));
}

static void
step(Client *client)
{
	struct pollfd fd = {cm_loop_fd(client->loop), POLLIN, 0};
	int64_t		timeout = cm_loop_timeout(client->loop);

	poll(&fd, 1, timeout < 0 || timeout > 1000 ? 1000 : (int) timeout);
	cm_loop_dispatch(client->loop);
}

/* Until that many answers came. */
static void
wait_for(Client *client, Result *result, int count)
{
	int64_t		end = cm_monotonic_ms() + 20000;

	while (result->count < count)
	{
		step(client);
		if (cm_monotonic_ms() > end)
			fail_msg("no answer: %d of %d", result->count, count);
	}
}

/* Until nothing is under way any more: a nonce that is no longer wanted may still be. */
static void
settle(Client *client)
{
	int64_t		end = cm_monotonic_ms() + 20000;

	while (cm_loop_active(client->loop) > 0)
	{
		step(client);
		if (cm_monotonic_ms() > end)
			fail_msg("something does not end");
	}
}

/* One request in a fresh session. */
static Result
ask(const char *path)
{
	Client		client;
	Result		result = {0};

	client_open(&client, "/dir");
	post(&client, path, &result);
	assert_int_equal(result.count, 0);
	wait_for(&client, &result, 1);
	client_close(&client);
	return result;
}

/* ---- tests ---- */

static void
test_plain(void **state)
{
	Client		client;
	Result		result = {0};
	char		wanted[128];

	(void) state;
	client_open(&client, "/dir");
	assert_null(cm_acme_session_directory(client.session));
	post_target(&client, CM_ACME_NEW_ORDER, &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(result.reply.code, 201);
	assert_string_equal(result.body, "{\"status\":\"pending\"}");
	/* a relative Location, against the URL of the request, letter by letter */
	snprintf(wanted, sizeof(wanted), "%s/order/1?x=%%41", base);
	assert_string_equal(result.reply.location, wanted);
	snprintf(wanted, sizeof(wanted), "%s/ok", base);
	assert_string_equal(result.reply.url, wanted);
	assert_int_equal(result.reply.retry_after, -1);
	assert_string_equal(cm_acme_session_directory(client.session)->terms_of_service, "https://ca.example/tos");
	assert_null(cm_acme_session_directory(client.session)->revoke_cert);
	/* directory and nonce are in hand now */
	post(&client, "/x", &result);
	wait_for(&client, &result, 2);
	assert_int_equal(seen->directories, 1);
	assert_int_equal(seen->heads, 1);
	assert_int_equal(seen->posts, 2);
	/* what the directory lacks is an answer too, without a request */
	post_target(&client, CM_ACME_REVOKE_CERT, &result);
	wait_for(&client, &result, 3);
	assert_int_equal(result.reply.status.code, CM_UNSUPPORTED);
	assert_int_equal(seen->posts, 2);
	client_close(&client);
}

static void
test_directory_only(void **state)
{
	Client		client;
	Result		result = {0};

	(void) state;
	client_open(&client, "/dir");
	post_target(&client, CM_ACME_DIRECTORY, &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->heads + seen->posts, 0);
	client_close(&client);
}

static void
post_fresh(Client *client, Result *result)
{
	CmAcmeRequest request = {.target = CM_ACME_DIRECTORY, .fresh = true};
	CmStatus	st = CM_STATUS_INIT;

	result->client = client;
	assert_true(cm_acme_post(client->session, &request, done, result, &st));
}

/* As if the directory had been fetched a while ago, but less than a day. */
static void
age(Client *client)
{
	client->session->directory_at -= 3600 * 1000;
	assert_false(cm_acme_session_directory_fresh(client->session));
}

static void
test_directory_fresh(void **state)
{
	Client		client;
	Result		result = {0};
	CmAcmeRequest request = {.target = CM_ACME_RENEWAL_INFO, .url = "id"};
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	client_open(&client, "/dir-grows");
	assert_false(cm_acme_session_directory_fresh(client.session));
	post_fresh(&client, &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_true(cm_acme_session_directory_fresh(client.session));
	/* it is fresh now; what it lacks the server lacks */
	post_fresh(&client, &result);
	post_target(&client, CM_ACME_REVOKE_CERT, &result);
	wait_for(&client, &result, 3);
	assert_int_equal(result.reply.status.code, CM_UNSUPPORTED);
	assert_int_equal(seen->directories, 1);
	/* an old one does for what it has, not for what it lacks */
	age(&client);
	post_target(&client, CM_ACME_DIRECTORY, &result);
	post_target(&client, CM_ACME_NEW_ORDER, &result);
	wait_for(&client, &result, 5);
	assert_int_equal(seen->directories, 1);
	post_target(&client, CM_ACME_REVOKE_CERT, &result);
	wait_for(&client, &result, 6);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->directories, 2);
	/* nor for who wants a fresh one; all of them by one request */
	age(&client);
	post_fresh(&client, &result);
	post(&client, "/x", &result);
	post_fresh(&client, &result);
	wait_for(&client, &result, 9);
	assert_int_equal(seen->directories, 3);
	/* renewal information is asked for every few hours: it is not worth that */
	age(&client);
	assert_true(cm_acme_post(client.session, &request, done, &result, &st));
	wait_for(&client, &result, 10);
	assert_int_equal(result.reply.status.code, CM_UNSUPPORTED);
	assert_int_equal(seen->directories, 3);
	client_close(&client);
}

static void
test_directory_fresh_failures(void **state)
{
	Client		client;
	Result		fresh = {0};
	Result		other = {0};

	(void) state;
	client_open(&client, "/dir-500-later");
	post(&client, "/x", &other);
	wait_for(&client, &other, 1);
	age(&client);
	/* who wants a fresh one is told why there is none; all others go on with the old one */
	post_fresh(&client, &fresh);
	post(&client, "/x", &other);
	post_target(&client, CM_ACME_REVOKE_CERT, &fresh);
	post_target(&client, CM_ACME_NEW_ORDER, &other);
	wait_for(&client, &fresh, 2);
	wait_for(&client, &other, 3);
	assert_int_equal(fresh.reply.status.code, CM_NETWORK);
	assert_int_equal(fresh.reply.code, 500);
	assert_int_equal(other.reply.status.code, CM_OK);
	assert_int_equal(seen->directories, 2);
	/* asked for anew in the callback, something else needs no new one */
	fresh.then = "/x";
	post_fresh(&client, &fresh);
	wait_for(&client, &fresh, 4);
	assert_int_equal(fresh.reply.status.code, CM_OK);
	assert_int_equal(seen->directories, 3);
	/* destroyed inside the first callback, the second one never comes */
	fresh.destroy = true;
	post_fresh(&client, &fresh);
	post_fresh(&client, &fresh);
	post(&client, "/x", &other);
	wait_for(&client, &fresh, 5);
	client_close(&client);
	assert_int_equal(fresh.count, 5);
	assert_int_equal(other.count, 3);
}

static void
test_eab(void **state)
{
	Client		client;
	Result		result = {0};
	CmAcmeRequest request = {0};
	CmStatus	st = CM_STATUS_INIT;
	char		url[256];
	CmBuf		payload;
	CmJson	   *json;
	CmJson	   *inner;

	(void) state;
	client_open(&client, "/dir");
	request.target = CM_ACME_NEW_ACCOUNT;
	request.payload = "{\"termsOfServiceAgreed\":true}";
	request.key = key;
	request.eab_kid = "kid-1";
	request.eab_mac_key = cm_slice("0123456789abcdef0123456789abcdef", 32);
	assert_true(cm_acme_post(client.session, &request, done, &result, &st));
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_OK);
	snprintf(url, sizeof(url), "%s/https-is-no-scheme-here", base);
	assert_string_equal(result.reply.location, url);
	json = cm_json_parse(cm_slice(result.body, strlen(result.body)), 100000, &st);
	cm_buf_init(&payload, 0);
	assert_true(cm_base64_decode(&payload, cm_json_get_string(json, "payload"), strlen(cm_json_get_string(json, "payload"))));
	inner = cm_json_parse(cm_slice(payload.data, payload.len), 100000, &st);
	assert_true(cm_json_bool(cm_json_get(inner, "termsOfServiceAgreed"), false));
	assert_non_null(cm_json_get_string(cm_json_get(inner, "externalAccountBinding"), "signature"));
	cm_json_free(inner);
	cm_json_free(json);
	cm_buf_free(&payload);

	request.eab_mac_key.len = 0;
	assert_false(cm_acme_post(client.session, &request, done, &result, &st));
	request.eab_mac_key.len = 32;
	request.payload = NULL;
	assert_false(cm_acme_post(client.session, &request, done, &result, &st));
	assert_int_equal(st.code, CM_INVALID);
	client_close(&client);
}

static void
test_bad_arguments(void **state)
{
	static const char *const urls[] = {NULL, "", "/order/1", "https://ca.example/", "ftp://x/", "http://u@h/"};
	Client		client;
	Result		result = {0};
	CmAcmeRequest request = {0};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	client_open(&client, "/dir");
	request.key = key;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		request.url = urls[i];
		assert_false(cm_acme_post(client.session, &request, done, &result, &st));
		assert_int_equal(st.code, CM_INVALID);
	}
	request.url = base;
	request.key = NULL;
	assert_false(cm_acme_post(client.session, &request, done, &result, &st));
	client_close(&client);
	client.loop = cm_loop_create(NULL, &st);
	assert_null(cm_acme_session_create(client.loop, "dir", NULL, &st));
	/* plain http never under an https directory */
	client.session = cm_acme_session_create(client.loop, "https://127.0.0.1:1/dir", NULL, &st);
	request.key = key;
	assert_false(cm_acme_post(client.session, &request, done, &result, &st));
	cm_acme_session_destroy(client.session);
	cm_loop_destroy(client.loop);
}

static void
test_nonces(void **state)
{
	Client		client;
	Result		result = {0};

	(void) state;
	result = ask("/bad-9");
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->posts, 10);
	assert_int_equal(seen->heads, 1);

	result = ask("/bad-bare");
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->posts, 2);
	assert_int_equal(seen->heads, 2);

	result = ask("/bad-ever");
	assert_int_equal(result.reply.status.code, CM_NETWORK);
	assert_string_equal(result.reply.problem_type, "badNonce");
	assert_string_equal(result.reply.status.reason, "the ACME server refused 11 nonces in a row");
	assert_int_equal(seen->posts, 11);

	/* n04: nonces only from newNonce */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir");
	post(&client, "/no-nonce", &result);
	wait_for(&client, &result, 1);
	post(&client, "/no-nonce", &result);
	wait_for(&client, &result, 2);
	assert_int_equal(result.ok, 2);
	assert_int_equal(seen->heads, 2);
	client_close(&client);

	/* n08: HEAD is not known, which is asked once */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir-get");
	post(&client, "/no-nonce", &result);
	wait_for(&client, &result, 1);
	post(&client, "/no-nonce", &result);
	wait_for(&client, &result, 2);
	assert_int_equal(result.ok, 2);
	assert_int_equal(seen->heads, 1);
	assert_int_equal(seen->gets, 2);
	client_close(&client);

	/* n05: what a server says that breaks on an old nonce; those of that age are not tried, one after the other */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir");
	for (int i = 0; i < 4; i++)
		post(&client, "/x", &result);
	wait_for(&client, &result, 4);
	settle(&client);
	assert_int_equal(seen->heads, 4);
	post(&client, "/500-bare", &result);
	wait_for(&client, &result, 5);
	assert_int_equal(result.reply.code, 500);
	post(&client, "/x", &result);
	wait_for(&client, &result, 6);
	assert_int_equal(result.ok, 5);
	assert_int_equal(seen->heads, 5);
	client_close(&client);

	/* no nonce anywhere; the session can be asked again */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir-bare");
	post(&client, "/x", &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_PROTOCOL);
	assert_string_equal(result.reply.status.reason, "the ACME server's answer to newNonce carries no nonce");
	post(&client, "/x", &result);
	wait_for(&client, &result, 2);
	assert_int_equal(result.reply.status.code, CM_PROTOCOL);
	assert_int_equal(seen->directories, 1);
	client_close(&client);
}

/* Many at once: nonces are fetched side by side, at most eight at a time, none is used twice, none is fetched for nothing. */
static void
test_many(void **state)
{
	Client		client;
	Result		result = {0};
	int			i;

	(void) state;
	client_open(&client, "/dir");
	for (i = 0; i < 50; i++)
		post(&client, "/x", &result);
	wait_for(&client, &result, 50);
	assert_int_equal(result.ok, 50);
	assert_int_equal(seen->directories, 1);
	assert_int_equal(seen->posts, 50);
	assert_in_range(seen->heads, 1, 50);
	/* eight are kept for the next burst */
	settle(&client);
	for (i = 0; i < 8; i++)
		post(&client, "/x", &result);
	i = seen->heads;
	wait_for(&client, &result, 58);
	assert_int_equal(seen->heads, i);
	client_close(&client);

	/* n03: the same nonce given twice is used once */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir");
	seen->repeat_nonce = true;
	for (i = 0; i < 6; i++)
		post(&client, "/no-nonce", &result);
	wait_for(&client, &result, 6);
	assert_int_equal(result.count, 6);
	cm_acme_session_destroy(client.session);
	cm_loop_destroy(client.loop);
}

typedef struct Case
{
	const char *path;
	CmCode		status;
	int			code;
	const char *type;
	int64_t		retry_after;
	const char *detail;			/* somewhere in reason or detail */
} Case;

static void
test_answers(void **state)
{
	static const Case cases[] = {
		{"/429", CM_LIMIT, 429, "rateLimited", 17, "rateLimited: too many"},
		{"/429-words", CM_LIMIT, 429, "rateLimited", 86400, "too many"},
		{"/429-past", CM_LIMIT, 429, "rateLimited", 0, "retry after"},
		{"/429-noise", CM_LIMIT, 429, "rateLimited", -1, "moon"},
		{"/429-short", CM_LIMIT, 429, "rateLimited", -1, "retry after 2001"},
		{"/limited-400", CM_LIMIT, 400, "rateLimited", -1, "fewer requests"},
		{"/503", CM_LIMIT, 503, "", 86400, "not available"},
		{"/html-problem", CM_REFUSED, 403, "orderNotReady", -1, "orderNotReady: wait (a.example: caa)"},
		{"/vault", CM_REFUSED, 500, "dns", -1, "dns: SERVFAIL"},
		{"/internal", CM_NETWORK, 500, "serverInternal", -1, "sorry"},
		{"/html-500", CM_NETWORK, 500, "", -1, "no problem document"},
		{"/404", CM_NETWORK, 404, "", -1, "404"},
		{"/302", CM_PROTOCOL, 302, "", -1, "redirected"},
		{"/off-scheme", CM_PROTOCOL, 201, "", -1, "Location"},
		{"/big", CM_NETWORK, 0, "", -1, "larger than"},
		{"/lost", CM_NETWORK, 0, "", -1, ""},
		{"/cut", CM_NETWORK, 0, "", -1, ""},
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const Case *c = &cases[i];
		Result		r = ask(c->path);

		if (r.reply.status.code != c->status || r.reply.code != c->code)
			print_error("%s: %s / %s\n", c->path, r.reply.status.reason, r.reply.status.detail);
		assert_int_equal(r.reply.status.code, c->status);
		assert_int_equal(r.reply.code, c->code);
		assert_string_equal(r.reply.problem_type, c->type);
		assert_int_equal(r.reply.retry_after, c->retry_after);
		assert_true(r.reply.status.reason[0] != '\0');
		assert_true(strstr(r.reply.status.reason, c->detail) != NULL || strstr(r.reply.status.detail, c->detail) != NULL);
		/* nothing of it is sent twice by the session: it is for the caller to ask what became of it */
		assert_int_equal(seen->posts, 1);
		assert_string_equal(r.reply.location, strcmp(c->path, "/302") == 0 ? "http://192.0.2.1/" : "");
	}
}

static void
test_directory_failures(void **state)
{
	static const char *const dirs[] = {"/dir-500", "/dir-html", "/dir-https"};
	static const CmCode codes[] = {CM_NETWORK, CM_PROTOCOL, CM_PROTOCOL};
	Client		client;
	Result		result;
	int			i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		memset(&result, 0, sizeof(result));
		client_open(&client, dirs[i]);
		post(&client, "/x", &result);
		post(&client, "/y", &result);
		wait_for(&client, &result, 2);
		assert_int_equal(result.reply.status.code, codes[i]);
		assert_non_null(strstr(result.reply.url, dirs[i]));
		assert_int_equal(seen->directories, 1);
		assert_null(cm_acme_session_directory(client.session));
		client_close(&client);
	}

	/* all that wait fail with the reason; one that is asked for in the callback is tried anew */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir-503-once");
	result.then = "/x";
	post(&client, "/x", &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_LIMIT);
	assert_int_equal(result.reply.retry_after, 9);
	wait_for(&client, &result, 2);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->directories, 2);
	client_close(&client);

	/* m01: a URL of the directory is gone */
	memset(&result, 0, sizeof(result));
	client_open(&client, "/dir-moves");
	post_target(&client, CM_ACME_NEW_ORDER, &result);
	wait_for(&client, &result, 1);
	assert_int_equal(result.reply.status.code, CM_OK);
	assert_int_equal(seen->directories, 2);
	assert_int_equal(seen->posts, 2);
	client_close(&client);

	/* nobody listens */
	memset(&result, 0, sizeof(result));
	{
		CmStatus	st = CM_STATUS_INIT;
		CmAcmeRequest request = {0};

		client.loop = cm_loop_create(NULL, &st);
		client.session = cm_acme_session_create(client.loop, "http://127.0.0.1:1/dir", NULL, &st);
		request.url = base;
		request.key = key;
		assert_true(cm_acme_post(client.session, &request, done, &result, &st));
		wait_for(&client, &result, 1);
		assert_int_equal(result.reply.status.code, CM_NETWORK);
		assert_int_equal(result.reply.code, 0);
		cm_acme_session_destroy(client.session);
		cm_loop_destroy(client.loop);
	}
}

/* One that others will follow has their nonces fetched while it is under way, as far as none are in hand. */
static void
test_followers(void **state)
{
	Client		client;
	Result		result = {0};
	int			i;

	(void) state;
	client_open(&client, "/dir");
	client.followers = 5;
	post(&client, "/x", &result);
	wait_for(&client, &result, 1);
	settle(&client);
	/* its own, and one less than five: its answer brings one */
	assert_int_equal(seen->heads, 5);
	client.followers = 100;
	post(&client, "/x", &result);
	wait_for(&client, &result, 2);
	settle(&client);
	/* no more than eight ahead */
	assert_int_equal(seen->heads, 8);
	client.followers = 0;
	for (i = 0; i < 8; i++)
		post(&client, "/x", &result);
	wait_for(&client, &result, 10);
	assert_int_equal(seen->heads, 8);
	assert_int_equal(result.ok, 10);
	client_close(&client);
}

static void
test_destroy(void **state)
{
	Client		client;
	Result		result;
	int			i;
	int			steps;

	(void) state;
	/* at any moment: waiting for the directory, for nonces, for answers */
	for (steps = 0; steps < 12; steps++)
	{
		memset(&result, 0, sizeof(result));
		client_open(&client, "/dir");
		for (i = 0; i < 20; i++)
			post(&client, "/x", &result);
		for (i = 0; i < steps; i++)
			step(&client);
		i = result.count;
		cm_acme_session_destroy(client.session);
		assert_int_equal(cm_loop_active(client.loop), 0);
		assert_int_equal(result.count, i);
		cm_loop_destroy(client.loop);
	}

	/* inside a callback: of an answer, of a failed directory, of a failed nonce */
	for (i = 0; i < 3; i++)
	{
		static const char *const dirs[] = {"/dir", "/dir-500", "/dir-bare"};

		memset(&result, 0, sizeof(result));
		client_open(&client, dirs[i]);
		result.destroy = true;
		post(&client, "/x", &result);
		post(&client, "/y", &result);
		post(&client, "/z", &result);
		wait_for(&client, &result, 1);
		assert_int_equal(result.count, 1);
		assert_null(client.session);
		assert_int_equal(cm_loop_active(client.loop), 0);
		cm_loop_destroy(client.loop);
	}
	cm_acme_session_destroy(NULL);
}

/* Twenty a second, four at once: they go in their order, and a session of another CA does not wait for them. */
static void
test_pace(void **state)
{
	CmAcmePace	pace = {.requests = cm_acme_pace_limit(20, 4)};
	CmAcmePace	nonces = {.nonces = cm_acme_pace_limit(10, 1)};
	CmAcmePace	none = {.requests = cm_acme_pace_limit(0, 1)};
	Client		client;
	Result		slow;
	Result		quick;
	CmAcmeSession *paced;
	CmStatus	st = CM_STATUS_INIT;
	int64_t		start = cm_monotonic_ms();
	char		url[256];

	(void) state;
	memset(&slow, 0, sizeof(slow));
	memset(&quick, 0, sizeof(quick));
	client_open(&client, "/dir");
	cm_acme_session_set_pace(client.session, &pace);
	for (int i = 0; i < 10; i++)
		post(&client, "/echo", &slow);
	paced = client.session;
	snprintf(url, sizeof(url), "%s/dir", base);
	client.session = cm_acme_session_create(client.loop, url, NULL, &st);
	assert_non_null(client.session);
	cm_acme_session_set_pace(client.session, &none);
	for (int i = 0; i < 10; i++)
		post(&client, "/echo", &quick);
	wait_for(&client, &quick, 10);
	assert_int_equal(quick.ok, 10);
	assert_true(slow.count < 5);
	wait_for(&client, &slow, 10);
	assert_int_equal(slow.ok, 10);
	/* Directory, a nonce at least, ten posts: eight more than the burst, fifty ms each. */
	assert_true(cm_monotonic_ms() - start >= 8 * 50 - 5);
	assert_true(cm_acme_session_requests(paced) >= 12);
	cm_acme_session_destroy(paced);
	cm_acme_session_destroy(client.session);
	cm_loop_destroy(client.loop);

	/* Nonces have a limit of their own. */
	memset(&slow, 0, sizeof(slow));
	client_open(&client, "/dir");
	cm_acme_session_set_pace(client.session, &nonces);
	for (int i = 0; i < 6; i++)
		post(&client, "/echo", &slow);
	start = cm_monotonic_ms();
	wait_for(&client, &slow, 6);
	assert_int_equal(slow.ok, 6);
	/* One at once, one more each 100 ms, unless answers bring them. */
	assert_true(seen->heads <= 2 + (cm_monotonic_ms() - start) / 100);
	/* A session that ends while it waits for its turn leaves no timer behind. */
	post(&client, "/echo", &slow);
	cm_acme_session_destroy(client.session);
	cm_loop_destroy(client.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_directory_only),
		cmocka_unit_test(test_directory_fresh),
		cmocka_unit_test(test_directory_fresh_failures),
		cmocka_unit_test(test_eab),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_nonces),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_followers),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_directory_failures),
		cmocka_unit_test(test_destroy),
		cmocka_unit_test(test_pace),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
