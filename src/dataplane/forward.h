// The last stage of both paths: route, hop limit, MTU, link address, transmit.
#pragma once

#include "dataplane/worker.h"

// Who made the packets' IP header: packets in transit lose a hop, the gateway's own do not. What
// came out of a tunnel is in transit too, and does not go on to an unprotected port in clear.
enum forward_origin { FORWARD_TRANSIT, FORWARD_DECRYPTED, FORWARD_OWN };

// Sends every packet of b (which begin with their IP header) where its destination's route says, or
// to the kernel, or drops it.
void forward_burst(struct worker *w, const struct burst *b, enum forward_origin origin);

// Takes out of b the packets whose destination is the gateway itself or a group, which are the
// kernel's, and drops unicast packets whose frames were sent to a group. What stays is to be
// forwarded.
void forward_take_local(struct worker *w, struct burst *b);
