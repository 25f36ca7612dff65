/*
 * gcra.h - the generic cell rate algorithm: at most "burst" things in any
 * "period", as Boulder counts. One number is the state: the theoretical
 * arrival time (tat) of the next thing. All times are of one clock and in one
 * unit, whichever.
 */
#ifndef CM_BASE_GCRA_H
#define CM_BASE_GCRA_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CmGcra
{
	int64_t		burst;			/* at least 1 */
	int64_t		period;			/* at least burst */
} CmGcra;

/* When the n-th thing from now (n >= 1) may happen; now or earlier means at once. */
extern int64_t cm_gcra_when(const CmGcra *limit, int64_t tat, int64_t now, int64_t n);
/* The tat after one more. */
extern int64_t cm_gcra_charge(const CmGcra *limit, int64_t tat, int64_t now);
/* The tat as if one had not been. */
extern int64_t cm_gcra_refund(const CmGcra *limit, int64_t tat);

#endif
