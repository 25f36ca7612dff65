/*
 * listen.c - see listen.h. Parsing runs in every process that reads the
 * setting, sockets are made in the listener. Locks nothing. What may fail:
 * texts that are no addresses, ports that are taken or not allowed.
 */
#include "net/listen.h"

#include "base/host.h"
#include "net/address.h"
#include "net/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections that wait to be accepted. CAs ask from a handful of places at once. */
#define BACKLOG 64
#define ENTRY_MAX 80

static bool
bad(const char *entry, CmStatus *st)
{
	(void) cm_fail(st, CM_INVALID, "\"%s\" is not an address to listen at", entry);
	return cm_fail_detail(st, "Addresses are written \"*:80\", \"192.0.2.1:80\" or \"[2001:db8::1]:80\", with commas between them.");
}

static bool
put(CmListenAddress *out, int *count, const uint8_t *addr, size_t len, int port, bool optional, CmStatus *st)
{
	CmListenAddress *at = &out[*count];

	if (*count >= CM_LISTEN_MAX)
		return cm_fail(st, CM_LIMIT, "there are more than %d addresses to listen at", CM_LISTEN_MAX);
	memset(at, 0, sizeof(*at));
	at->optional = optional;
	if (len == 4)
	{
		struct sockaddr_in *sin = (struct sockaddr_in *) &at->addr;

		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t) port);
		memcpy(&sin->sin_addr, addr, 4);
		at->len = sizeof(*sin);
	}
	else
	{
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *) &at->addr;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons((uint16_t) port);
		memcpy(&sin6->sin6_addr, addr, 16);
		at->len = sizeof(*sin6);
	}
	(*count)++;
	return true;
}

static bool
parse_entry(char *entry, CmListenAddress *out, int *count, CmStatus *st)
{
	static const uint8_t any[16] = {0};
	char	   *colon = strrchr(entry, ':');
	char		host[ENTRY_MAX];
	uint8_t		addr[16];
	size_t		len;
	char	   *end;
	long		port;

	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return bad(entry, st);
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > 65535)
		return bad(entry, st);
	memcpy(host, entry, (size_t) (colon - entry));
	host[colon - entry] = '\0';
	if (strcmp(host, "*") == 0)
		return put(out, count, any, 4, (int) port, false, st) && put(out, count, any, 16, (int) port, true, st);
	len = strlen(host);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']')
	{
		host[len - 1] = '\0';
		if (!cm_address_parse(host + 1, addr, &len) || len != 16)
			return bad(entry, st);
	}
	else if (!cm_address_parse(host, addr, &len) || len != 4)
		return bad(entry, st);
	return put(out, count, addr, len, (int) port, false, st);
}

bool
cm_listen_parse(const char *text, CmListenAddress *out, int *count, CmStatus *st)
{
	*count = 0;
	do
	{
		char		entry[ENTRY_MAX];
		size_t		len;

		text += strspn(text, " \t");
		len = strcspn(text, ",");
		while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
			len--;
		if (len >= sizeof(entry))
			return cm_fail(st, CM_INVALID, "an address to listen at is too long");
		memcpy(entry, text, len);
		entry[len] = '\0';
		if (!parse_entry(entry, out, count, st))
			return false;
		text += strcspn(text, ",");
	} while (*text++ == ',');
	return true;
}

/* False: errno says why. */
static bool
set_up(int fd, const CmListenAddress *address)
{
	int			on = 1;

	/* A server that is started again must not wait for connections of before to be forgotten. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return false;
	/* IPv4 has a socket of its own. */
	if (address->addr.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return false;
	return bind(fd, (const struct sockaddr *) &address->addr, address->len) == 0 && listen(fd, BACKLOG) == 0;
}

int
cm_listen_open(CmLoop *loop, const CmListenAddress *address, CmStatus *st)
{
	int			fd = cm_socket_open(loop, address->addr.ss_family, SOCK_STREAM, st);
	char		text[64];
	CmCode		code = CM_REFUSED;
	int			error;

	if (fd < 0 || set_up(fd, address))
		return fd;
	error = errno;
	cm_socket_close(loop, fd);
	cm_sockaddr_format((const struct sockaddr *) &address->addr, text, sizeof(text));
	if (error == EACCES || error == EPERM)
		code = CM_POLICY;
	else if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
		code = CM_UNSUPPORTED;
	cm_fail(st, code, "could not listen at %s: %s", text, strerror(error));
	return -1;
}
