/*
 * http_header.c - reading the headers of an answer: one value by name, and
 * Link relations (RFC 8288).
 *
 * Pure functions over bytes of a foreign server; any process. They fail by
 * saying that there is none.
 */
#include "net/http.h"

#include "base/der.h"

#include <string.h>
#include <strings.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts the next line out of *rest, without its line end. */
static bool
next_line(CmSlice *rest, CmSlice *line)
{
	const uint8_t *end;
	size_t		len;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	len = end != NULL ? (size_t) (end - rest->data) : rest->len;
	*line = cm_slice(rest->data, len);
	if (end != NULL)
		len++;
	*rest = cm_slice(rest->data + len, rest->len - len);
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* The value, without the white space around it, of a line of that name. */
static bool
value_of(CmSlice line, const char *name, CmSlice *value)
{
	size_t		n = strlen(name);

	if (line.len <= n || line.data[n] != ':' || strncasecmp((const char *) line.data, name, n) != 0)
		return false;
	*value = cm_slice(line.data + n + 1, line.len - n - 1);
	while (value->len > 0 && is_space((char) value->data[0]))
		*value = cm_slice(value->data + 1, value->len - 1);
	while (value->len > 0 && is_space((char) value->data[value->len - 1]))
		value->len--;
	return true;
}

static bool
copy_out(CmSlice value, char *dst, size_t dstsize)
{
	if (value.len >= dstsize || (value.len > 0 && memchr(value.data, '\0', value.len) != NULL))
		return false;
	if (value.len > 0)
		memcpy(dst, value.data, value.len);
	dst[value.len] = '\0';
	return true;
}

bool
cm_http_header(const CmHttpResponse *response, const char *name, char *dst, size_t dstsize)
{
	CmSlice		rest = cm_slice(response->headers.data, response->headers.len);
	CmSlice		line;
	CmSlice		value;

	while (next_line(&rest, &line))
	{
		if (value_of(line, name, &value))
			return copy_out(value, dst, dstsize);
	}
	return false;
}

/* ---- Link ---- */

static void
skip_spaces(CmSlice *s)
{
	while (s->len > 0 && is_space((char) s->data[0]))
		*s = cm_slice(s->data + 1, s->len - 1);
}

static bool
take(CmSlice *s, char c)
{
	if (s->len == 0 || s->data[0] != (uint8_t) c)
		return false;
	*s = cm_slice(s->data + 1, s->len - 1);
	return true;
}

/* A token, or a quoted string without its quotes (escapes stay: no relation has any). */
static CmSlice
take_word(CmSlice *s)
{
	bool		quoted = take(s, '"');
	size_t		n = 0;
	CmSlice		word;

	while (n < s->len && (quoted ? s->data[n] != '"' : strchr(";,= \t", s->data[n]) == NULL))
		n += quoted && s->data[n] == '\\' && n + 1 < s->len ? 2 : 1;
	word = cm_slice(s->data, n);
	*s = cm_slice(s->data + n, s->len - n);
	if (quoted)
		(void) take(s, '"');
	return word;
}

/* rel="a b" names two relations. */
static bool
has_relation(CmSlice list, const char *rel)
{
	size_t		n = strlen(rel);

	while (list.len > 0)
	{
		size_t		len = 0;

		while (len < list.len && !is_space((char) list.data[len]))
			len++;
		if (len == n && strncasecmp((const char *) list.data, rel, n) == 0)
			return true;
		list = cm_slice(list.data + len, list.len - len);
		skip_spaces(&list);
	}
	return false;
}

/* Takes one <target>;param=value;... and the comma behind it. False at the end or where the value stops making sense. */
static bool
next_link(CmSlice *s, const char *rel, CmSlice *target, bool *matches)
{
	const uint8_t *end;
	size_t		len;
	bool		seen_rel = false;

	*matches = false;
	do
		skip_spaces(s);
	while (take(s, ','));
	if (!take(s, '<') || s->len == 0 || (end = memchr(s->data, '>', s->len)) == NULL)
		return false;
	len = (size_t) (end - s->data);
	*target = cm_slice(s->data, len);
	*s = cm_slice(end + 1, s->len - len - 1);
	for (skip_spaces(s); take(s, ';'); skip_spaces(s))
	{
		CmSlice		name;
		CmSlice		value = {NULL, 0};

		skip_spaces(s);
		name = take_word(s);
		skip_spaces(s);
		if (take(s, '='))
		{
			skip_spaces(s);
			value = take_word(s);
		}
		/* Only the first rel counts (RFC 8288 3.3). */
		if (name.len == 3 && strncasecmp((const char *) name.data, "rel", 3) == 0 && !seen_rel)
		{
			seen_rel = true;
			*matches = has_relation(value, rel);
		}
	}
	return s->len == 0 || s->data[0] == ',';
}

bool
cm_http_link(const CmHttpResponse *response, const char *rel, int n, char *dst, size_t dstsize)
{
	CmSlice		rest = cm_slice(response->headers.data, response->headers.len);
	CmSlice		line;
	CmSlice		value;
	CmSlice		target;
	bool		matches;

	while (next_line(&rest, &line))
	{
		if (!value_of(line, "Link", &value))
			continue;
		while (next_link(&value, rel, &target, &matches))
		{
			if (matches && n-- == 0)
				return copy_out(target, dst, dstsize);
		}
	}
	return false;
}
