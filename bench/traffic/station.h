// A host on an Ethernet link, as far as its neighbours must see one: answers ARP (RFC 826) and
// neighbour discovery (RFC 4861) for its addresses, and asks for its gateway.
#pragma once

#include "base/addr.h"

#define STATION_RANGES 16
#define STATION_FRAME_MAX 86 // neighbour discovery with one option

// So many consecutive addresses.
struct station_range {
	struct ip_addr first;
	uint32_t n;
};

struct station {
	uint8_t mac[6];
	unsigned ranges;
	struct station_range range[STATION_RANGES];
	struct ip_addr asked; // family IP_NONE: nobody
	bool found;
	uint8_t found_mac[6];
};

// Whether the station has this address.
bool station_has(const struct station *station, const struct ip_addr *addr);

// Takes a frame that is no measuring packet: learns from it if it answers station_ask(), and writes
// a reply if it asks for one of the station's addresses. Returns the octets of the reply, or 0.
uint32_t station_hear(struct station *station, const uint8_t *frame, uint32_t octets,
	uint8_t reply[STATION_FRAME_MAX]);

// Writes a frame that asks who has `wanted`, of the same family as `own`, and waits for the answer.
// Returns its octets.
uint32_t station_ask(struct station *station, const struct ip_addr *own,
	const struct ip_addr *wanted, uint8_t frame[STATION_FRAME_MAX]);
