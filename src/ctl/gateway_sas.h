// From the configuration that the daemon starts with to the data plane.
#pragma once

#include "ctl/gateway.h"

// Makes tunnels and SAs (gateway's fields) and publishes SAD and SPD. 0 or -errno; what was made
// stays in gateway for live_destroy.
int gateway_install_sas(struct gateway *gateway, struct error *err);
