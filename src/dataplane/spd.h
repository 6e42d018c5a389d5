// The security policy database (RFC 4301 section 4.4.1): ordered policies, the first that matches
// decides. Selectors are written as outbound traffic sees them; inbound traffic is looked up with
// source and destination exchanged. Built by the control thread, swapped as a whole.
#pragma once

#include "base/addr.h"
#include "base/error.h"
#include "proto/burst.h"
#include "proto/ip_hdr.h"

#define POLICY_NAME 32
#define POLICIES_MAX 65535
#define SELECTOR_ANY_PROTOCOL 256

enum policy_action { POLICY_DISCARD, POLICY_BYPASS, POLICY_PROTECT };

struct port_range {
	uint16_t first;
	uint16_t last;
};

struct selector {
	struct ip_prefix source;
	struct ip_prefix destination; // of the same family
	uint16_t protocol;	      // or SELECTOR_ANY_PROTOCOL
	// 0 to 65535 but for TCP, UDP, SCTP, DCCP, UDP-Lite.
	struct port_range source_port;
	struct port_range destination_port;
};

struct tunnel;

struct policy {
	char name[POLICY_NAME];
	struct selector selector;
	enum policy_action action;
	struct tunnel *tunnel; // of POLICY_PROTECT
};

struct spd;

// Copies the policies, in their order. workers: how many count hits.
int spd_build(const struct policy *policies, unsigned n, unsigned workers, int socket,
	struct spd **built, struct error *err);
void spd_free(struct spd *spd);

enum spd_direction { SPD_OUT, SPD_IN };

#define SPD_NO_MATCH 0
// The policy that decides names ports, and the packet is a fragment.
#define SPD_FRAGMENT 0x80000000u

// For packets first .. first+n-1, which begin with their IP header: result[0..n-1] is the policy's
// index + 1, SPD_NO_MATCH, or SPD_FRAGMENT | index + 1.
void spd_lookup(const struct spd *spd, enum spd_direction direction, const struct burst *b,
	uint16_t first, uint16_t n, uint32_t result[]);

// result: what spd_lookup gave, not SPD_NO_MATCH, without SPD_FRAGMENT.
const struct policy *spd_policy(const struct spd *spd, uint32_t result);
unsigned spd_policies(const struct spd *spd);
// That policy alone decides about all IPv4 packets between its prefixes: for any of them spd_lookup
// gives the same.
bool spd_decides_alone(const struct spd *spd, uint32_t result);
bool spd_some_alone(const struct spd *spd); // there is such a policy
// The worker found this policy n times.
void spd_hit(struct spd *spd, uint16_t worker, uint32_t result, uint32_t n);
uint64_t spd_hits(const struct spd *spd, unsigned index);

bool selector_equal(const struct selector *a, const struct selector *b);
// Every packet of inner is one of outer.
bool selector_covers(const struct selector *outer, const struct selector *inner);
bool selector_names_ports(const struct selector *selector);
// A protocol whose header begins with two port numbers.
static ALWAYS_INLINE bool selector_protocol_has_ports(uint16_t protocol)
{
	if (likely(protocol == IP_PROTOCOL_UDP))
		return true;
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_SCTP ||
		protocol == IP_PROTOCOL_DCCP || protocol == IP_PROTOCOL_UDP_LITE;
}
