/* What the kinds of traffic share. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* How long each of many equal pieces of work took. */
struct times {
	uint32_t *ns;
	size_t count;
};

/* One of the ways that are compared: two ends, each a network namespace (a file). */
struct way {
	const char *client, *server;
	struct sockaddr_in listen; /* what the server listens to */
	struct sockaddr_in target; /* what the client asks for: the same, or a service's address */
	int client_namespace; /* descriptor */
	int connection;
	volatile uint64_t *arrived; /* bytes that the server has got */
	size_t works; /* done */
	struct times times;
};

/* A kind of traffic. What is measured is one `work`: `items` exchanges, bytes or datagrams. */
struct kind {
	const char *name;
	/* In the client's namespace, once. */
	void (*prepare)(struct way *way);
	void (*work)(struct way *way);
	uint32_t items;
	/* In a row on one way, before the next way's turn; those of the first number are not kept: they find caches as the other way has left them. */
	uint32_t unkept, kept;
};

extern const struct kind request_response, connect_request_response, bulk, datagrams;

void fail(const char *what) __attribute__((noreturn));
/* A system call's result, which must not be negative. */
int check(int result, const char *what);
uint64_t now_ns(void);
int open_namespace(const char *file);
void enter_namespace(int descriptor);

/* Forks a process that listens in the way's server namespace and serves one connection after the other; returns when it listens. It ends with this process. */
void start_server(const struct way *way, void (*serve)(const struct way *way, int connection));
/* Memory that processes forked from this one share, zeros. */
void *share_memory(size_t bytes);
int connect_to(const struct sockaddr_in *target);

struct times room_for_times(void);
void keep_time(struct times *times, uint64_t ns);
/* Sorts them: share 0.5 is the median. 0 where there are none. */
double percentile(struct times *times, double share);
