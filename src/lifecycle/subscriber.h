/*
 * subscriber.h - making, changing and removing subscribers: the checks of what
 * one may hold.
 */
#ifndef CM_LIFECYCLE_SUBSCRIBER_H
#define CM_LIFECYCLE_SUBSCRIBER_H

#include "datatype/timestamp.h"

/* What was said; NULL (or has_ false): the default, or as it was. */
typedef struct CmSubscriberChange
{
	const char *name;
	const char *ca;				/* create only */
	const char *subject;
	bool		has_sans;
	char	  **sans;
	int			san_count;
	Interval   *lifetime;
	const char *key_algorithm;
	bool		has_auto_renew;
	bool		auto_renew;
	Interval   *renew_before;
	bool		has_usages;
	char	  **usages;
	int			usage_count;
	const char *owner;			/* "": nobody */
	const char *state;			/* alter only */
	const char *template;		/* "": none */
	const char *profile;		/* "": the CA's */
	bool		has_partial_issue;
	bool		partial_issue;
} CmSubscriberChange;

/* Returns the id. All throw; the caller's rights were checked. */
extern int64 cm_subscriber_create(const CmSubscriberChange *change, const char *actor);
extern void cm_subscriber_alter(const CmSubscriberChange *change, const char *actor);
extern void cm_subscriber_drop(const char *name, const char *actor);

#endif
