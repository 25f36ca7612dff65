/*
 * azure.h - configuration and credentials of the provider "azure".
 *
 * config: subscription_id, resource_group, zone, tenant_id, client_id,
 * federated_token_file, ttl; endpoint, login_endpoint, trust_anchors, timeout;
 * nameservers, resolvers, propagation (propagation.c). secret: the client
 * secret of an application. Without one: a federated token (workload
 * identity), or the machine's managed identity.
 */
#ifndef CM_DNS01_AZURE_H
#define CM_DNS01_AZURE_H

#include "dns01/oauth.h"

typedef struct CmAzureSettings
{
	CmOauth		oauth;
	char		subscription[40];
	char		group[100];
	char		zone[256];		/* "": to be found */
	char		tenant[128];
	char		client[40];
	char	   *secret;			/* wiped */
	char	   *token_file;
	int			ttl;
} CmAzureSettings;

/* Reads and checks them; what there is is freed by the caller, after a failure too. */
extern bool cm_azure_settings_read(const CmJson *config, CmSlice secret, CmAzureSettings *s, CmStatus *st);
extern void cm_azure_settings_free(CmAzureSettings *s);

#endif
