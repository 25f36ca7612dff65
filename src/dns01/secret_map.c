/*
 * secret_map.c - see secret_map.h.
 *
 * Pure functions over memory, any process. What may fail: text that is no JSON
 * object, that is deeper or larger than a credential ever is, or that has a
 * NUL; memory. Messages never show what was in the text.
 */
#include "dns01/secret_map.h"

#include <stdio.h>
#include <string.h>

/* What set_secret takes. */
#define TEXT_MAX ((size_t) 64 * 1024)
/* Of members that are skipped. */
#define DEPTH_MAX 8

typedef struct Scan
{
	const uint8_t *at;
	const uint8_t *end;
	CmBuf	   *out;			/* never grows: everything decoded is shorter than what it was decoded from */
} Scan;

static void
skip_space(Scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n'))
		s->at++;
}

static bool
take(Scan *s, char c)
{
	skip_space(s);
	if (s->at == s->end || *s->at != (uint8_t) c)
		return false;
	s->at++;
	return true;
}

static bool
hex4(Scan *s, unsigned *out)
{
	int			i;

	*out = 0;
	if (s->end - s->at < 4)
		return false;
	for (i = 0; i < 4; i++)
	{
		uint8_t		c = *s->at++;
		unsigned	digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;

		if (digit == 16)
			return false;
		*out = *out * 16 + digit;
	}
	return true;
}

static void
put_utf8(CmBuf *out, unsigned c)
{
	if (c < 0x80)
		cm_buf_append_byte(out, (uint8_t) c);
	else if (c < 0x800)
	{
		cm_buf_append_byte(out, (uint8_t) (0xc0 | c >> 6));
		cm_buf_append_byte(out, (uint8_t) (0x80 | (c & 0x3f)));
	}
	else
	{
		if (c >= 0x10000)
		{
			cm_buf_append_byte(out, (uint8_t) (0xf0 | c >> 18));
			cm_buf_append_byte(out, (uint8_t) (0x80 | (c >> 12 & 0x3f)));
		}
		else
			cm_buf_append_byte(out, (uint8_t) (0xe0 | c >> 12));
		cm_buf_append_byte(out, (uint8_t) (0x80 | (c >> 6 & 0x3f)));
		cm_buf_append_byte(out, (uint8_t) (0x80 | (c & 0x3f)));
	}
}

/* Behind "\u". No NUL: texts end with one. */
static bool
unicode_escape(Scan *s)
{
	unsigned	c;
	unsigned	low;

	if (!hex4(s, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff))
		return false;
	if (c >= 0xd800 && c <= 0xdbff)
	{
		if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u')
			return false;
		s->at += 2;
		if (!hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	put_utf8(s->out, c);
	return true;
}

static bool
escape(Scan *s)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *which;
	uint8_t		c;

	if (s->at == s->end)
		return false;
	c = *s->at++;
	if (c == 'u')
		return unicode_escape(s);
	which = c != '\0' ? strchr(from, c) : NULL;
	if (which == NULL)
		return false;
	cm_buf_append_byte(s->out, (uint8_t) to[which - from]);
	return true;
}

/* Behind the opening quote. The text lies in out, ended by a NUL. */
static bool
string(Scan *s, const char **text)
{
	size_t		start = s->out->len;

	for (;;)
	{
		uint8_t		c;

		if (s->at == s->end)
			return false;
		c = *s->at++;
		if (c == '"')
			break;
		if (c < 0x20)
			return false;
		if (c != '\\')
			cm_buf_append_byte(s->out, c);
		else if (!escape(s))
			return false;
	}
	cm_buf_append_byte(s->out, '\0');
	*text = (const char *) s->out->data + start;
	return !s->out->failed;
}

/* A number, true, false or null. */
static bool
word(Scan *s, const char **text)
{
	size_t		start = s->out->len;

	while (s->at < s->end && *s->at != '\0' && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *s->at) != NULL)
		cm_buf_append_byte(s->out, *s->at++);
	if (s->out->len == start)
		return false;
	cm_buf_append_byte(s->out, '\0');
	*text = (const char *) s->out->data + start;
	if (strcmp(*text, "null") == 0)
		*text = NULL;
	return !s->out->failed;
}

/* Over an object or array: brackets are counted, strings read. */
static bool
skip_container(Scan *s)
{
	int			depth = 0;

	do
	{
		const char *text;
		uint8_t		c;

		if (s->at == s->end)
			return false;
		c = *s->at++;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (c == '"' && !string(s, &text))
			return false;
		if (depth > DEPTH_MAX)
			return false;
	} while (depth > 0);
	return true;
}

static bool
member(Scan *s, CmSecretMap *out)
{
	const char *key;
	const char *value = NULL;
	bool		ok;

	if (out->count == CM_SECRET_MAP_MAX || !take(s, '"') || !string(s, &key) || !take(s, ':'))
		return false;
	skip_space(s);
	if (s->at < s->end && (*s->at == '{' || *s->at == '['))
		ok = skip_container(s);
	else if (take(s, '"'))
		ok = string(s, &value);
	else
		ok = word(s, &value);
	out->keys[out->count] = key;
	out->values[out->count] = value;
	out->count++;
	return ok;
}

static bool
object(Scan *s, CmSecretMap *out)
{
	if (!take(s, '{'))
		return false;
	if (!take(s, '}'))
	{
		do
		{
			if (!member(s, out))
				return false;
		} while (take(s, ','));
		if (!take(s, '}'))
			return false;
	}
	skip_space(s);
	return s->at == s->end;
}

bool
cm_secret_map_parse(CmSlice text, const char *what, CmSecretMap *out, CmStatus *st)
{
	Scan		scan = {text.data, text.data + text.len, &out->memory};

	memset(out, 0, sizeof(*out));
	cm_buf_init_secret(&out->memory, TEXT_MAX + 64);
	if (text.len > TEXT_MAX)
		return cm_fail(st, CM_LIMIT, "%s is larger than %zu bytes", what, TEXT_MAX);
	if (!cm_buf_reserve(&out->memory, text.len + 64))
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (text.len > 0 && object(&scan, out))
		return true;
	return cm_fail(st, CM_INVALID, "%s is not a JSON object", what);
}

void
cm_secret_map_free(CmSecretMap *map)
{
	cm_buf_free(&map->memory);
	map->count = 0;
}

const char *
cm_secret_map_get(const CmSecretMap *map, const char *key)
{
	int			i;

	/* The last one wins, as elsewhere. */
	for (i = map->count - 1; i >= 0; i--)
	{
		if (strcmp(map->keys[i], key) == 0)
			return map->values[i];
	}
	return NULL;
}

bool
cm_secret_map_known_keys(const CmSecretMap *map, const char *what, const char *const *known, CmStatus *st)
{
	int			i;

	for (i = 0; i < map->count; i++)
	{
		const char *const *k = known;
		char		shown[60];

		while (*k != NULL && strcmp(*k, map->keys[i]) != 0)
			k++;
		if (*k != NULL)
			continue;
		cm_clean_text(shown, sizeof(shown), map->keys[i], strlen(map->keys[i]));
		return cm_fail(st, CM_INVALID, "%s has a member \"%s\", which is not known", what, shown);
	}
	return true;
}
