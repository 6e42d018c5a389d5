// The kernel's classes of traffic (dataplane/punt.h), by what a frame or a packet is.
#pragma once

#include "dataplane/punt.h"
#include "proto/burst.h"

// True for the frames without IP that pass between the wire and the kernel, in either direction,
// and which class of the kernel's traffic they are.
bool classify_link(uint16_t ether_type, enum punt_class *class);

// Which of the kernel's classes an IP packet for the gateway itself belongs to.
enum punt_class classify_punt(const struct rte_mbuf *m, const struct packet *packet);
