/*
 * acme_account.c - registering our account at an ACME CA (RFC 8555 7.3): it is
 * looked for by its key before one is made, so that a lost answer, a restore
 * or a second worker never makes two, and a key for external account binding
 * that serves once is not used up for nothing. Engines only.
 */
#include "postgres.h"

#include "acme/class.h"
#include "base/encode.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_account.h"
#include "pg/own.h"
#include "store/acme_quirk.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/secret.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A person has to do something: once a day we look whether it was done. */
#define HUMAN_MS (INT64CONST(24) * 3600 * 1000)
#define EAB_TIMEOUT_MS 30000

static bool
is(const char *string, const char *what)
{
	return strcmp(string, what) == 0;
}

CmFate
cm_account_human(CmWork *work, const char *words)
{
	cm_acme_account_set_trouble(work->account, "needs_human", "find", words);
	return cm_work_again(work, HUMAN_MS, false);
}

CmFate
cm_account_retry(CmWork *work, CmOp *op, const char *words)
{
	CmAcmeClass class = cm_acme_class(&op->reply, true);
	int64		ms = cm_acme_class_delay(class, work->job.attempt, op->reply.retry_after, cm_jitter(0, 1));

	cm_acme_account_say(work->account, psprintf("%s; next attempt at %s", words, cm_time_words(cm_after_ms(ms))));
	cm_job_fail(&work->job, cm_after_ms(ms), words);
	return CM_FATE_RELEASED;
}

/* ---- looking for it ---- */

static CmFate
find_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	CmOp	   *op;

	if (!cm_acme_new_account_payload(NULL, 0, false, true, payload, &st))
		return cm_account_human(work, cm_status_words(&st));
	op = cm_work_acme(work, CM_ACME_NEW_ACCOUNT, NULL, pstrdup(cm_buf_cstr(payload)));
	op->request.kid = NULL;
	op->tag = CM_ACCOUNT_FIND;
	return CM_FATE_IO;
}

/* The CA gave an account, new or found. */
static CmFate
take_account(CmWork *work, CmOp *op)
{
	CmAcmeAccountRow *account = work->account;
	CmAcmeAccount said;
	CmStatus	st = CM_STATUS_INIT;

	if (cm_acme_account_parse(cm_reply_body(&op->reply), &said, &st) && !is(said.status, "valid"))
	{
		cm_acme_account_end(account, "deactivated",
							psprintf("the CA says that the account is \"%s\"; SELECT certmgr.create_acme_account(%s) makes another one", said.status, quote_literal_cstr(account->ca_name)));
		return cm_work_finish(work);
	}
	cm_acme_account_set_valid(account, op->reply.location);
	if (op->tag == CM_ACCOUNT_REGISTER)
		cm_audit("worker", "register", "acme_account", account->id, NULL);
	/* Used up: a key that serves once is of no use to anybody but a thief. */
	if (account->eab_secret_id != 0 && account->quirks.eab_single_use)
	{
		cm_acme_account_set_eab(account->id, account->eab_kid, NULL, 0);
		cm_secret_delete(account->eab_secret_id);
	}
	return CM_FATE_NEXT;
}

/* Another account in the place of one that the CA does not know any more: with a new key, and the orders that are open. */
static CmFate
replace(CmWork *work, const char *words)
{
	CmAcmeAccountRow *account = work->account;
	CmAcmeAccountNew new = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	int64		id;

	if (!cm_key_alg_parse(account->quirks.account_key, &alg, &st))
		elog(ERROR, "%s", st.reason);
	cm_acme_account_end(account, "lost", psprintf("the CA does not know this account any more: %s", words));
	new.ca_id = account->ca_id;
	new.key_id = cm_store_key_create(alg);
	new.contacts = account->contacts;
	new.contact_count = account->contact_count;
	new.agreed = account->agreed;
	new.agreed_to = account->agreed_to;
	new.eab_kid = account->eab_kid;
	new.eab_algorithm = account->eab_algorithm;
	new.eab_secret_id = account->eab_secret_id;
	cm_acme_account_set_eab(account->id, account->eab_kid, NULL, 0);
	id = cm_acme_account_insert(&new);
	(void) cm_acme_account_move_orders(account->id, id);
	cm_job_put("acme_account", id, GetCurrentTimestamp());
	cm_audit("worker", "lose", "acme_account", account->id, NULL);
	return cm_work_finish(work);
}

static bool
is_listed(const CmJson *list, const char *algorithm)
{
	for (int i = 0; cm_json_at(list, i) != NULL; i++)
	{
		const char *name = cm_json_string(cm_json_at(list, i));

		if (name != NULL && is(name, algorithm))
			return true;
	}
	return false;
}

/*
 * A server that takes other signatures says which: an account that never was
 * gets a key for one of those. Not when ours is among them, which another key
 * would not help.
 */
static bool
take_algorithms(CmWork *work, CmOp *op)
{
	static const struct
	{
		const char *jws;
		CmKeyAlg	key;
	}			choices[] = {{"ES256", CM_KEY_EC_P256}, {"ES384", CM_KEY_EC_P384}, {"RS256", CM_KEY_RSA_2048}, {"ES512", CM_KEY_EC_P521}, {"EdDSA", CM_KEY_ED25519}};
	CmSlice		body = cm_reply_body(&op->reply);
	CmJson	   *problem;
	const CmJson *list;
	CmKeyAlg	now;
	int			found = -1;

	if (!is(op->reply.problem_type, "badSignatureAlgorithm") || work->account->url != NULL)
		return false;
	(void) cm_store_key_spki(work->account->key_id, &now);
	problem = cm_json_parse(body, body.len, NULL);
	list = problem != NULL ? cm_json_get(problem, "algorithms") : NULL;
	/* RS256 is for RSA keys of any size. */
	if (now == CM_KEY_RSA_3072 || now == CM_KEY_RSA_4096)
		now = CM_KEY_RSA_2048;
	for (int i = lengthof(choices) - 1; i >= 0; i--)
	{
		if (is_listed(list, choices[i].jws))
			found = found >= 0 && choices[found].key == now ? found : i;
	}
	cm_json_free(problem);
	if (found < 0 || choices[found].key == now)
		return false;
	cm_acme_account_set_key(work->account->id, cm_store_key_create(choices[found].key));
	return true;
}

/* A server that wants another one each time would be asked without a pause. */
static CmFate
with_another_key(CmWork *work, const char *words)
{
	int64		ms = cm_acme_class_delay(CM_ACME_SERVER, work->job.attempt, -1, cm_jitter(0, 1));

	cm_acme_account_say(work->account, psprintf("%s; next attempt, with another key, at %s", words, cm_time_words(cm_after_ms(ms))));
	cm_job_fail(&work->job, cm_after_ms(ms), words);
	return CM_FATE_RELEASED;
}

static CmFate
find_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = work->account;
	CmAcmeClass class = cm_acme_class(&op->reply, true);
	char	   *words = cm_reply_words(&op->reply);

	if (class == CM_ACME_FINE && op->reply.location[0] != '\0')
		return take_account(work, op);
	if (class == CM_ACME_FINE)
	{
		cm_fail(&op->reply.status, CM_PROTOCOL, "the CA did not say the URL of the account");
		return cm_account_retry(work, op, cm_reply_words(&op->reply));
	}
	if (is(op->reply.problem_type, "accountDoesNotExist"))
	{
		if (account->url != NULL)
			return replace(work, words);
		cm_acme_account_set_step(account->id, "register");
		return CM_FATE_NEXT;
	}
	if (take_algorithms(work, op))
		return with_another_key(work, words);
	/* A refusal without words, from a server that answers without bodies. */
	if (account->url == NULL && op->reply.code >= 400 && op->reply.code < 429 && op->reply.problem_type[0] == '\0')
		class = CM_ACME_ORDER;
	/* Some servers look at the rest of the request first; what is wrong with it, registering says again. */
	if (account->url == NULL && (is(op->reply.problem_type, "externalAccountRequired") || is(op->reply.problem_type, "userActionRequired") || class == CM_ACME_ORDER))
	{
		cm_acme_account_set_step(account->id, "register");
		return CM_FATE_NEXT;
	}
	if (is(op->reply.problem_type, "unauthorized"))
		return cm_account_human(work, psprintf("%s; if the account was deactivated, SELECT certmgr.create_acme_account(%s) makes another one", words, quote_literal_cstr(account->ca_name)));
	if (class == CM_ACME_HUMAN)
		return cm_account_human(work, words);
	return cm_account_retry(work, op, words);
}

/* ---- a key for external account binding, by mail address ---- */

static char *
eab_url_of(const CmAcmeAccountRow *account)
{
	CmJson	   *config = cm_json_config(account->ca_config, NULL);
	const char *name = cm_json_get_string(config, "preset");
	CmAcmePreset *preset = NULL;

	if (name != NULL)
		preset = cm_acme_preset_get(name);
	return preset != NULL ? preset->eab_url : NULL;
}

/* "a.b+c@d" as a form has it. */
static char *
form_value(const char *value)
{
	StringInfoData out;

	initStringInfo(&out);
	for (; *value != '\0'; value++)
	{
		unsigned char c = (unsigned char) *value;

		if (isalnum(c) || strchr("-._", c) != NULL)
			appendStringInfoChar(&out, c);
		else
			appendStringInfo(&out, "%%%02X", c);
	}
	return out.data;
}

static CmFate
eab_prepare(CmWork *work)
{
	CmAcmeAccountRow *account = work->account;
	char	   *url = eab_url_of(account);
	CmJson	   *config = cm_json_config(account->ca_config, NULL);
	const char *mail = account->contact_count > 0 ? account->contacts[0] : NULL;
	CmOp	   *op;

	if (url == NULL || mail == NULL)
		return cm_account_human(work, psprintf("the CA gives a key for external account binding to a mail address; SELECT certmgr.alter_acme_ca(%s, contacts => '{you@example.com}')",
											   quote_literal_cstr(account->ca_name)));
	if (pg_strncasecmp(mail, "mailto:", 7) == 0)
		mail += 7;
	op = cm_work_op(work, CM_OP_HTTP);
	op->tag = CM_ACCOUNT_EAB;
	op->http.method = "POST";
	op->http.url = url;
	op->http.content_type = "application/x-www-form-urlencoded";
	op->http.accept = "application/json";
	op->http.body = psprintf("email=%s", form_value(mail));
	op->http.body_len = strlen(op->http.body);
	op->http.timeout_ms = EAB_TIMEOUT_MS;
	op->http.trust_anchors = cm_json_get_string(config, "trust_anchors");
	return CM_FATE_IO;
}

static CmFate
eab_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = work->account;
	CmBuf	   *key = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;
	char	   *kid;
	int64		secret_id;

	if (op->reply.status.code != CM_OK)
		return cm_account_retry(work, op, psprintf("could not get a key for external account binding: %s", cm_status_words(&op->reply.status)));
	if (!cm_acme_eab_parse(cm_reply_body(&op->reply), &kid, key, &st))
	{
		cm_wipe(op->reply.body.data, op->reply.body.len);
		op->reply.status = st;
		return st.code == CM_REFUSED ? cm_account_human(work, cm_status_words(&st)) : cm_account_retry(work, op, cm_status_words(&st));
	}
	cm_wipe(op->reply.body.data, op->reply.body.len);
	secret_id = cm_secret_put(psprintf("eab:%s", account->ca_name), cm_slice(key->data, key->len));
	cm_acme_account_set_eab(account->id, kid, NULL, secret_id);
	cm_acme_account_set_step(account->id, "register");
	return CM_FATE_NEXT;
}

/* ---- making it ---- */

static void
note_directory(int64 account_id, const CmAcmeDirectory *directory)
{
	char	   *identities[CM_ACME_CAA_MAX];

	for (int i = 0; i < directory->caa_count; i++)
		identities[i] = pstrdup(directory->caa_identities[i]);
	cm_acme_account_set_directory(account_id, directory->terms_of_service, identities, directory->caa_count);
}

/* What a person has to do before the CA is asked; NULL: nothing. */
static char *
wanting(CmWork *work, const CmAcmeDirectory *directory)
{
	CmAcmeAccountRow *account = work->account;
	char	   *ca = quote_literal_cstr(account->ca_name);
	const char *terms = directory->terms_of_service;

	if (terms != NULL && !account->agreed)
		return psprintf("the CA wants its terms of service to be agreed to: %s; SELECT certmgr.agree_terms_of_service(%s)", terms, ca);
	if (terms != NULL && account->agreed_to != NULL && !is(terms, account->agreed_to))
		return psprintf("the CA has new terms of service: %s; SELECT certmgr.agree_terms_of_service(%s)", terms, ca);
	if (account->quirks.contact_required && account->contact_count == 0)
		return psprintf("the CA wants a contact; SELECT certmgr.alter_acme_ca(%s, contacts => '{you@example.com}')", ca);
	if ((directory->external_account_required || account->quirks.eab_required) && (account->eab_kid == NULL || account->eab_secret_id == 0))
		return psprintf("the CA wants an external account binding; SELECT certmgr.alter_acme_ca(%s, eab_kid => ..., eab_hmac_key => ...) with what the CA gives you", ca);
	return NULL;
}

static void
bind_account(CmOp *op, const CmAcmeAccountRow *account)
{
	CmBuf	   *sealed;
	CmBuf	   *key;

	if (account->eab_kid == NULL || account->eab_secret_id == 0)
		return;
	sealed = cm_secret_open(account->eab_secret_id);
	key = cm_own_secret(0);
	if (!cm_base64_decode(key, (const char *) sealed->data, sealed->len))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the key for external account binding is not base64")));
	op->request.eab_kid = account->eab_kid;
	op->request.eab_algorithm = account->eab_algorithm;
	op->request.eab_mac_key = cm_slice(key->data, key->len);
}

static CmFate
register_prepare(CmWork *work)
{
	CmAcmeAccountRow *account = work->account;
	const CmAcmeDirectory *directory = cm_acme_session_directory(work->client->session);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload;
	CmOp	   *op;
	char	   *words;

	words = directory != NULL ? wanting(work, directory) : NULL;
	/* The CA may want something else since the directory was read. */
	if (directory == NULL || (words != NULL && !cm_acme_session_directory_fresh(work->client->session)))
	{
		op = cm_work_acme(work, CM_ACME_DIRECTORY, NULL, NULL);
		op->tag = CM_ACCOUNT_DIRECTORY;
		op->request.fresh = true;
		return CM_FATE_IO;
	}
	note_directory(account->id, directory);
	if (words != NULL && account->eab_secret_id == 0 && (directory->external_account_required || account->quirks.eab_required) && eab_url_of(account) != NULL &&
		account->contact_count > 0 && (account->agreed || directory->terms_of_service == NULL))
	{
		cm_acme_account_set_step(account->id, "eab");
		return CM_FATE_NEXT;
	}
	if (words != NULL)
		return cm_account_human(work, words);
	payload = cm_own_buf(0);
	if (!cm_acme_new_account_payload((const char *const *) account->contacts, account->contact_count, account->agreed, false, payload, &st))
		return cm_account_human(work, cm_status_words(&st));
	/* Law L4: whatever becomes of this request, the next thing is to look whether the account is there. */
	cm_acme_account_set_step(account->id, "find");
	op = cm_work_acme(work, CM_ACME_NEW_ACCOUNT, NULL, pstrdup(cm_buf_cstr(payload)));
	op->request.kid = NULL;
	op->tag = CM_ACCOUNT_REGISTER;
	bind_account(op, account);
	return CM_FATE_IO;
}

static CmFate
register_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = work->account;
	const char *type = op->reply.problem_type;
	char	   *ca = quote_literal_cstr(account->ca_name);
	char	   *words = cm_reply_words(&op->reply);
	CmAcmeProblem problem;

	if (op->reply.status.code == CM_OK && op->reply.location[0] != '\0')
		return take_account(work, op);
	if (op->reply.status.code == CM_OK)
		cm_fail(&op->reply.status, CM_PROTOCOL, "the CA did not say the URL of the account");
	if (take_algorithms(work, op))
		return with_another_key(work, words);
	if (is(type, "externalAccountRequired") && account->eab_secret_id == 0 && eab_url_of(account) != NULL && account->contact_count > 0)
	{
		cm_acme_account_set_step(account->id, "eab");
		return CM_FATE_NEXT;
	}
	if (is(type, "externalAccountRequired"))
		return cm_account_human(work, psprintf("%s; SELECT certmgr.alter_acme_ca(%s, eab_kid => ..., eab_hmac_key => ...) with what the CA gives you", words, ca));
	if (is(type, "userActionRequired") && cm_acme_problem_parse(cm_reply_body(&op->reply), &problem) && problem.instance != NULL)
		return cm_account_human(work, psprintf("%s; visit %s, then SELECT certmgr.agree_terms_of_service(%s)", words, problem.instance, ca));
	if (!account->agreed && (is(type, "userActionRequired") || is(type, "agreementRequired") || is(type, "malformed")))
		return cm_account_human(work, psprintf("%s; SELECT certmgr.agree_terms_of_service(%s)", words, ca));
	if (is(type, "unauthorized") && account->eab_kid != NULL)
		return cm_account_human(work, psprintf("%s; the key for external account binding may be wrong or used up: SELECT certmgr.alter_acme_ca(%s, eab_kid => ..., eab_hmac_key => ...)", words, ca));
	switch (cm_acme_class(&op->reply, true))
	{
		case CM_ACME_HUMAN:
		case CM_ACME_ACCOUNT:
		case CM_ACME_ORDER:
			return cm_account_human(work, words);
		default:
			return cm_account_retry(work, op, words);
	}
}

/* ---- which of them ---- */

CmFate
cm_acme_account_prepare(CmWork *work)
{
	CmAcmeAccountRow *account;

	/* The step before changed it. */
	work->clients->account = NULL;
	if (!cm_work_load_account(work, work->job.target_id))
		return CM_FATE_RELEASED;
	account = work->account;
	if (is(account->state, "deactivated") || is(account->state, "lost") || !account->active)
		return cm_work_finish(work);
	if (account->url != NULL && account->deactivation_wanted)
		return cm_account_deactivate_prepare(work);
	if (account->url != NULL && account->rollover != NULL && (is(account->rollover, "draining") || is(account->rollover, "sent")))
		return cm_account_rollover_prepare(work);
	if (account->url != NULL && is(account->state, "valid"))
		return account->update_wanted ? cm_account_update_prepare(work) : cm_work_finish(work);
	/* A person agreed to what the CA wanted of an account that there is. */
	if (account->url != NULL && account->update_wanted && is(account->state, "needs_human"))
		return cm_account_update_prepare(work);
	if (is(account->step, "register"))
		return register_prepare(work);
	if (is(account->step, "eab"))
		return eab_prepare(work);
	return find_prepare(work);
}

CmFate
cm_acme_account_apply(CmWork *work)
{
	work->account = cm_acme_account_get(work->job.target_id);
	if (work->account == NULL)
		return cm_work_finish(work);
	switch ((CmAccountTag) work->ops[0]->tag)
	{
		case CM_ACCOUNT_DIRECTORY:
			if (work->ops[0]->reply.status.code == CM_OK)
				return CM_FATE_NEXT;
			return cm_account_retry(work, work->ops[0], cm_reply_words(&work->ops[0]->reply));
		case CM_ACCOUNT_FIND:
			return find_apply(work);
		case CM_ACCOUNT_EAB:
			return eab_apply(work);
		case CM_ACCOUNT_REGISTER:
			return register_apply(work);
		case CM_ACCOUNT_UPDATE:
			return cm_account_update_apply(work);
		case CM_ACCOUNT_DEACTIVATE:
			return cm_account_deactivate_apply(work);
		case CM_ACCOUNT_KEY_CHANGE:
		case CM_ACCOUNT_PROBE_NEW:
		case CM_ACCOUNT_PROBE_OLD:
			return cm_account_rollover_apply(work);
	}
	return cm_work_finish(work);
}

void
cm_acme_account_look(CmAcmeAccountRow *account, const char *words)
{
	cm_acme_account_set_trouble(account, "pending", "find", words);
	cm_job_put("acme_account", account->id, GetCurrentTimestamp());
}

void
cm_acme_account_needs_human(CmAcmeAccountRow *account, const CmAcmeReply *reply)
{
	char	   *words = cm_reply_words(reply);
	CmAcmeProblem problem;

	if (cm_acme_problem_parse(cm_reply_body(reply), &problem) && problem.instance != NULL)
		words = psprintf("%s; visit %s", words, problem.instance);
	cm_acme_account_set_trouble(account, "needs_human", "find",
								psprintf("%s; then SELECT certmgr.agree_terms_of_service(%s)", words, quote_literal_cstr(account->ca_name)));
	cm_job_put("acme_account", account->id, cm_after_ms(HUMAN_MS));
}
