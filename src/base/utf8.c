/*
 * utf8.c - see utf8.h. Runs in every process; appends fail only when memory runs out.
 */
#include "base/utf8.h"

#include "base/encode.h"

size_t
cm_utf8_next(const uint8_t *p, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n;
	size_t		i;
	uint32_t	c;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
	{
		*code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	c = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = (c << 6) | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

size_t
cm_utf8_encode(uint32_t code, uint8_t dst[4])
{
	if (code < 0x80)
	{
		dst[0] = (uint8_t) code;
		return 1;
	}
	if (code < 0x800)
	{
		dst[0] = (uint8_t) (0xc0 | (code >> 6));
		dst[1] = (uint8_t) (0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000)
	{
		dst[0] = (uint8_t) (0xe0 | (code >> 12));
		dst[1] = (uint8_t) (0x80 | ((code >> 6) & 0x3f));
		dst[2] = (uint8_t) (0x80 | (code & 0x3f));
		return 3;
	}
	dst[0] = (uint8_t) (0xf0 | (code >> 18));
	dst[1] = (uint8_t) (0x80 | ((code >> 12) & 0x3f));
	dst[2] = (uint8_t) (0x80 | ((code >> 6) & 0x3f));
	dst[3] = (uint8_t) (0x80 | (code & 0x3f));
	return 4;
}

void
cm_utf8_put(CmBuf *out, uint32_t code)
{
	uint8_t		octets[4];

	(void) cm_buf_append(out, octets, cm_utf8_encode(code, octets));
}

bool
cm_utf8_check(CmSlice text, size_t *chars)
{
	size_t		pos = 0;
	size_t		count = 0;

	while (pos < text.len)
	{
		uint32_t	code;
		size_t		n = cm_utf8_next(text.data + pos, text.len - pos, &code);

		if (n == 0)
			return false;
		pos += n;
		count++;
	}
	if (chars != NULL)
		*chars = count;
	return true;
}

/* Controls, and characters that one does not see or that turn the text around: they must not hide in what people read. */
static bool
is_invisible(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad ||
		(code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
		(code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
		(code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

static void
put_hex_pairs(CmBuf *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t		i;

	for (i = 0; i < len; i++)
	{
		(void) cm_buf_append_byte(out, '\\');
		(void) cm_buf_append_byte(out, (uint8_t) digits[data[i] >> 4]);
		(void) cm_buf_append_byte(out, (uint8_t) digits[data[i] & 15]);
	}
}

void
cm_utf8_put_escaped(CmBuf *out, CmSlice text, bool ascii)
{
	size_t		pos = 0;

	while (pos < text.len)
	{
		uint32_t	code = 0;
		size_t		n = cm_utf8_next(text.data + pos, text.len - pos, &code);

		if (n == 0 || is_invisible(code) || (ascii && code > 0x7e))
		{
			n = n == 0 ? 1 : n;
			put_hex_pairs(out, text.data + pos, n);
		}
		else
		{
			if (code == '\\')
				(void) cm_buf_append_byte(out, '\\');
			(void) cm_buf_append(out, text.data + pos, n);
		}
		pos += n;
	}
}

bool
cm_utf8_unescape(const char *text, CmBuf *out)
{
	const char *p = text;

	while (*p != '\0')
	{
		if (*p != '\\')
			(void) cm_buf_append_byte(out, (uint8_t) *p++);
		else if (p[1] == '\\')
		{
			(void) cm_buf_append_byte(out, '\\');
			p += 2;
		}
		else if (cm_hex_digit(p[1]) >= 0 && cm_hex_digit(p[2]) >= 0)
		{
			(void) cm_buf_append_byte(out, (uint8_t) (cm_hex_digit(p[1]) * 16 + cm_hex_digit(p[2])));
			p += 3;
		}
		else
			return false;
	}
	return true;
}
