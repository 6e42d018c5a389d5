// What happens, as events.
#include "ctl/notify.h"

#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/server.h"
#include "ctl/show.h"
#include "proto/ip_upper.h"

#include <time.h>

#define ACQUIRE_MS 1000
#define MOVED_MS 1000

void notify(const struct gateway *gateway, json_t *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(
		event, "time", json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
	server_notify(gateway->server, event);
	server_notify(gateway->admin, event);
	json_decref(event);
}

void notify_sa(
	const struct gateway *gateway, const char *kind, const struct sa *sa, const char *reason)
{
	notify(gateway,
		json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "kind", kind, "tunnel",
			sa->tunnel->name, "direction", sa->inbound ? "in" : "out", "spi",
			(json_int_t)sa->params.spi, "reason", reason, "owner",
			gateway->owners.owner[sa->owner].name));
}

void notify_tunnel(const struct gateway *gateway, const struct tunnel *tunnel, bool up,
	const char *peer, const char *hindered)
{
	notify(gateway,
		json_pack("{s:s, s:s, s:s, s:s*}", "kind", up ? "tunnel-up" : "tunnel-down",
			"tunnel", tunnel->name, "peer", peer, "hindered", hindered));
}

void notify_acquire(const struct gateway *gateway, unsigned index, const struct rte_mbuf *m)
{
	struct tunnel *tunnel = index < gateway->tunnels ? gateway->tunnel[index] : NULL;
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t now_ms = limiter_now_ms();
	struct packet packet = {.l4 = 0};
	struct ip_addr source, destination;

	if (!tunnel || now_ms - tunnel->acquired_ms < ACQUIRE_MS ||
		ip_upper(header, m->data_len, &packet) != DROP_NONE)
		return;
	tunnel->acquired_ms = now_ms;
	source = ip_source(header);
	destination = ip_destination(header);
	notify(gateway,
		json_pack("{s:s, s:s, s:o, s:o, s:i}", "kind", "acquire", "tunnel", tunnel->name,
			"source", show_addr(&source), "destination", show_addr(&destination),
			"protocol", (int)packet.protocol));
}

static void notify_peer_address(const struct gateway *gateway, const struct audit_event *event)
{
	struct tunnel *tunnel =
		event->tunnel < gateway->tunnels ? gateway->tunnel[event->tunnel] : NULL;
	uint64_t now_ms = limiter_now_ms();

	if (!tunnel || now_ms - tunnel->moved_ms < MOVED_MS)
		return;
	// Nothing of it was accepted: who saw that packet on its way could send it again and again.
	if (event->spi == tunnel->moved_spi && event->seq <= tunnel->moved_seq)
		return;
	tunnel->moved_ms = now_ms;
	tunnel->moved_seq = event->seq;
	tunnel->moved_spi = event->spi;
	notify(gateway,
		json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "kind", "peer-address", "tunnel",
			tunnel->name, "direction", "in", "spi", (json_int_t)event->spi, "source",
			show_addr(&event->source), "destination", show_addr(&event->destination)));
}

void notify_peer_addresses(const struct gateway *gateway)
{
	struct audit_event event;

	for (unsigned i = 0; i < gateway->dp->workers; i++)
		if (audit_take(&gateway->dp->worker[i]->peer_address, &event))
			notify_peer_address(gateway, &event);
}
