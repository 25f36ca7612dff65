/*
 * task.h - what the providers that need several requests share: one call of a
 * provider under way, and the record sets it changes. For APIs that replace
 * whole sets, a set is read, changed and written only if it still is what was
 * read.
 */
#ifndef CM_DNS01_TASK_H
#define CM_DNS01_TASK_H

#include "dns01/internal.h"

/* The first member of a provider's own struct. */
typedef struct CmDns01Task
{
	CmOp		op;
	CmLoop	   *loop;
	CmTimer    *timer;
	CmDns01Result result;
	CmDns01Done done;
	void	   *arg;
	void		(*free) (struct CmDns01Task *task);	/* what the task holds, and itself */
	void		(*again) (struct CmDns01Task *task);	/* of cm_dns01_task_later */
	struct CmDns01Task *next;	/* of the same batch */
	int			records;		/* that it counts for there */
} CmDns01Task;

/* Reads a provider's configuration and credential into its task; may have done half of it when it fails. */
typedef bool (*CmDns01TaskRead) (CmDns01Task *task, const CmJson *config, CmSlice secret, CmStatus *st);
typedef void (*CmDns01TaskFree) (CmDns01Task *task);

/* A task of so many bytes, zeroed, for a call. NULL and st for a bad configuration, and without memory. */
extern void *cm_dns01_task_create(size_t size, const CmDns01Call *call, CmDns01TaskRead read, CmDns01TaskFree free, CmStatus *st);
/* Would there be one with this configuration? */
extern bool cm_dns01_task_check(size_t size, const CmJson *config, CmSlice secret, CmDns01TaskRead read, CmDns01TaskFree free, CmStatus *st);
extern void cm_dns01_task_init(CmDns01Task *task, const CmDns01Call *call, CmDns01TaskFree free);
/* The end of the function that starts a call. sent false: result.status says why, and is told from the loop. */
extern bool cm_dns01_task_begin(CmDns01Task *task, bool sent, CmStatus *st);
/* Tells the result and frees the task. From the loop only. */
extern void cm_dns01_task_finish(CmDns01Task *task);
extern void cm_dns01_task_fail(CmDns01Task *task, const CmStatus *st, int64_t retry_after);
/* Calls again after some time between half of ms and ms. */
extern void cm_dns01_task_later(CmDns01Task *task, int64_t ms, void (*again) (CmDns01Task *task));

/* A set of TXT records at one name, as the provider has it and as it shall be. Values in the provider's form. */
typedef struct CmDns01Set
{
	char		name[256];
	bool		exists;
	long		ttl;			/* of what exists */
	char	  **old_values;
	int			nold;
	char	  **new_values;
	int			nnew;
	bool		changed;
	char		version[128];	/* etag */
} CmDns01Set;

typedef struct CmDns01Sets
{
	CmDnsUpdate *records;		/* copies of what was asked for */
	int			nrecords;
	CmDns01Set *sets;			/* one a name */
	int			count;
} CmDns01Sets;

/* A value in the provider's form: quoted or as it is. */
typedef bool (*CmDns01Form) (CmBuf *out, const char *value);

extern bool cm_dns01_sets_create(CmDns01Sets *sets, const CmDns01Record *records, int count, CmStatus *st);
extern void cm_dns01_sets_free(CmDns01Sets *sets);
extern void cm_dns01_set_clear(CmDns01Set *set);	/* before it is read (again) */
extern bool cm_dns01_set_add(CmDns01Set *set, const char *value, CmStatus *st);	/* one that is there */
/* What it shall be: values of ours added or taken away, those of others as they are. */
extern bool cm_dns01_set_compute(const CmDns01Sets *sets, CmDns01Set *set, CmDns01Form form, CmStatus *st);
/* As quoted strings of at most 255 bytes, as master files have them. */
extern bool cm_dns01_quote(CmBuf *out, const char *value);

#endif
