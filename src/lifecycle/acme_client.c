/*
 * acme_client.c - the CAs this engine talks to: one session and one opened
 * account key each, kept as long as the engine lives or until the CA's row
 * says something else. Engines only; opening a key needs a transaction.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "pg/error.h"
#include "store/key.h"
#include "utils/memutils.h"

static void
close_client(CmAcmeClients *clients, CmAcmeClient **link)
{
	CmAcmeClient *client = *link;

	*link = client->next;
	if (client->session != NULL)
		cm_acme_session_destroy(client->session);
	MemoryContextDelete(client->context);	/* and the key */
}

static void
sweep(CmAcmeClients *clients)
{
	CmAcmeClient **link = &clients->first;

	while (*link != NULL)
	{
		if ((*link)->stale && (*link)->refs == 0)
			close_client(clients, link);
		else
			link = &(*link)->next;
	}
}

static CmAcmeClient *
open_client(CmAcmeClients *clients, const CmAcmeAccountRow *account)
{
	MemoryContext context = AllocSetContextCreate(clients->context, "certmgr ACME client", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CmAcmeClient *client = palloc0(sizeof(CmAcmeClient));

	/* Nobody knows the context when this throws: it would stay until the engine ends. */
	PG_TRY();
	{
		client->context = context;
		client->account_id = account->id;
		client->key_id = account->key_id;
		client->config = pstrdup(account->ca_config);
		client->key = cm_store_key_open(account->key_id);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return client;
}

/* As the quirks are now. */
static CmAcmePace *
pace_of(CmAcmeClients *clients, const CmAcmeAccountRow *account)
{
	const CmAcmeQuirks *quirks = &account->quirks;
	CmCaPace   *ca = clients->ca_paces;

	while (ca != NULL && ca->ca_id != account->ca_id)
		ca = ca->next;
	if (ca == NULL)
	{
		ca = MemoryContextAllocZero(clients->context, sizeof(CmCaPace));
		ca->ca_id = account->ca_id;
		ca->next = clients->ca_paces;
		clients->ca_paces = ca;
	}
	ca->pace.requests = cm_acme_pace_limit(quirks->request_rate, quirks->request_burst);
	ca->pace.nonces = cm_acme_pace_limit(quirks->nonce_rate, quirks->nonce_burst);
	return &ca->pace;
}

static bool
open_session(CmAcmeClients *clients, CmAcmeClient *client, CmStatus *st)
{
	CmJson	   *config = cm_json_config(client->config, st);

	if (config == NULL)
		return false;
	client->session = cm_acme_session_create(clients->loop, cm_json_get_string(config, "directory_url"), cm_json_get_string(config, "trust_anchors"), st);
	cm_json_free(config);
	return client->session != NULL;
}

void
cm_acme_clients_turn(CmAcmeClients *clients, MemoryContext context)
{
	clients->turn_context = context;
	clients->account = NULL;
}

CmAcmeAccountRow *
cm_acme_clients_account(CmAcmeClients *clients, int64 account_id)
{
	MemoryContext old;

	if (clients->account != NULL && clients->account->id == account_id)
		return clients->account;
	old = MemoryContextSwitchTo(clients->turn_context);
	clients->account = cm_acme_account_get(account_id);
	MemoryContextSwitchTo(old);
	return clients->account;
}

CmAcmeClient *
cm_acme_client_get(CmAcmeClients *clients, const CmAcmeAccountRow *account)
{
	CmAcmeClient *client;
	CmAcmePace *pace = pace_of(clients, account);
	CmStatus	st = CM_STATUS_INIT;

	sweep(clients);
	for (client = clients->first; client != NULL; client = client->next)
	{
		if (client->account_id != account->id || client->stale)
			continue;
		if (client->key_id == account->key_id && strcmp(client->config, account->ca_config) == 0)
			return client;
		client->stale = true;
	}
	client = open_client(clients, account);
	if (!open_session(clients, client, &st))
	{
		MemoryContextDelete(client->context);
		ereport(ERROR,
				(errcode(cm_error_code(st.code)),
				 errmsg_internal("%s", st.reason),
				 st.detail[0] ? errdetail_internal("%s", st.detail) : 0));
	}
	cm_acme_session_set_pace(client->session, pace);
	client->next = clients->first;
	clients->first = client;
	return client;
}

void
cm_acme_clients_close(CmAcmeClients *clients)
{
	while (clients->first != NULL)
		close_client(clients, &clients->first);
}
