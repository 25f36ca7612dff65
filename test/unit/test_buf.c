/*
 * test_buf.c - CmBuf and CmStatus: growth, bounds, wiping, text that is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/status.h"

static void
grows(void **state)
{
	CmBuf		buf;
	size_t		i;

	(void) state;
	cm_buf_init(&buf, 0);
	assert_string_equal(cm_buf_cstr(&buf), "");
	for (i = 0; i < 100000; i++)
		assert_true(cm_buf_append_byte(&buf, (uint8_t) (i * 7)));
	assert_int_equal(buf.len, 100000);
	for (i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], (uint8_t) (i * 7));
	assert_true(cm_buf_append(&buf, NULL, 0));
	cm_buf_free(&buf);
	assert_true(cm_buf_append_str(&buf, "again"));
	assert_string_equal(cm_buf_cstr(&buf), "again");
	cm_buf_free(&buf);
}

static void
bound_holds(void **state)
{
	CmBuf		buf;

	(void) state;
	cm_buf_init(&buf, 8);
	assert_true(cm_buf_append(&buf, "12345678", 8));
	assert_string_equal(cm_buf_cstr(&buf), "12345678");
	assert_false(cm_buf_append_byte(&buf, '9'));
	assert_true(buf.failed);
	assert_int_equal(buf.len, 8);
	assert_string_equal(cm_buf_cstr(&buf), "");
	/* A refused append is remembered: nothing goes in behind the hole. */
	assert_false(cm_buf_append(&buf, "", 0));
	cm_buf_reset(&buf);
	assert_true(cm_buf_append_str(&buf, "x"));
	assert_false(cm_buf_reserve(&buf, SIZE_MAX));
	assert_false(cm_buf_reserve(&buf, SIZE_MAX - 1));
	cm_buf_reset(&buf);
	assert_false(cm_buf_reserve(&buf, SIZE_MAX));
	cm_buf_free(&buf);

	cm_buf_init(&buf, 0);
	assert_false(cm_buf_reserve(&buf, CM_BUF_DEFAULT_MAX + 1));
	cm_buf_free(&buf);
	cm_buf_init(&buf, SIZE_MAX);
	assert_false(cm_buf_reserve(&buf, SIZE_MAX));
	cm_buf_free(&buf);
}

static void
prints(void **state)
{
	CmBuf		buf;
	char		longer[600];

	(void) state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cm_buf_init(&buf, 1000);
	assert_true(cm_buf_printf(&buf, "%s-%d", "x", 42));
	assert_string_equal(cm_buf_cstr(&buf), "x-42");
	assert_true(cm_buf_printf(&buf, "%s", longer));
	assert_int_equal(buf.len, 603);
	assert_memory_equal(buf.data, "x-42aaa", 7);
	assert_false(cm_buf_printf(&buf, "%s", longer));
	assert_int_equal(buf.len, 603);
	cm_buf_free(&buf);

	/* There is memory for this one, but not within the bound. */
	cm_buf_init(&buf, 4);
	assert_true(cm_buf_printf(&buf, "%s", "1234"));
	assert_false(cm_buf_printf(&buf, "%s", "5"));
	cm_buf_free(&buf);
}

static void
secret_is_wiped(void **state)
{
	static const uint8_t zeros[256];
	CmBuf		buf;

	(void) state;
	cm_buf_init_secret(&buf, 0);
	assert_true(cm_buf_append(&buf, "secret", 6));
	cm_buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_memory_equal(buf.data, zeros, buf.cap < sizeof(zeros) ? buf.cap : sizeof(zeros));
	assert_true(cm_buf_append(&buf, "secret", 6));
	assert_true(cm_buf_reserve(&buf, 5000));
	assert_memory_equal(buf.data, "secret", 6);
	cm_buf_free(&buf);
	assert_null(buf.data);
	assert_true(buf.secret);
}

static void
status_is_filled(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	char		longer[1000];

	(void) state;
	memset(longer, 'b', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_false(cm_fail(NULL, CM_INVALID, "x"));
	assert_false(cm_fail_detail(NULL, "x"));
	assert_false(cm_fail(&st, CM_LIMIT, "no \"%s\"", "name"));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "no \"name\"");
	assert_false(cm_fail_detail(&st, "It is %d.", 7));
	assert_string_equal(st.detail, "It is 7.");
	/* The old reason as an argument, and a new failure forgets the old detail. */
	assert_false(cm_fail(&st, CM_INVALID, "b: %s", st.reason));
	assert_string_equal(st.reason, "b: no \"name\"");
	assert_string_equal(st.detail, "");
	cm_fail(&st, CM_INVALID, "%s", longer);
	cm_fail_detail(&st, "%s", longer);
	assert_int_equal(strlen(st.reason), sizeof(st.reason) - 1);
	assert_int_equal(strlen(st.detail), sizeof(st.detail) - 1);
}

static void
text_is_cleaned(void **state)
{
	char		dst[8];

	(void) state;
	cm_clean_text(dst, sizeof(dst), "a\n\x1b[\xff~", 6);
	assert_string_equal(dst, "a??[?~");
	cm_clean_text(dst, sizeof(dst), "0123456789", 10);
	assert_string_equal(dst, "0123456");
	cm_clean_text(dst, sizeof(dst), "a\0b", 3);
	assert_string_equal(dst, "a?b");
	cm_clean_text(dst, 1, "abc", 3);
	assert_string_equal(dst, "");
	cm_clean_text(dst, sizeof(dst), NULL, 5);
	assert_string_equal(dst, "");
	cm_clean_text(NULL, 0, "abc", 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows),
		cmocka_unit_test(bound_holds),
		cmocka_unit_test(prints),
		cmocka_unit_test(secret_is_wiped),
		cmocka_unit_test(status_is_filled),
		cmocka_unit_test(text_is_cleaned)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
