/*
 * url.c - see url.h. Runs in backends and the worker; holds nothing. What may
 * fail: characters that an IA5String URL cannot hold, placeholders that nobody
 * knows or that have no value here, addresses that are too long (CM_INVALID).
 */
#include "x509/url.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>

/* As long as the URLs that browsers and HTTP servers commonly take. */
#define URL_MAX 2048

bool
cm_url_next(const char **rest, CmSlice *url)
{
	const char *p = *rest;
	size_t		len;

	if (p == NULL)
		return false;
	p += strspn(p, " \t\r\n");
	len = strcspn(p, " \t\r\n");
	*url = cm_slice(p, len);
	*rest = p + len;
	return len > 0;
}

static bool
fail_url(const char *what, CmStatus *st, const char *why)
{
	(void) cm_fail(st, CM_INVALID, "%s is not a URL that a certificate can hold", what);
	return cm_fail_detail(st, "%s", why);
}

static void
put_percent_encoded(CmBuf *out, const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
	{
		/* RFC 3986 2.3: what needs no encoding. */
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL)
			(void) cm_buf_append_byte(out, (uint8_t) *p);
		else
			(void) cm_buf_printf(out, "%%%02X", (unsigned char) *p);
	}
}

static bool
is_named(CmSlice name, const char *wanted)
{
	return cm_slice_equal(name, cm_slice(wanted, strlen(wanted)));
}

static bool
put_value(CmSlice name, const CmUrlValues *values, const char *what, CmBuf *out, CmStatus *st)
{
	char		why[160];
	char		shown[40];

	if (is_named(name, "ca") && values->ca != NULL)
		put_percent_encoded(out, values->ca);
	else if (is_named(name, "serial") && values->serial.len > 0)
		(void) cm_hex_encode(out, values->serial.data, values->serial.len);
	else if (is_named(name, "issuer") && values->issuer.len > 0)
		(void) cm_hex_encode(out, values->issuer.data, values->issuer.len);
	else if (is_named(name, "shard") && values->shard >= 0)
		(void) cm_buf_printf(out, "%d", values->shard);
	else
	{
		cm_clean_text(shown, sizeof(shown), (const char *) name.data, name.len);
		(void) snprintf(why, sizeof(why), "The placeholder \"{%s}\" is not known here; known are {ca}, {serial}, {issuer}, {shard}.", shown);
		return fail_url(what, st, why);
	}
	return true;
}

bool
cm_url_expand(CmSlice url, const CmUrlValues *values, const char *what, CmBuf *out, CmStatus *st)
{
	size_t		start = out->len;
	size_t		i = 0;

	while (i < url.len)
	{
		const uint8_t *end = url.data[i] == '{' ? memchr(url.data + i, '}', url.len - i) : NULL;

		/* IA5String holds ASCII; control characters and blanks have no place in a URL, nor braces (RFC 3986). */
		if (url.data[i] <= 0x20 || url.data[i] > 0x7e || url.data[i] == '}' || (url.data[i] == '{' && end == NULL))
			break;
		if (end == NULL)
			(void) cm_buf_append_byte(out, url.data[i++]);
		else
		{
			size_t		len = (size_t) (end - (url.data + i)) - 1;

			if (!put_value(cm_slice(url.data + i + 1, len), values, what, out, st))
			{
				out->len = start;
				return false;
			}
			i += len + 2;
		}
	}
	if (i == url.len && i > 0 && out->len - start <= URL_MAX)
		return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
	out->len = start;
	return fail_url(what, st, "It must be 1 to 2048 printable ASCII characters without spaces; braces are for placeholders.");
}

bool
cm_url_check(const char *text, const char *what, CmStatus *st)
{
	const CmUrlValues values = {"x", cm_slice("x", 1), cm_slice("x", 1), 0};
	const char *rest = text;
	CmSlice		url;
	CmBuf		out;
	bool		any = false;
	bool		ok = true;

	if (text == NULL)
		return true;
	cm_buf_init(&out, 0);
	while (ok && cm_url_next(&rest, &url))
	{
		any = true;
		cm_buf_reset(&out);
		ok = cm_url_expand(url, &values, what, &out, st);
	}
	cm_buf_free(&out);
	if (ok && !any)
		return fail_url(what, st, "It is empty.");
	return ok;
}
