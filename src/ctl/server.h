// A control socket: a Unix stream socket that answers lines (ctl/api.h) from a table of requests.
// Everything a client can make us keep is bounded. Belongs to the control thread.
#pragma once

#include "base/error.h"
#include "ctl/request.h"

#include <stdint.h>

struct gateway;
struct server;

#define SERVER_CLIENTS_MAX 64
#define SERVER_CLIENTS_ROOT 8		     // of these that root alone has
#define SERVER_CLIENTS_USER 16		     // of one user, but for root
#define SERVER_OUTPUT_MAX (64 * 1024 * 1024) // octets that wait for all clients together
#define SERVER_EVENTS_MAX \
	(1024 * 1024)	   // octets of events that wait for one; then some are left out
#define SERVER_STALL_S 10  // a reader that takes nothing for so long is closed,
#define SERVER_ANSWER_S 60 // or needs so long for one answer
// When all places are taken, or all of one user's, who has asked nothing for so long makes room.
#define SERVER_IDLE_S 2

struct server_stats {
	uint64_t clients; // accepted so far
	uint64_t refused; // too many, no memory, or nobody knows who asks
	uint64_t requests;
	uint64_t closed; // thrown out: too slow, too long a line, idle while others waited
	unsigned now;
};

// Makes the directory (0755) if it is missing and the socket (0660, of this group, or 0600 if that
// cannot have it), taking the place of a dead daemon's. Ignores SIGPIPE from then on. Uses
// gateway->events; table and gateway outlive it. 0 or -errno: -EADDRINUSE another daemon answers
// there.
int server_create(struct gateway *gateway, const char *path, const char *group,
	const struct request_table *table, struct server **created, struct error *err);
// Closes all clients and removes the socket. NULL is fine.
void server_destroy(struct server *server);

// Sends an event to every connection that listens. NULL is fine.
void server_notify(struct server *server, const json_t *event);

const struct server_stats *server_stats(const struct server *server);
