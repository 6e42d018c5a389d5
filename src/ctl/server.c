// Clients of a control socket. Each has at most one answer under way: the next line is looked at
// when the last answer is gone, so a client that does not read only stops itself.
#include "ctl/server.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/api.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/server_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void server_close_client(struct client *client)
{
	if (client->previous)
		client->previous->next = client->next;
	else
		client->server->clients = client->next;
	if (client->next)
		client->next->previous = client->previous;
	client->server->stats.now--;
	session_end(&client->session);
	bufferevent_free(client->stream);
	free(client);
}

static size_t waiting(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->stream));
}

static size_t waiting_for_all(const struct server *server)
{
	size_t octets = 0;

	for (const struct client *client = server->clients; client; client = client->next)
		octets += waiting(client);
	return octets;
}

// There may be a key in it.
static void free_answer(const void *data, size_t octets, void *answer)
{
	(void)data;
	secret_wipe(answer, octets);
	free(answer);
}

// Takes the answer. false: the client is beyond help.
static bool reply(struct client *client, char *answer, size_t octets)
{
	if (!answer)
		return false;
	if (evbuffer_add_reference(bufferevent_get_output(client->stream), answer, octets,
		    free_answer, answer) == 0)
		return true;
	free_answer(answer, octets, answer);
	return false;
}

static bool answer_line(struct client *client, const char *line, size_t octets)
{
	struct server *server = client->server;
	size_t answer_octets;
	char *answer;

	server->stats.requests++;
	client->asked_ms = limiter_now_ms();
	if (waiting_for_all(server) > SERVER_OUTPUT_MAX)
		answer = request_refuse(
			"busy: too many answers wait to be read; try again", &answer_octets);
	else
		answer = request_answer(&client->session, line, octets, &answer_octets);
	if (!answer && client->session.waiting)
		return true;
	return reply(client, answer, answer_octets);
}

// Says why and reads nothing more.
static void throw_out(struct client *client)
{
	size_t octets;
	char *answer = request_refuse(
		"a line is too long (65536 octets at most) or memory is short; closing", &octets);

	client->closing = true;
	client->server->stats.closed++;
	bufferevent_disable(client->stream, EV_READ);
	reply(client, answer, octets);
}

// Answers what waits, one line at a time. The client may be gone afterwards.
static void serve(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	while (!client->closing && waiting(client) == 0 && !client->session.waiting) {
		size_t octets;
		char *line = evbuffer_readln(input, &octets, EVBUFFER_EOL_LF);

		if (!line && evbuffer_get_length(input) < API_LINE_MAX)
			break;
		if (!line || octets >= API_LINE_MAX || !answer_line(client, line, octets))
			throw_out(client);
		// There may have been a key in it.
		if (line)
			secret_wipe(line, octets);
		free(line);
	}
	if ((client->closing || client->ended) && waiting(client) == 0 && !client->session.waiting)
		server_close_client(client);
}

static struct client *client_of(struct session *session)
{
	return (struct client *)(void *)((uint8_t *)session - offsetof(struct client, session));
}

static void on_answer(struct session *session, char *line, size_t octets)
{
	struct client *client = client_of(session);

	if (!reply(client, line, octets))
		throw_out(client);
	serve(client);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	(void)stream;
	serve(arg);
}

static void on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	serve(arg);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct client *client = arg;

	(void)stream;
	// A client may close its sending half and still read.
	if (what & BEV_EVENT_EOF) {
		client->ended = true;
		serve(client);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		client->server->stats.closed++;
	server_close_client(client);
}

// Of what waits for a listener some may have been written just now. Whoever takes nothing of it is
// found by the stall.
static bool is_slow(const struct client *client, uint64_t now_ms)
{
	size_t may_wait = client->session.monitors ? SERVER_EVENTS_MAX : 0;

	return waiting(client) > may_wait && now_ms - client->asked_ms >= SERVER_ANSWER_S * 1000;
}

// Every second: answers that somebody takes octet by octet, and a listener that had to rest.
static void on_housekeeping(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	uint64_t now_ms = limiter_now_ms();
	struct client *next;

	(void)fd;
	(void)what;
	evconnlistener_enable(server->listener);
	for (struct client *client = server->clients; client; client = next) {
		next = client->next;
		if (!is_slow(client, now_ms))
			continue;
		server->stats.closed++;
		server_close_client(client);
	}
}

static void refuse(struct server *server, int fd, const char *why)
{
	size_t octets;
	char *answer = request_refuse(why, &octets);

	server->stats.refused++;
	if (answer)
		(void)!write(fd, answer, octets);
	free(answer);
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
	int addr_octets, void *arg)
{
	const struct timeval stall = {.tv_sec = SERVER_STALL_S};
	struct server *server = arg;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t peer_octets = sizeof(peer);
	struct client *client;
	struct error err;

	(void)listener;
	(void)addr;
	(void)addr_octets;
	// Who it was when it connected, whoever holds the descriptor now.
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_octets) < 0) {
		refuse(server, fd, "nobody knows who you are");
		return;
	}
	if (!server_has_room(server, peer.uid, &err)) {
		refuse(server, fd, err.text);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (client)
		client->stream =
			bufferevent_socket_new(server->gateway->events, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->stream) {
		free(client);
		refuse(server, fd, "no memory for one more client; try again");
		return;
	}
	client->server = server;
	session_begin(
		&client->session, server->gateway, server->table, peer.uid, peer.pid, on_answer);
	client->asked_ms = limiter_now_ms();
	client->next = server->clients;
	if (client->next)
		client->next->previous = client;
	server->clients = client;
	server->stats.now++;
	server->stats.clients++;
	bufferevent_setcb(client->stream, on_read, on_written, on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, API_LINE_MAX);
	bufferevent_set_timeouts(client->stream, NULL, &stall);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
}

// Out of file descriptors, mostly. Trying again at once would go on without end.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	evconnlistener_disable(listener);
	log_warning("control socket: accept: %s", strerror(EVUTIL_SOCKET_ERROR()));
}

int server_create(struct gateway *gateway, const char *path, const char *group,
	const struct request_table *table, struct server **created, struct error *err)
{
	const struct timeval second = {.tv_sec = 1};
	struct server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return error_set(err, ENOMEM, "control socket: no memory");
	// A client that goes away while we write is no reason to end.
	signal(SIGPIPE, SIG_IGN);
	server->gateway = gateway;
	server->table = table;
	ret = server_socket_open(path, group, &server->socket, err);
	if (ret < 0) {
		free(server);
		return ret;
	}
	server->listener = evconnlistener_new(
		gateway->events, on_accept, server, LEV_OPT_CLOSE_ON_EXEC, 0, server->socket.fd);
	server->housekeeping = event_new(gateway->events, -1, EV_PERSIST, on_housekeeping, server);
	if (!server->listener || !server->housekeeping ||
		event_add(server->housekeeping, &second) < 0) {
		server_destroy(server);
		return error_set(err, ENOMEM, "control socket: no memory");
	}
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	*created = server;
	return 0;
}

void server_destroy(struct server *server)
{
	if (!server)
		return;
	while (server->clients)
		server_close_client(server->clients);
	if (server->housekeeping)
		event_free(server->housekeeping);
	if (server->listener)
		evconnlistener_free(server->listener);
	server_socket_close(&server->socket);
	free(server);
}

static void send_event(struct client *client, const char *line, size_t octets)
{
	char lost[96];

	if (waiting(client) + octets > SERVER_EVENTS_MAX) {
		client->lost++;
		return;
	}
	if (client->lost > 0) {
		snprintf(lost, sizeof(lost),
			"{\"vped\":1,\"event\":{\"kind\":\"lost\",\"events\":%" PRIu64 "}}\n",
			client->lost);
		bufferevent_write(client->stream, lost, strlen(lost));
		client->lost = 0;
	}
	bufferevent_write(client->stream, line, octets);
}

void server_notify(struct server *server, const json_t *event)
{
	json_t *message;
	size_t octets;
	char *line;

	if (!server || server->gateway->monitors == 0)
		return;
	message = json_pack("{s:i, s:O}", "vped", API_VERSION, "event", event);
	line = request_line(message, &octets);
	if (!line)
		return;
	for (struct client *client = server->clients; client; client = client->next) {
		if (!client->session.monitors)
			continue;
		send_event(client, line, octets);
	}
	free(line);
}

const struct server_stats *server_stats(const struct server *server)
{
	return &server->stats;
}
