/*
 * pace.h - how often something is done at a provider: so many at once, then
 * one an interval. Whoever has to wait is joined by others who want the same.
 */
#ifndef CM_DNS01_PACE_H
#define CM_DNS01_PACE_H

#include "base/status.h"

#include <stdint.h>

#define CM_DNS01_KEY 32			/* SHA-256 over what is paced, shared or batched */

/* Takes a turn for that key: how many milliseconds until it comes, 0 for now. */
extern int64_t cm_dns01_pace(const uint8_t key[CM_DNS01_KEY], int64_t interval_ms, int burst);
/* Nobody's turn comes earlier than that many milliseconds from now, and none of a burst. */
extern void cm_dns01_pace_hold(const uint8_t key[CM_DNS01_KEY], int64_t ms, int64_t interval_ms, int burst);

#endif
