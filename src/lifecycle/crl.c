/*
 * crl.c - signing certificate revocation lists of private CAs.
 *
 * Runs in the database worker (before nextUpdate, after a revocation) and in
 * backends (certmgr.crl, refresh_crl), as certmgr_owner, in one transaction.
 * Locks the row of the CA, so that two signers queue and numbers follow the
 * contents. What may fail: the master key is not there, the CA has no
 * certificate, a list is larger than a bytea.
 *
 * A CA has several series of CRLs (store/crl_scope.h): of everything, of CA
 * certificates and end entities apart, of each shard, for each key that it ever issued with. In one round each gets a complete
 * list or a delta when it is due; all lists of a round have one number.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "crypto/key.h"
#include "lifecycle/crl.h"
#include "lifecycle/master_key.h"
#include "lifecycle/notify.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/crl.h"
#include "store/crl_scope.h"
#include "store/issuer.h"
#include "store/job.h"
#include "store/key.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/tbs.h"
#include "x509/url.h"

/* From PostgreSQL's epoch (2000) to the one of X.509 times and CRL numbers. */
#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* A session that changes a CA is done in milliseconds, or sits in an open transaction: the engine has other things to do. */
#define LOCK_TRIES 50
#define LOCK_PAUSE_US 10000L

/* One of the CA's keys, ready to sign. */
typedef struct Signer
{
	int64		key_id;
	CmKey	   *key;			/* opened at first use */
	CmCertificate certificate;	/* the newest one of that key */
	CmSlice		key_identifier;
	Datum		certificates;	/* bigint[]: all of that key */
	TimestampTz not_after;		/* of the one that lasts longest */
	bool		active;
} Signer;

/* One round over the lists of a CA. */
typedef struct Round
{
	CmCrlIssuer ca;
	const char *actor;
	TimestampTz now;
	int64		number;
	bool		force;			/* every list, whether due or not */
	Signer	   *signers;
	int			nsigners;
	CmCrlChange *changes;		/* revocations that no list has */
	int			nchanges;
	TimestampTz next;			/* when the next list is due */
} Round;

static void
check_issuer(const CmCrlIssuer *ca)
{
	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", ca->name),
				 errdetail("An external CA publishes its revocation list itself.")));
	if (ca->key_id == 0 && ca->certificate_id != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the key of certificate authority \"%s\" is not here", ca->name),
				 errdetail("Its revocation lists are signed where its key is.")));
	if (ca->certificate_id == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" cannot sign a CRL yet", ca->name),
				 errdetail("It has no certificate."),
				 errhint("SELECT certmgr.ca_csr(%s), have its parent sign it, then SELECT certmgr.install_ca_certificate(...).",
						 quote_literal_cstr(ca->name))));
}

static void
free_crl(void *object)
{
	cm_crl_free((CmCrl *) object);
}

static void
free_base(void *object)
{
	cm_crl_base_free((CmCrlBase *) object);
}

static TimestampTz
whole_seconds(TimestampTz t)
{
	return t - (t % USECS_PER_SEC + USECS_PER_SEC) % USECS_PER_SEC;
}

static int64
unix_seconds(TimestampTz t)
{
	return timestamptz_to_time_t(whole_seconds(t));
}

/* With a third of the time left an outage of the worker of days is not seen from outside. */
static TimestampTz
refresh_time(TimestampTz this_update, TimestampTz next_update)
{
	return this_update + (next_update - this_update) / 3 * 2;
}

/* ---- the keys of a CA ---- */

static void
set_signer(Signer *signer, const CmIssuerRow *rows, int count)
{
	CmStatus	st = CM_STATUS_INIT;
	int64	   *ids = palloc(sizeof(int64) * count);
	int			n = 0;
	uint8_t    *identifier;

	for (int i = 0; i < count; i++)
	{
		if (rows[i].key_id != signer->key_id)
			continue;
		if (n == 0 && !cm_certificate_parse(rows[i].der, &signer->certificate, &st))
			cm_throw(&st, NULL);
		signer->active |= rows[i].active;
		signer->not_after = n == 0 ? rows[i].not_after : Max(signer->not_after, rows[i].not_after);
		ids[n++] = rows[i].certificate_id;
	}
	signer->certificates = cm_datum_int8_array(ids, n);
	signer->key_identifier = signer->certificate.subject_key_id;
	if (signer->key_identifier.len > 0)
		return;
	/* A parent elsewhere may leave it out; then what RFC 5280 would have made. */
	identifier = palloc(20);
	if (!cm_key_identifier(signer->certificate.spki, identifier, &st))
		cm_throw(&st, NULL);
	signer->key_identifier = cm_slice(identifier, 20);
}

static void
find_signers(Round *round)
{
	int			count;
	CmIssuerRow *rows = cm_issuer_rows(round->ca.id, &count);

	round->signers = palloc0(sizeof(Signer) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		bool		known = false;

		for (int k = 0; k < round->nsigners; k++)
			known |= round->signers[k].key_id == rows[i].key_id;
		if (known)
			continue;
		round->signers[round->nsigners].key_id = rows[i].key_id;
		set_signer(&round->signers[round->nsigners++], rows, count);
	}
}

static Signer *
signer_of(Round *round, int64 key_id)
{
	for (int i = 0; i < round->nsigners; i++)
	{
		if (round->signers[i].key_id == key_id)
			return &round->signers[i];
	}
	return NULL;
}

/* ---- one list ---- */

/* The addresses of a template as GeneralNames. */
static CmSlice
expand_urls(const Round *round, const Signer *signer, const CmCrlScope *scope, const char *template, const char *what)
{
	CmUrlValues values = {round->ca.name, cm_slice(NULL, 0), signer->key_identifier, scope->shard};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *names = cm_own_buf(0);
	CmSlice		url;

	while (cm_url_next(&template, &url))
	{
		size_t		name = cm_der_open(names, CM_DER_CONTEXT(6));

		if (!cm_url_expand(url, &values, what, names, &st))
			cm_throw(&st, "SELECT certmgr.alter_crl(...) sets the addresses of CRLs.");
		cm_der_close(names, name);
	}
	return cm_slice(names->data, names->len);
}

/* Deltas belong to the lists that certificates name: of the shards where there are any, otherwise of everything or, apart from CA certificates, of end entities. */
static bool
has_delta(const Round *round, const CmCrlScope *scope)
{
	bool		sharded = round->ca.delta_url != NULL && strstr(round->ca.delta_url, "{shard}") != NULL;

	return round->ca.has_delta && round->ca.delta_url != NULL && (scope->shard >= 0) == sharded &&
		(sharded ? scope->covers != CM_CRL_CA : scope->covers == (round->ca.apart ? CM_CRL_USER : CM_CRL_ALL));
}

static void
add_entry(const CmRevokedRow *row, void *arg)
{
	CmCrl	   *crl = arg;
	CmStatus	st = CM_STATUS_INIT;
	CmCrlEntry	entry = {row->serial};

	/* A transaction that began before the revocation may sign it: never after thisUpdate. */
	entry.revoked_at = Min(unix_seconds(row->revoked_at), crl->this_update);
	if (row->reason.len > 0)
	{
		char		name[32];

		snprintf(name, sizeof(name), "%.*s", (int) row->reason.len, (const char *) row->reason.data);
		if (!cm_crl_reason_parse(name, &entry.reason, &st))
			cm_throw(&st, NULL);
	}
	entry.has_invalidity = row->invalid_since != 0;
	if (entry.has_invalidity)
		entry.invalid_since = unix_seconds(row->invalid_since);
	if (!cm_crl_add(crl, entry, &st))
		cm_throw(&st, NULL);
}

/* What a list that clients may have names and is not revoked any more, unless it expired: it was on hold. */
static void
add_released(CmCrl *crl, int64 ca_id)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCrlEntry	entry = {{NULL, 0}, crl->this_update, 8};	/* removeFromCRL */
	CmCrlBase  *first = crl->base;

	crl->base = NULL;
	for (CmCrlBase *base = first; base != NULL; base = base->newer)
	{
		size_t		pos = 0;

		while (cm_crl_base_unseen(base, &pos, &entry.serial))
		{
			CHECK_FOR_INTERRUPTS();
			/* Once is enough. */
			for (CmCrlBase *b = base->newer; b != NULL; b = b->newer)
				(void) cm_crl_base_has(b, entry.serial, entry.serial);
			if (cm_crl_is_released(ca_id, entry.serial) && !cm_crl_add(crl, entry, &st))
				cm_throw(&st, NULL);
		}
	}
	crl->base = first;
}

/* The lists that clients may have, the oldest first; NULL when there is none. Freed with the current context. */
static CmCrlBase *
read_bases(int64 scope_id, TimestampTz at)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCrlBase  *first = NULL;
	int			count;
	CmSlice    *ders = cm_crl_row_bases(scope_id, at, &count);

	for (int i = count; i-- > 0;)
	{
		CmOwn	   *own = cm_own(free_base);
		CmCrlBase  *base = palloc0(sizeof(CmCrlBase));

		if (!cm_crl_base_read(base, ders[i], &st))
			cm_throw(&st, NULL);
		own->object = base;
		base->newer = first;
		first = base;
	}
	return first;
}

/* Signs what was gathered and stores it. */
static void
sign_and_store(Round *round, Signer *signer, const CmCrlScope *scope, CmCrl *crl, CmCrlRow *row)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *der = cm_own_buf(0);

	if (signer->key == NULL)
	{
		cm_master_key_require();
		signer->key = cm_store_key_open(signer->key_id);
	}
	row->entries = (int64) crl->count;
	if (!cm_crl_finish(crl, signer->key, der, &st))
		cm_throw(&st, NULL);
	SET_VARSIZE(der->data, der->len);
	cm_crl_row_insert(row, PointerGetDatum(der->data));
	cm_buf_free(der);
	cm_crl_row_prune(scope->id);
	cm_audit(round->actor, "sign-crl", "ca", round->ca.id,
			 psprintf("{\"number\": %lld, \"entries\": %lld%s%s%s}", (long long) row->number, (long long) row->entries,
					  scope->shard < 0 ? "" : psprintf(", \"shard\": %d", scope->shard),
					  scope->covers == CM_CRL_ALL ? "" : psprintf(", \"covers\": \"%s\"", cm_crl_covers_name(scope->covers)),
					  row->delta ? ", \"delta\": true" : ""));
}

static void
make_list(Round *round, CmCrlScope *scope, bool delta)
{
	Signer	   *signer = signer_of(round, scope->key_id);
	CmOwn	   *own = cm_own(free_crl);
	CmCrl	   *crl = palloc0(sizeof(CmCrl));
	CmCrlRow	row = {round->ca.id, scope->id, round->number};
	TimestampTz alive_since = scope->number == 0 ? DT_NOBEGIN : scope->this_update;

	row.delta = delta;
	row.this_update = whole_seconds(round->now);
	row.next_update = whole_seconds(cm_timestamp_plus(row.this_update, delta ? &round->ca.delta_lifetime : &round->ca.lifetime));
	crl->prefix = VARHDRSZ;
	crl->issuer = signer->certificate.subject;
	crl->issuer_alg = signer->certificate.key_alg;
	crl->authority_key_id = signer->key_identifier;
	crl->number = (uint64_t) round->number;
	crl->this_update = unix_seconds(row.this_update);
	crl->next_update = unix_seconds(row.next_update);
	/* Without a name where the list is of all such certificates of the key, whatever address they have. */
	crl->only_ca = scope->covers == CM_CRL_CA;
	crl->only_user = scope->covers == CM_CRL_USER;
	if (scope->shard >= 0)
		crl->distribution_point = expand_urls(round, signer, scope, scope->url, "CRL address");
	if (!delta && has_delta(round, scope))
		crl->freshest = expand_urls(round, signer, scope, round->ca.delta_url, "address of the delta CRL");
	if (delta)
	{
		crl->base = read_bases(scope->id, row.this_update);
		if (crl->base == NULL)
			return;
		crl->delta = true;
		crl->base_number = crl->base->number;
		row.base_number = (int64) crl->base->number;
		/* What the base lists because it had expired a little before is no change. */
		alive_since = time_t_to_timestamptz(crl->base->this_update);
	}
	cm_crl_begin(crl);
	own->object = crl;

	/* An entry stays until it was on one CRL after the certificate expired (RFC 5280 3.3): relying parties that come late see it. */
	cm_crl_revoked_each(round->ca.id, scope, signer->certificates, alive_since, add_entry, crl);
	if (delta)
		add_released(crl, round->ca.id);
	sign_and_store(round, signer, scope, crl, &row);
	cm_own_release(own);
	if (delta)
	{
		scope->delta_this_update = row.this_update;
		scope->delta_next_update = row.next_update;
		return;
	}
	scope->number = row.number;
	scope->this_update = row.this_update;
	scope->next_update = row.next_update;
}

/* ---- which lists ---- */

static bool
is_changed(const Round *round, const CmCrlScope *scope)
{
	for (int i = 0; i < round->nchanges; i++)
	{
		const CmCrlChange *change = &round->changes[i];

		if (scope->shard >= 0 ? change->shard == scope->shard : scope->covers == CM_CRL_ALL || (scope->covers == CM_CRL_CA) == change->is_ca)
			return true;
	}
	return false;
}

/* Has it been signed once more after everything that it could list expired? */
static bool
is_finished(const Round *round, const CmCrlScope *scope, const Signer *signer)
{
	if (scope->number == 0 || scope->open)
		return false;
	if (scope->shard < 0)
		return !signer->active && signer->not_after < scope->this_update;
	return !cm_crl_shard_alive(round->ca.id, scope->shard, scope->this_update);
}

static void
visit(Round *round, CmCrlScope *scope)
{
	Signer	   *signer = signer_of(round, scope->key_id);
	bool		changed = is_changed(round, scope) || round->force;
	bool		deltas = has_delta(round, scope);
	bool		complete;

	if (signer == NULL || (scope->shard < 0 && scope->covers == CM_CRL_ALL && !round->ca.complete))
		return;
	if (is_finished(round, scope, signer))
	{
		cm_crl_scope_finish(scope->id);
		return;
	}
	complete = scope->number == 0 || round->force || (changed && !deltas) ||
		refresh_time(scope->this_update, scope->next_update) <= round->now;
	if (complete)
		make_list(round, scope, false);
	/* RFC 5280 5.2.4: with a complete list goes a delta of the same number, so that one who asks for it alone sees the same. */
	if (deltas && (complete || changed || scope->delta_this_update == 0 ||
				   refresh_time(scope->delta_this_update, scope->delta_next_update) <= round->now))
		make_list(round, scope, true);
	round->next = Min(round->next, refresh_time(scope->this_update, scope->next_update));
	if (deltas && scope->delta_this_update != 0)
		round->next = Min(round->next, refresh_time(scope->delta_this_update, scope->delta_next_update));
}

/* Of more than this at once who listens is told only that the inventory changed (certificate 0): the queue is not without end. */
#define TELL_MAX 1000

static void
tell(const CmCrlChange *changes, int count)
{
	int			events = 0;

	for (int i = 0; i < count; i++)
	{
		if (changes[i].event != NULL && ++events <= TELL_MAX)
			cm_notify(changes[i].event, changes[i].certificate_id, changes[i].subscriber_id);
	}
	if (events > TELL_MAX)
		cm_notify("revoked", 0, 0);
}

static int64
refresh(int64 ca_id, const char *actor, bool force, TimestampTz *next_refresh)
{
	Round		round = {{0}};
	CmCrlScope *scopes;
	int			count;

	if (!cm_crl_issuer_lock(ca_id, &round.ca))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority %lld does not exist", (long long) ca_id)));
	check_issuer(&round.ca);

	/* Not now(): while this transaction waited for the lock, somebody else may have signed. */
	round.now = GetCurrentTimestamp();
	round.actor = actor;
	round.force = force;
	round.next = DT_NOEND;
	round.number = Max(cm_crl_row_last_number(ca_id) + 1, round.now + EPOCH_SECONDS * USECS_PER_SEC);
	/* Before the certificates are read: what is taken here is seen there. */
	round.changes = cm_crl_changes_take(ca_id, &round.nchanges);
	tell(round.changes, round.nchanges);
	find_signers(&round);
	scopes = cm_crl_scopes(ca_id, &count);
	for (int i = 0; i < count; i++)
		visit(&round, &scopes[i]);
	*next_refresh = round.next;
	if (round.next != DT_NOEND)
		cm_job_put("crl", ca_id, round.next);
	return round.number;
}

bool
cm_crl_lock(int64 ca_id)
{
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		if (cm_crl_issuer_try_lock(ca_id))
			return true;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(LOCK_PAUSE_US);
	}
	return false;
}

static int64
refresh_in_context(int64 ca_id, const char *actor, bool force, TimestampTz *next_refresh)
{
	/* The key and the lists go with this context, not with that of a worker's whole round. */
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "certmgr CRL", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(work);
	int64		number = refresh(ca_id, actor, force, next_refresh);

	MemoryContextSwitchTo(before);
	MemoryContextDelete(work);
	return number;
}

int64
cm_crl_refresh_for(int64 ca_id, const char *actor)
{
	TimestampTz next_refresh;

	return refresh_in_context(ca_id, actor, true, &next_refresh);
}

void
cm_crl_refresh_missing(int64 ca_id, const char *actor)
{
	TimestampTz next_refresh;

	(void) refresh_in_context(ca_id, actor, false, &next_refresh);
}

void
cm_crl_refresh(int64 ca_id, TimestampTz *next_refresh)
{
	(void) refresh_in_context(ca_id, "worker", false, next_refresh);
}
