/*
 * ca_life.c - more certificates and keys of a private CA than its first:
 * renewed, rekeyed, cross-signed; which of them is active, and what chain goes with it.
 *
 * Backends, as certmgr_owner, in the caller's transaction. Locks the row of the
 * CA, so that two who change its issuers queue; a change of the active one waits
 * for transactions that issue, whose certificates name a shard of the old one. What
 * may fail: the master key is not there, the issuer does not allow it.
 *
 * The old certificates stay rows of certmgr.issuer: a key that issued something
 * signs CRLs for it until that has expired (crl.c).
 */
#include "postgres.h"

#include "lifecycle/ca.h"
#include "lifecycle/ca_sign.h"
#include "lifecycle/master_key.h"
#include "pg/error.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/ca_issuer.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "x509/chain.h"

/* RFC 5280 knows no bound, verifiers do. */
#define CHAIN_MAX 16

static CmCaRow *
require_with_certificate(const char *name)
{
	CmCaRow    *ca = cm_ca_require(name, true);

	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", name)));
	if (ca->der.len == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" has no certificate yet", name),
				 errhint("Have the request from certmgr.ca_csr(%s) signed, then SELECT certmgr.install_ca_certificate(...).", quote_literal_cstr(name))));
	return ca;
}

static CmCaRow *
require_with_key(const char *name)
{
	CmCaRow    *ca = require_with_certificate(name);

	if (ca->key_id == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the key of certificate authority \"%s\" is not here", name),
				 errdetail("It was imported without it."),
				 errhint("Where its key is, have it renewed; SELECT certmgr.install_ca_certificate(%s, ...) takes the new certificate.", quote_literal_cstr(name))));
	return ca;
}

static void
parse(CmSlice der, CmCertificate *cert)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_certificate_parse(der, cert, &st))
		cm_throw(&st, NULL);
}

/* The issuer with that id, or the active one. */
static CmCaIssuer *
issuer_of(const CmCaRow *ca, int64 certificate_id)
{
	CmCaIssuer *issuer = cm_ca_issuer_get(ca->id, certificate_id != CM_ISSUER_ACTIVE ? certificate_id : ca->certificate_id);

	if (issuer == NULL && certificate_id == CM_ISSUER_ACTIVE)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" has no certificate", ca->name)));
	if (issuer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate %lld is no issuer of certificate authority \"%s\"", (long long) certificate_id, ca->name),
				 errhint("SELECT certificate, state FROM certmgr.ca_issuers WHERE ca = %s;", quote_literal_cstr(ca->name))));
	return issuer;
}

/* A new active issuer, or one that waits. */
static void
put_issuer(const CmCaRow *ca, int64 certificate_id, int64 key_id, bool activate)
{
	if (!activate)
	{
		cm_ca_issuer_put(ca->id, certificate_id, key_id);
		return;
	}
	cm_lock_exclusive(CM_LOCK_CA, ca->id);
	cm_ca_set_active(ca->id, certificate_id, key_id);
}

/* ---- renewal ---- */

static int64
make_key(const CmCaRenew *renew, int64 old_key)
{
	CmKeyAlg	old;
	CmKeyAlg	alg;
	CmStatus	st = CM_STATUS_INIT;
	char	   *sign = cm_store_key_sign_alg(old_key, &old);
	int64		id;

	alg = old;
	if (renew->key_algorithm != NULL && !cm_key_alg_parse(renew->key_algorithm, &alg, &st))
		cm_throw(&st, NULL);
	id = cm_store_key_create(alg);
	if (renew->signature_algorithm == NULL && sign != NULL && alg == old)
		cm_store_key_set_sign_alg(id, sign);
	return id;
}

/* Its key: a new one, or the present one unless that is not to be trusted. */
static int64
key_for(const CmCaRow *ca, const CmCaRenew *renew)
{
	int64		id = ca->key_id;

	if (renew->new_key)
		id = make_key(renew, ca->key_id);
	else if (renew->key_algorithm != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key_algorithm is that of a new key"),
				 errhint("Give new_key => true, or leave out key_algorithm.")));
	else if (ca->certificate_revoked)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key of a revoked certificate is not used again"),
				 errhint("SELECT certmgr.renew_ca(%s, new_key => true);", quote_literal_cstr(ca->name))));
	if (renew->signature_algorithm != NULL)
		cm_store_key_set_sign_alg(id, renew->signature_algorithm);
	return id;
}

/* By whom is elsewhere: what can be done here is the new key. */
static void
wait_for_elsewhere(const CmCaRow *ca, int64 key_id, const char *actor)
{
	cm_ca_set_next_key(ca->id, key_id == ca->key_id ? 0 : key_id, "waits for its renewed certificate: certmgr.ca_csr(), then certmgr.install_ca_certificate()");
	/* A key that waited before is waited for no more; it never signed anything. */
	if (ca->next_key_id != 0)
		cm_store_key_delete(ca->next_key_id);
	cm_audit(actor, "renew-ca", "ca", ca->id, NULL);
	ereport(NOTICE,
			(errmsg("certificate authority \"%s\" is signed by a CA elsewhere", ca->name),
			 errhint("Have the request from certmgr.ca_csr(%s) signed, then SELECT certmgr.install_ca_certificate(...).", quote_literal_cstr(ca->name))));
}

/* Who signed the present certificate: NULL and *here false: nobody here; NULL and *here true: the CA itself. */
static CmIssuer *
present_issuer(const CmCaRow *ca, bool *here)
{
	int64		by = cm_ca_of_certificate(ca->certificate_id);
	CmIssuer   *issuer;

	*here = true;
	if (by == ca->id)
		return NULL;
	if (by != 0 && cm_ca_get_by_id(by, false) != NULL && cm_ca_get_by_id(by, false)->key_id != 0)
	{
		issuer = cm_issuer_get(by);
		if (!issuer->external)
			return issuer;
	}
	*here = false;
	return NULL;
}

int64
cm_ca_renew(const CmCaRenew *renew)
{
	CmCaRow    *ca = require_with_key(renew->name);
	CmBuf	   *der = cm_own_buf(0);
	CmCaSign	sign = {renew->name};
	CmCertificate old;
	CmIssuer   *issuer;
	bool		here;
	int64		key_id;
	int64		id;

	parse(ca->der, &old);
	cm_master_key_require();
	issuer = present_issuer(ca, &here);
	if (issuer != NULL)
		cm_issuer_pin(issuer);
	key_id = key_for(ca, renew);
	if (!here)
	{
		wait_for_elsewhere(ca, key_id, renew->actor);
		return 0;
	}
	cm_ca_sign_like(&sign, &old);
	sign.subject = old.subject;
	sign.spki = cm_store_key_spki(key_id, NULL);
	sign.issuer = issuer;
	sign.key = issuer == NULL ? cm_store_key_open(key_id) : NULL;
	sign.lifetime = renew->lifetime;
	sign.shard = -1;
	if (issuer != NULL)
		(void) cm_issuer_shard(issuer, true, &sign.shard);
	cm_ca_sign(&sign, der);
	id = cm_ca_certificate_put(issuer ? issuer->ca_id : ca->id, issuer ? issuer->certificate_id : 0, sign.shard, cm_slice(der->data, der->len),
							   cm_slice(NULL, 0), ca->certificate_id, renew->actor);
	if (issuer != NULL)
		cm_issuer_unpin(issuer);
	put_issuer(ca, id, key_id, renew->activate);
	cm_audit(renew->actor, "renew-ca", "ca", ca->id, psprintf("{\"certificate\": %lld, \"new_key\": %s}", (long long) id, renew->new_key ? "true" : "false"));
	return id;
}

/* ---- cross-signing ---- */

/* The path length of what is certified, or what the issuer leaves of it. */
static void
fit_path_length(CmCaSign *sign)
{
	int			most = sign->issuer->path_length - 1;

	if (sign->issuer->path_length > 0 && !cm_slice_equal(sign->issuer->subject, sign->subject) && (sign->path_length < 0 || sign->path_length > most))
		sign->path_length = most;
}

static CmIssuer *
open_signer(const CmCrossSign *cross)
{
	CmCaRow    *by = cm_ca_require(cross->by, false);
	CmIssuer   *issuer;

	if (cross->by_certificate != CM_ISSUER_ACTIVE)
		issuer = cm_issuer_load(by->id, issuer_of(by, cross->by_certificate));
	else
		issuer = cm_issuer_get(by->id);
	if (issuer->external)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is external and signs no CA certificates", cross->by)));
	return issuer;
}

int64
cm_ca_cross_sign(const CmCrossSign *cross)
{
	CmCaRow    *ca = cm_ca_require(cross->name, true);
	CmBuf	   *der = cm_own_buf(0);
	CmCaSign	sign = {cross->name};
	CmCaIssuer *certified;
	CmIssuer   *issuer;
	CmCertificate cert;
	CmCertificate signer;
	int64		id;

	certified = issuer_of(ca, cross->certificate);
	parse(certified->der, &cert);
	issuer = open_signer(cross);
	cm_issuer_pin(issuer);
	parse(cm_ca_issuer_get(issuer->ca_id, issuer->certificate_id)->der, &signer);
	if (cm_slice_equal(signer.spki, cert.spki))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key does not cross-sign itself"),
				 errhint("SELECT certmgr.renew_ca(%s) makes another certificate of the same key.", quote_literal_cstr(cross->name))));
	cm_ca_sign_like(&sign, &cert);
	sign.subject = cert.subject;
	sign.spki = cert.spki;
	sign.issuer = issuer;
	sign.lifetime = cross->lifetime;
	sign.seconds = cert.not_after - timestamptz_to_time_t(GetCurrentTimestamp());
	if (cross->path_length >= 0 && (sign.path_length < 0 || sign.path_length > cross->path_length))
		sign.path_length = cross->path_length;
	if (cross->template != NULL)
		cm_ca_sign_by_template(&sign, cross->template);
	fit_path_length(&sign);
	(void) cm_issuer_shard(issuer, true, &sign.shard);
	cm_ca_sign(&sign, der);
	id = cm_ca_certificate_put(issuer->ca_id, issuer->certificate_id, sign.shard, cm_slice(der->data, der->len), cm_slice(NULL, 0), 0, cross->actor);
	cm_issuer_unpin(issuer);
	cm_ca_issuer_put(ca->id, id, certified->key_id);
	cm_audit(cross->actor, "cross-sign", "ca", ca->id, psprintf("{\"certificate\": %lld}", (long long) id));
	return id;
}

/* ---- which one ---- */

void
cm_ca_activate(const char *name, int64 certificate_id, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);
	CmCaIssuer *issuer = issuer_of(ca, certificate_id);
	int64_t		now = timestamptz_to_time_t(GetCurrentTimestamp());
	CmCertificate cert;

	parse(issuer->der, &cert);
	if (issuer->revoked || cert.not_after <= now || cert.not_before > now)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld cannot become the issuer of certificate authority \"%s\"", (long long) certificate_id, name),
				 issuer->revoked ? errdetail("It is revoked.") : cert.not_after <= now ? errdetail("It has expired.") : errdetail("It is not valid yet.")));
	if (issuer->certificate_id == ca->certificate_id)
		return;
	put_issuer(ca, certificate_id, issuer->has_key ? issuer->key_id : 0, true);
	cm_audit(actor, "activate-ca-issuer", "ca", ca->id, psprintf("{\"certificate\": %lld}", (long long) certificate_id));
	if (strcmp(ca->state, "disabled") == 0)
		ereport(NOTICE,
				(errmsg("certificate authority \"%s\" stays disabled", name),
				 errhint("SELECT certmgr.enable_ca(%s);", quote_literal_cstr(name))));
}

/* ---- the chain that an administrator wants ---- */

static void
read_chain(const char *name, const char *pem, CmSlice spki, CmBuf *ordered)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	size_t		leaf_len;
	int			count;

	if (!cm_certificates_from_text(cm_slice(pem, strlen(pem)), CHAIN_MAX, ders, &count, &st) ||
		!cm_chain_order(cm_slice(ders->data, ders->len), spki, ordered, &leaf_len, &st))
		cm_throw(&st, NULL);
	/* One that is not on the path, or out of order, is a mistake that would be sent to everybody. */
	if (ordered->len != ders->len || memcmp(ordered->data, ders->data, ders->len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("certificates are not a chain of certificate authority \"%s\"", name),
				 errdetail("The first must be the CA's own, and each must be signed by the next.")));
}

void
cm_ca_set_chain(const char *name, const char *chain, int64 certificate_id, const char *actor)
{
	CmCaRow    *ca = require_with_certificate(name);
	CmCaIssuer *issuer = issuer_of(ca, certificate_id);
	CmBuf	   *ordered = cm_own_buf(0);
	CmCertificate cert;

	parse(issuer->der, &cert);
	if (chain != NULL)
		read_chain(name, chain, cert.spki, ordered);
	cm_ca_issuer_set_chain(ca->id, issuer->key_id, cm_slice(ordered->data, ordered->len));
	cm_audit(actor, "set-chain", "ca", ca->id, NULL);
}
