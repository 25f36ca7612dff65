/*
 * test_aws.c - AWS accounts as configs and secrets describe them, secrets as
 * JSON, and what answers of AWS mean; with input nobody should send.
 */
#include "dns01/aws.h"
#include "dns01/secret_map.h"
#include "dns01/task.h"
#include "dns01/route53.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS "{\"access_key_id\":\"AKIDEXAMPLE\",\"secret_access_key\":\"abc/+=\"}"

static CmSlice
slice(const char *text)
{
	return cm_slice(text, strlen(text));
}

/* ---- secrets as JSON ---- */

static void
test_secret_map(void **state)
{
	CmSecretMap map;
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_true(cm_secret_map_parse(slice(" { \"a\" : \"x\\n\\u00e9\\ud83d\\ude00\\\"\" , \"n\":-1.5e3,\"t\":true,\"z\":null,\"o\":{\"a\":[\"}\"]},\"a\":\"last\",\"e\":\"\"} \n"),
									"it", &map, &st));
	assert_int_equal(map.count, 7);
	assert_string_equal(map.values[0], "x\n\xc3\xa9\xf0\x9f\x98\x80\"");
	assert_string_equal(cm_secret_map_get(&map, "a"), "last");
	assert_string_equal(cm_secret_map_get(&map, "n"), "-1.5e3");
	assert_string_equal(cm_secret_map_get(&map, "t"), "true");
	assert_string_equal(cm_secret_map_get(&map, "e"), "");
	assert_null(cm_secret_map_get(&map, "z"));
	assert_null(cm_secret_map_get(&map, "o"));
	assert_null(cm_secret_map_get(&map, "none"));
	cm_secret_map_free(&map);
	assert_null(cm_secret_map_get(&map, "a"));
	assert_true(cm_secret_map_parse(slice("{}"), "it", &map, &st));
	cm_secret_map_free(&map);
}

static void
test_secret_map_hostile(void **state)
{
	static const char *const texts[] = {"", " ", "[]", "\"a\"", "{", "{\"a\"}", "{\"a\":}", "{\"a\":\"b\"", "{\"a\":\"b\",}", "{\"a\":\"b\"}x", "{\"a\":\"\\u0000\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\", "{\"a\":\"\\u12", "{\"a\":\"\n\"}", "{a:1}", "{\"a\":[[[[[[[[[[]]]]]]]]]]}",
	"{\"a\":[\"}", "{\"a\":{"};
	CmSecretMap map;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		many;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_false(cm_secret_map_parse(slice(texts[i]), "the secret", &map, &st));
		assert_string_equal(st.reason, "the secret is not a JSON object");
		cm_secret_map_free(&map);
	}
	assert_false(cm_secret_map_parse(cm_slice("{\"a\":\"\0\"}", 9), "it", &map, &st));
	cm_secret_map_free(&map);
	cm_buf_init(&many, 0);
	cm_buf_append_str(&many, "{\"a\":1");
	for (i = 0; i < 40; i++)
		cm_buf_append_str(&many, ",\"a\":1");
	cm_buf_append_str(&many, "}");
	assert_false(cm_secret_map_parse(cm_slice(many.data, many.len), "it", &map, &st));
	cm_secret_map_free(&map);
	cm_buf_reset(&many);
	for (i = 0; i < 70000; i++)
		cm_buf_append_byte(&many, ' ');
	assert_false(cm_secret_map_parse(cm_slice(many.data, many.len), "it", &map, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_secret_map_free(&map);
	cm_buf_free(&many);
}

/* ---- configuration ---- */

static void
clear_environment(void)
{
	static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static bool
read_account(const char *config, const char *secret, CmAws *aws, CmStatus *st)
{
	CmJson	   *json = cm_json_parse(slice(config), 65536, st);
	bool		ok;

	memset(aws, 0, sizeof(*aws));
	memset(st, 0, sizeof(*st));
	assert_non_null(json);
	ok = cm_aws_read(json, slice(secret), aws, st);
	cm_json_free(json);
	return ok;
}

static void
good(const char *config, const char *secret, CmAwsSource source, const char *endpoint, const char *sts)
{
	CmAws		aws;
	CmStatus	st;

	if (!read_account(config, secret, &aws, &st))
		print_error("%s\n", st.reason);
	assert_int_equal(st.code, CM_OK);
	assert_int_equal(aws.source, source);
	assert_string_equal(aws.endpoint, endpoint);
	assert_string_equal(aws.sts_endpoint, sts);
	cm_aws_free(&aws);
}

static void
bad(const char *config, const char *secret, const char *reason)
{
	CmAws		aws;
	CmStatus	st;

	assert_false(read_account(config, secret, &aws, &st));
	assert_string_equal(st.reason, reason);
	assert_null(strstr(st.detail, "abc/+="));
	cm_aws_free(&aws);
}

static void
test_config(void **state)
{
	(void) state;
	clear_environment();
	good("{}", KEYS, CM_AWS_STATIC, "https://route53.amazonaws.com", "https://sts.us-east-1.amazonaws.com");
	good("{\"region\":\"eu-central-1\"}", KEYS, CM_AWS_STATIC, "https://route53.amazonaws.com", "https://sts.eu-central-1.amazonaws.com");
	good("{\"region\":\"cn-north-1\"}", KEYS, CM_AWS_STATIC, "https://route53.amazonaws.com.cn", "https://sts.cn-north-1.amazonaws.com.cn");
	good("{\"partition\":\"aws-us-gov\"}", KEYS, CM_AWS_STATIC, "https://route53.us-gov.amazonaws.com", "https://sts.us-gov-west-1.amazonaws.com");
	good("{\"region\":\"eusc-de-east-1\"}", KEYS, CM_AWS_STATIC, "https://route53.amazonaws.eu", "https://sts.eusc-de-east-1.amazonaws.eu");
	good("{\"endpoint\":\"https://vpce.example/\",\"sts_endpoint\":\"http://127.0.0.1:1\"}", KEYS, CM_AWS_STATIC, "https://vpce.example", "http://127.0.0.1:1");
	good("{}", "", CM_AWS_INSTANCE, "https://route53.amazonaws.com", "https://sts.us-east-1.amazonaws.com");
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
	good("{}", "", CM_AWS_CONTAINER, "https://route53.amazonaws.com", "https://sts.us-east-1.amazonaws.com");
	setenv("AWS_REGION", "eu-west-3", 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token", 1);
	good("{}", "", CM_AWS_WEB_IDENTITY, "https://route53.amazonaws.com", "https://sts.eu-west-3.amazonaws.com");
	good("{\"role_arn\":\"arn:aws:iam::2:role/r\",\"external_id\":\"xy\"}", "", CM_AWS_WEB_IDENTITY, "https://route53.amazonaws.com", "https://sts.eu-west-3.amazonaws.com");
	good("{}", KEYS, CM_AWS_STATIC, "https://route53.amazonaws.com", "https://sts.us-east-1.amazonaws.com");
	setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	good("{}", "", CM_AWS_ENVIRONMENT, "https://route53.amazonaws.com", "https://sts.eu-west-3.amazonaws.com");
	clear_environment();
}

static void
test_config_refused(void **state)
{
	(void) state;
	clear_environment();
	bad("{}", "AKID:secret", "the secret is not a JSON object");
	bad("{}", "{\"access_key_id\":\"A\"}", "the secret has no \"secret_access_key\"");
	bad("{}", "{\"access_key_id\":\"A\",\"secret_access_key\":\"a b\"}", "the secret access key of the secret is not one");
	bad("{}", "{\"access_key_id\":\"A/B\",\"secret_access_key\":\"x\"}", "the access key id of the secret is not one");
	bad("{}", "{\"access_key_id\":\"A\",\"secret_access_key\":\"x\",\"session_token\":\"a\\r\\nb\"}", "the session token of the secret is not one");
	bad("{}", "{\"aws_key\":\"A\"}", "the secret has a member \"aws_key\", which is not known");
	bad("{\"region\":\"evil.example/\"}", KEYS, "\"region\" is not the name of an AWS region, as \"eu-central-1\"");
	bad("{\"region\":\"eu-central-1\",\"partition\":\"aws-cn\"}", KEYS, "\"region\" \"eu-central-1\" does not lie in \"partition\" \"aws-cn\"");
	bad("{\"partition\":\"aws-moon\"}", KEYS, "\"partition\" must be \"aws\", \"aws-cn\", \"aws-us-gov\" or \"aws-eusc\"");
	bad("{\"credentials\":\"magic\"}", "", "\"credentials\" must be \"static\", \"environment\", \"web_identity\", \"container\" or \"instance\"");
	bad("{\"credentials\":\"instance\"}", KEYS, "a secret is given, but \"credentials\" is \"instance\"");
	bad("{\"credentials\":\"static\"}", "", "\"credentials\" is \"static\", but no secret is given");
	bad("{\"credentials\":\"environment\"}", "", "the server's environment has no AWS_ACCESS_KEY_ID");
	bad("{\"credentials\":\"web_identity\"}", "", "a web identity needs \"web_identity_token_file\"");
	bad("{\"web_identity_token_file\":\"/t\"}", "", "a web identity needs \"role_arn\"");
	bad("{\"web_identity_token_file\":\"t\",\"role_arn\":\"arn:aws:iam::1:role/r\"}", "", "\"web_identity_token_file\" must be an absolute path");
	bad("{\"web_identity_token_file\":\"/t\"}", KEYS, "\"web_identity_token_file\" is given, but the credentials come from elsewhere");
	bad("{\"role_arn\":\"role\"}", KEYS, "\"role_arn\" is not the ARN of a role, as \"arn:aws:iam::123456789012:role/certmgr\"");
	bad("{\"external_id\":\"xy\"}", KEYS, "\"external_id\" is given, but there is no role to assume with it");
	bad("{\"role_arn\":\"arn:aws:iam::1:role/r\",\"session_name\":\"a b\"}", KEYS, "\"session_name\" must have 2 to 64 letters, digits or characters of \"_+=,.@-\"");
	bad("{\"endpoint\":\"http://route53.amazonaws.com\"}", KEYS, "\"endpoint\" must be an https:// URL");
	bad("{\"sts_endpoint\":\"https://sts.example/?x=1\"}", KEYS, "\"sts_endpoint\" must not have a query");
	bad("{\"timeout\":0}", KEYS, "\"timeout\" must be a whole number between 1 and 300");
}

static void
test_provider_check(void **state)
{
	static const struct
	{
		const char *config;
		const char *reason;
	}			cases[] = {
		{"{\"hosted_zone_id\":\"Z1/../x\"}", "\"hosted_zone_id\" is not the id of a hosted zone, as \"Z0123456789ABCDEFGHIJ\""},
		{"{\"private_zone\":1}", "\"private_zone\" must be true or false"},
		{"{\"ttl\":-1}", "\"ttl\" must be a whole number between 0 and 604800"},
		{"{\"secret\":\"x\"}", "configuration key \"secret\" is not known"},
	};
	const CmDns01Provider *provider = cm_dns01_provider("route53");
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmJson	   *json = cm_json_parse(slice(cases[i].config), 65536, &st);

		assert_false(provider->check(json, slice(KEYS), &st));
		assert_string_equal(st.reason, cases[i].reason);
		cm_json_free(json);
	}
}

/* ---- answers ---- */

static void
judge(int code, const char *headers, const char *body, CmAwsAnswer *answer)
{
	CmHttpResponse response;
	CmXml	   *xml;

	memset(&response, 0, sizeof(response));
	cm_buf_init(&response.body, 0);
	cm_buf_init(&response.headers, 0);
	cm_buf_append_str(&response.body, body);
	cm_buf_append_str(&response.headers, headers);
	response.code = code;
	cm_aws_judge(&response, "route53:X", answer, &xml);
	cm_xml_free(xml);
	cm_buf_free(&response.body);
	cm_buf_free(&response.headers);
}

#define ERROR_XML(code, message) "<ErrorResponse xmlns=\"https://r/\"><Error><Type>Sender</Type><Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"

static void
test_answers(void **state)
{
	CmAwsAnswer answer;

	(void) state;
	judge(200, "", "<R/>", &answer);
	assert_int_equal(answer.status.code, CM_OK);
	judge(200, "", "{}", &answer);
	assert_int_equal(answer.status.code, CM_PROTOCOL);
	judge(400, "Retry-After: 7\r\n", ERROR_XML("Throttling", "Rate exceeded"), &answer);
	assert_int_equal(answer.status.code, CM_LIMIT);
	assert_string_equal(answer.status.reason, "AWS asks to slow down: Throttling");
	assert_int_equal(answer.retry_after, 7);
	judge(400, "", ERROR_XML("PriorRequestNotComplete", "x"), &answer);
	assert_int_equal(answer.status.code, CM_LIMIT);
	assert_int_equal(answer.retry_after, -1);
	judge(403, "", ERROR_XML("AccessDenied", "User: u is not authorized"), &answer);
	assert_int_equal(answer.status.code, CM_REFUSED);
	assert_string_equal(answer.status.reason, "AWS denied access: the credentials lack the permission \"route53:X\"");
	assert_string_equal(answer.status.detail, "AWS said: User: u is not authorized");
	judge(403, "", "<AccessDeniedException><Message>no</Message></AccessDeniedException>", &answer);
	assert_non_null(strstr(answer.status.reason, "permission"));
	judge(403, "", ERROR_XML("InvalidClientTokenId", "x"), &answer);
	assert_string_equal(answer.status.reason, "AWS does not accept the credentials: InvalidClientTokenId");
	judge(400, "", "<InvalidChangeBatch xmlns=\"https://r/\"><Messages><Message>[Tried]</Message></Messages></InvalidChangeBatch>", &answer);
	assert_string_equal(answer.code, "InvalidChangeBatch");
	assert_string_equal(answer.status.detail, "AWS said: [Tried]");
	judge(400, "", ERROR_XML("InvalidChangeBatch", "[Tried\x07]"), &answer);
	assert_int_not_equal(answer.status.code, CM_OK);	/* a control character is no XML */
	judge(502, "", "<html><br>Bad Gateway", &answer);
	assert_int_equal(answer.status.code, CM_NETWORK);
	assert_string_equal(answer.status.reason, "AWS failed to carry out route53:X: no reason given (HTTP 502)");
	judge(429, "", "", &answer);
	assert_int_equal(answer.status.code, CM_LIMIT);
	judge(301, "", "", &answer);
	assert_int_equal(answer.status.code, CM_REFUSED);
	assert_string_equal(answer.status.reason, "AWS refused route53:X: no reason given (HTTP 301)");
}

static void
test_names_and_ids(void **state)
{
	char		name[256];
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];

	(void) state;
	assert_true(cm_route53_name("\\052.Example.COM.", name));
	assert_string_equal(name, "*.example.com");
	assert_true(cm_route53_name("_acme-challenge.example.com.", name));
	assert_false(cm_route53_name("\\400.example.com.", name));
	assert_false(cm_route53_name("\\05", name));
	assert_false(cm_route53_name("a\\000.example.com.", name));
	assert_false(cm_route53_name("", name));
	assert_true(cm_route53_id("/hostedzone/Z1", "/hostedzone/", id));
	assert_string_equal(id, "Z1");
	assert_true(cm_route53_id("Z1", "/hostedzone/", id));
	assert_false(cm_route53_id("/change/C1", "/hostedzone/", id));
	assert_false(cm_route53_id("", "/hostedzone/", id));
	assert_false(cm_route53_id("012345678901234567890123456789012", "", id));
}

/* ---- sets ---- */

static void
test_sets(void **state)
{
	static const CmDns01Record records[] = {
		{.name = "_acme-challenge.example.test.", .value = "new", .remove = false, .id = NULL}, {.name = "_ACME-challenge.example.test", .value = "gone", .remove = true, .id = NULL},
		{.name = "_acme-challenge.example.test", .value = "there", .remove = false, .id = NULL}, {.name = "other.example.test", .value = "x", .remove = true, .id = NULL}
	};
	CmDns01Sets sets;
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Set *set;

	(void) state;
	memset(&sets, 0, sizeof(sets));
	assert_true(cm_dns01_sets_create(&sets, records, 4, &st));
	assert_int_equal(sets.count, 2);
	set = &sets.sets[0];
	assert_string_equal(set->name, "_acme-challenge.example.test");
	assert_true(cm_dns01_set_add(set, "\"foreign \\\"a\\\"\" \"b\"", &st));
	assert_true(cm_dns01_set_add(set, "\"gone\"", &st));
	assert_true(cm_dns01_set_add(set, "\"there\"", &st));
	assert_true(cm_dns01_set_compute(&sets, set, cm_dns01_quote, &st));
	assert_true(set->changed);
	assert_int_equal(set->nnew, 3);
	assert_string_equal(set->new_values[0], "\"foreign \\\"a\\\"\" \"b\"");
	assert_string_equal(set->new_values[1], "\"there\"");
	assert_string_equal(set->new_values[2], "\"new\"");
	/* Once more from what it then is: nothing to do. */
	cm_dns01_set_clear(set);
	assert_true(cm_dns01_set_add(set, "\"there\"", &st));
	assert_true(cm_dns01_set_add(set, "\"new\"", &st));
	assert_true(cm_dns01_set_compute(&sets, set, cm_dns01_quote, &st));
	assert_false(set->changed);
	assert_true(cm_dns01_set_compute(&sets, &sets.sets[1], cm_dns01_quote, &st));
	assert_false(sets.sets[1].changed);
	cm_dns01_sets_free(&sets);
	assert_false(cm_dns01_sets_create(&sets, records, 0, &st));
	assert_string_equal(st.reason, "there are no records to write");
	cm_dns01_sets_free(&sets);
}

static void
test_quote(void **state)
{
	CmBuf		out;
	char		text[602];

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_dns01_quote(&out, "a\"b\\c\xc3\xa9"));
	assert_string_equal(cm_buf_cstr(&out), "\"a\\\"b\\\\c\\303\\251\"");
	cm_buf_reset(&out);
	memset(text, 'x', 600);
	text[600] = '\0';
	assert_true(cm_dns01_quote(&out, text));
	assert_int_equal(out.len, 600 + 2 + 2 * 3);
	assert_memory_equal(out.data + 256, "\" \"", 3);
	cm_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_map),
		cmocka_unit_test(test_secret_map_hostile),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_refused),
		cmocka_unit_test(test_provider_check),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_names_and_ids),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
