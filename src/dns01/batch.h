/*
 * batch.h - tasks of several calls that go together: what is wanted of one
 * place (a zone, by one credential) at the same moment is one batch, and what
 * comes while no more batches may be under way there joins the next.
 */
#ifndef CM_DNS01_BATCH_H
#define CM_DNS01_BATCH_H

#include "dns01/pace.h"
#include "dns01/task.h"

typedef struct CmDns01Batch CmDns01Batch;

typedef struct CmDns01BatchKind
{
	size_t		size;			/* of the provider's own struct, whose first member is a CmDns01Batch */
	int			records_max;	/* of one batch; a single task may have more */
	int			parallel_max;	/* batches of one place under way */
	int64_t		interval_ms;	/* of one place: this many may start at once, then one an interval. 0: any number */
	int			burst;
	void		(*send) (CmDns01Batch *batch); /* from the loop; leads to cm_dns01_batch_end */
	void		(*release) (CmDns01Batch *batch); /* what the provider's part holds; may be NULL */
} CmDns01BatchKind;

struct CmDns01Batch
{
	CmOp		op;
	const CmDns01BatchKind *kind;
	CmDns01Batch *next;			/* of this process, in the order they were made */
	CmTimer    *timer;
	void		(*again) (CmDns01Batch *batch);	/* of cm_dns01_batch_later */
	uint8_t		place[CM_DNS01_KEY];
	CmDns01Task *tasks;			/* in the order they came */
	int			ntasks;
	int			records;
	const CmDns01Batch *part_of;	/* the batch it was made of, while that is there */
	bool		closed;			/* nobody joins: it is under way, or part of one that was refused */
	bool		under_way;
};

/* Into a batch that goes from the loop. The caller begins the task's operation. False: no memory. */
extern bool cm_dns01_batch_join(const CmDns01BatchKind *kind, CmDns01Task *task, int records, const uint8_t place[CM_DNS01_KEY]);
/* Takes a task out, whose end the caller tells. */
extern void cm_dns01_batch_leave(CmDns01Batch *batch, CmDns01Task *task);
/* Moves a task to a batch that nobody joins, which goes when this one has ended (*to NULL: makes it). Without memory the task ends. */
extern void cm_dns01_batch_move(CmDns01Batch *batch, CmDns01Task *task, CmDns01Batch **to);
/* All tasks go to two batches of half the size. Theirs are more than one. */
extern void cm_dns01_batch_split(CmDns01Batch *batch);
/* All tasks end with that; the batch goes on. */
extern void cm_dns01_batch_fail(CmDns01Batch *batch, const CmStatus *st, int64_t retry_after);
/* Calls again after some time between half of ms and ms. False: no memory. */
extern bool cm_dns01_batch_later(CmDns01Batch *batch, int64_t ms, void (*again) (CmDns01Batch *batch));
/* The end, once there are no tasks: those that wait for it go. From the loop only. */
extern void cm_dns01_batch_end(CmDns01Batch *batch);

/* The key of what these texts say; NULL is a text of its own. False: the crypto library failed, or memory. */
extern bool cm_dns01_key(uint8_t key[CM_DNS01_KEY], const char *const *texts, int count);

#endif
