// Which policies decide alone about all packets between their prefixes.
#pragma once

#include "dataplane/spd.h"

// alone[i]: policy i is IPv4's, names neither protocol nor ports, and no policy before it meets any
// packet between its prefixes. False where finding that out would take long: with prefixes of very
// many different lengths. 0 or -ENOMEM.
int spd_find_alone(const struct policy policies[], unsigned n, bool alone[]);
