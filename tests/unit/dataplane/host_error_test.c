// The kernel's ICMP errors on their way to the wire: each goes only the way that what it quotes
// came.
#include "host_frames.h"

#include "proto/icmp_quote.h"

#define LEAVES -1 // as the kernel wrote it; else a tunnel's index
#define UNREACHABLE(ipv6) ((ipv6) ? 1 : 3)
#define QUOTED 64 // octets, all headers among them

// Remote nets are 10.N.0.0/16 and fd00:N::/32; what we call them by.
enum site {
	UDP_BY_0 = 100, // protected by tunnel 0; its ICMP bypasses
	ALL_BY_1 = 101,
	TCP_BY_0 = 102,	 // its ICMP by tunnel 1
	IN_CLEAR = 103,	 // all bypasses
	REFUSED = 104,	 // UDP is discarded; ICMP bypasses
	UNKNOWN = 105,	 // only ICMP has a policy
	TCP_ALONE = 106, // TCP bypasses; ICMP is discarded
};

struct names {
	const char *us;
	const char *anywhere;
	const char *net;
	const char *host;
};

static const struct names names[] = {
	{"192.0.2.1", "0.0.0.0/0", "10.%u.0.0/16", "10.%u.0.5"},
	{"2001:db8::1", "::/0", "fd00:%u::/32", "fd00:%u::5"},
};

static void add_policy(struct lab *lab, bool ipv6, enum site site, uint16_t protocol,
	enum policy_action action, unsigned tunnel)
{
	char net[IP_ADDR_TEXT];
	char us[IP_ADDR_TEXT];
	struct policy *policy;

	snprintf(us, sizeof(us), "%s/%u", names[ipv6].us, ipv6 ? 128 : 32);
	snprintf(net, sizeof(net), names[ipv6].net, site);
	policy = lab_policy(lab, us, site == 0 ? names[ipv6].anywhere : net, action, tunnel);
	policy->selector.protocol = protocol;
}

static struct lab *with_policies(void **state)
{
	static const struct lab_tunnel_params outer6 = {.outer6 = true};
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, &outer6);
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		uint16_t icmp = ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP;

		// Questions to a server of the gateway's, which anybody may ask.
		add_policy(lab, ipv6, 0, IP_PROTOCOL_UDP, POLICY_BYPASS, 0);
		lab->policy[lab->policies - 1].selector.source_port = (struct port_range){53, 53};
		add_policy(lab, ipv6, UDP_BY_0, IP_PROTOCOL_UDP, POLICY_PROTECT, 0);
		add_policy(lab, ipv6, ALL_BY_1, SELECTOR_ANY_PROTOCOL, POLICY_PROTECT, 1);
		add_policy(lab, ipv6, TCP_BY_0, IP_PROTOCOL_TCP, POLICY_PROTECT, 0);
		add_policy(lab, ipv6, TCP_BY_0, icmp, POLICY_PROTECT, 1);
		add_policy(lab, ipv6, REFUSED, IP_PROTOCOL_UDP, POLICY_DISCARD, 0);
		add_policy(lab, ipv6, IN_CLEAR, SELECTOR_ANY_PROTOCOL, POLICY_BYPASS, 0);
		add_policy(lab, ipv6, TCP_ALONE, IP_PROTOCOL_TCP, POLICY_BYPASS, 0);
		add_policy(lab, ipv6, TCP_ALONE, icmp, POLICY_DISCARD, 0);
		add_policy(lab, ipv6, 0, icmp, POLICY_BYPASS, 0);
	}
	lab_publish(lab);
	return lab;
}

// A packet from a site to the gateway.
struct came {
	enum site site;
	uint8_t protocol;
	uint16_t port; // at the gateway
	uint16_t fragment;
};

// The kernel's frame.
struct error_frame {
	uint8_t octet[PACKET_MAX];
	uint32_t octets; // of the packet, which begins behind ETHER
};

// An error of this type about such a packet, of which `quoted` octets are in it.
static void error_about(struct lab *lab, bool ipv6, uint8_t type, const struct came *came,
	uint16_t quoted, struct error_frame *frame)
{
	uint32_t header = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	char host[IP_ADDR_TEXT];
	struct flow about = {.source = host,
		.destination = names[ipv6].us,
		.protocol = came->protocol,
		.destination_port = came->port,
		.fragment = came->fragment};
	struct flow error = {.source = names[ipv6].us,
		.destination = host,
		.protocol = ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP,
		.octets = (uint16_t)(header + ICMP_HEADER + quoted)};
	uint8_t *packet = frame->octet + ETHER;

	snprintf(host, sizeof(host), names[ipv6].host, came->site);
	frame->octets = packet_make(&error, packet);
	packet[header] = type;
	packet_make(&about, packet + header + ICMP_HEADER);
	frame_head(lab, WAN, frame->octet);
}

static void unreachable(
	struct lab *lab, bool ipv6, const struct came *came, struct error_frame *frame)
{
	error_about(lab, ipv6, UNREACHABLE(ipv6), came, QUOTED, frame);
}

static void send_frame(struct lab *lab, uint8_t port, const struct error_frame *frame)
{
	inject_octets(lab, port, frame->octet, ETHER + frame->octets);
}

static void expect_gone(struct lab *lab, enum drop_reason reason)
{
	expect_drop(lab, 0, WAN, reason, 1);
	expect_nothing_sent(lab);
}

static void expect_refused(
	struct lab *lab, const struct error_frame *frame, enum drop_reason reason)
{
	send_frame(lab, WAN, frame);
	expect_gone(lab, reason);
}

// reason: DROP_NONE, or why it goes no way.
static void expect_way(
	struct lab *lab, const struct error_frame *frame, int way, enum drop_reason reason)
{
	if (reason != DROP_NONE) {
		expect_refused(lab, frame, reason);
		return;
	}
	send_frame(lab, WAN, frame);
	if (way == LEAVES) {
		expect_octets(lab, WAN, frame->octet, ETHER + frame->octets);
	} else {
		expect_sealed(lab, 0, (unsigned)way, frame->octet + ETHER, frame->octets);
		expect_out(lab, (unsigned)way, 0, 1, frame->octets);
	}
}

static void the_way_it_came(void **state)
{
	static const struct {
		struct came came;
		enum drop_reason reason;
		int way;
	} cases[] = {
		// Out of a tunnel: back into it or nowhere.
		{{UDP_BY_0, IP_PROTOCOL_UDP, 9, 0}, DROP_answer_unprotected, 0},
		{{ALL_BY_1, IP_PROTOCOL_UDP, 9, 0}, DROP_NONE, 1},
		{{ALL_BY_1, IP_PROTOCOL_TCP, 9, 0}, DROP_NONE, 1},
		{{TCP_BY_0, IP_PROTOCOL_TCP, 9, 0}, DROP_answer_unprotected, 0},
		// In clear: in clear or nowhere, whoever it says that it is from.
		{{ALL_BY_1, IP_PROTOCOL_UDP, 53, 0}, DROP_answer_protected, 0},
		{{UDP_BY_0, IP_PROTOCOL_UDP, 53, 0}, DROP_NONE, LEAVES},
		{{UNKNOWN, IP_PROTOCOL_UDP, 53, 0}, DROP_NONE, LEAVES},
		{{IN_CLEAR, IP_PROTOCOL_UDP, 9, 0}, DROP_NONE, LEAVES},
		{{TCP_ALONE, IP_PROTOCOL_TCP, 9, 0}, DROP_policy_discard, 0},
		// By no policy.
		{{UNKNOWN, IP_PROTOCOL_UDP, 9, 0}, DROP_answer_unprotected, 0},
		{{REFUSED, IP_PROTOCOL_UDP, 9, 0}, DROP_answer_unprotected, 0},
		// What needs none may be from anybody.
		{{ALL_BY_1, IP_PROTOCOL_UDP, 500, 0}, DROP_answer_protected, 0},
		{{ALL_BY_1, IP_PROTOCOL_UDP, 4500, 0}, DROP_answer_protected, 0},
		{{ALL_BY_1, IP_PROTOCOL_IGMP, 0, 0}, DROP_answer_protected, 0},
		{{UDP_BY_0, IP_PROTOCOL_UDP, 500, 0}, DROP_answer_unprotected, 0},
		{{IN_CLEAR, IP_PROTOCOL_UDP, 500, 0}, DROP_NONE, LEAVES},
		// Fragments, the first and a later one: of UDP the ports decide, and are not known.
		{{IN_CLEAR, IP_PROTOCOL_UDP, 9, 0x2000}, DROP_answer_unprotected, 0},
		{{IN_CLEAR, IP_PROTOCOL_TCP, 9, 0x2000}, DROP_NONE, LEAVES},
		{{IN_CLEAR, IP_PROTOCOL_TCP, 9, 0x0008}, DROP_NONE, LEAVES},
		{{ALL_BY_1, IP_PROTOCOL_TCP, 9, 0x0008}, DROP_NONE, 1},
	};
	struct lab *lab = with_policies(state);

	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		bool ipv6 = i & 1;
		struct came came = cases[i / 2].came;
		struct error_frame frame;

		if (ipv6 && came.protocol == IP_PROTOCOL_IGMP)
			continue; // there it is like any
		if (ipv6 && came.fragment == 0x2000)
			came.fragment = 1; // more of them
		unreachable(lab, ipv6, &came, &frame);
		expect_way(lab, &frame, cases[i / 2].way, cases[i / 2].reason);
	}
}

// Errors and IPv6's redirect; not questions and answers, which have the policies of what they
// answer.
static void every_type(void **state)
{
	struct came came = {UDP_BY_0, IP_PROTOCOL_UDP, 9, 0};
	struct lab *lab = with_policies(state);

	for (unsigned type = 0; type < 256; type++) {
		bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
		bool error6 = type < 128 || type == 137;

		for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
			struct error_frame frame;

			error_about(lab, ipv6, (uint8_t)type, &came, QUOTED, &frame);
			expect_way(lab, &frame, LEAVES,
				(ipv6 ? error6 : error4) ? DROP_answer_unprotected : DROP_NONE);
		}
	}
}

// Not even to a station on the link, where neighbour discovery passes without a policy.
static void redirects(void **state)
{
	static const struct flow flows[] = {
		{.source = "fe80::1",
			.destination = "fe80::2",
			.protocol = IP_PROTOCOL_ICMPV6,
			.source_port = 137 << 8},
		{.source = "2001:db8::1",
			.destination = "2001:db8::fe",
			.protocol = IP_PROTOCOL_ICMPV6,
			.source_port = 137 << 8},
	};
	struct lab *lab = with_policies(state);

	for (unsigned i = 0; i < COUNT(flows); i++) {
		inject_flow(lab, WAN, &flows[i]);
		expect_gone(lab, DROP_answer_unprotected);
	}
}

// From where the ports are quoted the way is known. What is behind them does not matter, nor that
// the packet was longer.
static void every_length(void **state)
{
	struct lab *lab = with_policies(state);
	struct came came = {ALL_BY_1, IP_PROTOCOL_UDP, 9, 0};

	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		uint16_t least = (ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN) + 4;

		for (uint16_t quoted = 8; quoted < 80; quoted++) {
			struct error_frame frame;

			error_about(lab, ipv6, UNREACHABLE(ipv6), &came, quoted, &frame);
			expect_way(lab, &frame, 1,
				quoted < least ? DROP_answer_unprotected : DROP_NONE);
		}
	}
}

// The upper layer is behind them, as it was when the packet came.
static void extension_headers(void **state)
{
	static const uint8_t options[2][8] = {
		{IP_PROTOCOL_DESTINATION, 0, 1, 4}, {IP_PROTOCOL_UDP, 0, 1, 4}}; // each filled up
	struct lab *lab = with_policies(state);
	struct came came = {ALL_BY_1, IP_PROTOCOL_UDP, 9, 0};
	uint32_t header = IPV6_HEADER + ICMP_HEADER + IPV6_HEADER;

	for (uint16_t port = 9; port <= 53; port += 44) {
		struct error_frame frame;
		uint8_t *upper = frame.octet + ETHER + header;

		came.port = port;
		error_about(lab, true, 4, &came, 100, &frame);
		memmove(upper + sizeof(options), upper, frame.octets - header - sizeof(options));
		memcpy(upper, options, sizeof(options));
		upper[IPV6_NEXT_HEADER - IPV6_HEADER] = IP_PROTOCOL_DESTINATION;
		expect_way(lab, &frame, 1, port == 53 ? DROP_answer_protected : DROP_NONE);
		// They do not end within what is quoted.
		upper[sizeof(options[0]) + 1] = 8;
		expect_refused(lab, &frame, DROP_answer_unprotected);
	}
}

// The rest of it may be elsewhere. The kernel makes no such errors.
static void errors_in_fragments(void **state)
{
	struct lab *lab = with_policies(state);
	struct came came = {IN_CLEAR, IP_PROTOCOL_TCP, 9, 0};
	struct error_frame frame;

	unreachable(lab, false, &came, &frame);
	store_be16(frame.octet + ETHER + IPV4_FRAGMENT, 0x2000);
	packet_sum(frame.octet + ETHER);
	expect_refused(lab, &frame, DROP_answer_unprotected);
}

// Another version, a header of 4 words, and options beyond the end.
static void malformed_quotes(void **state)
{
	static const uint8_t first[] = {0x65, 0x44, 0x4f};
	struct lab *lab = with_policies(state);
	struct came came = {IN_CLEAR, IP_PROTOCOL_TCP, 9, 0};

	for (unsigned i = 0; i < COUNT(first); i++) {
		struct error_frame frame;

		error_about(lab, false, UNREACHABLE(false), &came, 40, &frame);
		frame.octet[ETHER + IPV4_HEADER_MIN + ICMP_HEADER] = first[i];
		expect_refused(lab, &frame, DROP_answer_unprotected);
	}
}

// What goes to the protected side is not the policies' business.
static void towards_the_protected_side(void **state)
{
	struct lab *lab = with_policies(state);
	struct came came = {UNKNOWN, IP_PROTOCOL_UDP, 9, 0};
	struct error_frame frame;

	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		unreachable(lab, ipv6, &came, &frame);
		send_frame(lab, LAN, &frame);
		expect_octets(lab, LAN, frame.octet, ETHER + frame.octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(the_way_it_came, NULL),
		LAB_TEST(every_type, NULL),
		LAB_TEST(redirects, NULL),
		LAB_TEST(every_length, NULL),
		LAB_TEST(extension_headers, NULL),
		LAB_TEST(errors_in_fragments, NULL),
		LAB_TEST(malformed_quotes, NULL),
		LAB_TEST(towards_the_protected_side, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
