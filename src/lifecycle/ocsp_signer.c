/*
 * ocsp_signer.c - delegated signers of OCSP answers (RFC 6960 4.2.2.2): short-lived
 * certificates that a CA's key issues for it, never revoked (id-pkix-ocsp-nocheck).
 *
 * Runs in the engine and in backends, as certmgr_owner, in one transaction.
 * Locks the row of the CA. What may fail: the master key is not there.
 */
#include "postgres.h"

#include "lifecycle/master_key.h"
#include "lifecycle/ocsp.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/certificate.h"
#include "store/insert.h"
#include "store/key.h"
#include "store/ocsp.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/name.h"
#include "x509/policy.h"
#include "x509/tbs.h"
#include "x509/usage.h"

/* Clocks differ. */
#define BACKDATE 60
/* An answer is kept for hours at most; a signer that ended is of no use after a day. */
#define KEEP_US USECS_PER_DAY

#define SUBJECT "CN=OCSP Signer"

/* Extension id-pkix-ocsp-nocheck, NULL. */
static const uint8_t nocheck[] = {0x30, 15, 0x06, 9, 0x2b, 6, 1, 5, 5, 7, 48, 1, 5, 0x04, 2, 0x05, 0};

typedef struct NewSigner
{
	const CmOcspIssuerRow *issuer;
	CmCertificate parent;
	CmTbs		tbs;
	CmBuf	   *subject;
	CmBuf	   *usages;			/* extended key usages */
	int64		key_id;
	CmBuf	   *der;
	uint8_t		serial[CM_SERIAL_SIZE];
} NewSigner;

static void
fill_tbs(NewSigner *n, TimestampTz now)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;

	if (!cm_certificate_parse(n->issuer->der, &n->parent, &st) || !cm_key_alg_parse(n->issuer->signer_key_algorithm, &alg, &st) ||
		!cm_serial_random(n->serial, &st) || !cm_name_parse(SUBJECT, n->subject, &st) ||
		!cm_usage_parse("digitalSignature", &n->tbs.key_usage, n->usages, &st) || !cm_usage_parse("OCSPSigning", &n->tbs.key_usage, n->usages, &st))
		cm_throw(&st, NULL);
	n->key_id = cm_store_key_create(alg);
	n->tbs.serial = cm_slice(n->serial, sizeof(n->serial));
	n->tbs.issuer_alg = n->parent.key_alg;
	n->tbs.issuer = n->parent.subject;
	n->tbs.authority_key_id = n->parent.subject_key_id;
	n->tbs.subject = cm_slice(n->subject->data, n->subject->len);
	n->tbs.spki = cm_store_key_spki(n->key_id, NULL);
	n->tbs.not_before = Max(timestamptz_to_time_t(now) - BACKDATE, n->parent.not_before);
	n->tbs.not_after = Min(timestamptz_to_time_t(cm_timestamp_plus(now, &n->issuer->signer_lifetime)), n->parent.not_after);
	n->tbs.path_length = -1;
	n->tbs.ext_key_usage = cm_slice(n->usages->data, n->usages->len);
	n->tbs.extensions = cm_slice(nocheck, sizeof(nocheck));
}

static void
sign(NewSigner *n)
{
	CmStatus	st = CM_STATUS_INIT;
	CmPolicy	policy = {0};
	CmKey	   *key = cm_store_key_open(n->issuer->key_id);
	CmBuf	   *bytes = cm_own_buf(0);

	n->tbs.signature_algorithm = cm_key_sign_algorithm(key);
	policy.holder = psprintf("OCSP signer of certificate authority \"%s\"", n->issuer->name);
	policy.check_subject = true;
	policy.subject = n->tbs.subject;
	policy.check_sans = true;
	policy.key_usage = n->tbs.key_usage;
	policy.ext_key_usage = n->tbs.ext_key_usage;
	policy.max_path_length = -1;
	policy.not_before = n->parent.not_before;
	policy.not_after = n->parent.not_after;
	policy.spki = n->tbs.spki;
	policy.issuer = n->tbs.issuer;
	policy.authority_key_id = n->tbs.authority_key_id;
	policy.extensions = n->tbs.extensions;
	if (!cm_tbs_build(&n->tbs, bytes, &st) || !cm_policy_check(cm_slice(bytes->data, bytes->len), &policy, &st) ||
		!cm_certificate_sign(key, cm_slice(bytes->data, bytes->len), n->der, &st))
		cm_throw(&st, NULL);
}

static void
put(const NewSigner *n, TimestampTz now)
{
	static char *usages[] = {"digitalSignature", "OCSPSigning"};
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};

	row.id = cm_certificate_next_id();
	row.ca_id = n->issuer->ca_id;
	row.issuer_id = n->issuer->certificates[0];
	row.state = "issued";
	row.source = "issued";
	row.serial = n->tbs.serial;
	row.subject = cm_datum_text(SUBJECT);
	row.sans = cm_datum_text_array(NULL, 0);
	row.usages = cm_datum_text_array(usages, 2);
	row.key_algorithm = n->issuer->signer_key_algorithm;
	row.not_before = time_t_to_timestamptz(n->tbs.not_before);
	row.not_after = time_t_to_timestamptz(n->tbs.not_after);
	row.created_at = now;
	row.requested_by = "worker";
	row.status_message = "signs OCSP answers; the worker replaces it";
	row.action = "issue-ocsp-signer";
	cm_certificate_put(&row);
	body.certificate_id = row.id;
	body.der = cm_slice(n->der->data, n->der->len);
	cm_body_insert(&body);
	cm_ocsp_signer_put(row.id, n->issuer->ca_id, n->issuer->key_id, n->key_id, row.not_before, row.not_after);
}

/* Returns when this issuer's next signer is to be made. */
static TimestampTz
refresh_one(const CmOcspIssuerRow *issuer, TimestampTz now)
{
	CmOcspSignerRow signer;
	NewSigner	n = {issuer};
	TimestampTz renew_at = 0;
	TimestampTz not_after;

	/* At two thirds of its life: an outage of the worker of days is not seen from outside. */
	if (cm_ocsp_signer_find(issuer->ca_id, issuer->key_id, now, &signer))
		renew_at = signer.not_before + (signer.not_after - signer.not_before) / 3 * 2;
	if (renew_at > now)
		return renew_at;
	n.subject = cm_own_buf(0);
	n.usages = cm_own_buf(0);
	n.der = cm_own_buf(0);
	fill_tbs(&n, now);
	not_after = time_t_to_timestamptz(n.tbs.not_after);
	/* The CA's certificate ends, and with it this one: there will be no other. */
	if (not_after <= now)
		return DT_NOEND;
	sign(&n);
	put(&n, now);
	return now + Max((not_after - now) / 3 * 2, USECS_PER_SEC);
}

void
cm_ocsp_signers_refresh(int64 ca_id, TimestampTz *next)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "certmgr OCSP signer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(work);
	TimestampTz now = GetCurrentTimestamp();
	CmOcspIssuerRow *issuers;
	int			count;

	*next = DT_NOEND;
	issuers = cm_ocsp_issuers_of(ca_id, &count);
	if (count > 0)
		cm_master_key_require();
	for (int i = 0; i < count; i++)
	{
		TimestampTz at = refresh_one(&issuers[i], now);

		*next = Min(*next, at);
	}
	cm_ocsp_signer_prune(ca_id, now - KEEP_US);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(work);
}
