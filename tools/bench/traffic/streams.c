/* One TCP stream. */
#include <sys/socket.h>

#include "traffic.h"

enum {
	PIECE = 128 * 1024, /* of one system call */
	PIECES = 8, /* until they have arrived */
};

static void swallow(const struct way *way, int connection)
{
	static char buffer[PIECE];

	for (ssize_t size; (size = recv(connection, buffer, sizeof(buffer), 0)) > 0;) {
		*way->arrived += (uint64_t)size;
		/* The sender waits for this word, and so leaves the CPU to us. */
		if (*way->arrived % (PIECE * PIECES) == 0 && send(connection, buffer, 1, MSG_NOSIGNAL) != 1)
			return;
	}
}

static void open_stream(struct way *way)
{
	start_server(way, swallow);
	way->connection = connect_to(&way->target);
}

static void send_pieces(struct way *way)
{
	static char buffer[PIECE];

	for (int number = 0; number < PIECES; number++)
		if (send(way->connection, buffer, sizeof(buffer), MSG_NOSIGNAL) != (ssize_t)sizeof(buffer))
			fail("send");
	if (recv(way->connection, buffer, 1, 0) != 1)
		fail("recv");
}

const struct kind bulk = { .name = "bulk", .prepare = open_stream, .work = send_pieces, .items = PIECE * PIECES, .unkept = 1, .kept = 2 };
