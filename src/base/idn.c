/*
 * idn.c - internationalized host names (IDNA2008, RFC 5891) by libidn2.
 * Runs in every process; no locale, no look-ups.
 */
#include "base/host.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

/* What 253 characters of A-labels can have been at most: four bytes of UTF-8 for each. */
#define U_NAME_MAX (4 * CM_HOST_MAX)

static bool
refuse(CmStatus *st, const char *text, const char *why)
{
	char		shown[128];

	cm_clean_text(shown, sizeof(shown), text, strlen(text));
	(void) cm_fail(st, CM_INVALID, "host name \"%s\" is not valid", shown);
	return cm_fail_detail(st, "%s", why);
}

bool
cm_host_to_ascii(const char *text, char *dst, CmStatus *st)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	uint8_t    *ascii = NULL;
	uint8_t    *back = NULL;
	uint8_t    *again = NULL;
	size_t		star = name == text ? 0 : 2;
	int			code;
	bool		same;

	if (strlen(text) > U_NAME_MAX)
		return refuse(st, text, "The name is too long.");
	code = idn2_lookup_u8((const uint8_t *) name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (code != IDN2_OK)
		return refuse(st, text, idn2_strerror(code));
	if (strlen((char *) ascii) + star > CM_HOST_MAX)
	{
		idn2_free(ascii);
		return refuse(st, text, "The name is longer than 253 characters.");
	}
	/* What a CA or a person reads back must be the same name. */
	same = idn2_to_unicode_8z8z((const char *) ascii, (char **) &back, IDN2_NONTRANSITIONAL) == IDN2_OK &&
		idn2_lookup_u8(back, &again, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK && strcmp((char *) ascii, (char *) again) == 0;
	if (same)
	{
		memcpy(dst, text, star);
		memcpy(dst + star, ascii, strlen((char *) ascii) + 1);
	}
	idn2_free(ascii);
	idn2_free(back);
	idn2_free(again);
	return same || refuse(st, text, "Its A-labels do not stand for the same name.");
}
