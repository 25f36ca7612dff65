/*
 * json_scan.c - see json_scan.h. Backends, the database worker and unit tests;
 * one linear pass, no locks, throws nothing.
 */
#include "pg/json_scan.h"

#include <string.h>

#include "base/encode.h"
#include "base/utf8.h"

/*
 * Values of one text. The default cap of an HTTP body (256 KiB) has room for
 * 131,072 one-digit numbers, so this refuses only texts made to eat memory: a
 * value costs about 60 bytes here, so 16 MiB at most.
 */
#define MAX_VALUES 262144

/* State of the first pass. */
typedef struct Scan
{
	const uint8_t *at;
	const uint8_t *end;
	char	   *out;			/* the text rewritten; never longer than the input */
	size_t		outlen;
	int			depth;
	int			values;
} Scan;

/* The number of a \uXXXX escape at p, or -1. */
static int32_t
escape_value(const uint8_t *p, const uint8_t *end)
{
	int32_t		value = 0;
	int			i;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++)
	{
		int			digit = cm_hex_digit((char) p[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* One escape inside a string. ASCII ones are left to the parser, which also refuses what is no escape. */
static bool
scan_escape(Scan *scan)
{
	int32_t		c = escape_value(scan->at, scan->end);
	int			len = 2;

	if (c < 0x80)
	{
		if (scan->end - scan->at < len)
			return false;
		if ((uint8_t) scan->at[1] >= 0x80)
			len = 1;			/* no escape; the character behind is checked on its own */
		memcpy(scan->out + scan->outlen, scan->at, len);
		scan->outlen += len;
		scan->at += len;
		return true;
	}
	len = 6;
	if (c >= 0xd800 && c <= 0xdbff)
	{
		int32_t		low = escape_value(scan->at + 6, scan->end);

		if (low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		len = 12;
	}
	else if (c >= 0xdc00 && c <= 0xdfff)
		return false;
	scan->outlen += cm_utf8_encode((uint32_t) c, (uint8_t *) scan->out + scan->outlen);
	scan->at += len;
	return true;
}

/* What a character outside of strings means for depth and count. */
static bool
scan_structure(Scan *scan, uint8_t c, CmStatus *st)
{
	if (c == '[' || c == '{')
	{
		if (++scan->depth > CM_JSON_MAX_DEPTH)
			return cm_fail(st, CM_LIMIT, "JSON text is nested more than %d levels deep", CM_JSON_MAX_DEPTH);
		scan->values++;
	}
	else if ((c == ']' || c == '}') && scan->depth > 0)
		scan->depth--;
	else if (c == ',')
		scan->values++;
	if (scan->values >= MAX_VALUES)
		return cm_fail(st, CM_LIMIT, "JSON text has more than %d values", MAX_VALUES);
	return true;
}

/*
 * The first pass. Its idea of a string need not be exact for texts that are
 * no JSON: up to the first error the parser sees the same strings, and there
 * it stops.
 */
static bool
scan_text(Scan *scan, CmStatus *st)
{
	const uint8_t *start = scan->at;
	bool		in_string = false;

	while (scan->at < scan->end)
	{
		uint8_t		c = *scan->at;
		uint32_t	code;
		size_t		len = cm_utf8_next(scan->at, (size_t) (scan->end - scan->at), &code);

		if (c == '\0' || len == 0)
		{
			cm_fail(st, CM_INVALID, c == '\0' ? "JSON text contains a NUL byte" : "JSON text is not valid UTF-8");
			return cm_fail_detail(st, "The error is at byte %d.", (int) (scan->at - start) + 1);
		}
		if (in_string && c == '\\')
		{
			if (!scan_escape(scan))
			{
				cm_fail(st, CM_INVALID, "JSON text contains an invalid escape sequence");
				return cm_fail_detail(st, "The error is at byte %d.", (int) (scan->at - start) + 1);
			}
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		else if (!in_string && !scan_structure(scan, c, st))
			return false;
		memcpy(scan->out + scan->outlen, scan->at, len);
		scan->outlen += len;
		scan->at += len;
	}
	return true;
}

bool
cm_json_scan(CmSlice input, char *out, size_t *len, int *values, CmStatus *st)
{
	Scan		scan = {input.data, input.data + input.len, out, 0, 0, 1};

	if (!scan_text(&scan, st))
		return false;
	out[scan.outlen] = '\0';
	*len = scan.outlen;
	*values = scan.values;
	return true;
}
