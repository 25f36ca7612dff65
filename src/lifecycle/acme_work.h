/*
 * acme_work.h - one ACME job in flight: what a step wants from the network,
 * and what came back. Shared by the files of the ACME machine and the engine.
 *
 * A step is a prepare (in a transaction: rows to operations) and an apply (in
 * a later one: answers to rows). Between them the engine performs the
 * operations, all at once, with no transaction open.
 */
#ifndef CM_LIFECYCLE_ACME_WORK_H
#define CM_LIFECYCLE_ACME_WORK_H

#include "acme/messages.h"
#include "acme/session.h"
#include "dns01/provider.h"
#include "store/acme_account.h"
#include "store/acme_authorization.h"
#include "store/acme_order.h"
#include "store/dns_record.h"
#include "store/job.h"

/* What an order waits for. */
typedef enum CmWait
{
	CM_WAIT_NOTHING,
	CM_WAIT_READY,				/* from the challenges to an order that is ready */
	CM_WAIT_ISSUED,				/* from finalize to the certificate */
	CM_WAITS
} CmWait;

/* A question for an order, to be sent after a time. */
typedef struct CmPoll
{
	int64		delay_ms;
	CmWait		learn;			/* how it ends is learned from, by acme_pace.c */
	int			generation;		/* of the pace by which it was timed */
} CmPoll;

/* How long a CA takes for something, as it has been lately. */
typedef struct CmPace
{
	double		ms;				/* 0: not known */
	int			generation;		/* changes with it */
	bool		met;			/* it has been too short once, so it is about right */
} CmPace;

/* How fast this engine may ask a CA, over all its accounts. */
typedef struct CmCaPace
{
	struct CmCaPace *next;
	int64		ca_id;
	CmAcmePace	pace;
} CmCaPace;

/* A CA as this engine talks to it: session, account key. Lives in the engine's memory. */
typedef struct CmAcmeClient
{
	struct CmAcmeClient *next;
	MemoryContext context;
	int64		account_id;
	int64		key_id;
	char	   *config;			/* as it was when this was made */
	CmAcmeSession *session;
	CmKey	   *key;
	CmPace		paces[CM_WAITS];
	TimestampTz resolvers_after;	/* they did not answer questions about CAA records: not asked before */
	int			refs;			/* jobs that use it */
	bool		stale;
} CmAcmeClient;

typedef struct CmAcmeClients
{
	MemoryContext context;
	CmLoop	   *loop;
	CmAcmeClient *first;
	CmCaPace   *ca_paces;		/* kept as long as the engine: a new session must not begin with a new burst */
	MemoryContext turn_context;
	CmAcmeAccountRow *account;	/* the one that was read last in this transaction */
} CmAcmeClients;

typedef enum CmOpKind
{
	CM_OP_ACME,
	CM_OP_FOLLOW,				/* the CNAME at a name */
	CM_OP_HTTP,					/* a plain request; its answer is in reply as well */
	CM_OP_FIND_ZONE,
	CM_OP_APPLY,				/* records into a zone, or out of it */
	CM_OP_CONFIRM,				/* has a change reached all servers of the provider? */
	CM_OP_VISIBLE,
	CM_OP_PERSIST,				/* is a standing record there? */
	CM_OP_CAA					/* may the CA issue for a name? */
} CmOpKind;

typedef struct CmWork CmWork;

/* A DNS provider: its type, configuration and credential, for one step. */
typedef struct CmDnsSide
{
	struct CmDnsSide *next;
	int64		provider_id;
	const CmDns01Provider *provider;
	CmJson	   *config;
	CmSlice		secret;
} CmDnsSide;

typedef struct CmOp
{
	CmWork	   *work;
	CmOpKind	kind;
	int			tag;			/* of the step: what it asked */
	int64		row_id;			/* what it asks about */
	/* ACME */
	CmAcmeRequest request;
	const char *challenge_type; /* of the authorization asked for; NULL: what its row or its CA says */
	const char *what;			/* for the ledger of exchanges: "order", "finalize" ... */
	int64		delay_ms;		/* sent after this time */
	/* HTTP */
	CmHttpRequest http;
	/* DNS */
	const CmDns01Provider *provider;
	int64		provider_id;
	const CmJson *config;
	CmSlice		secret;
	const CmDns01Persist *persist;
	const CmDns01Caa *caa;
	const char *zone;
	const char *zone_id;
	const char *change_id;
	const char *name;
	const char *value;
	CmDns01Record *records;
	int64	   *record_ids;
	int			nrecords;
	bool		again;			/* one of them may be there since an earlier attempt */
	/* what came back */
	bool		answered;
	CmAcmeReply reply;
	CmDns01Result dns;			/* its ids go with the operation */
} CmOp;

#define CM_WORK_MAX_OPS (2 * CM_ACME_MAX_IDENTIFIERS)

struct CmWork
{
	CmWork	   *next;			/* for the engine's lists */
	CmJobRow	job;
	MemoryContext context;
	MemoryContext step_context; /* of the operations and rows of one step */
	MemoryContext row_context;	/* of the order's row, which is read once a transaction */
	CmAcmeClients *clients;
	CmAcmeClient *client;
	CmAcmeAccountRow *account;
	CmAcmeOrderRow *order;
	CmDnsSide  *sides;
	CmOp	   *ops[CM_WORK_MAX_OPS];
	int			nops;
	int			remaining;		/* not answered yet */
	int			variant;		/* of the job's kind: in which way it asks */
	const char *step;			/* of an order: whose operations these are */
	CmSlice		chain;			/* what was downloaded first, while alternates are */
	char	  **alternates;		/* their URLs, NULL at the end; or NULL */
	CmPoll		poll;			/* the question for the order that is to be sent next, or is under way */
	void		(*on_finished) (CmWork *work);	/* the engine: all answered; called on the loop, must not throw */
	void	   *engine;
};

/* What a prepare or an apply decided. */
typedef enum CmFate
{
	CM_FATE_NEXT,				/* prepare the next step right now */
	CM_FATE_IO,					/* perform the operations when this transaction is committed */
	CM_FATE_RELEASED			/* the job's outcome is written */
} CmFate;

/*
 * In a transaction: outcomes of the operations under way, if any, then the
 * next step. True: start the operations after the commit. False: done with it.
 * Throws.
 */
extern bool cm_work_advance(CmWork *work);
/* The job could not be advanced for an error of ours: when it is tried again. In a transaction. */
extern void cm_work_crashed(CmWork *work, const char *message);
/* After the commit: starts all operations. Never throws. */
extern void cm_work_start(CmWork *work);
extern CmWork *cm_work_create(MemoryContext parent, const CmJobRow *job, CmAcmeClients *clients);
extern void cm_work_free(CmWork *work);

/* acme_client.c. Throws when the account key cannot be opened. The session is that of the account's CA. */
extern CmAcmeClient *cm_acme_client_get(CmAcmeClients *clients, const CmAcmeAccountRow *account);
/* A transaction begins: what was read in the last one is forgotten. */
extern void cm_acme_clients_turn(CmAcmeClients *clients, MemoryContext context);
/* The row of an account, read once a transaction when many orders of it are at work. NULL when it is gone. */
extern CmAcmeAccountRow *cm_acme_clients_account(CmAcmeClients *clients, int64 account_id);
extern void cm_acme_clients_close(CmAcmeClients *clients);	/* after the loop is gone, or before: sessions are destroyed */

/* ---- for the steps ---- */

/* What is left of a lease, half of it at least, outlasts every operation: 240 s for finalize at most, 10 bad nonces included. */
#define CM_LEASE_MS INT64CONST(600000)

extern CmOp *cm_work_op(CmWork *work, CmOpKind kind);	/* a new one, in the step's context */
/* An ACME request of this work's account: payload NULL = POST-as-GET. Its name in the ledger of exchanges is that of the target; for a URL, say op->what. */
extern CmOp *cm_work_acme(CmWork *work, CmAcmeTarget target, const char *url, const char *payload);
/* Account row and client; false (job released) when they cannot be had. */
extern bool cm_work_load_account(CmWork *work, int64 account_id);
extern CmFate cm_work_finish(CmWork *work);
extern CmFate cm_work_again(CmWork *work, int64 ms, bool progress);
/* Back-off: full jitter, or what the server said. Says so in the certificate (0: none) and the job. */
extern CmFate cm_work_retry(CmWork *work, int64 certificate_id, const char *reason, int64 retry_after_s);

/* Has every attempt failed, for that long? An order may have waited for days before, for a limit, a person or this server. */
extern bool cm_work_failing(const CmWork *work, int64 ms);
/* One line of what went wrong: reason and detail. palloc'ed. */
extern char *cm_status_words(const CmStatus *st);
/* The same of an ACME answer; for a problem document the CA's words. */
extern char *cm_reply_words(const CmAcmeReply *reply);
/* The problem document, checked to be JSON, or NULL. */
extern char *cm_reply_problem(CmAcmeReply *reply);
extern CmSlice cm_reply_body(const CmAcmeReply *reply);
/* An authorization as the CA answered it, kept in its row (op->row_id); false when the answer is not one. */
extern bool cm_op_authorization(CmOp *op, CmAcmeAuthorization *said, CmStatus *st);
/* Will the same request do better later? (No answer, overloaded, an error of the server's.) */
extern bool cm_reply_transient(const CmAcmeReply *reply);
extern char *cm_time_words(TimestampTz at);
extern TimestampTz cm_after_ms(int64 ms);
extern double cm_jitter(double low, double high);

/* dns_side.c. NULL and st when the provider is gone, unknown, or its credential cannot be opened. Kept for the step. */
extern CmDnsSide *cm_dns_side(CmWork *work, int64 provider_id, CmStatus *st);
/* A DNS operation of that provider. */
extern CmOp *cm_dns_side_op(CmWork *work, const CmDnsSide *side, CmOpKind kind);
/* One apply a provider and zone for these records. False: some provider cannot be used (st); the records of others are dealt with. */
extern bool cm_dns_side_ops(CmWork *work, CmDnsRecordRow *records, int count, bool remove, CmStatus *st);
/* dns_function.c: an apply of the provider "sql", in a transaction of its own. The outcome is in op->dns. Never throws, but for cancel and shutdown. */
extern void cm_dns_function_apply(CmOp *op);

/* The account may not be what we think: it is looked for again, orders wait. */
extern void cm_acme_account_look(CmAcmeAccountRow *account, const char *words);
/* userActionRequired of any request: the account says what a person has to do, and where. */
extern void cm_acme_account_needs_human(CmAcmeAccountRow *account, const CmAcmeReply *reply);

/* The kinds of jobs. */
extern CmFate cm_acme_account_prepare(CmWork *work);
extern CmFate cm_acme_account_apply(CmWork *work);
extern CmFate cm_acme_order_prepare(CmWork *work);
extern CmFate cm_acme_order_apply(CmWork *work);
extern CmFate cm_acme_cleanup_prepare(CmWork *work);
extern CmFate cm_acme_cleanup_apply(CmWork *work);
extern CmFate cm_acme_renewal_info_prepare(CmWork *work);
extern CmFate cm_acme_renewal_info_apply(CmWork *work);
extern CmFate cm_acme_revoke_prepare(CmWork *work);
extern CmFate cm_acme_revoke_apply(CmWork *work);
extern CmFate cm_dns_check_prepare(CmWork *work);
extern CmFate cm_dns_check_apply(CmWork *work);

/* acme_pace.c: when the n-th question (from 0) is asked, and what its answer teaches. */
extern void cm_pace_plan(CmWork *work, CmWait wait, int polls, int64 retry_after_s);	/* into work->poll */
extern void cm_pace_learn(CmWork *work, bool in_time);

/* acme_order.c, for the files of its steps. */
extern CmFate cm_order_step(CmWork *work, const char *step, const char *status);	/* and on with it right now */
extern CmFate cm_order_poll(CmWork *work, const char *step, int64 retry_after_s);	/* later, in this or that step */
/* The challenges are answered: what is asked next, after which time. */
extern CmFate cm_order_validating(CmWork *work);
extern CmFate cm_order_by_status(CmWork *work, const CmAcmeOrder *said, int64 retry_after_s);
extern CmFate cm_order_refused(CmWork *work, CmOp *op);	/* an answer that is no success */
extern CmFate cm_order_gone(CmWork *work);	/* a 404: another one with the same key and CSR, since none was issued that we could still get */
extern CmFate cm_order_failed(CmWork *work, const char *message, const char *problem, bool again);

/* The order ends as failed, its records are cleaned up. tried: the CA has checked names in vain, which it counts. */
extern void cm_order_end(CmWork *work, const char *problem, bool tried);

/* acme_again.c: badPublicKey of finalize: a new key and a new order, once. */
extern CmFate cm_order_other_key(CmWork *work, CmOp *op);

/* Names that cannot be had, with reasons. */
typedef struct CmLeftOut
{
	char	   *names[CM_ACME_MAX_IDENTIFIERS];
	char	   *reasons[CM_ACME_MAX_IDENTIFIERS];
	int			count;
} CmLeftOut;

extern void cm_left_out_add(CmLeftOut *out, const char *name, const char *reason);
extern void cm_left_out_of_problem(CmLeftOut *out, const char *json, size_t len);
/* The same certificate without those: true when the subscriber wants that and other names are left; the order is over then. */
extern bool cm_order_without(CmWork *work, const CmLeftOut *refused, const char *problem, CmFate *fate);

/* Steps. */
extern CmFate cm_step_preflight_prepare(CmWork *work);
extern CmFate cm_step_preflight_apply(CmWork *work);
extern CmFate cm_step_new_order_prepare(CmWork *work);
extern CmFate cm_step_new_order_apply(CmWork *work);
extern CmFate cm_step_authorize_prepare(CmWork *work);
extern CmFate cm_step_authorize_apply(CmWork *work);
extern CmFate cm_step_present_prepare(CmWork *work);
extern CmFate cm_step_present_apply(CmWork *work);
extern CmFate cm_step_confirm_prepare(CmWork *work);
extern CmFate cm_step_confirm_apply(CmWork *work);
extern CmFate cm_step_propagate_prepare(CmWork *work);
extern CmFate cm_step_propagate_apply(CmWork *work);
extern CmFate cm_step_challenge_prepare(CmWork *work);
extern CmFate cm_step_challenge_apply(CmWork *work);
extern CmFate cm_step_await_prepare(CmWork *work);
extern CmFate cm_step_await_apply(CmWork *work);
extern CmFate cm_step_finalize_prepare(CmWork *work);
extern CmFate cm_step_finalize_apply(CmWork *work);
extern CmFate cm_step_issue_prepare(CmWork *work);
extern CmFate cm_step_issue_apply(CmWork *work);
extern CmFate cm_step_download_prepare(CmWork *work);
extern CmFate cm_step_download_apply(CmWork *work);

/* acme_issued.c: checks the CA's answer and stores it. False: not acceptable. */
extern bool cm_acme_accept(CmAcmeOrderRow *order, const char *ca_config, CmSlice body, CmStatus *st);

/* Does it lead from a certificate for the certificate's key? One that does not is no choice. */
extern bool cm_acme_chain_ours(int64 certificate_id, CmSlice body);

/* acme_chain.c: the chain that the CA's configuration prefers. */
extern bool cm_acme_chain_preferred(CmSlice body, const char *wanted);
extern bool cm_acme_chain_more(CmWork *work, const CmOp *op);	/* keeps it; false: the CA offers no other */
extern CmSlice cm_acme_chain_choose(CmWork *work, const char *wanted);	/* of the alternates that were fetched, or the one that was kept */

/* A renewal that failed: the old certificate is tried again, so that automation goes on. */
extern void cm_renewal_failed(int64 certificate_id, const char *message);

#endif
