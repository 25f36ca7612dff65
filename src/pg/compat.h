/*
 * compat.h - the differences between PostgreSQL 15 and 19, and nowhere else.
 * One paragraph a shim: what changed, in which version. Include it after
 * postgres.h. Nothing here runs code of its own.
 */
#ifndef CM_PG_COMPAT_H
#define CM_PG_COMPAT_H

#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "postmaster/bgworker.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/wait_event.h"

/* 16 moved the macros of variable-length values out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has a word before a function that does not return; before, one behind it. */
#ifndef pg_noreturn
#define pg_noreturn _Noreturn
#endif

/*
 * 17 moved the number of a process out of PGPROC into MyProcNumber. The
 * inverse, GetPGProcByNumber(), is the same everywhere.
 */
#if PG_VERSION_NUM >= 170000
#define cm_my_procno() ((int) MyProcNumber)
#else
#define cm_my_procno() ((int) MyProc->pgprocno)
#endif

/*
 * 17 lets an extension name its wait events (WaitEventExtensionNew); before,
 * all of them are "Extension". Ask once a process and keep the answer: the
 * call takes a lock. In 17 and later it allocates shared memory by name, so
 * it is for processes attached to shared memory.
 */
#if PG_VERSION_NUM >= 170000
#define cm_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define cm_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/*
 * 16 replaced the checks of ownership and privileges of each kind of object
 * by one for all (object_ownercheck, object_aclcheck).
 */
#if PG_VERSION_NUM >= 160000
#define cm_database_ownercheck(database, role) object_ownercheck(DatabaseRelationId, (database), (role))
#define cm_extension_ownercheck(extension, role) object_ownercheck(ExtensionRelationId, (extension), (role))
#define cm_namespace_aclcheck(schema, role, mode) object_aclcheck(NamespaceRelationId, (schema), (role), (mode))
#define cm_proc_aclcheck(function, role, mode) object_aclcheck(ProcedureRelationId, (function), (role), (mode))
#else
#define cm_namespace_aclcheck(schema, role, mode) pg_namespace_aclcheck((schema), (role), (mode))
#define cm_proc_aclcheck(function, role, mode) pg_proc_aclcheck((function), (role), (mode))
#define cm_extension_ownercheck(extension, role) pg_extension_ownercheck((extension), (role))
#define cm_database_ownercheck(database, role) pg_database_ownercheck((database), (role))
#endif

/*
 * 19 may let a command that needs a database for itself end the background
 * workers in it that carry BGWORKER_INTERRUPTIBLE. Our hooks do the same in
 * all versions; where the flag exists we carry it as well.
 */
#ifdef BGWORKER_INTERRUPTIBLE
#define CM_BGWORKER_INTERRUPTIBLE BGWORKER_INTERRUPTIBLE
#else
#define CM_BGWORKER_INTERRUPTIBLE 0
#endif

/*
 * Whether commits wait for synchronous standbys at all: a flag in shared
 * memory, which became one of several bits in 18 and in the minor releases
 * of May 2025.
 */
#ifdef SYNC_STANDBY_DEFINED
#define cm_sync_standbys_defined() ((WalSndCtl->sync_standbys_status & SYNC_STANDBY_DEFINED) != 0)
#else
#define cm_sync_standbys_defined() (WalSndCtl->sync_standbys_defined)
#endif

/* What a check hook of a setting hands on is malloc'ed; 16 gave it a memory of its own. */
#if PG_VERSION_NUM >= 160000
#define cm_guc_malloc(size) guc_malloc(LOG, (size))
#define cm_guc_free(p) guc_free(p)
#else
#define cm_guc_malloc(size) malloc(size)
#define cm_guc_free(p) free(p)
#endif

/*
 * DROP DATABASE that was interrupted leaves a row nobody can connect to,
 * marked by datconnlimit = -2 (16, and the minor releases of 15 from
 * August 2023). Older minor releases lack the name.
 */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB (-2)
#endif

/*
 * 16 moved permission information out of range table entries into a list of
 * its own (ExecInitRangeTable's third argument), 18 added the set of
 * relations that pruning left.
 */
#if PG_VERSION_NUM >= 180000
#define cm_exec_init_range_table(estate, entries) ExecInitRangeTable((estate), (entries), NIL, bms_make_singleton(1))
#elif PG_VERSION_NUM >= 160000
#define cm_exec_init_range_table(estate, entries) ExecInitRangeTable((estate), (entries), NIL)
#else
#define cm_exec_init_range_table(estate, entries) ExecInitRangeTable((estate), (entries))
#endif

#endif
