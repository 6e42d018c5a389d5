// The way of the gateway's own packets, which the control thread makes.
#pragma once

#include "dataplane/meta.h"
#include "dataplane/spd.h"
#include "dataplane/worker.h"

// Packets of the gateway itself (META_PACKET), which begin with their IP header.
void path_own(struct worker *w, struct rte_mbuf *m[], uint16_t n);

// What the policy that an answer of the gateway's meets outbound says against it. about: what it
// quotes, not ABOUT_INSIDE. What came out of a tunnel goes back into it; what anybody on the wire
// could have made does not come to the far end as authentic. DROP_NONE: nothing.
enum drop_reason path_own_refusal(
	const struct spd *spd, uint32_t match, enum meta_about about, uint16_t tunnel);
// Packet i of b is one that such a policy, or none, refuses: counted, and gone.
void path_own_refuse(struct worker *w, struct burst *b, uint16_t i, enum drop_reason reason);
