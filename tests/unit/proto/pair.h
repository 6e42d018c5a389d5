// Two receivers of the same packets, of which one gets each alone and one gets bursts. What becomes
// of each is the same.
#pragma once

#include "fixture.h"

#define ELEVEN 11	 // two times four, and three that are no four
#define ANY DROP_REASONS // whatever becomes of it alone
#define OUTER_MAX 1024

// A datagram, and what is not as it mostly is. Zero: as mostly.
struct odd {
	const char *what;
	const struct proto_ops *only; // of both protocols
	enum drop_reason reason;
	bool ipv6;
	uint8_t first; // octet
	uint8_t inner_class;
	uint8_t outer_class;
	uint8_t outer_more;  // octets of options
	uint8_t next_header; // ESP's trailer; 255: 0
	uint16_t octets;     // of plaintext, without a trailer
	uint16_t behind;     // octets of padding between datagram and trailer
	bool sum;	     // is made right again
	bool forged;	     // not authentic
	bool fill;	     // VPE
	bool empty;	     // ESP: no datagram
	bool twice;	     // eight octets further on, another seems to begin
	struct {
		uint8_t at; // in the inner header
		uint8_t value;
	} change[4];
	uint8_t flip; // bit of the inner header, from 1
	// ESP: so much padding, and the octet of it, from 1, in which these bits are not what they
	// should be.
	bool padded;
	uint8_t pad;
	uint8_t wrong;
	uint8_t turn;
	uint8_t more; // than there is, says the pad length
};

// A packet on its way to the rigs.
struct arrival {
	uint16_t l4;
	uint32_t octets;
	uint8_t outer[OUTER_MAX];
	uint32_t inner_octets;
	uint8_t inner[OUTER_MAX];
};

struct fate {
	uint16_t verdict;
	struct packet packet;
	uint32_t octets;
	uint8_t datagram[OUTER_MAX];
};

struct pair {
	struct rig one;
	struct rig all;
	uint64_t next_seq;
	struct arrival arrivals[BURST_MAX];
	struct fate alone[BURST_MAX];
	struct fate together[BURST_MAX];
};

// With a new pair of schemes of VPE, ESP and ESP with ESN, and both outer families.
void for_pairs(void (*run)(struct pair *p), bool vpe_too);
bool pair_is_vpe(const struct pair *p);
// Arrival i is this, with the next number. NULL: nothing is odd.
void pair_write(struct pair *p, unsigned i, const struct odd *odd);
// The first n of arrivals.
void pair_receive(struct pair *p, unsigned n);
// Eleven of which one is odd. Returns what became of that one in the burst.
const struct fate *pair_odd_at(struct pair *p, unsigned at, const struct odd *odd);
void pair_odd_at_each(struct pair *p, const struct odd *odd);
