/*
 * guc.c - see guc.h. Runs in every process that loads the library.
 */
#include "postgres.h"

#include <limits.h>

#include "pg/guc.h"
#include "pg/guc_internal.h"

char	   *cm_guc_master_key_file;
char	   *cm_guc_master_key_command;
char	   *cm_guc_allowed_networks;
int			cm_guc_max_databases = 64;
int			cm_guc_worker_idle_timeout = 30;
bool		cm_guc_worker_enabled = true;
int			cm_guc_max_orders = 200;
int			cm_guc_exchange_retention = 30 * 24 * 60;
bool		cm_guc_notify_issue = false;
char	   *cm_guc_http_challenge_listen;
char	   *cm_guc_tls_alpn_challenge_listen;
char	   *cm_guc_weak_key_file;

static int	generation = 1;
static CmGucCheck networks_ok;
static CmGucCheck addresses_ok;

int
cm_guc_generation(void)
{
	return generation;
}

static void
assign_cached(const char *newval, void *extra)
{
	generation++;
}

/* A relative path would depend on the server's working directory, which is PGDATA. */
bool
cm_guc_check_absolute(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The path must be absolute.");
	return false;
}

static bool
check_networks(char **newval, void **extra, GucSource source)
{
	char		why[160] = "";

	if (networks_ok == NULL || networks_ok(*newval, why, sizeof(why)))
		return true;
	GUC_check_errdetail("%s", why);
	return false;
}

static bool
check_listen(char **newval, void **extra, GucSource source)
{
	char		why[160] = "";

	if (**newval == '\0' || addresses_ok == NULL || addresses_ok(*newval, why, sizeof(why)))
		return true;
	GUC_check_errdetail("%s", why);
	return false;
}

void
cm_guc_define(CmGucCheck network_ok, CmGucCheck listen_ok, const CmGucWeakKeys *weak_keys)
{
	cm_guc_weak_keys_are(weak_keys);
	networks_ok = network_ok;
	addresses_ok = listen_ok;

	/*
	 * The master key: 32 bytes in hexadecimal. Neither setting holds the key
	 * itself, since settings are shown to people and written to logs.
	 */
	DefineCustomStringVariable("certmgr.master_key_file", "File with the master key that seals private keys and credentials.",
							   "Must belong to the server's user, be readable by nobody else, and lie outside the data directory.",
							   &cm_guc_master_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, cm_guc_check_absolute, assign_cached, NULL);
	DefineCustomStringVariable("certmgr.master_key_command", "Command that prints the master key.",
							   "Used when certmgr.master_key_file is empty; run by the server's shell, absolute path.",
							   &cm_guc_master_key_command, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, cm_guc_check_absolute, assign_cached, NULL);

	cm_guc_weak_keys_define();

	/* SSRF: a directory URL or a DNS API that resolves to an inner address is refused unless it lies here. */
	DefineCustomStringVariable("certmgr.allowed_networks", "Networks that CAs and DNS servers may be in besides public addresses.",
							   "Comma-separated CIDRs, such as \"10.0.0.0/8, fd00::/8\".",
							   &cm_guc_allowed_networks, "", PGC_SIGHUP, 0, check_networks, assign_cached, NULL);

	DefineCustomBoolVariable("certmgr.worker", "Starts background workers.", "Off: only CALL certmgr.work() does background work.",
							 &cm_guc_worker_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("certmgr.worker_idle_timeout", "How long a worker with nothing to do stays.",
							"Short, so that it does not stand in the way of DROP DATABASE and the like.",
							&cm_guc_worker_idle_timeout, 30, 1, 3600, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	/* Each may have a socket to a name server open; sockets get a third of max_files_per_process (1000 by default). */
	DefineCustomIntVariable("certmgr.max_orders_in_flight", "How many jobs a worker has in flight at once.",
							"More than 300 need a max_files_per_process of more than three times as many.",
							&cm_guc_max_orders, 200, 1, 2000, PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("certmgr.acme_exchange_retention", "How long rows of certmgr.acme_exchange are kept.", NULL,
							&cm_guc_exchange_retention, 30 * 24 * 60, 60, 5256000, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);

	/* NOTIFY takes one cluster-wide lock until the commit is durable: a private CA that issues thousands a second must be able to do without. */
	DefineCustomBoolVariable("certmgr.notify_issue", "Sends NOTIFY for certificates that a session issues from a private CA.",
							 "Renewals, revocations, failures and certificates of external CAs are always notified.",
							 &cm_guc_notify_issue, false, PGC_USERSET, 0, NULL, NULL, NULL);

	/* The process is made at the start of the server when one of the two is set; other addresses need a reload only. */
	DefineCustomStringVariable("certmgr.http_challenge_listen", "Where the listener answers HTTP-01 challenges.",
							   "Comma-separated addresses with ports, such as \"*:80\"; CAs ask at port 80. Empty: nowhere.",
							   &cm_guc_http_challenge_listen, "", PGC_SIGHUP, 0, check_listen, NULL, NULL);
	DefineCustomStringVariable("certmgr.tls_alpn_challenge_listen", "Where the listener answers TLS-ALPN-01 challenges.",
							   "Comma-separated addresses with ports, such as \"*:443\"; CAs ask at port 443. Empty: nowhere.",
							   &cm_guc_tls_alpn_challenge_listen, "", PGC_SIGHUP, 0, check_listen, NULL, NULL);

	/* Size of shared memory, so fixed at start; without preloading nothing uses it. */
	DefineCustomIntVariable("certmgr.max_databases", "How many databases of the cluster may have workers.", NULL,
							&cm_guc_max_databases, 64, 1, 10000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("certmgr");
}
