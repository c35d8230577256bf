/* One byte there and one back: on one connection, or on a new one each. */
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

static void send_at_once(int connection)
{
	const int on = 1;

	check(setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "TCP_NODELAY");
}

static void answer(const struct way *way, int connection)
{
	char byte;

	(void)way;
	send_at_once(connection);
	while (recv(connection, &byte, 1, 0) == 1)
		if (send(connection, &byte, 1, MSG_NOSIGNAL) != 1)
			return;
}

static void ask(struct way *way)
{
	char byte = 'x';

	if (send(way->connection, &byte, 1, MSG_NOSIGNAL) != 1 || recv(way->connection, &byte, 1, 0) != 1)
		fail("exchange");
}

static void open_connection(struct way *way)
{
	start_server(way, answer);
	way->connection = connect_to(&way->target);
	send_at_once(way->connection);
}

static void open_server(struct way *way)
{
	start_server(way, answer);
}

/* The client closes, as clients of HTTP do; its namespace lets ports be used again after a second (tcp_tw_reuse). */
static void connect_and_ask(struct way *way)
{
	way->connection = connect_to(&way->target);
	ask(way);
	close(way->connection);
}

const struct kind request_response = { .name = "rr", .prepare = open_connection, .work = ask, .items = 1, .unkept = 4, .kept = 32 };
const struct kind connect_request_response = { .name = "crr", .prepare = open_server, .work = connect_and_ask, .items = 1, .unkept = 1, .kept = 8 };
