// Explicit congestion notification through tunnels (RFC 6040).
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
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

// The inner mark of these traffic classes goes on as it is. An outer one that says nothing changes
// none.
static ALWAYS_INLINE bool ecn_stays(uint8_t inner_class, uint8_t outer_class)
{
	uint8_t inner = inner_class & ECN_MASK;
	uint8_t outer = outer_class & ECN_MASK;

	return likely(outer == ECN_NOT_ECT) || ecn_decap[inner][outer] == inner;
}
