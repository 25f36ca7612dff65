/*
 * sql.c - the provider "sql": a function of the user writes the records. What
 * is here is its configuration and the search for zones; the call is the
 * lifecycle's (dns_function.c), since it needs a transaction.
 *
 * config: function (schema.name), zone, timeout (seconds); nameservers, resolvers, propagation,
 * follow_cname. No secret: the function has its own way to one.
 */
#include "dns01/api.h"
#include "dns01/internal.h"

#include <string.h>

/* Notes are made in milliseconds. All other orders wait meanwhile: nobody may have that for longer than a minute. */
#define DEFAULT_TIMEOUT_S 5
#define TIMEOUT_MAX_S 60

bool
cm_dns01_sql_timeout(const CmJson *config, int *seconds, CmStatus *st)
{
	return cm_dns01_number(config, "timeout", 1, TIMEOUT_MAX_S, DEFAULT_TIMEOUT_S, seconds, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	static const char *const known[] = {"function", "zone", "timeout", CM_DNS01_PROPAGATION_KEYS, NULL};
	CmDns01Zones zones;
	const char *function;
	int			timeout;

	if (!cm_dns01_known_keys(config, known, st) || !cm_dns01_text(config, "function", &function, st) || !cm_dns01_zones_read(config, &zones, st) ||
		!cm_dns01_sql_timeout(config, &timeout, st))
		return false;
	if (function == NULL || strchr(function, '.') == NULL)
		return cm_fail(st, CM_INVALID, "\"function\" must be the name of a function with its schema");
	if (secret.len > 0)
		return cm_fail(st, CM_INVALID, "a provider of type \"sql\" takes no secret");
	return cm_dns01_check_propagation(config, st);
}

const CmDns01Provider cm_dns01_sql = {
	"sql", check, cm_dns01_find_zone_listed, NULL, NULL
};
