/*
 * listener.h - the process that answers HTTP-01 and TLS-ALPN-01, and what it
 * answers: live challenges of all databases, in shared memory. Exists when one
 * of its settings was not empty at the start of the server.
 */
#ifndef CM_WORKER_LISTENER_H
#define CM_WORKER_LISTENER_H

#include "lifecycle/challenge.h"
#include "net/responder.h"

typedef enum CmListenerKind
{
	CM_LISTENER_HTTP,
	CM_LISTENER_TLS,
	CM_LISTENER_KINDS
} CmListenerKind;

typedef struct CmListenerInfo
{
	int			pid;			/* 0: it does not run */
	bool		listening;
	char		error[256];		/* empty: none */
	int			challenges;
	int64		requests;
	int64		answered;
} CmListenerInfo;

extern const char *cm_listener_challenge_type(CmListenerKind kind);
extern const char *cm_listener_setting(CmListenerKind kind);	/* where it is to listen; empty: nowhere */

/* In the postmaster: the process (after the settings are defined), its shared memory. */
extern void cm_listener_register(void);
extern void cm_listener_shmem_request(void);
extern void cm_listener_shmem_startup(void);

/* Any process. None throws; without a listener they do and find nothing. */
extern void cm_listener_forget(Oid database);
extern void cm_listener_info(CmListenerKind kind, CmListenerInfo *out);

/* The listener. */
extern void cm_listener_running(bool running);
extern void cm_listener_state(CmListenerKind kind, bool listening, const char *error);
/* The key authorization of a token, or of an identifier; counts the question. */
extern bool cm_listener_answer(CmListenerKind kind, const char *what, char dst[CM_KEY_AUTHORIZATION_MAX]);

#endif
