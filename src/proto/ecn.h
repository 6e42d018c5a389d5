// Explicit congestion notification through tunnels (RFC 6040).
#pragma once

#include <stdint.h>

#define ECN_NOT_ECT 0
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3
#define ECN_MASK 3
#define ECN_DROP 0xff

// Of the packet that goes on, by [inner][outer] of the packet that arrived; ECN_DROP where the
// inner flow knows no ECN and the way was congested (RFC 6040 section 4.2).
extern const uint8_t ecn_decap[4][4];
