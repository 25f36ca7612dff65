/*
 * crl.c - certificate revocation lists (RFC 5280 5), written as a stream.
 *
 * Runs in the worker (publication) and in backends (certmgr.crl). An entry is
 * some 35 to 70 octets in one growing buffer, which becomes the list itself:
 * what comes before the entries is put into room left in front of them, so a
 * million entries need their own size and nothing more. What may fail: input
 * that RFC 5280 forbids, a list larger than ENTRIES_MAX (CM_LIMIT), memory,
 * the signature.
 *
 * The caller gives each serial once, in any order; nothing here looks for one
 * that was given before. A delta is what differs from a base (crl_base.c).
 */
#include "x509/crl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/datetime.h"

/* A bytea holds 1 GB at most; the rest is room for the frame. Some 20 million entries. */
#define ENTRIES_MAX ((size_t) 900 * 1024 * 1024)

/* RFC 5280 4.1.2.2. */
#define SERIAL_MAX 20

/* As in a certificate: hashes, SHA-512 at most. */
#define KEY_ID_MAX 64

/* 1950-01-01 00:00:00, 2050-01-01 00:00:00 (GeneralizedTime from here on) and 9999-12-31 23:59:59. */
#define TIME_FIRST INT64_C(-631152000)
#define TIME_GENERALIZED INT64_C(2524608000)
#define TIME_LAST INT64_C(253402300799)

/* Header, INTEGER of 20 octets and a sign, GeneralizedTime, two extensions: 77, which fits the short form of length. */
#define ENTRY_MAX 96

#define REASON_COUNT 11
#define REASON_REMOVE 8

/* Tags and lengths of the outer, the TBS and the list of entries, version, times: 70 at most; the longest AlgorithmIdentifier (RSA-PSS) has 67. */
#define HEAD_FIXED 192

/* RFC 5280 5.3.1. 7 is not used; 8, removeFromCRL, is for delta CRLs only and no answer to "why was it revoked". */
static const char *const reason_names[REASON_COUNT] = {
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", NULL, NULL, "privilegeWithdrawn", "aACompromise"
};

/* ---- reasons ---- */

const char *
cm_crl_reason_name(int code)
{
	if (code < 0 || code >= REASON_COUNT)
		return NULL;
	return reason_names[code];
}

/* "0" to "10" as a number, -1 for everything else. */
static int
reason_number(const char *text)
{
	size_t		len = strlen(text);

	if (len == 0 || len > 2 || !isdigit((unsigned char) text[0]) || (len == 2 && !isdigit((unsigned char) text[1])))
		return -1;
	if (len == 2 && text[0] == '0')
		return -1;
	return atoi(text);
}

bool
cm_crl_reason_parse(const char *name, int *code, CmStatus *st)
{
	char		shown[64];
	int			number;
	int			i;

	if (name == NULL)
		name = "";
	number = reason_number(name);
	for (i = 0; i < REASON_COUNT; i++)
	{
		if (reason_names[i] != NULL && (number == i || strcasecmp(name, reason_names[i]) == 0))
		{
			*code = i;
			return true;
		}
	}
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	(void) cm_fail(st, CM_INVALID, "\"%s\" is not a revocation reason", shown);
	return cm_fail_detail(st, "Reasons are unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, "
						  "cessationOfOperation, certificateHold, privilegeWithdrawn, aACompromise.");
}

/* ---- entries ---- */

void
cm_crl_begin(CmCrl *crl)
{
	cm_buf_init(&crl->list, ENTRIES_MAX);
	crl->count = 0;
	crl->head = crl->prefix + crl->issuer.len + HEAD_FIXED;
	if (cm_buf_reserve(&crl->list, crl->head))
		crl->list.len = crl->head;
}

void
cm_crl_free(CmCrl *crl)
{
	cm_buf_free(&crl->list);
	crl->count = 0;
}

static void
put_two(uint8_t **p, int value)
{
	*(*p)++ = (uint8_t) ('0' + value / 10);
	*(*p)++ = (uint8_t) ('0' + value % 10);
}

static void
put_time_of(uint8_t **p, int64_t t, bool generalized)
{
	CmCivil		c = cm_time_to_civil(t);

	*(*p)++ = generalized ? CM_DER_GENERALIZEDTIME : CM_DER_UTCTIME;
	*(*p)++ = generalized ? 15 : 13;
	if (generalized)
		put_two(p, c.year / 100);
	put_two(p, c.year % 100);
	put_two(p, c.month);
	put_two(p, c.day);
	put_two(p, c.hour);
	put_two(p, c.minute);
	put_two(p, c.second);
	*(*p)++ = 'Z';
}

/* By hand, as the general writer costs three times as much and there are a million of these. */
static void
put_time(uint8_t **p, int64_t t)
{
	put_time_of(p, t, t >= TIME_GENERALIZED);
}

static bool
check_entry(const CmCrl *crl, CmCrlEntry *entry, CmStatus *st)
{
	CmSlice    *serial = &entry->serial;

	while (serial->len > 0 && serial->data[0] == 0)
	{
		serial->data++;
		serial->len--;
	}
	if (serial->len == 0 || serial->len + (serial->data[0] >> 7) > SERIAL_MAX)
		return cm_fail(st, CM_INVALID, "serial number of a revoked certificate is not valid");
	if (entry->revoked_at < TIME_FIRST || entry->revoked_at > TIME_LAST)
		return cm_fail(st, CM_INVALID, "time of a revocation lies outside the years 1950 to 9999");
	if (entry->has_invalidity && (entry->invalid_since < TIME_FIRST || entry->invalid_since > TIME_LAST))
		return cm_fail(st, CM_INVALID, "invalidity date lies outside the years 1950 to 9999");
	if (cm_crl_reason_name(entry->reason) == NULL && !(entry->reason == REASON_REMOVE && crl->delta))
		return cm_fail(st, CM_INVALID, "%d is not a revocation reason", entry->reason);
	return true;
}

/* Extensions { Extension { reasonCode, OCTET STRING { ENUMERATED } }, Extension { invalidityDate, OCTET STRING { GeneralizedTime } } } */
static void
put_entry_extensions(uint8_t **p, const CmCrlEntry *entry)
{
	static const uint8_t reason_extension[] = {0x30, 10, 0x06, 3, 0x55, 0x1d, 21, 0x04, 3, 0x0a, 1};
	static const uint8_t invalidity_extension[] = {0x30, 24, 0x06, 3, 0x55, 0x1d, 24, 0x04, 17};
	uint8_t    *list = *p;

	if (entry->reason == 0 && !entry->has_invalidity)
		return;
	*p += 2;
	if (entry->reason != 0)
	{
		memcpy(*p, reason_extension, sizeof(reason_extension));
		*p += sizeof(reason_extension);
		*(*p)++ = (uint8_t) entry->reason;
	}
	if (entry->has_invalidity)
	{
		memcpy(*p, invalidity_extension, sizeof(invalidity_extension));
		*p += sizeof(invalidity_extension);
		put_time_of(p, entry->invalid_since, true);
	}
	list[0] = CM_DER_SEQUENCE;
	list[1] = (uint8_t) (*p - list - 2);
}

/* Returns its length. */
static size_t
put_entry(uint8_t *out, const CmCrlEntry *entry)
{
	uint8_t    *p = out + 2;
	bool		sign = (entry->serial.data[0] & 0x80) != 0;

	*p++ = CM_DER_INTEGER;
	*p++ = (uint8_t) (entry->serial.len + (sign ? 1 : 0));
	if (sign)
		*p++ = 0;
	memcpy(p, entry->serial.data, entry->serial.len);
	p += entry->serial.len;
	put_time(&p, entry->revoked_at);
	put_entry_extensions(&p, entry);
	out[0] = CM_DER_SEQUENCE;
	out[1] = (uint8_t) (p - out - 2);
	return (size_t) (p - out);
}

bool
cm_crl_add(CmCrl *crl, CmCrlEntry entry, CmStatus *st)
{
	uint8_t		bytes[ENTRY_MAX];
	size_t		len;

	if (!check_entry(crl, &entry, st))
		return false;
	len = put_entry(bytes, &entry);
	for (CmCrlBase *b = crl->base != NULL ? crl->base->newer : NULL; b != NULL; b = b->newer)
		(void) cm_crl_base_has(b, entry.serial, cm_slice(bytes, len));
	if (crl->base != NULL && cm_crl_base_has(crl->base, entry.serial, cm_slice(bytes, len)))
		return true;
	if (!cm_buf_append(&crl->list, bytes, len))
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	crl->count++;
	return true;
}

/* ---- the whole ---- */

static bool
check_names(CmSlice names, CmStatus *st)
{
	CmDer		name;

	while (names.len > 0)
	{
		if (!cm_der_next(&names, &name) || (name.tag & 0xc0) != 0x80)
			return cm_fail(st, CM_INVALID, "distribution point of a CRL is not made of GeneralNames");
	}
	return true;
}

static bool
check_frame(const CmCrl *crl, const CmKey *issuer, CmStatus *st)
{
	CmSlice		rest = crl->issuer;
	CmDer		name;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &name) || rest.len != 0 || name.content.len == 0)
		return cm_fail(st, CM_INVALID, "issuer is not a distinguished name");
	if (crl->authority_key_id.len == 0 || crl->authority_key_id.len > KEY_ID_MAX)
		return cm_fail(st, CM_INVALID, "CRL needs the key identifier of its issuer, 1 to %d octets", KEY_ID_MAX);
	if (crl->this_update < TIME_FIRST || crl->next_update > TIME_LAST)
		return cm_fail(st, CM_INVALID, "times of the CRL lie outside the years 1950 to 9999");
	if (crl->this_update >= crl->next_update)
		return cm_fail(st, CM_INVALID, "CRL would end before it begins");
	if (crl->delta && crl->base_number > crl->number)
		return cm_fail(st, CM_INVALID, "delta CRL would be older than its base");
	if (crl->only_ca && crl->only_user)
		return cm_fail(st, CM_INVALID, "CRL would be of CA certificates alone and of end entities alone");
	if (!check_names(crl->distribution_point, st) || !check_names(crl->freshest, st))
		return false;
	if (cm_sign_algorithm(crl->issuer_alg).len == 0)
		return cm_fail(st, CM_UNSUPPORTED, "issuer's key algorithm cannot sign CRLs");
	if (cm_key_alg(issuer) != crl->issuer_alg)
	{
		(void) cm_fail(st, CM_MISMATCH, "CRL names another signature algorithm than the issuer's key has");
		return cm_fail_detail(st, "The CRL is for a key %s, the key is %s.", cm_key_alg_name(crl->issuer_alg),
							  cm_key_alg_name(cm_key_alg(issuer)));
	}
	if (crl->list.failed)
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	return true;
}

typedef struct Extension
{
	size_t		outer;
	size_t		value;
} Extension;

/* last: the last octet of the OID 2.5.29.last. */
static Extension
open_extension(CmBuf *out, uint8_t last, bool critical)
{
	const uint8_t oid[] = {0x55, 0x1d, last};
	Extension	ext;

	ext.outer = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put(out, CM_DER_OID, oid, sizeof(oid));
	if (critical)
		cm_der_put_bool(out, true);
	ext.value = cm_der_open(out, CM_DER_OCTET_STRING);
	return ext;
}

static void
close_extension(CmBuf *out, Extension ext)
{
	cm_der_close(out, ext.value);
	cm_der_close(out, ext.outer);
}

/* distributionPoint [0] { fullName [0] GeneralNames }, of IssuingDistributionPoint and of DistributionPoint alike. */
static void
put_point_name(CmBuf *out, CmSlice names)
{
	size_t		name = cm_der_open(out, CM_DER_CONTEXT_CONS(0));

	cm_der_put_slice(out, CM_DER_CONTEXT_CONS(0), names);
	cm_der_close(out, name);
}

static void
put_numbers(CmBuf *out, const CmCrl *crl)
{
	Extension	ext;
	size_t		seq;

	ext = open_extension(out, 35, false);	/* authorityKeyIdentifier */
	seq = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_slice(out, CM_DER_CONTEXT(0), crl->authority_key_id);
	cm_der_close(out, seq);
	close_extension(out, ext);

	ext = open_extension(out, 20, false);	/* cRLNumber */
	cm_der_put_uint(out, crl->number);
	close_extension(out, ext);

	if (!crl->delta)
		return;
	ext = open_extension(out, 27, true);	/* deltaCRLIndicator */
	cm_der_put_uint(out, crl->base_number);
	close_extension(out, ext);
}

static void
put_points(CmBuf *out, const CmCrl *crl)
{
	Extension	ext;
	size_t		seq;
	size_t		point;

	if (crl->distribution_point.len > 0 || crl->only_user || crl->only_ca)
	{
		ext = open_extension(out, 28, true);	/* issuingDistributionPoint */
		seq = cm_der_open(out, CM_DER_SEQUENCE);
		if (crl->distribution_point.len > 0)
			put_point_name(out, crl->distribution_point);
		if (crl->only_user)
			cm_der_put(out, CM_DER_CONTEXT(1), "\xff", 1);
		if (crl->only_ca)
			cm_der_put(out, CM_DER_CONTEXT(2), "\xff", 1);
		cm_der_close(out, seq);
		close_extension(out, ext);
	}
	/* RFC 5280 5.2.6: not in a delta. */
	if (crl->freshest.len > 0 && !crl->delta)
	{
		ext = open_extension(out, 46, false);	/* freshestCRL */
		seq = cm_der_open(out, CM_DER_SEQUENCE);
		point = cm_der_open(out, CM_DER_SEQUENCE);
		put_point_name(out, crl->freshest);
		cm_der_close(out, point);
		cm_der_close(out, seq);
		close_extension(out, ext);
	}
}

static void
put_extensions(CmBuf *out, const CmCrl *crl)
{
	size_t		tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	size_t		list = cm_der_open(out, CM_DER_SEQUENCE);

	put_numbers(out, crl);
	put_points(out, crl);
	cm_der_close(out, list);
	cm_der_close(out, tagged);
}

static size_t
put_header(uint8_t *out, uint8_t tag, size_t len)
{
	size_t		octets = 0;
	size_t		rest;

	out[0] = tag;
	if (len < 0x80)
	{
		out[1] = (uint8_t) len;
		return 2;
	}
	for (rest = len; rest > 0; rest >>= 8)
		octets++;
	out[1] = (uint8_t) (0x80 | octets);
	for (rest = 0; rest < octets; rest++)
		out[2 + rest] = (uint8_t) (len >> 8 * (octets - 1 - rest));
	return 2 + octets;
}

/* What stands between the header of the TBS and the first entry; entries: their length. */
static void
put_head(CmBuf *out, const CmCrl *crl, CmSlice algorithm, size_t entries)
{
	static const uint8_t version_2[] = {0x02, 1, 1};
	uint8_t		header[16];

	cm_buf_append(out, version_2, sizeof(version_2));
	cm_buf_append(out, algorithm.data, algorithm.len);
	cm_buf_append(out, crl->issuer.data, crl->issuer.len);
	cm_der_put_time(out, crl->this_update);
	cm_der_put_time(out, crl->next_update);
	/* RFC 5280 5.1.2.6: an empty list must be absent. */
	if (entries > 0)
		cm_buf_append(out, header, put_header(header, CM_DER_SEQUENCE, entries));
}

/* Completes the TBS around the entries; *start is where it begins. False when memory is short. */
static bool
finish_tbs(CmCrl *crl, CmSlice algorithm, size_t *start)
{
	CmBuf	   *list = &crl->list;
	size_t		entries = list->len - crl->head;
	uint8_t		header[16];
	size_t		len;
	CmBuf		head;
	bool		ok;

	put_extensions(list, crl);
	cm_buf_init(&head, 0);
	put_head(&head, crl, algorithm, entries);
	len = put_header(header, CM_DER_SEQUENCE, head.len + (list->len - crl->head));
	ok = !head.failed && !list->failed && crl->prefix + len + head.len <= crl->head;
	if (ok)
	{
		*start = crl->head - head.len - len;
		memcpy(list->data + *start, header, len);
		memcpy(list->data + *start + len, head.data, head.len);
	}
	cm_buf_free(&head);
	return ok;
}

/* Signs what lies behind start and closes the whole; *start moves to its first octet. */
static bool
sign_list(CmCrl *crl, const CmKey *issuer, size_t *start, CmStatus *st)
{
	CmBuf	   *list = &crl->list;
	CmSlice		algorithm = cm_key_sign_algorithm(issuer);
	uint8_t		header[16];
	size_t		signature;
	size_t		len;
	CmBuf		bits;
	bool		ok;

	/* Not signed into the list itself: the message lies there, and it may move. */
	cm_buf_init(&bits, 0);
	ok = cm_sign(issuer, cm_slice(list->data + *start, list->len - *start), &bits, st);
	if (ok)
	{
		cm_buf_append(list, algorithm.data, algorithm.len);
		signature = cm_der_open(list, CM_DER_BIT_STRING);
		cm_buf_append_byte(list, 0);	/* no unused bits */
		cm_buf_append(list, bits.data, bits.len);
		cm_der_close(list, signature);
		len = put_header(header, CM_DER_SEQUENCE, list->len - *start);
		if (list->failed || *start < crl->prefix + len)
			ok = cm_fail(st, CM_LIMIT, "CRL would be too large");
		else
		{
			*start -= len;
			memcpy(list->data + *start, header, len);
		}
	}
	cm_buf_free(&bits);
	return ok;
}

bool
cm_crl_finish(CmCrl *crl, const CmKey *issuer, CmBuf *der, CmStatus *st)
{
	size_t		start;

	if (!check_frame(crl, issuer, st))
		return false;
	if (!finish_tbs(crl, cm_key_sign_algorithm(issuer), &start))
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	if (!sign_list(crl, issuer, &start, st))
		return false;
	/* The list itself is handed over, moved to where the caller's prefix ends. */
	memmove(crl->list.data + crl->prefix, crl->list.data + start, crl->list.len - start);
	crl->list.len -= start - crl->prefix;
	cm_buf_free(der);
	*der = crl->list;
	cm_buf_init(&crl->list, ENTRIES_MAX);
	return true;
}
