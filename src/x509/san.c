/*
 * san.c - subject alternative names: text to GeneralName and back, and sets of
 * them. (The otherNames with a form of their own are in other_name.c.)
 *
 * Runs in every process. What is parsed from text is canonical (lower case
 * host names, addresses of 4 or 16 octets), so that two names are the same
 * exactly when their bytes are. Formatting takes any well-formed GeneralName a
 * foreign certificate may carry and escapes what is not text.
 */
#include "x509/san.h"

#include "base/encode.h"
#include "base/host.h"
#include "base/utf8.h"
#include "x509/name.h"
#include "x509/other_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Far above any name in use (URIs end at 2 KiB in practice); bounds the work and the memory per value. */
#define SAN_TEXT_MAX 8192
/* RFC 5321 4.5.3.1.1. */
#define SAN_LOCAL_PART_MAX 64

/* The choices of GeneralName, RFC 5280 4.2.1.6. */
#define TAG_OTHER_NAME CM_DER_CONTEXT_CONS(0)
#define TAG_EMAIL CM_DER_CONTEXT(1)
#define TAG_DNS CM_DER_CONTEXT(2)
#define TAG_X400 CM_DER_CONTEXT_CONS(3)
#define TAG_DIR_NAME CM_DER_CONTEXT_CONS(4)
#define TAG_EDI CM_DER_CONTEXT_CONS(5)
#define TAG_URI CM_DER_CONTEXT(6)
#define TAG_IP CM_DER_CONTEXT(7)
#define TAG_RID CM_DER_CONTEXT(8)

/* ---- checks of one value; "why" is a sentence about what is wrong ---- */

typedef struct Why
{
	char		text[512];			/* as CmStatus.detail */
} Why;

static bool
because(Why *why, const char *text)
{
	(void) snprintf(why->text, sizeof(why->text), "%s", text);
	return false;
}

static bool
because_status(Why *why, const CmStatus *st)
{
	return because(why, st->detail[0] != '\0' ? st->detail : st->reason);
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
canonical_host(const char *text, bool wildcard, char dst[CM_HOST_MAX + 1], Why *why)
{
	CmStatus	st = CM_STATUS_INIT;

	return cm_host_canonical(text, wildcard, dst, &st) || because_status(why, &st);
}

/* local@domain: the local part as it is (only its host may fold case), the domain canonical. */
static bool
canonical_email(const char *text, CmBuf *out, Why *why)
{
	const char *at = strchr(text, '@');
	char		host[CM_HOST_MAX + 1];
	const char *p;

	if (at == NULL || strchr(at + 1, '@') != NULL)
		return because(why, "A mail address has exactly one \"@\".");
	if (at == text || at - text > SAN_LOCAL_PART_MAX)
		return because(why, "The part before \"@\" must have 1 to 64 characters.");
	for (p = text; p < at; p++)
	{
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"(),:;<>[\\]", *p) != NULL)
			return because(why, "The part before \"@\" may hold ASCII letters, digits and !#$%&'*+-./=?^_`{|}~ only.");
	}
	if (!canonical_host(at + 1, false, host, why))
		return false;
	(void) cm_buf_append(out, text, (size_t) (at - text) + 1);
	(void) cm_buf_append_str(out, host);
	return true;
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

static bool
check_uri(const char *text, Why *why)
{
	const char *p = text;

	while (is_alpha(*p) || (p > text && *p != '\0' && strchr("0123456789+-.", *p) != NULL))
		p++;
	if (p == text || *p != ':' || p[1] == '\0')
		return because(why, "A URI begins with its scheme and a colon, as in \"https://example.com/\", and does not end there.");
	for (p = text; *p != '\0'; p++)
	{
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
			return because(why, "A URI holds printable ASCII characters without blanks, quotes, backslashes, braces and angle brackets; others are written as \"%\" and two hexadecimal digits.");
		if (*p == '%' && !(is_hex(p[1]) && is_hex(p[2])))
			return because(why, "A \"%\" in a URI must be followed by two hexadecimal digits.");
	}
	return true;
}

/* otherName ::= SEQUENCE { type-id OID, value [0] EXPLICIT ANY } */
static bool
read_other_name(CmSlice content, CmDer *oid, CmDer *value)
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

/* ---- text to GeneralName ---- */

static bool
parse_dns(const char *value, CmBuf *out, Why *why)
{
	char		host[CM_HOST_MAX + 1];
	char		ascii[CM_HOST_MAX + 1];
	CmStatus	st = CM_STATUS_INIT;
	const char *p = value;

	while (*p != '\0' && (unsigned char) *p < 0x80)
		p++;
	/* People write names in their own letters, certificates have A-labels. */
	if (*p != '\0' && !cm_host_to_ascii(value, ascii, &st))
		return because_status(why, &st);
	if (!canonical_host(*p != '\0' ? ascii : value, true, host, why))
		return false;
	cm_der_put(out, TAG_DNS, host, strlen(host));
	return true;
}

static bool
parse_ip(const char *value, CmBuf *out, Why *why)
{
	uint8_t		address[16];
	size_t		len;

	if (!cm_address_parse(value, address, &len))
		return because(why, "It must be an IPv4 address such as 192.0.2.1 or an IPv6 address such as 2001:db8::1, without prefix length or zone.");
	cm_der_put(out, TAG_IP, address, len);
	return true;
}

static bool
parse_email(const char *value, CmBuf *out, Why *why)
{
	CmBuf		mail;
	bool		ok;

	cm_buf_init(&mail, 0);
	ok = canonical_email(value, &mail, why);
	if (ok)
		cm_der_put(out, TAG_EMAIL, mail.data, mail.len);
	if (mail.failed)
		out->failed = true;
	cm_buf_free(&mail);
	return ok;
}

static bool
parse_uri(const char *value, CmBuf *out, Why *why)
{
	if (!check_uri(value, why))
		return false;
	cm_der_put(out, TAG_URI, value, strlen(value));
	return true;
}

static bool
parse_dir_name(const char *value, CmBuf *out, Why *why)
{
	CmStatus	st = CM_STATUS_INIT;
	size_t		mark = cm_der_open(out, TAG_DIR_NAME);
	size_t		start = out->len;

	if (!cm_name_parse(value, out, &st))
		return because_status(why, &st);
	if (out->len == start + 2)
		return because(why, "The name is empty.");
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
parse_rid(const char *value, CmBuf *out, Why *why)
{
	if (!put_oid_as(out, TAG_RID, value))
		return because(why, "It must be a dotted object identifier such as 1.3.6.1.4.1.99999.1.");
	return true;
}

static bool
put_other_name(const char *dotted, uint8_t tag, const char *text, CmBuf *out, Why *why)
{
	CmBuf		value;
	size_t		mark;
	size_t		inner;
	size_t		i;
	bool		ok = true;

	cm_buf_init(&value, 0);
	if (!cm_utf8_unescape(text, &value))
		ok = because(why, "A backslash in the text is written twice, or with two hexadecimal digits stands for a byte.");
	else if (value.len == 0)
		ok = because(why, "The text is empty.");
	else if (!cm_utf8_check(cm_slice(value.data, value.len), NULL))
		ok = because(why, "The text is not valid UTF-8.");
	for (i = 0; ok && tag == CM_DER_IA5STRING && i < value.len; i++)
	{
		if (value.data[i] >= 0x80)
			ok = because(why, "The text after \"IA5:\" may hold ASCII characters only.");
	}
	if (ok)
	{
		mark = cm_der_open(out, TAG_OTHER_NAME);
		ok = cm_der_put_oid(out, dotted) || because(why, "The part before \";\" must be a dotted object identifier.");
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
put_other_value(const char *dotted, const char *hex, CmBuf *out, Why *why)
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
		(void) because(why, "Behind \"#\" there must be one DER value in hexadecimal digits.");
	else
	{
		size_t		mark = cm_der_open(out, TAG_OTHER_NAME);

		ok = cm_der_put_oid(out, dotted) || because(why, "The part before \";\" must be a dotted object identifier.");
		cm_der_put_slice(out, CM_DER_CONTEXT_CONS(0), v.whole);
		cm_der_close(out, mark);
	}
	cm_buf_free(&value);
	return ok;
}

/* OID;UTF8:text, OID;IA5:text or OID;#hex; the OID may be one of OpenSSL's names (msUPN). */
static bool
parse_other_name(const char *value, CmBuf *out, Why *why)
{
	static const char *const how = "It is written as \"otherName:OID;UTF8:text\", \"otherName:OID;IA5:text\" or \"otherName:OID;#hex\".";
	const char *semicolon = strchr(value, ';');
	char		oid[128];
	size_t		len;

	if (semicolon == NULL || semicolon == value || (size_t) (semicolon - value) >= sizeof(oid))
		return because(why, how);
	len = (size_t) (semicolon - value);
	memcpy(oid, value, len);
	oid[len] = '\0';
	if (is_alpha(oid[0]))
	{
		char		dotted[128];

		if (!cm_oid_from_name(oid, dotted, sizeof(dotted)))
			return because(why, "The part before \";\" must be a dotted object identifier.");
		(void) snprintf(oid, sizeof(oid), "%s", dotted);
	}
	semicolon++;
	if (strncasecmp(semicolon, "UTF8:", 5) == 0)
		return put_other_name(oid, CM_DER_UTF8STRING, semicolon + 5, out, why);
	if (strncasecmp(semicolon, "IA5:", 4) == 0)
		return put_other_name(oid, CM_DER_IA5STRING, semicolon + 4, out, why);
	if (semicolon[0] == '#')
		return put_other_value(oid, semicolon + 1, out, why);
	return because(why, how);
}

/* Those with a form of their own must have it, however they were written. */
static bool
parse_any_other_name(const char *value, CmBuf *out, Why *why)
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
	if (cm_der_next(&rest, &name) && read_other_name(name.content, &type, &inner) && !cm_other_name_check(type.content, &inner, &st))
		return because_status(why, &st);
	return true;
}

typedef struct Form
{
	const char *prefix;
	bool		(*parse) (const char *value, CmBuf *out, Why *why);
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
parse_bare(const char *text, CmBuf *out, Why *why)
{
	uint8_t		address[16];
	size_t		len;

	if (cm_address_parse(text, address, &len))
	{
		cm_der_put(out, TAG_IP, address, len);
		return true;
	}
	if (strchr(text, '@') != NULL || strchr(text, ':') != NULL)
		return because(why, "It is neither a host name nor an address; names of other kinds begin with email:, URI:, dirName:, RID:, UPN:, SRV:, permanentIdentifier:, hardwareModuleName: or otherName:.");
	return parse_dns(text, out, why);
}

static bool
fail_san(const char *text, CmStatus *st, const Why *why)
{
	char		shown[160];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "invalid subject alternative name \"%s\"", shown);
	return cm_fail_detail(st, "\"%s\": %s", shown, why->text);
}

static bool
finish(const char *text, bool ok, const Why *why, CmBuf *one, CmBuf *general_names, CmStatus *st)
{
	if (!ok)
		(void) fail_san(text, st, why);
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
	Why			why = {""};
	size_t		i;
	bool		ok;

	if (strlen(text) > SAN_TEXT_MAX)
	{
		(void) snprintf(why.text, sizeof(why.text), "It has %zu bytes; at most %d are allowed.", strlen(text), SAN_TEXT_MAX);
		return fail_san(text, st, &why);
	}
	cm_buf_init(&one, 0);
	if (cm_other_name_parse(text, &one, &ok, &own))
	{
		if (!ok)
			(void) because_status(&why, &own);
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

/* ---- GeneralName to text ---- */

static void
put_hex(CmBuf *text, const char *prefix, CmSlice bytes)
{
	(void) cm_buf_append_str(text, prefix);
	(void) cm_buf_append_byte(text, '#');
	(void) cm_hex_encode(text, bytes.data, bytes.len);
}

static void
put_text(CmBuf *text, const char *prefix, CmSlice value)
{
	(void) cm_buf_append_str(text, prefix);
	cm_utf8_put_escaped(text, value, true);
}

static void
format_ip(CmSlice content, CmBuf *text)
{
	char		address[64];

	if (!cm_address_format(content.data, content.len, address, sizeof(address)))
	{
		put_hex(text, "IP:", content);
		return;
	}
	(void) cm_buf_append_str(text, "IP:");
	(void) cm_buf_append_str(text, address);
}

static void
format_dir_name(CmSlice content, CmBuf *text)
{
	size_t		start = text->len;

	(void) cm_buf_append_str(text, "dirName:");
	if (!text->failed && !cm_name_format(content, text, NULL))
	{
		text->len = start;
		put_hex(text, "dirName:", content);
	}
}

static void
format_other_name(CmSlice content, CmBuf *text)
{
	char		oid[256];
	CmDer		type;
	CmDer		value;

	if (!read_other_name(content, &type, &value) || !cm_der_oid_text(type.content, oid, sizeof(oid)))
	{
		put_hex(text, "otherName:", content);
		return;
	}
	if (cm_other_name_format(type.content, &value, text))
		return;
	(void) cm_buf_printf(text, "otherName:%s;", oid);
	if (value.tag == CM_DER_UTF8STRING || value.tag == CM_DER_IA5STRING)
	{
		(void) cm_buf_append_str(text, value.tag == CM_DER_UTF8STRING ? "UTF8:" : "IA5:");
		cm_utf8_put_escaped(text, value.content, value.tag == CM_DER_IA5STRING);
	}
	else
		put_hex(text, "", value.whole);
}

static bool
format_general_name(const CmDer *name, CmBuf *text)
{
	char		oid[256];

	switch (name->tag)
	{
		case TAG_DNS:
			put_text(text, "DNS:", name->content);
			return true;
		case TAG_IP:
			format_ip(name->content, text);
			return true;
		case TAG_EMAIL:
			put_text(text, "email:", name->content);
			return true;
		case TAG_URI:
			put_text(text, "URI:", name->content);
			return true;
		case TAG_DIR_NAME:
			format_dir_name(name->content, text);
			return true;
		case TAG_RID:
			if (cm_der_oid_text(name->content, oid, sizeof(oid)))
				(void) cm_buf_printf(text, "RID:%s", oid);
			else
				put_hex(text, "RID:", name->content);
			return true;
		case TAG_OTHER_NAME:
			format_other_name(name->content, text);
			return true;
		case TAG_X400:
			put_hex(text, "x400Address:", name->content);
			return true;
		case TAG_EDI:
			put_hex(text, "ediPartyName:", name->content);
			return true;
		default:
			return false;
	}
}

bool
cm_san_format(CmSlice general_name, CmBuf *text, CmStatus *st)
{
	CmSlice		rest = general_name;
	size_t		start = text->len;
	CmDer		name;

	if (!cm_der_next(&rest, &name) || rest.len != 0 || !format_general_name(&name, text))
	{
		text->len = start;
		return cm_fail(st, CM_INVALID, "not a subject alternative name");
	}
	if (text->failed)
	{
		text->len = start;
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	return true;
}

/* ---- sets ---- */

bool
cm_san_contains(CmSlice general_names, CmSlice general_name)
{
	CmSlice		rest = general_names;
	CmDer		v;

	while (cm_der_next(&rest, &v))
	{
		if (cm_slice_equal(v.whole, general_name))
			return true;
	}
	return false;
}

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

/* ---- foreign names ---- */

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
		else if (v.tag == TAG_OTHER_NAME && read_other_name(v.content, &type, &value))
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

static bool
check_text_name(const CmDer *name, Why *why)
{
	char		text[SAN_TEXT_MAX + 1];
	char		host[CM_HOST_MAX + 1];
	CmBuf		mail;
	bool		ok;

	if (!to_cstr(name->content, text, sizeof(text)))
		return because(why, "It holds a NUL character or is too long.");
	if (name->tag == TAG_DNS)
		return canonical_host(text, true, host, why);
	if (name->tag == TAG_URI)
		return check_uri(text, why);
	cm_buf_init(&mail, 0);
	ok = canonical_email(text, &mail, why);
	cm_buf_free(&mail);
	return ok;
}

static bool
check_general_name(const CmDer *name, Why *why)
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
				because(why, "An address must have 4 or 16 octets.");
		case TAG_DIR_NAME:
			return (cm_name_check(name->content, &st) && name->content.len > 2) ||
				because(why, "It is not a distinguished name, or an empty one.");
		case TAG_RID:
			return cm_der_oid_text(name->content, oid, sizeof(oid)) ||
				because(why, "It is not an object identifier.");
		case TAG_OTHER_NAME:
			if (!read_other_name(name->content, &type, &value) || !cm_der_oid_text(type.content, oid, sizeof(oid)) ||
				(value.tag == CM_DER_UTF8STRING && !cm_utf8_check(value.content, NULL)))
				return because(why, "It is not well formed.");
			return cm_other_name_check(type.content, &value, &st) || because_status(why, &st);
		default:
			return because(why, "Names of this kind are not supported.");
	}
}

bool
cm_san_check(CmSlice general_names, size_t *count, CmStatus *st)
{
	CmSlice		rest = general_names;
	Why			why = {""};
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
			if (!format_general_name(&v, &text))
				put_hex(&text, "", v.whole);
			(void) fail_san(cm_buf_cstr(&text), st, &why);
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
		if (!read_other_name(v.content, &type, &value))
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
