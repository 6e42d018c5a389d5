// 802.1Q: ports that share the devices of another one, the trunk, each with the frames of one VLAN.
// A frame has its tag on the wire only: it is taken off before anything else looks at the frame,
// and put in front of the type when all else is done. Priority tags (VLAN 0) stand for none.
#pragma once

#include "dataplane/worker.h"

// Frames that arrived at a trunk: takes their tags off and says which port each belongs to. Drops
// those of VLANs that no port has. Returns how many are left, in their order.
uint16_t vlan_take(
	struct worker *w, uint8_t trunk, struct rte_mbuf *m[], uint16_t n, uint8_t port[]);

// A frame of the kernel's that has a tag already, at a trunk or one of its VLANs: it would leave by
// another VLAN, whatever side that is on.
bool vlan_is_foreign(const struct port *port, const struct rte_mbuf *m);

// Frames that leave by a port with a VLAN get its tag. Drops those whose buffers have no room.
// Returns how many are left, in their order. octets: of all, without tags, is kept right.
uint16_t vlan_tag(
	struct worker *w, uint8_t port, struct rte_mbuf *m[], uint16_t n, uint64_t *octets);
