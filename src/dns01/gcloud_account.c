/*
 * gcloud_account.c - see gcloud.h: the service account, and the assertion
 * signed by its key that a token is got for (RFC 7523).
 *
 * Runs in backends (checks), in the database worker and in CALL certmgr.work();
 * locks nothing. What may fail: configuration and key.
 */
#include "dns01/gcloud.h"

#include "base/encode.h"
#include "crypto/key.h"
#include "dns01/secret_map.h"
#include "dns01/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENDPOINT "https://dns.googleapis.com"
#define TOKEN_ENDPOINT "https://oauth2.googleapis.com/token"
#define METADATA_TOKEN "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
#define SCOPE "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
/* A challenge lives for minutes. */
#define DEFAULT_TTL 60
/* Google takes no longer one. */
#define ASSERTION_S 3600

void
cm_gcloud_settings_free(CmGcloudSettings *s)
{
	cm_oauth_free(&s->oauth);
	free(s->email);
	free(s->key_id);
	if (s->private_key != NULL)
		cm_wipe(s->private_key, strlen(s->private_key));
	free(s->private_key);
	s->email = s->key_id = s->private_key = NULL;
}

bool
cm_gcloud_name(const char *key, const char *text, const char *also, char dst[CM_GCLOUD_NAME_MAX + 1], CmStatus *st)
{
	size_t		len = strlen(text);
	char		allowed[64];

	snprintf(allowed, sizeof(allowed), "abcdefghijklmnopqrstuvwxyz0123456789-%s", also);
	if (len == 0 || len > CM_GCLOUD_NAME_MAX || strspn(text, allowed) != len)
		return cm_fail(st, CM_INVALID, "\"%s\" is not a name at Google Cloud", key);
	memcpy(dst, text, len + 1);
	return true;
}

static bool
load_key(const CmGcloudSettings *s, CmKey **key, CmStatus *st)
{
	CmKeyAlg	alg;

	if (!cm_key_from_pem(cm_slice(s->private_key, strlen(s->private_key)), key, st))
		return cm_fail(st, CM_INVALID, "\"private_key\" of the secret is not a private key in PEM");
	alg = cm_key_alg(*key);
	if (alg == CM_KEY_RSA_2048 || alg == CM_KEY_RSA_3072 || alg == CM_KEY_RSA_4096)
		return true;
	cm_key_free(*key);
	*key = NULL;
	return cm_fail(st, CM_INVALID, "\"private_key\" of the secret is not an RSA key");
}

static bool
take_account(const CmSecretMap *map, CmGcloudSettings *s, const char **token_uri, CmStatus *st)
{
	const char *type = cm_secret_map_get(map, "type");
	const char *email = cm_secret_map_get(map, "client_email");
	const char *private = cm_secret_map_get(map, "private_key");
	const char *id = cm_secret_map_get(map, "private_key_id");
	const char *project = cm_secret_map_get(map, "project_id");
	CmKey	   *key;

	if (type == NULL || strcmp(type, "service_account") != 0)
		return cm_fail(st, CM_INVALID, "the secret is not the key of a service account: its \"type\" is not \"service_account\"");
	if (email == NULL || private == NULL)
		return cm_fail(st, CM_INVALID, "the secret has no \"%s\"", email == NULL ? "client_email" : "private_key");
	s->email = strdup(email);
	s->private_key = strdup(private);
	s->key_id = strdup(id != NULL ? id : "");
	if (s->email == NULL || s->private_key == NULL || s->key_id == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (!load_key(s, &key, st))
		return false;
	cm_key_free(key);
	*token_uri = cm_secret_map_get(map, "token_uri");
	return s->project[0] != '\0' || project == NULL || cm_gcloud_name("project_id", project, ".:", s->project, st);
}

/* Who may get the token of the machine's own service account. */
static const char *const own_domains[] = {"googleapis.com", NULL};

static bool
set_token_url(const CmJson *config, CmGcloudSettings *s, const char *otherwise, CmStatus *st)
{
	const char *url;

	if (!cm_dns01_text(config, "token_endpoint", &url, st))
		return false;
	if (url == NULL)
		url = otherwise;
	if (url != otherwise || !s->oauth.metadata)
	{
		if (!cm_dns01_api_url("token_endpoint", url, &s->oauth.token_http, st))
			return false;
	}
	if (s->oauth.metadata && !cm_oauth_check_host("endpoint", s->oauth.api.endpoint, own_domains, st))
		return false;
	s->oauth.token_url = strdup(url);
	return s->oauth.token_url != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

/* The claims of RFC 7523, signed: who we are, and what for. */
static bool
append_assertion(const CmGcloudSettings *s, CmBuf *out, CmStatus *st)
{
	long long	now = (long long) time(NULL);
	CmKey	   *key;
	CmBuf		text;
	CmBuf		jwt;
	CmBuf		signature;
	bool		ok;

	if (!load_key(s, &key, st))
		return false;
	cm_buf_init(&text, 8192);
	cm_buf_init_secret(&jwt, 16384);
	cm_buf_init(&signature, 1024);
	cm_buf_append_str(&text, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":");
	(void) cm_json_quote(&text, s->key_id);
	cm_buf_append_str(&text, "}");
	cm_base64url_encode(&jwt, text.data, text.len);
	cm_buf_reset(&text);
	cm_buf_append_str(&text, "{\"iss\":");
	(void) cm_json_quote(&text, s->email);
	cm_buf_append_str(&text, ",\"scope\":\"" SCOPE "\",\"aud\":");
	(void) cm_json_quote(&text, s->oauth.token_url);
	/* A clock that is a little ahead must not make it a token of the future. */
	cm_buf_printf(&text, ",\"iat\":%lld,\"exp\":%lld}", now - 10, now - 10 + ASSERTION_S);
	cm_buf_append_byte(&jwt, '.');
	cm_base64url_encode(&jwt, text.data, text.len);
	ok = (!text.failed && !jwt.failed) || cm_fail(st, CM_LIMIT, "the service account's names are too long");
	ok = ok && cm_sign(key, cm_slice(jwt.data, jwt.len), &signature, st);
	if (ok)
	{
		cm_buf_append(out, jwt.data, jwt.len);
		cm_buf_append_byte(out, '.');
		cm_base64url_encode(out, signature.data, signature.len);
	}
	cm_key_free(key);
	cm_buf_free(&text);
	cm_buf_free(&jwt);
	cm_buf_free(&signature);
	return ok;
}

static bool
form(const CmOauth *oauth, CmBuf *out, CmStatus *st)
{
	/* The settings begin with it. */
	const CmGcloudSettings *s = (const CmGcloudSettings *) oauth;

	cm_buf_append_str(out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
	return append_assertion(s, out, st);
}

static bool
read_credentials(const CmJson *config, CmSlice secret, CmGcloudSettings *s, CmStatus *st)
{
	const char *token_uri = NULL;
	const char *parts[4];
	CmSecretMap map;
	bool		ok;

	s->oauth.who = "Google";
	s->oauth.form = form;
	s->oauth.metadata = secret.len == 0;
	s->oauth.metadata_header = "Metadata-Flavor: Google";
	if (secret.len == 0)
		ok = set_token_url(config, s, METADATA_TOKEN, st);
	else
	{
		ok = cm_secret_map_parse(secret, "the secret", &map, st) && take_account(&map, s, &token_uri, st) &&
			set_token_url(config, s, token_uri != NULL ? token_uri : TOKEN_ENDPOINT, st);
		cm_secret_map_free(&map);
	}
	if (ok && s->project[0] == '\0')
		return cm_fail(st, CM_INVALID, "configuration key \"project\" is missing");
	parts[0] = s->email;
	parts[1] = s->key_id;
	parts[2] = s->private_key;
	parts[3] = s->oauth.token_url;
	return ok && cm_oauth_key(&s->oauth, parts, 4, st);
}

bool
cm_gcloud_settings_read(const CmJson *config, CmSlice secret, CmGcloudSettings *s, CmStatus *st)
{
	static const char *const known[] = {"project", "managed_zone", "private_zone", "ttl", "token_endpoint", CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};
	const CmJson *private = cm_json_get(config, "private_zone");
	const char *project;
	const char *zone;

	if (!cm_dns01_known_keys(config, known, st) || !cm_dns01_text(config, "project", &project, st) || !cm_dns01_text(config, "managed_zone", &zone, st) ||
		(project != NULL && !cm_gcloud_name("project", project, ".:", s->project, st)) ||
		(zone != NULL && !cm_gcloud_name("managed_zone", zone, "", s->managed_zone, st)))
		return false;
	if (private != NULL && cm_json_type(private) != CM_JSON_BOOL)
		return cm_fail(st, CM_INVALID, "\"private_zone\" must be true or false");
	s->private_zone = cm_json_bool(private, false);
	return cm_dns01_number(config, "ttl", 0, 604800, DEFAULT_TTL, &s->ttl, st) && cm_dns01_api_read(config, ENDPOINT, &s->oauth.api, st) &&
		read_credentials(config, secret, s, st) && cm_dns01_check_propagation(config, st);
}
