/*
 * listener_shmem.c - live challenges of all databases, and how the listener
 * fares. Engines write, the listener reads, under one LWLock that is held for
 * a scan of the table; nothing here throws once shared memory exists.
 *
 * The rows of certmgr.acme_challenge are the truth; this is a copy of them
 * that a question from the Internet may be answered from: it costs no
 * transaction, and the listener needs no database. A crash of the server
 * empties it; engines fill it again when they start (cm_challenge_publish_all).
 */
#include "postgres.h"

#include "base/host.h"
#include "miscadmin.h"
#include "pg/guc.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "worker/listener.h"

/* Names whose challenges are open at once. An order has few, and is through in seconds; when it is full, orders wait. 2.4 MB. */
#define ENTRIES_MAX 4096

typedef struct Entry
{
	Oid			database;		/* InvalidOid: free */
	int64		order_id;
	CmListenerKind kind;
	uint32		serial;			/* which is newer */
	char		token[CM_KEY_AUTHORIZATION_MAX];
	char		identifier[CM_HOST_MAX + 1];
	char		key_authorization[CM_KEY_AUTHORIZATION_MAX];
} Entry;

typedef struct Side
{
	bool		listening;
	int64		requests;
	int64		answered;
	char		error[sizeof(((CmListenerInfo *) 0)->error)];
} Side;

typedef struct Shared
{
	LWLock	   *lock;			/* of everything below */
	pid_t		pid;
	uint32		serial;
	int			used;			/* no entry in use is behind that */
	Side		side[CM_LISTENER_KINDS];
	Entry		entry[ENTRIES_MAX];
} Shared;

static Shared *shared = NULL;
static bool wanted = false;

const char *
cm_listener_challenge_type(CmListenerKind kind)
{
	return kind == CM_LISTENER_HTTP ? "http-01" : "tls-alpn-01";
}

const char *
cm_listener_setting(CmListenerKind kind)
{
	const char *setting = kind == CM_LISTENER_HTTP ? cm_guc_http_challenge_listen : cm_guc_tls_alpn_challenge_listen;

	return setting != NULL ? setting : "";
}

/* ---- challenges ---- */

static bool
publish(Oid database, const CmAcmeChallengeRow *row)
{
	Entry	   *entry = NULL;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->used; i++)
	{
		Entry	   *e = &shared->entry[i];

		if (e->database == database && e->order_id == row->order_id && strcmp(e->token, row->token) == 0 && strcmp(e->identifier, row->identifier) == 0)
		{
			entry = e;
			break;
		}
		if (e->database == InvalidOid && entry == NULL)
			entry = e;
	}
	if (entry == NULL && shared->used < ENTRIES_MAX)
		entry = &shared->entry[shared->used++];
	if (entry != NULL)
	{
		entry->database = database;
		entry->order_id = row->order_id;
		entry->kind = strcmp(row->type, "http-01") == 0 ? CM_LISTENER_HTTP : CM_LISTENER_TLS;
		entry->serial = ++shared->serial;
		strlcpy(entry->token, row->token, sizeof(entry->token));
		strlcpy(entry->identifier, row->identifier, sizeof(entry->identifier));
		strlcpy(entry->key_authorization, row->key_authorization, sizeof(entry->key_authorization));
	}
	LWLockRelease(shared->lock);
	return entry != NULL;
}

/* order_id 0: all of them. */
static void
remove_entries(Oid database, int64 order_id)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->used; i++)
	{
		Entry	   *e = &shared->entry[i];

		if (e->database == database && (order_id == 0 || e->order_id == order_id))
			e->database = InvalidOid;
	}
	while (shared->used > 0 && shared->entry[shared->used - 1].database == InvalidOid)
		shared->used--;
	LWLockRelease(shared->lock);
}

void
cm_listener_forget(Oid database)
{
	if (shared != NULL)
		remove_entries(database, 0);
}

static const CmChallengeHooks hooks = {publish, remove_entries};

bool
cm_listener_answer(CmListenerKind kind, const char *what, char dst[CM_KEY_AUTHORIZATION_MAX])
{
	const Entry *found = NULL;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->used; i++)
	{
		const Entry *e = &shared->entry[i];

		/* Databases may prove one name at one time by TLS: the newer one waits for it just now. */
		if (e->database != InvalidOid && e->kind == kind && (found == NULL || (int32) (e->serial - found->serial) > 0) &&
			strcmp(kind == CM_LISTENER_HTTP ? e->token : e->identifier, what) == 0)
			found = e;
	}
	shared->side[kind].requests++;
	if (found != NULL)
	{
		shared->side[kind].answered++;
		strlcpy(dst, found->key_authorization, CM_KEY_AUTHORIZATION_MAX);
	}
	LWLockRelease(shared->lock);
	return found != NULL;
}

/* ---- how it fares ---- */

void
cm_listener_running(bool running)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->pid = running ? MyProcPid : 0;
	for (int i = 0; i < CM_LISTENER_KINDS; i++)
		shared->side[i].listening = false;
	LWLockRelease(shared->lock);
}

void
cm_listener_state(CmListenerKind kind, bool listening, const char *error)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->side[kind].listening = listening;
	strlcpy(shared->side[kind].error, error, sizeof(shared->side[kind].error));
	LWLockRelease(shared->lock);
}

void
cm_listener_info(CmListenerKind kind, CmListenerInfo *out)
{
	memset(out, 0, sizeof(*out));
	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_SHARED);
	out->pid = (int) shared->pid;
	out->listening = shared->side[kind].listening;
	out->requests = shared->side[kind].requests;
	out->answered = shared->side[kind].answered;
	strlcpy(out->error, shared->side[kind].error, sizeof(out->error));
	for (int i = 0; i < shared->used; i++)
		out->challenges += shared->entry[i].database != InvalidOid && shared->entry[i].kind == kind;
	LWLockRelease(shared->lock);
}

/* ---- the start of the server ---- */

void
cm_listener_shmem_request(void)
{
	wanted = cm_listener_setting(CM_LISTENER_HTTP)[0] != '\0' || cm_listener_setting(CM_LISTENER_TLS)[0] != '\0';
	if (!wanted)
		return;
	RequestAddinShmemSpace(sizeof(Shared));
	RequestNamedLWLockTranche("certmgr_listener", 1);
}

/* The caller holds AddinShmemInitLock. */
void
cm_listener_shmem_startup(void)
{
	bool		found;

	if (!wanted)
		return;
	shared = ShmemInitStruct("certmgr listener", sizeof(Shared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(Shared));
		shared->lock = &GetNamedLWLockTranche("certmgr_listener")->lock;
	}
	cm_challenge_hooks = &hooks;
}
