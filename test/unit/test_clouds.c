/*
 * test_clouds.c - configs and secrets of the providers "gcloud" and "azure",
 * and files with tokens; with input nobody should send.
 */
#include "crypto/key.h"
#include "dns01/provider.h"
#include "dns01/token_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *rsa_account;
static char *ec_account;

static CmSlice
slice(const char *text)
{
	return cm_slice(text, strlen(text));
}

/* A service account's key file with a new key. */
static char *
make_account(CmKeyAlg alg)
{
	CmKey	   *key;
	CmBuf		pem;
	CmBuf		out;
	char	   *text;

	cm_buf_init_secret(&pem, 0);
	cm_buf_init(&out, 0);
	assert_true(cm_key_generate(alg, &key, NULL));
	assert_true(cm_key_pkcs8_pem(key, &pem, NULL));
	cm_buf_append_str(&out, "{\"type\":\"service_account\",\"project_id\":\"project-1\",\"private_key_id\":\"k\",\"client_email\":\"a@b\",\"private_key\":");
	assert_true(cm_json_quote(&out, cm_buf_cstr(&pem)));
	cm_buf_append_str(&out, "}");
	text = strdup(cm_buf_cstr(&out));
	cm_key_free(key);
	cm_buf_free(&pem);
	cm_buf_free(&out);
	return text;
}

static int
setup(void **state)
{
	(void) state;
	rsa_account = make_account(CM_KEY_RSA_2048);
	ec_account = make_account(CM_KEY_EC_P256);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	free(rsa_account);
	free(ec_account);
	return 0;
}

/* reason NULL: accepted. */
static void
check(const char *type, const char *config, const char *secret, const char *reason)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *json = cm_json_parse(slice(config), 65536, &st);
	bool		ok;

	assert_non_null(json);
	ok = cm_dns01_provider(type)->check(json, slice(secret), &st);
	cm_json_free(json);
	assert_string_equal(st.reason, reason != NULL ? reason : "");
	assert_int_equal(ok, reason == NULL);
}

static void
test_gcloud(void **state)
{
	(void) state;
	check("gcloud", "{}", rsa_account, NULL);
	check("gcloud", "{\"project\":\"example.com:p\",\"managed_zone\":\"zone-1\",\"private_zone\":true,\"ttl\":5}", rsa_account, NULL);
	check("gcloud", "{\"project\":\"p1\"}", "", NULL);
	check("gcloud", "{}", "", "configuration key \"project\" is missing");
	check("gcloud", "{}", ec_account, "\"private_key\" of the secret is not an RSA key");
	check("gcloud", "{}", "AIzaSy", "the secret is not a JSON object");
	check("gcloud", "{}", "{\"type\":\"authorized_user\"}", "the secret is not the key of a service account: its \"type\" is not \"service_account\"");
	check("gcloud", "{}", "{\"type\":\"service_account\",\"private_key\":\"x\"}", "the secret has no \"client_email\"");
	check("gcloud", "{}", "{\"type\":\"service_account\",\"client_email\":\"x\",\"private_key\":\"x\"}", "\"private_key\" of the secret is not a private key in PEM");
	check("gcloud", "{\"project\":\"../x\"}", rsa_account, "\"project\" is not a name at Google Cloud");
	check("gcloud", "{\"managed_zone\":\"a/b\"}", rsa_account, "\"managed_zone\" is not a name at Google Cloud");
	check("gcloud", "{\"private_zone\":\"yes\"}", rsa_account, "\"private_zone\" must be true or false");
	check("gcloud", "{\"token_endpoint\":\"http://tokens.example\"}", rsa_account, "\"token_endpoint\" must be an https:// URL");
	/* The machine's own token goes to Google and to this machine. */
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://dns.evil.example\"}", rsa_account, NULL);
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://dns.evil.example\"}", "", "\"endpoint\" must be a server of the cloud whose identity this machine has");
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://dns.googleapis.com.evil.example\"}", "", "\"endpoint\" must be a server of the cloud whose identity this machine has");
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://dns-x.p.googleapis.com:443/\"}", "", NULL);
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://[::1]:8443/\"}", "", NULL);
	check("gcloud", "{\"project\":\"p1\",\"endpoint\":\"https://127.0.0.1.evil.example/\"}", "", "\"endpoint\" must be a server of the cloud whose identity this machine has");
	check("gcloud", "{\"project\":\"p1\",\"token_endpoint\":\"http://169.254.169.254/other\"}", "", "\"token_endpoint\" must be an https:// URL");
	check("gcloud", "{\"zone\":\"x\"}", rsa_account, "configuration key \"zone\" is not known");
}

#define WHERE "\"subscription_id\":\"s-1\",\"resource_group\":\"rg\""
#define WHO "\"tenant_id\":\"t\",\"client_id\":\"c\""

static void
test_azure(void **state)
{
	(void) state;
	check("azure", "{" WHERE "," WHO "}", "secret~1", NULL);
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"/run/token\",\"zone\":\"Example.com.\"}", "", NULL);
	check("azure", "{" WHERE "}", "", NULL);
	check("azure", "{" WHERE "}", "secret", "configuration key \"tenant_id\" is missing");
	check("azure", "{" WHERE ",\"tenant_id\":\"t\"}", "secret", "configuration key \"client_id\" is missing");
	check("azure", "{" WHO "}", "secret", "configuration key \"subscription_id\" is missing");
	check("azure", "{\"subscription_id\":\"s\"," WHO "}", "secret", "configuration key \"resource_group\" is missing");
	check("azure", "{\"subscription_id\":\"..\",\"resource_group\":\"rg\"}", "", "\"subscription_id\" is not a name at Azure");
	check("azure", "{\"subscription_id\":\"a/b\",\"resource_group\":\"rg\"}", "", "\"subscription_id\" is not a name at Azure");
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"token\"}", "", "\"federated_token_file\" must be an absolute path");
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"/t\"}", "secret", "both a secret and \"federated_token_file\" are given");
	check("azure", "{" WHERE ",\"zone\":\"a..b\"}", "", "\"zone\" is not a DNS name");
	check("azure", "{" WHERE "," WHO ",\"endpoint\":\"https://evil.example\",\"login_endpoint\":\"https://evil.example\"}", "secret", NULL);
	check("azure", "{" WHERE ",\"endpoint\":\"https://evil.example\"}", "", "\"endpoint\" must be a server of the cloud whose identity this machine has");
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"/run/token\",\"endpoint\":\"https://evil.example\"}", "", "\"endpoint\" must be a server of the cloud whose identity this machine has");
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"/run/token\",\"login_endpoint\":\"https://evil.example\"}", "", "\"login_endpoint\" must be a server of the cloud whose identity this machine has");
	check("azure", "{" WHERE "," WHO ",\"federated_token_file\":\"/run/token\",\"endpoint\":\"https://management.usgovcloudapi.net\",\"login_endpoint\":\"https://login.microsoftonline.us\"}", "", NULL);
	check("azure", "{" WHERE "," WHO ",\"login_endpoint\":\"ftp://x\"}", "secret", "\"login_endpoint\" must be an https:// URL");
}

static void
test_token_file(void **state)
{
	static const struct
	{
		const char *content;
		bool		token;
		bool		jwt;
	}			cases[] = {
		{"eyJhbGciOiJub25lIn0.e30.c2ln\n", true, true}, {"eyJhbGciOiJub25lIn0.e30", true, false}, {"eyJ.a.b.c", true, false}, {"abc.def.ghi", true, false},
		{"eyJ.a b.c", false, false}, {"root:x:0:0:root:/root\nbin:x", false, false}, {"", false, false}, {"\n \n", false, false}, {"eyJ.a.b\x80", false, false}
	};
	char		path[] = "/tmp/certmgr-unit-token-XXXXXX";
	int			fd = mkstemp(path);
	size_t		i;

	(void) state;
	assert_true(fd >= 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmBuf		out;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].content, strlen(cases[i].content), 0), (ssize_t) strlen(cases[i].content));
		cm_buf_init_secret(&out, CM_TOKEN_FILE_MAX);
		assert_int_equal(cm_token_file_read(path, &out, &st), cases[i].token);
		if (!cases[i].token)
			assert_non_null(strstr(st.reason, cases[i].content[strspn(cases[i].content, " \n")] == '\0' ? "\" is empty, or larger than a token" : "\" does not hold a token"));
		cm_buf_reset(&out);
		assert_int_equal(cm_token_file_read_jwt(path, &out, &st), cases[i].jwt);
		cm_buf_free(&out);
	}
	close(fd);
	unlink(path);
	/* A pipe that nobody writes to holds up nobody. */
	assert_int_equal(mkfifo(path, 0600), 0);
	{
		CmStatus	st = CM_STATUS_INIT;
		CmBuf		out;

		cm_buf_init_secret(&out, CM_TOKEN_FILE_MAX);
		assert_false(cm_token_file_read(path, &out, &st));
		assert_int_equal(st.code, CM_REFUSED);
		assert_non_null(strstr(st.reason, "\" is not a file"));
		cm_buf_free(&out);
	}
	unlink(path);
	{
		CmStatus	st = CM_STATUS_INIT;
		CmBuf		out;

		cm_buf_init_secret(&out, CM_TOKEN_FILE_MAX);
		assert_false(cm_token_file_read(path, &out, &st));
		assert_non_null(strstr(st.reason, "could not open file"));
		cm_buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcloud),
		cmocka_unit_test(test_azure),
		cmocka_unit_test(test_token_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
