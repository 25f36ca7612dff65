/*
 * propagation.c - is a TXT value to be seen at every authoritative server of
 * a zone?
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: the resolvers, so that the servers are not known; a server that
 * does not answer counts as one that lacks the value. Who asks repeats it.
 *
 * Three steps, each in parallel: the zone's NS; A and AAAA of each; the TXT at
 * each address, without recursion. The resolvers are never asked for the TXT
 * itself: they would remember that it was not there.
 */
#include "dns01/provider.h"

#include "dns01/internal.h"
#include "net/address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A delegation answer of 512 bytes has room for 13; nobody sane has more than 16. */
#define NS_MAX 16
#define SERVERS_MAX 64
#define RESOLVERS_MAX 8
#define RESOLV_CONF "/etc/resolv.conf"
/* An authoritative server answers from memory; what takes longer is as good as dead to a CA as well. */
#define QUERY_TIMEOUT_MS 3000

typedef struct Check Check;

/* One authoritative server at one address. */
typedef struct Probe
{
	Check	   *check;
	struct sockaddr_storage addr;
	socklen_t	len;
	char		text[330];		/* "ns1.example.com (192.0.2.1:53)" */
	bool		skipped;		/* no route from here */
	bool		seen;
	char		why[64];		/* "" or: why there was no answer */
} Probe;

/* One address lookup of one name server. */
typedef struct Lookup
{
	Check	   *check;
	const char *host;
	const char *type;
	int			resolver;
	bool		failed;
} Lookup;

struct Check
{
	CmOp		op;
	CmLoop	   *loop;
	CmDns01Server resolvers[RESOLVERS_MAX];
	int			nresolvers;
	bool		system;			/* the resolvers are those of the machine */
	int			resolver;		/* asked for the NS */
	char		zone[256];
	char		name[256];
	char	   *value;
	char		hosts[NS_MAX][256];
	int			nhosts;
	Lookup		lookups[2 * NS_MAX];
	int			nlookups;
	Probe		probes[SERVERS_MAX];
	int			nprobes;
	int			pending;		/* queries under way in this step */
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
};

static bool ask_ns(Check *check, CmStatus *st);
static void ask_servers(Check *check);

/* ---- life ---- */

static void
check_free(Check *check)
{
	free(check->value);
	free(check);
}

static void
drop(CmOp *op)
{
	cm_op_end(op);
	check_free((Check *) op);
}

static void
finish(Check *check)
{
	cm_op_end(&check->op);
	snprintf(check->result.zone, sizeof(check->result.zone), "%s", check->zone);
	check->done(&check->result, check->arg);
	check_free(check);
}

static void
on_timer(void *arg)
{
	finish(arg);
}

/* ---- configuration ---- */

static bool
wants_check(const CmJson *config, bool *wants, CmStatus *st)
{
	const char *text;

	if (!cm_dns01_text(config, "propagation", &text, st))
		return false;
	*wants = text == NULL || strcmp(text, "authoritative") == 0;
	if (!*wants && strcmp(text, "none") != 0)
		return cm_fail(st, CM_INVALID, "\"propagation\" must be \"authoritative\" or \"none\"");
	return true;
}

bool
cm_dns01_check_propagation(const CmJson *config, CmStatus *st)
{
	CmDns01Server *servers = calloc(SERVERS_MAX, sizeof(CmDns01Server));
	int			count;
	bool		wants;
	bool		ok;

	if (servers == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = cm_dns01_servers(config, "nameservers", servers, SERVERS_MAX, &count, st) &&
		cm_dns01_servers(config, "resolvers", servers, RESOLVERS_MAX, &count, st) && wants_check(config, &wants, st);
	free(servers);
	return ok;
}

/* The "nameserver" lines of resolv.conf(5). Without any the C library asks this machine, and so do we. */
static void
read_resolv_conf(Check *check)
{
	FILE	   *f = fopen(RESOLV_CONF, "re");
	char		line[512];
	char		text[64];

	check->system = true;
	while (f != NULL && check->nresolvers < RESOLVERS_MAX && fgets(line, sizeof(line), f) != NULL)
	{
		CmDns01Server *server = &check->resolvers[check->nresolvers];

		/* An address with a scope (fe80::1%eth0) is passed over. */
		if (sscanf(line, " nameserver %63s", text) == 1 && cm_dns_server_parse(text, &server->addr, &server->len, NULL))
			check->nresolvers++;
	}
	if (f != NULL)
		fclose(f);
	if (check->nresolvers == 0 && cm_dns_server_parse("127.0.0.1", &check->resolvers[0].addr, &check->resolvers[0].len, NULL))
		check->nresolvers = 1;
}

/* ---- step 3: the TXT at every server ---- */

static void
tell(Check *check)
{
	CmStatus   *st = &check->result.status;
	CmBuf		lacking;
	int			asked = 0;
	int			missing = 0;
	int			more = 0;
	int			i;

	memset(st, 0, sizeof(*st));
	cm_buf_init(&lacking, 400);	/* leaves room in a CmStatus for the rest of the sentence */
	for (i = 0; i < check->nprobes; i++)
	{
		const Probe *p = &check->probes[i];

		if (p->skipped)
			continue;
		asked++;
		if (p->seen)
			continue;
		missing++;
		if (lacking.len + strlen(p->text) + strlen(p->why) + 8 > 400)
			more++;
		else
			cm_buf_printf(&lacking, "%s%s%s%s", lacking.len > 0 ? ", " : "", p->text, p->why[0] != '\0' ? " " : "", p->why);
	}
	if (asked == 0)
		cm_fail(st, CM_NETWORK, "no name server of zone \"%.150s\" can be reached", check->zone);
	else if (missing > 0)
	{
		cm_fail(st, CM_REFUSED, "record \"%.100s\" is not yet at %d of %d name servers", check->name, missing, asked);
		if (more > 0)
			cm_fail_detail(st, "Without it: %s and %d more.", cm_buf_cstr(&lacking), more);
		else
			cm_fail_detail(st, "Without it: %s.", cm_buf_cstr(&lacking));
	}
	cm_buf_free(&lacking);
	finish(check);
}

static void
on_txt(CmDnsAnswer *answer, void *arg)
{
	Probe	   *probe = arg;
	Check	   *check = probe->check;
	int			i;

	if (answer->status.code == CM_UNSUPPORTED)
		probe->skipped = true;
	else if (answer->status.code != CM_OK)
		snprintf(probe->why, sizeof(probe->why), "(no answer)");
	else if (answer->rcode != CM_DNS_RCODE_NOERROR && answer->rcode != CM_DNS_RCODE_NXDOMAIN)
		snprintf(probe->why, sizeof(probe->why), "(answers %s)", cm_dns_rcode_name(answer->rcode));
	for (i = 0; i < answer->count; i++)
	{
		if (strcmp(answer->values[i], check->value) == 0)
			probe->seen = true;
	}
	if (--check->pending == 0)
		tell(check);
}

static bool
ask_txt(Probe *probe, CmStatus *st)
{
	Check	   *check = probe->check;

	if (cm_dns_query(check->loop, &probe->addr, probe->len, check->name, "TXT", false, QUERY_TIMEOUT_MS, on_txt, probe, st) != NULL)
		return true;
	probe->skipped = st->code == CM_UNSUPPORTED;
	snprintf(probe->why, sizeof(probe->why), st->code == CM_POLICY ? "(address is not allowed)" : "(could not be asked)");
	return false;
}

static void
ask_servers(Check *check)
{
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	check->pending = 0;
	for (i = 0; i < check->nprobes; i++)
	{
		/* Those that could not be looked up are there to be told only. */
		if (check->probes[i].len > 0 && ask_txt(&check->probes[i], &st))
			check->pending++;
	}
	if (check->pending == 0)
		tell(check);
}

static Probe *
add_probe(Check *check)
{
	Probe	   *probe;

	if (check->nprobes == SERVERS_MAX)
		return NULL;
	probe = &check->probes[check->nprobes++];
	probe->check = check;
	return probe;
}

/* ---- step 2: addresses of the name servers ---- */

static CmDns *
ask_resolver(Check *check, int resolver, const char *name, const char *type, CmDnsDone done, void *arg, CmStatus *st)
{
	const CmDns01Server *r = &check->resolvers[resolver];

	memset(st, 0, sizeof(*st));
	if (check->system)
		return cm_dns_query_resolver(check->loop, &r->addr, r->len, name, type, QUERY_TIMEOUT_MS, done, arg, st);
	return cm_dns_query(check->loop, &r->addr, r->len, name, type, true, QUERY_TIMEOUT_MS, done, arg, st);
}

/* Did this resolver not do its work, so that another one may? */
static bool
resolver_failed(const CmDnsAnswer *answer)
{
	return answer->status.code != CM_OK || (answer->rcode != CM_DNS_RCODE_NOERROR && answer->rcode != CM_DNS_RCODE_NXDOMAIN);
}

static bool
same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	char		ta[64];
	char		tb[64];

	cm_sockaddr_format((const struct sockaddr *) a, ta, sizeof(ta));
	cm_sockaddr_format((const struct sockaddr *) b, tb, sizeof(tb));
	return strcmp(ta, tb) == 0;
}

/* Two names for one server are common: one is enough to ask. */
static void
add_address(Check *check, const char *host, const char *address)
{
	struct sockaddr_storage addr;
	socklen_t	len;
	Probe	   *probe;
	int			i;

	if (!cm_dns_server_parse(address, &addr, &len, NULL))
		return;
	for (i = 0; i < check->nprobes; i++)
	{
		if (check->probes[i].len > 0 && same_address(&check->probes[i].addr, &addr))
			return;
	}
	probe = add_probe(check);
	if (probe == NULL)
		return;
	probe->addr = addr;
	probe->len = len;
	snprintf(probe->text, sizeof(probe->text), "%s (%s)", host, address);
}

static void
lookups_done(Check *check)
{
	int			i;

	for (i = 0; i < check->nlookups; i++)
	{
		Probe	   *probe;

		if (!check->lookups[i].failed || (probe = add_probe(check)) == NULL)
			continue;
		snprintf(probe->text, sizeof(probe->text), "%s", check->lookups[i].host);
		snprintf(probe->why, sizeof(probe->why), "(its %s could not be looked up)", check->lookups[i].type);
	}
	ask_servers(check);
}

static void on_address(CmDnsAnswer *answer, void *arg);

/* Asks the lookup's resolver, or one behind it. */
static bool
ask_address(Lookup *lookup)
{
	CmStatus	st;

	for (; lookup->resolver < lookup->check->nresolvers; lookup->resolver++)
	{
		if (ask_resolver(lookup->check, lookup->resolver, lookup->host, lookup->type, on_address, lookup, &st) != NULL)
			return true;
	}
	lookup->failed = true;
	return false;
}

static void
on_address(CmDnsAnswer *answer, void *arg)
{
	Lookup	   *lookup = arg;
	Check	   *check = lookup->check;
	int			i;

	if (resolver_failed(answer))
	{
		lookup->resolver++;
		if (ask_address(lookup))
			return;
	}
	for (i = 0; i < answer->count; i++)
		add_address(check, lookup->host, answer->values[i]);
	if (--check->pending == 0)
		lookups_done(check);
}

static void
ask_addresses(Check *check)
{
	static const char *const types[] = {"A", "AAAA"};
	int			i;

	check->pending = 0;
	for (i = 0; i < 2 * check->nhosts; i++)
	{
		Lookup	   *lookup = &check->lookups[check->nlookups++];

		lookup->check = check;
		lookup->host = check->hosts[i / 2];
		lookup->type = types[i % 2];
		/* The resolver that knew the NS goes first. */
		lookup->resolver = check->resolver;
		if (ask_address(lookup))
			check->pending++;
	}
	if (check->pending == 0)
		lookups_done(check);
}

/* ---- step 1: name servers of the zone ---- */

static void
on_ns(CmDnsAnswer *answer, void *arg)
{
	Check	   *check = arg;
	CmStatus   *st = &check->result.status;
	int			i;

	if (resolver_failed(answer))
	{
		CmStatus	last = answer->status;

		check->resolver++;
		if (ask_ns(check, st))
			return;
		cm_fail(st, CM_NETWORK, "could not look up the name servers of zone \"%.150s\"", check->zone);
		if (last.code != CM_OK)
			cm_fail_detail(st, "The last resolver failed: %s.", last.reason);
		else
			cm_fail_detail(st, "The last resolver answered %s.", cm_dns_rcode_name(answer->rcode));
		finish(check);
		return;
	}
	for (i = 0; i < answer->count && check->nhosts < NS_MAX; i++)
	{
		uint8_t		wire[256];
		size_t		len;

		/* "." and names nobody could ask for are no servers. */
		if (strlen(answer->values[i]) < sizeof(check->hosts[0]) && cm_dns_name_wire(answer->values[i], wire, &len) && len > 1)
			snprintf(check->hosts[check->nhosts++], sizeof(check->hosts[0]), "%s", answer->values[i]);
	}
	if (check->nhosts > 0)
	{
		ask_addresses(check);
		return;
	}
	cm_fail(st, CM_NETWORK, "zone \"%.150s\" has no name servers", check->zone);
	cm_fail_detail(st, "The resolver answered %s without NS records.", cm_dns_rcode_name(answer->rcode));
	finish(check);
}

static bool
ask_ns(Check *check, CmStatus *st)
{
	for (; check->resolver < check->nresolvers; check->resolver++)
	{
		if (ask_resolver(check, check->resolver, check->zone, "NS", on_ns, check, st) != NULL)
			return true;
	}
	return false;
}

/* ---- start ---- */

static bool
set_name(char dst[256], const char *name, CmStatus *st)
{
	uint8_t		wire[256];
	size_t		len = strlen(name);
	size_t		wirelen;

	if (len > 255 || !cm_dns_name_wire(name, wire, &wirelen) || wirelen < 2)
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", name);
	memcpy(dst, name, len + 1);
	return true;
}

static bool
set_given_servers(Check *check, const CmJson *config, CmStatus *st)
{
	CmDns01Server *given = calloc(SERVERS_MAX, sizeof(CmDns01Server));
	int			count = 0;
	int			i;
	bool		ok;

	if (given == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = cm_dns01_servers(config, "nameservers", given, SERVERS_MAX, &count, st);
	for (i = 0; ok && i < count; i++)
	{
		Probe	   *probe = add_probe(check);

		probe->addr = given[i].addr;
		probe->len = given[i].len;
		snprintf(probe->text, sizeof(probe->text), "%s", given[i].text);
	}
	free(given);
	return ok;
}

static void
on_given(void *arg)
{
	ask_servers(arg);
}

static bool
begin(Check *check, const CmJson *config, CmStatus *st)
{
	bool		wants;

	if (!wants_check(config, &wants, st))
		return false;
	/* Results that are there at once are told from the loop all the same. */
	if (!wants)
		return cm_timer_start(check->loop, 0, on_timer, check) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	if (!set_given_servers(check, config, st) ||
		!cm_dns01_servers(config, "resolvers", check->resolvers, RESOLVERS_MAX, &check->nresolvers, st))
		return false;
	if (check->nprobes > 0)
		return cm_timer_start(check->loop, 0, on_given, check) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	if (check->nresolvers == 0)
		read_resolv_conf(check);
	return ask_ns(check, st);
}

bool
cm_dns01_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value,
				 CmDns01Done done, void *arg, CmStatus *st)
{
	Check	   *check = calloc(1, sizeof(Check));
	CmStatus	own = CM_STATUS_INIT;

	if (check == NULL || (check->value = strdup(value)) == NULL)
	{
		free(check);
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	check->loop = loop;
	check->done = done;
	check->arg = arg;
	check->result.retry_after = -1;
	if (!set_name(check->zone, zone, &own) || !set_name(check->name, name, &own) || !begin(check, config, &own))
	{
		if (st != NULL)
			*st = own;
		check_free(check);
		return false;
	}
	cm_op_begin(&check->op, loop, drop);
	return true;
}
