// From one configuration to the next while workers run: tables are built aside, then everything
// is exchanged at once. An SA or policy that both have is not disturbed.
#pragma once

#include "ctl/gateway.h"

// Makes the tunnels, SAs and policies of next those in force and takes its lists; all of next have
// become live. 0, or -errno and nothing has changed.
int apply(struct gateway *gateway, struct config *next, struct error *err);
// SAs in force whose lives are over carry nothing from now on, although they are still there. 0 or
// -errno: then inbound ones do.
int apply_expiry(struct gateway *gateway, struct error *err);
