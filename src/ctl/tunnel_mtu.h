// What a tunnel takes: the one place where control changes it while workers run.
#pragma once

#include <stdint.h>

struct tunnel;

// What all of the tunnel's limits leave.
uint16_t tunnel_mtu_least(const struct tunnel *tunnel);
// Outer packets may have that many octets from now on: the tunnel's current outbound SA, later
// ones, and what TCP is told follow.
void tunnel_mtu_apply(struct tunnel *tunnel);
