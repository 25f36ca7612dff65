/*
 * internal.h - what the files of src/dns01 share: server lists and numbers of
 * a provider's config.
 */
#ifndef CM_DNS01_INTERNAL_H
#define CM_DNS01_INTERNAL_H

#include "dns01/provider.h"
#include "net/internal.h"

typedef struct CmDns01Server
{
	struct sockaddr_storage addr;
	socklen_t	len;
	char		text[64];
} CmDns01Server;

/*
 * The addresses at config's key: a text or an array of texts. A missing key
 * gives *count 0. Errors name the key.
 */
extern bool cm_dns01_servers(const CmJson *config, const char *key, CmDns01Server *out, int max, int *count, CmStatus *st);
/* A text at config's key; NULL when missing, false when it is of another type. */
extern bool cm_dns01_text(const CmJson *config, const char *key, const char **out, CmStatus *st);
/* A whole number at config's key, between min and max; otherwise when missing. */
extern bool cm_dns01_number(const CmJson *config, const char *key, int min, int max, int otherwise, int *out, CmStatus *st);
/* Every key must be in the NULL-terminated list. */
extern bool cm_dns01_known_keys(const CmJson *config, const char *const *known, CmStatus *st);
/* Checks "nameservers", "resolvers" and "propagation", which cm_dns01_visible reads. */
extern bool cm_dns01_check_propagation(const CmJson *config, CmStatus *st);

extern const CmDns01Provider cm_dns01_rfc2136;
extern const CmDns01Provider cm_dns01_route53;
extern const CmDns01Provider cm_dns01_cloudflare;
extern const CmDns01Provider cm_dns01_powerdns;
extern const CmDns01Provider cm_dns01_acmedns;
extern const CmDns01Provider cm_dns01_webhook;
extern const CmDns01Provider cm_dns01_gcloud;
extern const CmDns01Provider cm_dns01_azure;

#endif
