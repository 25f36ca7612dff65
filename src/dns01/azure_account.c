/*
 * azure_account.c - see azure.h: who we are at Azure, and the request that gets
 * a token for it.
 *
 * Runs in backends (checks), in the database worker and in CALL certmgr.work();
 * locks nothing. What may fail: the configuration, and the file of a federated token.
 */
#include "dns01/azure.h"

#include "dns01/task.h"
#include "dns01/token_file.h"

#include <stdlib.h>
#include <string.h>

#define ENDPOINT "https://management.azure.com"
#define LOGIN_ENDPOINT "https://login.microsoftonline.com"
#define METADATA_TOKEN "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
/* A challenge lives for minutes. */
#define DEFAULT_TTL 60

void
cm_azure_settings_free(CmAzureSettings *s)
{
	cm_oauth_free(&s->oauth);
	if (s->secret != NULL)
		cm_wipe(s->secret, strlen(s->secret));
	free(s->secret);
	free(s->token_file);
	s->secret = s->token_file = NULL;
}

/* A text that becomes part of a path. */
static bool
read_part(const CmJson *config, const char *key, bool required, char *dst, size_t size, CmStatus *st)
{
	const char *text;
	size_t		len;

	if (!cm_dns01_text(config, key, &text, st))
		return false;
	if (text == NULL)
		return !required || cm_fail(st, CM_INVALID, "configuration key \"%s\" is missing", key);
	len = strlen(text);
	if (len == 0 || len >= size || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._()") != len)
		return cm_fail(st, CM_INVALID, "\"%s\" is not a name at Azure", key);
	memcpy(dst, text, len + 1);
	return true;
}

static bool
form(const CmOauth *oauth, CmBuf *out, CmStatus *st)
{
	const CmAzureSettings *s = (const CmAzureSettings *) oauth;
	CmBuf		token;
	bool		ok = true;

	cm_buf_printf(out, "grant_type=client_credentials&client_id=%s&scope=https%%3A%%2F%%2Fmanagement.azure.com%%2F.default", s->client);
	if (s->secret != NULL)
	{
		cm_buf_append_str(out, "&client_secret=");
		return cm_dns01_api_escape(out, s->secret);
	}
	cm_buf_init_secret(&token, CM_TOKEN_FILE_MAX);
	ok = cm_token_file_read_jwt(s->token_file, &token, st);
	if (ok)
		cm_buf_printf(out, "&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%s", cm_buf_cstr(&token));
	cm_buf_free(&token);
	return ok;
}

/* Who may get the token of the machine's managed identity or workload: Azure and its national clouds. */
static const char *const own_domains[] = {"management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn", NULL};
static const char *const login_domains[] = {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn", NULL};

static bool
set_token_url(const CmJson *config, CmAzureSettings *s, CmStatus *st)
{
	const char *login;
	CmBuf		url;

	if (!cm_dns01_text(config, "login_endpoint", &login, st))
		return false;
	if (s->secret == NULL && !cm_oauth_check_host("endpoint", s->oauth.api.endpoint, own_domains, st))
		return false;
	if (s->token_file != NULL && login != NULL && !cm_oauth_check_host("login_endpoint", login, login_domains, st))
		return false;
	cm_buf_init(&url, 2048);
	if (s->oauth.metadata)
	{
		cm_buf_append_str(&url, METADATA_TOKEN);
		if (s->client[0] != '\0')
			cm_buf_printf(&url, "&client_id=%s", s->client);
	}
	else if (!cm_dns01_api_url("login_endpoint", login != NULL ? login : LOGIN_ENDPOINT, &s->oauth.token_http, st))
		return false;
	else
		cm_buf_printf(&url, "%s/%s/oauth2/v2.0/token", login != NULL ? login : LOGIN_ENDPOINT, s->tenant);
	s->oauth.token_url = strdup(cm_buf_cstr(&url));
	cm_buf_free(&url);
	return s->oauth.token_url != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
read_credentials(const CmJson *config, CmSlice secret, CmAzureSettings *s, CmStatus *st)
{
	const char *token_file;
	const char *parts[4];

	if (!cm_dns01_text(config, "federated_token_file", &token_file, st))
		return false;
	s->oauth.who = "Azure";
	s->oauth.form = form;
	s->oauth.metadata = secret.len == 0 && token_file == NULL;
	s->oauth.metadata_header = "Metadata: true";
	if (secret.len > 0 && token_file != NULL)
		return cm_fail(st, CM_INVALID, "both a secret and \"federated_token_file\" are given");
	if (token_file != NULL && token_file[0] != '/')
		return cm_fail(st, CM_INVALID, "\"federated_token_file\" must be an absolute path");
	if (!s->oauth.metadata && (s->tenant[0] == '\0' || s->client[0] == '\0'))
		return cm_fail(st, CM_INVALID, "configuration key \"%s\" is missing", s->tenant[0] == '\0' ? "tenant_id" : "client_id");
	if (secret.len > 0)
	{
		if (!cm_dns01_api_secret(&secret, "the client secret", st))
			return false;
		s->secret = strndup((const char *) secret.data, secret.len);
	}
	else if (token_file != NULL)
		s->token_file = strdup(token_file);
	if ((secret.len > 0 && s->secret == NULL) || (token_file != NULL && s->token_file == NULL))
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (!set_token_url(config, s, st))
		return false;
	parts[0] = s->client;
	parts[1] = s->secret;
	parts[2] = s->token_file;
	parts[3] = s->oauth.token_url;
	return cm_oauth_key(&s->oauth, parts, 4, st);
}

bool
cm_azure_settings_read(const CmJson *config, CmSlice secret, CmAzureSettings *s, CmStatus *st)
{
	static const char *const known[] = {"subscription_id", "resource_group", "zone", "tenant_id", "client_id", "federated_token_file", "ttl", "login_endpoint",
	CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};
	const char *zone;

	if (!cm_dns01_known_keys(config, known, st) ||
		!read_part(config, "subscription_id", true, s->subscription, sizeof(s->subscription), st) ||
		!read_part(config, "resource_group", true, s->group, sizeof(s->group), st) ||
		!read_part(config, "tenant_id", false, s->tenant, sizeof(s->tenant), st) ||
		!read_part(config, "client_id", false, s->client, sizeof(s->client), st) || !cm_dns01_text(config, "zone", &zone, st))
		return false;
	if (zone != NULL && !cm_dns01_canonical(zone, s->zone))
		return cm_fail(st, CM_INVALID, "\"zone\" is not a DNS name");
	return cm_dns01_number(config, "ttl", 1, 604800, DEFAULT_TTL, &s->ttl, st) && cm_dns01_api_read(config, ENDPOINT, &s->oauth.api, st) &&
		read_credentials(config, secret, s, st) && cm_dns01_check_propagation(config, st);
}
