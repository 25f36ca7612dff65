/*
 * crl.c - certificate revocation lists (RFC 5280 5), written as a stream.
 *
 * Runs in the worker (publication) and in backends (certmgr.crl). An entry is
 * some 35 to 50 octets in one growing buffer: a million of them need no more
 * than the list itself, twice while it is put together. What may fail: input
 * that RFC 5280 forbids, a list larger than the caller's buffer or than
 * ENTRIES_MAX (CM_LIMIT), memory, the signature.
 *
 * The caller gives each serial once, in any order; nothing here looks for one
 * that was given before.
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

/* Header, INTEGER of 20 octets and a sign, GeneralizedTime, reason extension: fits the short form of length. */
#define ENTRY_MAX 64

#define REASON_COUNT 11

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
	cm_buf_init(&crl->entries, ENTRIES_MAX);
	crl->count = 0;
}

void
cm_crl_free(CmCrl *crl)
{
	cm_buf_free(&crl->entries);
	crl->count = 0;
}

static void
put_two(uint8_t **p, int value)
{
	*(*p)++ = (uint8_t) ('0' + value / 10);
	*(*p)++ = (uint8_t) ('0' + value % 10);
}

/* By hand, as the general writer costs three times as much and there are a million of these. */
static void
put_time(uint8_t **p, int64_t t)
{
	int			year;
	int			f[5];			/* month, day, hour, minute, second */
	int			i;

	cm_time_to_civil(t, &year, &f[0], &f[1], &f[2], &f[3], &f[4]);
	*(*p)++ = t < TIME_GENERALIZED ? CM_DER_UTCTIME : CM_DER_GENERALIZEDTIME;
	*(*p)++ = t < TIME_GENERALIZED ? 13 : 15;
	if (t >= TIME_GENERALIZED)
		put_two(p, year / 100);
	put_two(p, year % 100);
	for (i = 0; i < 5; i++)
		put_two(p, f[i]);
	*(*p)++ = 'Z';
}

static bool
check_entry(CmSlice *serial, int64_t revoked_at, int reason, CmStatus *st)
{
	while (serial->len > 0 && serial->data[0] == 0)
	{
		serial->data++;
		serial->len--;
	}
	if (serial->len == 0 || serial->len + (serial->data[0] >> 7) > SERIAL_MAX)
		return cm_fail(st, CM_INVALID, "serial number of a revoked certificate is not valid");
	if (revoked_at < TIME_FIRST || revoked_at > TIME_LAST)
		return cm_fail(st, CM_INVALID, "time of a revocation lies outside the years 1950 to 9999");
	if (cm_crl_reason_name(reason) == NULL)
		return cm_fail(st, CM_INVALID, "%d is not a revocation reason", reason);
	return true;
}

bool
cm_crl_add(CmCrl *crl, CmSlice serial, int64_t revoked_at, int reason, CmStatus *st)
{
	/* Extensions { Extension { reasonCode, OCTET STRING { ENUMERATED } } }, up to the code itself. */
	static const uint8_t reason_extension[] = {
		0x30, 12, 0x30, 10, 0x06, 3, 0x55, 0x1d, 21, 0x04, 3, 0x0a, 1
	};
	uint8_t		entry[ENTRY_MAX];
	uint8_t    *p = entry + 2;
	bool		sign;

	if (!check_entry(&serial, revoked_at, reason, st))
		return false;

	sign = (serial.data[0] & 0x80) != 0;
	*p++ = CM_DER_INTEGER;
	*p++ = (uint8_t) (serial.len + (sign ? 1 : 0));
	if (sign)
		*p++ = 0;
	memcpy(p, serial.data, serial.len);
	p += serial.len;
	put_time(&p, revoked_at);
	if (reason != 0)
	{
		memcpy(p, reason_extension, sizeof(reason_extension));
		p += sizeof(reason_extension);
		*p++ = (uint8_t) reason;
	}
	entry[0] = CM_DER_SEQUENCE;
	entry[1] = (uint8_t) (p - entry - 2);

	if (!cm_buf_append(&crl->entries, entry, (size_t) (p - entry)))
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	crl->count++;
	return true;
}

/* ---- the whole ---- */

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
	if (cm_sign_algorithm(crl->issuer_alg).len == 0)
		return cm_fail(st, CM_UNSUPPORTED, "issuer's key algorithm cannot sign CRLs");
	if (cm_key_alg(issuer) != crl->issuer_alg)
	{
		(void) cm_fail(st, CM_MISMATCH, "CRL names another signature algorithm than the issuer's key has");
		return cm_fail_detail(st, "The CRL is for a key %s, the key is %s.", cm_key_alg_name(crl->issuer_alg),
							  cm_key_alg_name(cm_key_alg(issuer)));
	}
	if (crl->entries.failed)
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	return true;
}

static void
put_extensions(CmBuf *out, const CmCrl *crl)
{
	static const uint8_t oid_authority_key_id[] = {0x06, 3, 0x55, 0x1d, 35};
	static const uint8_t oid_crl_number[] = {0x06, 3, 0x55, 0x1d, 20};
	size_t		tagged = cm_der_open(out, CM_DER_CONTEXT_CONS(0));
	size_t		list = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		ext;
	size_t		value;
	size_t		seq;

	ext = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, oid_authority_key_id, sizeof(oid_authority_key_id));
	value = cm_der_open(out, CM_DER_OCTET_STRING);
	seq = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_slice(out, CM_DER_CONTEXT(0), crl->authority_key_id);
	cm_der_close(out, seq);
	cm_der_close(out, value);
	cm_der_close(out, ext);

	ext = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, oid_crl_number, sizeof(oid_crl_number));
	value = cm_der_open(out, CM_DER_OCTET_STRING);
	cm_der_put_uint(out, crl->number);
	cm_der_close(out, value);
	cm_der_close(out, ext);

	cm_der_close(out, list);
	cm_der_close(out, tagged);
}

/* TBSCertList, appended to out. The entries are given back as soon as they are copied. */
static void
put_tbs(CmBuf *out, CmCrl *crl, CmSlice algorithm)
{
	static const uint8_t version_2[] = {0x02, 1, 1};
	size_t		tbs = cm_der_open(out, CM_DER_SEQUENCE);

	cm_buf_append(out, version_2, sizeof(version_2));
	cm_buf_append(out, algorithm.data, algorithm.len);
	cm_buf_append(out, crl->issuer.data, crl->issuer.len);
	cm_der_put_time(out, crl->this_update);
	cm_der_put_time(out, crl->next_update);
	/* RFC 5280 5.1.2.6: an empty list must be absent. */
	if (crl->entries.len > 0)
		cm_der_put(out, CM_DER_SEQUENCE, crl->entries.data, crl->entries.len);
	cm_buf_free(&crl->entries);
	put_extensions(out, crl);
	cm_der_close(out, tbs);
}

bool
cm_crl_finish(CmCrl *crl, const CmKey *issuer, CmBuf *der, CmStatus *st)
{
	/* The frame and the largest signature (RSA-4096) with room to spare: the list is not moved while it is closed. */
	const size_t frame = 2048;
	CmSlice		algorithm = cm_key_sign_algorithm(issuer);
	size_t		start = der->len;
	size_t		outer;
	size_t		signature;
	size_t		tbs;

	if (!check_frame(crl, issuer, st))
		return false;
	if (!cm_buf_reserve(der, crl->entries.len + crl->issuer.len + frame))
	{
		der->len = start;
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	}

	outer = cm_der_open(der, CM_DER_SEQUENCE);
	tbs = der->len;
	put_tbs(der, crl, algorithm);
	if (!der->failed)
	{
		CmSlice		message = cm_slice(der->data + tbs, der->len - tbs);
		CmBuf		bits;
		bool		ok;

		/* Not signed into der itself: the message lies there, and der may move. */
		cm_buf_init(&bits, 0);
		ok = cm_sign(issuer, message, &bits, st);
		if (ok)
		{
			cm_buf_append(der, algorithm.data, algorithm.len);
			signature = cm_der_open(der, CM_DER_BIT_STRING);
			cm_buf_append_byte(der, 0);	/* no unused bits */
			cm_buf_append(der, bits.data, bits.len);
			cm_der_close(der, signature);
			cm_der_close(der, outer);
		}
		cm_buf_free(&bits);
		if (!ok)
		{
			der->len = start;
			return false;
		}
	}
	if (der->failed)
	{
		der->len = start;
		return cm_fail(st, CM_LIMIT, "CRL would be too large");
	}
	return true;
}
