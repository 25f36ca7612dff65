/*
 * test_template.c - patterns and templates: examples, and random values against
 * oracles that are as simple as can be (recursion, labels, bits).
 */
#include "x509_fixture.h"

#include <regex.h>

#include "base/host.h"
#include "x509/template.h"

/* ---- globs: an oracle by recursion over all ways ---- */

static bool
oracle_glob(const char *p, const char *t, char separator)
{
	if (*p == '\0')
		return *t == '\0';
	if (p[0] == '*' && p[1] == '*')
		return oracle_glob(p + 2, t, separator) || (*t != '\0' && oracle_glob(p, t + 1, separator));
	if (*p == '*')
		return oracle_glob(p + 1, t, separator) || (*t != '\0' && (separator == '\0' || *t != separator) && oracle_glob(p, t + 1, separator));
	if (*t == '\0')
		return false;
	if (*p == '?')
		return (separator == '\0' || *t != separator) && oracle_glob(p + 1, t + 1, separator);
	if (*p == '\\' && p[1] != '\0')
		p++;
	return *p == *t && oracle_glob(p + 1, t + 1, separator);
}

static unsigned seed = 20261124;

static unsigned
draw(unsigned n)
{
	return (unsigned) rand_r(&seed) % n;
}

static void
random_text(const char *alphabet, size_t max, char *out)
{
	size_t		len = draw((unsigned) max + 1);
	size_t		i;

	for (i = 0; i < len; i++)
		out[i] = alphabet[draw((unsigned) strlen(alphabet))];
	out[len] = '\0';
}

static void
test_glob(void **state)
{
	int			matches = 0;
	int			i;

	(void) state;
	assert_true(cm_glob_match("web-*.example.com", "web-1.example.com", '.'));
	assert_false(cm_glob_match("web-*.example.com", "web-1.evil.example.com", '.'));
	assert_true(cm_glob_match("web-**.example.com", "web-1.evil.example.com", '.'));
	assert_false(cm_glob_match("*.example.com", "example.com", '.'));
	assert_true(cm_glob_match("", "", '.'));
	assert_false(cm_glob_match("", "a", '.'));
	assert_true(cm_glob_match("\\*", "*", '\0'));
	assert_false(cm_glob_match("\\*", "a", '\0'));
	for (i = 0; i < 200000; i++)
	{
		char		pattern[16];
		char		text[16];
		char		separator = draw(2) ? '.' : '\0';
		bool		expected;

		random_text("ab.**?\\", 8, pattern);
		random_text("ab.*", 8, text);
		expected = oracle_glob(pattern, text, separator);
		matches += expected;
		if (cm_glob_match(pattern, text, separator) != expected)
			fail_msg("glob \"%s\", text \"%s\", separator \"%c\": expected %d", pattern, text, separator, expected);
	}
	/* the dice give both answers */
	assert_true(matches > 5000 && matches < 195000);
}

/* No pattern makes a match slow: stars upon stars against a long text that ends wrong. */
static void
test_glob_work(void **state)
{
	char		pattern[CM_PATTERN_MAX + 2];
	char		text[8192];
	size_t		i;

	(void) state;
	for (i = 0; i < CM_PATTERN_MAX; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[CM_PATTERN_MAX] = '\0';
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	text[sizeof(text) - 2] = 'b';
	assert_false(cm_glob_match(pattern, text, '\0'));
	text[sizeof(text) - 2] = 'a';
	assert_true(cm_glob_match(pattern, text, '\0'));
	/* longer than can be: no match, no overrun */
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	assert_false(cm_glob_match(pattern, text, '\0'));
}

/* ---- suffixes: an oracle that compares label by label from the end ---- */

static int
split(const char *name, char labels[16][64])
{
	int			n = 0;

	while (*name != '\0' && n < 16)
	{
		size_t		len = strcspn(name, ".");

		snprintf(labels[n++], 64, "%.*s", (int) len, name);
		name += len + (name[len] == '.');
	}
	return n;
}

static bool
oracle_suffix(const char *zone, const char *name)
{
	char		z[16][64];
	char		n[16][64];
	bool		below_only = zone[0] == '.';
	int			zn = split(zone + below_only, z);
	int			nn = split(name, n);
	int			i;

	if (nn < zn || (below_only && nn == zn))
		return false;
	for (i = 1; i <= zn; i++)
	{
		if (strcmp(z[zn - i], n[nn - i]) != 0)
			return false;
	}
	return true;
}

static void
random_host(char *out, size_t size)
{
	static const char *const labels[] = {"a", "b", "ab", "a-b", "example", "notexample", "com"};
	unsigned	n = 1 + draw(4);
	unsigned	i;

	out[0] = '\0';
	for (i = 0; i < n; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", i > 0 ? "." : "", labels[draw(7)]);
}

static void
test_suffix(void **state)
{
	static const struct
	{
		CmSanType	type;
		const char *form;
	}			kinds[] = {
		{CM_SAN_DNS, "%s"}, {CM_SAN_EMAIL, "joe@%s"}, {CM_SAN_UPN, "joe@%s"}, {CM_SAN_URI, "https://user@%s:8443/a.b?c@d"}, {CM_SAN_SRV, "_x.%s"},
	};
	int			matches = 0;
	int			i;

	(void) state;
	for (i = 0; i < 100000; i++)
	{
		unsigned	kind = draw(5);
		char		zone[128] = ".";
		char		host[128];
		char		value[256];
		unsigned	dot = draw(3) == 0;
		CmStatus	st = CM_STATUS_INIT;
		CmPattern	pattern;
		bool		expected;

		random_host(zone + dot, sizeof(zone) - dot);
		random_host(host, sizeof(host));
		if (draw(2))			/* often one below the other */
			snprintf(host + strlen(host), sizeof(host) - strlen(host), "%s%s", draw(4) ? "." : "", zone + dot);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(value, sizeof(value), kinds[kind].form, host);
#pragma GCC diagnostic pop
		expected = oracle_suffix(zone, host);
		assert_good(cm_pattern_compile(CM_PATTERN_SUFFIX, kinds[kind].type, zone, &pattern, &st), &st);
		matches += expected;
		if (cm_pattern_matches(&pattern, kinds[kind].type, value, cm_slice(NULL, 0), NULL) != expected)
			fail_msg("suffix \"%s\", value \"%s\": expected %d", zone, value, expected);
	}
	assert_true(matches > 5000 && matches < 95000);
}

/* ---- networks: bit by bit ---- */

static bool
oracle_cidr(const uint8_t *network, const uint8_t *address, unsigned bits)
{
	unsigned	i;

	for (i = 0; i < bits; i++)
	{
		if (((network[i / 8] ^ address[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	}
	return true;
}

static void
test_cidr(void **state)
{
	int			matches = 0;
	int			i;

	(void) state;
	for (i = 0; i < 100000; i++)
	{
		unsigned	len = draw(2) ? 4 : 16;
		unsigned	bits = draw(len * 8 + 1);
		uint8_t		network[16];
		uint8_t		address[16];
		char		text[80];
		char		shown[64];
		CmStatus	st = CM_STATUS_INIT;
		CmPattern	pattern;
		CmBuf		name;
		unsigned	k;
		bool		expected;

		for (k = 0; k < len; k++)
			network[k] = (uint8_t) draw(256);
		for (k = bits; k < len * 8; k++)
			network[k / 8] &= (uint8_t) ~(0x80 >> k % 8);
		memcpy(address, network, len);
		for (k = 0; k < draw(4); k++)
			address[draw(len)] ^= (uint8_t) (1u << draw(8));
		expected = oracle_cidr(network, address, bits);
		matches += expected;
		assert_true(cm_address_format(network, len, shown, sizeof(shown)));
		snprintf(text, sizeof(text), "%s/%u", shown, bits);
		assert_good(cm_pattern_compile(CM_PATTERN_CIDR, CM_SAN_IP, text, &pattern, &st), &st);
		cm_buf_init(&name, 0);
		cm_der_put(&name, CM_DER_CONTEXT(7), address, len);
		if (cm_pattern_matches(&pattern, CM_SAN_IP, "", of(&name), NULL) != expected)
			fail_msg("network %s: expected %d", text, expected);
		cm_buf_free(&name);
	}
	assert_true(matches > 5000 && matches < 95000);
}

static void
test_pattern_errors(void **state)
{
	static const struct
	{
		CmPatternKind kind;
		CmSanType	type;
		const char *text;
		const char *words;
	}			bad[] = {
		{CM_PATTERN_EXACT, CM_SAN_DNS, "", "empty"}, {CM_PATTERN_EXACT, CM_SAN_DNS, "a_b", "letters"}, {CM_PATTERN_EXACT, CM_SAN_IP, "10.0.0.0/8", "address such"},
		{CM_PATTERN_SUFFIX, CM_SAN_DNS, "*.example.com", "wildcard"}, {CM_PATTERN_SUFFIX, CM_SAN_IP, "10", "cidr"}, {CM_PATTERN_SUFFIX, CM_SAN_DNS, ".", "empty"},
		{CM_PATTERN_CIDR, CM_SAN_IP, "10.0.0.0/33", "network such"}, {CM_PATTERN_CIDR, CM_SAN_IP, "10.0.0.0/", "network such"}, {CM_PATTERN_CIDR, CM_SAN_IP, "10.0.0.0/8x", "network such"},
		{CM_PATTERN_CIDR, CM_SAN_IP, "10.0.0.1/8", "bits behind"}, {CM_PATTERN_CIDR, CM_SAN_DNS, "10.0.0.0/8", "Networks are"},
	};
	CmPatternKind kind;
	CmStatus	st = CM_STATUS_INIT;
	CmPattern	pattern;
	char		text[CM_PATTERN_MAX + 2];
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		snprintf(text, sizeof(text), "%s", bad[i].text);
		if (cm_pattern_compile(bad[i].kind, bad[i].type, text, &pattern, &st))
			fail_msg("\"%s\" was taken", bad[i].text);
		if (strstr(st.detail, bad[i].words) == NULL)
			fail_msg("\"%s\": \"%s\" is not about \"%s\"", bad[i].text, st.detail, bad[i].words);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(cm_pattern_compile(CM_PATTERN_GLOB, CM_SAN_DNS, text, &pattern, &st));
	assert_false(cm_pattern_kind("like", &kind));
	assert_false(cm_pattern_kind(NULL, &kind));
	assert_true(cm_pattern_kind("regex", &kind) && kind == CM_PATTERN_REGEX);
}

/* ---- templates ---- */

typedef struct Verdict
{
	char		rules[1024];	/* those that were broken, each followed by ";" */
	char		details[2048];
	int			kept;
} Verdict;

static bool
note(void *arg, const char *rule, bool kept, const char *detail)
{
	Verdict    *v = arg;

	if (kept)
		v->kept++;
	else
	{
		snprintf(v->rules + strlen(v->rules), sizeof(v->rules) - strlen(v->rules), "%s;", rule);
		snprintf(v->details + strlen(v->details), sizeof(v->details) - strlen(v->details), "%s;", detail);
	}
	return true;
}

static bool
posix_regex(void *regex, const char *text, size_t len)
{
	(void) len;
	return regexec(regex, text, 0, NULL, 0) == 0;
}

static Entity ca;
static Entity leaf;

static int
set_up(void **state)
{
	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=CA", NULL);
	entity_begin(&leaf, CM_KEY_EC_P256, "CN=www.example.com,OU=b,OU=a,O=Example");
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	entity_free(&ca);
	entity_free(&leaf);
	return 0;
}

static CmPattern suffixes[1];
static CmSubjectRule subject_rules[3];

static CmTemplate
good_template(void)
{
	static char zone[] = "example.com";
	CmStatus	st = CM_STATUS_INIT;
	CmTemplate	t;

	assert_good(cm_pattern_compile(CM_PATTERN_SUFFIX, CM_SAN_DNS, zone, &suffixes[0], &st), &st);
	memset(&t, 0, sizeof(t));
	memset(subject_rules, 0, sizeof(subject_rules));
	subject_rules[0].name = "CN";
	subject_rules[0].oid = cm_slice("\x55\x04\x03", 3);
	subject_rules[0].max = 1;
	subject_rules[1].name = "O";
	subject_rules[1].oid = cm_slice("\x55\x04\x0a", 3);
	subject_rules[1].max = 1;
	subject_rules[2].name = "OU";
	subject_rules[2].oid = cm_slice("\x55\x04\x0b", 3);
	subject_rules[2].max = 2;
	t.name = "test";
	t.subject = subject_rules;
	t.subject_count = 3;
	t.sans[CM_SAN_DNS].allowed = true;
	t.sans[CM_SAN_DNS].max = 2;
	t.sans[CM_SAN_DNS].patterns = suffixes;
	t.sans[CM_SAN_DNS].pattern_count = 1;
	t.san_max = 10;
	t.regex = posix_regex;
	t.key_usage = CM_KU_DIGITAL_SIGNATURE | CM_KU_KEY_AGREEMENT;
	t.path_length = -1;
	return t;
}

typedef bool (*Checker) (const CmTemplate *t, const CmTemplateCase *what, CmTemplateReport report, void *arg);

static bool
check_all(const CmTemplate *t, const CmTemplateCase *what, CmTemplateReport report, void *arg)
{
	return cm_template_check(t, what, report != NULL, report, arg);
}

/* The rules that a TBS breaks, or "" */
static void
judge_by(Checker check, bool foreign, const CmTemplate *t, const CmTbs *tbs, const char *rules)
{
	CmStatus	st = CM_STATUS_INIT;
	Verdict		v = {"", "", 0};
	CmTemplateCase what = {0};
	CmCertificate cert;
	CmBuf		bytes;
	CmBuf		sans;
	bool		ok;

	cm_buf_init(&bytes, 0);
	cm_buf_init(&sans, 0);
	assert_good(cm_tbs_build(tbs, &bytes, &st), &st);
	assert_good(cm_tbs_parse(of(&bytes), &cert, &st), &st);
	assert_good(cm_san_canonical(cert.sans, &sans, &st), &st);
	what.cert = &cert;
	what.sans = of(&sans);
	what.foreign = foreign;
	ok = check(t, &what, note, &v);
	assert_int_equal(ok, rules[0] == '\0');
	if (strcmp(v.rules, rules) != 0)
		fail_msg("expected \"%s\", got \"%s\": %s", rules, v.rules, v.details);
	/* without a report the verdict is the same */
	assert_int_equal(check(t, &what, NULL, NULL), ok);
	cm_buf_free(&bytes);
	cm_buf_free(&sans);
}

static void
with_sans(const char *texts, CmBuf *sans)
{
	char		copy[1024];
	char	   *word;
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_reset(sans);
	snprintf(copy, sizeof(copy), "%s", texts);
	for (word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		assert_good(cm_san_parse(word, sans, &st), &st);
}

#define CASE(change, rules) \
	do { CmTbs tbs = fixture_tbs(&leaf, &ca, false); CmTemplate t = good_template(); with_sans("www.example.com", &sans); tbs.sans = of(&sans); change; judge_by(check_all, false, &t, &tbs, rules); } while (0)
#define FOREIGN(change, rules) \
	do { CmTbs tbs = fixture_tbs(&leaf, &ca, false); CmTemplate t = good_template(); change; judge_by(check_all, true, &t, &tbs, ""); judge_by(cm_template_check_choices, true, &t, &tbs, rules); } while (0)
#define SANS(texts) (with_sans(texts, &sans), tbs.sans = of(&sans))

static void
test_template(void **state)
{
	static const char nocheck[] = "\x30\x0f\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x05\x04\x02\x05\x00";
	static const char critical[] = "\x30\x12\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x05\x01\x01\xff\x04\x02\x05\x00";
	CmExtensionRule extension = {cm_slice("\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9), false, false, cm_slice("\x05\x00", 2)};
	const CmSpan day = {0, 1, 0};
	const CmSpan days = {0, 90, 1};
	const CmSpan second = {0, 0, 90 * 86400 + 2};
	CmSlice		server = cm_slice("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 10);
	CmBuf		sans;

	(void) state;
	cm_buf_init(&sans, 0);
	CASE((void) t, "");

	/* subject */
	CASE((t.subject_count = 2), "subject.OU;subject.OU;");
	CASE((t.subject_count = 2, t.other_attributes = true), "");
	CASE((subject_rules[2].max = 1), "subject.OU;");
	CASE((subject_rules[2].denied = true), "subject.OU;subject.OU;");
	CASE((subject_rules[1].fixed = "Example"), "");
	CASE((subject_rules[1].fixed = "Other"), "subject.O;");
	CASE((subject_rules[1].required = true, tbs.subject = cm_slice("\x30\x00", 2)), "subject.O;");

	/* names */
	CASE(SANS("www.example.com example.com"), "");
	CASE(SANS("www.example.com a.example.com b.example.com"), "san.dns;");
	CASE(SANS("www.example.org"), "san.dns;");
	CASE(SANS("*.example.com"), "san.dns;");
	CASE((SANS("*.example.com"), t.sans[CM_SAN_DNS].wildcard = true), "");
	CASE((SANS("*.com"), t.sans[CM_SAN_DNS].wildcard = true), "san.dns;");
	CASE((SANS("*.example.com"), t.sans[CM_SAN_DNS].pattern_count = 0), "san.dns;");
	CASE(SANS("10.0.0.1"), "san.ip;");
	CASE(SANS("email:a@example.com URI:https://www.example.com/ UPN:joe@example.com RID:1.2.3 otherName:1.2.3;UTF8:x dirName:CN=x SRV:_a.example.com"),
		 "san.email;san.uri;san.upn;san.registeredID;san.otherName;san.dirName;san.srv;");
	CASE((tbs.sans.len = 0, t.san_min = 1), "sans;");
	CASE((tbs.sans.len = 0, t.sans[CM_SAN_DNS].min = 1), "san.dns;");
	CASE((t.san_max = 0), "sans;");

	/* usages and key */
	CASE((t.key_usage = CM_KU_KEY_AGREEMENT), "key_usage;");
	CASE((t.required_key_usage = CM_KU_KEY_AGREEMENT), "key_usage;");
	CASE((tbs.key_usage = 0), "key_usage;");
	CASE((tbs.ext_key_usage = server), "ext_key_usage;");
	CASE((t.ext_key_usage = server), "ext_key_usage;");
	CASE((tbs.ext_key_usage = server, t.ext_key_usage = server), "");
	CASE((tbs.ext_key_usage = server, t.ext_key_usage = server, t.ext_key_usage_critical = true), "ext_key_usage;");
	CASE((tbs.ext_key_usage = server, t.ext_key_usage = server, t.ext_key_usage_critical = true, tbs.ext_key_usage_critical = true), "");
	CASE((tbs.ext_key_usage = server, t.ext_key_usage = server, t.required_ext_key_usage = cm_slice("\x06\x01\x2a", 3)), "ext_key_usage;");
	CASE((t.key_algs = CM_KEY_ALG_BIT(CM_KEY_ED25519)), "key_algorithm;");

	/* a fixture lives 90 days and, both ends counted, a second */
	CASE((t.has_max_lifetime = true, t.max_lifetime = days), "");
	CASE((t.has_max_lifetime = true, t.max_lifetime = days, t.max_lifetime.seconds = 0), "lifetime;");
	CASE((t.has_min_lifetime = true, t.min_lifetime = second), "lifetime;");
	CASE((t.has_min_lifetime = true, t.min_lifetime = day), "");

	/* CA */
	CASE((t.ca = true), "basic_constraints;");
	CASE((tbs.ca = true, tbs.key_usage = CM_KU_KEY_CERT_SIGN, t.key_usage = CM_KU_KEY_CERT_SIGN), "basic_constraints;");
	CASE((tbs.ca = true, tbs.key_usage = CM_KU_KEY_CERT_SIGN, t.key_usage = CM_KU_KEY_CERT_SIGN, t.ca = true), "");
	CASE((tbs.ca = true, tbs.key_usage = CM_KU_KEY_CERT_SIGN, t.key_usage = CM_KU_KEY_CERT_SIGN, t.ca = true, t.path_length = 0), "basic_constraints;");

	/* extensions */
	CASE((tbs.extensions = cm_slice(nocheck, 17)), "extension 1.3.6.1.5.5.7.48.1.5;");
	CASE((tbs.extensions = cm_slice(nocheck, 17), t.extensions = &extension, t.extension_count = 1), "");
	CASE((tbs.extensions = cm_slice(critical, 20), t.extensions = &extension, t.extension_count = 1), "extension 1.3.6.1.5.5.7.48.1.5;");
	CASE((t.extensions = &extension, t.extension_count = 1), "extension 1.3.6.1.5.5.7.48.1.5;");
	extension.value = cm_slice("\x30\x00", 2);
	CASE((tbs.extensions = cm_slice(nocheck, 17), t.extensions = &extension, t.extension_count = 1), "extension 1.3.6.1.5.5.7.48.1.5;");
	extension.from_request = true;
	CASE((tbs.extensions = cm_slice(nocheck, 17), t.extensions = &extension, t.extension_count = 1), "");
	CASE((t.extensions = &extension, t.extension_count = 1), "");
	CASE((tbs.must_staple = true), "must_staple;");
	CASE((t.must_staple = true), "must_staple;");
	CASE((tbs.must_staple = true, t.must_staple = true), "");
	CASE((tbs.no_rev_avail = true), "no_rev_avail;");
	CASE((t.no_rev_avail = CM_NO_REV_AVAIL_ALWAYS), "no_rev_avail;");
	CASE((t.no_rev_avail = CM_NO_REV_AVAIL_AUTO), "");
	CASE((t.no_rev_avail = CM_NO_REV_AVAIL_AUTO, tbs.not_after = tbs.not_before + 86399), "no_rev_avail;");
	CASE((t.no_rev_avail = CM_NO_REV_AVAIL_AUTO, tbs.not_after = tbs.not_before + 86399, tbs.no_rev_avail = true), "");
	CASE((t.policies = cm_slice("\x30\x03\x06\x01\x2a", 5)), "certificate_policies;");
	CASE((tbs.policies = cm_slice("\x30\x03\x06\x01\x2a", 5)), "certificate_policies;");
	CASE((tbs.policies = cm_slice("\x30\x03\x06\x01\x2a", 5), t.policies = tbs.policies), "");
	cm_buf_free(&sans);
}

/* Of an external CA's certificate the rest is judged apart, and what such CAs put in besides is no breach. */
static void
test_choices(void **state)
{
	static const char other[] = "\x30\x0f\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x05\x04\x02\x05\x00";
	static const char critical[] = "\x30\x12\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x05\x01\x01\xff\x04\x02\x05\x00";
	CmExtensionRule extension = {cm_slice("\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9), false, false, cm_slice("\x05\x00", 2)};
	const CmSpan day = {0, 1, 0};
	CmSlice		server = cm_slice("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 10);

	(void) state;
	FOREIGN((void) t, "");
	FOREIGN((t.key_usage = CM_KU_KEY_AGREEMENT), "key_usage;");
	FOREIGN((tbs.ext_key_usage = server), "ext_key_usage;");
	FOREIGN((t.has_max_lifetime = true, t.max_lifetime = day), "lifetime;");
	FOREIGN((t.key_usage = CM_KU_KEY_AGREEMENT, t.has_max_lifetime = true, t.max_lifetime = day), "key_usage;lifetime;");
	FOREIGN((tbs.policies = cm_slice("\x30\x03\x06\x01\x2a", 5)), "");
	FOREIGN((t.policies = cm_slice("\x30\x03\x06\x01\x2a", 5)), "certificate_policies;");
	FOREIGN((tbs.policies = cm_slice("\x30\x03\x06\x01\x2a", 5), t.policies = cm_slice("\x30\x03\x06\x01\x2b", 5)), "certificate_policies;");
	FOREIGN((tbs.extensions = cm_slice(other, 17)), "");
	FOREIGN((tbs.extensions = cm_slice(critical, 20)), "extension 1.3.6.1.5.5.7.48.1.5;");
	FOREIGN((t.extensions = &extension, t.extension_count = 1), "extension 1.3.6.1.5.5.7.48.1.5;");
	FOREIGN((t.must_staple = true), "must_staple;");
	FOREIGN((tbs.must_staple = true), "must_staple;");
	/* a short life without noRevAvail is the CA's affair, unless it must be there */
	FOREIGN((t.no_rev_avail = CM_NO_REV_AVAIL_AUTO, tbs.not_after = tbs.not_before + 86399), "");
	FOREIGN((t.no_rev_avail = CM_NO_REV_AVAIL_NEVER, tbs.no_rev_avail = true), "");
	FOREIGN((t.no_rev_avail = CM_NO_REV_AVAIL_ALWAYS), "no_rev_avail;");
}

/* What a template fixes is added once, as the last of the text. */
static void
test_complete_subject(void **state)
{
	static const char rdn[] = "\x31\x0e\x30\x0c\x06\x03\x55\x04\x0a\x0c\x05" "Fixed";
	CmTemplate	t = good_template();
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		name;
	CmBuf		out;
	CmBuf		text;

	(void) state;
	cm_buf_init(&name, 0);
	cm_buf_init(&out, 0);
	cm_buf_init(&text, 0);
	subject_rules[1].fixed = "Fixed";
	subject_rules[1].fixed_rdn = cm_slice(rdn, sizeof(rdn) - 1);
	assert_good(cm_name_parse("CN=x", &name, &st), &st);
	assert_good(cm_template_complete_subject(&t, of(&name), &out, &st), &st);
	assert_good(cm_name_format(of(&out), &text, &st), &st);
	assert_string_equal(cm_buf_cstr(&text), "CN=x,O=Fixed");
	cm_buf_reset(&name);
	assert_true(cm_template_complete_subject(&t, of(&out), &name, &st));
	assert_true(cm_slice_equal(of(&name), of(&out)));
	assert_false(cm_template_complete_subject(&t, cm_slice("x", 1), &text, &st));
	cm_buf_free(&name);
	cm_buf_free(&out);
	cm_buf_free(&text);
}

static void
test_spans(void **state)
{
	const CmSpan month = {1, 0, 0};
	const CmSpan back = {-13, 0, 0};
	const CmSpan mixed = {0, 1, 3600};
	int64_t		t = INT64_C(1769817600);	/* 2026-01-31 00:00:00 */

	(void) state;
	assert_int_equal(cm_span_after(t, &month), INT64_C(1772236800));	/* 2026-02-28 */
	assert_int_equal(cm_span_after(t, &back), INT64_C(1735603200));	/* 2024-12-31 */
	assert_int_equal(cm_span_after(t, &mixed), t + 90000);
}

/* ---- random requests against random templates, judged once more by an oracle that knows only DNS names and addresses ---- */

static void
test_random(void **state)
{
	CmBuf		sans;
	int			i;
	int			allowed = 0;

	(void) state;
	cm_buf_init(&sans, 0);
	for (i = 0; i < 20000; i++)
	{
		CmTemplate	t = good_template();
		CmPattern	patterns[2];
		CmPattern	network;
		char		zones[2][128];
		char		cidr[] = "10.0.0.0/8";
		CmStatus	st = CM_STATUS_INIT;
		Verdict		v = {"", "", 0};
		unsigned	count = draw(4);
		unsigned	k;
		bool		expected = true;
		int			hosts = 0;

		for (k = 0; k < 2; k++)
		{
			random_host(zones[k], sizeof(zones[k]));
			assert_good(cm_pattern_compile(CM_PATTERN_SUFFIX, CM_SAN_DNS, zones[k], &patterns[k], &st), &st);
		}
		assert_good(cm_pattern_compile(CM_PATTERN_CIDR, CM_SAN_IP, cidr, &network, &st), &st);
		t.sans[CM_SAN_DNS].patterns = patterns;
		t.sans[CM_SAN_DNS].pattern_count = 2;
		t.sans[CM_SAN_DNS].max = 2;
		t.sans[CM_SAN_DNS].wildcard = draw(2);
		t.sans[CM_SAN_IP].allowed = draw(2);
		t.sans[CM_SAN_IP].max = 9;
		t.sans[CM_SAN_IP].patterns = &network;
		t.sans[CM_SAN_IP].pattern_count = 1;
		cm_buf_reset(&sans);
		for (k = 0; k < count; k++)
		{
			char		value[200];

			if (draw(4) == 0)
			{
				unsigned	first = draw(2) ? 10 : draw(200);

				snprintf(value, sizeof(value), "%u.1.2.3", first);
				expected = expected && t.sans[CM_SAN_IP].allowed && first == 10;
			}
			else
			{
				char		host[128];
				bool		wild = draw(4) == 0;

				random_host(host, sizeof(host));
				if (draw(2))
					snprintf(host + strlen(host), sizeof(host) - strlen(host), ".%s", zones[draw(2)]);
				snprintf(value, sizeof(value), "%s%s", wild ? "*." : "", host);
				hosts++;
				expected = expected && (!wild || t.sans[CM_SAN_DNS].wildcard) && (oracle_suffix(zones[0], host) || oracle_suffix(zones[1], host));
			}
			assert_good(cm_san_parse(value, &sans, &st), &st);
		}
		expected = expected && hosts <= 2;
		allowed += expected;
		if (cm_template_check_names(&t, of(&leaf.name), of(&sans), false, note, &v) != expected)
			fail_msg("zones %s %s: expected %d: %s", zones[0], zones[1], expected, v.details);
	}
	assert_true(allowed > 1000 && allowed < 19000);
	cm_buf_free(&sans);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_glob_work),
		cmocka_unit_test(test_suffix),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_pattern_errors),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_complete_subject),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
