/*
 * dns_message.c - DNS messages: queries and updates as bytes, answers read
 * with ldns.
 *
 * Pure functions for any process; they lock nothing. What may fail: names that
 * do not fit, hostile answers, memory.
 */
#include "net/internal.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLASS_IN 1
#define CLASS_NONE 254
#define TYPE_SOA 6
#define TYPE_TXT 16
#define TYPE_OPT 41
#define OPCODE_UPDATE 5

/* DNS flag day 2020: the largest answer that no path fragments. */
#define EDNS_SIZE 1232
/* CNAMEs followed within one answer; resolvers give up at about this many. */
#define CNAME_MAX 16
/* Pointers in one name: each must go backwards, so more is a joke of the sender. */
#define POINTER_MAX 64

/* ---- names ---- */

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool
cm_dns_name_wire(const char *name, uint8_t *dst, size_t *len)
{
	size_t		n = 0;

	if (strcmp(name, ".") == 0)
		name++;
	while (*name != '\0')
	{
		size_t		label = strcspn(name, ".");
		size_t		i;

		/* 254: the length octet before and the root label behind must fit into 255. */
		if (label == 0 || label > 63 || n + 1 + label > 254)
			return false;
		dst[n++] = (uint8_t) label;
		for (i = 0; i < label; i++)
		{
			uint8_t		c = (uint8_t) name[i];

			/* No escapes: names here come from certificates, zones and key names. */
			if (c <= ' ' || c >= 127 || c == '\\')
				return false;
			dst[n++] = lower(c);
		}
		name += label;
		if (*name == '.')
			name++;
	}
	dst[n++] = 0;
	*len = n;
	return true;
}

bool
cm_dns_read_name(CmSlice m, size_t *pos, uint8_t *dst, size_t *len)
{
	size_t		p = *pos;
	size_t		n = 0;
	int			pointers = 0;

	for (;;)
	{
		uint8_t		c;
		size_t		i;

		if (p >= m.len)
			return false;
		c = m.data[p];
		if ((c & 0xc0) == 0xc0)
		{
			size_t		target;

			if (p + 2 > m.len || pointers == POINTER_MAX)
				return false;
			target = (size_t) (c & 0x3f) << 8 | m.data[p + 1];
			if (target >= p)
				return false;
			if (pointers++ == 0)
				*pos = p + 2;
			p = target;
			continue;
		}
		if (c > 63 || p + 1 + c > m.len || n + 1 + c > 255)
			return false;
		for (i = 0; i <= c; i++)
			dst[n++] = i == 0 ? c : lower(m.data[p + i]);
		p += 1 + (size_t) c;
		if (c == 0)
			break;
	}
	if (pointers == 0)
		*pos = p;
	*len = n;
	return true;
}

static const struct
{
	const char *name;
	int			type;
}			types[] = {
	{"A", 1}, {"NS", 2}, {"CNAME", 5}, {"CAA", 257}, {"SOA", 6}, {"TXT", 16}, {"AAAA", 28}
};

int
cm_dns_type(const char *name)
{
	size_t		i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	}
	return -1;
}

const char *
cm_dns_rcode_name(int rcode)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"
	};

	if (rcode >= 0 && rcode < (int) (sizeof(names) / sizeof(names[0])))
		return names[rcode];
	switch (rcode)
	{
		case CM_TSIG_BADSIG:
			return "BADSIG";
		case CM_TSIG_BADKEY:
			return "BADKEY";
		case CM_TSIG_BADTIME:
			return "BADTIME";
		case CM_TSIG_BADTRUNC:
			return "BADTRUNC";
		default:
			return "unknown";
	}
}

/* ---- messages out ---- */

static bool
put_header(CmBuf *out, uint16_t id, unsigned flags, unsigned qd, unsigned ns, unsigned ar)
{
	return cm_dns_put16(out, id) && cm_dns_put16(out, flags) && cm_dns_put16(out, qd) && cm_dns_put16(out, 0) && cm_dns_put16(out, ns) && cm_dns_put16(out, ar);
}

static bool
put_name(CmBuf *out, const char *name, CmStatus *st)
{
	uint8_t		wire[256];
	size_t		len;
	char		shown[128];

	if (!cm_dns_name_wire(name, wire, &len))
	{
		cm_clean_text(shown, sizeof(shown), name, strlen(name));
		return cm_fail(st, CM_INVALID, "\"%s\" is not a DNS name", shown);
	}
	if (!cm_buf_append(out, wire, len))
		return cm_fail(st, CM_LIMIT, "the DNS message is too large");
	return true;
}

bool
cm_dns_build_query(CmBuf *out, uint16_t id, const char *name, int type, bool recursion, bool edns, CmStatus *st)
{
	if (!put_header(out, id, recursion ? 0x0100 : 0, 1, 0, edns ? 1 : 0))
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (!put_name(out, name, st))
		return false;
	cm_dns_put16(out, type);
	cm_dns_put16(out, CLASS_IN);
	if (edns)
	{
		cm_buf_append_byte(out, 0);
		cm_dns_put16(out, TYPE_OPT);
		cm_dns_put16(out, EDNS_SIZE);
		cm_dns_put32(out, 0);
		cm_dns_put16(out, 0);
	}
	if (out->failed)
		return cm_fail(st, CM_MEMORY, "out of memory");
	return true;
}

/* A value as character strings of at most 255 bytes; an empty value is one empty string. */
static bool
put_txt(CmBuf *out, const char *value, CmStatus *st)
{
	size_t		len = strlen(value);
	size_t		strings = len == 0 ? 1 : (len + 254) / 255;

	if (len + strings > 65535)
		return cm_fail(st, CM_LIMIT, "a TXT value of %zu bytes is too large", len);
	cm_dns_put16(out, (unsigned) (len + strings));
	while (strings-- > 0)
	{
		size_t		part = len > 255 ? 255 : len;

		cm_buf_append_byte(out, (uint8_t) part);
		cm_buf_append(out, value, part);
		value += part;
		len -= part;
	}
	return true;
}

bool
cm_dns_build_update(CmBuf *out, uint16_t id, const char *zone, const CmDnsUpdate *updates, int count, int ttl, CmStatus *st)
{
	int			i;

	if (count < 1 || count > 65535)
		return cm_fail(st, CM_INVALID, "a DNS update has 1 to 65535 records");
	if (ttl < 0)
		return cm_fail(st, CM_INVALID, "a TTL is not negative");
	if (!put_header(out, id, OPCODE_UPDATE << 11, 1, (unsigned) count, 0))
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (!put_name(out, zone, st))
		return false;
	cm_dns_put16(out, TYPE_SOA);
	cm_dns_put16(out, CLASS_IN);
	for (i = 0; i < count; i++)
	{
		const CmDnsUpdate *u = &updates[i];
		size_t		zlen = strlen(zone);
		size_t		nlen = strlen(u->name);

		if (nlen < zlen || strcasecmp(u->name + nlen - zlen, zone) != 0 || (nlen > zlen && u->name[nlen - zlen - 1] != '.'))
			return cm_fail(st, CM_INVALID, "name \"%.100s\" is not in zone \"%.100s\"", u->name, zone);
		if (!put_name(out, u->name, st))
			return false;
		/* RFC 2136 2.5.1 and 2.5.4: class and TTL say what is done. */
		cm_dns_put16(out, TYPE_TXT);
		cm_dns_put16(out, u->remove ? CLASS_NONE : CLASS_IN);
		cm_dns_put32(out, u->remove ? 0 : (uint32_t) ttl);
		if (!put_txt(out, u->value, st))
			return false;
	}
	if (out->failed)
		return cm_fail(st, CM_LIMIT, "the DNS update is too large");
	return true;
}

/* ---- messages in ---- */

bool
cm_dns_last_record(CmSlice m, size_t *start)
{
	uint8_t		name[256];
	size_t		len;
	size_t		pos = CM_DNS_HEADER;
	unsigned	questions;
	unsigned	records;

	if (m.len < CM_DNS_HEADER)
		return false;
	questions = cm_dns_get16(m.data + 4);
	records = cm_dns_get16(m.data + 6) + cm_dns_get16(m.data + 8) + cm_dns_get16(m.data + 10);
	while (questions-- > 0)
	{
		if (!cm_dns_read_name(m, &pos, name, &len) || m.len - pos < 4)
			return false;
		pos += 4;
	}
	*start = pos;
	while (records-- > 0)
	{
		*start = pos;
		if (!cm_dns_read_name(m, &pos, name, &len) || m.len - pos < 10 || m.len - pos - 10 < cm_dns_get16(m.data + pos + 8))
			return false;
		pos += 10 + cm_dns_get16(m.data + pos + 8);
	}
	return pos == m.len;
}

bool
cm_dns_is_answer(CmSlice m, CmSlice query)
{
	size_t		pos = CM_DNS_HEADER;
	size_t		i;
	uint8_t		name[256];
	size_t		len;
	unsigned	opcode;
	unsigned	rcode;

	if (m.len < CM_DNS_HEADER || query.len < CM_DNS_HEADER)
		return false;
	/* Id; QR set; the same opcode. */
	if (memcmp(m.data, query.data, 2) != 0 || !(m.data[2] & 0x80) || (m.data[2] & 0x78) != (query.data[2] & 0x78))
		return false;
	opcode = (query.data[2] >> 3) & 15;
	rcode = m.data[3] & 15;
	/* Answers to updates need not repeat the zone (RFC 2136 3.8); a server that could not read the question cannot repeat it. */
	if (cm_dns_get16(m.data + 4) == 0)
		return opcode == OPCODE_UPDATE || rcode == CM_DNS_RCODE_FORMERR || rcode == CM_DNS_RCODE_NOTIMP;
	if (cm_dns_get16(m.data + 4) != 1 || !cm_dns_read_name(query, &pos, name, &len))
		return false;
	pos += 4;
	if (m.len < pos || query.len < pos)
		return false;
	/* The only name before the question is none, so it cannot be compressed. Length octets are below 64: lower() leaves them alone. */
	for (i = CM_DNS_HEADER; i < pos; i++)
	{
		if (i < pos - 4 ? lower(m.data[i]) != lower(query.data[i]) : m.data[i] != query.data[i])
			return false;
	}
	return true;
}

/* "Example.COM." of ldns as "example.com". False when it does not fit. */
static bool
name_text(const ldns_rdf *rdf, char dst[256])
{
	char	   *text = rdf != NULL ? ldns_rdf2str(rdf) : NULL;
	size_t		len;
	size_t		i;

	dst[0] = '\0';
	if (text == NULL)
		return false;
	len = strlen(text);
	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len > 255)
	{
		LDNS_FREE(text);
		return false;
	}
	for (i = 0; i < len; i++)
		dst[i] = (char) lower((uint8_t) text[i]);
	dst[len] = '\0';
	LDNS_FREE(text);
	return true;
}

static char *
txt_value(const ldns_rr *rr)
{
	CmBuf		buf;
	size_t		i;

	cm_buf_init(&buf, CM_DNS_MESSAGE_MAX);
	for (i = 0; i < ldns_rr_rd_count(rr); i++)
	{
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		size_t		size = ldns_rdf_size(rdf);
		const uint8_t *data = ldns_rdf_data(rdf);
		size_t		k;

		/* A character string: length octet, bytes. A NUL would end the value early and make it equal to another one. */
		for (k = 1; k < size && k <= data[0]; k++)
			cm_buf_append_byte(&buf, data[k] != 0 ? data[k] : '?');
	}
	cm_buf_cstr(&buf);
	if (buf.failed || buf.data == NULL)
	{
		cm_buf_free(&buf);
		return strdup("");
	}
	return (char *) buf.data;
}

/* "flags tag value": the value as it is. A NUL would end it early. */
static char *
caa_value(const ldns_rr *rr)
{
	const ldns_rdf *tag = ldns_rr_rdf(rr, 1);
	const ldns_rdf *value = ldns_rr_rdf(rr, 2);
	CmBuf		buf;
	size_t		i;

	if (ldns_rr_rd_count(rr) != 3 || ldns_rdf_size(ldns_rr_rdf(rr, 0)) != 1 || ldns_rdf_size(tag) < 2)
		return NULL;
	cm_buf_init(&buf, CM_DNS_MESSAGE_MAX);
	cm_buf_printf(&buf, "%d ", ldns_rdf_data(ldns_rr_rdf(rr, 0))[0]);
	for (i = 1; i < ldns_rdf_size(tag) && i <= ldns_rdf_data(tag)[0]; i++)
		cm_buf_append_byte(&buf, (uint8_t) lower(ldns_rdf_data(tag)[i]));
	cm_buf_append_byte(&buf, ' ');
	for (i = 0; i < ldns_rdf_size(value); i++)
		cm_buf_append_byte(&buf, ldns_rdf_data(value)[i] != 0 ? ldns_rdf_data(value)[i] : '?');
	if (cm_buf_cstr(&buf) == NULL || buf.failed)
	{
		cm_buf_free(&buf);
		return NULL;
	}
	return (char *) buf.data;
}

static char *
record_value(const ldns_rr *rr, int type)
{
	char		name[256];
	char	   *text;
	char	   *value;

	if (ldns_rr_rd_count(rr) == 0)
		return NULL;
	switch (type)
	{
		case LDNS_RR_TYPE_TXT:
			return txt_value(rr);
		case LDNS_RR_TYPE_CAA:
			return caa_value(rr);
		case LDNS_RR_TYPE_A:
		case LDNS_RR_TYPE_AAAA:
			text = ldns_rdf2str(ldns_rr_rdf(rr, 0));
			value = text != NULL ? strdup(text) : NULL;
			LDNS_FREE(text);
			return value;
		default:
			return name_text(ldns_rr_rdf(rr, 0), name) ? strdup(name) : NULL;
	}
}

static const ldns_rr *
find_cname(const ldns_rr_list *list, const ldns_rdf *owner)
{
	size_t		i;

	for (i = 0; i < ldns_rr_list_rr_count(list); i++)
	{
		const ldns_rr *rr = ldns_rr_list_rr(list, i);

		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && ldns_rr_rd_count(rr) == 1 && ldns_dname_compare(ldns_rr_owner(rr), owner) == 0)
			return rr;
	}
	return NULL;
}

static bool
read_answers(const ldns_rr_list *list, const ldns_rdf *name, int type, CmDnsAnswer *answer)
{
	const ldns_rr *cname;
	size_t		i;
	int			hops = 0;

	while (type != LDNS_RR_TYPE_CNAME && hops++ < CNAME_MAX && (cname = find_cname(list, name)) != NULL)
	{
		name = ldns_rr_rdf(cname, 0);
		if (!name_text(name, answer->cname))
			return false;
	}
	for (i = 0; i < ldns_rr_list_rr_count(list) && answer->count < CM_DNS_MAX_ANSWERS; i++)
	{
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		char	   *value;

		if ((int) ldns_rr_get_type(rr) != type || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || ldns_dname_compare(ldns_rr_owner(rr), name) != 0)
			continue;
		value = record_value(rr, type);
		if (value == NULL)
			return false;
		answer->values[answer->count++] = value;
	}
	return true;
}

/* The owner of the first record of that type. */
static bool
first_owner(const ldns_rr_list *list, ldns_rr_type type, char dst[256])
{
	size_t		i;

	for (i = 0; i < ldns_rr_list_rr_count(list); i++)
	{
		if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == type)
			return name_text(ldns_rr_owner(ldns_rr_list_rr(list, i)), dst);
	}
	return false;
}

bool
cm_dns_parse(CmSlice m, const char *name, int type, CmDnsAnswer *answer, CmStatus *st)
{
	ldns_pkt   *pkt = NULL;
	ldns_rdf   *owner;
	size_t		end;
	bool		ok;

	/* ldns sees only what our own walk found whole, and no trailing bytes. */
	if (m.len > CM_DNS_MESSAGE_MAX || !cm_dns_last_record(m, &end) || ldns_wire2pkt(&pkt, m.data, m.len) != LDNS_STATUS_OK || pkt == NULL)
		return cm_fail(st, CM_PROTOCOL, "the DNS answer is malformed");
	answer->rcode = (int) ldns_pkt_get_rcode(pkt);
	answer->authoritative = ldns_pkt_aa(pkt);
	owner = ldns_dname_new_frm_str(name);
	ok = owner != NULL && read_answers(ldns_pkt_answer(pkt), owner, type, answer);
	if (ok && !first_owner(ldns_pkt_answer(pkt), LDNS_RR_TYPE_SOA, answer->soa))
		(void) first_owner(ldns_pkt_authority(pkt), LDNS_RR_TYPE_SOA, answer->soa);
	if (ok && !answer->authoritative && answer->rcode == CM_DNS_RCODE_NOERROR && ldns_pkt_ancount(pkt) == 0 && answer->soa[0] == '\0')
		(void) first_owner(ldns_pkt_authority(pkt), LDNS_RR_TYPE_NS, answer->referral);
	ldns_rdf_deep_free(owner);
	ldns_pkt_free(pkt);
	if (!ok)
	{
		cm_dns_answer_free(answer);
		return cm_fail(st, CM_PROTOCOL, "the DNS answer could not be read");
	}
	return true;
}

void
cm_dns_answer_free(CmDnsAnswer *answer)
{
	while (answer->count > 0)
		free(answer->values[--answer->count]);
}
