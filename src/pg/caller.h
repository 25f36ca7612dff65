/*
 * caller.h - who calls, what may it, and acting as the owner.
 *
 * API functions are SECURITY INVOKER: the immediate caller is checked, then
 * the function acts as certmgr_owner, so that an application's wrapper
 * function keeps its own identity.
 */
#ifndef CM_PG_CALLER_H
#define CM_PG_CALLER_H

/* Name of the role that calls, palloc'ed. */
extern char *cm_caller_name(void);
/* Is the caller a member (with its privileges) of certmgr_admin, of certmgr_operator or admin? Superusers are. */
extern bool cm_caller_is_admin(void);
extern bool cm_caller_is_operator(void);
/* The same of the role that the session has set, whoever it acts as inside of functions: of the one who reads the message. */
extern bool cm_session_is_admin(void);
/* May the caller act for this role (by name; NULL: nobody)? A role that is gone belongs to nobody. */
extern bool cm_caller_acts_for(const char *role);
extern void cm_caller_require_admin(const char *what);
extern void cm_caller_require_operator(const char *what);

typedef struct CmOwnerScope
{
	Oid			user;
	int			sec_context;
	int			guc_level;
} CmOwnerScope;

/* From here on as certmgr_owner with search_path pinned. An ERROR undoes it by itself. */
extern void cm_owner_enter(CmOwnerScope *scope);
extern void cm_owner_leave(CmOwnerScope *scope);
extern Oid	cm_owner_oid(void);

#endif
