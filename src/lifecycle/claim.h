/*
 * claim.h - which of the due jobs are done next: in turn by CA and by
 * subscriber, within what each CA can take.
 */
#ifndef CM_LIFECYCLE_CLAIM_H
#define CM_LIFECYCLE_CLAIM_H

#include "store/job.h"

typedef struct CmClaim
{
	TimestampTz now;
	TimestampTz lease_until;
	int			room;			/* jobs that this engine can take */
	int			total;			/* and could, if it had none */
	const CmJobRow **flying;	/* those it has */
	int			flying_count;
	bool		held;			/* out: some are due and wait for others of their CA to end */
} CmClaim;

/* Array in the current context. In a transaction. */
extern CmJobRow *cm_claim(CmClaim *claim, int *count);

#endif
