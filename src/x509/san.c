/*
 * san.c - subject alternative names: sets of them, their canonical form and
 * their kinds. (Text is read in san_parse.c and written in san_format.c; the
 * otherNames with a form of their own are in other_name.c.)
 *
 * Runs in every process, holds nothing.
 */
#include "x509/san_internal.h"

#include "x509/other_name.h"

#include <stdlib.h>
#include <string.h>

/* ---- sets ---- */

static int
compare_slices(const void *pa, const void *pb)
{
	const CmSlice *a = pa;
	const CmSlice *b = pb;
	size_t		n = a->len < b->len ? a->len : b->len;
	int			c = memcmp(a->data, b->data, n);

	if (c != 0)
		return c;
	return a->len < b->len ? -1 : a->len > b->len;
}

/* The names sorted, each once. False: not well formed, or no memory. */
static bool
sorted_set(CmSlice general_names, CmBuf *out, size_t *count)
{
	CmSlice		rest = general_names;
	CmSlice    *names;
	CmDer		v;
	size_t		n;
	size_t		i;

	while (rest.len > 0)
	{
		if (!cm_der_next(&rest, &v) || !cm_buf_append(out, &v.whole, sizeof(v.whole)))
			return false;
	}
	names = (CmSlice *) (void *) out->data;
	n = out->len / sizeof(CmSlice);
	*count = n;
	if (n < 2)
		return true;
	qsort(names, n, sizeof(*names), compare_slices);
	*count = 1;
	for (i = 1; i < n; i++)
	{
		if (!cm_slice_equal(names[i], names[*count - 1]))
			names[(*count)++] = names[i];
	}
	return true;
}

/* By sorting: a foreign certificate may carry thousands of names, and comparing each with each would be work for the asking. */
bool
cm_san_same_set(CmSlice a, CmSlice b)
{
	CmBuf		sa;
	CmBuf		sb;
	size_t		na = 0;
	size_t		nb = 0;
	size_t		i;
	bool		same;

	if (cm_slice_equal(a, b))
		return true;
	cm_buf_init(&sa, 0);
	cm_buf_init(&sb, 0);
	same = sorted_set(a, &sa, &na) && sorted_set(b, &sb, &nb) && na == nb;
	for (i = 0; same && i < na; i++)
		same = cm_slice_equal(((CmSlice *) (void *) sa.data)[i], ((CmSlice *) (void *) sb.data)[i]);
	cm_buf_free(&sa);
	cm_buf_free(&sb);
	return same;
}

/* ---- canonical form ---- */

/* Lower case from "from" on; one final dot is dropped (RFC 1034 3.1 against RFC 5280 4.2.1.6). */
static void
put_folded(CmBuf *out, uint8_t tag, CmSlice v, size_t from)
{
	size_t		mark = cm_der_open(out, tag);
	size_t		len = v.len > from + 1 && v.data[v.len - 1] == '.' ? v.len - 1 : v.len;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		uint8_t		c = v.data[i];

		if (i >= from && c >= 'A' && c <= 'Z')
			c = (uint8_t) (c - 'A' + 'a');
		(void) cm_buf_append_byte(out, c);
	}
	cm_der_close(out, mark);
}

bool
cm_san_canonical(CmSlice general_names, CmBuf *out, CmStatus *st)
{
	CmSlice		rest = general_names;
	size_t		start = out->len;
	CmDer		v;
	CmDer		type;
	CmDer		value;

	while (rest.len > 0)
	{
		const uint8_t *at = NULL;

		if (!cm_der_next(&rest, &v))
		{
			out->len = start;
			return cm_fail(st, CM_INVALID, "subject alternative names are not well formed");
		}
		if (v.tag == TAG_EMAIL && v.content.len > 0)
			at = memchr(v.content.data, '@', v.content.len);
		if (v.tag == TAG_DNS)
			put_folded(out, TAG_DNS, v.content, 0);
		else if (at != NULL)
			put_folded(out, TAG_EMAIL, v.content, (size_t) (at - v.content.data) + 1);
		else if (v.tag == TAG_OTHER_NAME && cm_other_name_read(v.content, &type, &value))
			cm_other_name_canonical(&v, type.content, &value, out);
		else
			(void) cm_buf_append(out, v.whole.data, v.whole.len);
	}
	if (out->failed)
	{
		out->len = start;
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	return true;
}

/* ---- kinds ---- */

typedef struct Kind
{
	CmSanType	type;
	const char *name;
	uint8_t		tag;			/* 0: an otherName with a form of its own */
	const char *prefix;			/* of the text */
} Kind;

static const Kind kinds[] = {
	{CM_SAN_DNS, "dns", TAG_DNS, "DNS:"},
	{CM_SAN_IP, "ip", TAG_IP, "IP:"},
	{CM_SAN_EMAIL, "email", TAG_EMAIL, "email:"},
	{CM_SAN_URI, "uri", TAG_URI, "URI:"},
	{CM_SAN_DIR_NAME, "dirName", TAG_DIR_NAME, "dirName:"},
	{CM_SAN_RID, "registeredID", TAG_RID, "RID:"},
	{CM_SAN_UPN, "upn", 0, "UPN:"},
	{CM_SAN_SRV, "srv", 0, "SRV:"},
	{CM_SAN_PERMANENT_IDENTIFIER, "permanentIdentifier", 0, "permanentIdentifier:"},
	{CM_SAN_HARDWARE_MODULE_NAME, "hardwareModuleName", 0, "hardwareModuleName:"},
	{CM_SAN_OTHER_NAME, "otherName", TAG_OTHER_NAME, "otherName:"},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

CmSanType
cm_san_type(CmSlice general_name)
{
	CmDer		v;
	CmDer		type;
	CmDer		value;
	size_t		i;

	if (!cm_der_next(&general_name, &v))
		return CM_SAN_UNKNOWN;
	if (v.tag == TAG_OTHER_NAME)
	{
		if (!cm_other_name_read(v.content, &type, &value))
			return CM_SAN_UNKNOWN;
		return cm_other_name_type(type.content);
	}
	for (i = 0; i < KIND_COUNT; i++)
	{
		if (kinds[i].tag == v.tag)
			return kinds[i].type;
	}
	return CM_SAN_UNKNOWN;
}

const char *
cm_san_type_name(CmSanType type)
{
	size_t		i;

	for (i = 0; i < KIND_COUNT; i++)
	{
		if (kinds[i].type == type)
			return kinds[i].name;
	}
	return NULL;
}

const char *
cm_san_value(CmSanType type, const char *text)
{
	size_t		i;

	for (i = 0; i < KIND_COUNT; i++)
	{
		if (kinds[i].type == type && strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return text + strlen(kinds[i].prefix);
	}
	return text;
}
