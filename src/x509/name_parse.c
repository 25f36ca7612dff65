/*
 * name_parse.c - distinguished names: RFC 4514 text to DER.
 *
 * Runs in every process. The parser is our own: it says where the text is
 * wrong, and string types and bounds are decided by one table
 * (name_attribute.c) instead of OpenSSL's process-wide mask.
 */
#include "x509/name_internal.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Longer than ub-name (32768 characters) in a single attribute is not a name; bounds all work below. */
#define NAME_TEXT_MAX 65536
/* Deep directory trees have about 20 RDNs. */
#define NAME_RDNS_MAX 64
/* Three attributes in an RDN are rare already. */
#define NAME_AVAS_MAX 16

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
	int			high = cm_hex_digit(p[0]);

	if (p[0] != '\0' && strchr(" \"#+,;<=>\\", p[0]) != NULL)
	{
		(void) cm_buf_append_byte(&ps->value, (uint8_t) p[0]);
		ps->pos += 2;
		return true;
	}
	if (high >= 0 && cm_hex_digit(p[1]) >= 0)
	{
		(void) cm_buf_append_byte(&ps->value, (uint8_t) (high * 16 + cm_hex_digit(p[1])));
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

		if (cm_der_expect(&inner, CM_DER_OID, &oid) && cm_name_oid_text(oid.content, text, sizeof(text)) &&
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
	const CmNameAttribute *attribute;
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
	if (!cm_name_type_oid(type, dotted, sizeof(dotted)))
		return fail_at(ps, start, "The attribute type \"$\" is not known; known are CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, emailAddress, givenName, surname, title and others, and OIDs.", type);
	if (type_is_in_rdn(ps, dotted))
		return fail_at(ps, start, "The attribute \"$\" is twice in one part; put a comma between them.", type);

	attribute = cm_name_attribute(dotted);
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
