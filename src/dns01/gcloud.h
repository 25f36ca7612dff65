/*
 * gcloud.h - configuration and credentials of the provider "gcloud".
 *
 * config: project, managed_zone, private_zone, ttl; endpoint, token_endpoint,
 * trust_anchors, timeout; nameservers, resolvers, propagation (propagation.c).
 * secret: a service account's key file; without one the machine's own service
 * account is asked for at the metadata server.
 */
#ifndef CM_DNS01_GCLOUD_H
#define CM_DNS01_GCLOUD_H

#include "dns01/oauth.h"

/* Project and zone names have at most 63 characters. */
#define CM_GCLOUD_NAME_MAX 63

typedef struct CmGcloudSettings
{
	CmOauth		oauth;
	char		project[CM_GCLOUD_NAME_MAX + 1];
	char		managed_zone[CM_GCLOUD_NAME_MAX + 1];	/* "": to be found */
	bool		private_zone;
	int			ttl;
	char	   *email;
	char	   *key_id;
	char	   *private_key;	/* PEM, wiped */
} CmGcloudSettings;

/* Reads and checks them; what there is is freed by the caller, after a failure too. */
extern bool cm_gcloud_settings_read(const CmJson *config, CmSlice secret, CmGcloudSettings *s, CmStatus *st);
extern void cm_gcloud_settings_free(CmGcloudSettings *s);
/* A name that becomes part of a path: small letters, digits, "-" and what is in also. */
extern bool cm_gcloud_name(const char *key, const char *text, const char *also, char dst[CM_GCLOUD_NAME_MAX + 1], CmStatus *st);

#endif
