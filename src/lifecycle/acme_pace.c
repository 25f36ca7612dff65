/*
 * acme_pace.c - when the next question for an order is asked. Engines only,
 * memory only.
 *
 * A CA that validates in twenty milliseconds is not left alone for the third
 * of a second that a public one needs, and none is asked before it can have an
 * answer: the time after which the first question came just in time is kept
 * for each CA and moves with what it does. Each first question that finds an
 * answer takes a tenth off, each that comes too early doubles it: about one in
 * eight is asked in vain. Until the first one that is too early it is halved,
 * so that it comes near soon. Several questions that were timed alike, as when
 * hundreds of orders are under way, count once.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"

#define FIRST_FASTER 0.5
#define FASTER 0.9
#define SLOWER 2.0
/* Less than this no server takes for a signature and a round trip. */
#define SHORTEST_MS 4.0
/* A slow day of a CA must not make all others wait: from here on the schedule of the CA's quirks is better. */
#define LONGEST_MS 5000.0

void
cm_pace_plan(CmWork *work, CmWait wait, int polls, int64 retry_after_s)
{
	CmPoll	   *poll = &work->poll;
	CmPace	   *pace = &work->client->paces[wait];
	int64		ms = cm_acme_quirks_poll_ms(&work->account->quirks, polls, retry_after_s);

	if (pace->ms == 0)
		pace->ms = Max(SHORTEST_MS, Min(LONGEST_MS, ms));
	poll->learn = polls == 0 ? wait : CM_WAIT_NOTHING;
	poll->generation = pace->generation;
	/* Too early: twice as long each time, until that is as long as what an unknown CA gets. */
	poll->delay_ms = Min(ms, (int64) (pace->ms * (1 << Min(polls, 20))));
}

void
cm_pace_learn(CmWork *work, bool in_time)
{
	CmPoll	   *poll = &work->poll;
	CmPace	   *pace = &work->client->paces[poll->learn];

	if (poll->learn != CM_WAIT_NOTHING && pace->generation == poll->generation)
	{
		double		factor = !in_time ? SLOWER : pace->met ? FASTER : FIRST_FASTER;

		pace->met = pace->met || !in_time;
		pace->ms = Max(SHORTEST_MS, Min(LONGEST_MS, pace->ms * factor));
		pace->generation++;
	}
	poll->learn = CM_WAIT_NOTHING;
}
