/*
 * constraint_match.c - does a name lie below the base of a constraint? Runs in
 * backends and the worker, holds nothing.
 *
 * Comparison is that of RFC 5280 7: host names and mail domains without regard
 * to case, addresses by their mask, directory names attribute by attribute
 * without regard to case and string type.
 */
#include "x509/constraint_internal.h"

#include "x509/name.h"

#include <ctype.h>
#include <string.h>

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t) (c - 'A' + 'a') : c;
}

/* Not strncasecmp: it ends at a NUL, which every character of a BMPString has, and asks the locale. */
static bool
equal_fold(CmSlice a, CmSlice b)
{
	size_t		i = 0;

	if (a.len != b.len)
		return false;
	while (i < a.len && fold(a.data[i]) == fold(b.data[i]))
		i++;
	return i == a.len;
}

static CmSlice
tail(CmSlice s, size_t from)
{
	return cm_slice(s.data + from, s.len - from);
}

/* Is host the zone, or below it? A dot in front of the zone: below only. An empty zone holds everything. */
static bool
host_below(CmSlice host, CmSlice zone, bool itself)
{
	if (zone.len == 0)
		return true;
	if (zone.data[0] == '.')
	{
		zone = tail(zone, 1);
		itself = false;
	}
	if (host.len == zone.len)
		return itself && equal_fold(host, zone);
	return host.len > zone.len && host.data[host.len - zone.len - 1] == '.' && equal_fold(tail(host, host.len - zone.len), zone);
}

/* "*.example.com" stands for every host one label below: is the zone itself one of them? For what is excluded. */
static bool
wildcard_touches(CmSlice host, CmSlice zone)
{
	CmSlice		parent;
	const uint8_t *dot;

	if (host.len < 3 || host.data[0] != '*')
		return false;
	parent = tail(host, 2);
	dot = zone.len == 0 || zone.data[0] == '.' ? NULL : memchr(zone.data, '.', zone.len);
	return dot != NULL && equal_fold(tail(zone, (size_t) (dot - zone.data) + 1), parent);
}

static bool
mailbox_below(CmSlice mailbox, CmSlice base)
{
	const uint8_t *at = mailbox.len == 0 ? NULL : memchr(mailbox.data, '@', mailbox.len);
	const uint8_t *base_at = base.len == 0 ? NULL : memchr(base.data, '@', base.len);
	CmSlice		host;

	if (at == NULL)
		return false;
	host = tail(mailbox, (size_t) (at - mailbox.data) + 1);
	if (base_at != NULL)
	{
		size_t		local = (size_t) (base_at - base.data);

		/* The local part counts every letter (RFC 5280 7.5). */
		return local == (size_t) (at - mailbox.data) && memcmp(mailbox.data, base.data, local) == 0 &&
			equal_fold(host, tail(base, local + 1));
	}
	if (base.len == 0)
		return true;
	return base.data[0] == '.' ? host_below(host, base, false) : equal_fold(host, base);
}

static bool
isalnum_ascii(uint8_t c)
{
	return (fold(c) >= 'a' && fold(c) <= 'z') || (c >= '0' && c <= '9');
}

bool
cm_uri_host(CmSlice uri, CmSlice *host)
{
	const uint8_t *p = uri.data;
	const uint8_t *end = uri.data + uri.len;
	const uint8_t *at;

	/* An authority stands behind the scheme, nowhere else: "urn:x://host" has none. */
	while (p < end && (isalnum_ascii(*p) || *p == '+' || *p == '-' || *p == '.'))
		p++;
	if (p == uri.data || end - p <= 3 || memcmp(p, "://", 3) != 0)
		return false;
	p += 3;
	for (at = p; at < end && *at != '/' && *at != '?' && *at != '#'; at++)
		;
	end = at;
	for (at = end; at > p && at[-1] != '@'; at--)
		;
	p = at;
	/* Escapes and addresses in brackets are no host names: what they stand for differs from reader to reader. */
	for (at = p; at < end && *at != ':'; at++)
	{
		if (!isalnum_ascii(*at) && *at != '-' && *at != '.' && *at != '_')
			return false;
	}
	*host = cm_slice(p, (size_t) (at - p));
	if (host->len == 0)
		return false;
	/* A last label that is a number makes it an IPv4 address. */
	while (at > p && isdigit(at[-1]))
		at--;
	return at > p ? at[-1] != '.' : false;
}

static bool
address_below(CmSlice address, CmSlice base)
{
	size_t		i;

	if (base.len != address.len * 2)
		return false;
	for (i = 0; i < address.len; i++)
	{
		if (((address.data[i] ^ base.data[i]) & base.data[address.len + i]) != 0)
			return false;
	}
	return true;
}

/* The same text in whatever string type; of other types, the same octets. */
static bool
same_value(const CmDer *a, const CmDer *b)
{
	CmBuf		text[2];
	bool		same;

	if (a->tag == b->tag)
		return equal_fold(a->content, b->content);
	cm_buf_init(&text[0], 0);
	cm_buf_init(&text[1], 0);
	same = cm_name_value(a, &text[0]) && cm_name_value(b, &text[1]) &&
		equal_fold(cm_slice(text[0].data, text[0].len), cm_slice(text[1].data, text[1].len));
	cm_buf_free(&text[0]);
	cm_buf_free(&text[1]);
	return same;
}

/* Two attributes: same type, same value but for case and string type. */
static bool
same_attribute(CmSlice a, CmSlice b)
{
	CmDer		type_a;
	CmDer		type_b;
	CmDer		value_a;
	CmDer		value_b;

	return cm_der_next(&a, &type_a) && cm_der_next(&b, &type_b) && cm_slice_equal(type_a.whole, type_b.whole) &&
		cm_der_next(&a, &value_a) && cm_der_next(&b, &value_b) && same_value(&value_a, &value_b);
}

/* RDN by RDN from the root; within one, DER has both sides sorted alike, or nearly: every one is looked for. */
static bool
same_rdn(CmSlice a, CmSlice b)
{
	CmSlice		rest = a;
	CmDer		x;
	CmDer		y;
	int			count_a = 0;
	int			count_b = 0;

	while (cm_der_next(&rest, &x))
	{
		CmSlice		others = b;
		bool		found = false;

		count_a++;
		while (!found && cm_der_next(&others, &y))
			found = same_attribute(x.content, y.content);
		if (!found)
			return false;
	}
	while (cm_der_next(&b, &y))
		count_b++;
	return count_a == count_b;
}

static bool
directory_below(CmSlice name, CmSlice base)
{
	CmDer		n;
	CmDer		b;
	CmDer		rdn;
	CmDer		wanted;

	if (!cm_name_check(base, NULL) || !cm_der_next(&name, &n) || !cm_der_next(&base, &b))
		return false;
	while (b.content.len > 0)
	{
		if (!cm_der_next(&b.content, &wanted) || !cm_der_next(&n.content, &rdn) || !same_rdn(rdn.content, wanted.content))
			return false;
	}
	return true;
}

bool
cm_constraint_holds(const CmDer *name, const CmDer *base, bool excluding)
{
	CmSlice		host;

	switch (name->tag)
	{
		case TAG_DNS:
			return host_below(name->content, base->content, true) || (excluding && wildcard_touches(name->content, base->content));
		case TAG_EMAIL:
			return mailbox_below(name->content, base->content);
		case TAG_URI:
			if (!cm_uri_host(name->content, &host))
				return excluding;
			if (base->content.len > 0 && base->content.data[0] != '.')
				return equal_fold(host, base->content);
			return host_below(host, base->content, false);
		case TAG_IP:
			return address_below(name->content, base->content);
		case TAG_DIR_NAME:
			return directory_below(name->content, base->content);
		default:
			return excluding;	/* nobody here can judge it */
	}
}
