/*
 * listen.h - where a server of ours listens: the text of a setting, and the
 * sockets made of it.
 */
#ifndef CM_NET_LISTEN_H
#define CM_NET_LISTEN_H

#include "net/loop.h"

/* "*" counts for two. A machine with more addresses than this listens at "*". */
#define CM_LISTEN_MAX 8

typedef struct CmListenAddress
{
	struct sockaddr_storage addr;
	socklen_t	len;
	bool		optional;		/* the IPv6 half of "*": a machine may have none */
} CmListenAddress;

/* "127.0.0.1:5002, [::1]:5002, *:80": addresses, not names. At least one. */
extern bool cm_listen_parse(const char *text, CmListenAddress *out, int *count, CmStatus *st);
/*
 * A listening socket of the loop's budget; -1 and st on failure: CM_POLICY when
 * the port is a privileged one, CM_UNSUPPORTED when the machine has no such
 * addresses, CM_REFUSED for everything else.
 */
extern int	cm_listen_open(CmLoop *loop, const CmListenAddress *address, CmStatus *st);

#endif
