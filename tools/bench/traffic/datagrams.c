/*
 * Datagrams to a place where a program takes them (bpf/traffic.bpf.c, `take`), so that no socket has to. The kernel carries each of them as far as that before `send` returns: how long it takes
 * is the way's cost and the sender's.
 */
#include <sys/socket.h>

#include "traffic.h"

enum {
	DATAGRAMS = 64, /* of one time that is kept */
	PAYLOAD = 128 - 14 - 20 - 8, /* with the headers as long as the other suites' packets */
};

static void open_socket(struct way *way)
{
	way->connection = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	check(connect(way->connection, (const struct sockaddr *)&way->target, sizeof(way->target)), "connect");
}

static void send_datagrams(struct way *way)
{
	static char payload[PAYLOAD];

	for (int number = 0; number < DATAGRAMS; number++)
		if (send(way->connection, payload, sizeof(payload), 0) != (int)sizeof(payload))
			fail("send");
}

const struct kind datagrams = { .name = "udp", .prepare = open_socket, .work = send_datagrams, .items = DATAGRAMS, .unkept = 1, .kept = 4 };
