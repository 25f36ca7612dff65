/*
 * pattern.c - see pattern.h. Runs in backends and the worker; allocates
 * nothing. The work of a match is bounded by the product of the two lengths: patterns are
 * an administrator's, values a requester's.
 */
#include "x509/pattern.h"

#include "base/host.h"
#include "x509/constraint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kinds[] = {"exact", "suffix", "glob", "cidr", "regex"};

bool
cm_pattern_kind(const char *name, CmPatternKind *kind)
{
	size_t		i;

	for (i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(name, kinds[i]) == 0)
		{
			*kind = (CmPatternKind) i;
			return true;
		}
	}
	return false;
}

/* ---- globs ---- */

/* State i of the set: the pattern from i on must match the rest of the text. A star may match nothing: what is behind it is in the set as well. */
static void
add_state(const char *pattern, bool *set, size_t i)
{
	set[i] = true;
	while (pattern[i] == '*')
	{
		i += pattern[i + 1] == '*' ? 2 : 1;
		set[i] = true;
	}
}

static void
step(const char *pattern, const bool *now, bool *next, size_t len, char c, char separator)
{
	size_t		i;

	memset(next, 0, len + 1);
	for (i = 0; i < len; i++)
	{
		if (!now[i])
			continue;
		if (pattern[i] == '*')
		{
			if (pattern[i + 1] == '*' || separator == '\0' || c != separator)
				add_state(pattern, next, i);
		}
		else if (pattern[i] == '?')
		{
			if (separator == '\0' || c != separator)
				add_state(pattern, next, i + 1);
		}
		else
		{
			size_t		at = pattern[i] == '\\' && pattern[i + 1] != '\0' ? i + 1 : i;

			if (pattern[at] == c)
				add_state(pattern, next, at + 1);
		}
	}
}

bool
cm_glob_match(const char *pattern, const char *text, char separator)
{
	bool		sets[2][CM_PATTERN_MAX + 1];
	size_t		len = strlen(pattern);
	int			now = 0;
	const char *p;

	if (len > CM_PATTERN_MAX)
		return false;
	memset(sets[0], 0, len + 1);
	add_state(pattern, sets[0], 0);
	for (p = text; *p != '\0'; p++)
	{
		step(pattern, sets[now], sets[1 - now], len, *p, separator);
		now = 1 - now;
	}
	return sets[now][len];
}

/* ---- compiling ---- */

static bool
refuse(CmStatus *st, const char *text, const char *why)
{
	char		shown[80];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "\"%s\" is not a valid pattern", shown);
	return cm_fail_detail(st, "%s", why);
}

static void
fold(char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text >= 'A' && *text <= 'Z')
			*text = (char) (*text - 'A' + 'a');
	}
}

static bool
compile_address(char *text, bool network, CmPattern *out, CmStatus *st)
{
	char	   *slash = strchr(text, '/');
	char	   *end = NULL;
	long		bits = -1;
	size_t		i;
	bool		ok;

	if (slash != NULL && network && slash[1] >= '0' && slash[1] <= '9')
		bits = strtol(slash + 1, &end, 10);
	if (slash != NULL)
		*slash = '\0';
	ok = cm_address_parse(text, out->address, &out->address_len);
	if (slash != NULL)
		*slash = '/';
	if (!ok || (slash != NULL && (bits < 0 || *end != '\0' || bits > (long) out->address_len * 8)))
		return refuse(st, text, network ? "It must be a network such as 10.0.0.0/8 or 2001:db8::/32." : "It must be an address such as 192.0.2.1.");
	if (slash == NULL)
		bits = (long) out->address_len * 8;
	for (i = 0; i < out->address_len; i++)
	{
		long		here = bits - 8 * (long) i;

		out->mask[i] = here >= 8 ? 0xff : here <= 0 ? 0 : (uint8_t) (0xff << (8 - here));
		if ((out->address[i] & ~out->mask[i]) != 0)
			return refuse(st, text, "The address has bits behind its prefix.");
	}
	return true;
}

static bool
compile_suffix(CmSanType type, char *text, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];
	size_t		dot = text[0] == '.' ? 1 : 0;

	switch (type)
	{
		case CM_SAN_IP:
			return refuse(st, text, "Addresses have no suffix: use cidr.");
		case CM_SAN_DNS:
		case CM_SAN_EMAIL:
		case CM_SAN_URI:
		case CM_SAN_UPN:
		case CM_SAN_SRV:
			fold(text);
			return cm_host_canonical(text + dot, false, host, &why) || refuse(st, text, why.detail);
		default:
			return true;
	}
}

/* Exact values are compared with what the parser writes: so the parser writes this one, too. */
static bool
compile_exact(CmSanType type, char *text, CmPattern *out, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];

	if (type == CM_SAN_IP)
		return compile_address(text, false, out, st);
	if (type == CM_SAN_DNS || type == CM_SAN_SRV)
		fold(text);
	if (type == CM_SAN_EMAIL && strchr(text, '@') != NULL)
		fold(strchr(text, '@'));
	if (type == CM_SAN_DNS && !cm_host_canonical(text, true, host, &why))
		return refuse(st, text, why.detail);
	return true;
}

bool
cm_pattern_compile(CmPatternKind kind, CmSanType type, char *text, CmPattern *out, CmStatus *st)
{
	memset(out, 0, sizeof(*out));
	out->kind = kind;
	out->text = text;
	if (text[0] == '\0')
		return refuse(st, text, "It is empty.");
	if (strlen(text) > CM_PATTERN_MAX)
		return refuse(st, text, "It is longer than 512 octets.");
	switch (kind)
	{
		case CM_PATTERN_EXACT:
			return compile_exact(type, text, out, st);
		case CM_PATTERN_SUFFIX:
			return compile_suffix(type, text, st);
		case CM_PATTERN_GLOB:
			if (type == CM_SAN_DNS || type == CM_SAN_SRV)
				fold(text);
			return true;
		case CM_PATTERN_CIDR:
			return type == CM_SAN_IP ? compile_address(text, true, out, st) : refuse(st, text, "Networks are for names of the kind \"ip\".");
		case CM_PATTERN_REGEX:
			return true;
	}
	return refuse(st, text, "Its kind is unknown.");
}

/* ---- matching ---- */

static bool
in_network(const CmPattern *pattern, CmSlice general_name)
{
	CmDer		name;
	size_t		i;

	if (!cm_der_next(&general_name, &name) || name.content.len != pattern->address_len)
		return false;
	for (i = 0; i < pattern->address_len; i++)
	{
		if (((name.content.data[i] ^ pattern->address[i]) & pattern->mask[i]) != 0)
			return false;
	}
	return true;
}

/* host is the zone or below it; ".zone": below only. */
static bool
below(const char *host, size_t len, const char *zone)
{
	size_t		zone_len = strlen(zone);

	if (zone[0] == '.')
		return len > zone_len && strncasecmp(host + len - zone_len, zone, zone_len) == 0;
	if (len < zone_len || strncasecmp(host + len - zone_len, zone, zone_len) != 0)
		return false;
	return len == zone_len || host[len - zone_len - 1] == '.';
}

static bool
has_suffix(const CmPattern *pattern, CmSanType type, const char *value)
{
	const char *zone = pattern->text;
	const char *p;
	CmSlice		host;

	switch (type)
	{
		case CM_SAN_DNS:
			/* "*.example.com" stands for names below example.com: as good as all of them. */
			if (value[0] == '*' && value[1] == '.')
				return below(value + 2, strlen(value + 2), zone[0] == '.' ? zone + 1 : zone);
			return below(value, strlen(value), zone);
		case CM_SAN_EMAIL:
		case CM_SAN_UPN:
			p = strrchr(value, '@');
			return p != NULL && below(p + 1, strlen(p + 1), zone);
		case CM_SAN_SRV:
			p = strchr(value, '.');
			return p != NULL && below(p + 1, strlen(p + 1), zone);
		case CM_SAN_URI:
			return cm_uri_host(cm_slice(value, strlen(value)), &host) && below((const char *) host.data, host.len, zone);
		default:
			return strlen(value) >= strlen(zone) && strcmp(value + strlen(value) - strlen(zone), zone) == 0;
	}
}

bool
cm_pattern_matches(const CmPattern *pattern, CmSanType type, const char *value, CmSlice general_name, CmPatternRegex regex)
{
	switch (pattern->kind)
	{
		case CM_PATTERN_EXACT:
			return pattern->address_len > 0 ? in_network(pattern, general_name) : strcmp(pattern->text, value) == 0;
		case CM_PATTERN_SUFFIX:
			return has_suffix(pattern, type, value);
		case CM_PATTERN_GLOB:
			return cm_glob_match(pattern->text, value, type == CM_SAN_DNS || type == CM_SAN_SRV ? '.' : type == CM_SAN_URI ? '/' : '\0');
		case CM_PATTERN_CIDR:
			return in_network(pattern, general_name);
		case CM_PATTERN_REGEX:
			return pattern->regex != NULL && regex != NULL && regex(pattern->regex, value, strlen(value));
	}
	return false;
}
