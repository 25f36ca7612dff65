/*
 * provider.c - the list of provider types, and how their configs are read.
 *
 * Pure functions for any process: backends check a config with them when it is
 * written, the worker reads it again before each use. What may fail: a config
 * that is not what it should be.
 */
#include "dns01/provider.h"

#include "dns01/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const CmDns01Provider *const providers[] = {
	&cm_dns01_rfc2136,
	&cm_dns01_route53,
	&cm_dns01_cloudflare,
	&cm_dns01_powerdns,
	&cm_dns01_acmedns,
	&cm_dns01_webhook,
	&cm_dns01_gcloud,
	&cm_dns01_azure,
	&cm_dns01_sql,
	&cm_dns01_manual
};

const CmDns01Provider *
cm_dns01_provider(const char *type)
{
	size_t		i;

	for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
	{
		if (strcmp(providers[i]->type, type) == 0)
			return providers[i];
	}
	return NULL;
}

bool
cm_dns01_by_person(const CmDns01Provider *provider)
{
	return provider == &cm_dns01_manual;
}

const char *
cm_dns01_provider_types(void)
{
	/* Made of the list above at the first call. */
	static char types[512];
	size_t		len = 0;
	size_t		i;

	if (types[0] != '\0')
		return types;
	for (i = 0; i < sizeof(providers) / sizeof(providers[0]) && len < sizeof(types); i++)
		len += (size_t) snprintf(types + len, sizeof(types) - len, "%s%s", i > 0 ? ", " : "", providers[i]->type);
	return types;
}

static bool
add_server(const CmJson *item, const char *key, CmDns01Server *out, int max, int *count, CmStatus *st)
{
	CmDns01Server *server = &out[*count];

	if (item == NULL || cm_json_type(item) != CM_JSON_STRING)
		return cm_fail(st, CM_INVALID, "\"%s\" must be a text or an array of texts", key);
	if (*count == max)
		return cm_fail(st, CM_LIMIT, "\"%s\" has more than %d entries", key, max);
	if (!cm_dns_server_parse(cm_json_string(item), &server->addr, &server->len, st))
		return false;
	snprintf(server->text, sizeof(server->text), "%s", cm_json_string(item));
	(*count)++;
	return true;
}

bool
cm_dns01_servers(const CmJson *config, const char *key, CmDns01Server *out, int max, int *count, CmStatus *st)
{
	const CmJson *value = cm_json_get(config, key);
	int			i;

	*count = 0;
	if (value == NULL)
		return true;
	if (cm_json_type(value) != CM_JSON_ARRAY)
		return add_server(value, key, out, max, count, st);
	for (i = 0; i < cm_json_length(value); i++)
	{
		if (!add_server(cm_json_at(value, i), key, out, max, count, st))
			return false;
	}
	if (*count == 0)
		return cm_fail(st, CM_INVALID, "\"%s\" is empty", key);
	return true;
}

bool
cm_dns01_text(const CmJson *config, const char *key, const char **out, CmStatus *st)
{
	const CmJson *value = cm_json_get(config, key);

	*out = NULL;
	if (value == NULL)
		return true;
	if (cm_json_type(value) != CM_JSON_STRING)
		return cm_fail(st, CM_INVALID, "\"%s\" must be a text", key);
	*out = cm_json_string(value);
	return true;
}

bool
cm_dns01_number(const CmJson *config, const char *key, int min, int max, int otherwise, int *out, CmStatus *st)
{
	const CmJson *value = cm_json_get(config, key);
	const char *text;
	char	   *end;
	long		n;

	*out = otherwise;
	if (value == NULL)
		return true;
	if (cm_json_type(value) == CM_JSON_NUMBER)
	{
		text = cm_json_string(value);
		n = strtol(text, &end, 10);
		if (end != text && *end == '\0' && n >= min && n <= max)
		{
			*out = (int) n;
			return true;
		}
	}
	return cm_fail(st, CM_INVALID, "\"%s\" must be a whole number between %d and %d", key, min, max);
}

bool
cm_dns01_known_keys(const CmJson *config, const char *const *known, CmStatus *st)
{
	char		shown[100];
	CmBuf		all;
	const char *const *k;
	const char *key;
	int			i;

	if (config == NULL || cm_json_type(config) != CM_JSON_OBJECT)
		return cm_fail(st, CM_INVALID, "the configuration must be a JSON object");
	for (i = 0; i < cm_json_length(config); i++)
	{
		key = cm_json_key(config, i);
		for (k = known; *k != NULL && strcmp(*k, key) != 0; k++)
			;
		if (*k != NULL)
			continue;
		cm_clean_text(shown, sizeof(shown), key, strlen(key));
		cm_fail(st, CM_INVALID, "configuration key \"%s\" is not known", shown);
		cm_buf_init(&all, 1024);
		for (k = known; *k != NULL; k++)
			cm_buf_printf(&all, "%s\"%s\"", k == known ? "" : ", ", *k);
		cm_fail_detail(st, "Known keys are %s.", cm_buf_cstr(&all));
		cm_buf_free(&all);
		return false;
	}
	return true;
}
