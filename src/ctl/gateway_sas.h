// From the configuration's tunnels and policies to the data plane's.
#pragma once

#include "ctl/gateway.h"

// Makes tunnels and SAs (gateway's fields) and publishes SAD and SPD. 0 or -errno; what was made
// stays in gateway for gateway_remove_sas.
int gateway_install_sas(
	struct gateway *gateway, const struct aead_table *engines, struct error *err);
// No worker runs any more.
void gateway_remove_sas(struct gateway *gateway);
