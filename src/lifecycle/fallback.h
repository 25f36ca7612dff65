/*
 * fallback.h - another CA for a certificate that does not come.
 */
#ifndef CM_LIFECYCLE_FALLBACK_H
#define CM_LIFECYCLE_FALLBACK_H

#include "lifecycle/acme_work.h"

/* A certificate was ordered from the subscriber's own CA: when are others asked? In the transaction that orders. */
extern void cm_fallback_plan(int64 certificate_id, int64 ca_id);
/* It failed: they are asked now. */
extern void cm_fallback_hurry(int64 certificate_id);
/* It was issued: it may have come late. True when it did. */
extern bool cm_fallback_settle(int64 certificate_id);

/* The job. It asks nobody: the order that it makes does. */
extern CmFate cm_fallback_prepare(CmWork *work);
extern CmFate cm_fallback_apply(CmWork *work);

#endif
