/*
 * test_domain.c - what a CA counts certificates by.
 */
#include "net/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
registered_domains(void **state)
{
	static const char *const cases[][2] = {
		{"example.com", "example.com"},
		{"a.b.example.com", "example.com"},
		{"*.b.example.co.uk", "example.co.uk"},
		{"com", "com"},			/* a public suffix counts for itself */
		{"192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"::1", "::"},
	};
	char		domain[64];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_true(cm_registered_domain(cases[i][0], domain, sizeof(domain)));
		assert_string_equal(domain, cases[i][1]);
	}
	assert_false(cm_registered_domain("example.com", domain, 5));
	assert_false(cm_registered_domain("2001:db8::1", domain, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(registered_domains)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
