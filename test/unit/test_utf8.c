/*
 * test_utf8.c - characters, foreign text shown and read back, hexadecimal digits, lists for messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/status.h"
#include "base/utf8.h"

/* Every code point there and back; surrogates are none. */
static void
code_points(void **state)
{
	uint32_t	code;

	(void) state;
	for (code = 0; code < 0x110000; code++)
	{
		uint8_t		octets[4];
		uint32_t	back = 0;
		size_t		len = cm_utf8_encode(code, octets);
		size_t		got = cm_utf8_next(octets, len, &back);

		if (code >= 0xd800 && code <= 0xdfff)
			assert_int_equal(got, 0);
		else
		{
			assert_int_equal(got, len);
			assert_int_equal(back, code);
			if (len > 1)
				assert_int_equal(cm_utf8_next(octets, len - 1, &back), 0);
		}
	}
}

static void
malformed(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "a\xe2(\xa1"
	};
	size_t		chars = 0;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_utf8_check(cm_slice(bad[i], strlen(bad[i])), NULL));
	assert_true(cm_utf8_check(cm_slice("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10), &chars));
	assert_int_equal(chars, 4);
	assert_true(cm_utf8_check(cm_slice(NULL, 0), &chars));
	assert_int_equal(chars, 0);
}

static void
assert_escaped(const char *text, size_t len, bool ascii, const char *want)
{
	CmBuf		shown = {0};
	CmBuf		back = {0};

	cm_utf8_put_escaped(&shown, cm_slice(text, len), ascii);
	assert_string_equal(cm_buf_cstr(&shown), want);
	assert_true(cm_utf8_unescape(cm_buf_cstr(&shown), &back));
	assert_int_equal(back.len, len);
	assert_true(len == 0 || memcmp(back.data, text, len) == 0);
	cm_buf_free(&shown);
	cm_buf_free(&back);
}

static void
escaped(void **state)
{
	(void) state;
	assert_escaped("", 0, false, "");
	assert_escaped("a\\b", 3, false, "a\\\\b");
	assert_escaped("a\0\n\x7f", 4, false, "a\\00\\0A\\7F");
	assert_escaped("\xc3\xa4", 2, false, "\xc3\xa4");
	assert_escaped("\xc3\xa4", 2, true, "\\C3\\A4");
	/* What turns text around, and what one does not see. */
	assert_escaped("\xe2\x80\xae", 3, false, "\\E2\\80\\AE");
	assert_escaped("\xef\xbb\xbf", 3, false, "\\EF\\BB\\BF");
	assert_escaped("\xff""A", 2, false, "\\FFA");
}

static void
unescape_refuses(void **state)
{
	static const char *const bad[] = {"\\", "\\4", "\\4g", "\\g4", "\\x41", "a\\"};
	CmBuf		out = {0};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_utf8_unescape(bad[i], &out));
	cm_buf_free(&out);
}

static void
hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	int			c;

	(void) state;
	for (c = 0; c < 256; c++)
	{
		const char *at = c == 0 ? NULL : strchr(digits, c);

		assert_int_equal(cm_hex_digit((char) c), at == NULL ? -1 : (at - digits) % 16);
	}
}

static void
lists(void **state)
{
	char		list[8] = "";

	(void) state;
	cm_list_add(list, sizeof(list), "ab");
	assert_string_equal(list, "ab");
	cm_list_add(list, sizeof(list), "cdef");
	assert_string_equal(list, "ab, cde");
	cm_list_add(list, sizeof(list), "x");
	assert_string_equal(list, "ab, cde");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_points),
		cmocka_unit_test(malformed),
		cmocka_unit_test(escaped),
		cmocka_unit_test(unescape_refuses),
		cmocka_unit_test(hex_digits),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
