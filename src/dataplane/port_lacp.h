// What LACP has agreed on with the partner of a bond's member. Control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Frames may leave by it. Both are DPDK's port ids.
bool port_lacp_distributes(uint16_t bond, uint16_t member);
