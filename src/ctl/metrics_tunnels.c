// Metrics of tunnels and SAs. A tunnel that is configured is there whatever its state.
#include "base/counter.h"
#include "ctl/gateway.h"
#include "ctl/liveness.h"
#include "ctl/metrics_families.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define SPI_TEXT 11

struct sums {
	uint64_t packets;
	uint64_t octets;
	uint64_t dropped;
};

static struct sums sums_of(const struct dataplane *dp, const struct sa *sa)
{
	struct sums sums = {.packets = 0};

	for (unsigned i = 0; i < dp->workers; i++) {
		const uint64_t *drops = sa->inbound ? sa->in->lane[i].drops
						    : sa->out->drops + i * SA_OUT_DROPS_STRIDE;

		sums.packets += counter_read(
			sa->inbound ? &sa->in->lane[i].packets : &sa->out->lane[i].packets);
		sums.octets += counter_read(
			sa->inbound ? &sa->in->lane[i].octets : &sa->out->lane[i].octets);
		for (unsigned j = 0; j < DROP_SA_END; j++)
			sums.dropped += counter_read(&drops[j]);
	}
	return sums;
}

// Of the lane that has gone furthest: 1 is all of it.
static double space_left(const struct dataplane *dp, const struct sa *sa)
{
	uint64_t last = sa->params.proto->last_seq(sa->params.esn);
	uint64_t next = 0;

	for (unsigned i = 0; i < dp->workers; i++) {
		uint64_t lane = counter_read(&sa->out->lane[i].next);

		next = lane > next ? lane : next;
	}
	return next > last ? 0 : (double)(last - next + 1) / (double)last;
}

// What a tunnel has, by its index.
struct state {
	unsigned inbound;
	double left; // of the outbound SA's numbers
};

static struct state *states_of(const struct gateway *gateway)
{
	struct state *state = calloc(gateway->tunnels + 1, sizeof(state[0]));

	for (unsigned i = 0; state && i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];
		struct state *its = &state[sa->tunnel->index];

		if (sa->inbound)
			its->inbound++;
		else if (sa->out == atomic_load_explicit(&sa->tunnel->out, memory_order_relaxed))
			its->left = space_left(gateway->dp, sa);
	}
	return state;
}

// Packets can go both ways, as far as this side knows.
static bool is_up(
	const struct gateway *gateway, const struct tunnel *tunnel, const struct state *state)
{
	struct liveness_view view;

	return state->left > 0 && state->inbound > 0 &&
		port_link_up(&gateway->dp->port[tunnel->port]) &&
		!(liveness_of(tunnel, &view) && view.state == LIVENESS_down);
}

static void probes(struct metrics_text *text, const struct gateway *gateway)
{
	struct liveness_view view;

	metrics_family(text, METRICS_GAUGE, "vped_tunnel_probe_state",
		"Of tunnels that are probed: 1 for the state that the tunnel is in.");
	for (unsigned i = 0; i < gateway->tunnels; i++) {
		const struct tunnel *tunnel = gateway->tunnel[i];

		if (!tunnel || !liveness_of(tunnel, &view))
			continue;
		for (enum liveness_state state = 0; state <= LIVENESS_down; state++)
			metrics_count(text, view.state == state, "tunnel", tunnel->name, "state",
				liveness_state_name(state), NULL);
	}
	metrics_family(text, METRICS_COUNTER, "vped_tunnel_probes",
		"Questions sent through the tunnel to the other end.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i] && liveness_of(gateway->tunnel[i], &view))
			metrics_count(text, view.asked, "tunnel", gateway->tunnel[i]->name, NULL);
	metrics_family(text, METRICS_COUNTER, "vped_tunnel_probe_answers",
		"Answers to them that came out of the tunnel.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i] && liveness_of(gateway->tunnel[i], &view))
			metrics_count(
				text, view.answered, "tunnel", gateway->tunnel[i]->name, NULL);
	metrics_family(text, METRICS_GAUGE, "vped_tunnel_probe_rtt_seconds",
		"How long the last answer took.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i] && liveness_of(gateway->tunnel[i], &view) && view.rtt_us > 0)
			metrics_real(
				text, view.rtt_us / 1e6, "tunnel", gateway->tunnel[i]->name, NULL);
}

void metrics_of_tunnels(struct metrics_text *text, const struct gateway *gateway)
{
	struct state *state = states_of(gateway);
	char local[IP_ADDR_TEXT], remote[IP_ADDR_TEXT];

	if (!state) {
		text->no_memory = true;
		return;
	}
	metrics_family(text, METRICS_INFO, "vped_tunnel", "Configured tunnels.");
	for (unsigned i = 0; i < gateway->tunnels; i++) {
		const struct tunnel *tunnel = gateway->tunnel[i];

		if (!tunnel)
			continue;
		metrics_count(text, 1, "tunnel", tunnel->name, "local",
			ip_addr_format(&tunnel->local, local), "remote",
			ip_addr_format(&tunnel->remote, remote), "port",
			gateway->dp->port[tunnel->port].name, NULL);
	}
	metrics_family(text, METRICS_GAUGE, "vped_tunnel_up",
		"1 while the tunnel has SAs for both directions, sequence numbers left, a link "
		"and, if it is probed, has not failed to answer.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i])
			metrics_count(text, is_up(gateway, gateway->tunnel[i], &state[i]), "tunnel",
				gateway->tunnel[i]->name, NULL);
	metrics_family(
		text, METRICS_GAUGE, "vped_tunnel_inbound_sas", "Inbound SAs that the tunnel has.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i])
			metrics_count(
				text, state[i].inbound, "tunnel", gateway->tunnel[i]->name, NULL);
	metrics_family(text, METRICS_GAUGE, "vped_tunnel_path_mtu_bytes",
		"Octets that the tunnel's outer packets may have now.");
	for (unsigned i = 0; i < gateway->tunnels; i++)
		if (gateway->tunnel[i])
			metrics_count(text, gateway->tunnel[i]->path_mtu, "tunnel",
				gateway->tunnel[i]->name, NULL);
	free(state);
	probes(text, gateway);
}

// Together they name an SA.
#define SA_LABELS(sa, spi)                                                                   \
	"tunnel", (sa)->tunnel->name, "direction", (sa)->inbound ? "in" : "out", "protocol", \
		(sa)->params.proto->name, "spi", spi_of(sa, spi), NULL

static const char *spi_of(const struct sa *sa, char text[SPI_TEXT])
{
	snprintf(text, SPI_TEXT, "0x%08" PRIx32, sa->params.spi);
	return text;
}

static void traffic(
	struct metrics_text *text, const struct gateway *gateway, const struct sums *sums)
{
	static const struct {
		const char *name;
		const char *help;
		size_t offset; // in struct sums
	} rows[] = {
		{"vped_sa_packets", "Inner packets that the SA carried.",
			offsetof(struct sums, packets)},
		{"vped_sa_bytes", "Octets of inner packets that the SA carried.",
			offsetof(struct sums, octets)},
		{"vped_sa_dropped_packets", "Packets that ended at the SA, for whatever reason.",
			offsetof(struct sums, dropped)},
	};
	char spi[SPI_TEXT];

	for (unsigned row = 0; row < RTE_DIM(rows); row++) {
		metrics_family(text, METRICS_COUNTER, rows[row].name, rows[row].help);
		for (unsigned i = 0; i < gateway->sas; i++)
			metrics_count(text,
				*(const uint64_t *)(const void *)((const uint8_t *)&sums[i] +
					rows[row].offset),
				SA_LABELS(gateway->sa[i], spi));
	}
}

static void windows(struct metrics_text *text, const struct gateway *gateway)
{
	char spi[SPI_TEXT];

	metrics_family(text, METRICS_GAUGE, "vped_sa_replay_windows",
		"Replay windows that senders have opened at an inbound SA.");
	for (unsigned i = 0; i < gateway->sas; i++) {
		const struct sa *sa = gateway->sa[i];

		if (sa->inbound)
			metrics_count(text,
				atomic_load_explicit(&sa->in->windows->used, memory_order_relaxed),
				SA_LABELS(sa, spi));
	}
}

void metrics_of_sas(struct metrics_text *text, const struct gateway *gateway)
{
	struct sums *sums = calloc(gateway->sas + 1, sizeof(sums[0]));
	char spi[SPI_TEXT];

	if (!sums) {
		text->no_memory = true;
		return;
	}
	for (unsigned i = 0; i < gateway->sas; i++)
		sums[i] = sums_of(gateway->dp, gateway->sa[i]);
	traffic(text, gateway, sums);
	free(sums);
	metrics_family(text, METRICS_GAUGE, "vped_sa_sequence_space_left_ratio",
		"Part of its sequence numbers that an outbound SA has left: 1 is all.");
	for (unsigned i = 0; i < gateway->sas; i++)
		if (!gateway->sa[i]->inbound)
			metrics_real(text, space_left(gateway->dp, gateway->sa[i]),
				SA_LABELS(gateway->sa[i], spi));
	windows(text, gateway);
}
