/*
 * guc.h - the settings. What the worker reads is SIGHUP: a session must not
 * point it elsewhere. Settings of one database are rows, not settings.
 */
#ifndef CM_PG_GUC_H
#define CM_PG_GUC_H

extern char *cm_guc_master_key_file;
extern char *cm_guc_master_key_command;
extern char *cm_guc_allowed_networks;
extern int	cm_guc_max_databases;
extern int	cm_guc_worker_idle_timeout;
extern bool cm_guc_worker_enabled;
extern int	cm_guc_max_orders;
extern int	cm_guc_exchange_retention;
extern bool cm_guc_notify_issue;
extern char *cm_guc_http_challenge_listen;
extern char *cm_guc_tls_alpn_challenge_listen;
extern char *cm_guc_weak_key_file;

/* Does a text say what a setting needs? If not, why (a sentence). */
typedef bool (*CmGucCheck) (const char *text, char *why, size_t whysize);

/* Who makes a list of weak keys of a file, and looks keys up in it. */
typedef struct CmGucWeakKeys
{
	size_t		(*room) (size_t len);	/* octets that entries need, for a text of this length */
	bool		(*read) (const char *text, size_t len, uint8_t *entries, size_t *count, char *why, size_t whysize);
	void		(*use) (const uint8_t *entries, size_t count);
} CmGucWeakKeys;

/* From _PG_init. The checks: is it a list of networks, of addresses to listen at? (Floors 2 and 3 know, this floor must not.) */
extern void cm_guc_define(CmGucCheck network_ok, CmGucCheck listen_ok, const CmGucWeakKeys *weak_keys);
/* Why the file of weak keys could not be used when the server last read it (a sentence); NULL: it could, or there is none. */
extern const char *cm_guc_weak_key_problem(void);
/* Changes whenever a setting that is cached elsewhere changed: master key, networks. */
extern int	cm_guc_generation(void);

#endif
