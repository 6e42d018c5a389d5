// The kernel's tables of neighbours, which all network namespaces share, hold so many (gc_thresh3).
#pragma once

#include "base/addr.h"

// Neighbours of this family that the kernel keeps at most; 0: it does not say.
unsigned neighbour_room(uint8_t family);

// Warns of a table that is too small for these ends of tunnels, each of which may be a neighbour,
// and the hosts of the links beside them. How many warnings.
unsigned neighbour_room_check(const struct ip_addr *remote, unsigned n);
