// Questions, answers, and what they say of a tunnel. It is down when so many questions in a row had
// no answer, and up again when so many had one: a path that loses some of both does not make routes
// come and go. Until the first word either way nothing is said and nothing withdrawn.
#include "base/log.h"
#include "base/secret.h"
#include "ctl/gateway.h"
#include "ctl/icmp_source.h"
#include "ctl/liveness_private.h"
#include "ctl/notify.h"
#include "dataplane/punt.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#define MS_PER_SECOND 1000
#define US_PER_MS 1000

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MS_PER_SECOND * US_PER_MS + (uint64_t)now.tv_nsec / US_PER_MS;
}

// Routes follow before anybody is told, so that who hears of it finds them so.
static void set_state(struct probe *probe, enum liveness_state state)
{
	const char *name = probe->tunnel->name;
	char peer[IP_ADDR_TEXT];

	probe->state = state;
	probe->silent = 0;
	probe->answers = 0;
	clock_gettime(CLOCK_REALTIME, &probe->since);
	probe_routes_keep(probe, true);
	ip_addr_format(&probe->settings.peer, peer);
	if (state == LIVENESS_up)
		log_notice("tunnel %s is up: %s answers, in %u.%03u ms", name, peer,
			probe->rtt_us / US_PER_MS, probe->rtt_us % US_PER_MS);
	else
		log_warning("tunnel %s is down: %s has not answered %u times%s%s", name, peer,
			probe->settings.misses, probe->hindered ? "; " : "",
			probe->hindered ? probe->hindered : "");
	notify_tunnel(probe->liveness->gateway, probe->tunnel, state == LIVENESS_up, peer,
		probe->hindered);
}

// Once a tick: what has come since the last one.
static void judge(struct probe *probe)
{
	if (!probe->asking)
		return;
	if (probe->heard) {
		probe->silent = 0;
		probe->answers++;
	} else {
		probe->answers = 0;
		probe->silent++;
	}
	probe->heard = false;
	if (probe->state != LIVENESS_down && probe->silent >= probe->settings.misses)
		set_state(probe, LIVENESS_down);
	else if (probe->state == LIVENESS_down && probe->answers >= probe->settings.answers)
		set_state(probe, LIVENESS_up);
}

// NULL: a question can go, as far as control sees.
static const char *hindrance(const struct probe *probe)
{
	const struct dataplane *dp = probe->liveness->gateway->dp;
	// Control alone publishes both, so they stay while we look.
	const struct fwd *fwd = atomic_load_explicit(&dp->fwd, memory_order_acquire);
	const struct spd *spd = atomic_load_explicit(&dp->spd, memory_order_acquire);
	const struct config_probe *settings = &probe->settings;
	const struct policy *policy;

	if (fwd_lookup_addr(fwd, &settings->local)->kind != ADJACENCY_LOCAL)
		return "probe.local is no address of this gateway";
	policy = icmp_policy(spd, &settings->local, &settings->peer);
	if (!policy || policy->action != POLICY_PROTECT ||
		policy->tunnel->index != probe->tunnel->index)
		return "no policy protects ICMP from probe.local to probe.peer by this tunnel";
	if (!atomic_load_explicit(&probe->tunnel->out, memory_order_acquire))
		return "the tunnel has no outbound SA";
	return NULL;
}

static void ask(struct probe *probe)
{
	struct dataplane *dp = probe->liveness->gateway->dp;
	struct question *question = &probe->question[++probe->seq % PROBE_OPEN];
	struct icmp_echo echo = {
		.source = probe->settings.local,
		.destination = probe->settings.peer,
		.id = probe->id,
		.seq = probe->seq,
	};
	struct rte_mbuf *m = inject_alloc(dp);
	size_t octets;

	question->open = m && secret_random(question->nonce, sizeof(question->nonce)) == 0;
	if (!question->open) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(echo.nonce, question->nonce, sizeof(echo.nonce));
	octets = icmp_echo_write(&echo, rte_pktmbuf_mtod(m, uint8_t *));
	m->data_len = (uint16_t)octets;
	m->pkt_len = (uint32_t)octets;
	meta_of(m)->about = ABOUT_TUNNEL;
	meta_of(m)->tunnel = probe->tunnel->index;
	question->asked_us = now_us();
	if (inject(dp, m, META_PACKET, probe->tunnel->port))
		probe->asked++;
}

static int tick_in(struct probe *probe, uint32_t ms)
{
	const struct timeval delay = {
		.tv_sec = ms / MS_PER_SECOND, .tv_usec = ms % MS_PER_SECOND * US_PER_MS};

	return event_add(probe->tick, &delay) == 0 ? 0 : -ENOMEM;
}

void probe_continue(struct probe *probe)
{
	if (tick_in(probe, probe->settings.interval_ms) < 0)
		log_error("tunnel %s: no memory to probe it any more", probe->tunnel->name);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct probe *probe = arg;

	(void)fd;
	(void)what;
	judge(probe);
	probe->hindered = hindrance(probe);
	if (!probe->hindered)
		ask(probe);
	// Before it could ask at all, at start, nothing is to be blamed on the tunnel.
	probe->asking = probe->asking || !probe->hindered;
	probe_routes_keep(probe, false);
	probe_continue(probe);
}

int probe_start(struct probe *probe, uint32_t delay_ms)
{
	probe->tick = evtimer_new(probe->liveness->gateway->events, on_tick, probe);
	return probe->tick ? tick_in(probe, delay_ms) : -ENOMEM;
}

// An answer to a question of ours that nobody has answered yet.
static bool hear_answer(struct probe *probe, const struct icmp_echo *echo)
{
	struct question *question = &probe->question[echo->seq % PROBE_OPEN];

	if (echo->id != probe->id || (uint16_t)(probe->seq - echo->seq) >= PROBE_OPEN ||
		!question->open || memcmp(question->nonce, echo->nonce, sizeof(echo->nonce)) != 0)
		return false;
	question->open = false;
	probe->heard = true;
	probe->answered++;
	probe->rtt_us = (uint32_t)(now_us() - question->asked_us);
	if (probe->state == LIVENESS_unknown)
		set_state(probe, LIVENESS_up);
	return true;
}

// The other gateway's question. Whose routes come and go with the tunnel answers by itself: the
// kernel may have no way back, and then both ends would stay down for ever.
static bool answer(const struct probe *probe, struct rte_mbuf *m)
{
	struct dataplane *dp = probe->liveness->gateway->dp;

	if (probe->settings.routes_n == 0 ||
		!icmp_echo_turn(rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN),
			(uint32_t)m->data_len - RTE_ETHER_HDR_LEN))
		return false;
	rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
	*meta_of(m) = (struct meta){.about = ABOUT_TUNNEL, .tunnel = probe->tunnel->index};
	inject(dp, m, META_PACKET, probe->tunnel->port);
	return true;
}

bool liveness_hear(struct liveness *liveness, struct rte_mbuf *m)
{
	const struct gateway *gateway = liveness->gateway;
	unsigned index = meta_of(m)->tunnel;
	const struct tunnel *tunnel = index < gateway->tunnels ? gateway->tunnel[index] : NULL;
	struct probe *probe = tunnel ? tunnel->probe : NULL;
	struct icmp_echo echo;

	if (!probe ||
		!icmp_echo_read(rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN),
			(uint32_t)m->data_len - RTE_ETHER_HDR_LEN, &echo) ||
		!ip_addr_equal(&echo.source, &probe->settings.peer) ||
		!ip_addr_equal(&echo.destination, &probe->settings.local))
		return false;
	if (echo.question)
		return answer(probe, m);
	if (!hear_answer(probe, &echo))
		return false;
	rte_pktmbuf_free(m);
	return true;
}
