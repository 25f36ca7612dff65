/*
 * caa.c - may this CA issue for a name, as its CAA records say (RFC 8659, and
 * RFC 8657 for account and method)? A check before a CA is asked: it decides
 * by the same records.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: the resolvers; then nothing is known, which is no refusal.
 */
#include "dns01/persist.h"
#include "dns01/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CRITICAL 128

typedef struct Walk
{
	CmOp		op;
	CmLoop	   *loop;
	CmDns01Resolvers resolvers;
	char		name[256];
	const char *suffix;			/* whose records are asked for */
	CmDns01Caa	caa;
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
} Walk;

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

/* "0 issue ca.example; x=y" in parts. */
static bool
split(const char *record, int *flags, char tag[16], const char **value)
{
	int			used = 0;

	if (sscanf(record, "%d %15s%n", flags, tag, &used) != 2 || record[used] != ' ')
		return false;
	*value = record + used + 1;
	return true;
}

static bool
lists_method(CmDns01Span list, const char *method)
{
	size_t		len = strlen(method);
	size_t		i = 0;

	while (i < list.len)
	{
		const char *comma = memchr(list.at + i, ',', list.len - i);
		size_t		n = comma != NULL ? (size_t) (comma - list.at) - i : list.len - i;

		if (n == len && strncmp(list.at + i, method, n) == 0)
			return true;
		i += n + 1;
	}
	return false;
}

/* Does this value of issue or issuewild allow us? */
static bool
allows(const char *value, const CmDns01Caa *caa)
{
	CmDns01IssueValue parsed;
	int			i;
	bool		ours = false;

	if (!cm_dns01_issue_value(value, &parsed))
		return false;
	for (i = 0; i < caa->nissuers; i++)
		ours = ours || cm_dns01_span_is(parsed.domain, caa->issuers[i]);
	for (i = 0; ours && i < parsed.count; i++)
	{
		CmDns01Span v = parsed.values[i];

		if (cm_dns01_span_is(parsed.tags[i], "accounturi"))
			ours = v.len == strlen(caa->account) && strncmp(v.at, caa->account, v.len) == 0;
		else if (cm_dns01_span_is(parsed.tags[i], "validationmethods"))
			ours = lists_method(v, caa->method);
	}
	return ours;
}

bool
cm_dns01_caa_allows(char *const *records, int count, const CmDns01Caa *caa, CmStatus *st)
{
	const char *property = "issue";
	CmBuf		said;
	int			i;
	int			pass;
	bool		found = false;
	bool		allowed = false;

	cm_buf_init(&said, 300);	/* leaves room in a CmStatus for the rest */
	/* First: is there an issuewild, and anything critical that we do not understand? */
	for (pass = 0; pass < 2 && !allowed; pass++)
	{
		for (i = 0; i < count; i++)
		{
			int			flags;
			char		tag[16];
			const char *value;

			if (!split(records[i], &flags, tag, &value))
				continue;
			if (pass == 0)
			{
				if (caa->wildcard && strcasecmp(tag, "issuewild") == 0)
					property = "issuewild";
				if ((flags & CRITICAL) && strcasecmp(tag, "issue") != 0 && strcasecmp(tag, "issuewild") != 0 && strcasecmp(tag, "iodef") != 0)
				{
					cm_buf_free(&said);
					return cm_fail(st, CM_POLICY, "a CAA record has the critical property \"%s\", which no CA may ignore", tag);
				}
			}
			else if (strcasecmp(tag, property) == 0)
			{
				found = true;
				allowed = allowed || allows(value, caa);
				cm_buf_printf(&said, "%s%s \"%s\"", said.len > 0 ? ", " : "", tag, value);
			}
		}
	}
	if (found && !allowed)
	{
		cm_fail(st, CM_POLICY, "CAA records do not allow the CA %s (account %.100s, %s)", caa->issuers[0], caa->account, caa->method);
		cm_fail_detail(st, "They are %s.", said.failed ? "many" : cm_buf_cstr(&said));
	}
	cm_buf_free(&said);
	return allowed || !found;
}

static void ask(Walk *walk);

static void
on_caa(CmDnsAnswer *answer, void *arg)
{
	Walk	   *walk = arg;
	CmStatus   *st = &walk->result.status;

	if (cm_dns01_resolver_failed(answer))
	{
		cm_fail(st, CM_NETWORK, "could not look up CAA records of \"%.150s\"", walk->suffix);
		finish(walk);
		return;
	}
	/* The nearest records count (RFC 8659 3). */
	if (answer->count > 0)
	{
		snprintf(walk->result.zone, sizeof(walk->result.zone), "%s", walk->suffix);
		(void) cm_dns01_caa_allows(answer->values, answer->count, &walk->caa, st);
		finish(walk);
		return;
	}
	walk->suffix = cm_dns01_parent(walk->suffix);
	if (walk->suffix == NULL)
		finish(walk);
	else
		ask(walk);
}

static void
ask(Walk *walk)
{
	if (!cm_dns01_lookup(walk->loop, &walk->resolvers, walk->suffix, "CAA", on_caa, walk, &walk->result.status))
		finish(walk);
}

static void
begin(void *arg)
{
	ask(arg);
}

bool
cm_dns01_caa(CmLoop *loop, const CmJson *config, const char *name, const CmDns01Caa *caa, CmDns01Done done, void *arg, CmStatus *st)
{
	Walk	   *walk = calloc(1, sizeof(Walk));
	bool		ok;

	if (walk == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	walk->loop = loop;
	walk->caa = *caa;
	walk->result.retry_after = -1;
	walk->done = done;
	walk->arg = arg;
	walk->suffix = walk->name;
	if (!cm_dns01_canonical(name, walk->name))
		ok = cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", name);
	else
		ok = cm_dns01_resolvers_read(config, &walk->resolvers, st) &&
			(cm_timer_start(loop, 0, begin, walk) != NULL || cm_fail(st, CM_MEMORY, "out of memory"));
	if (!ok)
	{
		free(walk);
		return false;
	}
	cm_op_begin(&walk->op, loop, drop);
	return true;
}
