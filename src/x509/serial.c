/*
 * serial.c - see serial.h. Backends only; holds nothing. What may fail: texts
 * that are no number, or one that is longer than serial numbers are (CM_INVALID).
 */
#include "x509/serial.h"

#include <ctype.h>
#include <string.h>

#include "base/encode.h"

/* The longest text that is looked at: CM_SERIAL_MAX octets with a colon between them, and "0x"; decimal is shorter. */
#define TEXT_MAX (CM_SERIAL_MAX * 3 + 2)

static bool
fail(const char *text, CmStatus *st)
{
	char		shown[64];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "\"%s\" is not a serial number", shown);
	return cm_fail_detail(st, "Serial numbers are hexadecimal (1f0a, 0x1f0a or 1f:0a) or decimal, and positive.");
}

static void
drop_zeros(CmBuf *buf)
{
	size_t		zeros = 0;

	while (zeros < buf->len && buf->data[zeros] == 0)
		zeros++;
	if (zeros > 0)
		memmove(buf->data, buf->data + zeros, buf->len - zeros);
	buf->len -= zeros;
}

/* Pairs of digits with colons between them, or an odd number of digits without any. */
static bool
read_hexadecimal(const char *text, CmBuf *out)
{
	char		digits[TEXT_MAX + 2] = "0";
	size_t		len = strlen(text);
	bool		ok;

	if (strchr(text, ':') == NULL && len % 2 == 1)
		memcpy(digits + 1, text, len + 1);
	else
		memcpy(digits, text, len + 1);
	ok = cm_hex_decode(out, digits, strlen(digits));
	drop_zeros(out);
	if (ok && out->len > 0 && out->len <= CM_SERIAL_MAX)
		return true;
	cm_buf_reset(out);
	return false;
}

static bool
read_decimal(const char *text, CmBuf *out)
{
	uint8_t		number[CM_SERIAL_MAX + 1] = {0};	/* an octet more shows what is too long */
	size_t		i;

	for (; *text != '\0'; text++)
	{
		unsigned	carry = (unsigned) (*text - '0');

		if (!isdigit((unsigned char) *text) || number[0] != 0)
			return false;
		for (i = sizeof(number); i-- > 0;)
		{
			carry += number[i] * 10u;
			number[i] = (uint8_t) carry;
			carry >>= 8;
		}
	}
	if (number[0] != 0)
		return false;
	(void) cm_buf_append(out, number, sizeof(number));
	drop_zeros(out);
	return out->len > 0;
}

bool
cm_serial_parse(const char *text, CmBuf *hexadecimal, CmBuf *decimal, CmStatus *st)
{
	bool		hex_only = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
	bool		found;

	cm_buf_reset(hexadecimal);
	cm_buf_reset(decimal);
	if (strlen(text) > TEXT_MAX || text[0] == '\0')
		return fail(text, st);
	found = read_hexadecimal(hex_only ? text + 2 : text, hexadecimal);
	if (!hex_only)
		found |= read_decimal(text, decimal);
	if (hexadecimal->failed || decimal->failed)
		return cm_fail(st, CM_MEMORY, "out of memory");
	return found || fail(text, st);
}
