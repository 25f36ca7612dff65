/*
 * pace.c - see pace.h.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * is remembered is this process's own and may be forgotten: then something is
 * done earlier than it should, which the provider says. Nothing fails.
 */
#include "dns01/pace.h"

#include "base/gcra.h"
#include "net/loop.h"

#include <string.h>

/* Zones, questions and accounts in use at the same moment; the one that was not used for the longest time goes. */
#define SLOTS 128

typedef struct Slot
{
	uint8_t		key[CM_DNS01_KEY];
	int64_t		used;			/* 0: free */
	int64_t		tat;			/* see gcra.h */
} Slot;

static Slot slots[SLOTS];

static Slot *
slot_of(const uint8_t key[CM_DNS01_KEY], int64_t now)
{
	Slot	   *oldest = &slots[0];

	for (int i = 0; i < SLOTS; i++)
	{
		if (slots[i].used != 0 && memcmp(slots[i].key, key, CM_DNS01_KEY) == 0)
		{
			slots[i].used = now;
			return &slots[i];
		}
		if (slots[i].used < oldest->used)
			oldest = &slots[i];
	}
	memcpy(oldest->key, key, CM_DNS01_KEY);
	oldest->used = now;
	oldest->tat = now;
	return oldest;
}

int64_t
cm_dns01_pace(const uint8_t key[CM_DNS01_KEY], int64_t interval_ms, int burst)
{
	const CmGcra limit = {.burst = burst, .period = interval_ms * burst};
	int64_t		now = cm_monotonic_ms();
	Slot	   *slot = slot_of(key, now);
	int64_t		when = cm_gcra_when(&limit, slot->tat, now, 1);

	slot->tat = cm_gcra_charge(&limit, slot->tat, now);
	return when - now;
}

void
cm_dns01_pace_hold(const uint8_t key[CM_DNS01_KEY], int64_t ms, int64_t interval_ms, int burst)
{
	int64_t		now = cm_monotonic_ms();

	slot_of(key, now)->tat = now + ms + interval_ms * (burst - 1);
}
