/*
 * name.c - distinguished names: DER to RFC 4514 text, and attribute by attribute.
 *
 * Runs in every process. Takes whatever a foreign certificate carries; fails
 * only on bytes that are not a Name, or when memory runs out.
 */
#include "x509/name_internal.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <string.h>

#define TAG_NUMERICSTRING 0x12
#define TAG_T61STRING 0x14
#define TAG_VISIBLESTRING 0x1a
#define TAG_UNIVERSALSTRING 0x1c
#define TAG_BMPSTRING 0x1e

/* ---- formatting ---- */

/* The value of an attribute as UTF-8; 8-bit strings are copied as they are. False: not a string, or not one that can be read. */
static bool
value_to_utf8(const CmDer *value, CmBuf *out)
{
	const uint8_t *p = value->content.data;
	size_t		len = value->content.len;
	size_t		width = value->tag == TAG_BMPSTRING ? 2 : 4;
	size_t		i;

	switch (value->tag)
	{
		case CM_DER_UTF8STRING:
		case CM_DER_PRINTABLESTRING:
		case CM_DER_IA5STRING:
		case TAG_NUMERICSTRING:
		case TAG_VISIBLESTRING:
			(void) cm_buf_append(out, p, len);
			return true;
		case TAG_T61STRING:		/* T.61 in name, Latin-1 in practice; OpenSSL reads it so as well */
			for (i = 0; i < len; i++)
				cm_utf8_put(out, p[i]);
			return true;
		case TAG_BMPSTRING:
		case TAG_UNIVERSALSTRING:
			break;
		default:
			return false;
	}
	if (len % width != 0)
		return false;
	for (i = 0; i < len; i += width)
	{
		uint32_t	c = width == 2 ? 0 : ((uint32_t) p[i] << 24) | ((uint32_t) p[i + 1] << 16);

		c |= ((uint32_t) p[i + width - 2] << 8) | p[i + width - 1];
		/* Windows writes UTF-16 here. */
		if (width == 2 && c >= 0xd800 && c <= 0xdbff && len - i >= 4 && (p[i + 2] & 0xfc) == 0xdc)
		{
			c = 0x10000 + ((c & 0x3ff) << 10) + ((uint32_t) (p[i + 2] & 3) << 8) + p[i + 3];
			i += 2;
		}
		if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		cm_utf8_put(out, c);
	}
	return true;
}

/* RFC 4514 2.4. */
static void
put_value_escaped(CmBuf *text, CmSlice v)
{
	size_t		pos = 0;

	while (pos < v.len)
	{
		size_t		run = pos;
		uint8_t		c = v.data[pos];

		if (strchr("\"+,;<>", c) != NULL && c != 0)
		{
			(void) cm_buf_append_byte(text, '\\');
			(void) cm_buf_append_byte(text, c);
			pos++;
			continue;
		}
		if ((c == ' ' && (pos == 0 || pos == v.len - 1)) || (c == '#' && pos == 0))
		{
			(void) cm_buf_append_byte(text, '\\');
			(void) cm_buf_append_byte(text, c);
			pos++;
			continue;
		}
		do
			run++;
		while (run < v.len && (v.data[run] == 0 || strchr("\"+,;<>", v.data[run]) == NULL) &&
			   !(run == v.len - 1 && v.data[run] == ' '));
		cm_utf8_put_escaped(text, cm_slice(v.data + pos, run - pos), false);
		pos = run;
	}
}

static void
put_hex_value(CmBuf *text, const CmDer *value)
{
	(void) cm_buf_append_byte(text, '#');
	(void) cm_hex_encode(text, value->whole.data, value->whole.len);
}

static bool
fail_not_a_name(CmStatus *st)
{
	return cm_fail(st, CM_INVALID, "not a distinguished name");
}

static bool
read_ava(CmSlice *rest, CmDer *oid, CmDer *value)
{
	CmDer		ava;
	CmSlice		inner;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &ava))
		return false;
	inner = ava.content;
	return cm_der_expect(&inner, CM_DER_OID, oid) && oid->content.len > 0 &&
		oid->content.len <= NAME_OID_MAX && cm_der_next(&inner, value) && inner.len == 0;
}

static bool
format_ava(const CmDer *oid, const CmDer *value, CmBuf *text, CmStatus *st)
{
	char		dotted[NAME_OID_TEXT_MAX];
	const CmNameAttribute *attribute;
	const char *name;
	CmBuf		utf8;

	if (!cm_name_oid_text(oid->content, dotted, sizeof(dotted)))
		return fail_not_a_name(st) || cm_fail_detail(st, "An attribute type is not an object identifier.");
	attribute = cm_name_attribute(dotted);
	name = attribute != NULL ? attribute->name : cm_name_openssl_attribute(dotted);
	(void) cm_buf_append_str(text, name == NULL ? dotted : name);
	(void) cm_buf_append_byte(text, '=');
	if (name == NULL)
	{
		put_hex_value(text, value);
		return true;
	}
	cm_buf_init(&utf8, 0);
	if (value_to_utf8(value, &utf8))
		put_value_escaped(text, cm_slice(utf8.data, utf8.len));
	else
		put_hex_value(text, value);
	if (utf8.failed)
		text->failed = true;
	cm_buf_free(&utf8);
	return true;
}

static bool
format_rdn(CmSlice members, CmBuf *text, CmStatus *st)
{
	CmSlice		rest = members;
	CmDer		oid;
	CmDer		value;

	while (rest.len > 0)
	{
		if (rest.data != members.data)
			(void) cm_buf_append_byte(text, '+');
		if (!read_ava(&rest, &oid, &value))
			return fail_not_a_name(st);
		if (!format_ava(&oid, &value, text, st))
			return false;
	}
	return true;
}

bool
cm_name_check(CmSlice der, CmStatus *st)
{
	CmDer		name;
	CmDer		rdn;
	CmDer		oid;
	CmDer		value;
	CmSlice		rest = der;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &name) || rest.len != 0)
		return fail_not_a_name(st);
	rest = name.content;
	while (rest.len > 0)
	{
		if (!cm_der_expect(&rest, CM_DER_SET, &rdn) || rdn.content.len == 0)
			return fail_not_a_name(st);
		while (rdn.content.len > 0)
		{
			if (!read_ava(&rdn.content, &oid, &value))
				return fail_not_a_name(st);
		}
	}
	return true;
}

/*
 * RFC 4514 writes the last RDN first. DER is read forwards only, so the places
 * of the RDNs are kept: the array grows with the name, there is no bound on
 * how many parts a foreign name has.
 */
bool
cm_name_format(CmSlice der, CmBuf *text, CmStatus *st)
{
	CmBuf		places;
	CmDer		v;
	CmSlice		rest = der;
	size_t		start = text->len;
	size_t		n;
	bool		ok;

	if (!cm_name_check(der, st))
		return false;
	(void) cm_der_next(&rest, &v);
	rest = v.content;
	cm_buf_init(&places, 0);
	while (cm_der_next(&rest, &v))
		(void) cm_buf_append(&places, &v.content, sizeof(v.content));
	ok = !places.failed || cm_fail(st, CM_MEMORY, "out of memory");
	for (n = places.len / sizeof(CmSlice); ok && n > 0; n--)
	{
		CmSlice		members;

		memcpy(&members, places.data + (n - 1) * sizeof(members), sizeof(members));
		if (text->len > start)
			(void) cm_buf_append_byte(text, ',');
		ok = format_rdn(members, text, st);
	}
	cm_buf_free(&places);
	if (ok && text->failed)
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	if (!ok)
		text->len = start;
	return ok;
}

bool
cm_name_common_name(CmSlice der, CmBuf *text)
{
	static const uint8_t common_name[] = {0x55, 0x04, 0x03};
	CmDer		v;
	CmDer		oid;
	CmDer		value;
	CmDer		last;
	CmSlice		rest = der;
	size_t		start = text->len;
	bool		found = false;

	if (!cm_name_check(der, NULL) || !cm_der_next(&rest, &v))
		return false;
	rest = v.content;
	while (cm_der_next(&rest, &v))
	{
		while (read_ava(&v.content, &oid, &value))
		{
			if (cm_slice_equal(oid.content, cm_slice(common_name, sizeof(common_name))))
			{
				last = value;
				found = true;
			}
		}
	}
	if (found && value_to_utf8(&last, text) && !text->failed && text->len > start &&
		memchr(text->data + start, 0, text->len - start) == NULL &&
		cm_utf8_check(cm_slice(text->data + start, text->len - start), NULL))
		return true;
	text->len = start;
	return false;
}

/* ---- attribute by attribute ---- */

bool
cm_name_next(CmSlice *rest, CmSlice *rdn, CmSlice *oid, CmDer *value)
{
	CmDer		v;

	if (rdn->len == 0)
	{
		if (!cm_der_expect(rest, CM_DER_SET, &v))
			return false;
		*rdn = v.content;
	}
	if (!read_ava(rdn, &v, value))
		return false;
	*oid = v.content;
	return true;
}

bool
cm_name_value(const CmDer *value, CmBuf *out)
{
	return value_to_utf8(value, out) && !out->failed;
}
