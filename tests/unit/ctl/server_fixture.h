// A control socket with requests of its own ("echo", "refuse", "large", "monitor"), and clients.
#pragma once

#include "ctl/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

extern struct server *server;
extern uint64_t ahead_ms; // so much later it is than it is
extern uid_t uid;	  // who connects

// Around each test: cmocka's setup and teardown.
int server_fixture_start(void **state);
int server_fixture_stop(void **state);
#define served(test) \
	cmocka_unit_test_setup_teardown(test, server_fixture_start, server_fixture_stop)

// Lets the server run.
void run_ms(unsigned ms);
// A connection that does not block; the caller closes it.
int client_open(void);
// Pushes it all, letting the server run; how much went in before it closed or stopped taking.
size_t push(int fd, const char *text, size_t octets);
// A line, without its end. false: none within a second, or the connection ended.
bool pull(int fd, char *line, size_t room);
bool ended(int fd);
// Asks; the answer has `expected` in it.
void assert_answer(int fd, const char *question, size_t octets, const char *expected);
// A literal that may hold zero octets, and its length.
#define Q(text) text, sizeof(text) - 1
