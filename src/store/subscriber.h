/*
 * subscriber.h - rows of certmgr.subscriber, as they are made and changed by
 * people. Issuing reads them through its own cache.
 */
#ifndef CM_STORE_SUBSCRIBER_H
#define CM_STORE_SUBSCRIBER_H

#include "datatype/timestamp.h"

typedef struct CmSubscriberRow
{
	int64		id;
	char	   *name;
	int64		ca_id;
	char	   *ca_name;
	char	   *ca_type;
	char	   *state;
	char	   *owner;			/* NULL: nobody */
	char	   *subject;
	char	  **sans;
	int			san_count;
	char	  **usages;
	int			usage_count;
	bool		has_lifetime;	/* false: the external CA's choice */
	Interval	lifetime;
	char	   *key_algorithm;
	bool		auto_renew;
	bool		has_renew_before;
	Interval	renew_before;
	int64		template_id;	/* 0: none */
	char	   *profile;		/* NULL: the CA's */
	bool		partial_issue;
} CmSubscriberRow;

/* The CA of that name into ca_id, ca_name and ca_type; false when there is none. */
extern bool cm_subscriber_row_ca(const char *ca, CmSubscriberRow *row);
/* Returns the id, 0 when the name is taken. */
extern int64 cm_subscriber_row_insert(const CmSubscriberRow *row);
/* By name, FOR UPDATE; false when there is none. */
extern bool cm_subscriber_row_lock(const char *name, CmSubscriberRow *row);
extern void cm_subscriber_row_update(const CmSubscriberRow *row);
extern void cm_subscriber_row_delete(int64 id);
/* Its certificates are not renewed any more. Returns how many were to be. */
extern int	cm_subscriber_row_stop_renewal(int64 id);

#endif
