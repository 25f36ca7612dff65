/*
 * name.c - distinguished names: RFC 4514 text to DER and back.
 *
 * Runs in every process. The parser is our own: it says where the text is
 * wrong, and it decides string types and bounds by one table instead of
 * OpenSSL's process-wide mask. Formatting takes whatever a foreign
 * certificate carries; it fails only on bytes that are not a Name, or when
 * memory runs out.
 */
#include "x509/name.h"

#include "base/encode.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Longer than ub-name (32768 characters) in a single attribute is not a name; bounds all work below. */
#define NAME_TEXT_MAX 65536
/* Deep directory trees have about 20 RDNs. */
#define NAME_RDNS_MAX 64
/* Three attributes in an RDN are rare already. */
#define NAME_AVAS_MAX 16
/* RFC 5280 appendix A: ub-name, the largest bound there is; for attributes without one of their own. */
#define NAME_VALUE_MAX 32768
/* The longest OID worth naming as text. OpenSSL refuses arcs above 586 octets; nobody registered one above 64. */
#define NAME_OID_MAX 128
#define NAME_OID_TEXT_MAX 640	/* an octet gives at most 3 digits and a dot, and some */

#define TAG_NUMERICSTRING 0x12
#define TAG_T61STRING 0x14
#define TAG_VISIBLESTRING 0x1a
#define TAG_UNIVERSALSTRING 0x1c
#define TAG_BMPSTRING 0x1e

typedef struct Attribute
{
	const char *name;			/* what format writes */
	const char *alias;			/* other names, "" between "|" */
	const char *oid;
	uint8_t		tag;
	unsigned	max;			/* characters: RFC 5280 appendix A, else X.520 */
} Attribute;

static const Attribute attributes[] = {
	{"CN", "commonName", "2.5.4.3", CM_DER_UTF8STRING, 64},
	{"O", "organizationName", "2.5.4.10", CM_DER_UTF8STRING, 64},
	{"OU", "organizationalUnitName", "2.5.4.11", CM_DER_UTF8STRING, 64},
	{"C", "countryName", "2.5.4.6", CM_DER_PRINTABLESTRING, 2},
	{"L", "localityName", "2.5.4.7", CM_DER_UTF8STRING, 128},
	{"ST", "stateOrProvinceName|S", "2.5.4.8", CM_DER_UTF8STRING, 128},
	{"STREET", "streetAddress", "2.5.4.9", CM_DER_UTF8STRING, 128},
	{"DC", "domainComponent", "0.9.2342.19200300.100.1.25", CM_DER_IA5STRING, 63},	/* a DNS label, RFC 2247 */
	{"UID", "userId", "0.9.2342.19200300.100.1.1", CM_DER_UTF8STRING, 256},
	{"serialNumber", "", "2.5.4.5", CM_DER_PRINTABLESTRING, 64},
	{"emailAddress", "E", "1.2.840.113549.1.9.1", CM_DER_IA5STRING, 255},
	{"givenName", "GN", "2.5.4.42", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"surname", "SN", "2.5.4.4", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"initials", "", "2.5.4.43", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"generationQualifier", "", "2.5.4.44", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"name", "", "2.5.4.41", CM_DER_UTF8STRING, NAME_VALUE_MAX},
	{"title", "", "2.5.4.12", CM_DER_UTF8STRING, 64},
	{"dnQualifier", "", "2.5.4.46", CM_DER_PRINTABLESTRING, NAME_VALUE_MAX},
	{"pseudonym", "", "2.5.4.65", CM_DER_UTF8STRING, 128},
	{"organizationIdentifier", "", "2.5.4.97", CM_DER_UTF8STRING, 256},
	{"businessCategory", "", "2.5.4.15", CM_DER_UTF8STRING, 128},
	{"postalCode", "", "2.5.4.17", CM_DER_UTF8STRING, 40},
	{"description", "", "2.5.4.13", CM_DER_UTF8STRING, 1024},
	{"jurisdictionC", "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3", CM_DER_PRINTABLESTRING, 2},
	{"jurisdictionST", "jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2", CM_DER_UTF8STRING, 128},
	{"jurisdictionL", "jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1", CM_DER_UTF8STRING, 128},
};

#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

typedef struct NameParser
{
	const char *text;
	const char *pos;
	CmStatus   *st;
	CmBuf		avas;			/* AttributeTypeAndValues of the RDN at hand */
	CmBuf		rdns;			/* RDNs, in the order of the text */
	CmBuf		value;
	size_t		rdn_start[NAME_RDNS_MAX + 1];
	int			nrdns;
} NameParser;

/* ---- text ---- */

/* Length of the UTF-8 character at p, 0 when it is none; *code is its code point. */
static size_t
utf8_next(const uint8_t *p, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		n;
	size_t		i;
	uint32_t	c;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
	{
		*code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	c = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = (c << 6) | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

bool
cm_utf8_check(CmSlice text, size_t *chars)
{
	size_t		pos = 0;
	size_t		count = 0;

	while (pos < text.len)
	{
		uint32_t	code;
		size_t		n = utf8_next(text.data + pos, text.len - pos, &code);

		if (n == 0)
			return false;
		pos += n;
		count++;
	}
	if (chars != NULL)
		*chars = count;
	return true;
}

/* Controls, and characters that one does not see or that turn the text around: they must not hide in what people read. */
static bool
is_invisible(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad ||
		(code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
		(code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
		(code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

static void
put_hex_pairs(CmBuf *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t		i;

	for (i = 0; i < len; i++)
	{
		(void) cm_buf_append_byte(out, '\\');
		(void) cm_buf_append_byte(out, (uint8_t) digits[data[i] >> 4]);
		(void) cm_buf_append_byte(out, (uint8_t) digits[data[i] & 15]);
	}
}

void
cm_utf8_put_escaped(CmBuf *out, CmSlice text, bool ascii)
{
	size_t		pos = 0;

	while (pos < text.len)
	{
		uint32_t	code = 0;
		size_t		n = utf8_next(text.data + pos, text.len - pos, &code);

		if (n == 0 || is_invisible(code) || (ascii && code > 0x7e))
		{
			n = n == 0 ? 1 : n;
			put_hex_pairs(out, text.data + pos, n);
		}
		else
		{
			if (code == '\\')
				(void) cm_buf_append_byte(out, '\\');
			(void) cm_buf_append(out, text.data + pos, n);
		}
		pos += n;
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
cm_utf8_unescape(const char *text, CmBuf *out)
{
	const char *p = text;

	while (*p != '\0')
	{
		if (*p != '\\')
			(void) cm_buf_append_byte(out, (uint8_t) *p++);
		else if (p[1] == '\\')
		{
			(void) cm_buf_append_byte(out, '\\');
			p += 2;
		}
		else if (hex_value(p[1]) >= 0 && hex_value(p[2]) >= 0)
		{
			(void) cm_buf_append_byte(out, (uint8_t) (hex_value(p[1]) * 16 + hex_value(p[2])));
			p += 3;
		}
		else
			return false;
	}
	return true;
}

static void
put_utf8(CmBuf *out, uint32_t code)
{
	uint8_t		b[4];
	size_t		n;

	if (code < 0x80)
	{
		b[0] = (uint8_t) code;
		n = 1;
	}
	else if (code < 0x800)
	{
		b[0] = (uint8_t) (0xc0 | (code >> 6));
		b[1] = (uint8_t) (0x80 | (code & 0x3f));
		n = 2;
	}
	else if (code < 0x10000)
	{
		b[0] = (uint8_t) (0xe0 | (code >> 12));
		b[1] = (uint8_t) (0x80 | ((code >> 6) & 0x3f));
		b[2] = (uint8_t) (0x80 | (code & 0x3f));
		n = 3;
	}
	else
	{
		b[0] = (uint8_t) (0xf0 | (code >> 18));
		b[1] = (uint8_t) (0x80 | ((code >> 12) & 0x3f));
		b[2] = (uint8_t) (0x80 | ((code >> 6) & 0x3f));
		b[3] = (uint8_t) (0x80 | (code & 0x3f));
		n = 4;
	}
	(void) cm_buf_append(out, b, n);
}

/* ---- OIDs ---- */

bool
cm_oid_from_name(const char *name, char *dotted, size_t size)
{
	ASN1_OBJECT *obj;
	int			n;

	ERR_clear_error();
	obj = OBJ_txt2obj(name, 0);
	if (obj == NULL)
	{
		ERR_clear_error();
		return false;
	}
	n = OBJ_obj2txt(dotted, (int) size, obj, 1);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return n > 0 && (size_t) n < size;
}

const char *
cm_oid_name(const char *dotted)
{
	ASN1_OBJECT *obj;
	int			nid;

	ERR_clear_error();
	obj = OBJ_txt2obj(dotted, 1);
	nid = obj == NULL ? NID_undef : OBJ_obj2nid(obj);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return nid == NID_undef ? NULL : OBJ_nid2sn(nid);
}

/* Dotted text of any well-formed OID: OpenSSL where arcs are too large for der.c. */
static bool
oid_text(CmSlice oid, char *dst, size_t size)
{
	ASN1_OBJECT *obj;
	uint8_t		whole[NAME_OID_MAX + 3];
	const unsigned char *p = whole;
	size_t		header = oid.len < 128 ? 2 : 3;
	int			n = 0;

	if (oid.len == 0 || oid.len > NAME_OID_MAX)
		return false;
	if (cm_der_oid_text(oid, dst, size))
		return true;
	whole[0] = CM_DER_OID;
	whole[1] = oid.len < 128 ? (uint8_t) oid.len : 0x81;
	whole[2] = (uint8_t) oid.len;
	memcpy(whole + header, oid.data, oid.len);
	ERR_clear_error();
	obj = d2i_ASN1_OBJECT(NULL, &p, (long) (header + oid.len));
	if (obj != NULL)
		n = OBJ_obj2txt(dst, (int) size, obj, 1);
	ASN1_OBJECT_free(obj);
	ERR_clear_error();
	return n > 0 && (size_t) n < size;
}

static const Attribute *
attribute_by_oid(const char *dotted)
{
	size_t		i;

	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcmp(attributes[i].oid, dotted) == 0)
			return &attributes[i];
	}
	return NULL;
}

static bool
alias_matches(const char *alias, const char *name)
{
	size_t		len = strlen(name);

	while (*alias != '\0')
	{
		size_t		n = strcspn(alias, "|");

		if (n == len && strncasecmp(alias, name, len) == 0)
			return true;
		alias += n;
		if (*alias == '|')
			alias++;
	}
	return false;
}

/* OpenSSL knows names of everything; these arcs hold what can be in a Name, so that "SHA256=x" is refused. */
static bool
is_attribute_arc(const char *dotted)
{
	static const char *const arcs[] = {"2.5.4.", "0.9.2342.19200300.100.1.", "1.2.840.113549.1.9.", "1.2.643."};
	size_t		i;

	for (i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++)
	{
		if (strncmp(dotted, arcs[i], strlen(arcs[i])) == 0)
			return true;
	}
	return false;
}

/* What OpenSSL calls an attribute, when the parser would read the name back as the same one. */
static const char *
openssl_attribute_name(const char *dotted)
{
	const char *name = is_attribute_arc(dotted) ? cm_oid_name(dotted) : NULL;
	size_t		i;

	if (name == NULL || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return NULL;
	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcasecmp(attributes[i].name, name) == 0 || alias_matches(attributes[i].alias, name))
			return NULL;
	}
	return name;
}

/* Attribute type as people write it to dotted OID. */
static bool
type_to_oid(const char *name, char *dotted, size_t size)
{
	CmBuf		oid;
	CmSlice		rest;
	CmDer		v;
	size_t		i;
	bool		ok;

	for (i = 0; i < ATTRIBUTE_COUNT; i++)
	{
		if (strcasecmp(attributes[i].name, name) == 0 || alias_matches(attributes[i].alias, name))
		{
			(void) snprintf(dotted, size, "%s", attributes[i].oid);
			return true;
		}
	}
	if (strncasecmp(name, "OID.", 4) == 0)
		name += 4;
	if (*name < '0' || *name > '9')
		return cm_oid_from_name(name, dotted, size) && is_attribute_arc(dotted);

	/* There and back, so that one OID has one spelling. */
	cm_buf_init(&oid, NAME_OID_MAX);
	ok = cm_der_put_oid(&oid, name);
	rest = cm_slice(oid.data, oid.len);
	ok = ok && cm_der_expect(&rest, CM_DER_OID, &v) && oid_text(v.content, dotted, size);
	cm_buf_free(&oid);
	return ok;
}

/* ---- parsing ---- */

static bool
fail_at(NameParser *ps, const char *where, const char *what, const char *name)
{
	char		shown[160];

	cm_clean_text(shown, sizeof(shown), ps->text, strlen(ps->text));
	(void) cm_fail(ps->st, CM_INVALID, "invalid subject \"%s\"", shown);
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	(void) cm_fail_detail(ps->st, "Position %zu: ", (size_t) (where - ps->text) + 1);
	if (ps->st != NULL)
	{
		size_t		used = strlen(ps->st->detail);
		const char *mark = strchr(what, '$');
		int			before = mark == NULL ? (int) strlen(what) : (int) (mark - what);

		/* "$" in what stands for the name. */
		(void) snprintf(ps->st->detail + used, sizeof(ps->st->detail) - used, "%.*s%s%s",
						before, what, mark == NULL ? "" : shown, mark == NULL ? "" : mark + 1);
	}
	return false;
}

static void
skip_spaces(NameParser *ps)
{
	while (*ps->pos == ' ')
		ps->pos++;
}

/* The two or three characters of an escape, pos being at the backslash. */
static bool
parse_escape(NameParser *ps)
{
	const char *p = ps->pos + 1;
	int			high = hex_value(p[0]);

	if (p[0] != '\0' && strchr(" \"#+,;<=>\\", p[0]) != NULL)
	{
		(void) cm_buf_append_byte(&ps->value, (uint8_t) p[0]);
		ps->pos += 2;
		return true;
	}
	if (high >= 0 && hex_value(p[1]) >= 0)
	{
		(void) cm_buf_append_byte(&ps->value, (uint8_t) (high * 16 + hex_value(p[1])));
		ps->pos += 3;
		return true;
	}
	return fail_at(ps, ps->pos, "A backslash must be followed by one of ' \"#+,;<=>\\' or by two hexadecimal digits.", "");
}

/* From behind "=" to the separator; blanks around the value do not belong to it unless escaped. */
static bool
parse_value(NameParser *ps)
{
	size_t		keep = 0;

	cm_buf_reset(&ps->value);
	skip_spaces(ps);
	if (*ps->pos == '#')
		return fail_at(ps, ps->pos, "Values in hexadecimal (\"#...\") are not accepted; write \"\\#\" for the character.", "");
	while (*ps->pos != '\0' && *ps->pos != ',' && *ps->pos != '+')
	{
		char		c = *ps->pos;

		if (c == '\\')
		{
			if (!parse_escape(ps))
				return false;
			keep = ps->value.len;
			continue;
		}
		if (strchr("\";<>", c) != NULL)
			return fail_at(ps, ps->pos, "The character must be escaped by a backslash: \\$", (char[]) {c, '\0'});
		if ((unsigned char) c < 0x20 || c == 0x7f)
			return fail_at(ps, ps->pos, "Control characters must be written as a backslash and two hexadecimal digits.", "");
		(void) cm_buf_append_byte(&ps->value, (uint8_t) c);
		ps->pos++;
		if (c != ' ')
			keep = ps->value.len;
	}
	ps->value.len = keep;
	return true;
}

static bool
is_printable_string(CmSlice v)
{
	size_t		i;

	for (i = 0; i < v.len; i++)
	{
		uint8_t		c = v.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  (c != 0 && strchr(" '()+,-./:=?", c) != NULL)))
			return false;
	}
	return true;
}

static bool
is_two_letters(CmSlice v)
{
	size_t		i;

	for (i = 0; i < v.len; i++)
	{
		if (!((v.data[i] >= 'a' && v.data[i] <= 'z') || (v.data[i] >= 'A' && v.data[i] <= 'Z')))
			return false;
	}
	return v.len == 2;
}

static bool
check_value(NameParser *ps, const char *where, const char *type, uint8_t tag, unsigned max)
{
	CmSlice		v = cm_slice(ps->value.data, ps->value.len);
	size_t		chars;
	size_t		i;

	if (v.len == 0)
		return fail_at(ps, where, "The value of \"$\" is empty.", type);
	if (memchr(v.data, 0, v.len) != NULL)
		return fail_at(ps, where, "The value of \"$\" holds a NUL character.", type);
	if (!cm_utf8_check(v, &chars))
		return fail_at(ps, where, "The value of \"$\" is not valid UTF-8.", type);
	if (tag == CM_DER_PRINTABLESTRING && max == 2 && !is_two_letters(v))
		return fail_at(ps, where, "The value of \"$\" must be a country code of two letters.", type);
	if (tag == CM_DER_PRINTABLESTRING && !is_printable_string(v))
		return fail_at(ps, where, "The value of \"$\" may hold ASCII letters, digits, blanks and '()+,-./:=? only.", type);
	for (i = 0; tag == CM_DER_IA5STRING && i < v.len; i++)
	{
		if (v.data[i] >= 0x80)
			return fail_at(ps, where, "The value of \"$\" may hold ASCII characters only.", type);
	}
	if (chars > max)
	{
		char		what[96];

		(void) snprintf(what, sizeof(what), "The value of \"$\" is longer than %u characters (it has %zu).", max, chars);
		return fail_at(ps, where, what, type);
	}
	return true;
}

static bool
type_is_in_rdn(const NameParser *ps, const char *dotted)
{
	CmSlice		rest = cm_slice(ps->avas.data, ps->avas.len);
	CmDer		ava;

	while (cm_der_next(&rest, &ava))
	{
		CmSlice		inner = ava.content;
		CmDer		oid;
		char		text[NAME_OID_TEXT_MAX];

		if (cm_der_expect(&inner, CM_DER_OID, &oid) && oid_text(oid.content, text, sizeof(text)) &&
			strcmp(text, dotted) == 0)
			return true;
	}
	return false;
}

/* One "type=value"; appends its DER to avas. */
static bool
parse_ava(NameParser *ps)
{
	char		type[NAME_OID_TEXT_MAX];
	char		dotted[NAME_OID_TEXT_MAX];
	const Attribute *attribute;
	const char *start;
	uint8_t		tag;
	size_t		len;
	size_t		mark;

	skip_spaces(ps);
	start = ps->pos;
	len = strcspn(start, " =,+\\\"");
	if (len == 0)
		return fail_at(ps, start, "An attribute, as in \"CN=name\", is missing.", "");
	if (len >= sizeof(type))
		return fail_at(ps, start, "The attribute type is too long.", "");
	memcpy(type, start, len);
	type[len] = '\0';
	ps->pos += len;
	skip_spaces(ps);
	if (*ps->pos != '=')
		return fail_at(ps, ps->pos, "\"=\" is missing after \"$\".", type);
	ps->pos++;
	if (!type_to_oid(type, dotted, sizeof(dotted)))
		return fail_at(ps, start, "The attribute type \"$\" is not known; known are CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, emailAddress, givenName, surname, title and others, and OIDs.", type);
	if (type_is_in_rdn(ps, dotted))
		return fail_at(ps, start, "The attribute \"$\" is twice in one part; put a comma between them.", type);

	attribute = attribute_by_oid(dotted);
	tag = attribute == NULL ? CM_DER_UTF8STRING : attribute->tag;
	if (!parse_value(ps) ||
		!check_value(ps, start, type, tag, attribute == NULL ? NAME_VALUE_MAX : attribute->max))
		return false;

	mark = cm_der_open(&ps->avas, CM_DER_SEQUENCE);
	(void) cm_der_put_oid(&ps->avas, dotted);
	cm_der_put(&ps->avas, tag, ps->value.data, ps->value.len);
	cm_der_close(&ps->avas, mark);
	return true;
}

/* X.690 11.6: the members of a SET OF ascend; the shorter one is padded with zeros. */
static bool
set_of_less(CmSlice a, CmSlice b)
{
	size_t		n = a.len < b.len ? a.len : b.len;
	int			c = memcmp(a.data, b.data, n);

	return c != 0 ? c < 0 : a.len < b.len;
}

static bool
parse_rdn(NameParser *ps)
{
	CmSlice		members[NAME_AVAS_MAX];
	CmSlice		rest;
	CmDer		v;
	size_t		mark;
	int			n = 0;
	int			i;
	int			k;

	cm_buf_reset(&ps->avas);
	for (;;)
	{
		if (n++ == NAME_AVAS_MAX)
			return fail_at(ps, ps->pos, "One part has more than 16 attributes.", "");
		if (!parse_ava(ps))
			return false;
		if (*ps->pos != '+')
			break;
		ps->pos++;
	}

	rest = cm_slice(ps->avas.data, ps->avas.len);
	for (i = 0; i < n && cm_der_next(&rest, &v); i++)
	{
		for (k = i; k > 0 && set_of_less(v.whole, members[k - 1]); k--)
			members[k] = members[k - 1];
		members[k] = v.whole;
	}
	mark = cm_der_open(&ps->rdns, CM_DER_SET);
	for (k = 0; k < i; k++)
		(void) cm_buf_append(&ps->rdns, members[k].data, members[k].len);
	cm_der_close(&ps->rdns, mark);
	ps->nrdns++;
	ps->rdn_start[ps->nrdns] = ps->rdns.len;
	return true;
}

static bool
parse_rdns(NameParser *ps)
{
	skip_spaces(ps);
	if (*ps->pos == '\0')
		return true;
	for (;;)
	{
		if (ps->nrdns == NAME_RDNS_MAX)
			return fail_at(ps, ps->pos, "The name has more than 64 parts.", "");
		if (!parse_rdn(ps))
			return false;
		if (*ps->pos == '\0')
			return true;
		ps->pos++;				/* the comma */
	}
}

bool
cm_name_parse(const char *text, CmBuf *der, CmStatus *st)
{
	NameParser	ps;
	size_t		start = der->len;
	size_t		mark;
	bool		ok;
	int			i;

	if (text == NULL)
		text = "";
	if (strlen(text) > NAME_TEXT_MAX)
		return cm_fail(st, CM_LIMIT, "subject is too long") || cm_fail_detail(st, "It has %zu bytes; at most %d are allowed.", strlen(text), NAME_TEXT_MAX);
	memset(&ps, 0, sizeof(ps));
	ps.text = ps.pos = text;
	ps.st = st;
	cm_buf_init(&ps.avas, 0);
	cm_buf_init(&ps.rdns, 0);
	cm_buf_init(&ps.value, 0);
	ok = parse_rdns(&ps);
	if (ok)
	{
		mark = cm_der_open(der, CM_DER_SEQUENCE);
		for (i = ps.nrdns - 1; i >= 0; i--)
			(void) cm_buf_append(der, ps.rdns.data + ps.rdn_start[i], ps.rdn_start[i + 1] - ps.rdn_start[i]);
		cm_der_close(der, mark);
		if (der->failed || ps.rdns.failed || ps.avas.failed || ps.value.failed)
			ok = cm_fail(st, CM_MEMORY, "out of memory");
	}
	if (!ok)
		der->len = start;
	cm_buf_free(&ps.avas);
	cm_buf_free(&ps.rdns);
	cm_buf_free(&ps.value);
	return ok;
}

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
				put_utf8(out, p[i]);
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
		put_utf8(out, c);
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
	const Attribute *attribute;
	const char *name;
	CmBuf		utf8;

	if (!oid_text(oid->content, dotted, sizeof(dotted)))
		return fail_not_a_name(st) || cm_fail_detail(st, "An attribute type is not an object identifier.");
	attribute = attribute_by_oid(dotted);
	name = attribute != NULL ? attribute->name : openssl_attribute_name(dotted);
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
cm_name_type_oid(const char *name, char *dotted, size_t size)
{
	return type_to_oid(name, dotted, size);
}

const char *
cm_name_type_name(const char *dotted)
{
	const Attribute *attribute = attribute_by_oid(dotted);
	const char *name = attribute != NULL ? attribute->name : openssl_attribute_name(dotted);

	return name != NULL ? name : dotted;
}

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
