/*
 * cache.c - see cache.h. Per process, in CacheMemoryContext; an entry is its
 * own memory context with the opened key in it. Entries are loaded with a
 * snapshot of this moment, never with an old one of a REPEATABLE READ
 * transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "lifecycle/cache.h"
#include "lifecycle/master_key.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "pg/query.h"
#include "pg/table_watch.h"
#include "store/ca.h"
#include "store/ca_issuer.h"
#include "store/crl_scope.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "x509/certificate.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

/* Names are at most 200 characters (create_subscriber), up to four bytes each. */
#define NAME_KEY_SIZE 804

typedef struct IssuerSlot
{
	int64		ca_id;
	CmIssuer   *issuer;
} IssuerSlot;

typedef struct SubscriberSlot
{
	char		name[NAME_KEY_SIZE];
	CmSubscriber *subscriber;
} SubscriberSlot;

static HTAB *issuers;
static HTAB *subscribers;
static CmTableWatch watch = {{"ca", "subscriber"}};

static void
open_caches(void)
{
	cm_table_watch(&watch);
	if (issuers == NULL)
		issuers = cm_process_table("certmgr issuers", sizeof(int64), sizeof(IssuerSlot), HASH_BLOBS);
	if (subscribers == NULL)
		subscribers = cm_process_table("certmgr subscribers", NAME_KEY_SIZE, sizeof(SubscriberSlot), HASH_STRINGS);
}

static char *
copy_string(const char *string)
{
	return string == NULL || string[0] == '\0' ? NULL : pstrdup(string);
}

static void
check_usable(const CmCaRow *ca, int64 ca_id)
{
	if (ca == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority %lld does not exist", (long long) ca_id)));
	if (strcmp(ca->state, "disabled") == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is disabled", ca->name),
				 errhint("SELECT certmgr.enable_ca(%s);", quote_literal_cstr(ca->name))));
	if (strcmp(ca->type, "private") != 0)
		return;
	if (ca->der.len == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" has no certificate yet", ca->name),
				 errhint("Have the request from certmgr.ca_csr(%s) signed, then SELECT certmgr.install_ca_certificate(...).", quote_literal_cstr(ca->name))));
	if (ca->certificate_revoked)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the certificate of certificate authority \"%s\" is revoked", ca->name)));
	if (ca->key_id == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the key of certificate authority \"%s\" is not here", ca->name)));
}

/* Appends the name constraints of a certificate. */
static void
put_name_constraints(CmSlice der, CmBuf *out)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate cert;
	CmExtension ext;
	CmDer		list;

	if (!cm_certificate_parse(der, &cert, &st))
		cm_throw(&st, NULL);
	while (cm_extension_next(&cert.extensions, &ext))
	{
		if (!cm_slice_equal(ext.oid, cm_slice("\x55\x1d\x1e", 3)))
			continue;
		/* What is no SEQUENCE becomes the content of one: the check finds it malformed and refuses every name. */
		if (cm_der_expect(&ext.value, CM_DER_SEQUENCE, &list))
			cm_der_put_slice(out, CM_DER_SEQUENCE, list.content);
		else
			cm_der_put_slice(out, CM_DER_SEQUENCE, ext.value);
	}
}

/* Of the CA's certificate and of all above it: every one of them counts (RFC 5280 6.1.4), and of those of a root, which 6.1 leaves open, OpenSSL and others say the same. */
static CmSlice
name_constraints_of(int64 certificate_id)
{
	CmBuf	   *all = cm_own_buf(0);
	CmDer		one;
	int			count;
	CmSlice    *path = cm_ca_issuer_path(certificate_id, &count);

	for (int i = 0; i < count; i++)
	{
		while (cm_der_expect(&path[i], CM_DER_SEQUENCE, &one))
			put_name_constraints(one.whole, all);
	}
	if (all->failed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return cm_slice(all->data, all->len);
}

/* In the issuer's memory context. */
static void
fill_private(CmIssuer *issuer, const CmCaRow *ca, CmSlice name_constraints)
{
	CmCertificate cert;
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		der = cm_slice_copy(ca->der);
	CmJson	   *config;

	if (!cm_certificate_parse(der, &cert, &st))
		cm_throw(&st, NULL);
	issuer->certificate_id = ca->certificate_id;
	issuer->subject = cert.subject;
	issuer->key_identifier = cert.subject_key_id;
	issuer->not_before = cert.not_before;
	issuer->not_after = cert.not_after;
	issuer->path_length = cert.path_length;
	issuer->name_constraints = cm_slice_copy(name_constraints);
	config = cm_json_config(ca->config, &st);
	if (config == NULL)
		cm_throw(&st, NULL);
	issuer->ca_issuers_url = copy_string(cm_json_get_string(config, "ca_issuers_url"));
	issuer->ocsp_url = copy_string(cm_json_get_string(config, "ocsp_url"));
	issuer->crl_url = copy_string(cm_json_get_string(config, "crl_url"));
	issuer->ca_crl_url = copy_string(cm_json_get_string(config, "crl_ca_url"));
	if (cm_json_get_string(config, "delta_crl_lifetime") != NULL)
		issuer->delta_crl_url = copy_string(cm_json_get_string(config, "delta_crl_url"));
	if (issuer->crl_url != NULL && strstr(issuer->crl_url, "{shard}") != NULL)
		issuer->shards = cm_crl_shards_open(ca->id, &issuer->shard_count);
	cm_master_key_require();
	issuer->key = cm_store_key_open(ca->key_id);
}

/* other: under that certificate and key instead of the active one. */
static CmIssuer *
load_issuer(int64 ca_id, const CmCaIssuer *other)
{
	CmOwnerScope scope;
	CmCaRow    *ca;
	CmIssuer   *issuer;
	uint64		now = watch.generation + (uint64) cm_guc_generation();	/* both only grow; another master key closes the keys too */
	MemoryContext context;
	CmSlice		constraints = {0};
	MemoryContext old;

	cm_owner_enter(&scope);
	ca = cm_ca_get_by_id(ca_id, true);
	if (other != NULL)
	{
		ca->certificate_id = other->certificate_id;
		ca->der = other->der;
		ca->key_id = other->has_key ? other->key_id : 0;
		ca->certificate_revoked = other->revoked;
	}
	check_usable(ca, ca_id);
	if (strcmp(ca->type, "private") == 0)
		constraints = name_constraints_of(ca->certificate_id);

	/* A child of the caller's context until it is whole: an error then leaves nothing behind. */
	context = AllocSetContextCreate(CurrentMemoryContext, "certmgr issuer", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	issuer = palloc0(sizeof(CmIssuer));
	issuer->context = context;
	issuer->generation = now;
	issuer->ca_id = ca_id;
	issuer->name = pstrdup(ca->name);
	issuer->external = strcmp(ca->type, "private") != 0;
	if (!issuer->external)
		fill_private(issuer, ca, constraints);
	MemoryContextSwitchTo(old);
	cm_owner_leave(&scope);
	return issuer;
}

CmIssuer *
cm_issuer_get(int64 ca_id)
{
	IssuerSlot *slot;
	CmIssuer   *issuer;
	bool		found;

	open_caches();
	cm_lock_share(CM_LOCK_CA, ca_id);
	slot = hash_search(issuers, &ca_id, HASH_FIND, NULL);
	if (slot != NULL && slot->issuer->generation == watch.generation + (uint64) cm_guc_generation())
		return slot->issuer;

	issuer = load_issuer(ca_id, NULL);
	slot = hash_search(issuers, &ca_id, HASH_ENTER, &found);
	if (found)
	{
		slot->issuer->cached = false;
		/* Who got it a moment ago may still use it: what runs in between (the function of a template) may have changed the CA. */
		if (slot->issuer->pins == 0)
			MemoryContextSetParent(slot->issuer->context, TopTransactionContext);
	}
	MemoryContextSetParent(issuer->context, CacheMemoryContext);
	issuer->cached = true;
	slot->issuer = issuer;
	return issuer;
}

CmIssuer *
cm_issuer_load(int64 ca_id, const CmCaIssuer *other)
{
	CmIssuer   *issuer;

	cm_lock_share(CM_LOCK_CA, ca_id);
	issuer = load_issuer(ca_id, other);
	/* The shards, and a list under their address, are those of the active key. */
	issuer->shard_count = 0;
	if (issuer->crl_url != NULL && strstr(issuer->crl_url, "{shard}") != NULL)
		issuer->crl_url = issuer->delta_crl_url = NULL;
	return issuer;
}

void
cm_issuer_pin(CmIssuer *issuer)
{
	issuer->pins++;
}

void
cm_issuer_unpin(CmIssuer *issuer)
{
	if (--issuer->pins == 0 && !issuer->cached)
		MemoryContextDelete(issuer->context);
}

bool
cm_issuer_shard(const CmIssuer *issuer, bool ca, int *shard)
{
	*shard = -1;
	if (issuer->shard_count == 0 || (ca && issuer->ca_crl_url != NULL))
		return false;
	*shard = issuer->shards[pg_prng_uint64_range(&pg_global_prng_state, 0, issuer->shard_count - 1)];
	return true;
}

void
cm_issuer_crl_urls(const CmIssuer *issuer, bool ca, const char **crl, const char **delta)
{
	/* The list of CA certificates is short and has no deltas. */
	bool		apart = ca && issuer->ca_crl_url != NULL;

	*crl = apart ? issuer->ca_crl_url : issuer->crl_url;
	*delta = apart ? NULL : issuer->delta_crl_url;
}

/* ---- subscribers ---- */

static void
parse_names(CmSubscriber *s)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *sans = cm_own_buf(0);
	CmBuf	   *usages = cm_own_buf(0);
	char	  **usage;
	int			count;

	if (!cm_name_parse(TextDatumGetCString(s->subject_text), subject, &st))
		cm_throw(&st, NULL);
	s->san_list = cm_text_array(s->sans_text, &s->san_count);
	for (int i = 0; i < s->san_count; i++)
	{
		if (!cm_san_parse(s->san_list[i], sans, &st))
			cm_throw(&st, NULL);
	}
	usage = cm_text_array(s->usages_text, &count);
	for (int i = 0; i < count; i++)
	{
		if (!cm_usage_parse(usage[i], &s->key_usage, usages, &st))
			cm_throw(&st, NULL);
	}
	s->subject = cm_slice(subject->data, subject->len);
	s->sans = cm_slice(sans->data, sans->len);
	s->ext_key_usage = cm_slice(usages->data, usages->len);
}

static CmSubscriber *
load_subscriber(const char *name)
{
	static CmQuery select = {"SELECT id, name, ca_id, owner, state = 'disabled', subject, sans, usages, lifetime, key_algorithm, auto_renew, renew_before, template_id "
	"FROM certmgr.subscriber WHERE name = $1", 1, {TEXTOID}};
	CmOwnerScope scope;
	CmStatus	st = CM_STATUS_INIT;
	CmSubscriber *s;
	CmRows		rows;
	uint64		now = watch.generation;
	MemoryContext context;
	MemoryContext old;

	context = AllocSetContextCreate(CurrentMemoryContext, "certmgr subscriber", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	cm_owner_enter(&scope);
	rows = cm_query_latest(&select, (Datum[]) {cm_datum_text(name)}, NULL);
	if (rows.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscriber \"%s\" does not exist", name),
				 errhint("SELECT certmgr.create_subscriber(%s, ...);", quote_literal_cstr(name))));
	s = palloc0(sizeof(CmSubscriber));
	s->context = context;
	s->generation = now;
	s->id = cm_rows_int64(&rows, 0, 0);
	s->name = cm_rows_text(&rows, 0, 1);
	s->ca_id = cm_rows_int64(&rows, 0, 2);
	s->owner = cm_rows_text(&rows, 0, 3);
	s->disabled = cm_rows_bool(&rows, 0, 4);
	s->subject_text = cm_rows_value(&rows, 0, 5);
	s->sans_text = cm_rows_value(&rows, 0, 6);
	s->usages_text = cm_rows_value(&rows, 0, 7);
	s->has_lifetime = !cm_rows_null(&rows, 0, 8);
	if (s->has_lifetime)
		s->lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 8));
	if (!cm_key_alg_parse(cm_rows_text(&rows, 0, 9), &s->key_alg, &st))
		cm_throw(&st, NULL);
	s->auto_renew = cm_rows_bool(&rows, 0, 10);
	s->has_renew_before = !cm_rows_null(&rows, 0, 11);
	if (s->has_renew_before)
		s->renew_before = *DatumGetIntervalP(cm_rows_value(&rows, 0, 11));
	s->template_id = cm_rows_int64(&rows, 0, 12);
	parse_names(s);
	cm_owner_leave(&scope);
	MemoryContextSwitchTo(old);
	return s;
}

CmSubscriber *
cm_subscriber_get(const char *name)
{
	SubscriberSlot *slot;
	CmSubscriber *s;
	bool		found;
	char		key[NAME_KEY_SIZE];

	if (strlen(name) >= NAME_KEY_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscriber \"%.40s...\" does not exist", name)));
	open_caches();
	strlcpy(key, name, sizeof(key));
	slot = hash_search(subscribers, key, HASH_FIND, NULL);
	if (slot != NULL && slot->subscriber->generation == watch.generation)
		return slot->subscriber;

	s = load_subscriber(name);
	slot = hash_search(subscribers, key, HASH_ENTER, &found);
	if (found)
		MemoryContextSetParent(slot->subscriber->context, TopTransactionContext);
	MemoryContextSetParent(s->context, CacheMemoryContext);
	slot->subscriber = s;
	return s;
}

CmSubscriber *
cm_subscriber_get_by_id(int64 id)
{
	static CmQuery select = {"SELECT name FROM certmgr.subscriber WHERE id = $1", 1, {INT8OID}};
	CmOwnerScope scope;
	CmRows		rows;

	cm_owner_enter(&scope);
	rows = cm_query_latest(&select, (Datum[]) {Int64GetDatum(id)}, NULL);
	cm_owner_leave(&scope);
	if (rows.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the subscriber of this certificate was dropped")));
	return cm_subscriber_get(cm_rows_text(&rows, 0, 0));
}
