/*
 * acme_steps_new_order.c - the step that makes an order at the CA: what it
 * asks for (names, profile, times, the certificate it replaces), and what the
 * CA may not take of that. Engines only; no lock is held while the CA is asked.
 * A CA that refuses is said in the order's certificate.
 */
#include "postgres.h"

#include "base/host.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/challenge.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "store/acme_renewal_info.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

/* How often an order looks whether the one with the same names is through. */
#define TWIN_MS 10000
/* A turn of another engine, which holds the limits of the CA until it ends, takes some milliseconds. */
#define BUSY_MS 20

#define TAG_REPLACES 1

/*
 * What the order replaces, or NULL. Sent once: whatever comes back but an
 * order, the next newOrder goes without. A CA that made the order and whose
 * answer was lost would refuse a second one with "replaces", and gives the
 * first one to the same request without it.
 */
static const char *
replaces(CmAcmeOrderRow *order)
{
	CmBuf	   *id = cm_own_buf(0);
	CmCertificate cert;
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		der;

	if (order->renewed_from == 0 || order->replaces_sent)
		return NULL;
	der = cm_renewal_info_replaceable(order->renewed_from, order->ca_id);
	if (der.len == 0 || !cm_certificate_parse(der, &cert, &st) || !cm_acme_certificate_id(cert.authority_key_id, cert.serial, id, &st))
		return NULL;
	cm_acme_order_set_replaces(order, cm_buf_cstr(id), true);
	return order->replaces;
}

/*
 * The CA does not give this account that profile (Let's Encrypt says
 * "unauthorized" of profiles for listed accounts). One that is only preferred
 * is left out of the next newOrder.
 */
#define WITHOUT_PROFILE 1

/* The subscriber's, or the CA's. */
static const char *
profile_of(const CmWork *work, const CmJson *config)
{
	return work->order->profile != NULL ? work->order->profile : cm_json_get_string(config, "profile");
}

/* Said while it is on its way, and of the certificate. */
static void
without_profile(CmWork *work, const char *words)
{
	cm_acme_order_set_note(work->order, psprintf("%s: ordered without a profile", words));
	cm_acme_certificate_message(work->order->certificate_id, work->order->note);
}

static bool
profile_refused(CmWork *work, const CmOp *op)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *config;
	const char *policy;
	bool		refused = strcmp(op->reply.problem_type, "invalidProfile") == 0 || strcmp(op->reply.problem_type, "unauthorized") == 0;

	if (!refused || op->reply.status.code != CM_REFUSED || (work->variant & WITHOUT_PROFILE))
		return false;
	config = cm_json_config(work->account->ca_config, &st);
	policy = cm_json_get_string(config, "profile_policy");
	if (profile_of(work, config) == NULL || policy == NULL || strcmp(policy, "preferred") != 0)
		return false;
	work->variant |= WITHOUT_PROFILE;
	without_profile(work, "the CA does not give its preferred profile");
	return true;
}

static bool
is_offered(const CmAcmeDirectory *directory, const char *profile)
{
	for (int i = 0; i < directory->profile_count; i++)
	{
		if (strcmp(directory->profiles[i], profile) == 0)
			return true;
	}
	return false;
}

static char *
offered(const CmAcmeDirectory *directory)
{
	StringInfoData words;

	if (directory->profile_count == 0)
		return "it lists none";
	initStringInfo(&words);
	for (int i = 0; i < directory->profile_count; i++)
		appendStringInfo(&words, "%s%s", i > 0 ? ", " : "it lists ", directory->profiles[i]);
	return words.data;
}

#define TAG_DIRECTORY 2

static void
ask_directory(CmWork *work)
{
	CmOp	   *op = cm_work_acme(work, CM_ACME_DIRECTORY, NULL, NULL);

	op->tag = TAG_DIRECTORY;
	op->request.fresh = true;
}

/*
 * The profile that the order asks for. A server that knows no profiles would
 * pass the member over, and issue another one than is required; of one that
 * does, names that its directory does not list must not be asked for. False:
 * fate says how it goes on.
 */
static bool
choose_profile(CmWork *work, const CmJson *config, const char **profile, CmFate *fate)
{
	const CmAcmeDirectory *directory = cm_acme_session_directory(work->client->session);
	const char *policy = cm_json_get_string(config, "profile_policy");
	const char *alter = work->order->profile != NULL ? "alter_subscriber(NAME" : psprintf("alter_acme_ca(%s", quote_literal_cstr(work->account->ca_name));
	bool		preferred = policy != NULL && strcmp(policy, "preferred") == 0;
	const char *lacks = NULL;

	*profile = work->variant & WITHOUT_PROFILE ? NULL : profile_of(work, config);
	if (*profile == NULL)
		return true;
	if (!work->account->quirks.profiles)
		lacks = "the CA knows no profiles (quirk \"profiles\")";
	/* The CA may have got it since the directory was read. */
	else if (directory == NULL || (!is_offered(directory, *profile) && !cm_acme_session_directory_fresh(work->client->session)))
	{
		ask_directory(work);
		*fate = CM_FATE_IO;
		return false;
	}
	else if (!is_offered(directory, *profile))
		lacks = psprintf("the CA's directory does not offer it: %s", offered(directory));
	if (lacks != NULL && !preferred)
	{
		*fate = cm_order_failed(work, psprintf("profile \"%s\" is required and %s; SELECT certmgr.%s, profile => '')", *profile, lacks, alter), NULL, false);
		return false;
	}
	if (lacks != NULL)
	{
		without_profile(work, psprintf("profile \"%s\" is preferred and %s", *profile, lacks));
		*profile = NULL;
	}
	return true;
}

/* CAs that take no notAfter, or not that one, say "malformed": they would say it for ever. */
static bool
lifetime_refused(const CmWork *work, const CmOp *op)
{
	return (work->order->has_lifetime || work->order->not_before != 0) && op->reply.status.code == CM_REFUSED && strcmp(op->reply.problem_type, "malformed") == 0;
}

static CmFate
lifetime_failed(CmWork *work, CmOp *op)
{
	const char *words = work->order->not_before != 0
		? psprintf("the CA did not take the order with these times (notBefore%s): %s; order it without not_before", work->order->has_lifetime ? ", notAfter" : "", cm_reply_words(&op->reply))
		: psprintf("the CA did not take the order with a lifetime (notAfter): %s; SELECT certmgr.alter_subscriber(NAME, lifetime => '0')", cm_reply_words(&op->reply));

	return cm_order_failed(work, words, cm_reply_problem(&op->reply), false);
}

/* A time that has come meanwhile needs not be asked for. */
static void
wish_times(const CmAcmeOrderRow *order, CmAcmeOrderWish *wish)
{
	TimestampTz now = GetCurrentTimestamp();

	if (order->not_before > now)
		wish->not_before = timestamptz_to_time_t(order->not_before);
	if (order->has_lifetime)
		wish->not_after = timestamptz_to_time_t(cm_timestamp_plus(Max(now, order->not_before), &order->lifetime));
}

/* It was sent with "replaces" and brought no order. */
static CmFate
without_replaces(CmWork *work, CmOp *op)
{
	/* Too many requests: it was not looked at. */
	if (op->reply.status.code == CM_LIMIT)
		cm_acme_order_set_replaces(work->order, NULL, false);
	else if (strcmp(op->reply.problem_type, "accountDoesNotExist") != 0)
		return CM_FATE_NEXT;
	return cm_order_refused(work, op);
}

/* It fitted when it was asked for; the CA's kind of challenge may be another one now. */
static bool
can_be_proven(CmWork *work, CmStatus *st)
{
	const CmChallenge *challenge = cm_challenge(cm_challenge_of_ca(work->account->ca_config));

	for (int i = 0; challenge != NULL && i < work->order->identifier_count; i++)
	{
		if (!cm_challenge_fits(challenge, work->order->identifiers[i], st))
			return false;
	}
	return true;
}

CmFate
cm_step_new_order_prepare(CmWork *work)
{
	CmAcmeOrderRow *order = work->order;
	CmAcmeIdentifier *ids = palloc0(sizeof(CmAcmeIdentifier) * order->identifier_count);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	TimestampTz until;
	char	   *words;
	CmJson	   *config;
	CmAcmeOrderWish wish = {0};
	int64		twin;
	CmFate		fate;
	CmOp	   *op;

	if (order->url != NULL)
		return cm_order_step(work, "authorize", NULL);
	if (!can_be_proven(work, &st))
		return cm_order_failed(work, cm_status_words(&st), NULL, false);
	/* The CA would give us the order of the other one: two CSRs for one order. */
	if (work->account->quirks.order_reuse && (twin = cm_acme_order_twin(order)) != 0)
	{
		cm_acme_certificate_message(order->certificate_id, psprintf("waits until certificate %lld, which has the same names, is through", (long long) twin));
		return cm_work_again(work, TWIN_MS, true);
	}
	for (int i = 0; i < order->identifier_count; i++)
	{
		uint8_t		address[16];
		size_t		len;

		ids[i].type = cm_address_parse(order->identifiers[i], address, &len) ? "ip" : "dns";
		ids[i].value = order->identifiers[i];
	}
	config = cm_json_config(work->account->ca_config, &st);
	if (!choose_profile(work, config, &wish.profile, &fate))
		return fate;
	if (!cm_acme_limit_hold(work->account))
		return cm_work_again(work, (int64) cm_jitter(BUSY_MS, 3 * BUSY_MS), true);
	if (!cm_acme_limit_charge(work->account, order, &until, &words))
	{
		cm_acme_certificate_message(order->certificate_id, words);
		return cm_work_again(work, Max((until - GetCurrentTimestamp()) / 1000, 0) + 1, true);
	}
	/* Said once: not before it is sent. */
	wish.replaces = replaces(order);
	wish_times(order, &wish);
	if (!cm_acme_new_order_payload(ids, order->identifier_count, &wish, payload, &st))
		return cm_order_failed(work, cm_status_words(&st), NULL, false);
	op = cm_work_acme(work, CM_ACME_NEW_ORDER, NULL, pstrdup(cm_buf_cstr(payload)));
	op->tag = wish.replaces != NULL ? TAG_REPLACES : 0;
	/* The authorizations are read all at once. */
	op->request.followers = order->identifier_count;
	return CM_FATE_IO;
}

CmFate
cm_step_new_order_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeOrderRow *order = work->order;
	CmAcmeOrder said;
	CmStatus	st = CM_STATUS_INIT;

	if (op->reply.status.code == CM_OK && op->tag == TAG_DIRECTORY)
		return CM_FATE_NEXT;
	if (op->reply.status.code != CM_OK && op->tag == TAG_REPLACES)
		return without_replaces(work, op);
	if (profile_refused(work, op))
		return CM_FATE_NEXT;
	if (lifetime_refused(work, op))
		return lifetime_failed(work, op);
	if (op->reply.status.code != CM_OK)
		return cm_order_refused(work, op);
	if (op->reply.location[0] == '\0' || !cm_acme_order_parse(cm_reply_body(&op->reply), &said, &st))
	{
		if (st.code == CM_OK)
			cm_fail(&st, CM_PROTOCOL, "the CA did not say the URL of the order");
		op->reply.status = st;
		return cm_order_refused(work, op);
	}
	/* Boulder gives the same open order again for the same names: the other certificate has it now. */
	if (!cm_acme_order_set_url(order, op->reply.location))
		return cm_work_retry(work, order->certificate_id, "the CA gave an order that another certificate with these names uses", 30);
	/* Finalized before we asked: its certificate is for a key of before (a restored database), and the next order is another one. */
	if (strcmp(said.status, "valid") == 0)
		return cm_order_failed(work, "the CA gave an order that was finalized before", NULL, true);
	for (int i = 0; i < said.authorization_count; i++)
		cm_acme_authorization_put(order->id, said.authorizations[i]);
	if (strcmp(said.status, "pending") != 0)
		return cm_order_by_status(work, &said, op->reply.retry_after);
	cm_acme_order_set_answer(order, said.status, said.finalize, said.certificate,
							 said.expires > 0 ? time_t_to_timestamptz((pg_time_t) said.expires) : 0);
	return cm_order_step(work, "authorize", NULL);
}
