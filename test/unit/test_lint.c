/*
 * test_lint.c - every rule is broken once by a certificate that OpenSSL makes to order, and by nothing else; sound ones break none.
 */
#include "x509_fixture.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "x509/lint.h"

#define AKI "2.5.29.35=DER:30168014000102030405060708090a0b0c0d0e0f10111213"
#define SKI "2.5.29.14=DER:04140102030405060708090a0b0c0d0e0f1011121314"
#define CDP "crlDistributionPoints=URI:http://crl.example.com/x.crl"
#define LEAF_IDS SKI "|" AKI "|" CDP
#define TLS LEAF_IDS "|keyUsage=critical,digitalSignature|extendedKeyUsage=serverAuth|subjectAltName=DNS:www.example.com"
#define CA SKI "|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE,pathlen:0|keyUsage=critical,keyCertSign,cRLSign"

/* How a case differs from a P-256 certificate of 90 days with a long serial. */
typedef enum Odd
{
	PLAIN,
	SERIAL_ZERO,
	SERIAL_SHORT,
	REVERSED,
	TIME_TAG,
	TWO_YEARS,
	CENTURIES,
	SIGN_SHA1,
	SIGN_SHA224,
	KEY_RSA,
	KEY_RSA_1024,
	KEY_K1,
	KEY_COMPRESSED,
	KEY_ED25519,
	BAD_UTF8,					/* "~" becomes a byte that is not UTF-8, after the signature */
	SELF
} Odd;

typedef struct Case
{
	const char *rule;			/* NULL: breaks none */
	const char *subject;		/* CN=..., or "" */
	const char *extensions;		/* name=value, separated by | */
	Odd			odd;
	int			string_type;	/* of the subject's values; 0: UTF8 */
	const char *too;			/* a rule that is broken at the same time, unavoidably */
} Case;

#define CN "CN=www.example.com"

static const Case cases[] = {
	{NULL, CN, TLS, PLAIN, 0, NULL},
	{NULL, "", SKI "|" AKI "|" CDP "|keyUsage=critical,digitalSignature|extendedKeyUsage=serverAuth|subjectAltName=critical,DNS:*.example.com,IP:192.0.2.1,URI:spiffe://td/a,email:a@b.c", PLAIN, 0, NULL},
	{NULL, "CN=CA", CA "|nameConstraints=critical,permitted;DNS:example.com,permitted;IP:10.0.0.0/255.0.0.0", PLAIN, 0, NULL},
	{NULL, "CN=CA", SKI "|2.5.29.35=DER:301680140102030405060708090a0b0c0d0e0f1011121314|basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign,cRLSign", SELF, 0, NULL},
	{NULL, CN, TLS, KEY_RSA, 0, NULL},
	/* core */
	{"serial_zero", CN, TLS, SERIAL_ZERO, 0, "serial_short"},
	{"serial_short", CN, TLS, SERIAL_SHORT, 0, NULL},
	{"validity_reversed", CN, TLS, REVERSED, 0, NULL},
	{"validity_encoding", CN, TLS, TIME_TAG, 0, NULL},
	{"validity_tls_long", CN, TLS, TWO_YEARS, 0, NULL},
	{"validity_centuries", "CN=CA", CA, CENTURIES, 0, NULL},
	{"signature_weak", CN, TLS, SIGN_SHA1, 0, NULL},
	{"signature_unknown", CN, TLS, SIGN_SHA224, 0, NULL},
	{"key_weak", CN, TLS, KEY_RSA_1024, 0, NULL},
	{"key_unknown", CN, TLS, KEY_K1, 0, NULL},
	{"key_point_compressed", CN, TLS, KEY_COMPRESSED, 0, NULL},
	{"key_identifiers_differ", "CN=CA", "2.5.29.14=DER:04140202030405060708090a0b0c0d0e0f1011121314|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign,cRLSign", SELF, 0, NULL},
	{"ca_without_subject", "", CA "|subjectAltName=critical,DNS:x.example.com", PLAIN, 0, NULL},
	{"nameless", "", SKI "|" AKI "|" CDP "|keyUsage=critical,digitalSignature", PLAIN, 0, NULL},
	/* names */
	{"subject_empty_value", "CN=x,O=", SKI "|" AKI "|" CDP, PLAIN, 0, NULL},
	{"subject_old_string", "CN=x", LEAF_IDS, PLAIN, V_ASN1_T61STRING, NULL},
	{"subject_spaces", "CN= x", LEAF_IDS, PLAIN, 0, NULL},
	{"subject_control", "CN=a\tb", LEAF_IDS, PLAIN, 0, NULL},
	{"subject_not_utf8", "CN=a~b", LEAF_IDS, BAD_UTF8, V_ASN1_UTF8STRING, NULL},
	{"subject_not_printable", "CN=a*b", LEAF_IDS, PLAIN, V_ASN1_PRINTABLESTRING, NULL},
	{"subject_long", "CN=0123456789012345678901234567890123456789012345678901234567890123456789", LEAF_IDS, PLAIN, 0, NULL},
	{"subject_country", "C=de", LEAF_IDS, PLAIN, V_ASN1_PRINTABLESTRING, NULL},
	{"subject_printable_only", "serialNumber=17", LEAF_IDS, PLAIN, V_ASN1_UTF8STRING, NULL},
	{"subject_meaningless", "CN=x,O=-", LEAF_IDS, PLAIN, 0, NULL},
	{"san_repeated", CN, LEAF_IDS "|subjectAltName=DNS:a.b,DNS:a.b", PLAIN, 0, NULL},
	{"san_not_critical", "", LEAF_IDS "|subjectAltName=DNS:a.b", PLAIN, 0, NULL},
	{"san_critical", CN, LEAF_IDS "|subjectAltName=critical,DNS:a.b", PLAIN, 0, NULL},
	{"san_not_ascii", CN, LEAF_IDS "|2.5.29.17=DER:30058603613ac3", PLAIN, 0, NULL},
	{"san_dns_syntax", CN, LEAF_IDS "|subjectAltName=DNS:-a.example.com", PLAIN, 0, NULL},
	{"san_dns_underscore", CN, LEAF_IDS "|subjectAltName=DNS:a_b.example.com", PLAIN, 0, NULL},
	{"san_dns_upper", CN, LEAF_IDS "|subjectAltName=DNS:A.example.com", PLAIN, 0, NULL},
	{"san_dns_final_dot", CN, LEAF_IDS "|subjectAltName=DNS:a.example.com.", PLAIN, 0, NULL},
	{"san_dns_address", CN, LEAF_IDS "|subjectAltName=DNS:192.0.2.1", PLAIN, 0, NULL},
	{"san_dns_single_label", CN, LEAF_IDS "|subjectAltName=DNS:intranet", PLAIN, 0, NULL},
	{"san_wildcard_place", CN, LEAF_IDS "|subjectAltName=DNS:a*.example.com", PLAIN, 0, NULL},
	{"san_wildcard_wide", CN, LEAF_IDS "|subjectAltName=DNS:*.com", PLAIN, 0, NULL},
	{"san_ip_length", CN, LEAF_IDS "|2.5.29.17=DER:30058703010203", PLAIN, 0, NULL},
	{"san_uri_relative", CN, LEAF_IDS "|subjectAltName=URI:index.html", PLAIN, 0, NULL},
	{"san_email_syntax", CN, LEAF_IDS "|subjectAltName=email:joe", PLAIN, 0, NULL},
	{"tls_server_without_name", "", LEAF_IDS "|keyUsage=critical,digitalSignature|extendedKeyUsage=serverAuth|subjectAltName=critical,email:a@b.c", PLAIN, 0, NULL},
	{"tls_common_name", "CN=other.example.com", TLS, PLAIN, 0, NULL},
	{"email_without_name", "CN=Joe", LEAF_IDS "|keyUsage=critical,digitalSignature|extendedKeyUsage=emailProtection|subjectAltName=DNS:a.b", PLAIN, 0, NULL},
	/* extensions */
	{"ca_without_subject_key_id", "CN=CA", AKI "|" CDP "|basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign,cRLSign", PLAIN, 0, NULL},
	{"leaf_without_subject_key_id", CN, AKI "|" CDP, PLAIN, 0, NULL},
	{"without_authority_key_id", CN, SKI "|" CDP, PLAIN, 0, NULL},
	{"authority_key_id_critical", CN, SKI "|" CDP "|2.5.29.35=critical,DER:30168014000102030405060708090a0b0c0d0e0f10111213", PLAIN, 0, NULL},
	{"subject_key_id_critical", CN, "2.5.29.14=critical,DER:04140102030405060708090a0b0c0d0e0f1011121314|" AKI "|" CDP, PLAIN, 0, NULL},
	{"key_usage_cert_sign_leaf", CN, LEAF_IDS "|keyUsage=critical,keyCertSign", PLAIN, 0, NULL},
	{"basic_constraints_not_critical", "CN=CA", SKI "|" AKI "|" CDP "|basicConstraints=CA:TRUE|keyUsage=critical,keyCertSign,cRLSign", PLAIN, 0, NULL},
	{"path_length_without_cert_sign", "CN=CA", SKI "|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE,pathlen:1|keyUsage=critical,cRLSign", PLAIN, 0, "ca_without_cert_sign"},
	{"ca_without_key_usage", "CN=CA", SKI "|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE", PLAIN, 0, NULL},
	{"ca_without_cert_sign", "CN=CA", SKI "|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE|keyUsage=critical,cRLSign", PLAIN, 0, NULL},
	{"ca_without_crl_sign", "CN=CA", SKI "|" AKI "|" CDP "|basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign", PLAIN, 0, NULL},
	{"key_usage_not_critical", CN, LEAF_IDS "|keyUsage=digitalSignature", PLAIN, 0, NULL},
	{"key_usage_only_without_agreement", CN, LEAF_IDS "|keyUsage=critical,encipherOnly", PLAIN, 0, NULL},
	{"key_usage_rsa_agreement", CN, LEAF_IDS "|keyUsage=critical,keyAgreement", KEY_RSA, 0, NULL},
	{"key_usage_ec_encipherment", CN, LEAF_IDS "|keyUsage=critical,keyEncipherment", PLAIN, 0, NULL},
	{"key_usage_sign_only", CN, LEAF_IDS "|keyUsage=critical,keyAgreement", KEY_ED25519, 0, NULL},
	{"ext_key_usage_repeated", CN, LEAF_IDS "|extendedKeyUsage=clientAuth,clientAuth", PLAIN, 0, NULL},
	{"ext_key_usage_any_critical", CN, LEAF_IDS "|extendedKeyUsage=critical,anyExtendedKeyUsage", PLAIN, 0, NULL},
	{"ext_key_usage_any_tls", CN, LEAF_IDS "|extendedKeyUsage=clientAuth,anyExtendedKeyUsage", PLAIN, 0, NULL},
	{"usage_tls_server", CN, LEAF_IDS "|keyUsage=critical,nonRepudiation|extendedKeyUsage=serverAuth|subjectAltName=DNS:www.example.com", PLAIN, 0, NULL},
	{"usage_tls_client", CN, LEAF_IDS "|keyUsage=critical,nonRepudiation|extendedKeyUsage=clientAuth", PLAIN, 0, NULL},
	{"usage_code_signing", CN, LEAF_IDS "|keyUsage=critical,nonRepudiation|extendedKeyUsage=codeSigning", PLAIN, 0, NULL},
	{"usage_email", CN, LEAF_IDS "|keyUsage=critical,dataEncipherment|extendedKeyUsage=emailProtection|subjectAltName=email:a@b.c", KEY_RSA, 0, NULL},
	{"usage_time_stamping", CN, LEAF_IDS "|keyUsage=critical,keyAgreement|extendedKeyUsage=critical,timeStamping", PLAIN, 0, NULL},
	{"usage_ocsp_signing", CN, LEAF_IDS "|keyUsage=critical,keyAgreement|extendedKeyUsage=OCSPSigning|noCheck=ignored", PLAIN, 0, NULL},
	{"time_stamping_alone", CN, LEAF_IDS "|extendedKeyUsage=critical,timeStamping,clientAuth", PLAIN, 0, NULL},
	{"ocsp_signing_nocheck", CN, LEAF_IDS "|extendedKeyUsage=OCSPSigning", PLAIN, 0, NULL},
	{"nocheck_without_ocsp_signing", CN, LEAF_IDS "|noCheck=ignored", PLAIN, 0, NULL},
	{"name_constraints_leaf", CN, LEAF_IDS "|nameConstraints=critical,permitted;DNS:example.com", PLAIN, 0, NULL},
	{"name_constraints_not_critical", "CN=CA", CA "|nameConstraints=permitted;DNS:example.com", PLAIN, 0, NULL},
	{"name_constraints_empty", "CN=CA", CA "|2.5.29.30=critical,DER:3000", PLAIN, 0, NULL},
	{"name_constraints_ip", "CN=CA", CA "|2.5.29.30=critical,DER:300aa008300687040a000000", PLAIN, 0, NULL},
	{"policies_repeated", CN, LEAF_IDS "|2.5.29.32=DER:300c30040602290130040602" "2901", PLAIN, 0, NULL},
	{"policies_empty", CN, LEAF_IDS "|2.5.29.32=DER:3000", PLAIN, 0, NULL},
	{"policies_cps_uri", CN, LEAF_IDS "|2.5.29.32=DER:30193017060229013011300f06082b060105050702011603666f6f", PLAIN, 0, NULL},
	{"policy_constraints_not_critical", "CN=CA", CA "|inhibitAnyPolicy=0", PLAIN, 0, NULL},
	{"crl_point_empty", CN, SKI "|" AKI "|2.5.29.31=DER:3000", PLAIN, 0, NULL},
	{"crl_point_critical", CN, SKI "|" AKI "|crlDistributionPoints=critical,URI:http://a/b", PLAIN, 0, NULL},
	{"crl_point_https", CN, SKI "|" AKI "|crlDistributionPoints=URI:https://a/b", PLAIN, 0, NULL},
	{"crl_point_scheme", CN, SKI "|" AKI "|crlDistributionPoints=URI:ftp://a/b", PLAIN, 0, NULL},
	{"freshest_crl_critical", CN, LEAF_IDS "|freshestCRL=critical,URI:http://a/b", PLAIN, 0, NULL},
	{"freshest_crl_alone", CN, SKI "|" AKI "|freshestCRL=URI:http://a/b|authorityInfoAccess=OCSP;URI:http://a/", PLAIN, 0, NULL},
	{"authority_info_critical", CN, LEAF_IDS "|authorityInfoAccess=critical,OCSP;URI:http://a/", PLAIN, 0, NULL},
	{"authority_info_empty", CN, LEAF_IDS "|1.3.6.1.5.5.7.1.1=DER:3000", PLAIN, 0, NULL},
	{"authority_info_https", CN, LEAF_IDS "|authorityInfoAccess=caIssuers;URI:https://a/b", PLAIN, 0, NULL},
	{"authority_info_scheme", CN, LEAF_IDS "|authorityInfoAccess=OCSP;URI:ftp://a/b", PLAIN, 0, NULL},
	{"must_staple_without_ocsp", CN, LEAF_IDS "|tlsfeature=status_request", PLAIN, 0, NULL},
	{"no_rev_avail_with_source", CN, LEAF_IDS "|2.5.29.56=DER:0500", PLAIN, 0, NULL},
	{"no_rev_avail_ca", "CN=CA", SKI "|" AKI "|basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign,cRLSign|2.5.29.56=DER:0500", PLAIN, 0, NULL},
	{"no_rev_avail_critical", CN, SKI "|" AKI "|2.5.29.56=critical,DER:0500", PLAIN, 0, NULL},
	{"no_revocation_source", CN, SKI "|" AKI, PLAIN, 0, NULL},
	{"unknown_critical_extension", CN, LEAF_IDS "|1.2.3.4=critical,DER:0500", PLAIN, 0, NULL},
};

static EVP_PKEY *
make_key(Odd odd)
{
	EVP_PKEY   *key;

	switch (odd)
	{
		case KEY_RSA:
			return EVP_RSA_gen(2048);
		case KEY_RSA_1024:
			return EVP_RSA_gen(1024);
		case KEY_K1:
			return EVP_EC_gen("secp256k1");
		case KEY_ED25519:
			return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		case KEY_COMPRESSED:
			key = EVP_EC_gen("P-256");
			assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
			return key;
		default:
			return EVP_EC_gen("P-256");
	}
}

static void
add_name(X509_NAME *name, const char *subject, int type)
{
	char		copy[256];
	char	   *part;
	char	   *rest = copy;

	snprintf(copy, sizeof(copy), "%s", subject);
	while ((part = strsep(&rest, ",")) != NULL)
	{
		char	   *value = strchr(part, '=');
		X509_NAME_ENTRY *entry;
		ASN1_STRING *data;

		if (value == NULL)
			continue;
		*value++ = '\0';
		/* As it is: OpenSSL's own checks are in the way here. */
		assert_int_equal(X509_NAME_add_entry_by_txt(name, part, V_ASN1_PRINTABLESTRING, (const unsigned char *) (strcmp(part, "C") == 0 ? "XX" : "placeholder"), -1, -1, 0), 1);
		entry = X509_NAME_get_entry(name, X509_NAME_entry_count(name) - 1);
		data = ASN1_STRING_type_new(type != 0 ? type : V_ASN1_UTF8STRING);
		ASN1_STRING_set(data, value, (int) strlen(value));
		assert_int_equal(X509_NAME_ENTRY_set_data(entry, ASN1_STRING_type(data), ASN1_STRING_get0_data(data), ASN1_STRING_length(data)), 1);
		ASN1_STRING_free(data);
	}
}

static void
add_extensions(X509 *x, const char *list)
{
	char		copy[1024];
	char	   *part;
	char	   *rest = copy;
	X509V3_CTX	ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	snprintf(copy, sizeof(copy), "%s", list);
	while ((part = strsep(&rest, "|")) != NULL)
	{
		char	   *value = strchr(part, '=');
		X509_EXTENSION *e;

		*value++ = '\0';
		e = X509V3_EXT_conf(NULL, &ctx, part, value);
		if (e == NULL)
			fail_msg("OpenSSL refuses %s=%s", part, value);
		assert_int_equal(X509_add_ext(x, e, -1), 1);
		X509_EXTENSION_free(e);
	}
}

static void
make(const Case *c, CmBuf *der)
{
	X509	   *x = X509_new();
	EVP_PKEY   *key = make_key(c->odd);
	EVP_PKEY   *signer = c->odd == SELF ? key : EVP_EC_gen("P-256");
	BIGNUM	   *serial = NULL;
	X509_NAME  *issuer = X509_NAME_new();
	long		days = c->odd == TWO_YEARS ? 730 : c->odd == CENTURIES ? 40000 : c->odd == REVERSED ? -90 : 90;
	unsigned char *p = NULL;
	int			len;

	X509_set_version(x, 2);
	BN_hex2bn(&serial, c->odd == SERIAL_ZERO ? "0" : c->odd == SERIAL_SHORT ? "47" : "5a0102030405060708090a0b0c0d0e0f");
	BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
	BN_free(serial);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_time_adj_ex(X509_getm_notAfter(x), (int) days, -1, NULL);
	if (c->odd == TIME_TAG)
		ASN1_TIME_set_string(X509_getm_notBefore(x), "20260101000000Z"), ASN1_TIME_set_string(X509_getm_notAfter(x), "20260201000000Z");
	add_name(X509_get_subject_name(x), c->subject, c->string_type);
	add_name(issuer, "CN=Issuer", 0);
	X509_set_issuer_name(x, c->odd == SELF ? X509_get_subject_name(x) : issuer);
	X509_NAME_free(issuer);
	X509_set_pubkey(x, key);
	add_extensions(x, c->extensions);
	if (X509_sign(x, signer, c->odd == SIGN_SHA1 ? EVP_sha1() : c->odd == SIGN_SHA224 ? EVP_sha224() : EVP_sha256()) <= 0)
		fail_msg("OpenSSL does not sign the certificate for %s", c->rule);
	len = i2d_X509(x, &p);
	assert_true(len > 0 && cm_buf_append(der, p, (size_t) len));
	if (c->odd == BAD_UTF8)
		*(uint8_t *) memchr(der->data, '~', der->len) = 0xff;
	OPENSSL_free(p);
	X509_free(x);
	if (signer != key)
		EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

typedef struct Seen
{
	const CmLintRule *rules[32];
	int			count;
} Seen;

static void
see(const CmLintRule *rule, void *arg)
{
	Seen	   *seen = arg;

	if (seen->count < 32)
		seen->rules[seen->count++] = rule;
}

static bool
saw(const Seen *seen, const char *name)
{
	int			i;

	for (i = 0; i < seen->count; i++)
	{
		if (strcmp(seen->rules[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void
test_each_rule(void **state)
{
	size_t		i;
	int			wrong = 0;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const Case *c = &cases[i];
		CmBuf		der = {0};
		CmStatus	st = CM_STATUS_INIT;
		Seen		seen = {{NULL}, 0};
		int			n;

		make(c, &der);
		if (!cm_lint_certificate(of(&der), see, &seen, &st))
			print_error("%s: %s: %s\n", c->rule, st.reason, st.detail), wrong++;
		if (c->rule != NULL && !saw(&seen, c->rule))
			print_error("%s was not seen\n", c->rule), wrong++;
		for (n = 0; n < seen.count; n++)
		{
			const char *name = seen.rules[n]->name;

			if ((c->rule == NULL || strcmp(name, c->rule) != 0) && (c->too == NULL || strcmp(name, c->too) != 0))
				print_error("case %zu (%s) breaks %s as well\n", i, c->rule != NULL ? c->rule : "sound", name), wrong++;
		}
		cm_buf_free(&der);
	}
	assert_int_equal(wrong, 0);
}

/* Names are unique and documented, and each has its case above. */
static void
test_table(void **state)
{
	const CmLintRule *rule;
	int			count = 0;

	(void) state;
	for (count = 0; (rule = cm_lint_rule(count)) != NULL; count++)
	{
		bool		found = false;
		size_t		i;
		int			other;

		assert_true(rule->message[0] != '\0' && rule->source[0] != '\0' && rule->broken != NULL);
		for (other = 0; other < count; other++)
			assert_string_not_equal(cm_lint_rule(other)->name, rule->name);
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			found = found || (cases[i].rule != NULL && strcmp(cases[i].rule, rule->name) == 0);
		if (!found)
			fail_msg("no case for %s", rule->name);
	}
	assert_true(count >= 60);
	assert_null(cm_lint_rule(-1));
	assert_string_equal(cm_lint_level_name(CM_LINT_ERROR), "error");
	assert_string_equal(cm_lint_level_name(CM_LINT_WARNING), "warning");
	assert_string_equal(cm_lint_level_name(CM_LINT_NOTICE), "notice");
}

/* Cut and bent certificates are refused or looked at, never more. */
static void
test_hostile(void **state)
{
	CmBuf		der = {0};
	size_t		n;

	(void) state;
	make(&cases[2], &der);
	for (n = 0; n < der.len; n++)
	{
		uint8_t    *copy = exact_copy(der.data, n);
		Seen		seen = {{NULL}, 0};

		assert_false(cm_lint_certificate(cm_slice(copy, n), see, &seen, NULL));
		free(copy);
		copy = exact_copy(der.data, der.len);
		copy[n] ^= 0x15;
		(void) cm_lint_certificate(cm_slice(copy, der.len), see, &seen, NULL);
		free(copy);
	}
	cm_buf_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
