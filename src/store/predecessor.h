/*
 * predecessor.h - what a renewal must know of the certificate it replaces.
 */
#ifndef CM_STORE_PREDECESSOR_H
#define CM_STORE_PREDECESSOR_H

#include "base/der.h"
#include "datatype/timestamp.h"

typedef struct CmPredecessor
{
	int64		id;
	int64		ca_id;
	int64		subscriber_id;	/* 0: none */
	char	   *state;
	char	   *source;
	char	   *subject;
	char	  **sans;
	int			san_count;
	char	  **usages;
	int			usage_count;
	char	   *key_algorithm;
	TimestampTz not_before;
	TimestampTz not_after;
	CmSlice		der;
	CmSlice		spki;			/* of a pending or failed one */
	CmSlice		csr;
	CmSlice		sealed_key;
	int64		template_id;	/* 0: none */
	char	   *requested_by;
	bool		has_asked_lifetime; /* of an external CA */
	Interval	asked_lifetime;
} CmPredecessor;

/* Locks the row. NULL when there is none. */
extern CmPredecessor *cm_predecessor_get(int64 id);

#endif
