/*
 * grant_call.h - a call of an API that needs a granted credential (grant.h):
 * gets it or waits for it, sends, and ends once. AWS and OAuth.
 */
#ifndef CM_DNS01_GRANT_CALL_H
#define CM_DNS01_GRANT_CALL_H

#include "dns01/grant.h"
#include "net/internal.h"

typedef struct CmGrantCall CmGrantCall;

typedef struct CmGrantCallKind
{
	CmGrantState (*get) (CmGrantCall *call, CmGrantWait *wait, CmGrant *out, CmStatus *st);
	bool		(*send) (CmGrantCall *call, const CmGrant *grant, CmStatus *st);
	void		(*tell) (CmGrantCall *call, void *answer); /* calls whoever asked */
	void		(*tell_failed) (CmGrantCall *call, const CmStatus *st); /* the same, with an answer made of that */
	void		(*free) (CmGrantCall *call);
} CmGrantCallKind;

/* The first member of a kind's own struct. */
struct CmGrantCall
{
	CmOp		op;
	CmLoop	   *loop;
	const CmGrantCallKind *kind;
	CmGrantWait wait;
};

/* Takes the call over. False and st: it could not even begin, and is freed; nobody is told. */
extern bool cm_grant_call_start(CmGrantCall *call, const CmGrantCallKind *kind, CmLoop *loop, CmStatus *st);
/* Once more, with a credential asked for anew. False: it goes on living. */
extern bool cm_grant_call_again(CmGrantCall *call, CmStatus *st);
/* Tells the answer and frees the call. From the loop only. */
extern void cm_grant_call_finish(CmGrantCall *call, void *answer);
extern void cm_grant_call_fail(CmGrantCall *call, const CmStatus *st);

#endif
