/*
 * lint_name.c - rules of lint.h about distinguished names and subject
 * alternative names. Pure functions for any process.
 */
#include "x509/lint_internal.h"

#include <string.h>

#include "base/host.h"
#include "base/utf8.h"

#define TELETEXSTRING 0x14
#define UNIVERSALSTRING 0x1c
#define BMPSTRING 0x1e

/* ---- attributes of a name ---- */

typedef struct Attribute
{
	CmSlice		oid;			/* content */
	uint8_t		tag;
	CmSlice		value;
} Attribute;

typedef bool (*AttributeRule) (const Attribute *a);

/* Does the rule hold against any attribute of the Name? The parser has checked its structure. */
static bool
any_attribute(CmSlice name, AttributeRule broken)
{
	CmSlice		rdns = name;
	CmDer		v;
	CmDer		pair;
	CmDer		part;
	Attribute	a;

	if (!cm_der_next(&rdns, &v))
		return false;
	rdns = v.content;
	while (cm_der_next(&rdns, &v))
	{
		while (cm_der_next(&v.content, &pair))
		{
			if (!cm_der_next(&pair.content, &part))
				continue;
			a.oid = part.content;
			if (!cm_der_next(&pair.content, &part))
				continue;
			a.tag = part.tag;
			a.value = part.content;
			if (broken(&a))
				return true;
		}
	}
	return false;
}

/* id-at n */
static bool
is_at(const Attribute *a, uint8_t n)
{
	return a->oid.len == 3 && a->oid.data[0] == 0x55 && a->oid.data[1] == 4 && a->oid.data[2] == n;
}

#define AT_COMMON_NAME 3
#define AT_SERIAL_NUMBER 5
#define AT_COUNTRY 6
#define AT_DN_QUALIFIER 46

static bool
attribute_empty(const Attribute *a)
{
	return a->value.len == 0;
}

static bool
attribute_old_string(const Attribute *a)
{
	return a->tag == TELETEXSTRING || a->tag == UNIVERSALSTRING || a->tag == BMPSTRING;
}

static bool
attribute_spaces(const Attribute *a)
{
	return a->value.len > 0 && (a->value.data[0] == ' ' || a->value.data[a->value.len - 1] == ' ');
}

static bool
attribute_control(const Attribute *a)
{
	size_t		i;

	for (i = 0; i < a->value.len; i++)
	{
		if (a->value.data[i] < 0x20 || a->value.data[i] == 0x7f)
			return !attribute_old_string(a);
	}
	return false;
}

static bool
attribute_not_utf8(const Attribute *a)
{
	return a->tag == CM_DER_UTF8STRING && !cm_utf8_check(a->value, NULL);
}

static bool
attribute_not_printable(const Attribute *a)
{
	size_t		i;

	if (a->tag != CM_DER_PRINTABLESTRING)
		return false;
	for (i = 0; i < a->value.len; i++)
	{
		uint8_t		c = a->value.data[i];

		/* X.680 41.4 */
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != 0 && strchr(" '()+,-./:=?", c) != NULL)))
			return true;
	}
	return false;
}

/* Upper bounds of RFC 5280 appendix A.1, of the attributes that have 64. */
static bool
attribute_long(const Attribute *a)
{
	size_t		chars = a->value.len;

	if (a->tag == CM_DER_UTF8STRING && !cm_utf8_check(a->value, &chars))
		return false;
	if (is_at(a, AT_COMMON_NAME) || is_at(a, 10) || is_at(a, 11) || is_at(a, AT_SERIAL_NUMBER) || is_at(a, 12))
		return chars > 64;
	return (is_at(a, 7) || is_at(a, 8)) && chars > 128;
}

static bool
attribute_country(const Attribute *a)
{
	return is_at(a, AT_COUNTRY) &&
		(a->tag != CM_DER_PRINTABLESTRING || a->value.len != 2 || a->value.data[0] < 'A' || a->value.data[0] > 'Z' || a->value.data[1] < 'A' || a->value.data[1] > 'Z');
}

static bool
attribute_printable_only(const Attribute *a)
{
	return (is_at(a, AT_SERIAL_NUMBER) || is_at(a, AT_DN_QUALIFIER)) && a->tag != CM_DER_PRINTABLESTRING;
}

/* Values that people put where they have nothing to say (CA/B BR 7.1.4.2.2). */
static bool
attribute_meaningless(const Attribute *a)
{
	return a->value.len == 1 && (a->value.data[0] == '.' || a->value.data[0] == '-' || a->value.data[0] == ' ');
}

#define NAME_RULE(name, rule) \
	static bool name(const CmLintInput *in) { return any_attribute(in->cert.subject, rule); }

NAME_RULE(dn_empty_value, attribute_empty)
NAME_RULE(dn_old_string, attribute_old_string)
NAME_RULE(dn_spaces, attribute_spaces)
NAME_RULE(dn_control, attribute_control)
NAME_RULE(dn_not_utf8, attribute_not_utf8)
NAME_RULE(dn_not_printable, attribute_not_printable)
NAME_RULE(dn_long, attribute_long)
NAME_RULE(dn_country, attribute_country)
NAME_RULE(dn_printable_only, attribute_printable_only)
NAME_RULE(dn_meaningless, attribute_meaningless)

/* ---- subject alternative names ---- */

#define SAN_OTHER 0xa0
#define SAN_EMAIL 0x81
#define SAN_DNS 0x82
#define SAN_URI 0x86
#define SAN_IP 0x87

typedef bool (*SanRule) (const CmDer *name);

static bool
any_san(const CmLintInput *in, SanRule broken)
{
	CmSlice		rest = in->cert.sans;
	CmDer		name;

	while (cm_der_next(&rest, &name))
	{
		if (broken(&name))
			return true;
	}
	return false;
}

static bool
host_letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool
dns_bad_syntax(const CmDer *name)
{
	CmSlice		v = name->content;
	size_t		label = 0;
	size_t		i;

	if (name->tag != SAN_DNS)
		return false;
	if (v.len == 0 || v.len > 253)
		return true;
	for (i = 0; i < v.len; i++)
	{
		if (v.data[i] == '*' || v.data[i] == '_')
		{
			label++;
			continue;			/* rules of their own */
		}
		if (!host_letter(v.data[i]))
			return true;
		if (v.data[i] == '.')
		{
			if (label == 0)
				return true;
			label = 0;
		}
		else if (++label > 63 || (v.data[i] == '-' && (label == 1 || i + 1 == v.len || v.data[i + 1] == '.')))
			return true;
	}
	return false;
}

static bool
dns_underscore(const CmDer *name)
{
	return name->tag == SAN_DNS && memchr(name->content.data, '_', name->content.len) != NULL;
}

static bool
dns_upper(const CmDer *name)
{
	size_t		i;

	for (i = 0; name->tag == SAN_DNS && i < name->content.len; i++)
	{
		if (name->content.data[i] >= 'A' && name->content.data[i] <= 'Z')
			return true;
	}
	return false;
}

static bool
dns_final_dot(const CmDer *name)
{
	return name->tag == SAN_DNS && name->content.len > 0 && name->content.data[name->content.len - 1] == '.';
}

static bool
dns_wildcard_place(const CmDer *name)
{
	const uint8_t *star;

	if (name->tag != SAN_DNS || name->content.len == 0)
		return false;
	star = memchr(name->content.data, '*', name->content.len);
	if (star == NULL)
		return false;
	return star != name->content.data || name->content.len < 3 || name->content.data[1] != '.' ||
		memchr(star + 1, '*', name->content.len - 1) != NULL;
}

/* "*.com": no label is left below the one that stands for all. */
static bool
dns_wildcard_wide(const CmDer *name)
{
	return name->tag == SAN_DNS && name->content.len > 2 && memcmp(name->content.data, "*.", 2) == 0 &&
		memchr(name->content.data + 2, '.', name->content.len - 2) == NULL;
}

static bool
dns_single_label(const CmDer *name)
{
	return name->tag == SAN_DNS && name->content.len > 0 && memchr(name->content.data, '.', name->content.len) == NULL;
}

static bool
ip_length(const CmDer *name)
{
	return name->tag == SAN_IP && name->content.len != 4 && name->content.len != 16;
}

static bool
uri_relative(const CmDer *name)
{
	size_t		i;

	if (name->tag != SAN_URI)
		return false;
	for (i = 0; i < name->content.len && name->content.data[i] != ':'; i++)
	{
		uint8_t		c = name->content.data[i];

		if (!host_letter(c) && c != '+')
			return true;
	}
	return i == 0 || i + 1 >= name->content.len;
}

static bool
email_bad(const CmDer *name)
{
	const uint8_t *at;

	if (name->tag != SAN_EMAIL || name->content.len == 0)
		return name->tag == SAN_EMAIL;
	at = memchr(name->content.data, '@', name->content.len);
	return at == NULL || at == name->content.data || at == name->content.data + name->content.len - 1;
}

/* IA5String. */
static bool
not_ascii(const CmDer *name)
{
	size_t		i;

	if (name->tag != SAN_DNS && name->tag != SAN_URI && name->tag != SAN_EMAIL)
		return false;
	for (i = 0; i < name->content.len; i++)
	{
		if (name->content.data[i] > 0x7e || name->content.data[i] < 0x20)
			return true;
	}
	return false;
}

/* IPv4 in the form that people write, where an address belongs. */
static bool
dns_is_address(const CmDer *name)
{
	size_t		dots = 0;
	size_t		i;

	if (name->tag != SAN_DNS || name->content.len == 0)
		return false;
	for (i = 0; i < name->content.len; i++)
	{
		if (name->content.data[i] == '.')
			dots++;
		else if (name->content.data[i] < '0' || name->content.data[i] > '9')
			return false;
	}
	return dots == 3;
}

#define SAN_RULE(name, rule) \
	static bool name(const CmLintInput *in) { return any_san(in, rule); }

SAN_RULE(san_dns_syntax, dns_bad_syntax)
SAN_RULE(san_dns_underscore, dns_underscore)
SAN_RULE(san_dns_upper, dns_upper)
SAN_RULE(san_dns_final_dot, dns_final_dot)
SAN_RULE(san_wildcard_place, dns_wildcard_place)
SAN_RULE(san_wildcard_wide, dns_wildcard_wide)
SAN_RULE(san_single_label, dns_single_label)
SAN_RULE(san_dns_address, dns_is_address)
SAN_RULE(san_ip_length, ip_length)
SAN_RULE(san_uri_relative, uri_relative)
SAN_RULE(san_email_syntax, email_bad)
SAN_RULE(san_not_ascii, not_ascii)

static bool
san_repeated(const CmLintInput *in)
{
	CmSlice		rest = in->cert.sans;
	CmDer		name;
	CmDer		other;
	int			looked = 0;

	/* Quadratic: the first hundred of them. */
	while (looked++ < 100 && cm_der_next(&rest, &name))
	{
		CmSlice		behind = rest;
		int			n = 0;

		while (n++ < 100 && cm_der_next(&behind, &other))
		{
			if (cm_slice_equal(name.whole, other.whole))
				return true;
		}
	}
	return false;
}

static bool
san_not_critical(const CmLintInput *in)
{
	return in->cert.subject.len <= 2 && CM_LINT_HAS(in, CM_EXT_SUBJECT_ALT_NAME) && !in->ext[CM_EXT_SUBJECT_ALT_NAME].critical;
}

static bool
san_critical(const CmLintInput *in)
{
	return in->cert.subject.len > 2 && in->ext[CM_EXT_SUBJECT_ALT_NAME].critical;
}

static bool
has_san(const CmLintInput *in, uint8_t tag)
{
	CmSlice		rest = in->cert.sans;
	CmDer		name;

	while (cm_der_next(&rest, &name))
	{
		if (name.tag == tag)
			return true;
	}
	return false;
}

static bool
is_tls_server(const CmLintInput *in)
{
	return !in->cert.ca && CM_LINT_EKU(in, CM_KP_SERVER_AUTH);
}

static bool
tls_without_san(const CmLintInput *in)
{
	return is_tls_server(in) && !has_san(in, SAN_DNS) && !has_san(in, SAN_IP) && !has_san(in, SAN_URI) && !has_san(in, SAN_OTHER);
}

static bool
email_without_san(const CmLintInput *in)
{
	return !in->cert.ca && CM_LINT_EKU(in, CM_KP_EMAIL_PROTECTION) && !has_san(in, SAN_EMAIL) && !has_san(in, SAN_OTHER);
}

/* ---- the common name of a TLS server ---- */

typedef struct
{
	CmSlice		value;
} CommonName;

static bool
equal_ignoring_case(CmSlice a, CmSlice b)
{
	size_t		i;

	if (a.len != b.len)
		return false;
	for (i = 0; i < a.len; i++)
	{
		uint8_t		x = a.data[i];
		uint8_t		y = b.data[i];

		if ((x >= 'A' && x <= 'Z' ? x + 32 : x) != (y >= 'A' && y <= 'Z' ? y + 32 : y))
			return false;
	}
	return true;
}

/* The last common name, which clients took before there were alternative names. */
static CommonName
common_name(CmSlice name)
{
	CommonName	found = {{NULL, 0}};
	CmSlice		rdns = name;
	CmDer		v;
	CmDer		pair;
	CmDer		oid;
	CmDer		value;

	if (!cm_der_next(&rdns, &v))
		return found;
	rdns = v.content;
	while (cm_der_next(&rdns, &v))
	{
		while (cm_der_next(&v.content, &pair))
		{
			if (cm_der_next(&pair.content, &oid) && cm_der_next(&pair.content, &value) &&
				oid.content.len == 3 && memcmp(oid.content.data, "\x55\x04\x03", 3) == 0)
				found.value = value.content;
		}
	}
	return found;
}

static bool
tls_cn_not_in_san(const CmLintInput *in)
{
	CommonName	cn = common_name(in->cert.subject);
	CmSlice		rest = in->cert.sans;
	CmDer		name;
	uint8_t		address[16];
	size_t		len = 0;
	char		text[64];

	if (!is_tls_server(in) || cn.value.data == NULL)
		return false;
	if (cn.value.len < sizeof(text))
	{
		memcpy(text, cn.value.data, cn.value.len);
		text[cn.value.len] = '\0';
		if (!cm_address_parse(text, address, &len))
			len = 0;
	}
	while (cm_der_next(&rest, &name))
	{
		if (name.tag == SAN_DNS && equal_ignoring_case(name.content, cn.value))
			return false;
		if (name.tag == SAN_IP && len > 0 && cm_slice_equal(name.content, cm_slice(address, len)))
			return false;
	}
	return true;
}

const CmLintRule cm_lint_name_rules[] = {
	{"subject_empty_value", CM_LINT_ERROR, "RFC 5280 4.1.2.4", "an attribute of the subject is empty", dn_empty_value},
	{"subject_old_string", CM_LINT_ERROR, "RFC 5280 4.1.2.4", "an attribute of the subject is a TeletexString, BMPString or UniversalString", dn_old_string},
	{"subject_spaces", CM_LINT_WARNING, "RFC 5280 7.1", "an attribute of the subject begins or ends with a space", dn_spaces},
	{"subject_control", CM_LINT_WARNING, "RFC 5280 4.1.2.4", "an attribute of the subject holds control characters", dn_control},
	{"subject_not_utf8", CM_LINT_ERROR, "RFC 5280 4.1.2.4", "a UTF8String of the subject is not UTF-8", dn_not_utf8},
	{"subject_not_printable", CM_LINT_ERROR, "RFC 5280 4.1.2.4", "a PrintableString of the subject holds other characters", dn_not_printable},
	{"subject_long", CM_LINT_ERROR, "RFC 5280 appendix A.1", "an attribute of the subject is longer than its upper bound", dn_long},
	{"subject_country", CM_LINT_ERROR, "RFC 5280 appendix A.1", "countryName is not a PrintableString of two capital letters", dn_country},
	{"subject_printable_only", CM_LINT_ERROR, "RFC 5280 appendix A.1", "serialNumber or dnQualifier is not a PrintableString", dn_printable_only},
	{"subject_meaningless", CM_LINT_WARNING, "CA/B BR 7.1.4", "an attribute of the subject is a mere \".\", \"-\" or space", dn_meaningless},
	{"san_repeated", CM_LINT_NOTICE, "RFC 5280 4.2.1.6", "subjectAltName holds a name twice", san_repeated},
	{"san_not_critical", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "the subject is empty and subjectAltName is not critical", san_not_critical},
	{"san_critical", CM_LINT_WARNING, "RFC 5280 4.2.1.6", "there is a subject and subjectAltName is critical all the same", san_critical},
	{"san_not_ascii", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "a host name, mailbox or URI is not printable ASCII", san_not_ascii},
	{"san_dns_syntax", CM_LINT_ERROR, "RFC 1034 3.5", "a host name is not in preferred name syntax", san_dns_syntax},
	{"san_dns_underscore", CM_LINT_WARNING, "CA/B BR 7.1.2.7.12", "a host name holds an underscore", san_dns_underscore},
	{"san_dns_upper", CM_LINT_NOTICE, "RFC 5280 7.2", "a host name holds capital letters", san_dns_upper},
	{"san_dns_final_dot", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "a host name ends with a dot", san_dns_final_dot},
	{"san_dns_address", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "an IPv4 address is written as a host name", san_dns_address},
	{"san_dns_single_label", CM_LINT_NOTICE, "CA/B BR 7.1.4.2.1", "a host name has one label: an internal name", san_single_label},
	{"san_wildcard_place", CM_LINT_ERROR, "RFC 6125 6.4.3", "a \"*\" is not the whole leftmost label of a host name", san_wildcard_place},
	{"san_wildcard_wide", CM_LINT_WARNING, "CA/B BR 3.2.2.6", "a wildcard stands directly below a top-level domain", san_wildcard_wide},
	{"san_ip_length", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "an address has neither 4 nor 16 octets", san_ip_length},
	{"san_uri_relative", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "a URI has no scheme or nothing behind it", san_uri_relative},
	{"san_email_syntax", CM_LINT_ERROR, "RFC 5280 4.2.1.6", "a mailbox has no \"@\" inside", san_email_syntax},
	{"tls_server_without_name", CM_LINT_WARNING, "CA/B BR 7.1.2.7.12", "a TLS server certificate has no alternative name that clients look for", tls_without_san},
	{"tls_common_name", CM_LINT_WARNING, "CA/B BR 7.1.4.3", "the common name of a TLS server certificate is not among its alternative names", tls_cn_not_in_san},
	{"email_without_name", CM_LINT_WARNING, "RFC 8550 3", "an e-mail certificate has no mailbox among its alternative names", email_without_san},
};
const int	cm_lint_name_count = sizeof(cm_lint_name_rules) / sizeof(cm_lint_name_rules[0]);
