/*
 * other_name.c - see other_name.h. Runs in every process, holds nothing; what
 * may fail is the text or foreign bytes (CM_INVALID).
 */
#include "x509/other_name.h"

#include "base/encode.h"
#include "base/host.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TAG_OTHER_NAME CM_DER_CONTEXT_CONS(0)

/* Dotted text; OIDs in use have below 64 characters. */
#define OID_TEXT_MAX 128
/* A service label (RFC 4985, RFC 6335: 15 characters; 63 is the label's own bound) with its underscore. */
#define SERVICE_MAX 64

typedef struct Form
{
	CmSanType	type;
	const char *prefix;
	const char *oid;			/* content */
	size_t		oid_len;
	bool		(*parse) (const char *text, CmBuf *value, CmStatus *st);
	bool		(*format) (const CmDer *value, CmBuf *text);
} Form;

static bool
refuse(CmStatus *st, const char *why)
{
	(void) cm_fail(st, CM_INVALID, "invalid name");
	return cm_fail_detail(st, "%s", why);
}

static bool
unescape(const char *text, CmBuf *out, CmStatus *st)
{
	if (!cm_utf8_unescape(text, out))
		return refuse(st, "A backslash in the text is written twice, or with two hexadecimal digits stands for a byte.");
	if (!cm_utf8_check(cm_slice(out->data, out->len), NULL))
		return refuse(st, "The text is not valid UTF-8.");
	return true;
}

static bool
is_utf8_text(const CmDer *value)
{
	return value->tag == CM_DER_UTF8STRING && value->content.len > 0 && cm_utf8_check(value->content, NULL);
}

/* ---- user principal name: UTF8String ---- */

static bool
parse_upn(const char *text, CmBuf *value, CmStatus *st)
{
	CmBuf		utf8;
	bool		ok;

	cm_buf_init(&utf8, 0);
	ok = unescape(text, &utf8, st) && (utf8.len > 0 || refuse(st, "The text is empty."));
	if (ok)
		cm_der_put(value, CM_DER_UTF8STRING, utf8.data, utf8.len);
	cm_buf_free(&utf8);
	return ok;
}

static bool
format_upn(const CmDer *value, CmBuf *text)
{
	if (!is_utf8_text(value))
		return false;
	cm_utf8_put_escaped(text, value->content, false);
	return true;
}

/* ---- SRVName: IA5String "_service.host" ---- */

static bool
read_srv(const char *text, char *canonical, size_t size)
{
	CmStatus	ignored = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];
	size_t		label = text[0] == '_' ? 1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") : 0;
	size_t		i;

	if (label < 2 || label > SERVICE_MAX || text[label] != '.' || !cm_host_canonical(text + label + 1, false, host, &ignored))
		return false;
	(void) snprintf(canonical, size, "%.*s.%s", (int) label, text, host);
	for (i = 0; i < label && i < size; i++)
	{
		if (canonical[i] >= 'A' && canonical[i] <= 'Z')
			canonical[i] = (char) (canonical[i] - 'A' + 'a');
	}
	return true;
}

static bool
parse_srv(const char *text, CmBuf *value, CmStatus *st)
{
	char		canonical[SERVICE_MAX + CM_HOST_MAX + 2];

	if (!read_srv(text, canonical, sizeof(canonical)))
		return refuse(st, "It must be a service with an underscore and a host name, as in \"_imaps.example.com\".");
	cm_der_put(value, CM_DER_IA5STRING, canonical, strlen(canonical));
	return true;
}

static bool
format_srv(const CmDer *value, CmBuf *text)
{
	char		raw[SERVICE_MAX + CM_HOST_MAX + 2];
	char		canonical[SERVICE_MAX + CM_HOST_MAX + 2];

	if (value->tag != CM_DER_IA5STRING || value->content.len >= sizeof(raw) ||
		(value->content.len > 0 && memchr(value->content.data, 0, value->content.len) != NULL))
		return false;
	if (value->content.len > 0)
		memcpy(raw, value->content.data, value->content.len);
	raw[value->content.len] = '\0';
	if (!read_srv(raw, canonical, sizeof(canonical)))
		return false;
	(void) cm_buf_append_str(text, canonical);
	return true;
}

/* ---- permanentIdentifier: SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OID OPTIONAL } ---- */

/* The dotted OID before the first semicolon, when there is one. */
static bool
split_oid(const char *text, char oid[OID_TEXT_MAX], const char **rest)
{
	size_t		len = strspn(text, "0123456789.");

	if (len == 0 || text[len] != ';' || len >= OID_TEXT_MAX)
		return false;
	memcpy(oid, text, len);
	oid[len] = '\0';
	*rest = text + len + 1;
	return true;
}

static bool
parse_permanent_identifier(const char *text, CmBuf *value, CmStatus *st)
{
	char		oid[OID_TEXT_MAX];
	const char *identifier = text;
	bool		assigned = split_oid(text, oid, &identifier);
	CmBuf		utf8;
	size_t		mark;
	bool		ok;

	cm_buf_init(&utf8, 0);
	ok = unescape(identifier, &utf8, st) && (utf8.len > 0 || refuse(st, "The identifier is empty."));
	if (ok)
	{
		mark = cm_der_open(value, CM_DER_SEQUENCE);
		cm_der_put(value, CM_DER_UTF8STRING, utf8.data, utf8.len);
		if (assigned && !cm_der_put_oid(value, oid))
			ok = refuse(st, "The part before \";\" must be the dotted object identifier of who assigned the identifier.");
		cm_der_close(value, mark);
	}
	cm_buf_free(&utf8);
	return ok;
}

static bool
format_permanent_identifier(const CmDer *value, CmBuf *text)
{
	CmSlice		rest = value->content;
	CmDer		identifier;
	CmDer		assigner;
	char		oid[OID_TEXT_MAX];
	bool		assigned;
	const char *p;
	CmBuf		shown;

	if (value->tag != CM_DER_SEQUENCE || !cm_der_expect(&rest, CM_DER_UTF8STRING, &identifier) || !is_utf8_text(&identifier) ||
		!cm_der_optional(&rest, CM_DER_OID, &assigner, &assigned) || rest.len != 0 ||
		(assigned && !cm_der_oid_text(assigner.content, oid, sizeof(oid))))
		return false;
	if (assigned)
	{
		(void) cm_buf_printf(text, "%s;", oid);
		cm_utf8_put_escaped(text, identifier.content, false);
		return true;
	}
	/* Without an OID in front, a semicolon in the identifier would be taken for the separator. */
	cm_buf_init(&shown, 0);
	cm_utf8_put_escaped(&shown, identifier.content, false);
	for (p = cm_buf_cstr(&shown); *p != '\0'; p++)
	{
		if (*p == ';')
			(void) cm_buf_append_str(text, "\\3B");
		else
			(void) cm_buf_append_byte(text, (uint8_t) *p);
	}
	if (shown.failed)
		text->failed = true;
	cm_buf_free(&shown);
	return true;
}

/* ---- hardwareModuleName: SEQUENCE { hwType OID, hwSerialNum OCTET STRING } ---- */

static bool
parse_hardware_module_name(const char *text, CmBuf *value, CmStatus *st)
{
	static const char *const how = "It is written as \"hardwareModuleName:OID;hex\": the type of the hardware and its serial number in hexadecimal digits.";
	char		oid[OID_TEXT_MAX];
	const char *hex;
	CmBuf		serial;
	size_t		mark;
	bool		ok;

	if (!split_oid(text, oid, &hex))
		return refuse(st, how);
	cm_buf_init(&serial, 0);
	ok = cm_hex_decode(&serial, hex, strlen(hex)) && serial.len > 0;
	mark = cm_der_open(value, CM_DER_SEQUENCE);
	ok = ok && cm_der_put_oid(value, oid);
	cm_der_put(value, CM_DER_OCTET_STRING, serial.data, serial.len);
	cm_der_close(value, mark);
	cm_buf_free(&serial);
	return ok || refuse(st, how);
}

static bool
format_hardware_module_name(const CmDer *value, CmBuf *text)
{
	CmSlice		rest = value->content;
	CmDer		type;
	CmDer		serial;
	char		oid[OID_TEXT_MAX];

	if (value->tag != CM_DER_SEQUENCE || !cm_der_expect(&rest, CM_DER_OID, &type) || !cm_der_expect(&rest, CM_DER_OCTET_STRING, &serial) ||
		rest.len != 0 || serial.content.len == 0 || !cm_der_oid_text(type.content, oid, sizeof(oid)))
		return false;
	(void) cm_buf_printf(text, "%s;", oid);
	(void) cm_hex_encode(text, serial.content.data, serial.content.len);
	return true;
}

/* ---- all of them ---- */

#define OID(content) content, sizeof(content) - 1

static const Form forms[] = {
	{CM_SAN_UPN, "UPN:", OID("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"), parse_upn, format_upn},	/* 1.3.6.1.4.1.311.20.2.3 */
	{CM_SAN_SRV, "SRV:", OID("\x2b\x06\x01\x05\x05\x07\x08\x07"), parse_srv, format_srv},
	{CM_SAN_PERMANENT_IDENTIFIER, "permanentIdentifier:", OID("\x2b\x06\x01\x05\x05\x07\x08\x03"), parse_permanent_identifier, format_permanent_identifier},
	{CM_SAN_HARDWARE_MODULE_NAME, "hardwareModuleName:", OID("\x2b\x06\x01\x05\x05\x07\x08\x04"), parse_hardware_module_name, format_hardware_module_name},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

static const Form *
form_of(CmSlice oid)
{
	size_t		i;

	for (i = 0; i < FORM_COUNT; i++)
	{
		if (cm_slice_equal(oid, cm_slice(forms[i].oid, forms[i].oid_len)))
			return &forms[i];
	}
	return NULL;
}

bool
cm_other_name_parse(const char *text, CmBuf *out, bool *ok, CmStatus *st)
{
	const Form *form = NULL;
	size_t		mark;
	size_t		inner;
	size_t		i;

	for (i = 0; form == NULL && i < FORM_COUNT; i++)
	{
		if (strncasecmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0)
			form = &forms[i];
	}
	if (form == NULL)
		return false;
	mark = cm_der_open(out, TAG_OTHER_NAME);
	cm_der_put(out, CM_DER_OID, form->oid, form->oid_len);
	inner = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	*ok = form->parse(text + strlen(form->prefix), out, st);
	cm_der_close(out, inner);
	cm_der_close(out, mark);
	return true;
}

bool
cm_other_name_format(CmSlice oid, const CmDer *value, CmBuf *text)
{
	const Form *form = form_of(oid);
	size_t		start = text->len;

	if (form == NULL)
		return false;
	(void) cm_buf_append_str(text, form->prefix);
	if (form->format(value, text))
		return true;
	text->len = start;
	return false;
}

bool
cm_other_name_check(CmSlice oid, const CmDer *value, CmStatus *st)
{
	const Form *form = form_of(oid);
	CmBuf		text;
	bool		ok;

	if (form == NULL)
		return true;
	cm_buf_init(&text, 0);
	ok = form->format(value, &text);
	cm_buf_free(&text);
	return ok || refuse(st, "Its value is not of the form that its type has.");
}

void
cm_other_name_canonical(const CmDer *whole, CmSlice oid, const CmDer *value, CmBuf *out)
{
	const Form *form = form_of(oid);
	size_t		start = out->len;
	CmBuf		text;
	bool		ok = false;

	if (form != NULL && form->type == CM_SAN_SRV)
	{
		cm_buf_init(&text, 0);
		if (cm_other_name_format(oid, value, &text))
			(void) cm_other_name_parse(cm_buf_cstr(&text), out, &ok, NULL);
		cm_buf_free(&text);
	}
	if (!ok)
	{
		out->len = start;
		(void) cm_buf_append(out, whole->whole.data, whole->whole.len);
	}
}

CmSanType
cm_other_name_type(CmSlice oid)
{
	const Form *form = form_of(oid);

	return form == NULL ? CM_SAN_OTHER_NAME : form->type;
}

bool
cm_other_name_read(CmSlice content, CmDer *oid, CmDer *value)
{
	CmSlice		rest = content;
	CmDer		explicit_value;
	CmSlice		inner;

	if (!cm_der_expect(&rest, CM_DER_OID, oid) || oid->content.len == 0 ||
		!cm_der_expect(&rest, CM_DER_CONTEXT_CONS(0), &explicit_value) || rest.len != 0)
		return false;
	inner = explicit_value.content;
	return cm_der_next(&inner, value) && inner.len == 0;
}
