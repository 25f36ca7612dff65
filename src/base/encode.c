/*
 * encode.c - base64, base64url (RFC 4648), hexadecimal and PEM (RFC 7468).
 *
 * Runs in every process, on input from users, CAs and DNS APIs. Every decoder
 * is strict, linear in its input, and leaves the output buffer as long as it
 * was when it fails. Output may hold keys: bytes taken back are wiped when
 * the buffer is secret.
 */
#include "base/encode.h"

#include <string.h>

/* RFC 7468 labels are short words; longer ones are refused before they are copied. */
#define LABEL_MAX 64
/* Base64 characters a line: RFC 7468 2 asks generators for exactly 64. */
#define PEM_LINE 64
#define PEM_LINE_BYTES (PEM_LINE / 4 * 3)

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Takes back what was appended since len was "keep". Always false. */
static bool
undo(CmBuf *out, size_t keep)
{
	if (out->len > keep)
	{
		if (out->secret)
			cm_wipe(out->data + keep, out->len - keep);
		out->len = keep;
	}
	return false;
}

/* ---- base64 ---- */

static uint8_t *
encode_groups(uint8_t *p, const uint8_t *in, size_t len, const char *alphabet, bool pad)
{
	while (len >= 3)
	{
		uint32_t	v = (uint32_t) in[0] << 16 | (uint32_t) in[1] << 8 | in[2];

		*p++ = (uint8_t) alphabet[v >> 18];
		*p++ = (uint8_t) alphabet[v >> 12 & 63];
		*p++ = (uint8_t) alphabet[v >> 6 & 63];
		*p++ = (uint8_t) alphabet[v & 63];
		in += 3;
		len -= 3;
	}
	if (len > 0)
	{
		uint32_t	v = (uint32_t) in[0] << 16 | (len == 2 ? (uint32_t) in[1] << 8 : 0);

		*p++ = (uint8_t) alphabet[v >> 18];
		*p++ = (uint8_t) alphabet[v >> 12 & 63];
		if (len == 2)
			*p++ = (uint8_t) alphabet[v >> 6 & 63];
		else if (pad)
			*p++ = '=';
		if (pad)
			*p++ = '=';
	}
	return p;
}

static bool
base64(CmBuf *out, const void *data, size_t len, const char *alphabet, bool pad)
{
	uint8_t    *end;

	if (len > SIZE_MAX / 2 || !cm_buf_reserve(out, (len + 2) / 3 * 4))
	{
		out->failed = true;
		return false;
	}
	end = encode_groups(out->data + out->len, data, len, alphabet, pad);
	out->len = (size_t) (end - out->data);
	return true;
}

bool
cm_base64url_encode(CmBuf *out, const void *data, size_t len)
{
	return base64(out, data, len, alphabet_url, false);
}

bool
cm_base64_encode(CmBuf *out, const void *data, size_t len)
{
	return base64(out, data, len, alphabet_std, true);
}

/*
 * The six bits of a character, or -1. Compares instead of a table: a decoded
 * key leaves no trace in the cache, and it is not on a hot path.
 */
static int
sextet(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool
cm_base64_decode(CmBuf *out, const char *text, size_t len)
{
	size_t		keep = out->len;
	uint32_t	acc = 0;
	unsigned	bits = 0;
	bool		std = false;
	bool		url = false;
	size_t		i;

	if (len > 0 && text[len - 1] == '=')
	{
		/* Padding fills the last group or is not there at all. */
		if (len % 4 != 0)
			return false;
		len -= text[len - 2] == '=' ? 2 : 1;
	}
	if (len % 4 == 1 || !cm_buf_reserve(out, len / 4 * 3 + 2))
		return false;

	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];
		int			v = sextet(c);

		if (v < 0)
			return undo(out, keep);
		std |= c == '+' || c == '/';
		url |= c == '-' || c == '_';
		acc = acc << 6 | (uint32_t) v;
		bits += 6;
		if (bits >= 8)
		{
			bits -= 8;
			out->data[out->len++] = (uint8_t) (acc >> bits);
			acc &= (1u << bits) - 1;
		}
	}
	if (acc != 0 || (std && url))
		return undo(out, keep);
	return true;
}

/* ---- hexadecimal ---- */

bool
cm_hex_encode(CmBuf *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = data;
	size_t		i;

	if (len > SIZE_MAX / 2 || !cm_buf_reserve(out, len * 2))
	{
		out->failed = true;
		return false;
	}
	for (i = 0; i < len; i++)
	{
		out->data[out->len++] = (uint8_t) digits[in[i] >> 4];
		out->data[out->len++] = (uint8_t) digits[in[i] & 15];
	}
	return true;
}

int
cm_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
cm_hex_decode(CmBuf *out, const char *text, size_t len)
{
	size_t		keep = out->len;
	size_t		i = 0;

	if (!cm_buf_reserve(out, len / 2))
		return false;
	while (i < len)
	{
		int			high = cm_hex_digit(text[i]);
		int			low = i + 1 < len ? cm_hex_digit(text[i + 1]) : -1;

		if (high < 0 || low < 0)
			return undo(out, keep);
		out->data[out->len++] = (uint8_t) (high << 4 | low);
		i += 2;
		/* A colon stands between two octets, nowhere else. */
		if (i < len && text[i] == ':' && ++i == len)
			return undo(out, keep);
	}
	return true;
}

/* ---- PEM ---- */

static bool
is_label(const char *label, size_t len)
{
	size_t		i;

	if (len == 0 || len > LABEL_MAX)
		return false;
	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) label[i];

		if (c < 0x20 || c > 0x7e)
			return false;
	}
	return true;
}

bool
cm_pem_encode(CmBuf *out, const char *label, const void *der, size_t len)
{
	const uint8_t *in = der;
	size_t		lines = len / PEM_LINE_BYTES + 1;
	size_t		label_len = strlen(label);
	uint8_t    *p;

	/* Everything is reserved first, so a buffer that fails has no half block. */
	if (!is_label(label, label_len) || len > SIZE_MAX / 4 ||
		!cm_buf_reserve(out, 2 * (label_len + sizeof("-----BEGIN -----\n")) + (len + 2) / 3 * 4 + lines))
	{
		out->failed = true;
		return false;
	}
	cm_buf_append_str(out, "-----BEGIN ");
	cm_buf_append(out, label, label_len);
	cm_buf_append_str(out, "-----\n");
	p = out->data + out->len;
	while (len > 0)
	{
		size_t		n = len > PEM_LINE_BYTES ? PEM_LINE_BYTES : len;

		p = encode_groups(p, in, n, alphabet_std, true);
		*p++ = '\n';
		in += n;
		len -= n;
	}
	out->len = (size_t) (p - out->data);
	cm_buf_append_str(out, "-----END ");
	cm_buf_append(out, label, label_len);
	cm_buf_append_str(out, "-----\n");
	return !out->failed;
}

/* Cuts the next line off *rest, without its end (LF, CR LF or CR) and blanks around it. */
static CmSlice
take_line(CmSlice *rest)
{
	const uint8_t *p = rest->data;
	size_t		len = 0;
	size_t		next;
	CmSlice		line;

	while (len < rest->len && p[len] != '\n' && p[len] != '\r')
		len++;
	next = len;
	if (next < rest->len)
		next += p[len] == '\r' && len + 1 < rest->len && p[len + 1] == '\n' ? 2 : 1;
	rest->data += next;
	rest->len -= next;

	line = cm_slice(p, len);
	while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
	{
		line.data++;
		line.len--;
	}
	while (line.len > 0 && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t'))
		line.len--;
	return line;
}

static bool
begins(CmSlice line, const char *with)
{
	size_t		n = strlen(with);

	return line.len >= n && memcmp(line.data, with, n) == 0;
}

/* The label between the prefix of a boundary line and its final dashes. */
static bool
boundary_label(CmSlice line, const char *prefix, CmSlice *label)
{
	size_t		n = strlen(prefix);

	if (line.len < n + 5 || memcmp(line.data + line.len - 5, "-----", 5) != 0)
		return false;
	*label = cm_slice(line.data + n, line.len - n - 5);
	return is_label((const char *) label->data, label->len);
}

/* Base64 that comes in pieces. */
typedef struct Body
{
	uint32_t	acc;
	unsigned	bits;
	size_t		chars;			/* of the alphabet */
	size_t		pads;
} Body;

static bool
decode_line(Body *body, CmSlice line, CmBuf *der)
{
	size_t		i;

	/* Two bytes more: bits left over from the line before. */
	if (!cm_buf_reserve(der, line.len / 4 * 3 + 4))
		return false;
	for (i = 0; i < line.len; i++)
	{
		unsigned char c = line.data[i];
		int			v;

		if (c == ' ' || c == '\t')
			continue;
		if (c == '=')
		{
			if (++body->pads > 2)
				return false;
			continue;
		}
		v = sextet(c);
		if (v < 0 || c == '-' || c == '_' || body->pads > 0)
			return false;
		body->chars++;
		body->acc = body->acc << 6 | (uint32_t) v;
		body->bits += 6;
		if (body->bits >= 8)
		{
			body->bits -= 8;
			der->data[der->len++] = (uint8_t) (body->acc >> body->bits);
			body->acc &= (1u << body->bits) - 1;
		}
	}
	return true;
}

static bool
body_complete(const Body *body)
{
	return body->chars > 0 && (body->chars + body->pads) % 4 == 0 && body->acc == 0;
}

/* Reads up to and with the END line. On failure *rest and der are as before. */
static bool
read_body(CmSlice *rest, const char *label, CmBuf *der, CmStatus *st)
{
	CmSlice		ahead = *rest;
	size_t		keep = der->len;
	Body		body = {0, 0, 0, 0};

	while (ahead.len > 0)
	{
		CmSlice		line = take_line(&ahead);

		if (begins(line, "-----"))
		{
			CmSlice		end;

			if (!begins(line, "-----END ") || !boundary_label(line, "-----END ", &end) ||
				!cm_slice_equal(end, cm_slice(label, strlen(label))))
			{
				undo(der, keep);
				return cm_fail(st, CM_INVALID, "PEM block \"%s\" does not end with its own label", label);
			}
			if (!body_complete(&body))
			{
				undo(der, keep);
				return cm_fail(st, CM_INVALID, "PEM block \"%s\" is not complete base64", label);
			}
			*rest = ahead;
			return true;
		}
		if (line.len > 0 && memchr(line.data, ':', line.len) != NULL)
		{
			undo(der, keep);
			(void) cm_fail(st, CM_UNSUPPORTED, "PEM block \"%s\" has a header", label);
			return cm_fail_detail(st, "Encrypted keys of the old OpenSSL format have one; decrypt the key first.");
		}
		if (!decode_line(&body, line, der))
		{
			bool		full = der->failed;

			undo(der, keep);
			if (full)
				return cm_fail(st, CM_LIMIT, "PEM block \"%s\" is too large", label);
			return cm_fail(st, CM_INVALID, "PEM block \"%s\" is not base64", label);
		}
	}
	undo(der, keep);
	return cm_fail(st, CM_INVALID, "PEM block \"%s\" has no end", label);
}

bool
cm_pem_next(CmSlice *rest, char *label, size_t labelsize, CmBuf *der, CmStatus *st)
{
	CmSlice		ahead = *rest;

	while (ahead.len > 0)
	{
		CmSlice		line = take_line(&ahead);
		CmSlice		name;

		if (!begins(line, "-----BEGIN "))
			continue;
		if (!boundary_label(line, "-----BEGIN ", &name))
			return cm_fail(st, CM_INVALID, "PEM text has a malformed BEGIN line");
		if (name.len >= labelsize)
			return cm_fail(st, CM_LIMIT, "PEM label is longer than %zu characters", labelsize - 1);
		memcpy(label, name.data, name.len);
		label[name.len] = '\0';
		if (!read_body(&ahead, label, der, st))
			return false;
		*rest = ahead;
		return true;
	}

	/* The end is not a failure, whatever the status said before. */
	*rest = ahead;
	(void) cm_fail(st, CM_OK, "%s", "");
	return false;
}
