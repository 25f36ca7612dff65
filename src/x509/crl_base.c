/*
 * crl_base.c - a complete CRL, read again as the base of a delta (RFC 5280
 * 5.2.4): which entries it has, byte for byte, and which of them were not
 * named any more.
 *
 * Runs in the worker and in backends. Keeps four octets and a bit for an
 * entry; the entries stay in the caller's bytes. Serials that come in the order of
 * the base, as they do, are found at once, others by bisection. What may fail:
 * bytes that are not a CRL, memory.
 */
#include "x509/crl.h"

#include <stdlib.h>
#include <string.h>

/* An offset is 32 bits wide; a CRL of a bytea is never that large. */
#define BASE_MAX ((size_t) 1 << 30)

typedef struct Entry
{
	CmSlice		whole;
	CmSlice		serial;			/* without its leading zeros */
} Entry;

/* As bytea compares: the order in which lists are written. */
static int
compare(CmSlice a, CmSlice b)
{
	size_t		len = a.len < b.len ? a.len : b.len;
	int			c = memcmp(a.data, b.data, len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static bool
entry_next(CmSlice *rest, Entry *out)
{
	CmDer		entry;
	CmDer		serial;

	if (!cm_der_expect(rest, CM_DER_SEQUENCE, &entry) || !cm_der_expect(&entry.content, CM_DER_INTEGER, &serial))
		return false;
	out->whole = entry.whole;
	out->serial = serial.content;
	while (out->serial.len > 1 && out->serial.data[0] == 0)
	{
		out->serial.data++;
		out->serial.len--;
	}
	return out->serial.len > 0;
}

static Entry
entry_at(const CmCrlBase *base, size_t i)
{
	CmSlice		rest = cm_slice(base->entries.data + base->offsets[i], base->entries.len - base->offsets[i]);
	Entry		entry = {{NULL, 0}, {NULL, 0}};

	(void) entry_next(&rest, &entry);	/* it was read before */
	return entry;
}

/* ---- reading ---- */

static bool
fail_form(CmStatus *st)
{
	return cm_fail(st, CM_INVALID, "base of a delta is not a CRL");
}

/* CRLNumber out of the extensions. */
static bool
read_number(CmSlice extensions, uint64_t *number)
{
	CmDer		ext;
	CmDer		value;
	CmDer		oid;

	while (cm_der_expect(&extensions, CM_DER_SEQUENCE, &ext))
	{
		bool		critical;

		if (!cm_der_expect(&ext.content, CM_DER_OID, &oid) ||
			!cm_der_optional(&ext.content, CM_DER_BOOLEAN, &value, &critical) ||
			!cm_der_expect(&ext.content, CM_DER_OCTET_STRING, &value))
			return false;
		if (oid.content.len == 3 && memcmp(oid.content.data, "\x55\x1d\x14", 3) == 0)
			return cm_der_expect(&value.content, CM_DER_INTEGER, &oid) && cm_der_get_uint(&oid, number);
	}
	return false;
}

static bool
read_frame(CmCrlBase *base, CmSlice der)
{
	CmDer		outer;
	CmDer		tbs;
	CmDer		value;
	CmDer		time;
	bool		present;

	if (!cm_der_expect(&der, CM_DER_SEQUENCE, &outer) || der.len != 0 ||
		!cm_der_expect(&outer.content, CM_DER_SEQUENCE, &tbs) ||
		!cm_der_expect(&tbs.content, CM_DER_INTEGER, &value) ||
		!cm_der_expect(&tbs.content, CM_DER_SEQUENCE, &value) ||
		!cm_der_expect(&tbs.content, CM_DER_SEQUENCE, &value) ||
		!cm_der_next(&tbs.content, &time) || !cm_der_get_time(&time, &base->this_update) ||
		!cm_der_next(&tbs.content, &time) ||
		!cm_der_optional(&tbs.content, CM_DER_SEQUENCE, &value, &present))
		return false;
	base->entries = present ? value.content : cm_slice(NULL, 0);
	return cm_der_expect(&tbs.content, CM_DER_CONTEXT_CONS(0), &value) &&
		cm_der_expect(&value.content, CM_DER_SEQUENCE, &outer) &&
		read_number(outer.content, &base->number);
}

/* qsort has no room for the bytes that offsets lead to; a process sorts one base at a time. */
static const CmCrlBase *sorted;

static int
compare_offsets(const void *a, const void *b)
{
	size_t		at[2] = {*(const uint32_t *) a, *(const uint32_t *) b};
	Entry		e[2] = {{{NULL, 0}, {NULL, 0}}, {{NULL, 0}, {NULL, 0}}};

	for (int i = 0; i < 2; i++)
	{
		CmSlice		rest = cm_slice(sorted->entries.data + at[i], sorted->entries.len - at[i]);

		(void) entry_next(&rest, &e[i]);
	}
	return compare(e[0].serial, e[1].serial);
}

static bool
read_entries(CmCrlBase *base, CmStatus *st)
{
	CmSlice		rest = base->entries;
	CmSlice		last = {NULL, 0};
	bool		ordered = true;
	size_t		count = 0;
	Entry		entry;

	while (rest.len > 0)
	{
		if (!entry_next(&rest, &entry))
			return fail_form(st);
		count++;
	}
	base->offsets = malloc(sizeof(uint32_t) * (count + 1));
	base->seen = calloc(count / 8 + 1, 1);
	if (base->offsets == NULL || base->seen == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	rest = base->entries;
	for (base->count = 0; base->count < count; base->count++)
	{
		base->offsets[base->count] = (uint32_t) (rest.data - base->entries.data);
		(void) entry_next(&rest, &entry);
		ordered = ordered && (base->count == 0 || compare(last, entry.serial) < 0);
		last = entry.serial;
	}
	if (!ordered)
	{
		sorted = base;
		qsort(base->offsets, count, sizeof(uint32_t), compare_offsets);
		sorted = NULL;
	}
	return true;
}

bool
cm_crl_base_read(CmCrlBase *base, CmSlice der, CmStatus *st)
{
	memset(base, 0, sizeof(*base));
	if (der.len > BASE_MAX || !read_frame(base, der))
		return fail_form(st);
	if (!read_entries(base, st))
	{
		cm_crl_base_free(base);
		return false;
	}
	return true;
}

void
cm_crl_base_free(CmCrlBase *base)
{
	free(base->offsets);
	free(base->seen);
	memset(base, 0, sizeof(*base));
}

/* ---- finding ---- */

static bool
find(CmCrlBase *base, CmSlice serial, size_t *at)
{
	size_t		low = 0;
	size_t		high = base->count;

	if (base->next < base->count && cm_slice_equal(entry_at(base, base->next).serial, serial))
	{
		*at = base->next;
		return true;
	}
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			c = compare(entry_at(base, middle).serial, serial);

		if (c == 0)
		{
			*at = middle;
			return true;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
cm_crl_base_has(CmCrlBase *base, CmSlice serial, CmSlice entry)
{
	size_t		at;

	while (serial.len > 1 && serial.data[0] == 0)
	{
		serial.data++;
		serial.len--;
	}
	if (!find(base, serial, &at))
		return false;
	base->next = at + 1;
	base->seen[at / 8] |= (uint8_t) (1 << at % 8);
	return cm_slice_equal(entry_at(base, at).whole, entry);
}

bool
cm_crl_base_unseen(const CmCrlBase *base, size_t *pos, CmSlice *serial)
{
	for (; *pos < base->count; (*pos)++)
	{
		if ((base->seen[*pos / 8] & (1 << *pos % 8)) == 0)
		{
			*serial = entry_at(base, (*pos)++).serial;
			return true;
		}
	}
	return false;
}
