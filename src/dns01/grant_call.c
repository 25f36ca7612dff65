/*
 * grant_call.c - see grant_call.h. Runs in the database worker and in CALL
 * certmgr.work(); nothing is locked. A call is an operation of the loop: when
 * the loop goes, it goes.
 */
#include "dns01/grant_call.h"

static void
drop(CmOp *op)
{
	CmGrantCall *call = (CmGrantCall *) op;

	cm_op_end(op);
	call->kind->free(call);
}

void
cm_grant_call_finish(CmGrantCall *call, void *answer)
{
	cm_op_end(&call->op);
	call->kind->tell(call, answer);
	call->kind->free(call);
}

void
cm_grant_call_fail(CmGrantCall *call, const CmStatus *st)
{
	cm_op_end(&call->op);
	call->kind->tell_failed(call, st);
	call->kind->free(call);
}

static void
on_grant(const CmGrant *grant, const CmStatus *st, void *arg)
{
	CmGrantCall *call = arg;
	CmStatus	own = CM_STATUS_INIT;

	if (grant == NULL)
		cm_grant_call_fail(call, st);
	else if (!call->kind->send(call, grant, &own))
		cm_grant_call_fail(call, &own);
}

bool
cm_grant_call_again(CmGrantCall *call, CmStatus *st)
{
	CmGrant		grant;
	bool		ok;

	call->wait.fn = on_grant;
	call->wait.arg = call;
	switch (call->kind->get(call, &call->wait, &grant, st))
	{
		case CM_GRANT_WAITS:
			return true;
		case CM_GRANT_READY:
			ok = call->kind->send(call, &grant, st);
			cm_grant_free(&grant);
			return ok;
		default:
			return false;
	}
}

bool
cm_grant_call_start(CmGrantCall *call, const CmGrantCallKind *kind, CmLoop *loop, CmStatus *st)
{
	call->loop = loop;
	call->kind = kind;
	if (!cm_grant_call_again(call, st))
	{
		kind->free(call);
		return false;
	}
	cm_op_begin(&call->op, loop, drop);
	return true;
}
