/*
 * der_oid.c - object identifiers: dotted text from DER and back, arcs as large as a UUID included.
 *
 * Runs in every process; see der.c for what fails how.
 */
#include "base/der.h"

#include <string.h>

/* Decimal digits of the largest OID arc we read: 128 bits, a UUID under 2.25. */
#define ARC_DIGITS_MAX 39
/* The same arc as base-128 octets. */
#define ARC_OCTETS_MAX 19

/*
 * One arc in base 128 as decimal text, of any size up to ARC_DIGITS_MAX.
 * minus is taken off (40 or 80 for the first two arcs in one).
 */
static size_t
arc_text(const uint8_t *p, size_t len, unsigned minus, char *dst)
{
	uint8_t		digits[ARC_DIGITS_MAX + 1];	/* little end first */
	size_t		count = 1;
	size_t		i;
	size_t		d;

	digits[0] = 0;
	for (i = 0; i < len; i++)
	{
		unsigned	carry = p[i] & 0x7f;

		for (d = 0; d < count; d++)
		{
			carry += digits[d] * 128u;
			digits[d] = (uint8_t) (carry % 10);
			carry /= 10;
		}
		while (carry > 0)
		{
			if (count >= ARC_DIGITS_MAX)
				return 0;
			digits[count++] = (uint8_t) (carry % 10);
			carry /= 10;
		}
	}

	/* minus is a multiple of ten, so only the tens and above change. */
	for (d = 1, minus /= 10; minus > 0; d++)
	{
		if (digits[d] >= minus)
		{
			digits[d] = (uint8_t) (digits[d] - minus);
			minus = 0;
		}
		else
		{
			digits[d] = (uint8_t) (digits[d] + 10 - minus);
			minus = 1;
		}
	}
	while (count > 1 && digits[count - 1] == 0)
		count--;

	for (d = 0; d < count; d++)
		dst[d] = (char) ('0' + digits[count - 1 - d]);
	return count;
}

bool
cm_der_oid_text(CmSlice oid, char *dst, size_t dstsize)
{
	char		text[ARC_DIGITS_MAX];
	size_t		pos = 0;
	size_t		used = 0;

	if (dstsize == 0)
		return false;
	dst[0] = '\0';
	while (pos < oid.len)
	{
		size_t		start = pos;
		size_t		count;
		unsigned	root = 0;

		while (pos < oid.len && (oid.data[pos] & 0x80) != 0)
			pos++;
		if (pos == oid.len || oid.data[start] == 0x80)
			goto refuse;		/* cut within an arc, or padded */
		pos++;

		if (start == 0)
		{
			root = 2;
			if (pos == 1 && oid.data[0] < 80)
				root = oid.data[0] / 40;
			if (dstsize < 3)
				goto refuse;
			dst[used++] = (char) ('0' + root);
		}
		count = arc_text(oid.data + start, pos - start, root * 40, text);
		if (count == 0 || used + 1 + count >= dstsize)
			goto refuse;
		dst[used++] = '.';
		memcpy(dst + used, text, count);
		used += count;
	}
	dst[used] = '\0';
	return used > 0;

refuse:
	dst[0] = '\0';
	return false;
}

/* Decimal digits plus add, as base-128 octets to dst; how many, 0 when too large. */
static size_t
arc_octets(const char *digits, size_t len, unsigned add, uint8_t *dst)
{
	uint8_t		groups[ARC_OCTETS_MAX];	/* little end first */
	size_t		count = 1;
	size_t		i;
	size_t		g;

	groups[0] = 0;
	for (i = 0; i <= len; i++)
	{
		unsigned	factor = i < len ? 10 : 1;
		unsigned	carry = i < len ? (unsigned) (digits[i] - '0') : add;

		for (g = 0; g < count; g++)
		{
			carry += groups[g] * factor;
			groups[g] = carry & 0x7f;
			carry >>= 7;
		}
		while (carry > 0)
		{
			if (count >= ARC_OCTETS_MAX)
				return 0;
			groups[count++] = carry & 0x7f;
			carry >>= 7;
		}
	}
	for (g = 0; g < count; g++)
		dst[g] = (uint8_t) (groups[count - 1 - g] | (g + 1 < count ? 0x80 : 0));
	return count;
}

/* The digits of the next arc: no sign, no leading zero, "." or the end behind. */
static size_t
arc_length(const char *p)
{
	size_t		len = 0;

	while (p[len] >= '0' && p[len] <= '9')
		len++;
	if (len == 0 || len > ARC_DIGITS_MAX || (len > 1 && p[0] == '0'))
		return 0;
	if (p[len] != '.' && p[len] != '\0')
		return 0;
	return len;
}

bool
cm_der_put_oid(CmBuf *buf, const char *dotted)
{
	uint8_t		arc[ARC_OCTETS_MAX];
	const char *p = dotted;
	size_t		start = buf->len;
	size_t		mark = cm_der_open(buf, CM_DER_OID);
	unsigned	root;
	size_t		len;
	size_t		octets;

	if (buf->failed)
		return false;
	if (p[0] < '0' || p[0] > '2' || p[1] != '.')
		goto refuse;
	root = (unsigned) (p[0] - '0');
	p += 2;

	len = arc_length(p);
	/* Below roots 0 and 1 there are 40 arcs: the pair is written as one number. */
	if (len == 0 || (root < 2 && (len > 2 || (len == 2 && p[0] >= '4'))))
		goto refuse;
	octets = arc_octets(p, len, root * 40, arc);
	for (;;)
	{
		if (octets == 0 || !cm_buf_append(buf, arc, octets))
			goto refuse;
		p += len;
		if (*p == '\0')
			break;
		p++;
		len = arc_length(p);
		if (len == 0)
			goto refuse;
		octets = arc_octets(p, len, 0, arc);
	}
	cm_der_close(buf, mark);
	return !buf->failed;

refuse:
	buf->len = start;
	buf->failed = true;
	return false;
}
