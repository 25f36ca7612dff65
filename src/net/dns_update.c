/*
 * dns_update.c - RFC 2136 updates: the request, signed when there is a key, and
 * what the answer to it means. The exchange itself is dns.c's.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: a key that cannot be read, an update that is refused, an answer that
 * is malformed or not signed.
 */
#include "crypto/digest.h"
#include "net/dns_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 1035 4.2.1: what every server takes over UDP. */
#define UDP_MAX 512

static void
refused_update(CmDns *dns, int rcode, const CmTsigVerdict *verdict, CmStatus *st)
{
	const char *key = dns->key != NULL ? dns->key->text : "";
	char		what[64];

	cm_fail(st, CM_REFUSED, "server %s refused the update of zone \"%.100s\"", dns->server_text, dns->name);
	if (verdict->error != 0)
		snprintf(what, sizeof(what), "rcode %s, TSIG error %s", cm_dns_rcode_name(rcode), cm_dns_rcode_name(verdict->error));
	else
		snprintf(what, sizeof(what), "rcode %s", cm_dns_rcode_name(rcode));
	if (verdict->error == CM_TSIG_BADKEY)
		cm_fail_detail(st, "The server does not know TSIG key \"%.100s\" (%s): check \"key_name\" and \"key_algorithm\".", key, what);
	else if (verdict->error == CM_TSIG_BADSIG || verdict->error == CM_TSIG_BADTRUNC)
		cm_fail_detail(st, "The server could not verify the signature of TSIG key \"%.100s\" (%s): check the secret and \"key_algorithm\".", key, what);
	else if (verdict->error == CM_TSIG_BADTIME)
		cm_fail_detail(st, "The clocks of this machine and of the server differ by %lld seconds (%s): check both.",
					   (long long) (verdict->server_time - (int64_t) time(NULL)), what);
	else if (rcode == CM_DNS_RCODE_REFUSED)
		cm_fail_detail(st, "The server does not let %s%.100s%s write these names (%s): check its update policy.",
					   dns->key != NULL ? "TSIG key \"" : "unsigned updates", key, dns->key != NULL ? "\"" : "", what);
	else if (rcode == CM_DNS_RCODE_NOTAUTH)
		cm_fail_detail(st, "The server is not authoritative for the zone, or not its primary (%s): check \"server\" and \"zone\".", what);
	else if (rcode == CM_DNS_RCODE_NOTZONE)
		cm_fail_detail(st, "A name does not lie in the zone (%s): check \"zone\".", what);
	else if (rcode == CM_DNS_RCODE_NOTIMP)
		cm_fail_detail(st, "The server does not take dynamic updates (%s).", what);
	else
		cm_fail_detail(st, "The answer was %s: the server's log says more.", what);
}

void
cm_dns_update_answered(CmDns *dns, CmSlice m)
{
	CmDnsAnswer answer;
	CmTsigVerdict verdict;
	CmStatus   *st = &answer.status;

	memset(&answer, 0, sizeof(answer));
	memset(&verdict, 0, sizeof(verdict));
	answer.rcode = m.data[3] & 15;
	if (dns->key != NULL && !cm_tsig_verify(m, dns->key, cm_slice(dns->mac, dns->mac_len), (int64_t) time(NULL), &verdict))
		cm_fail(st, CM_PROTOCOL, "the answer of server %s is malformed", dns->server_text);
	else if (answer.rcode != CM_DNS_RCODE_NOERROR)
		/* Believed without a signature: a refusal we made up ourselves would do no more than be tried again. */
		refused_update(dns, answer.rcode, &verdict, st);
	else if (dns->key != NULL && !(verdict.genuine && verdict.error == 0))
	{
		cm_fail(st, CM_PROTOCOL, "the answer of server %s is not signed by TSIG key \"%.100s\"", dns->server_text, dns->key->text);
		cm_fail_detail(st, "%s", verdict.present ? "Its signature does not verify." : "It has no signature.");
	}
	else if (dns->key != NULL && !verdict.in_time)
	{
		cm_fail(st, CM_PROTOCOL, "the answer of server %s was signed at another time", dns->server_text);
		cm_fail_detail(st, "The clocks of this machine and of the server differ by %lld seconds.",
					   (long long) (verdict.server_time - (int64_t) time(NULL)));
	}
	cm_dns_finish(dns, &answer);
}

static bool
build_update(CmDns *dns, const CmDnsUpdate *updates, int count, int ttl, const CmTsig *tsig, CmStatus *st)
{
	uint16_t	id;

	if (!cm_random(&id, sizeof(id)))
		return cm_fail_crypto(st, "could not make a random number");
	if (!cm_dns_build_update(&dns->query, id, dns->name, updates, count, ttl, st))
		return false;
	if (tsig != NULL)
	{
		dns->key = calloc(1, sizeof(CmTsigKey));
		if (dns->key == NULL)
			return cm_fail(st, CM_MEMORY, "out of memory");
		if (!cm_tsig_key_load(tsig, dns->key, st) ||
			!cm_tsig_sign(&dns->query, dns->key, (int64_t) time(NULL), dns->mac, &dns->mac_len, st))
			return false;
	}
	dns->tcp = dns->query.len > UDP_MAX;
	return true;
}

CmDns *
cm_dns_update(CmLoop *loop, const struct sockaddr_storage *server, socklen_t serverlen, const char *zone, const CmDnsUpdate *updates, int count,
			  int ttl, const CmTsig *tsig, int64_t timeout_ms, CmDnsDone done, void *arg, CmStatus *st)
{
	CmDns	   *dns = cm_dns_create(loop, server, serverlen, zone, timeout_ms, done, arg, st);

	if (dns == NULL)
		return NULL;
	dns->update = true;
	if (build_update(dns, updates, count, ttl, tsig, st) && cm_dns_start(dns, false, st))
		return dns;
	cm_dns_free(dns);
	return NULL;
}
