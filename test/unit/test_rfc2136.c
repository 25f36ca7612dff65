/*
 * test_rfc2136.c - the provider "rfc2136" and the visibility check against a
 * real BIND, which the test starts on a free port and ends.
 */
#include "dns01/provider.h"
#include "net/dns.h"
#include "net/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NAMED "/usr/sbin/named"
#define SECRET "c2VjcmV0IG9mIHRoZSB1bml0IHRlc3QgMDEyMzQ1Ng=="
#define WRONG_SECRET "d3JvbmcgIG9mIHRoZSB1bml0IHRlc3QgMDEyMzQ1Ng=="
#define NAME "_acme-challenge.www.example.test"
/* Where the zone says its name server is. */
#define NS_ADDRESS "127.0.0.1"

static char dir[64];
static int	port;
static int	dead_port;			/* nobody listens */
static int	silent;				/* a socket that never answers */
static int	silent_port;
static bool ns_listens;			/* named could have port 53 of NS_ADDRESS */
static pid_t named;
static CmLoop *loop;
static const CmDns01Provider *provider;

/* ---- BIND ---- */

/* A port of 127.0.0.1 that is free for UDP and TCP; *keep holds the UDP socket when wanted. */
static int
free_port(int *keep)
{
	struct sockaddr_in in;
	socklen_t	len = sizeof(in);
	int			i;

	for (i = 0; i < 50; i++)
	{
		int			u = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int			t = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool		ok;

		memset(&in, 0, sizeof(in));
		in.sin_family = AF_INET;
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ok = bind(u, (struct sockaddr *) &in, sizeof(in)) == 0 && getsockname(u, (struct sockaddr *) &in, &len) == 0 &&
			bind(t, (struct sockaddr *) &in, sizeof(in)) == 0;
		close(t);
		if (ok && keep != NULL)
			*keep = u;
		else
			close(u);
		if (ok)
			return ntohs(in.sin_port);
	}
	fail_msg("no port is free");
	return 0;
}

static bool
can_have_port_53(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53)};
	int			u = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool		ok;

	inet_pton(AF_INET, NS_ADDRESS, &in.sin_addr);
	ok = bind(u, (struct sockaddr *) &in, sizeof(in)) == 0;
	close(u);
	return ok;
}

static void
write_file(const char *name, const char *fmt,...)
{
	char		path[128];
	FILE	   *f;
	va_list		args;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fclose(f);
}

static void
write_zone(const char *zone, const char *more)
{
	write_file(zone, "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A " NS_ADDRESS "\n%s", more);
}

static void
write_config(void)
{
	char		listen53[64] = "";

	if (ns_listens)
		snprintf(listen53, sizeof(listen53), "listen-on port 53 { " NS_ADDRESS "; };");
	write_zone("example.test", "caa CAA 0 issue \"other.example\"\nours.caa CAA 0 issue \"ca.example; accounturi=https://ca.example/a/1\"\n"
			   "_acme-challenge.cname CNAME Target.Sub.example.test.\n*.wild CNAME elsewhere.other.test.\n"
			   "_acme-challenge.self CNAME _acme-challenge.self\nsub NS ns1.sub\nns1.sub A " NS_ADDRESS "\naway NS ns.elsewhere.test.\n");
	write_zone("sub.example.test", "");
	write_zone("static.test", "");
	write_file("named.conf",
			   "key certmgr { algorithm hmac-sha256; secret \"" SECRET "\"; };\n"
			   "key big { algorithm hmac-sha512; secret \"" SECRET "\"; };\n"
			   "options { directory \"%s\"; listen-on port %d { 127.0.0.1; }; %s listen-on-v6 { none; }; recursion no;\n"
			   " pid-file \"%s/named.pid\"; session-keyfile \"%s/session.key\"; dnssec-validation no; notify no; };\n"
			   "controls { };\n"
			   "zone example.test { type primary; file \"example.test\"; allow-update { key certmgr; key big; }; };\n"
			   "zone sub.example.test { type primary; file \"sub.example.test\"; allow-update { key certmgr; }; };\n"
			   "zone static.test { type primary; file \"static.test\"; };\n",
			   dir, port, listen53, dir, dir);
}

static void
start_named(void)
{
	char		conf[128];
	char		log[128];
	int			fd;

	snprintf(conf, sizeof(conf), "%s/named.conf", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	named = fork();
	if (named != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execl(NAMED, NAMED, "-g", "-4", "-n", "1", "-c", conf, (char *) NULL);
	_exit(127);
}

static void
show_log(void)
{
	char		path[128];
	char		line[512];
	FILE	   *f;

	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		fputs(line, stderr);
	if (f != NULL)
		fclose(f);
}

/* ---- the loop ---- */

static void
turn(void)
{
	struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

	poll(&p, 1, (int) cm_loop_timeout(loop));
	cm_loop_dispatch(loop);
}

typedef struct Lookup
{
	bool		done;
	CmStatus	status;
	int			rcode;
	int			count;
	char		values[CM_DNS_MAX_ANSWERS][1100];
} Lookup;

static void
on_answer(CmDnsAnswer *answer, void *arg)
{
	Lookup	   *lookup = arg;
	int			i;

	lookup->done = true;
	lookup->status = answer->status;
	lookup->rcode = answer->rcode;
	lookup->count = answer->count;
	for (i = 0; i < answer->count; i++)
		snprintf(lookup->values[i], sizeof(lookup->values[i]), "%s", answer->values[i]);
}

static Lookup lookup;

static void
look_up(const char *name, const char *type)
{
	struct sockaddr_storage addr;
	socklen_t	len;
	char		text[32];

	memset(&lookup, 0, sizeof(lookup));
	snprintf(text, sizeof(text), "127.0.0.1:%d", port);
	assert_true(cm_dns_server_parse(text, &addr, &len, NULL));
	assert_non_null(cm_dns_query(loop, &addr, len, name, type, false, 5000, on_answer, &lookup, NULL));
	while (!lookup.done)
		turn();
}

static bool
has_value(const char *value)
{
	int			i;

	for (i = 0; i < lookup.count; i++)
	{
		if (strcmp(lookup.values[i], value) == 0)
			return true;
	}
	return false;
}

static int
group_setup(void **state)
{
	int			i;

	(void) state;
	if (access(NAMED, X_OK) != 0)
	{
		fprintf(stderr, NAMED " is missing: install the package bind9\n");
		return -1;
	}
	snprintf(dir, sizeof(dir), "/tmp/certmgr-bind-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	port = free_port(NULL);
	dead_port = free_port(NULL);
	silent_port = free_port(&silent);
	ns_listens = can_have_port_53();
	provider = cm_dns01_provider("rfc2136");
	write_config();
	start_named();
	loop = cm_loop_create(NULL, NULL);
	for (i = 0; i < 500; i++)
	{
		look_up("static.test", "SOA");
		if (lookup.status.code == CM_OK && lookup.rcode == 0 && lookup.count == 1)
			return 0;
		poll(NULL, 0, 20);		/* named is not up yet */
	}
	show_log();
	return -1;
}

static int
group_teardown(void **state)
{
	static const char *const files[] = {
		"example.test", "example.test.jnl", "sub.example.test", "sub.example.test.jnl", "static.test", "named.conf", "log", "session.key",
		"named.pid", "managed-keys.bind", "managed-keys.bind.jnl"
	};
	char		path[128];
	size_t		i;

	(void) state;
	cm_loop_destroy(loop);
	close(silent);
	if (named > 0)
	{
		kill(named, SIGTERM);
		waitpid(named, NULL, 0);
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir);
}

/* ---- the provider ---- */

static CmJson *
json(const char *text)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *config = cm_json_parse(cm_slice(text, strlen(text)), 65536, &st);

	if (config == NULL)
		fail_msg("%s: %s", text, st.reason);
	return config;
}

/* Single quotes for double ones; %d becomes the port. */
static const char *
config_text(const char *pattern, int p)
{
	static char text[2048];
	char	   *c;

	if (strstr(pattern, "%d") != NULL)
	{
		const char *at = strstr(pattern, "%d");

		snprintf(text, sizeof(text), "%.*s%d%s", (int) (at - pattern), pattern, p, at + 2);
	}
	else
		snprintf(text, sizeof(text), "%s", pattern);
	for (c = text; *c != '\0'; c++)
	{
		if (*c == '\'')
			*c = '"';
	}
	return text;
}

typedef struct Got
{
	bool		done;
	CmDns01Result result;
} Got;

static void
on_result(CmDns01Result *result, void *arg)
{
	Got		   *got = arg;

	assert_false(got->done);
	got->done = true;
	got->result = *result;
}

static CmSlice
text_slice(const char *text)
{
	return text != NULL ? cm_slice(text, strlen(text)) : cm_slice(NULL, 0);
}

#define GOOD_CONFIG "{'server':'127.0.0.1:%d','key_name':'certmgr'}"

static CmDns01Result
apply_with(const char *pattern, int p, const char *secret, const char *zone, const CmDns01Record *records, int count)
{
	CmJson	   *config = json(config_text(pattern, p));
	Got			got = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Call call = {.loop = loop, .config = config, .secret = text_slice(secret), .zone = zone, .records = records, .count = count,
		.done = on_result, .arg = &got};

	if (!provider->apply(&call, &st))
	{
		got.done = true;
		got.result.status = st;
		assert_int_not_equal(st.code, CM_OK);
	}
	cm_json_free(config);		/* was copied */
	while (!got.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	return got.result;
}

static void
apply(const char *zone, const CmDns01Record *records, int count)
{
	CmDns01Result r = apply_with(GOOD_CONFIG, port, SECRET, zone, records, count);

	if (r.status.code != CM_OK)
		fail_msg("%s: %s", r.status.reason, r.status.detail);
	assert_string_equal(r.zone, zone);
}

static CmDns01Result
find_zone(const char *pattern, const char *name)
{
	CmJson	   *config = json(config_text(pattern, port));
	Got			got = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Call call = {.loop = loop, .config = config, .secret = text_slice(strstr(pattern, "key_name") != NULL ? SECRET : NULL), .name = name,
		.done = on_result, .arg = &got};

	if (!provider->find_zone(&call, &st))
	{
		got.done = true;
		got.result.status = st;
		assert_int_not_equal(st.code, CM_OK);
	}
	else
		assert_false(got.done); /* never before the loop turns */
	cm_json_free(config);
	while (!got.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	return got.result;
}

static CmDns01Result
visible(const char *pattern, int p, const char *zone, const char *name, const char *value)
{
	CmJson	   *config = json(config_text(pattern, p));
	Got			got = {0};
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_dns01_visible(loop, config, zone, name, value, on_result, &got, &st))
	{
		got.done = true;
		got.result.status = st;
		assert_int_not_equal(st.code, CM_OK);
	}
	else
		assert_false(got.done);
	cm_json_free(config);
	while (!got.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	return got.result;
}

#define assert_result(r, want, in_reason, in_detail) \
	do { \
		CmDns01Result r_ = (r); \
		if (r_.status.code != (want) || strstr(r_.status.reason, (in_reason)) == NULL || strstr(r_.status.detail, (in_detail)) == NULL) \
			fail_msg("code %d, reason \"%s\", detail \"%s\"", r_.status.code, r_.status.reason, r_.status.detail); \
	} while (0)

/* ---- configuration ---- */

static void
test_check(void **state)
{
	static const struct
	{
		const char *config;
		const char *secret;
		const char *error;		/* NULL: fine */
	}			cases[] = {
		{"{'server':'192.0.2.1'}", NULL, NULL},
		{"{'server':['192.0.2.1','[2001:db8::1]:5353'],'zone':['example.com','Example.ORG.'],'key_name':'k.example.','key_algorithm':'hmac-sha512',"
			"'ttl':0,'timeout':300,'nameservers':['192.0.2.1:53'],'resolvers':'192.0.2.1','propagation':'none'}", SECRET, NULL},
		{"{'server':'192.0.2.1','key_name':'k'}", SECRET "\n", NULL},
		{"{'server':'192.0.2.1','zone':'_tcp.example.com','key_name':null}", "", NULL},
		{"{}", NULL, "\"server\" is missing"},
		{"[]", NULL, "must be a JSON object"},
		{"{'server':[]}", NULL, "\"server\" is empty"},
		{"{'server':1}", NULL, "\"server\" must be a text or an array"},
		{"{'server':[['192.0.2.1']]}", NULL, "\"server\" must be a text or an array"},
		{"{'server':[null]}", NULL, "\"server\" must be a text or an array"},
		{"{'server':'ns.example.com'}", NULL, "is not the address of a DNS server"},
		{"{'server':['1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1']}", NULL, "more than 8 entries"},
		{"{'server':'192.0.2.1','sever':1}", NULL, "\"sever\" is not known"},
		{"{'server':'192.0.2.1','secret':'x'}", NULL, "\"secret\" is not known"},
		{"{'server':'192.0.2.1','zone':1}", NULL, "\"zone\" must be"},
		{"{'server':'192.0.2.1','zone':'a..b'}", NULL, "zone \"a..b\" is not a DNS name"},
		{"{'server':'192.0.2.1','zone':['.']}", NULL, "is not a DNS name"},
		{"{'server':'192.0.2.1','zone':''}", NULL, "is not a DNS name"},
		{"{'server':'192.0.2.1','key_name':'k'}", NULL, "no secret"},
		{"{'server':'192.0.2.1','key_name':'k'}", "\n", "no secret"},
		{"{'server':'192.0.2.1','key_name':'k'}", "*", "not base64"},
		{"{'server':'192.0.2.1','key_name':1}", SECRET, "\"key_name\" must be a text"},
		{"{'server':'192.0.2.1','key_name':'a b'}", SECRET, "is not a DNS name"},
		{"{'server':'192.0.2.1','key_name':'k','key_algorithm':'hmac-md5'}", SECRET, "\"hmac-md5\" is not supported"},
		{"{'server':'192.0.2.1','key_algorithm':'hmac-sha256'}", NULL, "no \"key_name\""},
		{"{'server':'192.0.2.1'}", SECRET, "no \"key_name\""},
		{"{'server':'192.0.2.1','ttl':-1}", NULL, "\"ttl\" must be a whole number"},
		{"{'server':'192.0.2.1','ttl':1.5}", NULL, "\"ttl\" must be a whole number"},
		{"{'server':'192.0.2.1','ttl':99999999999999999999}", NULL, "\"ttl\" must be a whole number"},
		{"{'server':'192.0.2.1','ttl':'60'}", NULL, "\"ttl\" must be a whole number"},
		{"{'server':'192.0.2.1','timeout':0}", NULL, "\"timeout\" must be a whole number"},
		{"{'server':'192.0.2.1','timeout':301}", NULL, "\"timeout\" must be a whole number"},
		{"{'server':'192.0.2.1','propagation':'maybe'}", NULL, "\"propagation\" must be"},
		{"{'server':'192.0.2.1','propagation':true}", NULL, "\"propagation\" must be a text"},
		{"{'server':'192.0.2.1','nameservers':['x']}", NULL, "is not the address"},
		{"{'server':'192.0.2.1','resolvers':{}}", NULL, "\"resolvers\" must be"}
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmJson	   *config = json(config_text(cases[i].config, 0));
		CmStatus	st = CM_STATUS_INIT;
		bool		ok = provider->check(config, text_slice(cases[i].secret), &st);

		if (ok != (cases[i].error == NULL) || (!ok && strstr(st.reason, cases[i].error) == NULL))
			fail_msg("%s: %s", cases[i].config, ok ? "accepted" : st.reason);
		cm_json_free(config);
	}
	assert_null(cm_dns01_provider("route66"));
	assert_int_equal(strncmp(cm_dns01_provider_types(), "rfc2136, ", 9), 0);
}

/* ---- updates ---- */

static void
test_add_and_remove(void **state)
{
	CmDns01Record both[] = {{.name = NAME, .value = "value-one", .remove = false, .id = NULL}, {.name = NAME, .value = "value-two", .remove = false, .id = NULL}};
	CmDns01Record one_gone[] = {{.name = NAME, .value = "value-one", .remove = true, .id = NULL}};
	CmDns01Record all_gone[] = {{.name = NAME, .value = "value-one", .remove = true, .id = NULL}, {.name = NAME, .value = "value-two", .remove = true, .id = NULL}};
	CmDns01Record swap[] = {{.name = NAME, .value = "value-two", .remove = true, .id = NULL}, {.name = NAME, .value = "value-three", .remove = false, .id = NULL}};
	CmDns01Record three_gone[] = {{.name = NAME, .value = "value-three", .remove = true, .id = NULL}};

	(void) state;
	apply("example.test", both, 2);
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 2);
	assert_true(has_value("value-one") && has_value("value-two"));
	apply("example.test", both, 2);	/* again: still two */
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 2);
	apply("example.test", one_gone, 1);
	apply("example.test", one_gone, 1);	/* what is not there is gone */
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 1);
	assert_true(has_value("value-two"));
	apply("example.test", swap, 2);
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 1);
	assert_true(has_value("value-three"));
	apply("example.test", three_gone, 1);
	apply("example.test", all_gone, 2);
	look_up(NAME, "TXT");
	assert_int_equal(lookup.rcode, CM_DNS_RCODE_NXDOMAIN);
}

static void
test_other_keys(void **state)
{
	CmDns01Record add = {.name = "_acme-challenge.big.example.test", .value = "v", .remove = false, .id = NULL};
	CmDns01Record gone = {.name = "_acme-challenge.big.example.test", .value = "v", .remove = true, .id = NULL};

	(void) state;
	assert_result(apply_with("{'server':'127.0.0.1:%d','key_name':'BIG.','key_algorithm':'hmac-sha512'}", port, SECRET "\n", "Example.Test.", &add, 1),
				  CM_OK, "", "");
	look_up(add.name, "TXT");
	assert_true(has_value("v"));
	apply("example.test", &gone, 1);

	assert_result(apply_with("{'server':'127.0.0.1:%d','key_name':'nobody'}", port, SECRET, "example.test", &add, 1),
				  CM_REFUSED, "refused the update of zone \"example.test\"", "does not know TSIG key \"nobody\" (rcode NOTAUTH, TSIG error BADKEY)");
	assert_result(apply_with(GOOD_CONFIG, port, WRONG_SECRET, "example.test", &add, 1), CM_REFUSED, "refused the update", "TSIG error BADSIG");
	/* BIND looks a key up by name and algorithm. */
	assert_result(apply_with("{'server':'127.0.0.1:%d','key_name':'certmgr','key_algorithm':'hmac-sha512'}", port, SECRET, "example.test", &add, 1),
				  CM_REFUSED, "refused the update", "TSIG error BADKEY");
	assert_result(apply_with("{'server':'127.0.0.1:%d'}", port, NULL, "example.test", &add, 1), CM_REFUSED, "refused the update",
				  "unsigned updates");
	look_up(add.name, "TXT");
	assert_int_equal(lookup.count, 0);
}

static void
test_other_zones(void **state)
{
	CmDns01Record elsewhere = {.name = "_acme-challenge.elsewhere.test", .value = "v", .remove = false, .id = NULL};
	CmDns01Record in_static = {.name = "_acme-challenge.static.test", .value = "v", .remove = false, .id = NULL};
	CmDns01Record mixed[] = {{.name = NAME, .value = "mixed", .remove = false, .id = NULL}, {.name = "_acme-challenge.static.test", .value = "v", .remove = false, .id = NULL}};
	CmDns01Record add = {.name = NAME, .value = "v", .remove = false, .id = NULL};

	(void) state;
	assert_result(apply_with(GOOD_CONFIG, port, SECRET, "elsewhere.test", &elsewhere, 1), CM_REFUSED, "zone \"elsewhere.test\"", "NOTAUTH");
	assert_result(apply_with(GOOD_CONFIG, port, SECRET, "static.test", &in_static, 1), CM_REFUSED, "zone \"static.test\"", "update policy");
	assert_result(apply_with(GOOD_CONFIG, port, SECRET, "example.test", mixed, 2), CM_INVALID, "is not in zone", "");
	assert_result(apply_with(GOOD_CONFIG, port, SECRET, "a..b", &add, 1), CM_INVALID, "is not a DNS name", "");
	assert_result(apply_with(GOOD_CONFIG, port, SECRET, "example.test", &add, 0), CM_INVALID, "no records", "");
	assert_result(apply_with("{'server':'127.0.0.1:%d','key_name':'certmgr','zone':'other.test'}", port, SECRET, "example.test", &add, 1),
				  CM_POLICY, "is not in \"zone\"", "");
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 0);
}

static void
test_servers(void **state)
{
	CmDns01Record add = {.name = NAME, .value = "second server", .remove = false, .id = NULL};
	CmDns01Record gone = {.name = NAME, .value = "second server", .remove = true, .id = NULL};
	char		pattern[256];
	int64_t		begun = cm_monotonic_ms();

	(void) state;
	assert_result(apply_with(GOOD_CONFIG, dead_port, SECRET, "example.test", &add, 1), CM_NETWORK, "no DNS server listens at 127.0.0.1:", "");
	assert_true(cm_monotonic_ms() - begun < 1000);
	assert_result(apply_with("{'server':'127.0.0.1:%d','timeout':1}", silent_port, NULL, "example.test", &add, 1),
				  CM_NETWORK, "did not answer within 1000 ms", "");
	/* Dead, silent, then one that answers. */
	snprintf(pattern, sizeof(pattern), "{'server':['127.0.0.1:%d','127.0.0.1:%d','127.0.0.1:%%d'],'key_name':'certmgr','timeout':1}", dead_port,
			 silent_port);
	assert_result(apply_with(pattern, port, SECRET, "example.test", &add, 1), CM_OK, "", "");
	look_up(NAME, "TXT");
	assert_true(has_value("second server"));
	/* Large enough for TCP, where nobody listens. */
	apply("example.test", &gone, 1);
}

static void
test_large_update(void **state)
{
	static char values[12][1001];
	CmDns01Record records[12];
	int			i;

	(void) state;
	for (i = 0; i < 12; i++)
	{
		memset(values[i], 'a' + i, i == 0 ? 1000 : 255 + i % 2);
		records[i].name = NAME;
		records[i].value = values[i];
		records[i].remove = false;
		records[i].id = NULL;
	}
	apply("example.test", records, 12);
	look_up(NAME, "TXT");		/* comes over TCP, too */
	assert_int_equal(lookup.count, 12);
	for (i = 0; i < 12; i++)
		assert_true(has_value(values[i]));
	for (i = 0; i < 12; i++)
		records[i].remove = true;
	apply("example.test", records, 12);
	look_up(NAME, "TXT");
	assert_int_equal(lookup.rcode, CM_DNS_RCODE_NXDOMAIN);
}

/* ---- zones ---- */

static void
test_find_zone(void **state)
{
	CmDns01Result r;

	(void) state;
	r = find_zone(GOOD_CONFIG, "_acme-challenge.a.b.c.example.test");
	assert_result(r, CM_OK, "", "");
	assert_string_equal(r.zone, "example.test");
	r = find_zone(GOOD_CONFIG, "example.test");
	assert_string_equal(r.zone, "example.test");
	r = find_zone(GOOD_CONFIG, "_acme-challenge.WWW.Sub.example.test.");
	assert_string_equal(r.zone, "sub.example.test");
	r = find_zone(GOOD_CONFIG, "sub.example.test");
	assert_string_equal(r.zone, "sub.example.test");
	r = find_zone(GOOD_CONFIG, "xsub.example.test");
	assert_string_equal(r.zone, "example.test");
	assert_result(find_zone(GOOD_CONFIG, "_acme-challenge.www.away.example.test"), CM_INVALID, "lies in zone \"away.example.test\"", "delegates");
	assert_result(find_zone(GOOD_CONFIG, "www.elsewhere.test"), CM_REFUSED, "serves no zone that holds", "Check \"server\"");
	assert_result(find_zone(GOOD_CONFIG, "a..b"), CM_INVALID, "is not a DNS name", "");
	assert_result(find_zone("{'server':'127.0.0.1:1','timeout':1}", "www.example.test"), CM_NETWORK, "no DNS server listens", "");
	r = find_zone("{'server':['127.0.0.1:1','127.0.0.1:%d']}", "www.example.test");
	assert_string_equal(r.zone, "example.test");
}

static void
test_configured_zone(void **state)
{
	/* Nobody is asked: nobody is there. */
	static const char config[] = "{'server':'127.0.0.1:1','zone':['example.com','Sub.Example.com','com.example']}";
	CmDns01Result r;

	(void) state;
	r = find_zone(config, "_acme-challenge.www.SUB.example.com");
	assert_result(r, CM_OK, "", "");
	assert_string_equal(r.zone, "sub.example.com");
	r = find_zone(config, "_acme-challenge.www.example.com");
	assert_string_equal(r.zone, "example.com");
	assert_result(find_zone(config, "wwwexample.com"), CM_INVALID, "is in none of the configured zones",
				  "example.com, sub.example.com, com.example");
}

/* ---- batches ---- */

static void
begin(const char *pattern, int p, const char *secret, const char *name, const char *value, bool remove, Got *got)
{
	CmJson	   *config = json(config_text(pattern, p));
	CmDns01Record record = {.name = name, .value = value, .remove = remove};
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Call call = {.loop = loop, .config = config, .secret = text_slice(secret), .zone = "example.test", .records = &record, .count = 1,
		.done = on_result, .arg = got};

	memset(got, 0, sizeof(*got));
	if (!provider->apply(&call, &st))
		fail_msg("%s", st.reason);
	cm_json_free(config);
}

static void
finish_all(Got *got, int count)
{
	for (int i = 0; i < count; i++)
	{
		while (!got[i].done)
			turn();
	}
	assert_int_equal(cm_loop_active(loop), 0);
}

/* What comes to the silent server: different messages, and how many records the last one has. */
static int
silent_messages(int *records)
{
	uint8_t		m[4096];
	int			last = -1;
	int			count = 0;

	while (recv(silent, m, sizeof(m), MSG_DONTWAIT) > 12)
	{
		if ((m[0] << 8 | m[1]) != last)
			count++;
		last = m[0] << 8 | m[1];
		*records = m[8] << 8 | m[9];
	}
	return count;
}

static void
test_batch(void **state)
{
	static const char quiet[] = "{'server':'127.0.0.1:%d','timeout':1}";
	Got			got[8];
	char		name[8][64];
	int			records = 0;
	int			i;

	(void) state;
	/* At one moment: five good ones, one that is in no zone of the server's, two with a wrong key. Only those fail. */
	for (i = 0; i < 8; i++)
	{
		snprintf(name[i], sizeof(name[i]), i == 2 ? "_acme-challenge.b%d.elsewhere.test" : "_acme-challenge.b%d.example.test", i);
		begin(GOOD_CONFIG, port, i > 5 ? WRONG_SECRET : SECRET, name[i], "batched", false, &got[i]);
	}
	finish_all(got, 8);
	for (i = 0; i < 6; i++)
	{
		if (i == 2)
			continue;
		assert_result(got[i].result, CM_OK, "", "");
		assert_result(visible("{'nameservers':'127.0.0.1:%d'}", port, "example.test", name[i], "batched"), CM_OK, "", "");
	}
	assert_result(got[2].result, CM_INVALID, "is not in zone", "");
	assert_result(got[6].result, CM_REFUSED, "refused the update", "BADSIG");
	assert_result(got[7].result, CM_REFUSED, "refused the update", "BADSIG");
	for (i = 0; i < 2; i++)
		begin(GOOD_CONFIG, port, SECRET, name[i], "batched", true, &got[i]);
	finish_all(got, 2);
	assert_result(visible("{'nameservers':'127.0.0.1:%d'}", port, "example.test", name[0], "batched"), CM_REFUSED, "is not yet at", "");

	/* It is one message, and nobody's outcome is known when it is not answered. */
	(void) silent_messages(&records);
	for (i = 0; i < 3; i++)
		begin(quiet, silent_port, NULL, name[i + 3], "batched", false, &got[i]);
	finish_all(got, 3);
	assert_int_equal(silent_messages(&records), 1);
	assert_int_equal(records, 3);
	for (i = 0; i < 3; i++)
		assert_result(got[i].result, CM_NETWORK, "did not answer", "");

	/* Some go with the loop, before and after they were sent. */
	for (i = 0; i < 3; i++)
		begin(quiet, silent_port, NULL, name[i + 3], "batched", false, &got[i]);
	turn();
	for (i = 0; i < 3; i++)
		begin(quiet, silent_port, NULL, name[i + 3], "batched", false, &got[i]);
	cm_loop_destroy(loop);
	loop = cm_loop_create(NULL, NULL);
	assert_non_null(loop);
	assert_false(got[0].done);
}

/* ---- visibility ---- */

static void
test_visible(void **state)
{
	CmDns01Record add[] = {{.name = NAME, .value = "seen", .remove = false, .id = NULL}, {.name = NAME, .value = "seen-too", .remove = false, .id = NULL}};
	CmDns01Record gone[] = {{.name = NAME, .value = "seen", .remove = true, .id = NULL}, {.name = NAME, .value = "seen-too", .remove = true, .id = NULL}};
	char		pattern[256];
	CmDns01Result r;

	(void) state;
	apply("example.test", add, 2);
	r = visible("{'nameservers':['127.0.0.1:%d']}", port, "example.test", NAME, "seen-too");
	assert_result(r, CM_OK, "", "");
	assert_string_equal(r.zone, "example.test");
	assert_result(visible("{'nameservers':'127.0.0.1:%d'}", port, "example.test", NAME, "seen-to"), CM_REFUSED, "is not yet at 1 of 1 name servers",
				  "127.0.0.1:");
	assert_result(visible("{'nameservers':'127.0.0.1:%d'}", port, "example.test", "other.example.test", "seen"), CM_REFUSED, "is not yet at", "");
	/* One server that has it, one that is dead, one that never answers. */
	snprintf(pattern, sizeof(pattern), "{'nameservers':['127.0.0.1:%d','127.0.0.1:%%d','127.0.0.1:%d']}", dead_port, silent_port);
	r = visible(pattern, port, "example.test", NAME, "seen");
	assert_result(r, CM_REFUSED, "is not yet at 2 of 3 name servers", "(no answer)");
	snprintf(pattern, sizeof(pattern), "127.0.0.1:%d (", port);
	assert_null(strstr(r.status.detail, pattern));
	/* One that serves another zone. */
	assert_result(visible("{'nameservers':'127.0.0.1:%d'}", port, "elsewhere.test", "www.elsewhere.test", "x"), CM_REFUSED, "is not yet at",
				  "(answers REFUSED)");
	apply("example.test", gone, 2);
	assert_result(visible("{'propagation':'none'}", 0, "example.test", NAME, "seen"), CM_OK, "", "");
	assert_result(visible("{'propagation':'some'}", 0, "example.test", NAME, "seen"), CM_INVALID, "\"propagation\"", "");
	assert_result(visible("{'nameservers':'x'}", 0, "example.test", NAME, "seen"), CM_INVALID, "is not the address", "");
}

static CmDns01Result
ask_where(bool zone, const char *pattern, int p, const char *name)
{
	CmJson	   *config = json(config_text(pattern, p));
	Got			got = {0};
	CmStatus	st = CM_STATUS_INIT;

	if (!(zone ? cm_dns01_zone_of : cm_dns01_delegation) (loop, config, name, on_result, &got, &st))
	{
		got.done = true;
		got.result.status = st;
		assert_int_not_equal(st.code, CM_OK);
	}
	else
		assert_false(got.done);
	cm_json_free(config);
	while (!got.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	return got.result;
}

#define assert_leads(pattern, p, name, to) \
	do { \
		CmDns01Result w_ = ask_where(false, (pattern), (p), (name)); \
		assert_result(w_, CM_OK, "", ""); \
		assert_string_equal(w_.zone, (to)); \
	} while (0)

static void
test_delegation(void **state)
{
	static const char given[] = "{'nameservers':'127.0.0.1:%d'}";
	char		pattern[256];

	(void) state;
	assert_leads(given, port, "_acme-challenge.CNAME.example.test.", "target.sub.example.test");
	assert_leads(given, port, "_acme-challenge.www.example.test", "");
	assert_leads(given, port, "_acme-challenge.example.test", "");
	assert_leads(given, port, "_acme-challenge.self.example.test", "_acme-challenge.self.example.test");	/* who follows counts */
	/* A record at the name would end the wildcard. */
	assert_leads(given, port, "_acme-challenge.wild.example.test", "");
	assert_leads(given, port, "_acme-challenge.a.b.wild.example.test", "");
	/* The first server is dead. */
	snprintf(pattern, sizeof(pattern), "{'nameservers':['127.0.0.1:%d','127.0.0.1:%%d']}", dead_port);
	assert_leads(pattern, port, "_acme-challenge.cname.example.test", "target.sub.example.test");
	/* Nobody is asked. */
	assert_leads("{'nameservers':'127.0.0.1:%d','follow_cname':false}", dead_port, "_acme-challenge.cname.example.test", "");
	/* The servers do not know the name, the resolver neither. */
	assert_result(ask_where(false, "{'nameservers':'127.0.0.1:%d','resolvers':'127.0.0.1:1'}", port, "_acme-challenge.elsewhere.test"), CM_NETWORK,
				  "could not look up the zone", "no DNS server listens");
	assert_leads("{'nameservers':'127.0.0.1:%d','resolvers':'127.0.0.1:1','propagation':'none'}", port, "_acme-challenge.elsewhere.test", "");
	/* By the resolver; the servers it names are asked at port 53. */
	if (ns_listens)
	{
		assert_leads("{'resolvers':'127.0.0.1:%d'}", port, "_acme-challenge.cname.example.test", "target.sub.example.test");
		assert_leads("{'resolvers':'127.0.0.1:%d'}", port, "_acme-challenge.www.sub.example.test", "");
	}
	else
		assert_result(ask_where(false, "{'resolvers':'127.0.0.1:%d'}", port, "_acme-challenge.cname.example.test"), CM_NETWORK, "no name server of zone", "");
	assert_result(ask_where(false, "{}", 0, "a..b"), CM_INVALID, "is not a DNS name", "");
	assert_result(ask_where(false, "{'follow_cname':1}", 0, "a.b"), CM_INVALID, "must be true or false", "");
	assert_string_equal(ask_where(true, "{'resolvers':'127.0.0.1:%d'}", port, "a.b.example.test").zone, "example.test");
	assert_string_equal(ask_where(true, "{'resolvers':'127.0.0.1:%d'}", port, "_acme-challenge.cname.example.test").zone, "example.test");
	assert_result(ask_where(true, "{'resolvers':'127.0.0.1:%d'}", port, "www.elsewhere.test"), CM_NETWORK, "could not look up the zone", "REFUSED");
}

/* The provider "manual": writes nothing, and waits for what it shall remove. */
static void
test_manual(void **state)
{
	const CmDns01Provider *rfc2136 = provider;
	CmDns01Record add = {.name = NAME, .value = "by hand", .remove = false, .id = NULL};
	CmDns01Record gone = {.name = NAME, .value = "by hand", .remove = true, .id = NULL};
	char		pattern[] = "{'nameservers':'127.0.0.1:%d'}";

	(void) state;
	provider = cm_dns01_provider("manual");
	assert_result(apply_with(pattern, port, NULL, "example.test", &add, 1), CM_OK, "", "");
	look_up(NAME, "TXT");
	assert_int_equal(lookup.count, 0);
	assert_result(apply_with(pattern, port, NULL, "example.test", &gone, 1), CM_OK, "", "");
	assert_result(find_zone("{'resolvers':'127.0.0.1:%d'}", NAME), CM_OK, "", "");
	assert_string_equal(find_zone("{'zone':['example.test','www.example.test']}", NAME).zone, "www.example.test");
	provider = rfc2136;
	apply("example.test", &add, 1);
	provider = cm_dns01_provider("manual");
	assert_result(apply_with(pattern, port, NULL, "example.test", &gone, 1), CM_REFUSED, "still at 1 of 1 name servers: please remove it", "With it: 127.0.0.1");
	provider = rfc2136;
	apply("example.test", &gone, 1);
}

static void
test_persist(void **state)
{
	static const struct
	{
		const char *value;
		bool		good;
		bool		good_wildcard;
		int64_t		until;
	}			cases[] = {
		{"ca.example; accounturi=https://ca.example/a/1", true, false, 0},
		{" CA.Example ;accounturi = https://ca.example/a/1 ; policy=WildCard", true, true, 0},
		{"other.example; accounturi=https://ca.example/a/1; persistUntil=1001", true, false, 1001},
		{"ca.example; accounturi=https://ca.example/a/1; persistuntil=1000", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; persistUntil=-1", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; persistUntil=99999999999999999999", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; persistUntil=9223372036854775807", true, false, INT64_C(253402300799)},
		{"ca.example; accounturi=https://ca.example/a/1; persistUntil=", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/12", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/", false, false, 0},
		{"ca.example; accounturi=", false, false, 0},
		{"ca.example", false, false, 0},
		{"", false, false, 0},
		{";", false, false, 0},
		{"third.example; accounturi=https://ca.example/a/1", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1;", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; policy", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; =x", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; x=a b", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; ACCOUNTURI=https://ca.example/a/2", false, false, 0},
		{"ca.example; accounturi=https://ca.example/a/1; policy=all; x=y", true, false, 0},
	};
	CmDns01Persist want = {{"ca.example", "other.example"}, 2, "https://ca.example/a/1", false, 1000};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	int64_t		until;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		want.wildcard = true;
		if (cm_dns01_persist_match(cases[i].value, &want, &until) != cases[i].good_wildcard)
			fail_msg("for a wildcard: %s", cases[i].value);
		want.wildcard = false;
		if (cm_dns01_persist_match(cases[i].value, &want, &until) != cases[i].good || until != cases[i].until)
			fail_msg("%s", cases[i].value);
	}
	cm_buf_init(&out, 0);
	assert_true(cm_dns01_persist_format(&out, "ca.example", want.account, true, 1001, NULL));
	want.wildcard = true;
	assert_true(cm_dns01_persist_match(cm_buf_cstr(&out), &want, &until));
	assert_int_equal(until, 1001);
	assert_false(cm_dns01_persist_format(&out, "ca.example", "https://a/;x", true, 0, NULL));
	assert_false(cm_dns01_persist_format(&out, "ca.example", "", true, 0, &st));
	assert_string_equal(st.reason, "the account's URL cannot stand in a DNS record");
	cm_buf_free(&out);
}

static void
test_caa(void **state)
{
	static const struct
	{
		const char *records[4];
		int			allowed;	/* 1: for the name, 2: for a wildcard */
	}			cases[] = {
		{{"0 issue ca.example"}, 3},
		{{"0 ISSUE CA.Example ; x=y"}, 3},
		{{"0 issue other.example", "0 issue ca.example"}, 3},
		{{"0 issue other.example"}, 0},
		{{"0 issue ;"}, 0},
		{{"0 issue "}, 0},
		{{"0 issuewild ca.example"}, 3},
		{{"0 issuewild ;"}, 1},
		{{"0 issue ;", "0 issuewild ca.example"}, 2},
		{{"0 issue ca.example", "0 issuewild other.example"}, 1},
		{{"0 iodef mailto:a@b"}, 3},
		{{"128 iodef mailto:a@b"}, 3},
		{{"128 tbs x", "0 issue ca.example"}, 0},
		{{"0 tbs x", "0 issue ca.example"}, 3},
		{{"0 issue ca.example; accounturi=https://ca.example/a/1"}, 3},
		{{"0 issue ca.example; accounturi=https://ca.example/a/2"}, 0},
		{{"0 issue ca.example; accounturi=https://ca.example/a/2", "0 issue ca.example; accounturi=https://ca.example/a/1"}, 3},
		{{"0 issue ca.example; validationmethods=http-01,dns-01"}, 3},
		{{"0 issue ca.example; validationmethods=dns-01"}, 3},
		{{"0 issue ca.example; validationmethods=dns-012,xdns-01"}, 0},
		{{"0 issue ca.example; validationmethods="}, 0},
		{{"0 issue ca.example; a=1; a=2"}, 0},
		{{"nonsense"}, 3},
	};
	CmDns01Caa	caa = {{"ca.example"}, 1, "https://ca.example/a/1", "dns-01", false};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char	   *records[4];
		int			n = 0;
		int			got = 0;

		for (; n < 4 && cases[i].records[n] != NULL; n++)
			records[n] = (char *) (uintptr_t) cases[i].records[n];
		caa.wildcard = false;
		got |= cm_dns01_caa_allows(records, n, &caa, NULL) ? 1 : 0;
		caa.wildcard = true;
		got |= cm_dns01_caa_allows(records, n, &caa, NULL) ? 2 : 0;
		if (got != cases[i].allowed)
			fail_msg("case %d: %d", (int) i, got);
	}
}

static CmDns01Result
ask_caa(const char *pattern, int p, const char *name)
{
	CmJson	   *config = json(config_text(pattern, p));
	CmDns01Caa	caa = {{"ca.example"}, 1, "https://ca.example/a/1", "dns-01", false};
	Got			got = {0};

	assert_true(cm_dns01_caa(loop, config, name, &caa, on_result, &got, NULL));
	cm_json_free(config);
	while (!got.done)
		turn();
	assert_int_equal(cm_loop_active(loop), 0);
	return got.result;
}

static void
test_caa_climbs(void **state)
{
	static const char resolver[] = "{'resolvers':'127.0.0.1:%d'}";

	(void) state;
	assert_result(ask_caa(resolver, port, "a.b.caa.example.test"), CM_POLICY, "do not allow the CA ca.example", "issue \"other.example\"");
	assert_result(ask_caa(resolver, port, "a.ours.caa.example.test"), CM_OK, "", "");
	/* Nothing up to the top, where this server knows nothing any more. */
	assert_result(ask_caa(resolver, port, "www.example.test"), CM_NETWORK, "could not look up CAA records of \"test\"", "");
	assert_result(ask_caa(resolver, dead_port, "www.example.test"), CM_NETWORK, "could not look up CAA", "");
}

/* Answers "no such name" to what came to the silent server, once each; repeated datagrams are passed over. How many questions that were. */
static int
refuse_all(void)
{
	static uint8_t last[2];
	struct sockaddr_storage from;
	socklen_t	len = sizeof(from);
	uint8_t		m[600];
	ssize_t		n;
	int			questions = 0;

	while ((n = recvfrom(silent, m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *) &from, &len)) > 12)
	{
		if (memcmp(last, m, 2) != 0)
			questions++;
		memcpy(last, m, 2);
		m[2] |= 0x80;			/* QR */
		m[3] = 3;				/* NXDOMAIN */
		assert_int_equal(sendto(silent, m, (size_t) n, 0, (struct sockaddr *) &from, len), n);
		len = sizeof(from);
	}
	return questions;
}

/* Names of one domain whose records are looked for at one time: each asks for its own, for those above only one asks. */
static void
test_caa_shared(void **state)
{
	enum {NAMES = 20};
	CmJson	   *config = json(config_text("{'resolvers':'127.0.0.1:%d'}", silent_port));
	CmDns01Caa	caa = {{"ca.example"}, 1, "https://ca.example/a/1", "dns-01", false};
	Got			got[NAMES] = {{0}};
	char		name[64];
	int			questions = 0;
	int			records;
	int			i;

	(void) state;
	(void) silent_messages(&records);
	for (i = 0; i < NAMES; i++)
	{
		snprintf(name, sizeof(name), "n%d.shared.test", i);
		assert_true(cm_dns01_caa(loop, config, name, &caa, on_result, &got[i], NULL));
	}
	while (cm_loop_active(loop) > 0)
	{
		turn();
		questions += refuse_all();
	}
	for (i = 0; i < NAMES; i++)
	{
		assert_true(got[i].done);
		assert_int_equal(got[i].result.status.code, CM_OK);
	}
	/* A name each, their domain and the top once or, when answers came between, a few times. */
	assert_in_range(questions, NAMES + 2, NAMES + 8);
	cm_json_free(config);
}

/* NS and addresses by the resolvers. The servers found are asked at port 53, which named has when the test may. */
static void
test_visible_by_resolver(void **state)
{
	CmDns01Record add = {.name = "_acme-challenge.sub.example.test", .value = "seen", .remove = false, .id = NULL};
	CmDns01Record gone = {.name = "_acme-challenge.sub.example.test", .value = "seen", .remove = true, .id = NULL};
	char		pattern[256];

	(void) state;
	apply("sub.example.test", &add, 1);
	snprintf(pattern, sizeof(pattern), "{'resolvers':['127.0.0.1:%d','127.0.0.1:%%d']}", dead_port);
	if (ns_listens)
	{
		assert_result(visible(pattern, port, "sub.example.test", add.name, "seen"), CM_OK, "", "");
		assert_result(visible(pattern, port, "sub.example.test", add.name, "other"), CM_REFUSED, "at 1 of 1", "ns1.sub.example.test (" NS_ADDRESS ")");
	}
	else
		assert_result(visible(pattern, port, "sub.example.test", add.name, "seen"), CM_REFUSED, "at 1 of 1", "ns1.sub.example.test (" NS_ADDRESS ")");
	apply("sub.example.test", &gone, 1);

	assert_result(visible("{'resolvers':'127.0.0.1:%d'}", dead_port, "example.test", NAME, "x"), CM_NETWORK, "could not look up the name servers",
				  "no DNS server listens");
	assert_result(visible("{'resolvers':'127.0.0.1:%d'}", port, "elsewhere.test", NAME, "x"), CM_NETWORK, "could not look up the name servers",
				  "REFUSED");
	assert_result(visible("{'resolvers':'127.0.0.1:%d'}", port, "www.example.test", NAME, "x"), CM_NETWORK, "has no name servers", "NXDOMAIN");
}

static void
not_called(CmDns01Result *result, void *arg)
{
	(void) result;
	(void) arg;
	fail_msg("went with the loop");
}

static void
test_destroy(void **state)
{
	CmLoop	   *other = cm_loop_create(NULL, NULL);
	CmJson	   *silent_server = json(config_text("{'server':'127.0.0.1:%d'}", silent_port));
	CmJson	   *with_zone = json(config_text("{'server':'127.0.0.1:%d','zone':'example.test'}", silent_port));
	CmJson	   *names = json(config_text("{'nameservers':'127.0.0.1:%d'}", silent_port));
	CmJson	   *resolver = json(config_text("{'resolvers':'127.0.0.1:%d'}", silent_port));
	CmDns01Record add = {.name = NAME, .value = "v", .remove = false, .id = NULL};
	CmDns01Call call = {.loop = other, .config = silent_server, .zone = "example.test", .name = NAME, .records = &add, .count = 1, .done = not_called};

	(void) state;
	assert_true(provider->apply(&call, NULL));
	assert_true(provider->find_zone(&call, NULL));
	call.config = with_zone;
	assert_true(provider->find_zone(&call, NULL));
	assert_true(cm_dns01_visible(other, names, "example.test", NAME, "v", not_called, NULL, NULL));
	assert_true(cm_dns01_visible(other, resolver, "example.test", NAME, "v", not_called, NULL, NULL));
	/* Two that wait for one answer. */
	assert_true(cm_dns01_delegation(other, resolver, NAME, not_called, NULL, NULL));
	assert_true(cm_dns01_delegation(other, resolver, NAME, not_called, NULL, NULL));
	assert_true(cm_loop_active(other) >= 5);
	cm_loop_destroy(other);
	cm_json_free(silent_server);
	cm_json_free(with_zone);
	cm_json_free(names);
	cm_json_free(resolver);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_other_zones),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_large_update),
		cmocka_unit_test(test_find_zone),
		cmocka_unit_test(test_configured_zone),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_delegation),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_persist),
		cmocka_unit_test(test_caa),
		cmocka_unit_test(test_caa_climbs),
		cmocka_unit_test(test_caa_shared),
		cmocka_unit_test(test_visible_by_resolver),
		cmocka_unit_test(test_destroy),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
