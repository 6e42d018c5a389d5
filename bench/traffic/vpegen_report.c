// What vpegen says.
#include "bench/traffic/vpegen_report.h"

#include "bench/traffic/output.h"
#include "bench/traffic/ticks.h"

#include <errno.h>
#include <stdio.h>

static double us(uint64_t ticks)
{
	return ticks_to_s((double)ticks) * 1e6;
}

static json_t *latency_json(const struct histogram *h)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "packets",
		(json_int_t)histogram_count(h), "min", us(histogram_least(h)), "mean",
		ticks_to_s(histogram_mean(h)) * 1e6, "p50", us(histogram_quantile(h, 0.5)), "p90",
		us(histogram_quantile(h, 0.9)), "p99", us(histogram_quantile(h, 0.99)), "p99.9",
		us(histogram_quantile(h, 0.999)), "p99.99", us(histogram_quantile(h, 0.9999)),
		"max", us(histogram_quantile(h, 1)));
}

// Numbers that are open now, and not because their packets are still under way.
static int64_t missing(const struct receiver_counters *c)
{
	return (int64_t)(c->skipped - c->reordered);
}

static json_t *sent_json(const struct sender_counters *c, double seconds)
{
	return json_pack("{s:I, s:I, s:f, s:f, s:I, s:I}", "packets", (json_int_t)c->packets,
		"octets", (json_int_t)c->ip_octets, "pps", (double)c->packets / seconds, "bps",
		(double)c->ip_octets * 8 / seconds, "port_full", (json_int_t)c->full, "no_buffer",
		(json_int_t)c->no_buffer);
}

static json_t *received_json(const struct receiver_counters *c, double seconds)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "packets",
		(json_int_t)c->packets, "octets", (json_int_t)c->ip_octets, "once",
		(json_int_t)c->once, "goodput_octets", (json_int_t)c->once_ip_octets, "pps",
		(double)c->packets / seconds, "goodput_bps",
		(double)c->once_ip_octets * 8 / seconds, "reordered", (json_int_t)c->reordered,
		"duplicates", (json_int_t)c->duplicates, "beyond_window", (json_int_t)c->late,
		"corrupt", (json_int_t)c->corrupt, "foreign", (json_int_t)c->foreign);
}

int vpegen_report_start(struct vpegen_report *r, const struct generator *g)
{
	*r = (struct vpegen_report){
		.generator = g, .intervals = json_array(), .last_tsc = rte_rdtsc()};
	// Probes and what else came before.
	totals_read(g, &r->last);
	return r->intervals == NULL ? -ENOMEM : 0;
}

static void print_interval(const struct totals *t, double at, double seconds)
{
	const struct receiver_counters *c = &t->received;

	fprintf(stderr,
		"%7.1f s  sent %10.0f/s %7.3f Gbit/s  good %10.0f/s %7.3f Gbit/s  missing %ld  "
		"reordered %lu  twice %lu  us p50 %.1f p99 %.1f max %.1f\n",
		at, (double)t->sent.packets / seconds, (double)t->sent.ip_octets * 8e-9 / seconds,
		(double)c->once / seconds, (double)c->once_ip_octets * 8e-9 / seconds, missing(c),
		c->reordered, c->duplicates, us(histogram_quantile(&t->latency, 0.5)),
		us(histogram_quantile(&t->latency, 0.99)), us(histogram_quantile(&t->latency, 1)));
}

void vpegen_report_interval(struct vpegen_report *r, uint64_t now)
{
	double seconds = ticks_to_s((double)(now - r->last_tsc));
	double at = ticks_to_s((double)(now - r->generator->started));
	struct totals totals;
	struct totals since;

	totals_read(r->generator, &totals);
	since = totals;
	totals_subtract(&since, &r->last);
	r->last = totals;
	r->last_tsc = now;
	// What comes after the last second says nothing as a rate.
	if (!r->generator->options->quiet && seconds > 0.5)
		print_interval(&since, at, seconds);
	json_array_append_new(r->intervals,
		json_pack("{s:f, s:f, s:o, s:o, s:I, s:o}", "at_s", at, "seconds", seconds, "sent",
			sent_json(&since.sent, seconds), "received",
			received_json(&since.received, seconds), "missing",
			(json_int_t)missing(&since.received), "latency_us",
			latency_json(&since.latency)));
}

static json_t *flow_json(const struct flow_totals *f, uint32_t index)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "flow", (json_int_t)index,
		"sent", (json_int_t)f->sent, "once", (json_int_t)f->once, "lost",
		(json_int_t)(f->sent - f->once), "reordered", (json_int_t)f->reordered,
		"duplicates", (json_int_t)f->duplicates, "beyond_window", (json_int_t)f->late,
		"farthest", (json_int_t)f->farthest);
}

// Over all flows: how many had what, and the worst.
static json_t *flows_json(const struct generator *g)
{
	json_t *each = g->options->per_flow ? json_array() : NULL;
	uint64_t with_loss = 0;
	uint64_t with_reordering = 0;
	uint64_t most_reordered = 0;
	uint64_t farthest = 0;
	uint64_t split = 0;

	for (uint32_t i = 0; i < g->plan.flows; i++) {
		struct flow_totals f;

		totals_of_flow(g, i, &f);
		with_loss += f.once < f.sent;
		with_reordering += f.reordered != 0;
		most_reordered = RTE_MAX(most_reordered, f.reordered);
		farthest = RTE_MAX(farthest, f.farthest);
		split += f.receivers > 1;
		if (each != NULL)
			json_array_append_new(each, flow_json(&f, i));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "flows", (json_int_t)g->plan.flows,
		"with_loss", (json_int_t)with_loss, "with_reordering", (json_int_t)with_reordering,
		"most_reordered", (json_int_t)most_reordered, "farthest", (json_int_t)farthest,
		"split", (json_int_t)split, "each", each);
}

static json_t *settings_json(const struct generator *g)
{
	static const char *const units[] = {"max", "pps", "octets_per_s"};
	const struct vpegen_options *o = g->options;
	char source[IP_ADDR_TEXT];
	char destination[IP_ADDR_TEXT];

	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}",
		"source", ip_addr_format(&o->source, source), "sources", (json_int_t)o->sources,
		"destination", ip_addr_format(&o->destination, destination), "destinations",
		(json_int_t)o->destinations, "flows", (json_int_t)o->flows, "sizes", o->sizes_text,
		"dscp", o->dscp_text, "rate_unit", units[o->rate.unit], "rate",
		(json_int_t)o->rate.per_s, "burst", (json_int_t)o->burst, "workers",
		(json_int_t)g->workers, "senders", (json_int_t)g->senders, "verify", (int)o->verify,
		"idle", o->backoff ? "backoff" : "poll");
}

// The part of the run's time that the senders gave up because they could not keep the pace.
static double behind(const struct generator *g, uint64_t ticks)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->senders; i++)
		sum += g->worker[i].sender.pace.behind;
	return (double)sum / (double)g->senders / (double)ticks;
}

json_t *vpegen_report_end(struct vpegen_report *r, uint64_t stopped)
{
	const struct generator *g = r->generator;
	uint64_t ticks = stopped - g->started;
	double seconds = ticks_to_s((double)ticks);
	struct totals t;
	uint64_t lost;

	totals_read(g, &t);
	lost = t.sent.packets - t.received.once;
	if (!g->options->quiet)
		fprintf(stderr, "%lu sent, %lu lost, %lu reordered, %lu twice\n", t.sent.packets,
			lost, t.received.reordered, t.received.duplicates);
	return json_pack("{s:s, s:s, s:o, s:f, s:o, s:o, s:I, s:f, s:f, s:o, s:o, s:o, s:O}",
		"program", "vpegen", "version", VPED_VERSION, "settings", settings_json(g),
		"seconds", seconds, "sent", sent_json(&t.sent, seconds), "received",
		received_json(&t.received, seconds), "lost", (json_int_t)lost, "loss_ratio",
		t.sent.packets == 0 ? 0.0 : (double)lost / (double)t.sent.packets, "behind",
		behind(g, ticks), "latency_us", latency_json(&t.latency), "flows", flows_json(g),
		"ports", output_ports(g->device, g->devices), "intervals", r->intervals);
}

void vpegen_report_free(struct vpegen_report *r)
{
	json_decref(r->intervals);
}
