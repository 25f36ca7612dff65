/*
 * claim.c - see claim.h. Engines only, in a transaction. Locks the jobs that
 * it claims, never waits for a lock.
 *
 * Jobs of one ACME account are a lane, those of one subscriber have one
 * holder. Lanes take turns, within a lane holders do: a fleet that asks for
 * ten thousand certificates at once delays nobody else's. Only both ends of
 * the queue are looked at, the oldest jobs and the newest, and when it is
 * longer the oldest job of some holders, of others each time: a claim costs the
 * same however long the queue is, and nobody waits for what stands before him.
 */
#include "postgres.h"

#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/claim.h"
#include "store/acme_limit.h"
#include "store/acme_order.h"
#include "utils/timestamp.h"

/* Looked at, at the old end (for each place there is, and at least) and at the new one. */
#define OLDEST_EACH 4
#define OLDEST_MIN 64
#define NEWEST 64
/* And so many holders: a step through an index each. Two fleets of ten thousand are two. */
#define HOLDERS 16
/* One CA leaves this part of the places to others. */
#define SHARE_PART 8
/* Of a CA that takes so many requests a second no more jobs are begun than get through in some seconds: others' places, and leases, are not spent on waiting. */
#define PACED_SECONDS 8
#define PACED_MIN 4
/* After a pause of a CA its jobs come back within this time, not all at once. */
#define PARK_JITTER_MS 10000

typedef struct Candidate
{
	CmJobRow	job;
	int			rank;
} Candidate;

typedef struct Lane
{
	int64		id;				/* account */
	int			flying;
	int			cap;			/* of jobs */
	int			order_cap;		/* 0: no limit; else one more than may still start */
	int64	   *started;		/* orders that the CA knows, when there is an order_cap */
	int			started_count;
	TimestampTz closed_until;	/* 0: open for all */
} Lane;

typedef struct Lanes
{
	Lane	   *lanes;
	int			count;
} Lanes;

static int
compare(int64 a, int64 b)
{
	return a < b ? -1 : a > b;
}

static int
by_holder(const void *a, const void *b)
{
	const CmJobRow *x = &((const Candidate *) a)->job;
	const CmJobRow *y = &((const Candidate *) b)->job;
	int			order = compare(x->lane, y->lane);

	if (order == 0)
		order = compare(x->holder, y->holder);
	if (order == 0)
		order = compare(x->due_at, y->due_at);
	return order != 0 ? order : compare(x->id, y->id);
}

static int
by_lane(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;
	int			order = compare(x->job.lane, y->job.lane);

	if (order == 0)
		order = compare(x->rank, y->rank);
	if (order == 0)
		order = compare(x->job.due_at, y->job.due_at);
	return order != 0 ? order : compare(x->job.id, y->job.id);
}

static int
by_turn(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;
	int			order = compare(x->rank, y->rank);

	if (order == 0)
		order = compare(x->job.due_at, y->job.due_at);
	return order != 0 ? order : compare(x->job.id, y->job.id);
}

/* Jobs of that lane (and of that holder in it) that are under way: they had their turn. */
static int
flying_of(const CmClaim *claim, const CmJobRow *job, bool holder_too)
{
	int			count = 0;

	for (int i = 0; i < claim->flying_count; i++)
		count += claim->flying[i]->lane == job->lane && (!holder_too || claim->flying[i]->holder == job->holder);
	return count;
}

/* First everybody's first, then everybody's second, and so on; lanes likewise. What is under way counts: often there is room for one. */
static void
take_turns(const CmClaim *claim, Candidate *candidates, int count)
{
	qsort(candidates, count, sizeof(Candidate), by_holder);
	for (int i = 0; i < count; i++)
	{
		const CmJobRow *former = i > 0 ? &candidates[i - 1].job : NULL;
		bool		same = former != NULL && former->lane == candidates[i].job.lane && former->holder == candidates[i].job.holder;

		candidates[i].rank = same ? candidates[i - 1].rank + 1 : flying_of(claim, &candidates[i].job, true);
	}
	qsort(candidates, count, sizeof(Candidate), by_lane);
	for (int i = 0; i < count; i++)
		candidates[i].rank = i > 0 && candidates[i - 1].job.lane == candidates[i].job.lane ? candidates[i - 1].rank + 1 : flying_of(claim, &candidates[i].job, false);
	qsort(candidates, count, sizeof(Candidate), by_turn);
}

static bool
is_order(const CmJobRow *job)
{
	return strcmp(job->kind, "acme_order") == 0;
}

static bool
is_started(const Lane *lane, int64 order_id)
{
	for (int i = 0; i < lane->started_count; i++)
	{
		if (lane->started[i] == order_id)
			return true;
	}
	return false;
}

static void
load_lane(Lane *lane, const CmClaim *claim, const CmBreaker *breakers, int breaker_count)
{
	CmAcmeAccountRow *account = cm_acme_account_get(lane->id);

	lane->cap = Max(claim->total - claim->total / SHARE_PART, 1);
	if (account != NULL && account->quirks.request_rate > 0)
		lane->cap = Min(lane->cap, Max(account->quirks.request_rate * PACED_SECONDS, PACED_MIN));
	for (int i = 0; i < claim->flying_count; i++)
		lane->flying += claim->flying[i]->lane == lane->id;
	if (account == NULL)
		return;
	lane->order_cap = account->quirks.in_flight;
	if (lane->order_cap > 0)
	{
		lane->started = cm_acme_orders_started(lane->id, &lane->started_count);
		/* Those under way here that the CA does not know yet count as well. */
		for (int i = 0; i < claim->flying_count; i++)
		{
			const CmJobRow *job = claim->flying[i];

			if (job->lane == lane->id && is_order(job) && !is_started(lane, job->target_id))
				lane->order_cap--;
		}
		lane->order_cap = Max(lane->order_cap - lane->started_count, 0) + 1;	/* 1: full */
	}
	for (int i = 0; i < breaker_count; i++)
	{
		if (breakers[i].ca_id != account->ca_id)
			continue;
		cm_acme_breaker_seen(account->ca_id);
		lane->closed_until = breakers[i].open_until;
		/* The pause is over: one order tries. */
		if (lane->closed_until <= claim->now)
			lane->cap = 1;
	}
}

static Lane *
lane_of(Lanes *lanes, int64 id, const CmClaim *claim, const CmBreaker *breakers, int breaker_count)
{
	Lane	   *lane;

	for (int i = 0; i < lanes->count; i++)
	{
		if (lanes->lanes[i].id == id)
			return &lanes->lanes[i];
	}
	lane = &lanes->lanes[lanes->count++];
	memset(lane, 0, sizeof(*lane));
	lane->id = id;
	load_lane(lane, claim, breakers, breaker_count);
	return lane;
}

/* May this job start now? Counts it when it may. */
static bool
admit(Lane *lane, const CmJobRow *job, CmClaim *claim)
{
	if (lane->flying >= lane->cap)
	{
		claim->held = true;
		return false;
	}
	if (lane->order_cap > 0 && is_order(job) && !is_started(lane, job->target_id))
	{
		if (lane->order_cap == 1)
		{
			claim->held = true;
			return false;
		}
		lane->order_cap--;
	}
	lane->flying++;
	return true;
}

static bool
is_among(const Candidate *candidates, int count, const CmJobRow *job)
{
	for (int i = 0; i < count; i++)
	{
		if (candidates[i].job.id == job->id)
			return true;
	}
	return false;
}

static Candidate *
find_candidates(const CmClaim *claim, int *count)
{
	/* Of this process, which has one engine. */
	static CmJobTurn turn = CM_JOB_TURN_FIRST;
	int			oldest = OLDEST_EACH * claim->room + OLDEST_MIN;
	int			found;
	int			further = 0;
	CmJobRow   *jobs = cm_job_due(claim->now, oldest, NEWEST, &found);
	Candidate  *candidates = palloc(sizeof(Candidate) * (found + HOLDERS));

	for (*count = 0; *count < found; (*count)++)
		candidates[*count] = (Candidate) {jobs[*count], 0};
	if (found < oldest)
		return candidates;
	jobs = cm_job_due_in_turn(claim->now, &turn, HOLDERS, &further);
	for (int i = 0; i < further; i++)
	{
		if (!is_among(candidates, found, &jobs[i]))
			candidates[(*count)++] = (Candidate) {jobs[i], 0};
	}
	return candidates;
}

CmJobRow *
cm_claim(CmClaim *claim, int *count)
{
	int			found;
	int			chosen_count = 0;
	int			breaker_count;
	Candidate  *candidates = find_candidates(claim, &found);
	int64	   *chosen = palloc(sizeof(int64) * Max(found, 1));
	CmBreaker  *breakers;
	Lanes		lanes = {palloc(sizeof(Lane) * Max(found, 1)), 0};

	*count = 0;
	claim->held = false;
	if (found == 0)
		return NULL;
	breakers = cm_breaker_list(&breaker_count);
	take_turns(claim, candidates, found);
	for (int i = 0; i < found && chosen_count < claim->room; i++)
	{
		const CmJobRow *job = &candidates[i].job;
		Lane	   *lane = job->lane != 0 ? lane_of(&lanes, job->lane, claim, breakers, breaker_count) : NULL;

		/* Of a CA that does not answer: back when its pause is over. */
		if (lane != NULL && lane->closed_until > claim->now)
			cm_job_park(job->id, lane->closed_until + (int64) cm_jitter(0, PARK_JITTER_MS) * 1000);
		else if (lane == NULL || admit(lane, job, claim))
			chosen[chosen_count++] = job->id;
	}
	return cm_job_claim(claim->now, claim->lease_until, chosen, chosen_count, count);
}
