/* Namespaces, processes, memory and time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "traffic.h"

void fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

int check(int result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int open_namespace(const char *file)
{
	return check(open(file, O_RDONLY | O_CLOEXEC), file);
}

void enter_namespace(int descriptor)
{
	check(setns(descriptor, CLONE_NEWNET), "setns");
}

void *share_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

static int listen_at(const struct way *way)
{
	const int on = 1;

	enter_namespace(open_namespace(way->server));
	int listener = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "SO_REUSEADDR");
	check(bind(listener, (const struct sockaddr *)&way->listen, sizeof(way->listen)), "bind");
	check(listen(listener, 128), "listen");
	return listener;
}

void start_server(const struct way *way, void (*serve)(const struct way *way, int connection))
{
	int ready[2];
	char byte = 0;

	check(pipe(ready), "pipe");
	if (check(fork(), "fork") == 0) {
		close(ready[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int listener = listen_at(way);
		check((int)write(ready[1], &byte, 1), "write");
		close(ready[1]);
		for (;;) {
			int connection = check(accept(listener, NULL, NULL), "accept");
			serve(way, connection);
			close(connection);
		}
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		fprintf(stderr, "traffic: the server did not start\n");
		exit(1);
	}
	close(ready[0]);
}

int connect_to(const struct sockaddr_in *target)
{
	int connection = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	check(connect(connection, (const struct sockaddr *)target, sizeof(*target)), "connect");
	return connection;
}
