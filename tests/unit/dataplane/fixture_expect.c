// The model of every counter, and its comparison with what the workers and SAs counted.
#include "fixture.h"

void expect_drop(
	struct lab *lab, unsigned worker, unsigned port, enum drop_reason reason, unsigned n)
{
	lab->expected.drops[worker][port][reason] += n;
}

void expect_in_drop(
	struct lab *lab, unsigned tunnel, unsigned worker, enum drop_reason reason, unsigned n)
{
	lab->expected.in[tunnel].drops[worker][reason] += n;
	expect_drop(lab, worker, WAN, reason, n);
}

void expect_out_drop(
	struct lab *lab, unsigned tunnel, unsigned worker, enum drop_reason reason, unsigned n)
{
	lab->expected.out[tunnel].drops[worker][reason] += n;
	expect_drop(lab, worker, LAN, reason, n);
}

void expect_in(struct lab *lab, unsigned tunnel, unsigned worker, unsigned packets, unsigned octets)
{
	lab->expected.in[tunnel].packets[worker] += packets;
	lab->expected.in[tunnel].octets[worker] += octets;
}

void expect_out(
	struct lab *lab, unsigned tunnel, unsigned worker, unsigned packets, unsigned octets)
{
	lab->expected.out[tunnel].packets[worker] += packets;
	lab->expected.out[tunnel].octets[worker] += octets;
}

void expect_punt(struct lab *lab, unsigned worker, unsigned port, enum punt_class class, unsigned n)
{
	lab->expected.punts[worker][port][class] += n;
}

void expect_punt_refused(struct lab *lab, unsigned worker, unsigned port, enum punt_class class,
	enum drop_reason reason, unsigned n)
{
	lab->expected.punts_refused[worker][port][class] += n;
	expect_drop(lab, worker, port, reason, n);
}

static unsigned wrong;

static void same(uint64_t is, uint64_t expected, const char *what, unsigned worker,
	const char *kind, unsigned index)
{
	if (is == expected)
		return;
	wrong++;
	print_error("worker %u, %s %u: %s is %llu, expected %llu\n", worker, kind, index, what,
		(unsigned long long)is, (unsigned long long)expected);
}

static void compare_port(const struct lab *lab, unsigned w, unsigned port)
{
	const struct lab_expected *e = &lab->expected;
	const struct port_stats *s = &lab->dp->worker[w]->stats.port[port];

	same(s->rx_packets, e->rx[w][port], "rx", w, "port", port);
	same(s->tx_packets, e->tx[w][port], "tx", w, "port", port);
	same(s->untold, e->untold[w][port], "untold", w, "port", port);
	same(s->injected, e->injected[w][port], "injected", w, "port", port);
	same(s->fragmented, e->fragmented[w][port], "fragmented", w, "port", port);
	same(s->reassembled, e->reassembled[w][port], "reassembled", w, "port", port);
	for (unsigned i = 0; i < PUNT_CLASS_COUNT; i++) {
		same(s->punts[i], e->punts[w][port][i], punt_class_name(i), w, "port", port);
		same(s->punts_refused[i], e->punts_refused[w][port][i], punt_class_name(i), w,
			"refused at port", port);
	}
	for (unsigned i = 1; i < DROP_REASONS; i++)
		same(s->drops[i], e->drops[w][port][i], drop_name(i), w, "port", port);
}

static void compare_tunnel(const struct lab *lab, unsigned w, unsigned t)
{
	const struct lab_expected *e = &lab->expected;
	const struct sa_in_lane *in = &lab->tunnel[t].in->in->lane[w];
	const struct sa_out_lane *out = &lab->tunnel[t].out->out->lane[w];
	const uint64_t *out_drops = sa_out_drops(lab->tunnel[t].out->out, (uint16_t)w);

	same(in->packets, e->in[t].packets[w], "packets", w, "inbound SA", t);
	same(in->octets, e->in[t].octets[w], "octets", w, "inbound SA", t);
	same(in->handed_over, e->in[t].handed_over[w], "handed over", w, "inbound SA", t);
	same(out->packets, e->out[t].packets[w], "packets", w, "outbound SA", t);
	same(out->octets, e->out[t].octets[w], "octets", w, "outbound SA", t);
	for (unsigned i = 1; i < DROP_SA_END; i++) {
		same(in->drops[i], e->in[t].drops[w][i], drop_name(i), w, "inbound SA", t);
		same(out_drops[i], e->out[t].drops[w][i], drop_name(i), w, "outbound SA", t);
	}
}

unsigned lab_compare(const struct lab *lab)
{
	wrong = 0;
	for (unsigned w = 0; w < lab_workers(lab); w++) {
		const struct worker_stats *s = &lab->dp->worker[w]->stats;
		const struct lab_expected *e = &lab->expected;

		for (unsigned port = 0; port < LAB_PORTS; port++)
			compare_port(lab, w, port);
		for (unsigned t = 0; t < lab->tunnels; t++)
			compare_tunnel(lab, w, t);
		same(s->handed_out, e->handed_out[w], "handed out", w, "worker", w);
		same(s->handed_in, e->handed_in[w], "handed in", w, "worker", w);
		same(s->encap_out, e->encap_out[w], "encap out", w, "worker", w);
		same(s->encap_in, e->encap_in[w], "encap in", w, "worker", w);
	}
	return wrong;
}

void expect_window(const struct lab *lab, unsigned tunnel, uint32_t id_word, uint64_t accepted,
	uint64_t old, uint64_t seen)
{
	const struct window_slot *slot = window_find(lab->tunnel[tunnel].in->in->windows, id_word);
	const struct replay_window *w;

	assert_non_null(slot);
	w = atomic_load(&slot->window);
	assert_int_equal(w->accepted, accepted);
	assert_int_equal(w->old, old);
	assert_int_equal(w->seen, seen);
}
