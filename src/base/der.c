/*
 * der.c - reading and writing DER (X.690), strictly and without OpenSSL.
 *
 * Runs in every process; the writer is on the path of every private
 * certificate. The reader touches nothing but the bytes of the slice and
 * leaves *rest and *out alone when it fails. The writer fails only through
 * buf->failed. Nothing here recurses, so depth is the caller's affair.
 * (OIDs are in der_oid.c.)
 */
#include "base/der.h"

#include <string.h>

#include "base/datetime.h"

/* Length octets behind the first: four carry 4 GB, more than any CmBuf holds. */
#define LENGTH_OCTETS_MAX 4

bool
cm_slice_equal(CmSlice a, CmSlice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ---- reader ---- */

/*
 * Universal types have one encoding in DER: SEQUENCE, SET and three rare
 * types are constructed, the others primitive. Number 0 is the end mark of
 * BER's indefinite form, and numbers above 30 need the multi-octet form.
 */
static bool
is_der_tag(uint8_t tag)
{
	/* bit n = universal number n: EXTERNAL, EMBEDDED PDV, SEQUENCE, SET, CHARACTER STRING */
	const uint32_t constructed = (1u << 8) | (1u << 11) | (1u << 16) | (1u << 17) | (1u << 29);
	uint8_t		number = tag & 0x1f;

	if (number == 0x1f)
		return false;
	if ((tag & 0xc0) != 0)
		return true;
	if (number == 0)
		return false;
	return ((constructed >> number) & 1) == ((tag >> 5) & 1u);
}

bool
cm_der_next(CmSlice *rest, CmDer *out)
{
	const uint8_t *p = rest->data;
	size_t		header = 2;
	size_t		len;

	if (rest->len < 2 || !is_der_tag(p[0]))
		return false;

	len = p[1];
	if (len >= 0x80)
	{
		size_t		octets = len & 0x7f;
		size_t		i;

		if (octets == 0 || octets > LENGTH_OCTETS_MAX || rest->len - 2 < octets)
			return false;
		if (p[2] == 0)
			return false;		/* a leading zero: not minimal */
		len = 0;
		for (i = 0; i < octets; i++)
			len = len << 8 | p[2 + i];
		if (len < 0x80)
			return false;		/* the short form was due */
		header += octets;
	}
	if (len > rest->len - header)
		return false;

	out->tag = p[0];
	out->content = cm_slice(p + header, len);
	out->whole = cm_slice(p, header + len);
	rest->data = p + header + len;
	rest->len -= header + len;
	return true;
}

bool
cm_der_expect(CmSlice *rest, uint8_t tag, CmDer *out)
{
	if (rest->len == 0 || rest->data[0] != tag)
		return false;
	return cm_der_next(rest, out);
}

bool
cm_der_contains(CmSlice values, CmSlice whole)
{
	CmDer		value;

	while (cm_der_next(&values, &value))
	{
		if (cm_slice_equal(value.whole, whole))
			return true;
	}
	return false;
}

bool
cm_der_optional(CmSlice *rest, uint8_t tag, CmDer *out, bool *present)
{
	CmSlice		ahead = *rest;
	CmDer		value;

	*present = false;
	if (rest->len == 0)
		return true;
	if (!cm_der_next(&ahead, &value))
		return false;
	if (value.tag != tag)
		return true;
	*present = true;
	*out = value;
	*rest = ahead;
	return true;
}

/* IMPLICIT tags hide the type; the caller knows what a context tag stands for. */
static bool
is_type(const CmDer *v, uint8_t tag)
{
	return v->tag == tag || (v->tag & 0xe0) == 0x80;
}

bool
cm_der_get_uint(const CmDer *v, uint64_t *out)
{
	const uint8_t *p = v->content.data;
	size_t		len = v->content.len;
	uint64_t	value = 0;

	if (!is_type(v, CM_DER_INTEGER) && v->tag != CM_DER_ENUMERATED)
		return false;
	if (len == 0 || (p[0] & 0x80) != 0)
		return false;
	if (len > 1 && p[0] == 0)
	{
		if ((p[1] & 0x80) == 0)
			return false;		/* not minimal */
		p++;
		len--;
	}
	if (len > sizeof(value))
		return false;
	while (len-- > 0)
		value = value << 8 | *p++;
	*out = value;
	return true;
}

bool
cm_der_get_bool(const CmDer *v, bool *out)
{
	if (!is_type(v, CM_DER_BOOLEAN) || v->content.len != 1)
		return false;
	if (v->content.data[0] != 0x00 && v->content.data[0] != 0xff)
		return false;
	*out = v->content.data[0] != 0;
	return true;
}

/* Two digits at p, -1 when they are not. */
static int
two_digits(const uint8_t *p)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	return (p[0] - '0') * 10 + (p[1] - '0');
}

bool
cm_der_get_time(const CmDer *v, int64_t *unix_seconds)
{
	const uint8_t *p = v->content.data;
	int			f[7];			/* century, year, month, day, hour, minute, second */
	int			first = v->tag == CM_DER_UTCTIME ? 1 : 0;
	int			i;
	CmCivil		c;
	CmCivil		back;
	int64_t		t;

	if (v->tag == CM_DER_UTCTIME ? v->content.len != 13 :
		(v->tag != CM_DER_GENERALIZEDTIME || v->content.len != 15))
		return false;
	for (i = first; i < 7; i++)
	{
		f[i] = two_digits(p);
		if (f[i] < 0)
			return false;
		p += 2;
	}
	if (*p != 'Z')
		return false;
	if (first == 1)
		f[0] = f[1] >= 50 ? 19 : 20;	/* RFC 5280 4.1.2.5.1 */
	if (f[2] < 1 || f[2] > 12 || f[4] > 23 || f[5] > 59 || f[6] > 59)
		return false;

	/* A day that the month does not have comes back as another day. */
	c = (CmCivil) {f[0] * 100 + f[1], f[2], f[3], f[4], f[5], f[6]};
	t = cm_time_from_civil(&c);
	back = cm_time_to_civil(t);
	if (back.month != c.month || back.day != c.day)
		return false;
	*unix_seconds = t;
	return true;
}

/* ---- writer ---- */

/* Header octets to dst (room for 2 + LENGTH_OCTETS_MAX); how many, 0 when too long. */
static size_t
put_header(uint8_t *dst, uint8_t tag, size_t len)
{
	size_t		octets = 1;
	size_t		i;

	dst[0] = tag;
	if (len < 0x80)
	{
		dst[1] = (uint8_t) len;
		return 2;
	}
	while (octets < sizeof(len) && len >> (8 * octets) != 0)
		octets++;
	if (octets > LENGTH_OCTETS_MAX)
		return 0;
	dst[1] = (uint8_t) (0x80 | octets);
	for (i = 0; i < octets; i++)
		dst[2 + i] = (uint8_t) (len >> (8 * (octets - 1 - i)));
	return 2 + octets;
}

/* Puts the header and makes room for the content. NULL when the buffer failed. */
static uint8_t *
start_value(CmBuf *buf, uint8_t tag, size_t len)
{
	size_t		header;
	uint8_t    *content;

	if (len > SIZE_MAX - 2 - LENGTH_OCTETS_MAX ||
		!cm_buf_reserve(buf, len + (len < 0x80 ? 2 : 2 + LENGTH_OCTETS_MAX)))
	{
		buf->failed = true;
		return NULL;
	}
	header = put_header(buf->data + buf->len, tag, len);
	if (header == 0)
	{
		buf->failed = true;
		return NULL;
	}
	content = buf->data + buf->len + header;
	buf->len += header + len;
	return content;
}

size_t
cm_der_open(CmBuf *buf, uint8_t tag)
{
	if (cm_buf_reserve(buf, 2))
	{
		buf->data[buf->len++] = tag;
		buf->data[buf->len++] = 0;
	}
	return buf->len;
}

/*
 * Content of 128 octets and more moves up to make room for its length: a
 * certificate has some six levels and moves about a kilobyte in all, which is
 * cheaper than counting every length beforehand.
 */
void
cm_der_close(CmBuf *buf, size_t mark)
{
	uint8_t		header[2 + LENGTH_OCTETS_MAX];
	size_t		len;
	size_t		size;

	if (buf->failed)
		return;
	if (mark < 2 || mark > buf->len)
	{
		buf->failed = true;
		return;
	}
	len = buf->len - mark;
	if (len < 0x80)
	{
		buf->data[mark - 1] = (uint8_t) len;
		return;
	}
	size = put_header(header, buf->data[mark - 2], len);
	if (size == 0 || !cm_buf_reserve(buf, size - 2))
	{
		buf->failed = true;
		return;
	}
	memmove(buf->data + mark + size - 2, buf->data + mark, len);
	memcpy(buf->data + mark - 2, header, size);
	buf->len += size - 2;
}

void
cm_der_put(CmBuf *buf, uint8_t tag, const void *content, size_t len)
{
	uint8_t    *p = start_value(buf, tag, len);

	if (p != NULL && len > 0)
		memcpy(p, content, len);
}

void
cm_der_put_slice(CmBuf *buf, uint8_t tag, CmSlice content)
{
	cm_der_put(buf, tag, content.data, content.len);
}

void
cm_der_put_unsigned(CmBuf *buf, const uint8_t *big_endian, size_t len)
{
	static const uint8_t zero = 0;
	uint8_t    *p;
	size_t		sign;

	while (len > 0 && *big_endian == 0)
	{
		big_endian++;
		len--;
	}
	if (len == 0)
	{
		cm_der_put(buf, CM_DER_INTEGER, &zero, 1);
		return;
	}
	sign = (*big_endian & 0x80) != 0 ? 1 : 0;
	p = start_value(buf, CM_DER_INTEGER, len + sign);
	if (p == NULL)
		return;
	if (sign != 0)
		*p++ = 0;
	memcpy(p, big_endian, len);
}

void
cm_der_put_uint(CmBuf *buf, uint64_t value)
{
	uint8_t		bytes[8];
	int			i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (value >> (56 - 8 * i));
	cm_der_put_unsigned(buf, bytes, sizeof(bytes));
}

void
cm_der_put_bool(CmBuf *buf, bool value)
{
	uint8_t		byte = value ? 0xff : 0x00;

	cm_der_put(buf, CM_DER_BOOLEAN, &byte, 1);
}

static void
write_two(uint8_t **p, int value)
{
	*(*p)++ = (uint8_t) ('0' + value / 10);
	*(*p)++ = (uint8_t) ('0' + value % 10);
}

void
cm_der_put_time(CmBuf *buf, int64_t unix_seconds)
{
	CmCivil		c = cm_time_to_civil(unix_seconds);
	uint8_t		text[15];
	uint8_t    *p = text;
	bool		utc;

	if (c.year < 0 || c.year > 9999)
	{
		buf->failed = true;
		return;
	}
	utc = c.year >= 1950 && c.year <= 2049;
	if (!utc)
		write_two(&p, c.year / 100);
	write_two(&p, c.year % 100);
	write_two(&p, c.month);
	write_two(&p, c.day);
	write_two(&p, c.hour);
	write_two(&p, c.minute);
	write_two(&p, c.second);
	*p++ = 'Z';
	cm_der_put(buf, utc ? CM_DER_UTCTIME : CM_DER_GENERALIZEDTIME, text, (size_t) (p - text));
}

void
cm_der_put_bit_string(CmBuf *buf, const void *bits, size_t len)
{
	uint8_t    *p;

	if (len == SIZE_MAX)
	{
		buf->failed = true;
		return;
	}
	p = start_value(buf, CM_DER_BIT_STRING, len + 1);
	if (p == NULL)
		return;
	*p++ = 0;
	if (len > 0)
		memcpy(p, bits, len);
}

void
cm_der_put_named_bits(CmBuf *buf, uint32_t bits)
{
	uint8_t		content[5] = {0, 0, 0, 0, 0};
	int			highest = -1;
	int			i;

	/* Named bit 0 is the most significant bit of the first octet. */
	for (i = 0; i < 32; i++)
	{
		if ((bits >> i & 1) != 0)
		{
			content[1 + i / 8] |= (uint8_t) (0x80 >> (i % 8));
			highest = i;
		}
	}
	if (highest >= 0)
		content[0] = (uint8_t) (7 - highest % 8);
	cm_der_put(buf, CM_DER_BIT_STRING, content, highest < 0 ? 1 : (size_t) (2 + highest / 8));
}
