// What vpegen is told: one row per option, then what belongs together is checked.
#include "bench/traffic/vpegen_options.h"

#include "bench/cli.h"
#include "bench/number.h"
#include "bench/traffic/device.h"
#include "bench/traffic/sender.h"
#include "bench/traffic/track.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_config.h>

#define ADDRESSES_MAX 65536
#define DSCP_MAX 63
#define DISCARD_PORT 9
#define S_NS UINT64_C(1000000000)

static int set_gateway_mac(void *target, const char *value, struct error *err)
{
	struct vpegen_options *o = target;

	if (number_parse_mac(value, o->gateway_mac) != 0)
		return error_set(err, EINVAL,
			"'%s': the MAC address of one station is wanted, like 02:00:00:00:00:01",
			value);
	o->mac_known = true;
	return 0;
}

static int set_rate(void *target, const char *value, struct error *err)
{
	struct vpegen_options *o = target;

	if (pace_parse(value, &o->rate) == 0)
		return 0;
	return error_set(err, EINVAL,
		"'%s': packets per second (1000, 250k, 1.5Mpps), bits of IP packets per second "
		"(800Mbit, 2Gbit/s) or max are wanted",
		value);
}

#define AT(member) .at = offsetof(struct vpegen_options, member)
#define NUMBER(member, from, to) .kind = CLI_NUMBER, AT(member), .least = (from), .most = (to)
#define OTHER(function) .kind = CLI_OTHER, .set = (function)

static const struct cli_option rows[] = {
	{"port", "PORT", "DPDK port that sends, by name or number (0)", CLI_TEXT, AT(port)},
	{"receive-port", "PORT", "port that receives (the one that sends)", CLI_TEXT,
		AT(receive_port)},
	{"source", "ADDRESS", "first source address", CLI_ADDRESS, AT(source)},
	{"sources", "N", "consecutive source addresses (1)", NUMBER(sources, 1, ADDRESSES_MAX)},
	{"destination", "ADDRESS", "first destination address", CLI_ADDRESS, AT(destination)},
	{"destinations", "N", "consecutive destination addresses (1)",
		NUMBER(destinations, 1, ADDRESSES_MAX)},
	{"destination-port", "N", "UDP port of the destination (9)",
		NUMBER(destination_port, 1, UINT16_MAX)},
	{"flows", "N", "UDP flows, sent round robin (1)", NUMBER(flows, 1, FLOWS_MAX)},
	{"gateway", "ADDRESS", "who is asked for its MAC address (the destination)", CLI_ADDRESS,
		AT(gateway)},
	{"gateway-mac", "MAC", "nobody is asked", OTHER(set_gateway_mac)},
	{"address", "ADDRESS", "own address on the link (the source)", CLI_ADDRESS, AT(address)},
	{"sizes", "MIX|imix", "octets of frames without FCS (64; 80 with IPv6)", CLI_TEXT,
		AT(sizes_text)},
	{"dscp", "MIX", "DSCP of the flows (0)", CLI_TEXT, AT(dscp_text)},
	{"rate", "RATE|max", "packets or bits per second (max)", OTHER(set_rate)},
	{"duration", "SECONDS", "how long to send (10; without limit if --count is given)",
		CLI_SECONDS, AT(duration_ns)},
	{"count", "N", "how many packets to send", NUMBER(count, 1, STAMP_48_BITS)},
	{"burst", "N", "most packets given to the port at once (32)",
		NUMBER(burst, 1, SENDER_BURST_MAX)},
	{"senders", "N", "worker lcores that only send; the others only receive (all do both)",
		NUMBER(senders, 1, RTE_MAX_LCORE)},
	{"window", "N", "packets of a flow in which copies are told apart (1024)",
		NUMBER(window, TRACK_WINDOW_MIN, TRACK_WINDOW_MAX)},
	{"verify", NULL, "check the checksums of what comes back", CLI_FLAG, AT(verify)},
	{"offload", NULL, "let the port compute checksums", CLI_FLAG, AT(offload)},
	{"no-probe", NULL, "do not wait until a packet comes back", CLI_FLAG, AT(no_probe)},
	{"wait", "SECONDS", "how long to wait for link, gateway and first packet (10)", CLI_SECONDS,
		AT(wait_ns)},
	{"drain", "SECONDS", "how long to wait for the last packets (1)", CLI_SECONDS,
		AT(drain_ns)},
	{"idle", "poll|backoff", "what lcores with nothing to do do (poll)", CLI_IDLE, AT(backoff)},
	{"per-flow", NULL, "report every flow", CLI_FLAG, AT(per_flow)},
	{"json", "FILE", "where the result goes (standard output)", CLI_TEXT, AT(json)},
	{"quiet", NULL, "no progress", CLI_FLAG, AT(quiet)},
};

static const struct cli cli = {
	.program = "vpegen",
	.purpose = "Sends numbered UDP packets and judges those that come back.",
	.eal = true,
	.n = sizeof(rows) / sizeof(rows[0]),
	.option = rows,
};

static int check_addresses(const struct vpegen_options *o, struct error *err)
{
	uint8_t family = o->source.family;

	if (family == IP_NONE || o->destination.family == IP_NONE)
		return error_set(err, EINVAL, "--source and --destination are wanted");
	if (o->destination.family != family ||
		(o->gateway.family != IP_NONE && o->gateway.family != family) ||
		(o->address.family != IP_NONE && o->address.family != family))
		return error_set(err, EINVAL, "all addresses must be of one family");
	if (o->flows > o->sources * o->destinations * FLOW_PORTS)
		return error_set(err, EINVAL,
			"--flows: %" PRIu64 " addresses give at most %" PRIu64
			" flows; more come with --sources and --destinations",
			o->sources * o->destinations, o->sources * o->destinations * FLOW_PORTS);
	if ((o->window & (o->window - 1)) != 0)
		return error_set(err, EINVAL, "--window must be a power of two");
	return 0;
}

static int parse_mixes(struct vpegen_options *o, struct error *err)
{
	bool v6 = o->source.family == IP_V6;
	uint16_t least = (uint16_t)flow_frame_min(v6);
	const char *sizes = o->sizes_text;
	int rc;

	// The simple IMIX: 7, 4 and 1 frames of 64, 594 and 1518 octets, FCS included.
	if (strcmp(sizes, "imix") == 0)
		sizes = v6 ? "80:7,590:4,1514:1" : "60:7,590:4,1514:1";
	rc = mix_parse(sizes, least, DEVICE_FRAME_MAX, &o->sizes, err);
	if (rc != 0) {
		error_prefix(err, "--sizes: ");
		return rc;
	}
	rc = mix_parse(o->dscp_text, 0, DSCP_MAX, &o->dscp, err);
	if (rc != 0)
		error_prefix(err, "--dscp: ");
	return rc;
}

int vpegen_options_parse(int argc, char **argv, void *target, int *eal_argc, struct error *err)
{
	struct vpegen_options *options = target;
	int rc;

	*options = (struct vpegen_options){
		.port = "0",
		.sources = 1,
		.destinations = 1,
		.destination_port = DISCARD_PORT,
		.flows = 1,
		.dscp_text = "0",
		.burst = 32,
		.window = 1024,
		.wait_ns = 10 * S_NS,
		.drain_ns = S_NS,
	};
	rc = cli_parse(&cli, argc, argv, options, eal_argc, err);
	if (rc != 0 || *eal_argc == 0)
		return rc;
	if (options->sizes_text == NULL)
		options->sizes_text = options->source.family == IP_V6 ? "80" : "64";
	if (options->duration_ns == 0 && options->count == 0)
		options->duration_ns = 10 * S_NS;
	rc = check_addresses(options, err);
	return rc != 0 ? rc : parse_mixes(options, err);
}
