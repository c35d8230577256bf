/* How long pieces of work took. */
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

/* More than one run keeps; what comes beyond is not kept. */
#define MOST (1 << 19)

struct times room_for_times(void)
{
	struct times times = { .ns = malloc(MOST * sizeof(uint32_t)) };

	if (!times.ns)
		fail("malloc");
	/* Its pages are there before anything is measured. */
	memset(times.ns, 1, MOST * sizeof(uint32_t));
	return times;
}

void keep_time(struct times *times, uint64_t ns)
{
	if (times->count < MOST)
		times->ns[times->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

double percentile(struct times *times, double share)
{
	qsort(times->ns, times->count, sizeof(times->ns[0]), by_value);
	return times->count == 0 ? 0 : times->ns[(size_t)((double)times->count * share)];
}
