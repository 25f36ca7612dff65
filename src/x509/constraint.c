/*
 * constraint.c - see constraint.h; what lies below what is in constraint_match.c.
 *
 * Runs in backends and the worker, holds nothing. The reader judges foreign
 * bytes (an issuer from elsewhere may carry any constraints), so what is
 * malformed or unknown refuses.
 */
#include "x509/constraint_internal.h"

#include "base/encode.h"
#include "base/host.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/san.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A longer constraint is none: host names end at 253, mailboxes at 64 more. */
#define TEXT_MAX 512

static bool
fail_text(const char *text, const char *why, CmStatus *st)
{
	char		shown[160];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "invalid name constraint \"%s\"", shown);
	return cm_fail_detail(st, "%s", why);
}

/* ---- text to GeneralSubtree ---- */

/* A host, with a dot in front, or nothing; lower case into host. */
static bool
read_host(const char *value, char host[CM_HOST_MAX + 2])
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		dot = value[0] == '.' ? 1 : 0;

	host[0] = '.';
	if (value[0] == '\0')
	{
		host[0] = '\0';
		return true;
	}
	return cm_host_canonical(value + dot, false, host + dot, &st);
}

static bool
put_host(const char *text, const char *value, uint8_t tag, CmBuf *out, CmStatus *st)
{
	char		host[CM_HOST_MAX + 2];

	if (!read_host(value, host))
		return fail_text(text, "It must be a host name, with a dot in front for those below it only.", st);
	cm_der_put(out, tag, host, strlen(host));
	return true;
}

static bool
put_email(const char *text, const char *value, CmBuf *out, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	char		mailbox[TEXT_MAX];

	if (strchr(value, '@') == NULL)
		return put_host(text, value, TAG_EMAIL, out, st);
	(void) snprintf(mailbox, sizeof(mailbox), "email:%s", value);
	return cm_san_parse(mailbox, out, &why) || fail_text(text, why.detail, st);
}

static bool
put_address(const char *text, const char *value, CmBuf *out, CmStatus *st)
{
	uint8_t		bytes[32] = {0};
	char		address[64];
	const char *slash = strchr(value, '/');
	char	   *end = NULL;
	size_t		len;
	size_t		i;
	long		bits;

	if (slash == NULL || (size_t) (slash - value) >= sizeof(address))
		return fail_text(text, "It must be an address with prefix length, as in 10.0.0.0/8.", st);
	memcpy(address, value, (size_t) (slash - value));
	address[slash - value] = '\0';
	bits = isdigit((unsigned char) slash[1]) ? strtol(slash + 1, &end, 10) : -1;
	if (!cm_address_parse(address, bytes, &len) || bits < 0 || *end != '\0' || bits > (long) len * 8)
		return fail_text(text, "It must be an address with prefix length, as in 10.0.0.0/8.", st);
	for (i = 0; i < len; i++)
	{
		long		here = bits - 8 * (long) i;
		uint8_t		mask = here >= 8 ? 0xff : here <= 0 ? 0 : (uint8_t) (0xff << (8 - here));

		if ((bytes[i] & ~mask) != 0)
			return fail_text(text, "The address has bits behind its prefix.", st);
		bytes[len + i] = mask;
	}
	cm_der_put(out, TAG_IP, bytes, len * 2);
	return true;
}

static bool
put_directory_name(const char *text, const char *value, CmBuf *out, CmStatus *st)
{
	CmStatus	why = CM_STATUS_INIT;
	size_t		mark = cm_der_open(out, TAG_DIR_NAME);

	if (!cm_name_parse(value, out, &why))
		return fail_text(text, why.detail[0] != '\0' ? why.detail : why.reason, st);
	cm_der_close(out, mark);
	return true;
}

static bool
put_base(const char *text, CmBuf *out, CmStatus *st)
{
	if (strlen(text) >= TEXT_MAX - 8)
		return fail_text(text, "It is too long.", st);
	if (strncasecmp(text, "DNS:", 4) == 0)
		return put_host(text, text + 4, TAG_DNS, out, st);
	if (strncasecmp(text, "URI:", 4) == 0)
		return put_host(text, text + 4, TAG_URI, out, st);
	if (strncasecmp(text, "IP:", 3) == 0)
		return put_address(text, text + 3, out, st);
	if (strncasecmp(text, "email:", 6) == 0)
		return put_email(text, text + 6, out, st);
	if (strncasecmp(text, "dirName:", 8) == 0)
		return put_directory_name(text, text + 8, out, st);
	return fail_text(text, "It must begin with DNS:, IP:, email:, URI: or dirName:.", st);
}

bool
cm_constraint_parse(const char *text, CmBuf *subtrees, CmStatus *st)
{
	CmBuf		base;
	bool		ok;

	cm_buf_init(&base, 0);
	ok = put_base(text, &base, st);
	if (ok)
		cm_der_put(subtrees, CM_DER_SEQUENCE, base.data, base.len);
	if (ok && (base.failed || subtrees->failed))
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	cm_buf_free(&base);
	return ok;
}

void
cm_constraints_put(CmSlice permitted, CmSlice excluded, CmBuf *out)
{
	if (permitted.len > 0)
		cm_der_put_slice(out, CM_DER_CONTEXT_CONS(0), permitted);
	if (excluded.len > 0)
		cm_der_put_slice(out, CM_DER_CONTEXT_CONS(1), excluded);
}

/* ---- reading ---- */

/* GeneralSubtree ::= SEQUENCE { base, minimum [0] DEFAULT 0, maximum [1] OPTIONAL }: RFC 5280 wants neither of the last two. */
static bool
next_base(CmSlice *subtrees, CmDer *base)
{
	CmDer		subtree;

	return cm_der_expect(subtrees, CM_DER_SEQUENCE, &subtree) && cm_der_next(&subtree.content, base) &&
		(base->tag & 0xc0) == 0x80 && subtree.content.len == 0;
}

static bool
read_lists(CmSlice constraints, CmSlice *permitted, CmSlice *excluded)
{
	CmDer		list;
	bool		present;

	*permitted = *excluded = cm_slice(NULL, 0);
	if (!cm_der_optional(&constraints, CM_DER_CONTEXT_CONS(0), &list, &present))
		return false;
	if (present)
		*permitted = list.content;
	if (!cm_der_optional(&constraints, CM_DER_CONTEXT_CONS(1), &list, &present))
		return false;
	if (present)
		*excluded = list.content;
	return constraints.len == 0;
}

static void
format_address(CmSlice v, CmBuf *text)
{
	size_t		half = v.len / 2;
	char		address[64];
	size_t		bits = 0;
	size_t		i;

	if ((v.len != 8 && v.len != 32) || !cm_address_format(v.data, half, address, sizeof(address)))
	{
		(void) cm_buf_append_byte(text, '#');
		(void) cm_hex_encode(text, v.data, v.len);
		return;
	}
	while (bits < half * 8 && (v.data[half + bits / 8] & (0x80 >> bits % 8)) != 0)
		bits++;
	for (i = bits; i < half * 8 && (v.data[half + i / 8] & (0x80 >> i % 8)) == 0; i++)
		;
	(void) cm_buf_printf(text, "%s/", address);
	if (i == half * 8)
		(void) cm_buf_printf(text, "%zu", bits);
	else
		(void) cm_hex_encode(text, v.data + half, half);	/* a mask with holes */
}

static void
format_base(const CmDer *base, CmBuf *text)
{
	CmStatus	ignored = CM_STATUS_INIT;

	switch (base->tag)
	{
		case TAG_IP:
			(void) cm_buf_append_str(text, "IP:");
			format_address(base->content, text);
			return;
		case TAG_DNS:
		case TAG_EMAIL:
		case TAG_URI:
			(void) cm_buf_append_str(text, base->tag == TAG_DNS ? "DNS:" : base->tag == TAG_EMAIL ? "email:" : "URI:");
			cm_utf8_put_escaped(text, base->content, true);
			return;
		case TAG_DIR_NAME:
			(void) cm_buf_append_str(text, "dirName:");
			if (cm_name_format(base->content, text, &ignored))
				return;
			break;
		default:
			break;
	}
	(void) cm_buf_append_byte(text, '#');
	(void) cm_hex_encode(text, base->whole.data, base->whole.len);
}

bool
cm_constraints_each(CmSlice constraints, bool (*fn) (bool permitted, const char *text, void *arg), void *arg)
{
	CmSlice		lists[2];
	CmBuf		text;
	CmDer		base;
	bool		ok;
	int			i;

	if (!read_lists(constraints, &lists[0], &lists[1]))
		return false;
	cm_buf_init(&text, 0);
	for (i = 0, ok = true; ok && i < 2; i++)
	{
		while (ok && lists[i].len > 0)
		{
			cm_buf_reset(&text);
			ok = next_base(&lists[i], &base);
			if (ok)
			{
				format_base(&base, &text);
				ok = fn(i == 0, cm_buf_cstr(&text), arg);
			}
		}
	}
	cm_buf_free(&text);
	return ok;
}

/* ---- the check ---- */

static bool
deny(const CmDer *name, const char *why, CmStatus *st)
{
	char		shown[200];

	(void) cm_fail(st, CM_POLICY, "name is outside the issuer's name constraints");
	return cm_fail_detail(st, "Name \"%s\" %s", cm_san_show(name->whole, shown, sizeof(shown)), why);
}

static bool
allow_one(CmSlice permitted, CmSlice excluded, const CmDer *name, CmStatus *st)
{
	CmDer		base;
	bool		limited = false;
	bool		found = false;

	while (permitted.len > 0)
	{
		if (!next_base(&permitted, &base))
			return cm_fail(st, CM_POLICY, "name constraints of the issuer are malformed");
		if (base.tag != name->tag)
			continue;
		limited = true;
		found = found || cm_constraint_holds(name, &base, false);
	}
	if (limited && !found)
		return deny(name, "is not below any that the issuer's name constraints permit.", st);
	while (excluded.len > 0)
	{
		if (!next_base(&excluded, &base))
			return cm_fail(st, CM_POLICY, "name constraints of the issuer are malformed");
		if (base.tag == name->tag && cm_constraint_holds(name, &base, true))
			return deny(name, "is excluded by the issuer's name constraints.", st);
	}
	return true;
}

/* The emailAddress attributes of a subject are mailboxes too (RFC 5280 4.2.1.10). */
static bool
allow_mailboxes(CmSlice permitted, CmSlice excluded, CmSlice subject, CmStatus *st)
{
	static const uint8_t email_address[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1};
	CmDer		name;
	CmDer		rdn;
	CmDer		pair;
	CmDer		oid;
	CmDer		value;

	if (!cm_der_next(&subject, &name))
		return true;
	while (cm_der_next(&name.content, &rdn))
	{
		while (cm_der_next(&rdn.content, &pair))
		{
			CmBuf		text;
			CmBuf		mailbox;
			CmSlice		rest;
			bool		ok;

			if (!cm_der_next(&pair.content, &oid) || !cm_der_next(&pair.content, &value) ||
				!cm_slice_equal(oid.content, cm_slice(email_address, sizeof(email_address))))
				continue;
			cm_buf_init(&mailbox, 0);
			/* In whatever string type it is: a BMPString must not hide it. What is no text is judged by its octets. */
			cm_buf_init(&text, 0);
			cm_der_put_slice(&mailbox, TAG_EMAIL, cm_name_value(&value, &text) ? cm_slice(text.data, text.len) : value.content);
			if (text.failed)
				mailbox.failed = true;
			cm_buf_free(&text);
			rest = cm_slice(mailbox.data, mailbox.len);
			ok = !mailbox.failed && cm_der_next(&rest, &value) ? allow_one(permitted, excluded, &value, st) : cm_fail(st, CM_MEMORY, "out of memory");
			cm_buf_free(&mailbox);
			if (!ok)
				return false;
		}
	}
	return true;
}

bool
cm_constraints_allow(CmSlice constraints, CmSlice subject, CmSlice sans, CmStatus *st)
{
	CmSlice		permitted;
	CmSlice		excluded;
	CmDer		name;

	if (constraints.len == 0)
		return true;
	if (!read_lists(constraints, &permitted, &excluded))
		return cm_fail(st, CM_POLICY, "name constraints of the issuer are malformed");
	/* The empty Name is 30 00: nothing to judge. */
	if (subject.len > 2)
	{
		name.tag = TAG_DIR_NAME;
		name.content = subject;
		name.whole = cm_slice(NULL, 0);
		if (!allow_one(permitted, excluded, &name, st))
		{
			if (st != NULL && st->detail[0] != '\0')
				return cm_fail_detail(st, "The subject is outside the directory names that the issuer's name constraints permit.");
			return false;
		}
		if (!allow_mailboxes(permitted, excluded, subject, st))
			return false;
	}
	while (sans.len > 0)
	{
		if (!cm_der_next(&sans, &name))
			return cm_fail(st, CM_POLICY, "subject alternative names are malformed");
		if (!allow_one(permitted, excluded, &name, st))
			return false;
	}
	return true;
}
