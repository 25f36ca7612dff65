/*
 * san_check.c - what a value of a name must be, and foreign names checked
 * against it. Runs in every process, holds nothing.
 */
#include "x509/san_internal.h"

#include "base/encode.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/other_name.h"

#include <stdio.h>
#include <string.h>

/* RFC 5321 4.5.3.1.1. */
#define SAN_LOCAL_PART_MAX 64

bool
cm_san_because(CmSanWhy *why, const char *text)
{
	(void) snprintf(why->text, sizeof(why->text), "%s", text);
	return false;
}

bool
cm_san_because_status(CmSanWhy *why, const CmStatus *st)
{
	return cm_san_because(why, st->detail[0] != '\0' ? st->detail : st->reason);
}

bool
cm_san_host(const char *text, bool wildcard, char dst[CM_HOST_MAX + 1], CmSanWhy *why)
{
	CmStatus	st = CM_STATUS_INIT;

	return cm_host_canonical(text, wildcard, dst, &st) || cm_san_because_status(why, &st);
}

bool
cm_san_mailbox(const char *text, CmBuf *out, CmSanWhy *why)
{
	const char *at = strchr(text, '@');
	char		host[CM_HOST_MAX + 1];
	const char *p;

	if (at == NULL || strchr(at + 1, '@') != NULL)
		return cm_san_because(why, "A mail address has exactly one \"@\".");
	if (at == text || at - text > SAN_LOCAL_PART_MAX)
		return cm_san_because(why, "The part before \"@\" must have 1 to 64 characters.");
	for (p = text; p < at; p++)
	{
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"(),:;<>[\\]", *p) != NULL)
			return cm_san_because(why, "The part before \"@\" may hold ASCII letters, digits and !#$%&'*+-./=?^_`{|}~ only.");
	}
	if (!cm_san_host(at + 1, false, host, why))
		return false;
	(void) cm_buf_append(out, text, (size_t) (at - text) + 1);
	(void) cm_buf_append_str(out, host);
	return true;
}

bool
cm_san_uri(const char *text, CmSanWhy *why)
{
	const char *p = text;

	while (cm_san_is_letter(*p) || (p > text && *p != '\0' && strchr("0123456789+-.", *p) != NULL))
		p++;
	if (p == text || *p != ':' || p[1] == '\0')
		return cm_san_because(why, "A URI begins with its scheme and a colon, as in \"https://example.com/\", and does not end there.");
	for (p = text; *p != '\0'; p++)
	{
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
			return cm_san_because(why, "A URI holds printable ASCII characters without blanks, quotes, backslashes, braces and angle brackets; others are written as \"%\" and two hexadecimal digits.");
		if (*p == '%' && (cm_hex_digit(p[1]) < 0 || cm_hex_digit(p[2]) < 0))
			return cm_san_because(why, "A \"%\" in a URI must be followed by two hexadecimal digits.");
	}
	return true;
}

bool
cm_san_fail(const char *text, CmStatus *st, const CmSanWhy *why)
{
	char		shown[160];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "invalid subject alternative name \"%s\"", shown);
	return cm_fail_detail(st, "\"%s\": %s", shown, why->text);
}

/* Text of foreign bytes as a C string; false when it holds a NUL or is too long. */
static bool
to_cstr(CmSlice v, char *dst, size_t size)
{
	if (v.len >= size || (v.len > 0 && memchr(v.data, 0, v.len) != NULL))
		return false;
	if (v.len > 0)
		memcpy(dst, v.data, v.len);
	dst[v.len] = '\0';
	return true;
}

static bool
check_text_name(const CmDer *name, CmSanWhy *why)
{
	char		text[SAN_TEXT_MAX + 1];
	char		host[CM_HOST_MAX + 1];
	CmBuf		mail;
	bool		ok;

	if (!to_cstr(name->content, text, sizeof(text)))
		return cm_san_because(why, "It holds a NUL character or is too long.");
	if (name->tag == TAG_DNS)
		return cm_san_host(text, true, host, why);
	if (name->tag == TAG_URI)
		return cm_san_uri(text, why);
	cm_buf_init(&mail, 0);
	ok = cm_san_mailbox(text, &mail, why);
	cm_buf_free(&mail);
	return ok;
}

static bool
check_general_name(const CmDer *name, CmSanWhy *why)
{
	CmStatus	st = CM_STATUS_INIT;
	char		oid[256];
	CmDer		type;
	CmDer		value;

	switch (name->tag)
	{
		case TAG_DNS:
		case TAG_EMAIL:
		case TAG_URI:
			return check_text_name(name, why);
		case TAG_IP:
			return name->content.len == 4 || name->content.len == 16 ||
				cm_san_because(why, "An address must have 4 or 16 octets.");
		case TAG_DIR_NAME:
			return (cm_name_check(name->content, &st) && name->content.len > 2) ||
				cm_san_because(why, "It is not a distinguished name, or an empty one.");
		case TAG_RID:
			return cm_der_oid_text(name->content, oid, sizeof(oid)) ||
				cm_san_because(why, "It is not an object identifier.");
		case TAG_OTHER_NAME:
			if (!cm_other_name_read(name->content, &type, &value) || !cm_der_oid_text(type.content, oid, sizeof(oid)) ||
				(value.tag == CM_DER_UTF8STRING && !cm_utf8_check(value.content, NULL)))
				return cm_san_because(why, "It is not well formed.");
			return cm_other_name_check(type.content, &value, &st) || cm_san_because_status(why, &st);
		default:
			return cm_san_because(why, "Names of this kind are not supported.");
	}
}

bool
cm_san_check(CmSlice general_names, size_t *count, CmStatus *st)
{
	CmSlice		rest = general_names;
	CmSanWhy	why = {""};
	CmBuf		text;
	CmDer		v;
	size_t		n = 0;

	while (rest.len > 0)
	{
		if (!cm_der_next(&rest, &v))
			return cm_fail(st, CM_INVALID, "subject alternative names are not well formed");
		n++;
		if (!check_general_name(&v, &why))
		{
			cm_buf_init(&text, 0);
			if (!cm_san_put_text(&v, &text))
				cm_san_put_hex(&text, "", v.whole);
			(void) cm_san_fail(cm_buf_cstr(&text), st, &why);
			cm_buf_free(&text);
			return false;
		}
	}
	if (count != NULL)
		*count = n;
	if (n == 0)
		return cm_fail(st, CM_INVALID, "there are no subject alternative names");
	return true;
}
