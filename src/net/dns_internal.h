/*
 * dns_internal.h - one DNS exchange, as dns.c and dns_update.c share it.
 */
#ifndef CM_NET_DNS_INTERNAL_H
#define CM_NET_DNS_INTERNAL_H

#include "net/internal.h"

struct CmDns
{
	CmOp		op;
	CmLoop	   *loop;
	struct sockaddr_storage server;
	socklen_t	serverlen;
	char		server_text[64];
	char		name[256];		/* asked name, or the zone of an update */
	int			type;
	bool		recursion;
	bool		edns;
	bool		update;
	CmTsigKey  *key;			/* NULL: not signed */
	uint8_t		mac[CM_TSIG_MAC_MAX];	/* of the request */
	size_t		mac_len;
	CmBuf		query;
	bool		tcp;
	int			fd;
	CmWatch    *watch;
	CmTimer    *timer;
	int64_t		timeout_ms;
	int64_t		deadline;
	int64_t		interval;		/* to the next retransmission */
	size_t		sent;			/* TCP: bytes out, length octets included */
	CmBuf		in;				/* TCP: bytes in, length octets included */
	CmFdWaiter	waiter;			/* while no descriptor is free */
	int64_t		patience;		/* until when one is waited for */
	bool		finished;
	CmDnsDone	done;
	void	   *arg;
};

/* NULL: st says why. What was created and not started, the caller frees. */
extern CmDns *cm_dns_create(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, int64_t timeout_ms,
							CmDnsDone done, void *arg, CmStatus *st);
extern void cm_dns_free(CmDns *dns);
/* Sends dns->query. trusted: the address is not shown to the loop's hook. */
extern bool cm_dns_start(CmDns *dns, bool trusted, CmStatus *st);
/* The end: calls back, and frees answer's values and dns. */
extern void cm_dns_finish(CmDns *dns, CmDnsAnswer *answer);

/* dns_update.c: a message that matches id and question of an update came. dns is gone afterwards. */
extern void cm_dns_update_answered(CmDns *dns, CmSlice m);

#endif
