/*
 * acme_again.c - orders that are made anew in another way: with another key,
 * because the CA does not take the first one, or without the names that it
 * refuses (RFC 8555 6.7.1), where the subscriber wants that. Engines only, in
 * a transaction; the rows of order, certificate and body change together, so
 * that the new CSR is durable before its order is asked for (law L3).
 */
#include "postgres.h"

#include "base/host.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/subject_key.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "store/audit.h"
#include "utils/timestamp.h"
#include "x509/csr.h"
#include "x509/san.h"

static const char *
san_of(const char *identifier)
{
	uint8_t		address[16];
	size_t		len;

	return psprintf("%s%s", cm_address_parse(identifier, address, &len) ? "IP:" : "DNS:", identifier);
}

/* Throws. */
static CmSlice
csr_for(const CmKey *key, char *const *identifiers, int count)
{
	CmBuf	   *sans = cm_own_buf(0);
	CmBuf	   *csr = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	for (int i = 0; i < count; i++)
	{
		if (!cm_san_parse(san_of(identifiers[i]), sans, &st))
			cm_throw(&st, NULL);
	}
	if (!cm_csr_build(key, cm_slice("\x30\x00", 2), cm_slice(sans->data, sans->len), false, -1, csr, &st))
		cm_throw(&st, NULL);
	return cm_slice(csr->data, csr->len);
}

static CmKeyAlg
alg_of(const CmAcmeCertificateKey *key)
{
	CmKeyAlg	alg;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_key_alg_parse(key->algorithm, &alg, &st))
		cm_throw(&st, NULL);
	return alg;
}

/* The order is over; another one for these names is asked for at once. */
static CmFate
order_again(CmWork *work, char *const *identifiers, int count, const char *problem)
{
	int64		id;

	cm_order_end(work, problem, false);
	id = cm_acme_order_again(work->order, identifiers, count);
	cm_job_put("acme_order", id, GetCurrentTimestamp());
	return cm_work_finish(work);
}

/* ---- another key ---- */

/* Kept where the CA's own document is too long to be kept: by this row a second refusal is known. */
#define BAD_KEY "{\"type\": \"urn:ietf:params:acme:error:badPublicKey\"}"

CmFate
cm_order_other_key(CmWork *work, CmOp *op)
{
	CmAcmeOrderRow *order = work->order;
	const char *words = cm_reply_words(&op->reply);
	const char *problem = cm_reply_problem(&op->reply);
	CmAcmeCertificateKey old;
	CmSubjectKey new = {0};

	if (!cm_acme_certificate_key(order->certificate_id, &old) || old.sealed.len == 0)
		return cm_order_failed(work, psprintf("the CA does not take the key of the request: %s; SELECT certmgr.issue(NAME, csr => '...') with a request for another key", words), problem, false);
	if (old.reused)
		return cm_order_failed(work, psprintf("the CA does not take the key that was to be used again: %s; SELECT certmgr.renew(%lld)", words, (long long) order->renewed_from), problem, false);
	/* Two keys made here are not both weak: it is the kind of key that the CA does not like. */
	if (cm_acme_order_key_refused(order->certificate_id))
		return cm_order_failed(work, psprintf("the CA does not take keys of this kind, %s: %s", old.algorithm, words), problem, false);
	cm_subject_key_create(alg_of(&old), order->certificate_id, true, &new);
	cm_acme_certificate_set_key(order->certificate_id, csr_for(new.key, order->identifiers, order->identifier_count), new.spki, new.sealed);
	cm_audit("worker", "new-key", "certificate", order->certificate_id, NULL);
	cm_acme_certificate_message(order->certificate_id, psprintf("the CA does not take the key: %s; ordered again with a new one", words));
	return order_again(work, order->identifiers, order->identifier_count, problem != NULL ? problem : BAD_KEY);
}

/* ---- without some names ---- */

void
cm_left_out_add(CmLeftOut *out, const char *name, const char *reason)
{
	for (int i = 0; i < out->count; i++)
	{
		if (pg_strcasecmp(out->names[i], name) == 0)
			return;
	}
	if (out->count == CM_ACME_MAX_IDENTIFIERS)
		return;
	out->names[out->count] = pstrdup(name);
	out->reasons[out->count++] = pstrdup(reason);
}

void
cm_left_out_of_problem(CmLeftOut *out, const char *json, size_t len)
{
	CmAcmeSubproblem *subs = palloc(sizeof(CmAcmeSubproblem) * CM_ACME_MAX_IDENTIFIERS);
	int			count = cm_acme_subproblems(cm_slice(json, len), subs, CM_ACME_MAX_IDENTIFIERS);

	for (int i = 0; i < count; i++)
		cm_left_out_add(out, subs[i].identifier, subs[i].words);
}

static bool
is_left_out(const CmLeftOut *out, const char *name)
{
	for (int i = 0; i < out->count; i++)
	{
		if (pg_strcasecmp(out->names[i], name) == 0)
			return true;
	}
	return false;
}

/* The new CSR by the same key, and what the row says from now on. */
static void
narrow(CmAcmeOrderRow *order, const CmAcmeCertificateKey *key, const CmLeftOut *left, char **rest, int count)
{
	CmOwn	   *own = cm_subject_key_open(key->sealed, key->spki, alg_of(key), order->certificate_id);
	CmSlice		csr = csr_for(own->object, rest, count);
	char	  **sans = palloc(sizeof(char *) * count);
	StringInfoData words;

	cm_own_release(own);
	initStringInfo(&words);
	for (int i = 0; i < count; i++)
		sans[i] = unconstify(char *, san_of(rest[i]));
	/* A hundred names may fail for one reason: the first ones tell it. */
	for (int i = 0; i < left->count && words.len < 1000; i++)
		appendStringInfo(&words, "%s%s (%s)", i > 0 ? ", " : "ordered again without ", left->names[i], left->reasons[i]);
	cm_acme_certificate_set_key(order->certificate_id, csr, key->spki, key->sealed);
	cm_acme_certificate_leave_out(order->certificate_id, sans, count, left->names, left->reasons, left->count);
	cm_acme_certificate_message(order->certificate_id, words.data);
	cm_audit("worker", "leave-out", "certificate", order->certificate_id, NULL);
}

bool
cm_order_without(CmWork *work, const CmLeftOut *refused, const char *problem, CmFate *fate)
{
	CmAcmeOrderRow *order = work->order;
	char	  **rest = palloc(sizeof(char *) * Max(order->identifier_count, 1));
	CmLeftOut	left = {0};
	CmAcmeCertificateKey key;
	int			count = 0;

	if (!order->partial_issue)
		return false;
	for (int i = 0; i < order->identifier_count; i++)
	{
		if (!is_left_out(refused, order->identifiers[i]))
			rest[count++] = order->identifiers[i];
	}
	for (int i = 0; i < refused->count; i++)
	{
		for (int j = 0; j < order->identifier_count; j++)
		{
			if (pg_strcasecmp(refused->names[i], order->identifiers[j]) == 0)
				cm_left_out_add(&left, refused->names[i], refused->reasons[i]);
		}
	}
	/* A request that somebody brought names what it names. */
	if (left.count == 0 || count == 0 || !cm_acme_certificate_key(order->certificate_id, &key) || key.sealed.len == 0)
		return false;
	narrow(order, &key, &left, rest, count);
	*fate = order_again(work, rest, count, problem);
	return true;
}
