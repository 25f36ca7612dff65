/*
 * delegation.c - where names lead to: the CNAME at a challenge's name, and the
 * zone a name lies in.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: resolvers and name servers that do not answer.
 *
 * The CNAME is asked of authoritative servers: a resolver that is asked for a
 * challenge's name before the record is there remembers for as long as the
 * zone says that there is none, and a CA may use the same resolver. So the
 * resolvers hear of the name's parent only.
 */
#include "dns01/resolve.h"

#include "base/host.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Zones that refer to zones below them: a name has few levels. */
#define REFERRALS_MAX 8

typedef struct Walk
{
	CmOp		op;
	CmLoop	   *loop;
	bool		zone_only;		/* the zone is wanted, not the CNAME */
	bool		lenient;		/* "propagation": "none": nobody can be asked, and that is known */
	CmDns01Resolvers resolvers;
	char		name[256];
	char		probe[256];		/* a sibling that nobody has made: a wildcard answers for it */
	const char *suffix;			/* the zone walk: what is asked for */
	char		zone[256];
	int			referrals;
	CmDns01Targets targets;
	int			target;			/* the one that is asked */
	bool		given;			/* they are of the configuration, not of the zone */
	char		found[256];		/* the CNAME */
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
} Walk;

static void ask_cname(Walk *walk);
static void ask_soa(Walk *walk);

static void
drop(CmOp *op)
{
	cm_op_end(op);
	free(op);
}

static void
finish(Walk *walk)
{
	cm_op_end(&walk->op);
	walk->done(&walk->result, walk->arg);
	free(walk);
}

/* Nobody knows. */
static void
give_up(Walk *walk, const CmStatus *why)
{
	if (walk->lenient && !walk->zone_only)
		memset(&walk->result.status, 0, sizeof(walk->result.status));
	else
		walk->result.status = *why;
	finish(walk);
}

static void
found_nothing(void *arg)
{
	finish(arg);
}

/* ---- the zone, by resolvers ---- */

static void
on_targets(const CmDns01Targets *targets, void *arg)
{
	Walk	   *walk = arg;

	if (targets->status.code != CM_OK)
	{
		give_up(walk, &targets->status);
		return;
	}
	walk->targets = *targets;
	walk->target = 0;
	walk->given = false;
	ask_cname(walk);
}

static void
ask_targets(Walk *walk)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_dns01_zone_targets(walk->loop, &walk->resolvers, walk->zone, on_targets, walk, &st))
		give_up(walk, &st);
}

static void
on_soa(CmDnsAnswer *answer, void *arg)
{
	Walk	   *walk = arg;
	CmStatus	st = CM_STATUS_INIT;

	if (cm_dns01_resolver_failed(answer))
	{
		cm_fail(&st, CM_NETWORK, "could not look up the zone of \"%.150s\"", walk->name);
		if (answer->status.code != CM_OK)
			cm_fail_detail(&st, "The last resolver failed: %s.", answer->status.reason);
		else
			cm_fail_detail(&st, "The last resolver answered %s for \"%.150s\".", cm_dns_rcode_name(answer->rcode), walk->suffix);
		give_up(walk, &st);
		return;
	}
	if (answer->cname[0] == '\0' && answer->soa[0] != '\0' && cm_host_in_zone(walk->name, answer->soa))
	{
		snprintf(walk->zone, sizeof(walk->zone), "%s", answer->soa);
		snprintf(walk->result.zone, sizeof(walk->result.zone), "%s", answer->soa);
		if (walk->zone_only)
			finish(walk);
		else
			ask_targets(walk);
		return;
	}
	/* A CNAME, or a server that says nothing of the zone: one label less. */
	walk->suffix = cm_dns01_parent(walk->suffix);
	ask_soa(walk);
}

static void
ask_soa(Walk *walk)
{
	CmStatus	st = CM_STATUS_INIT;

	if (walk->suffix == NULL && !walk->zone_only)
	{
		/* Nobody knows such a name here, so no CNAME either: a private zone perhaps. The provider says whether it has it. */
		walk->result.zone[0] = '\0';
		finish(walk);
		return;
	}
	if (walk->suffix == NULL)
	{
		cm_fail(&st, CM_NETWORK, "no zone of \"%.150s\" can be found", walk->name);
		cm_fail_detail(&st, "No resolver knows one; \"resolvers\" or \"nameservers\" in the provider's configuration say who does.");
	}
	else if (cm_dns01_lookup(walk->loop, &walk->resolvers, walk->suffix, "SOA", on_soa, walk, &st))
		return;
	give_up(walk, &st);
}

/* ---- the CNAME, at authoritative servers ---- */

static void
next_target(Walk *walk)
{
	CmStatus	st = CM_STATUS_INIT;

	if (walk->target + 1 < walk->targets.count)
	{
		walk->target++;
		ask_cname(walk);
		return;
	}
	if (walk->given)
	{
		/* The configured servers do not have this name: it lies elsewhere. */
		walk->given = false;
		ask_soa(walk);
		return;
	}
	cm_fail(&st, CM_NETWORK, "no name server of zone \"%.150s\" answers", walk->zone);
	cm_fail_detail(&st, "Whether \"%.150s\" is delegated (CNAME) is not known.", walk->name);
	give_up(walk, &st);
}

/* A wildcard would answer for a name that nobody has made: once the TXT is there, it does not answer for that name any more. */
static void
on_probe(CmDnsAnswer *answer, void *arg)
{
	Walk	   *walk = arg;
	bool		wildcard = answer->status.code == CM_OK && answer->count == 1 && strcmp(answer->values[0], walk->found) == 0;

	snprintf(walk->result.zone, sizeof(walk->result.zone), "%s", wildcard ? "" : walk->found);
	finish(walk);
}

static bool
send_query(Walk *walk, const char *name, CmDnsDone on_answer)
{
	const CmDns01Target *target = &walk->targets.list[walk->target];
	CmStatus	st = CM_STATUS_INIT;

	return target->len > 0 &&
		cm_dns_query(walk->loop, &target->addr, target->len, name, "CNAME", false, CM_DNS01_QUERY_MS, on_answer, walk, &st) != NULL;
}

static void
on_cname(CmDnsAnswer *answer, void *arg)
{
	Walk	   *walk = arg;
	CmStatus	st = CM_STATUS_INIT;
	bool		known = answer->rcode == CM_DNS_RCODE_NOERROR || answer->rcode == CM_DNS_RCODE_NXDOMAIN;

	walk->result.zone[0] = '\0';
	if (answer->status.code == CM_OK && answer->authoritative && known)
	{
		if (answer->count == 0 || !cm_dns01_canonical(answer->values[0], walk->found))
			finish(walk);
		else if (!send_query(walk, walk->probe, on_probe))
			next_target(walk);
		return;
	}
	/* A zone below: its servers know. */
	if (answer->status.code == CM_OK && !walk->given && answer->referral[0] != '\0' && strlen(answer->referral) > strlen(walk->zone) &&
		cm_host_in_zone(walk->name, answer->referral))
	{
		snprintf(walk->zone, sizeof(walk->zone), "%s", answer->referral);
		if (++walk->referrals <= REFERRALS_MAX)
		{
			ask_targets(walk);
			return;
		}
		cm_fail(&st, CM_PROTOCOL, "name servers refer to each other for \"%.150s\"", walk->name);
		give_up(walk, &st);
		return;
	}
	next_target(walk);
}

static void
ask_cname(Walk *walk)
{
	if (!send_query(walk, walk->name, on_cname))
		next_target(walk);
}

static void
ask_given(void *arg)
{
	ask_cname(arg);
}

/* ---- start ---- */

bool
cm_dns01_follows(const CmJson *config, bool *follows, CmStatus *st)
{
	const CmJson *value = cm_json_get(config, "follow_cname");

	*follows = cm_json_bool(value, true);
	if (value != NULL && cm_json_type(value) != CM_JSON_BOOL)
		return cm_fail(st, CM_INVALID, "\"follow_cname\" must be true or false");
	return true;
}

/* "_certmgr-4f3a9c01.www.example.com" for "_acme-challenge.www.example.com". */
static bool
make_probe(Walk *walk, CmStatus *st)
{
	unsigned char random[4];
	const char *parent = cm_dns01_parent(walk->name);

	if (RAND_bytes(random, sizeof(random)) != 1)
		return cm_fail(st, CM_CRYPTO, "no random numbers can be had");
	snprintf(walk->probe, sizeof(walk->probe), "_certmgr-%02x%02x%02x%02x%s%s", random[0], random[1], random[2], random[3],
			 parent != NULL ? "." : "", parent != NULL ? parent : "");
	return true;
}

static bool
begin(Walk *walk, const CmJson *config, CmStatus *st)
{
	bool		follows;
	bool		checks;

	if (!cm_dns01_follows(config, &follows, st) || !cm_dns01_wants_check(config, &checks, st) ||
		!cm_dns01_given_targets(config, &walk->targets, st) || !cm_dns01_resolvers_read(config, &walk->resolvers, st) || !make_probe(walk, st))
		return false;
	walk->lenient = !checks;
	walk->given = walk->targets.count > 0;
	walk->suffix = walk->zone_only ? walk->name : cm_dns01_parent(walk->name);
	/* Results that are there at once are told from the loop all the same. */
	if (!walk->zone_only && (!follows || walk->suffix == NULL))
		return cm_timer_start(walk->loop, 0, found_nothing, walk) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	if (!walk->zone_only && walk->given)
		return cm_timer_start(walk->loop, 0, ask_given, walk) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	return cm_dns01_lookup(walk->loop, &walk->resolvers, walk->suffix, "SOA", on_soa, walk, st);
}

static bool
start(CmLoop *loop, const CmJson *config, const char *name, bool zone_only, CmDns01Done done, void *arg, CmStatus *st)
{
	Walk	   *walk = calloc(1, sizeof(Walk));
	CmStatus	own = CM_STATUS_INIT;

	if (walk == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	walk->loop = loop;
	walk->zone_only = zone_only;
	walk->done = done;
	walk->arg = arg;
	walk->result.retry_after = -1;
	if (!cm_dns01_canonical(name, walk->name))
		cm_fail(&own, CM_INVALID, "\"%.100s\" is not a DNS name", name);
	else if (begin(walk, config, &own))
	{
		cm_op_begin(&walk->op, loop, drop);
		return true;
	}
	if (st != NULL)
		*st = own;
	free(walk);
	return false;
}

bool
cm_dns01_delegation(CmLoop *loop, const CmJson *config, const char *name, CmDns01Done done, void *arg, CmStatus *st)
{
	return start(loop, config, name, false, done, arg, st);
}

bool
cm_dns01_zone_of(CmLoop *loop, const CmJson *config, const char *name, CmDns01Done done, void *arg, CmStatus *st)
{
	return start(loop, config, name, true, done, arg, st);
}
