/*
 * Sends traffic between network namespaces in several ways, all ends on one CPU, and prints what it took in each as JSON. The ways take turns of a millisecond or so: what disturbs the machine
 * meanwhile disturbs all of them alike. C, because what is measured is a few microseconds: the tool's own part of it has to be small.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

static const char usage[] =
	"usage: traffic rr|crr|bulk|udp CPU MILLISECONDS CLIENT-NETNS,SERVER-NETNS,LISTEN-ADDRESS:PORT,TARGET-ADDRESS:PORT ...\n"
	"  rr    one byte there and one back, on one TCP connection\n"
	"  crr   the same, on a connection of its own each: from connect to close\n"
	"  bulk  bytes of a TCP stream, until they have arrived\n"
	"  udp   datagrams that nobody has to receive\n"
	"Prints for each way how many there were (some without a time), and 25th percentile and median of the ns that one took.\n";

enum { MOST_WAYS = 16 };

static void refuse(void)
{
	fputs(usage, stderr);
	exit(2);
}

static struct sockaddr_in read_address(char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char *colon = text ? strchr(text, ':') : NULL;

	if (!colon)
		refuse();
	*colon = '\0';
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		refuse();
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	return address;
}

static struct way read_way(char *text)
{
	struct way way = { .client = strtok(text, ","), .server = strtok(NULL, ",") };

	way.listen = read_address(strtok(NULL, ","));
	way.target = read_address(strtok(NULL, ","));
	return way;
}

/* At its ordinary priority: for a second at a higher one it would keep all others from this CPU, the kernel's threads that deliver packets among them. */
static void stay_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	check(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
}

static void prepare(const struct kind *kind, struct way *way)
{
	way->times = room_for_times();
	way->client_namespace = open_namespace(way->client);
	way->arrived = share_memory(sizeof(*way->arrived));
	enter_namespace(way->client_namespace);
	kind->prepare(way);
}

static void take_turn(const struct kind *kind, struct way *way)
{
	enter_namespace(way->client_namespace);
	for (uint32_t number = 0; number < kind->unkept; number++)
		kind->work(way);
	way->works += kind->unkept + kind->kept;
	for (uint32_t number = 0; number < kind->kept; number++) {
		uint64_t before = now_ns();
		kind->work(way);
		keep_time(&way->times, now_ns() - before);
	}
}

/* There and back again, so that each way comes after each of its neighbours as often as before it. */
static void take_turns(const struct kind *kind, struct way *ways, int count, uint64_t end)
{
	while (now_ns() < end) {
		for (int at = 0; at < count; at++)
			take_turn(kind, &ways[at]);
		for (int at = count - 1; at >= 0; at--)
			take_turn(kind, &ways[at]);
	}
}

static const struct kind *find_kind(const char *name)
{
	const struct kind *kinds[] = { &request_response, &connect_request_response, &bulk, &datagrams };

	for (size_t at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++)
		if (!strcmp(kinds[at]->name, name))
			return kinds[at];
	refuse();
	return NULL;
}

int main(int count, char **words)
{
	struct way ways[MOST_WAYS];
	int ways_count = count - 4;

	if (ways_count < 1 || ways_count > MOST_WAYS)
		refuse();
	const struct kind *kind = find_kind(words[1]);
	uint64_t wanted = (uint64_t)atoi(words[3]) * 1000000;

	for (int at = 0; at < ways_count; at++)
		ways[at] = read_way(words[4 + at]);
	stay_on(atoi(words[2]));
	for (int at = 0; at < ways_count; at++)
		prepare(kind, &ways[at]);
	take_turns(kind, ways, ways_count, now_ns() + wanted);
	printf("[");
	for (int at = 0; at < ways_count; at++) {
		struct times *times = &ways[at].times;
		printf("%s{\"count\": %zu, \"p25Ns\": %.2f, \"p50Ns\": %.2f}", at ? ", " : "", ways[at].works * kind->items, percentile(times, 0.25) / kind->items, percentile(times, 0.5) / kind->items);
	}
	printf("]\n");
	return 0;
}
