// What a tunnel takes: the one place where control changes it while workers run.
#pragma once

#include <stdint.h>

struct gateway;
struct tunnel;

// The tunnel's outer packets may have this many octets from now on: its current outbound SA, later
// ones, and what TCP is told follow.
void tunnel_mtu_set(const struct gateway *gateway, struct tunnel *tunnel, uint16_t path_mtu);
