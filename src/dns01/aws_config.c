/*
 * aws_config.c - an AWS account as config and secret describe it.
 *
 * Backends check a config with it, the worker reads it before each use.
 * Nothing is locked or sent. What may fail: a config or secret that is not
 * what it should be. The server's environment has a say where the config asks
 * for it, or where there is no secret.
 */
#include "dns01/api.h"
#include "dns01/aws.h"
#include "dns01/secret_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SESSION_NAME "certmgr"
/* An access key id has 20 characters, a secret 40, a session token a few hundred to some thousand. */
#define ID_MAX 128
#define SECRET_MAX 256
#define TOKEN_MAX 16384

typedef struct Partition
{
	const char *name;
	const char *prefix;			/* of its regions */
	const char *endpoint;
	const char *signing_region;
	const char *suffix;
} Partition;

/* Route 53 is one service a partition (botocore's endpoint rules). The first one is for all regions that no other claims. */
static const Partition partitions[] = {
	{"aws", "", "https://route53.amazonaws.com", "us-east-1", "amazonaws.com"},
	{"aws-cn", "cn-", "https://route53.amazonaws.com.cn", "cn-northwest-1", "amazonaws.com.cn"},
	{"aws-us-gov", "us-gov-", "https://route53.us-gov.amazonaws.com", "us-gov-west-1", "amazonaws.com"},
	{"aws-eusc", "eusc-", "https://route53.amazonaws.eu", "eusc-de-east-1", "amazonaws.eu"},
};

#define NPARTITIONS (sizeof(partitions) / sizeof(partitions[0]))

static void
wipe_free(char **text)
{
	if (*text != NULL)
		cm_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void
cm_aws_free(CmAws *aws)
{
	char	  **texts[] = {&aws->endpoint, &aws->sts_endpoint, &aws->trust_anchors, &aws->role_arn, &aws->external_id, &aws->session_name,
	&aws->web_role_arn, &aws->token_file};
	size_t		i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		wipe_free(texts[i]);
	cm_grant_free(&aws->keys);
}

static bool
set_text(char **dst, const char *text, CmStatus *st)
{
	free(*dst);
	*dst = strdup(text);
	return *dst != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

/* An environment variable that is there and not empty. */
static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* ---- where ---- */

static const Partition *
partition_of_region(const char *region)
{
	size_t		i;

	for (i = NPARTITIONS - 1; i > 0; i--)
	{
		if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
			return &partitions[i];
	}
	return &partitions[0];
}

static const Partition *
partition_by_name(const char *name, CmStatus *st)
{
	size_t		i;

	for (i = 0; i < NPARTITIONS; i++)
	{
		if (strcmp(partitions[i].name, name) == 0)
			return &partitions[i];
	}
	cm_fail(st, CM_INVALID, "\"partition\" must be \"aws\", \"aws-cn\", \"aws-us-gov\" or \"aws-eusc\"");
	return NULL;
}

static bool
read_region(const CmJson *config, CmAws *aws, const Partition **partition, CmStatus *st)
{
	const char *region;
	const char *name;

	if (!cm_dns01_text(config, "region", &region, st) || !cm_dns01_text(config, "partition", &name, st))
		return false;
	if (region == NULL && aws->source != CM_AWS_STATIC && (region = environment("AWS_REGION")) == NULL)
		region = environment("AWS_DEFAULT_REGION");
	/* It becomes part of a host name. */
	if (region != NULL && (strlen(region) >= sizeof(aws->region) || region[0] == '\0' ||
						   region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0'))
		return cm_fail(st, CM_INVALID, "\"region\" is not the name of an AWS region, as \"eu-central-1\"");
	*partition = name != NULL ? partition_by_name(name, st) : partition_of_region(region != NULL ? region : "");
	if (*partition == NULL)
		return false;
	if (name != NULL && region != NULL && partition_of_region(region) != *partition)
		return cm_fail(st, CM_INVALID, "\"region\" \"%s\" does not lie in \"partition\" \"%s\"", region, name);
	snprintf(aws->region, sizeof(aws->region), "%s", region != NULL ? region : (*partition)->signing_region);
	snprintf(aws->signing_region, sizeof(aws->signing_region), "%s", (*partition)->signing_region);
	return true;
}

static bool
read_endpoint(const CmJson *config, const char *key, const char *otherwise, char **out, bool *http, CmStatus *st)
{
	const char *text;
	size_t		len;

	if (!cm_dns01_text(config, key, &text, st))
		return false;
	if (text == NULL)
		text = otherwise;
	if (!cm_dns01_api_url(key, text, http, st))
		return false;
	if (strpbrk(text, "?") != NULL)
		return cm_fail(st, CM_INVALID, "\"%s\" must not have a query", key);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		len--;
	*out = strndup(text, len);
	return *out != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
read_endpoints(const CmJson *config, CmAws *aws, CmStatus *st)
{
	const Partition *partition = &partitions[0];
	char		sts[128];
	CmDns01Api	api;
	bool		ok;

	if (!read_region(config, aws, &partition, st))
		return false;
	snprintf(sts, sizeof(sts), "https://sts.%s.%s", aws->region, partition->suffix);
	if (!read_endpoint(config, "endpoint", partition->endpoint, &aws->endpoint, &aws->endpoint_http, st) ||
		!read_endpoint(config, "sts_endpoint", sts, &aws->sts_endpoint, &aws->sts_http, st))
		return false;
	/* The keys all providers have are read by what they share. */
	memset(&api, 0, sizeof(api));
	ok = cm_dns01_api_read(config, partition->endpoint, &api, st);
	aws->trust_anchors = api.trust_anchors;
	api.trust_anchors = NULL;
	aws->timeout_ms = api.timeout_ms;
	cm_dns01_api_free(&api);
	return ok;
}

/* ---- who ---- */

static bool
is_plain(const char *text, size_t max)
{
	size_t		i;

	for (i = 0; text[i] != '\0'; i++)
	{
		if (text[i] <= ' ' || text[i] >= 0x7f || i >= max)
			return false;
	}
	return i > 0;
}

/* "where" is for the message: never shows a value. */
static bool
set_keys(CmAws *aws, const char *id, const char *secret, const char *token, const char *where, CmStatus *st)
{
	if (id == NULL || secret == NULL)
		return cm_fail(st, CM_INVALID, "%s has no \"%s\"", where, id == NULL ? "access_key_id" : "secret_access_key");
	if (!is_plain(id, ID_MAX) || strpbrk(id, "/=,;") != NULL)
		return cm_fail(st, CM_INVALID, "the access key id of %s is not one", where);
	if (!is_plain(secret, SECRET_MAX) || (token != NULL && !is_plain(token, TOKEN_MAX)))
		return cm_fail(st, CM_INVALID, "the %s of %s is not one", is_plain(secret, SECRET_MAX) ? "session token" : "secret access key", where);
	return cm_grant_set(&aws->keys, 0, id, st) && cm_grant_set(&aws->keys, 1, secret, st) && cm_grant_set(&aws->keys, 2, token, st);
}

static bool
read_secret(CmSlice secret, CmAws *aws, CmStatus *st)
{
	static const char *const known[] = {"access_key_id", "secret_access_key", "session_token", NULL};
	CmSecretMap map;
	bool		ok;

	ok = cm_secret_map_parse(secret, "the secret", &map, st) && cm_secret_map_known_keys(&map, "the secret", known, st) &&
		set_keys(aws, cm_secret_map_get(&map, "access_key_id"), cm_secret_map_get(&map, "secret_access_key"),
				 cm_secret_map_get(&map, "session_token"), "the secret", st);
	cm_secret_map_free(&map);
	if (!ok && st != NULL && st->code == CM_INVALID && st->detail[0] == '\0')
		cm_fail_detail(st, "It is a JSON object with \"access_key_id\", \"secret_access_key\" and, for temporary keys, \"session_token\".");
	return ok;
}

static bool
read_environment(CmAws *aws, CmStatus *st)
{
	const char *id = environment("AWS_ACCESS_KEY_ID");
	const char *secret = environment("AWS_SECRET_ACCESS_KEY");

	if (id == NULL || secret == NULL)
	{
		cm_fail(st, CM_INVALID, "the server's environment has no %s", id == NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
		return cm_fail_detail(st, "The environment is that of the postmaster: on Debian /etc/postgresql/VERSION/CLUSTER/environment.");
	}
	return set_keys(aws, id, secret, environment("AWS_SESSION_TOKEN"), "the server's environment", st);
}

/* The order of all AWS SDKs, as far as a server has these sources. */
static CmAwsSource
first_source(const char *token_file, CmSlice secret)
{
	if (secret.len > 0)
		return CM_AWS_STATIC;
	if (environment("AWS_ACCESS_KEY_ID") != NULL && environment("AWS_SECRET_ACCESS_KEY") != NULL)
		return CM_AWS_ENVIRONMENT;
	if (token_file != NULL || (environment("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL && environment("AWS_ROLE_ARN") != NULL))
		return CM_AWS_WEB_IDENTITY;
	if (environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL || environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL)
		return CM_AWS_CONTAINER;
	return CM_AWS_INSTANCE;
}

static bool
read_source(const CmJson *config, CmSlice secret, CmAws *aws, const char *token_file, CmStatus *st)
{
	static const char *const names[] = {"static", "environment", "web_identity", "container", "instance"};
	const char *name;
	size_t		i;

	if (!cm_dns01_text(config, "credentials", &name, st))
		return false;
	if (name == NULL)
	{
		aws->source = first_source(token_file, secret);
		return true;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i], name) != 0)
			continue;
		aws->source = (CmAwsSource) i;
		if (aws->source != CM_AWS_STATIC && secret.len > 0)
			return cm_fail(st, CM_INVALID, "a secret is given, but \"credentials\" is \"%s\"", name);
		if (aws->source == CM_AWS_STATIC && secret.len == 0)
			return cm_fail(st, CM_INVALID, "\"credentials\" is \"static\", but no secret is given");
		return true;
	}
	return cm_fail(st, CM_INVALID, "\"credentials\" must be \"static\", \"environment\", \"web_identity\", \"container\" or \"instance\"");
}

static bool
check_role(const char *key, const char *arn, CmStatus *st)
{
	if (arn == NULL || (strncmp(arn, "arn:", 4) == 0 && is_plain(arn, 2048)))
		return true;
	return cm_fail(st, CM_INVALID, "\"%s\" is not the ARN of a role, as \"arn:aws:iam::123456789012:role/certmgr\"", key);
}

/* Which role the web identity is for, and which is assumed with that afterwards. */
static bool
set_roles(CmAws *aws, const char *role, const char *token_file, CmStatus *st)
{
	const char *web_role = environment("AWS_ROLE_ARN");

	if (aws->source != CM_AWS_WEB_IDENTITY)
		return role == NULL || set_text(&aws->role_arn, role, st);
	if (token_file != NULL || web_role == NULL)
	{
		/* Ours: the config's file is for the config's role. */
		web_role = role;
		role = NULL;
	}
	else if (role != NULL && strcmp(role, web_role) == 0)
		role = NULL;
	if (token_file == NULL)
		token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
	if (token_file == NULL || web_role == NULL)
		return cm_fail(st, CM_INVALID, "a web identity needs \"%s\"", token_file == NULL ? "web_identity_token_file" : "role_arn");
	if (token_file[0] != '/')
		return cm_fail(st, CM_INVALID, "\"web_identity_token_file\" must be an absolute path");
	return set_text(&aws->web_role_arn, web_role, st) && set_text(&aws->token_file, token_file, st) && check_role("AWS_ROLE_ARN", web_role, st) &&
		(role == NULL || set_text(&aws->role_arn, role, st));
}

static bool
read_roles(const CmJson *config, CmAws *aws, const char *token_file, CmStatus *st)
{
	const char *role;
	const char *external;
	const char *session;

	if (!cm_dns01_text(config, "role_arn", &role, st) || !cm_dns01_text(config, "external_id", &external, st) ||
		!cm_dns01_text(config, "session_name", &session, st) || !check_role("role_arn", role, st) || !set_roles(aws, role, token_file, st))
		return false;
	if (external != NULL && aws->role_arn == NULL)
		return cm_fail(st, CM_INVALID, "\"external_id\" is given, but there is no role to assume with it");
	/* STS: [\w+=,.@:\/-]*, 2 to 1224 characters. */
	if (external != NULL && (strlen(external) < 2 || !is_plain(external, 1224)))
		return cm_fail(st, CM_INVALID, "\"external_id\" is not one");
	if (session == NULL)
		session = DEFAULT_SESSION_NAME;
	if (strlen(session) < 2 || strlen(session) > 64 ||
		session[strspn(session, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-")] != '\0')
		return cm_fail(st, CM_INVALID, "\"session_name\" must have 2 to 64 letters, digits or characters of \"_+=,.@-\"");
	return set_text(&aws->session_name, session, st) && (external == NULL || set_text(&aws->external_id, external, st));
}

bool
cm_aws_read(const CmJson *config, CmSlice secret, CmAws *aws, CmStatus *st)
{
	const char *token_file;

	if (!cm_dns01_text(config, "web_identity_token_file", &token_file, st) || !read_source(config, secret, aws, token_file, st))
		return false;
	if (token_file != NULL && aws->source != CM_AWS_WEB_IDENTITY)
		return cm_fail(st, CM_INVALID, "\"web_identity_token_file\" is given, but the credentials come from elsewhere");
	if ((aws->source == CM_AWS_STATIC && !read_secret(secret, aws, st)) || (aws->source == CM_AWS_ENVIRONMENT && !read_environment(aws, st)))
		return false;
	return read_roles(config, aws, token_file, st) && read_endpoints(config, aws, st);
}
