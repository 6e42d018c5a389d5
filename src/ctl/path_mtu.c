// What tunnels take, and the weighing of what routers say about it. Their messages are not
// authenticated: whoever is on the way can lower a tunnel to the floor for ten minutes, and no
// more. Whoever is not must guess addresses, SPI and a number that was just sent (RFC 5927
// section 7).
#include "ctl/path_mtu.h"

#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/tunnel_mtu.h"
#include "dataplane/fwd.h"
#include "proto/ip_upper.h"
#include "proto/too_big.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define AGE_MS 600000 // RFC 1191 section 6.3, RFC 8201 section 4
#define LOOK_S 10
// Messages that do not quote as far as the SPI, about one peer. They can be guessed in a million
// attempts; those that do cannot, and are all weighed, so that a flood of others hides none.
#define GUESS_SETS 1024
#define GUESS_BURST 10
#define GUESS_INTERVAL_MS 100
// Lines in the log: of one peer.
#define LINES_SETS 1024
#define LOG_BURST 3
#define LOG_INTERVAL_MS 60000

// What a tunnel's packets run between; compared as octets.
struct ends {
	struct ip_addr remote;
	struct ip_addr local;
	struct tunnel *tunnel;
};

#define ENDS_OCTETS (2 * sizeof(struct ip_addr))
static_assert(offsetof(struct ends, local) + sizeof(struct ip_addr) == ENDS_OCTETS);

struct path_mtu {
	struct gateway *gateway;
	struct ends *ends; // of all tunnels, sorted
	unsigned ends_n;
	struct limiter *guesses;
	struct limiter *lines;
	struct event *look;
	struct path_mtu_stats stats;
};

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	path_mtu_age(arg, limiter_now_ms());
}

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, ENDS_OCTETS);
}

int path_mtu_sort(struct path_mtu *p)
{
	const struct gateway *gateway = p->gateway;

	free(p->ends);
	p->ends_n = 0;
	p->ends = calloc(gateway->tunnels + 1, sizeof(p->ends[0]));
	if (!p->ends)
		return -ENOMEM;
	for (unsigned i = 0; i < gateway->tunnels; i++) {
		struct tunnel *tunnel = gateway->tunnel[i];
		struct ends *ends = &p->ends[p->ends_n];

		if (!tunnel)
			continue;
		ends->remote = tunnel->remote;
		ends->local = tunnel->local;
		ends->tunnel = tunnel;
		p->ends_n++;
	}
	qsort(p->ends, p->ends_n, sizeof(p->ends[0]), compare);
	return 0;
}

static int create(struct path_mtu *p)
{
	const struct timeval period = {.tv_sec = LOOK_S};
	int ret = path_mtu_sort(p);

	if (ret == 0)
		ret = limiter_create(GUESS_SETS, GUESS_BURST, GUESS_INTERVAL_MS, &p->guesses);
	if (ret == 0)
		ret = limiter_create(LINES_SETS, LOG_BURST, LOG_INTERVAL_MS, &p->lines);
	if (ret < 0)
		return ret;
	p->look = event_new(p->gateway->events, -1, EV_PERSIST, on_look, p);
	return p->look && event_add(p->look, &period) == 0 ? 0 : -ENOMEM;
}

int path_mtu_create(struct gateway *gateway, struct path_mtu **created)
{
	struct path_mtu *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return -ENOMEM;
	p->gateway = gateway;
	ret = create(p);
	if (ret < 0) {
		path_mtu_destroy(p);
		return ret;
	}
	*created = p;
	return 0;
}

void path_mtu_destroy(struct path_mtu *p)
{
	if (!p)
		return;
	if (p->look)
		event_free(p->look);
	limiter_destroy(p->guesses);
	limiter_destroy(p->lines);
	free(p->ends);
	free(p);
}

static bool quotes_spi(const struct sa_out *sa, const struct too_big *said)
{
	return said->upper_octets >= sa->proto->spi_offset + sizeof(sa->spi);
}

// What a router's message is about, as far as is known; the larger the surer.
enum fit {
	FITS_NO_TUNNEL, // none has the ends that it names
	FITS_ENDS,	// a tunnel has them, and has sent no such packet lately
	FITS_UNWEIGHED, // a tunnel has them; not looked for what it sent: too many guesses
	FITS_PACKET,	// a tunnel has sent it lately
};

// For a tunnel whose ends the message names.
static enum fit fit(const struct path_mtu *p, const struct tunnel *tunnel,
	const struct too_big *said, uint64_t now_ms)
{
	const struct sa_out *sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);

	if (!sa || sa->proto->ip_protocol != said->protocol)
		return FITS_ENDS;
	if (!quotes_spi(sa, said) && !limiter_take(p->guesses, &tunnel->remote, 0, now_ms))
		return FITS_UNWEIGHED;
	return sa->proto->sent_lately(
		       sa, (uint16_t)p->gateway->dp->workers, said->upper, said->upper_octets)
		? FITS_PACKET
		: FITS_ENDS;
}

// The first of the tunnels between these ends, or of those behind them in order.
static unsigned first_between(const struct path_mtu *p, const struct ends *ends)
{
	unsigned low = 0;
	unsigned high = p->ends_n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (compare(&p->ends[middle], ends) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// The tunnel whose packet was too big; NULL: counted why not.
static struct tunnel *tunnel_of(struct path_mtu *p, const struct too_big *said, uint64_t now_ms)
{
	const struct ends ends = {.remote = said->destination, .local = said->source};
	enum fit most = FITS_NO_TUNNEL;

	for (unsigned i = first_between(p, &ends);
		i < p->ends_n && compare(&p->ends[i], &ends) == 0; i++) {
		enum fit now = fit(p, p->ends[i].tunnel, said, now_ms);

		if (now == FITS_PACKET)
			return p->ends[i].tunnel;
		if (now > most)
			most = now;
	}
	if (most == FITS_UNWEIGHED)
		p->stats.limited++;
	else if (most == FITS_ENDS)
		p->stats.not_sent++;
	else
		p->stats.unknown_tunnel++;
	return NULL;
}

// The limits of this tunnel are others than before.
static void apply(struct path_mtu *p, struct tunnel *tunnel)
{
	struct sa_out *sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);
	uint16_t before = tunnel->path_mtu;
	uint16_t mtu = tunnel_mtu_least(tunnel);

	if (mtu == before)
		return;
	tunnel_mtu_apply(tunnel);
	if (sa && limiter_take(p->lines, &tunnel->remote, 0, limiter_now_ms()))
		log_notice("tunnel %s: path MTU %u, it was %u; inner packets may have %u octets%s",
			tunnel->name, mtu, before, sa_out_max_inner(sa),
			sa_out_max_inner(sa) < IPV6_MTU_MIN ? ", IPv6's 1280 go in fragments" : "");
}

// 0: it is not to be believed, counted why.
static uint16_t believed(
	struct path_mtu *p, const struct tunnel *tunnel, const struct too_big *said)
{
	uint32_t mtu = said->mtu;

	// Also where a router does not say how much would fit: RFC 1191 section 5.
	if (said->source.family == IP_V4 && mtu < PATH_MTU_MIN4)
		mtu = PATH_MTU_MIN4;
	// RFC 8201 section 4.
	if (said->source.family == IP_V6 && mtu < IPV6_MTU_MIN) {
		p->stats.too_small++;
		return 0;
	}
	if (mtu >= tunnel->path_mtu || said->octets <= mtu) {
		p->stats.not_lower++;
		return 0;
	}
	return (uint16_t)mtu;
}

static void weigh(struct path_mtu *p, const struct too_big *said, uint64_t now_ms)
{
	struct tunnel *tunnel = tunnel_of(p, said, now_ms);
	uint16_t mtu;

	if (!tunnel)
		return;
	if (!tunnel->pmtu_discovery) {
		p->stats.switched_off++;
		return;
	}
	mtu = believed(p, tunnel, said);
	if (mtu == 0)
		return;
	tunnel->limits.learned = mtu;
	tunnel->limits.learned_ms = now_ms;
	apply(p, tunnel);
	p->stats.lowered++;
}

void path_mtu_hear(struct path_mtu *p, const struct rte_mbuf *m, uint64_t now_ms)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	struct packet packet;
	struct too_big said;

	p->stats.heard++;
	if (ip_upper(header, m->data_len, &packet) != DROP_NONE ||
		!too_big_parse(header, m->data_len, &packet, &said) ||
		!too_big_intact(header, m->data_len, &packet)) {
		p->stats.malformed++;
		return;
	}
	weigh(p, &said, now_ms);
}

void path_mtu_age(struct path_mtu *p, uint64_t now_ms)
{
	for (unsigned i = 0; i < p->gateway->tunnels; i++) {
		struct tunnel *tunnel = p->gateway->tunnel[i];

		if (!tunnel || tunnel->limits.learned == UINT16_MAX ||
			now_ms - tunnel->limits.learned_ms < AGE_MS)
			continue;
		tunnel->limits.learned = UINT16_MAX;
		p->stats.restored++;
		apply(p, tunnel);
	}
}

static void follow(struct path_mtu *p, const struct fwd *fwd, bool published)
{
	for (unsigned i = 0; i < p->gateway->tunnels; i++) {
		struct tunnel *tunnel = p->gateway->tunnel[i];
		uint16_t before, mtu;

		if (!tunnel)
			continue;
		before = tunnel->path_mtu;
		mtu = fwd_mtu(fwd, &tunnel->remote);
		if (mtu == 0 || (!published && mtu > tunnel->limits.link))
			continue;
		tunnel->limits.link = mtu;
		apply(p, tunnel);
		p->stats.rerouted += tunnel->path_mtu != before;
	}
}

void path_mtu_before_routes(struct path_mtu *p, const struct fwd *fwd)
{
	follow(p, fwd, false);
}

void path_mtu_after_routes(struct path_mtu *p, const struct fwd *fwd)
{
	follow(p, fwd, true);
}

const struct path_mtu_stats *path_mtu_stats(const struct path_mtu *p)
{
	return &p->stats;
}
