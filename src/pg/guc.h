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

/* From _PG_init. network_ok says whether a text is a list of networks (floor 3 knows, this floor must not). */
extern void cm_guc_define(bool (*network_ok) (const char *list, char *why, size_t whysize));
/* Changes whenever a setting that is cached elsewhere changed: master key, networks. */
extern int	cm_guc_generation(void);

#endif
