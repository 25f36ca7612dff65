/*
 * acme_issued.c - what an external CA sent as our certificate: ordered,
 * checked against key, names and time (law L6) and, where the CA has
 * chain_anchors, up to one of them; stored. And renewals that failed. Engines only, in a transaction.
 */
#include "postgres.h"

#include "crypto/digest.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/foreign.h"
#include "lifecycle/notify.h"
#include "lifecycle/texts.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "store/audit.h"
#include "store/certificate.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/chain.h"
#include "x509/name.h"
#include "x509/policy.h"
#include "x509/san.h"

#define CHAIN_MAX 10			/* certificates in an answer: real chains have two to four */
#define DAY INT64CONST(86400)
/* CAs antedate by an hour or so; private ones issue for years (Pebble: five). */
#define ANTEDATE_MAX (30 * DAY)
#define LIFETIME_MAX (10 * 366 * DAY)

static bool
check(const CmAcmeOrderRow *order, CmSlice spki, const CmCertificate *cert, CmAcmeIssued *out, CmStatus *st)
{
	const CmTemplateEntry *t = NULL;
	bool		refused;
	CmBuf	   *sans = cm_own_buf(0);
	int64		now = (int64) timestamptz_to_time_t(GetCurrentTimestamp());
	CmPolicy	policy = {0};
	int64		template_id;

	for (int i = 0; i < order->identifier_count; i++)
	{
		/* A name, or an address. */
		if (!cm_san_parse(order->identifiers[i], sans, st))
			return false;
	}
	policy.holder = "this order";
	policy.check_sans = true;
	policy.sans = cm_slice(sans->data, sans->len);
	policy.all_sans = true;
	policy.any_usage = true;
	policy.max_path_length = -1;
	policy.not_before = now - ANTEDATE_MAX;
	policy.not_after = now + LIFETIME_MAX;
	policy.spki = spki;
	policy.foreign = true;
	template_id = cm_template_of_certificate(order->certificate_id);
	if (template_id != 0)
	{
		t = cm_template_get(template_id);
		policy.template = &t->rules;
	}
	if (!cm_policy_check(cert->tbs, &policy, st))
		return false;
	if (cert->not_after <= now)
		return cm_fail(st, CM_POLICY, "the certificate has expired already");
	out->message = cm_foreign_judge(t, cert, NULL, &refused);
	if (!refused)
		return true;
	cm_fail(st, CM_POLICY, "certificate is not allowed for %s", policy.holder);
	return cm_fail_detail(st, "Template \"%s\": %s", t->name, out->message);
}

/* A tenth of what was asked for, at least a minute (clocks) and at most two hours: CAs antedate by one, and count from there. */
static TimestampTz
tolerance(TimestampTz us)
{
	return Min(Max(us / 10, 60 * USECS_PER_SEC), 2 * SECS_PER_HOUR * USECS_PER_SEC);
}

/* Times that were asked for and that the CA passed over without a word; NULL: none. The order's end was counted from some moment between its making and now. */
static char *
unheeded(const CmAcmeOrderRow *order, const CmCertificate *cert)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz earliest = Max(order->created_at, order->not_before);
	TimestampTz latest = Max(now, order->not_before);
	TimestampTz begin = time_t_to_timestamptz((pg_time_t) cert->not_before);
	TimestampTz end = time_t_to_timestamptz((pg_time_t) cert->not_after);
	char	   *words = NULL;

	if (order->has_lifetime)
	{
		TimestampTz first = cm_timestamp_plus(earliest, &order->lifetime);
		TimestampTz slack = tolerance(first - earliest);

		if (end < first - slack || end > cm_timestamp_plus(latest, &order->lifetime) + slack)
			words = psprintf("the CA did not heed the lifetime that was asked for, %s",
							 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&order->lifetime))));
	}
	/* One that comes after its time was not asked to wait for it. */
	if (order->not_before > now && begin < order->not_before - Min(tolerance(order->not_before - now), (order->not_before - now) / 2))
		words = psprintf("%s%sthe CA did not heed not_before, %s", words != NULL ? words : "", words != NULL ? "; " : "", timestamptz_to_str(order->not_before));
	return words;
}

/* What people should know of it: the order's, the CA's, the template's. */
static char *
remarks(const CmAcmeOrderRow *order, const CmCertificate *cert, const char *judged)
{
	const char *parts[] = {order->note, unheeded(order, cert), judged};
	StringInfoData words;

	initStringInfo(&words);
	for (int i = 0; i < lengthof(parts); i++)
	{
		if (parts[i] != NULL)
			appendStringInfo(&words, "%s%s", words.len > 0 ? "; " : "", parts[i]);
	}
	return words.len > 0 ? words.data : NULL;
}

/* A certificate rests at least this long before it is renewed: ten seconds. */
#define RENEW_MIN (10 * USECS_PER_SEC)

/* One third of the lifetime before its end, or as the subscriber says; up to 2 % earlier, so that those issued together are not renewed together. */
static TimestampTz
renewal_time(const CmAcmeOrderRow *order, const CmCertificate *cert)
{
	int64		lifetime = cert->not_after - cert->not_before;
	int64		before;
	TimestampTz at;

	if (order->subscriber_id == 0 || !cm_acme_certificate_renews(order->subscriber_id, &before))
		return 0;
	if (before <= 0 || before >= lifetime)
		before = lifetime / 3;
	at = time_t_to_timestamptz((pg_time_t) (cert->not_after - before)) - (int64) (cm_jitter(0, 0.02) * lifetime * USECS_PER_SEC);
	/* Whatever the subscriber says, not in the moment it was issued. */
	return Max(at, GetCurrentTimestamp() + RENEW_MIN);
}

static bool
describe(const CmAcmeOrderRow *order, const CmCertificate *cert, CmAcmeIssued *out, CmStatus *st)
{
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *sans = cm_own_buf(0);
	CmSlice		serial = cert->serial;
	uint8	   *digest = palloc(32);

	if (!cm_name_format(cert->subject, subject, st) || !cm_san_canonical(cert->sans, sans, st))
		return false;
	out->sans = cm_san_texts_try(cm_buf_slice(sans), &out->san_count, st);
	if (out->sans == NULL)
		return false;
	if (serial.len > 1 && serial.data[0] == 0)	/* the sign byte */
		serial = cm_slice(serial.data + 1, serial.len - 1);
	if (!cm_sha256(cert->der, digest))
		return cm_fail_crypto(st, "could not compute a digest");
	out->serial = serial;
	out->subject = pstrdup(cm_buf_cstr(subject));
	out->usages = cm_usage_texts(cert->key_usage, cert->ext_key_usage, &out->usage_count);
	out->not_before = time_t_to_timestamptz((pg_time_t) cert->not_before);
	out->not_after = time_t_to_timestamptz((pg_time_t) cert->not_after);
	out->renew_at = renewal_time(order, cert);
	out->der = cert->der;
	out->fingerprint = cm_slice(digest, 32);
	return true;
}

/* Foreign certificates in the answer are passed over; two different ones for our key are somebody's mistake, and which is meant is not guessed. */
static bool
check_one_leaf(CmSlice ders, CmSlice spki, CmStatus *st)
{
	CmSlice		first = {0};
	CmCertificate cert;
	CmDer		der;

	while (cm_der_next(&ders, &der))
	{
		if (!cm_certificate_parse(der.whole, &cert, st))
			return false;
		if (!cm_slice_equal(cert.spki, spki))
			continue;
		if (first.len > 0 && !cm_slice_equal(first, der.whole))
			return cm_fail(st, CM_MISMATCH, "the chain has two certificates for our key");
		first = der.whole;
	}
	return true;
}

/* Where the CA's configuration has anchors for its chains, one of them must end this one. */
static bool
check_anchored(const char *ca_config, CmSlice chain, const CmCertificate *leaf, CmStatus *st)
{
	CmStatus	ignored = CM_STATUS_INIT;
	CmJson	   *config = cm_json_config(ca_config, &ignored);
	const char *anchors = cm_json_get_string(config, "chain_anchors");
	int64		now = (int64) timestamptz_to_time_t(GetCurrentTimestamp());
	CmBuf	   *name = cm_own_buf(0);
	CmCertificate last = *leaf;
	CmStatus	why = CM_STATUS_INIT;
	CmSlice		rest = chain;
	CmDer		der;

	/* A clock that is behind the CA's is no fault of the chain. */
	if (anchors == NULL || cm_chain_verify(chain, cm_slice(anchors, strlen(anchors)), Max(now, leaf->not_before), &why))
		return true;
	while (cm_der_next(&rest, &der))
	{
		if (!cm_certificate_parse(der.whole, &last, st))
			return false;
	}
	if (!cm_name_format(last.issuer, name, st))
		return false;
	cm_fail(st, why.code, "%s", why.reason);
	return cm_fail_detail(st, "The chain ends at issuer \"%.200s\", which no chain_anchors of the CA lead to. %s", cm_buf_cstr(name), why.detail);
}

/* Nobody is given it, but it exists: whoever looks for it, or wants it revoked, finds it. */
static void
keep_refused(const CmAcmeOrderRow *order, const CmCertificate *cert, CmSlice chain, CmStatus *st)
{
	int64		id = cm_foreign_keep(cert, chain, order->ca_id,
									 psprintf("refused for certificate %lld: %s", (long long) order->certificate_id, cm_status_words(st)));
	char	   *detail = pstrdup(st->detail);

	cm_fail_detail(st, "%s%sIt is in the inventory as certificate %lld.", detail, detail[0] != '\0' ? " " : "", (long long) id);
}

/* Our certificate first, then what leads from it to a root. */
static bool
read_chain(CmSlice body, CmSlice spki, CmBuf *chain, size_t *leaf_len, CmCertificate *leaf, CmStatus *st)
{
	CmBuf	   *ders = cm_own_buf(0);
	int			count;

	return cm_certificates_from_text(body, CHAIN_MAX, ders, &count, st) &&
		check_one_leaf(cm_slice(ders->data, ders->len), spki, st) &&
		cm_chain_order(cm_slice(ders->data, ders->len), spki, chain, leaf_len, st) &&
		cm_certificate_parse(cm_slice(chain->data, *leaf_len), leaf, st);
}

bool
cm_acme_chain_ours(int64 certificate_id, CmSlice body)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate leaf;
	size_t		leaf_len;

	return read_chain(body, cm_acme_certificate_spki(certificate_id), cm_own_buf(0), &leaf_len, &leaf, &st);
}

bool
cm_acme_accept(CmAcmeOrderRow *order, const char *ca_config, CmSlice body, CmStatus *st)
{
	CmBuf	   *chain = cm_own_buf(0);
	CmSlice		spki = cm_acme_certificate_spki(order->certificate_id);
	CmAcmeIssued issued = {{0}};
	CmCertificate cert;
	size_t		leaf_len;

	if (!read_chain(body, spki, chain, &leaf_len, &cert, st))
		return false;
	issued.chain = cm_slice(chain->data + leaf_len, chain->len - leaf_len);
	if (!check(order, spki, &cert, &issued, st))
	{
		if (st->code == CM_POLICY)
			keep_refused(order, &cert, issued.chain, st);
		return false;
	}
	/* Whoever issued it: it is for our key and our names. */
	if (!check_anchored(ca_config, cm_slice(chain->data, chain->len), &cert, st))
	{
		keep_refused(order, &cert, issued.chain, st);
		return false;
	}
	issued.message = remarks(order, &cert, issued.message);
	if (!describe(order, &cert, &issued, st))
		return false;
	if (!cm_acme_certificate_issued(order->certificate_id, &issued))
		return cm_fail(st, CM_POLICY, "the certificate was cancelled meanwhile");
	cm_audit("worker", "issue", "certificate", order->certificate_id, NULL);
	return true;
}

void
cm_renewal_failed(int64 certificate_id, const char *message)
{
	static const int minutes[] = {1, 10, 100, 360, 1440};
	CmRenewalRow row;
	TimestampTz now = GetCurrentTimestamp();
	double		us;
	int64		before;

	/* Revoked, or not to be renewed by itself any more: or it would be due for ever. */
	if (!cm_renewal_get(certificate_id, &row) || row.subscriber_id == 0 || !cm_acme_certificate_renews(row.subscriber_id, &before))
	{
		cm_certificate_renewal_done(certificate_id);
		return;
	}
	us = minutes[Min(row.attempts, lengthof(minutes) - 1)] * 60.0 * USECS_PER_SEC * cm_jitter(0.8, 1.2);
	/* As long as it has not expired there is another attempt before it does. */
	if (row.not_after > now)
		us = Max(Min(us, (row.not_after - now) / 2.0), 5.0 * USECS_PER_SEC);
	cm_renewal_again(certificate_id, now + (int64) us,
					 psprintf("renewal failed: %s; next attempt at %s", message, cm_time_words(now + (int64) us)));
	if (row.attempts == 0)
		cm_notify("failed", certificate_id, row.subscriber_id);
}
