/*
 * test_json.c - the JSON reader: trees, escapes, bounds, hostile texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pg/json.h"

#define MAX ((size_t) 4 * 1024 * 1024)

/* Parses an exact copy, so that the sanitizer sees a read behind its end. */
static CmJson *
parse(const char *text, size_t len, CmStatus *st)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmJson	   *json;

	memcpy(copy, text, len);
	memset(st, 0, sizeof(*st));
	json = cm_json_parse(cm_slice(copy, len), MAX, st);
	free(copy);
	assert_true((json != NULL) == (st->code == CM_OK));
	return json;
}

static void
refused(const char *text, size_t len, CmCode code)
{
	CmStatus	st;
	CmJson	   *json = parse(text, len, &st);

	if (json != NULL || st.code != code)
		print_error("text: %s, reason: %s\n", text, st.reason);
	assert_null(json);
	assert_int_equal(st.code, code);
	assert_true(st.reason[0] != '\0');
}

static void
test_tree(void **state)
{
	CmStatus	st;
	const char *text = "{\"a\":[1,-2.5e3,\"x\",true,false,null,{}],\"b\":{\"c\":\"d\"},\"n\":null,\"t\":true,\"e\":[]}";
	CmJson	   *json = parse(text, strlen(text), &st);
	const CmJson *a;

	(void) state;
	assert_non_null(json);
	assert_int_equal(cm_json_type(json), CM_JSON_OBJECT);
	assert_int_equal(cm_json_length(json), 5);
	assert_string_equal(cm_json_key(json, 0), "a");
	assert_string_equal(cm_json_key(json, 4), "e");
	assert_null(cm_json_key(json, 5));
	assert_null(cm_json_key(json, -1));
	a = cm_json_get(json, "a");
	assert_int_equal(cm_json_type(a), CM_JSON_ARRAY);
	assert_int_equal(cm_json_length(a), 7);
	assert_string_equal(cm_json_string(cm_json_at(a, 0)), "1");
	assert_string_equal(cm_json_string(cm_json_at(a, 1)), "-2.5e3");
	assert_string_equal(cm_json_string(cm_json_at(a, 2)), "x");
	assert_true(cm_json_bool(cm_json_at(a, 3), false));
	assert_false(cm_json_bool(cm_json_at(a, 4), true));
	assert_int_equal(cm_json_type(cm_json_at(a, 5)), CM_JSON_NULL);
	assert_int_equal(cm_json_type(cm_json_at(a, 6)), CM_JSON_OBJECT);
	assert_null(cm_json_at(a, 7));
	assert_null(cm_json_at(json, 0));
	assert_string_equal(cm_json_get_string(cm_json_get(json, "b"), "c"), "d");
	assert_null(cm_json_get(json, "n"));
	assert_null(cm_json_get(json, "missing"));
	assert_null(cm_json_get_string(json, "t"));
	assert_null(cm_json_get_string(a, "t"));
	assert_true(cm_json_bool(cm_json_get(json, "missing"), true));
	assert_int_equal(cm_json_length(cm_json_get(json, "e")), 0);
	assert_int_equal(cm_json_length(NULL), 0);
	assert_null(cm_json_string(NULL));
	cm_json_free(json);
	cm_json_free(NULL);
}

static void
test_scalars_at_top(void **state)
{
	CmStatus	st;
	CmJson	   *json;

	(void) state;
	json = parse(" \"x\" ", 5, &st);
	assert_string_equal(cm_json_string(json), "x");
	cm_json_free(json);
	json = parse("null", 4, &st);
	assert_int_equal(cm_json_type(json), CM_JSON_NULL);
	cm_json_free(json);
}

static void
test_duplicates(void **state)
{
	CmStatus	st;
	const char *text = "{\"a\":1,\"b\":2,\"a\":null,\"c\":3,\"\\u0061\":{\"x\":9},\"b\":4}";
	CmJson	   *json = parse(text, strlen(text), &st);

	(void) state;
	assert_int_equal(cm_json_length(json), 3);
	assert_string_equal(cm_json_key(json, 0), "c");
	assert_string_equal(cm_json_key(json, 1), "a");
	assert_string_equal(cm_json_key(json, 2), "b");
	assert_string_equal(cm_json_string(cm_json_get(cm_json_get(json, "a"), "x")), "9");
	assert_string_equal(cm_json_string(cm_json_get(json, "b")), "4");
	cm_json_free(json);
	/* the last one wins, also when it is null */
	json = parse("{\"a\":1,\"a\":null}", 16, &st);
	assert_null(cm_json_get(json, "a"));
	cm_json_free(json);
}

static void
test_escapes(void **state)
{
	CmStatus	st;
	const char *text = "[\"\\u00e4\\u20ac\\ud83d\\ude00\\uD83D\\uDE00\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\",\"\xc3\xa4\xf0\x9f\x98\x80\"]";
	CmJson	   *json = parse(text, strlen(text), &st);

	(void) state;
	assert_non_null(json);
	assert_string_equal(cm_json_string(cm_json_at(json, 0)), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
	assert_string_equal(cm_json_string(cm_json_at(json, 1)), "\"\\/\b\f\n\r\tA");
	assert_string_equal(cm_json_string(cm_json_at(json, 2)), "\xc3\xa4\xf0\x9f\x98\x80");
	cm_json_free(json);
}

static void
test_bad_texts(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "[1 2]", "01", "1.", "+1", "nul", "nulll", "'a'", "\"a", "\"\t\"", "\"a\nb\"",
		"\"\\x\"", "\"\\", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "{\"\\u0000\":1}", "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"",
		"\"\\ud83dx\"", "[1]]", "{}{}", "1 1", "[\"a\":1]", "{\"a\":1,}", "\xef\xbb\xbf{}", "\"\\\xc3\xa4\"", "NaN", "Infinity", "/**/1", "{\"a\":1,\"b\":[1,2,{\"c\":3}"
	};
	/* overlong, surrogate, above 10FFFF, lone continuation, cut, never valid */
	static const char *const not_utf8[] = {
		"\"\xc0\x80\"", "\"\xe0\x80\xaf\"", "\"\xf0\x80\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\x80\"", "\"\xc3\"", "\"\xe2\x82\"",
		"\"\xff\"", "\xc3", "{}\xf0\x9f\x98"
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], strlen(bad[i]), CM_INVALID);
	for (i = 0; i < sizeof(not_utf8) / sizeof(not_utf8[0]); i++)
		refused(not_utf8[i], strlen(not_utf8[i]), CM_INVALID);
	refused("{}\0", 3, CM_INVALID);
	refused("\"a\0b\"", 5, CM_INVALID);
}

static void
test_truncations(void **state)
{
	const char *text = "{\"a\":[1,\"\\u00e4\\ud83d\\ude00\",{\"k\":true}],\"b\":\"\xe2\x82\xac\",\"c\":[[],{},null]}";
	size_t		len = strlen(text);
	size_t		i;
	CmStatus	st;
	CmJson	   *json;

	(void) state;
	for (i = 0; i < len; i++)
		refused(text, i, CM_INVALID);
	json = parse(text, len, &st);
	assert_non_null(json);
	cm_json_free(json);
}

/* Every byte replaced by some others: no crash, and success exactly when the status says so. */
static void
test_mutations(void **state)
{
	static const char others[] = "\"\\[]{},:u0 \x80\xc3\xed\x01";
	const char *text = "{\"a\":[1,\"\\u00e4\\ud83d\\ude00\",{\"k\":true}],\"b\":\"\xe2\x82\xac\",\"c\":[[],{},null]}";
	size_t		len = strlen(text);
	char	   *copy = strdup(text);
	size_t		i;
	size_t		j;
	CmStatus	st;

	(void) state;
	for (i = 0; i < len; i++)
	{
		for (j = 0; j < sizeof(others); j++)
		{
			copy[i] = others[j];
			cm_json_free(parse(copy, len, &st));
		}
		copy[i] = text[i];
	}
	free(copy);
}

static void
test_bounds(void **state)
{
	CmStatus	st;
	CmBuf		buf;
	CmJson	   *json;
	int			i;

	(void) state;
	cm_buf_init(&buf, 0);
	for (i = 0; i < CM_JSON_MAX_DEPTH; i++)
		cm_buf_append_str(&buf, i % 2 ? "{\"a\":" : "[");
	cm_buf_append_str(&buf, "1");
	for (i = CM_JSON_MAX_DEPTH - 1; i >= 0; i--)
		cm_buf_append_str(&buf, i % 2 ? "}" : "]");
	json = parse((const char *) buf.data, buf.len, &st);
	assert_non_null(json);
	cm_json_free(json);

	cm_buf_reset(&buf);
	for (i = 0; i <= CM_JSON_MAX_DEPTH; i++)
		cm_buf_append_str(&buf, "[");
	for (i = 0; i <= CM_JSON_MAX_DEPTH; i++)
		cm_buf_append_str(&buf, "]");
	refused((const char *) buf.data, buf.len, CM_LIMIT);

	cm_buf_reset(&buf);
	for (i = 0; i < 500000; i++)
		cm_buf_append_byte(&buf, '[');
	refused((const char *) buf.data, buf.len, CM_LIMIT);
	memset(buf.data, ',', buf.len);
	refused((const char *) buf.data, buf.len, CM_LIMIT);
	/* brackets in strings are no depth */
	memset(buf.data, '[', buf.len);
	buf.data[0] = buf.data[buf.len - 1] = '"';
	json = parse((const char *) buf.data, buf.len, &st);
	assert_int_equal(strlen(cm_json_string(json)), buf.len - 2);
	cm_json_free(json);

	memset(&st, 0, sizeof(st));
	assert_null(cm_json_parse(cm_slice("[1,2]", 5), 4, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&buf);
}

/* Many equal keys cost no square: 100,000 of them, each with another value. */
static void
test_many_keys(void **state)
{
	CmStatus	st;
	CmBuf		buf;
	CmJson	   *json;
	int			i;

	(void) state;
	cm_buf_init(&buf, 0);
	cm_buf_append_str(&buf, "{");
	for (i = 0; i < 80000; i++)
		cm_buf_printf(&buf, "%s\"%d\":%d", i > 0 ? "," : "", i % 40000, i);
	cm_buf_append_str(&buf, "}");
	json = parse((const char *) buf.data, buf.len, &st);
	assert_int_equal(cm_json_length(json), 40000);
	assert_string_equal(cm_json_string(cm_json_get(json, "39999")), "79999");
	assert_string_equal(cm_json_key(json, 7), "7");
	cm_json_free(json);
	cm_buf_free(&buf);
}

static void
test_quote(void **state)
{
	CmBuf		buf;
	CmStatus	st;
	CmJson	   *json;
	char		all[256];
	int			i;

	(void) state;
	cm_buf_init(&buf, 0);
	assert_true(cm_json_quote(&buf, "a\"b\\c\n\x01\xc3\xa4/"));
	assert_string_equal(cm_buf_cstr(&buf), "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa4/\"");
	cm_buf_reset(&buf);
	for (i = 1; i < 128; i++)
		all[i - 1] = (char) i;
	all[127] = '\0';
	assert_true(cm_json_quote(&buf, all));
	json = parse((const char *) buf.data, buf.len, &st);
	assert_string_equal(cm_json_string(json), all);
	cm_json_free(json);
	cm_buf_reset(&buf);
	assert_false(cm_json_quote(&buf, "a\xff"));
	assert_true(buf.failed);
	cm_buf_free(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_scalars_at_top),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
