/*
 * notify.h - NOTIFY on channel "certmgr": JSON with ids and states only.
 */
#ifndef CM_LIFECYCLE_NOTIFY_H
#define CM_LIFECYCLE_NOTIFY_H

/* event: "issued", "imported", "renewed", "revoked", "released" (those two by whoever signs the CRL that has it), "cancelled", "failed". {"event":"issued","certificate":1,"subscriber":2} sent at commit; subscriber 0: left out. */
extern void cm_notify(const char *event, int64 certificate_id, int64 subscriber_id);

#endif
