/*
 * propagation.c - is a TXT value to be seen at every authoritative server of
 * a zone, or at none?
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: the resolvers, so that the servers are not known; a server that
 * does not answer counts as one that lacks the value. Who asks repeats it.
 *
 * The servers come from servers.c; all are asked in parallel, without
 * recursion. The resolvers are never asked for the TXT itself: they would
 * remember that it was not there.
 */
#include "dns01/persist.h"
#include "dns01/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Want
{
	WANT_VALUE,					/* this value */
	WANT_GONE,					/* not this value */
	WANT_PERSIST				/* a standing record that is good for what is wanted */
} Want;

typedef struct Check Check;

/* One authoritative server at one address. */
typedef struct Probe
{
	Check	   *check;
	const CmDns01Target *target;
	bool		skipped;		/* no route from here */
	bool		seen;
	char		why[64];		/* "" or: why there was no answer */
} Probe;

struct Check
{
	CmOp		op;
	CmLoop	   *loop;
	char		zone[256];		/* "": not known */
	char		name[256];
	Want		want;
	char	   *value;			/* not for WANT_PERSIST */
	CmDns01Persist persist;
	CmDns01Resolvers resolvers;
	CmDns01Targets targets;
	Probe		probes[CM_DNS01_TARGETS_MAX];
	int			pending;		/* queries under way */
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
};

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

bool
cm_dns01_wants_check(const CmJson *config, bool *wants, CmStatus *st)
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
	CmDns01Targets *targets = calloc(1, sizeof(CmDns01Targets));
	CmDns01Resolvers resolvers;
	bool		flag;
	bool		ok;

	if (targets == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = cm_dns01_given_targets(config, targets, st) && cm_dns01_resolvers_read(config, &resolvers, st) &&
		cm_dns01_wants_check(config, &flag, st) && cm_dns01_follows(config, &flag, st);
	free(targets);
	return ok;
}

/* ---- the TXT at every server ---- */

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
	for (i = 0; i < check->targets.count; i++)
	{
		const Probe *p = &check->probes[i];
		const char *text = check->targets.list[i].text;

		if (p->skipped)
			continue;
		asked++;
		/* A server that does not answer shows nothing to anybody: "gone" is true of it. */
		if (p->seen == (check->want != WANT_GONE))
			continue;
		missing++;
		if (lacking.len + strlen(text) + strlen(p->why) + 8 > 400)
			more++;
		else
			cm_buf_printf(&lacking, "%s%s%s%s", lacking.len > 0 ? ", " : "", text, p->why[0] != '\0' ? " " : "", p->why);
	}
	if (asked == 0)
		cm_fail(st, CM_NETWORK, "no name server of zone \"%.150s\" can be reached", check->zone);
	else if (missing > 0)
	{
		bool		gone = check->want == WANT_GONE;

		cm_fail(st, CM_REFUSED, "record \"%.100s\" is %s at %d of %d name servers", check->name, gone ? "still" : "not yet", missing, asked);
		cm_buf_cstr(&lacking);
		if (more > 0)
			cm_fail_detail(st, "%s it: %s and %d more.", gone ? "With" : "Without", (char *) lacking.data, more);
		else
			cm_fail_detail(st, "%s it: %s.", gone ? "With" : "Without", (char *) lacking.data);
	}
	cm_buf_free(&lacking);
	finish(check);
}

static bool
has_value(const Check *check, const CmDnsAnswer *answer)
{
	for (int i = 0; i < answer->count; i++)
	{
		if (strcmp(answer->values[i], check->value) == 0)
			return true;
	}
	return false;
}

/* Of a server's records the one that is good longest counts: one that ends goes on beside its successor. Of servers, the one that has it shortest. */
static bool
has_persist(Check *check, const CmDnsAnswer *answer)
{
	bool		found = false;
	int64_t		longest = 0;	/* for ever */
	int64_t		until;

	for (int i = 0; i < answer->count; i++)
	{
		if (!cm_dns01_persist_match(answer->values[i], &check->persist, &until))
			continue;
		if (!found || until == 0 || (longest != 0 && until > longest))
			longest = until;
		found = true;
	}
	if (longest != 0 && (check->result.expires == 0 || longest < check->result.expires))
		check->result.expires = longest;
	return found;
}

static void
on_txt(CmDnsAnswer *answer, void *arg)
{
	Probe	   *probe = arg;
	Check	   *check = probe->check;

	if (answer->status.code == CM_UNSUPPORTED)
		probe->skipped = true;
	else if (answer->status.code != CM_OK)
		snprintf(probe->why, sizeof(probe->why), "(no answer)");
	else if (answer->rcode != CM_DNS_RCODE_NOERROR && answer->rcode != CM_DNS_RCODE_NXDOMAIN)
		snprintf(probe->why, sizeof(probe->why), "(answers %s)", cm_dns_rcode_name(answer->rcode));
	probe->seen = check->want == WANT_PERSIST ? has_persist(check, answer) : has_value(check, answer);
	if (--check->pending == 0)
		tell(check);
}

static bool
ask_txt(Probe *probe)
{
	Check	   *check = probe->check;
	CmStatus	st = CM_STATUS_INIT;

	if (cm_dns_query(check->loop, &probe->target->addr, probe->target->len, check->name, "TXT", false, CM_DNS01_QUERY_MS, on_txt, probe, &st) != NULL)
		return true;
	probe->skipped = st.code == CM_UNSUPPORTED;
	snprintf(probe->why, sizeof(probe->why), st.code == CM_POLICY ? "(address is not allowed)" : "(could not be asked)");
	return false;
}

static void
ask_servers(void *arg)
{
	Check	   *check = arg;
	int			i;

	check->pending = 0;
	for (i = 0; i < check->targets.count; i++)
	{
		Probe	   *probe = &check->probes[i];

		probe->check = check;
		probe->target = &check->targets.list[i];
		memcpy(probe->why, check->targets.list[i].why, sizeof(probe->why));
		/* Those that could not be looked up are there to be told only. */
		if (probe->target->len > 0 && ask_txt(probe))
			check->pending++;
	}
	if (check->pending == 0)
		tell(check);
}

static void
on_targets(const CmDns01Targets *targets, void *arg)
{
	Check	   *check = arg;

	check->targets = *targets;
	if (targets->status.code == CM_OK)
	{
		ask_servers(check);
		return;
	}
	check->result.status = targets->status;
	finish(check);
}

static void
on_zone(CmDns01Result *result, void *arg)
{
	Check	   *check = arg;
	CmStatus   *st = &check->result.status;

	*st = result->status;
	if (st->code == CM_OK)
	{
		memcpy(check->zone, result->zone, sizeof(check->zone));
		if (cm_dns01_zone_targets(check->loop, &check->resolvers, check->zone, on_targets, check, st))
			return;
	}
	finish(check);
}

/* ---- start ---- */

static bool
begin(Check *check, const CmJson *config, CmStatus *st)
{
	bool		wants;

	if (!cm_dns01_wants_check(config, &wants, st) || !cm_dns01_given_targets(config, &check->targets, st) ||
		!cm_dns01_resolvers_read(config, &check->resolvers, st))
		return false;
	/* A standing record is looked for in any case: nobody else does. Results that are there at once are told from the loop all the same. */
	if (!wants && check->want != WANT_PERSIST)
		return cm_timer_start(check->loop, 0, on_timer, check) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	if (check->targets.count > 0)
		return cm_timer_start(check->loop, 0, ask_servers, check) != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	/* As with challenges: the resolvers hear of the parent only. */
	if (check->zone[0] == '\0')
		return cm_dns01_zone_of(check->loop, config, cm_dns01_parent(check->name), on_zone, check, st);
	return cm_dns01_zone_targets(check->loop, &check->resolvers, check->zone, on_targets, check, st);
}

static bool
start(Check *check, const CmJson *config, const char *zone, const char *name, CmStatus *st)
{
	CmStatus	own = CM_STATUS_INIT;

	check->result.retry_after = -1;
	if (zone != NULL && !cm_dns01_canonical(zone, check->zone))
		cm_fail(&own, CM_INVALID, "\"%.100s\" is not a DNS name", zone);
	else if (!cm_dns01_canonical(name, check->name))
		cm_fail(&own, CM_INVALID, "\"%.100s\" is not a DNS name", name);
	else if (begin(check, config, &own))
	{
		cm_op_begin(&check->op, check->loop, drop);
		return true;
	}
	if (st != NULL)
		*st = own;
	check_free(check);
	return false;
}

static Check *
create(CmLoop *loop, Want want, const char *value, CmDns01Done done, void *arg, CmStatus *st)
{
	Check	   *check = calloc(1, sizeof(Check));

	if (check == NULL || (value != NULL && (check->value = strdup(value)) == NULL))
	{
		free(check);
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	check->loop = loop;
	check->want = want;
	check->done = done;
	check->arg = arg;
	return check;
}

bool
cm_dns01_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value, CmDns01Done done, void *arg, CmStatus *st)
{
	Check	   *check = create(loop, WANT_VALUE, value, done, arg, st);

	return check != NULL && start(check, config, zone, name, st);
}

bool
cm_dns01_gone(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value, CmDns01Done done, void *arg, CmStatus *st)
{
	Check	   *check = create(loop, WANT_GONE, value, done, arg, st);

	return check != NULL && start(check, config, zone, name, st);
}

bool
cm_dns01_persist_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const CmDns01Persist *want,
						 CmDns01Done done, void *arg, CmStatus *st)
{
	Check	   *check = create(loop, WANT_PERSIST, NULL, done, arg, st);

	if (check == NULL)
		return false;
	check->persist = *want;
	return start(check, config, zone, name, st);
}
