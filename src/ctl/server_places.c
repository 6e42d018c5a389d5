// Who has a place at a control socket where many ask for one.
#include "ctl/limiter.h"
#include "ctl/server_private.h"

#include <errno.h>

static bool may_go(const struct client *client)
{
	return !client->session.monitors && !client->session.waiting;
}

enum shortage { SHORTAGE_NONE, SHORTAGE_OF_USER, SHORTAGE_OF_ALL };

static uid_t uid_of(const struct client *client)
{
	return client->session.author.uid;
}

// Nobody but root takes the last places, and no other user more than some.
static enum shortage shortage_for(const struct server *server, uid_t uid)
{
	unsigned own = 0, others = 0;

	for (const struct client *client = server->clients; client; client = client->next) {
		own += uid_of(client) == uid;
		others += uid_of(client) != 0;
	}
	if (uid != 0 && own >= SERVER_CLIENTS_USER)
		return SHORTAGE_OF_USER;
	if (server->stats.now >= SERVER_CLIENTS_MAX ||
		(uid != 0 && others >= SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT))
		return SHORTAGE_OF_ALL;
	return SHORTAGE_NONE;
}

// Whose place would do: root's may be one that root alone has.
static bool is_in_the_way(const struct client *client, uid_t uid, enum shortage shortage)
{
	if (shortage == SHORTAGE_OF_USER)
		return uid_of(client) == uid;
	return uid == 0 || uid_of(client) != 0;
}

// Whoever has asked nothing for longest makes room for somebody new.
static void make_room(struct server *server, uid_t uid, enum shortage shortage)
{
	struct client *oldest = NULL;

	for (struct client *client = server->clients; client; client = client->next)
		if (may_go(client) && is_in_the_way(client, uid, shortage) &&
			(!oldest || client->asked_ms <= oldest->asked_ms))
			oldest = client;
	if (!oldest || limiter_now_ms() - oldest->asked_ms < SERVER_IDLE_S * 1000)
		return;
	server->stats.closed++;
	server_close_client(oldest);
}

bool server_has_room(struct server *server, uid_t uid, struct error *err)
{
	enum shortage shortage = shortage_for(server, uid);

	if (shortage != SHORTAGE_NONE) {
		make_room(server, uid, shortage);
		shortage = shortage_for(server, uid);
	}
	if (shortage == SHORTAGE_OF_USER)
		error_set(err, EBUSY,
			"too many clients: user %u has %d connections, as many as one user may "
			"have; close some, or try again",
			uid, SERVER_CLIENTS_USER);
	else if (shortage == SHORTAGE_OF_ALL)
		error_set(err, EBUSY, "too many clients; try again");
	return shortage == SHORTAGE_NONE;
}
