/*
 * dns.h - DNS messages over UDP and TCP on the event loop; wire format and
 * TSIG by ldns, transport our own. Answers are matched by id, question and
 * source address; truncated answers are asked again over TCP.
 */
#ifndef CM_NET_DNS_H
#define CM_NET_DNS_H

#include "base/buf.h"
#include "net/loop.h"

/* "127.0.0.1", "127.0.0.1:5353", "[2001:db8::1]:53" */
extern bool cm_dns_server_parse(const char *text, struct sockaddr_storage *addr, socklen_t *len, CmStatus *st);

typedef struct CmTsig
{
	const char *name;			/* key name */
	const char *algorithm;		/* "hmac-sha256" (default), "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1" */
	const char *secret;			/* base64 */
} CmTsig;

#define CM_DNS_MAX_ANSWERS 64

/* What was answered. Records of the asked type at the asked name (CNAMEs are followed inside the answer), as text: TXT as its joined bytes, NS/SOA/CNAME as name without final dot, A/AAAA as address, CAA as "flags tag value". */
typedef struct CmDnsAnswer
{
	CmStatus	status;			/* CM_OK when an answer came, whatever its rcode */
	int			rcode;
	bool		authoritative;
	int			count;
	char	   *values[CM_DNS_MAX_ANSWERS];
	char		soa[256];		/* owner of an SOA record in answer or authority section, or "" */
	char		cname[256];		/* final target when CNAMEs were followed, or "" */
	char		referral[256];	/* owner of the NS records of a referral (not authoritative, no answer), or "" */
} CmDnsAnswer;

typedef void (*CmDnsDone) (CmDnsAnswer *answer, void *arg);
typedef struct CmDns CmDns;

/* type: "TXT", "SOA", "NS", "A", "AAAA", "CNAME", "CAA". recursion: RD bit. */
extern CmDns *cm_dns_query(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, const char *type, bool recursion,
						   int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st);
/*
 * The same, for a resolver that the machine's administrator chose (in
 * /etc/resolv.conf): not shown to the loop's address_allowed hook. For both: NULL with CM_UNSUPPORTED when this machine
 * has no route to addresses of that family.
 */
extern CmDns *cm_dns_query_resolver(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *name, const char *type,
									int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st);

typedef struct CmDnsUpdate
{
	const char *name;			/* owner, without final dot */
	const char *value;			/* TXT content */
	bool		remove;
} CmDnsUpdate;

/* RFC 2136 UPDATE of TXT records, all or nothing; tsig may be NULL. The TSIG of the answer is verified. */
extern CmDns *cm_dns_update(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *zone, const CmDnsUpdate *updates, int count,
							int ttl, const CmTsig *tsig, int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st);
extern void cm_dns_cancel(CmDns *dns);
/* "NOERROR", "NXDOMAIN", "NOTAUTH", ... */
extern const char *cm_dns_rcode_name(int rcode);

#endif
