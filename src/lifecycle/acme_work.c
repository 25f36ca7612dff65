/*
 * acme_work.c - jobs in flight: the frame in which the steps of the ACME
 * machine run, and what they have in common. Engines only.
 *
 * Callbacks of operations run on the event loop: they move the answer and
 * count down, nothing else; nothing there may throw.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/fallback.h"
#include "lifecycle/master_key.h"
#include "lifecycle/challenge.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "store/acme_exchange.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Back-off of requests (base, cap): an overloaded server gets five minutes of quiet at most, since nobody waits longer gladly. */
#define RETRY_BASE_MS 1000.0
#define RETRY_CAP_MS 300000.0
/* A server's Retry-After is law, but a day is enough for anybody. */
#define RETRY_AFTER_MAX_S 86400

/* ---- operations ---- */

static void
free_op(void *object)
{
	CmOp	   *op = object;

	cm_buf_free(&op->reply.body);
	cm_buf_free(&op->reply.headers);
	free(op->dns.ids);
}

CmOp *
cm_work_op(CmWork *work, CmOpKind kind)
{
	MemoryContext old = MemoryContextSwitchTo(work->step_context);
	CmOwn	   *own = cm_own(free_op);
	CmOp	   *op = palloc0(sizeof(CmOp));

	if (work->nops >= CM_WORK_MAX_OPS)
		elog(ERROR, "too many operations in one step");
	cm_buf_init(&op->reply.body, 0);
	cm_buf_init(&op->reply.headers, 0);
	op->reply.retry_after = -1;
	op->reply.elapsed_ms = -1;
	op->dns.retry_after = -1;
	own->object = op;
	op->work = work;
	op->kind = kind;
	work->ops[work->nops++] = op;
	MemoryContextSwitchTo(old);
	return op;
}

static const char *
target_name(const CmWork *work, CmAcmeTarget target)
{
	switch (target)
	{
		case CM_ACME_NEW_ACCOUNT:
			return "newAccount";
		case CM_ACME_NEW_ORDER:
			return "newOrder";
		case CM_ACME_REVOKE_CERT:
			return "revokeCert";
		case CM_ACME_KEY_CHANGE:
			return "keyChange";
		case CM_ACME_DIRECTORY:
			return "directory";
		default:
			return strcmp(work->job.kind, "acme_order") == 0 ? "order" : "account";
	}
}

CmOp *
cm_work_acme(CmWork *work, CmAcmeTarget target, const char *url, const char *payload)
{
	CmOp	   *op = cm_work_op(work, CM_OP_ACME);

	op->request.target = target;
	op->request.url = url;
	op->request.payload = payload;
	op->request.key = work->client->key;
	/* A copy: an operation that is sent later outlives the row. */
	op->request.kid = work->account->url != NULL ? MemoryContextStrdup(work->step_context, work->account->url) : NULL;
	op->what = target_name(work, target);
	return op;
}

static void start_op(CmOp *op);

static void
answered(CmOp *op)
{
	CmWork	   *work = op->work;

	op->answered = true;
	if (--work->remaining == 0)
		work->on_finished(work);
}

static void
acme_done(CmAcmeReply *reply, void *arg)
{
	CmOp	   *op = arg;

	op->reply = *reply;
	cm_buf_init(&reply->body, reply->body.max);
	cm_buf_init(&reply->headers, reply->headers.max);
	answered(op);
}

static void
dns_done(CmDns01Result *result, void *arg)
{
	CmOp	   *op = arg;

	op->dns = *result;
	result->ids = NULL;
	answered(op);
}

static CmDns01Call
dns_call(CmOp *op)
{
	CmDns01Call call = {
		.loop = op->work->clients->loop,
		.config = op->config,
		.secret = op->secret,
		.zone = op->zone,
		.zone_id = op->zone_id,
		.name = op->name,
		.records = op->records,
		.count = op->nrecords,
		.change_id = op->change_id,
		.done = dns_done,
		.arg = op
	};

	return call;
}

static void
delay_over(void *arg)
{
	CmOp	   *op = arg;

	op->delay_ms = 0;
	start_op(op);
}

static void
http_done(CmHttpResponse *response, void *arg)
{
	CmOp	   *op = arg;

	cm_acme_reply_read(response, op->http.url, &op->reply);
	op->reply.body = response->body;
	cm_buf_init(&response->body, response->body.max);
	answered(op);
}

static void
start_op(CmOp *op)
{
	CmWork	   *work = op->work;
	CmDns01Call call = dns_call(op);
	CmStatus	st = CM_STATUS_INIT;
	bool		started = false;

	if (op->delay_ms > 0 && cm_timer_start(call.loop, op->delay_ms, delay_over, op) != NULL)
		return;
	switch (op->kind)
	{
		case CM_OP_ACME:
			started = cm_acme_post(work->client->session, &op->request, acme_done, op, &st);
			break;
		case CM_OP_FOLLOW:
			started = cm_dns01_delegation(call.loop, op->config, op->name, dns_done, op, &st);
			break;
		case CM_OP_HTTP:
			started = cm_http_start(work->clients->loop, &op->http, http_done, op, &st) != NULL;
			break;
		case CM_OP_FIND_ZONE:
			started = op->provider->find_zone(&call, &st);
			break;
		case CM_OP_APPLY:
			if (op->provider->apply == NULL)
			{
				cm_dns_function_apply(op);
				answered(op);
				return;
			}
			started = op->provider->apply(&call, &st);
			break;
		case CM_OP_CONFIRM:
			started = op->provider->confirm(&call, &st);
			break;
		case CM_OP_VISIBLE:
			started = cm_dns01_visible(call.loop, op->config, op->zone, op->name, op->value, dns_done, op, &st);
			break;
		case CM_OP_CAA:
			started = cm_dns01_caa(call.loop, op->config, op->name, op->caa, dns_done, op, &st);
			break;
		case CM_OP_PERSIST:
			started = cm_dns01_persist_visible(call.loop, op->config, op->zone, op->name, op->persist, dns_done, op, &st);
			break;
	}
	if (started)
		return;
	op->reply.status = st;
	op->dns.status = st;
	answered(op);
}

void
cm_work_start(CmWork *work)
{
	/* One more than there are, so that none of them ends the step while others are still to be started. */
	work->remaining = work->nops + 1;
	for (int i = 0; i < work->nops; i++)
		start_op(work->ops[i]);
	if (--work->remaining == 0)
		work->on_finished(work);
}

/* ---- a job in flight ---- */

static void
drop_client(CmWork *work)
{
	if (work->client != NULL)
		work->client->refs--;
	work->client = NULL;
}

/* Rows and operations of the last step are forgotten. */
static void
new_step(CmWork *work)
{
	drop_client(work);
	work->nops = 0;
	work->sides = NULL;
	MemoryContextReset(work->step_context);
}

CmWork *
cm_work_create(MemoryContext parent, const CmJobRow *job, CmAcmeClients *clients)
{
	MemoryContext context = AllocSetContextCreate(parent, "certmgr job", ALLOCSET_SMALL_SIZES);
	CmWork	   *work = MemoryContextAllocZero(context, sizeof(CmWork));

	work->job = *job;
	work->context = context;
	work->step_context = AllocSetContextCreate(context, "certmgr step", ALLOCSET_SMALL_SIZES);
	work->row_context = AllocSetContextCreate(context, "certmgr rows", ALLOCSET_SMALL_SIZES);
	work->clients = clients;
	return work;
}

void
cm_work_free(CmWork *work)
{
	drop_client(work);
	MemoryContextDelete(work->context);
}

typedef struct Kind
{
	const char *name;
	CmFate		(*prepare) (CmWork *work);
	CmFate		(*apply) (CmWork *work);
} Kind;

static const Kind kinds[] = {
	{"acme_account", cm_acme_account_prepare, cm_acme_account_apply},
	{"acme_order", cm_acme_order_prepare, cm_acme_order_apply},
	{"acme_cleanup", cm_acme_cleanup_prepare, cm_acme_cleanup_apply},
	{"acme_fallback", cm_fallback_prepare, cm_fallback_apply},
	{"acme_revoke", cm_acme_revoke_prepare, cm_acme_revoke_apply},
	{"dns_check", cm_dns_check_prepare, cm_dns_check_apply},
	{"acme_renewal_info", cm_acme_renewal_info_prepare, cm_acme_renewal_info_apply},
};

static const Kind *
kind_of(const CmWork *work)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, work->job.kind) == 0)
			return &kinds[i];
	}
	elog(ERROR, "unknown kind of job \"%s\"", work->job.kind);
	return NULL;
}

static void
keep_exchange(const CmOp *op)
{
	const CmWork *work = op->work;
	CmAcmeExchange row = {0};

	row.account_id = work->client->account_id;
	if (strcmp(work->job.kind, "acme_order") == 0)
		row.order_id = work->job.target_id;
	else if (strcmp(work->job.kind, "acme_account") != 0)
		row.certificate_id = work->job.target_id;
	row.method = op->request.target == CM_ACME_RENEWAL_INFO ? "GET" : "POST";
	row.kind = op->what;
	row.ms = -1;
	row.status = 400;
	strlcpy(row.problem, "badNonce", sizeof(row.problem));
	for (int i = 0; i < op->reply.bad_nonces; i++)
		cm_acme_exchange_add(&row);
	row.problem[0] = '\0';
	row.status = 404;
	if (op->reply.after_404)
		cm_acme_exchange_add(&row);
	row.ms = (int) op->reply.elapsed_ms;
	row.status = op->reply.code;
	strlcpy(row.problem, op->reply.problem_type, sizeof(row.problem));
	cm_acme_exchange_add(&row);
}

/* What was asked and answered goes into the ledger, whatever becomes of it here. */
static void
keep_exchanges(CmWork *work)
{
	for (int i = 0; i < work->nops; i++)
	{
		/* Without a time nothing was sent. */
		if (work->ops[i]->kind == CM_OP_ACME && work->ops[i]->answered && work->ops[i]->reply.elapsed_ms >= 0)
			keep_exchange(work->ops[i]);
	}
}

/* Does the CA answer at all? Before the step, which may forget the account. */
static void
note_answers(CmWork *work)
{
	for (int i = 0; i < work->nops && work->client != NULL; i++)
	{
		CmAcmeAccountRow *account;

		if (work->ops[i]->kind != CM_OP_ACME || !work->ops[i]->answered)
			continue;
		account = cm_acme_clients_account(work->clients, work->client->account_id);
		if (account != NULL)
			cm_acme_breaker_note(account->ca_id, &work->ops[i]->reply);
	}
}

bool
cm_work_advance(CmWork *work)
{
	const Kind *kind = kind_of(work);
	MemoryContext old = MemoryContextSwitchTo(work->step_context);
	CmFate		fate = CM_FATE_NEXT;

	work->order = NULL;
	MemoryContextReset(work->row_context);
	keep_exchanges(work);
	/* Law L5: an outcome counts only under the lease it was claimed with. */
	if (!cm_job_hold(&work->job, cm_after_ms(CM_LEASE_MS / 2), cm_after_ms(CM_LEASE_MS)))
		fate = CM_FATE_RELEASED;
	else if (work->nops > 0)
	{
		note_answers(work);
		fate = kind->apply(work);
	}

	while (fate == CM_FATE_NEXT)
	{
		new_step(work);
		fate = kind->prepare(work);
	}
	if (work->order != NULL)
		cm_acme_order_save(work->order);
	else
		work->clients->account = NULL;	/* a job about the account itself may have changed it */
	MemoryContextSwitchTo(old);
	return fate == CM_FATE_IO;
}

void
cm_work_crashed(CmWork *work, const char *message)
{
	/* Half a minute to five: what is wrong is on our side (sealed keys, a full disk), and will not be mended in a second. */
	int64		ms = (int64) (cm_jitter(0.8, 1.2) * Min(30000.0 * (work->job.attempt + 1), RETRY_CAP_MS));

	cm_job_hinder(&work->job, cm_after_ms(ms), message);
	if (strcmp(work->job.kind, "acme_order") == 0)
	{
		CmAcmeOrderRow *order = cm_acme_order_get(work->job.target_id);

		if (order != NULL)
			cm_acme_certificate_message(order->certificate_id, psprintf("%s; next attempt at %s", message, cm_time_words(cm_after_ms(ms))));
	}
	else if (strcmp(work->job.kind, "acme_account") == 0)
	{
		CmAcmeAccountRow *account = cm_acme_account_get(work->job.target_id);

		if (account != NULL)
			cm_acme_account_say(account, message);
	}
}

/* ---- outcomes ---- */

double
cm_jitter(double low, double high)
{
	return low + (high - low) * pg_prng_double(&pg_global_prng_state);
}

TimestampTz
cm_after_ms(int64 ms)
{
	return GetCurrentTimestamp() + ms * 1000;
}

CmFate
cm_work_finish(CmWork *work)
{
	cm_job_finish(&work->job);
	return CM_FATE_RELEASED;
}

CmFate
cm_work_again(CmWork *work, int64 ms, bool progress)
{
	cm_job_again(&work->job, cm_after_ms(ms), progress);
	return CM_FATE_RELEASED;
}

CmFate
cm_work_retry(CmWork *work, int64 certificate_id, const char *reason, int64 retry_after_s)
{
	double		cap = Min(RETRY_BASE_MS * pow(2, Min(work->job.attempt, 20)), RETRY_CAP_MS);
	int64		ms = (int64) cm_jitter(cap * 0.1, cap);
	TimestampTz at;

	if (retry_after_s >= 0)
		ms = Max(Min(retry_after_s, RETRY_AFTER_MAX_S) * 1000, 200);
	at = cm_after_ms(ms);
	cm_job_fail(&work->job, at, reason);
	if (certificate_id != 0)
		cm_acme_certificate_message(certificate_id, psprintf("%s; next attempt at %s", reason, cm_time_words(at)));
	return CM_FATE_RELEASED;
}

bool
cm_work_failing(const CmWork *work, int64 ms)
{
	return work->job.attempt > 0 && work->job.failing_since != 0 && GetCurrentTimestamp() - work->job.failing_since > ms * 1000;
}

bool
cm_work_load_account(CmWork *work, int64 account_id)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_master_key_load(&st))
	{
		cm_work_crashed(work, cm_status_words(&st));
		return false;
	}
	work->account = cm_acme_clients_account(work->clients, account_id);
	if (work->account == NULL)
	{
		cm_work_finish(work);
		return false;
	}
	work->client = cm_acme_client_get(work->clients, work->account);
	work->client->refs++;
	return true;
}

/* ---- words ---- */

char *
cm_status_words(const CmStatus *st)
{
	char	   *words = st->detail[0] != '\0' ? psprintf("%s: %s", st->reason, st->detail) : pstrdup(st->reason[0] != '\0' ? st->reason : "unknown failure");
	size_t		len = strlen(words);

	/* A detail is a sentence; more follows here. */
	if (len > 0 && words[len - 1] == '.')
		words[len - 1] = '\0';
	return words;
}

CmSlice
cm_reply_body(const CmAcmeReply *reply)
{
	return cm_slice(reply->body.data, reply->body.len);
}

/* Which of the challenges is ours: as when it was read first. */
static const char *
challenge_type(const CmOp *op)
{
	const char *type = op->challenge_type;

	if (type == NULL)
		type = cm_acme_authorization_type(op->row_id);
	return type != NULL ? type : cm_challenge_of_ca(op->work->account->ca_config);
}

bool
cm_op_authorization(CmOp *op, CmAcmeAuthorization *said, CmStatus *st)
{
	CmAcmeAuthorizationRow row = {0};

	op->challenge_type = challenge_type(op);
	if (!cm_acme_authorization_parse(cm_reply_body(&op->reply), op->challenge_type, said, st))
		return false;
	row.challenge_type = unconstify(char *, op->challenge_type);
	row.identifier = said->identifier;
	row.wildcard = said->wildcard;
	row.status = said->status;
	row.challenge_url = said->challenge_url;
	row.token = said->token;
	row.issuers = said->issuers;
	row.issuer_count = said->issuer_count;
	cm_acme_authorization_set(op->row_id, &row, said->error != NULL ? said->error->json : NULL);
	return true;
}

char *
cm_reply_words(const CmAcmeReply *reply)
{
	CmAcmeProblem problem;

	if (reply->status.code != CM_OK && reply->problem_type[0] != '\0' && cm_acme_problem_parse(cm_reply_body(reply), &problem) && problem.detail != NULL)
		return psprintf("the CA said: %s", problem.detail);
	return cm_status_words(&reply->status);
}

char *
cm_reply_problem(CmAcmeReply *reply)
{
	CmAcmeProblem problem;

	return cm_acme_problem_parse(cm_reply_body(reply), &problem) ? problem.json : NULL;
}

bool
cm_reply_transient(const CmAcmeReply *reply)
{
	/* Not by the status code: some servers say 500 where they refuse (Vault), and the reply's judge knows the types. */
	return reply->status.code != CM_REFUSED || reply->code == 0 || reply->code == 429 ||
		strcmp(reply->problem_type, "rateLimited") == 0 || strcmp(reply->problem_type, "serverInternal") == 0 ||
		strcmp(reply->problem_type, "badNonce") == 0;
}

/* Seconds are enough for people. */
char *
cm_time_words(TimestampTz at)
{
	return pstrdup(timestamptz_to_str(at - at % USECS_PER_SEC));
}
