// ARP questions that are nobody's here.
#pragma once

#include "dataplane/fwd.h"

// A question that arrived at `port` for the address of another host, from a station whose address
// does not matter here either: the kernel would learn nothing from it. m begins with its ARP
// header.
bool arp_is_for_others(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m);
