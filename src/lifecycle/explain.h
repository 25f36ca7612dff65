/*
 * explain.h - what a request would meet, rule by rule, and which certificates
 * a template would refuse now. Nothing is issued, written or signed.
 */
#ifndef CM_LIFECYCLE_EXPLAIN_H
#define CM_LIFECYCLE_EXPLAIN_H

#include "lifecycle/issue.h"
#include "store/template.h"

/* verdict: "ok" or "refused"; detail NULL: nothing to say. */
typedef void (*CmExplainRow) (void *arg, const char *rule, const char *verdict, const char *detail);

/* Of a subscriber, with the request's CSR (or NULL) and not_before, or (subscriber NULL) of a request as for issue_from. Checks access as issuing does, and throws for that; what the request itself meets are rows. */
extern void cm_explain_request(const char *subscriber, const CmIssueFrom *request, CmExplainRow row, void *arg);

typedef void (*CmImpactRow) (void *arg, const CmTemplateUse *use, const char *rule, const char *detail);

/* As certmgr_owner; the caller's rights were checked. Every rule that a live certificate breaks is a row. */
extern void cm_policy_impact(const char *name, CmImpactRow row, void *arg);

#endif
