/*
 * persist.c - see persist.h. Pure functions for any process. A record that
 * breaks the syntax of RFC 8659 4.2 authorizes nothing, as it does at the CA.
 */
#include "dns01/persist.h"


#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static CmDns01Span
trim(const char *at, size_t len)
{
	CmDns01Span s = {at, len};

	while (s.len > 0 && (*s.at == ' ' || *s.at == '\t'))
	{
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool
cm_dns01_span_is(CmDns01Span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

/* RFC 8659 4.2: printable ASCII but the semicolon. */
static bool
value_is_clean(CmDns01Span s)
{
	size_t		i;

	for (i = 0; i < s.len; i++)
	{
		if (s.at[i] < 0x21 || s.at[i] > 0x7e || s.at[i] == ';')
			return false;
	}
	return true;
}

/* One "tag=value". */
static bool
read_parameter(CmDns01Span p, CmDns01IssueValue *out)
{
	const char *equals = memchr(p.at, '=', p.len);
	CmDns01Span tag;
	CmDns01Span value;
	int			i;

	if (p.len == 0 || equals == NULL)
		return false;
	tag = trim(p.at, (size_t) (equals - p.at));
	value = trim(equals + 1, p.len - (size_t) (equals - p.at) - 1);
	if (tag.len == 0 || !value_is_clean(value) || out->count == CM_DNS01_PARAMETERS_MAX)
		return false;
	for (i = 0; i < out->count; i++)
	{
		if (out->tags[i].len == tag.len && strncasecmp(out->tags[i].at, tag.at, tag.len) == 0)
			return false;
	}
	out->tags[out->count] = tag;
	out->values[out->count++] = value;
	return true;
}

bool
cm_dns01_issue_value(const char *text, CmDns01IssueValue *out)
{
	const char *at = text + strcspn(text, ";");

	out->domain = trim(text, (size_t) (at - text));
	out->count = 0;
	while (*at == ';')
	{
		size_t		len = strcspn(++at, ";");

		/* ";" alone says "nobody" (RFC 8659 4.2), and stands for no parameter. */
		if (out->domain.len == 0 && trim(at, len).len == 0 && at[len] == '\0')
			return true;
		if (!read_parameter(trim(at, len), out))
			return false;
		at += len;
	}
	return true;
}

/* The end of the year 9999: later ends are none, and not every clock has them. */
#define TIME_MAX INT64_C(253402300799)

static bool
read_time(CmDns01Span s, int64_t *out)
{
	char		text[24];
	char	   *end;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] != '+';
}

bool
cm_dns01_persist_match(const char *value, const CmDns01Persist *want, int64_t *until)
{
	CmDns01IssueValue parsed;
	bool		ours = false;
	bool		account = false;
	bool		wildcard = false;
	bool		ends = false;
	int64_t		end = 0;
	int			i;

	*until = 0;
	if (!cm_dns01_issue_value(value, &parsed))
		return false;
	for (i = 0; i < want->nissuers; i++)
		ours = ours || cm_dns01_span_is(parsed.domain, want->issuers[i]);
	for (i = 0; ours && i < parsed.count; i++)
	{
		CmDns01Span v = parsed.values[i];

		if (cm_dns01_span_is(parsed.tags[i], "accounturi"))
			account = v.len > 0 && v.len == strlen(want->account) && strncmp(v.at, want->account, v.len) == 0;
		else if (cm_dns01_span_is(parsed.tags[i], "policy"))
			wildcard = cm_dns01_span_is(v, "wildcard");
		else if (cm_dns01_span_is(parsed.tags[i], "persistUntil"))
		{
			ends = true;
			if (!read_time(v, &end))
				return false;
		}
	}
	if (!ours || !account || (want->wildcard && !wildcard) || (ends && end <= want->now))
		return false;
	*until = !ends ? 0 : end < TIME_MAX ? end : TIME_MAX;
	return true;
}

bool
cm_dns01_persist_format(CmBuf *out, const char *issuer, const char *account, bool wildcard, int64_t until, CmStatus *st)
{
	CmDns01Span s = {account, strlen(account)};

	if (s.len == 0 || s.len >= CM_DNS01_ACCOUNT_SIZE || !value_is_clean(s))
		return cm_fail(st, CM_INVALID, "the account's URL cannot stand in a DNS record");
	cm_buf_printf(out, "%s; accounturi=%s", issuer, account);
	if (wildcard)
		cm_buf_append_str(out, "; policy=wildcard");
	if (until != 0)
		cm_buf_printf(out, "; persistUntil=%" PRId64, until);
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}
