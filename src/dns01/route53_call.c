/*
 * route53_call.c - calls of Route 53, which allows an account few requests a
 * second.
 *
 * Runs in the database worker and in CALL certmgr.work(); nothing is locked.
 * A question is asked once for all who ask it before the answer comes, and no
 * more often than once a second after the first ones. Requests are paced by
 * account: AWS says when they are too many, and then there are half as many. What may fail:
 * memory, and what aws_call.c tells.
 */
#include "dns01/route53.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Requests a second of an account. AWS's documentation said five for years, and now ten with bursts of fifty; others may use the account
 * besides. We begin with ten, and learn.
 */
#define INTERVAL_MIN_MS 100
#define INTERVAL_MAX_MS 1000
#define BURST 10
/* After these it is the engine's turn to wait. */
#define TRIES_MAX 6
#define BUSY_MS 500
/* Many orders ask the same within a second; the first of them shall not wait. */
#define QUESTION_INTERVAL_MS 1000
#define QUESTION_BURST 3
/* Accounts whose pace is known. With more of them used at once the pace of some is learned again. */
#define ACCOUNTS 16

typedef struct Account
{
	uint8_t		key[CM_DNS01_KEY];
	int64_t		used;
	int64_t		interval_ms;
	int			slowed;			/* how often it was slowed down */
} Account;

typedef struct Asker
{
	struct Asker *next;
	CmAwsDone	done;
	void	   *arg;
} Asker;

typedef struct Request
{
	CmOp		op;
	struct Request *next;		/* of this process */
	const CmRoute53Settings *settings;	/* of the first asker */
	CmAwsCall	call;			/* texts of our own */
	Asker	   *askers;
	CmTimer    *timer;			/* until its turn */
	int			slowed;			/* the account's, when it took its turn */
	int			tries;
} Request;

static Account accounts[ACCOUNTS];
static Request *requests;

/* ---- accounts ---- */

static Account *
account_of(const Request *request)
{
	Account    *oldest = &accounts[0];

	for (int i = 0; i < ACCOUNTS; i++)
	{
		if (accounts[i].used != 0 && memcmp(accounts[i].key, request->settings->account, CM_DNS01_KEY) == 0)
		{
			accounts[i].used = cm_monotonic_ms();
			return &accounts[i];
		}
		if (accounts[i].used < oldest->used)
			oldest = &accounts[i];
	}
	memcpy(oldest->key, request->settings->account, CM_DNS01_KEY);
	oldest->used = cm_monotonic_ms();
	oldest->interval_ms = INTERVAL_MIN_MS;
	oldest->slowed = 0;
	return oldest;
}

/* Half the rate for all that follow. Not once more for each of those that were sent at the old one. */
static void
slow_down(const Request *request)
{
	Account    *account = account_of(request);

	if (request->slowed != account->slowed)
		return;
	account->slowed++;
	account->interval_ms = account->interval_ms * 2 < INTERVAL_MAX_MS ? account->interval_ms * 2 : INTERVAL_MAX_MS;
	cm_dns01_pace_hold(account->key, account->interval_ms, account->interval_ms, BURST);
}

/* And slowly back: half a minute at five a second. */
static void
speed_up(const Request *request)
{
	Account    *account = account_of(request);

	if (account->interval_ms > INTERVAL_MIN_MS)
		account->interval_ms -= 1;
}

/* ---- life ---- */

static void
request_free(Request *request)
{
	Request   **r = &requests;

	while (*r != NULL && *r != request)
		r = &(*r)->next;
	if (*r != NULL)
		*r = request->next;
	while (request->askers != NULL)
	{
		Asker	   *asker = request->askers;

		request->askers = asker->next;
		free(asker);
	}
	cm_timer_cancel(request->timer);
	free((void *) (uintptr_t) request->call.method);
	free((void *) (uintptr_t) request->call.path);
	free((void *) (uintptr_t) request->call.body);
	free((void *) (uintptr_t) request->call.action);
	free(request);
}

static void
drop(CmOp *op)
{
	cm_op_end(op);
	request_free((Request *) op);
}

/* Tells all who asked. What they ask from here on is a new question. */
static void
finish(Request *request, CmAwsAnswer *answer)
{
	Asker	   *asker = request->askers;

	request->askers = NULL;
	cm_op_end(&request->op);
	request_free(request);
	while (asker != NULL)
	{
		Asker	   *next = asker->next;

		asker->done(answer, asker->arg);
		free(asker);
		asker = next;
	}
}

static void
finish_failed(Request *request, const CmStatus *st)
{
	CmAwsAnswer answer;

	cm_aws_answer_init(&answer, st);
	finish(request, &answer);
}

/* ---- turns ---- */

static void on_answer(CmAwsAnswer *answer, void *arg);
static void on_turn(void *arg);

/* Sends, or waits for that many milliseconds and its turn. */
static bool
take_turn(Request *request, int64_t ms, CmStatus *st)
{
	Account    *account = account_of(request);
	int64_t		turn = cm_dns01_pace(account->key, account->interval_ms, BURST);

	request->slowed = account->slowed;
	if (turn > ms)
		ms = turn;
	if (ms == 0)
		return cm_aws_call(request->op.loop, &request->settings->aws, &request->call, on_answer, request, st);
	request->timer = cm_timer_start(request->op.loop, ms, on_turn, request);
	return request->timer != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

static void
on_turn(void *arg)
{
	Request    *request = arg;
	CmStatus	st = CM_STATUS_INIT;
	bool		sent;

	request->timer = NULL;
	/* The account was slowed down since: all who wait take a new turn, in the old order. */
	if (request->slowed != account_of(request)->slowed)
		sent = take_turn(request, 0, &st);
	else
		sent = cm_aws_call(request->op.loop, &request->settings->aws, &request->call, on_answer, request, &st);
	if (!sent)
		finish_failed(request, &st);
}

static void
on_answer(CmAwsAnswer *answer, void *arg)
{
	Request    *request = arg;
	bool		busy = strcmp(answer->code, "PriorRequestNotComplete") == 0;	/* the zone, not the account */
	CmStatus	st = CM_STATUS_INIT;

	if (answer->status.code != CM_LIMIT || answer->code[0] == '\0')
		speed_up(request);
	else
	{
		if (!busy)
			slow_down(request);
		if (answer->retry_after < 0 && ++request->tries < TRIES_MAX)
		{
			if (!take_turn(request, (int64_t) BUSY_MS << (request->tries - 1), &st))
				finish_failed(request, &st);
			return;
		}
	}
	finish(request, answer);
}

/* ---- start ---- */

static bool
add_asker(Request *request, CmAwsDone done, void *arg, CmStatus *st)
{
	Asker	  **last = &request->askers;
	Asker	   *asker = calloc(1, sizeof(Asker));

	if (asker == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	asker->done = done;
	asker->arg = arg;
	while (*last != NULL)
		last = &(*last)->next;
	*last = asker;
	return true;
}

static Request *
same_question(CmLoop *loop, const CmRoute53Settings *settings, const char *path)
{
	Request    *request = requests;

	while (request != NULL && (request->op.loop != loop || request->call.body != NULL || strcmp(request->call.path, path) != 0 ||
							   memcmp(request->settings->account, settings->account, CM_DNS01_KEY) != 0))
		request = request->next;
	return request;
}

/* When the question may be asked once more. */
static int64_t
question_turn(const Request *request)
{
	char		account[2 * CM_DNS01_KEY + 1];
	const char *texts[] = {account, request->call.path};
	uint8_t		key[CM_DNS01_KEY];

	for (int i = 0; i < CM_DNS01_KEY; i++)
		snprintf(&account[2 * i], 3, "%02x", request->settings->account[i]);
	/* Without a key it is asked at once: no reason to fail. */
	return cm_dns01_key(key, texts, 2) ? cm_dns01_pace(key, QUESTION_INTERVAL_MS, QUESTION_BURST) : 0;
}

bool
cm_route53_call(CmLoop *loop, const CmRoute53Settings *settings, const char *method, const char *path, const char *body, const char *action,
				CmAwsDone done, void *arg, CmStatus *st)
{
	Request    *request = body == NULL ? same_question(loop, settings, path) : NULL;

	if (request != NULL)
		return add_asker(request, done, arg, st);
	request = calloc(1, sizeof(Request));
	if (request == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	request->op.loop = loop;
	request->settings = settings;
	request->call.method = strdup(method);
	request->call.path = strdup(path);
	request->call.body = body != NULL ? strdup(body) : NULL;
	request->call.action = strdup(action);
	if (request->call.method == NULL || request->call.path == NULL || request->call.action == NULL || (body != NULL && request->call.body == NULL))
		cm_fail(st, CM_MEMORY, "out of memory");
	else if (add_asker(request, done, arg, st) && take_turn(request, body == NULL ? question_turn(request) : 0, st))
	{
		request->next = requests;
		requests = request;
		cm_op_begin(&request->op, loop, drop);
		return true;
	}
	request_free(request);
	return false;
}
