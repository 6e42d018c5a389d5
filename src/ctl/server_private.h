// What the parts of a control socket share.
#pragma once

#include "ctl/server.h"
#include "ctl/server_socket.h"
#include "ctl/session.h"

#include <stdbool.h>
#include <stdint.h>

struct bufferevent;
struct event;
struct evconnlistener;

struct client {
	struct client *next;
	struct client *previous;
	struct server *server;
	struct bufferevent *stream;
	struct session session;
	uint64_t lost;	   // events that did not fit
	uint64_t asked_ms; // last request, or the beginning
	bool ended;	   // sends no more
	bool closing;	   // nothing more is read; ends when the last answer is gone
};

struct server {
	struct gateway *gateway;
	const struct request_table *table;
	struct server_socket socket;
	struct evconnlistener *listener;
	struct event *housekeeping;
	struct client *clients;
	struct server_stats stats;
};

// Ends the connection; the client is gone.
void server_close_client(struct client *client);
// A place for one more of this user's clients, which another client may have had to leave. false:
// err says why there is none.
bool server_has_room(struct server *server, uid_t uid, struct error *err);
