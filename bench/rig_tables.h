// What a gateway on memory ports knows: its tunnels with their SAs, policies, routes.
#pragma once

#include "bench/rig.h"

// Inner networks behind the peer.
extern const char *const rig_far_network[RIG_PROTOCOLS];

// 0 or -errno. To be destroyed in any case.
int rig_create_tunnel(struct rig *rig, enum rig_protocol protocol, const struct rig_params *params,
	struct error *err);
void rig_destroy_tunnel(struct rig *rig, enum rig_protocol protocol);
// policies: in all. 0 or -errno.
int rig_publish(struct rig *rig, unsigned policies, struct error *err);
