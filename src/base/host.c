/*
 * host.c - host names and addresses as text and bytes.
 *
 * Runs in every process. No allocation, no look-ups, no locale: letters are
 * ASCII. A name that is not ASCII is refused; its A-label form (RFC 5890) is
 * what belongs into a certificate.
 */
#include "base/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define LABEL_MAX 63			/* RFC 1035 2.3.4 */

static bool
fail_name(CmStatus *st, const char *text, const char *detail)
{
	char		shown[128];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "host name \"%s\" is not valid", shown);
	return cm_fail_detail(st, "%s", detail);
}

/* One label of src, lower case, to dst. NULL when fine, else what is wrong. */
static const char *
copy_label(const char *src, size_t len, char *dst)
{
	size_t		i;

	if (len == 0)
		return "A label of the name is empty.";
	if (len > LABEL_MAX)
		return "A label of the name is longer than 63 characters.";
	if (src[0] == '-' || src[len - 1] == '-')
		return "A label of the name begins or ends with a hyphen.";

	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) src[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char) (c - 'A' + 'a');
		if (c >= 0x80)
			return "The name is not ASCII; write internationalized names as A-labels (\"xn--...\").";
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return "Only letters, digits, hyphens and dots are allowed.";
		dst[i] = (char) c;
	}
	return NULL;
}

static bool
all_digits(const char *p, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return false;
	}
	return true;
}

bool
cm_host_canonical(const char *text, bool wildcard, char *dst, CmStatus *st)
{
	size_t		len = strlen(text);
	size_t		pos = 0;
	const char *wrong;

	dst[0] = '\0';
	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0)
		return fail_name(st, text, "The name is empty.");
	if (len > CM_HOST_MAX)
		return fail_name(st, text, "The name is longer than 253 characters.");

	if (text[0] == '*')
	{
		if (!wildcard)
			return fail_name(st, text, "A wildcard is not allowed here.");
		if (len < 3 || text[1] != '.')
			return fail_name(st, text, "A wildcard must be the whole first label, as in \"*.example.com\".");
		pos = 2;
		memcpy(dst, "*.", 2);
	}

	for (;;)
	{
		const char *dot = memchr(text + pos, '.', len - pos);
		size_t		end = dot == NULL ? len : (size_t) (dot - text);

		wrong = copy_label(text + pos, end - pos, dst + pos);
		/* A numeric top label makes the text an address, or look like one. */
		if (wrong == NULL && end == len && all_digits(text + pos, end - pos))
			wrong = "The last label of the name is a number.";
		if (wrong != NULL)
		{
			dst[0] = '\0';
			return fail_name(st, text, wrong);
		}
		if (end == len)
			break;
		dst[end] = '.';
		pos = end + 1;
	}
	dst[len] = '\0';
	return true;
}

bool
cm_host_in_zone(const char *name, const char *zone)
{
	size_t		n = strlen(name);
	size_t		z = strlen(zone);

	if (z == 0 || n < z || memcmp(name + n - z, zone, z) != 0)
		return false;
	return n == z || name[n - z - 1] == '.';
}

bool
cm_address_parse(const char *text, uint8_t out[16], size_t *len)
{
	if (inet_pton(AF_INET, text, out) == 1)
	{
		*len = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, out) == 1)
	{
		*len = 16;
		return true;
	}
	return false;
}

bool
cm_address_format(const uint8_t *addr, size_t len, char *dst, size_t dstsize)
{
	int			family;

	if (dstsize == 0)
		return false;
	dst[0] = '\0';
	if (len == 4)
		family = AF_INET;
	else if (len == 16)
		family = AF_INET6;
	else
		return false;
	return inet_ntop(family, addr, dst, (socklen_t) dstsize) != NULL;
}

/* Four decimal numbers, the last one of the address first; "name" has nothing behind them. */
static bool
arpa_v4(const char *name, size_t namelen, uint8_t out[16])
{
	char		text[16];
	size_t		len;

	if (namelen >= sizeof(text))
		return false;
	memcpy(text, name, namelen);
	text[namelen] = '\0';
	if (!cm_address_parse(text, out, &len) || len != 4)
		return false;
	for (int i = 0; i < 2; i++)
	{
		uint8_t		swap = out[i];

		out[i] = out[3 - i];
		out[3 - i] = swap;
	}
	return true;
}

/* 32 hexadecimal digits with dots between them, the last one of the address first. */
static bool
arpa_v6(const char *name, size_t namelen, uint8_t out[16])
{
	static const char digits[] = "0123456789abcdef";

	if (namelen != 63)
		return false;
	memset(out, 0, 16);
	for (int i = 0; i < 32; i++)
	{
		const char *digit = memchr(digits, name[2 * i], 16);

		if (digit == NULL || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		out[15 - i / 2] |= (uint8_t) ((digit - digits) << (i % 2 * 4));
	}
	return true;
}

bool
cm_address_from_arpa(const char *name, uint8_t out[16], size_t *len)
{
	static const char v4[] = ".in-addr.arpa";
	static const char v6[] = ".ip6.arpa";
	size_t		size = strlen(name);

	if (size > strlen(v4) && strcmp(name + size - strlen(v4), v4) == 0)
	{
		*len = 4;
		return arpa_v4(name, size - strlen(v4), out);
	}
	if (size > strlen(v6) && strcmp(name + size - strlen(v6), v6) == 0)
	{
		*len = 16;
		return arpa_v6(name, size - strlen(v6), out);
	}
	return false;
}
