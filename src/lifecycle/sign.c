/*
 * sign.c - see sign.h. The list lives in TopTransactionContext. An entry
 * belongs to the subtransaction that made it: gone with a rolled back
 * savepoint, handed to the parent by a released one. Signing happens in
 * XACT_EVENT_PRE_COMMIT and PRE_PREPARE, when deferred triggers and WITH HOLD
 * cursors have run; a failure there aborts the transaction as any ERROR does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lifecycle/sign.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/certificate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "x509/tbs.h"

typedef struct Pending
{
	int64		certificate_id;
	SubTransactionId subid;
	CmIssuer   *issuer;
	CmSlice		tbs;
	CmSlice		csr;
	CmSlice		sealed_key;
	struct Pending *next;
} Pending;

static Pending *head;
static Pending *tail;
static bool registered;
static bool closed;				/* the list was signed: nothing may be added to this transaction */

static void
forget_all(void)
{
	for (Pending *p = head; p != NULL; p = p->next)
		cm_issuer_unpin(p->issuer);
	head = tail = NULL;
	closed = false;
}

static void
sign_all(void)
{
	struct CmInserter *writer;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "certmgr signing", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CmBuf	   *der = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	PushActiveSnapshot(GetTransactionSnapshot());
	writer = cm_body_open();
	for (Pending *p = head; p != NULL; p = p->next)
	{
		CmBodyNew	body = {p->certificate_id};

		CHECK_FOR_INTERRUPTS();
		cm_buf_reset(der);
		if (!cm_certificate_sign(p->issuer->key, p->tbs, der, &st))
			cm_throw(&st, NULL);
		body.der = cm_slice(der->data, der->len);
		body.csr = p->csr;
		body.sealed_key = p->sealed_key;
		cm_body_put(writer, &body);
	}
	cm_body_close(writer);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (head == NULL)
				return;
			closed = true;
			sign_all();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			forget_all();
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	Pending   **link = &head;

	if (head == NULL || (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	tail = NULL;
	while (*link != NULL)
	{
		Pending    *p = *link;

		if (p->subid == mine && event == SUBXACT_EVENT_ABORT_SUB)
		{
			cm_issuer_unpin(p->issuer);
			*link = p->next;
			continue;
		}
		if (p->subid == mine)
			p->subid = parent;
		tail = p;
		link = &p->next;
	}
}

void
cm_sign_at_commit(int64 certificate_id, CmIssuer *issuer, CmSlice tbs, CmSlice csr, CmSlice sealed_key)
{
	MemoryContext old;
	Pending    *p;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	if (closed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot issue a certificate while the transaction commits")));
	old = MemoryContextSwitchTo(TopTransactionContext);
	p = palloc0(sizeof(Pending));
	p->certificate_id = certificate_id;
	p->subid = GetCurrentSubTransactionId();
	p->issuer = issuer;
	p->tbs = cm_slice_copy(tbs);
	p->csr = cm_slice_copy(csr);
	p->sealed_key = cm_slice_copy(sealed_key);
	MemoryContextSwitchTo(old);

	cm_issuer_pin(issuer);
	if (tail == NULL)
		head = p;
	else
		tail->next = p;
	tail = p;
}
