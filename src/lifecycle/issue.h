/*
 * issue.h - issuing and renewing, over private and external CAs alike.
 *
 * All of it runs as the caller with cm_owner_enter() done by the functions
 * themselves where tables are read; access has been checked by the API floor,
 * except where said.
 */
#ifndef CM_LIFECYCLE_ISSUE_H
#define CM_LIFECYCLE_ISSUE_H

#include "lifecycle/cache.h"

/* May this caller use the subscriber: operators, and members of its owner. Throws. */
extern void cm_subscriber_check_access(const CmSubscriber *subscriber, const char *what);

/* To a subscriber, with a key made here, or for a CSR (PEM or NULL). not_before 0: it begins now. Checks access. Returns the certificate's id. */
extern int64 cm_issue(const char *subscriber, const char *csr, TimestampTz not_before);

/* Without a subscriber. NULL / 0 datums mean defaults; lifetime NULL = 90 days. Checks access: operators, and by a template the roles that it is granted to. */
typedef struct CmIssueFrom
{
	const char *ca;
	const char *subject;
	char	  **sans;
	int			san_count;
	const char *csr;
	const Interval *lifetime;
	const char *key_algorithm;
	char	  **usages;			/* NULL: defaults */
	int			usage_count;
	const char *template;		/* NULL: none; the defaults are then its */
	TimestampTz not_before;		/* 0: now */
} CmIssueFrom;

/* May the caller ask for this? Operators what they like, others by a template that is granted to them. Throws. */
extern void cm_issue_from_check_access(const CmIssueFrom *request);
extern int64 cm_issue_from(const CmIssueFrom *request);

/* A successor: key "new" or "reuse", or a CSR. Checks access. */
extern int64 cm_renew(int64 certificate_id, const char *key, const char *csr);
/* Renews one certificate whose renew_at has come (worker): a new key where the old one was made here, the same public key otherwise. Clears renew_at of the old one. Throws on failure. Returns the successor's id. */
extern int64 cm_renew_due(int64 certificate_id);
/* The same for a subscriber's certificate that does not come, from another ACME CA (worker). Throws on failure. Returns the new certificate's id. */
extern int64 cm_issue_fallback(int64 certificate_id, int64 ca_id);

#endif
