/*
 * san_parse.c - text to GeneralName. Runs in every process. What is parsed is
 * canonical (lower case host names, addresses of 4 or 16 octets), so that two
 * names are the same exactly when their bytes are.
 */
#include "x509/san_internal.h"

#include "base/encode.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/other_name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
parse_dns(const char *value, CmBuf *out, CmSanWhy *why)
{
	char		host[CM_HOST_MAX + 1];
	char		ascii[CM_HOST_MAX + 1];
	CmStatus	st = CM_STATUS_INIT;
	const char *p = value;

	while (*p != '\0' && (unsigned char) *p < 0x80)
		p++;
	/* People write names in their own letters, certificates have A-labels. */
	if (*p != '\0' && !cm_host_to_ascii(value, ascii, &st))
		return cm_san_because_status(why, &st);
	if (!cm_san_host(*p != '\0' ? ascii : value, true, host, why))
		return false;
	cm_der_put(out, TAG_DNS, host, strlen(host));
	return true;
}

static bool
parse_ip(const char *value, CmBuf *out, CmSanWhy *why)
{
	uint8_t		address[16];
	size_t		len;

	if (!cm_address_parse(value, address, &len))
		return cm_san_because(why, "It must be an IPv4 address such as 192.0.2.1 or an IPv6 address such as 2001:db8::1, without prefix length or zone.");
	cm_der_put(out, TAG_IP, address, len);
	return true;
}

static bool
parse_email(const char *value, CmBuf *out, CmSanWhy *why)
{
	CmBuf		mail;
	bool		ok;

	cm_buf_init(&mail, 0);
	ok = cm_san_mailbox(value, &mail, why);
	if (ok)
		cm_der_put(out, TAG_EMAIL, mail.data, mail.len);
	if (mail.failed)
		out->failed = true;
	cm_buf_free(&mail);
	return ok;
}

static bool
parse_uri(const char *value, CmBuf *out, CmSanWhy *why)
{
	if (!cm_san_uri(value, why))
		return false;
	cm_der_put(out, TAG_URI, value, strlen(value));
	return true;
}

static bool
parse_dir_name(const char *value, CmBuf *out, CmSanWhy *why)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		mark = cm_der_open(out, TAG_DIR_NAME);
	size_t		start = out->len;

	if (!cm_name_parse(value, out, &st))
		return cm_san_because_status(why, &st);
	if (out->len == start + 2)
		return cm_san_because(why, "The name is empty.");
	cm_der_close(out, mark);
	return true;
}

/* Appends the content of the OID under another tag. */
static bool
put_oid_as(CmBuf *out, uint8_t tag, const char *dotted)
{
	CmBuf		oid;
	CmSlice		rest;
	CmDer		v;
	bool		ok;

	cm_buf_init(&oid, 0);
	ok = cm_der_put_oid(&oid, dotted);
	rest = cm_slice(oid.data, oid.len);
	ok = ok && cm_der_expect(&rest, CM_DER_OID, &v);
	if (ok)
		cm_der_put_slice(out, tag, v.content);
	cm_buf_free(&oid);
	return ok;
}

static bool
parse_rid(const char *value, CmBuf *out, CmSanWhy *why)
{
	if (!put_oid_as(out, TAG_RID, value))
		return cm_san_because(why, "It must be a dotted object identifier such as 1.3.6.1.4.1.99999.1.");
	return true;
}

static bool
put_other_name(const char *dotted, uint8_t tag, const char *text, CmBuf *out, CmSanWhy *why)
{
	CmBuf		value;
	size_t		mark;
	size_t		inner;
	size_t		i;
	bool		ok = true;

	cm_buf_init(&value, 0);
	if (!cm_utf8_unescape(text, &value))
		ok = cm_san_because(why, "A backslash in the text is written twice, or with two hexadecimal digits stands for a byte.");
	else if (value.len == 0)
		ok = cm_san_because(why, "The text is empty.");
	else if (!cm_utf8_check(cm_slice(value.data, value.len), NULL))
		ok = cm_san_because(why, "The text is not valid UTF-8.");
	for (i = 0; ok && tag == CM_DER_IA5STRING && i < value.len; i++)
	{
		if (value.data[i] >= 0x80)
			ok = cm_san_because(why, "The text after \"IA5:\" may hold ASCII characters only.");
	}
	if (ok)
	{
		mark = cm_der_open(out, TAG_OTHER_NAME);
		ok = cm_der_put_oid(out, dotted) || cm_san_because(why, "The part before \";\" must be a dotted object identifier.");
		inner = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
		cm_der_put(out, tag, value.data, value.len);
		cm_der_close(out, inner);
		cm_der_close(out, mark);
	}
	if (value.failed)
		out->failed = true;
	cm_buf_free(&value);
	return ok;
}

/* OID;#hex: the hexadecimal digits of one DER value. */
static bool
put_other_value(const char *dotted, const char *hex, CmBuf *out, CmSanWhy *why)
{
	CmBuf		value;
	CmSlice		rest;
	CmDer		v;
	bool		ok;

	cm_buf_init(&value, 0);
	ok = cm_hex_decode(&value, hex, strlen(hex));
	rest = cm_slice(value.data, value.len);
	ok = ok && cm_der_next(&rest, &v) && rest.len == 0;
	if (!ok)
		(void) cm_san_because(why, "Behind \"#\" there must be one DER value in hexadecimal digits.");
	else
	{
		size_t		mark = cm_der_open(out, TAG_OTHER_NAME);

		ok = cm_der_put_oid(out, dotted) || cm_san_because(why, "The part before \";\" must be a dotted object identifier.");
		cm_der_put_slice(out, CM_DER_CONTEXT_CONS(0), v.whole);
		cm_der_close(out, mark);
	}
	cm_buf_free(&value);
	return ok;
}

/* OID;UTF8:text, OID;IA5:text or OID;#hex; the OID may be one of OpenSSL's names (msUPN). */
static bool
parse_other_name(const char *value, CmBuf *out, CmSanWhy *why)
{
	static const char *const how = "It is written as \"otherName:OID;UTF8:text\", \"otherName:OID;IA5:text\" or \"otherName:OID;#hex\".";
	const char *semicolon = strchr(value, ';');
	char		oid[128];
	size_t		len;

	if (semicolon == NULL || semicolon == value || (size_t) (semicolon - value) >= sizeof(oid))
		return cm_san_because(why, how);
	len = (size_t) (semicolon - value);
	memcpy(oid, value, len);
	oid[len] = '\0';
	if (cm_san_is_letter(oid[0]))
	{
		char		dotted[128];

		if (!cm_oid_from_name(oid, dotted, sizeof(dotted)))
			return cm_san_because(why, "The part before \";\" must be a dotted object identifier.");
		(void) snprintf(oid, sizeof(oid), "%s", dotted);
	}
	semicolon++;
	if (strncasecmp(semicolon, "UTF8:", 5) == 0)
		return put_other_name(oid, CM_DER_UTF8STRING, semicolon + 5, out, why);
	if (strncasecmp(semicolon, "IA5:", 4) == 0)
		return put_other_name(oid, CM_DER_IA5STRING, semicolon + 4, out, why);
	if (semicolon[0] == '#')
		return put_other_value(oid, semicolon + 1, out, why);
	return cm_san_because(why, how);
}

/* Those with a form of their own must have it, however they were written. */
static bool
parse_any_other_name(const char *value, CmBuf *out, CmSanWhy *why)
{
	size_t		start = out->len;
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		name;
	CmDer		type;
	CmDer		inner;

	if (!parse_other_name(value, out, why))
		return false;
	rest = cm_slice(out->data + start, out->len - start);
	if (cm_der_next(&rest, &name) && cm_other_name_read(name.content, &type, &inner) && !cm_other_name_check(type.content, &inner, &st))
		return cm_san_because_status(why, &st);
	return true;
}

typedef struct Form
{
	const char *prefix;
	bool		(*parse) (const char *value, CmBuf *out, CmSanWhy *why);
} Form;

static const Form forms[] = {
	{"DNS:", parse_dns},
	{"IP:", parse_ip},
	{"email:", parse_email},
	{"URI:", parse_uri},
	{"dirName:", parse_dir_name},
	{"RID:", parse_rid},
	{"otherName:", parse_any_other_name},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

/* A value without prefix: an address when it reads as one, otherwise a host name. */
static bool
parse_bare(const char *text, CmBuf *out, CmSanWhy *why)
{
	uint8_t		address[16];
	size_t		len;

	if (cm_address_parse(text, address, &len))
	{
		cm_der_put(out, TAG_IP, address, len);
		return true;
	}
	if (strchr(text, '@') != NULL || strchr(text, ':') != NULL)
		return cm_san_because(why, "It is neither a host name nor an address; names of other kinds begin with email:, URI:, dirName:, RID:, UPN:, SRV:, permanentIdentifier:, hardwareModuleName: or otherName:.");
	return parse_dns(text, out, why);
}

static bool
finish(const char *text, bool ok, const CmSanWhy *why, CmBuf *one, CmBuf *general_names, CmStatus *st)
{
	if (!ok)
		(void) cm_san_fail(text, st, why);
	else if (one->failed || !cm_buf_append(general_names, one->data, one->len))
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	cm_buf_free(one);
	return ok;
}

bool
cm_san_parse(const char *text, CmBuf *general_names, CmStatus *st)
{
	CmBuf		one;			/* apart, so that a failure leaves nothing behind */
	CmStatus	own = CM_STATUS_INIT;
	CmSanWhy	why = {""};
	size_t		i;
	bool		ok;

	if (strlen(text) > SAN_TEXT_MAX)
	{
		(void) snprintf(why.text, sizeof(why.text), "It has %zu bytes; at most %d are allowed.", strlen(text), SAN_TEXT_MAX);
		return cm_san_fail(text, st, &why);
	}
	cm_buf_init(&one, 0);
	if (cm_other_name_parse(text, &one, &ok, &own))
	{
		if (!ok)
			(void) cm_san_because_status(&why, &own);
		return finish(text, ok, &why, &one, general_names, st);
	}
	for (i = 0; i < FORM_COUNT; i++)
	{
		if (strncasecmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0)
			break;
	}
	ok = i < FORM_COUNT ? forms[i].parse(text + strlen(forms[i].prefix), &one, &why) : parse_bare(text, &one, &why);
	return finish(text, ok, &why, &one, general_names, st);
}
