/*
 * domain.c - see domain.h. Any process; libpsl's own list, newer than ours
 * where the system has one. Fails only when dst is too small.
 */
#include "net/domain.h"

#include "base/host.h"

#include <libpsl.h>
#include <stdio.h>
#include <string.h>

static const psl_ctx_t *
list(void)
{
	static const psl_ctx_t *latest;

	/* Read once a process: a file of some 100 KB, or what is built in. */
	if (latest == NULL)
		latest = psl_latest(NULL);
	return latest != NULL ? latest : psl_builtin();
}

bool
cm_registered_domain(const char *host, char *dst, size_t dstsize)
{
	const psl_ctx_t *psl = list();
	const char *domain;
	uint8_t		address[16];
	size_t		len;
	int			n;

	/* An address is no part of a domain; of IPv6 a customer has all of the 64 bits behind its prefix. */
	if (cm_address_parse(host, address, &len))
	{
		if (len == 16)
			memset(address + 8, 0, 8);
		return cm_address_format(address, len, dst, dstsize);
	}
	if (strncmp(host, "*.", 2) == 0)
		host += 2;
	domain = psl != NULL ? psl_registrable_domain(psl, host) : NULL;
	n = snprintf(dst, dstsize, "%s", domain != NULL ? domain : host);
	return n > 0 && (size_t) n < dstsize;
}
