/*
 * ocsp.c - answering OCSP requests (RFC 6960): who signs is kept by each
 * session, the status is read from the certificate's row in the caller's
 * snapshot, an answer without a nonce may have been signed before.
 *
 * Runs in backends, also on a standby, as whoever calls; only loading a signer
 * and keeping an answer are done as certmgr_owner. Locks nothing that somebody
 * would wait for. What fails while a signer is loaded (no master key) is told
 * as tryLater and logged, not thrown.
 */
#include "postgres.h"

#include "lifecycle/master_key.h"
#include "lifecycle/ocsp.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/table_watch.h"
#include "pg/tx.h"
#include "store/key.h"
#include "store/ocsp.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/ocsp.h"
#include "x509/tbs.h"

/* A signer that could not be loaded, or is not made yet, is looked for again after this time. */
#define RETRY_US (5 * USECS_PER_SEC)
/* What is unknown may be issued at any moment. */
#define UNKNOWN_US (60 * USECS_PER_SEC)
/* Sessions answer for some CAs, not for all of ten thousand: more than this are forgotten at once. */
#define RESPONDERS_MAX 1000

/* ---- responders: an issuer, and who signs for it ---- */

typedef struct Responder
{
	MemoryContext context;
	CmOcspIssuerRow issuer;
	CmKey	   *key;			/* NULL: could not be loaded */
	uint8_t		key_hash[20];	/* of the signer */
	CmSlice		certificate;	/* of a delegated signer */
	TimestampTz signer_ends;
	TimestampTz check_at;		/* load again then */
} Responder;

typedef struct ResponderKey
{
	uint8_t		key_hash[CM_DIGEST_MAX];
	uint8_t		name_hash[CM_DIGEST_MAX];
} ResponderKey;

typedef struct ResponderSlot
{
	ResponderKey key;
	Responder  *responder;
} ResponderSlot;

static HTAB *responders;
static MemoryContext responders_context;
static uint64 loaded_generation;
static CmTableWatch watch = {{"ca", "issuer", "ocsp_signer"}};	/* whose change makes us forget */

/* The table of responders, empty after anything that they depend on has changed. */
static void
open_responders(void)
{
	HASHCTL		control = {0};

	if (responders != NULL && loaded_generation == watch.generation + (uint64) cm_guc_generation() && hash_get_num_entries(responders) < RESPONDERS_MAX)
		return;
	if (CacheMemoryContext == NULL)
		CreateCacheMemoryContext();
	cm_table_watch(&watch);
	responders = NULL;
	if (responders_context != NULL)
		MemoryContextReset(responders_context);
	else
		responders_context = AllocSetContextCreate(CacheMemoryContext, "certmgr OCSP responders", ALLOCSET_SMALL_SIZES);
	control.hcxt = responders_context;
	control.keysize = sizeof(ResponderKey);
	control.entrysize = sizeof(ResponderSlot);
	responders = hash_create("certmgr OCSP responders", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	loaded_generation = watch.generation + (uint64) cm_guc_generation();
}

static void
hash_key_of(CmSlice certificate, uint8_t hash[20])
{
	CmCertificate cert;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_certificate_parse(certificate, &cert, &st) || !cm_key_identifier(cert.spki, hash, &st))
		cm_throw(&st, NULL);
}

typedef struct Load
{
	const CmOcspId *id;
	Responder  *responder;		/* issuer.ca_id 0: not one of ours */
	TimestampTz now;
} Load;

static void
load(void *arg)
{
	Load	   *l = arg;
	Responder  *r = l->responder;
	CmOwnerScope scope;
	CmOcspIssuerRow *issuer;
	CmOcspSignerRow signer;

	cm_owner_enter(&scope);
	issuer = cm_ocsp_issuer_find(l->id->key_hash, l->id->name_hash);
	if (issuer != NULL)
	{
		r->issuer = *issuer;
		cm_master_key_require();
		if (issuer->delegated && cm_ocsp_signer_find(issuer->ca_id, issuer->key_id, l->now, &signer))
		{
			r->certificate = signer.der;
			r->signer_ends = r->check_at = signer.not_after;
			hash_key_of(signer.der, r->key_hash);
			r->key = cm_store_key_open(signer.key_id);
		}
		else
		{
			/* Until the worker has made a signer the CA's own key signs, which is as good. */
			r->signer_ends = DT_NOEND;
			r->check_at = issuer->delegated ? l->now + RETRY_US : DT_NOEND;
			hash_key_of(issuer->der, r->key_hash);
			r->key = cm_store_key_open(issuer->key_id);
		}
	}
	cm_owner_leave(&scope);
}

static Responder *
load_responder(const CmOcspId *id, TimestampTz now)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "certmgr OCSP responder", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Load		l = {id, palloc0(sizeof(Responder)), now};
	char		message[400];

	l.responder->context = context;
	if (!cm_tx_try(load, &l, message, sizeof(message)))
	{
		ereport(LOG,
				(errmsg("could not load the signer of OCSP answers: %s", message)));
		l.responder->key = NULL;
		l.responder->check_at = now + RETRY_US;
	}
	MemoryContextSwitchTo(old);
	return l.responder;
}

static void
set_key(const CmOcspId *id, ResponderKey *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->key_hash, id->key_hash.data, id->key_hash.len);
	memcpy(key->name_hash, id->name_hash.data, id->name_hash.len);
}

/* NULL: the CA is not ours. Its key is NULL when it could not be loaded. */
static Responder *
find_responder(const CmOcspId *id, TimestampTz now)
{
	ResponderKey key;
	ResponderSlot *slot;
	Responder  *responder;
	bool		found;

	if (!id->known_hash)
		return NULL;
	open_responders();
	set_key(id, &key);
	slot = hash_search(responders, &key, HASH_FIND, NULL);
	if (slot != NULL && slot->responder->check_at > now)
		return slot->responder;

	responder = load_responder(id, now);
	if (responder->issuer.ca_id == 0 && responder->check_at == 0)
	{
		/* Strangers may ask for anything: it is not kept. */
		MemoryContextDelete(responder->context);
		return NULL;
	}
	/* What was read just now may have invalidated the table. */
	open_responders();
	slot = hash_search(responders, &key, HASH_ENTER, &found);
	if (found)
		MemoryContextDelete(slot->responder->context);
	MemoryContextSetParent(responder->context, responders_context);
	slot->responder = responder;
	return responder;
}

/* ---- status ---- */

typedef struct Status
{
	int64		certificate_id; /* 0: never issued */
	CmOcspSingle single;
	int64		code;			/* 0: good; otherwise when and why, in one number */
} Status;

static bool
issued_by(const CmOcspIssuerRow *issuer, int64 certificate_id)
{
	for (int i = 0; i < issuer->certificate_count; i++)
	{
		if (issuer->certificates[i] == certificate_id)
			return true;
	}
	return false;
}

static void
find_status(const Responder *r, const CmOcspId *id, Status *out)
{
	CmOcspStatusRow row;
	CmStatus	st = CM_STATUS_INIT;

	memset(out, 0, sizeof(*out));
	out->single.id = id->whole;
	out->single.status = CM_OCSP_UNKNOWN;
	if (!cm_ocsp_status_find(r->issuer.ca_id, id->serial, &row) || !row.issued || !issued_by(&r->issuer, row.issuer_id))
		return;
	out->certificate_id = row.id;
	out->single.status = row.revoked ? CM_OCSP_REVOKED : CM_OCSP_GOOD;
	if (!row.revoked)
		return;
	out->single.revoked_at = timestamptz_to_time_t(row.revoked_at);
	if (row.reason[0] != '\0' && !cm_crl_reason_parse(row.reason, &out->single.reason, &st))
		out->single.reason = 0;
	out->code = out->single.revoked_at * 16 + out->single.reason;
}

/* ---- answers ---- */

/* Kept between calls: an answer has a kilobyte or two. */
static CmBuf answer_buf;

static void
answer_error(CmOcspError error, CmOcspResult *out)
{
	cm_ocsp_error_build(error, &answer_buf);
	out->der = cm_slice(answer_buf.data, answer_buf.len);
}

static void
sign(const Responder *r, const CmOcspRequest *request, Status *statuses, TimestampTz now, CmOcspResult *out)
{
	static CmOcspSingle singles[CM_OCSP_IDS_MAX];
	CmOcspAnswer answer = {{0}};
	CmStatus	st = CM_STATUS_INIT;

	out->produced_at = out->this_update = now - now % USECS_PER_SEC;
	out->next_update = Min(cm_timestamp_plus(out->this_update, &r->issuer.lifetime), r->signer_ends);
	for (int i = 0; i < request->count; i++)
	{
		TimestampTz next = out->next_update;

		if (statuses[i].single.status == CM_OCSP_UNKNOWN)
			next = Min(next, out->this_update + UNKNOWN_US);
		statuses[i].single.this_update = timestamptz_to_time_t(out->this_update);
		statuses[i].single.next_update = timestamptz_to_time_t(next);
		singles[i] = statuses[i].single;
	}
	for (int i = 0; i < request->count; i++)
		out->next_update = Min(out->next_update, time_t_to_timestamptz(singles[i].next_update));
	memcpy(answer.responder, r->key_hash, sizeof(answer.responder));
	answer.produced_at = timestamptz_to_time_t(out->produced_at);
	answer.singles = singles;
	answer.count = request->count;
	answer.nonce = request->nonce;
	answer.certificate = r->certificate;
	if (!cm_ocsp_answer_build(&answer, r->key, &answer_buf, &st))
	{
		ereport(LOG,
				(errmsg("could not sign an OCSP answer: %s", st.reason),
				 st.detail[0] ? errdetail_internal("%s", st.detail) : 0));
		answer_error(CM_OCSP_INTERNAL, out);
		return;
	}
	out->successful = true;
	out->cacheable = request->nonce.len == 0;
	out->der = cm_slice(answer_buf.data, answer_buf.len);
}

/* One certificate, no nonce: the answer is the same for all who ask in this form. */
static bool
answer_kept(const Responder *r, const CmOcspId *id, const Status *status, TimestampTz now, CmOcspResult *out)
{
	CmOcspCached cached;
	int			form = (int) id->hash * 2 + id->null_parameters;
	TimestampTz half = now + (cm_timestamp_plus(now, &r->issuer.lifetime) - now) / 2;

	/* With less than half of its time left it would soon be asked for again. */
	if (!cm_ocsp_cached_find(status->certificate_id, form, status->code, Min(half, r->signer_ends - 1), &cached))
		return false;
	out->successful = out->cacheable = true;
	out->produced_at = out->this_update = cached.this_update;
	out->next_update = cached.next_update;
	out->der = cached.der;
	return true;
}

static void
keep_answer(const CmOcspId *id, const Status *status, const CmOcspResult *result)
{
	CmOcspCached answer = {result->this_update, result->next_update, result->der};
	CmOwnerScope scope;

	cm_owner_enter(&scope);
	cm_ocsp_cached_put(status->certificate_id, (int) id->hash * 2 + id->null_parameters, status->code, &answer);
	cm_owner_leave(&scope);
}

/* Does one issuer's key speak for all of them? */
static bool
of_one_issuer(const CmOcspRequest *request, const Responder *r, TimestampTz now)
{
	/* r itself may be loaded anew while the others are looked for. */
	int64		ca_id = r->issuer.ca_id;
	int64		key_id = r->issuer.key_id;

	for (int i = 1; i < request->count; i++)
	{
		Responder  *other;

		if (cm_slice_equal(request->ids[i].key_hash, request->ids[0].key_hash) && cm_slice_equal(request->ids[i].name_hash, request->ids[0].name_hash))
			continue;
		other = find_responder(&request->ids[i], now);
		if (other == NULL || other->issuer.ca_id != ca_id || other->issuer.key_id != key_id)
			return false;
	}
	return true;
}

void
cm_ocsp_answer(CmSlice der, CmOcspResult *out)
{
	static CmOcspRequest request;
	static Status statuses[CM_OCSP_IDS_MAX];
	TimestampTz now = GetCurrentTimestamp();
	Responder  *r;
	bool		keep;

	memset(out, 0, sizeof(*out));
	cm_buf_reset(&answer_buf);
	if (!cm_ocsp_request_parse(der, &request))
	{
		answer_error(CM_OCSP_MALFORMED, out);
		return;
	}
	r = find_responder(&request.ids[0], now);
	if (r == NULL || !of_one_issuer(&request, r, now))
	{
		answer_error(CM_OCSP_UNAUTHORIZED, out);
		return;
	}
	/* Looking for the others may have moved it. */
	r = find_responder(&request.ids[0], now);
	if (r == NULL || r->key == NULL)
	{
		answer_error(CM_OCSP_TRY_LATER, out);
		return;
	}
	for (int i = 0; i < request.count; i++)
		find_status(r, &request.ids[i], &statuses[i]);
	keep = request.count == 1 && request.nonce.len == 0 && statuses[0].certificate_id != 0;
	if (keep && answer_kept(r, &request.ids[0], &statuses[0], now, out))
		return;
	sign(r, &request, statuses, now, out);
	if (keep && out->successful)
		keep_answer(&request.ids[0], &statuses[0], out);
}
