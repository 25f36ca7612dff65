/*
 * audit.h - one row an operation, in the transaction that does it (table certmgr.audit_event).
 */
#ifndef CM_STORE_AUDIT_H
#define CM_STORE_AUDIT_H

/* actor: who asked (cm_caller_name() before becoming the owner; "worker" in the worker). detail: JSON text or NULL. Never a secret. */
extern void cm_audit(const char *actor, const char *action, const char *object_type, int64 object_id, const char *detail);

#endif
