/*
 * internal.h - what the files of src/net (and src/dns01, for operations made
 * of several queries) share: operations the loop can drop, watched
 * descriptors, DNS messages. Nobody above floor 4 includes this.
 */
#ifndef CM_NET_INTERNAL_H
#define CM_NET_INTERNAL_H

#include "base/buf.h"
#include "base/der.h"
#include "net/dns.h"
#include "net/loop.h"

/* ---- operations ---- */

/*
 * The first member of whatever the loop counts as under way. drop is called
 * by cm_loop_destroy: it unlinks (cm_op_end) and frees its own object, touches
 * no other operation and calls nobody back.
 */
typedef struct CmOp
{
	struct CmOp *prev;
	struct CmOp *next;
	CmLoop	   *loop;
	void		(*drop) (struct CmOp *op);
} CmOp;

extern void cm_op_begin(CmOp *op, CmLoop *loop, void (*drop) (CmOp *op));
extern void cm_op_end(CmOp *op);

/* ---- descriptors ---- */

typedef struct CmWatch CmWatch;
typedef void (*CmWatchFn) (void *arg, int fd, uint32_t events);	/* events of epoll */

extern CmWatch *cm_watch_add(CmLoop *loop, int fd, uint32_t events, CmWatchFn fn, void *arg);	/* NULL: errno says why */
extern bool cm_watch_set(CmWatch *watch, uint32_t events);
extern void cm_watch_remove(CmWatch *watch);	/* before the descriptor is closed; NULL is fine */

/* A socket of the host's budget, non-blocking and close-on-exec; -1 and st on failure. */
extern int	cm_socket_open(CmLoop *loop, int family, int type, CmStatus *st);
extern void cm_socket_close(CmLoop *loop, int fd);
/* The same for sockets that somebody else has, who may close them without a word: the loop looks for those when it lends the next one, and at its end. */
extern int	cm_socket_lend(CmLoop *loop, int family, int type, CmStatus *st);
extern void cm_socket_take_back(CmLoop *loop, int fd);
extern bool cm_loop_acquire_fd(CmLoop *loop);
extern void cm_loop_release_fd(CmLoop *loop);
/*
 * Who found no descriptor free and waits for one: fn is called from dispatch
 * when one may be there, in the order of waiting. It tries again, and waits
 * again (in front) when it was in vain.
 */
typedef struct CmFdWaiter
{
	struct CmFdWaiter *prev;
	struct CmFdWaiter *next;
	CmLoop	   *loop;			/* NULL: does not wait */
	void		(*fn) (void *arg);
	void	   *arg;
} CmFdWaiter;

extern bool cm_fd_wait(CmFdWaiter *waiter, CmLoop *loop, bool front, void (*fn) (void *arg), void *arg, CmStatus *st);
extern void cm_fd_wait_end(CmFdWaiter *waiter);	/* does nothing for one that does not wait */
extern bool cm_loop_address_allowed(CmLoop *loop, const struct sockaddr *addr);

/* The HTTP side hangs its state here, so that a loop without HTTP never touches libcurl. */
extern void *cm_loop_http(const CmLoop *loop);
extern void cm_loop_set_http(CmLoop *loop, void *http, void (*destroy) (void *http));

/* ---- DNS messages (dns_message.c, tsig.c) ---- */

#define CM_DNS_HEADER 12
#define CM_DNS_MESSAGE_MAX 65535	/* what the length field of TCP can say */
#define CM_TSIG_MAC_MAX 64		/* SHA-512 */
#define CM_TSIG_SECRET_MAX 512
/* Seconds two clocks may differ: what RFC 8945 10 recommends. */
#define CM_TSIG_FUDGE 300

#define CM_DNS_RCODE_NOERROR 0
#define CM_DNS_RCODE_FORMERR 1
#define CM_DNS_RCODE_SERVFAIL 2
#define CM_DNS_RCODE_NXDOMAIN 3
#define CM_DNS_RCODE_NOTIMP 4
#define CM_DNS_RCODE_REFUSED 5
#define CM_DNS_RCODE_NOTAUTH 9
#define CM_DNS_RCODE_NOTZONE 10

#define CM_TSIG_BADSIG 16
#define CM_TSIG_BADKEY 17
#define CM_TSIG_BADTIME 18
#define CM_TSIG_BADTRUNC 22

/* A TSIG key ready for use. Holds the secret: wipe it. */
typedef struct CmTsigKey
{
	char		text[256];		/* the name, for messages */
	uint8_t		name[256];		/* wire form, lower case */
	size_t		name_len;
	uint8_t		algorithm[32];
	size_t		algorithm_len;
	const char *digest;			/* "SHA256": libcrypto's name */
	uint8_t		secret[CM_TSIG_SECRET_MAX];
	size_t		secret_len;
} CmTsigKey;

typedef struct CmTsigVerdict
{
	bool		present;		/* the last record is a TSIG */
	bool		genuine;		/* of this key and algorithm, over these bytes and our request */
	bool		in_time;		/* its time is within the fudge of now */
	int			error;			/* TSIG error field, 0 without one */
	int64_t		server_time;	/* seconds since 1970; 0: not said */
} CmTsigVerdict;

extern bool cm_tsig_key_load(const CmTsig *tsig, CmTsigKey *key, CmStatus *st);
/* Appends the TSIG record to a finished message. mac needs CM_TSIG_MAC_MAX bytes. */
extern bool cm_tsig_sign(CmBuf *message, const CmTsigKey *key, int64_t now, uint8_t *mac, size_t *mac_len, CmStatus *st);
/* False when the message cannot be walked. */
extern bool cm_tsig_verify(CmSlice message, const CmTsigKey *key, CmSlice request_mac, int64_t now, CmTsigVerdict *out);

static inline bool
cm_dns_put16(CmBuf *out, unsigned v)
{
	uint8_t		b[2] = {(uint8_t) (v >> 8), (uint8_t) v};

	return cm_buf_append(out, b, 2);
}

static inline bool
cm_dns_put32(CmBuf *out, uint32_t v)
{
	return cm_dns_put16(out, v >> 16) && cm_dns_put16(out, v & 0xffff);
}

static inline unsigned
cm_dns_get16(const uint8_t *p)
{
	return (unsigned) p[0] << 8 | p[1];
}

/* Reads a name, following pointers, into dst (256 bytes, wire form, lower case); *pos moves behind it. */
extern bool cm_dns_read_name(CmSlice message, size_t *pos, uint8_t *dst, size_t *len);
/* Where the last record starts (or the questions end); false when the message is not whole, or longer than it says. */
extern bool cm_dns_last_record(CmSlice message, size_t *start);

extern int	cm_dns_type(const char *name);	/* -1: not one of ours */
extern bool cm_dns_name_wire(const char *name, uint8_t *dst, size_t *len);	/* 256 bytes, lower case */
extern bool cm_dns_build_query(CmBuf *out, uint16_t id, const char *name, int type, bool recursion, bool edns, CmStatus *st);
extern bool cm_dns_build_update(CmBuf *out, uint16_t id, const char *zone, const CmDnsUpdate *updates, int count, int ttl, CmStatus *st);
/* Is this message an answer to that one: id, QR, opcode, question? */
extern bool cm_dns_is_answer(CmSlice message, CmSlice query);
/* Reads an answer to a query for that name and type. Values are malloc'ed: cm_dns_answer_free. */
extern bool cm_dns_parse(CmSlice message, const char *name, int type, CmDnsAnswer *answer, CmStatus *st);
extern void cm_dns_answer_free(CmDnsAnswer *answer);

#endif
